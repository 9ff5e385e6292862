package drift

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

var (
	noon  = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	staff = ledger.Flow{Job: "staff", Target: "service"}
)

// world is a target and a store in memory, for tests of what a real service rarely does.
type world struct {
	t        *testing.T
	mu       sync.Mutex
	accounts map[string]map[string]any // by id
	entries  []*ledger.Entry
	intents  []*ledger.Intent
	looks    map[string]bool
	came     *ledger.Comparison

	lists    bool // a listing is cheap
	complete bool
	hidden   map[string]bool // ids that the listing does not show
	gets     []string
	get      func(id string) error
	find     func(want resource.Resource) ([]plan.Found, error)
	commits  int
}

func key(id string) record.Key { return record.Key{Kind: record.User, Source: "hr", ID: id} }

// newWorld has n people with accounts, as they were left.
func newWorld(t *testing.T, n int) *world {
	w := &world{t: t, accounts: map[string]map[string]any{}, looks: map[string]bool{}, hidden: map[string]bool{}}
	for i := range n {
		id := fmt.Sprintf("%03d", i)
		w.accounts["r"+id] = map[string]any{"id": "r" + id, "externalId": id, "userName": "u" + id, "title": "Clerk", "active": true}
		w.entries = append(w.entries, &ledger.Entry{Key: key(id), RemoteID: "r" + id, Job: "staff", Standing: ledger.Live, Run: "run", At: noon,
			Resource: resource.New(map[string]any{"externalId": id, "userName": "u" + id, "title": "Clerk"}), Echo: map[string]any{}})
	}
	return w
}

func (w *world) found(id string) plan.Found {
	body := w.accounts[id]
	f := plan.Found{ID: id, Body: body, UserName: body["userName"].(string)}
	f.ExternalID, _ = body["externalId"].(string)
	switch body["active"] {
	case true:
		f.Active = record.True
	case false:
		f.Active = record.False
	}
	return f
}

func (w *world) List(_ context.Context, emit func(plan.Found) error) (bool, error) {
	var ids []string
	for id := range w.accounts {
		if !w.hidden[id] {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range ids {
		if err := emit(w.found(id)); err != nil {
			return false, err
		}
	}
	return w.complete, nil
}

func (w *world) Count(context.Context) (int, int, error) {
	if w.lists {
		return len(w.accounts), 1, nil
	}
	return len(w.accounts), math.MaxInt, nil
}

func (w *world) Get(ctx context.Context, id string) (*plan.Found, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gets = append(w.gets, id)
	if w.get != nil {
		if err := w.get(id); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if w.accounts[id] == nil {
		return nil, nil
	}
	f := w.found(id)
	return &f, nil
}

func (w *world) Find(_ context.Context, want resource.Resource) ([]plan.Found, error) {
	if w.find == nil {
		return nil, nil
	}
	return w.find(want)
}

func (w *world) EachEntry(flow ledger.Flow, fn func(*ledger.Entry) error) error {
	for _, e := range slices.Clone(w.entries) {
		if e.Job == flow.Job {
			copied := *e
			if err := fn(&copied); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *world) Entries(_ string, keys []record.Key) ([]*ledger.Entry, error) {
	list := make([]*ledger.Entry, len(keys))
	for i, key := range keys {
		if at := slices.IndexFunc(w.entries, func(e *ledger.Entry) bool { return e.Key == key }); at >= 0 {
			list[i] = w.entries[at]
		}
	}
	return list, nil
}

func (w *world) ByRemote(_, id string) (record.Key, bool, error) {
	for _, e := range w.entries {
		if e.RemoteID == id && e.Standing != ledger.Gone {
			return e.Key, true, nil
		}
	}
	return record.Key{}, false, nil
}

func (w *world) Standings(flow ledger.Flow) (map[ledger.Standing]int, error) {
	n := map[ledger.Standing]int{}
	for _, e := range w.entries {
		if e.Job == flow.Job {
			n[e.Standing]++
		}
	}
	return n, nil
}

func (w *world) EachIntent(_ ledger.Flow, fn func(*ledger.Intent) error) error {
	for _, i := range w.intents {
		if err := fn(i); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) Commit(_ ledger.Flow, outcomes []ledger.Outcome) error {
	w.commits++
	for _, o := range outcomes {
		at := slices.IndexFunc(w.entries, func(e *ledger.Entry) bool { return e.Key == o.Key })
		w.entries[at] = o.Entry
		if o.Look != nil {
			w.looks[o.Key.ID] = o.Look.NextRun
		}
	}
	return nil
}

func (w *world) Comparison(string) (*ledger.Comparison, error) { return w.came, nil }
func (w *world) PutComparison(_ string, c *ledger.Comparison) error {
	w.came = nil
	if c != nil {
		copied := *c
		w.came = &copied
	}
	return nil
}

// check compares, and gives what was found by key.
func (w *world) check(change ...func(*Check)) (map[string]string, Summary, error) {
	w.t.Helper()
	found := map[string]string{}
	c := &Check{Store: w, Target: w, Name: "service", Flows: []Flow{{Flow: staff, Shape: resource.RFC7643()}}, Concurrency: 3,
		Protects: func(string, string) bool { return false }, Now: func() time.Time { return noon }}
	c.Found = func(f *Finding) error {
		if found[f.Key.ID] != "" {
			w.t.Errorf("%s was told twice", f.Key.ID)
		}
		words := []string{string(f.Kind)}
		for _, d := range f.Differences {
			words = append(words, fmt.Sprintf("%s %v -> %v", d.Path, d.Pushed, d.There))
		}
		found[f.Key.ID] = strings.Join(words, ", ")
		return nil
	}
	for _, change := range change {
		change(c)
	}
	w.gets = nil
	summary, err := c.Run(w.t.Context())
	return found, summary, err
}

func mustBe(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func mark(c *Check) { c.Mark = true }

// What a listing shows as it was left is not read again; everything that is told was read
// by its id.
func TestListingSpareReads(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20)
	w.lists = true
	w.accounts["r003"]["title"] = "Boss"
	w.hidden["r007"] = true
	delete(w.accounts, "r009")
	w.entries[11].Standing, w.accounts["r011"]["active"] = ledger.Left, false
	w.entries[12].Standing, w.hidden["r012"], w.accounts["r012"]["active"] = ledger.Left, true, true
	w.entries[13].Standing, w.accounts["r013"]["active"] = ledger.Suspended, true
	for complete, reads := range map[bool][]string{false: {"r003", "r007", "r009", "r012", "r013"}, true: {"r003", "r007", "r009", "r013"}} {
		w.complete = complete
		found, summary, err := w.check()
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"003": "changed, title Clerk -> Boss", "009": "gone", "013": "changed, active false -> true"}
		if !complete { // a complete listing proves that nobody else is active
			want["012"] = "changed, active false -> true"
		}
		mustBe(t, fmt.Sprint("complete: ", complete), found, want)
		slices.Sort(w.gets)
		if !slices.Equal(w.gets, reads) || summary.Compared != 20 {
			t.Errorf("read %v, %+v", w.gets, summary)
		}
	}
}

// That an account is gone is believed once a lookup agrees.
func TestGoneNeedsALookup(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		found []plan.Found
		err   error
		want  string
	}{
		"nobody":         {nil, nil, "gone"},
		"somebody else":  {[]plan.Found{{ID: "r9", ExternalID: "other"}}, nil, "gone"},
		"with our mark":  {[]plan.Found{{ID: "r9", ExternalID: "000"}}, nil, "moved"},
		"the same":       {[]plan.Found{{ID: "r000", ExternalID: "000"}}, nil, "unreadable"},
		"nobody can say": {nil, errors.New("sick"), "unreadable"},
	} {
		w := newWorld(t, 1)
		w.find = func(resource.Resource) ([]plan.Found, error) { return c.found, c.err }
		delete(w.accounts, "r000")
		found, _, err := w.check(mark)
		if err != nil || found["000"] != c.want {
			t.Errorf("%s: %v, %v", name, found, err)
		}
		if marked := w.entries[0].Vanished(); marked != (c.want == "gone" || c.want == "moved") || marked != w.looks["000"] {
			t.Errorf("%s: marked %t, looked at %t", name, marked, w.looks["000"])
		}
	}
}

// An attribute of which nobody's value is shown, not even in the answers to our requests,
// is not compared; but one that was shown once is.
func TestWhatIsNeverShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 6)
	for _, e := range w.entries {
		e.Echo = nil
		delete(w.accounts[e.RemoteID], "title")
	}
	w.accounts["r002"]["userName"] = "renamed"
	found, summary, err := w.check()
	if err != nil || summary.NotShown["title"] != 6 || summary.Compared != 6 {
		t.Errorf("%+v, %v", summary, err)
	}
	mustBe(t, "nobody's", found, map[string]string{"002": "changed, userName u002 -> renamed"})

	w.accounts["r005"]["title"] = "CLERK"
	found, summary, _ = w.check()
	if len(summary.NotShown) > 0 || len(found) != 5 || found["000"] != "changed, title Clerk -> <nil>" {
		t.Errorf("one is shown: %v, %+v", found, summary)
	}
	delete(w.accounts["r005"], "title")
	w.entries[3].Echo = map[string]any{} // an answer has shown it
	found, _, _ = w.check()
	mustBe(t, "one was shown", found, map[string]string{"002": "changed, userName u002 -> renamed", "003": "changed, title Clerk -> <nil>"})
	if found, summary, _ := w.check(func(c *Check) { c.Only = map[record.Key]bool{key("001"): true} }); len(found) != 1 || summary.Compared != 1 {
		t.Errorf("alone: %v", found)
	}
}

// Echoes are no drift until the target shows the pushed value; people in doubt, and paths
// in doubt, are left out.
func TestEchoesAndDoubts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 6)
	for i, c := range []struct {
		echo  map[string]any
		there map[string]any
	}{
		{map[string]any{"title": "Mr Clerk"}, map[string]any{"title": "MR CLERK"}},
		{map[string]any{"title": nil}, map[string]any{"title": nil}},
		{map[string]any{"title": "Mr Clerk", "active": false}, map[string]any{"title": "Clerk", "active": false}},
		{map[string]any{"title": "Mr Clerk"}, map[string]any{"title": "Boss"}},
		{nil, map[string]any{"title": "Boss"}}, // in doubt
		{nil, map[string]any{"title": "Boss"}}, // the path is
	} {
		w.entries[i].Echo = c.echo
		for path, v := range c.there {
			w.accounts[w.entries[i].RemoteID][path] = v
		}
	}
	w.intents = []*ledger.Intent{{Key: key("004")}}
	w.entries[5].Maybe = map[string]any{"title": "Boss"}
	found, summary, err := w.check()
	if err != nil || summary.InDoubt != 1 || summary.Compared != 5 {
		t.Errorf("%+v, %v", summary, err)
	}
	mustBe(t, "echoes", found, map[string]string{"003": "changed, title Clerk -> Boss"})
	if d := cmp.Diff(map[string]any{"active": false}, w.entries[2].Echo); d != "" {
		t.Errorf("an echo that is over (-want +got):\n%s", d)
	}
	if len(w.looks) > 0 {
		t.Errorf("looked at: %v", w.looks)
	}
	w.accounts["r002"]["title"] = "Mr Clerk"
	w.accounts["r002"]["active"] = true
	found, _, _ = w.check()
	mustBe(t, "an echo that is over", found, map[string]string{"002": "changed, title Clerk -> Mr Clerk", "003": "changed, title Clerk -> Boss"})
}

// A mark holds what is there now; it goes when nothing differs any more, and is not put
// over an entry that has changed meanwhile.
func TestMarks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4)
	w.accounts["r001"]["title"], w.accounts["r002"]["active"] = "Boss", false
	if _, summary, err := w.check(mark); err != nil || summary.Marked != 2 {
		t.Fatalf("%+v, %v", summary, err)
	}
	w.accounts["r001"]["title"], w.accounts["r002"]["active"] = "Head", true
	w.looks = map[string]bool{}
	if _, summary, _ := w.check(); summary.Marked != 0 {
		t.Errorf("%+v", summary)
	}
	if d := cmp.Diff(map[string]any{"title": "Head"}, w.entries[1].Drift); d != "" || w.entries[2].Drift != nil || !w.looks["001"] || !w.looks["002"] {
		t.Errorf("%v, %v, %v", w.entries[1].Drift, w.entries[2].Drift, w.looks)
	}
	w.accounts["r003"]["title"] = "Boss"
	w.get = func(id string) error {
		w.entries[3].At = noon.Add(time.Second) // a run has just sent it
		return nil
	}
	if _, _, err := w.check(mark); err != nil || w.entries[3].Drift != nil {
		t.Errorf("%v, %v", w.entries[3].Drift, err)
	}
	if _, summary, _ := w.check(mark, func(c *Check) { c.Flows[0].Retired = true }); summary.Marked != 0 {
		t.Errorf("no job: %+v", summary)
	}
}

// What the service takes only when an account is made is told, and not marked.
func TestFixedValues(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.accounts["r000"]["title"] = "Boss"
	fixed := func(c *Check) {
		shape := resource.RFC7643()
		for i := range shape.Attrs {
			shape.Attrs[i].CreateOnly = shape.Attrs[i].Name == "title"
		}
		c.Flows[0].Shape = shape
	}
	found, summary, err := w.check(mark, fixed)
	if err != nil || len(found) != 1 || summary.Marked != 0 || w.entries[0].Drift != nil {
		t.Errorf("%v, %+v, %v", found, summary, err)
	}
}

// Reads that fail are told of one by one; several in a row end the comparison, which then
// goes on where it was.
func TestFailingReads(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 350)
	sick := errors.New("sick")
	w.get = func(id string) error {
		if id == "r005" || id == "r007" {
			return sick
		}
		return nil
	}
	found, summary, err := w.check()
	mustBe(t, "single ones", found, map[string]string{"005": "unreadable", "007": "unreadable"})
	if err != nil || summary.Found[Unreadable] != 2 || w.came != nil {
		t.Errorf("%+v, %v, %+v", summary, err, w.came)
	}
	w.accounts["r005"]["title"], w.accounts["r290"]["title"] = "Boss", "Boss"
	w.get = func(id string) error {
		if id >= "r250" {
			return sick
		}
		return nil
	}
	if _, _, err = w.check(); !errors.Is(err, sick) || w.came == nil || w.came.N != 252 {
		t.Fatalf("%v, %+v", err, w.came)
	}
	w.get = nil
	found, summary, err = w.check()
	mustBe(t, "gone on", found, map[string]string{"005": "changed, title Clerk -> Boss", "290": "changed, title Clerk -> Boss"})
	if err != nil || summary.Earlier != 252 || !summary.Since.Equal(noon) || summary.Compared != 101 || len(w.gets) != 101 || w.came != nil {
		t.Errorf("%+v, %v; %d reads", summary, err, len(w.gets))
	}
	w.came = &ledger.Comparison{Began: noon.Add(-48 * time.Hour), At: noon.Add(-25 * time.Hour), Job: "staff", Key: key("199"), N: 200}
	if _, summary, _ := w.check(); summary.Compared != 350 || summary.Earlier != 0 {
		t.Errorf("after a day: %+v", summary)
	}
}

// The order of jobs and keys is that of the store.
func TestPassed(t *testing.T) {
	t.Parallel()
	c := &ledger.Comparison{Job: "m", Key: key("5")}
	for _, p := range []struct {
		job, id string
		want    bool
	}{{"a", "9", true}, {"m", "4", true}, {"m", "5", true}, {"m", "6", false}, {"z", "1", false}} {
		if c.Passed(p.job, key(p.id)) != p.want {
			t.Errorf("%+v", p)
		}
	}
	if (&ledger.Comparison{}).Passed("a", key("1")) {
		t.Error("nothing was compared")
	}
}
