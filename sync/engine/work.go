package engine

import (
	"fmt"
	"sort"
	"time"

	"scimsync/sync/diff"
	"scimsync/sync/ledger"
	"scimsync/sync/mapping"
	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// pageOfWork is how many people are looked at between two reads of the entries.
const pageOfWork = 1000

// work is the making of one plan: which people to look at, and what follows for
// each of them.
type work struct {
	*Engine
	flow Flow
	how  How
	at   time.Time
	base ledger.Progress
	next ledger.Progress // what the flow has planned up to, once all is carried out

	shape   resource.Shape
	mappers map[string]*mapping.Mapper
	looks   map[record.Key]*ledger.Look
	intents map[record.Key]*ledger.Intent

	book         *book
	find         *changes // people without a known account, as creates
	findLeft     *changes // the same for people who have left while a create was in doubt
	renames      []*plan.Change
	logins       logins
	looksToStore []ledger.Look    // looks to store before the first request
	dropped      []ledger.Outcome // intents that nobody needs any more
	inVain       []ledger.Intent  // intents of people who left, that were looked for in vain
	conflicts    []plan.Problem
	parked       []plan.Problem
	protected    int
	unclaimed    int
	sought       map[record.Key]bool // who is in find and waited before
	notes        []string
	queue        []*ledger.Row // a page of people to look at
	changed      map[record.Key]bool
}

func (e *Engine) newWork(job Job, flow Flow, how How) (*work, error) {
	base, err := e.Store.Progress(flow.Flow)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flow.Flow, err)
	}
	w := &work{Engine: e, flow: flow, how: how, at: e.now(), base: base, shape: flow.Shape,
		mappers: map[string]*mapping.Mapper{}, looks: map[record.Key]*ledger.Look{}, intents: map[record.Key]*ledger.Intent{},
		book: newBook(e.Dir), find: &changes{dir: e.Dir}, findLeft: &changes{dir: e.Dir}, unclaimed: -1,
		sought: map[record.Key]bool{}}
	w.next = ledger.Progress{Planned: map[string]uint64{}, Contact: base.Contact}
	for _, src := range job.Sources {
		w.mappers[src.Name] = flow.Programs[src.Name].Mapper()
		w.next.MapVersion += flow.Programs[src.Name].Version() + " "
	}
	w.next.MapVersion += fmt.Sprintf("%d", flow.Leavers)
	if !how.at.IsZero() {
		w.at = how.at
	}
	return w, nil
}

func (w *work) close() {
	w.book.close()
	w.find.close()
	w.findLeft.close()
}

// people looks at everybody whose result may have changed: the rows of the mirror
// that changed since the flow last planned, or all of them after the mapping changed,
// then the people that have to be looked at again.
func (w *work) people(job Job) error {
	if err := w.remember(); err != nil {
		return err
	}
	w.changed = map[record.Key]bool{}
	for _, src := range job.Sources {
		info, err := w.Store.Source(src.Name)
		if err != nil {
			return err
		}
		after := w.base.Planned[src.Name]
		if w.base.MapVersion != w.next.MapVersion {
			after = 0
		}
		w.next.Planned[src.Name] = info.Seq
		if err := w.Store.Changed(src.Name, after, func(row *ledger.Row) error {
			again := w.looks[row.Key] != nil || w.intents[row.Key] != nil
			if again || w.how.Only[row.Key] {
				w.changed[row.Key] = true
			}
			return w.enqueue(row)
		}); err != nil {
			return err
		}
	}
	if err := w.lookAgain(); err != nil {
		return err
	}
	if err := w.page(); err != nil {
		return err
	}
	w.waiting()
	return w.passLoginsOn()
}

// remember loads the intents and the looks that matter now. A look that only waits
// for its time is made anew whenever its person is looked at.
func (w *work) remember() error {
	err := w.Store.EachLook(w.flow.Flow, func(look *ledger.Look) error {
		if look.Parked != nil || look.Wants(w.at) {
			kept := *look
			kept.Again = kept.Again || w.untouched()
			w.looks[look.Key] = &kept
		}
		return nil
	})
	if err != nil {
		return err
	}
	return w.Store.EachIntent(w.flow.Flow, func(intent *ledger.Intent) error {
		kept := *intent
		w.intents[intent.Key] = &kept
		return nil
	})
}

// lookAgain enqueues the people that ask for it and whose rows did not change.
func (w *work) lookAgain() error {
	var keys []record.Key
	for key, look := range w.looks {
		if !w.changed[key] && (look.Wants(w.at) || w.how.Only[key]) {
			keys = append(keys, key)
		}
	}
	for key := range w.intents {
		if look := w.looks[key]; !w.changed[key] && (look == nil || !look.Wants(w.at) && !w.how.Only[key]) {
			keys = append(keys, key)
		}
	}
	for key := range w.how.Only {
		if !w.changed[key] && w.looks[key] == nil && w.intents[key] == nil {
			keys = append(keys, key)
		}
	}
	sort.Slice(keys, func(i, j int) bool { return keys[i].Less(keys[j]) })
	for _, key := range keys {
		if w.mappers[key.Source] == nil {
			continue // the source is not this job's any more: its people are left alone
		}
		row, known, err := w.Store.Row(key)
		if err != nil {
			return err
		}
		if !known {
			row = ledger.Row{Key: key, Absent: 1}
		}
		if err := w.enqueue(&row); err != nil {
			return err
		}
	}
	return nil
}

func (w *work) enqueue(row *ledger.Row) error {
	if w.how.Only != nil && !w.how.Only[row.Key] {
		return nil
	}
	kept := *row
	w.queue = append(w.queue, &kept)
	if len(w.queue) < pageOfWork {
		return nil
	}
	return w.page()
}

// page looks at the people of the queue.
func (w *work) page() error {
	keys := make([]record.Key, len(w.queue))
	for i, row := range w.queue {
		keys[i] = row.Key
	}
	entries, err := w.Store.Entries(w.flow.Flow.Target, keys)
	if err != nil {
		return err
	}
	for i, row := range w.queue {
		if err := w.person(row, entries[i]); err != nil {
			return err
		}
	}
	w.queue = w.queue[:0]
	return nil
}

// person decides for one person.
func (w *work) person(row *ledger.Row, entry *ledger.Entry) error {
	if entry != nil && entry.Job != w.flow.Flow.Job {
		w.conflict(row.Key, "", "", fmt.Errorf("the account belongs to job %s", entry.Job))
		return nil
	}
	in := &diff.Input{Key: row.Key, Name: name(row, entry), Entry: entry, Intent: w.intents[row.Key],
		Leavers: w.flow.Leavers, Shape: w.shape, Cause: plan.Cause{By: plan.BySource, What: "not in " + row.Key.Source + " any more"}}
	var due time.Time
	if row.Absent == 0 {
		result := w.mappers[row.Key.Source].Map(row.Record(), w.at)
		// Who is known to be inactive is deactivated, whatever else cannot be mapped.
		leaves := result.In == record.True && result.Active == record.False &&
			(in.Intent != nil || entry != nil && entry.Phase == ledger.Live)
		if result.Err != nil && !leaves {
			w.park(row.Key, in.Name, ledger.ParkedMapping, result.Err)
			return nil
		}
		in.Present, in.Active, in.Want, due = result.In == record.True, result.Active, result.Want, result.Due
		in.Early = result.Early
		if result.Name != "" {
			in.Name = result.Name
		}
		in.Cause = w.cause(row, in)
	}
	next, change := diff.Person(in)
	if entry != nil && next != diff.Nothing && next != diff.Keep && w.flow.Protect.Protects(entry.Resource.Text("userName"), entry.RemoteID) {
		w.protected++
		// Looked at again in every run, so that nothing is forgotten once they are free.
		w.looksToStore = append(w.looksToStore, ledger.Look{Key: row.Key, Again: true})
		return nil
	}
	switch next {
	case diff.Send:
		return w.send(in, change, due)
	case diff.Find, diff.FindLeft:
		return w.search(in, next, due)
	case diff.Wait:
		w.park(row.Key, in.Name, ledger.ParkedMapping, fmt.Errorf("whether the account is to be active is not known, and there is none yet"))
	case diff.Nothing, diff.Keep:
		if w.how.Only != nil {
			w.notes = append(w.notes, fmt.Sprintf("%s: %s, so there is nothing to do", row.Key.ID, standing(in)))
		}
		w.looksToStore = append(w.looksToStore, ledger.Look{Key: row.Key, Due: due})
		if in.Intent != nil && next == diff.Nothing {
			w.dropped = append(w.dropped, ledger.Outcome{Key: row.Key, DropIntent: true})
		}
	}
	return nil
}

// standing says in a few words why nothing follows for a person who was asked for.
func standing(in *diff.Input) string {
	account := "no account"
	if in.Entry != nil {
		account = "an account that is " + in.Entry.Phase.String()
	}
	switch {
	case !in.Present || in.Active == record.False:
		return in.Cause.What + ", and has " + account
	case in.Entry != nil && in.Entry.Phase == ledger.Live:
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
		return plan.Cause{By: plan.ByTime, What: "a date has come"}
	case row.Seq <= w.base.Planned[row.Key.Source] && w.base.MapVersion != w.next.MapVersion && w.base.MapVersion != "":
		return plan.Cause{By: plan.ByConfig, What: "the job's mapping or scope changed"}
	case !in.Present:
		return plan.Cause{By: plan.BySource, What: "out of the job's scope"}
	case in.Early && in.Entry == nil:
		return plan.Cause{By: plan.BySource, What: "new in " + row.Key.Source + ", not active yet"}
	case in.Active == record.False:
		return plan.Cause{By: plan.BySource, What: "inactive in " + row.Key.Source}
	case in.Entry == nil:
		return plan.Cause{By: plan.BySource, What: "new in " + row.Key.Source}
	case in.Entry.Phase != ledger.Live:
		return plan.Cause{By: plan.BySource, What: "back in " + row.Key.Source}
	}
	return plan.Cause{By: plan.BySource, What: "changed in " + row.Key.Source}
}

// send puts a change into the plan, unless the same one failed and its time has not
// come yet.
func (w *work) send(in *diff.Input, change *plan.Change, due time.Time) error {
	w.finish(in, change, due)
	if w.waits(change) {
		return nil
	}
	if change.Rename {
		w.renames = append(w.renames, change)
		return nil
	}
	return w.book.add(change)
}

func (w *work) finish(in *diff.Input, change *plan.Change, due time.Time) {
	change.Due, change.Doubted = due, in.Intent != nil
	change.Again = change.Action == plan.Deactivate && change.Left && w.flow.Leavers == diff.DeleteLeavers
	if look := w.looks[in.Key]; look != nil && look.Parked != nil {
		change.Tries, change.Since = look.Parked.Tries, look.Parked.Since
	}
}

// search notes a person whose account has to be found first.
func (w *work) search(in *diff.Input, next diff.Next, due time.Time) error {
	if next == diff.FindLeft {
		in.Want = in.Sent()
	}
	change := diff.Create(in)
	w.finish(in, change, due)
	if in.Intent != nil {
		// The intent tells when its page was stored; the request may have been sent much
		// later, up to the end of that run. So the window begins with this run.
		change.Doubt = w.at
	}
	if next == diff.FindLeft {
		if looked := in.Intent.Looked; !looked.IsZero() {
			change.Doubt = looked
			if w.at.Sub(looked) >= w.settleWindow() {
				change.Doubt = time.Time{}
			}
		}
		return w.findLeft.add(change)
	}
	if w.waits(change) {
		return nil
	}
	if w.looks[in.Key] != nil {
		w.sought[in.Key] = true
	}
	return w.find.add(change)
}
