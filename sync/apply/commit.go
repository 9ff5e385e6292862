package apply

import (
	"errors"
	"sync"
	"time"

	"scimsync/sync/ledger"
)

// How acknowledgements are grouped: a commit takes about as long as a request to a
// near target, so one commit serves many.
const (
	commitEvery = 5 * time.Millisecond
	commitMost  = 256
	outstanding = 1000
)

// committer stores outcomes in the order in which they come, many at a time. After
// a failed commit it stores nothing more, and says so before the next request.
type committer struct {
	flow   ledger.Flow
	ledger Ledger
	queue  chan pending
	closed chan struct{}

	waiting sync.WaitGroup // outcomes that are neither stored nor refused

	mu  sync.Mutex
	err error
}

// pending is an outcome, and what to do once it is stored.
type pending struct {
	outcome ledger.Outcome
	stored  func()
}

func newCommitter(flow ledger.Flow, l Ledger) *committer {
	c := &committer{flow: flow, ledger: l, queue: make(chan pending, outstanding), closed: make(chan struct{})}
	go c.run()
	return c
}

// put queues an outcome; it waits while too many are outstanding.
func (c *committer) put(o ledger.Outcome, stored func()) {
	c.waiting.Add(1)
	c.queue <- pending{o, stored}
}

// drain waits until everything is stored, or nothing is stored any more.
func (c *committer) drain() { c.waiting.Wait() }

// close stores what is queued and gives the first error.
func (c *committer) close() error {
	close(c.queue)
	<-c.closed
	return c.failed()
}

func (c *committer) failed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *committer) run() {
	defer close(c.closed)
	for first := range c.queue {
		batch := c.gather([]pending{first})
		if c.failed() == nil {
			if err := c.store(batch); err != nil {
				c.mu.Lock()
				c.err = err
				c.mu.Unlock()
			}
		}
		c.waiting.Add(-len(batch))
	}
}

// store commits a batch. An account that belongs to somebody else spoils only its own
// outcome: the others are then stored one by one.
func (c *committer) store(batch []pending) error {
	outcomes := make([]ledger.Outcome, len(batch))
	for i := range batch {
		outcomes[i] = batch[i].outcome
	}
	err := c.ledger.Commit(c.flow, outcomes)
	switch {
	case err == nil:
		for i := range batch {
			if batch[i].stored != nil {
				batch[i].stored()
			}
		}
		return nil
	case !errors.Is(err, ledger.ErrOwned):
		return err
	case len(batch) == 1:
		return c.owned(batch[0].outcome, err)
	}
	for i := range batch {
		if err := c.store(batch[i : i+1]); err != nil {
			return err
		}
	}
	return nil
}

// owned parks a person whose account turned out to be somebody else's.
func (c *committer) owned(o ledger.Outcome, why error) error {
	now := time.Now()
	parked := &ledger.Parked{Kind: ledger.ParkedConflict, Error: why.Error(), Tries: 1, At: now.Add(Backoff(1)), Since: now}
	return c.ledger.Commit(c.flow, []ledger.Outcome{{Key: o.Key, Look: &ledger.Look{Key: o.Key, Parked: parked}, DropIntent: true}})
}

func (c *committer) gather(batch []pending) []pending {
	timer := time.NewTimer(commitEvery)
	defer timer.Stop()
	for len(batch) < commitMost {
		select {
		case p, open := <-c.queue:
			if !open {
				return batch
			}
			batch = append(batch, p)
		case <-timer.C:
			return batch
		}
	}
	return batch
}
