package mapping

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"scimsync/sync/record"
	"scimsync/sync/resource"
)

const (
	workMail = `emails[type eq "work"].value`
	homeMail = `emails[type eq "home"].value`
)

// limited is the shape of a service with a limit of each kind.
func limited() *resource.Shape {
	s := resource.RFC7643()
	def := func(path string) *resource.Definition {
		p := resource.Split(path)
		d, _ := s.Find(p.URN, p.Attr)
		if p.Sub != "" {
			d, _ = d.Sub(p.Sub)
		}
		return d
	}
	def("nickName").Refused = "the service does not take it"
	def("emails.display").Refused = "the service does not take it"
	def("locale").CreateOnly = true
	def("title").MaxLen = 5
	def("externalId").Forbidden = regexp.MustCompile(":")
	def("displayName").Forbidden = regexp.MustCompile("[@<]")
	def("emails").Types = []string{"work", "home"}
	def("emails").MaxValues = 1
	def("emails").OnePrimary = true
	return &s
}

func lines(pairs ...string) []Line {
	var all []Line
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, Line{Path: pairs[i], Expr: pairs[i+1], Place: fmt.Sprintf("config.yaml:%d:9", 10+i/2)})
	}
	return all
}

// What the service does not take of the lines is left out or done in another way, with
// one warning each, and the rest is as ever.
func TestWarnings(t *testing.T) {
	s := spec(lines("nickName", "given_name", "locale", `"de-CH"`, "title", "department", `emails[type eq "other"].value`, "mail",
		workMail, "mail", `emails[type eq "work"].display`, "given_name", homeMail, "nothing", "phoneNumbers", "[number]")...)
	s.Shape = *limited()
	s.Shape.Patch = resource.Patch{Keep: []string{"title"}}
	phones, _ := s.Shape.Find("", "phoneNumbers")
	kind, _ := phones.Sub("type")
	kind.Rules = []resource.Rule{resource.IgnoreAll} // so the service keeps no types
	p := mustCompile(t, s)
	var got []string
	for _, w := range p.Warnings() {
		got = append(got, w.String())
	}
	want := []string{
		"config.yaml:14:9: emails: the service takes 1 value of it; who has more is parked; map fewer",
		`config.yaml:13:9: emails[type eq "other"].value: of emails the service takes the types work, home only; it is not sent`,
		`config.yaml:15:9: emails[type eq "work"].display: the service does not take it; it is not sent`,
		"config.yaml:11:9: locale: the service takes it only when an account is made; later changes are not sent; when: create says the same",
		"config.yaml:10:9: nickName: the service does not take it; it is not sent",
		"config.yaml:17:9: phoneNumbers: the service cannot change one value of it, only all together; what others put there is replaced; own: {phoneNumbers: all} says that this is meant",
		"config.yaml:12:9: title: the service cannot take it away; who loses the value at the source keeps it there",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	res := p.Mapper().Map(person(jane()), noon)
	if res.Err != nil {
		t.Fatal(res.Err)
	}
	held := map[string]any{}
	for _, a := range res.Want.Attrs {
		held[a.Path] = a.Value
	}
	wanted := map[string]any{"externalId": "10034", "userName": "jane@example.org", "title": "IT", workMail: "jane@example.org",
		`emails[type eq "work"].primary`: true, "phoneNumbers": []resource.Element{{"value": "7", "primary": true}}}
	if diff := cmp.Diff(wanted, held); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if once := res.Want.Once; len(once) != 1 || once[0].Path != "locale" || once[0].When != resource.OnlyCreate {
		t.Errorf("%+v", once)
	}
	for _, path := range p.Names() {
		if path == "given_name" {
			t.Error("what is not sent is asked of the source")
		}
	}
	s.Shape.Own = map[string]bool{"phoneNumbers": true}
	if owned := mustCompile(t, s); len(owned.Warnings()) != len(got)-1 {
		t.Error("what is said to be meant is warned of")
	}
	s.Shape.Patch.Clear = resource.ClearNever
	all := mustCompile(t, s).Warnings()
	if last := all[4]; len(all) != len(got)-1 || last.Path != "map" || !strings.Contains(last.String(), "config.yaml:3:5: map: the service cannot take values away") {
		t.Errorf("%v", all)
	}
}

// A person whom the service would refuse is parked, with what it takes instead, and
// without the value.
func TestUnfit(t *testing.T) {
	require := func(paths ...string) func(*resource.Shape) {
		return func(s *resource.Shape) { s.Required = paths }
	}
	couple := func(s *resource.Shape) { s.Coupled = [][]string{{"userName", workMail}} }
	for _, c := range []struct {
		name, path, text string
		change           func(*resource.Shape)
		want             string // empty: fits
	}{
		{"short enough", "title", `"Clerk"`, nil, ""},
		{"characters, not bytes", "title", `"Zoëëë"`, nil, ""},
		{"too long", "title", `"Clerks"`, nil, "title (config.yaml:10:9): has 6 characters; the service takes 5 at most"},
		{"a time is text", "title", `ldap_time("20260101080000Z")`, nil, "title (config.yaml:10:9): has 20 characters; the service takes 5 at most"},
		{"a number is text", "title", `1234567`, nil, "title (config.yaml:10:9): has 7 characters; the service takes 5 at most"},
		{"forbidden", "displayName", `mail`, nil, "displayName (config.yaml:10:9): holds what the service does not take, which is [@<]"},
		{"forbidden in the anchor", "externalId", `"a:b"`, nil, "externalId (config.yaml:10:9): holds what the service does not take, which is :"},
		{"one value", "emails", `[mail]`, nil, ""},
		{"too many values", "emails", `[mail, "b@x"]`, nil, "emails (config.yaml:10:9): has 2 values; the service takes 1"},
		{"a type it takes", "emails", `[{"type": "Work", "value": mail}]`, nil, ""},
		{"another type", "emails", `[{"type": "fax", "value": mail}]`, nil, `emails (config.yaml:10:9): element 1 has the type "fax"; the service takes the types work, home`},
		{"a part it does not take", "emails", `[{"value": mail, "display": given_name}]`, nil,
			"emails (config.yaml:10:9): element 1 has the part display: the service does not take it; leave it out for this target"},

		{"required", "name.givenName", `given_name`, require("name.givenName"), ""},
		{"required and lacking", "name.givenName", `nothing`, require("name.givenName"),
			"name.givenName (config.yaml:10:9): has no value and must have one; nothing has no value; default(nothing, …) gives it one"},
		{"some part required", "name.familyName", `family_name`, require("name"), ""},
		{"all parts lacking", "name.familyName", `nothing`, require("name"),
			"name (config.yaml:10:9): has no value and must have one; nothing has no value; default(nothing, …) gives it one"},
		{"some value required", workMail, `mail`, require("emails"), ""},
		{"an element required", workMail, `nothing`, require(workMail),
			workMail + " (config.yaml:10:9): has no value and must have one; nothing has no value; default(nothing, …) gives it one"},
		{"an element of a list", "emails", `[{"type": "work", "value": mail}]`, require(workMail), ""},
		{"not in the list", "emails", `[{"type": "home", "value": mail}]`, require(workMail),
			workMail + " (config.yaml:10:9): has no value among those that emails gives, and must have one"},
		{"no list", "emails", `[nothing]`, require(workMail), workMail + " (config.yaml:10:9): has no value and must have one; nothing has no value; default(nothing, …) gives it one"},
		{"once is enough", "locale", `"de"`, require("locale"), ""},

		{"equal", workMail, `mail`, couple, ""},
		{"equal but for case", workMail, `upper(mail)`, couple, ""},
		{"equal, in a list", "emails", `[{"type": "work", "value": mail}]`, couple, ""},
		{"different", workMail, `"j@x"`, couple, "userName (config.yaml:9:9) and " + workMail + " (config.yaml:10:9) differ, and the service wants them equal"},
		{"one is lacking", workMail, `nothing`, couple, "userName (config.yaml:9:9) and " + workMail + " (config.yaml:10:9) differ, and the service wants them equal"},
		{"of another type", "emails", `[mail]`, couple, "userName (config.yaml:9:9) and " + workMail + " (config.yaml:10:9) differ, and the service wants them equal"},
	} {
		s := spec(lines(c.path, c.text)...)
		s.Shape = *limited()
		if c.change != nil {
			c.change(&s.Shape)
		}
		p := mustCompile(t, s)
		res := p.Mapper().Map(person(jane()), noon)
		if got := fmt.Sprint(res.Err); got != c.want && (c.want != "" || res.Err != nil) {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// Parts of an element without a value are no value.
func TestRequiredElementWithoutValue(t *testing.T) {
	s := spec(lines(workMail, "nothing", `emails[type eq "work"].display`, "given_name")...)
	s.Shape.Required = []string{"emails"}
	if res := mustCompile(t, s).Mapper().Map(person(jane()), noon); res.Err == nil || !strings.HasPrefix(res.Err.Error(), "emails (config.yaml:11:9): has no value") {
		t.Errorf("%v", res.Err)
	}
}

// A list is counted in elements, however they are mapped; an element without a value is none.
func TestTooManyElements(t *testing.T) {
	s := spec(lines(workMail, "mail", homeMail, "status")...)
	s.Shape = *limited()
	m := mustCompile(t, s).Mapper()
	res := m.Map(person(jane()), noon)
	if want := "emails (config.yaml:11:9): has 2 values; the service takes 1"; fmt.Sprint(res.Err) != want {
		t.Errorf("%v, want %s", res.Err, want)
	}
	values := jane()
	values["status"] = nil
	if res = m.Map(person(values), noon); res.Err != nil || res.Want.Get(workMail) == nil || res.Want.Get(homeMail) != nil {
		t.Errorf("%v: %v", res.Err, res.Want)
	}
}

// One element is primary where the service wants that: the one that is mapped so, else
// that of type work, else the first.
func TestOnePrimary(t *testing.T) {
	const other = `emails[type eq "aaa"].value`
	for _, c := range []struct {
		lines []Line
		want  string
	}{
		{lines(workMail, "mail"), "work"},
		{lines(workMail, "mail", other, "mail"), "work"},
		{lines(workMail, "nothing", other, "mail", homeMail, "mail"), "aaa"},
		{lines(workMail, "mail", homeMail, "mail", `emails[type eq "home"].primary`, `flag == "true"`), "home"},
		{lines(workMail, "mail", homeMail, "mail", `emails[type eq "home"].primary`, `flag != "true"`), "work"},
		{lines(workMail, "mail", homeMail, "nothing", `emails[type eq "home"].primary`, `flag == "true"`), "work"},
		{lines("emails", `[{"type": "home", "value": mail, "primary": false}, {"type": "work", "value": mail}]`), "home"},
	} {
		s := spec(c.lines...)
		s.Shape = *limited()
		emails, _ := s.Shape.Find("", "emails")
		emails.MaxValues, emails.Types = 0, nil
		p := mustCompile(t, s)
		res := p.Mapper().Map(person(jane()), noon)
		var primary []string
		for _, a := range res.Want.Attrs {
			if at := resource.Split(a.Path); at.Sub == "primary" && a.Value == true {
				primary = append(primary, fmt.Sprint(at.Filter[0].Value))
			}
			list, _ := a.Value.([]resource.Element)
			for _, e := range list {
				if e["primary"] == true {
					primary = append(primary, fmt.Sprint(e["type"]))
				}
			}
		}
		if res.Err != nil || len(primary) != 1 || primary[0] != c.want {
			t.Errorf("%v: primary are %q, want %s; %v", c.lines, primary, c.want, res.Err)
		}
	}
}

// What the service requires and nobody maps is a problem of the config.
func TestNotMapped(t *testing.T) {
	s := spec(lines("title", "department")...)
	s.Shape.Required = []string{"name.givenName", "title"}
	s.Shape.Coupled = [][]string{{"userName", workMail}}
	_, problems := Compile(s)
	want := []string{
		"config.yaml:3:5: name.givenName: is not mapped; the service makes no account without it; add a line for it",
		"config.yaml:3:5: " + workMail + ": is not mapped; the service wants it equal to userName; add a line with the same expression",
	}
	var got []string
	for _, p := range problems {
		got = append(got, p.String())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A service that does not take the anchor gets none.
func TestNoAnchor(t *testing.T) {
	s := spec()
	anchor, _ := s.Shape.Find("", "externalId")
	anchor.Refused = "the service does not take it"
	res := mustCompile(t, s).Mapper().Map(person(jane()), noon)
	if res.Err != nil || res.Want.Get("externalId") != nil || res.In != record.True {
		t.Errorf("%+v", res)
	}
}

// Whoever leaves goes, fit or not.
func TestUnfitLeaver(t *testing.T) {
	s := spec(lines("title", `"too long"`)...)
	s.Shape = *limited()
	r := person(jane())
	r.Enabled = record.False
	if res := mustCompile(t, s).Mapper().Map(r, noon); res.Err == nil || res.Active != record.False || res.In != record.True {
		t.Errorf("%+v", res)
	}
}

// Another shape is another version, so that everybody is looked at again.
func TestVersionKnowsTheShape(t *testing.T) {
	a, b := spec(), spec()
	b.Shape = *limited()
	c := spec()
	c.Shape.Patch.MaxOps = 1
	versions := map[string]bool{}
	for _, s := range []Spec{a, b, c, spec()} {
		versions[mustCompile(t, s).Version()] = true
	}
	if len(versions) != 3 {
		t.Errorf("%d versions of 3 shapes", len(versions))
	}
}
