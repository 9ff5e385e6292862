package sandbox

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// tokenPrefix tells tokens of this server from others.
const tokenPrefix = "sandbox."

// oauth issues access tokens (RFC 6749 section 4.4, RFC 7523 section 2.1) and
// knows them until they expire. Options.BasicUser and BasicPassword are the
// client's id and secret; without them any client will do. Signatures of
// assertions are not checked: the sandbox does not know the key.
type oauth struct {
	server *Server
	ttl    time.Duration // of the server's clock
	mu     sync.Mutex
	tokens map[string]time.Time // until when
}

func newOAuth(s *Server, ttl time.Duration) hooks {
	o := &oauth{server: s, ttl: ttl, tokens: map[string]time.Time{}}
	return hooks{
		login: o.login,
		serve: func(c *call, next handler) (*response, error) {
			if c.isToken() {
				return o.issue(c), nil
			}
			return next(c)
		},
		config: func(m map[string]any) {
			m["authenticationSchemes"] = []any{map[string]any{
				"type": "oauthbearertoken", "name": "OAuth 2.0", "description": "A token from the token endpoint.", "primary": true,
			}}
		},
	}
}

// isToken says whether a call asks for a token: any path beside the endpoints
// of SCIM that ends in /token, so that the path of the real service can stay.
func (c *call) isToken() bool {
	return c.outside && c.Method == http.MethodPost && strings.HasSuffix(c.URL.Path, "/token")
}

func (o *oauth) login(c *call, _ gate) *response {
	if c.open || c.isToken() {
		return nil
	}
	scheme, token, _ := strings.Cut(c.Header.Get("Authorization"), " ")
	o.mu.Lock()
	until, known := o.tokens[token]
	o.mu.Unlock()
	switch {
	case !strings.EqualFold(scheme, "Bearer") || token == "":
		return o.refuse("OAU-149", "Invalid Authorization header")
	case !strings.HasPrefix(token, tokenPrefix):
		return o.refuse("OAU-129", "Access token corrupted")
	case !known:
		return o.refuse("OAU-213", "Token not found")
	case !o.server.clock().Before(until):
		return o.refuse("OAU-128", "Access token expired")
	}
	return nil
}

// refuse answers in RingCentral's words.
func (o *oauth) refuse(code, message string) *response {
	body := map[string]any{
		"errorCode": code, "message": message,
		"errors": []any{map[string]any{"errorCode": code, "message": message}},
	}
	return (&response{status: http.StatusUnauthorized, media: "application/json", body: encode(body)}).
		with("WWW-Authenticate", fmt.Sprintf(`Bearer error="invalid_token", error_description=%q`, code+" "+message))
}

// issue answers a request for a token.
func (o *oauth) issue(c *call) *response {
	form, err := url.ParseQuery(string(c.body))
	switch {
	case err != nil || !strings.HasPrefix(c.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		return tokenError("invalid_request", "the body must be application/x-www-form-urlencoded")
	case !o.client(c, form):
		a := tokenError("invalid_client", "the client is not known, or its secret is wrong")
		a.status = http.StatusUnauthorized
		return a.with("WWW-Authenticate", `Basic realm="token"`)
	}
	switch form.Get("grant_type") {
	case "client_credentials":
	case "urn:ietf:params:oauth:grant-type:jwt-bearer":
		if err := o.assertion(form.Get("assertion")); err != nil {
			return tokenError("invalid_grant", "assertion: "+err.Error())
		}
	default:
		return tokenError("unsupported_grant_type", "grant_type must be client_credentials or urn:ietf:params:oauth:grant-type:jwt-bearer")
	}
	token := tokenPrefix + o.server.newID()
	o.mu.Lock()
	o.tokens[token] = o.server.clock().Add(o.ttl)
	o.mu.Unlock()
	return &response{status: http.StatusOK, media: "application/json", body: encode(map[string]any{
		"access_token": token, "token_type": "bearer", "expires_in": int(o.server.lasts(o.ttl).Seconds()),
	})}
}

func tokenError(code, description string) *response {
	return &response{status: http.StatusBadRequest, media: "application/json",
		body: encode(map[string]any{"error": code, "error_description": description})}
}

// client checks who asks: by Basic (form-urlencoded, RFC 6749 section 2.3.1),
// in the body, or by an assertion.
func (o *oauth) client(c *call, form url.Values) bool {
	id, secret, basic := c.BasicAuth()
	if basic {
		var err1, err2 error
		id, err1 = url.QueryUnescape(id)
		secret, err2 = url.QueryUnescape(secret)
		if err1 != nil || err2 != nil {
			return false
		}
	} else {
		id, secret = form.Get("client_id"), form.Get("client_secret")
	}
	if assertion := form.Get("client_assertion"); assertion != "" {
		return form.Get("client_assertion_type") == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" && o.assertion(assertion) == nil
	}
	want := o.server.opts
	return id != "" && (want.BasicUser == "" || same(id, want.BasicUser) && same(secret, want.BasicPassword))
}

// assertion checks the form and the times of a JWT.
func (o *oauth) assertion(token string) error {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || parts[2] == "" {
		return fmt.Errorf("it is no signed JWT")
	}
	var header struct{ Alg string }
	var claims struct {
		Iss, Sub string
		Exp, Nbf float64
	}
	for i, into := range []any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(text, into)
		}
		if err != nil {
			return fmt.Errorf("part %d: %w", i+1, err)
		}
	}
	now := float64(o.server.opts.Now().Unix())
	switch {
	case header.Alg == "" || strings.EqualFold(header.Alg, "none"):
		return fmt.Errorf("it is not signed")
	case claims.Sub == "" && claims.Iss == "":
		return fmt.Errorf("it names nobody: sub and iss are missing")
	case claims.Exp <= now:
		return fmt.Errorf("it is expired, or has no exp")
	case claims.Nbf > now:
		return fmt.Errorf("it is not valid yet")
	}
	return nil
}
