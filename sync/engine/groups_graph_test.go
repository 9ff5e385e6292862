package engine

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"scimsync/sync/ledger"
)

// drawn makes a graph of edges: groups in groups, then people in groups.
func drawn(nested, people map[uint32][]uint32) *graph {
	var edges []ledger.Edge
	for group, list := range nested {
		for _, m := range list {
			edges = append(edges, ledger.Edge{Group: group, Member: m, Nested: true})
		}
	}
	for group, list := range people {
		for _, m := range list {
			edges = append(edges, ledger.Edge{Group: group, Member: m})
		}
	}
	slices.SortFunc(edges, func(a, b ledger.Edge) int {
		if a.Less(b) {
			return -1
		}
		return 1
	})
	g, err := loadGraph(edgeList{edges: edges}, "hr")
	if err != nil {
		panic(err)
	}
	return g
}

// edgeList is a store that has edges and nothing else.
type edgeList struct {
	Store
	edges []ledger.Edge
}

func (l edgeList) EachEdge(_ string, fn func(ledger.Edge) error) error {
	for _, e := range l.edges {
		if err := fn(e); err != nil {
			return err
		}
	}
	return nil
}

func TestGraphMembers(t *testing.T) {
	t.Parallel()
	// 1 > 2 > 3 > 1: a loop. 4 lists itself. 5 is only in others.
	g := drawn(map[uint32][]uint32{1: {2, 5}, 2: {3}, 3: {1}, 4: {4, 5}},
		map[uint32][]uint32{1: {10, 12}, 2: {11, 12}, 3: {10}, 4: {14}, 5: {13}, 6: {9}})
	people := func(group uint32, list ...uint32) (edges []ledger.Edge) {
		for _, m := range list {
			edges = append(edges, ledger.Edge{Group: group, Member: m})
		}
		return edges
	}
	groups := func(group uint32, list ...uint32) (edges []ledger.Edge) {
		for _, m := range list {
			edges = append(edges, ledger.Edge{Group: group, Member: m, Nested: true})
		}
		return edges
	}
	for _, c := range []struct {
		group uint32
		how   Nesting
		want  []ledger.Edge
	}{
		{1, Flatten, people(1, 10, 11, 12, 13)},
		{2, Flatten, people(2, 10, 11, 12, 13)},
		{3, Flatten, people(3, 10, 11, 12, 13)},
		{4, Flatten, people(4, 13, 14)},
		{5, Flatten, people(5, 13)},
		{7, Flatten, []ledger.Edge{}}, // nobody knows it
		{1, KeepNested, append(groups(1, 2, 5), people(1, 10, 12)...)},
		{4, KeepNested, append(groups(4, 5), people(4, 14)...)},
		{1, DirectOnly, people(1, 10, 12)},
		{3, DirectOnly, people(3, 10)},
	} {
		if d := cmp.Diff(c.want, g.members(c.group, c.how)); d != "" {
			t.Errorf("members of %d, %d:\n%s", c.group, c.how, d)
		}
	}
}

// What the graph says of groups in groups is what following all paths says.
func TestGraphAgainstPaths(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		n := 1 + random.IntN(6)
		nested, people := map[uint32][]uint32{}, map[uint32][]uint32{}
		for group := range uint32(n) {
			for range random.IntN(4) {
				nested[group] = append(nested[group], uint32(random.IntN(n)))
			}
			for range random.IntN(5) {
				people[group] = append(people[group], uint32(100+random.IntN(20)))
			}
			slices.Sort(nested[group])
			slices.Sort(people[group])
			nested[group], people[group] = slices.Compact(nested[group]), slices.Compact(people[group])
		}
		g := drawn(nested, people)
		var follow func(group uint32, left int, in map[uint32]bool)
		follow = func(group uint32, left int, in map[uint32]bool) {
			for _, m := range people[group] {
				in[m] = true
			}
			for _, m := range nested[group] {
				if left > 0 { // no path without a loop is longer than there are groups
					follow(m, left-1, in)
				}
			}
		}
		for group := range uint32(n) {
			want := map[uint32]bool{}
			follow(group, n, want)
			got := map[uint32]bool{}
			for _, e := range g.members(group, Flatten) {
				got[e.Member] = true
			}
			marked := g.people(group)
			for m := range uint32(130) {
				if marked.has(m) != want[m] {
					t.Errorf("person %d in group %d: %v, want %v", m, group, marked.has(m), want[m])
				}
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("group %d of %v %v:\n%s", group, nested, people, d)
			}
		}
	}
}
