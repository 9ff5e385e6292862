package app

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"scimsync/cmd/internal/config"
	"scimsync/sync/record"
)

func (a *app) check() *cobra.Command {
	var connect, effective bool
	c := &cobra.Command{
		Use:   "check [JOB]",
		Short: "Validate the config, and with --connect what it points to",
		Long: "Reports every problem of the config with its file, line and column: keys, values, references, paths and expressions.\n" +
			"For a CSV source the header is read. --connect also binds to each directory and reads one entry of it, and asks each\n" +
			"target for one account. Told besides: what a service does that cannot be taken back, and what is not documented of it.\n" +
			"--effective prints every merged line of a JOB, or all, and where it comes from, instead.\n" +
			"Nothing is written anywhere.",
		Example: "  scimsync check --connect\n  scimsync check --effective staff",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 && !effective {
				return usageError{errors.New("check takes a JOB with --effective only: all jobs are checked together")}
			}
			cfg, err := a.load()
			if err != nil {
				return err
			}
			if effective {
				return a.effective(cfg, args)
			}
			return a.checkAll(cfg, connect)
		},
	}
	c.Flags().BoolVar(&connect, "connect", false, "also reach every source and target")
	c.Flags().BoolVar(&effective, "effective", false, "print every merged line of a JOB, or all, and where it comes from")
	return c
}

func (a *app) effective(cfg *config.Config, args []string) error {
	job := ""
	if len(args) > 0 {
		job = args[0]
	}
	if job != "" && cfg.Job(job) == nil {
		return usageError{fmt.Errorf("there is no job %q", job)}
	}
	return config.Effective(a.Out, cfg, job)
}

// errEnough ends a read of which the beginning is enough.
var errEnough = errors.New("enough")

func (a *app) checkAll(cfg *config.Config, connect bool) error {
	s, err := a.openMemory(cfg)
	if err != nil {
		return err
	}
	var failed []error
	offline := map[string]bool{}
	if connect {
		for i := range cfg.Sources {
			if err := s.reachSource(cfg.Sources[i].Name); err != nil {
				failed = append(failed, err)
				offline[cfg.Sources[i].Name] = true
			}
		}
	}
	b := &builder{session: s, ctx: a.ctx}
	for _, job := range cfg.Jobs {
		if err := b.checkJob(job.Name, connect, offline); err != nil {
			failed = append(failed, err)
		}
	}
	for _, w := range b.warnings {
		fmt.Fprintf(a.Err, "warning: %v\n", w)
	}
	if len(b.problems) > 0 {
		failed = append(failed, once(b.problems))
	}
	if connect {
		for i := range cfg.Targets {
			if err := s.reachTarget(&cfg.Targets[i]); err != nil {
				failed = append(failed, err)
			}
		}
	}
	for i := range cfg.Targets {
		for _, e := range texts(&cfg.Targets[i], time.Now()) {
			fmt.Fprintf(a.Err, "warning: target %s: %s\n", cfg.Targets[i].Name, e)
		}
		s.tellProfile(&cfg.Targets[i])
	}
	if err := errors.Join(append(failed, s.close())...); err != nil {
		return err
	}
	fmt.Fprintf(a.Out, "%s is valid: %s, %s, %s\n", cfg.File, count(len(cfg.Sources), "source"), count(len(cfg.Targets), "target"), count(len(cfg.Jobs), "job"))
	return nil
}

// checkJob compiles the mappings of a job. A directory is asked for its schema only
// with --connect; without, any attribute name is taken.
func (b *builder) checkJob(name string, connect bool, offline map[string]bool) error {
	for _, from := range b.cfg.Job(name).Sources() {
		src, err := b.source(from)
		if err != nil {
			return err
		}
		if offline[from] {
			return nil // its failure is reported already
		}
		if cfg := b.cfg.Source(from).LDAP; cfg != nil && !connect {
			src.schema = &record.Schema{}
			if cfg.Vendor == config.VendorAuto {
				src.lines = genericLines()
			}
		}
	}
	_, err := b.job(name)
	return err
}

// reachSource reads the first entry of a source.
func (s *session) reachSource(name string) error {
	src, err := s.source(name)
	if err != nil {
		return err
	}
	names, err := s.namesOf(name, false)
	if err != nil {
		return err
	}
	_, err = src.Read(s.ctx, record.Want{Names: names}, func(*record.Record) error { return errEnough })
	if err != nil && !errors.Is(err, errEnough) {
		return fmt.Errorf("source %s: %w", name, err)
	}
	fmt.Fprintf(s.Out, "source %s: reached, %s can be read\n", name, count(len(names), "attribute"))
	if !s.cfg.Source(name).HasGroups() {
		return nil
	}
	groups := &record.WantGroups{Names: []string{groupName}, Link: func(string, string) error { return errEnough }}
	_, err = src.Read(s.ctx, record.Want{Groups: groups}, func(r *record.Record) error {
		if r.Kind == record.Group {
			return nil // the first membership ends it
		}
		return errEnough
	})
	if err != nil && !errors.Is(err, errEnough) {
		return fmt.Errorf("source %s: %w", name, err)
	}
	fmt.Fprintf(s.Out, "source %s: groups can be read\n", name)
	return nil
}

// reachTarget asks a target for one account, and what it can do.
func (s *session) reachTarget(cfg *config.Target) error {
	if cfg.URL == "" {
		fmt.Fprintf(s.Out, "target %s: %s\n", cfg.Name, host(cfg))
		return nil
	}
	t, err := s.target(cfg.Name)
	if err != nil {
		return err
	}
	client, err := s.client(t, nil, nil)
	if err != nil {
		return fmt.Errorf("target %s: %w", cfg.Name, err)
	}
	if err := client.Ping(s.ctx); err != nil {
		return fmt.Errorf("target %s: %w", cfg.Name, err)
	}
	fmt.Fprintf(s.Out, "target %s: reached (%s)\n", cfg.Name, host(cfg))
	sentences, err := client.Describe(s.ctx)
	if err != nil {
		return fmt.Errorf("target %s: %w", cfg.Name, err)
	}
	for _, sentence := range sentences {
		fmt.Fprintf(s.Out, "target %s: %s\n", cfg.Name, sentence)
	}
	return nil
}

// once leaves out problems that were found again for another target.
func once(problems config.Problems) config.Problems {
	seen := map[string]bool{}
	var left config.Problems
	for _, p := range problems {
		if text := p.Error(); !seen[text] {
			seen[text] = true
			left = append(left, p)
		}
	}
	return left
}
