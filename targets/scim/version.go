package scim

import (
	"errors"
	"fmt"
	"net/http"

	"scimsync/sync/plan"
	"scimsync/targets/scim/profile"
)

// matching is the version that a change is for (RFC 7644 section 3.14), as it is sent;
// empty: it is not said. Creates have none.
func (t *Target) matching(method, version string) string {
	wanted := t.profile.ETag == profile.ETagIfMatch || t.knows(etagWanted)
	if method == http.MethodPost || !wanted || t.knows(etagUseless) {
		return ""
	}
	return version
}

// stale tells an answer that asks for the version of the account, or for another one.
func stale(a *answer) bool {
	return a.status == http.StatusPreconditionFailed || a.status == http.StatusPreconditionRequired
}

// anew sends a request once more that was refused because of the account's version, for
// the version it has now: what we change is ours, whatever else was changed meanwhile. A
// service that refuses that, too, compares in a way in which nothing is ever equal (weak
// versions under RFC 9110 section 13.1.1): then versions are not said any more.
func (w *write) anew(c call, refusal *answer) plan.Result {
	if refusal.status == http.StatusPreconditionRequired {
		w.learn(etagWanted, "wants to know for which version of an account a change is")
	} else if c.match == "" {
		return w.judged(c, refusal)
	}
	found, result := w.account(false)
	if result != nil {
		return *result
	}
	if c.match = w.matching(c.method, found.Version); c.match == "" {
		return w.judged(c, refusal)
	}
	a, err := w.send(c)
	if err == nil && a.status == http.StatusPreconditionFailed {
		w.learn(etagUseless, "takes no version of an account for the one it has, so changes do not say for which they are")
		c.match = ""
		a, err = w.send(c)
	}
	if err != nil {
		return w.unanswered(err)
	}
	return w.judged(c, a)
}

// unreadable is what it means for a change that its account could not be read first:
// nothing was changed.
func (w *write) unreadable(err error, heard plan.Heard) *plan.Result {
	r := plan.Result{Verdict: plan.Park, Err: fmt.Errorf("%s: %w", w.change, err), Heard: heard}
	var e *Error
	var o *outage
	switch {
	case errors.As(err, &o) && o.kind == hopeless, errors.As(err, &e) && (e.use == abnormal || e.code == profile.CodeStop):
		r.Verdict = plan.Stop
	case passing(err):
		r.Verdict = plan.Again
	case !errors.As(err, &e):
	case e.Status == http.StatusNotFound || e.Status == http.StatusGone:
		r.Verdict, r.Err = plan.Vanished, e
	case e.Status == http.StatusUnauthorized || e.Status/100 == 3 || e.Status == http.StatusOK:
		r.Verdict = plan.Stop
	}
	return &r
}
