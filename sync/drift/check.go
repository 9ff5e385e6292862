package drift

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"time"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
)

const (
	// pageSize is how many accounts are read by their ids before it is stored how far the
	// comparison has come.
	pageSize = 100
	// readsFailing is how many reads in a row must fail for it not to be the accounts'.
	readsFailing = 3
	// goesOn is how long an interrupted comparison may rest before it is begun anew.
	goesOn = 24 * time.Hour
	// mostAgain is how many accounts that were not right a comparison remembers. Behind
	// more of them it does not go on, but compares again.
	mostAgain = 1000
)

// Run compares, and tells Found what is not right. All accounts are listed first where that
// takes fewer requests than to read each by its id: who is listed as they should be is
// done. Everybody else is read by id, so that nothing is said that a listing alone tells.
//
// After an error, and when ctx ends, the next Run goes on.
func (c *Check) Run(ctx context.Context) (Summary, error) {
	r := &run{Check: c, seen: map[uint64]bool{}, tidy: map[int][]*ledger.Entry{}, seed: maphash.MakeSeed(), doubted: map[record.Key]bool{}, shown: map[string]bool{},
		again: map[record.Key]bool{}, summary: Summary{Found: map[Kind]int{}, NotShown: map[string]int{}}}
	if err := r.begin(); err != nil {
		return r.summary, err
	}
	err := r.list(ctx)
	for _, flow := range c.Flows {
		if err == nil {
			err = r.flow(ctx, flow)
		}
	}
	if err == nil {
		err = r.rest()
	}
	return r.summary, errors.Join(err, r.end(err))
}

// run is a comparison under way.
type run struct {
	*Check
	came    *ledger.Comparison  // how far it has come
	again   map[record.Key]bool // came.Again
	left    int                 // accounts that are to be looked at, in the whole comparison
	looked  int
	doubted map[record.Key]bool // people with a request in doubt

	seen     map[uint64]bool // by hash of the id: accounts that were listed, and whether they are right
	seed     maphash.Seed
	complete bool                    // nobody else is there, provably
	tidy     map[int][]*ledger.Entry // by flow: what is to change in the entries of such accounts

	shown   map[string]bool // attributes of which a value was seen
	waiting []*reading      // accounts that are not right only if the target shows such attributes
	failed  int             // reads in a row
	summary Summary
}

// reading is an account that was read for an entry.
type reading struct {
	flow  Flow
	entry *ledger.Entry
	found *plan.Found // nil: it is not there
	err   error
}

// begin finds out where to start.
func (r *run) begin() error {
	now := r.Now()
	r.came = &ledger.Comparison{Began: now, At: now}
	if r.Only == nil {
		earlier, err := r.Store.Comparison(r.Name)
		if err != nil {
			return err
		}
		if earlier != nil && now.Sub(earlier.At) < goesOn {
			r.came, r.summary.Since, r.summary.Earlier = earlier, earlier.Began, earlier.N
		}
	}
	for _, key := range r.came.Again {
		r.again[key] = true
	}
	for _, flow := range r.Flows {
		if err := r.Store.EachIntent(flow.Flow, func(i *ledger.Intent) error {
			r.doubted[i.Key] = true
			return nil
		}); err != nil {
			return err
		}
		standings, err := r.Store.Standings(flow.Flow)
		if err != nil {
			return err
		}
		for standing, n := range standings {
			if standing != ledger.Gone {
				r.left += n
			}
		}
	}
	if r.Only != nil {
		r.left = len(r.Only)
	}
	r.looked = r.came.N - len(r.again)
	return nil
}

// end stores how far an interrupted comparison has come, and that any other has ended.
func (r *run) end(err error) error {
	switch {
	case r.Only != nil:
		return nil
	case err == nil:
		return r.Store.PutComparison(r.Name, nil)
	}
	return r.save()
}

func (r *run) save() error {
	if r.Only != nil || r.came.Job == "" {
		return nil
	}
	r.came.At, r.came.Again = r.Now(), slices.SortedFunc(maps.Keys(r.again), func(a, b record.Key) int { return strings.Compare(a.String(), b.String()) })
	return r.Store.PutComparison(r.Name, r.came)
}

// list reads all accounts at once, if that is cheaper.
func (r *run) list(ctx context.Context) error {
	people := r.left - r.came.N
	if people < 3 {
		return nil
	}
	_, requests, err := r.Target.Count(ctx)
	if err != nil || requests >= people {
		return err
	}
	r.complete, err = r.Target.List(ctx, r.listed)
	if err != nil {
		return fmt.Errorf("list the accounts at %s: %w", r.Name, err)
	}
	return r.tidyUp()
}

// listed notes an account that is as it should be.
func (r *run) listed(found plan.Found) error {
	key, known, err := r.Store.ByRemote(r.Name, found.ID)
	if err != nil || !known || r.doubted[key] {
		return err
	}
	entries, err := r.Store.Entries(r.Name, []record.Key{key})
	if err != nil {
		return err
	}
	entry := entries[0]
	i := slices.IndexFunc(r.Flows, func(f Flow) bool { return entry != nil && f.Job == entry.Job })
	if i < 0 {
		return nil
	}
	j, err := r.judge(&reading{flow: r.Flows[i], entry: entry, found: &found})
	if err != nil {
		return err
	}
	r.shows(j)
	r.seen[maphash.String(r.seed, found.ID)] = j.right()
	if j.right() {
		r.tidy[i] = append(r.tidy[i], j.settled())
	}
	if len(r.tidy[i]) < pageSize {
		return nil
	}
	return r.tidyUp()
}

// tidyUp stores what is to change in the entries of accounts that are right.
func (r *run) tidyUp() error {
	for i, entries := range r.tidy {
		if err := r.settle(r.Flows[i], entries); err != nil {
			return err
		}
		delete(r.tidy, i)
	}
	return nil
}
