package sandbox

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// What stands before SCIM: proxies, log-in pages, credentials.

var doorHabits = []habit{
	{name: "maintenance", takes: "DURATION", value: "1h", make: lasting(maintenance),
		help: "for so long every answer is a 503 with an HTML page and no Retry-After"},
	{name: "overloaded", takes: "DURATION", value: "10s", make: lasting(overloaded),
		help: "for so long every answer is a 503 with Retry-After"},
	{name: "login-page", takes: "DURATION", value: "1h", make: lasting(loginPage),
		help: "for so long every answer is a 200 with the HTML page of a log-in"},
	{name: "login-redirect", help: "every answer is a 302 to a log-in page", make: always(hooks{door: redirect})},
	{name: "user-agent", help: "403 without a body for requests without User-Agent", make: always(hooks{door: needsUserAgent})},
	{name: "accept-required", help: "406 for requests whose Accept does not name application/scim+json", make: always(hooks{door: func(c *call, next handler) (*response, error) {
		if !c.isToken() && !strings.Contains(strings.Join(c.Header.Values("Accept"), ","), mediaType) {
			return nil, answerError(http.StatusNotAcceptable, "Accept must name %s", mediaType)
		}
		return next(c)
	}})},
	{name: "open", takes: "PATHS", value: "/ServiceProviderConfig",
		help: "these paths need no credentials and fall under no limit", make: listOf(unguarded)},
	{name: "health", help: "GET /health answers 200 without a body to anybody", make: always(hooks{door: health})},
	{name: "one-writer", help: "429 for a write while another one to the same resource is under way (--latency makes it long enough)",
		make: fresh(oneWriter)},
	{name: "max-body", takes: "BYTES", value: "800000", help: "413 for larger bodies",
		make: counted(func(_ *Server, n int) hooks { return hooks{settings: func(s *settings) { s.maxBody = n }} })},
	{name: "publish-lag", takes: "DURATION", value: "30s", make: lasting(publishLag),
		help: "for so long every token is refused, as a new one before it is published"},
	{name: "hiccup", takes: "N", value: "2", make: counted(hiccup),
		help: "the N-th request gets a 401 although its credentials are right"},
	{name: "oauth", takes: "TTL", value: "1h", make: lasting(newOAuth),
		help: "tokens from POST …/token (client_credentials, jwt-bearer), valid so long, instead of --token; the codes of 401 are OAU-128 (expired), -129, -149 and -213"},
	{name: "oauth-down", help: "requests for a token get a 503", make: always(hooks{door: func(c *call, next handler) (*response, error) {
		if c.isToken() {
			return nil, answerError(http.StatusServiceUnavailable, "the authorization server is down")
		}
		return next(c)
	}})},
}

func maintenance(s *Server, d time.Duration) hooks {
	return s.instead(d, htmlPage(http.StatusServiceUnavailable, "Down for maintenance"))
}

func loginPage(s *Server, d time.Duration) hooks {
	return s.instead(d, htmlPage(http.StatusOK, "Log in"))
}

// instead answers everything with a page for a while.
func (s *Server) instead(d time.Duration, page *response) hooks {
	until := s.clock().Add(d)
	return hooks{door: func(c *call, next handler) (*response, error) {
		if s.clock().Before(until) {
			return page, nil
		}
		return next(c)
	}}
}

func overloaded(s *Server, d time.Duration) hooks {
	until := s.clock().Add(d)
	return hooks{door: func(c *call, next handler) (*response, error) {
		left := until.Sub(s.clock())
		if left <= 0 {
			return next(c)
		}
		n := seconds(s.lasts(left))
		s.closed.announce(s.opts.Now(), time.Duration(n)*time.Second)
		return s.refusal(answerError(http.StatusServiceUnavailable, "overloaded")).with("Retry-After", strconv.Itoa(n)), nil
	}}
}

func redirect(*call, handler) (*response, error) {
	return (&response{status: http.StatusFound}).with("Location", "/login.html"), nil
}

// needsUserAgent: Go sends one of its own unless told otherwise, which is as
// good as none to nobody but us.
func needsUserAgent(c *call, next handler) (*response, error) {
	if c.UserAgent() == "" {
		return &response{status: http.StatusForbidden}, nil
	}
	return next(c)
}

func unguarded(paths []string) hooks {
	return hooks{door: func(c *call, next handler) (*response, error) {
		for _, p := range paths {
			c.open = c.open || c.path == p || strings.HasPrefix(c.path, p+"/")
		}
		return next(c)
	}}
}

func health(c *call, next handler) (*response, error) {
	if c.path == "/health" && c.Method == http.MethodGet {
		return &response{status: http.StatusOK}, nil
	}
	return next(c)
}

// oneWriter marks what is being written. It stands at the door, so that the
// latency is part of the write.
func oneWriter(s *Server) hooks {
	var mu sync.Mutex
	writing := map[string]bool{}
	return hooks{door: func(c *call, next handler) (*response, error) {
		if !c.changes() {
			return next(c)
		}
		mu.Lock()
		busy := writing[c.path]
		writing[c.path] = true
		mu.Unlock()
		if busy {
			return nil, &scimError{status: http.StatusTooManyRequests, code: "CMN-304", detail: "another request to this resource is under way"}
		}
		defer func() {
			mu.Lock()
			delete(writing, c.path)
			mu.Unlock()
		}()
		return next(c)
	}}
}

func publishLag(s *Server, d time.Duration) hooks {
	from := s.clock().Add(d)
	return hooks{login: func(c *call, next gate) *response {
		if !c.open && s.clock().Before(from) {
			return s.refusal(answerError(http.StatusUnauthorized, "the token is not published yet")).with("WWW-Authenticate", "Bearer")
		}
		return next(c)
	}}
}

// hiccup counts the requests that show right credentials.
func hiccup(s *Server, n int) hooks {
	var seen atomic.Int64
	return hooks{login: func(c *call, next gate) *response {
		a := next(c)
		if a == nil && !c.open && !c.isToken() && seen.Add(1) == int64(n) {
			return s.refusal(answerError(http.StatusUnauthorized, "the token could not be checked (request %s)", strconv.Itoa(n))).
				with("WWW-Authenticate", `Bearer error="invalid_token"`)
		}
		return a
	}}
}
