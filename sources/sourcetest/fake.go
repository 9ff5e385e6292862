package sourcetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"scimsync/sync/record"
)

// Fake is a source that holds people in memory. The zero value holds nobody. It
// may be changed while it is read; a read sees the people of its start.
type Fake struct {
	mu     sync.Mutex
	people []Person
	extra  []string // names that nobody has a value of
	fail   error
	after  int
	reads  int
}

// NewFake returns a source that holds these people. Its attributes are all that
// anybody has, and those added with Knows.
func NewFake(people ...Person) *Fake { return &Fake{people: people} }

// Set replaces all people.
func (f *Fake) Set(people ...Person) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.people = people
}

// Knows adds attributes that exist without anybody having a value.
func (f *Fake) Knows(names ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.extra = append(f.extra, names...)
}

// FailAfter makes every read emit at most n records and then return err, also
// where nothing has changed. A nil err heals it.
func (f *Fake) FailAfter(n int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.after, f.fail = n, err
}

// Reads counts the calls of Read so far.
func (f *Fake) Reads() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reads
}

// Describe implements record.Source.
func (f *Fake) Describe(ctx context.Context) (record.Schema, error) {
	if err := ctx.Err(); err != nil {
		return record.Schema{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return record.Schema{Names: f.names()}, nil
}

func (f *Fake) names() []string {
	all := map[string]bool{}
	for _, n := range f.extra {
		all[n] = true
	}
	for _, p := range f.people {
		for n := range p.Attrs {
			all[n] = true
		}
	}
	out := slices.AppendSeq(make([]string, 0, len(all)), maps.Keys(all)) // never nil: they are known
	slices.Sort(out)
	return out
}

// Read implements record.Source. It uses one record for all people, as a real
// source may.
func (f *Fake) Read(ctx context.Context, want record.Want, emit record.Emit) (record.Batch, error) {
	f.mu.Lock()
	f.reads++
	people, known, fail, after := f.people, f.names(), f.fail, f.after
	f.mu.Unlock()

	for _, n := range want.Names {
		if !slices.Contains(known, n) {
			return record.Batch{}, fmt.Errorf("read fake: no attribute %q", n)
		}
	}
	cursor, err := state(people, want.Names)
	if err != nil {
		return record.Batch{}, err
	}
	if fail == nil && want.From != nil && string(want.From) == string(cursor) {
		return record.Batch{Extent: record.Same, Cursor: cursor, Note: "fake, unchanged"}, ctx.Err()
	}
	rec := record.Record{Attrs: make([]record.Attr, len(want.Names))}
	for i, p := range people {
		if fail != nil && i == after {
			return record.Batch{}, fail
		}
		if err := ctx.Err(); err != nil {
			return record.Batch{}, err
		}
		p.fill(&rec, want.Names)
		rec.Line = i + 1
		if err := emit(&rec); err != nil {
			return record.Batch{}, err
		}
	}
	if fail != nil {
		return record.Batch{}, fail
	}
	if err := ctx.Err(); err != nil {
		return record.Batch{}, err
	}
	return record.Batch{Extent: record.Full, Cursor: cursor, Note: fmt.Sprintf("fake, %d people", len(people))}, nil
}

func (p Person) fill(r *record.Record, names []string) {
	r.Kind, r.ID, r.DN, r.Enabled, r.Expires = record.User, p.ID, p.DN, p.Enabled, p.Expires
	for i, n := range names {
		r.Attrs[i] = record.Attr{Name: n, Values: p.Attrs[n]}
	}
}

// state is a cursor: equal people and names, equal cursor.
func state(people []Person, names []string) (record.Cursor, error) {
	b, err := json.Marshal(struct {
		People []Person
		Names  []string
	}{people, names})
	if err != nil {
		return nil, fmt.Errorf("encode the people of a fake: %w", err)
	}
	sum := sha256.Sum256(b)
	return record.Cursor(hex.EncodeToString(sum[:])), nil
}
