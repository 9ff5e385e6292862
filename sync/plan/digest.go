package plan

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math/bits"
)

// Digest identifies what a change does and to whom. Two changes with one digest
// send the same requests; the reason for them, and their place in the order, do
// not count. It is computed once: what it covers must not be altered afterwards.
func (c *Change) Digest() string {
	if c.digest == "" {
		c.digest = c.computeDigest()
	}
	return c.digest
}

func (c *Change) computeDigest() string {
	after, ops := c.After, c.Ops
	if len(after) == 0 { // none and empty are the same: a spooled change must keep its digest
		after = nil
	}
	if len(ops) == 0 {
		ops = nil
	}
	what := []any{"change/1", c.Action, c.Key.Kind, c.Key.Source, c.Key.ID, c.RemoteID, after, ops, c.Temporary}
	if len(c.Parts) > 0 {
		what = append(what, c.Parts)
	}
	// encoding/json sorts the keys of maps, so equal values give equal bytes.
	text, err := json.Marshal(what)
	if err != nil { // the values are strings, booleans, numbers and lists of them
		panic("plan: digest of " + c.String() + ": " + err.Error())
	}
	// encoding/json spells bytes that are no UTF-8 as \ufffd, but the rune that they
	// are read back as, it leaves as it is.
	text = bytes.ReplaceAll(text, []byte(`\ufffd`), []byte("\uFFFD"))
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// Set is the digest of a set of changes: the same whatever their order, and built
// up one by one. Its zero value is the empty set.
type Set struct {
	n      uint64
	hi, lo uint64
}

// Add puts one change's digest into the set.
func (s *Set) Add(digest string) {
	sum := sha256.Sum256([]byte(digest))
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, binary.BigEndian.Uint64(sum[:8]), 0)
	s.hi, _ = bits.Add64(s.hi, binary.BigEndian.Uint64(sum[8:16]), carry)
	s.n++
}

// Len is how many digests were put in.
func (s *Set) Len() int { return int(s.n) }

// String is the digest of the set in hexadecimal digits.
func (s *Set) String() string {
	var b [24]byte
	binary.BigEndian.PutUint64(b[:], s.n)
	binary.BigEndian.PutUint64(b[8:], s.hi)
	binary.BigEndian.PutUint64(b[16:], s.lo)
	sum := sha256.Sum256(b[:])
	return hex.EncodeToString(sum[:8])
}
