package scim_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/targets/sandbox"
	"scimsync/targets/scim"
	"scimsync/targets/scim/profile"
	"scimsync/targets/scimtest"
)

// room is a sandbox with people and one group, behind a server that can be faulty.
type room struct {
	*testing.T
	server *sandbox.Server
	faulty *scimtest.Faulty
	groups *scim.Groups
	people []string // ids
	group  string
	said   []string // what was learned, in words
	memory []byte   // as it was stored last
	change func(*profile.Profile)
	// lens changes what a group shows when it is read; nil: it shows what there is.
	lens func(group map[string]any)
	// lists is the answer to every search; empty: the sandbox's.
	lists string
	// answers is the status of the next PATCH, whatever it did; 0: the sandbox's.
	answers int
	// firstOnly lets only the first operation of a PATCH through.
	firstOnly bool
	// removals is how many requests with a removal reached the sandbox.
	removals int
}

// ServeHTTP is the sandbox behind the lens.
func (r *room) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if q.Method == http.MethodPatch {
		body, _ := io.ReadAll(q.Body)
		q.Body = io.NopCloser(bytes.NewReader(body))
		if bytes.Contains(body, []byte(`"op":"remove"`)) {
			r.removals++
		}
		if r.firstOnly {
			q.Body = io.NopCloser(bytes.NewReader(firstOperation(r, body)))
		}
	}
	if r.answers != 0 && q.Method == http.MethodPatch {
		r.server.ServeHTTP(httptest.NewRecorder(), q)
		w.WriteHeader(r.answers)
		r.answers = 0
		return
	}
	if r.lists != "" && q.Method == http.MethodGet && strings.HasSuffix(q.URL.Path, "/Groups") {
		w.Header().Set("Content-Type", "application/scim+json")
		_, _ = io.WriteString(w, r.lists)
		return
	}
	if r.lens == nil || q.Method != http.MethodGet || !strings.Contains(q.URL.Path, "/Groups/") {
		r.server.ServeHTTP(w, q)
		return
	}
	rec := httptest.NewRecorder()
	r.server.ServeHTTP(rec, q)
	var body map[string]any
	if json.Unmarshal(rec.Body.Bytes(), &body) != nil {
		r.Error("the sandbox shows no group")
	}
	r.lens(body)
	text, _ := json.Marshal(body)
	w.Header().Set("Content-Type", "application/scim+json")
	w.WriteHeader(rec.Code)
	_, _ = w.Write(text)
}

// newRoom makes a sandbox with habits, so many people, and a group of the first members of them.
func newRoom(t *testing.T, people, members int, change func(*profile.Profile), habits ...string) *room {
	t.Helper()
	server, err := sandbox.New(sandbox.Options{Habits: habits, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	r := &room{T: t, server: server, change: change}
	r.faulty = scimtest.NewFaulty(r)
	for i := range people {
		ids, err := server.Seed(map[string]any{"schemas": []any{"urn:ietf:params:scim:schemas:core:2.0:User"}, "userName": fmt.Sprintf("person%04d", i)})
		if err != nil {
			t.Fatal(err)
		}
		r.people = append(r.people, ids[0])
	}
	var list []any
	for _, id := range r.people[:members] {
		list = append(list, map[string]any{"value": id})
	}
	ids, err := server.SeedGroups(map[string]any{"schemas": []any{"urn:ietf:params:scim:schemas:core:2.0:Group"}, "displayName": "app-sales", "members": list})
	if err != nil {
		t.Fatal(err)
	}
	r.group = ids[0]
	r.process()
	return r
}

// process starts anew, as another process does, with what was stored.
func (r *room) process() {
	r.T.Helper()
	memory := scim.NewMemory(r.memory, func(b []byte) error { r.memory = slices.Clone(b); return nil },
		func(what string) { r.said = append(r.said, what) })
	change := func(p *profile.Profile) {
		if r.change != nil {
			r.change(p)
		}
	}
	r.groups = inProcess(r.T, r.faulty, with(change), func(o *scim.Options) { o.Memory = memory }).Groups()
}

// members are those of a group as the server has them, sorted.
func (r *room) members(group string) []string {
	var ids []string
	for _, g := range r.server.Groups() {
		if g["id"] != group {
			continue
		}
		list, _ := g["members"].([]any)
		for _, m := range list {
			ids = append(ids, m.(map[string]any)["value"].(string))
		}
	}
	slices.Sort(ids)
	return ids
}

// has wants exactly these to be members of the room's group.
func (r *room) has(want ...string) {
	r.Helper()
	want = slices.Clone(want)
	slices.Sort(want)
	if got := r.members(r.group); !slices.Equal(got, want) {
		r.Errorf("the group has %d members %v, want %d %v", len(got), got, len(want), want)
	}
}

// member is the change of one member of the room's group.
func (r *room) member(action plan.Action, person string) *plan.Change {
	return &plan.Change{Action: action, Kind: plan.KindMember, RemoteID: r.group, Key: record.Key{Kind: record.Group, Source: "test", ID: "g"},
		Member: &plan.Member{Key: record.Key{Kind: record.User, Source: "test", ID: person}, RemoteID: person, Edge: ledger.Edge{}, Of: len(r.members(r.group))}}
}

func (r *room) adds(people ...string) (changes []*plan.Change) {
	for _, id := range people {
		changes = append(changes, r.member(plan.AddMember, id))
	}
	return changes
}

func (r *room) removes(people ...string) (changes []*plan.Change) {
	for _, id := range people {
		changes = append(changes, r.member(plan.RemoveMember, id))
	}
	return changes
}

// apply sends changes together and gives their verdicts.
func (r *room) apply(changes []*plan.Change) []plan.Verdict {
	r.Helper()
	results, whole := r.groups.ApplyAll(r.Context(), changes, "corr-1")
	var verdicts []plan.Verdict
	for i, result := range results {
		verdicts = append(verdicts, result.Verdict)
		if (result.Err == nil) != (result.Verdict == plan.Done) {
			r.Errorf("%s: verdict %d with error %v", changes[i], result.Verdict, result.Err)
		}
		if result.Err != nil {
			r.Logf("%s: verdict %d, whole %t: %v", changes[i], result.Verdict, whole, result.Err)
		}
	}
	return verdicts
}

// done applies changes and wants all of them to be done.
func (r *room) done(changes []*plan.Change) {
	r.Helper()
	r.are(r.apply(changes), plan.Done)
}

func (r *room) are(verdicts []plan.Verdict, want plan.Verdict) {
	r.Helper()
	for i, v := range verdicts {
		if v != want {
			r.Errorf("change %d: verdict %d, want %d", i, v, want)
		}
	}
}

// since gives the requests after the first n, as METHOD and the operations of a body.
func (r *room) since(n int) []string {
	var texts []string
	for _, q := range r.faulty.Requests()[n:] {
		text := q.Method
		if q.Method == http.MethodPatch || q.Method == http.MethodPut {
			text += fmt.Sprintf(" %d", strings.Count(q.Body, `"op":`))
		}
		texts = append(texts, text)
	}
	return texts
}

func (r *room) sent(n int, want ...string) {
	r.Helper()
	if got := r.since(n); !slices.Equal(got, want) {
		r.Errorf("sent %v, want %v", got, want)
	}
}

func (r *room) count() int { return len(r.faulty.Requests()) }

// speaks wants something to have been said that holds these words.
func (r *room) speaks(words ...string) {
	r.Helper()
	for _, word := range words {
		if !slices.ContainsFunc(r.said, func(s string) bool { return strings.Contains(s, word) }) {
			r.Errorf("nobody said %q: %q", word, r.said)
		}
	}
}

// wipe takes members out at the server, as its own admin does.
func (r *room) wipe(group string, people ...string) {
	r.Helper()
	var ops []string
	for _, id := range people {
		ops = append(ops, `{"op":"remove","path":"members[value eq \"`+id+`\"]"}`)
	}
	body := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + strings.Join(ops, ",") + `]}`
	w := httptest.NewRecorder()
	q := httptest.NewRequest(http.MethodPatch, r.server.BasePath()+"/Groups/"+group, strings.NewReader(body))
	q.Header.Set("Content-Type", "application/scim+json")
	if r.server.ServeHTTP(w, q); w.Code/100 != 2 {
		r.Fatalf("take members out at the server: %d %s", w.Code, w.Body)
	}
}

// gateOf is a gate that is always open, and notes what is drawn.
func gateOf(note func([]plan.Draw)) scim.Gate {
	return func(_ context.Context, draws []plan.Draw) (func(plan.Heard), error) {
		note(draws)
		return func(plan.Heard) {}, nil
	}
}

// firstOperation is a PATCH without all operations but the first.
func firstOperation(r *room, body []byte) []byte {
	var patch map[string]any
	if err := json.Unmarshal(body, &patch); err != nil {
		r.Error(err)
		return body
	}
	ops, _ := patch["Operations"].([]any)
	patch["Operations"] = ops[:1]
	body, _ = json.Marshal(patch)
	return body
}
