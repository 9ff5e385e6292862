package scim

import (
	"bytes"
	"encoding/json"
	"iter"
)

// members gives the names and the values of a JSON object as they are spelled, without
// the quotes of the names: one pass, where decoding takes a dozen and copies everything.
// What is not a JSON object has none.
func members(text []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		text = bytes.TrimLeft(text, " \t\r\n")
		if len(text) == 0 || text[0] != '{' || !json.Valid(text) {
			return
		}
		// From here on the text is known to be valid: a value ends at a comma or a brace of
		// the object itself.
		var name string
		start, depth := 0, 0
		for i := 0; i < len(text); i++ {
			switch text[i] {
			case '"':
				end := i + quoted(text[i:])
				if depth == 1 && start == 0 {
					name = string(text[i+1 : end-1])
				}
				i = end - 1
			case ':':
				if depth == 1 {
					start = i + 1
				}
			case '{', '[':
				depth++
			case '}', ']', ',':
				if depth == 1 && start > 0 && !yield(name, bytes.TrimSpace(text[start:i])) {
					return
				}
				if depth == 1 {
					start = 0
				}
				if text[i] != ',' {
					depth--
				}
			}
		}
	}
}

// quoted gives the length of the JSON string that a text begins with.
func quoted(text []byte) int {
	for i := 1; ; i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

// verbatim tells whether an answer shows everything that a body said, byte by byte. Most
// answers to a create do, and need not be compared value by value. What is spelled in
// another way is no less the same, but that takes the comparison to tell.
func verbatim(sent, shown []byte) bool {
	type member struct {
		name  string
		value []byte
		shown bool
	}
	var said []member
	for name, value := range members(sent) {
		said = append(said, member{name, value, name == "schemas"})
	}
	for name, value := range members(shown) {
		for i := range said {
			if m := &said[i]; m.name == name && name != "schemas" {
				m.shown = bytes.Equal(m.value, value)
			}
		}
	}
	for _, m := range said {
		if !m.shown {
			return false
		}
	}
	return len(said) > 0
}
