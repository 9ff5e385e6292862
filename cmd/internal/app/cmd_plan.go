package app

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"scimsync/sync/engine"
	"scimsync/sync/plan"
)

func (a *app) plan() *cobra.Command {
	var who, out, format string
	var exitCode, all bool
	c := &cobra.Command{
		Use:   "plan [JOB…]",
		Short: "Show what a run would do; send nothing, change nothing",
		Long: "Reads the sources, maps, matches and compares, and prints what a run would do. Sends no write and changes no state;\n" +
			"finding accounts of new people takes requests that read.\n\n" +
			"Exit codes: 0, or 2 with --exit-code when there are changes; 1 when it could not be done.",
		Example: "  scimsync plan\n  scimsync plan staff --user jdoe\n  scimsync plan staff --out friday.plan && scimsync apply friday.plan",
		Args:    cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			if format != "text" && format != "json" && format != "html" {
				return usageError{fmt.Errorf("--format %q: it may be text, json, html", format)}
			}
			s, err := a.openScratch("plan")
			if err != nil {
				return err
			}
			return errors.Join(s.planJobs(args, planView{who: who, out: out, format: format, exitCode: exitCode, all: all}), s.close())
		},
	}
	c.Flags().StringVar(&who, "user", "", "only this person: key, login, mail, externalId, remote id or DN")
	c.Flags().StringVar(&out, "out", "", "save the plan for scimsync apply")
	c.Flags().StringVar(&format, "format", "text", "text, json or html")
	c.Flags().BoolVar(&exitCode, "exit-code", false, "exit 2 when there are changes")
	c.Flags().BoolVar(&all, "all", false, "do not fold long lists")
	return c
}

// planView is how plans are shown.
type planView struct {
	who, out, format string
	exitCode, all    bool
}

func (s *session) planJobs(args []string, view planView) error {
	names, err := s.jobNames(args)
	if err != nil {
		return err
	}
	var plans []*plan.Plan
	var failed []error
	for _, name := range names {
		jobs, err := s.jobs(s.ctx, []string{name})
		if err != nil {
			failed = append(failed, err)
			continue
		}
		how := engine.How{Run: s.runID(), Who: s.who(&jobs[0], view.who)}
		made, done, err := s.engine.Plan(s.ctx, jobs[0], how)
		defer done()
		if err != nil {
			failed = append(failed, err)
			continue
		}
		plans = append(plans, made...)
	}
	if err := s.show(plans, view); err != nil {
		failed = append(failed, err)
	}
	if view.exitCode {
		for _, p := range plans {
			if p.Changes() > 0 {
				s.exits(exitChanges)
			}
		}
	}
	return errors.Join(failed...)
}

func (s *session) show(plans []*plan.Plan, view planView) error {
	if len(plans) == 0 {
		return nil
	}
	if view.out != "" {
		if err := save(view.out, plans); err != nil {
			return err
		}
		fmt.Fprintf(s.Err, "Saved. To send exactly this: %s\n", s.program().Command("apply", view.out))
	}
	if view.format == "html" {
		return plan.WriteHTML(s.Out, plans, s.program())
	}
	for _, p := range plans {
		if err := s.write(s.Out, p, view); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) write(out io.Writer, p *plan.Plan, view planView) error {
	if view.format == "json" {
		return p.WriteJSON(out)
	}
	return p.WriteText(out, s.styled(view.all))
}

// save writes plans to a file, whole or not at all. They hold personal data.
func save(path string, plans []*plan.Plan) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".plan-")
	if err != nil {
		return fmt.Errorf("save the plan: %w", err)
	}
	defer func() { _ = os.Remove(file.Name()) }() // after a rename there is nothing to remove
	for _, p := range plans {
		if err := p.WriteJSON(file); err != nil {
			return errors.Join(fmt.Errorf("save the plan: %w", err), file.Close())
		}
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("save the plan: %w", err)
	}
	return os.Rename(file.Name(), path)
}

// style is how text for the reader is written.
func (s *session) style() plan.Style { return s.styled(false) }

func (s *session) styled(all bool) plan.Style {
	return plan.Style{Color: s.colored(), Width: s.Width, All: all, Program: s.program()}
}
