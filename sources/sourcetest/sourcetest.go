// Package sourcetest says what every source of people and groups has to do. Run holds any
// record.Source against the contract of that interface; Fake is one without a
// directory behind it, for tests of what stands behind a source. For tests only.
package sourcetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"scimsync/sync/record"
)

// Person is one entry as a directory holds it.
type Person struct {
	ID      string
	DN      string
	Enabled record.Tri
	Expires time.Time
	Attrs   map[string][]string // by the name record.Var gives; absent: no value
	// Refs are what links name a Fake's person by; nil: "user/" and the ID.
	Refs []string
}

func (p *Person) refs() []string {
	if p.Refs == nil {
		return []string{"user/" + p.ID}
	}
	return p.Refs
}

// Group is a group as a directory holds it.
type Group struct {
	ID    string
	DN    string
	Attrs map[string][]string // as those of Person
	// Members are who is in it: "user/" or "group/" and the ID, or anything else for somebody
	// who is nobody. A Fake links to them as they stand.
	Members []string
	// Unread is why the members could not be read to the end; empty: they were.
	Unread string
	// Refs are what links name a Fake's group by; nil: "group/" and the ID.
	Refs []string
}

func (g *Group) refs() []string {
	if g.Refs == nil {
		return []string{"group/" + g.ID}
	}
	return g.Refs
}

// Fixture is a source and what it must be found to hold.
type Fixture struct {
	Source record.Source
	// Names are the attributes to ask for, sorted.
	Names []string
	// People are all people of the source, at least two. Only Names are compared
	// of their attributes; values of one attribute may come in any order.
	People []Person
	// Change makes one person's value another, or adds or removes a person, such
	// that a read of Names must show it. nil: the source cannot be changed.
	Change func(t *testing.T)

	// GroupNames are the attributes of groups to ask for, sorted; "name" has to be among them.
	GroupNames []string
	// Groups are all groups of the source, at least two, one of them with members; nil: the
	// source has none.
	Groups []Group
	// ChangeMembers adds somebody to a group, or removes somebody, and changes nothing else.
	// nil: the source cannot be changed.
	ChangeMembers func(t *testing.T)
}

// Run checks a source. fresh is called for each part, so that none spoils another.
func Run(t *testing.T, fresh func(t *testing.T) Fixture) {
	for _, part := range []struct {
		name string
		run  func(*testing.T, Fixture)
	}{
		{"a complete read emits every entry once", complete},
		{"attributes stand as wanted", aligned},
		{"reading twice gives equal sums", twice},
		{"a read of no attributes lists everybody", bare},
		{"an unchanged source is the same or read whole", unchanged},
		{"a changed source is never the same", changed},
		{"a cursor of other attributes is never the same", otherNames},
		{"a cursor from elsewhere is not trusted", foreignCursor},
		{"an error of emit ends the read", emitError},
		{"a cancelled read is an error", cancelled},
		{"an unknown attribute is an error", unknownName},
		{"the schema names what can be read", schema},
		{"groups that are not there cannot be asked for", groupsNotThere},
	} {
		t.Run(part.name, func(t *testing.T) {
			f := fresh(t)
			if len(f.People) < 2 || len(f.Names) == 0 {
				t.Fatal("the fixture needs two people and a name")
			}
			part.run(t, f)
		})
	}
	if fresh(t).Groups != nil {
		runGroups(t, fresh)
	}
}

func complete(t *testing.T, f Fixture) {
	got := map[string]int{}
	batch, err := f.Source.Read(t.Context(), record.Want{Names: f.Names}, func(r *record.Record) error {
		got[r.ID]++
		if r.Kind != record.User || len(r.Refs) > 0 {
			t.Errorf("%s is a %s with references %q; no groups were asked for", r.ID, r.Kind, r.Refs)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if batch.Extent != record.Full {
		t.Errorf("a read without a cursor has extent %d, not Full", batch.Extent)
	}
	for _, p := range f.People {
		if got[p.ID] != 1 {
			t.Errorf("%q was emitted %d times", p.ID, got[p.ID])
		}
		delete(got, p.ID)
	}
	for id := range got {
		t.Errorf("%q was emitted and is nobody", id)
	}
}

func aligned(t *testing.T, f Fixture) {
	people := map[string]Person{}
	for _, p := range f.People {
		people[p.ID] = p
	}
	read(t, f.Source, record.Want{Names: f.Names}, func(r *record.Record) {
		if len(r.Attrs) != len(f.Names) {
			t.Fatalf("%q has %d attributes for %d names", r.ID, len(r.Attrs), len(f.Names))
		}
		p := people[r.ID]
		for i, name := range f.Names {
			if r.Attrs[i].Name != name {
				t.Errorf("%q: attribute %d is %q, not %q", r.ID, i, r.Attrs[i].Name, name)
			}
			got, want := slices.Sorted(slices.Values(r.Attrs[i].Values)), slices.Sorted(slices.Values(p.Attrs[name]))
			if !slices.Equal(got, want) {
				t.Errorf("%q: %s is %q, not %q", r.ID, name, got, want)
			}
		}
		if r.DN != p.DN || r.Enabled != p.Enabled || !r.Expires.Equal(p.Expires) {
			t.Errorf("%q is (%q, %d, %v), not (%q, %d, %v)", r.ID, r.DN, r.Enabled, r.Expires, p.DN, p.Enabled, p.Expires)
		}
	})
}

func twice(t *testing.T, f Fixture) {
	first, _ := sums(t, f.Source, record.Want{Names: f.Names})
	second, _ := sums(t, f.Source, record.Want{Names: f.Names})
	compare(t, first, second)
}

func bare(t *testing.T, f Fixture) {
	got, _ := sums(t, f.Source, record.Want{})
	if len(got) != len(f.People) {
		t.Errorf("%d entries for %d people", len(got), len(f.People))
	}
}

func unchanged(t *testing.T, f Fixture) {
	first, batch := sums(t, f.Source, record.Want{Names: f.Names})
	second, again := sums(t, f.Source, record.Want{Names: f.Names, From: batch.Cursor})
	switch again.Extent {
	case record.Same:
		if len(second) != 0 {
			t.Errorf("%d entries were emitted by a read that found the same", len(second))
		}
	case record.Full:
		compare(t, first, second)
	default:
		t.Errorf("extent %d", again.Extent)
	}
	// What Same returns must carry on like what Full returned.
	third, _ := sums(t, f.Source, record.Want{Names: f.Names, From: again.Cursor})
	if len(third) != 0 {
		compare(t, first, third)
	}
}

func changed(t *testing.T, f Fixture) {
	if f.Change == nil {
		return
	}
	before, batch := sums(t, f.Source, record.Want{Names: f.Names})
	f.Change(t)
	after, again := sums(t, f.Source, record.Want{Names: f.Names, From: batch.Cursor})
	if again.Extent != record.Full {
		t.Fatalf("extent %d after a change", again.Extent)
	}
	same := len(before) == len(after)
	for id, sum := range after {
		same = same && before[id] == sum
	}
	if same {
		t.Error("the change is not in any sum")
	}
}

func otherNames(t *testing.T, f Fixture) {
	_, batch := sums(t, f.Source, record.Want{Names: f.Names[:len(f.Names)-1]})
	got, again := sums(t, f.Source, record.Want{Names: f.Names, From: batch.Cursor})
	if again.Extent != record.Full || len(got) != len(f.People) {
		t.Errorf("extent %d with %d entries", again.Extent, len(got))
	}
}

func foreignCursor(t *testing.T, f Fixture) {
	for _, c := range []string{"x", "{}", `{"v":99}`, "null", "\x00\xff"} {
		got, batch := sums(t, f.Source, record.Want{Names: f.Names, From: record.Cursor(c)})
		if batch.Extent != record.Full || len(got) != len(f.People) {
			t.Errorf("cursor %q: extent %d with %d entries", c, batch.Extent, len(got))
		}
	}
}

func emitError(t *testing.T, f Fixture) {
	mine := errors.New("emit says no")
	calls := 0
	_, err := f.Source.Read(t.Context(), record.Want{Names: f.Names}, func(*record.Record) error {
		calls++
		return mine
	})
	if !errors.Is(err, mine) {
		t.Errorf("emit's error came back as %v", err)
	}
	if calls != 1 {
		t.Errorf("emit was called %d times", calls)
	}
}

func cancelled(t *testing.T, f Fixture) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Source.Read(ctx, record.Want{Names: f.Names}, ignore); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before the read: %v", err)
	}
	for n := range f.People {
		ctx, cancel := context.WithCancel(t.Context())
		seen := 0
		_, err := f.Source.Read(ctx, record.Want{Names: f.Names}, func(*record.Record) error {
			if seen++; seen == n+1 {
				cancel()
			}
			return nil
		})
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled at entry %d of %d: %v", n+1, len(f.People), err)
		}
	}
}

func unknownName(t *testing.T, f Fixture) {
	const unknown = "zzz_no_such_attribute"
	_, err := f.Source.Read(t.Context(), record.Want{Names: append(slices.Clone(f.Names), unknown)}, ignore)
	if err == nil {
		t.Error("an attribute that is nowhere was read without an error")
	}
}

func schema(t *testing.T, f Fixture) {
	s, err := f.Source.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.Names == nil {
		return
	}
	for _, n := range f.Names {
		if !slices.Contains(s.Names, n) && !slices.ContainsFunc(s.Names, func(v string) bool {
			return slices.Contains(s.Collides[v], n)
		}) {
			t.Errorf("%q is not in the schema", n)
		}
	}
}

func ignore(*record.Record) error { return nil }

func read(t *testing.T, s record.Source, want record.Want, each func(*record.Record)) record.Batch {
	t.Helper()
	b, err := s.Read(t.Context(), want, func(r *record.Record) error {
		each(r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sums reads everybody and keeps nothing of a record beyond emit, as the
// contract allows a source to demand.
func sums(t *testing.T, s record.Source, want record.Want) (map[string]record.Sum, record.Batch) {
	t.Helper()
	var summer record.Summer
	got := map[string]record.Sum{}
	b := read(t, s, want, func(r *record.Record) {
		got[strings.Clone(r.ID)] = summer.Sum(r)
	})
	return got, b
}

func compare(t *testing.T, a, b map[string]record.Sum) {
	t.Helper()
	if len(a) != len(b) {
		t.Errorf("%d entries, then %d", len(a), len(b))
	}
	for id, sum := range a {
		if b[id] != sum {
			t.Errorf("%q has another sum", id)
		}
	}
}
