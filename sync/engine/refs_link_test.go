package engine

import (
	"testing"

	"pgregory.net/rapid"
)

// Everybody comes one round after whom they refer to, unless that would be a circle, or below
// the last round: then they come in the first.
func TestDepths(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := uint64(rapid.IntRange(1, 120).Draw(t, "people"))
		above, order := map[uint64]uint64{}, []uint64{}
		for i := range n {
			if rapid.IntRange(0, 20).Draw(t, "some") > 0 {
				above[i], order = rapid.Uint64Range(i/2, min(i+1, n-1)).Draw(t, "above"), append(order, i)
			}
		}
		rounds := depths(order, above)
		for _, i := range order {
			round := rounds[i]
			switch {
			case round < 0 || round > mostRounds:
				t.Fatalf("%d comes in round %d", i, round)
			case round > 0 && round != rounds[above[i]]+1:
				t.Fatalf("%d comes in round %d, %d in round %d", i, round, above[i], rounds[above[i]])
			}
		}
	})
}

func TestDepthsOfAChain(t *testing.T) {
	above, order := map[uint64]uint64{}, []uint64{}
	for i := uint64(1); i <= 100; i++ {
		above[i], order = i-1, append(order, i)
	}
	rounds, first := depths(order, above), 0
	for i := range uint64(101) {
		if rounds[i] != int(i)%(mostRounds+1) {
			t.Errorf("%d comes in round %d", i, rounds[i])
		}
		if rounds[i] == 0 {
			first++
		}
	}
	if first != 4 {
		t.Errorf("%d need a link", first-1)
	}
	above, order = map[uint64]uint64{1: 2, 2: 3, 3: 1, 4: 3, 5: 5}, []uint64{4, 1, 2, 3, 5}
	rounds = depths(order, above)
	if rounds[4] != rounds[3]+1 || rounds[1]+rounds[2]+rounds[3] != 3 || rounds[5] != 0 {
		t.Errorf("circles: %v", rounds)
	}
}
