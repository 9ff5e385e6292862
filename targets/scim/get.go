package scim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"scimsync/sync/plan"
)

// Get reads the account with an id (RFC 7644 section 3.4.1); nil: there is none. That is
// what a proxy that lost its way says, too, of everything: an account is gone only once a
// lookup agrees.
func (t *Target) Get(ctx context.Context, id string) (*plan.Found, error) {
	path, err := t.kind.at(id)
	if err != nil {
		return nil, fmt.Errorf("read %s at %s: %w", t.kind.one(), t.name, err)
	}
	a, err := t.lean(call{method: http.MethodGet, path: path, limit: limitOne}, false, func(c call) (*answer, error) { return t.read(ctx, c) })
	var e *Error
	if errors.As(err, &e) && (e.Status == http.StatusNotFound || e.Status == http.StatusGone) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s %s at %s: %w", t.kind.noun, id, t.name, err)
	}
	found, err := t.parse(a.body)
	if err == nil && found.ID != id {
		err = fmt.Errorf("the answer is %s %q", t.kind.noun, found.ID)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s %s at %s: %w", t.kind.noun, id, t.name, err)
	}
	return &found, nil
}

// leftOut are the attributes that an answer need not show, with commas (RFC 7644 section 3.9).
func (t *Target) leftOut() string {
	if len(t.kind.without) == 0 || t.knows(excludeRefused) {
		return ""
	}
	return strings.Join(t.kind.without, ",")
}

// lean reads one without the attributes that need not be shown, unless it is to be read
// whole or the service refuses that.
func (t *Target) lean(c call, whole bool, read func(call) (*answer, error)) (*answer, error) {
	excluded := t.leftOut()
	if whole || excluded == "" {
		return read(c)
	}
	leaner := c
	leaner.query = "excludedAttributes=" + escape(excluded)
	a, err := read(leaner)
	if unfilterable(err) == nil {
		return a, err
	}
	if a, err = read(c); err == nil {
		t.learn(excludeRefused, excludeRefusedSaid)
	}
	return a, err
}

const excludeRefusedSaid = "excludedAttributes is refused, so answers show all"

// shown gives the account as the answer to a change shows it; nil: it does not, or it
// shows what was sent as it was sent. Some services answer with the id and little more.
func (t *Target) shown(change *plan.Change, c call, a *answer) (found *plan.Found, asSent bool) {
	if len(a.body) == 0 || a.cut != nil {
		return nil, false
	}
	if change.Action == plan.Create && verbatim(members(c.body), a.members()) {
		return nil, true
	}
	account, err := t.parse(a.body)
	if err != nil || !t.kind.shows(&account) || change.RemoteID != "" && account.ID != change.RemoteID {
		return nil, false
	}
	return &account, false
}
