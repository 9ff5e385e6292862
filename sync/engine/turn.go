package engine

import (
	"context"
	"sync"
	"sync/atomic"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
)

// underWay is what is going on in an engine: no two reads, and no two applies of one
// flow, at a time.
type underWay struct {
	reading sync.Mutex
	mu      sync.Mutex
	turns   map[ledger.Flow]*turn
}

// turn is one run's time with a flow.
type turn struct {
	engine *Engine
	flow   ledger.Flow
	phase  atomic.Int32
	cancel context.CancelFunc // ends what only reads
	once   sync.Once
	stop   chan struct{} // closed: let another run take over at the next change
	ended  chan struct{}
}

// finding is the phase of a run that only reads yet: leavers overtake it, and nothing
// else does, or a run that takes longer than the next tick would never end.
const finding = 1

// reached tells the phase of the change that is next.
func (t *turn) reached(phase int) { t.phase.Store(int32(phase)) }

// giveWay ends the run: what is under way is waited for, the rest is not sent.
func (t *turn) giveWay() {
	t.once.Do(func() { close(t.stop); t.cancel() })
	<-t.ended
}

// stopped tells whether another run takes over.
func (t *turn) stopped() bool {
	select {
	case <-t.stop:
		return true
	default:
		return false
	}
}

func (t *turn) end() {
	t.cancel()
	t.engine.under.mu.Lock()
	delete(t.engine.under.turns, t.flow)
	t.engine.under.mu.Unlock()
	close(t.ended)
}

// takeTurn gives the turn to this run. While another run carries out the flow, this
// one takes over only if it has something for an earlier phase than the one under
// way; otherwise the other goes on, and turn is nil. The context that it gives ends
// when a third run takes over.
func (e *Engine) takeTurn(ctx context.Context, job Job, flow Flow, how How) (context.Context, *turn, error) {
	for {
		e.under.mu.Lock()
		other := e.under.turns[flow.Flow]
		if other == nil {
			t := &turn{engine: e, flow: flow.Flow, stop: make(chan struct{}), ended: make(chan struct{})}
			t.reached(finding)
			ctx, t.cancel = context.WithCancel(ctx)
			if e.under.turns == nil {
				e.under.turns = map[ledger.Flow]*turn{}
			}
			e.under.turns[flow.Flow] = t
			e.under.mu.Unlock()
			return ctx, t, nil
		}
		e.under.mu.Unlock()
		phase, err := e.firstPhase(job, flow, how)
		if err != nil || phase >= int(other.phase.Load()) {
			return ctx, nil, err
		}
		other.giveWay()
	}
}

// firstPhase is the earliest phase in which something may be sent to an account that
// is known; nobody is looked up for it.
func (e *Engine) firstPhase(job Job, flow Flow, how How) (int, error) {
	w, err := e.peopleOf(job, flow, how)
	if err != nil {
		return 0, err
	}
	defer w.close()
	if err := w.guard(); err != nil {
		return 0, err
	}
	first := noPhase
	err = w.free(func(c *plan.Change) error {
		first = min(first, c.Phase())
		return nil
	})
	return first, err
}

// noPhase is later than every phase.
const noPhase = 1 << 30
