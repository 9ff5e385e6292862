package app_test

import (
	"cmp"
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"scimsync/targets/sandbox"
	"scimsync/targets/scim/profile"
)

// Every service that the sandbox imitates, with the profile that is made for it: a joiner,
// a mover, a leaver and a returner. No request is refused, each change takes the requests
// that it has to take, a run in which nothing changed takes none, and what was pushed is
// what is found there.

// life is what is out of the ordinary at one service; the zero value is a plain one.
type life struct {
	client  string // the profile; "": that of the same name
	options string // its knobs
	columns string // a mapping's lines besides those that everybody has
	users   string // a line of a job's users
	habits  []string
	joiners int // requests that write, for three people; 0: three
	// The requests of each change by method, but for those that ask what the service can
	// do; "": one PATCH.
	mover, leaver, returner string
	fixed                   bool // logins cannot be changed: the mover is parked, which is said
}

// lives are the services at which life is another. Where an account is gone with its
// deactivation, who comes back is looked for and made anew.
var lives = map[string]life{
	"aws-identity-center": {mover: "PATCH PATCH", returner: "PATCH PATCH"}, // userName and active travel alone
	"github-org":          {returner: "GET GET GET POST"},
	"gitlab":              {fixed: true, returner: "GET PATCH"}, // a group's identity goes, an instance's stays
	"sentry":              {fixed: true, returner: "GET POST"},
	"bitwarden":           {fixed: true, leaver: "PATCH GET", returner: "PATCH GET"}, // its yes is worth nothing: the first is read back
	"grafana":             {mover: "PATCH GET", leaver: "PATCH GET", returner: "PATCH GET"},
	"pagerduty":           {returner: "GET POST"},
	"asana":               {returner: "GET POST"},
	"notion":              {returner: "GET POST"},
	"zitadel":             {joiners: 1}, // in bulk
	"wso2":                {client: "rfc"},
	// There is no profile for it: it knows no active, and ignores filters, so that who is looked for is found in a listing.
	"casdoor": {client: "rfc", returner: "GET GET GET GET GET POST", leaver: "DELETE",
		options: "{deactivate: {method: delete, effect: delete_object}, reactivate: {method: repost}, patch: {multivalue: replace_array}, attrs: {deny: [active]}}",
		columns: "'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:organization': '\"Example\"'"},
}

func TestLives(t *testing.T) {
	t.Parallel()
	for _, p := range sandbox.Profiles() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			l := lives[p.Name]
			if l.client == "" && slices.Contains(profile.Names(), p.Name) {
				l.client = p.Name
			}
			l.live(t, p.Name)
		})
	}
}

// live plays the life at a service.
func (l life) live(t *testing.T, name string) {
	t.Helper()
	p := play(t, name, l)
	p.people("Clerk", "ada", "bo", "cy")
	if took := p.run(t, 0); strings.Count(took, "POST") != cmp.Or(l.joiners, 3) {
		t.Errorf("joiners: %s", took)
	}
	p.holds(t, "joiners", "ada", "bo", "cy")
	// What the service makes of values, as of a country, is no difference.
	if said := scimsync(shipped{t}, p.dir, "drift", "service", "--output", "json").want(t, 0).out; !strings.Contains(said, `"compared":3,"found":{}`) {
		t.Errorf("drift: %s", said)
	}
	p.take(t)

	moved := "bo.roth"
	if p.people("Clerk", "ada", moved, "cy"); l.fixed {
		moved = "bo"
		if took := p.run(t, 4); took != "" {
			t.Errorf("mover: %s", took)
		}
	} else if took := p.run(t, 0); took != cmp.Or(l.mover, "PATCH") {
		t.Errorf("mover: %s", took)
	}
	p.holds(t, "mover", "ada", moved, "cy")

	p.people("Clerk", "ada", moved, "")
	if took := p.run(t, 0); took != cmp.Or(l.leaver, "PATCH") {
		t.Errorf("leaver: %s", took)
	}
	p.holds(t, "leaver", "ada", moved)

	p.people("Buyer", "ada", moved, "cy")
	if took := p.run(t, 0); took != cmp.Or(l.returner, "PATCH") {
		t.Errorf("returner: %s", took)
	}
	p.holds(t, "returner", "ada", moved, "cy")
	if n := len(p.server.Users()); n != 3 {
		t.Errorf("%d accounts of three people", n)
	}
}

// Where the request that activates an account may not change it, it is the first of two:
// before it the account is locked.
func TestReturnApart(t *testing.T) {
	t.Parallel()
	life{client: "rfc", habits: []string{"isolates=active", "inactive-locked"}, options: "{reactivate: {in_same_request_as_update: false}}",
		returner: "PATCH PATCH"}.live(t, "rfc")
}

// Where it is not known what a deactivation leaves, who comes back is looked for: an
// account that is still there is switched on, and brought up to date.
func TestReturnFound(t *testing.T) {
	t.Parallel()
	p := play(t, "rfc", life{client: "asana"})
	p.people("Clerk", "ada", "bo", "cy")
	p.run(t, 0)
	p.people("Clerk", "ada", "bo", "")
	p.run(t, 0)
	p.people("Buyer", "ada", "bo", "cy")
	if took := p.run(t, 0); took != "GET PATCH" {
		t.Errorf("took %s", took)
	}
	for _, u := range p.server.Users() {
		if u["externalId"] == "3" && (u["active"] != true || u["title"] != "Buyer") {
			t.Errorf("%v", u)
		}
	}
}

// An account is deleted by hand where nobody can be looked up: it is not taken for gone
// because of one answer, and the person is told what settles it.
func TestGoneUnseen(t *testing.T) {
	t.Parallel()
	p := play(t, "rfc", life{client: "rfc", habits: []string{"filter-ignored"}})
	p.people("Clerk", "ada", "bo", "cy")
	p.run(t, 0)
	for _, u := range p.server.Users() {
		if u["externalId"] == "3" {
			(&service{URL: p.url, t: t}).do("DELETE", "/Users/"+str(u["id"]), "")
		}
	}
	p.people("Buyer", "ada", "bo", "cy")
	contains(t, scimsync(t, p.dir, "sync").want(t, 4).out, "if it is, drift service --repair finds that, and the next run makes it anew")
	p.holds(t, "deleted", "ada", "bo")
	scimsync(t, p.dir, "drift", "service", "--repair").want(t, 0)
	scimsync(t, p.dir, "sync").want(t, 0)
	p.holds(t, "repaired", "ada", "bo", "cy")
}

// Who is to be inactive until a day has an inactive account until then, or none where the
// service makes none; on the day it is switched on, or made.
func TestNotYet(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ client, takes, after string }{
		{"rfc", "GET GET GET POST", "PATCH"},
		{"bitwarden", "", "GET GET POST"},
	} {
		t.Run(c.client, func(t *testing.T) {
			t.Parallel()
			p := play(t, c.client, life{client: c.client, users: "active_from: {value: title, format: YYYY-MM-DD, before: inactive}"})
			p.people("2999-01-01", "", "", "cy")
			if took := p.run(t, 0); took != c.takes {
				t.Errorf("before the day: %s", took)
			}
			p.holds(t, "before the day")
			said := scimsync(t, p.dir, "check").want(t, 0)
			if warned := strings.Contains(said.out+said.err, "active_from: the service makes no inactive accounts"); warned != (c.takes == "") {
				t.Errorf("check says %s%s", said.out, said.err)
			}
			p.people("2020-01-01", "", "", "cy")
			if took := p.run(t, 0); took != c.after {
				t.Errorf("on the day: %s", took)
			}
			p.holds(t, "on the day", "cy")
		})
	}
}

// played is a service of a profile in this process, and a directory that is pushed to it by
// a program in another one.
type played struct {
	t      *testing.T
	dir    string
	server *sandbox.Server
	url    string

	mu       sync.Mutex
	requests []sandbox.Request
}

func play(t *testing.T, name string, l life) *played {
	t.Helper()
	p := &played{t: t, dir: t.TempDir()}
	server, err := sandbox.New(sandbox.Options{Profile: name, Habits: append(l.habits, "oauth=off"), Log: func(r sandbox.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.requests = append(p.requests, r)
	}})
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(server)
	t.Cleanup(func() { listener.Close(); _ = server.Close() })
	p.server, p.url = server, listener.URL+server.BasePath()
	write(t, p.dir, "config.yaml", `version: 1
state: {dir: state}
log: {level: error}
sources:
  hr: {csv: {users: {path: people.csv, key: id}}}
targets:
  service: {profile: `+l.client+`, url: "`+p.url+`", pace: {rate: 1000/s, burst: 1000}, options: `+cmp.Or(l.options, "{}")+`}
jobs:
  staff:
    from: hr
    to: service
    users:
      `+l.users+`
      map:
        userName: mail
        name.givenName: name
        name.familyName: name
        displayName: name
        'emails[type eq "work"].value': mail
        title: title
        preferredLanguage: '"de-CH"'
        'phoneNumbers[type eq "work"].value': '"+41 44 555 01 0" + id'
        'addresses[type eq "work"].country': '"US"'
        'addresses[type eq "work"].region': '"CA"'
        `+l.columns+`
    guard: {first_run: go, deactivate: {count: 100}, delete: {count: 100}, update: {count: 100}, create: {count: 100}, rename: {count: 100}}
`)
	return p
}

// people writes the file; "" has left. title is that of the third.
func (p *played) people(title string, names ...string) {
	p.t.Helper()
	var b strings.Builder
	b.WriteString("id,mail,name,title\n")
	for i, name := range names {
		if name != "" {
			fmt.Fprintf(&b, "%d,%s@example.org,%s,%s\n", i+1, name, name, map[bool]string{true: title, false: "Clerk"}[i == 2])
		}
	}
	write(p.t, p.dir, "people.csv", b.String())
}

// run syncs as it is shipped, for there are many of them, and gives the methods of the requests that it took; another run takes none.
func (p *played) run(t *testing.T, code int) string {
	t.Helper()
	scimsync(shipped{t}, p.dir, "sync").want(t, code)
	took := p.take(t)
	scimsync(shipped{t}, p.dir, "sync").want(t, 0)
	if again := p.take(t); again != "" {
		t.Errorf("a second run took %s", again)
	}
	return took
}

func (p *played) take(t *testing.T) string {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	var methods []string
	for _, r := range p.requests {
		if strings.Contains(r.Path, "/ServiceProviderConfig") || strings.HasSuffix(r.Path, "/Schemas") || strings.HasSuffix(r.Path, "/ResourceTypes") {
			continue
		}
		if methods = append(methods, r.Method); r.Status >= 300 {
			t.Errorf("%s %s %s was answered with %d: %s", r.Method, r.Path, r.RawQuery, r.Status, r.Body)
		}
	}
	p.requests = nil
	return strings.Join(methods, " ")
}

// holds fails the test unless these are the people whose accounts are active.
func (p *played) holds(t *testing.T, what string, names ...string) {
	t.Helper()
	active := map[string]bool{}
	for _, u := range p.server.Users() {
		if login := strings.TrimSuffix(str(u["userName"]), "@example.org"); u["active"] != false {
			active[login] = true
		}
	}
	if got := slices.Sorted(maps.Keys(active)); !slices.Equal(got, names) {
		t.Errorf("%s: %v are active, want %v", what, got, names)
	}
}
