package engine

import (
	"sort"
	"time"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
)

// waiting reports the people whose next try is not due yet, so that nobody who waits
// is forgotten by those who read the plan.
func (w *work) waiting() {
	var keys []record.Key
	for key, look := range w.looks {
		if w.how.Only == nil && !w.changed[key] && !look.Wants(w.at) && w.intents[key] == nil && w.mappers[key.Source] != nil {
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

// park lets a person wait who cannot be planned, and keeps everything of theirs.
func (w *work) park(key record.Key, name, kind string, why error) {
	parked := &ledger.Parked{Kind: kind, Error: why.Error(), At: w.at, Since: w.at}
	w.parkAs(key, name, parked)
}

// conflict lets a person wait whose account is in somebody else's way. It is looked
// at again when the source changes, or after a while.
func (w *work) conflict(key record.Key, name, digest string, why error) {
	parked := &ledger.Parked{Kind: ledger.ParkedConflict, Error: why.Error(), Digest: digest, At: w.at.Add(conflictWait(0)), Since: w.at}
	if look := w.looks[key]; look != nil && look.Parked != nil {
		parked.Tries, parked.At = look.Parked.Tries, look.Parked.At
		if !look.Parked.At.After(w.at) { // its turn had come
			parked.Tries++
			parked.At = w.at.Add(conflictWait(parked.Tries))
		}
	}
	w.parkAs(key, name, parked)
}

// conflictWait is how long a conflict waits for its next look: an hour, doubling up
// to a day.
func conflictWait(tries int) time.Duration { return min(time.Hour<<min(tries, 8), 24*time.Hour) }

func (w *work) parkAs(key record.Key, name string, parked *ledger.Parked) {
	fresh := true
	if look := w.looks[key]; look != nil && look.Parked != nil {
		parked.Since = look.Parked.Since
		fresh = look.Parked.Error != parked.Error || look.Parked.Kind != parked.Kind
	}
	w.looksToStore = append(w.looksToStore, ledger.Look{Key: key, Parked: parked})
	w.report(key, name, parked, fresh)
}

func (w *work) stillParked(key record.Key, name string, parked *ledger.Parked) {
	w.report(key, name, parked, false)
}

func (w *work) report(key record.Key, name string, parked *ledger.Parked, fresh bool) {
	p := plan.Problem{Key: key.ID, Name: name, Why: parked.Error, New: fresh}
	if parked.At.After(w.at) {
		p.Retry = parked.At.UTC().Format(time.RFC3339)
	}
	if parked.Kind == ledger.ParkedConflict {
		w.conflicts = append(w.conflicts, p)
		return
	}
	w.parked = append(w.parked, p)
}
