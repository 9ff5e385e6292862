package engine

import (
	"scimsync/sync/ledger"
	"scimsync/sync/plan"
)

// askHumans loads what humans have said so far: yes to some changes, no to others.
func (w *work) askHumans() (err error) {
	w.rejected = map[string]bool{}
	if w.approval, err = w.store.Approval(w.flow.Flow); err != nil {
		return err
	}
	if w.shown, err = w.store.Hold(w.flow.Flow); err != nil || w.shown == nil || w.shown.Rejected == "" {
		return err
	}
	for _, l := range w.shown.Lines {
		if l.Rejected {
			w.rejected[l.Digest] = true
		}
	}
	return nil
}

// hold stores what is held, so that a human can look at it and release exactly that.
// The same set of changes keeps its hold.
func (w *work) hold() (*ledger.Hold, error) {
	p := w.plan
	if p.Held == 0 {
		if w.shown == nil {
			return nil, nil
		}
		return nil, w.store.PutHold(w.flow.Flow, nil)
	}
	if w.shown != nil && w.shown.Digest == p.HeldDigest {
		return w.shown, nil
	}
	hold := &ledger.Hold{ID: plan.HoldID(p.Job, p.Target, p.HeldDigest), Job: p.Job, Target: p.Target, Digest: p.HeldDigest, Limits: p.Holds, At: w.at, Run: w.how.Run}
	err := w.each(func(c *plan.Change) error {
		if c.Held {
			no := w.rejected[c.Digest()]
			if no {
				hold.Rejected = w.rejecter()
			}
			hold.Lines = append(hold.Lines, ledger.HeldLine{Action: string(c.Action), Key: c.Key, Name: c.Name, Digest: c.Digest(), Rejected: no})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return hold, w.store.PutHold(w.flow.Flow, hold)
}

// rejecter is who said no, or yes only to others.
func (w *work) rejecter() string {
	if yes := w.how.Approve; yes != nil && yes.Only != nil {
		return yes.By
	}
	return w.shown.Rejected
}

// approve stores a human's yes to the held changes. A yes to some of them is a no to
// the others: few as they may be then, they are not sent without a yes of their own.
func (w *work) approve(yes *Yes) error {
	approval := &ledger.Approval{Hold: yes.Hold, By: yes.By, At: w.at, Digests: map[string]bool{}}
	if w.approval != nil {
		for digest := range w.approval.Digests {
			approval.Digests[digest] = true
		}
	}
	err := w.each(func(c *plan.Change) error {
		switch {
		case !c.Held:
		case yes.Only == nil || yes.Only[c.Key]:
			approval.Digests[c.Digest()] = true
		default:
			w.rejected[c.Digest()] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := w.store.PutApproval(w.flow.Flow, approval); err != nil {
		return err
	}
	w.approval = approval
	// A part of the first run does not release first contact: the rest stays held.
	if w.base.Contact == ledger.ContactNone && yes.Only == nil {
		w.base.Contact = ledger.ContactReleased
		w.next.Contact = ledger.ContactReleased
		return w.store.PutProgress(w.flow.Flow, w.base)
	}
	return nil
}
