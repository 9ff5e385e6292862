package resource

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

func TestRefuses(t *testing.T) {
	s := RFC7643()
	s.at("title").Refused = "the service does not take it"
	s.at("name.formatted").Refused = "the service makes it up by itself"
	s.at("emails.display").Refused = "the service does not take it"
	s.at("emails").Types = []string{"work"}
	s.at("phoneNumbers").Types = []string{"work", "mobile"}
	for path, want := range map[string]string{
		"userName": "", "name.givenName": "", "name.formatted": "the service makes it up by itself", "title": "the service does not take it",
		workMail: "", `emails[type eq "WORK"].value`: "", `emails[type eq "home"].value`: "of emails the service takes type work only",
		`emails[type eq "work"].display`: "the service does not take it", "emails": "",
		`phoneNumbers[type eq "fax"].value`: "of phoneNumbers the service takes the types work, mobile only", "urn:example:x:a": "",
	} {
		if got := s.Refuses(Split(path)); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	s.Extensions = []string{"urn:example:Y"}
	if s.Refuses(Split("urn:example:x:a")) == "" || s.Refuses(Split("urn:example:y:a")) != "" {
		t.Error("only the attributes of some extensions are taken")
	}
}

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		path, other string
		want        bool
	}{
		{"emails", workMail, true}, {workMail, workMail, true}, {"emails.value", workMail, true}, {workMail, "emails", false},
		{`emails[type eq "home"]`, workMail, false}, {"name", "name.givenName", true}, {"name", "nickName", false},
		{EnterpriseURN + ":manager", EnterpriseURN + ":manager.value", true}, {"manager", EnterpriseURN + ":manager.value", false},
	} {
		if got := Split(c.path).Covers(Split(c.other)); got != c.want {
			t.Errorf("%s covers %s: %t", c.path, c.other, got)
		}
	}
}

// What a service does to values is no difference; anything else is one.
func TestSame(t *testing.T) {
	s := RFC7643()
	s.at("phoneNumbers.value").Rules = []Rule{E164}
	s.at("phoneNumbers").OwnTypes = []string{"other"}
	s.at("addresses.country").Rules = []Rule{Country}
	s.at("title").Rules = []Rule{Trim}
	s.at("displayName").Rules = []Rule{IgnoreAll}
	s.at("timezone").Rules = []Rule{FoldCase}
	same := func(path string, have, sent any) bool {
		body := viaJSON(t, New(map[string]any{path: have}))
		return len(Drift(body, New(map[string]any{path: sent}), s)) == 0
	}
	list := func(text string) any {
		v, err := DecodeValues([]byte(`{"x":` + text + `}`))
		if err != nil {
			t.Fatal(err)
		}
		return v["x"]
	}
	const country = `addresses[type eq "work"].country`
	const mobile = `phoneNumbers[type eq "mobile"].value`
	for _, c := range []struct {
		path       string
		have, sent any
		want       bool
	}{
		{"userName", "ADA@example.org", "ada@example.org", true}, {"userName", "ada", "adam", false}, {"userName", nil, "ada", false},
		{"externalId", "A", "a", false}, {"timezone", "europe/zurich", "Europe/Zurich", true},
		{"title", " Clerk ", "Clerk", true}, {"title", "Cl erk", "Clerk", false}, {"displayName", "N/A", "Ada", true}, {"displayName", nil, "Ada", true},
		{country, "United States", "US", true}, {country, "usa", "United States of America", true}, {country, "Österreich", "AT", false},
		{country, "Trinidad & Tobago", "Trinidad and Tobago", true}, {country, "CH", "DE", false}, {country, "Atlantis", "atlantis", true},
		{mobile, "+41 (44) 668-18-00", "+41446681800", true}, {mobile, "0041446681800", "+41446681800", true}, {mobile, "+41446681801", "+41446681800", false},
		{mobile, "unknown", "none", false}, {mobile, "41446681800", "+41446681800", true},
		{"phoneNumbers", list(`[{"type":"work","value":"+41 1"},{"type":"other","value":"146"}]`), list(`[{"type":"work","value":"+411"}]`), true},
		{"phoneNumbers", list(`[{"type":"work","value":"+41 1"},{"type":"fax","value":"146"}]`), list(`[{"type":"work","value":"+411"}]`), true},
		{"phoneNumbers", list(`[{"type":"fax","value":"+41 1"}]`), list(`[{"type":"work","value":"+411"}]`), false},
		{"phoneNumbers", nil, list(`[{"type":"work","value":"+411"}]`), false},
		{"emails", list(`[{"type":"work","value":"A@x","display":"d"}]`), list(`[{"type":"work","value":"a@x"}]`), true},
		{"emails", list(`[{"type":"work","value":"a@x"}]`), list(`[{"type":"work","value":"a@x","display":"d"}]`), false},
	} {
		if got := same(c.path, c.have, c.sent); got != c.want {
			t.Errorf("%s: %v and %v: %t", c.path, c.have, c.sent, got)
		}
	}
	s.Own["phoneNumbers"] = true
	have := list(`[{"type":"work","value":"+41 1"},{"type":"other","value":"146"},{"type":"fax","value":"7"}]`)
	if same("phoneNumbers", have, list(`[{"type":"work","value":"+411"}]`)) {
		t.Error("in a list that is ours a foreign value is no difference")
	}
	if !same("phoneNumbers", have, list(`[{"type":"work","value":"+411"},{"type":"fax","value":"7"}]`)) {
		t.Error("in a list that is ours the service's own value is a difference")
	}
}

// The table of countries against another one.
func TestCountries(t *testing.T) {
	names, n := display.English.Regions(), 0
	for _, code := range []string{"CH", "US", "GB", "DE", "AX", "CI", "ST", "KR", "TR", "ZW", "AD", "RE"} {
		region := language.MustParseRegion(code)
		for _, text := range []string{code, region.ISO3(), strings.ReplaceAll(names.Name(region), "’", "'")} {
			if got := country(text); got != strings.ToLower(code) {
				t.Errorf("%s is %q, want %s", text, got, code)
			}
			n++
		}
	}
	if codes := countries; n != 36 || len(codes) < 780 {
		t.Errorf("%d names", len(codes))
	}
}

// A service that knows lists as a whole only: what an account has there stays when it
// is filled, and is replaced when it is overwritten.
func TestAdoptionOfWholeLists(t *testing.T) {
	s := RFC7643()
	s.Patch.Whole = true
	want := Wanted{Resource: New(map[string]any{workMail: "a@x", `emails[type eq "work"].primary`: true, "title": "t"}),
		Managed: []string{workMail, `emails[type eq "work"].primary`, "title"}}
	for _, c := range []struct{ name, body, fill, overwrite string }{
		{"nothing there", `{}`, `[{"op":"replace","path":"emails","value":[{"primary":true,"type":"work","value":"a@x"}]},{"op":"add","path":"title","value":"t"}]`, ``},
		{"theirs", `{"emails":[{"type":"home","value":"h@x"}],"title":"t"}`, `null`, `[{"op":"replace","path":"emails","value":[{"primary":true,"type":"work","value":"a@x"}]}]`},
		{"ours already", `{"emails":[{"type":"work","value":"a@x","primary":true},{"type":"home","value":"h@x"}],"title":"t"}`, `null`, `null`},
	} {
		var body map[string]any
		if err := json.Unmarshal([]byte(c.body), &body); err != nil {
			t.Fatal(err)
		}
		have := Flatten(body, want, s)
		if got, _ := json.Marshal(Fill(have, want, nil, s).Ops); string(got) != c.fill {
			t.Errorf("%s: fill: %s, want %s", c.name, got, c.fill)
		}
		if c.overwrite == "" {
			c.overwrite = c.fill
		}
		if got, _ := json.Marshal(Overwrite(have, want, nil, s).Ops); string(got) != c.overwrite {
			t.Errorf("%s: overwrite: %s, want %s", c.name, got, c.overwrite)
		}
	}
}

func TestCrowded(t *testing.T) {
	s := RFC7643()
	s.at("emails").MaxValues, s.at("roles").MaxValues = 1, 2
	for _, c := range []struct {
		body string
		want map[string]any
		path string
	}{
		{`{}`, map[string]any{workMail: "a"}, ""},
		{`{"emails":[{"type":"work","value":"b"}]}`, map[string]any{workMail: "a"}, ""},
		{`{"emails":[{"type":"home","value":"b"}]}`, map[string]any{workMail: "a"}, "emails"},
		{`{"emails":[{"type":"home","value":"b"}]}`, map[string]any{"title": "a"}, ""},
		{`{"roles":["a"]}`, map[string]any{"roles": []Element{{"value": "b"}}}, ""},
		{`{"roles":["a","c"]}`, map[string]any{"roles": []Element{{"value": "b"}}}, "roles"},
		{`{"roles":["a","c"]}`, map[string]any{"roles": []Element{{"value": "a"}}}, ""},
	} {
		var body map[string]any
		if err := json.Unmarshal([]byte(c.body), &body); err != nil {
			t.Fatal(err)
		}
		want := Wanted{Resource: New(c.want)}
		if path, _ := s.Crowded(Flatten(body, want, s), want); path != c.path {
			t.Errorf("%s and %v: %q, want %q", c.body, c.want, path, c.path)
		}
	}
}

func TestTemporaryLogin(t *testing.T) {
	s := RFC7643()
	for _, c := range []struct {
		login string
		most  int
		want  string
	}{
		{"ada@example.org", 0, "tmp12345678-ada@example.org"}, {"ada", 21, "tmp12345678-ada"},
		{"ada.lovelace@example.org", 30, "tmp12345678-ada.lo@example.org"}, {"ada.lovelace.of.somewhere", 21, "tmp12345678-ada.lovel"},
		{"ada@example.org", 23, "tmp12345678@example.org"}, {"ada@a.very.long.example.org", 21, "tmp12345678"}, {"ada", 5, "tmp12"},
	} {
		s.at("userName").MaxLen = c.most
		got := s.TemporaryLogin(c.login, "12345678")
		if got != c.want || c.most > 0 && utf8.RuneCountInString(got) > c.most {
			t.Errorf("%s, at most %d: %s, want %s", c.login, c.most, got, c.want)
		}
	}
}

func TestWithLogin(t *testing.T) {
	s := RFC7643()
	s.Coupled = [][]string{{"displayName", "title"}, {"userName", workMail}}
	byPath := New(map[string]any{"userName": "a", workMail: "a", "title": "t"})
	asList := New(map[string]any{"userName": "a", "emails": []Element{{"type": "home", "value": "h"}, {"type": "work", "value": "a", "primary": true}}})
	without := New(map[string]any{"userName": "a"})
	got := s.WithLogin(byPath, "b")
	if want := New(map[string]any{"userName": "b", workMail: "b", "title": "t"}); !Equal(got, want) {
		t.Errorf("%v", got)
	}
	got = s.WithLogin(asList, "b")
	if want := New(map[string]any{"userName": "b", "emails": []Element{{"type": "home", "value": "h"}, {"type": "work", "value": "b", "primary": true}}}); !Equal(got, want) {
		t.Errorf("%v", got)
	}
	if asList.Get("emails").([]Element)[1]["value"] != "a" {
		t.Error("what was given has changed")
	}
	if got = s.WithLogin(without, "b"); !Equal(got, New(map[string]any{"userName": "b"})) {
		t.Errorf("%v", got)
	}
}

func TestFixed(t *testing.T) {
	s := RFC7643()
	s.at("userName").CreateOnly = true
	old := New(map[string]any{"userName": "Ada", "title": "t"})
	for login, want := range map[string]string{"ada": "", "Ada": "", "bob": "userName"} {
		if got := s.Fixed(old, New(map[string]any{"userName": login, "title": "u"})); got != want {
			t.Errorf("%s: %q, want %q", login, got, want)
		}
	}
	if got := s.Fixed(Resource{}, old); got != "" {
		t.Error("a value where there was none changes nothing")
	}
}

// A value that the service rewrites is not what its element is found by.
func TestRemovalOfRewrittenValues(t *testing.T) {
	const path = `phoneNumbers[type eq "mobile"].value`
	s := RFC7643()
	old, want := New(map[string]any{path: "+41 1"}), Wanted{Managed: []string{path}}
	for _, c := range []struct {
		rules []Rule
		op    string
	}{{nil, `phoneNumbers[type eq "mobile" and value eq "+41 1"]`}, {[]Rule{FoldCase}, `phoneNumbers[type eq "mobile" and value eq "+41 1"]`},
		{[]Rule{E164}, `phoneNumbers[type eq "mobile"]`}} {
		s.at("phoneNumbers.value").Rules = c.rules
		if ops := Ops(old, want, s, nil).Ops; !slices.Equal(ops, []Op{{Op: "remove", Path: c.op}}) {
			t.Errorf("%v: %v", c.rules, ops)
		}
	}
}
