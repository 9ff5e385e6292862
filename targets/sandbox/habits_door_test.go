package sandbox

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

var doorTests = map[string]func(*testing.T){
	"maintenance": func(t *testing.T) {
		h, step := clocked(t, Options{BearerToken: "t", Scale: 60, Habits: []string{"maintenance=1h"}})
		step(59 * time.Second)
		r := h.must(503, "POST", "/Users", userBody(`"userName":"a"`))
		if !strings.HasPrefix(r.header.Get("Content-Type"), "text/html") || !strings.Contains(r.raw, "<html>") || r.header.Get("Retry-After") != "" {
			t.Errorf("%v %s", r.header, r.raw)
		}
		step(time.Second)
		h.must(401, "GET", "/Users", "")
		if len(h.Users()) != 0 {
			t.Error("it was applied")
		}
	},
	"overloaded": func(t *testing.T) {
		h, step := clocked(t, Options{Scale: 2, Habits: []string{"overloaded=10s"}})
		if r := h.refused(503, "", "GET", "/Users", ""); r.header.Get("Retry-After") != "5" {
			t.Errorf("Retry-After %q", r.header.Get("Retry-After"))
		}
		step(4 * time.Second)
		h.refused(503, "", "GET", "/Users", "")
		step(time.Second)
		h.get("/Users")
		if early := h.Stats().Early; early != 1 {
			t.Errorf("%d came early, want 1", early)
		}
	},
	"login-page": func(t *testing.T) {
		h, step := clocked(t, Options{BearerToken: "t", Habits: []string{"login-page=1m"}})
		r := h.must(200, "GET", "/Users?filter=x", "")
		step(time.Minute)
		h.refused(401, "", "GET", "/Users", "")
		if !strings.HasPrefix(r.header.Get("Content-Type"), "text/html") || !strings.HasPrefix(r.raw, "<!DOCTYPE html>") {
			t.Errorf("%v %s", r.header, r.raw)
		}
	},
	"login-redirect": func(t *testing.T) {
		s, err := New(Options{Habits: []string{"login-redirect"}})
		if err != nil {
			t.Fatal(err)
		}
		res, err := s.Transport().RoundTrip(newRequest(t, "GET", "http://sandbox/scim/v2/Users"))
		if err != nil || res.StatusCode != 302 || res.Header.Get("Location") != "/login.html" {
			t.Errorf("%v %v", res, err)
		}
	},
	"user-agent": func(t *testing.T) {
		h := having(t, "user-agent")
		r := h.must(403, "PATCH", "/Users/x", patchBody(replaceOp("title", `"x"`)), "User-Agent", "")
		if r.raw != "" {
			t.Errorf("a body: %s", r.raw)
		}
		h.must(404, "PATCH", "/Users/x", patchBody(replaceOp("title", `"x"`)))
	},
	"accept-required": func(t *testing.T) {
		h := having(t, "accept-required")
		h.refused(406, "", "GET", "/Users", "")
		h.refused(406, "", "GET", "/Users", "", "Accept", "application/json")
		h.must(200, "GET", "/Users", "", "Accept", "application/scim+json, application/json;q=0.9")
	},
	"open": func(t *testing.T) {
		h := serve(t, Options{BearerToken: "t", Rate: Rate{Events: 1, Per: time.Hour}, Habits: []string{"open=/ServiceProviderConfig,/Schemas"}})
		h.get("/ServiceProviderConfig")
		h.get("/Schemas/" + userURN)
		h.must(401, "GET", "/Users", "")
		h.must(401, "GET", "/ResourceTypes", "")
		h.must(200, "GET", "/Users", "", "Authorization", "Bearer t")
		h.must(429, "GET", "/Users", "", "Authorization", "Bearer t")
	},
	"health": func(t *testing.T) {
		h := serve(t, Options{BearerToken: "t", Habits: []string{"health"}})
		if r := h.must(200, "GET", "/health", ""); r.raw != "" {
			t.Errorf("a body: %s", r.raw)
		}
	},
	"one-writer": func(t *testing.T) {
		h := serve(t, Options{Habits: []string{"one-writer"}, Latency: 100 * time.Millisecond})
		a, b := "/Users/"+h.user(`"userName":"a"`), "/Users/"+h.user(`"userName":"b"`)
		status := map[string]int{}
		var mu sync.Mutex
		var all sync.WaitGroup
		for _, path := range []string{a, a, b} {
			all.Go(func() {
				r := h.do("PATCH", path, patchBody(replaceOp("title", `"x"`)))
				mu.Lock()
				defer mu.Unlock()
				status[fmt.Sprintln(path == a, r.status, r.body["errorCode"], r.header.Get("Retry-After"))]++
			})
		}
		all.Wait()
		if len(status) != 3 || status["false 200 <nil> \n"] != 1 || status["true 200 <nil> \n"] != 1 || status["true 429 CMN-304 \n"] != 1 {
			t.Errorf("%v", status)
		}
		h.must(200, "PATCH", a, patchBody(replaceOp("title", `"y"`)))
	},
	"max-body": func(t *testing.T) {
		h := having(t, "max-body=500")
		h.refused(413, "", "POST", "/Users", userBody(`"userName":"`+strings.Repeat("x", 500)+`"`))
		h.user(`"userName":"a"`)
	},
	"publish-lag": func(t *testing.T) {
		h, step := clocked(t, Options{BearerToken: "t", Habits: []string{"publish-lag=30s"}})
		h.refused(401, "", "GET", "/Users", "", "Authorization", "Bearer t")
		step(30 * time.Second)
		h.must(200, "GET", "/Users", "", "Authorization", "Bearer t")
		h.refused(401, "", "GET", "/Users", "")
	},
	"hiccup": func(t *testing.T) {
		h := serve(t, Options{BearerToken: "t", Habits: []string{"hiccup=2"}})
		h.refused(401, "", "GET", "/Users", "")
		for _, want := range []int{200, 401, 200, 200} {
			h.must(want, "GET", "/Users", "", "Authorization", "Bearer t")
		}
	},
	"oauth": testOAuth,
	"oauth-down": func(t *testing.T) {
		h := having(t, "oauth", "oauth-down")
		if r := h.token("grant_type=client_credentials&client_id=c"); r.status != 503 {
			t.Errorf("%d %s", r.status, r.raw)
		}
		if err := h.SetHabits([]string{"oauth"}); err != nil {
			t.Fatal(err)
		}
		if r := h.token("grant_type=client_credentials&client_id=c"); r.status != 200 {
			t.Errorf("%d %s", r.status, r.raw)
		}
	},
}

// token asks for a token where RingCentral has its endpoint.
func (h *host) token(form string, headers ...string) reply {
	h.t.Helper()
	outside := &host{Server: h.Server, t: h.t, url: strings.TrimSuffix(h.url, h.base)}
	return outside.do("POST", "/restapi/oauth/token", form, append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)...)
}

// jwt is an assertion; nobody checks the signature.
func jwt(header, claims string) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(header)) + "." + part([]byte(claims)) + ".c2ln"
}

func testOAuth(t *testing.T) {
	h, step := clocked(t, Options{Scale: 60, BasicUser: "id", BasicPassword: "a secret", Habits: []string{"oauth=1h"}})
	basic := []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("id:a+secret"))}
	code := func(token string) string {
		t.Helper()
		r := h.must(401, "GET", "/Users", "", "Authorization", token)
		c, _ := r.body["errorCode"].(string)
		if !strings.HasPrefix(r.header.Get("WWW-Authenticate"), `Bearer error="invalid_token"`) {
			t.Errorf("WWW-Authenticate %q", r.header.Get("WWW-Authenticate"))
		}
		return c
	}
	r := h.token("grant_type=client_credentials", basic...)
	token, _ := r.body["access_token"].(string)
	if r.status != 200 || token == "" || r.body["expires_in"] != 60.0 || r.body["token_type"] != "bearer" {
		t.Fatalf("%d %s", r.status, r.raw)
	}
	step(59 * time.Second)
	h.must(200, "GET", "/Users", "", "Authorization", "Bearer "+token)
	step(time.Second)
	for given, want := range map[string]string{"Bearer " + token: "OAU-128", "Bearer x": "OAU-129", "": "OAU-149", "Bearer " + token + "x": "OAU-213"} {
		if got := code(given); got != want {
			t.Errorf("%q gave %s, want %s", given, got, want)
		}
	}
	now := h.opts.Now().Unix()
	good := jwt(`{"alg":"RS256"}`, fmt.Sprintf(`{"sub":"x","exp":%d}`, now+60))
	bearer := "grant_type=" + url.QueryEscape("urn:ietf:params:oauth:grant-type:jwt-bearer") + "&assertion="
	assertion := "&client_assertion_type=" + url.QueryEscape("urn:ietf:params:oauth:client-assertion-type:jwt-bearer") + "&client_assertion="
	for name, c := range map[string]struct {
		form   string
		basic  bool
		status int
		err    string
	}{
		"jwt":               {bearer + good, true, 200, ""},
		"private_key_jwt":   {"grant_type=client_credentials" + assertion + good, false, 200, ""},
		"post":              {"grant_type=client_credentials&client_id=id&client_secret=a+secret", false, 200, ""},
		"wrong secret":      {"grant_type=client_credentials&client_id=id&client_secret=x", false, 401, "invalid_client"},
		"nobody":            {"grant_type=client_credentials", false, 401, "invalid_client"},
		"wrong assertion":   {"grant_type=client_credentials" + assertion + "x", false, 401, "invalid_client"},
		"other grant":       {"grant_type=password", true, 400, "unsupported_grant_type"},
		"no JWT":            {bearer + "x", true, 400, "invalid_grant"},
		"unsigned":          {bearer + jwt(`{"alg":"none"}`, fmt.Sprintf(`{"sub":"x","exp":%d}`, now+60)), true, 400, "invalid_grant"},
		"expired":           {bearer + jwt(`{"alg":"RS256"}`, fmt.Sprintf(`{"sub":"x","exp":%d}`, now)), true, 400, "invalid_grant"},
		"not yet":           {bearer + jwt(`{"alg":"RS256"}`, fmt.Sprintf(`{"sub":"x","exp":%d,"nbf":%d}`, now+60, now+30)), true, 400, "invalid_grant"},
		"of nobody":         {bearer + jwt(`{"alg":"RS256"}`, fmt.Sprintf(`{"exp":%d}`, now+60)), true, 400, "invalid_grant"},
		"without a payload": {bearer + jwt(`{"alg":"RS256"}`, ""), true, 400, "invalid_grant"},
	} {
		var headers []string
		if c.basic {
			headers = basic
		}
		r := h.token(c.form, headers...)
		got, _ := r.body["error"].(string)
		if r.status != c.status || got != c.err {
			t.Errorf("%s: %d %s, want %d %s", name, r.status, r.raw, c.status, c.err)
		}
	}
	if r := h.token(`{}`, "Content-Type", "application/json"); r.status != 400 {
		t.Errorf("JSON: %d", r.status)
	}
	if a := h.must(200, "GET", "/ServiceProviderConfig", "", "Authorization", "Bearer "+h.token("grant_type=client_credentials", basic...).body["access_token"].(string)); len(a.body["authenticationSchemes"].([]any)) != 1 {
		t.Errorf("schemes: %s", a.raw)
	}
}
