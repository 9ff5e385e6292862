package resource

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sort"
)

// New makes a resource of paths and values. Values that are nil, empty lists and
// paths without a value are left out; lists are put into canonical order.
func New(values map[string]any) Resource {
	r := Resource{Attrs: make([]Attr, 0, len(values))}
	for path, v := range values {
		if list, isList := v.([]Element); isList {
			if len(list) == 0 {
				continue
			}
			v = Sorted(list)
		}
		if v != nil {
			r.Attrs = append(r.Attrs, Attr{path, v})
		}
	}
	sort.Slice(r.Attrs, func(i, j int) bool { return r.Attrs[i].Path < r.Attrs[j].Path })
	return r
}

// With gives the resource with other values at some paths; nil takes one away.
func (r Resource) With(values map[string]any) Resource {
	all := make(map[string]any, len(r.Attrs)+len(values))
	for _, a := range r.Attrs {
		all[a.Path] = a.Value
	}
	maps.Copy(all, values)
	return New(all)
}

// Initial is what a new account gets: the managed values and the Once ones.
func (w Wanted) Initial() Resource {
	if len(w.Once) == 0 {
		return w.Resource
	}
	values := make(map[string]any, len(w.Attrs)+len(w.Once))
	for _, o := range w.Once {
		values[o.Path] = o.Value
	}
	for _, a := range w.Attrs {
		values[a.Path] = a.Value
	}
	return New(values)
}

// Get gives the value at a path, nil if there is none.
func (r Resource) Get(path string) any {
	i := sort.Search(len(r.Attrs), func(i int) bool { return r.Attrs[i].Path >= path })
	if i < len(r.Attrs) && r.Attrs[i].Path == path {
		return r.Attrs[i].Value
	}
	return nil
}

// Text gives the text at a path, "" if there is none or it is no text.
func (r Resource) Text(path string) string {
	s, _ := r.Get(path).(string)
	return s
}

// Equal compares two resources byte by byte.
func Equal(a, b Resource) bool {
	if len(a.Attrs) != len(b.Attrs) {
		return false
	}
	for i := range a.Attrs {
		if a.Attrs[i].Path != b.Attrs[i].Path || !SameValue(a.Attrs[i].Value, b.Attrs[i].Value) {
			return false
		}
	}
	return true
}

// SameValue compares two canonical values byte by byte; nil equals nil only.
func SameValue(a, b any) bool {
	ea, aEither := a.(Either)
	eb, bEither := b.(Either)
	if aEither || bEither {
		return aEither && bEither && slices.EqualFunc(ea, eb, SameValue)
	}
	ra, aRef := a.(Ref)
	rb, bRef := b.(Ref)
	if aRef || bRef {
		return aRef && bRef && ra.Key == rb.Key
	}
	la, aList := a.([]Element)
	lb, bList := b.([]Element)
	if !aList || !bList {
		return aList == bList && a == b
	}
	if len(la) != len(lb) {
		return false
	}
	for i := range la {
		if !sameElement(la[i], lb[i]) {
			return false
		}
	}
	return true
}

func sameElement(a, b Element) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if w, has := b[k]; !has || v != w {
			return false
		}
	}
	return true
}

// Empty tells that there is nothing to send.
func (e Edit) Empty() bool { return len(e.Ops) == 0 }

// MarshalJSON writes an object of path to value, sorted by path.
func (r Resource) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, 64*len(r.Attrs)+2)
	b = append(b, '{')
	for i := range r.Attrs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, r.Attrs[i].Path), ':')
		var err error
		if b, err = AppendJSON(b, r.Attrs[i].Value); err != nil {
			return nil, fmt.Errorf("encode %s: %w", r.Attrs[i].Path, err)
		}
	}
	return append(b, '}'), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (r *Resource) UnmarshalJSON(raw []byte) error {
	var values map[string]value
	if err := json.Unmarshal(raw, &values); err != nil {
		return fmt.Errorf("decode resource: %w", err)
	}
	r.Attrs = make([]Attr, 0, len(values))
	for path, v := range values {
		if _, doubted := v.any.(Either); v.any == nil || doubted {
			return fmt.Errorf("decode resource: %s has no value", path)
		}
		r.Attrs = append(r.Attrs, Attr{path, v.any})
	}
	sort.Slice(r.Attrs, func(i, j int) bool { return r.Attrs[i].Path < r.Attrs[j].Path })
	return nil
}

// DecodeValues reads a JSON object of path to value, such as the before and after of
// an Edit or an intent's values, into the types that Attr.Value may have, or nil.
func DecodeValues(raw []byte) (map[string]any, error) {
	var values map[string]value
	if err := json.Unmarshal(raw, &values); err != nil {
		return nil, fmt.Errorf("decode values: %w", err)
	}
	if values == nil {
		return nil, nil
	}
	plain := make(map[string]any, len(values))
	for path, v := range values {
		plain[path] = v.any
	}
	return plain, nil
}

// value decodes one value into one of the types that Attr.Value may have.
type value struct{ any }

func (v *value) UnmarshalJSON(raw []byte) error {
	if len(raw) == 0 {
		return fmt.Errorf("no value")
	}
	switch raw[0] {
	case '"':
		if bytes.IndexByte(raw, '\\') < 0 {
			v.any = string(raw[1 : len(raw)-1])
			return nil
		}
		var s string
		err := json.Unmarshal(raw, &s)
		v.any = s
		return err
	case 't', 'f':
		v.any = raw[0] == 't'
	case '[':
		var list []Element
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		if err := dec.Decode(&list); err != nil {
			return err
		}
		v.any = list
	case 'n':
		v.any = nil
	case '{':
		if ref, is := readRef(raw); is {
			v.any = ref
			return nil
		}
		either, ok := readEither(raw)
		if !ok {
			return fmt.Errorf("%s is not a value of a resource", raw)
		}
		v.any = either
	default:
		v.any = json.Number(raw)
	}
	return nil
}
