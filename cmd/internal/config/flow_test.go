package config

import (
	"bytes"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var reflectPos = reflect.TypeFor[Pos]()

// A target's lines are laid over the job's, line by line, and leave the job's and the other targets' alone.
func TestOverlay(t *testing.T) {
	cfg := load(t, everything)
	flows := cfg.Flows("staff")
	if len(flows) != 2 || cfg.Flows("nobody") != nil {
		t.Fatalf("flows = %+v", flows)
	}
	box, cloud := flows[0], flows[1]
	job := cfg.Job("staff")
	same := cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })
	if diff := cmp.Diff(job.Users, box.Users, same); diff != "" {
		t.Errorf("box has no lines of its own; -job +box:\n%s", diff)
	}
	if diff := cmp.Diff(job.Guard, box.Guard); diff != "" {
		t.Errorf("box has no lines of its own; -job +box:\n%s", diff)
	}

	if from := cloud.Users.ActiveFrom; from.Early != 48*time.Hour || from.Value.Value != "start" || from.Before != BeforeInactive {
		t.Errorf("active_from = %+v: early is the target's, the rest the job's", from)
	}
	if box.Users.ActiveFrom.Early != 7*24*time.Hour {
		t.Error("the target's early reached another target")
	}
	if cloud.Users.ActiveUntil != nil || box.Users.ActiveUntil == nil {
		t.Error("null takes active_until from this target alone")
	}
	if got := box.Users.ActiveUntil.Zone.String(); got != "Europe/Zurich" {
		t.Errorf("zone = %s: the job's where none is named", got)
	}
	if !cmp.Equal(cloud.Users.Match, []MatchBy{MatchUserName}) {
		t.Errorf("match = %v: a list is replaced", cloud.Users.Match)
	}
	if cloud.Users.MapOnly || !box.Users.MapOnly {
		t.Error("map_only is the target's own")
	}
	if cloud.Leavers.Action != LeaverKeep || box.Leavers.Action != LeaverDelete {
		t.Error("leavers are the target's own")
	}
	if own := box.Users.Own; own.Default != OwnElements || len(own.Lines) != 2 || own.Lines[0].Own != OwnAll {
		t.Errorf("own = %+v", own)
	}
	checkMap(t, cloud.Users.Map)
	if len(box.Users.Map) != 5 || box.Users.Map[0].Path.Value != "userName" {
		t.Errorf("the target's map reached another target: %+v", box.Users.Map)
	}
	checkLimits(t, box.Guard, cloud.Guard)
}

func checkMap(t *testing.T, lines []MapLine) {
	t.Helper()
	var got []string
	for _, l := range lines {
		line := l.Path.Value + "=" + l.Expr.Value + " " + string(l.When)
		if l.Drop {
			line = l.Path.Value + " dropped"
		}
		got = append(got, line)
	}
	want := []string{
		"username=uid always", // the target's, in place of the job's userName: paths do not differ by case
		"active=true always", "title dropped", `locale="de-CH" create`, `emails[type eq "work"].value=email empty`,
		"nickName=nick always",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func checkLimits(t *testing.T, box, cloud Guard) {
	t.Helper()
	if l := box.Create; l.Percent != nil || *l.Count != 1000 || l.AtLeast != 0 {
		t.Errorf("create = %+v: what a job writes stands for itself, nothing of the default is left", l)
	}
	if l := box.Update; *l.Percent != 5 || *l.Count != 10 || l.AtLeast != 0 {
		t.Errorf("update = %+v: merged, its own line wins", l)
	}
	if l := cloud.Create; l.Percent != nil || *l.Count != 7 {
		t.Errorf("create = %+v: a target replaces the field it names", l)
	}
	if l := cloud.Update; l.Percent != nil || *l.Count != 3 || l.AtLeast != 0 {
		t.Errorf("update = %+v: null lifts the percent", l)
	}
	if l := cloud.Deactivate; *l.Percent != 5 || *l.Count != 10 || l.AtLeast != 2 {
		t.Errorf("deactivate = %+v: the job's, untouched", l)
	}
}

// An overlay may start a mapping of its own, which must then be whole; over the job's it need not be.
func TestOverlayOfNothing(t *testing.T) {
	const text = `version: 1
sources: {hr: {csv: {users: {path: people.csv, key: id}}}}
targets: {box: {profile: sandbox}}
jobs: {staff: {from: hr, to: [box: {users: {active_from: {early: 1d}}}]}}
`
	_, _, err := parse("c.yaml", "/", []byte(text))
	if want := "c.yaml:4:45: jobs.staff.to.box.users.active_from: the key value is missing (The expression that gives the first day.)"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	cfg, _, err := parse("c.yaml", "/", []byte(strings.Replace(text, "{early: 1d}", "{value: d}", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if from := cfg.Flows("staff")[0].Users.ActiveFrom; from.Format.Layout != time.DateOnly || from.Zone != time.UTC || from.Before != BeforeAbsent {
		t.Errorf("%+v", from)
	}
}

func TestEffective(t *testing.T) {
	want, err := os.ReadFile("testdata/effective.txt")
	if err != nil {
		t.Fatal(err)
	}
	cfg, _, err := parse("config.yaml", "/etc/scimsync", []byte(`version: 1
sources:
  hr: {csv: {users: {path: people.csv, key: id}}}
  not-of-this-job: {csv: {users: {path: people.csv, key: id}}}
targets:
  cloud:
    url: https://scim.example.org
    auth: {basic: {username: svc, password: hunter2}}
    tls: {ca_file: ca.pem}
    options: {timeout: 90s, attrs: {max_len: {userName: 20}}}
  near: {profile: slack, url: "http://localhost:1", auth: {bearer: {token: {file: token}}}}
jobs:
  staff:
    from: hr
    to:
      - cloud: {users: {include: "y == 'a'"}, guard: {create: {count: 7}}}
      - near
    users:
      include: x
      map: {title: null, locale: {value: l, when: create}}
    guard:
      create: {percent: 3}
`))
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := Effective(&got, cfg, "staff"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if err := Effective(&got, cfg, "stuff"); err == nil || err.Error() != "there is no job named stuff (did you mean staff?)" {
		t.Error(err)
	}
	got.Reset()
	if err := Effective(&got, cfg, ""); err != nil || !strings.Contains(got.String(), "sources.not-of-this-job.csv.users.key: id") ||
		!strings.Contains(got.String(), "log.level: info") {
		t.Errorf("%v\n%s", err, &got)
	}
}

// Groups of a job: a target may lay lines over them, want none, or be the only one with any.
func TestFlowsOfGroups(t *testing.T) {
	cfg, _, err := parse("c.yaml", "/", []byte(`version: 1
sources:
  hr: {csv: {users: {path: people.csv, key: id}, groups: {path: g.csv, key: gid}, members: {path: m.csv, group: gid, user: id}}}
targets: {a: {profile: sandbox}, b: {profile: sandbox}, c: {profile: sandbox}}
jobs:
  staff:
    from: hr
    to:
      - a
      - b: {groups: {leavers: empty, map: {displayName: '"x " + name'}}, leavers: {members: remove}}
      - c: {groups: null, guard: {member_remove: {count: 3}}}
    groups: {include: 'name != ""', match: [displayName]}
`))
	if err != nil {
		t.Fatal(err)
	}
	flows := cfg.Flows("staff")
	a, b := flows[0].Groups, flows[1].Groups
	if a.Leavers != GroupUnlink || len(a.Map) != 0 || a.Include.Value != `name != ""` || flows[0].Leavers.Members != LeaverMembersKeep {
		t.Errorf("a: %+v", a)
	}
	if b.Leavers != GroupEmpty || b.Map[0].Expr.Value != `"x " + name` || b.Include.Value != `name != ""` || len(b.Match) != 1 || flows[1].Leavers.Members != LeaverMembersRemove {
		t.Errorf("b: %+v", b)
	}
	if l := flows[2].Guard.MemberRemove; flows[2].Groups != nil || *l.Count != 3 || *l.Percent != 30 {
		t.Errorf("c: %+v %+v", flows[2].Groups, l)
	}
}
