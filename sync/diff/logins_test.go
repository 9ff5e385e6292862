package diff

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"scimsync/sync/record"
)

func key(id string) record.Key { return record.Key{Kind: record.User, Source: "hr", ID: id} }

func TestOrder(t *testing.T) {
	r := func(id, old, login string) Rename { return Rename{Key: key(id), Old: old, New: login} }
	for name, c := range map[string]struct {
		renames []Rename
		want    map[string]Turn
	}{
		"alone":     {[]Rename{r("1", "a", "b")}, map[string]Turn{"1": {}}},
		"case only": {[]Rename{r("1", "a", "a")}, map[string]Turn{"1": {}}},
		"chain": {[]Rename{r("1", "a", "b"), r("2", "b", "c"), r("3", "c", "d")},
			map[string]Turn{"1": {Round: 2}, "2": {Round: 1}, "3": {}}},
		"swap": {[]Rename{r("1", "a", "b"), r("2", "b", "a")},
			map[string]Turn{"1": {Round: 2, Temporary: true}, "2": {Round: 1}}},
		"circle of three beside a chain": {
			[]Rename{r("3", "c", "a"), r("1", "a", "b"), r("2", "b", "c"), r("8", "x", "y"), r("9", "y", "z")},
			map[string]Turn{"1": {Round: 3, Temporary: true}, "2": {Round: 2}, "3": {Round: 1}, "8": {Round: 1}, "9": {}}},
		"back from a swap in doubt": {[]Rename{r("1", "tmp", "a"), {key("2"), "b", "b", []string{"a"}}},
			map[string]Turn{"1": {Round: 1}, "2": {}}},
		"behind a circle": {[]Rename{r("1", "x", "a"), {key("2"), "a", "b", []string{"z", "y"}}, r("3", "b", "y")},
			map[string]Turn{"1": {Round: 1}, "2": {Round: 2, Temporary: true}, "3": {Round: 1}}},
	} {
		got := Order(c.renames)
		for id, want := range c.want {
			if got[key(id)] != want {
				t.Errorf("%s: %s has turn %+v, want %+v", name, id, got[key(id)], want)
			}
		}
	}
}

// Whatever logins are passed around, and whichever login an account in doubt holds,
// carrying the turns out never takes a login that is held, and leaves everybody with
// their own.
func TestOrderAlwaysFreesBeforeItTakes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "people")
		logins := make([]string, 3*n+4)
		for i := range logins {
			logins[i] = fmt.Sprintf("u%d", i)
		}
		wanted := rapid.Permutation(logins).Draw(t, "wanted")
		renames := make([]Rename, n)
		holds := map[string]record.Key{}
		for i := range n {
			renames[i] = Rename{Key: key(fmt.Sprint(i)), Old: logins[i], New: wanted[i]}
			if rapid.Bool().Draw(t, "doubt") {
				renames[i].Maybe = []string{logins[n+i], logins[2*n+i]}
			}
			if rapid.Bool().Draw(t, "back") {
				renames[i].New = logins[i]
				for j := range i {
					if renames[j].New == logins[i] { // wanted once
						renames[i].New = wanted[i]
					}
				}
			}
			held := renames[i].Old
			if renames[i].Maybe != nil && rapid.Bool().Draw(t, "arrived") {
				held = rapid.SampledFrom(renames[i].Maybe).Draw(t, "held")
			}
			holds[held] = renames[i].Key
		}
		taken := map[string]bool{}
		for _, r := range renames {
			if taken[r.New] {
				t.Skip("two want the same")
			}
			taken[r.New] = true
		}
		turns := Order(append([]Rename{}, renames...))
		for _, r := range renames {
			if turns[r.Key].Temporary {
				giveUp(holds, r)
			}
		}
		for round := 0; round <= n+1; round++ {
			for _, r := range renames {
				if turns[r.Key].Round != round {
					continue
				}
				if other, held := holds[r.New]; held && other != r.Key {
					t.Fatalf("round %d: %s wants %s, which %s holds; turns %v", round, r.Key, r.New, other, turns)
				}
				giveUp(holds, r)
				holds[r.New] = r.Key
			}
		}
		for _, r := range renames {
			if holds[r.New] != r.Key {
				t.Fatalf("%s did not get %s", r.Key, r.New)
			}
		}
	})
}

func giveUp(holds map[string]record.Key, r Rename) {
	for _, login := range append([]string{r.Old}, r.Maybe...) {
		if holds[login] == r.Key {
			delete(holds, login)
		}
	}
}
