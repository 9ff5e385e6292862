package ldap

import (
	"encoding/hex"
	"slices"
	"testing"
	"time"

	"scimsync/sync/record"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestGUIDText(t *testing.T) {
	for wire, want := range map[string]string{
		"00112233445566778899aabbccddeeff": "33221100-5544-7766-8899-aabbccddeeff",
		"c9c0b7a15fd1d2119e5d00c04fc2d4cf": "a1b7c0c9-d15f-11d2-9e5d-00c04fc2d4cf",
		"00000000000000000000000000000001": "00000000-0000-0000-0000-000000000001",
		"ffffffffffffffffffffffffffffff00": "ffffffff-ffff-ffff-ffff-ffffffffff00",
	} {
		if got, err := guidText(unhex(t, wire)); got != want || err != nil {
			t.Errorf("%s: %s, %v; want %s", wire, got, err, want)
		}
	}
	if _, err := guidText(make([]byte, 15)); err == nil {
		t.Error("15 octets were taken for a GUID")
	}
}

func TestSIDText(t *testing.T) {
	for wire, want := range map[string]string{
		"01020000000000052000000020020000":                         "S-1-5-32-544",
		"010500000000000515000000a065cf7e784b9b5fe77c8770091c0100": "S-1-5-21-2127521184-1604012920-1887927527-72713",
		"0101ffffffffffff00000080":                                 "S-1-281474976710655-2147483648",
		"0100000000000001":                                         "S-1-1",
	} {
		if got, err := sidText(unhex(t, wire)); got != want || err != nil {
			t.Errorf("%s: %s, %v; want %s", wire, got, err, want)
		}
	}
	for _, bad := range []string{"", "01", "0102000000000005200000", "010100000000000520000000ff"} {
		if got, err := sidText(unhex(t, bad)); err == nil {
			t.Errorf("%s was taken for %s", bad, got)
		}
	}
}

func TestFileTime(t *testing.T) {
	for text, want := range map[string]time.Time{
		"0":                   {},
		"9223372036854775807": {},
		"9223372036854775806": {}, // beyond what anybody means
		"116444736000000000":  time.Unix(0, 0).UTC(),
		"132539328000000000":  time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC),
		"132539328000000001":  time.Date(2021, 1, 1, 0, 0, 0, 100, time.UTC),
		"1":                   time.Date(1601, 1, 1, 0, 0, 0, 100, time.UTC),
	} {
		if got, err := fileTime(text); !got.Equal(want) || got.IsZero() != want.IsZero() || err != nil {
			t.Errorf("%s: %s, %v; want %s", text, got, err, want)
		}
	}
	for _, bad := range []string{"", "-1", "soon", "9223372036854775808"} {
		if _, err := fileTime(bad); err == nil {
			t.Errorf("%q was taken for a time", bad)
		}
	}
}

func TestDNs(t *testing.T) {
	same := [][2]string{
		{"ou=People,dc=Example,dc=org", "OU=people , DC=example,DC=ORG"},
		{`cn=Müller\, Anna,o=x`, `CN=müller\2C  anna,O=X`},
		{`cn=M\c3\bcller,o=x`, "cn=MÜLLER,o=x"},
		{"cn=a+uid=b,o=x", "UID=B+CN=A,o=x"},
		{"2.5.4.3=a,0.9.2342.19200300.100.1.25=b", "cn=a,dc=b"},
		{"commonName=a,organizationName=x", "cn=a,o=x"},
	}
	for _, pair := range same {
		a, err := parseDN(pair[0])
		b, err2 := parseDN(pair[1])
		if err != nil || err2 != nil || a != b {
			t.Errorf("%s and %s: %q and %q, %v %v", pair[0], pair[1], a, b, err, err2)
		}
	}
	base, _ := parseDN("ou=people,dc=example,dc=org")
	for text, want := range map[string]bool{
		"ou=people,dc=example,dc=org":           true,
		"uid=a,OU=People,dc=example,dc=org":     true,
		"uid=a,ou=mypeople,dc=example,dc=org":   false,
		`uid=a\,ou=people,dc=example,dc=org`:    false,
		"dc=example,dc=org":                     false,
		"uid=a,ou=people,dc=example,dc=org,c=x": false,
	} {
		name, err := parseDN(text)
		if err != nil || name.under(base) != want {
			t.Errorf("%s under %q: %v, %v; want %v", text, base, !want, err, want)
		}
	}
}

func TestAttributeDescriptions(t *testing.T) {
	for text, want := range map[string]description{
		"Mail":                        {"mail", -1, -1},
		"userCertificate;binary":      {"usercertificate", -1, -1},
		"cn;LANG-de":                  {"cn;lang-de", -1, -1},
		"member;range=0-1499":         {"member", 0, 1499},
		"Member;Range=1500-*":         {"member", 1500, -1},
		"member;range=0-0":            {"member", 0, 0},
		"cn;lang-de;range=0-9;binary": {"cn;lang-de", 0, 9},
	} {
		if got, err := parseDescription(text); got != want || err != nil {
			t.Errorf("%s: %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, bad := range []string{"m;range=", "m;range=5", "m;range=5-4", "m;range=-1-4", "m;range=*-4", "m;range=a-b"} {
		if got, err := parseDescription(bad); err == nil {
			t.Errorf("%s: %+v", bad, got)
		}
	}
}

func TestTypeNames(t *testing.T) {
	for text, want := range map[string][]string{
		"( 2.5.4.3 NAME ( 'cn' 'commonName' ) DESC 'RFC4519: common name(s) NAME (''x'' for which' SUP name )": {"cn", "commonName"},
		"( 1.2.840.113556.1.4.2 NAME 'objectGUID' SYNTAX '1.3.6.1.4.1.1466.115.121.1.40' SINGLE-VALUE )":       {"objectGUID"},
		"(1.2 NAME('a' 'b')EQUALITY x)":                {"a", "b"},
		"( 1.2 DESC 'it has no NAME ( 'y' ) at all' )": nil,
		"( 1.2 DESC 'NAME' X-ORIGIN ( 'NAME' 'z' ) )":  nil,
		"":                     nil,
		"( 1.2 NAME 'unclosed": {"unclosed"},
	} {
		if got := typeNames(text); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestCollidingNames(t *testing.T) {
	sch := newSchema([]string{"( 1.1 NAME 'site-code' )", "( 1.2 NAME 'site_code' )", "( 1.3 NAME ( 'mail' 'rfc822-mailbox' ) )", "( 1.4 NAME 'userPassword' )"})
	got := sch.describe(nil)
	if !slices.Equal(got.Collides["site_code"], []string{"site-code", "site_code"}) || got.Spelling["site_code"] != "" {
		t.Errorf("%+v", got)
	}
	if !slices.Equal(got.Names, []string{"mail", "rfc822_mailbox", "site_code"}) {
		t.Errorf("names: %q", got.Names)
	}
	for name, want := range map[string]string{"site-code": "site-code", "rfc822_mailbox": "mail", "mail": "mail"} {
		if attribute, err := sch.resolve(name, &area{kind: record.User}); attribute != want || err != nil {
			t.Errorf("%s: %s, %v", name, attribute, err)
		}
	}
	for _, name := range []string{"userpassword", "userPassword;binary", "none"} {
		if attribute, err := sch.resolve(name, &area{kind: record.User}); err == nil {
			t.Errorf("%s was resolved to %s", name, attribute)
		}
	}
}
