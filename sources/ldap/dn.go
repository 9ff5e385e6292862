package ldap

import (
	"fmt"
	"slices"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"
)

// dname is a distinguished name made comparable: one string for each RDN, leaf
// first, with folded types and values, insignificant space dropped, and the
// parts of a multi-valued RDN sorted (RFC 4514, RFC 4517 section 4.2.15).
type dname []string

// shortNames are the attribute types that RFC 4514 section 3 names, by OID.
var shortNames = map[string]string{
	"2.5.4.3": "cn", "2.5.4.7": "l", "2.5.4.8": "st", "2.5.4.10": "o", "2.5.4.11": "ou", "2.5.4.6": "c",
	"2.5.4.9": "street", "0.9.2342.19200300.100.1.25": "dc", "0.9.2342.19200300.100.1.1": "uid",
	"commonname": "cn", "localityname": "l", "stateorprovincename": "st", "organizationname": "o",
	"organizationalunitname": "ou", "countryname": "c", "streetaddress": "street", "domaincomponent": "dc", "userid": "uid",
}

func parseDN(text string) (dname, error) {
	parsed, err := goldap.ParseDN(text)
	if err != nil {
		return nil, fmt.Errorf("parse DN %q: %w", text, err)
	}
	out := make(dname, len(parsed.RDNs))
	for i, rdn := range parsed.RDNs {
		parts := make([]string, len(rdn.Attributes))
		for j, a := range rdn.Attributes {
			kind := strings.ToLower(strings.TrimSpace(a.Type))
			if short := shortNames[kind]; short != "" {
				kind = short
			}
			parts[j] = kind + "=" + foldValue(a.Value)
		}
		slices.Sort(parts)
		out[i] = strings.Join(parts, "\x00+")
	}
	return out, nil
}

// DNMatcher gives a test whether another text is the same distinguished name, in
// whatever spelling (RFC 4514); nil when text is none.
func DNMatcher(text string) func(other string) bool {
	name, err := parseDN(text)
	if err != nil || len(name) == 0 {
		return nil
	}
	return func(other string) bool {
		parsed, err := parseDN(other)
		return err == nil && slices.Equal(parsed, name)
	}
}

// foldValue prepares a value for caseIgnoreMatch: case folded, runs of spaces
// one space, none at the ends.
func foldValue(v string) string {
	return strings.Join(strings.Fields(strings.ToLower(v)), " ")
}

// under tells whether d is base or stands below it.
func (d dname) under(base dname) bool {
	return len(d) >= len(base) && slices.Equal(d[len(d)-len(base):], base)
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
		if len(name) == 0 {
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
		same := slices.Equal(all[i].name, other.name)
		switch {
		case same && j < i:
			return true
		case !same && scope == Sub && all[i].name.under(other.name):
			return true
		}
	}
	return false
}
