package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"scimsync/sync/engine"
	"scimsync/targets/sandbox"
)

// busy is an open session with a service in this process whose requests are counted:
// a process that runs a job again while it runs it.
type busy struct {
	t       testing.TB
	dir     string
	session *session
	service *sandbox.Server

	mu      sync.Mutex
	posts   map[string]int // by externalId
	order   []string       // of the writes: METHOD and, of a PATCH, the account's login
	listing time.Duration  // how long a page of a listing takes
}

// newBusy starts both. pace is the target's.
func newBusy(t testing.TB, pace string) *busy {
	t.Helper()
	b := &busy{t: t, dir: t.TempDir(), posts: map[string]int{}}
	var err error
	if b.service, err = sandbox.New(sandbox.Options{}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	config := `version: 1
state: {dir: state}
log: {level: error}
sources:
  hr: {csv: {users: {path: people.csv, key: id}}}
targets:
  service: {url: "` + server.URL + sandbox.DefaultBasePath + `", pace: {` + pace + `}}
jobs:
  staff:
    from: hr
    to: service
    users: {map: {userName: login, title: title}}
    guard: {first_run: go}
`
	if err := os.WriteFile(filepath.Join(b.dir, "config.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	a := &app{World: World{Out: io.Discard, Err: io.Discard}, ctx: ctx, config: filepath.Join(b.dir, "config.yaml")}
	if b.session, err = a.open("test"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.session.close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// ServeHTTP is the service, with a clerk at the door.
func (b *busy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	b.mu.Lock()
	var sent struct{ ExternalID string }
	if r.Method == http.MethodPost && json.Unmarshal(body, &sent) == nil {
		b.posts[sent.ExternalID]++
	}
	if r.Method != http.MethodGet {
		b.order = append(b.order, r.Method)
	}
	listing := b.listing
	b.mu.Unlock()
	if r.Method == http.MethodGet && r.URL.Query().Get("startIndex") != "" && r.URL.Query().Get("count") != "0" {
		time.Sleep(listing)
	}
	b.service.ServeHTTP(w, r)
}

// people writes the file: n people, without some, the first of them with a title.
func (b *busy) people(n int, title string, without ...int) {
	b.t.Helper()
	var file strings.Builder
	fmt.Fprintln(&file, "id,login,title")
	left := map[int]bool{}
	for _, i := range without {
		left[i] = true
	}
	for i := range n {
		if !left[i] {
			fmt.Fprintf(&file, "%04d,user%d,%s\n", i, i, title)
		}
		title = ""
	}
	// As an export should: whole, under another name, then renamed.
	if err := os.WriteFile(filepath.Join(b.dir, "new"), []byte(file.String()), 0o600); err != nil {
		b.t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(b.dir, "new"), filepath.Join(b.dir, "people.csv")); err != nil {
		b.t.Fatal(err)
	}
}

// jobs are made ahead: a session is not for several goroutines.
func (b *busy) job() engine.Job {
	b.t.Helper()
	jobs, err := b.session.jobs(b.session.ctx, []string{"staff"})
	if err != nil {
		b.t.Fatal(err)
	}
	return jobs[0]
}

// start starts a run, whose outcome comes through the channel.
func (b *busy) start(job engine.Job) <-chan engine.Outcome {
	out := make(chan engine.Outcome, 1)
	go func() {
		outcomes, err := b.session.engine.Run(b.session.ctx, job, engine.How{Run: b.session.runID()})
		if err != nil {
			b.t.Error(err)
			outcomes = make([]engine.Outcome, 1)
		}
		out <- outcomes[0]
	}()
	return out
}

// created is how many creates were sent.
func (b *busy) created() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, times := range b.posts {
		n += times
	}
	return n
}

// active tells whether the service has an active account for a person.
func (b *busy) active(id int) bool {
	for _, u := range b.service.Users() {
		if u["externalId"] == fmt.Sprintf("%04d", id) {
			return u["active"] == true
		}
	}
	return false
}

// until waits for a condition, at most for so long, and gives how long it took.
func (b *busy) until(what string, most time.Duration, is func() bool) time.Duration {
	b.t.Helper()
	began := time.Now()
	for !is() {
		if time.Since(began) > most {
			b.t.Fatalf("%s: not within %s", what, most)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return time.Since(began)
}

// wantEverybody fails the test unless n people have one account each, all active but
// those.
func (b *busy) wantEverybody(n int, inactive ...int) {
	b.t.Helper()
	users := b.service.Users()
	if len(users) != n {
		b.t.Errorf("%d accounts, want %d", len(users), n)
	}
	off := 0
	for _, u := range users {
		if u["active"] != true {
			off++
		}
	}
	for _, id := range inactive {
		if b.active(id) {
			b.t.Errorf("person %d is active", id)
		}
	}
	if off != len(inactive) {
		b.t.Errorf("%d accounts are inactive, want %d", off, len(inactive))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, times := range b.posts {
		if times != 1 {
			b.t.Errorf("person %s was created %d times", id, times)
		}
	}
}

// Must show 7: a leaver while a limited first load of 2,000 is under way is
// deactivated within seconds of the next tick; the new run brings the rest.
func TestLeaverOvertakesFirstLoad(t *testing.T) {
	t.Parallel()
	b := newBusy(t, "rate: 400/s, burst: 1, concurrency: 4")
	b.people(2000, "")
	job := b.job()
	first := b.start(job)
	b.until("the first load begins", 20*time.Second, func() bool { return b.created() >= 200 && b.active(3) })

	b.people(2000, "Head", 3)
	second := b.start(job)
	took := b.until("the leaver is deactivated", 5*time.Second, func() bool { return !b.active(3) })
	t.Logf("deactivated %s after the tick, %d creates sent", took.Round(time.Millisecond), b.created())
	if n := b.created(); n > 1500 {
		t.Errorf("%d of 2,000 creates were sent before: nothing was overtaken", n)
	}
	one := <-first
	if !one.Replaced || one.Err != nil || one.Applied.Stopped != nil || one.Applied.Unsent == 0 || len(one.Applied.Parked) > 0 {
		t.Errorf("the old run: replaced %t, err %v, %+v", one.Replaced, one.Err, one.Applied)
	}
	if n := b.created(); n > 1900 {
		t.Errorf("the old run went on to %d creates", n)
	}
	two := <-second
	if two.Replaced || two.Yields || two.Err != nil || two.Applied.Unsent != 0 || two.Applied.Done["deactivate"] != 1 || len(two.Applied.Parked) > 0 {
		t.Errorf("the new run: %+v", two)
	}
	if done := one.Applied.Done["create"] + two.Applied.Done["create"]; done != 2000 || b.created() != 2000 {
		t.Errorf("%d creates done, %d sent", done, b.created())
	}
	b.wantEverybody(2000, 3)
	third := <-b.start(job)
	if third.Applied.Calls != 0 || third.Hold != nil || third.Err != nil {
		t.Errorf("nothing was left, and yet: %+v", third)
	}
}

// A leaver while accounts are looked for, which only reads: it does not wait either.
func TestLeaverOvertakesMatching(t *testing.T) {
	t.Parallel()
	b := newBusy(t, "rate: 10000/s, burst: 100, concurrency: 4")
	b.people(300, "")
	job := b.job()
	if out := <-b.start(job); out.Applied.Done["create"] != 300 {
		t.Fatalf("%+v", out)
	}
	b.mu.Lock()
	b.listing = 2 * time.Second // a page: more than six in all
	b.mu.Unlock()
	b.people(350, "")
	first := b.start(job)
	time.Sleep(300 * time.Millisecond) // it counts the accounts and asks for the first page
	b.people(350, "", 3)
	second := b.start(job)
	took := b.until("the leaver is deactivated", 4*time.Second, func() bool { return !b.active(3) })
	t.Logf("deactivated %s after the tick", took.Round(time.Millisecond))
	if n := b.created(); n != 300 {
		t.Errorf("%d creates: the accounts had been found already", n)
	}
	b.mu.Lock()
	b.listing = 0
	b.mu.Unlock()
	if one := <-first; !one.Replaced || one.Err != nil || one.Applied.Calls != 0 {
		t.Errorf("the old run: %+v", one)
	}
	if two := <-second; two.Applied.Done["create"] != 50 || two.Applied.Done["deactivate"] != 1 || two.Err != nil {
		t.Errorf("the new run: %+v", two)
	}
	b.wantEverybody(350, 3)
}

// A run with nothing more urgent leaves the one under way alone.
func TestLaterRunYields(t *testing.T) {
	t.Parallel()
	b := newBusy(t, "rate: 200/s, burst: 1, concurrency: 4")
	b.people(400, "")
	job := b.job()
	first := b.start(job)
	b.until("the first load begins", 20*time.Second, func() bool { return b.created() >= 50 })
	b.people(410, "")
	two := <-b.start(job)
	if !two.Yields || two.Replaced || two.Applied.Calls != 0 || two.Err != nil {
		t.Errorf("the new run: %+v", two)
	}
	one := <-first
	if one.Replaced || one.Applied.Done["create"] != 400 {
		t.Errorf("the old run: %+v", one)
	}
	if three := <-b.start(job); three.Applied.Done["create"] != 10 {
		t.Errorf("the run after: %+v", three)
	}
	b.wantEverybody(410)
}
