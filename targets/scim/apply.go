package scim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"scimsync/sync/plan"
	"scimsync/sync/resource"
)

const patchURN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

// Apply sends one change, once, under a correlation id. What the answer means for
// the change is the Result's verdict; the table is in verdict.go.
func (t *Target) Apply(ctx context.Context, change *plan.Change, id string) plan.Result {
	if change.Action == plan.Adopt && len(change.Ops) == 0 {
		return plan.Result{Ack: plan.Ack{RemoteID: change.RemoteID}}
	}
	c, err := t.spell(change)
	if err != nil {
		return plan.Result{Verdict: plan.Park, Err: fmt.Errorf("%s: %w", change, err)}
	}
	if most := t.profile.MaxBodyBytes; most > 0 && len(c.body) > most {
		return plan.Result{Verdict: plan.Park, Err: fmt.Errorf("%s: the request would have %d bytes, and the service takes %d (max_body_bytes)", change, len(c.body), most)}
	}
	c.id, c.limit = id, limitOne
	t.forgetPage()
	a, err := t.send(ctx, c)
	if err != nil {
		return t.unanswered(err)
	}
	var r plan.Result
	if a.status/100 == 2 {
		r = t.accepted(change, c, a)
	} else {
		r = t.refused(change, c, a)
	}
	if r.Verdict == plan.Taken {
		t.taken(change.Want.Resource)
	}
	r.Heard = t.heard(a)
	return r
}

// where is the method and the path of a change's request.
func (t *Target) where(change *plan.Change) (method, path string, err error) {
	if change.Action == plan.Create {
		return http.MethodPost, t.profile.Paths.Users, nil
	}
	path, err = t.userPath(change.RemoteID)
	if change.Action == plan.Delete {
		return http.MethodDelete, path, err
	}
	return http.MethodPatch, path, err
}

// spell writes a change as a request.
func (t *Target) spell(change *plan.Change) (c call, err error) {
	if c.method, c.path, err = t.where(change); err != nil {
		return c, err
	}
	var ops []resource.Op
	switch change.Action {
	case plan.Create:
		c.body, err = t.newUser(change)
		return c, err
	case plan.Delete:
		return c, nil
	case plan.Deactivate:
		ops = []resource.Op{{Op: "replace", Path: "active", Value: false}}
	case plan.Update, plan.Adopt, plan.Reactivate:
		ops = change.Ops
	default:
		return call{}, fmt.Errorf("a SCIM target has no request for %q", change.Action)
	}
	if len(ops) == 0 {
		return call{}, errors.New("nothing to send: the change has no operations")
	}
	c.body, err = encode(map[string]any{"schemas": []string{patchURN}, "Operations": ops})
	return c, err
}

// newUser is the body of a create (RFC 7644 section 3.3): what is wanted, what is
// given once, and an explicit active.
func (t *Target) newUser(change *plan.Change) ([]byte, error) {
	first := change.Want.Initial()
	paths := make([]string, len(first.Attrs))
	for i, a := range first.Attrs {
		paths[i] = a.Path
	}
	body := resource.Nest(first, t.shape)
	body["schemas"] = t.shape.Schemas(paths)
	body["active"] = !change.Early()
	return encode(body)
}

// encode writes JSON as SCIM servers expect it: <, > and & stand for themselves.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode the request: %w", err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// userPath is where an account stands. An id that would lead somewhere else, the
// collection for example, is refused: ids are the server's words, not ours.
func (t *Target) userPath(id string) (string, error) {
	switch {
	case id == "":
		return "", errors.New("the account's id is not known")
	case id == "." || id == ".." || strings.EqualFold(id, "bulkId"):
		return "", fmt.Errorf("%q cannot be the id of an account", id)
	}
	return t.profile.Paths.Users + "/" + url.PathEscape(id), nil
}
