package app_test

import (
	"net/http"
	"strings"
	"testing"
)

// deleted counts the DELETEs since the n-th request.
func deleted(s *service, after int64) int { return s.writes(after)[http.MethodDelete] }

// Deletion is a policy, comes after the deactivation, and waits for a yes: by default
// never, with leavers: delete only what was shown, and never somebody who is back.
func TestDeleteOnlyByPolicyAndWithAYes(t *testing.T) {
	t.Parallel()
	svc, dir := startService(t), t.TempDir()
	without := func(ids ...string) string {
		var left []string
		for _, line := range strings.SplitAfter(threePeople, "\n") {
			gone := false
			for _, id := range ids {
				gone = gone || strings.HasPrefix(line, id+",")
			}
			if !gone {
				left = append(left, line)
			}
		}
		return strings.Join(left, "")
	}
	// max_shrink stands in the way of losing two of three; that is another test's.
	config := func(more string) string {
		return strings.Replace(csvConfig(svc.URL, more), "hr: {csv:", "hr: {max_shrink: 90%, csv:", 1)
	}
	policy := strings.Replace(freely, "first_run: go,", "first_run: go, delete: {count: 0},", 1) + "    leavers: {action: delete}\n"

	write(t, dir, "config.yaml", config(freely))
	write(t, dir, "people.csv", threePeople)
	synced(t, dir, 0)

	// Without the policy a leaver is deactivated and stays so.
	write(t, dir, "people.csv", without("3"))
	n := svc.last()
	synced(t, dir, 0)
	synced(t, dir, 0)
	if deleted(svc, n) != 0 || svc.users()["3"]["active"] != false {
		t.Fatalf("without the policy: %v", svc.writes(n))
	}

	// With it every deletion is held, and as one destructive limit holds everything that
	// takes access away, so is the next deactivation.
	write(t, dir, "config.yaml", config(policy))
	write(t, dir, "people.csv", without("2", "3"))
	n = svc.last()
	for range 3 {
		if r := synced(t, dir, 3); r.Hold == nil {
			t.Fatalf("not held: %+v", r)
		}
	}
	if w := svc.writes(n); len(w) != 0 || svc.users()["2"]["active"] != true {
		t.Fatalf("before the yes: %v", w)
	}

	// A truncated file, or somebody who is back, between the hold and the yes: nothing
	// but what was shown is deleted.
	write(t, dir, "people.csv", "id,login,given,family,mail,title,status\n")
	n = svc.last()
	scimsync(t, dir, "approve", "staff", "--yes").want(t, 1)
	write(t, dir, "people.csv", without("3"))
	scimsync(t, dir, "approve", "staff", "--yes").want(t, 3)
	if deleted(svc, n) != 0 {
		t.Fatalf("what was shown is not what is planned: %v", svc.writes(n))
	}

	// The yes to what is held now deletes the one; who came back was never touched.
	scimsync(t, dir, "approve", "staff", "--yes").want(t, 0)
	users := svc.users()
	if users["3"] != nil || users["2"]["active"] != true || deleted(svc, n) != 1 {
		t.Fatalf("after the yes: %v, %v", users, svc.writes(n))
	}

	// Somebody who was deleted and returns gets one new account.
	n = svc.last()
	write(t, dir, "people.csv", threePeople)
	synced(t, dir, 0)
	if w := svc.writes(n); w["POST"] != 1 || w[http.MethodDelete] != 0 || svc.users()["3"]["active"] != true {
		t.Fatalf("after the return: %v", w)
	}
	n = svc.last()
	if synced(t, dir, 0); svc.last() != n {
		t.Fatal("a quiet run sent something")
	}
}
