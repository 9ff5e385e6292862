package scim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"scimsync/sync/plan"
	"scimsync/sync/resource"
	"scimsync/targets/scimtest"
)

const patchHead = `{"Operations":[`
const patchTail = `],"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}`

func early(c *plan.Change) *plan.Change {
	c.After = map[string]any{"active": false}
	return c
}

// What goes over the wire, byte by byte.
func TestRequests(t *testing.T) {
	wanted := resource.Wanted{
		Resource: resource.New(map[string]any{
			"externalId": "10034", "userName": "zoë@example.org", "name.givenName": "Zoë", "title": "R&D <lead>",
			`emails[type eq "work"].value`:             "zoë@example.org",
			"phoneNumbers":                             []resource.Element{{"type": "mobile", "value": "+41"}},
			resource.EnterpriseURN + ":employeeNumber": "007",
		}),
		Once: []resource.Once{
			{Attr: resource.Attr{Path: "locale", Value: "de-CH"}, When: resource.OnlyCreate},
			{Attr: resource.Attr{Path: "title", Value: "not this one"}, When: resource.OnlyEmpty},
		},
	}
	plain := resource.Wanted{Resource: resource.New(map[string]any{"userName": "a"})}
	for _, c := range []struct {
		name               string
		change             *plan.Change
		method, path, body string
	}{
		{"create", scimtest.Create(wanted), "POST", "/scim/v2/Users",
			`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"active":true,` +
				`"emails":[{"type":"work","value":"zoë@example.org"}],"externalId":"10034","locale":"de-CH",` +
				`"name":{"givenName":"Zoë"},"phoneNumbers":[{"type":"mobile","value":"+41"}],` +
				`"title":"R&D <lead>","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"007"},` +
				`"userName":"zoë@example.org"}`},
		{"plain create", scimtest.Create(plain), "POST", "/scim/v2/Users",
			`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"active":true,"userName":"a"}`},
		{"create, not active yet", early(scimtest.Create(plain)), "POST", "/scim/v2/Users",
			`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"active":false,"userName":"a"}`},
		{"deactivate", scimtest.Change(plan.Deactivate, "2819c223"), "PATCH", "/scim/v2/Users/2819c223",
			patchHead + `{"op":"replace","path":"active","value":false}` + patchTail},
		{"deactivate sends active only", scimtest.Change(plan.Deactivate, "7", replace("title", "x")), "PATCH", "/scim/v2/Users/7",
			patchHead + `{"op":"replace","path":"active","value":false}` + patchTail},
		{"update", scimtest.Change(plan.Update, "7", replace("title", "R&D"), removal("nickName")), "PATCH", "/scim/v2/Users/7",
			patchHead + `{"op":"replace","path":"title","value":"R&D"},{"op":"remove","path":"nickName"}` + patchTail},
		{"reactivate", scimtest.Change(plan.Reactivate, "7", replace("active", true)), "PATCH", "/scim/v2/Users/7",
			patchHead + `{"op":"replace","path":"active","value":true}` + patchTail},
		{"adopt", scimtest.Change(plan.Adopt, "7", resource.Op{Op: "add", Path: "externalId", Value: "1"}), "PATCH", "/scim/v2/Users/7",
			patchHead + `{"op":"add","path":"externalId","value":"1"}` + patchTail},
		{"delete", scimtest.Change(plan.Delete, "7"), "DELETE", "/scim/v2/Users/7", ""},
		{"an awkward id", scimtest.Change(plan.Delete, "a/b c?d#é%"), "DELETE", "/scim/v2/Users/a%2Fb%20c%3Fd%23%C3%A9%25", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := scimtest.NewFaulty(nil)
			server.Forever(scimtest.Reply{Status: 200, Body: `{"id":"new"}`})
			if r := apply(t, serve(t, server), c.change); r.Verdict != plan.Done {
				t.Fatalf("verdict %d: %v", r.Verdict, r.Err)
			}
			got := server.Requests()
			if len(got) != 1 {
				t.Fatalf("%d requests", len(got))
			}
			r := got[0]
			if r.Method != c.method || r.Path != c.path || r.Query != "" || r.Body != c.body {
				t.Errorf("sent %s %s?%s\n%s\nwant %s %s\n%s", r.Method, r.Path, r.Query, r.Body, c.method, c.path, c.body)
			}
			headers(t, r)
		})
	}
}

func headers(t *testing.T, r scimtest.Request) {
	t.Helper()
	want := map[string]string{
		"Accept":          "application/scim+json, application/json;q=0.9",
		"User-Agent":      "scimsync/test",
		"X-Request-Id":    "corr-1",
		"Authorization":   "Bearer " + secret,
		"Content-Type":    "application/scim+json",
		"Content-Length":  fmt.Sprint(len(r.Body)),
		"Accept-Encoding": "gzip",
	}
	if r.Body == "" {
		delete(want, "Content-Type")
		delete(want, "Content-Length")
	}
	got := map[string]string{}
	for name := range r.Header {
		got[name] = r.Header.Get(name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}

// An adoption without operations, and what cannot be spelled, sends nothing.
func TestNothingSent(t *testing.T) {
	for _, c := range []struct {
		change *plan.Change
		want   plan.Verdict
	}{
		{scimtest.Change(plan.Adopt, "7"), plan.Done},
		{scimtest.Change(plan.Update, "7"), plan.Park},
		{scimtest.Change(plan.Reactivate, "7"), plan.Park},
		{scimtest.Change(plan.Delete, ""), plan.Park},
		{scimtest.Change(plan.Delete, "."), plan.Park},
		{scimtest.Change(plan.Deactivate, ".."), plan.Park},
		{scimtest.Change(plan.Deactivate, "bulkId"), plan.Park},
		{scimtest.Change("rename", "7"), plan.Park},
	} {
		server := scimtest.NewFaulty(nil)
		if r := apply(t, serve(t, server), c.change); r.Verdict != c.want {
			t.Errorf("%s %q: verdict %d, want %d: %v", c.change.Action, c.change.RemoteID, r.Verdict, c.want, r.Err)
		}
		if n := len(server.Requests()); n != 0 {
			t.Errorf("%s %q: %d requests", c.change.Action, c.change.RemoteID, n)
		}
	}
}

// problem is a problem document of a registered type (RFC 9457).
func problem(status int, kind string) scimtest.Reply {
	return scimtest.Reply{Status: status, Header: map[string]string{"Content-Type": "application/problem+json"},
		Body: `{"type":"https://iana.org/assignments/http-problem-types#` + kind + `","title":"said by the server"}`}
}

// The verdicts, as create, PATCH and DELETE get them.
func TestAnswers(t *testing.T) {
	const (
		D, A, I, T, V, P, S, C = plan.Done, plan.Again, plan.InDoubt, plan.Taken, plan.Vanished, plan.Park, plan.Stop, plan.StopCreates
		G                      = plan.ParkForGood
	)
	html := map[string]string{"Content-Type": "text/html; charset=utf-8"}
	after := func(status int) scimtest.Reply {
		return scimtest.Reply{Status: status, Header: map[string]string{"Retry-After": "1"}}
	}
	for _, c := range []struct {
		reply                   scimtest.Reply
		post, patch, del, react plan.Verdict
	}{
		{scimtest.Reply{Status: 200, Body: `{"id":"x"}`}, D, D, D, D},
		{scimtest.Reply{Status: 201, Body: `{"ID":"x"}`}, D, D, D, D},
		{scimtest.Reply{Status: 200, Body: `{"id":"x"}`, Header: map[string]string{"Content-Type": "text/json"}}, D, D, D, D},
		{scimtest.Reply{Status: 201, Body: "\ufeff" + `{"id":"x"}`}, D, D, D, D},
		{scimtest.Reply{Status: 200, Body: "\ufeff<html>"}, I, S, S, S},
		{scimtest.Reply{Status: 201, Body: `{"a":{]},"id":"x"}`}, I, D, D, D},
		{scimtest.Reply{Status: 204}, I, D, D, D},
		{scimtest.Reply{Status: 201}, I, D, D, D},
		{scimtest.Reply{Status: 201, Body: `{"id":""}`}, I, D, D, D},
		{scimtest.Reply{Status: 201, Body: `{"id":".."}`}, I, D, D, D},
		{scimtest.Reply{Status: 201, Body: `not json`}, I, D, D, D},
		{scimtest.Reply{Status: 202, Body: `{"id":"x"}`}, I, I, D, I},
		{scimtest.Reply{Status: 206, Body: `{"id":"x"}`}, I, I, D, I},
		{scimtest.Reply{Status: 200, Body: "<html>log in</html>", Header: html}, I, S, S, S},
		{scimtest.Reply{Status: 200, Body: "\n <!doctype html>"}, I, S, S, S},
		{scimtest.Reply{Status: 304}, S, S, S, S},
		{scimError(400, "invalidValue"), P, P, P, P},
		{scimError(400, "invalidSyntax"), P, P, P, P},
		{scimError(400, "invalidPath"), P, P, P, P},
		{scimError(400, "mutability"), P, P, P, P},
		{scimError(400, "tooMany"), P, P, P, P},
		{scimError(400, "noTarget"), P, P, P, P},
		{scimError(400, "somethingNew"), P, P, P, P},
		{scimError(400, "invalidVers"), S, S, S, S},
		{scimError(400, "Uniqueness"), T, P, P, P},
		{scimtest.Reply{Status: 400, Body: "<html>", Header: html}, P, P, P, P},
		{scimError(401, ""), S, S, S, S},
		{scimError(402, ""), C, P, P, C},
		{scimError(403, ""), P, P, P, P},
		{scimError(404, ""), S, V, D, V},
		{scimError(405, ""), S, S, P, S},
		{scimError(408, ""), I, A, A, A},
		{scimError(409, "uniqueness"), T, P, P, P},
		{scimError(409, ""), T, P, P, P},
		{scimError(410, ""), S, V, D, V},
		{scimError(412, ""), A, A, A, A},
		{scimError(413, ""), P, P, P, P},
		{scimError(414, ""), P, P, P, P},
		{scimError(418, ""), P, P, P, P},
		{scimError(422, ""), P, P, P, P},
		{scimError(425, ""), A, A, A, A},
		{scimError(428, ""), P, P, P, P},
		{scimError(429, ""), A, A, A, A},
		{scimError(431, ""), P, P, P, P},
		{scimError(500, ""), I, A, A, A},
		{scimError(501, ""), S, S, G, S},
		{scimError(502, ""), I, A, A, A},
		{scimError(503, ""), I, A, A, A},
		{scimError(504, ""), I, A, A, A},
		{scimError(507, ""), C, P, P, C},
		{scimError(521, ""), I, A, A, A},
		{problem(403, "quota-exceeded"), A, A, A, A},
		{problem(503, "temporary-reduced-capacity"), A, A, A, A},
		{problem(429, "abnormal-usage-detected"), S, S, S, S},
		{problem(503, "abnormal-usage-detected"), S, S, S, S},
		{problem(403, "something-else"), P, P, P, P},
		{after(429), A, A, A, A},
		{after(503), A, A, A, A},
		{after(500), I, A, A, A},
	} {
		for action, want := range map[plan.Action]plan.Verdict{
			plan.Create: c.post, plan.Update: c.patch, plan.Deactivate: c.patch, plan.Delete: c.del, plan.Reactivate: c.react, plan.Adopt: c.patch,
		} {
			t.Run(fmt.Sprintf("%d %s %.20q", c.reply.Status, action, c.reply.Body), func(t *testing.T) {
				server := scimtest.NewFaulty(nil)
				server.Forever(c.reply)
				change := scimtest.Change(action, "7", replace("title", "x"))
				if action == plan.Create {
					change = scimtest.Create(scimtest.Person(1))
				}
				r := apply(t, serve(t, server), change)
				if r.Verdict != want {
					t.Errorf("verdict %d, want %d: %v", r.Verdict, want, r.Err)
				}
				requests := 1
				if c.reply.Status == 428 && action != plan.Create {
					requests++ // the account's version is asked for
				}
				if n := len(server.Requests()); n != requests {
					t.Errorf("%d requests, want %d", n, requests)
				}
				if r.Err != nil && !strings.Contains(r.Err.Error(), fmt.Sprint(c.reply.Status)) {
					t.Errorf("the error does not name the status: %v", r.Err)
				}
			})
		}
	}
}

func TestNoTarget(t *testing.T) {
	mail, phone := removal(`emails[type eq "home"]`), removal(`phoneNumbers[type eq "home"]`)
	for _, c := range []struct {
		ops     []resource.Op
		doubted bool
		want    plan.Verdict
	}{
		{[]resource.Op{mail}, false, plan.Done},
		{[]resource.Op{mail}, true, plan.Done},
		{[]resource.Op{mail, replace("title", "x")}, false, plan.Park},
		{[]resource.Op{mail, replace("title", "x")}, true, plan.Apart},
		{[]resource.Op{replace(`emails[type eq "home"].value`, "x")}, true, plan.Park},
		{[]resource.Op{mail, phone}, false, plan.Park},
		{[]resource.Op{mail, phone}, true, plan.Apart},
	} {
		server := scimtest.NewFaulty(nil)
		server.Forever(scimError(400, "NoTarget"))
		change := scimtest.Change(plan.Update, "7", c.ops...)
		change.Doubt.Sent = c.doubted
		r := apply(t, serve(t, server), change)
		if r.Verdict != c.want || (r.Verdict == plan.Done && r.Ack.RemoteID != "7") {
			t.Errorf("%v: %+v", c.ops, r)
		}
	}
}

func TestAck(t *testing.T) {
	for _, c := range []struct {
		name     string
		reply    scimtest.Reply
		id, tag  string
		inDoubt  bool
		location string
	}{
		{name: "header and body", reply: scimtest.Reply{Status: 201, Body: `{"id":"new","meta":{"version":"W/\"1\""}}`, Header: map[string]string{"ETag": `W/"2"`}}, id: "new", tag: `W/"2"`},
		{name: "body", reply: scimtest.Reply{Status: 201, Body: `{"id":"new","meta":{"version":"W/\"1\""}}`}, id: "new", tag: `W/"1"`},
		{name: "odd meta", reply: scimtest.Reply{Status: 201, Body: `{"id":"new","meta":{"version":7}}`}, id: "new"},
		{name: "other case", reply: scimtest.Reply{Status: 201, Body: `{"Id":"new","Meta":{"Version":"a"}}`}, id: "new", tag: "a"},
		{name: "location", reply: scimtest.Reply{Status: 201}, location: "/scim/v2/Users/a%2Fb", id: "a/b"},
		{name: "location elsewhere on the host", reply: scimtest.Reply{Status: 201}, location: "/other/Users/77/", id: "77"},
		{name: "location of something else", reply: scimtest.Reply{Status: 201}, location: "/jobs/77", inDoubt: true},
		{name: "location of another host", reply: scimtest.Reply{Status: 201}, location: "https://evil.example/scim/v2/Users/77", inDoubt: true},
		{name: "location of the collection", reply: scimtest.Reply{Status: 201}, location: "/scim/v2/Users/", inDoubt: true},
		{name: "cut in the body", reply: scimtest.Reply{Status: 201, Body: `{"id":"new","userName":"x"}`, Cut: scimtest.Within}, inDoubt: true},
		{name: "cut in the body, with location", reply: scimtest.Reply{Status: 201, Body: `{"userName":"x"}`, Cut: scimtest.Within}, location: "/scim/v2/Users/9", id: "9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.location != "" {
				c.reply.Header = map[string]string{"Location": c.location}
			}
			server := scimtest.NewFaulty(nil)
			server.Script(c.reply)
			r := apply(t, serve(t, server), scimtest.Create(scimtest.Person(1)))
			if c.inDoubt {
				if r.Verdict != plan.InDoubt {
					t.Errorf("verdict %d: %v", r.Verdict, r.Err)
				}
				return
			}
			if r.Verdict != plan.Done || r.Ack.RemoteID != c.id || r.Ack.Version != c.tag {
				t.Errorf("%+v, want id %q version %q", r, c.id, c.tag)
			}
		})
	}
}

// A yes to a PATCH is a yes even if its body breaks off.
func TestPatchBodyCut(t *testing.T) {
	server := scimtest.NewFaulty(nil)
	server.Script(scimtest.Reply{Status: 200, Body: `{"id":"7","userName":"x"}`, Cut: scimtest.Within, Header: map[string]string{"ETag": `"5"`}})
	r := apply(t, serve(t, server), scimtest.Change(plan.Update, "7", replace("title", "x")))
	if r.Verdict != plan.Done || r.Ack != (plan.Ack{RemoteID: "7", Version: `"5"`}) {
		t.Errorf("%+v", r)
	}
}

func TestMediaTypeFallsBackOnce(t *testing.T) {
	server := scimtest.NewFaulty(nil)
	server.Script(scimError(415, ""), scimtest.Reply{Status: 204}, scimError(415, ""))
	target := serve(t, server)
	change := scimtest.Change(plan.Deactivate, "7")
	for i, want := range []plan.Verdict{plan.Anew, plan.Done, plan.Stop} {
		if r := apply(t, target, change); r.Verdict != want {
			t.Errorf("request %d: verdict %d, want %d: %v", i, r.Verdict, want, r.Err)
		}
	}
	for i, want := range []string{"application/scim+json", "application/json", "application/json"} {
		if got := server.Requests()[i].Header.Get("Content-Type"); got != want {
			t.Errorf("request %d: Content-Type %s, want %s", i, got, want)
		}
	}
}

func TestErrorText(t *testing.T) {
	long := strings.Repeat("ä", 400)
	for _, c := range []struct {
		reply scimtest.Reply
		want  string
	}{
		{scimtest.Reply{Status: 400, Body: `{"status":"400","scimType":"invalidValue","detail":"emails[0] is no address"}`}, "PATCH /Users/123: 400 invalidValue: emails[0] is no address"},
		{scimtest.Reply{Status: 400, Body: `{"status":409,"scimType":"","detail":"x"}`}, "PATCH /Users/123: 400 Bad Request: x"},
		{scimtest.Reply{Status: 400, Body: `{"status":[],"scimType":7,"detail":{"a":1}}`}, "PATCH /Users/123: 400 Bad Request"},
		{scimtest.Reply{Status: 400}, "PATCH /Users/123: 400 Bad Request"},
		{scimtest.Reply{Status: 400, Body: `{"scimType":"invalidPath`}, "PATCH /Users/123: 400 Bad Request"},
		{scimtest.Reply{Status: 422, Body: "<html><b>no</b></html>"}, "PATCH /Users/123: 422 Unprocessable Entity: the answer is a web page, not SCIM"},
		{scimtest.Reply{Status: 422, Body: `{"type":"about:blank","title":"Nope"}`, Header: map[string]string{"Content-Type": "application/problem+json"}}, "PATCH /Users/123: 422 Unprocessable Entity: Nope"},
		{scimtest.Reply{Status: 422, Body: `{"Errors":[{"description":"old style","code":"422"}]}`}, "PATCH /Users/123: 422 Unprocessable Entity: old style"},
		{scimtest.Reply{Status: 422, Body: `{"detail":"one\ntwo\u0000\u001b[31m\u202ethree"}`}, "PATCH /Users/123: 422 Unprocessable Entity: one two [31m three"},
		{scimtest.Reply{Status: 422, Body: `{"detail":"` + long + `"}`}, "PATCH /Users/123: 422 Unprocessable Entity: " + long[:600] + "…"},
		{scimtest.Reply{Status: 422, Body: `{"detail":"you sent Bearer ` + secret + `","scimType":"` + secret + `"}`}, "PATCH /Users/123: 422 [secret]: you sent Bearer [secret]"},
	} {
		server := scimtest.NewFaulty(nil)
		server.Script(c.reply)
		r := apply(t, serve(t, server), scimtest.Change(plan.Update, "123", replace("title", "x")))
		if r.Err == nil || r.Err.Error() != c.want {
			t.Errorf("got  %v\nwant %s", r.Err, c.want)
		}
	}
}

func TestErrorHints(t *testing.T) {
	for status, hint := range map[int]string{
		401: "check what stands under auth", 403: "rights of our account", 405: "does not support PATCH", 501: "does not support PATCH",
		413: "too large",
	} {
		server := scimtest.NewFaulty(nil)
		server.Script(scimError(status, ""))
		says(t, apply(t, serve(t, server), scimtest.Change(plan.Deactivate, "7")).Err, hint)
	}
	server := scimtest.NewFaulty(nil)
	server.Script(scimError(409, "uniqueness"), scimError(404, ""))
	target := serve(t, server)
	says(t, apply(t, target, scimtest.Change(plan.Update, "7", replace("userName", "x"))).Err, "another account holds this login", "said by the server")
	says(t, apply(t, target, scimtest.Create(scimtest.Person(1))).Err, "check the target's url")
}

// Bodies are I-JSON even where values are awkward.
func TestBodyIsJSON(t *testing.T) {
	server := scimtest.NewFaulty(nil)
	server.Forever(scimtest.Reply{Status: http.StatusNoContent})
	value := "quote\" back\\slash line\nfeed \u2028 😀 \x7f"
	apply(t, serve(t, server), scimtest.Change(plan.Update, "7", replace("title", value)))
	var body struct{ Operations []struct{ Value string } }
	if err := json.Unmarshal([]byte(server.Requests()[0].Body), &body); err != nil || body.Operations[0].Value != value {
		t.Errorf("%v: %+v", err, body)
	}
}
