package engine

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"scimsync/sync/apply"
	"scimsync/sync/ledger"
	"scimsync/sync/plan"
)

// carry sends what may be sent and stores what is left.
func (w *work) carry(ctx context.Context, turn *turn) (out Outcome) {
	defer func() { out.Plan = w.plan }()
	if yes := w.how.Approve; yes != nil {
		if yes.Hold != w.plan.HeldDigest {
			out.Differs = true
			out.Hold, out.Err = w.hold()
			return out
		}
		if out.Err = w.approve(yes); out.Err != nil {
			return out
		}
		if out.Err = w.conclude(); out.Err != nil {
			return out
		}
	}
	if w.how.Expect != "" && w.how.Expect != w.plan.Digest {
		out.Differs = true
		return out
	}
	if out.Hold, out.Err = w.prepare(); out.Err != nil {
		return out
	}
	out.Applied, out.Err = w.send(ctx, turn, w.plan.Changes()-w.plan.Held, w.free)
	if out.Err == nil && w.how.Only == nil && ctx.Err() == nil && out.Applied.Unsent == 0 && out.Applied.Stopped == nil {
		out.Err = w.advance(out.Applied)
	}
	return out
}

// prepare stores, ahead of the first request, what does not depend on any answer.
func (w *work) prepare() (*ledger.Hold, error) {
	var hold *ledger.Hold
	if w.how.Only == nil {
		var err error
		if hold, err = w.hold(); err != nil {
			return nil, fmt.Errorf("store what is held: %w", err)
		}
	}
	err := w.each(func(c *plan.Change) error {
		if c.Held && c.Temporary == "" && c.Member == nil { // of members the look is stored, see additions
			w.looksToStore = append(w.looksToStore, ledger.Look{Key: c.Key, NextRun: true, Due: c.Due})
		}
		return nil
	})
	if err == nil {
		err = w.store.PutLooks(w.flow.Flow, w.looksToStore)
	}
	if err == nil {
		err = w.storeWaiting()
	}
	if err == nil && len(w.inVain) > 0 {
		err = w.store.Begin(w.flow.Flow, w.inVain)
	}
	if err == nil && len(w.dropped) > 0 {
		err = w.store.Commit(w.flow.Flow, w.dropped)
	}
	if err != nil {
		return nil, fmt.Errorf("store what to look at again: %w", err)
	}
	return hold, nil
}

// advance stores up to where everything is planned.
func (w *work) advance(sent apply.Report) error {
	made := sent.Done[plan.Create] + sent.Done[plan.Adopt]
	if w.plan.Held == 0 && made == w.plan.Summary[plan.Create]+w.plan.Summary[plan.Adopt] {
		w.next.Contact = ledger.ContactMade
	}
	if err := w.store.PutProgress(w.flow.Flow, w.next); err != nil {
		return fmt.Errorf("store how far %s has come: %w", w.flow.Flow, err)
	}
	return nil
}

// send carries so many changes out and keeps the record of the run.
func (w *work) send(ctx context.Context, turn *turn, total int, each func(func(*plan.Change) error) error) (apply.Report, error) {
	run := ledger.Run{ID: w.how.Run, Job: w.flow.Job, Target: w.flow.Target, Started: w.at, Planned: map[string]int{},
		Held: w.plan.Held}
	for action, n := range w.plan.Summary {
		run.Planned[string(action)] = n
	}
	for action, n := range w.first.Done { // what was sent before this plan was made was planned, too
		run.Planned[string(action)] += n
	}
	run.Done, run.Calls = sums(w.first)
	if total > 0 { // so that a run that is killed is seen
		if err := w.store.PutRun(run); err != nil {
			return apply.Report{}, fmt.Errorf("store that a run of %s begins: %w", w.flow.Flow, err)
		}
	}
	carry := apply.Carry{Flow: w.flow.Flow, Run: w.how.Run, Target: w.flow.Client, Ledger: w.store, Lane: w.flow.Lane, Shape: w.shape, Retries: w.flow.Retries,
		SettleWindow: w.engine.settleWindow(), Backoff: w.engine.Backoff, Stop: turn.stop}
	if g := w.flow.Groups; g != nil {
		carry.Groups = &apply.Groups{Target: g.Client, Shape: g.Shape, Roster: w.roster}
	}
	if w.how.Ended != nil {
		carry.Ended = func(n int) { w.how.Ended(w.flow.Flow, n, total) }
	}
	report, err := carry.Out(ctx, func(fn func(*plan.Change) error) error {
		return each(func(c *plan.Change) error {
			turn.reached(c.Phase())
			return fn(c)
		})
	})
	run.Ended, run.Lookups = w.engine.now(), w.lookups()
	run.Done, run.Calls = sums(w.first.And(report))
	if why := firstError(err, report.Stopped); why != nil {
		run.Error = why.Error()
	}
	w.engine.Log.Info("run ended", zap.String("job", run.Job), zap.String("target", run.Target), zap.String("run", run.ID),
		zap.Int("calls", run.Calls), zap.Int("lookups", run.Lookups), zap.Duration("duration", run.Ended.Sub(run.Started).Round(time.Millisecond)))
	if stored := w.store.PutRun(run); err == nil {
		err = stored
	}
	return report, err
}

// sums are what a record of a run holds of a report.
func sums(report apply.Report) (done map[string]int, calls int) {
	done = map[string]int{}
	for action, n := range report.Done {
		done[string(action)] = n
	}
	return done, report.Calls
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
