package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"scimsync/sync/drift"
	"scimsync/sync/engine"
	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
)

// driftReport tells what a comparison finds, and has it repaired.
type driftReport struct {
	*session
	target string
	reads  func() int // requests so far

	summary drift.Summary
	marked  map[string][]*drift.Finding // by job
}

// findingLine is one account, for --output json.
type findingLine struct {
	Job         string           `json:"job"`
	Kind        drift.Kind       `json:"kind"`
	Key         string           `json:"key"`
	Source      string           `json:"source"`
	Name        string           `json:"name"`
	RemoteID    string           `json:"remote_id"`
	Differences []differenceLine `json:"differences,omitempty"`
	Now         string           `json:"now,omitempty"` // moved: the other account's id; taken: the externalId there
	Error       string           `json:"error,omitempty"`
	Repair      bool             `json:"repair,omitempty"` // marked for repair
}

type differenceLine struct {
	Path   string `json:"path"`
	Pushed any    `json:"pushed"`
	There  any    `json:"there"`
	Fixed  bool   `json:"fixed,omitempty"` // it cannot be changed there
}

// driftSummary is the last line.
type driftSummary struct {
	Target    string             `json:"target"`
	Compared  int                `json:"compared"`
	Found     map[drift.Kind]int `json:"found"`
	Protected int                `json:"protected,omitempty"`
	InDoubt   int                `json:"in_doubt,omitempty"`
	NotShown  map[string]int     `json:"not_shown,omitempty"`
	Since     string             `json:"since,omitempty"`
	Earlier   int                `json:"earlier,omitempty"`
	Reads     int                `json:"reads"`
}

// run compares, and prints what is found as it is found.
func (r *driftReport) run(check *drift.Check) error {
	progress := r.progress()
	r.marked = map[string][]*drift.Finding{}
	check.Looked = func(n, of int) { progress.count("compare "+r.target, n, of) }
	check.Found = func(f *drift.Finding) error {
		progress.end()
		if f.Marked {
			r.marked[f.Flow.Job] = append(r.marked[f.Flow.Job], f)
		}
		return r.finding(f)
	}
	var err error
	r.summary, err = check.Run(r.ctx)
	progress.end()
	if err != nil && r.ctx.Err() != nil {
		return fmt.Errorf("%s: interrupted after %s; the next %s goes on from there", r.target, count(r.summary.Compared, "account"), r.program().Command("drift", r.target))
	}
	if err != nil {
		return err
	}
	if err := r.conclude(check); err != nil {
		return err
	}
	if n := r.summary.Found[drift.Unreadable]; n > 0 {
		return fmt.Errorf("%s: %s could not be read", r.target, count(n, "account"))
	}
	return nil
}

func (r *driftReport) finding(f *drift.Finding) error {
	if r.asksJSON() {
		return json.NewEncoder(r.Out).Encode(lineOfFinding(f))
	}
	who := fmt.Sprintf("%s: %s, account %s", f.Flow.Job, plan.Safe(person(plan.Problem{Key: f.Key.ID, Name: f.Name})), plan.Safe(f.RemoteID))
	switch f.Kind {
	case drift.Gone:
		fmt.Fprintf(r.Out, "%s: not there any more\n", who)
	case drift.Moved:
		fmt.Fprintf(r.Out, "%s: not there any more; account %s carries this person's externalId\n", who, plan.Safe(f.Now))
	case drift.Taken:
		fmt.Fprintf(r.Out, "%s: carries the externalId %s by now, and is left alone: settle that at the service\n", who, plan.Show(f.Now))
	case drift.Unreadable:
		fmt.Fprintf(r.Out, "%s: %s\n", who, plan.Safe(f.Err.Error()))
	default:
		fmt.Fprintf(r.Out, "%s: changed\n", who)
	}
	column := 0
	for _, d := range f.Differences {
		column = max(column, len(plan.PathName(d.Path)))
	}
	for _, d := range f.Differences {
		note := ""
		if d.Fixed {
			note = " (cannot be changed there)"
		}
		fmt.Fprintf(r.Out, "    %-*s  pushed %s, there %s%s\n", column, plan.PathName(d.Path), plan.Show(d.Pushed), plan.Show(d.There), note)
	}
	return nil
}

func lineOfFinding(f *drift.Finding) findingLine {
	line := findingLine{Job: f.Flow.Job, Kind: f.Kind, Key: f.Key.ID, Source: f.Key.Source, Name: f.Name, RemoteID: f.RemoteID, Now: f.Now, Repair: f.Marked}
	for _, d := range f.Differences {
		line.Differences = append(line.Differences, differenceLine(d))
	}
	if f.Err != nil {
		line.Error = f.Err.Error()
	}
	return line
}

// conclude says what came of the comparison as a whole.
func (r *driftReport) conclude(check *drift.Check) error {
	s := r.summary
	if r.asksJSON() {
		line := driftSummary{Target: r.target, Compared: s.Compared, Found: s.Found, Protected: s.Protected, InDoubt: s.InDoubt, NotShown: s.NotShown,
			Earlier: s.Earlier, Reads: r.reads()}
		if !s.Since.IsZero() {
			line.Since = s.Since.UTC().Format("2006-01-02T15:04:05Z")
		}
		return json.NewEncoder(r.Out).Encode(map[string]driftSummary{"summary": line})
	}
	var found []string
	for _, kind := range []drift.Kind{drift.Changed, drift.Gone, drift.Moved, drift.Taken, drift.Unreadable} {
		if n := s.Found[kind]; n > 0 {
			found = append(found, fmt.Sprintf("%d %s", n, kind))
		}
	}
	text := "as they were left"
	if len(found) > 0 {
		text = strings.Join(found, ", ")
	}
	fmt.Fprintf(r.Out, "%s: %s compared: %s; %s\n", r.target, count(s.Compared, "account"), text, count(r.reads(), "request"))
	if !s.Since.IsZero() {
		fmt.Fprintf(r.Out, "  %s were compared by the run that began at %s and was interrupted; those that were not right are among these\n",
			count(s.Earlier, "account"), s.Since.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	if s.Protected > 0 {
		fmt.Fprintf(r.Out, "  protected: %s left alone\n", count(s.Protected, "account"))
	}
	if s.InDoubt > 0 {
		fmt.Fprintf(r.Out, "  in doubt: %s left out, for a request may be under way; the next run of the job settles that\n", count(s.InDoubt, "account"))
	}
	for _, attr := range slices.Sorted(maps.Keys(s.NotShown)) {
		fmt.Fprintf(r.Out, "  note: %s was pushed to %s, and %s shows it of nobody: whether it is as it was left cannot be told\n",
			plan.PathName(attr), count(s.NotShown[attr], "account"), r.target)
	}
	if n := s.Found[drift.Gone] + s.Found[drift.Moved]; n > plan.MostVanished {
		fmt.Fprintf(r.Out, "  %s are not there any more: is this still the same service?\n", count(n, "account"))
	}
	if n := s.Found[drift.Changed] + s.Found[drift.Gone] + s.Found[drift.Moved]; n > 0 && !check.Mark {
		fmt.Fprintf(r.Out, "  To repair: %s\n", r.program().Command("drift", r.target, "--repair"))
	}
	return nil
}

// repair runs the jobs of the accounts that were marked.
func (r *driftReport) repair() error {
	if r.summary.Found[drift.Taken] > 0 {
		r.exits(exitParked)
	}
	if len(r.marked) == 0 && !r.asksJSON() {
		fmt.Fprintln(r.Out, "Nothing to repair.")
	}
	var failed []error
	for _, job := range slices.Sorted(maps.Keys(r.marked)) {
		made, err := r.jobAt(job, r.target)
		if err == nil {
			err = r.runJob(made, engine.How{Run: r.runID()})
		}
		failed = append(failed, err, r.kept(r.marked[job]))
	}
	return errors.Join(failed...)
}

// kept says which repairs the target acknowledged and did not take: it keeps its own
// value, and that is no drift from now on.
func (r *driftReport) kept(findings []*drift.Finding) error {
	keys := make([]record.Key, len(findings))
	for i, f := range findings {
		keys[i] = f.Key
	}
	entries, err := r.store.Entries(r.target, keys)
	if err != nil {
		return err
	}
	for i, f := range findings {
		for _, d := range f.Differences {
			if there, keeps := echo(entries[i], d.Path); keeps {
				fmt.Fprintf(r.Err, "%s: %s acknowledged the repair of %s and keeps %s; that is no drift from now on\n",
					plan.Safe(person(plan.Problem{Key: f.Key.ID, Name: f.Name})), r.target, plan.PathName(d.Path), plan.Show(there))
			}
		}
	}
	return nil
}

func echo(e *ledger.Entry, path string) (any, bool) {
	if e == nil || len(e.Drift) > 0 {
		return nil, false
	}
	there, keeps := e.Echo[path]
	return there, keeps
}

// writeUnmanaged prints the accounts that nobody claims.
func (s *session) writeUnmanaged(target string, accounts []*unmanagedAccount, complete bool) error {
	if s.asksJSON() {
		enc := json.NewEncoder(s.Out)
		for _, a := range accounts {
			if err := enc.Encode(a); err != nil {
				return err
			}
		}
		return enc.Encode(map[string]any{"summary": map[string]any{"target": target, "unmanaged": len(accounts), "complete": complete}})
	}
	for _, a := range accounts {
		notes := []string{"active is not known"}
		if a.Active != nil {
			notes[0] = map[bool]string{true: "active", false: "inactive"}[*a.Active]
		}
		if a.ExternalID != "" {
			notes = append(notes, "externalId "+plan.Show(a.ExternalID))
		}
		if a.Protected {
			notes = append(notes, "protected")
		}
		if a.Person != "" {
			notes = append(notes, fmt.Sprintf("may belong to %s, by %s", plan.Safe(a.Person), a.By))
		}
		fmt.Fprintf(s.Out, "%s, account %s: %s\n", plan.Show(a.UserName), plan.Safe(a.RemoteID), strings.Join(notes, ", "))
	}
	fmt.Fprintf(s.Out, "%s: %s nobody claims; nothing is done about them\n", target, count(len(accounts), "account"))
	if !complete {
		fmt.Fprintf(s.Out, "  note: that the listing was complete could not be proved, so there may be more\n")
	}
	return nil
}
