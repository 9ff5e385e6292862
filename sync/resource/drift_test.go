package resource

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// What differs by the schema's rules at the paths that were pushed is drift, and
// nothing else.
func TestDrift(t *testing.T) {
	t.Parallel()
	const department = `"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"`
	own := func(path string) map[string]bool { return map[string]bool{path: true} }
	for name, c := range map[string]struct {
		pushed, body, want string
		own                map[string]bool
	}{
		"the same":            {`"title": "Clerk"`, `{"title": "Clerk"}`, ``, nil},
		"other case":          {`"title": "Clerk", "userName": "ada"`, `{"TITLE": "CLERK", "userName": "ADA"}`, ``, nil},
		"case that counts":    {`"externalId": "a1", "timezone": "Europe/Zurich"`, `{"externalId": "A1", "timezone": "europe/zurich"}`, `"externalId": "A1", "timezone": "europe/zurich"`, nil},
		"changed":             {`"title": "Clerk", "nickName": "Al"`, `{"title": "Boss", "nickName": "Al"}`, `"title": "Boss"`, nil},
		"cleared":             {`"title": "Clerk"`, `{}`, `"title": null`, nil},
		"cleared, emptied":    {`"title": "Clerk"`, `{"title": ""}`, `"title": null`, nil},
		"not pushed":          {`"title": "Clerk"`, `{"title": "Clerk", "nickName": "Al", "name": {"givenName": "Al"}}`, ``, nil},
		"a part":              {`"name.givenName": "Ada", "name.familyName": "L"`, `{"name": {"givenName": "Eva", "familyName": "l", "formatted": "x"}}`, `"name.givenName": "Eva"`, nil},
		"an extension":        {department + `: "IT"`, `{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "HR"}}`, department + `: "HR"`, nil},
		"an extension, gone":  {department + `: "IT"`, `{}`, department + `: null`, nil},
		"a text for a truth":  {`"emails[type eq \"work\"].value": "a@x", "emails[type eq \"work\"].primary": true`, `{"emails": [{"type": "work", "value": "a@x", "primary": "True"}]}`, ``, nil},
		"primary, no more":    {`"emails[type eq \"work\"].value": "a@x", "emails[type eq \"work\"].primary": true`, `{"emails": [{"type": "work", "value": "A@x"}]}`, `"emails[type eq \"work\"].primary": null`, nil},
		"not primary, unsaid": {`"emails[type eq \"work\"].value": "a@x", "emails[type eq \"work\"].primary": false`, `{"emails": [{"type": "work", "value": "a@x"}]}`, ``, nil},

		"element, changed":          {workValue + `: "a@x"`, `{"emails": [{"type": "work", "value": "b@x"}]}`, workValue + `: "b@x"`, nil},
		"element, gone":             {workValue + `: "a@x"`, `{"emails": [{"type": "home", "value": "a@x"}]}`, workValue + `: null`, nil},
		"element, behind another":   {workValue + `: "a@x"`, `{"emails": [{"type": "work", "value": "b@x"}, {"type": "Work", "value": "A@x"}]}`, ``, nil},
		"element, without its part": {workValue + `: "a@x",` + workDisplay + `: "A"`, `{"emails": [{"type": "work", "display": "A", "value": "b@x"}, {"type": "work", "value": "a@x"}]}`, workDisplay + `: null`, nil},
		"element, no types shown":   {workValue + `: "a@x"`, `{"emails": [{"value": "b@x"}, {"value": "a@x"}]}`, ``, nil},
		"no types shown, changed":   {workValue + `: "a@x"`, `{"emails": ["b@x"]}`, workValue + `: "b@x"`, nil},
		"no types shown, which":     {workValue + `: "a@x"`, `{"emails": ["b@x", "c@x"]}`, workValue + `: null`, nil},

		"list, other order":     {`"roles": [{"value": "a"}, {"value": "b"}]`, `{"roles": [{"value": "b"}, {"value": "a"}]}`, ``, nil},
		"list, other case":      {`"emails": [{"type": "work", "value": "a@x"}]`, `{"emails": [{"type": "WORK", "value": "A@X", "display": "of the service"}]}`, ``, nil},
		"list, somebody else's": {`"roles": [{"value": "a"}]`, `{"roles": [{"value": "b"}, {"value": "a"}]}`, ``, nil},
		"list, ours is gone":    {`"roles": [{"value": "a"}, {"value": "b"}]`, `{"roles": [{"value": "b"}, {"value": "c"}]}`, `"roles": [{"value": "b"}]`, nil},
		"list, all gone":        {`"roles": [{"value": "a"}]`, `{"roles": [{"value": "c"}]}`, `"roles": null`, nil},
		"list, changed":         {`"phoneNumbers": [{"type": "work", "value": "1"}, {"type": "home", "value": "2"}]`, `{"phoneNumbers": [{"type": "home", "value": "2"}, {"type": "work", "value": "9", "display": "9"}]}`, `"phoneNumbers": [{"type": "home", "value": "2"}, {"type": "work", "value": "9"}]`, nil},
		"list, which of two":    {`"phoneNumbers": [{"type": "work", "value": "1"}]`, `{"phoneNumbers": [{"type": "work", "value": "8"}, {"type": "work", "value": "9"}]}`, `"phoneNumbers": null`, nil},
		"list, a part":          {`"emails": [{"type": "work", "value": "a@x", "primary": true, "display": "A"}]`, `{"emails": [{"type": "work", "value": "a@x", "display": "B"}]}`, `"emails": [{"type": "work", "value": "a@x", "display": "B"}]`, nil},
		"owned, other order":    {`"roles": [{"value": "a"}, {"value": "b"}]`, `{"roles": [{"value": "b"}, {"value": "a"}]}`, ``, own("roles")},
		"owned, somebody's":     {`"roles": [{"value": "a"}]`, `{"roles": [{"value": "b"}, {"value": "a"}]}`, `"roles": [{"value": "a"}, {"value": "b"}]`, own("roles")},
		"owned, somebody's of a type": {workValue + `: "a@x"`, `{"emails": [{"type": "work", "value": "a@x"}, {"type": "home", "value": "b@x"}]}`,
			`"emails": [{"type": "home", "value": "b@x"}]`, own("emails")},
		"owned, changed, and somebody's": {workValue + `: "a@x"`, `{"emails": [{"type": "work", "value": "c@x"}, {"type": "work", "value": "b@x"}]}`,
			workValue + `: "c@x", "emails": [{"type": "work", "value": "b@x"}]`, own("emails")},
	} {
		t.Run(name, func(t *testing.T) {
			shape := RFC7643()
			shape.Own = c.own
			got := Drift(decode(t, c.body), New(values(t, c.pushed)), shape)
			if d := cmp.Diff(values(t, c.want), got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// What is sent to an account and shown as it was sent has not drifted.
func TestWhatWasSentHasNotDrifted(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pushed := generate(t, "pushed")
		if got := Drift(foreign(viaJSON(t, pushed)), pushed, RFC7643()); len(got) > 0 {
			t.Fatalf("%v of %v", got, pushed)
		}
	})
}

// A list that is ours as a whole is mended as a whole.
func TestDriftOfOwnedListsIsMended(t *testing.T) {
	t.Parallel()
	shape := RFC7643()
	shape.Own = map[string]bool{"emails": true, "roles": true, "phoneNumbers": true, "addresses": true}
	rapid.Check(t, func(t *rapid.T) {
		pushed, there := generate(t, "pushed"), generate(t, "there")
		s := newServer(t, viaJSON(t, there))
		found := Drift(s.body, pushed, shape)
		if err := s.patch(Ops(pushed.With(found), Wanted{Resource: pushed, Managed: managed}, shape, nil).Ops); err != nil {
			t.Fatal(err)
		}
		if left := Drift(s.body, pushed, shape); len(left) > 0 {
			t.Fatalf("after the repair of %v there is %v", found, left)
		}
	})
}

// Whatever has drifted, the operations of a repair touch the drifted paths only, mend
// them, and leave what others put there alone.
func TestDriftIsMended(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pushed, there := generate(t, "pushed"), generate(t, "there")
		s := newServer(t, foreign(viaJSON(t, there)))
		found := Drift(s.body, pushed, RFC7643())
		edit := Ops(pushed.With(found), Wanted{Resource: pushed, Managed: managed}, RFC7643(), nil)
		for path := range edit.After {
			if _, drifted := found[path]; !drifted {
				t.Fatalf("%s has not drifted and is changed", path)
			}
		}
		if len(found) > 0 && edit.Empty() {
			t.Fatalf("%v drifted, and nothing is done", found)
		}
		if err := s.patch(edit.Ops); err != nil {
			t.Fatal(err)
		}
		if left := Drift(s.body, pushed, RFC7643()); len(left) > 0 {
			t.Fatalf("after the repair of %v there is %v", found, left)
		}
		checkForeign(t, s.body)
	})
}
