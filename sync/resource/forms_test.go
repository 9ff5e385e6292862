package resource

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"scimsync/sync/pack"
)

const workMail = `emails[type eq "work"].value`

// at gives the definition at a path, to be changed.
func (s *Shape) at(path string) *Definition {
	p := Split(path)
	d, _ := s.Find(p.URN, p.Attr)
	if p.Sub != "" {
		d, _ = d.Sub(p.Sub)
	}
	return d
}

// someOf draws a part of a list.
func someOf(t *rapid.T, label string, list ...string) []string {
	var some []string
	for _, v := range list {
		if rapid.IntRange(0, 3).Draw(t, label+" "+v) == 0 {
			some = append(some, v)
		}
	}
	return some
}

// someForms draws a shape of a service that wants changes in some form.
func someForms(t *rapid.T) Shape {
	s := RFC7643()
	flag := func(name string) bool { return rapid.IntRange(0, 2).Draw(t, name) == 0 }
	s.Patch = Patch{Whole: flag("whole"), Undotted: flag("undotted"), Pathless: flag("pathless"), MaxOps: rapid.IntRange(0, 4).Draw(t, "max ops"),
		Isolate: someOf(t, "isolate", "userName", "title", "emails", "name.givenName", "phoneNumbers", EnterpriseURN+":department"),
		Clear:   rapid.SampledFrom([]Clear{ClearByRemove, ClearByEmpty, ClearByNull}).Draw(t, "clear")}
	for _, path := range someOf(t, "own", "emails", "roles", "phoneNumbers", "addresses") {
		s.Own[path] = true
	}
	if flag("coupled") {
		s.Coupled = [][]string{{"userName", workMail}}
	}
	return s
}

// someLimits draws what the service does not take besides.
func someLimits(t *rapid.T, s Shape) Shape {
	for _, path := range someOf(t, "refused", "title", "name.givenName", "roles", "emails.display", "phoneNumbers.display", EnterpriseURN+":department") {
		s.at(path).Refused = "the service does not take it"
	}
	for _, path := range someOf(t, "create only", "locale", "externalId", "addresses") {
		s.at(path).CreateOnly = true
	}
	s.Patch.Keep = someOf(t, "keep", "displayName", "emails", "roles", "name", `addresses[type eq "home"].country`)
	if rapid.IntRange(0, 4).Draw(t, "never cleared") == 0 {
		s.Patch.Clear = ClearNever
	}
	return s
}

// person draws what is wanted of a service: coupled values are equal.
func person(t *rapid.T, label string, s Shape) Resource {
	r := generate(t, label)
	if len(s.Coupled) == 0 {
		return r
	}
	values := map[string]any{}
	for _, a := range r.Attrs {
		values[a.Path] = a.Value
	}
	values[workMail] = values["userName"]
	return New(values)
}

// requests gives an edit as it is sent.
func requests(s Shape, e Edit) [][]Op {
	ops, parts := s.Requests(e.Ops)
	if parts == nil {
		return [][]Op{ops}
	}
	var all [][]Op
	for _, n := range parts {
		all, ops = append(all, ops[:n]), ops[n:]
	}
	return all
}

// checkRequests holds requests against what the service bears. It counts by itself.
func checkRequests(t *rapid.T, s Shape, e Edit) {
	all := requests(s, e)
	sent := slices.Concat(all...)
	if len(sent) != len(e.Ops) {
		t.Fatalf("%d operations became %d", len(e.Ops), len(sent))
	}
	coupled := func(op Op) bool {
		return len(s.Coupled) > 0 && (op.Path == "userName" || Split(op.Path).Attr == "emails")
	}
	for _, request := range all {
		n, values, bound := 0, 0, slices.ContainsFunc(request, coupled)
		for _, op := range request {
			if op.Op == "remove" || !s.Patch.Pathless {
				n++
			} else {
				values = 1
			}
			checkTaken(t, s, op)
			for _, alone := range s.Patch.Isolate {
				other := func(o Op) bool {
					return o.Path != op.Path && !(bound && coupled(o)) && Split(o.Path).Attribute() != alone
				}
				if a := Split(alone); (alone == op.Path || a.Sub == "" && a.Attr == Split(op.Path).Attr) && slices.ContainsFunc(request, other) {
					t.Fatalf("%s is not alone: %v", op.Path, request)
				}
			}
		}
		if s.Patch.MaxOps > 0 && n+values > s.Patch.MaxOps && !bound {
			t.Fatalf("%d operations, %d are allowed: %v", n+values, s.Patch.MaxOps, request)
		}
	}
	if n := slices.IndexFunc(all, func(r []Op) bool { return slices.ContainsFunc(r, coupled) }); n >= 0 {
		for _, later := range all[n+1:] {
			if slices.ContainsFunc(later, coupled) {
				t.Fatalf("what is coupled is torn apart: %v", all)
			}
		}
	}
}

// checkTaken holds one operation against what the service takes.
func checkTaken(t *rapid.T, s Shape, op Op) {
	at := Split(op.Path)
	refused := func(path string) bool { d := s.at(path); return d.Refused != "" || d.CreateOnly }
	if known, _ := s.Find(at.URN, at.Attr); known == nil {
		return
	}
	if refused(at.Attribute()) || at.Sub != "" && s.at(op.Path) != nil && refused(op.Path) {
		t.Fatalf("%s %s is sent, and the service does not take it", op.Op, op.Path)
	}
	parts := func(e map[string]any) {
		for name := range e {
			if d, known := s.at(at.Attribute()).Sub(name); known && (d.Refused != "" || d.CreateOnly) {
				t.Fatalf("%s %s holds %s, which the service does not take", op.Op, op.Path, name)
			}
		}
	}
	switch v := op.Value.(type) {
	case Element:
		parts(v)
	case []Element:
		for _, e := range v {
			parts(e)
		}
	}
	if taken := op.Op == "remove" || op.Value == "" || op.Value == (Null{}); taken && kept(s, op.Path) {
		t.Fatalf("%s %s: it is taken away, and cannot be", op.Op, op.Path)
	}
	if s.Patch.Whole && len(at.Filter) > 0 || s.Patch.Undotted && at.Sub != "" && len(at.Filter) == 0 {
		t.Fatalf("%s %s reaches a part", op.Op, op.Path)
	}
	if way := map[Clear]bool{ClearByEmpty: true, ClearByNull: true}[s.Patch.Clear]; way && op.Op == "remove" && len(at.Filter) == 0 {
		t.Fatalf("%s is removed, and the service wants %s", op.Path, s.Patch.Clear)
	}
}

// kept tells whether what stands at a path cannot be taken away.
func kept(s Shape, path string) bool {
	return s.Patch.Clear == ClearNever || slices.ContainsFunc(s.Patch.Keep, func(keep string) bool { return strings.HasPrefix(path, keep) })
}

// send has a strict server carry an edit out, request by request.
func send(t *rapid.T, s *server, shape Shape, e Edit) {
	for _, request := range requests(shape, e) {
		if len(request) == 0 {
			continue
		}
		if err := s.patch(request); err != nil {
			t.Fatalf("%v: %v", request, err)
		}
	}
}

// Whatever forms a service wants, they lead from old to want, within its limits.
func TestFormsLeadFromOldToWant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape := someForms(t)
		old, want := person(t, "old", shape), person(t, "want", shape)
		edit := Ops(old, Wanted{Resource: want, Managed: managed}, shape, nil)
		checkRequests(t, shape, edit)
		body := viaJSON(t, old)
		if !shape.Patch.Whole && len(shape.Own) == 0 {
			body = foreign(body)
		}
		s := newServer(t, body)
		s.clears = shape.Patch.Clear != ClearByRemove
		send(t, s, shape, edit)
		mustEqual(t, "after the requests", flat(s.body), want)
		if !shape.Patch.Whole && len(shape.Own) == 0 {
			checkForeign(t, s.body)
		}
		if edit.Empty() != Equal(old, want) {
			t.Fatalf("empty: %t, equal: %t", edit.Empty(), Equal(old, want))
		}
		checkNotes(t, edit, old, want)
	})
}

// What is coupled is sent together, when either changes.
func TestCoupledGoTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape := someForms(t)
		shape.Coupled = [][]string{{"userName", workMail}}
		old, want := generate(t, "old"), person(t, "want", shape)
		edit := Ops(old, Wanted{Resource: want, Managed: managed}, shape, nil)
		login := slices.IndexFunc(edit.Ops, func(op Op) bool { return op.Path == "userName" })
		mail := slices.IndexFunc(edit.Ops, func(op Op) bool {
			raw, _ := json.Marshal(op.Value)
			return op.Path == workMail || op.Path == "emails" && slices.Contains(mailsOf(raw), want.Text("userName"))
		})
		changes := old.Get("userName") != want.Get("userName") || old.Get(workMail) != want.Get(workMail)
		if changes && (login < 0 || mail < 0) || !changes && login >= 0 {
			t.Fatalf("changes: %t, and sent are %v", changes, edit.Ops)
		}
	})
}

// mailsOf gives the values of the elements of type work.
func mailsOf(raw []byte) (values []string) {
	var list []map[string]any
	_ = json.Unmarshal(raw, &list) // something else holds none
	for _, e := range list {
		if e["type"] == "work" {
			values = append(values, fmt.Sprint(e["value"]))
		}
	}
	return values
}

// What the service does not take is neither sent nor touched; the rest comes true.
func TestLimitsAreKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape := someLimits(t, someForms(t))
		shape.Coupled = nil
		old, want := generate(t, "old"), generate(t, "want")
		edit := Ops(old, Wanted{Resource: want, Managed: managed}, shape, nil)
		checkRequests(t, shape, edit)
		s := newServer(t, viaJSON(t, old))
		s.clears = shape.Patch.Clear != ClearByRemove
		send(t, s, shape, edit)
		got := flat(s.body)
		for _, path := range managed {
			at := Split(path)
			g, o, w := shape.trim(path, got), shape.trim(path, old), shape.trim(path, want)
			sends := shape.at(at.Attribute()) == nil || shape.at(at.Attribute()).sends(at.Sub)
			list, isList := w.([]Element)
			switch {
			case !sends && (shape.at(at.Attribute()).sends("") && len(at.Filter) > 0): // a part of an element goes with it
			case !sends && !SameValue(g, o):
				t.Fatalf("%s is not sent, and became %v from %v", path, g, o)
			case !sends:
			case isList && kept(shape, path):
				for _, e := range list {
					if has, _ := g.([]Element); !slices.ContainsFunc(has, func(h Element) bool { return includes(h, e) }) {
						t.Fatalf("%s lacks %v: %v", path, e, g)
					}
				}
			case w != nil && !SameValue(g, w):
				t.Fatalf("%s is %v, wanted %v", path, g, w)
			case w == nil && g != nil && (!SameValue(g, o) || !kept(shape, path) && len(at.Filter) == 0):
				t.Fatalf("%s is %v, was %v, wanted gone", path, g, o)
			case w == nil && g == nil && o != nil && len(at.Filter) == 0 && kept(shape, path):
				t.Fatalf("%s is gone, and cannot be taken away", path)
			}
		}
		for path := range edit.After {
			if !SameValue(got.Get(path), want.Get(path)) && !shape.at(Split(path).Attribute()).partly() && !kept(shape, path) {
				t.Fatalf("%s is shown as %v, and is %v", path, edit.After[path], got.Get(path))
			}
		}
	})
}

// trim gives the value at a path without the parts that are not sent.
func (s Shape) trim(path string, r Resource) any {
	v := r.Get(path)
	if d := s.at(Split(path).Attribute()); d != nil {
		return d.sendable(v)
	}
	return v
}

func includes(e, part Element) bool {
	for name, v := range part {
		if e[name] != v {
			return false
		}
	}
	return true
}

// A change in several requests that broke off is made good by the next one, wherever it
// broke off and whatever is wanted then.
func TestFormsAfterSomeOfTheRequests(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape := someForms(t)
		old, mid, want := person(t, "old", shape), person(t, "mid", shape), person(t, "want", shape)
		switch rapid.IntRange(0, 2).Draw(t, "again") {
		case 0:
			want = mid
		case 1:
			want = old
		}
		sent := Ops(old, Wanted{Resource: mid, Managed: managed}, shape, nil)
		maybe := Maybe(nil, sent, mid)
		edit := Ops(old, Wanted{Resource: want, Managed: managed}, shape, maybe)
		all := requests(shape, sent)
		n := rapid.IntRange(0, len(all)).Draw(t, "arrived")
		s := newServer(t, viaJSON(t, old))
		s.lenient, s.clears = true, shape.Patch.Clear != ClearByRemove
		for _, request := range all[:n] {
			if err := s.patch(request); err != nil {
				t.Fatal(err)
			}
		}
		send(t, s, shape, edit)
		mustEqual(t, fmt.Sprintf("after %d of %d", n, len(all)), flat(s.body), want)
	})
}

// The default forms are those of the RFC, all in one request.
func TestRequestsOfTheDefault(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old, want := generate(t, "old"), generate(t, "want")
		edit := Ops(old, Wanted{Resource: want, Managed: managed}, RFC7643(), nil)
		ops, parts := RFC7643().Requests(edit.Ops)
		if parts != nil || !reflect.DeepEqual(ops, edit.Ops) {
			t.Fatalf("%v in parts %v", ops, parts)
		}
	})
}

func TestRequests(t *testing.T) {
	on := func(paths ...string) (ops []Op) {
		for _, path := range paths {
			ops = append(ops, Op{Op: "replace", Path: path, Value: "x"})
		}
		return ops
	}
	for _, c := range []struct {
		name  string
		patch Patch
		ops   []Op
		want  [][]string
	}{
		{"no limit", Patch{}, on("a", "b"), [][]string{{"a", "b"}}},
		{"two at most", Patch{MaxOps: 2}, on("a", "b", "c"), [][]string{{"a", "b"}, {"c"}}},
		{"as many as there may be", Patch{MaxOps: 3}, on("a", "b", "c"), [][]string{{"a", "b", "c"}}},
		{"one attribute stays together", Patch{MaxOps: 2}, on("a", "name.x", "b", "name.y"), [][]string{{"a"}, {"name.x", "name.y"}, {"b"}}},
		{"unless there is too much of it", Patch{MaxOps: 2}, on("name.x", "name.y", "name.z", "a"), [][]string{{"name.x", "name.y"}, {"name.z", "a"}}},
		{"alone", Patch{Isolate: []string{"active", "userName"}}, on("active", "a", "userName", "b"), [][]string{{"active"}, {"a"}, {"userName"}, {"b"}}},
		{"the anchor first", Patch{MaxOps: 1}, on("a", "externalId", "b"), [][]string{{"externalId"}, {"a"}, {"b"}}},
		{"alone anyway", Patch{Isolate: []string{"active"}}, on("active"), [][]string{{"active"}}},
		{"pathless is one", Patch{MaxOps: 1, Pathless: true}, on("a", "b", "c"), [][]string{{"a", "b", "c"}}},
		{"but for removals", Patch{MaxOps: 1, Pathless: true}, append(on("a", "b"), Op{Op: "remove", Path: "c"}), [][]string{{"a", "b"}, {"c"}}},
	} {
		s := RFC7643()
		s.Patch = c.patch
		var got [][]string
		for _, request := range requests(s, Edit{Ops: c.ops}) {
			var paths []string
			for _, op := range request {
				paths = append(paths, op.Path)
			}
			got = append(got, paths)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// What replaces by null survives a file, as no value does; the packed form, of which
// digests are made, is the same before and after.
func TestOpsSurviveJSON(t *testing.T) {
	want := []Op{{"remove", "a", nil}, {"replace", "b", Null{}}, {"replace", "c", ""}, {"replace", "name", map[string]any{"x": json.Number("1.0"), "y": Null{}}},
		{"add", "d", true}, {"replace", "emails", []any{}}}
	raw, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got []Op
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", raw, diff)
	}
	made := slices.Clone(want)
	made[3].Value, made[5].Value = Element(want[3].Value.(map[string]any)), []Element{}
	packed := AppendOps(nil, made)
	if !bytes.Equal(packed, AppendOps(nil, got)) {
		t.Error("read from JSON, operations have another packed form")
	}
	r := pack.Read(packed)
	if back := ReadOps(r); !r.Whole() || !bytes.Equal(packed, AppendOps(nil, back)) || back[1].Value != (Null{}) {
		t.Errorf("read back: %v", back)
	}
}

// Two shapes have one digest only if they are the same.
func TestShapeDigest(t *testing.T) {
	seen := map[string]string{RFC7643().Digest(): "the default"}
	for name, change := range map[string]func(*Shape){
		"refused": func(s *Shape) { s.at("title").Refused = "no" }, "length": func(s *Shape) { s.at("title").MaxLen = 5 },
		"a part": func(s *Shape) { s.at("name.givenName").CreateOnly = true }, "max ops": func(s *Shape) { s.Patch.MaxOps = 1 },
		"coupled": func(s *Shape) { s.Coupled = [][]string{{"userName", "displayName"}} }, "own": func(s *Shape) { s.Own["emails"] = true },
		"required": func(s *Shape) { s.Required = []string{"title"} }, "types": func(s *Shape) { s.at("emails").Types = []string{"work"} },
	} {
		s := RFC7643()
		s.Own = maps.Clone(s.Own)
		change(&s)
		if other, has := seen[s.Digest()]; has {
			t.Errorf("%s and %s have one digest", name, other)
		}
		seen[s.Digest()] = name
	}
}
