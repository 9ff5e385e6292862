package apply

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/resource"
)

// How often one change is tried in one run where the target asks it to wait, or to take
// another form, and how many failures in a row, over all changes of a lane, mean that the
// target is out of reach.
const (
	triesThrottled = 20
	triesAnew      = 4
	failuresInARow = 10
)

// carry carries changes that travel together to their ends: done, parked, or left for
// the next run.
func (w *walk) carry(ctx context.Context, changes []*plan.Change) {
	if w.isLost(changes[0]) {
		w.unsent(changes, true)
		return
	}
	if len(changes) == 1 {
		w.one(ctx, changes[0])
	} else {
		w.several(ctx, changes)
	}
}

// one carries one change to its end.
func (w *walk) one(ctx context.Context, change *plan.Change) {
	if w.noRoomFor(change) {
		return
	}
	if change.Calls() == 0 {
		w.done(change, plan.Ack{RemoteID: change.RemoteID})
		return
	}
	a := w.attempt(change)
	if since := change.Doubt.Since; !since.IsZero() && a.lookFor(ctx, since) {
		return
	}
	for a.try(ctx) {
	}
}

// noRoomFor parks a create, unsent, once another one showed that the target has no room for
// further accounts, and tells whether it did.
func (w *walk) noRoomFor(change *plan.Change) bool {
	w.mu.Lock()
	full := w.full
	w.mu.Unlock()
	if full == nil || change.Action != plan.Create {
		return false
	}
	w.attempt(change).park(ledger.ParkedNoRoom, full)
	return true
}

// attempt is the tries of one change.
type attempt struct {
	*walk
	change  *plan.Change
	rest    [][]resource.Op // the requests that are still to be sent, in their order
	tries   int
	limited int
	anew    int
	// intentStays tells that something may have been carried out that the entry does not
	// show: a request whose answer was lost, or a part of the change.
	intentStays bool
	resent      bool
}

func (w *walk) attempt(change *plan.Change) *attempt {
	return &attempt{walk: w, change: change, rest: change.Requests(), intentStays: change.Doubt.Sent}
}

// try sends the change once and tells whether it is to be tried again.
func (a *attempt) try(ctx context.Context) bool {
	pass := a.enter(ctx, a.next())
	if pass == nil {
		a.giveUp()
		return false
	}
	sent := time.Now()
	// A request that is under way is never cut off by the end of a plan: its answer
	// is worth more than the time. The target's own timeout bounds it.
	result := a.client(a.change).Apply(pass.Within(context.WithoutCancel(ctx)), a.next(), a.Run+"-"+a.change.Digest()[:12])
	pass.Leave(result.Heard)
	a.count()
	return a.conclude(ctx, result, sent)
}

// conclude decides what follows from a result, and tells whether the change is to be
// tried again.
func (a *attempt) conclude(ctx context.Context, result plan.Result, sent time.Time) bool {
	switch result.Verdict {
	case plan.Done:
		a.Lane.Worked()
		if len(a.rest) > 1 {
			a.rest, a.tries, a.intentStays = a.rest[1:], 0, true
			a.change.Version = result.Ack.Version
			return true
		}
		a.watch(nil)
		if a.change.Member != nil {
			a.joined()
			return false
		}
		a.done(a.change, a.proved(ctx, result.Ack))
	case plan.Again:
		return a.again(ctx, result)
	case plan.InDoubt:
		return a.unanswered(ctx, result, sent)
	case plan.Taken:
		a.taken(ctx, result)
	case plan.Vanished:
		a.vanished(ctx, result)
	case plan.Park:
		a.Lane.Worked()
		a.park(ledger.ParkedRefused, result.Err)
		a.watch(result.Err)
	case plan.ParkForGood:
		a.Lane.Worked()
		a.park(ledger.ParkedForGood, result.Err)
	case plan.Ignored:
		a.Lane.Worked()
		a.doubt()
		a.park(ledger.ParkedRefused, result.Err)
		a.watch(result.Err)
	case plan.Apart:
		a.Lane.Worked()
		return a.apart(result.Err)
	case plan.Anew:
		a.Lane.Worked()
		if a.anew++; a.anew < triesAnew {
			return true
		}
		a.park(ledger.ParkedRefused, result.Err)
	case plan.Wiped:
		a.wiped(ctx, result.Err)
	case plan.Stop:
		a.giveUp()
		a.stop(result.Err)
	case plan.StopCreates:
		a.isFull(result.Err)
		a.park(ledger.ParkedNoRoom, result.Err)
	}
	return false
}

// enter waits until a request for these changes may be sent; nil: the plan has ended, or
// would have to wait too long.
func (w *walk) enter(ctx context.Context, changes ...*plan.Change) *Pass {
	if w.mayGoOn(ctx) != nil {
		return nil
	}
	r := Request{Phase: changes[0].Phase(), Draws: w.client(changes[0]).Draws(changes...)}
	if len(changes) == 1 || changes[0].Member != nil { // of several accounts, no two are the same
		r.Account = changes[0].RemoteID
	}
	pass, err := w.Lane.Enter(ctx, r)
	var wait *WaitError
	if errors.As(err, &wait) {
		w.stop(fmt.Errorf("%s: %w", w.Flow.Target, wait))
	}
	if err != nil {
		return nil
	}
	if w.mayGoOn(ctx) != nil { // while it waited
		pass.Unused()
		return nil
	}
	return pass
}

// next is what is to be sent: the change, with the operations of one request, and ids in the
// place of references.
func (a *attempt) next() *plan.Change {
	if len(a.rest[0]) == len(a.change.Ops) {
		return plain(a.change)
	}
	part := *a.change
	part.Ops, part.Parts = a.rest[0], nil
	return plain(&part)
}

// apart has the removals of a request in doubt sent each by itself, and the rest of it
// after them: what they take away may be gone since an earlier request, and then all of
// it is refused.
func (a *attempt) apart(why error) bool {
	request := a.rest[0]
	if len(request) < 2 || !a.change.Doubt.Sent {
		a.park(ledger.ParkedRefused, why)
		a.watch(why)
		return false
	}
	var requests [][]resource.Op
	var others []resource.Op
	for _, op := range request {
		if op.Op == "remove" {
			requests = append(requests, []resource.Op{op})
		} else {
			others = append(others, op)
		}
	}
	if len(others) > 0 {
		requests = append(requests, others)
	}
	a.rest = append(requests, a.rest[1:]...)
	return true
}

// again decides after a request that the target did not serve.
func (a *attempt) again(ctx context.Context, result plan.Result) bool {
	if wait := time.Until(result.NotBefore); wait > longestWait {
		a.giveUp()
		a.stop(fmt.Errorf("%w; it asks to come back in %s", result.Err, wait.Round(time.Minute)))
		return false
	}
	if result.TooFast || !result.NotBefore.IsZero() {
		if a.limited++; a.limited < triesThrottled {
			return true
		}
	} else {
		a.doubt()
		if a.failing(result.Err) {
			return false
		}
		if a.tries++; a.tries <= a.Retries {
			return a.pause(ctx)
		}
	}
	a.park(ledger.ParkedFailed, result.Err)
	return false
}

// failing counts a failure, and stops the plan when there are too many in a row.
func (a *attempt) failing(err error) bool {
	if a.Lane.Failed() < failuresInARow {
		return false
	}
	a.giveUp()
	a.stop(fmt.Errorf("%d failures in a row at %s, the last: %w", failuresInARow, a.Flow.Target, err))
	return true
}

// pause waits with full jitter (a random part of a time that doubles).
func (a *attempt) pause(ctx context.Context) bool {
	base := a.Backoff
	if base == 0 {
		base = time.Second
	}
	if !a.sleep(ctx, time.Duration(rand.Int64N(int64(base)<<a.tries+1))) {
		a.giveUp()
		return false
	}
	return true
}

func (a *attempt) sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-a.Carry.Stop:
	case <-ctx.Done():
	}
	return false
}
