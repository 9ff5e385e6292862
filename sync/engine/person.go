package engine

import (
	"fmt"
	"time"

	"scimsync/sync/diff"
	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// person decides for one person.
func (w *work) person(row *ledger.Row, pushed *ledger.Entry) error {
	if pushed != nil && pushed.Job != w.flow.Job {
		w.park(row.Key, "", ledger.Parked{Kind: ledger.ParkedConflict, Error: "the account belongs to job " + pushed.Job})
		return nil
	}
	entry := pushed.There()
	in := &diff.Input{Key: row.Key, Name: name(row, pushed), Entry: entry, Intent: w.intents[row.Key],
		Leavers: w.flow.Leavers, Fate: w.flow.Fate, Shape: w.shape, Cause: plan.Cause{By: plan.CauseSource, What: "not in " + row.Key.Source + " any more"}}
	var due time.Time
	var link *plan.Change
	w.refs.unclear = false
	if row.Absent == 0 {
		result, err := w.mapped(row)
		if err != nil {
			return err
		}
		if link, err = w.refer(row.Key, &result, entry); err != nil {
			return err
		}
		// Who is known to be inactive is deactivated, whatever else cannot be mapped.
		leaves := result.In == record.True && result.Active == record.False &&
			(in.Intent != nil || entry != nil && entry.Standing == ledger.Live)
		if result.Name != "" {
			in.Name = result.Name
		}
		why := result.Err
		if why == nil {
			why = w.fixed(entry, result.Want.Resource)
		}
		if why != nil && !leaves {
			w.park(row.Key, in.Name, ledger.Parked{Kind: ledger.ParkedMapping, Error: why.Error()})
			return nil
		}
		in.Present, in.Active, in.Want, due = result.In == record.True, result.Active, result.Want, result.Due
		in.Early = result.Early
		in.Cause = w.cause(row, in)
	}
	if repairs(in, pushed) {
		in.Cause = w.repair(pushed)
	}
	next, change := diff.Person(in)
	if entry != nil && next != diff.Nothing && next != diff.Keep && w.protects(pushed, entry) {
		w.protected++
		// Looked at again in every run, so that nothing is forgotten once they are free.
		w.looksToStore = append(w.looksToStore, ledger.Look{Key: row.Key, NextRun: true})
		return nil
	}
	if change != nil && w.refs.unclear {
		change.NextRun = true
	}
	if link != nil && !w.protects(pushed, entry) {
		if err := w.mayLink(link, in, change); err != nil {
			return err
		}
	}
	switch next {
	case diff.Send:
		return w.add(change, due)
	case diff.Find:
		return w.search(change, due)
	case diff.FindLeft:
		return w.searchLeft(change, due)
	case diff.Wait:
		w.park(row.Key, in.Name, ledger.Parked{Kind: ledger.ParkedMapping, Error: "whether the account is to be active is not known, and there is none yet"})
	case diff.Nothing, diff.Keep:
		if w.how.Only != nil {
			w.notes = append(w.notes, fmt.Sprintf("%s: %s, so there is nothing to do", row.Key.ID, because(in)))
		}
		w.looksToStore = append(w.looksToStore, ledger.Look{Key: row.Key, Due: due, NextRun: w.refs.unclear})
		if next == diff.Nothing {
			w.drop(in)
		}
	}
	return nil
}

// fixed tells which value of an account would have to change that the service takes only
// when an account is made; nil: none.
func (w *work) fixed(entry *ledger.Entry, want resource.Resource) error {
	if entry == nil || entry.Standing == ledger.Gone || entry.Vanished() {
		return nil
	}
	path := w.shape.Fixed(entry.Resource, want)
	if path == "" {
		return nil
	}
	return fmt.Errorf("%s changes, and %s takes it only when an account is made: give it its old value at the source, or map it to something that never changes",
		path, w.flow.Target)
}

// drop notes what nobody needs any more of a person for whom nothing is to be done.
func (w *work) drop(in *diff.Input) {
	drifted := in.Entry != nil && len(in.Entry.Drift) > 0
	if in.Intent == nil && !drifted {
		return
	}
	outcome := ledger.Outcome{Key: in.Key, DropIntent: in.Intent != nil}
	if drifted {
		outcome.Entry = undrifted(in)
	}
	w.dropped = append(w.dropped, outcome)
}

// because says in a few words why nothing follows for a person who was asked for.
func because(in *diff.Input) string {
	account := "no account"
	if in.Entry != nil {
		account = "an account that is " + in.Entry.Standing.String()
	}
	switch {
	case !in.Present || in.Active == record.False:
		return in.Cause.What + ", and has " + account
	case in.Entry != nil && in.Entry.Standing == ledger.Live:
		return "the account is as it should be"
	}
	return "has " + account
}

func name(row *ledger.Row, entry *ledger.Entry) string {
	if entry != nil {
		if name := entry.Resource.Text("displayName"); name != "" {
			return name
		}
		return entry.Resource.Text("userName")
	}
	return row.Key.ID
}

func (w *work) cause(row *ledger.Row, in *diff.Input) plan.Cause {
	look := w.looks[row.Key]
	switch {
	case look != nil && !look.Due.IsZero() && !look.Due.After(w.at):
		return plan.Cause{By: plan.CauseTime, What: "a date has come"}
	case row.Seq <= w.base.Planned[row.Key.Source] && w.base.MapVersion != w.next.MapVersion && w.base.MapVersion != "":
		return plan.Cause{By: plan.CauseConfig, What: "the job's mapping or scope changed"}
	case !in.Present && w.outside(row):
		return plan.Cause{By: plan.CauseSource, What: "out of the job's scope: in no group of members_of"}
	case !in.Present:
		return plan.Cause{By: plan.CauseSource, What: "out of the job's scope"}
	case in.Early && in.Entry == nil:
		return plan.Cause{By: plan.CauseSource, What: "new in " + row.Key.Source + ", not active yet"}
	case in.Active == record.False:
		return plan.Cause{By: plan.CauseSource, What: "inactive in " + row.Key.Source}
	case in.Entry == nil:
		return plan.Cause{By: plan.CauseSource, What: "new in " + row.Key.Source}
	case in.Entry.Standing != ledger.Live:
		return plan.Cause{By: plan.CauseSource, What: "back in " + row.Key.Source}
	}
	return plan.Cause{By: plan.CauseSource, What: "changed in " + row.Key.Source}
}

// add puts a change into the plan, unless the same one failed and its time has not
// come yet.
func (w *work) add(change *plan.Change, due time.Time) error {
	w.finish(change, due)
	if w.waits(change) {
		return nil
	}
	if change.Rename {
		w.renames = append(w.renames, change)
		return nil
	}
	return w.book.add(change)
}

func (w *work) finish(change *plan.Change, due time.Time) {
	change.Due = due
	if look := w.looks[change.Key]; look != nil {
		change.Parked = look.Parked
	}
}

// search notes a person whose account has to be found first.
func (w *work) search(create *plan.Change, due time.Time) error {
	w.finish(create, due)
	if create.Doubt.Sent {
		// The intent tells when its page was stored; the request may have been sent much
		// later, up to the end of that run. So the window begins with this run.
		create.Doubt.Since = w.at
	}
	if w.waits(create) || w.waitsUnlinked(create) {
		return nil
	}
	if w.looks[create.Key] != nil {
		w.sought[create.Key] = true
	}
	return w.find.add(create)
}

// searchLeft notes a person who has left while a create was in doubt. The window begins
// with the first run that looks for the account; once it has closed, a last look decides.
func (w *work) searchLeft(create *plan.Change, due time.Time) error {
	w.finish(create, due)
	create.Doubt.Since = w.at
	if looked := w.intents[create.Key].Looked; !looked.IsZero() {
		create.Doubt.Since = looked
		if w.at.Sub(looked) >= w.engine.settleWindow() {
			create.Doubt.Since = time.Time{}
		}
	}
	return w.findLeft.add(create)
}
