package diff

import (
	"slices"
	"sort"

	"scimsync/sync/record"
)

// Rename is one account's change of login, all folded.
type Rename struct {
	Key      record.Key
	Old, New string
	// Maybe are the logins that the account may hold instead of Old, because requests
	// are in doubt.
	Maybe []string
}

// Frees gives the logins that are free once the rename is done.
func (r *Rename) Frees() []string {
	var logins []string
	for _, login := range append([]string{r.Old}, r.Maybe...) {
		if login != r.New && !slices.Contains(logins, login) {
			logins = append(logins, login)
		}
	}
	return logins
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
	o := order{steps: make([]*step, len(renames)), takers: make(map[string]*step, len(renames)), holders: map[string][]*step{}}
	for i := range renames {
		s := &step{Rename: &renames[i]}
		o.steps[i], o.takers[s.New] = s, s
		for _, login := range s.Frees() {
			o.holders[login] = append(o.holders[login], s)
		}
	}
	for _, s := range o.steps {
		for _, holder := range o.holders[s.New] {
			if holder != s {
				s.waits++
			}
		}
	}
	o.run()
	turns := make(map[record.Key]Turn, len(renames))
	for _, s := range o.steps {
		turns[s.Key] = s.Turn
	}
	return turns
}

// step is a rename on its way to its turn.
type step struct {
	*Rename
	Turn
	waits int // for so many accounts to give up the login
	freed bool
	done  bool
}

// order hands out turns.
type order struct {
	steps   []*step
	takers  map[string]*step   // who takes a login
	holders map[string][]*step // who holds it, or may hold it, and gives it up
	ready   []*step
}

func (o *order) run() {
	for _, s := range o.steps {
		if s.waits == 0 {
			o.ready = append(o.ready, s)
		}
	}
	for next := 0; ; {
		for len(o.ready) > 0 {
			s := o.ready[0]
			o.ready = o.ready[1:]
			s.done = true
			o.free(s, s.Round)
		}
		for next < len(o.steps) && o.steps[next].done {
			next++
		}
		if next == len(o.steps) {
			return
		}
		s := o.circle(o.steps[next])
		s.Temporary = true
		o.free(s, 0)
	}
}

// free gives up a step's logins in a round, once.
func (o *order) free(s *step, round int) {
	if s.freed {
		return
	}
	s.freed = true
	for _, login := range s.Frees() {
		taker := o.takers[login]
		if taker == nil || taker == s {
			continue
		}
		taker.Round = max(taker.Round, round+1)
		if taker.waits--; taker.waits == 0 {
			o.ready = append(o.ready, taker)
		}
	}
}

// circle follows those who wait for each other until somebody comes up twice, and
// gives of the circle the one with the lowest key.
func (o *order) circle(s *step) *step {
	seen := map[*step]bool{}
	for !seen[s] {
		seen[s] = true
		s = o.blocker(s)
	}
	lowest := s
	for at := o.blocker(s); at != s; at = o.blocker(at) {
		if at.Key.Less(lowest.Key) {
			lowest = at
		}
	}
	return lowest
}

// blocker is the first who has not given up what s waits for.
func (o *order) blocker(s *step) *step {
	for _, holder := range o.holders[s.New] {
		if holder != s && !holder.freed {
			return holder
		}
	}
	panic("diff: a rename waits for nobody: " + s.Key.String())
}
