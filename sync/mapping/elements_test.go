package mapping

import (
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"scimsync/sync/record"
	"scimsync/sync/resource"
)

func TestElementsOfSeveralLines(t *testing.T) {
	const work, home, addr = `emails[type eq "work"].`, `emails[type eq "home"].`, `addresses[type eq "work"].`
	base := map[string]any{"userName": "jane@example.org", "externalId": "10034"}
	for _, c := range []struct {
		name  string
		lines map[string]string
		want  map[string]any
	}{
		{"an element", map[string]string{work + "value": "mail", work + "display": "given_name"},
			map[string]any{work + "value": "jane@example.org", work + "display": "Jane"}},
		{"without its value it is absent as a whole", map[string]string{work + "value": "nothing", work + "display": "given_name", work + "primary": "true"}, nil},
		{"one without a part", map[string]string{work + "value": "mail", work + "display": "nothing"},
			map[string]any{work + "value": "jane@example.org"}},
		{"two elements, none primary", map[string]string{work + "value": "mail", home + "value": "number"},
			map[string]any{work + "value": "jane@example.org", home + "value": "7"}},
		{"primary as mapped", map[string]string{work + "value": "mail", work + "primary": "true", home + "value": "number", home + "primary": "false"},
			map[string]any{work + "value": "jane@example.org", work + "primary": true, home + "value": "7"}},
		{"primary of an absent element does not count", map[string]string{work + "value": "nothing", work + "primary": "true", home + "value": "number", home + "primary": "true"},
			map[string]any{home + "value": "7", home + "primary": true}},
		{"an address has no value of its own", map[string]string{addr + "locality": "department", addr + "country": "nothing"},
			map[string]any{addr + "locality": "IT"}},
		{"an address that is only primary is none", map[string]string{addr + "locality": "nothing", addr + "primary": "true"}, nil},
	} {
		var lines []Line
		for path, text := range c.lines {
			lines = append(lines, Line{Path: path, Expr: text})
		}
		p := mustCompile(t, spec(lines...))
		res := p.Mapper().Map(person(jane()), noon)
		got := map[string]any{}
		for _, a := range res.Want.Attrs {
			got[a.Path] = a.Value
		}
		want := map[string]any{}
		for _, m := range []map[string]any{base, c.want} {
			for k, v := range m {
				want[k] = v
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || res.Err != nil {
			t.Errorf("%s: %v%s", c.name, res.Err, diff)
		}
		if len(res.Want.Managed) != len(c.lines)+2 {
			t.Errorf("%s: managed %q", c.name, res.Want.Managed)
		}
	}
	p := mustCompile(t, spec(Line{Path: work + "value", Expr: "mail"}, Line{Path: work + "primary", Expr: "true", Place: "p"},
		Line{Path: home + "value", Expr: "mail"}, Line{Path: home + "primary", Expr: "true", Place: "q"}))
	if res := p.Mapper().Map(person(jane()), noon); fmt.Sprint(res.Err) != `emails[type eq "work"].primary (p): a second element is primary` {
		t.Error(res.Err)
	}
	p = mustCompile(t, spec(Line{Path: work + "value", Expr: "mail"}, Line{Path: work + "primary", Expr: `"true"`, Place: "p"}))
	if res := p.Mapper().Map(person(jane()), noon); fmt.Sprint(res.Err) != `emails[type eq "work"].primary (p): is a text; it has to be true or false` {
		t.Error(res.Err)
	}
}

// Values that are given once are not among the managed ones.
func TestOnce(t *testing.T) {
	p := mustCompile(t, spec(
		Line{Path: "locale", Expr: `"de-CH"`, When: resource.OnlyCreate},
		Line{Path: "title", Expr: `department`, When: resource.OnlyEmpty},
		Line{Path: "nickName", Expr: `nothing`, When: resource.OnlyEmpty},
		Line{Path: `emails[type eq "work"].value`, Expr: `mail`},
		Line{Path: `emails[type eq "work"].display`, Expr: `mail`, When: resource.OnlyCreate},
	))
	res := p.Mapper().Map(person(jane()), noon)
	want := resource.Wanted{
		Resource: resource.New(map[string]any{"userName": "jane@example.org", "externalId": "10034", `emails[type eq "work"].value`: "jane@example.org"}),
		Managed:  []string{`emails[type eq "work"].value`, "externalId", "userName"},
		Once: []resource.Once{
			{Attr: resource.Attr{Path: `emails[type eq "work"].display`, Value: "jane@example.org"}, When: resource.OnlyCreate},
			{Attr: resource.Attr{Path: "locale", Value: "de-CH"}, When: resource.OnlyCreate},
			{Attr: resource.Attr{Path: "title", Value: "IT"}, When: resource.OnlyEmpty},
		},
	}
	if diff := cmp.Diff(want, res.Want); diff != "" || res.Err != nil {
		t.Error(res.Err, diff)
	}
}

func TestUserNameIsRequired(t *testing.T) {
	values := jane()
	values["mail"] = []string{""}
	res := mustCompile(t, spec(Line{Path: "displayName", Expr: "given_name"})).Mapper().Map(person(values), noon)
	if want := "userName (config.yaml:9:9): has no value and must have one; mail has no value; default(mail, …) gives it one"; fmt.Sprint(res.Err) != want {
		t.Errorf("got %v; want %s", res.Err, want)
	}
	if res.Name != "Jane" || res.Active != record.True {
		t.Errorf("name %q, active %d", res.Name, res.Active)
	}
}

// A leaver with a bad value can still be deactivated.
func TestActiveStandsBesideAnError(t *testing.T) {
	r := person(jane())
	r.Enabled = record.False
	res := mustCompile(t, spec(Line{Path: "title", Expr: "proxies"})).Mapper().Map(r, noon)
	if res.Err == nil || res.Active != record.False || res.In != record.True {
		t.Errorf("%+v", res)
	}
	res = mustCompile(t, spec(Line{Path: "active", Expr: `proxies == "a"`})).Mapper().Map(r, noon)
	if res.Err == nil || res.Active != record.Unknown {
		t.Errorf("%+v", res)
	}
}

func TestTypesOfTheSchema(t *testing.T) {
	shape := resource.RFC7643()
	shape.Attrs = append(shape.Attrs,
		resource.Definition{Name: "vip", Type: resource.Boolean},
		resource.Definition{Name: "floor", Type: resource.Integer},
		resource.Definition{Name: "rate", Type: resource.Decimal},
		resource.Definition{Name: "since", Type: resource.DateTime},
		resource.Definition{Name: "tags", Type: resource.String, Multi: true})
	for _, c := range []struct{ path, text, want, err string }{
		{"vip", `flag == "true"`, "bool true", ""},
		{"vip", `flag`, "", "is a text; it has to be true or false"},
		{"vip", `1`, "", "is a number; it has to be true or false"},
		{"floor", `int(number)`, "json.Number 7", ""},
		{"floor", `number`, "", "is a text; it has to be a whole number"},
		{"floor", `1.5`, "", "is not a whole number"},
		{"floor", `true`, "", "is true or false; it has to be a whole number"},
		{"rate", `0.5`, "json.Number 0.5", ""},
		{"rate", `3`, "json.Number 3", ""},
		{"rate", `number`, "", "is a text; it has to be a number"},
		{"since", `start + "T08:00:00+01:00"`, "string 2026-01-01T07:00:00Z", ""},
		{"since", `ldap_time("20260101080000Z")`, "string 2026-01-01T08:00:00Z", ""},
		{"since", `start`, "", "is not a dateTime such as 2026-01-31T08:00:00Z"},
		{"since", `5`, "", "is a number; it has to be a text"},
		{"tags", `["b", "a", "b"]`, `[]resource.Element [map[value:a] map[value:b]]`, ""},
		{"title", `flag == "true"`, "", "is true or false; it has to be a text"},
	} {
		s := spec(Line{Path: c.path, Expr: c.text, Place: "p"})
		s.Shape = shape
		res := mustCompile(t, s).Mapper().Map(person(jane()), noon)
		got, wrong := "", ""
		if res.Err != nil {
			wrong = strings.TrimPrefix(res.Err.Error(), c.path+" (p): ")
		} else if v := res.Want.Get(c.path); v != nil {
			got = fmt.Sprintf("%T %v", v, v)
		}
		if got != c.want || wrong != c.err {
			t.Errorf("%s: %s: %q, %q; want %q, %q", c.path, c.text, got, wrong, c.want, c.err)
		}
	}
}

// An attribute that the source did not read is no attribute without a value.
func TestAnAttributeThatWasNotRead(t *testing.T) {
	p := mustCompile(t, spec(Line{Path: "title", Expr: "title", Place: "p"}, Line{Path: "roles", Expr: `values("roles")`, Place: "p"}))
	res := p.Mapper().Map(person(jane()), noon)
	if fmt.Sprint(res.Err) != "roles (p): the source did not read roles" {
		t.Error(res.Err)
	}
}

// A source may reuse the memory of its records.
func TestResultsAreCopies(t *testing.T) {
	buf := []byte("jane@example.org")
	text := unsafe.String(&buf[0], len(buf))
	r := &record.Record{ID: text, DN: text, Attrs: []record.Attr{{Name: "mail", Values: []string{text, ""}}}}
	p := mustCompile(t, spec(Line{Path: "roles", Expr: `values("mail")`}, Line{Path: "title", Expr: "dn"}))
	res := p.Mapper().Map(r, noon)
	copy(buf, "paul@example.org")
	const want = "jane@example.org"
	if res.Err != nil || res.Want.Text("userName") != want || res.Want.Text("externalId") != want || res.Want.Text("title") != want ||
		res.Want.Get("roles").([]resource.Element)[0]["value"] != want {
		t.Errorf("%v, %v", res.Want, res.Err)
	}
	if len(r.Attrs[0].Values) != 2 || r.Attrs[0].Values[1] != "" {
		t.Error("the record changed")
	}
}

func TestParseTimes(t *testing.T) {
	for text, want := range map[string]string{
		"20260131080000Z": "2026-01-31T08:00:00Z", "2026013108Z": "2026-01-31T08:00:00Z", "202601310800+01": "2026-01-31T07:00:00Z",
		"202601310830.5Z": "2026-01-31T08:30:30Z", "2026013108,25Z": "2026-01-31T08:15:00Z", "20260131080000-0330": "2026-01-31T11:30:00Z",
		"": "", "20260131": "", "20260131080000": "", "20261331080000Z": "", "20260131080000Zx": "", "20260131080000.xZ": "", "2026013108000Z": "", "0": "",
	} {
		at, err := ldapTime(text)
		if got := at.Format("2006-01-02T15:04:05Z"); (err != nil) != (want == "") || err == nil && got != want {
			t.Errorf("%q: %s, %v; want %q", text, got, err, want)
		}
	}
	for text, want := range map[string]string{"116444736000000000": "1970-01-01T00:00:00Z", "133485408000000001": "2024-01-01T00:00:00.0000001Z", "-1": "", "x": "", "9223372036854775808": ""} {
		at, err := fileTime(text)
		if got := at.Format("2006-01-02T15:04:05.999999999Z"); (err != nil) != (want == "") || err == nil && got != want {
			t.Errorf("%q: %s, %v; want %q", text, got, err, want)
		}
	}
}
