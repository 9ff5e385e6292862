package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"scimsync/targets/sandbox"
)

// groups gives the members of all groups of the service by displayName: externalIds.
func (r *rig) groups() map[string][]string {
	r.t.Helper()
	owner := map[string]string{}
	for _, user := range r.service.Users() {
		owner[str(user["id"])] = str(user["externalId"])
	}
	answer := httptest.NewRecorder()
	r.service.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, sandbox.DefaultBasePath+"/Groups?count=100", nil))
	var page struct {
		Resources []struct {
			DisplayName, ExternalID string
			Members                 []struct{ Value string }
		}
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &page); err != nil {
		r.t.Fatal(err)
	}
	groups := map[string][]string{}
	for _, g := range page.Resources {
		if groups[g.DisplayName] != nil {
			r.t.Errorf("two groups are called %s", g.DisplayName)
		}
		members := []string{}
		for _, m := range g.Members {
			members = append(members, owner[m.Value])
		}
		slices.Sort(members)
		if len(slices.Compact(slices.Clone(members))) < len(members) {
			r.t.Errorf("group %s has somebody twice: %v", g.DisplayName, members)
		}
		groups[g.DisplayName] = members
	}
	return groups
}

// Killed anywhere while groups are made and renamed and people come into them and go, the
// program goes on where it was: the same groups in the end, and everybody in them once.
func TestCrashGroups(t *testing.T) {
	t.Parallel()
	before := clubs{"g1": {"one", []int{1, 2, 3, 4, 5}, nil}, "g2": {"two", []int{1, 6}, []string{"g4"}}, "g3": {"three", []int{7}, nil}, "g4": {"four", []int{8}, nil}}
	after := clubs{"g1": {"one B", []int{2, 3, 4, 5, 6, 7, 10}, nil}, "g2": {"two", []int{1, 6}, nil}, "g4": {"four", []int{8, 9, 2}, nil}, "g5": {"five", []int{2, 9}, []string{"g1"}}}
	// A service that keeps somebody twice who is added twice finds out who is in doubt and is not looked at.
	for _, at := range []moment{beforeAnswer, atStep} {
		t.Run(string(at), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, "")
			config := clubConfig(r.server.URL+sandbox.DefaultBasePath, "      adopt: {existing: yes}\n"+clubsFreely+"    groups: {}\n    leavers: {members: remove}\n")
			write(t, r.base, "config.yaml", strings.Replace(config, "concurrency: 8", "concurrency: 2", 1))
			before.write(t, r.base)
			write(t, r.base, "people.csv", clubPeople(8))
			for range 2 {
				if o, _ := r.run(kill{at: never}, "sync"); o.code != 0 {
					t.Fatalf("the first load: %+v", o)
				}
			}
			begin := func() {
				r.round(clubPeople(10, 3))
				after.write(t, r.dir)
			}
			begin()
			r.settle()
			want, accounts := r.groups(), r.accounts()
			if got := fmt.Sprint(want["one B"], want["two"], want["three"], want["four"], want["five"]); got != "[10 2 4 5 6 7] [1 6] [7] [2 8 9] [10 2 4 5 6 7 9]" {
				t.Fatal(got)
			}
			r.everywhere(at, 10, begin, []string{"sync"}, func() {
				r.settle()
				r.same(accounts)
				r.looksFirst()
				if diff := cmp.Diff(want, r.groups()); diff != "" {
					t.Errorf("groups (-want +got):\n%s", diff)
				}
			})
		})
	}
}
