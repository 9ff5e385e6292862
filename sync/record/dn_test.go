package record_test

import (
	"strings"
	"testing"

	"scimsync/sync/record"
)

func TestCanonDN(t *testing.T) {
	for want, texts := range map[string][]string{
		"":                                     {"", "  "},
		"uid=anna,ou=people,dc=example,dc=org": {"uid=anna,ou=people,dc=example,dc=org", "UID = Anna , OU=People;DC=EXAMPLE, dc =org ", "userId=anna,2.5.4.11=people,domainComponent=example,0.9.2342.19200300.100.1.25=org"},
		`cn=müller\2c anna,o=x`:                {`cn=Müller\, Anna,o=x`, `CN=müller\2C  anna,O=X`, `cn=M\C3\BCLLER\,\20\20ANNA\ ,o=x`, `cn=\ \ Müller\2c Anna ,o=x`},
		"cn=a+uid=b,o=x":                       {"cn=a+uid=b,o=x", "UID=B + CN=A, o=x"},
		`cn=a\2bb\5cc\22\3b\3c\3e\00=,o=x`:     {`cn=a\+b\\c\"\;\<\>\00\=,o=x`, `cn=A\2bb\5Cc\22\3b<>\00=,o=x`},
		`cn=\23 1,o=\23`:                       {`cn=\# 1,o=\#`, `cn=\23\201,o=#0c0123`},
		"cn=hello,o=x":                         {"cn=#040548656c6c6f,o=x", "cn=#0C0568656C6C6F,o=X"},
		"cn=#3003020101,o=x":                   {"cn=#3003020101,o=x"},
		`cn=a\ffb,o=x`:                         {`cn=A\ffB,o=x`, "cn=a\xffb,o=x"},
		`cn=a\feb,o=x`:                         {`cn=A\FEB,o=x`},
		"cn=,o=x":                              {"cn=,o=x", "cn= , o=x"},
		"cn=\ufffd,o=x":                        {"cn=\ufffd,o=x"},
		"cn=s-1-5-21,cn=foreignsecurityprincipals": {"CN=S-1-5-21,CN=ForeignSecurityPrincipals"},
	} {
		for _, text := range texts {
			got, err := record.CanonDN(text)
			if got != want || err != nil {
				t.Errorf("%q is %q, %v; want %q", text, got, err, want)
			}
			if again, err := record.CanonDN(got); again != got || err != nil {
				t.Errorf("%q again is %q, %v", got, again, err)
			}
		}
	}
}

// TestDifferentDNs: what would give one person the access of another.
func TestDifferentDNs(t *testing.T) {
	seen := map[string]string{}
	for _, text := range []string{
		"cn=a,o=x", `cn=a\,o\=x`, `cn=a\2co=x`, "cn=a", "o=x,cn=a", "cn=a+o=x", `cn=a\+o\=x`, "uid=a,o=x", "cn=b,o=x", "cn=a,ou=x", "cn=a,o=x,o=x",
		`cn=\61\62,o=x`, `cn=\\61\\62,o=x`, "cn=#0402ff00", "cn=#0402ff01", `cn=\#0402ff00`, `cn=\ff`, `cn=\fe`, "cn=\ufffd", "cn=a b", "cn=ab", "cn=é", "cn=e",
	} {
		name, err := record.CanonDN(text)
		if err != nil {
			t.Fatal(err)
		}
		if other := seen[name]; other != "" && !(text == `cn=a\2co=x` && other == `cn=a\,o\=x`) {
			t.Errorf("%q and %q are both %q", other, text, name)
		}
		seen[name] = text
	}
}

func TestNoDN(t *testing.T) {
	for text, want := range map[string]string{
		"people":           `parse DN "people": a part of it is no attribute=value`,
		"cn=a,":            "no attribute=value",
		"cn=a,,o=x":        `",o" is no attribute type`,
		"=a":               "an attribute type is missing",
		"c n=a":            `"c n" is no attribute type`,
		`cn=a\`:            "ends in a backslash",
		`cn=a\zz,o=x`:      `"\\z" is no escape`,
		`cn=a\4`:           `"\\4" is no escape`,
		"cn=#12x,o=x":      "hex digits",
		`cn="a, b",o=x`:    "a value in quotes",
		"jdoe@example.org": "no attribute=value",
	} {
		if got, err := record.CanonDN(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is %q, %v; want an error with %s", text, got, err, want)
		}
	}
}

// FuzzCanonDN asserts that the canonical spelling is one: a DN in it stays as it is, and
// its commas are those between RDNs.
func FuzzCanonDN(f *testing.F) {
	for _, text := range []string{"uid=a,dc=example", `cn=a\, b+uid=\c3\bc,o=#0401ff`, "cn=#,o= ", "a=\xff\u2003\u0130", `cn=\#a;o=b`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := record.CanonDN(text)
		if err != nil {
			return
		}
		again, err := record.CanonDN(got)
		if err != nil || again != got {
			t.Errorf("%q is %q, and that is %q, %v", text, got, again, err)
		}
		for rdn := range strings.SplitSeq(got, ",") {
			if one, err := record.CanonDN(rdn); got != "" && (err != nil || one != rdn) {
				t.Errorf("%q: RDN %q is %q, %v", text, rdn, one, err)
			}
		}
	})
}

func BenchmarkCanonDN(b *testing.B) {
	for name, text := range map[string]string{
		"canonical": "uid=u012345,ou=people,dc=example,dc=org",
		"mixed":     "CN=Anna Miller,OU=People,OU=Zurich,DC=example,DC=org",
		"escaped":   `CN=Müller\, Anna,OU=People,DC=example,DC=org`,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := record.CanonDN(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
