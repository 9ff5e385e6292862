package ldap_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"scimsync/sources/ldap"
)

const fakeGroups = "ou=groups,dc=example,dc=org"

// grouping asks a fake for groups, too.
func grouping(o *ldap.Options) {
	o.Groups = &ldap.Groups{Entries: ldap.Entries{Base: []string{fakeGroups}}}
}

// answerGroups makes a fake answer for groups below fakeGroups: pairs of each, by its cn.
func (f *fake) answerGroups(names []string, pairs func(name string) []string) {
	f.set(func() {
		f.onSearch = func(c *fakeConn, s fakeSearch) {
			if s.base != fakeGroups {
				f.answer(c, s)
				return
			}
			for _, name := range names {
				c.entry(s.id, "cn="+name+","+fakeGroups, append([]string{"cn", name}, pairs(name)...)...)
			}
			c.page(s.id, "")
		}
	})
}

// memberRange are members p[from] to p[to-1] as one range of the attribute.
func memberRange(from, to int, option string) []string {
	var pairs []string
	for i := from; i < to; i++ {
		pairs = append(pairs, "Member;Range="+option, fmt.Sprintf("UID=P%d,ou=people,dc=example,dc=org", i))
	}
	return pairs
}

// TestMemberRanges has groups that come in ranges, as Active Directory sends large ones: an
// empty attribute beside the first range, the ranges in any spelling.
func TestMemberRanges(t *testing.T) {
	t.Parallel()
	f := newFake(t, 30)
	f.answerGroups([]string{"small", "large", "after"}, func(name string) []string {
		if name == "large" {
			return append([]string{"entryUUID", name, "member"}, append([]string{""}, memberRange(1, 11, "0-9")...)...)
		}
		return []string{"entryUUID", name, "member", "uid=p1,ou=people,dc=example,dc=org"}
	})
	honest := func(c *fakeConn, s fakeSearch) {
		if s.attrs[0] == "Member;range=10-*" {
			c.entry(s.id, s.base, memberRange(11, 21, "10-19")...)
		} else {
			c.entry(s.id, s.base, memberRange(21, 26, "20-*")...)
		}
		c.done(s.id, 0, "")
	}
	f.set(func() { f.onRange = honest })
	got := mustJoin(t, f.source(grouping))
	if len(got.of["large"]) != 25 || len(got.of["small"]) != 1 || len(got.of["after"]) != 1 || len(got.Unread) != 0 {
		t.Errorf("%d, %q, %q, unread %q", len(got.of["large"]), got.of["small"], got.of["after"], got.Unread)
	}

	for text, lie := range map[string]func(c *fakeConn, s fakeSearch){
		"the entry is gone":       func(c *fakeConn, s fakeSearch) { c.done(s.id, 32, "") },
		"gave nothing from value": func(c *fakeConn, s fakeSearch) { c.entry(s.id, s.base); c.done(s.id, 0, "") },
		"answered from 0 on": func(c *fakeConn, s fakeSearch) {
			c.entry(s.id, s.base, memberRange(1, 11, "0-9")...)
			c.done(s.id, 0, "")
		},
		"values came where the": func(c *fakeConn, s fakeSearch) {
			c.entry(s.id, s.base, memberRange(11, 12, "10-19")...)
			c.done(s.id, 0, "")
		},
		"the range is malformed": func(c *fakeConn, s fakeSearch) {
			c.entry(s.id, s.base, "member;range=x", "uid=p1")
			c.done(s.id, 0, "")
		},
		"Size Limit Exceeded": func(c *fakeConn, s fakeSearch) { c.done(s.id, 4, "") },
		"Insufficient Access": func(c *fakeConn, s fakeSearch) { c.done(s.id, 50, "") },
	} {
		f.set(func() { f.onRange = lie })
		got, err := join(t, f.source(grouping))
		if text == "Insufficient Access" {
			text = "the entry is gone" // or nobody may see it any more
		}
		if why := got.Unread["large"]; err != nil || len(got.Unread) != 1 || !strings.Contains(why, text) || !strings.Contains(why, "read the rest of Member") {
			t.Errorf("%s: unread %q, %v", text, got.Unread, err)
		}
		if n := len(got.of["large"]); n < 10 || len(got.of["after"]) != 1 {
			t.Errorf("%s: %d members of what was read, and %q after it", text, n, got.of["after"])
		}
	}
	f.set(func() { f.onRange = func(c *fakeConn, _ fakeSearch) { _ = c.Close() } })
	if _, err := join(t, f.source(grouping)); err == nil || !strings.Contains(err.Error(), "nothing was taken") {
		t.Errorf("a connection that was lost: %v", err)
	}
	// Another attribute than that of members is not to be doubted in silence.
	f.answerGroups([]string{"large"}, func(name string) []string {
		return []string{"entryUUID", name, "cn;range=0-0", "one", "member", "uid=p1,ou=people,dc=example,dc=org"}
	})
	f.set(func() { f.onRange = func(c *fakeConn, s fakeSearch) { c.done(s.id, 32, "") } })
	if _, err := join(t, f.source(grouping)); err == nil || !strings.Contains(err.Error(), "read the rest of cn") {
		t.Errorf("the rest of a name: %v", err)
	}
}

// sidOf is a SID of the test's domain on the wire.
func sidOf(rid byte) string {
	return "\x01\x02\x00\x00\x00\x00\x00\x05\x15\x00\x00\x00" + string([]byte{rid, 2, 0, 0})
}

// TestPrimaryGroup: of Active Directory, the group that a person's primaryGroupID names has
// them as member without saying so.
func TestPrimaryGroup(t *testing.T) {
	t.Parallel()
	f := newFake(t, 4)
	f.root = adRoot
	primary := []string{"513", "514", "513", "513"}
	f.attrs = func(i int) []string {
		pairs := []string{"objectGUID", strings.Repeat(string(rune('a'+i)), 16), "objectSid", sidOf(byte(100 + i))}
		if primary[i-1] != "" {
			pairs = append(pairs, "primaryGroupID", primary[i-1])
		}
		return pairs
	}
	f.answerGroups([]string{"Users", "Guests", "other"}, func(name string) []string {
		rid := map[string]byte{"Users": 1, "Guests": 2, "other": 3}[name]
		return []string{"objectGUID", strings.Repeat(name[:1], 16), "objectSid", sidOf(rid), "member", "uid=p4,ou=people,dc=example,dc=org",
			"member", "CN=S-1-5-11,CN=ForeignSecurityPrincipals,DC=example,DC=org"}
	})
	person := func(i int) string {
		c := fmt.Sprintf("%02x", 'a'+i)
		return "user/" + strings.Repeat(c, 4) + "-" + strings.Repeat(c, 2) + "-" + strings.Repeat(c, 2) + "-" + strings.Repeat(c, 2) + "-" + strings.Repeat(c, 6)
	}
	foreign := "cn=s-1-5-11,cn=foreignsecurityprincipals,dc=example,dc=org"
	got := mustJoin(t, f.source(grouping))
	for name, want := range map[string][]string{
		"Users":  {foreign, person(1), person(3), person(4), person(4)},
		"Guests": {foreign, person(2), person(4)},
		"other":  {foreign, person(4)},
	} {
		if !slices.Equal(got.of[name], want) {
			t.Errorf("%s: %q, want %q", name, got.of[name], want)
		}
	}
	if len(got.Unread)+len(got.Warnings) != 0 {
		t.Errorf("unread %q, warnings %q", got.Unread, got.Warnings)
	}

	f.set(func() { primary[2] = "" }) // hidden: in which group they are is not known
	got = mustJoin(t, f.source(grouping))
	if len(got.Unread) != 2 || !strings.Contains(got.Unread["55555555-5555-5555-5555-555555555555"], "primaryGroupID of uid=p3,") {
		t.Errorf("unread %q", got.Unread)
	}
}

// TestGroupAnchors: who are known by another attribute than last time are other groups.
func TestGroupAnchors(t *testing.T) {
	t.Parallel()
	f := newFake(t, 1)
	f.attrs = func(int) []string { return []string{"entryUUID", "a", "nsUniqueId", "b"} }
	f.answerGroups([]string{"one"}, func(string) []string {
		return []string{"entryUUID", "A", "entryUUID", "A", "nsUniqueId", "B"}
	})
	_, err := join(t, f.source(grouping))
	if err == nil || !strings.Contains(err.Error(), "2 values of entryUUID, by which groups are known; choose a groups.anchor with one value") {
		t.Error(err)
	}
	f.answerGroups([]string{"one"}, func(string) []string { return []string{"nsUniqueId", "B"} })
	_, err = join(t, f.source(grouping))
	if err == nil || !strings.Contains(err.Error(), "it has no entryUUID, by which groups are known; let the bind user read it, narrow groups.filter, or choose another groups.anchor") {
		t.Error(err)
	}
	f.answerGroups([]string{"one"}, func(string) []string { return []string{"nsUniqueId", "B", "entryUUID", "A"} })
	first := mustJoin(t, f.source(grouping))
	f.set(func() { f.root = []string{"vendorName", "389 Project"} })
	src := f.source(grouping, func(o *ldap.Options) { o.Users.Anchor = "nsUniqueId" })
	_, err = joinFrom(t, src, first.Cursor)
	if err == nil || !strings.Contains(err.Error(), "groups were known by entryUUID in the last read, but by nsUniqueId at this server (389ds): name the vendor or groups.anchor") {
		t.Error(err)
	}
	if got := mustJoin(t, f.source(grouping)); got.Cursor == nil || got.of["one"] == nil {
		t.Errorf("%+v", got)
	}
}

func TestGroupOptions(t *testing.T) {
	for want, change := range map[string]func(o *ldap.Options){
		"groups.base: at least one base":     func(o *ldap.Options) { o.Groups.Base = nil },
		"groups.filter":                      func(o *ldap.Options) { o.Groups.Filter = "(cn=a" },
		"groups.base \"ou=groups":            func(o *ldap.Options) { o.Groups.Exclude = []string{"dc=org"} },
		"groups.members.attr is missing":     func(o *ldap.Options) { o.Groups.Members.User = "mail" },
		"attribute userPassword holds":       func(o *ldap.Options) { o.Groups.Members = ldap.Members{Attr: "x", User: "userPassword"} },
		"attribute unicodePwd holds":         func(o *ldap.Options) { o.Groups.Attributes = []string{"unicodePwd"} },
		"a Global Catalog does not hold the": func(o *ldap.Options) { o.URLs = []string{"ldaps://dc1.example.org:3269"} },
	} {
		opts := fakeOptions("ldaps://dc1.example.org")
		grouping(&opts)
		if _, err := ldap.New(opts); err != nil {
			t.Fatal(err)
		}
		change(&opts)
		if _, err := ldap.New(opts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	for _, v := range []ldap.Vendor{ldap.ActiveDirectory, ldap.OpenLDAP, ldap.DS389, ldap.FreeIPA, ldap.Generic} {
		if ldap.DefaultGroupFilter(v) == "" {
			t.Errorf("%s has no filter of groups", v)
		}
	}
	if ldap.DefaultGroupFilter(ldap.Auto) != "" {
		t.Error("auto has a filter of its own")
	}
}

// TestPeopleBesideGroups: who asks for people only asks the server for nothing else.
func TestPeopleBesideGroups(t *testing.T) {
	t.Parallel()
	f := newFake(t, 3)
	if got := mustRead(t, f.source(grouping), "mail"); len(got) != 3 {
		t.Errorf("%d people", len(got))
	}
	if f.noted(`search base="`+fakeGroups) != 0 || f.noted(`search base="ou=people,dc=example,dc=org" scope=2 paging=1 cookie="" attrs=mail,entryUUID,pwdAccountLockedTime`) != 1 {
		t.Errorf("asked: %s", strings.Join(f.log, "\n"))
	}
}
