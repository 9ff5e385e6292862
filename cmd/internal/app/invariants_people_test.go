package app_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// goes lets the first run go; every limit is what it is by default.
const goes = "    guard: {first_run: go}\n"

// harmless runs commands, each of which must end with its code, and fails the test if
// anybody is deactivated, deleted or given another identity by them. writes tells
// whether anything at all may be written.
func harmless(t testing.TB, dir string, l *lab, writes bool, code int, args ...string) outcome {
	t.Helper()
	mark := l.last()
	o := scimsync(t, dir, args...).want(t, code)
	for _, r := range l.requests(mark) {
		if r.Method == http.MethodGet {
			continue
		}
		if !writes {
			t.Errorf("something was written: %s", logOf([]request{r}))
		}
		if r.Method == http.MethodDelete || r.Method == http.MethodPost || strings.Contains(r.Body, `"active"`) || strings.Contains(r.Body, `"externalId"`) {
			t.Errorf("not harmless: %s", logOf([]request{r}))
		}
	}
	return o
}

// I12: another configuration is no departure. Whatever is configured anew, nobody is
// deactivated or gets another identity without a yes.
func TestI12ConfigurationIsNoDeparture(t *testing.T) {
	t.Parallel()
	dir, l := t.TempDir(), newLab(t)
	config := csvConfig(l.URL, goes)
	write(t, dir, "config.yaml", config)
	people := roster(100)
	file(t, dir, people)
	synced(t, dir, 0)
	other := newLab(t)

	for _, c := range []struct {
		name, config string
		code         int
		says         string
		writes       bool
	}{
		{"a narrower scope", replaced(config, "    users:\n", "    users:\n      include: 'id < \"000040\"'\n"), 3, "deactivate", false},
		{"another tenant", strings.ReplaceAll(config, l.URL, other.URL), 3, "url was", false},
		{"another key column", replaced(config, "key: id", "key: login"), 3, "key was", false},
		{"another anchor", replaced(config, "        userName: login\n", "        userName: login\n        externalId: '\"emp-\" + id'\n"), 3, "rename", false},
		{"a mapped column that does not exist", replaced(config, "userName: login", "userName: logn"), 1, "logn", false},
		{"a path that does not exist", replaced(config, "        title: title", "        titel: title"), 1, "titel", false},
		{"a misspelt attribute in active", replaced(config, `active: 'status != "off"'`, `active: 'state != "off"'`), 1, "state", false},
		{"a misspelt attribute in include", replaced(config, "    users:\n", "    users:\n      include: 'departmnt == \"x\"'\n"), 1, "departmnt", false},
		{"active by what nobody has", replaced(config, `status != "off"`, `status == "active"`), 3, "deactivate", false},
		{"a line less", replaced(config, "        title: title\n", ""), 0, "nothing to do", false},
		{"logins by another rule", replaced(config, "userName: login", `userName: '"x-" + login'`), 3, "rename", false},
		{"another source", replaced(strings.ReplaceAll(config, "  hr: {csv", "  old: {csv: {users: {path: people.csv, key: id}}}\n  hr: {csv"), "from: hr", "from: old"), 3, "from was", false},
	} {
		write(t, dir, "config.yaml", c.config)
		o := harmless(t, dir, l, c.writes, c.code, "sync")
		if !strings.Contains(o.out+o.err, c.says) {
			t.Errorf("%s: nothing is said of %q:\n%s%s", c.name, c.says, o.out, o.err)
		}
		write(t, dir, "config.yaml", config)
		harmless(t, dir, l, false, 0, "sync")
	}
	if n := len(other.requests(0)); n > 0 {
		t.Errorf("%d requests to another tenant", n)
	}
	wantAccounts(t, l.users(), allActive(people))
}

// A column or attribute that cannot be read any more deactivates nobody.
func TestUnreadableDeactivatesNobody(t *testing.T) {
	t.Parallel()
	dir, l := t.TempDir(), newLab(t)
	write(t, dir, "config.yaml", csvConfig(l.URL, "      include: 'room != \"0\"'\n"+goes))
	people := roster(50)
	for _, p := range people {
		p["room"] = "12"
	}
	file(t, dir, people)
	synced(t, dir, 0)
	good, err := os.ReadFile(filepath.Join(dir, "people.csv"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file string
		code int
	}{
		"a renamed column of active":  {replaced(string(good), ",status,", ",state,"), 1},
		"a renamed column of include": {replaced(string(good), ",room\n", ",office\n"), 1},
		"a renamed key":               {replaced(string(good), "id,login", "employee,login"), 1},
		"a column less":               {strings.ReplaceAll(replaced(string(good), ",status,", ","), ",on,", ","), 1},
		"an emptied column":           {strings.ReplaceAll(string(good), ",on,", ",,"), 1},
		"emptied for a third":         {strings.Replace(string(good), ",on,", ",,", 17), 0}, // not known: active is left alone
		"another word in the header":  {replaced(string(good), "status", "Status "), 0},     // the same variable
	} {
		write(t, dir, "people.csv", c.file)
		mark := l.last()
		o := scimsync(t, dir, "sync")
		if n := len(l.requests(mark)); o.code != c.code || n > 0 {
			t.Errorf("%s: exit %d, want %d, %d requests:\n%s%s%s", name, o.code, c.code, n, logOf(l.requests(mark)), o.out, o.err)
		}
	}
	write(t, dir, "people.csv", string(good))
	quiet(t, dir, l)
	wantAccounts(t, l.users(), allActive(people))
}

// An end date that passes deactivates on its day though the file does not change.
func TestEndDatePasses(t *testing.T) {
	t.Parallel()
	dir, l := t.TempDir(), newLab(t)
	write(t, dir, "config.yaml", csvConfig(l.URL, "      active_until: {value: end, format: 'YYYY-MM-DD HH:mm:ss', zone: UTC, none: [never]}\n"+goes))
	people := roster(3)
	end := time.Now().Add(4 * time.Second).UTC()
	people["000000"]["end"] = end.Format("2006-01-02 15:04:05")
	people["000001"]["end"] = end.Add(time.Hour).Format("2006-01-02 15:04:05")
	people["000002"]["end"] = "never"
	writeStaff(t, dir, people, append([]string{"end"}, staffColumns...), false)
	source := stamp(t, filepath.Join(dir, "people.csv"))
	synced(t, dir, 0)
	if time.Now().Before(end.Truncate(time.Second)) {
		quiet(t, dir, l)
	}
	users := l.users()
	if users["000000"]["active"] != true && time.Now().Before(end.Truncate(time.Second)) {
		t.Error("deactivated before the end")
	}
	time.Sleep(time.Until(end))
	r, seen := watch(t, dir, l, 0)
	wantPatches(t, users, seen.patches, map[string][]op{"000000": {{"replace", "active", false}}})
	if r.Done["deactivate"] != 1 || stamp(t, filepath.Join(dir, "people.csv")) != source {
		t.Errorf("%+v", r)
	}
	quiet(t, dir, l)
}

// I13: who changes the login keeps the account: alone, in swaps, chains and circles, and
// by case only. Moves between OUs are among the LDAP tests.
func TestI13Renames(t *testing.T) {
	t.Parallel()
	dir, l := t.TempDir(), newLab(t)
	write(t, dir, "config.yaml", csvConfig(l.URL, freely))
	people := roster(40)
	file(t, dir, people)
	synced(t, dir, 0)
	ids := map[string]any{}
	for key, u := range l.users() {
		ids[key] = u["id"]
	}
	login := func(i int) string { return fmt.Sprintf("user%d@example.org", i) }
	to := map[int]string{
		0: login(1), 1: login(0), // a swap
		2: login(3), 3: login(4), 4: "end@example.org", // a chain
		5: login(6), 6: login(7), 7: login(5), // a circle
		8: "USER8@example.org", 9: "User9@Example.org", // case only
		10: "USER11@EXAMPLE.ORG", 11: login(10), // a swap in another case
		12: "free@example.org", 30: login(12), // one gives up what another takes; so does a leaver's neighbour
	}
	for i := 13; i < 20; i++ {
		to[i] = fmt.Sprintf("married%d@example.org", i)
	}
	for i, login := range to {
		people[fmt.Sprintf("%06d", i)]["login"] = login
	}
	file(t, dir, people)

	o := scimsync(t, dir, "plan", "--all").want(t, 0)
	if n := strings.Count(o.out, "tmp"); n < 3 {
		t.Errorf("the plan shows %d temporary logins, there are three circles:\n%s", n, o.out)
	}
	mark := l.last()
	r := synced(t, dir, 0)
	if r.Done["update"] != len(to)+3 || r.Calls != len(to)+3 || len(r.Conflicts)+len(r.Parked) > 0 {
		t.Errorf("%+v", r)
	}
	for _, r := range l.requests(mark) {
		if r.Method != http.MethodPatch || r.Status >= 300 || strings.Contains(r.Body, `"active"`) || !strings.Contains(r.Body, `"userName"`) {
			t.Errorf("not a rename: %s", logOf([]request{r}))
		}
	}
	for key, u := range l.users() {
		if u["id"] != ids[key] {
			t.Errorf("%s has another account", key)
		}
	}
	wantAccounts(t, l.users(), allActive(people))
	quiet(t, dir, l)
}

// I13: a login that somebody keeps is a conflict, said once and not tried in a loop,
// which ends as soon as the other gives the login up.
func TestI13BlockedRename(t *testing.T) {
	t.Parallel()
	dir, l := t.TempDir(), newLab(t)
	write(t, dir, "config.yaml", csvConfig(l.URL, freely))
	people := roster(10)
	file(t, dir, people)
	synced(t, dir, 0)
	people["000000"]["login"] = people["000001"]["login"]
	file(t, dir, people)
	mark := l.last()
	r := synced(t, dir, 4)
	if len(r.Conflicts) != 1 || !strings.Contains(r.Conflicts[0].Why, "000001") {
		t.Errorf("conflicts: %+v", r.Conflicts)
	}
	for range 3 {
		synced(t, dir, 0)
	}
	if list := l.requests(mark); len(list) > 0 {
		t.Errorf("tried all the same:\n%s", logOf(list))
	}
	people["000001"]["login"] = "elsewhere@example.org"
	file(t, dir, people)
	if r := synced(t, dir, 0); r.Done["update"] != 2 || len(r.Conflicts) > 0 {
		t.Errorf("after the other gave the login up: %+v", r)
	}
	wantAccounts(t, l.users(), allActive(people))
	quiet(t, dir, l)
}

// I14: a newcomer with the login of somebody who left does not get that account.
func TestI14RecycledLogin(t *testing.T) {
	t.Parallel()
	dir, l := t.TempDir(), newLab(t)
	write(t, dir, "config.yaml", csvConfig(l.URL, freely))
	people := roster(10)
	file(t, dir, people)
	synced(t, dir, 0)
	left := people["000005"]
	delete(people, "000005")
	newcomer := maps.Clone(left)
	newcomer["id"], newcomer["given"] = "990005", "Newcomer"
	people["990005"] = newcomer
	file(t, dir, people)
	r := synced(t, dir, 4)
	if r.Done["deactivate"] != 1 || r.Done["create"]+r.Done["adopt"]+r.Done["reactivate"] != 0 || len(r.Conflicts) != 1 || r.Conflicts[0].Key != "990005" {
		t.Errorf("%+v", r)
	}
	for range 3 {
		if r := synced(t, dir, 0); r.Calls != 0 {
			t.Errorf("a later run: %+v", r)
		}
	}
	x := l.users()["000005"]
	if x == nil || x["active"] != false || x["externalId"] != "000005" || x["displayName"] != left.account(false)["displayName"] {
		t.Errorf("the leaver's account became %v", x)
	}

	// Once the old account is gone for good, the newcomer gets one.
	deleteByHand(t, l, str(x["id"]))
	if r := synced(t, dir, 0, "--user", "990005"); r.Done["create"] != 1 {
		t.Errorf("after the old account is gone: %+v", r)
	}
	wantAccounts(t, l.users(), allActive(people))
}

// I15: who comes back gets the same account again, with what changed meanwhile in the
// same PATCH, and nothing was sent for them in between. Only if the account is really
// gone there is a new one.
func TestI15Rehire(t *testing.T) {
	t.Parallel()
	dir, l := t.TempDir(), newLab(t)
	write(t, dir, "config.yaml", csvConfig(l.URL, freely))
	people := roster(12)
	file(t, dir, people)
	synced(t, dir, 0)
	before := l.users()

	// 0 leaves, 1 is suspended; both change while they are away.
	zero := maps.Clone(people["000000"])
	delete(people, "000000")
	people["000001"]["status"] = "off"
	file(t, dir, people)
	_, seen := watch(t, dir, l, 0)
	wantPatches(t, before, seen.patches, map[string][]op{"000000": {{"replace", "active", false}}, "000001": {{"replace", "active", false}}})
	people["000001"]["title"] = "Away"
	file(t, dir, people)
	quiet(t, dir, l)
	zero["title"] = "Back"
	people["000000"], people["000001"]["status"] = zero, "on"
	file(t, dir, people)
	_, seen = watch(t, dir, l, 0)
	wantPatches(t, before, seen.patches, map[string][]op{"000000": {{"replace", "active", true}, {"replace", "title", "Back"}},
		"000001": {{"replace", "active", true}, {"replace", "title", "Away"}}})
	wantAccounts(t, l.users(), allActive(people))
	quiet(t, dir, l)

	// 2 leaves, the account is deleted at the service, and 2 returns.
	two := people["000002"]
	delete(people, "000002")
	file(t, dir, people)
	synced(t, dir, 0)
	deleteByHand(t, l, str(before["000002"]["id"]))
	people["000002"] = two
	file(t, dir, people)
	mark := l.last()
	for range 3 {
		o := scimsync(t, dir, "sync", "--output", "json")
		var r result
		if err := json.Unmarshal([]byte(o.out), &r); err != nil {
			t.Fatal(err)
		}
		if r.Done["reactivate"] != 0 {
			t.Errorf("an account that is not there is said to be reactivated: %+v", r)
		}
	}
	if w := writesOf(l, mark); w["POST"] != 1 || w["DELETE"] != 0 {
		t.Errorf("%v\n%s", w, logOf(l.requests(mark)))
	}
	if l.users()["000002"]["id"] == before["000002"]["id"] {
		t.Error("the old id is back")
	}
	wantAccounts(t, l.users(), allActive(people))
	quiet(t, dir, l)
}

// deleteByHand deletes an account as somebody else would, past the request log.
func deleteByHand(t testing.TB, l *lab, id string) {
	t.Helper()
	byHand(t, l, http.MethodDelete, id, "")
}

// I4 for a job with two sources: one that cannot be read whole removes nobody, neither
// its own people nor the other's, and the next good read goes on as if nothing had been.
// The many ways in which one source can be incomplete are in incomplete_test.go.
func TestI4OneOfTwoSources(t *testing.T) {
	t.Parallel()
	dir, l := t.TempDir(), newLab(t)
	config := replaced(csvConfig(l.URL, "    union: true\n"+freely), "    from: hr\n", "    from: [hr, ext]\n")
	write(t, dir, "config.yaml", replaced(config, "sources:\n", "sources:\n  ext: {csv: {users: {path: ext/people.csv, key: id}}}\n"))
	staff, externals := map[string]staffer{}, map[string]staffer{}
	for id, p := range roster(40) {
		if id < "000020" {
			staff[id] = p
		} else {
			externals[id] = p
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "ext"), 0o700); err != nil {
		t.Fatal(err)
	}
	both := func() {
		t.Helper()
		file(t, dir, staff)
		file(t, filepath.Join(dir, "ext"), externals)
	}
	both()
	synced(t, dir, 0)
	users := l.users()
	if len(users) != 40 {
		t.Fatalf("%d accounts", len(users))
	}

	delete(staff, "000003")
	staff["000004"]["title"] = "Head"
	both()
	good, err := os.ReadFile(filepath.Join(dir, "ext", "people.csv"))
	if err != nil {
		t.Fatal(err)
	}
	mark := l.last()
	for name, text := range map[string]string{
		"cut in a row":              string(good[:len(good)/2]),
		"cut in a quote":            string(good) + "000099,x,\"never closed",
		"a header only":             strings.Join(staffColumns, ",") + "\n",
		"empty":                     "",
		"another's":                 threePeople,
		"somebody twice":            string(good) + strings.SplitAfter(string(good), "\n")[1],
		"not there":                 "-",
		"a key less":                string(good) + ",x,x,x,x,x,on,1\n",
		"a ragged row":              string(good) + "000099,x\n",
		"bytes of another encoding": string(good) + "000099,x,J\xfcrg,x,x,x,on,1\n",
	} {
		path := filepath.Join(dir, "ext", "people.csv")
		if text == "-" {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		} else {
			write(t, filepath.Dir(path), "people.csv", text)
		}
		o := scimsync(t, dir, "sync")
		if o.code != 1 || !strings.Contains(o.err, "source ext") {
			t.Errorf("%s: exit %d: %s%s", name, o.code, o.out, o.err)
		}
	}
	if list := l.requests(mark); len(list) > 0 {
		t.Errorf("requests:\n%s", logOf(list))
	}
	both()
	_, seen := watch(t, dir, l, 0)
	wantPatches(t, users, seen.patches, map[string][]op{"000003": {{"replace", "active", false}}, "000004": {{"replace", "title", "Head"}}})
	quiet(t, dir, l)
}
