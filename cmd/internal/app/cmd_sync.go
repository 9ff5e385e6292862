package app

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"scimsync/sync/engine"
	"scimsync/sync/ledger"
)

func (a *app) sync() *cobra.Command {
	var who string
	var shrink bool
	c := &cobra.Command{
		Use:   "sync [JOB…]",
		Short: "Run jobs once, now",
		Long: "Runs the jobs once: what is above a limit of the guard is held, everything else is sent, leavers first.\n\n" +
			"Exit codes: 0 done; 1 could not do it; 3 something is held; 4 some changes failed and are parked, or are conflicts.",
		Example: "  scimsync sync\n  scimsync sync staff --user jdoe",
		Args:    cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := a.open("sync")
			if err != nil {
				return err
			}
			return errors.Join(s.syncJobs(args, who, shrink), s.close())
		},
	}
	c.Flags().StringVar(&who, "user", "", "only this person: key, login, mail, externalId, remote id or DN")
	c.Flags().BoolVar(&shrink, "accept-shrink", false, "accept a source that shrank by more than max_shrink, this once; never an empty one")
	a.outputFlag(c)
	return c
}

// runID names a run: sortable by time, unique.
func (a *app) runID() string {
	var tail [3]byte
	_, _ = rand.Read(tail[:]) // never fails
	return time.Now().UTC().Format("20060102T150405.000Z") + "-" + hex.EncodeToString(tail[:])
}

func (s *session) syncJobs(args []string, who string, shrink bool) error {
	names, err := s.jobNames(args)
	if err != nil {
		return err
	}
	var failed []error
	for _, name := range names {
		run := s.runID()
		jobs, err := s.jobs(s.ctx, []string{name})
		if err != nil { // a source that cannot even be described, say: status has to show it
			for _, f := range s.cfg.Flows(name) {
				s.engine.Failed(ledger.Flow{Job: f.Job, Target: f.Target}, engine.How{Run: run}, err)
			}
			failed = append(failed, err)
			continue
		}
		job := jobs[0]
		for i := range job.Sources {
			job.Sources[i].AcceptShrink = shrink
		}
		failed = append(failed, s.runJob(job, engine.How{Run: run, Who: s.who(&job, who)}))
	}
	return errors.Join(failed...)
}

// runJob runs a job and tells what came of it.
func (s *session) runJob(job engine.Job, how engine.How) error {
	s.announce(job)
	progress := s.progress()
	how.Ended = progress.show
	outcomes, err := s.engine.Run(s.ctx, job, how)
	progress.end()
	if err != nil {
		return s.refused(err)
	}
	return s.report(outcomes)
}

// refused gives an error its exit code: a job that waits for a human is held.
func (s *session) refused(err error) error {
	var changed *engine.Changed
	if errors.As(err, &changed) {
		s.exits(exitHeld)
		fmt.Fprintf(s.Err, "scimsync: %v\n", err)
		return nil
	}
	return err
}

// announce says on the error stream what is about to be written, and where, and which
// credentials end soon.
func (s *session) announce(job engine.Job) {
	for _, f := range job.Flows {
		target := s.cfg.Target(f.Flow.Target)
		fmt.Fprintf(s.Err, "%s: job %s, target %s (%s)\n", s.cfg.File, f.Flow.Job, f.Flow.Target, host(target))
		s.warnOfEndings(target, time.Now())
	}
}

// report prints what came of each flow and sets the exit code.
func (s *session) report(outcomes []engine.Outcome) error {
	var failed []error
	for _, o := range outcomes {
		switch {
		case o.Err != nil:
			failed = append(failed, fmt.Errorf("%s: %w", o.Flow, o.Err))
		case o.Applied.Stopped != nil:
			failed = append(failed, fmt.Errorf("%s: %w; %d changes were not sent and come with the next run", o.Flow, o.Applied.Stopped, o.Applied.Unsent))
		case s.ctx.Err() != nil:
			failed = append(failed, fmt.Errorf("%s: interrupted; %d changes were not sent and come with the next run", o.Flow, o.Applied.Unsent))
		}
		if o.Hold != nil || o.Plan != nil && o.Plan.Held > 0 {
			s.exits(exitHeld)
		}
		if len(o.Applied.Parked)+len(o.Applied.Conflicts) > 0 || hasNew(o) {
			s.exits(exitParked)
		}
		if err := s.writeOutcome(o); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// hasNew tells whether somebody was parked, or a conflict found, for the first time.
func hasNew(o engine.Outcome) bool {
	if o.Plan == nil {
		return false
	}
	for _, p := range o.Plan.Conflicts {
		if p.New {
			return true
		}
	}
	for _, p := range o.Plan.Parked {
		if p.New {
			return true
		}
	}
	return false
}
