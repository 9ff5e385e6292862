package scim_test

import (
	"strings"
	"testing"

	"scimsync/sync/plan"
	"scimsync/targets/scim"
	"scimsync/targets/scimtest"
)

// What is longer than anything sensible is no id, and fills no log.
func TestLongAnswers(t *testing.T) {
	long := strings.Repeat("x", 2<<20)
	for _, c := range []struct {
		name, body string
		says       string
	}{
		{"an id of 2 MB", `{"id":"` + long + `"}`, "does not tell the account's id"},
		{"a name of 2 MB", `{"displayName":"` + long + `","id":"x"}`, ""},
		{"2 MB of brackets", strings.Repeat("[", 2<<20), "does not tell the account's id"},
	} {
		server := scimtest.NewFaulty(nil)
		server.Script(scimtest.Reply{Status: 201, Body: c.body}, scimtest.Reply{Status: 400, Body: `{"detail":"` + long + `"}`})
		target := serve(t, server)
		r := apply(t, target, scimtest.Create(scimtest.Person(1)))
		if c.says == "" {
			if r.Verdict != plan.Done || r.Ack.RemoteID != "x" {
				t.Errorf("%s: verdict %d, %v", c.name, r.Verdict, r.Err)
			}
		} else if says(t, r.Err, c.says); r.Verdict != plan.InDoubt {
			t.Errorf("%s: verdict %d", c.name, r.Verdict)
		}
		if r = apply(t, target, scimtest.Create(scimtest.Person(1))); r.Verdict != plan.Park || len(r.Err.Error()) > 1000 {
			t.Errorf("%s, refused: verdict %d, an error of %d bytes", c.name, r.Verdict, len(r.Err.Error()))
		}
	}
	server := scimtest.NewFaulty(nil)
	server.Script(scimtest.Reply{Status: 200, Body: `{"totalResults":1,"Resources":[{"id":"` + long + `"}]}`})
	n := 0
	complete, err := serve(t, server, func(o *scim.Options) {}).List(t.Context(), func(plan.Found) error { n++; return nil })
	if complete || n > 0 {
		t.Errorf("a listing of an id of 2 MB: complete %t, %d accounts, %v", complete, n, err)
	}
}
