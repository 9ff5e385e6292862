package config

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"scimsync/internal/strictyaml"
)

var ldapTable = table[LDAP]{
	fields: []field[LDAP]{
		key("urls", list(ldapURL(), inBrackets), func(l *LDAP) *[]string { return &l.URLs }, "The servers, tried in this order: ldaps://, ldap:// with start_tls, or ldapi://.").must(),
		keyOr("vendor", word(VendorAuto, VendorAD, VendorOpenLDAP, Vendor389DS, VendorFreeIPA, VendorGeneric), func(l *LDAP) *Vendor { return &l.Vendor }, VendorAuto,
			"Whose directory it is, which decides the default map and what a disabled account looks like; auto asks the rootDSE."),
		key("bind", bindTable.kind(), func(l *LDAP) *Bind { return &l.Bind }, "Who scimsync is to the directory.").must(),
		key("tls", ldapTLSTable.kind(), func(l *LDAP) *LDAPTLS { return &l.TLS }, "How the connection is protected."),
		key("users", ldapUsersTable.kind(), func(l *LDAP) *LDAPEntries { return &l.Users }, "Which entries are people.").must(),
		key("groups", pointer(ldapGroupsTable.kind()), func(l *LDAP) **LDAPGroups { return &l.Groups }, "Which entries are groups. Default: there are none."),
		keyOr("page_size", integer(1, 100_000), func(l *LDAP) *int { return &l.PageSize }, 500, "How many entries to ask for at once."),
	},
	check: checkLDAP,
}

var bindTable = table[Bind]{
	fields: []field[Bind]{
		keyOr("method", word(MethodSimple, MethodExternal), func(b *Bind) *Method { return &b.Method }, MethodSimple,
			"simple is a name and a password; external is the user of the process, over ldapi://."),
		key("user", text("a DN or a UPN"), func(b *Bind) *string { return &b.User }, "A DN or a UPN."),
		key("password", secret(), func(b *Bind) *Secret { return &b.Password }, "The password."),
	},
	check: func(s spot, b *Bind) {
		for _, name := range []string{"user", "password"} {
			switch {
			case b.Method == MethodExternal && s.has(name):
				s.wrong(s.child(name), "method external has no "+name, "remove one of the two")
			case b.Method == MethodSimple && !s.has(name):
				s.wrong(s.key(), "the key "+name+" is missing", "an anonymous bind may see only some of the people")
			}
		}
	},
}

var ldapTLSTable = table[LDAPTLS]{fields: []field[LDAPTLS]{
	key("ca_file", filePath(), func(t *LDAPTLS) *string { return &t.CAFile }, "Certificates to trust instead of the system's, PEM."),
	keyOr("start_tls", yesNo(), func(t *LDAPTLS) *bool { return &t.StartTLS }, false, "Protect ldap:// by StartTLS, before the bind."),
}}

// ldapEntries are the keys that say which entries are read. who are the people, or the groups.
func ldapEntries[T any](of func(*T) *LDAPEntries, who string, more ...field[T]) table[T] {
	return table[T]{fields: append([]field[T]{
		key("base", list(text("a DN"), alone), func(t *T) *[]string { return &of(t).Base }, "The DN, or DNs, under which "+who+" are looked for.").must(),
		key("exclude", list(text("a DN"), alone), func(t *T) *[]string { return &of(t).Exclude }, "DNs under which nothing is read."),
		key("filter", text("an LDAP filter such as (objectClass=person)"), func(t *T) *string { return &of(t).Filter }, "Which entries are "+who+". Default: the vendor's."),
		keyOr("scope", word(ScopeSub, ScopeOne), func(t *T) *Scope { return &of(t).Scope }, ScopeSub, "sub for the whole subtree, one for the level under the base."),
		keyOr("anchor", text("auto or the name of an attribute"), func(t *T) *string { return &of(t).Anchor }, "auto",
			"The attribute that identifies an entry for good: auto is the vendor's (objectGUID, entryUUID, …)."),
		key("attributes", list(text("the name of an attribute"), inBrackets), func(t *T) *[]string { return &of(t).Attributes }, "Attributes to read although no mapping names them."),
	}, more...)}
}

var ldapUsersTable = ldapEntries(func(e *LDAPEntries) *LDAPEntries { return e }, "people")

var ldapGroupsTable = ldapEntries(func(g *LDAPGroups) *LDAPEntries { return &g.LDAPEntries }, "groups",
	keyOr("members", ldapMembers(), func(g *LDAPGroups) *LDAPMembers { return &g.Members }, LDAPMembers{},
		"How groups name their members: auto takes member, uniqueMember and memberUid, and of Active Directory the primary group besides."),
	nestedField(func(g *LDAPGroups) *Nested { return &g.Nested }))

var ldapMembersTable = table[LDAPMembers]{fields: []field[LDAPMembers]{
	key("attr", text("the name of an attribute"), func(m *LDAPMembers) *string { return &m.Attr }, "The attribute of groups that holds their members.").must(),
	key("user", text("the name of an attribute"), func(m *LDAPMembers) *string { return &m.User }, "The attribute of people whose values stand in it. Default: DNs do, and in memberUid the uid."),
}}

// ldapMembers is the word auto, or an attribute of groups and what its values are.
func ldapMembers() kind[LDAPMembers] {
	const auto = "auto"
	full := ldapMembersTable.kind()
	return kind[LDAPMembers]{
		schema: func(m mode) schema {
			return schema{"anyOf": []any{schema{"enum": []any{auto}}, full.schema(m)}}
		},
		decode: func(s spot, n *strictyaml.Node, into *LDAPMembers) {
			if n.Shape != strictyaml.Text {
				full.decode(s, n, into)
				return
			}
			*into = LDAPMembers{}
			if n.Text != auto {
				s.wrong(s.at(n), strconv.Quote(n.Text)+" is unknown here", "write auto, or {attr: ATTRIBUTE OF GROUPS, user: ATTRIBUTE OF PEOPLE}")
			}
		},
		lines: func(value *LDAPMembers, tell emit) {
			if value.Attr == "" {
				tell("", auto)
				return
			}
			full.lines(value, tell)
		},
	}
}

// ldapURL is the address of a server.
func ldapURL() kind[string] {
	const what = "a URL that begins with ldaps://, ldap:// or ldapi://"
	return kind[string]{
		schema: func(mode) schema { return schema{"type": "string", "pattern": "^(ldaps|ldap|ldapi)://"} },
		decode: func(s spot, n *strictyaml.Node, into *string) {
			if !s.wants(n, strictyaml.Text, what) {
				return
			}
			u, err := url.Parse(n.Text)
			socket, local := strings.CutPrefix(n.Text, "ldapi://")
			wrong := ""
			switch {
			case local: // ldapi://%2Frun%2Fslapd.sock: the host is an escaped path, which net/url refuses
				path, err := url.PathUnescape(socket)
				if err != nil || strings.ContainsAny(path, "?#") || strings.ContainsRune(strings.TrimSuffix(socket, "/"), '/') {
					wrong = "has no socket that can be read: write its path with %2F for each slash"
				}
			case err != nil || u.Scheme != "ldap" && u.Scheme != "ldaps":
				wrong = "is not " + what
			case u.Host == "" || u.Hostname() == "":
				wrong = "names no host"
			case u.User != nil:
				wrong = "holds a user or a password, which belong under bind"
			case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
				wrong = "says more than the server: base and filter belong under users"
			}
			if wrong != "" {
				s.wrong(s.at(n), "the URL "+wrong, "")
				return
			}
			*into = n.Text
		},
		lines: func(value *string, tell emit) { tell("", *value) },
	}
}

// checkLDAP looks at the servers together with how they are bound to and protected.
func checkLDAP(s spot, l *LDAP) {
	plain := func(u string) bool { return u == "" || strings.HasPrefix(u, "ldap://") } // "" was reported already
	if l.TLS.StartTLS && len(l.URLs) > 0 && !slices.ContainsFunc(l.URLs, plain) {
		s.wrong(s.child("tls.start_tls"), "start_tls is for ldap://, and no URL is one", "write ldap:// for StartTLS, or remove start_tls: ldaps:// needs none")
	}
	for i, raw := range l.URLs {
		pos := s.child("urls[" + strconv.Itoa(i) + "]")
		scheme, rest, _ := strings.Cut(raw, "://")
		host, port := rest, ""
		if u, err := url.Parse(raw); err == nil {
			host, port = u.Hostname(), u.Port()
		}
		switch {
		case l.Groups != nil && (port == "3268" || port == "3269"):
			s.wrong(pos, "a Global Catalog does not hold the members of all groups", "name the domain controller's own port, 636, or take groups out")
		case scheme == "ldap" && !l.TLS.StartTLS && !isLoopback(host):
			s.wrong(pos, "ldap:// without StartTLS would send the password in clear", "write ldaps://, or tls: {start_tls: true}")
		case scheme != "" && scheme != "ldapi" && l.Bind.Method == MethodExternal:
			s.wrong(pos, "method external works over ldapi:// only", "write ldapi://%2Frun%2Fslapd%2Fldapi, or bind with user and password")
		}
	}
}
