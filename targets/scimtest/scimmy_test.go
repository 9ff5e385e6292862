package scimtest_test

import (
	"testing"

	"scimsync/targets/scim"
	"scimsync/targets/scimtest"
)

func TestScimmy(t *testing.T) {
	scimtest.Run(t, func(t *testing.T) scim.Options {
		server := scimtest.StartWithToken(t, "a-token")
		return scim.Options{Name: "scimmy", URL: server.URL,
			Auth: scim.Auth{Bearer: func() (string, error) { return server.Token, nil }}}
	})
}
