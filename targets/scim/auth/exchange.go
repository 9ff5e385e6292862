package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"scimsync/targets/scim"
)

// proofs are the credentials of one request: secret, key and assertion, as they were
// read. They are never printed.
type proofs []string

const (
	proofSecret = iota
	proofKey
	proofJWT
)

// proofs reads the credentials.
func (a *OAuth) proofs() (proofs, error) {
	p := make(proofs, 3)
	for i, read := range []func() (string, error){a.o.Secret, a.o.Key, a.o.JWT} {
		if read == nil {
			continue
		}
		text, err := read()
		if err != nil {
			return nil, fmt.Errorf("get an access token: %w", err)
		}
		p[i] = strings.TrimRight(text, "\r\n") // a space may be part of a secret
	}
	return p, nil
}

// refusal is a request for a token that failed.
type refusal struct {
	text      string
	passing   bool      // time may mend it
	notBefore time.Time // as the endpoint asked; zero: it did not
	with      proofs
}

func (r *refusal) Error() string { return r.text }

// fetch asks for a token, once, and gives it with its life.
func (a *OAuth) fetch() (value string, life time.Duration, err error) {
	p, err := a.proofs()
	if err != nil {
		return "", 0, err
	}
	conf, err := a.request(p)
	if err != nil {
		return "", 0, fmt.Errorf("get an access token: %w", err)
	}
	got, err := conf.Token(context.WithValue(context.Background(), oauth2.HTTPClient, a.client))
	if err == nil && got.TokenType != "" && !strings.EqualFold(got.TokenType, "bearer") {
		err = fmt.Errorf("the token is of type %q, and only bearer tokens can be used", scim.Clean(got.TokenType, nil))
	}
	if err == nil && !plain(got.AccessToken) {
		err = errors.New("the token holds characters that no token has")
	}
	if err != nil {
		return "", 0, a.refusal(err, p, conf)
	}
	life = unsaidLife
	if left := time.Until(got.Expiry); left > 0 {
		life = left
	}
	return got.AccessToken, life, nil
}

// request spells out what the endpoint is sent.
func (a *OAuth) request(p proofs) (*clientcredentials.Config, error) {
	conf := &clientcredentials.Config{ClientID: a.o.ClientID, TokenURL: a.o.TokenURL, Scopes: a.o.Scope,
		EndpointParams: url.Values{"grant_type": {string(a.o.Grant)}}, AuthStyle: oauth2.AuthStyleInParams}
	maps.Copy(conf.EndpointParams, a.o.Params)
	switch a.o.Method {
	case SecretBasic:
		conf.ClientSecret, conf.AuthStyle = p[proofSecret], oauth2.AuthStyleInHeader
	case SecretPost:
		conf.ClientSecret = p[proofSecret]
	case PrivateKeyJWT:
		claims := Claims{Issuer: a.o.ClientID, Subject: a.o.ClientID, Audience: a.o.Claims.Audience}
		assertion, err := a.assertion(p[proofKey], claims)
		if err != nil {
			return nil, err
		}
		conf.EndpointParams.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		conf.EndpointParams.Set("client_assertion", assertion)
	case ClientTLS, NoMethod:
	}
	if a.o.Grant == JWTBearer {
		assertion, err := a.grantAssertion(p)
		if err != nil {
			return nil, err
		}
		conf.EndpointParams.Set("assertion", assertion)
	}
	return conf, nil
}

// grantAssertion is the JWT that a token is asked for with: the one that was given to
// us, or one of our own.
func (a *OAuth) grantAssertion(p proofs) (string, error) {
	given := p[proofJWT]
	if given == "" {
		return a.assertion(p[proofKey], a.o.Claims)
	}
	if !plain(given) {
		return "", errors.New("the jwt holds characters that no JWT has; is it the right file?")
	}
	if at, ok := JWTExpiry(given); ok && !at.After(a.o.Now()) {
		return "", fmt.Errorf("the jwt expired on %s; put a new one in its place", at.UTC().Format(time.DateOnly))
	}
	return given, nil
}

// labelled adds to a request for a token the headers that the library leaves out.
type labelled struct {
	http.RoundTripper
	userAgent string
}

func (l labelled) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Accept", "application/json")
	if l.userAgent != "" {
		req.Header.Set("User-Agent", l.userAgent)
	}
	return l.RoundTripper.RoundTrip(req)
}

// refusal tells what a failed request for a token means. Nothing of the endpoint's
// answer goes into it but its error code and description (RFC 6749 section 5.2), and
// of those nothing that we sent.
func (a *OAuth) refusal(err error, p proofs, conf *clientcredentials.Config) *refusal {
	r := &refusal{with: p}
	at := "get an access token from " + a.o.TokenURL
	var answered *oauth2.RetrieveError
	var unreached *url.Error
	switch {
	case errors.As(err, &answered) && answered.Response != nil:
		a.answered(r, answered, sent(p, conf))
		r.text = at + ": " + r.text
	case errors.As(err, &unreached): // no answer; a token request may be repeated, for a token nobody knows harms nobody
		r.passing = true
		r.text = at + ": " + unreached.Err.Error()
		if hint := scim.ChannelHint(unreached.Err, false); hint != "" {
			r.passing, r.text = false, r.text+": "+hint
		}
	case strings.Contains(err.Error(), "cannot fetch token"): // the answer broke off
		r.passing, r.text = true, at+": the answer broke off"
	case strings.HasPrefix(err.Error(), "oauth2: "):
		r.text = at + ": the answer holds no token; check auth.oauth2.token_url"
	default:
		r.text = at + ": " + err.Error()
	}
	return r
}

// answered reads an answer that is not a token.
func (a *OAuth) answered(r *refusal, answer *oauth2.RetrieveError, hidden []string) {
	status, header := answer.Response.StatusCode, answer.Response.Header
	r.text = fmt.Sprintf("%d %s", status, http.StatusText(status))
	if answer.ErrorCode != "" {
		r.text = fmt.Sprintf("%d %s", status, scim.Clean(answer.ErrorCode, hidden))
		if answer.ErrorDescription != "" {
			r.text += ": " + scim.Clean(answer.ErrorDescription, hidden)
		}
	}
	now := a.o.Now()
	r.notBefore, _ = scim.RetryAfter(header, now)
	switch {
	case status == http.StatusTooManyRequests:
		r.passing = true
		if r.notBefore.IsZero() {
			r.notBefore = now.Add(busyPause)
		}
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooEarly,
		answer.ErrorCode == "temporarily_unavailable", answer.ErrorCode == "server_error":
		r.passing = true
	case status/100 == 3:
		r.text += ": redirected, which is not followed; check auth.oauth2.token_url"
	case advice[answer.ErrorCode] != "":
		r.text += "; " + advice[answer.ErrorCode]
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		r.text += "; check auth.oauth2.token_url"
	default:
		r.text += "; check what stands under auth.oauth2"
	}
}

// advice says what to look at, by error code (RFC 6749 section 5.2, RFC 8707 section 2).
var advice = map[string]string{
	"invalid_client":         "check client_id, method, and the client's secret, key or certificate",
	"unauthorized_client":    "the client may not use this grant; allow it at the service",
	"invalid_grant":          "check the jwt, or the key and the claims it is made with, and the clock of this machine",
	"invalid_scope":          "check scope",
	"invalid_target":         "check resource and audience",
	"unsupported_grant_type": "check grant and token_url",
	"invalid_request":        "check method, scope and params",
}

// sent lists the secrets of a request in every form that an answer may repeat.
func sent(p proofs, conf *clientcredentials.Config) []string {
	var all []string
	for _, text := range append(append(proofs{}, p...), conf.EndpointParams.Get("client_assertion"), conf.EndpointParams.Get("assertion")) {
		if text == "" {
			continue
		}
		all = append(all, text, url.QueryEscape(text))
		for _, id := range []string{conf.ClientID, url.QueryEscape(conf.ClientID)} {
			for _, secret := range []string{text, url.QueryEscape(text)} {
				all = append(all, base64.StdEncoding.EncodeToString([]byte(id+":"+secret)))
			}
		}
		if parts := strings.Split(text, "."); len(parts) == 3 {
			all = append(all, parts[2], parts[0]+"."+parts[1])
		}
	}
	return all
}
