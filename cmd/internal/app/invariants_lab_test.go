package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"scimsync/targets/sandbox"
)

// The experiments of the invariants (I1 and so on) run the program against a service
// provider in this process, a lab: a sandbox with a script at its door. Left out, for
// they belong to what is not there yet: everything about groups, deletion by policy, the
// daemon, PUT and Bulk. Killing the program is for crash_test.go.

// lab is a service provider in this process. It is a provider.
type lab struct {
	t      testing.TB
	URL    string
	inner  *sandbox.Server
	server *httptest.Server

	mu      sync.Mutex
	n       int64
	list    []request
	script  func(r request) answer    // nil: nothing out of the ordinary
	disturb func(user map[string]any) // changes each account that is shown; nil: nothing
	lag     time.Duration             // how long a new account is not found by a filter
	born    map[string]time.Time      // accounts by id
	posts   map[string]int            // by externalId: creates that were carried out
}

// answer is what the script makes of a request. The zero answer is an ordinary one.
type answer struct {
	drop   bool          // the connection ends without an answer
	undone bool          // the request is not carried out
	wait   time.Duration // before the answer, once it is carried out
	status int           // instead of the real one; 0: the real one
	body   *string       // instead of the real one; nil: the real one, or none for a status of its own
	edit   func(body map[string]any)
	header map[string]string
}

func newLab(t testing.TB) *lab {
	t.Helper()
	inner, err := sandbox.New(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, inner: inner, born: map[string]time.Time{}, posts: map[string]int{}}
	l.server = httptest.NewServer(l)
	t.Cleanup(l.server.Close)
	l.URL = l.server.URL + sandbox.DefaultBasePath
	return l
}

func (l *lab) address() string { return l.URL }

func (l *lab) last() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n
}

// requests gives the requests since the n-th in the order in which they came.
func (l *lab) requests(after int64) []request {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []request
	for _, r := range l.list {
		if r.N > after {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b request) int { return int(a.N - b.N) })
	return list
}

// users gives all accounts by externalId, or by login where there is none. It fails
// the test if two carry one externalId.
func (l *lab) users() map[string]map[string]any {
	l.t.Helper()
	users := map[string]map[string]any{}
	for _, u := range l.inner.Users() {
		key := str(u["externalId"])
		if key == "" {
			key = str(u["userName"])
		}
		if users[key] != nil {
			l.t.Errorf("two accounts carry %s", key)
		}
		users[key] = u
	}
	return users
}

// seed puts an account there that was made by somebody else.
func (l *lab) seed(user map[string]any) string {
	l.t.Helper()
	user = maps.Clone(user)
	user["schemas"] = []any{"urn:ietf:params:scim:schemas:core:2.0:User"}
	ids, err := l.inner.Seed(user)
	if err != nil {
		l.t.Fatal(err)
	}
	return ids[0]
}

// plays sets the script.
func (l *lab) plays(script func(r request) answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.script = script
}

// ServeHTTP is the service provider.
func (l *lab) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	r := request{Time: time.Now(), Method: req.Method, Path: req.URL.Path, Query: req.URL.Query().Get("filter"), Body: string(body)}
	l.mu.Lock()
	l.n++
	r.N = l.n
	script, disturb, lag := l.script, l.disturb, l.lag
	l.mu.Unlock()
	var a answer
	if script != nil {
		a = script(r)
	}

	out := httptest.NewRecorder()
	if !a.undone {
		l.inner.ServeHTTP(out, req)
	} else {
		out.Code = a.status
	}
	text := l.shown(r, out, disturb, lag)
	if a.status != 0 {
		out.Code = a.status
		if a.body == nil {
			a.body = new(string)
		}
	}
	switch {
	case a.body != nil:
		text = []byte(*a.body)
	case a.edit != nil:
		v := decoded[map[string]any](l.t, string(text))
		a.edit(v)
		text, _ = json.Marshal(v)
		out.Header().Del("Location")
	}
	r.Status = out.Code
	l.mu.Lock()
	l.list = append(l.list, r)
	l.mu.Unlock()
	if a.wait > 0 {
		time.Sleep(a.wait)
	}
	if a.drop {
		panic(http.ErrAbortHandler)
	}
	for name, values := range out.Header() {
		if name != "Content-Length" && (name != "Location" || a.body == nil) {
			w.Header()[name] = values
		}
	}
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(out.Code)
	_, _ = w.Write(text) // the program may be gone
}

// shown is what of a real answer is shown: what the index knows by now, in the
// service's own words.
func (l *lab) shown(r request, out *httptest.ResponseRecorder, disturb func(map[string]any), lag time.Duration) []byte {
	text := out.Body.Bytes()
	if len(text) == 0 || out.Code >= 300 {
		return text
	}
	v := decoded[map[string]any](l.t, string(text))
	if r.Method == http.MethodPost {
		l.mu.Lock()
		l.born[str(v["id"])] = time.Now()
		l.posts[str(v["externalId"])]++
		l.mu.Unlock()
	}
	if disturb == nil && lag == 0 {
		return text
	}
	if list, ok := v["Resources"].([]any); ok {
		var shown []any
		for _, u := range list {
			l.mu.Lock()
			known := time.Since(l.born[str(u.(map[string]any)["id"])]) > lag
			l.mu.Unlock()
			if known {
				shown = append(shown, u)
			}
		}
		v["Resources"], v["totalResults"], v["itemsPerPage"] = shown, float64(len(shown))+v["totalResults"].(float64)-float64(len(list)), len(shown)
		list = shown
		for _, u := range list {
			if disturb != nil {
				disturb(u.(map[string]any))
			}
		}
	} else if disturb != nil {
		disturb(v)
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

// writesOf counts the requests since the n-th that are no GET, by method.
func writesOf(p provider, after int64) map[string]int {
	n := map[string]int{}
	for _, r := range p.requests(after) {
		if r.Method != http.MethodGet {
			n[r.Method]++
		}
	}
	return n
}

// log gives requests as text, for messages.
func logOf(list []request) string {
	var b strings.Builder
	for _, r := range list {
		fmt.Fprintf(&b, "%4d %s %s %s %s -> %d %s\n", r.N, r.Time.Format("05.000"), r.Method, r.Path, r.Query, r.Status, r.Body)
	}
	return b.String()
}

// oneLook fails the test unless a lookup stands between any two creates of one
// person, the first of which may have been carried out (invariant I1).
func oneLook(t testing.TB, list []request) {
	t.Helper()
	created := map[string]bool{}
	for _, r := range list {
		switch {
		case r.Method == http.MethodPost:
			anchor := str(decoded[map[string]any](t, r.Body)["externalId"])
			if anchor == "" {
				t.Errorf("a create without an externalId: %s", r.Body)
			}
			if created[anchor] {
				t.Errorf("%s was created again without a look in between", anchor)
			}
			created[anchor] = r.Status != http.StatusTooManyRequests
		case r.Method == http.MethodGet && r.Query == "":
			created = map[string]bool{} // a listing
		case r.Method == http.MethodGet:
			for anchor := range created {
				if r.Query == fmt.Sprintf("externalId eq %q", anchor) {
					delete(created, anchor)
				}
			}
		}
	}
}

// file writes people as a CSV file into dir.
func file(t testing.TB, dir string, people map[string]staffer) {
	t.Helper()
	writeStaff(t, dir, people, staffColumns, false)
}

// allActive is what the service must hold for these people.
func allActive(people map[string]staffer) map[string]map[string]any {
	all := map[string]map[string]any{}
	for id, p := range people {
		all[id] = p.account(p["status"] != "off")
	}
	return all
}

// dice are random numbers that are the same each time.
func dice(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// replaced is strings.Replace that insists.
func replaced(text, old, with string) string {
	if !strings.Contains(text, old) {
		panic("there is no " + old + " in " + text)
	}
	return strings.Replace(text, old, with, 1)
}

func contains(t testing.TB, text, part string) {
	t.Helper()
	if !strings.Contains(text, part) {
		t.Errorf("%q does not say %q", text, part)
	}
}
