package engine

import (
	"cmp"
	"fmt"
	"slices"

	"scimsync/sync/diff"
	"scimsync/sync/ledger"
	"scimsync/sync/mapping"
	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// references is what a plan knows of people who refer to each other: to their managers, mostly.
//
//	whom a reference means      who has it                       so the reference
//	--------------------------+--------------------------------+-----------------------------------
//	nobody, or several        | anybody                        | is left as it is, and waits
//	somebody with an account  | anybody                        | is a value like any other
//	somebody who gets one     | has an account, or adopts one  | comes by a link, after the creates
//	in this run               | gets one, too                  | comes with it, in a later round, or
//	                          |                                | by a link where rounds end
//	somebody without one      | anybody                        | is left as it is, and waits
//
// Who waits is looked at again when a row comes that is meant, or when the account is made.
type references struct {
	used  bool     // some program refers to people
	by    []string // by which attributes
	waits bool     // somebody waits
	err   error    // of a lookup in a mapping

	known    map[meant]answer      // a part of what was resolved in this run
	accounts map[record.Key]string // the ids of a part of those who were referred to
	asked    []ledger.Reference    // what changed rows answer to, of one source
	again    map[record.Key]bool   // who waits for one of them
	waiting  map[record.Key][]ledger.Reference
	open     map[bool]*unanswered // by whether there are several
	unclear  bool                 // the person who was looked at last refers to several

	creates *changes // newcomers who refer to somebody without an account
	links   *changes // who may get references in this run
	linked  map[uint64]bool
	comes   map[uint64]bool // by hash of the key: who gets an account; true: it is made
	keys    []record.Key    // the same, if somebody waits
}

type meant struct {
	source string
	mapping.Reference
}

type answer struct {
	key            record.Key
	found, several bool
}

// unanswered counts references that mean nobody, or several.
type unanswered struct {
	n     int
	first string
}

// remembered is how many answers are kept at a time.
const remembered = 100_000

func (w *work) startReferences() error {
	r := &w.refs
	for source, program := range w.flow.Programs {
		if by := program.References(); len(by) > 0 {
			r.used, r.by = true, append(r.by, by...)
			w.mappers[source].Resolve = func(ref mapping.Reference) (record.Key, bool) { return w.resolve(source, ref) }
		}
	}
	if !r.used {
		return nil
	}
	slices.Sort(r.by)
	r.by = slices.Compact(r.by)
	r.known, r.accounts = map[meant]answer{}, map[record.Key]string{}
	r.again, r.waiting, r.open = map[record.Key]bool{}, map[record.Key][]ledger.Reference{}, map[bool]*unanswered{}
	r.linked, r.comes = map[uint64]bool{}, map[uint64]bool{}
	r.creates, r.links = &changes{dir: w.engine.Dir}, &changes{dir: w.engine.Dir}
	var err error
	r.waits, err = w.store.Waits(w.flow.Target)
	return err
}

func (r *references) close() {
	if r.used {
		r.creates.close()
		r.links.close()
	}
}

func hashKey(key record.Key) uint64 { return hashText(key.String()) }

// resolve finds whom a reference means.
func (w *work) resolve(source string, ref mapping.Reference) (record.Key, bool) {
	asked := meant{source, ref}
	a, known := w.refs.known[asked]
	if !known {
		var err error
		if a, err = w.engine.meant(source, ref); err != nil {
			w.refs.err = cmp.Or(w.refs.err, err)
			return record.Key{}, false
		}
		if len(w.refs.known) == remembered {
			clear(w.refs.known)
		}
		w.refs.known[asked] = a
	}
	return a.key, a.found
}

// meant looks a reference up: by key first, then by what the index knows.
func (e *Engine) meant(source string, ref mapping.Reference) (answer, error) {
	if ref.By == ledger.ByDN {
		seen := make([]ledger.Seen, 1)
		if err := e.Store.Seen(source, record.User, []string{ref.Value}, seen); err != nil {
			return answer{}, err
		}
		if seen[0].Known && !seen[0].Absent {
			return answer{key: record.Key{Kind: record.User, Source: source, ID: ref.Value}, found: true}, nil
		}
	}
	hash, err := ledger.RefersBy(ref.By, ref.Value)
	if err != nil {
		return answer{}, nil // it is no name of an entry: nobody goes by it
	}
	keys, err := e.Store.Answering(source, hash)
	if err != nil || len(keys) == 0 {
		return answer{}, err
	}
	return answer{key: keys[0], found: len(keys) == 1, several: len(keys) > 1}, nil
}

// Refers gives whom a reference of somebody means, for the reader; false: nobody, or several.
func (e *Engine) Refers(source string, ref mapping.Reference) (record.Key, bool, error) {
	a, err := e.meant(source, ref)
	return a.key, a.found, err
}

// account gives the id of somebody's account, "" if there is none.
func (w *work) account(key record.Key) (string, error) {
	id, known := w.refs.accounts[key]
	if known {
		return id, nil
	}
	entries, err := w.store.Entries(w.flow.Target, []record.Key{key})
	if err != nil {
		return "", err
	}
	if e := entries[0]; e != nil && e.Standing != ledger.Gone {
		id = e.RemoteID
	}
	if len(w.refs.accounts) == remembered {
		clear(w.refs.accounts)
	}
	w.refs.accounts[key] = id
	return id, nil
}

// identify notes in a change the ids of the accounts that it refers to, and tells whether
// somebody has none.
func (w *work) identify(c *plan.Change) (lacks bool, err error) {
	refs := c.Refs()
	if len(refs) == 0 {
		return false, nil
	}
	ids := map[record.Key]string{}
	for _, key := range refs {
		if ids[key], err = w.account(key); err != nil {
			return false, err
		}
		lacks = lacks || ids[key] == ""
	}
	c.Identify(func(key record.Key) string { return ids[key] })
	return lacks, nil
}

// lacking tells who of those that were referred to has no account.
func (w *work) lacking(key record.Key) bool {
	id, err := w.account(key)
	w.refs.err = cmp.Or(w.refs.err, err)
	return id == ""
}

// answers has those looked at again who wait for what a changed row answers to.
func (w *work) answers(row *ledger.Row) error {
	r := &w.refs
	if !r.waits || row.Absent > 0 {
		return nil
	}
	r.asked = append(append(r.asked, row.Answers(r.by)...), ledger.RefersTo(row.Key))
	if len(r.asked) < pageOfWork {
		return nil
	}
	return w.answered(row.Key.Source)
}

func (w *work) answered(source string) error {
	if len(w.refs.asked) == 0 {
		return nil
	}
	keys, err := w.store.WaitingFor(w.flow.Target, source, w.refs.asked)
	for _, key := range keys {
		w.refs.again[key] = true
	}
	w.refs.asked = w.refs.asked[:0]
	return err
}

// refer decides on the references of one person: those that lead to an account are wanted,
// the others are left as they are. It gives what they would be in a link, nil for none.
func (w *work) refer(key record.Key, result *mapping.Result, entry *ledger.Entry) (link *plan.Change, err error) {
	w.refs.unclear = false
	if !w.refs.used || result.In != record.True || result.Err != nil {
		return nil, w.refs.err
	}
	var waits []ledger.Reference
	for _, open := range result.Open {
		// Who is one of several may stop being meant: nobody waits for that, so it is looked at.
		w.refs.unclear = w.refs.unclear || w.refs.known[meant{key.Source, open.Reference}].several
		waits = append(waits, w.unanswered(key, open)...)
		keep(&result.Want, entry, open.Path)
	}
	c := &plan.Change{Want: result.Want}
	lacks, err := w.identify(c)
	if err != nil {
		return nil, err
	}
	full := c.Want
	if result.Want = full; lacks && hasAccount(entry) {
		left := c.Leave(w.lacking)
		result.Want = c.Want
		for path, ref := range left {
			if full.Get(path) != nil { // else it is given only to accounts that are made
				keep(&result.Want, entry, path)
				waits = append(waits, ledger.RefersTo(ref.Key))
			}
		}
		if link = w.newLink(key, result.Want, full); len(link.Ops) == 0 {
			link = nil
		} else {
			link.RemoteID = entry.RemoteID
		}
	}
	w.waitFor(key, waits)
	return link, w.refs.err
}

// newLink makes the change that leads from what is wanted first to what is wanted in full.
func (w *work) newLink(key record.Key, first, full resource.Wanted) *plan.Change {
	edit := resource.Ops(first.Resource, full, w.shape, nil)
	return &plan.Change{Action: plan.Link, Kind: key.Kind.String(), Key: key, Before: edit.Before, After: edit.After, Ops: edit.Ops,
		Cause: plan.Cause{By: plan.CauseSource, What: "refers to somebody who gets an account"}}
}

// hasAccount tells whether somebody has an account, as far as is known. Who has none is a
// newcomer, whose references are settled once it is known who gets an account.
func hasAccount(entry *ledger.Entry) bool {
	return entry != nil && entry.Standing != ledger.Gone && !entry.Vanished()
}

// keep has a path stay as it is at the target.
func keep(want *resource.Wanted, entry *ledger.Entry, path string) {
	if !hasAccount(entry) {
		return
	}
	old := entry.Resource.Get(path)
	if old == nil {
		return
	}
	want.Resource = want.Resource.With(map[string]any{path: old})
	if i, managed := slices.BinarySearch(want.Managed, path); !managed {
		want.Managed = slices.Insert(slices.Clone(want.Managed), i, path)
	}
}

// waitFor notes what somebody waits for. Who waited before, and for something that came, waits
// for no more than that.
func (w *work) waitFor(key record.Key, refs []ledger.Reference) {
	if len(refs) > 0 || w.refs.again[key] {
		w.refs.waiting[key] = append(w.refs.waiting[key], refs...)
	}
}

// unanswered notes a reference that means nobody, or several, and gives what it waits for.
func (w *work) unanswered(key record.Key, open mapping.Open) (waits []ledger.Reference) {
	several := w.refs.known[meant{key.Source, open.Reference}].several
	u := w.refs.open[several]
	if u == nil {
		u = &unanswered{first: fmt.Sprintf("%s: %s", key.ID, open.Value)}
		w.refs.open[several] = u
	}
	u.n++
	if open.By == ledger.ByDN {
		waits = append(waits, ledger.RefersTo(record.Key{Kind: record.User, Source: key.Source, ID: open.Value}))
	}
	if hash, err := ledger.RefersBy(open.By, open.Value); err == nil {
		waits = append(waits, hash)
	}
	return waits
}

// sayUnanswered puts into the plan how many references mean nobody.
func (w *work) sayUnanswered() {
	for _, several := range []bool{false, true} {
		whom := "nobody who is in the source"
		if several {
			whom = "several people"
		}
		if u := w.refs.open[several]; u != nil {
			w.notes = append(w.notes, fmt.Sprintf("the references of %d of those who were looked at mean %s (%s); they stay as they are at %s", u.n, whom, u.first, w.flow.Target))
		}
	}
}

// mayLink keeps a link for the case that somebody gets an account in this run: of a person who
// stays, or comes back. next and change are what follows for the person besides.
func (w *work) mayLink(link *plan.Change, in *diff.Input, change *plan.Change) error {
	if !in.Present || in.Active == record.False || in.Entry.Standing != ledger.Live && (change == nil || change.Action != plan.Reactivate) {
		return nil
	}
	if change != nil {
		change.NextRun = true // what is stored of it must not hide that the link is missing
	}
	link.Name = in.Name
	w.refs.linked[hashKey(link.Key)] = true
	return w.refs.links.add(link)
}

// store keeps who waits for whom.
func (w *work) storeWaiting() error {
	if !w.refs.used {
		return nil
	}
	list := make([]ledger.Waiting, 0, len(w.refs.waiting))
	for key, refs := range w.refs.waiting {
		list = append(list, ledger.Waiting{Key: key, For: refs})
	}
	slices.SortFunc(list, func(a, b ledger.Waiting) int {
		if a.Key.Less(b.Key) {
			return -1
		}
		return 1
	})
	for slice := range slices.Chunk(list, pageOfMerge) {
		if err := w.store.PutWaiting(w.flow.Target, slice); err != nil {
			return fmt.Errorf("store who waits for whom: %w", err)
		}
	}
	return w.store.PutWaiting(w.flow.Target, nil)
}
