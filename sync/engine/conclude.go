package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
)

// conclude puts the plan together for the reader. Each works until the work is closed.
func (w *work) conclude() error {
	p := &plan.Plan{Job: w.flow.Flow.Job, Target: w.flow.Flow.Target, Base: w.baseDigest(), Source: sourceNames(w.job), At: w.at,
		Each: w.each, Summary: map[plan.Action]int{}, Conflicts: w.conflicts, Parked: w.parked,
		Protected: w.protected, Unclaimed: w.unclaimed, Notes: w.notes, Lookups: w.lookups()}
	var all, held plan.Set
	rejected := 0
	err := w.each(func(c *plan.Change) error {
		p.Summary[c.Action]++
		digest := c.Digest()
		all.Add(digest)
		if c.Held {
			held.Add(digest)
			if w.rejected[digest] {
				rejected++
			}
		}
		p.Calls += c.Calls()
		return nil
	})
	if err != nil {
		return err
	}
	p.Digest, p.Held = all.String(), held.Len()
	if p.Held > 0 {
		p.HeldDigest, p.Holds = held.String(), slices.Clone(w.ruling.Limits)
	}
	if rejected > 0 {
		p.Holds = append(p.Holds, ledger.Limit{Limit: plan.LimitRejected, N: rejected, Of: p.Held, Max: "0"})
	}
	if rate := w.flow.Lane.Pace().Rate; rate > 0 {
		p.Estimate = time.Duration(float64(p.Calls) / rate * float64(time.Second)).Round(time.Second)
	}
	w.plan = p
	return nil
}

// lookups is how many requests that change nothing the run has sent so far.
func (w *work) lookups() int { return w.flow.Target.Reads() - w.reads }

// baseDigest names what was known when the plan was made.
func (w *work) baseDigest() string {
	var parts []string
	for source, seq := range w.next.Planned {
		parts = append(parts, fmt.Sprintf("%s=%d", source, seq))
	}
	sort.Strings(parts)
	sum := sha256.Sum256([]byte(w.next.MapVersion + strings.Join(parts, ",")))
	return hex.EncodeToString(sum[:8])
}

func sourceNames(job Job) string {
	var names []string
	for _, src := range job.Sources {
		names = append(names, src.Name)
	}
	return strings.Join(names, ",")
}
