package scim

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
	"scimsync/targets/scim/profile"
)

// Some services answer with success to what they do not do. So the first change of each
// form that a run makes is looked at afterwards, if the profile says so: in the answer,
// if that shows the account, else by reading it. A form is what is done to which
// attribute: "replace title". One that does nothing is not sent again for a day, and its
// people wait; nothing is sent over and over.

// form is what is done to an attribute.
func form(verb, attribute string) string { return verb + " " + attribute }

// formOf is the form of what a change does at a path.
func formOf(path string, before, after any) string {
	verb := "replace"
	switch {
	case after == nil:
		verb = "remove"
	case before == nil:
		verb = "add"
	}
	return form(verb, resource.Split(path).Attribute())
}

const activePath = "active"

// useful gives the change without operations whose form is known to do nothing; nil:
// none is left. skipped says which they are. What switches an account off or on is
// always sent.
func (w *write) useful() (change *plan.Change, skipped error) {
	var left []resource.Op
	var forms []string
	for _, op := range operations(w.change) {
		f := form(op.Op, resource.Split(op.Path).Attribute())
		if op.Path != activePath && w.knows(ignoredForm+fact(f)) {
			forms = append(forms, f)
		} else {
			left = append(left, op)
		}
	}
	if len(forms) == 0 {
		return w.change, nil
	}
	skipped = fmt.Errorf("%s: not sent, for %s answered it with success before and did nothing: %s; %s",
		w.change, w.name, strings.Join(forms, ", "), takeOut)
	if len(left) == 0 {
		return nil, skipped
	}
	c := *w.change
	c.Ops, c.Parts = left, nil
	return &c, skipped
}

const takeOut = "take it out of the mapping, or tell by attrs.write_once or attrs.read_only that it cannot be changed"

// verified looks at what an acknowledged change left behind, where that has to be.
func (w *write) verified(method string, r plan.Result) plan.Result {
	forms := w.unproven(method)
	if len(forms) == 0 {
		return r
	}
	found := r.Ack.Shown
	if found == nil || w.profile.Patch.SilentNoop || len(w.undone(found)) > 0 {
		w.delay()
		read, result := w.account(false)
		if result != nil { // that it cannot be read says nothing of what was done
			return r
		}
		found = read
	}
	undone := w.undone(found)
	w.prove(slices.DeleteFunc(forms, func(f string) bool { return slices.Contains(undone, f) }))
	if len(undone) == 0 {
		r.Ack.Shown = found
		if found.Version != "" {
			r.Ack.Version = found.Version
		}
		return r
	}
	for _, f := range undone {
		w.learn(ignoredForm+fact(f), fmt.Sprintf("answers with success and does nothing: %s", f))
	}
	err := fmt.Errorf("%s: the answer was a success, but the %s is as before: %s; %s", w.change, w.kind.noun, strings.Join(undone, ", "), takeOut)
	if slices.ContainsFunc(undone, func(f string) bool { return strings.HasSuffix(f, " "+activePath) }) {
		err = fmt.Errorf("%s: the answer was a success, but the account's active is as before; see to it at the service, "+
			"and find out how it is switched there (deactivate.method, patch in its profile)", w.change)
	}
	return plan.Result{Verdict: plan.Ignored, Err: err, Heard: r.Heard}
}

// verifies tells whether writes are looked at afterwards.
func (s *service) verifies() profile.AfterWrite {
	mode := s.profile.Verify.AfterWrite
	if mode == profile.VerifyNever && s.profile.Patch.SilentNoop {
		mode = profile.VerifyCanary
	}
	return mode
}

// looks tells whether what a form of change leaves behind is to be looked at.
func (t *Target) looks(form string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	mode := t.verifies()
	return mode == profile.VerifyAlways || mode == profile.VerifyCanary && !t.proven[form]
}

// unproven gives the forms of the change that are to be looked at.
func (w *write) unproven(method string) []string {
	mode := w.verifies()
	if mode == profile.VerifyNever || method != http.MethodPatch && method != http.MethodPut {
		return nil
	}
	var forms []string
	for _, path := range w.paths() {
		if f := formOf(path, w.change.Before[path], w.change.After[path]); !slices.Contains(forms, f) {
			forms = append(forms, f)
		}
	}
	if mode == profile.VerifyAlways {
		return forms
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(forms, func(f string) bool { return w.proven[f] })
}

// attended tells of a change that takes more than its one request: it is looked at
// afterwards, says for which version of the account it is, or is not sent as a whole.
func (t *Target) attended(change *plan.Change) bool {
	method, _, err := t.where(change)
	if err != nil || method == http.MethodPost {
		return err != nil
	}
	w := &write{Target: t, change: change}
	_, skipped := w.useful()
	return skipped != nil || len(w.unproven(method)) > 0 || t.matching(method, change.Version) != ""
}

// prove notes that forms work.
func (t *Target) prove(forms []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range forms {
		t.proven[f] = true
	}
}

// paths are those that this request changes: of a change in several requests a part.
func (w *write) paths() []string {
	sent := map[string]bool{}
	for _, op := range operations(w.change) {
		sent[resource.Split(op.Path).Attribute()] = true
	}
	all := maps.Clone(w.change.Before)
	if all == nil {
		all = map[string]any{}
	}
	maps.Copy(all, w.change.After)
	maps.DeleteFunc(all, func(path string, _ any) bool { return !sent[resource.Split(path).Attribute()] })
	return slices.Sorted(maps.Keys(all))
}

// undone gives the forms that left the account as it was. A value that the service wrote
// in its own way is done.
func (w *write) undone(found *plan.Found) []string {
	var forms []string
	before, after := map[string]any{}, map[string]any{}
	for _, path := range w.paths() {
		if path == activePath {
			if found.Active != record.Unknown && (found.Active == record.True) != (w.change.After[path] == true) {
				forms = append(forms, formOf(path, w.change.Before[path], w.change.After[path]))
			}
			continue
		}
		if v := w.change.Before[path]; v != nil {
			before[path] = v
		}
		if v := w.change.After[path]; v != nil {
			after[path] = v
		}
	}
	if found.Masked {
		return forms
	}
	other := resource.Drift(found.Body, resource.New(before), w.shape) // than before
	missing := resource.Drift(found.Body, resource.New(after), w.shape)
	for _, path := range slices.Sorted(maps.Keys(union(before, after))) {
		had, want := before[path], after[path]
		_, differs := other[path]
		have, fails := missing[path]
		if undone := had != nil && !differs || had == nil && have == nil; undone && (fails || want == nil) {
			forms = append(forms, formOf(path, had, want))
		}
	}
	return slices.Compact(forms)
}

func union(a, b map[string]any) map[string]any {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// delay waits as long as reads of the service may lag behind its writes.
func (w *write) delay() {
	sleep(w.ctx, w.profile.EventualConsistency.ReadDelay)
}
