package resource

import (
	"slices"
	"strings"
)

// Object is a JSON object whose members are written in their order.
type Object []Member

// Member is a member of an Object.
type Member struct {
	Name  string
	Value any
}

// Add adds a member of another name than there is.
func (o *Object) Add(name string, v any) { *o = append(*o, Member{name, v}) }

// at gives the member with a name, which is new if there is none: with that of the
// attribute before there usually is.
func (o *Object) at(name string) *Member {
	for i := len(*o) - 1; i >= 0; i-- {
		if (*o)[i].Name == name {
			return &(*o)[i]
		}
	}
	o.Add(name, nil)
	return &(*o)[len(*o)-1]
}

// object gives the object with a name.
func (o *Object) object(name string) *Object {
	m := o.at(name)
	if _, is := m.Value.(*Object); !is {
		m.Value = &Object{}
	}
	return m.Value.(*Object)
}

// push adds an element to the list with a name.
func (o *Object) push(name string, element any) {
	m := o.at(name)
	list, _ := m.Value.([]any)
	m.Value = append(list, element)
}

// MarshalJSON writes what AppendJSON does.
func (o *Object) MarshalJSON() ([]byte, error) { return AppendJSON(nil, o) }

// Nest gives a resource as the body of a SCIM request (RFC 7643 section 3): nested,
// extensions in objects of their own, lists as arrays. `schemas` and `active` are
// for the caller to add; Shape.Schemas gives the former.
func Nest(r Resource, shape Shape) *Object {
	body := slices.Grow(Object{}, len(r.Attrs)+3)
	var element *Object // that of the attribute before, and its head
	head := ""
	for _, a := range r.Attrs {
		at := Split(a.Path)
		holder := &body
		if at.URN != "" {
			holder = body.object(at.URN)
		}
		switch list, isList := a.Value.([]Element); {
		case isList:
			def := shape.find(at)
			for _, e := range list {
				holder.push(at.Attr, bare(def, e))
			}
		case len(at.Filter) > 0:
			// Attributes are sorted: what belongs to one element stands together.
			if h := a.Path[:strings.LastIndexByte(a.Path, ']')+1]; element == nil || h != head {
				element, head = newElement(at.Filter), h
				holder.push(at.Attr, element)
			}
			element.Add(at.Sub, a.Value)
		case at.Sub != "":
			holder.object(at.Attr).Add(at.Sub, a.Value)
		default:
			holder.Add(at.Attr, a.Value)
		}
	}
	return &body
}

// newElement is an element that fits a filter.
func newElement(filter []Eq) *Object {
	element := slices.Grow(Object{}, len(filter)+1)
	for _, eq := range filter {
		if eq.Attr != "primary" || eq.Value != false {
			element.Add(eq.Attr, eq.Value)
		}
	}
	return &element
}

// bare is an element as it is sent: of a list of plain values only the value.
func bare(def *Definition, e Element) any {
	if def.Type != Complex {
		return e["value"]
	}
	return e
}
