package engine

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// What goes in comes out in its order and once, also when most of it was in a file, and
// as often as it is read.
func TestSorter(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{0, 1, 100, sortedAtOnce, 2*sortedAtOnce + 1} {
		s := &sorter{dir: t.TempDir()}
		var want []item
		for range n {
			x := item{uint64(random.IntN(1000)) << 50, uint64(random.IntN(30)), uint32(random.IntN(30)), uint32(random.IntN(2))}
			want = append(want, x)
			if err := s.add(x); err != nil {
				t.Fatal(err)
			}
		}
		slices.SortFunc(want, item.compare)
		want = slices.Compact(want)
		for range 2 {
			m, err := s.read()
			if err != nil {
				t.Fatal(err)
			}
			for i, w := range want {
				if got, ok, err := m.next(); err != nil || !ok || got != w {
					t.Fatalf("of %d items, number %d is %v %v %v, want %v", n, i, got, ok, err, w)
				}
			}
			if got, ok, err := m.next(); err != nil || ok {
				t.Fatalf("behind the last of %d: %v %v", n, got, err)
			}
		}
		s.close()
	}
}

// The order is by hi first and x last.
func TestSorterOrder(t *testing.T) {
	t.Parallel()
	s := &sorter{dir: t.TempDir()}
	want := []item{{1, 9, 9, 9}, {2, 1, 9, 9}, {2, 2, 1, 9}, {2, 2, 2, 1}, {2, 2, 2, 2}}
	for _, i := range []int{3, 0, 4, 2, 1} {
		if err := s.add(want[i]); err != nil {
			t.Fatal(err)
		}
	}
	m, err := s.read()
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range want {
		if got, _, _ := m.next(); got != w {
			t.Errorf("%v, want %v", got, w)
		}
	}
}
