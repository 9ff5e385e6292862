package ldap

import (
	"fmt"
	"slices"
	"strings"

	"scimsync/sync/record"
)

// dname is a distinguished name in its one spelling; see record.CanonDN.
type dname string

func parseDN(text string) (dname, error) {
	name, err := record.CanonDN(text)
	return dname(name), err
}

// DNMatcher gives a test whether another text is the same distinguished name, in
// whatever spelling (RFC 4514); nil when text is none.
func DNMatcher(text string) func(other string) bool {
	name, err := parseDN(text)
	if err != nil || name == "" {
		return nil
	}
	return func(other string) bool {
		parsed, err := parseDN(other)
		return err == nil && parsed == name
	}
}

// under tells whether d is base or stands below it.
func (d dname) under(base dname) bool {
	return d == base || base == "" || strings.HasSuffix(string(d), ","+string(base))
}

// rdn is the first part of the name, the leaf's.
func (d dname) rdn() string {
	leaf, _, _ := strings.Cut(string(d), ",")
	return leaf
}

// base is one search base.
type base struct {
	text string
	name dname
}

// area is where entries of one kind are, ready for reading.
type area struct {
	Entries
	kind    record.Kind
	bases   []base
	exclude []dname
}

// key is where the config has the area.
func (a *area) key() string { return a.kind.String() + "s" }

// newArea parses bases and excludes, and drops bases whose entries another
// base gives already, so that nobody is read twice.
func newArea(kind record.Kind, e Entries) (*area, error) {
	a := &area{Entries: e, kind: kind}
	for _, text := range e.Exclude {
		name, err := parseDN(text)
		if err != nil {
			return nil, fmt.Errorf("%s.exclude: %w", a.key(), err)
		}
		if name == "" {
			return nil, fmt.Errorf("%s.exclude: %q would exclude everybody", a.key(), text)
		}
		a.exclude = append(a.exclude, name)
	}
	all := make([]base, 0, len(e.Base))
	for _, text := range e.Base {
		name, err := parseDN(text)
		if err != nil {
			return nil, fmt.Errorf("%s.base: %w", a.key(), err)
		}
		if slices.ContainsFunc(a.exclude, name.under) {
			return nil, fmt.Errorf("%s.base %q lies inside %[1]s.exclude: nobody would be read from it", a.key(), text)
		}
		all = append(all, base{text, name})
	}
	for i, b := range all {
		if !covered(all, i, e.Scope) {
			a.bases = append(a.bases, b)
		}
	}
	return a, nil
}

// anchorAt is the attribute that identifies an entry at a vendor's server.
func (a *area) anchorAt(v Vendor) string {
	if a.Anchor != "" {
		return a.Anchor
	}
	return dialects[v].anchor
}

// filterAt is the filter that finds the entries at a vendor's server.
func (a *area) filterAt(v Vendor) string {
	switch {
	case a.Filter != "":
		return a.Filter
	case a.kind == record.Group:
		return DefaultGroupFilter(v)
	}
	return DefaultFilter(v)
}

// covered tells whether another base gives all entries of all[i].
func covered(all []base, i int, scope Scope) bool {
	for j, other := range all {
		same := all[i].name == other.name
		switch {
		case same && j < i:
			return true
		case !same && scope == Sub && all[i].name.under(other.name):
			return true
		}
	}
	return false
}
