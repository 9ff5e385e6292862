package state

import (
	"fmt"
	"os"

	bolt "go.etcd.io/bbolt"

	"scimsync/sync/ledger"
)

// Check looks through the whole file: its pages, and that each of them is either used
// or free. Writes wait meanwhile (a second or so for a million people).
func (s *State) Check() error {
	tx, err := s.db.Begin(true) // no page changes under our eyes
	if err != nil {
		return fmt.Errorf("check state: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // it wrote nothing
	if err := verifyPath(s.path); err != nil {
		return damaged(s.path, err)
	}
	var first error
	n := 0
	for err := range tx.Check() { // to its end, or its goroutine would wait for ever
		if n++; first == nil {
			first = err
		}
	}
	if first != nil {
		return damaged(s.path, fmt.Errorf("it is damaged in %d places, the first: %w", n, first))
	}
	return nil
}

func verifyPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() // it was only read
	return verify(f)
}

// Stats is the size of what is kept.
type Stats struct {
	Size    int64                                   // of the file, in bytes
	Rows    map[string]int                          // by source: people who are there
	Entries map[ledger.Flow]map[ledger.Standing]int // accounts by flow and standing
}

// Stats tells how much is kept. It counts nothing and is cheap.
func (s *State) Stats() (Stats, error) {
	st := Stats{Rows: map[string]int{}, Entries: map[ledger.Flow]map[ledger.Standing]int{}}
	err := s.view("read size", func(tx *bolt.Tx) error {
		st.Size = tx.Size()
		return nil
	})
	if err != nil {
		return st, err
	}
	sources, err := s.Sources()
	if err != nil {
		return st, err
	}
	for _, name := range sources {
		info, err := s.Source(name)
		if err != nil {
			return st, err
		}
		st.Rows[name] = info.Live
	}
	flows, err := s.Flows()
	if err != nil {
		return st, err
	}
	for _, flow := range flows {
		if st.Entries[flow], err = s.Standings(flow); err != nil {
			return st, err
		}
	}
	return st, nil
}
