package ldap_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"scimsync/sources/ldap"
	"scimsync/sources/ldap/slapdtest"
	"scimsync/sources/sourcetest"
	"scimsync/sync/record"
)

// withGroups gives the options for a server's people and groups.
func withGroups(s *slapdtest.Server) ldap.Options {
	o := reading(s)
	o.Groups = &ldap.Groups{Entries: ldap.Entries{Base: []string{slapdtest.Groups}}}
	return o
}

// memberships is what a read gave of groups, by name: "user/" or "group/" and the anchor, or
// the reference of somebody who is nobody.
type memberships struct {
	record.Batch
	of map[string][]string
}

// join reads everything and joins links and records by themselves.
func join(t testing.TB, s *ldap.Source) (memberships, error) { return joinFrom(t, s, nil) }

func joinFrom(t testing.TB, s *ldap.Source, from record.Cursor) (memberships, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	names, who, links := map[string]string{}, map[string][]string{}, map[string][]string{}
	want := record.Want{From: from, Groups: &record.WantGroups{Names: []string{"name"}, Link: func(group, member string) error {
		links[group] = append(links[group], member)
		return nil
	}}}
	batch, err := s.Read(ctx, want, func(r *record.Record) error {
		if r.Kind == record.Group {
			names[r.ID] = strings.Join(r.Attrs[0].Values, "|")
		}
		for _, ref := range r.Refs {
			who[ref] = append(who[ref], r.Kind.String()+"/"+r.ID)
		}
		return nil
	})
	got := memberships{batch, map[string][]string{}}
	for id, name := range names {
		got.of[name] = []string{}
		for _, ref := range links[id] {
			if len(who[ref]) == 0 {
				who[ref] = []string{ref}
			}
			got.of[name] = append(got.of[name], strings.Join(who[ref], " or "))
		}
		slices.Sort(got.of[name])
	}
	return got, err
}

func mustJoin(t testing.TB, s *ldap.Source) memberships {
	t.Helper()
	got, err := join(t, s)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func user(i int) string        { return "user/" + slapdtest.PersonUUID(i) }
func subgroup(n string) string { return "group/" + slapdtest.GroupUUID(n) }
func dns(people ...int) (out []string) {
	for _, i := range people {
		out = append(out, slapdtest.PersonDN(i))
	}
	return out
}

// posixGroup gives a group that names its members by their logins.
func posixGroup(name string, logins ...string) string {
	pairs := []string{"objectClass", "posixGroup", "cn", name, "gidNumber", "1", "entryUUID", slapdtest.GroupUUID(name)}
	for _, l := range logins {
		pairs = append(pairs, "memberUid", l)
	}
	return slapdtest.Entry(slapdtest.GroupDN(name), pairs...)
}

// uniqueNames gives a groupOfUniqueNames.
func uniqueNames(name string, members ...string) string {
	return strings.NewReplacer("groupOfNames", "groupOfUniqueNames", "\nmember:", "\nuniqueMember:").Replace(slapdtest.Group(name, members...))
}

// someGroups are people 0 to 14 in groups of every form, nested in a loop three deep, with
// commas in names, and with members who are nobody.
func someGroups() string {
	return slapdtest.Persons(15) +
		slapdtest.Group("Sales, all", append(dns(0, 1, 7), slapdtest.GroupDN("north+south"))...) +
		slapdtest.Group("north+south", append(dns(2), slapdtest.GroupDN("loop"))...) +
		slapdtest.Group("loop", append(dns(3), slapdtest.GroupDN("Sales, all"), "uid=ghost,"+slapdtest.People)...) +
		uniqueNames("unique", slapdtest.PersonDN(4)+"#'0101'B", strings.ToUpper(slapdtest.PersonDN(5))) +
		posixGroup("posix", "u000006", "U000007", "ghost") +
		posixGroup("none")
}

func TestGroupsConform(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, func(t *testing.T) sourcetest.Fixture {
		srv := slapdtest.Start(t, slapdtest.Options{LDIF: someGroups()})
		opts := withGroups(srv)
		opts.PageSize = 4
		f := sourcetest.Fixture{Source: source(t, opts), Names: []string{"cn", "employeenumber", "mail"}}
		for id, r := range mustRead(t, f.Source.(*ldap.Source), f.Names...) {
			p := sourcetest.Person{ID: id, DN: r.DN, Enabled: r.Enabled, Attrs: map[string][]string{}}
			for _, a := range r.Attrs {
				p.Attrs[a.Name] = a.Values
			}
			f.People = append(f.People, p)
		}
		f.GroupNames = []string{"gidnumber", "name"}
		group := func(name, gid string, members ...string) {
			spelled := strings.NewReplacer(`\,`, `\2C`, `\+`, `\2B`).Replace(slapdtest.GroupDN(name)) // as slapd does
			g := sourcetest.Group{ID: slapdtest.GroupUUID(name), DN: spelled, Members: members, Attrs: map[string][]string{"name": {name}}}
			if gid != "" {
				g.Attrs["gidnumber"] = []string{gid}
			}
			f.Groups = append(f.Groups, g)
		}
		group("Sales, all", "", user(0), user(1), user(7), subgroup("north+south"))
		group("north+south", "", user(2), subgroup("loop"))
		group("loop", "", user(3), subgroup("Sales, all"), "ghost")
		group("unique", "", user(4), user(5))
		group("posix", "1", user(6), user(7), "ghost")
		group("none", "1")
		f.Change = func(*testing.T) { srv.Modify(slapdtest.PersonDN(3), "mail", "new@example.org") }
		f.ChangeMembers = func(*testing.T) { srv.Modify(slapdtest.GroupDN("north+south"), "member", dns(2)...) }
		return f
	})
}

// TestGroupsMove: identity and membership outlive new names and places of both sides.
func TestGroupsMove(t *testing.T) {
	t.Parallel()
	srv := slapdtest.Start(t, slapdtest.Options{LDIF: someGroups(),
		Global: "moduleload refint", Database: "overlay refint\nrefint_attributes member\n"})
	srv.Add("ou=more,"+slapdtest.Groups, "objectClass", "organizationalUnit", "ou", "more")
	srv.Rename(slapdtest.PersonDN(2), "uid=new name", "")
	srv.Rename(slapdtest.GroupDN("loop"), "cn=Ring", "ou=more,"+slapdtest.Groups)
	var got memberships
	for range 100 { // refint works behind the operation
		got = mustJoin(t, source(t, withGroups(srv)))
		if len(got.of["north+south"]) == 2 && slices.Contains(got.of["north+south"], subgroup("loop")) && slices.Contains(got.of["north+south"], user(2)) {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if want := []string{subgroup("loop"), user(2)}; !slices.Equal(got.of["north+south"], want) || got.of["Ring"] == nil {
		t.Errorf("%q, want %q; all: %q", got.of["north+south"], want, got.of)
	}
	if want := "6 groups and 15 people from " + srv.URL + " (openldap)"; got.Note != want {
		t.Errorf("note %q, want %q", got.Note, want)
	}
}

// TestGroupName: of several names, the one in the RDN.
func TestGroupName(t *testing.T) {
	t.Parallel()
	srv := slapdtest.Start(t, slapdtest.Options{LDIF: slapdtest.Persons(2) +
		slapdtest.Entry(slapdtest.GroupDN("Zürich, 1"), "objectClass", "groupOfNames", "cn", "a", "cn", "zürich,  1", "cn", "zz", "member", slapdtest.PersonDN(0)) +
		slapdtest.Entry("o=b,"+slapdtest.Groups, "objectClass", "groupOfNames", "o", "b", "cn", "y", "cn", "x", "member", slapdtest.PersonDN(0)) +
		slapdtest.Entry("o=p+cn=both,"+slapdtest.Groups, "objectClass", "groupOfNames", "o", "p", "cn", "both", "cn", "also", "member", slapdtest.PersonDN(0))})
	got := mustJoin(t, source(t, withGroups(srv)))
	if names := slices.Sorted(maps.Keys(got.of)); !slices.Equal(names, []string{"both", "x|y", "zürich,  1"}) {
		t.Errorf("names %q", names)
	}
}

// TestHiddenMembers: OpenLDAP gives a group whose members may not be read like one that has
// none, but its class does not allow that.
func TestHiddenMembers(t *testing.T) {
	t.Parallel()
	hide := func(name, attrs string) string {
		return fmt.Sprintf("access to dn.exact=%q attrs=%s by dn.exact=%q none by * read\n", slapdtest.GroupDN(name), attrs, slapdtest.BindDN)
	}
	srv := slapdtest.Start(t, slapdtest.Options{LDIF: slapdtest.Persons(5) + slapdtest.Group("seen", dns(0, 1)...) +
		slapdtest.Group("hidden", dns(0, 1)...) + uniqueNames("unique", dns(2)...) + posixGroup("posix"),
		Database: hide("hidden", "member") + hide("unique", "uniqueMember") + "access to * by * read\n"})
	got := mustJoin(t, source(t, withGroups(srv)))
	if want := []string{slapdtest.GroupUUID("hidden"), slapdtest.GroupUUID("unique")}; !slices.Equal(slices.Sorted(maps.Keys(got.Unread)), slices.Sorted(slices.Values(want))) {
		t.Errorf("unread %q, want %q", got.Unread, want)
	}
	if why := got.Unread[slapdtest.GroupUUID("unique")]; why != "it has no uniqueMember although its object class demands one: let the bind user read that attribute" {
		t.Errorf("because %q", why)
	}
	if diff := cmp.Diff([]string{user(0), user(1)}, got.of["seen"]); diff != "" {
		t.Error(diff)
	}
}

func TestNoGroups(t *testing.T) {
	t.Parallel()
	srv := slapdtest.Start(t, slapdtest.Options{LDIF: slapdtest.Persons(2)})
	_, err := join(t, source(t, withGroups(srv)))
	for _, word := range []string{"the search succeeded and found no group", "groups.base", "groups.exclude", "what " + slapdtest.BindDN + " may read"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("error %v lacks %q", err, word)
		}
	}
	opts := withGroups(srv)
	opts.Groups.Base = []string{"ou=none," + slapdtest.Suffix}
	if _, err := join(t, source(t, opts)); err == nil || !strings.Contains(err.Error(), "check groups.base") {
		t.Error(err)
	}
	if got := mustRead(t, source(t, opts)); len(got) != 2 {
		t.Errorf("%d people, where groups are not asked for", len(got))
	}
}

// TestGroupBases: groups have bases, excludes and filters of their own.
func TestGroupBases(t *testing.T) {
	t.Parallel()
	srv := slapdtest.Start(t, slapdtest.Options{LDIF: someGroups()})
	srv.Add("ou=more,"+slapdtest.Groups, "objectClass", "organizationalUnit", "ou", "more")
	srv.Add("cn=deep,ou=more,"+slapdtest.Groups, "objectClass", "groupOfNames", "cn", "deep", "member", slapdtest.PersonDN(1))
	for name, c := range map[string]struct {
		change func(*ldap.Groups)
		want   string
	}{
		"all":    {func(*ldap.Groups) {}, "Sales, all;deep;loop;none;north+south;posix;unique"},
		"one":    {func(g *ldap.Groups) { g.Scope = ldap.One; g.Filter = "(objectClass=groupOfNames)" }, "Sales, all;loop;north+south"},
		"filter": {func(g *ldap.Groups) { g.Filter = "(cn=p*)" }, "posix"},
		"exclude": {func(g *ldap.Groups) {
			g.Exclude = []string{"OU=More," + slapdtest.Groups, slapdtest.GroupDN("Sales, all")}
		}, "loop;none;north+south;posix;unique"},
		"twice": {func(g *ldap.Groups) { g.Base = []string{"ou=more," + slapdtest.Groups, slapdtest.Groups} }, "Sales, all;deep;loop;none;north+south;posix;unique"},
	} {
		opts := withGroups(srv)
		c.change(opts.Groups)
		got := mustJoin(t, source(t, opts))
		if names := strings.Join(slices.Sorted(maps.Keys(got.of)), ";"); names != c.want {
			t.Errorf("%s: %s, want %s", name, names, c.want)
		}
	}
}

// TestMembersBy: an attribute of groups that holds the values of an attribute of people.
func TestMembersBy(t *testing.T) {
	t.Parallel()
	srv := slapdtest.Start(t, slapdtest.Options{LDIF: slapdtest.Persons(20) +
		slapdtest.Entry(slapdtest.GroupDN("mails"), "objectClass", "groupOfNames", "cn", "mails", "entryUUID", slapdtest.GroupUUID("mails"), "member", slapdtest.PersonDN(1),
			"description", "U000002@example.org", "description", "z-u000013@example.org", "description", "u000016@example.org", "description", "x@example.org") +
		posixGroup("posix", "u000003")})
	opts := withGroups(srv)
	opts.Groups.Members = ldap.Members{Attr: "description", User: "mail"}
	got := mustJoin(t, source(t, opts))
	both := user(16) + " or " + user(17) // they have one mail
	if diff := cmp.Diff(map[string][]string{"mails": {"=x@example.org", user(2), user(13), both}, "posix": {}}, got.of); diff != "" {
		t.Error(diff)
	}
	opts.Groups.Members = ldap.Members{Attr: "memberUid"}
	got = mustJoin(t, source(t, opts))
	if !slices.Equal(got.of["posix"], []string{user(3)}) || len(got.of["mails"]) > 0 {
		t.Errorf("by memberUid: %q", got.of)
	}
	opts.Groups.Members = ldap.Members{Attr: "description"}
	got = mustJoin(t, source(t, opts))
	if why := got.Unread[slapdtest.GroupUUID("mails")]; !strings.Contains(why, "a value of description is no DN") || !strings.Contains(why, "say so in groups.members") {
		t.Errorf("unread %q", got.Unread)
	}
}

// TestDynamicGroups: what a memberURL finds is the server's business. A group whose members
// the server does not show is no empty one.
func TestDynamicGroups(t *testing.T) {
	t.Parallel()
	url := "ldap:///" + slapdtest.People + "??sub?(uid=u00000*)"
	dynamic := func(name string, more ...string) string {
		return slapdtest.Entry(slapdtest.GroupDN(name), append([]string{"objectClass", "groupOfURLs", "cn", name, "entryUUID", slapdtest.GroupUUID(name), "memberURL", url}, more...)...)
	}
	ldif := slapdtest.Persons(12) + dynamic("dynamic") + slapdtest.Group("static", dns(1)...)
	schema := "include /etc/ldap/schema/dyngroup.schema\n"
	srv := slapdtest.Start(t, slapdtest.Options{LDIF: ldif, Global: schema})
	got := mustJoin(t, source(t, withGroups(srv)))
	if why := got.Unread[slapdtest.GroupUUID("dynamic")]; len(got.Unread) != 1 || !strings.Contains(why, "which only the server can evaluate") {
		t.Errorf("unread %q", got.Unread)
	}
	want := "1 groups have a memberURL (first: " + slapdtest.GroupDN("dynamic") + "): it is not evaluated, only the members that the server itself shows are known"
	if len(got.Warnings) != 1 || got.Warnings[0] != want {
		t.Errorf("warnings %q, want %q", got.Warnings, want)
	}

	srv = slapdtest.Start(t, slapdtest.Options{LDIF: ldif, Global: schema + "moduleload dynlist\n",
		Database: "overlay dynlist\ndynlist-attrset groupOfURLs memberURL member\n"})
	got = mustJoin(t, source(t, withGroups(srv)))
	if len(got.Unread) != 0 || len(got.of["dynamic"]) != 10 || len(got.Warnings) != 1 {
		t.Errorf("a server that evaluates: %q, unread %q, warnings %q", got.of["dynamic"], got.Unread, got.Warnings)
	}
}
