package app_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"scimsync/targets/scimtest"
)

const managerAttr = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"

// managed is csvConfig with a manager.
func managed(url, expr, more string) string {
	return replaced(csvConfig(url, more), "        title: title\n", "        title: title\n        '"+managerAttr+"': '"+expr+"'\n")
}

var managedColumns = append(slices.Clone(staffColumns), "boss")

// tree gives n people managers: a tree as deep as people are many, with somebody above whose key
// comes later, a circle of three, somebody of their own, and one whose manager is nobody.
func tree(people map[string]staffer) {
	n := len(people)
	id := func(i int) string { return fmt.Sprintf("%06d", i) }
	for i := range n {
		switch {
		case i == 0:
			people[id(i)]["boss"] = ""
		case i%2 == 0: // a report before their manager
			people[id(i)]["boss"] = id((i + n) / 2)
		default:
			people[id(i)]["boss"] = id(i / 5)
		}
	}
	if n > 20 {
		people[id(10)]["boss"], people[id(11)]["boss"], people[id(12)]["boss"] = id(11), id(12), id(10)
		people[id(13)]["boss"], people[id(14)]["boss"] = id(13), "nobody"
	}
}

func writeManaged(t testing.TB, dir string, people map[string]staffer) {
	t.Helper()
	writeStaff(t, dir, people, managedColumns, false)
}

// circles counts the circles of managers: in each of them somebody's account is made before
// their manager's.
func circles(people map[string]staffer) (n int) {
	seen := map[string]string{} // by whose way
	for _, from := range slices.Sorted(maps.Keys(people)) {
		at := from
		for people[at] != nil && seen[at] == "" {
			seen[at], at = from, people[at]["boss"]
		}
		if people[at] != nil && seen[at] == from {
			n++
		}
	}
	return n
}

// managerOf is the id of an account's manager as the service shows it.
func managerOf(user map[string]any) string {
	extension, _ := user[strings.TrimSuffix(managerAttr, ":manager")].(map[string]any)
	manager, _ := extension["manager"].(map[string]any)
	return str(manager["value"])
}

// wantManagers fails unless everybody has the manager that the file says, by the id of the
// account; "nobody" and who has no account are none.
func wantManagers(t testing.TB, p provider, people map[string]staffer) {
	t.Helper()
	users := p.users()
	wrong := 0
	for _, id := range slices.Sorted(maps.Keys(people)) {
		if users[id] == nil {
			continue
		}
		want := ""
		if boss := users[people[id]["boss"]]; boss != nil {
			want = str(boss["id"])
		}
		if got := managerOf(users[id]); got != want {
			if wrong++; wrong < 5 {
				t.Errorf("manager of %s is %q, want %q (%s)", id, got, want, people[id]["boss"])
			}
		}
	}
	if wrong > 0 {
		t.Fatalf("%d managers are wrong", wrong)
	}
}

// noKeys fails if any request held a key or a name in the place of an id.
func noKeys(t testing.TB, p provider, mark int64) {
	t.Helper()
	known := map[string]bool{}
	for _, user := range p.users() {
		known[str(user["id"])] = true
	}
	for _, r := range p.requests(mark) {
		if strings.Contains(r.Body, "$key") {
			t.Fatalf("%s %s: %s", r.Method, r.Path, r.Body)
		}
		if r.Method != http.MethodPost && r.Method != http.MethodPatch {
			continue
		}
		for _, part := range strings.Split(r.Body, `"manager":{"value":"`)[1:] {
			if id, _, _ := strings.Cut(part, `"`); !known[id] {
				t.Fatalf("%s %s sends %q as a manager", r.Method, r.Path, id)
			}
		}
	}
}

// A thousand people with managers, loaded at once: all links are right, nearly everybody gets
// theirs with the account, and what follows costs what it must.
func TestManagers(t *testing.T) {
	t.Parallel()
	dir, p := t.TempDir(), startService(t)
	people := roster(1000)
	tree(people)
	writeManaged(t, dir, people)
	write(t, dir, "config.yaml", managed(p.URL, "ref(boss)", freely))
	_, seen := watch(t, dir, p, 0)
	wantManagers(t, p, people)
	noKeys(t, p, 0)
	if links := len(seen.patches); links != circles(people) {
		t.Errorf("%d people needed a second call; there are %d circles", links, circles(people))
	}
	quiet(t, dir, p)
	quiet(t, dir, p)

	// Somebody else takes over a team: one PATCH each, with one operation.
	n := 0
	for _, person := range people {
		if person["boss"] == "000003" {
			person["boss"], n = "000004", n+1
		}
	}
	writeManaged(t, dir, people)
	mark := p.last()
	_, seen = watch(t, dir, p, 0)
	wantManagers(t, p, people)
	noKeys(t, p, mark)
	if n < 3 || len(seen.patches) != n || len(seen.order) != n || seen.lookups > 0 {
		t.Errorf("%d reports took %d requests and %d lookups", n, len(seen.order), seen.lookups)
	}
	for id, ops := range seen.patches {
		if len(ops) != 1 || ops[0].Path != managerAttr || ops[0].Op != "replace" {
			t.Errorf("%s: %+v", id, ops)
		}
	}

	// A newcomer who manages people that are there, and one below them; somebody loses theirs;
	// somebody's leaves, which is no reason to touch theirs.
	people["100001"] = staffer{"id": "100001", "login": "new@example.org", "given": "N", "family": "N", "status": "on", "boss": "100002"}
	people["100002"] = staffer{"id": "100002", "login": "boss@example.org", "given": "B", "family": "B", "status": "on", "boss": "000020"}
	people["000020"]["boss"], people["000021"]["boss"], people["000022"]["boss"] = "100002", "100002", ""
	people["000023"]["boss"] = "100001"
	writeManaged(t, dir, people)
	mark = p.last()
	_, seen = watch(t, dir, p, 0)
	wantManagers(t, p, people)
	noKeys(t, p, mark)
	if len(seen.creates) != 2 || managerOf(seen.creates[1]) == "" {
		t.Errorf("%v", seen.creates)
	}
	quiet(t, dir, p)
}

// Whose manager is nobody yet keeps what there is until somebody comes: a row, or an account.
func TestManagersWhoComeLater(t *testing.T) {
	t.Parallel()
	dir, p := t.TempDir(), startService(t)
	people := roster(40)
	tree(people)
	late := map[string]staffer{}
	for _, id := range []string{"000003", "000007", "000030"} {
		late[id] = people[id]
		delete(people, id)
	}
	people["000031"]["status"] = "off" // who is inactive has no account
	writeManaged(t, dir, people)
	write(t, dir, "config.yaml", managed(p.URL, "ref(boss)", freely))
	watch(t, dir, p, 0)
	wantManagers(t, p, people)
	quiet(t, dir, p)
	people["000031"]["status"] = "on"
	maps.Copy(people, late)
	writeManaged(t, dir, people)
	_, seen := watch(t, dir, p, 0)
	if len(seen.creates) != 4 {
		t.Errorf("%d creates", len(seen.creates))
	}
	wantManagers(t, p, people)
	noKeys(t, p, 0)
	quiet(t, dir, p)

	// A manager who leaves, or is out of scope, stays what they are to their reports.
	before := p.users()
	delete(people, "000003")
	people["000007"]["status"] = "off"
	writeManaged(t, dir, people)
	_, seen = watch(t, dir, p, 0)
	if len(seen.order) != 2 {
		t.Errorf("%v", seen.order)
	}
	for id, user := range p.users() {
		if managerOf(user) != managerOf(before[id]) {
			t.Errorf("manager of %s is %q and was %q", id, managerOf(user), managerOf(before[id]))
		}
	}
	// Even where they are changed otherwise.
	for _, person := range people {
		person["title"] = "Changed"
	}
	writeManaged(t, dir, people)
	watch(t, dir, p, 0)
	for id, user := range p.users() {
		if managerOf(user) != managerOf(before[id]) {
			t.Errorf("manager of %s is %q and was %q", id, managerOf(user), managerOf(before[id]))
		}
	}
	quiet(t, dir, p)
	// What was kept is not forgotten: once the source has no manager, there is none.
	n := 0
	for id, person := range people {
		if person["boss"] == "000003" && managerOf(before[id]) != "" {
			person["boss"], n = "", n+1
		}
	}
	writeManaged(t, dir, people)
	_, seen = watch(t, dir, p, 0)
	if wantManagers(t, p, people); n == 0 || len(seen.patches) != n {
		t.Errorf("%d lost their manager in %d patches", n, len(seen.patches))
	}
	quiet(t, dir, p)
}

// Somebody's account is made in a run in which no row changes: who waits for them is linked in
// that run, or, where that run was not for them, in the next.
func TestManagersWhoAreLetGo(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"--user", "9"}} {
		dir, p := t.TempDir(), startService(t)
		people := map[string]staffer{}
		for _, id := range []string{"1", "2"} {
			people[id] = staffer{"id": id, "login": "u" + id, "given": "G", "family": "F", "status": "on", "boss": "9"}
		}
		writeManaged(t, dir, people)
		write(t, dir, "config.yaml", managed(p.URL, "ref(boss)", freely))
		watch(t, dir, p, 0)
		people["9"] = staffer{"id": "9", "login": "u9", "given": "G", "family": "F", "status": "on", "boss": "9"}
		writeManaged(t, dir, people)
		write(t, dir, "config.yaml", managed(p.URL, "ref(boss)", replaced(freely, "create: {count: 1000000}", "create: {count: 0}")))
		if r, seen := watch(t, dir, p, 3); len(seen.order) > 0 || r.Hold == nil {
			t.Fatalf("%+v, %v", r, seen)
		}
		write(t, dir, "config.yaml", managed(p.URL, "ref(boss)", freely))
		_, seen := watch(t, dir, p, 0, args...)
		if args != nil {
			_, seen = watch(t, dir, p, 0)
		}
		if wantManagers(t, p, people); len(seen.patches) < 2 {
			t.Errorf("%v: %d links", args, len(seen.patches))
		}
		quiet(t, dir, p)
	}
}

// Accounts that are taken over get their managers, those that have another one too, and drift
// knows a right manager from a wrong one.
func TestManagersOfAdoptedAccounts(t *testing.T) {
	t.Parallel()
	dir, p := t.TempDir(), startService(t)
	people := roster(12)
	tree(people)
	other := str(p.do(http.MethodPost, "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"other"}`)["id"])
	for i := range 8 {
		p.do(http.MethodPost, "/Users", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","%[2]s"],"userName":"user%[1]d@example.org",
			"active":true,"%[2]s":{"manager":{"value":"%[3]s"}}}`, i, strings.TrimSuffix(managerAttr, ":manager"), other))
	}
	writeManaged(t, dir, people)
	write(t, dir, "config.yaml", managed(p.URL, "ref(boss)", "      adopt: {existing: yes, values: overwrite}\n"+freely))
	watch2 := func() { // an account may be adopted and then linked
		synced(t, dir, 0)
	}
	watch2()
	people["000000"]["boss"] = ""
	users := p.users()
	for id, person := range people {
		if boss := users[person["boss"]]; boss != nil && managerOf(users[id]) != str(boss["id"]) {
			t.Errorf("manager of %s is %q, want %q", id, managerOf(users[id]), boss["id"])
		}
	}
	quiet(t, dir, p)
	if out := scimsync(t, dir, "drift", "service"); out.code != 0 {
		t.Errorf("drift: %d\n%s%s", out.code, out.out, out.err)
	}
	p.do(http.MethodPatch, "/Users/"+str(users["000005"]["id"]), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
		"Operations":[{"op":"replace","path":"`+managerAttr+`","value":{"value":"`+other+`"}}]}`)
	if out := scimsync(t, dir, "drift", "service", "--repair"); !strings.Contains(out.out, other) {
		t.Errorf("drift: %d\n%s%s", out.code, out.out, out.err)
	}
	watch2()
	if got, want := managerOf(p.users()["000005"]), str(users[people["000005"]["boss"]]["id"]); got != want {
		t.Errorf("repaired manager is %q, want %q", got, want)
	}
	quiet(t, dir, p)
}

// A manager whose account had to be made anew is linked anew.
func TestManagerMadeAnew(t *testing.T) {
	t.Parallel()
	dir, p := t.TempDir(), startService(t)
	people := roster(12)
	tree(people)
	writeManaged(t, dir, people)
	write(t, dir, "config.yaml", managed(p.URL, "ref(boss)", freely))
	watch(t, dir, p, 0)
	old := str(p.users()["000001"]["id"])
	p.do(http.MethodDelete, "/Users/"+old, "")
	people["000001"]["title"] = "Changed"
	writeManaged(t, dir, people)
	scimsync(t, dir, "sync") // finds that the account is gone
	scimsync(t, dir, "sync") // makes it anew
	scimsync(t, dir, "sync") // and links
	wantManagers(t, p, people)
	if managerOf(p.users()["000005"]) == old {
		t.Error("it is the old one")
	}
	quiet(t, dir, p)
}

// References by another attribute: whom several have is nobody.
func TestManagersByMail(t *testing.T) {
	t.Parallel()
	dir, p := t.TempDir(), startService(t)
	people := roster(30)
	people["000001"]["boss"] = "MAIL2@example.org"
	people["000003"]["boss"] = "mail16@example.org" // two have it
	writeManaged(t, dir, people)
	write(t, dir, "config.yaml", managed(p.URL, `ref(boss, "mail")`, freely))
	if out := scimsync(t, dir, "plan"); !strings.Contains(out.out, "mean several people (000003: mail16@example.org)") {
		t.Errorf("%s", out.out)
	}
	watch(t, dir, p, 0)
	users := p.users()
	if managerOf(users["000001"]) != str(users["000002"]["id"]) || managerOf(users["000003"]) != "" {
		t.Errorf("%v, %v", users["000001"], users["000003"])
	}
	quiet(t, dir, p)
	people["000017"]["mail"] = "mail17@example.org" // now one of them has it
	writeManaged(t, dir, people)
	watch(t, dir, p, 0)
	if users := p.users(); managerOf(users["000003"]) != str(users["000016"]["id"]) {
		t.Errorf("%v", users["000003"])
	}
	quiet(t, dir, p)
	out := scimsync(t, dir, "eval", "staff", "000003", `ref(boss, "mail")`).want(t, 0)
	if !strings.Contains(out.out, `"means":"user/hr/000016"`) {
		t.Errorf("%s", out.out)
	}
}

// A server of foreign make takes the same requests.
func TestManagersAtScimmy(tt *testing.T) {
	tt.Parallel()
	t := shipped{tt}
	dir, p := tt.TempDir(), &foreign{Server: scimtest.Start(t)}
	people := roster(60)
	tree(people)
	writeManaged(t, dir, people)
	write(t, dir, "config.yaml", managed(p.URL, "ref(boss)", freely))
	synced(t, dir, 0)
	wantManagers(t, p, people)
	quiet(t, dir, p)
	people["000001"]["boss"], people["000002"]["boss"], people["000003"]["boss"] = "000004", "", "000005"
	writeManaged(t, dir, people)
	mark := p.last()
	synced(t, dir, 0)
	wantManagers(t, p, people)
	if n := writesOf(p, mark); n["PATCH"] != 3 || len(n) != 1 {
		t.Errorf("%v", n)
	}
	noKeys(t, p, 0)
	quiet(t, dir, p)
}
