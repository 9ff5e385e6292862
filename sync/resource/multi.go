package resource

import (
	"maps"
	"slices"
)

// multi changes elements of an attribute that others may put elements into, too.
func (c *changes) multi(group []*cell, def *Definition) {
	m := multi{changes: c, attr: group[0].at.Attribute(), primary: willBePrimary(group)}
	for _, element := range byElement(group) {
		if x := element[0]; len(x.at.Filter) == 0 {
			m.list(x, def)
		} else {
			m.element(element)
		}
	}
	if len(m.added) > 0 {
		c.op("add", m.attr, wire(def, m.added))
	}
}

type multi struct {
	*changes
	attr    string
	primary bool      // an element is wanted as primary: the target clears the others
	added   []Element // all new elements: they go into one operation
}

// byElement splits the cells of one attribute into those of one element each.
func byElement(group []*cell) [][]*cell {
	var all [][]*cell
	head := ""
	for _, x := range group {
		if h := x.at.Head(); len(all) == 0 || h != head {
			all, head = append(all, nil), h
		}
		all[len(all)-1] = append(all[len(all)-1], x)
	}
	return all
}

func willBePrimary(group []*cell) bool {
	for _, x := range group {
		if x.at.Sub == "primary" && x.want == true {
			return true
		}
		list, _ := x.want.([]Element)
		for _, e := range list {
			if e["primary"] == true {
				return true
			}
		}
	}
	return false
}

// element changes the one element that a filter selects.
func (m *multi) element(group []*cell) {
	old, maybe, want := Element{}, Element{}, wanted(group)
	for _, x := range group {
		set(old, x.at.Sub, x.old)
		set(maybe, x.at.Sub, x.maybe)
		if x.at.Sub == "value" && x.want == nil && x.managed {
			want = nil // what is left of an element without its value is nothing
		}
	}
	at := group[0].at
	sure := len(old) > 0 && len(maybe) > 0
	switch {
	case len(want) == 0:
		if sure && old["value"] != maybe["value"] {
			m.remove(at.Filter, Element{})
		} else if len(old)+len(maybe) > 0 {
			m.remove(at.Filter, first(old, maybe))
		}
	case sure:
		for _, x := range group {
			m.part(x.path, x)
		}
	case len(old)+len(maybe) == 0:
		m.added = append(m.added, build(at, want))
	default: // it may be there or not; to add one that is there changes nothing
		if ghost := first(old, maybe); !sameElement(ghost, want) {
			m.remove(at.Filter, ghost)
		}
		m.added = append(m.added, build(at, want))
	}
	for _, x := range group {
		if x.differs() {
			m.note(x)
		}
	}
}

// wanted gives the sub-attributes that one element is to have.
func wanted(group []*cell) Element {
	e := Element{}
	for _, x := range group {
		set(e, x.at.Sub, x.want)
	}
	return e
}

func set(e Element, sub string, v any) {
	if v != nil {
		e[sub] = v
	}
}

func first(a, b Element) Element {
	if len(a) > 0 {
		return a
	}
	return b
}

// build makes the element that a filter describes.
func build(at Path, subs Element) Element {
	e := maps.Clone(subs)
	for _, eq := range at.Filter {
		if eq.Attr != "primary" || eq.Value != false {
			e[eq.Attr] = eq.Value
		}
	}
	return e
}

// remove takes an element away, by its value too where there is one, so that
// somebody else's element of that type stays.
func (m *multi) remove(filter []Eq, e Element) {
	if v, has := e["value"]; has {
		filter = append(slices.Clone(filter), Eq{"value", v})
	}
	m.removals = append(m.removals, Op{Op: "remove", Path: m.attr + Path{Filter: filter}.Head()})
}

// part changes one sub-attribute of an element that is known to be there.
func (m *multi) part(path string, x *cell) {
	switch {
	case !x.differs():
	case x.want != nil:
		m.op("replace", path, x.want)
	case x.at.Sub == "primary" && m.primary:
	default:
		m.op("remove", path, nil)
	}
}

// list changes the elements of a list that are ours.
func (m *multi) list(x *cell, def *Definition) {
	if !x.differs() {
		return
	}
	m.note(x)
	old, _ := x.old.([]Element)
	maybe, _ := x.maybe.([]Element)
	want, _ := x.want.([]Element)
	found, ids := def.byIdentity(old, maybe, want)
	for _, id := range ids {
		o, inOld := found[0][id]
		g, inMaybe := found[1][id]
		w, wanted := found[2][id]
		ghost := first(o, g)
		switch {
		case !wanted:
			m.remove(identityFilter(ghost), Element{})
		case inOld && inMaybe:
			m.parts(o, g, w)
		default:
			if (inOld || inMaybe) && !sameElement(ghost, w) {
				m.remove(identityFilter(ghost), Element{})
			}
			m.added = append(m.added, w)
		}
	}
}

// parts changes the sub-attributes of one element of a list.
func (m *multi) parts(old, maybe, want Element) {
	at := Path{Filter: identityFilter(old)}
	names := map[string]bool{}
	for _, e := range []Element{old, maybe, want} {
		for name := range e {
			names[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		x := cell{old: old[name], maybe: maybe[name], want: want[name], at: Path{Sub: name}}
		if name == "primary" {
			x.old, x.maybe, x.want = noFalse(x.old), noFalse(x.maybe), noFalse(x.want)
		}
		m.part(m.attr+at.Head()+"."+name, &x)
	}
}
