// Package apply carries a plan out, in the order of phases, at the pace of the target; a
// change counts only once the target said yes and that is stored.
package apply

import (
	"context"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// Target sends changes. Apply is called from several goroutines at a time, never
// twice at once for one account, and never retried from inside: a Result tells
// what may be done next.
type Target interface {
	// Apply sends one change under a correlation id.
	Apply(ctx context.Context, change *plan.Change, id string) plan.Result
	// Bulk tells how many changes ApplyAll takes now; the zero value: none.
	Bulk() plan.Bulk
	// Size is how much of Bulk.Bytes a change takes; 0: it has to travel alone.
	Size(change *plan.Change) int
	// ApplyAll sends several changes in one request under a correlation id, and gives a
	// result for each. They are about different accounts, or about members of one group. whole tells that the request failed as such: then all results are
	// alike, and Apart says that nothing was done and fewer of them may be taken.
	ApplyAll(ctx context.Context, changes []*plan.Change, id string) (results []plan.Result, whole bool)
	// Draws tells what one request for these changes takes from the buckets of the lane,
	// whose names the target knows.
	Draws(changes ...*plan.Change) []plan.Draw
	// Find looks one wanted resource up by the match attributes in their order and
	// stops at the first that gives a verified hit. No hit is not an error.
	Find(ctx context.Context, want resource.Resource) ([]plan.Found, error)
	// Get reads the account with an id; nil: there is none.
	Get(ctx context.Context, id string) (*plan.Found, error)
}

// Ledger stores intents and outcomes. Each call is one durable transaction, and an
// error means that nothing of it was stored.
type Ledger interface {
	Begin(flow ledger.Flow, intents []ledger.Intent) error
	// Commit refuses, with nothing stored, an entry whose remote id belongs to another key.
	Commit(flow ledger.Flow, outcomes []ledger.Outcome) error
	// Entries gives the entries of keys, nil where there is none.
	Entries(target string, keys []record.Key) ([]*ledger.Entry, error)
}
