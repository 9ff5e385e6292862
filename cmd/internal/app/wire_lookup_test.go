package app_test

import (
	"fmt"
	"maps"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"scimsync/targets/scimtest"
)

// people makes a people.csv with so many people.
func people(n int) string {
	var b strings.Builder
	b.WriteString("id,login,given,family,mail,title,status\n")
	for i := range n {
		fmt.Fprintf(&b, "%d,user%d,Given,Family%d,user%d@example.org,,on\n", i+1, i+1, i+1, i+1)
	}
	return b.String()
}

// A service that answers every lookup with everybody (QRY-06, wire case 10): the
// accounts are found in a listing instead, nobody is made twice, and nobody else's
// account is taken.
func TestFiltersIgnored(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	service := oddService(t, ignoringFilters)
	for i := range 3 {
		service.add(t, fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"other%d","active":true}`, i))
	}
	write(t, dir, "config.yaml", csvConfig(service.URL, freely))
	write(t, dir, "people.csv", people(1))
	r := synced(t, dir, 0)
	if n := sent(service.take()); r.Done["create"] != 1 || n["POST"] != 1 || len(service.logins()) != 4 {
		t.Fatalf("first run: %+v, %v, %v", r, n, service.logins())
	}
	write(t, dir, "people.csv", people(2))
	r = synced(t, dir, 0)
	if n := sent(service.take()); r.Done["create"] != 1 || n["POST"] != 1 || n["GET"] > 3 || len(service.logins()) != 5 {
		t.Errorf("second run: %+v, %v, %v", r, n, service.logins())
	}
	if synced(t, dir, 0); len(service.take()) != 0 {
		t.Error("a run without a change sent something")
	}
}

// The same where the listing proves nothing either: nobody is created, that is said, and
// everything else goes on.
func TestFiltersIgnoredAndTotalsLie(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var lies atomic.Bool // the service answers on goroutines of its own
	service := oddService(t, func(r *scimtest.Request, pass func() scimtest.Reply) *scimtest.Reply {
		if !lies.Load() || r.Method != "GET" {
			return nil
		}
		reply := ignoringFilters(r, pass)
		if reply == nil {
			passed := pass()
			reply = &passed
		}
		reply.Body = strings.Replace(reply.Body, `"totalResults":`, `"totalResults":1`, 1)
		return reply
	})
	write(t, dir, "config.yaml", csvConfig(service.URL, freely))
	write(t, dir, "people.csv", people(3))
	synced(t, dir, 0)
	service.take()
	lies.Store(true)
	before := service.logins()
	write(t, dir, "people.csv", replaced(replaced(people(5), "user1@example.org,,on", "user1@example.org,Head,on"), "user2@example.org,,on", "user2@example.org,,off"))
	o := scimsync(t, dir, "sync").want(t, 4)
	n := sent(service.take())
	if n["POST"] != 0 || n["PATCH"] != 2 {
		t.Errorf("sent %v", n)
	}
	before["user2"] = false
	if got := service.logins(); !maps.Equal(got, before) {
		t.Errorf("the service holds %v, want %v", got, before)
	}
	contains(t, o.out+o.err, "filter ignored")
	contains(t, o.out+o.err, "cannot be proved complete")
	contains(t, scimsync(t, dir, "plan").want(t, 0).out, "no account is created at service for 2 people")
	lies.Store(false) // and once it behaves
	if r := synced(t, dir, 0, "--user", "4"); r.Done["create"] != 1 {
		t.Errorf("afterwards: %+v", r)
	}
}

// ignoringFilters answers every search with everybody.
func ignoringFilters(r *scimtest.Request, _ func() scimtest.Reply) *scimtest.Reply {
	if q, _ := url.ParseQuery(r.Query); q.Has("filter") {
		q.Del("filter")
		r.Query = q.Encode()
	}
	return nil
}
