package resource

import (
	"slices"
	"sort"
)

// Ops gives the one PATCH that leads from old to want, one operation a path
// (RFC 7644 section 3.5.2), and nothing for what is equal byte by byte:
//
//	last known -> wanted                       operation
//	singular:   nothing -> v                   add attr v
//	            u -> v                         replace attr v
//	            v -> nothing                   remove attr
//	element of  nothing -> v                   add emails [{type, value, …}], one for all new ones
//	a type:     its value or part changes      replace emails[type eq "work"].value v
//	            a part goes                    remove emails[type eq "work"].display
//	            it goes                        remove emails[type eq "work" and value eq "old"]
//	list:       the same, elements told apart by type and value
//	owned list: any change                     replace emails [all], or remove emails
//
// A value goes only at a path that is managed and wanted without one; required
// attributes never go. primary:false is never sent: a new primary clears the old.
// Where the service wants other forms, the shape says so (see Patch); what the service
// does not take from us is not sent, and what is coupled is sent together.
//
// maybe holds values that may or may not have reached the target: path to value,
// nil for a removal, Either for several. There the operation makes the wanted value true whatever the
// target holds, also when it equals old. Its key "active" is not looked at.
func Ops(old Resource, want Wanted, shape Shape, maybe map[string]any) Edit {
	if len(maybe) == 0 && Equal(old, want.Resource) {
		return Edit{}
	}
	c := changes{shape: shape, edit: Edit{Before: map[string]any{}, After: map[string]any{}}}
	for _, group := range shape.cells(old, want, maybe) {
		def := group[0].def
		switch {
		case def.reference() != "":
			c.references(group, def)
		case !def.Multi && shape.Patch.Undotted && group[0].at.Sub != "":
			c.parted(group)
		case !def.Multi:
			for _, x := range group {
				c.singular(x)
			}
		case shape.Whole(def) || shape.Own[group[0].at.Attribute()]:
			c.owned(group, def)
		default:
			c.multi(group, def)
		}
	}
	c.edit.Ops = c.sorted()
	return c.edit
}

// cell is what is known and wanted at one path.
type cell struct {
	path      string
	at        Path
	old, want any
	maybe     any // what the target may hold instead of old
	managed   bool
	def       *Definition // of the attribute
	// along tells that it is sent although it does not change, for something coupled to
	// it does.
	along bool
}

func (x *cell) unsure() bool { return !SameValue(x.old, x.maybe) }

// differs tells that something has to be sent for the wanted value to be true.
func (x *cell) differs() bool { return x.along || x.changes() }

func (x *cell) changes() bool { return !SameValue(x.old, x.want) || x.unsure() }

// cells lines up all paths, one group for each attribute, everything sorted.
func (s Shape) cells(old Resource, want Wanted, maybe map[string]any) [][]*cell {
	byPath := map[string]*cell{}
	at := func(path string) *cell {
		x := byPath[path]
		if x == nil {
			x = &cell{path: path, at: Split(path)}
			byPath[path] = x
		}
		return x
	}
	for _, a := range old.Attrs {
		x := at(a.Path)
		x.old, x.maybe = a.Value, a.Value
	}
	for path, v := range maybe {
		if path != "active" {
			at(path).maybe = v
		}
	}
	for _, a := range want.Attrs {
		x := at(a.Path)
		x.want, x.managed = a.Value, true
	}
	byAttr := map[string][]*cell{}
	for path, x := range byPath {
		if !x.managed {
			_, x.managed = slices.BinarySearch(want.Managed, path)
		}
		if !x.managed && s.Own[path] { // what drift found there besides our elements
			x.managed = slices.ContainsFunc(want.Managed, func(of string) bool { return Split(of).Attribute() == path })
		}
		x.def = s.find(x.at)
		if !x.managed || !x.def.sends(x.at.Sub) { // not ours, or not any more: it stays as it is
			x.want, x.maybe = x.old, x.old
		}
		x.settle()
		byAttr[x.at.Attribute()] = append(byAttr[x.at.Attribute()], x)
	}
	s.couple(byPath)
	groups := make([][]*cell, 0, len(byAttr))
	for _, group := range byAttr {
		sort.Slice(group, func(i, j int) bool { return group[i].path < group[j].path })
		groups = append(groups, group)
	}
	sort.Slice(groups, func(i, j int) bool { return groups[i][0].path < groups[j][0].path })
	return groups
}

// couple has all of a coupled set sent when one of it changes.
func (s Shape) couple(byPath map[string]*cell) {
	for _, set := range s.Coupled {
		changes := slices.ContainsFunc(set, func(path string) bool { return byPath[path] != nil && byPath[path].changes() })
		for _, path := range set {
			if x := byPath[path]; x != nil && changes && x.want != nil && x.managed && x.def.sends(x.at.Sub) {
				x.along = true
			}
		}
	}
}

// settle leaves out what is never sent.
func (x *cell) settle() {
	if x.at.Sub == "primary" {
		x.old, x.want, x.maybe = noFalse(x.old), noFalse(x.want), noFalse(x.maybe)
	}
	if len(x.at.Filter) > 0 || !x.def.partly() {
		return
	}
	x.old, x.want = x.def.sendable(x.old), x.def.sendable(x.want)
	candidates := Candidates(x.maybe)
	x.maybe = x.def.sendable(candidates[0])
	for _, v := range candidates[1:] {
		x.maybe = Or(x.maybe, x.def.sendable(v))
	}
}

// noFalse turns primary:false into no value: they mean the same (RFC 7643 section 2.4).
func noFalse(v any) any {
	if v == false {
		return nil
	}
	return v
}

// changes collects the operations of one edit.
type changes struct {
	shape    Shape
	edit     Edit
	removals []Op // of whole elements; they go first
	others   []Op
}

func (c *changes) op(op, path string, value any) {
	c.others = append(c.others, Op{op, path, value})
}

// note records a path that changes for the reader of the plan.
func (c *changes) note(x *cell) {
	if !x.changes() {
		return
	}
	if x.old != nil {
		c.edit.Before[x.path] = x.old
	}
	if x.want != nil {
		c.edit.After[x.path] = x.want
	}
}

func (c *changes) sorted() []Op {
	byPath := func(list []Op) {
		sort.SliceStable(list, func(i, j int) bool { return list[i].Path < list[j].Path })
	}
	byPath(c.removals)
	byPath(c.others)
	return append(c.removals, c.others...)
}

func (c *changes) singular(x *cell) {
	switch {
	case !x.differs():
		return
	case x.want == nil && !c.mayGo(x):
		return
	case x.want == nil:
		c.clear(x.path, c.empty(x))
	case x.old == nil:
		c.op("add", x.path, x.want)
	default:
		c.op("replace", x.path, x.want)
	}
	c.note(x)
}

// mayGo tells whether a value may be taken away.
func (c *changes) mayGo(x *cell) bool {
	return !c.shape.requires(x.at, x.def) && !c.shape.Patch.Keeps(x.at)
}

// clear takes away what stands at a path. empty is what stands for nothing there.
func (c *changes) clear(path string, empty any) {
	switch c.shape.Patch.Clear {
	case ClearByEmpty:
		c.op("replace", path, empty)
	case ClearByNull:
		c.op("replace", path, Null{})
	default:
		c.op("remove", path, nil)
	}
}

// empty is what a single value is replaced by when it is to go.
func (c *changes) empty(x *cell) any {
	if _, leaf := c.shape.Lookup(x.at); leaf.Type == String || leaf.Type == Reference || leaf.Type == "" {
		return ""
	}
	return Null{}
}

// parted changes an attribute with parts that is sent whole: all parts that are wanted,
// and something in the place of those that go (RFC 7644 section 3.5.2.3: parts that are
// not sent stay).
func (c *changes) parted(group []*cell) {
	value, was, changed := Element{}, false, false
	for _, x := range group {
		was = was || x.old != nil
		switch {
		case x.want != nil && x.def.sends(x.at.Sub) && x.managed:
			value[x.at.Sub] = x.want
		case x.want == nil && x.differs() && c.mayGo(x):
			value[x.at.Sub] = Null{}
			if c.shape.Patch.Clear == ClearByEmpty {
				value[x.at.Sub] = c.empty(x)
			}
		default:
			continue
		}
		if x.differs() {
			changed = true
			c.note(x)
		}
	}
	switch path := group[0].at.Attribute(); {
	case !changed:
	case was:
		c.op("replace", path, value)
	default:
		c.op("add", path, value)
	}
}

// reference is the part of an attribute that holds the id of an account, "" if none does.
func (d *Definition) reference() string {
	for i := range d.Subs {
		if d.Subs[i].Refers && !d.Multi {
			return d.Subs[i].Name
		}
	}
	return ""
}

// references changes an attribute that refers to an account. It is given and taken away as a
// whole (RFC 7643 section 4.3): what it holds besides the id belongs to that account, too.
func (c *changes) references(group []*cell, def *Definition) {
	attr := group[0].at.Attribute()
	value, was, gone := Element{}, false, false
	for _, x := range group {
		was = was || x.old != nil
		switch {
		case x.want != nil:
			value[x.at.Sub] = x.want
		case x.differs() && c.mayGo(x):
			gone = true
		}
	}
	switch {
	case !slices.ContainsFunc(group, (*cell).differs):
		return
	case value[def.reference()] != nil && was:
		c.op("replace", attr, value)
	case value[def.reference()] != nil:
		c.op("add", attr, value)
	case gone && c.shape.Patch.Clear == ClearByEmpty:
		c.op("replace", attr, Element{def.reference(): ""})
	case gone:
		c.clear(attr, nil)
	default:
		return
	}
	for _, x := range group {
		c.note(x)
	}
}

// owned replaces a list that is ours as a whole.
func (c *changes) owned(group []*cell, def *Definition) {
	var full []Element
	for _, element := range byElement(group) {
		if list, isList := element[0].want.([]Element); isList {
			full = append(full, list...)
		} else if e := wanted(element); len(e) > 0 {
			full = append(full, build(element[0].at, def.cut(e)))
		}
	}
	whole := Path{URN: group[0].at.URN, Attr: group[0].at.Attr}
	path := whole.String()
	switch {
	case !slices.ContainsFunc(group, (*cell).differs):
		return
	case len(full) == 0 && !c.mayGo(&cell{at: whole, def: def}):
		return
	case len(full) == 0:
		c.clear(path, []Element{})
	default:
		c.op("replace", path, wire(def, Sorted(full)))
	}
	for _, x := range group {
		c.note(x)
	}
}

// wire gives elements as they are sent: those of a list of plain values are bare.
func wire(def *Definition, list []Element) any {
	if def.Type == Complex {
		return list
	}
	bare := make([]any, 0, len(list))
	for _, e := range list {
		bare = append(bare, e["value"])
	}
	return bare
}
