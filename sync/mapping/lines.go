package mapping

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"scimsync/sync/resource"
)

// line compiles one line of the mapping.
func (c *compiler) line(l Line) {
	at, err := c.spec.Shape.Parse(l.Path)
	if err == nil && at.String() == "active" {
		c.active(l)
		return
	}
	if err != nil {
		message, hint, _ := strings.Cut(err.Error(), "; ")
		c.problem(l.Place, l.Path, message, hint)
	}
	if err == nil {
		if why := c.spec.Shape.Refuses(at); why != "" {
			c.warn(l.Place, at.String(), why, "it is not sent")
			return
		}
	}
	compiled := c.code(l.Path, l.Expr, l.Place, wantValue)
	if err != nil {
		return
	}
	out := line{path: at.String(), at: at, when: l.When, code: compiled, place: l.Place, group: -1}
	out.attr, out.leaf = c.spec.Shape.Lookup(at)
	if compiled != nil {
		compiled.what = out.path
	}
	identity := out.attr.Required || out.path == "externalId"
	if identity && l.When != resource.Always {
		c.problem(l.Place, out.path, "tells who the account belongs to and is always kept up to date", "drop its `when`")
	}
	if (out.attr.CreateOnly || out.leaf.CreateOnly) && !identity {
		if out.when == resource.Always {
			c.warn(l.Place, out.path, "the service takes it only when an account is made", "later changes are not sent; when: create says the same")
		}
		out.when = resource.OnlyCreate
	}
	c.refers(l, &out)
	for _, o := range c.p.lines {
		if clash := overlap(o, out); clash != "" {
			c.problem(l.Place, l.Path, clash, "")
			return
		}
	}
	c.p.lines = append(c.p.lines, out)
}

// active compiles the line that says whether the account is active.
func (c *compiler) active(l Line) {
	switch {
	case c.p.active != nil:
		c.problem(l.Place, "active", "is mapped twice", "")
	case l.When != resource.Always:
		c.problem(l.Place, "active", "is always kept up to date", "drop its `when`")
	default:
		c.p.active = c.code("active", l.Expr, l.Place, wantBool)
	}
}

// overlap says why two lines cannot stand beside each other.
func overlap(a, b line) string {
	if a.at.Attribute() != b.at.Attribute() {
		return ""
	}
	if a.path == b.path {
		return "is mapped twice"
	}
	if len(a.at.Filter) == 0 || len(b.at.Filter) == 0 {
		if !a.attr.Multi {
			return ""
		}
		return fmt.Sprintf("%s is mapped as a whole and by element; choose one", a.at.Attribute())
	}
	if a.at.Head() == b.at.Head() {
		return ""
	}
	for _, x := range a.at.Filter {
		for _, y := range b.at.Filter {
			if x.Attr == y.Attr && x.Value != y.Value {
				return ""
			}
		}
	}
	return fmt.Sprintf("may be the same element as %s", a.at.Head())
}

// settle adds what is mapped by itself, puts lines in order and binds those of one
// element together.
func (c *compiler) settle() {
	has := map[string]bool{}
	for _, l := range c.p.lines {
		has[l.path] = true
	}
	for i := range c.spec.Shape.Attrs {
		d := &c.spec.Shape.Attrs[i]
		mentioned := slices.ContainsFunc(c.spec.Lines, func(l Line) bool { return strings.EqualFold(l.Path, d.Path()) })
		if d.Required && !d.ReadOnly && !has[d.Path()] && !mentioned {
			c.problem(c.spec.Include.Place, d.Path(), "is not mapped; the target makes no account without it",
				fmt.Sprintf("add a line such as %s: email", d.Path()))
		}
	}
	if attr, known := c.spec.Shape.Find("", "externalId"); known && !has["externalId"] && attr.Refused == "" {
		c.p.lines = append(c.p.lines, line{path: "externalId", at: resource.Path{Attr: "externalId"}, attr: *attr, leaf: *attr,
			place: "by default the key of the source", group: -1})
	}
	c.markPrimary(has)
	slices.SortFunc(c.p.lines, func(a, b line) int { return cmp.Compare(a.path, b.path) })
	for i := range c.p.lines {
		l := &c.p.lines[i]
		if l.when == resource.Always {
			c.p.managed = append(c.p.managed, l.path)
		}
		if len(l.at.Filter) > 0 {
			l.group = c.group(l, has)
			c.split(i)
		}
	}
}

// split counts a line to its attribute, whose lines come one after another.
func (c *compiler) split(i int) {
	last, l := len(c.p.split)-1, &c.p.lines[i]
	if last < 0 || c.p.split[last].to != i || c.p.lines[i-1].at.Attribute() != l.at.Attribute() {
		c.p.split = append(c.p.split, split{from: i, first: l.group})
		last++
	}
	c.p.split[last].to, c.p.split[last].last = i+1, l.group
}

func (c *compiler) group(l *line, has map[string]bool) int {
	head := l.at.Head()
	for i := range c.p.groups {
		if c.p.groups[i].head == head {
			return i
		}
	}
	_, hasValue := l.attr.Sub("value")
	fixed := slices.ContainsFunc(l.at.Filter, func(eq resource.Eq) bool { return eq.Attr == "value" })
	if hasValue && !fixed && !has[head+".value"] {
		c.problem(l.code.at(), l.path, "is part of an element that gets no value", fmt.Sprintf("map %s.value, too", head))
	}
	c.p.groups = append(c.p.groups, element{head: head, hasValue: hasValue && !fixed})
	return len(c.p.groups) - 1
}

func (c *code) at() string {
	if c == nil {
		return ""
	}
	return c.place
}
