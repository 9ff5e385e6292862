package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What RingCentral and RSA refuse to some people, and what becomes of the others.

// list gives the accounts at the service.
func (r *rehearsal) list() []map[string]any {
	r.t.Helper()
	req, err := http.NewRequest(http.MethodGet, r.URL+"/Users?startIndex=1&count=100", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer secret")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	var page struct{ Resources []map[string]any }
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil {
		r.t.Fatal(err)
	}
	return page.Resources
}

// accounts are those at the service, as in "p0:Head -p1"; a minus stands before those that
// are off.
func (r *rehearsal) accounts() string {
	r.t.Helper()
	var all []string
	for _, u := range r.list() {
		text := strings.TrimSuffix(fmt.Sprint(u["userName"]), "@example.org")
		if title, ok := u["title"].(string); ok {
			text += ":" + title
		}
		if u["active"] != true {
			text = "-" + text
		}
		all = append(all, text)
	}
	slices.SortFunc(all, func(a, b string) int { return strings.Compare(strings.TrimLeft(a, "-"), strings.TrimLeft(b, "-")) })
	return strings.Join(all, " ")
}

// id is that of the account with a login.
func (r *rehearsal) id(login string) string {
	r.t.Helper()
	for _, u := range r.list() {
		if u["userName"] == login {
			return fmt.Sprint(u["id"])
		}
	}
	r.t.Fatalf("nobody is called %s", login)
	return ""
}

// behave puts habits in the place of those that the sandbox was started with.
func (r *rehearsal) behave(habits ...string) {
	r.t.Helper()
	origin := *r.service
	origin.URL = strings.TrimSuffix(r.URL, "/scim/v2")
	(&rehearsal{&origin, r.t, r.dir}).by(http.MethodPut, "/-/habits", strings.Join(habits, "\n"))
}

// sync runs once, and gives what the run said, with the writes that the service saw, as in
// "POST 201, PATCH 200".
func (r *rehearsal) sync(code int, args ...string) (result, string) {
	r.t.Helper()
	before := r.last()
	got := synced(r.t, r.dir, code, args...)
	var writes []string
	for _, q := range r.requests(before) {
		if q.Method != http.MethodGet {
			writes = append(writes, fmt.Sprint(q.Method, " ", q.Status))
		}
	}
	slices.Sort(writes)
	return got, strings.Join(writes, ", ")
}

// waiting fails the test unless exactly these people are parked, by this run or an earlier
// one, with a reason that says all that.
func waiting(t testing.TB, got result, who string, says ...string) {
	t.Helper()
	var keys []string
	for _, p := range got.Parked {
		keys = append(keys, p.Key)
		for _, part := range says {
			contains(t, p.Why, part)
		}
	}
	slices.Sort(keys)
	if strings.Join(keys, " ") != who || len(got.Conflicts) != 0 {
		t.Errorf("%v wait, want %s: %+v", keys, who, got)
	}
}

// RingCentral gives each account an extension, and there are three, of which somebody else
// has one. Whom there is none for waits, and is told what to do, with one request that
// finds it out in each run; everybody else is made, changed and switched off. Once an
// extension is free the next run makes the next account, and nothing else.
func TestRingCentralExtensions(t *testing.T) {
	t.Parallel()
	r := rehearse(t, "ringcentral", ringcentral, "--scale", "20", "--extensions", "3")
	r.by(http.MethodPost, "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"old@example.org","active":true,
		"name":{"givenName":"Old","familyName":"Hand"},"emails":[{"value":"old@example.org","type":"work"}]}`)
	says := []string{"RingCentral is not ready for one more account", "a free extension", "free or order one there"}
	for _, step := range []struct {
		what          string
		change        func()
		code          int
		writes, waits string
		there         string
	}{
		{"the first run", func() { r.people(5, "Agent", 0) }, 4, "POST 201, POST 201, POST 404", "2 3 4", "old p0:Agent p1:Agent"},
		{"nothing changed", func() {}, 4, "POST 404", "2 3 4", "old p0:Agent p1:Agent"},
		{"others change and leave", func() { r.people(5, "Head", 1) }, 4, "PATCH 200, PATCH 200, POST 404", "2 3 4", "old -p0:Agent p1:Head"},
		{"one is freed", func() { r.by(http.MethodDelete, "/Users/"+r.id("old@example.org"), "") }, 4, "POST 201, POST 404", "3 4", "-p0:Agent p1:Head p2:Head"},
		{"more are bought", func() { r.behave("oauth=off", "extensions=9") }, 0, "POST 201, POST 201", "", "-p0:Agent p1:Head p2:Head p3:Head p4:Head"},
		{"nothing is left", func() {}, 0, "", "", "-p0:Agent p1:Head p2:Head p3:Head p4:Head"},
	} {
		step.change()
		got, writes := r.sync(step.code)
		if writes != step.writes {
			t.Errorf("%s: sent %q, want %q", step.what, writes, step.writes)
		}
		waiting(t, got, step.waits, says...)
		if there := r.accounts(); there != step.there {
			t.Errorf("%s: the service holds %q, want %q", step.what, there, step.there)
		}
		if step.waits != "" {
			contains(t, scimsync(t, r.dir, "status").want(t, 0).out, says[0])
		}
	}
}

// localUser is what RSA calls an account of its own, which no client of SCIM may change.
const localUser = "the service never lets anybody change this account"

// At RSA somebody's account is a local one. It is found, and never changed: that person is
// told so once, and waits for good, whatever becomes of them; others go on.
func TestRSALocalUser(t *testing.T) {
	t.Parallel()
	const quick = `      rate: {concurrency: 1, buckets: [{match: "*", rate: 1000/s, burst: 1000}]}`
	r := rehearse(t, "rsa-unified-directory", quick, "--habit", "limit=off", "--local", "p1@example.org")
	config, err := os.ReadFile(filepath.Join(r.dir, "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, r.dir, "config.yaml", replaced(string(config), "    users:\n", "    users:\n      adopt: {existing: yes, values: overwrite}\n"))
	r.by(http.MethodPost, "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"p1@example.org","active":true,"title":"Local",
		"name":{"givenName":"L","familyName":"L"},"emails":[{"value":"p1@example.org","type":"work"}]}`)
	off := func(who string) { r.replace(who+"@example.org", ",on", ",off") }
	for _, step := range []struct {
		what          string
		change        func()
		code          int
		args          []string
		writes, waits string
		there         string
	}{
		{"the first run", func() { r.people(3, "Agent", 0) }, 4, nil, "PATCH 405, POST 201, POST 201", "1", "p0:Agent p1:Local p2:Agent"},
		{"nothing changed", func() {}, 0, nil, "", "1", "p0:Agent p1:Local p2:Agent"},
		{"others change", func() { r.replace("p0@", "Agent", "Head") }, 0, nil, "PATCH 200", "1", "p0:Head p1:Local p2:Agent"},
		{"asked for by name", func() {}, 4, []string{"--user", "1"}, "PATCH 405", "1", "p0:Head p1:Local p2:Agent"},
		{"the person changes", func() { r.replace("p1@", "Agent", "Head") }, 4, nil, "PATCH 405", "1", "p0:Head p1:Local p2:Agent"},
		{"and nothing more", func() {}, 0, nil, "", "1", "p0:Head p1:Local p2:Agent"},
		{"the person leaves", func() { off("p1") }, 0, nil, "", "", "p0:Head p1:Local p2:Agent"},
		{"an account of ours becomes local", func() { r.behave("oauth=off", "limit=off", "local=p2@example.org"); r.replace("p2@", "Agent", "Head") }, 4, nil,
			"PATCH 405", "2", "p0:Head p1:Local p2:Agent"},
		{"and nothing more of that", func() {}, 0, nil, "", "2", "p0:Head p1:Local p2:Agent"},
		{"and its person leaves", func() { off("p2") }, 4, nil, "PATCH 405", "2", "p0:Head p1:Local p2:Agent"},
		{"nothing is left", func() {}, 0, nil, "", "2", "p0:Head p1:Local p2:Agent"},
	} {
		step.change()
		got, writes := r.sync(step.code, step.args...)
		if writes != step.writes {
			t.Errorf("%s: sent %q, want %q", step.what, writes, step.writes)
		}
		waiting(t, got, step.waits, localUser, "include", "asked for by name")
		if there := r.accounts(); there != step.there {
			t.Errorf("%s: the service holds %q, want %q", step.what, there, step.there)
		}
	}
	contains(t, scimsync(t, r.dir, "status").want(t, 0).out, localUser)
}

// replace changes the line of one person in people.csv.
func (r *rehearsal) replace(who, old, new string) {
	r.t.Helper()
	file, err := os.ReadFile(filepath.Join(r.dir, "people.csv"))
	if err != nil {
		r.t.Fatal(err)
	}
	lines := strings.Split(string(file), "\n")
	for i, line := range lines {
		if strings.Contains(line, who) {
			lines[i] = strings.Replace(line, old, new, 1)
		}
	}
	write(r.t, r.dir, "people.csv", strings.Join(lines, "\n"))
}
