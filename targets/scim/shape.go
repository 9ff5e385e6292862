package scim

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"scimsync/sync/resource"
	"scimsync/targets/scim/profile"
)

// ShapeOf gives what the service of a profile can hold, and in which forms it is changed:
// the schema of RFC 7643 with the enterprise extension, less what the profile says. It
// is an error if a knob's path means nothing for that knob, or if knobs cannot be
// reconciled.
func ShapeOf(p *profile.Profile) (resource.Shape, error) {
	s := shaper{shape: resource.RFC7643(), profile: p}
	s.attributes()
	s.allow()
	a := &p.Attrs
	for _, path := range a.Deny {
		s.each("deny", path, func(d *resource.Definition) { d.Refused = notTaken })
	}
	for _, path := range a.ReadOnly {
		s.each("read_only", path, func(d *resource.Definition) { d.Refused = "the service makes it up by itself" })
	}
	for _, path := range a.WriteOnce {
		s.each("write_once", path, func(d *resource.Definition) { d.CreateOnly = true })
	}
	for _, path := range sorted(a.MaxLen) {
		s.below("max_len", path, func(d *resource.Definition) { d.MaxLen = a.MaxLen[path] })
	}
	for _, path := range sorted(a.CharsetDeny) {
		pattern, err := regexp.Compile(a.CharsetDeny[path])
		if err != nil {
			s.wrong("charset_deny", path, err.Error())
			continue
		}
		s.below("charset_deny", path, func(d *resource.Definition) { d.Forbidden = pattern })
	}
	for _, path := range sorted(a.MultiMax) {
		s.list("multi_max", path, func(d *resource.Definition) { d.MaxValues = a.MultiMax[path] })
	}
	for _, path := range sorted(a.Types) {
		s.list("types", path, func(d *resource.Definition) { d.Types = a.Types[path] })
	}
	for _, path := range a.RequirePrimary {
		s.list("require_primary", path, func(d *resource.Definition) { d.OnePrimary = true })
	}
	for _, path := range sorted(a.NormalizeCompare) {
		s.normalize(path, a.NormalizeCompare[path])
	}
	s.required()
	s.forms()
	s.coupled()
	return s.shape, s.err
}

// sorted gives the paths of a knob; one comes before those below it.
func sorted[V any](knob map[string]V) []string { return slices.Sorted(maps.Keys(knob)) }

const notTaken = "the service does not take it"

// shaper puts a shape together. The first error stays.
type shaper struct {
	shape   resource.Shape
	profile *profile.Profile
	err     error
}

func (s *shaper) wrong(knob, path, why string) {
	if s.err == nil {
		s.err = fmt.Errorf("profile %s: attrs.%s: %s: %s", s.profile.Name, knob, path, why)
	}
}

// attributes adds the attributes of extensions that the profile names, and leaves out the
// extensions that the service does not hold.
func (s *shaper) attributes() {
	a := &s.profile.Attrs
	for _, path := range slices.Concat(sorted(a.MultiMax), sorted(a.Types), a.RequirePrimary) {
		s.add(path, true)
	}
	for _, path := range slices.Concat(a.Allow, a.Deny, a.Required, a.ReadOnly, a.WriteOnce, sorted(a.MaxLen), sorted(a.CharsetDeny), sorted(a.NormalizeCompare)) {
		s.add(path, len(resource.Split(path).Filter) > 0)
	}
	if slices.Contains(s.profile.Extensions, "*") {
		return
	}
	s.shape.Extensions = slices.Clone(s.profile.Extensions)
	if s.shape.Extensions == nil {
		s.shape.Extensions = []string{}
	}
	for i := range s.shape.Attrs {
		d := &s.shape.Attrs[i]
		if d.URN != "" && !slices.ContainsFunc(s.profile.Extensions, func(urn string) bool { return strings.EqualFold(urn, d.URN) }) {
			d.Refused = "the service does not hold this extension"
		}
	}
}

// add makes an attribute known that RFC 7643 does not have: texts, as far as is known.
func (s *shaper) add(path string, many bool) {
	at := resource.Split(path)
	if _, known := s.shape.Find(at.URN, at.Attr); known {
		return
	}
	def := resource.Definition{URN: at.URN, Name: at.Attr, Type: resource.String, CaseExact: true, Multi: many}
	names := []string{at.Sub}
	if many {
		names = []string{"value", "display", "type", "primary"}
	}
	for _, name := range names {
		if name == "" {
			continue
		}
		sub := resource.Definition{Name: name, Type: resource.String, CaseExact: true}
		if name == "primary" {
			sub.Type = resource.Boolean
		}
		def.Type, def.Subs = resource.Complex, append(def.Subs, sub)
	}
	s.shape.Attrs = append(s.shape.Attrs, def)
}

// allow refuses all that is not allowed, where anything is said to be. Whether an account
// is active, and what tells elements apart, belongs to everything else.
func (s *shaper) allow() {
	allowed := s.profile.Attrs.Allow
	if len(allowed) == 0 {
		return
	}
	s.shape.Extensions = []string{} // those that are allowed are known by now
	parts := map[string]map[string]bool{}
	for _, path := range allowed {
		at := s.plain("allow", path)
		if parts[at.Attribute()] == nil {
			parts[at.Attribute()] = map[string]bool{}
		}
		parts[at.Attribute()][at.Sub] = true
	}
	for i := range s.shape.Attrs {
		d := &s.shape.Attrs[i]
		subs, some := parts[d.Path()]
		switch {
		case d.Path() == "active" || d.ReadOnly || some && subs[""]:
		case !some:
			d.Refused = notTaken
		default:
			for k := range d.Subs {
				if sub := &d.Subs[k]; !subs[sub.Name] && sub.Name != "type" && sub.Name != "primary" {
					sub.Refused = notTaken
				}
			}
		}
	}
}

// plain takes a path apart that must have no filter.
func (s *shaper) plain(knob, path string) resource.Path {
	at := resource.Split(path)
	if len(at.Filter) > 0 {
		s.wrong(knob, path, "a filter means nothing here; name the attribute, as in "+at.Attribute())
	}
	return at
}

// each changes the definition at a path.
func (s *shaper) each(knob, path string, change func(*resource.Definition)) {
	at := s.plain(knob, path)
	def, known := s.shape.Find(at.URN, at.Attr)
	if known && at.Sub != "" {
		def, known = def.Sub(at.Sub)
	}
	if !known {
		s.wrong(knob, path, "there is no such attribute")
		return
	}
	change(def)
}

// below changes the definition at a path, or those of its parts if it has any.
func (s *shaper) below(knob, path string, change func(*resource.Definition)) {
	s.each(knob, path, func(d *resource.Definition) {
		if len(d.Subs) == 0 {
			change(d)
		}
		for i := range d.Subs {
			change(&d.Subs[i])
		}
	})
}

// list changes the definition of an attribute with many values.
func (s *shaper) list(knob, path string, change func(*resource.Definition)) {
	s.each(knob, path, func(d *resource.Definition) {
		if !d.Multi {
			s.wrong(knob, path, "it holds one value; the knob is for lists")
			return
		}
		change(d)
	})
}

// normalize notes what the service does to values. What it ignores of a type of elements
// are values of its own.
func (s *shaper) normalize(path string, words []profile.Normal) {
	rules := make([]resource.Rule, len(words))
	for i, word := range words {
		rules[i] = resource.Rule(word)
	}
	at := resource.Split(path)
	if len(at.Filter) == 0 {
		set := func(d *resource.Definition) { d.Rules = rules }
		s.below("normalize_compare", path, set)
		s.each("normalize_compare", path, set)
		return
	}
	typ, isText := at.Filter[0].Value.(string)
	def, known := s.shape.Find(at.URN, at.Attr)
	if !known || len(at.Filter) > 1 || at.Filter[0].Attr != "type" || !isText || !slices.Equal(rules, []resource.Rule{resource.IgnoreAll}) {
		s.wrong("normalize_compare", path, `of single elements it can only be said that those of a type are ignored, as in emails[type eq "other"]: [ignore]`)
		return
	}
	def.OwnTypes = append(def.OwnTypes, typ)
}

// required notes what no account is made without. `active` is in every create anyway.
func (s *shaper) required() {
	for _, path := range slices.Concat(s.profile.Attrs.Required, s.profile.Attrs.AlwaysSend) {
		at := resource.Split(path)
		def, known := s.shape.Find(at.URN, at.Attr)
		switch {
		case path == "active" || known && def.Required || slices.Contains(s.shape.Required, at.String()):
		case s.shape.Refuses(at) != "":
			s.wrong("required", path, "the profile says elsewhere that "+s.shape.Refuses(at))
		default:
			s.shape.Required = append(s.shape.Required, at.String())
		}
	}
}

// forms notes how accounts are made and changed. A service that is sent whole accounts has
// no limits of operations.
func (s *shaper) forms() {
	s.shape.ActiveOnly = !s.profile.Create.AcceptInactive
	p := &s.profile.Patch
	if !s.profile.Reactivate.InSameRequestAsUpdate {
		s.shape.Patch.Isolate = []string{activePath}
	}
	s.shape.Patch.Clear = map[profile.ClearStyle]resource.Clear{profile.ClearReplaceEmpty: resource.ClearByEmpty,
		profile.ClearReplaceNull: resource.ClearByNull, profile.ClearUnsupported: resource.ClearNever}[s.profile.Attrs.ClearStyle]
	if s.profile.Update.Method == profile.UpdatePut {
		return
	}
	forms := &s.shape.Patch
	forms.Whole = !p.ValueFilter || p.Multivalue == profile.MultiReplaceArray
	forms.Undotted, forms.Pathless, forms.MaxOps = !p.Dotted, p.Path == profile.PathPathless, p.MaxOps
	forms.Isolate, forms.Keep = append(forms.Isolate, p.Isolate...), slices.Clone(p.RemoveUnsupported)
}

// coupled notes what has to be equal. It goes in one request, so there must be room.
func (s *shaper) coupled() {
	seen := map[string]bool{}
	for _, set := range s.profile.Attrs.Coupled {
		var paths []string
		for _, path := range set {
			at := resource.Split(path)
			if seen[at.Attribute()] {
				s.wrong("coupled", path, "it is coupled twice; write one set of all that is equal")
			}
			paths = append(paths, at.String())
		}
		for _, path := range paths {
			seen[resource.Split(path).Attribute()] = true
		}
		if most := s.shape.Patch.MaxOps; most > 0 && most < len(set) && !s.shape.Patch.Pathless {
			s.wrong("coupled", strings.Join(set, ", "), fmt.Sprintf("it takes %d operations in one request, and patch.max_ops is %d", len(set), most))
		}
		s.shape.Coupled = append(s.shape.Coupled, paths)
	}
}
