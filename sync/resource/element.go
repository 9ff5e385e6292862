package resource

import (
	"maps"
	"slices"
	"sort"
	"strings"
)

// Sorted gives the elements in canonical order: by type, by value, then by all the
// rest. The order at a target means nothing (RFC 7643 section 2.4).
func Sorted(list []Element) []Element {
	list = slices.Clone(list)
	sort.SliceStable(list, func(i, j int) bool { return sortKey(list[i]) < sortKey(list[j]) })
	return list
}

func sortKey(e Element) string {
	typ, _ := e["type"].(string)
	val, _ := e["value"].(string)
	var b strings.Builder
	b.WriteString(typ + "\x00" + val)
	for _, name := range slices.Sorted(maps.Keys(e)) {
		b.WriteString("\x00" + name + "\x00")
		b.Write(literal(e[name]))
	}
	return b.String()
}

// Identity tells which element of an attribute this is: equal text, same element.
// Type and value make it, folded where the schema ignores case; without a value it
// is made by all sub-attributes but primary (RFC 7643 section 2.4).
func (d *Definition) Identity(e Element) string {
	var b strings.Builder
	for _, name := range identityNames(e) {
		v := literal(e[name])
		b.WriteString(name + "\x00")
		if d.sub(name).CaseExact {
			b.Write(v)
		} else {
			b.WriteString(fold(string(v)))
		}
		b.WriteByte(0)
	}
	return b.String()
}

// identityNames lists the sub-attributes that make the identity, sorted, type first.
func identityNames(e Element) []string {
	_, hasType := e["type"]
	_, hasValue := e["value"]
	switch {
	case hasValue && hasType:
		return []string{"type", "value"}
	case hasValue:
		return []string{"value"}
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
func identityFilter(e Element) []Eq {
	var list []Eq
	for _, name := range identityNames(e) {
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
