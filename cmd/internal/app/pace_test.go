package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"scimsync/targets/sandbox"
)

// rehearsal is a service of a profile, whose time runs faster, and a directory with
// people for it.
type rehearsal struct {
	*service
	t   testing.TB
	dir string
}

// rehearse starts a sandbox of a profile at a scale, and writes a config for it whose
// limits are scaled as well. options are the profile's knobs, six spaces deep.
func rehearse(t testing.TB, profile, options string, flags ...string) *rehearsal {
	t.Helper()
	dir := t.TempDir()
	svc := startService(t, append([]string{"--profile", profile, "--habit", "oauth=off", "--token", "secret"}, flags...)...)
	write(t, dir, "token", "secret")
	write(t, dir, "config.yaml", `version: 1
state: {dir: state}
log: {level: warn}
sources:
  hr: {csv: {users: {path: people.csv, key: id}}}
targets:
  service:
    url: "`+svc.URL+`"
    profile: `+profile+`
    auth: {bearer: {token: {file: token}}}
    options:
`+options+`
jobs:
  staff:
    from: hr
    to: service
    users:
      map:
        userName: mail
        name.givenName: given
        name.familyName: family
        'emails[type eq "work"].value': mail
        title: title
        active: 'status != "off"'
`+freely)
	return &rehearsal{svc, t, dir}
}

// people writes the file: so many people, of whom some have another title or have left.
func (r *rehearsal) people(n int, title string, off int) {
	r.t.Helper()
	var b strings.Builder
	b.WriteString("id,mail,given,family,title,status\n")
	for i := range n {
		status := "on"
		if i < off {
			status = "off"
		}
		fmt.Fprintf(&b, "%d,p%d@example.org,Given%d,Family%d,%s,%s\n", i, i, i, i, title, status)
	}
	write(r.t, r.dir, "people.csv", b.String())
}

// stats are the service's own.
func (r *rehearsal) stats() (s sandbox.Stats) {
	r.t.Helper()
	origin, _, _ := strings.Cut(strings.TrimPrefix(r.URL, "http://"), "/")
	(&service{URL: "http://" + origin, t: r.t}).get("/-/stats", &s)
	return s
}

// limit fails the test if anything came inside an announced wait, or more was refused than
// meant, and tells of one limit what it let through, and which share of what it allows
// between its first and its last request was used.
func (r *rehearsal) limit(name string, refused int) (allowed int, used float64) {
	r.t.Helper()
	s := r.stats()
	if s.Early != 0 {
		r.t.Errorf("%d requests came inside an announced wait", s.Early)
	}
	for _, l := range s.Limits {
		if l.Name == name {
			if l.Refused != refused {
				r.t.Errorf("limit %s refused %d, want %d", l.Name, l.Refused, refused)
			}
			return l.Allowed, float64(l.Allowed-1) / float64(l.Events) * l.Per.Seconds() / l.Last.Sub(l.First).Seconds()
		}
	}
	r.t.Fatalf("there is no limit %s: %+v", name, s.Limits)
	return 0, 0
}

// ringcentral are the knobs of RingCentral at a scale of 20.
const ringcentral = `      rate:
        buckets:
          - {match: ["GET *", "POST */.search"], rate: 50/3s}
          - {match: ["POST */Users", "PUT|PATCH|DELETE *"], rate: 10/3s}
      retry: {default_429: 3s}`

// RingCentral takes ten writes a minute, here in three seconds: all of them are used, none
// is refused, and the plan says how long that takes. Joiners, movers and leavers, in runs
// and commands one after another, share the limit.
func TestRingCentralPace(t *testing.T) {
	t.Parallel()
	r := rehearse(t, "ringcentral", ringcentral, "--scale", "20", "--extensions", "100")
	r.people(32, "Agent", 0)
	o := scimsync(t, r.dir, "plan", "--format", "json").want(t, 0)
	var p struct {
		Calls, Lookups int
		Estimate       string
	}
	lastLine(t, o.out, &p)
	foretold, err := time.ParseDuration(p.Estimate)
	if err != nil || p.Calls != 32 || p.Lookups == 0 {
		t.Errorf("%v; %+v", err, p)
	}
	began := time.Now()
	if done := synced(t, r.dir, 0); done.Done["create"] != 32 {
		t.Errorf("%+v", done)
	}
	if took := time.Since(began); took < foretold*9/10-time.Second || took > foretold*11/10+time.Second {
		t.Errorf("foretold %v, took %v", foretold, took)
	}
	allowed, used := r.limit("Heavy", 0)
	if allowed != 32 || used < 0.9 { // 96 and more on a machine that does nothing else
		t.Errorf("%d writes, %.1f %% of what is allowed", allowed, used*100)
	}
	r.people(32, "Head", 2)
	if done := synced(t, r.dir, 0); done.Done["update"] != 30 || done.Done["deactivate"] != 2 {
		t.Errorf("%+v", done)
	}
	if allowed, used = r.limit("Heavy", 0); allowed != 64 || used < 0.9 { // between the runs there is a pause
		t.Errorf("%d writes, %.1f %% of what is allowed", allowed, used*100)
	}
	kept, err := os.ReadFile(filepath.Join(r.dir, "state", "pace-service.json"))
	if err != nil || len(kept) > 4000 {
		t.Errorf("%v, %d bytes kept", err, len(kept))
	}
}

// Somebody else has used the limit up: one refusal, which lets a penalty begin; nothing is
// sent in it, and everything after it.
func TestRingCentralPenalty(t *testing.T) {
	t.Parallel()
	r := rehearse(t, "ringcentral", ringcentral, "--scale", "20", "--extensions", "100")
	for i := range 10 {
		r.by(http.MethodPost, "/Users", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"other%d@example.org","active":true,
			"name":{"givenName":"G","familyName":"F"},"emails":[{"value":"other%d@example.org","type":"work"}]}`, i, i))
	}
	r.people(5, "Agent", 0)
	began := time.Now()
	if done := synced(t, r.dir, 0); done.Done["create"] != 5 || done.Calls != 6 {
		t.Errorf("%+v", done)
	}
	if took := time.Since(began); took < 3*time.Second {
		t.Errorf("took %v, and the penalty is 3s", took)
	}
	r.limit("Heavy", 1)
}

// RSA does not publish its limits. Asked too fast it says "2 seconds": that is obeyed, and
// what it took until then is what it is sent from then on.
func TestRSALearned(t *testing.T) {
	t.Parallel()
	r := rehearse(t, "rsa-unified-directory", `      rate: {concurrency: 1, buckets: [{match: "*", rate: 1000/s, burst: 1000}]}`)
	r.people(70, "Agent", 0)
	began := time.Now()
	if done := synced(t, r.dir, 0); done.Done["create"] != 70 || done.Calls != 71 {
		t.Errorf("%+v", done)
	}
	if took := time.Since(began); took > 12*time.Second {
		t.Errorf("70 people at 20 in 2 s took %v", took)
	}
	r.limit("all", 1)
}

// by sends a request as somebody else would.
func (r *rehearsal) by(method, path, body string) {
	r.t.Helper()
	req, err := http.NewRequest(method, r.URL+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/scim+json")
	req.Header.Set("Authorization", "Bearer secret")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	if resp.Body.Close(); resp.StatusCode >= 300 {
		r.t.Fatalf("%s %s: %d", method, path, resp.StatusCode)
	}
}

// lastLine decodes the last line of what the program printed.
func lastLine(t testing.TB, out string, into any) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), into); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
}

// Targets that share a budget draw from it together; they have to have the same limits.
func TestSharedBudget(t *testing.T) {
	t.Parallel()
	dir, svc := t.TempDir(), startService(t, "--habit", "limit=all 5/3s")
	people := "id,login,given,family,mail,title,status\n1,a,A,B,a@example.org,x,on\n2,b,B,C,b@example.org,x,on\n"
	write(t, dir, "people.csv", people)
	config := func(two string) string {
		shared := func(rate string) string {
			return `{url: "` + svc.URL + `", options: {rate: {shared: org, buckets: [{match: "*", rate: ` + rate + `, burst: 5}]}}}`
		}
		text := strings.Replace(csvConfig(svc.URL, freely), "  service: {url: \""+svc.URL+"\", pace: {rate: 100000/s, burst: 1000, concurrency: 8}}",
			"  service: "+shared("5/3s")+"\n  other: "+shared(two), 1)
		return strings.Replace(text, "to: service", "to: [service, other]", 1)
	}
	write(t, dir, "config.yaml", config("6/3s"))
	o := scimsync(t, dir, "check").want(t, 1)
	contains(t, o.err, `target other: shares the budget "org" with target service, but not its limits`)
	write(t, dir, "config.yaml", config("5/3s"))
	scimsync(t, dir, "check").want(t, 0)
	scimsync(t, dir, "sync") // the second finds the accounts of the first
	scimsync(t, dir, "plan")
	if _, err := os.Stat(filepath.Join(dir, "state", "pace-shared.org.json")); err != nil {
		t.Error(err)
	}
	r := &rehearsal{service: svc, t: t}
	r.limit("all", 0)
}

// At a service that takes ten requests a second and a hundred members in each, memberships take
// as many requests as they must, and as little time as they may.
func TestGroupsPace(t *testing.T) {
	t.Parallel()
	const people = 1500
	svc, dir := startService(t, "--habit", "limit=10/1s PATCH", "--habit", "max-members=100"), t.TempDir()
	config := clubConfig(svc.URL, clubsFreely)
	write(t, dir, "config.yaml", config)
	write(t, dir, "people.csv", clubPeople(people))
	all := clubs{"g1": {"large", nil, nil}, "g2": {"small", []int{1, 2, 3}, nil}}
	for i := 1; i <= people; i++ {
		all["g1"].people = append(all["g1"].people, i)
	}
	all.write(t, dir)
	synced(shipped{t}, dir, 0)
	write(t, dir, "config.yaml", replaced(config, "pace: {rate: 100000/s, burst: 1000, concurrency: 8}", "pace: {rate: 10/s, burst: 1, concurrency: 8}")+"    groups: {}\n")
	o := scimsync(shipped{t}, dir, "plan", "--format", "json").want(t, 0)
	var p struct {
		Calls    int
		Estimate string
	}
	lastLine(t, o.out, &p)
	if p.Calls != 2+people/100+1 || p.Estimate != "2s" {
		t.Errorf("%d calls are planned, and %s", p.Calls, p.Estimate)
	}
	r := synced(shipped{t}, dir, 0)
	if r.Calls != p.Calls || r.Done["add_member"] != people+3 {
		t.Errorf("%+v", r)
	}
	svc.wantGroups(all, everybody)
	allowed, used := (&rehearsal{svc, t, dir}).limit("10/1s", 0)
	t.Logf("%d requests, %.1f %% of what is allowed; foretold %s", allowed, used*100, p.Estimate)
	if used < 0.85 { // 95 on a machine that does nothing else; a window is short here, and answers count
		t.Errorf("%d requests, %.1f %% of what is allowed", allowed, used*100)
	}
}
