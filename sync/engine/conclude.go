package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"scimsync/sync/apply"
	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
)

// conclude puts the plan together for the reader. Each works until the work is closed.
func (w *work) conclude() error {
	p := &plan.Plan{Job: w.flow.Job, Target: w.flow.Target, Base: w.baseDigest(), Source: sourceNames(w.job), At: w.at,
		Each: w.each, Summary: map[plan.Action]int{}, Groups: map[plan.Action]int{}, Conflicts: w.conflicts, Parked: w.parked,
		Protected: w.protected, Unclaimed: w.unclaimed, Notes: w.notes, Lookups: w.lookups()}
	var all, held plan.Set
	rejected := 0
	takes := w.forecast()
	err := w.each(func(c *plan.Change) error {
		p.Summary[c.Action]++
		if c.Key.Kind == record.Group && c.Member == nil {
			p.Groups[c.Action]++
		}
		digest := c.Digest()
		all.Add(digest)
		if c.Held {
			held.Add(digest)
			if w.rejected[digest] {
				rejected++
			}
		}
		takes.add(c)
		return nil
	})
	if err != nil {
		return err
	}
	takes.rest()
	p.Calls = takes.calls
	p.Digest, p.Held = all.String(), held.Len()
	if p.Held > 0 {
		p.HeldDigest, p.Holds = held.String(), slices.Clone(w.ruling.Limits)
	}
	if rejected > 0 {
		p.Holds = append(p.Holds, ledger.Limit{Limit: plan.LimitRejected, N: rejected, Of: p.Held, Max: "0"})
	}
	p.Estimate = takes.Takes().Round(time.Second)
	w.plan = p
	return nil
}

// lookups is how many requests that change nothing the run has sent so far.
func (w *work) lookups() int { return w.flow.Client.Reads() - w.reads }

// forecast foretells how many requests the plan takes and how long: the lookups that it
// took are made again by the run that carries it out, and then come the changes, packed
// as Carry packs them, each stage after the other.
type forecast struct {
	*apply.Forecast
	*apply.Packing
	client func(*plan.Change) apply.Target
	stage  [2]int
	calls  int
}

func (w *work) forecast() *forecast {
	f := &forecast{Forecast: w.flow.Lane.Forecast(), Packing: apply.NewPacking(w.flow.client), client: w.flow.client}
	if n := w.lookups(); n > 0 {
		f.Forecast.Add(w.flow.Client.Reading(), n)
		f.Then()
	}
	return f
}

func (f *forecast) add(c *plan.Change) {
	if stage := c.Stage(); stage != f.stage {
		f.rest()
		f.stage = stage
		f.Then()
	}
	for _, together := range f.Packing.Add(c) {
		f.send(together)
	}
}

// rest foretells what nothing more comes to.
func (f *forecast) rest() { f.send(f.Rest()) }

func (f *forecast) send(changes []*plan.Change) {
	if len(changes) == 0 {
		return
	}
	n := 1
	if len(changes) == 1 {
		n = changes[0].Calls()
	}
	f.calls += n
	f.Forecast.Add(f.client(changes[0]).Draws(changes...), n)
}

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
