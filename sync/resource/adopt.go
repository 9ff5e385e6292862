package resource

import (
	"maps"
	"slices"
)

// Fill gives the operations for an account that is taken over with `values: fill`:
// what is wanted and has no value there yet. Nothing is changed or cleared: an
// element of a type that has a value stays as it is, of a list only missing
// elements are added, and the account's primary stays primary.
//
// An attribute that can only be replaced as a whole stays when it has any value.
//
// sent is what an earlier request of ours, whose fate is not known, has sent, by path:
// where the account holds it, it is ours, and is changed or goes.
func Fill(have Resource, want Wanted, sent map[string]any, shape Shape) Edit {
	a := adoption{have: have, shape: shape}
	full := a.wanted(want)
	shape.Own = nil // to own a list is no reason to clear it here
	sent = maps.Clone(sent)
	maps.DeleteFunc(sent, func(path string, _ any) bool { return shape.Whole(shape.find(Split(path))) })
	present := a.left(sent, want, &full)
	values := map[string]any{}
	for _, x := range full.Attrs {
		at := Split(x.Path)
		def := shape.find(at)
		list, isList := x.Value.([]Element)
		switch {
		case shape.Whole(def) && a.have.Get(at.Attribute()) != nil:
			values[x.Path], present[x.Path] = x.Value, x.Value
		case isList:
			ours := sentList(sent[x.Path])
			values[x.Path], present[x.Path] = a.fillList(x.Path, list, ours, def)
		case a.ours(x.Path, sent):
			values[x.Path], present[x.Path] = x.Value, have.Get(x.Path)
		case a.filled(at):
			values[x.Path], present[x.Path] = x.Value, x.Value
		case at.Sub != "primary" || !a.hasPrimary(at):
			values[x.Path] = x.Value
		}
	}
	return Ops(New(present), Wanted{Resource: New(values), Managed: full.Managed}, shape, nil)
}

// Overwrite gives the operations for an account that is taken over with
// `values: overwrite`: what differs by the schema's rules is replaced. Nothing is
// cleared that the mapping has no value for, and nobody else's elements go, except
// from a list that is ours as a whole. What was sent, as for Fill, goes.
func Overwrite(have Resource, want Wanted, sent map[string]any, shape Shape) Edit {
	a := adoption{have: have, shape: shape}
	full := a.wanted(want)
	values := a.left(sent, want, &full)
	for _, x := range full.Attrs {
		at := Split(x.Path)
		def, leaf := shape.Lookup(at)
		if list, isList := x.Value.([]Element); isList {
			ours := sentList(sent[x.Path])
			values[x.Path] = a.overwriteList(x.Path, list, ours, &def)
			continue
		}
		values[x.Path] = have.Get(x.Path)
		if leaf.same(values[x.Path], x.Value) {
			values[x.Path] = x.Value
		}
	}
	return Ops(New(values), full, shape, nil)
}

// left gives of what was sent that which the account holds and which is not wanted any
// more, and makes it managed, so that it goes.
func (a adoption) left(sent map[string]any, want Wanted, full *Wanted) map[string]any {
	values := map[string]any{}
	for path, v := range sent {
		_, managed := slices.BinarySearch(want.Managed, path)
		if !managed || full.Get(path) != nil {
			continue
		}
		list := sentList(v)
		switch {
		case len(list) > 0:
			values[path] = a.common(path, list)
		case a.ours(path, sent):
			values[path] = a.have.Get(path)
		default:
			continue
		}
		full.Managed = append(full.Managed, path)
	}
	slices.Sort(full.Managed)
	return values
}

// ours tells whether the account holds at a path what was sent.
func (a adoption) ours(path string, sent map[string]any) bool {
	have := a.have.Get(path)
	_, leaf := a.shape.Lookup(Split(path))
	return have != nil && slices.ContainsFunc(Candidates(sent[path]), func(v any) bool { return leaf.same(have, v) })
}

// adoption compares with what the account holds.
type adoption struct {
	have  Resource
	shape Shape
}

// Crowded gives the attribute of which an account has so many values that what is wanted
// besides finds no room, and how many values there may be; "": there is room for all.
func (s Shape) Crowded(have Resource, want Wanted) (path string, most int) {
	fresh := map[string][]string{} // by attribute: the elements that come
	for _, x := range want.Attrs {
		at := Split(x.Path)
		def := s.find(at)
		attr := at.Attribute()
		if def.MaxValues == 0 || s.Whole(def) || s.Own[attr] {
			continue
		}
		there, _ := have.Get(attr).([]Element)
		if len(at.Filter) > 0 && def.index(there, at.Filter) < 0 && !slices.Contains(fresh[attr], at.Head()) {
			fresh[attr] = append(fresh[attr], at.Head())
		}
		if list, isList := x.Value.([]Element); isList {
			found, ids := def.byIdentity(there, list)
			for _, id := range ids {
				if _, has := found[0][id]; !has {
					fresh[attr] = append(fresh[attr], id)
				}
			}
		}
		if len(fresh[attr]) > 0 && len(there)+len(fresh[attr]) > def.MaxValues {
			return attr, def.MaxValues
		}
	}
	return "", 0
}

// wanted is everything to bring about: managed values, and those for empty places.
// Only paths with a value are managed in it: nothing is cleared.
func (a adoption) wanted(want Wanted) Wanted {
	values := map[string]any{}
	for _, o := range want.Once {
		if o.When == OnlyEmpty && a.have.Get(o.Path) == nil {
			values[o.Path] = o.Value
		}
	}
	for _, x := range want.Attrs {
		values[x.Path] = x.Value
	}
	return Wanted{Resource: New(values)}
}

// filled tells whether the account has a value at a path, or an element of that
// type with a value of its own.
func (a adoption) filled(at Path) bool {
	if a.have.Get(at.String()) != nil {
		return true
	}
	if len(at.Filter) == 0 {
		return false
	}
	at.Sub = "value"
	return a.have.Get(at.String()) != nil
}

// hasPrimary tells whether some element of the attribute is primary already.
func (a adoption) hasPrimary(at Path) bool {
	for _, x := range a.have.Attrs {
		if p := Split(x.Path); p.Sub == "primary" && p.Attribute() == at.Attribute() && x.Value == true {
			return true
		}
	}
	return false
}

// fillList gives the wanted list and the part of it that the account has already, with
// what is ours there.
func (a adoption) fillList(path string, want, ours []Element, def *Definition) (list, present []Element) {
	have, _ := a.have.Get(path).([]Element)
	found, _ := def.byIdentity(have, want)
	for _, e := range a.common(path, ours) {
		if _, wanted := found[1][def.Identity(e)]; !wanted {
			present = append(present, e)
		}
	}
	primary := slices.ContainsFunc(have, func(e Element) bool { return e["primary"] == true })
	for _, e := range want {
		_, has := found[0][def.Identity(e)]
		if has {
			present = append(present, e)
		} else if primary {
			e = e.without("primary")
		}
		list = append(list, e)
	}
	return list, present
}

// overwriteList gives the account's list as far as it concerns us: of wanted
// elements the wanted sub-attributes, of other elements nothing, unless they are ours
// or the list is as a whole.
func (a adoption) overwriteList(path string, want, ours []Element, def *Definition) []Element {
	have, _ := a.have.Get(path).([]Element)
	found, _ := def.byIdentity(want, ours)
	var list []Element
	for _, e := range have {
		w, wanted := found[0][def.Identity(e)]
		if !wanted {
			_, sent := found[1][def.Identity(e)]
			if sent || (a.shape.Own[path] || a.shape.Whole(def)) && !def.its(e) {
				list = append(list, e)
			}
			continue
		}
		ours := Element{}
		for name, v := range w {
			if !def.sub(name).same(e[name], v) {
				v = e[name]
			}
			set(ours, name, v)
		}
		list = append(list, ours)
	}
	return list
}

// sentList gives all the elements that a request in doubt may have sent.
func sentList(v any) []Element {
	var all []Element
	for _, list := range Candidates(v) {
		all = append(all, asList(list)...)
	}
	return all
}

// common gives the elements of the list that the account has, too.
func (a adoption) common(path string, list []Element) []Element {
	def := a.shape.find(Split(path))
	have, _ := a.have.Get(path).([]Element)
	found, _ := def.byIdentity(list)
	var both []Element
	for _, e := range have {
		if _, in := found[0][def.Identity(e)]; in {
			both = append(both, e)
		}
	}
	return both
}
