package app_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// withTarget puts lines, a tab-free YAML flow without braces, into the target of csvConfig.
func withTarget(config, lines string) string {
	return strings.Replace(config, "targets:\n  service: {", "targets:\n  service: {"+lines+", ", 1)
}

// asking is a job that asks before it takes accounts over, and whose other limits no
// test of adoption reaches.
const asking = `    guard: {first_run: hold, adopt: {count: 0}, deactivate: {count: 1000000}, update: {count: 1000000}, create: {count: 1000000}, rename: {count: 1000000}}
`

// byHand makes an account as somebody else than scimsync would.
func (s *service) byHand(account string) map[string]any {
	s.t.Helper()
	return s.do(http.MethodPost, "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],`+strings.TrimPrefix(account, "{"))
}

// held500 fills a service with accounts for the first 500 of roster(600): 200 carry
// the person's externalId, 150 only the login in other letters, 147 only the mail
// address, and 3 the login but somebody else's externalId; and with 20 accounts of
// nobody. All of them have what hands at the service put there.
func held500(svc *service, people map[string]staffer) (conflicts []string) {
	svc.t.Helper()
	for i := range 500 {
		p := people[fmt.Sprintf("%06d", i)]
		// Everybody has a mail address of their own here: two people with one address
		// and no other mark cannot be told apart.
		p["mail"] = fmt.Sprintf("mail%d@example.org", i)
		account := map[string]any{"active": true,
			"nickName": fmt.Sprintf("Nick %d", i), "title": "By hand", "phoneNumbers": []any{map[string]any{"type": "work", "value": fmt.Sprintf("+41 44 %d", i)}},
			"emails": []any{map[string]any{"type": "home", "value": fmt.Sprintf("home%d@example.com", i)}}}
		switch {
		case i < 200:
			account["externalId"], account["userName"] = p["id"], fmt.Sprintf("old-login-%d", i)
			account["name"] = map[string]any{"familyName": "By hand", "middleName": "M."}
			if i%2 == 0 { // an address of the mapped type, and another one
				account["emails"] = append(account["emails"].([]any), map[string]any{"type": "work", "value": fmt.Sprintf("kept%d@example.com", i), "primary": true})
			}
		case i < 350:
			account["userName"] = strings.ToUpper(p["login"])
			account["displayName"] = "By hand"
		case i < 497:
			account["userName"] = fmt.Sprintf("other-login-%d", i)
			account["emails"] = append(account["emails"].([]any), map[string]any{"type": "other", "value": strings.ToUpper(p["mail"])})
		default:
			account["userName"], account["externalId"] = p["login"], fmt.Sprintf("elsewhere-%d", i)
			conflicts = append(conflicts, p["id"])
		}
		svc.byHand(text(account))
	}
	for i := range 20 {
		svc.byHand(text(map[string]any{"userName": fmt.Sprintf("local-%d", i), "nickName": "L", "active": i%2 == 0}))
	}
	return conflicts
}

// byID gives accounts by their id.
func byID(users map[string]map[string]any) map[string]map[string]any {
	all := map[string]map[string]any{}
	for _, u := range users {
		all[u["id"].(string)] = u
	}
	return all
}

// wantOnlyAdditions fails the test if anything that an account held is not there any
// more, or differs.
func wantOnlyAdditions(t testing.TB, before, after map[string]map[string]any) {
	t.Helper()
	wrong := 0
	for id, old := range before {
		if why := lost("", old, after[id]); why != "" {
			if wrong++; wrong <= 5 {
				t.Errorf("account %s: %s\nbefore %s\n after %s", id, why, text(old), text(after[id]))
			}
		}
	}
	if wrong > 5 {
		t.Errorf("and %d more accounts lost something", wrong-5)
	}
}

// lost tells what of old is not in now; "": it is all there.
func lost(path string, old, now any) string {
	switch old := old.(type) {
	case map[string]any:
		have, _ := now.(map[string]any)
		for name, v := range old {
			if path == "" && name == "meta" {
				continue // the time of the last change
			}
			if why := lost(path+"."+name, v, have[name]); why != "" {
				return why
			}
		}
		return ""
	case []any:
		have, _ := now.([]any)
		for i, v := range old {
			if !slices.ContainsFunc(have, func(other any) bool { return lost("", v, other) == "" }) {
				return fmt.Sprintf("%s lost element %d, %s", path, i, text(v))
			}
		}
		return ""
	}
	if !reflect.DeepEqual(old, now) {
		return fmt.Sprintf("%s was %v and is %v", path, old, now)
	}
	return ""
}

// Must show 5: the first run at a target that holds 500 of the people.
func TestAdoption(t *testing.T) {
	t.Parallel()
	for name, approve := range map[string]func(id string) []string{
		"approved by job": func(string) []string { return []string{"approve", "staff", "--yes"} },
		"approved by id":  func(id string) []string { return []string{"approve", id} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testAdoption(t, approve)
		})
	}
}

func testAdoption(tt *testing.T, approve func(id string) []string) {
	t := shipped{tt}
	svc, dir := startService(t), t.TempDir()
	people := roster(600)
	conflicts := held500(svc, people)
	write(t, dir, "config.yaml", csvConfig(svc.URL, asking))
	writeStaff(t, dir, people, staffColumns, false)
	before, mark := byID(svc.users()), svc.last()

	o := scimsync(t, dir, "sync").want(t, 3)
	for _, want := range []string{"adopt 497", "create 100", "3 conflicts", "20 accounts nobody claims are left alone",
		"scimsync approve staff --target service"} {
		if !strings.Contains(o.out, want) {
			t.Errorf("the held run does not say %q:\n%s", want, o.out)
		}
	}
	if w := svc.writes(mark); len(w) > 0 {
		t.Fatalf("the held run wrote: %v", w)
	}
	r := synced(t, dir, 3)
	if r.Hold == nil || r.Hold.Held != 597 || len(r.Conflicts) != 3 || r.Calls != 0 || !strings.Contains(o.out, r.Hold.ID) {
		t.Fatalf("second held run: %+v (first: %s)", r, o.out)
	}
	if p := scimsync(t, dir, "plan").want(t, 0); !strings.Contains(p.out, "497 adopts") || !strings.Contains(p.out, "100 creates") ||
		!strings.Contains(p.out, "20 accounts at service that nobody claims: left alone.") || !strings.Contains(p.out, "3 conflicts.") {
		t.Errorf("plan:\n%s", p.out)
	}

	if o = scimsync(t, dir, approve(r.Hold.ID)...).want(t, 0); !strings.Contains(o.out, "adopt 497, create 100") {
		t.Errorf("approve:\n%s", o.out)
	}
	if w := svc.writes(mark); text(w) != text(map[string]int{"PATCH": 497, "POST": 100}) {
		t.Errorf("writes: %v", w)
	}
	users := svc.users()
	after := byID(users)
	if len(after) != 620 {
		t.Errorf("%d accounts, want 620", len(after))
	}
	wantOnlyAdditions(t, before, after)
	for id, p := range people {
		u := users[id]
		if slices.Contains(conflicts, id) {
			if u != nil {
				t.Errorf("%s got account %s in spite of the conflict", id, text(u))
			}
			continue
		}
		if u == nil || u["displayName"] == nil || hasEmail(u, "work") != (p["mail"] != "") {
			t.Errorf("%s: %s", id, text(u))
		}
	}
	quiet(t, dir, svc)

	// What is changed later goes to adopted accounts too, and touches nothing else.
	before = after
	people["000001"]["title"], people["000360"]["family"] = "Head", "Newname"
	delete(people, "000203")
	writeStaff(t, dir, people, staffColumns, false)
	if r := synced(t, dir, 0); r.Done["update"] != 2 || r.Done["deactivate"] != 1 || r.Calls != 3 {
		t.Errorf("after adoption: %+v", r)
	}
	after = byID(svc.users())
	changed := map[string][]string{users["000001"]["id"].(string): {"title"}, users["000360"]["id"].(string): {"name", "displayName"}, users["000203"]["id"].(string): {"active"}}
	for id, old := range before {
		now := after[id]
		for _, path := range changed[id] {
			if reflect.DeepEqual(old[path], now[path]) {
				t.Errorf("account %s: %s did not change", id, path)
			}
			delete(old, path)
		}
	}
	wantOnlyAdditions(t, before, after)
}

func hasEmail(user map[string]any, kind string) bool {
	list, _ := user["emails"].([]any)
	return slices.ContainsFunc(list, func(e any) bool { return e.(map[string]any)["type"] == kind })
}

// adopted makes a service with one account that fits the first of three people by its
// login, and gives the result of a first run that is free but for adoptions.
func adopted(t testing.TB, account, users string, code int) (*service, string, result) {
	t.Helper()
	svc, dir := startService(t), t.TempDir()
	svc.byHand(account)
	config := strings.Replace(csvConfig(svc.URL, freely), "    users:\n", "    users:\n"+users, 1)
	write(t, dir, "config.yaml", config)
	write(t, dir, "people.csv", threePeople)
	return svc, dir, synced(t, dir, code)
}

const adaByHand = `{"userName": "ADA", "title": "By hand", "nickName": "A", "active": true,
	"emails": [{"type": "work", "value": "kept@example.com", "primary": true}, {"type": "home", "value": "home@example.com"}]}`

// adopt.values says what an adopted account gets; whatever it is, nothing is cleared
// that is not mapped, and the next run is quiet.
func TestAdoptValues(t *testing.T) {
	t.Parallel()
	for values, want := range map[string]string{
		"fill": `{"active":true,"displayName":"Ada Okafor","emails":[{"primary":true,"type":"work","value":"kept@example.com"},{"type":"home","value":"home@example.com"}],` +
			`"externalId":"1","name":{"familyName":"Okafor","givenName":"Ada"},"nickName":"A","title":"By hand","userName":"ADA"}`,
		"overwrite": `{"active":true,"displayName":"Ada Okafor","emails":[{"primary":true,"type":"work","value":"ada@example.org"},{"type":"home","value":"home@example.com"}],` +
			`"externalId":"1","name":{"familyName":"Okafor","givenName":"Ada"},"nickName":"A","title":"Engineer","userName":"ADA"}`,
		"keep": `{"active":true,"emails":[{"primary":true,"type":"work","value":"kept@example.com"},{"type":"home","value":"home@example.com"}],` +
			`"nickName":"A","title":"By hand","userName":"ADA"}`,
	} {
		t.Run(values, func(t *testing.T) {
			t.Parallel()
			svc, dir, r := adopted(t, adaByHand, "      adopt: {existing: yes, values: "+values+"}\n", 0)
			if r.Done["adopt"] != 1 || r.Done["create"] != 2 {
				t.Fatalf("%+v", r)
			}
			var got string
			for _, u := range svc.users() {
				if u["userName"] == "ADA" {
					for _, server := range []string{"id", "meta", "schemas"} {
						delete(u, server)
					}
					got = text(u)
				}
			}
			if got != want {
				t.Errorf("\n got %s\nwant %s", got, want)
			}
			quiet(t, dir, svc)
		})
	}
}

// adopt.existing: never leaves accounts to their owners; ask holds the adoption alone;
// yes takes over without asking.
func TestAdoptExisting(t *testing.T) {
	t.Parallel()
	t.Run("never", func(t *testing.T) {
		t.Parallel()
		svc, dir, r := adopted(t, adaByHand, "      adopt: {existing: never}\n", 4)
		if len(r.Conflicts) != 1 || r.Conflicts[0].Key != "1" || !strings.Contains(r.Conflicts[0].Why, "adopt.existing is never") || r.Done["create"] != 2 || r.Hold != nil {
			t.Errorf("%+v", r)
		}
		if n := len(svc.users()); n != 3 {
			t.Errorf("%d accounts", n)
		}
		quiet(t, dir, svc)
	})
	// Their own account, by its externalId, is theirs even so.
	t.Run("never, but theirs", func(t *testing.T) {
		t.Parallel()
		svc, dir, r := adopted(t, strings.Replace(adaByHand, "{", `{"externalId": "1", `, 1), "      adopt: {existing: never}\n", 0)
		if len(r.Conflicts) != 0 || r.Done["adopt"] != 1 || len(svc.users()) != 3 {
			t.Errorf("%+v", r)
		}
		quiet(t, dir, svc)
	})
	for existing, free := range map[string]bool{"ask": false, "yes": true} {
		t.Run(existing+", after first contact", func(t *testing.T) {
			t.Parallel()
			svc, dir := startService(t), t.TempDir()
			config := strings.Replace(csvConfig(svc.URL, ""), "    users:\n", "    users:\n      adopt: {existing: "+existing+"}\n", 1)
			write(t, dir, "config.yaml", config)
			write(t, dir, "people.csv", threePeople)
			synced(t, dir, 3)
			scimsync(t, dir, "approve", "staff", "--yes").want(t, 0)
			svc.byHand(`{"userName":"DORA","nickName":"D","active":true}`)
			write(t, dir, "people.csv", threePeople+"4,dora,Dora,Maar,dora@example.org,,on\n5,emil,Emil,Nolde,emil@example.org,,on\n")
			if free {
				if r := synced(t, dir, 0); r.Done["adopt"] != 1 || r.Done["create"] != 1 {
					t.Fatalf("%+v", r)
				}
			} else {
				r := synced(t, dir, 3)
				if r.Done["create"] != 1 || r.Hold == nil || r.Hold.Held != 1 || r.Hold.Limits[0].Limit != "adopt.count" {
					t.Fatalf("%+v", r)
				}
				scimsync(t, dir, "approve", r.Hold.ID).want(t, 0)
			}
			users := svc.users()
			if len(users) != 5 || users["4"]["userName"] != "DORA" || users["4"]["nickName"] != "D" {
				t.Errorf("%d accounts: %v", len(users), users["4"])
			}
			quiet(t, dir, svc)
		})
	}
}

// Invariant I14: a login that was used before does not make its account the newcomer's.
func TestRecycledLoginIsAConflict(t *testing.T) {
	t.Parallel()
	inactive := strings.Replace(adaByHand, `"active": true`, `"active": false`, 1)
	svc, dir, r := adopted(t, inactive, "      adopt: {existing: yes}\n", 4)
	if len(r.Conflicts) != 1 || r.Conflicts[0].Key != "1" || !strings.Contains(r.Conflicts[0].Why, "inactive") || !strings.Contains(r.Conflicts[0].Why, `externalId "1"`) {
		t.Fatalf("%+v", r)
	}
	var account map[string]any
	users := svc.users()
	for _, u := range users {
		if u["userName"] == "ADA" {
			account = u
		}
	}
	if len(users) != 3 || account["active"] != false || account["externalId"] != nil || account["title"] != "By hand" {
		t.Errorf("the account was touched: %v", account)
	}
	quiet(t, dir, svc)

	// The way out that the message names.
	svc.do(http.MethodPatch, "/Users/"+account["id"].(string), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"add","path":"externalId","value":"1"}]}`)
	if r := synced(t, dir, 0, "--user", "1"); r.Done["adopt"] != 1 {
		t.Errorf("after the externalId was given: %+v", r)
	}
	if u := svc.users()["1"]; u["active"] != true || u["id"] != account["id"] {
		t.Errorf("%v", u)
	}
	quiet(t, dir, svc)

	// A leaver of ours whose login somebody new gets.
	write(t, dir, "people.csv", strings.Replace(threePeople, "1,ada,Ada,Okafor", "9,ada,Adam,Novak", 1))
	r = synced(t, dir, 4)
	if r.Done["deactivate"] != 1 || len(r.Conflicts) != 1 || r.Conflicts[0].Key != "9" {
		t.Fatalf("%+v", r)
	}
	users = svc.users()
	if u := users["1"]; len(users) != 3 || u["active"] != false || u["displayName"] != "Ada Okafor" {
		t.Errorf("the leaver's account: %v", u)
	}
	quiet(t, dir, svc)
}

// protectThree is a protect block that names one account each by glob, id and file.
func protectThree(t testing.TB, dir, id string) string {
	t.Helper()
	write(t, dir, "protected.txt", "# the emergency account\n\nBRUNO*\n")
	return fmt.Sprintf(`protect: {userName: ["Ad?"], id: [%q], file: protected.txt}`, id)
}

// Protected accounts are not adopted, although they fit people of the source.
func TestProtectedAccountsAreNotAdopted(t *testing.T) {
	t.Parallel()
	svc, dir := startService(t), t.TempDir()
	for _, login := range []string{"ADA", "bruno"} {
		svc.byHand(`{"userName":"` + login + `","nickName":"by hand","active":true}`)
	}
	id := svc.byHand(`{"userName":"root","externalId":"3","active":true}`)["id"].(string)
	write(t, dir, "config.yaml", withTarget(strings.Replace(csvConfig(svc.URL, freely), "    users:\n", "    users:\n      adopt: {existing: yes, values: overwrite}\n", 1), protectThree(t, dir, id)))
	write(t, dir, "people.csv", threePeople+"4,dora,Dora,Maar,dora@example.org,,on\n")
	before, mark := byID(svc.users()), svc.last()
	r := synced(t, dir, 4)
	if len(r.Conflicts) != 3 || r.Done["create"] != 1 || !strings.Contains(r.Conflicts[0].Why, "protected") {
		t.Errorf("%+v", r)
	}
	if w := svc.writes(mark); text(w) != `{"POST":1}` {
		t.Errorf("writes: %v", w)
	}
	wantUntouched(t, before, byID(svc.users()))
	quiet(t, dir, svc)
	// Gone from the source, changed, inactive: still nobody's business.
	write(t, dir, "people.csv", "id,login,given,family,mail,title,status\n2,bruno,Bruno,Keller,bruno@example.org,Head,on\n3,chloe,C,M,chloe@example.org,,off\n4,dora,Dora,Maar,dora@example.org,,on\n")
	scimsync(t, dir, "sync")
	wantUntouched(t, before, byID(svc.users()))
}

func wantUntouched(t testing.TB, before, after map[string]map[string]any) {
	t.Helper()
	for id, old := range before {
		if text(old) != text(after[id]) {
			t.Errorf("account %s was touched:\nbefore %s\n after %s", id, text(old), text(after[id]))
		}
	}
}

// Accounts that are ours and are protected then: no update, no deactivation, whether
// the person changes, is switched off or leaves; and all of it once they are free.
func TestProtectedAccountsAreLeftAlone(t *testing.T) {
	t.Parallel()
	svc, dir := startService(t), t.TempDir()
	plain := csvConfig(svc.URL, freely)
	write(t, dir, "config.yaml", plain)
	write(t, dir, "people.csv", threePeople)
	synced(t, dir, 0)
	users := svc.users()
	before := byID(users)
	write(t, dir, "config.yaml", withTarget(plain, protectThree(t, dir, users["3"]["id"].(string))))
	quiet(t, dir, svc)

	for _, step := range [][2]string{
		{"update", strings.NewReplacer("Engineer", "Head", "Clerk", "Head", "Martin,chloe@example.org,", "Martin,chloe@example.org,Head").Replace(threePeople)},
		{"rename", strings.NewReplacer("ada,", "eve,", "bruno,", "boris,", "chloe,", "clara,").Replace(threePeople)},
		{"deactivate", strings.ReplaceAll(threePeople, ",on\n", ",off\n")},
		{"leaver", "id,login,given,family,mail,title,status\n4,dora,Dora,Maar,dora@example.org,,on\n"},
	} {
		what, people := step[0], step[1]
		write(t, dir, "people.csv", people)
		mark := svc.last()
		r := synced(t, dir, 0, "--accept-shrink")
		if w := svc.writes(mark); w["PATCH"]+w["PUT"]+w["DELETE"] != 0 || r.Protected != 3 {
			t.Errorf("%s: %v, %+v", what, w, r)
		}
		wantUntouched(t, before, byID(svc.users()))
		r = synced(t, dir, 0, "--user", "1")
		if r.Calls != 0 {
			t.Errorf("%s of one person: %+v", what, r)
		}
	}

	// The protection ends: what was left undone follows.
	write(t, dir, "people.csv", strings.Replace(threePeople, "1,ada,Ada,Okafor,ada@example.org,Engineer,on\n", "", 1))
	synced(t, dir, 0, "--accept-shrink")
	wantUntouched(t, before, byID(svc.users()))
	write(t, dir, "config.yaml", plain)
	synced(t, dir, 0)
	if u := svc.users()["1"]; u["active"] != false {
		t.Errorf("who left while protected is active still: %v", u)
	}
	quiet(t, dir, svc)
}

// Must show 5: the state is lost, the target holds everybody. Finding out costs a
// complete listing, and nothing is written.
func TestStateLost(tt *testing.T) {
	tt.Parallel()
	t := shipped{tt}
	svc, dir := startService(t), t.TempDir()
	write(t, dir, "config.yaml", csvConfig(svc.URL, freely))
	people := roster(10_000)
	writeStaff(t, dir, people, staffColumns, false)
	synced(t, dir, 0)
	gone := maps.Clone(people)
	for i := range 30 {
		delete(gone, fmt.Sprintf("%06d", 5000+i))
	}
	writeStaff(t, dir, gone, staffColumns, false)
	synced(t, dir, 0)
	before := byID(svc.users())

	if err := os.RemoveAll(filepath.Join(dir, "state")); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "config.yaml", csvConfig(svc.URL, asking))
	for _, step := range []struct {
		code int
		args []string
	}{{3, []string{"sync"}}, {0, []string{"approve", "staff", "--yes"}}, {0, []string{"sync"}}} {
		mark := svc.last()
		o := scimsync(t, dir, step.args...).want(t, step.code)
		list, w := svc.requests(mark), svc.writes(mark)
		t.Logf("%s: %d requests: %s", step.args[0], len(list), o.out)
		if len(w) > 0 || len(list) > 110 {
			t.Fatalf("%v: %d requests, writes %v", step.args, len(list), w)
		}
	}
	wantUntouched(t, before, byID(svc.users()))
	quiet(t, dir, svc)

	// The new state is as good as the old one.
	gone["000007"]["title"] = "Head"
	delete(gone, "000008")
	writeStaff(t, dir, gone, staffColumns, false)
	if r := synced(t, dir, 0); r.Done["update"] != 1 || r.Done["deactivate"] != 1 || r.Calls != 2 {
		t.Errorf("after the state was made anew: %+v", r)
	}
}
