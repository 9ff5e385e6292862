package scim

import (
	"context"
	"fmt"
	"net/http"

	"scimsync/sync/plan"
)

// Apply sends one change, once, under a correlation id. What the answer means for
// the change is the Result's verdict; the table is in verdict.go. Where the service or
// the profile want it, the account is read before or afterwards; whatever is sent besides
// the one request passes the gate.
func (t *Target) Apply(ctx context.Context, change *plan.Change, id string) plan.Result {
	if change.Calls() == 0 {
		return plan.Result{Ack: plan.Ack{RemoteID: change.RemoteID}}
	}
	if err := t.discoverInside(ctx); err != nil {
		return plan.Result{Verdict: plan.Stop, Err: err}
	}
	w := &write{Target: t, ctx: ctx, change: change, id: id}
	r := w.result()
	if r.Verdict == plan.Taken {
		t.taken(change)
	}
	return r
}

// write is one change on its way to the service.
type write struct {
	*Target
	ctx    context.Context
	change *plan.Change
	id     string
	// entered tells that the place at the gate is used up that the caller had for us.
	entered bool
}

// result sends the change and judges what comes back.
func (w *write) result() plan.Result {
	change, skipped := w.useful()
	if change == nil {
		return plan.Result{Verdict: plan.Park, Err: skipped}
	}
	method, _, err := w.where(change)
	if err != nil {
		return plan.Result{Verdict: plan.Park, Err: fmt.Errorf("%s: %w", change, err)}
	}
	w.change = change
	w.forgetPage()
	var r plan.Result
	if method == http.MethodPut {
		r = w.put()
	} else {
		r = w.plainly()
	}
	if r.Verdict == plan.Done {
		r = w.verified(method, r)
	}
	if r.Verdict == plan.Done && skipped != nil {
		return plan.Result{Verdict: plan.Ignored, Err: skipped, Heard: r.Heard}
	}
	return r
}

// plainly sends a change that needs nothing but what it says.
func (w *write) plainly() plan.Result {
	c, err := w.spell(w.change)
	if err != nil {
		return plan.Result{Verdict: plan.Park, Err: fmt.Errorf("%s: %w", w.change, err)}
	}
	if r := w.tooLarge(c); r != nil {
		return *r
	}
	c.match = w.matching(c.method, w.change.Version)
	a, err := w.send(c)
	switch {
	case err != nil:
		return w.unanswered(err)
	case stale(a) && c.method != http.MethodPost:
		return w.anew(c, a)
	}
	return w.judged(c, a)
}

// tooLarge tells of a request that the service would not take; nil: it would.
func (w *write) tooLarge(c call) *plan.Result {
	most := w.profile.MaxBodyBytes
	if most <= 0 || len(c.body) <= most {
		return nil
	}
	return &plan.Result{Verdict: plan.Park, Err: fmt.Errorf("%s: the request would have %d bytes, and the service takes %d (max_body_bytes)",
		w.change, len(c.body), most)}
}

// judged is what an answer means.
func (w *write) judged(c call, a *answer) (r plan.Result) {
	heard := w.heard(a)
	if a.status/100 == 2 {
		r = w.accepted(w.change, c, a)
	} else {
		r = w.refused(w.change, c, a)
	}
	if r.Heard.NotBefore.IsZero() && !r.Heard.TooFast {
		r.Heard = heard
	}
	return r
}

// send sends one request of the change. The first has its place at the gate already.
func (w *write) send(c call) (a *answer, err error) {
	c.id, c.limit = w.id, limitOne
	if w.entered && w.gate != nil {
		done, err := w.gate(w.ctx, w.draws(c.method, c.path, 0, func() int { return len(c.body) }))
		if err != nil {
			return nil, &outage{call: c, err: err, kind: unsent}
		}
		defer func() {
			if a != nil {
				done(w.heard(a))
			} else {
				done(w.announced(err))
			}
		}()
	}
	w.entered = true
	return w.Target.send(w.ctx, c)
}

// account reads the account that is to be changed, or the group; whole: with what a listing
// need not show. result says what it means if that cannot be done: nothing was changed.
func (w *write) account(whole bool) (found *plan.Found, result *plan.Result) {
	path, err := w.kind.at(w.change.RemoteID)
	if err != nil {
		return nil, &plan.Result{Verdict: plan.Park, Err: fmt.Errorf("%s: %w", w.change, err)}
	}
	c := call{method: http.MethodGet, path: path, limit: limitOne}
	if whole { // with all of its members
		c.limit = limitPage
	}
	var heard plan.Heard
	a, err := w.lean(c, whole, func(c call) (a *answer, err error) {
		a, heard, err = w.tryRead(w.ctx, c)
		return a, err
	})
	if err != nil {
		return nil, w.unreadable(err, heard)
	}
	f, err := w.parse(a.body)
	switch {
	case err != nil:
	case f.ID != w.change.RemoteID:
		err = fmt.Errorf("the answer is %s %q", w.kind.noun, f.ID)
	case !w.kind.shows(&f):
		err = fmt.Errorf("the answer is not all of the %s: it has no %s", w.kind.noun, w.kind.name)
	}
	if err != nil {
		return nil, &plan.Result{Verdict: plan.Park, Err: fmt.Errorf("read %s %s: %w", w.kind.noun, w.change.RemoteID, err)}
	}
	if f.Version == "" {
		f.Version = a.header.Get("ETag")
	}
	return &f, nil
}
