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

// parseBases parses bases and excludes, and drops bases whose entries another
// base gives already, so that nobody is read twice.
func parseBases(u Users) (bases []base, exclude []dname, err error) {
	for _, text := range u.Exclude {
		name, err := parseDN(text)
		if err != nil {
			return nil, nil, fmt.Errorf("users.exclude: %w", err)
		}
		if name == "" {
			return nil, nil, fmt.Errorf("users.exclude: %q would exclude everybody", text)
		}
		exclude = append(exclude, name)
	}
	all := make([]base, 0, len(u.Base))
	for _, text := range u.Base {
		name, err := parseDN(text)
		if err != nil {
			return nil, nil, fmt.Errorf("users.base: %w", err)
		}
		if slices.ContainsFunc(exclude, name.under) {
			return nil, nil, fmt.Errorf("users.base %q lies inside users.exclude: nobody would be read from it", text)
		}
		all = append(all, base{text, name})
	}
	for i, b := range all {
		if !covered(all, i, u.Scope) {
			bases = append(bases, b)
		}
	}
	return bases, exclude, nil
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
