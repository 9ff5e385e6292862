package ldap

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"scimsync/sync/record"
)

// schema is what a server publishes about its attribute types (RFC 4512
// section 4.2). A nil schema is one that this user may not read.
type schema struct {
	spelling map[string]string   // folded name or alias -> as the server spells it
	primary  map[string]string   // folded name or alias -> folded first name
	byVar    map[string][]string // variable -> folded first names; several: they collide
}

// loadSchema reads the subschema entry. An entry that is absent, empty or
// hidden gives a nil schema; only a broken conversation is an error.
func (s *Source) loadSchema(sess *session, root rootDSE) (*schema, error) {
	dn := root.subschema
	if dn == "" { // some servers name it in every entry but the rootDSE
		e, err := baseObject(sess, s.users.bases[0].text, "(objectClass=*)", "subschemaSubentry")
		if err != nil || e == nil {
			return nil, err
		}
		if dn = e.GetEqualFoldAttributeValue("subschemaSubentry"); dn == "" {
			return nil, nil
		}
	}
	e, err := baseObject(sess, dn, "(objectClass=subschema)", "attributeTypes")
	if err != nil || e == nil {
		return nil, err
	}
	return newSchema(e.GetEqualFoldAttributeValues("attributeTypes")), nil
}

// baseObject reads one entry; nil when it does not exist or may not be seen.
func baseObject(sess *session, dn, filter string, attributes ...string) (*goldap.Entry, error) {
	req := goldap.NewSearchRequest(dn, goldap.ScopeBaseObject, goldap.NeverDerefAliases, 0, 0, false, filter, attributes, nil)
	res, err := sess.conn.Search(req)
	switch {
	case goldap.IsErrorAnyOf(err, goldap.LDAPResultNoSuchObject, goldap.LDAPResultInsufficientAccessRights,
		goldap.LDAPResultReferral, goldap.LDAPResultUnwillingToPerform):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read %s from %s: %w", dn, sess.server.text, err)
	case len(res.Entries) != 1:
		return nil, nil
	}
	return res.Entries[0], nil
}

// newSchema indexes attribute type descriptions; nil when there are none.
func newSchema(descriptions []string) *schema {
	sch := &schema{spelling: map[string]string{}, primary: map[string]string{}, byVar: map[string][]string{}}
	for _, d := range descriptions {
		names := typeNames(d)
		if len(names) == 0 || slices.ContainsFunc(names, secret) {
			continue
		}
		first := strings.ToLower(names[0])
		for _, name := range names {
			sch.spelling[strings.ToLower(name)] = name
			sch.primary[strings.ToLower(name)] = first
			v := record.Var(name)
			if !slices.Contains(sch.byVar[v], first) {
				sch.byVar[v] = append(sch.byVar[v], first)
			}
		}
	}
	if len(sch.spelling) == 0 {
		return nil
	}
	return sch
}

// typeNames finds the names in an attribute type description such as
// ( 2.5.4.3 NAME ( 'cn' 'commonName' ) SUP name ).
func typeNames(description string) []string {
	var names []string
	depth, inNames := 0, false
	for rest := strings.TrimLeft(description, " "); rest != ""; rest = strings.TrimLeft(rest, " ") {
		switch rest[0] {
		case '(', ')':
			if rest[0] == '(' {
				depth++
			} else if depth--; depth == 1 {
				inNames = false
			}
			rest = rest[1:]
		case '\'':
			quoted, after, _ := strings.Cut(rest[1:], "'")
			if inNames {
				names = append(names, quoted)
			}
			if depth == 1 {
				inNames = false
			}
			rest = after
		default:
			end := strings.IndexAny(rest, " ()'")
			if end < 0 {
				end = len(rest)
			}
			inNames = depth == 1 && strings.EqualFold(rest[:end], "NAME")
			rest = rest[end:]
		}
	}
	return names
}

// describe gives the schema in the words of expressions.
func (sch *schema) describe(extra []string) record.Schema {
	if sch == nil {
		return record.Schema{Spelling: spellings(extra)}
	}
	out := record.Schema{Spelling: map[string]string{}, Collides: map[string][]string{}}
	for v, firsts := range sch.byVar {
		if len(firsts) == 1 {
			continue
		}
		for _, first := range firsts {
			out.Collides[v] = append(out.Collides[v], sch.spelling[first])
		}
		slices.Sort(out.Collides[v])
	}
	for folded, name := range sch.spelling {
		v := record.Var(name)
		if len(sch.byVar[v]) == 1 && (out.Spelling[v] == "" || folded == sch.byVar[v][0]) {
			out.Spelling[v] = name
		}
	}
	maps.Copy(out.Spelling, spellings(extra))
	names := slices.Concat(slices.Collect(maps.Keys(out.Spelling)), slices.Collect(maps.Keys(out.Collides)))
	slices.Sort(names)
	out.Names = slices.Compact(names)
	return out
}

func spellings(extra []string) map[string]string {
	out := map[string]string{}
	for _, name := range extra {
		out[record.Var(name)] = name
	}
	return out
}

// key is what an attribute is recognised by in entries: its first name and its
// options, folded, because a server may answer an alias under the first name.
func (sch *schema) key(folded string) string {
	if sch == nil {
		return folded
	}
	name, options, found := strings.Cut(folded, ";")
	if first := sch.primary[name]; first != "" {
		name = first
	}
	if found {
		return name + ";" + options
	}
	return name
}

// resolve finds the attribute behind a wanted name: a variable or, for names
// that collide, the source's own spelling.
func (sch *schema) resolve(name string, a *area) (string, error) {
	for _, e := range a.Attributes {
		if strings.EqualFold(e, name) || record.Var(e) == name {
			return e, nil
		}
	}
	folded := strings.ToLower(name)
	switch {
	case secret(baseName(folded)):
		return "", fmt.Errorf("attribute %s holds a secret and is never read", name)
	case sch == nil && strings.Contains(name, "_"):
		return "", fmt.Errorf("attribute %s: the server's schema is not readable, so its spelling is not known; name it in %s.attributes", name, a.key())
	case sch == nil:
		return name, nil
	case sch.spelling[baseName(folded)] != "":
		return name, nil
	}
	switch firsts := sch.byVar[name]; len(firsts) {
	case 1:
		return firsts[0], nil
	case 0:
		return "", fmt.Errorf("attribute %s is not in the server's schema; correct the name, or name it in %s.attributes if the server has it nevertheless", name, a.key())
	default:
		return "", fmt.Errorf("attribute %s stands for %s; use attr(\"…\") with one of them", name, strings.Join(firsts, " and "))
	}
}
