package plan

import (
	"slices"
	"strconv"

	"scimsync/sync/ledger"
	"scimsync/sync/record"
)

// Rule is one limit of the guard. It trips when n > AtLeast and (n > Count or
// n > Percent of the live entries). A nil Count or Percent is no limit; with no
// live entry Percent does not apply.
type Rule struct {
	Percent *float64
	Count   *int
	AtLeast int
}

// Guard limits what one run of one job may do at one target without a human's yes.
type Guard struct {
	// FirstRunGoes frees the creates and adoptions of first contact from their limits;
	// otherwise the first run is held whole.
	FirstRunGoes bool
	Rules        map[string]Rule // by limit name, as in Limits
}

// The names of the limits, as in the config.
const (
	LimitFirstRun   = "first_run"
	LimitDeactivate = "deactivate"
	LimitDelete     = "delete"
	LimitUpdate     = "update"
	LimitCreate     = "create"
	LimitAdopt      = "adopt"
	LimitRename     = "rename"
	// LimitMemberRemove counts memberships, of a run and of each group.
	LimitMemberRemove = "member_remove"
	// LimitVanished is no limit of the config: accounts that drift did not find any
	// more, and that a repair would make again. Many of them mean another service.
	LimitVanished = "vanished"
	// LimitRejected is no limit of the config either: a human said no, and that stands.
	LimitRejected = "rejected"
)

// Limits lists the limits that are counted, in the order of reports.
var Limits = []string{LimitDeactivate, LimitDelete, LimitUpdate, LimitCreate, LimitAdopt, LimitRename, LimitVanished}

// MostVanished is how many accounts may be missing in one run without a human's yes.
const MostVanished = 5

// Counts gives the limits that a change counts against.
func Counts(c *Change) []string {
	switch c.Action {
	case AddMember, Link: // what they follow from was counted
		return nil
	case RemoveMember:
		return []string{LimitMemberRemove}
	case Deactivate:
		if c.Fate != FateDisabled {
			return []string{LimitDeactivate, LimitDelete}
		}
		return []string{LimitDeactivate}
	case Delete:
		return []string{LimitDelete}
	case Create:
		if c.Key.Kind == record.Group {
			return nil
		}
		if c.Cause.By == CauseRepair {
			return []string{LimitCreate, LimitVanished}
		}
		return []string{LimitCreate}
	case Adopt:
		if c.Mine {
			return nil
		}
		return []string{LimitAdopt}
	}
	if c.Key.Kind == record.Group { // what is made or renamed there takes nothing away
		return nil
	}
	if c.Rename {
		return []string{LimitUpdate, LimitRename}
	}
	return []string{LimitUpdate}
}

// Ruling is what the guard says of a plan.
type Ruling struct {
	Limits []ledger.Limit
	all    bool
	first  bool            // creates and adoptions of first contact are free
	held   map[string]bool // by limit name
}

// Check holds the numbers of a plan, by limit and with what was sent in the window,
// against the limits; n[LimitFirstRun] is the number of all changes. live is the
// number of live entries of the job at the target.
func (g Guard) Check(n map[string]int, live int, contact ledger.Contact) Ruling {
	r := Ruling{held: map[string]bool{}}
	if contact == ledger.ContactNone && !g.FirstRunGoes {
		r.all = true
		if n[LimitFirstRun] > 0 {
			r.Limits = append(r.Limits, ledger.Limit{Limit: LimitFirstRun, N: n[LimitFirstRun], Of: live, Max: "0"})
		}
		return r
	}
	r.first = g.FirstRunGoes && contact != ledger.ContactMade
	for _, name := range Limits {
		if r.first && (name == LimitCreate || name == LimitAdopt) {
			continue
		}
		if limit, tripped := g.rule(name).trips(name, n[name], live); tripped {
			r.Limits = append(r.Limits, limit)
			r.held[name] = true
		}
	}
	r.destructive()
	return r
}

// destructive holds everything destructive if anything destructive is held: what takes access
// away is looked at as a whole.
func (r *Ruling) destructive() {
	limits := []string{LimitDeactivate, LimitDelete, LimitMemberRemove}
	if slices.ContainsFunc(limits, func(name string) bool { return r.held[name] }) {
		for _, name := range limits {
			r.held[name] = true
		}
	}
}

// Loss is how many of its members a group is to lose; without a name it is what all groups
// together are to lose, with what they lost in the window.
type Loss struct {
	Group string
	N, Of int
}

// CheckMembers holds what groups lose against the limit of members. A run of which all is held
// stays as it is.
func (g Guard) CheckMembers(r *Ruling, losses []Loss) {
	if r.all {
		return
	}
	for _, loss := range losses {
		limit, tripped := g.rule(LimitMemberRemove).trips(LimitMemberRemove, loss.N, loss.Of)
		if tripped {
			limit.Group = loss.Group
			r.Limits = append(r.Limits, limit)
			r.held[LimitMemberRemove] = true
		}
	}
	r.destructive()
}

func (g Guard) rule(name string) Rule {
	if name == LimitVanished {
		return Rule{Count: new(MostVanished)}
	}
	return g.Rules[name]
}

func (r Rule) trips(name string, n, live int) (ledger.Limit, bool) {
	if n <= r.AtLeast {
		return ledger.Limit{}, false
	}
	if r.Count != nil && n > *r.Count {
		return ledger.Limit{Limit: name + ".count", N: n, Of: live, Max: strconv.Itoa(*r.Count)}, true
	}
	// Divided, and not multiplied, so that a share that is exactly the limit is not
	// rounded to one above it.
	if r.Percent != nil && live > 0 && float64(n)*100/float64(live) > *r.Percent {
		return ledger.Limit{Limit: name + ".percent", N: n, Of: live,
			Max: strconv.FormatFloat(*r.Percent, 'f', -1, 64) + "%"}, true
	}
	return ledger.Limit{}, false
}

// Frees tells whether a change belongs to a first load that needs no yes: it does not
// count against the limits of later runs either.
func (r Ruling) Frees(c *Change) bool {
	return r.first && (c.Action == Create || c.Action == Adopt)
}

// Holds tells whether the ruling holds a change that nobody approved.
func (r Ruling) Holds(c *Change) bool {
	if r.all {
		return true
	}
	for _, name := range Counts(c) {
		if r.held[name] {
			return true
		}
	}
	return false
}
