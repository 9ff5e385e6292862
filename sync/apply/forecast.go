package apply

import (
	"time"

	"scimsync/sync/plan"
)

// Forecast foretells how long requests take: it sends them through a copy of the lane's
// buckets, in a time of its own. It begins with what the lane knows now.
type Forecast struct {
	whole   *bucket
	buckets map[string]*bucket
	answer  time.Duration // how long one takes
	places  []time.Time   // when each is free again
	next    int           // place

	start, stage, end time.Time
}

// Forecast begins a forecast.
func (l *Lane) Forecast() *Forecast {
	l.budget.mu.Lock()
	defer l.budget.mu.Unlock()
	now := time.Now()
	f := &Forecast{whole: l.budget.whole.clone(now), buckets: map[string]*bucket{}, answer: l.answers,
		places: make([]time.Time, l.places), start: now, stage: now, end: now}
	for name, k := range l.budget.buckets {
		f.buckets[name] = k.clone(now)
	}
	return f
}

// Add foretells n requests of a kind, in the order in which they are added.
func (f *Forecast) Add(draws []plan.Draw, n int) {
	var from []*bucket
	var cost []int
	for _, d := range draws {
		if k := f.buckets[d.Bucket]; k != nil && d.N > 0 {
			from, cost = append(from, k), append(cost, d.N)
		}
	}
	from, cost = append(from, f.whole), append(cost, 1)
	for range n {
		f.add(from, cost)
	}
}

func (f *Forecast) add(from []*bucket, cost []int) {
	at := later(f.stage, f.places[f.next])
	for moved := true; moved; {
		moved = false
		for i, k := range from {
			if next := k.next(at, cost[i]); next.After(at) {
				at, moved = next, true
			}
		}
	}
	answered := at.Add(f.answer)
	for i, k := range from {
		if k != f.whole || len(from) == 1 {
			k.take(at, cost[i]).answered(at, answered, f.answer)
			k.left -= cost[i]
		}
	}
	f.places[f.next] = answered
	f.next = (f.next + 1) % len(f.places)
	f.end = later(f.end, answered)
}

// Then lets what is added from now on wait for the end of what was added before.
func (f *Forecast) Then() { f.stage = f.end }

// Takes is how long everything takes that was added.
func (f *Forecast) Takes() time.Duration { return f.end.Sub(f.start) }
