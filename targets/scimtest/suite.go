package scimtest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
	"scimsync/targets/scim"
)

// Run drives a scim.Target through the life of accounts and looks at what the server
// holds in the end. newServer starts an empty server and says how it is reached.
func Run(t *testing.T, newServer func(*testing.T) scim.Options) {
	for _, part := range []struct {
		name string
		run  func(*suite)
	}{
		{"ping", (*suite).ping},
		{"create and find", (*suite).createAndFind},
		{"find awkward values", (*suite).awkward},
		{"a second account for a login", (*suite).taken},
		{"update", (*suite).update},
		{"deactivate and reactivate", (*suite).deactivate},
		{"delete", (*suite).remove},
		{"list", (*suite).list},
	} {
		t.Run(part.name, func(t *testing.T) {
			target, ctx := reach(t, newServer)
			part.run(&suite{T: t, target: target, ctx: ctx})
		})
	}
}

// reach gives a target on a server of its own, and a minute.
func reach(t *testing.T, newServer func(*testing.T) scim.Options) (*scim.Target, context.Context) {
	t.Helper()
	target, err := scim.New(newServer(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(target.Close)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return target, ctx
}

type suite struct {
	*testing.T
	target *scim.Target
	ctx    context.Context
	sent   int
}

// Person is what a target should hold for the n-th sample person.
func Person(n int) resource.Wanted {
	login := fmt.Sprintf("person%04d@example.org", n)
	values := map[string]any{
		"externalId":                           fmt.Sprintf("anchor-%04d", n),
		"userName":                             login,
		"name.givenName":                       "Zoë",
		"name.familyName":                      fmt.Sprintf("Sample %d", n),
		"displayName":                          fmt.Sprintf("Zoë Sample %d", n),
		`emails[type eq "work"].value`:         login,
		`emails[type eq "work"].primary`:       true,
		resource.EnterpriseURN + ":department": "Sales",
	}
	w := resource.Wanted{Resource: resource.New(values)}
	for _, a := range w.Attrs {
		w.Managed = append(w.Managed, a.Path)
	}
	return w
}

// Create is the change that creates an account.
func Create(want resource.Wanted) *plan.Change {
	return &plan.Change{Action: plan.Create, Kind: "user", Want: want,
		Key: record.Key{Kind: record.User, Source: "test", ID: want.Text("externalId")}}
}

// Change is a change of an account that exists.
func Change(action plan.Action, id string, ops ...resource.Op) *plan.Change {
	return &plan.Change{Action: action, Kind: "user", RemoteID: id, Ops: ops,
		Key: record.Key{Kind: record.User, Source: "test", ID: id}}
}

func (s *suite) apply(change *plan.Change, want plan.Verdict) plan.Result {
	s.Helper()
	s.sent++
	r := s.target.Apply(s.ctx, change, fmt.Sprintf("suite-%d", s.sent))
	if r.Verdict != want {
		s.Fatalf("%s: verdict %d, want %d: %v", change, r.Verdict, want, r.Err)
	}
	if (r.Err == nil) != (want == plan.Done) {
		s.Fatalf("%s: verdict %d with error %v", change, r.Verdict, r.Err)
	}
	return r
}

// create makes an account and gives its id.
func (s *suite) create(want resource.Wanted) string {
	s.Helper()
	ack := s.apply(Create(want), plan.Done).Ack
	if ack.RemoteID == "" {
		s.Fatal("a create without an id is not done")
	}
	if ack.Shown != nil {
		if drift := resource.Drift(ack.Shown.Body, want.Resource, s.target.Shape()); len(drift) > 0 {
			s.Errorf("the answer shows %v instead of what was sent", drift)
		}
	}
	return ack.RemoteID
}

// asSent wants an account to be, by its id, what was sent.
func (s *suite) asSent(id string, want resource.Resource) {
	s.Helper()
	found, err := s.target.Get(s.ctx, id)
	if err != nil || found == nil {
		s.Fatalf("read account %s: %+v, error %v", id, found, err)
	}
	if drift := resource.Drift(found.Body, want, s.target.Shape()); found.ID != id || len(drift) > 0 {
		s.Errorf("read account %s: it is %s, with %v", id, found.ID, drift)
	}
}

// only finds the one account that is wanted.
func (s *suite) only(want resource.Resource) plan.Found {
	s.Helper()
	found, err := s.target.Find(s.ctx, want)
	if err != nil {
		s.Fatal(err)
	}
	if len(found) != 1 {
		s.Fatalf("found %d accounts, want 1: %+v", len(found), found)
	}
	return found[0]
}

func (s *suite) holds(found plan.Found, want map[string]string) {
	s.Helper()
	for path, text := range want {
		if got := dig(found.Body, path); got != text {
			s.Errorf("%s is %s, want %s", path, got, text)
		}
	}
}

// dig gives the JSON of the value at a path of member names and, in lists, types.
func dig(v any, path string) string {
	for _, name := range strings.Split(path, "/") {
		switch at := v.(type) {
		case map[string]any:
			v = at[name]
		case []any:
			v = nil
			for _, item := range at {
				if element, ok := item.(map[string]any); ok && element["type"] == name {
					v = element
				}
			}
		default:
			v = nil
		}
	}
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func (s *suite) ping() {
	if err := s.target.Ping(s.ctx); err != nil {
		s.Error(err)
	}
}

func (s *suite) createAndFind() {
	want := Person(1)
	want.Once = []resource.Once{{Attr: resource.Attr{Path: "locale", Value: "de-CH"}, When: resource.OnlyCreate}}
	if found, err := s.target.Find(s.ctx, want.Resource); err != nil || len(found) != 0 {
		s.Fatalf("before the create: %d accounts, error %v", len(found), err)
	}
	id := s.create(want)
	s.create(Person(2))
	s.asSent(id, want.Resource)
	keys := map[string]map[string]any{
		"externalId": {"externalId": "anchor-0001", "userName": "someone.else@example.org"},
		"userName":   {"externalId": "another", "userName": "PERSON0001@Example.ORG"},
		"email":      {"externalId": "another", "userName": "another", "emails": []resource.Element{{"type": "work", "value": "person0001@example.org"}}},
	}
	for by, values := range keys {
		found := s.only(resource.New(values))
		if found.ID != id || found.By != by {
			s.Errorf("by %s: found %s by %s, want %s", by, found.ID, found.By, id)
		}
		if found.ExternalID != "anchor-0001" || found.UserName != "person0001@example.org" || found.Active != record.True {
			s.Errorf("by %s: found %+v", by, found)
		}
		s.holds(found, map[string]string{
			"userName":                             "\"person0001@example.org\"",
			"name/familyName":                      `"Sample 1"`,
			"name/givenName":                       `"Zoë"`,
			"locale":                               `"de-CH"`,
			"active":                               "true",
			"emails/work/value":                    `"person0001@example.org"`,
			"emails/work/primary":                  "true",
			resource.EnterpriseURN + "/department": `"Sales"`,
		})
	}
	if found, err := s.target.Find(s.ctx, Person(3).Resource); err != nil || len(found) != 0 {
		s.Errorf("somebody else: %d accounts, error %v", len(found), err)
	}
}

func (s *suite) awkward() {
	for i, login := range []string{"plus+tag@example.org", "a&b=c#d%25@example.org", "mit leerzeichen", "grüße-ñ-漢@example.org",
		"o'neil@example.org", "semi;colon,comma", `quo"te@example.org`, `back\slash@example.org`, "plain@example.org"} {
		want := resource.Wanted{Resource: resource.New(map[string]any{"externalId": fmt.Sprintf("a %d+/=", i), "userName": login})}
		id := s.create(want)
		if found := s.only(want.Resource); found.ID != id || found.By != "externalId" {
			s.Errorf("%q: found %+v", want.Text("externalId"), found)
		}
		found, err := s.target.Find(s.ctx, resource.New(map[string]any{"userName": login}))
		if err != nil && strings.ContainsAny(login, `"\`) {
			continue // a server may refuse such a filter, but not answer it wrongly
		}
		if err != nil || len(found) != 1 || found[0].ID != id || found[0].By != "userName" {
			s.Errorf("%q: found %+v, error %v", login, found, err)
		}
	}
}

func (s *suite) taken() {
	s.create(Person(1))
	again := Person(1)
	again.Resource = resource.New(map[string]any{"externalId": "someone-else", "userName": "PERSON0001@example.org"})
	s.apply(Create(again), plan.Taken)
	s.create(Person(2))
	found := s.only(Person(2).Resource)
	r := s.apply(Change(plan.Update, found.ID, resource.Op{Op: "replace", Path: "userName", Value: "person0001@example.org"}), plan.Park)
	s.Log(r.Err)
	s.holds(s.only(Person(2).Resource), map[string]string{"userName": `"person0002@example.org"`})
}

func (s *suite) update() {
	id := s.create(Person(1))
	r := s.apply(Change(plan.Update, id,
		resource.Op{Op: "replace", Path: "name.familyName", Value: "Changed"},
		resource.Op{Op: "add", Path: "title", Value: "Head of <R&D>"},
		resource.Op{Op: "remove", Path: "displayName"},
		resource.Op{Op: "replace", Path: `emails[type eq "work"].value`, Value: "new@example.org"},
		resource.Op{Op: "add", Path: "phoneNumbers", Value: []map[string]any{{"type": "mobile", "value": "+41 44 123 45 67"}}},
		resource.Op{Op: "replace", Path: resource.EnterpriseURN + ":department", Value: "Research"},
		resource.Op{Op: "add", Path: resource.EnterpriseURN + ":costCenter", Value: "0042"},
	), plan.Done)
	if r.Ack.RemoteID != id {
		s.Errorf("acknowledged %q, want %q", r.Ack.RemoteID, id)
	}
	s.holds(s.only(Person(1).Resource), map[string]string{
		"userName":                             "\"person0001@example.org\"",
		"name/familyName":                      `"Changed"`,
		"name/givenName":                       `"Zoë"`,
		"title":                                `"Head of \u003cR\u0026D\u003e"`,
		"displayName":                          "null",
		"active":                               "true",
		"emails/work/value":                    `"new@example.org"`,
		"phoneNumbers/mobile/value":            `"+41 44 123 45 67"`,
		resource.EnterpriseURN + "/department": `"Research"`,
		resource.EnterpriseURN + "/costCenter": `"0042"`,
	})
	s.apply(Change(plan.Update, id, resource.Op{Op: "remove", Path: `emails[type eq "work"]`}), plan.Done)
	s.apply(Change(plan.Update, id, resource.Op{Op: "remove", Path: `emails[type eq "work"]`}), plan.Done)
	s.apply(Change(plan.Update, "no-such-account", resource.Op{Op: "replace", Path: "title", Value: "x"}), plan.Vanished)
	s.apply(Change(plan.Adopt, id), plan.Done)
	s.holds(s.only(Person(1).Resource), map[string]string{"emails/work": "null", "title": `"Head of \u003cR\u0026D\u003e"`})
}

func (s *suite) deactivate() {
	id := s.create(Person(1))
	for range 2 { // a repeated request does no harm
		s.apply(Change(plan.Deactivate, id), plan.Done)
		if found := s.only(Person(1).Resource); found.Active != record.False {
			s.Errorf("after deactivate: %+v", found)
		}
	}
	s.apply(Change(plan.Reactivate, id,
		resource.Op{Op: "replace", Path: "active", Value: true},
		resource.Op{Op: "replace", Path: "name.familyName", Value: "Back"}), plan.Done)
	found := s.only(Person(1).Resource)
	if found.Active != record.True || found.ID != id {
		s.Errorf("after reactivate: %+v", found)
	}
	s.holds(found, map[string]string{"name/familyName": `"Back"`, "name/givenName": `"Zoë"`})
}

func (s *suite) remove() {
	id := s.create(Person(1))
	s.create(Person(2))
	s.apply(Change(plan.Delete, id), plan.Done)
	s.apply(Change(plan.Delete, id), plan.Done)
	s.apply(Change(plan.Deactivate, id), plan.Vanished)
	if found, err := s.target.Get(s.ctx, id); err != nil || found != nil {
		s.Errorf("after delete: read %+v, error %v", found, err)
	}
	if found, err := s.target.Find(s.ctx, Person(1).Resource); err != nil || len(found) != 0 {
		s.Errorf("after delete: %d accounts, error %v", len(found), err)
	}
	s.only(Person(2).Resource)
	if again := s.create(Person(1)); again == id {
		s.Error("a deleted account's id came back")
	}
}

func (s *suite) list() {
	made := map[string]bool{}
	for _, total := range []int{0, 1, 99, 100, 101, 230} {
		for len(made) < total {
			made[s.create(Person(len(made)+1))] = true
		}
		accounts, requests, err := s.target.Count(s.ctx)
		if err != nil || accounts != total || requests < 1 || requests > total/20+2 {
			s.Errorf("%d accounts: counted %d in %d requests, error %v", total, accounts, requests, err)
		}
		seen := map[string]bool{}
		complete, err := s.target.List(s.ctx, func(f plan.Found) error {
			if seen[f.ID] || !made[f.ID] || f.Active != record.True || f.Body["userName"] != f.UserName {
				s.Errorf("%d accounts: listed %+v", total, f)
			}
			seen[f.ID] = true
			return nil
		})
		if err != nil || !complete || len(seen) != total {
			s.Errorf("%d accounts: listed %d, complete %t, error %v", total, len(seen), complete, err)
		}
	}
}
