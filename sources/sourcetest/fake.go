package sourcetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"scimsync/sync/record"
)

// Fake is a source that holds people, and maybe groups, in memory. The zero value holds
// nobody and has no groups. It may be changed while it is read; a read sees what was there
// at its start.
type Fake struct {
	mu    sync.Mutex
	held  held
	extra []string // names that nobody has a value of
	last  bool     // groups come after people
	fail  error
	after int
	reads int
}

// held is what a Fake holds.
type held struct {
	People []Person
	Groups []Group // nil: it has no groups
}

// NewFake returns a source that holds these people. Its attributes are all that
// anybody has, and those added with Knows.
func NewFake(people ...Person) *Fake { return &Fake{held: held{People: people}} }

// Set replaces all people.
func (f *Fake) Set(people ...Person) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held.People = people
}

// SetGroups replaces all groups. From then on there are groups that can be asked for, if
// only none of them.
func (f *Fake) SetGroups(groups ...Group) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held.Groups = append(make([]Group, 0, len(groups)), groups...)
}

// GroupsLast makes every read give the groups, and their links, after the people.
func (f *Fake) GroupsLast() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = true
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
	names, groupNames := f.names()
	return record.Schema{Names: names, GroupNames: groupNames}, nil
}

// names are all attributes of people and of groups, sorted; nil where there are no groups.
func (f *Fake) names() (people, groups []string) {
	all := map[string]bool{}
	for _, n := range f.extra {
		all[n] = true
	}
	for _, p := range f.held.People {
		for n := range p.Attrs {
			all[n] = true
		}
	}
	people = sorted(all)
	if f.held.Groups == nil {
		return people, nil
	}
	all = map[string]bool{"name": true}
	for _, g := range f.held.Groups {
		for n := range g.Attrs {
			all[n] = true
		}
	}
	return people, sorted(all)
}

func sorted(all map[string]bool) []string {
	out := slices.AppendSeq(make([]string, 0, len(all)), maps.Keys(all)) // never nil: they are known
	slices.Sort(out)
	return out
}

// Read implements record.Source. It uses one record for all, as a real source may.
func (f *Fake) Read(ctx context.Context, want record.Want, emit record.Emit) (record.Batch, error) {
	f.mu.Lock()
	f.reads++
	r := fakeRead{ctx: ctx, held: f.held, want: want, emit: emit, fail: f.fail, left: f.after}
	last := f.last
	people, groups := f.names()
	f.mu.Unlock()

	if err := r.known(people, groups); err != nil {
		return record.Batch{}, err
	}
	cursor, err := r.state()
	if err != nil {
		return record.Batch{}, err
	}
	if r.fail == nil && want.From != nil && string(want.From) == string(cursor) {
		return record.Batch{Extent: record.Same, Cursor: cursor, Note: "fake, unchanged"}, ctx.Err()
	}
	parts := []func() error{r.groups, r.people}
	if last {
		slices.Reverse(parts)
	}
	for _, part := range parts {
		if err := part(); err != nil {
			return record.Batch{}, err
		}
	}
	if r.fail != nil {
		return record.Batch{}, r.fail
	}
	if err := ctx.Err(); err != nil {
		return record.Batch{}, err
	}
	return record.Batch{Extent: record.Full, Cursor: cursor, Note: fmt.Sprintf("fake, %d people", len(r.held.People)), Unread: r.unread()}, nil
}

// fakeRead is one read under way.
type fakeRead struct {
	ctx  context.Context
	held held
	want record.Want
	emit record.Emit
	rec  record.Record
	fail error // nil: it does not fail
	left int   // records until it does
}

// known holds what is wanted against the names that there are.
func (r *fakeRead) known(people, groups []string) error {
	for _, n := range r.want.Names {
		if !slices.Contains(people, n) {
			return fmt.Errorf("read fake: no attribute %q", n)
		}
	}
	if r.want.Groups == nil {
		return nil
	}
	if groups == nil {
		return errors.New("read fake: it has no groups")
	}
	for _, n := range r.want.Groups.Names {
		if !slices.Contains(groups, n) {
			return fmt.Errorf("read fake: no attribute %q of groups", n)
		}
	}
	return nil
}

func (r *fakeRead) people() error {
	for i, p := range r.held.People {
		r.rec = record.Record{Kind: record.User, ID: p.ID, DN: p.DN, Line: i + 1, Enabled: p.Enabled, Expires: p.Expires}
		if err := r.one(r.want.Names, p.Attrs, p.refs()); err != nil {
			return err
		}
	}
	return nil
}

func (r *fakeRead) groups() error {
	if r.want.Groups == nil {
		return nil
	}
	for i, g := range r.held.Groups {
		r.rec = record.Record{Kind: record.Group, ID: g.ID, DN: g.DN, Line: i + 1}
		if err := r.one(r.want.Groups.Names, g.Attrs, g.refs()); err != nil {
			return err
		}
		for _, member := range g.Members {
			if err := r.want.Groups.Link(g.ID, member); err != nil {
				return err
			}
		}
	}
	return nil
}

// one emits the record.
func (r *fakeRead) one(names []string, attrs map[string][]string, refs []string) error {
	if r.left--; r.fail != nil && r.left < 0 {
		return r.fail
	}
	if err := r.ctx.Err(); err != nil {
		return err
	}
	r.rec.Attrs = make([]record.Attr, len(names))
	for i, n := range names {
		r.rec.Attrs[i] = record.Attr{Name: n, Values: attrs[n]}
	}
	if r.want.Groups != nil {
		r.rec.Refs = refs
	}
	return r.emit(&r.rec)
}

func (r *fakeRead) unread() map[string]string {
	var out map[string]string
	for _, g := range r.held.Groups {
		if r.want.Groups != nil && g.Unread != "" {
			if out == nil {
				out = map[string]string{}
			}
			out[g.ID] = g.Unread
		}
	}
	return out
}

// state is a cursor: equal content and names, equal cursor.
func (r *fakeRead) state() (record.Cursor, error) {
	asked := struct {
		held
		Names, GroupNames []string
	}{held: held{People: r.held.People}, Names: r.want.Names}
	if r.want.Groups != nil {
		asked.Groups, asked.GroupNames = r.held.Groups, append([]string{}, r.want.Groups.Names...)
	}
	b, err := json.Marshal(asked)
	if err != nil {
		return nil, fmt.Errorf("encode the content of a fake: %w", err)
	}
	sum := sha256.Sum256(b)
	return record.Cursor(hex.EncodeToString(sum[:])), nil
}
