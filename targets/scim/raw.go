package scim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// Request is one request as it stands, for whoever learns what a service makes of it. Nothing checks that it is wise.
type Request struct {
	Method string
	Path   string // below the base URL, escaped, as in /Users/123
	Query  string // escaped
	Body   []byte // JSON; nil: none
}

// Answer is what came back: of any status, read to its end.
type Answer struct {
	Status  int
	Header  http.Header
	Body    []byte
	WebPage bool   // it is HTML, whatever it is labelled
	Err     *Error // what it says is wrong; nil for 2xx with something else than a web page
}

// Raw sends one request through the gate and gives its answer, whatever it is. It is sent again only when it was certainly not
// carried out (429, 503, no connection, a token that had to be renewed), or when it only reads; so an error tells of a request
// that may have arrived, or of a service that cannot be reached.
func (t *Target) Raw(ctx context.Context, r Request) (*Answer, error) {
	c := call{method: r.Method, path: r.Path, query: r.Query, body: r.Body, limit: limitPage}
	for try := 1; ; try++ {
		a, heard, err := t.tryRead(ctx, c)
		if try == maxTries || ctx.Err() != nil || !repeats(c, a, err) {
			return t.whole(c, a, err)
		}
		if waitErr := t.wait(ctx, heard.NotBefore, try); waitErr != nil {
			return nil, fmt.Errorf("%s %s: %w", c.method, c.path, waitErr)
		}
	}
}

// repeats tells whether a request may be sent once more for what came of it.
func repeats(c call, a *answer, err error) bool {
	if a != nil {
		return a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable
	}
	var o *outage
	if errors.As(err, &o) && o.kind == doubtful {
		return c.method == http.MethodGet
	}
	return passing(err)
}

// whole gives an answer as it came, unless it broke off.
func (t *Target) whole(c call, a *answer, err error) (*Answer, error) {
	switch {
	case a == nil:
		return nil, err
	case a.cut != nil:
		return nil, fmt.Errorf("%s %s: %w", c.method, c.path, a.cut)
	}
	out := &Answer{Status: a.status, Header: a.header, Body: a.body, WebPage: webPage(a)}
	if a.status/100 != 2 || out.WebPage {
		out.Err = t.problem(c, a)
	}
	return out, nil
}
