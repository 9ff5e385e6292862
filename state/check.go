package state

import (
	"fmt"
	"os"
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
