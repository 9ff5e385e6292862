package pack

import (
	"bytes"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, list := rapid.String().Draw(t, "text"), rapid.SliceOf(rapid.String()).Draw(t, "list")
		signed, unsigned := rapid.Int64().Draw(t, "signed"), rapid.Uint64().Draw(t, "unsigned")
		flags := rapid.SliceOfN(rapid.Bool(), 8, 8).Draw(t, "flags")
		at := time.Unix(rapid.Int64Range(-1<<40, 1<<40).Draw(t, "seconds"), rapid.Int64Range(0, 999999999).Draw(t, "nanos")).UTC()

		b := Time(Flags(Uint(Int(Texts(Text(nil, text), list), signed), unsigned), flags...), at)
		whole := bytes.Clone(b)
		r := Read(b)
		clear(b) // nothing of b may be kept
		got, gotList, gotSigned, gotUnsigned := r.Text(), r.Texts(), r.Int(), r.Uint()
		back := make([]bool, 8)
		r.Flags(&back[0], &back[1], &back[2], &back[3], &back[4], &back[5], &back[6], &back[7])
		if got != text || gotSigned != signed || gotUnsigned != unsigned || !r.Time().Equal(at) || !r.Whole() {
			t.Fatal("a value did not come back")
		}
		if len(gotList) != len(list) {
			t.Fatalf("%d texts became %d", len(list), len(gotList))
		}
		for i := range list {
			if gotList[i] != list[i] {
				t.Fatalf("text %d became %q", i, gotList[i])
			}
		}
		for i := range flags {
			if back[i] != flags[i] {
				t.Fatalf("flag %d became %v", i, back[i])
			}
		}
		cut := Read(whole[:rapid.IntRange(0, len(whole)-1).Draw(t, "cut")])
		_, _, _, _ = cut.Text(), cut.Texts(), cut.Int(), cut.Uint()
		cut.Flags(&back[0], &back[1], &back[2], &back[3], &back[4], &back[5], &back[6], &back[7])
		if _ = cut.Time(); cut.Whole() {
			t.Fatal("what was cut off was read as whole")
		}
	})
}

func TestDamagedIsRefused(t *testing.T) {
	for name, read := range map[string]func(r *Reader){
		"\xff\xff\xff\xff\x0f": func(r *Reader) { r.Text() },
		"\x05ab":               func(r *Reader) { r.Text() },
		"\xff\xff\x03\x01":     func(r *Reader) { r.Texts() },
		"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01": func(r *Reader) { r.Uint() },
		"\x02":                         func(r *Reader) { r.Time() },
		"\x01\x00\xff\xff\xff\xff\x07": func(r *Reader) { r.Time() }, // more nanoseconds than a second has
		"\x04":                         func(r *Reader) { var a, b bool; r.Flags(&a, &b) },
		"\x00more":                     func(r *Reader) { r.Text() },
	} {
		r := Read([]byte(name))
		if read(r); r.Whole() {
			t.Errorf("%q was read as whole", name)
		}
	}
}

func TestZeroTimeIsZero(t *testing.T) {
	if got := Read(Time(nil, time.Time{})).Time(); !got.IsZero() {
		t.Errorf("no time became %v", got)
	}
	zurich := time.Date(2026, 3, 1, 8, 0, 0, 0, time.FixedZone("CET", 3600))
	if got := Read(Time(nil, zurich)).Time(); !got.Equal(zurich) || got.Location() != time.UTC {
		t.Errorf("%v became %v", zurich, got)
	}
}
