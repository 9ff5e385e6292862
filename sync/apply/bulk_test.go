package apply

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"scimsync/sync/plan"
	"scimsync/sync/resource"
)

// lengths tells how many people each request for several was for.
func (w *world) lengths() []int {
	var n []int
	for _, keys := range w.bulks {
		n = append(n, len(keys))
	}
	return n
}

// Changes travel together as far as one request takes them, in as few as can be.
func TestTogether(t *testing.T) {
	for name, c := range map[string]struct {
		bulk plan.Bulk
		n    int
		want []int
	}{
		"by number":        {plan.Bulk{Ops: 100}, 1050, []int{100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 50}},
		"above a page":     {plan.Bulk{Ops: 800}, 2000, []int{800, 800, 400}},
		"by size":          {plan.Bulk{Ops: 100, Bytes: 45}, 10, []int{4, 4, 2}},
		"none fits":        {plan.Bulk{Ops: 100, Bytes: 9}, 3, nil},
		"one is by itself": {plan.Bulk{Ops: 100}, 101, []int{100}},
		"off":              {plan.Bulk{}, 3, nil},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.bulk = c.bulk
				r := w.out(w.carry(Pace{Concurrency: 1}), changes(plan.Create, "c", c.n)...)
				if got := w.lengths(); !slices.Equal(got, c.want) {
					t.Errorf("requests for %v, want %v", got, c.want)
				}
				if r.Done[plan.Create] != c.n || len(w.entries) != c.n || len(w.intents) != 0 || r.Unsent != 0 {
					t.Errorf("%+v; %d entries, %d intents", r, len(w.entries), len(w.intents))
				}
				alone := w.count("send", "") - sum(c.want)
				if r.Calls != len(c.want)+alone {
					t.Errorf("%d calls for %d requests and %d alone", r.Calls, len(c.want), alone)
				}
			})
		})
	}
}

func sum(list []int) (n int) {
	for _, x := range list {
		n += x
	}
	return n
}

// What takes several requests, or is looked for first, goes a way of its own, and stages
// do not mix.
func TestNotTogether(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.bulk = plan.Bulk{Ops: 10}
		parts := change(plan.Update, "parts")
		parts.Ops = []resource.Op{{Op: "replace", Path: "title", Value: "a"}, {Op: "replace", Path: "userName", Value: "b"}}
		parts.Parts = []int{1, 1}
		doubted := change(plan.Create, "doubted")
		doubted.Doubt = plan.Doubt{Sent: true, Created: true, Since: time.Now().Add(-time.Hour)}
		all := append(changes(plan.Update, "u", 3), parts)
		all = append(append(all, doubted), changes(plan.Create, "c", 4)...)
		r := w.out(w.carry(Pace{Concurrency: 1}), all...)
		if got := w.lengths(); !slices.Equal(got, []int{3, 4}) {
			t.Errorf("requests for %v", got)
		}
		if r.Calls != 2+2+1 || len(w.entries) != 9 || w.count("find", "") != 1 {
			t.Errorf("%+v, %d entries, %d lookups", r, len(w.entries), w.count("find", ""))
		}
	})
}

// Each change comes to its own end.
func TestEndsOfItsOwn(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.bulk = plan.Bulk{Ops: 10}
		w.answer = func(c *plan.Change, n int) plan.Result {
			switch {
			case c.Key.ID == "c001":
				return plan.Result{Verdict: plan.Park, Err: sorry}
			case c.Key.ID == "c002" && n == 1:
				return plan.Result{Verdict: plan.Again, Err: sorry}
			case c.Key.ID == "c003":
				return plan.Result{Verdict: plan.Taken, Err: sorry}
			}
			return done(c)
		}
		r := w.out(w.carry(Pace{Concurrency: 1}), changes(plan.Create, "c", 6)...)
		if r.Done[plan.Create] != 4 || len(r.Parked) != 1 || len(r.Conflicts) != 1 || len(w.entries) != 4 {
			t.Errorf("%+v, %d entries", r, len(w.entries))
		}
		if got := w.lengths(); !slices.Equal(got, []int{6}) || w.count("send", "c002") != 2 {
			t.Errorf("requests for %v, c002 sent %d times", got, w.count("send", "c002"))
		}
	})
}

// The answer to a request for several was lost, and half of it was carried out: nobody
// is made twice, nobody is left out, and it counts as one failure.
func TestLostTogether(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.bulk = plan.Bulk{Ops: 60}
		there := map[string]bool{}
		w.whole = func(n int, changes []*plan.Change) *plan.Result {
			if n > 1 {
				return nil
			}
			for _, c := range changes[:30] {
				there[c.Want.Text("externalId")] = true
			}
			return &plan.Result{Verdict: plan.InDoubt, Err: sorry}
		}
		w.find = func(want resource.Resource) ([]plan.Found, error) {
			if id := want.Text("externalId"); there[id] {
				return []plan.Found{{ID: "r" + id, ExternalID: id}}, nil
			}
			return nil, nil
		}
		r := w.out(w.carry(Pace{Concurrency: 1}), changes(plan.Create, "c", 60)...)
		if got := w.lengths(); !slices.Equal(got, []int{60, 30}) {
			t.Errorf("requests for %v", got)
		}
		if r.Done[plan.Create] != 60 || len(w.entries) != 60 || len(w.intents) != 0 || r.Stopped != nil {
			t.Errorf("%+v, %d entries, %d intents", r, len(w.entries), len(w.intents))
		}
		for _, c := range w.sent {
			if there[c.Key.ID] {
				t.Errorf("%s was made twice", c.Key.ID)
			}
		}
		if passed := time.Since(w.start); passed < w.carry(Pace{}).SettleWindow {
			t.Errorf("sent once more after %s", passed)
		}
	})
}

// A request that is too large, or that the target does not take after all, goes in parts.
func TestTooManyTogether(t *testing.T) {
	for most, want := range map[int][]int{3: {8, 4, 2, 2, 4, 2, 2}, 1: {8, 4, 2, 2, 4, 2, 2}} {
		bubble(t, func(t *testing.T, w *world) {
			w.bulk = plan.Bulk{Ops: 8}
			w.whole = func(_ int, changes []*plan.Change) *plan.Result {
				if len(changes) > most {
					return &plan.Result{Verdict: plan.Apart, Err: sorry}
				}
				return nil
			}
			r := w.out(w.carry(Pace{Concurrency: 1}), changes(plan.Create, "c", 8)...)
			if got := w.lengths(); !slices.Equal(got, want) || r.Done[plan.Create] != 8 || w.count("send", "") != 8 {
				t.Errorf("at most %d: requests for %v, %+v", most, got, r)
			}
		})
	}
}

// What holds for the request holds for all of it, once.
func TestRefusedTogether(t *testing.T) {
	for name, c := range map[string]struct {
		result          plan.Result
		n               int // how often
		done, parked    int
		unsent          int
		requests        int
		stopped, intent bool
	}{
		"a wait":       {plan.Result{Verdict: plan.Again, Err: sorry, Heard: plan.Heard{TooFast: true}}, 2, 20, 0, 0, 4, false, false},
		"sick once":    {plan.Result{Verdict: plan.Again, Err: sorry}, 1, 20, 0, 0, 3, false, false},
		"sick":         {plan.Result{Verdict: plan.Again, Err: sorry}, 99, 0, 20, 0, 6, false, true},
		"lost updates": {plan.Result{Verdict: plan.InDoubt, Err: sorry}, 1, 20, 0, 0, 3, false, false},
		"the end":      {plan.Result{Verdict: plan.Stop, Err: sorry}, 1, 0, 0, 20, 1, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.bulk = plan.Bulk{Ops: 10}
				w.whole = func(n int, _ []*plan.Change) *plan.Result {
					if n > c.n {
						return nil
					}
					result := c.result
					if result.TooFast {
						result.NotBefore = time.Now().Add(time.Minute)
					}
					return &result
				}
				r := w.out(w.carry(Pace{Concurrency: 1}), changes(plan.Update, "u", 20)...)
				if r.Done[plan.Update] != c.done || len(r.Parked) != c.parked || r.Unsent != c.unsent || len(w.bulks) != c.requests || (r.Stopped != nil) != c.stopped {
					t.Errorf("%+v, requests for %v", r, w.lengths())
				}
				if (len(w.intents) > 0) != c.intent {
					t.Errorf("%d intents are left", len(w.intents))
				}
			})
		})
	}
}

// The plan ends while several wait: all of them are left, and nothing of them is stored.
func TestStopTogether(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.bulk = plan.Bulk{Ops: 10}
		stop := make(chan struct{})
		carry := w.carry(Pace{Concurrency: 1})
		carry.Stop = stop
		w.whole = func(n int, _ []*plan.Change) *plan.Result {
			if n == 2 {
				close(stop)
			}
			return nil
		}
		r := w.out(carry, changes(plan.Update, "u", 50)...)
		if r.Done[plan.Update] != 20 || r.Unsent != 30 || len(w.intents) != 0 {
			t.Errorf("%+v, %d intents", r, len(w.intents))
		}
	})
}

func ExamplePacking() {
	w := &world{bulk: plan.Bulk{Ops: 2}}
	p := NewPacking(func(*plan.Change) Target { return w })
	for _, c := range changes(plan.Create, "c", 5) {
		for _, together := range p.Add(c) {
			fmt.Print(len(together), " ")
		}
	}
	fmt.Println(len(p.Rest()), len(p.Rest()))
	// Output: 2 2 1 0
}
