// Package scim speaks to one SCIM 2.0 service provider (RFC 7643, RFC 7644): it
// sends the changes of a plan and finds accounts. It is the only place that knows
// how a change is spelled over HTTP and what an answer means; when and how often
// something is sent is decided by whoever calls it.
package scim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
	"scimsync/targets/scim/profile"
)

// Options describe one target. URL is needed; with Handler it is not.
type Options struct {
	Name string // the target's name in the config, for messages
	// URL is the base below which /Users stands. https, or http on a loopback host.
	URL  string
	Auth Authorizer // nil: requests are not authenticated
	TLS  TLS
	// Profile is what is special about the service; nil: profile.RFC().
	Profile *profile.Profile
	// Timeout bounds one request from the first byte to the last; if zero, the profile says.
	Timeout time.Duration
	// Concurrency is how many connections are kept; 4 if zero.
	Concurrency int
	// Match lists what accounts are found by, in order: externalId, userName, email.
	Match []string
	// MatchGroups lists what groups are found by, in order: externalId, displayName.
	MatchGroups []string
	UserAgent   string // "scimsync/<version>", unless the profile has another
	// Handler answers the requests inside this process: no socket is opened.
	Handler http.Handler
	// Memory is what was learned of the service before; nil: nothing, and nothing is kept.
	Memory *Memory
	Now    func() time.Time
	// Gate is asked before each request of Find, List, Count and Ping, with what it draws
	// from the profile's limits; done is called with what came back. nil: nothing is
	// asked. For what Apply sends its caller has been at the gate: see Draws.
	Gate Gate
}

// Gate lets a request that only reads through when the pace allows it.
type Gate func(ctx context.Context, draws []plan.Draw) (done func(plan.Heard), err error)

// TLS holds the files of a connection. CAFile replaces the system's authorities.
type TLS struct {
	CAFile   string
	CertFile string
	KeyFile  string
}

// Target is one service provider, and the accounts there; Groups are the groups. It is safe
// for concurrent use.
type Target struct {
	*service
	kind  kind
	match []string
	shape resource.Shape

	groups *Groups // nil: of a service without any

	mu        sync.Mutex
	refusedBy []string        // match attributes by which a lookup was refused
	proven    map[string]bool // forms of changes that were seen to work
	takenFor  map[string]bool // by externalId: a create was refused because the account exists; true: we may have made it
	proved    bool            // a listing was taken for complete
	pageSize  int             // how many accounts are asked for at a time
	first     *page           // the page Count read, for the List that follows
	firstAt   time.Time
	writes    uint64 // a page read before a write is not used after it
}

// service is what accounts and groups have in common: the way to them.
type service struct {
	name      string
	base      string // without trailing slash
	basePath  string // the path in it
	origin    string
	auth      Authorizer
	profile   *profile.Profile
	userAgent string
	timeout   time.Duration
	now       func() time.Time
	gate      Gate
	limits    []limit
	codes     *regexp.Regexp // of vendors in answers; nil: none
	told      []quotaNames   // headers that tell what is left
	reads     atomic.Int64
	reading   atomic.Pointer[[]plan.Draw] // what the last of them drew
	transport http.RoundTripper
	memory    *Memory
}

// What is used where Options say nothing.
const (
	defaultConcurrency = 4
	inProcessURL       = "http://sandbox.localhost/scim/v2"
)

// New checks the options and makes a target. It reads the TLS files and sends
// nothing.
func New(o Options) (*Target, error) {
	if o.Handler != nil && o.URL == "" {
		o.URL = inProcessURL
	}
	base, err := baseURL(o)
	if err != nil {
		return nil, fmt.Errorf("target %s: %w", o.Name, err)
	}
	if err := checkMatch(o); err != nil {
		return nil, fmt.Errorf("target %s: %w", o.Name, err)
	}
	transport, err := newTransport(o)
	if err != nil {
		return nil, fmt.Errorf("target %s: %w", o.Name, err)
	}
	if o.Profile == nil {
		o.Profile = profile.RFC()
	}
	if o.Memory == nil {
		o.Memory = NewMemory(nil, nil, nil)
	}
	o.Memory.about(strings.TrimRight(base.String(), "/"))
	o.Profile = o.Memory.conforming(o.Profile)
	shape, err := ShapeOf(o.Profile)
	if err != nil {
		return nil, fmt.Errorf("target %s: %w", o.Name, err)
	}
	sv := &service{
		name: o.Name, base: strings.TrimRight(base.String(), "/"), basePath: strings.TrimRight(base.Path, "/"), origin: origin(base), auth: o.Auth, profile: o.Profile,
		timeout: o.Timeout, now: o.Now, gate: o.Gate, transport: transport, limits: limitsOf(o.Profile), told: quotaNamesOf(o.Profile.Rate.Headers), memory: o.Memory,
	}
	if text := sv.profile.Errors.CodeRegex; text != "" {
		if sv.codes, err = regexp.Compile(text); err != nil {
			return nil, fmt.Errorf("target %s: errors.code_regex: %w", o.Name, err)
		}
	}
	if sv.timeout <= 0 {
		sv.timeout = o.Profile.Timeout
	}
	if sv.now == nil {
		sv.now = time.Now
	}
	sv.userAgent = cmp.Or(o.Profile.UserAgent, o.UserAgent, "scimsync")
	t := sv.target(accounts(o.Profile), shape, o.Match)
	t.shape = t.narrowed(t.shape)
	if slices.Contains(o.Profile.Resources, profile.Groups) {
		t.groups = newGroups(sv, o.MatchGroups)
	}
	return t, nil
}

// target makes the Target of one kind of resources.
func (s *service) target(k kind, shape resource.Shape, match []string) *Target {
	t := &Target{service: s, kind: k, shape: shape, match: match, takenFor: map[string]bool{}, proven: map[string]bool{}, pageSize: maxPage}
	if n := s.profile.List.PageSize; n > 0 {
		t.pageSize = n
	}
	if len(t.match) == 0 {
		t.match = k.match
	}
	return t
}

// knows tells whether something was learned of the service and still counts.
func (t *Target) knows(what fact) bool { return t.memory.knows(t.kind.fact(what), t.now()) }

// learn remembers something of the service and says it, in a sentence about it.
func (t *Target) learn(what fact, sentence string) bool {
	if t.kind.of == record.Group {
		sentence = "of groups: " + sentence
	}
	return t.memory.learn(t.kind.fact(what), t.now(), sentence)
}

// Shape tells what the target can hold, less what the service said twice that it does not
// have, and in which forms it is changed.
func (t *Target) Shape() resource.Shape { return t.shape }

// Close gives idle connections back. A closed target may be used again.
func (t *Target) Close() {
	if c, ok := t.transport.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// baseURL holds the URL against RFC 7644 section 1.3 and against sending secrets
// in the clear.
func baseURL(o Options) (*url.URL, error) {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil:
		return nil, errors.New("url: not a URL") // url.Error would repeat it, with what it may hold
	case u.User != nil:
		return nil, errors.New("url: holds a user or password; put them under auth")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("url: holds a query or a fragment; give the base address only, without /Users")
	case u.Host == "":
		return nil, errors.New("url: needs a host, as in https://scim.example.org/scim/v2")
	case u.Scheme == "https", u.Scheme == "http" && (o.Handler != nil || loopback(u.Hostname())):
		return u, nil
	case u.Scheme == "http":
		return nil, errors.New("url: plain http is for loopback hosts only; use https")
	}
	return nil, fmt.Errorf("url: scheme %q is not https", u.Scheme)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// origin is scheme, host and port: what credentials may be sent to.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return strings.ToLower(u.Scheme + "://" + net.JoinHostPort(u.Hostname(), port))
}

func checkMatch(o Options) error {
	for _, by := range o.Match {
		if by != plan.MatchExternalID && by != plan.MatchUserName && by != plan.MatchEmail {
			return fmt.Errorf("match: %q is not one of externalId, userName, email", by)
		}
	}
	for _, by := range o.MatchGroups {
		if by != plan.MatchExternalID && by != plan.MatchDisplayName {
			return fmt.Errorf("match of groups: %q is not one of externalId, displayName", by)
		}
	}
	return nil
}
