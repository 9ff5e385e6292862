package scimtest_test

import (
	"net/http/httptest"
	"testing"

	"scimsync/targets/sandbox"
	"scimsync/targets/scim"
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

func bearer() scim.Auth {
	return scim.Auth{Bearer: func() (string, error) { return "a-token", nil }}
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
