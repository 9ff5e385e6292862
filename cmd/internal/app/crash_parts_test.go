package app_test

import (
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// At a service that takes one operation in a request, killed between the requests of one
// change, or before the answer to one: the next run makes it whole, or, when the source
// is back at what it was, undoes what had arrived.
func TestCrashBetweenTheRequestsOfAChange(t *testing.T) {
	t.Parallel()
	r := newCrashRig(t)
	file := filepath.Join(r.base, "config.yaml")
	config, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r.load(r.base)
	write(t, r.base, "config.yaml", strings.Replace(string(config), ", pace:", ", options: {patch: {max_ops: 1}}, pace:", 1))
	before, after := r.accounts(), r.after(crashAfter)
	several := 0 // people whose change took several requests
	for person, n := range r.patched() {
		if person != "" && n > 1 {
			several++
		}
	}
	if several < 5 {
		t.Fatalf("only %d people had a change in several requests:\n%s", several, r.requests())
	}
	for n := 1; ; n++ {
		r.round(crashAfter)
		at := []moment{beforeAnswer, beforeApply, beforeAnswer}[n%3]
		if _, killed := r.run(kill{at: at, n: n, method: http.MethodPatch}, "sync"); !killed {
			if n < 20 {
				t.Fatalf("only %d rounds", n-1)
			}
			return
		}
		want := after
		if n%2 == 0 {
			write(t, r.dir, "people.csv", crashBefore)
			want = maps.Clone(before)
		}
		committed := r.committed()
		r.settle()
		if n%2 == 0 {
			if _, left := r.accounts()["nina"]; !left { // it was adopted
				delete(want, "nina")
			}
			if r.accounts()["19"] != "" { // it holds the login of 8, who cannot have it back
				want["8"], want["9"] = r.accounts()["8"], r.accounts()["9"]
			}
		} else {
			r.notTwice(1, committed)
		}
		r.same(want)
		r.looksFirst()
		r.told("killed at PATCH %d, %s", n, at)
	}
}

// patched counts the PATCH requests of the round by person, and fails the test if one
// holds more than one operation.
func (r *rig) patched() map[string]int {
	r.t.Helper()
	n := map[string]int{}
	for _, s := range r.log {
		if s.method != http.MethodPatch {
			continue
		}
		n[s.person]++
		if strings.Count(s.body, `"op":`) != 1 {
			r.t.Errorf("several operations in one request: %s", s)
		}
	}
	return n
}
