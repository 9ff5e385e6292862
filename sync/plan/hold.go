package plan

import (
	"fmt"
	"io"
	"slices"

	"scimsync/sync/ledger"
	"scimsync/sync/record"
)

// HoldText writes a stored hold: the limits, the held changes a line each, and the
// command that releases them. It is safe for a terminal.
func HoldText(h *ledger.Hold, w io.Writer, style Style) error {
	p := newPrinter(w, style)
	p.line("%s", p.paint(alarm, fmt.Sprintf("Hold %s: %s of %s at %s, since %s",
		Safe(h.ID), count(len(h.Lines), "change", "changes"), Safe(h.Job), Safe(h.Target), stamp(h.At))))
	for _, l := range h.Limits {
		p.line("  %s", LimitText(l))
	}
	p.heldLines(h.Lines, p.Program.Command("plan", h.Job, "--format", "json")+" shows all")
	p.line("To release exactly this: %s", p.paint(bold, p.Program.Approve(h.Job, h.Target)))
	return p.close("hold")
}

// heldLines writes the lines by action, the first few of each.
func (p *printer) heldLines(lines []ledger.HeldLine, where string) {
	byAction := map[Action][]ledger.HeldLine{}
	var order []Action // as the lines have them: that of carrying out
	for _, l := range lines {
		action := Action(l.Action)
		if byAction[action] == nil {
			order = append(order, action)
		}
		byAction[action] = append(byAction[action], l)
	}
	for _, action := range order {
		if action.ofMembers() {
			p.heldMembers(action, byAction[action], where)
			continue
		}
		for i, l := range byAction[action] {
			if p.folds(i) {
				p.line("%s", p.paint(faint, more(action, len(byAction[action])-i, where)))
				break
			}
			sign, tone := action.mark()
			p.line("%s %s", p.paint(tone, fmt.Sprintf("%s %-10s", sign, Safe(string(action)))), who(l.Name, l.Key.ID))
		}
	}
}

// heldMembers writes how many members come or go, by group.
func (p *printer) heldMembers(action Action, lines []ledger.HeldLine, where string) {
	n := map[record.Key]int{}
	var order []ledger.HeldLine
	for _, l := range lines {
		if n[l.Key] == 0 {
			order = append(order, l)
		}
		n[l.Key]++
	}
	for i, l := range order {
		if p.folds(i) {
			p.line("%s", p.paint(faint, fmt.Sprintf("… and in %s more groups; %s", number(len(order)-i), where)))
			return
		}
		p.line("%s %s: %s", p.paint(yellow, "~"), who(l.Group, l.Key.ID), action.count(n[l.Key]))
	}
}

// Compare tells two sets of held changes apart, by the digests of the changes: what
// only the new one holds, and what only the old one held.
func Compare(old, new []ledger.HeldLine) (added, removed []ledger.HeldLine) {
	return without(new, old), without(old, new)
}

// without gives the lines whose digests are not among others'.
func without(lines, others []ledger.HeldLine) []ledger.HeldLine {
	known := make(map[string]int, len(others))
	for _, l := range others {
		known[l.Digest]++
	}
	var rest []ledger.HeldLine
	for _, l := range lines {
		if known[l.Digest] > 0 {
			known[l.Digest]--
			continue
		}
		rest = append(rest, l)
	}
	return rest
}

// WriteDifference writes how a set of held changes differs from the one that was
// shown before, as Compare told them apart. What is in both lists for the same
// person and action is the same change with other values.
func WriteDifference(w io.Writer, added, removed []ledger.HeldLine, style Style) error {
	type person struct {
		action string
		key    record.Key
		member string
	}
	whose := func(l ledger.HeldLine) person {
		if l.Group != "" {
			return person{l.Action, l.Key, l.Name}
		}
		return person{l.Action, l.Key, ""}
	}
	before := map[person]int{}
	for _, l := range removed {
		before[whose(l)]++
	}
	var changed, fresh []ledger.HeldLine
	for _, l := range added {
		if who := whose(l); before[who] > 0 {
			before[who]--
			changed = append(changed, l)
			continue
		}
		fresh = append(fresh, l)
	}
	var gone []ledger.HeldLine
	for _, l := range slices.Backward(removed) {
		if who := whose(l); before[who] > 0 {
			before[who]--
			gone = append(gone, l)
		}
	}
	slices.Reverse(gone)
	p := newPrinter(w, style)
	if len(added)+len(removed) == 0 {
		p.line("The held changes are the ones that were shown.")
	}
	for _, part := range []struct {
		title string
		lines []ledger.HeldLine
	}{
		{"Held now, and not shown before", fresh},
		{"Shown before, and not held any more", gone},
		{"Held still, but with other values", changed},
	} {
		if len(part.lines) > 0 {
			p.line("%s", p.paint(bold, fmt.Sprintf("%s: %s", part.title, number(len(part.lines)))))
			p.heldLines(part.lines, p.Program.Command("plan", "--format", "json")+" shows all")
		}
	}
	return p.close("difference")
}
