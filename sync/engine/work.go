package engine

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"time"

	"go.uber.org/zap"

	"scimsync/sync/apply"
	"scimsync/sync/ledger"
	"scimsync/sync/mapping"
	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// pageOfWork is how many people are looked at between two reads of the entries.
const pageOfWork = 1000

// work is one plan, from the first look at people to the last of what is stored. Its
// steps are methods of the same names: people, match, guard, conclude, carry; each adds
// what the next ones need.
type work struct {
	engine *Engine
	store  Store
	job    Job
	flow   Flow
	how    How
	at     time.Time

	// From the start: how far the flow has come, what it will have planned up to once all
	// is carried out, and what a run before this one left behind.
	base    ledger.Progress
	next    ledger.Progress
	shape   resource.Shape
	mappers map[string]*mapping.Mapper // by source
	looks   map[record.Key]*ledger.Look
	intents map[record.Key]*ledger.Intent
	// What humans said.
	approval *ledger.Approval // nil: nothing was approved
	rejected map[string]bool  // by digest: what a human said no to
	shown    *ledger.Hold     // what earlier runs held, for humans to look at; nil: nothing

	// From people: who is looked at, and what follows for them.
	queue     []*ledger.Row       // a page of people to look at
	after     map[string]uint64   // by source: the Seq above which rows are looked at
	changed   map[record.Key]bool // of those with a look, an intent, or asked for: whose row changed, too
	renames   []*plan.Change
	logins    logins
	find      *changes            // people without a known account, as creates
	findLeft  *changes            // the same for people who have left while a create was in doubt
	sought    map[record.Key]bool // who is in find and waited before
	book      *book               // the changes of the plan
	conflicts []plan.Problem
	parked    []plan.Problem
	protected int
	groups    grouping               // from groupsOf
	graphs    map[string]*graph      // by source, as far as they are needed
	scopes    map[string]*marks      // by source: who is in a group of members_of, as far as it is needed
	names     map[string]*groupNames // by source: for the variable groups, as far as it is needed
	refs      references
	unclaimed int // from match; -1: not known
	notes     []string

	// From people and match, too: what is to be stored before the first request.
	looksToStore []ledger.Look
	dropped      []ledger.Outcome // intents, and drift, that nobody needs any more
	inVain       []ledger.Intent  // intents of people who left, that were looked for in vain

	ruling plan.Ruling // from guard: what the limits say

	// From conclude, and what the run sent before this plan was made.
	plan  *plan.Plan
	first apply.Report
	reads int // that the target had answered before the run
}

func (e *Engine) newWork(job Job, flow Flow, how How) (*work, error) {
	base, err := e.Store.Progress(flow.Flow)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flow.Flow, err)
	}
	w := &work{engine: e, store: e.Store, job: job, flow: flow, how: how, at: e.now(), base: base, shape: flow.Shape,
		mappers: map[string]*mapping.Mapper{}, looks: map[record.Key]*ledger.Look{}, intents: map[record.Key]*ledger.Intent{},
		graphs: map[string]*graph{}, scopes: map[string]*marks{}, names: map[string]*groupNames{},
		changed: map[record.Key]bool{}, after: map[string]uint64{}, sought: map[record.Key]bool{}, unclaimed: -1, plan: &plan.Plan{}, reads: flow.Client.Reads(),
		book: newBook(e.Dir), find: &changes{dir: e.Dir}, findLeft: &changes{dir: e.Dir}}
	w.next = ledger.Progress{Planned: map[string]uint64{}, Contact: base.Contact}
	for _, src := range job.Sources {
		w.mappers[src.Name] = flow.Programs[src.Name].Mapper()
		w.next.MapVersion += flow.Programs[src.Name].Version() + " "
	}
	w.next.MapVersion += fmt.Sprintf("%d", flow.Leavers)
	if len(flow.MembersOf) > 0 {
		w.next.MapVersion += fmt.Sprintf(" members of %q", slices.Sorted(slices.Values(flow.MembersOf)))
	}
	if flow.Groups != nil {
		w.next.MapVersion += flow.Groups.version(job)
	}
	w.notes = slices.Clone(flow.Notes)
	if !how.at.IsZero() {
		w.at = how.at
	}
	if err := w.startReferences(); err != nil {
		w.close()
		return nil, fmt.Errorf("%s: %w", flow.Flow, err)
	}
	return w, nil
}

// warn says in the log what the service does not take, when that is new.
func (w *work) warn() {
	if w.base.MapVersion == w.next.MapVersion {
		return
	}
	for _, note := range w.flow.Notes {
		w.engine.Log.Warn(note, zap.String("job", w.flow.Job), zap.String("target", w.flow.Target))
	}
}

func (w *work) close() {
	w.book.close()
	w.groups.close()
	w.refs.close()
	w.find.close()
	w.findLeft.close()
}

// people looks at everybody whose result may have changed: the rows of the mirror
// that changed since the flow last planned, or all of them after the mapping changed,
// then the people that have to be looked at again.
func (w *work) people() error {
	if err := w.remember(); err != nil {
		return err
	}
	for _, src := range w.job.Sources {
		info, err := w.store.Source(src.Name)
		if err != nil {
			return err
		}
		after := w.base.Planned[src.Name]
		if w.base.MapVersion != w.next.MapVersion {
			after = 0
		}
		w.next.Planned[src.Name], w.after[src.Name] = info.Seq, after
		if err := w.store.Changed(src.Name, record.User, after, func(row *ledger.Row) error {
			again := w.looks[row.Key] != nil || w.intents[row.Key] != nil
			if again || w.how.Only[row.Key] {
				w.changed[row.Key] = true
			}
			if err := w.answers(row); err != nil {
				return err
			}
			return w.enqueue(row)
		}); err != nil {
			return err
		}
		if err := w.answered(src.Name); err != nil {
			return err
		}
	}
	if err := w.enqueueAgain(); err != nil {
		return err
	}
	if err := w.page(); err != nil {
		return err
	}
	w.waiting(record.User, w.changed)
	return w.passLoginsOn()
}

// remember loads what humans said, the intents, and the looks that matter now. A look that only waits
// for its time is made anew whenever its person is looked at.
func (w *work) remember() error {
	if w.refs.used || w.flow.Groups != nil {
		if err := w.store.ForgetMoved(w.flow.Target); err != nil {
			return err
		}
	}
	if err := w.askHumans(); err != nil {
		return err
	}
	err := w.store.EachLook(w.flow.Flow, func(look *ledger.Look) error {
		if w.plans(look.Key.Kind) && (look.Parked != nil || look.Wants(w.at)) {
			kept := *look
			kept.NextRun = kept.NextRun || w.untouched()
			w.looks[look.Key] = &kept
		}
		return nil
	})
	if err != nil {
		return err
	}
	return w.store.EachIntent(w.flow.Flow, func(intent *ledger.Intent) error {
		if w.plans(intent.Key.Kind) {
			kept := *intent
			w.intents[intent.Key] = &kept
		}
		return nil
	})
}

// plans tells whether the flow has anything to do with a kind.
func (w *work) plans(kind record.Kind) bool { return kind == record.User || w.flow.Groups != nil }

// enqueueAgain enqueues the people that ask for it and whose rows did not change.
func (w *work) enqueueAgain() error {
	again := maps.Clone(w.how.Only)
	if again == nil {
		again = map[record.Key]bool{}
	}
	for key, look := range w.looks {
		if look.Wants(w.at) {
			again[key] = true
		}
	}
	for key := range w.intents {
		again[key] = true
	}
	for key := range w.refs.again {
		again[key] = true // unless the row changed, too: see below
	}
	maps.DeleteFunc(again, func(key record.Key, _ bool) bool { return key.Kind != record.User || w.changed[key] })
	keys := slices.Collect(maps.Keys(again))
	sort.Slice(keys, func(i, j int) bool { return keys[i].Less(keys[j]) })
	for _, key := range keys {
		if w.mappers[key.Source] == nil {
			continue // the source is not this job's any more: its people are left alone
		}
		row, known, err := w.store.Row(key)
		if err != nil {
			return err
		}
		if !known {
			row = ledger.Row{Key: key, Absent: 1}
		}
		if w.refs.again[key] && row.Seq > w.after[key.Source] {
			continue
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
	entries, err := w.store.Entries(w.flow.Target, keys)
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
