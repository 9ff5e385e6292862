package engine

import (
	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
)

// change adds a change to the plan, unless the same one failed and its time has not come yet.
func (c *comparing) change(d *difference, key record.Key, entry *ledger.Entry) error {
	row := d.row
	change := &plan.Change{Action: c.action, Kind: plan.KindMember, Key: row.key, Name: row.name, Cause: c.cause(d), Want: row.want,
		Member: &plan.Member{Key: key, Name: key.ID, Edge: d.edge, Of: row.before - row.removed, Beside: row.beside}}
	if row.entry != nil {
		change.RemoteID, change.Want.Resource = row.entry.RemoteID, row.entry.Resource
	}
	if entry != nil && entry.Standing != ledger.Gone && !entry.Vanished() {
		change.Member.RemoteID = entry.RemoteID
		change.Member.Name = name(&ledger.Row{Key: key}, entry)
	} else if err := c.introduce(row, change.Member); err != nil {
		return err
	}
	if d.known != nil {
		change.Parked = d.known.Parked
		change.Doubt.Sent = d.known.State == ledger.Adding || d.known.State == ledger.Removing
	}
	if row.adopted {
		change.Doubt.Sent = true // they may be in it already
	}
	if c.waitsStill(change, row) {
		return nil
	}
	row.pending = true
	if c.action == plan.RemoveMember {
		row.removed++
		return c.book.add(change)
	}
	if row.removed > 0 && change.Member.RemoteID != "" {
		change.Member.Along = true
		return c.along.add(change)
	}
	return c.book.add(change)
}

// mostIntroduced is of how many newcomers of a group the names are found out: for the reader,
// who does not read more of them.
const mostIntroduced = 20

// introduce finds out the name of a member who has no account yet.
func (c *comparing) introduce(row *groupRow, m *plan.Member) error {
	if row.introduced++; row.introduced > mostIntroduced || m.Edge.Nested {
		return nil
	}
	person, known, err := c.store.Row(m.Key)
	if err != nil || !known {
		return err
	}
	result, err := c.mapped(&person)
	if err == nil && result.Name != "" {
		m.Name = result.Name
	}
	return err
}

func (c *comparing) cause(d *difference) plan.Cause {
	switch {
	case d.row.cause.By == plan.CauseConfig:
		return d.row.cause
	case c.action == plan.AddMember:
		return plan.Cause{By: plan.CauseSource, What: "in the group in " + d.row.key.Source}
	case d.wanted:
		return plan.Cause{By: plan.CauseSource, What: "inactive, and leavers.members is remove"}
	case !d.row.wanted:
		return d.row.cause
	}
	return plan.Cause{By: plan.CauseSource, What: "not in the group in " + d.row.key.Source + " any more"}
}

// waitsStill tells whether a change of a member failed before, is the same as then, and is
// not due.
func (c *comparing) waitsStill(change *plan.Change, row *groupRow) bool {
	p := change.Parked
	if p == nil || !p.At.After(c.at) || p.Digest != change.Digest() || c.untouched() || c.how.Only != nil {
		return false
	}
	problem := change.Problem(p.Error)
	problem.Retry = p.Retry(c.at)
	c.parked = append(c.parked, problem)
	c.groups.waits = append(c.groups.waits, p.Digest)
	row.pending = true // so that it is told in every run, and a yes to it lasts
	return true
}

// join puts additions that go along behind the removals of their group. Both are in the
// order of groups.
func (c *comparing) join() error {
	if c.along.len() == 0 {
		return nil
	}
	stage := [2]int{plan.RemoveMember.Phase(), 0}
	removals, joined := c.book.stages[stage], &changes{dir: c.engine.Dir}
	next := 0
	follow := func(key record.Key) error {
		for ; next < c.along.len(); next++ {
			change, err := c.along.at(next)
			if err != nil || change.Key != key {
				return err
			}
			if err := joined.add(change); err != nil {
				return err
			}
		}
		return nil
	}
	var last record.Key
	err := removals.each(func(_ int, change *plan.Change) error {
		if last != (record.Key{}) && change.Key != last {
			if err := follow(last); err != nil {
				return err
			}
		}
		last = change.Key
		return joined.add(change)
	})
	if err == nil {
		err = follow(last)
	}
	removals.close()
	c.book.stages[stage] = joined
	return err
}

// roster gives, as changes that add them, everybody whom the ledger knows as a member of the
// group of a change.
func (w *work) roster(of *plan.Change) ([]*plan.Change, error) {
	members := map[uint32]*ledger.Membership{}
	err := w.store.Members(w.flow.Target, of.Key.Source, of.Member.Edge.Group, func(m *ledger.Membership) error {
		if m.State == ledger.Member {
			members[m.Edge.Member] = m
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var list []*plan.Change
	has := func(ordinal uint32) bool { return members[ordinal] != nil }
	err = w.store.Named(of.Key.Source, has, func(ordinal uint32, key record.Key) error {
		entries, err := w.store.Entries(w.flow.Target, []record.Key{key})
		if err != nil || entries[0] == nil || entries[0].Standing == ledger.Gone {
			return err
		}
		list = append(list, &plan.Change{Action: plan.AddMember, Kind: plan.KindMember, Key: of.Key, Name: of.Name, RemoteID: of.RemoteID, Want: of.Want,
			Cause: plan.Cause{By: plan.CauseRepair, What: "taken out by mistake at " + w.flow.Target}, Approved: true,
			Member: &plan.Member{Key: key, Name: name(&ledger.Row{Key: key}, entries[0]), RemoteID: entries[0].RemoteID, Edge: members[ordinal].Edge}})
		return nil
	})
	return list, err
}
