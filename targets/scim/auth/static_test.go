package auth_test

import (
	"encoding/base64"
	"errors"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"scimsync/sync/plan"
	"scimsync/targets/scim"
	"scimsync/targets/scim/auth"
	"scimsync/targets/scim/profile"
	"scimsync/targets/scimtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// safe is a text that tests change while a target reads it.
type safe struct {
	mu   sync.Mutex
	text string
}

func (s *safe) set(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = text
}

func (s *safe) get() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text, nil
}

// reach puts a target with credentials before a server.
func reach(t *testing.T, server *scimtest.Faulty, credentials scim.Authorizer) *scim.Target {
	t.Helper()
	listener := httptest.NewServer(server)
	t.Cleanup(listener.Close)
	p := profile.RFC()
	p.Discovery.Mode = profile.DiscoveryOff // requests are counted here
	target, err := scim.New(scim.Options{Name: "cloud", URL: listener.URL, Auth: credentials, Profile: p, Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(target.Close)
	return target
}

func create(t *testing.T, target *scim.Target) plan.Result {
	t.Helper()
	r := target.Apply(t.Context(), scimtest.Create(scimtest.Person(1)), "corr-1")
	if r.Err != nil && strings.Contains(r.Err.Error(), "MARKER") {
		t.Errorf("a secret shows: %v", r.Err)
	}
	return r
}

func says(t *testing.T, err error, words ...string) {
	t.Helper()
	for _, word := range words {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("the error does not say %q: %v", word, err)
		}
	}
}

var (
	unauthorized = scimtest.Reply{Status: 401, Body: `{"detail":"no"}`}
	created      = scimtest.Reply{Status: 201, Body: `{"id":"1"}`}
)

// jwt is a token that looks like one, valid until then.
func jwt(until time.Time) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"none"}`)) + "." + part([]byte(`{"exp":`+strconv.FormatInt(until.Unix(), 10)+`}`)) + ".MARKER"
}

// A refused token is of no more use, unless another one is in its place by then.
func TestBearerRefused(t *testing.T) {
	server := scimtest.NewFaulty(nil)
	token := &safe{text: "MARKER-1"}
	target := reach(t, server, auth.NewBearer(auth.BearerOptions{Token: token.get}))
	server.Script(unauthorized)
	r := create(t, target)
	if r.Verdict != plan.Stop || !r.NotBefore.IsZero() {
		t.Errorf("%+v", r)
	}
	says(t, r.Err, "POST /Users: 401", "does not accept our credentials", "check what stands under auth")
	if strings.Count(r.Err.Error(), "POST") != 1 {
		t.Errorf("twice the same: %v", r.Err)
	}

	server.Script(scimtest.Reply{Status: 401, Delay: 100 * time.Millisecond})
	go func() { time.Sleep(30 * time.Millisecond); token.set("MARKER-2") }()
	if r := create(t, target); r.Verdict != plan.Again || time.Until(r.NotBefore) > 0 || r.NotBefore.IsZero() {
		t.Errorf("the token was changed meanwhile: %+v", r)
	}
	server.Script(created)
	if r := create(t, target); r.Verdict != plan.Done {
		t.Errorf("%+v", r)
	}
	server.Script(unauthorized)
	if r := create(t, target); r.Verdict != plan.Stop {
		t.Errorf("the new token is refused as well: %+v", r)
	}
	list := server.Requests()
	if len(list) != 4 || list[3].Header.Get("Authorization") != "Bearer MARKER-2" {
		t.Errorf("%+v", list)
	}
}

// Reads are tried again by the target itself.
func TestBearerChangesBeforeARead(t *testing.T) {
	server := scimtest.NewFaulty(nil)
	token := &safe{text: "MARKER-1"}
	target := reach(t, server, auth.NewBearer(auth.BearerOptions{Token: token.get}))
	server.Script(scimtest.Reply{Status: 401, Delay: 100 * time.Millisecond})
	server.Forever(scimtest.Reply{Status: 200, Body: `{"totalResults":0}`})
	go func() { time.Sleep(30 * time.Millisecond); token.set("MARKER-2") }()
	if _, err := target.Find(t.Context(), scimtest.Person(1).Resource); err != nil {
		t.Error(err)
	}
	server.Forever(unauthorized)
	n := len(server.Requests())
	_, err := target.Find(t.Context(), scimtest.Person(1).Resource)
	says(t, err, "401", "does not accept our credentials")
	if more := len(server.Requests()) - n; more != 1 {
		t.Errorf("%d requests with a refused token", more)
	}
}

// A service that takes its time to know a new token is waited for, and no longer.
func TestRotationGrace(t *testing.T) {
	server := scimtest.NewFaulty(nil)
	server.Forever(unauthorized)
	now, written := time.Now(), time.Time{}
	token := &safe{text: "MARKER-1"}
	target := reach(t, server, auth.NewBearer(auth.BearerOptions{Token: token.get, Grace: 10 * time.Minute,
		Now: func() time.Time { return now }, Changed: func() time.Time { return written }}))
	if r := create(t, target); r.Verdict != plan.Stop {
		t.Errorf("nobody knows that the token was changed: %+v", r)
	}
	for _, c := range []struct{ age, wait time.Duration }{
		{0, 150 * time.Second}, {9 * time.Minute, time.Minute}, {10*time.Minute - time.Second, time.Second},
		{10 * time.Minute, 0}, {time.Hour, 0}, {-time.Minute, 0},
	} {
		written = now.Add(-c.age)
		r := create(t, target)
		switch {
		case c.wait == 0 && r.Verdict != plan.Stop:
			t.Errorf("%s after the change: %+v", c.age, r)
		case c.wait > 0 && (r.Verdict != plan.Again || !r.NotBefore.Equal(now.Add(c.wait))):
			t.Errorf("%s after the change: %+v, wants a wait of %s", c.age, r, c.wait)
		}
		if c.wait > 0 {
			says(t, r.Err, "the token was changed at", "may take 10m0s")
		}
	}
	// Without a file the change itself is seen.
	written = time.Time{}
	token.set("MARKER-2")
	if r := create(t, target); r.Verdict != plan.Again {
		t.Errorf("the token has just been changed: %+v", r)
	}
	now = now.Add(10 * time.Minute)
	if r := create(t, target); r.Verdict != plan.Stop {
		t.Errorf("the grace is over: %+v", r)
	}
}

func TestExpiredToken(t *testing.T) {
	server := scimtest.NewFaulty(nil)
	server.Forever(unauthorized)
	token := jwt(time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC))
	target := reach(t, server, auth.NewBearer(auth.BearerOptions{Token: func() (string, error) { return token, nil }}))
	says(t, create(t, target).Err, "the token expired on 2025-03-01", "put a new one in its place")
}

func TestBasicRefused(t *testing.T) {
	if _, err := auth.NewBasic("a:b", func() (string, error) { return "x", nil }); err == nil {
		t.Error("a colon in the name is taken")
	}
	if _, err := auth.NewBasic("a", nil); err == nil {
		t.Error("no password is taken")
	}
	server := scimtest.NewFaulty(nil)
	password := &safe{text: "MARKER-1"}
	credentials, err := auth.NewBasic("svc", password.get)
	if err != nil {
		t.Fatal(err)
	}
	target := reach(t, server, credentials)
	server.Script(unauthorized, scimtest.Reply{Status: 401, Delay: 100 * time.Millisecond}, created)
	if r := create(t, target); r.Verdict != plan.Stop {
		t.Errorf("%+v", r)
	}
	go func() { time.Sleep(30 * time.Millisecond); password.set("MARKER-2") }()
	if r := create(t, target); r.Verdict != plan.Again {
		t.Errorf("the password was changed meanwhile: %+v", r)
	}
	if r := create(t, target); r.Verdict != plan.Done {
		t.Errorf("%+v", r)
	}
}

// A token that vanished while a request was under way is said, with the 401.
func TestTokenVanishes(t *testing.T) {
	server := scimtest.NewFaulty(nil)
	server.Forever(unauthorized)
	n := 0
	target := reach(t, server, auth.NewBearer(auth.BearerOptions{Token: func() (string, error) {
		if n++; n > 1 {
			return "", errors.New("open token: no such file")
		}
		return "MARKER", nil
	}}))
	says(t, create(t, target).Err, "401", "read the bearer token: open token: no such file")
}

func TestJWTExpiry(t *testing.T) {
	at := time.Unix(1800000000, 0)
	for token, want := range map[string]time.Time{
		jwt(at): at, jwt(at) + "\n": at, "": {}, "opaque": {}, "a.b.c": {}, "a." + base64.RawURLEncoding.EncodeToString([]byte(`{"exp":"soon"}`)) + ".c": {},
		"a." + base64.RawURLEncoding.EncodeToString([]byte(`{"exp":1800000000.5}`)) + ".c":   at,
		"a." + base64.URLEncoding.EncodeToString([]byte(`{"exp":1800000000, "x":1}`)) + ".c": at,
		"a." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"x"}`)) + ".c":            {},
		"a." + base64.RawURLEncoding.EncodeToString([]byte(`{"exp":1e300}`)) + ".c":          {},
	} {
		got, ok := auth.JWTExpiry(token)
		if !got.Equal(want) || ok != !want.IsZero() {
			t.Errorf("%q: %s %t, want %s", token, got, ok, want)
		}
	}
}
