package resource

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"scimsync/sync/pack"
	"scimsync/sync/record"
)

// The kinds of values in packed form. They are stored: never renumber.
const (
	packedNil byte = iota
	packedText
	packedTrue
	packedFalse
	packedNumber
	packedList
	packedObject
	packedEither
	packedNull
	packedRef
)

// AppendValue appends a value of a resource, of an operation, or one in doubt, in the
// form of package pack. Equal values give equal bytes. A text that is no UTF-8 is kept
// as encoding/json reads it back, for plans are saved as JSON.
func AppendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, packedNil)
	case Null:
		return append(b, packedNull)
	case string:
		return pack.Text(append(b, packedText), valid(v))
	case bool:
		if v {
			return append(b, packedTrue)
		}
		return append(b, packedFalse)
	case json.Number:
		return pack.Text(append(b, packedNumber), string(v))
	case Ref:
		b = append(b, packedRef, byte(v.Key.Kind))
		return pack.Text(pack.Text(b, v.Key.Source), v.Key.ID)
	case []Element:
		b = pack.Count(append(b, packedList), len(v))
		for _, e := range v {
			b = AppendValues(append(b, packedObject), e)
		}
		return b
	case []any:
		b = pack.Count(append(b, packedList), len(v))
		for _, item := range v {
			b = AppendValue(b, item)
		}
		return b
	case Element:
		return AppendValues(append(b, packedObject), v)
	case map[string]any:
		return AppendValues(append(b, packedObject), v)
	case Either:
		b = pack.Count(append(b, packedEither), len(v))
		for _, item := range v {
			b = AppendValue(b, item)
		}
		return b
	}
	panic(fmt.Sprintf("resource: no packed form for a %T", v)) // Attr.Value knows no other types
}

func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s)) // each odd byte becomes U+FFFD
}

// AppendValues appends values by name, in the order of names.
func AppendValues(b []byte, values map[string]any) []byte {
	b = pack.Count(b, len(values))
	if len(values) == 1 {
		for name, v := range values {
			return AppendValue(pack.Text(b, valid(name)), v)
		}
	}
	var few [16]string
	names := slices.AppendSeq(few[:0], maps.Keys(values))
	slices.Sort(names)
	for _, name := range names {
		b = AppendValue(pack.Text(b, valid(name)), values[name])
	}
	return b
}

// ReadValue undoes AppendValue. A list of objects comes back as []Element.
func ReadValue(r *pack.Reader) any {
	switch kind := r.Byte(); kind {
	case packedNil:
		return nil
	case packedNull:
		return Null{}
	case packedText:
		return r.Text()
	case packedTrue, packedFalse:
		return kind == packedTrue
	case packedNumber:
		return json.Number(r.Text())
	case packedObject:
		return ReadValues(r)
	case packedList:
		return asElements(readItems(r))
	case packedEither:
		return Either(readItems(r))
	case packedRef:
		return Ref{Key: record.Key{Kind: record.Kind(r.Byte()), Source: r.Text(), ID: r.Text()}}
	}
	r.Check(false)
	return nil
}

func readItems(r *pack.Reader) []any {
	list := make([]any, r.Count())
	for i := range list {
		list[i] = ReadValue(r)
	}
	return list
}

// asElements makes a list of objects what it is in a resource.
func asElements(list []any) any {
	elements := make([]Element, len(list))
	for i, item := range list {
		object, is := item.(map[string]any)
		if !is {
			return list
		}
		elements[i] = object
	}
	return elements
}

// ReadValues undoes AppendValues; none are an empty map.
func ReadValues(r *pack.Reader) map[string]any {
	n := r.Count()
	values := make(map[string]any, n)
	for range n {
		name := r.Text()
		values[name] = ReadValue(r)
	}
	return values
}

// AppendPacked appends what is wanted; ReadWanted undoes it.
func (w Wanted) AppendPacked(b []byte) []byte {
	b = pack.Texts(w.Resource.AppendPacked(b), w.Managed)
	b = pack.Count(b, len(w.Once))
	for _, o := range w.Once {
		b = AppendValue(pack.Text(append(b, byte(o.When)), o.Path), o.Value)
	}
	return b
}

// ReadWanted reads what AppendPacked appended.
func ReadWanted(r *pack.Reader) Wanted {
	w := Wanted{Resource: ReadPacked(r), Managed: r.Texts()}
	for range r.Count() {
		w.Once = append(w.Once, Once{When: When(r.Byte()), Attr: Attr{r.Text(), ReadValue(r)}})
	}
	return w
}

// AppendPacked appends a resource; ReadPacked undoes it.
func (r Resource) AppendPacked(b []byte) []byte {
	b = pack.Count(b, len(r.Attrs))
	for i := range r.Attrs {
		b = AppendValue(pack.Text(b, r.Attrs[i].Path), r.Attrs[i].Value)
	}
	return b
}

// ReadPacked reads what AppendPacked appended. A value that no resource has makes the
// reader bad.
func ReadPacked(r *pack.Reader) Resource {
	res := Resource{Attrs: make([]Attr, r.Count())}
	for i := range res.Attrs {
		a := &res.Attrs[i]
		a.Path = r.Text()
		a.Value = ReadValue(r)
		_, doubted := a.Value.(Either)
		r.Check(a.Value != nil && !doubted)
	}
	return res
}

// AppendOps appends operations; ReadOps undoes it.
func AppendOps(b []byte, ops []Op) []byte {
	b = pack.Count(b, len(ops))
	for i := range ops {
		b = pack.Text(pack.Text(b, ops[i].Op), ops[i].Path)
		b = AppendValue(b, ops[i].Value)
	}
	return b
}

// ReadOps reads what AppendOps appended; none are nil.
func ReadOps(r *pack.Reader) []Op {
	n := r.Count()
	if n == 0 {
		return nil
	}
	ops := make([]Op, n)
	for i := range ops {
		ops[i] = Op{Op: r.Text(), Path: r.Text(), Value: ReadValue(r)}
	}
	return ops
}
