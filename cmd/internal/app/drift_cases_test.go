package app_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"scimsync/targets/scimtest"
)

// A repair above a limit is held like any other change, and waits for exactly that yes,
// whatever runs in between.
func TestRepairIsHeld(t *testing.T) {
	t.Parallel()
	svc, dir, people := driftRig(t, 40, "    guard: {first_run: go, update: {count: 8, at_least: 2}}\n")
	for i := range 9 {
		svc.patch(fmt.Sprintf("%06d", i), byOp("replace", "title", "Boss"))
	}
	mark := svc.last()
	found, _, runs := look(t, dir, 3, "--repair")
	if len(found) != 9 || len(svc.writes(mark)) > 0 || runs[0].Hold == nil || runs[0].Hold.Held != 9 {
		t.Fatalf("%d found, writes %v, %+v", len(found), svc.writes(mark), runs)
	}
	scimsync(t, dir, "plan").want(t, 0).says(t, "[held]", "changed at service", "Boss -> Clerk 1", "approve staff")
	// They are still not right, and a run by schedule sends none of it.
	if found, _, _ := look(t, dir, 0); len(found) != 9 {
		t.Errorf("while they are held: %v", found)
	}
	if r := synced(t, dir, 3); r.Calls != 0 {
		t.Errorf("%+v", r)
	}
	// What changes at the source goes along with what is held of that person.
	people["000004"]["given"] = "Changed"
	writeStaff(t, dir, people, staffColumns, false)
	synced(t, dir, 3)
	scimsync(t, dir, "approve", "staff", "--yes").want(t, 0)
	if n := svc.writes(mark)["PATCH"]; n != 9 {
		t.Errorf("%d requests", n)
	}
	if found, s, _ := look(t, dir, 0); len(found) > 0 || s.Summary.Compared != 40 {
		t.Errorf("after the yes: %v, %+v", found, s.Summary)
	}
	if u := svc.users()["000004"]; u["title"] != "Clerk 4" || u["name"].(map[string]any)["givenName"] != "Changed" {
		t.Errorf("%v", u)
	}
}

// What was marked and mended by hand since is not sent; what a source wants by now is not
// undone.
func TestRepairOverTakenByEvents(t *testing.T) {
	t.Parallel()
	svc, dir, people := driftRig(t, 10, "    guard: {first_run: go, update: {count: 0}}\n")
	svc.patch("000001", byOp("replace", "title", "Boss"))
	svc.patch("000002", byOp("replace", "title", "Head"))
	look(t, dir, 3, "--repair")
	svc.patch("000001", byOp("replace", "title", people["000001"]["title"]))
	people["000002"]["title"] = "Head"
	writeStaff(t, dir, people, staffColumns, false)
	mark := svc.last()
	// Both are looked at again: the one because the mark goes, the other because of its row.
	if found, _, _ := look(t, dir, 0); len(found) != 1 {
		t.Errorf("%v", found)
	}
	if r := synced(t, dir, 0); r.Calls != 0 || r.Hold != nil || len(svc.writes(mark)) > 0 {
		t.Errorf("%+v, writes %v", r, svc.writes(mark))
	}
	if found, _, _ := look(t, dir, 0); len(found) > 0 {
		t.Errorf("%v", found)
	}
}

// A listing that lies says of nobody that they are gone: whoever it does not show is read
// by their id.
func TestDriftUnderLyingListings(t *testing.T) {
	t.Parallel()
	for _, habit := range []string{"first-page-only=10", "paging-ignored", "total-is-page"} {
		t.Run(habit, func(t *testing.T) {
			t.Parallel()
			svc, dir, _ := driftRig(t, 30, freely)
			svc.patch("000003", byOp("replace", "title", "Boss"))
			svc.patch("000027", byOp("replace", "title", "Boss"))
			svc.do("DELETE", "/Users/"+svc.users()["000029"]["id"].(string), "")
			svc.habits(habit)
			found, s, _ := look(t, dir, 0)
			want := map[string]string{"000003": `changed; title: "Clerk 3" -> "Boss"`, "000027": `changed; title: "Clerk 6" -> "Boss"`, "000029": "gone"}
			if d := cmp.Diff(want, found); d != "" || s.Summary.Compared != 30 {
				t.Errorf("%+v (-want +got):\n%s", s.Summary, d)
			}
		})
	}
}

// habits has a sandbox change its habits.
func (s *service) habits(list ...string) {
	s.t.Helper()
	at := strings.TrimSuffix(s.URL, "/scim/v2") + "/-/habits"
	req, err := http.NewRequest(http.MethodPut, at, strings.NewReader(strings.Join(list, "\n")+"\n"))
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode >= 300 {
		s.t.Fatalf("PUT %s: %s", at, resp.Status)
	}
}

// Many accounts that are not there any more mean another service: none is made again
// without a yes.
func TestManyGone(t *testing.T) {
	t.Parallel()
	svc, dir, _ := driftRig(t, 40, freely)
	users := svc.users()
	for i := range 6 {
		svc.do("DELETE", "/Users/"+users[fmt.Sprintf("%06d", i)]["id"].(string), "")
	}
	scimsync(t, dir, "drift", "service").want(t, 0).says(t, "6 gone", "is this still the same service?")
	mark := svc.last()
	found, _, runs := look(t, dir, 3, "--repair")
	if len(found) != 6 || len(svc.writes(mark)) > 0 || runs[0].Hold == nil || runs[0].Hold.Held != 6 {
		t.Fatalf("%v, writes %v, %+v", found, svc.writes(mark), runs)
	}
	scimsync(t, dir, "plan").want(t, 0).says(t, "vanished.count: 6 accounts that are not there any more", "not there any more at service")
	scimsync(t, dir, "approve", "staff", "--yes").want(t, 0)
	if n := svc.writes(mark); n["POST"] != 6 || len(n) != 1 {
		t.Errorf("writes %v", n)
	}
	if found, _, _ := look(t, dir, 0); len(found) > 0 || len(svc.users()) != 40 {
		t.Errorf("%v, %d accounts", found, len(svc.users()))
	}
}

// Somebody whose account is gone, and who leaves before it is made again, needs no
// account; one whose account only seemed to be gone is deactivated all the same.
func TestGoneAndLeft(t *testing.T) {
	t.Parallel()
	svc, dir, people := driftRig(t, 20, "    guard: {first_run: go, create: {count: 0}, deactivate: {count: 20}}\n")
	id := svc.users()["000001"]["id"].(string)
	svc.do("DELETE", "/Users/"+id, "")
	if found, _, runs := look(t, dir, 3, "--repair"); found["000001"] != "gone" || runs[0].Hold == nil {
		t.Fatalf("%v, %+v", found, runs)
	}
	delete(people, "000001")
	writeStaff(t, dir, people, staffColumns, false)
	mark := svc.last()
	if r := synced(t, dir, 0); r.Done["deactivate"] != 1 || svc.writes(mark)["POST"] > 0 {
		t.Errorf("%+v, writes %v", r, svc.writes(mark))
	}
	if found, _, _ := look(t, dir, 0); len(found) > 0 {
		t.Errorf("%v", found)
	}
}

// An account that carries somebody else's externalId is a human's business; one that moved
// is taken over; a protected one is not even looked at.
func TestTakenMovedProtected(t *testing.T) {
	t.Parallel()
	svc, dir, _ := driftRig(t, 12, freely)
	users := svc.users()
	svc.patch("000001", byOp("replace", "externalId", "of-another-system"), byOp("replace", "title", "Boss"))
	svc.do("DELETE", "/Users/"+users["000002"]["id"].(string), "")
	moved := svc.byHand(`{"userName":"user2@example.org","externalId":"000002","title":"Kept"}`)["id"].(string)
	svc.patch("000003", byOp("replace", "title", "Boss"))
	svc.patch("000004", byOp("replace", "userName", "admin@example.org"))
	write(t, dir, "config.yaml", withTarget(drifting(svc.URL, freely), `protect: {userName: ["user3@*", "admin@*"]}`))
	mark := svc.last()
	found, s, _ := look(t, dir, 4, "--repair")
	if d := cmp.Diff(map[string]string{"000001": "taken", "000002": "moved"}, found); d != "" || s.Summary.Protected != 2 {
		t.Fatalf("%+v (-want +got):\n%s", s.Summary, d)
	}
	after := svc.users()
	if n := svc.writes(mark); n["PATCH"] != 1 || len(n) != 1 {
		t.Errorf("writes %v", n)
	}
	if u := after["000002"]; u["id"] != moved || u["title"] != "Kept" || u["displayName"] == nil {
		t.Errorf("it was not taken over by the rules: %v", u)
	}
	if u := after["of-another-system"]; u["title"] != "Boss" {
		t.Errorf("%v", u)
	}
	// What the account kept when it was taken over is no drift.
	if found, _, _ := look(t, dir, 0); len(found) != 1 {
		t.Errorf("%v", found)
	}
}

// A comparison that was interrupted or killed goes on where it was; what was not right is
// shown again.
func TestDriftGoesOn(t *testing.T) {
	t.Parallel()
	for name, signal := range map[string]syscall.Signal{"interrupted": syscall.SIGINT, "killed": syscall.SIGKILL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const n = 350
			svc, dir, _ := driftRig(t, n, freely)
			write(t, dir, "config.yaml", withTarget(drifting(svc.URL, freely), `options: {list: {supported: false}}`)) // each by its id
			svc.patch("000007", byOp("replace", "title", "Boss"))
			svc.patch("000320", byOp("replace", "title", "Boss"))
			mark := svc.last()
			c := program(t, dir, "drift", "service")
			var out, errs strings.Builder
			c.Stdout, c.Stderr = &out, &errs
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			for deadline := time.Now().Add(20 * time.Second); svc.last() < mark+130 && time.Now().Before(deadline); {
				time.Sleep(time.Millisecond)
			}
			_ = c.Process.Signal(signal)
			_ = c.Wait()
			if name == "interrupted" && (c.ProcessState.ExitCode() != 1 || !strings.Contains(errs.String(), "goes on from there")) {
				t.Errorf("exit %d: %s", c.ProcessState.ExitCode(), errs.String())
			}
			if c.ProcessState.ExitCode() == 0 {
				t.Fatalf("it ended before it could be stopped: %s", out.String())
			}
			mark = svc.last()
			found, s, _ := look(t, dir, 0)
			if len(found) != 2 || s.Summary.Earlier < 100 || s.Summary.Compared > n-100+1 {
				t.Errorf("%v, %+v", found, s.Summary)
			}
			if reads := int(svc.last() - mark); reads > n-100+1 || reads != s.Summary.Reads {
				t.Errorf("%d requests, it says %d", reads, s.Summary.Reads)
			}
			if _, s, _ := look(t, dir, 0); s.Summary.Compared != n || s.Summary.Earlier != 0 {
				t.Errorf("the next one begins anew: %+v", s.Summary)
			}
		})
	}
}

// Values that a service rewrites, hides or ignores are repaired once at most, and are no
// drift from then on; what somebody changes there later is.
func TestEchoesAreNoDrift(t *testing.T) {
	t.Parallel()
	for name, answers := range map[string]func(r request) answer{
		"it answers with the account": func(request) answer { return answer{} },
		"it answers 204": func(r request) answer {
			if r.Method == http.MethodPatch {
				none := ""
				return answer{status: http.StatusNoContent, body: &none}
			}
			return answer{}
		},
		"it answers with the id": func(r request) answer {
			if r.Method == http.MethodPatch || r.Method == http.MethodPost {
				return answer{edit: func(body map[string]any) {
					for name := range body {
						if name != "id" && name != "schemas" {
							delete(body, name)
						}
					}
				}}
			}
			return answer{}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, l := t.TempDir(), newLab(t)
			l.plays(answers)
			rewrites := func(user map[string]any) {
				if title, ok := user["title"].(string); ok {
					user["title"] = "Mr " + title
				}
				delete(user, "timezone") // it shows nobody's
			}
			l.disturb = rewrites
			people := roster(8)
			write(t, dir, "config.yaml", drifting(l.URL, freely))
			writeStaff(t, dir, people, staffColumns, false)
			synced(t, dir, 0)
			for range 3 {
				if found, _, _ := look(t, dir, 0, "--repair"); name == "it answers with the account" && len(found) > 0 {
					t.Fatalf("%v", found)
				}
			}
			mark := l.last()
			found, s, _ := look(t, dir, 0, "--repair")
			if len(found) > 0 || len(writesOf(l, mark)) > 0 || s.Summary.Compared != 8 {
				t.Fatalf("it never ends: %v, %v, %+v", found, writesOf(l, mark), s.Summary)
			}
			people["000002"]["title"] = "Head" // rewritten as well
			writeStaff(t, dir, people, staffColumns, false)
			synced(t, dir, 0)
			look(t, dir, 0, "--repair")
			if found, _, _ := look(t, dir, 0); len(found) > 0 {
				t.Fatalf("after a change at the source: %v", found)
			}
			l.hand("000003", "title", "Boss")
			want := map[string]string{"000003": `changed; title: "Clerk 3" -> "Mr Boss"`}
			for range 2 {
				found, _, _ := look(t, dir, 0)
				if d := cmp.Diff(want, found); d != "" {
					t.Errorf("(-want +got):\n%s", d)
				}
			}
			look(t, dir, 0, "--repair")
			if title := l.users()["000003"]["title"]; title != "Clerk 3" {
				t.Errorf("after the repair it is %v", title)
			}
			if found, _, _ := look(t, dir, 0); len(found) > 0 {
				t.Errorf("after the repair: %v", found)
			}
			// Once the service shows what was pushed, the echo is over.
			l.mu.Lock()
			l.disturb = nil
			l.mu.Unlock()
			if found, _, _ := look(t, dir, 0); len(found) > 0 {
				t.Errorf("as pushed: %v", found)
			}
			l.hand("000003", "title", "Mr Clerk 3")
			if found, _, _ := look(t, dir, 0); len(found) != 1 {
				t.Errorf("somebody else: %v", found)
			}
		})
	}
}

// hand changes an account as somebody at the service would.
func (l *lab) hand(key, path string, value any) {
	l.t.Helper()
	body := fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[%s]}`, byOp("replace", path, value))
	req, err := http.NewRequest(http.MethodPatch, l.URL+"/Users/"+str(l.users()[key]["id"]), strings.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/scim+json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		l.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode >= 300 {
		l.t.Fatal(resp.Status)
	}
}

// The accounts that nobody claims are listed, with whom they may belong to, and not
// touched.
func TestUnmanaged(t *testing.T) {
	t.Parallel()
	svc, dir, people := driftRig(t, 5, freely)
	local := svc.byHand(`{"userName":"Local-admin","active":true}`)["id"].(string)
	old := svc.byHand(`{"userName":"user3-old@example.org","externalId":"000003","active":false}`)["id"].(string)
	people["000077"] = staffer{"id": "000077", "login": "later@example.org", "given": "L", "family": "Ater", "status": "off", "room": "1"} // has no account
	writeStaff(t, dir, people, staffColumns, false)
	synced(t, dir, 0)
	later := svc.byHand(`{"userName":"LATER@example.org"}`)["id"].(string)
	write(t, dir, "config.yaml", withTarget(drifting(svc.URL, freely), `protect: {userName: ["local-*"]}`))
	mark := svc.last()
	o := scimsync(t, dir, "drift", "service", "--unmanaged").want(t, 0)
	lines := strings.Split(strings.TrimSpace(o.out), "\n")
	slices.Sort(lines)
	want := []string{
		`LATER@example.org, account ` + later + `: active is not known, may belong to user/hr/000077, by userName`,
		`Local-admin, account ` + local + `: active, protected`,
		`service: 3 accounts nobody claims; nothing is done about them`,
		`user3-old@example.org, account ` + old + `: inactive, externalId 000003, may belong to user/hr/000003, by externalId`,
	}
	if d := cmp.Diff(want, lines); d != "" || len(svc.writes(mark)) > 0 {
		t.Errorf("(-want +got):\n%s", d)
	}
	o = scimsync(t, dir, "drift", "service", "--unmanaged", "--output", "json").want(t, 0)
	if n := strings.Count(o.out, "\n"); n != 4 || !strings.Contains(o.out, `"person":"user/hr/000077","by":"userName"`) {
		t.Errorf("%s", o.out)
	}
	svc.habits("page-max=3", "paging-ignored")
	scimsync(t, dir, "drift", "service", "--unmanaged").want(t, 0).says(t, "there may be more")
}

// One person can be looked at, and repaired, alone.
func TestDriftOfOnePerson(t *testing.T) {
	t.Parallel()
	svc, dir, _ := driftRig(t, 30, freely)
	svc.patch("000003", byOp("replace", "title", "Boss"))
	svc.patch("000004", byOp("replace", "title", "Boss"))
	mark := svc.last()
	found, s, _ := look(t, dir, 0, "--user", "user3@example.org", "--repair")
	if len(found) != 1 || s.Summary.Compared != 1 || svc.writes(mark)["PATCH"] != 1 {
		t.Errorf("%v, %+v, writes %v", found, s.Summary, svc.writes(mark))
	}
	if found, _, _ := look(t, dir, 0, "--user", "000003,000004"); len(found) != 1 || found["000004"] == "" {
		t.Errorf("%v", found)
	}
	scimsync(t, dir, "drift", "service", "--user", "nobody").want(t, 1).says(t, "nobody in job staff")
	scimsync(t, dir, "drift", "elsewhere").want(t, 64).says(t, "there is no target", "service")
	scimsync(t, dir, "drift", "service", "--unmanaged", "--repair").want(t, 64)
	scimsync(t, dir, "drift").want(t, 64)
}

// Several jobs at one target are compared by what each of them owns, and repaired by
// theirs; the accounts of a job that is no more are told, and left alone.
func TestDriftOfSeveralJobs(t *testing.T) {
	t.Parallel()
	svc, dir := startService(t), t.TempDir()
	config := `version: 1
state: {dir: state}
log: {level: warn}
sources:
  hr: {csv: {users: {path: people.csv, key: id}}}
  ex: {csv: {users: {path: others.csv, key: id}}}
targets:
  service: {url: "` + svc.URL + `", pace: {rate: 100000/s, burst: 1000, concurrency: 8}}
jobs:
  staff: {from: hr, to: service, users: {map: {userName: login, title: title, roles: '["a"]'}, own: {roles: all}}, guard: {first_run: go}}
  guests: {from: ex, to: service, users: {map: {userName: login, title: title, roles: '["a"]'}}, guard: {first_run: go}}
`
	write(t, dir, "config.yaml", config)
	write(t, dir, "people.csv", "id,login,title\n1,ada,Clerk\n2,bob,Clerk\n")
	write(t, dir, "others.csv", "id,login,title\n8,eve,Guest\n9,fay,Guest\n")
	scimsync(t, dir, "sync").want(t, 0)
	for _, key := range []string{"1", "9"} {
		svc.patch(key, byOp("add", "roles", []any{map[string]any{"value": "theirs"}}), byOp("replace", "title", "Boss"))
	}
	want := map[string]string{
		"1": `changed; roles: [{"primary":true,"value":"a"}] -> [{"primary":true,"value":"a"},{"value":"theirs"}]; title: "Clerk" -> "Boss"`,
		"9": `changed; title: "Guest" -> "Boss"`,
	}
	found, _, runs := look(t, dir, 0, "--repair")
	if d := cmp.Diff(want, found); d != "" || len(runs) != 2 || runs[0].Done["update"] != 1 || runs[1].Done["update"] != 1 {
		t.Fatalf("%+v (-want +got):\n%s", runs, d)
	}
	users := svc.users()
	if n := len(users["1"]["roles"].([]any)); n != 1 {
		t.Errorf("%v", users["1"])
	}
	if n := len(users["9"]["roles"].([]any)); n != 2 {
		t.Errorf("%v", users["9"])
	}
	svc.patch("9", byOp("replace", "title", "Boss"))
	write(t, dir, "config.yaml", config[:strings.Index(config, "  guests:")])
	if found, _, runs := look(t, dir, 0, "--repair"); len(found) != 1 || len(runs) > 0 {
		t.Errorf("%v, %+v", found, runs)
	}
}

// An account that a service shows with other values while it is inactive, or does not show
// at all then, is not repaired for that.
func TestDriftOfDeactivated(t *testing.T) {
	t.Parallel()
	for _, profile := range []string{"github-emu", "pagerduty"} {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			svc, dir := startService(t, "--profile", profile, "--habit", "limit=off"), t.TempDir()
			write(t, dir, "config.yaml", replaced(withTarget(csvConfig(svc.URL, freely), "profile: "+profile), "title: title", "nickName: null"))
			people := roster(6)
			writeStaff(t, dir, people, staffColumns, false)
			scimsync(t, dir, "sync").want(t, 0)
			people["000001"]["status"] = "off"
			delete(people, "000002")
			writeStaff(t, dir, people, staffColumns, false)
			if profile == "pagerduty" { // where to deactivate is to delete
				scimsync(t, dir, "sync").want(t, 3)
				scimsync(t, dir, "approve", "staff", "--yes").want(t, 0)
			} else {
				scimsync(t, dir, "sync").want(t, 0)
			}
			compared := map[string]int{"github-emu": 6, "pagerduty": 4}[profile]
			if found, s, _ := look(t, dir, 0); len(found) > 0 || s.Summary.Compared != compared {
				t.Errorf("%v, %+v", found, s.Summary)
			}
			if profile == "pagerduty" {
				return
			}
			svc.patch("000004", byOp("replace", "active", false))
			found, _, runs := look(t, dir, 0, "--repair")
			if d := cmp.Diff(map[string]string{"000004": "changed; active: true -> false"}, found); d != "" || runs[0].Done["reactivate"] != 1 {
				t.Errorf("%+v (-want +got):\n%s", runs, d)
			}
			if found, _, _ := look(t, dir, 0); len(found) > 0 {
				t.Errorf("after the repair: %v", found)
			}
		})
	}
}

// Another service under the target's name is refused before anything is read there.
func TestDriftAtAnotherService(t *testing.T) {
	t.Parallel()
	svc, dir, _ := driftRig(t, 8, freely)
	other := startService(t)
	write(t, dir, "config.yaml", drifting(other.URL, freely))
	scimsync(t, dir, "drift", "service").want(t, 3).says(t, "url was", "scimsync approve staff")
	if other.last() != 0 {
		t.Errorf("%d requests", other.last())
	}
	_ = svc
}

// The share of the pace that drift takes is a fifth.
func TestDriftIsSlow(t *testing.T) {
	t.Parallel()
	svc, dir, _ := driftRig(t, 12, freely)
	write(t, dir, "config.yaml", strings.Replace(withTarget(drifting(svc.URL, freely), `options: {list: {supported: false}}`),
		"pace: {rate: 100000/s, burst: 1000, concurrency: 8}", "pace: {rate: 50/s, concurrency: 8}", 1))
	begun := time.Now()
	_, s, _ := look(t, dir, 0)
	if took := time.Since(begun); s.Summary.Reads != 12 || took < 1100*time.Millisecond {
		t.Errorf("%d requests in %s", s.Summary.Reads, took)
	}
}

// The same against a server of foreign make.
func TestDriftAtScimmy(t *testing.T) {
	t.Parallel()
	server, dir := scimtest.Start(t), t.TempDir()
	svc := &service{URL: server.URL, t: t}
	write(t, dir, "config.yaml", drifting(server.URL, freely))
	people := roster(12)
	for id, p := range people {
		p["mail"] = "mail" + id + "@example.org"
	}
	writeStaff(t, dir, people, staffColumns, false)
	synced(t, dir, 0)
	if found, s, _ := look(t, dir, 0); len(found) > 0 || s.Summary.Compared != 12 {
		t.Fatalf("nothing was touched: %v, %+v", found, s.Summary)
	}
	svc.patch("000001", byOp("replace", "title", "Boss"), byOp("add", "nickName", "Nick"))
	svc.patch("000002", byOp("remove", "title", nil))
	svc.patch("000003", byOp("replace", "active", false))
	svc.patch("000004", byOp("replace", `emails[type eq "work"].value`, "theirs@example.org"))
	svc.patch("000005", byOp("replace", "userName", "renamed@example.org"))
	svc.patch("000006", byOp("add", "emails", []any{map[string]any{"type": "home", "value": "home@example.org"}}))
	svc.do("DELETE", "/Users/"+svc.users()["000007"]["id"].(string), "")
	mark := len(server.Requests())
	found, _, runs := look(t, dir, 0, "--repair")
	if len(found) != 6 || found["000006"] != "" || found["000007"] != "gone" {
		t.Errorf("%v", found)
	}
	writes := map[string]int{}
	for _, r := range server.RequestsAfter(mark) {
		if r.Method != http.MethodGet {
			writes[r.Method]++
		}
	}
	if d := cmp.Diff(map[string]int{"PATCH": 5, "POST": 1}, writes); d != "" {
		t.Errorf("%+v, writes (-want +got):\n%s", runs, d)
	}
	if found, s, _ := look(t, dir, 0); len(found) > 0 || s.Summary.Compared != 12 {
		t.Errorf("after the repair: %v, %+v", found, s.Summary)
	}
	users := svc.users()
	if users["000001"]["nickName"] != "Nick" || len(users["000006"]["emails"].([]any)) != 2 {
		t.Errorf("foreign values went: %v, %v", users["000001"], users["000006"])
	}
}
