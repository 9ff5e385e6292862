package sourcetest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"scimsync/sync/record"
)

// runGroups checks a source that has groups.
func runGroups(t *testing.T, fresh func(t *testing.T) Fixture) {
	for _, part := range []struct {
		name string
		run  func(*testing.T, Fixture)
	}{
		{"people and groups come once, groups before their links", groupsOnce},
		{"attributes of groups stand as wanted", groupsAligned},
		{"links name the members", groupsLinked},
		{"groups that were not read to the end are told", groupsUnread},
		{"groups of an unchanged source are the same or read whole", groupsUnchanged},
		{"a changed membership is never the same", groupsChanged},
		{"a cursor of a read for other groups is never the same", groupsOtherWant},
		{"an error of Link ends the read", linkError},
		{"a read cancelled among groups and links is an error", groupsCancelled},
		{"an unknown attribute of groups is an error", groupsUnknownName},
		{"the schema names the attributes of groups", groupsSchema},
	} {
		t.Run(part.name, func(t *testing.T) {
			f := fresh(t)
			linked := slices.ContainsFunc(f.Groups, func(g Group) bool { return len(g.Members) > 0 })
			if len(f.Groups) < 2 || !linked || !slices.Contains(f.GroupNames, "name") {
				t.Fatal(`the fixture needs two groups, one of them with members, and the name "name"`)
			}
			part.run(t, f)
		})
	}
}

// groupsNotThere: who has no groups says so, instead of listing none of them.
func groupsNotThere(t *testing.T, f Fixture) {
	if f.Groups != nil {
		return
	}
	want := record.Want{Groups: &record.WantGroups{Link: func(string, string) error { return nil }}}
	if _, err := f.Source.Read(t.Context(), want, ignore); err == nil {
		t.Error("a source without groups was asked for them and gave no error")
	}
	if s, err := f.Source.Describe(t.Context()); err != nil || s.GroupNames != nil {
		t.Errorf("a source without groups knows attributes of groups: %q, %v", s.GroupNames, err)
	}
}

// whole is everything that a read gave.
type whole struct {
	record.Batch
	sums  map[string]record.Sum // by "user/" or "group/" and the ID
	attrs map[string][]record.Attr
	refs  map[string][]string // who has a reference
	links map[string][]string // of a group: the references, sorted, each once
}

// readWhole reads people and groups, and keeps nothing of a record beyond emit.
func readWhole(t *testing.T, f Fixture, from record.Cursor, groupNames []string) whole {
	t.Helper()
	got := whole{sums: map[string]record.Sum{}, attrs: map[string][]record.Attr{}, refs: map[string][]string{}, links: map[string][]string{}}
	var summer record.Summer
	want := record.Want{Names: f.Names, From: from, Groups: &record.WantGroups{Names: groupNames, Link: func(group, member string) error {
		if _, emitted := got.sums["group/"+group]; !emitted {
			t.Errorf("a link of group %q came before the group", group)
		}
		got.links[strings.Clone(group)] = append(got.links[group], strings.Clone(member))
		return nil
	}}}
	got.Batch = read(t, f.Source, want, func(r *record.Record) {
		who := r.Kind.String() + "/" + r.ID
		if _, twice := got.sums[who]; twice {
			t.Errorf("%s was emitted twice", who)
		}
		got.sums[who] = summer.Sum(r)
		for _, a := range r.Attrs {
			got.attrs[who] = append(got.attrs[who], record.Attr{Name: a.Name, Values: slices.Clone(a.Values)})
		}
		for _, ref := range r.Refs {
			got.refs[strings.Clone(ref)] = append(got.refs[ref], who)
		}
	})
	for group, refs := range got.links {
		slices.Sort(refs)
		got.links[group] = slices.Compact(refs)
	}
	return got
}

func groupsOnce(t *testing.T, f Fixture) {
	got := readWhole(t, f, nil, f.GroupNames)
	if got.Extent != record.Full {
		t.Errorf("a read without a cursor has extent %d, not Full", got.Extent)
	}
	want := map[string]bool{}
	for _, p := range f.People {
		want["user/"+p.ID] = true
	}
	for _, g := range f.Groups {
		want["group/"+g.ID] = true
	}
	for who := range want {
		if _, there := got.sums[who]; !there {
			t.Errorf("%s was not emitted", who)
		}
	}
	for who := range got.sums {
		if !want[who] {
			t.Errorf("%s was emitted and is nobody", who)
		}
	}
}

func groupsAligned(t *testing.T, f Fixture) {
	got := readWhole(t, f, nil, f.GroupNames)
	for _, g := range f.Groups {
		attrs := got.attrs["group/"+g.ID]
		if len(attrs) != len(f.GroupNames) {
			t.Fatalf("group %q has %d attributes for %d names", g.ID, len(attrs), len(f.GroupNames))
		}
		for i, name := range f.GroupNames {
			have, want := slices.Sorted(slices.Values(attrs[i].Values)), slices.Sorted(slices.Values(g.Attrs[name]))
			if attrs[i].Name != name || !slices.Equal(have, want) {
				t.Errorf("group %q: attribute %d is %s %q, not %s %q", g.ID, i, attrs[i].Name, have, name, want)
			}
		}
	}
	read(t, f.Source, record.Want{Groups: &record.WantGroups{Link: func(string, string) error { return nil }}}, func(r *record.Record) {
		i := slices.IndexFunc(f.Groups, func(g Group) bool { return g.ID == r.ID })
		if r.Kind == record.Group && (i < 0 || r.DN != f.Groups[i].DN || len(r.Attrs) > 0) {
			t.Errorf("group %q at %q with %d attributes, where none was asked for", r.ID, r.DN, len(r.Attrs))
		}
	})
}

func groupsLinked(t *testing.T, f Fixture) {
	got := readWhole(t, f, nil, f.GroupNames)
	for _, g := range f.Groups {
		want, nobodies := map[string]bool{}, 0
		for _, member := range g.Members {
			if _, there := got.sums[member]; there {
				want[member] = true
			} else {
				nobodies++
			}
		}
		have, unknown := map[string]bool{}, 0
		for _, ref := range got.links[g.ID] {
			switch who := got.refs[ref]; len(who) {
			case 0:
				unknown++
			case 1:
				have[who[0]] = true
			default:
				t.Errorf("%q is the reference of %q", ref, who)
			}
		}
		if !maps.Equal(have, want) || unknown != nobodies {
			t.Errorf("in group %q are %v and %d unknown, not %v and %d", g.ID, slices.Sorted(maps.Keys(have)), unknown, slices.Sorted(maps.Keys(want)), nobodies)
		}
	}
}

func groupsUnread(t *testing.T, f Fixture) {
	got := readWhole(t, f, nil, f.GroupNames)
	for _, g := range f.Groups {
		if why := got.Unread[g.ID]; (why != "") != (g.Unread != "") {
			t.Errorf("group %q: unread because of %q, not %q", g.ID, why, g.Unread)
		}
	}
}

func groupsUnchanged(t *testing.T, f Fixture) {
	first := readWhole(t, f, nil, f.GroupNames)
	second := readWhole(t, f, first.Cursor, f.GroupNames)
	if second.Extent == record.Same {
		if len(second.sums)+len(second.links) != 0 {
			t.Errorf("%d records and links of %d groups came from a read that found the same", len(second.sums), len(second.links))
		}
		return
	}
	compareWhole(t, first, second)
}

func compareWhole(t *testing.T, a, b whole) {
	t.Helper()
	if !maps.Equal(a.sums, b.sums) {
		t.Error("other records, or other sums")
	}
	if !maps.EqualFunc(a.links, b.links, slices.Equal) {
		t.Errorf("links %v, then %v", a.links, b.links)
	}
}

func groupsChanged(t *testing.T, f Fixture) {
	if f.ChangeMembers == nil {
		return
	}
	before := readWhole(t, f, nil, f.GroupNames)
	f.ChangeMembers(t)
	after := readWhole(t, f, before.Cursor, f.GroupNames)
	if after.Extent != record.Full {
		t.Fatalf("extent %d after a change", after.Extent)
	}
	if maps.EqualFunc(before.links, after.links, slices.Equal) {
		t.Error("the change is in no link")
	}
}

func groupsOtherWant(t *testing.T, f Fixture) {
	everything := len(f.People) + len(f.Groups)
	_, people := sums(t, f.Source, record.Want{Names: f.Names})
	if got := readWhole(t, f, people.Cursor, f.GroupNames); got.Extent != record.Full || len(got.sums) != everything {
		t.Errorf("after a read of people only: extent %d with %d records", got.Extent, len(got.sums))
	}
	few := readWhole(t, f, nil, f.GroupNames[:len(f.GroupNames)-1])
	if got := readWhole(t, f, few.Cursor, f.GroupNames); got.Extent != record.Full || len(got.sums) != everything {
		t.Errorf("after a read of fewer attributes: extent %d with %d records", got.Extent, len(got.sums))
	}
	if got, b := sums(t, f.Source, record.Want{Names: f.Names, From: few.Cursor}); b.Extent != record.Full || len(got) != len(f.People) {
		t.Errorf("people only, after a read with groups: extent %d with %d records", b.Extent, len(got))
	}
}

func linkError(t *testing.T, f Fixture) {
	mine, calls := errors.New("link says no"), 0
	want := record.Want{Names: f.Names, Groups: &record.WantGroups{Names: f.GroupNames, Link: func(string, string) error {
		calls++
		return mine
	}}}
	if _, err := f.Source.Read(t.Context(), want, ignore); !errors.Is(err, mine) || calls != 1 {
		t.Errorf("Link's error came back as %v after %d calls", err, calls)
	}
}

func groupsCancelled(t *testing.T, f Fixture) {
	for at := 0; ; at++ {
		ctx, cancel := context.WithCancel(t.Context())
		steps := 0
		step := func() {
			if steps++; steps == at+1 {
				cancel()
			}
		}
		want := record.Want{Names: f.Names, Groups: &record.WantGroups{Names: f.GroupNames, Link: func(string, string) error { step(); return nil }}}
		_, err := f.Source.Read(ctx, want, func(*record.Record) error { step(); return nil })
		cancel()
		if steps <= at {
			return // there was no such step
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled at record or link %d: %v", at+1, err)
		}
	}
}

func groupsUnknownName(t *testing.T, f Fixture) {
	want := record.Want{Names: f.Names, Groups: &record.WantGroups{Names: append(slices.Clone(f.GroupNames), "zzz_no_such_attribute"),
		Link: func(string, string) error { return nil }}}
	if _, err := f.Source.Read(t.Context(), want, ignore); err == nil {
		t.Error("an attribute of groups that is nowhere was read without an error")
	}
}

func groupsSchema(t *testing.T, f Fixture) {
	s, err := f.Source.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.GroupNames == nil {
		return
	}
	for _, n := range f.GroupNames {
		if !slices.Contains(s.GroupNames, n) {
			t.Errorf("%q is not among the attributes of groups", n)
		}
	}
}
