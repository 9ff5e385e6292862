package probe_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"scimsync/targets/sandbox"
	"scimsync/targets/scim"
	"scimsync/targets/scim/probe"
)

// liar is a service of which one answer is another one than it should be.
type liar struct {
	*scim.Target
	n, at  int
	before bool // and nothing is done for it
	answer scim.Answer
}

func (l *liar) Raw(ctx context.Context, r scim.Request) (*scim.Answer, error) {
	l.n++
	if l.n != l.at {
		return l.Target.Raw(ctx, r)
	}
	if !l.before {
		_, _ = l.Target.Raw(ctx, r)
	}
	a := l.answer
	if a.Status/100 != 2 {
		a.Err = &scim.Error{Method: r.Method, Path: r.Path, Status: a.Status}
	}
	return &a, nil
}

// Whatever one answer says, at whichever moment: the accounts of others are as they were, and what is printed in the end is a profile.
func FuzzProbe(f *testing.F) {
	for at, body := range []string{"", "null", "[]", "{}", "<html>", `{"id":"other"}`, `{"totalResults":1,"Resources":[{"id":"OTHER","userName":"` + login + `"}]}`, `{"totalResults":1,"Resources":[null]}`,
		`{"Resources":{"id":7}}`, `{"id":7,"userName":"` + login + `","active":"False"}`, `{"id":"OTHER","userName":"` + login + `","externalId":"` + anchor + `"}`, `{"schemas":null,"emails":"x","name":[]}`,
		`{"totalResults":-1,"nextCursor":"x","Resources":[{}]}`, strings.Repeat(`{"a":`, 3000), `{"id":"..","userName":"` + login + `"}`, `{"detail":7,"scimType":{},"schemas":"x"}`, "\xff\x00", `{"id":"x"}{"id":"y"}`} {
		f.Add(at*3, []int{200, 409}[at%2], at%3 == 0, body)
	}
	for at := 5; at < 25; at++ { // somebody else's account, as if it were ours
		f.Add(at, 201, at%2 == 0, `{"id":"OTHER","userName":"`+login+`","externalId":"`+anchor+`","active":true,"title":"Probe"}`)
	}
	f.Fuzz(func(t *testing.T, at, status int, before bool, body string) {
		if at < 0 || at > 120 || status < 200 || status > 599 || len(body) > 1<<16 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			server, err := sandbox.New(sandbox.Options{})
			if err != nil {
				t.Fatal(err)
			}
			ids, err := server.Seed(map[string]any{"schemas": []any{"urn:ietf:params:scim:schemas:core:2.0:User"}, "userName": "other@example.org", "externalId": "other", "active": true})
			if err != nil {
				t.Fatal(err)
			}
			o := options(t, "rfc")
			target, err := scim.New(scim.Options{Name: "service", Handler: server, Profile: o.Profile})
			if err != nil {
				t.Fatal(err)
			}
			was := server.Users()
			l := &liar{Target: target, at: at, before: before, answer: scim.Answer{Status: status, Header: http.Header{}, Body: []byte(strings.ReplaceAll(body, "OTHER", ids[0])),
				WebPage: strings.HasPrefix(body, "<")}}
			report, err := probe.Run(t.Context(), l, o)
			if report == nil {
				t.Fatal(err)
			}
			loads(t, report, "rfc")
			var others []map[string]any
			for _, u := range server.Users() {
				if u["id"] == ids[0] {
					others = append(others, u)
				}
			}
			if diff := cmp.Diff(was, others); diff != "" {
				t.Errorf("after an odd answer to request %d: %s", at, diff)
			}
			if l.n > 400 {
				t.Errorf("%d requests", l.n)
			}
		})
	})
}
