package state

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"scimsync/sync/ledger"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

var (
	staff = ledger.Flow{Job: "staff", Target: "ringcentral"}
	other = ledger.Flow{Job: "students", Target: "ringcentral"}
	noon  = time.Date(2024, 5, 17, 12, 0, 0, 123456789, time.UTC)
)

func openNew(t testing.TB) *State {
	t.Helper()
	return openAt(t, t.TempDir())
}

func openAt(t testing.TB, dir string) *State {
	t.Helper()
	s, err := Open(dir, Options{Command: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.db.Path() == "" { // closed by the test
			return
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func user(source, id string) record.Key {
	return record.Key{Kind: record.User, Source: source, ID: id}
}

func row(source, id string, ordinal uint32, seq uint64) ledger.Row {
	return ledger.Row{Key: user(source, id), Ordinal: ordinal, Seq: seq, Sum: record.Sum{byte(ordinal), 15: 0xff},
		DN: "cn=" + id, Line: int(ordinal) + 1, Enabled: record.True,
		Attrs: []record.Attr{{Name: "email", Values: []string{id + "@example.org"}}, {Name: "title"}}}
}

func rows(source string, n int) []ledger.Row {
	list := make([]ledger.Row, n)
	for i := range list {
		list[i] = row(source, fmt.Sprintf("%07d", i), uint32(i), uint64(i+1))
	}
	return list
}

func entry(key record.Key, remote string, standing ledger.Standing) *ledger.Entry {
	return &ledger.Entry{Key: key, RemoteID: remote, Version: `W/"1"`, Job: "staff", Standing: standing, Run: "r1", At: noon,
		Managed: []string{"userName"},
		Resource: resource.New(map[string]any{"userName": key.ID + "@Example.org",
			"emails": []resource.Element{{"value": key.ID, "primary": true}}})}
}

func commit(t testing.TB, s *State, flow ledger.Flow, entries ...*ledger.Entry) {
	t.Helper()
	var outcomes []ledger.Outcome
	for _, e := range entries {
		outcomes = append(outcomes, ledger.Outcome{Key: e.Key, Entry: e})
	}
	must(t, s.Commit(flow, outcomes))
}

func TestEmptyStateKnowsNothing(t *testing.T) {
	s := openNew(t)
	source, err := s.Source("hr")
	equal(t, source, ledger.SourceInfo{}, err)
	_, known, err := s.Row(user("hr", "1"))
	equal(t, known, false, err)
	into := []ledger.Seen{{Known: true}}
	must(t, s.Seen("hr", record.User, []string{"1"}, into))
	equal(t, into, []ledger.Seen{{}}, nil)
	entries, err := s.Entries("ringcentral", []record.Key{user("hr", "1")})
	equal(t, entries, []*ledger.Entry{nil}, err)
	_, known, err = s.ByLogin("ringcentral", "x")
	equal(t, known, false, err)
	_, known, err = s.ByRemote("ringcentral", "x")
	equal(t, known, false, err)
	standings, err := s.Standings(staff)
	equal(t, len(standings), 0, err)
	progress, err := s.Progress(staff)
	equal(t, progress, ledger.Progress{}, err)
	hold, err := s.Hold(staff)
	equal(t, hold, nil, err)
	yes, err := s.Approval(staff)
	equal(t, yes, nil, err)
	runs, err := s.Runs(staff, 5)
	equal(t, len(runs), 0, err)
	target, err := s.Target("ringcentral")
	equal(t, target, ledger.TargetInfo{}, err)
	job, err := s.Job("staff")
	equal(t, job, ledger.JobInfo{}, err)
	never := errors.New("called")
	must(t, s.Changed("hr", record.User, 0, func(*ledger.Row) error { return never }))
	must(t, s.Unmarked("hr", record.User, func(uint32) bool { return false }, func(*ledger.Row) error { return never }))
	must(t, s.EachEntry(staff, func(*ledger.Entry) error { return never }))
	must(t, s.EachLook(staff, func(*ledger.Look) error { return never }))
	must(t, s.EachIntent(staff, func(*ledger.Intent) error { return never }))
	flows, err := s.Flows()
	equal(t, len(flows), 0, err)
	sources, err := s.Sources()
	equal(t, len(sources), 0, err)
}

func equal[T any](t testing.TB, got, want T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("(-want +got)\n%s", d)
	}
}

func TestSourceInfoAndRowsComeBackAfterReopen(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir)
	info := ledger.SourceInfo{Cursor: record.Cursor("c\x00"), Names: []string{"email", "title"}, Seq: 3, Ordinals: 2, Live: 1,
		Filled: map[string]int{"email": 1}, Fingerprint: map[string]string{"kind": "csv"}}
	a, b := row("hr", "b", 0, 1), row("hr", "a", 1, 2)
	a.Expires, b.Absent, b.Attrs = noon, 2, nil
	must(t, s.Merge("hr", []ledger.Row{a, b}, &info))
	must(t, s.Close())
	s = openAt(t, dir)
	got, err := s.Source("hr")
	equal(t, got, info, err)
	for _, want := range []ledger.Row{a, b} {
		got, known, err := s.Row(want.Key)
		equal(t, known, true, err)
		equal(t, got, want, nil)
	}
	into := make([]ledger.Seen, 3)
	must(t, s.Seen("hr", record.User, []string{"b", "none", "a"}, into))
	equal(t, into, []ledger.Seen{{Known: true, Sum: a.Sum}, {}, {Known: true, Absent: true, Ordinal: 1, Sum: b.Sum}}, nil)
	if err := s.Seen("hr", record.User, []string{"b"}, into); err == nil {
		t.Error("three places for one id: no error")
	}
	a.Seq, a.Attrs[0].Values[0] = 9, "new@example.org"
	must(t, s.Merge("hr", []ledger.Row{a}, nil))
	got2, _, err := s.Row(a.Key)
	equal(t, got2, a, err)
	got, err = s.Source("hr")
	equal(t, got, info, err)
}

func TestMergeRefusesRowsOfAnotherSource(t *testing.T) {
	s := openNew(t)
	if err := s.Merge("hr", []ledger.Row{row("hr", "1", 0, 1), row("ad", "2", 1, 2)}, nil); err == nil {
		t.Error("no error")
	}
	_, known, err := s.Row(user("hr", "1"))
	equal(t, known, false, err)
}

// TestSeenFindsAnyOrder asks for known and unknown ids in all orders over several leaf
// pages, and holds the answers against a map.
func TestSeenFindsAnyOrder(t *testing.T) {
	s := openNew(t)
	all := rows("hr", 3000)
	must(t, s.Merge("hr", all, nil))
	must(t, s.Merge("hq", rows("hq", 10), nil)) // its keys must not leak in
	want := map[string]uint32{}
	var ids []string
	for i := range all {
		if i%3 == 0 {
			ids = append(ids, all[i].Key.ID+"x") // not there
		}
		ids = append(ids, all[i].Key.ID)
		want[all[i].Key.ID] = all[i].Ordinal
	}
	ids = append(ids, "", "zzz")
	orders := map[string]func(){
		"sorted":   func() { slices.Sort(ids) },
		"reversed": func() { slices.Sort(ids); slices.Reverse(ids) },
		"random":   func() { rand.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] }) },
		"twice":    func() { ids = append(ids, ids...); slices.Sort(ids) },
	}
	for name, order := range orders {
		order()
		into := make([]ledger.Seen, len(ids))
		must(t, s.Seen("hr", record.User, ids, into))
		for i, id := range ids {
			ordinal, known := want[id]
			if into[i].Known != known || into[i].Ordinal != ordinal {
				t.Fatalf("%s: %q = %+v, want %v %d", name, id, into[i], known, ordinal)
			}
		}
	}
}

// TestChangedAndUnmarkedOverPages visits more rows than one page holds and writes to the
// state from inside the callback, which must not wait for the visit.
func TestChangedAndUnmarkedOverPages(t *testing.T) {
	s := openNew(t)
	n := 2*pageLen + 7
	all := rows("hr", n)
	all[5].Absent = 1
	must(t, s.Merge("hr", all, nil))
	var got []string
	must(t, s.Changed("hr", record.User, 0, func(r *ledger.Row) error {
		got = append(got, r.Key.ID)
		if len(got)%pageLen == 0 {
			return s.Merge("hr", []ledger.Row{row("hr", "z"+r.Key.ID, uint32(n+len(got)), 1)}, nil)
		}
		return nil
	}))
	if len(got) != n+2 || !slices.IsSorted(got) {
		t.Errorf("%d rows, sorted %v, want %d", len(got), slices.IsSorted(got), n+2)
	}
	got = nil
	must(t, s.Changed("hr", record.User, uint64(n-2), func(r *ledger.Row) error {
		equal(t, *r, all[r.Ordinal], nil)
		got = append(got, r.Key.ID)
		return nil
	}))
	equal(t, got, []string{all[n-2].Key.ID, all[n-1].Key.ID}, nil)
	got = nil
	marked := func(o uint32) bool { return o != 5 && o != 6 && o != uint32(n-1) }
	must(t, s.Unmarked("hr", record.User, marked, func(r *ledger.Row) error {
		got = append(got, r.Key.ID)
		return nil
	}))
	equal(t, got, []string{all[6].Key.ID, all[n-1].Key.ID}, nil) // 5 is absent already
	stop := errors.New("stop")
	if err := s.Changed("hr", record.User, 0, func(*ledger.Row) error { return stop }); err != stop {
		t.Errorf("the callback's error came back as %v", err)
	}
}

func TestEntriesComeBack(t *testing.T) {
	s := openNew(t)
	a, b, gone := entry(user("hr", "A"), "1", ledger.Live), entry(user("ad", "b"), "2", ledger.Left), entry(user("hr", "c"), "3", ledger.Gone)
	b.Job = "" // of the flow
	commit(t, s, staff, a, b, gone)
	b.Job = "staff"
	got, err := s.Entries("ringcentral", []record.Key{user("x", "1"), gone.Key, user("hr", "none"), a.Key, b.Key})
	equal(t, got, []*ledger.Entry{nil, gone, nil, a, b}, err)
	got, err = s.Entries("elsewhere", []record.Key{a.Key})
	equal(t, got, []*ledger.Entry{nil}, err)
	key, known, err := s.ByLogin("ringcentral", "a@example.org")
	equal(t, key, a.Key, err)
	equal(t, known, true, nil)
	key, _, err = s.ByRemote("ringcentral", "2")
	equal(t, key, b.Key, err)
	_, known, err = s.ByRemote("ringcentral", "3") // a tombstone holds no account
	equal(t, known, false, err)
	_, known, err = s.ByLogin("ringcentral", "c@example.org")
	equal(t, known, false, err)
	standings, err := s.Standings(staff)
	equal(t, standings, map[ledger.Standing]int{ledger.Live: 1, ledger.Left: 1, ledger.Gone: 1}, err)
}

func TestEntriesOfAFlowComeInOrderOfKeys(t *testing.T) {
	s := openNew(t)
	var want []record.Key
	for source, n := range map[string]int{"z": 3, "a": pageLen + 1, "m": 1} {
		for i := range n {
			want = append(want, user(source, fmt.Sprint(i)))
		}
	}
	var outcomes []ledger.Outcome
	for i, key := range want {
		outcomes = append(outcomes, ledger.Outcome{Key: key, Entry: entry(key, fmt.Sprint(i), ledger.Live)})
	}
	// The sources are first met in an order that is not that of their names.
	slices.SortFunc(outcomes, func(a, b ledger.Outcome) int { return strings.Compare(b.Key.Source, a.Key.Source) })
	must(t, s.Commit(staff, outcomes))
	mine := entry(user("a", "student"), "s", ledger.Live)
	mine.Job = other.Job
	commit(t, s, other, mine)
	slices.SortFunc(want, func(a, b record.Key) int {
		if a.Less(b) {
			return -1
		}
		return 1
	})
	var got []record.Key
	must(t, s.EachEntry(staff, func(e *ledger.Entry) error {
		got = append(got, e.Key)
		return nil
	}))
	equal(t, got, want, nil)
	got = nil
	must(t, s.EachEntry(other, func(e *ledger.Entry) error {
		equal(t, e, mine, nil)
		got = append(got, e.Key)
		return nil
	}))
	equal(t, len(got), 1, nil)
}

func TestConcurrentUse(t *testing.T) {
	s := openNew(t)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 10 {
				key := user("hr", fmt.Sprint(g, "-", i))
				if err := s.Begin(staff, []ledger.Intent{{Key: key, ID: "x"}}); err != nil {
					t.Error(err)
				}
				if err := s.Commit(staff, []ledger.Outcome{{Key: key, Entry: entry(key, key.ID, ledger.Live), DropIntent: true}}); err != nil {
					t.Error(err)
				}
				if err := s.EachEntry(staff, func(*ledger.Entry) error { return nil }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	standings, err := s.Standings(staff)
	equal(t, standings, map[ledger.Standing]int{ledger.Live: 40}, err)
}
