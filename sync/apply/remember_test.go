package apply

import (
	"encoding/json"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
)

// store keeps what is to be remembered, as a file does.
type store struct {
	mu    sync.Mutex
	text  []byte
	times int
}

func (s *store) write(p ledger.Pace) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.times++
	s.text, _ = json.Marshal(p)
}

func (s *store) read(t *testing.T) (p ledger.Pace) {
	t.Helper()
	if err := json.Unmarshal(s.text, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// A process that ends, however it ends, leaves behind what the next one must not send:
// what was sent in long windows, what is under way, and what the target said.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pace := Pace{Concurrency: 9, Buckets: []Bucket{{Name: "a", N: 10, Per: time.Minute}, {Name: "short", N: 3, Per: time.Second}, {Name: "gone", N: 1, Per: time.Hour}}}
		began, kept := time.Now(), &store{}
		l := newLane(pace, nil, kept.write)
		for range 6 {
			enter(t, l, Request{Draws: from("a", "short", "gone")[:1]}).Leave(plan.Heard{})
			time.Sleep(2 * time.Second)
		}
		enter(t, l, Request{Draws: from("gone")}).Leave(plan.Heard{})
		enter(t, l, Request{Draws: from("short")}).Leave(plan.Heard{Quotas: []plan.Quota{{Limit: 2, Window: time.Second, Left: 1}}})
		enter(t, l, Request{Draws: from("a")}) // it is killed with this under way
		time.Sleep(2 * time.Second)            // so long may pass until it is remembered
		synctest.Wait()
		text := kept.text
		if len(text) > 1000 || kept.times > 9 {
			t.Errorf("%d bytes in %d writes: %s", len(text), kept.times, text)
		}

		pace.Buckets = pace.Buckets[:2]
		l = newLane(pace, kept.read(t), kept.write)
		for range 3 {
			enter(t, l, Request{Draws: from("a")}).Leave(plan.Heard{})
		}
		if took := time.Since(began); took != 14*time.Second {
			t.Errorf("the three that were left went after %v", took)
		}
		enter(t, l, Request{Draws: from("a")}).Leave(plan.Heard{})
		if took := time.Since(began); took < time.Minute || took > 61*time.Second {
			t.Errorf("the next went after %v", took)
		}
		at := time.Now()
		for range 4 {
			enter(t, l, Request{Draws: from("short")}).Leave(plan.Heard{})
		}
		if took := time.Since(at); took < time.Second || took > 1100*time.Millisecond {
			t.Errorf("four at 2 a second, as the target said, took %v", took)
		}
	})
}

// Many requests are remembered in few writes, and the last of them too.
func TestRememberedSparely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := &store{}
		b := NewBudget(all(100000, time.Hour, 0, 1), nil, kept.write)
		l := b.Lane(1)
		for range 5000 {
			enter(t, l, Request{Draws: from("all")}).Leave(plan.Heard{})
			time.Sleep(time.Millisecond)
		}
		b.Flush()
		n := 0
		for _, s := range kept.read(t)["all"].Windows[0].Sent {
			n += s.N
		}
		if kept.times > 7 || n != 5000 || len(kept.text) > 20000 {
			t.Errorf("%d writes, %d sent, %d bytes", kept.times, n, len(kept.text))
		}
		time.Sleep(time.Minute)
		if times := kept.times; func() int { b.Flush(); return kept.times }() != times {
			t.Error("written although nothing was sent")
		}
	})
}

// What was remembered by a clock that was wrong keeps nobody waiting for years.
func TestClockWasWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		year := time.Now().Add(365 * 24 * time.Hour)
		l := newLane(all(1, time.Minute, 0, 1), ledger.Pace{"": {NotBefore: year}, "all": {Windows: []ledger.Window{
			{Per: time.Minute, Sent: []ledger.Sent{{Until: year, N: 1}}}}}}, nil)
		began := time.Now()
		enter(t, l, Request{Draws: from("all")}).Leave(plan.Heard{})
		if took := time.Since(began); took != time.Hour {
			t.Errorf("went after %v", took)
		}
	})
}

// The next process may begin within a window of a second: what the one before it sent
// counts. While requests go, nothing is written for that.
func TestShortWindowsAreRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := &store{}
		pace := all(5, time.Second, 0, 1)
		b := NewBudget(pace, nil, kept.write)
		l := b.Lane(1)
		for range 5 {
			enter(t, l, Request{Draws: from("all")}).Leave(plan.Heard{})
		}
		if kept.times != 0 {
			t.Errorf("%d writes while requests go", kept.times)
		}
		b.Flush()
		time.Sleep(300 * time.Millisecond)
		began := time.Now()
		l = newLane(pace, kept.read(t), nil)
		enter(t, l, Request{Draws: from("all")}).Leave(plan.Heard{})
		if took := time.Since(began); took < 690*time.Millisecond || took > 750*time.Millisecond {
			t.Errorf("went after %v", took)
		}
		if times := kept.times; func() int { b.Flush(); return kept.times }() != times {
			t.Error("written although nothing was sent")
		}
	})
}
