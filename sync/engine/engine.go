package engine

import (
	"cmp"
	"time"

	"go.uber.org/zap"

	"scimsync/sync/apply"
	"scimsync/sync/diff"
	"scimsync/sync/ledger"
	"scimsync/sync/mapping"
	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// Store is everything that the engine keeps.
type Store interface {
	Mirror
	Entries
	Memberships
	References
	Progress
	apply.Ledger
}

// Engine runs jobs. It may run several of them at a time.
type Engine struct {
	Store Store
	Log   *zap.Logger
	Now   func() time.Time
	// Dir is where plans go that do not fit into memory.
	Dir string
	// Program is how the commands in hints begin.
	Program plan.Program
	// SettleWindow is how long a create in doubt may take to show; 30 s if zero.
	SettleWindow time.Duration
	// Backoff is apply.Carry's.
	Backoff time.Duration

	under underWay
}

// Job is one job, ready to run: its sources are described and its mappings compiled.
type Job struct {
	Name        string
	Fingerprint map[string]string
	Sources     []Source
	Flows       []Flow
}

// Source is one source of a job.
type Source struct {
	Name   string
	Reader record.Source
	// Names are the attributes that any mapping of any job uses of this source.
	Names []string
	// GroupNames are those of groups, "name" among them; nil: no job uses groups of this source.
	GroupNames []string
	// Refs are the attributes by which any mapping of any job refers to people, sorted; nil: none.
	Refs []string
	// Scopes name the groups by which any job has people in scope, by name, DN or anchor.
	Scopes      []string
	Fingerprint map[string]string
	// MaxShrink is by what share, in percent, a read may be smaller than the last
	// accepted one; AcceptShrink lifts it for this read, but never for an empty one.
	MaxShrink    float64
	AcceptShrink bool
	// Nested says who is a member of a group that has groups in it.
	Nested Nesting
}

func (s *Source) asksGroups() bool { return s.GroupNames != nil }

// Flow is one job at one target, ready to run: Job and Target are its names, Client speaks
// to the target.
type Flow struct {
	ledger.Flow
	Programs map[string]*mapping.Program // by source
	// MembersOf names the groups by which people are in scope there: whoever is in one of them,
	// or in a group in it. By name, DN or anchor; nil: everybody is.
	MembersOf []string
	Client    Target
	Shape     resource.Shape // what the target can hold, with what the job owns of it
	Lane      *apply.Lane
	Retries   int // is apply.Carry's
	Match     []string
	Adopt     diff.Adoption
	Leavers   diff.Leavers
	Fate      plan.Fate // what deactivation leaves of an account there
	Guard     plan.Guard
	Window    time.Duration
	Protect   Protect
	// MailTakesOver tells that a create there takes over the account that has the same mail
	// address: a second person with it must not be sent.
	MailTakesOver bool
	// Groups is what is done about groups there; nil: nothing.
	Groups *Groups
	// Identity is what identifies the target: another one stops the job.
	Identity map[string]string
	// Notes are what the service does not take of what the job says.
	Notes []string
}

// Target is what the engine needs of a target.
type Target interface {
	apply.Target
	Matcher
}

// Protect names accounts that nothing may touch.
type Protect interface {
	// Protects tells whether an account with this login or id is protected.
	Protects(userName, id string) bool
}

// How says how a run is to be done.
type How struct {
	Run  string              // the run's id
	Only map[record.Key]bool // nil: everybody; else only these people
	// Who gives Only once the sources are read; nil: Only stands.
	Who     func() (map[record.Key]bool, error)
	Approve *Yes // nil: nothing is approved beyond what was before
	// Expect is the digest that the plan must have, or nothing is sent; empty: any.
	Expect string
	// Ended is told how many of a flow's changes have come to their end.
	Ended func(flow ledger.Flow, n, of int)

	at time.Time // of the whole run: what fails in its first half is for the next run
}

// Yes is a human's yes to what is held.
type Yes struct {
	By   string
	Hold string              // the digest of the hold that was shown
	Only map[record.Key]bool // nil: all that is held
}

// Outcome is what came of one flow in one run.
type Outcome struct {
	Flow    ledger.Flow
	Plan    *plan.Plan
	Applied apply.Report
	Lookups int          // requests to the target that change nothing: to find accounts, mostly
	Hold    *ledger.Hold // what waits for a human; nil: nothing
	// Differs tells that what was approved, or expected, is not what is now planned:
	// nothing of it was sent.
	Differs bool
	// Replaced tells that another run of the flow took over.
	Replaced bool
	// Yields tells that another run of the flow is under way and goes on, for this one
	// had nothing more urgent: nothing of it was sent.
	Yields bool
	Err    error
}

func (e *Engine) now() time.Time {
	if e.Now != nil {
		return e.Now()
	}
	return time.Now()
}

func (e *Engine) settleWindow() time.Duration { return cmp.Or(e.SettleWindow, 30*time.Second) }
