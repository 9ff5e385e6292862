package apply

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/resource"
)

// A later phase, and a later round of one, begins only when everything of the earlier
// is stored; nobody is written to twice at a time (the fake sees to that).
func TestPhasesAndRoundsInOrder(t *testing.T) {
	for seed := range uint64(10) {
		bubble(t, func(t *testing.T, w *world) {
			dice := rand.New(rand.NewPCG(seed, 3)) //nolint:gosec // it has to be repeatable
			w.latency = func(*plan.Change) time.Duration { return time.Duration(1+len(w.sent)*37%50) * time.Millisecond }
			var all []*plan.Change
			stageOf := map[string]int{}
			number := 0
			for _, action := range []plan.Action{plan.Deactivate, plan.Update, plan.Reactivate, plan.Create, plan.Delete} {
				for round := range 1 + dice.IntN(3) {
					number++
					for i := range 1 + dice.IntN(6) {
						c := change(action, fmt.Sprintf("%02d-%d", number, i))
						if action == plan.Update && dice.IntN(2) == 0 { // they share a phase
							c.Action = plan.Adopt
						}
						c.Round = round
						all, stageOf[c.Key.ID] = append(all, c), number
					}
				}
			}
			r := w.out(w.carry(Pace{Concurrency: 1 + dice.IntN(8)}), all...)
			total := 0
			for _, n := range r.Done {
				total += n
			}
			if total != len(all) || r.Calls != len(all) || r.Unsent != 0 || len(w.intents) != 0 {
				t.Fatalf("%+v; %d intents", r, len(w.intents))
			}
			open := map[int]int{} // by stage: changes that are not stored yet
			for _, stage := range stageOf {
				open[stage]++
			}
			for _, e := range w.journal {
				switch e.what {
				case "send", "begin":
					for stage := range stageOf[e.key] {
						if open[stage] > 0 {
							t.Fatalf("%s %s while %d of stage %d are open", e.what, e.key, open[stage], stage)
						}
					}
				case "commit":
					open[stageOf[e.key]]--
				}
			}
		})
	}
}

// Pages of intents go ahead of their requests; a page does not wait for the one before.
func TestIntentsComeFirst(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		r := w.out(w.carry(Pace{Concurrency: 8}), changes(plan.Create, "c", 1201)...)
		if r.Done[plan.Create] != 1201 || w.begins != 3 {
			t.Errorf("%+v in %d pages", r, w.begins)
		}
		if e := w.entries["c0007"]; len(w.entries) != 1201 || e != nil {
			t.Errorf("%d entries", len(w.entries))
		}
		if e := w.entries["c007"]; e.RemoteID != "rc007" || e.Standing != ledger.Live || e.Job != "staff" || e.Run != "run" {
			t.Errorf("%+v", e)
		}
	})
}

// An adoption that changes nothing needs no request and no intent.
func TestAdoptionWithoutACall(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := change(plan.Adopt, "1")
		c.Ops, c.Before, c.After = nil, nil, nil
		r := w.out(w.carry(Pace{}), c)
		if r.Done[plan.Adopt] != 1 || r.Calls != 0 || w.begins != 0 || w.entries["1"] == nil {
			t.Errorf("%+v, %d pages, %+v", r, w.begins, w.entries)
		}
	})
}

// A wait that one answer announces holds for all workers and changes; nothing is lost.
func TestNotBeforeHoldsForAll(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		until := 7 * time.Second
		limited := time.Duration(0)
		w.answer = func(c *plan.Change, n int) plan.Result {
			if c.Key.ID == "u010" && n == 1 {
				limited = time.Since(w.start)
				return plan.Result{Verdict: plan.Again, Err: sick, Heard: plan.Heard{NotBefore: w.start.Add(until)}}
			}
			return done(c)
		}
		r := w.out(w.carry(Pace{Concurrency: 6}), changes(plan.Update, "u", 100)...)
		if r.Done[plan.Update] != 100 || r.Calls != 101 {
			t.Errorf("%+v", r)
		}
		for _, e := range w.journal {
			if e.what == "send" && e.at > limited && e.at < until {
				t.Errorf("%s was sent at %v, between %v and %v", e.key, e.at, limited, until)
			}
		}
	})
}

// Throttled for ever, a change gives up; told to wait for hours, the plan does.
func TestThrottledTooLong(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = func(*plan.Change, int) plan.Result {
			return plan.Result{Verdict: plan.Again, Err: sick, Heard: plan.Heard{NotBefore: time.Now().Add(time.Second)}}
		}
		r := w.out(w.carry(Pace{}), change(plan.Update, "1"))
		if len(r.Parked) != 1 || w.tries["1"] != triesThrottled || len(w.intents) != 0 {
			t.Errorf("%+v after %d tries, %d intents", r, w.tries["1"], len(w.intents))
		}
	})
	bubble(t, func(t *testing.T, w *world) {
		w.answer = func(*plan.Change, int) plan.Result {
			return plan.Result{Verdict: plan.Again, Err: sick, Heard: plan.Heard{NotBefore: time.Now().Add(2 * time.Hour)}}
		}
		r := w.out(w.carry(Pace{}), changes(plan.Update, "u", 3)...)
		if !errors.Is(r.Stopped, sick) || !strings.Contains(r.Stopped.Error(), "2h0m0s") || r.Unsent != 3 || w.count("send", "") != 1 || len(w.intents) != 0 {
			t.Errorf("%+v, %d sent, %d intents", r, w.count("send", ""), len(w.intents))
		}
	})
}

// A create whose answer is lost: look, and only when the window has closed create once
// more.
func TestCreateInDoubt(t *testing.T) {
	for name, c := range map[string]struct {
		shows        time.Duration // when the account shows; 0: never
		again        plan.Result   // of the second create
		posts, finds int
		done, parked int
		intents      int
	}{
		"shows at once":         {shows: 1, posts: 1, finds: 1, done: 1},
		"shows late":            {shows: 15 * time.Second, posts: 1, finds: 3, done: 1},
		"never, then made":      {again: plan.Result{Ack: plan.Ack{RemoteID: "new"}}, posts: 2, finds: 4, done: 1},
		"never, lost again":     {again: plan.Result{Verdict: plan.InDoubt, Err: sick}, posts: 2, finds: 8, parked: 1, intents: 1},
		"after the window":      {shows: 31 * time.Second, again: plan.Result{Verdict: plan.Taken, Err: sorry}, posts: 2, finds: 5, done: 1},
		"somebody else's login": {again: plan.Result{Verdict: plan.Taken, Err: sorry}, posts: 2, finds: 5, parked: 1, intents: 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.answer = func(_ *plan.Change, n int) plan.Result {
					if n == 1 {
						return plan.Result{Verdict: plan.InDoubt, Err: sick}
					}
					time.Sleep(2 * time.Second)
					return c.again
				}
				w.find = func(resource.Resource) ([]plan.Found, error) {
					all := []plan.Found{{ID: "other", ExternalID: "another"}}
					if c.shows > 0 && time.Since(w.start) > c.shows {
						all = append(all, plan.Found{ID: "mine", ExternalID: "1"})
					}
					return all, nil
				}
				r := w.out(w.carry(Pace{Concurrency: 2}), change(plan.Create, "1"))
				if w.tries["1"] != c.posts || w.count("find", "1") != c.finds || r.Done[plan.Create] != c.done || len(r.Parked)+len(r.Conflicts) != c.parked || len(w.intents) != c.intents {
					t.Fatalf("%d creates, %d lookups, %+v, %d intents; want %+v", w.tries["1"], w.count("find", "1"), r, len(w.intents), c)
				}
				sends := w.when("send", "1")
				if c.posts == 2 && sends[1]-sends[0] < 30*time.Second {
					t.Errorf("created again after %v", sends[1]-sends[0])
				}
				if e := w.entries["1"]; c.done == 1 && e.RemoteID != map[bool]string{true: "mine", false: "new"}[c.shows > 0] {
					t.Errorf("%+v", e)
				}
			})
		})
	}
}

// A create in doubt is looked for by its externalId, a request each time; before it is sent
// again, by everything. Where there is no lookup by externalId, by everything at once.
func TestCheapestLookup(t *testing.T) {
	const full = "u1"
	for name, c := range map[string]struct {
		refuses bool     // to be asked for an externalId alone
		hides   bool     // finds by login only
		finds   []string // the login asked for, look by look
		posts   int
	}{
		"never there":            {finds: []string{"", "", "", full}, posts: 2},
		"found by login only":    {hides: true, finds: []string{"", "", "", full}, posts: 1},
		"no filter for it":       {refuses: true, finds: []string{"", full, "", full, "", full, full}, posts: 2},
		"no filter, it is there": {refuses: true, hides: true, finds: []string{"", full}, posts: 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.answer = func(ch *plan.Change, n int) plan.Result {
					if n == 1 {
						return plan.Result{Verdict: plan.InDoubt, Err: sick}
					}
					return done(ch)
				}
				var finds []string
				w.find = func(want resource.Resource) ([]plan.Found, error) {
					login := want.Text("userName")
					finds = append(finds, login)
					switch {
					case c.refuses && login == "":
						return nil, fmt.Errorf("find: %w", plan.ErrNoLookup)
					case c.hides && login != "":
						return []plan.Found{{ID: "mine", ExternalID: "1"}}, nil
					}
					return nil, nil
				}
				r := w.out(w.carry(Pace{}), change(plan.Create, "1"))
				if !slices.Equal(finds, c.finds) || w.tries["1"] != c.posts || r.Done[plan.Create] != 1 {
					t.Errorf("looked by %q, %d creates, %+v; want %+v", finds, w.tries["1"], r, c)
				}
			})
		})
	}
}

// A create in doubt since an earlier run: look before anything is sent. An account that
// was made with other values is for the next run.
func TestCreateInDoubtFromBefore(t *testing.T) {
	for name, c := range map[string]struct {
		shows         bool
		sentBefore    string // login
		posts, done   int
		unsent, known int
	}{
		"it shows":                {shows: true, sentBefore: "u1", done: 1, known: 1},
		"it shows, but was other": {shows: true, sentBefore: "old", unsent: 1},
		"it never shows":          {sentBefore: "u1", posts: 1, done: 1, known: 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.find = func(resource.Resource) ([]plan.Found, error) {
					if c.shows && time.Since(w.start) > 12*time.Second {
						return []plan.Found{{ID: "mine", ExternalID: "1"}}, nil
					}
					return nil, nil
				}
				create := change(plan.Create, "1")
				create.Doubt = plan.Doubt{Since: w.start.Add(-10 * time.Second), Sent: true, Created: true}
				create.Doubt.Maybe = map[string]any{"externalId": "1", "userName": c.sentBefore}
				r := w.out(w.carry(Pace{}), create)
				if w.tries["1"] != c.posts || r.Done[plan.Create] != c.done || r.Unsent != c.unsent || len(w.entries) != c.known || len(w.intents) != c.unsent {
					t.Fatalf("%d creates, %+v, %d entries, %d intents", w.tries["1"], r, len(w.entries), len(w.intents))
				}
				if sends := w.when("send", "1"); len(sends) == 1 && sends[0] < 20*time.Second {
					t.Errorf("created %v after the first was sent", sends[0]+10*time.Second)
				}
			})
		})
	}
}

// A lost answer to anything else is no harm: it is sent again, as one that may have
// arrived before.
// How often a change that fails is sent again is for the service's profile to say.
func TestRetries(t *testing.T) {
	for _, verdict := range []plan.Verdict{plan.Again, plan.InDoubt} {
		for _, retries := range []int{0, 1, 6} {
			bubble(t, func(t *testing.T, w *world) {
				w.answer = func(*plan.Change, int) plan.Result { return plan.Result{Verdict: verdict, Err: sick} }
				c := w.carry(Pace{})
				c.Retries = retries
				if r := w.out(c, change(plan.Update, "1")); w.tries["1"] != retries+1 || len(r.Parked) != 1 {
					t.Errorf("verdict %d, %d retries: sent %d times, %+v", verdict, retries, w.tries["1"], r)
				}
			})
		}
	}
}

func TestUpdateInDoubt(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = func(c *plan.Change, n int) plan.Result {
			if c.Key.ID == "never" || n < 3 {
				return plan.Result{Verdict: plan.InDoubt, Err: sick}
			}
			return done(c)
		}
		r := w.out(w.carry(Pace{}), change(plan.Update, "1"), change(plan.Update, "never"))
		if r.Done[plan.Update] != 1 || len(r.Parked) != 1 || w.tries["1"] != 3 || w.tries["never"] != 3 {
			t.Errorf("%+v", r)
		}
		if _, kept := w.intents["never"]; len(w.intents) != 1 || !kept {
			t.Errorf("intents: %+v", w.intents)
		}
		if look := w.looks["never"]; look == nil || look.Parked == nil || look.Parked.Kind != ledger.ParkedFailed {
			t.Errorf("look: %+v", look)
		}
		if w.sent[0].Doubt.Sent || !w.sent[1].Doubt.Sent {
			t.Error("a request that is sent again is in doubt, the first is not")
		}
	})
}

// Of a change in doubt that is refused because something it takes away is gone, the
// parts are sent, the removals each by itself.
func TestRemovalsInVain(t *testing.T) {
	mail := resource.Op{Op: "remove", Path: `emails[type eq "home"]`}
	phone := resource.Op{Op: "remove", Path: `phoneNumbers[type eq "home"]`}
	title := resource.Op{Op: "replace", Path: "title", Value: "new"}
	for _, doubted := range []bool{true, false} {
		bubble(t, func(t *testing.T, w *world) {
			w.answer = func(c *plan.Change, _ int) plan.Result {
				if len(c.Ops) > 1 {
					return plan.Result{Verdict: plan.Apart, Err: sorry}
				}
				return done(c)
			}
			c := change(plan.Update, "1")
			c.Ops, c.Doubt.Sent = []resource.Op{mail, phone, title}, doubted
			r := w.out(w.carry(Pace{}), c)
			var sent []string
			for _, c := range w.sent {
				for _, op := range c.Ops {
					sent = append(sent, op.Path)
				}
				sent = append(sent, "|")
			}
			want := []string{mail.Path, phone.Path, title.Path, "|"}
			if doubted {
				want = append(want, mail.Path, "|", phone.Path, "|", title.Path, "|")
			}
			if !slices.Equal(sent, want) || r.Done[plan.Update] == 1 != doubted || len(r.Parked) == 1 == doubted {
				t.Errorf("doubted %v: %v; %+v", doubted, sent, r)
			}
		})
	}
}

// Accounts that are gone: a few are looked up anew by the next run; many stop the plan.
func TestVanished(t *testing.T) {
	for _, n := range []int{4, 5, 30} {
		bubble(t, func(t *testing.T, w *world) {
			w.answer = func(*plan.Change, int) plan.Result { return plan.Result{Verdict: plan.Vanished, Err: sorry} }
			leaver := change(plan.Deactivate, "leaver") // wanted gone, and is
			r := w.out(w.carry(Pace{}), append([]*plan.Change{leaver}, changes(plan.Update, "u", n)...)...)
			if e := w.entries["leaver"]; e == nil || e.Standing != ledger.Gone || r.Done[plan.Deactivate] != 1 {
				t.Errorf("leaver: %+v", e)
			}
			if (r.Stopped != nil) != (n >= plan.MostVanished) || len(w.entries) != plan.MostVanished || w.count("send", "") != min(1+n, plan.MostVanished+1) {
				t.Errorf("%d: %+v; %d entries, %d sent", n, r, len(w.entries), w.count("send", ""))
			}
			if look := w.looks["u000"]; look == nil || !look.NextRun {
				t.Errorf("the next run does not look: %+v", look)
			}
		})
	}
}

// At the wrong service the leavers' accounts are missing like all others: that must not
// count as having deactivated them.
func TestVanishedLeavers(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = func(*plan.Change, int) plan.Result { return plan.Result{Verdict: plan.Vanished, Err: sorry} }
		r := w.out(w.carry(Pace{}), changes(plan.Deactivate, "l", 30)...)
		if r.Stopped == nil || r.Done[plan.Deactivate] != plan.MostVanished || r.Unsent != 30-plan.MostVanished {
			t.Errorf("%+v", r)
		}
	})
}

// When everything is refused, it is not the people's fault.
func TestRefusedPattern(t *testing.T) {
	for name, c := range map[string]struct {
		refuse  func(i int) bool
		tried   int
		stopped bool
	}{
		"all":                   {func(int) bool { return true }, 20, true},
		"all but the first":     {func(i int) bool { return i > 0 }, 50, true},
		"all but the twentieth": {func(i int) bool { return i != 19 }, 50, true},
		"two in five":           {func(i int) bool { return i%5 >= 3 }, 200, false},
		"the last half":         {func(i int) bool { return i >= 60 }, 101, true},
		"one in three":          {func(i int) bool { return i%3 == 0 }, 200, false},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.answer = func(p *plan.Change, _ int) plan.Result {
					if c.refuse(len(w.sent) - 1) {
						return plan.Result{Verdict: plan.Park, Err: sorry}
					}
					return done(p)
				}
				r := w.out(w.carry(Pace{}), changes(plan.Update, "u", 200)...)
				if len(w.sent) != c.tried || errors.Is(r.Stopped, sorry) != c.stopped || len(w.sent)+r.Unsent != 200 || len(w.intents) != 0 {
					t.Errorf("%d sent, %d unsent, %d intents, stopped: %v", len(w.sent), r.Unsent, len(w.intents), r.Stopped)
				}
			})
		})
	}
}

// Interrupted, the plan lets end what is under way, stores it, and leaves the rest for
// the next run: without an intent, unless an earlier request may have arrived.
func TestStop(t *testing.T) {
	for _, how := range []string{"stop", "cancel"} {
		bubble(t, func(t *testing.T, w *world) {
			stop := make(chan struct{})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			w.latency = func(*plan.Change) time.Duration { return time.Second }
			carry := w.carry(Pace{Concurrency: 2})
			carry.Stop = stop
			all := changes(plan.Update, "u", 10)
			all[7].Doubt.Sent = true
			go func() {
				time.Sleep(1500 * time.Millisecond)
				if how == "stop" {
					close(stop)
				} else {
					cancel()
				}
			}()
			r, err := carry.Out(ctx, list(all))
			if err != nil || r.Done[plan.Update] != 4 || r.Calls != 4 || r.Unsent != 6 || len(w.entries) != 4 || r.Stopped != nil {
				t.Errorf("%s: %+v, %v, %d entries", how, r, err, len(w.entries))
			}
			if _, kept := w.intents["u007"]; len(w.intents) != 1 || !kept {
				t.Errorf("%s: intents %+v", how, w.intents)
			}
			if took := time.Since(w.start); took > 2100*time.Millisecond {
				t.Errorf("%s: ended after %v", how, took)
			}
		})
	}
}

// Those who wait for a slow lane, or for an announced moment, do not keep the plan from
// ending, and send nothing on their way out.
func TestStopWhileWaiting(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		stop := make(chan struct{})
		carry := w.carry(all(1, time.Minute, 1, 4))
		carry.Stop = stop
		time.AfterFunc(90*time.Second, func() { close(stop) })
		r := w.out(carry, changes(plan.Create, "c", 10)...)
		if took := time.Since(w.start); r.Calls != 2 || r.Unsent != 8 || len(w.intents) != 0 || took > 91*time.Second {
			t.Errorf("%+v after %v, %d intents", r, took, len(w.intents))
		}
	})
}

// Interrupted while it looks for a create in doubt, a change keeps its intent and is
// not parked: that says nothing of the person.
func TestStopWhileLooking(t *testing.T) {
	for name, after := range map[string]plan.Verdict{"lost": plan.InDoubt, "taken": plan.Taken} {
		bubble(t, func(t *testing.T, w *world) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			w.answer = func(*plan.Change, int) plan.Result {
				if after == plan.Taken {
					cancel()
				} else {
					time.AfterFunc(5*time.Second, cancel)
				}
				return plan.Result{Verdict: after, Err: sick}
			}
			c := change(plan.Create, "1")
			c.Doubt.Sent = after == plan.Taken
			r, err := w.carry(Pace{}).Out(ctx, list([]*plan.Change{c}))
			if err != nil || len(r.Parked) != 0 || r.Unsent != 1 || len(w.intents) != 1 {
				t.Errorf("%s: %+v, %v, %d intents", name, r, err, len(w.intents))
			}
		})
	}
}

// No room for further accounts ends the creates, and nothing else.
func TestNoMoreCreates(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = func(c *plan.Change, _ int) plan.Result {
			if c.Action == plan.Create {
				return plan.Result{Verdict: plan.StopCreates, Err: sorry}
			}
			return done(c)
		}
		r := w.out(w.carry(Pace{}), append(changes(plan.Create, "c", 5), changes(plan.Delete, "d", 2)...)...)
		if sends := w.count("send", "") - 2; len(r.Parked) != 5 || sends != 1 || r.Unsent != 0 || r.Done[plan.Delete] != 2 || len(w.intents) != 0 {
			t.Errorf("%+v, %d creates sent, %d intents", r, sends, len(w.intents))
		}
		for _, p := range r.Parked {
			if look := w.looks[p.Key]; look == nil || look.Parked == nil || look.Parked.Kind != ledger.ParkedNoRoom || look.Parked.At.After(time.Now()) {
				t.Errorf("%s waits as %+v", p.Key, look)
			}
		}
	})
}

// What ends a change by itself, and what is known afterwards: another form is sent at
// once and not for ever; what was done in part keeps its intent; what is refused for good
// is not tried again.
func TestOtherEnds(t *testing.T) {
	for _, c := range []struct {
		verdict plan.Verdict
		times   int // that it is the answer; then it is done
		sent    int
		kind    string // of the parked change; "": it is done
		intents int
		failed  bool // and so counted as a failure of the target
	}{
		{plan.Anew, 1, 2, "", 0, false},
		{plan.Anew, 3, 4, "", 0, false},
		{plan.Anew, 100, triesAnew, ledger.ParkedRefused, 0, false},
		{plan.Ignored, 1, 1, ledger.ParkedRefused, 1, false},
		{plan.ParkForGood, 1, 1, ledger.ParkedForGood, 0, false},
		{plan.StopCreates, 1, 1, ledger.ParkedNoRoom, 0, false},
	} {
		bubble(t, func(t *testing.T, w *world) {
			w.answer = func(change *plan.Change, n int) plan.Result {
				if n <= c.times {
					return plan.Result{Verdict: c.verdict, Err: sorry}
				}
				return done(change)
			}
			start := time.Now()
			r := w.out(w.carry(Pace{}), changes(plan.Update, "u", 1)...)
			if n := w.count("send", ""); n != c.sent || len(w.intents) != c.intents || time.Since(start) > time.Second {
				t.Errorf("%d: %d sent, %d intents, after %s", c.verdict, n, len(w.intents), time.Since(start))
			}
			if c.kind == "" {
				if r.Done[plan.Update] != 1 {
					t.Errorf("%d: %+v", c.verdict, r)
				}
				return
			}
			look := w.looks["u000"]
			if len(r.Parked) != 1 || look == nil || look.Parked.Kind != c.kind {
				t.Fatalf("%d: %+v, %+v", c.verdict, r, look)
			}
			if never := look.Parked.At.Equal(ledger.Never); never != (c.kind == ledger.ParkedForGood) || never && (r.Parked[0].Retry != "" || look.Wants(time.Now().AddDate(100, 0, 0))) {
				t.Errorf("%d: %+v, %+v", c.verdict, look.Parked, r.Parked[0])
			}
		})
	}
}

// A change in several requests tells each of them the version that the one before left.
func TestVersionsOfParts(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = func(c *plan.Change, n int) plan.Result {
			return plan.Result{Ack: plan.Ack{RemoteID: c.RemoteID, Version: fmt.Sprint(n)}}
		}
		c := changes(plan.Update, "u", 1)[0]
		c.Version, c.Ops, c.Parts = "0", []resource.Op{{Op: "replace", Path: "a"}, {Op: "replace", Path: "b"}, {Op: "replace", Path: "c"}}, []int{1, 1, 1}
		w.out(w.carry(Pace{}), c)
		var versions []string
		for _, sent := range w.sent {
			versions = append(versions, sent.Version)
		}
		if got := strings.Join(versions, ""); got != "012" || w.entries["u000"].Version != "3" {
			t.Errorf("sent for %s, stored %+v", got, w.entries["u000"])
		}
	})
}

// A sick target is left alone after ten failures in a row, over all changes.
func TestOutage(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = func(*plan.Change, int) plan.Result { return plan.Result{Verdict: plan.Again, Err: sick} }
		r := w.out(w.carry(Pace{Concurrency: 3}), changes(plan.Update, "u", 100)...)
		if !errors.Is(r.Stopped, sick) || w.count("send", "") > failuresInARow+2 || len(r.Parked)+r.Unsent != 100 {
			t.Errorf("%+v, %d sent", r, w.count("send", ""))
		}
	})
}

// A stop says why, and what was not sent has no intent.
func TestTargetSaysStop(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = func(*plan.Change, int) plan.Result { return plan.Result{Verdict: plan.Stop, Err: sorry} }
		r := w.out(w.carry(Pace{Concurrency: 3}), changes(plan.Update, "u", 50)...)
		if !errors.Is(r.Stopped, sorry) || r.Unsent != 50 || w.count("send", "") > 3 || len(w.intents) != 0 || len(r.Parked) != 0 {
			t.Errorf("%+v, %d sent, %d intents", r, w.count("send", ""), len(w.intents))
		}
	})
}

// What may have arrived is in the intent: all that this request and those in doubt
// before it have sent; and where it leads back to what the entry says, that counts which
// the entry does not say.
func TestIntentTellsWhatMayHaveArrived(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = func(*plan.Change, int) plan.Result { return plan.Result{Verdict: plan.InDoubt, Err: sick} }
		update := change(plan.Update, "1")
		update.Before = map[string]any{"title": "a", "nickName": "n", "locale": "de"}
		update.After = map[string]any{"title": "a", "locale": "fr"} // back to a; the nickname goes
		update.Doubt.Maybe = map[string]any{"title": "b", "locale": "it", "userType": nil}
		back := change(plan.Reactivate, "2")
		back.Doubt.Maybe = map[string]any{"active": false}
		create := change(plan.Create, "3")
		create.Doubt.Maybe = map[string]any{"externalId": "3", "userName": "old", "title": "t"}
		w.out(w.carry(Pace{Concurrency: 3}), update, back, create)
		for id, want := range map[string]map[string]any{
			"1": {"title": resource.Either{"b", "a"}, "nickName": resource.Either{"n", nil}, "locale": resource.Either{"it", "fr"}, "userType": nil},
			"2": {"active": false},
			"3": {"externalId": "3", "userName": resource.Either{"old", "u3"}, "title": resource.Either{"t", nil}},
		} {
			if got := w.intents[id].Maybe; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: %v, want %v", id, got, want)
			}
		}
	})
}

// A deactivation leaves the rest alone: what is in doubt of it stays so in the entry.
func TestDoubtOutlivesADeactivation(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := change(plan.Deactivate, "1")
		c.Doubt.Maybe = map[string]any{"active": true, "title": "b"}
		update := change(plan.Update, "2")
		update.Doubt.Maybe = map[string]any{"title": "b"}
		temporary := change(plan.Update, "3")
		temporary.Temporary, temporary.After = "tmp", map[string]any{"userName": "tmp"}
		temporary.Doubt.Maybe = map[string]any{"userName": "x", "title": "b"}
		w.out(w.carry(Pace{}), c, update, temporary)
		for id, want := range map[string]string{"1": "map[title:b]", "2": "map[]", "3": "map[title:b]"} {
			if got := fmt.Sprint(w.entries[id].Maybe); got != want {
				t.Errorf("%s: %s, want %s", id, got, want)
			}
		}
	})
}

// What counts against the limits is what was done, not what a human approved.
func TestCounted(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		yes := change(plan.Deactivate, "1")
		yes.Approved = true
		no := change(plan.Deactivate, "2")
		no.Fate = plan.FateGone
		refused := change(plan.Deactivate, "3")
		w.answer = func(c *plan.Change, _ int) plan.Result {
			if c.Key.ID == "3" {
				return plan.Result{Verdict: plan.Park, Err: sorry}
			}
			return done(c)
		}
		var told []int
		carry := w.carry(Pace{})
		carry.Ended = func(done int) { told = append(told, done) }
		r := w.out(carry, yes, no, refused)
		if w.counted[plan.LimitDeactivate] != 1 || w.counted[plan.LimitDelete] != 1 || len(w.counted) != 2 || r.Done[plan.Deactivate] != 2 || !slices.Equal(told, []int{1, 2, 3}) {
			t.Errorf("%+v, counted %v, told %v", r, w.counted, told)
		}
		synctest.Wait()
		if w.entries["2"].Standing != ledger.Gone || w.entries["1"].Standing == ledger.Gone {
			t.Errorf("deactivated where that deletes: %s; elsewhere: %s", w.entries["2"].Standing, w.entries["1"].Standing)
		}
	})
}
