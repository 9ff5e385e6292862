package scimtest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

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
		{"members", (*groupSuite).members},
		{"an unknown member", (*groupSuite).unknownMember},
		{"many members", (*groupSuite).manyMembers},
		{"groups as members", (*groupSuite).nested},
	} {
		t.Run(part.name, func(t *testing.T) {
			target, ctx := reach(t, newServer)
			if target.Groups() == nil {
				t.Fatal(target.NoGroups())
			}
			part.run(&groupSuite{T: t, people: target, groups: target.Groups(), ctx: ctx, in: map[string]map[string]bool{}})
		})
	}
}

type groupSuite struct {
	*testing.T
	people *scim.Target
	groups *scim.Groups
	ctx    context.Context
	sent   int
	in     map[string]map[string]bool // by group: who was put there
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

// Member is a change of one member of a group; of is how many it has.
func Member(action plan.Action, group, member string, of int) *plan.Change {
	return &plan.Change{Action: action, Kind: plan.KindMember, RemoteID: group, Key: record.Key{Kind: record.Group, Source: "test", ID: group},
		Member: &plan.Member{Key: record.Key{Kind: record.User, Source: "test", ID: member}, RemoteID: member, Of: of}}
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

// move puts members into a group, or takes them out, as many in a request as it takes, and
// halves what is refused. It gives those that are refused by themselves.
func (s *groupSuite) move(changes ...*plan.Change) (refused []string) {
	s.Helper()
	for pack := range slices.Chunk(changes, s.groups.Bulk().Ops) {
		refused = append(refused, s.moveSome(pack)...)
	}
	return refused
}

func (s *groupSuite) moveSome(changes []*plan.Change) (refused []string) {
	s.Helper()
	s.sent++
	results, whole := s.groups.ApplyAll(s.ctx, changes, fmt.Sprintf("suite-%d", s.sent))
	if whole && results[0].Verdict == plan.Apart {
		half := len(changes) / 2
		return append(s.moveSome(changes[:half]), s.moveSome(changes[half:])...)
	}
	for i, r := range results {
		switch change := changes[i]; r.Verdict {
		case plan.Done:
			if s.in[change.RemoteID] == nil {
				s.in[change.RemoteID] = map[string]bool{}
			}
			if change.Action == plan.AddMember {
				s.in[change.RemoteID][change.Member.RemoteID] = true
			} else {
				delete(s.in[change.RemoteID], change.Member.RemoteID)
			}
		case plan.Park:
			refused = append(refused, change.Member.RemoteID)
		default:
			s.Fatalf("%s: verdict %d: %v", change, r.Verdict, r.Err)
		}
	}
	return refused
}

func (s *groupSuite) each(action plan.Action, group string, members ...string) (changes []*plan.Change) {
	for _, id := range members {
		changes = append(changes, Member(action, group, id, len(s.in[group])))
	}
	return changes
}

// holdsMembers wants the server to show exactly those in a group who were put there.
func (s *groupSuite) holdsMembers(group string) {
	s.Helper()
	a, err := s.groups.Raw(s.ctx, scim.Request{Method: "GET", Path: "/Groups/" + group})
	if err != nil {
		s.Fatal(err)
	}
	var body struct{ Members []struct{ Value string } }
	if err := json.Unmarshal(a.Body, &body); err != nil {
		s.Fatal(err)
	}
	for _, m := range body.Members {
		if !s.in[group][m.Value] {
			s.Errorf("%s is in the group, or is there twice", m.Value)
		}
		delete(s.in[group], m.Value)
	}
	for id := range s.in[group] {
		s.Errorf("%s is not in the group", id)
	}
}

// crowd makes so many people and gives their ids.
func (s *groupSuite) crowd(n int) (ids []string) {
	s.Helper()
	for i := range n {
		s.sent++
		r := s.people.Apply(s.ctx, Create(Person(i)), fmt.Sprintf("suite-%d", s.sent))
		if r.Verdict != plan.Done {
			s.Fatal(r.Err)
		}
		ids = append(ids, r.Ack.RemoteID)
	}
	return ids
}

func (s *groupSuite) members() {
	people := s.crowd(8)
	one, other := s.create(Group(1)), s.create(Group(2))
	s.move(s.each(plan.AddMember, one, people...)...)
	s.move(s.each(plan.AddMember, other, people[0], people[1])...)
	s.move(s.each(plan.RemoveMember, one, people[0], people[1], people[2], people[3])...)
	s.move(append(s.each(plan.AddMember, one, people[0]), s.each(plan.RemoveMember, one, people[4], people[5])...)...)
	again := s.each(plan.AddMember, one, people[0], people[6]) // as after a lost answer
	for _, change := range again {
		change.Doubt.Sent = true
	}
	s.move(again...)
	s.apply(ChangeGroup(plan.Update, one, resource.Op{Op: "replace", Path: "displayName", Value: "app-renamed"}), plan.Done)
	s.holdsMembers(one)
	s.holdsMembers(other)
	if gone := s.groups.Apply(s.ctx, Member(plan.AddMember, "no-such-group", people[0], 0), "gone-1"); gone.Verdict != plan.Vanished {
		s.Errorf("a group that is not there: verdict %d: %v", gone.Verdict, gone.Err)
	}
}

func (s *groupSuite) unknownMember() {
	people := s.crowd(6)
	group := s.create(Group(1))
	refused := s.move(s.each(plan.AddMember, group, people[0], people[1], people[2], "no-such-account", people[3], people[4], people[5])...)
	if len(refused) != 1 || refused[0] != "no-such-account" {
		s.Errorf("refused: %v", refused)
	}
	s.holdsMembers(group)
}

func (s *groupSuite) manyMembers() {
	people := s.crowd(250)
	group := s.create(Group(1))
	if refused := s.move(s.each(plan.AddMember, group, people...)...); refused != nil {
		s.Errorf("refused: %v", refused)
	}
	s.move(s.each(plan.RemoveMember, group, people[:230]...)...)
	s.holdsMembers(group)
}

func (s *groupSuite) nested() {
	people := s.crowd(1)
	outer, inner := s.create(Group(1)), s.create(Group(2))
	add := Member(plan.AddMember, outer, inner, 0)
	add.Member.Edge.Nested = true
	s.move(add, Member(plan.AddMember, outer, people[0], 0))
	s.holdsMembers(outer)
}
