package apply

import (
	"context"
	"fmt"
	"slices"
	"time"

	"scimsync/sync/plan"
)

// Pace is how fast a target may be called.
type Pace struct {
	Buckets     []Bucket
	Concurrency int // requests under way at a time; at least 1
	// Unsaid is how long a bucket rests when the target was asked too fast and does not
	// say how long; it doubles each time. Default 10 s.
	Unsaid time.Duration
	// PenaltyRestarts tells that a request during a wait lets it begin anew.
	PenaltyRestarts bool
}

// Reading is the phase of requests that only read: they yield to every write, but get
// one request in five while writes wait for the same places.
const Reading = 100

// Request is what the lane has to know of a request. What it says, and where it goes, is
// the target's business.
type Request struct {
	Phase int
	// Account is whom a write is about: of one account, one is under way at a time. "":
	// nobody, or somebody who has no account yet.
	Account string
	// Draws are what it takes from the pace's buckets; a name that is none of them has no
	// limit.
	Draws []plan.Draw
}

// Lane is the one way to a target: every request of every job and command passes it. It
// keeps the pace and the moments before which nothing may be sent, and lets requests of
// an earlier phase go first. A request that waits for a bucket keeps nobody waiting who
// does not need it.
type Lane struct {
	budget *Budget
	most   int // places as configured

	// Of the rest budget.mu is the lock.
	places   int // now: fewer while the target is asked too fast, or is sick
	underWay int
	accounts map[string]bool // with a write under way
	narrowed time.Time       // when places were last taken away
	clean    int             // answers since places were last changed
	failures int             // in a row
	answers  time.Duration   // how long one usually takes
}

// Concurrency is how many requests may be under way at most.
func (l *Lane) Concurrency() int { return l.most }

// Pass is the right to send one request, from Enter to Leave.
type Pass struct {
	Request
	lane   *Lane
	inside bool // part of a request that has its place already
	takes  []taking
	room   [2]taking // for takes

	forward bool // a read that goes before writes

	arrival int
	goes    chan struct{} // closed when it may be sent, or err is set
	err     error
	sent    time.Time // zero: it waits
}

type passKey struct{}

// Within gives a context for what belongs to the request: what enters with it shares its
// place and its phase, and still draws from the buckets.
func (p *Pass) Within(ctx context.Context) context.Context {
	return context.WithValue(ctx, passKey{}, p)
}

// WaitError tells that a request would have to wait longer than a run does.
type WaitError struct {
	Bucket string // "": the whole target
	Until  time.Time
}

func (e *WaitError) Error() string {
	what := "no request"
	if e.Bucket != "" {
		what += " that counts against " + e.Bucket
	}
	return fmt.Sprintf("%s may be sent before %s", what, e.Until.Format(time.RFC3339))
}

// Enter waits for the moment at which a request may be sent. Each Enter that returns no
// error is followed by one Leave, or one Unused. A wait of more than an hour is a *WaitError at once.
func (l *Lane) Enter(ctx context.Context, r Request) (*Pass, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p := &Pass{Request: r, lane: l}
	if outer, ok := ctx.Value(passKey{}).(*Pass); ok && outer.lane == l {
		p.inside, p.Phase, p.Account = true, outer.Phase, ""
	}
	b := l.budget
	b.mu.Lock()
	if b.goesAtOnce(p) {
		b.mu.Unlock()
		return p.entered()
	}
	p.goes = make(chan struct{})
	b.queue(p)
	b.pump()
	b.mu.Unlock()
	select {
	case <-p.goes:
		return p.entered()
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case p.err != nil:
	case !p.sent.IsZero(): // let through at the same moment
		b.unused(p)
	default:
		b.waiting = slices.DeleteFunc(b.waiting, func(w *Pass) bool { return w == p })
	}
	b.pump()
	return nil, ctx.Err()
}

func (p *Pass) entered() (*Pass, error) {
	if p.err != nil {
		return nil, p.err
	}
	return p, nil
}

// Unused gives back what was entered for a request that was not sent; no Leave follows.
func (p *Pass) Unused() {
	b := p.lane.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	b.unused(p)
	b.pump()
}

// Leave ends a request, with what came back about the pace.
func (p *Pass) Leave(heard plan.Heard) {
	b := p.lane.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	b.leave(p, heard)
	b.pump()
}

// cleanToRise is how many answers in a row without a complaint give a place back.
const cleanToRise = 20

// adapt takes half of the places away when the target complains, and gives them back one
// by one. What was under way when that happened says nothing new.
func (l *Lane) adapt(p *Pass, heard plan.Heard, now time.Time) {
	switch {
	case heard.Lost:
		l.clean = 0
	case !heard.TooFast && !heard.Sick:
		took := now.Sub(p.sent)
		if l.answers == 0 {
			l.answers = took
		}
		l.answers += (min(took, 2*l.answers) - l.answers) / 16 // one that takes long is no rule
		if l.clean++; l.clean >= cleanToRise && l.places < l.most {
			l.places, l.clean = l.places+1, 0
		}
	case l.narrowed.IsZero() || p.sent.After(l.narrowed):
		l.places, l.clean, l.narrowed = max(l.places/2, 1), 0, now
	}
}

// Failed counts a request that the target could not serve, and gives how many of
// them came in a row; Worked ends the row.
func (l *Lane) Failed() int {
	l.budget.mu.Lock()
	defer l.budget.mu.Unlock()
	l.failures++
	return l.failures
}

// Worked ends a row of failures.
func (l *Lane) Worked() {
	l.budget.mu.Lock()
	defer l.budget.mu.Unlock()
	l.failures = 0
}
