package scimtest_test

import (
	"net/http/httptest"
	"testing"

	"scimsync/targets/sandbox"
	"scimsync/targets/scim"
	"scimsync/targets/scimtest"
)

func TestGroupsOfSandbox(t *testing.T) {
	scimtest.RunGroups(t, func(t *testing.T) scim.Options {
		listener := httptest.NewServer(newSandbox(t))
		t.Cleanup(listener.Close)
		return scim.Options{Name: "sandbox", URL: listener.URL + sandbox.DefaultBasePath, Auth: bearer()}
	})
}

func TestGroupsOfScimmy(t *testing.T) {
	server := scimtest.StartWithToken(t, "a-token")
	scimtest.RunGroups(t, func(t *testing.T) scim.Options {
		server.Reset()
		return scim.Options{Name: "scimmy", URL: server.URL, Auth: bearer()}
	})
}
