package sandbox

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bodies are checked once, when they come in, and brought into one form: names
// spelt as in the schema, nothing unassigned, nothing the server makes itself.
// Everything behind this file works on that form.

// parseObject reads one JSON object and nothing else.
func parseObject(body []byte) (map[string]any, error) {
	if !utf8.Valid(body) {
		return nil, refuse("invalidSyntax", "the body is not valid UTF-8")
	}
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return nil, refuse("invalidSyntax", "the body is not JSON: %v", err)
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, refuse("invalidSyntax", "the body is not a JSON object")
	}
	return m, nil
}

// encode writes canonical JSON: sorted names, no HTML escapes, no newline.
func encode(v any) []byte { return appendJSON(make([]byte, 0, 512), v) }

// appendJSON walks the types that bodies are made of itself, which takes a
// third of the time, and leaves the rest to encoding/json.
func appendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		if plain(v) {
			return append(append(append(b, '"'), v...), '"')
		}
	case bool:
		return strconv.AppendBool(b, v)
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, e)
		}
		return append(b, ']')
	case map[string]any:
		b = append(b, '{')
		for i, name := range sortedKeys(v) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendJSON(b, name), ':')
			b = appendJSON(b, v[name])
		}
		return append(b, '}')
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("sandbox: encode %T: %v", v, err)) // nothing comes here that JSON cannot hold
	}
	return append(b, bytes.TrimSuffix(out.Bytes(), []byte("\n"))...)
}

// plain says whether a string needs no escapes.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// decode reads back what encode wrote.
func decode(body []byte) map[string]any {
	var m map[string]any
	if err := json.Unmarshal(body, &m); err != nil {
		panic(fmt.Sprintf("sandbox: decode a stored resource: %v", err)) // it was checked when it was stored
	}
	return m
}

// canonical checks a whole resource as POST and PUT bring it. Attributes that
// only the server writes are dropped, as RFC 7644 section 3.3 asks.
func (t *resourceType) canonical(in map[string]any) (map[string]any, error) {
	out := make(map[string]any, len(in)+1)
	var uris any
	odd := false
	for _, name := range sortedKeys(in) {
		v := in[name]
		switch ext := t.extension(name); {
		case strings.EqualFold(name, "schemas"):
			uris, odd = v, odd || name != "schemas"
		case ext != nil:
			odd = odd || name != ext.ID
			m, err := canonicalObject(ext.Attributes, v, ext.ID)
			if err != nil {
				return nil, err
			}
			if len(m) > 0 {
				out[ext.ID] = m
			}
		default:
			a := t.attr(name)
			if a == nil {
				return nil, refuse("invalidSyntax", "attribute %q is in no schema of %s", name, t.Name)
			}
			odd = odd || name != a.Name
			if err := assign(out, a, v); err != nil {
				return nil, err
			}
		}
	}
	if odd {
		if err := distinct(in); err != nil {
			return nil, err
		}
	}
	if err := t.checkSchemas(uris, out); err != nil {
		return nil, err
	}
	return out, t.finish(out)
}

// assign stores the canonical form of v, or nothing if v is unassigned or not
// the client's to write.
func assign(out map[string]any, a *attribute, v any) error {
	if a.Mutability == "readOnly" {
		return nil
	}
	c, err := a.canonicalValue(v, a.Name)
	if err != nil || c == nil || a.Returned == "never" {
		return err
	}
	out[a.Name] = c
	return nil
}

// finish checks what must hold of a complete resource and sets its schemas.
func (t *resourceType) finish(m map[string]any) error {
	for _, a := range t.Core.Attributes {
		if !a.Required {
			continue
		}
		if s, _ := m[a.Name].(string); strings.TrimSpace(s) == "" {
			return refuse("invalidValue", "%s is required", a.Name)
		}
	}
	uris := []any{t.Core.ID}
	for _, e := range t.Extensions {
		if _, ok := m[e.ID]; ok {
			uris = append(uris, e.ID)
		}
	}
	m["schemas"] = uris
	return nil
}

// checkSchemas holds the schemas attribute against what the body uses (RFC
// 7643 section 3).
func (t *resourceType) checkSchemas(v any, body map[string]any) error {
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return refuse("invalidSyntax", "schemas must be a list that holds %s", t.Core.ID)
	}
	seen := map[string]bool{}
	for _, e := range list {
		uri, ok := e.(string)
		if !ok {
			return refuse("invalidSyntax", "schemas must hold strings only")
		}
		id := t.Core.ID
		if ext := t.extension(uri); ext != nil {
			id = ext.ID
		} else if !strings.EqualFold(uri, id) {
			return refuse("invalidSyntax", "schemas holds %q, which %s does not have", uri, t.Name)
		}
		if seen[id] {
			return refuse("invalidSyntax", "schemas holds %q twice", uri)
		}
		seen[id] = true
	}
	if !seen[t.Core.ID] {
		return refuse("invalidSyntax", "schemas lacks %s", t.Core.ID)
	}
	for _, e := range t.Extensions {
		if _, used := body[e.ID]; used && !seen[e.ID] {
			return refuse("invalidSyntax", "schemas lacks %s, which the body uses", e.ID)
		}
	}
	return nil
}

// canonicalValue checks a value of the attribute; path names it in errors. Nil
// means unassigned: null and the empty list (RFC 7643 section 2.5).
func (a *attribute) canonicalValue(v any, path string) (any, error) {
	if v == nil {
		return nil, nil
	}
	if !a.MultiValued {
		return a.canonicalOne(v, path)
	}
	list, ok := v.([]any)
	if !ok {
		return nil, refuse("invalidValue", "%s must be a list, not %s", path, jsonType(v))
	}
	out := make([]any, 0, len(list))
	for _, e := range list {
		c, err := a.canonicalOne(e, path)
		if err != nil {
			return nil, err
		}
		if c == nil {
			return nil, refuse("invalidValue", "%s holds an empty element", path)
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, a.checkElements(out)
}

// canonicalOne checks a single value. An object without content is nil.
func (a *attribute) canonicalOne(v any, path string) (any, error) {
	if a.Type == "complex" {
		m, err := canonicalObject(a.SubAttributes, v, path)
		if err != nil || len(m) == 0 {
			return nil, err
		}
		return m, nil
	}
	if a.Type == "boolean" {
		if _, ok := v.(bool); !ok {
			return nil, refuse("invalidValue", "%s must be true or false, not %s", path, jsonType(v))
		}
		return v, nil
	}
	s, ok := v.(string)
	if !ok {
		return nil, refuse("invalidValue", "%s must be a string, not %s", path, jsonType(v))
	}
	switch a.Type {
	case "dateTime":
		if _, err := time.Parse(time.RFC3339Nano, s); err != nil {
			return nil, refuse("invalidValue", "%s must be a date and time like 2026-01-31T08:00:00Z", path)
		}
	case "binary":
		if _, err := base64.StdEncoding.DecodeString(s); err != nil {
			return nil, refuse("invalidValue", "%s must be base64", path)
		}
	}
	return s, nil
}

// canonicalObject checks the sub-attributes of a complex value or the
// attributes of an extension.
func canonicalObject(attrs []*attribute, v any, path string) (map[string]any, error) {
	if v == nil {
		return nil, nil
	}
	in, ok := v.(map[string]any)
	if !ok {
		return nil, refuse("invalidValue", "%s must be an object, not %s", path, jsonType(v))
	}
	out := make(map[string]any, len(in))
	for name, v := range in {
		a := find(attrs, name)
		if a == nil {
			return nil, refuse("invalidSyntax", "%s has no attribute %q", path, name)
		}
		if a.Name != name {
			if err := distinct(in); err != nil {
				return nil, err
			}
		}
		if a.Mutability == "readOnly" {
			continue
		}
		c, err := a.canonicalValue(v, path+"."+a.Name)
		if err != nil {
			return nil, err
		}
		if c != nil {
			out[a.Name] = c
		}
	}
	return out, missingSub(attrs, out, path)
}

// missingSub asks for the required sub-attributes of a value that has any.
func missingSub(attrs []*attribute, m map[string]any, path string) error {
	for _, a := range attrs {
		if a.Required && len(m) > 0 && m[a.Name] == nil {
			return refuse("invalidValue", "%s.%s is required", path, a.Name)
		}
	}
	return nil
}

// checkElements refuses a second primary and a second element of the same type
// and value (RFC 7643 section 2.4).
func (a *attribute) checkElements(list []any) error {
	if a.Name == "members" {
		return nil // a set of ids; the same one twice is the same member
	}
	primary := 0
	seen := make(map[string]bool, len(list))
	for _, e := range list {
		m, _ := e.(map[string]any)
		if m["primary"] == true {
			primary++
		}
		if id := a.identity(m); seen[id] {
			return refuse("invalidValue", "%s holds the same value twice", a.Name)
		} else if id != "" {
			seen[id] = true
		}
	}
	if primary > 1 {
		return refuse("invalidValue", "%s has %d primary values; at most one may be", a.Name, primary)
	}
	return nil
}

// identity is equal for elements that are the same to the outside, or empty
// for an element that has none.
func (a *attribute) identity(m map[string]any) string {
	kind, _ := m["type"].(string)
	value, ok := m["value"].(string)
	if !ok {
		if a.sub("value") != nil {
			return ""
		}
		return string(encode(m))
	}
	if v := a.sub("value"); v == nil || !v.CaseExact {
		value = fold(value)
	}
	return fold(kind) + "\x00" + value
}

// distinct refuses names that differ in case only. It is asked when a name is
// not spelt as in the schema; without such a name there cannot be two.
func distinct(m map[string]any) error {
	seen := make(map[string]bool, len(m))
	for name := range m {
		lower := strings.ToLower(name)
		if seen[lower] {
			return refuse("invalidSyntax", "attribute %q is given twice", name)
		}
		seen[lower] = true
	}
	return nil
}

// fold maps strings that are equal under Unicode simple case folding, as in
// strings.EqualFold, to one string.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' {
			return r - 'a' + 'A'
		}
		if r < utf8.RuneSelf {
			return r
		}
		least := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		return least
	}, s)
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// jsonType names the JSON type of a value for a message.
func jsonType(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return fmt.Sprint(v)
	case string:
		return fmt.Sprintf("the string %q", v)
	case float64:
		return "a number"
	case []any:
		return "a list"
	}
	return "an object"
}
