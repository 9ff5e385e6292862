package resource

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
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

// Definition describes one attribute as RFC 7643 section 7 does, and what a service
// makes of it. The zero values of the latter are what the RFC says.
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
	// Refers tells that a value is the id of an account at the same service.
	Refers bool

	// Refused says why the service does not take it, "" if it does: it is never sent.
	Refused string
	// CreateOnly tells that the service takes it when an account is made, and never again.
	CreateOnly bool
	MaxLen     int            // most characters of a value; 0: no limit
	Forbidden  *regexp.Regexp // what no value may contain; nil: nothing
	Rules      []Rule         // what the service does to values

	// These are for attributes with many values.
	MaxValues  int      // most values; 0: no limit
	Types      []string // what `type` may be; none: anything
	OnePrimary bool     // one of the values has to be primary
	// OwnTypes are the types of values that the service puts there by itself.
	OwnTypes []string
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

// Shape is what a target can hold, as plain data: its attributes, what of them is
// ours, and the forms in which they are changed. Its paths are canonical. It is safe
// for concurrent use as long as nobody changes it.
type Shape struct {
	Core  string // the URN of the core schema
	Attrs []Definition
	// Extensions are the URNs of extensions of which attributes are taken that are not
	// among Attrs; nil: any.
	Extensions []string
	// Required are paths without which there is no account, besides the attributes that
	// are Required: name.givenName, emails[type eq "work"].value. To require an attribute
	// with parts, or many values, is to require one of them.
	Required []string
	// Coupled are sets of paths that always hold the same value: when one changes, all
	// are sent, in one request.
	Coupled [][]string
	// Own names, by canonical attribute path, the multi-valued attributes that are
	// ours as a whole. Of the others only the elements we pushed are ours.
	Own map[string]bool
	// ActiveOnly tells that no account is made inactive: who is not to be active yet has none.
	ActiveOnly bool
	// Patch is how the service wants changes. Its zero value is RFC 7644 section 3.5.2.
	Patch Patch
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

// Schemas gives the value of `schemas` for a resource: the core URN and those of the
// extensions in use (RFC 7643 section 3).
func (s Shape) Schemas(r Resource) []string {
	urns := []string{s.Core}
	for _, a := range r.Attrs {
		// Attributes are sorted: those of one extension stand together.
		if urn := Split(a.Path).URN; urn != "" && urn != urns[len(urns)-1] {
			urns = append(urns, urn)
		}
	}
	return urns
}

// Digest is a short text that changes whenever the shape does.
func (s Shape) Digest() string {
	text, err := json.Marshal(s)
	if err != nil { // it holds texts, numbers and patterns
		panic("resource: digest of a shape: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}
