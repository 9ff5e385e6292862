package apply

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/resource"
)

// This is what is done about requests of which nobody knows whether they were carried
// out: plan.Doubt tells what that means.

// intent is what is stored before a change is sent.
func (w *walk) intent(change *plan.Change, now time.Time) ledger.Intent {
	in := ledger.Intent{Key: change.Key, Action: string(change.Action), Run: w.Run, At: now,
		ID: fmt.Sprintf("%s-%s", w.Run, change.Digest()[:12])}
	if change.Member != nil {
		in.Member = membership(change, asked(change))
		in.Member.Parked = change.Parked
		return in
	}
	if change.Doubt.Created { // until the account is known to us, it is as if the create were under way
		in.Action = string(plan.Create)
	}
	in.Maybe = maybe(change)
	return in
}

// maybe gives the values that may be at the target once a change was sent: nil stands
// for a removal. What an earlier request may have left there counts on until something
// is acknowledged: the change may well lead back to what the entry says.
func maybe(change *plan.Change) map[string]any {
	edit := resource.Edit{Before: change.Before, After: change.After}
	switch change.Action {
	case plan.Create, plan.Deactivate: // there may be no entry to tell the rest
		edit.After = map[string]any{}
		for _, a := range change.Want.Attrs {
			edit.After[a.Path] = a.Value
		}
	case plan.Adopt: // nor here; what was not sent is not ours
		edit.After = map[string]any{}
		maps.Copy(edit.After, change.After)
		edit.After["externalId"] = change.Want.Get("externalId")
	}
	values := resource.Maybe(change.Doubt.Maybe, edit, change.Want.Resource)
	if active, changes := change.After["active"]; changes && change.Action != plan.Create {
		values["active"] = active
	}
	// Of the account's state there are two: here is the one that the entry does not say.
	if active, doubted := change.Doubt.Maybe["active"]; doubted {
		values["active"] = active
	}
	return values
}

// doubt notes that a request may have been carried out unseen: the target must know
// when the same one is sent again.
func (a *attempt) doubt() { a.intentStays, a.change.Doubt.Sent = true, true }

// unanswered looks for the account of a create whose answer was lost, until it must
// have shown, and then allows one more create. A create whose account shows is no
// failure: some services answer late, or with nothing that tells, and yet work. A lost
// answer to anything else is no harm: the same request can be sent again.
func (a *attempt) unanswered(ctx context.Context, result plan.Result, sent time.Time) bool {
	a.doubt()
	creates := a.change.Action == plan.Create
	if creates && a.lookFor(ctx, sent) {
		return false
	}
	if a.failing(result.Err) {
		return false
	}
	if !creates {
		if a.tries++; a.tries <= a.Retries {
			return a.pause(ctx)
		}
	} else if !a.resent {
		a.resent = true
		return true
	}
	a.park(ledger.ParkedFailed, result.Err)
	return false
}

// lookFor searches for an account of ours, four times until the window since the
// create was sent has closed. It tells whether the change has come to its end.
func (a *attempt) lookFor(ctx context.Context, sent time.Time) bool {
	until := sent.Add(a.SettleWindow)
	for left := 3; ; left-- {
		// Only after the last look is something sent: that one leaves nothing out.
		last, look := left == 0 || !time.Now().Before(until), a.findByAnchor
		if last {
			look = a.find
		}
		found, err := look(ctx)
		switch {
		case err != nil && ctx.Err() != nil: // the plan ends: that says nothing of the person
			a.giveUp()
			return true
		case err != nil:
			if !a.failing(err) {
				a.park(ledger.ParkedFailed, err)
			}
			return true
		case found != nil:
			a.Lane.Worked()
			a.ours(found)
			return true
		case last:
			return false
		}
		if wait := time.Until(until); wait > 0 && !a.sleep(ctx, wait/time.Duration(left)+time.Millisecond) {
			a.giveUp()
			return true
		}
	}
}

// ours ends a create whose account is there. Did a request of an earlier run make it,
// with other values, then the next run brings it up to date.
func (a *attempt) ours(found *plan.Found) {
	if len(a.change.Doubt.Maybe) > 0 && !resource.Equal(resource.New(a.change.Doubt.Maybe), a.change.Want.Resource) {
		a.giveUp()
		return
	}
	a.done(a.change, plan.Ack{RemoteID: found.ID, Version: found.Version, Shown: found})
}

// find gives the account that is the person's, whatever it is found by; nil: there is none.
// One under their login that no create of theirs has made counts as somebody else's.
func (a *attempt) find(ctx context.Context) (*plan.Found, error) {
	return a.findAs(ctx, a.change.Want.Resource)
}

// findByAnchor is find by the externalId alone, which takes one request. A target that
// cannot be asked for that is asked for everything.
func (a *attempt) findByAnchor(ctx context.Context) (*plan.Found, error) {
	found, err := a.findAs(ctx, resource.New(map[string]any{"externalId": a.change.Want.Get("externalId")}))
	if errors.Is(err, plan.ErrNoLookup) {
		return a.find(ctx)
	}
	return found, err
}

func (a *attempt) findAs(ctx context.Context, want resource.Resource) (*plan.Found, error) {
	found, err := a.client(a.change).Find(ctx, want)
	if err != nil {
		return nil, err
	}
	var sent []resource.Resource
	if a.intentStays { // by this run or an earlier one
		sent = []resource.Resource{a.change.Want.Resource, a.change.Doubt.Values()}
	}
	for i := range found {
		if a.change.Made(&found[i], a.shape(a.change), sent...) {
			return &found[i], nil
		}
	}
	return nil, nil
}
