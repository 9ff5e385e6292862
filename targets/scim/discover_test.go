package scim_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"scimsync/sync/plan"
	"scimsync/sync/resource"
	"scimsync/targets/scim"
	"scimsync/targets/scim/profile"
	"scimsync/targets/scimtest"
)

const (
	goodConfig = `{"patch":{"supported":true},"bulk":{"supported":false,"maxOperations":0,"maxPayloadSize":0},"filter":{"supported":true,"maxResults":200},
		"etag":{"supported":false},"sort":{"supported":false},"authenticationSchemes":[{"type":"oauthbearertoken"}]}`
	goodTypes   = `{"totalResults":1,"Resources":[{"name":"User","endpoint":"/Users","schema":"urn:ietf:params:scim:schemas:core:2.0:User","schemaExtensions":[]}]}`
	goodSchemas = `{"Resources":[{"id":"urn:ietf:params:scim:schemas:core:2.0:User","attributes":[
		{"name":"userName","mutability":"readWrite"},{"name":"Title"},{"name":"nickName","mutability":"readOnly"},{"name":"userType","mutability":"immutable"},
		{"name":"name","subAttributes":[{"name":"givenName"},{"name":"familyName"},{"name":"formatted","mutability":"readOnly"}]},
		{"name":"emails","subAttributes":[{"name":"value"},{"name":"type"}]}]}]}`
)

// talker describes itself and has no accounts.
type talker struct {
	config, types, schemas scimtest.Reply
	asked                  []string
}

func says200(body string) scimtest.Reply { return scimtest.Reply{Status: 200, Body: body} }

func newTalker() *talker {
	return &talker{config: says200(goodConfig), types: says200(goodTypes), schemas: says200(goodSchemas)}
}

func (s *talker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/scim/v2")
	s.asked = append(s.asked, path)
	if r.URL.RawQuery != "" && path != "/Users" {
		w.WriteHeader(http.StatusForbidden) // RFC 7644 section 4
		return
	}
	reply := map[string]scimtest.Reply{"/ServiceProviderConfig": s.config, "/ServiceProviderConfigs": s.config, "/ResourceTypes": s.types,
		"/Schemas": s.schemas, "/Users": nobody}[path]
	for name, value := range reply.Header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(reply.Status)
	_, _ = w.Write([]byte(reply.Body))
}

// take gives what was asked for since the last take.
func (s *talker) take() string {
	taken := strings.Join(s.asked, " ")
	s.asked = nil
	return taken
}

const whole = "/ServiceProviderConfig /Schemas /ResourceTypes"

// chat is a service, the memory of it, and a clock.
type chat struct {
	*talker
	stored []byte
	said   []string
	now    time.Time
	set    func(*profile.Profile)
}

func newChat() *chat {
	return &chat{talker: newTalker(), now: time.Now(), set: func(*profile.Profile) {}}
}

// open is the next process.
func (c *chat) open(t *testing.T) *scim.Target {
	p := profile.RFC()
	c.set(p)
	memory := scim.NewMemory(c.stored, func(b []byte) error { c.stored = b; return nil }, func(s string) { c.said = append(c.said, s) })
	return inProcess(t, c.talker, func(o *scim.Options) {
		o.Memory, o.Profile, o.Match, o.Now = memory, p, []string{"userName"}, func() time.Time { return c.now }
	})
}

func find(t *testing.T, target *scim.Target) {
	t.Helper()
	if _, err := target.Find(t.Context(), wanted("userName", "x")); err != nil {
		t.Fatal(err)
	}
}

// A service is asked what it can do right before something is asked of it, once more
// after an hour to be sure, and then once a day.
func TestWhenDiscovering(t *testing.T) {
	c := newChat()
	target := c.open(t)
	if got := c.take(); got != "" {
		t.Errorf("asked %s at the start", got)
	}
	for _, step := range []struct {
		after time.Duration
		want  string
	}{
		{0, whole + " /Users"}, {0, "/Users"}, {59 * time.Minute, "/Users"}, {2 * time.Minute, whole + " /Users"}, {0, "/Users"},
		{23 * time.Hour, "/Users"}, {2 * time.Hour, whole + " /Users"}, {time.Minute, "/Users"},
	} {
		c.now = c.now.Add(step.after)
		if find(t, target); true {
			if got := c.take(); got != step.want {
				t.Errorf("%s later: asked %s, want %s", step.after, got, step.want)
			}
		}
		target = c.open(t)
	}
	c.now = c.now.Add(25 * time.Hour)
	if _, _, err := c.open(t).Count(t.Context()); err != nil || c.take() != whole+" /Users" {
		t.Error("a count does not ask first")
	}
	c.now = c.now.Add(25 * time.Hour)
	if _, err := c.open(t).List(t.Context(), func(plan.Found) error { return nil }); err != nil || c.take() != whole+" /Users" {
		t.Error("a listing does not ask first")
	}
	c.set = func(p *profile.Profile) { p.Discovery.Mode = profile.DiscoveryOff }
	c.now = c.now.Add(25 * time.Hour)
	if find(t, c.open(t)); c.take() != "/Users" {
		t.Error("asked although discovery is off")
	}
	c.set = func(p *profile.Profile) {
		p.Paths.SPC, p.Paths.Schemas, p.Paths.ResourceTypes = "/ServiceProviderConfigs", "", ""
	}
	if find(t, c.open(t)); c.take() != "/ServiceProviderConfigs /Users" {
		t.Error("does not go where the profile says")
	}
}

// Wire case 9: what cannot be read changes nothing, and is not asked for again that day.
func TestSilentServices(t *testing.T) {
	html := scimtest.Reply{Status: 200, Body: "<html>log in</html>", Header: map[string]string{"Content-Type": "text/html"}}
	for name, reply := range map[string]scimtest.Reply{
		"404": scimError(404, ""), "403": {Status: 403}, "501": scimError(501, ""), "a web page": html, "a redirect": {Status: 302, Header: map[string]string{"Location": "/login"}},
		"nothing": {Status: 200}, "no JSON": says200("hello"), "null": says200("null"), "a list": says200("[1]"), "another object": says200(`{"detail":"x"}`),
		"nonsense": says200(`{"patch":7,"filter":[],"Resources":{"a":1},"totalResults":"many"}`), "parts of a list": says200(`{"totalResults":9,"Resources":[{}]}`),
	} {
		c := newChat()
		c.config, c.types, c.schemas = reply, reply, reply
		target := c.open(t)
		before := target.Shape().Digest()
		find(t, target)
		find(t, c.open(t))
		if got := c.take(); got != whole+" /Users /Users" {
			t.Errorf("%s: asked %s", name, got)
		}
		c.now = c.now.Add(2 * time.Hour)
		find(t, c.open(t))
		if got := c.take(); got != whole+" /Users" {
			t.Errorf("%s, to be sure: asked %s", name, got)
		}
		if after := c.open(t).Shape().Digest(); after != before {
			t.Errorf("%s: the shape changed", name)
		}
		c.set = func(p *profile.Profile) { p.Discovery.Required = true }
		c.now = c.now.Add(25 * time.Hour)
		_, err := c.open(t).Find(t.Context(), wanted("userName", "x"))
		says(t, err, "discovery.required")
	}
}

// A service that is sick says nothing: the last description counts, and it has peace for
// a while.
func TestSickWhileDiscovering(t *testing.T) {
	c := newChat()
	c.config = scimError(503, "")
	target := c.open(t)
	find(t, target)
	find(t, target)
	if got := c.take(); got != "/ServiceProviderConfig /Users /Users" {
		t.Errorf("asked %s", got)
	}
	c.config, c.now = says200(goodConfig), c.now.Add(6*time.Minute)
	if find(t, target); c.take() != whole+" /Users" {
		t.Error("not asked again")
	}
}

// What a description narrows in accounts counts once it was said twice in a row.
func TestNarrowedShape(t *testing.T) {
	c := newChat()
	refusals := func() string {
		shape := c.open(t).Shape()
		var all []string
		for _, path := range []string{"userName", "externalId", "active", "title", "nickName", "userType", "locale", "name.givenName", "name.formatted",
			`emails[type eq "work"].value`, `emails[type eq "work"].primary`, resource.EnterpriseURN + ":department"} {
			at := resource.Split(path)
			if shape.Refuses(at) != "" {
				all = append(all, path)
			}
			if attr, leaf := shape.Lookup(at); attr.CreateOnly || leaf.CreateOnly {
				all = append(all, "once "+path)
			}
		}
		return strings.Join(all, " ")
	}
	day := func() { find(t, c.open(t)); c.now = c.now.Add(25 * time.Hour) }
	const narrow = `nickName once userType locale name.formatted emails[type eq "work"].primary urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department`
	step := func(what, want string) {
		t.Helper()
		if got := refusals(); got != want {
			t.Errorf("%s: refused %q, want %q", what, got, want)
		}
	}
	step("at first", "")
	day()
	step("said once", "")
	day()
	step("said twice", narrow)
	c.schemas = says200(strings.Replace(goodSchemas, `{"name":"Title"},`, "", 1))
	day()
	step("another thing, said once", narrow)
	c.schemas = says200(goodSchemas)
	day()
	step("the same as before", narrow)
	c.schemas = says200(strings.Replace(goodSchemas, `{"name":"Title"},`, "", 1))
	day()
	day()
	step("another thing, said twice", "title "+narrow)
	c.schemas = scimError(500, "")
	day()
	day()
	step("nothing for days", "title "+narrow)
	c.schemas = scimError(404, "")
	day()
	step("nothing to be said, once", "title "+narrow)
	day()
	step("nothing to be said", "")
	c.schemas = says200(strings.Replace(goodSchemas, `"userName","mutability":"readWrite"`, `"userName","mutability":"readOnly"`, 1))
	day()
	day()
	step("users without a login", "")
	c.schemas = says200(goodSchemas)
	c.set = func(p *profile.Profile) { p.Attrs.Required = []string{"userName", "locale", `emails`} }
	day()
	day()
	step("what the profile says", `nickName once userType name.formatted urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department`)
	c.set = func(p *profile.Profile) {
		p.Attrs.Required, p.Discovery.Mode = []string{"userName", "locale", "emails"}, profile.DiscoveryTrust
	}
	step("trusted", narrow)
}

// Limits of the description count at once, and only where they are lower.
func TestDescribedLimits(t *testing.T) {
	for _, c := range []struct {
		config string
		query  string
	}{
		{`{"filter":{"supported":true,"maxResults":20}}`, "startIndex=1&count=20"},
		{`{"filter":{"supported":true,"maxResults":"20"}}`, "startIndex=1&count=20"},
		{`{"FILTER":{"Supported":"true","MaxResults":20}}`, "startIndex=1&count=20"},
		{`{"filter":{"supported":true,"maxResults":500}}`, "startIndex=1&count=100"},
		{`{"filter":{"supported":true,"maxResults":0}}`, "startIndex=1&count=100"},
		{`{"filter":true,"pagination":{"cursor":true,"index":true,"maxPageSize":50}}`, "startIndex=1&count=50"},
		{`{"filter":true,"pagination":{"cursor":true,"index":false}}`, "cursor&count=100"},
		{`{"filter":true,"pagination":{"cursor":true,"index":true,"defaultPaginationMethod":"cursor"}}`, "cursor&count=100"},
		{`{"Resources":[{"patch":{"supported":true},"pagination":{"cursor":true,"index":false}}]}`, "cursor&count=100"},
	} {
		server := scimtest.NewFaulty(nil)
		server.Script(says200(c.config), scimError(404, ""), scimError(404, ""), nobody)
		target := serve(t, server, with(func(p *profile.Profile) { p.Discovery.Mode = profile.DiscoveryProbe }))
		if _, _, err := target.Count(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := server.Requests()[3].Query; got != c.query {
			t.Errorf("%s: asked %s, want %s", c.config, got, c.query)
		}
	}
}

// What check --connect shows: what is said, and where the profile has it otherwise.
func TestDescribe(t *testing.T) {
	c := newChat()
	c.config = says200(`{"patch":{"supported":false},"filter":{"supported":false},"bulk":{"supported":true,"maxOperations":100,"maxPayloadSize":5000},
		"xmlDataFormat":{"supported":true},"interopProfileConformant":true,"authenticationSchemes":[{"type":"oauth2"},{"name":"\u001b[31mevil"}]}`)
	c.types = scimError(404, "")
	got, err := c.open(t).Describe(t.Context())
	want := []string{
		"says of itself: PATCH no, filters no, bulk yes (at most 100 operations) (at most 5000 bytes), ETags not said, credentials oauth2, [31mevil",
		"describes 1 schemas",
		"nothing can be read at /ResourceTypes: 404 Not Found",
		"says that it has no PATCH; update.method is patch, and that is used",
		"says that it has no filters; lookup.user is externalId, userName, email, and that is used",
		"says that it keeps to the interoperability profile: profile: interop is made for that",
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v, (-want +got):\n%s", err, diff)
	}
	c.types = says200(strings.Replace(goodTypes, `"/Users"`, `"/People"`, 1))
	if got, err = c.open(t).Describe(t.Context()); err != nil || !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "users are at /People") }) {
		t.Errorf("%v, error %v", got, err)
	}
	c.config = scimError(503, "")
	_, err = c.open(t).Describe(t.Context())
	says(t, err, "503", "hr-cloud")
	c.set = func(p *profile.Profile) { p.Discovery.Mode = profile.DiscoveryOff }
	if got, err := c.open(t).Describe(t.Context()); err != nil || fmt.Sprint(got) != "[is not asked what it can do: discovery.mode is off]" {
		t.Errorf("%v, error %v", got, err)
	}
}

// PRF-11: a service that says twice that it keeps to the interoperability profile is
// spoken to as that wants, as far as nothing is widened by it.
func TestInteropProfile(t *testing.T) {
	c := newChat()
	c.config = says200(strings.Replace(goodConfig, `{"patch"`, `{"interopProfileConformant":true,"patch"`, 1))
	server := scimtest.NewFaulty(c.talker)
	accept := func() string {
		t.Helper()
		memory := scim.NewMemory(c.stored, func(b []byte) error { c.stored = b; return nil }, nil)
		target := inProcess(t, server, func(o *scim.Options) {
			o.Memory, o.Profile, o.Match, o.Now = memory, profile.RFC(), []string{"userName"}, func() time.Time { return c.now }
		})
		find(t, target)
		c.now = c.now.Add(25 * time.Hour)
		all := server.Requests()
		return all[len(all)-1].Header.Get("Accept")
	}
	const rfc, interop = "application/scim+json, application/json;q=0.9", "application/scim+json"
	for i, want := range []string{rfc, rfc, interop} {
		if got := accept(); got != want {
			t.Errorf("time %d: accepts %s, want %s", i, got, want)
		}
	}
}
