// Package scimtest is what tests of a SCIM client need on the other side: a server
// that misbehaves by script, a real one of foreign make in a process of its own,
// and a suite that drives a scim.Target against any server.
package scimtest

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"time"
)

// Request is one request as a server saw it.
type Request struct {
	Method string
	Path   string // escaped, without the query
	Query  string // as it came
	Header http.Header
	Body   string
	Status int // of the answer; 0: none was given
}

// Cut tells where a connection is cut.
type Cut uint8

const (
	// NoCut answers.
	NoCut Cut = iota
	// Before cuts without carrying the request out.
	Before
	// After lets the server behind carry the request out and cuts instead of answering.
	After
	// Within sends the status, the header and half of the body, then cuts.
	Within
)

// Reply is one scripted answer. The zero Reply hands the request to the server
// behind.
type Reply struct {
	Status int
	Header map[string]string
	Body   string // application/scim+json unless Header says otherwise
	Delay  time.Duration
	Cut    Cut
}

// Faulty answers by script, request by request. When the script is at its end, or
// has a zero Reply, the server behind answers; without one that is a 500.
type Faulty struct {
	mu       sync.Mutex
	next     http.Handler
	script   []Reply
	forever  *Reply
	requests []Request
}

// NewFaulty makes a server; next may be nil.
func NewFaulty(next http.Handler) *Faulty { return &Faulty{next: next} }

// Script adds answers for the next requests.
func (f *Faulty) Script(replies ...Reply) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script = append(f.script, replies...)
}

// Forever sets the answer for all requests behind the script's end.
func (f *Faulty) Forever(reply Reply) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forever = &reply
}

// Requests gives what has come so far.
func (f *Faulty) Requests() []Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Request(nil), f.requests...)
}

// take notes a request and gives its answer.
func (f *Faulty) take(r Request) (n int, reply Reply) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, r)
	switch {
	case len(f.script) > 0:
		reply, f.script = f.script[0], f.script[1:]
	case f.forever != nil:
		reply = *f.forever
	}
	return len(f.requests) - 1, reply
}

func (f *Faulty) note(n, status int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests[n].Status = status
}

func (f *Faulty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the client cut the connection
	}
	n, reply := f.take(Request{Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery,
		Header: r.Header.Clone(), Body: string(body)})
	if !pause(r, reply.Delay) || reply.Cut == Before {
		panic(http.ErrAbortHandler)
	}
	if reply.Status == 0 {
		reply = f.pass(r, body, reply)
	}
	if reply.Cut == After {
		panic(http.ErrAbortHandler)
	}
	f.note(n, reply.Status)
	header := w.Header()
	if reply.Body != "" {
		header.Set("Content-Type", "application/scim+json")
		header.Set("Content-Length", strconv.Itoa(len(reply.Body)))
	}
	for name, value := range reply.Header {
		header.Set(name, value)
	}
	w.WriteHeader(reply.Status)
	if reply.Cut == Within {
		_, _ = io.WriteString(w, reply.Body[:len(reply.Body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	_, _ = io.WriteString(w, reply.Body) // the client may have gone
}

// pass lets the server behind answer.
func (f *Faulty) pass(r *http.Request, body []byte, reply Reply) Reply {
	if f.next == nil {
		reply.Status, reply.Body = http.StatusInternalServerError, `{"detail":"the test's script is at its end"}`
		return reply
	}
	rec := httptest.NewRecorder()
	r.Body = io.NopCloser(bytes.NewReader(body))
	f.next.ServeHTTP(rec, r)
	headers := map[string]string{}
	for name := range rec.Header() {
		headers[name] = rec.Header().Get(name)
	}
	maps.Copy(headers, reply.Header)
	reply.Status, reply.Header, reply.Body = rec.Code, headers, rec.Body.String()
	return reply
}

// pause waits; false: the client went meanwhile.
func pause(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-r.Context().Done():
		return false
	case <-timer.C:
		return true
	}
}
