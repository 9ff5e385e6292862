package mapping

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"scimsync/sync/record"
	"scimsync/sync/resource"
)

var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// person is a record with one or several values for each name, in sorted order.
func person(values map[string][]string) *record.Record {
	r := &record.Record{Kind: record.User, ID: "10034", Enabled: record.True}
	for name, v := range values {
		r.Attrs = append(r.Attrs, record.Attr{Name: name, Values: v})
	}
	return r
}

func one(values map[string]string) map[string][]string {
	all := map[string][]string{}
	for name, v := range values {
		all[name] = nil
		if v != "" {
			all[name] = []string{v}
		}
	}
	return all
}

// jane is who the tests are about. nothing has no value.
func jane() map[string][]string {
	all := one(map[string]string{
		"mail": "jane@example.org", "given_name": "Jane", "family_name": "Doe", "department": "IT", "status": "active",
		"nothing": "", "start": "2026-01-01", "end": "", "number": "7", "flag": "true",
	})
	all["proxies"] = []string{"smtp:b@example.org", "SMTP:a@example.org"}
	return all
}

func spec(lines ...Line) Spec {
	s := Spec{Shape: resource.RFC7643(), Source: "hr", Read: "scimsync read hr --raw", Include: Line{Place: "config.yaml:3:5"},
		Lines: append([]Line{{Path: "userName", Expr: "mail", Place: "config.yaml:9:9"}}, lines...)}
	return s
}

func mustCompile(t testing.TB, s Spec) *Program {
	t.Helper()
	p, problems := Compile(s)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return p
}

// mapped maps jane, with some values replaced, by one extra line.
func mapped(t *testing.T, path, text string, with map[string][]string) Result {
	t.Helper()
	values := jane()
	for k, v := range with {
		values[k] = v
	}
	p := mustCompile(t, spec(Line{Path: path, Expr: text, Place: "config.yaml:10:9"}))
	return p.Mapper().Map(person(values), noon)
}

func TestValuesOfALine(t *testing.T) {
	const work = `emails[type eq "work"].value`
	list := func(e ...resource.Element) []resource.Element { return e }
	for _, c := range []struct {
		path, text string
		want       any
	}{
		{"title", `department`, "IT"},
		{"title", `nothing`, nil},
		{"title", `nil`, nil},
		{"title", `""`, nil},
		{"title", `given_name + " " + family_name`, "Jane Doe"},
		{"title", `lower(given_name) + upper(family_name)`, "janeDOE"},
		{"title", `trim("  a b ")`, "a b"},
		{"title", `default(nothing, "x")`, "x"},
		{"title", `default(department, "x")`, "IT"},
		{"title", `required(department)`, "IT"},
		{"title", `replace(mail, "@example.org", "")`, "jane"},
		{"title", `split(mail, "@")[0]`, "jane"},
		{"title", `first(split(mail, "@"))`, "jane"},
		{"title", `first(proxies)`, "SMTP:a@example.org"},
		{"title", `first(values("proxies"))`, "SMTP:a@example.org"},
		{"title", `first(nothing)`, nil},
		{"title", `join(proxies, " ")`, "SMTP:a@example.org smtp:b@example.org"},
		{"title", `join(nothing, " ")`, nil},
		{"title", `join([given_name, nothing, family_name], " ")`, "Jane Doe"},
		{"title", `attr("Given Name")`, "Jane"},
		{"title", `department == "IT" ? "Engineer" : nil`, "Engineer"},
		{"title", `nothing == "IT" ? "Engineer" : "Other"`, "Other"},
		{"title", `let d = department; d + "/" + d`, "IT/IT"},
		{"title", `len(values("proxies"))`, "2"},
		{"title", `1.5`, "1.5"},
		{"title", `filter(values("proxies"), # startsWith "SMTP:") | first()`, "SMTP:a@example.org"},
		{"title", `map(values("proxies"), lower(#)) | join(",")`, "smtp:a@example.org,smtp:b@example.org"},
		{"title", `type(department)`, "string"},
		{"title", `department matches "^I" ? "yes" : "no"`, "yes"},
		{"title", `dn_part("cn=Doe\\, Jane,ou=People,ou=ZRH,dc=example", "ou", 2)`, "ZRH"},
		{"title", `dn_part("cn=Doe\\, Jane,ou=People", "CN")`, "Doe, Jane"},
		{"title", `dn_part("cn=a", "ou")`, nil},
		{"title", `file_time("133485408000000000")`, "2024-01-01T00:00:00Z"},
		{"title", `file_time("9223372036854775807")`, nil},
		{"title", `file_time("0")`, nil},
		{"title", `ldap_time("20260131093000.5+0130")`, "2026-01-31T08:00:00.5Z"},
		{"title", `"tab\tand\nline"`, "tab\tand\nline"},
		{work, `mail`, "jane@example.org"},
		{"externalId", `"e-" + number`, "e-7"},
		{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "department", "IT"},
		{"urn:example:Badge:number", "number", "7"},
		{"phoneNumbers", `[number]`, list(resource.Element{"value": "7", "primary": true})},
		{"phoneNumbers", `[nothing]`, nil},
		{"phoneNumbers", `[]`, nil},
		{"phoneNumbers", `nothing`, nil},
		{"phoneNumbers", `["2", "1", "2"]`, list(resource.Element{"value": "1"}, resource.Element{"value": "2", "primary": true})},
		{"phoneNumbers", `[{"value": number, "TYPE": "work", "display": nothing}]`, list(resource.Element{"value": "7", "type": "work", "primary": true})},
		{"phoneNumbers", `[{"value": "1", "primary": false}, {"value": "2"}]`, list(resource.Element{"value": "1"}, resource.Element{"value": "2"})},
		{"phoneNumbers", `[{"value": "1"}, {"value": "2", "primary": true}]`, list(resource.Element{"value": "1"}, resource.Element{"value": "2", "primary": true})},
		{"phoneNumbers", `[{"value": nothing, "type": "work"}]`, nil},
		{"emails", `map(values("proxies"), {{"value": # | split(":") | last(), "type": # startsWith "SMTP" ? "work" : "other"}})`,
			list(resource.Element{"type": "other", "value": "b@example.org"}, resource.Element{"type": "work", "value": "a@example.org", "primary": true})},
		{"emails", `["A@x", "a@X"]`, list(resource.Element{"value": "A@x", "primary": true})},
		{"addresses", `[{"locality": "Bern"}]`, list(resource.Element{"locality": "Bern", "primary": true})},
	} {
		res := mapped(t, c.path, c.text, nil)
		if res.Err != nil {
			t.Errorf("%s: %s: %v", c.path, c.text, res.Err)
		} else if diff := cmp.Diff(c.want, res.Want.Get(c.path)); diff != "" {
			t.Errorf("%s: %s: %s", c.path, c.text, diff)
		}
	}
}

func TestAPersonsError(t *testing.T) {
	const at = "title (config.yaml:10:9): "
	for _, c := range []struct {
		path, text string
		with       map[string][]string
		want       string
	}{
		{"title", `department`, map[string][]string{"department": {"a", "b"}}, at + "department has 2 values; use values(…), first(…) or join(…)"},
		{"title", `department == "x" ? proxies : "c"`, nil, at + "proxies has 2 values; use values(…), first(…) or join(…)"},
		{"title", `lower(nothing)`, nil, at + "lower(…) got no value; nothing has no value; default(nothing, …) gives it one"},
		{"title", `given_name + nothing`, nil, at + "cannot compute text + nothing; nothing has no value; default(nothing, …) gives it one (1:12 of the expression)"},
		{"title", `hasPrefix(nothing, "a")`, nil, at + "hasPrefix(…) got no value; nothing has no value; default(nothing, …) gives it one"},
		{"title", `required(nothing)`, nil, at + "required(…) got no value; nothing has no value; default(nothing, …) gives it one"},
		{"title", `int(department)`, nil, at + "int(…) cannot work with a text"},
		{"title", `lower(1 == 1)`, nil, at + "lower(…) needs a text, not true or false"},
		{"title", `not nothing ? "a" : "b"`, nil, at + "a value is of the wrong kind; nothing has no value; default(nothing, …) gives it one (1:1 of the expression)"},
		{"title", `split(mail, "@")[5]`, nil, at + "index out of range: 5 (array length is 2) (1:17 of the expression)"},
		{"title", `repeat("x", 100000000)`, nil, at + "repeat(…) cannot work with a text, a number"},
		{"title", `1..100000000`, nil, at + "memory budget exceeded (1:2 of the expression)"},
		{"title", `file_time(department)`, nil, at + "file_time(…): not a number of 100 ns since 1601"},
		{"title", `ldap_time(department)`, nil, at + "ldap_time(…): not a GeneralizedTime such as 20260131080000Z"},
		{"title", `dn_part(department, "ou")`, nil, at + "dn_part(…) got something that is not a distinguished name"},
		{"title", `department`, map[string][]string{"department": {"a\x00"}}, at + "holds the control character U+0000"},
		{"title", `department`, map[string][]string{"department": {"a\x1f"}}, at + "holds the control character U+001F"},
		{"title", `department`, map[string][]string{"department": {"a\xff"}}, at + "is not valid UTF-8"},
		{"title", `["a"]`, nil, at + "is a list; it has to be a text"},
		{"title", `true`, nil, at + "is true or false; it has to be a text"},
		{"phoneNumbers", `number`, nil, "phoneNumbers (config.yaml:10:9): is a text; it has to be a list, as in [mail]"},
		{"phoneNumbers", `[{"value": "1", "colour": "red"}]`, nil, "phoneNumbers (config.yaml:10:9): element 1 has the part colour, which phoneNumbers has not"},
		{"phoneNumbers", `["a", {"value": true}]`, nil, "phoneNumbers (config.yaml:10:9): element 2 value is true or false; it has to be a text"},
		{"phoneNumbers", `[{"value": "1", "primary": true}, {"value": "2", "primary": true}]`, nil, "phoneNumbers (config.yaml:10:9): has 2 primary elements; one can be"},
		{"addresses", `["Bern"]`, nil, `addresses (config.yaml:10:9): element 1 is a text; it has to be a map, as in {"type": "work", …}`},
	} {
		res := mapped(t, c.path, c.text, c.with)
		if res.Err == nil || res.Err.Error() != c.want {
			t.Errorf("%s:\n got %v\nwant %s", c.text, res.Err, c.want)
		}
		if len(res.Want.Attrs)+len(res.Want.Managed) > 0 {
			t.Errorf("%s: half a person is wanted", c.text)
		}
		if res.Active != record.True || res.In != record.True || res.Name != "jane@example.org" {
			t.Errorf("%s: in %d, active %d, name %q", c.text, res.In, res.Active, res.Name)
		}
	}
}

// Who is out of scope, or cannot be mapped as a whole, is still known by login and mail.
func TestRecognise(t *testing.T) {
	s := spec(Line{Path: `emails[type eq "work"].value`, Expr: "upper(mail)"}, Line{Path: "title", Expr: "proxies"})
	s.Include.Expr = `department == "HR"`
	s.From = &Instant{Expr: "mail", Layout: time.DateOnly}
	got := mustCompile(t, s).Mapper().Recognise(person(jane()), noon)
	want := resource.New(map[string]any{"externalId": "10034", "userName": "jane@example.org", `emails[type eq "work"].value`: "JANE@EXAMPLE.ORG"})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
