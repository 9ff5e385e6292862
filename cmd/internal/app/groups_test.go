package app_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

func everybody(int) bool { return true }

// The life of groups: made, joined and left, renamed, nested, given up.
func TestGroupsLife(t *testing.T) {
	t.Parallel()
	svc, dir := startService(t), t.TempDir()
	write(t, dir, "config.yaml", clubConfig(svc.URL, clubsFreely+"    groups: {include: 'name startsWith \"app-\"'}\n"))
	write(t, dir, "people.csv", clubPeople(30))
	all := clubs{
		"g1": {"app-sales", []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, nil},
		"g2": {"app-dev, and \"ops\"", []int{3, 4}, []string{"g4"}},
		"g3": {"payroll", []int{1}, nil},
		"g4": {"nested", []int{19}, []string{"g5"}},
		"g5": {"deeper", []int{20, 3}, []string{"g4"}},
		"g6": {"app-empty", nil, nil},
	}
	all.write(t, dir)
	scope := func() clubs {
		in := clubs{}
		for key, g := range all {
			in[key] = g
			if !strings.HasPrefix(g.name, "app-") {
				in[key] = g
			}
		}
		return in
	}
	check := func(has func(int) bool) {
		t.Helper()
		want := clubs{}
		for key, g := range scope() {
			if strings.HasPrefix(g.name, "app-") {
				people := []int{}
				for p := range all.in(key) {
					people = append(people, p)
				}
				want[key] = &club{g.name, people, nil}
			}
		}
		svc.wantGroups(want, has)
	}
	r := synced(t, dir, 0)
	if r.Done["create"] != 33 || r.Done["add_member"] != 16 || r.Calls != 33+2 {
		t.Fatalf("first run: %+v", r)
	}
	check(everybody)

	quiet := func() {
		t.Helper()
		n := svc.last()
		if r := synced(t, dir, 0); r.Calls != 0 || svc.last() != n {
			t.Fatalf("a quiet run: %+v, %d requests: %v", r, svc.last()-n, svc.groupRequests(n))
		}
	}
	quiet()

	// Two come, one goes: one request.
	removals := func(first ...string) { // the first removal at a target is proved, which takes requests
		t.Helper()
		n := svc.last()
		synced(t, dir, 0)
		if got := svc.groupRequests(n); len(first) > 0 && !slices.Equal(got, first) {
			t.Errorf("%v, want %v", got, first)
		}
		check(everybody)
		quiet()
	}
	all["g1"].people = slices.Concat(all["g1"].people[1:], []int{21, 22})
	all.write(t, dir)
	removals()
	all["g1"].people = slices.Concat(all["g1"].people[3:], []int{23, 24})
	all.write(t, dir)
	removals()
	all["g1"].people = slices.Concat(all["g1"].people[1:], []int{25, 26})
	all.write(t, dir)
	removals("PATCH remove members add members×2")

	// A name is a value; a nested group passes its people on; a group that comes into scope
	// is made with everybody in it.
	all["g1"].name = "app-sales EMEA"
	all.write(t, dir)
	removals("PATCH replace displayName")
	all["g4"].people = append(all["g4"].people, 28)
	all.write(t, dir)
	removals("PATCH add members×1")
	all["g3"].name = "app-payroll"
	all.write(t, dir)
	removals("GET", "GET", "POST", "PATCH add members×1")

	// Newcomers get their memberships with their accounts; who leaves keeps them, inactive.
	all["g1"].people = append(all["g1"].people, 31)
	all.write(t, dir)
	write(t, dir, "people.csv", clubPeople(31))
	if r := synced(t, dir, 0); r.Done["create"] != 1 || r.Done["add_member"] != 1 {
		t.Fatalf("%+v", r)
	}
	check(everybody)
	quiet()
	write(t, dir, "people.csv", clubPeople(31, 31))
	n := svc.last()
	if r := synced(t, dir, 0); r.Done["deactivate"] != 1 || r.Calls != 1 || len(svc.groupRequests(n)) > 0 {
		t.Fatalf("%+v %v", r, svc.groupRequests(n))
	}
	check(everybody)
	quiet()

	// A group that is gone is left as it is.
	delete(all, "g6")
	all.write(t, dir)
	n = svc.last()
	if r := synced(t, dir, 0); r.Calls != 0 || svc.last() != n {
		t.Fatalf("%+v", r)
	}
	if _, there := svc.groups()["app-empty"]; !there {
		t.Error("the group was not left alone")
	}
	quiet()
	// And back again it is the same group.
	all["g6"] = &club{"app-empty", []int{1}, nil}
	all.write(t, dir)
	synced(t, dir, 0)
	check(everybody)
	quiet()
}

// Who is deactivated leaves their groups if the job says so, and comes back with their account.
func TestGroupsOfLeavers(t *testing.T) {
	t.Parallel()
	for _, members := range []string{"keep", "remove"} {
		t.Run(members, func(t *testing.T) {
			t.Parallel()
			svc, dir := startService(t), t.TempDir()
			write(t, dir, "config.yaml", clubConfig(svc.URL, clubsFreely+"    groups: {}\n    leavers: {members: "+members+"}\n"))
			all := clubs{"g1": {"a", []int{1, 2, 3}, nil}, "g2": {"b", []int{3, 4}, nil}}
			all.write(t, dir)
			write(t, dir, "people.csv", clubPeople(4))
			synced(t, dir, 0)
			svc.wantGroups(all, everybody)
			off := strings.Replace(clubPeople(4), "3,u3,Given3,Family3,u3@example.org,Clerk,on", "3,u3,Given3,Family3,u3@example.org,Clerk,off", 1)
			write(t, dir, "people.csv", off)
			r := synced(t, dir, 0)
			if r.Done["deactivate"] != 1 || r.Done["remove_member"] != map[string]int{"keep": 0, "remove": 2}[members] {
				t.Errorf("%+v", r)
			}
			svc.wantGroups(all, func(p int) bool { return members == "keep" || p != 3 })
			// While they are inactive, their groups change.
			all["g2"].people = []int{4}
			all["g3"] = &club{"c", []int{3}, nil}
			all.write(t, dir)
			synced(t, dir, 0)
			if n := svc.last(); synced(t, dir, 0).Calls != 0 || svc.last() != n {
				t.Error("a quiet run is not quiet")
			}
			write(t, dir, "people.csv", clubPeople(4))
			if r := synced(t, dir, 0); r.Done["reactivate"] != 1 {
				t.Errorf("%+v", r)
			}
			svc.wantGroups(all, everybody)
			if n := svc.last(); synced(t, dir, 0).Calls != 0 || svc.last() != n {
				t.Error("a quiet run is not quiet")
			}
		})
	}
}

// What becomes of a group that is gone.
func TestGroupsGone(t *testing.T) {
	t.Parallel()
	for leavers, want := range map[string]string{"unlink": "[1 2 3]", "empty": "[]", "delete": "gone"} {
		t.Run(leavers, func(t *testing.T) {
			t.Parallel()
			svc, dir := startService(t), t.TempDir()
			guard := strings.Replace(clubsFreely, "guard: {", "guard: {delete: {count: 10}, ", 1)
			write(t, dir, "config.yaml", clubConfig(svc.URL, guard+"    groups: {leavers: "+leavers+"}\n"))
			all := clubs{"g1": {"a", []int{1, 2, 3}, nil}, "g2": {"b", []int{3, 4}, nil}, "g3": {"c", []int{1}, nil}}
			all.write(t, dir)
			write(t, dir, "people.csv", clubPeople(4))
			synced(t, dir, 0)
			delete(all, "g1")
			all.write(t, dir)
			synced(t, dir, 0)
			synced(t, dir, 0)
			members, there := svc.groups()["a"]
			got := fmt.Sprint(members)
			if !there {
				got = "gone"
			}
			if got != want {
				t.Errorf("%s, want %s", got, want)
			}
			if n := svc.last(); synced(t, dir, 0).Calls != 0 || svc.last() != n {
				t.Error("a quiet run is not quiet")
			}
			all["g1"] = &club{"a", []int{1, 2, 4}, nil}
			all.write(t, dir)
			synced(t, dir, 0)
			if leavers != "unlink" { // whom we put there before is ours no more
				svc.wantGroups(all, everybody)
			}
		})
	}
}

// The limit on members is held against each group, and holds all that takes access away.
func TestGroupsGuard(t *testing.T) {
	t.Parallel()
	svc, dir := startService(t), t.TempDir()
	write(t, dir, "config.yaml", clubConfig(svc.URL, freely+"    groups: {}\n"))
	all := clubs{"g1": {"a", nil, nil}, "g2": {"b", nil, nil}}
	for i := 1; i <= 30; i++ {
		all["g1"].people = append(all["g1"].people, i)
	}
	for i := 1; i <= 200; i++ {
		all["g2"].people = append(all["g2"].people, i)
	}
	all.write(t, dir)
	write(t, dir, "people.csv", clubPeople(200))
	synced(t, dir, 0)
	// Eleven of thirty are more than 30 %, and more than ten; of all memberships they are few.
	before := all["g1"].people
	all["g1"].people = slices.Concat(before[11:], []int{31})
	all.write(t, dir)
	write(t, dir, "people.csv", clubPeople(200, 200))
	r := synced(t, dir, 3)
	if r.Hold == nil || r.Hold.Held != 12 || r.Done["add_member"] != 1 || r.Done["deactivate"]+r.Done["remove_member"] != 0 {
		t.Fatalf("%+v", r)
	}
	if l := r.Hold.Limits[0]; l.Limit != "member_remove.percent" || l.N != 11 || l.Of != 30 {
		t.Errorf("%+v", l)
	}
	if o := scimsync(t, dir, "status").want(t, 0); !strings.Contains(o.out, "11 members taken out of group a") {
		t.Errorf("status: %s", o.out)
	}
	scimsync(t, dir, "approve", "staff", "--yes").want(t, 0)
	svc.wantGroups(all, everybody)
	if n := svc.last(); synced(t, dir, 0).Calls != 0 || svc.last() != n {
		t.Error("a quiet run is not quiet")
	}
}

// Names that two groups want are told before any request; a group that is there already is
// taken over only with leave, and loses nobody whom we did not put there.
func TestGroupsMatch(t *testing.T) {
	t.Parallel()
	svc, dir := startService(t), t.TempDir()
	config := clubConfig(svc.URL, clubsFreely)
	write(t, dir, "config.yaml", config)
	(clubs{"g0": {"none", nil, nil}}).write(t, dir)
	write(t, dir, "people.csv", clubPeople(4))
	synced(t, dir, 0)
	write(t, dir, "config.yaml", config+"    groups: {include: 'name != \"none\"'}\n")
	mine := svc.do("POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"by-hand","externalId":"by-hand","active":true}`)["id"].(string)
	svc.do("POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Sales","members":[{"value":"`+mine+`"}]}`)
	svc.do("POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"foreign","externalId":"somebody else's"}`)
	all := clubs{"g1": {"sales", []int{1, 2}, nil}, "g2": {"twice", []int{3}, nil}, "g3": {"Twice", []int{3}, nil}, "g4": {"Foreign", []int{3}, nil}, "g0": {"none", []int{4}, nil}}
	all.write(t, dir)
	r := synced(t, dir, 3)
	why := map[string]string{}
	for _, p := range r.Conflicts {
		why[p.Key] = p.Why
	}
	if len(why) != 3 || !strings.Contains(why["g2"], "wanted by several new groups") || !strings.Contains(why["g3"], "wanted by several new groups") ||
		!strings.Contains(why["g4"], `belongs to externalId "somebody else's"`) {
		t.Errorf("conflicts: %v", why)
	}
	if r.Hold == nil || r.Hold.Held != 1 || r.Hold.Limits[0].Limit != "adopt.count" {
		t.Fatalf("%+v", r.Hold)
	}
	all["g2"].name = "once"
	all.write(t, dir)
	o := scimsync(t, dir, "approve", "staff", "--yes")
	if o.code != 0 && o.code != 4 {
		t.Fatal(o)
	}
	synced(t, dir, 0)
	got := svc.groups()
	if fmt.Sprint(got["Sales"], got["once"], got["foreign"]) != "[1 2 by-hand] [3] []" {
		t.Errorf("%v", got)
	}
	all["g1"].people = []int{2}
	all.write(t, dir)
	synced(t, dir, 0)
	if got := svc.groups(); fmt.Sprint(got["Sales"]) != "[2 by-hand]" {
		t.Errorf("%v", got)
	}
}

// A run for one person moves them, and nobody else, in and out of groups.
func TestGroupsOfOnePerson(t *testing.T) {
	t.Parallel()
	svc, dir := startService(t), t.TempDir()
	write(t, dir, "config.yaml", clubConfig(svc.URL, clubsFreely+"    groups: {}\n"))
	all := clubs{"g1": {"a", []int{1, 2, 3}, nil}, "g2": {"b", []int{3, 4}, []string{"g1"}}}
	all.write(t, dir)
	write(t, dir, "people.csv", clubPeople(4))
	synced(t, dir, 0)
	all["g1"].people = []int{2, 5, 6}
	all["g2"].people = []int{1}
	all.write(t, dir)
	write(t, dir, "people.csv", clubPeople(6))
	synced(t, dir, 0, "--user", "5")
	if got := svc.groups(); fmt.Sprint(got["a"], got["b"]) != "[1 2 3 5] [1 2 3 4 5]" {
		t.Errorf("after 5: %v", got)
	}
	synced(t, dir, 0, "--user", "3")
	if got := svc.groups(); fmt.Sprint(got["a"], got["b"]) != "[1 2 5] [1 2 4 5]" {
		t.Errorf("after 3: %v", got)
	}
	synced(t, dir, 0)
	svc.wantGroups(all, everybody)
	if n := svc.last(); synced(t, dir, 0).Calls != 0 || svc.last() != n {
		t.Error("a quiet run is not quiet")
	}
}

// A protected account stays where it is.
func TestGroupsProtect(t *testing.T) {
	t.Parallel()
	svc, dir := startService(t), t.TempDir()
	config := clubConfig(svc.URL, clubsFreely+"    groups: {}\n")
	write(t, dir, "config.yaml", config)
	all := clubs{"g1": {"a", []int{1, 2, 3}, nil}, "g2": {"b", []int{2}, nil}}
	all.write(t, dir)
	write(t, dir, "people.csv", clubPeople(4))
	synced(t, dir, 0)
	write(t, dir, "config.yaml", replaced(config, "pace: {", "protect: {userName: [u1]}, pace: {"))
	all["g1"].people, all["g2"].people = []int{2}, []int{1, 2, 4}
	all.write(t, dir)
	synced(t, dir, 0)
	if got := svc.groups(); fmt.Sprint(got["a"], got["b"]) != "[1 2] [2 4]" {
		t.Errorf("%v", got)
	}
	write(t, dir, "config.yaml", config)
	synced(t, dir, 0)
	svc.wantGroups(all, everybody)
}

// Where a service has no groups, that is said, and people go on.
func TestGroupsNotThere(t *testing.T) {
	t.Parallel()
	svc, dir := startService(t), t.TempDir()
	write(t, dir, "config.yaml", replaced(clubConfig(svc.URL, clubsFreely+"    groups: {}\n"), "pace: {", "options: {resources: [users], members: {remove: none}}, pace: {"))
	(clubs{"g1": {"a", []int{1, 2, 3}, nil}}).write(t, dir)
	write(t, dir, "people.csv", clubPeople(4))
	if o := scimsync(t, dir, "check").want(t, 0); !strings.Contains(o.out+o.err, "says that the service has no groups") {
		t.Errorf("check: %s%s", o.out, o.err)
	}
	if r := synced(t, dir, 0); r.Done["create"] != 4 || len(r.Done) != 1 {
		t.Errorf("%+v", r)
	}
	if n := svc.last(); synced(t, dir, 0).Calls != 0 || svc.last() != n {
		t.Error("a quiet run is not quiet")
	}
	write(t, dir, "config.yaml", clubConfig(svc.URL, clubsFreely+"    groups: {include: 'nam == \"a\"', map: {title: name}}\n"))
	if o := scimsync(t, dir, "check").want(t, 1); !strings.Contains(o.err, "jobs.staff.groups: include: nam is not among the attributes of source hr (did you mean name?)") ||
		!strings.Contains(o.err, "jobs.staff.groups: title: the target has no attribute title") {
		t.Errorf("check: %s%s", o.out, o.err)
	}
	write(t, dir, "config.yaml", clubConfig(svc.URL, clubsFreely+"    groups: {map: {members: name}}\n"))
	if o := scimsync(t, dir, "check").want(t, 0); !strings.Contains(o.out+o.err, "members are not mapped: they follow from the directory") {
		t.Errorf("check: %s%s", o.out, o.err)
	}
	write(t, dir, "config.yaml", csvConfig(svc.URL, clubsFreely+"    groups: {}\n"))
	if o := scimsync(t, dir, "check").want(t, 1); !strings.Contains(o.out+o.err, "source hr has no groups") {
		t.Errorf("check: %s%s", o.out, o.err)
	}
}

// An account, or a group, that somebody deleted at the service is made again once that is
// noticed, and everybody is in their groups again.
func TestGroupsMadeAnew(t *testing.T) {
	t.Parallel()
	svc, dir := startService(t), t.TempDir()
	write(t, dir, "config.yaml", clubConfig(svc.URL, clubsFreely+"    groups: {}\n"))
	all := clubs{"g1": {"a", []int{1, 2, 3}, nil}, "g2": {"b", []int{2}, nil}, "g3": {"c", []int{3, 4}, nil}}
	all.write(t, dir)
	write(t, dir, "people.csv", clubPeople(4))
	synced(t, dir, 0)
	svc.do("DELETE", "/Users/"+svc.users()["2"]["id"].(string), "")
	write(t, dir, "people.csv", strings.Replace(clubPeople(4), "2,u2,Given2,Family2,u2@example.org,Clerk", "2,u2,Given2,Family2,u2@example.org,Head", 1))
	synced(t, dir, 4) // it is noticed
	if r := synced(t, dir, 0); r.Done["create"] != 1 || r.Done["add_member"] != 2 {
		t.Errorf("%+v", r)
	}
	svc.wantGroups(all, everybody)

	var page struct{ Resources []struct{ ID string } }
	svc.get("/Groups?filter=displayName%20eq%20%22a%22", &page)
	svc.do("DELETE", "/Groups/"+page.Resources[0].ID, "")
	all["g1"].people = []int{1, 2, 3, 4}
	all.write(t, dir)
	synced(t, dir, 4)
	if r := synced(t, dir, 0); r.Done["create"] != 1 || r.Done["add_member"] != 4 {
		t.Errorf("%+v", r)
	}
	svc.wantGroups(all, everybody)
	if n := svc.last(); synced(t, dir, 0).Calls != 0 || svc.last() != n {
		t.Error("a quiet run is not quiet")
	}
}

// The state is lost: accounts and groups are found again, nobody is added twice and nobody is
// taken out, and what was left to do is done.
func TestGroupsStateLost(t *testing.T) {
	t.Parallel()
	svc, dir := startService(t), t.TempDir()
	write(t, dir, "config.yaml", clubConfig(svc.URL, clubsFreely+"    groups: {}\n"))
	all := clubs{"g1": {"a", []int{1, 2, 3}, nil}, "g2": {"b", []int{2}, nil}}
	all.write(t, dir)
	write(t, dir, "people.csv", clubPeople(4))
	synced(t, dir, 0)
	if err := os.RemoveAll(dir + "/state"); err != nil {
		t.Fatal(err)
	}
	all["g1"].people = []int{1, 3, 4}
	all.write(t, dir)
	n := svc.last()
	synced(t, dir, 0)
	for _, r := range svc.requests(n) {
		if r.Method == "POST" && !strings.HasSuffix(r.Path, "/.search") || r.Method == "DELETE" || strings.Contains(r.Body, `"remove"`) {
			t.Errorf("%s %s %s", r.Method, r.Path, r.Body)
		}
	}
	// Whom we put there before is nobody's any more, and stays until a human takes them out.
	if got := svc.groups(); fmt.Sprint(got["a"], got["b"]) != "[1 2 3 4] [2]" {
		t.Errorf("%v", got)
	}
	if n := svc.last(); synced(t, dir, 0).Calls != 0 || svc.last() != n {
		t.Error("a quiet run is not quiet")
	}
}
