package engine

import (
	"maps"
	"slices"

	"scimsync/sync/ledger"
)

// eachEdge calls fn with every edge that the mirror has, and every one that the read gave,
// in their order. Those of the mirror that links keeps are still there.
func (c *collector) eachEdge(fn func(e ledger.Edge, was, is bool) error) error {
	read, err := c.links.edges.read()
	if err != nil {
		return err
	}
	next, left, err := read.next()
	if err != nil {
		return err
	}
	// upTo gives the edges that only the read has, up to one, and tells whether the read has
	// that one, too.
	upTo := func(e *ledger.Edge) (bool, error) {
		for left && (e == nil || !e.Less(next.edge())) {
			at := next.edge()
			if next, left, err = read.next(); err != nil {
				return false, err
			}
			if e != nil && at == *e {
				return true, nil
			}
			if err := fn(at, false, true); err != nil {
				return false, err
			}
		}
		return false, nil
	}
	err = c.Store.EachEdge(c.src.Name, func(e ledger.Edge) error {
		is, err := upTo(&e)
		if err != nil {
			return err
		}
		return fn(e, true, is || c.links.keeps(e))
	})
	if err == nil {
		_, err = upTo(nil)
	}
	return err
}

// edgeNews is how the edges that are there now differ from those of the mirror.
type edgeNews struct {
	was, is        int // how many edges
	added, removed int
	touched        marks // groups that list others than before, and the people whom that is about
	groupsWere     nesting
	groupsAre      nesting
	peopleWere     marks // the groups that list people
	peopleAre      marks
}

// differ tells whether anything has to be stored, or anybody looked at again.
func (n *edgeNews) differ() bool { return n != nil && (n.added+n.removed > 0 || n.touched.any()) }

// nesting is which groups stand in which.
type nesting map[uint32][]uint32

// reach gives groups and all groups in them, however deep, or with parents around them.
func (n nesting) reach(groups ...uint32) map[uint32]bool {
	in := map[uint32]bool{}
	for len(groups) > 0 {
		group := groups[len(groups)-1]
		groups = groups[:len(groups)-1]
		if !in[group] {
			in[group] = true
			groups = append(groups, n[group]...)
		}
	}
	return in
}

// and gives what is in either, parents which groups they stand in.
func (n nesting) and(other nesting) (both, parents nesting) {
	both, parents = nesting{}, nesting{}
	for _, one := range []nesting{n, other} {
		for group, list := range one {
			both[group] = append(both[group], list...)
			for _, member := range list {
				parents[member] = append(parents[member], group)
			}
		}
	}
	return both, parents
}

// news compares the edges of the read with those of the mirror. Whoever is touched gets a
// new Seq: whose memberships changed, nested groups counted, and each group of which that
// can be said.
func (c *collector) news() (*edgeNews, error) {
	n := &edgeNews{groupsWere: nesting{}, groupsAre: nesting{}}
	roots := map[uint32]bool{} // everybody in these is touched
	for _, group := range c.links.renamed {
		roots[group] = true
	}
	groups := map[uint32]bool{} // that list others than before
	err := c.eachEdge(func(e ledger.Edge, was, is bool) error {
		if was {
			n.was++
			note(e, n.groupsWere, &n.peopleWere)
		}
		if is {
			n.is++
			note(e, n.groupsAre, &n.peopleAre)
		}
		if was == is {
			return nil
		}
		if is {
			n.added++
		} else {
			n.removed++
		}
		groups[e.Group] = true
		if e.Nested {
			roots[e.Member] = true
		} else {
			n.touched.set(e.Member)
		}
		return nil
	})
	if err != nil || len(groups)+len(roots) == 0 {
		return n, err
	}
	both, parents := n.groupsWere.and(n.groupsAre)
	for group := range parents.reach(slices.Collect(maps.Keys(groups))...) {
		n.touched.set(group)
	}
	if len(roots) == 0 {
		return n, nil
	}
	in := both.reach(slices.Collect(maps.Keys(roots))...)
	return n, c.eachEdge(func(e ledger.Edge, _, _ bool) error {
		if !e.Nested && in[e.Group] {
			n.touched.set(e.Member)
		}
		return nil
	})
}

func note(e ledger.Edge, groups nesting, people *marks) {
	if e.Nested {
		groups[e.Group] = append(groups[e.Group], e.Member)
	} else {
		people.set(e.Group)
	}
}

// storeEdges brings the mirror's edges to those of the read.
func (c *collector) storeEdges() error {
	var add, remove []ledger.Edge
	flush := func() error {
		err := c.Store.MergeEdges(c.src.Name, add, remove)
		add, remove = add[:0], remove[:0]
		return err
	}
	err := c.eachEdge(func(e ledger.Edge, was, is bool) error {
		switch {
		case was == is:
			return nil
		case is:
			add = append(add, e)
		default:
			remove = append(remove, e)
		}
		if len(add)+len(remove) < pageOfMerge {
			return nil
		}
		return flush()
	})
	if err != nil || len(add)+len(remove) == 0 {
		return err
	}
	return flush()
}
