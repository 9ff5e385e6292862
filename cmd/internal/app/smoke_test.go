package app_test

import (
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
