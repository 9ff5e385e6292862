package app_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// club is a group as a directory has it.
type club struct {
	name   string
	people []int    // by number
	clubs  []string // keys of groups in it
}

// clubs are the groups of a directory, by key.
type clubs map[string]*club

// in gives everybody in a group, nested groups counted: found here in another way than
// the program finds it, by asking of each person whether a path leads to them.
func (c clubs) in(key string) map[int]bool {
	in := map[int]bool{}
	var visit func(key string, path []string)
	visit = func(key string, path []string) {
		if slices.Contains(path, key) || c[key] == nil {
			return
		}
		for _, p := range c[key].people {
			in[p] = true
		}
		for _, sub := range c[key].clubs {
			visit(sub, append(path, key))
		}
	}
	visit(key, nil)
	return in
}

// write puts the groups into groups.csv and members.csv.
func (c clubs) write(t testing.TB, dir string) {
	t.Helper()
	var groups, members strings.Builder
	groups.WriteString("gid,name\n")
	members.WriteString("gid,id,sub\n")
	for _, key := range slices.Sorted(maps.Keys(c)) {
		fmt.Fprintf(&groups, "%s,\"%s\"\n", key, strings.ReplaceAll(c[key].name, `"`, `""`))
		for _, p := range c[key].people {
			fmt.Fprintf(&members, "%s,%d,\n", key, p)
		}
		for _, sub := range c[key].clubs {
			fmt.Fprintf(&members, "%s,,%s\n", key, sub)
		}
	}
	write(t, dir, "groups.csv", groups.String())
	write(t, dir, "members.csv", members.String())
}

// clubFile gives people.csv for the numbers from 1 to n, less some.
func clubPeople(n int, without ...int) string {
	var b strings.Builder
	b.WriteString("id,login,given,family,mail,title,status\n")
	for i := 1; i <= n; i++ {
		if !slices.Contains(without, i) {
			fmt.Fprintf(&b, "%d,u%d,Given%d,Family%d,u%d@example.org,Clerk,on\n", i, i, i, i, i)
		}
	}
	return b.String()
}

// clubConfig is csvConfig with groups; more is put under the job.
func clubConfig(url, more string) string {
	return strings.Replace(csvConfig(url, more), "{csv: {users: {path: people.csv, key: id}}}",
		"{csv: {users: {path: people.csv, key: id}, groups: {path: groups.csv, key: gid}, members: {path: members.csv, group: gid, user: id, subgroup: sub}}}", 1)
}

// clubsFreely is freely, with groups and without the limit on members.
var clubsFreely = strings.Replace(freely, "guard: {", "guard: {member_remove: {count: 1000000}, ", 1)

// groups gives the members of all groups at the service, by displayName: externalIds of
// people, and of groups with "group " before them.
func (s *service) groups() map[string][]string {
	s.t.Helper()
	owner := map[string]string{}
	for key, u := range s.users() {
		owner[u["id"].(string)] = key
	}
	type group struct {
		ID, ExternalID, DisplayName string
		Members                     []struct{ Value string }
	}
	var all []group
	for start := 1; ; {
		var page struct {
			TotalResults int
			Resources    []group
		}
		s.get(fmt.Sprintf("/Groups?startIndex=%d&count=200", start), &page)
		all = append(all, page.Resources...)
		if start += len(page.Resources); len(page.Resources) == 0 || start > page.TotalResults {
			break
		}
	}
	for _, g := range all {
		owner[g.ID] = "group " + g.ExternalID
	}
	groups := map[string][]string{}
	for _, g := range all {
		if groups[g.DisplayName] != nil {
			s.t.Errorf("two groups are called %s", g.DisplayName)
		}
		members := []string{}
		for _, m := range g.Members {
			if owner[m.Value] == "" {
				s.t.Errorf("group %s has a member %s, which is nobody", g.DisplayName, m.Value)
			}
			members = append(members, owner[m.Value])
		}
		slices.Sort(members)
		if len(slices.Compact(slices.Clone(members))) < len(members) {
			s.t.Errorf("group %s has somebody twice: %v", g.DisplayName, members)
		}
		groups[g.DisplayName] = members
	}
	return groups
}

// wantGroups fails the test unless the service has these groups, with everybody in them whom
// has tells to have an account.
func (s *service) wantGroups(c clubs, has func(person int) bool) {
	s.t.Helper()
	want := map[string][]string{}
	for key, g := range c {
		members := []string{}
		for p := range c.in(key) {
			if has(p) {
				members = append(members, strconv.Itoa(p))
			}
		}
		slices.Sort(members)
		want[g.name] = members
	}
	if diff := cmp.Diff(want, s.groups()); diff != "" {
		if len(diff) > 3000 {
			diff = diff[:3000] + "…"
		}
		s.t.Errorf("groups at the service (-want +got):\n%s", diff)
	}
}

// patches gives the operations of all requests to groups since the n-th.
func (s *service) groupRequests(after int64) (list []string) {
	for _, r := range s.requests(after) {
		if !strings.Contains(r.Path, "/Groups") {
			continue
		}
		var body struct {
			Operations []struct {
				Op, Path string
				Value    json.RawMessage
			}
		}
		_ = json.Unmarshal([]byte(r.Body), &body) // a create has none
		text := r.Method
		for _, op := range body.Operations {
			var values []any
			if json.Unmarshal(op.Value, &values) == nil && len(values) > 0 {
				text += fmt.Sprintf(" %s %s×%d", op.Op, op.Path, len(values))
				continue
			}
			path, _, _ := strings.Cut(op.Path, "[")
			text += fmt.Sprintf(" %s %s", op.Op, path)
		}
		list = append(list, text)
	}
	return list
}
