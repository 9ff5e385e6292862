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
			"What the guard holds stays held: scimsync approve releases it.",
		Example: "  scimsync plan staff --out friday.plan\n  scimsync apply friday.plan",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			saved, err := readSaved(args[0])
			if err != nil {
				return err
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

func readSaved(path string) ([]plan.Saved, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the saved plan: %w", err)
	}
	defer file.Close()
	saved, err := plan.ReadSaved(file)
	if err != nil {
		return nil, fmt.Errorf("read the saved plan %s: %w", path, err)
	}
	return saved, nil
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
				return fmt.Errorf("%s: nothing was sent: what it would do now is not what %s says (%d changes then, %d now). "+
					"To look: %s", o.Flow, path, want.Changes, o.Plan.Changes(), s.program().Command("plan", want.Job))
			}
		}
		if err := s.report(outcomes); err != nil {
			return err
		}
	}
	return nil
}
