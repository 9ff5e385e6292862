package plan

import (
	"maps"
	"slices"
	"time"

	"scimsync/sync/record"
	"scimsync/sync/resource"
)

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
	// Created tells that one of them was a create: an account that Change.Made recognises is
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

// Values are those of Maybe, without the account's state.
func (d *Doubt) Values() resource.Resource {
	values := maps.Clone(d.Maybe)
	delete(values, "active")
	return resource.New(values)
}

// Made tells whether an account that was found is what a create of c's person has made. It
// carries their anchor. Where the service keeps none, a create in doubt is recognised by
// what it sent: before it nobody had the login, so an account that shows all of that, and
// no anchor, is no other. sent is what such creates may have sent; none: there was none
// that is in doubt.
func (c *Change) Made(f *Found, shape resource.Shape, sent ...resource.Resource) bool {
	if anchor := c.Want.Text("externalId"); anchor != "" || f.ExternalID != "" {
		return f.ExternalID == anchor
	}
	other := record.False // what no account of ours is
	if c.Early() {
		other = record.True
	}
	if f.Masked || f.Active == other {
		return false
	}
	return slices.ContainsFunc(sent, func(r resource.Resource) bool {
		return (r.Text("userName") != "" || c.Key.Kind == record.Group && r.Text("displayName") != "") && len(resource.Drift(f.Body, r, shape)) == 0
	})
}
