package scimtest_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"scimsync/sync/plan"
	"scimsync/sync/resource"
	"scimsync/targets/sandbox"
	"scimsync/targets/scim"
	"scimsync/targets/scimtest"
)

// Somebody's login is a value to a service that reads filters, whatever stands in it: the lookup finds the account that has it,
// and never another one.
func FuzzFilterAtTheSandbox(f *testing.F) {
	for _, login := range []string{"ada@example.org", `a"b`, `a\`, `a\"`, `" or userName pr or userName eq "`, `x" or "1" eq "1`, `somebody else" and active eq true`, "ä", "𝄞", "a]b", `emails[value eq "x"]`, "a\u2028b",
		`\u0022`, "a%22b", "a+b", "a b", "a&count=1", "a#b", "a\tb", "\x01", "\x1f", strings.Repeat("ab", 200)} {
		f.Add(login)
	}
	server, err := sandbox.New(sandbox.Options{BearerToken: "a-token"})
	if err != nil {
		f.Fatal(err)
	}
	target, err := scim.New(scim.Options{Name: "sandbox", Handler: server, Auth: bearer(), Profile: quiet(), Match: []string{plan.MatchUserName}})
	if err != nil {
		f.Fatal(err)
	}
	create := func(t *testing.T, login string) plan.Result {
		return target.Apply(t.Context(), scimtest.Create(resource.Wanted{Resource: resource.New(map[string]any{"userName": login, "externalId": login, "active": true})}), "fuzz")
	}
	made := map[string]string{}
	f.Fuzz(func(t *testing.T, login string) {
		if !utf8.ValidString(login) || resource.Fold(login) == "" || len(login) > 900 {
			return
		}
		if len(made) == 0 {
			made["somebody else"] = create(t, "somebody else").Ack.RemoteID
		}
		hits, err := target.Find(t.Context(), resource.New(map[string]any{"userName": login}))
		if err != nil {
			t.Fatal(err)
		}
		known := made[login]
		for _, hit := range hits {
			if resource.Fold(hit.UserName) != resource.Fold(login) {
				t.Errorf("asked for %q, found %q", login, hit.UserName)
			}
		}
		if known != "" {
			return
		}
		r := create(t, login)
		if len(hits) > 0 || r.Verdict != plan.Done { // of another case, or not to the sandbox's taste
			return
		}
		made[login] = r.Ack.RemoteID
		if hits, err = target.Find(t.Context(), resource.New(map[string]any{"userName": login})); err != nil || len(hits) != 1 || hits[0].ID != r.Ack.RemoteID {
			t.Errorf("account %s has login %q, and a lookup finds %v, %v", r.Ack.RemoteID, login, hits, err)
		}
	})
}
