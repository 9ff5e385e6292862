package scim_test

import (
	"strings"
	"testing"

	"scimsync/sync/plan"
	"scimsync/targets/scim/profile"
)

// The first removal goes alone and is looked at, then several together are; from then on
// removals and additions go in one request, and nothing is read. Another process knows it.
func TestRemovalsAreTriedAndThenTrusted(t *testing.T) {
	r := newRoom(t, 12, 10, nil)
	r.done(r.removes(r.people[0], r.people[1], r.people[2], r.people[3], r.people[4]))
	r.has(r.people[5:10]...)
	r.sent(0, "GET", "PATCH 1", "GET", "GET", "PATCH 3", "GET", "PATCH 1")
	n := r.count()
	r.done(append(r.adds(r.people[0], r.people[11]), r.removes(r.people[5])...))
	r.has(append([]string{r.people[0], r.people[11]}, r.people[6:10]...)...)
	r.sent(n, "PATCH 2")
	r.process()
	n = r.count()
	r.done(r.removes(r.people[6], r.people[7]))
	r.sent(n, "PATCH 2")
	r.has(r.people[0], r.people[11], r.people[8], r.people[9])
}

// A form that wipes the group is noticed at its first use, and never used again, not by
// another process either. Everybody is back, also those whom nobody here knows of. Where the
// whole group is known, it is stated from then on.
func TestWipingIsNoticedAndMended(t *testing.T) {
	array := func(p *profile.Profile) { p.Members.Remove = profile.RemoveArray }
	for name, c := range map[string]struct {
		change func(*profile.Profile)
		habits []string
	}{
		"filter (case 18)": {nil, []string{"remove-filter-wipes", "remove-array-400"}},
		"array (case 17)":  {array, []string{"remove-array-wipes"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t, 12, 10, c.change, c.habits...)
			r.done(r.removes(r.people[:3]...))
			r.has(r.people[3:10]...)
			r.speaks("took others out", "9 members are back")
			if n := harmfulRemovals(r); n != 1 {
				t.Errorf("%d requests by a form that does harm", n)
			}
			r.process()
			r.done(r.removes(r.people[3]))
			r.has(r.people[4:10]...)
			if n := harmfulRemovals(r); n != 1 {
				t.Errorf("%d requests by a form that does harm", n)
			}
			r.done(append(r.removes(r.people[4]), r.adds(r.people[0])...))
			r.has(append([]string{r.people[0]}, r.people[5:10]...)...)
		})
	}
}

// harmfulRemovals counts requests that remove somebody without stating who stays.
func harmfulRemovals(r *room) (n int) {
	for _, q := range r.faulty.Requests() {
		if q.Method == "PATCH" && strings.Contains(q.Body, `"op":"remove"`) {
			n++
		}
	}
	return n
}

// Where it is not known how many are in the group, where it has more than one request takes,
// or where it shows nobody, nothing states the whole of it: the removals wait, in words that
// say what to do.
func TestAfterHarmRemovalsWait(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*profile.Profile)
		of     int
		habits []string
		says   string
	}{
		"nobody knows how many":  {nil, 0, nil, "it is not known that these are all"},
		"more than are shown":    {nil, 40, nil, "it is not known that these are all"},
		"too many":               {func(p *profile.Profile) { p.Members.MaxPerRequest = 5 }, 10, nil, "more than one request takes (5)"},
		"replacing is refused":   {nil, 10, []string{"replace-members-400"}, "the service refuses"},
		"only asking shows them": {func(p *profile.Profile) { p.Members.InGet = false }, 10, nil, "do not show who is in them"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t, 12, 10, c.change, append(c.habits, "remove-filter-wipes")...)
			changes := r.removes(r.people[:2]...)
			for _, change := range changes {
				change.Member.Of = c.of
			}
			var last plan.Result
			var verdicts []plan.Verdict
			for range 3 { // as often as somebody tries
				if c.of == 10 {
					for _, change := range changes {
						change.Member.Of = len(r.members(r.group))
					}
				}
				results, _ := r.groups.ApplyAll(t.Context(), changes, "corr-1")
				last = results[1]
				verdicts = append(verdicts, results[0].Verdict)
			}
			if last.Verdict != plan.Park {
				t.Fatalf("verdict %d: %v", last.Verdict, last.Err)
			}
			says(t, last.Err, "took out others as well", c.says, "members: {remove:")
			if n := harmfulRemovals(r); n != 1 {
				t.Errorf("%d requests by a form that does harm", n)
			}
			if told := verdicts[0] == plan.Wiped; told != (c.of != 10 || name == "only asking shows them") {
				t.Errorf("first verdicts %v: who has to be put back is known here, or only to the caller", verdicts)
			}
			if name != "only asking shows them" { // then only those asked for can be put back
				r.has(r.people[1:10]...)
			}
		})
	}
}

// 19: a service that refuses a list of values gets the form of RFC 7644, once and for all.
func TestRefusedArrayBecomesFilter(t *testing.T) {
	r := newRoom(t, 12, 10, func(p *profile.Profile) { p.Members.Remove = profile.RemoveArray }, "remove-array-400")
	r.done(r.removes(r.people[0]))
	r.has(r.people[1:10]...)
	r.sent(0, "GET", "PATCH 1", "GET", "GET", "PATCH 1", "GET")
	r.process()
	n := r.count()
	r.done(r.removes(r.people[1]))
	r.sent(n, "PATCH 1")
	r.has(r.people[2:10]...)
}

// 20: a service that hits the wrong ones with the second operation of a request gets one
// operation a request, and the wrong ones are back.
func TestShiftedRemovals(t *testing.T) {
	r := newRoom(t, 12, 10, nil, "remove-shifts")
	r.done(r.removes(r.people[0], r.people[2], r.people[3], r.people[5], r.people[6]))
	r.has(r.people[1], r.people[4], r.people[7], r.people[8], r.people[9])
	r.speaks("took others out")
	r.process()
	n := r.count()
	r.done(append(r.removes(r.people[7], r.people[8]), r.adds(r.people[10], r.people[11])...))
	r.sent(n, "PATCH 1", "PATCH 2")
	r.has(r.people[1], r.people[4], r.people[9], r.people[10], r.people[11])
}

// A group of one is no witness: that it is empty afterwards proves nothing, and the next
// group is not wiped for it.
func TestOneMemberProvesNothing(t *testing.T) {
	r := newRoom(t, 12, 1, func(p *profile.Profile) { p.Members.Remove = profile.RemoveArray }, "remove-array-wipes")
	r.done(r.removes(r.people[0]))
	r.has()
	large, err := r.server.SeedGroups(map[string]any{"schemas": []any{"urn:ietf:params:scim:schemas:core:2.0:Group"}, "displayName": "app-it",
		"members": []any{map[string]any{"value": r.people[4]}, map[string]any{"value": r.people[5]}, map[string]any{"value": r.people[6]}}})
	if err != nil {
		t.Fatal(err)
	}
	r.group = large[0]
	r.done(r.removes(r.people[4]))
	r.has(r.people[5], r.people[6])
	r.speaks("took others out", "2 members are back")
}
