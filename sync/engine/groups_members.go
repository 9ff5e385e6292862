package engine

import (
	"cmp"

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
	waits := map[record.Key]*ledger.Parked{} // groups that turned out to wait in this run
	for _, look := range w.looksToStore {
		if look.Key.Kind == record.Group && look.Parked != nil {
			waits[look.Key] = look.Parked
		}
	}
	for _, row := range w.groups.rows {
		if row.parked = cmp.Or(waits[row.key], row.parked); row.pending || w.how.Only == nil && !row.stirred { // else most of it was not looked at
			w.looksToStore = append(w.looksToStore, row.look())
		}
	}
	return nil
}

// look is what asks for the group again, if anything does.
func (r *groupRow) look() ledger.Look {
	return ledger.Look{Key: r.key, NextRun: r.pending, Parked: r.parked}
}

// pendingGroups gives looks for the groups about whose members something is to be done.
func (w *work) pendingGroups() (looks []ledger.Look) {
	for _, row := range w.groups.rows {
		if row.pending {
			looks = append(looks, row.look())
		}
	}
	return looks
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
	active, err := c.active(d, key, entry)
	if err != nil {
		return err
	}
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
// then are they added, or their membership is looked at. Where that is not certain, the group
// is looked at again.
func (c *comparing) active(d *difference, key record.Key, entry *ledger.Entry) (bool, error) {
	source := d.row.key.Source
	there := entry != nil && entry.Standing == ledger.Live && !entry.Vanished() && entry.Job == c.flow.Job
	if d.edge.Nested {
		return there || c.groups.made[source].has(d.edge.Member), nil
	}
	if c.groups.unsure[source].has(d.edge.Member) {
		d.row.pending = true
	}
	if c.groups.goes[source].has(d.edge.Member) {
		return false, nil
	}
	if c.groups.comes[source].has(d.edge.Member) || !there {
		return c.groups.comes[source].has(d.edge.Member), nil
	}
	leaves, err := c.leaves(key)
	d.row.pending = d.row.pending || leaves
	return !leaves, err
}

// leaves tells of somebody with an active account whether they are to have none, and only wait
// for the next try of that.
func (c *comparing) leaves(key record.Key) (bool, error) {
	if look := c.looks[key]; look == nil || look.Parked == nil {
		return false, nil
	}
	row, known, err := c.store.Row(key)
	if err != nil || !known || row.Absent > 0 {
		return err == nil, err
	}
	result, err := c.mapped(&row)
	return result.In == record.False || result.Active == record.False, err
}

// forget drops why the last try of a change failed that is not wanted any more.
func (c *comparing) forget(d *difference) {
	m := *d.known
	m.Parked = nil
	c.dropped = append(c.dropped, ledger.Outcome{Key: d.row.key, Member: &m})
}
