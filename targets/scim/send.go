package scim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
)

// call is one request before it is spelled out.
type call struct {
	method string
	path   string // below the base URL, escaped: /Users/123
	query  string // escaped; it may hold personal data and is never part of an error
	body   []byte
	match  string // the version that it is for; empty: not said
	id     string // correlation id
	limit  int64  // of the answer's body, in bytes
}

// Answers larger than these are not read to their end.
const (
	limitOne  = 16 << 20
	limitPage = 64 << 20
)

// maxHops is how many redirects one request follows.
const maxHops = 3

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
	cut    error    // why the body is not whole; nil: it is
	hidden []string // secrets of the request, to be kept out of messages
	parts  []member // of the body, once somebody asked for them
}

// members gives the members of the body, a JSON object. Of what is not JSON to its end
// there are none: an account counts as made only if all of what says so can be read.
func (a *answer) members() []member {
	if a.parts == nil && json.Valid(a.body) {
		a.parts = members(a.body)
	}
	return a.parts
}

// send sends one request and reads its answer. A request without an answer gives an
// *outage, which tells whether it may have arrived. 307 and 308 are followed by
// hand inside the target's origin (RFC 9110 section 15.4); any other redirect is an
// answer like any other.
func (t *Target) send(ctx context.Context, c call) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	address := t.base + c.path
	if c.query != "" {
		address += "?" + c.query
	}
	for hop := 0; ; hop++ {
		a, err := t.exchange(ctx, c, address)
		if err != nil {
			return nil, err
		}
		if a.status != http.StatusTemporaryRedirect && a.status != http.StatusPermanentRedirect {
			return a, nil
		}
		next, ok := t.inside(address, a.header.Get("Location"))
		if !ok || hop == maxHops {
			return a, nil
		}
		address = next
	}
}

// inside resolves a redirect and tells whether it stays inside the target's origin.
func (t *Target) inside(from, location string) (string, bool) {
	base, err := url.Parse(from)
	if err != nil || location == "" {
		return "", false
	}
	to, err := base.Parse(location)
	if err != nil || to.User != nil || origin(to) != t.origin {
		return "", false
	}
	return to.String(), true
}

// exchange is one request and one answer on the wire.
func (t *Target) exchange(ctx context.Context, c call, address string) (*answer, error) {
	var wrote atomic.Bool // the hooks may run on other goroutines
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { wrote.Store(true) }})
	req, hidden, err := t.request(ctx, c, address)
	if err != nil {
		return nil, t.unproven(ctx, c, err)
	}
	resp, err := t.transport.RoundTrip(req)
	if err != nil {
		return nil, t.outage(ctx, outage{call: c, err: err, sent: wrote.Load()})
	}
	defer resp.Body.Close()
	a := &answer{status: resp.StatusCode, header: resp.Header, hidden: hidden}
	a.body, err = io.ReadAll(io.LimitReader(resp.Body, c.limit+1))
	// Some servers on Windows put a byte order mark before JSON (RFC 8259 section 8.1).
	a.body = bytes.TrimPrefix(a.body, []byte("\ufeff"))
	switch {
	case err != nil:
		a.cut = fmt.Errorf("the answer broke off: %w", err)
	case int64(len(a.body)) > c.limit:
		a.cut = fmt.Errorf("the answer is larger than %d MiB", c.limit>>20)
		a.body = nil
	}
	if a.status == http.StatusUnauthorized && t.auth != nil {
		return nil, t.unauthorized(c, a, req.Header.Get("Authorization"))
	}
	return a, nil
}

// request spells a call out. It returns the secrets it holds as well.
func (t *Target) request(ctx context.Context, c call, address string) (*http.Request, []string, error) {
	var body io.Reader
	if c.body != nil {
		body = bytes.NewReader(c.body)
	}
	req, err := http.NewRequestWithContext(ctx, c.method, address, body)
	if err != nil {
		return nil, nil, errors.New("spell out the request: the address is not a URL")
	}
	// Without GetBody nothing below this line can send a body twice (HTP-10).
	req.GetBody = nil
	for name, value := range t.profile.Headers {
		req.Header.Set(name, value)
	}
	req.Header.Set("Accept", t.profile.Accept)
	req.Header.Set("User-Agent", t.userAgent)
	if c.id != "" {
		req.Header.Set("X-Request-Id", c.id)
	}
	if c.match != "" {
		req.Header.Set("If-Match", c.match)
	}
	if c.body != nil {
		req.Header.Set("Content-Type", t.mediaType())
	}
	if t.auth == nil {
		return req, nil, nil
	}
	hidden, err := t.auth.Authorize(req)
	return req, hidden, err
}

func (t *Target) mediaType() string {
	if t.knows(plainJSON) {
		return "application/json"
	}
	return t.profile.ContentType
}

// fallBack switches to application/json; false: that was done before.
func (t *Target) fallBack() bool {
	return t.learn(plainJSON, "application/scim+json is refused, so requests are labelled application/json")
}
