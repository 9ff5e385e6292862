package app_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"scimsync/targets/sandbox"
	"scimsync/targets/scimtest"
)

// odd is a service in the test's own process, which is another one than the program's: a
// correct one behind a handler that answers some requests in its own way.
type odd struct {
	URL     string
	sandbox *sandbox.Server

	mu       sync.Mutex
	requests []scimtest.Request
}

// oddService starts one. answer gives the answer to a request, from what the service
// behind would answer to it (as it is then) or without asking; nil: that is the answer.
func oddService(t *testing.T, answer func(r *scimtest.Request, pass func() scimtest.Reply) *scimtest.Reply) *odd {
	t.Helper()
	server, err := sandbox.New(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o := &odd{sandbox: server}
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		in := scimtest.Request{Method: r.Method, Path: strings.TrimPrefix(r.URL.EscapedPath(), sandbox.DefaultBasePath), Query: r.URL.RawQuery,
			Header: r.Header.Clone(), Body: string(body)}
		pass := func() scimtest.Reply {
			rec := httptest.NewRecorder()
			r.Body, r.URL.RawQuery = io.NopCloser(bytes.NewReader(body)), in.Query
			server.ServeHTTP(rec, r)
			header := map[string]string{}
			rec.Header().Del("Content-Length") // the body may become another
			for name := range rec.Header() {
				header[name] = rec.Header().Get(name)
			}
			return scimtest.Reply{Status: rec.Code, Body: rec.Body.String(), Header: header}
		}
		reply := answer(&in, pass)
		if reply == nil {
			passed := pass()
			reply = &passed
		}
		in.Status = reply.Status
		o.mu.Lock()
		o.requests = append(o.requests, in)
		o.mu.Unlock()
		for name, value := range reply.Header {
			w.Header().Set(name, value)
		}
		if reply.Body != "" && w.Header().Get("Content-Type") == "" {
			w.Header().Set("Content-Type", "application/scim+json")
		}
		w.WriteHeader(reply.Status)
		_, _ = io.WriteString(w, reply.Body)
	}))
	t.Cleanup(func() { listener.Close(); _ = server.Close() })
	o.URL = listener.URL + sandbox.DefaultBasePath
	return o
}

// take gives the requests since the last take.
func (o *odd) take() []scimtest.Request {
	o.mu.Lock()
	defer o.mu.Unlock()
	taken := o.requests
	o.requests = nil
	return taken
}

// sent counts requests by method: "GET 3, POST 1" for humans, a map for tests.
func sent(requests []scimtest.Request) map[string]int {
	n := map[string]int{}
	for _, r := range requests {
		n[r.Method]++
	}
	return n
}

// logins gives the accounts at the service by login, with whether they are active.
func (o *odd) logins() map[string]bool {
	active := map[string]bool{}
	for _, u := range o.sandbox.Users() {
		active[u["userName"].(string)] = u["active"] == true
	}
	return active
}

// add makes an account by another hand.
func (o *odd) add(t *testing.T, user string) {
	t.Helper()
	req := httptest.NewRequest(http.MethodPost, sandbox.DefaultBasePath+"/Users", strings.NewReader(user))
	req.Header.Set("Content-Type", "application/scim+json")
	rec := httptest.NewRecorder()
	if o.sandbox.ServeHTTP(rec, req); rec.Code != http.StatusCreated {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
}
