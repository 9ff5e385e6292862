package sandbox

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// operation is one element of Operations.
type operation struct {
	op    string // add | replace | remove
	path  string // empty: none
	value any
	given bool // whether there was a value
}

// parsePatch reads a PatchOp message (RFC 7644 section 3.5.2).
func parsePatch(body map[string]any) ([]operation, error) {
	if err := message(body, patchURN, "Operations"); err != nil {
		return nil, err
	}
	list, ok := body["Operations"].([]any)
	if !ok || len(list) == 0 {
		return nil, refuse("invalidSyntax", "Operations must be a list that is not empty")
	}
	ops := make([]operation, 0, len(list))
	for i, v := range list {
		op, err := parseOperation(v)
		if err != nil {
			return nil, atOperation(err, i, op)
		}
		ops = append(ops, op)
	}
	return ops, nil
}

// message checks the schemas and the names of a protocol message.
func message(body map[string]any, urn string, names ...string) error {
	list, _ := body["schemas"].([]any)
	if len(list) != 1 || list[0] != urn {
		return refuse("invalidSyntax", "schemas must be [%q]", urn)
	}
	for name := range body {
		if name != "schemas" && !slices.Contains(names, name) {
			return refuse("invalidSyntax", "the message has no attribute %q", name)
		}
	}
	return nil
}

func parseOperation(v any) (operation, error) {
	var op operation
	m, ok := v.(map[string]any)
	if !ok {
		return op, refuse("invalidSyntax", "it must be an object")
	}
	for name := range m {
		if name != "op" && name != "path" && name != "value" {
			return op, refuse("invalidSyntax", "it has no attribute %q", name)
		}
	}
	op.op, _ = m["op"].(string)
	if path, given := m["path"]; given {
		if op.path, ok = path.(string); !ok || op.path == "" {
			return op, refuse("invalidPath", "path must be a string that is not empty")
		}
	}
	op.value, op.given = m["value"]
	switch op.op {
	case "add", "replace":
		if !op.given {
			return op, refuse("invalidSyntax", "it needs a value")
		}
	case "remove":
		if op.path == "" {
			return op, refuse("noTarget", "remove needs a path")
		}
	default:
		return op, refuse("invalidSyntax", "op must be add, replace or remove, not %s", jsonType(m["op"]))
	}
	return op, nil
}

// atOperation says which operation was refused.
func atOperation(err error, i int, op operation) error {
	var e *scimError
	if !errors.As(err, &e) {
		return err
	}
	where := fmt.Sprintf("operation %d", i+1)
	if op.path != "" {
		where += " on " + op.path
	}
	return &scimError{status: e.status, scimType: e.scimType, detail: where + ": " + e.detail, code: e.code}
}

// patcher applies operations to a decoded body and a member edit.
type patcher struct {
	server  *Server
	ops     []operation // all of the request
	id      string
	kind    *resourceType
	body    map[string]any
	members *memberEdit
}

// target is what a path points at.
type target struct {
	ref
	filter *expr // nil: no brackets
}

func (p *patcher) apply(op operation) error {
	if done, err := p.server.habits().patch(p, op); done {
		return err
	}
	if op.op == "remove" && op.given {
		// Ignoring the value would remove more than was meant.
		return refuse("invalidSyntax", "remove takes no value; say what to remove in the path")
	}
	if op.path == "" {
		return p.whole(op)
	}
	t, err := p.target(op.path)
	if err != nil {
		return err
	}
	if t.attr == nil {
		return p.extension(op, t.ext)
	}
	if t.attr.Mutability == "readOnly" || t.sub != nil && t.sub.Mutability == "readOnly" {
		return refuse("mutability", "it is read-only")
	}
	switch {
	case t.attr.Name == "members":
		return p.onMembers(op, t)
	case t.attr.Returned == "never":
		_, err := t.attr.canonicalValue(op.value, t.attr.Name) // and forgotten
		return err
	}
	m := p.container(t.ext)
	switch {
	case t.filter != nil:
		err = onElements(m, op, t)
	case t.sub != nil && t.attr.MultiValued:
		err = refuse("invalidPath", "say which value: %s[type eq \"...\"].%s", t.attr.Name, t.sub.Name)
	case t.sub != nil:
		err = onPart(m, op, t)
	default:
		err = onAttribute(m, op, t.attr)
	}
	p.prune(t.ext)
	return err
}

// target reads a path: an attribute, a part of one, or values in brackets with
// or without a part.
func (p *patcher) target(path string) (target, error) {
	l, err := lift(path)
	if err != nil {
		return target{}, refuse("invalidPath", "%v", err)
	}
	text := l.text
	part := ""
	if len(l.inner) > 0 {
		var ok bool
		text, part, _ = strings.Cut(l.text, ".in-0 pr")
		if part, ok = strings.CutPrefix(part, "."); len(l.inner) > 1 || (part != "") != ok {
			return target{}, refuse("invalidPath", "it must be an attribute, brackets and at most one part")
		}
	}
	name, err := p.server.parser.attribute(text)
	if err != nil {
		return target{}, refuse("invalidPath", "%v", err)
	}
	r, ok := p.kind.resolve(name)
	if !ok {
		return target{}, refuse("invalidPath", "%s has no such attribute", p.kind.Name)
	}
	t := target{ref: r}
	if len(l.inner) == 0 {
		return t, nil
	}
	if r.attr == nil || r.sub != nil || !r.attr.MultiValued || r.attr.Type != "complex" {
		return target{}, refuse("invalidPath", "%v holds no values to choose from by brackets", name)
	}
	if part != "" {
		if t.sub = r.attr.sub(part); t.sub == nil {
			return target{}, refuse("invalidPath", "%v has no part %q", name, part)
		}
	}
	t.filter, err = (&binder{parser: &p.server.parser, lifted: l}).inside(r.attr, l.inner[0])
	if err != nil {
		return target{}, refuse("invalidFilter", "%v", err)
	}
	return t, nil
}

// container is the object that holds the attributes of a schema.
func (p *patcher) container(ext *schema) map[string]any {
	if ext == nil {
		return p.body
	}
	m, ok := p.body[ext.ID].(map[string]any)
	if !ok {
		m = map[string]any{}
		p.body[ext.ID] = m
	}
	return m
}

// prune removes an extension that has become empty.
func (p *patcher) prune(ext *schema) {
	if ext != nil && len(p.container(ext)) == 0 {
		delete(p.body, ext.ID)
	}
}

// whole applies an operation without a path: each attribute of its value.
func (p *patcher) whole(op operation) error {
	values, ok := op.value.(map[string]any)
	if !ok {
		return refuse("invalidValue", "without a path the value must be an object, not %s", jsonType(op.value))
	}
	if err := distinct(values); err != nil {
		return err
	}
	for _, name := range sortedKeys(values) {
		part := operation{op: op.op, path: name, value: values[name], given: true}
		if ext := p.kind.extension(name); ext != nil {
			if err := p.extension(part, ext); err != nil {
				return err
			}
			continue
		}
		a := p.kind.attr(name)
		switch {
		case a == nil:
			return refuse("invalidSyntax", "attribute %q is in no schema of %s", name, p.kind.Name)
		case a.Name == "id" && part.value == p.id:
			continue // says again which resource is meant
		}
		part.path = a.Name
		if err := p.apply(part); err != nil {
			return err
		}
	}
	return nil
}

// extension applies an operation to all attributes of an extension.
func (p *patcher) extension(op operation, ext *schema) error {
	if op.op == "remove" {
		delete(p.body, ext.ID)
		return nil
	}
	values, ok := op.value.(map[string]any)
	if !ok {
		return refuse("invalidValue", "the value must be an object, not %s", jsonType(op.value))
	}
	for _, name := range sortedKeys(values) {
		a := find(ext.Attributes, name)
		if a == nil {
			return refuse("invalidSyntax", "%s has no attribute %q", ext.ID, name)
		}
		if err := p.apply(operation{op: op.op, path: ext.ID + ":" + a.Name, value: values[name], given: true}); err != nil {
			return err
		}
	}
	return nil
}

// onAttribute applies an operation to a whole attribute.
func onAttribute(m map[string]any, op operation, a *attribute) error {
	if op.op == "remove" {
		return clearAttribute(m, a, "mutability")
	}
	if _, isList := op.value.([]any); a.MultiValued && op.op == "add" && !isList && op.value != nil {
		op.value = []any{op.value} // one new value (RFC 7644 section 3.5.2.1)
	}
	v, err := a.canonicalValue(op.value, a.Name)
	if err != nil {
		return err
	}
	switch before := m[a.Name].(type) {
	case map[string]any:
		if raw, ok := op.value.(map[string]any); ok {
			merge(m, a, before, raw, v)
			return nil
		}
	case []any:
		if v != nil && op.op == "add" {
			m[a.Name], err = a.addElements(before, v.([]any))
			return err
		}
	}
	if v != nil {
		m[a.Name] = v
		return nil
	}
	if op.op == "add" {
		return refuse("invalidValue", "there is nothing to add")
	}
	return clearAttribute(m, a, "invalidValue")
}

// clearAttribute takes an attribute away, unless it is required.
func clearAttribute(m map[string]any, a *attribute, scimType string) error {
	if a.Required {
		return refuse(scimType, "%s is required", a.Name)
	}
	delete(m, a.Name)
	return nil
}

// merge sets the parts that a value for a singular complex attribute names,
// and clears those it names as null (RFC 7644 section 3.5.2.3).
func merge(m map[string]any, a *attribute, before, raw map[string]any, v any) {
	for name, part := range raw {
		if sub := a.sub(name); part == nil && sub.Mutability != "readOnly" {
			delete(before, sub.Name)
		}
	}
	if v, ok := v.(map[string]any); ok {
		maps.Copy(before, v)
	}
	if len(before) == 0 {
		delete(m, a.Name)
	}
}

// onPart applies an operation to a part of a singular attribute.
func onPart(m map[string]any, op operation, t target) error {
	parts, _ := m[t.attr.Name].(map[string]any)
	if parts == nil {
		parts = map[string]any{}
	}
	if err := onAttribute(parts, op, t.sub); err != nil {
		return err
	}
	if len(parts) == 0 {
		delete(m, t.attr.Name)
		return nil
	}
	m[t.attr.Name] = parts
	return nil
}

// addElements adds to a multi-valued attribute. An element that is there gets
// the parts of the new one.
func (a *attribute) addElements(before, added []any) ([]any, error) {
	primary := -1
	for _, v := range added {
		v := v.(map[string]any)
		id := a.identity(v)
		at := slices.IndexFunc(before, func(b any) bool {
			return id != "" && a.identity(b.(map[string]any)) == id
		})
		if at < 0 {
			at = len(before)
			before = append(before, map[string]any{})
		}
		maps.Copy(before[at].(map[string]any), v)
		if v["primary"] == true {
			primary = at
		}
	}
	onlyPrimary(before, primary)
	return before, a.checkElements(before)
}

// onlyPrimary clears the primary mark of all elements but one (RFC 7644
// section 3.5.2).
func onlyPrimary(list []any, keep int) {
	for i, v := range list {
		if v := v.(map[string]any); keep >= 0 && i != keep && v["primary"] == true {
			v["primary"] = false
		}
	}
}

// onElements applies an operation to the elements that the brackets choose.
func onElements(m map[string]any, op operation, t target) error {
	all := list(m[t.attr.Name])
	var chosen []int
	for i, v := range all {
		if t.filter.match(element(v.(map[string]any))) {
			chosen = append(chosen, i)
		}
	}
	if len(chosen) == 0 {
		return refuse("noTarget", "no value matches")
	}
	primary := -1
	for _, i := range chosen {
		e := all[i].(map[string]any)
		next, err := onElement(e, op, t)
		if err != nil {
			return err
		}
		all[i] = next
		if next["primary"] == true {
			if primary >= 0 {
				return refuse("invalidValue", "only one value can be made primary")
			}
			primary = i
		}
	}
	onlyPrimary(all, primary)
	all = slices.DeleteFunc(all, func(v any) bool { return len(v.(map[string]any)) == 0 })
	if len(all) == 0 {
		delete(m, t.attr.Name)
		return nil
	}
	m[t.attr.Name] = all
	return t.attr.checkElements(all)
}

// onElement returns the element as the operation leaves it; empty means removed.
func onElement(e map[string]any, op operation, t target) (map[string]any, error) {
	if t.sub != nil {
		return e, onAttribute(e, op, t.sub)
	}
	if op.op == "remove" {
		return map[string]any{}, nil
	}
	v, err := t.attr.canonicalOne(op.value, t.attr.Name)
	if err != nil {
		return nil, err
	}
	next, ok := v.(map[string]any)
	if !ok {
		return nil, refuse("invalidValue", "the value is empty")
	}
	if op.op == "add" {
		maps.Copy(e, next)
		next = e
	}
	return next, nil
}

// onMembers applies an operation to the members of a group, whose parts are
// immutable.
func (p *patcher) onMembers(op operation, t target) error {
	if t.sub != nil || t.filter != nil && op.op != "remove" {
		return refuse("mutability", "a member is added or removed as a whole")
	}
	if op.op == "remove" {
		if t.filter == nil {
			p.members.clear()
			return nil
		}
		return p.removeMembers(t.filter)
	}
	if _, isList := op.value.([]any); op.op == "add" && !isList && op.value != nil {
		op.value = []any{op.value}
	}
	v, err := t.attr.canonicalValue(op.value, t.attr.Name)
	if err != nil {
		return err
	}
	members, _ := v.([]any)
	if op.op == "replace" {
		p.members.clear()
	}
	p.members.add(members)
	return nil
}

func (p *patcher) removeMembers(filter *expr) error {
	ids := p.members.ids
	if want, ok := filter.value.(string); ok && filter.op == "eq" && filter.ref.attr.Name == "value" {
		ids = func() []string { return []string{want} } // spares a look at every member
	}
	found := false
	for _, id := range ids() {
		if p.members.has(id) && p.server.store.any(id) != nil && filter.match(element(p.server.store.member(id, ""))) {
			p.members.remove(id)
			found = true
		}
	}
	if !found {
		return refuse("noTarget", "no member matches")
	}
	return nil
}
