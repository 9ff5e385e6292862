package scim

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"net/http"
	"time"

	"scimsync/sync/plan"
	"scimsync/targets/scim/profile"
)

const (
	// maxPage is how many accounts are asked for at a time (RFC 7644 section 3.4.2.4).
	maxPage = 100
	// maxAccounts ends the listing of a target that never ends by itself.
	maxAccounts = 10_000_000
	// maxEmpty is how many pages in a row may hold nobody new before the last one.
	maxEmpty = 10
	// maxRestarts is how often a listing begins anew because its cursor became stale.
	maxRestarts = 3
	// freshPage is how long the page that Count read is good for a List.
	freshPage = time.Minute
)

// List calls emit with every account, page by page. Servers lie about paging, so no
// single sign ends it. By index (RFC 7644 section 3.4.2.4) an empty page does, or a page
// with nothing new (some answer the first page again), or the announced total together
// with a page smaller than another one or with a look behind the end; by cursor (RFC
// 9865) the page without a next one. complete is true only if what came is as many
// different accounts as were announced, and the total never changed.
func (t *Target) List(ctx context.Context, emit func(plan.Found) error) (complete bool, err error) {
	if !t.lists() {
		return false, nil
	}
	if err := t.discover(ctx); err != nil {
		return false, err
	}
	l := listing{target: t, emit: emit, seen: map[uint64]uint8{}, seed: maphash.MakeSeed(), pager: t.pager(), total: -1}
	for !l.ended {
		p, err := l.next(ctx)
		if err != nil {
			return false, fmt.Errorf("list %ss at %s from %d on: %w", t.kind.noun, t.name, l.got+1, err)
		}
		if p == nil {
			continue
		}
		if err := l.take(p); err != nil {
			return false, err
		}
	}
	complete = l.complete()
	t.mu.Lock()
	t.proved = t.proved || complete
	t.mu.Unlock()
	return complete, nil
}

// lists tells whether a listing can be complete.
func (t *Target) lists() bool { return t.profile.List.Supported && !t.knows(listingShort) }

// pager is where a listing has come to.
type pager struct {
	mode   profile.ListMode
	count  int    // by cursor it stays the same through the listing
	cursor string // of the next page; empty: the first
	start  int    // startIndex of the next page
}

func (t *Target) pager() pager {
	return pager{mode: t.listMode(), count: t.count(), start: 1}
}

// query asks for the next page.
func (p *pager) query() query {
	switch p.mode {
	case profile.ListSingle:
		return query{}
	case profile.ListCursor:
		return query{cursor: &p.cursor, count: p.count}
	}
	return query{start: p.start, count: p.count}
}

// listing is one List under way.
type listing struct {
	target *Target
	emit   func(plan.Found) error
	// seen holds hashes of ids, and the pass in which they came last; a collision makes
	// the listing incomplete, no more.
	seen map[uint64]uint8
	seed maphash.Seed
	pager

	pass     uint8 // how often the listing has begun anew
	pages    int
	got      int // resources received in this pass, repeated ones too
	distinct int // accounts in this pass
	largest  int // page
	idle     int // pages in a row with nobody new
	total    int // as first announced; -1: never
	doubt    bool
	empty    bool // the last page was
	ended    bool
}

// next gives the next page; nil: the listing begins anew.
func (l *listing) next(ctx context.Context) (*page, error) {
	if l.pages == 0 {
		if p := l.target.takeFirst(); p != nil {
			return p, nil
		}
	}
	p, err := l.target.fetch(ctx, &l.pager)
	var e *Error
	if errors.As(err, &e) && e.aboutCursors() && l.mode == profile.ListCursor && l.pages > 0 {
		if e.is("invalidCount") {
			l.target.setCount(max(l.count/2, 1))
		}
		l.restart()
		return nil, nil
	}
	return p, err
}

// restart begins anew after a cursor became stale (RFC 9865 section 2.2).
func (l *listing) restart() {
	if l.pass == maxRestarts {
		l.ended, l.doubt = true, true
		return
	}
	l.pass++
	l.pages, l.got, l.distinct, l.largest, l.idle, l.total = 0, 0, 0, 0, 0, -1
	l.cursor, l.doubt, l.count = "", false, l.target.count()
}

// take emits what is new on a page and decides whether it was the last one.
func (l *listing) take(p *page) error {
	if l.pages++; l.pages == 1 {
		l.total = p.total
	}
	fresh, err := l.read(p)
	if err != nil {
		return err
	}
	n := len(p.resources)
	l.empty = n == 0
	// An empty page behind the end may announce nothing.
	if p.odd || p.total != l.total && (n > 0 || p.total > 0) {
		l.doubt = true
	}
	if p.next != "" && l.mode == profile.ListIndex { // RFC 9865 section 2.3: then so
		l.mode = profile.ListCursor
	}
	switch l.mode {
	case profile.ListSingle:
		l.ended = true
	case profile.ListCursor:
		l.turn(p, fresh)
	default:
		l.step(p, fresh)
	}
	if len(l.seen) >= maxAccounts {
		l.ended, l.doubt = true, true
	}
	return nil
}

// read emits the accounts of a page that did not come before, and counts those that
// did not come in this pass.
func (l *listing) read(p *page) (fresh int, err error) {
	for _, raw := range p.resources {
		found, err := l.target.parse(raw)
		if err != nil {
			l.doubt = true
			continue
		}
		hash := maphash.String(l.seed, found.ID)
		pass, known := l.seen[hash]
		if known && pass == l.pass {
			continue
		}
		l.seen[hash] = l.pass
		fresh++
		if known {
			continue
		}
		if err := l.emit(found); err != nil {
			return fresh, err
		}
	}
	l.distinct += fresh
	return fresh, nil
}

// step goes on by index.
func (l *listing) step(p *page, fresh int) {
	n := len(p.resources)
	if fresh > 0 || l.empty {
		l.got += n
	}
	past := p.total >= 0 && l.got >= p.total
	l.ended = l.empty || fresh == 0 || (past && (n < l.largest || l.target.profile.List.TrustTotal))
	l.largest = max(l.largest, n)
	l.start = l.got + 1
	if !l.ended && p.total >= 0 && l.pages > p.total+maxEmpty {
		l.ended, l.doubt = true, true
	}
}

// turn goes on by cursor. A cursor that comes twice leads in a circle.
func (l *listing) turn(p *page, fresh int) {
	l.got += len(p.resources)
	if l.idle++; fresh > 0 {
		l.idle = 0
	}
	circle := p.next == l.cursor || l.idle > maxEmpty
	if p.next != "" && circle {
		l.doubt = true
	}
	l.ended = p.next == "" || circle
	l.cursor = p.next
}

// complete tells whether it is proved that no account was left out.
func (l *listing) complete() bool {
	switch {
	case l.doubt:
		return false
	case l.total >= 0:
		return l.distinct == l.total
	}
	return l.mode != profile.ListIndex || l.empty
}

// fetch reads one page. Where the target gives fewer than asked nothing has to be
// learned: the next page starts behind what came.
func (t *Target) fetch(ctx context.Context, at *pager) (*page, error) {
	for {
		q := at.query()
		q.excluded = t.leftOut()
		p, err := t.ask(ctx, q)
		var e *Error
		if !errors.As(err, &e) || e.Status != http.StatusBadRequest || at.count <= 1 || !(e.is("tooMany") || e.is("invalidCount") && at.cursor == "") {
			return p, err
		}
		at.count /= 2
		t.setCount(at.count)
	}
}

// aboutCursors tells an error that a new listing mends (RFC 9865 section 2.2).
func (e *Error) aboutCursors() bool {
	return e.is("invalidCursor") || e.is("expiredCursor") || e.is("invalidCount")
}

// Count is the number of accounts, and of requests a complete listing takes. It
// reads the first page, which a List soon after uses; that request is among those
// counted. Where a listing cannot be complete, or nobody can tell how long it takes,
// that is math.MaxInt.
func (t *Target) Count(ctx context.Context) (accounts, requests int, err error) {
	if !t.lists() {
		return 0, math.MaxInt, nil
	}
	if err := t.discover(ctx); err != nil {
		return 0, 0, err
	}
	before := t.writesSoFar()
	at := t.pager()
	p, err := t.fetch(ctx, &at)
	if err != nil {
		return 0, 0, fmt.Errorf("count %ss at %s: %w", t.kind.noun, t.name, err)
	}
	accounts = max(p.total, len(p.resources))
	size := max(len(p.resources), 1)
	t.keepFirst(p, before)
	switch {
	case at.mode == profile.ListSingle:
		return accounts, 1, nil
	case p.next != "" && p.total < 0:
		return accounts, math.MaxInt, nil
	case at.mode == profile.ListCursor:
		return accounts, max(accounts-1, 0)/size + 1, nil
	}
	// The look behind the end comes on top where every page is full.
	return accounts, accounts/size + 1, nil
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
