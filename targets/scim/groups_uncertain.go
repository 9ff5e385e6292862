package scim

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"scimsync/sync/plan"
)

// uncertain is what is known of groups while this process lives.
type uncertain struct {
	mu sync.Mutex
	// doubted are groups of which a request may have been carried out whose answer was lost.
	doubted map[string]bool
	// made are groups that this process made: nobody is in them who was not put there since.
	made map[string]bool
	// refused is by group the request for several members that was refused last.
	refused map[string]*refusal
	// tried is what was seen after the last trial; nil: nothing.
	tried *tried
	// seen is the group that was looked at last because of a doubt.
	seen seen
	// told is when the trial was made of which the caller was told to put everybody back.
	told time.Time
}

// seen is who was in a group, at a moment.
type seen struct {
	group string
	sight *sight
	at    time.Time
}

// seenFor is how long it counts who was in a group, for those who are to be added: of a large
// group it is read once, and not with each hundred of them.
const seenFor = time.Minute

// tried is who was in a group after a form of removal was tried there.
type tried struct {
	at          time.Time
	group, form string
	in          []string
}

// refusal is a request for several members that was refused: because of one of them, or for
// being too many. Once all of them were taken, in smaller requests, it was the latter.
type refusal struct {
	n, most int
	left    map[string]bool
}

func (g *Groups) doubts(group string, doubt bool) {
	u := &g.uncertain
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.doubted == nil {
		u.doubted = map[string]bool{}
	}
	if doubt {
		u.doubted[group] = true
	} else {
		delete(u.doubted, group)
	}
}

func (g *Groups) isDoubted(group string) bool {
	g.uncertain.mu.Lock()
	defer g.uncertain.mu.Unlock()
	return g.uncertain.doubted[group]
}

// makes notes a group that was made empty.
func (g *Groups) makes(group string) {
	u := &g.uncertain
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.made == nil {
		u.made = map[string]bool{}
	}
	u.made[group] = true
}

func (g *Groups) isMade(group string) bool {
	g.uncertain.mu.Lock()
	defer g.uncertain.mu.Unlock()
	return g.uncertain.made[group]
}

// tooMany notes that a request for several members was refused.
func (g *Groups) tooMany(group string, changes []*plan.Change) {
	u := &g.uncertain
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.refused == nil {
		u.refused = map[string]*refusal{}
	}
	r := &refusal{n: len(changes), left: map[string]bool{}}
	for _, id := range memberIDs(changes) {
		r.left[id] = true
	}
	u.refused[group] = r
}

// blamed notes that one member by itself was refused, so there were not too many of them.
func (g *Groups) blamed(group string) {
	g.uncertain.mu.Lock()
	defer g.uncertain.mu.Unlock()
	delete(g.uncertain.refused, group)
}

// took notes that members were taken in one request. If with that all were that were refused
// before, together, they were too many.
func (g *Groups) took(group string, changes []*plan.Change) {
	u := &g.uncertain
	u.mu.Lock()
	if u.seen.group == group {
		for _, change := range changes {
			if change.Action == plan.AddMember {
				u.seen.sight.in[change.Member.RemoteID] = true
			} else {
				delete(u.seen.sight.in, change.Member.RemoteID)
			}
		}
	}
	r := u.refused[group]
	learned := 0
	if r != nil {
		for _, id := range memberIDs(changes) {
			delete(r.left, id)
		}
		r.most = max(r.most, len(changes))
		if len(r.left) == 0 {
			delete(u.refused, group)
			if r.most < r.n {
				learned = r.most
			}
		}
	}
	u.mu.Unlock()
	if learned > 0 {
		g.memory.learnMost(learned, g.now(), fmt.Sprintf("takes %d members in one request, and refused %d", learned, r.n))
	}
}

// saw keeps who is in a group after a trial, and sees gives it until a request changes it.
func (g *Groups) saw(s *tried) {
	g.uncertain.mu.Lock()
	defer g.uncertain.mu.Unlock()
	g.uncertain.tried = s
}

func (g *Groups) lastTried() *tried {
	g.uncertain.mu.Lock()
	defer g.uncertain.mu.Unlock()
	return g.uncertain.tried
}

// stirs drops what was seen of a group before somebody leaves it.
func (g *Groups) stirs(group string, out []*plan.Change) {
	u := &g.uncertain
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.tried == nil || u.tried.group != group {
		return
	}
	gone := memberIDs(out)
	left := slices.DeleteFunc(slices.Clone(u.tried.in), func(id string) bool { return slices.Contains(gone, id) })
	u.tried = &tried{at: u.tried.at, group: group, form: u.tried.form, in: left}
}

// tells remembers that the caller was told to put everybody back whom a trial took out.
func (g *Groups) tells(tr *trial) {
	g.uncertain.mu.Lock()
	defer g.uncertain.mu.Unlock()
	g.uncertain.told = tr.At
}

func (g *Groups) wasTold(tr *trial) bool {
	g.uncertain.mu.Lock()
	defer g.uncertain.mu.Unlock()
	return g.uncertain.told.Equal(tr.At)
}

// sees remembers who was in a group that was read.
func (g *Groups) sees(group string, s *sight) {
	g.uncertain.mu.Lock()
	defer g.uncertain.mu.Unlock()
	if s.group != nil {
		g.uncertain.seen = seen{group, s, g.now()}
	}
}

// unsees forgets who was in a group: a request to it may have been carried out since.
func (g *Groups) unsees(group string) {
	g.uncertain.mu.Lock()
	defer g.uncertain.mu.Unlock()
	if g.uncertain.seen.group == group {
		g.uncertain.seen = seen{}
	}
}

// seenLately gives who was in a group when it was read a moment ago; nil: it was not, or a
// request to it was in doubt since, or changes are to take somebody out.
func (g *Groups) seenLately(group string, changes []*plan.Change) *sight {
	if g.isDoubted(group) || slices.ContainsFunc(changes, func(c *plan.Change) bool { return c.Action != plan.AddMember }) {
		return nil
	}
	g.uncertain.mu.Lock()
	defer g.uncertain.mu.Unlock()
	if s := &g.uncertain.seen; s.group == group && g.now().Sub(s.at) < seenFor {
		return s.sight
	}
	return nil
}
