package resource

import (
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// A path as somebody wrote it is an error, or has one canonical form: reading that gives the same path, by the parser that
// judges as well as by the one that does not.
func FuzzPath(f *testing.F) {
	for _, text := range []string{"", "userName", "USERNAME", "name.givenName", `emails[type eq "work"].value`, `emails[type eq "wo\"rk\\]"].value`, `emails[type eq "work" and primary eq true].value`,
		`emails[type eq "\u00e9"].value`, `emails[type eq "x:y[0].z and a"].value`, EnterpriseURN + ":manager.value", "urn:example:params:1.0:Badge:door.code", `emails[type eq "a" or type eq "b"]`,
		`emails[not (type eq "a")]`, "emails[", "emails[]", "emails[type eq]", `emails[type eq ""].value`, `emails[type eq " and "].value`, "emails.value", "a.b.c", ":", "urn:", ".", "\x00", "\xff", `emails[type eq "` + "\xff" + `"].value`,
		strings.Repeat("a.", 300), strings.Repeat("emails[", 300), `emails[type eq "work"].value]`, `roles[value eq "a\\"].display`, `emails[primary eq false].value`, `emails[type eq null].value`, `emails[type eq 5].value`} {
		f.Add(text)
	}
	shape := RFC7643()
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 10_000 {
			return
		}
		p, err := shape.Parse(text)
		if err != nil {
			if err.Error() == "" || len(err.Error()) > 3*len(text)+1000 {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		written := p.String()
		again, err := shape.Parse(written)
		if err != nil || !reflect.DeepEqual(again, p) || again.String() != written {
			t.Errorf("%q is %q, which is read as %+v, %v; want %+v", text, written, again, err, p)
		}
		if split := Split(written); !reflect.DeepEqual(split, p) {
			t.Errorf("%q is %q, which is split into %+v; want %+v", text, written, split, p)
		}
	})
}

// A value cannot leave the quotes of a path's filter.
func FuzzPathValue(f *testing.F) {
	for _, value := range []string{"work", "", `"`, `\`, `\"`, `"].value`, `" and primary eq true and type eq "`, "]", "[", " eq ", " and ", "\x00", "\n", "\t", "\u2028", `\u0022`, "𝄞", "ä", "true", strings.Repeat("x", 3000), "a\\", "\x7f"} {
		f.Add(value)
	}
	shape := RFC7643()
	f.Fuzz(func(t *testing.T, value string) {
		if !utf8.ValidString(value) || len(value) > 10_000 { // no source gives such a text
			return
		}
		p := Path{Attr: "emails", Sub: "value", Filter: []Eq{{"type", value}}}
		if got := Split(p.String()); !reflect.DeepEqual(got, p) {
			t.Errorf("%q is written %s and split into %+v", value, p, got)
		}
		if got, err := shape.Parse(p.String()); err == nil && !reflect.DeepEqual(got, p) {
			t.Errorf("%q is written %s and read as %+v", value, p, got)
		}
	})
}
