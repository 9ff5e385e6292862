package profile

import (
	"reflect"
	"time"
)

// Schema is the JSON Schema of the options of a target: a mapping of knobs. It sees unknown keys, wrong types and unknown words;
// what depends on more is With's.
func Schema() map[string]any {
	out := object(reflect.TypeFor[Profile]())
	properties := out["properties"].(map[string]any)
	for name := range notKnobs {
		delete(properties, name)
	}
	return out
}

func schemaOf(t reflect.Type) map[string]any {
	text := func(pattern string) map[string]any { return map[string]any{"type": "string", "pattern": pattern} }
	switch t {
	case reflect.TypeFor[time.Duration]():
		return text(`^([0-9]+(ms|s|m|h|d))+$`)
	case reflect.TypeFor[Limit]():
		return text(`^[1-9][0-9]*/([1-9][0-9]*)?(s|m|h|d)$`)
	case reflect.TypeFor[Match]():
		one := map[string]any{"type": "string"}
		return map[string]any{"anyOf": []any{one, map[string]any{"type": "array", "items": one}}}
	}
	switch t.Kind() {
	case reflect.Struct:
		return object(t)
	case reflect.Slice:
		return map[string]any{"type": "array", "items": schemaOf(t.Elem())}
	case reflect.Map: // null takes a line away
		return map[string]any{"type": "object", "additionalProperties": map[string]any{"anyOf": []any{schemaOf(t.Elem()), map[string]any{"type": "null"}}}}
	case reflect.Int:
		return map[string]any{"type": "integer", "minimum": 0}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	}
	if list := words[t]; list != nil {
		enum := make([]any, 0, len(list))
		for _, word := range list {
			enum = append(enum, word)
		}
		return map[string]any{"enum": enum}
	}
	return map[string]any{"type": "string"}
}

func object(t reflect.Type) map[string]any {
	properties := map[string]any{}
	f := fieldsOf(t)
	for name, i := range f.at {
		properties[name] = schemaOf(t.Field(i).Type)
	}
	out := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(f.must) > 0 {
		must := make([]any, 0, len(f.must))
		for _, name := range f.must {
			must = append(must, name)
		}
		out["required"] = must
	}
	return out
}
