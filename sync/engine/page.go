package engine

import (
	"fmt"

	"scimsync/sync/ledger"
	"scimsync/sync/record"
)

// tally counts what a read gave of one kind.
type tally struct {
	names  []string
	read   int
	filled []int // records with a value, by position in names
}

func newTally(names []string) *tally { return &tally{names: names, filled: make([]int, len(names))} }

// values gives how many records had a value, by name.
func (t *tally) values() map[string]int {
	filled := map[string]int{}
	for i, name := range t.names {
		filled[name] = t.filled[i]
	}
	return filled
}

func (t *tally) count(r *record.Record) error {
	if len(r.Attrs) != len(t.names) {
		return fmt.Errorf("entry %s has %d attributes, %d were asked for: a fault of the source", r.ID, len(r.Attrs), len(t.names))
	}
	t.read++
	for i := range r.Attrs {
		if len(r.Attrs[i].Values) > 0 {
			t.filled[i]++
		}
	}
	return nil
}

// page is a number of records of one kind on their way to being compared. Its memory is
// used again and again.
type page struct {
	kind record.Kind
	ids  []string
	rows []ledger.Row
	refs []pageRef
}

// pageRef is a value by which links name a row of the page.
type pageRef struct {
	hi, lo uint64
	row    int
}

// start starts comparing.
func (c *collector) start() {
	c.spare, c.full = make(chan *page, 2), make(chan *page)
	c.failed, c.done = make(chan error, 1), make(chan struct{})
	for range cap(c.spare) {
		c.spare <- &page{ids: make([]string, 0, pageOfRead), rows: make([]ledger.Row, 0, pageOfRead)}
	}
	c.page, c.seen = <-c.spare, make([]ledger.Seen, pageOfRead)
	go func() {
		defer close(c.done)
		for p := range c.full {
			if err := c.compareAll(p); err != nil {
				c.failed <- err
				return
			}
			p.ids, p.rows, p.refs = p.ids[:0], p.rows[:0], p.refs[:0]
			c.spare <- p
		}
	}()
}

// finish waits until everything is compared.
func (c *collector) finish() error {
	close(c.full)
	<-c.done
	select {
	case err := <-c.failed:
		return err
	default:
		return nil
	}
}

// flush hands the page over and takes another.
func (c *collector) flush() error {
	select {
	case c.full <- c.page:
	case err := <-c.failed:
		c.failed <- err // for finish
		return err
	}
	select {
	case c.page = <-c.spare:
		return nil
	case err := <-c.failed:
		c.failed <- err
		return err
	}
}
