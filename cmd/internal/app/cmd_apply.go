package app

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"scimsync/sync/engine"
	"scimsync/sync/plan"
)

func (a *app) apply() *cobra.Command {
	c := &cobra.Command{
		Use:   "apply FILE",
		Short: "Send exactly a saved plan",
		Long: "Plans anew and sends what scimsync plan --out saved, if it would do exactly that now; otherwise sends nothing and exits 1.\n" +
			"A file with several jobs or targets is applied as a whole.\n" +
			"What the guard holds stays held: scimsync approve releases it.",
		Example: "  scimsync plan staff --out friday.plan\n  scimsync apply friday.plan",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			saved, err := a.readSaved(args[0])
			if err != nil {
				return err
			}
			if len(saved) > 1 { // all of it or nothing: so all is looked at before any is sent
				if err := a.checkSaved(args[0], saved); err != nil || a.code == exitHeld {
					return err
				}
			}
			s, err := a.open("apply")
			if err != nil {
				return err
			}
			return errors.Join(s.applySaved(args[0], saved), s.close())
		},
	}
	a.outputFlag(c)
	return c
}

func (a *app) readSaved(path string) ([]plan.Saved, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the saved plan: %w", err)
	}
	defer file.Close()
	saved, err := plan.ReadSaved(file, a.program())
	if err != nil {
		return nil, fmt.Errorf("read the saved plan %s: %w", path, err)
	}
	return saved, nil
}

// checkSaved plans all sections on a copy of the state, and refuses the file unless each
// would do now what it says.
func (a *app) checkSaved(path string, saved []plan.Saved) error {
	s, err := a.openScratch("apply")
	if err != nil {
		return err
	}
	var differ []error
	for _, want := range saved {
		if err = s.checkSection(path, want); errors.Is(err, errDiffers) {
			differ, err = append(differ, err), nil
		}
		if err != nil {
			break
		}
	}
	if err != nil {
		err = s.refused(err)
	}
	return errors.Join(errors.Join(differ...), err, s.close())
}

func (s *session) checkSection(path string, want plan.Saved) error {
	job, err := s.jobAt(want.Job, want.Target)
	if err != nil {
		return err
	}
	stopped, err := s.engine.Stopped(job)
	if err != nil {
		return err
	}
	if stopped != nil {
		return stopped
	}
	plans, done, err := s.engine.Plan(s.ctx, job, engine.How{Run: s.runID()})
	defer done()
	if err != nil {
		return err
	}
	for _, p := range plans {
		if p.Digest != want.Digest {
			return s.differsFrom(path, want, p)
		}
	}
	return nil
}

// errDiffers is the error of a saved plan that is not what would be done now.
var errDiffers = errors.New("nothing was sent")

func (s *session) differsFrom(path string, want plan.Saved, now *plan.Plan) error {
	return fmt.Errorf("%s at %s: %w: what it would do now is not what %s says (%d changes then, %d now). "+
		"To look: %s", want.Job, want.Target, errDiffers, path, want.Changes, now.Changes(), s.program().Command("plan", want.Job))
}

func (s *session) applySaved(path string, saved []plan.Saved) error {
	for _, want := range saved {
		job, err := s.jobAt(want.Job, want.Target)
		if err != nil {
			return err
		}
		s.announce(job)
		progress := s.progress()
		outcomes, err := s.engine.Run(s.ctx, job, engine.How{Run: s.runID(), Expect: want.Digest, Ended: progress.show})
		progress.end()
		if err != nil {
			return s.refused(err)
		}
		for _, o := range outcomes {
			if o.Differs {
				return s.differsFrom(path, want, o.Plan)
			}
		}
		if err := s.report(outcomes); err != nil {
			return err
		}
	}
	return nil
}
