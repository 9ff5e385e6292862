package resource

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Refuses says why the service does not take what a path names, "" if it does. What it
// refuses is left out of a mapping, unlike what Parse refuses, which no target can take.
func (s Shape) Refuses(p Path) string {
	def, known := s.Find(p.URN, p.Attr)
	if !known {
		if s.Extensions != nil && !slices.ContainsFunc(s.Extensions, func(urn string) bool { return strings.EqualFold(urn, p.URN) }) {
			return "the service does not take it"
		}
		return ""
	}
	if def.Refused != "" || p.Sub == "" {
		return def.Refused
	}
	for _, eq := range p.Filter {
		if typ, isText := eq.Value.(string); isText && eq.Attr == "type" && !def.TakesType(typ) {
			return fmt.Sprintf("of %s the service takes %s only", def.Path(), def.TypesText())
		}
	}
	return def.sub(p.Sub).Refused
}

// TakesType tells whether an element may be of a type; case does not matter (RFC 7643
// section 2.4).
func (d *Definition) TakesType(typ string) bool {
	return len(d.Types) == 0 || slices.ContainsFunc(d.Types, func(t string) bool { return strings.EqualFold(t, typ) })
}

// TypesText lists the types that elements may have, for messages.
func (d *Definition) TypesText() string {
	if len(d.Types) == 1 {
		return "type " + d.Types[0]
	}
	return "the types " + strings.Join(d.Types, ", ")
}

// Whole tells that the single values of an attribute cannot be reached: by any filter, or
// because the service keeps no types. It is replaced as a whole, and is ours as a whole.
func (s Shape) Whole(d *Definition) bool {
	return d.Multi && (s.Patch.Whole || d.Type == Complex && d.sub("type").ignored())
}

// sends tells whether an existing account's value at a path is ever sent.
func (d *Definition) sends(sub string) bool {
	if d.fixed() {
		return false
	}
	if sub == "" {
		return true
	}
	s, known := d.Sub(sub)
	return !known || !s.fixed()
}

func (d *Definition) fixed() bool { return d.ReadOnly || d.Refused != "" || d.CreateOnly }

// partly tells whether the elements of a list have parts that are not sent.
func (d *Definition) partly() bool {
	for i := range d.Subs {
		if d.Multi && d.Subs[i].fixed() {
			return true
		}
	}
	return false
}

// sendable gives the elements of a list without the parts that are not sent.
func (d *Definition) sendable(v any) any {
	list, isList := v.([]Element)
	if !isList {
		return v
	}
	cut := make([]Element, len(list))
	for i, e := range list {
		cut[i] = d.cut(e)
	}
	return cut
}

// cut gives an element without the parts that are not sent.
func (d *Definition) cut(e Element) Element {
	if !d.partly() {
		return e
	}
	c := Element{}
	for name, part := range e {
		if d.sends(name) {
			c[name] = part
		}
	}
	return c
}

// Covers tells whether a path names what another does, or something that it is a part
// of: emails covers emails[type eq "work"].value, and so does emails.value.
func (p Path) Covers(other Path) bool {
	if p.Attribute() != other.Attribute() || p.Sub != "" && p.Sub != other.Sub {
		return false
	}
	for _, eq := range p.Filter {
		if !slices.Contains(other.Filter, eq) {
			return false
		}
	}
	return true
}

// requires tells whether a path must keep a value.
func (s Shape) requires(at Path, def *Definition) bool {
	if def.Required && at.Sub == "" && !def.Multi {
		return true
	}
	return len(s.Required) > 0 && slices.Contains(s.Required, at.String())
}

// Fixed gives the path of a value that changes although the service takes it only when
// an account is made; "": there is none.
func (s Shape) Fixed(old, want Resource) string {
	for _, a := range want.Attrs {
		before := old.Get(a.Path)
		if before == nil {
			continue
		}
		attr, leaf := s.Lookup(Split(a.Path))
		if (attr.CreateOnly || leaf.CreateOnly) && !leaf.same(before, a.Value) {
			return a.Path
		}
	}
	return ""
}

// Pick gives the first element that a filter selects; nil: there is none.
func (d *Definition) Pick(list []Element, filter []Eq) Element {
	if i := d.index(list, filter); i >= 0 {
		return list[i]
	}
	return nil
}

func (d *Definition) index(list []Element, filter []Eq) int {
	return slices.IndexFunc(list, func(e Element) bool { return d.matches(e, filter) })
}

// matches compares an element with a filter, by the schema's rules. Absent is false
// (RFC 7643 section 2.4).
func (d *Definition) matches(e Element, filter []Eq) bool {
	for _, eq := range filter {
		if !d.sub(eq.Attr).same(e[eq.Attr], eq.Value) && !(e[eq.Attr] == nil && eq.Value == false) {
			return false
		}
	}
	return true
}

// TemporaryLogin makes a login of another one, as long as the service takes it, for an
// account that has to give its own up for a moment. mark tells it from others.
func (s Shape) TemporaryLogin(login, mark string) string {
	mark = "tmp" + mark
	most := 0
	if def, known := s.Find("", "userName"); known {
		most = def.MaxLen
	}
	local, domain, isMail := strings.Cut(login, "@")
	tail := ""
	if isMail {
		tail = "@" + domain
	}
	room := most - utf8.RuneCountInString(mark+"-"+tail)
	switch runes := []rune(local); {
	case most == 0 || len(runes) <= room:
		return mark + "-" + login
	case room > 0:
		return mark + "-" + string(runes[:room]) + tail
	case utf8.RuneCountInString(mark+tail) <= most:
		return mark + tail
	}
	return mark[:min(len(mark), most)]
}

// WithLogin gives what an account holds with another login, and with everything that is
// coupled to it.
func (s Shape) WithLogin(r Resource, login string) Resource {
	values := map[string]any{}
	for _, a := range r.Attrs {
		values[a.Path] = a.Value
	}
	values["userName"] = login
	for _, set := range s.Coupled {
		if !slices.Contains(set, "userName") {
			continue
		}
		for _, path := range set {
			at := Split(path)
			list, _ := values[at.Attribute()].([]Element)
			if i := s.find(at).index(list, at.Filter); i >= 0 && len(at.Filter) > 0 {
				list = slices.Clone(list)
				list[i] = list[i].without(at.Sub)
				list[i][at.Sub] = login
				values[at.Attribute()] = list
			} else if values[path] != nil {
				values[path] = login
			}
		}
	}
	return New(values)
}
