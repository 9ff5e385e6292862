package plan

import "time"

// Doubt is what is not known of an account: a request was sent to it, or for it, and
// nobody knows whether it was carried out, because its answer was lost or was not
// stored. It is written down before each request and ends with an outcome:
//
//	where               what it holds                             until
//	------------------+-----------------------------------------+---------------------------------
//	ledger.Intent     | what the request under way may leave    | its outcome is committed
//	                  | there, with what was in doubt before it |
//	Entry.Maybe       | what an outcome left open: the request  | an outcome of a change that sends
//	                  | that was acknowledged did not send it   | these paths
//	Change.Doubt      | both of them (diff.Person), for the     | the change is done: what is in
//	                  | change that is sent next                | doubt is part of it, or of Maybe
//	an answer is lost | Sent is true from then on               | as above
//
// While an account is in doubt, what may have arrived is sent once more, whatever the
// entry says; a create is looked for before it is sent again; a login that may be held
// is freed before it is taken.
type Doubt struct {
	// Sent tells that a request that nobody acknowledged may have arrived.
	Sent bool
	// Created tells that one of them was a create: an account with the person's anchor is
	// one that we made.
	Created bool
	// Since is the moment from which a create in doubt may take the settle window to show:
	// until that has passed it is looked for. Zero: nothing is waited for; for somebody who
	// has left (engine, decideLeft) it means that the window is over.
	Since time.Time
	// Maybe holds what such requests may have left at the target: path to value (one of
	// several is a resource.Either), nil for a removal; the path "active" stands for the
	// account's state.
	Maybe map[string]any
}
