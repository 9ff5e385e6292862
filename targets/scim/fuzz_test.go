package scim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	filter "github.com/scim2/filter-parser/v2"

	"scimsync/sync/plan"
	"scimsync/sync/resource"
	"scimsync/targets/scim/profile"
)

// Whatever a service answers, some things hold. The targets here say which; go test runs their seeds, and
// go test -fuzz=FuzzX ./targets/scim searches on.

// odd are bodies as services, and what stands before them, really send them, and a few that nobody should.
var odd = []string{
	"", " ", "null", "true", "0", `""`, "[]", "{}", "\ufeff{}", "\ufeff",
	"<!DOCTYPE html><html><body>log in</body></html>", "\n <html>", "502 Bad Gateway", "<?xml version=\"1.0\"?><Error/>",
	`{"id":"x"`, `{"id":"x"}{"id":"y"}`, `{"id":"x"}<html>`, "\ufeff" + `{"id":"x"}`, `{"ID":"x"}`, `{"id":"x","Id":"y"}`, `{"id":"x","id":"y"}`,
	`{"id":null}`, `{"id":""}`, `{"id":7}`, `{"id":7.5}`, `{"id":1e400}`, `{"id":123456789012345678901234567890}`, `{"id":".."}`, `{"id":"bulkId"}`,
	`{"id":{"value":"x"}}`, `{"id":["x"]}`, `{"id":" "}`, "{\"id\":\"a\x00b\"}", `{"id":"a\u0000b"}`, "{\"id\":\"\xff\"}", `{"id":"\ud800"}`, `{"id":"/../Users"}`,
	`{"id":"x","userName":null,"active":null,"emails":null,"meta":null,"schemas":null}`, `{"id":"x","active":"false"}`, `{"id":"x","active":"False","emails":["a@example.org"]}`,
	`{"id":"x","userName":"u","username":"v"}`, `{"id":"x","meta":"m","name":"flat","name.formatted":"f","external_id":"e"}`,
	`{"id":"x","active":false,"phoneNumbers":[{"type":"other","value":"146"}],"addresses":[{"country":"United States"}]}`,
	`{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"]}`, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0}`,
	`{"totalResults":"1","Resources":[{"id":"a","userName":"u"}]}`, `{"totalResults":1,"Resources":null}`, `{"totalResults":1,"Resources":{"id":"a"}}`, `{"totalResults":-1,"Resources":[]}`,
	`{"totalResults":"many","Resources":[{"id":"a"}]}`, `{"totalResults":1e1,"Resources":[{"id":"a"}]}`, `{"totalResults":99999999999999999999,"Resources":[]}`,
	`{"totalResults":null,"Resources":[]}`, `{"TOTALRESULTS":1,"resources":[{"ID":"a"}]}`, `{"totalResults":2,"Resources":[{"id":"a"},{"id":"a"}]}`, `{"totalResults":1,"Resources":[null]}`,
	`{"totalResults":1,"Resources":[{"id":"a"}],"Resources":[]}`, `{"totalResults":2,"Resources":[{"id":"a"}],"nextCursor":"c"}`, `{"totalResults":1,"Resources":[{"id":"a"}]} trailing`,
	`{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"409","scimType":"uniqueness","detail":"taken"}`, `{"schema":"x","schemas":["y"],"detail":7,"status":{}}`,
	`{"error":"invalid_client","error_description":"who\u0007 are you"}`, `{"Errors":[{"description":"old","code":400}]}`, `{"type":"https://iana.org/assignments/http-problem-types#quota-exceeded"}`,
	`{"type":"abnormal-usage-detected","retryAfter":-5}`, `{"retryAfter":"2 seconds"}`, `{"retryAfter":1e300}`, `{"errorCode":"CMN-304","message":"Duplicate"}`,
	`{"patch":{"supported":false},"bulk":{"supported":"true","maxOperations":"-3","maxPayloadSize":1e9},"filter":{"supported":true,"maxResults":0},"xmlDataFormat":{"supported":true},"authenticationSchemes":[{"type":"oauthbearertoken"},7]}`,
	`{"totalResults":1,"Resources":[{"patch":true,"pagination":{"cursor":true,"index":false,"maxPageSize":"5"}}]}`,
	`[{"id":"urn:ietf:params:scim:schemas:core:2.0:User","attributes":[{"name":"userName","mutability":"readWrite"},{"name":"title","mutability":"readOnly"}]}]`,
	`[{"name":"User","endpoint":"/Users","schema":"urn:ietf:params:scim:schemas:core:2.0:User","schemaExtensions":[{"schema":null}]}]`,
	`{"Operations":[{"bulkId":"0","status":"201","location":"/Users/x","response":{"id":"x"}},{"bulkId":"1","status":{"code":"409"}}]}`,
	`{"Operations":[{"bulkId":"0","status":"201","response":{"id":"x"}}],"operations":[{"bulkId":"1"}]}`,
	`{"Operations":[{"bulkId":0,"status":201,"response":{"id":"x"}},{"bulkId":0,"status":409}]}`, `{"Operations":null}`, `{"Operations":[null,null,null]}`,
	`{"Operations":[{"status":"200"},{"status":"999"},{"status":-1}]}`,
	strings.Repeat("[", 10_001), strings.Repeat(`{"id":`, 10_001), `{"id":"x","a":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`,
}

// fuzzed gives a target that nothing is sent to.
func fuzzed(t testing.TB, change func(*profile.Profile)) *Target {
	p := profile.RFC()
	p.Discovery.Mode = profile.DiscoveryOff
	if change != nil {
		change(p)
	}
	target, err := New(Options{Name: "hr-cloud", URL: "https://scim.example.org/scim/v2", Profile: p, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	return target
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// marker is a secret of the request that an answer may repeat.
const marker = "MARKER-9c41"

// readable fails unless an error is fit for a log: one line of text, not endless, without the secret.
func readable(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	text := err.Error()
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) || len(text) > 8000 || strings.Contains(text, marker) {
		t.Errorf("not fit for a log: %q", text)
	}
}

// ids gives every id that a body may be read to name: of any spelling, a text or a number.
func ids(body []byte) []string {
	dec := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte("\ufeff"))))
	dec.UseNumber()
	if first, err := dec.Token(); err != nil || first != json.Delim('{') {
		return nil
	}
	var all []string
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil
		}
		var value any
		if dec.Decode(&value) != nil {
			return nil
		}
		if strings.EqualFold(fmt.Sprint(name), "id") {
			switch v := value.(type) {
			case string:
				all = append(all, v)
			case json.Number:
				n, _ := v.Float64()
				all = append(all, v.String(), strconv.FormatFloat(n, 'f', -1, 64))
			}
		}
	}
	if _, err := dec.Token(); err != nil {
		return nil
	}
	return all
}

var fuzzActions = []plan.Action{plan.Create, plan.Update, plan.Deactivate, plan.Reactivate, plan.Delete}

func fuzzChange(action plan.Action) *plan.Change {
	c := &plan.Change{Action: action, RemoteID: "7", Ops: []resource.Op{{Op: "replace", Path: "active", Value: false}}}
	if action == plan.Create {
		c.RemoteID, c.Ops = "", nil
		c.Want.Resource = resource.New(map[string]any{"userName": "u", "externalId": "e"})
	}
	return c
}

// An answer to a change is read for no more than it says. A create is Done only with an id that the answer names; one that was
// accepted, or that may have been, is never called refused; what is refused is never called done; and no answer makes us wait
// for ever, or write into a log what is not fit for it.
func FuzzAnswerToChange(f *testing.F) {
	for i, body := range odd {
		for _, status := range []int{200, 201, 202, 204, 400, 401, 403, 404, 409, 429, 500, 503} {
			if (i+status)%4 == 0 || strings.HasPrefix(body, `{"id"`) && status < 202 {
				f.Add(uint8(i), status, "application/scim+json", "", body)
			}
		}
	}
	for _, status := range []int{301, 400, 409, 500} {
		f.Add(uint8(1), status, "", "/"+marker, `{"detail":"you sent `+marker+`","scimType":"`+marker+`","status":"`+marker+`"}`)
		f.Add(uint8(0), status, "", "", `{"Errors":[{"description":"`+strings.Repeat(" ", 1<<14-5)+marker+`"}]}`)
	}
	f.Add(uint8(0), 200, "", "", `{"0":,"id":"0"}`)
	f.Add(uint8(0), 200, "", "", `{"a":{]},"id":"0"}`)
	f.Add(uint8(0), 201, "text/html", "https://scim.example.org/scim/v2/Users/x", "")
	f.Add(uint8(0), 201, "", "/scim/v2/Users/%2e%2e", "")
	f.Add(uint8(0), 201, "", "https://elsewhere.example.org/scim/v2/Users/x", "{}")
	f.Fuzz(func(t *testing.T, which uint8, status int, contentType, location, body string) {
		if status < 200 || status > 599 || len(body) > 1<<20 {
			return
		}
		action := fuzzActions[int(which)%len(fuzzActions)]
		target := fuzzed(t, nil)
		a := &answer{status: status, body: []byte(body), hidden: []string{marker},
			header: http.Header{"Content-Type": {contentType}, "Location": {location}}}
		w := &write{Target: target, ctx: t.Context(), change: fuzzChange(action)}
		c := call{method: http.MethodPatch, path: "/Users/7"}
		switch action {
		case plan.Create:
			c = call{method: http.MethodPost, path: "/Users", body: []byte(`{"userName":"u"}`)}
		case plan.Delete:
			c.method = http.MethodDelete
		}
		r := w.judged(c, a)
		readable(t, r.Err)
		if (r.Err == nil) != (r.Verdict == plan.Done) {
			t.Errorf("verdict %d with error %v", r.Verdict, r.Err)
		}
		bounded(t, r.Heard)
		accepted := status/100 == 2
		switch {
		case accepted && webPage(a) && r.Verdict == plan.Done:
			t.Error("a web page counts as done")
		case action != plan.Create:
			if r.Verdict == plan.Done && r.Ack.RemoteID != "7" {
				t.Errorf("the account is now %q", r.Ack.RemoteID)
			}
			if r.Verdict == plan.Done && !accepted && (action != plan.Delete || status != 404 && status != 410) {
				t.Errorf("%d counts as done", status)
			}
		case r.Verdict == plan.Done:
			named := slices.Contains(ids(a.body), r.Ack.RemoteID)
			if u, err := url.Parse(location); err == nil && !named {
				named = strings.HasSuffix(strings.TrimRight(u.Path, "/"), "/"+r.Ack.RemoteID)
			}
			if !accepted || !named {
				t.Errorf("%d: account %q, which the answer does not name", status, r.Ack.RemoteID)
			}
			if err := (&kind{}).remoteID(r.Ack.RemoteID); err != nil {
				t.Error(err)
			}
		case accepted && r.Verdict != plan.InDoubt:
			t.Errorf("%d: verdict %d on a create that was accepted", status, r.Verdict)
		case status >= 500 && status != 501 && status != 503 && status != 507 && useOf(kindOf(body)) == unremarked && r.Verdict != plan.InDoubt:
			t.Errorf("%d: verdict %d on a create that may have been carried out", status, r.Verdict)
		}
	})
}

func kindOf(body string) any {
	var o struct{ Type any }
	_ = json.Unmarshal([]byte(body), &o)
	return o.Type
}

// bounded fails unless what was heard can only slow us down, and not for ever.
func bounded(t *testing.T, h plan.Heard) {
	t.Helper()
	if !h.NotBefore.IsZero() && (h.NotBefore.Before(noon) || h.NotBefore.After(noon.Add(maxPause))) {
		t.Errorf("a wait until %s", h.NotBefore)
	}
	for _, q := range h.Quotas {
		if q.Limit < 0 || q.Left < -1 || q.Window < 0 || q.Window > 31*24*time.Hour || q.Reset.After(noon.Add(maxPause)) {
			t.Errorf("%+v", q)
		}
	}
}

// What an answer says about the pace is a wait of at most an hour, and quotas that make sense; never a panic.
func FuzzHeard(f *testing.F) {
	for i, text := range []string{"", "0", "3", "-5", "1.5", `"2 seconds"`, "2 seconds", "2s", "1 minute", "1500 ms", "99999999999999999999", "-99999999999999999999", "1e9", "NaN", "inf", "0x10", "5 hours",
		noon.Add(time.Minute).Format(http.TimeFormat), noon.Add(-time.Hour).Format(http.TimeFormat), "Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT",
		"Monday, 02-Jan-06 15:04:05 GMT", "2026-11-21T12:00:20Z", "1795262400", "1795262400000", "500000000000", "100, 100;w=60", "\x00", "ſ", "K", strings.Repeat("9", 400), "- 1 s", ".", "-", "1-2", "--5"} {
		for status := range 3 {
			f.Add(200+200*status+29*(status%2), text, []string{"", noon.Format(http.TimeFormat), "garbage"}[i%3], text, text, text, text, `{"retryAfter":"`+text+`"}`)
		}
	}
	f.Add(200, "", "", "", `"p";r=50;t=30`, `"p";q=100;w=60`, "", "")
	f.Add(429, "", "", "", `"p";r=0;t=99999999999, "p";r=-1`, `"p";q=100;w=-60;qu="requests", 100;w=60, ("a" "b");q=1`, "", "")
	f.Add(503, "", "", "", `p=?0`, `q=100;;`, "", "null")
	f.Fuzz(func(t *testing.T, status int, retryAfter, date, reset, left, policy, window, body string) {
		for _, format := range []profile.ResetFormat{profile.ResetDelta, profile.ResetEpoch} {
			target := fuzzed(t, func(p *profile.Profile) {
				p.Rate.Headers = profile.RateHeaders{Limit: "Quota", Remaining: "Left", Window: "Span", Reset: "Ends", ResetFormat: format}
			})
			for _, names := range [][3]string{{"Left", "Span", "Ends"}, {"X-Ratelimit-Remaining", "X-Ratelimit-Window", "X-Ratelimit-Reset"}, {"X-Rate-Limit-Remaining", "X-Rate-Limit-Window", "X-Rate-Limit-Reset"}} {
				h := target.heard(&answer{status: status, body: []byte(body), header: http.Header{"Retry-After": {retryAfter}, "Date": {date}, "Ratelimit": {left}, "Ratelimit-Policy": {policy},
					names[0]: {left}, names[1]: {window}, names[2]: {reset}, "X-Rate-Limit-Retry-After-Seconds": {window}}})
				bounded(t, h)
				if at, ok := RetryAfter(http.Header{"Retry-After": {retryAfter}, "Date": {date}}, noon); ok && status >= 300 && h.NotBefore.Before(at) {
					t.Errorf("Retry-After is %s, and the wait ends at %s", at, h.NotBefore)
				}
				if h.TooFast != (status == 429 || status >= 300 && useOf(kindOf(body)) == tooMuch) {
					t.Errorf("%d: too fast %t", status, h.TooFast)
				}
			}
		}
	})
}

// An account has an id that can stand in an address; one that says a thing twice in two spellings is none.
func FuzzAccount(f *testing.F) {
	for _, body := range odd {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if len(body) > 1<<20 {
			return
		}
		found, err := fuzzed(t, nil).parse([]byte(body))
		readable(t, err)
		if err != nil {
			return
		}
		if !slices.Contains(ids([]byte(body)), found.ID) {
			t.Errorf("account %q, which the body does not name", found.ID)
		}
		if err := (&kind{}).remoteID(found.ID); err != nil {
			t.Error(err)
		}
		said, _ := json.Marshal(found.Body)
		again, err := fuzzed(t, nil).parse(said)
		if err != nil || !reflect.DeepEqual(again.Body, found.Body) || again.ID != found.ID || again.Active != found.Active {
			t.Errorf("read again it is another one: %v, %v", again, err)
		}
	})
}

// pages answers one body after the other, and then an empty page.
type pages struct {
	bodies []string
	asked  int
}

func (p *pages) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	p.asked++
	if p.asked <= len(p.bodies) {
		_, _ = w.Write([]byte(p.bodies[p.asked-1]))
		return
	}
	_, _ = w.Write([]byte(`{"totalResults":0,"Resources":[]}`))
}

// proper gives what a ListResponse announces; false: it is none, or one that tells nothing.
func proper(body string) (total string, ok bool) {
	var list struct {
		TotalResults any
		Resources    any
	}
	dec := json.NewDecoder(strings.NewReader(strings.TrimPrefix(body, "\ufeff")))
	dec.UseNumber()
	if dec.Decode(&list) != nil {
		return "", false
	}
	_, isList := list.Resources.([]any)
	if list.TotalResults != nil {
		total = strings.TrimSpace(fmt.Sprint(list.TotalResults))
	}
	n, err := strconv.Atoi(total)
	return total, isList || list.Resources == nil && err == nil && n >= 0
}

// A listing ends, however pages lie, gives nobody twice, and calls itself complete only if every page was a list and as many
// accounts came as were announced. Whoever is missing from a complete listing counts as gone.
func FuzzListing(f *testing.F) {
	for i, body := range odd {
		f.Add(body, odd[(i+7)%len(odd)], uint8(i))
		f.Add(body, "", uint8(i))
	}
	page := func(total, next string, ids ...string) string {
		var all []string
		for _, id := range ids {
			all = append(all, `{"id":"`+id+`"}`)
		}
		return `{"totalResults":` + total + `,"nextCursor":` + next + `,"Resources":[` + strings.Join(all, ",") + `]}`
	}
	f.Add(page("4", "null", "a", "b"), page("4", "null", "c", "d"), uint8(0))
	f.Add(page("2", "null", "a", "b"), page("2", "null", "a", "b"), uint8(0))
	f.Add(page("4", `"x"`, "a", "b"), page("4", `"x"`, "c", "d"), uint8(1))
	f.Add(page("4", `"x"`, "a", "b"), page("4", `""`, "c", "d"), uint8(1))
	f.Add(page("null", "7", "a", "b"), page("null", "null", "c"), uint8(2))
	f.Fuzz(func(t *testing.T, first, second string, mode uint8) {
		if len(first)+len(second) > 1<<18 {
			return
		}
		server := &pages{bodies: []string{first, second}}
		target := fuzzed(t, func(p *profile.Profile) {
			p.List.Mode = []profile.ListMode{profile.ListIndex, profile.ListCursor, profile.ListSingle}[mode%3]
			p.List.TrustTotal = mode >= 128
		})
		target.transport = inProcess{server}
		seen := map[string]bool{}
		complete, err := target.List(t.Context(), func(found plan.Found) error {
			if seen[found.ID] || found.ID == "" {
				t.Errorf("account %q comes again", found.ID)
			}
			seen[found.ID] = true
			return nil
		})
		readable(t, err)
		if server.asked > 40 {
			t.Errorf("%d requests", server.asked)
		}
		if !complete {
			return
		}
		if err != nil {
			t.Errorf("complete, with %v", err)
		}
		announced := ""
		for i, body := range server.bodies[:min(server.asked, 2)] {
			total, ok := proper(body)
			if !ok {
				t.Errorf("complete, with page %d: %q", i, body)
			}
			if i == 0 {
				announced = total
			}
		}
		if announced != "" && announced != strconv.Itoa(len(seen)) {
			t.Errorf("complete with %d accounts of %s", len(seen), announced)
		}
	})
}

// A lookup gives accounts that hold the value that was asked for, and no others.
func FuzzLookup(f *testing.F) {
	for _, body := range odd {
		f.Add(body, "u")
		f.Add(`{"totalResults":1,"Resources":[`+body+`]}`, "u")
	}
	f.Add(`{"totalResults":1,"Resources":[{"id":"x","userName":"someone else"}]}`, "u")
	f.Add(`{"totalResults":1,"Resources":[{"id":"x","userName":"U"}]}`, "u")
	f.Fuzz(func(t *testing.T, body, login string) {
		if len(body) > 1<<18 || login == "" || !utf8.ValidString(login) {
			return
		}
		target := fuzzed(t, func(p *profile.Profile) { p.Lookup.User = []profile.By{profile.ByUserName} })
		target.transport = inProcess{&pages{bodies: []string{body}}}
		hits, err := target.Find(t.Context(), resource.New(map[string]any{"userName": login}))
		readable(t, err)
		for _, hit := range hits {
			if hit.ID == "" || resource.Fold(hit.UserName) != resource.Fold(login) {
				t.Errorf("asked for %q, got %q (%q)", login, hit.UserName, hit.ID)
			}
		}
	})
}

// What a service says of itself only ever narrows what it is taken to hold.
func FuzzDescription(f *testing.F) {
	for i, body := range odd {
		f.Add(body, odd[(i+3)%len(odd)], odd[(i+5)%len(odd)])
		f.Add(body, body, body)
	}
	f.Fuzz(func(t *testing.T, config, schemas, types string) {
		if len(config)+len(schemas)+len(types) > 1<<18 {
			return
		}
		d := &description{}
		var err error
		if d.Config, err = parseConfig([]byte(config)); err == nil {
			if c := d.Config; c.Results < 0 || c.Page < 0 || c.BulkOps < 0 || c.BulkSize < 0 {
				t.Errorf("%+v", c)
			}
		}
		readable(t, err)
		d.Attributes, err = parseSchemas([]byte(schemas))
		readable(t, err)
		d.Users, d.Ungrouped, err = parseTypes([]byte(types))
		readable(t, err)
		target := fuzzed(t, func(p *profile.Profile) { p.Discovery.Mode, p.Bulk.Mode = profile.DiscoveryTrust, profile.BulkAuto })
		before := target.shape
		for range 2 { // what is said twice counts
			target.memory.describe(d, noon)
		}
		if b := target.Bulk(); b.Ops > bulkMost || b.Ops < 0 || b.Bytes < 0 || b.Ops > 0 && !*d.Config.Bulk {
			t.Errorf("bulk: %+v", b)
		}
		if n := target.count(); n < 1 || n > target.pageSize {
			t.Errorf("%d accounts a page", n)
		}
		known := map[string]bool{}
		for _, a := range before.Attrs {
			known[a.URN+" "+a.Name] = true
		}
		for _, a := range target.narrowed(before).Attrs {
			if !known[a.URN+" "+a.Name] {
				t.Errorf("%s is new", a.Name)
			}
		}
	})
}

// Each change in a bulk request is judged by what is told of it, and of it alone; what is told twice, or not at all, is in doubt.
func FuzzBulkAnswer(f *testing.F) {
	for _, body := range odd {
		f.Add(200, body)
	}
	f.Add(200, `{"Operations":[{"bulkId":"0","status":"201","response":{"id":"x"}},{"bulkId":"2","status":"204"},{"bulkId":"1","status":"201","response":{"id":"y"}}]}`)
	f.Add(200, `{"Operations":[{"status":"201","response":{"id":"x"}},{"status":"201","location":"/scim/v2/Users/y"},{"status":"200"}]}`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status/100 != 2 || len(body) > 1<<18 {
			return
		}
		target := fuzzed(t, nil)
		changes := []*plan.Change{fuzzChange(plan.Create), fuzzChange(plan.Create), fuzzChange(plan.Update)}
		results, whole := target.bulkAnswer(changes, call{method: http.MethodPost, path: "/Bulk"}, &answer{status: status, header: http.Header{}, body: []byte(body)})
		var told struct{ Operations []map[string]any }
		dec := json.NewDecoder(strings.NewReader(body))
		dec.UseNumber()
		unreadable := dec.Decode(&told) != nil
		for i, r := range results {
			readable(t, r.Err)
			if (whole || unreadable) && r.Verdict != plan.InDoubt {
				t.Errorf("the answer is none, and change %d has verdict %d", i, r.Verdict)
			}
			if r.Verdict != plan.Done || changes[i].Action != plan.Create {
				continue
			}
			named := false
			for k, op := range told.Operations {
				text, _ := json.Marshal(op)
				named = named || (fmt.Sprint(op["bulkId"]) == strconv.Itoa(i) || k == i || strings.Contains(strings.ToLower(string(text)), `"bulkid"`)) && strings.Contains(string(text), r.Ack.RemoteID)
			}
			if !named && utf8.ValidString(r.Ack.RemoteID) && !strings.ContainsAny(r.Ack.RemoteID, "<>&\\\"\u2028\u2029") && !strings.ContainsFunc(r.Ack.RemoteID, unicode.IsControl) && strings.Count(strings.ToLower(body), "operations") == 1 {
				t.Errorf("change %d has account %q, which its operation does not name", i, r.Ack.RemoteID)
			}
		}
	})
}

// escapes are control characters in a JSON text.
var escapes = regexp.MustCompile(`\\u00[01][0-9a-f]`)

// A value cannot leave the quotes of a filter: the filter is one comparison, with that value.
func FuzzFilter(f *testing.F) {
	for _, value := range []string{"ada@example.org", `"`, `\`, `\"`, `" or userName pr or userName eq "`, "\x00", "\n", "\xff", "\u2028", `\u0022`, `a" and active eq true`, "ſ", "𝄞", "]", `x"]`, "%22", strings.Repeat("a", 5000)} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		want := strings.ToValidUTF8(value, "\ufffd")
		if !utf8.ValidString(value) {
			var decoded string // every wrong byte becomes one replacement
			for _, r := range value {
				decoded += string(r)
			}
			want = decoded
		}
		l := &profile.Lookup{FilterNames: map[profile.By]string{}}
		for _, by := range []profile.By{profile.ByExternalID, profile.ByUserName, profile.ByEmail} {
			text, ok := comparison(l, by, value)
			if !ok {
				t.Fatal("too long")
			}
			quoted, inner := strings.CutPrefix(text, string(by)+" eq ")
			if !inner {
				quoted = strings.TrimSuffix(strings.TrimPrefix(text, "emails[value eq "), "]")
			}
			var got string
			if err := json.Unmarshal([]byte(quoted), &got); err != nil || got != want {
				t.Errorf("%q is written %s: %q, %v", value, text, got, err)
			}
			// The library wants its escapes in capitals.
			capitals := func(s string) string {
				return escapes.ReplaceAllStringFunc(s, func(s string) string { return `\u` + strings.ToUpper(s[2:]) })
			}
			expr, err := filter.ParseFilter([]byte(capitals(text)))
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if v, isPath := expr.(*filter.ValuePath); isPath {
				expr = v.ValueFilter
			}
			if one, is := expr.(*filter.AttributeExpression); !is || one.Operator != filter.EQ || `"`+fmt.Sprint(one.CompareValue)+`"` != capitals(quoted) {
				t.Errorf("%s is read as %#v", text, expr)
			}
			q, err := url.ParseQuery(query{filter: text, start: 1, count: 2, cursor: &value}.params())
			if err != nil || q.Get("filter") != text || q.Get("cursor") != value || len(q) != 4 {
				t.Errorf("%q in an address: %v, %v", value, q, err)
			}
		}
	})
}

// Where an answer leads to, redirects and locations, never leaves the origin that credentials are for.
func FuzzLocation(f *testing.F) {
	for _, to := range []string{"", "/", "x", "//evil.example.org/scim/v2/Users/x", "https://scim.example.org/scim/v2/Users/x", "https://scim.example.org:443/scim/v2/Users/x/", "HTTPS://SCIM.EXAMPLE.ORG/scim/v2/Users/x",
		"https://user:pass@scim.example.org/x", "http://scim.example.org/scim/v2/Users/x", "https://scim.example.org.evil.example/x", `https:\\evil`, "https://scim.example.org@evil.example.org/", "/scim/v2/Users/..", "/scim/v2/Users/%2e%2e",
		"/scim/v2/Users/a%2Fb", "/scim/v2/Users/%00", "/scim/v2/Users/%zz", "javascript:1", "\x00", "?q", "https://[::1]:443/", "/elsewhere/Users/x", "/scim/v2/Users/x?y#z"} {
		f.Add(to)
	}
	f.Fuzz(func(t *testing.T, location string) {
		target := fuzzed(t, nil)
		if to, ok := target.inside(target.base+"/Users", location); ok {
			u, err := url.Parse(to)
			if err != nil || u.Scheme != "https" || !strings.EqualFold(u.Hostname(), "scim.example.org") || u.User != nil || u.Port() != "" && u.Port() != "443" {
				t.Errorf("%q leads to %q", location, to)
			}
		}
		id := target.locationID(&answer{header: http.Header{"Location": {location}}})
		if id == "" {
			return
		}
		if path, err := target.kind.at(id); err == nil {
			u, err := url.Parse(target.base + path)
			if err != nil || u.Path != "/scim/v2/Users/"+id || strings.Count(u.EscapedPath(), "/") != 4 {
				t.Errorf("account %q of %q is at %q", id, location, path)
			}
		}
	})
}

// Cursors of a service go back to it as they came, and lead in no circle.
func FuzzCursor(f *testing.F) {
	for _, cursor := range []string{"", "x", "a b", "a+b", "&count=1", "\x00", "\xff", "%", "ä", strings.Repeat("c", 3000)} {
		f.Add(cursor)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		text, _ := json.Marshal(cursor)
		var want string
		_ = json.Unmarshal(text, &want)
		var asked []string
		handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got := r.URL.Query().Get("cursor")
			if r.Method == http.MethodPost {
				var body struct{ Cursor string }
				_ = json.NewDecoder(r.Body).Decode(&body)
				got = body.Cursor
			}
			asked = append(asked, got)
			fmt.Fprintf(w, `{"totalResults":9,"Resources":[{"id":"%d"}],"nextCursor":%s}`, len(asked), text)
		})
		target := fuzzed(t, func(p *profile.Profile) { p.List.Mode = profile.ListCursor })
		target.transport = inProcess{handler}
		complete, err := target.List(context.WithoutCancel(t.Context()), func(plan.Found) error { return nil })
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		switch {
		case complete:
			t.Error("complete with a cursor left over, or nine announced")
		case want == "" && len(asked) != 1, want != "" && len(asked) != 2:
			t.Errorf("asked %q", asked)
		case want != "" && asked[1] != want:
			t.Errorf("cursor %q was sent as %q", want, asked[1])
		}
	})
}
