package sandbox

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// Rate is a limit on requests: a bucket of Burst tokens that fills evenly with
// Events tokens in each Per. The zero value is no limit.
type Rate struct {
	Events int
	Per    time.Duration
	Burst  int // 0 means Events
}

// ParseRate reads "10/m", "5/s", "100/h" or "5/30s", optionally followed by the
// burst, as in "10/m burst 3". An empty text is no limit.
func ParseRate(text string) (Rate, error) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return Rate{}, nil
	}
	bad := fmt.Errorf("rate %q: write it as 10/m, 5/s, 100/h or 5/30s, if needed with a burst as in 10/m burst 3", text)
	count, unit, _ := strings.Cut(words[0], "/")
	per := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[unit]
	if per == 0 {
		per, _ = time.ParseDuration(unit) // 0 if it is none
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 1 || per <= 0 {
		return Rate{}, bad
	}
	r := Rate{Events: n, Per: per}
	if len(words) == 1 {
		return r, nil
	}
	if len(words) != 3 || words[1] != "burst" {
		return Rate{}, bad
	}
	if r.Burst, err = strconv.Atoi(words[2]); err != nil || r.Burst < 1 {
		return Rate{}, bad
	}
	return r, nil
}

func (r Rate) limit() rate.Limit { return rate.Limit(float64(r.Events) / r.Per.Seconds()) }

func (r Rate) burst() int {
	if r.Burst > 0 {
		return r.Burst
	}
	return r.Events
}

// meter counts what came against a rate. Times are of the server's clock.
type meter interface {
	// room says how long to wait until there is room for one more; 0: now.
	room(now time.Time) time.Duration
	take(now time.Time)
	// left says for how many more there is room.
	left(now time.Time) int
}

// bucket is a meter that fills evenly.
type bucket struct{ *rate.Limiter }

func newBucket(r Rate) bucket { return bucket{rate.NewLimiter(r.limit(), r.burst())} }

func (b bucket) room(now time.Time) time.Duration {
	missing := 1 - b.TokensAt(now)
	if missing <= 1e-9 {
		return 0
	}
	return time.Duration(missing / float64(b.Limit()) * float64(time.Second))
}

func (b bucket) take(now time.Time) { b.ReserveN(now, 1) }

func (b bucket) left(now time.Time) int { return max(0, int(b.TokensAt(now))) }

// window is a meter that looks back: never more than so many in any time of
// that length.
type window struct {
	events int
	per    time.Duration
	seen   []time.Time // the last ones, oldest first
}

func (w *window) room(now time.Time) time.Duration {
	w.forget(now)
	if len(w.seen) < w.events {
		return 0
	}
	return w.seen[0].Add(w.per).Sub(now)
}

func (w *window) take(now time.Time) {
	if len(w.seen) >= w.events {
		w.seen = w.seen[1:] // it was let in a moment early
	}
	w.seen = append(w.seen, now)
}

func (w *window) left(now time.Time) int {
	w.forget(now)
	return w.events - len(w.seen)
}

func (w *window) forget(now time.Time) {
	for len(w.seen) > 0 && !now.Before(w.seen[0].Add(w.per)) {
		w.seen = w.seen[1:]
	}
}
