package resource

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func decode(t *testing.T, text string) map[string]any {
	t.Helper()
	var body map[string]any
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&body); err != nil {
		t.Fatal(err)
	}
	return body
}

// What real servers send is read tolerantly.
func TestFlattenIsTolerant(t *testing.T) {
	shape := RFC7643()
	shape.Attrs = append(shape.Attrs, Definition{Name: "floor", Type: Integer}, Definition{Name: "vip", Type: Boolean},
		Definition{Name: "rate", Type: Decimal}, Definition{Name: "since", Type: DateTime}, Definition{Name: "tags", Type: String, Multi: true})
	const work = `emails[type eq "work"].value`
	one := func(e Element) []Element { return []Element{e} }
	for _, c := range []struct {
		body, path string
		want       any
	}{
		{`{"USERNAME": "a"}`, "userName", "a"},
		{`{"userName": "a", "username": "b"}`, "userName", nil},
		{`{"title": ""}`, "title", nil},
		{`{"title": null}`, "title", nil},
		{`{"title": 5}`, "title", "5"},
		{`{"title": ["a"]}`, "title", nil},
		{`{"name": {"GIVENNAME": "a"}}`, "name.givenName", "a"},
		{`{"name": "a"}`, "name.givenName", nil},
		{`{"emails": [{"Type": "WORK", "Value": "a@x"}]}`, work, "a@x"},
		{`{"emails": {"type": "work", "value": "a@x"}}`, work, "a@x"},
		{`{"emails": [{"type": "home", "value": "h"}, {"type": "work"}, {"type": "work", "value": "b"}]}`, work, "b"},
		{`{"emails": []}`, "emails", nil},
		{`{"emails": ["a@x"]}`, "emails", one(Element{"value": "a@x"})},
		{`{"emails": [{"value": "a@x", "primary": "True", "display": null, "extra": {"a": 1}}]}`, "emails", one(Element{"value": "a@x", "primary": true})},
		{`{"emails": [{"value": "a@x", "primary": false}]}`, "emails", one(Element{"value": "a@x"})},
		{`{"roles": [{"value": "b"}, {"value": "a"}]}`, "roles", []Element{{"value": "a"}, {"value": "b"}}},
		{`{"tags": ["b", "a"]}`, "tags", []Element{{"value": "a"}, {"value": "b"}}},
		{`{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:user": {"Department": "IT"}}`, EnterpriseURN + ":department", "IT"},
		{`{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"manager": {"value": "7"}}}`, EnterpriseURN + ":manager.value", "7"},
		{`{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"manager": "7"}}`, EnterpriseURN + ":manager.value", "7"},
		{`{"title": {"value": "a"}}`, "title", "a"},
		{`{"vip": "False"}`, "vip", false},
		{`{"vip": "maybe"}`, "vip", nil},
		{`{"floor": "007"}`, "floor", json.Number("7")},
		{`{"floor": 1.5}`, "floor", nil},
		{`{"rate": 1.50}`, "rate", json.Number("1.5")},
		{`{"since": "2026-01-01T09:00:00.000+01:00"}`, "since", "2026-01-01T08:00:00Z"},
		{`{"since": "yesterday"}`, "since", nil},
	} {
		got := Flatten(decode(t, c.body), Wanted{Managed: []string{c.path}}, shape)
		if diff := cmp.Diff(c.want, got.Get(c.path)); diff != "" {
			t.Errorf("%s at %s: %s", c.body, c.path, diff)
		}
		var plain map[string]any // numbers as float64
		if err := json.Unmarshal([]byte(c.body), &plain); err != nil {
			t.Fatal(err)
		}
		once := Wanted{Once: []Once{{Attr: Attr{Path: c.path, Value: "x"}}}}
		if !Equal(Flatten(plain, once, shape), got) {
			t.Errorf("%s at %s: once, or with plain numbers, it reads otherwise", c.body, c.path)
		}
	}
}

func TestNest(t *testing.T) {
	shape := RFC7643()
	shape.Attrs = append(shape.Attrs, Definition{Name: "tags", Type: String, Multi: true})
	r := New(map[string]any{
		"userName": "jane", "name.givenName": "Jane", "urn:x:Badge:n": json.Number("5"), EnterpriseURN + ":manager.value": "7",
		`emails[type eq "work"].value`: "a", `emails[type eq "work"].primary`: true, `emails[type eq "home"].value`: "h",
		"roles": []Element{{"value": "r"}}, "tags": []Element{{"value": "t"}}, "title": nil, "photos": []Element{},
	})
	raw, err := json.Marshal(Nest(r, shape))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"emails":[{"type":"home","value":"h"},{"type":"work","primary":true,"value":"a"}],"name":{"givenName":"Jane"},"roles":[{"value":"r"}],"tags":["t"],` +
		`"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"7"}},"urn:x:Badge":{"n":5},"userName":"jane"}`
	if string(raw) != want {
		t.Errorf("\n got %s\nwant %s", raw, want)
	}
}

// The bytes that stand in state files and digests.
func TestResourceBytes(t *testing.T) {
	r := New(map[string]any{"b": "q\"<é\x01", "a": true, "n": json.Number("12345678901234567890"), `e[type eq "w"].v`: "x", "l": []Element{{"value": "2"}, {"type": "a", "value": "1"}, {"value": "1", "primary": true}}})
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	direct, err := r.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"a":true,"b":"q\"<é\u0001","e[type eq \"w\"].v":"x","l":[{"primary":true,"value":"1"},{"value":"2"},{"type":"a","value":"1"}],"n":12345678901234567890}`
	if string(direct) != want {
		t.Errorf("\n got %s\nwant %s", direct, want)
	}
	var back Resource
	if err := json.Unmarshal(raw, &back); err != nil || !Equal(back, r) {
		t.Errorf("%v, %v", back, err)
	}
	for _, bad := range []string{`{"a": null}`, `{"a": {"b": 1}}`, `[]`, `{"a"`, `{"a": [1]}`} {
		if err := json.Unmarshal([]byte(bad), &back); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
	values, err := DecodeValues([]byte(`{"a": null, "b": 1, "l": [{"primary": true, "n": 1}]}`))
	if diff := cmp.Diff(map[string]any{"a": nil, "b": json.Number("1"), "l": []Element{{"primary": true, "n": json.Number("1")}}}, values); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if values, err := DecodeValues([]byte(`null`)); values != nil || err != nil {
		t.Error(values, err)
	}
}

func TestInitialIsManagedAndOnce(t *testing.T) {
	w := Wanted{Resource: New(map[string]any{"userName": "a", "title": "t"}), Once: []Once{{Attr{"locale", "de"}, OnlyCreate}, {Attr{"title", "other"}, OnlyEmpty}}}
	if want := New(map[string]any{"userName": "a", "title": "t", "locale": "de"}); !Equal(w.Initial(), want) {
		t.Error(w.Initial())
	}
}

func benchResource() Resource {
	return New(map[string]any{"userName": "jane.doe@example.org", "externalId": "10034", "name.givenName": "Jane", "name.familyName": "Doe", "displayName": "Jane Doe",
		`emails[type eq "work"].value`: "jane.doe@example.org", EnterpriseURN + ":department": "IT", "title": "Engineer"})
}

func BenchmarkDecode(b *testing.B) {
	raw, err := json.Marshal(benchResource())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		var r Resource
		if err := r.UnmarshalJSON(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	r := benchResource()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.MarshalJSON(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpsOfNoChange(b *testing.B) {
	r, shape := benchResource(), RFC7643()
	w := Wanted{Resource: r}
	b.ReportAllocs()
	for b.Loop() {
		if !Ops(r, w, shape, nil).Empty() {
			b.Fatal("a change")
		}
	}
}
