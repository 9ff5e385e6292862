package ldap

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
)

// Method is how the source proves who it is.
type Method uint8

const (
	// Simple binds with User and Password (RFC 4513 section 5.1.3).
	Simple Method = iota
	// External takes the identity of the TLS client certificate or of the
	// process at the other end of a ldapi socket (RFC 4513 section 5.2.3).
	External
)

// Scope is how deep under a base entries are looked for.
type Scope uint8

const (
	// Sub is the base and everything below it.
	Sub Scope = iota
	// One is the entries directly below the base.
	One
)

// The limits and defaults of a read.
const (
	DefaultPageSize    = 500 // entries; AD refuses to give more than 1000
	DefaultIdleTimeout = 60 * time.Second
	maxPageSize        = 100_000
	// rebindAfter is how long refused credentials are not shown to a server
	// again, so that a schedule cannot lock the service account out.
	rebindAfter = 30 * time.Minute
)

// Bind says as whom the source reads. The zero value is anonymous, which is
// for loopback and ldapi only.
type Bind struct {
	User string // a DN, or for Active Directory a UPN or DOMAIN\name
	// Password is asked once for each connection, so a rotated file is seen.
	Password func() (string, error)
	Method   Method
}

// TLS says how connections are protected. TLS 1.2 is the least.
type TLS struct {
	CAFile   string // PEM; empty: the system's authorities
	CertFile string // client certificate, PEM
	KeyFile  string // its key, PEM
	StartTLS bool   // of ldap:// URLs, before the bind, never without
}

// Entries says which entries are people, or groups.
type Entries struct {
	Base    []string // DNs; several are read one after another
	Exclude []string // DNs; entries at or below them are left out
	Filter  string   // RFC 4515; empty: DefaultFilter or DefaultGroupFilter of the vendor
	Scope   Scope
	// Anchor is the attribute that identifies an entry for life; "auto" or
	// empty: the vendor's (objectGUID, entryUUID, nsUniqueId, ipaUniqueID).
	Anchor string
	// Attributes are names the schema does not publish, or spellings with
	// options ("cn;lang-de"), that expressions may use.
	Attributes []string
}

// Groups says which entries are groups, and how they name their members.
type Groups struct {
	Entries
	Members Members
}

// Members says how groups name their members. The zero value takes whatever a group has of
// member, uniqueMember (both DNs) and memberUid (the uid of people); of Active Directory
// only member, and the primary group of people besides.
type Members struct {
	Attr string // the attribute of groups; empty: see above
	// User is the attribute of people that the values of Attr are compared with, without
	// regard to case; empty: they are DNs, and of memberUid the uid.
	User string
}

// Options configures a Source.
type Options struct {
	URLs        []string // ldaps://, ldap:// or ldapi://, tried in order
	Vendor      Vendor
	Bind        Bind
	TLS         TLS
	Users       Entries
	Groups      *Groups          // nil: the source has people only
	PageSize    int              // entries per page; 0: DefaultPageSize
	IdleTimeout time.Duration    // silence after which a connection is given up; 0: DefaultIdleTimeout
	Now         func() time.Time // nil: time.Now; used for the pause after refused credentials
}

// server is one parsed URL.
type server struct {
	text     string // as configured, for messages
	network  string // tcp or unix
	address  string
	host     string // the name the certificate must carry
	tls      bool   // from the first byte
	startTLS bool
	local    bool // loopback or a socket: may do without TLS
}

func (o *Options) setDefaults() {
	if o.PageSize == 0 {
		o.PageSize = DefaultPageSize
	}
	if o.IdleTimeout == 0 {
		o.IdleTimeout = DefaultIdleTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if strings.EqualFold(o.Users.Anchor, "auto") {
		o.Users.Anchor = ""
	}
	if o.Groups == nil {
		return
	}
	groups := *o.Groups // the caller's stays as it is
	o.Groups = &groups
	if strings.EqualFold(groups.Anchor, "auto") {
		groups.Anchor = ""
	}
	if strings.EqualFold(baseName(groups.Members.Attr), memberUID) && groups.Members.User == "" {
		groups.Members.User = loginName
	}
}

// check returns every problem of the options, joined.
func (o *Options) check() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(o.URLs) == 0 {
		add("urls: at least one ldaps://, ldap:// or ldapi:// URL is needed")
	}
	errs = append(errs, o.Users.check("users"))
	if g := o.Groups; g != nil {
		errs = append(errs, g.check("groups"))
		if g.Members.User != "" && g.Members.Attr == "" {
			add("groups.members.attr is missing: name the attribute of groups whose values are those of %s", g.Members.User)
		}
		for _, name := range []string{g.Members.Attr, g.Members.User} {
			if secret(baseName(name)) {
				add("attribute %s holds a secret and is never read", name)
			}
		}
	}
	if o.PageSize < 0 || o.PageSize > maxPageSize {
		add("page_size %d: from 1 to %d", o.PageSize, maxPageSize)
	}
	if o.IdleTimeout < 0 {
		add("idle timeout %s: must not be negative", o.IdleTimeout)
	}
	if (o.TLS.CertFile == "") != (o.TLS.KeyFile == "") {
		add("tls: cert_file and key_file belong together")
	}
	if o.Vendor > Generic {
		add("vendor %d is not known", o.Vendor)
	}
	return errors.Join(append(errs, o.checkBind())...)
}

// check returns every problem of one kind of entries. key is where the config has them.
func (e *Entries) check(key string) error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(e.Base) == 0 {
		add("%s.base: at least one base DN is needed", key)
	}
	if e.Filter != "" {
		if _, err := goldap.CompileFilter(e.Filter); err != nil {
			add("%s.filter %q: %w; RFC 4515 has the syntax", key, e.Filter, err)
		}
	}
	for _, name := range append([]string{e.Anchor}, e.Attributes...) {
		if secret(baseName(name)) {
			add("attribute %s holds a secret and is never read", name)
		}
	}
	return errors.Join(errs...)
}

func (o *Options) checkBind() error {
	switch {
	case o.Bind.Method > External:
		return fmt.Errorf("bind.method %d is not known", o.Bind.Method)
	case o.Bind.Method == External && o.Bind.Password != nil:
		return errors.New("bind: method external takes no password")
	case o.Bind.Method == External && o.Bind.User != "":
		return errors.New("bind: method external takes no user; it is who the certificate or the socket says")
	case o.Bind.Method == Simple && o.Bind.User != "" && o.Bind.Password == nil:
		return fmt.Errorf("bind.password is missing for %s", o.Bind.User)
	case o.Bind.Method == Simple && o.Bind.User == "" && o.Bind.Password != nil:
		return errors.New("bind.user is missing")
	}
	return nil
}

// parseServers parses the URLs and holds them against the other options.
func (o *Options) parseServers() ([]server, error) {
	var out []server
	var errs []error
	for _, text := range o.URLs {
		s, err := parseURL(text, o.TLS.StartTLS)
		if err == nil {
			err = o.checkServer(s)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("url %s: %w", text, err))
			continue
		}
		out = append(out, s)
	}
	return out, errors.Join(errs...)
}

func (o *Options) checkServer(s server) error {
	encrypted := s.tls || s.startTLS
	switch {
	case !encrypted && !s.local:
		return errors.New("plain ldap:// is for loopback only; use ldaps:// or tls.start_tls")
	case o.Bind.Method == External && s.network != "unix" && (!encrypted || o.TLS.CertFile == ""):
		return errors.New("method external needs ldapi:// or a TLS client certificate (tls.cert_file)")
	case o.Bind.Method == Simple && o.Bind.User == "" && !s.local:
		return errors.New("bind.user is missing; only loopback is read anonymously")
	case o.Groups != nil && (strings.HasSuffix(s.address, ":3268") || strings.HasSuffix(s.address, ":3269")):
		return errors.New("a Global Catalog does not hold the members of all groups: name the domain controller's own port, 636")
	}
	return nil
}

func parseURL(text string, startTLS bool) (server, error) {
	if rest, ok := strings.CutPrefix(text, "ldapi://"); ok {
		path, err := url.PathUnescape(rest)
		if err != nil {
			return server{}, err
		}
		if path = strings.TrimSuffix(path, "/"); path == "" {
			path = "/var/run/slapd/ldapi"
		}
		return server{text: text, network: "unix", address: path, local: true}, nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return server{}, err
	}
	port := map[string]string{"ldap": "389", "ldaps": "636"}[u.Scheme]
	switch {
	case port == "":
		return server{}, errors.New("the scheme must be ldaps, ldap or ldapi")
	case u.Hostname() == "":
		return server{}, errors.New("the host is missing")
	case u.User != nil || u.RawQuery != "" || strings.Trim(u.Path, "/") != "":
		return server{}, errors.New("only a host and a port may stand in it; bases and users have their own keys")
	}
	if u.Port() != "" {
		port = u.Port()
	}
	ip := net.ParseIP(u.Hostname())
	return server{
		text: text, network: "tcp", address: net.JoinHostPort(u.Hostname(), port), host: u.Hostname(),
		tls: u.Scheme == "ldaps", startTLS: u.Scheme == "ldap" && startTLS,
		local: u.Hostname() == "localhost" || ip != nil && ip.IsLoopback(),
	}, nil
}
