package mapping

import (
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// eight is a mapping as a small organisation has it.
func eight() Spec {
	s := spec(
		Line{Path: "name.givenName", Expr: "given_name"},
		Line{Path: "name.familyName", Expr: "family_name"},
		Line{Path: "displayName", Expr: `given_name + " " + family_name`},
		Line{Path: `emails[type eq "work"].value`, Expr: "lower(mail)"},
		Line{Path: "title", Expr: `default(department, "none")`},
		Line{Path: "phoneNumbers", Expr: `map(values("proxies"), trim(#))`},
		Line{Path: "active", Expr: `status == "active" and account_enabled`},
	)
	s.Include.Expr = `department != "Contractors"`
	s.Until = &Instant{Expr: "end", Layout: "2006-01-02", LastDayIncluded: true}
	return s
}

// The same record gives the same result, from every mapper, whatever the order of
// lines, of attributes and of values; nothing panics; what is wanted is canonical.
func TestMappingIsAFunctionOfTheRecord(t *testing.T) {
	value := rapid.OneOf(rapid.SampledFrom([]string{"", "active", "Contractors", "2026-03-10", "2027-01-01", "a@b", " x ", "\x00", "\xff", "Zoë"}), rapid.String())
	shared := mustCompile(t, eight()).Mapper()
	rapid.Check(t, func(t *rapid.T) {
		values := map[string][]string{}
		for name := range jane() {
			values[name] = rapid.SliceOfN(value, 0, 2).Draw(t, name)
		}
		r := person(values)
		r.Enabled = record.Tri(rapid.IntRange(0, 2).Draw(t, "enabled"))
		r.Expires = rapid.SampledFrom([]time.Time{{}, noon, noon.Add(time.Hour), noon.Add(-time.Hour)}).Draw(t, "expires")
		first := shared.Map(r, noon)
		text := func(r Result) string {
			if r.Err == nil {
				return ""
			}
			return r.Err.Error()
		}
		again := *r
		again.Attrs = rapid.Permutation(r.Attrs).Draw(t, "attributes")
		for i := range again.Attrs {
			again.Attrs[i].Values = rapid.Permutation(again.Attrs[i].Values).Draw(t, "values")
		}
		s := eight()
		s.Lines = rapid.Permutation(s.Lines).Draw(t, "lines")
		p, problems := Compile(s)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		if p.Version() != shared.p.Version() {
			t.Fatal("the order of lines makes another version")
		}
		second := p.Mapper().Map(&again, noon)
		if text(first) != text(second) {
			t.Fatalf("%v\n%v", first.Err, second.Err)
		}
		first.Err, second.Err = nil, nil
		if !reflect.DeepEqual(first, second) {
			t.Fatalf("%+v\n%+v", first, second)
		}
		checkCanonical(t, first.Want)
		checkDue(t, p, r, first)
	})
}

func checkCanonical(t *rapid.T, w resource.Wanted) {
	last := ""
	for _, a := range w.Attrs {
		if a.Path <= last || a.Value == nil {
			t.Fatalf("%s after %s: %v", a.Path, last, a.Value)
		}
		last = a.Path
		if s, isText := a.Value.(string); isText && (s == "" || !utf8.ValidString(s) || strings.ContainsRune(s, 0)) {
			t.Fatalf("%s: %q", a.Path, s)
		}
		if list, isList := a.Value.([]resource.Element); isList && !reflect.DeepEqual(list, resource.Sorted(list)) {
			t.Fatalf("%s is not sorted", a.Path)
		}
	}
}

// Until Due time changes nothing.
func checkDue(t *rapid.T, p *Program, r *record.Record, now Result) {
	if !now.Due.IsZero() && !now.Due.After(noon) {
		t.Fatalf("due in the past: %v", now.Due)
	}
	for _, later := range []time.Duration{time.Second, time.Hour - 1, time.Hour, 12 * time.Hour, 300 * 24 * time.Hour} {
		at := noon.Add(later)
		if !now.Due.IsZero() && !at.Before(now.Due) {
			break
		}
		then := p.Mapper().Map(r, at)
		if then.In != now.In || then.Active != now.Active || !reflect.DeepEqual(then.Want, now.Want) || !then.Due.Equal(now.Due) {
			t.Fatalf("at %v, before %v: %+v; was %+v", at, now.Due, then, now)
		}
	}
}

// No expression, however odd, panics or shows a value in its error.
func FuzzExpression(f *testing.F) {
	for _, seed := range []string{`mail`, `not nothing`, `nothing == nil and mail in values("proxies")`, `let a = mail; a ? a : a`, `map(values("proxies"), #.x)`,
		`get({"a": mail}, mail)`, `[mail][nothing]`, `{"value": mail}`, `mail | lower() | split("@") | first()`, `attr("Mail") + dn`, `mail matches mail`, `sum([nothing])`,
		`reduce(values("proxies"), #acc + #)`, `sortBy(values("proxies"), #)`, `mail.x`, `-mail`, `float(mail)`, `fromJSON(mail)`, `mail[1:]`, `1 < number < 3`} {
		f.Add(seed)
	}
	values := jane()
	values["mail"] = []string{"sEcReT7@example.org"}
	r := person(values)
	f.Fuzz(func(t *testing.T, text string) {
		for _, path := range []string{"title", "active", "roles"} {
			s := spec(Line{Path: path, Expr: text})
			p, problems := Compile(s)
			if len(problems) > 0 {
				continue
			}
			first, second := p.Mapper().Map(r, noon), p.Mapper().Map(r, noon)
			if first.Err != nil && strings.Contains(first.Err.Error(), "sEcReT7") {
				t.Errorf("%s: %v", text, first.Err)
			}
			if !reflect.DeepEqual(first.Want, second.Want) || first.Active != second.Active {
				t.Errorf("%s: two results", text)
			}
		}
	})
}

func BenchmarkMap(b *testing.B) {
	m := mustCompile(b, eight()).Mapper()
	r := person(jane())
	b.ReportAllocs()
	for b.Loop() {
		if res := m.Map(r, noon); res.Err != nil {
			b.Fatal(res.Err)
		}
	}
}
