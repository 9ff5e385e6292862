package apply

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Pace is how fast a target may be called.
type Pace struct {
	Rate        float64 // requests a second; 0: no limit
	Burst       int     // requests that may be sent at once after a pause; at least 1
	Concurrency int     // requests under way at a time; at least 1
}

// Reading is the phase of requests that only read: they yield to every write.
const Reading = 100

// Lane is the one way to a target: every request of every job and command passes
// it. It keeps the pace and the moment before which nothing may be sent, and lets
// requests of an earlier phase go first.
type Lane struct {
	pace     Pace
	limiter  *rate.Limiter
	remember func(notBefore time.Time)

	mu        sync.Mutex
	underWay  int
	notBefore time.Time
	waiting   waiters
	arrivals  int
	timer     *time.Timer
	failures  int // in a row
}

// NewLane opens a lane. remember is told when the target announces a wait, so that
// it outlives the process; it may be nil.
func NewLane(pace Pace, notBefore time.Time, remember func(time.Time)) *Lane {
	pace.Burst, pace.Concurrency = max(pace.Burst, 1), max(pace.Concurrency, 1)
	limit := rate.Inf
	if pace.Rate > 0 {
		limit = rate.Limit(pace.Rate)
	}
	return &Lane{pace: pace, limiter: rate.NewLimiter(limit, pace.Burst), notBefore: notBefore, remember: remember}
}

// Pace gives what the lane was opened with.
func (l *Lane) Pace() Pace { return l.pace }

// Enter waits for the moment at which a request may be sent. Each Enter that
// returns nil is followed by one Leave.
func (l *Lane) Enter(ctx context.Context, phase int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	w := &waiter{phase: phase, arrival: l.arrivals, goes: make(chan struct{})}
	l.arrivals++
	heap.Push(&l.waiting, w)
	l.pump()
	l.mu.Unlock()
	select {
	case <-w.goes:
		return nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.at < 0 { // let through at the same moment: give the place back
		l.underWay--
		l.pump()
		return ctx.Err()
	}
	heap.Remove(&l.waiting, w.at)
	return ctx.Err()
}

// Leave ends a request. notBefore is the moment before which the target wants no
// other; zero: it said nothing.
func (l *Lane) Leave(notBefore time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.underWay--
	if notBefore.After(l.notBefore) {
		l.notBefore = notBefore
		if l.remember != nil {
			l.remember(notBefore)
		}
	}
	l.pump()
}

// Failed counts a request that the target could not serve, and gives how many of
// them came in a row; Worked ends the row.
func (l *Lane) Failed() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures++
	return l.failures
}

// Worked ends a row of failures.
func (l *Lane) Worked() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures = 0
}

// pump lets through whoever may go now, and sets the clock for the next.
func (l *Lane) pump() {
	for len(l.waiting) > 0 && l.underWay < l.pace.Concurrency {
		now := time.Now()
		if wait := l.notBefore.Sub(now); wait > 0 {
			l.wake(wait)
			return
		}
		r := l.limiter.ReserveN(now, 1)
		if wait := r.DelayFrom(now); wait > 0 {
			r.CancelAt(now)
			l.wake(wait)
			return
		}
		w := heap.Pop(&l.waiting).(*waiter)
		l.underWay++
		close(w.goes)
	}
}

func (l *Lane) wake(after time.Duration) {
	if l.timer != nil {
		l.timer.Stop()
	}
	l.timer = time.AfterFunc(after, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.pump()
	})
}

type waiter struct {
	phase, arrival int
	at             int // place in the heap; -1: let through
	goes           chan struct{}
}

type waiters []*waiter

func (w waiters) Len() int { return len(w) }
func (w waiters) Less(i, j int) bool {
	if w[i].phase != w[j].phase {
		return w[i].phase < w[j].phase
	}
	return w[i].arrival < w[j].arrival
}
func (w waiters) Swap(i, j int) { w[i], w[j] = w[j], w[i]; w[i].at, w[j].at = i, j }
func (w *waiters) Push(x any)   { x.(*waiter).at = len(*w); *w = append(*w, x.(*waiter)) }
func (w *waiters) Pop() any {
	old := *w
	last := old[len(old)-1]
	last.at = -1
	*w = old[:len(old)-1]
	return last
}
