// Package diff compares what is wanted for a person with what a target last
// acknowledged, and says what follows. It is pure: the same input, the same change.
//
//	wanted      | no entry, gone      | live              | suspended, left
//	------------+---------------------+-------------------+-------------------------
//	active      | find, adopt, create | update            | reactivate (and update)
//	inactive    | nothing             | deactivate        | nothing
//	early       | find, create inactive | deactivate      | nothing
//	not known   | the person waits    | update, active is | nothing
//	            |                     | left alone        |
//	has left    | nothing             | as leavers say    | delete, if leavers say so
//
// An intent, left by a crash, means that a request may have arrived although the
// entry does not show it: what the intent touched is then sent once more. Where there
// is no entry, a request may have made the account: it is looked for.
package diff

import (
	"maps"
	"slices"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// Leavers says what happens to the account of a person who left.
type Leavers uint8

// The choices of leavers.action.
const (
	DeactivateLeavers Leavers = iota
	DeleteLeavers
	KeepLeavers
)

// Input is everything that is known of one person at one target.
type Input struct {
	Key     record.Key
	Name    string
	Present bool       // the source lists the person, and the scope takes them
	Active  record.Tri // whether the account is to be active; counts while Present
	Early   bool       // an account that is not to be active yet is wanted all the same
	Want    resource.Wanted
	Entry   *ledger.Entry  // nil: nothing was ever acknowledged
	Intent  *ledger.Intent // nil: no request is in doubt
	Leavers Leavers
	Groups  GroupLeavers // of groups, in place of Leavers
	Fate    plan.Fate    // of accounts that are deactivated
	Shape   resource.Shape
	Cause   plan.Cause
}

// Next is what follows for a person.
type Next uint8

const (
	// Nothing is to be done; an intent can be dropped.
	Nothing Next = iota
	// Send the change.
	Send
	// Find the account first: the wanted person has none that is known.
	Find
	// FindLeft is Find for a person who is to have no active account (left, or inactive)
	// while a create is in doubt.
	FindLeft
	// Wait: whether a new person is to be active is not known.
	Wait
	// Keep: nothing is to be done now, but what a request in doubt may have done counts
	// as soon as something is.
	Keep
	// Drop what is known of a group: it is left to itself.
	Drop
)

// Person decides for one person. With Find and FindLeft goes the create that follows
// if no account is found; Adopt and Left turn it into what follows if one is.
func Person(in *Input) (Next, *plan.Change) {
	if in.Entry == nil || in.Entry.Standing == ledger.Gone || in.Present && in.Active == record.True && in.Entry.Vanished() {
		return newcomer(in)
	}
	wantsActive := in.Present && in.Active == record.True
	wantsInactive := !in.Present || in.Active == record.False
	if in.Entry.Standing == ledger.Live {
		if wantsInactive {
			return leaver(in)
		}
		return update(in)
	}
	switch {
	case wantsActive:
		return Send, reactivate(in)
	case !in.Present && in.Leavers == DeleteLeavers:
		return Send, in.change(plan.Delete).Change
	case wantsInactive && mayBeActive(in.Intent):
		return Send, deactivate(in)
	case mayBeActive(in.Intent):
		return Keep, nil
	}
	return Nothing, nil
}

func newcomer(in *Input) (Next, *plan.Change) {
	switch {
	case in.Present && (in.Active == record.True || in.Early):
		return Find, create(in, in.Want)
	case in.Present && in.Active == record.Unknown:
		return Wait, nil
	case in.Intent != nil:
		c := create(in, in.sent())
		c.NextRun = in.deletes()
		return FindLeft, c
	}
	return Nothing, nil
}

// deletes tells that the account is deleted in the run after the one that deactivates it.
func (in *Input) deletes() bool { return !in.Present && in.Leavers == DeleteLeavers }

func leaver(in *Input) (Next, *plan.Change) {
	switch {
	case in.Present || in.Leavers != KeepLeavers:
		return Send, deactivate(in)
	case in.Intent != nil:
		return Keep, nil
	}
	return Nothing, nil
}

func update(in *Input) (Next, *plan.Change) {
	if in.Active == record.True && mayBeInactive(in.Intent) {
		return Send, reactivate(in)
	}
	edit := resource.Ops(in.Entry.Resource, in.Want, in.Shape, in.maybe())
	switch {
	case edit.Empty() && mayBeInactive(in.Intent):
		return Keep, nil
	case edit.Empty():
		return Nothing, nil
	}
	c := in.change(plan.Update)
	c.edit(edit, in.Shape)
	c.Rename = in.renames()
	return Send, c.Change
}

func reactivate(in *Input) *plan.Change {
	edit := resource.Ops(in.Entry.Resource, in.Want, in.Shape, in.maybe())
	c := in.change(plan.Reactivate)
	c.edit(switched(edit, true), in.Shape)
	c.Rename = in.renames()
	return c.Change
}

func deactivate(in *Input) *plan.Change {
	c := in.change(plan.Deactivate)
	c.edit(switched(resource.Edit{}, false), in.Shape)
	c.NextRun = in.deletes()
	// The account keeps what it last held, so that a return needs only what changed.
	c.Want.Resource = in.Entry.Resource
	c.Want.Managed = in.Entry.Managed
	c.Want.Once = nil
	return c.Change
}

// builder puts a change together.
type builder struct{ *plan.Change }

func (in *Input) change(action plan.Action) builder {
	c := &plan.Change{Action: action, Kind: in.Key.Kind.String(), Key: in.Key, Name: in.Name,
		Cause: in.Cause, Want: in.Want, Left: !in.Present, Fate: in.Fate, Doubt: in.doubt()}
	if in.Entry != nil {
		c.RemoteID, c.Version, c.Echo = in.Entry.RemoteID, in.Entry.Version, in.Entry.Echo
	}
	return builder{c}
}

// edit puts operations into the requests that the service takes.
func (b builder) edit(e resource.Edit, shape resource.Shape) {
	b.Before, b.After = e.Before, e.After
	b.Ops, b.Parts = shape.Requests(e.Ops)
}

// switched is an edit with the operation on `active` in front.
func switched(e resource.Edit, active bool) resource.Edit {
	if e.Before == nil {
		e.Before, e.After = map[string]any{}, map[string]any{}
	}
	e.Before["active"], e.After["active"] = !active, active
	e.Ops = append([]resource.Op{{Op: "replace", Path: "active", Value: active}}, e.Ops...)
	return e
}

// renames tells whether the login or the anchor changes, or may change back.
func (in *Input) renames() bool {
	old, want := in.Entry.Resource, in.Want.Resource
	login := resource.Fold(want.Text("userName"))
	return resource.Fold(old.Text("userName")) != login || old.Text("externalId") != want.Text("externalId") ||
		slices.ContainsFunc(Logins(in.maybe()), func(maybe string) bool { return maybe != login })
}

// Logins gives the logins, folded, that an account may hold after requests in doubt.
func Logins(maybe map[string]any) []string {
	var logins []string
	for _, v := range resource.Candidates(maybe["userName"]) {
		if login, _ := v.(string); login != "" {
			logins = append(logins, resource.Fold(login))
		}
	}
	return logins
}

func (in *Input) doubt() plan.Doubt {
	return plan.Doubt{Sent: in.Intent != nil, Created: in.Intent != nil && in.Intent.Action == string(plan.Create), Maybe: in.maybe()}
}

// maybe gives what may stand at the target instead of what the entry says.
func (in *Input) maybe() map[string]any {
	values := map[string]any{}
	if in.Entry != nil {
		maps.Copy(values, in.Entry.Maybe)
	}
	if in.Intent != nil {
		maps.Copy(values, in.Intent.Maybe)
	}
	return values
}

// sent is what the requests in doubt of a person without an entry have sent.
func (in *Input) sent() resource.Wanted {
	values := in.maybe()
	delete(values, "active")
	for path, v := range values { // of several the one that was sent last
		all := resource.Candidates(v)
		values[path] = all[len(all)-1]
	}
	return resource.Wanted{Resource: resource.New(values), Managed: slices.Sorted(maps.Keys(values))}
}

func mayBeActive(intent *ledger.Intent) bool {
	return intent != nil && intent.Maybe["active"] == true
}

func mayBeInactive(intent *ledger.Intent) bool {
	return intent != nil && intent.Maybe["active"] == false
}
