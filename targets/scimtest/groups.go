package scimtest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
	"scimsync/targets/scim"
)

// RunGroups drives scim.Groups through the life of groups, and looks at what the server holds
// in the end. newServer starts an empty server and says how it is reached.
func RunGroups(t *testing.T, newServer func(*testing.T) scim.Options) {
	for _, part := range []struct {
		name string
		run  func(*groupSuite)
	}{
		{"create and find", (*groupSuite).createAndFind},
		{"a second group of a name", (*groupSuite).taken},
		{"rename", (*groupSuite).rename},
		{"delete", (*groupSuite).remove},
		{"list", (*groupSuite).list},
	} {
		t.Run(part.name, func(t *testing.T) {
			target, err := scim.New(newServer(t))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(target.Close)
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			t.Cleanup(cancel)
			if target.Groups() == nil {
				t.Fatal(target.NoGroups())
			}
			part.run(&groupSuite{T: t, people: target, groups: target.Groups(), ctx: ctx})
		})
	}
}

type groupSuite struct {
	*testing.T
	people *scim.Target
	groups *scim.Groups
	ctx    context.Context
	sent   int
}

// Group is what a target should hold for the n-th sample group.
func Group(n int) resource.Wanted {
	w := resource.Wanted{Resource: resource.New(map[string]any{
		"externalId": fmt.Sprintf("group-%04d", n), "displayName": fmt.Sprintf("app-sales, EMEA (%d)", n)})}
	for _, a := range w.Attrs {
		w.Managed = append(w.Managed, a.Path)
	}
	return w
}

// CreateGroup is the change that makes a group.
func CreateGroup(want resource.Wanted) *plan.Change {
	return &plan.Change{Action: plan.Create, Kind: "group", Want: want,
		Key: record.Key{Kind: record.Group, Source: "test", ID: want.Text("externalId")}}
}

// ChangeGroup is a change of a group that exists.
func ChangeGroup(action plan.Action, id string, ops ...resource.Op) *plan.Change {
	return &plan.Change{Action: action, Kind: "group", RemoteID: id, Ops: ops,
		Key: record.Key{Kind: record.Group, Source: "test", ID: id}}
}

func (s *groupSuite) apply(change *plan.Change, want plan.Verdict) plan.Result {
	s.Helper()
	s.sent++
	r := s.groups.Apply(s.ctx, change, fmt.Sprintf("suite-%d", s.sent))
	if r.Verdict != want {
		s.Fatalf("%s: verdict %d, want %d: %v", change, r.Verdict, want, r.Err)
	}
	return r
}

func (s *groupSuite) create(want resource.Wanted) string {
	s.Helper()
	return s.apply(CreateGroup(want), plan.Done).Ack.RemoteID
}

func (s *groupSuite) only(want resource.Resource) plan.Found {
	s.Helper()
	found, err := s.groups.Find(s.ctx, want)
	if err != nil || len(found) != 1 {
		s.Fatalf("found %d groups, want 1: %+v, error %v", len(found), found, err)
	}
	return found[0]
}

func (s *groupSuite) createAndFind() {
	want := Group(1)
	if found, err := s.groups.Find(s.ctx, want.Resource); err != nil || len(found) != 0 {
		s.Fatalf("before the create: %d groups, error %v", len(found), err)
	}
	id := s.create(want)
	s.create(Group(2))
	for by, values := range map[string]map[string]any{
		plan.MatchExternalID:  {"externalId": "group-0001", "displayName": "another"},
		plan.MatchDisplayName: {"externalId": "another", "displayName": "APP-sales, emea (1)"},
	} {
		found := s.only(resource.New(values))
		if found.ID != id || found.By != by || found.ExternalID != "group-0001" || found.Body["displayName"] != want.Text("displayName") {
			s.Errorf("by %s: found %+v", by, found)
		}
	}
	if found, err := s.groups.Find(s.ctx, Group(3).Resource); err != nil || len(found) != 0 {
		s.Errorf("another group: %d, error %v", len(found), err)
	}
	found, err := s.groups.Get(s.ctx, id)
	if err != nil || found == nil || found.ID != id || found.Body["displayName"] != want.Text("displayName") {
		s.Errorf("read: %+v, error %v", found, err)
	}
	if found, err := s.people.Find(s.ctx, Person(1).Resource); err != nil || len(found) != 0 {
		s.Errorf("there are %d accounts, error %v", len(found), err)
	}
}

func (s *groupSuite) taken() {
	s.create(Group(1))
	s.create(Group(2))
	found := s.only(Group(2).Resource)
	again := Group(1)
	again.Resource = resource.New(map[string]any{"externalId": "someone-else", "displayName": again.Text("displayName")})
	r := s.groups.Apply(s.ctx, CreateGroup(again), "taken-1")
	switch r.Verdict {
	case plan.Taken: // most services want a name to be unique
		s.apply(ChangeGroup(plan.Update, found.ID, resource.Op{Op: "replace", Path: "displayName", Value: again.Text("displayName")}), plan.Park)
	case plan.Done: // RFC 7643 section 4.2 does not
		if both, err := s.groups.Find(s.ctx, resource.New(map[string]any{"displayName": again.Text("displayName")})); err != nil || len(both) != 2 {
			s.Errorf("of two groups of one name %d are found, error %v", len(both), err)
		}
	default:
		s.Errorf("verdict %d: %v", r.Verdict, r.Err)
	}
}

func (s *groupSuite) rename() {
	id := s.create(Group(1))
	r := s.apply(ChangeGroup(plan.Update, id, resource.Op{Op: "replace", Path: "displayName", Value: "app-<new> & better"}), plan.Done)
	if r.Ack.RemoteID != id {
		s.Errorf("acknowledged %q, want %q", r.Ack.RemoteID, id)
	}
	found := s.only(resource.New(map[string]any{"externalId": "group-0001"}))
	if found.ID != id || found.Body["displayName"] != "app-<new> & better" {
		s.Errorf("after the renaming: %+v", found)
	}
	s.apply(ChangeGroup(plan.Adopt, id), plan.Done)
	s.apply(ChangeGroup(plan.Update, "no-such-group", resource.Op{Op: "replace", Path: "displayName", Value: "x"}), plan.Vanished)
}

func (s *groupSuite) remove() {
	id := s.create(Group(1))
	s.create(Group(2))
	s.apply(ChangeGroup(plan.Delete, id), plan.Done)
	s.apply(ChangeGroup(plan.Delete, id), plan.Done)
	if found, err := s.groups.Get(s.ctx, id); err != nil || found != nil {
		s.Errorf("after delete: read %+v, error %v", found, err)
	}
	s.only(Group(2).Resource)
}

func (s *groupSuite) list() {
	made := map[string]bool{}
	for _, total := range []int{0, 1, 130} {
		for len(made) < total {
			made[s.create(Group(len(made)+1))] = true
		}
		groups, requests, err := s.groups.Count(s.ctx)
		if err != nil || groups != total || requests < 1 || requests > total/20+2 {
			s.Errorf("%d groups: counted %d in %d requests, error %v", total, groups, requests, err)
		}
		seen := map[string]bool{}
		complete, err := s.groups.List(s.ctx, func(f plan.Found) error {
			if seen[f.ID] || !made[f.ID] {
				s.Errorf("%d groups: listed %+v", total, f)
			}
			seen[f.ID] = true
			return nil
		})
		if err != nil || !complete || len(seen) != total {
			s.Errorf("%d groups: listed %d, complete %t, error %v", total, len(seen), complete, err)
		}
	}
}
