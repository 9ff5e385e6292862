package apply

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"scimsync/sync/plan"
)

// Whoever has waited longest goes first, but a deactivation overtakes everybody.
func TestLeaversOvertake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLane(Pace{Rate: 1, Concurrency: 1}, time.Time{}, nil)
		var mu sync.Mutex
		var order []string
		enter := func(phase int, name string) {
			if err := l.Enter(t.Context(), phase); err != nil {
				t.Error(err)
			}
			mu.Lock()
			order = append(order, name)
			mu.Unlock()
			l.Leave(time.Time{})
		}
		var all sync.WaitGroup
		for i, name := range []string{"read", "create 1", "create 2", "create 3", "deactivate"} {
			phase := []int{Reading, plan.Create.Phase(), plan.Create.Phase(), plan.Create.Phase(), plan.Deactivate.Phase()}[i]
			all.Go(func() { enter(phase, name) })
			synctest.Wait() // it stands in the queue
		}
		all.Wait()
		want := []string{"read", "deactivate", "create 1", "create 2", "create 3"}
		for i := range want {
			if order[i] != want[i] {
				t.Fatalf("order %v, want %v", order, want)
			}
		}
	})
}

// Never more requests at a time, and never more in any span of time, than the pace
// allows; and never fewer than it could.
func TestPace(t *testing.T) {
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			dice := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // it has to be repeatable
			pace := Pace{Rate: []float64{0, 0.5, 3, 20}[dice.IntN(4)], Burst: dice.IntN(5), Concurrency: dice.IntN(4)}
			l := NewLane(pace, time.Time{}, nil)
			pace = l.Pace()
			starts, most := crowd(t, l, dice)
			if most > pace.Concurrency {
				t.Errorf("%+v: %d at a time", pace, most)
			}
			for i := range starts {
				for j := i + 1; j < len(starts) && pace.Rate > 0; j++ {
					span := starts[j].Sub(starts[i]).Seconds()
					if n := float64(j - i + 1); n > float64(pace.Burst)+pace.Rate*span+1e-6 {
						t.Fatalf("%+v: %v requests within %vs", pace, n, span)
					}
				}
			}
		})
	}
}

// crowd sends fifty requests through a lane, and gives when each began and how many
// there were at a time.
func crowd(t *testing.T, l *Lane, dice *rand.Rand) (starts []time.Time, most int) {
	var mu sync.Mutex
	now := 0
	var all sync.WaitGroup
	for range 50 {
		phase, takes := dice.IntN(8), time.Duration(dice.IntN(2000))*time.Millisecond
		time.Sleep(time.Duration(dice.IntN(300)) * time.Millisecond)
		all.Go(func() {
			if err := l.Enter(t.Context(), phase); err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			starts = append(starts, time.Now())
			now++
			most = max(most, now)
			mu.Unlock()
			time.Sleep(takes)
			mu.Lock()
			now--
			mu.Unlock()
			l.Leave(time.Time{})
		})
	}
	all.Wait()
	return starts, most
}

// A lane that is asked for all it has gives all it has.
func TestPaceIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLane(Pace{Rate: 10, Burst: 1, Concurrency: 3}, time.Time{}, nil)
		begun := time.Now()
		var all sync.WaitGroup
		for range 101 {
			all.Go(func() {
				if err := l.Enter(t.Context(), 4); err != nil {
					t.Error(err)
				}
				time.Sleep(50 * time.Millisecond)
				l.Leave(time.Time{})
			})
		}
		all.Wait()
		if took := time.Since(begun); took < 10*time.Second || took > 10*time.Second+100*time.Millisecond {
			t.Errorf("101 requests at 10 a second took %v", took)
		}
	})
}

// Those who give up waiting take nothing with them: neither a place nor a turn.
func TestGivingUpLeavesNoTrace(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			dice := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // it has to be repeatable
			l := NewLane(Pace{Concurrency: 2}, time.Time{}, nil)
			var all sync.WaitGroup
			for range 60 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(dice.IntN(40))*time.Millisecond)
				phase := dice.IntN(8)
				all.Go(func() {
					defer cancel()
					if l.Enter(ctx, phase) != nil {
						return
					}
					time.Sleep(10 * time.Millisecond)
					l.Leave(time.Time{})
				})
			}
			all.Wait()
			if l.underWay != 0 || len(l.waiting) != 0 {
				t.Fatalf("%d under way, %d waiting", l.underWay, len(l.waiting))
			}
			for range 2 { // both places are there
				if err := l.Enter(t.Context(), 0); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// Somebody who is let through at the very moment of giving up gives the place back.
func TestLetThroughWhileGivingUp(t *testing.T) {
	l := NewLane(Pace{}, time.Time{}, nil)
	if err := l.Enter(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- l.Enter(ctx, 0) }()
	for queued := 0; queued == 0; time.Sleep(time.Millisecond) {
		l.mu.Lock()
		queued = len(l.waiting)
		l.mu.Unlock()
	}
	l.mu.Lock()
	cancel()
	time.Sleep(10 * time.Millisecond) // it now waits for the lock, to leave the queue
	l.underWay--
	l.pump()
	l.mu.Unlock()
	if err := <-ended; err == nil {
		l.Leave(time.Time{})
	}
	if l.underWay != 0 || len(l.waiting) != 0 {
		t.Errorf("%d under way, %d waiting", l.underWay, len(l.waiting))
	}
}

func TestEnterAfterCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l := NewLane(Pace{}, time.Time{}, nil)
	if err := l.Enter(ctx, 0); err == nil || l.underWay != 0 {
		t.Errorf("%v, %d under way", err, l.underWay)
	}
}

// The target's word stands for everybody, the latest one counts, and it outlives the
// process.
func TestNotBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var told []time.Duration
		l := NewLane(Pace{Concurrency: 3}, begun.Add(5*time.Second), func(at time.Time) { told = append(told, at.Sub(begun)) })
		if err := l.Enter(t.Context(), 0); err != nil || time.Since(begun) != 5*time.Second {
			t.Fatalf("%v after %v: an announced wait is kept from before", err, time.Since(begun))
		}
		if err := l.Enter(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		l.Leave(begun.Add(20 * time.Second))
		l.Leave(begun.Add(10 * time.Second)) // an older answer that comes later
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if err := l.Enter(t.Context(), 0); err != nil || time.Since(begun) != 20*time.Second {
					t.Errorf("%v after %v", err, time.Since(begun))
				}
				l.Leave(time.Time{})
			})
		}
		all.Wait()
		if len(told) != 1 || told[0] != 20*time.Second {
			t.Errorf("remembered: %v", told)
		}
	})
}

func TestFailuresInARow(t *testing.T) {
	l := NewLane(Pace{}, time.Time{}, nil)
	if l.Failed(); l.Failed() != 2 {
		t.Error("two in a row")
	}
	if l.Worked(); l.Failed() != 1 {
		t.Error("a new row")
	}
}
