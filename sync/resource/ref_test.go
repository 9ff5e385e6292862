package resource

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"scimsync/sync/record"
)

const manager = `"` + EnterpriseURN + `:manager.value"`

func whoIs(id string) Ref { return Ref{Key: record.Key{Kind: record.User, Source: "hr", ID: id}} }

// A reference is told by its key alone, and comes back from JSON as it was: as a value, in an
// operation, and in doubt.
func TestRefComesBack(t *testing.T) {
	for _, id := range []string{"10034", "a/b", "", "<&>\"", "no\nway"} {
		r := New(map[string]any{"manager": whoIs(id), "title": "x"})
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var back Resource
		if err := json.Unmarshal(text, &back); err != nil || !Equal(r, back) {
			t.Errorf("%s came back as %v, %v", text, back, err)
		}
		op := Op{Op: "add", Path: "manager", Value: Element{"value": whoIs(id)}}
		if text, err = json.Marshal(op); err != nil {
			t.Fatal(err)
		}
		var read Op
		if err := json.Unmarshal(text, &read); err != nil || !bytes.Equal(AppendOps(nil, []Op{op}), AppendOps(nil, []Op{read})) {
			t.Errorf("%s came back as %+v, %v", text, read, err)
		}
		doubt, _ := json.Marshal(map[string]any{"manager": Either{whoIs(id), nil}})
		if values, err := DecodeValues(doubt); err != nil || !cmp.Equal(values["manager"], Either{whoIs(id), nil}) {
			t.Errorf("%s came back as %v, %v", doubt, values, err)
		}
	}
	known := whoIs("1")
	known.ID = "a1"
	if !SameValue(known, whoIs("1")) || SameValue(known, whoIs("2")) || SameValue(known, "a1") || !bytes.Equal(AppendValue(nil, known), AppendValue(nil, whoIs("1"))) {
		t.Error("the id of the account counts as part of the value")
	}
	for _, text := range []string{`{"$key":"user/hr"}`, `{"$key":"room/hr/1"}`, `{"$key":"user/hr/1","x":1}`, `{}`} {
		if _, err := DecodeValues([]byte(`{"manager":` + text + `}`)); err == nil {
			t.Errorf("%s was read as a value", text)
		}
	}
}

// What a service shows is the id of the account: it is compared with that, and with nothing
// where it is not known.
func TestRefIsComparedByID(t *testing.T) {
	path := EnterpriseURN + ":manager.value"
	ref := whoIs("7")
	ref.ID = "r7"
	for shown, drifts := range map[string]bool{`{"value": "r7"}`: false, `"r7"`: false, `{"value": "r8"}`: true, `{"value": "7"}`: true, `null`: true} {
		var body map[string]any
		if err := json.Unmarshal([]byte(`{"`+EnterpriseURN+`": {"manager": `+shown+`}}`), &body); err != nil {
			t.Fatal(err)
		}
		if d := Drift(body, New(map[string]any{path: ref}), RFC7643()); (len(d) > 0) != drifts {
			t.Errorf("%s: %v", shown, d)
		}
		if d := Drift(body, New(map[string]any{path: whoIs("7")}), RFC7643()); len(d) > 0 {
			t.Errorf("%s, the account is not known: %v", shown, d)
		}
		have := Flatten(body, Wanted{Managed: []string{path}}, RFC7643())
		want := Wanted{Resource: New(map[string]any{path: ref}), Managed: []string{path}}
		if e := Overwrite(have, want, nil, RFC7643()); e.Empty() == drifts {
			t.Errorf("%s is overwritten by %v", shown, e.Ops)
		}
		if e := Fill(have, want, nil, RFC7643()); e.Empty() == (shown == "null") {
			t.Errorf("%s is filled by %v", shown, e.Ops)
		}
	}
}

func TestReplaceRefs(t *testing.T) {
	v := Element{"value": whoIs("1"), "inner": map[string]any{"value": whoIs("2")}, "title": "x"}
	if keys := Refs(v); len(keys) != 2 {
		t.Errorf("%v", keys)
	}
	got := Replace(v, func(r Ref) any { return "id of " + r.Key.ID })
	want := Element{"value": "id of 1", "inner": map[string]any{"value": "id of 2"}, "title": "x"}
	if d := cmp.Diff(any(want), got); d != "" || v["value"] != any(whoIs("1")) {
		t.Errorf("%s%v", d, v)
	}
}

// The attribute that refers to an account can be named without its part.
func TestReferencePath(t *testing.T) {
	for _, text := range []string{EnterpriseURN + ":manager", EnterpriseURN + ":MANAGER", EnterpriseURN + ":manager.value"} {
		if p, err := RFC7643().Parse(text); err != nil || p.String() != EnterpriseURN+":manager.value" {
			t.Errorf("%s is %s, %v", text, p, err)
		}
	}
}
