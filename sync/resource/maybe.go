package resource

import (
	"encoding/json"
	"maps"
	"slices"
)

// Either is, among values in doubt, one of several: it is not known which of them a
// target holds. Nil stands for no value.
type Either []any

// Or gives what is to be said of a path that may hold a or b, each of which may be an
// Either.
func Or(a, b any) any {
	var all Either
	for _, v := range append(slices.Clone(Candidates(a)), Candidates(b)...) {
		if !slices.ContainsFunc(all, func(w any) bool { return SameValue(v, w) }) {
			all = append(all, v)
		}
	}
	if len(all) == 1 {
		return all[0]
	}
	return all
}

// Candidates lists what a value in doubt may be.
func Candidates(v any) []any {
	if all, several := v.(Either); several {
		return all
	}
	return []any{v}
}

// Maybe gives the values in doubt once an edit is sent that leads to want, while
// earlier ones are: path to value, nil for no value. Of what was not in doubt before,
// the value before may be there as well, as not even the order is known in which the
// requests arrive.
func Maybe(earlier map[string]any, edit Edit, want Resource) map[string]any {
	values := make(map[string]any, len(edit.Before)+len(edit.After)+len(earlier))
	for path := range edit.Before {
		values[path] = nil
	}
	maps.Copy(values, edit.After)
	if len(earlier) == 0 {
		return values
	}
	for path, v := range values {
		if _, doubted := earlier[path]; !doubted {
			values[path] = Or(edit.Before[path], v)
		}
	}
	for path, v := range earlier {
		now, sent := values[path]
		if !sent {
			now = want.Get(path)
		}
		values[path] = Or(v, now)
	}
	return values
}

// storedEither is the JSON of an Either: of all values in doubt only it is an object.
type storedEither struct {
	Either []any `json:"either"`
}

// MarshalJSON writes an object, which no value of a resource is.
func (e Either) MarshalJSON() ([]byte, error) { return json.Marshal(storedEither{e}) }

// readEither reads it.
func readEither(raw []byte) (Either, bool) {
	var s struct{ Either []value }
	if json.Unmarshal(raw, &s) != nil || len(s.Either) < 2 {
		return nil, false
	}
	all := make(Either, len(s.Either))
	for i, v := range s.Either {
		if _, nested := v.any.(Either); nested {
			return nil, false
		}
		all[i] = v.any
	}
	return all, true
}
