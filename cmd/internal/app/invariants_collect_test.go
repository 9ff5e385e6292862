package app_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"scimsync/sources/sourcetest"
	"scimsync/state"
	"scimsync/sync/engine"
	"scimsync/sync/ledger"
	"scimsync/sync/record"
)

// reader is an engine that reads one source into a real state. It stands here because
// sync and state must not know each other's tests either.
type reader struct {
	t      testing.TB
	fake   *sourcetest.Fake
	store  *state.State
	engine *engine.Engine
	source engine.Source
}

func newReader(t testing.TB, names ...string) *reader {
	t.Helper()
	store, err := state.Open(t.TempDir(), state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	fake := sourcetest.NewFake()
	fake.Knows("mail", "name", "title")
	if names == nil {
		names = []string{"mail", "name"}
	}
	return &reader{t: t, fake: fake, store: store,
		engine: &engine.Engine{Store: store, Log: zap.NewNop(), Dir: t.TempDir(), Now: func() time.Time { return time.Unix(1e9, 0) }},
		source: engine.Source{Name: "hr", Reader: fake, Names: names, MaxShrink: 40}}
}

// read reads the source as one run does.
func (r *reader) read() error {
	return r.engine.Collect(context.Background(), engine.Job{Name: "staff", Sources: []engine.Source{r.source}})
}

// holds gives the mirror: what is known of each person, as text.
func (r *reader) holds() map[string]string {
	r.t.Helper()
	all := map[string]string{}
	if err := r.store.Changed("hr", record.User, 0, func(row *ledger.Row) error {
		var values []string
		for _, a := range row.Attrs {
			values = append(values, a.Name+"="+strings.Join(a.Values, "|"))
		}
		all[row.Key.ID] = fmt.Sprintf("#%d absent %d %s", row.Ordinal, row.Absent, strings.Join(values, " "))
		return nil
	}); err != nil {
		r.t.Fatal(err)
	}
	return all
}

func (r *reader) info() ledger.SourceInfo {
	r.t.Helper()
	info, err := r.store.Source("hr")
	if err != nil {
		r.t.Fatal(err)
	}
	return info
}

// refused reads, which must fail with these words and leave everything as it was.
func (r *reader) refused(what string, words ...string) {
	r.t.Helper()
	before, info := r.holds(), r.info()
	err := r.read()
	if err == nil {
		r.t.Errorf("%s: accepted", what)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			r.t.Errorf("%s: %v does not say %q", what, err, word)
		}
	}
	if now := r.holds(); !maps.Equal(before, now) {
		r.t.Errorf("%s: the mirror was touched:\n%s", what, cmp.Diff(before, now))
	}
	if d := cmp.Diff(info, r.info()); d != "" {
		r.t.Errorf("%s: what is known of the source was touched:\n%s", what, d)
	}
}

func (r *reader) accepted(what string) {
	r.t.Helper()
	if err := r.read(); err != nil {
		r.t.Errorf("%s: %v", what, err)
	}
}

func persons(from, to int) []sourcetest.Person {
	var people []sourcetest.Person
	for i := from; i < to; i++ {
		people = append(people, sourcetest.Person{ID: fmt.Sprintf("%06d", i), DN: fmt.Sprintf("cn=%d", i),
			Attrs: map[string][]string{"name": {fmt.Sprintf("Person %d", i)}, "mail": {fmt.Sprintf("p%d@example.org", i)}}})
	}
	return people
}

// stripped gives people without the values of an attribute, but for the first few.
func stripped(people []sourcetest.Person, attribute string, but int) []sourcetest.Person {
	people = slices.Clone(people)
	for i := range people[but:] {
		p := &people[but+i]
		p.Attrs = maps.Clone(p.Attrs)
		delete(p.Attrs, attribute)
	}
	return people
}

// What a read must not lose is judged as a whole: nothing of a doubtful read is taken.
func TestCollectJudges(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	r.refused("empty from the start", "complete but empty", "filter")
	r.fake.Set(persons(0, 100)...)
	r.accepted("the first read")
	if len(r.holds()) != 100 || r.info().Live != 100 {
		t.Fatalf("%d rows, %d live", len(r.holds()), r.info().Live)
	}

	r.fake.Set(persons(0, 59)...)
	r.refused("41% gone", "59 people, 100 were there before", "shrank by 41%", "max_shrink is 40%", "--accept-shrink")
	r.fake.Set()
	r.refused("everybody gone", "complete but empty", "100 people were there")
	r.source.AcceptShrink = true
	r.refused("everybody gone, shrink accepted", "complete but empty")
	r.source.AcceptShrink = false
	r.fake.Set(stripped(persons(0, 100), "mail", 0)...)
	r.refused("nobody has mail", `nobody has a value for "mail" any more`, "100 of 100", "may still read it")
	r.source.AcceptShrink = true
	r.refused("nobody has mail, shrink accepted", "mail")
	r.source.AcceptShrink = false
	broken := errors.New("connection reset")
	for _, n := range []int{0, 50, 99, 100} {
		r.fake.Set(persons(0, 100)...)
		r.fake.FailAfter(n, broken)
		r.refused(fmt.Sprintf("broken after %d", n), "connection reset", "source hr")
		r.fake.FailAfter(0, nil)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := r.engine.Collect(ctx, engine.Job{Name: "staff", Sources: []engine.Source{r.source}}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}

	r.fake.Set(stripped(persons(0, 100), "mail", 1)...)
	r.accepted("one still has mail")
	r.fake.Set(persons(0, 60)...)
	r.accepted("40% gone")
	if n := r.info().Live; n != 60 {
		t.Errorf("%d live", n)
	}
	r.fake.Set(persons(0, 30)...)
	r.refused("half of the rest gone", "shrank by 50%")
	r.source.AcceptShrink = true
	r.accepted("half of the rest gone, accepted")
}

// An attribute that only some had may go: that is for the guard to judge.
func TestCollectAttributeOfSome(t *testing.T) {
	t.Parallel()
	for had, refused := range map[int]bool{89: false, 90: true} {
		r := newReader(t)
		people := stripped(persons(0, 100), "mail", had)
		r.fake.Set(people...)
		r.accepted("the first read")
		r.fake.Set(stripped(people, "mail", 0)...)
		if refused {
			r.refused("90 of 100 had it", "mail")
		} else {
			r.accepted("89 of 100 had it")
		}
	}
}

// A key that is listed twice fails the read: known or new, near or far apart.
func TestCollectListedTwice(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	r.fake.Set(persons(0, 5_200)...)
	r.accepted("the first read")
	again := persons(0, 5_200)
	for name, people := range map[string][]sourcetest.Person{
		"known, one after the other": append(persons(0, 5_200), again[5_199]),
		"known, far apart":           append(persons(0, 5_200), again[3]),
		"known, the first time new":  append(again[:1:1], append(persons(0, 5_200)[1:], again[0])...),
		"new, one after the other":   append(persons(0, 5_201), persons(5_200, 5_201)...),
		"new, far apart":             append(persons(5_199, 5_300), append(persons(0, 5_199), persons(5_203, 5_204)...)...),
	} {
		r.fake.Set(people...)
		r.refused(name, "is listed twice", "nothing was taken")
	}
	if ctx := r.holds(); len(ctx) != 5_200 {
		t.Errorf("%d rows", len(ctx))
	}
}

// The mirror follows the source: rows keep their numbers, who is gone is absent, who
// returns is the same row, and only what changed is new.
func TestCollectMirrors(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	r.source.MaxShrink = 100
	r.fake.Set(persons(0, 10)...)
	r.accepted("the first read")
	first := r.holds()
	numbers := map[string]bool{}
	for id, row := range first {
		number, _, _ := strings.Cut(row, " ")
		if numbers[number] {
			t.Errorf("%s has the number of somebody else: %s", id, row)
		}
		numbers[number] = true
	}
	seq := r.info().Seq
	people := persons(0, 10)
	slices.Reverse(people)
	r.fake.Set(people...)
	r.accepted("in another order")
	if d := cmp.Diff(first, r.holds()); d != "" || r.info().Seq != seq {
		t.Errorf("the same people in another order, seq %d, was %d:\n%s", r.info().Seq, seq, d)
	}

	people = persons(0, 9)
	people[3].Attrs["name"] = []string{"Renamed"}
	r.fake.Set(append(people, persons(20, 21)...)...)
	r.accepted("one gone, one changed, one new")
	var changed []string
	if err := r.store.Changed("hr", record.User, seq, func(row *ledger.Row) error { changed = append(changed, row.Key.ID); return nil }); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"000003", "000009", "000020"}, changed); d != "" {
		t.Errorf("changed:\n%s", d)
	}
	now := r.holds()
	if gone := now["000009"]; !strings.Contains(gone, "absent 1") || strings.Contains(gone, "name=") {
		t.Errorf("who is gone: %s", gone)
	}
	number, _, _ := strings.Cut(now["000020"], " ")
	if numbers[number] {
		t.Errorf("a number was given twice: %s", now["000020"])
	}

	r.fake.Set(append(persons(0, 10), persons(20, 21)...)...)
	r.accepted("back again")
	now = r.holds()
	delete(now, "000020")
	if d := cmp.Diff(first, now); d != "" {
		t.Errorf("back again:\n%s", d)
	}
}

// Other attributes mean that everything is read anew although the source did not change.
func TestCollectOtherNames(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	people := persons(0, 5)
	for i := range people {
		people[i].Attrs["title"] = []string{"Clerk"}
	}
	r.fake.Set(people...)
	r.accepted("the first read")
	reads := r.fake.Reads()
	r.accepted("unchanged")
	if r.fake.Reads() != reads+1 || strings.Contains(r.holds()["000001"], "title") {
		t.Error("unchanged is not what it should be")
	}
	r.source.Names = []string{"mail", "name", "title"}
	r.accepted("with another attribute")
	if row := r.holds()["000001"]; !strings.Contains(row, "title=Clerk") {
		t.Errorf("%s", row)
	}
}

// More people than fit into memory are mirrored as they are.
func TestCollectMany(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	const n = 17_000
	r.fake.Set(persons(0, n)...)
	r.accepted("the first read")
	rows := r.holds()
	if len(rows) != n {
		t.Fatalf("%d rows", len(rows))
	}
	for i := 0; i < n; i += 97 {
		if row := rows[fmt.Sprintf("%06d", i)]; !strings.HasSuffix(row, fmt.Sprintf("absent 0 mail=p%d@example.org name=Person %d", i, i)) {
			t.Errorf("%d: %s", i, row)
		}
	}
	row, known, err := r.store.Row(record.Key{Kind: record.User, Source: "hr", ID: fmt.Sprintf("%06d", n-1)})
	if err != nil || !known || row.DN != fmt.Sprintf("cn=%d", n-1) {
		t.Errorf("%+v %v %v", row, known, err)
	}
}
