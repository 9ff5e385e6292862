package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
)

// lookup finds accounts by a few requests for each person.
type lookup struct {
	*matching
	failed int // people in a row who could not be looked up
	worked bool
	none   error // why nobody could be; nil: somebody was, or nobody was tried

	blind   bool     // the target cannot be asked for one person
	listing *listing // of those who cannot be looked up; nil: not needed so far
	halted  int      // people for whom nothing is created, because nothing shows that they have no account
}

// lookupsFailing is how many people in a row must fail for it not to be theirs.
const lookupsFailing = 3

// findable tells whether there is anything to find a person by.
func (m *matching) findable(c *plan.Change) bool {
	for _, by := range m.by {
		if plan.MatchValue(by, c.Want.Resource) != "" {
			return true
		}
	}
	return false
}

func (l *lookup) unclaimed() int { return -1 }

func (l *lookup) close() {
	if l.listing != nil {
		l.listing.close()
	}
}

// searched is somebody to be looked up, and what came of it.
type searched struct {
	at     int // among the people of each
	change *plan.Change
	found  []plan.Found
	err    error
}

// each looks up a page of people side by side, and decides in their order.
func (l *lookup) each(ctx context.Context, people *changes, fn func(*plan.Change, []plan.Found) error) error {
	var page []searched
	err := people.each(func(i int, c *plan.Change) error {
		page = append(page, searched{at: i, change: c})
		if len(page) < 100 {
			return nil
		}
		err := l.page(ctx, people, page, fn)
		page = page[:0]
		return err
	})
	if err != nil {
		return err
	}
	if err := l.page(ctx, people, page, fn); err != nil {
		return err
	}
	if l.halted > 0 {
		l.notes = append(l.notes, fmt.Sprintf("no account is created at %s for %d people: it can neither be asked for one account "+
			"nor shows all of them for certain, so whether they have one is not known", l.flow.Target, l.halted))
		l.halted = 0
	}
	return l.none
}

func (l *lookup) page(ctx context.Context, people *changes, page []searched, fn func(*plan.Change, []plan.Found) error) error {
	var wait sync.WaitGroup
	places := make(chan struct{}, l.flow.Lane.Concurrency())
	for i := range page {
		p := &page[i]
		if !l.findable(p.change) {
			continue
		}
		if l.blind {
			p.err = plan.ErrNoLookup
			continue
		}
		places <- struct{}{}
		wait.Go(func() {
			defer func() { <-places }()
			p.found, p.err = l.client.Find(ctx, p.change.Want.Resource)
		})
	}
	wait.Wait()
	for i := range page {
		p := &page[i]
		if errors.Is(p.err, plan.ErrNoLookup) {
			if err := l.inListing(ctx, people, p); err != nil {
				return err
			}
		}
		if err := l.one(ctx, p, fn); err != nil {
			return err
		}
	}
	return nil
}

// inListing looks for somebody in the listing of all accounts, for the service has no
// better way. It proves that they have none only if it is complete.
func (l *lookup) inListing(ctx context.Context, people *changes, p *searched) error {
	if l.listing == nil && !l.unlisted {
		all, err := l.list(ctx)
		if err != nil {
			return err
		}
		l.listing, l.unlisted = all, !all.complete
	}
	if l.unlisted {
		return nil
	}
	var err error
	p.found, err = l.listing.of(people, p.at)
	p.err = nil
	return err
}

// one decides for a person who was looked up. One who could not be looked up waits;
// several in a row mean that nobody can be.
func (l *lookup) one(ctx context.Context, p *searched, fn func(*plan.Change, []plan.Found) error) error {
	if p.err == nil {
		l.failed, l.none, l.worked = 0, nil, true
		return fn(p.change, p.found)
	}
	failure := fmt.Errorf("look for the account of %s at %s: %w", p.change.Key, l.flow.Target, p.err)
	if errors.Is(p.err, plan.ErrNoLookup) { // the others are not concerned: nothing is wrong with the service
		l.halted++
		l.park(p.change.Key, p.change.Name, ledger.Parked{Kind: ledger.ParkedFailed, Digest: p.change.Digest(), Error: failure.Error() + "; and its listing cannot be proved complete"})
		return nil
	}
	if !l.worked {
		l.none = failure
	}
	if l.failed++; l.failed >= lookupsFailing || ctx.Err() != nil {
		return failure
	}
	l.park(p.change.Key, p.change.Name, ledger.Parked{Kind: ledger.ParkedFailed, Digest: p.change.Digest(), Error: failure.Error()})
	return nil
}
