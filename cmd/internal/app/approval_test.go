package app_test

import (
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"scimsync/state"
	"scimsync/sync/ledger"
)

// A yes lasts until the change is carried out, or is not planned any more, and for seven
// days at most: one that the service refused is tried again without another yes.
func TestHowLongAYesLasts(t *testing.T) {
	t.Parallel()
	for name, then := range map[string]func(t *testing.T, dir string, l *lab, people map[string]staffer){
		"refused": func(t *testing.T, dir string, l *lab, _ map[string]staffer) {
			if r := synced(t, dir, 0); r.Calls != 0 || len(r.Parked) != 1 {
				t.Fatalf("before its time: %+v", r)
			}
			if r := synced(t, dir, 0, "--user", "000001"); r.Done["deactivate"] != 1 {
				t.Fatalf("once the service takes it: %+v", r)
			}
			if l.users()["000001"]["active"] != false {
				t.Error("the leaver is active")
			}
		},
		"carried out": func(t *testing.T, dir string, _ *lab, people map[string]staffer) {
			people["000000"] = roster(30)["000000"]
			file(t, dir, people)
			if r := synced(t, dir, 0); r.Done["reactivate"] != 1 {
				t.Fatalf("back: %+v", r)
			}
			delete(people, "000000")
			file(t, dir, people)
			if r := synced(t, dir, 3); r.Hold == nil || r.Hold.Held != 1 || r.Calls != 0 {
				t.Fatalf("gone again: %+v", r)
			}
		},
		"not planned any more": func(t *testing.T, dir string, _ *lab, people map[string]staffer) {
			people["000001"] = roster(30)["000001"]
			file(t, dir, people)
			if r := synced(t, dir, 0); r.Calls != 0 {
				t.Fatalf("back: %+v", r)
			}
			delete(people, "000001")
			file(t, dir, people)
			if r := synced(t, dir, 3); r.Hold == nil || r.Hold.Held != 1 || r.Calls != 0 {
				t.Fatalf("gone again: %+v", r)
			}
		},
		"too old": func(t *testing.T, dir string, _ *lab, _ map[string]staffer) {
			age(t, dir, 6*24*time.Hour)
			if o := scimsync(t, dir, "plan", "--user", "000001").want(t, 0); strings.Contains(o.out, "[held]") {
				t.Errorf("after six days:\n%s", o.out)
			}
			age(t, dir, 2*24*time.Hour)
			if r := synced(t, dir, 3, "--user", "000001"); r.Calls != 0 {
				t.Fatalf("after eight days: %+v", r)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, l, people := t.TempDir(), newLab(t), roster(30)
			write(t, dir, "config.yaml", csvConfig(l.URL, "    guard: {first_run: go, deactivate: {count: 0, at_least: 0}}\n"))
			file(t, dir, people)
			synced(t, dir, 0)
			leave(people, 0, 2)
			file(t, dir, people)
			if r := synced(t, dir, 3); r.Hold == nil || r.Hold.Held != 2 {
				t.Fatalf("%+v", r)
			}
			sick := l.users()["000001"]["id"].(string)
			l.plays(func(r request) answer {
				if r.Method == http.MethodPatch && strings.HasSuffix(r.Path, sick) {
					return answer{undone: true, status: 403}
				}
				return answer{}
			})
			scimsync(t, dir, "approve", "staff", "--yes").want(t, 4).says(t, "deactivate 1", "parked: ")
			l.plays(nil)
			then(t, dir, l, people)
		})
	}
}

// age makes every yes in the state older.
func age(t testing.TB, dir string, by time.Duration) {
	t.Helper()
	s, err := state.Open(filepath.Join(dir, "state"), state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	flow := ledger.Flow{Job: "staff", Target: "service"}
	yes, err := s.Approval(flow)
	if err != nil || yes == nil {
		t.Fatalf("%+v, %v", yes, err)
	}
	for digest := range yes.Digests {
		yes.Digests[digest] -= int64(by / time.Second)
	}
	if err := errors.Join(s.PutApproval(flow, yes), s.Close()); err != nil {
		t.Fatal(err)
	}
}
