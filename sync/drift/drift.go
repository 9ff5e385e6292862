// Package drift compares the accounts at one target with what was pushed to them, by all
// jobs, and tells what differs. It sends nothing that changes anything. Asked to, it marks
// in the entries what differs (Entry.Drift) and has the people looked at: the next run of
// their job compares what is wanted with what is there, and a repair is a change like any
// other, through plan, guard and apply.
//
//	entry            | the account there        | is
//	-----------------+--------------------------+--------------------------------------------
//	live             | holds what was pushed    | right, by the rules of resource.Drift
//	                 | holds other values       | changed, unless they are an accepted echo
//	                 | is inactive              | changed
//	                 | carries another anchor   | taken: a human has to look
//	                 | is not there             | gone, or moved to another id, once a lookup
//	                 |                          | agrees
//	suspended, left  | is active                | changed
//	                 | anything else            | right: nothing else is compared
//
// What nobody pushed is never compared: other attributes, other elements, and values at
// paths for which we have none.
package drift

import (
	"context"
	"time"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// Target reads accounts, as engine.Matcher and apply.Target say.
type Target interface {
	List(ctx context.Context, emit func(plan.Found) error) (complete bool, err error)
	Count(ctx context.Context) (accounts, requests int, err error)
	Get(ctx context.Context, id string) (*plan.Found, error)
	Find(ctx context.Context, want resource.Resource) ([]plan.Found, error)
}

// Store is what is kept, as engine.Entries and engine.Progress say.
type Store interface {
	EachEntry(flow ledger.Flow, fn func(*ledger.Entry) error) error
	Entries(target string, keys []record.Key) ([]*ledger.Entry, error)
	ByRemote(target, id string) (record.Key, bool, error)
	Standings(flow ledger.Flow) (map[ledger.Standing]int, error)
	EachIntent(flow ledger.Flow, fn func(*ledger.Intent) error) error
	Commit(flow ledger.Flow, outcomes []ledger.Outcome) error
	// Comparison is how far the comparison of a target has come; nil: none is under way.
	Comparison(target string) (*ledger.Comparison, error)
	PutComparison(target string, c *ledger.Comparison) error
}

// Flow is a job whose accounts are compared.
type Flow struct {
	ledger.Flow
	Shape resource.Shape // with what the job owns
	// Retired tells that the config has the job no more, or not at this target: its
	// accounts are compared, and never marked.
	Retired bool
}

// Check is one comparison of one target.
type Check struct {
	Store  Store
	Target Target
	Name   string // the target's
	Flows  []Flow // in the order in which they are compared
	// Protects tells of an account that nothing may touch.
	Protects func(userName, id string) bool
	// Only are the people to look at; nil: everybody.
	Only map[record.Key]bool
	// Mark has what differs marked for repair.
	Mark bool
	// Concurrency is how many accounts are read at a time.
	Concurrency int
	Now         func() time.Time
	// Found is told of each account that is not right, in the order of keys.
	Found func(*Finding) error
	// Looked is told how many of the accounts have been looked at.
	Looked func(n, of int)
}

// Kind says what is not right with an account.
type Kind string

// The kinds of findings.
const (
	Changed    Kind = "changed"    // it holds other values, or is active or inactive when it should not be
	Gone       Kind = "gone"       // it is not there any more
	Moved      Kind = "moved"      // it is not there any more, and another carries the person's anchor
	Taken      Kind = "taken"      // it carries another anchor than it was given
	Unreadable Kind = "unreadable" // it could not be read
)

// Finding is one account that is not right.
type Finding struct {
	Flow        ledger.Flow
	Key         record.Key
	Name        string
	RemoteID    string
	Kind        Kind
	Differences []Difference // of a changed account, active first
	Now         string       // of a moved account its id, of one that was taken its externalId
	Err         error        // why it could not be read
	Marked      bool         // for repair
}

// Difference is what differs at one path.
type Difference struct {
	Path          string
	Pushed, There any  // nil: nothing
	Fixed         bool // the service takes the value only when an account is made: nothing can mend it
}

// Summary is what came of a comparison.
type Summary struct {
	Compared  int // accounts
	Found     map[Kind]int
	Marked    int
	Protected int // left out
	InDoubt   int // left out: a request for them may be under way
	// NotShown are attributes of which the target shows no value of anybody, by the number
	// of accounts they were pushed to: whether they are right cannot be told.
	NotShown map[string]int
	// Since is when the comparison began that this one went on with, and Earlier how many
	// accounts that one had compared; zero: it began by itself.
	Since   time.Time
	Earlier int
}
