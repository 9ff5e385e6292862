package engine

import (
	"slices"

	"scimsync/sync/ledger"
)

// Nesting says who is a member of a group that has groups in it.
type Nesting uint8

// The ways to see a group in a group.
const (
	Flatten    Nesting = iota // everybody in it, and in the groups in it, however deep
	KeepNested                // whom it lists, groups as groups
	DirectOnly                // the people whom it lists; groups in it are left out
)

// graph is who is in which group of one source, as the mirror has it. Groups and members
// are known by their ordinals. Groups that contain each other are no harm: each is visited
// once.
type graph struct {
	lists map[uint32]span
	all   []uint32 // the members of all groups, one after the other
}

// span is where the members of a group stand in graph.all: its groups, then its people.
type span struct{ from, people, to int }

// loadGraph reads the edges of a source.
func loadGraph(store Mirror, source string) (*graph, error) {
	g := &graph{lists: map[uint32]span{}}
	err := store.EachEdge(source, func(e ledger.Edge) error { g.add(e); return nil })
	return g, err
}

// add adds an edge. They have to come in their order.
func (g *graph) add(e ledger.Edge) {
	s, known := g.lists[e.Group]
	if !known {
		s = span{len(g.all), len(g.all), len(g.all)}
	}
	g.all = append(g.all, e.Member)
	s.to++
	if e.Nested {
		s.people++
	}
	g.lists[e.Group] = s
}

// groupsIn and peopleIn give what a group lists itself, sorted.
func (g *graph) groupsIn(group uint32) []uint32 {
	s := g.lists[group]
	return g.all[s.from:s.people]
}

func (g *graph) peopleIn(group uint32) []uint32 {
	s := g.lists[group]
	return g.all[s.people:s.to]
}

// reach gives some groups and all groups in them, however deep, each once.
func (g *graph) reach(groups ...uint32) []uint32 {
	var list []uint32
	seen := map[uint32]bool{}
	visit := func(groups []uint32) {
		for _, group := range groups {
			if !seen[group] {
				seen[group] = true
				list = append(list, group)
			}
		}
	}
	visit(groups)
	for i := 0; i < len(list); i++ {
		visit(g.groupsIn(list[i]))
	}
	return list
}

// members gives who is in a group, in the order of edges and each once. The group is no
// member of itself.
func (g *graph) members(group uint32, how Nesting) []ledger.Edge {
	var groups, people []uint32
	switch how {
	case Flatten:
		for _, one := range g.reach(group) {
			people = append(people, g.peopleIn(one)...)
		}
		slices.Sort(people)
		people = slices.Compact(people)
	case KeepNested:
		groups, people = g.groupsIn(group), g.peopleIn(group)
	case DirectOnly:
		people = g.peopleIn(group)
	}
	edges := make([]ledger.Edge, 0, len(groups)+len(people))
	for _, member := range groups {
		if member != group {
			edges = append(edges, ledger.Edge{Group: group, Member: member, Nested: true})
		}
	}
	for _, member := range people {
		edges = append(edges, ledger.Edge{Group: group, Member: member})
	}
	return edges
}

// people marks everybody in some groups, and in the groups in them.
func (g *graph) people(groups ...uint32) *marks {
	in := &marks{}
	for _, group := range g.reach(groups...) {
		for _, member := range g.peopleIn(group) {
			in.set(member)
		}
	}
	return in
}

// with gives the groups in which any of these people is, nested groups counted.
func (g *graph) with(people *marks) *marks {
	in := &marks{}
	parents := map[uint32][]uint32{}
	var found []uint32
	for group := range g.lists {
		for _, nested := range g.groupsIn(group) {
			parents[nested] = append(parents[nested], group)
		}
		if slices.ContainsFunc(g.peopleIn(group), people.has) {
			found = append(found, group)
		}
	}
	for len(found) > 0 {
		group := found[len(found)-1]
		found = found[:len(found)-1]
		if !in.has(group) {
			in.set(group)
			found = append(found, parents[group]...)
		}
	}
	return in
}

// listing gives the groups that list one of these groups themselves.
func (g *graph) listing(groups *marks) *marks {
	in := &marks{}
	for group := range g.lists {
		if slices.ContainsFunc(g.groupsIn(group), groups.has) {
			in.set(group)
		}
	}
	return in
}
