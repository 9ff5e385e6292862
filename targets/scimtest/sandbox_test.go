package scimtest_test

import (
	"net/http/httptest"
	"testing"

	"scimsync/sync/plan"
	"scimsync/targets/sandbox"
	"scimsync/targets/scim"
	"scimsync/targets/scim/auth"
	"scimsync/targets/scim/profile"
	"scimsync/targets/scimtest"
)

func newSandbox(t *testing.T) *sandbox.Server {
	t.Helper()
	server, err := sandbox.New(sandbox.Options{BearerToken: "a-token"})
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func bearer() scim.Authorizer {
	return auth.NewBearer(auth.BearerOptions{Token: func() (string, error) { return "a-token", nil }})
}

// quiet is a profile with which nothing is asked but what a test asks for.
func quiet() *profile.Profile {
	p := profile.RFC()
	p.Discovery.Mode = profile.DiscoveryOff
	return p
}

func TestSandboxBySocket(t *testing.T) {
	scimtest.Run(t, func(t *testing.T) scim.Options {
		listener := httptest.NewServer(newSandbox(t))
		t.Cleanup(listener.Close)
		return scim.Options{Name: "sandbox", URL: listener.URL + sandbox.DefaultBasePath, Auth: bearer()}
	})
}

func TestSandboxInProcess(t *testing.T) {
	scimtest.Run(t, func(t *testing.T) scim.Options {
		return scim.Options{Name: "sandbox", Handler: newSandbox(t), Auth: bearer()}
	})
}

// Behind HTTP/2 with TLS the same holds.
func TestSandboxByHTTP2(t *testing.T) {
	scimtest.Run(t, func(t *testing.T) scim.Options {
		listener := httptest.NewUnstartedServer(newSandbox(t))
		listener.EnableHTTP2 = true
		listener.StartTLS()
		t.Cleanup(listener.Close)
		return scim.Options{Name: "sandbox", URL: listener.URL + sandbox.DefaultBasePath, Auth: bearer(),
			TLS: scim.TLS{CAFile: authority(t, listener)}}
	})
}

// A create whose answer is lost leaves one account, which the lookup finds.
func TestLostCreateIsFound(t *testing.T) {
	for cut, accounts := range map[scimtest.Cut]int{scimtest.Before: 0, scimtest.After: 1} {
		server := newSandbox(t)
		faulty := scimtest.NewFaulty(server)
		faulty.Script(scimtest.Reply{Cut: cut})
		listener := httptest.NewServer(faulty)
		t.Cleanup(listener.Close)
		target, err := scim.New(scim.Options{Name: "sandbox", URL: listener.URL + sandbox.DefaultBasePath, Auth: bearer(), Profile: quiet()})
		if err != nil {
			t.Fatal(err)
		}
		defer target.Close()
		if r := target.Apply(t.Context(), scimtest.Create(scimtest.Person(1)), "corr-1"); r.Verdict != plan.InDoubt {
			t.Errorf("cut %d: verdict %d: %v", cut, r.Verdict, r.Err)
		}
		found, err := target.Find(t.Context(), scimtest.Person(1).Resource)
		if err != nil || len(found) != accounts || len(server.Users()) != accounts {
			t.Errorf("cut %d: found %v, error %v, the server holds %d", cut, found, err, len(server.Users()))
		}
	}
}
