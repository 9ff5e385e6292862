package apply

import (
	"slices"
	"time"

	"scimsync/sync/ledger"
)

// What is remembered of a budget: announced waits at once, and what was sent of late
// against its windows: of long ones every second, so that it is known also after a process
// was killed; of all at the end of a process, for the next may begin right away.
const (
	longWindow = 2 * time.Second
	keepEvery  = time.Second
)

// keeping is when the budget was last remembered, and when it will be.
type keeping struct {
	last  time.Time
	timer *time.Timer // nil: all of long windows is remembered
	short bool        // something of a short window is not
}

// note sees to it that what was drawn is remembered soon.
func (b *Budget) note(takes []taking, now time.Time) {
	if b.remember == nil || b.keep.timer != nil {
		return
	}
	for _, t := range takes {
		for _, w := range t.from.windows {
			if w.per < longWindow {
				b.keep.short = true
				continue
			}
			if wait := b.keep.last.Add(keepEvery).Sub(now); wait > 0 {
				b.keep.timer = time.AfterFunc(wait, b.Flush)
			} else {
				b.save(now)
			}
			return
		}
	}
}

// Flush has everything remembered that is not yet.
func (b *Budget) Flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.keep.timer != nil || b.keep.short {
		b.save(time.Now())
	}
}

func (b *Budget) save(now time.Time) {
	if b.keep.timer != nil {
		b.keep.timer.Stop()
	}
	b.keep = keeping{last: now}
	if b.remember == nil {
		return
	}
	all := ledger.Pace{}
	keep := func(name string, s ledger.Spent) {
		if !s.NotBefore.IsZero() || len(s.Windows) > 0 {
			all[name] = s
		}
	}
	keep("", b.whole.spent(now))
	for name, k := range b.buckets {
		keep(name, k.spent(now))
	}
	b.remember(all)
}

// spent is what is to be remembered of a bucket. What is under way counts as answered as
// late as it can be.
func (k *bucket) spent(now time.Time) (s ledger.Spent) {
	if k.notBefore.After(now) {
		s.NotBefore = k.notBefore
	}
	for _, w := range k.windows {
		w.expire(now)
		kept := ledger.Window{Per: w.per}
		switch {
		case w.kind == told:
			kept.Told = w.n
		case w.kind == taught && w.until.After(now):
			kept.Told, kept.Until = w.n, w.until
		case w.kind == taught || w.used+w.open == 0:
			continue
		}
		kept.Sent = append(kept.Sent, w.slots...)
		if w.open > 0 {
			kept.Sent = append(kept.Sent, ledger.Sent{Until: now.Add(w.per + w.per/patience), N: w.open})
		}
		s.Windows = append(s.Windows, kept)
	}
	return s
}

// recall takes up what was remembered. Moments beyond what can have been meant, as after
// a change of the clock, are brought in.
func (b *Budget) recall(before ledger.Pace) {
	now := time.Now()
	for name, s := range before {
		k := b.buckets[name]
		if name == "" {
			k = b.whole
		}
		if k == nil { // it is not configured any more
			continue
		}
		if wait := s.NotBefore.Sub(now); wait > 0 {
			k.notBefore, k.began = now.Add(min(wait, longestWait)), now
		}
		for _, kept := range s.Windows {
			k.recall(kept, now)
		}
	}
}

func (k *bucket) recall(kept ledger.Window, now time.Time) {
	var w *window
	switch at := slices.IndexFunc(k.windows, func(w *window) bool { return w.kind == configured && w.per == kept.Per }); {
	case kept.Told > 0 && kept.Until.IsZero():
		w, _ = k.window(kept.Per)
		w.n = kept.Told
	case kept.Told > 0:
		w = &window{per: kept.Per, n: kept.Told, kind: taught, until: kept.Until}
		k.windows = append(k.windows, w)
	case at < 0: // it is not configured any more
		return
	default:
		w = k.windows[at]
	}
	for _, s := range kept.Sent {
		if wait := s.Until.Sub(now); wait > 0 {
			w.count(now.Add(min(wait, 2*w.per)), s.N)
		}
	}
}
