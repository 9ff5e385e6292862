package auth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"scimsync/targets/scim"
)

// Grant is what an access token is asked for with.
type Grant string

// The grants there are.
const (
	ClientCredentials Grant = "client_credentials"                          // RFC 6749 section 4.4
	JWTBearer         Grant = "urn:ietf:params:oauth:grant-type:jwt-bearer" // RFC 7523 section 2.1
)

// Method is how the client proves who it is to the token endpoint.
type Method string

// The methods there are (RFC 6749 section 2.3.1, RFC 7523 section 2.2, RFC 8705
// section 2.1).
const (
	NoMethod      Method = "" // not at all: the assertion of JWTBearer says it
	SecretBasic   Method = "client_secret_basic"
	SecretPost    Method = "client_secret_post"
	PrivateKeyJWT Method = "private_key_jwt"
	ClientTLS     Method = "tls_client_auth" // Transport has the certificate
)

// OAuthOptions describe a client of a token endpoint (RFC 6749 section 3.2). TokenURL,
// Grant, Transport and what Grant and Method need are needed.
type OAuthOptions struct {
	TokenURL string // https, or http on a loopback host
	Grant    Grant
	Method   Method
	ClientID string
	// Secret is for SecretBasic and SecretPost, Key for PrivateKeyJWT and for a JWTBearer
	// that makes its own assertion, JWT for one that was given its assertion. They are
	// read anew for every token, so that what was changed is used.
	Secret, Key, JWT func() (string, error)
	// Alg, KeyID and Claims are of the assertions that are made with Key.
	Alg    string // ES256, RS256, PS256 or EdDSA; empty: as the key is
	KeyID  string
	Claims Claims
	Scope  []string
	// Params are further parameters of the request: resource (RFC 8707), audience, …
	Params url.Values
	// Transport reaches the token endpoint. It follows no redirects.
	Transport http.RoundTripper
	UserAgent string
	// Replays is how often in a row a token that the target refuses is replaced by a fresh
	// one; as a rule 1. Refresh holds what must stand in the 401 for that, one of these
	// codes; empty: nothing must.
	Replays int
	Refresh []string
	Now     func() time.Time
	// Backoff is the first wait after a request that failed; 1 s if zero. It doubles.
	Backoff time.Duration
}

// How tokens are got and kept.
const (
	callTimeout   = 30 * time.Second // of one request
	unsaidLife    = 5 * time.Minute  // of a token whose answer says nothing of it
	longestMargin = time.Minute      // a token is renewed so long before its end, or
	marginShare   = 10               // the tenth part of its life
	maxFailures   = 5                // requests in a row, then the target stops
	longestPause  = 5 * time.Minute  // between two of them
	busyPause     = 10 * time.Second // after a 429 that does not say how long
	// settled is how long a config that the token endpoint refused is not tried again,
	// unless it changes.
	settled = 15 * time.Minute
	// patience is how long a token that replaced a refused one is not replaced for being
	// refused as well.
	patience = time.Minute
)

// OAuth gets access tokens, keeps the current one in memory and renews it in time.
//
// However many ask, one request at a time goes to the token endpoint, and all share
// what comes of it. While none succeeds nobody gets a token:
//
//	answer of the token endpoint            is tried again
//	429, 5xx, 408, 425, none                after Retry-After, or 1 s, 2 s, 4 s … 5 min; the fifth
//	                                        in a row and all that follow stop the target
//	an error of ours (invalid_client, …)    after 15 min, or once a credential has changed
type OAuth struct {
	o      OAuthOptions
	client *http.Client

	mu       sync.Mutex
	token    token
	flight   *flight  // the request under way; nil: none
	failed   *failure // what came of the last one; nil: a token
	failures int      // in a row that time may mend
}

// token is an access token; the zero value is none.
type token struct {
	value    string
	renew    time.Time // when another one is to be got
	got      time.Time
	replaces int  // how many before it, in a row, were refused
	refused  bool // as was this
}

// flight is one request to the token endpoint, for all who wait for a token.
type flight struct {
	done     chan struct{} // closed once value and err are there
	value    string
	err      error
	replaces int
}

// failure is why there is no token.
type failure struct {
	err   error
	until time.Time // nothing is tried before
	with  proofs    // what was refused: another is tried at once; nil: whatever it is
}

// NewOAuth makes an OAuth. It sends nothing and reads no credential.
func NewOAuth(o OAuthOptions) *OAuth {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Backoff <= 0 {
		o.Backoff = time.Second
	}
	return &OAuth{o: o, client: &http.Client{
		Transport:     labelled{o.Transport, o.UserAgent},
		Timeout:       callTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Authorize is part of scim.Authorizer.
func (a *OAuth) Authorize(req *http.Request) ([]string, error) {
	value, err := a.current(req.Context())
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+value)
	return []string{value}, nil
}

// current gives the token there is, or waits for the one that is being got.
func (a *OAuth) current(ctx context.Context) (string, error) {
	f, value, err := a.join()
	if f == nil {
		return value, err
	}
	select {
	case <-f.done:
		return f.value, f.err
	case <-ctx.Done():
		return "", fmt.Errorf("wait for an access token: %w", ctx.Err())
	}
}

// join gives the token, why there is none, or the request that is to be waited for.
// That request is nobody's in particular: who gives up waiting does not end it.
func (a *OAuth) join() (*flight, string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.o.Now()
	if a.token.value != "" && now.Before(a.token.renew) {
		return nil, a.token.value, nil
	}
	if a.flight == nil {
		if a.failed != nil && now.Before(a.failed.until) && !a.changed(a.failed.with) {
			return nil, "", a.failed.err
		}
		a.flight = &flight{done: make(chan struct{})}
		if a.token.refused {
			a.flight.replaces = a.token.replaces + 1
		}
		go a.fly(a.flight)
	}
	return a.flight, "", nil
}

// changed tells whether credentials are not those that were refused.
func (a *OAuth) changed(refused proofs) bool {
	if refused == nil {
		return false
	}
	now, err := a.proofs()
	return err != nil || !slices.Equal(now, refused)
}

// fly makes one request to the token endpoint and tells all who wait.
func (a *OAuth) fly(f *flight) {
	asked := a.o.Now()
	value, life, err := a.fetch()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.flight = nil
	if err != nil {
		a.failed = a.failure(err)
		f.err = a.failed.err
	} else {
		a.token = token{value: value, renew: asked.Add(life - min(life/marginShare, longestMargin)), got: asked, replaces: f.replaces}
		a.failed, a.failures = nil, 0
		f.value = value
	}
	close(f.done)
}

// failure decides when another request is made after one that failed; a.mu is held.
func (a *OAuth) failure(err error) *failure {
	now := a.o.Now()
	var r *refusal
	switch {
	case !errors.As(err, &r): // a credential cannot be read: nothing was sent
		return &failure{err: err}
	case !r.passing:
		return &failure{err: err, until: now.Add(settled), with: r.with}
	}
	a.failures++
	pause := min(a.o.Backoff<<min(a.failures-1, 20), longestPause)
	f := &failure{until: now.Add(pause/2 + rand.N(pause/2+1))}
	if r.notBefore.After(f.until) {
		f.until = r.notBefore
	}
	f.err = &scim.Later{Err: err, At: f.until}
	if a.failures >= maxFailures {
		f.err = fmt.Errorf("%w (%d times in a row)", err, a.failures)
	}
	return f
}

// Refused is part of scim.Authorizer. A refused token is dropped, and the request sent
// again with another; is that refused as well, it is not the token's fault.
func (a *OAuth) Refused(authorization string, body []byte) scim.Refusal {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.o.Now()
	if a.token.value == "" || authorization != "Bearer "+a.token.value { // another is on its way, or there
		return scim.Refusal{NotBefore: now}
	}
	a.token.refused = true
	why := ""
	switch {
	case len(a.o.Refresh) > 0 && !slices.ContainsFunc(a.o.Refresh, func(code string) bool { return bytes.Contains(body, []byte(code)) }):
		why = "the target refuses the access token, and not for its age"
	case a.o.Replays == 0:
		why = "the target refuses the access token"
	case a.token.replaces >= a.o.Replays && now.Before(a.token.got.Add(patience)):
		why = "the target refuses even a token that was got a moment ago"
	default:
		a.token.value = ""
		return scim.Refusal{NotBefore: now}
	}
	if soon := now.Add(patience); soon.Before(a.token.renew) {
		a.token.renew = soon
	}
	return scim.Refusal{Advice: why + "; check the rights of client " + a.o.ClientID + " there, and auth.oauth2"}
}

// Close gives idle connections back.
func (a *OAuth) Close() { a.client.CloseIdleConnections() }
