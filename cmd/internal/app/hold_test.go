package app_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// guarded is a job with the limits as they are unless told, but for its first run.
const guarded = "    guard: {first_run: go}\n"

// hundred is a service that holds 100 people of a job with these lines, and nothing
// left to do.
func hundred(t testing.TB, more string) (svc *service, dir string, people map[string]staffer) {
	t.Helper()
	svc, dir, people = startService(t), t.TempDir(), roster(100)
	write(t, dir, "config.yaml", csvConfig(svc.URL, more))
	writeStaff(t, dir, people, staffColumns, false)
	if r := synced(t, dir, 0); r.Done["create"] != 100 {
		t.Fatalf("first run: %+v", r)
	}
	return svc, dir, people
}

// leave takes n people away, from the from-th on, and gives their ids.
func leave(people map[string]staffer, from, n int) []string {
	var ids []string
	for i := range n {
		ids = append(ids, fmt.Sprintf("%06d", from+i))
		delete(people, ids[i])
	}
	return ids
}

// inactive lists the ids of the people whose accounts are inactive.
func (s *service) inactive() []string {
	s.t.Helper()
	var ids []string
	for id, u := range s.users() {
		if u["active"] == false {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func wantIDs(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
}

func (o outcome) says(t testing.TB, words ...string) outcome {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(o.out+o.err, w) {
			t.Errorf("it does not say %q:\n%s%s", w, o.out, o.err)
		}
	}
	return o
}

// Must show 7: 30 % of the people are gone in a valid file. Nobody is deactivated,
// everything harmless is sent; approve sends exactly what was held.
func TestMassLeaversAreHeld(t *testing.T) {
	t.Parallel()
	svc, dir, people := hundred(t, guarded)
	gone := leave(people, 40, 30)
	people["000001"]["title"] = "Head"
	people["000500"] = staffer{"id": "000500", "login": "new", "given": "New", "family": "Person", "mail": "new@example.org", "status": "on"}
	writeStaff(t, dir, people, staffColumns, false)

	mark := svc.last()
	scimsync(t, dir, "plan").want(t, 0).says(t, "30 deactivates", "1 update", "1 create", "[held]", "30 deactivations of 100 live accounts",
		"10%", "scimsync approve staff --target service")
	if w := svc.writes(mark); len(w) > 0 {
		t.Fatalf("plan wrote %v", w)
	}
	o := scimsync(t, dir, "sync").want(t, 3).says(t, "update 1, create 1", "deactivate.percent: 30 deactivations of 100 live accounts; the limit is 10%",
		"30 changes held as ", "scimsync approve staff --target service")
	wantIDs(t, "inactive while held", svc.inactive(), nil)
	if w := svc.writes(mark); text(w) != `{"PATCH":1,"POST":1}` {
		t.Fatalf("the held run wrote %v", w)
	}

	// It survives: every command is a process of its own.
	mark = svc.last()
	r := synced(t, dir, 3)
	if r.Hold == nil || !strings.Contains(o.out, "held as "+r.Hold.ID+".") || r.Hold.Held != 30 || r.Calls != 0 || len(svc.requests(mark)) != 0 {
		t.Fatalf("second run: %+v, %d requests\n%s", r.Hold, len(svc.requests(mark)), o.out)
	}
	scimsync(t, dir, "status").want(t, 0).says(t, r.Hold.ID)
	scimsync(t, dir, "status", "--exit-code").want(t, 3)
	scimsync(t, dir, "approve", "staff").want(t, 64).says(t, "--yes") // no terminal to ask on
	if w := svc.writes(mark); len(w) != 0 {
		t.Fatalf("writes before the yes: %v", w)
	}

	scimsync(t, dir, "approve", r.Hold.ID).want(t, 0).says(t, "deactivate 30; 30 calls")
	wantIDs(t, "inactive", svc.inactive(), gone)
	if w := svc.writes(mark); text(w) != `{"PATCH":30}` {
		t.Errorf("approve wrote %v", w)
	}
	quiet(t, dir, svc)

	// The yes was for these; it is used up, and its id means nothing any more.
	scimsync(t, dir, "approve", r.Hold.ID).want(t, 64).says(t, r.Hold.ID, "scimsync status")
	scimsync(t, dir, "approve", "staff", "--yes").want(t, 0).says(t, "Nothing is held")
	for _, id := range gone[:20] {
		people[id] = roster(100)[id]
	}
	writeStaff(t, dir, people, staffColumns, false)
	if r := synced(t, dir, 0); r.Done["reactivate"] != 20 {
		t.Fatalf("returners: %+v", r)
	}
	leave(people, 40, 20)
	writeStaff(t, dir, people, staffColumns, false)
	if r := synced(t, dir, 3); r.Hold == nil || r.Hold.Held != 20 || r.Calls != 0 {
		t.Fatalf("the same people leave again: %+v", r)
	}
}

// The file changed between the hold and the yes: nothing is sent, the difference is
// shown, and the new set is held in the place of the old one.
func TestApproveOfSomethingElse(t *testing.T) {
	t.Parallel()
	svc, dir, people := hundred(t, guarded)
	gone := leave(people, 40, 30)
	writeStaff(t, dir, people, staffColumns, false)
	shown := synced(t, dir, 3)
	mark := svc.last()
	people[gone[0]] = roster(100)[gone[0]]
	gone = append(gone[1:], leave(people, 90, 1)...)
	people["000001"]["title"] = "Head"
	writeStaff(t, dir, people, staffColumns, false)

	o := scimsync(t, dir, "approve", shown.Hold.ID).want(t, 3).says(t, "Nothing was sent", "Held now, and not shown before: 1", "(000090)",
		"Shown before, and not held any more: 1", "(000040)", "scimsync approve staff --target service")
	if list := svc.requests(mark); len(list) != 0 {
		t.Fatalf("refused, but %d requests", len(list))
	}
	scimsync(t, dir, "approve", shown.Hold.ID).want(t, 64)
	r := synced(t, dir, 3)
	if r.Hold.ID == shown.Hold.ID || !strings.Contains(o.out, "held as "+r.Hold.ID+".") || r.Done["update"] != 1 {
		t.Fatalf("new hold %+v, old %s\n%s", r, shown.Hold.ID, o.out)
	}
	scimsync(t, dir, "approve", "staff", "--yes").want(t, 0)
	wantIDs(t, "inactive", svc.inactive(), gone)
	quiet(t, dir, svc)

	// Everybody is back: there is nothing to release.
	gone = leave(people, 0, 20)
	writeStaff(t, dir, people, staffColumns, false)
	r = synced(t, dir, 3)
	for _, id := range gone {
		people[id] = roster(100)[id]
	}
	people["000001"]["title"] = "Head"
	writeStaff(t, dir, people, staffColumns, false)
	scimsync(t, dir, "approve", r.Hold.ID).want(t, 3).says(t, "Nothing was sent", "Nothing is held any more")
	quiet(t, dir, svc)
}

// A yes to some, and a no: what was not released stays held, although it is little
// enough to need no yes by itself.
func TestApproveSomeAndReject(t *testing.T) {
	t.Parallel()
	svc, dir, people := hundred(t, guarded)
	gone := leave(people, 40, 14)
	writeStaff(t, dir, people, staffColumns, false)
	first := synced(t, dir, 3)

	scimsync(t, dir, "approve", "staff", "--yes", "--only", "nobody@example.org").want(t, 1).says(t, `"nobody@example.org"`)
	wantIDs(t, "inactive", svc.inactive(), nil)
	args := []string{"approve", "staff", "--yes", "--only", "user40@example.org"} // by login, mail, key and remote id
	args = append(args, "--only", "mail41@example.org,000042", "--only", svc.users()["000043"]["id"].(string))
	for _, id := range gone[4:10] {
		args = append(args, "--only", id)
	}
	o := scimsync(t, dir, args...).want(t, 3).says(t, "deactivate 10", "4 changes held as ")
	wantIDs(t, "inactive", svc.inactive(), gone[:10])

	mark := svc.last()
	r := synced(t, dir, 3)
	if r.Hold == nil || r.Hold.Held != 4 || r.Hold.ID == first.Hold.ID || !strings.Contains(o.out, r.Hold.ID) || len(svc.requests(mark)) != 0 {
		t.Fatalf("the rest: %+v\n%s", r, o.out)
	}
	scimsync(t, dir, "approve", r.Hold.ID, "--reject").want(t, 3).says(t, "rejected", "stay held")
	again := synced(t, dir, 3)
	if again.Hold == nil || again.Hold.ID != r.Hold.ID || len(svc.requests(mark)) != 0 {
		t.Fatalf("after the no: %+v", again)
	}
	// Others leave meanwhile, few of them: their turn comes, and the no stands.
	others := leave(people, 70, 3)
	people["000001"]["title"] = "Head"
	writeStaff(t, dir, people, staffColumns, false)
	again = synced(t, dir, 3)
	if again.Hold == nil || again.Hold.ID != r.Hold.ID || again.Done["deactivate"] != 3 || again.Done["update"] != 1 {
		t.Fatalf("others after the no: %+v", again)
	}
	wantIDs(t, "inactive", svc.inactive(), append(slices.Clone(gone[:10]), others...))
	// One of them comes back: the others of the no stay held.
	people[gone[10]] = roster(100)[gone[10]]
	writeStaff(t, dir, people, staffColumns, false)
	if again = synced(t, dir, 3); again.Hold == nil || again.Hold.Held != 3 || again.Calls != 0 {
		t.Fatalf("one came back after the no: %+v", again)
	}
	// A no is not for ever: a yes releases them.
	scimsync(t, dir, "approve", "staff", "--yes").want(t, 0).says(t, "deactivate 3")
	wantIDs(t, "inactive", svc.inactive(), append(append(slices.Clone(gone[:10]), gone[11:]...), others...))
	quiet(t, dir, svc)
}

// A hold belongs to one target: the other one's is released by itself.
func TestApproveOneTarget(t *testing.T) {
	t.Parallel()
	one, two, dir, people := startService(t), startService(t), t.TempDir(), roster(40)
	config := strings.Replace(csvConfig(one.URL, guarded), "jobs:", "  other: {url: \""+two.URL+"\", pace: {rate: 100000/s, burst: 1000, concurrency: 4}}\njobs:", 1)
	write(t, dir, "config.yaml", strings.Replace(config, "to: service", "to: [service, other]", 1))
	writeStaff(t, dir, people, staffColumns, false)
	scimsync(t, dir, "sync").want(t, 0)
	gone := leave(people, 0, 12)
	writeStaff(t, dir, people, staffColumns, false)
	scimsync(t, dir, "sync").want(t, 3).says(t, "--target service", "--target other")
	scimsync(t, dir, "approve", "staff", "--target", "nowhere", "--yes").want(t, 64)
	scimsync(t, dir, "approve", "staff", "--target", "other", "--yes").want(t, 0)
	wantIDs(t, "inactive at other", two.inactive(), gone)
	wantIDs(t, "inactive at service", one.inactive(), nil)
	mark := two.last()
	scimsync(t, dir, "approve", "staff", "--yes").want(t, 0)
	wantIDs(t, "inactive at service", one.inactive(), gone)
	if n := two.last() - mark; n != 0 {
		t.Errorf("%d requests at the other target", n)
	}
}

// Invariant I6: limits cannot be dodged by slices within the window.
func TestSlicesAreHeld(t *testing.T) {
	t.Parallel()
	svc, dir, people := hundred(t, guarded)
	gone := leave(people, 10, 6)
	// With a newcomer, so that leavers are sent before the newcomer is looked up: they
	// count once all the same.
	people["000500"] = staffer{"id": "000500", "login": "new", "given": "New", "family": "Person", "status": "on"}
	writeStaff(t, dir, people, staffColumns, false)
	if r := synced(t, dir, 0); r.Done["deactivate"] != 6 || r.Done["create"] != 1 || r.Calls != 7 {
		t.Fatalf("first slice: %+v", r)
	}
	wantIDs(t, "the first slice", svc.inactive(), gone)
	leave(people, 20, 6)
	writeStaff(t, dir, people, staffColumns, false)
	r := synced(t, dir, 3)
	if r.Hold == nil || r.Hold.Held != 6 || r.Hold.Limits[0].Limit != "deactivate.percent" || r.Hold.Limits[0].N != 12 || r.Calls != 0 {
		t.Fatalf("second slice: %+v", r)
	}
	wantIDs(t, "after the second slice", svc.inactive(), gone)

	// What was sent before the window does not count.
	write(t, dir, "config.yaml", csvConfig(svc.URL, "    guard: {first_run: go, window: 0s}\n"))
	if r := synced(t, dir, 0); r.Done["deactivate"] != 6 {
		t.Fatalf("without a window: %+v", r)
	}
	quiet(t, dir, svc)
}

// max_shrink comes before the guard, --accept-shrink lifts it once, and only it.
func TestAcceptShrink(t *testing.T) {
	t.Parallel()
	svc, dir, people := hundred(t, guarded)
	whole := maps.Clone(people)
	gone := leave(people, 0, 50)
	writeStaff(t, dir, people, staffColumns, false)
	mark := svc.last()
	scimsync(t, dir, "sync").want(t, 1).says(t, "shrank by 50%", "max_shrink is 40%", "--accept-shrink")
	r := synced(t, dir, 3, "--accept-shrink")
	if r.Hold == nil || r.Hold.Held != 50 || len(svc.requests(mark)) != 0 {
		t.Fatalf("accepted: %+v, %d requests", r, len(svc.requests(mark)))
	}
	// It is accepted now, and what was held is held still.
	if again := synced(t, dir, 3); again.Hold.ID != r.Hold.ID {
		t.Fatalf("after it was accepted: %+v", again)
	}
	scimsync(t, dir, "approve", r.Hold.ID).want(t, 0)
	wantIDs(t, "inactive", svc.inactive(), gone)

	// Once: the next loss needs the flag again. An empty file is never accepted.
	writeStaff(t, dir, map[string]staffer{"000099": whole["000099"]}, staffColumns, false)
	scimsync(t, dir, "sync").want(t, 1).says(t, "max_shrink")
	for _, nobody := range []string{"", strings.Join(staffColumns, ",") + "\n"} {
		write(t, dir, "people.csv", nobody)
		scimsync(t, dir, "sync", "--accept-shrink").want(t, 1)
	}
	writeStaff(t, dir, people, staffColumns, false)
	quiet(t, dir, svc)
}

// Invariant I12: a scope that leaves 60 % of the people out is held.
func TestNarrowScopeIsHeld(t *testing.T) {
	t.Parallel()
	svc, dir, people := hundred(t, guarded)
	mark := svc.last()
	narrow := strings.Replace(csvConfig(svc.URL, guarded), "    users:\n", "    users:\n      include: 'id >= \"000060\"'\n", 1)
	write(t, dir, "config.yaml", narrow)
	scimsync(t, dir, "plan").want(t, 0).says(t, "60 deactivates", "60 deactivations of 100 live accounts", "scope")
	if r := synced(t, dir, 3); r.Hold == nil || r.Hold.Held != 60 || r.Calls != 0 {
		t.Fatalf("%+v", r)
	}
	if list := svc.requests(mark); len(list) != 0 {
		t.Fatalf("%d requests", len(list))
	}
	write(t, dir, "config.yaml", csvConfig(svc.URL, guarded))
	quiet(t, dir, svc)
	write(t, dir, "config.yaml", narrow)
	synced(t, dir, 3)
	scimsync(t, dir, "approve", "staff", "--yes").want(t, 0)
	wantIDs(t, "inactive", svc.inactive(), slices.Sorted(maps.Keys(roster(60))))
	writeStaff(t, dir, people, staffColumns, true)
	quiet(t, dir, svc)
}

// A misspelt attribute stops the job before anything is read or sent.
func TestMisspeltAttribute(t *testing.T) {
	t.Parallel()
	svc, dir, people := hundred(t, guarded)
	leave(people, 0, 3)
	writeStaff(t, dir, people, staffColumns, false)
	mark := svc.last()
	for line, says := range map[string][]string{
		`displayName: 'given + " " + famly'`: {"famly", "did you mean family?"},
		`displayName: givn`:                  {"givn", "did you mean given?"},
		`displayNam: given`:                  {`displayNam`, `displayName`},
	} {
		config := strings.Replace(csvConfig(svc.URL, guarded), `displayName: 'given + " " + family'`, line, 1)
		write(t, dir, "config.yaml", config)
		at := strings.Count(config[:strings.Index(config, line)], "\n") + 1
		for _, command := range []string{"sync", "plan", "check"} {
			scimsync(t, dir, command).want(t, 1).says(t, append(says, fmt.Sprintf("config.yaml:%d:9", at))...)
		}
	}
	if list := svc.requests(mark); len(list) != 0 {
		t.Fatalf("%d requests", len(list))
	}
	wantIDs(t, "inactive", svc.inactive(), nil)
	write(t, dir, "config.yaml", csvConfig(svc.URL, guarded))
	if r := synced(t, dir, 0); r.Done["deactivate"] != 3 {
		t.Fatalf("put right: %+v", r)
	}
}

// Invariant I12: another key column, source, target or list of sources stops the job
// before anything is written, or read at the target; the message names the way on.
func TestChangedIdentityStops(t *testing.T) {
	t.Parallel()
	other := startService(t)
	for name, c := range map[string]struct {
		old, new string
		says     string
	}{
		"key column": {"key: id", "key: login", `source hr: key was "id" and is "login"`},
		"target":     {"", "", "target service: url was "},
		"from":       {"from: hr", "from: [hr, more]\n    union: true", `job staff: from was "hr" and is "hr,more"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			svc, dir, people := hundred(t, guarded)
			if name == "target" {
				c.old, c.new = svc.URL, other.URL
			}
			config := strings.Replace(csvConfig(svc.URL, guarded), "targets:", "  more: {csv: {users: {path: more.csv, key: id}}}\ntargets:", 1)
			write(t, dir, "more.csv", strings.Join(staffColumns, ",")+"\nx1,extra,Ex,Tra,,,on,1\n")
			leave(people, 0, 2)
			writeStaff(t, dir, people, staffColumns, false)
			write(t, dir, "config.yaml", strings.Replace(config, c.old, c.new, 1))
			// plan shows what would follow; nothing comes of it.
			scimsync(t, dir, "plan").want(t, 0).says(t, "job staff is stopped", c.says, "scimsync approve staff", "What is shown here would follow the yes")
			mark, otherMark := svc.last(), other.last()
			for range 2 {
				scimsync(t, dir, "sync").want(t, 3).says(t, "job staff is stopped, nothing was sent", c.says, "scimsync approve staff")
			}
			scimsync(t, dir, "approve", "staff").want(t, 64).says(t, c.says, "--yes")
			scimsync(t, dir, "approve", "staff", "--reject").want(t, 3)
			scimsync(t, dir, "sync").want(t, 3)
			if n := len(svc.requests(mark)) + len(other.requests(otherMark)); n != 0 {
				t.Fatalf("%d requests of a stopped job", n)
			}
			// As it was, it goes on.
			write(t, dir, "config.yaml", config)
			if r := synced(t, dir, 0); r.Done["deactivate"] != 2 {
				t.Fatalf("as it was: %+v", r)
			}
			write(t, dir, "config.yaml", strings.Replace(config, c.old, c.new, 1))
			scimsync(t, dir, "sync").want(t, 3)
			scimsync(t, dir, "approve", "staff", "--yes").want(t, 0).says(t, "accepted", "scimsync plan staff")
			if n := other.last() - otherMark; n != 0 {
				t.Fatalf("the yes alone made %d requests", n)
			}
			scimsync(t, dir, "plan").want(t, 0)
			if o := scimsync(t, dir, "sync"); o.code == 1 || strings.Contains(o.err, "stopped, nothing") {
				t.Fatalf("after the yes: exit %d\n%s%s", o.code, o.out, o.err)
			}
			wantIDs(t, "inactive after the yes", svc.inactive(), []string{"000000", "000001"})
		})
	}
}

// A job that has something held and then is stopped: the yes to the job settles the
// one, then the other.
func TestStoppedWhileHeld(t *testing.T) {
	t.Parallel()
	svc, dir, people := hundred(t, guarded)
	gone := leave(people, 0, 30)
	writeStaff(t, dir, people, staffColumns, false)
	r := synced(t, dir, 3)
	config := csvConfig(strings.Replace(svc.URL, "127.0.0.1", "localhost", 1), guarded) // the same service by another name
	write(t, dir, "config.yaml", config)
	scimsync(t, dir, "sync").want(t, 3).says(t, "scimsync approve staff")
	scimsync(t, dir, "approve", r.Hold.ID).want(t, 3).says(t, "is stopped", "scimsync approve staff")
	wantIDs(t, "inactive", svc.inactive(), nil)
	scimsync(t, dir, "approve", "staff", "--yes").want(t, 0).says(t, "accepted")
	wantIDs(t, "inactive", svc.inactive(), nil)
	if again := synced(t, dir, 3); again.Hold == nil || again.Hold.ID != r.Hold.ID {
		t.Fatalf("the hold: %+v", again)
	}
	scimsync(t, dir, "approve", "staff", "--yes").want(t, 0)
	wantIDs(t, "inactive", svc.inactive(), gone)
}

// Invariant I12: another anchor or login for everybody is held.
func TestChangedAnchorIsHeld(t *testing.T) {
	t.Parallel()
	svc, dir, _ := hundred(t, guarded)
	mark := svc.last()
	for _, c := range []struct{ old, new, limit string }{
		{"userName: login", "userName: login\n        externalId: login", "rename.count"},
		{"userName: login", `userName: '"x" + login'`, "rename.count"},
		{`active: 'status != "off"'`, `active: 'status == "yes"'`, "deactivate.count"},
		{`'emails[type eq "work"].value': mail`, `'emails[type eq "work"].value': '"x" + default(mail, "")'`, "update.percent"},
	} {
		write(t, dir, "config.yaml", strings.Replace(csvConfig(svc.URL, guarded), c.old, c.new, 1))
		r := synced(t, dir, 3)
		found := false
		for _, l := range r.Hold.Limits {
			found = found || l.Limit == c.limit
		}
		if !found || r.Hold.Held != 100 || r.Calls != 0 {
			t.Errorf("%s: %+v", c.new, r)
		}
	}
	if list := svc.requests(mark); len(list) != 0 {
		t.Fatalf("%d requests", len(list))
	}
	write(t, dir, "config.yaml", csvConfig(svc.URL, guarded))
	quiet(t, dir, svc)
}

// A yes to a part of the first run does not release the rest of it.
func TestApprovePartOfTheFirstRun(t *testing.T) {
	t.Parallel()
	svc, dir, people := startService(t), t.TempDir(), roster(30)
	write(t, dir, "config.yaml", csvConfig(svc.URL, ""))
	writeStaff(t, dir, people, staffColumns, false)
	synced(t, dir, 3)
	scimsync(t, dir, "approve", "staff", "--yes", "--only", "000003,user4@example.org").want(t, 3)
	if users := svc.users(); len(users) != 2 || users["000003"] == nil || users["000004"] == nil {
		t.Fatalf("released: %v", users)
	}
	mark := svc.last()
	if r := synced(t, dir, 3); r.Hold == nil || r.Hold.Held != 28 || r.Calls != 0 {
		t.Fatalf("the rest: %+v", r)
	}
	people["000050"] = staffer{"id": "000050", "login": "new", "given": "New", "family": "Person", "status": "on"}
	writeStaff(t, dir, people, staffColumns, false)
	if r := synced(t, dir, 3); r.Hold == nil || r.Hold.Held != 29 || len(svc.writes(mark)) != 0 {
		t.Fatalf("with one more: %+v", r)
	}
	scimsync(t, dir, "approve", "staff", "--yes").want(t, 0).says(t, "create 29")
	quiet(t, dir, svc)
	delete(people, "000003")
	people["000051"] = staffer{"id": "000051", "login": "newer", "given": "New", "family": "Person", "status": "on"}
	writeStaff(t, dir, people, staffColumns, false)
	if r := synced(t, dir, 0); r.Done["deactivate"] != 1 || r.Done["create"] != 1 {
		t.Fatalf("after first contact: %+v", r)
	}
}
