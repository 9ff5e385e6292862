package resource

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// Flatten reads what a target holds at the paths of like, managed and once. Where the
// number of values counts, or they can only be replaced together, all values of an
// attribute are read besides those that are mapped.
//
// It is tolerant in what it reads: names in any case, texts for booleans and
// numbers, a bare object for an array of one, a bare text for {value}. A value of
// another type than the schema's, and a name that occurs in two spellings at once,
// is read as no value. Empty texts, null and empty arrays are no values
// (RFC 7643 section 2.5).
func Flatten(body map[string]any, like Wanted, shape Shape) Resource {
	values := map[string]any{}
	read := func(path string) {
		if _, done := values[path]; done {
			return
		}
		at := Split(path)
		values[path] = readPath(body, at, shape)
		if def := shape.find(at); len(at.Filter) > 0 && (shape.Whole(def) || def.MaxValues > 0) {
			values[at.Attribute()] = readPath(body, Path{URN: at.URN, Attr: at.Attr}, shape)
		}
	}
	for _, path := range like.Managed {
		read(path)
	}
	for _, a := range like.Attrs {
		read(a.Path)
	}
	for _, o := range like.Once {
		read(o.Path)
	}
	return New(values)
}

func readPath(body map[string]any, at Path, shape Shape) any {
	if at.URN != "" {
		body, _ = get(body, at.URN).(map[string]any)
	}
	raw := get(body, at.Attr)
	attr, leaf := shape.Lookup(at)
	switch {
	case raw == nil:
		return nil
	case len(at.Filter) > 0:
		return readElement(raw, at, &attr)
	case attr.Multi:
		return readList(raw, &attr)
	case at.Sub == "":
		return leaf.read(raw)
	}
	if parts, isObject := raw.(map[string]any); isObject {
		return leaf.read(get(parts, at.Sub))
	}
	if at.Sub == "value" {
		return leaf.read(raw)
	}
	return nil
}

// get finds a name in any case.
func get(body map[string]any, name string) any {
	var found any
	for key, v := range body {
		if len(key) == len(name) && strings.EqualFold(key, name) {
			if found != nil {
				return nil
			}
			found = v
		}
	}
	return found
}

// items gives the elements of an array, each with names in the schema's spelling.
func items(raw any, attr *Definition) []Element {
	list, isList := raw.([]any)
	if !isList {
		list = []any{raw}
	}
	var all []Element
	for _, item := range list {
		parts, isObject := item.(map[string]any)
		if !isObject {
			parts = map[string]any{"value": item}
		}
		e := Element{}
		for name := range parts {
			sub := attr.sub(name)
			if attr.Type != Complex {
				sub = &Definition{Name: "value", Type: attr.Type}
			}
			if v := sub.read(get(parts, name)); v != nil && (sub.Name != "primary" || v != false) {
				e[sub.Name] = v
			}
		}
		if len(e) > 0 {
			all = append(all, e)
		}
	}
	return all
}

func readList(raw any, attr *Definition) any {
	list := items(raw, attr)
	if len(list) == 0 {
		return nil
	}
	return list
}

// readElement reads one part of the element that the filter selects. Where several
// match, the first with that part counts.
func readElement(raw any, at Path, attr *Definition) any {
	for _, e := range items(raw, attr) {
		if v := e[at.Sub]; v != nil && attr.matches(e, at.Filter) {
			return v
		}
	}
	return nil
}

// read turns a JSON value into the canonical value of the attribute's type, nil if
// it is none.
func (d *Definition) read(raw any) any {
	var text string
	switch v := raw.(type) {
	case nil:
		return nil
	case string:
		text = v
	case bool:
		text = strconv.FormatBool(v)
	case json.Number:
		text = v.String()
	case float64:
		text = strconv.FormatFloat(v, 'f', -1, 64)
	case map[string]any:
		if inner := get(v, "value"); inner != nil && d.Type != Complex {
			return d.read(inner)
		}
		return nil
	default:
		return nil
	}
	if text == "" {
		return nil
	}
	v, err := d.Canonical(text)
	if err != nil {
		return nil
	}
	return v
}

// Canonical turns text into the one form in which a value of the attribute's type
// is kept: true or false, a number without needless signs, an instant in UTC, or
// the text as it is (RFC 7643 section 2.3). The error names the type only.
func (d *Definition) Canonical(text string) (any, error) {
	switch d.Type {
	case Boolean:
		switch text {
		case "true", "True":
			return true, nil
		case "false", "False":
			return false, nil
		}
		return nil, fmt.Errorf("is not true or false")
	case Integer:
		n, isNumber := new(big.Int).SetString(text, 10)
		if !isNumber {
			return nil, fmt.Errorf("is not a whole number")
		}
		return json.Number(n.String()), nil
	case Decimal:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || f-f != 0 { // infinities and NaN
			return nil, fmt.Errorf("is not a number")
		}
		return json.Number(strconv.FormatFloat(f, 'f', -1, 64)), nil
	case DateTime:
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return nil, fmt.Errorf("is not a dateTime such as 2026-01-31T08:00:00Z")
		}
		return at.UTC().Format(time.RFC3339Nano), nil
	case Complex:
		return nil, fmt.Errorf("is a single value where parts are due")
	}
	return text, nil
}
