package scim

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
	"scimsync/targets/scim/profile"
)

const patchURN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

// where is the method and the path of a change's request. It is an error if the service
// has no request for it.
func (t *Target) where(change *plan.Change) (method, path string, err error) {
	if change.Action == plan.Create {
		return http.MethodPost, t.kind.path, nil
	}
	if path, err = t.kind.at(change.RemoteID); err != nil {
		return "", path, err
	}
	switch change.Action {
	case plan.Delete:
		if t.knows(deleteMissing) {
			err = errors.New("the service deletes none; " + t.kind.stays())
		}
		return http.MethodDelete, path, err
	case plan.Deactivate:
		switch t.profile.Deactivate.Method {
		case profile.DeactivateDelete:
			return http.MethodDelete, path, nil
		case profile.DeactivatePutActiveFalse:
			return http.MethodPut, path, nil
		case profile.DeactivateNone:
			return "", path, errors.New("the service cannot deactivate accounts (deactivate.method none); do it there by hand")
		}
	case plan.Reactivate:
		if t.profile.Deactivate.Method == profile.DeactivatePutActiveFalse {
			return http.MethodPut, path, nil
		}
	case plan.Update, plan.Adopt, plan.Link, plan.AddMember, plan.RemoveMember:
	default:
		return "", path, fmt.Errorf("a SCIM target has no request for %q", change.Action)
	}
	if t.byPut() {
		return http.MethodPut, path, nil
	}
	return http.MethodPatch, path, nil
}

// byPut tells whether accounts are changed by PUT: because the profile says so, or where
// it leaves the choice and the service has no PATCH.
func (t *Target) byPut() bool {
	switch t.profile.Update.Method {
	case profile.UpdatePut:
		return true
	case profile.UpdatePatchThenPut:
		said := t.saidConfig().Patch
		return t.knows(patchMissing) || said != nil && !*said
	}
	return false
}

// spell writes a change as a request, unless that takes what the account holds.
func (t *Target) spell(change *plan.Change) (c call, err error) {
	if c.method, c.path, err = t.where(change); err != nil {
		return c, err
	}
	switch c.method {
	case http.MethodPost:
		c.body, err = t.newOne(change)
		return c, err
	case http.MethodDelete:
		return c, nil
	case http.MethodPut:
		return c, errors.New("what the account holds has to be known first")
	}
	ops := operations(change)
	if len(ops) == 0 {
		return call{}, errors.New("nothing to send: the change has no operations")
	}
	c.body, err = encode(map[string]any{"schemas": []string{patchURN}, "Operations": dialect(ops, &t.profile.Patch, t.shape)})
	return c, err
}

// operations are what a change of an existing account does.
func operations(change *plan.Change) []resource.Op {
	if change.Action == plan.Deactivate {
		return []resource.Op{{Op: "replace", Path: "active", Value: false}}
	}
	return change.Ops
}

// wireOp is a PATCH operation as it is sent.
type wireOp struct {
	Op    string `json:"op"`
	Path  string `json:"path,omitempty"`
	Value any    `json:"value,omitempty"`
}

// dialect spells operations as a service wants them.
func dialect(ops []resource.Op, p *profile.Patch, shape resource.Shape) []wireOp {
	var wire []wireOp
	if p.Path == profile.PathPathless {
		wire = pathless(ops, shape)
	} else {
		for _, op := range ops {
			wire = append(wire, wireOp(op))
		}
	}
	for i := range wire {
		op := &wire[i]
		if p.OpCase == profile.OpTitle {
			op.Op = strings.ToUpper(op.Op[:1]) + op.Op[1:]
		}
		if p.Bool == profile.BoolString {
			op.Value = booleansAsText(op.Value)
		}
		if p.ExtSep != ":" {
			op.Path = separated(op.Path, string(p.ExtSep))
		}
	}
	return wire
}

// pathless puts what is replaced, and what is added, into one operation each whose value
// holds the attributes. What has a path that cannot be a member of an object keeps it:
// what is taken away, and parts of elements.
func pathless(ops []resource.Op, shape resource.Shape) []wireOp {
	var wire []wireOp
	merged := map[string]map[string]any{} // by operation
	var order []string
	for _, op := range ops {
		at := resource.Split(op.Path)
		if op.Op == "remove" || len(at.Filter) > 0 {
			wire = append(wire, wireOp(op))
			continue
		}
		verb := op.Op
		if def, known := shape.Find(at.URN, at.Attr); verb == "add" && (!known || !def.Multi) {
			verb = "replace" // the same, for what has one value (RFC 7644 section 3.5.2.1)
		}
		if merged[verb] == nil {
			merged[verb] = map[string]any{}
			order = append(order, verb)
		}
		holder := merged[verb]
		for _, name := range []string{at.URN, map[bool]string{true: at.Attr}[at.Sub != ""]} {
			if name == "" {
				continue
			}
			inner, is := holder[name].(map[string]any)
			if !is {
				inner = map[string]any{}
				holder[name] = inner
			}
			holder = inner
		}
		if at.Sub != "" {
			holder[at.Sub] = op.Value
		} else {
			holder[at.Attr] = op.Value
		}
	}
	slices.Sort(order)
	slices.Reverse(order) // replace, then add
	for _, verb := range order {
		wire = append(wire, wireOp{Op: verb, Value: merged[verb]})
	}
	return wire
}

// booleansAsText turns booleans into "True" and "False".
func booleansAsText(v any) any {
	switch v := v.(type) {
	case bool:
		if v {
			return "True"
		}
		return "False"
	case map[string]any:
		return textIn(v)
	case resource.Element:
		return textIn(v)
	case []resource.Element:
		all := make([]any, len(v))
		for i, e := range v {
			all[i] = textIn(e)
		}
		return all
	case []any:
		all := make([]any, len(v))
		for i, e := range v {
			all[i] = booleansAsText(e)
		}
		return all
	}
	return v
}

func textIn(object map[string]any) map[string]any {
	texts := make(map[string]any, len(object))
	for name, v := range object {
		texts[name] = booleansAsText(v)
	}
	return texts
}

// separated writes a path of an extension with another separator behind its URN.
func separated(path, sep string) string {
	at := resource.Split(path)
	if at.URN == "" {
		return path
	}
	return at.URN + sep + strings.TrimPrefix(path, at.URN+":")
}

// newOne is the body of a create (RFC 7644 section 3.3): what is wanted, what is given
// once, and of an account an explicit active. A group is made without members.
func (t *Target) newOne(change *plan.Change) ([]byte, error) {
	return encode(t.body(change.Want.Initial(), !change.Early()))
}

// body is an account, or a group, as it is sent whole.
func (t *Target) body(r resource.Resource, active bool) *resource.Object {
	body := resource.Nest(r, t.shape)
	head := []resource.Member{{Name: "schemas", Value: t.shape.Schemas(r)}, {Name: "active", Value: active}}
	if t.kind.of == record.Group {
		head = head[:1]
	}
	*body = slices.Insert(*body, 0, head...)
	return body
}

// encode writes JSON.
func encode(v any) ([]byte, error) {
	b, err := resource.AppendJSON(make([]byte, 0, 512), v)
	if err != nil {
		return nil, fmt.Errorf("encode the request: %w", err)
	}
	return b, nil
}
