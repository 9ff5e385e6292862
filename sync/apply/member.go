package apply

import (
	"context"
	"fmt"
	"time"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// Groups is what is needed to carry out changes of groups and of their members.
type Groups struct {
	Target Target // whose accounts are groups
	Shape  resource.Shape
	// Roster gives, as changes that add them, everybody whom the ledger knows as a member of
	// the group of a change, each with the id of their account.
	Roster func(*plan.Change) ([]*plan.Change, error)
}

// client is who sends a change.
func (c *Carry) client(change *plan.Change) Target {
	if change.Key.Kind == record.Group {
		return c.Groups.Target
	}
	return c.Target
}

func (c *Carry) shape(change *plan.Change) resource.Shape {
	if change.Key.Kind == record.Group {
		return c.Groups.Shape
	}
	return c.Shape
}

// A membership goes through these states; what is between the two of them is in doubt, and
// is what other changes have an intent for:
//
//	add_member     NoMember -> Adding   -> Member
//	remove_member  Member   -> Removing -> NoMember

func membership(change *plan.Change, state ledger.MemberState) *ledger.Membership {
	return &ledger.Membership{Source: change.Key.Source, Edge: change.Member.Edge, State: state}
}

// asked is the state of a membership while its change is under way.
func asked(change *plan.Change) ledger.MemberState {
	if change.Action == plan.AddMember {
		return ledger.Adding
	}
	return ledger.Removing
}

// before is the state of a membership of which nothing was sent, or nothing done.
func before(change *plan.Change) ledger.MemberState {
	if change.Action == plan.AddMember {
		return ledger.NoMember
	}
	return ledger.Member
}

// undone is the outcome of a change of which nothing was sent.
func undone(change *plan.Change) ledger.Outcome {
	if change.Member == nil {
		return ledger.Outcome{Key: change.Key, DropIntent: true}
	}
	m := membership(change, before(change))
	m.Parked = change.Parked
	return ledger.Outcome{Key: change.Key, Member: m}
}

// placed gives a change of a member the ids of the group and of the member's account, which
// may have been made since it was planned. It tells whether both are there: else the
// membership waits for a run that finds them.
func (w *walk) placed(change *plan.Change) (bool, error) {
	lost := w.isLost(change)
	if !lost && change.RemoteID != "" && change.Member.RemoteID != "" {
		return true, nil
	}
	entries, err := w.Ledger.Entries(w.Flow.Target, []record.Key{change.Key, change.Member.Key})
	if err != nil {
		return false, fmt.Errorf("look for the accounts of a group and its member: %w", err)
	}
	for i, id := range []*string{&change.RemoteID, &change.Member.RemoteID} {
		if e := entries[i]; e != nil && e.Standing != ledger.Gone && !e.Vanished() {
			*id = e.RemoteID
		}
	}
	if !lost && change.RemoteID != "" && change.Member.RemoteID != "" {
		return true, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.report.Waiting++
	w.end()
	return false, nil
}

// joined stores an acknowledged change of a member.
func (a *attempt) joined() {
	change := a.change
	state := ledger.Member
	if change.Action == plan.RemoveMember {
		state = ledger.NoMember
	}
	outcome := ledger.Outcome{Key: change.Key, Member: membership(change, state), At: time.Now()}
	if !change.Approved {
		outcome.Counts = plan.Counts(change)
	}
	a.commits.put(pending{outcome: outcome, stored: func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.report.Done[change.Action]++
		a.end()
	}})
}

// isLost tells whether a change is about a group, or a member, that is not there any more: no
// request will do, and one of them has said so.
func (w *walk) isLost(change *plan.Change) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lost[change.Key] || change.Member != nil && w.lost[change.Member.Key]
}

// wiped puts back whom a removal took out of a group besides the one it was to take. All of
// them are in doubt from then on, so that a crash on the way loses nobody: who is wanted and
// in doubt is added again. What was asked for is parked; how the target is to be asked is for
// the admin to say, or for the target to know better by then.
func (a *attempt) wiped(ctx context.Context, why error) {
	a.doubt()
	// Those whose removal was acknowledged before are not put back: that has to be stored first.
	if a.commits.settle(a.parking(ledger.ParkedRefused, why)) != nil {
		return
	}
	back, err := a.Groups.Roster(a.change)
	if err != nil {
		a.stop(fmt.Errorf("find out who has to be put back into group %s: %w", a.change.Name, err))
		return
	}
	intents := make([]ledger.Intent, 0, len(back))
	packing := NewPacking(a.client)
	var packs [][]*plan.Change
	now := time.Now()
	for _, change := range back {
		if change.Member.Key == a.change.Member.Key {
			continue
		}
		change.Doubt.Sent = true
		intents = append(intents, a.intent(change, now))
		packs = append(packs, packing.Add(change)...)
	}
	packs = packing.rest(packs)
	if err := a.Ledger.Begin(a.Flow, intents); err != nil {
		a.stop(fmt.Errorf("store who has to be put back into group %s: %w", a.change.Name, err))
		return
	}
	for _, pack := range packs {
		if a.mayGoOn(ctx) != nil {
			a.unsent(pack, true)
			continue
		}
		a.several(ctx, pack)
	}
}
