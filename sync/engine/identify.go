package engine

import (
	"fmt"
	"maps"
	"sort"
	"strings"

	"scimsync/sync/ledger"
)

// Changed is the error of a job whose source, target or definition is not the one
// that its state belongs to. Nothing is sent until a human says that it is meant.
type Changed struct {
	Job   string
	Lines []string // one for each difference
	// Accept is the command that says it is the same all the same.
	Accept string
}

func (c *Changed) Error() string {
	return fmt.Sprintf("job %s is stopped, nothing was sent: %s. If it is still the same, and only described anew: %s. "+
		"If it is another one: give it another name", c.Job, strings.Join(c.Lines, "; "), c.Accept)
}

// identify compares the job, its sources and its targets with what their state
// belongs to. What is seen for the first time is remembered; what is not said any more
// (the groups of a source that has none now) stays remembered until it is said again.
func (e *Engine) identify(job Job) error {
	stopped, err := e.Stopped(job)
	if err != nil {
		return err
	}
	if stopped != nil {
		return stopped
	}
	return e.eachIdentity(job, func(_ string, stored, now map[string]string, put func(map[string]string) error) error {
		all := maps.Clone(now)
		maps.Copy(all, stored)
		if maps.Equal(all, stored) {
			return nil
		}
		return put(all)
	})
}

// Stopped tells why a job is stopped; nil: it is not.
func (e *Engine) Stopped(job Job) (*Changed, error) {
	lines, err := e.Changes(job)
	if err != nil || len(lines) == 0 {
		return nil, err
	}
	return &Changed{Job: job.Name, Lines: lines, Accept: e.Program.Command("approve", job.Name)}, nil
}

// Changes gives, one line each, how the job, its sources and its targets are not what
// their state belongs to.
func (e *Engine) Changes(job Job) ([]string, error) {
	var lines []string
	err := e.eachIdentity(job, func(what string, stored, now map[string]string, _ func(map[string]string) error) error {
		lines = append(lines, differences(what, stored, now)...)
		return nil
	})
	return lines, err
}

// Accept remembers the job, its sources and its targets as they are now.
func (e *Engine) Accept(job Job) error {
	return e.eachIdentity(job, func(_ string, _, now map[string]string, put func(map[string]string) error) error { return put(now) })
}

// eachIdentity walks through everything that has an identity.
func (e *Engine) eachIdentity(job Job, fn func(what string, stored, now map[string]string, put func(map[string]string) error) error) error {
	info, err := e.Store.Job(job.Name)
	if err != nil {
		return err
	}
	if err := fn("job "+job.Name, info.Fingerprint, job.Fingerprint, func(is map[string]string) error {
		return e.Store.PutJob(job.Name, ledger.JobInfo{Fingerprint: is})
	}); err != nil {
		return err
	}
	for _, src := range job.Sources {
		info, err := e.Store.Source(src.Name)
		if err != nil {
			return err
		}
		if err := fn("source "+src.Name, info.Fingerprint, src.Fingerprint, func(is map[string]string) error {
			info.Fingerprint = is
			return e.Store.PutSource(src.Name, info)
		}); err != nil {
			return err
		}
	}
	for _, flow := range job.Flows {
		name := flow.Flow.Target
		info, err := e.Store.Target(name)
		if err != nil {
			return err
		}
		if err := fn("target "+name, info.Fingerprint, flow.Identity, func(is map[string]string) error {
			info.Fingerprint = is
			return e.Store.PutTarget(name, info)
		}); err != nil {
			return err
		}
	}
	return nil
}

func differences(what string, stored, now map[string]string) []string {
	var lines []string
	for k, was := range stored {
		if is, said := now[k]; said && is != was {
			lines = append(lines, fmt.Sprintf("%s: %s was %q and is %q", what, k, was, is))
		}
	}
	sort.Strings(lines)
	return lines
}
