package app_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// drifting is a config whose people hold values of every form.
func drifting(url, more string) string {
	return replaced(csvConfig(url, more), "        title: title\n", `        title: title
        locale: '"de-CH"'
        timezone: '"Europe/Zurich"'
        roles: '["staff", "room " + room]'
        'phoneNumbers[type eq "work"].value': '"+41 44 " + room'
        'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department': '"IT"'
`)
}

// driftRig is a service that holds n people, as they were left.
func driftRig(t testing.TB, n int, more string, flags ...string) (svc *service, dir string, people map[string]staffer) {
	t.Helper()
	svc, dir, people = startService(t, flags...), t.TempDir(), roster(n)
	for id, p := range people {
		p["mail"] = "mail" + id + "@example.org" // everybody has one
	}
	write(t, dir, "config.yaml", drifting(svc.URL, more))
	writeStaff(t, dir, people, staffColumns, false)
	if r := synced(t, dir, 0); r.Done["create"] != n {
		t.Fatalf("first run: %+v", r)
	}
	return svc, dir, people
}

// drifted is one line of drift --output json.
type drifted struct {
	Job, Kind, Key, Now, Error string
	RemoteID                   string `json:"remote_id"`
	Repair                     bool
	Differences                []struct {
		Path          string
		Pushed, There any
	}
	Summary *struct {
		Compared, Protected, Earlier, Reads int
		InDoubt                             int            `json:"in_doubt"`
		NotShown                            map[string]int `json:"not_shown"`
		Found                               map[string]int
	}
	Done map[string]int // of a run that follows
	Hold *struct{ Held int }
}

// look runs drift, and gives what it found by key ("title: Clerk -> Boss; …", "gone"), the
// line with the summary, and those of runs.
func look(t testing.TB, dir string, code int, args ...string) (found map[string]string, summary drifted, runs []drifted) {
	t.Helper()
	o := scimsync(t, dir, append([]string{"drift", "service", "--output", "json"}, args...)...).want(t, code)
	found = map[string]string{}
	for line := range strings.Lines(o.out) {
		d := drifted{}
		if err := json.Unmarshal([]byte(line), &d); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		switch {
		case d.Summary != nil:
			summary = d
		case d.Done != nil:
			runs = append(runs, d)
		default:
			words := []string{d.Kind}
			for _, x := range d.Differences {
				words = append(words, fmt.Sprintf("%s: %s -> %s", short(x.Path), text(x.Pushed), text(x.There)))
			}
			found[d.Key] = strings.Join(words, "; ")
		}
	}
	return found, summary, runs
}

func short(path string) string {
	return strings.NewReplacer("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:", "", `[type eq "work"].value`, "").Replace(path)
}

// patch changes an account as a hand at the service would.
func (s *service) patch(key string, ops ...string) {
	s.t.Helper()
	s.do("PATCH", "/Users/"+s.users()[key]["id"].(string), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`+strings.Join(ops, ",")+`]}`)
}

func byOp(op, path string, value any) string {
	o := map[string]any{"op": op, "path": path}
	if value != nil {
		o["value"] = value
	}
	return text(o)
}

// frozen gives accounts without what a server writes at each change.
func frozen(users map[string]map[string]any) map[string]map[string]any {
	for _, u := range users {
		delete(u, "meta")
		for _, v := range u { // the order of elements means nothing
			if list, ok := v.([]any); ok {
				slices.SortFunc(list, func(a, b any) int { return strings.Compare(text(a), text(b)) })
			}
		}
	}
	return users
}

// Everything that a hand at the service may do to accounts of ours is told, and nothing
// else; a repair undoes it with one request each, and leaves the rest as it is.
func TestDrift(t *testing.T) {
	t.Parallel()
	svc, dir, people := driftRig(t, 40, freely)
	people["000031"]["status"] = "off"
	delete(people, "000032")
	people["000033"]["status"] = "off"
	writeStaff(t, dir, people, staffColumns, false)
	synced(t, dir, 0)
	if found, s, _ := look(t, dir, 0); len(found) > 0 || s.Summary.Compared != 40 || s.Summary.Reads > 3 {
		t.Fatalf("nothing was touched: %v, %+v", found, s.Summary)
	}
	foreign := svc.byHand(`{"userName":"somebody","title":"Of their own"}`)["id"].(string)
	before := frozen(svc.users())
	rewritten := []string{}
	drifts := func(key string, ops ...string) {
		svc.patch(key, ops...)
		rewritten = append(rewritten, key)
	}

	drifts("000001", byOp("replace", "title", "Boss"))
	drifts("000002", byOp("remove", "title", nil), byOp("replace", "name.familyName", "Other"))
	drifts("000003", byOp("replace", "active", false))
	drifts("000004", byOp("replace", "userName", "renamed@example.org"))
	drifts("000005", byOp("replace", `emails[type eq "work"].value`, "theirs@example.org"))
	drifts("000006", byOp("remove", `phoneNumbers[type eq "work"]`, nil))
	drifts("000007", byOp("remove", `roles[value eq "staff"]`, nil))
	drifts("000008", byOp("remove", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", nil))
	drifts("000009", byOp("replace", "timezone", "europe/zurich")) // case counts here
	drifts("000010", byOp("remove", "externalId", nil))
	drifts("000031", byOp("replace", "active", true))
	drifts("000032", byOp("replace", "active", true), byOp("replace", "title", "Nobody looks at that"))

	// None of this is drift.
	left := func(key string, ops ...string) { svc.patch(key, ops...) }
	left("000011", byOp("replace", "title", strings.ToUpper(people["000011"]["title"])), byOp("replace", "userName", "USER11@example.org"))
	left("000012", byOp("add", "emails", []any{map[string]any{"type": "home", "value": "home@example.org"}}), byOp("add", "roles", []any{map[string]any{"value": "theirs"}}))
	left("000013", byOp("add", "nickName", "Nick"), byOp("add", "name.middleName", "M."))
	left("000014", byOp("replace", "roles", []any{map[string]any{"value": "room 14"}, map[string]any{"value": "staff", "primary": true}}))
	left("000033", byOp("replace", "title", "Whoever is inactive is left alone"))
	svc.do("DELETE", "/Users/"+before["000020"]["id"].(string), "")
	gone := before["000020"]["id"]

	want := map[string]string{
		"000001": `changed; title: "Clerk 1" -> "Boss"`,
		"000002": `changed; name.familyName: "O'Neill, Jr." -> "Other"; title: "Clerk 2" -> null`,
		"000003": `changed; active: true -> false`,
		"000004": `changed; userName: "user4@example.org" -> "renamed@example.org"`,
		"000005": `changed; emails: "mail000005@example.org" -> "theirs@example.org"`,
		"000006": `changed; phoneNumbers: "+41 44 6" -> null`,
		"000007": `changed; roles: [{"value":"room 7"},{"primary":true,"value":"staff"}] -> [{"value":"room 7"}]`,
		"000008": `changed; department: "IT" -> null`,
		"000009": `changed; timezone: "Europe/Zurich" -> "europe/zurich"`,
		"000010": `changed; externalId: "000010" -> null`,
		"000020": `gone`,
		"000031": `changed; active: false -> true`,
		"000032": `changed; active: false -> true`,
	}
	mark := svc.last()
	found, s, _ := look(t, dir, 0)
	if d := cmp.Diff(want, found); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}
	if s.Summary.Compared != 40 || len(svc.writes(mark)) > 0 {
		t.Errorf("%+v, writes %v", s.Summary, svc.writes(mark))
	}
	scimsync(t, dir, "drift", "service").want(t, 0).says(t, "12 changed, 1 gone", "pushed Clerk 1, there Boss", "--repair")

	// A run in between has nothing to do with it.
	people["000015"]["title"] = "Head"
	writeStaff(t, dir, people, staffColumns, false)
	mark = svc.last()
	if r := synced(t, dir, 0); r.Done["update"] != 1 || svc.writes(mark)["PATCH"] != 1 {
		t.Errorf("%+v, writes %v", r, svc.writes(mark))
	}

	touched := frozen(svc.users())
	mark = svc.last()
	found, _, runs := look(t, dir, 0, "--repair")
	if d := cmp.Diff(want, found); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[string]int{"update": 9, "reactivate": 1, "deactivate": 2, "create": 1}, runs[0].Done); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[string]int{"PATCH": 12, "POST": 1}, svc.writes(mark)); d != "" {
		t.Errorf("writes (-want +got):\n%s", d)
	}
	after := frozen(svc.users())
	if after["000020"]["id"] == gone {
		t.Error("nobody made the account again")
	}
	before["000020"]["id"] = after["000020"]["id"]
	for _, key := range rewritten {
		if key == "000032" { // while they are out, nothing but that is cared for
			before[key]["title"] = "Nobody looks at that"
		}
		if d := cmp.Diff(before[key], after[key]); d != "" {
			t.Errorf("%s is not as it was (-before +after):\n%s", key, d)
		}
		delete(touched, key)
	}
	delete(touched, before["000010"]["id"].(string)) // it had no externalId then
	for key, u := range touched {                    // whoever had not drifted was not touched, whatever is there besides
		if d := cmp.Diff(u, after[key]); d != "" {
			t.Errorf("%s was touched (-before +after):\n%s", key, d)
		}
	}
	if svc.users()[foreign] == nil {
		t.Error("a foreign account is gone")
	}
	mark = svc.last()
	if found, s, runs := look(t, dir, 0, "--repair"); len(found) > 0 || len(runs) > 0 || len(svc.writes(mark)) > 0 {
		t.Errorf("after the repair: %v, %+v, writes %v", found, s.Summary, svc.writes(mark))
	}
	if r := synced(t, dir, 0); r.Calls != 0 {
		t.Errorf("after the repair: %+v", r)
	}
}
