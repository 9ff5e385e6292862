package apply

import (
	"context"
	"maps"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// echo gives what ledger.Entry.Echo is to be after a change. Of what was sent, the values
// that the target shows in another form than it was given are its accepted form: nobody
// else had the time to change them. What was not sent keeps its echo; what was sent and is
// not shown has none.
func (c *Carry) echo(change *plan.Change, ack plan.Ack) map[string]any {
	echo := maps.Clone(change.Echo)
	maps.DeleteFunc(echo, func(path string, _ any) bool { return sends(change, path) })
	shown := ack.Shown
	if echo == nil && (shown != nil || ack.AsSent) {
		echo = map[string]any{}
	}
	if shown == nil {
		return echo
	}
	for path, v := range resource.Drift(shown.Body, change.Want.Resource, c.shape(change)) {
		if sends(change, path) {
			echo[path] = v
		}
	}
	// That an account is active which must not be is never accepted.
	if change.After[ledger.DriftActive] == true && shown.Active == record.False {
		echo[ledger.DriftActive] = false
	}
	return echo
}

// sends tells whether a change sends, or clears, the value at a path.
func sends(change *plan.Change, path string) bool {
	if change.Action == plan.Create {
		return true
	}
	_, before := change.Before[path]
	_, after := change.After[path]
	return before || after
}

// proved adds to the acknowledgement of a repair what the account looks like then. So
// a value that the target rewrites, or does not take at all, is repaired once and not for
// ever, whatever its answers show.
func (a *attempt) proved(ctx context.Context, ack plan.Ack) plan.Ack {
	if a.change.Cause.By != plan.CauseRepair || a.change.Action == plan.Create {
		return ack
	}
	if found, err := a.client(a.change).Get(ctx, a.change.RemoteID); err == nil && found != nil {
		ack.Shown = found
	}
	return ack
}
