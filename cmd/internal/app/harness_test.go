package app_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"scimsync/cmd/internal/app"
)

// The test binary is scimsync itself when this variable is set: tests run the real
// program in a process of its own. The others are its test hooks.
const (
	asProgram  = "SCIMSYNC_TEST_PROGRAM"
	settleTime = "SCIMSYNC_TEST_SETTLE"  // apply.Carry.Settle
	idleTime   = "SCIMSYNC_TEST_IDLE"    // ldap.Options.IdleTimeout
	killAt     = "SCIMSYNC_TEST_KILL_AT" // the process kills itself at this ledger step, counted from 1
	countSteps = "SCIMSYNC_TEST_STEPS"   // the number of ledger steps is written to this file at the end
)

func TestMain(m *testing.M) {
	if os.Getenv(asBaseline) != "" {
		os.Exit(runBaseline(os.Args[1:]))
	}
	if os.Getenv(asProgram) == "" {
		code := m.Run()
		_ = os.Remove(filepath.Join(os.TempDir(), fmt.Sprintf("scimsync-test-%d", os.Getpid()))) // see build
		os.Exit(code)
	}
	world := app.Real()
	world.SettleWindow, _ = time.ParseDuration(os.Getenv(settleTime))
	world.Idle, _ = time.ParseDuration(os.Getenv(idleTime))
	world.Backoff = 10 * time.Millisecond
	at, _ := strconv.ParseInt(os.Getenv(killAt), 10, 64)
	var steps atomic.Int64
	world.Step = func(string) {
		if n := steps.Add(1); n == at {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	code := app.Main(os.Args[1:], world)
	if file := os.Getenv(countSteps); file != "" {
		_ = os.WriteFile(file, []byte(fmt.Sprint(steps.Load())), 0o600)
	}
	os.Exit(code)
}

// outcome is what one call of the program left.
type outcome struct {
	code     int // -1: killed
	out, err string
}

// shipped makes the helpers of this file run the program as it is shipped, without
// the race detector: for tests that are about large numbers.
type shipped struct{ testing.TB }

// build builds the program once for all tests.
var build = sync.OnceValues(func() (string, error) {
	file := filepath.Join(os.TempDir(), fmt.Sprintf("scimsync-test-%d", os.Getpid()))
	out, err := exec.Command("go", "build", "-o", file, "scimsync/cmd/scimsync").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("go build: %w: %s", err, out)
	}
	return file, err
})

// program makes a command that runs scimsync with a config in dir.
func program(t testing.TB, dir string, args ...string) *exec.Cmd {
	t.Helper()
	which := os.Executable
	if _, ok := t.(shipped); ok {
		which = build
	}
	self, err := which()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self, args...)
	c.Dir = dir
	c.Env = append(os.Environ(), asProgram+"=1", settleTime+"=300ms", idleTime+"=2s", "SCIMSYNC_CONFIG="+filepath.Join(dir, "config.yaml"), "NO_COLOR=1",
		"GORACE=atexit_sleep_ms=0") // under -race every process would sleep for a second at its end
	return c
}

// scimsync runs the program to its end.
func scimsync(t testing.TB, dir string, args ...string) outcome {
	t.Helper()
	return finish(t, program(t, dir, args...))
}

func finish(t testing.TB, c *exec.Cmd) outcome {
	t.Helper()
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return outcome{c.ProcessState.ExitCode(), out.String(), errs.String()}
}

// want fails the test unless the program ended with that code.
func (o outcome) want(t testing.TB, code int) outcome {
	t.Helper()
	if o.code != code {
		t.Fatalf("exit %d, want %d\nstdout:\n%s\nstderr:\n%s", o.code, code, o.out, o.err)
	}
	return o
}

// result is one line of sync --output json.
type result struct {
	Job, Target   string
	Done          map[string]int
	Calls, Unsent int
	Parked        []problem
	Conflicts     []problem
	Protected     int
	Hold          *struct {
		ID     string
		Held   int
		Limits []struct {
			Limit string
			N, Of int
			Max   string
		}
		Next string
	}
	Error string
}

type problem struct {
	Key, Name, Why string
	New            bool
}

// synced runs sync --output json and gives the one result.
func synced(t testing.TB, dir string, code int, args ...string) result {
	t.Helper()
	return scimsync(t, dir, append([]string{"sync", "--output", "json"}, args...)...).want(t, code).result(t)
}

// result decodes the one result of a sync with --output json.
func (o outcome) result(t testing.TB) result {
	t.Helper()
	var r result
	if err := json.Unmarshal([]byte(o.out), &r); err != nil {
		t.Fatalf("%v in %q (stderr %s)", err, o.out, o.err)
	}
	return r
}

// service is a sandbox in another process.
type service struct {
	URL string
	log string
	t   testing.TB
}

// request is one line of the sandbox's request log.
type request struct {
	N                         int64
	Time                      time.Time
	Method, Path, Query, Body string
	Status                    int
}

// startService starts `scimsync sandbox` with flags, and ends it with the test.
func startService(t testing.TB, flags ...string) *service {
	t.Helper()
	dir := t.TempDir()
	log := filepath.Join(dir, "requests.jsonl")
	c := program(t, dir, append([]string{"sandbox", "--listen", "127.0.0.1:0", "--log", log}, flags...)...)
	pipe, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Signal(syscall.SIGTERM); _ = c.Wait() })
	line, err := bufio.NewReader(pipe).ReadString('\n')
	if err != nil {
		t.Fatalf("the sandbox did not start: %v %s", err, line)
	}
	return &service{URL: strings.TrimSpace(strings.TrimPrefix(line, "sandbox: ")), log: log, t: t}
}

// requests gives the requests since the n-th (0: all), as the server saw them.
func (s *service) requests(after int64) []request {
	s.t.Helper()
	var list []request
	s.each(func(n int64, line []byte) {
		var r request
		if n > after && json.Unmarshal(line, &r) == nil {
			list = append(list, r)
		}
	})
	return list
}

// undescribed leaves out the requests by which the program asked the service what it can
// do: once a day, before the first request that is needed anyway.
func undescribed(list []request) []request {
	return slices.DeleteFunc(slices.Clone(list), func(r request) bool {
		return strings.HasSuffix(r.Path, "/ServiceProviderConfig") || strings.HasSuffix(r.Path, "/Schemas") || strings.HasSuffix(r.Path, "/ResourceTypes")
	})
}

// last is the number of the newest request.
func (s *service) last() (last int64) {
	s.t.Helper()
	s.each(func(n int64, _ []byte) { last = max(last, n) })
	return last
}

// each gives the lines of the request log with their numbers: {"n":NUMBER,…}.
func (s *service) each(fn func(n int64, line []byte)) {
	s.t.Helper()
	log, err := os.ReadFile(s.log)
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range bytes.Lines(log) {
		number, _, _ := bytes.Cut(bytes.TrimPrefix(line, []byte(`{"n":`)), []byte(","))
		if n, err := strconv.ParseInt(string(number), 10, 64); err == nil {
			fn(n, line)
		}
	}
}

// writes counts the requests since the n-th that are no GET, by method.
func (s *service) writes(after int64) map[string]int {
	n := map[string]int{}
	for _, r := range s.requests(after) {
		if r.Method != http.MethodGet {
			n[r.Method]++
		}
	}
	return n
}

// users lists all accounts by their externalId (or id where there is none).
func (s *service) users() map[string]map[string]any {
	s.t.Helper()
	users := map[string]map[string]any{}
	for start := 1; ; {
		var page struct {
			TotalResults int
			Resources    []map[string]any
		}
		s.get(fmt.Sprintf("/Users?startIndex=%d&count=200", start), &page)
		for _, u := range page.Resources {
			key, _ := u["externalId"].(string)
			if key == "" {
				key = u["id"].(string)
			}
			if users[key] != nil {
				s.t.Fatalf("two accounts carry %s", key)
			}
			users[key] = u
		}
		if start += len(page.Resources); len(page.Resources) == 0 || start > page.TotalResults {
			return users
		}
	}
}

func (s *service) get(path string, into any) {
	s.t.Helper()
	resp, err := http.Get(s.URL + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		s.t.Fatal(err)
	}
}

// do sends a request as a hand at the service would, and gives the decoded answer.
func (s *service) do(method, path, body string) map[string]any {
	s.t.Helper()
	req, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/scim+json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer map[string]any
	_ = json.NewDecoder(resp.Body).Decode(&answer) // DELETE answers nothing
	if resp.StatusCode >= 300 {
		s.t.Fatalf("%s %s: %d %v", method, path, resp.StatusCode, answer)
	}
	return answer
}

// write puts a file into dir.
func write(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// csvConfig is a config with one CSV source, one target and one job. more is put
// under the job, four spaces deep.
func csvConfig(url, more string) string {
	return `version: 1
state: {dir: state}
log: {level: warn}
sources:
  hr: {csv: {users: {path: people.csv, key: id}}}
targets:
  service: {url: "` + url + `", pace: {rate: 100000/s, burst: 1000, concurrency: 8}}
jobs:
  staff:
    from: hr
    to: service
    users:
      map:
        userName: login
        name.givenName: given
        name.familyName: family
        displayName: 'given + " " + family'
        'emails[type eq "work"].value': mail
        title: title
        active: 'status != "off"'
` + more
}

// freely is the guard of tests that are not about the guard.
const freely = `    guard: {first_run: go, deactivate: {count: 1000000}, update: {count: 1000000}, create: {count: 1000000}, rename: {count: 1000000}}
`
