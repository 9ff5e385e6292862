package ldap_test

import (
	"crypto/tls"
	"os/exec"
	"path/filepath"
	"testing"

	"scimsync/sources/ldap"
	"scimsync/sources/ldap/slapdtest"
	"scimsync/sources/sourcetest"
	"scimsync/sync/record"
)

// certificate makes a self-signed certificate; arguments are added to openssl req.
func certificate(t *testing.T, args ...string) (*tls.Config, string) {
	t.Helper()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	args = append([]string{"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
		"-subj", "/CN=127.0.0.1", "-keyout", key, "-out", cert}, args...)
	if out, err := exec.Command("openssl", args...).CombinedOutput(); err != nil {
		t.Fatalf("openssl: %v\n%s", err, out)
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}}, cert
}

func TestBadCertificate(t *testing.T) {
	t.Parallel()
	bare, bareFile := certificate(t)
	other, otherFile := certificate(t, "-addext", "subjectAltName=DNS:elsewhere.example.org")
	good, _ := certificate(t, "-addext", "subjectAltName=IP:127.0.0.1")
	for name, c := range map[string]struct {
		cfg    *tls.Config
		caFile string
		want   string
	}{
		"no subjectAltName": {bare, bareFile, "subjectAltName holds 127.0.0.1"},
		"another name":      {other, otherFile, "a name in urls that the certificate carries"},
		"unknown authority": {good, bareFile, "tls.ca_file"},
	} {
		for _, startTLS := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				f := newFake(t, 3)
				var opts ldap.Options
				if startTLS {
					f.startTLS = c.cfg
					opts = fakeOptions(f.url())
				} else {
					f.over = c.cfg
					opts = fakeOptions("ldaps://" + f.addr())
				}
				opts.TLS = ldap.TLS{CAFile: c.caFile, StartTLS: startTLS}
				fails(t, source(t, opts), "TLS handshake", c.want)
				if f.noted("handshake done") > 0 || f.noted("bind") > 0 || f.noted("search") > 0 {
					t.Errorf("something was sent behind a bad certificate: %q", f.log)
				}
			})
		}
	}
}

func TestOldTLS(t *testing.T) {
	t.Parallel()
	cfg, file := certificate(t, "-addext", "subjectAltName=IP:127.0.0.1")
	cfg.MinVersion, cfg.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	f := newFake(t, 1)
	f.over = cfg
	opts := fakeOptions("ldaps://" + f.addr())
	opts.TLS.CAFile = file
	fails(t, source(t, opts), "TLS handshake")
	cfg = cfg.Clone()
	cfg.MaxVersion = tls.VersionTLS12
	g := newFake(t, 1)
	g.over = cfg
	opts.URLs = []string{"ldaps://" + g.addr()}
	mustRead(t, source(t, opts))
}

func TestStartTLSStripped(t *testing.T) {
	t.Parallel()
	f := newFake(t, 3) // answers StartTLS with protocolError
	fails(t, f.source(func(o *ldap.Options) { o.TLS.StartTLS = true }), "StartTLS: ", "nothing else was sent")
	if f.noted("bind") > 0 || f.noted("search") > 0 || f.noted("extended") != 1 {
		t.Errorf("sent in the clear: %q", f.log)
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, func(t *testing.T) sourcetest.Fixture {
		srv := slapdtest.Start(t, slapdtest.Options{LDIF: slapdtest.Persons(15)})
		opts := reading(srv)
		opts.PageSize = 4
		f := sourcetest.Fixture{Source: source(t, opts), Names: []string{"cn", "employeenumber", "mail"}}
		for id, r := range mustRead(t, f.Source.(*ldap.Source), f.Names...) {
			p := sourcetest.Person{ID: id, DN: r.DN, Enabled: r.Enabled, Attrs: map[string][]string{}}
			for _, a := range r.Attrs {
				p.Attrs[a.Name] = a.Values
			}
			f.People = append(f.People, p)
		}
		f.Change = func(*testing.T) { srv.Modify(slapdtest.PersonDN(3), "mail", "new@example.org") }
		return f
	})
}

// The reads of one Source share what they learned, never a record.
func TestRecordIsReused(t *testing.T) {
	t.Parallel()
	f := newFake(t, 3)
	var first *record.Record
	if _, err := f.source().Read(t.Context(), record.Want{Names: []string{"mail"}}, func(r *record.Record) error {
		if first == nil {
			first = r
		} else if first != r {
			t.Error("each entry has a record of its own")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
