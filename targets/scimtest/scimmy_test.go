package scimtest_test

import (
	"testing"

	"scimsync/sync/plan"
	"scimsync/targets/scim"
	"scimsync/targets/scimtest"
)

func TestScimmy(t *testing.T) {
	server := scimtest.StartWithToken(t, "a-token")
	scimtest.Run(t, func(t *testing.T) scim.Options {
		server.Reset()
		return scim.Options{Name: "scimmy", URL: server.URL, Auth: bearer()}
	})
	noticed(t, server)
}

// noticed looks at the server through its own windows: what it holds, what came.
func noticed(t *testing.T, server *scimtest.Server) {
	server.Reset()
	target, err := scim.New(scim.Options{Name: "scimmy", URL: server.URL, Auth: bearer(), Profile: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	r := target.Apply(t.Context(), scimtest.Create(scimtest.Person(1)), "corr-9")
	if r.Verdict != plan.Done {
		t.Fatal(r.Err)
	}
	users := server.Users()
	if len(users) != 1 || users[0]["id"] != r.Ack.RemoteID || users[0]["externalId"] != "anchor-0001" || users[0]["active"] != true {
		t.Errorf("the server holds %v", users)
	}
	requests := server.Requests()
	if len(requests) != 1 {
		t.Fatalf("%d requests", len(requests))
	}
	if q := requests[0]; q.Method != "POST" || q.Path != "/scim/v2/Users" || q.Status != 201 || q.Header.Get("X-Request-Id") != "corr-9" || q.Body == "" {
		t.Errorf("the server saw %+v", q)
	}
}

// A token that the server does not know ends everything, in words.
func TestScimmyRefusesToken(t *testing.T) {
	server := scimtest.StartWithToken(t, "another-token")
	target, err := scim.New(scim.Options{Name: "scimmy", URL: server.URL, Auth: bearer()})
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	if r := target.Apply(t.Context(), scimtest.Create(scimtest.Person(1)), "corr-1"); r.Verdict != plan.Stop {
		t.Errorf("verdict %d: %v", r.Verdict, r.Err)
	}
	if _, err := target.Find(t.Context(), scimtest.Person(1).Resource); err == nil {
		t.Error("a lookup without access found nobody")
	}
	if n := len(server.Users()); n != 0 {
		t.Errorf("%d accounts", n)
	}
}
