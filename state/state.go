// Package state keeps what scimsync remembers in one file, state.db: the mirror of
// each source, the entries of each target, and for each flow how far it has come. It
// alone knows bbolt. All that package ledger describes is stored durably: a method
// that returns nil has it on the disk, one that returns an error has stored nothing
// (only PutLooks may have stored a part).
//
// How the file is laid out (buckets, and what a key leads to):
//
//	meta                      program, schema
//	names/source,job,target   name -> id; all other buckets know the id only
//	sources/ID                info
//	sources/ID/index          kind, anchor -> ordinal, seq, absent, sum (32 bytes)
//	sources/ID/rows           kind, anchor -> body of the row (ledger.AppendRow)
//	sources/ID/edges          ordinal of a group, 0 for a group in it or 1 for a person, ordinal of
//	                          the member -> nothing; only where groups are read
//	sources/ID/refs           hash of a value by which a person goes, kind, anchor -> nothing; only
//	                          where people refer to each other (by which attributes: referred)
//	jobs/ID                   info
//	targets/ID                info, learned, comparison
//	targets/ID/entries        source id, kind, anchor -> job id, standing, the entry (ledger.AppendEntry)
//	targets/ID/logins         folded login -> key of the entry
//	targets/ID/remotes        remote id -> key of the entry
//	targets/ID/group names    folded displayName -> key of the group's entry
//	targets/ID/group remotes  remote id -> key of the group's entry
//	targets/ID/members        source id, edge -> state, JSON of why the last try failed
//	targets/ID/moved          key -> nothing: who has another account, or none, than memberships were made for
//	targets/ID/waiting        hash of a reference, key of who refers -> nothing; only where people refer
//	targets/ID/waits          key of who refers -> hashes of what they wait for
//	flows/JOB ID,TARGET ID    progress, hold, approval
//	    …/standings           standing -> number of entries
//	    …/intents             source id, kind, anchor -> the intent (ledger.AppendIntent)
//	    …/looks               source id, kind, anchor -> JSON
//	    …/lines               number -> JSON of some lines of the hold
//	    …/digests             digest -> when it was approved
//	    …/counted             minute -> JSON: what counts against each limit of the guard
//	    …/runs                start, run id -> JSON
//
// Reads that visit much go page by page with a short transaction each, and call back
// between the pages: bbolt cannot grow its file below an open read transaction, and
// whoever reads and writes at once in one goroutine waits for himself for ever.
package state

import (
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
)

// ErrLocked tells that another process has the state open.
var ErrLocked = errors.New("state is in use")

// pageLen is how many pairs one read transaction looks at, and how many a slice of a
// large write takes.
const pageLen = 5000

// Options say how a state is opened. The zero value is the usual one.
type Options struct {
	// Command is what others are told who find the state locked ("scimsync run").
	Command string
	// LockWait is how long to wait for the lock; zero: 5 seconds.
	LockWait time.Duration
	// Step, if not nil, is called before each write transaction with its name
	// ("begin", "commit", "merge", …) and after it, once it is durable, with
	// ".done" behind the name. Crash tests end the process there.
	Step func(name string)
}

// State is an open state file. Its methods may be called from several goroutines;
// writes follow one another.
type State struct {
	db   *bolt.DB
	path string
	lock *holder // nil for a scratch copy
	step func(name string)
}

// Close ends the use of the state and gives the lock back.
func (s *State) Close() error {
	if s.lock != nil {
		// While the lock is still held: afterwards the file may be another's.
		s.lock.remove()
	}
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close state %s: %w", s.path, err)
	}
	return nil
}

// update runs one durable write transaction.
func (s *State) update(name string, fn func(tx *bolt.Tx) error) error {
	s.step(name)
	if err := s.db.Update(fn); err != nil {
		return fmt.Errorf("state: %s: %w", name, err)
	}
	s.step(name + ".done")
	return nil
}

// view runs one read transaction. What fn keeps of it must be copied.
func (s *State) view(name string, fn func(tx *bolt.Tx) error) error {
	if err := s.db.View(fn); err != nil {
		return fmt.Errorf("state: %s: %w", name, err)
	}
	return nil
}
