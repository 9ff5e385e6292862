package apply

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"scimsync/sync/plan"
)

// What is foretold is what it then takes, within a twentieth.
func TestForecast(t *testing.T) {
	type part struct {
		n     int
		draws []plan.Draw
	}
	ringcentral := Pace{Concurrency: 1, Buckets: []Bucket{{Name: "read", N: 50, Per: time.Minute, Burst: 1}, {Name: "write", N: 10, Per: time.Minute, Burst: 1}}}
	for _, c := range []struct {
		name   string
		pace   Pace
		answer time.Duration
		sent   []part // before
		parts  []part // each after the one before
		about  time.Duration
	}{
		{"nothing", ringcentral, time.Second, nil, nil, 0},
		{"a first load", ringcentral, 300 * time.Millisecond, []part{{1, from("read")}}, []part{{11, from("read")}, {1000, from("write")}}, 101 * time.Minute},
		{"slow answers", ringcentral, 20 * time.Second, []part{{1, from("read")}}, []part{{30, from("write")}}, 10 * time.Minute},
		{"all at once", all(100, time.Minute, 0, 8), 0, nil, []part{{350, from("all")}}, 3 * time.Minute},
		{"after others", all(100, time.Minute, 0, 8), 0, []part{{90, from("all")}}, []part{{20, from("all")}}, time.Minute},
		{"two at a time", Pace{Concurrency: 9, Buckets: []Bucket{{Name: "a", N: 60, Per: time.Minute, Burst: 1}, {Name: "b", N: 30, Per: time.Minute, Burst: 1}}}, 0, nil,
			[]part{{60, from("a", "b")}, {60, from("a")}}, 160 * time.Second},
		{"no limit", Pace{Concurrency: 4}, 100 * time.Millisecond, []part{{4, nil}}, []part{{4000, nil}}, 100 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := newLane(c.pace, nil, nil)
			send := func(p part) {
				var everybody sync.WaitGroup
				for range l.Concurrency() {
					everybody.Go(func() {
						for range p.n / l.Concurrency() {
							pass, err := l.Enter(t.Context(), Request{Phase: 4, Draws: p.draws})
							if err != nil {
								t.Error(err)
								return
							}
							time.Sleep(c.answer)
							pass.Leave(plan.Heard{})
						}
					})
				}
				everybody.Wait()
			}
			for _, p := range c.sent {
				send(p)
			}
			began, f := time.Now(), l.Forecast()
			for _, p := range c.parts {
				f.Add(p.draws, p.n-p.n%l.Concurrency())
				f.Then()
			}
			for _, p := range c.parts {
				send(p)
			}
			took := time.Since(began)
			if off := took - f.Takes(); off > took/20 || off < -took/20 || took > c.about*11/10 || took < c.about*9/10 {
				t.Errorf("%s: foretold %v, took %v, meant to be about %v", c.name, f.Takes(), took, c.about)
			}
		})
	}
}
