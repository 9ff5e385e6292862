package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// otherPeople puts accounts of others into a service.
func otherPeople(svc *service) map[string]map[string]any {
	for i := range 3 {
		svc.do("POST", "/Users", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"other%d@example.org","externalId":"other-%d","active":true}`, i, i))
	}
	return svc.users()
}

// The real program at a service in another process: what it prints is a profile that a target can use, and that differs where
// the service does.
func TestProbe(t *testing.T) {
	t.Parallel()
	svc, dir := startService(t, "--habit", "value-path-400", "--habit", "isolates=active,userName"), t.TempDir()
	before := otherPeople(svc)
	write(t, dir, "config.yaml", csvConfig(svc.URL, freely))
	write(t, dir, "people.csv", threePeople)
	o := scimsync(t, dir, "probe", "service", "--irreversible", "--yes").want(t, 0)
	if first := strings.SplitN(o.err, "\n", 2)[0]; !strings.Contains(first, "config.yaml: probe of target service (127.0.0.1") {
		t.Errorf("the first line is %q", first)
	}
	for _, want := range []string{"value_filter: false", `isolate: ["active","userName"]`, "confidence: observed", "differs: the profile says true"} {
		if !strings.Contains(o.out, want) {
			t.Errorf("it lacks %q:\n%s", want, o.out)
		}
	}
	after := svc.users()
	if len(after) != len(before) {
		t.Errorf("%d accounts, there were %d", len(after), len(before))
	}
	for id, u := range before {
		if fmt.Sprint(after[id]) != fmt.Sprint(u) {
			t.Errorf("%v became %v", u, after[id])
		}
	}
	write(t, dir, "probed.yaml", o.out)
	config, err := os.ReadFile(dir + "/config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "config.yaml", strings.Replace(string(config), "service: {url", "service: {profile: ./probed.yaml, url", 1))
	if r := synced(t, dir, 0); r.Done["create"] != 3 {
		t.Errorf("%+v", r)
	}
}

// Refusals: nothing is sent.
func TestProbeRefuses(t *testing.T) {
	t.Parallel()
	svc, dir := startService(t), t.TempDir()
	write(t, dir, "config.yaml", strings.Replace(csvConfig(svc.URL, freely), `", pace`, `", protect: {userName: ["admin*"]}, pace`, 1))
	write(t, dir, "people.csv", threePeople)
	for want, args := range map[string][]string{
		`there is no target "x"; the config has service`:                              {"x", "--yes"},
		"delete.effect irreversible): the throw-away account would be gone for good":  {"service", "--yes"},
		"add --irreversible if that may be, or --keep so that it is only deactivated": {"service"},
		"there is no terminal to ask on: add --yes":                                   {"service", "--keep"},
		"--name admin@example.org is protected by the target's config":                {"service", "--keep", "--yes", "--name", "admin@example.org"},
		"probe: accepts 1 arg(s), received 0":                                         {},
	} {
		if o := scimsync(t, dir, append([]string{"probe"}, args...)...).want(t, 64); !strings.Contains(o.err, want) {
			t.Errorf("%v: %s, want %s", args, o.err, want)
		}
	}
	if n := svc.last(); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// --keep leaves one account, inactive, and tells its id; --output json is one object.
func TestProbeKeeps(t *testing.T) {
	t.Parallel()
	svc, dir := startService(t), t.TempDir()
	otherPeople(svc)
	write(t, dir, "config.yaml", csvConfig(svc.URL, freely))
	o := scimsync(t, dir, "probe", "service", "--keep", "--yes", "--output", "json", "--name", "throw-away@example.org").want(t, 0)
	var r struct {
		Target, Login string
		Left          []struct{ ID, State string }
		Findings      []struct{ Says string }
	}
	if err := json.Unmarshal([]byte(o.out), &r); err != nil {
		t.Fatal(err)
	}
	var left map[string]any
	for _, u := range svc.users() {
		if u["userName"] == "throw-away@example.org" {
			left = u
		}
	}
	if left == nil || left["active"] != false || len(r.Left) != 1 || r.Left[0].ID != left["id"] || !strings.Contains(o.err, r.Left[0].ID) || len(r.Findings) < 10 {
		t.Errorf("%+v, left %v", r, left)
	}
	if w := svc.writes(0); w["DELETE"] != 0 {
		t.Errorf("%v", w)
	}
	if o := scimsync(t, dir, "__complete", "probe", ""); !strings.HasPrefix(o.out, "service\n") {
		t.Errorf("completion: %q", o.out)
	}
}

// An interrupt in the middle cleans up; a kill leaves one account, whose name is in what was printed.
func TestProbeEnded(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL} {
		svc, dir := startService(t, "--latency", "30ms"), t.TempDir()
		before := otherPeople(svc)
		write(t, dir, "config.yaml", csvConfig(svc.URL, freely))
		c := program(t, dir, "probe", "service", "--irreversible", "--yes")
		var errs bytes.Buffer
		c.Stderr = &errs
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(time.Minute); svc.writes(0)["PATCH"] < 3; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("it does not get to its third PATCH")
			}
		}
		if err := c.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if err := c.Wait(); err == nil {
			t.Errorf("%s: it ended well", signal)
		}
		left := svc.users()
		for id := range before {
			delete(left, id)
		}
		switch signal {
		case syscall.SIGINT:
			if len(left) != 0 || !strings.Contains(errs.String(), "interrupt") {
				t.Errorf("left %v\n%s", left, errs.String())
			}
		default:
			if len(left) != 1 {
				t.Errorf("left: %v", left)
			}
			for _, u := range left {
				if !strings.Contains(errs.String(), fmt.Sprint(u["userName"])) {
					t.Errorf("%v is not in %s", u["userName"], errs.String())
				}
			}
		}
	}
}
