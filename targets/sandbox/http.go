package sandbox

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	mediaType = "application/scim+json"
	maxBody   = 1 << 20 // bytes of a request
)

// response is an answer before it is written.
type response struct {
	status int
	header [][2]string
	body   []byte
}

func (a *response) with(name, value string) *response {
	a.header = append(a.header, [2]string{name, value})
	return a
}

func (a *response) write(w http.ResponseWriter) {
	h := w.Header()
	for _, pair := range a.header {
		h.Add(pair[0], pair[1])
	}
	if a.body != nil {
		h.Set("Content-Type", mediaType)
		h.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the client is gone if this fails
}

// refusal is the answer to an error (RFC 7644 section 3.12).
func refusal(err error) *response {
	var e *scimError
	if !errors.As(err, &e) {
		e = answerError(http.StatusInternalServerError, "%v", err)
	}
	body := map[string]any{"schemas": []string{errorURN}, "status": strconv.Itoa(e.status), "detail": e.detail}
	if e.scimType != "" {
		body["scimType"] = e.scimType
	}
	return &response{status: e.status, body: encode(body)}
}

// ServeHTTP answers one request. A planned cut panics with
// http.ErrAbortHandler, which net/http turns into a closed connection.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := s.requests.Add(1)
	at, start := s.opts.Now(), time.Now()
	body, err := readBody(w, r)
	if err == nil {
		err = wait(r.Context(), s.opts.Latency)
	}
	var a *response // nil: cut
	if err != nil {
		a = refusal(err)
	} else {
		a = s.answer(n, r, body)
	}
	entry := Request{
		N: n, Time: at, Method: r.Method, Path: r.URL.EscapedPath(), RawQuery: r.URL.RawQuery,
		Body: body, Duration: time.Since(start),
	}
	if a != nil {
		entry.Status = a.status
	}
	s.log(entry)
	if a == nil {
		panic(http.ErrAbortHandler)
	}
	a.write(w)
}

func (s *Server) log(entry Request) {
	if s.opts.Log == nil {
		return
	}
	s.logMu.Lock()
	defer s.logMu.Unlock()
	s.opts.Log(entry)
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, answerError(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes", maxBody)
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

// answer passes a request through credentials, rate limit and planned faults
// to the operation. Nil means that the connection is to be cut.
func (s *Server) answer(n int64, r *http.Request, body []byte) *response {
	if a := s.unauthorized(r); a != nil {
		return a
	}
	if a := s.limited(); a != nil {
		return a
	}
	fail := s.opts.Fail
	hit := fail.hits(n, s.chance)
	if hit && fail.Cut == CutBefore {
		return nil
	}
	if hit && fail.Cut == CutNone {
		return refusal(answerError(fail.status(), "a fault on purpose"))
	}
	a, err := s.route(call{Request: r, body: body, base: s.baseURL(r)})
	if err != nil {
		a = refusal(err)
		var not *notAllowed
		if errors.As(err, &not) {
			a = refusal(answerError(http.StatusMethodNotAllowed, "%v", err)).with("Allow", not.allow)
		}
	}
	if hit && fail.Cut == CutAfter {
		return nil
	}
	return a
}

// unauthorized returns the answer to missing or wrong credentials, or nil.
func (s *Server) unauthorized(r *http.Request) *response {
	o := s.opts
	if o.BearerToken == "" && o.BasicUser == "" {
		return nil
	}
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); o.BearerToken != "" && ok &&
		strings.EqualFold(scheme, "Bearer") && same(token, o.BearerToken) {
		return nil
	}
	if user, password, ok := r.BasicAuth(); o.BasicUser != "" && ok && same(user, o.BasicUser) && same(password, o.BasicPassword) {
		return nil
	}
	a := refusal(answerError(http.StatusUnauthorized, "the credentials are missing or wrong"))
	if o.BearerToken != "" {
		a.with("WWW-Authenticate", `Bearer realm="scim"`)
	}
	if o.BasicUser != "" {
		a.with("WWW-Authenticate", `Basic realm="scim"`)
	}
	return a
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// limited returns the answer to a request above the rate, or nil.
func (s *Server) limited() *response {
	if s.limiter == nil {
		return nil
	}
	now := s.opts.Now()
	slot := s.limiter.ReserveN(now, 1)
	delay := slot.DelayFrom(now)
	if delay <= 0 {
		return nil
	}
	slot.CancelAt(now)
	seconds := strconv.Itoa(int(math.Ceil(delay.Seconds())))
	return refusal(answerError(http.StatusTooManyRequests, "the limit is %d requests in %v; try again in %s s",
		s.opts.Rate.Events, s.opts.Rate.Per, seconds)).with("Retry-After", seconds)
}

// call is a request on its way to an operation.
type call struct {
	*http.Request
	body []byte
	base string // URL that locations begin with
}

// object reads the body as a JSON object of a media type SCIM knows.
func (c call) object() (map[string]any, error) {
	if err := c.checkType(); err != nil {
		return nil, err
	}
	return parseObject(c.body)
}

func (c call) checkType() error {
	kind, _, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	if err != nil || kind != mediaType && kind != "application/json" {
		return answerError(http.StatusUnsupportedMediaType, "Content-Type must be %s", mediaType)
	}
	return nil
}

// condition is what If-Match and If-None-Match ask for.
type condition struct{ match, noneMatch string }

func (c call) condition() condition {
	return condition{c.Header.Get("If-Match"), c.Header.Get("If-None-Match")}
}

// holds says whether If-Match lets a write happen.
func (c condition) holds(r *resource) bool { return c.match == "" || listed(c.match, r) }

// unchanged says whether If-None-Match spares the body of a GET.
func (c condition) unchanged(r *resource) bool { return c.noneMatch != "" && listed(c.noneMatch, r) }

// listed compares weakly (RFC 9110 section 8.8.3.2): all our tags are weak.
func listed(tags string, r *resource) bool {
	for tag := range strings.SplitSeq(tags, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || strings.TrimPrefix(tag, "W/") == strings.TrimPrefix(r.etag(), "W/") {
			return true
		}
	}
	return false
}

// Transport returns a client transport that calls the service provider
// directly, without a socket. A planned cut is an error that wraps
// io.ErrUnexpectedEOF.
func (s *Server) Transport() http.RoundTripper { return direct{s} }

type direct struct{ server *Server }

func (d direct) RoundTrip(req *http.Request) (res *http.Response, err error) {
	in := req.Clone(req.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	defer in.Body.Close() // read already
	if in.Host == "" {
		in.Host = in.URL.Host
	}
	rec := &recorder{header: http.Header{}}
	defer func() {
		switch cut := recover(); {
		case cut == http.ErrAbortHandler: //nolint:errorlint // the very value
			res, err = nil, fmt.Errorf("connection cut: %w", io.ErrUnexpectedEOF)
		case cut != nil:
			panic(cut)
		}
	}()
	d.server.ServeHTTP(rec, in)
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", rec.status, http.StatusText(rec.status)), StatusCode: rec.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: rec.header,
		Body: io.NopCloser(&rec.body), ContentLength: int64(rec.body.Len()), Request: req,
	}, nil
}

// recorder keeps an answer.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }

// strictJSON reads a message of known shape.
func strictJSON(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if _, more := d.Token(); err == nil && !errors.Is(more, io.EOF) {
		err = errors.New("something follows the object")
	}
	if err != nil {
		return refuse("invalidSyntax", "the body is not what is asked for here: %v", err)
	}
	return nil
}
