package ldap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"
)

const (
	dialTimeout = 20 * time.Second
	// maxPacket bounds one LDAP message, in bytes: an entry with a large photo
	// fits, a hostile length does not.
	maxPacket     = 64 << 20
	startTLSOID   = "1.3.6.1.4.1.1466.20037"
	extendedReply = 24 // [APPLICATION 24] ExtendedResponse, RFC 4511 section 4.12
)

// packetLimit guards the one write to ber.MaxPacketLengthBytes. The decoder
// knows no other place for its limit than a variable of its package, which has
// to be set once and before any connection of ours reads.
var packetLimit sync.Once

func limitPackets() {
	packetLimit.Do(func() { ber.MaxPacketLengthBytes = maxPacket })
}

// idleConn gives each read and each write its own deadline. The LDAP library
// has none: without it a server that stalls would be waited for for ever, and
// the library's own SetTimeout loses entries of asynchronous searches.
type idleConn struct {
	net.Conn
	idle time.Duration
}

func (c idleConn) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.idle)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(b)
	return n, c.explain(err)
}

func (c idleConn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.idle)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(b)
	return n, c.explain(err)
}

func (c idleConn) explain(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("silent for %s: %w", c.idle, err)
	}
	return err
}

// session is one bound connection. It belongs to one Read or Describe, is used
// by one goroutine and never again after an error.
type session struct {
	conn   *goldap.Conn
	raw    net.Conn
	server server
	unwind func() bool // ends the watch that closes the socket with its context
}

// close ends the session: politely, or after an error at once, because then a
// goodbye might have to wait for a server that no longer listens.
func (s *session) close(err error) {
	if err == nil && !s.conn.IsClosing() {
		_ = s.conn.Unbind()
	} else {
		_ = s.raw.Close()
		_ = s.conn.Close()
	}
	s.unwind()
}

// chain joins errors in one line.
func chain(errs ...error) error {
	var out error
	for _, err := range errs {
		switch {
		case err == nil || out != nil && errors.Is(out, err):
		case out == nil:
			out = err
		default:
			out = fmt.Errorf("%w; %w", out, err)
		}
	}
	return out
}

// connect tries the servers in order until one lets us in. A refused
// credential ends the attempt everywhere: a second server would only count it
// towards a lock-out.
func (s *Source) connect(ctx context.Context) (*session, error) {
	var errs []error
	for _, srv := range s.servers {
		sess, err := s.open(ctx, srv)
		if err == nil {
			return sess, nil
		}
		errs = append(errs, fmt.Errorf("connect to %s: %w", srv.text, err))
		var final *bindError
		if errors.As(err, &final) || ctx.Err() != nil {
			break
		}
	}
	return nil, chain(errs...)
}

func (s *Source) open(ctx context.Context, srv server) (*session, error) {
	dialer := net.Dialer{
		Timeout:         dialTimeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3},
		Control:         userTimeout(s.opts.IdleTimeout),
	}
	raw, err := dialer.DialContext(ctx, srv.network, srv.address)
	if err != nil {
		return nil, err
	}
	// Closing the socket is the one way to end the library's calls that take no
	// context; it makes its reader fail and everybody who waits return.
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	conn, err := s.secure(ctx, idleConn{raw, s.opts.IdleTimeout}, srv)
	if err != nil {
		stop()
		_ = raw.Close()
		return nil, chain(err, ctx.Err())
	}
	sess := &session{conn: goldap.NewConn(conn, srv.tls || srv.startTLS), raw: raw, server: srv, unwind: stop}
	sess.conn.Start()
	if err := s.bind(sess); err != nil {
		sess.close(err)
		return nil, chain(err, ctx.Err())
	}
	return sess, nil
}

// secure puts TLS over the connection where the URL or start_tls says so.
// Nothing but the request for TLS has been sent before it succeeds.
func (s *Source) secure(ctx context.Context, conn idleConn, srv server) (net.Conn, error) {
	if !srv.tls && !srv.startTLS {
		return conn, nil
	}
	cfg, err := s.tlsConfig(srv)
	if err != nil {
		return nil, err
	}
	if srv.startTLS {
		if err := startTLS(conn); err != nil {
			return nil, fmt.Errorf("StartTLS: %w; nothing else was sent, because start_tls is set", err)
		}
	}
	over := tls.Client(conn, cfg)
	if err := over.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("TLS handshake: %w", explainTLS(err, srv))
	}
	return over, nil
}

func (s *Source) tlsConfig(srv server) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: srv.host}
	if s.opts.TLS.CAFile != "" {
		pem, err := os.ReadFile(s.opts.TLS.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read tls.ca_file: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls.ca_file %s holds no PEM certificate", s.opts.TLS.CAFile)
		}
	}
	if s.opts.TLS.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(s.opts.TLS.CertFile, s.opts.TLS.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("read tls.cert_file and tls.key_file: %w", err)
		}
		cfg.Certificates = []tls.Certificate{cert}
	}
	return cfg, nil
}

// startTLS asks for TLS (RFC 4511 section 4.14). It reads exactly one message,
// so that bytes slipped in behind the answer end in the handshake, not in LDAP.
func startTLS(conn net.Conn) error {
	msg := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "LDAP Request")
	msg.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 1, "MessageID"))
	req := ber.Encode(ber.ClassApplication, ber.TypeConstructed, goldap.ApplicationExtendedRequest, nil, "StartTLS")
	req.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, startTLSOID, "OID"))
	msg.AppendChild(req)
	if _, err := conn.Write(msg.Bytes()); err != nil {
		return err
	}
	reply, err := ber.ReadPacket(conn)
	if err != nil {
		return err
	}
	if len(reply.Children) < 2 || reply.Children[1].Tag != extendedReply {
		return errors.New("the answer is no extended response")
	}
	return goldap.GetLDAPError(reply)
}

// explainTLS adds what an admin can do about a certificate.
func explainTLS(err error, srv server) error {
	var name x509.HostnameError
	var authority x509.UnknownAuthorityError
	switch {
	case errors.As(err, &name) && len(name.Certificate.DNSNames)+len(name.Certificate.IPAddresses) == 0:
		return fmt.Errorf("%w; the server's certificate has no subjectAltName (Samba's self-made one has none): "+
			"give the server a certificate whose subjectAltName holds %s", err, srv.host)
	case errors.As(err, &name):
		return fmt.Errorf("%w; use a name in urls that the certificate carries", err)
	case errors.As(err, &authority):
		return fmt.Errorf("%w; name the authority that signed the server's certificate in tls.ca_file", err)
	case strings.Contains(err.Error(), "negative serial number"):
		return fmt.Errorf("%w; Samba's self-made certificate may have one: give the server a certificate of your own authority", err)
	}
	return err
}
