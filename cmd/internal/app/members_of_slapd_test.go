package app_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"scimsync/sources/ldap/slapdtest"
)

// The same over LDAP: groups in groups, and a group that is deleted, hidden, or renamed.
func TestMembersOfLDAP(t *testing.T) {
	t.Parallel()
	people := func(from, to int) (dns []string) {
		for i := from; i < to; i++ {
			dns = append(dns, slapdtest.PersonDN(i))
		}
		return dns
	}
	server := slapdtest.Start(t, slapdtest.Options{LDIF: slapdtest.Persons(30) +
		slapdtest.Group("app-x", slices.Concat(people(0, 5), []string{slapdtest.GroupDN("team"), "uid=ghost," + slapdtest.People})...) +
		slapdtest.Group("team", slices.Concat(people(5, 9), []string{slapdtest.GroupDN("app-x")})...) +
		slapdtest.Group("other", people(20, 25)...)})
	svc, dir := startService(t), t.TempDir()
	write(t, dir, "bind.pw", slapdtest.BindPW+"\n")
	config := func(scope string) {
		write(t, dir, "config.yaml", `version: 1
state: {dir: state}
log: {level: warn}
sources:
  corp:
    ldap:
      urls: ["`+server.URL+`"]
      bind: {user: "`+slapdtest.BindDN+`", password: {file: bind.pw}}
      users: {base: "`+slapdtest.People+`"}
      groups: {base: "`+slapdtest.Groups+`"}
targets:
  service: {url: "`+svc.URL+`", pace: {rate: 100000/s, burst: 1000, concurrency: 8}}
jobs:
  staff:
    from: corp
    to: service
    users: {members_of: ["`+scope+`"]}
`+freely)
	}
	is := func(what string, numbers ...int) {
		t.Helper()
		want := map[string]bool{}
		for _, i := range numbers {
			want[slapdtest.PersonUUID(i)] = true
		}
		isActive(t, svc, what, slices.Sorted(maps.Keys(want))...)
	}
	config("app-x")
	synced(t, dir, 0)
	is("the first run", 0, 1, 2, 3, 4, 5, 6, 7, 8)
	at := svc.last()
	synced(t, dir, 0)
	if svc.last() != at {
		t.Errorf("nothing changed, and requests were sent: %v", svc.requests(at))
	}
	server.Modify(slapdtest.GroupDN("team"), "member", append(people(6, 10), slapdtest.GroupDN("app-x"))...)
	synced(t, dir, 0)
	is("one joins, one leaves", 0, 1, 2, 3, 4, 6, 7, 8, 9)

	refused := func(what, says string) {
		t.Helper()
		at := svc.last()
		if o := scimsync(t, dir, "sync").want(t, 1); !strings.Contains(o.err, says) {
			t.Errorf("%s: %s", what, o.err)
		}
		if svc.last() != at {
			t.Errorf("%s: requests were sent: %v", what, svc.requests(at))
		}
	}
	server.Delete(slapdtest.GroupDN("team")) // this server leaves the link to it where it was
	refused("a group in it is gone", "had a group in it that is not there any more")
	server.Delete(slapdtest.GroupDN("app-x"))
	refused("the group is gone", `"app-x", by which people are in scope (members_of), is not there any more`)
	config(strings.ReplaceAll(slapdtest.GroupDN("other"), `\`, `\\`))
	synced(t, dir, 0, "--accept-shrink")
	is("another group, by its DN", 20, 21, 22, 23, 24)
	server.Rename(slapdtest.GroupDN("other"), "cn=renamed", "")
	refused("renamed", "is not there any more")
	config("RENAMED")
	at = svc.last()
	synced(t, dir, 0)
	if svc.last() != at {
		t.Errorf("renamed, and requests were sent: %v", svc.requests(at))
	}
}

// A group, or its members, that the reading account may not see any more take nobody's
// account, wherever in the nesting it is.
func TestMembersOfHidden(t *testing.T) {
	t.Parallel()
	hide := func(value, attrs string) string {
		return fmt.Sprintf("access to dn.subtree=%q filter=(description=%s) %s by dn.exact=%q none by * read\n", slapdtest.Groups, value, attrs, slapdtest.BindDN)
	}
	dn := slapdtest.GroupDN
	server := slapdtest.Start(t, slapdtest.Options{LDIF: slapdtest.Persons(8) +
		slapdtest.Group("app-x", slapdtest.PersonDN(0), dn("team")) + slapdtest.Group("team", slapdtest.PersonDN(1), slapdtest.PersonDN(2), dn("deep")) +
		slapdtest.Group("deep", slapdtest.PersonDN(3)) + slapdtest.Group("other", slapdtest.PersonDN(1), slapdtest.PersonDN(4)),
		Database: hide("hidden", "") + hide("silent", "attrs=member") + "access to * by * read\n"})
	svc, dir := startService(t), t.TempDir()
	write(t, dir, "bind.pw", slapdtest.BindPW+"\n")
	write(t, dir, "config.yaml", `version: 1
state: {dir: state}
log: {level: warn}
sources:
  corp:
    max_shrink: 80%
    ldap:
      urls: ["`+server.URL+`"]
      bind: {user: "`+slapdtest.BindDN+`", password: {file: bind.pw}}
      users: {base: "`+slapdtest.People+`"}
      groups: {base: "`+slapdtest.Groups+`"}
targets:
  service: {url: "`+svc.URL+`", pace: {rate: 100000/s, burst: 1000, concurrency: 8}}
jobs:
  staff:
    from: corp
    to: service
    users: {members_of: [app-x]}
`+freely)
	synced(t, dir, 0)
	want := []string{slapdtest.PersonUUID(0), slapdtest.PersonUUID(1), slapdtest.PersonUUID(2), slapdtest.PersonUUID(3)}
	isActive(t, svc, "the first run", want...)
	at := svc.last()
	for _, c := range []struct {
		group, how, says string
	}{
		{"app-x", "hidden", "is not there any more"},
		{"team", "hidden", "had a group in it that is not there any more"},
		{"deep", "hidden", "had a group in it that is not there any more"},
		{"app-x", "silent", "could not be read to its end"},
		{"team", "silent", "could not be read to its end"},
		{"deep", "silent", "could not be read to its end"},
		{"other", "hidden", ""},
		{"other", "silent", ""},
	} {
		server.Modify(dn(c.group), "description", c.how)
		code := 0
		if c.says != "" {
			code = 1
		}
		if o := scimsync(t, dir, "sync").want(t, code); !strings.Contains(o.err, c.says) {
			t.Errorf("%s %s: %s", c.group, c.how, o.err)
		}
		server.Modify(dn(c.group), "description", "seen")
		synced(t, dir, 0)
		if svc.last() != at {
			t.Errorf("%s %s: requests were sent: %v", c.group, c.how, svc.requests(at))
		}
	}
	isActive(t, svc, "in the end", want...)
}
