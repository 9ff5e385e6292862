package sourcetest_test

import (
	"errors"
	"slices"
	"testing"

	"scimsync/sources/sourcetest"
	"scimsync/sync/record"
)

func people() []sourcetest.Person {
	return []sourcetest.Person{
		{ID: "1", Enabled: record.True, Attrs: map[string][]string{"mail": {"a@example.org"}, "sn": {"Ada"}}},
		{ID: "2", Enabled: record.False, DN: "uid=2,dc=example,dc=org", Attrs: map[string][]string{"mail": {"b@example.org", "c@example.org"}}},
		{ID: "3"},
	}
}

func TestFakeIsASource(t *testing.T) {
	sourcetest.Run(t, func(*testing.T) sourcetest.Fixture {
		f := sourcetest.NewFake(people()...)
		return sourcetest.Fixture{
			Source: f,
			Names:  []string{"mail", "sn"},
			People: people(),
			Change: func(*testing.T) { f.Set(people()[:2]...) },
		}
	})
}

func groups() []sourcetest.Group {
	return []sourcetest.Group{
		{ID: "all", DN: "cn=all,dc=example,dc=org", Attrs: map[string][]string{"name": {"all"}, "mail": {"all@example.org"}}, Members: []string{"user/1", "group/some", "user/2"}},
		{ID: "some", Attrs: map[string][]string{"name": {"some"}}, Members: []string{"user/3", "user/ghost"}},
		{ID: "none", Unread: "it is in the dark"},
	}
}

func TestFakeHasGroups(t *testing.T) {
	for _, last := range []bool{false, true} {
		sourcetest.Run(t, func(*testing.T) sourcetest.Fixture {
			f := sourcetest.NewFake(people()...)
			f.SetGroups(groups()...)
			if last {
				f.GroupsLast()
			}
			return sourcetest.Fixture{
				Source: f, Names: []string{"mail", "sn"}, People: people(),
				Change:     func(*testing.T) { f.Set(people()[:2]...) },
				GroupNames: []string{"mail", "name"}, Groups: groups(),
				ChangeMembers: func(*testing.T) {
					changed := groups()
					changed[1].Members = changed[1].Members[1:]
					f.SetGroups(changed...)
				},
			}
		})
	}
}

// TestFakeOfOneReference: two people who share one, as directories may have them.
func TestFakeOfOneReference(t *testing.T) {
	f := sourcetest.NewFake(sourcetest.Person{ID: "1", Refs: []string{"=anna"}}, sourcetest.Person{ID: "2", Refs: []string{"=anna"}})
	f.SetGroups(sourcetest.Group{ID: "g", Members: []string{"=anna"}})
	var got []string
	link := func(group, member string) error { got = append(got, group+member); return nil }
	_, err := f.Read(t.Context(), record.Want{Groups: &record.WantGroups{Link: link}}, func(r *record.Record) error {
		got = append(got, r.Refs...)
		return nil
	})
	if want := []string{"group/g", "g=anna", "=anna", "=anna"}; !slices.Equal(got, want) || err != nil {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}

func TestFakeFails(t *testing.T) {
	broken := errors.New("broken")
	f := sourcetest.NewFake(people()...)
	full, err := f.Read(t.Context(), record.Want{}, func(*record.Record) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	for after := range 5 {
		f.FailAfter(after, broken)
		n := 0
		_, err := f.Read(t.Context(), record.Want{From: full.Cursor}, func(*record.Record) error { n++; return nil })
		if !errors.Is(err, broken) || n != min(after, 3) {
			t.Errorf("after %d: %d records, %v", after, n, err)
		}
	}
	f.FailAfter(0, nil)
	if b, err := f.Read(t.Context(), record.Want{From: full.Cursor}, nil); err != nil || b.Extent != record.Same {
		t.Errorf("healed: %v, %v", b.Extent, err)
	}
	if f.Reads() != 7 {
		t.Errorf("%d reads", f.Reads())
	}
}
