package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"scimsync/sync/apply"
	"scimsync/sync/ledger"
	"scimsync/sync/plan"
)

// Run is one run of a job, from reading to the last acknowledged change:
//
//	identify  are sources, job and targets the ones they were?
//	collect   source -> mirror; a doubtful read ends the run here
//	people    who has to be looked at: mapped and compared with the entries
//	match     who has no account: found, or proved to have none
//	judge     what is above a limit waits for a human
//	carry     the rest, leavers first, one acknowledged change at a time
//	advance   up to where everything is planned
//
// It returns an error when nothing could be planned; otherwise what came of each
// flow.
func (e *Engine) Run(ctx context.Context, job Job, how How) ([]Outcome, error) {
	how.at = e.now()
	how, err := e.collectFor(ctx, job, how)
	if err != nil {
		for _, flow := range job.Flows {
			e.Failed(flow.Flow, how, err)
		}
		return nil, err
	}
	outcomes := make([]Outcome, len(job.Flows))
	var flows sync.WaitGroup
	for i, flow := range job.Flows {
		flows.Go(func() {
			outcomes[i] = e.runFlow(ctx, job, flow, how)
			outcomes[i].Flow = flow.Flow
			if err := outcomes[i].Err; err != nil {
				e.Failed(flow.Flow, how, err)
			}
		})
	}
	flows.Wait()
	return outcomes, nil
}

// Failed keeps the record of a run that could not be planned or carried out. What was
// sent before it failed stays in the record.
func (e *Engine) Failed(flow ledger.Flow, how How, why error) {
	run := ledger.Run{ID: how.Run, Job: flow.Job, Target: flow.Target, Started: how.at}
	if run.Started.IsZero() {
		run.Started = e.now()
	}
	runs, err := e.Store.Runs(flow, 1)
	if err == nil && len(runs) > 0 && runs[0].ID == how.Run {
		run = runs[0]
	}
	run.Ended, run.Error = e.now(), why.Error()
	if err == nil {
		err = e.Store.PutRun(run)
	}
	if err != nil {
		e.Log.Warn("the failed run could not be recorded", zap.String("job", run.Job), zap.String("target", run.Target), zap.Error(err))
	}
}

// Plan is Run up to judge, for a store that is thrown away afterwards: nothing is
// sent but what finds accounts. done closes the plans.
func (e *Engine) Plan(ctx context.Context, job Job, how How) (plans []*plan.Plan, done func(), err error) {
	var works []*work
	done = func() {
		for _, w := range works {
			w.close()
		}
	}
	if how, err = e.collectFor(ctx, job, how); err != nil {
		return nil, done, err
	}
	for _, flow := range job.Flows {
		w, err := e.peopleOf(job, flow, how)
		if err != nil {
			return nil, done, fmt.Errorf("%s: %w", flow.Flow, err)
		}
		works = append(works, w)
		p, err := w.complete(ctx, job)
		if err != nil {
			return nil, done, fmt.Errorf("%s: %w", flow.Flow, err)
		}
		plans = append(plans, p.Plan)
	}
	return plans, done, nil
}

// collectFor reads the sources, and then finds out for whom the run is.
func (e *Engine) collectFor(ctx context.Context, job Job, how How) (How, error) {
	if err := e.Collect(ctx, job); err != nil || how.Who == nil {
		return how, err
	}
	only, err := how.Who()
	how.Only = only
	return how, err
}

// Collect makes sure of the job's identity and brings the mirrors of its sources up
// to date. No two collect the same sources at a time.
func (e *Engine) Collect(ctx context.Context, job Job) error {
	e.under.reading.Lock()
	defer e.under.reading.Unlock()
	if err := e.identify(job); err != nil {
		return err
	}
	for _, src := range job.Sources {
		if err := e.collect(ctx, src); err != nil {
			return err
		}
	}
	return nil
}

// ready is a judged plan.
type ready struct {
	*judged
	Plan  *plan.Plan
	first apply.Report // what the run sent before this plan was made
}

// peopleOf starts a plan: everybody is looked at, and nobody is looked up yet.
func (e *Engine) peopleOf(job Job, flow Flow, how How) (*work, error) {
	w, err := e.newWork(job, flow, how)
	if err != nil {
		return nil, err
	}
	if err := w.people(job); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// complete finds the accounts that are to be found, and judges.
func (w *work) complete(ctx context.Context, job Job) (*ready, error) {
	if err := w.match(ctx); err != nil {
		return nil, err
	}
	j, err := w.judge()
	if err != nil {
		return nil, err
	}
	p, err := j.plan(job)
	return &ready{judged: j, Plan: p}, err
}

// runFlow plans and carries out one flow.
func (e *Engine) runFlow(ctx context.Context, job Job, flow Flow, how How) (out Outcome) {
	ctx, turn, err := e.takeTurn(ctx, job, flow, how)
	if err != nil || turn == nil {
		return Outcome{Err: err, Yields: err == nil}
	}
	defer turn.end()
	defer func() {
		if out.Replaced = turn.stopped(); out.Replaced && errors.Is(out.Err, context.Canceled) {
			out.Err = nil // it was told to end
		}
	}()
	w, err := e.peopleOf(job, flow, how)
	if err != nil {
		return Outcome{Err: err}
	}
	defer func() { w.close() }()
	var first apply.Report
	if how.Approve == nil && how.Expect == "" && how.Only == nil {
		sent := false
		if first, sent, err = w.leaversFirst(ctx, turn); err != nil || first.Stopped != nil {
			return Outcome{Applied: first, Err: err}
		}
		turn.reached(finding)
		if sent { // what was planned before is not what is left
			rest, err := e.peopleOf(job, flow, how)
			if err != nil {
				return Outcome{Applied: first, Err: err}
			}
			w.close()
			w = rest
		}
	}
	r, err := w.complete(ctx, job)
	if err != nil {
		return Outcome{Applied: first, Err: err}
	}
	r.first = first
	out = r.carry(ctx, job, turn)
	out.Applied = first.And(out.Applied)
	return out
}

// leaversFirst sends the deactivations that may go before anything is looked up at
// the target: finding the accounts of newcomers may take long. sent tells whether
// there was any.
func (w *work) leaversFirst(ctx context.Context, turn *turn) (report apply.Report, sent bool, err error) {
	if w.find.len()+w.findLeft.len() == 0 {
		return report, false, nil
	}
	j, err := w.judge()
	if err != nil {
		return report, false, err
	}
	leavers := func(fn func(*plan.Change) error) error {
		return j.free(func(c *plan.Change) error {
			if c.Action != plan.Deactivate {
				return nil
			}
			return fn(c)
		})
	}
	if err := leavers(func(*plan.Change) error { sent = true; return nil }); err != nil || !sent {
		return report, false, err
	}
	r := &ready{judged: j, Plan: &plan.Plan{Summary: map[plan.Action]int{}}}
	report, err = r.send(ctx, turn, leavers)
	return report, true, err
}

// carry sends what may be sent and stores what is left.
func (r *ready) carry(ctx context.Context, job Job, turn *turn) (out Outcome) {
	out.Plan = r.Plan
	if yes := r.how.Approve; yes != nil {
		if yes.Hold != r.Plan.HeldDigest {
			out.Differs = true
			out.Hold, out.Err = r.hold(r.Plan)
			return out
		}
		if out.Err = r.approve(yes); out.Err != nil {
			return out
		}
		if r.Plan, out.Err = r.judged.plan(job); out.Err != nil {
			return out
		}
		out.Plan = r.Plan
	}
	if r.how.Expect != "" && r.how.Expect != r.Plan.Digest {
		out.Differs = true
		return out
	}
	if out.Hold, out.Err = r.before(); out.Err != nil {
		return out
	}
	out.Applied, out.Err = r.send(ctx, turn, r.free)
	if out.Err == nil && r.how.Only == nil && ctx.Err() == nil && out.Applied.Unsent == 0 && out.Applied.Stopped == nil {
		out.Err = r.advance(out.Applied)
	}
	return out
}

// before stores, ahead of the first request, what does not depend on any answer.
func (r *ready) before() (*ledger.Hold, error) {
	var hold *ledger.Hold
	if r.how.Only == nil {
		var err error
		if hold, err = r.hold(r.Plan); err != nil {
			return nil, fmt.Errorf("store what is held: %w", err)
		}
	}
	err := r.each(func(c *plan.Change) error {
		if c.Held && c.Temporary == "" {
			r.looksToStore = append(r.looksToStore, ledger.Look{Key: c.Key, Again: true, Due: c.Due})
		}
		return nil
	})
	if err == nil {
		err = r.Store.PutLooks(r.flow.Flow, r.looksToStore)
	}
	if err == nil && len(r.inVain) > 0 {
		err = r.Store.Begin(r.flow.Flow, r.inVain)
	}
	if err == nil && len(r.dropped) > 0 {
		err = r.Store.Commit(r.flow.Flow, r.dropped)
	}
	if err != nil {
		return nil, fmt.Errorf("store what to look at again: %w", err)
	}
	return hold, nil
}

// advance stores up to where everything is planned.
func (r *ready) advance(sent apply.Report) error {
	made := sent.Done[plan.Create] + sent.Done[plan.Adopt]
	loaded := r.Plan.Held == 0 && made == r.Plan.Summary[plan.Create]+r.Plan.Summary[plan.Adopt]
	if loaded || r.next.Contact == ledger.ContactMade {
		r.next.Contact = ledger.ContactMade
		if r.approval != nil {
			if err := r.Store.PutApproval(r.flow.Flow, nil); err != nil {
				return err
			}
		}
	}
	if err := r.Store.PutProgress(r.flow.Flow, r.next); err != nil {
		return fmt.Errorf("store how far %s has come: %w", r.flow.Flow, err)
	}
	return nil
}

// send carries changes out and keeps the record of the run.
func (r *ready) send(ctx context.Context, turn *turn, each func(func(*plan.Change) error) error) (apply.Report, error) {
	run := ledger.Run{ID: r.how.Run, Job: r.flow.Flow.Job, Target: r.flow.Flow.Target, Started: r.at, Planned: map[string]int{},
		Held: r.Plan.Held, Conflict: len(r.conflicts), Parked: len(r.parked)}
	total := -r.Plan.Held
	for action, n := range r.Plan.Summary {
		run.Planned[string(action)] = n
		total += n
	}
	carry := apply.Carry{Flow: r.flow.Flow, Run: r.how.Run, Target: r.flow.Target, Ledger: r.Store, Lane: r.flow.Lane,
		SettleWindow: r.settleWindow(), Backoff: r.Backoff, Stop: turn.stop}
	if r.how.Ended != nil {
		carry.Ended = func(n int) { r.how.Ended(r.flow.Flow, n, total) }
	}
	report, err := carry.Out(ctx, func(fn func(*plan.Change) error) error {
		return each(func(c *plan.Change) error {
			turn.reached(c.Action.Phase())
			return fn(c)
		})
	})
	sum := r.first.And(report)
	run.Ended, run.Calls, run.Counted = r.now(), sum.Calls, sum.Counted
	run.Done = map[string]int{}
	for action, n := range sum.Done {
		run.Done[string(action)] = n
	}
	run.Parked += len(report.Parked)
	if why := firstError(err, report.Stopped); why != nil {
		run.Error = why.Error()
	}
	r.Log.Info("run ended", zap.String("job", run.Job), zap.String("target", run.Target), zap.String("run", run.ID),
		zap.Int("calls", run.Calls), zap.Duration("duration", run.Ended.Sub(run.Started).Round(time.Millisecond)))
	if stored := r.Store.PutRun(run); err == nil {
		err = stored
	}
	return report, err
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
