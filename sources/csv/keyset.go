package csv

import "hash/maphash"

const (
	shards     = 4096 // tables that grow one at a time, so that growing needs no second copy of all
	firstSlots = 16   // of one table; a power of two
)

// keySet remembers which keys were seen by 44 bits of hash each, 12 that say in which
// table and 32 that stand there, at a load of 3/8 to 3/4: 5 to 11 bytes a key. A hit is a
// suspicion, not a proof: among a million keys two share a hash in 3 files of 100.
type keySet struct {
	slots [shards][]uint32 // open addressing; 0 is free
	used  [shards]int32
}

// seeded returns a hash that differs between processes, so that nobody can
// prepare a file of colliding keys.
func seeded() func(string) uint64 {
	seed := maphash.MakeSeed()
	return func(s string) uint64 { return maphash.String(seed, s) }
}

// add remembers a hash and says whether it was there before.
func (k *keySet) add(h uint64) (seen bool) {
	n, mark := h%shards, max(uint32(h>>32), 1)
	if len(k.slots[n]) == 0 {
		k.slots[n] = make([]uint32, firstSlots)
	}
	if !insert(k.slots[n], mark) {
		return true
	}
	k.used[n]++
	if int(k.used[n])*4 >= len(k.slots[n])*3 {
		grown := make([]uint32, 2*len(k.slots[n]))
		for _, old := range k.slots[n] {
			if old != 0 {
				insert(grown, old)
			}
		}
		k.slots[n] = grown
	}
	return false
}

// insert stores a mark in a table with a free slot; false: it was there already.
func insert(slots []uint32, mark uint32) bool {
	last := uint32(len(slots) - 1)
	for i := mark & last; ; i = (i + 1) & last {
		switch slots[i] {
		case 0:
			slots[i] = mark
			return true
		case mark:
			return false
		}
	}
}
