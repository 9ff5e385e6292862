package resource

import (
	"maps"
	"slices"
)

// multi changes elements of an attribute that others may put elements into, too.
func (c *changes) multi(group []*cell, def *Definition) {
	m := multi{changes: c, def: def, attr: group[0].at.Attribute(), primary: willBePrimary(group)}
	for _, element := range byElement(group) {
		if x := element[0]; len(x.at.Filter) == 0 {
			m.list(x)
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
	def     *Definition
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
	want := wanted(group)
	for _, x := range group {
		if x.at.Sub == "value" && x.want == nil && x.managed {
			want = nil // what is left of an element without its value is nothing
		}
	}
	at := group[0].at
	there, sure := states(group)
	switch {
	case len(there) == 0 && len(want) > 0:
		m.added = append(m.added, build(at, m.def.cut(want)))
	case len(there) == 0:
		return
	case len(want) == 0 && !m.removable(group):
		return
	case len(want) == 0:
		m.remove(at.Filter, agreed(there))
	case sure:
		for _, x := range group {
			if m.part(x) {
				m.note(x)
			}
		}
		return
	default: // it may be there or not; to add one that is there changes nothing
		if m.removable(group) && (len(there) > 1 || !sameElement(there[0], want)) {
			m.remove(at.Filter, agreed(there))
		}
		m.added = append(m.added, build(at, m.def.cut(want)))
	}
	for _, x := range group {
		m.note(x)
	}
}

// removable tells whether an element may be taken away.
func (m *multi) removable(group []*cell) bool {
	for _, x := range group {
		if x.old != nil && !m.mayGo(x) {
			return false
		}
	}
	return true
}

// states gives what one element may be like if the target holds it, and whether it is
// sure to. After several requests in doubt it is not known which values go together:
// then there is a state for each value, and sure is an element with a part that is
// there in any case.
func states(group []*cell) (there []Element, sure bool) {
	old, maybe := Element{}, Element{}
	for _, x := range group {
		set(old, x.at.Sub, x.old)
		if either, several := x.maybe.(Either); several {
			sure = sure || x.old != nil && !slices.Contains(either, nil)
			for _, v := range either {
				there = append(there, Element{})
				set(there[len(there)-1], x.at.Sub, v)
			}
			continue
		}
		sure = sure || x.old != nil && x.maybe != nil
		set(maybe, x.at.Sub, x.maybe)
	}
	if len(there) == 0 {
		sure = len(old) > 0 && len(maybe) > 0
	}
	there = slices.DeleteFunc(append(there, old, maybe), func(e Element) bool { return len(e) == 0 })
	if len(there) == 2 && sameElement(there[0], there[1]) {
		there = there[:1]
	}
	return there, sure
}

// agreed gives the value that all the elements have, if they have one and the same.
func agreed(all []Element) Element {
	for _, e := range all {
		if e["value"] != all[0]["value"] {
			return Element{}
		}
	}
	return all[0]
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
// somebody else's element of that type stays. A value that the service may have
// rewritten finds nothing.
func (m *multi) remove(filter []Eq, e Element) {
	if v, has := e["value"]; has && !m.def.sub("value").rewrites() {
		filter = append(slices.Clone(filter), Eq{"value", v})
	}
	m.removals = append(m.removals, Op{Op: "remove", Path: m.attr + Path{Filter: filter}.Head()})
}

// part changes one sub-attribute of an element that is known to be there, and tells
// whether it does.
func (m *multi) part(x *cell) bool {
	switch {
	case !x.differs():
		return false
	case x.want != nil:
		m.op("replace", x.path, x.want)
	case x.at.Sub == "primary" && m.primary:
	case m.mayGo(x):
		m.clear(x.path, m.empty(x))
	default:
		return false
	}
	return true
}

// list changes the elements of a list that are ours.
func (m *multi) list(x *cell) {
	if !x.differs() {
		return
	}
	before := m.count()
	m.elements(x)
	if m.count() > before {
		m.note(x)
	}
}

// count tells how many operations, and new elements, there are.
func (m *multi) count() int { return len(m.removals) + len(m.others) + len(m.added) }

func (m *multi) elements(x *cell) {
	lists := [][]Element{asList(x.want), asList(x.old)}
	for _, maybe := range Candidates(x.maybe) {
		lists = append(lists, asList(maybe))
	}
	removable := !m.shape.Patch.Keeps(x.at)
	found, ids := m.def.byIdentity(lists...)
	for _, id := range ids {
		w, wanted := found[0][id]
		var there []Element
		for _, state := range found[1:] {
			if e, has := state[id]; has {
				there = append(there, e)
			}
		}
		switch {
		case !wanted && removable:
			m.remove(m.def.identityFilter(there[0]), Element{})
		case !wanted:
		case len(there) == len(found)-1:
			m.parts(there, w)
		default:
			if removable && slices.ContainsFunc(there, func(e Element) bool { return !sameElement(e, w) }) {
				m.remove(m.def.identityFilter(there[0]), Element{})
			}
			m.added = append(m.added, w)
		}
	}
}

func asList(v any) []Element {
	list, _ := v.([]Element)
	return list
}

// parts changes the sub-attributes of one element of a list, which the target holds in
// one of some states: as known first.
func (m *multi) parts(states []Element, want Element) {
	at := Split(m.attr)
	at.Filter = m.def.identityFilter(states[0])
	names := map[string]bool{}
	for _, e := range append(slices.Clone(states), want) {
		for name := range e {
			names[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		plain := func(v any) any {
			if name == "primary" {
				return noFalse(v)
			}
			return v
		}
		at.Sub = name
		x := cell{path: at.String(), at: at, def: m.def, old: plain(states[0][name]), maybe: plain(states[1][name]), want: plain(want[name])}
		for _, e := range states[2:] {
			x.maybe = Or(x.maybe, plain(e[name]))
		}
		m.part(&x)
	}
}
