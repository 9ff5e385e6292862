package scim

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"slices"
	"sync"
	"time"
)

// newTransport makes the way to one target.
func newTransport(o Options) (http.RoundTripper, error) {
	if o.Handler != nil {
		return inProcess{o.Handler}, nil
	}
	return NewTransport(o.TLS, cmp.Or(max(o.Concurrency, 0), defaultConcurrency))
}

// Transport is the connections to one host. Redirects, cookies and replays are not its
// business. When one of its TLS files changes, new connections are made with what is in
// them now: certificates and authorities are replaced without a restart.
type Transport struct {
	files TLS
	conns int

	mu     sync.Mutex
	seen   []os.FileInfo // the files that loaded was made with
	loaded *http.Transport
}

// NewTransport reads the TLS files and makes a Transport of at most conns connections.
// It opens none.
func NewTransport(files TLS, conns int) (*Transport, error) {
	t := &Transport{files: files, conns: conns}
	seen := t.look()
	loaded, err := t.load()
	if err != nil {
		return nil, err
	}
	t.seen, t.loaded = seen, loaded
	return t, nil
}

// RoundTrip is part of http.RoundTripper.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	return t.current().RoundTrip(req)
}

// CloseIdleConnections gives idle connections back.
func (t *Transport) CloseIdleConnections() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.loaded.CloseIdleConnections()
}

// current gives the connections, made anew if the files have changed. Files that do not
// go together change nothing: certificate and key are replaced one after the other.
func (t *Transport) current() *http.Transport {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.look()
	if slices.EqualFunc(now, t.seen, sameFile) {
		return t.loaded
	}
	if fresh, err := t.load(); err == nil {
		t.loaded.CloseIdleConnections()
		t.seen, t.loaded = now, fresh
	}
	return t.loaded
}

// look tells which files there are, and how old.
func (t *Transport) look() []os.FileInfo {
	var all []os.FileInfo
	for _, file := range []string{t.files.CAFile, t.files.CertFile, t.files.KeyFile} {
		if file != "" {
			info, _ := os.Stat(file) // nil: it is gone, which load finds out
			all = append(all, info)
		}
	}
	return all
}

func sameFile(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == b
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

func (t *Transport) load() (*http.Transport, error) {
	conf, err := tlsConfig(t.files)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		TLSClientConfig:     conf,
		TLSHandshakeTimeout: 10 * time.Second,
		MaxConnsPerHost:     t.conns,
		MaxIdleConnsPerHost: t.conns,
		MaxIdleConns:        t.conns,
		// Servers close idle connections after a while, and a write that meets such a
		// close is in doubt: give them up first. Node's default, 5 s, is the shortest around.
		IdleConnTimeout:        4 * time.Second,
		MaxResponseHeaderBytes: 1 << 20,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second},
	}, nil
}

func tlsConfig(files TLS) (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if files.CAFile != "" {
		pem, err := os.ReadFile(files.CAFile)
		if err != nil {
			return nil, fmt.Errorf("tls.ca_file: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls.ca_file: %s holds no certificate in PEM form", files.CAFile)
		}
	}
	if (files.CertFile == "") != (files.KeyFile == "") {
		return nil, errors.New("tls: cert_file and key_file go together")
	}
	if files.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(files.CertFile, files.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("tls.cert_file and tls.key_file: %w", err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, nil
}

// inProcess serves requests by a handler in this process. A handler that panics has
// dropped the connection, as it would have behind a socket.
type inProcess struct{ handler http.Handler }

func (p inProcess) RoundTrip(req *http.Request) (resp *http.Response, err error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	if trace := httptrace.ContextClientTrace(req.Context()); trace != nil && trace.WroteHeaders != nil {
		trace.WroteHeaders()
	}
	defer func() {
		if cause := recover(); cause != nil {
			resp, err = nil, fmt.Errorf("in-process server: connection dropped: %v", cause)
		}
	}()
	in := req.Clone(req.Context())
	in.RequestURI, in.Host, in.RemoteAddr = req.URL.RequestURI(), req.URL.Host, "127.0.0.1:0"
	in.URL.Scheme, in.URL.Host = "", ""
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := &memory{header: http.Header{}}
	p.handler.ServeHTTP(w, in)
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	w.WriteHeader(http.StatusOK)
	return &http.Response{
		StatusCode: w.status, Status: fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: w.sent,
		ContentLength: int64(w.body.Len()), Body: io.NopCloser(&w.body), Request: req,
	}, nil
}

// memory is a ResponseWriter that keeps what is written.
type memory struct {
	header http.Header
	sent   http.Header // the header as it was when the status was written
	status int
	body   bytes.Buffer
}

func (m *memory) Header() http.Header { return m.header }

func (m *memory) WriteHeader(status int) {
	if m.status == 0 && status >= 200 {
		m.status, m.sent = status, m.header.Clone()
	}
}

func (m *memory) Write(b []byte) (int, error) {
	m.WriteHeader(http.StatusOK)
	return m.body.Write(b)
}
