package mapping

import (
	"fmt"
	"slices"
	"strings"

	"scimsync/sync/resource"
)

// What a service takes is checked twice: here, when a job's lines are compiled, and for
// each person, before any request. What it does not take of the lines is left out with a
// warning; a person it would refuse is parked. Nothing is shortened or dropped silently.

// require binds what the service requires, and what is coupled, to the lines that give it.
func (c *compiler) require() {
	shape := &c.spec.Shape
	for _, text := range shape.Required {
		n := c.need(resource.Split(text))
		if len(n.lines) == 0 {
			c.unmapped(text, "the service makes no account without it", "add a line for it")
		}
		c.p.needs = append(c.p.needs, n)
	}
	for _, set := range shape.Coupled {
		var needs []need
		for _, text := range set {
			n := c.need(resource.Split(text))
			if len(n.lines) == 0 {
				c.unmapped(text, "the service wants it equal to "+besides(set, text), "add a line with the same expression")
			}
			needs = append(needs, n)
		}
		c.p.coupled = append(c.p.coupled, needs)
	}
}

func (c *compiler) unmapped(path, why, hint string) {
	c.problems = append(c.problems, Problem{c.spec.Include.Place, path, "is not mapped; " + why, hint, true})
}

func besides(set []string, path string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(set), func(p string) bool { return p == path }), " and ")
}

// need finds the lines that may give a path a value: its own, those of its parts, or a
// list that may hold the element.
func (c *compiler) need(at resource.Path) need {
	n := need{at: at}
	for i := range c.p.lines {
		l := &c.p.lines[i]
		list := l.attr.Multi && l.at.Sub == "" && l.at.Attribute() == at.Attribute()
		if list || at.Covers(l.at) && !l.primary {
			n.lines = append(n.lines, i)
		}
	}
	return n
}

// markPrimary adds lines that mark an element as primary, where the service wants one to
// be and nobody says which.
func (c *compiler) markPrimary(has map[string]bool) {
	for _, l := range c.p.lines {
		at := l.at
		if at.Sub = "primary"; len(at.Filter) == 0 || !l.attr.OnePrimary || has[at.String()] {
			continue
		}
		has[at.String()] = true
		mark := line{path: at.String(), at: at, attr: l.attr, when: l.when, place: l.place, primary: true, group: -1}
		_, mark.leaf = c.spec.Shape.Lookup(at)
		c.p.lines = append(c.p.lines, mark)
	}
}

// downgrades warns of what the service does in another way than the lines mean.
func (c *compiler) downgrades() {
	heads := map[string][]string{} // by attribute: the elements that are mapped
	warned := map[string]bool{}
	for i := range c.p.lines {
		l := &c.p.lines[i]
		attr := l.at.Attribute()
		if c.spec.Shape.Whole(&l.attr) && !c.spec.Shape.Own[attr] && !warned[attr] {
			warned[attr] = true
			c.warn(l.place, attr, "the service cannot change one value of it, only all together",
				fmt.Sprintf("what others put there is replaced; own: {%s: all} says that this is meant", attr))
		}
		if len(l.at.Filter) > 0 && !slices.Contains(heads[attr], l.at.Head()) {
			if heads[attr] = append(heads[attr], l.at.Head()); l.attr.MaxValues > 0 && len(heads[attr]) == l.attr.MaxValues+1 {
				c.warn(l.place, attr, fmt.Sprintf("the service takes %s", values(l.attr.MaxValues)), "who has more is parked; map fewer")
			}
		}
		if c.stays(l) && c.spec.Shape.Patch.Clear != resource.ClearNever {
			c.warn(l.place, l.path, "the service cannot take it away", "who loses the value at the source keeps it there")
		}
	}
	if from := c.spec.From; from != nil && from.Inactive && c.spec.Shape.ActiveOnly {
		c.warn(from.Place, "active_from", "the service makes no inactive accounts", "who is new gets one on the day, as with before: absent")
	}
	if c.spec.Shape.Patch.Clear == resource.ClearNever && slices.ContainsFunc(c.p.lines, func(l line) bool { return c.stays(&l) }) {
		c.warn(c.spec.Include.Place, "map", "the service cannot take values away", "who loses a value at the source keeps it there")
	}
}

// stays tells that a value may be lost at the source and cannot be taken away.
func (c *compiler) stays(l *line) bool {
	shape := &c.spec.Shape
	return l.when == resource.Always && !l.attr.Required && l.path != "externalId" && !slices.Contains(shape.Required, l.path) && shape.Patch.Keeps(l.at)
}

func values(n int) string {
	if n == 1 {
		return "1 value of it"
	}
	return fmt.Sprintf("%d values of it", n)
}

// fit tells why the service would refuse what is wanted of a person; nil: it would not.
func (m *Mapper) fit() error {
	for _, n := range m.p.needs {
		if m.given(n) == nil {
			return m.lacks(n)
		}
	}
	for _, set := range m.p.coupled {
		for _, n := range set[1:] {
			if a, b := m.text(set[0]), m.text(n); a != b {
				return fmt.Errorf("%s and %s differ, and the service wants them equal", m.name(set[0]), m.name(n))
			}
		}
	}
	return nil
}

// given is the value at a path that the service requires; nil: there is none.
func (m *Mapper) given(n need) any {
	for _, i := range n.lines {
		l := &m.p.lines[i]
		v := m.values[i]
		if v == nil || l.group >= 0 && m.dead[l.group] {
			continue
		}
		list, isList := v.([]resource.Element)
		if !isList || len(n.at.Filter) == 0 && n.at.Sub == "" {
			return v
		}
		if e := l.attr.Pick(list, n.at.Filter); e != nil {
			if n.at.Sub == "" {
				return e
			}
			if part := e[n.at.Sub]; part != nil {
				return part
			}
		}
	}
	return nil
}

// text is the value at a path as it is compared: case may differ where the schema says so.
func (m *Mapper) text(n need) any {
	v := m.given(n)
	if s, isText := v.(string); isText {
		return resource.Fold(s)
	}
	return v
}

// name is a path with the place of the line that gives it.
func (m *Mapper) name(n need) string {
	return fmt.Sprintf("%s (%s)", n.at, m.p.lines[n.lines[0]].place)
}

// lacks says which value is missing, and what it is made of.
func (m *Mapper) lacks(n need) error {
	l := &m.p.lines[n.lines[0]]
	if l.attr.Multi && l.at.Sub == "" && len(n.at.Filter) > 0 && m.values[n.lines[0]] != nil {
		return fmt.Errorf("%s: has no value among those that %s gives, and must have one", m.name(n), l.path)
	}
	if l.code == nil {
		return fmt.Errorf("%s: has no value and must have one", m.name(n))
	}
	return fmt.Errorf("%s: %s", m.name(n), m.noValue(l.code))
}
