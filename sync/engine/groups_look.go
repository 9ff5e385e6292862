package engine

import (
	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
)

// lookAtGroups decides for the groups of a source that have to be looked at.
func (w *work) lookAtGroups(src Source) error {
	rows, err := w.groupsToLookAt(src)
	if err != nil || len(rows) == 0 {
		return err
	}
	mapper := w.flow.Groups.Programs[src.Name].Mapper()
	for len(rows) > 0 {
		n := min(len(rows), pageOfWork)
		keys := make([]record.Key, n)
		for i := range keys {
			keys[i] = rows[i].Key
		}
		entries, err := w.store.Entries(w.flow.Target, keys)
		if err != nil {
			return err
		}
		for i := range n {
			if err := w.group(&rows[i], entries[i], mapper); err != nil {
				return err
			}
		}
		rows = rows[n:]
	}
	for _, row := range w.groups.rows {
		if row.key.Source == src.Name {
			row.nesting = src.Nested
		}
	}
	return nil
}

// groupsToLookAt gives the rows of groups of a source for which something may follow.
func (w *work) groupsToLookAt(src Source) (rows []ledger.Row, err error) {
	after := w.base.Planned[src.Name]
	if w.base.MapVersion != w.next.MapVersion {
		after = 0
	}
	if w.how.Only == nil {
		err := w.store.Changed(src.Name, record.Group, after, func(row *ledger.Row) error {
			w.groups.looked[row.Key] = true
			rows = append(rows, *row)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	add := func(key record.Key) error {
		if w.groups.looked[key] || key.Source != src.Name {
			return nil
		}
		w.groups.looked[key] = true
		row, there, err := w.store.Row(key)
		if err != nil {
			return err
		}
		if !there {
			row = ledger.Row{Key: key, Absent: 1}
		}
		rows = append(rows, row)
		return nil
	}
	for key, look := range w.looks {
		if key.Kind == record.Group && look.Wants(w.at) && w.how.Only == nil {
			err = firstError(err, add(key))
		}
	}
	for key := range w.intents {
		if key.Kind == record.Group && w.how.Only == nil {
			err = firstError(err, add(key))
		}
	}
	if err != nil {
		return nil, err
	}
	stirred, err := w.stirred(src.Name)
	if err != nil || stirred == nil {
		return rows, err
	}
	touched, err := w.groupsWith(src.Name, stirred)
	if err != nil {
		return nil, err
	}
	return rows, w.store.Named(src.Name, touched.has, func(_ uint32, key record.Key) error { return add(key) })
}

// stirred gives the people whose memberships have to be looked at, whatever their groups do;
// nil: nobody.
func (w *work) stirred(source string) (*marks, error) {
	if w.how.Only == nil {
		all := &marks{}
		all.join(w.groups.comes[source])
		if w.flow.Groups.StripInactive {
			all.join(w.groups.goes[source])
		}
		if len(all.bits) == 0 {
			return nil, nil
		}
		return all, nil
	}
	var all *marks
	for key := range w.how.Only {
		row, known, err := w.store.Row(key)
		if err != nil {
			return nil, err
		}
		if known && key.Source == source {
			if all == nil {
				all = &marks{}
			}
			all.set(row.Ordinal)
		}
	}
	return all, nil
}

// groupsWith gives the groups in which any of these people is, nested groups counted, or is
// as far as the target knows.
func (w *work) groupsWith(source string, people *marks) (*marks, error) {
	g, err := w.graph(source)
	if err != nil {
		return nil, err
	}
	groups := g.with(people)
	known, err := w.store.MemberGroups(w.flow.Target, source, func(e ledger.Edge) bool { return !e.Nested && people.has(e.Member) })
	for _, group := range known {
		groups.set(group)
	}
	return groups, err
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
	g := &groupRow{key: key, ordinal: row.Ordinal, nesting: src.Nested, name: entry.Resource.Text("displayName"),
		entry: entry, wanted: true, want: result.Want, stirred: true}
	if look := w.looks[key]; look != nil {
		g.parked = look.Parked
	}
	w.groups.rows = append(w.groups.rows, g)
	return nil
}

// comings notes whose accounts come and go in the plan as far as it is made.
func (w *work) comings() error {
	none := func() *arrivals { return &arrivals{work: w, marks: map[string]*marks{}} }
	comes, goes, unsure := none(), none(), none()
	w.groups.comes, w.groups.goes, w.groups.unsure = comes.marks, goes.marks, unsure.marks
	err := w.book.each(func(c *plan.Change) error {
		no := w.denied(c) // what a human said no to does not come about, until they say yes
		switch {
		case c.Key.Kind != record.User:
			return nil
		case c.Action == plan.Deactivate || c.Action == plan.Delete:
			if !no {
				if err := goes.add(c.Key); err != nil {
					return err
				}
			}
			return unsure.add(c.Key)
		case (c.Action == plan.Create || c.Action == plan.Adopt) && !c.Early() || c.Action == plan.Reactivate:
			if no {
				return unsure.add(c.Key)
			}
			return comes.add(c.Key)
		}
		return nil
	})
	return firstError(err, comes.flush(), goes.flush(), unsure.flush())
}

// arrivals marks people by their ordinals, a page at a time.
type arrivals struct {
	*work
	marks map[string]*marks // by source
	page  []record.Key
}

func (a *arrivals) add(key record.Key) error {
	if a.page = append(a.page, key); len(a.page) < pageOfWork {
		return nil
	}
	return a.flush()
}

func (a *arrivals) flush() error {
	for _, src := range a.job.Sources {
		var ids []string
		for _, key := range a.page {
			if key.Source == src.Name {
				ids = append(ids, key.ID)
			}
		}
		seen := make([]ledger.Seen, len(ids))
		if err := a.store.Seen(src.Name, record.User, ids, seen); err != nil {
			return err
		}
		for _, s := range seen {
			if s.Known {
				marked(a.marks, src.Name).set(s.Ordinal)
			}
		}
	}
	a.page = a.page[:0]
	return nil
}

func marked(by map[string]*marks, source string) *marks {
	if by[source] == nil {
		by[source] = &marks{}
	}
	return by[source]
}
