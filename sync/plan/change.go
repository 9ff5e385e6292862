// Package plan is what a run would do, as data: changes, their summary, what the
// guard says about them, their digest and their text. Nothing here sends, reads
// or stores anything; time comes in as a value.
package plan

import (
	"fmt"
	"slices"
	"time"

	"scimsync/sync/ledger"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// Action is what a change does. The order of Actions is the order of phases.
type Action string

// The actions. Those of members change one group and one member of it. A link gives an account
// its references to accounts that were not there before.
const (
	Deactivate   Action = "deactivate"
	RemoveMember Action = "remove_member"
	Update       Action = "update"
	Adopt        Action = "adopt"
	Reactivate   Action = "reactivate"
	Create       Action = "create"
	AddMember    Action = "add_member"
	Link         Action = "link"
	Delete       Action = "delete"
)

// Actions lists all actions in the order in which they are carried out.
var Actions = []Action{Deactivate, RemoveMember, Update, Adopt, Reactivate, Create, AddMember, Link, Delete}

func (a Action) known() bool { return slices.Contains(Actions, a) }

// Phase is the place of an action in the order of a run: a lower phase is carried
// out first. Update and adopt share one. Phase 1 is that of finding accounts, too (engine,
// finding), which comes after deactivations only.
func (a Action) Phase() int {
	switch a {
	case Deactivate:
		return 0
	case RemoveMember:
		return 1
	case Update, Adopt:
		return 2
	case Reactivate:
		return 3
	case Create:
		return 4
	case AddMember:
		return 5
	case Link:
		return 6
	case Delete:
		return 7
	}
	panic("plan: no phase for action " + string(a))
}

// Phase is the place of a change in the order of a run, a lower one first. Who is added to a
// group that loses somebody, and needs nothing before that, goes along.
func (c *Change) Phase() int {
	if c.Member != nil && c.Member.Along {
		return RemoveMember.Phase()
	}
	return c.Action.Phase()
}

// Stage orders changes: all of a stage have ended before the next one begins. Within a phase
// groups come after people.
func (c *Change) Stage() [2]int {
	if c.Key.Kind == record.Group && c.Member == nil {
		return [2]int{c.Phase(), afterPeople}
	}
	return [2]int{c.Phase(), c.Round}
}

// afterPeople is a round above that of any person's change.
const afterPeople = 1 << 30

// Cause says why a change is there.
type Cause struct {
	By   string `json:"by"`   // source | config | time | repair
	What string `json:"what"` // a few words for the reader
}

// Causes of a change.
const (
	CauseSource = "source"
	CauseConfig = "config"
	CauseTime   = "time"
	CauseRepair = "repair"
)

// Fate is what deactivation leaves of an account. At most services it is a plain
// disable. Where it is more than that it counts as a delete for the guard too.
type Fate string

// The fates.
const (
	FateDisabled Fate = ""        // it stays, and can be switched on again
	FateRemoved  Fate = "removed" // it leaves the organisation, and can be brought back by switching it on
	FateGone     Fate = "gone"    // it is gone with its id: who returns gets a new one
)

// Change is one change to one account: before, after and the operations together.
type Change struct {
	Action   Action
	Kind     string
	Key      record.Key
	Name     string
	RemoteID string
	Version  string // of the account, as the target told it last; empty: not known
	Before   map[string]any
	After    map[string]any
	Ops      []resource.Op
	// Parts tells how many of Ops go into each request, in their order, where the
	// service does not take all of them in one; nil: it does.
	Parts []int
	Cause Cause
	Held  bool

	// Round orders updates that pass a login on, and creates that refer to each other: a lower
	// round is finished first.
	Round int
	// Temporary is the login an account gets for a moment so that a circle of
	// swapped logins can be untied; this change sets it, and no other value.
	Temporary string

	// Want is what the target is to hold afterwards; for a create its body.
	Want resource.Wanted
	// Fate is what a deactivate leaves of the account at this service.
	Fate Fate
	// Left tells, for a deactivate, that the person left the source or the scope;
	// otherwise the account is only suspended.
	Left bool
	// Mine tells, for an adopt, that it does not count against the guard's limit: the
	// account carries the person's anchor, or the job adopts without asking.
	Mine bool
	// Rename tells that the login or the anchor changes.
	Rename bool
	// Doubt is what earlier requests may have left there unseen.
	Doubt Doubt
	// Echo is the entry's, as in ledger.Entry; that of an adopt tells what the account
	// keeps besides.
	Echo map[string]any
	// Approved tells that a human said yes to exactly this change, or to all of a
	// first load: it does not count against the limits.
	Approved bool
	// NextRun asks for the person to be looked at in the next run, whatever comes.
	NextRun bool
	// Due is when time alone will change the result again; zero: never.
	Due time.Time
	// Parked is why the person waited before; nil: they did not.
	Parked *ledger.Parked

	// Member is whom the change adds to the group of Key, or removes from it; nil: the change
	// is about Key itself.
	Member *Member

	digest string // see Digest
}

// KindMember is the Kind of a change of one member.
const KindMember = "member"

// Member is a member of a group, of a change whose Key and RemoteID are the group's.
type Member struct {
	Key  record.Key
	Name string
	// RemoteID is the member's own id at the target; empty until there is one.
	RemoteID string
	// Edge is the membership in the mirror of the source of both.
	Edge ledger.Edge
	// Along tells that somebody added goes in one request with those that are removed.
	Along bool
	// Of is how many members of the group the target has acknowledged before this change; 0:
	// not known. A group that shows fewer does not show all.
	Of int
	// Beside is the id at the target of somebody who is in the group and stays; empty: not
	// known. What a removal takes out besides shows in them where a group shows nobody.
	Beside string
}

// As gives another change for the same person: all that is known of them, and nothing
// of what this one does.
func (c *Change) As(action Action) *Change {
	other := *c
	other.Action, other.Before, other.After, other.Ops, other.Parts = action, nil, nil, nil, nil
	other.Doubt.Since = time.Time{} // only a create is looked for
	other.digest = ""
	return &other
}

// Early tells that the change makes an account that is not active yet, or takes one
// over that stays inactive.
func (c *Change) Early() bool {
	return (c.Action == Create || c.Action == Adopt) && c.After["active"] == false
}

// Calls is how many requests the change needs when all goes well.
func (c *Change) Calls() int {
	if c.Action == Adopt && len(c.Ops) == 0 {
		return 0
	}
	return max(1, len(c.Parts))
}

// Requests gives the operations of each request that the change needs. There is one at
// least: that of a create or a delete has none.
func (c *Change) Requests() [][]resource.Op {
	if len(c.Parts) == 0 {
		return [][]resource.Op{c.Ops}
	}
	requests := make([][]resource.Op, 0, len(c.Parts))
	rest := c.Ops
	for _, n := range c.Parts {
		requests, rest = append(requests, rest[:n:n]), rest[n:]
	}
	return requests
}

// String names the change in messages.
func (c *Change) String() string { return fmt.Sprintf("%s %s %s", c.Action, c.Kind, c.Key.ID) }

// Found is an account that a target holds, as far as matching needs it.
type Found struct {
	ID         string
	Version    string
	UserName   string
	ExternalID string
	Active     record.Tri
	// Masked tells that the service shows an inactive account with other values than it
	// keeps for it: besides the id, only Active counts.
	Masked bool
	// By is the match attribute that led to the account: externalId, userName, email.
	By string
	// Body is the account's JSON as the target sent it, names in the schema's spelling.
	Body map[string]any
}

// Verdict says what came of a change.
type Verdict uint8

const (
	// Done: the target said yes.
	Done Verdict = iota
	// Again: nothing was changed; the same request may be sent once the pace allows it.
	Again
	// InDoubt: it may or may not have been carried out; look before sending again.
	InDoubt
	// Taken: a create was refused because the account, or its login, exists.
	Taken
	// Vanished: the account is not there any more.
	Vanished
	// Park: refused for good as it stands; the rest of the plan goes on.
	Park
	// Stop: nothing can be sent to this target now; the rest waits for the next run.
	Stop
	// StopCreates: no further account can be made now (no licence left, say): everybody who
	// is to get one is parked, and the rest goes on.
	StopCreates
	// Apart: nothing was done, because of what the change takes away something is not
	// there. A change in doubt may then be sent in parts.
	Apart
	// Anew: nothing was done, and the target knows another way to send the same: it may be
	// sent at once.
	Anew
	// Ignored: the target said yes, and did not do all of it.
	Ignored
	// ParkForGood: refused, and nothing but another change of the person will help.
	ParkForGood
	// Wiped: the target did not do what it was asked and took other members out of the group:
	// all of them have to be put back. What was asked for is not to be sent again as it is.
	Wiped
)
