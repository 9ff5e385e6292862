package app_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const threePeople = "id,login,given,family,mail,title,status\n" +
	"1,ada,Ada,Okafor,ada@example.org,Engineer,on\n" +
	"2,bruno,Bruno,Keller,bruno@example.org,Clerk,on\n" +
	"3,chloe,Chloé,Martin,chloe@example.org,,on\n"

// The life of a few people: joiner, mover, leaver, returner, and quiet in between.
func TestLife(t *testing.T) {
	t.Parallel()
	svc, dir := startService(t), t.TempDir()
	write(t, dir, "config.yaml", csvConfig(svc.URL, freely))
	write(t, dir, "people.csv", threePeople)

	if r := synced(t, dir, 0); r.Done["create"] != 3 || r.Calls != 3 {
		t.Fatalf("first run: %+v", r)
	}
	n := svc.last()
	if r := synced(t, dir, 0); r.Calls != 0 || svc.last() != n {
		t.Fatalf("second run: %+v, %d requests", r, svc.last()-n)
	}

	write(t, dir, "people.csv", strings.NewReplacer("Clerk", "Head", "3,chloe,Chloé,Martin,chloe@example.org,,on\n", "").Replace(threePeople))
	if r := synced(t, dir, 0); r.Done["update"] != 1 || r.Done["deactivate"] != 1 || r.Calls != 2 {
		t.Fatalf("mover and leaver: %+v", r)
	}
	users := svc.users()
	if users["3"]["active"] != false || users["2"]["title"] != "Head" {
		t.Fatalf("users: %v", users)
	}

	n = svc.last()
	write(t, dir, "people.csv", threePeople)
	if r := synced(t, dir, 0); r.Done["reactivate"] != 1 || r.Done["update"] != 1 {
		t.Fatalf("returner: %+v", r)
	}
	if w := svc.writes(n); w["PATCH"] != 2 || w["POST"] != 0 || svc.users()["3"]["active"] != true {
		t.Fatalf("returner: %v", w)
	}
}

// The demo shows a first run, a minimal second one and a third without calls, and
// never writes over anything.
func TestDemo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := scimsync(t, dir, "demo", "--dir", "kept").want(t, 0)
	calls := regexp.MustCompile(`(?m)^calls to the service: (.*)$`).FindAllStringSubmatch(o.out, -1)
	if len(calls) != 5 || calls[1][1] != "8 (1 GET, 7 POST)" || calls[3][1] != "7 (3 GET, 1 POST, 3 PATCH)" || calls[4][1] != "0" {
		t.Fatalf("calls: %v\n%s", calls, o.out)
	}
	before, err := os.ReadFile(filepath.Join(dir, "kept", "people.csv"))
	if err != nil {
		t.Fatal(err)
	}
	scimsync(t, dir, "demo", "--dir", "kept").want(t, 64)
	if after, err := os.ReadFile(filepath.Join(dir, "kept", "people.csv")); err != nil || string(after) != string(before) {
		t.Fatalf("the second demo wrote over the first: %v", err)
	}
}
