package scim_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"scimsync/sync/plan"
	"scimsync/targets/scim"
	"scimsync/targets/scim/profile"
	"scimsync/targets/scimtest"
)

// An answer that is lost in the middle of a trial leaves no question open that a look at the
// group answers.
func TestLostAnswerOfATrial(t *testing.T) {
	pass := scimtest.Reply{}
	t.Run("carried out", func(t *testing.T) {
		r := newRoom(t, 12, 10, nil)
		r.faulty.Script(pass, scimtest.Reply{Cut: scimtest.After})
		r.done(r.removes(r.people[0]))
		r.has(r.people[1:10]...)
		n := r.count()
		r.done(r.removes(r.people[1]))
		r.sent(n, "PATCH 1") // it was proof
	})
	t.Run("not carried out", func(t *testing.T) {
		r := newRoom(t, 12, 10, nil)
		r.faulty.Script(pass, scimtest.Reply{Cut: scimtest.Before})
		changes := r.removes(r.people[0])
		r.are(r.apply(changes), plan.InDoubt)
		r.has(r.people[:10]...)
		changes[0].Doubt.Sent = true
		r.done(changes)
		r.has(r.people[1:10]...)
	})
	t.Run("harm done", func(t *testing.T) {
		r := newRoom(t, 12, 10, nil, "remove-filter-wipes")
		r.faulty.Script(pass, scimtest.Reply{Cut: scimtest.After})
		r.done(r.removes(r.people[0]))
		r.has(r.people[1:10]...)
		r.speaks("took others out")
	})
	t.Run("refused, and harm done", func(t *testing.T) { // a service that lies about what it did
		r := newRoom(t, 12, 10, nil, "remove-filter-wipes")
		r.answers = http.StatusBadRequest
		r.apply(r.removes(r.people[0]))
		r.has(r.people[1:10]...)
		r.speaks("took others out")
	})
}

// A process that dies in the middle of a trial leaves its question to the next one, which
// finds out what was done before it does anything else, whatever group it is asked for.
func TestAnotherProcessFindsOutWhatATrialDid(t *testing.T) {
	dies := func(t *testing.T, habits ...string) *room {
		r := newRoom(t, 12, 10, nil, habits...)
		r.faulty.Script(scimtest.Reply{}, scimtest.Reply{}) // the look before, and the removal
		r.faulty.Forever(scimtest.Reply{Cut: scimtest.Before})
		r.are(r.apply(r.removes(r.people[0])), plan.InDoubt)
		r.faulty = scimtest.NewFaulty(r)
		r.process()
		return r
	}
	t.Run("harm", func(t *testing.T) {
		r := dies(t, "remove-filter-wipes")
		r.has() // all are out
		first := r.group
		other, err := r.server.SeedGroups(map[string]any{"schemas": []any{"urn:ietf:params:scim:schemas:core:2.0:Group"}, "displayName": "app-it"})
		if err != nil {
			t.Fatal(err)
		}
		r.group = other[0]
		r.done(r.adds(r.people[3]))
		r.has(r.people[3])
		r.group = first
		r.has(r.people[1:10]...)
		if n := harmfulRemovals(r); n != 0 {
			t.Errorf("%d more requests by a form that does harm", n)
		}
	})
	t.Run("no harm", func(t *testing.T) {
		r := dies(t)
		changes := r.removes(r.people[0], r.people[1])
		changes[0].Doubt.Sent = true
		r.done(changes)
		r.has(r.people[2:10]...)
		if n := harmfulRemovals(r); n != 1 { // of the second member; of the first it is known
			t.Errorf("%d removals, want 1", n)
		}
	})
}

// What cannot be kept is not tried.
func TestTrialThatCannotBeKept(t *testing.T) {
	r := newRoom(t, 12, 10, nil)
	full := scim.NewMemory(nil, func([]byte) error { return errors.New("no space left") }, nil)
	r.groups = inProcess(t, r.faulty, func(o *scim.Options) { o.Memory = full }).Groups()
	r.are(r.apply(r.removes(r.people[0])), plan.Stop)
	r.has(r.people[:10]...)
	r.sent(0, "GET")
}

// A service whose reads lag behind gets time. What it said is done and does not show is not
// met by another form before it had a minute; what shows then, harm too, is seen.
func TestLateChanges(t *testing.T) {
	// stale shows the group as it was at first, until a moment.
	stale := func(r *room, until time.Time) {
		var old any
		r.lens = func(group map[string]any) {
			if old == nil {
				old = group["members"]
			}
			if time.Now().Before(until) {
				group["members"] = old
			}
		}
	}
	t.Run("a second", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRoom(t, 12, 10, nil)
			stale(r, time.Now().Add(time.Second))
			r.done(r.removes(r.people[0]))
			r.has(r.people[1:10]...)
		})
	})
	t.Run("half a minute", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRoom(t, 12, 10, nil)
			stale(r, time.Now().Add(30*time.Second))
			changes := r.removes(r.people[0], r.people[1])
			if v := r.apply(changes); !slices.Equal(v, []plan.Verdict{plan.Ignored, plan.Park}) {
				t.Errorf("verdicts %v", v)
			}
			if n := harmfulRemovals(r); n != 1 {
				t.Errorf("%d removals while it is not known what the first one does", n)
			}
			time.Sleep(10 * time.Second)
			changes[0].Doubt.Sent = true
			r.are(r.apply(changes), plan.Park) // not met by another form yet
			for _, q := range r.faulty.Requests() {
				if strings.Contains(q.Body, `"op":"replace"`) {
					t.Errorf("another form before it is known what the first one does: %s", q.Body)
				}
			}
			time.Sleep(30 * time.Second)
			r.done(changes)
			r.has(r.people[2:10]...)
		})
	})
	t.Run("harm after half a minute", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRoom(t, 12, 10, nil, "remove-filter-wipes")
			stale(r, time.Now().Add(30*time.Second))
			r.are(r.apply(r.removes(r.people[0])), plan.Ignored)
			r.has()
			time.Sleep(40 * time.Second)
			r.process()
			r.done(r.adds(r.people[11]))
			r.has(append(slices.Clone(r.people[1:10]), r.people[11])...)
		})
	})
	t.Run("never", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRoom(t, 12, 10, nil)
			r.faulty.Script(scimtest.Reply{}, scimtest.Reply{Status: 200, Body: `{"id":"g"}`}) // a removal that is dropped
			changes := r.removes(r.people[0])
			r.are(r.apply(changes), plan.Ignored)
			time.Sleep(2 * time.Minute)
			changes[0].Doubt.Sent = true
			r.done(changes) // by stating who stays
			r.has(r.people[1:10]...)
			r.speaks("does nothing")
			if last := r.faulty.Requests()[r.count()-2]; !strings.Contains(last.Body, `"op":"replace"`) {
				t.Errorf("the other form is %s", last.Body)
			}
		})
	})
}

// Harm that comes after the trial was looked at is seen before several are removed at once.
func TestLaterHarm(t *testing.T) {
	r := newRoom(t, 12, 10, nil)
	r.done(r.removes(r.people[0]))
	lost := r.people[5:8]
	clean := r.group
	r.wipe(clean, lost...)
	other, err := r.server.SeedGroups(map[string]any{"schemas": []any{"urn:ietf:params:scim:schemas:core:2.0:Group"}, "displayName": "app-it",
		"members": []any{map[string]any{"value": r.people[4]}, map[string]any{"value": r.people[5]}, map[string]any{"value": r.people[6]}}})
	if err != nil {
		t.Fatal(err)
	}
	r.group = other[0]
	r.done(r.removes(r.people[4], r.people[5]))
	r.has(r.people[6])
	r.group = clean
	r.has(r.people[1:10]...)
	r.speaks("took others out", "3 members are back")
}

// A form that is trusted has to prove itself again once an answer shows that it did nothing.
func TestTrustIsLost(t *testing.T) {
	r := newRoom(t, 12, 10, nil)
	r.done(r.removes(r.people[0]))
	r.faulty.Script(scimtest.Reply{Status: 200, Body: `{"id":"g","members":[{"value":"` + r.people[1] + `"},{"value":"` + r.people[2] + `"}]}`})
	r.are(r.apply(r.removes(r.people[1])), plan.Ignored)
	n := r.count()
	r.done(r.removes(r.people[1]))
	r.sent(n, "GET", "PATCH 1", "GET")
}

// What somebody took out themselves is theirs: that a few are gone counts as harm only soon
// after a removal was tried.
func TestOthersTakeMembersOut(t *testing.T) {
	t.Run("between two removals", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRoom(t, 12, 10, nil)
			r.done(r.removes(r.people[0]))
			time.Sleep(5 * time.Minute)
			r.wipe(r.group, r.people[5])
			r.done(r.removes(r.people[1], r.people[2]))
			r.has(r.people[3], r.people[4], r.people[6], r.people[7], r.people[8], r.people[9])
		})
	})
	t.Run("while nobody was here", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRoom(t, 12, 10, nil)
			r.faulty.Script(scimtest.Reply{}, scimtest.Reply{})
			r.faulty.Forever(scimtest.Reply{Cut: scimtest.Before})
			r.are(r.apply(r.removes(r.people[0])), plan.InDoubt)
			time.Sleep(8 * time.Hour)
			r.wipe(r.group, r.people[5])
			r.faulty = scimtest.NewFaulty(r)
			r.process()
			r.done(r.removes(r.people[1]))
			r.has(r.people[2], r.people[3], r.people[4], r.people[6], r.people[7], r.people[8], r.people[9])
			r.speaks("look there whether that is right")
		})
	})
}

// A service that does the first operation of a request, and says yes to all, gets one each.
func TestFirstOperationDecides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, 12, 10, nil)
		r.firstOnly = true
		if refused := r.halving(r.removes(r.people[:5]...)); refused != nil {
			t.Errorf("refused %v", refused)
		}
		r.has(r.people[5:10]...)
		r.speaks("are not all done")
	})
}

// The caller is told once in a process to put everybody back whom only it knows of.
func TestWipedIsToldOnce(t *testing.T) {
	for name, restarts := range map[string]int{"same process": 0, "another process": 1} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t, 12, 10, nil, "members-hidden", "remove-filter-wipes")
			removal := r.removes(r.people[0])
			removal[0].Member.Beside = r.people[9]
			// The group and three questions before, the removal, the group and two questions afterwards.
			r.faulty.Script(make([]scimtest.Reply, 8)...)
			r.faulty.Forever(scimtest.Reply{Cut: scimtest.Before})
			r.are(r.apply(removal), plan.Wiped)
			r.has()
			r.faulty.Forever(scimtest.Reply{})
			if restarts > 0 {
				r.process()
			}
			back := r.adds(r.people[1:10]...)
			for _, change := range back {
				change.Doubt.Sent = true
			}
			told := 0
			for range 3 {
				for _, v := range r.apply(back) {
					if v == plan.Wiped {
						told++
					}
				}
			}
			r.has(r.people[1:10]...)
			if told != restarts {
				t.Errorf("told %d times more", told)
			}
			if n := harmfulRemovals(r); n != 1 {
				t.Errorf("%d requests by a form that does harm", n)
			}
		})
	}
}

// A group that shows only a part of its members is never stated whole, and who is not shown
// is not taken for gone.
func TestGroupsThatShowAPart(t *testing.T) {
	part := func(group map[string]any) {
		list, _ := group["members"].([]any)
		group["members"] = list[:min(len(list), 5)]
	}
	t.Run("by filter", func(t *testing.T) {
		r := newRoom(t, 12, 10, nil)
		r.lens = part
		r.done(r.removes(r.people[7], r.people[8], r.people[1]))
		r.has(slices.Concat(r.people[:1], r.people[2:7], r.people[9:10])...)
	})
	t.Run("after harm", func(t *testing.T) {
		r := newRoom(t, 12, 10, nil, "remove-filter-wipes")
		r.lens = part
		changes := r.removes(r.people[0], r.people[1])
		if v := r.apply(changes); v[0] != plan.Wiped { // those who were not seen, only the caller knows
			t.Errorf("verdicts %v", v)
		}
		r.are(r.apply(changes[1:]), plan.Park)
		for _, q := range r.faulty.Requests() {
			if strings.Contains(q.Body, `"op":"replace"`) {
				t.Errorf("stated whole: %s", q.Body)
			}
		}
	})
	t.Run("refused", func(t *testing.T) { // that somebody is not shown does not mean that they are gone
		r := newRoom(t, 12, 10, nil)
		r.lens = part
		r.faulty.Script(scimtest.Reply{}, scimError(400, "invalidValue"))
		r.are(r.apply(r.removes(r.people[7])), plan.Park)
		r.has(r.people[:10]...)
	})
	for name, form := range map[string]profile.MemberRemove{"by replacing": profile.RemoveReplaceAll, "by PUT": profile.RemovePut} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t, 12, 10, func(p *profile.Profile) { p.Members.Remove = form })
			r.lens = part
			r.are(r.apply(r.removes(r.people[0])), plan.Park)
			r.has(r.people[:10]...)
			r.sent(0, "GET")
		})
	}
	t.Run("PUT only", func(t *testing.T) {
		r := newRoom(t, 12, 10, func(p *profile.Profile) { p.Update.Method = profile.UpdatePut })
		r.lens = part
		r.are(r.apply(append(r.adds(r.people[11]), r.removes(r.people[0])...)), plan.Park)
		r.has(r.people[:10]...)
	})
}
