package scim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
	"scimsync/targets/scim"
	"scimsync/targets/scim/profile"
	"scimsync/targets/scimtest"
)

func added(path string, v any) resource.Op { return resource.Op{Op: "add", Path: path, Value: v} }

// How operations are spelled for services that have their own way.
func TestDialects(t *testing.T) {
	department := resource.EnterpriseURN + ":department"
	mails := []resource.Element{{"type": "home", "value": "h", "primary": true}}
	for _, c := range []struct {
		name string
		set  func(*profile.Patch)
		ops  []resource.Op
		want string
	}{
		{"title case", func(p *profile.Patch) { p.OpCase = profile.OpTitle }, []resource.Op{replace("active", false), removal("title"), added("nickName", "n")},
			`{"op":"Replace","path":"active","value":false},{"op":"Remove","path":"title"},{"op":"Add","path":"nickName","value":"n"}`},
		{"booleans as text", func(p *profile.Patch) { p.Bool = profile.BoolString }, []resource.Op{replace("active", true), added("emails", mails), replace(`emails[type eq "home"].primary`, false)},
			`{"op":"replace","path":"active","value":"True"},{"op":"add","path":"emails","value":[{"primary":"True","type":"home","value":"h"}]},` +
				`{"op":"replace","path":"emails[type eq \"home\"].primary","value":"False"}`},
		{"another separator", func(p *profile.Patch) { p.ExtSep = "." }, []resource.Op{replace(department, "d"), replace(resource.EnterpriseURN+":manager.value", "1"), replace("name.givenName", "g")},
			`{"op":"replace","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.department","value":"d"},` +
				`{"op":"replace","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.manager.value","value":"1"},{"op":"replace","path":"name.givenName","value":"g"}`},
		{"without path", func(p *profile.Patch) { p.Path = profile.PathPathless }, []resource.Op{replace("active", false)},
			`{"op":"replace","value":{"active":false}}`},
		{"without path, much", func(p *profile.Patch) { p.Path = profile.PathPathless },
			[]resource.Op{removal("title"), added("emails", mails), added("nickName", "n"), replace("name.givenName", "g"), replace("name.familyName", "f"), replace(department, "d"), replace(`emails[type eq "work"].value`, "w")},
			`{"op":"remove","path":"title"},{"op":"replace","path":"emails[type eq \"work\"].value","value":"w"},` +
				`{"op":"replace","value":{"name":{"familyName":"f","givenName":"g"},"nickName":"n","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"d"}}},` +
				`{"op":"add","value":{"emails":[{"primary":true,"type":"home","value":"h"}]}}`},
		{"null", func(*profile.Patch) {}, []resource.Op{replace("title", resource.Null{})}, `{"op":"replace","path":"title","value":null}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := scimtest.NewFaulty(nil)
			server.Script(scimtest.Reply{Status: 204})
			target := serve(t, server, with(func(p *profile.Profile) { c.set(&p.Patch) }))
			if r := apply(t, target, scimtest.Change(plan.Update, "7", c.ops...)); r.Verdict != plan.Done {
				t.Fatal(r.Err)
			}
			if diff := cmp.Diff(patchHead+c.want+patchTail, server.Requests()[0].Body); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

const stored = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"7","USERNAME":"ada","active":true,"title":"old","x-own":{"a":1.50,"b":[null,"x"]},
	"emails":[{"value":"by@hand","type":"other","note":7},{"value":"w","type":"work","primary":true}],"name.formatted":"flat",
	"groups":[{"value":"g"}],"meta":{"version":"W/\"3\"","location":"http://elsewhere/7"}}`

// account7 serves one account, and keeps what is PUT there.
type account7 struct {
	body    string
	etag    string // of the account; "": none
	clashes int    // how many PUTs and PATCHes are refused because somebody else was faster
	silent  bool   // success is answered, and nothing done
	bare    bool   // answers have no body
	log     []string
	sent    []string
}

func (s *account7) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	entry := r.Method
	if match := r.Header.Get("If-Match"); match != "" {
		entry += " " + match
	}
	s.log = append(s.log, entry)
	w.Header().Set("Content-Type", "application/scim+json")
	if r.Method == http.MethodGet {
		_, _ = w.Write([]byte(s.body))
		return
	}
	var body strings.Builder
	buf := make([]byte, 1<<16)
	n, _ := r.Body.Read(buf)
	body.Write(buf[:n])
	s.sent = append(s.sent, body.String())
	if s.clashes > 0 {
		s.clashes--
		s.etag += "+"
		s.body = strings.Replace(s.body, `W/\"3\"`, `W/\"4\"`, 1)
		w.WriteHeader(http.StatusPreconditionFailed)
		return
	}
	if r.Method == http.MethodPut && !s.silent {
		s.body = body.String()
	}
	if s.bare {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	_, _ = w.Write([]byte(s.body))
}

func putting(p *profile.Profile) { p.Update.Method = profile.UpdatePut }

// By PUT everything goes back as it came, but for what changes and what only the service
// writes; invariant I10.
func TestPutMerges(t *testing.T) {
	server := &account7{body: stored, bare: true}
	target := serve(t, server, with(putting))
	r := apply(t, target, scimtest.Change(plan.Update, "7", replace("title", "new"), added("name.givenName", "Ada"), replace(`emails[type eq "work"].value`, "v"),
		added(resource.EnterpriseURN+":department", "d")))
	if r.Verdict != plan.Done || strings.Join(server.log, " ") != "GET PUT" {
		t.Fatalf("%+v after %v", r, server.log)
	}
	var got, want map[string]any
	if err := json.Unmarshal([]byte(server.sent[0]), &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"id":"7","userName":"ada",
		"active":true,"title":"new","name":{"givenName":"Ada"},"x-own":{"a":1.50,"b":[null,"x"]},"emails":[{"value":"by@hand","type":"other","note":7},{"value":"v","type":"work","primary":true}],
		"name.formatted":"flat","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"d"}}`), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !strings.Contains(server.sent[0], "1.50") {
		t.Errorf("a number lost its spelling: %s", server.sent[0])
	}
}

// What is not all of the account, or not the account, is not written over.
func TestPutNeedsTheWholeAccount(t *testing.T) {
	for _, c := range []struct {
		reply scimtest.Reply
		want  plan.Verdict
	}{
		{scimtest.Reply{Status: 200, Body: `{"id":"7","title":"x"}`}, plan.Park},
		{scimtest.Reply{Status: 200, Body: `{"id":"8","userName":"ada"}`}, plan.Park},
		{scimtest.Reply{Status: 200, Body: `{"userName":"ada"}`}, plan.Park},
		{scimtest.Reply{Status: 200, Body: `{"id":"7","userName":"ada"`}, plan.Park},
		{scimtest.Reply{Status: 200, Body: `{"id":"7","userName":"ada","USERNAME":"bob"}`}, plan.Park},
		{scimtest.Reply{Status: 200}, plan.Park},
		{scimtest.Reply{Status: 200, Body: stored, Cut: scimtest.Within}, plan.Again},
		{scimtest.Reply{Status: 200, Body: "<html>"}, plan.Stop},
		{scimtest.Reply{Status: 302}, plan.Stop},
		{scimtest.Reply{Status: 206, Body: stored}, plan.Park},
		{scimError(401, ""), plan.Stop},
		{scimError(403, ""), plan.Park},
		{scimError(404, ""), plan.Vanished},
		{scimError(429, ""), plan.Again},
		{scimError(503, ""), plan.Again},
	} {
		server := scimtest.NewFaulty(nil)
		server.Forever(c.reply)
		target := serve(t, server, with(putting), func(o *scim.Options) { o.Auth = nil })
		r := apply(t, target, scimtest.Change(plan.Update, "7", replace("title", "new")))
		if r.Verdict != c.want || len(server.Requests()) != 1 {
			t.Errorf("%d %s: verdict %d, want %d, %d requests: %v", c.reply.Status, c.reply.Body, r.Verdict, c.want, len(server.Requests()), r.Err)
		}
	}
}

// By PUT in full only what is ours is sent.
func TestPutInFull(t *testing.T) {
	for action, active := range map[plan.Action]bool{plan.Update: true, plan.Deactivate: false, plan.Reactivate: true} {
		server := &account7{body: stored}
		change := scimtest.Change(action, "7", replace("title", "x"))
		change.Want = resource.Wanted{Resource: wanted("userName", "ada", "title", "x")}
		if action == plan.Reactivate {
			change.After = map[string]any{"active": true}
		}
		r := apply(t, serve(t, server, with(func(p *profile.Profile) { putting(p); p.Put.Mode = profile.PutFull })), change)
		want := fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"active":%t,"title":"x","userName":"ada","id":"7"}`, active)
		if r.Verdict != plan.Done || len(server.sent) != 1 || server.sent[0] != want || server.log[0] != "PUT" {
			t.Errorf("%s: %+v, sent %v", action, r, server.sent)
		}
	}
}

// What switches accounts off and on, and what does so at services without a plain way.
func TestDeactivateMethods(t *testing.T) {
	for _, c := range []struct {
		method profile.DeactivateMethod
		action plan.Action
		sent   string
		want   plan.Verdict
	}{
		{profile.DeactivateActiveFalse, plan.Deactivate, "PATCH", plan.Done},
		{profile.DeactivateDelete, plan.Deactivate, "DELETE", plan.Done},
		{profile.DeactivatePutActiveFalse, plan.Deactivate, "GET PUT", plan.Done},
		{profile.DeactivatePutActiveFalse, plan.Reactivate, "GET PUT", plan.Done},
		{profile.DeactivatePutActiveFalse, plan.Update, "PATCH", plan.Done},
		{profile.DeactivateNone, plan.Deactivate, "", plan.Park},
		{profile.DeactivateNone, plan.Update, "PATCH", plan.Done},
	} {
		server := &account7{body: stored}
		target := serve(t, server, with(func(p *profile.Profile) { p.Deactivate.Method = c.method }))
		r := apply(t, target, scimtest.Change(c.action, "7", replace("active", c.action == plan.Reactivate)))
		if got := strings.Join(server.log, " "); r.Verdict != c.want || got != c.sent {
			t.Errorf("%s, %s: sent %s, verdict %d: %v", c.method, c.action, got, r.Verdict, r.Err)
		}
		if c.sent == "GET PUT" && strings.Contains(server.sent[0], `"active":true`) != (c.action == plan.Reactivate) {
			t.Errorf("%s: sent %s", c.action, server.sent[0])
		}
	}
}

// A service without PATCH is spoken to by PUT, if the profile allows that, and only then.
func TestPatchThenPut(t *testing.T) {
	either := func(p *profile.Profile) { p.Update.Method = profile.UpdatePatchThenPut }
	change := scimtest.Change(plan.Update, "7", replace("title", "x"))
	for _, status := range []int{405, 501} {
		server := scimtest.NewFaulty(nil)
		server.Script(scimError(status, ""), scimtest.Reply{Status: 200, Body: stored}, scimtest.Reply{Status: 204}, scimtest.Reply{Status: 200, Body: stored}, scimtest.Reply{Status: 204})
		target := serve(t, server, with(either))
		for i, want := range []plan.Verdict{plan.Anew, plan.Done, plan.Done} {
			if r := apply(t, target, change); r.Verdict != want {
				t.Errorf("%d, time %d: verdict %d: %v", status, i, r.Verdict, r.Err)
			}
		}
		if got := methods(server); got != "PATCH GET PUT GET PUT" {
			t.Errorf("%d: sent %s", status, got)
		}
	}
	said := func(p *profile.Profile) { either(p); p.Discovery.Mode = profile.DiscoveryProbe }
	for _, c := range []struct {
		set  func(*profile.Profile)
		sent string
	}{
		{said, "GET GET GET GET PUT"},
		{func(p *profile.Profile) { p.Discovery.Mode = profile.DiscoveryProbe }, "GET GET GET PATCH"}, // wire case 8
	} {
		server := scimtest.NewFaulty(nil)
		server.Script(says200(`{"patch":{"supported":false},"xmlDataFormat":{"supported":true}}`), scimError(404, ""), scimError(404, ""))
		server.Forever(scimtest.Reply{Status: 200, Body: stored})
		if r := apply(t, serve(t, server, with(c.set)), change); r.Verdict != plan.Done || methods(server) != c.sent {
			t.Errorf("%+v, sent %s, want %s", r, methods(server), c.sent)
		}
	}
}

func methods(server *scimtest.Faulty) string {
	var all []string
	for _, r := range server.Requests() {
		all = append(all, r.Method)
	}
	return strings.Join(all, " ")
}

// Versions are said where the profile or the service wants it, and a change for an old
// one is sent once more for the one that is there.
func TestVersions(t *testing.T) {
	matching := func(p *profile.Profile) { p.ETag = profile.ETagIfMatch }
	both := func(p *profile.Profile) { matching(p); putting(p) }
	for _, c := range []struct {
		name    string
		set     func(*profile.Profile)
		version string
		clashes int
		sent    string
		want    plan.Verdict
	}{
		{"off", func(*profile.Profile) {}, `"1"`, 0, `PATCH`, plan.Done},
		{"on", matching, `W/"1"`, 0, `PATCH W/"1"`, plan.Done},
		{"on, and none is known", matching, ``, 0, `PATCH`, plan.Done},
		{"somebody was faster", matching, `W/"3"`, 1, `PATCH W/"3", GET, PATCH W/"4"`, plan.Done},
		{"no version is ever right", matching, `W/"3"`, 2, `PATCH W/"3", GET, PATCH W/"4", PATCH`, plan.Done},
		{"nor none at all", matching, `W/"3"`, 3, `PATCH W/"3", GET, PATCH W/"4", PATCH`, plan.Again},
		{"by PUT", both, `W/"1"`, 0, `GET, PUT W/"3"`, plan.Done},
		{"by PUT, somebody was faster", both, `W/"1"`, 1, `GET, PUT W/"3", GET, PUT W/"4"`, plan.Done},
		{"by PUT, somebody always is", both, `W/"1"`, 9, `GET, PUT W/"3", GET, PUT W/"4"`, plan.Again},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := &account7{body: stored, clashes: c.clashes}
			change := scimtest.Change(plan.Update, "7", replace("title", "x"))
			change.Version = c.version
			r := apply(t, serve(t, server, with(c.set)), change)
			if got := strings.Join(server.log, ", "); r.Verdict != c.want || got != c.sent {
				t.Errorf("verdict %d, sent %s: %v", r.Verdict, got, r.Err)
			}
		})
	}
	server := scimtest.NewFaulty(nil)
	server.Script(scimError(428, ""), scimtest.Reply{Status: 200, Body: `{"id":"7","userName":"ada"}`, Header: map[string]string{"ETag": `"9"`}}, scimtest.Reply{Status: 204}, scimtest.Reply{Status: 204})
	target := serve(t, server)
	for range 2 {
		change := scimtest.Change(plan.Delete, "7")
		change.Version = `"5"`
		if r := apply(t, target, change); r.Verdict != plan.Done {
			t.Error(r.Err)
		}
	}
	var matches []string
	for _, r := range server.Requests() {
		matches = append(matches, r.Method+r.Header.Get("If-Match"))
	}
	if got := strings.Join(matches, " "); got != `DELETE GET DELETE"9" DELETE"5"` {
		t.Errorf("sent %s", got)
	}
}

// changing gives a change with what it leads from and to.
func changing(action plan.Action, ops []resource.Op, pairs ...any) *plan.Change {
	c := scimtest.Change(action, "7", ops...)
	c.Before, c.After = map[string]any{}, map[string]any{}
	for i := 0; i < len(pairs); i += 3 {
		if pairs[i+1] != nil {
			c.Before[pairs[i].(string)] = pairs[i+1]
		}
		if pairs[i+2] != nil {
			c.After[pairs[i].(string)] = pairs[i+2]
		}
	}
	return c
}

// A success that was none is noticed, once, and leads nowhere: wire cases 26 and 27.
func TestSilentNoop(t *testing.T) {
	title := changing(plan.Update, []resource.Op{replace("title", "new")}, "title", "old", "new")
	mail := changing(plan.Update, []resource.Op{replace(`emails[type eq "work"].value`, "new")}, `emails[type eq "work"].value`, "w", "new")
	gone := changing(plan.Update, []resource.Op{removal("title")}, "title", "old", nil)
	nick := changing(plan.Update, []resource.Op{added("nickName", "n")}, "nickName", nil, "n")
	phone := changing(plan.Update, []resource.Op{replace("phoneNumbers", []resource.Element{{"value": "+41 44"}})}, "phoneNumbers", []resource.Element{{"value": "1"}}, []resource.Element{{"value": "+41 44"}})
	off := changing(plan.Deactivate, nil, "active", true, false)
	on := changing(plan.Reactivate, []resource.Op{replace("active", true)}, "active", false, true)
	show := func(more string) scimtest.Reply {
		return says200(`{"id":"7","userName":"ada",` + more + `}`)
	}
	silent := scimtest.Reply{Status: 204}
	canary := func(p *profile.Profile) { p.Verify.AfterWrite = profile.VerifyCanary }
	noop := func(p *profile.Profile) { p.Patch.SilentNoop = true }
	for _, c := range []struct {
		name    string
		set     func(*profile.Profile)
		change  *plan.Change
		replies []scimtest.Reply
		sent    string // of the change, applied twice
		want    [2]plan.Verdict
		says    string
	}{
		{"never", func(*profile.Profile) {}, title, []scimtest.Reply{silent, silent}, "PATCH PATCH", [2]plan.Verdict{}, ""},
		{"it works", canary, title, []scimtest.Reply{silent, show(`"title":"new"`), silent}, "PATCH GET PATCH", [2]plan.Verdict{}, ""},
		{"the answer shows it", canary, title, []scimtest.Reply{show(`"title":"new"`), silent}, "PATCH PATCH", [2]plan.Verdict{}, ""},
		{"the answer shows it, and is not believed", noop, title, []scimtest.Reply{show(`"title":"new"`), show(`"title":"new"`), silent}, "PATCH GET PATCH", [2]plan.Verdict{}, ""},
		{"always", func(p *profile.Profile) { p.Verify.AfterWrite = profile.VerifyAlways }, title, []scimtest.Reply{silent, show(`"title":"new"`), silent, show(`"title":"new"`)}, "PATCH GET PATCH GET", [2]plan.Verdict{}, ""},
		{"in other words", canary, title, []scimtest.Reply{silent, show(`"title":"NEW!"`), silent}, "PATCH GET PATCH", [2]plan.Verdict{}, ""},
		{"it does nothing", canary, title, []scimtest.Reply{silent, show(`"title":"old"`)}, "PATCH GET", [2]plan.Verdict{plan.Ignored, plan.Park}, "replace title"},
		{"it does nothing, and says so", canary, title, []scimtest.Reply{show(`"title":"old"`), show(`"title":"old"`)}, "PATCH GET", [2]plan.Verdict{plan.Ignored, plan.Park}, "replace title"},
		{"the answer was older", canary, title, []scimtest.Reply{show(`"title":"old"`), show(`"title":"new"`), silent}, "PATCH GET PATCH", [2]plan.Verdict{}, ""},
		{"nothing is added", canary, nick, []scimtest.Reply{silent, show(`"x":1`)}, "PATCH GET", [2]plan.Verdict{plan.Ignored, plan.Park}, "add nickName"},
		{"nothing is removed", canary, gone, []scimtest.Reply{silent, show(`"title":"OLD"`)}, "PATCH GET", [2]plan.Verdict{plan.Ignored, plan.Park}, "remove title"},
		{"it is removed", canary, gone, []scimtest.Reply{silent, show(`"x":1`), silent}, "PATCH GET PATCH", [2]plan.Verdict{}, ""},
		{"the value of an element", canary, mail, []scimtest.Reply{silent, show(`"emails":[{"type":"work","value":"w"}]`)}, "PATCH GET", [2]plan.Verdict{plan.Ignored, plan.Park}, "replace emails"},
		{"the value of an element without type", canary, mail, []scimtest.Reply{silent, show(`"emails":["new"]`), silent}, "PATCH GET PATCH", [2]plan.Verdict{}, ""},
		{"a list", canary, phone, []scimtest.Reply{silent, show(`"phoneNumbers":[{"value":"1"}]`)}, "PATCH GET", [2]plan.Verdict{plan.Ignored, plan.Park}, "replace phoneNumbers"},
		{"it cannot be read", canary, title, []scimtest.Reply{silent, scimError(403, ""), silent, show(`"title":"new"`)}, "PATCH GET PATCH GET", [2]plan.Verdict{}, ""},
		{"it is gone", canary, off, []scimtest.Reply{silent, scimError(404, ""), silent, scimError(404, "")}, "PATCH GET PATCH GET", [2]plan.Verdict{}, ""},
		{"still active", canary, off, []scimtest.Reply{silent, show(`"active":true`), silent, show(`"active":"True"`)}, "PATCH GET PATCH GET", [2]plan.Verdict{plan.Ignored, plan.Ignored}, "see to it at the service"},
		{"still inactive", canary, on, []scimtest.Reply{silent, show(`"active":false`), silent, show(`"active":false`)}, "PATCH GET PATCH GET", [2]plan.Verdict{plan.Ignored, plan.Ignored}, "active is as before"},
		{"whether it is active is not shown", canary, off, []scimtest.Reply{silent, show(`"x":1`), silent}, "PATCH GET PATCH", [2]plan.Verdict{}, ""},
		{"switched off in other clothes", func(p *profile.Profile) { canary(p); p.Readback.AfterDeactivate = profile.ReadbackIgnore }, off,
			[]scimtest.Reply{silent, says200(`{"id":"7","userName":"x1","active":false}`), silent}, "PATCH GET PATCH", [2]plan.Verdict{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := scimtest.NewFaulty(nil)
			server.Script(c.replies...)
			target := serve(t, server, with(c.set))
			for i, want := range c.want {
				change := *c.change
				r := apply(t, target, &change)
				if r.Verdict != want {
					t.Errorf("time %d: verdict %d, want %d: %v", i, r.Verdict, want, r.Err)
				}
				if c.says != "" {
					says(t, r.Err, c.says)
				}
			}
			if got := methods(server); got != c.sent {
				t.Errorf("sent %s, want %s", got, c.sent)
			}
		})
	}
}

// What works goes on, with a word on what does not.
func TestSilentNoopOfAPart(t *testing.T) {
	server := scimtest.NewFaulty(nil)
	server.Script(scimtest.Reply{Status: 204}, says200(`{"id":"7","userName":"ada","title":"old","nickName":"n"}`), scimtest.Reply{Status: 204})
	target := serve(t, server, with(func(p *profile.Profile) { p.Verify.AfterWrite = profile.VerifyCanary }))
	change := changing(plan.Update, []resource.Op{replace("title", "new"), replace("nickName", "n")}, "title", "old", "new", "nickName", "m", "n")
	for i := range 2 {
		if r := apply(t, target, change); r.Verdict != plan.Ignored {
			t.Errorf("time %d: verdict %d: %v", i, r.Verdict, r.Err)
		}
	}
	all := server.Requests()
	if len(all) != 3 || all[2].Body != patchHead+`{"op":"replace","path":"nickName","value":"n"}`+patchTail {
		t.Errorf("%s: %s", methods(server), all[len(all)-1].Body)
	}
}

// A service whose reads lag behind its writes is given the time it takes.
func TestReadDelay(t *testing.T) {
	server := scimtest.NewFaulty(nil)
	server.Script(scimtest.Reply{Status: 204}, says200(`{"id":"7","userName":"ada","title":"new"}`))
	target := serve(t, server, with(func(p *profile.Profile) {
		p.Verify.AfterWrite, p.EventualConsistency.ReadDelay = profile.VerifyCanary, 150*time.Millisecond
	}))
	start := time.Now()
	if r := apply(t, target, changing(plan.Update, []resource.Op{replace("title", "new")}, "title", "old", "new")); r.Verdict != plan.Done || time.Since(start) < 150*time.Millisecond {
		t.Errorf("%+v after %s", r, time.Since(start))
	}
}

// Whatever Apply sends besides its one request passes the gate.
func TestApplyPassesTheGate(t *testing.T) {
	for _, c := range []struct {
		set  func(*profile.Profile)
		sent string
	}{
		{func(*profile.Profile) {}, "PATCH"},
		{func(p *profile.Profile) { p.Verify.AfterWrite = profile.VerifyCanary }, "PATCH GET"},
		{putting, "GET PUT"},
		{func(p *profile.Profile) {
			p.Discovery.Mode = profile.DiscoveryProbe
			p.Paths.Schemas, p.Paths.ResourceTypes = "", ""
		}, "GET PATCH"},
	} {
		server := &account7{body: strings.Replace(stored, "old", "new", 1), bare: true}
		g := &gate{}
		target := serve(t, server, with(c.set), func(o *scim.Options) { o.Gate = g.enter })
		if r := apply(t, target, changing(plan.Update, []resource.Op{replace("title", "new")}, "title", "old", "new")); r.Verdict != plan.Done {
			t.Errorf("%v", r.Err)
		}
		if got := strings.Join(server.log, " "); got != c.sent || g.entered != len(server.log)-1 || g.left != g.entered {
			t.Errorf("sent %s, want %s; %d in, %d out", got, c.sent, g.entered, g.left)
		}
	}
}

// What an answer means at a service where it means something of its own.
func TestProfiledAnswers(t *testing.T) {
	ring := func(p *profile.Profile) {
		p.Service = "RingCentral"
		p.Create.PreconditionStatus = []int{404}
		p.Errors = profile.Errors{CodeRegex: `"((?:OAU|CMN)-[0-9]+)"`, Codes: map[string]profile.CodeVerdict{"CMN-304": profile.CodeAgain, "CMN-303": profile.CodeStop, "CMN-999": profile.CodePark}}
	}
	code := func(status int, code string) scimtest.Reply {
		return scimtest.Reply{Status: status, Body: `{"errorCode":"` + code + `","message":"said"}`}
	}
	local := func(p *profile.Profile) {
		p.Retry.Permanent = map[int]profile.Permanent{405: profile.PermanentObject, 422: profile.PermanentForm}
	}
	brick := func(p *profile.Profile) {
		p.Create.ConflictRegex = []string{"already exists"}
		p.Create.ConflictStatus = []int{409, 419}
	}
	create, update, remove := scimtest.Create(scimtest.Person(1)), scimtest.Change(plan.Update, "7", replace("title", "x")), scimtest.Change(plan.Delete, "7")
	doubted := scimtest.Change(plan.Deactivate, "7")
	doubted.Fate, doubted.Doubt.Sent = plan.FateGone, true
	for _, c := range []struct {
		name   string
		set    func(*profile.Profile)
		change *plan.Change
		reply  scimtest.Reply
		want   plan.Verdict
		says   string
	}{
		{"wire case 6: no free extension", ring, create, scimError(404, ""), plan.StopCreates, "RingCentral is not ready for one more account"},
		{"an update of what is not there", ring, update, scimError(404, ""), plan.Vanished, ""},
		{"wire case 4: two at a time", ring, update, code(429, "CMN-304"), plan.Again, ""},
		{"a plan that is not defined", ring, update, code(429, "CMN-303"), plan.Stop, ""},
		{"parked by code", ring, update, code(500, "CMN-999"), plan.Park, "said"},
		{"wire case 7: a value that the telephony does not know", ring, update, scimtest.Reply{Status: 400, Body: `{"scimType":"invalidValue","detail":"extension.contact.businessAddress.state"}`}, plan.Park, "businessAddress"},
		{"wire case 30: a local user", local, update, scimError(405, ""), plan.ParkForGood, "never"},
		{"a local user's deletion", local, remove, scimError(405, ""), plan.ParkForGood, ""},
		{"a create that is not served", local, create, scimError(405, ""), plan.Stop, ""},
		{"a form that is not served", local, update, scimError(422, ""), plan.Stop, ""},
		{"one user cannot be deleted", func(*profile.Profile) {}, remove, scimError(405, ""), plan.Park, ""},
		{"exists, in words", brick, create, scimtest.Reply{Status: 400, Body: `{"detail":"User with email x already exists in this account"}`}, plan.Taken, "already exists"},
		{"exists, by another status", brick, create, scimtest.Reply{Status: 419}, plan.Taken, ""},
		{"another refusal", brick, create, scimtest.Reply{Status: 400, Body: `{"detail":"no"}`}, plan.Park, ""},
		{"wire case 12: a conflict without a body", func(*profile.Profile) {}, create, scimtest.Reply{Status: 409}, plan.Taken, ""},
		{"wire case 13: a conflict as AWS has it", func(*profile.Profile) {}, create, scimtest.Reply{Status: 409, Body: `{"schema":["urn:ietf:params:scim:api:messages:2.0:Error"],` +
			`"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"detail":"Refused to create a new, duplicate resource.","status":"409","exceptionRequestId":"x","timeStamp":"2026-01-01"}`}, plan.Taken, "duplicate resource"},
		{"wire case 31: gone already", func(*profile.Profile) {}, remove, scimError(404, ""), plan.Done, ""},
		{"deactivated, and so deleted, by a request whose answer was lost", func(*profile.Profile) {}, doubted, scimError(404, ""), plan.Done, ""},
		{"tried again as the profile says", func(p *profile.Profile) { p.Retry.Statuses = []int{423} }, update, scimtest.Reply{Status: 423}, plan.Again, ""},
		{"wire case 35: HTML by name", func(*profile.Profile) {}, update, scimtest.Reply{Status: 200, Body: `{"id":"7"}`, Header: map[string]string{"Content-Type": "text/html"}}, plan.Done, ""},
		{"wire case 35: HTML by name, and nothing", func(*profile.Profile) {}, update, scimtest.Reply{Status: 200, Header: map[string]string{"Content-Type": "text/html"}}, plan.Done, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := scimtest.NewFaulty(nil)
			server.Script(c.reply)
			change := *c.change
			r := apply(t, serve(t, server, with(c.set)), &change)
			if r.Verdict != c.want || len(server.Requests()) != 1 {
				t.Errorf("verdict %d, want %d, after %s: %v", r.Verdict, c.want, methods(server), r.Err)
			}
			if c.says != "" {
				says(t, r.Err, c.says)
			}
			if c.name == "wire case 4: two at a time" && (r.TooFast || r.NotBefore.IsZero()) {
				t.Errorf("it is no question of the pace: %+v", r.Heard)
			}
		})
	}
}

// A service that deletes nobody is not asked to again.
func TestDeleteNotImplemented(t *testing.T) {
	server := scimtest.NewFaulty(nil)
	server.Script(scimError(501, ""))
	target := serve(t, server)
	for i, want := range []plan.Verdict{plan.ParkForGood, plan.Park} {
		r := apply(t, target, scimtest.Change(plan.Delete, "7"))
		if r.Verdict != want {
			t.Errorf("time %d: %+v", i, r)
		}
		says(t, r.Err, "stays deactivated")
	}
	if n := len(server.Requests()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// Wire case 36: where the id is one of the attributes, it changes with that.
func TestIDThatChanges(t *testing.T) {
	server := scimtest.NewFaulty(nil)
	server.Forever(scimtest.Reply{Status: 204})
	target := serve(t, server, with(func(p *profile.Profile) { p.Attrs.ImmutableIDIs = "externalId" }))
	for _, c := range []struct {
		change *plan.Change
		want   string
	}{
		{changing(plan.Update, []resource.Op{replace("externalId", "new")}, "externalId", "7", "new"), "new"},
		{changing(plan.Update, []resource.Op{replace("title", "x")}, "title", "a", "x"), "7"},
	} {
		if r := apply(t, target, c.change); r.Verdict != plan.Done || r.Ack.RemoteID != c.want {
			t.Errorf("%+v, want id %s", r, c.want)
		}
	}
}

// A create that took over somebody's account is not believed.
func TestSilentAdoption(t *testing.T) {
	for body, want := range map[string]plan.Verdict{
		`{"id":"7","userName":"x","externalId":"somebody"}`:    plan.Taken,
		`{"id":"7","userName":"x","externalId":"anchor-0001"}`: plan.Done,
		`{"id":"7"}`: plan.Done,
	} {
		server := scimtest.NewFaulty(nil)
		server.Script(scimtest.Reply{Status: 201, Body: body})
		r := apply(t, serve(t, server, with(func(p *profile.Profile) { p.Create.MayAdoptSilently = true })), scimtest.Create(scimtest.Person(1)))
		if r.Verdict != want {
			t.Errorf("%s: %+v", body, r)
		}
	}
}

// Answers that are not quite as they should be (wire cases 5, 32 and 33).
func TestOddAccounts(t *testing.T) {
	server := scimtest.NewFaulty(nil)
	server.Script(scimtest.Reply{Status: 201, Body: `{"id":146,"active":false,"phoneNumbers":[{"type":"other","value":"146"}],"addresses":[{"country":"United States"}]}`})
	if r := apply(t, serve(t, server), scimtest.Create(scimtest.Person(1))); r.Verdict != plan.Done || r.Ack.RemoteID != "146" {
		t.Errorf("%+v", r)
	}
	for body, want := range map[string]record.Tri{
		`{"id":"7","userName":"x","emails":[{"value":"a@x"}]}`:                             record.Unknown,
		`{"id":"7","userName":"x","active":"False","emails":["a@x"],"members":null}`:       record.False,
		`{"id":"7","userName":"x","active":null,"name.formatted":"A","emails":"a@x"}`:      record.Unknown,
		`{"id":"7","userName":"x","active":1,"name":"A","emails":{"value":"a@x"}}`:         record.Unknown,
		`{"id":"7","userName":"x","active":true,"meta":null,"schemas":"x","emails":[[1]]}`: record.True,
	} {
		server.Script(says200(body))
		found, err := serve(t, server).Get(t.Context(), "7")
		if err != nil || found.Active != want || found.UserName != "x" {
			t.Errorf("%s: %+v, error %v", body, found, err)
		}
	}
}

// What takes more than its one request does not travel in bulk.
func TestAttendedChangesTravelAlone(t *testing.T) {
	title := func() *plan.Change {
		return changing(plan.Update, []resource.Op{replace("title", "new")}, "title", "old", "new")
	}
	versioned := title()
	versioned.Version = `"1"`
	for _, c := range []struct {
		set    func(*profile.Profile)
		change *plan.Change
		alone  bool
	}{
		{func(*profile.Profile) {}, title(), false},
		{func(p *profile.Profile) { p.Verify.AfterWrite = profile.VerifyCanary }, title(), true},
		{func(p *profile.Profile) { p.Verify.AfterWrite = profile.VerifyCanary }, scimtest.Create(scimtest.Person(1)), false},
		{func(p *profile.Profile) { p.ETag = profile.ETagIfMatch }, title(), false},
		{func(p *profile.Profile) { p.ETag = profile.ETagIfMatch }, versioned, true},
		{putting, title(), true},
		{func(p *profile.Profile) { p.Deactivate.Method = profile.DeactivateNone }, scimtest.Change(plan.Deactivate, "7"), true},
	} {
		target := serve(t, scimtest.NewFaulty(nil), with(c.set))
		if alone := target.Size(c.change) == 0; alone != c.alone {
			t.Errorf("%s: alone %t", c.change, alone)
		}
	}
}
