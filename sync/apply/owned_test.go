package apply

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// greedy answers every create with an account of its own, but for one person, who
// gets the account of somebody else.
type greedy struct{}

func (greedy) Apply(_ context.Context, c *plan.Change, _ string) plan.Result {
	id := "id-" + c.Key.ID
	if c.Key.ID == "3" {
		id = "id-of-another"
	}
	return plan.Result{Verdict: plan.Done, Ack: plan.Ack{RemoteID: id}}
}

func (greedy) Bulk() plan.Bulk { return plan.Bulk{} }

func (greedy) Size(*plan.Change) int { return 0 }

func (greedy) ApplyAll(context.Context, []*plan.Change, string) ([]plan.Result, bool) {
	panic("nothing travels together")
}

func (greedy) Draws(...*plan.Change) []plan.Draw { return nil }

func (greedy) Find(context.Context, resource.Resource) ([]plan.Found, error) { return nil, nil }
func (greedy) Get(context.Context, string) (*plan.Found, error)              { return nil, nil }

// owning is a ledger in which one account belongs to another key.
type owning struct {
	stored map[string]ledger.Outcome
}

func (o *owning) Begin(ledger.Flow, []ledger.Intent) error { return nil }

func (o *owning) Entries(_ string, keys []record.Key) ([]*ledger.Entry, error) {
	return make([]*ledger.Entry, len(keys)), nil
}

func (o *owning) Commit(_ ledger.Flow, outcomes []ledger.Outcome) error {
	for _, one := range outcomes {
		if one.Entry != nil && one.Entry.RemoteID == "id-of-another" {
			return fmt.Errorf("account id-of-another: %w", ledger.ErrOwned)
		}
	}
	for _, one := range outcomes {
		o.stored[one.Key.ID] = one
	}
	return nil
}

// An account that belongs to somebody else spoils the change of one person, who is
// parked and reported; all others are stored.
func TestOneOwnedAccountSpoilsOneOutcome(t *testing.T) {
	store := &owning{stored: map[string]ledger.Outcome{}}
	carry := Carry{Flow: ledger.Flow{Job: "j", Target: "t"}, Run: "r", Target: greedy{}, Ledger: store, Lane: newLane(Pace{Concurrency: 4}, nil, nil)}
	report, err := carry.Out(t.Context(), func(fn func(*plan.Change) error) error {
		var errs []error
		for i := range 8 {
			errs = append(errs, fn(&plan.Change{Action: plan.Create, Key: record.Key{Kind: record.User, Source: "s", ID: fmt.Sprint(i)}, Name: fmt.Sprint("person ", i)}))
		}
		return errors.Join(errs...)
	})
	if err != nil || report.Stopped != nil || report.Done[plan.Create] != 7 || report.Unsent != 0 {
		t.Fatalf("%+v, %v", report, err)
	}
	if len(report.Conflicts) != 1 || report.Conflicts[0].Key != "3" {
		t.Fatalf("conflicts: %+v", report.Conflicts)
	}
	look := store.stored["3"].Look
	if store.stored["3"].Entry != nil || look == nil || look.Parked == nil || look.Parked.Kind != ledger.ParkedConflict || look.Parked.Digest == "" {
		t.Fatalf("stored for the one: %+v", store.stored["3"])
	}
}
