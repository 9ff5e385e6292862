package app_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"scimsync/sources/ldap/sambatest"
)

// The same with an Active Directory: groups in groups, primary groups, members from elsewhere,
// and a group that is gone, at a service that knows nothing of groups.
func TestMembersOfActiveDirectory(t *testing.T) {
	t.Parallel()
	const people, groups = "OU=people," + sambatest.Suffix, "OU=groups," + sambatest.Suffix
	server := sambatest.Start(t)
	person := func(i int) string { return fmt.Sprintf(`CN=Meier\, P%d,%s`, i, people) }
	group := func(name string) string { return "CN=" + name + "," + groups }
	server.Add(people, "objectClass", "organizationalUnit")
	server.Add(groups, "objectClass", "organizationalUnit")
	for i := range 9 {
		login := fmt.Sprintf("p%d", i)
		server.Add(person(i), "objectClass", "user", "sAMAccountName", login, "userPrincipalName", login+"@example.org", "sn", "Meier", "userAccountControl", "544")
	}
	add := func(name string, members ...string) {
		pairs := []string{"objectClass", "group", "sAMAccountName", name}
		for _, m := range members {
			pairs = append(pairs, "member", m)
		}
		server.Add(group(name), pairs...)
	}
	add("deep", person(3))
	add("team", person(1), person(2), group("deep"))
	add("app-x", person(0), group("team"), "CN=S-1-5-11,CN=ForeignSecurityPrincipals,"+sambatest.Suffix)
	server.Modify(group("deep"), "member", person(3), group("app-x")) // a loop
	add("other", person(7))

	svc, dir := startService(t), t.TempDir()
	write(t, dir, "bind.pw", sambatest.AdminPW+"\n")
	config := func(scope string) {
		write(t, dir, "config.yaml", `version: 1
state: {dir: state}
log: {level: warn}
sources:
  corp:
    ldap:
      urls: ["`+server.URL+`"]
      bind: {user: "`+sambatest.Admin+`", password: {file: bind.pw}}
      users: {base: "`+people+`"}
      groups: {base: ["`+groups+`", "CN=Users,`+sambatest.Suffix+`"]}
targets:
  service: {url: "`+svc.URL+`", pace: {rate: 100000/s, burst: 1000, concurrency: 8}}
jobs:
  staff:
    from: corp
    to: service
    users: {members_of: ["`+scope+`"]}
`+freely)
	}
	is := func(what string, want ...string) {
		t.Helper()
		var got []string
		for _, u := range svc.users() {
			if u["active"] == true {
				login, _, _ := strings.Cut(u["userName"].(string), "@")
				got = append(got, login)
			}
		}
		slices.Sort(got)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", what, d)
		}
	}
	quiet := func(what string, code int, says string) {
		t.Helper()
		at := svc.last()
		if o := scimsync(t, dir, "sync").want(t, code); !strings.Contains(o.err, says) {
			t.Errorf("%s: %s", what, o.err)
		}
		if svc.last() != at {
			t.Errorf("%s: requests were sent: %v", what, svc.requests(at))
		}
	}
	config("app-x")
	if o := scimsync(t, dir, "check", "--connect").want(t, 0); !strings.Contains(o.out, "source corp: groups can be read") {
		t.Errorf("check: %s", o.out)
	}
	synced(t, dir, 0)
	is("the first run", "p0", "p1", "p2", "p3")
	quiet("nothing changed", 0, "")
	for _, r := range undescribed(svc.requests(0)) {
		if !strings.HasPrefix(r.Path, "/scim/v2/Users") {
			t.Errorf("%s %s", r.Method, r.Path)
		}
	}

	server.Modify(group("team"), "member", person(1), person(4), group("deep"))
	server.Modify(group("other"), "member", person(7), person(8))
	synced(t, dir, 0)
	is("one joins, one leaves", "p0", "p1", "p3", "p4")

	// Who has a group as their primary one is listed in none.
	shown := scimsync(t, dir, "read", "corp", "--group", "app-x", "--raw", "--output", "json").want(t, 0)
	sid := decoded[struct{ Values map[string][]string }](t, shown.out).Values["objectsid"]
	if len(sid) != 1 {
		t.Fatalf("read: %s", shown.out)
	}
	server.Modify(group("app-x"), "member", person(0), person(5), group("team"))
	synced(t, dir, 0)
	is("another joins", "p0", "p1", "p3", "p4", "p5")
	server.Modify(person(5), "primaryGroupID", sid[0][strings.LastIndexByte(sid[0], '-')+1:])
	quiet("it is their primary group now", 0, "")
	is("still in it", "p0", "p1", "p3", "p4", "p5")

	// Names and places are no identity.
	server.Rename(person(3), "CN=Zoë", "CN=Users,"+sambatest.Suffix)
	server.Rename("CN=Zoë,CN=Users,"+sambatest.Suffix, "CN=Zoë", people)
	server.Rename(group("deep"), "CN=Deeper", "CN=Users,"+sambatest.Suffix)
	synced(t, dir, 0)
	is("moved", "p0", "p1", "p3", "p4", "p5")

	server.Modify(person(5), "primaryGroupID", "513") // or it could not be deleted
	quiet("another primary group: they are listed again", 0, "")
	server.Delete(group("app-x"))
	quiet("the group is gone", 1, `"app-x", by which people are in scope (members_of), is not there any more`)
	config("other")
	synced(t, dir, 0)
	is("another group", "p7", "p8")
}
