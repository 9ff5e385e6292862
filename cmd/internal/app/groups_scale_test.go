package app_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"scimsync/sources/ldap/slapdtest"
	"scimsync/targets/scimtest"
)

// fullSize makes the scale tests as large as companies are: 500 groups, one of them with 20,000
// members. It takes minutes.
const fullSize = "SCIMSYNC_TEST_GROUPS"

// groupProvider is a provider that tells who is in its groups: externalIds, by displayName.
type groupProvider interface {
	provider
	groups() map[string][]string
}

func (f *foreign) groups() map[string][]string {
	owner := map[string]string{}
	for _, u := range f.Users() {
		owner[u["id"].(string)] = u["externalId"].(string)
	}
	groups := map[string][]string{}
	for _, g := range f.Groups() {
		members := []string{}
		list, _ := g["members"].([]any)
		for _, m := range list {
			members = append(members, owner[m.(map[string]any)["value"].(string)])
		}
		slices.Sort(members)
		groups[g["displayName"].(string)] = members
	}
	return groups
}

// groupSource is a directory with people and groups.
type groupSource interface {
	begin(t testing.TB, dir, url string, people int, all clubs)
	change(t testing.TB, dir string, all clubs, key string)
	anchor(person int) string
}

type groupFiles struct{}

func (groupFiles) begin(t testing.TB, dir, url string, people int, all clubs) {
	write(t, dir, "config.yaml", clubConfig(url, clubsFreely+"    groups: {}\n"))
	write(t, dir, "people.csv", clubPeople(people))
	all.write(t, dir)
}

func (groupFiles) change(t testing.TB, dir string, all clubs, _ string) { all.write(t, dir) }
func (groupFiles) anchor(person int) string                             { return fmt.Sprint(person) }

type groupDirectory struct{ *slapdtest.Server }

func (d *groupDirectory) begin(t testing.TB, dir, url string, people int, all clubs) {
	var ldif strings.Builder
	ldif.WriteString(slapdtest.Persons(people + 1))
	for _, key := range slices.Sorted(maps.Keys(all)) {
		ldif.WriteString(slapdtest.Group(all[key].name, d.members(all, key)...))
	}
	d.Server = slapdtest.Start(t, slapdtest.Options{LDIF: ldif.String()})
	write(t, dir, "bind.pw", slapdtest.BindPW+"\n")
	write(t, dir, "config.yaml", `version: 1
state: {dir: state}
log: {level: warn}
sources:
  corp:
    ldap:
      urls: ["`+d.URL+`"]
      bind: {user: "`+slapdtest.BindDN+`", password: {file: bind.pw}}
      users: {base: ["`+slapdtest.People+`"]}
      groups: {base: ["`+slapdtest.Groups+`"]}
targets:
  service: {url: "`+url+`", pace: {rate: 100000/s, burst: 1000, concurrency: 8}}
jobs:
  staff:
    from: corp
    to: service
    groups: {}
`+clubsFreely)
}

// members gives the DNs of whom a group lists, half of them in another spelling.
func (d *groupDirectory) members(all clubs, key string) []string {
	members := []string{slapdtest.BindDN} // the schema demands one; nobody whom the source lists
	for _, p := range all[key].people {
		dn := slapdtest.PersonDN(p)
		if p%2 == 1 {
			dn = strings.Replace(dn, "uid=", "UID=", 1)
		}
		members = append(members, dn)
	}
	for _, sub := range all[key].clubs {
		members = append(members, slapdtest.GroupDN(all[sub].name))
	}
	return members
}

func (d *groupDirectory) change(_ testing.TB, _ string, all clubs, key string) {
	d.Modify(slapdtest.GroupDN(all[key].name), "member", d.members(all, key)...)
}

func (d *groupDirectory) anchor(person int) string { return slapdtest.PersonUUID(person) }

// manyClubs are n groups: the first with most members, the others with some; groups in groups
// three deep, in circles; somebody who is not there in every tenth.
func manyClubs(n, most, people int) clubs {
	all := clubs{}
	r := rand.New(rand.NewPCG(1, 2))
	some := func(n int) []int { return slices.Sorted(slices.Values(r.Perm(people)[:n])) }
	for i := range n {
		g := &club{name: fmt.Sprintf("Team %03d, \"North\"", i)}
		g.people = some(r.IntN(40))
		if i == 0 {
			g.people = some(most)
		}
		for k := range g.people {
			g.people[k]++ // from 1
		}
		if i%10 == 5 {
			g.people = append(g.people, people+1000)
		}
		if i > 0 && i%4 != 0 && i+1 < n {
			g.clubs = []string{fmt.Sprintf("g%03d", i+1)}
			if i%4 == 3 {
				g.clubs = []string{fmt.Sprintf("g%03d", i-2)}
			}
		}
		all[fmt.Sprintf("g%03d", i)] = g
	}
	return all
}

// at fails the test unless the groups at a service are those of the directory.
func (c clubs) at(t testing.TB, svc groupProvider, anchor func(int) string, people int) {
	t.Helper()
	want := map[string][]string{}
	for key, g := range c {
		members := []string{}
		for p := range c.in(key) {
			if p <= people {
				members = append(members, anchor(p))
			}
		}
		slices.Sort(members)
		want[g.name] = members
	}
	if diff := cmp.Diff(want, svc.groups()); diff != "" {
		t.Fatalf("groups at the service (-want +got):\n%.3000s", diff)
	}
}

// Many groups, one of them large, from files and from a directory to two services: who is in
// them is what another computation says, the second run asks for nothing, and three changes of
// a large group are one request.
func TestGroupsAtScale(t *testing.T) {
	t.Parallel()
	number, most, people := 40, 320, 400
	if os.Getenv(fullSize) != "" {
		number, most, people = 500, 20000, 21000
	}
	for name, c := range map[string]struct {
		source  groupSource
		service func(t *testing.T) groupProvider
	}{
		"files to sandbox":     {groupFiles{}, func(t *testing.T) groupProvider { return startService(t) }},
		"files to scimmy":      {groupFiles{}, func(t *testing.T) groupProvider { return &foreign{Server: scimtest.Start(t)} }},
		"directory to sandbox": {&groupDirectory{}, func(t *testing.T) groupProvider { return startService(t) }},
		"directory to scimmy":  {&groupDirectory{}, func(t *testing.T) groupProvider { return &foreign{Server: scimtest.Start(t)} }},
	} {
		t.Run(name, func(t *testing.T) {
			if os.Getenv(fullSize) == "" {
				if name == "files to sandbox" || name == "directory to scimmy" {
					return // two of the four have all of it
				}
				t.Parallel()
			}
			svc, dir := c.service(t), t.TempDir()
			all := manyClubs(number, most, people)
			c.source.begin(t, dir, svc.address(), people, all)
			if _, is := svc.(*foreign); is && os.Getenv(fullSize) != "" {
				// It shows all of a group with each request, which takes it seconds.
				config, err := os.ReadFile(filepath.Join(dir, "config.yaml"))
				if err != nil {
					t.Fatal(err)
				}
				write(t, dir, "config.yaml", replaced(string(config), "pace: {", "options: {members: {max_per_request: 5000}}, pace: {"))
			}
			program := shipped{t}
			first := synced(program, dir, 0)
			t.Logf("first run: %v, %d calls", first.Done, first.Calls)
			all.at(t, svc, c.source.anchor, people)
			quiet := func() {
				t.Helper()
				n := svc.last()
				if r := synced(program, dir, 0); r.Calls != 0 || svc.last() != n {
					t.Fatalf("a quiet run: %+v, %d requests", r, svc.last()-n)
				}
			}
			quiet()
			// Until removals are trusted at this service, they are looked after.
			small := all["g004"]
			for _, n := range []int{1, 2} {
				small.people = small.people[n:]
				c.source.change(t, dir, all, "g004")
				synced(program, dir, 0)
			}
			large := all["g000"]
			outside := 0
			for p := 1; p <= people; p++ {
				if !slices.Contains(large.people, p) {
					outside = p
				}
			}
			large.people = append(slices.Clone(large.people[2:]), outside)
			c.source.change(t, dir, all, "g000")
			n := svc.last()
			if r := synced(program, dir, 0); r.Calls != 1 || r.Done["remove_member"] != 2 || r.Done["add_member"] != 1 {
				t.Errorf("three of %d: %+v", most, r)
			}
			list := svc.requests(n)
			if len(list) != 1 || strings.Count(list[0].Body, `"op":`) != 3 {
				t.Errorf("three of %d: %s", most, logOf(list))
			}
			all.at(t, svc, c.source.anchor, people)
			quiet()
		})
	}
}
