package scim_test

import (
	"strings"
	"testing"

	"scimsync/sync/plan"
	"scimsync/sync/resource"
	"scimsync/targets/scim"
	"scimsync/targets/scim/profile"
	"scimsync/targets/scimtest"
)

const noGroups = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"Resources":[]}`

// A group is made without members and without active, where the profile says.
func TestGroupIsMadeEmpty(t *testing.T) {
	server := scimtest.NewFaulty(nil)
	server.Script(scimtest.Reply{Status: 201, Body: `{"id":"g1","displayName":"x"}`})
	groups := serve(t, server, with(func(p *profile.Profile) { p.Paths.Groups = "/Teams" })).Groups()
	r := groups.Apply(t.Context(), scimtest.CreateGroup(scimtest.Group(1)), "corr-1")
	if r.Verdict != plan.Done || r.Ack.RemoteID != "g1" {
		t.Fatalf("verdict %d, id %q: %v", r.Verdict, r.Ack.RemoteID, r.Err)
	}
	got := server.Requests()[0]
	if want := `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"app-sales, EMEA (1)","externalId":"group-0001"}`; got.Path != "/scim/v2/Teams" || got.Body != want {
		t.Errorf("%s %s", got.Path, got.Body)
	}
}

// Groups are looked up, read and listed without their members. A service that refuses that
// is asked for all, and not asked to leave them out again.
func TestMembersAreNotAskedFor(t *testing.T) {
	group := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":1,"Resources":[{"id":"g1","externalId":"group-0001","displayName":"x"}]}`
	for name, refuses := range map[string]bool{"takes it": false, "refuses it": true} {
		t.Run(name, func(t *testing.T) {
			server := scimtest.NewFaulty(nil)
			if refuses {
				server.Script(scimError(400, "invalidSyntax"))
			}
			server.Script(scimtest.Reply{Status: 200, Body: group}, scimtest.Reply{Status: 200, Body: group},
				scimtest.Reply{Status: 200, Body: `{"id":"g1","externalId":"group-0001","displayName":"x"}`})
			groups := serve(t, server).Groups()
			for range 2 {
				if found, err := groups.Find(t.Context(), scimtest.Group(1).Resource); err != nil || len(found) != 1 {
					t.Fatalf("found %v, error %v", found, err)
				}
			}
			if found, err := groups.Get(t.Context(), "g1"); err != nil || found == nil {
				t.Fatalf("read %v, error %v", found, err)
			}
			var lean []bool
			for _, q := range server.Requests() {
				lean = append(lean, strings.Contains(q.Query, "excludedAttributes=members"))
			}
			want := []bool{true, true, true}
			if refuses {
				want = []bool{true, false, false, false}
			}
			if len(lean) != len(want) {
				t.Fatalf("asked to leave members out: %v, want %v", lean, want)
			}
			for i := range want {
				if lean[i] != want[i] {
					t.Errorf("asked to leave members out: %v, want %v", lean, want)
				}
			}
		})
	}
}

// Filters that fail for groups say nothing of people.
func TestWhatIsLearnedOfGroupsIsNotOfPeople(t *testing.T) {
	server := scimtest.NewFaulty(nil)
	server.Script(scimError(400, "invalidFilter"), scimtest.Reply{Status: 200, Body: noGroups}, scimtest.Reply{Status: 200, Body: noGroups})
	target := serve(t, server, func(o *scim.Options) {
		o.Profile.List.ExcludeAttributes = nil
	})
	if found, err := target.Groups().Find(t.Context(), scimtest.Group(1).Resource); err != nil || len(found) != 0 {
		t.Errorf("found %v, error %v", found, err)
	}
	if refused := target.Groups().Unasked(); len(refused) != 1 || refused[0] != plan.MatchExternalID {
		t.Errorf("refused for groups: %v", refused)
	}
	if _, err := target.Find(t.Context(), resource.New(map[string]any{"externalId": "a"})); err != nil {
		t.Error(err)
	}
	if refused := target.Unasked(); len(refused) != 0 {
		t.Errorf("refused for people: %v", refused)
	}
	requests := server.Requests()
	if last := requests[len(requests)-1]; last.Path != "/scim/v2/Users" || !strings.HasPrefix(last.Query, "filter=externalId") {
		t.Errorf("people were asked for by %s?%s", last.Path, last.Query)
	}
}

// There are no groups where the profile has none, or where the service twice said so.
func TestNoGroups(t *testing.T) {
	without := inProcess(t, scimtest.NewFaulty(nil), with(func(p *profile.Profile) { p.Resources = []profile.Resource{profile.Users} }))
	if without.Groups() != nil || !strings.Contains(without.NoGroups(), "resources") {
		t.Errorf("groups of a service without any: %q", without.NoGroups())
	}
	server := scimtest.NewFaulty(nil)
	types := `{"totalResults":1,"Resources":[{"name":"User","endpoint":"/Users","schema":"urn:ietf:params:scim:schemas:core:2.0:User"}]}`
	for range 2 {
		server.Script(scimtest.Reply{Status: 404}, scimtest.Reply{Status: 404}, scimtest.Reply{Status: 200, Body: types})
	}
	target := inProcess(t, server, with(func(p *profile.Profile) { p.Discovery.Mode = profile.DiscoveryProbe }))
	for said := range 2 {
		if target.Groups() == nil {
			t.Errorf("no groups after it was said %d times: %s", said, target.NoGroups())
		}
		if _, err := target.Describe(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if target.Groups() != nil || !strings.Contains(target.NoGroups(), "/ResourceTypes") {
		t.Errorf("groups of a service that twice said it has none: %q", target.NoGroups())
	}
}
