package resource

import "slices"

// Drift compares an account with what was pushed to it and gives what differs: path to
// the value there, nil for none. It compares by the schema's rules (RFC 7643 sections
// 2.2 to 2.5) and by what the service does to values (Rule), at the paths of pushed only:
//
//	singular            the value there
//	element of a type   of the elements that the filter selects, the one that holds most
//	                    of what was pushed; if there is none, one without a type
//	list                of what was pushed the elements that are there; one of another
//	                    value counts as ours, changed, if it is the only one of its type
//	                    that can be meant
//
// So the order of elements, and what others put beside ours, is no difference, but in an
// attribute that is ours as a whole: with elements of types, what is there besides stands
// at the path of the attribute.
func Drift(body map[string]any, pushed Resource, shape Shape) map[string]any {
	d := drift{body: body, pushed: pushed, shape: shape, lists: map[string]*list{}}
	found := map[string]any{}
	for _, a := range pushed.Attrs {
		if have := d.there(a); !SameValue(have, a.Value) {
			found[a.Path] = have
		}
	}
	for attr, l := range d.lists {
		if others := l.def.others(l.besides()); shape.Own[attr] && len(others) > 0 {
			found[attr] = Sorted(others)
		}
	}
	return found
}

// drift is one comparison.
type drift struct {
	body   map[string]any
	pushed Resource
	shape  Shape
	lists  map[string]*list // by attribute
}

// list is what an account holds of an attribute of whose elements we pushed single ones.
type list struct {
	def      *Definition
	elements []Element
	ours     map[string]int // by head: the place of the element that stands for ours; -1: there is none
}

// besides gives the elements that stand for none of ours.
func (l *list) besides() []Element {
	var others []Element
	for i, e := range l.elements {
		ours := false
		for _, place := range l.ours {
			ours = ours || place == i
		}
		if !ours {
			others = append(others, e)
		}
	}
	return others
}

// there gives the value at a path: the pushed one, if the two are the same.
func (d *drift) there(a Attr) any {
	at := Split(a.Path)
	attr, leaf := d.shape.Lookup(at)
	if list, isList := a.Value.([]Element); isList {
		have, _ := readPath(d.body, at, d.shape).([]Element)
		if attr.ignored() {
			return a.Value
		}
		return attr.thereOf(attr.others(have), list, d.shape.Own[at.Attribute()])
	}
	var have any
	if len(at.Filter) > 0 {
		have = d.element(at, &attr)[at.Sub]
	} else {
		have = readPath(d.body, at, d.shape)
	}
	if at.Sub == "primary" && noFalse(have) == noFalse(a.Value) || leaf.same(have, a.Value) {
		return a.Value
	}
	return have
}

// element gives the element that stands for the one that was pushed.
func (d *drift) element(at Path, attr *Definition) Element {
	l := d.list(at, attr)
	place, chosen := l.ours[at.Head()]
	if !chosen {
		place = d.choose(at, l)
		l.ours[at.Head()] = place
	}
	if place < 0 {
		return nil
	}
	return l.elements[place]
}

func (d *drift) list(at Path, attr *Definition) *list {
	path := at.Attribute()
	if d.lists[path] == nil {
		holder := d.body
		if at.URN != "" {
			holder, _ = get(d.body, at.URN).(map[string]any)
		}
		d.lists[path] = &list{def: attr, elements: items(get(holder, at.Attr), attr), ours: map[string]int{}}
	}
	return d.lists[path]
}

// choose gives the place of the element that stands for ours.
func (d *drift) choose(at Path, l *list) int {
	best, most := -1, -1
	var untyped []int
	for i, e := range l.elements {
		if l.def.matches(e, at.Filter) {
			if n := d.agreement(at, l.def, e); n > most {
				best, most = i, n
			}
		} else if !slices.ContainsFunc(at.Filter, func(eq Eq) bool { return e[eq.Attr] != nil }) {
			untyped = append(untyped, i)
		}
	}
	if best >= 0 {
		return best
	}
	for _, i := range untyped { // a service may show no types: RFC 7643 section 2.4 requires none
		if n := d.agreement(at, l.def, l.elements[i]); n > most && (n > 0 || len(untyped) == 1) {
			best, most = i, n
		}
	}
	return best
}

// agreement counts what an element holds of what was pushed; its value counts most.
func (d *drift) agreement(at Path, attr *Definition, e Element) int {
	n := 0
	for _, a := range d.pushed.Attrs {
		other := Split(a.Path)
		if other.Head() != at.Head() || !attr.sub(other.Sub).same(e[other.Sub], a.Value) {
			continue
		}
		if n++; other.Sub == "value" {
			n += len(attr.Subs)
		}
	}
	return n
}

// thereOf gives, of what a list holds, what concerns the pushed elements.
func (d *Definition) thereOf(have, pushed []Element, whole bool) any {
	found, ids := d.byIdentity(have, pushed)
	var list, missing, others []Element
	for _, id := range ids {
		h, has := found[0][id]
		e, ours := found[1][id]
		switch {
		case has && ours:
			list = append(list, d.common(h, e))
		case ours:
			missing = append(missing, e)
		default:
			others = append(others, h)
		}
	}
	for _, e := range missing {
		if h, is := d.changed(e, missing, others); is && !whole {
			list = append(list, d.common(h, e))
		}
	}
	if whole {
		list = append(list, others...)
	}
	if len(list) == 0 {
		return nil
	}
	return Sorted(list)
}

// changed finds the element that stands in the place of one that is missing: the only
// one of its type, in place of the only one.
func (d *Definition) changed(e Element, missing, others []Element) (Element, bool) {
	typ, typed := e["type"]
	if !typed {
		return nil, false
	}
	ofType := func(list []Element) (all []Element) {
		for _, e := range list {
			if d.sub("type").same(e["type"], typ) {
				all = append(all, e)
			}
		}
		return all
	}
	there := ofType(others)
	if len(there) != 1 || len(ofType(missing)) != 1 {
		return nil, false
	}
	return there[0], true
}

// common gives what an element holds of the parts that were pushed.
func (d *Definition) common(have, pushed Element) Element {
	e := Element{}
	for name, v := range pushed {
		h := have[name]
		if name == "primary" && noFalse(h) == noFalse(v) || d.sub(name).same(h, v) {
			h = v
		}
		set(e, name, h)
	}
	return e
}

// Same tells whether two values of one path are the same, by the rules of Drift.
func (s Shape) Same(path string, a, b any) bool {
	if a == nil || b == nil {
		return a == b
	}
	attr, leaf := s.Lookup(Split(path))
	list, isList := a.([]Element)
	if !isList {
		return leaf.same(a, b)
	}
	return SameValue(attr.thereOf(list, asList(b), true), Sorted(asList(b)))
}

// Sends tells whether the value at a path is ever sent to an account that exists.
func (s Shape) Sends(path string) bool {
	at := Split(path)
	return s.find(at).sends(at.Sub)
}
