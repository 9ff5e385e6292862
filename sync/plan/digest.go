package plan

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/bits"

	"scimsync/sync/pack"
	"scimsync/sync/resource"
)

// Digest identifies what a change does and to whom. Two changes with one digest
// send the same requests, with the same fate of the account; the reason for them, and their place in the order, do
// not count. It is computed once: what it covers must not be altered afterwards.
func (c *Change) Digest() string {
	if c.digest == "" {
		c.digest = c.computeDigest()
	}
	return c.digest
}

func (c *Change) computeDigest() string {
	b := make([]byte, 0, 512)
	b = append(b, byte(c.Key.Kind))
	remote := c.RemoteID
	if c.Member != nil { // that of the group, which may have to be made first
		remote = ""
	}
	for _, text := range [...]string{string(c.Action), c.Key.Source, c.Key.ID, remote, c.Temporary} {
		b = resource.AppendValue(b, text)
	}
	// None and empty are the same, and so are the same values before and after JSON: a
	// change that was spooled or saved keeps its digest.
	b = resource.AppendValues(b, c.After)
	b = pack.Ints(resource.AppendOps(b, c.Ops), c.Parts)
	if c.Action == Deactivate && c.Fate != FateDisabled {
		b = resource.AppendValue(b, string(c.Fate))
	}
	if m := c.Member; m != nil {
		b = append(b, byte(m.Key.Kind))
		b = resource.AppendValue(resource.AppendValue(b, m.Key.Source), m.Key.ID)
	}
	sum := sha256.Sum256(b)
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
