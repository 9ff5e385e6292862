package engine

import (
	"hash/maphash"

	"go.uber.org/zap"

	"scimsync/sync/ledger"
)

// marks is a set of ordinals: one bit each.
type marks struct{ bits []uint64 }

func (m *marks) set(i uint32) {
	word := int(i / 64)
	if word >= len(m.bits) {
		m.bits = append(m.bits, make([]uint64, word+1-len(m.bits))...)
	}
	m.bits[word] |= 1 << (i % 64)
}

// has tells whether i is in the set, which may be nil.
func (m *marks) has(i uint32) bool {
	if m == nil {
		return false
	}
	word := int(i / 64)
	return word < len(m.bits) && m.bits[word]&(1<<(i%64)) != 0
}

// join adds all of another set, which may be nil.
func (m *marks) join(o *marks) {
	if o == nil {
		return
	}
	for i, word := range o.bits {
		if i == len(m.bits) {
			m.bits = append(m.bits, 0)
		}
		m.bits[i] |= word
	}
}

func (m *marks) any() bool { return len(m.bits) > 0 } // none is ever taken away

// seed makes the hashes of this process; they are never stored.
var seed = maphash.MakeSeed()

func hashText(s string) uint64 { return maphash.String(seed, s) }

// rows is a spool of mirror rows.
type rows = spool[ledger.Row, *ledger.Row]

func sourceField(name string) zap.Field { return zap.String("source", name) }
