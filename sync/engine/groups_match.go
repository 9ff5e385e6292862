package engine

import (
	"context"
	"fmt"

	"scimsync/sync/diff"
	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// matchGroups finds the groups of the target for those that have none that is known, and
// turns each into a create, an adoption or a conflict.
func (w *work) matchGroups(ctx context.Context) error {
	if w.flow.Groups == nil || w.groups.find.len() == 0 {
		return nil
	}
	g := &groupMatching{matching: w.matching(), rows: map[record.Key]*groupRow{}}
	g.client, g.by, g.find, g.findLeft, g.owner = w.flow.Groups.Client, w.flow.Groups.Match, w.groups.find, &changes{dir: w.engine.Dir}, w.store.GroupByRemote
	for _, row := range w.groups.rows {
		g.rows[row.key] = row
	}
	defer g.adopts.close()
	finder, err := g.finder(ctx)
	if err != nil {
		return err
	}
	defer finder.close()
	if err := g.find.each(func(_ int, c *plan.Change) error {
		g.wanted[wantHash(plan.MatchDisplayName, c)]++
		return nil
	}); err != nil {
		return err
	}
	if err := finder.each(ctx, g.find, g.decide); err != nil {
		return err
	}
	g.unasked("groups", "a group")
	return g.settle()
}

// groupMatching is matching for groups.
type groupMatching struct {
	*matching
	rows map[record.Key]*groupRow
}

// decide turns a group and what fits it into what follows.
func (g *groupMatching) decide(c *plan.Change, found []plan.Found) error {
	hits, why, err := g.theirs(c, found)
	switch {
	case err != nil:
		return err
	case why == nil && len(hits) > 1:
		why = fmt.Errorf("%d groups have this group's %s; leave one of them", len(hits), hits[0].By)
	case why == nil && len(hits) == 0:
		why, err = g.nameFree(c)
	}
	if err != nil {
		return err
	}
	if why != nil {
		return g.conflictFor(c, why)
	}
	row := g.rows[c.Key]
	c.NextRun = true // whatever becomes of its members
	if len(hits) == 0 {
		row.made = true
		return g.book.add(c)
	}
	adopt, why := diff.Adopt(c, &hits[0], g.flow.Adopt, g.flow.Groups.Shape)
	if why != nil {
		return g.conflictFor(c, why)
	}
	adopt.NextRun = true
	g.claims[adopt.RemoteID]++
	if g.waits(adopt) {
		return nil
	}
	row.made, row.adopted = true, true
	return g.adopts.add(&adoption{adopt, c.Digest()})
}

// theirs leaves of the groups found those that can be meant: the one that carries the
// group's anchor, or those that are nobody else's.
func (g *groupMatching) theirs(c *plan.Change, found []plan.Found) (hits []plan.Found, why, err error) {
	anchor := c.Want.Text("externalId")
	for i := range found {
		if anchor != "" && found[i].ExternalID == anchor {
			hits = append(hits, found[i])
		}
	}
	if len(hits) > 0 {
		found, hits = hits, nil
	}
	for i := range found {
		owner, known, err := g.owner(g.flow.Target, found[i].ID)
		if err != nil {
			return nil, nil, err
		}
		if known && owner != c.Key {
			return nil, fmt.Errorf("group %s there has this group's %s and belongs to %s", found[i].ID, found[i].By, owner), nil
		}
		hits = append(hits, found[i])
	}
	return hits, nil, nil
}

// nameFree tells why a new group cannot have its name: another one wants it, too, or has it.
func (g *groupMatching) nameFree(c *plan.Change) (why, err error) {
	name := c.Want.Text("displayName")
	if g.wanted[wantHash(plan.MatchDisplayName, c)] > 1 {
		return fmt.Errorf("the displayName %q is wanted by several new groups", name), nil
	}
	owner, known, err := g.store.GroupByName(g.flow.Target, resource.Fold(name))
	if err != nil || !known || owner == c.Key {
		return nil, err
	}
	return fmt.Errorf("the displayName %q is that of %s", name, owner), nil
}
