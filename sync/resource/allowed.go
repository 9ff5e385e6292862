package resource

import (
	"errors"
	"fmt"
	"sort"
	"strings"
)

// secrets are names of credentials at sources and targets. None of them is ever
// read into a mapping or sent (IPSIE SCIM profile: passwords MUST NOT be sent).
var secrets = []string{
	"password", "userpassword", "unicodepwd", "dbcspwd", "lmpwdhistory", "ntpwdhistory",
	"supplementalcredentials", "krbprincipalkey", "krbextradata", "sambantpassword", "sambalmpassword",
	"sambapasswordhistory", "ipanthash", "ipatokenotpkey", "pwdhistory", "authpassword", "userpkcs12",
	"msds_managedpassword", "mslaps_password", "ms_mcs_admpwd", "nsmultiplexorcredentials", "otpsecret", "totpsecret",
	"passwordhistory", "initialauthincoming", "initialauthoutgoing", "trustauthincoming", "trustauthoutgoing",
	"unixuserpassword", "mssfu30password", "mslaps_encryptedpassword", "mslaps_encryptedpasswordhistory",
	"msfve_recoverypassword", "msfve_keypackage", "krbmkey", "krbpwdhistory", "krb5key", "sambacleartextpassword",
	"olcrootpw", "nsslapd_rootpw", "radiussharedsecret",
}

// Secret tells whether an attribute of this name, at a source or at a target, holds
// a credential. Case and hyphens do not matter.
func Secret(name string) bool {
	name = strings.ToLower(strings.ReplaceAll(name, "-", "_"))
	for _, s := range secrets {
		if name == s {
			return true
		}
	}
	return false
}

// canonical settles the spelling of a parsed path and refuses what must not be mapped.
func (s Shape) canonical(p Path) (Path, error) {
	if strings.EqualFold(p.URN, s.Core) {
		p.URN = ""
	}
	if Secret(p.Attr) || Secret(p.Sub) {
		return Path{}, fmt.Errorf("%s is a credential; credentials are never sent", p.Attr)
	}
	d, known := s.Find(p.URN, p.Attr)
	if !known {
		return s.foreign(p)
	}
	p.URN, p.Attr = d.URN, d.Name
	if strings.EqualFold(p.Attr, "schemas") && p.URN == "" {
		return Path{}, errors.New("schemas is written by scimsync itself")
	}
	if d.ReadOnly {
		return Path{}, readOnly(d)
	}
	if err := p.spellFilter(d); err != nil {
		return Path{}, err
	}
	if p.Sub != "" {
		sub, known := d.Sub(p.Sub)
		if !known {
			return Path{}, unknownSub(d, p.Sub)
		}
		if sub.ReadOnly {
			return Path{}, fmt.Errorf("%s.%s is read-only: the target writes it", d.Path(), sub.Name)
		}
		p.Sub = sub.Name
	} else if len(p.Filter) == 0 {
		p.Sub = d.reference() // the attribute that refers to an account is the reference
	}
	return p, p.whole(d)
}

// foreign judges an attribute that the shape does not have.
func (s Shape) foreign(p Path) (Path, error) {
	if p.URN == "" {
		if strings.EqualFold(p.Attr, "schemas") {
			return Path{}, errors.New("schemas is written by scimsync itself")
		}
		return Path{}, s.unknown(p)
	}
	for i := range s.Attrs {
		if strings.EqualFold(s.Attrs[i].URN, p.URN) {
			return Path{}, s.unknown(p)
		}
	}
	if len(p.Filter) > 0 {
		return Path{}, fmt.Errorf("the target does not describe %s; of such an extension only single values can be mapped", p.URN)
	}
	return p, nil
}

func readOnly(d *Definition) error {
	switch d.Path() {
	case "groups":
		return errors.New("groups is read-only: membership is kept at the groups")
	case "id", "meta":
		return fmt.Errorf("%s is read-only: the target gives it; map externalId to change what identifies a person", d.Name)
	}
	return fmt.Errorf("%s is read-only: the target writes it", d.Path())
}

// spellFilter settles the spelling of a filter and its order: type, the rest by name.
func (p *Path) spellFilter(d *Definition) error {
	if len(p.Filter) == 0 {
		return nil
	}
	if !d.Multi {
		return fmt.Errorf("%s holds one value and takes no filter", d.Path())
	}
	for i, eq := range p.Filter {
		sub, known := d.Sub(eq.Attr)
		if !known {
			return unknownSub(d, eq.Attr)
		}
		if _, isBool := eq.Value.(bool); isBool != (sub.Type == Boolean) {
			return fmt.Errorf("the filter compares %s, which is a %s, with %s", sub.Name, sub.Type, literal(eq.Value))
		}
		if strings.EqualFold(sub.Name, p.Sub) {
			return fmt.Errorf("%s is already fixed by the filter", sub.Name)
		}
		p.Filter[i].Attr = sub.Name
	}
	sort.SliceStable(p.Filter, func(i, j int) bool {
		a, b := p.Filter[i].Attr, p.Filter[j].Attr
		if (a == "type") != (b == "type") {
			return a == "type"
		}
		return a < b
	})
	for i := 1; i < len(p.Filter); i++ {
		if p.Filter[i].Attr == p.Filter[i-1].Attr {
			return fmt.Errorf("the filter compares %s twice", p.Filter[i].Attr)
		}
	}
	return nil
}

// whole refuses paths that would replace more than one value at a time.
func (p Path) whole(d *Definition) error {
	switch {
	case d.Multi && len(p.Filter) == 0 && p.Sub != "":
		return fmt.Errorf(`%s.%s could be any element; write %s[type eq "work"].%s, or map %s to a list`,
			d.Path(), p.Sub, d.Path(), p.Sub, d.Path())
	case p.Sub == "" && len(p.Filter) > 0:
		return fmt.Errorf("map what the element holds, as in %s.%s", p.Head(), example(d))
	case p.Sub == "" && !d.Multi && d.Type == Complex:
		return fmt.Errorf("%s has parts; map them one by one, as in %s.%s", d.Path(), d.Path(), example(d))
	}
	return nil
}

func example(d *Definition) string {
	if _, has := d.Sub("value"); has || len(d.Subs) == 0 {
		return "value"
	}
	for i := range d.Subs {
		if d.Subs[i].Name == "givenName" {
			return "givenName"
		}
	}
	return d.Subs[0].Name
}

func (s Shape) unknown(p Path) error {
	var names []string
	for i := range s.Attrs {
		d := &s.Attrs[i]
		if strings.EqualFold(d.URN, p.URN) && !d.ReadOnly && d.Name != "password" {
			names = append(names, d.Name)
		}
	}
	for i := range s.Attrs { // an extension's attribute written without its URN
		if d := &s.Attrs[i]; p.URN == "" && d.URN != "" && strings.EqualFold(d.Name, p.Attr) {
			return fmt.Errorf("the core schema has no attribute %s; did you mean %s?", p.Attr, d.Path())
		}
	}
	p.Filter, p.Sub = nil, ""
	return suggest(fmt.Sprintf("the target has no attribute %s", p), Nearest(p.Attr, names))
}

func unknownSub(d *Definition, name string) error {
	var names []string
	for i := range d.Subs {
		names = append(names, d.Subs[i].Name)
	}
	if len(names) == 0 {
		return fmt.Errorf("%s has no parts", d.Path())
	}
	return suggest(fmt.Sprintf("%s has no sub-attribute %s", d.Path(), name), Nearest(name, names))
}

func suggest(text, name string) error {
	if name == "" {
		return errors.New(text)
	}
	return fmt.Errorf("%s; did you mean %s?", text, name)
}
