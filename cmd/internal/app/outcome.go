package app

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"scimsync/sync/engine"
	"scimsync/sync/ledger"
	"scimsync/sync/plan"
)

// result is what came of one flow, for --output json.
type result struct {
	Job       string              `json:"job"`
	Target    string              `json:"target"`
	Done      map[plan.Action]int `json:"done"`
	Calls     int                 `json:"calls"`
	Lookups   int                 `json:"lookups"`
	Unsent    int                 `json:"unsent,omitempty"`
	Parked    []plan.Problem      `json:"parked"`
	Conflicts []plan.Problem      `json:"conflicts"`
	Protected int                 `json:"protected,omitempty"`
	Notes     []string            `json:"notes,omitempty"`
	Held      int                 `json:"held,omitempty"`
	Hold      *holdResult         `json:"hold,omitempty"`
	Error     string              `json:"error,omitempty"`
}

type holdResult struct {
	ID     string         `json:"id"`
	Held   int            `json:"held"`
	Limits []ledger.Limit `json:"limits"`
	Next   string         `json:"next"`
}

func (s *session) resultOf(o engine.Outcome) result {
	r := result{Job: o.Flow.Job, Target: o.Flow.Target, Done: o.Applied.Done, Calls: o.Applied.Calls, Lookups: o.Lookups, Unsent: o.Applied.Unsent,
		Parked: append([]plan.Problem{}, o.Applied.Parked...), Conflicts: append([]plan.Problem{}, o.Applied.Conflicts...)}
	if r.Done == nil {
		r.Done = map[plan.Action]int{}
	}
	if o.Plan != nil {
		r.Parked = append(r.Parked, others(o.Plan.Parked, o.Applied.Parked)...)
		r.Conflicts = append(r.Conflicts, others(o.Plan.Conflicts, o.Applied.Conflicts)...)
		r.Protected, r.Held, r.Notes = o.Plan.Protected, o.Plan.Held, o.Plan.Notes
	}
	if o.Hold != nil {
		r.Held = 0 // said below
		r.Hold = &holdResult{ID: o.Hold.ID, Held: len(o.Hold.Lines), Limits: o.Hold.Limits, Next: s.program().Approve(o.Hold.Job, o.Hold.Target)}
	}
	if o.Err != nil {
		r.Error = o.Err.Error()
	} else if o.Applied.Stopped != nil {
		r.Error = o.Applied.Stopped.Error()
	}
	return r
}

// others leaves out the people who are said already: a leaver who failed ahead of the
// plan waits in the plan, too.
func others(list, said []plan.Problem) []plan.Problem {
	return slices.DeleteFunc(slices.Clone(list), func(p plan.Problem) bool {
		return slices.ContainsFunc(said, func(s plan.Problem) bool { return s.Key == p.Key && s.Group == p.Group })
	})
}

// program is how the commands in hints begin: with the config that was named.
func (a *app) program() plan.Program { return plan.ProgramWith(a.config) }

// writeOutcome prints what came of one flow.
func (s *session) writeOutcome(o engine.Outcome) error {
	r := s.resultOf(o)
	if s.asksJSON() {
		return json.NewEncoder(s.Out).Encode(r)
	}
	var done []string
	for _, action := range plan.Actions {
		if n := r.Done[action]; n > 0 {
			done = append(done, fmt.Sprintf("%s %d", action, n))
		}
	}
	text := "nothing to do"
	switch {
	case len(done) > 0:
		text = strings.Join(done, ", ")
	case r.Held > 0 || r.Hold != nil || r.Error != "" || len(r.Parked)+len(r.Conflicts) > 0:
		text = "nothing done"
	}
	fmt.Fprintf(s.Out, "%s: %s; %s\n", o.Flow, text, requests(r.Calls, r.Lookups))
	switch {
	case o.Replaced:
		fmt.Fprintf(s.Out, "  a newer run has taken over\n")
	case o.Yields:
		fmt.Fprintf(s.Out, "  an earlier run is under way and goes on\n")
	}
	if r.Unsent > 0 && r.Error == "" {
		fmt.Fprintf(s.Out, "  %s to be sent by the next run\n", count(r.Unsent, "change"))
	}
	s.writeProblems("conflict", r.Conflicts)
	s.writeProblems("parked", r.Parked)
	if r.Protected > 0 {
		fmt.Fprintf(s.Out, "  protected: %s left alone\n", count(r.Protected, "account"))
	}
	for _, note := range r.Notes {
		fmt.Fprintf(s.Out, "  note: %s\n", plan.Safe(note))
	}
	switch {
	case o.Hold != nil:
		s.writeHold(o)
	case r.Held > 0: // of a run for a few people; what can be released is shown for all
		fmt.Fprintf(s.Out, "  %s held. To have it shown for release: %s\n", count(r.Held, "change"), s.program().Command("sync", o.Flow.Job))
	}
	return nil
}

// mostProblems is how many people who wait are printed.
const mostProblems = 20

func (s *session) writeProblems(word string, problems []plan.Problem) {
	for i, p := range problems {
		if i == mostProblems {
			fmt.Fprintf(s.Out, "  … and %d more; %s shows all\n", len(problems)-i, s.program().Command("plan"))
			return
		}
		retry := ""
		if p.Retry != "" {
			retry = " (next try " + p.Retry + ")"
		}
		fmt.Fprintf(s.Out, "  %s: %s: %s%s\n", word, plan.Safe(person(p)), plan.Safe(p.Why), retry)
	}
}

func person(p plan.Problem) string {
	who := p.Key
	if p.Name != "" && p.Name != p.Key {
		who = p.Name + " (" + p.Key + ")"
	}
	if p.Group != "" {
		who += " in " + p.Group
	}
	return who
}

func (s *session) writeHold(o engine.Outcome) {
	for _, l := range o.Hold.Limits {
		if l.Limit == plan.LimitFirstRun {
			fmt.Fprintf(s.Out, "  held: the first run at %s waits for a yes: %s\n", o.Flow.Target, firstRun(o))
			continue
		}
		if l.Limit == plan.LimitRejected {
			fmt.Fprintf(s.Out, "  held: %s wait because of a no, or were left out of a yes\n", count(l.N, "change"))
			continue
		}
		fmt.Fprintf(s.Out, "  held: %s\n", plan.LimitText(l))
	}
	fmt.Fprintf(s.Out, "  %s held as %s. To look: %s. To release: %s\n",
		count(len(o.Hold.Lines), "change"), o.Hold.ID, s.program().Command("plan", o.Hold.Job), s.program().Approve(o.Hold.Job, o.Hold.Target))
}

// firstRun says in one line what a first run would do.
func firstRun(o engine.Outcome) string {
	var parts []string
	for _, action := range plan.Actions {
		if n := o.Plan.Summary[action]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", action, n))
		}
	}
	parts = append(parts, count(len(o.Plan.Conflicts), "conflict"))
	if o.Plan.Unclaimed >= 0 {
		parts = append(parts, fmt.Sprintf("%d accounts nobody claims are left alone", o.Plan.Unclaimed))
	}
	return strings.Join(parts, ", ")
}

// requests says how much was asked of a target, as in "42 calls, 31 lookups".
func requests(calls, lookups int) string {
	if lookups == 0 {
		return count(calls, "call")
	}
	return count(calls, "call") + ", " + count(lookups, "lookup")
}

func count(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// progress shows how far a run has come: one line that is overwritten on a terminal,
// a line in the log now and then elsewhere.
type progress struct {
	s       *session
	mu      sync.Mutex
	started time.Time
	last    time.Time
	shown   bool
}

func (s *session) progress() *progress { return &progress{s: s, started: time.Now(), last: time.Now()} }

func (p *progress) show(flow ledger.Flow, done, of int) { p.count(flow.String(), done, of) }

// count shows how far something has come.
func (p *progress) count(what string, done, of int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	interval := 10 * time.Second
	if p.s.Terminal {
		interval = 200 * time.Millisecond
	}
	if time.Since(p.last) < interval {
		return
	}
	p.last = time.Now()
	rate := float64(done) / time.Since(p.started).Seconds()
	left := time.Duration(float64(of-done) / rate * float64(time.Second)).Round(time.Second)
	text := fmt.Sprintf("%s: %d of %d, %.1f a second, %s left", what, done, of, rate, left)
	if !p.s.Terminal {
		p.s.log.Info(text)
		return
	}
	p.shown = true
	fmt.Fprintf(p.s.Err, "\r\x1b[K%s", text)
}

func (p *progress) end() {
	if p.shown {
		fmt.Fprint(p.s.Err, "\r\x1b[K")
	}
}
