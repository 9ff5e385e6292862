package diff

import (
	"sort"

	"scimsync/sync/record"
)

// Rename is one account's change of login, both folded.
type Rename struct {
	Key      record.Key
	Old, New string
}

// Turn says when a rename has its turn, and whether it needs a login for a moment.
type Turn struct {
	Round     int // renames of a lower round are finished first
	Temporary bool
}

// Order says in which order accounts that pass logins on to each other are
// renamed: a login is freed before it is taken. Of a circle, the account with the
// lowest key gets a temporary login first, in round 0, and its own login last.
//
//	A: a -> b, B: b -> c          B in round 0, A in round 1
//	A: a -> b, B: b -> a          A temporary in round 0, B in round 1, A in round 2
//
// No two renames may want the same login: the caller has parked those.
func Order(renames []Rename) map[record.Key]Turn {
	sort.Slice(renames, func(i, j int) bool { return renames[i].Key.Less(renames[j].Key) })
	holder := make(map[string]*Rename, len(renames)) // who holds a login now and gives it up
	for i := range renames {
		holder[renames[i].Old] = &renames[i]
	}
	turns := make(map[record.Key]Turn, len(renames))
	for i := range renames {
		if _, done := turns[renames[i].Key]; !done {
			chain(&renames[i], holder, turns)
		}
	}
	return turns
}

// chain follows a rename to the account that holds the wanted login, and so on, to
// the end of the chain, an account that has its turn, or back to the first; then it
// gives the turns from the end. A login is wanted once, so a circle can only close
// at the account where the walk began, and as keys come in order that is the lowest.
func chain(first *Rename, holder map[string]*Rename, turns map[record.Key]Turn) {
	path := []*Rename{first}
	round, circle := 0, false
	for {
		last := path[len(path)-1]
		next := holder[last.New]
		if next == nil || next == last {
			break
		}
		if turn, done := turns[next.Key]; done {
			round = turn.Round + 1
			break
		}
		if next == first {
			round, circle = 1, true
			break
		}
		path = append(path, next)
	}
	for i := len(path) - 1; i >= 0; i-- {
		turns[path[i].Key] = Turn{Round: round, Temporary: circle && i == 0}
		round++
	}
}
