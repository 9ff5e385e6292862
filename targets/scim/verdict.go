package scim

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"scimsync/sync/plan"
	"scimsync/sync/resource"
)

// What an answer means (RFC 7644 section 3.12). A create is the only request that
// must not be repeated blindly; PATCH and DELETE end in the same state however
// often they arrive.
//
//	answer                          create        PATCH         DELETE
//	200, 201, 204                   Done (id)     Done          Done
//	202                             InDoubt       InDoubt       Done
//	2xx with a web page             InDoubt       Stop          Stop
//	401, worth another try          Again         Again         Again
//	3xx, 401, 404 on the collection Stop          Stop          Stop
//	404, 410 on the account         -             Vanished      Done
//	409, 400 uniqueness             Taken         Park          Park
//	400 noTarget, one removal       -             Done          -
//	400 noTarget, in doubt          -             Apart         -
//	402, 507                        StopCreates   Park*         Park
//	405, 501                        Stop          Stop          Park
//	406, 415                        Again once with application/json, then Stop
//	412                             Again         Again         Again
//	425, 429                        Again         Again         Again
//	503 with Retry-After            Again         Again         Again
//	408, 500, 502, 503, 504         InDoubt       Again         Again
//	no answer, nothing was sent     Again         Again         Again
//	no answer, may have arrived     InDoubt       InDoubt       InDoubt
//	no secure channel, no secret    Stop          Stop          Stop
//	no access token for now         Again         Again         Again
//	400 invalidVers                 Stop          Stop          Stop
//	any other 4xx                   Park          Park          Park
//
// * for a reactivate StopCreates, since it takes a seat as a create does.

// unanswered is the verdict on a request without an answer.
func (t *Target) unanswered(err error) plan.Result {
	var o *outage
	verdict := plan.InDoubt
	if errors.As(err, &o) {
		verdict = map[fate]plan.Verdict{unsent: plan.Again, doubtful: plan.InDoubt, hopeless: plan.Stop}[o.kind]
	}
	return plan.Result{Verdict: verdict, Err: err, Heard: t.announced(err)}
}

// accepted is the verdict on a 2xx answer.
func (t *Target) accepted(change *plan.Change, c call, a *answer) plan.Result {
	creates := change.Action == plan.Create
	if webPage(a) {
		err := fmt.Errorf("%w; check the target's url, and what stands in between", t.problem(c, a))
		if creates {
			return plan.Result{Verdict: plan.InDoubt, Err: err}
		}
		return plan.Result{Verdict: plan.Stop, Err: err}
	}
	var body struct {
		ID   any `json:"id"`
		Meta struct {
			Version any `json:"version"`
		} `json:"meta"`
	}
	// An answer without a usable body is judged by what else it holds.
	_ = json.Unmarshal(a.body, &body)
	ack := plan.Ack{RemoteID: change.RemoteID, Version: a.header.Get("ETag")}
	if version, ok := body.Meta.Version.(string); ok && ack.Version == "" {
		ack.Version = version
	}
	ack.Shown = t.shown(change, c, a)
	doubt := func(why string) plan.Result {
		return plan.Result{Verdict: plan.InDoubt, Err: fmt.Errorf("%s %s: %d: %s", c.method, c.path, a.status, why)}
	}
	switch {
	case change.Action == plan.Delete:
		return plan.Result{Ack: ack}
	case a.status == http.StatusAccepted:
		return doubt("the target promises to do it later")
	case !creates && (a.status == http.StatusOK || a.status == http.StatusCreated || a.status == http.StatusNoContent):
		return plan.Result{Ack: ack}
	case !creates || (a.status != http.StatusOK && a.status != http.StatusCreated):
		return doubt("an answer that SCIM does not know here")
	}
	if ack.RemoteID, _ = body.ID.(string); ack.RemoteID == "" {
		ack.RemoteID = t.locationID(a)
	}
	if _, err := t.userPath(ack.RemoteID); err != nil {
		if a.cut != nil {
			return doubt(a.cut.Error())
		}
		return doubt("the answer does not tell the account's id")
	}
	return plan.Result{Ack: ack}
}

// locationID is the id of a Location inside the target, ending in /Users/ID.
func (t *Target) locationID(a *answer) string {
	to, ok := t.inside(t.base+t.profile.Paths.Users, a.header.Get("Location"))
	if !ok {
		return ""
	}
	u, err := url.Parse(to)
	if err != nil {
		return ""
	}
	head, last, _ := cutLast(strings.TrimRight(u.EscapedPath(), "/"), "/")
	if !strings.HasSuffix(head, t.profile.Paths.Users) {
		return ""
	}
	id, err := url.PathUnescape(last)
	if err != nil {
		return ""
	}
	return id
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// refused is the verdict on an answer that is not a success.
func (t *Target) refused(change *plan.Change, c call, a *answer) plan.Result {
	e := t.problem(c, a)
	creates := change.Action == plan.Create
	_, paused := RetryAfter(a.header, t.now())
	result := func(v plan.Verdict, advice string) plan.Result {
		if advice == "" {
			return plan.Result{Verdict: v, Err: e}
		}
		return plan.Result{Verdict: v, Err: fmt.Errorf("%w: %s", e, advice)}
	}
	switch e.Status {
	case http.StatusTooManyRequests, http.StatusTooEarly, http.StatusPreconditionFailed:
		return result(plan.Again, "")
	case http.StatusBadRequest:
		return badRequest(change, e)
	case http.StatusUnauthorized:
		return result(plan.Stop, "the target wants credentials, and none are given; see auth in its config")
	case http.StatusPaymentRequired, http.StatusInsufficientStorage:
		if creates || change.Action == plan.Reactivate {
			return result(plan.StopCreates, "the target has no room for further accounts; check licences and seats")
		}
		return result(plan.Park, "")
	case http.StatusForbidden:
		return result(plan.Park, "the target does not allow this; check the rights of our account there")
	case http.StatusNotFound, http.StatusGone:
		return missing(change, e)
	case http.StatusConflict:
		return conflict(change, e)
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return unsupported(change, e)
	case http.StatusNotAcceptable, http.StatusUnsupportedMediaType:
		if t.fallBack() {
			return result(plan.Again, "trying application/json from now on")
		}
		return result(plan.Stop, "the target takes neither application/scim+json nor application/json")
	case http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong, http.StatusRequestHeaderFieldsTooLarge:
		return result(plan.Park, "too large for the target; map less")
	case http.StatusPreconditionRequired:
		return result(plan.Park, "the target wants If-Match, which is not sent")
	}
	switch {
	case e.Status/100 == 3:
		return result(plan.Stop, "check the target's url")
	case e.Status != http.StatusRequestTimeout && e.Status < 500:
		return result(plan.Park, "")
	case creates && (e.Status != http.StatusServiceUnavailable || !paused):
		return result(plan.InDoubt, "")
	}
	return result(plan.Again, "")
}

// badRequest tells the kinds of 400 apart (RFC 7644 table 9).
func badRequest(change *plan.Change, e *Error) plan.Result {
	switch {
	case e.is("uniqueness"):
		return conflict(change, e)
	case e.is("invalidVers"):
		return plan.Result{Verdict: plan.Stop, Err: fmt.Errorf("%w: the target does not speak SCIM 2.0 here; check its url", e)}
	case e.is("noTarget") && removes(change):
		if len(change.Ops) == 1 {
			return plan.Result{Ack: plan.Ack{RemoteID: change.RemoteID}}
		}
		if change.Doubt.Sent {
			return plan.Result{Verdict: plan.Apart, Err: e}
		}
	}
	return plan.Result{Verdict: plan.Park, Err: e}
}

// removes tells whether the change takes something away. If it is that and nothing
// else, then noTarget means that it is gone. Of several operations the server has done
// none (RFC 7644 section 3.5.2: a PATCH is atomic): one removal was in vain, because
// the same change was sent before, and its answer lost.
func removes(change *plan.Change) bool {
	return slices.ContainsFunc(change.Ops, func(op resource.Op) bool { return op.Op == "remove" })
}

func conflict(change *plan.Change, e *Error) plan.Result {
	switch {
	case change.Action == plan.Create:
		return plan.Result{Verdict: plan.Taken, Err: e}
	case e.is("uniqueness"):
		return plan.Result{Verdict: plan.Park, Err: fmt.Errorf("%w: another account holds this login or another value that must be unique", e)}
	}
	return plan.Result{Verdict: plan.Park, Err: fmt.Errorf("%w: the change does not fit what the target holds", e)}
}

func missing(change *plan.Change, e *Error) plan.Result {
	switch change.Action {
	case plan.Create:
		return plan.Result{Verdict: plan.Stop, Err: fmt.Errorf("%w: there is no SCIM service at this address; check the target's url", e)}
	case plan.Delete:
		return plan.Result{Ack: plan.Ack{RemoteID: change.RemoteID}}
	}
	return plan.Result{Verdict: plan.Vanished, Err: e}
}

func unsupported(change *plan.Change, e *Error) plan.Result {
	switch change.Action {
	case plan.Create:
		return plan.Result{Verdict: plan.Stop, Err: fmt.Errorf("%w: the target does not support creating users; check its url", e)}
	case plan.Delete:
		return plan.Result{Verdict: plan.Park, Err: fmt.Errorf("%w: the target does not support deleting users", e)}
	}
	return plan.Result{Verdict: plan.Stop, Err: fmt.Errorf("%w: the target does not support PATCH", e)}
}
