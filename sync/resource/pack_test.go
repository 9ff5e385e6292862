package resource

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"scimsync/sync/pack"
	"scimsync/sync/record"
)

// anyValue draws what may be at a path, in an operation, or in doubt.
func anyValue(t *rapid.T) any {
	ref := rapid.Map(rapid.String(), func(id string) any { return Ref{Key: record.Key{Kind: record.User, Source: "hr", ID: id}} })
	scalar := rapid.OneOf(rapid.String().AsAny(), rapid.Bool().AsAny(), ref,
		rapid.Map(rapid.Int64(), func(n int64) any { return json.Number(digits(n)) }))
	element := rapid.Map(rapid.MapOf(rapid.String(), scalar), func(m map[string]any) Element { return m })
	return rapid.OneOf(scalar, rapid.Just[any](nil), rapid.SliceOfN(element, 1, 4).AsAny(),
		rapid.Map(rapid.SliceOfN(scalar, 2, 3), func(l []any) any { return Either(l) })).Draw(t, "value")
}

func digits(n int64) string { b, _ := json.Marshal(n); return string(b) }

func TestValuesComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := map[string]any{}
		for range rapid.IntRange(0, 20).Draw(t, "n") {
			values[rapid.String().Draw(t, "path")] = anyValue(t)
		}
		b := AppendValues(nil, values)
		r := pack.Read(b)
		got := ReadValues(r)
		if !r.Whole() {
			t.Fatal("damaged")
		}
		if d := cmp.Diff(values, got); d != "" {
			t.Fatalf("values changed:\n%s", d)
		}
		if !bytes.Equal(b, AppendValues(nil, got)) {
			t.Fatal("equal values gave other bytes")
		}
		cut := pack.Read(b[:rapid.IntRange(0, len(b)-1).Draw(t, "cut")])
		if ReadValues(cut); cut.Whole() {
			t.Fatal("what was cut off was read as whole")
		}
	})
}

// A plan is saved as JSON, and what is read back must have the digest it had.
func TestValuesAreThoseOfJSON(t *testing.T) {
	for _, v := range []any{"a\xff\xfeb", "\u2028<&>", true, nil, json.Number("1.50"), []Element{{"type": "work", "primary": true}}} {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var back any
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&back); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(AppendValue(nil, v), AppendValue(nil, back)) {
			t.Errorf("%#v and, read back from JSON, %#v are packed differently", v, back)
		}
	}
}

func TestNoResourceHoldsDoubt(t *testing.T) {
	for name, v := range map[string]any{"nothing": nil, "one of several": Either{"a", "b"}} {
		r := pack.Read(Resource{Attrs: []Attr{{"title", v}}}.AppendPacked(nil))
		if ReadPacked(r); r.Whole() {
			t.Errorf("%s was read as the value of a resource", name)
		}
	}
}
