package plan

import (
	"fmt"

	"scimsync/sync/record"
)

// memberships gathers the changes of members by group, for the reader: a line a group, and
// some of the names.
type memberships struct {
	groups []*groupChanges // in the order in which they come
	byKey  map[record.Key]*groupChanges
}

// groupChanges is what happens to the members of one group.
type groupChanges struct {
	title          string
	of             int
	added, removed memberNames
	held           bool
	why            string
}

// memberNames counts members and keeps some names.
type memberNames struct {
	n     int
	names []string
}

func (m *memberships) add(c *Change, most int) {
	if m.byKey == nil {
		m.byKey = map[record.Key]*groupChanges{}
	}
	g := m.byKey[c.Key]
	if g == nil {
		g = &groupChanges{title: Safe(c.Name), of: c.Member.Of, why: c.Cause.why()}
		m.byKey[c.Key] = g
		m.groups = append(m.groups, g)
	}
	g.held = g.held || c.Held
	g.of = max(g.of, c.Member.Of)
	names := &g.added
	if c.Action == RemoveMember {
		names = &g.removed
	}
	if names.n++; names.n <= most {
		name := who(c.Member.Name, c.Member.Key.ID)
		if c.Member.Key.Kind == record.Group {
			name = "group " + name
		}
		names.names = append(names.names, name)
	}
}

// counts is how a group changes, as in "+3 −1 (of 214)".
func (g *groupChanges) counts() string {
	text := ""
	if g.added.n > 0 {
		text = "+" + number(g.added.n)
	}
	if g.removed.n > 0 {
		if text != "" {
			text += " "
		}
		text += "−" + number(g.removed.n)
	}
	if g.of == 0 { // it was empty, or is new
		return text
	}
	return fmt.Sprintf("%s (of %s)", text, number(g.of))
}

// rest says how many names were left out; empty: none.
func (m *memberNames) rest() string {
	if n := m.n - len(m.names); n > 0 {
		return fmt.Sprintf("and %s more", number(n))
	}
	return ""
}

// listed gives the names, and how many were left out.
func (m *memberNames) listed() []string {
	if rest := m.rest(); rest != "" {
		return append(m.names[:len(m.names):len(m.names)], rest)
	}
	return m.names
}
