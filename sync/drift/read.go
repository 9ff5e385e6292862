package drift

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
)

// flow compares the accounts of one job.
func (r *run) flow(ctx context.Context, flow Flow) error {
	var page []*reading
	err := r.Store.EachEntry(flow.Flow, func(e *ledger.Entry) error {
		if e.Standing == ledger.Gone || r.Only != nil && !r.Only[e.Key] || r.came.Passed(flow.Job, e.Key) && !r.again[e.Key] {
			return nil
		}
		page = append(page, &reading{flow: flow, entry: e})
		if len(page) < pageSize {
			return nil
		}
		err := r.page(ctx, page)
		page = page[:0]
		return err
	})
	if err != nil {
		return err
	}
	return r.page(ctx, page)
}

// page reads those of a page who are not known to be right, and judges them in order.
func (r *run) page(ctx context.Context, page []*reading) error {
	var wait sync.WaitGroup
	places := make(chan struct{}, max(r.Concurrency, 1))
	for _, s := range page {
		if r.leaves(s.entry) {
			continue
		}
		places <- struct{}{}
		wait.Go(func() {
			defer func() { <-places }()
			s.found, s.err = r.read(ctx, s.entry)
		})
	}
	wait.Wait()
	var changed []*ledger.Entry
	for _, s := range page {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		entry, err := r.one(s)
		if err != nil {
			return err
		}
		changed = append(changed, entry)
		if !r.came.Passed(s.flow.Job, s.entry.Key) && len(r.again) <= mostAgain {
			r.came.Job, r.came.Key, r.came.N = s.flow.Job, s.entry.Key, r.looked
		}
	}
	if len(page) == 0 {
		return nil
	}
	if err := r.settle(page[0].flow, changed); err != nil {
		return err
	}
	return r.save()
}

// leaves tells whether an account is not to be read.
func (r *run) leaves(e *ledger.Entry) bool {
	return r.doubted[e.Key] || r.protects(e) || r.known(e)
}

// known tells whether the listing showed that an account is right: as it should be, or not
// there if it may as well not be.
func (r *run) known(e *ledger.Entry) bool {
	return r.seen[maphash.String(r.seed, e.RemoteID)] || e.Standing != ledger.Live && r.unlisted(e)
}

// unlisted tells that the listing proves that an account is not there.
func (r *run) unlisted(e *ledger.Entry) bool {
	_, listed := r.seen[maphash.String(r.seed, e.RemoteID)]
	return r.complete && !listed
}

func (r *run) protects(e *ledger.Entry) bool {
	return r.Protects(e.Resource.Text("userName"), e.RemoteID)
}

// read reads one account. That it is not there is believed once a lookup agrees, as in
// apply: a proxy that lost its way says so of everything. Where nobody can be looked up,
// the complete listing agrees.
func (r *run) read(ctx context.Context, e *ledger.Entry) (*plan.Found, error) {
	found, err := r.Target.Get(ctx, e.RemoteID)
	if err != nil || found != nil || e.Standing != ledger.Live {
		return found, err
	}
	others, err := r.Target.Find(ctx, e.Resource)
	if errors.Is(err, plan.ErrNoLookup) && r.unlisted(e) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("account %s is not there, and whether it is gone cannot be told: %w", e.RemoteID, err)
	}
	anchor := e.Resource.Text("externalId")
	for i := range others {
		if others[i].ID == e.RemoteID {
			return nil, fmt.Errorf("account %s is not there by its id, but a lookup finds it", e.RemoteID)
		}
		if anchor != "" && others[i].ExternalID == anchor {
			return &others[i], nil
		}
	}
	return nil, nil
}

// one judges one account, and gives its entry if that is to change.
func (r *run) one(s *reading) (*ledger.Entry, error) {
	r.looked++
	if r.Looked != nil {
		r.Looked(r.looked, r.left)
	}
	switch {
	case r.doubted[s.entry.Key]:
		r.summary.InDoubt++
		return nil, nil
	case r.protects(s.entry):
		r.summary.Protected++
		return nil, nil
	}
	r.summary.Compared++
	switch {
	case r.known(s.entry):
		return nil, nil
	case s.err != nil:
		if r.failed++; r.failed >= readsFailing {
			return nil, s.err
		}
		return nil, r.tell(&Finding{Kind: Unreadable, Err: s.err}, s)
	}
	r.failed = 0
	return r.compare(s)
}

// compare judges an account that was read.
func (r *run) compare(s *reading) (*ledger.Entry, error) {
	switch {
	case s.found == nil && s.entry.Standing != ledger.Live:
		return nil, nil
	case s.found == nil:
		return r.gone(&Finding{Kind: Gone}, s)
	case s.found.ID != s.entry.RemoteID:
		return r.gone(&Finding{Kind: Moved, Now: s.found.ID}, s)
	case r.Protects(s.found.UserName, s.found.ID):
		r.summary.Protected++
		r.summary.Compared--
		return nil, nil
	}
	j, err := r.judge(s)
	if err != nil {
		return nil, err
	}
	r.shows(j)
	switch {
	case j.taken != "":
		return nil, r.tell(&Finding{Kind: Taken, Now: j.taken}, s)
	case j.right():
		delete(r.again, s.entry.Key)
		return j.settled(), nil
	case r.Only == nil && len(r.unshown(j)) > 0:
		r.waiting = append(r.waiting, s)
		r.again[s.entry.Key] = true
		return nil, nil
	}
	return r.changed(j, s)
}

func (r *run) gone(f *Finding, s *reading) (*ledger.Entry, error) {
	if !r.marks(s) {
		return nil, r.tell(f, s)
	}
	marked := *s.entry
	marked.Drift = map[string]any{ledger.DriftAccount: nil}
	f.Marked = true
	return &marked, r.tell(f, s)
}

func (r *run) marks(s *reading) bool { return r.Mark && !s.flow.Retired }

func (r *run) changed(j *judgement, s *reading) (*ledger.Entry, error) {
	f := &Finding{Kind: Changed, Differences: j.differences()}
	entry := j.settled()
	// What was marked before is kept true, also when nothing is to be marked now.
	if marks := j.mendable(); r.marks(s) && len(marks) > 0 || len(s.entry.Drift) > 0 {
		f.Marked = r.marks(s) && len(marks) > 0
		entry = j.marked(marks)
	}
	return entry, r.tell(f, s)
}

// tell tells of a finding.
func (r *run) tell(f *Finding, s *reading) error {
	f.Flow, f.Key, f.RemoteID, f.Name = s.flow.Flow, s.entry.Key, s.entry.RemoteID, s.entry.Resource.Text("displayName")
	if f.Name == "" {
		f.Name = s.entry.Resource.Text("userName")
	}
	r.summary.Found[f.Kind]++
	if f.Marked {
		r.summary.Marked++
	}
	r.again[f.Key] = true
	return r.Found(f)
}

// settle stores entries of a job that are not nil, unless they have changed since.
func (r *run) settle(flow Flow, entries []*ledger.Entry) error {
	entries = slices.DeleteFunc(slices.Clone(entries), func(e *ledger.Entry) bool { return e == nil })
	if len(entries) == 0 {
		return nil
	}
	keys := make([]record.Key, len(entries))
	for i, e := range entries {
		keys[i] = e.Key
	}
	now, err := r.Store.Entries(r.Name, keys)
	if err != nil {
		return err
	}
	var outcomes []ledger.Outcome
	for i, e := range entries {
		if now[i] == nil || now[i].Run != e.Run || !now[i].At.Equal(e.At) {
			continue
		}
		outcome := ledger.Outcome{Key: e.Key, Entry: e}
		if len(e.Drift)+len(now[i].Drift) > 0 {
			outcome.Look = &ledger.Look{Key: e.Key, NextRun: true}
		}
		outcomes = append(outcomes, outcome)
	}
	return r.Store.Commit(flow.Flow, outcomes)
}
