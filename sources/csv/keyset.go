package csv

import "hash/maphash"

const (
	shards     = 256 // tables that grow one at a time, so that growing needs no second copy of all
	firstSlots = 16  // of one table; a power of two
)

// keySet remembers which keys were seen by 8 bytes of hash each, at a load of
// 3/8 to 3/4: 11 to 21 bytes a key. A hit is a suspicion, not a proof: two keys
// may share a hash.
type keySet struct {
	slots [shards][]uint64 // open addressing; 0 is free
	used  [shards]int
}

// seeded returns a hash that differs between processes, so that nobody can
// prepare a file of colliding keys.
func seeded() func(string) uint64 {
	seed := maphash.MakeSeed()
	return func(s string) uint64 { return maphash.String(seed, s) }
}

// add remembers a hash and says whether it was there before.
func (k *keySet) add(h uint64) (seen bool) {
	if h == 0 {
		h = 1
	}
	n := h % shards
	if len(k.slots[n]) == 0 {
		k.slots[n] = make([]uint64, firstSlots)
	}
	if !insert(k.slots[n], h) {
		return true
	}
	k.used[n]++
	if k.used[n]*4 >= len(k.slots[n])*3 {
		grown := make([]uint64, 2*len(k.slots[n]))
		for _, old := range k.slots[n] {
			if old != 0 {
				insert(grown, old)
			}
		}
		k.slots[n] = grown
	}
	return false
}

// insert stores a hash in a table with a free slot; false: it was there already.
func insert(slots []uint64, h uint64) bool {
	mask := uint64(len(slots) - 1)
	for i := h / shards & mask; ; i = (i + 1) & mask {
		switch slots[i] {
		case 0:
			slots[i] = h
			return true
		case h:
			return false
		}
	}
}
