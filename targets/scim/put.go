package scim

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
	"scimsync/targets/scim/profile"
)

// put changes an account by PUT (RFC 7644 section 3.5.1), which replaces all of it: so
// it is read, what is to change is changed, and everything else goes back as it came,
// also what nobody here knows. Where versions count and somebody else was faster, all of
// that is done once more.
func (w *write) put() plan.Result {
	for try := 1; ; try++ {
		c, result := w.replacement()
		if result != nil {
			return *result
		}
		a, err := w.send(c)
		if err != nil {
			return w.unanswered(err)
		}
		if a.status == http.StatusPreconditionRequired {
			w.learn(etagWanted, "wants to know for which version of an account a change is")
		} else if a.status != http.StatusPreconditionFailed || c.match == "" {
			return w.judged(c, a)
		}
		if try == 2 {
			return w.judged(c, a)
		}
	}
}

// replacement is the request. A result says why there is none.
func (w *write) replacement() (call, *plan.Result) {
	path, err := w.kind.at(w.change.RemoteID)
	if err != nil {
		return call{}, &plan.Result{Verdict: plan.Park, Err: fmt.Errorf("%s: %w", w.change, err)}
	}
	c := call{method: http.MethodPut, path: path}
	var body any
	if w.profile.Put.Mode == profile.PutFull && w.kind.of == record.User { // a group would lose its members
		whole := w.Target.body(w.change.Want.Resource, w.active())
		whole.Add("id", w.change.RemoteID)
		body = whole
		c.match = w.matching(c.method, w.change.Version)
	} else {
		found, result := w.account(true)
		if result != nil {
			return c, result
		}
		if body, err = w.merged(found); err != nil {
			return c, &plan.Result{Verdict: plan.Park, Err: fmt.Errorf("%s: %w", w.change, err)}
		}
		c.match = w.matching(c.method, found.Version)
	}
	if c.body, err = encode(body); err != nil {
		return c, &plan.Result{Verdict: plan.Park, Err: fmt.Errorf("%s: %w", w.change, err)}
	}
	return c, w.tooLarge(c)
}

// active is what the account is afterwards.
func (w *write) active() bool {
	active, changes := w.change.After["active"].(bool)
	return w.change.Action != plan.Deactivate && (active || !changes)
}

// merged is what the account holds, with what is to change. What only the service writes
// is left out, but for the id (RFC 7644 section 3.5.1).
func (w *write) merged(found *plan.Found) (map[string]any, error) {
	ops := operations(w.change)
	if len(ops) == 0 {
		return nil, errors.New("nothing to send: the change has no operations")
	}
	body := maps.Clone(found.Body)
	for i := range w.shape.Attrs {
		if def := &w.shape.Attrs[i]; def.ReadOnly && def.URN == "" && def.Name != "id" {
			delete(body, def.Name)
		}
	}
	if err := resource.Perform(body, ops, w.shape); err != nil {
		return nil, err
	}
	urns, _ := body["schemas"].([]any)
	for _, op := range ops {
		urn := resource.Split(op.Path).URN
		if _, has := body[urn]; has && urn != "" && !slices.Contains(urns, any(urn)) {
			urns = append(urns, urn)
		}
	}
	if len(urns) == 0 {
		urns = []any{w.shape.Core}
	}
	body["schemas"] = urns
	return body, nil
}
