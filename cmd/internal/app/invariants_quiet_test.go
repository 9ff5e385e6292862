package app_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"scimsync/sync/resource"
	"scimsync/targets/sandbox"
)

// I8: where nothing changes nothing is sent, not even a request that reads: over ten
// runs, in which the rows and columns are shuffled, the file is written anew, and the
// service shows values in its own way.
func TestI8Quiescence(t *testing.T) {
	t.Parallel()
	dir, l := t.TempDir(), newLab(t)
	l.disturb = otherwise
	write(t, dir, "config.yaml", csvConfig(l.URL, freely))
	people, random := roster(60), dice(8)
	file(t, dir, people)
	synced(t, dir, 0)
	for run := range 10 {
		columns := slices.Clone(staffColumns)
		random.Shuffle(len(columns), func(i, j int) { columns[i], columns[j] = columns[j], columns[i] })
		for _, p := range people {
			p["room"] = fmt.Sprint(random.IntN(90)) // nothing is mapped from it
		}
		writeStaff(t, dir, people, columns, run%2 == 1)
		quiet(t, dir, l)
	}
}

// otherwise spells an account as a service might: names and values in another case,
// other order, sub-attributes and attributes on top.
func otherwise(user map[string]any) {
	if login, ok := user["userName"].(string); ok {
		user["userName"] = strings.ToUpper(login)
	}
	if list, ok := user["emails"].([]any); ok {
		for _, e := range list {
			e := e.(map[string]any)
			e["value"], e["display"], e["primary"] = strings.ToUpper(str(e["value"])), e["value"], true
		}
		user["emails"] = append([]any{map[string]any{"type": "home", "value": "home@example.org"}}, list...)
	}
	if name, ok := user["name"].(map[string]any); ok {
		name["formatted"] = "whatever"
	}
	user["groups"] = []any{map[string]any{"value": "1", "display": "Everybody"}}
	user["DISPLAYNAME"] = user["displayName"]
	delete(user, "displayName")
	user["nickName"] = "by the service"
}

// I8 and I19: with the state lost, accounts that hold what they should in the service's
// own words are taken over without a write.
func TestI8StateLost(t *testing.T) {
	t.Parallel()
	dir, l := t.TempDir(), newLab(t)
	write(t, dir, "config.yaml", csvConfig(l.URL, freely))
	people := roster(60)
	file(t, dir, people)
	synced(t, dir, 0)
	l.disturb = otherwise
	if err := os.RemoveAll(filepath.Join(dir, "state")); err != nil {
		t.Fatal(err)
	}
	mark := l.last()
	if r := synced(t, dir, 0); r.Done["adopt"] != 60 || r.Calls != 0 {
		t.Errorf("adoption: %+v", r)
	}
	if list := undescribed(l.requests(mark)); len(writesOf(l, mark)) != 0 || len(list) > 2 {
		t.Errorf("requests:\n%s", logOf(list))
	}
	quiet(t, dir, l)
}

// I9: seven changes of one attribute among 2,000 people are seven PATCHes of one
// operation, and nothing else.
func TestI9Minimality(tt *testing.T) {
	tt.Parallel()
	t := shipped{tt}
	dir, l := t.TempDir(), startService(t)
	write(t, dir, "config.yaml", csvConfig(l.URL, freely))
	people := roster(2000)
	file(t, dir, people)
	synced(t, dir, 0)
	users, want := l.users(), map[string][]op{}
	for i := range 7 {
		id := fmt.Sprintf("%06d", 250*i)
		people[id]["title"] = "Head"
		want[id] = []op{{"replace", "title", "Head"}}
	}
	file(t, dir, people)
	r, seen := watch(t, dir, l, 0)
	wantPatches(t, users, seen.patches, want)
	if r.Calls != 7 || seen.lookups != 0 || len(seen.creates) != 0 {
		t.Errorf("%d calls, %d lookups, %d creates", r.Calls, seen.lookups, len(seen.creates))
	}
}

// I10: accounts of others, what others put into our accounts, and the source stay as
// they are through everything that can happen to a person.
func TestI10NonInterference(t *testing.T) {
	t.Parallel()
	dir, l := t.TempDir(), newLab(t)
	write(t, dir, "config.yaml", csvConfig(l.URL, freely))
	foreign := map[string]string{}
	for i := range 5 {
		id := l.seed(map[string]any{"userName": fmt.Sprintf("admin%d", i), "active": i != 3, "title": "root",
			"emails": []any{map[string]any{"type": "work", "value": fmt.Sprintf("admin%d@example.org", i)}}})
		foreign[id] = ""
	}
	for _, u := range l.inner.Users() {
		foreign[str(u["id"])] = text(u)
	}
	people := roster(10)
	file(t, dir, people)
	source := stamp(t, filepath.Join(dir, "people.csv"))
	synced(t, dir, 0)
	if now := stamp(t, filepath.Join(dir, "people.csv")); now != source {
		t.Errorf("the source was touched: %s, was %s", now, source)
	}

	// Somebody adds to our accounts by hand.
	for _, u := range l.users() {
		if foreign[str(u["id"])] == "" {
			patchByHand(t, l, str(u["id"]), `[{"op":"add","path":"emails","value":[{"type":"home","value":"home@example.net"}]},
				{"op":"add","path":"roles","value":[{"value":"auditor"}]}, {"op":"replace","path":"nickName","value":"Nick"},
				{"op":"add","path":"phoneNumbers","value":[{"type":"work","value":"+41 44 000 00 00"}]}]`)
		}
	}
	unmanaged := func() map[string]string {
		left := map[string]string{}
		for key, u := range l.users() {
			var others []any
			emails, _ := u["emails"].([]any)
			for _, e := range emails {
				if e.(map[string]any)["type"] != "work" {
					others = append(others, e)
				}
			}
			left[key] = text([]any{u["roles"], u["nickName"], u["phoneNumbers"], others})
		}
		return left
	}
	before := unmanaged()

	steps := []func(p staffer){
		func(p staffer) { p["mail"], p["title"] = "new-"+p["login"], "" },
		func(p staffer) { p["mail"], p["login"] = "", "renamed-"+p["login"] },
		func(p staffer) { p["status"] = "off" },
		func(p staffer) { p["status"], p["mail"], p["title"] = "on", "back-"+p["login"], "Back" },
	}
	for _, step := range steps {
		for id, p := range people {
			if id != "000009" { // a value that nobody has any more fails the source
				step(p)
			}
		}
		file(t, dir, people)
		synced(t, dir, 0)
	}
	file(t, dir, map[string]staffer{"000000": people["000000"]}) // nine leave
	synced(t, dir, 0, "--accept-shrink")
	file(t, dir, people) // and return
	synced(t, dir, 0)

	wantSame(t, unmanaged(), before)
	for _, u := range l.inner.Users() {
		if was := foreign[str(u["id"])]; was != "" && was != text(u) {
			t.Errorf("somebody else's account became\n     %s\nfrom %s", text(u), was)
		}
	}
	for _, r := range l.requests(0) {
		for id := range foreign {
			if strings.Contains(r.Path+r.Query+r.Body, id) {
				t.Errorf("a request names somebody else's account: %s", logOf([]request{r}))
			}
		}
	}
}

// wantSame compares texts by key.
func wantSame(t testing.TB, got, want map[string]string) {
	t.Helper()
	for key := range want {
		if got[key] != want[key] {
			t.Errorf("%s is\n     %s\nwant %s", key, got[key], want[key])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d, want %d", len(got), len(want))
	}
}

// stamp tells what must not change of a file that is only read.
func stamp(t testing.TB, path string) string {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	inode := uint64(0)
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		inode = s.Ino
	}
	return fmt.Sprint(hashFile(t, path), info.ModTime().Format(time.RFC3339Nano), inode, info.Mode())
}

func hashFile(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(content))
}

// patchByHand changes an account as somebody else would, past the request log.
func patchByHand(t testing.TB, l *lab, id, operations string) {
	t.Helper()
	byHand(t, l, http.MethodPatch, id, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":`+operations+`}`)
}

func byHand(t testing.TB, l *lab, method, id, body string) {
	t.Helper()
	req, err := http.NewRequest(method, "http://by.hand"+sandbox.DefaultBasePath+"/Users/"+id, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/scim+json")
	resp, err := l.inner.Transport().RoundTrip(req)
	if err != nil || resp.StatusCode >= 300 {
		t.Fatalf("by hand: %v %v", err, resp)
	}
}

// I24: a plan sends nothing that writes, leaves the state as it was, and says exactly
// what the run then sends.
func TestI24DryRun(t *testing.T) {
	t.Parallel()
	dir, l := t.TempDir(), newLab(t)
	write(t, dir, "config.yaml", csvConfig(l.URL, "      adopt: {existing: yes}\n"+freely))
	l.seed(map[string]any{"userName": "user45@example.org", "active": true, "title": "by hand"})
	people := roster(40)
	file(t, dir, people)
	planned := plannedOperations(t, dir, l)
	synced(t, dir, 0)
	wantSame(t, sentOperations(t, l, 0), planned)

	for i := range 10 {
		people[fmt.Sprintf("%06d", i)]["title"] = "Head"
		people[fmt.Sprintf("%06d", 10+i)]["mail"] = fmt.Sprintf("other%d@example.org", i)
	}
	people["000020"]["login"], people["000021"]["login"] = people["000021"]["login"], people["000020"]["login"]
	people["000022"]["status"] = "off"
	delete(people, "000023")
	maps.Copy(people, map[string]staffer{"000040": roster(50)["000040"], "000045": roster(50)["000045"]})
	file(t, dir, people)
	planned = plannedOperations(t, dir, l)
	mark := l.last()
	synced(t, dir, 0)
	if len(planned) != 10+10+3+2+2 {
		t.Errorf("%d changes planned: %v", len(planned), planned)
	}
	wantSame(t, sentOperations(t, l, mark), planned)
	if again := plannedOperations(t, dir, l); len(again) != 0 {
		t.Errorf("a plan after the run: %v", again)
	}
}

// plannedOperations runs plan and gives the requests that it announces, numbered where
// one account gets several.
func plannedOperations(t testing.TB, dir string, l *lab) map[string]string {
	t.Helper()
	db, mark := filepath.Join(dir, "state", "state.db"), l.last()
	before := ""
	if _, err := os.Stat(db); err == nil {
		before = hashFile(t, db)
	}
	o := scimsync(t, dir, "plan", "--format", "json").want(t, 0)
	if before != "" && hashFile(t, db) != before {
		t.Error("plan changed the state")
	}
	if w := writesOf(l, mark); len(w) > 0 {
		t.Errorf("plan sent %v", w)
	}
	var numbered numbering
	for line := range strings.Lines(o.out) {
		var c struct {
			Action   string
			Key      string
			RemoteID string `json:"remote_id"`
			After    json.RawMessage
			Ops      []resource.Op
		}
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		switch {
		case c.Action == "create":
			after, err := resource.DecodeValues(c.After)
			if err != nil {
				t.Fatal(err)
			}
			body := resource.Nest(resource.New(after), resource.RFC7643())
			body.Add("schemas", []string{"urn:ietf:params:scim:schemas:core:2.0:User"})
			numbered.add("POST "+c.Key, text(decoded[map[string]any](t, text(body))))
		case len(c.Ops) > 0:
			numbered.add("PATCH "+c.RemoteID, text(c.Ops))
		}
	}
	return numbered.all
}

// sentOperations gives the requests that wrote since the n-th.
func sentOperations(t testing.TB, l *lab, after int64) map[string]string {
	t.Helper()
	var numbered numbering
	for _, r := range l.requests(after) {
		switch r.Method {
		case http.MethodGet:
		case http.MethodPost:
			body := decoded[map[string]any](t, r.Body)
			numbered.add("POST "+str(body["externalId"]), text(body))
		case http.MethodPatch:
			body := decoded[struct{ Operations []resource.Op }](t, r.Body)
			numbered.add("PATCH "+strings.TrimPrefix(r.Path, "/scim/v2/Users/"), text(body.Operations))
		default:
			t.Errorf("unexpected %s", logOf([]request{r}))
		}
	}
	return numbered.all
}

// numbering keeps several texts of one key apart, in their order.
type numbering struct{ all map[string]string }

func (n *numbering) add(key, text string) {
	if n.all == nil {
		n.all = map[string]string{}
	}
	for i := 0; ; i++ {
		numbered := fmt.Sprintf("%s %d", key, i)
		if _, taken := n.all[numbered]; !taken {
			n.all[numbered] = text
			return
		}
	}
}
