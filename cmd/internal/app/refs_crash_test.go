package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"scimsync/sources/ldap/slapdtest"
	"scimsync/targets/sandbox"
)

// managers gives the externalId of everybody's manager, by externalId; who has none is left out.
func (r *rig) managers() map[string]string {
	r.t.Helper()
	owner, managers := map[string]string{}, map[string]string{}
	users := r.service.Users()
	for _, user := range users {
		owner[str(user["id"])] = str(user["externalId"])
	}
	for _, user := range users {
		if id := managerOf(user); id != "" {
			managers[str(user["externalId"])] = owner[id]
		}
	}
	return managers
}

// managedPeople is a file of people with managers: "id boss title", or "id boss title status".
func managedPeople(rows ...string) string {
	file := "id,login,given,family,mail,title,status,boss\n"
	for _, row := range rows {
		f := append(strings.Fields(row), "on")
		boss := f[1]
		if boss == "-" {
			boss = ""
		}
		file += strings.Join([]string{f[0], "u" + f[0], "G" + f[0], "F" + f[0], f[0] + "@example.org", f[2], f[3], boss}, ",") + "\n"
	}
	return file
}

// Killed anywhere while people get accounts and managers, the program goes on where it was:
// in the end everybody is there once, with the manager that the source says.
func TestCrashManagers(t *testing.T) {
	t.Parallel()
	before := managedPeople("01 02 a", "02 - a", "03 02 a", "04 31 a", "05 30 a", "06 03 a", "07 08 a", "08 - a", "09 nobody a")
	after := managedPeople("01 02 b", "02 30 a", "03 01 a", "04 31 a", "05 30 b", "06 02 a", "07 - a", "08 - a off", "09 02 a",
		"30 31 a", "31 32 a", "32 30 a", "33 32 a", "34 33 a", "35 nobody a", "36 36 a")
	want := map[string]string{"01": "02", "02": "30", "03": "01", "04": "31", "05": "30", "06": "02", "09": "02",
		"30": "31", "31": "32", "32": "30", "33": "32", "34": "33", "36": "36"}
	for _, at := range []moment{beforeAnswer, atStep} {
		t.Run(string(at), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, "")
			config := managed(r.server.URL+sandbox.DefaultBasePath, "ref(boss)", freely)
			write(t, r.base, "config.yaml", strings.Replace(config, "concurrency: 8", "concurrency: 2", 1))
			write(t, r.base, "people.csv", before)
			if o, _ := r.run(kill{at: never}, "sync"); o.code != 0 {
				t.Fatalf("the first load: %+v", o)
			}
			r.round(after)
			r.settle()
			accounts := len(r.accounts())
			if diff := cmp.Diff(want, r.managers()); diff != "" {
				t.Fatalf("undisturbed (-want +got):\n%s%s", diff, r.requests())
			}
			r.everywhere(at, 15, func() { r.round(after) }, []string{"sync"}, func() {
				r.settle()
				if diff := cmp.Diff(want, r.managers()); diff != "" || len(r.accounts()) != accounts {
					t.Errorf("%d accounts, managers (-want +got):\n%s", len(r.accounts()), diff)
				}
				r.looksFirst()
			})
		})
	}
}

// People of a directory refer to each other by DN, whatever its spelling, wherever they move.
func TestManagersOfADirectory(t *testing.T) {
	t.Parallel()
	c, p, dir := startCorporate(t, 60, false), startService(t), t.TempDir()
	c.config(t, dir, p.URL)
	config, err := os.ReadFile(filepath.Join(dir, "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "config.yaml", replaced(string(config), "      map:\n", "      map:\n        '"+managerAttr+"': ref(manager)\n"))
	want := map[string]string{}
	reports := func(i, boss int, dn string) {
		c.set(i, "manager", dn)
		want[slapdtest.PersonUUID(i)] = slapdtest.PersonUUID(boss)
	}
	for i := range 50 {
		if i != 7 {
			reports(i, 7, strings.ToUpper(slapdtest.PersonDN(7))) // a comma in its name
		}
	}
	reports(7, 51, slapdtest.PersonDN(51))
	c.set(52, "manager", "cn=nobody,dc=example,dc=org")
	check := func(what string) {
		t.Helper()
		users := p.users()
		for key, user := range users {
			boss := users[want[key]]
			if got := managerOf(user); boss == nil && got != "" || boss != nil && got != str(boss["id"]) {
				t.Errorf("%s: manager of %s is %q, want %s", what, key, got, want[key])
			}
		}
		for _, r := range p.requests(0) {
			if strings.Contains(strings.ToLower(r.Body), "dc=example") {
				t.Fatalf("a DN was sent: %s", r.Body)
			}
		}
	}
	synced(t, dir, 0)
	check("the first load")
	quiet(t, dir, p)

	c.move(7, away) // the directory keeps the old name in manager: it means nobody now
	mark := p.last()
	synced(t, dir, 0)
	check("the manager moved")
	reports(3, 7, c.entries[slapdtest.PersonUUID(7)].dn)
	reports(4, 51, slapdtest.PersonDN(51))
	c.set(5, "manager")
	delete(want, slapdtest.PersonUUID(5))
	synced(t, dir, 0)
	check("afterwards")
	if n := len(writesOf(p, mark)); n > 2 {
		t.Errorf("%v", writesOf(p, mark))
	}
	quiet(t, dir, p)
}
