package apply

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// shows is an answer that shows an account.
func shows(active record.Tri, body map[string]any) *plan.Found {
	return &plan.Found{ID: "r1", Active: active, Body: body}
}

// What a target makes of a value when it takes it is its echo; what it holds at paths
// that were not sent is not.
func TestEcho(t *testing.T) {
	want := resource.New(map[string]any{"userName": "ada", "title": "Clerk", "nickName": "Al"})
	for name, c := range map[string]struct {
		action plan.Action
		echo   map[string]any // of the entry before
		after  map[string]any
		shown  *plan.Found
		want   map[string]any
	}{
		"as it was sent":           {plan.Create, nil, nil, shows(record.True, map[string]any{"userName": "ADA", "title": "Clerk", "nickName": "Al"}), map[string]any{}},
		"rewritten, and not shown": {plan.Create, nil, nil, shows(record.True, map[string]any{"userName": "ada", "title": "Mr Clerk"}), map[string]any{"title": "Mr Clerk", "nickName": nil}},
		"inactive":                 {plan.Create, nil, map[string]any{"active": true}, shows(record.False, map[string]any{"userName": "ada", "title": "Clerk", "nickName": "Al"}), map[string]any{"active": false}},
		"no answer to tell":        {plan.Create, nil, nil, nil, nil},
		"not sent":                 {plan.Update, nil, map[string]any{"title": "Clerk"}, shows(record.True, map[string]any{"userName": "eva", "title": "Clerk"}), map[string]any{}},
		"not sent, as before":      {plan.Update, map[string]any{"nickName": "A", "title": "x"}, map[string]any{"title": "Clerk"}, shows(record.True, map[string]any{"userName": "ada", "title": "Clerk"}), map[string]any{"nickName": "A"}},
		"sent, nothing told":       {plan.Update, map[string]any{"nickName": "A", "title": "x"}, map[string]any{"title": "Clerk"}, nil, map[string]any{"nickName": "A"}},
		"active again, and is":     {plan.Reactivate, map[string]any{"active": false}, map[string]any{"active": true}, shows(record.True, nil), map[string]any{}},
		"active again, and is not": {plan.Reactivate, map[string]any{}, map[string]any{"active": true}, shows(record.False, nil), map[string]any{"active": false}},
		"inactive, and is not":     {plan.Deactivate, map[string]any{"title": "x"}, map[string]any{"active": false}, shows(record.True, nil), map[string]any{"title": "x"}},
		"adopted, with its own":    {plan.Adopt, map[string]any{"title": "Boss"}, map[string]any{"nickName": "Al"}, shows(record.True, map[string]any{"userName": "ada", "title": "Boss", "nickName": "AL."}), map[string]any{"title": "Boss", "nickName": "AL."}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.answer = func(*plan.Change, int) plan.Result { return plan.Result{Ack: plan.Ack{RemoteID: "r1", Shown: c.shown}} }
				change := change(c.action, "1")
				change.Want.Resource, change.After, change.Before, change.Echo = want, c.after, nil, c.echo
				w.out(w.carry(Pace{}), change)
				if d := cmp.Diff(c.want, w.entries["1"].Echo); d != "" {
					t.Errorf("(-want +got):\n%s", d)
				}
			})
		})
	}
}

// An answer that shows everything as it was sent shows the account, without an echo.
func TestAsSentIsShown(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = func(*plan.Change, int) plan.Result { return plan.Result{Ack: plan.Ack{RemoteID: "r1", AsSent: true}} }
		w.out(w.carry(Pace{}), change(plan.Create, "1"))
		if echo := w.entries["1"].Echo; echo == nil || len(echo) > 0 {
			t.Errorf("%v", echo)
		}
	})
}

// A repair is looked at once it is done, whatever the answer shows: what the target did
// not take is its own from then on.
func TestRepairIsProved(t *testing.T) {
	for name, c := range map[string]struct {
		cause string
		get   func(string) (*plan.Found, error)
		gets  int
		want  map[string]any
	}{
		"taken":            {plan.CauseRepair, func(string) (*plan.Found, error) { return shows(record.True, map[string]any{"title": "new"}), nil }, 1, map[string]any{}},
		"not taken":        {plan.CauseRepair, func(string) (*plan.Found, error) { return shows(record.True, map[string]any{"title": "kept"}), nil }, 1, map[string]any{"title": "kept"}},
		"gone since":       {plan.CauseRepair, nil, 1, map[string]any{"title": "of the answer"}},
		"cannot be seen":   {plan.CauseRepair, func(string) (*plan.Found, error) { return nil, errors.New("sick") }, 1, map[string]any{"title": "of the answer"}},
		"no repair at all": {plan.CauseSource, nil, 0, map[string]any{"title": "of the answer"}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.get = c.get
				w.answer = func(*plan.Change, int) plan.Result {
					return plan.Result{Ack: plan.Ack{RemoteID: "r1", Shown: shows(record.True, map[string]any{"title": "of the answer"})}}
				}
				change := change(plan.Update, "1")
				change.Cause.By = c.cause
				change.Want.Resource = resource.New(map[string]any{"title": "new"})
				w.out(w.carry(Pace{}), change)
				if d := cmp.Diff(c.want, w.entries["1"].Echo); d != "" || w.count("get", "r1") != c.gets {
					t.Errorf("%d reads (-want +got):\n%s", w.count("get", "r1"), d)
				}
			})
		})
	}
}
