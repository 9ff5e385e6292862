package profile

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Match says which requests a limit is for: it fits when one of its patterns does. A pattern is "METHODS PATH": methods with |
// between them, and a path in which * stands for anything, slashes included. "*" alone fits every request.
type Match []string

// methods are those a client sends.
var methods = []string{"GET", "POST", "PUT", "PATCH", "DELETE"}

// Fits tells whether a request counts. path is that of the URL, without the query.
func (m Match) Fits(method, path string) bool {
	return slices.ContainsFunc(m, func(pattern string) bool {
		names, glob, both := strings.Cut(pattern, " ")
		if !both {
			glob = "*"
		}
		return (names == "*" || slices.Contains(strings.Split(names, "|"), method)) && like(path, glob)
	})
}

// like tells whether text is as the glob says.
func like(text, glob string) bool {
	parts := strings.Split(glob, "*")
	if len(parts) == 1 {
		return text == glob
	}
	last := len(parts) - 1
	rest, ok := strings.CutPrefix(text, parts[0])
	if !ok || !strings.HasSuffix(rest, parts[last]) {
		return false
	}
	rest = strings.TrimSuffix(rest, parts[last])
	for _, part := range parts[1:last] {
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return true
}

// checkPattern tells what is wrong with a pattern.
func checkPattern(pattern string) error {
	names, glob, both := strings.Cut(pattern, " ")
	if names != "*" {
		for name := range strings.SplitSeq(names, "|") {
			if !slices.Contains(methods, name) {
				return fmt.Errorf("has the unknown method %q", name)
			}
		}
	}
	switch {
	case !both && names != "*":
		return errors.New("has no path")
	case both && (glob == "" || strings.ContainsAny(glob, " ?#")):
		return errors.New("has a path that no request has")
	case both && glob[0] != '*' && glob[0] != '/':
		return errors.New("has a path that begins neither with * nor with /")
	}
	return nil
}

// units are what a limit may be per.
var units = []struct {
	name string
	size time.Duration
}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}

// parseLimit reads a number, a slash and a time: 180/m, 5/30s.
func parseLimit(text string) (Limit, error) {
	number, per, _ := strings.Cut(text, "/")
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 {
		return Limit{}, errors.New("is not a rate")
	}
	times := strings.TrimRight(per, "dhms")
	many := 1
	if times != "" {
		if many, err = strconv.Atoi(times); err != nil || many < 1 {
			return Limit{}, errors.New("is not a rate")
		}
	}
	for _, u := range units {
		if per[len(times):] == u.name && many <= int(365*24*time.Hour/u.size) {
			return Limit{N: n, Per: time.Duration(many) * u.size}, nil
		}
	}
	return Limit{}, errors.New("is not a rate")
}

// String is the limit as a profile has it; "" for none.
func (l Limit) String() string {
	if l.N == 0 {
		return ""
	}
	for _, u := range units {
		if l.Per%u.size == 0 {
			many := ""
			if n := int(l.Per / u.size); n != 1 {
				many = strconv.Itoa(n)
			}
			return strconv.Itoa(l.N) + "/" + many + u.name
		}
	}
	return strconv.Itoa(l.N) + "/" + l.Per.String()
}

// PerSecond is the limit as requests a second; 0 for none.
func (l Limit) PerSecond() float64 {
	if l.Per <= 0 {
		return 0
	}
	return float64(l.N) / l.Per.Seconds()
}

// Slowest is the bucket that lets the fewest requests of a kind through, whatever their size; false where there is none. path is
// that of the URL, without the query.
func (r Rate) Slowest(method, path string) (Bucket, bool) {
	var slowest Bucket
	for _, b := range r.Buckets {
		if b.Unit == UnitRequests && b.MinBody == 0 && b.Match.Fits(method, path) &&
			(slowest.Rate.N == 0 || b.Rate.PerSecond() < slowest.Rate.PerSecond()) {
			slowest = b
		}
	}
	return slowest, slowest.Rate.N > 0
}

// SlowestOfAll is the slowest bucket that any request for accounts meets.
func (p *Profile) SlowestOfAll() (Bucket, bool) {
	var slowest Bucket
	for _, method := range methods {
		for _, path := range []string{p.Paths.Users, p.Paths.Users + "/1"} {
			if b, ok := p.Rate.Slowest(method, path); ok && (slowest.Rate.N == 0 || b.Rate.PerSecond() < slowest.Rate.PerSecond()) {
				slowest = b
			}
		}
	}
	return slowest, slowest.Rate.N > 0
}
