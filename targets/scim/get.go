package scim

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"scimsync/sync/plan"
)

// Get reads the account with an id (RFC 7644 section 3.4.1); nil: there is none. That is
// what a proxy that lost its way says, too, of everything: an account is gone only once a
// lookup agrees.
func (t *Target) Get(ctx context.Context, id string) (*plan.Found, error) {
	path, err := t.userPath(id)
	if err != nil {
		return nil, fmt.Errorf("read an account at %s: %w", t.name, err)
	}
	a, err := t.read(ctx, call{method: http.MethodGet, path: path, limit: limitOne})
	var e *Error
	if errors.As(err, &e) && (e.Status == http.StatusNotFound || e.Status == http.StatusGone) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read account %s at %s: %w", id, t.name, err)
	}
	found, err := t.parseUser(a.body)
	if err == nil && found.ID != id {
		err = fmt.Errorf("the answer is account %q", found.ID)
	}
	if err != nil {
		return nil, fmt.Errorf("read account %s at %s: %w", id, t.name, err)
	}
	return &found, nil
}

// shown gives the account as the answer to a change shows it; nil: it does not, or it
// shows what was sent as it was sent. Some services answer with the id and little more.
func (t *Target) shown(change *plan.Change, c call, a *answer) (found *plan.Found, asSent bool) {
	if len(a.body) == 0 || a.cut != nil {
		return nil, false
	}
	if change.Action == plan.Create && verbatim(members(c.body), a.members()) {
		return nil, true
	}
	account, err := t.parseUser(a.body)
	if err != nil || account.UserName == "" || change.RemoteID != "" && account.ID != change.RemoteID {
		return nil, false
	}
	return &account, false
}
