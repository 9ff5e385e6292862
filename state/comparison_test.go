package state

import (
	"testing"
	"time"

	"scimsync/sync/ledger"
	"scimsync/sync/record"
)

// A comparison is kept until it ends, and begins anew when a name changes by which it is
// ordered.
func TestComparison(t *testing.T) {
	s := openNew(t)
	got, err := s.Comparison("ringcentral")
	equal(t, got, nil, err)
	must(t, s.PutComparison("ringcentral", nil))
	want := &ledger.Comparison{Began: noon, At: noon.Add(time.Minute), Job: "staff", Key: user("hr", "7"), N: 8, Again: []record.Key{user("hr", "3")}}
	for _, rename := range []func() error{
		func() error { return s.PutComparison("ringcentral", nil) },
		func() error { return s.RenameJob("staff", "people") },
		func() error { return s.RenameSource("hr", "corp") },
	} {
		commit(t, s, staff, entry(user("hr", "7"), "7", ledger.Live))
		must(t, s.PutComparison("ringcentral", want))
		got, err = s.Comparison("ringcentral")
		equal(t, got, want, err)
		must(t, rename())
		got, err = s.Comparison("ringcentral")
		equal(t, got, nil, err)
	}
	if err := s.PutComparison("", want); err == nil {
		t.Error("a target without a name: no error")
	}
}
