package resource

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// AppendJSON writes a value of a resource, or objects and lists of such values, as
// encoding/json does it in several times the time: the members of a map sorted by name. <, > and & stand for themselves, as they do in filters and names.
func AppendJSON(b []byte, v any) (_ []byte, err error) {
	switch v := v.(type) {
	case string:
		return appendString(b, v), nil
	case bool:
		return append(b, literal(v)...), nil
	case *Object:
		return appendMembers(b, *v)
	case map[string]any:
		return appendMap(b, v)
	case Element:
		return appendMap(b, v)
	case []string:
		return appendList(b, v)
	case []any:
		return appendList(b, v)
	case []Element:
		return appendList(b, v)
	}
	buf := bytes.NewBuffer(b)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	err = enc.Encode(v)
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), err
}

func appendMembers(b []byte, members []Member) (_ []byte, err error) {
	b = append(b, '{')
	for i := range members {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, members[i].Name), ':')
		if b, err = AppendJSON(b, members[i].Value); err != nil {
			return b, err
		}
	}
	return append(b, '}'), nil
}

func appendMap(b []byte, object map[string]any) (_ []byte, err error) {
	if object == nil {
		return append(b, "null"...), nil
	}
	b = append(b, '{')
	names := make([]string, 0, 16) // most objects need no more, and no memory of their own
	names = slices.AppendSeq(names, maps.Keys(object))
	slices.Sort(names)
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, name), ':')
		if b, err = AppendJSON(b, object[name]); err != nil {
			return b, err
		}
	}
	return append(b, '}'), nil
}

func appendList[T any](b []byte, list []T) (_ []byte, err error) {
	if list == nil {
		return append(b, "null"...), nil
	}
	b = append(b, '[')
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = AppendJSON(b, list[i]); err != nil {
			return b, err
		}
	}
	return append(b, ']'), nil
}

// appendString writes a JSON string. Most are plain and need no escaping.
func appendString(b []byte, s string) []byte {
	ascii := true
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' {
			return appendEscaped(b, s)
		} else if c >= utf8.RuneSelf {
			ascii = false
		}
	}
	// What JavaScript takes for the end of a line is escaped like what is no UTF-8.
	if !ascii && (!utf8.ValidString(s) || strings.ContainsAny(s, "\u2028\u2029")) {
		return appendEscaped(b, s)
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func appendEscaped(b []byte, s string) []byte {
	buf := bytes.NewBuffer(b)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil { // a string always encodes
		panic("resource: encode string: " + err.Error())
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}
