package app_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// onLeave gives people.csv with some of the people inactive.
func onLeave(people string, who ...int) string {
	for _, p := range who {
		people = strings.Replace(people, fmt.Sprintf("\n%d,u%d,Given%d,Family%d,u%d@example.org,Clerk,on", p, p, p, p, p),
			fmt.Sprintf("\n%d,u%d,Given%d,Family%d,u%d@example.org,Clerk,off", p, p, p, p, p), 1)
	}
	return people
}

// anyRun is a run that may leave something for later.
func anyRun(t *testing.T, dir string) result {
	t.Helper()
	return scimsync(t, dir, "sync", "--output", "json").result(t)
}

// groupsQuiet fails the test unless a run sends nothing.
func groupsQuiet(t *testing.T, svc *service, dir string) {
	t.Helper()
	n := svc.last()
	if r := synced(t, dir, 0); r.Calls != 0 || svc.last() != n {
		t.Errorf("a quiet run: %+v, %v", r, svc.groupRequests(n))
	}
}

// A group that another one stands in the way of waits, and comes once it is free.
func TestGroupsConflictEnds(t *testing.T) {
	t.Parallel()
	svc, dir := startService(t), t.TempDir()
	write(t, dir, "config.yaml", clubConfig(svc.URL, clubsFreely+"    groups: {}\n"))
	svc.do("POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"a","externalId":"somebody else's"}`)
	all := clubs{"g1": {"a", []int{1, 2}, nil}, "g2": {"b", []int{2}, nil}}
	all.write(t, dir)
	write(t, dir, "people.csv", clubPeople(3))
	for range 3 {
		if r := anyRun(t, dir); len(r.Conflicts) != 1 {
			t.Errorf("%+v", r)
		}
	}
}

// Who loses their account in the part of a run that only sends leavers leaves their groups, too.
func TestGroupsOfLeaversBeforeNewcomers(t *testing.T) {
	t.Parallel()
	svc, dir := startService(t), t.TempDir()
	write(t, dir, "config.yaml", clubConfig(svc.URL, clubsFreely+"    groups: {}\n    leavers: {members: remove}\n"))
	all := clubs{"g1": {"a", []int{1, 2, 3}, nil}, "g2": {"b", []int{3}, nil}}
	all.write(t, dir)
	write(t, dir, "people.csv", clubPeople(4))
	synced(t, dir, 0)
	write(t, dir, "people.csv", onLeave(clubPeople(5), 3))
	synced(t, dir, 0)
	svc.wantGroups(all, func(p int) bool { return p != 3 })
	groupsQuiet(t, svc, dir)
}

// While it is open whether somebody's account goes, their groups are not forgotten.
func TestGroupsOfHeldLeavers(t *testing.T) {
	t.Parallel()
	for _, members := range []string{"keep", "remove"} {
		t.Run(members, func(t *testing.T) {
			t.Parallel()
			svc, dir := startService(t), t.TempDir()
			guard := replaced(clubsFreely, "deactivate: {count: 1000000}", "deactivate: {count: 0}")
			write(t, dir, "config.yaml", clubConfig(svc.URL, guard+"    groups: {}\n    leavers: {members: "+members+"}\n"))
			all := clubs{"g1": {"a", []int{1, 2, 3}, nil}, "g2": {"b", []int{3, 4}, nil}, "g3": {"c", []int{1}, nil}}
			all.write(t, dir)
			write(t, dir, "people.csv", clubPeople(5))
			synced(t, dir, 0)
			all["g1"].people, all["g3"].people = []int{1, 2}, []int{1, 3}
			all.write(t, dir)
			write(t, dir, "people.csv", onLeave(clubPeople(5), 3))
			synced(t, dir, 3)
			write(t, dir, "people.csv", clubPeople(5))
			synced(t, dir, 0)
			svc.wantGroups(all, everybody)
			groupsQuiet(t, svc, dir)
			// A no, and later a yes.
			write(t, dir, "people.csv", onLeave(clubPeople(5), 3, 5))
			synced(t, dir, 3)
			if o := scimsync(t, dir, "approve", "staff", "--only", "5", "--yes"); o.code != 3 && o.code != 0 {
				t.Fatal(o)
			}
			synced(t, dir, 3)
			svc.wantGroups(all, everybody)
			scimsync(t, dir, "approve", "staff", "--yes").want(t, 0)
			synced(t, dir, 0)
			svc.wantGroups(all, func(p int) bool { return members == "keep" || p != 3 })
			groupsQuiet(t, svc, dir)
		})
	}
}

// Whom a human said no to gets into their groups when they say yes after all.
func TestGroupsOfRejectedNewcomers(t *testing.T) {
	t.Parallel()
	svc, dir := startService(t), t.TempDir()
	config := clubConfig(svc.URL, clubsFreely+"    groups: {}\n")
	write(t, dir, "config.yaml", config)
	all := clubs{"g1": {"a", []int{1, 2, 3}, nil}, "g2": {"b", []int{3, 4}, []string{"g1"}}}
	all.write(t, dir)
	write(t, dir, "people.csv", clubPeople(4))
	synced(t, dir, 0)
	write(t, dir, "config.yaml", replaced(config, "create: {count: 1000000}", "create: {count: 0}"))
	all["g1"].people = []int{1, 2, 3, 5, 6}
	all.write(t, dir)
	write(t, dir, "people.csv", clubPeople(6))
	synced(t, dir, 3)
	if o := scimsync(t, dir, "approve", "staff", "--only", "5", "--yes"); o.code != 3 && o.code != 0 {
		t.Fatal(o)
	}
	synced(t, dir, 3)
	synced(t, dir, 3)
	svc.wantGroups(all, func(p int) bool { return p != 6 })
	scimsync(t, dir, "approve", "staff", "--yes").want(t, 0)
	synced(t, dir, 0)
	svc.wantGroups(all, everybody)
	groupsQuiet(t, svc, dir)
}

// A run for one person leaves a group alone that is gone from the source.
func TestGroupsOfOnePersonUnlinked(t *testing.T) {
	t.Parallel()
	svc, dir := startService(t), t.TempDir()
	write(t, dir, "config.yaml", clubConfig(svc.URL, clubsFreely+"    groups: {}\n"))
	all := clubs{"g1": {"a", []int{1, 2}, nil}, "g2": {"b", []int{1}, nil}, "g3": {"c", []int{1}, nil}}
	all.write(t, dir)
	write(t, dir, "people.csv", clubPeople(2))
	synced(t, dir, 0)
	delete(all, "g1")
	all.write(t, dir)
	for _, args := range [][]string{{"--user", "1"}, {}} {
		synced(t, dir, 0, args...)
		if got := svc.groups(); fmt.Sprint(got["a"]) != "[1 2]" {
			t.Errorf("%v: %v", args, got)
		}
	}
}

// An account that drift did not find and that is made anew is in its groups again.
func TestGroupsAfterDrift(t *testing.T) {
	t.Parallel()
	svc, dir := startService(t), t.TempDir()
	write(t, dir, "config.yaml", clubConfig(svc.URL, clubsFreely+"    groups: {}\n"))
	all := clubs{"g1": {"a", []int{1, 2, 3}, nil}, "g2": {"b", []int{3, 4}, []string{"g1"}}}
	all.write(t, dir)
	write(t, dir, "people.csv", clubPeople(4))
	synced(t, dir, 0)
	svc.do("DELETE", "/Users/"+svc.users()["2"]["id"].(string), "")
	if o := scimsync(t, dir, "drift", "service", "--repair"); o.code != 0 {
		t.Fatal(o)
	}
	synced(t, dir, 0)
	synced(t, dir, 0)
	svc.wantGroups(all, everybody)
	groupsQuiet(t, svc, dir)
}

// moody is a service that refuses some requests.
type moody struct {
	*service
	refuses atomic.Pointer[func(method, path, body string) bool]
}

func startMoody(t *testing.T) (m *moody, url string) {
	m = &moody{service: startService(t)}
	return m, front(t, m.service, func(w http.ResponseWriter, r *http.Request) bool {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		refuses := m.refuses.Load()
		if refuses == nil || !(*refuses)(r.Method, r.URL.Path, string(body)) {
			return false
		}
		w.Header().Set("Content-Type", "application/scim+json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"400","detail":"not today"}`)
		return true
	})
}

func (m *moody) refuse(fn func(method, path, body string) bool) { m.refuses.Store(&fn) }

// A new name that is refused is tried again, whatever happens to the group's members, and keeps
// nothing of them from being done.
func TestGroupsNameRefused(t *testing.T) {
	t.Parallel()
	m, at := startMoody(t)
	dir := t.TempDir()
	guard := replaced(clubsFreely, "member_remove: {count: 1000000}", "member_remove: {count: 0}")
	write(t, dir, "config.yaml", clubConfig(at, guard+"    groups: {}\n"))
	all := clubs{"g1": {"a", []int{1, 2, 3, 4}, nil}, "g2": {"b", []int{3}, nil}}
	all.write(t, dir)
	write(t, dir, "people.csv", onLeave(clubPeople(6), 4))
	synced(t, dir, 0)
	write(t, dir, "people.csv", clubPeople(6))
	synced(t, dir, 0)
	m.wantGroups(all, everybody)
	m.refuse(func(method, _, body string) bool {
		return method == "PATCH" && strings.Contains(body, "displayName") && strings.Contains(body, "renamed")
	})
	all["g1"].name, all["g1"].people = "renamed", []int{2, 3, 4, 5}
	all.write(t, dir)
	held := func(what string) {
		t.Helper()
		r := anyRun(t, dir)
		if r.Hold == nil || r.Hold.Held != 1 || len(r.Parked) != 1 {
			t.Errorf("%s: %+v", what, r)
		}
	}
	held("refused")
	held("it waits, and what is held stays held")
	scimsync(t, dir, "approve", "staff", "--yes")
	if got := m.groups(); fmt.Sprint(got["a"]) != "[2 3 4 5]" {
		t.Errorf("%v", got)
	}
	// Somebody in it goes and comes.
	for _, people := range []string{onLeave(clubPeople(6), 4), clubPeople(6)} {
		write(t, dir, "people.csv", people)
		if r := anyRun(t, dir); len(r.Parked) != 1 {
			t.Errorf("%+v", r)
		}
	}
	if r := anyRun(t, dir); len(r.Parked) != 1 {
		t.Errorf("it is forgotten: %+v", r)
	}
}

// Whose deactivation fails is not given back what was taken from them.
func TestGroupsOfLeaversRefused(t *testing.T) {
	t.Parallel()
	m, at := startMoody(t)
	dir := t.TempDir()
	write(t, dir, "config.yaml", clubConfig(at, clubsFreely+"    groups: {}\n    leavers: {members: remove}\n"))
	all := clubs{"g1": {"a", []int{1, 2, 3}, nil}, "g2": {"b", []int{4}, nil}}
	all.write(t, dir)
	write(t, dir, "people.csv", clubPeople(4))
	synced(t, dir, 0)
	m.refuse(func(method, path, _ string) bool { return method == "PATCH" && strings.Contains(path, "/Users/") })
	write(t, dir, "people.csv", onLeave(clubPeople(4), 3))
	all["g2"].people = []int{3, 4}
	all.write(t, dir)
	for range 3 {
		anyRun(t, dir)
		if got := m.groups(); fmt.Sprint(got["a"], got["b"]) != "[1 2] [4]" {
			t.Errorf("%v", got)
		}
	}
	m.refuse(func(string, string, string) bool { return false })
	write(t, dir, "people.csv", clubPeople(4))
	synced(t, dir, 0)
	m.wantGroups(all, everybody)
	groupsQuiet(t, m.service, dir)
}

// A yes to what the target refuses lasts until its next try.
func TestGroupsYesLasts(t *testing.T) {
	t.Parallel()
	m, at := startMoody(t)
	dir := t.TempDir()
	config := clubConfig(at, replaced(clubsFreely, "member_remove: {count: 1000000}", "member_remove: {count: 0}")+"    groups: {}\n")
	write(t, dir, "config.yaml", config)
	all := clubs{"g1": {"a", []int{1, 2, 3}, nil}, "g2": {"b", []int{3, 4}, nil}}
	all.write(t, dir)
	write(t, dir, "people.csv", clubPeople(4))
	synced(t, dir, 0)
	all["g1"].people = []int{1, 2}
	all.write(t, dir)
	synced(t, dir, 3)
	m.refuse(func(method, path, _ string) bool { return method != "GET" && strings.Contains(path, "/Groups/") })
	scimsync(t, dir, "approve", "staff", "--yes").want(t, 4)
	for range 3 {
		if r := anyRun(t, dir); r.Hold != nil || len(r.Parked) != 1 {
			t.Errorf("%+v", r)
		}
	}
	if r := synced(t, dir, 4, "--user", "3"); r.Calls != 1 || len(r.Parked) != 1 {
		t.Errorf("the next try: %+v", r)
	}
}

// wantKept is wantGroups where groups in groups are kept as such.
func (s *service) wantKept(c clubs, has func(person int) bool) {
	s.t.Helper()
	want := map[string][]string{}
	for key, g := range c {
		members := []string{}
		for _, p := range g.people {
			if has(p) {
				members = append(members, fmt.Sprint(p))
			}
		}
		for _, sub := range g.clubs {
			if sub != key {
				members = append(members, "group "+sub)
			}
		}
		slices.Sort(members)
		want[g.name] = slices.Compact(members)
	}
	if diff := cmp.Diff(want, s.groups()); diff != "" {
		s.t.Errorf("groups at the service (-want +got):\n%s", diff)
	}
}

// Whatever becomes of groups and of people, and wherever the program is killed meanwhile, in the
// end exactly those who are active and in a group, nested groups counted, are in it, and the
// next run has nothing to do.
func TestGroupsRandomly(t *testing.T) {
	t.Parallel()
	for _, nested := range []string{"flatten", "keep"} {
		t.Run(nested, func(t *testing.T) {
			t.Parallel()
			groupsRandomly(t, nested)
		})
	}
}

func groupsRandomly(t *testing.T, nested string) {
	svc, dir := startService(t), t.TempDir()
	guard := replaced(clubsFreely, "guard: {", "guard: {delete: {count: 1000000}, adopt: {count: 1000000}, ")
	config := clubConfig(svc.URL, guard+"    groups: {leavers: delete}\n    leavers: {members: remove}\n")
	write(t, dir, "config.yaml", replaced(replaced(config, "hr: {", "hr: {max_shrink: 100%, "), "key: gid", "key: gid, nested: "+nested))
	const people, rounds = 24, 12
	random := rand.New(rand.NewPCG(17, 4))
	away, suspended, hidden := map[int]bool{}, map[int]bool{}, map[string]bool{}
	for p := 7; p <= people; p++ { // they come one by one
		away[p] = true
	}
	all := clubs{"g0": {"keep", []int{1, 2}, nil}}
	for i := 1; i < 6; i++ {
		all[fmt.Sprint("g", i)] = &club{fmt.Sprint("name ", i), []int{i, i + 1, i + 2}, nil}
	}
	there := func() clubs {
		shown := clubs{}
		for key, g := range all {
			if !hidden[key] {
				shown[key] = &club{g.name, g.people, slices.DeleteFunc(slices.Clone(g.clubs), func(sub string) bool { return hidden[sub] })}
			}
		}
		return shown
	}
	toggle := func(list []int, p int) []int {
		if i := slices.Index(list, p); i >= 0 {
			return slices.Delete(slices.Clone(list), i, i+1)
		}
		return append(slices.Clone(list), p)
	}
	change := func(round int) {
		key, p := fmt.Sprint("g", random.IntN(6)), 1+random.IntN(people)
		g, sub := all[key], fmt.Sprint("g", 1+random.IntN(5))
		switch random.IntN(9) {
		case 0:
			g.name = fmt.Sprintf("%s of %d", key, round)
		case 1:
			if i := slices.Index(g.clubs, sub); i >= 0 {
				g.clubs = slices.Delete(slices.Clone(g.clubs), i, i+1)
			} else {
				g.clubs = append(g.clubs, sub)
			}
		case 2:
			suspended[p] = !suspended[p]
		case 3:
			away[p] = !away[p] && p > 2
		case 4:
			hidden[sub] = !hidden[sub]
		default:
			g.people = toggle(g.people, p)
		}
		if !slices.Contains(all["g0"].people, 1) { // no read believes that nobody is left
			all["g0"].people = append(all["g0"].people, 1)
		}
	}
	killed := 0
	for round := range rounds {
		for range 3 + random.IntN(6) {
			change(round)
		}
		var without, inactive []int
		for p := range people + 1 {
			if away[p] {
				without = append(without, p)
			} else if suspended[p] {
				inactive = append(inactive, p)
			}
		}
		there().write(t, dir)
		write(t, dir, "people.csv", onLeave(clubPeople(people, without...), inactive...))
		c := program(t, dir, "sync")
		c.Env = append(c.Env, fmt.Sprintf("%s=%d", killAt, 1+random.IntN(30)))
		if finish(t, c).code == -1 {
			killed++
		}
		anyRun(t, dir)
		anyRun(t, dir) // who is taken out with their account, or comes back in a new one
		has := func(p int) bool { return !away[p] && !suspended[p] }
		if nested == "keep" {
			svc.wantKept(there(), has)
		} else {
			svc.wantGroups(there(), has)
		}
		groupsQuiet(t, svc, dir)
		if t.Failed() {
			t.Fatalf("round %d, away %v, inactive %v, without %v", round, without, inactive, hidden)
		}
	}
	if killed < rounds/3 {
		t.Errorf("killed %d times", killed)
	}
}
