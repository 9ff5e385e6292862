package sandbox

import (
	"context"
	"crypto/subtle"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	mediaType      = "application/scim+json"
	defaultMaxBody = 1 << 20 // bytes of a request
)

// handler answers a request; no answer and no error cut the connection.
type handler func(*call) (*response, error)

// gate looks at the credentials of a request and returns the answer to wrong
// ones, or nil.
type gate func(*call) *response

// ServeHTTP answers one request. A cut panics with http.ErrAbortHandler, which
// net/http turns into a closed connection.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, controlPath) {
		s.control(w, r)
		return
	}
	at, start := s.opts.Now(), time.Now()
	c := s.call(r)
	c.early = s.closed.inside(at)
	body, err := readBody(w, r, s.habits().settings.maxBody)
	var a *response
	if err == nil {
		c.body = body
		a, err = s.habits().door(s.admit)(c)
	}
	if err != nil {
		a = s.refusal(err)
	}
	entry := Request{
		N: c.n, Time: at, Method: r.Method, Path: r.URL.EscapedPath(), RawQuery: r.URL.RawQuery,
		Body: body, Duration: time.Since(start), Early: c.early,
	}
	if a != nil {
		entry.Status = a.status
	}
	s.count(c, entry)
	s.log(entry)
	if a == nil {
		panic(http.ErrAbortHandler)
	}
	a.write(w)
}

// call makes the call of a request, without its body.
func (s *Server) call(r *http.Request) *call {
	c := &call{Request: r, n: s.requests.Add(1), base: s.baseURL(r)}
	rest, inside := strings.CutPrefix(r.URL.Path, s.base)
	c.outside = !inside || rest != "" && rest[0] != '/'
	if !c.outside {
		c.path = rest
	}
	return c
}

func (s *Server) log(entry Request) {
	if s.opts.Log == nil {
		return
	}
	s.logMu.Lock()
	defer s.logMu.Unlock()
	s.opts.Log(entry)
}

func readBody(w http.ResponseWriter, r *http.Request, most int) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(most)))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, answerError(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes", most)
	case err != nil:
		return nil, answerError(http.StatusBadRequest, "read the body: %v", err)
	}
	return body, nil
}

// wait sleeps unless the client goes away.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return answerError(http.StatusServiceUnavailable, "the client went away")
	}
}

// admit passes a request through the latency, credentials, the limits and the
// planned fault to the operation.
func (s *Server) admit(c *call) (*response, error) {
	if err := wait(c.Context(), s.opts.Latency); err != nil {
		return nil, err
	}
	h := s.habits()
	if a := h.login(s.unauthorized)(c); a != nil {
		return a, nil
	}
	return h.pass(s.limits.wrap(s.perform))(c)
}

// perform passes a request through the planned fault to the operation.
func (s *Server) perform(c *call) (*response, error) {
	fail := s.opts.Fail
	hit := fail.hits(c.n, s.chance)
	if hit && fail.Cut == CutBefore {
		return nil, nil
	}
	if hit && fail.Cut == CutNone {
		return nil, answerError(fail.status(), "a fault on purpose")
	}
	a, err := s.operate(c)
	if hit && fail.Cut == CutAfter {
		return nil, nil
	}
	return a, err
}

// operate answers one SCIM operation: that of a request, or one of a Bulk
// request.
func (s *Server) operate(c *call) (*response, error) { return s.habits().serve(s.route)(c) }

// unauthorized returns the answer to missing or wrong credentials, or nil.
func (s *Server) unauthorized(c *call) *response {
	o := s.opts
	if c.open || o.BearerToken == "" && o.BasicUser == "" {
		return nil
	}
	if scheme, token, ok := strings.Cut(c.Header.Get("Authorization"), " "); o.BearerToken != "" && ok &&
		strings.EqualFold(scheme, "Bearer") && same(token, o.BearerToken) {
		return nil
	}
	if user, password, ok := c.BasicAuth(); o.BasicUser != "" && ok && same(user, o.BasicUser) && same(password, o.BasicPassword) {
		return nil
	}
	a := s.refusal(answerError(http.StatusUnauthorized, "the credentials are missing or wrong"))
	if o.BearerToken != "" {
		a.with("WWW-Authenticate", `Bearer realm="scim"`)
	}
	if o.BasicUser != "" {
		a.with("WWW-Authenticate", `Basic realm="scim"`)
	}
	return a
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
