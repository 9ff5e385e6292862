package scim

import (
	"bytes"
	"encoding/json"
)

// verbatim tells whether an answer shows everything that a body said, byte by byte. Most
// answers to a create do, and need not be compared value by value. What is spelled in
// another way is no less the same, but that takes the comparison to tell.
func verbatim(sent, shown []byte) bool {
	var said, there map[string]json.RawMessage
	if json.Unmarshal(sent, &said) != nil || json.Unmarshal(shown, &there) != nil {
		return false
	}
	for name, value := range said {
		if name != "schemas" && !bytes.Equal(value, there[name]) {
			return false
		}
	}
	return len(said) > 0
}
