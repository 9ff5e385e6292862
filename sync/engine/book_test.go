package engine

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

func userKey(i int) record.Key {
	return record.Key{Kind: record.User, Source: "hr", ID: fmt.Sprintf("%06d", i)}
}

// sampleChange is a change with everything that the rest of a run needs of it.
func sampleChange(i int) *plan.Change {
	return &plan.Change{Action: plan.Update, Kind: "user", Key: userKey(i), Name: fmt.Sprintf("Zoë %d", i), RemoteID: fmt.Sprint(i),
		Before: map[string]any{"title": "Clerk"}, After: map[string]any{"title": fmt.Sprintf("Head %d", i)},
		Ops:   []resource.Op{{Op: "replace", Path: "title", Value: fmt.Sprintf("Head %d", i)}},
		Cause: plan.Cause{By: plan.CauseSource, What: "changed in hr"}, Round: i % 3, Rename: i%2 == 0, Doubt: plan.Doubt{Sent: i%5 == 0},
		Want: resource.Wanted{Resource: resource.New(map[string]any{"userName": fmt.Sprintf("u%d", i), "active": true,
			"emails": []resource.Element{{"type": "work", "value": "a@example.org", "primary": true}}}), Managed: []string{"emails", "userName"},
			Once: []resource.Once{{Attr: resource.Attr{Path: "locale", Value: "de-CH"}, When: resource.OnlyCreate}}},
		Due: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), Parked: &ledger.Parked{Kind: ledger.ParkedRefused, Tries: i, Since: time.Date(2029, 1, 2, 3, 4, 5, 0, time.UTC)}}
}

// A list holds what was put into it, in order, in memory and far beyond, and leaves no
// file behind, not even while it is open.
func TestListBeyondMemory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := &changes{dir: dir}
	const n = inMemory + 500
	check := func(upTo int) {
		t.Helper()
		next := 0
		if err := l.each(func(i int, c *plan.Change) error {
			if i != next || c.Key != userKey(i) {
				return fmt.Errorf("item %d is %s", i, c.Key)
			}
			next++
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if next != upTo || l.len() != upTo {
			t.Fatalf("%d items of %d, len says %d", next, upTo, l.len())
		}
	}
	for i := range n {
		if err := l.add(sampleChange(i)); err != nil {
			t.Fatal(err)
		}
		if i == inMemory+250 { // reading does not disturb what is added later
			check(i + 1)
		}
	}
	check(n)
	for _, i := range []int{0, inMemory - 1, inMemory, inMemory + 251, n - 1} {
		c, err := l.at(i)
		if err != nil {
			t.Fatal(err)
		}
		want := sampleChange(i)
		if c.Digest() != want.Digest() {
			t.Errorf("item %d has another digest", i)
		}
		if d := cmp.Diff(want, c, cmpopts.IgnoreUnexported(plan.Change{})); d != "" {
			t.Errorf("item %d (-want +got):\n%s", i, d)
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("files: %v, %v", files, err)
	}
	stop := errors.New("enough")
	if err := l.each(func(i int, _ *plan.Change) error {
		if i == inMemory+1 {
			return stop
		}
		return nil
	}); !errors.Is(err, stop) {
		t.Errorf("an error of the callback became %v", err)
	}
	l.close()
}

func TestListWithoutRoom(t *testing.T) {
	t.Parallel()
	l := &rows{dir: "/nowhere/at/all"}
	var err error
	for i := 0; i <= inMemory && err == nil; i++ {
		err = l.add(&ledger.Row{Key: userKey(i)})
	}
	if err == nil {
		t.Error("no error although there is nowhere to write")
	}
	l.close()
}

// A book gives changes by phase, then by round, then in the order in which they came.
func TestBookOrder(t *testing.T) {
	t.Parallel()
	b := newBook(t.TempDir())
	defer b.close()
	for i, c := range []struct {
		action plan.Action
		round  int
	}{{plan.Create, 0}, {plan.Update, 2}, {plan.Delete, 0}, {plan.Update, 0}, {plan.Deactivate, 0}, {plan.Update, 1}, {plan.Adopt, 0}, {plan.Reactivate, 0}, {plan.Deactivate, 0}} {
		if err := b.add(&plan.Change{Action: c.action, Round: c.round, Key: userKey(i)}); err != nil {
			t.Fatal(err)
		}
	}
	var order []string
	if err := b.each(func(c *plan.Change) error {
		order = append(order, fmt.Sprintf("%s %d %s", c.Action, c.Round, c.Key.ID[5:]))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := []string{"deactivate 0 4", "deactivate 0 8", "update 0 3", "adopt 0 6", "update 1 5", "update 2 1", "reactivate 0 7", "create 0 0", "delete 0 2"}
	if d := cmp.Diff(want, order); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestMarks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var m marks
		set := map[uint32]bool{}
		for _, i := range rapid.SliceOf(rapid.Uint32Range(0, 5000)).Draw(t, "set") {
			m.set(i)
			set[i] = true
		}
		for _, i := range rapid.SliceOf(rapid.Uint32Range(0, 10_000)).Draw(t, "asked") {
			if m.has(i) != set[i] {
				t.Fatalf("has(%d) is %v", i, m.has(i))
			}
		}
		for i := range set {
			if !m.has(i) || m.has(i+1) != set[i+1] || i > 0 && m.has(i-1) != set[i-1] {
				t.Fatalf("around %d", i)
			}
		}
	})
}

// The first phase that may be sent decides whether a run takes over another.
func TestNoPhaseIsLast(t *testing.T) {
	t.Parallel()
	for _, a := range plan.Actions {
		if a.Phase() >= noPhase {
			t.Errorf("%s", a)
		}
	}
}

// An adoption keeps, in a spool, the digest of the create in whose place it comes.
func TestAdoptionIsSpooled(t *testing.T) {
	t.Parallel()
	want := &adoption{sampleChange(1), "digest of the create"}
	b, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var got adoption
	if err := got.Decode(b); err != nil || got.create != want.create || got.adopt.Digest() != want.adopt.Digest() || got.adopt.Key != want.adopt.Key {
		t.Errorf("%+v, %v", got, err)
	}
	if err := got.Decode(b[:len(b)-1]); err == nil {
		t.Error("a damaged one: no error")
	}
}
