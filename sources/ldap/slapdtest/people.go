package slapdtest

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// Persons gives n people below People as LDIF, always the same ones. Among
// them are names beyond ASCII, RDNs with a comma, people without mail, with two
// mails and with somebody else's:
//
//	i%50 == 7   the RDN is cn with a comma in it
//	i%50 == 11  no mail
//	i%50 == 13  two mails
//	i%50 == 17  the mail of person i-1
func Persons(n int) string {
	var b strings.Builder
	for i := range n {
		person(&b, i)
	}
	return b.String()
}

// PersonUUID is the entryUUID of person i.
func PersonUUID(i int) string { return fmt.Sprintf("0a000000-0000-4000-8000-%012x", i) }

// PersonDN is the DN of person i.
func PersonDN(i int) string {
	if i%50 == 7 {
		return fmt.Sprintf(`cn=%s\, %s %d,%s`, family(i), given(i), i, People)
	}
	return fmt.Sprintf("uid=u%06d,%s", i, People)
}

// PersonMail is the mail of person i, when there is one.
func PersonMail(i int) string { return fmt.Sprintf("u%06d@example.org", i) }

// givenNames and familyNames cycle with different periods.
var (
	givenNames  = []string{"Anna", "Jürg", "Zoë", "Łukasz", "Noor", "Søren", "Ida", "François"}
	familyNames = []string{"Müller", "Meier", "Østergård", "Nguyễn", "O'Neill", "Ben Ali", "Kovačević"}
)

func given(i int) string  { return givenNames[i%len(givenNames)] }
func family(i int) string { return familyNames[i%len(familyNames)] }

func person(b *strings.Builder, i int) {
	line(b, "dn", PersonDN(i))
	b.WriteString("objectClass: inetOrgPerson\n")
	line(b, "entryUUID", PersonUUID(i))
	line(b, "uid", fmt.Sprintf("u%06d", i))
	if i%50 == 7 {
		line(b, "cn", fmt.Sprintf("%s, %s %d", family(i), given(i), i))
	} else {
		line(b, "cn", given(i)+" "+family(i))
	}
	line(b, "givenName", given(i))
	line(b, "sn", family(i))
	line(b, "displayName", given(i)+" "+family(i))
	line(b, "employeeNumber", fmt.Sprint(i))
	line(b, "departmentNumber", fmt.Sprintf("D%02d", i%20))
	switch i % 50 {
	case 11:
	case 13:
		line(b, "mail", "z-"+PersonMail(i))
		line(b, "mail", PersonMail(i))
	case 17:
		line(b, "mail", PersonMail(i-1))
	default:
		line(b, "mail", PersonMail(i))
	}
	b.WriteByte('\n')
}

// line writes one LDIF line (RFC 2849), in base64 where it has to be.
func line(b *strings.Builder, name, value string) {
	plain := !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) && !strings.HasPrefix(value, " ")
	if plain {
		fmt.Fprintf(b, "%s: %s\n", name, value)
		return
	}
	fmt.Fprintf(b, "%s:: %s\n", name, base64.StdEncoding.EncodeToString([]byte(value)))
}
