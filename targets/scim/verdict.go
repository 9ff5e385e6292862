package scim

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
	"scimsync/targets/scim/profile"
)

// What an answer means (RFC 7644 section 3.12). A create is the only request that
// must not be repeated blindly; PATCH and DELETE end in the same state however
// often they arrive.
//
//	answer                          create        PATCH         DELETE
//	200, 201                        Done (id)     Done          Done
//	200, 201 without an id          InDoubt       Done          Done
//	204                             InDoubt       Done          Done
//	202                             InDoubt       InDoubt       Done
//	2xx with a web page             InDoubt       Stop          Stop
//	2xx, and nothing was done (**)  -             Ignored       -
//	401, worth another try          Again         Again         Again
//	3xx, 401, 404 on the collection Stop          Stop          Stop
//	404, 410 on the account         -             Vanished      Done
//	409, 400 uniqueness, or what    Taken         Park          Park
//	  create.conflict_… says
//	400 noTarget, one removal       -             Done          -
//	400 noTarget, in doubt          -             Apart         -
//	402, 507, or what               StopCreates   Park*         Park
//	  create.precondition_… says
//	405, 501                        Stop          Stop, or Anew Park
//	                                              by PUT
//	what retry.permanent says       ParkForGood, or Stop for all of this form
//	what errors.codes say           as they say
//	406, 415                        Anew with application/json, then Stop
//	412, also for a fresh version   Again         Again         Again
//	425, 429                        Again         Again         Again
//	too much use (***)              Again         Again         Again
//	abnormal use (***)              Stop          Stop          Stop
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
// ** as far as verify.after_write has it looked at: see verify.go.
// *** as a problem document says under any status: see use.

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
	// An answer without a usable body is judged by what else it holds.
	ack := plan.Ack{RemoteID: change.RemoteID, Version: a.version()}
	ack.Shown, ack.AsSent = t.shown(change, c, a)
	doubt := func(why string) plan.Result {
		return plan.Result{Verdict: plan.InDoubt, Err: fmt.Errorf("%s %s: %d: %s", c.method, c.path, a.status, why)}
	}
	switch {
	case c.method == http.MethodDelete:
		return plan.Result{Ack: ack}
	case a.status == http.StatusAccepted:
		return doubt("the target promises to do it later")
	case !creates && (a.status == http.StatusOK || a.status == http.StatusCreated || a.status == http.StatusNoContent):
		ack.RemoteID = t.rekeyed(change)
		return plan.Result{Ack: ack}
	case !creates || (a.status != http.StatusOK && a.status != http.StatusCreated):
		return doubt("an answer that SCIM does not know here")
	}
	if ack.RemoteID = a.id(); ack.RemoteID == "" {
		ack.RemoteID = t.locationID(a)
	}
	if _, err := t.kind.at(ack.RemoteID); err != nil {
		if a.cut != nil {
			return doubt(a.cut.Error())
		}
		return doubt("the answer does not tell the " + t.kind.noun + "'s id")
	}
	if err := t.tookOver(change, a); err != nil {
		return plan.Result{Verdict: plan.Taken, Err: fmt.Errorf("%s %s: %d: %w", c.method, c.path, a.status, err)}
	}
	return plan.Result{Ack: ack}
}

// id is the account's id, if the answer tells it.
func (a *answer) id() (id string) {
	for _, m := range a.members() {
		if strings.EqualFold(string(m.name), "id") {
			var v any
			_ = json.Unmarshal(m.value, &v)
			id = idText(v)
		}
	}
	return id
}

// version is the account's version (RFC 7644 section 3.14), if the answer tells it.
func (a *answer) version() string {
	if tag := a.header.Get("ETag"); tag != "" {
		return tag
	}
	var meta struct {
		Version any `json:"version"`
	}
	for _, m := range a.members() {
		if strings.EqualFold(string(m.name), "meta") {
			_ = json.Unmarshal(m.value, &meta)
		}
	}
	version, _ := meta.Version.(string)
	return version
}

// idText reads an id, which some servers send as a number.
func idText(v any) string {
	if n, ok := v.(float64); ok && n == math.Trunc(n) {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	s, _ := v.(string)
	return s
}

// rekeyed is the account's id after a change: at some services it is one of its own
// attributes, and changes with that.
func (t *Target) rekeyed(change *plan.Change) string {
	if by := t.profile.Attrs.ImmutableIDIs; by != "" {
		if id, _ := change.After[by].(string); id != "" {
			return id
		}
	}
	return change.RemoteID
}

// tookOver tells of a create that was answered as such, but took over an account that was
// there before and is somebody else's.
func (t *Target) tookOver(change *plan.Change, a *answer) error {
	if !t.profile.Create.MayAdoptSilently || t.kind.of != record.User {
		return nil
	}
	found, err := t.parse(a.body)
	if err != nil {
		return nil
	}
	anchor := change.Want.Text("externalId")
	if found.ExternalID != "" && anchor != "" && found.ExternalID != anchor {
		return fmt.Errorf("the service answered with account %s, which was there before and belongs to externalId %q", found.ID, found.ExternalID)
	}
	return nil
}

// locationID is the id of a Location inside the target, ending in /Users/ID or /Groups/ID.
func (t *Target) locationID(a *answer) string {
	to, ok := t.inside(t.base+t.kind.path, a.header.Get("Location"))
	if !ok {
		return ""
	}
	u, err := url.Parse(to)
	if err != nil {
		return ""
	}
	head, last, _ := cutLast(strings.TrimRight(u.EscapedPath(), "/"), "/")
	if !strings.HasSuffix(head, t.kind.path) {
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
	switch e.use {
	case tooMuch, tooMuchNow:
		return verdict(plan.Again, e, "")
	case abnormal:
		return verdict(plan.Stop, e, abuse)
	case unremarked:
	}
	if r, known := t.asProfiled(change, e, a); known {
		return r
	}
	creates := change.Action == plan.Create
	_, paused := RetryAfter(a.header, t.now())
	switch e.Status {
	case http.StatusTooManyRequests, http.StatusTooEarly, http.StatusPreconditionFailed:
		return verdict(plan.Again, e, "")
	case http.StatusBadRequest:
		return badRequest(change, e)
	case http.StatusUnauthorized:
		return verdict(plan.Stop, e, "the target wants credentials, and none are given; see auth in its config")
	case http.StatusPaymentRequired, http.StatusInsufficientStorage:
		if creates || change.Action == plan.Reactivate {
			return verdict(plan.StopCreates, e, "the target has no room for further accounts: free or order licences or seats there; the next run tries again")
		}
		return verdict(plan.Park, e, "")
	case http.StatusForbidden:
		return verdict(plan.Park, e, "the target does not allow this; check the rights of our account there")
	case http.StatusNotFound, http.StatusGone:
		return t.missing(change, e)
	case http.StatusConflict:
		return conflict(change, e)
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return t.unsupported(change, c, e)
	case http.StatusNotAcceptable, http.StatusUnsupportedMediaType:
		if t.fallBack() {
			return verdict(plan.Anew, e, "trying application/json from now on")
		}
		return verdict(plan.Stop, e, "the target takes neither application/scim+json nor application/json")
	case http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong, http.StatusRequestHeaderFieldsTooLarge:
		return verdict(plan.Park, e, "too large for the target; map less")
	case http.StatusPreconditionRequired:
		return verdict(plan.Park, e, "the target wants to know the version of an account, and tells none")
	}
	switch {
	case e.Status/100 == 3:
		return verdict(plan.Stop, e, "check the target's url")
	case e.Status != http.StatusRequestTimeout && e.Status < 500 && !slices.Contains(t.profile.Retry.Statuses, e.Status):
		return verdict(plan.Park, e, "")
	case creates && (e.Status != http.StatusServiceUnavailable || !paused):
		return verdict(plan.InDoubt, e, "")
	}
	return verdict(plan.Again, e, "")
}

// abuse is the advice on abnormal use.
const abuse = "the service takes what we do for abuse; ask those who run it why, and what pace it bears"

// verdict is a result that is not Done, with advice for the operator.
func verdict(v plan.Verdict, e *Error, advice string) plan.Result {
	if advice == "" {
		return plan.Result{Verdict: v, Err: e}
	}
	return plan.Result{Verdict: v, Err: fmt.Errorf("%w: %s", e, advice)}
}

// asProfiled gives the verdict on an answer that means something of its own at this
// service.
func (t *Target) asProfiled(change *plan.Change, e *Error, a *answer) (r plan.Result, known bool) {
	p := t.profile
	switch e.code {
	case profile.CodeAgain:
		r = verdict(plan.Again, e, "")
		r.NotBefore = t.now().Add(againAfter)
		if asked, ok := RetryAfter(a.header, t.now()); ok {
			r.NotBefore = asked
		}
		return r, true
	case profile.CodePark:
		return verdict(plan.Park, e, ""), true
	case profile.CodeStop:
		return verdict(plan.Stop, e, ""), true
	}
	creates := change.Action == plan.Create
	switch {
	case creates && slices.Contains(p.Create.PreconditionStatus, e.Status):
		return verdict(plan.StopCreates, e, p.Service+" is not ready for one more account: it lacks a licence, a seat or, at a telephone service, a free extension; "+
			"free or order one there, and the next run makes the account"), true
	case e.Status/100 == 4 && slices.ContainsFunc(p.Create.ConflictRegex, func(re string) bool { return matches(re, e.Detail) }),
		slices.Contains(p.Create.ConflictStatus, e.Status):
		return conflict(change, e), true
	}
	permanent := p.Retry.Permanent[e.Status]
	if creates { // there is no account yet that it could be about
		permanent = ""
	}
	switch permanent {
	case profile.PermanentObject:
		return verdict(plan.ParkForGood, e, "the service never lets anybody change this account, which may be one of its own (a local user, say): change it there, "+
			"or leave the person out by include; it is not tried again until the person changes or is asked for by name"), true
	case profile.PermanentForm:
		return verdict(plan.Stop, e, "the service does not serve this kind of request"), true
	}
	return r, false
}

// againAfter is how long a request rests that came while another one for the same
// account was under way.
const againAfter = time.Second

// code is the vendor's code in an answer; empty: there is none.
func (t *Target) code(a *answer) string {
	if t.codes == nil {
		return ""
	}
	if found := t.codes.FindSubmatch(a.body); len(found) > 1 {
		return string(found[1])
	}
	return ""
}

// matches tells whether a text fits a regular expression; one that is none fits nothing,
// and profiles hold none.
func matches(expression, text string) bool {
	re, err := regexp.Compile(expression)
	return err == nil && re.MatchString(text)
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
	case e.is("uniqueness") && change.Key.Kind == record.Group:
		return plan.Result{Verdict: plan.Park, Err: fmt.Errorf("%w: another group has this name", e)}
	case e.is("uniqueness"):
		return plan.Result{Verdict: plan.Park, Err: fmt.Errorf("%w: another account holds this login or another value that must be unique", e)}
	}
	return plan.Result{Verdict: plan.Park, Err: fmt.Errorf("%w: the change does not fit what the target holds", e)}
}

func (t *Target) missing(change *plan.Change, e *Error) plan.Result {
	switch {
	case change.Action == plan.Create:
		return verdict(plan.Stop, e, "there is no SCIM service at this address; check the target's url")
	case change.Action == plan.Delete, change.Action == plan.Deactivate && change.Fate == plan.FateGone && change.Doubt.Sent:
		return plan.Result{Ack: plan.Ack{RemoteID: change.RemoteID}} // that is what was wanted
	}
	return plan.Result{Verdict: plan.Vanished, Err: e}
}

// unsupported is the verdict on a method that the service does not serve, at all or for
// this account.
func (t *Target) unsupported(change *plan.Change, c call, e *Error) plan.Result {
	switch {
	case change.Action == plan.Create:
		return verdict(plan.Stop, e, "the target does not support creating "+t.kind.noun+"s; check its url")
	case change.Action == plan.Delete && e.Status == http.StatusNotImplemented:
		t.learn(deleteMissing, "deletes none, so they stay as they are")
		return verdict(plan.ParkForGood, e, "the target deletes none; "+t.kind.stays())
	case change.Action == plan.Delete:
		return verdict(plan.Park, e, "the target does not delete this "+t.kind.noun)
	case c.method == http.MethodDelete:
		return verdict(plan.Stop, e, "the target deletes none; see deactivate.method in its profile")
	case c.method == http.MethodPatch && t.profile.Update.Method == profile.UpdatePatchThenPut &&
		t.learn(patchMissing, "has no PATCH, so accounts are read and changed by PUT"):
		return verdict(plan.Anew, e, "trying PUT from now on")
	case c.method == http.MethodPut:
		return verdict(plan.Stop, e, "the target does not support PUT; see update.method in its profile")
	}
	return verdict(plan.Stop, e, "the target does not support PATCH; if it takes PUT, set options update.method patch_then_put")
}
