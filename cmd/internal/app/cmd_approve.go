package app

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strings"

	"github.com/spf13/cobra"

	"scimsync/sync/engine"
	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
)

func (a *app) approve() *cobra.Command {
	var o approval
	c := &cobra.Command{
		Use:   "approve [JOB | ID]",
		Short: "Release a held run, exactly as shown",
		Long: "Plans anew and sends exactly what is held, if it still is what was shown; otherwise prints the difference, keeps the new set\n" +
			"held, and exits 3. JOB asks on a terminal and needs --yes without one; the id of a hold is a yes by itself.\n" +
			"For a job that is stopped because its source, target or definition changed, it accepts the change and sends nothing.",
		Example: "  scimsync approve staff --target ringcentral\n  scimsync approve 3f9a12cc\n  scimsync approve staff --only jdoe --yes",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := a.open("approve")
			if err != nil {
				return err
			}
			return errors.Join(s.approveHolds(args, o), s.close())
		},
	}
	c.Flags().StringVar(&o.target, "target", "", "only what is held at this target")
	c.Flags().StringSliceVar(&o.only, "only", nil, "release only these people")
	c.Flags().BoolVar(&o.reject, "reject", false, "say no: the changes stay held")
	c.Flags().BoolVar(&o.yes, "yes", false, "do not ask")
	a.outputFlag(c)
	return c
}

// approval is what was asked for on the command line.
type approval struct {
	target      string
	only        []string
	reject, yes bool
}

func (s *session) approveHolds(args []string, o approval) error {
	holds, byID, err := s.holdsFor(args, o.target)
	if err != nil {
		return err
	}
	if len(holds) == 0 || !byID && !o.reject {
		// What is held can only be released once it is clear that the job is the same.
		if changed, err := s.acceptChange(args, o); err != nil || changed {
			return err
		}
	}
	if len(holds) == 0 {
		fmt.Fprintln(s.Out, "Nothing is held.")
	}
	for _, flow := range holds {
		hold, err := s.store.Hold(flow)
		if err != nil {
			return err
		}
		if err := plan.HoldText(hold, s.Err, s.style()); err != nil {
			return err
		}
		if o.reject {
			if err := s.reject(hold); err != nil {
				return err
			}
			continue
		}
		if yes, err := s.confirmed(fmt.Sprintf("Send this to %s", flow.Target), o.yes || byID); err != nil || !yes {
			return err
		}
		if err := s.release(hold, o.only); err != nil {
			return err
		}
	}
	return nil
}

// holdsFor gives the holds that are meant; byID tells that one was named by its id.
func (s *session) holdsFor(args []string, target string) (flows []ledger.Flow, byID bool, err error) {
	holds, err := s.store.Holds()
	if err != nil {
		return nil, false, err
	}
	for _, h := range holds {
		if len(args) == 1 && h.ID == args[0] {
			return []ledger.Flow{{Job: h.Job, Target: h.Target}}, true, nil
		}
	}
	if len(args) == 1 && s.cfg.Job(args[0]) == nil {
		return nil, false, usageError{fmt.Errorf("%q is neither a job nor the id of a hold; %s shows both", args[0], s.program().Command("status"))}
	}
	if target != "" && s.cfg.Target(target) == nil {
		return nil, false, usageError{fmt.Errorf("there is no target %q", target)}
	}
	for _, h := range holds {
		if (len(args) == 0 || h.Job == args[0]) && (target == "" || h.Target == target) {
			flows = append(flows, ledger.Flow{Job: h.Job, Target: h.Target})
		}
	}
	return flows, false, nil
}

// confirmed asks on a terminal; elsewhere --yes is needed.
func (s *session) confirmed(question string, given bool) (bool, error) {
	if given {
		return true, nil
	}
	if !s.canAsk() {
		return false, usageError{errors.New("there is no terminal to ask on: add --yes, or name the hold by its id")}
	}
	if s.ask(question) {
		return true, nil
	}
	fmt.Fprintln(s.Err, "Nothing was sent.")
	s.exits(exitHeld)
	return false, nil
}

// canAsk tells whether there is somebody who could answer.
func (a *app) canAsk() bool {
	in, ok := a.In.(*os.File)
	return a.Terminal && ok && isTerminal(in)
}

// ask asks, and takes nothing but a yes for one.
func (a *app) ask(question string) bool {
	fmt.Fprintf(a.Err, "%s? [y/N] ", question)
	answer, _ := bufio.NewReader(a.In).ReadString('\n') // no answer is a no
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes"
}

// release runs the job at that target with a yes to what is held.
func (s *session) release(hold *ledger.Hold, only []string) error {
	job, err := s.jobAt(hold.Job, hold.Target)
	if err != nil {
		return err
	}
	yes := &engine.Yes{By: operator(), Hold: hold.Digest}
	for _, who := range only {
		key, err := s.find(&job, who)
		if err != nil {
			return err
		}
		if yes.Only == nil {
			yes.Only = map[record.Key]bool{}
		}
		yes.Only[key] = true
	}
	s.announce(job)
	progress := s.progress()
	outcomes, err := s.engine.Run(s.ctx, job, engine.How{Run: s.runID(), Approve: yes, Ended: progress.show})
	progress.end()
	if err != nil {
		return s.refused(err)
	}
	for _, o := range outcomes {
		if o.Differs {
			return s.differs(hold, o)
		}
	}
	return s.report(outcomes)
}

// differs tells how what is held now is not what was shown.
func (s *session) differs(shown *ledger.Hold, o engine.Outcome) error {
	s.exits(exitHeld)
	var now []ledger.HeldLine
	if o.Hold != nil {
		now = o.Hold.Lines
	}
	fmt.Fprintf(s.Err, "Nothing was sent: what is held at %s is not what was shown any more.\n", o.Flow.Target)
	added, removed := plan.Compare(shown.Lines, now)
	if err := plan.WriteDifference(s.Out, added, removed, s.style()); err != nil {
		return err
	}
	if o.Hold == nil {
		fmt.Fprintf(s.Out, "Nothing is held any more; the next run sends what is left.\n")
		return nil
	}
	fmt.Fprintf(s.Out, "The new set is held as %s. To look: %s. To release: %s\n", o.Hold.ID, s.program().Command("plan", o.Hold.Job), s.program().Approve(o.Hold.Job, o.Hold.Target))
	return nil
}

// reject keeps the changes held and notes who said no.
func (s *session) reject(hold *ledger.Hold) error {
	hold.Rejected = operator()
	for i := range hold.Lines {
		hold.Lines[i].Rejected = true
	}
	s.exits(exitHeld)
	fmt.Fprintf(s.Out, "%s: %s rejected by %s; they stay held until the source changes\n",
		ledger.Flow{Job: hold.Job, Target: hold.Target}, count(len(hold.Lines), "change"), hold.Rejected)
	return s.store.PutHold(ledger.Flow{Job: hold.Job, Target: hold.Target}, hold)
}

// acceptChange accepts that a job's source, target or definition is not what it was.
// It tells whether there was such a change.
func (s *session) acceptChange(args []string, o approval) (found bool, err error) {
	names, err := s.jobNames(args)
	if err != nil {
		return false, err
	}
	for _, name := range names {
		jobs, err := s.jobs(s.ctx, []string{name})
		if err != nil {
			return found, err
		}
		changed, err := s.engine.Changes(jobs[0])
		if err != nil {
			return found, err
		}
		if len(changed) == 0 {
			continue
		}
		found = true
		fmt.Fprintf(s.Err, "job %s:\n  %s\n", name, strings.Join(changed, "\n  "))
		if o.reject {
			s.exits(exitHeld)
			continue
		}
		if yes, err := s.confirmed("Is this the same, and only described anew", o.yes); err != nil || !yes {
			return found, err
		}
		if err := s.engine.Accept(jobs[0]); err != nil {
			return found, err
		}
		fmt.Fprintf(s.Out, "job %s: accepted. To look at what follows: %s\n", name, s.program().Command("plan", name))
	}
	return found, nil
}

// jobAt gives a job with one of its targets.
func (s *session) jobAt(name, target string) (engine.Job, error) {
	if s.cfg.Job(name) == nil {
		return engine.Job{}, fmt.Errorf("the hold belongs to job %s, which the config does not have any more", name)
	}
	jobs, err := s.jobs(s.ctx, []string{name})
	if err != nil {
		return engine.Job{}, err
	}
	job := jobs[0]
	for _, f := range job.Flows {
		if f.Flow.Target == target {
			job.Flows = []engine.Flow{f}
			return job, nil
		}
	}
	return job, fmt.Errorf("the hold belongs to target %s, which job %s does not have any more", target, name)
}

// operator is who runs the command, as far as the system knows.
func operator() string {
	if name := os.Getenv("SUDO_USER"); name != "" {
		return name
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return fmt.Sprintf("uid %d", os.Getuid())
}
