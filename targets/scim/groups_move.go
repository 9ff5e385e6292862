package scim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"scimsync/sync/plan"
	"scimsync/targets/scim/profile"
)

// Members of one group come and go in one request, in a form that was seen to do what it
// says. Until then it is tried (groups_try.go).

// Bulk tells how many changes of members of one group ApplyAll takes.
func (g *Groups) Bulk() plan.Bulk {
	if g.profile.Members.OneOpPerRequest {
		return plan.Bulk{Ops: 1}
	}
	return plan.Bulk{Ops: least(g.profile.Members.MaxPerRequest, g.memory.most(g.now()))}
}

// Size is how much of Bulk a change takes: members travel together, groups alone.
func (g *Groups) Size(change *plan.Change) int {
	if change.Member == nil {
		return 0
	}
	return 1
}

// Draws tells what one request for these changes takes from the profile's limits: several
// are about members of one group.
func (g *Groups) Draws(changes ...*plan.Change) []plan.Draw {
	if changes[0].Member == nil {
		return g.Target.Draws(changes...)
	}
	if len(g.limits) == 0 {
		return nil
	}
	path, err := g.kind.at(cmp.Or(changes[0].RemoteID, "new")) // in a plan, the group may yet have to be made
	if err != nil {
		return nil
	}
	method := http.MethodPatch
	if g.byPut() {
		method = http.MethodPut
	}
	return g.draws(method, path, len(changes), func() int {
		c, err := g.spellStep(changes[0].RemoteID, g.asOne(changes))
		if err != nil {
			return 0
		}
		return len(c.body)
	})
}

// asOne is the request for changes as it is when nothing is in the way, or about as large.
func (g *Groups) asOne(changes []*plan.Change) step {
	s := step{form: profile.RemoveFilter}
	for _, change := range changes {
		if change.Action == plan.RemoveMember {
			s.out = append(s.out, change)
		} else {
			s.in = append(s.in, change)
		}
	}
	if g.profile.Members.Remove == profile.RemoveArray {
		s.form = profile.RemoveArray
	}
	return s
}

// Apply sends one change of a group, or of one member.
func (g *Groups) Apply(ctx context.Context, change *plan.Change, id string) plan.Result {
	if change.Member == nil {
		return g.applyGroup(ctx, change, id)
	}
	results, _ := g.ApplyAll(ctx, []*plan.Change{change}, id)
	return results[0]
}

// applyGroup sends one change of a group. By PUT it goes back with its members: that of a group
// which may not show all of them would take the others out.
func (g *Groups) applyGroup(ctx context.Context, change *plan.Change, id string) plan.Result {
	if method, _, err := g.where(change); err == nil && method == http.MethodPut && change.Calls() > 0 {
		group := *change
		group.Member = &plan.Member{}
		m := &move{Groups: g, ctx: ctx, id: id, group: change.RemoteID, changes: []*plan.Change{&group}}
		s := &sight{}
		if g.profile.Members.InGet {
			var r *plan.Result
			if s, r = m.read(change.RemoteID); r != nil {
				return *r
			}
		}
		if r := m.unstatable(s, m.changes); r != nil {
			return *r
		}
	}
	r := g.Target.Apply(ctx, change, id)
	if r.Verdict == plan.Done && change.Action == plan.Create {
		g.makes(r.Ack.RemoteID)
	}
	return r
}

// ApplyAll sends changes of members of one group: in one request, unless a form of removal
// has to be tried first. whole tells that nothing at all was done.
func (g *Groups) ApplyAll(ctx context.Context, changes []*plan.Change, id string) (results []plan.Result, whole bool) {
	m := &move{Groups: g, ctx: ctx, id: id, group: changes[0].RemoteID, changes: changes,
		results: make([]plan.Result, len(changes)), ended: make([]bool, len(changes)),
		write: &write{Target: g.Target, ctx: ctx, change: changes[0], id: id}}
	m.run()
	m.results[0].Heard = m.heardFirst(m.results[0].Heard)
	return m.results, m.whole
}

// move is changes of members of one group on their way to the service.
type move struct {
	*Groups
	ctx     context.Context
	id      string
	group   string
	changes []*plan.Change
	results []plan.Result
	ended   []bool
	whole   bool
	write   *write
	first   plan.Heard // of the first request: its place at the gate is the caller's
	sent    bool
}

func (m *move) run() {
	if err := m.discoverInside(m.ctx); err != nil {
		m.rest(plan.Result{Verdict: plan.Stop, Err: err})
		return
	}
	m.refuseWrong()
	if m.open() == nil || !m.settle() || !m.skipDone() {
		return
	}
	if m.byPut() {
		m.state(profile.RemovePut, m.open(plan.RemoveMember), m.open(plan.AddMember))
		return
	}
	for range rounds + len(m.changes) { // each ends a change, or finds something out about a form
		out := m.open(plan.RemoveMember)
		if out == nil {
			break
		}
		form, ok := m.form(out)
		if ok && !m.remove(form, out) {
			return
		}
	}
	if out := m.open(plan.RemoveMember); out != nil {
		m.end(plan.Result{Verdict: plan.Park, Err: noForm(m.changes[0], nil, nil)}, out...)
	}
	if in := m.open(plan.AddMember); in != nil {
		m.send(step{in: in})
	}
}

// rounds is more than there is to find out about forms of removal.
const rounds = 16

// open gives the changes that nothing has come of yet, of one kind or of all; nil: none.
func (m *move) open(actions ...plan.Action) []*plan.Change {
	var open []*plan.Change
	for i, change := range m.changes {
		if !m.ended[i] && (len(actions) == 0 || slices.Contains(actions, change.Action)) {
			open = append(open, change)
		}
	}
	return open
}

// end gives changes their result.
func (m *move) end(r plan.Result, changes ...*plan.Change) {
	for i, change := range m.changes {
		if slices.Contains(changes, change) && !m.ended[i] {
			m.results[i], m.ended[i] = r, true
		}
	}
}

// done ends changes that are as they are to be.
func (m *move) done(changes ...*plan.Change) {
	m.end(plan.Result{Ack: plan.Ack{RemoteID: m.group}}, changes...)
	m.took(m.group, changes)
}

// rest ends all that is open: the request failed. If something came of others before, what is
// left is simply sent anew: a failure is one failure, and that of all that is sent then.
func (m *move) rest(r plan.Result) {
	open := m.open()
	switch r.Verdict {
	case plan.Again, plan.InDoubt, plan.Apart:
		if m.whole = len(open) == len(m.changes); !m.whole {
			m.doubts(m.group, r.Verdict == plan.InDoubt)
			r = plan.Result{Verdict: plan.Anew, Err: r.Err, Heard: r.Heard}
		}
	}
	m.end(r, open...)
}

func (m *move) heardFirst(of plan.Heard) plan.Heard {
	if m.sent && of.NotBefore.IsZero() && !of.TooFast && !of.Sick && !of.Lost {
		return m.first
	}
	return of
}

// refuseWrong ends changes that cannot be sent: members without an id, twice the same one, or
// more of them than a group holds.
func (m *move) refuseWrong() {
	seen := map[string]bool{}
	known, comes := 0, 0
	for _, change := range m.changes {
		err := m.kind.remoteID(change.Member.RemoteID)
		switch {
		case err != nil:
		case change.Action != plan.AddMember && change.Action != plan.RemoveMember:
			err = fmt.Errorf("members have no request for %q", change.Action)
		case seen[change.Member.RemoteID]:
			err = fmt.Errorf("member %s is in the same request twice", change.Member.RemoteID)
		}
		if err == nil {
			_, err = m.kind.at(change.RemoteID)
		}
		if err != nil {
			m.end(plan.Result{Verdict: plan.Park, Err: fmt.Errorf("%s: %w", change, err)}, change)
			continue
		}
		seen[change.Member.RemoteID] = true
		known = max(known, change.Member.Of)
		if change.Action == plan.AddMember {
			comes++
		}
	}
	if most := m.profile.Members.MaxTotal; most > 0 && comes > 0 && known+comes > most {
		for _, change := range m.open(plan.AddMember)[max(0, most-known):] {
			m.end(plan.Result{Verdict: plan.Park, Err: fmt.Errorf("%s: the group has %d members, and the service takes %d (members.max_total)", change, known, most)}, change)
		}
	}
}

// skipDone looks at a group of which an earlier request may have been carried out, and ends
// what is done already: some services take a member twice that is sent twice. That somebody is
// not shown proves nothing unless all are.
func (m *move) skipDone() bool {
	if !m.isDoubted(m.group) && !slices.ContainsFunc(m.changes, func(c *plan.Change) bool { return c.Doubt.Sent }) {
		return true
	}
	open := m.open()
	if !m.profile.Members.InGet && len(open) > fewLookups {
		return true
	}
	s := m.seenLately(m.group, open)
	if s == nil {
		var r *plan.Result
		if s, r = m.see(m.group, memberIDs(open)); r != nil {
			m.rest(*r)
			return false
		}
		m.sees(m.group, s)
	}
	m.doubts(m.group, false)
	for _, change := range open {
		in := s.in[change.Member.RemoteID]
		if change.Action == plan.AddMember && in || change.Action == plan.RemoveMember && m.surelyOut(s, change) {
			m.done(change)
		}
	}
	return m.open() != nil
}

// fewLookups is how many members are asked for one by one.
const fewLookups = 10

// surelyOut tells whether somebody is not in a group: asked for, they were not found, or the
// group shows as many as are known to be left in it.
func (m *move) surelyOut(s *sight, change *plan.Change) bool {
	if s.blind || s.in[change.Member.RemoteID] {
		return false
	}
	if s.group == nil {
		return true
	}
	unseen := m.unseenOut(s) // of many, a list that is cut off would say the same
	return unseen <= trySeveral && m.known() > 0 && s.complete(max(1, m.known()-unseen))
}

// unseenOut is how many of those who are to go are not seen.
func (m *move) unseenOut(s *sight) (n int) {
	for _, change := range m.open(plan.RemoveMember) {
		if !s.in[change.Member.RemoteID] {
			n++
		}
	}
	return n
}

func memberIDs(changes []*plan.Change) []string {
	all := make([]string, len(changes))
	for i, change := range changes {
		all[i] = change.Member.RemoteID
	}
	return all
}

// form gives the form by which members are removed now. false: there is none, and those who
// are to go wait.
func (m *move) form(out []*plan.Change) (profile.MemberRemove, bool) {
	var harmed []string
	var why error
	for i, form := range m.forms() {
		words := m.words(form, false)
		switch {
		case m.memory.harmful(words):
			harmed = append(harmed, words)
		case m.knows(refusedForm + fact(words)):
			why = fmt.Errorf("the service refuses %s", words)
		case m.knows(ignoredForm + fact(words)):
			why = fmt.Errorf("the service answers %s with success, and does nothing", words)
		case len(harmed) > 0 && !states(form):
		case i > 0 && states(form):
			s, r := m.see(m.group, memberIDs(out))
			if r != nil {
				m.rest(*r)
				return "", false
			}
			if why = m.fits(s); why == nil {
				return form, true
			}
		default:
			return form, true
		}
	}
	m.end(plan.Result{Verdict: plan.Park, Err: noForm(m.changes[0], harmed, why)}, out...)
	return "", false
}

// noForm says why nobody can be removed, and what to do.
func noForm(change *plan.Change, harmed []string, why error) error {
	text := fmt.Sprintf("%s: there is no safe way to take anybody out of a group at this service", change)
	if len(harmed) > 0 {
		text += fmt.Sprintf(": %s took out others as well, and is not sent again", strings.Join(harmed, " and "))
	}
	if why != nil {
		text += fmt.Sprintf(": %v", why)
	}
	return errors.New(text + "; remove them there by hand, find out how the service removes members, and set options: {members: {remove: filter, array, replace_all or put}}")
}

// forms are those that may be tried, in their order: the profile's; that of RFC 7644; and to
// state who is in the group. A list of values is the profile's to say: a strict service takes
// it for everybody (RFC 7644 section 3.5.2.2).
func (g *Groups) forms() []profile.MemberRemove {
	first := g.profile.Members.Remove
	forms := []profile.MemberRemove{first}
	for _, form := range []profile.MemberRemove{profile.RemoveFilter, profile.RemoveReplaceAll} {
		if form != first {
			forms = append(forms, form)
		}
	}
	return forms
}

// fits tells why a group cannot be stated whole where the profile does not ask for that; nil:
// it can.
func (m *move) fits(s *sight) error {
	most := least(m.profile.Members.MaxPerRequest, m.memory.most(m.now()))
	switch {
	case s.group == nil:
		return errors.New("groups do not show who is in them, so a whole list cannot be sent")
	case m.known() == 0 || !s.complete(m.known()):
		return fmt.Errorf("the group shows %d members, and it is not known that these are all (%d are in it as far as is known), so a whole list is not sent", len(s.in), m.known())
	case most > 0 && len(s.in) > most:
		return fmt.Errorf("the group has %d members, more than one request takes (%d), so a whole list is not sent unless members.remove says replace_all", len(s.in), most)
	}
	return nil
}

// known is how many members the group has as far as the target acknowledged; 0: not known.
func (m *move) known() (n int) {
	left := 0
	for i, change := range m.changes {
		n = max(n, change.Member.Of)
		if change.Action == plan.RemoveMember && m.ended[i] && m.results[i].Verdict == plan.Done {
			left++
		}
	}
	return max(0, n-left)
}

// remove takes the next of those out who are to go, by a form. false: all has ended.
func (m *move) remove(form profile.MemberRemove, out []*plan.Change) bool {
	single, several := m.words(form, false), m.words(form, true)
	now := m.now()
	switch {
	case states(form):
		return m.state(form, out, nil)
	case m.knows(unseen):
	case !m.memory.trusts(single, now):
		return m.try(step{form: form, out: out[:1]}, single)
	case len(out) == 1:
	case m.memory.harmful(several) || m.knows(refusedForm+fact(several)):
		return m.send(step{form: form, out: out[:1]})
	case !m.memory.trusts(several, now):
		return m.try(step{form: form, out: out[:min(len(out), trySeveral)]}, several)
	}
	return m.send(step{form: form, out: out, in: m.open(plan.AddMember)})
}

// trySeveral is with how many it is tried what several operations in one request do.
const trySeveral = 3

// state sends all who are in the group. Nothing is sent unless it shows all who are.
func (m *move) state(form profile.MemberRemove, out, in []*plan.Change) bool {
	words := m.words(form, false)
	if m.memory.harmful(words) {
		m.end(plan.Result{Verdict: plan.Park, Err: noForm(m.changes[0], []string{words}, nil)}, slices.Concat(out, in)...)
		return true
	}
	if !m.memory.trusts(words, m.now()) {
		return m.try(step{form: form, out: out, in: in}, words)
	}
	s := step{form: form, out: out, in: in}
	switch seen, ok := m.statable(&s); {
	case !ok:
		return m.open() != nil
	case seen == nil:
		return true
	}
	return m.send(s)
}

// statable reads the group for a step that states all of it, and ends what is so already.
// false: it could not be read; nil: nothing is to be sent, or it must not.
func (m *move) statable(s *step) (*sight, bool) {
	s.seen = &sight{}
	if m.profile.Members.InGet {
		var r *plan.Result
		if s.seen, r = m.read(m.group); r != nil {
			m.rest(*r)
			return nil, false
		}
	}
	if r := m.unstatable(s.seen, s.changes()); r != nil {
		m.end(*r, s.changes()...)
		return nil, true
	}
	s.out = slices.DeleteFunc(s.out, func(c *plan.Change) bool { return !s.seen.in[c.Member.RemoteID] && m.ended1(c) })
	s.in = slices.DeleteFunc(s.in, func(c *plan.Change) bool { return s.seen.in[c.Member.RemoteID] && m.ended1(c) })
	if len(s.changes()) == 0 {
		return nil, true
	}
	return s.seen, true
}

// ended1 ends a change that is as it is to be.
func (m *move) ended1(change *plan.Change) bool {
	m.done(change)
	return true
}

// unstatable tells why a group as it was read cannot go back whole; nil: it can.
func (m *move) unstatable(s *sight, changes []*plan.Change) *plan.Result {
	known := m.known()
	var why string
	switch {
	case s.group == nil:
		why = "groups do not show who is in them: a group that is sent whole would lose everybody"
	case len(s.in) == 0 && !m.memory.shows() && !s.said() && !m.isMade(m.group):
		why = "no group was seen yet that shows its members, so nobody can tell whether this one has some"
	case len(s.in) < known:
		why = fmt.Sprintf("the group shows %d members, and %d were put into it: sent whole, it could lose the others", len(s.in), known)
	default:
		return nil
	}
	return &plan.Result{Verdict: plan.Park, Err: fmt.Errorf("%s: %s; find out how this service changes members, and set options: {members: …, update: {method: …}}", changes[0], why)}
}
