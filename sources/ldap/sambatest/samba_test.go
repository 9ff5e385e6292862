package sambatest_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"scimsync/sources/ldap"
	"scimsync/sources/ldap/sambatest"
	"scimsync/sync/record"
)

const (
	people = "OU=people," + sambatest.Suffix
	groups = "OU=groups," + sambatest.Suffix
	many   = 120
)

func personName(i int) string {
	if i == 7 {
		return `Meier\, Anna`
	}
	return fmt.Sprintf("p%03d", i)
}

func personDN(i int) string      { return "CN=" + personName(i) + "," + people }
func groupDN(name string) string { return "CN=" + name + "," + groups }

// reading gives the options for everybody in the domain.
func reading(s *sambatest.Server) ldap.Options {
	return ldap.Options{
		URLs:   []string{s.URL},
		Bind:   ldap.Bind{User: sambatest.Admin, Password: func() (string, error) { return sambatest.AdminPW, nil }},
		Users:  ldap.Entries{Base: []string{people}},
		Groups: &ldap.Groups{Entries: ldap.Entries{Base: []string{groups, "CN=Users," + sambatest.Suffix}}},
	}
}

// domain fills a domain with people and groups.
func domain(t *testing.T) *sambatest.Server {
	s := sambatest.Start(t)
	s.Add(people, "objectClass", "organizationalUnit")
	s.Add(groups, "objectClass", "organizationalUnit")
	for i := range many {
		s.Add(personDN(i), "objectClass", "user", "sAMAccountName", fmt.Sprintf("p%03d", i), "userAccountControl", "544")
	}
	add := func(name string, members ...string) {
		pairs := []string{"objectClass", "group", "sAMAccountName", name}
		for _, m := range members {
			pairs = append(pairs, "member", m)
		}
		s.Add(groupDN(name), pairs...)
	}
	var all []string
	for i := range many {
		all = append(all, personDN(i))
	}
	add("large", all...)
	add("inner", personDN(2), personDN(7))
	add("outer", personDN(1), groupDN("inner"), "CN=S-1-5-11,CN=ForeignSecurityPrincipals,"+sambatest.Suffix)
	s.Modify(groupDN("inner"), "member", personDN(2), personDN(7), groupDN("outer")) // a loop
	add("empty")
	return s
}

// membership is who is in which group by what they are called: the leaf of a DN, folded.
func membership(t *testing.T, o ldap.Options) (map[string][]string, map[string]string, record.Batch) {
	t.Helper()
	src, err := ldap.New(o)
	if err != nil {
		t.Fatal(err)
	}
	name, id, links := map[string]string{}, map[string]string{}, map[string][]string{}
	want := record.Want{Groups: &record.WantGroups{Names: []string{"name"}, Link: func(group, member string) error {
		links[group] = append(links[group], member)
		return nil
	}}}
	batch, err := src.Read(t.Context(), want, func(r *record.Record) error {
		leaf, _, _ := strings.Cut(r.Refs[0], ",")
		name[r.ID], id[leaf] = leaf, r.ID
		if r.Kind == record.Group && r.Attrs[0].Values[0] != strings.SplitN(r.DN, ",", 2)[0][len("CN="):] {
			t.Errorf("the name of %s is %q", r.DN, r.Attrs[0].Values)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	of := map[string][]string{}
	for group, members := range links {
		for _, m := range members {
			leaf, _, _ := strings.Cut(m, ",")
			of[name[group]] = append(of[name[group]], leaf)
		}
		slices.Sort(of[name[group]])
	}
	return of, id, batch
}

func TestGroups(t *testing.T) {
	s := domain(t)
	everybody := []string{"cn=meier\\2c anna"}
	for i := range many {
		if i != 7 {
			everybody = append(everybody, fmt.Sprintf("cn=p%03d", i))
		}
	}
	got, before, batch := membership(t, reading(s))
	for group, want := range map[string][]string{
		"cn=large": everybody, "cn=domain users": everybody, // the one they list, the other they have as primary group
		"cn=inner": {"cn=meier\\2c anna", "cn=outer", "cn=p002"},
		"cn=outer": {"cn=inner", "cn=p001", "cn=s-1-5-11"},
		"cn=empty": nil,
	} {
		if diff := cmp.Diff(want, got[group]); diff != "" {
			t.Errorf("%s: %s", group, diff)
		}
	}
	if !strings.HasPrefix(batch.Note, "19 groups and 120 people from ldapi://") || !strings.Contains(batch.Note, "(active-directory)") || len(batch.Unread)+len(batch.Warnings) > 0 {
		t.Errorf("note %q, unread %q, warnings %q", batch.Note, batch.Unread, batch.Warnings)
	}

	t.Run("asked for in ranges", func(t *testing.T) {
		o := reading(s)
		o.Groups.Members.Attr = "member;range=0-49"
		ranged, _, _ := membership(t, o)
		if diff := cmp.Diff(got, ranged); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("another primary group", func(t *testing.T) {
		s.Modify(personDN(5), "primaryGroupID", rid(t, s, "large"))
		now, _, _ := membership(t, reading(s))
		if !slices.Contains(now["cn=large"], "cn=p005") || !slices.Contains(now["cn=domain users"], "cn=p005") {
			t.Error("who has a group as primary one is not in it, or not in the one before")
		}
	})
	t.Run("moves and new names", func(t *testing.T) {
		s.Add("OU=more,"+groups, "objectClass", "organizationalUnit")
		s.Rename(groupDN("inner"), "CN=Kern", "OU=more,"+groups)
		s.Rename(personDN(2), "CN=Zoë", "CN=Users,"+sambatest.Suffix)
		s.Delete(personDN(1))
		o := reading(s)
		o.Users.Base = append(o.Users.Base, "CN=Users,"+sambatest.Suffix)
		now, ids, _ := membership(t, o)
		if want := []string{"cn=meier\\2c anna", "cn=outer", "cn=zoë"}; !slices.Equal(now["cn=kern"], want) {
			t.Errorf("%q, want %q", now["cn=kern"], want)
		}
		if want := []string{"cn=kern", "cn=s-1-5-11"}; !slices.Equal(now["cn=outer"], want) {
			t.Errorf("%q, want %q", now["cn=outer"], want)
		}
		if ids["cn=kern"] != before["cn=inner"] || ids["cn=zoë"] != before["cn=p002"] {
			t.Error("another identity after a move")
		}
	})
	t.Run("attributes", func(t *testing.T) {
		o := reading(s)
		src, err := ldap.New(o)
		if err != nil {
			t.Fatal(err)
		}
		schema, err := src.Describe(t.Context())
		if err != nil || !slices.Contains(schema.GroupNames, "name") || !slices.Contains(schema.GroupNames, "samaccountname") {
			t.Errorf("%d attributes of groups, %v", len(schema.GroupNames), err)
		}
		if len(slices.Sorted(maps.Keys(schema.Spelling))) == 0 {
			t.Error("no spelling of attributes")
		}
	})
}

// rid is the relative identifier of a group.
func rid(t *testing.T, s *sambatest.Server, name string) string {
	t.Helper()
	src, err := ldap.New(reading(s))
	if err != nil {
		t.Fatal(err)
	}
	sid := ""
	_, err = src.Read(t.Context(), record.Want{Groups: &record.WantGroups{Names: []string{"name", "objectsid"}, Link: func(string, string) error { return nil }}}, func(r *record.Record) error {
		if r.Kind == record.Group && r.Attrs[0].Values[0] == name {
			sid = r.Attrs[1].Values[0]
		}
		return nil
	})
	if err != nil || sid == "" {
		t.Fatalf("group %s has SID %q, %v", name, sid, err)
	}
	return sid[strings.LastIndexByte(sid, '-')+1:]
}
