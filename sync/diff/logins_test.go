package diff

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"scimsync/sync/record"
)

func key(id string) record.Key { return record.Key{Kind: record.User, Source: "hr", ID: id} }

func TestOrder(t *testing.T) {
	r := func(id, old, login string) Rename { return Rename{key(id), old, login} }
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
	} {
		got := Order(c.renames)
		for id, want := range c.want {
			if got[key(id)] != want {
				t.Errorf("%s: %s has turn %+v, want %+v", name, id, got[key(id)], want)
			}
		}
	}
}

// Whatever logins are passed around, carrying the turns out never takes a login
// that is held, and leaves everybody with their own.
func TestOrderAlwaysFreesBeforeItTakes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "people")
		logins := make([]string, n+4)
		for i := range logins {
			logins[i] = fmt.Sprintf("u%d", i)
		}
		wanted := rapid.Permutation(logins).Draw(t, "wanted")
		renames := make([]Rename, n)
		holds := map[string]record.Key{}
		for i := range n {
			renames[i] = Rename{key(fmt.Sprint(i)), logins[i], wanted[i]}
			holds[logins[i]] = renames[i].Key
		}
		turns := Order(append([]Rename{}, renames...))
		for _, r := range renames {
			if turns[r.Key].Temporary {
				delete(holds, r.Old)
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
				if holds[r.Old] == r.Key {
					delete(holds, r.Old)
				}
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
