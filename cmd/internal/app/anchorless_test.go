package app_test

import (
	"strings"
	"testing"

	"scimsync/targets/scimtest"
)

// Services that keep no externalId, as Databricks: whose account a create in doubt has
// made is told by everything that was sent.

// anchorless are the knobs of such a service.
const anchorless = "{attrs: {deny: [externalId]}, lookup: {user: [userName]}, create: {conflict_regex: [already exists]}}"

// The answer to a create is lost; the account is found in the same run.
func TestAnchorlessLostAnswer(t *testing.T) {
	t.Parallel()
	r := againstHabits(t, anchorless, "", habits("lost-reply=1")...)
	r.people("1,Head")
	if got := r.sync(0); got.Done["create"] != 1 {
		t.Errorf("%+v", got)
	}
	r.took("GET 2 POST 1")
	r.holds("user1:Head")
	r.quiet()
	r.people("1,Chief,off")
	r.sync(0)
	r.took("PATCH 1")
	r.holds("-user1:Head")
}

// It shows only after that run: the create that was sent again is refused, and a later run
// finds the account and knows it for its own, whoever has to say yes to others.
func TestAnchorlessShowsLate(t *testing.T) {
	for name, c := range map[string]struct{ row, done, writes, there string }{
		"still wanted":   {"1,Head", "adopt", "", "user1:Head user2"},
		"wanted changed": {"1,Chief", "adopt", "PATCH 1", "user1:Chief user2"},
		"has left":       {"", "deactivate", "PATCH 1", "-user1:Head user2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := againstHabits(t, anchorless, "", habits("lost-reply=2", "create-lag=2s")...)
			r.people("2")
			r.sync(0)
			r.people("1,Head", "2")
			r.mark = r.svc.last()
			got := r.sync(4)
			if len(got.Conflicts) != 1 || r.svc.writes(r.mark)["POST"] != 2 {
				t.Errorf("%+v", got)
			}
			r.behave() // it shows now
			if c.row == "" {
				r.people("2")
			} else {
				r.people(c.row, "2")
			}
			r.mark = r.svc.last()
			args := []string{"--user", "1"}
			if c.row == "" {
				args = nil
			}
			if got := r.sync(0, args...); got.Done[c.done] != 1 || got.Hold != nil {
				t.Errorf("%+v", got)
			}
			writes := 0
			for _, n := range r.svc.writes(r.mark) {
				writes += n
			}
			if want := strings.Count(c.writes, "PATCH"); writes != want {
				t.Errorf("%d writes, want %d", writes, want)
			}
			r.holds(c.there)
			r.quiet()
		})
	}
}

// The create did not arrive, and somebody else made an account with the same login: that
// one is left alone, and the person is a conflict.
func TestAnchorlessSomebodyElses(t *testing.T) {
	t.Parallel()
	made := false
	var s *odd
	s = oddService(t, func(r *scimtest.Request, _ func() scimtest.Reply) *scimtest.Reply {
		if r.Method != "POST" || made || !strings.Contains(r.Body, "user1") {
			return nil
		}
		made = true
		s.add(t, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"user1","active":true,"name":{"givenName":"Given","familyName":"Other"}}`)
		return &scimtest.Reply{Status: 500}
	})
	dir := t.TempDir()
	write(t, dir, "config.yaml", replaced(wireConfig(s.URL, freely), "pace: {", "options: "+anchorless+", pace: {"))
	without := strings.ReplaceAll(people(2), "1,user1,Given,Family1,user1@example.org,,on\n", "")
	write(t, dir, "people.csv", without)
	synced(t, dir, 0) // first contact is over
	write(t, dir, "people.csv", people(2))
	if got := synced(t, dir, 4); len(got.Conflicts) != 1 {
		t.Errorf("%+v", got)
	}
	synced(t, dir, 3, "--user", "1") // whether it is adopted is for a human to say, as of any account that was there before
	write(t, dir, "people.csv", without)
	synced(t, dir, 0)
	for _, q := range s.take() {
		if q.Method != "GET" && q.Method != "POST" {
			t.Errorf("%s %s %s", q.Method, q.Path, q.Body)
		}
	}
	if there := s.logins(); len(there) != 2 || !there["user1"] {
		t.Errorf("%v", there)
	}
}
