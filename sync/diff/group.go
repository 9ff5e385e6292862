package diff

import (
	"scimsync/sync/ledger"
	"scimsync/sync/plan"
)

// GroupLeavers says what happens to a group that is gone from the source, or out of scope.
type GroupLeavers uint8

// The choices of groups.leavers.
const (
	UnlinkGroups GroupLeavers = iota // it stays as it is, and is not looked after any more
	EmptyGroups                      // those whom we put there are taken out, and it stays
	DeleteGroups
)

// Group decides for one group, as far as it is not about its members.
//
//	wanted     | no entry, gone       | live
//	-----------+----------------------+--------------------------------
//	yes        | find, adopt, create  | update
//	no         | nothing              | unlink, empty, delete as leavers say
func Group(in *Input) (Next, *plan.Change) {
	none := in.Entry == nil || in.Entry.Standing == ledger.Gone
	switch {
	case none && in.Present:
		return Find, create(in, in.Want)
	case none:
		return Nothing, nil
	case in.Present:
		return update(in)
	}
	switch in.Groups {
	case DeleteGroups:
		return Send, in.change(plan.Delete).Change
	case UnlinkGroups:
		return Drop, nil
	}
	return Nothing, nil
}
