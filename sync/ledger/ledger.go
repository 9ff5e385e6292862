// Package ledger is what scimsync remembers: what a source said (the mirror), and
// what each target acknowledged (the entries), with the little that is needed to
// go on after a crash. These are values; package state keeps them.
package ledger

import (
	"time"

	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// Row is one row of the mirror: what a source last said about one key.
type Row struct {
	Key     record.Key
	Ordinal uint32 // the row's number for marking; given once, never reused
	Seq     uint64 // rises with each change of any row of the source
	Sum     record.Sum
	Absent  uint32 // above 0: the last complete read did not list the key
	DN      string
	Line    int
	Enabled record.Tri
	Expires time.Time
	Attrs   []record.Attr // empty while absent
}

// Record gives the row as the record it was made from.
func (r *Row) Record() *record.Record {
	return &record.Record{Kind: r.Key.Kind, ID: r.Key.ID, DN: r.DN, Line: r.Line,
		Enabled: r.Enabled, Expires: r.Expires, Attrs: r.Attrs}
}

// SourceInfo is what is known of a source as a whole.
type SourceInfo struct {
	Cursor      record.Cursor
	Names       []string          // Want.Names the rows were read with
	Seq         uint64            // the highest Seq in use
	Ordinals    uint32            // the first Ordinal not in use
	Live        int               // people who are not absent
	Filled      map[string]int    // people with a value, by name, in the last accepted read
	Fingerprint map[string]string // what identifies the source: kind, base, key column
	// Groups is what is known of its groups; nil: the last accepted read was not asked for any.
	Groups *GroupsInfo `json:",omitempty"`
}

// GroupsInfo is what is known of the groups of a source as a whole.
type GroupsInfo struct {
	Names      []string       // WantGroups.Names the rows were read with
	Live       int            // groups that are not absent
	Filled     map[string]int // groups with a value, by name, in the last accepted read
	Links      int            // edges
	Unresolved int            // links of the last accepted read that nobody answers for
}

// Standing is how an account stands at a target, as far as acknowledged.
type Standing uint8

// The standings. They are stored: never renumber.
const (
	Live      Standing = iota + 1 // active
	Suspended                     // deactivated, the person is still in the source
	Left                          // deactivated after the person left; with leavers: keep they stay Live
	Gone                          // deleted, deactivated where that deletes, or vanished: a tombstone that holds the externalId
)

var standingNames = map[Standing]string{Live: "live", Suspended: "suspended", Left: "left", Gone: "gone"}

func (s Standing) String() string { return standingNames[s] }

// Entry is what one target acknowledged for one key.
type Entry struct {
	Key      record.Key
	RemoteID string
	Version  string
	Job      string
	Standing Standing
	// Resource is what the target last acknowledged; while the account is inactive,
	// what it held when it last was active.
	Resource resource.Resource
	Managed  []string // the paths managed at that time
	// Maybe holds values that may stand at the target instead, as in Intent.Maybe: a
	// request with them was in doubt when one was acknowledged that left them alone.
	Maybe map[string]any
	// Echo holds the values that the target is known to hold instead, with our leave: it
	// rewrote what it took, or kept its own when the account was adopted. Path to value,
	// nil for none. Nil: the target never showed the account to us.
	Echo map[string]any
	// Drift holds the values that somebody put there instead and that a repair is to undo:
	// path to value, nil for none.
	Drift map[string]any
	Run   string
	At    time.Time
}

// Intent is written before a request is sent and removed by its outcome: after a
// crash it tells what may or may not have arrived.
type Intent struct {
	Key    record.Key
	Action string
	ID     string // correlation id, sent as X-Request-Id
	Run    string
	At     time.Time
	// Looked is when a later run first looked for what this may have made, in vain;
	// zero: none did.
	Looked time.Time
	// Maybe holds the values that may have arrived: path to value, nil for a
	// removal; the path "active" stands for the account's state. While there is no
	// entry it is all that was sent.
	Maybe map[string]any
	// Member is what is asked for of one member, where Key is the group's; nil: the request
	// is about Key itself.
	Member *Membership
}

// Contact tells how far a job has come with a target.
type Contact uint8

// The stages of first contact.
const (
	ContactNone     Contact = iota // nothing was ever sent
	ContactReleased                // the first run was released, but has not ended yet
	ContactMade                    // a run ended with nothing left to create
)

// Progress is how far one job has come at one target.
type Progress struct {
	Planned    map[string]uint64 // by source: the mirror Seq up to which everything was planned
	MapVersion string
	Contact    Contact
}

// HeldLine is one held change, short, for comparing and for the text of a hold.
type HeldLine struct {
	Action string
	Key    record.Key
	Name   string
	Group  string // of a change of a member: the group's name, while Key is the group's and Name the member's
	Digest string // of the change
	// Rejected tells that a human said no: the change is held whatever the limits say.
	Rejected bool
}

// Hold is a set of changes that waits for a human.
type Hold struct {
	ID     string // short, printable, unique
	Job    string
	Target string
	Digest string // over its lines
	Limits []Limit
	Lines  []HeldLine
	At     time.Time
	Run    string
	// Rejected is who said no to lines of it, or yes only to others; empty: nobody did.
	Rejected string
}

// Limit is one limit that tripped.
type Limit struct {
	Limit string `json:"limit"` // "deactivate.percent"
	N     int    `json:"n"`
	Of    int    `json:"of"`
	Max   string `json:"max"` // "10%" or "50"
	// Group is the one that loses members; empty: the limit is that of a run.
	Group string `json:"group,omitempty"`
}

// Approval is a human's yes to the changes with these digests, and no others.
type Approval struct {
	By      string           // who said the last of them
	Digests map[string]int64 // when the yes to it was said, in seconds since 1970
}

// Run is the record of one run of one job at one target.
type Run struct {
	ID      string
	Job     string
	Target  string
	Started time.Time
	Ended   time.Time      // zero: it is under way, or did not come to its end
	Planned map[string]int // by action
	Done    map[string]int
	Calls   int // requests for changes
	Lookups int // requests that change nothing
	Held    int
	Error   string
}
