package apply

import (
	"time"

	"scimsync/sync/plan"
)

// longestUnsaid is the longest rest after refusals that do not say how long.
const longestUnsaid = 5 * time.Minute

// hear takes in what came back of a request about the pace. A wait holds for the buckets
// that the request drew from: the target counts others apart. It holds for everything
// when there are none, or when the target is sick.
func (b *Budget) hear(p *Pass, heard plan.Heard, now time.Time) {
	for _, t := range p.takes {
		t.leaves(heard.Quotas, p.sent, now)
	}
	for _, q := range heard.Quotas {
		counted(p.takes, q.Window).limited(q, p.sent, now)
	}
	if !heard.TooFast && !heard.Sick && !heard.Lost {
		for _, t := range p.takes {
			t.from.served(p.sent, now, t.n)
		}
	}
	waits := p.takes
	if heard.Sick {
		waits = []taking{{from: b.whole}}
	}
	changed := false
	for _, t := range waits {
		until, said := b.rest(t.from, p, heard, now)
		if !until.After(t.from.notBefore) {
			continue
		}
		t.from.notBefore, t.from.began, changed = until, now, true
		// With penalties a wait is a punishment, and says nothing of what is allowed.
		if said && heard.TooFast && len(waits) == 1 && !b.pace.PenaltyRestarts {
			t.from.refusedUntil(until)
		}
	}
	if changed {
		b.save(now)
	}
}

// rest is the moment before which nothing may be drawn from a bucket after an answer,
// and whether the target named it. Zero: there is no wait.
func (b *Budget) rest(k *bucket, p *Pass, heard plan.Heard, now time.Time) (until time.Time, said bool) {
	switch {
	case heard.Lost && b.pace.PenaltyRestarts && k.notBefore.After(now):
		return now.Add(k.notBefore.Sub(k.began)), false // it may have let the wait begin anew
	case !heard.NotBefore.IsZero():
		return heard.NotBefore, true
	case !heard.TooFast:
		return time.Time{}, false
	}
	for _, q := range heard.Quotas {
		if q.Left == 0 && q.Reset.After(now) {
			until = later(until, q.Reset)
		} else if q.Left == 0 && q.Window > 0 {
			until = later(until, now.Add(q.Window))
		}
	}
	if !until.IsZero() {
		return until, true
	}
	if k.refused == 0 || p.sent.After(k.began) { // and not on its way when the wait began
		k.refused++
	}
	return now.Add(min(b.pace.Unsaid<<min(k.refused-1, 10), max(longestUnsaid, b.pace.Unsaid))), false
}

// counted is which of the buckets a request drew from is meant by a limit of such a
// length: the one that has it, or the first.
func counted(takes []taking, per time.Duration) taking {
	for _, t := range takes {
		for _, w := range t.from.windows {
			if w.per == per {
				return t
			}
		}
	}
	return takes[0]
}
