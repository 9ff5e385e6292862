package app_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"scimsync/sources/ldap/slapdtest"
	"scimsync/targets/scimtest"
)

// foreign is the npm server scimmy as a provider.
type foreign struct {
	*scimtest.Server
	counted int
}

func (f *foreign) address() string { return f.URL }

func (f *foreign) last() int64 {
	f.counted += len(f.RequestsAfter(f.counted))
	return int64(f.counted)
}

func (f *foreign) requests(after int64) (list []request) {
	for i, r := range f.RequestsAfter(int(after)) {
		list = append(list, request{N: after + int64(i) + 1, Method: r.Method, Path: r.Path, Query: r.Query, Body: r.Body, Status: r.Status})
	}
	return list
}

func (f *foreign) users() map[string]map[string]any {
	all := map[string]map[string]any{}
	for _, u := range f.Users() {
		key := u["externalId"].(string)
		if all[key] != nil {
			panic("two accounts carry externalId " + key)
		}
		all[key] = u
	}
	return all
}

// The units of the directory below which people are read, and one that is elsewhere.
const (
	away    = "ou=Zürich," + slapdtest.People
	robots  = "ou=service," + slapdtest.People
	outside = "ou=outside," + slapdtest.Suffix
	units   = "dn:: %s\nobjectClass: organizationalUnit\n\n"
)

// corporate is a directory that the test changes, with what it must know of it.
type corporate struct {
	*slapdtest.Server
	entries map[string]*entry // by entryUUID
	active  map[string]bool
	mapsOU  bool
}

type entry struct {
	dn    string
	attrs map[string][]string
}

// startCorporate starts a slapd with n people.
func startCorporate(t testing.TB, n int, mapsOU bool) *corporate {
	t.Helper()
	people := slapdtest.Persons(n)
	c := &corporate{entries: parseLDIF(t, people), active: map[string]bool{}, mapsOU: mapsOU}
	for key := range c.entries {
		c.active[key] = true
	}
	for _, unit := range []string{away, robots, outside} {
		people += fmt.Sprintf(units, base64.StdEncoding.EncodeToString([]byte(unit)))
	}
	people += "dn: uid=backup," + robots + "\nobjectClass: inetOrgPerson\nuid: backup\ncn: Backup\nsn: Backup\n\n"
	c.Server = slapdtest.Start(t, slapdtest.Options{LDIF: people, Global: "moduleload ppolicy", Database: "overlay ppolicy"})
	return c
}

// parseLDIF reads what slapdtest writes: no folded lines.
func parseLDIF(t testing.TB, ldif string) map[string]*entry {
	t.Helper()
	entries := map[string]*entry{}
	for block := range strings.SplitSeq(strings.TrimSpace(ldif), "\n\n") {
		e := &entry{attrs: map[string][]string{}}
		for line := range strings.SplitSeq(block, "\n") {
			name, value, _ := strings.Cut(line, ":")
			if coded, ok := strings.CutPrefix(value, ": "); ok {
				raw, err := base64.StdEncoding.DecodeString(coded)
				if err != nil {
					t.Fatal(err)
				}
				value = string(raw)
			}
			e.attrs[name] = append(e.attrs[name], strings.TrimSpace(value))
		}
		e.dn = e.attrs["dn"][0]
		entries[e.attrs["entryUUID"][0]] = e
	}
	return entries
}

// config reads people through the default map of the vendor, and a few lines.
func (c *corporate) config(t testing.TB, dir, url string) {
	t.Helper()
	more := ""
	if c.mapsOU {
		more = `        'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:organization': dn_part(dn, "ou")` + "\n"
	}
	write(t, dir, "bind.pw", slapdtest.BindPW+"\n")
	write(t, dir, "config.yaml", `version: 1
state: {dir: state}
log: {level: warn}
sources:
  corp:
    ldap:
      urls: ["`+c.URL+`"]
      vendor: auto
      bind: {user: "`+slapdtest.BindDN+`", password: {file: bind.pw}}
      users: {base: ["`+slapdtest.People+`"], exclude: ["`+robots+`"]}
targets:
  service: {url: "`+url+`", pace: {rate: 100000/s, burst: 1000, concurrency: 8}}
jobs:
  staff:
    from: corp
    to: service
    users:
      map:
        'emails[type eq "home"].value': 'len(values("mail")) > 1 ? values("mail")[1] : nil'
`+more+freely)
}

const enterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

// accounts is what a service must hold.
func (c *corporate) accounts() map[string]map[string]any {
	all := map[string]map[string]any{}
	for key, e := range c.entries {
		extension := map[string]any{"employeeNumber": e.attrs["employeeNumber"][0]}
		if v := e.attrs["departmentNumber"]; len(v) > 0 {
			extension["department"] = v[0]
		}
		if c.mapsOU {
			extension["organization"] = "people"
			if strings.HasSuffix(e.dn, away) {
				extension["organization"] = "Zürich"
			}
		}
		a := map[string]any{"externalId": key, "userName": e.attrs["uid"][0], "active": c.active[key],
			"displayName": e.attrs["displayName"][0], enterpriseURN: extension,
			"name": map[string]any{"givenName": e.attrs["givenName"][0], "familyName": e.attrs["sn"][0]}}
		if v := e.attrs["title"]; len(v) > 0 {
			a["title"] = v[0]
		}
		mails := slices.Sorted(slices.Values(e.attrs["mail"]))
		var emails []any
		if len(mails) > 1 {
			emails = append(emails, map[string]any{"type": "home", "value": mails[1]})
		}
		if len(mails) > 0 {
			a["emails"] = append(emails, map[string]any{"type": "work", "value": mails[0]})
		}
		all[key] = a
	}
	return all
}

// set changes one attribute of person i.
func (c *corporate) set(i int, name string, values ...string) {
	e := c.entries[slapdtest.PersonUUID(i)]
	c.Modify(e.dn, name, values...)
	e.attrs[name] = values
}

// move puts person i below another unit, with the same name.
func (c *corporate) move(i int, unit string) {
	e := c.entries[slapdtest.PersonUUID(i)]
	name := strings.TrimSuffix(slapdtest.PersonDN(i), ","+slapdtest.People)
	c.Rename(e.dn, name, unit)
	e.dn = name + "," + unit
}

// Must show 4, against the sandbox.
func TestTenThousandFromLDAP(tt *testing.T) {
	tt.Parallel()
	t := shipped{tt}
	corporateStory(t, startCorporate(t, 10_000, false), startService(t))
}

// Must show 4, against a server of foreign make. It is slow, so there are fewer people.
func TestPeopleFromLDAPToScimmy(tt *testing.T) {
	tt.Parallel()
	t := shipped{tt}
	c, p := startCorporate(t, 2_000, true), &foreign{Server: scimtest.Start(t)}
	dir := corporateStory(t, c, p)

	// scimmy cannot filter by mail while some account has none: that is said, and who is
	// looked up is found by the rest, or created.
	c.Add("uid=last,"+slapdtest.People, "objectClass", "inetOrgPerson", "uid", "last", "cn", "Last", "sn", "Last", "mail", "last@example.org")
	const note = "note: service refused to look people up by email, so an account that could only be found by that was not found"
	if o := scimsync(t, dir, "sync").want(t, 0); !strings.Contains(o.out, "create 1; 1 call") || !strings.Contains(o.out, note) {
		t.Errorf("a lookup that was refused: %s", o.out)
	}
}

func corporateStory(t testing.TB, c *corporate, p provider) (dir string) {
	t.Helper()
	dir = t.TempDir()
	n := len(c.entries)
	c.config(t, dir, p.address())
	r, seen := watch(t, dir, p, 0)
	if r.Done["create"] != n || len(seen.creates) != n || len(seen.patches) != 0 || seen.lookups > 110 {
		t.Fatalf("first run: %+v, %d creates, %d lookups", r, len(seen.creates), seen.lookups)
	}
	before := p.users()
	wantAccounts(t, before, c.accounts())
	quiet(t, dir, p)

	corporateMoves(t, c, p, dir, before)
	corporateChanges(t, c, p, dir, before)
	corporateReturns(t, c, p, dir, before)
	corporateRecycled(t, c, p, dir)
	return dir
}

// corporateMoves moves people below the base: their accounts stay theirs.
func corporateMoves(t testing.TB, c *corporate, p provider, dir string, before map[string]map[string]any) {
	want := map[string][]op{}
	for i := 100; i < 120; i++ {
		c.move(i, away)
		want[slapdtest.PersonUUID(i)] = []op{{"replace", enterpriseURN + ":organization", "Zürich"}}
	}
	if !c.mapsOU {
		quiet(t, dir, p)
		return
	}
	// One of them first, by another spelling of a DN that has a comma in its RDN.
	key := slapdtest.PersonUUID(107)
	dn := strings.ReplaceAll(c.entries[key].dn, `\,`, `\2C`)
	dn = strings.ToUpper(strings.ReplaceAll(dn, ",ou", " , OU"))
	if _, seen := watch(t, dir, p, 0, "--user", dn); len(seen.order) != 1 || seen.patches[before[key]["id"].(string)] == nil {
		t.Errorf("--user %s: %v", dn, seen.patches)
	}
	delete(want, key)
	_, seen := watch(t, dir, p, 0)
	wantPatches(t, before, seen.patches, want)
	if len(seen.order) != 19 || seen.lookups > 0 {
		t.Errorf("moved people: %v, %d lookups", seen.order, seen.lookups)
	}
}

// corporateChanges changes 25 people, gives 2 another login, removes 5 and adds 10.
func corporateChanges(t testing.TB, c *corporate, p provider, dir string, before map[string]map[string]any) {
	want := map[string][]op{}
	for i := 200; i < 225; i++ {
		switch key := slapdtest.PersonUUID(i); {
		case i == 213: // had two mails
			c.set(i, "mail", slapdtest.PersonMail(i))
			want[key] = []op{{"remove", `emails[type eq "home" and value eq "z-` + slapdtest.PersonMail(i) + `"]`, nil}}
		case i < 210:
			c.set(i, "title", "Ärztin, Chef")
			want[key] = []op{{"add", "title", "Ärztin, Chef"}}
		case i < 215:
			c.set(i, "departmentNumber", "D77")
			want[key] = []op{{"replace", enterpriseURN + ":department", "D77"}}
		case i < 220:
			c.set(i, "departmentNumber")
			want[key] = []op{{"remove", enterpriseURN + ":department", nil}}
		default: // all to one mail
			c.set(i, "mail", "office@example.org")
			want[key] = []op{{"replace", `emails[type eq "work"].value`, "office@example.org"}}
		}
	}
	for i := 302; i < 304; i++ {
		e, login := c.entries[slapdtest.PersonUUID(i)], fmt.Sprintf("married%d", i)
		c.Rename(e.dn, "uid="+login, "")
		e.dn, e.attrs["uid"] = "uid="+login+","+slapdtest.People, []string{login}
		want[slapdtest.PersonUUID(i)] = []op{{"replace", "userName", login}}
	}
	for i := 405; i < 410; i++ { // one of them has a comma in the RDN
		c.Delete(slapdtest.PersonDN(i))
		c.active[slapdtest.PersonUUID(i)] = false
		want[slapdtest.PersonUUID(i)] = []op{{"replace", "active", false}}
	}
	added := c.join(10)
	if o := scimsync(t, dir, "plan", "--user", slapdtest.PersonDN(405)); !strings.Contains(o.out, "1 deactivate; 1 call") {
		t.Errorf("plan for a DN that has gone: %s%s", o.out, o.err)
	}
	r, seen := watch(t, dir, p, 0)
	if text(r.Done) != text(map[string]int{"create": 10, "deactivate": 5, "update": 27}) {
		t.Errorf("done: %v", r.Done)
	}
	wantPatches(t, before, seen.patches, want)
	if len(seen.creates) != 10 || len(seen.order) != 42 || seen.lookups > 1+10*3 {
		t.Errorf("%d creates, %d writes, %d lookups", len(seen.creates), len(seen.order), seen.lookups)
	}
	c.learn(t, dir, added)
	quiet(t, dir, p)
}

// join adds people by hand, the mail of each is somebody's already. Their entryUUIDs
// are the server's; see learn.
func (c *corporate) join(n int) (added []*entry) {
	for i := range n {
		e := &entry{dn: fmt.Sprintf(`cn=Ólafsdóttir\, Þóra %d,%s`, i, away), attrs: map[string][]string{
			"uid": {fmt.Sprintf("new%d", i)}, "cn": {fmt.Sprintf("Ólafsdóttir, Þóra %d", i)}, "givenName": {"Þóra"}, "sn": {"Ólafsdóttir"},
			"displayName": {"Þóra Ólafsdóttir"}, "employeeNumber": {fmt.Sprint(90_000 + i)}, "mail": {slapdtest.PersonMail(i)}}}
		pairs := []string{"objectClass", "inetOrgPerson"}
		for name, values := range e.attrs {
			pairs = append(pairs, name, values[0])
		}
		c.Add(e.dn, pairs...)
		added = append(added, e)
	}
	return added
}

// learn asks scimsync read for the entryUUIDs of new entries.
func (c *corporate) learn(t testing.TB, dir string, added []*entry) {
	t.Helper()
	o := scimsync(t, dir, "read", "corp", "--limit", "0", "--output", "json").want(t, 0)
	keys := map[string]string{}
	for line := range strings.Lines(o.out) {
		p := decoded[struct {
			Key    string
			Values map[string][]string
		}](t, line)
		keys[p.Values["uid"][0]] = p.Key
	}
	for _, e := range added {
		key := keys[e.attrs["uid"][0]]
		c.entries[key], c.active[key] = e, true
	}
}

// corporateReturns locks people and unlocks them, and moves people out of the base and
// back: deactivated and reactivated, the same accounts, nothing else sent but what
// changed meanwhile.
func corporateReturns(t testing.TB, c *corporate, p provider, dir string, before map[string]map[string]any) {
	gone, back := map[string][]op{}, map[string][]op{}
	turn := func(i int, active bool) {
		key := slapdtest.PersonUUID(i)
		c.active[key] = active
		map[bool]map[string][]op{true: back, false: gone}[active][key] = []op{{"replace", "active", active}}
	}
	for i := 500; i < 503; i++ {
		c.Modify(slapdtest.PersonDN(i), "pwdAccountLockedTime", "000001010000Z")
		turn(i, false)
	}
	// A lock after wrong passwords is no suspension.
	c.Modify(slapdtest.PersonDN(503), "pwdAccountLockedTime", "20260101000000Z")
	for i := 605; i < 609; i++ {
		c.move(i, outside)
		turn(i, false)
	}
	r, seen := watch(t, dir, p, 0)
	wantPatches(t, before, seen.patches, gone)
	if r.Done["deactivate"] != 7 || len(seen.order) != 7 || seen.lookups > 0 {
		t.Errorf("suspended and moved away: %+v, %d lookups", r, seen.lookups)
	}
	quiet(t, dir, p)

	for i := 500; i < 503; i++ {
		c.Modify(slapdtest.PersonDN(i), "pwdAccountLockedTime")
		turn(i, true)
	}
	for i := 605; i < 609; i++ {
		c.move(i, slapdtest.People)
		turn(i, true)
	}
	c.set(606, "title", "Returner")
	key := slapdtest.PersonUUID(606)
	back[key] = append(back[key], op{"add", "title", "Returner"})
	r, seen = watch(t, dir, p, 0)
	wantPatches(t, before, seen.patches, back)
	if r.Done["reactivate"] != 7 || len(seen.order) != 7 || seen.lookups > 0 {
		t.Errorf("returners: %+v, %d lookups", r, seen.lookups)
	}
	quiet(t, dir, p)
}

// corporateRecycled gives the login of somebody who has left to a new entry: it never
// gets the leaver's account (invariant I14).
func corporateRecycled(t testing.TB, c *corporate, p provider, dir string) {
	old := c.entries[slapdtest.PersonUUID(405)]
	c.Add(slapdtest.PersonDN(405), "objectClass", "inetOrgPerson", "uid", old.attrs["uid"][0], "cn", "Somebody Else", "sn", "Else",
		"mail", old.attrs["mail"][0])
	r, seen := watch(t, dir, p, 4)
	if len(r.Conflicts) != 1 || !r.Conflicts[0].New || r.Calls != 0 || len(seen.order) != 0 {
		t.Fatalf("a recycled login: %+v, %v", r, seen.order)
	}
	if why := r.Conflicts[0].Why; !strings.Contains(why, old.attrs["uid"][0]) && !strings.Contains(why, slapdtest.PersonUUID(405)) {
		t.Errorf("the conflict does not say with whom: %s", why)
	}
	wantAccounts(t, p.users(), c.accounts())
	quiet(t, dir, p) // the conflict is not asked about again and again
}

// A file and a directory in one job: each says who of its own people has gone, and a
// directory that is down takes nobody away, nor lets half a run begin.
func TestUnionOfFileAndDirectory(t *testing.T) {
	t.Parallel()
	c, svc, dir := startCorporate(t, 60, false), startService(t), t.TempDir()
	c.config(t, dir, svc.URL)
	config, err := os.ReadFile(filepath.Join(dir, "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "config.yaml", strings.NewReplacer(
		"  corp:\n", "  ext: {csv: {users: {path: people.csv, key: id}}, max_shrink: 60%}\n  corp:\n",
		"from: corp\n", "from: [corp, ext]\n    union: true\n",
		"      map:\n", "      map:\n        userName: 'first(values(\"uid\"))'\n        nickName: mail\n",
	).Replace(string(config)))
	write(t, dir, "people.csv", "id,uid,mail\nE1,xavier,xavier@example.org\nE2,yvonne,yvonne@example.org\n")

	// Whoever has two mails cannot be mapped by a plain variable, and waits; nobody else does.
	r, seen := watch(t, dir, svc, 4)
	if r.Done["create"] != 61 || len(seen.creates) != 61 || len(r.Parked) != 1 || r.Parked[0].Key != slapdtest.PersonUUID(13) ||
		!strings.Contains(r.Parked[0].Why, "mail has 2 values; use values(…), first(…) or join(…)") {
		t.Fatalf("first run: %+v", r)
	}
	quiet(t, dir, svc)
	for _, what := range []string{"source corp: reached", "source ext: reached", "target service: reached"} {
		if o := scimsync(t, dir, "check", "--connect").want(t, 0); !strings.Contains(o.out, what) {
			t.Errorf("check --connect does not say %q: %s", what, o.out)
		}
	}

	c.Stop()
	write(t, dir, "people.csv", "id,uid,mail\nE1,xavier,xavier@example.org\n")
	n := svc.last()
	for range 2 {
		if o := scimsync(t, dir, "sync").want(t, 1); !strings.Contains(o.err, "source corp: ") || !strings.Contains(o.err, "connection refused") {
			t.Errorf("with the directory down: %s", o.err)
		}
	}
	if got := svc.requests(n); len(got) > 0 {
		t.Errorf("with the directory down: %d requests", len(got))
	}
	scimsync(t, dir, "check").want(t, 0)
	scimsync(t, dir, "check", "--connect").want(t, 1)

	c.Restart()
	config, err = os.ReadFile(filepath.Join(dir, "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "config.yaml", regexp.MustCompile(`ldap://[0-9.:]+`).ReplaceAllString(string(config), c.URL))
	c.Modify(slapdtest.PersonDN(13), "mail", "one@example.org") // put right
	r, seen = watch(t, dir, svc, 0)
	if r.Done["create"] != 1 || r.Done["deactivate"] != 1 || len(seen.order) != 2 {
		t.Errorf("afterwards: %+v, %v", r, seen.order)
	}
	quiet(t, dir, svc)
}
