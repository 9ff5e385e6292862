package app_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// grouped is a config with people, groups and members in three files; more is put under the
// job, four spaces deep, and users under its users.
func grouped(url, users, more string) string {
	config := strings.Replace(csvConfig(url, more), "users: {path: people.csv, key: id}",
		"users: {path: people.csv, key: id}, groups: {path: groups.csv, key: id}, members: {path: members.csv, group: group, user: user, subgroup: sub}", 1)
	return strings.Replace(config, "    users:\n", "    users:\n"+users, 1)
}

// peopleFile writes some people, by their numbers.
func peopleFile(t testing.TB, dir string, from, to int) {
	t.Helper()
	text := "id,login,given,family,mail,title,status\n"
	for i := from; i <= to; i++ {
		text += fmt.Sprintf("%d,u%d@example.org,Given,Family %d,u%d@example.org,Title,on\n", i, i, i, i)
	}
	write(t, dir, "people.csv", text)
}

// teams writes groups, each given as "id: 1 2 group". A group is called app-ID.
func teams(t testing.TB, dir string, groups ...string) {
	t.Helper()
	names, members := "id,name\n", "group,user,sub\n"
	for _, line := range groups {
		id, list, _ := strings.Cut(line, ":")
		names += fmt.Sprintf("%s,app-%s\n", id, id)
		for _, member := range strings.Fields(list) {
			if strings.ContainsAny(member, "0123456789") {
				members += fmt.Sprintf("%s,%s,\n", id, member)
			} else {
				members += fmt.Sprintf("%s,,%s\n", id, member)
			}
		}
	}
	write(t, dir, "groups.csv", names)
	write(t, dir, "members.csv", members)
}

// active lists the accounts that are active, by externalId.
func active(users map[string]map[string]any) []string {
	var list []string
	for key, u := range users {
		if u["active"] != false {
			list = append(list, key)
		}
	}
	slices.Sort(list)
	return list
}

func isActive(t testing.TB, svc *service, what string, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, active(svc.users())); d != "" {
		t.Errorf("%s: active accounts:\n%s", what, d)
	}
}

// Exactly the people of a group have accounts, groups in groups counted, at a service that
// knows nothing of groups; joining and leaving changes nothing of the people themselves.
func TestMembersOf(t *testing.T) {
	t.Parallel()
	svc, dir := startService(t), t.TempDir()
	write(t, dir, "config.yaml", grouped(svc.URL, "      members_of: [app-x]\n", freely))
	peopleFile(t, dir, 1, 9)
	whole := []string{"x: 1 y", "y: 2 3 z", "z: 4 x", "other: 5 6"}
	teams(t, dir, whole...)
	synced(t, dir, 0)
	isActive(t, svc, "the first run", "1", "2", "3", "4")
	for _, r := range undescribed(svc.requests(0)) {
		if !strings.HasPrefix(r.Path, "/scim/v2/Users") {
			t.Errorf("%s %s", r.Method, r.Path)
		}
	}
	at := svc.last()
	synced(t, dir, 0)
	peopleFile(t, dir, 1, 9) // another file with the same content
	synced(t, dir, 0)
	if svc.last() != at {
		t.Errorf("nothing changed, and requests were sent: %v", svc.requests(at))
	}
	step := func(what string, groups []string, calls map[string]int, want ...string) {
		t.Helper()
		at := svc.last()
		teams(t, dir, groups...)
		synced(t, dir, 0)
		isActive(t, svc, what, want...)
		if d := cmp.Diff(calls, svc.writes(at)); d != "" {
			t.Errorf("%s: calls:\n%s", what, d)
		}
	}
	step("somebody joins, somebody leaves", []string{"x: 1 y", "y: 2 z", "z: 4 x 7", "other: 5 6"}, map[string]int{"POST": 1, "PATCH": 1}, "1", "2", "4", "7")
	step("a group leaves", []string{"x: 1 y", "y: 2", "z: 4 x 7", "other: 5 6"}, map[string]int{"PATCH": 2}, "1", "2")
	step("a group joins", []string{"x: 1 y other", "y: 2", "z: 4 x 7", "other: 5 6"}, map[string]int{"POST": 2}, "1", "2", "5", "6")
	step("back again", whole, map[string]int{"PATCH": 4}, "1", "2", "3", "4")
	step("in it twice, then once", []string{"x: 1 2 y", "y: 2 3 z", "z: 4 x", "other: 5 6"}, map[string]int{}, "1", "2", "3", "4")
	step("still in it", []string{"x: 1 2 y", "y: 3 z", "z: 4 x", "other: 5 6"}, map[string]int{}, "1", "2", "3", "4")
	plan := scimsync(t, dir, "plan", "--user", "9").want(t, 0)
	if !strings.Contains(plan.out, "in no group of members_of") {
		t.Errorf("the plan does not say why nothing is done for 9:\n%s", plan.out)
	}
	teams(t, dir, "x: 1 2 y", "y: 3 z", "z: x", "other: 5 6")
	if plan := scimsync(t, dir, "plan").want(t, 0); !strings.Contains(plan.out, "out of the job's scope: in no group of members_of") {
		t.Errorf("the plan does not say why 4 leaves:\n%s", plan.out)
	}
}

// Another scope is another mapping: everybody is looked at anew, and the guard holds.
func TestMembersOfChangesInConfig(t *testing.T) {
	t.Parallel()
	svc, dir := startService(t), t.TempDir()
	config := func(scope string) { write(t, dir, "config.yaml", grouped(svc.URL, scope, freely)) }
	peopleFile(t, dir, 1, 9)
	teams(t, dir, "x: 1 y", "y: 2 3", "other: 5 6")
	config("")
	synced(t, dir, 0)
	if len(svc.users()) != 9 {
		t.Fatalf("%d accounts", len(svc.users()))
	}
	config("      members_of: app-x\n")
	synced(t, dir, 0)
	isActive(t, svc, "with a scope", "1", "2", "3")
	config("      members_of: [y, app-other]\n")
	synced(t, dir, 0)
	isActive(t, svc, "with another scope", "2", "3", "5", "6")
	config(`      include: '"app-x" in groups and id != "3"'` + "\n")
	synced(t, dir, 0)
	isActive(t, svc, "with groups in the expression", "1", "2")
	teams(t, dir, "x: 1 y", "y: 2 3 7", "other: 5 6")
	synced(t, dir, 0)
	isActive(t, svc, "somebody joins", "1", "2", "7")
	write(t, dir, "config.yaml", strings.Replace(grouped(svc.URL, "      members_of: [app-x]\n", freely), "    to: service\n",
		"    to: [{service: {users: {members_of: [app-other]}}}]\n", 1))
	synced(t, dir, 0)
	isActive(t, svc, "with the target's own scope", "5", "6")
	config(strings.TrimPrefix(`
      map_only: false
      include: 'len(groups) > 0'
`, "\n"))
	synced(t, dir, 0)
	isActive(t, svc, "in any group", "1", "2", "3", "5", "6", "7")
}

// A mapping gets the names of all groups of a person, and follows when one has a new name.
func TestGroupsInAMapping(t *testing.T) {
	t.Parallel()
	svc, dir := startService(t), t.TempDir()
	config := strings.Replace(grouped(svc.URL, "", freely), "title: title", `title: join(groups, "+")`, 1)
	write(t, dir, "config.yaml", config)
	peopleFile(t, dir, 1, 3)
	teams(t, dir, "x: 1 y", "y: 2")
	titles := func(want map[string]any) {
		t.Helper()
		got := map[string]any{}
		for key, u := range svc.users() {
			got[key] = u["title"]
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
	synced(t, dir, 0)
	titles(map[string]any{"1": "app-x", "2": "app-x+app-y", "3": nil})
	write(t, dir, "groups.csv", "id,name\nx,renamed\ny,app-y\n")
	at := svc.last()
	synced(t, dir, 0)
	titles(map[string]any{"1": "renamed", "2": "app-y+renamed", "3": nil})
	if w := svc.writes(at); w["PATCH"] != 2 || len(w) != 1 {
		t.Errorf("calls: %v", w)
	}
	if o := scimsync(t, dir, "eval", "staff", "2", `groups`).want(t, 0); strings.TrimSpace(o.out) != `["app-y","renamed"]` {
		t.Errorf("eval: %s", o.out)
	}
	write(t, dir, "config.yaml", csvConfig(svc.URL, freely))
	o := scimsync(t, dir, "eval", "staff", "2", `groups`).want(t, 64)
	if !strings.Contains(o.err, "source hr has no groups; tell it where they are: add groups: under it") {
		t.Errorf("eval: %s", o.err)
	}
	write(t, dir, "config.yaml", strings.Replace(csvConfig(svc.URL, freely), "title: title", `title: join(groups)`, 1))
	if o := scimsync(t, dir, "check").want(t, 1); !strings.Contains(o.err, "config.yaml:19:9") || !strings.Contains(o.err, "source hr has no groups") {
		t.Errorf("check: %s", o.err)
	}
}

// Whatever is wrong with the files of groups, nobody leaves because of it.
func TestMembersOfInDoubt(t *testing.T) {
	t.Parallel()
	svc, dir := startService(t), t.TempDir()
	write(t, dir, "config.yaml", grouped(svc.URL, "      members_of: [app-x]\n", freely))
	peopleFile(t, dir, 1, 30)
	whole := []string{"x: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 y", "y: 17 18 19 20", "other: 25"}
	teams(t, dir, whole...)
	synced(t, dir, 0)
	before, at := active(svc.users()), svc.last()
	if len(before) != 20 {
		t.Fatal(before)
	}
	members, err := os.ReadFile(filepath.Join(dir, "members.csv"))
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		spoil func()
		says  string
	}{
		"cut in a row":     {func() { write(t, dir, "members.csv", string(members[:len(members)/2])+`x,"5`) }, "members.csv"},
		"cut behind a row": {func() { write(t, dir, "members.csv", strings.Join(strings.SplitAfter(string(members), "\n")[:8], "")) }, "shrank by"},
		"no row":           {func() { write(t, dir, "members.csv", "group,user,sub\n") }, "members.csv"},
		"no file":          {func() { _ = os.Remove(filepath.Join(dir, "members.csv")) }, "members.csv"},
		"no groups":        {func() { _ = os.Remove(filepath.Join(dir, "groups.csv")) }, "groups.csv"},
		"deleted":          {func() { teams(t, dir, "y: 17 18 19 20", "other: 25") }, `"app-x", by which people are in scope (members_of), is not there any more`},
		"renamed": {func() {
			write(t, dir, "groups.csv", "id,name\nx,app-new\ny,app-y\nother,app-other\n")
		}, `"app-x", by which people are in scope (members_of), is not there any more`},
		"emptied": {func() { teams(t, dir, "x:", "y: 17 18 19 20", "other: 25 26 27 28 29 30 1 2 3 4 5 6 7 8 9") }, "has nobody in it any more"},
	} {
		teams(t, dir, whole...)
		c.spoil()
		o := scimsync(t, dir, "sync").want(t, 1)
		if !strings.Contains(o.err, c.says) || !strings.Contains(o.err, "source hr") {
			t.Errorf("%s: %s", what, o.err)
		}
		if svc.last() != at {
			t.Errorf("%s: requests were sent: %v", what, svc.requests(at))
		}
	}
	teams(t, dir, whole...)
	synced(t, dir, 0)
	if svc.last() != at {
		t.Errorf("whole again, and requests were sent: %v", svc.requests(at))
	}
	// The way out when it is meant: other words in the config.
	teams(t, dir, "y: 17 18 19 20", "other: 25 1 2 3 4 5 6 7")
	write(t, dir, "config.yaml", grouped(svc.URL, "      members_of: [app-y]\n", freely))
	synced(t, dir, 0, "--accept-shrink")
	isActive(t, svc, "another group", "17", "18", "19", "20")
}

func TestMembersOfIsChecked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	peopleFile(t, dir, 1, 3)
	teams(t, dir, "x: 1", "y: 2")
	const url = "http://127.0.0.1:9/scim/v2"
	write(t, dir, "config.yaml", strings.Replace(grouped(url, "      members_of: [app-x]\n", freely), "key: id}, groups: {path: groups.csv, key: id}, members: {path: members.csv, group: group, user: user, subgroup: sub}", "key: id}", 1))
	if o := scimsync(t, dir, "check").want(t, 1); !strings.Contains(o.err, "config.yaml:13:20: jobs.staff.users.members_of[0]: source hr has no groups (add groups: under it)") {
		t.Errorf("%s", o.err)
	}
	write(t, dir, "config.yaml", grouped(url, "      members_of: [app-none]\n", freely))
	scimsync(t, dir, "check").want(t, 0) // who is in the file is not read by check
	if o := scimsync(t, dir, "sync").want(t, 1); !strings.Contains(o.err, `job staff: members_of: no group of source hr has the name, DN or key "app-none"`) {
		t.Errorf("%s", o.err)
	}
}

// Of several sources each has groups of its own; a name may be found in one of them only. One
// that a job needs fails its source for every job that reads it.
func TestMembersOfSeveralSources(t *testing.T) {
	t.Parallel()
	svc, dir, north, south := startService(t), t.TempDir(), t.TempDir(), t.TempDir()
	files := func(at string) string {
		return "{csv: {users: {path: " + at + "/people.csv, key: id}, groups: {path: " + at + "/groups.csv, key: id}, members: {path: " + at + "/members.csv, group: group, user: user, subgroup: sub}}}"
	}
	config := func(scope string) {
		text := grouped(svc.URL, "      members_of: ["+scope+"]\n", freely) + "  others: {from: north, to: other, users: {include: 'false', map: {userName: login}}}\n"
		sources, targets := strings.Index(text, "  hr: "), strings.Index(text, "targets:\n")
		text = text[:sources] + "  north: " + files(north) + "\n  south: " + files(south) + "\n" + text[targets:]
		text = strings.Replace(text, "from: hr", "from: [north, south]\n    union: true", 1)
		write(t, dir, "config.yaml", strings.Replace(text, "targets:\n", "targets:\n  other: {url: \""+svc.URL+"\"}\n", 1))
	}
	peopleFile(t, north, 1, 4)
	teams(t, north, "n: 1 2", "both: 3")
	peopleFile(t, south, 51, 54)
	teams(t, south, "s: 51 52", "both: 53")
	config("app-n, app-s")
	synced(t, dir, 0, "staff")
	isActive(t, svc, "a group of each", "1", "2", "51", "52")
	config("app-both, app-n")
	synced(t, dir, 0, "staff")
	isActive(t, svc, "a group of the same name in both", "1", "2", "3", "53")
	synced(t, dir, 0, "others")
	at := svc.last()
	teams(t, north, "n: 1 2")
	for _, job := range []string{"staff", "others"} {
		if o := scimsync(t, dir, "sync", job).want(t, 1); !strings.Contains(o.err, `source north: the group "app-both", by which people are in scope (members_of), is not there any more`) {
			t.Errorf("%s", o.err)
		}
	}
	teams(t, north, "n: 1 2", "both: 3")
	config("app-n, app-none")
	if o := scimsync(t, dir, "sync", "staff").want(t, 1); !strings.Contains(o.err, `no group of source north, south has the name, DN or key "app-none"`) {
		t.Errorf("%s", o.err)
	}
	if svc.last() != at {
		t.Errorf("requests were sent: %v", svc.requests(at))
	}
}

// Whatever changes among groups in groups, and wherever the program is killed meanwhile,
// exactly the people who are in the group have active accounts in the end.
func TestMembersOfRandomly(t *testing.T) {
	t.Parallel()
	svc, dir := startService(t), t.TempDir()
	write(t, dir, "config.yaml", strings.Replace(grouped(svc.URL, "      members_of: [app-a]\n", freely), "hr: {", "hr: {max_shrink: 100%, ", 1))
	const people = 25
	peopleFile(t, dir, 1, people)
	random := rand.New(rand.NewPCG(7, 8))
	names := []string{"a", "b", "c", "d", "e"}
	in := map[string]map[string]bool{} // who is listed by whom
	for _, name := range names {
		in[name] = map[string]bool{}
	}
	expected := func() []string {
		seen, active := map[string]bool{}, []string{}
		var visit func(string)
		visit = func(who string) {
			if seen[who] {
				return
			}
			seen[who] = true
			if in[who] == nil {
				active = append(active, who)
			}
			for member := range in[who] {
				visit(member)
			}
		}
		visit("a")
		slices.Sort(active)
		return active
	}
	change := func() {
		for range 1 + random.IntN(5) {
			group := in[names[random.IntN(len(names))]]
			member := fmt.Sprint(1 + random.IntN(people))
			if random.IntN(3) == 0 {
				member = names[random.IntN(len(names))]
			}
			if group[member] {
				delete(group, member)
			} else {
				group[member] = true
			}
		}
		if len(expected()) == 0 { // which no read believes
			in["a"]["1"] = true
		}
		var lines []string
		for _, name := range names {
			lines = append(lines, name+": "+strings.Join(slices.Sorted(maps.Keys(in[name])), " "))
		}
		teams(t, dir, lines...)
	}
	in["a"]["1"] = true
	killed, changed := 0, 0
	for round := range 25 {
		before := expected()
		change()
		if !slices.Equal(before, expected()) {
			changed++
		}
		c := program(t, dir, "sync")
		c.Env = append(c.Env, fmt.Sprintf("%s=%d", killAt, 1+random.IntN(16)))
		if finish(t, c).code == -1 {
			killed++
		}
		synced(t, dir, 0)
		isActive(t, svc, fmt.Sprintf("round %d", round), expected()...)
		at := svc.last()
		synced(t, dir, 0)
		if svc.last() != at {
			t.Errorf("round %d: nothing changed, and requests were sent: %v", round, svc.requests(at))
		}
	}
	if killed < 8 || changed < 8 {
		t.Errorf("killed %d times, changed %d times", killed, changed)
	}
}
