package auth

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"scimsync/targets/scim"
)

// Bearer is a token that somebody put there (RFC 6750).
type Bearer struct {
	o BearerOptions

	mu      sync.Mutex
	last    string    // the token of the last request
	changed time.Time // when it was first seen in place of another; zero: not seen
}

// BearerOptions say where the token is. Only Token is needed.
type BearerOptions struct {
	// Token gives the token. It is called for every request, so that a changed one is
	// used at once.
	Token func() (string, error)
	// Changed tells since when the token has been there; zero: nobody knows.
	Changed func() time.Time
	// Grace is how long the service may take to know a new token: until then a 401 asks
	// for patience, not for help.
	Grace time.Duration
	Now   func() time.Time
}

// NewBearer makes a Bearer.
func NewBearer(o BearerOptions) *Bearer {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Bearer{o: o}
}

// Authorize is part of scim.Authorizer.
func (b *Bearer) Authorize(req *http.Request) ([]string, error) {
	token, err := b.token()
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	return []string{token}, nil
}

// token reads the token and notices when it is another one.
func (b *Bearer) token() (string, error) {
	token, err := b.o.Token()
	if err != nil {
		return "", fmt.Errorf("read the bearer token: %w", err)
	}
	if token = strings.TrimSpace(token); token == "" {
		return "", errors.New("the bearer token is empty")
	}
	if !plain(token) {
		return "", errors.New("the bearer token holds characters that no token has; is it the right file?")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.last != "" && b.last != token {
		b.changed = b.o.Now()
	}
	b.last = token
	return token, nil
}

// plain tells whether a token can stand in a header.
func plain(token string) bool {
	return !strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' })
}

// Refused is part of scim.Authorizer. Another try is worth it with another token, and
// with one so new that the service may not know it yet.
func (b *Bearer) Refused(authorization string, _ []byte) scim.Refusal {
	token, err := b.token()
	if err != nil {
		return scim.Refusal{Advice: err.Error()}
	}
	now := b.o.Now()
	if authorization != "Bearer "+token {
		return scim.Refusal{NotBefore: now}
	}
	if left := b.since().Add(b.o.Grace).Sub(now); left > 0 && b.o.Grace > 0 {
		return scim.Refusal{
			NotBefore: now.Add(min(max(b.o.Grace/4, time.Second), left)),
			Advice: fmt.Sprintf("the token was changed at %s, and this service may take %s to know a new one",
				b.since().UTC().Format(time.RFC3339), b.o.Grace),
		}
	}
	if at, ok := JWTExpiry(token); ok && !at.After(now) {
		return scim.Refusal{Advice: "the token expired on " + at.UTC().Format(time.DateOnly) + "; put a new one in its place"}
	}
	return scim.Refusal{}
}

// since is when the token was put there, as far as that is known.
func (b *Bearer) since() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	since := b.changed
	if b.o.Changed != nil {
		if at := b.o.Changed(); at.After(since) && !at.After(b.o.Now()) {
			since = at
		}
	}
	return since
}

// Basic is a name and a password (RFC 7617).
type Basic struct {
	user     string
	password func() (string, error)
}

// NewBasic makes a Basic. The password is asked for at every request, so that a
// changed one is used at once.
func NewBasic(user string, password func() (string, error)) (*Basic, error) {
	if password == nil || strings.Contains(user, ":") {
		return nil, errors.New("auth.basic: needs a password, and a user name without a colon (RFC 7617)")
	}
	return &Basic{user, password}, nil
}

// Authorize is part of scim.Authorizer.
func (b *Basic) Authorize(req *http.Request) ([]string, error) {
	password, err := b.password()
	if err != nil {
		return nil, fmt.Errorf("read the password: %w", err)
	}
	if password == "" {
		return nil, errors.New("the password is empty")
	}
	req.SetBasicAuth(b.user, password)
	return []string{password, b.proof(password)}, nil
}

func (b *Basic) proof(password string) string {
	return base64.StdEncoding.EncodeToString([]byte(b.user + ":" + password))
}

// Refused is part of scim.Authorizer: another try is worth it with another password.
func (b *Basic) Refused(authorization string, _ []byte) scim.Refusal {
	password, err := b.password()
	if err == nil && password != "" && authorization != "Basic "+b.proof(password) {
		return scim.Refusal{NotBefore: time.Now()}
	}
	return scim.Refusal{}
}
