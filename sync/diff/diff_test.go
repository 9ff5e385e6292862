package diff

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// The people of the tests: what is wanted, and what was acknowledged.
func values(title string) map[string]any {
	return map[string]any{"externalId": "1", "userName": "ada", "title": title}
}

func wanted(title string) resource.Wanted {
	return resource.Wanted{Resource: resource.New(values(title)), Managed: []string{"externalId", "title", "userName"}}
}

func entry(standing ledger.Standing, title string) *ledger.Entry {
	return &ledger.Entry{Key: key("1"), RemoteID: "r1", Job: "staff", Standing: standing, Resource: resource.New(values(title)),
		Managed: []string{"externalId", "title", "userName"}}
}

func intent(action plan.Action, maybe map[string]any) *ledger.Intent {
	return &ledger.Intent{Key: key("1"), Action: string(action), Maybe: maybe}
}

// person makes an input: a row of the table in the package comment.
func person(row string, e *ledger.Entry, i *ledger.Intent) *Input {
	in := &Input{Key: key("1"), Name: "Ada", Want: wanted("Engineer"), Entry: e, Intent: i, Shape: resource.RFC7643()}
	switch row {
	case "active":
		in.Present, in.Active = true, record.True
	case "inactive":
		in.Present, in.Active = true, record.False
	case "not known":
		in.Present = true
	case "has left":
	default:
		panic(row)
	}
	if row == "has left" {
		in.Want = resource.Wanted{}
	}
	return in
}

var (
	setTitle   = resource.Op{Op: "replace", Path: "title", Value: "Engineer"}
	activate   = resource.Op{Op: "replace", Path: "active", Value: true}
	inactivate = resource.Op{Op: "replace", Path: "active", Value: false}
)

// said is a decision in a form that can be compared.
type said struct {
	Next   Next
	Action plan.Action
	Ops    []resource.Op
}

func decide(in *Input) said {
	next, change := Person(in)
	if next != Send {
		return said{Next: next}
	}
	return said{next, change.Action, change.Ops}
}

func sends(action plan.Action, ops ...resource.Op) said { return said{Send, action, ops} }

// Every cell of the table in the package comment, without an intent.
func TestTable(t *testing.T) {
	t.Parallel()
	standings := []ledger.Standing{0, ledger.Gone, ledger.Live, ledger.Suspended, ledger.Left}
	same, other := "Engineer", "Clerk"
	for _, c := range []struct {
		row     string
		title   string // that was acknowledged
		leavers Leavers
		want    [5]said // by standing
	}{
		{"active", same, 0, [5]said{{Next: Find}, {Next: Find}, {}, sends(plan.Reactivate, activate), sends(plan.Reactivate, activate)}},
		{"active", other, 0, [5]said{{Next: Find}, {Next: Find}, sends(plan.Update, setTitle),
			sends(plan.Reactivate, activate, setTitle), sends(plan.Reactivate, activate, setTitle)}},
		{"inactive", same, 0, [5]said{{}, {}, sends(plan.Deactivate, inactivate), {}, {}}},
		{"inactive", other, 0, [5]said{{}, {}, sends(plan.Deactivate, inactivate), {}, {}}},
		{"not known", same, 0, [5]said{{Next: Wait}, {Next: Wait}, {}, {}, {}}},
		{"not known", other, 0, [5]said{{Next: Wait}, {Next: Wait}, sends(plan.Update, setTitle), {}, {}}},
		{"has left", same, DeactivateLeavers, [5]said{{}, {}, sends(plan.Deactivate, inactivate), {}, {}}},
		{"has left", same, KeepLeavers, [5]said{}},
		{"has left", same, DeleteLeavers, [5]said{{}, {}, sends(plan.Deactivate, inactivate), {Send, plan.Delete, nil}, {Send, plan.Delete, nil}}},
		{"inactive", same, DeleteLeavers, [5]said{{}, {}, sends(plan.Deactivate, inactivate), {}, {}}},
		{"inactive", same, KeepLeavers, [5]said{{}, {}, sends(plan.Deactivate, inactivate), {}, {}}},
	} {
		for i, standing := range standings {
			var e *ledger.Entry
			if standing != 0 {
				e = entry(standing, c.title)
			}
			in := person(c.row, e, nil)
			in.Leavers = c.leavers
			if d := cmp.Diff(c.want[i], decide(in)); d != "" {
				t.Errorf("%s, acknowledged %s %s, leavers %d (-want +got):\n%s", c.row, standing, c.title, c.leavers, d)
			}
		}
	}
}

// With an intent, what may have arrived is sent once more, or undone.
func TestTableWithIntents(t *testing.T) {
	t.Parallel()
	create := intent(plan.Create, map[string]any{"externalId": "1", "userName": "ada", "title": "Engineer"})
	update := intent(plan.Update, map[string]any{"title": "Clerk"}) // the entry says Engineer
	off := intent(plan.Deactivate, map[string]any{"active": false})
	on := intent(plan.Reactivate, map[string]any{"active": true, "title": "Clerk"})
	for _, c := range []struct {
		row      string
		standing ledger.Standing // 0: no entry
		intent   *ledger.Intent
		want     said
	}{
		// A create in doubt: the account is looked for, whoever the person is now.
		{"active", 0, create, said{Next: Find}},
		{"inactive", 0, create, said{Next: FindLeft}},
		{"not known", 0, create, said{Next: Wait}},
		{"has left", 0, create, said{Next: FindLeft}},
		{"active", ledger.Gone, create, said{Next: Find}},
		{"has left", ledger.Gone, create, said{Next: FindLeft}},

		// An update in doubt: the entry's own value is sent again.
		{"active", ledger.Live, update, sends(plan.Update, setTitle)},
		{"not known", ledger.Live, update, sends(plan.Update, setTitle)},
		{"inactive", ledger.Live, update, sends(plan.Deactivate, inactivate)},
		{"has left", ledger.Live, update, sends(plan.Deactivate, inactivate)},

		// A deactivation in doubt.
		{"active", ledger.Live, off, sends(plan.Reactivate, activate)},
		{"inactive", ledger.Live, off, sends(plan.Deactivate, inactivate)},
		{"has left", ledger.Live, off, sends(plan.Deactivate, inactivate)},
		{"not known", ledger.Live, off, said{Next: Keep}},

		// A reactivation in doubt.
		{"active", ledger.Suspended, on, sends(plan.Reactivate, activate, setTitle)},
		{"inactive", ledger.Suspended, on, sends(plan.Deactivate, inactivate)},
		{"has left", ledger.Suspended, on, sends(plan.Deactivate, inactivate)},
		{"has left", ledger.Left, on, sends(plan.Deactivate, inactivate)},
		{"not known", ledger.Suspended, on, said{Next: Keep}},
	} {
		var e *ledger.Entry
		if c.standing != 0 {
			e = entry(c.standing, "Engineer")
		}
		if d := cmp.Diff(c.want, decide(person(c.row, e, c.intent))); d != "" {
			t.Errorf("%s, acknowledged %s, %s in doubt (-want +got):\n%s", c.row, c.standing, c.intent.Action, d)
		}
	}
}

// What drift found is what is there: it is undone, and nothing else is sent. Of an
// account that is gone another is made, if one is wanted; whoever is to be out is
// deactivated all the same.
func TestTableWithDrift(t *testing.T) {
	t.Parallel()
	gone := map[string]any{ledger.DriftAccount: nil}
	for _, c := range []struct {
		row      string
		standing ledger.Standing
		drift    map[string]any
		want     said
	}{
		{"active", ledger.Live, map[string]any{"title": "Boss"}, sends(plan.Update, setTitle)},
		{"active", ledger.Live, map[string]any{"title": nil}, sends(plan.Update, resource.Op{Op: "add", Path: "title", Value: "Engineer"})},
		{"not known", ledger.Live, map[string]any{"title": "Boss"}, sends(plan.Update, setTitle)},
		{"active", ledger.Live, map[string]any{"active": false}, sends(plan.Reactivate, activate)},
		{"active", ledger.Live, map[string]any{"active": false, "title": "Boss"}, sends(plan.Reactivate, activate, setTitle)},
		{"not known", ledger.Live, map[string]any{"active": false}, said{}},
		{"has left", ledger.Live, map[string]any{"active": false}, said{}},
		{"inactive", ledger.Suspended, map[string]any{"active": true}, sends(plan.Deactivate, inactivate)},
		{"has left", ledger.Left, map[string]any{"active": true}, sends(plan.Deactivate, inactivate)},
		{"active", ledger.Live, gone, said{Next: Find}},
		{"not known", ledger.Live, gone, said{}},
		{"inactive", ledger.Live, gone, sends(plan.Deactivate, inactivate)},
		{"has left", ledger.Live, gone, sends(plan.Deactivate, inactivate)},
	} {
		e := entry(c.standing, "Engineer")
		e.Drift = c.drift
		if d := cmp.Diff(c.want, decide(person(c.row, e.There(), nil))); d != "" {
			t.Errorf("%s, acknowledged %s, drifted to %v (-want +got):\n%s", c.row, c.standing, c.drift, d)
		}
	}
}

// What an account keeps when it is adopted is known to differ from what is wanted.
func TestAdoptedKeepsItsOwn(t *testing.T) {
	t.Parallel()
	found := &plan.Found{ID: "r7", ExternalID: "1", Active: record.True, By: "externalId",
		Body: map[string]any{"id": "r7", "externalId": "1", "userName": "ADA", "title": "Boss"}}
	for values, want := range map[Values]map[string]any{FillValues: {"title": "Boss"}, KeepValues: {"title": "Boss"}, OverwriteValues: {}} {
		change, err := Adopt(create(person("active", nil, nil), wanted("Engineer")), found, Adoption{Values: values}, resource.RFC7643())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, change.Echo); d != "" {
			t.Errorf("values %d (-want +got):\n%s", values, d)
		}
	}
}

// Leavers who keep their accounts keep their doubts as well: they may come back.
func TestDoubtsOfKeptLeavers(t *testing.T) {
	t.Parallel()
	in := person("has left", entry(ledger.Live, "Engineer"), intent(plan.Update, map[string]any{"title": "Clerk"}))
	in.Leavers = KeepLeavers
	if got := decide(in); got.Next != Keep {
		t.Errorf("%+v", got)
	}
}

// A deactivated account keeps what it last held, so that a return needs only what
// changed meanwhile; and the change tells why the person goes.
func TestDeactivateKeepsWhatWasHeld(t *testing.T) {
	t.Parallel()
	for row, left := range map[string]bool{"inactive": false, "has left": true} {
		in := person(row, entry(ledger.Live, "Clerk"), nil)
		in.Fate = plan.FateRemoved
		_, c := Person(in)
		if c.Left != left || c.RemoteID != "r1" || c.Fate != plan.FateRemoved {
			t.Errorf("%s: %+v", row, c)
		}
		if d := cmp.Diff(in.Entry.Resource, c.Want.Resource); d != "" {
			t.Errorf("%s: what is held changes (-want +got):\n%s", row, d)
		}
		if d := cmp.Diff([]map[string]any{{"active": true}, {"active": false}}, []map[string]any{c.Before, c.After}); d != "" {
			t.Errorf("%s:\n%s", row, d)
		}
	}
}

// A path that is managed no more is left alone; one whose value went is removed.
func TestUpdateRemovesOnlyWhatIsManaged(t *testing.T) {
	t.Parallel()
	in := person("active", entry(ledger.Live, "Clerk"), nil)
	in.Want.Resource = resource.New(map[string]any{"externalId": "1", "userName": "ada"})
	if d := cmp.Diff(sends(plan.Update, resource.Op{Op: "remove", Path: "title"}), decide(in)); d != "" {
		t.Errorf("managed:\n%s", d)
	}
	in.Want.Managed = []string{"externalId", "userName"}
	if d := cmp.Diff(said{}, decide(in)); d != "" {
		t.Errorf("not managed any more:\n%s", d)
	}
}

// Renames are told apart: the login in another case is none, the anchor is one.
func TestRenameIsTold(t *testing.T) {
	t.Parallel()
	for want, rename := range map[[2]string]bool{{"ADA", "1"}: false, {"eva", "1"}: true, {"ada", "2"}: true, {"ada", "1"}: false} {
		for _, standing := range []ledger.Standing{ledger.Live, ledger.Suspended} {
			in := person("active", entry(standing, "Clerk"), nil)
			in.Want.Resource = resource.New(map[string]any{"externalId": want[1], "userName": want[0], "title": "Engineer"})
			_, c := Person(in)
			if c.Rename != rename {
				t.Errorf("%v, %s: rename is %v", want, standing, c.Rename)
			}
		}
	}
}

// Somebody who comes back gets the account that they had, also where the service takes no
// externalId and does not say that it is still there until it is asked.
func TestAdoptOwnOfBefore(t *testing.T) {
	t.Parallel()
	_, create := Person(person("active", entry(ledger.Gone, "Engineer"), nil))
	found := func(id, externalID string) *plan.Found {
		return &plan.Found{ID: id, ExternalID: externalID, Active: record.False, By: "userName", Body: map[string]any{"id": id, "userName": "ada", "title": "Clerk"}}
	}
	for _, externalID := range []string{"", "1"} {
		c, err := Adopt(create, found("r1", externalID), Adoption{Never: true}, resource.RFC7643())
		if err != nil || !c.Mine || c.After["active"] != true || c.After["title"] != "Engineer" {
			t.Errorf("%+v, %v", c, err)
		}
	}
	for _, f := range []*plan.Found{found("r2", ""), found("r1", "2")} {
		if c, err := Adopt(create, f, Adoption{}, resource.RFC7643()); err == nil {
			t.Errorf("account %s of %q: %+v", f.ID, f.ExternalID, c)
		}
	}
}

// An account is adopted only if it is this person's, or nobody's and in use.
func TestAdopt(t *testing.T) {
	t.Parallel()
	found := func(externalID string, active record.Tri, title any) *plan.Found {
		body := map[string]any{"id": "r7", "userName": "ADA", "nickName": "kept"}
		if title != nil {
			body["title"] = title
		}
		if externalID != "" {
			body["externalId"] = externalID
		}
		return &plan.Found{ID: "r7", UserName: "ADA", ExternalID: externalID, Active: active, By: "userName", Body: body}
	}
	addAnchor := resource.Op{Op: "add", Path: "externalId", Value: "1"}
	for name, c := range map[string]struct {
		found *plan.Found
		how   Adoption
		mine  bool
		ops   []resource.Op
		err   bool
	}{
		"ours":                      {found("1", record.True, "Clerk"), Adoption{}, true, nil, false},
		"ours, never":               {found("1", record.True, "Clerk"), Adoption{Never: true}, true, nil, false},
		"ours, inactive":            {found("1", record.False, "Clerk"), Adoption{}, true, []resource.Op{activate}, false},
		"ours, a value short":       {found("1", record.True, nil), Adoption{}, true, []resource.Op{{Op: "add", Path: "title", Value: "Engineer"}}, false},
		"ours, to be overwritten":   {found("1", record.True, "Clerk"), Adoption{Values: OverwriteValues}, true, []resource.Op{setTitle}, false},
		"ours, to be kept":          {found("1", record.True, nil), Adoption{Values: KeepValues}, true, nil, false},
		"nobody's":                  {found("", record.True, "Clerk"), Adoption{}, false, []resource.Op{addAnchor}, false},
		"nobody's, freely":          {found("", record.True, "Clerk"), Adoption{Free: true}, true, []resource.Op{addAnchor}, false},
		"nobody's, never":           {found("", record.True, "Clerk"), Adoption{Never: true}, false, nil, true},
		"nobody's, inactive":        {found("", record.False, "Clerk"), Adoption{}, false, nil, true},
		"somebody else's":           {found("2", record.True, "Clerk"), Adoption{Free: true}, false, nil, true},
		"somebody else's, inactive": {found("2", record.False, "Clerk"), Adoption{Free: true}, false, nil, true},
	} {
		_, create := Person(person("active", nil, nil))
		digest := create.Digest()
		change, err := Adopt(create, c.found, c.how, resource.RFC7643())
		if (err != nil) != c.err {
			t.Errorf("%s: error %v", name, err)
			continue
		}
		if err != nil {
			continue
		}
		if change.Action != plan.Adopt || change.RemoteID != "r7" || change.Mine != c.mine || change.Digest() == digest {
			t.Errorf("%s: %+v", name, change)
		}
		if d := cmp.Diff(c.ops, change.Ops); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// A create in doubt whose person left: if it did make an account, that is deactivated, and
// looked at in the next run where leavers are deleted.
func TestLeftInDoubt(t *testing.T) {
	t.Parallel()
	for leavers, again := range map[Leavers]bool{DeactivateLeavers: false, KeepLeavers: false, DeleteLeavers: true} {
		for row, left := range map[string]bool{"inactive": false, "has left": true} {
			in := person(row, nil, intent(plan.Create, values("Clerk")))
			in.Leavers, in.Fate = leavers, plan.FateGone
			next, create := Person(in)
			create.Doubt.Since = time.Unix(1, 0)
			if next != FindLeft || create.Want.Text("title") != "Clerk" {
				t.Fatalf("%s: %v, %+v", row, next, create)
			}
			c := Left(create, &plan.Found{ID: "r7", ExternalID: "1"})
			if c.RemoteID != "r7" || c.Left != left || c.Fate != plan.FateGone || c.NextRun != (again && left) || !c.Doubt.Sent || !c.Doubt.Since.IsZero() || c.Doubt.Maybe != nil {
				t.Errorf("%s, leavers %d: %+v", row, leavers, c)
			}
			if d := cmp.Diff([]resource.Op{inactivate}, c.Ops); d != "" {
				t.Errorf("%s:\n%s", row, d)
			}
		}
	}
}

// String keeps failures readable.
func (n Next) String() string {
	return [...]string{"nothing", "send", "find", "find left", "wait", "keep"}[n]
}
