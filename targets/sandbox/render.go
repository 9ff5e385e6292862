package sandbox

import (
	"slices"
	"strconv"
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
		out = append(append(out, `,"groups":`...), encode(groups)...)
	}
	if members := s.memberList(r, base); members != nil {
		out = append(append(out, `,"members":`...), encode(members)...)
	}
	out = append(out, `,"meta":{"resourceType":"`...)
	out = append(out, r.kind.Name...)
	out = append(out, `","created":"`...)
	out = append(out, stamp(r.created)...)
	out = append(out, `","lastModified":"`...)
	out = append(out, stamp(r.modified)...)
	out = append(out, `","location":"`...)
	out = append(out, r.location(base)...)
	out = append(out, `","version":"W/\"`...)
	out = strconv.AppendInt(out, int64(r.version), 10)
	return append(out, `\""}}`...)
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
// 7644 section 3.9). Names are folded to lower case; nil means everything.
type selection struct {
	only   []string
	except []string
}

func newSelection(attributes, excluded []string) (selection, error) {
	if len(attributes) > 0 && len(excluded) > 0 {
		return selection{}, refuse("invalidValue", "attributes and excludedAttributes cannot be used together")
	}
	return selection{only: lower(attributes), except: lower(excluded)}, nil
}

func lower(names []string) []string {
	var out []string
	for _, n := range names {
		if n = strings.ToLower(strings.TrimSpace(n)); n != "" {
			out = append(out, n)
		}
	}
	return out
}

func (sel selection) all() bool { return sel.only == nil && sel.except == nil }

// show is render for a client that chose what it wants to see.
func (s *store) show(out []byte, r *resource, base string, sel selection) []byte {
	if sel.all() {
		return s.render(out, r, base)
	}
	if slices.Contains(sel.except, "members") && len(r.members) > 0 {
		bare := *r
		bare.members = nil // spares the listing of a large group
		r = &bare
	}
	m := decode(s.render(nil, r, base))
	return append(out, encode(sel.cut(r.kind, m))...)
}

// cut removes what is not wanted. The id and the schemas always stay.
func (sel selection) cut(t *resourceType, m map[string]any) map[string]any {
	for name, v := range m {
		if ext := t.extension(name); ext != nil {
			inner, _ := v.(map[string]any)
			sel.cutObject(inner, strings.ToLower(ext.ID), ":")
			if len(inner) == 0 {
				delete(m, name)
			}
			continue
		}
		if a := t.attr(name); a != nil && a.Returned == "always" {
			continue
		}
		sel.cutAttribute(m, name, []string{strings.ToLower(name), strings.ToLower(t.Core.ID + ":" + name)})
	}
	return m
}

// cutObject cuts the attributes of an extension, whose names begin with its URI.
func (sel selection) cutObject(m map[string]any, prefix, sep string) {
	if slices.Contains(sel.only, prefix) {
		return
	}
	for name := range m {
		if slices.Contains(sel.except, prefix) {
			delete(m, name)
			continue
		}
		sel.cutAttribute(m, name, []string{prefix + sep + strings.ToLower(name)})
	}
}

// cutAttribute cuts one attribute, which a client may write in several ways,
// or its parts.
func (sel selection) cutAttribute(m map[string]any, name string, spellings []string) {
	named := func(list []string, suffix string) bool {
		return slices.ContainsFunc(spellings, func(s string) bool { return slices.Contains(list, s+suffix) })
	}
	if named(sel.except, "") {
		delete(m, name)
		return
	}
	if named(sel.only, "") {
		return
	}
	parts := list(m[name])
	kept := slices.DeleteFunc(slices.Clone(parts), func(v any) bool {
		part, ok := v.(map[string]any)
		for sub := range part {
			suffix := "." + strings.ToLower(sub)
			if named(sel.except, suffix) || sel.only != nil && !named(sel.only, suffix) {
				delete(part, sub)
			}
		}
		return ok && len(part) == 0 || !ok && sel.only != nil
	})
	switch _, many := m[name].([]any); {
	case len(kept) == 0:
		delete(m, name)
	case many:
		m[name] = kept
	}
}
