package sandbox

import (
	"slices"
	"strings"
	"time"
)

// view gives a filter the attributes of one resource, decoded when first asked
// for, with what the server makes.
type view struct {
	store *store
	r     *resource
	body  map[string]any
}

// get returns a value by its place in the schema; the lock is held.
func (v *view) get(r ref) any {
	if r.ext == nil {
		switch r.attr.Name {
		case "id":
			return v.r.id
		case "meta", "groups", "members":
			return v.store.made(v.r, r.attr.Name, "")
		}
	}
	if v.body == nil {
		v.body = decode(v.r.body)
	}
	if r.ext == nil {
		return v.body[r.attr.Name]
	}
	ext, _ := v.body[r.ext.ID].(map[string]any)
	return ext[r.attr.Name]
}

// element gives a bracketed filter the parts of one element.
func element(m map[string]any) func(ref) any {
	return func(r ref) any { return m[r.attr.Name] }
}

// match evaluates the filter on what get returns.
func (e *expr) match(get func(ref) any) bool {
	switch e.op {
	case "and":
		return e.left.match(get) && e.right.match(get)
	case "or":
		return e.left.match(get) || e.right.match(get)
	case "not":
		return !e.left.match(get)
	case "in":
		for _, m := range list(get(e.ref)) {
			if m, ok := m.(map[string]any); ok && e.left.match(element(m)) {
				return true
			}
		}
		return false
	case "pr":
		return len(e.values(get)) > 0
	}
	values := e.values(get)
	if e.value == nil || len(values) == 0 {
		// Nothing equals nothing, and differs from anything.
		return (e.op == "eq") == (e.value == nil && len(values) == 0) && (e.op == "eq" || e.op == "ne")
	}
	return slices.ContainsFunc(values, e.holds)
}

// values are the single values the filter is about.
func (e *expr) values(get func(ref) any) []any {
	all := list(get(e.ref))
	part := e.ref.sub
	if part == nil && e.op != "pr" && e.ref.attr.Type == "complex" {
		part = e.ref.leaf()
	}
	if part == nil {
		return all
	}
	var out []any
	for _, v := range all {
		if m, ok := v.(map[string]any); ok && m[part.Name] != nil {
			out = append(out, m[part.Name])
		}
	}
	return out
}

func list(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

// holds compares one present value with the filter's.
func (e *expr) holds(v any) bool {
	switch want := e.value.(type) {
	case bool:
		return (v == want) == (e.op == "eq")
	case time.Time:
		s, _ := v.(string)
		at, err := time.Parse(time.RFC3339Nano, s)
		return err == nil && ordered(e.op, at.Compare(want))
	case string:
		s, ok := v.(string)
		if !ok {
			return false
		}
		if !e.ref.leaf().CaseExact {
			s = fold(s)
		}
		switch e.op {
		case "co":
			return strings.Contains(s, want)
		case "sw":
			return strings.HasPrefix(s, want)
		case "ew":
			return strings.HasSuffix(s, want)
		}
		return ordered(e.op, strings.Compare(s, want))
	}
	return false
}

func ordered(op string, c int) bool {
	switch op {
	case "eq":
		return c == 0
	case "ne":
		return c != 0
	case "gt":
		return c > 0
	case "ge":
		return c >= 0
	case "lt":
		return c < 0
	}
	return c <= 0
}

// candidates returns resources among which are all that match, taken from an
// index; false means that no index helps.
func (s *store) candidates(t *table, e *expr) ([]*resource, bool) {
	switch e.op {
	case "and":
		if c, ok := s.candidates(t, e.left); ok {
			return c, true
		}
		return s.candidates(t, e.right)
	case "or":
		left, ok := s.candidates(t, e.left)
		if !ok {
			return nil, false
		}
		right, ok := s.candidates(t, e.right)
		return append(slices.Clone(left), right...), ok
	case "in":
		return s.candidatesIn(t, e.ref, e.left)
	}
	if e.ref.attr == nil {
		return nil, false
	}
	want, ok := e.value.(string)
	if e.op != "eq" || !ok || e.ref.ext != nil {
		return nil, false
	}
	switch leaf := e.ref.leaf(); {
	case e.ref.attr.Name == "userName", e.ref.attr.Name == "displayName" && t == s.groups:
		return one(t.byName[want]), true
	case e.ref.attr.Name == "id":
		return one(t.byID[want]), true
	case e.ref.attr.Name == "externalId":
		return t.byExternal[want], true
	case e.ref.attr.Name == "emails" && leaf.Name == "value":
		return t.byEmail[want], true
	case e.ref.attr.Name == "members" && leaf.Name == "value":
		var found []*resource
		for id := range s.parents[want] {
			found = append(found, s.groups.byID[id])
		}
		return found, true
	}
	return nil, false
}

// candidatesIn looks inside brackets for a value that has an index.
func (s *store) candidatesIn(t *table, r ref, e *expr) ([]*resource, bool) {
	if e.op == "and" {
		if c, ok := s.candidatesIn(t, r, e.left); ok {
			return c, true
		}
		return s.candidatesIn(t, r, e.right)
	}
	if e.op != "eq" || e.ref.attr.Name != "value" {
		return nil, false
	}
	return s.candidates(t, &expr{op: "eq", ref: ref{ext: r.ext, attr: r.attr, sub: e.ref.attr}, value: e.value})
}

func one(r *resource) []*resource {
	if r == nil {
		return nil
	}
	return []*resource{r}
}

// find returns the resources that match, oldest first. A nil filter matches
// all. The lock is held; the result must not be changed.
func (s *store) find(t *table, e *expr) []*resource {
	if e == nil {
		return t.list
	}
	from, ok := s.candidates(t, e)
	if ok {
		from = slices.Clone(from)
		slices.SortFunc(from, func(a, b *resource) int { return int(a.seq) - int(b.seq) })
		from = slices.Compact(from)
	} else {
		from = t.list
	}
	var found []*resource
	for _, r := range from {
		if e.match((&view{store: s, r: r}).get) {
			found = append(found, r)
		}
	}
	return found
}
