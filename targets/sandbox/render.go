package sandbox

import (
	"slices"
	"strings"
	"time"
)

// stamp writes a time as meta has it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// location is the URI of a resource below base.
func (r *resource) location(base string) string { return base + r.kind.Endpoint + "/" + r.id }

// render appends the JSON of a resource as a client sees it: the stored body
// with what the server makes put around it. The lock is held.
func (s *store) render(out []byte, r *resource, base string) []byte {
	out = append(out, `{"id":"`...)
	out = append(out, r.id...)
	out = append(out, `",`...)
	out = append(out, r.body[1:len(r.body)-1]...) // never empty: schemas is there
	if groups := s.groupList(r, base); groups != nil {
		out = appendJSON(append(out, `,"groups":`...), groups)
	}
	if members := s.memberList(r, base); members != nil {
		out = appendJSON(append(out, `,"members":`...), members)
	}
	out = appendJSON(append(out, `,"meta":`...), s.made(r, "meta", base))
	return append(out, '}')
}

// groupList is the groups attribute of a user, or nil.
func (s *store) groupList(r *resource, base string) any {
	if r.kind != s.users.kind {
		return nil
	}
	groups, direct := s.groupsOf(r.id)
	if len(groups) == 0 {
		return nil
	}
	all := make([]any, 0, len(groups))
	for _, g := range groups {
		kind := "indirect"
		if direct[g.id] {
			kind = "direct"
		}
		all = append(all, map[string]any{
			"value": g.id, "$ref": g.location(base), "display": g.keys.label, "type": kind,
		})
	}
	return all
}

// memberList is the members attribute of a group, or nil.
func (s *store) memberList(r *resource, base string) any {
	if len(r.members) == 0 {
		return nil
	}
	all := make([]any, 0, len(r.members))
	for _, id := range r.memberIDs() {
		all = append(all, s.member(id, base))
	}
	return all
}

func (s *store) member(id, base string) map[string]any {
	m := s.any(id)
	return map[string]any{
		"value": id, "$ref": m.location(base), "type": m.kind.Name, "display": m.keys.label,
	}
}

// selection is what attributes and excludedAttributes leave of an answer (RFC
// 7644 section 3.9). Nil means everything.
type selection struct{ only, except []pick }

// pick is one name of a selection: an attribute or a part of it, or with attr
// empty a whole extension.
type pick struct{ ext, attr, sub string }

func newSelection(attributes, excluded []string) (selection, error) {
	if len(attributes) > 0 && len(excluded) > 0 {
		return selection{}, refuse("invalidValue", "attributes and excludedAttributes cannot be used together")
	}
	return selection{picks(attributes), picks(excluded)}, nil
}

func picks(names []string) []pick {
	var all []pick
	for _, name := range names {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		var p pick
		for _, core := range []string{userURN, groupURN} {
			name, _ = cutPrefixFold(name, core+":")
		}
		rest, ok := cutPrefixFold(name+":", enterpriseURN+":")
		if ok {
			p.ext, name = enterpriseURN, strings.TrimSuffix(rest, ":")
		}
		p.attr, p.sub, _ = strings.Cut(name, ".")
		all = append(all, p)
	}
	return all
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

func (sel selection) all() bool { return sel.only == nil && sel.except == nil }

func (p pick) is(ext, attr, sub string) bool {
	return p.ext == ext && strings.EqualFold(p.attr, attr) && strings.EqualFold(p.sub, sub)
}

// keeps says whether an attribute, or a part of one, stays as a whole, and
// whether its parts have to be asked for.
func (sel selection) keeps(ext, attr, sub string) (whole, parts bool) {
	named := func(p pick) bool {
		return p.is(ext, attr, sub) || p.is(ext, attr, "") || p.is(ext, "", "") && ext != ""
	}
	within := func(p pick) bool { return sub == "" && p.sub != "" && p.is(ext, attr, p.sub) }
	if sel.only != nil {
		return slices.ContainsFunc(sel.only, named), slices.ContainsFunc(sel.only, within)
	}
	return !slices.ContainsFunc(sel.except, named), slices.ContainsFunc(sel.except, within)
}

// show is render for a client that chose what it wants to see. The id and the
// schemas it always sees. The lock is held.
func (s *store) show(out []byte, r *resource, base string, sel selection) []byte {
	if sel.all() {
		return s.render(out, r, base)
	}
	full := decode(r.body)
	for _, made := range []string{"groups", "members", "meta"} {
		if whole, parts := sel.keeps("", made, ""); whole || parts {
			full[made] = s.made(r, made, base) // a large group is not listed for nothing
		}
	}
	m := map[string]any{"id": r.id, "schemas": full["schemas"]}
	for name, v := range full {
		if ext := r.kind.extension(name); ext != nil {
			v = sel.cutExtension(ext.ID, v.(map[string]any))
		} else if name != "schemas" {
			v = sel.cut("", name, v)
		}
		if v != nil {
			m[name] = v
		}
	}
	return appendJSON(out, m)
}

// outgoing is a resource on its way into an answer, for habits to look at and
// to change.
type outgoing struct {
	r      *resource
	base   string         // URL that locations begin with
	listed bool           // in a ListResponse
	body   map[string]any // as the client will see it
}

// show appends a resource to an answer. The lock is held.
func (s *Server) show(out []byte, o outgoing, sel selection) []byte {
	h := s.habits()
	if !h.shows() {
		return s.store.show(out, o.r, o.base, sel)
	}
	o.body = decode(s.store.show(nil, o.r, o.base, sel))
	h.show(&o)
	return appendJSON(out, o.body)
}

// made returns an attribute that the server makes.
func (s *store) made(r *resource, name, base string) any {
	switch name {
	case "groups":
		return s.groupList(r, base)
	case "members":
		return s.memberList(r, base)
	}
	return map[string]any{
		"resourceType": r.kind.Name, "created": stamp(r.created), "lastModified": stamp(r.modified),
		"location": r.location(base), "version": r.etag(),
	}
}

func (sel selection) cutExtension(uri string, m map[string]any) any {
	for name, v := range m {
		if v = sel.cut(uri, name, v); v == nil {
			delete(m, name)
		}
	}
	if len(m) == 0 {
		return nil
	}
	return m
}

// cut returns what is left of an attribute's value; nil means nothing.
func (sel selection) cut(ext, name string, v any) any {
	whole, parts := sel.keeps(ext, name, "")
	if whole && !parts || sel.only != nil && whole {
		return v
	}
	if !parts {
		return nil
	}
	var left []any
	for _, e := range list(v) {
		part, ok := e.(map[string]any)
		if !ok && whole {
			return v // it has no parts to leave out
		}
		for sub := range part {
			if stays, _ := sel.keeps(ext, name, sub); !stays {
				delete(part, sub)
			}
		}
		if len(part) > 0 {
			left = append(left, part)
		}
	}
	if _, many := v.([]any); many && left != nil {
		return left
	}
	if len(left) == 0 {
		return nil
	}
	return left[0]
}
