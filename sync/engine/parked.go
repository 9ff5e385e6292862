package engine

import (
	"sort"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
)

// waiting reports the people, or groups, whose next try is not due yet and who are not looked at
// in this run, so that nobody who waits is forgotten by those who read the plan.
func (w *work) waiting(kind record.Kind, looked map[record.Key]bool) {
	var keys []record.Key
	for key, look := range w.looks {
		if w.how.Only == nil && key.Kind == kind && !looked[key] && !look.Wants(w.at) && w.intents[key] == nil && w.mappers[key.Source] != nil {
			keys = append(keys, key)
		}
	}
	sort.Slice(keys, func(i, j int) bool { return keys[i].Less(keys[j]) })
	for _, key := range keys {
		w.stillParked(key, "", w.looks[key].Parked)
	}
}

// waits tells whether a change failed before, is the same as then, and is not due.
func (w *work) waits(change *plan.Change) bool {
	look := w.looks[change.Key]
	if look == nil || look.Parked == nil || !look.Parked.At.After(w.at) || look.Parked.Digest != change.Digest() || w.how.Only[change.Key] ||
		w.untouched() {
		return false
	}
	if !look.Due.Equal(change.Due) { // the same change, but time has something else in store
		w.looksToStore = append(w.looksToStore, ledger.Look{Key: change.Key, NextRun: look.NextRun, Due: change.Due, Parked: look.Parked})
	}
	w.stillParked(change.Key, change.Name, look.Parked)
	return true
}

// untouched tells of a flow whose first run waits for a yes: nothing was sent yet, and
// every run shows the whole picture, whoever waits.
func (w *work) untouched() bool {
	return w.base.Contact == ledger.ContactNone && !w.flow.Guard.FirstRunGoes
}

// park lets a person wait, and keeps everything of theirs.
func (w *work) park(key record.Key, name string, why ledger.Parked) {
	var earlier *ledger.Parked
	if look := w.looks[key]; look != nil {
		earlier = look.Parked
	}
	parked := why.After(earlier, w.at)
	w.looksToStore = append(w.looksToStore, ledger.Look{Key: key, Parked: parked})
	w.report(key, name, parked, earlier == nil || earlier.Error != parked.Error || earlier.Kind != parked.Kind)
}

func (w *work) stillParked(key record.Key, name string, parked *ledger.Parked) {
	w.report(key, name, parked, false)
}

func (w *work) report(key record.Key, name string, parked *ledger.Parked, fresh bool) {
	p := plan.Problem{Key: key.ID, Name: name, Why: parked.Error, New: fresh, Retry: parked.Retry(w.at)}
	if parked.Conflicts() {
		w.conflicts = append(w.conflicts, p)
		return
	}
	w.parked = append(w.parked, p)
}
