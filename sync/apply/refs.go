package apply

import (
	"fmt"
	"maps"
	"slices"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// refer finds the ids of the accounts that a change refers to: those that are made in the same
// run are there by now. A reference whose account is not there is left out, and its person is
// looked at again in the next run. It tells whether anything is left to be sent.
func (w *walk) refer(change *plan.Change) (bool, error) {
	refs := change.Refs()
	if len(refs) == 0 {
		return true, nil
	}
	change.Digest() // of what was planned
	entries, err := w.Ledger.Entries(w.Flow.Target, append(refs, change.Key))
	if err != nil {
		return false, fmt.Errorf("look for the accounts that %s refers to: %w", change.Key, err)
	}
	ids := map[record.Key]string{}
	for i, key := range refs {
		if e := entries[i]; e != nil && e.Standing != ledger.Gone {
			ids[key] = e.RemoteID
		}
	}
	if change.Action == plan.Deactivate || change.Action == plan.Delete { // nothing of it is sent
		change.Identify(func(key record.Key) string { return ids[key] })
		return true, nil
	}
	if left := change.Leave(func(key record.Key) bool { return ids[key] == "" }); len(left) > 0 {
		change.NextRun = true
	}
	if change.Action == plan.Link && !linked(change, entries[len(refs)]) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.report.Waiting++
		w.end()
		return false, nil
	}
	change.Identify(func(key record.Key) string { return ids[key] })
	if change.Action == plan.Update && len(change.Ops) == 0 {
		w.unsent([]*plan.Change{change}, false)
		return false, nil
	}
	return true, nil
}

// linked lays a link over what the target acknowledged of the account: nothing else of it is
// sent. It tells whether there is anything to send, and an account that is in use.
func linked(change *plan.Change, entry *ledger.Entry) bool {
	if len(change.Ops) == 0 || entry == nil || entry.Standing != ledger.Live || len(entry.Drift) > 0 {
		return false
	}
	change.RemoteID, change.Version, change.Echo = entry.RemoteID, entry.Version, entry.Echo
	change.Want = resource.Wanted{Resource: entry.Resource.With(change.After), Managed: slices.Clone(entry.Managed)}
	for path := range change.After {
		if _, managed := slices.BinarySearch(change.Want.Managed, path); !managed {
			change.Want.Managed = append(change.Want.Managed, path)
			slices.Sort(change.Want.Managed)
		}
	}
	change.Doubt.Maybe = maps.Clone(entry.Maybe)
	return true
}

// plain is a change as it is sent: refer has noted the ids.
func plain(change *plan.Change) *plan.Change {
	if len(change.Refs()) == 0 {
		return change
	}
	ids := map[record.Key]string{}
	note := func(v any) {
		resource.Replace(v, func(r resource.Ref) any {
			if r.ID != "" {
				ids[r.Key] = r.ID
			}
			return r
		})
	}
	for _, a := range change.Want.Attrs {
		note(a.Value)
	}
	for _, o := range change.Want.Once {
		note(o.Value)
	}
	return change.Plain(func(key record.Key) string { return ids[key] })
}
