package resource

import (
	"maps"
	"strings"
)

// Nest gives a resource as the body of a SCIM request (RFC 7643 section 3): nested,
// extensions in objects of their own, lists as arrays. `schemas` and `active` are
// for the caller to add; Shape.Schemas gives the former.
func Nest(r Resource, shape Shape) map[string]any {
	body := make(map[string]any, len(r.Attrs)+2)
	var element map[string]any // that of the attribute before, and its head
	head := ""
	for _, a := range r.Attrs {
		at := Split(a.Path)
		def := shape.find(at)
		holder := body
		if at.URN != "" {
			holder = object(body, at.URN)
		}
		switch list, isList := a.Value.([]Element); {
		case isList:
			for _, e := range list {
				push(holder, at.Attr, bare(def, e))
			}
		case len(at.Filter) > 0:
			// Attributes are sorted: what belongs to one element stands together.
			if h := a.Path[:strings.LastIndexByte(a.Path, ']')+1]; element == nil || h != head {
				element, head = build(at, Element{}), h
				push(holder, at.Attr, element)
			}
			element[at.Sub] = a.Value
		case at.Sub != "":
			object(holder, at.Attr)[at.Sub] = a.Value
		default:
			holder[at.Attr] = a.Value
		}
	}
	return body
}

func object(holder map[string]any, name string) map[string]any {
	o, has := holder[name].(map[string]any)
	if !has {
		o = map[string]any{}
		holder[name] = o
	}
	return o
}

func push(holder map[string]any, name string, v any) {
	list, _ := holder[name].([]any)
	holder[name] = append(list, v)
}

// bare is an element as it is sent: of a list of plain values only the value.
func bare(def *Definition, e Element) any {
	if def.Type != Complex {
		return e["value"]
	}
	return map[string]any(maps.Clone(e))
}
