package scim

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net/http"
	"time"

	"scimsync/sync/plan"
)

const (
	// maxPage is how many accounts are asked for at a time (RFC 7644 section 3.4.2.4).
	maxPage = 100
	// maxAccounts ends the listing of a target that never ends by itself.
	maxAccounts = 10_000_000
	// freshPage is how long the page that Count read is good for a List.
	freshPage = time.Minute
)

// List calls emit with every account, page by page. Servers lie about paging, so no
// single sign ends it: an empty page does, or a page with nothing new (some answer
// the first page again), or the announced total together with a page smaller than
// another one or with a look behind the end. complete is true only if what came is
// as many different accounts as were announced, and the total never changed.
func (t *Target) List(ctx context.Context, emit func(plan.Found) error) (complete bool, err error) {
	l := listing{target: t, emit: emit, seen: map[uint64]struct{}{}, seed: maphash.MakeSeed(), total: -1}
	for !l.ended {
		p, err := l.next(ctx)
		if err != nil {
			return false, fmt.Errorf("list accounts at %s from %d on: %w", t.name, l.got+1, err)
		}
		if err := l.take(p); err != nil {
			return false, err
		}
	}
	return l.complete(), nil
}

// listing is one List under way.
type listing struct {
	target *Target
	emit   func(plan.Found) error
	seen   map[uint64]struct{} // hashes of ids: eight bytes each; a collision makes the listing incomplete, no more
	seed   maphash.Seed

	pages   int
	got     int // resources received, repeated ones too
	largest int // page
	total   int // as first announced; -1: never
	doubt   bool
	empty   bool // the last page was
	ended   bool
}

func (l *listing) next(ctx context.Context) (*page, error) {
	if l.pages == 0 {
		if p := l.target.takeFirst(); p != nil {
			return p, nil
		}
	}
	return l.target.fetch(ctx, l.got+1)
}

// take emits what is new on a page and decides whether it was the last one.
func (l *listing) take(p *page) error {
	if l.pages++; l.pages == 1 {
		l.total = p.total
	}
	fresh := 0
	for _, raw := range p.resources {
		found, err := l.target.parseUser(raw)
		if err != nil {
			l.doubt = true
			continue
		}
		hash := maphash.String(l.seed, found.ID)
		if _, known := l.seen[hash]; known {
			continue
		}
		l.seen[hash] = struct{}{}
		fresh++
		if err := l.emit(found); err != nil {
			return err
		}
	}
	n := len(p.resources)
	l.empty = n == 0
	// An empty page behind the end may announce nothing.
	if p.total != l.total && (n > 0 || p.total > 0) {
		l.doubt = true
	}
	if fresh > 0 || l.empty {
		l.got += n
	}
	past := p.total >= 0 && l.got >= p.total
	l.ended = l.empty || fresh == 0 || (past && n < l.largest)
	l.largest = max(l.largest, n)
	if len(l.seen) >= maxAccounts {
		l.ended, l.doubt = true, true
	}
	return nil
}

// complete tells whether it is proved that no account was left out.
func (l *listing) complete() bool {
	if l.total < 0 {
		return l.empty && !l.doubt
	}
	return len(l.seen) == l.total && !l.doubt
}

// fetch reads one page. Where the target gives fewer than asked nothing has to be
// learned: the next page starts behind what came.
func (t *Target) fetch(ctx context.Context, from int) (*page, error) {
	for {
		count := t.count()
		a, err := t.read(ctx, call{path: "/Users", query: fmt.Sprintf("startIndex=%d&count=%d", from, count), limit: limitPage})
		var e *Error
		if errors.As(err, &e) && e.Status == http.StatusBadRequest && e.is("tooMany") && count > 1 {
			t.setCount(count / 2)
			continue
		}
		if err != nil {
			return nil, err
		}
		return parsePage(a.body)
	}
}

// Count is the number of accounts, and of requests a complete listing takes. It
// reads the first page, which a List soon after uses; that request is among those
// counted.
func (t *Target) Count(ctx context.Context) (accounts, requests int, err error) {
	before := t.writesSoFar()
	p, err := t.fetch(ctx, 1)
	if err != nil {
		return 0, 0, fmt.Errorf("count accounts at %s: %w", t.name, err)
	}
	accounts = max(p.total, len(p.resources))
	size := max(len(p.resources), 1)
	t.keepFirst(p, before)
	// The look behind the end comes on top where every page is full.
	requests = accounts/size + 1
	return accounts, requests, nil
}

func (t *Target) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pageSize
}

func (t *Target) setCount(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pageSize = min(t.pageSize, n)
}

func (t *Target) writesSoFar() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.writes
}

// keepFirst keeps a first page, unless something was written since it was asked for.
func (t *Target) keepFirst(p *page, before uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.writes == before {
		t.first, t.firstAt = p, t.now()
	}
}

// takeFirst gives the kept first page away, if it is still good.
func (t *Target) takeFirst() *page {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.first
	t.first = nil
	if p == nil || t.now().Sub(t.firstAt) > freshPage {
		return nil
	}
	return p
}

// forgetPage drops the kept first page because something is about to be written.
func (t *Target) forgetPage() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.first = nil
	t.writes++
}
