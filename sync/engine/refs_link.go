package engine

import (
	"slices"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
)

// mostRounds is how deep in the tree of references creates follow each other: each round
// waits for the one before. Who comes below starts anew in the first, and gets a link.
const mostRounds = 30

// comer plans the account of a newcomer: at once, or, if they refer to somebody without an
// account, once it is known who gets one.
func (w *work) comer(c *plan.Change) error {
	if !w.refs.used {
		return w.book.add(c)
	}
	w.arrives(c.Key, true)
	lacks, err := w.identify(c)
	if err != nil {
		return err
	}
	if lacks {
		return w.refs.creates.add(c)
	}
	return w.book.add(c)
}

// arrives notes that somebody gets an account, and whether it is made.
func (w *work) arrives(key record.Key, made bool) {
	if !w.refs.used {
		return
	}
	w.refs.comes[hashKey(key)] = made
	if w.refs.waits {
		w.refs.keys = append(w.refs.keys, key)
	}
}

// adopting gives a create that becomes an adoption without what refers to people without an
// account: that comes by a link.
func (w *work) adopting(create *plan.Change) (*plan.Change, error) {
	if !w.refs.used {
		return create, nil
	}
	c := *create
	lacks, err := w.identify(&c)
	if err == nil && lacks {
		err = w.unlink(&c, w.lacking)
	}
	return &c, err
}

// waitsUnlinked is waits for a create that was sent without what refers to people who have no
// account.
func (w *work) waitsUnlinked(create *plan.Change) bool {
	if !w.refs.used || w.looks[create.Key] == nil {
		return false
	}
	c := *create
	return len(c.Unlinked(w.lacking)) > 0 && w.waits(&c)
}

// unlink takes references out of the create of a newcomer, to be linked later.
func (w *work) unlink(c *plan.Change, out func(record.Key) bool) error {
	full := c.Want
	left := c.Unlinked(out)
	var waits []ledger.Reference
	for _, ref := range left {
		waits = append(waits, ledger.RefersTo(ref.Key))
	}
	w.waitFor(c.Key, waits)
	if len(left) == 0 {
		return w.refs.err
	}
	c.NextRun = true
	link := w.newLink(c.Key, c.Want, full)
	if link.Name = c.Name; len(link.Ops) == 0 { // it is given only to accounts that are made
		return w.refs.err
	}
	w.refs.linked[hashKey(c.Key)] = true
	return w.refs.links.add(link)
}

// link settles the references of everybody for whom they are not settled yet, now that it is
// known who gets an account.
func (w *work) link() error {
	if !w.refs.used {
		return nil
	}
	w.sayUnanswered()
	rounds, err := w.rounds()
	if err != nil {
		return err
	}
	err = w.refs.creates.each(func(_ int, c *plan.Change) error {
		c.Round = rounds[hashKey(c.Key)]
		if err := w.unlink(c, func(key record.Key) bool { return w.comesTooLate(c, key, rounds) }); err != nil {
			return err
		}
		if w.waits(c) {
			return nil
		}
		return w.book.add(c)
	})
	if err == nil {
		err = w.lateArrivals()
	}
	if err == nil {
		err = w.links()
	}
	if err == nil {
		err = w.refs.err
	}
	return err
}

// comesTooLate tells of somebody to whom a newcomer refers whether they have no account when
// the newcomer's is made.
func (w *work) comesTooLate(c *plan.Change, key record.Key, rounds map[uint64]int) bool {
	if !w.lacking(key) {
		return false
	}
	hash := hashKey(key)
	made, comes := w.refs.comes[hash]
	return !comes || made && rounds[hash] >= c.Round
}

// rounds gives the round of each newcomer who refers to another: one after that one's. In a
// circle somebody begins.
func (w *work) rounds() (map[uint64]int, error) {
	above := map[uint64]uint64{} // whom a newcomer refers to, who is made in this run
	var order []uint64
	err := w.refs.creates.each(func(_ int, c *plan.Change) error {
		for _, key := range c.Refs() {
			if hash := hashKey(key); w.refs.comes[hash] && w.lacking(key) {
				above[hashKey(c.Key)] = hash
				order = append(order, hashKey(c.Key))
				break
			}
		}
		return nil
	})
	return depths(order, above), err
}

// depths gives how far below somebody without a superior each is.
func depths(order []uint64, above map[uint64]uint64) map[uint64]int {
	rounds := make(map[uint64]int, len(above))
	var path []uint64
	for _, hash := range order {
		path = path[:0]
		on := map[uint64]bool{}
		round := -1
		for {
			if r, known := rounds[hash]; known {
				round = r
				break
			}
			if on[hash] { // a circle: whoever closes it comes first
				break
			}
			path, on[hash] = append(path, hash), true
			next, has := above[hash]
			if !has {
				break
			}
			hash = next
		}
		for _, hash := range slices.Backward(path) {
			round++
			if round > mostRounds {
				round = 0
			}
			rounds[hash] = round
		}
	}
	return rounds
}

// lateArrivals looks at those who wait for somebody who gets an account now.
func (w *work) lateArrivals() error {
	for keys := range slices.Chunk(w.refs.keys, pageOfWork) {
		bySource := map[string][]ledger.Reference{}
		for _, key := range keys {
			bySource[key.Source] = append(bySource[key.Source], ledger.RefersTo(key))
		}
		for source, refs := range bySource {
			waiting, err := w.store.WaitingFor(w.flow.Target, source, refs)
			if err != nil {
				return err
			}
			for _, key := range waiting {
				if err := w.lateFor(key); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// lateFor makes the link of somebody for whom there was nothing to do until now.
func (w *work) lateFor(key record.Key) error {
	if w.refs.linked[hashKey(key)] || w.how.Only != nil && !w.how.Only[key] || w.mappers[key.Source] == nil {
		return nil
	}
	row, known, err := w.store.Row(key)
	if err != nil || !known || row.Absent > 0 {
		return err
	}
	entries, err := w.store.Entries(w.flow.Target, []record.Key{key})
	if err != nil || entries[0] == nil || entries[0].Job != w.flow.Job || entries[0].Standing != ledger.Live {
		return err
	}
	entry := entries[0].There()
	if w.protects(entries[0], entry) {
		return nil
	}
	result, err := w.mapped(&row)
	if err != nil {
		return err
	}
	link, err := w.refer(key, &result, entry)
	if err != nil || link == nil || result.Active == record.False {
		return err
	}
	link.Name = result.Name
	w.refs.linked[hashKey(key)] = true
	return w.refs.links.add(link)
}

// links puts those links into the plan that lead to somebody who gets an account.
func (w *work) links() error {
	return w.refs.links.each(func(_ int, c *plan.Change) error {
		if _, comes := w.refs.comes[hashKey(c.Key)]; c.RemoteID == "" && !comes {
			return nil
		}
		c.Unlinked(func(key record.Key) bool {
			_, comes := w.refs.comes[hashKey(key)]
			return !comes
		})
		if len(c.Ops) == 0 || w.waits(c) {
			return nil
		}
		return w.book.add(c)
	})
}
