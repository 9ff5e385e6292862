package scim_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"scimsync/sync/plan"
	"scimsync/sync/resource"
	"scimsync/targets/scim"
	"scimsync/targets/scim/auth"
	"scimsync/targets/scim/profile"
	"scimsync/targets/scimtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// secret is the token of all tests here: it must show up in no message.
const secret = "MARKER-bearer-5d1f"

func bearer() scim.Authorizer { return token(secret+"\n", nil) }

func token(text string, err error) scim.Authorizer {
	return auth.NewBearer(auth.BearerOptions{Token: func() (string, error) { return text, err }})
}

func basic(t *testing.T, user, password string, err error) scim.Authorizer {
	t.Helper()
	b, failed := auth.NewBasic(user, func() (string, error) { return password, err })
	if failed != nil {
		t.Fatal(failed)
	}
	return b
}

// serve puts a handler behind a socket and a target before it.
func serve(t *testing.T, handler http.Handler, more ...func(*scim.Options)) *scim.Target {
	t.Helper()
	listener := httptest.NewServer(handler)
	t.Cleanup(listener.Close)
	return reach(t, listener.URL+"/scim/v2/", more...)
}

// with gives options with a profile that differs from RFC as change says. Discovery is
// off: it has tests of its own.
func with(change func(*profile.Profile)) func(*scim.Options) {
	p := profile.RFC()
	p.Discovery.Mode = profile.DiscoveryOff
	change(p)
	return func(o *scim.Options) { o.Profile = p }
}

func reach(t *testing.T, url string, more ...func(*scim.Options)) *scim.Target {
	t.Helper()
	o := scim.Options{Name: "hr-cloud", URL: url, Auth: bearer(), UserAgent: "scimsync/test", Timeout: 10 * time.Second}
	with(func(*profile.Profile) {})(&o)
	for _, change := range more {
		change(&o)
	}
	target, err := scim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(target.Close)
	return target
}

// inProcess is serve without a socket, for tests under a fake clock.
func inProcess(t *testing.T, handler http.Handler, more ...func(*scim.Options)) *scim.Target {
	t.Helper()
	return reach(t, "", append([]func(*scim.Options){func(o *scim.Options) { o.Handler = handler }}, more...)...)
}

func apply(t *testing.T, target *scim.Target, change *plan.Change) plan.Result {
	t.Helper()
	r := target.Apply(t.Context(), change, "corr-1")
	if (r.Err == nil) != (r.Verdict == plan.Done) {
		t.Errorf("%s: verdict %d with error %v", change, r.Verdict, r.Err)
	}
	noSecret(t, r.Err)
	return r
}

func noSecret(t *testing.T, err error) {
	t.Helper()
	if err != nil && strings.Contains(err.Error(), "MARKER") {
		t.Errorf("a secret shows: %v", err)
	}
}

// says fails unless the error holds all the words.
func says(t *testing.T, err error, words ...string) {
	t.Helper()
	noSecret(t, err)
	if err == nil {
		t.Errorf("no error, want one that says %q", words)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error does not say %q: %v", word, err)
		}
	}
}

func replace(path string, v any) resource.Op { return resource.Op{Op: "replace", Path: path, Value: v} }
func removal(path string) resource.Op        { return resource.Op{Op: "remove", Path: path} }

func scimError(status int, scimType string) scimtest.Reply {
	return scimtest.Reply{Status: status, Body: `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"` +
		http.StatusText(status) + `","scimType":"` + scimType + `","detail":"said by the server"}`}
}
