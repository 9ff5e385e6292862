package app_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// The wire-level cases of groups, 17 to 23 and 38: forms of removal that wipe a group, that miss,
// or that are refused; limits on members. Each is driven through the program against a service
// in another process, and held against who is in the group in the end. Nobody is ever taken out
// by mistake twice.

// againstGroups is againstHabits with one group of people 1 to n, loaded.
func againstGroups(t *testing.T, options string, n int, flags ...string) *groupCase {
	t.Helper()
	c := &groupCase{T: t, svc: startService(t, flags...), dir: t.TempDir(), all: clubs{"g1": {"crew", nil, nil}, "g2": {"other", []int{1, 2, 3}, nil}}}
	config := clubConfig(c.svc.URL, clubsFreely+"    groups: {}\n")
	if options != "" {
		config = replaced(config, "pace: {", "options: "+options+", pace: {")
	}
	write(t, c.dir, "config.yaml", config)
	for i := 1; i <= n; i++ {
		c.all["g1"].people = append(c.all["g1"].people, i)
	}
	c.all.write(t, c.dir)
	write(t, c.dir, "people.csv", clubPeople(n))
	synced(t, c.dir, 0)
	return c
}

type groupCase struct {
	*testing.T
	svc *service
	dir string
	all clubs
}

// leave takes people out of the first group, syncs, and gives what came of it.
func (c *groupCase) leave(people ...int) result {
	c.Helper()
	c.all["g1"].people = slices.DeleteFunc(c.all["g1"].people, func(p int) bool { return slices.Contains(people, p) })
	c.all.write(c, c.dir)
	o := scimsync(c, c.dir, "sync", "--output", "json")
	if o.code != 0 && o.code != 4 {
		c.Fatalf("exit %d\n%s%s", o.code, o.out, o.err)
	}
	return o.result(c)
}

// right fails the test unless everybody is where they belong, or is one of those who may still
// be in the first group because nothing can take them out.
func (c *groupCase) right(still ...int) {
	c.Helper()
	want := clubs{}
	for key, g := range c.all {
		copied := *g
		want[key] = &copied
	}
	want["g1"].people = slices.Concat(want["g1"].people, still)
	c.svc.wantGroups(want, everybody)
}

// sent counts the operations on members since the n-th request by how they begin: "remove members[",
// "remove members=", "replace members".
func (c *groupCase) sent(after int64, prefix string) int {
	n := 0
	for _, r := range c.svc.requests(after) {
		if !strings.Contains(r.Path, "/Groups") || r.Method == "GET" {
			continue
		}
		op, path, _ := strings.Cut(prefix, " ")
		for _, part := range strings.Split(r.Body, `"op":`)[1:] {
			switch {
			case !strings.HasPrefix(part, `"`+op+`"`):
			case path == "members=" && strings.Contains(part, `"path":"members"`) && strings.Contains(part, `"value":`):
				n++
			case path != "members=" && strings.Contains(part, `"path":"`+path):
				n++
			}
		}
	}
	return n
}

func (c *groupCase) quiet() {
	c.Helper()
	n := c.svc.last()
	if r := synced(c, c.dir, 0); r.Calls != 0 || c.svc.last() != n {
		c.Errorf("a quiet run: %+v, %v", r, c.svc.groupRequests(n))
	}
}

func TestWireCasesOfGroups(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(*testing.T){
		"17 remove with a value array wipes": func(t *testing.T) {
			c := againstGroups(t, "{members: {remove: array}}", 12, habits("remove-array-wipes")...)
			n := c.svc.last()
			r := c.leave(1)
			for _, p := range []int{2, 3} {
				r = c.leave(p)
			}
			if wiped := c.sent(n, "remove members="); wiped != 1 {
				t.Errorf("the form that wipes was sent %d times", wiped)
			}
			c.ends(r, 1, 2, 3)
		},
		"18 remove with a filter wipes": func(t *testing.T) {
			c := againstGroups(t, "", 12, habits("remove-filter-wipes")...)
			n := c.svc.last()
			r := c.leave(1)
			for _, p := range []int{2, 3} {
				r = c.leave(p)
			}
			if wiped := c.sent(n, "remove members["); wiped != 1 {
				t.Errorf("the form that wipes was sent %d times", wiped)
			}
			c.ends(r, 1, 2, 3)
		},
		"19 a value array is refused": func(t *testing.T) {
			c := againstGroups(t, "{members: {remove: array}}", 12, habits("remove-array-400")...)
			n := c.svc.last()
			c.leave(1)
			c.leave(2, 3)
			if refused := c.sent(n, "remove members="); refused != 1 {
				t.Errorf("the form that is refused was sent %d times", refused)
			}
			c.right()
			c.quiet()
		},
		"20 the second removal of a request hits somebody else": func(t *testing.T) {
			c := againstGroups(t, "", 12, habits("remove-shifts")...)
			c.leave(1)
			c.right()
			c.leave(2, 3, 4)
			r := c.leave(5, 6)
			c.ends(r, 2, 3, 4, 5, 6)
		},
		"21 a compound filter changes nothing": func(t *testing.T) {
			c := againstGroups(t, "", 12, habits("remove-compound-ignored")...)
			n := c.svc.last()
			c.leave(1)
			c.leave(2, 3)
			c.right()
			for _, r := range c.svc.requests(n) {
				if strings.Contains(r.Body, " and value eq") {
					t.Errorf("a compound filter: %s", r.Body)
				}
			}
			c.quiet()
		},
		"22 at most a hundred members a request": func(t *testing.T) {
			c := againstGroups(t, "", 250, habits("max-members=100")...)
			c.right()
			if got := c.svc.groupRequests(0); !slices.Contains(got, "PATCH add members×100") || !slices.Contains(got, "PATCH add members×50") {
				t.Errorf("%v", got)
			}
			c.quiet()
			d := againstGroups(t, "", 250, habits("max-members=30")...)
			d.right()
			d.quiet()
		},
		"23 replace members is refused": func(t *testing.T) {
			c := againstGroups(t, "", 12, habits("replace-members-400")...)
			c.leave(1)
			c.leave(2, 3)
			c.right()
			if n := c.sent(0, "replace members"); n > 0 {
				t.Errorf("replace members was sent %d times", n)
			}
			c.quiet()
		},
		"38 a group takes so many members": func(t *testing.T) {
			c := againstGroups(t, "", 40, habits("max-group=50")...)
			for i := 41; i <= 60; i++ {
				c.all["g1"].people = append(c.all["g1"].people, i)
			}
			c.all.write(t, c.dir)
			write(t, c.dir, "people.csv", clubPeople(60))
			r := synced(t, c.dir, 4)
			if in := len(c.svc.groups()["crew"]); in != 50 || len(r.Parked) != 10 || r.Done["add_member"] != 10 {
				t.Errorf("%d are in the group: %+v", in, r)
			}
			n := c.svc.last()
			synced(t, c.dir, 0)
			if sent := len(c.svc.requests(n)); sent > 0 {
				t.Errorf("%d requests for those who wait", sent)
			}
		},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); run(t) })
	}
}

// ends fails the test unless those who left are out, or are still in it with a word on what to
// do; and everybody else is where they belong.
func (c *groupCase) ends(r result, left ...int) {
	c.Helper()
	var still []int
	for _, p := range left {
		if slices.Contains(c.svc.groups()["crew"], fmt.Sprint(p)) {
			still = append(still, p)
		}
	}
	c.Logf("still in the group: %v, %+v", still, r.Parked)
	for _, p := range still {
		told := slices.ContainsFunc(r.Parked, func(q problem) bool { return q.Key == fmt.Sprint(p) && strings.Contains(q.Why, "members") })
		if !told {
			c.Errorf("%d is still in the group, and nobody is told: %+v", p, r.Parked)
		}
	}
	c.right(still...)
}
