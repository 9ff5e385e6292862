package sandbox

import (
	"fmt"
	"math"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// jitter is how much a request may be early, in real time, where Scale makes
// minutes seconds: the pauses of a busy machine do not shrink with them.
const jitter = 25 * time.Millisecond

// limit is a rate for some of the requests.
type limit struct {
	Rate
	name    string
	methods []string // empty: all; SEARCH is a POST of a search, TOKEN one for a token
	path    string   // /Users, or /Users/* for those with an id; empty: any
	over    int      // only bodies of more bytes than this

	meter
	shut   time.Time // of the server's clock: nothing passes before
	closed announced
	tally  LimitStats
}

// limiter holds requests against limits: each that fits must have room.
type limiter struct {
	server *Server
	mu     sync.Mutex
	limits []*limit

	penalty    time.Duration // a limit that was exceeded stays shut so long from the last call
	pause      time.Duration // the same from the first call
	retryAfter string        // how the wait is told: seconds, unit, quoted, date or none
	headers    string        // that tell what is left: x-rate-limit, ratelimit, triple; empty: none
}

// rateOnly is the limits of Options.Rate.
func rateOnly(r Rate) []*limit {
	if r.Events == 0 {
		return nil
	}
	return []*limit{{Rate: r, name: "all", meter: newBucket(r)}}
}

func newLimiter(s *Server, limits []*limit) *limiter {
	return &limiter{server: s, limits: limits, retryAfter: "seconds"}
}

func (l *limiter) wrap(next handler) handler {
	return func(c *call) (*response, error) { return l.pass(c, next) }
}

// pass lets a request through or refuses it.
func (l *limiter) pass(c *call, next handler) (*response, error) {
	if len(l.limits) == 0 || c.open {
		return next(c)
	}
	told, a := l.take(c)
	if a == nil {
		var err error
		if a, err = next(c); err != nil {
			a = l.server.refusal(err)
		}
	}
	if a != nil {
		a.header = append(a.header, told...)
	}
	return a, nil
}

// take counts a request. It returns headers that tell what is left, and the
// refusal if there is no room.
func (l *limiter) take(c *call) (told [][2]string, refused *response) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, real := l.server.clock(), l.server.opts.Now()
	var fits []*limit
	for _, g := range l.limits {
		if g.covers(c) {
			fits = append(fits, g)
			c.early = c.early || g.closed.inside(real)
		}
	}
	for _, g := range fits {
		if wait := l.room(g, now); wait > 0 {
			g.tally.Refused++
			return l.tell(g, 0, wait), l.refuse(g, wait)
		}
	}
	for _, g := range fits {
		g.take(now)
		g.tally.allow(real)
	}
	if len(fits) == 0 {
		return nil, nil
	}
	g := fits[0]
	left := g.left(now)
	wait := g.Per
	if left == 0 {
		wait = g.room(now)
	}
	return l.tell(g, left, wait), nil
}

// tell is the headers for a limit of which so much is left for that long.
func (l *limiter) tell(g *limit, left int, wait time.Duration) [][2]string {
	per, reset := seconds(l.server.lasts(g.Per)), seconds(l.server.lasts(wait))
	switch n := strconv.Itoa; l.headers {
	case "x-rate-limit": // RingCentral
		return [][2]string{
			{"X-Rate-Limit-Group", g.name}, {"X-Rate-Limit-Limit", n(g.Events)}, {"X-Rate-Limit-Remaining", n(left)}, {"X-Rate-Limit-Window", n(per)},
		}
	case "ratelimit": // draft-ietf-httpapi-ratelimit-headers
		return [][2]string{
			{"RateLimit-Policy", fmt.Sprintf("%q;q=%d;w=%d", g.name, g.Events, per)}, {"RateLimit", fmt.Sprintf("%q;r=%d;t=%d", g.name, left, reset)},
		}
	case "triple": // its older versions, still in use
		return [][2]string{{"RateLimit-Limit", n(g.Events)}, {"RateLimit-Remaining", n(left)}, {"RateLimit-Reset", n(reset)}}
	}
	return nil
}

// room says how long there is none, and shuts a limit that was exceeded.
func (l *limiter) room(g *limit, now time.Time) time.Duration {
	shut := g.shut.Sub(now)
	if shut <= 0 {
		wait := g.room(now)
		if l.server.opts.Scale > 1 && l.server.lasts(wait) <= jitter {
			return 0
		}
		if wait <= 0 || l.penalty+l.pause == 0 {
			return wait
		}
		shut = l.penalty + l.pause
	} else if l.penalty > 0 {
		shut = l.penalty
	}
	g.shut = now.Add(shut)
	return shut
}

func (l *limiter) refuse(g *limit, wait time.Duration) *response {
	real := max(time.Millisecond, l.server.lasts(wait))
	e := answerError(http.StatusTooManyRequests, "the limit is %d requests in %v; try again in %d s", g.Events, g.Per, seconds(real))
	if l.penalty > 0 {
		e.code = "CMN-301"
	}
	a := l.server.refusal(e)
	at := l.server.opts.Now()
	if value := l.server.retryAfter(l.retryAfter, real); value != "" {
		a.with("Retry-After", value)
		real = time.Duration(seconds(real)) * time.Second // what was said
	}
	g.closed.announce(at, real)
	return a
}

// retryAfter words a wait.
func (s *Server) retryAfter(form string, wait time.Duration) string {
	n := seconds(wait)
	switch form {
	case "none":
		return ""
	case "unit":
		return fmt.Sprintf("%d seconds", n)
	case "quoted":
		return fmt.Sprintf(`"%d seconds"`, n)
	case "date":
		return s.opts.Now().Add(time.Duration(n)*time.Second + 999*time.Millisecond).UTC().Format(http.TimeFormat)
	}
	return strconv.Itoa(n)
}

// seconds rounds up.
func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }

// covers says whether a request falls under the limit.
func (g *limit) covers(c *call) bool {
	method := c.Method
	switch {
	case c.isToken():
		method = "TOKEN"
	case method == http.MethodPost && strings.HasSuffix(c.path, "/.search"):
		method = "SEARCH"
	}
	if len(g.methods) > 0 && !slices.Contains(g.methods, method) {
		return false
	}
	if ok, _ := path.Match(g.path, c.path); g.path != "" && !ok {
		return false
	}
	return g.over == 0 || len(c.body) > g.over
}

// LimitsHelp says how the value of the habit limit is written.
const LimitsHelp = `[NAME] RATE [METHODS] [PATH] [over BYTES], with ; between several, all of which hold. A RATE with a burst, as in
"10/m burst 3", fills evenly; one without is counted over a sliding window. METHODS have commas between them; SEARCH is a POST of a
search, TOKEN one for a token. PATH is /Users for the collection and /Users/* for what is in it. Beside them may stand
  penalty 60s          each call above a limit shuts it so long, also those while it is shut
  pause 2s             the first call above a limit shuts it so long
  retry-after FORM     how the wait is told: seconds (unless given), unit (2 seconds), quoted ("2 seconds"), date or none
  headers FORM         what every answer tells of the limit: x-rate-limit (-Group, -Limit, -Remaining, -Window), ratelimit
                       (RateLimit and RateLimit-Policy) or triple (RateLimit-Limit, -Remaining, -Reset)
as in "Heavy 10/m POST,PUT,PATCH,DELETE; big 5/30s PATCH /Groups/* over 500; penalty 60s; retry-after none; headers x-rate-limit".`

var limitHabits = []habit{{
	name: "limit", takes: "LIMITS",
	help: "limits by method, path and size, and how they are told; see below",
	make: func(s *Server, value string) (hooks, error) {
		l := newLimiter(s, nil)
		if err := l.parse(value); err != nil {
			return hooks{}, err
		}
		return hooks{pass: l.pass, tally: l}, nil
	},
}}

func (l *limiter) parse(text string) error {
	for part := range strings.SplitSeq(text, ";") {
		words := strings.Fields(part)
		if len(words) == 0 {
			return fmt.Errorf("nothing between two ;")
		}
		var err error
		switch words[0] {
		case "headers":
			l.headers = second(words)
			err = among("headers", l.headers, "x-rate-limit", "ratelimit", "triple")
		case "penalty":
			l.penalty, err = time.ParseDuration(second(words))
		case "pause":
			l.pause, err = time.ParseDuration(second(words))
		case "retry-after":
			l.retryAfter = second(words)
			err = among("retry-after", l.retryAfter, "seconds", "unit", "quoted", "date", "none")
		default:
			var g *limit
			if g, err = parseLimit(words); err == nil {
				l.limits = append(l.limits, g)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func among(name, word string, words ...string) error {
	if !slices.Contains(words, word) {
		return fmt.Errorf("%s is %s, not %q", name, strings.Join(words, " or "), word)
	}
	return nil
}

func second(words []string) string {
	if len(words) == 2 {
		return words[1]
	}
	return ""
}

func parseLimit(words []string) (*limit, error) {
	g := &limit{name: words[0]}
	if !strings.Contains(words[0], "/") {
		words = words[1:]
	}
	text := ""
	if len(words) > 0 {
		text, words = words[0], words[1:]
	}
	burst := len(words) >= 2 && words[0] == "burst"
	if burst {
		text += " burst " + words[1]
		words = words[2:]
	}
	var err error
	if g.Rate, err = ParseRate(text); err == nil && text == "" {
		err = fmt.Errorf("limit %s has no rate", g.name)
	}
	if err != nil {
		return nil, err
	}
	if g.meter = (&window{events: g.Events, per: g.Per}); burst {
		g.meter = newBucket(g.Rate)
	}
	for ; len(words) > 0; words = words[1:] {
		switch {
		case strings.HasPrefix(words[0], "/"):
			g.path = words[0]
		case words[0] == "over" && len(words) > 1:
			if g.over, err = strconv.Atoi(words[1]); err != nil || g.over < 1 {
				return nil, fmt.Errorf("over %s: write a number of bytes", words[1])
			}
			words = words[1:]
		case words[0] == strings.ToUpper(words[0]):
			g.methods = strings.Split(words[0], ",")
		default:
			return nil, fmt.Errorf("limit %s: what is %q?", g.name, words[0])
		}
	}
	return g, nil
}
