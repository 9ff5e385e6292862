package scim_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"scimsync/sync/plan"
	"scimsync/targets/scim"
	"scimsync/targets/scimtest"
)

// certificate signs itself; names and addresses go into its SANs.
func certificate(t *testing.T, until time.Time, names ...string) (pair tls.Certificate, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: until, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secretKey, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secretKey})
	for file, content := range map[string][]byte{certFile: certPEM, keyFile: keyPEM} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pair, err = tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	return pair, certFile, keyFile
}

// recorded is a listener that keeps every byte that came in.
type recorded struct {
	net.Listener
	mu  sync.Mutex
	all bytes.Buffer
}

func (r *recorded) Accept() (net.Conn, error) {
	conn, err := r.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &recordedConn{Conn: conn, into: r}, nil
}

func (r *recorded) holds(text string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Contains(r.all.Bytes(), []byte(text))
}

type recordedConn struct {
	net.Conn
	into *recorded
}

func (c *recordedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.into.mu.Lock()
	defer c.into.mu.Unlock()
	c.into.all.Write(b[:n])
	return n, err
}

// serveTLS starts a server; conf nil: without TLS.
func serveTLS(t *testing.T, handler http.Handler, conf *tls.Config) (url string, wire *recorded) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	wire = &recorded{Listener: server.Listener}
	server.Listener = wire
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if conf == nil {
		server.Start()
	} else {
		server.TLS = conf
		server.EnableHTTP2 = true
		server.StartTLS()
	}
	t.Cleanup(server.Close)
	return server.URL, wire
}

// Where there is no channel to be trusted nothing is sent, and the error says why.
func TestChannelRefused(t *testing.T) {
	soon := time.Now().Add(time.Hour)
	good, goodFile, _ := certificate(t, soon, "127.0.0.1")
	other, otherFile, _ := certificate(t, soon, "scim.example.org")
	_ = other
	expired, expiredFile, _ := certificate(t, time.Now().Add(-time.Hour), "127.0.0.1")
	wrongHost, wrongHostFile, _ := certificate(t, soon, "scim.example.org")
	old := &tls.Config{Certificates: []tls.Certificate{good}, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	for _, c := range []struct {
		name string
		conf *tls.Config
		ca   string
		want string
	}{
		{"unknown authority", &tls.Config{Certificates: []tls.Certificate{good}}, "", "put the authority's certificate into tls.ca_file"},
		{"another authority", &tls.Config{Certificates: []tls.Certificate{good}}, otherFile, "put the authority's certificate into tls.ca_file"},
		{"wrong host", &tls.Config{Certificates: []tls.Certificate{wrongHost}}, wrongHostFile, "for another host"},
		{"expired", &tls.Config{Certificates: []tls.Certificate{expired}}, expiredFile, "not valid"},
		{"TLS 1.1", old, goodFile, "TLS 1.2 or later"},
		{"no TLS", nil, goodFile, "does not speak TLS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := scimtest.NewFaulty(nil)
			server.Forever(scimtest.Reply{Status: 204})
			url, wire := serveTLS(t, server, c.conf)
			if c.conf == nil {
				url = "https" + url[len("http"):]
			}
			target := reach(t, url, func(o *scim.Options) { o.TLS.CAFile = c.ca })
			r := apply(t, target, scimtest.Create(scimtest.Person(1)))
			if r.Verdict != plan.Stop {
				t.Errorf("verdict %d: %v", r.Verdict, r.Err)
			}
			says(t, r.Err, c.want)
			_, err := target.Find(t.Context(), scimtest.Person(1).Resource)
			says(t, err, c.want)
			says(t, target.Ping(t.Context()), c.want)
			if n := len(server.Requests()); n != 0 {
				t.Errorf("%d requests", n)
			}
			for _, text := range []string{secret, "Authorization", "authorization", "person0001"} {
				if wire.holds(text) {
					t.Errorf("%q went over the wire", text)
				}
			}
		})
	}
}

func TestChannelGood(t *testing.T) {
	pair, ca, _ := certificate(t, time.Now().Add(time.Hour), "127.0.0.1")
	for name, version := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			var proto string
			handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				proto = r.Proto
				w.WriteHeader(http.StatusNoContent)
			})
			url, wire := serveTLS(t, handler, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: version, MaxVersion: version})
			r := apply(t, reach(t, url, func(o *scim.Options) { o.TLS.CAFile = ca }), scimtest.Change(plan.Deactivate, "7"))
			if r.Verdict != plan.Done || proto != "HTTP/2.0" {
				t.Errorf("verdict %d over %s: %v", r.Verdict, proto, r.Err)
			}
			if wire.holds(secret) {
				t.Error("the token went over the wire in the clear")
			}
		})
	}
}

func TestClientCertificate(t *testing.T) {
	pair, ca, _ := certificate(t, time.Now().Add(time.Hour), "127.0.0.1")
	client, clientFile, clientKey := certificate(t, time.Now().Add(time.Hour), "client")
	pool := x509.NewCertPool()
	pool.AddCert(client.Leaf)
	server := scimtest.NewFaulty(nil)
	server.Forever(scimtest.Reply{Status: 204})
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		url, _ := serveTLS(t, server, &tls.Config{Certificates: []tls.Certificate{pair}, MaxVersion: version,
			ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool})
		with := reach(t, url, func(o *scim.Options) { o.TLS = scim.TLS{CAFile: ca, CertFile: clientFile, KeyFile: clientKey} })
		if r := apply(t, with, scimtest.Change(plan.Deactivate, "7")); r.Verdict != plan.Done {
			t.Errorf("with certificate: verdict %d: %v", r.Verdict, r.Err)
		}
		without := reach(t, url, func(o *scim.Options) { o.TLS.CAFile = ca })
		r := apply(t, without, scimtest.Create(scimtest.Person(1)))
		// In TLS 1.3 the refusal comes after the request left, and a reset may overtake it.
		if r.Verdict == plan.Done || (version == tls.VersionTLS12 && r.Verdict != plan.Stop) {
			t.Errorf("without, version %x: verdict %d: %v", version, r.Verdict, r.Err)
		}
		says(t, r.Err)
	}
	if n := len(server.Requests()); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}

// Certificates, keys and authorities are replaced in their files, one after the other,
// and used without a restart; what does not go together is not used.
func TestTLSFilesAreReadAgain(t *testing.T) {
	until := time.Now().Add(time.Hour)
	pair, ca, _ := certificate(t, until, "127.0.0.1")
	old, certFile, keyFile := certificate(t, until, "old")
	fresh, freshCert, freshKey := certificate(t, until, "fresh")
	pool := x509.NewCertPool()
	pool.AddCert(old.Leaf)
	pool.AddCert(fresh.Leaf)
	var shown []string
	var mu sync.Mutex
	serve := func(server tls.Certificate) string {
		url, _ := serveTLS(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			shown = append(shown, r.TLS.PeerCertificates[0].SerialNumber.String())
			w.WriteHeader(http.StatusNoContent)
		}), &tls.Config{Certificates: []tls.Certificate{server}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool})
		return url
	}
	url := serve(pair)
	with := func(o *scim.Options) { o.TLS = scim.TLS{CAFile: ca, CertFile: certFile, KeyFile: keyFile} }
	target := reach(t, url, with)
	replace := func(file, by string) {
		t.Helper()
		content, err := os.ReadFile(by)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file+".new", content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	send := func(target *scim.Target, want tls.Certificate) {
		t.Helper()
		if r := apply(t, target, scimtest.Change(plan.Deactivate, "7")); r.Verdict != plan.Done {
			t.Fatalf("verdict %d: %v", r.Verdict, r.Err)
		}
		mu.Lock()
		defer mu.Unlock()
		if got := shown[len(shown)-1]; got != want.Leaf.SerialNumber.String() {
			t.Errorf("the server was shown another certificate")
		}
	}
	send(target, old)
	replace(certFile, freshCert)
	send(target, old) // with the old key it is no use
	replace(keyFile, freshKey)
	send(target, fresh)
	send(target, fresh)

	// The service gets a certificate of another authority.
	moved, otherCA, _ := certificate(t, until, "127.0.0.1")
	target = reach(t, serve(moved), with)
	if r := apply(t, target, scimtest.Change(plan.Deactivate, "7")); r.Verdict != plan.Stop {
		t.Errorf("an authority that nobody trusts: verdict %d", r.Verdict)
	}
	replace(ca, otherCA)
	send(target, fresh)
}
