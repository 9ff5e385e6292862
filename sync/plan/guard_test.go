package plan

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"scimsync/sync/ledger"
)

func ptr[T any](v T) *T { return &v }

// usual is the guard of DESIGN's example.
func usual() Guard {
	return Guard{Rules: map[string]Rule{
		LimitDeactivate: {Percent: ptr(10.0), Count: ptr(50), AtLeast: 5},
		LimitDelete:     {Count: ptr(0)},
		LimitUpdate:     {Percent: ptr(50.0), AtLeast: 10},
		LimitCreate:     {Percent: ptr(20.0), Count: ptr(500), AtLeast: 10},
		LimitAdopt:      {Count: ptr(0)},
		LimitRename:     {Percent: ptr(5.0), Count: ptr(20), AtLeast: 5},
	}}
}

// A limit trips when n > at_least and (n > count or n > percent of the live entries);
// with no live entry percent does not apply.
func TestGuardLimits(t *testing.T) {
	rule := func(percent *float64, count *int, atLeast int) Guard {
		return Guard{Rules: map[string]Rule{LimitUpdate: {percent, count, atLeast}}}
	}
	for name, c := range map[string]struct {
		guard   Guard
		n, live int
		want    string // name and max of the limit; empty: it does not trip
	}{
		"nothing":                         {rule(ptr(0.0), ptr(0), 0), 0, 100, ""},
		"no limit":                        {rule(nil, nil, 0), 1000000, 1, ""},
		"no rule":                         {Guard{}, 1000000, 1, ""},
		"count, at it":                    {rule(nil, ptr(50), 0), 50, 100, ""},
		"count, above":                    {rule(nil, ptr(50), 0), 51, 100, "update.count 50"},
		"count zero":                      {rule(nil, ptr(0), 0), 1, 100, "update.count 0"},
		"percent, at it":                  {rule(ptr(10.0), nil, 0), 36, 360, ""},
		"percent, above":                  {rule(ptr(10.0), nil, 0), 37, 360, "update.percent 10%"},
		"a part of a percent":             {rule(ptr(0.5), nil, 0), 6, 1000, "update.percent 0.5%"},
		"a part of a percent, at it":      {rule(ptr(93.6), nil, 0), 1287, 1375, ""},
		"percent zero":                    {rule(ptr(0.0), nil, 0), 1, 1000, "update.percent 0%"},
		"all of them":                     {rule(ptr(100.0), nil, 0), 1000, 1000, ""},
		"percent, nobody live":            {rule(ptr(10.0), nil, 0), 1000, 0, ""},
		"count, nobody live":              {rule(ptr(10.0), ptr(50), 0), 51, 0, "update.count 50"},
		"at_least, at it":                 {rule(ptr(10.0), ptr(0), 5), 5, 5, ""},
		"at_least, above, percent trips":  {rule(ptr(10.0), nil, 5), 6, 20, "update.percent 10%"},
		"at_least, above, count trips":    {rule(nil, ptr(0), 5), 6, 20, "update.count 0"},
		"at_least, above, neither trips":  {rule(ptr(50.0), ptr(20), 5), 6, 20, ""},
		"count trips and percent not":     {rule(ptr(50.0), ptr(5), 0), 6, 1000, "update.count 5"},
		"percent trips and count not":     {rule(ptr(10.0), ptr(500), 0), 200, 1000, "update.percent 10%"},
		"at_least does not lower a limit": {rule(nil, ptr(50), 5), 40, 1000, ""},
	} {
		j := c.guard.Check(map[string]int{LimitUpdate: c.n}, c.live, ledger.ContactMade)
		got := ""
		for _, l := range j.Limits {
			got += l.Limit + " " + l.Max
			if l.N != c.n || l.Of != c.live {
				t.Errorf("%s: the limit says %d of %d", name, l.N, l.Of)
			}
		}
		if got != c.want {
			t.Errorf("%s: tripped %q, want %q", name, got, c.want)
		}
		if j.Holds(&Change{Action: Update}) != (c.want != "") {
			t.Errorf("%s: Holds disagrees with the limits", name)
		}
	}
}

func TestCounts(t *testing.T) {
	for name, c := range map[string]struct {
		change Change
		want   []string
	}{
		"deactivate":           {Change{Action: Deactivate}, []string{LimitDeactivate}},
		"deactivate, removed":  {Change{Action: Deactivate, Fate: FateRemoved}, []string{LimitDeactivate, LimitDelete}},
		"deactivate, gone":     {Change{Action: Deactivate, Fate: FateGone}, []string{LimitDeactivate, LimitDelete}},
		"update, gone":         {Change{Action: Update, Fate: FateGone}, []string{LimitUpdate}},
		"delete":               {Change{Action: Delete}, []string{LimitDelete}},
		"create":               {Change{Action: Create}, []string{LimitCreate}},
		"adopt":                {Change{Action: Adopt}, []string{LimitAdopt}},
		"adopt one's own":      {Change{Action: Adopt, Mine: true}, nil},
		"update":               {Change{Action: Update}, []string{LimitUpdate}},
		"rename":               {Change{Action: Update, Rename: true}, []string{LimitUpdate, LimitRename}},
		"reactivate":           {Change{Action: Reactivate}, []string{LimitUpdate}},
		"reactivate, new name": {Change{Action: Reactivate, Rename: true}, []string{LimitUpdate, LimitRename}},
	} {
		if got := Counts(&c.change); !slices.Equal(got, c.want) {
			t.Errorf("%s counts as %v, want %v", name, got, c.want)
		}
	}
}

// kinds are changes of every kind, by name.
var kinds = map[string]*Change{
	"deactivate": {Action: Deactivate}, "delete": {Action: Delete}, "create": {Action: Create}, "adopt": {Action: Adopt},
	"adopt mine": {Action: Adopt, Mine: true}, "update": {Action: Update}, "rename": {Action: Update, Rename: true}, "reactivate": {Action: Reactivate},
}

func heldKinds(j Ruling) []string {
	var held []string
	for name, change := range kinds {
		if j.Holds(change) {
			held = append(held, name)
		}
	}
	slices.Sort(held)
	return held
}

// A destructive limit holds everything destructive; any other holds its own kind;
// the rest is sent.
func TestGuardHolds(t *testing.T) {
	everything := []string{"adopt", "adopt mine", "create", "deactivate", "delete", "reactivate", "rename", "update"}
	goes := usual()
	goes.FirstRunGoes = true
	for name, c := range map[string]struct {
		guard   Guard
		contact ledger.Contact
		n       map[string]int
		limits  []string
		held    []string
	}{
		"quiet":              {usual(), ledger.ContactMade, map[string]int{LimitDeactivate: 5, LimitUpdate: 10, LimitCreate: 10}, nil, nil},
		"deactivate":         {usual(), ledger.ContactMade, map[string]int{LimitDeactivate: 51}, []string{"deactivate.count"}, []string{"deactivate", "delete"}},
		"deactivate percent": {usual(), ledger.ContactMade, map[string]int{LimitDeactivate: 41}, []string{"deactivate.percent"}, []string{"deactivate", "delete"}},
		"delete":             {usual(), ledger.ContactMade, map[string]int{LimitDelete: 1}, []string{"delete.count"}, []string{"deactivate", "delete"}},
		"create":             {usual(), ledger.ContactMade, map[string]int{LimitCreate: 501}, []string{"create.count"}, []string{"create"}},
		"adopt":              {usual(), ledger.ContactMade, map[string]int{LimitAdopt: 1}, []string{"adopt.count"}, []string{"adopt"}},
		"update":             {usual(), ledger.ContactMade, map[string]int{LimitUpdate: 201}, []string{"update.percent"}, []string{"reactivate", "rename", "update"}},
		"rename":             {usual(), ledger.ContactMade, map[string]int{LimitUpdate: 21, LimitRename: 21}, []string{"rename.count"}, []string{"rename"}},
		"several": {usual(), ledger.ContactMade, map[string]int{LimitDeactivate: 60, LimitDelete: 2, LimitCreate: 501, LimitUpdate: 12},
			[]string{"deactivate.count", "delete.count", "create.count"}, []string{"create", "deactivate", "delete"}},

		"first run":                  {usual(), ledger.ContactNone, map[string]int{LimitFirstRun: 1, LimitCreate: 1}, []string{LimitFirstRun}, everything},
		"first run, above limits":    {usual(), ledger.ContactNone, map[string]int{LimitFirstRun: 900, LimitCreate: 900}, []string{LimitFirstRun}, everything},
		"first run, nothing to do":   {usual(), ledger.ContactNone, map[string]int{}, nil, everything},
		"first run released":         {usual(), ledger.ContactReleased, map[string]int{LimitFirstRun: 501, LimitCreate: 501}, []string{"create.count"}, []string{"create"}},
		"first run goes":             {goes, ledger.ContactNone, map[string]int{LimitFirstRun: 9000, LimitCreate: 8000, LimitAdopt: 1000}, nil, nil},
		"first run goes on":          {goes, ledger.ContactReleased, map[string]int{LimitFirstRun: 9000, LimitCreate: 8000, LimitAdopt: 1000}, nil, nil},
		"first run goes, made":       {goes, ledger.ContactMade, map[string]int{LimitCreate: 501, LimitAdopt: 1}, []string{"create.count", "adopt.count"}, []string{"adopt", "create"}},
		"first run goes, leavers":    {goes, ledger.ContactNone, map[string]int{LimitDeactivate: 51, LimitCreate: 501}, []string{"deactivate.count"}, []string{"deactivate", "delete"}},
		"first run goes, an update":  {goes, ledger.ContactNone, map[string]int{LimitUpdate: 201}, []string{"update.percent"}, []string{"reactivate", "rename", "update"}},
		"only what is there already": {usual(), ledger.ContactMade, map[string]int{LimitFirstRun: 5000}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			j := c.guard.Check(c.n, 400, c.contact)
			var limits []string
			for _, l := range j.Limits {
				limits = append(limits, l.Limit)
			}
			if diff := cmp.Diff(c.limits, limits); diff != "" {
				t.Errorf("limits (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.held, heldKinds(j)); diff != "" {
				t.Errorf("held (-want +got):\n%s", diff)
			}
		})
	}
}

// Every limit that is counted has words for the reader, and every rule has a limit.
func TestLimitsHaveWords(t *testing.T) {
	for _, name := range Limits {
		if _, has := limitWords[name]; !has {
			t.Errorf("%s has no words", name)
		}
	}
	for _, change := range kinds {
		for _, name := range Counts(change) {
			if !slices.Contains(Limits, name) {
				t.Errorf("%s counts against %s, which is never checked", change.Action, name)
			}
		}
	}
}
