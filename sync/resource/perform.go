package resource

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// Perform carries operations out on the JSON body of an account, for services that only
// take accounts as a whole (RFC 7644 section 3.5.1). Everything that they do not name
// stays as it came. It does what a service does with a PATCH (section 3.5.2), but does
// not mind when what is to be replaced or taken away is not there.
func Perform(body map[string]any, ops []Op, shape Shape) error {
	for _, op := range ops {
		if op.Op != "add" && op.Op != "replace" && op.Op != "remove" {
			return fmt.Errorf("there is no operation %q", op.Op)
		}
		at := Split(op.Path)
		if at.Attr == "" {
			return fmt.Errorf("%s without a path", op.Op)
		}
		p := performance{op: op, at: at, value: plain(op.Value), def: shape.find(at), whole: !shape.Patch.Undotted}
		if op.Op == "remove" {
			p.value = nil
		}
		within(body, at.URN, p.value != nil, p.do)
	}
	return nil
}

// performance is one operation under way. Its value is JSON, nil for nothing: that is
// how things are taken away, too.
type performance struct {
	op    Op
	at    Path
	value any
	def   *Definition
	// whole tells that an attribute with parts is given with all of them.
	whole bool
}

// within calls fn with an object that stands under a name, made if needed, and takes it
// away if it is empty afterwards. An empty name stands for the holder itself.
func within(holder map[string]any, name string, makes bool, fn func(map[string]any)) {
	if name == "" {
		fn(holder)
		return
	}
	name = spelled(holder, name)
	object, is := holder[name].(map[string]any)
	if !is && !makes {
		return
	}
	if !is {
		object = map[string]any{}
	}
	fn(object)
	put(holder, name, object)
}

// spelled is a name as an object has it; as it is, if it does not.
func spelled(object map[string]any, name string) string {
	for key := range object {
		if len(key) == len(name) && fold(key) == fold(name) {
			return key
		}
	}
	return name
}

// put sets a member, or takes it away where there is nothing to set.
func put(object map[string]any, name string, v any) {
	name = spelled(object, name)
	if nothing(v) {
		delete(object, name)
		return
	}
	object[name] = v
}

// nothing tells what is no value (RFC 7643 section 2.5).
func nothing(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

func (p *performance) do(holder map[string]any) {
	name := spelled(holder, p.at.Attr)
	parts, isObject := p.value.(map[string]any)
	switch {
	case len(p.at.Filter) > 0:
		put(holder, name, p.elements(asArray(holder[name])))
	case p.def.Multi:
		put(holder, name, p.list(asArray(holder[name])))
	case p.at.Sub != "":
		within(holder, name, p.value != nil, func(parts map[string]any) { put(parts, p.at.Sub, p.value) })
	case isObject && !p.whole:
		within(holder, name, true, func(have map[string]any) {
			for part, v := range parts {
				put(have, part, v)
			}
		})
	default:
		put(holder, name, p.value)
	}
}

// list performs on a whole list.
func (p *performance) list(have []any) []any {
	given := asArray(p.value)
	if p.op.Op != "add" {
		return given
	}
	for _, e := range given {
		if !slices.ContainsFunc(have, func(h any) bool { return reflect.DeepEqual(h, e) }) {
			if element, ok := e.(map[string]any); ok && element["primary"] == true {
				noPrimary(have)
			}
			have = append(have, e)
		}
	}
	return have
}

// elements performs on the elements that the filter selects.
func (p *performance) elements(have []any) []any {
	var rest []any
	hit := false
	for _, e := range have {
		element, isObject := e.(map[string]any)
		if !isObject || !p.def.matches(p.def.canonical(element), p.at.Filter) {
			rest = append(rest, e)
			continue
		}
		hit = true
		if p.at.Sub == "" {
			if p.value != nil {
				rest = append(rest, p.value)
			}
			continue
		}
		if p.at.Sub == "primary" && p.value == true {
			noPrimary(have)
		}
		put(element, p.at.Sub, p.value)
		rest = append(rest, element)
	}
	if hit || p.value == nil {
		return rest
	}
	if p.at.Sub == "" {
		return append(rest, p.value)
	}
	if p.at.Sub == "primary" && p.value == true {
		noPrimary(have)
	}
	return append(rest, plain(build(p.at, Element{p.at.Sub: p.value})))
}

// canonical reads an element as items does.
func (d *Definition) canonical(element map[string]any) Element {
	if all := items(element, d); len(all) == 1 {
		return all[0]
	}
	return Element{}
}

// noPrimary takes the mark off all elements: there is one at most (RFC 7643 section 2.4).
func noPrimary(all []any) {
	for _, e := range all {
		if element, ok := e.(map[string]any); ok && element[spelled(element, "primary")] == true {
			put(element, "primary", nil)
		}
	}
}

func asArray(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

// plain gives a value as JSON decoders do, as a copy.
func plain(v any) any {
	switch v := v.(type) {
	case Null:
		return nil
	case Element:
		return plain(map[string]any(v))
	case map[string]any:
		copied := maps.Clone(v)
		for name := range copied {
			copied[name] = plain(copied[name])
		}
		return copied
	case []Element:
		all := make([]any, len(v))
		for i, e := range v {
			all[i] = plain(e)
		}
		return all
	case []any:
		all := make([]any, len(v))
		for i, e := range v {
			all[i] = plain(e)
		}
		return all
	}
	return v
}
