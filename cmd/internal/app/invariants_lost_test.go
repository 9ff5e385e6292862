package app_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// withTimeout gives the one target of a config a timeout.
func withTimeout(config, timeout string) string {
	return replaced(config, "pace: {", "timeout: "+timeout+", pace: {")
}

// I1: one account per person, whatever becomes of the answers to creates, and though
// filters find a new account only after a while.
func TestI1LostAnswers(t *testing.T) {
	t.Parallel()
	dir, l := t.TempDir(), newLab(t)
	l.lag = 100 * time.Millisecond
	write(t, dir, "config.yaml", withTimeout(csvConfig(l.URL, freely), "1s"))
	people := roster(48)
	file(t, dir, people)
	none, bare := "", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"]}`
	fates := []answer{
		{drop: true},
		{status: 500},
		{status: 504, wait: 1200 * time.Millisecond}, // too late: the program has hung up
		{status: 202},
		{status: 201, body: &none},
		{status: 201, body: &bare},
	}
	fate := map[string]answer{}
	for i, id := range slices.Sorted(maps.Keys(people)) {
		fate[id] = fates[i%len(fates)]
	}
	l.plays(func(r request) answer {
		if r.Method != http.MethodPost {
			return answer{}
		}
		return fate[str(decoded[map[string]any](t, r.Body)["externalId"])]
	})
	for run := range 3 {
		r := synced(t, dir, 0)
		t.Logf("run %d: %v, %d parked, %d unsent", run, r.Done, len(r.Parked), r.Unsent)
	}
	wantAccounts(t, l.users(), allActive(people))
	oneLook(t, l.requests(0))
	for id, n := range l.posts {
		if n != 1 {
			t.Errorf("%s was created %d times", id, n)
		}
	}
	if w := writesOf(l, 0); w["POST"] != len(people) || w["PATCH"] != 0 {
		t.Errorf("%v for %d people", w, len(people))
	}
	quiet(t, dir, l)
}

// I1 when nothing at all is known of what became of the creates: the service carries
// them out, cuts the connections and allows no lookup, so that the program has to end
// with people in doubt. The next runs find their accounts.
func TestI1NothingIsKnown(t *testing.T) {
	t.Parallel()
	dir, l := t.TempDir(), newLab(t)
	l.lag = 100 * time.Millisecond
	write(t, dir, "config.yaml", csvConfig(l.URL, freely))
	people := roster(30)
	file(t, dir, people)
	var cut atomic.Bool
	l.plays(func(r request) answer {
		if r.Method == http.MethodPost {
			cut.Store(true)
			return answer{drop: true}
		}
		if cut.Load() {
			return answer{undone: true, status: 403}
		}
		return answer{}
	})
	first := scimsync(t, dir, "sync")
	if first.code == 0 {
		t.Fatalf("exit 0 although no create was answered:\n%s", first.out)
	}
	l.plays(nil)
	for range 3 {
		scimsync(t, dir, "sync")
	}
	wantAccounts(t, l.users(), allActive(people))
	oneLook(t, l.requests(0))
	for id, n := range l.posts {
		if n != 1 {
			t.Errorf("%s was created %d times", id, n)
		}
	}
	quiet(t, dir, l)
}

// I2: what was not acknowledged is not forgotten: it shows as waiting, and the next run
// sends exactly that.
func TestI2OnlyWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	dir, l := t.TempDir(), newLab(t)
	write(t, dir, "config.yaml", csvConfig(l.URL, freely))
	people := roster(60)
	file(t, dir, people)
	synced(t, dir, 0)
	before := l.users()
	want := map[string][]op{}
	for i, id := range slices.Sorted(maps.Keys(people)) {
		switch {
		case i < 25:
			people[id]["title"] = "Head"
			want[id] = []op{{"replace", "title", "Head"}}
		case i < 30:
			people[id]["status"] = "off"
			want[id] = []op{{"replace", "active", false}}
		}
	}
	file(t, dir, people)
	l.plays(func(r request) answer { return answer{undone: r.Method == http.MethodPatch, status: 500} })
	r := synced(t, dir, 1)
	if len(r.Done) != 0 || r.Error == "" {
		t.Errorf("a run without one acknowledgement says %+v", r)
	}
	var status struct {
		LastRun struct {
			Error   string
			Pending int
		} `json:"last_run"`
	}
	o := scimsync(t, dir, "status", "--output", "json").want(t, 0)
	if err := json.Unmarshal([]byte(o.out), &status); err != nil {
		t.Fatal(err)
	}
	if status.LastRun.Error == "" || status.LastRun.Pending != len(want) {
		t.Errorf("status shows %+v, want %d pending", status.LastRun, len(want))
	}

	l.plays(nil)
	r, seen := watch(t, dir, l, 0)
	wantPatches(t, before, seen.patches, want)
	if len(seen.creates) != 0 || r.Done["update"] != 25 || r.Done["deactivate"] != 5 {
		t.Errorf("after healing: %+v", r)
	}
	wantAccounts(t, l.users(), allActive(people))
	quiet(t, dir, l)
}

// I7: twelve cycles of joiners, movers and leavers under random faults, then calm: the
// service holds what it should within three cycles, without anybody's help.
func TestI7Convergence(t *testing.T) {
	t.Parallel()
	dir, l := t.TempDir(), newLab(t)
	write(t, dir, "config.yaml", withTimeout(csvConfig(l.URL, freely), "5s"))
	people, random, known := roster(40), dice(7), 40
	gone := map[string]staffer{}
	faults := dice(11)
	l.plays(func(request) answer {
		l.mu.Lock()
		p, applied, pause := faults.Float64(), faults.IntN(2) == 0, time.Duration(faults.IntN(20))*time.Millisecond
		status := []int{500, 502, 503, 504}[faults.IntN(4)]
		l.mu.Unlock()
		switch {
		case p < 0.05:
			return answer{drop: true, undone: !applied, status: 500}
		case p < 0.10:
			return answer{status: status, undone: !applied}
		case p < 0.12:
			return answer{status: 429, undone: true, header: map[string]string{"Retry-After": "0.1"}}
		}
		return answer{wait: pause}
	})
	for range 12 {
		for range 5 { // joiners
			id := fmt.Sprintf("%06d", known)
			people[id] = roster(known + 1)[id]
			known++
		}
		ids := slices.Sorted(maps.Keys(people))
		for range 5 { // movers
			p := people[ids[random.IntN(len(ids))]]
			p["title"] = fmt.Sprintf("Title %d", random.IntN(1000))
			if random.IntN(2) == 0 {
				p["login"] = fmt.Sprintf("login%d@example.org", random.IntN(1_000_000))
			}
		}
		for range 3 { // leavers, and one who is suspended or back from it
			id := ids[random.IntN(len(ids))]
			if people[id] != nil {
				gone[id] = people[id]
				delete(people, id)
			}
		}
		if p := people[ids[random.IntN(len(ids))]]; p != nil {
			p["status"] = map[string]string{"on": "off", "off": "on"}[p["status"]]
		}
		for id, p := range gone { // one who returns
			people[id] = p
			delete(gone, id)
			break
		}
		file(t, dir, people)
		o := scimsync(t, dir, "sync", "--output", "json")
		t.Logf("exit %d", o.code)
	}
	l.plays(nil)
	for range 3 {
		scimsync(t, dir, "sync")
	}
	wantSettled(t, dir, l, people, gone)
	oneLook(t, l.requests(0))
	quiet(t, dir, l)
}

// I7 for faults that last: the changes of a few people fail in two runs, then the service
// is out altogether for three. Once it is back, everything is done in no more time than
// half of what it was away, here about two seconds.
func TestI7Outage(t *testing.T) {
	t.Parallel()
	dir, l := t.TempDir(), newLab(t)
	write(t, dir, "config.yaml", csvConfig(l.URL, freely))
	people := roster(40)
	file(t, dir, people)
	synced(t, dir, 0)
	for i := range 20 {
		people[fmt.Sprintf("%06d", i)]["title"] = "Head"
	}
	for i := 40; i < 50; i++ {
		id := fmt.Sprintf("%06d", i)
		people[id] = roster(50)[id]
		people[id]["title"] = "New"
	}
	sick := map[string]bool{}
	for i := range 2 {
		sick["/scim/v2/Users/"+str(l.users()[fmt.Sprintf("%06d", i)]["id"])] = true
	}
	file(t, dir, people)
	l.plays(func(r request) answer {
		ill := sick[r.Path] || r.Method == http.MethodPost && str(decoded[map[string]any](t, r.Body)["externalId"]) == "000049"
		return answer{undone: ill, status: 503 * count(ill)}
	})
	for range 2 {
		if r := synced(t, dir, 4); len(r.Parked) != 3 {
			t.Errorf("parked: %+v", r.Parked)
		}
	}
	l.plays(func(r request) answer {
		return answer{undone: r.Method != http.MethodGet, status: 503 * count(r.Method != http.MethodGet)}
	})
	people["000030"]["title"] = "Head"
	file(t, dir, people)
	for range 3 {
		scimsync(t, dir, "sync")
	}
	l.plays(nil)
	synced(t, dir, 0)
	for healed := time.Now(); time.Since(healed) < 10*time.Second; synced(t, dir, 0) {
		if o := scimsync(t, dir, "status", "--exit-code"); o.code == 0 {
			break
		}
	}
	wantSettled(t, dir, l, people, nil)
	quiet(t, dir, l)
}

// count is 1 for what is so.
func count(is bool) int {
	if is {
		return 1
	}
	return 0
}

// wantSettled fails unless everybody who is listed and on has what the file says,
// everybody else who ever had an account is inactive, and nobody is parked.
func wantSettled(t testing.TB, dir string, l *lab, people, gone map[string]staffer) {
	t.Helper()
	users := l.users()
	for id, p := range people {
		switch u := users[id]; {
		case p["status"] == "off":
			if u != nil && u["active"] != false {
				t.Errorf("%s is active, and should not be", id)
			}
			delete(users, id)
		}
	}
	for id := range gone {
		if u := users[id]; u != nil && u["active"] != false {
			t.Errorf("%s has left and is active", id)
		}
		delete(users, id)
	}
	want := allActive(people)
	for id, p := range people {
		if p["status"] == "off" {
			delete(want, id)
		}
	}
	wantAccounts(t, users, want)
	if o := scimsync(t, dir, "status", "--exit-code", "--output", "json"); o.code != 0 {
		t.Errorf("status: exit %d: %s", o.code, o.out)
	}
}

// I23: a few people whose changes fail for good do not keep the others from theirs, are
// left alone as long as nothing changes, and show with the reason.
func TestI23PoisonIsolation(t *testing.T) {
	t.Parallel()
	dir, l := t.TempDir(), newLab(t)
	write(t, dir, "config.yaml", withTimeout(csvConfig(l.URL, freely), "1s"))
	people := roster(100)
	for i := range 3 {
		people[fmt.Sprintf("%06d", i)]["title"] = "poison"
	}
	people["000003"]["title"] = "conflict"
	people["000004"]["title"] = "slow"
	file(t, dir, people)
	poison := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"400","scimType":"invalidValue","detail":"title is not allowed"}`
	l.plays(func(r request) answer {
		if r.Method != http.MethodPost {
			return answer{}
		}
		switch decoded[map[string]any](t, r.Body)["title"] {
		case "poison":
			return answer{undone: true, status: 400, body: &poison}
		case "conflict":
			return answer{undone: true, status: 409}
		case "slow":
			return answer{undone: true, status: 504, wait: 1100 * time.Millisecond}
		}
		return answer{}
	})
	r := synced(t, dir, 4)
	if r.Done["create"] != 95 || len(r.Parked) != 4 || len(r.Conflicts) != 1 {
		t.Fatalf("first run: %v done, parked: %+v, conflicts: %+v", r.Done, r.Parked, r.Conflicts)
	}
	for range 4 {
		mark := l.last()
		if o := scimsync(t, dir, "sync"); o.code != 0 && o.code != 4 {
			t.Fatalf("exit %d: %s", o.code, o.err)
		}
		for _, r := range l.requests(mark) {
			if r.Method == http.MethodPost && str(decoded[map[string]any](t, r.Body)["title"]) != "slow" {
				t.Errorf("sent again unchanged: %s", r.Body)
			}
		}
	}
	var status struct{ Parked, Conflicts []problem }
	o := scimsync(t, dir, "status", "--output", "json").want(t, 0)
	if err := json.Unmarshal([]byte(o.out), &status); err != nil {
		t.Fatal(err)
	}
	why := map[string]string{}
	for _, p := range append(status.Parked, status.Conflicts...) {
		why[p.Key] = p.Why
	}
	for id, words := range map[string][]string{"000000": {"400 invalidValue", "title is not allowed"}, "000001": {"400"}, "000002": {"400"},
		"000003": {"409", "login"}, "000004": {"1s"}} {
		for _, word := range words {
			contains(t, why[id], word)
		}
	}
	if len(why) != 5 {
		t.Errorf("status shows %d people who wait: %v", len(why), why)
	}

	for i := range 5 {
		people[fmt.Sprintf("%06d", i)]["title"] = "Clerk"
	}
	file(t, dir, people)
	if r := synced(t, dir, 0); r.Done["create"] != 5 || len(r.Parked) != 0 {
		t.Fatalf("after mending: %+v", r)
	}
	wantAccounts(t, l.users(), allActive(people))
	wantSettled(t, dir, l, people, nil)
	quiet(t, dir, l)
}

// I23 for leavers, who go ahead of everybody: one whose deactivation is refused, or
// fails, is said once, tried once in the run, and keeps nobody from theirs.
func TestI23LeaverRefused(t *testing.T) {
	for status, later := range map[int]int{403: 0, 500: 1} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			dir, l := t.TempDir(), newLab(t)
			write(t, dir, "config.yaml", csvConfig(l.URL, freely))
			people := roster(20)
			file(t, dir, people)
			synced(t, dir, 0)
			sick := str(l.users()["000000"]["id"])
			l.plays(func(r request) answer {
				ill := strings.HasSuffix(r.Path, sick)
				return answer{undone: ill, status: status * count(ill)}
			})
			delete(people, "000000")
			delete(people, "000001")
			people["000020"] = roster(21)["000020"]
			file(t, dir, people)
			r := synced(t, dir, 4)
			if len(r.Parked) != 1 || r.Parked[0].Key != "000000" || r.Done["deactivate"] != 1 || r.Done["create"] != 1 {
				t.Errorf("%+v", r)
			}
			tries := 0
			for _, r := range l.requests(0) {
				tries += count(strings.HasSuffix(r.Path, sick) && r.Method == http.MethodPatch)
			}
			if want := 1 + 2*later; tries != want {
				t.Errorf("tried %d times, want %d", tries, want)
			}
			l.plays(nil)
			if r := synced(t, dir, 0); r.Done["deactivate"] != later {
				t.Errorf("the next run: %+v", r)
			}
		})
	}
}
