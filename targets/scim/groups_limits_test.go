package scim_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"scimsync/sync/plan"
	"scimsync/targets/scim"
	"scimsync/targets/scim/profile"
	"scimsync/targets/scimtest"
)

// halving sends changes as the lane does: halves where they are to be taken apart, and anew
// what is to be sent anew.
func (r *room) halving(changes []*plan.Change) (refused []string) {
	r.Helper()
	results, whole := r.groups.ApplyAll(r.Context(), changes, "corr-1")
	if whole && results[0].Verdict == plan.Apart {
		half := len(changes) / 2
		return append(r.halving(changes[:half]), r.halving(changes[half:])...)
	}
	var anew []*plan.Change
	for i, result := range results {
		switch result.Verdict {
		case plan.Done:
		case plan.Park:
			refused = append(refused, changes[i].Member.RemoteID)
		case plan.Anew:
			anew = append(anew, changes[i])
		default:
			r.Fatalf("%s: verdict %d: %v", changes[i], result.Verdict, result.Err)
		}
	}
	if anew != nil {
		refused = append(refused, r.halving(anew)...)
	}
	return refused
}

// 22: more members than a service takes are taken apart, and it is remembered how many it
// takes. That one member was refused says nothing of that.
func TestTooManyMembers(t *testing.T) {
	large := func(p *profile.Profile) { p.Members.MaxPerRequest = 40 }
	t.Run("too many", func(t *testing.T) {
		r := newRoom(t, 32, 0, large, "max-members=10")
		if refused := r.halving(r.adds(r.people...)); refused != nil {
			t.Errorf("refused %v", refused)
		}
		r.has(r.people...)
		r.process()
		if n := r.groups.Bulk().Ops; n != 8 {
			t.Errorf("learned to send %d members, want 8", n)
		}
		r.speaks("takes 8 members in one request")
	})
	t.Run("one unknown", func(t *testing.T) {
		r := newRoom(t, 32, 0, large)
		changes := append(r.adds(r.people...), r.adds("nobody-there")...)
		if refused := r.halving(changes); len(refused) != 1 || refused[0] != "nobody-there" {
			t.Errorf("refused %v", refused)
		}
		r.has(r.people...)
		if n := r.groups.Bulk().Ops; n != 40 {
			t.Errorf("learned to send %d members, and nobody said that there were too many", n)
		}
	})
	t.Run("one unknown for a while", func(t *testing.T) {
		r := newRoom(t, 12, 8, large)
		r.faulty.Script(scimError(400, "invalidValue"), scimtest.Reply{}, scimError(400, "invalidValue"))
		if refused := r.halving(r.adds(r.people[8:10]...)); len(refused) != 1 {
			t.Errorf("refused %v", refused)
		}
		r.done(r.adds(r.people[9]))
		if n := r.groups.Bulk().Ops; n != 40 {
			t.Errorf("learned to send %d members, and it was one of them", n)
		}
	})
	t.Run("one unknown among removals and additions", func(t *testing.T) {
		r := newRoom(t, 32, 20, large)
		changes := append(r.removes(r.people[:5]...), r.adds("nobody-there", r.people[20], r.people[21])...)
		if refused := r.halving(changes); len(refused) != 1 || refused[0] != "nobody-there" {
			t.Errorf("refused %v", refused)
		}
		r.has(r.people[5:22]...)
	})
}

// A group has no more members than the service takes: 413 parks who is too much, and so does
// the profile before anything is sent.
func TestGroupIsFull(t *testing.T) {
	r := newRoom(t, 12, 8, nil, "max-group=10")
	if refused := r.halving(r.adds(r.people[8:12]...)); len(refused) != 2 {
		t.Errorf("refused %v", refused)
	}
	r.has(r.people[:10]...)
	r = newRoom(t, 12, 8, func(p *profile.Profile) { p.Members.MaxTotal = 10 })
	if v := r.apply(r.adds(r.people[8:12]...)); !slices.Equal(v, []plan.Verdict{plan.Done, plan.Done, plan.Park, plan.Park}) {
		t.Errorf("verdicts %v", v)
	}
	r.has(r.people[:10]...)
}

// One operation a request, where the profile says so.
func TestOneOperationPerRequest(t *testing.T) {
	r := newRoom(t, 12, 8, func(p *profile.Profile) { p.Members.OneOpPerRequest = true }, "remove-shifts")
	if n := r.groups.Bulk().Ops; n != 1 {
		t.Errorf("%d changes travel together", n)
	}
	for _, change := range append(r.removes(r.people[:3]...), r.adds(r.people[8])...) {
		r.done([]*plan.Change{change})
	}
	r.has(r.people[3:9]...)
	for _, q := range r.faulty.Requests() {
		if n := strings.Count(q.Body, `"op":`); n > 1 {
			t.Errorf("%d operations in a request", n)
		}
	}
}

// What is refused for all of it is so for all changes, once: the group is gone, we are too
// fast, we are not let in.
func TestRefusedAsAWhole(t *testing.T) {
	for name, c := range map[string]struct {
		reply scimtest.Reply
		want  plan.Verdict
		whole bool
	}{
		"throttled":       {scimtest.Reply{Status: 429, Header: map[string]string{"Retry-After": "7"}}, plan.Again, true},
		"sick":            {scimtest.Reply{Status: 503, Header: map[string]string{"Retry-After": "7"}}, plan.Again, true},
		"fails":           {scimtest.Reply{Status: 500}, plan.Again, true},
		"no answer":       {scimtest.Reply{Cut: scimtest.After}, plan.InDoubt, true},
		"later":           {scimtest.Reply{Status: 202}, plan.InDoubt, true},
		"not allowed":     {scimError(403, ""), plan.Park, false},
		"a web page":      {scimtest.Reply{Status: 200, Body: "<html>log in</html>"}, plan.Stop, false},
		"no PATCH":        {scimError(405, ""), plan.Stop, false},
		"too many ops":    {scimError(400, "invalidSyntax"), plan.Apart, true},
		"too large":       {scimError(413, ""), plan.Apart, true},
		"somebody else's": {scimError(412, ""), plan.Again, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t, 12, 8, nil)
			r.faulty.Script(c.reply)
			results, whole := r.groups.ApplyAll(t.Context(), r.adds(r.people[8:10]...), "corr-1")
			if results[0].Verdict != c.want || results[1].Verdict != c.want || whole != c.whole {
				t.Errorf("verdicts %d and %d, whole %t: %v", results[0].Verdict, results[1].Verdict, whole, results[0].Err)
			}
			if throttled := c.reply.Header != nil; throttled == results[0].NotBefore.IsZero() {
				t.Errorf("not before %v", results[0].NotBefore)
			}
		})
	}
	t.Run("no such group", func(t *testing.T) {
		r := newRoom(t, 12, 8, nil)
		r.group = "gone"
		r.are(r.apply(r.adds(r.people[8:10]...)), plan.Vanished)
		r.are(r.apply(r.removes(r.people[1:3]...)), plan.Vanished)
	})
	t.Run("404 for a member", func(t *testing.T) {
		r := newRoom(t, 12, 8, nil)
		r.faulty.Script(scimError(404, ""))
		r.are(r.apply(r.adds(r.people[8])), plan.Park)
	})
}

// A trial that is throttled is sent again as it is.
func TestThrottledTrial(t *testing.T) {
	r := newRoom(t, 12, 8, nil)
	r.faulty.Script(scimtest.Reply{}, scimtest.Reply{Status: 429, Header: map[string]string{"Retry-After": "7"}})
	changes := r.removes(r.people[:2]...)
	results, whole := r.groups.ApplyAll(t.Context(), changes, "corr-1")
	if results[0].Verdict != plan.Again || !whole || results[0].NotBefore.IsZero() {
		t.Errorf("verdict %d, whole %t, not before %v: %v", results[0].Verdict, whole, results[0].NotBefore, results[0].Err)
	}
	r.has(r.people[:8]...)
	r.done(changes)
	r.has(r.people[2:8]...)
}

// After a lost answer nobody is added twice: some services take a member twice.
func TestNobodyIsAddedTwice(t *testing.T) {
	r := newRoom(t, 12, 8, nil)
	r.faulty.Script(scimtest.Reply{Cut: scimtest.After})
	changes := r.adds(r.people[8:10]...)
	r.are(r.apply(changes), plan.InDoubt)
	r.has(r.people[:10]...)
	n := r.count()
	changes = append(changes, r.adds(r.people[10])...)
	for _, change := range changes {
		change.Doubt.Sent = true
	}
	r.done(changes)
	r.sent(n, "GET", "PATCH 1")
	if last := r.faulty.Requests()[r.count()-1].Body; strings.Contains(last, r.people[8]) || !strings.Contains(last, r.people[10]) {
		t.Errorf("sent %s", last)
	}
	n = r.count()
	r.done(changes)
	r.sent(n) // who is in the group is known for a while
}

// A large group whose members may be in it already is read once, and not with each request.
func TestDoubtedMembersAreReadOnce(t *testing.T) {
	r := newRoom(t, 40, 20, nil)
	n := r.count()
	for at := 10; at < 40; at += 10 {
		changes := r.adds(r.people[at : at+10]...)
		for _, change := range changes {
			change.Doubt.Sent = true
		}
		r.done(changes)
	}
	r.sent(n, "GET", "PATCH 1", "PATCH 1")
	r.has(r.people...)
}

// Several groups at once: one tries, the others wait for what it finds out.
func TestOneTriesForAll(t *testing.T) {
	r := newRoom(t, 40, 10, nil, "remove-filter-wipes")
	groups := []string{r.group}
	for i := range 5 {
		var list []any
		for _, id := range r.people[:10] {
			list = append(list, map[string]any{"value": id})
		}
		ids, err := r.server.SeedGroups(map[string]any{"schemas": []any{"urn:ietf:params:scim:schemas:core:2.0:Group"}, "displayName": fmt.Sprintf("app-%d", i), "members": list})
		if err != nil {
			t.Fatal(err)
		}
		groups = append(groups, ids[0])
	}
	r.lens = func(map[string]any) { time.Sleep(20 * time.Millisecond) } // so that they meet
	var all sync.WaitGroup
	for _, group := range groups {
		r.group = group
		changes := r.removes(r.people[0])
		all.Go(func() {
			if got := r.groups.Apply(t.Context(), changes[0], "corr-1"); got.Verdict != plan.Done {
				t.Errorf("verdict %d: %v", got.Verdict, got.Err)
			}
		})
	}
	all.Wait()
	for _, r.group = range groups {
		r.has(r.people[1:10]...)
	}
	if n := harmfulRemovals(r); n != 1 {
		t.Errorf("%d requests by a form that does harm", n)
	}
}

// 38: each limit that fits is drawn from: those of large bodies by their size, those of members
// by how many change.
func TestDrawsOfMembers(t *testing.T) {
	r := newRoom(t, 40, 10, func(p *profile.Profile) {
		p.Rate.Buckets = []profile.Bucket{
			{Match: profile.Match{"PATCH */Groups/*"}, Rate: profile.Limit{N: 5, Per: 30e9}, MinBody: 500, Unit: profile.UnitRequests},
			{Match: profile.Match{"PATCH */Groups/*"}, Rate: profile.Limit{N: 100, Per: 30e9}, Unit: profile.UnitRequests},
			{Match: profile.Match{"PATCH */Groups/*"}, Rate: profile.Limit{N: 1000, Per: 3600e9}, Unit: profile.UnitMembers},
			{Match: profile.Match{"GET *"}, Rate: profile.Limit{N: 7, Per: 30e9}, Unit: profile.UnitRequests},
		}
	})
	const large, small, members = "PATCH */Groups/*, 5/30s of at least 500 bytes", "PATCH */Groups/*, 100/30s", "PATCH */Groups/*, 1000/h members"
	for name, c := range map[string]struct {
		changes []*plan.Change
		want    []plan.Draw
	}{
		"one":    {r.adds(r.people[11]), []plan.Draw{{Bucket: small, N: 1}, {Bucket: members, N: 1}}},
		"twenty": {r.adds(r.people[11:31]...), []plan.Draw{{Bucket: large, N: 1}, {Bucket: small, N: 1}, {Bucket: members, N: 20}}},
		"mixed":  {append(r.adds(r.people[11]), r.removes(r.people[0])...), []plan.Draw{{Bucket: small, N: 1}, {Bucket: members, N: 2}}},
		"rename": {[]*plan.Change{scimtest.ChangeGroup(plan.Update, r.group, replace("displayName", "x"))}, []plan.Draw{{Bucket: small, N: 1}}},
		"create": {[]*plan.Change{scimtest.CreateGroup(scimtest.Group(1))}, nil},
	} {
		if got := r.groups.Draws(c.changes...); !slices.Equal(got, c.want) {
			t.Errorf("%s draws %v, want %v", name, got, c.want)
		}
	}
}

// Whatever is sent besides the one request passes the gate, with what it draws.
func TestTrialsPassTheGate(t *testing.T) {
	r := newRoom(t, 12, 10, nil)
	var mu sync.Mutex
	var passed []string
	memory := scim.NewMemory(nil, nil, nil)
	r.groups = inProcess(t, r.faulty, with(func(p *profile.Profile) {
		p.Rate.Buckets = []profile.Bucket{{Match: profile.Match{"GET *"}, Rate: profile.Limit{N: 7, Per: 1e9}, Unit: profile.UnitRequests},
			{Match: profile.Match{"PATCH *"}, Rate: profile.Limit{N: 9, Per: 1e9}, Unit: profile.UnitRequests}}
	}), func(o *scim.Options) {
		o.Memory = memory
		o.Gate = gateOf(func(draws []plan.Draw) {
			mu.Lock()
			defer mu.Unlock()
			for _, d := range draws {
				passed = append(passed, strings.Fields(d.Bucket)[0])
			}
		})
	}).Groups()
	r.done(r.removes(r.people[0], r.people[1], r.people[2], r.people[3], r.people[4]))
	var sent []string
	for _, q := range r.faulty.Requests() {
		sent = append(sent, q.Method)
	}
	i := slices.Index(sent, http.MethodPatch) // the first one has its place
	if want := slices.Delete(sent, i, i+1); !slices.Equal(passed, want) {
		t.Errorf("passed %v, sent %v", passed, want)
	}
}
