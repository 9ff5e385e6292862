package apply

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"scimsync/sync/ledger"
)

// How acknowledgements are grouped: a commit takes longer than a request to a near
// target, so one commit serves many. Nothing waits for the time to pass: what depends
// on an acknowledgement drains.
const (
	commitEvery = 50 * time.Millisecond
	commitMost  = 512
	outstanding = 1000
)

// committer stores outcomes in the order in which they come, many at a time. After
// a failed commit it stores nothing more, and says so before the next request.
type committer struct {
	flow   ledger.Flow
	ledger Ledger
	broken func() // called once when a commit has failed
	queue  chan pending
	closed chan struct{}

	waiting  sync.WaitGroup // outcomes that are neither stored nor refused
	draining atomic.Bool
	hurry    chan struct{} // holds one word at most: do not wait for more

	mu  sync.Mutex
	err error
}

// pending is an outcome, and what to do once it is stored.
type pending struct {
	outcome ledger.Outcome
	stored  func()
	// owned gives what to store instead when the account turns out to be somebody
	// else's; nil: it cannot.
	owned func(why error) pending
	// settled is closed once the outcome is stored, or nothing is stored any more; nil: nobody
	// waits for that.
	settled chan struct{}
}

func newCommitter(flow ledger.Flow, l Ledger, broken func()) *committer {
	c := &committer{flow: flow, ledger: l, broken: broken, queue: make(chan pending, outstanding), closed: make(chan struct{}), hurry: make(chan struct{}, 1)}
	go c.run()
	return c
}

// put queues an outcome; it waits while too many are outstanding.
func (c *committer) put(p pending) {
	c.waiting.Add(1)
	c.queue <- p
	if len(c.queue) >= commitMost {
		c.now()
	}
}

// settle puts an outcome and waits until it, and all before it, are stored.
func (c *committer) settle(p pending) error {
	p.settled = make(chan struct{})
	c.put(p)
	c.now()
	<-p.settled
	return c.failed()
}

// now has what is queued stored at once.
func (c *committer) now() {
	select {
	case c.hurry <- struct{}{}:
	default: // it was told already
	}
}

// drain waits until everything is stored, or nothing is stored any more. Nothing may
// be put meanwhile.
func (c *committer) drain() {
	c.draining.Store(true)
	c.now()
	c.waiting.Wait()
	c.draining.Store(false)
}

// close stores what is queued and gives the first error.
func (c *committer) close() error {
	close(c.queue)
	c.now()
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
		batch := c.gather(first)
		if c.failed() == nil {
			if err := c.store(batch); err != nil {
				c.mu.Lock()
				c.err = err
				c.mu.Unlock()
				c.broken()
			}
		}
		c.waiting.Add(-len(batch))
		for i := range batch {
			if batch[i].settled != nil {
				close(batch[i].settled)
			}
		}
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
	case len(batch) == 1 && batch[0].owned == nil:
		return err
	case len(batch) == 1:
		return c.store([]pending{batch[0].owned(err)})
	}
	for i := range batch {
		if err := c.store(batch[i : i+1]); err != nil {
			return err
		}
	}
	return nil
}

// gather waits for more and takes what is queued: that costs less than to take each
// outcome when it comes.
func (c *committer) gather(first pending) []pending {
	if !c.draining.Load() && len(c.queue) < commitMost {
		timer := time.NewTimer(commitEvery)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-c.hurry:
		}
	}
	batch := []pending{first}
	for len(batch) < commitMost {
		select {
		case p, open := <-c.queue:
			if !open {
				return batch
			}
			batch = append(batch, p)
		default:
			return batch
		}
	}
	return batch
}
