package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"

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
//	groups    which of them change, and who leaves them; later, who is added
//	match     who has no account: found, or proved to have none; then groups
//	guard     what is above a limit waits for a human
//	conclude  the plan, as a human gets to see it
//	carry     the rest, leavers first; nothing counts before it is acknowledged and stored
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

// Plan is Run up to conclude, for a store that is thrown away afterwards: nothing is
// sent but what finds accounts. Of a job that is stopped it says so, and what would
// follow the yes. done closes the plans.
func (e *Engine) Plan(ctx context.Context, job Job, how How) (plans []*plan.Plan, done func(), err error) {
	var works []*work
	done = func() {
		for _, w := range works {
			w.close()
		}
	}
	stopped, err := e.Stopped(job)
	if err == nil && stopped != nil {
		err = e.Accept(job)
	}
	if err != nil {
		return nil, done, err
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
		if err := w.complete(ctx); err != nil {
			return nil, done, fmt.Errorf("%s: %w", flow.Flow, err)
		}
		if stopped != nil {
			w.plan.Notes = append(w.plan.Notes, stopped.Error()+". What is shown here would follow the yes")
		}
		plans = append(plans, w.plan)
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
		if err := e.collect(ctx, job.Name, src); err != nil {
			return err
		}
	}
	return e.missingScopes(job)
}

// peopleOf starts a plan: everybody is looked at, and groups are, and nobody is looked up yet.
func (e *Engine) peopleOf(job Job, flow Flow, how How) (*work, error) {
	w, err := e.newWork(job, flow, how)
	if err != nil {
		return nil, err
	}
	err = w.people()
	if err == nil {
		err = w.groupsOf()
	}
	if err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// complete finds the accounts that are to be found, and makes the plan of it all.
func (w *work) complete(ctx context.Context) error {
	if err := w.match(ctx); err != nil {
		return err
	}
	if err := w.link(); err != nil {
		return err
	}
	if err := w.matchGroups(ctx); err != nil {
		return err
	}
	if err := w.additions(); err != nil {
		return err
	}
	if err := w.spend(); err != nil {
		return err
	}
	if err := w.guard(); err != nil {
		return err
	}
	return w.conclude()
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
	w.warn()
	if how.Approve == nil && how.Expect == "" && how.Only == nil {
		first, sent, err := w.leaversFirst(ctx, turn)
		if err != nil || first.Stopped != nil {
			return Outcome{Applied: first, Err: err}
		}
		turn.reached(finding)
		if sent { // what was planned before is not what is left
			rest, err := e.peopleOf(job, flow, how)
			if err != nil {
				return Outcome{Applied: first, Err: err}
			}
			w.close()
			rest.first, rest.reads = first, w.reads
			w = rest
		}
	}
	if err := w.complete(ctx); err != nil {
		return Outcome{Applied: w.first, Err: err}
	}
	out = w.carry(ctx, turn)
	out.Applied = w.first.And(out.Applied)
	out.Lookups = w.lookups()
	return out
}

// leaversFirst sends the deactivations that may go before anything is looked up at
// the target: finding the accounts of newcomers may take long. sent tells whether
// there was any.
func (w *work) leaversFirst(ctx context.Context, turn *turn) (report apply.Report, sent bool, err error) {
	if w.find.len()+w.findLeft.len() == 0 {
		return report, false, nil
	}
	if err := w.guard(); err != nil {
		return report, false, err
	}
	leavers := func(fn func(*plan.Change) error) error {
		return w.free(func(c *plan.Change) error {
			if c.Action != plan.Deactivate {
				return nil
			}
			return fn(c)
		})
	}
	n := 0
	if err := leavers(func(*plan.Change) error { n++; return nil }); err != nil || n == 0 {
		return report, false, err
	}
	// The plan that follows does not know any more who lost their account.
	if err := w.store.PutLooks(w.flow.Flow, w.pendingGroups()); err != nil {
		return report, false, fmt.Errorf("store which groups to look at again: %w", err)
	}
	report, err = w.send(ctx, turn, n, leavers)
	return report, true, err
}
