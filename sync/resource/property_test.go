package resource

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// everything that the generator may map, and so what is managed.
var managed = func() []string {
	list := []string{
		"displayName", "externalId", "locale", "name.familyName", "name.givenName", "phoneNumbers", "roles", "title", "userName",
		EnterpriseURN + ":department", EnterpriseURN + ":manager.value", "urn:example:params:Badge:number", "urn:example:params:Badge:door.code",
		`addresses[type eq "home"].country`, `addresses[type eq "home"].locality`,
	}
	for _, typ := range []string{"home", "work"} {
		for _, sub := range []string{"display", "primary", "value"} {
			list = append(list, `emails[type eq "`+typ+`"].`+sub)
		}
	}
	slices.Sort(list)
	return list
}()

var text = rapid.SampledFrom([]string{"a", "A", "b", "B", "ab", `q"\uote`, `back\slash]`, "Zoë", "zoë", "x y", "<&>", "eq \"a\" and", "true", "1"})

// generate draws a resource in canonical form as a mapping would give it.
func generate(t *rapid.T, label string) Resource {
	values := map[string]any{"userName": text.Draw(t, label+" userName")}
	bits := rapid.Uint32().Draw(t, label+" bits")
	some := func() bool { bits = bits>>1 | bits<<31; return bits&1 == 1 }
	for _, path := range managed {
		if p := Split(path); len(p.Filter) == 0 && path != "phoneNumbers" && path != "roles" && some() {
			values[path] = text.Draw(t, label+path+" value")
		}
	}
	primary := rapid.SampledFrom([]string{"", "home", "work"}).Draw(t, label+" primary")
	for _, typ := range []string{"home", "work"} {
		if head := `emails[type eq "` + typ + `"].`; some() {
			values[head+"value"] = text.Draw(t, label+" mail")
			if some() {
				values[head+"display"] = text.Draw(t, label+" display")
			}
			if primary == typ {
				values[head+"primary"] = true
			}
		}
	}
	for _, sub := range []string{"country", "locality"} {
		if some() {
			values[`addresses[type eq "home"].`+sub] = text.Draw(t, label+" address")
		}
	}
	shape := RFC7643()
	for _, attr := range []string{"phoneNumbers", "roles"} {
		def, _ := shape.Find("", attr)
		values[attr] = elements(t, label+attr, def)
	}
	return New(values)
}

func elements(t *rapid.T, label string, def *Definition) []Element {
	var list []Element
	seen := map[string]bool{}
	for i := range rapid.IntRange(0, 4).Draw(t, label+" count") {
		e := Element{"value": text.Draw(t, label+" value"), "type": rapid.SampledFrom([]string{"work", "mobile"}).Draw(t, label+" type")}
		if rapid.Bool().Draw(t, label+" display?") {
			e["display"] = text.Draw(t, label+" display")
		}
		if i == 0 && rapid.Bool().Draw(t, label+" primary") {
			e["primary"] = true
		}
		if id := fold(def.Identity(e)); !seen[id] { // the test's server folds everything
			seen[id] = true
			list = append(list, e)
		}
	}
	return list
}

func viaJSON(t rapid.TB, r Resource) map[string]any {
	raw, err := json.Marshal(Nest(r, RFC7643()))
	if err != nil {
		t.Fatal(err)
	}
	var body map[string]any
	if err := json.Unmarshal(raw, &body); err != nil {
		t.Fatal(err)
	}
	return body
}

func mustEqual(t *rapid.T, what string, got, want Resource) {
	if !Equal(got, want) {
		g, _ := json.MarshalIndent(got, "", " ")
		w, _ := json.MarshalIndent(want, "", " ")
		t.Fatalf("%s:\n got %s\nwant %s", what, g, w)
	}
}

func TestNestAndFlattenAreInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := generate(t, "r")
		like := Wanted{Managed: managed}
		mustEqual(t, "through JSON", Flatten(viaJSON(t, r), like, RFC7643()), r)
	})
}

func TestResourceSurvivesJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := generate(t, "r")
		raw, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var back Resource
		if err := json.Unmarshal(raw, &back); err != nil {
			t.Fatal(err)
		}
		mustEqual(t, "resource", back, r)
	})
}

// foreign puts elements of somebody else into a body.
func foreign(body map[string]any) map[string]any {
	for _, attr := range []string{"emails", "roles", "phoneNumbers", "addresses"} {
		list, _ := body[attr].([]any)
		body[attr] = append(list, map[string]any{"type": "other", "value": "theirs-" + attr, "country": "XX"})
	}
	body["nickName"] = "theirs"
	return body
}

func checkForeign(t *rapid.T, body map[string]any) {
	for _, attr := range []string{"emails", "roles", "phoneNumbers", "addresses"} {
		list, _ := body[attr].([]any)
		found := slices.ContainsFunc(list, func(e any) bool {
			return reflect.DeepEqual(e, map[string]any{"type": "other", "value": "theirs-" + attr, "country": "XX"})
		})
		if !found {
			t.Fatalf("somebody else's element of %s is gone: %v", attr, list)
		}
	}
	if body["nickName"] != "theirs" {
		t.Fatal("an unmanaged attribute changed")
	}
}

// flat reads the body without what is not ours.
func flat(body map[string]any) Resource {
	body = maps.Clone(body)
	for _, attr := range []string{"roles", "phoneNumbers"} {
		var ours []any
		list, _ := body[attr].([]any)
		for _, e := range list {
			if e.(map[string]any)["type"] != "other" {
				ours = append(ours, e)
			}
		}
		body[attr] = ours
	}
	return Flatten(body, Wanted{Managed: managed}, RFC7643())
}

func TestOpsLeadFromOldToWant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old, want := generate(t, "old"), generate(t, "want")
		edit := Ops(old, Wanted{Resource: want, Managed: managed}, RFC7643(), nil)
		s := newServer(t, foreign(viaJSON(t, old)))
		if err := s.patch(edit.Ops); err != nil {
			t.Fatal(err)
		}
		mustEqual(t, "after the PATCH", flat(s.body), want)
		checkForeign(t, s.body)
		if edit.Empty() != Equal(old, want) {
			t.Fatalf("empty: %t, equal: %t", edit.Empty(), Equal(old, want))
		}
		checkNotes(t, edit, old, want)
		again := Ops(old, Wanted{Resource: want, Managed: managed}, RFC7643(), nil)
		if !reflect.DeepEqual(edit, again) {
			t.Fatal("the same question got another answer")
		}
	})
}

// checkNotes wants exactly the paths that change in before and after.
func checkNotes(t *rapid.T, edit Edit, old, want Resource) {
	for _, path := range managed {
		o, w := old.Get(path), want.Get(path)
		b, inBefore := edit.Before[path]
		a, inAfter := edit.After[path]
		if SameValue(o, w) {
			if inBefore || inAfter {
				t.Fatalf("%s does not change but is shown", path)
			}
		} else if inBefore != (o != nil) || inAfter != (w != nil) || !SameValue(a, w) || !SameValue(b, o) {
			t.Fatalf("%s: shown as %v -> %v, is %v -> %v", path, b, a, o, w)
		}
	}
}

// After a crash nobody knows whether the PATCH from old to mid arrived.
func TestOpsAreRightWhateverArrived(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old, mid, want := generate(t, "old"), generate(t, "mid"), generate(t, "want")
		if rapid.Bool().Draw(t, "same again") {
			want = mid
		}
		sent := Ops(old, Wanted{Resource: mid, Managed: managed}, RFC7643(), nil)
		maybe := map[string]any{"active": true}
		for path := range sent.Before {
			maybe[path] = nil
		}
		maps.Copy(maybe, sent.After)
		edit := Ops(old, Wanted{Resource: want, Managed: managed}, RFC7643(), maybe)
		for name, holds := range map[string]Resource{"lost": old, "arrived": mid} {
			s := newServer(t, foreign(viaJSON(t, holds)))
			s.lenient = true
			if err := s.patch(edit.Ops); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			mustEqual(t, name, flat(s.body), want)
			checkForeign(t, s.body)
		}
	})
}

// After two crashes nobody knows which of two PATCHes arrived.
func TestOpsAreRightAfterTwoCrashes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old, one, two, want := generate(t, "old"), generate(t, "one"), generate(t, "two"), generate(t, "want")
		switch rapid.IntRange(0, 3).Draw(t, "again") {
		case 0:
			two = old
		case 1:
			want = old
		case 2:
			want = one
		}
		maybe := map[string]any{}
		states := []Resource{old}
		for _, next := range []Resource{one, two} {
			sent := Ops(old, Wanted{Resource: next, Managed: managed}, RFC7643(), maybe)
			maybe, states = Maybe(maybe, sent, next), append(states, next)
		}
		edit := Ops(old, Wanted{Resource: want, Managed: managed}, RFC7643(), maybe)
		for i, holds := range states {
			s := newServer(t, viaJSON(t, holds))
			s.lenient = true
			if err := s.patch(edit.Ops); err != nil {
				t.Fatalf("%d arrived: %v", i, err)
			}
			mustEqual(t, fmt.Sprint(i, " arrived"), flat(s.body), want)
		}
	})
}

func TestOwnedListsAreReplacedWhole(t *testing.T) {
	shape := RFC7643()
	shape.Own = map[string]bool{"emails": true, "roles": true, "phoneNumbers": true, "addresses": true}
	rapid.Check(t, func(t *rapid.T) {
		old, want := generate(t, "old"), generate(t, "want")
		edit := Ops(old, Wanted{Resource: want, Managed: managed}, shape, nil)
		for _, op := range edit.Ops {
			if p := Split(op.Path); shape.Own[p.Attr] && (p.String() != p.Attr || op.Op == "add") {
				t.Fatalf("%s %s touches single elements", op.Op, op.Path)
			}
		}
		s := newServer(t, viaJSON(t, old))
		if err := s.patch(edit.Ops); err != nil {
			t.Fatal(err)
		}
		mustEqual(t, "after the PATCH", flat(s.body), want)
	})
}

// Adoption adds what is missing and clears nothing.
func TestFillOnlyFills(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		have, want := generate(t, "have"), generate(t, "want")
		w := Wanted{Resource: want, Managed: managed}
		body := foreign(viaJSON(t, have))
		s := newServer(t, body)
		edit := Fill(Flatten(s.body, w, RFC7643()), w, nil, RFC7643())
		if err := s.patch(edit.Ops); err != nil {
			t.Fatal(err)
		}
		checkForeign(t, s.body)
		got := flat(s.body)
		for _, a := range have.Attrs {
			if list, isList := a.Value.([]Element); isList {
				after, _ := got.Get(a.Path).([]Element)
				for _, e := range list {
					if !slices.ContainsFunc(after, func(x Element) bool { return sameElement(x, e) }) {
						t.Fatalf("%s lost %v", a.Path, e)
					}
				}
			} else if !SameValue(got.Get(a.Path), a.Value) {
				t.Fatalf("%s was %v and is %v", a.Path, a.Value, got.Get(a.Path))
			}
		}
		for _, a := range want.Attrs {
			if got.Get(a.Path) == nil && Split(a.Path).Filter == nil {
				t.Fatalf("%s is still empty", a.Path)
			}
		}
		if again := Fill(Flatten(s.body, w, RFC7643()), w, nil, RFC7643()); !again.Empty() {
			t.Fatalf("not settled: %v", again.Ops)
		}
	})
}

func TestOverwriteSettles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		have, want := generate(t, "have"), generate(t, "want")
		w := Wanted{Resource: want, Managed: managed}
		s := newServer(t, foreign(viaJSON(t, have)))
		if err := s.patch(Overwrite(Flatten(s.body, w, RFC7643()), w, nil, RFC7643()).Ops); err != nil {
			t.Fatal(err)
		}
		checkForeign(t, s.body)
		got := flat(s.body)
		for _, a := range want.Attrs {
			_, leaf := RFC7643().Lookup(Split(a.Path))
			if _, isList := a.Value.([]Element); !isList && !leaf.same(got.Get(a.Path), a.Value) {
				t.Fatalf("%s is %v, wanted %v", a.Path, got.Get(a.Path), a.Value)
			}
		}
		for _, a := range have.Attrs {
			if got.Get(a.Path) == nil && Split(a.Path).Sub != "primary" {
				t.Fatalf("%s was cleared", a.Path)
			}
		}
		if again := Overwrite(Flatten(s.body, w, RFC7643()), w, nil, RFC7643()); !again.Empty() {
			t.Fatalf("not settled: %v", again.Ops)
		}
	})
}
