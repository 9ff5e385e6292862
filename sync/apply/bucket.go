package apply

import (
	"math"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"scimsync/sync/ledger"
)

// Bucket is one limit of a target: at most N in any span of Per, and at most Burst of
// them at once after a rest.
type Bucket struct {
	Name  string
	N     int           // 0: no limit
	Per   time.Duration // above zero
	Burst int           // 0: all N
}

// never is when something that only another request's end can bring will come.
var never = time.Unix(1<<40, 0)

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// bucket is a limit at work. It has no clock: the moment comes in as a value, so that
// the future can be tried out on a copy.
type bucket struct {
	Bucket
	smooth    *rate.Limiter // nil: N may go at once
	windows   []*window
	notBefore time.Time
	began     time.Time // when that wait was announced
	underWay  int       // units that are not answered
	last      time.Time // when something was taken
	left      int       // until reset, as the target said at told
	reset     time.Time // zero: it did not say
	told      time.Time

	refused int // how often in a row it was too fast, and no wait was named
	lesson  lesson

	closed int // the last look at the queue in which somebody waited for it
}

func newBucket(b Bucket) *bucket {
	k := &bucket{Bucket: b}
	if b.N <= 0 {
		return k
	}
	k.windows = []*window{{per: b.Per, n: b.N, kind: configured}}
	if b.Burst > 0 && b.Burst < b.N {
		k.smooth = rate.NewLimiter(rate.Limit(float64(b.N)/b.Per.Seconds()), b.Burst)
	}
	return k
}

// next is the earliest moment, from now on, at which cost units may be sent.
func (k *bucket) next(now time.Time, cost int) time.Time {
	now = later(now, k.last)
	k.learn(now)
	at := later(now, k.notBefore)
	if k.smooth != nil {
		if missing := float64(min(cost, k.Burst)) - k.smooth.TokensAt(now); missing > 1e-6 {
			at = later(at, now.Add(time.Duration(missing/float64(k.smooth.Limit())*float64(time.Second))+1))
		}
	}
	for _, w := range k.windows {
		at = later(at, w.next(now, cost))
	}
	if k.reset.After(now) && k.left-k.underWay < cost { // those under way may be counted, or not
		if k.underWay > 0 { // their answers will tell
			return never
		}
		at = later(at, k.reset)
	}
	return at
}

// taking is what a request took from a bucket.
type taking struct {
	from *bucket
	n    int
}

// take books cost units as sent. More than a burst at once is paid for afterwards.
func (k *bucket) take(now time.Time, cost int) taking {
	if k.smooth != nil {
		for n := cost; n > 0; n -= k.Burst {
			k.smooth.ReserveN(now, min(n, k.Burst))
		}
	}
	for _, w := range k.windows {
		w.open += cost
	}
	k.underWay += cost
	k.last = now
	return taking{k, cost}
}

// answered ends what was taken by a request that was sent and is answered now, and says
// how long answers usually take.
func (t taking) answered(sent, now time.Time, usual time.Duration) {
	t.from.underWay -= t.n
	for _, w := range t.from.windows {
		w.open -= t.n
		w.add(sent, now.Add(-max(usual-w.per/patience, 0)), t.n)
	}
}

// unused gives back what was taken for a request that was not sent.
func (t taking) unused() {
	t.from.underWay -= t.n
	for _, w := range t.from.windows {
		w.open -= t.n
	}
}

// toldMost is how many lengths a target may tell of. One that tells of another in every
// answer, what is left of a window perhaps, would have us keep them all.
const toldMost = 8

// window is what the target told of a length; made tells that it told nothing before.
func (k *bucket) window(per time.Duration) (w *window, made bool) {
	oldest, known := -1, 0
	for i, w := range k.windows {
		if w.kind != told {
			continue
		}
		if w.per == per {
			return w, false
		}
		if known++; oldest < 0 {
			oldest = i
		}
	}
	if known >= toldMost {
		k.windows = slices.Delete(k.windows, oldest, oldest+1)
	}
	w = &window{per: per, kind: told, open: k.underWay}
	k.windows = append(k.windows, w)
	return w, true
}

// clone is a copy on which the future can be tried out: what is under way counts as
// answered now.
func (k *bucket) clone(now time.Time) *bucket {
	c := &bucket{Bucket: k.Bucket, notBefore: k.notBefore, left: k.left, reset: k.reset, lesson: k.lesson}
	if k.smooth != nil {
		c.smooth = rate.NewLimiter(k.smooth.Limit(), k.Burst)
		for n := k.Burst - int(math.Floor(k.smooth.TokensAt(now))); n > 0; n -= k.Burst {
			c.smooth.ReserveN(now, min(n, k.Burst))
		}
	}
	for _, w := range k.windows {
		copied := *w
		copied.slots = slices.Clone(w.slots)
		copied.add(now, now, w.open)
		copied.open = 0
		c.windows = append(c.windows, &copied)
	}
	return c
}

// window allows at most so many units in any span of its length, as the target counts
// them. The target sees a request at some moment between its sending and its answer; so
// a unit counts from its sending until a whole length after its answer. That none
// arrives too early follows, wherever the target lets its windows begin, and however
// they slide.
//
//	sent ─────── answered ────────────── + per: free again
//	   └ seen by the target ┘
//
// Where answers usually take longer than per/patience, places would be left unused. What
// is usual beyond that is not waited for: so at least 95 % of what is allowed can always
// be used.
type window struct {
	per   time.Duration
	n     int
	kind  kind
	until time.Time // the end of the belief in what was taught

	slots []ledger.Sent // what is answered and counts, by the moment at which it is free
	used  int           // the sum of slots
	open  int           // what is not answered
	epoch time.Time     // slots end at whole grains from here on, so that they are few
}

// kind is where a window comes from.
type kind uint8

const (
	configured kind = iota
	told            // by the target, in so many words
	taught          // by a refusal
)

const (
	patience = 50
	grains   = 200
)

// next is when cost units fit in. What is larger than the whole window gets it whole.
func (w *window) next(now time.Time, cost int) time.Time {
	w.expire(now)
	over := w.used + w.open + min(cost, w.n) - w.n
	if over <= 0 {
		return now
	}
	for _, s := range w.slots {
		if over -= s.N; over <= 0 {
			return s.Until
		}
	}
	return never
}

// expire forgets what counts no longer.
func (w *window) expire(now time.Time) {
	n := 0
	for n < len(w.slots) && !w.slots[n].Until.After(now) {
		w.used -= w.slots[n].N
		n++
	}
	if n > 0 {
		w.slots = slices.Delete(w.slots, 0, n)
	}
}

// add books cost units that were sent and answered.
func (w *window) add(sent, answered time.Time, cost int) {
	w.count(later(sent, answered).Add(w.per), cost)
}

// count lets n units count until a moment, or the whole grain after it.
func (w *window) count(until time.Time, n int) {
	if n <= 0 {
		return
	}
	if w.epoch.IsZero() {
		w.epoch = until
	}
	grain := max(w.per/grains, 1)
	until = w.epoch.Add((until.Sub(w.epoch) + grain - 1).Truncate(grain))
	w.used += n
	i := len(w.slots)
	for i > 0 && w.slots[i-1].Until.After(until) {
		i--
	}
	if i > 0 && w.slots[i-1].Until.Equal(until) {
		w.slots[i-1].N += n
		return
	}
	w.slots = slices.Insert(w.slots, i, ledger.Sent{Until: until, N: n})
}
