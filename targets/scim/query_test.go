package scim_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"scimsync/sync/plan"
	"scimsync/targets/scim"
	"scimsync/targets/scim/profile"
	"scimsync/targets/scimtest"
)

func unescaped(t *testing.T, query string) string {
	t.Helper()
	text, err := url.PathUnescape(query)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// How accounts are asked for at a service that has its own way.
func TestFilterForms(t *testing.T) {
	for _, c := range []struct {
		name  string
		set   func(*profile.Lookup)
		value string
		sent  string // the first filter, not escaped; "": none
	}{
		{"a name of its own", func(l *profile.Lookup) { l.FilterNames = map[profile.By]string{profile.ByEmail: "emails"} }, "a@example.org", `emails eq "a@example.org"`},
		{"as long as it may be", func(l *profile.Lookup) { l.FilterMaxLen = len(`emails[value eq "zoë"]`) - 1 }, "zoë", `emails[value eq "zoë"]`},
		{"too long", func(l *profile.Lookup) { l.FilterMaxLen = len(`emails[value eq "zoë"]`) - 2 }, "zoë", ""},
		{"not asked for by mail", func(l *profile.Lookup) { l.User = []profile.By{profile.ByUserName} }, "a", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := scimtest.NewFaulty(nil)
			server.Forever(nobody)
			target := serve(t, server, with(func(p *profile.Profile) { c.set(&p.Lookup) }), func(o *scim.Options) { o.Match = []string{"email"} })
			_, err := target.Find(t.Context(), wanted(`emails[type eq "work"].value`, c.value))
			if errors.Is(err, plan.ErrNoLookup) != (c.sent == "") {
				t.Error(err)
			}
			if c.sent == "" {
				if n := len(server.Requests()); n != 0 {
					t.Errorf("%d requests", n)
				}
				return
			}
			if got := unescaped(t, server.Requests()[0].Query); got != "filter="+c.sent {
				t.Errorf("asked %s, want %s", got, c.sent)
			}
		})
	}
}

// A status that the profile says means nobody does so with a SCIM error, and only then.
func TestNoneStatus(t *testing.T) {
	for _, c := range []struct {
		none  []int
		reply scimtest.Reply
		found bool // that there is nobody
	}{
		{[]int{200, 404}, scimError(404, ""), true},
		{[]int{200, 404}, scimtest.Reply{Status: 404, Body: `{"schemas":["urn:scim:schemas:core:1.0:Error"]}`}, true},
		{[]int{200, 404}, scimtest.Reply{Status: 404}, false},
		{[]int{200, 404}, scimtest.Reply{Status: 404, Body: `{"message":"no Route matched"}`}, false},
		{[]int{200, 404}, scimtest.Reply{Status: 404, Body: `<html>`}, false},
		{[]int{200}, scimError(404, ""), false},
	} {
		server := scimtest.NewFaulty(nil)
		server.Forever(c.reply)
		target := serve(t, server, with(func(p *profile.Profile) { p.Lookup.NoneStatus = c.none }))
		found, err := target.Find(t.Context(), wanted("userName", "x"))
		if (err == nil) != c.found || len(found) != 0 {
			t.Errorf("%d %s: %v, %v", c.reply.Status, c.reply.Body, found, err)
		}
	}
}

// When lookups go by POST (RFC 7644 section 3.4.3).
func TestSearchByPost(t *testing.T) {
	long := strings.Repeat("x", 2000)
	opted := func(p *profile.Profile) { p.Paths.Search = "/Users/.search" }
	plain := func(*profile.Profile) {}
	hit := listOf(1, user("a", "1", "x"))
	for _, c := range []struct {
		name    string
		profile func(*profile.Profile)
		anchors []string // one Find each
		replies []scimtest.Reply
		sent    string // G, P: a lookup
		err     string
	}{
		{"opted in", opted, []string{"1", "1"}, []scimtest.Reply{hit, hit}, "PP", ""},
		{"opted in, and there is none", opted, []string{"1", "1"}, []scimtest.Reply{scimError(404, ""), hit, hit}, "PGG", ""},
		{"not by itself", plain, []string{"1"}, []scimtest.Reply{hit}, "G", ""},
		{"sensitive", plain, []string{"1", "1"}, []scimtest.Reply{scimError(403, "Sensitive"), hit, hit}, "GPP", ""},
		{"sensitive, and there is none", plain, []string{"1"}, []scimtest.Reply{scimError(403, "sensitive"), scimError(405, "")}, "GP", "sensitive"},
		{"too long", plain, []string{"1"}, []scimtest.Reply{{Status: 414}, hit}, "GP", ""},
		{"longer than anybody takes", plain, []string{long, "1"}, []scimtest.Reply{listOf(1, user("a", long, "x")), hit}, "PG", ""},
		{"too long, and there is none", plain, []string{long}, []scimtest.Reply{scimError(501, ""), listOf(1, user("a", long, "x"))}, "PG", ""},
		{"refused for another reason", opted, []string{"1"}, []scimtest.Reply{scimError(403, "")}, "P", "403"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := scimtest.NewFaulty(nil)
			server.Script(c.replies...)
			target := serve(t, server, with(c.profile), func(o *scim.Options) { o.Match = []string{"externalId"} })
			var err error
			for _, anchor := range c.anchors {
				var found []plan.Found
				if found, err = target.Find(t.Context(), wanted("externalId", anchor)); err == nil && len(found) != 1 {
					t.Errorf("found %v", found)
				}
			}
			if c.err != "" {
				says(t, err, c.err)
			} else if err != nil {
				t.Error(err)
			}
			sent := ""
			for _, r := range server.Requests() {
				sent += r.Method[:1]
				if r.Method == "POST" && (r.Path != "/scim/v2/Users/.search" || r.Query != "" || r.Header.Get("Content-Type") != "application/scim+json") {
					t.Errorf("%+v", r)
				}
			}
			if sent != c.sent {
				t.Errorf("sent %s, want %s", sent, c.sent)
			}
		})
	}
	server := scimtest.NewFaulty(nil)
	server.Script(hit)
	target := serve(t, server, with(opted))
	if _, err := target.Find(t.Context(), wanted("externalId", "1")); err != nil {
		t.Fatal(err)
	}
	want := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"externalId eq \"1\""}`
	if got := server.Requests()[0].Body; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
}

// What was learned outlives the process, is said once, and is forgotten after a day.
func TestMemory(t *testing.T) {
	server := scimtest.NewFaulty(nil)
	server.Script(scimError(400, "invalidFilter"))
	server.Forever(nobody)
	var stored []byte
	var said []string
	now := time.Now()
	open := func(url string) *scim.Target {
		memory := scim.NewMemory(stored, func(b []byte) error { stored = b; return nil }, func(s string) { said = append(said, s) })
		return reach(t, url, func(o *scim.Options) {
			o.Memory, o.Match, o.Handler = memory, []string{"externalId", "userName"}, server
			o.Now = func() time.Time { return now }
		})
	}
	find := func(url string) {
		t.Helper()
		if _, err := open(url).Find(t.Context(), wanted("externalId", "1", "userName", "x")); err != nil {
			t.Fatal(err)
		}
	}
	find("https://a.example.org")
	find("https://a.example.org")
	if names := open("https://a.example.org").Unasked(); len(names) != 1 || names[0] != "externalId" {
		t.Errorf("unasked %v", names)
	}
	now = now.Add(25 * time.Hour)
	find("https://a.example.org")
	find("https://b.example.org") // is another service, of which nothing is known
	var asked []string
	for _, r := range server.Requests() {
		asked = append(asked, r.Query[len("filter="):len("filter=")+1])
	}
	if got := strings.Join(asked, ""); got != "euueueu" {
		t.Errorf("asked by %s, want euueueu", got)
	}
	if diff := cmp.Diff([]string{"filters by externalId are refused, so nobody is looked up by it"}, said); diff != "" {
		t.Errorf("said (-want +got):\n%s", diff)
	}
}
