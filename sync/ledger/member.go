package ledger

// Edge says that a group lists a member, both by their Ordinals in the mirror of one source.
type Edge struct {
	Group  uint32
	Member uint32
	// Nested tells that the member is a group itself.
	Nested bool
}

// Less orders edges by group; groups among its members come first.
func (e Edge) Less(o Edge) bool {
	switch {
	case e.Group != o.Group:
		return e.Group < o.Group
	case e.Nested != o.Nested:
		return e.Nested
	}
	return e.Member < o.Member
}

// MemberState is how a membership stands at a target.
type MemberState uint8

// The states. They are stored: never renumber.
const (
	NoMember MemberState = iota // not there, and nothing is in doubt
	Member                      // there, as far as acknowledged
	Adding                      // asked for; whether it was done is in doubt
	Removing                    // the removal was asked for; whether it was done is in doubt
)

// Membership is what is known of one member of one group at a target. In doubt it is the
// intent of its change, too.
type Membership struct {
	Source string // of both
	Edge
	State  MemberState
	Parked *Parked // why the last try to change it failed; nil: none did
}

// Empty tells that nothing has to be remembered of it.
func (m *Membership) Empty() bool { return m.State == NoMember && m.Parked == nil }
