package state

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"scimsync/sync/ledger"
	"scimsync/sync/record"
)

var people = flag.Int("people", 100_000, "how many rows the benchmarks work on")

// filled gives a state with the mirror of *people rows of some 600 bytes, as a first
// read leaves it, and their ids.
func filled(b *testing.B) (*State, []string) {
	b.Helper()
	s := openNew(b)
	ids := make([]string, *people)
	for i := range ids {
		ids[i] = fmt.Sprintf("%08d", i)
	}
	for n := 0; n < len(ids); n += 10_000 {
		must(b, s.Merge("hr", benchRows(ids, n, min(n+10_000, len(ids))), nil))
	}
	return s, ids
}

func benchRows(ids []string, from, to int) []ledger.Row {
	list := make([]ledger.Row, 0, to-from)
	for i := from; i < to; i++ {
		r := row("hr", ids[i], uint32(i), uint64(i))
		for a := range 14 {
			r.Attrs = append(r.Attrs, record.Attr{Name: fmt.Sprint("attribute_", a), Values: []string{strings.Repeat("v", 20)}})
		}
		list = append(list, r)
	}
	return list
}

func BenchmarkMerge(b *testing.B) {
	for b.Loop() {
		filled(b)
	}
	b.ReportMetric(float64(*people)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkSeen(b *testing.B) {
	s, ids := filled(b)
	shuffled := slices.Clone(ids)
	rand.Shuffle(len(ids), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	into := make([]ledger.Seen, pageLen)
	for name, list := range map[string][]string{"sorted": ids, "random": shuffled} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				for batch := range slices.Chunk(list, pageLen) {
					must(b, s.Seen("hr", record.User, batch, into[:len(batch)]))
				}
			}
			b.ReportMetric(float64(*people)*float64(b.N)/b.Elapsed().Seconds(), "ids/s")
		})
	}
}

func BenchmarkChanged(b *testing.B) {
	s, ids := filled(b)
	for name, after := range map[string]uint64{"none": uint64(len(ids)), "all": 0} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				must(b, s.Changed("hr", record.User, after, func(*ledger.Row) error { return nil }))
			}
			b.ReportMetric(float64(*people)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func BenchmarkCommitOne(b *testing.B) {
	s := openNew(b)
	n := 0
	for b.Loop() {
		n++
		commit(b, s, staff, entry(user("hr", fmt.Sprint(n)), fmt.Sprint("id", n), ledger.Live))
	}
}

// BenchmarkOpen is what every command pays that runs while the daemon does not.
func BenchmarkOpen(b *testing.B) {
	s, _ := filled(b)
	must(b, s.Close())
	for b.Loop() {
		s, err := Open(filepath.Dir(s.path), Options{})
		must(b, err)
		must(b, s.Close())
	}
}
