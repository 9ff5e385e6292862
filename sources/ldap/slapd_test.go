package ldap_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"scimsync/sources/ldap"
	"scimsync/sources/ldap/slapdtest"
	"scimsync/sync/record"
)

func password(word string) func() (string, error) {
	return func() (string, error) { return word, nil }
}

// reading gives the options for a server's people, read by its reader.
func reading(s *slapdtest.Server) ldap.Options {
	return ldap.Options{
		URLs:  []string{s.URL},
		Bind:  ldap.Bind{User: slapdtest.BindDN, Password: password(slapdtest.BindPW)},
		Users: ldap.Entries{Base: []string{slapdtest.People}, Filter: "(objectClass=inetOrgPerson)"},
	}
}

func source(t testing.TB, opts ldap.Options) *ldap.Source {
	t.Helper()
	s, err := ldap.New(opts)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return s
}

// read collects copies of all records by anchor.
func read(t testing.TB, s *ldap.Source, names ...string) (map[string]record.Record, record.Batch, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	out := map[string]record.Record{}
	slices.Sort(names)
	batch, err := s.Read(ctx, record.Want{Names: names}, func(r *record.Record) error {
		kept := *r
		kept.Attrs = nil
		for _, a := range r.Attrs {
			kept.Attrs = append(kept.Attrs, record.Attr{Name: a.Name, Values: slices.Clone(a.Values)})
		}
		if _, twice := out[r.ID]; twice {
			t.Errorf("%s came twice", r.DN)
		}
		out[r.ID] = kept
		return nil
	})
	return out, batch, err
}

func mustRead(t testing.TB, s *ldap.Source, names ...string) map[string]record.Record {
	t.Helper()
	out, batch, err := read(t, s, names...)
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	if batch.Extent != record.Full {
		t.Fatalf("extent %d, want Full", batch.Extent)
	}
	return out
}

// fails runs a read that must fail and holds its text against words.
func fails(t *testing.T, s *ldap.Source, words ...string) error {
	t.Helper()
	_, batch, err := read(t, s, "mail")
	if err == nil {
		t.Fatalf("the read succeeded: %+v", batch)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q lacks %q", err, w)
		}
	}
	return err
}

func attr(r record.Record, name string) []string {
	for _, a := range r.Attrs {
		if a.Name == name {
			return a.Values
		}
	}
	return nil
}

func TestReadPeople(t *testing.T) {
	const n = 1203
	srv := slapdtest.Start(t, slapdtest.Options{LDIF: slapdtest.Persons(n)})
	src := source(t, reading(srv))
	got := mustRead(t, src, "mail", "cn", "givenname", "surname", "jpegphoto")
	if len(got) != n {
		t.Fatalf("%d people, want %d", len(got), n)
	}
	for i, want := range map[int][]string{11: nil, 13: {"u000013@example.org", "z-u000013@example.org"}, 17: {"u000016@example.org"}, 7: {"u000007@example.org"}} {
		r := got[slapdtest.PersonUUID(i)]
		if diff := cmp.Diff(want, attr(r, "mail")); diff != "" {
			t.Errorf("person %d: mail: %s", i, diff)
		}
		if r.Kind != record.User || r.Enabled != record.True || !r.Expires.IsZero() || r.Line != 0 {
			t.Errorf("person %d: %+v", i, r)
		}
	}
	if r := got[slapdtest.PersonUUID(7)]; !slices.Equal(attr(r, "cn"), []string{"Müller, François 7"}) || !strings.Contains(r.DN, `\2C`) && !strings.Contains(r.DN, `\,`) {
		t.Errorf("comma in the RDN: %+v", r)
	}
	// surname is an alias of sn, and the server answers with sn.
	if r := got[slapdtest.PersonUUID(3)]; !slices.Equal(attr(r, "surname"), []string{"Nguyễn"}) || !slices.Equal(attr(r, "givenname"), []string{"Łukasz"}) {
		t.Errorf("names beyond ASCII: %+v", r)
	}
	for i, a := range got[slapdtest.PersonUUID(0)].Attrs {
		if want := []string{"cn", "givenname", "jpegphoto", "mail", "surname"}[i]; a.Name != want {
			t.Errorf("attribute %d is %s, want %s", i, a.Name, want)
		}
	}
	if log := srv.Log(); strings.Contains(log, " MOD ") || strings.Contains(log, " ADD ") || strings.Contains(log, " DEL ") {
		t.Error("the source wrote")
	}
}

func TestMovesAndChanges(t *testing.T) {
	srv := slapdtest.Start(t, slapdtest.Options{LDIF: slapdtest.Persons(3)})
	src := source(t, reading(srv))
	before := mustRead(t, src, "mail", "title")
	srv.Add("ou=sales,"+slapdtest.People, "objectClass", "organizationalUnit", "ou", "sales")
	srv.Rename(slapdtest.PersonDN(1), "uid=renamed", "ou=sales,"+slapdtest.People)
	srv.Modify(slapdtest.PersonDN(2), "title", "zebra", "Ärztin", "apple")
	srv.Modify(slapdtest.PersonDN(0), "jpegPhoto", "\xff\xd8\x00")
	after := mustRead(t, src, "jpegphoto", "mail", "title")
	if len(after) != 3 || after[slapdtest.PersonUUID(1)].DN != "uid=renamed,ou=sales,"+slapdtest.People {
		t.Errorf("a moved person is somebody else: %v", after)
	}
	if before[slapdtest.PersonUUID(1)].DN == after[slapdtest.PersonUUID(1)].DN {
		t.Error("the move was not seen")
	}
	if got := attr(after[slapdtest.PersonUUID(2)], "title"); !slices.Equal(got, []string{"apple", "zebra", "Ärztin"}) {
		t.Errorf("values are not in byte order: %q", got)
	}
	if got := attr(after[slapdtest.PersonUUID(0)], "jpegphoto"); !slices.Equal(got, []string{"/9gA"}) {
		t.Errorf("binary value: %q", got)
	}
	srv.Delete(slapdtest.PersonDN(0))
	if got := mustRead(t, src); len(got) != 2 {
		t.Errorf("%d people after one left, want 2", len(got))
	}
}

func TestBasesAndExcludes(t *testing.T) {
	srv := slapdtest.Start(t, slapdtest.Options{LDIF: slapdtest.Persons(10)})
	for _, ou := range []string{"sales", "service"} {
		srv.Add("ou="+ou+","+slapdtest.People, "objectClass", "organizationalUnit", "ou", ou)
	}
	srv.Rename(slapdtest.PersonDN(1), "uid=u000001", "ou=sales,"+slapdtest.People)
	srv.Rename(slapdtest.PersonDN(7), `cn=Müller\2C François 7`, "ou=service,"+slapdtest.People)
	for name, c := range map[string]struct {
		users ldap.Entries
		want  int
	}{
		"a base inside a base":   {ldap.Entries{Base: []string{"OU=Sales, OU=people,DC=Example,dc=org", slapdtest.People}}, 10},
		"the same base twice":    {ldap.Entries{Base: []string{slapdtest.People, "ou=PEOPLE,dc=example,dc=org"}}, 10},
		"two bases":              {ldap.Entries{Base: []string{"ou=sales," + slapdtest.People, "ou=service," + slapdtest.People}}, 2},
		"an excluded branch":     {ldap.Entries{Base: []string{slapdtest.People}, Exclude: []string{"OU=Service,  ou=people,DC=EXAMPLE,dc=org"}}, 9},
		"an excluded person":     {ldap.Entries{Base: []string{slapdtest.People}, Exclude: []string{"uid=U000002," + slapdtest.People}}, 9},
		"one level":              {ldap.Entries{Base: []string{slapdtest.People}, Scope: ldap.One}, 8},
		"one level, nested base": {ldap.Entries{Base: []string{slapdtest.People, "ou=sales," + slapdtest.People}, Scope: ldap.One}, 9},
	} {
		t.Run(name, func(t *testing.T) {
			opts := reading(srv)
			opts.Users = c.users
			if got := mustRead(t, source(t, opts)); len(got) != c.want {
				t.Errorf("%d people, want %d", len(got), c.want)
			}
		})
	}
	opts := reading(srv)
	opts.Users.Base = []string{slapdtest.People, "ou=gone," + slapdtest.People, "ou=gone,dc=example,dc=org"}
	fails(t, source(t, opts), "ou=gone,dc=example,dc=org", "check users.base", "nothing was taken")
}

func TestDescribe(t *testing.T) {
	srv := slapdtest.Start(t, slapdtest.Options{LDIF: slapdtest.Persons(1)})
	opts := reading(srv)
	opts.Users.Attributes = []string{"x-site-code", "cn;lang-de"}
	src := source(t, opts)
	got, err := src.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"givenname", "gn", "sn", "surname", "mail", "entryuuid", "x_site_code", "cn_lang_de", "departmentnumber"} {
		if !slices.Contains(got.Names, name) {
			t.Errorf("%s is missing", name)
		}
	}
	if !slices.IsSorted(got.Names) || slices.Contains(got.Names, "userpassword") {
		t.Error("names are unsorted or hold secrets")
	}
	if got.Spelling["givenname"] != "givenName" || got.Spelling["x_site_code"] != "x-site-code" {
		t.Errorf("spelling: %q %q", got.Spelling["givenname"], got.Spelling["x_site_code"])
	}
	if v, err := src.Vendor(t.Context()); v != ldap.OpenLDAP || err != nil {
		t.Errorf("vendor %v, %v", v, err)
	}
	if _, _, err := read(t, src, "mial"); err == nil || !strings.Contains(err.Error(), "mial is not in the server's schema") {
		t.Errorf("a misspelt name: %v", err)
	}
	if _, _, err := read(t, src, "userpassword"); err == nil || !strings.Contains(err.Error(), "secret") {
		t.Errorf("a secret: %v", err)
	}
}

func TestAttributeOptions(t *testing.T) {
	srv := slapdtest.Start(t, slapdtest.Options{LDIF: slapdtest.Persons(1)})
	srv.Modify(slapdtest.PersonDN(0), "title;lang-de", "Leiterin")
	srv.Modify(slapdtest.PersonDN(0), "title", "Head")
	opts := reading(srv)
	opts.Users.Attributes = []string{"title;lang-de"}
	got := mustRead(t, source(t, opts), "title", "title_lang_de")[slapdtest.PersonUUID(0)]
	if !slices.Equal(attr(got, "title"), []string{"Head"}) || !slices.Equal(attr(got, "title_lang_de"), []string{"Leiterin"}) {
		t.Errorf("%+v", got.Attrs)
	}
}

func TestHiddenSchema(t *testing.T) {
	srv := slapdtest.Start(t, slapdtest.Options{LDIF: slapdtest.Persons(1),
		Global: `access to dn.base="cn=Subschema" by * none` + "\naccess to * by * read"})
	src := source(t, reading(srv))
	got, err := src.Describe(t.Context())
	if err != nil || got.Names != nil {
		t.Errorf("names %v, error %v; want none", got.Names, err)
	}
	if got := mustRead(t, src, "mail"); len(got) != 1 {
		t.Errorf("%d people", len(got))
	}
	if _, _, err := read(t, src, "x_y"); err == nil || !strings.Contains(err.Error(), "users.attributes") {
		t.Errorf("a name of unknown spelling: %v", err)
	}
}

func TestAnchors(t *testing.T) {
	srv := slapdtest.Start(t, slapdtest.Options{LDIF: slapdtest.Persons(12)})
	opts := reading(srv)
	opts.Users.Anchor = "employeeNumber"
	if got := mustRead(t, source(t, opts)); got["5"].DN != slapdtest.PersonDN(5) {
		t.Errorf("chosen anchor: %v", got["5"])
	}
	opts.Users.Anchor = "mail"
	fails(t, source(t, opts), slapdtest.PersonDN(11), "has no mail")
	srv.Modify(slapdtest.PersonDN(11), "mail", "a@example.org", "b@example.org")
	fails(t, source(t, opts), slapdtest.PersonDN(11), "2 values of mail")
}

func TestLockedAccount(t *testing.T) {
	srv := slapdtest.Start(t, slapdtest.Options{
		LDIF:   strings.Replace(slapdtest.Persons(2), "\nuid: u000001\n", "\nuid: u000001\npwdAccountLockedTime: 000001010000Z\n", 1),
		Global: "moduleload ppolicy", Database: "overlay ppolicy",
	})
	got := mustRead(t, source(t, reading(srv)))
	if got[slapdtest.PersonUUID(0)].Enabled != record.True || got[slapdtest.PersonUUID(1)].Enabled != record.False {
		t.Errorf("%+v", got)
	}
	// The rule goes by the vendor, also where it was named.
	opts := reading(srv)
	opts.Vendor = ldap.Generic
	if got := mustRead(t, source(t, opts)); got[slapdtest.PersonUUID(1)].Enabled != record.True {
		t.Errorf("generic: %+v", got)
	}
}

func TestServerLimits(t *testing.T) {
	srv := slapdtest.Start(t, slapdtest.Options{LDIF: slapdtest.Persons(60), Database: "limits * size.hard=40 size.soft=40 size.pr=10 size.prtotal=40"})
	opts := reading(srv)
	opts.PageSize = 10
	fails(t, source(t, opts), "page 5", "size limit", "raise it", "nothing was taken")
}

func TestNobody(t *testing.T) {
	srv := slapdtest.Start(t, slapdtest.Options{LDIF: slapdtest.Persons(3),
		Database: "access to filter=(objectClass=inetOrgPerson) by * none\naccess to * by * read"})
	fails(t, source(t, reading(srv)), "found nobody", "what "+slapdtest.BindDN+" may read")
}

func TestHiddenBase(t *testing.T) {
	srv := slapdtest.Start(t, slapdtest.Options{LDIF: slapdtest.Persons(3), Database: `access to dn.subtree="` + slapdtest.People + `" by * none` + "\naccess to * by * read"})
	fails(t, source(t, reading(srv)), "No Such Object", "check users.base and the access rules")
}

func TestTLS(t *testing.T) {
	srv := slapdtest.Start(t, slapdtest.Options{LDIF: slapdtest.Persons(2), TLS: true})
	opts := reading(srv)
	opts.TLS.CAFile = srv.CAFile
	for name, urls := range map[string][]string{"ldaps": {srv.LDAPS}, "starttls": {srv.URL}, "second url": {"ldaps://127.0.0.1:1", srv.LDAPS}} {
		t.Run(name, func(t *testing.T) {
			opts := opts
			opts.URLs, opts.TLS.StartTLS = urls, true
			if got := mustRead(t, source(t, opts)); len(got) != 2 {
				t.Errorf("%d people", len(got))
			}
		})
	}
	t.Run("unknown authority", func(t *testing.T) {
		other := slapdtest.Start(t, slapdtest.Options{TLS: true})
		opts := opts
		opts.URLs, opts.TLS.CAFile = []string{srv.LDAPS}, other.CAFile
		fails(t, source(t, opts), "tls.ca_file")
	})
	t.Run("client certificate", func(t *testing.T) {
		opts := opts
		opts.URLs, opts.Bind = []string{srv.LDAPS}, ldap.Bind{Method: ldap.External}
		opts.TLS.CertFile, opts.TLS.KeyFile = srv.CertFile, srv.KeyFile
		mustRead(t, source(t, opts))
		if !strings.Contains(srv.Log(), `authcid="cn=reader,dc=example,dc=org"`) {
			t.Error("the server does not know the certificate's owner")
		}
	})
	t.Run("ca file", func(t *testing.T) {
		opts := opts
		opts.TLS.CAFile = filepath.Join(t.TempDir(), "none.pem")
		if _, err := ldap.New(opts); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("New: %v", err)
		}
	})
}

func TestStartTLSRefused(t *testing.T) {
	srv := slapdtest.Start(t, slapdtest.Options{LDIF: slapdtest.Persons(2)}) // has no certificate
	opts := reading(srv)
	opts.TLS.StartTLS = true
	fails(t, source(t, opts), "StartTLS", "nothing else was sent")
	if strings.Contains(srv.Log(), " BIND ") {
		t.Error("a bind was sent in the clear")
	}
}

func TestBinds(t *testing.T) {
	srv := slapdtest.Start(t, slapdtest.Options{LDIF: slapdtest.Persons(2)})
	binds := func() int { return strings.Count(srv.Log(), " BIND ") }
	t.Run("anonymous on loopback", func(t *testing.T) {
		opts := reading(srv)
		opts.Bind = ldap.Bind{}
		mustRead(t, source(t, opts))
		if binds() != 0 {
			t.Error("a bind was sent")
		}
	})
	t.Run("ldapi", func(t *testing.T) {
		opts := reading(srv)
		opts.URLs, opts.Bind = []string{srv.LDAPI}, ldap.Bind{Method: ldap.External}
		mustRead(t, source(t, opts))
	})
	t.Run("empty password", func(t *testing.T) {
		opts := reading(srv)
		opts.Bind.Password = password("")
		before := binds()
		fails(t, source(t, opts), "the password is empty")
		if binds() != before {
			t.Error("a bind was sent")
		}
	})
	t.Run("wrong password", func(t *testing.T) {
		now, word := time.Now(), "wrong"
		opts := reading(srv)
		opts.URLs = []string{srv.URL, srv.URL, srv.URL}
		opts.Now = func() time.Time { return now }
		opts.Bind.Password = func() (string, error) { return word, nil }
		src, before := source(t, opts), binds()
		fails(t, src, "bind as "+slapdtest.BindDN, "user or password is wrong", "no other server was asked")
		fails(t, src, "not tried again before")
		if got := binds() - before; got != 1 {
			t.Errorf("%d binds with a wrong password, want 1", got)
		}
		now = now.Add(time.Hour)
		fails(t, src, "user or password is wrong")
		word = slapdtest.BindPW
		mustRead(t, src)
	})
}
