package scim_test

import (
	"net/http"
	"strings"
	"testing"

	"scimsync/sync/plan"
	"scimsync/targets/scim"
	"scimsync/targets/scim/profile"
	"scimsync/targets/scimtest"
)

// Every request goes where the profile says, and is labelled as it says.
func TestRequestsAreLabelledAsTheProfileSays(t *testing.T) {
	var seen []*http.Request
	server := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r)
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte(`{"id":"7","totalResults":0}`))
	})
	target := serve(t, server, with(func(p *profile.Profile) {
		p.Paths.Users, p.ContentType, p.Accept = "/People", "application/json", "application/scim+json"
		p.UserAgent, p.Headers = "acme-sync/3", map[string]string{"X-Tenant": "42"}
	}))
	apply(t, target, scimtest.Create(scimtest.Person(1)))
	apply(t, target, scimtest.Change(plan.Deactivate, "7"))
	_ = target.Ping(t.Context())
	want := []string{"POST /scim/v2/People", "PATCH /scim/v2/People/7", "GET /scim/v2/People"}
	if len(seen) != len(want) {
		t.Fatalf("%d requests", len(seen))
	}
	for i, r := range seen {
		if got := r.Method + " " + r.URL.Path; got != want[i] {
			t.Errorf("%s, want %s", got, want[i])
		}
		labels := map[string]string{"Accept": "application/scim+json", "User-Agent": "acme-sync/3", "X-Tenant": "42", "Content-Type": "application/json"}
		if r.Method == http.MethodGet {
			labels["Content-Type"] = ""
		}
		for name, want := range labels {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", r.Method, name, got, want)
			}
		}
	}
}

// A request that is larger than the service takes is not sent.
func TestMaxBodyBytes(t *testing.T) {
	server := scimtest.NewFaulty(nil)
	server.Script(scimtest.Reply{Status: 201, Body: `{"id":"7"}`})
	small := with(func(p *profile.Profile) { p.MaxBodyBytes = 40 })
	r := apply(t, inProcess(t, server, small), scimtest.Create(scimtest.Person(1)))
	if r.Verdict != plan.Park || !strings.Contains(r.Err.Error(), "and the service takes 40 (max_body_bytes)") || len(server.Requests()) != 0 {
		t.Errorf("verdict %d after %d requests: %v", r.Verdict, len(server.Requests()), r.Err)
	}
	large := func(o *scim.Options) { small(o); o.Profile.MaxBodyBytes = 1 << 20 }
	if r := apply(t, inProcess(t, server, large), scimtest.Create(scimtest.Person(1))); r.Verdict != plan.Done {
		t.Errorf("verdict %d: %v", r.Verdict, r.Err)
	}
}
