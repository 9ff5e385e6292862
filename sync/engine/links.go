package engine

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"scimsync/sync/ledger"
	"scimsync/sync/record"
)

// links makes edges of what a read says of memberships: a group, and a value by which some
// record of the same read goes. Both are kept as fixed-size items and sorted, so that any
// number of them is joined in little memory, in whatever order they came:
//
//	refs    hash of a value, ordinal of the record that has it, its kind
//	said    hash of a value, number of the group that lists it
//	edges   group, kind and ordinal of the member
//
// A hash has 128 bits of SHA-256: two values that share one would give the one's access to
// the other.
type links struct {
	// Of the reading goroutine.
	numbers map[string]uint32 // of groups, by anchor: in the order in which they were emitted
	names   []string          // of groups, by number
	last    string            // the group of the last link, and its number
	number  uint32
	said    sorter
	buf     []byte

	// Of the comparing goroutine, until finish.
	refs     sorter
	ordinals []uint32 // of groups, by number
	renamed  []uint32 // groups that have another name than the mirror knows
	moved    marks    // whoever stands at another place in the directory than the mirror knows

	// From join.
	edges       sorter
	unread      map[uint32]string // groups, by ordinal, that could not be read to their end, and why
	partial     marks             // groups that lose nobody: those, and who lists somebody ambiguous
	unresolved  int               // links that nobody answers for
	open        marks             // the groups that have such
	openFirst   uint32
	ambiguous   []ambiguity // the first few links that two records answer for
	ambiguities int
}

// ambiguity is a link that two records answer for.
type ambiguity struct{ group, one, other uint32 }

// examples is how many of many are named in a message.
const examples = 3

func newLinks(dir string) *links {
	return &links{numbers: map[string]uint32{}, said: sorter{dir: dir}, refs: sorter{dir: dir}, edges: sorter{dir: dir}, unread: map[uint32]string{}}
}

// keeps tells whether an edge of the mirror that was not read is there all the same: of a group
// that may have more members than were read, or of somebody who moved while the group lists
// one whom nobody answers for. They may be that one, read before the move, or before the
// server had corrected the link. The next read tells.
func (l *links) keeps(e ledger.Edge) bool {
	return l.partial.has(e.Group) || l.open.has(e.Group) && l.moved.has(e.Member)
}

// doubtful tells whether edges may have been kept.
func (l *links) doubtful() bool { return l.partial.any() || l.open.any() && l.moved.any() }

func (l *links) close() {
	l.said.close()
	l.refs.close()
	l.edges.close()
}

// refHash is the hash of a value. buf is used again and again.
func refHash(buf []byte, text string) (hi, lo uint64, _ []byte) {
	buf = append(buf[:0], text...)
	sum := sha256.Sum256(buf)
	return binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:]), buf
}

// group numbers a group that was emitted.
func (l *links) group(anchor, name string) uint32 {
	n := uint32(len(l.names))
	l.numbers[strings.Clone(anchor)] = n
	l.names = append(l.names, strings.Clone(name))
	return n
}

// name gives the name of a group, by its ordinal.
func (l *links) name(ordinal uint32) string { return l.names[slices.Index(l.ordinals, ordinal)] }

// link is record.WantGroups.Link.
func (l *links) link(group, member string) error {
	if group != l.last || len(l.names) == 0 {
		number, known := l.numbers[group]
		if !known {
			return fmt.Errorf("members of group %s were given before the group: a fault of the source", group)
		}
		l.last, l.number = strings.Clone(group), number
	}
	var x item
	x.hi, x.lo, l.buf = refHash(l.buf, member)
	x.n = l.number
	return l.said.add(x)
}

// edgeItem is an edge as it is sorted.
func edgeItem(group, member uint32, kind record.Kind) item {
	x := item{hi: uint64(group), lo: uint64(member)}
	if kind != record.Group {
		x.lo |= 1 << 32
	}
	return x
}

func (x item) edge() ledger.Edge {
	return ledger.Edge{Group: uint32(x.hi), Nested: x.lo>>32 == 0, Member: uint32(x.lo)}
}

// join finds who answers for each link. unread is Batch.Unread.
func (l *links) join(unread map[string]string) error {
	for anchor, why := range unread {
		number, known := l.numbers[anchor]
		if !known {
			return fmt.Errorf("members of group %s could not be read, and the group was not given: a fault of the source", anchor)
		}
		l.unread[l.ordinals[number]] = why
		l.partial.set(l.ordinals[number])
	}
	answers, err := l.answers()
	if err != nil {
		return err
	}
	said, err := l.said.read()
	if err != nil {
		return err
	}
	for {
		link, ok, err := said.next()
		if err != nil || !ok {
			return err
		}
		found, err := answers.to(link.hi, link.lo)
		if err == nil {
			err = l.resolve(l.ordinals[link.n], found)
		}
		if err != nil {
			return err
		}
	}
}

// resolve makes an edge of a link.
func (l *links) resolve(group uint32, found []item) error {
	switch len(found) {
	case 0:
		if l.unresolved++; l.unresolved == 1 {
			l.openFirst = group
		}
		l.open.set(group)
		return nil
	case 1:
		return l.edges.add(edgeItem(group, found[0].n, record.Kind(found[0].x)))
	}
	if l.ambiguities++; l.ambiguities <= examples {
		l.ambiguous = append(l.ambiguous, ambiguity{group, found[0].n, found[1].n})
	}
	l.partial.set(group)
	return nil
}

// answers walks through the refs beside the links.
type answers struct {
	refs   *merged
	next   item
	left   bool // there is a next
	asked  bool
	hi, lo uint64 // that was asked for last
	found  []item
}

func (l *links) answers() (*answers, error) {
	refs, err := l.refs.read()
	if err != nil {
		return nil, err
	}
	a := &answers{refs: refs}
	a.next, a.left, err = refs.next()
	return a, err
}

// to gives the refs of a hash: none, one, or two for any more. Hashes have to come in order.
func (a *answers) to(hi, lo uint64) (_ []item, err error) {
	if a.asked && a.hi == hi && a.lo == lo {
		return a.found, nil
	}
	a.asked, a.hi, a.lo, a.found = true, hi, lo, a.found[:0]
	for a.left && (a.next.hi < hi || a.next.hi == hi && a.next.lo <= lo) {
		if a.next.hi == hi && a.next.lo == lo && len(a.found) < 2 {
			a.found = append(a.found, a.next)
		}
		if a.next, a.left, err = a.refs.next(); err != nil {
			return nil, err
		}
	}
	return a.found, nil
}
