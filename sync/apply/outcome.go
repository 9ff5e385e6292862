package apply

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
)

// done stores an acknowledged change; it counts once stored.
func (w *walk) done(change *plan.Change, ack plan.Ack) {
	entry := &ledger.Entry{Key: change.Key, RemoteID: ack.RemoteID, Version: ack.Version, Job: w.Flow.Job,
		Standing: standing(change), Resource: change.Want.Resource, Managed: change.Want.Managed, Echo: w.echo(change, ack), Run: w.Run, At: time.Now()}
	if entry.RemoteID == "" {
		entry.RemoteID = change.RemoteID
	}
	links := change.Action == plan.Link
	if change.Action == plan.Deactivate || change.Temporary != "" || links { // the rest was left alone
		entry.Maybe = maps.Clone(change.Doubt.Maybe)
		maps.DeleteFunc(entry.Maybe, func(path string, _ any) bool { _, sent := change.After[path]; return sent })
		delete(entry.Maybe, "active")
	}
	look := ledger.Look{Key: change.Key, Due: change.Due, NextRun: change.NextRun}
	stored := func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.report.Done[change.Action]++
		w.end()
	}
	outcome := ledger.Outcome{Key: change.Key, Entry: entry, Look: &look, DropIntent: true, At: entry.At}
	if links { // what the person waits for besides is for their other changes to say
		outcome.Look = nil
	}
	if !change.Approved && change.Temporary == "" {
		outcome.Counts = plan.Counts(change)
	}
	w.commits.put(pending{outcome: outcome, stored: stored,
		owned: func(why error) pending { return w.parked(change, ledger.ParkedConflict, why) }})
}

func standing(change *plan.Change) ledger.Standing {
	switch change.Action {
	case plan.Delete:
		return ledger.Gone
	case plan.Deactivate:
		if change.Fate == plan.FateGone {
			return ledger.Gone
		}
		if change.Left {
			return ledger.Left
		}
		return ledger.Suspended
	}
	if change.Early() {
		return ledger.Suspended
	}
	return ledger.Live
}

// end tells that one more change came to its end; the caller holds the lock.
func (w *walk) end() {
	w.ended++
	if w.Ended != nil {
		w.Ended(w.ended)
	}
}

func (w *walk) count() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.report.Calls++
}

// isFull notes that the target has no room for further accounts.
func (w *walk) isFull(why error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.full = why
}

// giveUp leaves the change for the next run.
func (a *attempt) giveUp() { a.unsent([]*plan.Change{a.change}, !a.intentStays && a.tries == 0) }

// park stores why the change failed and when it is tried again. The intent stays
// when something may have arrived unseen.
func (a *attempt) park(kind string, why error) { a.commits.put(a.parking(kind, why)) }

func (a *attempt) parking(kind string, why error) pending {
	p := a.parked(a.change, kind, why)
	if p.outcome.DropIntent = !a.intentStays; a.change.Member != nil {
		p.outcome.DropIntent = false
		if a.intentStays {
			p.outcome.Member.State = asked(a.change)
		}
	}
	return p
}

// parked is the outcome of a change that failed.
func (w *walk) parked(change *plan.Change, kind string, why error) pending {
	now := time.Now()
	parked := ledger.Parked{Kind: kind, Error: why.Error(), Digest: change.Digest()}.After(change.Parked, now)
	stored := func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		problem := change.Problem(parked.Error)
		problem.New, problem.Retry = true, parked.Retry(now)
		if parked.Conflicts() {
			w.report.Conflicts = append(w.report.Conflicts, problem)
		} else {
			w.report.Parked = append(w.report.Parked, problem)
		}
		w.end()
	}
	if change.Member != nil {
		m := membership(change, before(change))
		m.Parked = parked
		return pending{outcome: ledger.Outcome{Key: change.Key, Member: m}, stored: stored}
	}
	look := ledger.Look{Key: change.Key, Due: change.Due, NextRun: change.NextRun, Parked: parked}
	return pending{outcome: ledger.Outcome{Key: change.Key, Look: &look, DropIntent: true}, stored: stored}
}

// taken decides after a create was refused because the account, or its login, exists. An
// account with the person's anchor that an earlier try may have made is all that was
// wanted. One that was there before, and that no lookup showed until now, is for the next
// run: whether it is adopted is for the job to say.
func (a *attempt) taken(ctx context.Context, result plan.Result) {
	a.Lane.Worked()
	found, err := a.find(ctx)
	switch {
	case errors.Is(err, plan.ErrNoLookup):
	case err != nil && ctx.Err() != nil:
		a.giveUp()
		return
	case err != nil:
		if !a.failing(err) {
			a.park(ledger.ParkedFailed, err)
		}
		return
	case found != nil && a.intentStays:
		a.ours(found)
		return
	case found != nil:
		a.park(ledger.ParkedFailed, fmt.Errorf("%w; account %s carries this person's externalId, and the next run goes by adopt", result.Err, found.ID))
		return
	}
	a.park(ledger.ParkedConflict, fmt.Errorf("%w; another account at %s has this login or a value that must be unique", result.Err, a.Flow.Target))
}

// vanished decides after the target said that an account is not there. A proxy that
// lost its way says so, too, of everything: the account counts as gone only once a
// lookup agrees. The next run looks the person up anew.
func (a *attempt) vanished(ctx context.Context, result plan.Result) {
	found, err := a.client(a.change).Find(ctx, a.change.Want.Resource)
	if err != nil && ctx.Err() != nil {
		a.giveUp()
		return
	}
	if err != nil {
		lookup := err
		if err = fmt.Errorf("%w; whether the account is gone cannot be told: %w", result.Err, lookup); errors.Is(lookup, plan.ErrNoLookup) {
			err = fmt.Errorf("%w; if it is, drift %s --repair finds that, and the next run makes it anew", err, a.Flow.Target)
		}
		if !a.failing(err) {
			a.park(ledger.ParkedFailed, err)
		}
		return
	}
	a.Lane.Worked()
	anchor := a.change.Want.Text("externalId")
	for i := range found {
		switch {
		case found[i].ID == a.change.RemoteID:
			a.park(ledger.ParkedFailed, fmt.Errorf("%w; but a lookup finds the account", result.Err))
			return
		case a.change.Action == plan.Deactivate && anchor != "" && found[i].ExternalID == anchor:
			a.moved(found[i].ID)
			return
		}
	}
	a.missing(result)
}

// moved records that the account of somebody who leaves has another id now, so that
// the next run deactivates that one.
func (a *attempt) moved(id string) {
	entry := &ledger.Entry{Key: a.change.Key, RemoteID: id, Job: a.Flow.Job, Standing: ledger.Live,
		Resource: a.change.Want.Resource, Managed: a.change.Want.Managed, Run: a.Run, At: time.Now()}
	a.commits.put(pending{outcome: ledger.Outcome{Key: a.change.Key, Entry: entry, Look: &ledger.Look{Key: a.change.Key, NextRun: true}, DropIntent: true}})
	a.unsent([]*plan.Change{a.change}, false)
}

// missing records that an account is not there any more. Many of them mean that this
// is not the service it was.
func (a *attempt) missing(result plan.Result) {
	// Leavers count too: at another service than the one that holds their accounts, to
	// find nothing to deactivate would leave them all with their access.
	a.mu.Lock()
	a.report.Vanished++
	n := a.report.Vanished
	a.mu.Unlock()
	if n > plan.MostVanished {
		a.giveUp()
		a.stop(fmt.Errorf("more than %d accounts that scimsync made or adopted at %s are not there any more; "+
			"is this still the same service? (%w)", plan.MostVanished, a.Flow.Target, result.Err))
		return
	}
	a.gone(result.Err)
}

// gone makes the entry a tombstone. For somebody who leaves that is all that was wanted;
// for others nothing was done yet.
func (a *attempt) gone(why error) {
	change := a.change
	a.mu.Lock()
	a.lost[change.Key] = true
	a.mu.Unlock()
	entry := &ledger.Entry{Key: change.Key, RemoteID: change.RemoteID, Job: a.Flow.Job, Standing: ledger.Gone,
		Resource: change.Want.Resource, Managed: change.Want.Managed, Run: a.Run, At: time.Now()}
	look := ledger.Look{Key: change.Key, Due: change.Due, NextRun: change.Action != plan.Deactivate}
	a.commits.put(pending{outcome: ledger.Outcome{Key: change.Key, Entry: entry, Look: &look, DropIntent: true}, stored: func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if change.Action == plan.Deactivate {
			a.report.Done[change.Action]++
		} else {
			problem := plan.Problem{Key: change.Key.ID, Name: change.Name, New: true,
				Why: fmt.Sprintf("%v; the account is not there any more, and the next run looks the person up anew", why)}
			if change.Key.Kind == record.Group {
				problem.Why = fmt.Sprintf("%v; the group is not there any more, and the next run looks for it anew", why)
			}
			a.report.Parked = append(a.report.Parked, problem)
		}
		a.end()
	}})
}

// refusals watch for a pattern: when the first twenty changes, or after fifty
// more than four in ten, are refused, then it is not the people's fault.
type refusals struct {
	tried, refused int
}

func (w *walk) watch(refusal error) {
	w.mu.Lock()
	r := &w.refusals
	r.tried++
	if refusal != nil {
		r.refused++
	}
	pattern := refusal != nil && (r.tried == 20 && r.refused == 20 || r.tried >= 50 && r.refused*10 > r.tried*4)
	n, of := r.refused, r.tried
	w.mu.Unlock()
	if pattern {
		w.stop(fmt.Errorf("%s refused %d of %d changes, so the rest was not sent; the last: %w", w.Flow.Target, n, of, refusal))
	}
}
