package app_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// provider is a SCIM service in another process whose requests are counted there.
type provider interface {
	address() string
	last() int64
	requests(after int64) []request
	users() map[string]map[string]any
}

func (s *service) address() string { return s.URL }

// op is one operation of a PATCH.
type op struct {
	Op, Path string
	Value    any
}

// traffic is what a provider saw in one run, by the kind of request.
type traffic struct {
	patches map[string][]op // by account id
	creates []map[string]any
	lookups int
	order   []string // of the writes: METHOD id
}

// watch runs sync, which must exit with code, and gives what the provider saw of it.
func watch(t testing.TB, dir string, p provider, code int, args ...string) (result, traffic) {
	t.Helper()
	mark, began := p.last(), time.Now()
	r := synced(t, dir, code, args...)
	t.Logf("sync took %s: %v, %d calls", time.Since(began).Round(time.Millisecond), r.Done, r.Calls)
	seen := traffic{patches: map[string][]op{}}
	for _, req := range p.requests(mark) {
		_, id, _ := strings.Cut(req.Path, "/Users/")
		if req.Status >= 400 {
			t.Errorf("%s %s?%s was answered %d", req.Method, req.Path, req.Query, req.Status)
		}
		if req.Method != http.MethodGet {
			seen.order = append(seen.order, req.Method+" "+id)
		}
		switch req.Method {
		case http.MethodGet:
			seen.lookups++
		case http.MethodPost:
			seen.creates = append(seen.creates, decoded[map[string]any](t, req.Body))
		case http.MethodPatch:
			body := decoded[struct{ Operations []op }](t, req.Body)
			if seen.patches[id] != nil {
				t.Errorf("account %s was patched twice", id)
			}
			seen.patches[id] = body.Operations
		default:
			t.Errorf("unexpected %s %s", req.Method, req.Path)
		}
	}
	// scimmy may close an idle connection under a request, which it then never saw.
	_, exact := p.(*service)
	if n := len(seen.order); code == 0 && (n > r.Calls || n != r.Calls && exact) {
		t.Errorf("sync says %d calls, the service counted %d", r.Calls, n)
	}
	return r, seen
}

// quiet runs sync and fails unless the provider saw no request at all.
func quiet(t testing.TB, dir string, p provider) {
	t.Helper()
	mark := p.last()
	if r := synced(t, dir, 0); r.Calls != 0 {
		t.Fatalf("a quiet run made calls: %+v", r)
	}
	if list := p.requests(mark); len(list) > 0 {
		t.Fatalf("a quiet run made %d requests, the first %+v", len(list), list[0])
	}
}

func decoded[T any](t testing.TB, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return v
}

// wantPatches compares the PATCHes of a run, given by externalId, with those that
// must have been sent.
func wantPatches(t testing.TB, users map[string]map[string]any, got, want map[string][]op) {
	t.Helper()
	byID := map[string][]op{}
	for key, ops := range want {
		byID[users[key]["id"].(string)] = ops
	}
	for id, ops := range byID {
		if text(got[id]) != text(ops) {
			t.Errorf("account %s: PATCH %s, want %s", id, text(got[id]), text(ops))
		}
	}
	for id, ops := range got {
		if byID[id] == nil {
			t.Errorf("account %s: unwanted PATCH %s", id, text(ops))
		}
	}
}

func text(v any) string {
	out, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(out)
}

// staffer is one person of a CSV file.
type staffer map[string]string

var staffColumns = []string{"id", "login", "given", "family", "mail", "title", "status", "room"}

// roster makes n people: names beyond ASCII, with commas, quotes and line breaks, some
// without mail, some with somebody else's.
func roster(n int) map[string]staffer {
	given := []string{"Anna", "Jürg", "Łukasz", "Søren", "Zoë \"Zo\""}
	family := []string{"Müller", "Nguyễn", "O'Neill, Jr.", "de\nVries"}
	people := map[string]staffer{}
	for i := range n {
		p := staffer{"id": fmt.Sprintf("%06d", i), "login": fmt.Sprintf("user%d@example.org", i), "given": given[i%5], "family": family[i%4],
			"mail": fmt.Sprintf("mail%d@example.org", i), "title": fmt.Sprintf("Clerk %d", i%7), "status": "on", "room": fmt.Sprint(i % 90)}
		switch i % 50 {
		case 11:
			p["mail"] = ""
		case 17:
			p["mail"] = fmt.Sprintf("mail%d@example.org", i-1)
		}
		people[p["id"]] = p
	}
	return people
}

// writeStaff writes people.csv with these columns, rows by id, backwards or not.
func writeStaff(t testing.TB, dir string, people map[string]staffer, columns []string, backwards bool) {
	t.Helper()
	var file strings.Builder
	out := csv.NewWriter(&file)
	rows := [][]string{columns}
	ids := slices.Sorted(maps.Keys(people))
	if backwards {
		slices.Reverse(ids)
	}
	for _, id := range ids {
		var row []string
		for _, c := range columns {
			row = append(row, people[id][c])
		}
		rows = append(rows, row)
	}
	if err := out.WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "people.csv", file.String())
}

// account is what the service must hold for a person, by the mapping of csvConfig.
func (p staffer) account(active bool) map[string]any {
	a := map[string]any{"externalId": p["id"], "userName": p["login"], "active": active, "displayName": p["given"] + " " + p["family"],
		"name": map[string]any{"givenName": p["given"], "familyName": p["family"]}}
	if p["title"] != "" {
		a["title"] = p["title"]
	}
	if p["mail"] != "" {
		a["emails"] = []any{map[string]any{"type": "work", "value": p["mail"]}}
	}
	return a
}

// wantAccounts fails unless the service holds exactly these accounts, by externalId.
func wantAccounts(t testing.TB, got, want map[string]map[string]any) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("the service holds %d accounts, want %d", len(got), len(want))
	}
	wrong := 0
	for key, w := range want {
		bare := maps.Clone(got[key])
		for _, server := range []string{"id", "meta", "schemas"} {
			delete(bare, server)
		}
		if reflect.DeepEqual(bare, w) {
			continue
		}
		if wrong++; wrong <= 5 {
			t.Errorf("account of %s:\n got %s\nwant %s", key, text(bare), text(w))
		}
	}
	if wrong > 5 {
		t.Errorf("and %d more accounts differ", wrong-5)
	}
}

// Must show 3: the fewest calls for 10,000 people, counted at the server.
func TestTenThousandFromCSV(tt *testing.T) {
	tt.Parallel()
	t := shipped{tt}
	svc, dir := startService(t), t.TempDir()
	write(t, dir, "config.yaml", csvConfig(svc.URL, freely))
	people, active := roster(10_000), map[string]bool{}
	for id := range people {
		active[id] = true
	}
	known := maps.Clone(people)
	accounts := func() map[string]map[string]any {
		all := map[string]map[string]any{}
		for id, p := range known {
			all[id] = p.account(active[id])
		}
		return all
	}

	writeStaff(t, dir, people, staffColumns, false)
	r, seen := watch(t, dir, svc, 0)
	if r.Done["create"] != 10_000 || len(seen.creates) != 10_000 || len(seen.patches) != 0 || seen.lookups > 110 {
		t.Fatalf("first run: %+v, %d creates, %d patches, %d lookups", r, len(seen.creates), len(seen.patches), seen.lookups)
	}
	before := svc.users()
	wantAccounts(t, before, accounts())
	quiet(t, dir, svc)

	// The same content in other rows, other columns, and another unused column.
	for _, p := range people {
		p["room"] += "a"
	}
	writeStaff(t, dir, people, []string{"room", "status", "title", "mail", "family", "given", "login", "id"}, true)
	quiet(t, dir, svc)

	want := changeStaff(people, known, active)
	writeStaff(t, dir, people, staffColumns, false)
	r, seen = watch(t, dir, svc, 0)
	if text(r.Done) != text(map[string]int{"create": 10, "deactivate": 5, "update": 27}) {
		t.Errorf("done: %v", r.Done)
	}
	wantPatches(t, before, seen.patches, want)
	if len(seen.creates) != 10 || len(seen.order) != 42 || seen.lookups > 1+10*3 {
		t.Errorf("%d creates, %d writes, %d lookups", len(seen.creates), len(seen.order), seen.lookups)
	}
	for _, first := range seen.order[:5] {
		if ops := seen.patches[strings.TrimPrefix(first, "PATCH ")]; len(ops) != 1 || ops[0].Path != "active" {
			t.Errorf("%s went before a leaver: %v", first, seen.order[:8])
		}
	}
	quiet(t, dir, svc)

	// Who left comes back to the same account; only what changed meanwhile is sent along.
	want = map[string][]op{}
	for i := range 5 {
		id := fmt.Sprintf("%06d", 3000+i)
		people[id], active[id] = known[id], true
		want[id] = []op{{"replace", "active", true}}
		if i < 2 {
			people[id]["title"] = "Returner"
			want[id] = append(want[id], op{"replace", "title", "Returner"})
		}
	}
	writeStaff(t, dir, people, staffColumns, false)
	r, seen = watch(t, dir, svc, 0)
	wantPatches(t, before, seen.patches, want)
	if r.Done["reactivate"] != 5 || len(seen.creates)+seen.lookups != 0 {
		t.Errorf("returners: %+v, %d creates, %d lookups", r, len(seen.creates), seen.lookups)
	}
	wantAccounts(t, svc.users(), accounts())
	quiet(t, dir, svc)
}

// changeStaff changes one attribute on 25 people, renames the login of 2, removes 5
// and adds 10. It gives the PATCHes that must follow.
func changeStaff(people, known map[string]staffer, active map[string]bool) map[string][]op {
	want := map[string][]op{}
	for i := range 25 {
		id := fmt.Sprintf("%06d", 1000+i)
		switch p := people[id]; {
		case i < 10:
			p["title"] = "Head"
			want[id] = []op{{"replace", "title", "Head"}}
		case i < 15:
			p["title"] = ""
			want[id] = []op{{"remove", "title", nil}}
		case p["mail"] == "":
			p["mail"] = "first@example.org"
			want[id] = []op{{"add", "emails", []any{map[string]any{"type": "work", "value": "first@example.org"}}}}
		default:
			p["mail"] = fmt.Sprintf("other%d@example.org", i)
			want[id] = []op{{"replace", `emails[type eq "work"].value`, p["mail"]}}
		}
	}
	for i := range 2 {
		id := fmt.Sprintf("%06d", 2000+i)
		people[id]["login"] = fmt.Sprintf("married%d@example.org", i)
		want[id] = []op{{"replace", "userName", people[id]["login"]}}
	}
	for i := range 5 {
		id := fmt.Sprintf("%06d", 3000+i)
		delete(people, id)
		active[id] = false
		want[id] = []op{{"replace", "active", false}}
	}
	for id, p := range roster(10_010) {
		if known[id] == nil {
			people[id], known[id], active[id] = p, p, true
		}
	}
	return want
}

// Must show 2: the example runs as it stands, from a copy of what it needs.
func TestExampleRuns(t *testing.T) {
	t.Parallel()
	dir, root := t.TempDir(), filepath.Join("..", "..", "..")
	if err := os.CopyFS(filepath.Join(dir, "deploy", "example"), os.DirFS(filepath.Join(root, "deploy", "example"))); err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile(filepath.Join(root, "config.example.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "config.example.yaml", string(example))
	run := func(args ...string) outcome {
		t.Helper()
		c := program(t, dir, append(args, "--config", "config.example.yaml")...)
		c.Env = slices.DeleteFunc(c.Env, func(v string) bool { return strings.HasPrefix(v, "SCIMSYNC_CONFIG=") })
		return finish(t, c).want(t, 0)
	}
	run("check")
	if o := run("plan"); !strings.Contains(o.out, "9 creates; 9 calls") {
		t.Errorf("plan:\n%s", o.out)
	}
	if o := run("sync"); o.out != "staff at sandbox: create 9; 9 calls, 1 lookup\n" {
		t.Errorf("sync: %s", o.out)
	}
	if o := run("sync"); o.out != "staff at sandbox: nothing to do; 0 calls\n" {
		t.Errorf("second sync: %s", o.out)
	}
	if o := run("plan", "--exit-code"); !strings.Contains(o.out, "Nothing to do") {
		t.Errorf("plan after sync:\n%s", o.out)
	}
}
