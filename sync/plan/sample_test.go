package plan

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"scimsync/sync/ledger"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func key(id string) record.Key { return record.Key{Kind: record.User, Source: "hr", ID: id} }

// made puts a plan together as the engine does: the numbers and digests follow from
// the changes.
func made(changes ...*Change) *Plan {
	p := &Plan{Job: "staff", Target: "ringcentral", Base: "b45e", Source: "hr", At: noon, Summary: map[Action]int{}, Groups: map[Action]int{}, Unclaimed: -1}
	p.Each = func(fn func(*Change) error) error {
		for _, c := range changes {
			if err := fn(c); err != nil {
				return err
			}
		}
		return nil
	}
	var all, held Set
	for _, c := range changes {
		all.Add(c.Digest())
		if c.Held {
			held.Add(c.Digest())
		}
		p.Summary[c.Action]++
		if c.Kind == "group" {
			p.Groups[c.Action]++
		}
		p.Calls += c.Calls()
	}
	p.Digest, p.Held = all.String(), held.Len()
	if p.Held > 0 {
		p.HeldDigest = held.String()
	}
	return p
}

// sampleChanges has one change of each sort, in the order of carrying out.
func sampleChanges() []*Change {
	by := func(what string) Cause { return Cause{By: CauseSource, What: what} }
	return []*Change{
		{Action: Deactivate, Kind: "user", Key: key("10034"), Name: "Jane Doe", RemoteID: "r34", Held: true,
			Before: map[string]any{"active": true}, After: map[string]any{"active": false},
			Ops: []resource.Op{{Op: "replace", Path: "active", Value: false}}, Cause: by("not in hr any more")},
		{Action: Update, Kind: "user", Key: key("10035"), Name: "Ada <Admin> & Co", RemoteID: "r35",
			Before: map[string]any{"title": "Clerk", `emails[type eq "work"].value`: "ada@example.org", enterprise + "department": "Sales"},
			After:  map[string]any{"title": "Head of \"Sales\"", `emails[type eq "work"].value`: "ada@example.org"},
			Ops: []resource.Op{{Op: "remove", Path: enterprise + "department"}, {Op: "replace", Path: `emails[type eq "work"].value`, Value: "ada@example.org"},
				{Op: "replace", Path: "title", Value: "Head of \"Sales\""}}, Cause: by("changed in hr")},
		{Action: Adopt, Kind: "user", Key: key("10036"), Name: "10036", RemoteID: "r36", Before: map[string]any{}, After: map[string]any{}, Cause: by("")},
		{Action: Update, Kind: "user", Key: key("10037"), Name: "Bob", RemoteID: "r37", Temporary: "tmp1-bob",
			Before: map[string]any{"userName": "bob"}, After: map[string]any{"userName": "tmp1-bob"},
			Ops: []resource.Op{{Op: "replace", Path: "userName", Value: "tmp1-bob"}}, Cause: Cause{By: CauseConfig}},
		{Action: Update, Kind: "user", Key: key("10037"), Name: "Bob", RemoteID: "r37", Round: 2,
			Before: map[string]any{"userName": "bob"}, After: map[string]any{"userName": "rob"},
			Ops: []resource.Op{{Op: "replace", Path: "userName", Value: "rob"}}, Cause: by("changed in hr")},
		{Action: Reactivate, Kind: "user", Key: key("10038"), Name: "Zoë Ünal", RemoteID: "r38",
			Before: map[string]any{"active": false, "phoneNumbers": []resource.Element{{"type": "work", "value": "+41 1"}}},
			After: map[string]any{"active": true, "phoneNumbers": []resource.Element{{"type": "mobile", "value": "+41 2", "primary": true},
				{"type": "work", "value": "+41 1"}}},
			Ops: []resource.Op{{Op: "replace", Path: "active", Value: true},
				{Op: "add", Path: "phoneNumbers", Value: []resource.Element{{"type": "mobile", "value": "+41 2", "primary": true}}}},
			Cause: Cause{By: CauseTime, What: "a date has come"}},
		{Action: Create, Kind: "user", Key: key("10039"), Name: "Eve Stone",
			After: map[string]any{"active": true, "userName": "eve@example.org", "name.givenName": "Eve"}, Cause: by("changed in hr")},
		{Action: Delete, Kind: "user", Key: key("10040"), Name: "Old Timer", RemoteID: "r40", Held: true, Cause: by("not in hr any more")},
	}
}

func sample() *Plan {
	p := made(sampleChanges()...)
	p.Estimate = 36 * time.Second
	p.Conflicts = []Problem{{Key: "10050", Name: "Cy Twin", New: true, Retry: "2026-03-02T13:00:00Z",
		Why: `account r9 has the login "cy" and belongs to user/hr/10051`}}
	p.Parked = []Problem{{Key: "10060", Why: "line 7 of the map: userName has no value"}}
	p.Protected, p.Unclaimed = 2, 1204
	p.Holds = []ledger.Limit{{Limit: "deactivate.percent", N: 120, Of: 360, Max: "10%"}}
	p.Notes = []string{"the listing of all accounts could not be proved complete, so everybody was looked up one by one"}
	return p
}

// many gives n creates of people with one value each.
func many(n int) []*Change {
	var changes []*Change
	for i := range n {
		login := fmt.Sprintf("u%05d@example.org", i)
		changes = append(changes, &Change{Action: Create, Kind: "user", Key: key(fmt.Sprint(i)), Name: fmt.Sprintf("Person %d", i),
			After: map[string]any{"userName": login}, Cause: Cause{By: CauseSource, What: "changed in hr"}})
	}
	return changes
}

// golden holds a text against a file of testdata. UPDATE_GOLDEN=1 writes the file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is different (-want +got):\n%s", file, diff)
	}
}
