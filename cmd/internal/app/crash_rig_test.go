package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"scimsync/state"
	"scimsync/sync/ledger"
	"scimsync/targets/sandbox"
)

// moment is where in the life of a request, or of a ledger, the program is killed.
type moment string

const (
	never        moment = "never"
	beforeApply  moment = "before the server applied it"
	beforeAnswer moment = "after the server applied it"
	halfAnswered moment = "after half of the answer"
	lateApply    moment = "and the server applies it when the next run has looked"
	atStep       moment = "at a ledger step"
)

// kill ends the program at its n-th request of a method (any, if empty), or at its
// n-th ledger step.
type kill struct {
	at     moment
	n      int
	method string
}

// rig is a service provider in this process, which can kill the program, which runs
// in another, in the middle of a request.
type rig struct {
	t      testing.TB
	base   string        // a directory to start each round from
	dir    string        // the program's directory in this round
	window time.Duration // how long a create in doubt may take to show
	server *httptest.Server

	mu      sync.Mutex
	service *sandbox.Server
	open    map[net.Conn]bool
	runs    int
	kill    kill
	n       int // requests that kill counts, in this run
	end     func()
	killed  string        // the person whose request was under way when the program was killed
	late    *http.Request // applied when the next run has looked
	looks   int           // since then
	log     []seen
	before  map[string]string // by key: the run that committed the entry, at the start of the round
}

// seen is a request as the service saw it.
type seen struct {
	run          int // of the round, counted from 1
	method, path string
	filter       string
	body         string
	person       string // externalId of the account that it writes to
}

func (s seen) write() bool { return s.method != http.MethodGet }
func (s seen) String() string {
	return fmt.Sprintf("run %d: %s %s%s %s", s.run, s.method, s.path, s.filter, s.body)
}

// newRig starts a service, and puts a config for it into the base directory.
func newRig(t testing.TB, more string) *rig {
	t.Helper()
	r := &rig{t: t, base: t.TempDir(), window: 10 * time.Millisecond, open: map[net.Conn]bool{}, kill: kill{at: never}}
	r.server = httptest.NewUnstartedServer(r)
	r.server.Config.ConnState = func(c net.Conn, s http.ConnState) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if s == http.StateClosed || s == http.StateHijacked {
			delete(r.open, c)
		} else {
			r.open[c] = true
		}
	}
	r.server.Start()
	t.Cleanup(r.server.Close)
	config := csvConfig(r.server.URL+sandbox.DefaultBasePath, more)
	write(t, r.base, "config.yaml", strings.Replace(config, "concurrency: 8", "concurrency: 2", 1))
	r.load(r.base)
	return r
}

// load makes the service of a directory the one that answers.
func (r *rig) load(dir string) {
	r.t.Helper()
	r.unload()
	service, err := sandbox.New(sandbox.Options{File: filepath.Join(dir, "accounts.jsonl")})
	if err != nil {
		r.t.Fatal(err)
	}
	r.dir, r.service, r.log, r.runs = dir, service, nil, 0
	r.before = r.committed()
}

func (r *rig) unload() {
	if r.service != nil {
		if err := r.service.Close(); err != nil {
			r.t.Fatal(err)
		}
		r.service = nil
	}
}

// round begins a round with a copy of the base directory and a new source.
func (r *rig) round(people string) {
	r.t.Helper()
	r.unload()
	dir, err := os.MkdirTemp(filepath.Dir(r.base), "round-")
	if err != nil {
		r.t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(r.base)); err != nil {
		r.t.Fatal(err)
	}
	r.load(dir)
	write(r.t, dir, "people.csv", people)
}

// inDoubt tells whether the state holds an intent.
func (r *rig) inDoubt() bool {
	r.t.Helper()
	s, err := state.Open(filepath.Join(r.dir, "state"), state.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	n := 0
	err = s.EachIntent(ledger.Flow{Job: "staff", Target: "service"}, func(*ledger.Intent) error { n++; return nil })
	if err := errors.Join(err, s.Close()); err != nil {
		r.t.Fatal(err)
	}
	return n > 0
}

// committed gives the run that committed each entry of the state, by key.
func (r *rig) committed() map[string]string {
	r.t.Helper()
	runs := map[string]string{}
	dir := filepath.Join(r.dir, "state")
	if _, err := os.Stat(dir); err != nil {
		return runs
	}
	s, err := state.Open(dir, state.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	err = s.EachEntry(ledger.Flow{Job: "staff", Target: "service"}, func(e *ledger.Entry) error {
		if !strings.HasPrefix(e.Resource.Text("userName"), "tmp") { // half of a swap: the other half is yet to come
			runs[e.Key.ID] = e.Run
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		r.t.Fatal(err)
	}
	return runs
}

// run runs one command of the program to its end, which k may hasten.
func (r *rig) run(k kill, args ...string) (o outcome, killed bool) {
	r.t.Helper()
	c := program(r.t, r.dir, args...)
	c.Env = append(c.Env, settleTime+"="+r.window.String())
	if k.at == atStep {
		c.Env = append(c.Env, fmt.Sprintf("%s=%d", killAt, k.n))
	}
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	ended := make(chan struct{})
	r.mu.Lock()
	r.runs, r.kill, r.n = r.runs+1, k, 0
	err := c.Start()
	r.end = func() { _ = c.Process.Kill(); <-ended }
	r.mu.Unlock()
	if err != nil {
		r.t.Fatal(err)
	}
	_ = c.Wait() // ProcessState tells
	close(ended)
	r.quiet()
	o = outcome{c.ProcessState.ExitCode(), out.String(), errs.String()}
	return o, o.code == -1
}

// quiet waits until the service has seen the last of the program's requests.
func (r *rig) quiet() {
	r.t.Helper()
	for range 5000 {
		r.mu.Lock()
		n := len(r.open)
		r.mu.Unlock()
		if n == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
	r.t.Fatal("the program is gone, but not all of its connections")
}

// settle runs sync until it has nothing to complain about, and once more, which must
// send nothing.
func (r *rig) settle() {
	r.t.Helper()
	for tries := 1; ; tries++ {
		o, _ := r.run(kill{at: never}, "sync")
		if o.code == 0 {
			break
		}
		// 4: somebody was parked, or a conflict found, for the first time.
		if o.code != 4 || tries == 3 {
			r.t.Fatalf("run %d after the crash: exit %d\n%s%s%s", tries, o.code, o.out, o.err, r.requests())
		}
	}
	if r.inDoubt() { // people who left are looked for until the window has closed
		time.Sleep(r.window)
		if o, _ := r.run(kill{at: never}, "sync"); o.code != 0 || r.inDoubt() {
			r.t.Fatalf("after the window: exit %d, still in doubt\n%s%s%s", o.code, o.out, o.err, r.requests())
		}
	}
	n := len(r.log)
	if o, _ := r.run(kill{at: never}, "sync"); o.code != 0 || len(r.log) != n {
		r.t.Fatalf("a quiet run: exit %d, %d requests\n%s%s%s", o.code, len(r.log)-n, o.out, o.err, r.requests())
	}
}

func (r *rig) requests() string {
	var b strings.Builder
	for _, s := range r.log {
		fmt.Fprintln(&b, s)
	}
	return b.String()
}

// ServeHTTP is the service, with a killer at the door.
func (r *rig) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // it was cut off while it was sent
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	at, end := r.note(req, string(body))
	switch at {
	case beforeApply:
		end()
		panic(http.ErrAbortHandler)
	case lateApply:
		end()
		r.mu.Lock()
		r.late = req.Clone(context.Background())
		r.late.Body = req.Body
		r.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
	answer := r.apply(req)
	if at == beforeAnswer {
		end()
		panic(http.ErrAbortHandler)
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	text := answer.Body.Bytes()
	if at == halfAnswered {
		_, _ = w.Write(text[:len(text)/2])
		_ = http.NewResponseController(w).Flush()
		end()
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(text) // the program may have been killed meanwhile
}

// apply has the service carry a request out, and looks for what must never be.
func (r *rig) apply(req *http.Request) *httptest.ResponseRecorder {
	r.mu.Lock()
	defer r.mu.Unlock()
	answer := httptest.NewRecorder()
	r.service.ServeHTTP(answer, req)
	// A run has looked in vain when it has asked by mail, which comes last, or after it
	// has counted the accounts and then listed them.
	filter := req.URL.Query().Get("filter")
	if late := r.late; late != nil && req.Method == http.MethodGet && (filter == "" || strings.HasPrefix(filter, "emails")) {
		if r.looks++; r.looks == 2 || filter != "" {
			r.late, r.looks = nil, 0
			r.service.ServeHTTP(httptest.NewRecorder(), late)
		}
	}
	owners := map[string]bool{}
	for _, user := range r.service.Users() {
		anchor := str(user["externalId"])
		if owners[anchor] {
			r.t.Errorf("two accounts carry %s, after %s %s", anchor, req.Method, req.URL)
		}
		owners[anchor] = anchor != ""
	}
	return answer
}

// note writes a request into the log, and tells when and how to kill its sender.
func (r *rig) note(req *http.Request, body string) (at moment, end func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := seen{run: r.runs, method: req.Method, path: strings.TrimPrefix(req.URL.Path, sandbox.DefaultBasePath), body: body}
	if query, err := url.ParseQuery(req.URL.RawQuery); err == nil && query.Get("filter") != "" {
		s.filter = "?filter=" + query.Get("filter")
	}
	for _, user := range r.service.Users() {
		if s.path == "/Users/"+str(user["id"]) {
			s.person = str(user["externalId"])
		}
	}
	if s.method == http.MethodPost {
		var sent struct{ ExternalID string }
		if err := json.Unmarshal([]byte(body), &sent); err != nil || sent.ExternalID == "" {
			r.t.Errorf("a create without an externalId: %s", s)
		}
		s.person = sent.ExternalID
	}
	r.log = append(r.log, s)
	if r.kill.at == atStep || (r.kill.method != "" && r.kill.method != req.Method) {
		return never, nil
	}
	if r.n++; r.n != r.kill.n {
		return never, nil
	}
	r.killed = s.person
	return r.kill.at, r.end
}

func str(v any) string {
	s, _ := v.(string)
	return s
}

// accounts gives every account as text, by externalId (or login), without what the
// service adds.
func (r *rig) accounts() map[string]string {
	r.t.Helper()
	all := map[string]string{}
	for _, user := range r.service.Users() {
		delete(user, "id")
		delete(user, "meta")
		delete(user, "groups") // the service writes them: see groups
		key := str(user["externalId"])
		if key == "" {
			key = str(user["userName"])
		}
		line, err := json.Marshal(user)
		if err != nil {
			r.t.Fatal(err)
		}
		all[key] = string(line)
	}
	return all
}

// looksFirst fails the test unless a lookup stands between any two creates of one
// person (invariant I1).
func (r *rig) looksFirst() {
	r.t.Helper()
	created := map[string]bool{}
	for _, s := range r.log {
		switch {
		case s.method == http.MethodPost && created[s.person]:
			r.t.Errorf("%s was created again without a look in between:\n%s", s.person, r.requests())
		case s.method == http.MethodPost:
			created[s.person] = true
		case (s.path == "/Users" || s.path == "/Groups") && s.filter == "":
			created = map[string]bool{} // a listing
		default:
			for person := range created {
				if strings.Contains(s.filter, `externalId eq "`+person+`"`) {
					delete(created, person)
				}
			}
		}
	}
}

// notTwice fails the test if something is written after run to somebody whose change
// was committed by then.
func (r *rig) notTwice(run int, committed map[string]string) {
	r.t.Helper()
	for _, s := range r.log {
		if s.run > run && s.write() && committed[s.person] != "" && committed[s.person] != r.before[s.person] {
			r.t.Errorf("written again although it was committed: %s\n%s", s, r.requests())
		}
	}
}
