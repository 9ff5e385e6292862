package ldap_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"scimsync/sources/ldap"
	"scimsync/sync/record"
)

// adRoot makes a fake look like a domain controller.
var adRoot = []string{"supportedCapabilities", "1.2.840.113556.1.4.800", "supportedControl", pagingOID}

func TestActiveDirectory(t *testing.T) {
	t.Parallel()
	f := newFake(t, 6)
	f.root = adRoot
	const never = "9223372036854775807"
	control := []string{"512", "514", "66048", "546", "", "x"}
	expires := []string{"0", never, "132539328000000000", "", "0", "0"}
	f.attrs = func(i int) []string {
		pairs := []string{"objectGUID", string([]byte{byte(i), 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}),
			"objectSid", "\x01\x02\x00\x00\x00\x00\x00\x05\x20\x00\x00\x00\x20\x02\x00\x00", "userPrincipalName", "p@example.org"}
		if v := control[i-1]; v != "" {
			pairs = append(pairs, "userAccountControl", v)
		}
		if v := expires[i-1]; v != "" {
			pairs = append(pairs, "accountExpires", v)
		}
		return pairs
	}
	f.onSearch = func(c *fakeConn, s fakeSearch) {
		if s.cookie == "" {
			c.reference(s.id, "ldap://DomainDnsZones.example.org/DC=DomainDnsZones,DC=example,DC=org")
			c.reference(s.id, "ldap://ForestDnsZones.example.org/DC=ForestDnsZones,DC=example,DC=org")
			c.reference(s.id, "ldap://example.org/CN=Configuration,DC=example,DC=org")
		}
		f.answer(c, s)
	}
	src := f.source(func(o *ldap.Options) { o.PageSize = 2 })
	got, batch, err := read(t, src, "objectguid", "objectsid", "userprincipalname")
	if err != nil || len(got) != 6 {
		t.Fatalf("%d people, %v", len(got), err)
	}
	if want := "6 people from " + f.url() + " (active-directory), without the partitions dc=domaindnszones, dc=forestdnszones, cn=configuration"; batch.Note != want || len(batch.Warnings) != 0 {
		t.Errorf("note %q, warnings %q; want %q", batch.Note, batch.Warnings, want)
	}
	want := []record.Tri{record.True, record.False, record.True, record.False, record.Unknown, record.Unknown}
	for i, enabled := range want {
		r := got["3322110"+string(rune('1'+i))+"-5544-7766-8899-aabbccddeeff"]
		if r.Enabled != enabled {
			t.Errorf("person %d is %d, want %d", i+1, r.Enabled, enabled)
		}
		if wantsExpiry := i == 2; r.Expires.IsZero() == wantsExpiry {
			t.Errorf("person %d expires %s", i+1, r.Expires)
		}
		if !slices.Equal(attr(r, "objectguid"), []string{r.ID}) || !slices.Equal(attr(r, "objectsid"), []string{"S-1-5-32-544"}) {
			t.Errorf("binary attributes: %+v", r.Attrs)
		}
	}
	if r := got["33221103-5544-7766-8899-aabbccddeeff"]; !r.Expires.Equal(time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("expires %s", r.Expires)
	}
}

func TestFreeIPAExpiry(t *testing.T) {
	t.Parallel()
	f := newFake(t, 3)
	until := []string{"20301231120000Z", "", "soon"}
	f.attrs = func(i int) []string {
		pairs := []string{"ipaUniqueID", string(rune('0' + i))}
		if v := until[i-1]; v != "" {
			pairs = append(pairs, "krbPrincipalExpiration", v)
		}
		return pairs
	}
	got := mustRead(t, f.source(func(o *ldap.Options) { o.Vendor = ldap.FreeIPA }))
	if r := got["1"]; r.Enabled != record.True || !r.Expires.Equal(time.Date(2030, 12, 31, 12, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", r)
	}
	if r := got["2"]; r.Enabled != record.True || !r.Expires.IsZero() {
		t.Errorf("%+v", r)
	}
	if r := got["3"]; r.Enabled != record.Unknown || !r.Expires.IsZero() {
		t.Errorf("an expiry that cannot be read is to change nobody: %+v", r)
	}
}

func TestReferences(t *testing.T) {
	t.Parallel()
	f := newFake(t, 3)
	f.root = adRoot
	f.attrs = func(i int) []string { return []string{"objectGUID", strings.Repeat(string(rune('a'+i)), 16)} }
	f.onSearch = func(c *fakeConn, s fakeSearch) {
		c.reference(s.id, "ldap://child.example.org/DC=child,DC=example,DC=org")
		f.answer(c, s)
	}
	fails(t, f.source(), "DC=child,DC=example,DC=org", "users.exclude")
	src := f.source(func(o *ldap.Options) { o.Users.Exclude = []string{"dc=Child,dc=example,dc=org"} })
	if got := mustRead(t, src); len(got) != 3 {
		t.Errorf("%d people", len(got))
	}
	f.set(func() {
		f.onSearch = func(c *fakeConn, s fakeSearch) {
			c.reference(s.id, "ldap://x/CN=Configuration,DC=example,DC=org")
			f.answer(c, s)
		}
	})
	fails(t, f.source(func(o *ldap.Options) { o.Vendor, o.Users.Anchor = ldap.Generic, "objectGUID" }), "lives elsewhere")
}

func TestVendors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		root   []string
		vendor ldap.Vendor
		attrs  []string
		id     string
		on     record.Tri
	}{
		"ad lds":   {[]string{"supportedCapabilities", "1.2.840.113556.1.4.1851"}, ldap.ActiveDirectory, []string{"objectGUID", "0123456789abcdef"}, "33323130-3534-3736-3839-616263646566", record.Unknown},
		"openldap": {[]string{"objectClass", "OpenLDAProotDSE"}, ldap.OpenLDAP, []string{"entryUUID", "ABC-1", "pwdAccountLockedTime", "20260101000000Z"}, "abc-1", record.True},
		"389ds":    {[]string{"vendorName", "389 Project", "vendorVersion", "389-Directory/2.3.1"}, ldap.DS389, []string{"nsUniqueId", "ABC-2", "nsAccountLock", "True"}, "abc-2", record.False},
		"freeipa":  {[]string{"vendorName", "389 Project", "supportedExtension", "2.16.840.1.113730.3.8.10.5"}, ldap.FreeIPA, []string{"ipaUniqueID", "abc-3", "nsAccountLock", "FALSE"}, "abc-3", record.True},
		"generic":  {[]string{"vendorName", "Acme"}, ldap.Generic, []string{"entryuuid", "abc-4"}, "abc-4", record.True},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, 1)
			f.root = c.root
			f.attrs = func(int) []string { return c.attrs }
			src := f.source()
			if v, err := src.Vendor(t.Context()); v != c.vendor || err != nil {
				t.Errorf("vendor %s, %v", v, err)
			}
			if r, ok := mustRead(t, src)[c.id]; !ok || r.Enabled != c.on {
				t.Errorf("%+v", r)
			}
			if again, err := ldap.ParseVendor(c.vendor.String()); again != c.vendor || err != nil {
				t.Errorf("%s is parsed as %s, %v", c.vendor, again, err)
			}
		})
	}
}

func TestVendorDrift(t *testing.T) {
	t.Parallel()
	f := newFake(t, 1)
	f.attrs = func(int) []string { return []string{"entryUUID", "a", "nsUniqueId", "b"} }
	_, batch, err := read(t, f.source())
	if err != nil {
		t.Fatal(err)
	}
	again := f.source()
	f.set(func() { f.root = []string{"vendorName", "389 Project"} })
	none := func(*record.Record) error { return nil }
	if _, err := again.Read(t.Context(), record.Want{From: batch.Cursor}, none); err == nil || !strings.Contains(err.Error(), "entryUUID in the last read") {
		t.Errorf("another anchor than last time: %v", err)
	}
	f.set(func() { f.root = []string{"x", "y"} })
	if _, err := again.Read(t.Context(), record.Want{}, none); err == nil || !strings.Contains(err.Error(), "an earlier read met 389ds") {
		t.Errorf("another vendor than just now: %v", err)
	}
	f.set(func() { f.root = nil })
	if _, _, err := read(t, f.source()); err == nil || !strings.Contains(err.Error(), "name it in vendor") {
		t.Errorf("an empty rootDSE: %v", err)
	}
}

func TestDefaults(t *testing.T) {
	for _, v := range []ldap.Vendor{ldap.ActiveDirectory, ldap.OpenLDAP, ldap.DS389, ldap.FreeIPA, ldap.Generic} {
		lines, paths := ldap.DefaultMap(v), map[string]bool{}
		for _, l := range lines {
			if paths[l.Path] || l.Expr == "" {
				t.Errorf("%s: line %+v", v, l)
			}
			paths[l.Path] = true
		}
		if !paths["userName"] || ldap.DefaultFilter(v) == "" {
			t.Errorf("%s: filter %q, map %v", v, ldap.DefaultFilter(v), lines)
		}
	}
	if ldap.DefaultMap(ldap.Auto) != nil || ldap.DefaultFilter(ldap.Auto) != "" {
		t.Error("auto has defaults of its own")
	}
}

func TestOptions(t *testing.T) {
	good := fakeOptions("ldaps://dc1.example.org")
	if _, err := ldap.New(good); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(o *ldap.Options){
		"at least one ldaps://":          func(o *ldap.Options) { o.URLs = nil },
		"for loopback only":              func(o *ldap.Options) { o.URLs = []string{"ldap://dc1.example.org"} },
		"the scheme must be":             func(o *ldap.Options) { o.URLs = []string{"http://dc1"} },
		"the host is missing":            func(o *ldap.Options) { o.URLs = []string{"ldaps://"} },
		"only a host and a port":         func(o *ldap.Options) { o.URLs = []string{"ldaps://u:p@dc1/dc=x"} },
		"at least one base":              func(o *ldap.Options) { o.Users.Base = nil },
		`parse DN "people"`:              func(o *ldap.Options) { o.Users.Base = []string{"people"} },
		"lies inside users.exclude":      func(o *ldap.Options) { o.Users.Exclude = []string{"DC=example,dc=org"} },
		"would exclude everybody":        func(o *ldap.Options) { o.Users.Exclude = []string{""} },
		"users.filter":                   func(o *ldap.Options) { o.Users.Filter = "(objectClass=person" },
		"holds a secret":                 func(o *ldap.Options) { o.Users.Attributes = []string{"UnicodePwd;binary"} },
		"attribute userPassword holds":   func(o *ldap.Options) { o.Users.Anchor = "userPassword" },
		"bind.user is missing; only":     func(o *ldap.Options) { o.Bind = ldap.Bind{} },
		"bind.password is missing":       func(o *ldap.Options) { o.Bind.Password = nil },
		"bind.user is missing":           func(o *ldap.Options) { o.Bind.User = "" },
		"needs ldapi:// or a TLS client": func(o *ldap.Options) { o.Bind = ldap.Bind{Method: ldap.External} },
		"takes no password":              func(o *ldap.Options) { o.Bind.Method = ldap.External },
		"page_size":                      func(o *ldap.Options) { o.PageSize = -1 },
		"belong together":                func(o *ldap.Options) { o.TLS.CertFile = "x.pem" },
		"no such file":                   func(o *ldap.Options) { o.TLS.CAFile = "/nonexistent/ca.pem" },
	} {
		opts := good
		change(&opts)
		if _, err := ldap.New(opts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	both := good
	both.URLs, both.PageSize = nil, -1
	if _, err := ldap.New(both); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("two problems: %v", err)
	}
}
