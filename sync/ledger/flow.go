package ledger

import (
	"time"

	"scimsync/sync/record"
)

// Flow names one job at one target. State is kept per flow, except for entries and
// their indexes, which belong to the target.
type Flow struct {
	Job    string
	Target string
}

// String spells the flow for messages, as in "staff at ringcentral".
func (f Flow) String() string { return f.Job + " at " + f.Target }

// Outcome is all that one change leaves behind. It is stored as a whole or not at
// all.
type Outcome struct {
	Key        record.Key
	Entry      *Entry // nil: the entry stays as it is
	Look       *Look  // nil: the look stays as it is; an empty one is removed
	DropIntent bool
	// Counts names the limits of the guard that the change counts against from At on.
	Counts []string
	At     time.Time // when the change was acknowledged
	// Member is what is known of one member of the group Key from now on; nil: that stays.
	Member *Membership
}

// Seen is what the mirror knows of one id, in brief.
type Seen struct {
	Known   bool
	Absent  bool
	Ordinal uint32
	Sum     record.Sum
}

// TargetInfo is what is known of a target as a whole.
type TargetInfo struct {
	Fingerprint map[string]string // what identifies it: url, and so on
	Warned      []string          // what was said of credentials that end soon, so that it is not said in every run
}

// JobInfo is what is known of a job as a whole.
type JobInfo struct {
	Fingerprint map[string]string
}
