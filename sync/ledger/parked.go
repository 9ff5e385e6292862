package ledger

import (
	"time"

	"scimsync/sync/record"
)

// Look marks a key to be looked at again although its row did not change.
type Look struct {
	Key     record.Key
	NextRun bool      // in the next run, whatever happens
	Due     time.Time // time alone will change the result then; zero: never
	Parked  *Parked   // why the last try failed
}

// Empty tells that nothing asks for the key any more.
func (l *Look) Empty() bool { return !l.NextRun && l.Due.IsZero() && l.Parked == nil }

// Wants tells whether the key is to be looked at in a run at that time.
func (l *Look) Wants(at time.Time) bool {
	return l.NextRun || (!l.Due.IsZero() && !l.Due.After(at)) || (l.Parked != nil && !l.Parked.At.After(at))
}

// Why a change is parked, and when it is tried again.
const (
	ParkedMapping  = "mapping"  // the person cannot be mapped: in the next run
	ParkedLogin    = "login"    // an account of ours keeps the login: in the next run, for that takes no request
	ParkedConflict = "conflict" // another account stands in the way: after an hour, doubling up to a day
	ParkedRefused  = "refused"  // the target refused the change: after 15 minutes, doubling up to a day
	ParkedFailed   = "failed"   // the target could not be reached or was sick: see Parked.wait
	ParkedNoRoom   = "no room"  // the target has no room for one more account: in the next run
	ParkedForGood  = "for good" // the target will never take it: not again, unless it is asked for
)

// Never is when something is tried that is not tried again by itself.
var Never = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// Parked is a change that waits for its next try.
type Parked struct {
	Kind   string
	Error  string
	Digest string    // of the change that failed; another change is tried at once
	Tries  int       // that failed for this kind of reason, this one included
	At     time.Time // the next try
	Since  time.Time // when the first of them failed
}

// Conflicts tells that another account stands in the way.
func (p *Parked) Conflicts() bool { return p.Kind == ParkedConflict || p.Kind == ParkedLogin }

// After gives p with the moment of its next try, as what failed now after an earlier
// failure of the same person; nil: there was none.
func (p Parked) After(earlier *Parked, now time.Time) *Parked {
	p.Tries, p.Since = 1, now
	if p.Kind == ParkedForGood {
		p.At = Never
		return &p
	}
	if earlier == nil || earlier.Kind != p.Kind {
		p.At = now.Add(p.wait(now))
		return &p
	}
	p.Tries, p.Since = earlier.Tries+1, earlier.Since
	p.At = now.Add(p.wait(now))
	if p.Kind == ParkedConflict && earlier.At.After(now) {
		// Looked at ahead of its time, because the person changed: that is no further try.
		p.Tries, p.At = earlier.Tries, earlier.At
	}
	return &p
}

// Retry is when it is tried again, in the form of RFC 3339; empty: by the next run, or never
// by itself.
func (p *Parked) Retry(now time.Time) string {
	if p.Kind == ParkedForGood || !p.At.After(now) {
		return ""
	}
	return p.At.UTC().Format(time.RFC3339)
}

// wait is how long it takes until the next try. Who waits for a sick target comes with
// the next run at first, and then after half the time that it has been failing, up to an
// hour: soon after an outage, without anybody's help, while somebody whose change makes
// the target fail each time is tried less and less.
func (p *Parked) wait(now time.Time) time.Duration {
	doubling := func(first time.Duration) time.Duration { return min(first<<min(p.Tries-1, 10), 24*time.Hour) }
	switch p.Kind {
	case ParkedConflict:
		return doubling(time.Hour)
	case ParkedRefused:
		return doubling(15 * time.Minute)
	case ParkedFailed:
		return min(now.Sub(p.Since)/2, time.Hour)
	}
	return 0
}
