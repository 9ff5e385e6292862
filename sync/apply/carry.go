package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// pageSize is how many intents are stored in one commit ahead of the requests.
const pageSize = 500

// Carry is what is needed to carry one plan out.
type Carry struct {
	Flow   ledger.Flow
	Run    string
	Target Target
	Shape  resource.Shape // with what the job owns
	Groups *Groups        // nil: the plan has no groups
	Ledger Ledger
	Lane   *Lane
	// SettleWindow is how long a create in doubt may take to show.
	SettleWindow time.Duration
	// Retries is how often a change that fails is sent again before it is parked.
	Retries int
	// Backoff is the first pause after a failure (default 1 s); it doubles.
	Backoff time.Duration
	// Stop, once closed, ends the plan at the next change; nil: never.
	Stop <-chan struct{}
	// Ended is told how many changes have come to their end so far, one call at a time.
	Ended func(n int)
}

// Report is what came of a plan.
type Report struct {
	Done      map[plan.Action]int
	Calls     int // requests sent for changes
	Parked    []plan.Problem
	Conflicts []plan.Problem // parked, too: another account stands in the way
	Waiting   int            // memberships of people, or in groups, that were not made in this run
	Unsent    int            // changes that were not tried, or will be tried again in the next run
	Stopped   error          // why nothing more was sent; nil: everything was tried
	Vanished  int
}

// And adds a later report of the same run to this one.
func (r Report) And(later Report) Report {
	sum := later
	sum.Done = map[plan.Action]int{}
	for _, done := range []map[plan.Action]int{r.Done, later.Done} {
		for action, n := range done {
			sum.Done[action] += n
		}
	}
	sum.Calls += r.Calls
	sum.Vanished += r.Vanished
	sum.Waiting += r.Waiting
	sum.Parked = slices.Concat(r.Parked, later.Parked)
	sum.Conflicts = slices.Concat(r.Conflicts, later.Conflicts)
	return sum
}

// errStopped ends the walk through the plan; the reason stands elsewhere.
var errStopped = errors.New("stopped")

// Out carries out the changes that each yields, in that order: those of one phase
// and round side by side, and a later phase once the earlier one has ended. Nothing
// counts as done before it is stored.
func (c *Carry) Out(ctx context.Context, each func(fn func(*plan.Change) error) error) (Report, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if c.Stop != nil { // ends the waiting for the lane, too
		go func() {
			select {
			case <-c.Stop:
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	w := &walk{Carry: c, commits: newCommitter(c.Flow, c.Ledger, cancel), cancel: cancel,
		packing: NewPacking(c.client), lost: map[record.Key]bool{}, work: make(chan []*plan.Change, pageSize)}
	w.report = Report{Done: map[plan.Action]int{}}
	var workers sync.WaitGroup
	for range c.Lane.Concurrency() {
		workers.Go(func() {
			for changes := range w.work {
				if w.mayGoOn(ctx) == nil {
					w.carry(ctx, changes)
				} else {
					w.unsent(changes, true)
				}
				w.busy.Add(-len(changes))
			}
		})
	}
	err := each(func(change *plan.Change) error { return w.take(ctx, change) })
	if err == nil {
		err = w.rest(ctx)
	}
	close(w.work)
	workers.Wait()
	if failed := w.commits.close(); failed != nil {
		err = fmt.Errorf("store what %s acknowledged: %w; nothing more was sent", c.Flow.Target, failed)
	}
	if errors.Is(err, errStopped) {
		err = nil
	}
	return w.report, err
}

// walk is one pass through a plan.
type walk struct {
	*Carry
	commits *committer
	packing *Packing
	work    chan []*plan.Change // what travels together, its intents stored
	busy    sync.WaitGroup      // changes whose intents are stored and that have not come to their end
	cancel  context.CancelFunc
	page    [][]*plan.Change
	paged   int // changes of the page
	stage   [2]int

	mu       sync.Mutex
	report   Report
	refusals refusals
	full     error               // why no further accounts can be made; nil: they can
	lost     map[record.Key]bool // groups that turned out not to be there any more
	ended    int
}

// take adds a change to the page, and sends the page when it is full or when the
// change belongs to a later phase or round.
func (w *walk) take(ctx context.Context, change *plan.Change) error {
	if w.stage != change.Stage() {
		w.stage = change.Stage()
		if err := w.rest(ctx); err != nil {
			return err
		}
		w.busy.Wait()
		w.commits.drain()
	}
	if change.Member != nil {
		if ready, err := w.placed(change); err != nil || !ready {
			return err
		}
	}
	if ready, err := w.refer(change); err != nil || !ready {
		return err
	}
	for _, together := range w.packing.Add(change) {
		w.add(together)
	}
	if w.paged < pageSize {
		return nil
	}
	return w.flush(ctx)
}

// add adds what travels together, if anything, to the page.
func (w *walk) add(changes []*plan.Change) {
	if len(changes) > 0 {
		w.page, w.paged = append(w.page, changes), w.paged+len(changes)
	}
}

// rest sends what nothing more comes to.
func (w *walk) rest(ctx context.Context) error {
	w.add(w.packing.Rest())
	return w.flush(ctx)
}

// flush stores the intents of a page and gives it to the workers, who are still busy with
// the one before.
func (w *walk) flush(ctx context.Context) error {
	page := w.page
	w.page, w.paged = nil, 0
	if err := w.mayGoOn(ctx); err != nil {
		w.unsent(slices.Concat(page...), false)
		return err
	}
	var intents []ledger.Intent
	now := time.Now()
	for _, change := range slices.Concat(page...) {
		if change.Calls() > 0 {
			intents = append(intents, w.intent(change, now))
		}
	}
	if len(intents) > 0 {
		if err := w.Ledger.Begin(w.Flow, intents); err != nil {
			return fmt.Errorf("store what is about to be sent to %s: %w; it was not sent", w.Flow.Target, err)
		}
	}
	for _, changes := range page {
		w.busy.Add(len(changes))
		w.work <- changes
	}
	return nil
}

// mayGoOn tells whether the next change may be sent.
func (w *walk) mayGoOn(ctx context.Context) error {
	if w.commits.failed() != nil || ctx.Err() != nil {
		return errStopped
	}
	select {
	case <-w.Stop:
		return errStopped
	default:
		return nil
	}
}

// unsent leaves changes for the next run. begun tells that their intents are stored:
// they are dropped again, for nothing of them was sent.
func (w *walk) unsent(changes []*plan.Change, begun bool) {
	w.mu.Lock()
	w.report.Unsent += len(changes)
	w.mu.Unlock()
	for _, change := range changes {
		if begun && change.Calls() > 0 && !change.Doubt.Sent {
			w.commits.put(pending{outcome: undone(change)})
		}
	}
}

// stop ends the plan for a reason; the first one counts.
func (w *walk) stop(why error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.report.Stopped == nil {
		w.report.Stopped = why
	}
	w.cancel()
}
