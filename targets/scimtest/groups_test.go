package scimtest_test

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"testing"

	"scimsync/sync/plan"
	"scimsync/sync/resource"
	"scimsync/targets/sandbox"
	"scimsync/targets/scim"
	"scimsync/targets/scim/profile"
	"scimsync/targets/scimtest"
)

func TestGroupsOfSandbox(t *testing.T) {
	scimtest.RunGroups(t, func(t *testing.T) scim.Options {
		listener := httptest.NewServer(newSandbox(t))
		t.Cleanup(listener.Close)
		return scim.Options{Name: "sandbox", URL: listener.URL + sandbox.DefaultBasePath, Auth: bearer()}
	})
}

func TestGroupsOfScimmy(t *testing.T) {
	server := scimtest.StartWithToken(t, "a-token")
	scimtest.RunGroups(t, func(t *testing.T) scim.Options {
		server.Reset()
		return scim.Options{Name: "scimmy", URL: server.URL, Auth: bearer()}
	})
}

// Every service that the sandbox imitates and that has groups, spoken to by its profile: members
// come and go, and each request is one that the service takes.
func TestMembersAsServicesHaveThem(t *testing.T) {
	imitated := map[string]bool{}
	for _, p := range sandbox.Profiles() {
		imitated[p.Name] = true
	}
	tried := 0
	for _, name := range profile.Names() {
		p, err := profile.Load(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !imitated[name] || !slices.Contains(p.Resources, profile.Groups) {
			continue
		}
		tried++
		t.Run(name, func(t *testing.T) { asServiceHasThem(t, name, p) })
	}
	if tried < 8 {
		t.Errorf("only %d services were tried", tried)
	}
}

func asServiceHasThem(t *testing.T, name string, p *profile.Profile) {
	server, err := sandbox.New(sandbox.Options{Profile: name, Scale: 10000})
	if err != nil {
		t.Fatal(err)
	}
	target, err := scim.New(scim.Options{Name: name, URL: "http://sandbox.localhost" + server.BasePath(), Handler: server, Profile: p})
	if err != nil {
		t.Fatal(err)
	}
	groups := target.Groups()
	if groups == nil {
		t.Fatal(target.NoGroups())
	}
	var people []string
	for i := range 8 {
		mail := fmt.Sprintf("p%d@example.org", i)
		ids, err := server.Seed(map[string]any{"schemas": []any{"urn:ietf:params:scim:schemas:core:2.0:User"}, "userName": mail, "externalId": fmt.Sprint("x", i),
			"displayName": fmt.Sprint("P ", i), "name": map[string]any{"givenName": "P", "familyName": fmt.Sprint(i)}, "emails": []any{map[string]any{"value": mail, "type": "work", "primary": true}}})
		if err != nil {
			t.Fatal(err)
		}
		people = append(people, ids[0])
	}
	want := scimtest.Group(1) // Sentry makes names simple
	want.Resource = resource.New(map[string]any{"externalId": "group-1", "displayName": "app-sales"})
	made := groups.Apply(t.Context(), scimtest.CreateGroup(want), "corr-1")
	if made.Verdict != plan.Done {
		t.Fatal(made.Err)
	}
	group := made.Ack.RemoteID
	if found, err := groups.Find(t.Context(), want.Resource); err != nil || len(found) != 1 || found[0].ID != group {
		t.Errorf("found %v, error %v", found, err)
	}
	in := []string{}
	send := func(action plan.Action, members ...string) {
		t.Helper()
		var changes []*plan.Change
		for _, id := range members {
			changes = append(changes, scimtest.Member(action, group, id, len(in)))
		}
		for pack := range slices.Chunk(changes, groups.Bulk().Ops) {
			results, _ := groups.ApplyAll(t.Context(), pack, "corr-2")
			for _, r := range results {
				if r.Verdict != plan.Done {
					t.Errorf("%s: verdict %d: %v", pack[0], r.Verdict, r.Err)
				}
			}
		}
		in = slices.DeleteFunc(in, func(id string) bool { return slices.Contains(members, id) })
		if action == plan.AddMember {
			in = append(in, members...)
		}
	}
	send(plan.AddMember, people...)
	send(plan.RemoveMember, people[0])
	send(plan.RemoveMember, people[1], people[2], people[3])
	send(plan.AddMember, people[0])
	var have []string
	list, _ := server.Groups()[0]["members"].([]any)
	for _, m := range list {
		have = append(have, m.(map[string]any)["value"].(string))
	}
	slices.Sort(have)
	slices.Sort(in)
	if !slices.Equal(have, in) {
		t.Errorf("in the group are %v, want %v", have, in)
	}
}
