package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"scimsync/sync/engine"
	"scimsync/sync/mapping"
	"scimsync/sync/record"
)

func (a *app) eval() *cobra.Command {
	c := &cobra.Command{
		Use:     "eval JOB WHO EXPR",
		Short:   "Try an expression on one person",
		Long:    "Reads the job's sources, finds the person, and prints the value of the expression as a mapping line would get it.",
		Example: "  scimsync eval staff jdoe 'upper(first(values(\"mail\")))'",
		Args:    cobra.ExactArgs(3),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := a.openScratch("eval")
			if err != nil {
				return err
			}
			return errors.Join(s.evalOne(args[0], args[1], args[2]), s.close())
		},
	}
	a.outputFlag(c)
	return c
}

func (s *session) evalOne(name, who, text string) error {
	if _, err := s.jobNames([]string{name}); err != nil {
		return err
	}
	// The rest of the map need not be right for one expression to be tried.
	jobs, err := (&builder{session: s, ctx: s.ctx, lenient: true}).jobs([]string{name})
	if err != nil {
		return err
	}
	job := jobs[0]
	for i := range job.Sources { // the expression may ask for groups, whatever the job does
		if src := &job.Sources[i]; src.GroupNames == nil && s.cfg.Source(src.Name).HasGroups() {
			src.GroupNames = []string{groupName}
		}
	}
	if err := s.engine.Collect(s.ctx, job); err != nil {
		return err // also of a job that is stopped: nothing is held by this, it could not be done
	}
	key, err := s.find(&job, who)
	if err != nil {
		return err
	}
	value, err := s.evaluate(job, key, text)
	if err != nil {
		return err
	}
	out, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("print the value: %w", err)
	}
	if !s.asksJSON() && value == nil {
		out = []byte("nil")
	}
	_, err = fmt.Fprintln(s.Out, string(out))
	return err
}

// evaluate reads the person with what the expression uses, which may be more than the
// mirror keeps.
func (s *session) evaluate(job engine.Job, key record.Key, text string) (any, error) {
	src := s.sources[key.Source]
	expression, problems := mapping.CompileExpression(text, mapping.Spec{Schema: *src.schema, Source: key.Source, Read: s.program().Command("read", key.Source, "--raw"), Shape: job.Flows[0].Shape,
		Groups: asking(s.cfg.Source(key.Source)), References: true})
	if len(problems) > 0 {
		var errs []error
		for _, p := range problems {
			errs = append(errs, errors.New(p.String()))
		}
		return nil, usageError{errors.Join(errs...)}
	}
	var groups []string
	if expression.Groups() {
		of, err := s.engine.GroupsOf(key)
		if err != nil {
			return nil, err
		}
		groups = of
	}
	var value any
	seen := false
	_, err := src.Read(s.ctx, record.Want{Names: expression.Names()}, func(r *record.Record) (err error) {
		if r.ID != key.ID {
			return nil
		}
		r.Groups = groups
		if value, err = expression.Eval(r, time.Now()); err != nil {
			return err
		}
		seen = true
		return errEnough
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	if !seen {
		return nil, fmt.Errorf("%s is not in the source", key)
	}
	if ref, is := value.(mapping.Reference); is {
		return s.meant(key.Source, ref)
	}
	return value, nil
}

// meant says whom a reference means.
func (s *session) meant(source string, ref mapping.Reference) (any, error) {
	said := map[string]any{"ref": ref.Value, "means": nil}
	if ref.By != "" {
		said["by"] = ref.By
	}
	key, found, err := s.engine.Refers(source, ref)
	if found {
		said["means"] = key.String()
	}
	return said, err
}
