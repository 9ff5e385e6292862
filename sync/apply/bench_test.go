package apply

import (
	"sync"
	"testing"
	"time"

	"scimsync/sync/plan"
)

// BenchmarkFreeLane is what a lane without limits costs each request.
func BenchmarkFreeLane(b *testing.B) {
	l := newLane(Pace{Concurrency: 8}, nil, nil)
	for b.Loop() {
		pass, err := l.Enter(b.Context(), Request{Phase: 4, Account: "a"})
		if err != nil {
			b.Fatal(err)
		}
		pass.Leave(plan.Heard{})
	}
}

// BenchmarkCrowdedLane is the same with twice as many requests as there are places.
func BenchmarkCrowdedLane(b *testing.B) {
	l := newLane(Pace{Concurrency: 8}, nil, nil)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range b.N / 16 {
				pass, err := l.Enter(b.Context(), Request{Phase: 4})
				if err != nil {
					b.Error(err)
				}
				pass.Leave(plan.Heard{})
			}
		})
	}
	all.Wait()
}

// BenchmarkPacedLane is what a bucket adds that is never full.
func BenchmarkPacedLane(b *testing.B) {
	l := newLane(all(1_000_000_000, time.Second, 1_000_000, 8), nil, nil)
	for b.Loop() {
		pass, err := l.Enter(b.Context(), Request{Phase: 4, Account: "a", Draws: from("all")})
		if err != nil {
			b.Fatal(err)
		}
		pass.Leave(plan.Heard{})
	}
}
