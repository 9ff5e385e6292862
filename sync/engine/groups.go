package engine

import (
	"fmt"
	"time"

	"scimsync/sync/apply"
	"scimsync/sync/diff"
	"scimsync/sync/ledger"
	"scimsync/sync/mapping"
	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// Groups is what a flow does about groups.
type Groups struct {
	Client   Target // whose accounts are groups
	Shape    resource.Shape
	Programs map[string]*mapping.Program // by source: which groups, and what of them
	Match    []string
	Leavers  diff.GroupLeavers
	// StripInactive takes people out of their groups when their accounts are deactivated;
	// else their memberships stay as they are until they are active again.
	StripInactive bool
}

// version changes whenever groups have to be looked at anew.
func (g *Groups) version(job Job) string {
	text := fmt.Sprintf(" groups %d %t", g.Leavers, g.StripInactive)
	for _, src := range job.Sources {
		text += fmt.Sprintf(" %s %d", g.Programs[src.Name].Version(), src.Nested)
	}
	return text
}

// client is who sends a change.
func (f *Flow) client(c *plan.Change) apply.Target {
	if c.Key.Kind == record.Group {
		return f.Groups.Client
	}
	return f.Client
}

// grouping is the planning of groups:
//
//	groupsOf      the groups whose rows changed, that wait, or in which somebody's account comes
//	              or goes; and who is to be taken out of them, for that needs no lookup
//	matchGroups   those that have none at the target: found, or to be made
//	additions     who is to be added, once it is known who will have an account
type grouping struct {
	find  *changes          // groups without one at the target, as creates
	rows  []*groupRow       // whose members are compared
	comes map[string]*marks // by source: who has an active account after this run and had none before
	goes  map[string]*marks // by source: who has none any more
	// unsure are, by source, those of whom that is not certain yet: what makes an account come or
	// go may be held, or fail. Their groups are looked at again.
	unsure map[string]*marks
	made   map[string]*marks   // by source: the groups that the plan makes
	looked map[record.Key]bool // the groups that are looked at
	// waits are digests of changes of members that wait for their next try.
	waits []string
}

func (g *grouping) close() {
	if g.find != nil {
		g.find.close()
	}
}

// groupRow is a group whose members are compared.
type groupRow struct {
	key     record.Key
	ordinal uint32
	nesting Nesting
	name    string
	entry   *ledger.Entry // nil: there is none yet
	wanted  bool          // else all of its members go
	want    resource.Wanted
	cause   plan.Cause
	// made tells of a group without an entry that the plan makes, or adopts.
	made, adopted bool
	before        int     // members that the target acknowledged
	removed       int     // of them are to be taken out
	stays         *uint32 // somebody who is in it and stays, until their id is known
	beside        string  // the id of their account; empty: not known
	introduced    int     // newcomers whose names were looked for
	pending       bool    // something is to be done about its members, or may be in the next run
	// stirred tells that only additions are looked at, because of somebody in it.
	stirred bool
	parked  *ledger.Parked // why the change of the group itself failed; nil: it did not, or none is planned
}

// groupsOf looks at the groups for which something may follow, and plans who is taken out
// of them.
func (w *work) groupsOf() error {
	if w.flow.Groups == nil {
		return nil
	}
	w.groups = grouping{find: &changes{dir: w.engine.Dir}, looked: map[record.Key]bool{}}
	if err := w.comings(); err != nil {
		return err
	}
	for _, src := range w.job.Sources {
		if err := w.lookAtGroups(src); err != nil {
			return err
		}
	}
	w.waiting(record.Group, w.groups.looked)
	return w.compareMembers(plan.RemoveMember)
}

// group decides for one group.
func (w *work) group(row *ledger.Row, entry *ledger.Entry, mapper *mapping.Mapper) error {
	if entry != nil && entry.Job != w.flow.Job {
		w.park(row.Key, entry.Resource.Text("displayName"), ledger.Parked{Kind: ledger.ParkedConflict, Error: "the group belongs to job " + entry.Job})
		return nil
	}
	in := &diff.Input{Key: row.Key, Name: row.Key.ID, Entry: entry, Intent: w.intents[row.Key], Shape: w.flow.Groups.Shape, Groups: w.flow.Groups.Leavers,
		Cause: plan.Cause{By: plan.CauseSource, What: "not in " + row.Key.Source + " any more"}}
	if entry != nil {
		in.Name = entry.Resource.Text("displayName")
	}
	if row.Absent == 0 {
		result := mapper.Map(row.Record(), w.at)
		if result.Err != nil {
			w.park(row.Key, in.Name, ledger.Parked{Kind: ledger.ParkedMapping, Error: result.Err.Error()})
			return nil
		}
		in.Present, in.Want = result.In == record.True, result.Want
		if result.Name != "" {
			in.Name = result.Name
		}
		in.Cause = w.groupCause(row, in)
	}
	g := &groupRow{key: row.Key, ordinal: row.Ordinal, name: in.Name, entry: entry, wanted: in.Present, want: in.Want, cause: in.Cause}
	if entry != nil && entry.Standing == ledger.Gone {
		g.entry = nil // what is known of its members is forgotten
	}
	next, change := diff.Group(in)
	if look := w.looks[row.Key]; look != nil && change != nil {
		g.parked = look.Parked
	}
	if w.how.Only != nil { // only the people asked for are moved; groups stay what they are
		if g.entry != nil && next != diff.Drop {
			w.groups.rows = append(w.groups.rows, g)
		}
		return nil
	}
	switch next {
	case diff.Find:
		w.finish(change, time.Time{})
		if change.Doubt.Sent {
			change.Doubt.Since = w.at
		}
		if w.waits(change) {
			return nil
		}
		w.groups.rows = append(w.groups.rows, g)
		return w.groups.find.add(change)
	case diff.Send:
		w.finish(change, time.Time{})
		change.NextRun = true // whatever becomes of its members
		if !w.waits(change) {
			if err := w.book.add(change); err != nil {
				return err
			}
		}
		if change.Action == plan.Delete {
			return nil
		}
	case diff.Drop:
		w.notes = append(w.notes, fmt.Sprintf("group %s is %s: it is left as it is at %s, and not looked after any more", in.Name, in.Cause.What, w.flow.Target))
		gone := *entry
		gone.Standing = ledger.Gone
		w.dropped = append(w.dropped, ledger.Outcome{Key: row.Key, Entry: &gone, Look: &ledger.Look{Key: row.Key}, DropIntent: true})
		return nil
	case diff.Nothing:
		w.drop(in)
	}
	if g.entry != nil {
		w.groups.rows = append(w.groups.rows, g)
	} else {
		w.looksToStore = append(w.looksToStore, ledger.Look{Key: row.Key})
	}
	return nil
}

func (w *work) groupCause(row *ledger.Row, in *diff.Input) plan.Cause {
	switch {
	case row.Seq <= w.base.Planned[row.Key.Source] && w.base.MapVersion != w.next.MapVersion && w.base.MapVersion != "":
		return plan.Cause{By: plan.CauseConfig, What: "the job's mapping or scope changed"}
	case !in.Present:
		return plan.Cause{By: plan.CauseSource, What: "out of the job's scope"}
	case in.Entry == nil || in.Entry.Standing == ledger.Gone:
		return plan.Cause{By: plan.CauseSource, What: "new in " + row.Key.Source}
	}
	return plan.Cause{By: plan.CauseSource, What: "changed in " + row.Key.Source}
}
