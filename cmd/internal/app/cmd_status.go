package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"scimsync/state"
	"scimsync/sync/ledger"
	"scimsync/sync/plan"
)

func (a *app) status() *cobra.Command {
	var exitCode bool
	c := &cobra.Command{
		Use:   "status [JOB]",
		Short: "Show jobs, last runs, what is held, who is parked and who is in conflict",
		Long: "Shows for each job and target the last run, live accounts, what is held with the command that releases it, and who waits: parked, or in conflict.\n\n" +
			"With --exit-code: 3 something is held; 4 somebody is parked or in conflict; 1 the last run failed or did not end.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := a.open("status")
			if err != nil {
				return err
			}
			return errors.Join(s.statusOf(args, exitCode), s.close())
		},
	}
	c.Flags().BoolVar(&exitCode, "exit-code", false, "tell the state by the exit code, for monitoring")
	a.outputFlag(c)
	return c
}

// flowStatus is what is told of one flow.
type flowStatus struct {
	Job       string         `json:"job"`
	Target    string         `json:"target"`
	Accounts  map[string]int `json:"accounts"`
	LastRun   *runStatus     `json:"last_run,omitempty"`
	Hold      *holdResult    `json:"hold,omitempty"`
	Rejected  string         `json:"rejected_by,omitempty"`
	Approved  *yesStatus     `json:"approved,omitempty"` // the last yes, until the run after it
	Parked    []plan.Problem `json:"parked"`
	Conflicts []plan.Problem `json:"conflicts"`
	Expiring  []string       `json:"expiring,omitempty"`
	Waits     []waitStatus   `json:"waits,omitempty"`
}

// yesStatus is who said yes to what was held, and when.
type yesStatus struct {
	By string `json:"by"`
	At string `json:"at"`
}

// waitStatus is a wait that a target has asked for.
type waitStatus struct {
	Limit     string `json:"limit,omitempty"` // what it is for; "": everything
	NotBefore string `json:"not_before"`
}

// waits are those that are not over.
func (s *session) waits(target string) ([]waitStatus, error) {
	pace, err := state.ReadPace(s.cfg.State.Dir, budgetOf(s.cfg.Target(target)))
	if err != nil {
		return nil, err
	}
	var waits []waitStatus
	for _, limit := range slices.Sorted(maps.Keys(pace)) {
		if until := pace[limit].NotBefore; until.After(time.Now()) {
			waits = append(waits, waitStatus{limit, until.UTC().Format(time.RFC3339)})
		}
	}
	return waits, nil
}

type runStatus struct {
	ID      string         `json:"id"`
	Started string         `json:"started"`
	Took    string         `json:"took,omitempty"`    // absent: it did not end
	Unended bool           `json:"unended,omitempty"` // it was killed, or the machine went down
	Done    map[string]int `json:"done"`
	Calls   int            `json:"calls"`
	Lookups int            `json:"lookups"`
	Pending int            `json:"pending,omitempty"` // planned and free to go, but not done: the next run sends them
	Error   string         `json:"error,omitempty"`
}

// pending counts the changes of a run that may be sent and were not acknowledged.
func pending(r ledger.Run) int {
	n := -r.Held
	for _, planned := range r.Planned {
		n += planned
	}
	for _, done := range r.Done {
		n -= done
	}
	return max(n, 0)
}

func (s *session) statusOf(args []string, exitCode bool) error {
	names, err := s.jobNames(args)
	if err != nil {
		return err
	}
	for _, name := range names {
		for _, f := range s.cfg.Flows(name) {
			status, err := s.flowStatus(ledger.Flow{Job: f.Job, Target: f.Target})
			if err != nil {
				return err
			}
			if exitCode {
				s.exitsFor(status)
			}
			if err := s.writeStatus(status); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *session) exitsFor(f flowStatus) {
	if f.Hold != nil {
		s.exits(exitHeld)
	}
	if len(f.Parked)+len(f.Conflicts) > 0 {
		s.exits(exitParked)
	}
	if f.LastRun != nil && (f.LastRun.Error != "" || f.LastRun.Unended) {
		s.exits(exitFailed)
	}
}

func (s *session) flowStatus(flow ledger.Flow) (flowStatus, error) {
	st := flowStatus{Job: flow.Job, Target: flow.Target, Accounts: map[string]int{}, Parked: []plan.Problem{}, Conflicts: []plan.Problem{}}
	standings, err := s.store.Standings(flow)
	if err != nil {
		return st, err
	}
	for standing, n := range standings {
		st.Accounts[standing.String()] = n
	}
	runs, err := s.store.Runs(flow, 1)
	if err != nil {
		return st, err
	}
	if len(runs) > 0 {
		st.LastRun = runStatusOf(runs[0])
	}
	hold, err := s.store.Hold(flow)
	if err != nil {
		return st, err
	}
	if hold != nil {
		st.Hold = &holdResult{ID: hold.ID, Held: len(hold.Lines), Limits: hold.Limits, Next: s.program().Approve(hold.Job, hold.Target)}
		st.Rejected = hold.Rejected
	}
	if st.Approved, err = s.approved(flow); err != nil {
		return st, err
	}
	if st.Waits, err = s.waits(flow.Target); err != nil {
		return st, err
	}
	st.Expiring = texts(s.cfg.Target(flow.Target), time.Now())
	err = s.store.EachLook(flow, func(l *ledger.Look) error {
		if l.Parked == nil {
			return nil
		}
		problem := plan.Problem{Key: l.Key.ID, Why: l.Parked.Error, Retry: l.Parked.Retry(time.Now())}
		if l.Parked.Conflicts() {
			st.Conflicts = append(st.Conflicts, problem)
		} else {
			st.Parked = append(st.Parked, problem)
		}
		return nil
	})
	return st, err
}

func runStatusOf(r ledger.Run) *runStatus {
	st := &runStatus{ID: r.ID, Started: r.Started.UTC().Format(time.RFC3339), Done: r.Done, Calls: r.Calls, Lookups: r.Lookups, Error: r.Error}
	if r.Done == nil { // it could not even begin
		st.Done = map[string]int{}
	}
	// Whoever has the state open to itself, as we have, knows that no run is under way.
	if st.Unended = r.Ended.IsZero(); !st.Unended {
		st.Took, st.Pending = r.Ended.Sub(r.Started).Round(time.Millisecond).String(), pending(r)
	}
	return st
}

// approved is the last yes to what was held; nil: there is none that still counts.
func (s *session) approved(flow ledger.Flow) (*yesStatus, error) {
	yes, err := s.store.Approval(flow)
	if err != nil || yes == nil || len(yes.Digests) == 0 {
		return nil, err
	}
	at := time.Unix(slices.Max(slices.Collect(maps.Values(yes.Digests))), 0)
	return &yesStatus{yes.By, at.UTC().Format(time.RFC3339)}, nil
}

func (s *session) writeStatus(f flowStatus) error {
	if s.asksJSON() {
		return json.NewEncoder(s.Out).Encode(f)
	}
	var accounts []string
	for _, standing := range []ledger.Standing{ledger.Live, ledger.Suspended, ledger.Left, ledger.Gone} {
		if n := f.Accounts[standing.String()]; n > 0 {
			accounts = append(accounts, fmt.Sprintf("%d %s", n, standing))
		}
	}
	if accounts == nil {
		accounts = []string{"no account yet"}
	}
	fmt.Fprintf(s.Out, "%s: %s\n", ledger.Flow{Job: f.Job, Target: f.Target}, strings.Join(accounts, ", "))
	switch r := f.LastRun; {
	case r == nil:
		fmt.Fprintln(s.Out, "  never ran")
	case r.Unended:
		fmt.Fprintf(s.Out, "  the run that started %s did not end: it was killed, or the machine went down; the next one goes on from what was acknowledged\n", r.Started)
	case r.Error != "":
		fmt.Fprintf(s.Out, "  last run %s failed: %s\n", r.Started, plan.Safe(r.Error))
	default:
		fmt.Fprintf(s.Out, "  last run %s, %s, %s\n", r.Started, r.Took, requests(r.Calls, r.Lookups))
	}
	if f.LastRun != nil && f.LastRun.Pending > 0 {
		fmt.Fprintf(s.Out, "  %s of it still to be sent\n", count(f.LastRun.Pending, "change"))
	}
	if f.Approved != nil {
		fmt.Fprintf(s.Out, "  approved by %s, %s\n", plan.Safe(f.Approved.By), f.Approved.At)
	}
	for _, w := range f.Waits {
		what := ""
		if w.Limit != "" {
			what = " (" + w.Limit + ")"
		}
		fmt.Fprintf(s.Out, "  the target asked for no request before %s%s\n", w.NotBefore, what)
	}
	for _, e := range f.Expiring {
		fmt.Fprintf(s.Out, "  %s\n", e)
	}
	if f.Hold != nil {
		for _, l := range f.Hold.Limits {
			fmt.Fprintf(s.Out, "  held: %s\n", plan.LimitText(l))
		}
		if f.Rejected != "" {
			fmt.Fprintf(s.Out, "  rejected by %s\n", plan.Safe(f.Rejected))
		}
		fmt.Fprintf(s.Out, "  %s held as %s; to release: %s\n", count(f.Hold.Held, "change"), f.Hold.ID, f.Hold.Next)
	}
	s.writeProblems("conflict", f.Conflicts)
	s.writeProblems("parked", f.Parked)
	return nil
}
