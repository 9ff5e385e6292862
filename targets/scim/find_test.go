package scim_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
	"scimsync/targets/scim"
	"scimsync/targets/scim/profile"
	"scimsync/targets/scimtest"
)

// listOf is an answer with these accounts, each a JSON object.
func listOf(total int, users ...string) scimtest.Reply {
	return scimtest.Reply{Status: 200, Body: fmt.Sprintf(
		`{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":%d,"Resources":[%s]}`, total, strings.Join(users, ","))}
}

var nobody = listOf(0)

func user(id, externalID, userName string) string {
	return fmt.Sprintf(`{"id":%q,"externalId":%q,"userName":%q,"active":true}`, id, externalID, userName)
}

func wanted(values ...any) resource.Resource {
	m := map[string]any{}
	for i := 0; i < len(values); i += 2 {
		m[values[i].(string)] = values[i+1]
	}
	return resource.New(m)
}

// The lookups of one person, in order, as they go over the wire.
func TestLookups(t *testing.T) {
	full := scimtest.Person(1).Resource
	for _, c := range []struct {
		name  string
		match []string
		want  resource.Resource
		sent  []string
	}{
		{"default", nil, full, []string{
			"filter=externalId%20eq%20%22anchor-0001%22",
			"filter=userName%20eq%20%22person0001%40example.org%22",
			"filter=emails%5Bvalue%20eq%20%22person0001%40example.org%22%5D"}},
		{"other order", []string{"email", "externalId"}, full, []string{
			"filter=emails%5Bvalue%20eq%20%22person0001%40example.org%22%5D",
			"filter=externalId%20eq%20%22anchor-0001%22"}},
		{"no mail", nil, wanted("externalId", "1", "userName", "x"), []string{
			"filter=externalId%20eq%20%221%22", "filter=userName%20eq%20%22x%22"}},
		{"escapes", []string{"userName"}, wanted("userName", "a+b c\"d\\e&f#g%h\ti/é😀"), []string{
			"filter=userName%20eq%20%22a%2Bb%20c%5C%22d%5C%5Ce%26f%23g%25h%5Cti%2F%C3%A9%F0%9F%98%80%22"}},
		{"the work address", []string{"email"}, wanted(`emails[type eq "home"].value`, "h", `emails[type eq "home"].primary`, true, `emails[type eq "work"].value`, "w"), []string{
			"filter=emails%5Bvalue%20eq%20%22w%22%5D"}},
		{"the primary address", []string{"email"}, wanted(`emails[type eq "a"].value`, "a", `emails[type eq "b"].value`, "b", `emails[type eq "b"].primary`, true), []string{
			"filter=emails%5Bvalue%20eq%20%22b%22%5D"}},
		{"a whole list", []string{"email"}, wanted("emails", []resource.Element{{"value": "a"}, {"value": "b", "primary": true}, {"value": "c", "type": "work"}}), []string{
			"filter=emails%5Bvalue%20eq%20%22c%22%5D"}},
		{"the first address", []string{"email"}, wanted("emails", []resource.Element{{"value": "a"}, {"value": "b"}}), []string{
			"filter=emails%5Bvalue%20eq%20%22a%22%5D"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := scimtest.NewFaulty(nil)
			server.Forever(nobody)
			found, err := serve(t, server, func(o *scim.Options) { o.Match = c.match }).Find(t.Context(), c.want)
			if err != nil || len(found) != 0 {
				t.Errorf("found %v, error %v", found, err)
			}
			var sent []string
			for _, r := range server.Requests() {
				sent = append(sent, r.Query)
				if r.Method != "GET" || r.Path != "/scim/v2/Users" || r.Body != "" || r.Header.Get("Content-Type") != "" || len(r.Header.Get("X-Request-Id")) < 20 {
					t.Errorf("%+v", r)
				}
			}
			if diff := cmp.Diff(c.sent, sent); diff != "" {
				t.Errorf("lookups (-want +got):\n%s", diff)
			}
		})
	}
}

// What counts as a hit is decided here, not by the server.
func TestVerification(t *testing.T) {
	want := wanted("externalId", "1", "userName", "Anna@Example.org", `emails[type eq "work"].value`, "anna@example.org")
	everybody, another := listOf(4000, user("a", "7", "x"), user("b", "8", "y")), listOf(1, user("a", "7", "x"))
	mail := `{"id":"m","emails":[{"value":"x"},{"value":"ANNA@example.org","type":"home"}]}`
	for _, c := range []struct {
		name    string
		replies []scimtest.Reply
		ids, by string
		err     string
	}{
		{"by externalId", []scimtest.Reply{listOf(1, user("a", "1", "x"))}, "a", "externalId", ""},
		{"two", []scimtest.Reply{listOf(2, user("a", "1", "x"), user("b", "1", "y"))}, "a b", "externalId", ""},
		{"one of two fits", []scimtest.Reply{listOf(2, user("a", "1", "x"), user("b", "2", "y"))}, "a", "externalId", ""},
		{"by userName in other case", []scimtest.Reply{nobody, listOf(1, user("a", "", "anna@example.ORG"))}, "a", "userName", ""},
		{"by userName with another owner", []scimtest.Reply{nobody, listOf(1, user("a", "2", "anna@example.org"))}, "a", "userName", ""},
		{"by mail", []scimtest.Reply{nobody, nobody, listOf(1, mail)}, "m", "email", ""},
		{"by mail as a list of texts", []scimtest.Reply{nobody, nobody, listOf(1, `{"id":"m","emails":["anna@example.org"]}`)}, "m", "email", ""},
		{"nobody", []scimtest.Reply{nobody, nobody, nobody}, "", "", ""},
		{"nobody, said briefly", []scimtest.Reply{{Status: 200, Body: `{"totalResults":0}`}, {Status: 200, Body: `{"Resources":[]}`}, {Status: 200, Body: `{"TOTALRESULTS":"0","resources":null}`}}, "", "", ""},
		{"externalId in other case", []scimtest.Reply{listOf(1, `{"id":"a","externalId":"A"}`), nobody, nobody}, "", "", ""},
		{"everybody by externalId", []scimtest.Reply{everybody, nobody, nobody}, "", "", ""},
		{"everybody by userName", []scimtest.Reply{nobody, everybody, nobody}, "", "", ""},
		{"everybody but by mail", []scimtest.Reply{everybody, everybody, listOf(1, mail)}, "m", "email", ""},
		{"everybody", []scimtest.Reply{everybody, everybody, everybody}, "", "", "filter ignored"},
		{"another", []scimtest.Reply{another, listOf(1, user("a", "", "x")), listOf(1, `{"id":"a","emails":[{"value":"x"}]}`)}, "", "", ""},
		{"one that does not show the value", []scimtest.Reply{listOf(1, `{"id":"a"}`), listOf(1, `{"id":"a"}`), listOf(1, `{"id":"a"}`)}, "", "", "filter ignored"},
		{"some, but not shown", []scimtest.Reply{listOf(3), listOf(3), listOf(3)}, "", "", "filter ignored"},
		{"without id", []scimtest.Reply{listOf(1, `{"externalId":"1"}`), nobody, nobody}, "", "", ""},
		{"a name twice", []scimtest.Reply{listOf(1, `{"id":"a","externalId":"1","ExternalId":"2"}`), nobody, nobody}, "", "", ""},
		{"an id that is a number", []scimtest.Reply{listOf(1, `{"id":17,"externalId":1,"userName":"x"}`)}, "17", "externalId", ""},
		{"external_id", []scimtest.Reply{listOf(1, `{"id":"a","external_id":"1"}`)}, "a", "externalId", ""},
		{"one user, no list", []scimtest.Reply{{Status: 200, Body: user("a", "1", "x")}}, "", "", "not a ListResponse"},
		{"an empty object", []scimtest.Reply{{Status: 200, Body: `{}`}}, "", "", "not a ListResponse"},
		{"no JSON", []scimtest.Reply{{Status: 200, Body: `hello`}}, "", "", "not a ListResponse"},
		{"an empty answer", []scimtest.Reply{{Status: 200}}, "", "", "not a ListResponse"},
		{"a web page", []scimtest.Reply{{Status: 200, Body: `<html>`}}, "", "", "web page"},
		{"not found", []scimtest.Reply{scimError(404, "")}, "", "", "check the target's url"},
		{"unauthorized", []scimtest.Reply{scimError(401, "")}, "", "", "credentials"},
		{"forbidden", []scimtest.Reply{scimError(403, "")}, "", "", "may not read accounts"},
		{"redirect", []scimtest.Reply{{Status: 302, Header: map[string]string{"Location": "/login"}}}, "", "", "/login, which is not followed"},
		{"no content", []scimtest.Reply{{Status: 204}}, "", "", "204"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := scimtest.NewFaulty(nil)
			server.Script(c.replies...)
			found, err := serve(t, server).Find(t.Context(), want)
			if c.err != "" {
				says(t, err, "at hr-cloud", c.err)
				if errors.Is(err, plan.ErrNoLookup) != (c.err == "filter ignored") {
					t.Errorf("says whether others may be looked up: %v", err)
				}
				if strings.Contains(err.Error(), "anna") {
					t.Errorf("the error holds personal data: %v", err)
				}
			} else if err != nil {
				t.Error(err)
			}
			var ids []string
			for _, f := range found {
				ids = append(ids, f.ID)
				if f.By != c.by {
					t.Errorf("found by %s, want %s", f.By, c.by)
				}
			}
			if got := strings.Join(ids, " "); got != c.ids {
				t.Errorf("found %q, want %q", got, c.ids)
			}
			if n := len(server.Requests()); n != len(c.replies) {
				t.Errorf("%d requests, want %d", n, len(c.replies))
			}
		})
	}
}

// The body of a hit has the schema's spelling, whatever the server's is.
func TestFoundBody(t *testing.T) {
	server := scimtest.NewFaulty(nil)
	server.Script(listOf(1, `{"ID":"a","EXTERNALID":"1","username":"x","Active":"False","NAME":{"FamilyName":"F","odd":1},"Emails":[{"VALUE":"v","Type":"work"}],
		"Urn:IETF:params:scim:schemas:extension:enterprise:2.0:user":{"DEPARTMENT":"d","MANAGER":{"Value":"m"}},"X-own":{"A":1.50},"meta":{"VERSION":"W/\"3\""}}`))
	found, err := serve(t, server).Find(t.Context(), wanted("externalId", "1"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%v %v", found, err)
	}
	want := plan.Found{ID: "a", Version: `W/"3"`, UserName: "x", ExternalID: "1", Active: record.False, By: "externalId", Body: map[string]any{
		"id": "a", "externalId": "1", "userName": "x", "active": "False",
		"name":                 map[string]any{"familyName": "F", "odd": json.Number("1")},
		"emails":               []any{map[string]any{"value": "v", "type": "work"}},
		resource.EnterpriseURN: map[string]any{"department": "d", "manager": map[string]any{"value": "m"}},
		"X-own":                map[string]any{"A": json.Number("1.50")},
		"meta":                 map[string]any{"version": `W/"3"`},
	}}
	if diff := cmp.Diff(want, found[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A filter that the target refuses is not asked again, unless the value was odd.
func TestRefusedFilter(t *testing.T) {
	server := scimtest.NewFaulty(nil)
	server.Script(
		scimError(400, "invalidFilter"), nobody, // odd value: not remembered
		scimError(400, "InvalidFilter"), nobody, // remembered
		nobody,
		scimError(501, ""),
	)
	target := serve(t, server, func(o *scim.Options) { o.Match = []string{"externalId", "userName"} })
	if names := target.Unasked(); len(names) != 0 {
		t.Errorf("before anything was asked: %v", names)
	}
	for _, id := range []string{`quo"te`, "1", "2"} {
		if found, err := target.Find(t.Context(), wanted("externalId", id, "userName", "x")); err != nil || len(found) != 0 {
			t.Errorf("%s: found %v, error %v", id, found, err)
		}
		if names := target.Unasked(); len(names) != 1 || names[0] != "externalId" {
			t.Errorf("%s: unasked %v", id, names)
		}
	}
	_, err := target.Find(t.Context(), wanted("externalId", "3", "userName", "x"))
	says(t, err, "cannot be looked up by any of externalId, userName", "501")
	_, err = target.Find(t.Context(), wanted("externalId", "4", "userName", "x"))
	says(t, err, "no value, or no filter of the target, for any of")
	var asked []string
	for _, r := range server.Requests() {
		asked = append(asked, r.Query[len("filter="):len("filter=")+1])
	}
	if got := strings.Join(asked, ""); got != "eueuuu" {
		t.Errorf("asked by %s, want eueuuu", got)
	}
}

func TestNothingToAskFor(t *testing.T) {
	server := scimtest.NewFaulty(nil)
	_, err := serve(t, server, func(o *scim.Options) { o.Match = []string{"email"} }).Find(t.Context(), wanted("userName", "x"))
	says(t, err, "no value, or no filter of the target, for any of")
	if n := len(server.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// Reads are tried five times where the trouble may pass, each behind the gate, and
// never before the target wants.
func TestReadsAreTriedAgain(t *testing.T) {
	slow := scimtest.Reply{Status: 429, Header: map[string]string{"Retry-After": "90"}}
	for _, c := range []struct {
		name    string
		replies []scimtest.Reply
		waited  time.Duration // at least
		err     string
	}{
		{"503", []scimtest.Reply{scimError(503, ""), nobody}, 500 * time.Millisecond, ""},
		{"cut", []scimtest.Reply{{Cut: scimtest.After, Status: 200}, {Cut: scimtest.Before}, nobody}, 1500 * time.Millisecond, ""},
		{"limited", []scimtest.Reply{slow, slow, nobody}, 3 * time.Minute, ""},
		{"limited, not saying how long", []scimtest.Reply{{Status: 429}, nobody}, 500 * time.Millisecond, ""},
		{"a late success", []scimtest.Reply{scimError(500, ""), scimError(502, ""), scimError(504, ""), scimError(408, ""), nobody}, 7500 * time.Millisecond, ""},
		{"for ever", []scimtest.Reply{scimError(500, ""), scimError(500, ""), scimError(500, ""), scimError(500, ""), scimError(500, "")}, 7500 * time.Millisecond, "(5 tries)"},
		{"400", []scimtest.Reply{scimError(403, "")}, 0, "403"},
		{"no quota left", []scimtest.Reply{problem(403, "quota-exceeded"), nobody}, 500 * time.Millisecond, ""},
		{"taken for abuse", []scimtest.Reply{problem(429, "abnormal-usage-detected")}, 0, "the service takes what we do for abuse"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := scimtest.NewFaulty(nil)
				server.Script(c.replies...)
				gate := &gate{}
				target := inProcess(t, server, func(o *scim.Options) { o.Gate = gate.enter; o.Match = []string{"userName"} })
				start := time.Now()
				_, err := target.Find(t.Context(), wanted("userName", "x"))
				if c.err == "" && err != nil {
					t.Error(err)
				}
				if c.err != "" {
					says(t, err, c.err)
				}
				waited := time.Since(start)
				if waited < c.waited || waited > c.waited*2+time.Second {
					t.Errorf("waited %s, want %s at least", waited, c.waited)
				}
				if n := len(server.Requests()); n != len(c.replies) || gate.entered != n || gate.left != n {
					t.Errorf("%d requests, want %d; the gate saw %d in, %d out", n, len(c.replies), gate.entered, gate.left)
				}
				if c.replies[0].Status == 429 && c.err == "" && gate.learned != len(c.replies)-1 {
					t.Errorf("the gate learned %d pauses", gate.learned)
				}
			})
		})
	}
}

// A vendor's code tells more than the status whether a read is worth another try.
func TestCodesOfReads(t *testing.T) {
	for _, c := range []struct {
		code           string
		status, wanted int
	}{{"CMN-303", 429, 1}, {"CMN-304", 400, 2}, {"CMN-999", 503, 1}} {
		synctest.Test(t, func(t *testing.T) {
			server := scimtest.NewFaulty(nil)
			server.Script(scimtest.Reply{Status: c.status, Body: `{"errorCode":"` + c.code + `"}`}, nobody)
			target := inProcess(t, server, with(func(p *profile.Profile) {
				p.Lookup.User = []profile.By{profile.ByUserName}
				p.Errors = profile.Errors{CodeRegex: `"(CMN-[0-9]+)"`, Codes: map[string]profile.CodeVerdict{"CMN-304": profile.CodeAgain, "CMN-303": profile.CodeStop, "CMN-999": profile.CodePark}}
			}))
			_, err := target.Find(t.Context(), wanted("userName", "x"))
			if n := len(server.Requests()); n != c.wanted || (err == nil) != (c.wanted == 2) {
				t.Errorf("%s: %d requests, %v", c.code, n, err)
			}
		})
	}
}

// gate counts, and keeps requests back as a lane would.
type gate struct {
	entered, left, learned int
	err                    error
	draws                  *[]string // what was asked for
}

func (g *gate) enter(_ context.Context, draws []plan.Draw) (func(plan.Heard), error) {
	if len(draws) != 1 {
		panic(fmt.Sprintf("a read draws %v", draws))
	}
	if g.err != nil {
		return nil, g.err
	}
	g.entered++
	if g.draws != nil {
		*g.draws = append(*g.draws, names(draws)...)
	}
	return func(heard plan.Heard) {
		g.left++
		if heard.TooFast {
			g.learned++
		}
	}, nil
}

func TestClosedGate(t *testing.T) {
	server := scimtest.NewFaulty(nil)
	closed := errors.New("the target is paused")
	target := serve(t, server, func(o *scim.Options) { o.Gate = (&gate{err: closed}).enter })
	_, err := target.Find(t.Context(), wanted("userName", "x"))
	if !errors.Is(err, closed) || len(server.Requests()) != 0 {
		t.Errorf("error %v after %d requests", err, len(server.Requests()))
	}
	if _, err := target.List(t.Context(), func(plan.Found) error { return nil }); !errors.Is(err, closed) {
		t.Errorf("list: %v", err)
	}
	if err := target.Ping(t.Context()); !errors.Is(err, closed) {
		t.Errorf("ping: %v", err)
	}
}

func TestCancelledWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := scimtest.NewFaulty(nil)
		server.Forever(scimtest.Reply{Status: 429, Header: map[string]string{"Retry-After": "600"}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		_, err := inProcess(t, server).Find(ctx, wanted("userName", "x"))
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Minute || len(server.Requests()) != 1 {
			t.Errorf("%v after %s and %d requests", err, time.Since(start), len(server.Requests()))
		}
		says(t, err, "429")
	})
}

func TestPing(t *testing.T) {
	config := scimtest.Reply{Status: 200, Body: `{"patch":{"supported":true}}`}
	for _, c := range []struct {
		reply scimtest.Reply
		err   string
	}{
		{nobody, ""},
		{scimError(401, ""), "credentials"},
		{scimError(404, ""), "check the target's url"},
		{scimtest.Reply{Status: 200, Body: "<html>"}, "web page"},
		{config, "not a ListResponse"},
		{scimtest.Reply{Cut: scimtest.Before}, "GET /Users"},
	} {
		server := scimtest.NewFaulty(nil)
		server.Script(c.reply)
		err := serve(t, server).Ping(t.Context())
		if c.err == "" && err != nil {
			t.Errorf("%v: %v", c.reply, err)
		}
		if c.err != "" {
			says(t, err, "target hr-cloud", c.err)
		}
		got := server.Requests()
		if len(got) != 1 || got[0].Query != "startIndex=1&count=1" || got[0].Method != http.MethodGet {
			t.Errorf("%+v", got)
		}
	}
}

// Once a create was refused, its account is looked for by externalId, too; did that find
// it, so are all others.
func TestTakenAccountIsFoundByAnchor(t *testing.T) {
	server := scimtest.NewFaulty(nil)
	target := serve(t, server, func(o *scim.Options) { o.Match = []string{"userName"} })
	find := func(anchor string, ids int) {
		t.Helper()
		if found, err := target.Find(t.Context(), wanted("externalId", anchor, "userName", "x")); err != nil || len(found) != ids {
			t.Errorf("%s: found %v, error %v", anchor, found, err)
		}
	}
	taken := scimtest.Create(resource.Wanted{Resource: wanted("externalId", "1", "userName", "x")})
	server.Script(nobody, scimError(409, "uniqueness"), nobody, nobody, nobody, listOf(1, `{"id":"a","externalId":"1","active":false}`), nobody, nobody)
	find("1", 0)
	if r := apply(t, target, taken); r.Verdict != plan.Taken {
		t.Errorf("%+v", r)
	}
	find("1", 0)
	find("1", 1)
	find("2", 0)
	var asked []string
	for _, r := range server.Requests() {
		asked = append(asked, strings.TrimPrefix(r.Query, "filter=")+" ")
	}
	want := []string{"userName", "", "userName", "externalId", "userName", "externalId", "userName", "externalId"}
	for i, by := range want {
		if len(asked) != len(want) || !strings.HasPrefix(asked[i], by) {
			t.Fatalf("asked %q, want %q", asked, want)
		}
	}
	if target.Lookups() != 2 {
		t.Errorf("a lookup takes %d requests", target.Lookups())
	}
}
