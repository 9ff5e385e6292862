package state

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"scimsync/sync/ledger"
	"scimsync/sync/record"
)

func group(source, id string) record.Key {
	return record.Key{Kind: record.Group, Source: source, ID: id}
}

func groupRow(source, id string, ordinal uint32, seq uint64) ledger.Row {
	r := row(source, id, ordinal, seq)
	r.Key.Kind = record.Group
	return r
}

func edgesOf(t *testing.T, s *State, source string) (edges []ledger.Edge) {
	t.Helper()
	must(t, s.EachEdge(source, func(e ledger.Edge) error { edges = append(edges, e); return nil }))
	return edges
}

func ordered(edges []ledger.Edge) []ledger.Edge {
	edges = slices.Clone(edges)
	slices.SortFunc(edges, func(a, b ledger.Edge) int {
		switch {
		case a.Less(b):
			return -1
		case b.Less(a):
			return 1
		}
		return 0
	})
	return edges
}

func TestEdges(t *testing.T) {
	s := openNew(t)
	if got := edgesOf(t, s, "hr"); got != nil {
		t.Fatal(got)
	}
	got, err := s.EdgesOf("hr", 1)
	equal(t, len(got), 0, err)
	must(t, s.Merge("hr", []ledger.Row{groupRow("hr", "1", 1, 1)}, nil))
	equal(t, len(edgesOf(t, s, "hr")), 0, nil) // a source without any
	all := []ledger.Edge{
		{Group: 1, Member: 0}, {Group: 1, Member: 300, Nested: true}, {Group: 1, Member: 2, Nested: true}, {Group: 1, Member: 1 << 31},
		{Group: 256, Member: 7}, {Group: 1<<32 - 1, Member: 1<<32 - 1, Nested: true}, {Group: 0, Member: 9}, {Group: 2, Member: 1},
	}
	must(t, s.MergeEdges("hr", all, nil))
	must(t, s.MergeEdges("hr", all[:2], []ledger.Edge{{Group: 3, Member: 3}})) // there already, and never there
	must(t, s.MergeEdges("hq", []ledger.Edge{{Group: 1, Member: 8}}, nil))     // another source
	equal(t, edgesOf(t, s, "hr"), ordered(all), nil)
	got, err = s.EdgesOf("hr", 1)
	equal(t, got, []ledger.Edge{{Group: 1, Member: 2, Nested: true}, {Group: 1, Member: 300, Nested: true}, {Group: 1, Member: 0}, {Group: 1, Member: 1 << 31}}, err)
	got, err = s.EdgesOf("hr", 1<<32-1)
	equal(t, got, all[5:6], err)
	must(t, s.MergeEdges("hr", []ledger.Edge{{Group: 5, Member: 5}}, []ledger.Edge{all[1], all[5]}))
	equal(t, edgesOf(t, s, "hr"), ordered([]ledger.Edge{all[0], all[2], all[3], all[4], all[6], all[7], {Group: 5, Member: 5}}), nil)
	stop := errors.New("stop")
	if err := s.EachEdge("hr", func(ledger.Edge) error { return stop }); err != stop {
		t.Fatal(err)
	}
	equal(t, edgesOf(t, s, "hq"), []ledger.Edge{{Group: 1, Member: 8}}, nil)
}

// More edges than a page holds are given in their order, each once, also while edges are
// merged up to the one that is given.
func TestEdgesOfManyPages(t *testing.T) {
	s := openNew(t)
	random := rand.New(rand.NewPCG(3, 4))
	var all []ledger.Edge
	for i := range uint32(2*pageLen + 100) {
		all = append(all, ledger.Edge{Group: i / 700 * 2, Nested: i%700 < 3, Member: i * 3})
	}
	shuffled := slices.Clone(all)
	random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	must(t, s.MergeEdges("hr", shuffled, nil))
	equal(t, edgesOf(t, s, "hr"), all, nil)
	big, err := s.EdgesOf("hr", 4)
	equal(t, big, all[1400:2100], err)

	n := 0
	must(t, s.EachEdge("hr", func(e ledger.Edge) error {
		if e != all[n] {
			t.Fatalf("edge %d is %v, want %v", n, e, all[n])
		}
		n++
		if n%1000 == 1 {
			return s.MergeEdges("hr", []ledger.Edge{{Group: e.Group, Nested: e.Nested, Member: e.Member - 1}}, []ledger.Edge{e})
		}
		return nil
	}))
	if n != len(all) || len(edgesOf(t, s, "hr")) != len(all) {
		t.Fatalf("%d edges, %d left", n, len(edgesOf(t, s, "hr")))
	}
}

// Rows of groups and of people do not mix, though they share anchors and numbers.
func TestKindsApart(t *testing.T) {
	s := openNew(t)
	must(t, s.Merge("hr", append(rows("hr", 10), groupRow("hr", "0000003", 10, 11), groupRow("hr", "a", 11, 2)), nil))
	ids := func(walk func(fn func(*ledger.Row) error) error) (list []string) {
		must(t, walk(func(r *ledger.Row) error { list = append(list, r.Key.String()); return nil }))
		return list
	}
	equal(t, ids(func(fn func(*ledger.Row) error) error { return s.Changed("hr", record.Group, 0, fn) }),
		[]string{group("hr", "0000003").String(), group("hr", "a").String()}, nil)
	equal(t, ids(func(fn func(*ledger.Row) error) error { return s.Changed("hr", record.Group, 2, fn) }), []string{group("hr", "0000003").String()}, nil)
	equal(t, len(ids(func(fn func(*ledger.Row) error) error { return s.Changed("hr", record.User, 0, fn) })), 10, nil)
	marked := func(ordinal uint32) bool { return ordinal != 11 && ordinal != 4 }
	equal(t, ids(func(fn func(*ledger.Row) error) error { return s.Unmarked("hr", record.Group, marked, fn) }), []string{group("hr", "a").String()}, nil)
	equal(t, ids(func(fn func(*ledger.Row) error) error { return s.Unmarked("hr", record.User, marked, fn) }), []string{user("hr", "0000004").String()}, nil)
	into := make([]ledger.Seen, 2)
	must(t, s.Seen("hr", record.Group, []string{"0000003", "0000004"}, into))
	equal(t, []bool{into[0].Known, into[1].Known}, []bool{true, false}, nil)
}

func TestTouchAndNamed(t *testing.T) {
	s := openNew(t)
	const n = 2*pageLen + 10
	all := rows("hr", n)
	gone := groupRow("hr", "gone", n+1, 1)
	gone.Absent = 1
	must(t, s.Merge("hr", append(all, groupRow("hr", "g", n, 1), gone), nil))
	must(t, s.Merge("hq", rows("hq", 10), nil))
	want := map[uint32]record.Key{}
	for i := 0; i < n; i += 2 {
		want[uint32(i)] = all[i].Key
	}
	want[n], want[n+1] = group("hr", "g"), gone.Key
	marked := func(ordinal uint32) bool { return want[ordinal] != record.Key{} }

	got := map[uint32]record.Key{}
	var last record.Key
	must(t, s.Named("hr", marked, func(ordinal uint32, key record.Key) error {
		if !last.Less(key) || got[ordinal] != (record.Key{}) {
			t.Errorf("%s comes after %s", key, last)
		}
		got[ordinal], last = key, key
		return nil
	}))
	equal(t, got, want, nil)
	stop := errors.New("stop")
	if err := s.Named("hr", marked, func(uint32, record.Key) error { return stop }); err != stop {
		t.Fatal(err)
	}

	must(t, s.Touch("hr", marked, n+5))
	before := map[record.Key]ledger.Row{}
	for _, r := range append(all, groupRow("hr", "g", n, 1), gone) {
		before[r.Key] = r
	}
	for _, kind := range record.Kinds {
		must(t, s.Changed("hr", kind, 0, func(r *ledger.Row) error {
			want := before[r.Key]
			if marked(want.Ordinal) {
				want.Seq = n + 5
			}
			equal(t, *r, want, nil)
			return nil
		}))
	}
	must(t, s.Changed("hq", record.User, 10, func(r *ledger.Row) error { t.Errorf("%s was touched", r.Key); return nil }))
	must(t, s.Touch("none", marked, 5))
}
