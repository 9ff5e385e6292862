package scim_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"scimsync/sync/plan"
	"scimsync/targets/scim"
	"scimsync/targets/scim/profile"
	"scimsync/targets/scimtest"
)

// What answers say about the pace, as services say it.
func TestHeard(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	in := func(d time.Duration) time.Time { return now.Add(d) }
	epoch := strconv.FormatInt(in(30*time.Second).Unix(), 10)
	type h = map[string]string
	left := func(q plan.Quota) plan.Heard { return plan.Heard{Quotas: []plan.Quota{q}} }
	for _, c := range []struct {
		name   string
		status int
		header h
		body   string
		want   plan.Heard
	}{
		{"429", 429, nil, "", plan.Heard{TooFast: true}},
		{"429, garbage", 429, h{"Retry-After": "soon"}, "", plan.Heard{TooFast: true}},
		{"429, 3", 429, h{"Retry-After": "3"}, "", plan.Heard{TooFast: true, NotBefore: in(3 * time.Second)}},
		{"RSA", 429, h{"Retry-After": `"2 seconds"`}, "", plan.Heard{TooFast: true, NotBefore: in(2 * time.Second)}},
		{"503", 503, nil, "", plan.Heard{Sick: true}},
		{"503, 120", 503, h{"Retry-After": "120"}, "", plan.Heard{Sick: true, NotBefore: in(2 * time.Minute)}},
		{"500, 7", 500, h{"Retry-After": "7"}, "", plan.Heard{NotBefore: in(7 * time.Second)}},
		{"403, 2", 403, h{"Retry-After": "2"}, "", plan.Heard{NotBefore: in(2 * time.Second)}},
		{"204, 7", 204, h{"Retry-After": "7"}, "", plan.Heard{}},
		{"in the body", 429, nil, `{"retryAfter":5}`, plan.Heard{TooFast: true, NotBefore: in(5 * time.Second)}},
		{"in the body, as a text", 503, nil, `{"retryAfter":"5 seconds"}`, plan.Heard{Sick: true, NotBefore: in(5 * time.Second)}},
		{"in the body of something else", 400, nil, `{"retryAfter":5}`, plan.Heard{}},
		{"the header counts", 429, h{"Retry-After": "3"}, `{"retryAfter":5}`, plan.Heard{TooFast: true, NotBefore: in(3 * time.Second)}},
		{"SailPoint", 429, h{"X-Rate-Limit-Retry-After-Seconds": "4"}, "", plan.Heard{TooFast: true, NotBefore: in(4 * time.Second)}},

		{"quota exceeded", 403, h{"Retry-After": "3"}, `{"type":"https://iana.org/assignments/http-problem-types#quota-exceeded"}`,
			plan.Heard{TooFast: true, NotBefore: in(3 * time.Second)}},
		{"quota exceeded, wait in the body", 403, nil, `{"type":"urn:x:Quota-Exceeded","title":7,"retryAfter":4}`, plan.Heard{TooFast: true, NotBefore: in(4 * time.Second)}},
		{"less capacity", 429, h{"Retry-After": "9"}, `{"type":"https://iana.org/assignments/http-problem-types#temporary-reduced-capacity"}`,
			plan.Heard{TooFast: true, Sick: true, NotBefore: in(9 * time.Second)}},
		{"abuse", 429, h{"Retry-After": "3"}, `{"type":"https://iana.org/assignments/http-problem-types#abnormal-usage-detected"}`,
			plan.Heard{TooFast: true, Sick: true, NotBefore: in(time.Hour)}},
		{"another problem", 400, h{"Retry-After": "3"}, `{"type":"about:blank"}`, plan.Heard{NotBefore: in(3 * time.Second)}},

		{"RingCentral", 200, h{"X-Rate-Limit-Group": "heavy", "X-Rate-Limit-Limit": "10", "X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Window": "60"}, "",
			left(plan.Quota{Limit: 10, Window: time.Minute, Left: 0})},
		{"epoch", 200, h{"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "4999", "X-RateLimit-Reset": epoch}, "",
			left(plan.Quota{Limit: 5000, Left: 4999, Reset: in(30 * time.Second)})},
		{"epoch, with a clock that is off", 200, h{"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": epoch, "Date": in(-10 * time.Second).Format(http.TimeFormat)}, "",
			left(plan.Quota{Left: 1, Reset: in(40 * time.Second)})},
		{"milliseconds", 200, h{"X-Rate-Limit-Remaining": "1", "X-Rate-Limit-Reset": epoch + "500"}, "", left(plan.Quota{Left: 1, Reset: in(30500 * time.Millisecond)})},
		{"delta", 200, h{"RateLimit-Limit": "100, 100;w=60", "RateLimit-Remaining": "7", "RateLimit-Reset": "12"}, "",
			left(plan.Quota{Limit: 100, Left: 7, Reset: in(12 * time.Second)})},
		{"date", 200, h{"X-RateLimit-Remaining": "7", "X-RateLimit-Reset": in(time.Minute).Format(http.TimeFormat)}, "", left(plan.Quota{Left: 7, Reset: in(time.Minute)})},
		{"ISO date", 200, h{"X-RateLimit-Remaining": "7", "X-RateLimit-Reset": "2026-11-21T12:00:20Z"}, "", left(plan.Quota{Left: 7, Reset: in(20 * time.Second)})},
		{"no number at all", 200, h{"X-RateLimit-Remaining": "many", "X-RateLimit-Limit": "unlimited", "X-RateLimit-Reset": "never"}, "", left(plan.Quota{Left: -1})},
		{"between the years", 200, h{"X-RateLimit-Remaining": "7", "X-RateLimit-Reset": "500000000000"}, "", left(plan.Quota{Left: 7})},
		{"far away", 200, h{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9999999999"}, "", left(plan.Quota{Left: 0, Reset: in(time.Hour)})},
		{"the profile's own", 200, h{"Quota-Max": "9", "Quota-Left": "8", "X-RateLimit-Remaining": "7"}, "", left(plan.Quota{Limit: 9, Left: 8})},

		{"structured", 200, h{"RateLimit": `"p";r=50;t=30`, "RateLimit-Policy": `"p";q=100;w=60`}, "",
			left(plan.Quota{Limit: 100, Window: time.Minute, Left: 50, Reset: in(30 * time.Second)})},
		{"structured, without a moment", 200, h{"RateLimit": `"p";r=0`}, "", left(plan.Quota{Left: 0})},
		{"structured, several", 200, h{"RateLimit": `"day";r=900, "p";r=50;t=30`, "RateLimit-Policy": `"p";q=100;w=60, "day";q=1000;w=86400`}, "",
			plan.Heard{Quotas: []plan.Quota{{Limit: 1000, Window: 24 * time.Hour, Left: 900}, {Limit: 100, Window: time.Minute, Left: 50, Reset: in(30 * time.Second)}}}},
		{"structured, of bytes", 200, h{"RateLimit": `"p";r=50;t=30`, "RateLimit-Policy": `"p";q=100;w=60;qu="content-bytes"`}, "", plan.Heard{}},
		{"structured, an earlier draft", 200, h{"RateLimit-Policy": `100;w=60`}, "", left(plan.Quota{Limit: 100, Window: time.Minute, Left: -1})},
		{"malformed", 200, h{"RateLimit": `"p;r=50`, "RateLimit-Policy": `q=100;;`}, "", plan.Heard{}},
		{"malformed numbers", 200, h{"RateLimit": `"p";r=-1;t="x"`, "RateLimit-Policy": `"p";q=1.5;w=99999999999`}, "", plan.Heard{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			header := h{"Date": now.Format(http.TimeFormat)}
			for name, value := range c.header {
				header[name] = value
			}
			server := scimtest.NewFaulty(nil)
			server.Script(scimtest.Reply{Status: c.status, Header: header, Body: c.body})
			p := profile.RFC()
			p.Discovery.Mode = profile.DiscoveryOff
			p.Rate.Headers = profile.RateHeaders{Limit: "Quota-Max", Remaining: "Quota-Left"}
			target := serve(t, server, func(o *scim.Options) { o.Now, o.Profile = func() time.Time { return now }, p })
			got := apply(t, target, scimtest.Change(plan.Deactivate, "7")).Heard
			order := cmp.Transformer("byLimit", func(quotas []plan.Quota) map[int]plan.Quota {
				m := map[int]plan.Quota{}
				for _, q := range quotas {
					m[q.Limit] = q
				}
				return m
			})
			if diff := cmp.Diff(c.want, got, order); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A request counts against every limit that it fits, reads as well as writes.
func TestDraws(t *testing.T) {
	p := profile.RFC()
	p.Discovery.Mode = profile.DiscoveryOff
	p.Rate.Buckets = []profile.Bucket{
		{Match: profile.Match{"GET *", "POST */.search"}, Rate: profile.Limit{N: 50, Per: time.Minute}},
		{Match: profile.Match{"POST */Users", "PUT|PATCH|DELETE *"}, Rate: profile.Limit{N: 10, Per: time.Minute}},
		{Match: profile.Match{"PATCH */Users/*"}, Rate: profile.Limit{N: 5, Per: 30 * time.Second}, MinBody: 200},
		{Match: profile.Match{"PATCH */Groups/*"}, Rate: profile.Limit{N: 1000, Per: time.Hour}, Unit: profile.UnitMembers},
	}
	p.Rate.DailyCaps = []profile.Cap{{Match: profile.Match{"POST *"}, Rate: profile.Limit{N: 6000, Per: 24 * time.Hour}}}
	const (
		reads  = "GET *, POST */.search, 50/m"
		writes = "POST */Users, PUT|PATCH|DELETE *, 10/m"
		large  = "PATCH */Users/*, 5/30s of at least 200 bytes"
		daily  = "POST *, at most 6000/d"
	)
	var asked []string
	server := scimtest.NewFaulty(nil)
	server.Script(nobody)
	target := serve(t, server, func(o *scim.Options) {
		o.Profile = p
		o.Gate = (&gate{draws: &asked}).enter
	})
	long := make([]byte, 200)
	for i := range long {
		long[i] = 'x'
	}
	for _, c := range []struct {
		change *plan.Change
		want   []string
	}{
		{scimtest.Change(plan.Create, ""), []string{writes, daily}},
		{scimtest.Change(plan.Deactivate, "7"), []string{writes}},
		{scimtest.Change(plan.Delete, "7"), []string{writes}},
		{scimtest.Change(plan.Update, "7", replace("title", "x")), []string{writes}},
		{scimtest.Change(plan.Update, "7", replace("title", string(long))), []string{writes, large}},
		{scimtest.Change(plan.Adopt, "7"), nil},
	} {
		if got := names(target.Draws(c.change)); !cmp.Equal(got, c.want) {
			t.Errorf("%s draws from %q, want %q", c.change, got, c.want)
		}
	}
	if _, err := target.Find(t.Context(), wanted("externalId", "x")); err != nil {
		t.Fatal(err)
	}
	sent, each := target.Reads(), target.Reading()
	if !cmp.Equal(asked, []string{reads}) || sent != 1 || !cmp.Equal(names(each), asked) {
		t.Errorf("a lookup asks for %q; %d read, drawn %v", asked, sent, each)
	}
}

func names(draws []plan.Draw) []string {
	var all []string
	for _, d := range draws {
		all = append(all, d.Bucket)
	}
	return all
}
