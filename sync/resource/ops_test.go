package resource

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// values reads the short form of the tables below.
func values(t *testing.T, text string) map[string]any {
	t.Helper()
	v, err := DecodeValues([]byte("{" + text + "}"))
	if err != nil {
		t.Fatal(text, err)
	}
	return v
}

func opsText(t *testing.T, e Edit) string {
	t.Helper()
	var lines []string
	for _, op := range e.Ops {
		line := op.Op + " " + op.Path
		if op.Value != nil {
			raw, err := json.Marshal(op.Value)
			if err != nil {
				t.Fatal(err)
			}
			line += " " + string(raw)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

const (
	workValue   = `"emails[type eq \"work\"].value"`
	workDisplay = `"emails[type eq \"work\"].display"`
	workPrimary = `"emails[type eq \"work\"].primary"`
	homeValue   = `"emails[type eq \"home\"].value"`
	homePrimary = `"emails[type eq \"home\"].primary"`
	homeCity    = `"addresses[type eq \"home\"].locality"`
	homeCountry = `"addresses[type eq \"home\"].country"`
)

// The decision table of PATCH: what leads from old to want, with all paths of
// either managed, unless unmanaged names some.
func TestOpsTable(t *testing.T) {
	for _, c := range []struct{ name, old, want, unmanaged, maybe, ops string }{
		{name: "no change", old: `"title": "a", ` + workValue + `: "x"`, want: `"title": "a", ` + workValue + `: "x"`},
		{name: "add", want: `"title": "a"`, ops: `add title "a"`},
		{name: "replace", old: `"title": "a"`, want: `"title": "b"`, ops: `replace title "b"`},
		{name: "a change of case only", old: `"title": "a"`, want: `"title": "A"`, ops: `replace title "A"`},
		{name: "remove", old: `"title": "a"`, ops: `remove title`},
		{name: "an unmanaged path stays", old: `"title": "a"`, unmanaged: "title"},
		{name: "a required attribute is never removed", old: `"userName": "a"`},
		{name: "parts of a name", old: `"name.givenName": "a", "name.familyName": "b"`, want: `"name.givenName": "c", "name.formatted": "d"`,
			ops: "remove name.familyName\nadd name.formatted \"d\"\nreplace name.givenName \"c\""},
		{name: "an extension", want: `"` + EnterpriseURN + `:department": "IT", "` + EnterpriseURN + `:manager.value": "7"`,
			ops: "add " + EnterpriseURN + ":department \"IT\"\nadd " + EnterpriseURN + ":manager {\"value\":\"7\"}"},
		{name: "a reference", old: manager + `: {"$key": "user/hr/7"}`, want: manager + `: {"$key": "user/hr/8"}`,
			ops: "replace " + EnterpriseURN + ":manager {\"value\":{\"$key\":\"user/hr/8\"}}"},
		{name: "the same reference", old: manager + `: {"$key": "user/hr/7"}`, want: manager + `: {"$key": "user/hr/7"}`},
		{name: "a reference in the place of an id", old: manager + `: "7"`, want: manager + `: {"$key": "user/hr/7"}`,
			ops: "replace " + EnterpriseURN + ":manager {\"value\":{\"$key\":\"user/hr/7\"}}"},
		{name: "a reference that goes", old: manager + `: {"$key": "user/hr/7"}`, ops: "remove " + EnterpriseURN + ":manager"},
		{name: "a reference that may have arrived", maybe: manager + `: {"$key": "user/hr/7"}`, ops: "remove " + EnterpriseURN + ":manager"},
		{name: "types", want: `"urn:x:A:n": 5, "urn:x:A:b": false`, ops: "add urn:x:A:b false\nadd urn:x:A:n 5"},
		{name: "the anchor is an attribute like others", old: `"externalId": "1"`, want: `"externalId": "2"`, ops: `replace externalId "2"`},

		{name: "new elements go into one operation", want: workValue + `: "w", ` + workDisplay + `: "d", ` + homeValue + `: "h", ` + homePrimary + `: true`,
			ops: `add emails [{"primary":true,"type":"home","value":"h"},{"display":"d","type":"work","value":"w"}]`},
		{name: "an element's value", old: workValue + `: "a"`, want: workValue + `: "b"`, ops: `replace emails[type eq "work"].value "b"`},
		{name: "an element's new part", old: workValue + `: "a"`, want: workValue + `: "a", ` + workDisplay + `: "d"`, ops: `replace emails[type eq "work"].display "d"`},
		{name: "an element's part goes", old: workValue + `: "a", ` + workDisplay + `: "d"`, want: workValue + `: "a"`, ops: `remove emails[type eq "work"].display`},
		{name: "an element goes", old: workValue + `: "a\"b", ` + workDisplay + `: "d"`, ops: `remove emails[type eq "work" and value eq "a\"b"]`},
		{name: "one goes, one comes: the removal is first", old: workValue + `: "a"`, want: homeValue + `: "a", "displayName": "x"`,
			ops: "remove emails[type eq \"work\" and value eq \"a\"]\nadd displayName \"x\"\nadd emails [{\"type\":\"home\",\"value\":\"a\"}]"},
		{name: "an element whose value is not managed stays", old: workValue + `: "a", ` + workDisplay + `: "d"`, unmanaged: `emails[type eq "work"].value`,
			ops: `remove emails[type eq "work"].display`},
		{name: "what is left of an element without its value goes with it", old: workValue + `: "a", ` + workDisplay + `: "d"`, unmanaged: `emails[type eq "work"].display`,
			ops: `remove emails[type eq "work" and value eq "a"]`},
		{name: "primary moves: nothing is sent for the old one", old: workValue + `: "a", ` + workPrimary + `: true, ` + homeValue + `: "h"`,
			want: workValue + `: "a", ` + homeValue + `: "h", ` + homePrimary + `: true`, ops: `replace emails[type eq "home"].primary true`},
		{name: "primary goes", old: workValue + `: "a", ` + workPrimary + `: true`, want: workValue + `: "a"`, ops: `remove emails[type eq "work"].primary`},
		{name: "primary false is no value", old: workValue + `: "a"`, want: workValue + `: "a", ` + workPrimary + `: false`},
		{name: "primary becomes false", old: workValue + `: "a", ` + workPrimary + `: true`, want: workValue + `: "a", ` + workPrimary + `: false`,
			ops: `remove emails[type eq "work"].primary`},
		{name: "an element without a value of its own", old: homeCity + `: "Bern"`, want: homeCity + `: "Thun", ` + homeCountry + `: "CH"`,
			ops: "replace addresses[type eq \"home\"].country \"CH\"\nreplace addresses[type eq \"home\"].locality \"Thun\""},
		{name: "an address goes", old: homeCity + `: "Bern", ` + homeCountry + `: "CH"`, ops: `remove addresses[type eq "home"]`},

		{name: "a list", want: `"roles": [{"value": "a"}, {"value": "b", "type": "t"}]`, ops: `add roles [{"type":"t","value":"b"},{"value":"a"}]`},
		{name: "a list changes", old: `"roles": [{"value": "a"}, {"value": "b", "type": "t"}]`, want: `"roles": [{"value": "a", "display": "A"}, {"value": "c"}]`,
			ops: "remove roles[type eq \"t\" and value eq \"b\"]\nadd roles [{\"value\":\"c\"}]\nreplace roles[value eq \"a\"].display \"A\""},
		{name: "a list goes: each of ours alone", old: `"roles": [{"value": "a"}, {"value": "b"}]`, ops: "remove roles[value eq \"a\"]\nremove roles[value eq \"b\"]"},
		{name: "case in a list is one element", old: `"emails": [{"value": "A@x"}]`, want: `"emails": [{"value": "a@x"}]`, ops: `replace emails[value eq "A@x"].value "a@x"`},
		{name: "case counts for roles", old: `"roles": [{"value": "A"}]`, want: `"roles": [{"value": "a"}]`, ops: "remove roles[value eq \"A\"]\nadd roles [{\"value\":\"a\"}]"},
		{name: "primary moves in a list", old: `"emails": [{"value": "a", "primary": true}, {"value": "b"}]`, want: `"emails": [{"value": "a"}, {"value": "b", "primary": true}]`,
			ops: `replace emails[value eq "b"].primary true`},
		{name: "addresses are told apart by all they hold", old: `"addresses": [{"type": "work", "locality": "Bern"}]`, want: `"addresses": [{"type": "work", "locality": "Thun"}]`,
			ops: "remove addresses[type eq \"work\" and locality eq \"Bern\"]\nadd addresses [{\"locality\":\"Thun\",\"type\":\"work\"}]"},

		{name: "a value that may have arrived is said again", old: `"title": "a"`, want: `"title": "a"`, maybe: `"title": "b"`, ops: `replace title "a"`},
		{name: "the same one", old: `"title": "a"`, want: `"title": "b"`, maybe: `"title": "b"`, ops: `replace title "b"`},
		{name: "one that would be no change", old: `"title": "a"`, want: `"title": "a"`, maybe: `"title": "a", "active": false`},
		{name: "a new one", want: `"title": "b"`, maybe: `"title": "b"`, ops: `add title "b"`},
		{name: "a new one that is not wanted any more", maybe: `"title": "b"`, ops: `remove title`},
		{name: "a removal", old: `"title": "a"`, want: `"title": "a"`, maybe: `"title": null`, ops: `replace title "a"`},
		{name: "an unmanaged one", maybe: `"title": "b"`, unmanaged: "title"},
		{name: "an element that may be there, the same", want: workValue + `: "a"`, maybe: workValue + `: "a"`, ops: `add emails [{"type":"work","value":"a"}]`},
		{name: "an element that may be there, another", want: workValue + `: "b"`, maybe: workValue + `: "a"`,
			ops: "remove emails[type eq \"work\" and value eq \"a\"]\nadd emails [{\"type\":\"work\",\"value\":\"b\"}]"},
		{name: "an element that may be there, not wanted", maybe: workValue + `: "a"`, ops: `remove emails[type eq "work" and value eq "a"]`},
		{name: "an element that may have another value", old: workValue + `: "a"`, want: workValue + `: "a"`, maybe: workValue + `: "b"`, ops: `replace emails[type eq "work"].value "a"`},
		{name: "an element that has one of two values, not wanted", old: workValue + `: "a"`, maybe: workValue + `: "b"`, ops: `remove emails[type eq "work"]`},
		{name: "one of two values, or the known one", old: `"title": "a"`, want: `"title": "a"`, maybe: `"title": {"either": ["b", null]}`, ops: `replace title "a"`},
		{name: "an element with one of three values", old: workValue + `: "a"`, want: workValue + `: "a"`, maybe: workValue + `: {"either": ["b", "c"]}`,
			ops: `replace emails[type eq "work"].value "a"`},
		{name: "an element that may be gone or another", old: workValue + `: "a"`, want: workValue + `: "c"`, maybe: workValue + `: {"either": ["b", null]}`,
			ops: "remove emails[type eq \"work\"]\nadd emails [{\"type\":\"work\",\"value\":\"c\"}]"},
		{name: "an element that may be this or that, not wanted", maybe: workValue + `: {"either": ["a", "b"]}`, ops: `remove emails[type eq "work"]`},
		{name: "a list that is one of three", old: `"roles": [{"value": "a"}]`, want: `"roles": [{"value": "a"}, {"value": "d"}]`,
			maybe: `"roles": {"either": [[{"value": "a"}, {"value": "b"}], [{"value": "c"}]]}`,
			ops:   "remove roles[value eq \"b\"]\nremove roles[value eq \"c\"]\nadd roles [{\"value\":\"a\"},{\"value\":\"d\"}]"},
		{name: "a part that is one of three", old: `"roles": [{"value": "a", "display": "x"}]`, want: `"roles": [{"value": "a", "display": "x"}]`,
			maybe: `"roles": {"either": [[{"value": "a", "display": "x"}], [{"value": "a"}]]}`, ops: `replace roles[value eq "a"].display "x"`},
		{name: "an element that may be gone", old: workValue + `: "a"`, want: workValue + `: "a"`, maybe: workValue + `: null`, ops: `add emails [{"type":"work","value":"a"}]`},
	} {
		old, want, maybe := New(values(t, c.old)), values(t, c.want), values(t, c.maybe)
		w := Wanted{Resource: New(want)}
		all := map[string]any{}
		for _, m := range []map[string]any{values(t, c.old), want, maybe} {
			for path := range m {
				if path != c.unmanaged && path != "active" {
					all[path] = "x"
				}
			}
		}
		for _, a := range New(all).Attrs {
			w.Managed = append(w.Managed, a.Path)
		}
		if got := opsText(t, Ops(old, w, RFC7643(), maybe)); got != c.ops {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.ops)
		}
	}
}

func TestOwnedListsTable(t *testing.T) {
	shape := RFC7643()
	shape.Own["emails"] = true
	for _, c := range []struct{ name, old, want, ops string }{
		{"an element", workValue + `: "a", ` + homeValue + `: "h"`, workValue + `: "b", ` + homeValue + `: "h"`, `replace emails [{"type":"home","value":"h"},{"type":"work","value":"b"}]`},
		{"the last goes", workValue + `: "a"`, ``, `remove emails`},
		{"a list", `"emails": [{"value": "a"}]`, `"emails": [{"value": "b"}, {"value": "a"}]`, `replace emails [{"value":"a"},{"value":"b"}]`},
		{"the list goes", `"emails": [{"value": "a"}]`, ``, `remove emails`},
		{"the first comes", ``, workValue + `: "a"`, `replace emails [{"type":"work","value":"a"}]`},
		{"the same", workValue + `: "a"`, workValue + `: "a"`, ``},
	} {
		w := Wanted{Resource: New(values(t, c.want)), Managed: []string{"emails", `emails[type eq "home"].value`, `emails[type eq "work"].value`}}
		if got := opsText(t, Ops(New(values(t, c.old)), w, shape, nil)); got != c.ops {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.ops)
		}
	}
}

func TestAdoptionTable(t *testing.T) {
	for _, c := range []struct{ name, have, want, once, fill, overwrite string }{
		{name: "an empty place", want: `"title": "a"`, fill: `add title "a"`, overwrite: `add title "a"`},
		{name: "another value", have: `"title": "b"`, want: `"title": "a"`, overwrite: `replace title "a"`},
		{name: "another case", have: `"title": "A", "externalId": "x"`, want: `"title": "a", "externalId": "X"`, overwrite: `replace externalId "X"`},
		{name: "another normal form", have: `"title": "Zoe` + "\u0308" + `"`, want: `"title": "Zoë"`},
		{name: "nothing is cleared", have: `"title": "b", "roles": [{"value": "r"}], ` + workValue + `: "x"`},
		{name: "once, empty", once: `"locale": "de"`, fill: `add locale "de"`, overwrite: `add locale "de"`},
		{name: "once, held", have: `"locale": "fr"`, once: `"locale": "de"`},
		{name: "an element of that type with a value", have: workValue + `: "b"`, want: workValue + `: "a", ` + workDisplay + `: "d"`,
			overwrite: "replace emails[type eq \"work\"].display \"d\"\nreplace emails[type eq \"work\"].value \"a\""},
		{name: "no element of that type", have: homeValue + `: "h"`, want: workValue + `: "a"`, fill: `add emails [{"type":"work","value":"a"}]`, overwrite: `add emails [{"type":"work","value":"a"}]`},
		{name: "their primary stays", have: homeValue + `: "h", ` + homePrimary + `: true`, want: workValue + `: "a", ` + workPrimary + `: true`,
			fill: `add emails [{"type":"work","value":"a"}]`, overwrite: `add emails [{"primary":true,"type":"work","value":"a"}]`},
		{name: "an address with an empty part", have: homeCity + `: "Bern"`, want: homeCity + `: "Thun", ` + homeCountry + `: "CH"`,
			fill: `replace addresses[type eq "home"].country "CH"`, overwrite: "replace addresses[type eq \"home\"].country \"CH\"\nreplace addresses[type eq \"home\"].locality \"Thun\""},
		{name: "a list", have: `"emails": [{"value": "A@x", "display": "theirs", "primary": true}]`, want: `"emails": [{"value": "a@x", "primary": true}, {"value": "b@x"}]`,
			fill: `add emails [{"value":"b@x"}]`, overwrite: `add emails [{"value":"b@x"}]`},
		{name: "a list with their primary", have: `"emails": [{"value": "c@x", "primary": true}]`, want: `"emails": [{"value": "a@x", "primary": true}]`,
			fill: `add emails [{"value":"a@x"}]`, overwrite: `add emails [{"primary":true,"value":"a@x"}]`},
		{name: "a part in a list", have: `"roles": [{"value": "a", "display": "x"}]`, want: `"roles": [{"value": "a", "display": "y"}]`, overwrite: `replace roles[value eq "a"].display "y"`},
	} {
		have := New(values(t, c.have))
		w := Wanted{Resource: New(values(t, c.want)), Managed: []string{`emails[type eq "work"].value`, "roles", "title"}}
		for _, a := range New(values(t, c.once)).Attrs {
			w.Once = append(w.Once, Once{a, OnlyEmpty}, Once{Attr{"nickName", "n"}, OnlyCreate})
		}
		if got := opsText(t, Fill(have, w, nil, RFC7643())); got != c.fill {
			t.Errorf("%s, fill:\n got %s\nwant %s", c.name, got, c.fill)
		}
		if got := opsText(t, Overwrite(have, w, nil, RFC7643())); got != c.overwrite {
			t.Errorf("%s, overwrite:\n got %s\nwant %s", c.name, got, c.overwrite)
		}
	}
	for _, c := range []struct{ name, sent, have, want, fill, overwrite string }{
		{name: "what was sent changes", sent: `"title": "b"`, have: `"title": "b"`, want: `"title": "a"`,
			fill: `replace title "a"`, overwrite: `replace title "a"`},
		{name: "one of what was sent changes", sent: `"title": {"either": ["b", "c"]}`, have: `"title": "b"`, want: `"title": "a"`,
			fill: `replace title "a"`, overwrite: `replace title "a"`},
		{name: "one of what was sent goes", sent: `"title": {"either": ["b", "c"]}, "roles": {"either": [[{"value": "b"}], [{"value": "c"}]]}`,
			have: `"title": "c", "roles": [{"value": "c"}, {"value": "theirs"}]`,
			fill: "remove roles[value eq \"c\"]\nremove title", overwrite: "remove roles[value eq \"c\"]\nremove title"},
		{name: "what was sent is not there", sent: `"title": "b"`, have: `"title": "theirs"`, want: `"title": "a"`, overwrite: `replace title "a"`},
		{name: "what was sent goes", sent: `"title": "b"`, have: `"title": "b"`, fill: `remove title`, overwrite: `remove title`},
		{name: "theirs stays", sent: `"title": "b"`, have: `"title": "theirs"`},
		{name: "an element that was sent changes", sent: workValue + `: "b"`, have: workValue + `: "b"`, want: workValue + `: "a"`,
			fill: `replace emails[type eq "work"].value "a"`, overwrite: `replace emails[type eq "work"].value "a"`},
		{name: "an element that was sent goes", sent: workValue + `: "b"`, have: workValue + `: "b"`,
			fill: `remove emails[type eq "work" and value eq "b"]`, overwrite: `remove emails[type eq "work" and value eq "b"]`},
		{name: "of a list", sent: `"roles": [{"value": "b"}]`, have: `"roles": [{"value": "b"}, {"value": "theirs"}]`, want: `"roles": [{"value": "a"}]`,
			fill:      "remove roles[value eq \"b\"]\nadd roles [{\"value\":\"a\"}]",
			overwrite: "remove roles[value eq \"b\"]\nadd roles [{\"value\":\"a\"}]"},
		{name: "a whole list", sent: `"roles": [{"value": "b"}]`, have: `"roles": [{"value": "b"}, {"value": "theirs"}]`,
			fill: `remove roles[value eq "b"]`, overwrite: `remove roles[value eq "b"]`},
	} {
		have, sent := New(values(t, c.have)), values(t, c.sent)
		w := Wanted{Resource: New(values(t, c.want)), Managed: []string{`emails[type eq "work"].value`, "roles", "title"}}
		if got := opsText(t, Fill(have, w, sent, RFC7643())); got != c.fill {
			t.Errorf("%s, fill:\n got %s\nwant %s", c.name, got, c.fill)
		}
		if got := opsText(t, Overwrite(have, w, sent, RFC7643())); got != c.overwrite {
			t.Errorf("%s, overwrite:\n got %s\nwant %s", c.name, got, c.overwrite)
		}
	}
	shape := RFC7643()
	shape.Own["roles"] = true
	have, w := New(values(t, `"roles": [{"value": "theirs"}]`)), Wanted{Resource: New(values(t, `"roles": [{"value": "a"}]`))}
	if got := opsText(t, Fill(have, w, nil, shape)); got != `add roles [{"value":"a"}]` {
		t.Error(got)
	}
	if got := opsText(t, Overwrite(have, w, nil, shape)); got != `replace roles [{"value":"a"}]` {
		t.Error(got)
	}
}

func TestEither(t *testing.T) {
	roles := []Element{{"value": "a"}}
	for _, c := range []struct{ a, b, want any }{
		{"a", "a", "a"},
		{nil, nil, nil},
		{roles, []Element{{"value": "a"}}, roles},
		{"a", nil, Either{"a", nil}},
		{Either{"a", nil}, "b", Either{"a", nil, "b"}},
		{"b", Either{"a", "b"}, Either{"b", "a"}},
		{true, roles, Either{true, roles}},
	} {
		got := Or(c.a, c.b)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%v or %v: %s", c.a, c.b, diff)
		}
		raw, err := json.Marshal(map[string]any{"x": got})
		if err != nil {
			t.Fatal(err)
		}
		back, err := DecodeValues(raw)
		if diff := cmp.Diff(map[string]any{"x": got}, back); err != nil || diff != "" {
			t.Errorf("%s: %v %s", raw, err, diff)
		}
	}
	for _, raw := range []string{`{"x": {}}`, `{"x": {"either": ["a"]}}`, `{"x": {"either": [{"either": ["a", "b"]}, "c"]}}`, `{"x": {"either": 3}}`} {
		if _, err := DecodeValues([]byte(raw)); err == nil {
			t.Errorf("%s is taken", raw)
		}
	}
	var r Resource
	if json.Unmarshal([]byte(`{"x": {"either": ["a", "b"]}}`), &r) == nil {
		t.Error("a resource is not in doubt")
	}
}
