package resource

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
)

// Patch is how a service wants its accounts changed, as far as that decides which
// operations are made and what goes into one request. Its zero value is RFC 7644
// section 3.5.2. How an operation is spelled is the target's business.
type Patch struct {
	// Whole tells that single values of a multi-valued attribute cannot be reached: it is
	// replaced as a whole, and counts as ours as a whole.
	Whole bool
	// Undotted tells that a part of an attribute cannot be reached, as with
	// name.givenName: the attribute is sent with all the parts that we keep.
	Undotted bool
	// Pathless tells that one operation holds all attributes: however many are added and
	// replaced, it counts as one.
	Pathless bool
	MaxOps   int      // most operations of a request; 0: no limit
	Isolate  []string // paths that are changed in a request of their own
	Keep     []string // paths that cannot be taken away
	Clear    Clear
}

// Clear is how a value is taken away.
type Clear string

// The ways to take a value away. What cannot be taken away stays as it is.
const (
	ClearByRemove Clear = ""              // the operation remove
	ClearByEmpty  Clear = "replace_empty" // replaced by "", null for what is no text, or an empty list
	ClearByNull   Clear = "replace_null"  // replaced by null
	ClearNever    Clear = "unsupported"
)

// Null is the value of an operation that replaces by null, and of a part of an attribute
// that is sent whole without it. No resource holds it.
type Null struct{}

// MarshalJSON writes null.
func (Null) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

// UnmarshalJSON reads an operation. Unlike no value, null is Null.
func (o *Op) UnmarshalJSON(raw []byte) error {
	var stored struct {
		Op, Path string
		Value    json.RawMessage
	}
	if err := json.Unmarshal(raw, &stored); err != nil {
		return err
	}
	*o = Op{Op: stored.Op, Path: stored.Path}
	if stored.Value == nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(stored.Value))
	d.UseNumber() // a number keeps its spelling
	if err := d.Decode(&o.Value); err != nil {
		return err
	}
	o.Value = nulls(o.Value)
	return nil
}

// nulls puts Null in the place of what was read as nil, and a Ref in that of its object.
func nulls(v any) any {
	switch v := v.(type) {
	case nil:
		return Null{}
	case map[string]any:
		if ref, is := isRef(v); is {
			return ref
		}
		for name, part := range v {
			v[name] = nulls(part)
		}
	}
	return v
}

// Keeps tells whether what stands at a path cannot be taken away.
func (p *Patch) Keeps(at Path) bool {
	return p.Clear == ClearNever || slices.ContainsFunc(p.Keep, func(path string) bool { return Split(path).Covers(at) })
}

// isolated gives the isolated path that an operation changes, "" if it changes none.
func (p *Patch) isolated(op Op) string {
	at := Split(op.Path)
	for _, path := range p.Isolate {
		if alone := Split(path); alone.Covers(at) || at.Covers(alone) {
			return path
		}
	}
	return ""
}

func (p *Patch) isolates(op Op) bool { return p.isolated(op) != "" }

// weight counts operations as the service does.
func (p *Patch) weight(ops []Op) int {
	if !p.Pathless {
		return len(ops)
	}
	n, one := 0, 0
	for _, op := range ops {
		if op.Op == "remove" {
			n++
		} else {
			one = 1
		}
	}
	return n + one
}

// Requests puts the operations of one change in order and tells how many go into each
// request; nil: all into one. What is coupled stays together, whatever the limit, and so
// does what changes one attribute, if it fits. The externalId goes first: an account that
// is taken over, and has got only some of it, can be found again as this person's.
func (s Shape) Requests(ops []Op) ([]Op, []int) {
	p := &s.Patch
	fits := p.MaxOps == 0 || p.weight(ops) <= p.MaxOps
	if fits && (len(p.Isolate) == 0 || len(ops) < 2 || !slices.ContainsFunc(ops, p.isolates)) {
		return ops, nil
	}
	var requests [][]Op
	open := false // the last request takes more
	for _, u := range s.units(ops) {
		last := len(requests) - 1
		switch {
		case u.alone:
			requests, open = append(requests, u.ops), false
		case open && p.weight(append(slices.Clone(requests[last]), u.ops...)) <= p.limit():
			requests[last] = append(requests[last], u.ops...)
		default:
			requests, open = append(requests, u.ops), true
		}
	}
	if len(requests) < 2 {
		return ops, nil
	}
	parts := make([]int, len(requests))
	for i, request := range requests {
		parts[i] = len(request)
	}
	return slices.Concat(requests...), parts
}

func (p *Patch) limit() int {
	if p.MaxOps == 0 {
		return int(^uint(0) >> 1)
	}
	return p.MaxOps
}

// unit is a number of operations that go into the same request.
type unit struct {
	name  string
	ops   []Op
	alone bool
}

// units binds operations together, in the order in which the first of each comes.
func (s Shape) units(ops []Op) []unit {
	var units []unit
	for _, op := range ops {
		name := s.unitName(op)
		i := slices.IndexFunc(units, func(u unit) bool { return u.name == name })
		if i < 0 {
			i, units = len(units), append(units, unit{name: name})
		}
		units[i].ops = append(units[i].ops, op)
		units[i].alone = units[i].alone || s.Patch.isolates(op)
	}
	slices.SortStableFunc(units, func(a, b unit) int { return cmp.Compare(b.anchor(), a.anchor()) })
	var fitting []unit
	for _, u := range units {
		coupled := u.name[0] == '='
		for !coupled && s.Patch.weight(u.ops) > s.Patch.limit() {
			one := u
			one.ops, u.ops = u.ops[:s.Patch.limit():s.Patch.limit()], u.ops[s.Patch.limit():]
			fitting = append(fitting, one)
		}
		fitting = append(fitting, u)
	}
	return fitting
}

// anchor is 1 for the unit that says whose account it is.
func (u *unit) anchor() int {
	if slices.ContainsFunc(u.ops, func(op Op) bool { return op.Path == "externalId" }) {
		return 1
	}
	return 0
}

// unitName is the attribute that an operation is for, or the path that is to be alone,
// or, behind =, the first of those that are coupled to it.
func (s Shape) unitName(op Op) string {
	name := Split(op.Path).Attribute()
	for _, set := range s.Coupled {
		for _, path := range set {
			if Split(path).Attribute() == name {
				return "=" + Split(set[0]).Attribute()
			}
		}
	}
	if alone := s.Patch.isolated(op); alone != "" {
		return alone
	}
	return name
}
