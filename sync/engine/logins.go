package engine

import (
	"fmt"

	"scimsync/sync/diff"
	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// logins knows who gives a login up, and who takes one, in this plan.
type logins struct {
	freed map[string]record.Key
	taken map[string]record.Key
}

// passLoginsOn orders the renames so that a login is free before it is taken, and
// parks those whose login somebody keeps.
func (w *work) passLoginsOn() error {
	renames, byKey, err := w.possibleRenames()
	if err != nil {
		return err
	}
	w.logins = logins{map[string]record.Key{}, map[string]record.Key{}}
	for _, r := range renames {
		w.logins.taken[r.New] = r.Key
		for _, login := range r.Frees() {
			w.logins.freed[login] = r.Key
		}
	}
	turns := diff.Order(renames)
	for _, r := range renames {
		change, turn := byKey[r.Key], turns[r.Key]
		if turn.Temporary {
			if err := w.temporary(change); err != nil {
				return err
			}
		}
		change.Round = turn.Round
		if err := w.book.add(change); err != nil {
			return err
		}
	}
	return nil
}

// possibleRenames leaves out, again and again, the renames to a login that is kept
// by its account, or that two people want.
func (w *work) possibleRenames() ([]diff.Rename, map[record.Key]*plan.Change, error) {
	byKey := map[record.Key]*plan.Change{}
	var renames []diff.Rename
	wanted := map[string]int{}
	for _, c := range w.renames {
		r := diff.Rename{Key: c.Key, Old: resource.Fold(text(c.Before["userName"])), New: resource.Fold(c.Want.Text("userName")),
			Maybe: diff.Logins(c.Doubt.Maybe)}
		if r.Old == "" { // the anchor changes, the login stays
			r.Old = r.New
		}
		byKey[c.Key] = c
		wanted[r.New]++
		renames = append(renames, r)
	}
	for again := true; again; {
		again = false
		freed := map[string]bool{}
		for _, r := range renames {
			for _, login := range r.Frees() {
				freed[login] = true
			}
		}
		left := renames[:0]
		for _, r := range renames {
			why, err := w.blocked(r, freed, wanted[r.New] > 1)
			if err != nil {
				return nil, nil, err
			}
			if why == nil {
				left = append(left, r)
				continue
			}
			again = true
			c := byKey[r.Key]
			w.park(c.Key, c.Name, ledger.Parked{Kind: ledger.ParkedLogin, Error: why.Error(), Digest: c.Digest()})
		}
		renames = left
	}
	return renames, byKey, nil
}

func (w *work) blocked(r diff.Rename, freed map[string]bool, twice bool) (error, error) {
	if r.Old == r.New {
		return nil, nil
	}
	if twice {
		return fmt.Errorf("the login %q is wanted by several people", r.New), nil
	}
	holder, known, err := w.store.ByLogin(w.flow.Target, r.New)
	if err != nil || !known || holder == r.Key || freed[r.New] {
		return nil, err
	}
	return fmt.Errorf("the login %q is held by the account of %s", r.New, holder), nil
}

// temporary puts the change into the plan that gives an account a login for a moment.
func (w *work) temporary(c *plan.Change) error {
	entries, err := w.store.Entries(w.flow.Target, []record.Key{c.Key})
	if err != nil {
		return err
	}
	entry := entries[0].There()
	login := w.shape.TemporaryLogin(entry.Resource.Text("userName"), c.Digest()[:8])
	want := resource.Wanted{Resource: w.shape.WithLogin(entry.Resource, login), Managed: entry.Managed}
	edit := resource.Ops(entry.Resource, want, w.shape, nil)
	ops, parts := w.shape.Requests(edit.Ops)
	return w.book.add(&plan.Change{Action: plan.Update, Kind: c.Kind, Key: c.Key, Name: c.Name, RemoteID: c.RemoteID,
		Before: edit.Before, After: edit.After, Ops: ops, Parts: parts,
		Cause: c.Cause, Rename: true, Temporary: login, NextRun: true, Doubt: c.Doubt, Echo: c.Echo, Want: want})
}

// loginFree tells why a new account may not have its login; nil: it may. vacant tells
// that no account at the target has it now: then it is not kept by somebody who left,
// and whose account was deleted there since.
func (w *work) loginFree(c *plan.Change, vacant bool) (error, error) {
	login := resource.Fold(c.Want.Text("userName"))
	if other, taken := w.logins.taken[login]; taken {
		return fmt.Errorf("the login %q goes to the account of %s", login, other), nil
	}
	if _, freed := w.logins.freed[login]; freed {
		return nil, nil
	}
	holder, known, err := w.store.ByLogin(w.flow.Target, login)
	if err != nil || !known || holder == c.Key {
		return nil, err
	}
	if vacant {
		entries, err := w.store.Entries(w.flow.Target, []record.Key{holder})
		if err != nil || entries[0] != nil && entries[0].Standing == ledger.Left {
			return nil, err
		}
	}
	return fmt.Errorf("the login %q is held by the account of %s", login, holder), nil
}

// gaveUp tells whether an account has another login by the time creates are sent.
func (w *work) gaveUp(owner record.Key, login string) bool {
	login = resource.Fold(login)
	return w.logins.freed[login] == owner && w.logins.taken[login] != owner
}

func text(v any) string {
	s, _ := v.(string)
	return s
}
