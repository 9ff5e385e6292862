package sandbox

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// profileTests prove what each profile is known for. The habits have tests of
// their own.
var profileTests = map[string]func(*testing.T){
	"rfc":                   func(t *testing.T) { as(t, "rfc").people(1).pages("1 1 1: a", "") },
	"ringcentral":           testRingCentral,
	"rsa-unified-directory": testRSA,
	"resolution-usersync":   testUserSync,
	"aws-identity-center":   testAWS,
	"github-emu": func(t *testing.T) {
		p := as(t, "github-emu").patching(`"userName":"a","emails":[{"value":"a@x","type":"work"}]`)
		p.refuses("invalidPath", workMail).patched(p.path, inactiveU)
		if p.get(p.path)["userName"] == "a" {
			t.Error("it is not obfuscated")
		}
		p.pages("0 1 0:", filtered(`userName eq "a"`))
		p.must(403, "GET", "/Users", "", "User-Agent", "")
	},
	"github-org": func(t *testing.T) {
		p := as(t, "github-org").patching(`"userName":"a"`)
		p.must(204, "PATCH", p.path, patchBody(`{"op":"replace","value":{"active":false}}`))
		p.refused(404, "", "GET", p.path, "")
	},
	"gitlab": func(t *testing.T) {
		h := as(t, "gitlab")
		h.user(`"userName":"a","externalId":"X","name":{"givenName":"G","familyName":"F"},"emails":[{"value":"a@x"}]`)
		h.must(204, "PATCH", "/Users/X", patchBody(`{"op":"Replace","path":"active","value":"false"},`+titleOp))
		h.shown("/Users/X", "active", `false`)
		h.shown("/Users/X", "title", `null`)
		h.shown("/Users/X", "name.formatted", `"G F"`)
		h.must(204, "PATCH", "/Users/X", patchBody(replaceOp("externalId", `"Y"`)))
		h.refused(404, "", "GET", "/Users/X", "")
		h.get("/Users/Y")
	},
	"atlassian": func(t *testing.T) {
		h := as(t, "atlassian")
		h.refused(400, "mutability", "PATCH", "/Groups/"+h.group(`"displayName":"g"`), patchBody(replaceOp("displayName", `"h"`)))
		h.refused(400, "invalidFilter", "GET", "/Users?"+filtered(`userName eq "a" and active eq true`), "")
	},
	"slack": func(t *testing.T) {
		h := as(t, "slack")
		h.refused400("userName is longer", `"userName":"abcdefghijklmnopqrstuv"`)
		h.refused400("displayName must not", `"userName":"a","displayName":"a@b"`)
		if r := h.must(201, "POST", "/Users", userBody(`"userName":"Anna"`)); r.body["userName"] != "anna" || r.header.Get("Content-Type") != "application/json" {
			t.Errorf("%v %s", r.header, r.raw)
		}
		for i := range 25 {
			if r := h.do("POST", "/Users", userBody(`"userName":"u`+itoa(i)+`"`)); r.status == 429 {
				return
			}
		}
		t.Error("no limit after a burst of 20")
	},
	"salesforce": func(t *testing.T) {
		p := as(t, "salesforce").patching(`"userName":"a"`)
		p.refused(404, "", "GET", "/ServiceProviderConfig", "")
		p.get("/ServiceProviderConfigs")
		p.refused(405, "", "DELETE", p.path, "")
	},
	"zoom": func(t *testing.T) {
		h := as(t, "zoom")
		h.refused(406, "", "GET", "/Users", "", "Accept", "application/json")
		h.must(200, "GET", "/Users", "", "Accept", mediaType)
	},
	"databricks": func(t *testing.T) {
		p := as(t, "databricks").patching(`"userName":"a","externalId":"X"`)
		p.shown(p.path, "externalId", `null`)
		p.refused400("already exists", `"userName":"a"`)
	},
	"snowflake": func(t *testing.T) {
		as(t, "snowflake").refused400("more than 1 values", `"userName":"a","emails":[{"value":"a@x"},{"value":"b@x"}]`)
	},
	"datadog": func(t *testing.T) {
		if h := as(t, "datadog").people(1); !strings.HasSuffix(h.url, "/api/v2/scim") {
			t.Errorf("base %s", h.url)
		}
	},
	"notion": func(t *testing.T) {
		p := as(t, "notion").patching(`"userName":"a"`)
		p.must(204, "PATCH", p.path, patchBody(inactiveU))
		p.refused(404, "", "GET", p.path, "")
	},
	"webex": func(t *testing.T) {
		h := as(t, "webex")
		if group, _ := h.three(); h.has(group, "members") {
			t.Error("members are shown")
		}
	},
	"sentry": func(t *testing.T) {
		h := as(t, "sentry")
		p := h.patching(`"userName":"a","name":{"givenName":"G"}`)
		p.refuses("", titleOp).shown(p.path, "name", `{"familyName":"N/A","givenName":"N/A"}`)
		p.must(204, "PATCH", p.path, patchBody(inactiveU))
		p.refused(404, "", "GET", p.path, "")
		group, _ := h.three()
		if h.shown(group, "displayName", `"g"`); h.members(group) != "" {
			t.Error("the group has members")
		}
	},
	"bitwarden": func(t *testing.T) {
		p := as(t, "bitwarden").patching(`"userName":"a","externalId":"X","title":"T","emails":[{"value":"A@x"}]`)
		p.shown(p.path, "emails", `[{"value":"a@x"}]`)
		for _, body := range []string{`"userName":"b","externalId":"x"`, `"userName":"b","emails":[{"value":"a@x"}]`} {
			if r := p.must(409, "POST", "/Users", userBody(body)); r.raw != "" {
				t.Errorf("%s", r.raw)
			}
		}
		if r := p.must(400, "POST", "/Users", userBody(`"userName":"b","active":false`)); r.raw != "" {
			t.Errorf("%s", r.raw)
		}
		p.must(204, "PATCH", p.path, patchBody(titleOp))
		p.leaves(inactiveU, "title", `"T"`).shown(p.path, "active", `false`)
	},
	"pagerduty": func(t *testing.T) {
		h := as(t, "pagerduty")
		h.refused400("displayName is required", `"userName":"a"`)
		p := h.patching(`"userName":"a","displayName":"A"`)
		p.must(204, "PATCH", p.path, patchBody(inactiveU))
		p.refused(404, "", "GET", p.path, "")
	},
	"zitadel": func(t *testing.T) {
		p := as(t, "zitadel").patching(`"userName":"a","active":true,"emails":[{"value":"a@x","type":"work"}],"phoneNumbers":[{"value":"+41 44 1","type":"work"}]`)
		p.shown(p.path, "emails", `[{"value":"a@x"}]`)
		p.shown(p.path, "phoneNumbers", `[{"value":"+41441"}]`)
		if p.has(p.path, "active") {
			t.Error("active is shown")
		}
		p.must(204, "PATCH", p.path, patchBody(titleOp))
		p.must(200, "POST", "/Bulk", bulkBody(bulkPost("/Users", "b", userBody(`"userName":"b"`))))
	},
	"canva": func(t *testing.T) { as(t, "canva").refused(501, "", "DELETE", "/Users/x", "") },
	"figma": func(t *testing.T) {
		h := as(t, "figma")
		h.shown("/Groups/"+h.group(`"displayName":"g","externalId":"X"`), "external_id", `"X"`)
		h.refused400("userName is longer", `"userName":"`+strings.Repeat("a", 101)+`"`)
	},
	"miro": func(t *testing.T) {
		h := as(t, "miro")
		group, ids := h.three()
		add := patchBody(`{"op":"add","path":"members","value":[` + strings.Repeat(`{"value":"`+ids[0]+`"},`, 10) + `{"value":"` + ids[1] + `"}]}`)
		for range 5 {
			h.must(204, "PATCH", group, add)
		}
		h.refused(429, "", "PATCH", group, add)
		h.patched(group, replaceOp("displayName", `"h"`))
		h.refused(413, "", "POST", "/Users", userBody(`"userName":"`+strings.Repeat("x", 800000)+`"`))
	},
	"asana": func(t *testing.T) { as(t, "asana").people(3).pages("3 1 3: a b c", "count=1") },
	"grafana": func(t *testing.T) {
		h := as(t, "grafana").people(1)
		r := h.must(201, "POST", "/Users", userBody(`"userName":"z","colour":"red","emails":[{"value":"A@x"}]`))
		h.pages("1 1 1: z", "")
		h.refused(405, "", "DELETE", "/Users/"+r.id(), "")
	},
	"launchdarkly": func(t *testing.T) {
		p := as(t, "launchdarkly").patching(`"userName":"a","active":false`)
		p.refuses("invalidValue", titleOp).leaves(titleOp+","+replaceOp("active", "true"), "title", `"U"`)
	},
	"casdoor": func(t *testing.T) {
		h := as(t, "casdoor")
		h.refused400(enterpriseURN+":organization is required", `"userName":"a"`)
		org := `,` + enterprise + `:{"organization":"O"}`
		h.user(`"userName":"b"` + org)
		p := h.patching(`"userName":"a","active":true,"emails":[{"value":"a@x","type":"work"}]` + org)
		p.pages("1 1 1: b", filtered(`userName eq "a"`)+"&count=1")
		p.leaves(workMail, "emails", `[{"type":"work","value":"a@x"}]`)
		if p.leaves(inactiveU, "title", `null`); p.has(p.path, "active") {
			t.Error("active is shown")
		}
	},
	"wso2": func(t *testing.T) {
		h := as(t, "wso2").people(3)
		h.pages("2 1 2: a b", "count=2")
		h.pages("3 1 3: a b c", "count=0")
		id := list(h.get("/Users")["Resources"])[0].(map[string]any)["id"].(string)
		h.shown("/Users/"+id, "emails", `["a@x"]`)
		group := "/Groups/" + h.group(`"displayName":"g","members":[{"value":"`+id+`"}]`)
		h.patched(group, byCompound([3]string{id}))
		if h.members(group) != "a" {
			t.Error("the compound filter removed the member")
		}
	},
}

// as is a sandbox with a profile.
func as(t *testing.T, profile string, habits ...string) *host {
	t.Helper()
	return serve(t, Options{Profile: profile, Habits: habits})
}

// patching makes a user to PATCH.
func (h *host) patching(inside string) patching { return patching{h, "/Users/" + h.user(inside)} }

// refused400 wants a POST to be refused in these words.
func (h *host) refused400(detail, inside string) {
	h.t.Helper()
	if r := h.must(400, "POST", "/Users", userBody(inside)); !strings.Contains(r.raw, detail) {
		h.t.Errorf("%s: %s", inside, r.raw)
	}
}

func TestProfiles(t *testing.T) {
	for _, p := range Profiles() {
		test := profileTests[p.Name]
		if test == nil {
			t.Errorf("profile %s has no test", p.Name)
			continue
		}
		t.Run(p.Name, test)
		found, err := findProfile(p.Name)
		if err != nil || p.Help == "" {
			t.Errorf("%v: %v", p, err)
		}
		var names []string
		for _, spec := range found.habits {
			name, _, _ := strings.Cut(spec, "=")
			if slices.Contains(names, name) {
				t.Errorf("%s names %s twice", p.Name, name)
			}
			names = append(names, name)
		}
	}
	if len(profileTests) != len(Profiles()) {
		t.Errorf("%d tests for %d profiles", len(profileTests), len(Profiles()))
	}
	if _, err := New(Options{Profile: "ring"}); err == nil || err.Error() != `profile "ring": there is none of that name; did you mean "ringcentral"?` {
		t.Errorf("%v", err)
	}
	if s, err := New(Options{Profile: "sandbox"}); err != nil || s.base != DefaultBasePath {
		t.Errorf("sandbox: %v", err)
	}
}

// ringUser is a user as RingCentral takes it.
func ringUser(mail, more string) string {
	return userBody(`"userName":"` + mail + `","name":{"givenName":"G","familyName":"F"},"emails":[{"value":"` + mail + `","type":"work"}]` + more)
}

// A joiner, a mover, a leaver and a returner at RingCentral.
func testRingCentral(t *testing.T) {
	h, step := clocked(t, Options{Profile: "ringcentral", Habits: []string{"extensions=2"}})
	h.must(200, "GET", "/health", "")
	if h.get("/ServiceProviderConfig")["xmlDataFormat"] == nil {
		t.Error("no xmlDataFormat")
	}
	if r := h.must(401, "GET", "/Users", ""); r.body["errorCode"] != "OAU-149" {
		t.Errorf("%s", r.raw)
	}
	token := h.token("grant_type=client_credentials&client_id=c").body["access_token"].(string)
	auth := []string{"Authorization", "Bearer " + token}
	must := func(status int, method, path, body string) reply {
		t.Helper()
		return h.must(status, method, path, body, auth...)
	}
	r := must(201, "POST", "/Users", ringUser("a@x", `,"title":"T","displayName":"A","addresses":[{"type":"work","country":"US"}],`+enterprise+`:{"department":"D","division":"V"}`))
	id := "/Users/" + r.id()
	if got := asJSON(bare(r.body)); got != `{"active":false,"addresses":[{"country":"United States","primary":false,"type":"work"}],"emails":[{"primary":false,"type":"work","value":"a@x"}],`+
		`"name":{"familyName":"F","givenName":"G"},"phoneNumbers":[{"primary":false,"type":"other","value":"101"}],"photos":[],"title":"T",`+
		`"`+enterpriseURN+`":{"department":"D"},"userName":"a@x"}` {
		t.Errorf("%s", got)
	}
	must(409, "POST", "/Users", ringUser("a@x", ""))
	login, mail := replaceOp("userName", `"b@x"`), replaceOp(`emails[type eq \"work\"].value`, `"b@x"`)
	must(400, "PATCH", id, patchBody(login))
	must(200, "PATCH", id, patchBody(login+","+mail+","+replaceOp("active", "true")))
	must(400, "PATCH", id, patchBody(titled))
	if r := must(400, "PATCH", id, patchBody(replaceOp("addresses", `[{"type":"work","region":"Zürich"}]`))); !strings.Contains(r.raw, "extension.contact.businessAddress.state") {
		t.Errorf("%s", r.raw)
	}
	must(200, "GET", "/Users?"+filtered(`email eq "b@x"`), "")
	must(400, "GET", "/Users?"+filtered(`externalId eq "X"`), "")
	must(404, "GET", "/Groups", "")

	must(201, "POST", "/Users", ringUser("c@x", ""))
	must(404, "POST", "/Users", ringUser("d@x", ""))
	must(200, "PATCH", id, patchBody(inactiveU))
	must(404, "POST", "/Users", ringUser("d@x", "")) // the tenth write
	r = must(429, "DELETE", id, "")
	if r.header.Get("X-Rate-Limit-Group") != "Heavy" || r.header.Get("Retry-After") != "" || r.body["errorCode"] != "CMN-301" {
		t.Errorf("%v %s", r.header, r.raw)
	}
	must(200, "GET", id, "")
	step(time.Minute)
	must(204, "DELETE", id, "")
	must(201, "POST", "/Users", ringUser("d@x", ""))
	step(time.Hour)
	if r := must(401, "GET", "/Users", ""); r.body["errorCode"] != "OAU-128" {
		t.Errorf("%s", r.raw)
	}
}

func testRSA(t *testing.T) {
	h, step := clocked(t, Options{Profile: "rsa-unified-directory", BearerToken: "t", Habits: []string{"local=local", "publish-lag=10s"}})
	auth := []string{"Authorization", "Bearer t"}
	h.must(401, "GET", "/Users", "", auth...)
	step(10 * time.Second)
	user := func(name string) string {
		return userBody(`"userName":"` + name + `","nickName":"N","emails":[{"value":"` + name + `@x","type":"work"}]`)
	}
	h.must(400, "POST", "/Users", userBody(`"userName":"a","emails":[{"value":"a@x","type":"home"}]`), auth...)
	a := "/Users/" + h.must(201, "POST", "/Users", user("a"), auth...).id()
	local := "/Users/" + h.must(201, "POST", "/Users", user("local"), auth...).id()
	h.must(405, "PATCH", local, patchBody(titleOp), auth...)
	if r := h.must(200, "PATCH", a, patchBody(titleOp), auth...); r.body["title"] != "U" {
		t.Errorf("%s", r.raw)
	}
	h.must(400, "PATCH", a, patchBody(titled), auth...)
	if r := h.must(400, "GET", "/Users?"+filtered(`userName sw "a"`), "", auth...); !strings.Contains(r.raw, "Unsupported Search Filter") {
		t.Errorf("%s", r.raw)
	}
	h.must(200, "GET", "/Users?"+filtered(`emails eq "a@x"`), "", auth...)
	h.must(204, "DELETE", a, "", auth...)
	for range 20 {
		if r := h.do("GET", "/Users", "", auth...); r.status == 429 {
			if got := r.header.Get("Retry-After"); got != `"2 seconds"` {
				t.Errorf("Retry-After %s", got)
			}
			return
		}
	}
	t.Error("no limit")
}

func testUserSync(t *testing.T) {
	h := serve(t, Options{Profile: "resolution-usersync", BearerToken: "t", BasicUser: "u", BasicPassword: "p"})
	if !strings.HasSuffix(h.url, "/jira/rest/usersync/scim/1") {
		t.Errorf("base %s", h.url)
	}
	basic := newRequest(t, "GET", h.url)
	basic.SetBasicAuth("u", "p")
	for _, auth := range []string{"Bearer t", basic.Header.Get("Authorization")} {
		h.must(200, "GET", "/Groups", "", "Authorization", auth)
	}
	h.must(401, "GET", "/Users", "")
	id := "/Users/" + h.must(201, "POST", "/Users", userBody(`"userName":"a"`), "Authorization", "Bearer t").id()
	r := h.must(200, "PATCH", id, patchBody(`{"op":"Replace","path":"active","value":"False"}`), "Authorization", "Bearer t")
	if r.body["active"] != false {
		t.Errorf("%s", r.raw)
	}
	if err := h.SetHabits([]string{"maintenance"}); err != nil {
		t.Fatal(err)
	}
	if r := h.must(503, "GET", "/Users", ""); !strings.HasPrefix(r.header.Get("Content-Type"), "text/html") {
		t.Errorf("%v", r.header)
	}
	if err := h.SetHabits(nil); err != nil {
		t.Fatal(err)
	}
	h.must(200, "GET", id, "", "Authorization", "Bearer t")
}

func testAWS(t *testing.T) {
	h := as(t, "aws-identity-center")
	person := func(name string) string {
		return `"userName":"` + name + `","displayName":"D","name":{"givenName":"G","familyName":"F"},"emails":[{"value":"` + name + `@x","primary":true}]`
	}
	h.refused400("displayName is required", `"userName":"a","name":{"givenName":"G","familyName":"F"}`)
	h.refused400("must not contain", person("a")+`,"externalId":"a:b"`)
	p := h.patching(person("a"))
	r := p.must(409, "POST", "/Users", userBody(person("a")))
	if r.body["schema"] != errorURN || r.body["status"] != "409" {
		t.Errorf("%s", r.raw)
	}
	p.refuses("invalidPath", `{"op":"replace","value":{"title":"T","nickName":"N"}}`).refuses("invalidValue", inactiveU+","+titleOp).leaves(inactiveU, "active", `false`)
	for i := range 50 {
		h.user(person("u" + itoa(i)))
	}
	if page := h.get("/Users?startIndex=51"); page["totalResults"] != 50.0 || page["startIndex"] != 1.0 {
		t.Errorf("%v of %v", page["startIndex"], page["totalResults"])
	}
	h.pages("1 1 1: u49", filtered(`userName eq "u49"`))
	id := list(h.get("/Users")["Resources"])[0].(map[string]any)["id"].(string)
	group := "/Groups/" + h.group(`"displayName":"g"`)
	add := strings.TrimSuffix(strings.Repeat(`{"value":"`+id+`"},`, 101), ",")
	h.refused(400, "invalidSyntax", "PATCH", group, patchBody(`{"op":"add","path":"members","value":[`+add+`]}`))
	h.refused(400, "", "PATCH", group, patchBody(replaceOp("members", `[]`)))
	h.patched(group, `{"op":"add","path":"members","value":[{"value":"`+id+`"}]}`)
	h.pages("0 1 0:", filtered(`userName eq "nobody"`))
	h.patched(group, `{"op":"remove","path":"members","value":[{"value":"`+id+`"}]}`)
	if len(list(h.Groups()[0]["members"])) != 0 {
		t.Error("the member is still there")
	}
	h.refused(405, "", "PUT", group, groupBody(`"displayName":"h"`))
	h.must(http.StatusForbidden, "PATCH", p.path, patchBody(titleOp), "User-Agent", "")
}
