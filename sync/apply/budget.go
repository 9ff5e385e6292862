package apply

import (
	"slices"
	"sync"
	"time"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
)

// Budget is the limits that one or several lanes draw from, and the queue of those who
// wait for them. Several targets share one where a service counts them together.
type Budget struct {
	pace     Pace
	remember func(ledger.Pace)

	mu       sync.Mutex
	whole    *bucket            // what holds for every request
	buckets  map[string]*bucket // by name
	waiting  []*Pass            // by phase, then by arrival
	arrivals int
	looks    int // at the queue
	passed   int // writes let through while a read waited
	timer    *time.Timer
	keep     keeping
}

// longestWait is how long a request waits for its turn at most.
const longestWait = time.Hour

// readsOneIn is how often a read goes first while writes wait: once in so many times.
const readsOneIn = 5

// NewBudget makes a budget of the buckets of a pace. before is what was remembered of it;
// remember is told what to keep beyond the end of the process, a wait at once and the
// rest at most once a second; it may be nil.
func NewBudget(pace Pace, before ledger.Pace, remember func(ledger.Pace)) *Budget {
	if pace.Unsaid <= 0 {
		pace.Unsaid = 10 * time.Second
	}
	b := &Budget{pace: pace, remember: remember, whole: newBucket(Bucket{}), buckets: map[string]*bucket{}}
	for _, each := range pace.Buckets {
		b.buckets[each.Name] = newBucket(each)
	}
	b.recall(before)
	return b
}

// Lane opens a lane that draws from the budget, with so many places of its own.
func (b *Budget) Lane(concurrency int) *Lane {
	most := max(concurrency, 1)
	return &Lane{budget: b, most: most, places: most, accounts: map[string]bool{}}
}

// queue puts a request where its phase and arrival belong.
func (b *Budget) queue(p *Pass) {
	p.arrival = b.arrivals
	b.arrivals++
	at, _ := slices.BinarySearchFunc(b.waiting, p, func(w, p *Pass) int {
		if w.Phase != p.Phase {
			return w.Phase - p.Phase
		}
		return w.arrival - p.arrival
	})
	b.waiting = slices.Insert(b.waiting, at, p)
}

// goesAtOnce lets a request go, or refuses it, if nobody waits before it.
func (b *Budget) goesAtOnce(p *Pass) bool {
	if len(b.waiting) > 0 {
		return false
	}
	now := time.Now()
	b.looks++
	if b.when(p, now).After(now) {
		return p.err != nil
	}
	b.let(p, now)
	return true
}

// pump lets through whoever may go now, and sets the clock for the next.
func (b *Budget) pump() {
	if len(b.waiting) == 0 {
		return
	}
	now := time.Now()
	b.looks++
	next := never
	for i := 0; i < len(b.waiting); {
		p := b.waiting[i]
		at := b.when(p, now)
		if at.After(now) && p.err == nil {
			if at.Before(next) {
				next = at
			}
			i++
			continue
		}
		b.waiting = slices.Delete(b.waiting, i, i+1)
		if p.err == nil && b.let(p, now) {
			i = 0 // a read has come forward
		}
		close(p.goes)
	}
	if next != never {
		b.wake(next.Sub(now))
	}
}

// when is the moment at which a request may go; never: when another one ends. A bucket
// that it waits for is closed to those behind it, whatever they need of it: otherwise
// they would go on taking what it waits for.
func (b *Budget) when(p *Pass, now time.Time) time.Time {
	l := p.lane
	if !p.inside && l.underWay >= l.places || l.accounts[p.Account] {
		return never
	}
	at := b.ready(b.whole, 1, p, now)
	for _, d := range p.Draws {
		if k := b.buckets[d.Bucket]; k != nil {
			at = later(at, b.ready(k, d.N, p, now))
		}
	}
	return at
}

// ready is the moment at which one bucket lets a request go.
func (b *Budget) ready(k *bucket, cost int, p *Pass, now time.Time) time.Time {
	if k.closed == b.looks {
		return never
	}
	at := k.next(now, cost)
	switch {
	case at != never && at.Sub(now) > longestWait:
		p.err = &WaitError{k.Name, at}
	case at.After(now):
		k.closed = b.looks
	}
	return at
}

// let books a request as sent. It tells whether a read has come forward.
func (b *Budget) let(p *Pass, now time.Time) (forward bool) {
	p.sent, p.takes = now, p.room[:0]
	if !p.inside {
		p.lane.underWay++
	}
	if p.Account != "" {
		p.lane.accounts[p.Account] = true
	}
	for _, d := range p.Draws {
		if k := b.buckets[d.Bucket]; k != nil && d.N > 0 {
			p.takes = append(p.takes, k.take(now, d.N))
		}
	}
	if len(p.takes) == 0 {
		p.takes = append(p.takes, b.whole.take(now, 1))
	}
	b.note(p.takes, now)
	return b.yield(p)
}

// yield lets the first read that waits come forward, behind those who leave, once enough
// writes have passed it.
func (b *Budget) yield(p *Pass) bool {
	last := len(b.waiting) - 1
	if last < 0 || b.waiting[last].Phase < Reading {
		b.passed = 0
		return false
	}
	if p.forward || p.Phase >= Reading {
		return false
	}
	if b.passed++; b.passed < readsOneIn-1 {
		return false
	}
	b.passed = 0
	first := slices.IndexFunc(b.waiting, func(w *Pass) bool { return w.Phase >= Reading })
	read := b.waiting[first]
	b.waiting = slices.Delete(b.waiting, first, first+1)
	read.forward, read.Phase = true, plan.Deactivate.Phase()+1
	b.queue(read)
	return true
}

// leave ends a request.
func (b *Budget) leave(p *Pass, heard plan.Heard) {
	now := time.Now()
	b.vacate(p)
	for _, t := range p.takes {
		t.answered(p.sent, now, p.lane.answers)
	}
	p.lane.adapt(p, heard, now)
	b.hear(p, heard, now)
}

// unused ends a request that was not sent.
func (b *Budget) unused(p *Pass) {
	b.vacate(p)
	for _, t := range p.takes {
		t.unused()
	}
}

// vacate gives up the place of a request.
func (b *Budget) vacate(p *Pass) {
	if !p.inside {
		p.lane.underWay--
	}
	if p.Account != "" {
		delete(p.lane.accounts, p.Account)
	}
}

func (b *Budget) wake(after time.Duration) {
	if b.timer != nil {
		b.timer.Stop()
	}
	b.timer = time.AfterFunc(after, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.pump()
	})
}
