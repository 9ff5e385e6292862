package slapdtest

import (
	"fmt"
	"hash/crc32"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"
)

// Group gives a groupOfNames below Groups as LDIF. Its members are DNs; the schema demands
// one at least.
func Group(name string, members ...string) string {
	return Entry(GroupDN(name), append([]string{"objectClass", "groupOfNames", "cn", name, "entryUUID", GroupUUID(name)}, pairs("member", members)...)...)
}

// GroupDN is the DN of the group with a name.
func GroupDN(name string) string { return "cn=" + goldap.EscapeDN(name) + "," + Groups }

// GroupUUID is the entryUUID of the group with a name.
func GroupUUID(name string) string {
	return fmt.Sprintf("0b000000-0000-4000-8000-%012x", crc32.ChecksumIEEE([]byte(name)))
}

// Entry gives an entry as LDIF: pairs of attribute and value.
func Entry(dn string, pairs ...string) string {
	var b strings.Builder
	line(&b, "dn", dn)
	for i := 0; i+1 < len(pairs); i += 2 {
		line(&b, pairs[i], pairs[i+1])
	}
	b.WriteByte('\n')
	return b.String()
}

func pairs(attribute string, values []string) []string {
	var out []string
	for _, v := range values {
		out = append(out, attribute, v)
	}
	return out
}
