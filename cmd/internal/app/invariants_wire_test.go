package app_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// What must never be on the wire before the channel is safe.
var secrets = []string{"marker-token", "marker-password", "Authorization", "svc-marker", "Okafor", "ada@example.org", "ou=people"}

// wiretap is a listener that keeps every byte that comes in, as it comes in and as it
// is once TLS is taken off.
type wiretap struct {
	addr string

	mu         sync.Mutex
	raw, plain bytes.Buffer
	conns      int
}

type tapped struct {
	net.Conn
	mu   *sync.Mutex
	into *bytes.Buffer
}

func (c tapped) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.into.Write(b[:n])
	return n, err
}

// listen starts a listener; conf nil: it speaks no TLS. greets answers each piece that
// comes in before TLS; nil: nothing is answered.
func listen(t testing.TB, conf *tls.Config, greets func(in []byte) []byte) *wiretap {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wiretap{addr: listener.Addr().String()}
	var serving sync.WaitGroup
	t.Cleanup(func() { _ = listener.Close(); serving.Wait() })
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { w.serve(conn, conf, greets) })
		}
	})
	return w
}

func (w *wiretap) serve(raw net.Conn, conf *tls.Config, greets func(in []byte) []byte) {
	defer raw.Close()
	_ = raw.SetDeadline(time.Now().Add(5 * time.Second)) // whoever says nothing has nothing to hide
	w.mu.Lock()
	w.conns++
	w.mu.Unlock()
	conn := net.Conn(tapped{raw, &w.mu, &w.raw})
	buf := make([]byte, 4096)
	if greets != nil {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		_, _ = raw.Write(greets(buf[:n])) // the program may be gone
	}
	if conf != nil {
		conn = tapped{tls.Server(conn, conf), &w.mu, &w.plain}
	}
	for {
		if _, err := conn.Read(buf); err != nil {
			return
		}
		if conf == nil && greets == nil {
			_, _ = raw.Write([]byte("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"))
			return
		}
	}
}

// kept fails the test if anything that is secret came in, or if nobody called.
func (w *wiretap) kept(t testing.TB) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conns == 0 {
		t.Error("nobody called: the test shows nothing")
	}
	if w.plain.Len() > 0 {
		t.Errorf("something was sent inside the channel: %q", w.plain.Bytes())
	}
	for _, secret := range secrets {
		if bytes.Contains(w.raw.Bytes(), []byte(secret)) {
			t.Errorf("%q was on the wire", secret)
		}
	}
}

// signed makes a certificate that signs itself, and its file.
func signed(t testing.TB, dir string, until time.Time, name string) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: until, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := fmt.Sprintf("ca-%d.pem", time.Now().UnixNano())
	write(t, dir, file, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// channel is a way to a server that must not be trusted.
type channel struct {
	name string
	conf *tls.Config // nil: no TLS
	ca   string      // "": the system's authorities
	says string
}

func channels(t testing.TB, dir string) []channel {
	t.Helper()
	tomorrow := time.Now().Add(24 * time.Hour)
	good, goodFile := signed(t, dir, tomorrow, "127.0.0.1")
	other, otherFile := signed(t, dir, tomorrow, "elsewhere.example.org")
	old, oldFile := signed(t, dir, time.Now().Add(-24*time.Hour), "127.0.0.1")
	with := func(c tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c}} }
	outdated := with(good)
	outdated.MinVersion, outdated.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	return []channel{
		{"a certificate that nobody signed", with(good), "", "ca_file"},
		{"somebody else's certificate", with(good), otherFile, "ca_file"},
		{"another host's certificate", with(other), otherFile, "another host"},
		{"an expired certificate", with(old), oldFile, "expired"},
		{"TLS 1.1", outdated, goodFile, "protocol version"},
		{"no TLS", nil, goodFile, "TLS"},
	}
}

// I21 towards a service provider.
func TestI21ServiceProvider(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "people.csv", threePeople)
	write(t, dir, "token", "marker-token\n")
	for _, c := range channels(t, dir) {
		w := listen(t, c.conf, nil)
		more := "auth: {bearer: {token: {file: token}}}, "
		if c.ca != "" {
			more += "tls: {ca_file: " + c.ca + "}, "
		}
		if err := os.RemoveAll(filepath.Join(dir, "state")); err != nil { // another url is another target
			t.Fatal(err)
		}
		write(t, dir, "config.yaml", replaced(csvConfig("https://"+w.addr+"/scim/v2", freely), "pace: {", more+"pace: {"))
		for _, command := range []string{"plan", "sync"} {
			o := scimsync(t, dir, command)
			if o.code != 1 || !strings.Contains(o.err, c.says) {
				t.Errorf("%s, %s: exit %d, wants to hear of %q: %s%s", c.name, command, o.code, c.says, o.out, o.err)
			}
		}
		w.kept(t)
	}
	write(t, dir, "config.yaml", replaced(csvConfig("http://scim.example.org/scim/v2", freely), "pace: {", "auth: {bearer: {token: {file: token}}}, pace: {"))
	contains(t, scimsync(t, dir, "sync").want(t, 1).err, "https")
}

// I21 towards a token endpoint: no secret of the client, and no assertion.
func TestI21TokenEndpoint(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "people.csv", threePeople)
	write(t, dir, "secret", "marker-password\n")
	for _, c := range channels(t, dir) {
		w := listen(t, c.conf, nil)
		tls := ""
		if c.ca != "" {
			tls = "tls: {ca_file: " + c.ca + "}, "
		}
		for _, method := range []string{"basic", "post"} {
			write(t, dir, "config.yaml", replaced(csvConfig("https://127.0.0.1:1/scim/v2", freely), "pace: {",
				`auth: {oauth2: {token_url: "https://`+w.addr+`/token", client_id: svc-marker, client_secret: {file: secret}, method: `+method+`}}, `+tls+`pace: {`))
			o := scimsync(t, dir, "check", "--connect")
			if o.code != 1 || !strings.Contains(o.err, c.says) {
				t.Errorf("%s: exit %d, wants to hear of %q: %s%s", c.name, o.code, c.says, o.out, o.err)
			}
		}
		w.kept(t)
	}
}

// ldapConfig is a config with one LDAP source.
func ldapConfig(url, tls string) string {
	return `version: 1
state: {dir: state}
log: {level: warn}
sources:
  corp:
    ldap:
      urls: ["` + url + `"]
      vendor: openldap
      bind: {user: "cn=svc-marker,dc=example,dc=org", password: {file: password}}
      tls: {` + tls + `}
      users: {base: ["ou=people,dc=example,dc=org"]}
targets:
  service: {profile: sandbox}
jobs:
  staff: {from: corp, to: service}
`
}

// I21 towards a directory, with TLS from the start and by StartTLS, which may be
// refused by whoever stands in between.
func TestI21Directory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "password", "marker-password\n")
	try := func(name string, w *wiretap, config, says string) {
		t.Helper()
		write(t, dir, "config.yaml", config)
		o := scimsync(t, dir, "sync")
		if o.code != 1 || !strings.Contains(strings.ToLower(o.err), strings.ToLower(says)) {
			t.Errorf("%s: exit %d, wants to hear of %q: %s%s", name, o.code, says, o.out, o.err)
		}
		if w == nil {
			return
		}
		w.mu.Lock()
		// StartTLS itself is asked for in the clear, and nothing else.
		plainly := bytes.Count(w.raw.Bytes(), []byte("1.3.6.1.4.1.1466.20037"))
		w.mu.Unlock()
		if strings.Contains(config, "start_tls: true") && plainly == 0 {
			t.Errorf("%s: StartTLS was not asked for", name)
		}
		w.kept(t)
	}
	for _, c := range channels(t, dir) {
		says := map[string]string{"another host": "certificate", "expired": "expired"}[c.says]
		if says == "" {
			says = c.says
		}
		ca := ""
		if c.ca != "" {
			ca = "ca_file: " + c.ca
		}
		if c.conf != nil {
			w := listen(t, c.conf, nil)
			try(c.name, w, ldapConfig("ldaps://"+w.addr, ca), says)
			w = listen(t, c.conf, extended(0))
			try(c.name+", StartTLS", w, ldapConfig("ldap://"+w.addr, strings.TrimPrefix(ca+", start_tls: true", ", ")), says)
		}
	}
	for _, code := range []byte{1, 2, 52} { // operationsError, protocolError, unavailable
		w := listen(t, nil, extended(code))
		try(fmt.Sprintf("StartTLS refused with %d", code), w, ldapConfig("ldap://"+w.addr, "start_tls: true"), "StartTLS")
	}
	w := listen(t, nil, func([]byte) []byte { return []byte("HTTP/1.1 400 Bad Request\r\n\r\n") })
	try("StartTLS answered by something else", w, ldapConfig("ldap://"+w.addr, "start_tls: true"), "StartTLS")
	try("no TLS to another host", nil, ldapConfig("ldap://ldap.example.org", ""), "start_tls")
}

// extended answers a request with an ExtendedResponse (RFC 4511 section 4.12).
func extended(code byte) func(in []byte) []byte {
	return func(in []byte) []byte {
		id := byte(1)
		if len(in) > 4 {
			id = in[4]
		}
		return []byte{0x30, 0x0c, 0x02, 0x01, id, 0x78, 0x07, 0x0a, 0x01, code, 0x04, 0x00, 0x04, 0x00}
	}
}
