package engine

import (
	"scimsync/sync/diff"
	"scimsync/sync/ledger"
	"scimsync/sync/plan"
)

// A repair begins with Entry.Drift: what was found at an account instead of what was left
// there. Nothing else makes a repair: what is wanted is
// compared with what is there, and the rest follows as for everybody.

// repairs tells whether what follows for a person does so only because of drift.
func repairs(in *diff.Input, pushed *ledger.Entry) bool {
	if pushed == nil || len(pushed.Drift) == 0 {
		return false
	}
	entry := *pushed
	entry.Drift = nil
	without := *in
	without.Entry = &entry
	next, _ := diff.Person(&without)
	return next == diff.Nothing || next == diff.Keep
}

// repair is the cause of what follows from drift.
func (w *work) repair(pushed *ledger.Entry) plan.Cause {
	what := "changed at "
	active, changed := pushed.Drift[ledger.DriftActive]
	switch {
	case pushed.Vanished():
		what = "not there any more at "
	case changed && active == true:
		what = "active again at "
	case changed:
		what = "inactive at "
	}
	return plan.Cause{By: plan.CauseRepair, What: what + w.flow.Target}
}

// undrifted is the entry of somebody whose account has drifted to what is wanted by now, or
// to what is no concern of ours any more.
func undrifted(in *diff.Input) *ledger.Entry {
	entry := *in.Entry
	entry.Drift = nil
	if entry.Standing == ledger.Suspended && !in.Present {
		entry.Standing = ledger.Left
	}
	return &entry
}

// protects tells whether an account is protected, by the login that it was given or by
// the one that it has.
func (w *work) protects(pushed, there *ledger.Entry) bool {
	protect := w.flow.Protect
	return protect.Protects(pushed.Resource.Text("userName"), pushed.RemoteID) || protect.Protects(there.Resource.Text("userName"), there.RemoteID)
}
