package app_test

import (
	"fmt"
	"strings"
	"testing"
)

// Killed anywhere, a run counts in the guard's window as far as it came: further leavers
// do not slip past the limit in the run after it.
func TestKilledRunsCountInTheWindow(t *testing.T) {
	t.Parallel()
	const people, slice, most = 40, 4, 5
	crowd := func(left int) string {
		var rows []string
		for i := range people {
			status := "on"
			if i < left {
				status = "off"
			}
			rows = append(rows, fmt.Sprintf("%d,u%d,Una,Person %d,u%d@example.org,Clerk,%s", i, i, i, i, status))
		}
		return crashPeople(rows)
	}
	r := newRig(t, fmt.Sprintf("    guard: {first_run: go, deactivate: {count: %d, at_least: 0}, create: {count: 1000}}\n", most))
	write(t, r.dir, "people.csv", crowd(0))
	if o, _ := r.run(kill{at: never}, "sync"); o.code != 0 {
		t.Fatalf("the first load: %+v", o)
	}
	gone := func() (n int) {
		for _, account := range r.accounts() {
			if inactive(account) {
				n++
			}
		}
		return n
	}
	for at, rounds := range map[moment]int{beforeAnswer: slice - 1, atStep: 8} {
		sent := 0
		r.everywhere(at, rounds, func() { r.round(crowd(slice)) }, []string{"sync"}, func() {
			sent = max(sent, gone())
			for left := 2 * slice; left <= 3*slice; left += slice {
				write(t, r.dir, "people.csv", crowd(left))
				if o, _ := r.run(kill{at: never}, "sync"); o.code != 3 || !strings.Contains(o.out, "deactivate.count") {
					t.Errorf("%d more leavers: exit %d\n%s%s", slice, o.code, o.out, o.err)
				}
			}
			if n := gone(); n > most {
				t.Errorf("%d are inactive, the limit is %d", n, most)
			}
		})
		if sent != slice {
			t.Errorf("%s: %d were deactivated by the killed runs at most, not %d", at, sent, slice)
		}
	}
}
