package apply

import (
	"slices"
	"time"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
)

// What a target says, and what its refusals show, may slow a bucket down. It never makes
// it faster than configured.

// limited books what the answer to a request says of a window. What the target counts
// beyond what we know of was sent by somebody else, nobody knows when.
func (t taking) limited(q plan.Quota, sent, now time.Time) {
	if q.Limit <= 0 || q.Window <= 0 {
		return
	}
	w, made := t.from.window(q.Window)
	if made {
		w.add(sent, now, t.n)
	}
	w.n = q.Limit
	w.expire(now)
	if q.Left >= 0 {
		w.count(now.Add(w.per), q.Limit-q.Left-w.used-w.open)
	}
}

// leaves books what the answer to a request says is left until a moment. Answers do not
// come in the order in which the target counted: of those that were under way together,
// the one with the least is the last.
func (t taking) leaves(quotas []plan.Quota, sent, now time.Time) {
	k, least := t.from, -1
	for i, q := range quotas {
		if q.Left >= 0 && q.Reset.After(now) && (least < 0 || q.Left < quotas[least].Left ||
			q.Left == quotas[least].Left && q.Reset.After(quotas[least].Reset)) {
			least = i
		}
	}
	switch {
	case least < 0:
		k.left -= t.n
		return
	case !k.reset.After(now) || sent.After(k.told):
		k.left, k.reset = quotas[least].Left, quotas[least].Reset
	default:
		k.left, k.reset = min(k.left, quotas[least].Left), later(k.reset, quotas[least].Reset)
	}
	k.told = now
}

// lesson is what a bucket learns from being refused. At the end of a wait that a target
// names it just takes requests again. What it took from one such moment to the next,
// or from the first request on, is what it takes in a time of that length: a limit
// that nobody told us becomes known by one refusal.
type lesson struct {
	first   time.Time     // when the first of them was sent
	served  []ledger.Sent // and when they were answered, in few steps
	refused bool
	until   time.Time // the end of the wait
	since   time.Time // the end of the wait before; what was sent earlier does not count
}

const (
	lessonSteps = 64
	lessonsMost = 3
	// A lesson is believed for ten times its length, and at least for an hour: somebody
	// else may have been the cause.
	beliefTimes = 10
	beliefLeast = time.Hour
)

// served notes units that the target took.
func (k *bucket) served(sent, now time.Time, n int) {
	k.refused = 0
	l := &k.lesson
	if sent.Before(l.since) {
		return
	}
	if len(l.served) == 0 || sent.Before(l.first) {
		l.first = sent
	}
	l.served = append(l.served, ledger.Sent{Until: now, N: n})
	if len(l.served) > lessonSteps {
		for i := range lessonSteps / 2 { // the later moment of two stands for both
			l.served[i] = ledger.Sent{Until: l.served[2*i+1].Until, N: l.served[2*i].N + l.served[2*i+1].N}
		}
		l.served = append(l.served[:lessonSteps/2], l.served[lessonSteps])
	}
}

// refusedUntil notes a refusal that named the end of its wait.
func (k *bucket) refusedUntil(until time.Time) {
	k.lesson.refused, k.lesson.until = true, later(k.lesson.until, until)
}

// learn draws the lesson of a refusal once its wait is over, and forgets it in the end.
func (k *bucket) learn(now time.Time) {
	for i, w := range k.windows {
		if w.kind == taught && !w.until.After(now) {
			k.windows, k.lesson = slices.Delete(k.windows, i, i+1), lesson{since: now}
			break
		}
	}
	l := k.lesson
	if !l.refused || now.Before(k.notBefore) {
		return
	}
	k.lesson = lesson{since: now}
	w := &window{per: l.until.Sub(l.first), kind: taught, open: k.underWay}
	for _, s := range l.served {
		w.n += s.N
	}
	if w.n == 0 || w.per <= 0 {
		return
	}
	for _, s := range l.served {
		w.count(s.Until.Add(w.per), s.N)
	}
	var before []*window // lessons of about that length: this one takes their place
	k.windows = slices.DeleteFunc(k.windows, func(b *window) bool {
		gone := b.kind == taught && b.per/2 <= w.per && w.per/2 <= b.per
		if gone {
			before = append(before, b)
		}
		return gone
	})
	for _, b := range before {
		if b.n*int(w.per/time.Millisecond) <= w.n*int(b.per/time.Millisecond) { // it was kept, and was still too fast
			w = b
			w.n = max(w.n*9/10, 1)
		}
	}
	w.until = now.Add(max(beliefTimes*w.per, beliefLeast))
	k.windows = append(k.windows, w)
	if lessons := slices.IndexFunc(k.windows, func(w *window) bool { return w.kind == taught }); len(k.windows)-lessons > lessonsMost {
		k.windows = slices.Delete(k.windows, lessons, lessons+1)
	}
}
