package resource

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"scimsync/sync/record"
)

// Ref is a value that refers to another account: it names the person by their key until the
// moment of sending, when the id of their account at that target takes its place (RFC 7643
// section 4.3). Two of them are the same if their keys are.
type Ref struct {
	Key record.Key
	// ID is the id of the account, for comparing with what a target shows; empty: not known, or
	// there is none. It is no part of the value: nothing keeps it.
	ID string
}

// String spells it for messages: user/hr/10034.
func (r Ref) String() string { return r.Key.String() }

// storedRef is the JSON of a Ref.
type storedRef struct {
	Key string `json:"$key"`
}

// MarshalJSON writes an object with the key: no request must ever hold that.
func (r Ref) MarshalJSON() ([]byte, error) { return json.Marshal(storedRef{r.Key.String()}) }

// readRef reads what MarshalJSON writes.
func readRef(raw []byte) (Ref, bool) {
	var s storedRef
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if d.Decode(&s) != nil {
		return Ref{}, false
	}
	return parseRef(s.Key)
}

func parseRef(text string) (Ref, bool) {
	kind, rest, _ := strings.Cut(text, "/")
	source, id, whole := strings.Cut(rest, "/")
	for _, k := range record.Kinds {
		if k.String() == kind && whole {
			return Ref{Key: record.Key{Kind: k, Source: source, ID: id}}, true
		}
	}
	return Ref{}, false
}

// isRef tells whether a JSON object that was decoded is a Ref.
func isRef(object map[string]any) (Ref, bool) {
	text, is := object["$key"].(string)
	if !is || len(object) != 1 {
		return Ref{}, false
	}
	return parseRef(text)
}

// refers compares a Ref with a value that a target shows. Of one whose account is not known
// nothing can be said: it counts as the same.
func (r Ref) refers(v any) bool {
	if other, is := v.(Ref); is {
		return r.Key == other.Key
	}
	return r.ID == "" || v == r.ID
}

// Refs gives the keys that a value refers to, in a list or an operation too.
func Refs(v any) []record.Key {
	switch v.(type) {
	case Ref, Element, map[string]any, Either:
		return refs(v)
	}
	return nil // of most values, without any memory
}

func refs(v any) (keys []record.Key) {
	Replace(v, func(r Ref) any {
		keys = append(keys, r.Key)
		return r
	})
	return keys
}

// Replace gives a value with something else in the place of each Ref in it.
func Replace(v any, with func(Ref) any) any {
	switch v := v.(type) {
	case Ref:
		return with(v)
	case Element:
		return Element(replaceAll(v, with))
	case map[string]any:
		return replaceAll(v, with)
	case Either:
		all := slices.Clone(v)
		for i := range all {
			all[i] = Replace(all[i], with)
		}
		return all
	}
	return v
}

func replaceAll(values map[string]any, with func(Ref) any) map[string]any {
	values = maps.Clone(values)
	for name := range values {
		values[name] = Replace(values[name], with)
	}
	return values
}
