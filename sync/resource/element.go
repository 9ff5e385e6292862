package resource

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Sorted gives the elements in canonical order: by type, by value, then by all the
// rest. The order at a target means nothing (RFC 7643 section 2.4).
func Sorted(list []Element) []Element {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b Element) int {
		if c := cmp.Or(compareText(a, b, "type"), compareText(a, b, "value")); c != 0 {
			return c
		}
		return cmp.Compare(allText(a), allText(b))
	})
	return list
}

func compareText(a, b Element, name string) int {
	s, _ := a[name].(string)
	t, _ := b[name].(string)
	return cmp.Compare(s, t)
}

func allText(e Element) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(e)) {
		b.WriteString(name + "\x00")
		b.Write(literal(e[name]))
		b.WriteByte(0)
	}
	return b.String()
}

// Identity tells which element of an attribute this is: equal text, same element.
// Type and value make it, folded where the schema ignores case; without a value it
// is made by all sub-attributes but primary (RFC 7643 section 2.4). What the service
// makes up by itself does not tell elements apart.
func (d *Definition) Identity(e Element) string {
	var b strings.Builder
	for _, name := range d.identityNames(e) {
		v, isText := e[name].(string)
		if !isText {
			v = string(literal(e[name]))
		} else if sub, known := d.Sub(name); known {
			v = sub.normal(v)
		}
		b.WriteString(name)
		b.WriteByte(0)
		b.WriteString(v)
		b.WriteByte(0)
	}
	return b.String()
}

var typeAndValue = []string{"type", "value"}

// identityNames lists the sub-attributes that make the identity, sorted, type first.
func (d *Definition) identityNames(e Element) []string {
	_, hasType := e["type"]
	hasType = hasType && !d.sub("type").ignored()
	_, hasValue := e["value"]
	switch {
	case hasValue && hasType:
		return typeAndValue
	case hasValue:
		return typeAndValue[1:]
	}
	names := make([]string, 0, len(e))
	if hasType {
		names = append(names, "type")
	}
	for _, name := range slices.Sorted(maps.Keys(e)) {
		if name != "type" && name != "primary" {
			names = append(names, name)
		}
	}
	return names
}

// identityFilter selects an element as the target holds it.
func (d *Definition) identityFilter(e Element) []Eq {
	var list []Eq
	for _, name := range d.identityNames(e) {
		list = append(list, Eq{name, e[name]})
	}
	return list
}

// byIdentity gives the elements by identity and the identities in order.
func (d *Definition) byIdentity(lists ...[]Element) (found []map[string]Element, ids []string) {
	all := map[string]bool{}
	for _, list := range lists {
		byID := make(map[string]Element, len(list))
		for _, e := range list {
			id := d.Identity(e)
			byID[id], all[id] = e, true
		}
		found = append(found, byID)
	}
	return found, slices.Sorted(maps.Keys(all))
}

// without gives a copy that lacks one sub-attribute.
func (e Element) without(name string) Element {
	e = maps.Clone(e)
	delete(e, name)
	return e
}
