package app_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

// front is a proxy before a service that answers on its own while broken says so.
func front(t testing.TB, svc *service, broken func(w http.ResponseWriter, r *http.Request) bool) string {
	t.Helper()
	to, err := url.Parse(svc.URL)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if broken(w, r) {
			return
		}
		req := r.Clone(r.Context())
		req.URL.Scheme, req.URL.Host, req.URL.Path = to.Scheme, to.Host, to.Path+r.URL.Path
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			w.WriteHeader(502)
			return
		}
		defer resp.Body.Close()
		for k, v := range resp.Header {
			w.Header()[k] = v
		}
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// A load balancer that lost its way answers 404 to everything: that is no word of the
// service that the account of a leaver is gone.
func TestLeaverBehindALostProxy(t *testing.T) {
	t.Parallel()
	svc, dir := startService(t), t.TempDir()
	var lost atomic.Bool
	u := front(t, svc, func(w http.ResponseWriter, r *http.Request) bool {
		if lost.Load() {
			http.Error(w, "default backend - 404", 404)
		}
		return lost.Load()
	})
	write(t, dir, "config.yaml", csvConfig(u, freely))
	write(t, dir, "people.csv", threePeople)
	synced(t, dir, 0)
	lost.Store(true)
	write(t, dir, "people.csv", strings.Replace(threePeople, "3,chloe,Chloé,Martin,chloe@example.org,,on\n", "", 1))
	if r := synced(t, dir, 4); len(r.Parked) != 1 || r.Done["deactivate"] != 0 {
		t.Fatalf("behind the proxy: %+v", r)
	}
	lost.Store(false)
	if r := synced(t, dir, 0); r.Done["deactivate"] != 1 {
		t.Fatalf("afterwards: %+v", r)
	}
	if svc.users()["3"]["active"] != false {
		t.Fatal("the leaver keeps access")
	}
}

// Two targets that wait for the same changes have holds of different names, and a
// name releases the hold that it was printed with.
func TestHoldNamesAreOfOneTarget(t *testing.T) {
	t.Parallel()
	a, b, dir := startService(t), startService(t), t.TempDir()
	config := strings.Replace(csvConfig(a.URL, ""), "to: service", "to: [service, other]", 1)
	config = strings.Replace(config, "jobs:\n", `  other: {url: "`+b.URL+"\"}\njobs:\n", 1)
	write(t, dir, "config.yaml", config)
	write(t, dir, "people.csv", threePeople)
	o := scimsync(t, dir, "sync", "--output", "json").want(t, 3)
	ids := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(o.out), "\n") {
		r := decoded[result](t, line)
		ids[r.Target] = r.Hold.ID
	}
	if ids["service"] == ids["other"] {
		t.Errorf("two holds with one id: %v", ids)
	}
	scimsync(t, dir, "approve", ids["service"]).want(t, 0)
	if len(a.users()) != 3 || len(b.users()) != 0 {
		t.Fatalf("approved service: %d there, %d at other", len(a.users()), len(b.users()))
	}
}

// The account of a leaver that was made anew under another id, by a restored backup
// say, is found by its anchor and deactivated.
func TestLeaverUnderAnotherID(t *testing.T) {
	t.Parallel()
	svc, dir := startService(t), t.TempDir()
	write(t, dir, "config.yaml", csvConfig(svc.URL, freely))
	write(t, dir, "people.csv", threePeople)
	synced(t, dir, 0)
	svc.do("DELETE", "/Users/"+svc.users()["3"]["id"].(string), "")
	svc.do("POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"chloe","externalId":"3","active":true}`)
	write(t, dir, "people.csv", strings.Replace(threePeople, "3,chloe,Chloé,Martin,chloe@example.org,,on\n", "", 1))
	synced(t, dir, 0)
	synced(t, dir, 0)
	if svc.users()["3"]["active"] != false {
		t.Fatal("the leaver keeps access")
	}
	n := svc.last()
	if synced(t, dir, 0); svc.last() != n {
		t.Fatal("a quiet run made requests")
	}
}
