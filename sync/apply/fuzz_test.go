package apply

import (
	"encoding/binary"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"scimsync/sync/plan"
)

// heardStep is one answer in the bytes of a fuzzer: flags, a wait, and a quota.
const heardStep = 16

func heardOf(b []byte, now time.Time) plan.Heard {
	h := plan.Heard{TooFast: b[0]&1 != 0, Sick: b[0]&2 != 0, Lost: b[0]&4 != 0}
	span := func(i int) time.Duration {
		return time.Duration(int16(binary.LittleEndian.Uint16(b[i:]))) * 200 * time.Millisecond
	}
	if b[0]&8 != 0 {
		h.NotBefore = now.Add(min(span(1), time.Hour))
	}
	if b[0]&16 != 0 {
		q := plan.Quota{Limit: int(b[3]) << (b[4] % 24), Left: int(int8(b[5])) << (b[6] % 24), Window: max(span(7), 0)}
		if b[0]&32 != 0 {
			q.Reset = now.Add(min(span(9), time.Hour))
		}
		h.Quotas = append(h.Quotas, q)
	}
	return h
}

// Whatever a target tells, it is never asked faster than configured, never inside a wait that it announced, and never not again.
func FuzzPaceHeard(f *testing.F) {
	step := func(flags byte, rest ...byte) []byte {
		return append(append([]byte{flags}, rest...), make([]byte, heardStep-1-len(rest))...)
	}
	join := func(steps ...[]byte) (all []byte) {
		for _, s := range steps {
			all = append(all, s...)
		}
		return all
	}
	f.Add(join(step(1), step(1), step(0), step(0), step(9, 50), step(0), step(0), step(0)))
	f.Add(join(step(16, 0, 0, 255, 20, 100, 20, 44, 1), step(48, 0, 0, 1, 0, 0, 0, 44, 1, 44, 1), step(0), step(0)))
	f.Add(join(step(10, 255, 127), step(11, 0, 128), step(4), step(12, 9), step(63, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9), step(0)))
	f.Add(join(step(16, 0, 0, 1, 0, 255, 0, 1), step(16, 0, 0, 1, 0, 255, 0, 2), step(16, 0, 0, 1, 0, 255, 0, 3), step(16, 0, 0, 1, 0, 255, 0, 4)))
	var many []byte // a window of another length in every answer
	for i := range byte(30) {
		many = append(many, step(16, 0, 0, 100, 0, 255, 0, i+1)...)
	}
	f.Add(many)
	f.Fuzz(func(t *testing.T, data []byte) {
		synctest.Test(t, func(t *testing.T) {
			const n, per = 5, time.Minute
			l := newLane(Pace{Buckets: []Bucket{{Name: "all", N: n, Per: per, Burst: 2}}, Concurrency: 1, PenaltyRestarts: len(data)%2 == 1}, nil, nil)
			var sent []time.Time
			var notBefore time.Time
			for i := 0; i+heardStep <= min(len(data), 60*heardStep); i += heardStep {
				asked := time.Now()
				pass, err := l.Enter(t.Context(), Request{Draws: from("all")})
				var wait *WaitError
				if errors.As(err, &wait) { // a wait of more than an hour ends a plan; another one begins
					if wait.Until.After(asked.Add(32 * 24 * time.Hour)) {
						t.Fatalf("%v", wait)
					}
					time.Sleep(time.Until(wait.Until))
					i -= heardStep
					if len(sent) > 0 && time.Since(sent[len(sent)-1]) > 40*24*time.Hour {
						t.Fatal("never again")
					}
					continue
				} else if err != nil {
					t.Fatal(err)
				}
				now := time.Now()
				if now.Before(notBefore) {
					t.Errorf("request %d is sent %s before the end of a wait", len(sent), notBefore.Sub(now))
				}
				if now.Sub(asked) > time.Hour+time.Second {
					t.Errorf("request %d waited for %s", len(sent), now.Sub(asked))
				}
				sent = append(sent, now)
				if k := len(sent) - 1 - n; k >= 0 && now.Sub(sent[k]) < per {
					t.Errorf("%d requests in %s", n+1, now.Sub(sent[k]))
				}
				time.Sleep(50 * time.Millisecond)
				h := heardOf(data[i:], time.Now())
				notBefore = later(notBefore, h.NotBefore)
				pass.Leave(h)
				if w := len(l.budget.buckets["all"].windows); w > 20 {
					t.Fatalf("%d windows are kept", w)
				}
			}
		})
	})
}
