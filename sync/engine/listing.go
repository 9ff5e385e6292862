package engine

import (
	"context"
	"fmt"

	"scimsync/sync/plan"
)

// listing finds accounts in one complete listing of the target. Only the accounts
// that fit somebody are kept.
type listing struct {
	*matching
	complete bool
	index    map[uint64]int32 // hash of match attribute and value -> first link; made for the first account
	links    []link
	hits     map[int][]hit // by person
	accounts *spool[plan.Found, *plan.Found]
	total    int
	owned    int
}

// link chains the people who have one value of one match attribute.
type link struct {
	person int32
	next   int32 // -1: the last
}

// hit is an account that fits a person by the match attribute of that rank.
type hit struct{ account, rank int }

// list makes a listing for the people to be found.
func (m *matching) list(ctx context.Context) (*listing, error) {
	l := &listing{matching: m, hits: map[int][]hit{}, accounts: &spool[plan.Found, *plan.Found]{dir: m.engine.Dir}}
	complete, err := m.client.List(ctx, l.take)
	if err != nil {
		return nil, fmt.Errorf("list the accounts at %s: %w", m.flow.Target, err)
	}
	l.complete = complete
	return l, nil
}

// learn takes note of everybody's match values.
func (l *listing) learn() error {
	l.index = map[uint64]int32{}
	for first, people := range map[int]*changes{0: l.find, l.find.len(): l.findLeft} {
		if err := people.each(func(i int, c *plan.Change) error { l.learnOne(first+i, c); return nil }); err != nil {
			return err
		}
	}
	return nil
}

func (l *listing) learnOne(person int, c *plan.Change) {
	for _, attr := range l.by {
		value := plan.MatchValue(attr, c.Want.Resource)
		if value == "" {
			continue
		}
		key := hashText(attr + "\x00" + value)
		first, known := l.index[key]
		if !known {
			first = -1
		}
		l.links = append(l.links, link{int32(person), first})
		l.index[key] = int32(len(l.links) - 1)
	}
}

// take keeps an account if it fits somebody.
func (l *listing) take(f plan.Found) error {
	if l.total++; l.index == nil {
		if err := l.learn(); err != nil {
			return err
		}
	}
	_, owned, err := l.owner(l.flow.Target, f.ID)
	if err != nil {
		return err
	}
	account := -1
	for rank, attr := range l.by {
		for _, value := range f.MatchValues(attr) {
			at, known := l.index[hashText(attr+"\x00"+value)]
			for ; known && at >= 0; at = l.links[at].next {
				if account < 0 {
					if err := l.accounts.add(&f); err != nil {
						return err
					}
					account = l.accounts.len() - 1
				}
				person := int(l.links[at].person)
				l.hits[person] = append(l.hits[person], hit{account, rank})
			}
		}
	}
	if owned || account >= 0 {
		l.owned++
	}
	return nil
}

func (l *listing) unclaimed() int { return l.total - l.owned }
func (l *listing) close()         { l.accounts.close() }

// each gives each person the accounts that fit by the first match attribute that any
// account fits by, as a lookup would.
func (l *listing) each(_ context.Context, people *changes, fn func(*plan.Change, []plan.Found) error) error {
	return people.each(func(i int, c *plan.Change) error {
		found, err := l.of(people, i)
		if err != nil {
			return err
		}
		return fn(c, found)
	})
}

// of gives the accounts that fit the i-th of people.
func (l *listing) of(people *changes, i int) (found []plan.Found, err error) {
	if people == l.findLeft {
		i += l.find.len()
	}
	best := len(l.by)
	for _, h := range l.hits[i] {
		best = min(best, h.rank)
	}
	for _, h := range l.hits[i] {
		if h.rank != best {
			continue
		}
		f, err := l.accounts.at(h.account)
		if err != nil {
			return nil, err
		}
		copied := *f
		copied.By = l.by[best]
		if !same(found, copied.ID) {
			found = append(found, copied)
		}
	}
	return found, nil
}

func same(found []plan.Found, id string) bool {
	for i := range found {
		if found[i].ID == id {
			return true
		}
	}
	return false
}
