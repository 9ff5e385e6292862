package apply

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
)

func outcome(i int) ledger.Outcome {
	key := record.Key{Kind: record.User, Source: "hr", ID: fmt.Sprintf("%04d", i)}
	return ledger.Outcome{Key: key, Entry: &ledger.Entry{Key: key, Standing: ledger.Live}, DropIntent: true}
}

// Acknowledgements are stored in their order, many in one transaction, and soon.
func TestCommitsAreGrouped(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := newCommitter(flow, w, func() { t.Error("broken") })
		stored := 0
		for i := range 600 {
			c.put(pending{outcome: outcome(i), stored: func() {
				if w.count("commit", fmt.Sprintf("%04d", i)) != 1 {
					t.Errorf("%d counts before it is stored", i)
				}
				stored++
			}})
		}
		c.drain()
		if stored != 600 || w.commits != 2 || time.Since(w.start) > 50*time.Millisecond {
			t.Errorf("%d stored in %d transactions after %v", stored, w.commits, time.Since(w.start))
		}
		for i, e := range w.journal {
			if e.key != fmt.Sprintf("%04d", i) {
				t.Fatalf("%s is number %d", e.key, i)
			}
		}
		begun := time.Now()
		c.put(pending{outcome: outcome(1)})
		c.drain()
		if took := time.Since(begun); took > commitEvery+5*time.Millisecond {
			t.Errorf("one outcome took %v", took)
		}
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
}

// After a failed commit nothing is stored any more, and nobody waits for it.
func TestCommitterBreaks(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		full := errors.New("no space left")
		w.commit = func(n int) error {
			if n == 2 {
				return full
			}
			return nil
		}
		broken := 0
		c := newCommitter(flow, w, func() { broken++ })
		for i := range 4 {
			c.put(pending{outcome: outcome(i), stored: func() {
				if i > 0 {
					t.Errorf("%d counts", i)
				}
			}})
			c.drain()
		}
		if err := c.close(); !errors.Is(err, full) || broken != 1 || w.commits != 2 || len(w.entries) != 1 {
			t.Errorf("%v; broken %d times, %d transactions, %d entries", err, broken, w.commits, len(w.entries))
		}
	})
}

// A failed commit ends the plan before the next request, also before those that
// already wait for the lane; nothing that was not stored counts.
func TestFailedCommitStopsTheLane(t *testing.T) {
	for _, pace := range []Pace{{Concurrency: 4}, all(10, time.Second, 1, 4)} {
		bubble(t, func(t *testing.T, w *world) {
			full := errors.New("no space left")
			w.commit = func(int) error { return full }
			r, err := w.carry(pace).Out(t.Context(), list(changes(plan.Update, "u", 100)))
			if !errors.Is(err, full) || len(r.Done) != 0 {
				t.Errorf("%v; done %v", err, r.Done)
			}
			failed := false
			for _, e := range w.journal {
				if failed && e.what == "send" {
					t.Fatalf("%+v: sent after the failed commit: %+v", pace, w.journal)
				}
				failed = failed || e.what == "failed"
			}
			if len(w.intents) != 100 {
				t.Errorf("%d intents, want all: it is not known what was sent", len(w.intents))
			}
		})
	}
}

func TestFailedBeginSendsNothing(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		full := errors.New("no space left")
		w.begin = func(n int) error {
			if n == 2 {
				return full
			}
			return nil
		}
		r, err := w.carry(Pace{Concurrency: 4}).Out(t.Context(), list(append(changes(plan.Update, "u", 3), changes(plan.Create, "c", 3)...)))
		if !errors.Is(err, full) || r.Done[plan.Update] != 3 || w.count("send", "") != 3 || len(w.intents) != 0 {
			t.Errorf("%v; %+v; %d sent, %d intents", err, r, w.count("send", ""), len(w.intents))
		}
	})
}
