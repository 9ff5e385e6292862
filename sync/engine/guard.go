package engine

import (
	"scimsync/sync/ledger"
	"scimsync/sync/plan"
)

// guard counts the plan, with what was sent in the window, against the limits. What a
// human decided does not count: what they approved is sent, what they rejected is held.
func (w *work) guard() error {
	if err := w.askHumans(); err != nil {
		return err
	}
	n := map[string]int{}
	err := w.book.each(func(c *plan.Change) error {
		if w.approved(c) || w.rejected[c.Digest()] || c.Temporary != "" {
			return nil
		}
		n[plan.LimitFirstRun]++
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
		live = max(live, len(w.approval.Digests))
	}
	w.ruling = w.flow.Guard.Check(n, live, w.base.Contact)
	return nil
}

// approved tells whether a human said yes to the change. To take over the account that
// a create made, which was sent and is in doubt, needs no other yes than the create.
func (w *work) approved(c *plan.Change) bool {
	if c.Doubt.Created && c.Action == plan.Adopt {
		return true
	}
	return w.approval != nil && w.approval.Digests[c.Digest()]
}

// each gives the changes in order, each marked whether it is held.
func (w *work) each(fn func(*plan.Change) error) error {
	return w.book.each(func(c *plan.Change) error {
		approved := w.approved(c)
		c.Held = !approved && (w.rejected[c.Digest()] || w.ruling.Holds(c))
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
