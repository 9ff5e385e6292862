package scim_test

import (
	"testing"

	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
	"scimsync/targets/scim"
	"scimsync/targets/scim/profile"
	"scimsync/targets/scimtest"
)

// An account is read by its id; that it is not there is something else than that nobody
// can tell.
func TestGet(t *testing.T) {
	ada := scimtest.Reply{Status: 200, Body: `{"ID":"a/7","USERNAME":"ada","external_id":"x","active":"False","Title":"Clerk","meta":{"version":"W/\"3\""}}`}
	for name, c := range map[string]struct {
		id      string
		replies []scimtest.Reply
		there   bool
		err     string
		sent    int
	}{
		"there":             {"a/7", []scimtest.Reply{ada}, true, "", 1},
		"after a while":     {"a/7", []scimtest.Reply{{Status: 429, Header: map[string]string{"Retry-After": "0"}}, ada}, true, "", 2},
		"not there":         {"a/7", []scimtest.Reply{scimError(404, "")}, false, "", 1},
		"gone":              {"a/7", []scimtest.Reply{scimError(410, "")}, false, "", 1},
		"forbidden":         {"a/7", []scimtest.Reply{scimError(403, "")}, false, "may not read", 1},
		"a page for humans": {"a/7", []scimtest.Reply{{Status: 200, Body: "<html>Log in", Header: map[string]string{"Content-Type": "text/html"}}}, false, "url", 1},
		"somebody else":     {"8", []scimtest.Reply{ada}, false, `account "a/7"`, 1},
		"nobody":            {"8", []scimtest.Reply{{Status: 200, Body: `{}`}}, false, "no id", 1},
		"no id to ask for":  {"..", nil, false, "cannot be the id", 0},
	} {
		t.Run(name, func(t *testing.T) {
			server := scimtest.NewFaulty(nil)
			server.Script(c.replies...)
			found, err := serve(t, server).Get(t.Context(), c.id)
			if c.err != "" {
				says(t, err, c.err)
			} else if err != nil {
				t.Error(err)
			}
			if (found != nil) != c.there || len(server.Requests()) != c.sent {
				t.Errorf("%+v after %d requests", found, len(server.Requests()))
			}
			if found != nil && (found.ID != "a/7" || found.ExternalID != "x" || found.Active != record.False || found.Version != `W/"3"` ||
				found.Body["title"] != "Clerk" || found.Body["externalId"] != "x" || server.Requests()[0].Path != "/scim/v2/Users/a%2F7") {
				t.Errorf("%+v by %+v", found, server.Requests()[0])
			}
		})
	}
}

// Of an inactive account some services show values that are not its own.
func TestMaskedAccounts(t *testing.T) {
	for readback, want := range map[profile.AfterDeactivate]bool{profile.ReadbackCompare: false, profile.ReadbackIgnore: true} {
		p := *profile.RFC()
		p.Readback.AfterDeactivate = readback
		for active, inactive := range map[string]bool{`false`: true, `true`: false, `null`: false} {
			server := scimtest.NewFaulty(nil)
			server.Script(scimtest.Reply{Status: 200, Body: `{"id":"7","userName":"6d1f","active":` + active + `}`})
			found, err := serve(t, server, func(o *scim.Options) { o.Profile = &p }).Get(t.Context(), "7")
			if err != nil || found.Masked != (want && inactive) {
				t.Errorf("%s, active %s: %+v, %v", readback, active, found, err)
			}
		}
	}
}

// An answer shows the account if it is that account, and more than its id.
func TestShown(t *testing.T) {
	for name, c := range map[string]struct {
		change *plan.Change
		body   string
		want   bool
	}{
		"created":            {scimtest.Create(scimtest.Person(1)), `{"id":"7","userName":"a"}`, true},
		"created, id only":   {scimtest.Create(scimtest.Person(1)), `{"id":"7","meta":{}}`, false},
		"updated":            {scimtest.Change(plan.Update, "7", replace("title", "x")), `{"id":"7","userName":"a"}`, true},
		"updated, another":   {scimtest.Change(plan.Update, "7", replace("title", "x")), `{"id":"8","userName":"a"}`, false},
		"updated, no answer": {scimtest.Change(plan.Update, "7", replace("title", "x")), ``, false},
		"updated, no JSON":   {scimtest.Change(plan.Update, "7", replace("title", "x")), `ok`, false},
	} {
		t.Run(name, func(t *testing.T) {
			server := scimtest.NewFaulty(nil)
			server.Script(scimtest.Reply{Status: 200, Body: c.body})
			if r := apply(t, serve(t, server), c.change); r.Verdict != plan.Done || (r.Ack.Shown != nil) != c.want {
				t.Errorf("%+v", r)
			}
		})
	}
}

// An answer that repeats the create, byte by byte, shows that all is as it was sent.
func TestShownAsSent(t *testing.T) {
	for body, want := range map[string]bool{`"a"`: true, `"A"`: false} {
		create := scimtest.Create(resource.Wanted{Resource: resource.New(map[string]any{"userName": "a"})})
		create.After = map[string]any{"active": true}
		server := scimtest.NewFaulty(nil)
		server.Script(scimtest.Reply{Status: 201, Body: `{"id":"7","active":true,"userName":` + body + `}`})
		r := apply(t, serve(t, server), create)
		if r.Ack.AsSent != want || (r.Ack.Shown == nil) != want {
			t.Errorf("%s: %+v", body, r.Ack)
		}
	}
}
