package apply

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"scimsync/sync/plan"
)

// enter enters or fails the test.
func enter(t *testing.T, l *Lane, r Request) *Pass {
	t.Helper()
	pass, err := l.Enter(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return pass
}

// from draws one unit each from the buckets of these names.
func from(names ...string) []plan.Draw {
	var draws []plan.Draw
	for _, name := range names {
		draws = append(draws, plan.Draw{Bucket: name, N: 1})
	}
	return draws
}

// all is a pace with one bucket, of the name "all".
func all(n int, per time.Duration, burst, concurrency int) Pace {
	return Pace{Buckets: []Bucket{{Name: "all", N: n, Per: per, Burst: burst}}, Concurrency: concurrency}
}

// roll is who went, in their order.
type roll struct {
	mu    sync.Mutex
	names []string
	at    []time.Duration
	began time.Time
}

// goes sends a request through a lane, which takes a while, once it stands in the queue
// if it has to.
func (r *roll) goes(t *testing.T, everybody *sync.WaitGroup, l *Lane, name string, request Request) {
	everybody.Go(func() {
		pass, err := l.Enter(t.Context(), request)
		if err != nil {
			t.Error(err)
			return
		}
		r.mu.Lock()
		r.names, r.at = append(r.names, name), append(r.at, time.Since(r.began))
		r.mu.Unlock()
		time.Sleep(10 * time.Millisecond)
		pass.Leave(plan.Heard{})
	})
	synctest.Wait()
}

// Whoever has waited longest goes first, but a deactivation overtakes everybody.
func TestLeaversOvertake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(all(1, time.Second, 1, 1), nil, nil)
		r, everybody := roll{began: time.Now()}, sync.WaitGroup{}
		create := plan.Create.Phase()
		for i, name := range []string{"read", "create 1", "create 2", "create 3", "deactivate"} {
			phase := []int{Reading, create, create, create, plan.Deactivate.Phase()}[i]
			r.goes(t, &everybody, l, name, Request{Phase: phase, Draws: from("all")})
		}
		everybody.Wait()
		if want := []string{"read", "deactivate", "create 1", "create 2", "create 3"}; !slices.Equal(r.names, want) {
			t.Fatalf("order %v, want %v", r.names, want)
		}
	})
}

// Who waits for an exhausted bucket keeps nobody waiting who does not need it; but of
// those who need it nobody overtakes, however little they need.
func TestBucketsKeepApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pace := Pace{Concurrency: 9, Buckets: []Bucket{{Name: "write", N: 2, Per: time.Minute}, {Name: "group", N: 5, Per: 30 * time.Second}, {Name: "read", N: 50, Per: time.Minute}}}
		l := newLane(pace, nil, nil)
		r, everybody := roll{began: time.Now()}, sync.WaitGroup{}
		write := func(name string, draws ...plan.Draw) { r.goes(t, &everybody, l, name, Request{Phase: 2, Draws: draws}) }
		write("w1", from("write")...)
		write("w2", from("write")...)
		write("g3", plan.Draw{Bucket: "group", N: 3})
		write("w3", from("write")...)                                                   // waits for a minute
		write("wg", plan.Draw{Bucket: "write", N: 1}, plan.Draw{Bucket: "group", N: 1}) // so does this
		write("g4", plan.Draw{Bucket: "group", N: 4})                                   // waits for half a minute
		write("g2", plan.Draw{Bucket: "group", N: 2})                                   // would fit, but takes from g4
		r.goes(t, &everybody, l, "r", Request{Phase: Reading, Draws: from("read")})
		write("any")
		everybody.Wait()
		want := map[string]time.Duration{"w1": 0, "w2": 0, "g3": 0, "r": 0, "any": 0, "g4": 30 * time.Second, "w3": time.Minute, "wg": time.Minute, "g2": time.Minute}
		for i, name := range r.names {
			if late := r.at[i] - want[name]; late < 0 || late > time.Second {
				t.Errorf("%s went after %v, want %v", name, r.at[i], want[name])
			}
		}
	})
}

// While writes wait, one request in five is a read, and no deactivation waits for it.
func TestReadsYield(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(all(1, time.Second, 1, 1), nil, nil)
		r, everybody := roll{began: time.Now()}, sync.WaitGroup{}
		request := func(name string, phase int) {
			r.goes(t, &everybody, l, name, Request{Phase: phase, Draws: from("all")})
		}
		for range 8 {
			request("r", Reading)
		}
		for range 20 {
			request("w", plan.Create.Phase())
		}
		for range 6 {
			request("d", plan.Deactivate.Phase())
		}
		everybody.Wait()
		if order, want := strings.Join(r.names, ""), "r"+"dddddd"+"r"+"ww"+"r"+"wwww"+"r"+"wwww"+"r"+"wwww"+"r"+"wwww"+"r"+"ww"+"r"; order != want {
			t.Errorf("order %s, want %s", order, want)
		}
	})
}

// Of one account one write is under way at a time; others go on.
func TestOneWriteAnAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(Pace{Concurrency: 4}, nil, nil)
		r, everybody := roll{began: time.Now()}, sync.WaitGroup{}
		for _, name := range []string{"a", "a", "b", "a", "", ""} {
			r.goes(t, &everybody, l, name, Request{Phase: 2, Account: name})
		}
		everybody.Wait()
		if want := []time.Duration{0, 0, 0, 0, 10 * time.Millisecond, 20 * time.Millisecond}; !slices.Equal(r.at, want) || strings.Join(r.names, "") != "abaa" {
			t.Errorf("%q at %v", r.names, r.at)
		}
		if len(l.accounts) != 0 {
			t.Errorf("left: %v", l.accounts)
		}
	})
}

// What belongs to a request that has its place takes no other, and draws as any does.
func TestWithin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(all(2, time.Minute, 0, 1), nil, nil)
		began := time.Now()
		outer := enter(t, l, Request{Phase: 2, Account: "a", Draws: from("all")})
		for i := range 2 {
			inner, err := l.Enter(outer.Within(t.Context()), Request{Phase: Reading, Account: "a", Draws: from("all")})
			took, want := time.Since(began), time.Duration(i)*time.Minute
			if err != nil || took < want || took > want+want/20 || l.underWay != 1 {
				t.Errorf("%v after %v, want %v; %d places taken", err, took, want, l.underWay)
			}
			inner.Leave(plan.Heard{})
		}
		outer.Leave(plan.Heard{})
		nobody(t, l)
	})
}

// Never more requests at a time, and never more in any span of time, than the pace
// allows; and never fewer than it could.
func TestPace(t *testing.T) {
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			dice := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // it has to be repeatable
			pace := all([]int{0, 1, 3, 20}[dice.IntN(4)], time.Second, dice.IntN(5), dice.IntN(4))
			l := newLane(pace, nil, nil)
			starts, most := crowd(t, l, dice)
			if most > l.Concurrency() {
				t.Errorf("%+v: %d at a time", pace, most)
			}
			k := pace.Buckets[0]
			for i := range starts {
				for j := i + 1; j < len(starts) && k.N > 0; j++ {
					span, n := starts[j].Sub(starts[i]), j-i+1
					if span < k.Per && n > k.N || k.Burst > 0 && float64(n) > float64(k.Burst)+float64(k.N)*span.Seconds()+1e-6 {
						t.Fatalf("%+v: %v requests within %v", k, n, span)
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
	var everybody sync.WaitGroup
	for range 50 {
		phase, takes := dice.IntN(8), time.Duration(dice.IntN(2000))*time.Millisecond
		time.Sleep(time.Duration(dice.IntN(300)) * time.Millisecond)
		everybody.Go(func() {
			pass, err := l.Enter(t.Context(), Request{Phase: phase, Draws: from("all")})
			if err != nil {
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
			pass.Leave(plan.Heard{})
		})
	}
	everybody.Wait()
	return starts, most
}

// Those who give up waiting take nothing with them: neither a place nor a turn, nor a
// unit of a bucket.
func TestGivingUpLeavesNoTrace(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			dice := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // it has to be repeatable
			l := newLane(all(1000, time.Hour, 0, 2), nil, nil)
			var everybody sync.WaitGroup
			went := 0
			for range 60 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(dice.IntN(40))*time.Millisecond)
				r := Request{Phase: dice.IntN(8), Account: string(rune('a' + dice.IntN(3))), Draws: from("all")}
				everybody.Go(func() {
					defer cancel()
					pass, err := l.Enter(ctx, r)
					if err != nil {
						return
					}
					time.Sleep(10 * time.Millisecond)
					if pass.Leave(plan.Heard{}); true {
						l.budget.mu.Lock()
						went++
						l.budget.mu.Unlock()
					}
				})
			}
			everybody.Wait()
			nobody(t, l)
			if w := l.budget.buckets["all"].windows[0]; w.used != went {
				t.Errorf("%d went, %d counted", went, w.used)
			}
			for range 2 { // both places are there
				enter(t, l, Request{})
			}
		})
	}
}

// nobody fails the test if a lane is not empty.
func nobody(t *testing.T, l *Lane) {
	t.Helper()
	if l.underWay != 0 || len(l.budget.waiting) != 0 || len(l.accounts) != 0 {
		t.Errorf("%d under way, %d waiting, accounts %v", l.underWay, len(l.budget.waiting), l.accounts)
	}
	for name, k := range l.budget.buckets {
		for _, w := range k.windows {
			if w.open != 0 || k.underWay != 0 {
				t.Errorf("bucket %s: %d open, %d under way", name, w.open, k.underWay)
			}
		}
	}
}

// Somebody who is let through at the very moment of giving up gives the place back.
func TestLetThroughWhileGivingUp(t *testing.T) {
	l := newLane(Pace{}, nil, nil)
	first := enter(t, l, Request{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		pass, err := l.Enter(ctx, Request{})
		if err == nil {
			pass.Leave(plan.Heard{})
		}
		ended <- err
	}()
	b := l.budget
	for queued := 0; queued == 0; time.Sleep(time.Millisecond) {
		b.mu.Lock()
		queued = len(b.waiting)
		b.mu.Unlock()
	}
	b.mu.Lock()
	cancel()
	time.Sleep(10 * time.Millisecond) // it now waits for the lock, to leave the queue
	b.leave(first, plan.Heard{})
	b.pump()
	b.mu.Unlock()
	<-ended
	nobody(t, l)
}

func TestEnterAfterCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l := newLane(Pace{}, nil, nil)
	if _, err := l.Enter(ctx, Request{}); err == nil || l.underWay != 0 {
		t.Errorf("%v, %d under way", err, l.underWay)
	}
}

// A cap that is used up ends the wait at once, with a word on when it is free again; what
// does not need it goes on.
func TestWaitTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pace := Pace{Concurrency: 2, Buckets: []Bucket{{Name: "daily", N: 2, Per: 24 * time.Hour}}}
		l := newLane(pace, nil, nil)
		began := time.Now()
		for range 2 {
			enter(t, l, Request{Draws: from("daily")}).Leave(plan.Heard{})
		}
		_, err := l.Enter(t.Context(), Request{Draws: from("daily")})
		var wait *WaitError
		if !errors.As(err, &wait) || wait.Bucket != "daily" || wait.Until.Sub(began) < 24*time.Hour || time.Since(began) != 0 {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		enter(t, l, Request{}).Leave(plan.Heard{})
		time.Sleep(23*time.Hour + 10*time.Minute)
		enter(t, l, Request{Draws: from("daily")}).Leave(plan.Heard{})
		if took := time.Since(began); took < 24*time.Hour || took > 25*time.Hour {
			t.Errorf("went after %v", took)
		}
		nobody(t, l)
	})
}

// Several lanes that share a budget share its buckets and its queue, and nothing else.
func TestSharedBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(all(1, time.Minute, 0, 0), nil, nil)
		one, two := b.Lane(1), b.Lane(1)
		r, everybody := roll{began: time.Now()}, sync.WaitGroup{}
		for i, l := range []*Lane{one, two, one, two} {
			phase := []int{4, 4, 4, 0}[i]
			r.goes(t, &everybody, l, []string{"1a", "2a", "1b", "2b"}[i], Request{Phase: phase, Account: "same", Draws: from("all")})
		}
		everybody.Wait()
		if want := []string{"1a", "2b", "2a", "1b"}; !slices.Equal(r.names, want) || r.at[1] < time.Minute || r.at[3] > 185*time.Second {
			t.Errorf("%v at %v", r.names, r.at)
		}
	})
}

func TestFailuresInARow(t *testing.T) {
	l := newLane(Pace{}, nil, nil)
	if l.Failed(); l.Failed() != 2 {
		t.Error("two in a row")
	}
	if l.Worked(); l.Failed() != 1 {
		t.Error("a new row")
	}
}
