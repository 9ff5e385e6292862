package engine

import (
	"cmp"
	"maps"
	"slices"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
)

// guard counts the plan, with what was sent in the window, against the limits. What a
// human decided does not count: what they approved is sent, what they rejected is held.
func (w *work) guard() error {
	n := map[string]int{}
	losses := map[record.Key]*plan.Loss{}
	coming := 0 // people of a first load that somebody said yes to
	err := w.book.each(func(c *plan.Change) error {
		if w.approved(c) && (c.Action == plan.Create || c.Action == plan.Adopt) {
			coming++
		}
		if w.approved(c) || w.denied(c) || c.Temporary != "" {
			return nil
		}
		n[plan.LimitFirstRun]++
		if c.Action == plan.RemoveMember {
			if losses[c.Key] == nil {
				losses[c.Key] = &plan.Loss{Group: c.Name, Of: c.Member.Of}
			}
			losses[c.Key].N++
		}
		for _, limit := range plan.Counts(c) {
			n[limit]++
		}
		return nil
	})
	if err != nil {
		return err
	}
	sent, err := w.store.Counted(w.flow.Flow, w.at.Add(-w.flow.Window))
	if err != nil {
		return err
	}
	for limit := range n {
		n[limit] += sent[limit]
	}
	standings, err := w.store.Standings(w.flow.Flow)
	if err != nil {
		return err
	}
	live := standings[ledger.Live]
	if w.approval != nil && w.base.Contact != ledger.ContactMade {
		// As long as the first load is under way its people count as if they were there:
		// a share of none would be no limit for those who come on top.
		live = max(live+coming, len(w.approval.Digests))
	}
	w.ruling = w.flow.Guard.Check(n, live, w.base.Contact)
	if len(losses) == 0 {
		return nil
	}
	all := []plan.Loss{{N: n[plan.LimitMemberRemove]}}
	for _, src := range w.job.Sources {
		members, err := w.store.CountMembers(w.flow.Target, src.Name, nil)
		if err != nil {
			return err
		}
		all[0].Of += members
	}
	for _, key := range slices.SortedFunc(maps.Keys(losses), func(a, b record.Key) int { return cmp.Compare(a.String(), b.String()) }) {
		all = append(all, *losses[key])
	}
	w.flow.Guard.CheckMembers(&w.ruling, all)
	return nil
}

// each gives the changes in order, each marked whether it is held.
func (w *work) each(fn func(*plan.Change) error) error {
	return w.book.each(func(c *plan.Change) error {
		approved := w.approved(c)
		c.Held = !approved && (w.denied(c) || w.ruling.Holds(c))
		c.Approved = approved || w.ruling.Frees(c)
		return fn(c)
	})
}

// free gives the changes that may be sent.
func (w *work) free(fn func(*plan.Change) error) error {
	return w.each(func(c *plan.Change) error {
		if c.Held {
			return nil
		}
		return fn(c)
	})
}
