package sandbox

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// What happens to a POST, and how a second account of the same person is refused.

var createHabits = []habit{
	{name: "extensions", takes: "N", value: "10", make: counted(extensions),
		help: "there are N seats: with as many users, active or not, a POST gets a 404; a DELETE frees one"},
	{name: "unique", takes: "ATTRIBUTES", value: "emails", make: listOf(unique),
		help: "409 for a second account with the same emails, externalId or both; externalId counts in any case"},
	{name: "adopts", help: "a POST of a userName or e-mail that is there changes and answers with the account that has it", make: fresh(adopts)},
	{name: "conflict-empty", help: "a 409 has no body and no content type",
		make: always(hooks{spell: func(sp *spelling) {
			if sp.status == http.StatusConflict {
				sp.fields = nil
			}
		}})},
	{name: "conflict-400", help: "a duplicate is a 400 whose detail says that it already exists", make: always(hooks{spell: func(sp *spelling) {
		if sp.status == http.StatusConflict && sp.fields != nil {
			sp.status = http.StatusBadRequest
			sp.fields["status"], sp.fields["detail"] = "400", "User with this e-mail already exists in this account"
			delete(sp.fields, "scimType")
		}
	}})},
	{name: "error-schema", help: "errors have schema beside schemas, an exceptionRequestId and a timeStamp", make: fresh(errorSchema)},
	{name: "error-number", help: "status of an error is a number", make: always(hooks{spell: func(sp *spelling) {
		if sp.fields != nil {
			sp.fields["status"] = sp.status
		}
	}})},
	{name: "inactive-refused", help: "400 without a body for a POST with active: false", make: fresh(inactiveRefused)},
	{name: "inactive-default", help: "a POST without active makes an inactive account", make: always(hooks{accept: func(in *incoming) error {
		if in.isUser() && in.method == http.MethodPost && in.body["active"] == nil {
			in.body["active"] = false
		}
		return nil
	}})},
	{name: "inactive-created", help: "a POST makes an inactive account, whatever it asks for", make: always(hooks{accept: func(in *incoming) error {
		if in.isUser() && in.method == http.MethodPost {
			in.body["active"] = false
		}
		return nil
	}})},
	{name: "accepted", takes: "DURATION", value: "2s", make: lasting(accepted),
		help: "writes get a 202 without a body, and are applied only after so long"},
	{name: "created-empty", help: "a 201 has a Location and no body", make: always(hooks{serve: func(c *call, next handler) (*response, error) {
		a, err := next(c)
		if a != nil && a.status == http.StatusCreated {
			a.body = nil
		}
		return a, err
	}})},
	{name: "lost-reply", takes: "N", value: "1", make: counted(lostReply),
		help: "the N-th write is applied and its connection cut without an answer"},
	{name: "late-reply", takes: "DURATION", value: "2m", make: lasting(lateReply),
		help: "the first write is applied and answered only after so long"},
}

func extensions(_ *Server, n int) hooks {
	return hooks{accept: func(in *incoming) error {
		if in.isUser() && in.method == http.MethodPost && len(in.table.list) >= n {
			return answerError(http.StatusNotFound, "there is no free unassigned extension")
		}
		return nil
	}}
}

func unique(attributes []string) hooks {
	return hooks{accept: func(in *incoming) error {
		if !in.isUser() {
			return nil
		}
		k := keysOf(in.table.kind, in.body)
		conflict := func(attr string, r *resource) error {
			if r == nil || r.id == in.id {
				return nil
			}
			return &scimError{status: http.StatusConflict, scimType: "uniqueness", detail: attr + " is taken by " + r.id}
		}
		for _, r := range in.table.list {
			if slices.Contains(attributes, "externalId") && k.external != "" && strings.EqualFold(r.keys.external, k.external) {
				if err := conflict("externalId", r); err != nil {
					return err
				}
			}
		}
		if slices.Contains(attributes, "emails") {
			for _, mail := range k.emails {
				for _, r := range in.table.byEmail[mail] {
					if err := conflict("an e-mail address", r); err != nil {
						return err
					}
				}
			}
		}
		return nil
	}}
}

// adopts turns the POST into a PUT of the account that is in its way.
func adopts(s *Server) hooks {
	return hooks{serve: func(c *call, next handler) (*response, error) {
		if c.path != "/Users" || c.Method != http.MethodPost {
			return next(c)
		}
		body, err := s.object(c)
		if err != nil {
			return next(c) // which says what is wrong
		}
		id := s.holder(body)
		if id == "" {
			return next(c)
		}
		put := *c
		put.Request = c.Clone(c.Context())
		put.Method, put.path = http.MethodPut, "/Users/"+id
		a, err := next(&put)
		if a != nil {
			a.status = http.StatusCreated
		}
		return a, err
	}}
}

// holder is the id of the user that has the userName or an e-mail of a body.
func (s *Server) holder(body map[string]any) string {
	m, err := s.store.users.kind.canonical(body)
	if err != nil {
		return "" // the POST will say what is wrong
	}
	k := keysOf(s.store.users.kind, m)
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	if r := s.store.users.byName[k.name]; r != nil {
		return r.id
	}
	for _, mail := range k.emails {
		if found := s.store.users.byEmail[mail]; len(found) > 0 {
			return found[0].id
		}
	}
	return ""
}

func errorSchema(s *Server) hooks {
	return hooks{spell: func(sp *spelling) {
		if sp.fields != nil {
			sp.fields["schema"] = errorURN
			sp.fields["exceptionRequestId"] = s.newID()
			sp.fields["timeStamp"] = s.opts.Now().UTC().Format("2006-01-02 15:04:05.000")
		}
	}}
}

func inactiveRefused(*Server) hooks {
	return hooks{serve: func(c *call, next handler) (*response, error) {
		if c.path == "/Users" && c.Method == http.MethodPost {
			if body, err := parseObject(c.body); err == nil && body["active"] == false {
				return &response{status: http.StatusBadRequest}, nil
			}
		}
		return next(c)
	}}
}

// accepted lets a write happen later, in its own time. What it is refused then
// nobody learns.
func accepted(s *Server, d time.Duration) hooks {
	return hooks{pass: func(c *call, next handler) (*response, error) {
		if c.reads() || c.isToken() {
			return next(c)
		}
		time.AfterFunc(s.lasts(d), func() { _, _ = next(c) })
		return &response{status: http.StatusAccepted}, nil
	}}
}

// lateReply is for clients that give up waiting.
func lateReply(s *Server, d time.Duration) hooks {
	var seen atomic.Bool
	return hooks{pass: func(c *call, next handler) (*response, error) {
		a, err := next(c)
		if !c.reads() && !c.isToken() && err == nil && a != nil && a.status < 300 && seen.CompareAndSwap(false, true) {
			err = wait(c.Context(), s.lasts(d))
		}
		return a, err
	}}
}

func lostReply(_ *Server, n int) hooks {
	var seen atomic.Int64
	return hooks{pass: func(c *call, next handler) (*response, error) {
		a, err := next(c)
		if !c.reads() && !c.isToken() && err == nil && a != nil && a.status < 300 && seen.Add(1) == int64(n) {
			return nil, nil
		}
		return a, err
	}}
}
