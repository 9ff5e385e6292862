package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// clubs is a service's groups: who is in them, by id, and what was asked.
type clubs struct {
	greedy
	t       *testing.T
	mu      sync.Mutex
	members map[string]map[string]bool // by group, by account
	// answer says what comes of a request before anything is done; nil: all of it is done.
	answer   func(n int, changes []*plan.Change) *plan.Result
	requests [][]string // what each asked for: +account, -account
	busy     map[string]bool
	found    []plan.Found // what Find gives
}

func newClubs(t *testing.T) *clubs {
	return &clubs{t: t, members: map[string]map[string]bool{}, busy: map[string]bool{}}
}

func (c *clubs) Bulk() plan.Bulk { return plan.Bulk{Ops: 100} }

func (c *clubs) Size(change *plan.Change) int {
	if change.Member == nil {
		return 0
	}
	return 1
}

func (c *clubs) Draws(...*plan.Change) []plan.Draw { return nil }

func (c *clubs) Find(context.Context, resource.Resource) ([]plan.Found, error) { return c.found, nil }

func (c *clubs) Apply(ctx context.Context, change *plan.Change, id string) plan.Result {
	if change.Member == nil {
		return plan.Result{Ack: plan.Ack{RemoteID: "r" + change.Key.ID}}
	}
	results, _ := c.ApplyAll(ctx, []*plan.Change{change}, id)
	return results[0]
}

func (c *clubs) ApplyAll(_ context.Context, changes []*plan.Change, _ string) ([]plan.Result, bool) {
	group := changes[0].RemoteID
	c.mu.Lock()
	if c.busy[group] {
		c.t.Errorf("two requests for group %s at a time", group)
	}
	c.busy[group] = true
	c.mu.Unlock()
	time.Sleep(10 * time.Millisecond)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy[group] = false
	var asked []string
	for _, change := range changes {
		if change.RemoteID != group {
			c.t.Errorf("one request for the groups %s and %s", group, change.RemoteID)
		}
		asked = append(asked, map[plan.Action]string{plan.AddMember: "+", plan.RemoveMember: "-"}[change.Action]+change.Member.RemoteID)
	}
	c.requests = append(c.requests, asked)
	results := make([]plan.Result, len(changes))
	if c.answer != nil {
		if r := c.answer(len(c.requests), changes); r != nil {
			for i := range results {
				results[i] = *r
			}
			return results, true
		}
	}
	if c.members[group] == nil {
		c.members[group] = map[string]bool{}
	}
	for _, change := range changes {
		if change.Action == plan.AddMember {
			c.members[group][change.Member.RemoteID] = true
		} else {
			delete(c.members[group], change.Member.RemoteID)
		}
	}
	return results, false
}

func memberChange(action plan.Action, group string, member int) *plan.Change {
	id := fmt.Sprint(member)
	return &plan.Change{Action: action, Kind: plan.KindMember, Key: record.Key{Kind: record.Group, Source: "hr", ID: group}, Name: group, RemoteID: "r" + group,
		Want: resource.Wanted{Resource: resource.New(map[string]any{"displayName": group})},
		Member: &plan.Member{Key: record.Key{Kind: record.User, Source: "hr", ID: id}, Name: "P" + id, RemoteID: "r" + id,
			Edge: ledger.Edge{Group: uint32(len(group)), Member: uint32(member)}}}
}

func memberChanges(action plan.Action, group string, from, to int) (list []*plan.Change) {
	for i := from; i < to; i++ {
		list = append(list, memberChange(action, group, i))
	}
	return list
}

func (w *world) withGroups(c *clubs) *Carry {
	carry := w.carry(Pace{Concurrency: 4})
	carry.Groups = &Groups{Target: c, Roster: func(of *plan.Change) (list []*plan.Change, err error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		for edge, m := range w.members {
			if edge.Group == of.Member.Edge.Group && m.State == ledger.Member {
				list = append(list, memberChange(plan.AddMember, of.Key.ID, int(edge.Member)))
			}
		}
		return list, nil
	}}
	return carry
}

func (w *world) states() map[ledger.MemberState]int {
	n := map[ledger.MemberState]int{}
	for _, m := range w.members {
		n[m.State]++
	}
	return n
}

func TestMembersTravelByGroup(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := newClubs(t)
		r := w.out(w.withGroups(c), append(memberChanges(plan.AddMember, "a", 0, 250), memberChanges(plan.AddMember, "bb", 0, 30)...)...)
		if r.Done[plan.AddMember] != 280 || r.Calls != 4 || len(c.members["ra"]) != 250 || len(c.members["rbb"]) != 30 {
			t.Errorf("%+v, %d requests", r, len(c.requests))
		}
		if n := w.states()[ledger.Member]; n != 280 {
			t.Errorf("%d memberships are known", n)
		}
	})
}

// Who takes part of both phases of one group travels in one request.
func TestAddedAlong(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := newClubs(t)
		along := memberChange(plan.AddMember, "a", 7)
		along.Member.Along = true
		r := w.out(w.withGroups(c), memberChange(plan.RemoveMember, "a", 1), along)
		if r.Calls != 1 || !slices.Equal(c.requests[0], []string{"-r1", "+r7"}) || w.counted[plan.LimitMemberRemove] != 1 {
			t.Errorf("%v %v", c.requests, w.counted)
		}
	})
}

// The accounts of members, and groups, may be made by the same run: their ids are looked
// for when the membership has its turn. Who has none waits, and nobody else does.
func TestMembersWaitForAccounts(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := newClubs(t)
		w.answer = func(change *plan.Change, _ int) plan.Result {
			if change.Key.ID == "2" {
				return plan.Result{Verdict: plan.Park, Err: sorry}
			}
			return done(change)
		}
		var all []*plan.Change
		for i := range 4 {
			all = append(all, &plan.Change{Action: plan.Create, Kind: "user", Key: record.Key{Kind: record.User, Source: "hr", ID: fmt.Sprint(i)}})
		}
		all = append(all, &plan.Change{Action: plan.Create, Kind: "group", Key: record.Key{Kind: record.Group, Source: "hr", ID: "a"}})
		for _, m := range memberChanges(plan.AddMember, "a", 0, 4) {
			m.RemoteID, m.Member.RemoteID = "", ""
			all = append(all, m)
		}
		r := w.out(w.withGroups(c), all...)
		if r.Done[plan.AddMember] != 3 || r.Waiting != 1 || r.Unsent != 0 || len(c.members["ra"]) != 3 || c.members["ra"]["r2"] {
			t.Errorf("%+v %v", r, c.members)
		}
	})
}

// Somebody whom the service does not know keeps nobody else out.
func TestUnknownMemberIsIsolated(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := newClubs(t)
		c.answer = func(_ int, changes []*plan.Change) *plan.Result {
			if !slices.ContainsFunc(changes, func(m *plan.Change) bool { return m.Member.RemoteID == "r17" }) {
				return nil
			}
			if len(changes) > 1 {
				return &plan.Result{Verdict: plan.Apart, Err: sorry}
			}
			return &plan.Result{Verdict: plan.Park, Err: sorry}
		}
		r := w.out(w.withGroups(c), memberChanges(plan.AddMember, "a", 0, 100)...)
		if r.Done[plan.AddMember] != 99 || len(r.Parked) != 1 || len(c.members["ra"]) != 99 || r.Calls > 15 {
			t.Errorf("%+v", r)
		}
		if p := r.Parked[0]; p.Key != "17" || p.Group != "a" || p.Why != sorry.Error() {
			t.Errorf("%+v", p)
		}
		m := w.members[ledger.Edge{Group: 1, Member: 17}]
		if m.State != ledger.NoMember || m.Parked == nil || m.Parked.Tries != 1 {
			t.Errorf("%+v", m)
		}
	})
}

// A removal that takes others along: they are put back, and it is not asked for again. Who
// was removed before stays out.
func TestWiped(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := newClubs(t)
		c.members["ra"] = map[string]bool{}
		for i := range 250 {
			c.members["ra"][fmt.Sprint("r", i)] = true
			w.members[ledger.Edge{Group: 1, Member: uint32(i)}] = ledger.Membership{Source: "hr", Edge: ledger.Edge{Group: 1, Member: uint32(i)}, State: ledger.Member}
		}
		removals := 0
		c.answer = func(_ int, changes []*plan.Change) *plan.Result {
			if changes[0].Action != plan.RemoveMember {
				for _, m := range changes {
					if !m.Doubt.Sent {
						t.Errorf("%s is put back as if it were not in doubt", m.Member.RemoteID)
					}
				}
				return nil
			}
			if removals++; removals == 1 { // the first 99 go well
				return nil
			}
			c.members["ra"] = map[string]bool{}
			return &plan.Result{Verdict: plan.Wiped, Err: errors.New("the service took everybody out")}
		}
		carry := w.withGroups(c)
		carry.Lane = newLane(Pace{Concurrency: 1}, nil, nil)
		all := memberChanges(plan.RemoveMember, "a", 0, 99)
		all = append(all, memberChange(plan.AddMember, "a", 300), memberChange(plan.RemoveMember, "a", 100))
		all[99].Member.Along = true // acknowledged just before
		r := w.out(carry, all...)
		if removals != 2 || r.Done[plan.RemoveMember] != 99 || r.Done[plan.AddMember] != 152 || len(r.Parked) != 1 || r.Stopped != nil {
			t.Errorf("%d removals, %+v", removals, r)
		}
		for i := range 250 {
			if c.members["ra"][fmt.Sprint("r", i)] != (i >= 99 && i != 100) {
				t.Errorf("member %d: %t", i, c.members["ra"][fmt.Sprint("r", i)])
			}
		}
		if !c.members["ra"]["r300"] {
			t.Error("who was added just before is not put back")
		}
		if n := w.states(); n[ledger.Member] != 151 || n[ledger.NoMember] != 99 || n[ledger.Removing] != 1 {
			t.Errorf("%v", n)
		}
	})
}

// A group that is not there any more is said once, and stops nothing.
func TestGroupGone(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := newClubs(t)
		c.answer = func(_ int, changes []*plan.Change) *plan.Result {
			if changes[0].RemoteID == "ra" {
				return &plan.Result{Verdict: plan.Vanished, Err: errors.New("404")}
			}
			return nil
		}
		carry := w.withGroups(c)
		carry.Lane = newLane(Pace{Concurrency: 1}, nil, nil)
		r := w.out(carry, append(memberChanges(plan.AddMember, "a", 0, 1000), memberChanges(plan.AddMember, "bb", 0, 30)...)...)
		if r.Done[plan.AddMember] != 30 || r.Vanished != 1 || r.Stopped != nil || len(r.Parked) != 1 || r.Unsent != 999 {
			t.Errorf("%+v", r)
		}
		if e := w.entries["a"]; e == nil || e.Standing != ledger.Gone || !w.looks["a"].NextRun {
			t.Errorf("%+v %+v", e, w.looks["a"])
		}
		if len(c.requests) > 2 {
			t.Errorf("%d requests for a group that is gone", len(c.requests)-1)
		}
	})
}

// Of what was not sent nothing is left in doubt; of what was sent without an answer all is.
func TestMembersInDoubt(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := newClubs(t)
		stop := make(chan struct{})
		c.answer = func(n int, changes []*plan.Change) *plan.Result {
			if n == 1 {
				return &plan.Result{Verdict: plan.InDoubt, Err: sick}
			}
			if !changes[0].Doubt.Sent {
				t.Error("what is sent again is not in doubt")
			}
			close(stop)
			return &plan.Result{Verdict: plan.InDoubt, Err: sick}
		}
		carry := w.withGroups(c)
		carry.Lane = newLane(Pace{Concurrency: 1}, nil, nil)
		carry.Stop = stop
		r := w.out(carry, append(memberChanges(plan.AddMember, "a", 0, 100), memberChanges(plan.RemoveMember, "bb", 0, 50)...)...)
		n := w.states()
		if n[ledger.Adding] != 100 || n[ledger.Removing] != 0 || r.Unsent != 50 {
			t.Errorf("%v, %+v", n, r)
		}
	})
}

// Whose account turned out to be gone is not added under the id that it had.
func TestMemberGone(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := newClubs(t)
		w.answer = func(*plan.Change, int) plan.Result { return plan.Result{Verdict: plan.Vanished, Err: sorry} }
		gone := change(plan.Update, "1")
		gone.Key = record.Key{Kind: record.User, Source: "hr", ID: "1"}
		r := w.out(w.withGroups(c), append([]*plan.Change{gone}, memberChanges(plan.AddMember, "a", 0, 3)...)...)
		if r.Vanished != 1 || r.Done[plan.AddMember] != 2 || r.Waiting != 1 || c.members["ra"]["r1"] {
			t.Errorf("%+v %v", r, c.members)
		}
	})
}
