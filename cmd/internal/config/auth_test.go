package config

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// The method of a client follows from what it has, where the file does not say it.
func TestOAuth2(t *testing.T) {
	cfg := load(t, everything)
	for name, want := range map[string]ClientMethod{"rc": ClientBasic, "given": "", "signing": ClientPrivateKeyJWT, "meeting": ClientPost, "certified": ClientTLS} {
		if got := cfg.Target(name).Auth.OAuth2.Method; got != want {
			t.Errorf("%s: method %q, want %q", name, got, want)
		}
	}
	rc, meeting := cfg.Target("rc").Auth.OAuth2, cfg.Target("meeting").Auth.OAuth2
	if rc.TokenURL != "https://platform.example.org/restapi/oauth/token/" { // the slash is part of it
		t.Errorf("token_url %s", rc.TokenURL)
	}
	if rc.Grant != GrantJWTBearer || rc.KeyID != "k1" || rc.Alg != "PS256" || rc.Claims != (Claims{"https://idp.example.org", "admin@example.org", "https://login.example.org"}) ||
		strings.Join(rc.Scope, " ") != "scim" || !strings.HasSuffix(rc.Key.Where(), "/good/rc.key") || rc.JWT.Given() {
		t.Errorf("%+v", rc)
	}
	if meeting.Grant != GrantClientCredentials || strings.Join(meeting.Scope, " ") != "read write" || meeting.Audience != "https://api.example.org" ||
		meeting.Resource != "https://scim.example.org" || len(meeting.Params) != 2 || meeting.Params[1] != (Param{"account_id", "7"}) ||
		!meeting.Expires.Equal(time.Date(2028, 2, 29, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", meeting)
	}
	if at := cfg.Target("cloud").Auth.Bearer.Expires; !at.Equal(time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)) {
		t.Error(at)
	}
	var lines bytes.Buffer
	if err := Effective(&lines, cfg, ""); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"targets.rc.auth.oauth2.method: basic", "targets.rc.auth.oauth2.claims.sub: admin@example.org", "targets.meeting.auth.oauth2.expires: '2028-02-29'",
		"targets.meeting.auth.oauth2.params.account_id: ", "targets.certified.auth.oauth2.grant: client_credentials"} {
		if !strings.Contains(lines.String(), want) {
			t.Errorf("not told: %s", want)
		}
	}
	if strings.Contains(lines.String(), "targets.given.auth.oauth2.method") {
		t.Error("a method is told where there is none")
	}
}
