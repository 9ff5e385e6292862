// Package record is what a directory says about people and groups, in the words of no
// directory in particular. A source emits records; everything behind it knows
// records only. It is a leaf: standard library only, no I/O, no clock.
package record

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"
)

// Kind tells what a record describes.
type Kind uint8

// The kinds. They are stored in the state file: never renumber.
const (
	User  Kind = 1 // a person's account
	Group Kind = 2
)

// Kinds lists all kinds in the order of their numbers.
var Kinds = []Kind{User, Group}

// String gives the word used in plans, logs and config.
func (k Kind) String() string {
	switch k {
	case User:
		return "user"
	case Group:
		return "group"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Key names one record of a source for the whole of its life: the source it comes
// from and its anchor there (objectGUID, entryUUID, a CSV key column) in one
// canonical text form. It is never a DN, a login or a mail address. Towards a target,
// "the person's anchor" is the externalId, which is mapped from it unless the config says
// otherwise.
type Key struct {
	Kind   Kind
	Source string // the source's name in the config
	ID     string // the anchor
}

// String spells the key for logs and messages, as in user/hr/10034.
func (k Key) String() string { return k.Kind.String() + "/" + k.Source + "/" + k.ID }

// Less orders keys by source, kind and anchor.
func (k Key) Less(o Key) bool {
	if k.Source != o.Source {
		return k.Source < o.Source
	}
	if k.Kind != o.Kind {
		return k.Kind < o.Kind
	}
	return k.ID < o.ID
}

// Tri is a truth value that may be unknown. Unknown never changes an account.
type Tri uint8

// The three values. They are stored: never renumber.
const (
	Unknown Tri = iota
	True
	False
)

// Attr is one attribute of a record.
type Attr struct {
	Name   string   // the variable's name in expressions, as Var gives it
	Values []string // empty: there is no value
}

// Record is what a source said of one person, or of one group, as it was read. A source reuses the
// Record and its slices after emit returns: keep copies of those. The strings stay as they are.
type Record struct {
	Kind    Kind
	ID      string    // the anchor; see Key
	DN      string    // where the entry stands in a directory; empty for files
	Line    int       // where the entry stands in a file, from 1; 0 for directories
	Enabled Tri       // what the source's own rule says about the account
	Expires time.Time // the instant from which the source counts it as expired; zero: never
	// Attrs holds one element for each name that was asked for of this kind (Want.Names,
	// WantGroups.Names), in that order.
	Attrs []Attr
	// Groups are the names of all groups that a person is in, sorted. No source gives them: they
	// follow from the links of all, and are put here for mappings that ask. nil: not known.
	Groups []string
	// Refs are the values by which links name this record, each in the one form that the
	// source gives to such values (a DN as CanonDN has it, say). They are filled in only when
	// groups are asked for.
	Refs []string
}

// Sum identifies the content of a record: equal sums, equal content. It covers
// Kind, DN, Enabled, Expires and all Attrs with their names, not Line.
type Sum [16]byte

// Summer computes sums and keeps a buffer between calls. Not for concurrent use.
type Summer struct{ buf []byte }

// Sum returns the sum of r without allocating in the long run.
func (s *Summer) Sum(r *Record) Sum {
	b := append(s.buf[:0], byte(r.Kind), byte(r.Enabled))
	if !r.Expires.IsZero() {
		b = binary.AppendVarint(b, r.Expires.Unix())
		b = binary.AppendVarint(b, int64(r.Expires.Nanosecond()))
	}
	b = appendText(b, r.DN)
	for i := range r.Attrs {
		b = appendText(b, r.Attrs[i].Name)
		b = binary.AppendUvarint(b, uint64(len(r.Attrs[i].Values)))
		for _, v := range r.Attrs[i].Values {
			b = appendText(b, v)
		}
	}
	s.buf = b
	full := sha256.Sum256(b)
	return Sum(full[:16])
}

func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// Schema is what a source can give, learned without reading people.
type Schema struct {
	// Names are the names of all attributes, as Var gives them; nil: not known
	// (then only Want.Names are held against the entries themselves).
	Names []string
	// GroupNames are those of groups; nil: not known, or the source has no groups.
	GroupNames []string
	// Collides are names that stand for several attributes of the source; they
	// can be reached by their source spelling only.
	Collides map[string][]string
	// Spelling is a name's spelling at the source ("Employee ID").
	Spelling map[string]string
}

// Cursor is where a source stood after a complete read. Only the source that
// made it can tell what is inside. nil: nothing is known, read everything.
type Cursor []byte

// Want is what a read is asked for.
type Want struct {
	// Names are the attributes to emit, sorted, as Var gives them.
	Names []string
	// Groups asks for groups, and for who is in them; nil: people only.
	Groups *WantGroups
	// From is the cursor of the last accepted read that was asked for the same.
	From Cursor
}

// WantGroups is what a read is asked for of groups.
type WantGroups struct {
	// Names are the attributes of groups to emit, sorted, as Var gives them.
	Names []string
	// Link takes one membership: the anchor of a group that was emitted before, and a value
	// that is among the Refs of one record, of whatever kind and whether it was emitted yet
	// or not. Somebody whom no record answers for is no error. The same link may come twice.
	// An error ends the read; Read returns it.
	Link func(group, member string) error
}

// Extent tells what the absence of an entry in a read means.
type Extent uint8

const (
	// Full means that every entry was emitted: who is missing has left.
	Full Extent = iota + 1
	// Same means that nothing has changed since Want.From: nothing was emitted.
	Same
)

// Batch closes a read.
type Batch struct {
	Extent Extent
	Cursor Cursor // to be stored together with what was emitted
	// Note is one line for the log about what was read ("people-3.csv, 10000 rows").
	Note string
	// Warnings are things the admin should know that did not spoil the read.
	Warnings []string
	// Unread are groups, by anchor, whose members could not be read to the end, and why: who
	// was not linked to one of them may be in it all the same.
	Unread map[string]string
}

// Emit takes one record. An error ends the read; Read returns it.
type Emit func(*Record) error

// Source is how people are read. It is declared here, and not where it is
// called, because every source, the engine and the conformance suite share it.
//
// Both methods may be called many times, one call at a time. Read returns a nil
// error only if the listing is complete: a cut, cancelled, stalled, limited or
// otherwise doubtful read is an error, never a shorter list. Errors say what was
// incomplete and what the admin can do. A Source never writes to the directory.
type Source interface {
	Describe(ctx context.Context) (Schema, error)
	Read(ctx context.Context, want Want, emit Emit) (Batch, error)
}
