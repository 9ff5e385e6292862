package engine

import (
	"cmp"
	"slices"

	"scimsync/sync/ledger"
	"scimsync/sync/mapping"
	"scimsync/sync/record"
)

// mapped gives what a person's row means for the target.
func (w *work) mapped(row *ledger.Row) (mapping.Result, error) {
	if err := w.scope(row.Key.Source); err != nil {
		return mapping.Result{}, err
	}
	if w.outside(row) {
		return mapping.Result{In: record.False}, nil
	}
	r := row.Record()
	if w.flow.Programs[row.Key.Source].Groups() {
		names, err := w.groupNames(row.Key.Source)
		if err != nil {
			return mapping.Result{}, err
		}
		r.Groups = names.of(row.Ordinal)
	}
	return w.mappers[row.Key.Source].Map(r, w.at), nil
}

// scope finds, once, who of a source is in the groups of members_of.
func (w *work) scope(source string) error {
	if len(w.flow.MembersOf) == 0 || w.scopes[source] != nil {
		return nil
	}
	means, err := selected(w.store, source, selectors(w.flow.MembersOf))
	if err != nil {
		return err
	}
	g, err := w.graph(source)
	if err != nil {
		return err
	}
	w.scopes[source] = g.people(slices.Concat(means...)...)
	return nil
}

// outside tells whether somebody of a source whose scope is known is in none of the groups
// of members_of.
func (w *work) outside(row *ledger.Row) bool {
	in := w.scopes[row.Key.Source]
	return in != nil && !in.has(row.Ordinal)
}

// graph gives who is in which group of a source, read once.
func (w *work) graph(source string) (*graph, error) {
	if g := w.graphs[source]; g != nil {
		return g, nil
	}
	g, err := loadGraph(w.store, source)
	if err == nil {
		w.graphs[source] = g
	}
	return g, err
}

func (w *work) groupNames(source string) (*groupNames, error) {
	if names := w.names[source]; names != nil {
		return names, nil
	}
	g, err := w.graph(source)
	if err != nil {
		return nil, err
	}
	names, err := newGroupNames(w.store, source, g)
	if err == nil {
		w.names[source] = names
	}
	return names, err
}

// GroupsOf gives the names of all groups that somebody is in, as a mapping gets them: from
// the mirror, nested groups counted, sorted.
func (e *Engine) GroupsOf(key record.Key) ([]string, error) {
	row, known, err := e.Store.Row(key)
	if err != nil || !known {
		return nil, err
	}
	g, err := loadGraph(e.Store, key.Source)
	if err != nil {
		return nil, err
	}
	names, err := newGroupNames(e.Store, key.Source, g)
	if err != nil {
		return nil, err
	}
	return names.of(row.Ordinal), nil
}

// groupNames are the names of the groups that each person is in, nested groups counted.
type groupNames struct {
	names []string // of all groups, sorted
	from  []int    // by ordinal of a person: where the list of their groups begins; one more at the end
	list  []uint32 // indexes in names, one person's after the other's
}

func newGroupNames(store Mirror, source string, g *graph) (*groupNames, error) {
	type group struct {
		name    string
		ordinal uint32
	}
	var groups []group
	err := eachGroup(store, source, func(row *ledger.Row) error {
		groups = append(groups, group{nameOf(row.Key.ID, row.Attrs), row.Ordinal})
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(groups, func(a, b group) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.ordinal, b.ordinal)) })
	n := &groupNames{}
	var all []ledger.Edge // by group, which stands there as its index
	for i, group := range groups {
		n.names = append(n.names, group.name)
		for _, e := range g.members(group.ordinal, Flatten) {
			all = append(all, ledger.Edge{Group: uint32(i), Member: e.Member})
			for int(e.Member)+1 >= len(n.from) {
				n.from = append(n.from, 0)
			}
			n.from[e.Member+1]++
		}
	}
	for i := 1; i < len(n.from); i++ {
		n.from[i] += n.from[i-1]
	}
	n.list = make([]uint32, len(all))
	next := slices.Clone(n.from)
	for _, e := range all {
		n.list[next[e.Member]] = e.Group
		next[e.Member]++
	}
	return n, nil
}

// of gives the names of a person's groups, each once; never nil, for it is known.
func (n *groupNames) of(person uint32) []string {
	names := []string{}
	if int(person)+1 < len(n.from) {
		for _, group := range n.list[n.from[person]:n.from[person+1]] {
			names = append(names, n.names[group])
		}
	}
	return slices.Compact(names)
}
