package engine

import (
	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
)

// pageOfMembers is how many differences are looked at between two walks through the names
// of the mirror.
const pageOfMembers = 1 << 16

// difference is a member of a group whom the source and the target see differently, or about
// whom a request is in doubt.
type difference struct {
	row    *groupRow
	edge   ledger.Edge
	wanted bool
	known  *ledger.Membership // nil: the target knows nothing of it
}

// comparing is one pass over the groups, for additions or for removals.
type comparing struct {
	*work
	action plan.Action
	only   map[string]*marks // by source: the people asked for; nil: everybody
	page   []difference
	along  *changes // additions that go with removals of the same group
}

// compareMembers plans the additions, or the removals, of the groups that are looked at.
func (w *work) compareMembers(action plan.Action) error {
	c := &comparing{work: w, action: action, along: &changes{dir: w.engine.Dir}}
	defer c.along.close()
	if w.how.Only != nil {
		c.only = map[string]*marks{}
		for _, src := range w.job.Sources {
			people, err := w.stirred(src.Name)
			if err != nil {
				return err
			}
			c.only[src.Name] = people
		}
	}
	for _, row := range w.groups.rows {
		if err := c.compare(row); err != nil {
			return err
		}
	}
	if err := c.flush(); err != nil {
		return err
	}
	return c.join()
}

// additions plans who is added to groups. It needs all that is planned for people and groups.
func (w *work) additions() error {
	if w.flow.Groups == nil {
		return nil
	}
	if err := w.comings(); err != nil {
		return err
	}
	if err := w.stirMore(); err != nil {
		return err
	}
	if err := w.compareMembers(plan.AddMember); err != nil {
		return err
	}
	for _, row := range w.groups.rows {
		if w.how.Only == nil || row.pending {
			w.looksToStore = append(w.looksToStore, ledger.Look{Key: row.key, NextRun: row.pending, Due: row.due})
		}
	}
	return nil
}

// stirMore looks at the groups, besides those that are looked at already, in which somebody is
// who turned out to get an account, or a group that is made.
func (w *work) stirMore() error {
	w.groups.made = map[string]*marks{}
	looked := map[record.Key]bool{}
	for _, row := range w.groups.rows {
		looked[row.key] = true
		if row.made {
			marked(w.groups.made, row.key.Source).set(row.ordinal)
		}
	}
	if w.how.Only != nil {
		return nil // the groups of those asked for are looked at already
	}
	for _, src := range w.job.Sources {
		touched := &marks{}
		if people := w.groups.comes[src.Name]; people != nil {
			groups, err := w.groupsWith(src.Name, people)
			if err != nil {
				return err
			}
			touched.join(groups)
		}
		if made := w.groups.made[src.Name]; made != nil && src.Nested == KeepNested {
			g, err := w.graph(src.Name)
			if err != nil {
				return err
			}
			touched.join(g.listing(made))
		}
		err := w.store.Named(src.Name, touched.has, func(_ uint32, key record.Key) error {
			if looked[key] || key.Kind != record.Group {
				return nil
			}
			return w.stir(key, src)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// stir has the members of a group compared that is at the target and is to stay there.
func (w *work) stir(key record.Key, src Source) error {
	row, known, err := w.store.Row(key)
	if err != nil || !known || row.Absent > 0 {
		return err
	}
	entries, err := w.store.Entries(w.flow.Target, []record.Key{key})
	if err != nil {
		return err
	}
	entry := entries[0]
	if entry == nil || entry.Standing != ledger.Live || entry.Job != w.flow.Job {
		return nil
	}
	result := w.flow.Groups.Programs[src.Name].Mapper().Map(row.Record(), w.at)
	if result.In != record.True || result.Err != nil {
		return nil
	}
	w.groups.rows = append(w.groups.rows, &groupRow{key: key, ordinal: row.Ordinal, nesting: src.Nested, name: entry.Resource.Text("displayName"),
		entry: entry, wanted: true, want: result.Want})
	return nil
}

// compare notes the differences of one group.
func (c *comparing) compare(row *groupRow) error {
	if row.entry == nil && !row.made || row.entry == nil && c.action == plan.RemoveMember {
		return nil
	}
	var wanted []ledger.Edge
	if row.wanted {
		g, err := c.graph(row.key.Source)
		if err != nil {
			return err
		}
		wanted = g.members(row.ordinal, row.nesting)
	}
	if row.entry != nil {
		before, err := c.store.CountMembers(c.flow.Target, row.key.Source, &row.ordinal)
		if err != nil {
			return err
		}
		row.before = before
		err = c.store.Members(c.flow.Target, row.key.Source, row.ordinal, func(m *ledger.Membership) error {
			for len(wanted) > 0 && wanted[0].Less(m.Edge) {
				if err := c.differ(difference{row, wanted[0], true, nil}); err != nil {
					return err
				}
				wanted = wanted[1:]
			}
			both := len(wanted) > 0 && wanted[0] == m.Edge
			if both {
				wanted = wanted[1:]
				c.stays(row, m)
			}
			return c.differ(difference{row, m.Edge, both, m})
		})
		if err != nil {
			return err
		}
	}
	for _, edge := range wanted {
		if err := c.differ(difference{row, edge, true, nil}); err != nil {
			return err
		}
	}
	return nil
}

// stays notes somebody who is in the group and stays there.
func (c *comparing) stays(row *groupRow, m *ledger.Membership) {
	if c.action == plan.RemoveMember && row.stays == nil && m.State == ledger.Member && !m.Edge.Nested && !c.groups.goes[row.key.Source].has(m.Edge.Member) {
		row.stays = &m.Edge.Member
	}
}

// differ keeps a difference that matters in this pass.
func (c *comparing) differ(d difference) error {
	if c.only != nil && (d.edge.Nested || !c.only[d.row.key.Source].has(d.edge.Member)) {
		return nil
	}
	settled := d.known != nil && d.known.State == ledger.Member && d.known.Parked == nil
	switch {
	case c.action == plan.AddMember && (!d.wanted || settled):
		return nil
	case c.action == plan.RemoveMember && d.known == nil:
		return nil
	case c.action == plan.RemoveMember && d.wanted && !(c.flow.Groups.StripInactive && d.known.State != ledger.NoMember):
		return nil
	}
	c.page = append(c.page, d)
	if len(c.page) < pageOfMembers {
		return nil
	}
	return c.flush()
}

// flush decides on the differences of a page.
func (c *comparing) flush() error {
	sources, err := c.named()
	if err != nil {
		return err
	}
	for i := range c.page {
		row := c.page[i].row
		if row.stays == nil || row.beside != "" {
			continue
		}
		entries, err := c.store.Entries(c.flow.Target, []record.Key{sources[row.key.Source][*row.stays]})
		if err != nil {
			return err
		}
		if row.stays = nil; entries[0] != nil {
			row.beside = entries[0].RemoteID
		}
	}
	for from := 0; from < len(c.page); from += pageOfWork {
		page := c.page[from:min(from+pageOfWork, len(c.page))]
		keys := make([]record.Key, len(page))
		for i := range page {
			keys[i] = sources[page[i].row.key.Source][page[i].edge.Member]
		}
		entries, err := c.store.Entries(c.flow.Target, keys)
		if err != nil {
			return err
		}
		for i := range page {
			if err := c.decide(&page[i], keys[i], entries[i]); err != nil {
				return err
			}
		}
	}
	c.page = c.page[:0]
	return nil
}

// named gives the keys of those whom the page is about, by source and ordinal.
func (c *comparing) named() (map[string]map[uint32]record.Key, error) {
	sources := map[string]map[uint32]record.Key{}
	for i := range c.page {
		row := c.page[i].row
		keys := sources[row.key.Source]
		if keys == nil {
			keys = map[uint32]record.Key{}
			sources[row.key.Source] = keys
		}
		keys[c.page[i].edge.Member] = record.Key{}
		if row.stays != nil {
			keys[*row.stays] = record.Key{}
		}
	}
	for source, keys := range sources {
		has := func(ordinal uint32) bool { _, asked := keys[ordinal]; return asked }
		err := c.store.Named(source, has, func(ordinal uint32, key record.Key) error {
			keys[ordinal] = key
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return sources, nil
}

// decide turns a difference into a change, if it is one that this pass is about.
func (c *comparing) decide(d *difference, key record.Key, entry *ledger.Entry) error {
	if entry != nil && key.Kind == record.User && c.protects(entry, entry.There()) {
		d.row.pending = true // looked at again in every run, so that nothing is forgotten once they are free
		return nil
	}
	active := c.active(d, entry)
	if c.action == plan.RemoveMember {
		switch {
		case d.known.State == ledger.NoMember:
			if !d.wanted { // it was refused once, and nobody wants it any more
				c.forget(d)
			}
			return nil
		case entry == nil || entry.Standing == ledger.Gone: // with the account, the membership is gone
			return nil
		case d.wanted && active, !d.wanted && !active && d.row.wanted && !c.flow.Groups.StripInactive:
			return nil
		}
		return c.change(d, key, entry)
	}
	if !active {
		return nil
	}
	if d.known != nil && d.known.State == ledger.Member { // somebody wanted to take them out, in vain
		c.forget(d)
		return nil
	}
	return c.change(d, key, entry)
}

// active tells whether a member has an active account once the plan is carried out: only
// then are they added, or their membership is looked at.
func (c *comparing) active(d *difference, entry *ledger.Entry) bool {
	source := d.row.key.Source
	there := entry != nil && entry.Standing == ledger.Live && !entry.Vanished() && entry.Job == c.flow.Job
	if d.edge.Nested {
		return there || c.groups.made[source].has(d.edge.Member)
	}
	return there && !c.groups.goes[source].has(d.edge.Member) || c.groups.comes[source].has(d.edge.Member)
}

// forget drops why the last try of a change failed that is not wanted any more.
func (c *comparing) forget(d *difference) {
	m := *d.known
	m.Parked = nil
	c.dropped = append(c.dropped, ledger.Outcome{Key: d.row.key, Member: &m})
}

// change adds a change to the plan, unless the same one failed and its time has not come yet.
func (c *comparing) change(d *difference, key record.Key, entry *ledger.Entry) error {
	row := d.row
	change := &plan.Change{Action: c.action, Kind: plan.KindMember, Key: row.key, Name: row.name, Cause: c.cause(d), Want: row.want,
		Member: &plan.Member{Key: key, Name: key.ID, Edge: d.edge, Of: row.before - row.removed, Beside: row.beside}}
	if row.entry != nil {
		change.RemoteID, change.Want.Resource = row.entry.RemoteID, row.entry.Resource
	}
	if entry != nil && entry.Standing != ledger.Gone {
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
	if row.due.IsZero() || p.At.Before(row.due) {
		row.due = p.At
	}
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
