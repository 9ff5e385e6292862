// Package sandbox is a SCIM 2.0 service provider for rehearsal: Users and
// Groups with the core and enterprise schemas of RFC 7643, served by the rules
// of RFC 7644 from memory, as an http.Handler. It is strict where the RFCs let
// a server be strict, so that what it accepts is likely to be accepted
// anywhere. On request it is slow, rate limited or faulty, has the habits of
// real service providers or imitates one of them, and keeps its accounts in a
// file that later processes open again.
//
// What happens to a request, in order: it is counted and read, the latency is
// waited for, then come credentials, the rate limit, the planned fault, and at
// last the SCIM operation. The log callback runs before the answer is written.
// habit.go says where habits intervene; with none of them nothing does.
package sandbox

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultBasePath is where the endpoints live unless Options.BasePath says otherwise.
const DefaultBasePath = "/scim/v2"

// defaultMaxResults is the page size cap unless Options.MaxResults says otherwise.
const defaultMaxResults = 200

// Options says how a sandbox behaves. The zero value is a fast, open, correct
// service provider that forgets everything when it is closed.
type Options struct {
	BearerToken   string // asked of every request; empty: none is asked
	BasicUser     string // HTTP Basic, as an alternative to the token; empty: none
	BasicPassword string

	Rate       Rate          // above it requests answer 429 with Retry-After
	Latency    time.Duration // waited before each request is looked at
	Fail       Fail          // faults on purpose
	MaxResults int           // page size cap; 0 means 200

	Log  func(Request) // called once for each request, one call at a time, before it is answered
	File string        // accounts are kept here; empty: in memory only

	Profile string   // a service provider to imitate; empty: a correct one
	Habits  []string // NAME or NAME=VALUE, see Habits; they come after those of the profile
	Scale   float64  // of limits, penalties, lags and tokens: 60 makes a minute a second; 0 means 1

	BasePath string           // default: the profile's, or DefaultBasePath
	Now      func() time.Time // default time.Now
	Seed     uint64           // of ids and of random faults; 0: not repeatable
}

// Request is one entry of the request log.
type Request struct {
	N        int64 // 1 for the first request since New
	Time     time.Time
	Method   string
	Path     string // escaped, as it came
	RawQuery string
	Status   int    // 0: the connection was cut on purpose
	Body     []byte // of the request
	Duration time.Duration
	Early    bool // it came inside a wait that had been announced
}

// Server is the service provider. Its methods may be called from several
// goroutines at once.
type Server struct {
	opts     Options
	base     string
	store    *store
	parser   parser
	limits   *limiter  // Options.Rate
	now0     time.Time // when Scale began to count
	profile  profile
	active   atomic.Pointer[behaviour] // swapped as a whole
	closed   announced                 // waits for all requests
	stats    statistics
	requests atomic.Int64
	logMu    sync.Mutex
	randMu   sync.Mutex
	rand     *rand.Rand
}

// New makes a service provider and, if Options.File names one, opens its file:
// a last line torn by a crash is dropped, any other damage is an error. The
// file belongs to one Server at a time; a second New on it is an error.
func New(o Options) (*Server, error) {
	p, err := findProfile(o.Profile)
	if err != nil {
		return nil, err
	}
	if o.BasePath == "" {
		o.BasePath = p.base
	}
	if o.Scale <= 0 {
		o.Scale = 1
	}
	if o.MaxResults <= 0 {
		o.MaxResults = defaultMaxResults
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	s := &Server{
		opts:    o,
		profile: p,
		base:    "/" + strings.Trim(o.BasePath, "/"),
		store:   newStore(),
		rand:    rand.New(rand.NewPCG(o.Seed, 0)),
	}
	if o.Scale != 1 {
		s.now0 = o.Now()
	}
	if s.base == "/" {
		s.base = ""
	}
	s.limits = newLimiter(s, rateOnly(o.Rate))
	if err := s.SetHabits(o.Habits); err != nil {
		return nil, err
	}
	if o.File != "" {
		if err := s.store.open(o.File); err != nil {
			return nil, fmt.Errorf("open sandbox accounts: %w", err)
		}
	}
	return s, nil
}

// SetHabits puts these habits in the place of Options.Habits, while requests go
// on; those of the profile stay. On an error nothing has changed.
func (s *Server) SetHabits(specs []string) error {
	b, err := s.behave(slices.Concat(s.profile.habits, specs), s.active.Load())
	if err != nil {
		return err
	}
	s.active.Store(b)
	return nil
}

func (s *Server) habits() *behaviour { return s.active.Load() }

// clock is the time that limits, penalties, lags and tokens go by: Scale times
// as fast as Options.Now.
func (s *Server) clock() time.Time {
	if s.opts.Scale == 1 {
		return s.opts.Now()
	}
	return s.now0.Add(time.Duration(float64(s.opts.Now().Sub(s.now0)) * s.opts.Scale))
}

// lasts is how long a duration of that clock takes in real time.
func (s *Server) lasts(d time.Duration) time.Duration {
	return time.Duration(float64(d) / s.opts.Scale)
}

// Close closes the file. Every answered write is in it already.
func (s *Server) Close() error { return s.store.close() }

// BasePath is where the endpoints are, as in /scim/v2.
func (s *Server) BasePath() string { return s.base }

// Requests returns how many requests have come since New, refused ones and
// those cut on purpose included.
func (s *Server) Requests() int64 { return s.requests.Load() }

// Seed creates users from their JSON objects, by the same rules as a POST, and
// returns their ids. It stops at the first one that is refused.
func (s *Server) Seed(users ...map[string]any) ([]string, error) {
	return s.seed(s.store.users, users)
}

// SeedGroups is Seed for groups.
func (s *Server) SeedGroups(groups ...map[string]any) ([]string, error) {
	return s.seed(s.store.groups, groups)
}

func (s *Server) seed(t *table, bodies []map[string]any) ([]string, error) {
	ids := make([]string, 0, len(bodies))
	for i, body := range bodies {
		r, err := s.create(t, body)
		if err != nil {
			return ids, fmt.Errorf("seed %s %d of %d: %w", t.kind.Name, i+1, len(bodies), err)
		}
		ids = append(ids, r.id)
	}
	return ids, nil
}

// Users returns a copy of all users, oldest first, as a correct GET would answer
// them, whatever habits make of answers, with locations relative to the host.
func (s *Server) Users() []map[string]any { return s.snapshot(s.store.users) }

// Groups returns a copy of all groups, oldest first, with their members.
func (s *Server) Groups() []map[string]any { return s.snapshot(s.store.groups) }

func (s *Server) snapshot(t *table) []map[string]any {
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	all := make([]map[string]any, 0, len(t.list))
	for _, r := range t.list {
		all = append(all, decode(s.store.render(nil, r, s.base)))
	}
	return all
}

// newID returns a random UUID (version 4, RFC 9562) that is in no use.
func (s *Server) newID() string {
	s.randMu.Lock()
	defer s.randMu.Unlock()
	for {
		var b [16]byte
		binary.BigEndian.PutUint64(b[:8], s.rand.Uint64())
		binary.BigEndian.PutUint64(b[8:], s.rand.Uint64())
		b[6] = b[6]&0x0f | 0x40
		b[8] = b[8]&0x3f | 0x80
		h := hex.EncodeToString(b[:])
		id := h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
		if s.store.lookup(id) == nil {
			return id
		}
	}
}

// chance draws from [0, 1).
func (s *Server) chance() float64 {
	s.randMu.Lock()
	defer s.randMu.Unlock()
	return s.rand.Float64()
}

// base URL of the endpoints as the client of r sees them.
func (s *Server) baseURL(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host + s.base
}
