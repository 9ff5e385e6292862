package scim_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"scimsync/sync/plan"
	"scimsync/targets/scim/profile"
	"scimsync/targets/scimtest"
)

// Whatever a service makes of removals, whatever becomes of answers, and whenever a process
// ends: no form does harm twice, nobody is out who was not to go, and who counts as done is.
func TestRandomLivesOfGroups(t *testing.T) {
	services := []struct {
		name   string
		change func(*profile.Profile)
		habits []string
	}{
		{"correct", nil, nil},
		{"filter wipes", nil, []string{"remove-filter-wipes"}},
		{"array wipes", func(p *profile.Profile) { p.Members.Remove = profile.RemoveArray }, []string{"remove-array-wipes"}},
		{"array refused", func(p *profile.Profile) { p.Members.Remove = profile.RemoveArray }, []string{"remove-array-400"}},
		{"array works", func(p *profile.Profile) { p.Members.Remove = profile.RemoveArray }, []string{"remove-array-works"}},
		{"shifts", nil, []string{"remove-shifts"}},
		{"wipes, and replaces nothing", nil, []string{"remove-filter-wipes", "replace-members-400"}},
		{"replaces", func(p *profile.Profile) { p.Members.Remove = profile.RemoveReplaceAll }, nil},
		{"PUT only", func(p *profile.Profile) { p.Update.Method = profile.UpdatePut }, []string{"method-off=PATCH /Groups 405"}},
		{"few a request", func(p *profile.Profile) { p.Members.MaxPerRequest = 20 }, []string{"max-members=2"}},
		{"shows nobody", nil, []string{"members-hidden"}},
	}
	for _, service := range services {
		t.Run(service.name, func(t *testing.T) {
			for seed := range uint64(8) {
				synctest.Test(t, func(t *testing.T) {
					l := &life{room: newRoom(t, 20, 14, service.change, service.habits...), rand: rand.New(rand.NewPCG(seed, 1)), acked: map[string]bool{}, open: map[string]plan.Action{}}
					l.wipes = strings.Contains(service.name, "wipes")
					l.run()
					if t.Failed() {
						t.Fatalf("seed %d: %q", seed, l.said)
					}
				})
			}
		})
	}
}

// life is a group to which things happen. The first six of its people are nobody's business.
type life struct {
	*room
	rand  *rand.Rand
	acked map[string]bool        // who is in the group, of ours, as far as was acknowledged
	open  map[string]plan.Action // what was asked for and has not come to its end
	wipes bool
}

const foreign = 6

func (l *life) run() {
	for _, id := range l.people[foreign:14] {
		l.acked[id] = true
	}
	for range 6 {
		l.round(true)
		if l.rand.IntN(3) == 0 {
			l.process()
		}
		time.Sleep(time.Duration(l.rand.IntN(90)) * time.Second)
	}
	for range 3 { // and then it is quiet
		time.Sleep(2 * time.Minute)
		l.round(false)
	}
	in := map[string]bool{}
	for _, id := range l.members(l.group) {
		in[id] = true
	}
	for _, id := range l.people[:foreign] {
		if !in[id] {
			l.Errorf("%s is out, whom nobody was to touch", id)
		}
	}
	for _, id := range l.people[foreign:] {
		if l.open[id] == "" && in[id] != l.acked[id] {
			l.Errorf("%s in the group: %t, acknowledged: %t", id, in[id], l.acked[id])
		}
	}
	if l.wipes && l.removals > 1 {
		l.Errorf("%d removals were carried out by a form that wipes", l.removals)
	}
}

// round sends a few changes until each has an end, as the lane does: what is in doubt or failed
// is sent again, and told to be.
func (l *life) round(faults bool) {
	var changes []*plan.Change
	for _, id := range l.people[foreign:] {
		action, again := l.open[id]
		if !again && l.rand.IntN(3) > 0 {
			continue
		}
		if !again {
			if action = plan.AddMember; l.acked[id] {
				action = plan.RemoveMember
			}
			l.open[id] = action
		}
		change := l.member(action, id)
		change.Doubt.Sent = again
		change.Member.Of = foreign + len(l.acked)
		changes = append(changes, change)
	}
	if faults {
		if l.rand.IntN(2) == 0 { // the trouble begins behind the first request that changes something
			l.faulty.Script(scimtest.Reply{}, scimtest.Reply{Cut: []scimtest.Cut{scimtest.NoCut, scimtest.After}[l.rand.IntN(2)]})
		}
		for range l.rand.IntN(6) {
			l.faulty.Script([]scimtest.Reply{{}, {}, {Cut: scimtest.After}, {Cut: scimtest.Before}, scimError(500, ""), scimError(429, "")}[l.rand.IntN(6)])
		}
	}
	for try := 0; len(changes) > 0 && try < 8; try++ {
		changes = l.try(changes)
	}
}

// try sends changes and gives those to send again.
func (l *life) try(changes []*plan.Change) (again []*plan.Change) {
	results, whole := l.groups.ApplyAll(l.Context(), changes, "corr-1")
	if whole && results[0].Verdict == plan.Apart {
		half := len(changes) / 2
		return append(l.try(changes[:half]), l.try(changes[half:])...)
	}
	for i, r := range results {
		change := changes[i]
		switch r.Verdict {
		case plan.Done:
			delete(l.open, change.Member.RemoteID)
			if change.Action == plan.AddMember {
				l.acked[change.Member.RemoteID] = true
			} else {
				delete(l.acked, change.Member.RemoteID)
			}
		case plan.Again, plan.InDoubt, plan.Anew:
			if r.Verdict != plan.Anew {
				change.Doubt.Sent = true
			}
			again = append(again, change)
		case plan.Wiped:
			l.putBack(change)
		case plan.Park, plan.Ignored:
		default:
			l.Errorf("%s: verdict %d: %v", change, r.Verdict, r.Err)
		}
	}
	return again
}

// putBack is what the caller does for a group that was wiped.
func (l *life) putBack(wiped *plan.Change) {
	var back []*plan.Change
	for _, id := range append(slices.Sorted(maps.Keys(l.acked)), l.people[:foreign]...) {
		if id == wiped.Member.RemoteID {
			continue
		}
		change := l.member(plan.AddMember, id)
		change.Doubt.Sent = true
		back = append(back, change)
	}
	for try := 0; len(back) > 0 && try < 8; try++ {
		results, _ := l.groups.ApplyAll(l.Context(), back, fmt.Sprint(try))
		var left []*plan.Change
		for i, r := range results {
			if r.Verdict != plan.Done {
				left = append(left, back[i])
			}
		}
		back = left
	}
}
