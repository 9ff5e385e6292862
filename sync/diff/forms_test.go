package diff

import (
	"slices"
	"strings"
	"testing"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/resource"
)

// What a service wants alone, the account's state too, goes alone.
func TestRequestsOfAChange(t *testing.T) {
	shape := resource.RFC7643()
	shape.Patch.Isolate = []string{"active", "userName"}
	for name, c := range map[string]struct {
		in    *Input
		parts []int
	}{
		"back":     {person("active", entry(ledger.Suspended, "Clerk"), nil), []int{1, 1}},
		"changed":  {person("active", entry(ledger.Live, "Clerk"), nil), nil},
		"gone":     {person("inactive", entry(ledger.Live, "Clerk"), nil), nil},
		"in doubt": {person("active", entry(ledger.Live, "Clerk"), intent(plan.Update, map[string]any{"userName": "adam", "title": "Clerk"})), []int{1, 1}},
	} {
		c.in.Shape = shape
		_, change := Person(c.in)
		if !slices.Equal(change.Parts, c.parts) {
			t.Errorf("%s: parts %v of %v, want %v", name, change.Parts, change.Ops, c.parts)
		}
	}
}

// An account that has as many values as the service takes, others than the person's, is
// neither filled nor overwritten.
func TestAdoptCrowded(t *testing.T) {
	const mail = `emails[type eq "work"].value`
	body := func(typ string) *plan.Found {
		return &plan.Found{ID: "r1", ExternalID: "1", By: "externalId", Body: map[string]any{"externalId": "1", "userName": "ada", "title": "Engineer",
			"emails": []any{map[string]any{"type": typ, "value": "ada@example.org"}}}}
	}
	for _, how := range []Values{FillValues, OverwriteValues, KeepValues} {
		in := person("active", nil, nil)
		in.Shape = resource.RFC7643()
		emails, _ := in.Shape.Find("", "emails")
		emails.MaxValues = 1
		held := values("Engineer")
		held[mail] = "ada@example.org"
		in.Want = resource.Wanted{Resource: resource.New(held), Managed: []string{mail, "externalId", "title", "userName"}}
		_, create := Person(in)
		if change, err := Adopt(create, body("work"), Adoption{Values: how}, in.Shape); err != nil || len(change.Ops) > 0 {
			t.Errorf("%d: %v, %v", how, change, err)
		}
		_, err := Adopt(create, body("home"), Adoption{Values: how}, in.Shape)
		if how == KeepValues {
			if err != nil {
				t.Errorf("nothing is sent, and yet: %v", err)
			}
		} else if err == nil || !strings.Contains(err.Error(), "other emails than this person's, and the service takes 1") {
			t.Errorf("%d: %v", how, err)
		}
	}
}
