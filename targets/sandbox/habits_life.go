package sandbox

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// What becomes of accounts: deactivated, deleted, renamed, out of reach.

var lifeHabits = []habit{
	{name: "users-only", help: "there are no groups",
		make: always(hooks{settings: func(s *settings) { s.usersOnly = true }})},
	{name: "active-deletes", help: "active: false deletes the user: 204, and 404 from then on", make: fresh(activeDeletes)},
	{name: "active-obfuscates", help: "an inactive user shows another userName and other e-mail addresses", make: always(hooks{show: obfuscate})},
	{name: "deactivates-only", help: "the first operation of a PATCH of a user decides; 400 unless it is active: false", make: always(hooks{body: deactivatesOnly})},
	{name: "method-off", takes: "METHODS", value: "DELETE /Users 501",
		help: `methods that are refused: "DELETE /Users 501; PUT /Groups 405"`,
		make: func(s *Server, value string) (hooks, error) { return methodOff(value) }},
	{name: "local", takes: "USERNAME", help: "this user is of a local kind: 405 for PUT, PATCH and DELETE", make: localUser},
	{name: "id-is-external", help: "the id of a user is its externalId, and changes with it", make: fresh(idIsExternal)},
	{name: "etag-off", help: "no versions anywhere", make: always(hooks{
		settings: func(s *settings) { s.noETag = true },
		show:     func(o *outgoing) { o.meta(func(meta map[string]any) { delete(meta, "version") }) },
		config:   func(m map[string]any) { m["etag"] = map[string]any{"supported": false} },
	})},
	{name: "etag-required", help: "428 for PUT, PATCH and DELETE without If-Match", make: always(hooks{serve: etagRequired})},
}

func activeDeletes(s *Server) hooks {
	return hooks{serve: func(c *call, next handler) (*response, error) {
		a, err := next(c)
		endpoint, id := c.parts()
		if err != nil || endpoint != "/Users" || c.Method != http.MethodPatch && c.Method != http.MethodPut {
			return a, err
		}
		if r := s.store.lookup(id); r != nil && inactive(r) {
			return &response{status: http.StatusNoContent}, s.drop(s.store.users, id, condition{})
		}
		return a, err
	}}
}

func obfuscate(o *outgoing) {
	if o.r.kind.Name != "User" || !inactive(o.r) {
		return
	}
	gone := "gone-" + strconv.FormatUint(o.r.seq, 16)
	if o.body["userName"] != nil {
		o.body["userName"] = gone
	}
	attrPath{attr: "emails", sub: "value"}.rewrite(o.body, func(string) string { return gone + "@example.invalid" })
}

func deactivatesOnly(c *call, body map[string]any) error {
	endpoint, _ := c.parts()
	all := operations(c, body)
	if endpoint != "/Users" || len(all) == 0 {
		return nil
	}
	off := func(v any) bool { return v == false || v == "False" || v == "false" }
	first := all[0]
	value, _ := first["value"].(map[string]any)
	if first["path"] == "active" && off(first["value"]) || first["path"] == nil && off(value["active"]) {
		body["Operations"] = []any{map[string]any{"op": "replace", "path": "active", "value": false}}
		return nil
	}
	return refuse("", "Invalid Patch Operation.")
}

func methodOff(text string) (hooks, error) {
	var h hooks
	off := map[string]int{}
	for part := range strings.SplitSeq(text, ";") {
		words := strings.Fields(part)
		if len(words) != 3 {
			return h, fmt.Errorf("%q: write METHOD PATH STATUS, as in DELETE /Users 501", part)
		}
		status, err := strconv.Atoi(words[2])
		if err != nil || status < 400 || status > 599 {
			return h, fmt.Errorf("%q is no status from 400 to 599", words[2])
		}
		off[words[0]+" "+words[1]] = status
	}
	h.serve = func(c *call, next handler) (*response, error) {
		endpoint, _ := c.parts()
		if status, is := off[c.Method+" "+endpoint]; is {
			return nil, answerError(status, "%s is not supported", c.Method)
		}
		return next(c)
	}
	return h, nil
}

func localUser(s *Server, name string) (hooks, error) {
	return hooks{serve: func(c *call, next handler) (*response, error) {
		endpoint, id := c.parts()
		if endpoint == "/Users" && c.changes() {
			s.store.mu.RLock()
			r := s.store.users.byName[fold(name)]
			s.store.mu.RUnlock()
			if r != nil && r.id == id {
				return nil, answerError(http.StatusMethodNotAllowed, "the user belongs to a local identity source")
			}
		}
		return next(c)
	}}, nil
}

// idEquals is a filter for an id.
var idEquals = regexp.MustCompile(`^id eq `)

// idIsExternal translates at both sides: ids in requests into those of the
// store, ids in answers into externalIds.
func idIsExternal(s *Server) hooks {
	users := s.store.users
	return hooks{
		serve: func(c *call, next handler) (*response, error) {
			endpoint, id := c.parts()
			if endpoint != "/Users" || id == "" || id == ".search" {
				return relocate(next(c))
			}
			s.store.mu.RLock()
			known := slices.Clone(users.byExternal[id])
			s.store.mu.RUnlock()
			if len(known) == 0 {
				return nil, answerError(http.StatusNotFound, "User %s does not exist", id)
			}
			inner := *c
			inner.path = "/Users/" + known[0].id
			return next(&inner)
		},
		query: func(q *query) error {
			q.Filter = idEquals.ReplaceAllString(q.Filter, "externalId eq ")
			return nil
		},
		show: func(o *outgoing) {
			if external := o.r.keys.external; o.r.kind.Name == "User" && external != "" {
				o.body["id"] = external
				o.meta(func(meta map[string]any) { meta["location"] = o.base + "/Users/" + external })
			}
		},
	}
}

// relocate makes the Location of a 201 that of its body.
func relocate(a *response, err error) (*response, error) {
	if a == nil || a.status != http.StatusCreated {
		return a, err
	}
	meta, _ := decode(a.body)["meta"].(map[string]any)
	for i, h := range a.header {
		if location, ok := meta["location"].(string); ok && h[0] == "Location" {
			a.header[i][1] = location
		}
	}
	return a, err
}

func etagRequired(c *call, next handler) (*response, error) {
	if c.changes() && c.Header.Get("If-Match") == "" {
		return nil, answerError(http.StatusPreconditionRequired, "If-Match is required")
	}
	return next(c)
}
