package sandbox

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestRoutes(t *testing.T) {
	h := serve(t, Options{BasePath: "tenant/v2/"})
	if !strings.HasSuffix(h.url, "/tenant/v2") {
		t.Fatalf("base %s", h.url)
	}
	for _, path := range []string{"/Nothing", "/users", "/Users/a/b", "/Users/", "/.search/x", "/ServiceProviderConfig/x", "/ResourceTypes/X", "/Schemas/x", "2/Users"} {
		h.refused(404, "", "GET", path, "")
	}
	if r := h.refused(405, "", "POST", "/Users/x", "{}"); r.header.Get("Allow") != "GET, PUT, PATCH, DELETE" {
		t.Errorf("a user allows %q", r.header.Get("Allow"))
	}
	outside := &host{Server: h.Server, t: t, url: strings.TrimSuffix(h.url, "/tenant/v2")}
	for _, path := range []string{"/", "/Users", "/scim/v2/Users", "/tenant/Users"} {
		outside.refused(404, "", "GET", path, "")
	}
	for path, allow := range map[string]string{
		"/Users": "GET, POST", "/Schemas": "GET",
		"/ServiceProviderConfig": "GET", "/ResourceTypes": "GET", "/.search": "POST", "/Groups/.search": "POST", "/": "GET",
	} {
		if r := h.refused(405, "", "DELETE", path, ""); r.header.Get("Allow") != allow {
			t.Errorf("%s allows %q, want %q", path, r.header.Get("Allow"), allow)
		}
	}
}

func TestBodies(t *testing.T) {
	h := serve(t, Options{})
	body := userBody(`"userName":"a"`)
	h.must(201, "POST", "/Users", body, "Content-Type", "application/json; charset=utf-8")
	h.refused(415, "", "POST", "/Users", body, "Content-Type", "text/plain")
	h.refused(415, "", "POST", "/Users", body, "Content-Type", "")
	h.refused(400, "invalidSyntax", "POST", "/Users", "", "Content-Type", mediaType)
	h.refused(413, "", "POST", "/Users", userBody(`"userName":"`+strings.Repeat("x", 1<<20)+`"`))
	h.must(201, "POST", "/Users", userBody(`"userName":"`+strings.Repeat("x", 1<<20-200)+`"`))
}

func TestCredentials(t *testing.T) {
	h := serve(t, Options{BearerToken: "token", BasicUser: "u", BasicPassword: "p"})
	for _, header := range []string{"", "Bearer", "Bearer x", "Bearer token x", "token", "Basic dTp4", "Basic eDpw"} {
		r := h.refused(401, "", "GET", "/Users", "", "Authorization", header)
		if got := strings.Join(r.header.Values("WWW-Authenticate"), ", "); got != `Bearer realm="scim", Basic realm="scim"` {
			t.Errorf("WWW-Authenticate: %s", got)
		}
	}
	for _, header := range []string{"Bearer token", "bearer token", "Basic dTpw"} {
		h.must(200, "GET", "/Users", "", "Authorization", header)
	}
}

func TestDiscovery(t *testing.T) {
	h := serve(t, Options{MaxResults: 50})
	config := h.get("/ServiceProviderConfig")
	for name, want := range map[string]string{
		"patch": `{"supported":true}`, "bulk": `{"maxOperations":0,"maxPayloadSize":0,"supported":false}`,
		"filter": `{"maxResults":50,"supported":true}`, "etag": `{"supported":true}`, "sort": `{"supported":true}`,
		"changePassword": `{"supported":false}`, "authenticationSchemes": `[]`,
	} {
		if got := asJSON(config[name]); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	types := h.get("/ResourceTypes")
	if types["totalResults"] != 2.0 {
		t.Errorf("resource types: %s", asJSON(types))
	}
	user := h.get("/ResourceTypes/User")
	if user["endpoint"] != "/Users" || user["schema"] != userURN || !equal(user["schemaExtensions"], []any{map[string]any{"schema": enterpriseURN, "required": false}}) {
		t.Errorf("User: %s", asJSON(user))
	}
	if n := len(h.get("/Schemas")["Resources"].([]any)); n != 3 {
		t.Errorf("%d schemas", n)
	}
	for _, id := range []string{userURN, groupURN, enterpriseURN} {
		s := h.get("/Schemas/" + id)
		if s["id"] != id || len(s["attributes"].([]any)) == 0 {
			t.Errorf("%s: %s", id, asJSON(s))
		}
	}
	name := h.get("/Schemas/" + userURN)["attributes"].([]any)[0].(map[string]any)
	delete(name, "description")
	if got := asJSON(name); got != `{"caseExact":false,"multiValued":false,"mutability":"readWrite","name":"userName","required":true,"returned":"default","type":"string","uniqueness":"server"}` {
		t.Errorf("userName is %s", got)
	}
	h.refused(403, "", "GET", "/Schemas?filter=id%20pr", "")
}

func TestRate(t *testing.T) {
	now := time.Now()
	var mu sync.Mutex
	h := serve(t, Options{Rate: Rate{Events: 10, Per: time.Minute, Burst: 2}, Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now }})
	step := func(d time.Duration) { mu.Lock(); defer mu.Unlock(); now = now.Add(d) }
	h.get("/Users")
	h.get("/Users")
	if r := h.refused(429, "", "POST", "/Users", userBody(`"userName":"a"`)); r.header.Get("Retry-After") != "6" {
		t.Errorf("Retry-After %q, want 6", r.header.Get("Retry-After"))
	}
	step(4500 * time.Millisecond)
	if r := h.refused(429, "", "GET", "/Users", ""); r.header.Get("Retry-After") != "2" {
		t.Errorf("Retry-After %q, want 2: a refused request must not cost a slot", r.header.Get("Retry-After"))
	}
	step(1500 * time.Millisecond)
	if n := h.get("/Users")["totalResults"]; n != 0.0 {
		t.Errorf("a limited request was applied: %v users", n)
	}
	h.refused(429, "", "GET", "/Users", "")
}

func TestFaults(t *testing.T) {
	for _, c := range []struct {
		fail    string
		status  int // of the second request; 0: no answer
		applied bool
	}{
		{"every 2", 503, false},
		{"every 2 500", 500, false},
		{"every 2 drop-before", 0, false},
		{"every 2 drop-after", 0, true},
	} {
		t.Run(c.fail, func(t *testing.T) {
			fail, err := ParseFail(c.fail)
			if err != nil {
				t.Fatal(err)
			}
			h := serve(t, Options{Fail: fail})
			h.user(`"userName":"a"`)
			r, err := h.try("POST", "/Users", userBody(`"userName":"b"`))
			if (err != nil) != (c.status == 0) || r.status != c.status {
				t.Errorf("answered %d, %v; want %d", r.status, err, c.status)
			}
			if got := len(h.Users()) == 2; got != c.applied {
				t.Errorf("applied: %v, want %v", got, c.applied)
			}
			h.user(`"userName":"c"`)
		})
	}
}

func TestFaultsByChance(t *testing.T) {
	count := func(seed uint64) int {
		s, err := New(Options{Fail: Fail{Probability: 0.1}, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		client := &http.Client{Transport: s.Transport()}
		failed := 0
		for range 1000 {
			res, err := client.Get("http://sandbox/scim/v2/ServiceProviderConfig")
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode == 503 {
				failed++
			}
		}
		return failed
	}
	n := count(7)
	if n < 60 || n > 150 {
		t.Errorf("%d of 1000 failed at 10%%", n)
	}
	if again := count(7); again != n {
		t.Errorf("the same seed failed %d, then %d", n, again)
	}
}

func TestTransport(t *testing.T) {
	s, err := New(Options{Fail: Fail{Every: 2, Cut: CutAfter}})
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: s.Transport()}
	post := func(name string) (*http.Response, error) {
		return client.Post("http://sandbox.invalid/scim/v2/Users", mediaType, strings.NewReader(userBody(`"userName":"`+name+`"`)))
	}
	res, err := post("a")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 201 || !strings.HasPrefix(res.Header.Get("Location"), "http://sandbox.invalid/scim/v2/Users/") || int64(len(body)) != res.ContentLength {
		t.Errorf("%v %v %s", res, err, body)
	}
	if _, err := post("b"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a cut gave %v", err)
	}
	if len(s.Users()) != 2 || s.Requests() != 2 {
		t.Errorf("%d users, %d requests", len(s.Users()), s.Requests())
	}
}

func TestLog(t *testing.T) {
	var mu sync.Mutex
	var got []Request
	keep := func(r Request) { mu.Lock(); defer mu.Unlock(); got = append(got, r) }
	h := serve(t, Options{BearerToken: "t", Latency: 20 * time.Millisecond, Fail: Fail{Every: 3, Cut: CutBefore}, Log: keep})
	h.must(401, "GET", "/Users?count=1", "")
	h.must(201, "POST", "/Users", userBody(`"userName":"a"`), "Authorization", "Bearer t")
	if _, err := h.try("DELETE", "/Users/x%2Fy", "", "Authorization", "Bearer t"); err == nil {
		t.Error("the third request was not cut")
	}
	mu.Lock()
	defer mu.Unlock()
	want := []Request{
		{N: 1, Method: "GET", Path: "/scim/v2/Users", RawQuery: "count=1", Status: 401},
		{N: 2, Method: "POST", Path: "/scim/v2/Users", Status: 201, Body: []byte(userBody(`"userName":"a"`))},
		{N: 3, Method: "DELETE", Path: "/scim/v2/Users/x%2Fy", Status: 0},
	}
	if len(got) != 3 || h.Requests() != 3 {
		t.Fatalf("%d entries, %d requests", len(got), h.Requests())
	}
	for i, w := range want {
		g := got[i]
		if g.N != w.N || g.Method != w.Method || g.Path != w.Path || g.RawQuery != w.RawQuery || g.Status != w.Status || string(g.Body) != string(w.Body) {
			t.Errorf("entry %+v, want %+v", g, w)
		}
		if g.Duration < 20*time.Millisecond || g.Time.IsZero() {
			t.Errorf("entry %d: latency was not waited: %v at %v", i+1, g.Duration, g.Time)
		}
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]Rate{
		"": {}, "10/m": {Events: 10, Per: time.Minute}, "5/s": {Events: 5, Per: time.Second},
		"100/h burst 3": {Events: 100, Per: time.Hour, Burst: 3},
	} {
		if got, err := ParseRate(text); err != nil || got != want {
			t.Errorf("ParseRate(%q) = %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"10", "/m", "0/m", "-1/m", "x/m", "10/d", "10/m burst", "10/m burst 0", "10/m by 3"} {
		if got, err := ParseRate(text); err == nil || !strings.Contains(err.Error(), "10/m") {
			t.Errorf("ParseRate(%q) = %+v, %v", text, got, err)
		}
	}
	for text, want := range map[string]Fail{
		"": {}, "10%": {Probability: 0.1}, "100% 429": {Probability: 1, Status: 429}, "every 20": {Every: 20},
		"every 20 503": {Every: 20, Status: 503}, "every 1 drop-before": {Every: 1, Cut: CutBefore}, "0.5% drop-after": {Probability: 0.005, Cut: CutAfter},
	} {
		if got, err := ParseFail(text); err != nil || got != want {
			t.Errorf("ParseFail(%q) = %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"10", "0%", "101%", "-1%", "NaN%", "x%", "every", "every 0", "every x", "10% 200", "10% 600", "10% x", "10% 503 drop-after"} {
		if got, err := ParseFail(text); err == nil || !strings.Contains(err.Error(), "every 20") {
			t.Errorf("ParseFail(%q) = %+v, %v", text, got, err)
		}
	}
}
