package scim

import "bytes"

// member is a member of a JSON object as it is spelled: its name without the quotes,
// and its value.
type member struct{ name, value []byte }

// members gives the members of a JSON object, in one pass that looks no deeper than it
// must: decoding takes several, and copies everything. Of what is not a JSON object as
// far as it can be seen from its own level there are none; a value is for the caller
// to decode.
func members(text []byte) []member {
	text = bytes.TrimSpace(text)
	if len(text) < 2 || text[0] != '{' {
		return nil
	}
	all := make([]member, 0, 16)
	for at := 1; ; {
		at = blank(text, at)
		end := quoted(text, at)
		colon := blank(text, end)
		if end-at < 2 || colon == len(text) || text[colon] != ':' {
			return nil
		}
		name := text[at+1 : end-1]
		at = behind(text, colon+1)
		if at == len(text) || text[at] == ']' {
			return nil
		}
		all = append(all, member{name, bytes.TrimSpace(text[colon+1 : at])})
		if text[at] == '}' {
			if at+1 < len(text) {
				return nil
			}
			return all
		}
		at++
	}
}

// behind gives the place of the comma or the brace that ends a value; the length of the
// text if there is none.
func behind(text []byte, at int) int {
	for depth := 0; at < len(text); at++ {
		switch text[at] {
		case '"':
			at = quoted(text, at) - 1
		case '{', '[':
			depth++
		case '}', ']', ',':
			if depth == 0 {
				return at
			}
			if text[at] != ',' {
				depth--
			}
		}
	}
	return at
}

// blank skips white space.
func blank(text []byte, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at] == '\t' || text[at] == '\r' || text[at] == '\n') {
		at++
	}
	return at
}

// quoted gives the place behind the JSON string at a place; the place itself if there is
// no string, the length of the text if it does not end.
func quoted(text []byte, at int) int {
	if at >= len(text) || text[at] != '"' {
		return at
	}
	for at++; at < len(text); at++ {
		switch text[at] {
		case '\\':
			at++
		case '"':
			return at + 1
		}
	}
	return len(text)
}

// verbatim tells whether an answer shows everything that a body said, byte by byte. Most
// answers to a create do, and need not be compared value by value. What is spelled in
// another way is no less the same, but that takes the comparison to tell.
func verbatim(sent, shown []member) bool {
	for _, said := range sent {
		var value []byte
		for _, m := range shown {
			if bytes.Equal(m.name, said.name) {
				value = m.value
			}
		}
		if string(said.name) != "schemas" && !bytes.Equal(value, said.value) {
			return false
		}
	}
	return len(sent) > 0
}
