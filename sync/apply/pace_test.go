package apply

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"scimsync/sync/plan"
)

// service is a target that takes n requests in each per, and no more: of its limit it
// has one of several ideas. A request takes a while to reach it, and its answer another.
type service struct {
	n       int
	per     time.Duration
	slides  bool          // windows slide; false: they follow one another
	offset  time.Duration // where the first of them begins
	penalty bool          // a request during a wait lets it begin anew
	says    func(s *service, wait time.Duration, now time.Time) plan.Heard

	mu      sync.Mutex
	seen    []time.Time // those it took
	refused []time.Time
	until   time.Time // the end of the penalty
}

// takes is one request as the service sees it: whether it takes it, and what it says.
func (s *service) takes(now time.Time) plan.Heard {
	s.mu.Lock()
	defer s.mu.Unlock()
	wait := s.wait(now)
	if s.penalty && (wait > 0 || s.until.After(now)) {
		wait, s.until = s.per, now.Add(s.per)
	}
	if wait > 0 {
		s.refused = append(s.refused, now)
	} else {
		s.seen = append(s.seen, now)
	}
	if s.says == nil {
		return plan.Heard{TooFast: wait > 0}
	}
	return s.says(s, wait, now)
}

// wait is how long it takes until the next request is taken; 0: it is taken now.
func (s *service) wait(now time.Time) time.Duration {
	if len(s.seen) < s.n {
		return 0
	}
	oldest := s.seen[len(s.seen)-s.n]
	free := oldest.Add(s.per)
	if !s.slides {
		free = oldest.Add(s.offset).Truncate(s.per).Add(s.per).Add(-s.offset)
	}
	return free.Sub(now)
}

// left is how many it would take now.
func (s *service) left(now time.Time) int {
	for i := range s.n {
		if k := len(s.seen) - s.n + i; k >= 0 && s.seen[k].Add(s.per).After(now) {
			return i
		}
	}
	return s.n
}

// flood sends requests through a lane as fast as it lets them, for a time.
func (s *service) flood(t *testing.T, l *Lane, senders int, takes func() (up, down time.Duration), span time.Duration) {
	end := time.Now().Add(span)
	var everybody sync.WaitGroup
	for range senders {
		everybody.Go(func() {
			for time.Now().Before(end) {
				pass, err := l.Enter(t.Context(), Request{Phase: 4, Draws: from("all")})
				if err != nil {
					t.Error(err)
					return
				}
				up, down := takes()
				time.Sleep(up)
				heard := s.takes(time.Now())
				time.Sleep(down)
				pass.Leave(heard)
			}
		})
	}
	everybody.Wait()
}

// used is what share of what was allowed from a moment on was used.
func (s *service) used(from, to time.Time) float64 {
	n := 0
	for _, at := range s.seen {
		if !at.Before(from) && at.Before(to) {
			n++
		}
	}
	return float64(n) / (float64(s.n) * to.Sub(from).Seconds() / s.per.Seconds())
}

// The limit of a service is never passed, whether its windows slide or follow one another,
// however long requests take to arrive; and at least 95 % of it is used.
func TestLimitIsUsedAndKept(t *testing.T) {
	for seed := range uint64(24) {
		synctest.Test(t, func(t *testing.T) {
			dice := rand.New(rand.NewPCG(seed, 3)) //nolint:gosec // it has to be repeatable
			s := &service{n: []int{1, 10, 50, 100}[dice.IntN(4)], per: []time.Duration{time.Second, 30 * time.Second, time.Minute}[dice.IntN(3)],
				slides: dice.IntN(2) == 0, offset: time.Duration(dice.IntN(60)) * time.Second / 7}
			burst := []int{0, 1, 4}[dice.IntN(3)]
			l := newLane(all(s.n, s.per, burst, 40), nil, nil)
			slow := []int64{10, 2 * patience, 5 * patience}[dice.IntN(3)] // a trip takes at most one in so many of a window
			var mu sync.Mutex
			trip := func() time.Duration { return time.Duration(dice.Int64N(int64(s.per) / slow)) }
			if slow < patience {
				// Answers that come later than the lane waits for: from a service that counts at once.
				trip = func() time.Duration { return 0 }
			}
			began := time.Now()
			s.flood(t, l, 40, func() (time.Duration, time.Duration) {
				mu.Lock()
				defer mu.Unlock()
				return trip(), time.Duration(dice.Int64N(int64(s.per) / slow))
			}, 12*s.per)
			what := fmt.Sprintf("%d in %v, burst %d, slides %v, trips up to 1/%d", s.n, s.per, burst, s.slides, slow)
			if len(s.refused) > 0 {
				t.Errorf("%s: %d refused of %d", what, len(s.refused), len(s.seen))
			}
			if used := s.used(began, began.Add(12*s.per)); used < 0.95 {
				t.Errorf("%s: %.1f %% used", what, used*100)
			}
		})
	}
}
