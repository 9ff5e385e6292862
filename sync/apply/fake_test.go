package apply

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	flow  = ledger.Flow{Job: "staff", Target: "service"}
	sick  = errors.New("the service is sick")
	sorry = errors.New("the service refuses")
)

// event is something that target or ledger saw, at a time of the bubble.
type event struct {
	at   time.Duration // since the start
	what string        // begin, send, answer, find, commit
	key  string
}

// world is a scripted target and ledger with one journal of everything that happens.
type world struct {
	t     *testing.T
	start time.Time

	// latency is how long a request takes, answer what comes of the n-th (counted from 1)
	// for a person, and find what a lookup finds; nil: 10 ms, done, nothing.
	latency func(*plan.Change) time.Duration
	answer  func(c *plan.Change, n int) plan.Result
	find    func(want resource.Resource) ([]plan.Found, error)
	get     func(id string) (*plan.Found, error) // nil: there is no account
	// bulk is how much one request takes, and whole what comes of the n-th for several; nil:
	// each of them comes to what answer says.
	bulk  plan.Bulk
	whole func(n int, changes []*plan.Change) *plan.Result
	// begin and commit fail the n-th transaction; nil: none fails.
	begin, commit func(n int) error

	mu       sync.Mutex
	journal  []event
	sent     []plan.Change // copies, in the order of sending
	inFlight map[string]bool
	tries    map[string]int
	bulks    [][]string // the people of each request for several
	begins   int
	commits  int

	intents map[string]ledger.Intent
	entries map[string]*ledger.Entry
	looks   map[string]*ledger.Look
	counted map[string]int
	members map[ledger.Edge]ledger.Membership
}

// bubble runs a test in virtual time.
func bubble(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(t, &world{t: t, start: time.Now(), inFlight: map[string]bool{}, tries: map[string]int{},
			intents: map[string]ledger.Intent{}, entries: map[string]*ledger.Entry{}, looks: map[string]*ledger.Look{}, counted: map[string]int{}, members: map[ledger.Edge]ledger.Membership{}})
	})
}

func (w *world) note(what, key string) {
	w.journal = append(w.journal, event{time.Since(w.start), what, key})
}

// Apply implements Target.
func (w *world) Apply(_ context.Context, c *plan.Change, _ string) plan.Result {
	id := c.Key.ID
	w.mu.Lock()
	if w.inFlight[id] {
		w.t.Errorf("two requests for %s at a time", id)
	}
	if _, begun := w.intents[id]; !begun {
		w.t.Errorf("%s is sent without an intent", c)
	}
	w.inFlight[id] = true
	w.tries[id]++
	n := w.tries[id]
	w.sent = append(w.sent, *c)
	w.note("send", id)
	latency := 10 * time.Millisecond
	if w.latency != nil {
		latency = w.latency(c)
	}
	w.mu.Unlock()
	time.Sleep(latency)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inFlight[id] = false
	w.note("answer", id)
	if w.answer == nil {
		return done(c)
	}
	return w.answer(c, n)
}

func done(c *plan.Change) plan.Result {
	if c.Action == plan.Create {
		return plan.Result{Ack: plan.Ack{RemoteID: "r" + c.Key.ID}}
	}
	return plan.Result{Ack: plan.Ack{RemoteID: c.RemoteID}}
}

// Bulk implements Target.
func (w *world) Bulk() plan.Bulk { return w.bulk }

// Size implements Target.
func (w *world) Size(*plan.Change) int { return 10 }

// ApplyAll implements Target.
func (w *world) ApplyAll(ctx context.Context, changes []*plan.Change, id string) ([]plan.Result, bool) {
	results := make([]plan.Result, len(changes))
	var keys []string
	for _, c := range changes {
		keys = append(keys, c.Key.ID)
	}
	w.mu.Lock()
	w.bulks = append(w.bulks, keys)
	n := len(w.bulks)
	w.mu.Unlock()
	if w.whole != nil {
		if r := w.whole(n, changes); r != nil {
			time.Sleep(10 * time.Millisecond)
			for i := range results {
				results[i] = *r
			}
			return results, true
		}
	}
	for i, c := range changes {
		results[i] = w.Apply(ctx, c, id)
	}
	return results, false
}

// Draws implements Target.
func (w *world) Draws(...*plan.Change) []plan.Draw { return from("all") }

// Find implements Target.
func (w *world) Find(ctx context.Context, want resource.Resource) ([]plan.Found, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	time.Sleep(10 * time.Millisecond)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note("find", want.Text("externalId"))
	if w.find == nil {
		return nil, nil
	}
	return w.find(want)
}

// Get implements Target.
func (w *world) Get(_ context.Context, id string) (*plan.Found, error) {
	time.Sleep(10 * time.Millisecond)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note("get", id)
	if w.get == nil {
		return nil, nil
	}
	return w.get(id)
}

// Begin implements Ledger.
func (w *world) Begin(_ ledger.Flow, intents []ledger.Intent) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begins++
	if w.begin != nil {
		if err := w.begin(w.begins); err != nil {
			return err
		}
	}
	for _, in := range intents {
		if in.Member != nil {
			w.members[in.Member.Edge] = *in.Member
			w.note("begin", in.Key.ID)
			continue
		}
		w.intents[in.Key.ID] = in
		w.note("begin", in.Key.ID)
	}
	return nil
}

// Entries implements Ledger.
func (w *world) Entries(_ string, keys []record.Key) ([]*ledger.Entry, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	entries := make([]*ledger.Entry, len(keys))
	for i, key := range keys {
		entries[i] = w.entries[key.ID]
	}
	return entries, nil
}

// Commit implements Ledger.
func (w *world) Commit(_ ledger.Flow, outcomes []ledger.Outcome) error {
	time.Sleep(2 * time.Millisecond)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.commits++
	if w.commit != nil {
		if err := w.commit(w.commits); err != nil {
			w.note("failed", "")
			return err
		}
	}
	for _, o := range outcomes {
		if o.Entry != nil {
			w.entries[o.Key.ID] = o.Entry
		}
		if o.Member != nil {
			w.members[o.Member.Edge] = *o.Member
		}
		if o.Look != nil {
			w.looks[o.Key.ID] = o.Look
		}
		for _, limit := range o.Counts {
			w.counted[limit]++
		}
		if o.DropIntent {
			delete(w.intents, o.Key.ID)
		}
		w.note("commit", o.Key.ID)
	}
	return nil
}

// newLane opens a lane with a budget of its own.
func newLane(pace Pace, before ledger.Pace, remember func(ledger.Pace)) *Lane {
	return NewBudget(pace, before, remember).Lane(pace.Concurrency)
}

// carry gives what carries plans out in this world.
func (w *world) carry(pace Pace) *Carry {
	return &Carry{Flow: flow, Run: "run", Target: w, Ledger: w, Lane: newLane(pace, nil, nil), SettleWindow: 30 * time.Second, Retries: 2,
		Shape: resource.RFC7643()}
}

// out carries changes out.
func (w *world) out(c *Carry, changes ...*plan.Change) Report {
	w.t.Helper()
	r, err := c.Out(w.t.Context(), list(changes))
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func list(changes []*plan.Change) func(func(*plan.Change) error) error {
	return func(fn func(*plan.Change) error) error {
		for _, c := range changes {
			if err := fn(c); err != nil {
				return err
			}
		}
		return nil
	}
}

// change makes a change for a person.
func change(action plan.Action, id string) *plan.Change {
	c := &plan.Change{Action: action, Kind: "user", Key: record.Key{Kind: record.User, Source: "hr", ID: id}, RemoteID: "r" + id,
		Want: resource.Wanted{Resource: resource.New(map[string]any{"externalId": id, "userName": "u" + id})}}
	switch action {
	case plan.Create:
		c.RemoteID = ""
	case plan.Deactivate, plan.Reactivate:
		c.Before, c.After = map[string]any{"active": action == plan.Deactivate}, map[string]any{"active": action == plan.Reactivate}
		c.Ops = []resource.Op{{Op: "replace", Path: "active", Value: action == plan.Reactivate}}
	case plan.Update, plan.Adopt:
		c.Before, c.After = map[string]any{"title": "old"}, map[string]any{"title": "new"}
		c.Ops = []resource.Op{{Op: "replace", Path: "title", Value: "new"}}
	}
	return c
}

// changes makes n changes for people named after a letter.
func changes(action plan.Action, letter string, n int) []*plan.Change {
	all := make([]*plan.Change, n)
	for i := range all {
		all[i] = change(action, fmt.Sprintf("%s%03d", letter, i))
	}
	return all
}

// count counts the events of a kind, of one person or (empty) of all.
func (w *world) count(what, key string) int {
	n := 0
	for _, e := range w.journal {
		if e.what == what && (key == "" || e.key == key) {
			n++
		}
	}
	return n
}

// when gives the moments of a kind of event of one person.
func (w *world) when(what, key string) []time.Duration {
	var all []time.Duration
	for _, e := range w.journal {
		if e.what == what && e.key == key {
			all = append(all, e.at)
		}
	}
	return all
}
