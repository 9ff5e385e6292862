package apply

import (
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
)

// quick trips take a few thousandths of a second.
func quick(seed uint64) func() (up, down time.Duration) {
	dice := rand.New(rand.NewPCG(seed, 4)) //nolint:gosec // it has to be repeatable
	var mu sync.Mutex
	return func() (time.Duration, time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		return time.Duration(dice.IntN(5)) * time.Millisecond, time.Duration(dice.IntN(5)) * time.Millisecond
	}
}

// A limit that nobody told us is known after the first refusal: from then on it is kept,
// and used.
func TestLimitFromARefusal(t *testing.T) {
	for i, s := range []*service{
		{n: 10, per: 2 * time.Second, slides: true},
		{n: 10, per: 2 * time.Second},
		{n: 100, per: time.Minute, slides: true},
		{n: 100, per: time.Minute, offset: 17 * time.Second},
		{n: 1, per: 6 * time.Second, slides: true},
	} {
		synctest.Test(t, func(t *testing.T) {
			s.says = func(_ *service, wait time.Duration, now time.Time) plan.Heard {
				if wait > 0 {
					return plan.Heard{TooFast: true, NotBefore: now.Add(wait)}
				}
				return plan.Heard{}
			}
			l := newLane(Pace{Concurrency: 1}, nil, nil)
			began := time.Now()
			// Where windows follow one another, the first one may be cut short.
			learned := began.Add(2 * s.per)
			s.flood(t, l, 1, quick(uint64(i)), 40*s.per)
			late := 0
			for _, at := range s.refused {
				if at.After(learned) {
					late++
				}
			}
			if used := s.used(learned, began.Add(40*s.per)); late > 0 || len(s.refused) == 0 || used < 0.95 {
				t.Errorf("%d in %v, slides %v: %d refused in the beginning, %d later, %.1f %% used", s.n, s.per, s.slides, len(s.refused)-late, late, used*100)
			}
		})
	}
}

// What a refusal taught is not believed for ever.
func TestRefusalIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(Pace{Concurrency: 1}, nil, nil)
		ask := func(heard plan.Heard) { enter(t, l, Request{}).Leave(heard) }
		ask(plan.Heard{})
		ask(plan.Heard{TooFast: true, NotBefore: time.Now().Add(10 * time.Second)})
		ask(plan.Heard{})
		began := time.Now()
		ask(plan.Heard{})
		if took := time.Since(began); took < 9*time.Second || took > 11*time.Second {
			t.Errorf("one in 10 s was learned: the second went after %v", took)
		}
		time.Sleep(61 * time.Minute)
		began = time.Now()
		for range 5 {
			ask(plan.Heard{})
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("it is still believed: %v for five", took)
		}
	})
}

// What a service says is left is never passed, and all of it is used: with the moment at
// which it is whole again, or with the length of its window.
func TestWhatIsLeft(t *testing.T) {
	for i, s := range []*service{
		{n: 20, per: 10 * time.Second, says: func(s *service, wait time.Duration, now time.Time) plan.Heard {
			from := now.Truncate(s.per)
			left := s.n
			for _, at := range s.seen {
				if !at.Before(from) {
					left--
				}
			}
			return plan.Heard{TooFast: wait > 0, Quotas: []plan.Quota{{Limit: s.n, Left: left, Reset: from.Add(s.per)}}}
		}},
		{n: 20, per: 10 * time.Second, slides: true, says: func(s *service, wait time.Duration, now time.Time) plan.Heard {
			return plan.Heard{TooFast: wait > 0, Quotas: []plan.Quota{{Limit: s.n, Window: s.per, Left: s.left(now)}}}
		}},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := newLane(all(600, time.Minute, 0, 8), nil, nil)
			began := time.Now()
			s.flood(t, l, 12, quick(uint64(i)), 20*s.per)
			if used := s.used(began, began.Add(20*s.per)); len(s.refused) > 0 || used < 0.95 {
				t.Errorf("slides %v: %d refused, %.1f %% used", s.slides, len(s.refused), used*100)
			}
		})
	}
}

// Others may draw from the same limit: what the service counts beyond what we sent makes
// us wait, and what it says never makes us faster than configured.
func TestOthersDraw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(all(10, time.Minute, 0, 1), nil, nil)
		began := time.Now()
		send := func(left int) time.Duration {
			at := time.Since(began)
			pass := enter(t, l, Request{Draws: from("all")})
			if waited := time.Since(began) - at; waited > 0 {
				at = time.Since(began)
			}
			pass.Leave(plan.Heard{Quotas: []plan.Quota{{Limit: 100, Window: time.Minute, Left: left}}})
			return at
		}
		for i := range 10 { // of 100 others have used none
			if at := send(99 - i); at != 0 {
				t.Errorf("request %d went after %v", i, at)
			}
		}
		if at := send(89); at < time.Minute {
			t.Errorf("the eleventh went after %v: the service's 100 made us faster than the config's 10", at)
		}
		// Of its 100 others have used 92.
		if at := send(6); at > 61*time.Second {
			t.Errorf("the next went after %v", at)
		}
		for i := range 6 {
			at := send(5 - i)
			if at > 62*time.Second {
				t.Errorf("request %d of those left went after %v", i, at)
			}
		}
		if at := send(80); at < 2*time.Minute {
			t.Errorf("the first that was not left went after %v", at)
		}
	})
}

// The word of the target stands for everybody, the latest one counts, and it outlives the
// process.
func TestNotBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var kept []time.Duration
		remember := func(p ledger.Pace) { kept = append(kept, p[""].NotBefore.Sub(began)) }
		l := newLane(Pace{Concurrency: 3}, ledger.Pace{"": {NotBefore: began.Add(5 * time.Second)}}, remember)
		one := enter(t, l, Request{})
		if time.Since(began) != 5*time.Second {
			t.Fatalf("went after %v: an announced wait is kept from before", time.Since(began))
		}
		two := enter(t, l, Request{})
		one.Leave(plan.Heard{NotBefore: began.Add(20 * time.Second)})
		two.Leave(plan.Heard{NotBefore: began.Add(10 * time.Second)}) // an older answer that comes later
		for range 5 {
			pass := enter(t, l, Request{Draws: from("unknown")})
			if time.Since(began) != 20*time.Second {
				t.Errorf("went after %v", time.Since(began))
			}
			pass.Leave(plan.Heard{})
		}
		if len(kept) != 1 || kept[0] != 20*time.Second {
			t.Errorf("remembered: %v", kept)
		}
	})
}

// A wait holds for the buckets that were drawn from; that of a sick target for all.
func TestWhomAWaitIsFor(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		name        string
		tooFast     bool
		sick, lost  bool
		notBefore   time.Duration // 0: not said
		left        bool          // nothing is left
		reset       time.Duration
		window      time.Duration
		write, read time.Duration
	}{
		{name: "too fast, for so long", tooFast: true, notBefore: 7 * s, write: 7 * s},
		{name: "too fast, no word", tooFast: true, write: 30 * s},
		{name: "too fast, nothing left of a window", tooFast: true, left: true, window: 40 * s, write: 40 * s},
		{name: "too fast, nothing left until then", tooFast: true, left: true, reset: 9 * s, write: 9 * s},
		{name: "nothing left until then", left: true, reset: 9 * s, write: 9 * s},
		{name: "the wait is longer than the reset", tooFast: true, notBefore: 9 * s, left: true, reset: 7 * s, write: 9 * s},
		{name: "the reset is later than the wait", tooFast: true, notBefore: 7 * s, left: true, reset: 9 * s, write: 9 * s},
		{name: "a wait without a reason", notBefore: 7 * s, write: 7 * s},
		{name: "sick, for so long", sick: true, notBefore: 7 * s, write: 7 * s, read: 7 * s},
		{name: "sick, no word", sick: true},
		{name: "lost", lost: true},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := newLane(Pace{Concurrency: 3, Unsaid: 30 * s, Buckets: []Bucket{{Name: "write"}, {Name: "read"}}}, nil, nil)
			began := time.Now()
			at := func(d time.Duration) (moment time.Time) {
				if d > 0 {
					moment = began.Add(d)
				}
				return moment
			}
			heard := plan.Heard{TooFast: c.tooFast, Sick: c.sick, Lost: c.lost, NotBefore: at(c.notBefore)}
			if c.left {
				heard.Quotas = []plan.Quota{{Left: 0, Reset: at(c.reset), Window: c.window}}
			}
			enter(t, l, Request{Draws: from("write")}).Leave(heard)
			for _, what := range []struct {
				bucket string
				want   time.Duration
			}{{"read", c.read}, {"write", c.write}} {
				enter(t, l, Request{Draws: from(what.bucket)}).Leave(plan.Heard{})
				if took := time.Since(began); took != what.want {
					t.Errorf("%s: %s went after %v, want %v", c.name, what.bucket, took, what.want)
				}
			}
		})
	}
}

// Refusals that do not say how long make a bucket rest twice as long each time; those that
// were on their way together count once.
func TestUnsaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(Pace{Concurrency: 4}, nil, nil)
		began := time.Now()
		for _, want := range []time.Duration{0, 10, 30, 70, 150, 310, 610, 910} {
			one, err := l.Enter(t.Context(), Request{})
			if took := time.Since(began); err != nil || took != want*time.Second {
				t.Errorf("%v after %v, want %ds", err, took, want)
			}
			one.Leave(plan.Heard{TooFast: true})
		}
		enter(t, l, Request{}).Leave(plan.Heard{})
		began = time.Now()
		l.places = 4
		passes := []*Pass{enter(t, l, Request{}), enter(t, l, Request{}), enter(t, l, Request{})}
		for _, pass := range passes {
			pass.Leave(plan.Heard{TooFast: true})
		}
		enter(t, l, Request{}).Leave(plan.Heard{TooFast: true})
		enter(t, l, Request{}).Leave(plan.Heard{})
		if took := time.Since(began); took != 30*time.Second {
			t.Errorf("two refusals in a row: %v", took)
		}
	})
}

// A request during a penalty lets it begin anew. So nothing is sent in it; what was on
// its way, and what came of that, counts.
func TestPenalty(t *testing.T) {
	for _, lost := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			pace := all(10, time.Minute, 0, 4)
			pace.PenaltyRestarts, pace.Unsaid = true, time.Minute
			l := newLane(pace, nil, nil)
			began := time.Now()
			write := Request{Draws: from("all")}
			one, two, three := enter(t, l, write), enter(t, l, write), enter(t, l, write)
			one.Leave(plan.Heard{TooFast: true})
			time.Sleep(5 * time.Second)
			two.Leave(plan.Heard{})
			time.Sleep(5 * time.Second)
			three.Leave(plan.Heard{TooFast: !lost, Lost: lost})
			enter(t, l, Request{Phase: Reading}).Leave(plan.Heard{})
			if took := time.Since(began); took != 10*time.Second {
				t.Errorf("a read went after %v", took)
			}
			enter(t, l, write).Leave(plan.Heard{})
			if took := time.Since(began); took != 70*time.Second {
				t.Errorf("lost %v: the next went after %v", lost, took)
			}
			for range 9 { // a penalty teaches nothing: there are ten in a minute
				enter(t, l, write).Leave(plan.Heard{})
			}
			if took := time.Since(began); took > 71*time.Second {
				t.Errorf("ten more took until %v", took)
			}
		})
	}
}

// Half of the places are taken away when the target complains, once for all who were on
// their way; they come back one by one, and never more than configured.
func TestPlacesAdapt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(Pace{Concurrency: 8}, nil, nil)
		send := func(n int, heard plan.Heard) {
			var passes []*Pass
			for range n {
				passes = append(passes, enter(t, l, Request{}))
			}
			time.Sleep(time.Millisecond)
			for _, pass := range passes {
				pass.Leave(heard)
			}
			time.Sleep(time.Millisecond)
		}
		sick := plan.Heard{Sick: true}
		for i, want := range []int{4, 2, 1, 1} {
			if send(l.places, sick); l.places != want {
				t.Errorf("complaint %d: %d places, want %d", i, l.places, want)
			}
		}
		for want := 1; want < 8; want++ {
			for i := range cleanToRise {
				if l.places != want {
					t.Fatalf("%d places after %d answers, want %d", l.places, i, want)
				}
				send(1, plan.Heard{})
			}
		}
		if send(100%8, plan.Heard{}); l.places != 8 {
			t.Errorf("%d places", l.places)
		}
	})
}
