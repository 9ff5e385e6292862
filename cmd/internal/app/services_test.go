package app_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// The three services that have to work without exception, each played by the sandbox in
// another process: what the life of people takes of requests, one by one, and that many
// people take all of the pace that is allowed and no more.

// foremost is one of them, and how it is rehearsed.
type foremost struct {
	profile string
	flags   []string                   // of the sandbox
	auth    func(origin string) string // of the target
	options string                     // its knobs, six spaces deep: the limits, scaled as the sandbox is
	steps   []step
}

// step is a change in the directory, and every request that it takes, in order; nil: any.
type step struct {
	what   string
	change []string // of the file: old, new, old, new
	takes  []string
}

// staff are the people at the beginning. Cy is the joiner.
const staff = `id,mail,given,family,title,department,status
1,ada@example.org,Ada,Okafor,Engineer,Research,on
2,bo@example.org,Bo,Keller,Clerk,Sales,on
`

const cy = "3,cy@example.org,Cy,Martin,Clerk,Sales,on\n"

// TestForemost is a joiner, a mover, a leaver and a returner at each of the three.
func TestForemost(t *testing.T) {
	t.Parallel()
	for _, s := range []foremost{ringCentral, rsa, userSync} {
		t.Run(s.profile, func(t *testing.T) {
			t.Parallel()
			s.live(t)
		})
	}
}

// live plays the steps, each followed by a run that has nothing to do.
func (s *foremost) live(t *testing.T) {
	t.Helper()
	svc, dir := startService(t, append([]string{"--profile", s.profile}, s.flags...)...), t.TempDir()
	base, err := url.Parse(svc.URL)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "token", "secret")
	write(t, dir, "jwt", strings.Join([]string{encoded(`{"alg":"RS256"}`), encoded(`{"sub":"1","exp":4102444800}`), encoded("signed")}, "."))
	write(t, dir, "config.yaml", `version: 1
state: {dir: state}
log: {level: error}
sources:
  hr: {csv: {users: {path: people.csv, key: id}}}
targets:
  service:
    profile: `+s.profile+`
    url: "`+svc.URL+`"
    auth: `+s.auth(base.Scheme+"://"+base.Host)+`
    options:
`+s.options+`
jobs:
  staff:
    from: hr
    to: service
    users:
      map:
        userName: mail
        name.givenName: given
        name.familyName: family
        displayName: 'given + " " + family'
        'emails[type eq "work"].value': mail
        title: title
        'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department': department
        active: 'status != "off"'
`+freely)
	people := staff
	for _, step := range append([]step{{what: "first"}}, s.steps...) {
		people = strings.NewReplacer(step.change...).Replace(people)
		write(t, dir, "people.csv", people)
		before := svc.last()
		scimsync(t, dir, "sync").want(t, 0)
		took := svc.requests(before)
		scimsync(t, dir, "sync").want(t, 0)
		if after := svc.requests(before); len(after) != len(took) {
			t.Errorf("%s: a second run took %d requests", step.what, len(after)-len(took))
		}
		checkLog(t, step, base.Path, took)
	}
}

func encoded(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// checkLog holds a request log against what a step takes, if that is said, and wants every
// answer to be a success.
func checkLog(t *testing.T, s step, base string, took []request) {
	t.Helper()
	var got []string
	for _, r := range took {
		if r.Status < 200 || r.Status >= 300 {
			t.Errorf("%s: %s %s was answered with %d", s.what, r.Method, r.Path, r.Status)
		}
		got = append(got, inWords(t, r, base))
	}
	if s.takes != nil && !slices.Equal(got, s.takes) {
		t.Errorf("%s:\n%s\nwant\n%s", s.what, strings.Join(got, "\n"), strings.Join(s.takes, "\n"))
	}
}

// inWords writes a request on one line: method, path below the base, query, and the body
// as it came, URNs and ids shortened.
func inWords(t *testing.T, r request, base string) string {
	t.Helper()
	path := strings.TrimPrefix(r.Path, base)
	if collection, id, isOne := strings.Cut(path, "/Users/"); isOne && id != ".search" {
		path = collection + "/Users/ID"
	}
	query, err := url.QueryUnescape(r.Query)
	if err != nil {
		t.Fatal(err)
	}
	body := strings.NewReplacer("urn:ietf:params:scim:schemas:core:2.0:", "", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", "enterprise",
		"urn:ietf:params:scim:api:messages:2.0:", "").Replace(r.Body)
	if strings.HasSuffix(path, "/token") {
		body = ""
	}
	words := []string{r.Method, path, query, body}
	if query == "" && r.Method != http.MethodGet {
		words = []string{r.Method, path, body}
	}
	return strings.TrimSpace(strings.Join(words, " "))
}

// lines are what most requests of the three begin and end with.
const (
	patched = `PATCH /Users/ID {"Operations":[`
	patch   = `],"schemas":["PatchOp"]}`
	off     = patched + `{"op":"replace","path":"active","value":false}` + patch
	back    = patched + `{"op":"replace","path":"active","value":true},{"op":"replace","path":"title","value":"Buyer"}` + patch
)

// changed are the steps; each takes what is given for it, after what every run begins with.
func changed(begin []string, joiner []string, mover, leaver, returner string) []step {
	list := []step{
		{"joiner", []string{"2,bo@", cy + "2,bo@"}, joiner},
		{"mover", []string{"bo@example.org,Bo,Keller,Clerk,Sales", "bo.roth@example.org,Bo,Roth,Head,Marketing"}, []string{mover}},
		{"leaver", []string{cy, ""}, []string{leaver}},
		{"returner", []string{"2,bo.", strings.Replace(cy, "Clerk", "Buyer", 1) + "2,bo."}, []string{returner}},
	}
	for i := range list {
		list[i].takes = slices.Concat(begin, list[i].takes)
	}
	return list
}

func bearer(string) string { return "{bearer: {token: {file: token}}}" }

// RingCentral holds no displayName. Login and work mail change in one request.
var ringCentral = foremost{
	profile: "ringcentral",
	flags:   []string{"--scale", "20", "--basic", "app:secret"},
	auth: func(origin string) string {
		return `{oauth2: {grant: jwt_bearer, token_url: "` + origin + `/restapi/oauth/token", client_id: app, client_secret: {file: token}, jwt: {file: jwt}}}`
	},
	options: ringcentral,
	steps: changed([]string{"POST /restapi/oauth/token"},
		[]string{
			`GET /Users filter=userName eq "cy@example.org"`,
			`GET /Users filter=email eq "cy@example.org"`,
			`POST /Users {"schemas":["User","enterprise"],"active":true,"emails":[{"type":"work","value":"cy@example.org"}],"externalId":"3","name":{"familyName":"Martin","givenName":"Cy"},` +
				`"title":"Clerk","enterprise":{"department":"Sales"},"userName":"cy@example.org"}`,
		},
		patched+`{"op":"replace","path":"emails[type eq \"work\"].value","value":"bo.roth@example.org"},{"op":"replace","path":"name.familyName","value":"Roth"},`+
			`{"op":"replace","path":"title","value":"Head"},{"op":"replace","path":"enterprise:department","value":"Marketing"},`+
			`{"op":"replace","path":"userName","value":"bo.roth@example.org"}`+patch,
		off, back),
}

// RSA has no enterprise extension, and searches by userName and emails.
var rsa = foremost{
	profile: "rsa-unified-directory",
	flags:   []string{"--token", "secret", "--scale", "4", "--habit", "limit=all 5/s; pause 2s; retry-after quoted"},
	auth:    bearer,
	options: "      rate: {buckets: [{match: \"*\", rate: 20/s}]}",
	steps: changed(nil,
		[]string{
			`GET /Users filter=userName eq "cy@example.org"`,
			`GET /Users filter=emails eq "cy@example.org"`,
			`POST /Users {"schemas":["User"],"active":true,"displayName":"Cy Martin","emails":[{"type":"work","value":"cy@example.org"}],"externalId":"3",` +
				`"name":{"familyName":"Martin","givenName":"Cy"},"title":"Clerk","userName":"cy@example.org"}`,
		},
		patched+`{"op":"replace","path":"displayName","value":"Bo Roth"},{"op":"replace","path":"emails[type eq \"work\"].value","value":"bo.roth@example.org"},`+
			`{"op":"replace","path":"name.familyName","value":"Roth"},{"op":"replace","path":"title","value":"Head"},`+
			`{"op":"replace","path":"userName","value":"bo.roth@example.org"}`+patch,
		off, back),
}

// User Sync is asked by userName only. What it answers to a PATCH shows that it was done,
// so that nothing is read back.
var userSync = foremost{
	profile: "resolution-usersync",
	flags:   []string{"--token", "secret", "--scale", "4", "--habit", "limit=all 5/s"},
	auth:    bearer,
	options: rsa.options,
	steps: changed(nil,
		[]string{
			`GET /Users filter=userName eq "cy@example.org"`,
			`POST /Users {"schemas":["User","enterprise"],"active":true,"displayName":"Cy Martin","emails":[{"type":"work","value":"cy@example.org"}],"externalId":"3",` +
				`"name":{"familyName":"Martin","givenName":"Cy"},"title":"Clerk","enterprise":{"department":"Sales"},"userName":"cy@example.org"}`,
		},
		patched+`{"op":"replace","path":"displayName","value":"Bo Roth"},{"op":"replace","path":"emails[type eq \"work\"].value","value":"bo.roth@example.org"},`+
			`{"op":"replace","path":"name.familyName","value":"Roth"},{"op":"replace","path":"title","value":"Head"},`+
			`{"op":"replace","path":"enterprise:department","value":"Marketing"},{"op":"replace","path":"userName","value":"bo.roth@example.org"}`+patch,
		off, back),
}

// Neither RSA nor User Sync publishes its limits, and what their profiles send in a second
// is a guess. Where the guess is right, nothing is refused, also across runs, and all of it
// is used: the profile as it is, and a service that takes just that. A fifth of a second is
// short for a machine that is busy: all is used in one rehearsal of three at least.
func TestForemostPace(t *testing.T) {
	for profile, limit := range map[string]string{"rsa-unified-directory": "limit=all 5/s; pause 2s; retry-after quoted", "resolution-usersync": "limit=all 5/s"} {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			for range 3 {
				if full(t, rehearse(t, profile, "      {}", "--habit", limit)) || t.Failed() {
					return
				}
			}
			t.Error("three times not all of the pace was used")
		})
	}
}

// full rehearses a first load and small runs, and tells whether they use all of the pace.
// What is refused fails the test.
func full(t *testing.T, r *rehearsal) bool {
	t.Helper()
	whole := true
	for _, step := range []struct {
		done   string
		n      int
		absent int
		least  int     // requests so far
		used   float64 // of what is allowed; between runs there is a pause
	}{
		{"create", 30, 0, 31, 0.95},
		{"deactivate", 4, 4, 35, 0.85},
		{"reactivate", 4, 0, 39, 0.85},
	} {
		r.people(30, "Agent", step.absent)
		if done := synced(t, r.dir, 0).Done; done[step.done] != step.n || len(done) != 1 {
			t.Errorf("done %v, want %s %d", done, step.done, step.n)
		}
		allowed, used := r.limit("all", 0)
		t.Logf("%d requests, %.1f %% of what is allowed", allowed, used*100)
		whole = whole && allowed >= step.least && used >= step.used
	}
	return whole
}
