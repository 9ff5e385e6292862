package engine

import (
	"maps"
	"time"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
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

// yesLasts is how long a human's yes to a change holds while the change cannot be done.
const yesLasts = 7 * 24 * time.Hour

// approved tells whether a human said yes to the change. To take over the account that
// a create made, which was sent and is in doubt, needs no other yes than the create.
func (w *work) approved(c *plan.Change) bool {
	return c.Doubt.Created && c.Action == plan.Adopt || w.approval != nil && w.said(c.Digest())
}

// denied tells whether a human said no to the change.
func (w *work) denied(c *plan.Change) bool { return len(w.rejected) > 0 && w.rejected[c.Digest()] }

// said tells whether somebody said yes to a digest, and not too long ago.
func (w *work) said(digest string) bool {
	if w.approval == nil {
		return false
	}
	at, yes := w.approval.Digests[digest]
	return yes && w.at.Sub(time.Unix(at, 0)) <= yesLasts
}

// spend takes back each yes to what is not planned any more and waits for no other try:
// it was carried out, or something else is to be done now. It needs the whole plan.
func (w *work) spend() error {
	if w.approval == nil || w.how.Only != nil {
		return nil
	}
	left, decided := map[string]int64{}, map[record.Key]bool{}
	keep := func(key record.Key, digest string) {
		decided[key] = true
		if w.said(digest) {
			left[digest] = w.approval.Digests[digest]
		}
	}
	err := w.book.each(func(c *plan.Change) error { keep(c.Key, c.Digest()); return nil })
	if err != nil {
		return err
	}
	for _, digest := range w.groups.waits {
		keep(record.Key{}, digest)
	}
	for _, look := range w.looksToStore {
		keep(look.Key, parkedDigest(&look))
	}
	for key, look := range w.looks {
		if !decided[key] {
			keep(key, parkedDigest(look))
		}
	}
	if len(left) == len(w.approval.Digests) {
		return nil
	}
	w.approval = &ledger.Approval{By: w.approval.By, Digests: left}
	if len(left) == 0 {
		w.approval = nil
	}
	return w.store.PutApproval(w.flow.Flow, w.approval)
}

// parkedDigest names the change that waits for its next try; empty: none does.
func parkedDigest(look *ledger.Look) string {
	if look.Parked == nil {
		return ""
	}
	return look.Parked.Digest
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
			no := w.denied(c)
			if no {
				hold.Rejected = w.rejecter()
			}
			line := ledger.HeldLine{Action: string(c.Action), Key: c.Key, Name: c.Name, Digest: c.Digest(), Rejected: no}
			if c.Member != nil {
				line.Name, line.Group = c.Member.Name, c.Name
			}
			hold.Lines = append(hold.Lines, line)
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
	approval := &ledger.Approval{By: yes.By, Digests: map[string]int64{}}
	if w.approval != nil {
		maps.Copy(approval.Digests, w.approval.Digests)
	}
	err := w.each(func(c *plan.Change) error {
		switch {
		case !c.Held:
		case yes.Only == nil || yes.Only[c.Key] || c.Member != nil && yes.Only[c.Member.Key]:
			approval.Digests[c.Digest()] = w.at.Unix()
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
