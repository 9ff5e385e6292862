package plan

import (
	"time"

	"scimsync/sync/ledger"
)

// Problem is a person who waits, with the reason.
type Problem struct {
	Key   string `json:"key"`
	Name  string `json:"name,omitempty"`
	Group string `json:"group,omitempty"` // whose member the person is, or is to be; empty: it is not about that
	Why   string `json:"why"`
	New   bool   `json:"new,omitempty"` // found in this run
	Retry string `json:"retry,omitempty"`
}

// Problem is why a change waits.
func (c *Change) Problem(why string) Problem {
	if c.Member == nil {
		return Problem{Key: c.Key.ID, Name: c.Name, Why: why}
	}
	return Problem{Key: c.Member.Key.ID, Name: c.Member.Name, Group: c.Name, Why: why}
}

// Plan is what a run would do for one job at one target. The changes themselves
// are reached by Each, in the order in which they are carried out: there may be
// more of them than fit into memory.
type Plan struct {
	Job    string
	Target string
	Base   string // identifies what was known when the plan was made
	Source string
	At     time.Time

	Each func(fn func(*Change) error) error

	Summary    map[Action]int
	Groups     map[Action]int // of Summary, what is about groups; what is about their members is not
	Calls      int            // requests that write
	Lookups    int            // requests that were sent to make the plan; the run that carries it out sends them again
	Estimate   time.Duration  // that all of them take, at the pace of the target; 0: no time worth telling
	Conflicts  []Problem
	Parked     []Problem
	Protected  int
	Unclaimed  int            // accounts that nobody claims; -1: not known
	Holds      []ledger.Limit // the limits that tripped
	Digest     string
	HeldDigest string // empty: nothing is held
	Held       int
	Notes      []string
}

// accounts is how many changes of an action are about accounts.
func (p *Plan) accounts(action Action) int { return p.Summary[action] - p.Groups[action] }

// Changes is how many changes the plan holds.
func (p *Plan) Changes() int {
	n := 0
	for _, c := range p.Summary {
		n += c
	}
	return n
}
