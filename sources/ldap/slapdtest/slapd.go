// Package slapdtest runs a real OpenLDAP server for tests: its own directory,
// its own ports on loopback, its own certificate authority, ended by its own
// process id. It needs slapd, slapadd and openssl on the machine.
package slapdtest

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"scimsync/sources/ldap/ldaptest"
)

// The names in every server's tree. BindDN may read everything (and only
// read); RootDN may write.
const (
	Suffix  = "dc=example,dc=org"
	People  = "ou=people," + Suffix
	Groups  = "ou=groups," + Suffix
	BindDN  = "cn=reader," + Suffix
	BindPW  = "reader-secret"
	RootDN  = "cn=root," + Suffix
	RootPW  = "root-secret"
	startIn = 20 * time.Second
)

// Options says what a server holds and how it behaves. The zero value is an
// empty tree behind ldap:// and ldapi://.
type Options struct {
	// LDIF is loaded behind the suffix, People, Groups and the reader; see Persons and Group.
	LDIF string
	// TLS adds ldaps://, StartTLS and a certificate for 127.0.0.1 and localhost.
	TLS bool
	// Global and Database are more lines for slapd.conf, each in its section.
	Global, Database string
}

// Server is a running slapd.
type Server struct {
	Dir      string
	URL      string // ldap://127.0.0.1:port
	LDAPI    string // ldapi://…
	LDAPS    string // ldaps://127.0.0.1:port, with Options.TLS
	CAFile   string // with Options.TLS
	CertFile string // a client certificate "cn=reader,dc=example,dc=org", with Options.TLS
	KeyFile  string

	*ldaptest.Writer // as RootDN

	t       testing.TB
	opts    Options
	process *exec.Cmd
	ended   chan struct{}
}

// Start loads and starts a server; it ends with the test.
func Start(t testing.TB, opts Options) *Server {
	t.Helper()
	// Not t.TempDir: the path of a socket has at most 107 bytes.
	dir, err := os.MkdirTemp("", "slapd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &Server{Dir: dir, t: t, opts: opts}
	s.Writer = &ldaptest.Writer{T: t, URL: func() string { return s.URL }, User: RootDN, Password: RootPW}
	if opts.TLS {
		s.makeCerts()
	}
	s.write("slapd.conf", s.config())
	if err := os.Mkdir(s.path("db"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.load(tree + opts.LDIF)
	s.Restart()
	t.Cleanup(s.Stop)
	return s
}

// tree is what every server holds.
const tree = `dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=example,dc=org
objectClass: organizationalUnit
ou: groups

dn: cn=reader,dc=example,dc=org
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: reader-secret

`

func (s *Server) config() string {
	var b strings.Builder
	for _, schema := range []string{"core", "cosine", "inetorgperson", "nis"} {
		fmt.Fprintf(&b, "include /etc/ldap/schema/%s.schema\n", schema)
	}
	// slapd gives nobody more than 500 entries unless told.
	fmt.Fprintf(&b, "sizelimit unlimited\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\npidfile %s\nargsfile %s\n", s.path("pid"), s.path("args"))
	if s.opts.TLS {
		fmt.Fprintf(&b, "TLSCACertificateFile %s\nTLSCertificateFile %s\nTLSCertificateKeyFile %s\nTLSVerifyClient try\n",
			s.CAFile, s.path("server.pem"), s.path("server.key"))
	}
	fmt.Fprintf(&b, "%s\ndatabase mdb\nsuffix %s\nrootdn %s\nrootpw %s\ndirectory %s\nmaxsize 4294967296\n", s.opts.Global, Suffix, RootDN, RootPW, s.path("db"))
	fmt.Fprintf(&b, "dbnosync\nindex objectClass,entryUUID,uid eq\n%s\n", s.opts.Database)
	return b.String()
}

// load fills the database while the server is down. slapadd runs no overlay.
func (s *Server) load(ldif string) {
	s.t.Helper()
	cmd := exec.Command(tool("slapadd"), "-q", "-f", s.path("slapd.conf"))
	cmd.Stdin = strings.NewReader(ldif)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("slapadd: %v\n%s", err, tail(out))
	}
}

// Restart starts the server, after ending it when it runs. Its ports change.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	for range 3 { // a port can be taken between its choice and its use
		if s.try() {
			return
		}
	}
	log, _ := os.ReadFile(s.path("log"))
	s.t.Fatalf("slapd does not start:\n%s", tail(log))
}

func (s *Server) try() bool {
	s.LDAPI = "ldapi://" + url.PathEscape(s.path("sock"))
	s.URL = "ldap://" + freeAddress(s.t)
	urls := s.URL + "/ " + s.LDAPI + "/"
	if s.opts.TLS {
		s.LDAPS = "ldaps://" + freeAddress(s.t)
		urls += " " + s.LDAPS + "/"
	}
	log, err := os.OpenFile(s.path("log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	s.process = exec.Command(tool("slapd"), "-f", s.path("slapd.conf"), "-h", urls, "-d", "stats")
	s.process.Stdout, s.process.Stderr = log, log
	if err := s.process.Start(); err != nil {
		s.t.Fatalf("start slapd: %v", err)
	}
	s.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) {
		_ = cmd.Wait()
		close(ended)
	}(s.process, s.ended)
	for deadline := time.Now().Add(startIn); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		select {
		case <-s.ended:
			return false
		default:
		}
		if conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "ldap://")); err == nil {
			_ = conn.Close()
			return true
		}
	}
	s.Stop()
	return false
}

// Stop ends the server at once. It may be started again.
func (s *Server) Stop() {
	if s.process == nil {
		return
	}
	_ = s.process.Process.Kill()
	<-s.ended
	s.process = nil
}

// Log is what the server wrote so far, operations included.
func (s *Server) Log() string {
	out, err := os.ReadFile(s.path("log"))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(out)
}

func (s *Server) path(name string) string { return filepath.Join(s.Dir, name) }

func (s *Server) write(name, content string) {
	s.t.Helper()
	if err := os.WriteFile(s.path(name), []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// makeCerts makes an authority, a server certificate and a client certificate.
func (s *Server) makeCerts() {
	s.t.Helper()
	s.CAFile, s.CertFile, s.KeyFile = s.path("ca.pem"), s.path("client.pem"), s.path("client.key")
	key := []string{"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"}
	s.openssl(append([]string{"req", "-x509", "-subj", "/CN=test authority", "-keyout", s.path("ca.key"), "-out", s.CAFile}, key...)...)
	signed := []string{"-CA", s.CAFile, "-CAkey", s.path("ca.key"), "-days", "2"}
	for name, what := range map[string][2]string{
		"server": {"/CN=slapd", "subjectAltName=IP:127.0.0.1,DNS:localhost"},
		"client": {"/DC=org/DC=example/CN=reader", "extendedKeyUsage=clientAuth"},
	} {
		s.openssl(append([]string{"req", "-subj", what[0], "-keyout", s.path(name + ".key"), "-out", s.path(name + ".csr")}, key[:5]...)...)
		s.write(name+".ext", what[1]+"\n")
		s.openssl(append([]string{"x509", "-req", "-in", s.path(name + ".csr"), "-extfile", s.path(name + ".ext"),
			"-CAcreateserial", "-out", s.path(name + ".pem")}, signed...)...)
	}
	ca, err := os.ReadFile(s.CAFile)
	if err != nil {
		s.t.Fatal(err)
	}
	if pool := x509.NewCertPool(); !pool.AppendCertsFromPEM(ca) {
		s.t.Fatal("openssl made no certificate")
	}
	if _, err := tls.LoadX509KeyPair(s.CertFile, s.KeyFile); err != nil {
		s.t.Fatal(err)
	}
}

func (s *Server) openssl(args ...string) {
	s.t.Helper()
	if out, err := exec.Command("openssl", args...).CombinedOutput(); err != nil {
		s.t.Fatalf("openssl %s: %v\n%s", args[0], err, out)
	}
}

// tool finds a program that Debian keeps where ordinary users do not look.
func tool(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	return "/usr/sbin/" + name
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func tail(out []byte) []byte {
	lines := bytes.Split(out, []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-20):], []byte("\n"))
}
