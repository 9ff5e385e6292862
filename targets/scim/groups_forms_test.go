package scim_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"scimsync/sync/plan"
	"scimsync/targets/scim/profile"
	"scimsync/targets/scimtest"
)

// A service without PATCH gets groups whole: with everybody who is in them, whoever put them
// there, and with what else they hold.
func TestGroupsByPUT(t *testing.T) {
	put := func(p *profile.Profile) { p.Update.Method = profile.UpdatePut }
	t.Run("members", func(t *testing.T) {
		r := newRoom(t, 12, 8, put, "method-off=PATCH /Groups 405")
		r.done(append(r.adds(r.people[8:10]...), r.removes(r.people[0], r.people[1])...))
		r.has(r.people[2:10]...)
		n := r.count()
		r.done(append(r.adds(r.people[0]), r.removes(r.people[2])...))
		r.has(append([]string{r.people[0]}, r.people[3:10]...)...)
		r.sent(n, "GET", "PUT 0")
		n = r.count()
		r.done(append(r.adds(r.people[0]), r.removes(r.people[2])...)) // it is so already
		r.sent(n, "GET")
	})
	t.Run("renaming", func(t *testing.T) {
		r := newRoom(t, 12, 8, put)
		if got := r.groups.Apply(t.Context(), scimtest.ChangeGroup(plan.Update, r.group, replace("displayName", "app-new")), "corr-1"); got.Verdict != plan.Done {
			t.Errorf("verdict %d: %v", got.Verdict, got.Err)
		}
		r.has(r.people[:8]...)
	})
	t.Run("found out", func(t *testing.T) {
		r := newRoom(t, 12, 8, func(p *profile.Profile) { p.Update.Method = profile.UpdatePatchThenPut }, "method-off=PATCH /Groups 405")
		changes := append(r.adds(r.people[8]), r.removes(r.people[0])...)
		if refused := r.halving(changes); refused != nil {
			t.Errorf("refused %v", refused)
		}
		r.has(r.people[1:9]...)
		if last := r.since(r.count() - 1); last[0] != "PUT 0" && last[0] != "GET" {
			t.Errorf("the last request is %v", last)
		}
	})
	t.Run("shows nobody", func(t *testing.T) {
		r := newRoom(t, 12, 8, put, "members-hidden")
		for _, change := range [][]*plan.Change{r.adds(r.people[8]), r.removes(r.people[0])} {
			for _, c := range change {
				c.Member.Of = 0
			}
			r.are(r.apply(change), plan.Park)
		}
		if got := r.groups.Apply(t.Context(), scimtest.ChangeGroup(plan.Update, r.group, replace("displayName", "app-new")), "corr-1"); got.Verdict != plan.Park {
			t.Errorf("renaming: verdict %d: %v", got.Verdict, got.Err)
		}
		r.has(r.people[:8]...)
		for _, text := range r.since(0) {
			if strings.HasPrefix(text, "PUT") {
				t.Error("a group that shows nobody was sent whole")
			}
		}
	})
	t.Run("made empty", func(t *testing.T) {
		r := newRoom(t, 12, 0, put)
		made := r.groups.Apply(t.Context(), scimtest.CreateGroup(scimtest.Group(1)), "corr-1")
		r.group = made.Ack.RemoteID
		r.done(r.adds(r.people[:3]...))
		r.has(r.people[:3]...)
	})
	t.Run("full", func(t *testing.T) { // groups are merged all the same
		r := newRoom(t, 12, 8, func(p *profile.Profile) { put(p); p.Put.Mode = profile.PutFull })
		change := scimtest.ChangeGroup(plan.Update, r.group, replace("displayName", "app-new"))
		change.Want = scimtest.Group(1)
		if got := r.groups.Apply(t.Context(), change, "corr-1"); got.Verdict != plan.Done {
			t.Errorf("verdict %d: %v", got.Verdict, got.Err)
		}
		r.has(r.people[:8]...)
	})
}

// Replacing all members takes nobody along who is foreign.
func TestReplacingAllMembers(t *testing.T) {
	r := newRoom(t, 12, 10, func(p *profile.Profile) { p.Members.Remove = profile.RemoveReplaceAll }, "remove-filter-wipes")
	r.done(append(r.removes(r.people[:3]...), r.adds(r.people[11])...))
	r.has(append(slices.Clone(r.people[3:10]), r.people[11])...)
	n := r.count()
	r.done(r.removes(r.people[3]))
	r.sent(n, "GET", "PATCH 1")
	r.has(append(slices.Clone(r.people[4:10]), r.people[11])...)
	r.done(r.removes(append(slices.Clone(r.people[4:10]), r.people[11])...))
	r.has()
	// 23: who refuses it gets the form of RFC 7644.
	r = newRoom(t, 12, 10, func(p *profile.Profile) { p.Members.Remove = profile.RemoveReplaceAll }, "replace-members-400")
	r.done(r.removes(r.people[:3]...))
	r.has(r.people[3:10]...)
}

// Where groups show nobody, those who matter are asked for one by one. That proves as much.
func TestGroupsThatShowNobody(t *testing.T) {
	for name, change := range map[string]func(*profile.Profile){
		"known of the service": func(p *profile.Profile) { p.Members.InGet = false },
		"found out":            nil,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t, 12, 10, change, "members-hidden")
			r.done(r.removes(r.people[:5]...))
			r.has(r.people[5:10]...)
			n := r.count()
			r.done(append(r.removes(r.people[5], r.people[6]), r.adds(r.people[0])...))
			r.sent(n, "PATCH 3")
			r.has(r.people[7], r.people[8], r.people[9], r.people[0])
		})
	}
	t.Run("harm", func(t *testing.T) {
		r := newRoom(t, 12, 10, nil, "members-hidden", "remove-filter-wipes")
		change := r.removes(r.people[0])
		change[0].Member.Beside = r.people[9]
		r.are(r.apply(change), plan.Wiped)
		r.has(r.people[9]) // the others are the caller's to know
		r.process()
		r.are(r.apply(change), plan.Park)
		if n := harmfulRemovals(r); n != 1 {
			t.Errorf("%d requests by a form that does harm", n)
		}
	})
	t.Run("nobody to tell", func(t *testing.T) { // one alone proves nothing
		r := newRoom(t, 12, 10, nil, "members-hidden")
		for i := range 2 {
			n := r.count()
			r.done(r.removes(r.people[i]))
			if sent := r.since(n); len(sent) < 3 {
				t.Errorf("sent %v: it was not looked at", sent)
			}
		}
		r.has(r.people[2:10]...)
	})
}

// A service that shows nobody, and does not tell who is in a group, is believed, and that is
// said. Filters that find nobody, or everybody, do not count.
func TestNobodyCanSee(t *testing.T) {
	for _, habit := range []string{"filter-only=displayName", "filter-ignored"} {
		t.Run(habit, func(t *testing.T) {
			r := newRoom(t, 12, 10, nil, "members-hidden", habit)
			r.done(r.removes(r.people[:3]...))
			r.has(r.people[3:10]...)
			r.speaks("members.remove (filter) is believed")
			n := r.count()
			r.done(r.removes(r.people[3]))
			r.sent(n, "PATCH 1")
		})
	}
	t.Run("finds nobody", func(t *testing.T) {
		r := newRoom(t, 12, 10, nil, "members-hidden")
		r.lists = noGroups
		r.done(r.removes(r.people[:3]...))
		r.has(r.people[3:10]...)
		r.speaks("members.remove (filter) is believed")
	})
}

// A service that says yes and does nothing is found out where the profile says so.
func TestSilentAdditions(t *testing.T) {
	r := newRoom(t, 12, 8, func(p *profile.Profile) { p.Patch.SilentNoop = true })
	r.faulty.Script(scimtest.Reply{Status: 204})
	r.are(r.apply(r.adds(r.people[8])), plan.Ignored)
	r.done(r.adds(r.people[8]))
	n := r.count()
	r.done(r.adds(r.people[9]))
	r.sent(n, "PATCH 1")
	// An answer that shows somebody where they are not to be says it by itself.
	r = newRoom(t, 12, 8, nil)
	r.faulty.Script(scimtest.Reply{Status: 200, Body: `{"id":"g","members":[{"value":"` + r.people[1] + `"}]}`})
	r.are(r.apply(r.adds(r.people[8])), plan.Ignored)
}

// Forms are spelled as the profile has it, and are trusted as they are spelled: another
// spelling is tried anew.
func TestSpellingOfMembers(t *testing.T) {
	body := func(change func(*profile.Profile), changes func(r *room) []*plan.Change) string {
		r := newRoom(t, 4, 3, change, "ops=any", "remove-array-works")
		_ = r.apply(changes(r))
		for _, q := range slices.Backward(r.faulty.Requests()) {
			if q.Method == http.MethodPatch {
				for i, id := range r.people {
					q.Body = strings.ReplaceAll(q.Body, id, "p"+string(rune('0'+i)))
				}
				_, ops, _ := strings.Cut(q.Body, `"Operations":`)
				ops, _, _ = strings.Cut(ops, `,"schemas"`)
				return strings.TrimSuffix(ops, "}")
			}
		}
		return "nothing"
	}
	add := func(r *room) []*plan.Change { return r.adds(r.people[3]) }
	remove := func(r *room) []*plan.Change { return r.removes(r.people[0]) }
	nested := func(r *room) []*plan.Change {
		changes := r.adds(r.people[3])
		changes[0].Member.Edge.Nested = true
		return changes
	}
	for name, c := range map[string]struct {
		change  func(*profile.Profile)
		changes func(r *room) []*plan.Change
		want    string
	}{
		"add":           {nil, add, `[{"op":"add","path":"members","value":[{"value":"p3"}]}]`},
		"add a group":   {nil, nested, `[{"op":"add","path":"members","value":[{"type":"Group","value":"p3"}]}]`},
		"add by filter": {func(p *profile.Profile) { p.Members.Add = profile.AddFilter }, add, `[{"op":"add","path":"members[value eq \"p3\"]","value":{"value":"p3"}}]`},
		"remove":        {nil, remove, `[{"op":"remove","path":"members[value eq \"p0\"]"}]`},
		"in capitals":   {func(p *profile.Profile) { p.Patch.OpCase = profile.OpTitle }, remove, `[{"op":"Remove","path":"members[value eq \"p0\"]"}]`},
		"by array":      {func(p *profile.Profile) { p.Members.Remove = profile.RemoveArray }, remove, `[{"op":"remove","path":"members","value":[{"value":"p0"}]}]`},
		"by replacing":  {func(p *profile.Profile) { p.Members.Remove = profile.RemoveReplaceAll }, remove, `[{"op":"replace","path":"members","value":[{"type":"User","value":"p1"},{"type":"User","value":"p2"}]}]`},
		"without paths": {func(p *profile.Profile) { p.Patch.Path = profile.PathPathless }, add, `[{"op":"add","value":{"members":[{"value":"p3"}]}}]`},
	} {
		if got := body(c.change, c.changes); got != c.want {
			t.Errorf("%s:\n have %s\n want %s", name, got, c.want)
		}
	}
	r := newRoom(t, 12, 10, nil, "ops=any")
	r.done(r.removes(r.people[0]))
	r.change = func(p *profile.Profile) { p.Patch.OpCase = profile.OpTitle }
	r.process()
	n := r.count()
	r.done(r.removes(r.people[1]))
	if sent := r.since(n); len(sent) != 3 {
		t.Errorf("another spelling was not tried: %v", sent)
	}
}

// Trust ends after a month, and what was learned of one service says nothing of another.
func TestTrustEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, 12, 10, nil)
		r.done(r.removes(r.people[0]))
		time.Sleep(29 * 24 * time.Hour)
		n := r.count()
		r.done(r.removes(r.people[1]))
		r.sent(n, "PATCH 1")
		time.Sleep(2 * 24 * time.Hour)
		n = r.count()
		r.done(r.removes(r.people[2]))
		r.sent(n, "GET", "PATCH 1", "GET")
	})
}

// However much a service shows: what it is to show never stands beside a change. There is one
// that takes that for what it is to keep.
func TestChangesHaveNoQuery(t *testing.T) {
	r := newRoom(t, 12, 8, nil)
	large := `{"id":"g","members":[` + strings.Repeat(`{"value":"somebody"},`, 4000) + `{"value":"x"}]}`
	r.faulty.Script(scimtest.Reply{Status: 200, Body: large}, scimtest.Reply{Status: 200, Body: large})
	for i := range 4 {
		r.done(r.adds(r.people[8+i]))
	}
	r.done(r.removes(r.people[0]))
	for _, q := range r.faulty.Requests() {
		if q.Method != http.MethodGet && q.Query != "" {
			t.Errorf("%s %s?%s", q.Method, q.Path, q.Query)
		}
	}
}
