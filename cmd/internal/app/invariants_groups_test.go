package app_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"scimsync/sources/sourcetest"
	"scimsync/sync/engine"
	"scimsync/sync/ledger"
	"scimsync/sync/record"
)

// newGroupReader is newReader for a source whose groups are asked for.
func newGroupReader(t testing.TB) *reader {
	r := newReader(t)
	r.source.GroupNames, r.source.MaxShrink = []string{"name"}, 100
	r.fake.SetGroups()
	return r
}

func groupOf(id string, members ...string) sourcetest.Group {
	return sourcetest.Group{ID: id, DN: "cn=" + id + ",ou=groups", Attrs: map[string][]string{"name": {"app-" + id}}, Members: members}
}

func person(n int) string { return fmt.Sprintf("user/%06d", n) }

// memberOf gives the edges of the mirror: who is in which group, by keys.
func (r *reader) memberOf() map[string][]string {
	r.t.Helper()
	keys, got := r.keys(), map[string][]string{}
	err := r.store.EachEdge("hr", func(e ledger.Edge) error {
		group, member := keys[e.Group], keys[e.Member]
		if group.Kind != record.Group || (member.Kind == record.Group) != e.Nested {
			r.t.Errorf("edge %+v leads from %s to %s", e, group, member)
		}
		got[group.ID] = append(got[group.ID], member.Kind.String()+"/"+member.ID)
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, list := range got {
		slices.Sort(list)
	}
	return got
}

func (r *reader) keys() map[uint32]record.Key {
	r.t.Helper()
	keys := map[uint32]record.Key{}
	err := r.store.Named("hr", func(uint32) bool { return true }, func(ordinal uint32, key record.Key) error {
		if keys[ordinal] != (record.Key{}) {
			r.t.Errorf("%s and %s have one number", key, keys[ordinal])
		}
		keys[ordinal] = key
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return keys
}

// since gives the keys of the rows with a Seq above one.
func (r *reader) since(seq uint64) map[string]bool {
	r.t.Helper()
	got := map[string]bool{}
	for _, kind := range record.Kinds {
		if err := r.store.Changed("hr", kind, seq, func(row *ledger.Row) error {
			got[row.Key.Kind.String()+"/"+row.Key.ID] = true
			return nil
		}); err != nil {
			r.t.Fatal(err)
		}
	}
	return got
}

func set(names ...string) map[string]bool {
	s := map[string]bool{}
	for _, n := range names {
		s[n] = true
	}
	return s
}

func (r *reader) has(what string, want map[string][]string) {
	r.t.Helper()
	if d := gocmp.Diff(want, r.memberOf()); d != "" {
		r.t.Errorf("%s:\n%s", what, d)
	}
}

// Links become edges in whatever order groups and people come, each once; whom nobody
// answers for is left out.
func TestCollectLinks(t *testing.T) {
	t.Parallel()
	for _, last := range []bool{false, true} {
		r := newGroupReader(t)
		if last {
			r.fake.GroupsLast()
		}
		people := persons(0, 6_000)
		people[7].Refs = []string{person(7), ""} // and "" stands for nobody
		r.fake.Set(people...)
		r.fake.SetGroups(groupOf("b", person(5), person(3), person(5), person(5_999), "group/a", "user/nobody", ""), groupOf("a", "group/b", person(5), "group/a"),
			groupOf("000005"), groupOf("c", "group/000005"), groupOf("d", "group/nobody"))
		r.accepted("the first read")
		want := map[string][]string{"b": {"group/a", person(3), person(5), person(5_999)}, "a": {"group/a", "group/b", person(5)}, "c": {"group/000005"}}
		r.has("the first read", want)
		info := r.info()
		if info.Groups == nil || info.Groups.Live != 5 || info.Groups.Links != 8 || info.Groups.Unresolved != 3 || info.Live != 6_000 {
			t.Errorf("%+v", info.Groups)
		}
		seq := info.Seq
		r.accepted("unchanged")
		r.fake.Set(slices.Concat(people[3_000:], people[:3_000])...)
		r.accepted("in another order")
		r.has("in another order", want)
		if touched := r.since(seq); len(touched) > 0 || r.info().Seq != seq {
			t.Errorf("nothing changed, and touched are %v", touched)
		}
	}
}

// Whose memberships changed is looked at again, nested groups counted; nobody else is.
func TestCollectTouches(t *testing.T) {
	t.Parallel()
	// top > middle > low > middle: a loop. alone is in nothing.
	people := persons(0, 8)
	groups := map[string]sourcetest.Group{"top": groupOf("top", person(0), "group/middle"), "middle": groupOf("middle", person(1), "group/low"),
		"low": groupOf("low", person(2), person(3), "group/middle"), "alone": groupOf("alone", person(4))}
	with := func(changes ...sourcetest.Group) []sourcetest.Group {
		all := maps.Clone(groups)
		for _, g := range changes {
			all[g.ID] = g
		}
		return slices.SortedFunc(maps.Values(all), func(a, b sourcetest.Group) int { return cmp.Compare(a.ID, b.ID) })
	}
	renamed := groupOf("middle", groups["middle"].Members...)
	renamed.Attrs = map[string][]string{"name": {"renamed"}}
	moved := groupOf("low", groups["low"].Members...)
	moved.DN = "cn=low,ou=elsewhere"
	without := slices.DeleteFunc(with(), func(g sourcetest.Group) bool { return g.ID == "low" })
	for what, c := range map[string]struct {
		people []sourcetest.Person
		groups []sourcetest.Group
		want   map[string]bool
	}{
		"nothing":           {people, with(), set()},
		"somebody joins":    {people, with(groupOf("low", person(2), person(3), person(5), "group/middle")), set("group/low", "group/middle", "group/top", person(5))},
		"somebody leaves":   {people, with(groupOf("low", person(2), "group/middle")), set("group/low", "group/middle", "group/top", person(3))},
		"apart from others": {people, with(groupOf("alone", person(4), person(5))), set("group/alone", person(5))},
		"a group joins": {people, with(groupOf("alone", person(4), "group/middle")),
			set("group/alone", person(1), person(2), person(3))},
		"a group leaves": {people, with(groupOf("top", person(0))), set("group/top", person(1), person(2), person(3))},
		"a group is new": {people, with(groupOf("new", person(6), "group/alone")), set("group/new", person(6), person(4))},
		"a group goes":   {people, without, set("group/low", "group/middle", "group/top", person(1), person(2), person(3))},
		"a new name":     {people, with(renamed), set("group/middle", person(1), person(2), person(3))},
		"another place":  {people, with(moved), set("group/low")},
		"somebody new":   {persons(0, 9), with(groupOf("alone", person(4), person(8))), set("group/alone", person(8))},
		"somebody goes":  {persons(1, 8), with(), set("group/top", person(0))},
	} {
		r := newGroupReader(t)
		r.fake.Set(people...)
		r.fake.SetGroups(with()...)
		r.accepted("the first read")
		seq := r.info().Seq
		r.fake.Set(c.people...)
		r.fake.SetGroups(c.groups...)
		r.accepted(what)
		if d := gocmp.Diff(c.want, r.since(seq)); d != "" {
			t.Errorf("%s:\n%s", what, d)
		}
		if rose := r.info().Seq > seq; rose != (len(c.want) > 0) {
			t.Errorf("%s: seq %d, was %d", what, r.info().Seq, seq)
		}
	}
}

// A group whose members could not be read, or told apart, loses nobody and wins whom was read.
func TestCollectUnread(t *testing.T) {
	t.Parallel()
	logs, warned := observer.New(zap.WarnLevel)
	said := func(words ...string) {
		t.Helper()
		all := fmt.Sprint(warned.TakeAll())
		for _, word := range words {
			if !strings.Contains(all, word) {
				t.Errorf("%q is not in the log: %s", word, all)
			}
		}
	}
	r := newGroupReader(t)
	r.engine.Log = zap.New(logs)
	people := persons(0, 10)
	r.fake.Set(people...)
	r.fake.SetGroups(groupOf("a", person(0), person(1)), groupOf("b", person(0), person(1), "user/who"))
	r.accepted("the first read")
	said("1 members of groups are nobody", "app-b")
	unread := groupOf("a", person(2))
	unread.Unread = "range 1500-2999 broke off"
	r.fake.SetGroups(unread, groupOf("b", person(1), "user/who"))
	r.accepted("one is unread")
	r.has("one is unread", map[string][]string{"a": {person(0), person(1), person(2)}, "b": {person(1)}})
	said("app-a (range 1500-2999 broke off)")
	if r.info().Cursor != nil {
		t.Error("what could not be read will not be read again")
	}
	r.fake.SetGroups(groupOf("a", person(2)), groupOf("b", person(1)))
	r.accepted("readable again")
	r.has("readable again", map[string][]string{"a": {person(2)}, "b": {person(1)}})

	people[7].Refs, people[8].Refs = []string{"user/same", "user/7"}, []string{"user/same", "user/8"}
	r.fake.Set(people...)
	r.fake.SetGroups(groupOf("a", person(3), "user/same"), groupOf("b", "user/7"))
	r.accepted("ambiguous")
	r.has("ambiguous", map[string][]string{"a": {person(2), person(3)}, "b": {"user/000007"}})
	said("1 members of groups are ambiguous", "app-a (", "000007", "000008")
}

// Groups are read at one moment and people at another: who moves in between is at a place that
// their groups do not know yet. Nobody loses a membership by that.
func TestCollectMoved(t *testing.T) {
	t.Parallel()
	r := newGroupReader(t)
	people := persons(0, 3)
	at := func(n int, dn string) { people[n].DN, people[n].Refs = dn, []string{dn} }
	for n, dn := range []string{"cn=a", "cn=b", "cn=c"} {
		at(n, dn)
	}
	team := groupOf("team", "cn=c")
	team.Refs = []string{team.DN}
	read := func(what string, members []string, want ...string) {
		t.Helper()
		r.fake.Set(slices.Clone(people)...)
		r.fake.SetGroups(groupOf("x", members...), team)
		r.accepted(what)
		r.has(what, map[string][]string{"x": want, "team": {person(2)}})
	}
	read("the first read", []string{"cn=a", "cn=b", "cn=team,ou=groups"}, "group/team", person(0), person(1))
	at(0, "cn=a,ou=new")
	read("moved, and the group does not know", []string{"cn=a", "cn=b", "cn=team,ou=groups"}, "group/team", person(0), person(1))
	if r.info().Cursor != nil {
		t.Error("what is in doubt will not be read again")
	}
	read("it knows", []string{"cn=a,ou=new", "cn=b", "cn=team,ou=groups"}, "group/team", person(0), person(1))
	at(0, "cn=a,ou=newer")
	read("moved again", []string{"cn=a,ou=new", "cn=b", "cn=team,ou=groups"}, "group/team", person(0), person(1))
	read("it never comes to know", []string{"cn=a,ou=new", "cn=b", "cn=team,ou=groups"}, "group/team", person(1))
	read("moved while somebody else left", []string{"cn=a,ou=newer", "cn=team,ou=groups"}, "group/team", person(0))
	at(0, "cn=a")
	read("moved and left", []string{"cn=b", "cn=team,ou=groups"}, "group/team", person(1))
	team.DN, team.Refs = "cn=team,ou=new", []string{"cn=team,ou=new"}
	read("a group moved", []string{"cn=b", "cn=team,ou=groups"}, "group/team", person(1))
	read("a group moved, and is known", []string{"cn=b", "cn=team,ou=new"}, "group/team", person(1))
}

// A read that lost groups or their members as a whole is not taken.
func TestCollectJudgesGroups(t *testing.T) {
	t.Parallel()
	r := newGroupReader(t)
	r.source.MaxShrink = 40
	groups := func(n, members int) (list []sourcetest.Group) {
		for g := range n {
			one := groupOf(fmt.Sprint(g))
			for m := range members {
				one.Members = append(one.Members, person(m))
			}
			list = append(list, one)
		}
		return list
	}
	r.fake.Set(persons(0, 100)...)
	r.fake.SetGroups(groups(10, 10)...)
	r.accepted("the first read")
	before := r.memberOf()
	refused := func(what string, words ...string) {
		t.Helper()
		r.refused(what, words...)
		r.has(what, before)
	}
	r.fake.SetGroups()
	refused("no groups", "has no group", "10 groups were there")
	r.source.AcceptShrink = true
	refused("no groups, shrink accepted", "has no group")
	r.source.AcceptShrink = false
	r.fake.SetGroups(groups(5, 10)...)
	refused("half of the groups", "5 groups, 10 were there", "shrank by 50%", "--accept-shrink")
	r.fake.SetGroups(groups(10, 5)...)
	refused("half of the members", "50 members in all, 100 were there", "shrank by 50%", "--accept-shrink")
	nameless := groups(10, 10)
	for i := range nameless {
		nameless[i].Attrs = map[string][]string{"name": nil}
	}
	r.fake.SetGroups(nameless...)
	refused("no names", `no group has a value for "name"`)
	r.fake.SetGroups(append(groups(10, 10), groupOf("3"))...)
	refused("twice", "is listed twice")
	r.fake.SetGroups(groups(10, 6)...)
	r.accepted("40% of the members")
	r.source.AcceptShrink = true
	r.fake.SetGroups(groups(10, 1)...)
	r.accepted("most of the members, accepted")
	r.source.AcceptShrink = false
	r.fake.SetGroups(groups(10, 0)...)
	r.accepted("the last ten members: a handful is no sign of anything")
}

// Who asks for something else reads everything anew; who asks for no groups any more keeps
// what the mirror has of them, and takes nothing for gone.
func TestCollectAsksForGroups(t *testing.T) {
	t.Parallel()
	r := newGroupReader(t)
	r.fake.Set(persons(0, 5)...)
	g := groupOf("a", person(0))
	g.Attrs["title"] = []string{"Team"}
	r.fake.SetGroups(g)
	r.source.GroupNames = nil
	r.accepted("without groups")
	if r.info().Groups != nil || len(r.since(0)) != 5 {
		t.Errorf("%+v %v", r.info(), r.since(0))
	}
	r.source.GroupNames = []string{"name"}
	r.accepted("with groups")
	r.has("with groups", map[string][]string{"a": {person(0)}})
	r.source.GroupNames = []string{"name", "title"}
	r.accepted("with another attribute")
	row, _, err := r.store.Row(record.Key{Kind: record.Group, Source: "hr", ID: "a"})
	if err != nil || len(row.Attrs) != 2 || row.Attrs[1].Values[0] != "Team" {
		t.Errorf("%+v %v", row, err)
	}
	seq := r.info().Seq
	r.source.GroupNames = nil
	r.accepted("without groups again")
	r.has("without groups again", map[string][]string{"a": {person(0)}})
	if touched := r.since(seq); len(touched) > 0 || r.info().Groups != nil {
		t.Errorf("%v %+v", touched, r.info().Groups)
	}
}

// world is a source that changes at random, and what follows from it, computed otherwise.
type world struct {
	random *rand.Rand
	people []sourcetest.Person
	groups []sourcetest.Group
}

func (w *world) change() {
	for range 1 + w.random.IntN(4) {
		g := &w.groups[w.random.IntN(len(w.groups))]
		g.Members = slices.Clone(g.Members)
		switch w.random.IntN(6) {
		case 0:
			g.Members = append(g.Members, "group/"+w.groups[w.random.IntN(len(w.groups))].ID)
		case 1, 2:
			g.Members = append(g.Members, person(w.random.IntN(40))) // some are nobody
		case 3, 4:
			if n := len(g.Members); n > 0 {
				i := w.random.IntN(n)
				g.Members = slices.Delete(g.Members, i, i+1)
			}
		case 5:
			g.Attrs = map[string][]string{"name": {fmt.Sprintf("name %d", w.random.IntN(100))}}
		}
	}
	if w.random.IntN(5) == 0 {
		i := w.random.IntN(len(w.groups))
		g := w.groups[i]
		w.groups = slices.Delete(slices.Clone(w.groups), i, i+1)
		if g.ID = fmt.Sprintf("g%d", w.random.IntN(30)); !slices.ContainsFunc(w.groups, func(o sourcetest.Group) bool { return o.ID == g.ID }) {
			w.groups = append(w.groups, g)
		}
	}
}

// edges is who is listed by whom, and names the names of the groups each person is in.
func (w *world) edges() map[string][]string {
	known := map[string]bool{}
	for _, p := range w.people {
		known["user/"+p.ID] = true
	}
	for _, g := range w.groups {
		known["group/"+g.ID] = true
	}
	all := map[string][]string{}
	for _, g := range w.groups {
		list := slices.DeleteFunc(slices.Clone(g.Members), func(m string) bool { return !known[m] })
		slices.Sort(list)
		if list = slices.Compact(list); len(list) > 0 {
			all[g.ID] = list
		}
	}
	return all
}

func (w *world) names() map[string]string {
	edges, in := w.edges(), map[string][]string{}
	for _, g := range w.groups {
		seen := map[string]bool{}
		var visit func(id string)
		visit = func(id string) {
			for _, m := range edges[id] {
				if !seen[m] {
					seen[m] = true
					if nested, is := strings.CutPrefix(m, "group/"); is {
						visit(nested)
					} else {
						in[m] = append(in[m], g.ID+"="+g.Attrs["name"][0])
					}
				}
			}
		}
		visit(g.ID)
	}
	names := map[string]string{}
	for m, list := range in {
		slices.Sort(list)
		names[m] = strings.Join(list, ",")
	}
	return names
}

func newWorld(random *rand.Rand) *world {
	w := &world{random: random, people: persons(0, 30)}
	for i := range 8 {
		w.groups = append(w.groups, groupOf(fmt.Sprintf("g%d", i)))
	}
	for range 30 {
		w.change()
	}
	return w
}

// Whatever changes, the mirror has the edges that the source lists, and everybody who is in
// other groups, nested ones counted, is looked at again.
func TestCollectRandomGroups(t *testing.T) {
	t.Parallel()
	for round := range uint64(15) {
		w := newWorld(rand.New(rand.NewPCG(round, 1)))
		r := newGroupReader(t)
		names := map[string]string{}
		for range 15 {
			seq := r.info().Seq
			r.fake.Set(w.people...)
			r.fake.SetGroups(w.groups...)
			r.accepted("a read")
			r.has("a read", w.edges())
			now, touched := w.names(), r.since(seq)
			for n := range 30 {
				if who := person(n); names[who] != now[who] && !touched[who] {
					t.Fatalf("round %d: %s was in %s, is in %s, and is not looked at: %v", round, who, names[who], now[who], touched)
				}
			}
			names = now
			w.change()
		}
	}
}

// breaking is a store that fails from one of its writes on, as if the program had been killed.
type breaking struct {
	engine.Store
	left int
}

var errKilled = errors.New("killed")

func (b *breaking) write(do func() error) error {
	if b.left--; b.left < 0 {
		return errKilled
	}
	return do()
}

func (b *breaking) PutSource(name string, info ledger.SourceInfo) error {
	return b.write(func() error { return b.Store.PutSource(name, info) })
}

func (b *breaking) Merge(source string, rows []ledger.Row, info *ledger.SourceInfo) error {
	return b.write(func() error { return b.Store.Merge(source, rows, info) })
}

func (b *breaking) Touch(source string, marked func(uint32) bool, seq uint64) error {
	return b.write(func() error { return b.Store.Touch(source, marked, seq) })
}

// MergeEdges stores half of the edges at the write that fails: slices are small only here.
func (b *breaking) MergeEdges(source string, add, remove []ledger.Edge) error {
	err := b.write(func() error { return b.Store.MergeEdges(source, add, remove) })
	if err != nil && b.left == -1 {
		return errors.Join(err, b.Store.MergeEdges(source, add[:len(add)/2], remove[:len(remove)/2]))
	}
	return err
}

// Killed wherever it is, a read leaves nothing that the next one does not put right: also
// when the source has changed once more, or is what it was before.
func TestCollectGroupsKilled(t *testing.T) {
	t.Parallel()
	killed := 0
	for round := range 108 {
		at, then := round%6, round/6%3
		func() {
			w := newWorld(rand.New(rand.NewPCG(uint64(round), 2)))
			r := newGroupReader(t)
			read := func() error {
				r.fake.Set(w.people...)
				r.fake.SetGroups(w.groups...)
				return r.read()
			}
			if err := read(); err != nil {
				t.Fatal(err)
			}
			seq, names, first := r.info().Seq, w.names(), slices.Clone(w.groups)
			w.change()
			b := &breaking{r.store, at}
			r.engine = &engine.Engine{Store: b, Log: zap.NewNop(), Dir: t.TempDir()}
			if err := read(); errors.Is(err, errKilled) {
				killed++
			} else if err != nil {
				t.Fatal(err)
			}
			switch then {
			case 1:
				w.change()
			case 2:
				w.groups = first
			}
			b.left = 1000
			if err := read(); err != nil {
				t.Fatal(err)
			}
			r.has(fmt.Sprintf("round %d, killed at write %d", round, at), w.edges())
			now, touched := w.names(), r.since(seq)
			for n := range 30 {
				if who := person(n); names[who] != now[who] && !touched[who] {
					t.Fatalf("round %d, killed at write %d: %s was in %s, is in %s, and is not looked at: %v", round, at, who, names[who], now[who], touched)
				}
			}
		}()
	}
	if killed < 50 {
		t.Errorf("killed only %d times", killed)
	}
}

// A group by which people are in scope has to be there as it was: else nothing is read.
func TestCollectScopes(t *testing.T) {
	t.Parallel()
	whole := []sourcetest.Group{groupOf("x", "group/y", "user/nobody"), groupOf("y", person(0), person(1), "group/z"), groupOf("z", person(2)), groupOf("o", person(3))}
	with := func(changes ...sourcetest.Group) []sourcetest.Group {
		all := slices.Clone(whole)
		for _, g := range changes {
			i := slices.IndexFunc(all, func(o sourcetest.Group) bool { return o.ID == g.ID })
			if i < 0 {
				all = append(all, g)
			} else {
				all[i] = g
			}
		}
		return all
	}
	without := func(id string) []sourcetest.Group {
		return slices.DeleteFunc(with(), func(g sourcetest.Group) bool { return g.ID == id })
	}
	renamed, named, unread, nested := groupOf("x", "group/y"), groupOf("o", person(3)), groupOf("x", "group/y"), groupOf("y", person(0))
	renamed.Attrs = map[string][]string{"name": {"app-other"}}
	named.Attrs = map[string][]string{"name": {"App-X"}}
	unread.Unread, nested.Unread = "no rights", "no rights"
	for what, c := range map[string]struct {
		scope    string
		groups   []sourcetest.Group
		want     string
		accepted bool // --accept-shrink lets it pass
	}{
		"as it was":             {"app-x", with(), "", false},
		"folded":                {"APP-X", with(), "", false},
		"gone":                  {"app-x", without("x"), `"app-x", by which people are in scope (members_of), is not there any more`, false},
		"another is gone":       {"app-x", without("o"), "", false},
		"renamed":               {"app-x", with(renamed), "is not there any more: it was deleted, renamed", false},
		"renamed, by key":       {"x", with(renamed), "", false},
		"renamed, by DN":        {"CN=x,ou=Groups", with(renamed), "", false},
		"gone, by DN":           {"CN=x, ou=Groups", without("x"), "not there any more", false},
		"two of the name":       {"app-x", with(named), "stands for 2 groups now", false},
		"unread":                {"app-x", with(unread), "could not be read to its end: no rights", false},
		"unread below":          {"app-x", with(nested), "could not be read to its end: no rights", false},
		"emptied":               {"app-x", with(groupOf("x")), "has nobody in it any more", false},
		"emptied below":         {"app-x", with(groupOf("y")), "has nobody in it any more", false},
		"one less":              {"app-x", with(groupOf("y", person(0))), "", false},
		"a group in it is gone": {"app-x", slices.DeleteFunc(with(groupOf("x", "group/y", "group/o")), func(g sourcetest.Group) bool { return g.ID == "y" }), "had a group in it that is not there any more", true},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			r := newGroupReader(t)
			r.source.Scopes = []string{c.scope}
			r.fake.Set(persons(0, 10)...)
			r.fake.SetGroups(whole...)
			r.accepted("the first read")
			before := r.memberOf()
			r.fake.SetGroups(c.groups...)
			if c.want == "" {
				r.accepted(what)
				return
			}
			r.refused(what, c.want, "nothing was taken from this read", "members_of")
			r.has(what, before)
			r.source.AcceptShrink = true
			if c.accepted {
				r.accepted("shrink accepted")
			} else {
				r.refused("shrink accepted", c.want)
			}
			r.source.Scopes = nil
			r.source.AcceptShrink = false
			r.accepted("nobody is in scope by it any more")
		})
	}
}

// A job whose members_of names no group, or several, is not planned; other jobs are.
func TestCollectUnknownScope(t *testing.T) {
	t.Parallel()
	r := newGroupReader(t)
	r.fake.Set(persons(0, 3)...)
	twin := groupOf("b", person(1))
	twin.Attrs = map[string][]string{"name": {"APP-A"}}
	r.fake.SetGroups(groupOf("a", person(0)), twin, groupOf("c", person(2)))
	for scope, want := range map[string]string{"app-c": "", "c": "", "app-none": `no group of source hr has the name, DN or key "app-none"`, "app-a": `"app-a" stands for 2 groups of source hr`} {
		r.source.Scopes = []string{"app-none", "app-a", "app-c", "c"}
		err := r.engine.Collect(context.Background(), engine.Job{Name: "staff", Sources: []engine.Source{r.source}, Flows: []engine.Flow{{Flow: ledger.Flow{Job: "staff", Target: "service"}, MembersOf: []string{scope}}}})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", scope, err)
		}
	}
}
