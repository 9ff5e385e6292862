package apply

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/resource"
)

// inParts is an update of a person that needs three requests.
func inParts(id string) *plan.Change {
	c := change(plan.Update, id)
	c.Ops = []resource.Op{{Op: "replace", Path: "userName", Value: "new"}, {Op: "remove", Path: "nickName"},
		{Op: "replace", Path: "locale", Value: "de"}, {Op: "replace", Path: "title", Value: "new"}}
	c.Parts = []int{1, 2, 1}
	return c
}

func (w *world) paths() []string {
	var sent []string
	for _, c := range w.sent {
		text := ""
		for _, op := range c.Ops {
			text += op.Path + " "
		}
		sent = append(sent, text)
	}
	return sent
}

// What does not fit into one request goes out in several, in order, under one intent,
// and counts once, when all of it is there.
func TestParts(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		r := w.out(w.carry(Pace{}), inParts("1"))
		if want := []string{"userName ", "nickName locale ", "title "}; !slices.Equal(w.paths(), want) {
			t.Errorf("sent %q, want %q", w.paths(), want)
		}
		if r.Done[plan.Update] != 1 || r.Calls != 3 || w.count("begin", "") != 1 || w.count("commit", "") != 1 || len(w.intents) != 0 {
			t.Errorf("%+v, %d intents, %d commits", r, w.count("begin", ""), w.count("commit", ""))
		}
		if commit, last := w.when("commit", "1")[0], w.when("answer", "1")[2]; commit < last {
			t.Errorf("committed after %v, the last answer came after %v", commit, last)
		}
	})
}

// However a change ends whose first part was carried out, its intent stays, for the entry
// does not show that part. Before that, nothing has been done and nothing stays.
func TestPartlyDone(t *testing.T) {
	for _, at := range []int{1, 2, 3} {
		for name, result := range map[string]plan.Result{
			"refused":    {Verdict: plan.Park, Err: sorry},
			"stopped":    {Verdict: plan.Stop, Err: sorry},
			"throttled":  {Verdict: plan.Again, Err: sick, Heard: plan.Heard{NotBefore: time.Now().Add(24 * time.Hour)}},
			"no room":    {Verdict: plan.StopCreates, Err: sorry},
			"not atomic": {Verdict: plan.Apart, Err: sorry},
		} {
			t.Run(fmt.Sprintf("%s at %d", name, at), func(t *testing.T) {
				bubble(t, func(t *testing.T, w *world) {
					w.answer = func(c *plan.Change, n int) plan.Result {
						if n == at {
							return result
						}
						return done(c)
					}
					r := w.out(w.carry(Pace{}), inParts("1"))
					if r.Calls != at || r.Done[plan.Update] != 0 || w.entries["1"] != nil {
						t.Errorf("%+v", r)
					}
					if stays := len(w.intents) == 1; stays != (at > 1) {
						t.Errorf("the intent stays: %v", stays)
					}
				})
			})
		}
	}
}

// A part that fails for a while is sent again, and what was done before it is not.
func TestPartAgain(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = func(c *plan.Change, n int) plan.Result {
			if n == 2 || n == 3 {
				return plan.Result{Verdict: plan.InDoubt, Err: sick}
			}
			return done(c)
		}
		r := w.out(w.carry(Pace{}), inParts("1"))
		if want := []string{"userName ", "nickName locale ", "nickName locale ", "nickName locale ", "title "}; !slices.Equal(w.paths(), want) {
			t.Errorf("sent %q, want %q", w.paths(), want)
		}
		if r.Done[plan.Update] != 1 || len(w.intents) != 0 {
			t.Errorf("%+v", r)
		}
		if w.sent[0].Doubt.Sent || w.sent[1].Doubt.Sent || !w.sent[2].Doubt.Sent {
			t.Error("only what is sent again is in doubt")
		}
	})
}

// A part in doubt that is refused for a removal in vain is taken apart in its turn.
func TestPartApart(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = func(c *plan.Change, _ int) plan.Result {
			if len(c.Ops) == 2 {
				return plan.Result{Verdict: plan.Apart, Err: sorry}
			}
			return done(c)
		}
		c := inParts("1")
		c.Doubt.Sent = true
		w.intents["1"] = ledger.Intent{}
		r := w.out(w.carry(Pace{}), c)
		if want := []string{"userName ", "nickName locale ", "nickName ", "locale ", "title "}; !slices.Equal(w.paths(), want) {
			t.Errorf("sent %q, want %q", w.paths(), want)
		}
		if r.Done[plan.Update] != 1 || len(w.intents) != 0 {
			t.Errorf("%+v", r)
		}
	})
}
