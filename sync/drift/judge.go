package drift

import (
	"maps"
	"slices"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// judgement is one entry beside the account that was found under its id.
type judgement struct {
	entry *ledger.Entry
	found *plan.Found
	shape resource.Shape
	all   map[string]any // what is there instead of what was pushed, path by path
	drift map[string]any // the same without what was accepted
	taken string         // the externalId of somebody else that the account carries; "": it does not
	read  bool           // the account's values were compared, and not only whether it is active
}

// judge compares the account that was read for an entry. Where it refers to others, the ids of
// their accounts are what is to be there.
func (r *run) judge(s *reading) (*judgement, error) {
	refs := s.entry.Refs()
	if len(refs) == 0 {
		return judge(s.entry, s.found, s.flow.Shape), nil
	}
	entries, err := r.Store.Entries(r.Name, refs)
	if err != nil {
		return nil, err
	}
	ids := map[record.Key]string{}
	for i, e := range entries {
		if e != nil && e.Standing != ledger.Gone {
			ids[refs[i]] = e.RemoteID
		}
	}
	return judge(s.entry.Identified(func(key record.Key) string { return ids[key] }), s.found, s.flow.Shape), nil
}

// judge compares one account.
func judge(entry *ledger.Entry, found *plan.Found, shape resource.Shape) *judgement {
	j := &judgement{entry: entry, found: found, shape: shape, all: map[string]any{}}
	anchor := entry.Resource.Text("externalId")
	if found.ExternalID != "" && anchor != "" && found.ExternalID != anchor && entry.Echo["externalId"] != found.ExternalID {
		j.taken = found.ExternalID
		return j
	}
	live := entry.Standing == ledger.Live
	if j.read = live && !found.Masked; j.read {
		j.all = resource.Drift(found.Body, entry.Resource, shape)
	}
	switch {
	case live && found.Active == record.False:
		j.all[ledger.DriftActive] = false
	case !live && found.Active == record.True:
		j.all[ledger.DriftActive] = true
	}
	j.drift = maps.Clone(j.all)
	maps.DeleteFunc(j.drift, func(path string, there any) bool {
		echo, echoes := entry.Echo[path]
		_, doubted := entry.Maybe[path] // it is sent again anyway
		return doubted || echoes && shape.Same(path, there, echo)
	})
	return j
}

func (j *judgement) right() bool { return j.taken == "" && len(j.drift) == 0 }

// settled is the entry without what is not so any more: a mark of drift, and the echo of
// a value that the target holds by now as it was pushed. Whoever changes that from now on
// is somebody else. Nil: it stays.
func (j *judgement) settled() *ledger.Entry {
	entry := *j.entry
	entry.Echo = maps.Clone(entry.Echo)
	maps.DeleteFunc(entry.Echo, func(path string, _ any) bool { return j.holds(path) })
	if j.right() {
		entry.Drift = nil
	}
	if len(entry.Echo) == len(j.entry.Echo) && len(entry.Drift) == len(j.entry.Drift) {
		return nil
	}
	return &entry
}

// holds tells whether the target is known to hold at a path what was pushed.
func (j *judgement) holds(path string) bool {
	if path == ledger.DriftActive {
		return j.entry.Standing == ledger.Live && j.found.Active == record.True
	}
	_, differs := j.all[path]
	return j.read && !differs
}

// marked is the entry with what a repair is to undo.
func (j *judgement) marked(drift map[string]any) *ledger.Entry {
	entry := j.settled()
	if entry == nil {
		copied := *j.entry
		entry = &copied
	}
	entry.Drift = drift
	if len(drift) == 0 {
		entry.Drift = nil
	}
	return entry
}

// mendable is what a repair can undo.
func (j *judgement) mendable() map[string]any {
	marks := maps.Clone(j.drift)
	maps.DeleteFunc(marks, func(path string, _ any) bool { return j.fixed(path) })
	return marks
}

func (j *judgement) fixed(path string) bool {
	return path != ledger.DriftActive && !j.shape.Sends(path)
}

// differences lists what differs, sorted by path, active first.
func (j *judgement) differences() []Difference {
	var list []Difference
	for _, path := range slices.Sorted(maps.Keys(j.drift)) {
		d := Difference{Path: path, Pushed: j.entry.Resource.Get(path), There: j.drift[path], Fixed: j.fixed(path)}
		if path == ledger.DriftActive {
			d.Pushed = d.There == false
			list = slices.Insert(list, 0, d)
			continue
		}
		list = append(list, d)
	}
	return list
}

// attribute names what is shown of all accounts or of none: a path without its filter.
func attribute(path string) string {
	at := resource.Split(path)
	at.Filter = nil
	return at.String()
}

// shows notes the attributes of which the target shows a value.
func (r *run) shows(j *judgement) {
	if !j.read {
		return
	}
	for _, a := range j.entry.Resource.Attrs {
		if there, differs := j.all[a.Path]; !differs || there != nil {
			r.shown[attribute(a.Path)] = true
		}
	}
}

// unshown lists the paths that are not there, and of which it is not known whether the
// target shows them at all (RFC 7643 section 7: returned): it has shown no value of
// anybody, neither now nor when it took this person's.
func (r *run) unshown(j *judgement) []string {
	var paths []string
	for path, there := range j.drift {
		if there == nil && j.entry.Echo == nil && !r.shown[attribute(path)] {
			paths = append(paths, path)
		}
	}
	return paths
}

// rest decides on those who waited for others to show an attribute.
func (r *run) rest() error {
	changed := map[string][]*ledger.Entry{} // by job
	for _, s := range r.waiting {
		j, err := r.judge(s)
		if err != nil {
			return err
		}
		for _, path := range r.unshown(j) {
			r.summary.NotShown[attribute(path)]++
			delete(j.drift, path)
		}
		entry := j.settled()
		if !j.right() {
			if entry, err = r.changed(j, s); err != nil {
				return err
			}
		}
		changed[s.flow.Job] = append(changed[s.flow.Job], entry)
	}
	for _, flow := range r.Flows {
		if err := r.settle(flow, changed[flow.Job]); err != nil {
			return err
		}
	}
	return nil
}
