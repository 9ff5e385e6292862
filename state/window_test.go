package state

import (
	"errors"
	"testing"
	"time"

	"scimsync/sync/ledger"
)

// What counts against the limits is stored with the outcomes, or not at all, and added up
// from a moment on.
func TestCounted(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	counted := func(after time.Time, want map[string]int) {
		t.Helper()
		got, err := s.Counted(staff, after)
		equal(t, got, want, err)
	}
	store := func(id string, at time.Time, limits ...string) error {
		e := entry(user("hr", id), "r"+id, ledger.Left)
		e.At = at
		return s.Commit(staff, []ledger.Outcome{{Key: e.Key, Entry: e, Counts: limits, At: e.At}})
	}
	counted(time.Time{}, map[string]int{})
	must(t, store("1", noon, "deactivate"))
	must(t, store("2", noon.Add(time.Second), "deactivate"))
	must(t, store("3", noon.Add(time.Hour), "update", "rename"))
	must(t, store("4", noon.Add(time.Hour)))
	counted(noon.Add(-time.Minute), map[string]int{"deactivate": 2, "update": 1, "rename": 1})
	counted(noon.Add(time.Minute), map[string]int{"update": 1, "rename": 1})
	counted(noon.Add(time.Hour), map[string]int{})

	e := entry(user("hr", "5"), "r1", ledger.Left) // the account of 1
	e.At = noon
	err := s.Commit(staff, []ledger.Outcome{{Key: e.Key, Entry: e, Counts: []string{"deactivate"}, At: e.At}})
	if !errors.Is(err, ledger.ErrOwned) {
		t.Fatal(err)
	}
	counted(noon.Add(-time.Minute), map[string]int{"deactivate": 2, "update": 1, "rename": 1})

	must(t, store("6", noon.Add(2*countedFor), "delete")) // what is too old goes, a minute at a time
	counted(time.Time{}, map[string]int{"delete": 1, "update": 1, "rename": 1})
	must(t, store("7", noon.Add(2*countedFor), "delete"))
	counted(time.Time{}, map[string]int{"delete": 2})
}
