package plan

import (
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"

	"scimsync/sync/record"
)

// WriteText writes the plan for a human: what changes, phase by phase, who waits and
// why, what the guard holds and how it is released, and the totals. Whatever the
// names and values contain, it is safe for a terminal.
func (p *Plan) WriteText(w io.Writer, style Style) error {
	t := &textWriter{printer: newPrinter(w, style), plan: p, part: part{phase: -1}}
	t.header()
	if err := p.Each(t.change); err != nil && t.err == nil {
		t.err = err
	}
	t.endPhase()
	t.memberships()
	t.problems("Conflicts", p.Conflicts, fmt.Sprintf("Settle each at its source or at %s; it is looked at again when the person changes, or at the time given. "+
		"At once: %s", Safe(p.Target), t.Program.Command("sync", p.Job, "--user", "KEY")))
	t.problems("Parked", p.Parked, fmt.Sprintf("Nothing of theirs is lost. They are tried again by themselves, or, once put right, at once: %s",
		t.Program.Command("sync", p.Job, "--user", "KEY")))
	t.summary()
	return t.close("plan")
}

// textWriter writes one plan.
type textWriter struct {
	*printer
	plan *Plan
	part part           // the one under way
	seen map[Action]int // changes of the part
	// members are written after all else, by group.
	members memberships
}

// part is a phase of accounts, or of groups.
type part struct {
	phase  int // -1: none yet
	groups bool
}

func (t *textWriter) header() {
	p := t.plan
	text := fmt.Sprintf("%s at %s", Safe(p.Job), Safe(p.Target))
	if p.Source != "" {
		text += ", from " + Safe(p.Source)
	}
	if !p.At.IsZero() {
		text += ", " + stamp(p.At)
	}
	t.line("%s", t.paint(bold, text))
}

// change writes one change, or folds it.
func (t *textWriter) change(c *Change) error {
	if c.Member != nil {
		most := namesShown
		if t.All {
			most = math.MaxInt
		}
		t.members.add(c, most)
		return t.err
	}
	if now := (part{c.Action.Phase(), c.Key.Kind == record.Group}); now != t.part {
		t.endPhase()
		t.part, t.seen = now, map[Action]int{}
		t.beginPhase()
	}
	n := t.seen[c.Action]
	t.seen[c.Action]++
	if t.folds(n) {
		return t.err
	}
	sign, tone := c.Action.mark()
	held := ""
	if c.Held {
		held = t.paint(alarm, "[held]") + " "
	}
	t.line("%s %s%s%s", t.paint(tone, fmt.Sprintf("%s %-10s", sign, c.Action)), held, c.who(), t.paint(faint, ": "+c.Cause.why()))
	t.differences(c, tone)
	return t.err
}

// namesShown is how many members of each direction are named.
const namesShown = 5

// memberships writes how the members of groups change.
func (t *textWriter) memberships() {
	if len(t.members.groups) == 0 {
		return
	}
	t.line("")
	t.line("%s", t.paint(bold, "Members: "+memberCount(t.plan.Summary)))
	for i, g := range t.members.groups {
		if t.folds(i) {
			t.line("%s", t.paint(faint, fmt.Sprintf("… and %s more groups; --format json shows all", number(len(t.members.groups)-i))))
			return
		}
		held := ""
		if g.held {
			held = t.paint(alarm, "[held]") + " "
		}
		t.line("%s %s%s: %s%s", t.paint(yellow, "~"), held, g.title, g.counts(), t.paint(faint, ": "+g.why))
		for _, side := range []struct {
			sign  string
			tone  tone
			names *memberNames
		}{{"+", green, &g.added}, {"−", red, &g.removed}} {
			for _, name := range side.names.names {
				t.line("      %s", t.paint(side.tone, side.sign+" "+name))
			}
			if rest := side.names.rest(); rest != "" {
				t.line("      %s", t.paint(faint, side.sign+" "+rest))
			}
		}
	}
}

func (t *textWriter) differences(c *Change, tone tone) {
	if remark := c.remark(); remark != "" {
		t.line("      %s", t.paint(faint, remark))
	}
	list := c.differences()
	column := 0
	for _, d := range list {
		column = max(column, min(utf8.RuneCountInString(d.Path), 40))
	}
	most := t.valueWidth(column)
	for _, d := range list {
		path := fmt.Sprintf("%-*s", column, d.Path)
		switch {
		case d.New:
			t.line("      %s  %s", path, t.paint(tone, cut(d.After, 2*most)))
		case d.Resent:
			t.line("      %s  %s %s", path, cut(d.After, most), t.paint(faint, "(sent again: it may not have arrived)"))
		default:
			before, after := cutPair(d.Before, d.After, most)
			t.line("      %s  %s -> %s", path, before, t.paint(tone, after))
		}
	}
}

// beginPhase writes the heading of a phase.
func (t *textWriter) beginPhase() {
	var names []string
	n := 0
	for _, action := range t.inPhase() {
		names = append(names, string(action))
		n += t.count(action)
	}
	title := strings.Join(names, " and ")
	if t.part.groups {
		title += " groups"
	}
	if title != "" {
		title = strings.ToUpper(title[:1]) + title[1:]
	}
	t.line("")
	t.line("%s", t.paint(bold, fmt.Sprintf("%s: %s", title, number(n))))
}

// endPhase says what was folded.
func (t *textWriter) endPhase() {
	for _, action := range t.inPhase() {
		if n := t.seen[action] - shown; n > 0 && !t.All {
			t.line("%s", t.paint(faint, more(action, n, "--format json shows all")))
		}
	}
}

// inPhase lists the actions that the plan has in the phase under way.
func (t *textWriter) inPhase() []Action {
	var actions []Action
	for _, action := range Actions {
		if action.Phase() == t.part.phase && t.count(action) > 0 && !action.ofMembers() {
			actions = append(actions, action)
		}
	}
	return actions
}

// count is how many changes of an action belong to the part under way.
func (t *textWriter) count(action Action) int {
	if t.part.groups {
		return t.plan.Groups[action]
	}
	return t.plan.accounts(action)
}

func (t *textWriter) problems(title string, list []Problem, advice string) {
	if len(list) == 0 {
		return
	}
	t.line("")
	t.line("%s", t.paint(bold, fmt.Sprintf("%s: %s", title, number(len(list)))))
	for i, problem := range list {
		if t.folds(i) {
			t.line("%s", t.paint(faint, fmt.Sprintf("… and %s more; --format json shows all", number(len(list)-i))))
			break
		}
		marks := ""
		if problem.New {
			marks += " [new]"
		}
		if problem.Retry != "" {
			marks += " [again at " + Safe(problem.Retry) + "]"
		}
		t.line("%s %s: %s%s", t.paint(yellow, "!"), problem.who(), Safe(problem.Why), t.paint(faint, marks))
	}
	t.line("  %s", advice)
}

// summary is the last thing read, so it is what counts most.
func (t *textWriter) summary() {
	p := t.plan
	t.line("")
	switch {
	case p.Changes() > 0:
		t.line("%s.", t.paint(bold, p.Totals()))
	case len(p.Conflicts)+len(p.Parked) > 0:
		t.line("%s", t.paint(bold, "Nothing to do, but for those who wait."))
	default:
		t.line("%s", t.paint(bold, "Nothing to do."))
	}
	for _, text := range p.besides() {
		t.line("%s", text)
	}
	if lines := p.holdText(); len(lines) > 0 {
		t.line("")
		for i, text := range lines {
			if i == 0 {
				text = t.paint(alarm, text)
			}
			t.line("%s", text)
		}
		t.line("To release exactly this: %s", t.paint(bold, t.Program.Approve(p.Job, p.Target)))
	}
}

// besides lists what is left alone, and what else the reader should know.
func (p *Plan) besides() []string {
	var lines []string
	if p.Lookups > 0 {
		lines = append(lines, count(p.Lookups, "lookup was", "lookups were")+" made to find accounts.")
	}
	if n := len(p.Conflicts); n > 0 {
		lines = append(lines, count(n, "conflict", "conflicts")+".")
	}
	if n := len(p.Parked); n > 0 {
		lines = append(lines, number(n)+" parked.")
	}
	if p.Protected > 0 {
		lines = append(lines, count(p.Protected, "protected account", "protected accounts")+": left alone.")
	}
	if p.Unclaimed > 0 {
		lines = append(lines, count(p.Unclaimed, "account", "accounts")+" at "+Safe(p.Target)+" that nobody claims: left alone.")
	}
	for _, note := range p.Notes {
		lines = append(lines, "Note: "+strings.TrimSuffix(Safe(note), ".")+".")
	}
	return lines
}
