package scim

import (
	"fmt"
	"slices"
	"sync"

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
}

// tried is who was in a group after a form of removal was tried there.
type tried struct {
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
	if u.refused[group] != nil { // one half of it
		return
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
	u.tried = &tried{group: group, form: u.tried.form, in: left}
}
