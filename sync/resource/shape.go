package resource

import (
	"sort"
	"strings"
)

// Type is the data type of an attribute (RFC 7643 section 2.3).
type Type string

// The data types.
const (
	String    Type = "string"
	Boolean   Type = "boolean"
	Decimal   Type = "decimal"
	Integer   Type = "integer"
	DateTime  Type = "dateTime"
	Reference Type = "reference"
	Binary    Type = "binary"
	Complex   Type = "complex"
)

// Definition describes one attribute as RFC 7643 section 7 does.
type Definition struct {
	// URN is the schema of an extension's attribute, empty for the core schema and
	// for sub-attributes.
	URN  string
	Name string // in the schema's spelling
	Type Type

	Multi     bool
	CaseExact bool
	Required  bool
	ReadOnly  bool
	Subs      []Definition // of a complex attribute
}

// Path is the attribute's canonical path.
func (d *Definition) Path() string {
	if d.URN == "" {
		return d.Name
	}
	return d.URN + ":" + d.Name
}

// Sub finds a sub-attribute; case does not matter (RFC 7643 section 2.1).
func (d *Definition) Sub(name string) (*Definition, bool) {
	for i := range d.Subs {
		if strings.EqualFold(d.Subs[i].Name, name) {
			return &d.Subs[i], true
		}
	}
	return nil, false
}

// sub is Sub with a plain, case-exact string for a sub-attribute that is not known.
func (d *Definition) sub(name string) *Definition {
	if s, known := d.Sub(name); known {
		return s
	}
	return &Definition{Name: name, Type: String, CaseExact: true}
}

// Shape is what a target can hold, as plain data: its attributes, and what of
// them is ours. It is safe for concurrent use as long as nobody changes it.
type Shape struct {
	Core  string // the URN of the core schema
	Attrs []Definition
	// Own names, by canonical attribute path, the multi-valued attributes that are
	// ours as a whole. Of the others only the elements we pushed are ours.
	Own map[string]bool
}

// Find gives the definition of an attribute; case does not matter. urn is empty
// or the core schema's for a core attribute.
func (s Shape) Find(urn, name string) (*Definition, bool) {
	if strings.EqualFold(urn, s.Core) {
		urn = ""
	}
	for i := range s.Attrs {
		d := &s.Attrs[i]
		if strings.EqualFold(d.Name, name) && strings.EqualFold(d.URN, urn) {
			return d, true
		}
	}
	return nil, false
}

// find is Find with a plain string for an attribute that is not known: that is how
// extensions outside of the shape are treated.
func (s Shape) find(p Path) *Definition {
	if d, known := s.Find(p.URN, p.Attr); known {
		return d
	}
	d := &Definition{URN: p.URN, Name: p.Attr, Type: String, CaseExact: true}
	if p.Sub != "" || len(p.Filter) > 0 {
		d.Type, d.Multi = Complex, len(p.Filter) > 0
	}
	return d
}

// Lookup gives the definition at the end of a path, and that of the attribute it
// belongs to; both are the same for a path without a sub-attribute.
func (s Shape) Lookup(p Path) (attr, leaf Definition) {
	a := s.find(p)
	if p.Sub == "" {
		return *a, *a
	}
	return *a, *a.sub(p.Sub)
}

// Schemas gives the value of `schemas` for a resource with these paths: the core
// URN and those of the extensions in use (RFC 7643 section 3).
func (s Shape) Schemas(paths []string) []string {
	used := map[string]bool{}
	for _, text := range paths {
		if urn := Split(text).URN; urn != "" {
			used[urn] = true
		}
	}
	urns := make([]string, 0, len(used)+1)
	for urn := range used {
		urns = append(urns, urn)
	}
	sort.Strings(urns)
	return append([]string{s.Core}, urns...)
}
