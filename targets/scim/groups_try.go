package scim

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"scimsync/sync/plan"
	"scimsync/targets/scim/profile"
)

// How members are removed differs, and what one service takes for the removal of one member
// another takes for that of all. So no form is trusted before it was seen to do what it says,
// first with one member and then with several: who is in the group is looked at before and
// after. What is to be sent is remembered first, so that a process that dies in between, or an
// answer that is lost, leaves the question open and not forgotten. (*) are those who were seen
// in the group and are to stay: without anybody there is no proof.
//
//	afterwards                            the form                  the change
//	exactly those are gone, others (*)
//	  are there                           trusted for 30 days       Done
//	exactly those are gone, and nobody
//	  else was seen                       tried again next time     Done
//	others are gone                       never sent again; they    Done, or Wiped if they could
//	                                      are put back              not all be put back
//	nothing, and the service said yes     tried no more for a day   Ignored, and the next one goes
//	                                      if it stays so (**)       another way
//	nothing, and it refused               not sent for a day        the next form, or Park
//	nothing, and no answer                tried again               InDoubt
//	it cannot be seen                     looked at before anything InDoubt
//	                                      else is removed
//	some of several                       one by one from now on    Done, the others one by one
//
// (**) lateAfter later: what changes late is not to be met by another form.
//
// After a form that did harm comes only one that states who is in the group, of a group that
// shows at least as many members as are known to be in it.

// soonAfter is how long after a trial it counts as its doing that a few others are gone: later,
// somebody may have taken them out.
const soonAfter = 2 * time.Minute

// lateAfter is how long a service may take to do what it said is done.
const lateAfter = time.Minute

// settle finds out what came of a trial that was left open. false: all has ended.
func (m *move) settle() bool {
	if m.memory.trial() == nil {
		return true
	}
	release, err := m.memory.tries(m.ctx)
	if err != nil {
		m.rest(plan.Result{Verdict: plan.Again, Err: err})
		return false
	}
	defer release()
	return m.settled()
}

// settled is settle for who has the right to try.
func (m *move) settled() bool {
	tr := m.memory.trial()
	if tr == nil {
		return true
	}
	if len(tr.Owed) > 0 {
		return m.mended(tr)
	}
	s, r := m.see(tr.Group, tr.Before)
	age := m.now().Sub(tr.At)
	switch {
	case r != nil && r.Verdict == plan.Vanished, r == nil && s.blind:
		m.memory.end(tr.Form, m.now(), false, false)
		return true
	case r != nil && age > forgetAfter:
		m.memory.tell(fmt.Sprintf("group %s cannot be read, so it is not known what a removal from it did on %s", tr.Group, tr.At.UTC().Format(time.RFC3339)))
		m.memory.end(tr.Form, m.now(), false, false)
		return true
	case r != nil:
		return m.wait(tr, r)
	}
	lost, still := tr.against(s)
	switch {
	case len(lost) > 0 && age > soonAfter && 2*len(lost) < tr.witnesses():
		m.memory.tell(fmt.Sprintf("%d members are out of group %s who were in it when a removal was tried there on %s, and the answer to it was never seen: "+
			"look there whether that is right", len(lost), tr.Group, tr.At.UTC().Format(time.RFC3339)))
		m.memory.end(tr.Form, m.now(), false, false)
	case len(lost) > 0:
		m.harmed(tr, lost)
		return m.mended(tr)
	case len(still) == 0:
		m.memory.end(tr.Form, m.now(), tr.proves(), false)
	case !tr.Said:
		m.memory.end(tr.Form, m.now(), false, false)
	case age < lateAfter:
		return m.wait(tr, nil)
	default:
		m.ignores(tr)
	}
	return true
}

// mended puts those back whom an earlier removal took out. Where not all of the group were
// seen, only the caller knows who was in it. false: all has ended.
func (m *move) mended(tr *trial) bool {
	switch {
	case tr.Part && tr.Group != m.group:
		return m.wait(tr, nil)
	case !m.putBack(tr):
		return m.wait(tr, nil)
	case tr.Part && !m.wasTold(tr):
		m.wiped(tr, m.open())
		return false
	}
	return true
}

// wiped tells the caller to put everybody back, once in a process: it is about all of the group.
// The others are looked at and sent anew.
func (m *move) wiped(tr *trial, open []*plan.Change) {
	err := fmt.Errorf("%s: a removal took others out of the group, not all of whom could be put back: %s; it is never sent like that again", open[0], tr.Form)
	m.doubts(m.group, true)
	m.tells(tr)
	m.end(plan.Result{Verdict: plan.Wiped, Err: err}, open[0])
	m.end(plan.Result{Verdict: plan.Anew, Err: err}, m.open()...)
}

// wait ends the removals, because it is not known yet what an earlier one did. Others go on.
// false: all has ended.
func (m *move) wait(tr *trial, r *plan.Result) bool {
	out := m.open(plan.RemoveMember)
	if r == nil {
		r = &plan.Result{Verdict: plan.Park, Err: fmt.Errorf("%s: it waits until it is known what the removal from group %s at %s did", m.changes[0], tr.Group, tr.At.UTC().Format(time.TimeOnly))}
	}
	if len(tr.Owed) > 0 {
		r = &plan.Result{Verdict: plan.Park, Err: fmt.Errorf("%s: it waits until those are back whom a removal took out of group %s", m.changes[0], tr.Group)}
	}
	if out != nil && r.Verdict != plan.Park {
		m.rest(*r)
		return false
	}
	m.end(*r, out...)
	return m.open() != nil
}

// proves tells whether a trial of which exactly those are gone who were to go shows that its
// form does what it says: all of them were seen before, and so was somebody else.
func (tr *trial) proves() bool { return tr.showed() && tr.witnesses() > 0 }

// showed tells whether all who are to go were seen, so that it can be seen that they went.
func (tr *trial) showed() bool {
	return len(tr.Gone) > 0 && !slices.ContainsFunc(tr.Gone, func(id string) bool { return !slices.Contains(tr.Before, id) })
}

// ignores remembers that a form is answered with success, and does nothing.
func (m *move) ignores(tr *trial) {
	m.learn(ignoredForm+fact(tr.Form), "a removal of a member is answered with success, and does nothing: "+tr.Form)
	m.memory.end(tr.Form, m.now(), false, false)
}

// harmed remembers that a form took others out, and says it.
func (m *move) harmed(tr *trial, lost []string) {
	tr.Owed = lost
	err := m.memory.harm(*tr, m.now())
	m.memory.tell(fmt.Sprintf("a removal took others out of group %s than it should, %d of them: %s; it is never sent like that again, and they are put back", tr.Group, len(lost), tr.Form))
	m.memory.unkept(err)
}

// try sends a step whose form is not trusted, and finds out what it did. false: all has ended.
func (m *move) try(s step, words string) bool {
	release, err := m.memory.tries(m.ctx)
	if err != nil {
		m.rest(plan.Result{Verdict: plan.Again, Err: err})
		return false
	}
	defer release()
	if m.memory.trusts(words, m.now()) || m.memory.harmful(words) {
		return true // it was found out meanwhile
	}
	if !m.settled() {
		return false
	}
	if m.open(plan.RemoveMember) == nil && len(s.out) > 0 || m.memory.harmful(words) {
		return true
	}
	before, ok := m.before(&s)
	if !ok {
		return m.open() != nil
	}
	if before == nil { // nobody can see, or nobody is left to go
		return true
	}
	tr := &trial{Form: words, Group: m.group, Gone: memberIDs(s.out), Before: slices.Sorted(maps.Keys(before.in)), At: m.now(), Part: !before.complete(m.known())}
	if !m.calm(before, words) {
		return m.open() != nil
	}
	c, err := m.spellStep(m.group, s)
	if err != nil {
		m.end(plan.Result{Verdict: plan.Park, Err: fmt.Errorf("%s: %w", m.changes[0], err)}, s.changes()...)
		return true
	}
	if r := m.write.tooLarge(c); r != nil {
		return m.apart(s, *r)
	}
	if err := m.memory.begin(*tr); err != nil {
		m.rest(plan.Result{Verdict: plan.Stop, Err: fmt.Errorf("keep what is about to be tried at %s: %w", m.name, err)})
		return false
	}
	a, err := m.deliver(c)
	tr.Said = err == nil && a.status/100 == 2 && doubtless(c, a) == nil
	return m.judge(s, tr, sent{c, a, err})
}

// sent is a request and what came back.
type sent struct {
	call   call
	answer *answer
	err    error
}

// before looks who is in the group, and ends those of the step who are out already. false: it
// cannot be sent. nil: there is nothing to try.
func (m *move) before(s *step) (*sight, bool) {
	if states(s.form) {
		return m.statable(s)
	}
	seen, r := m.see(m.group, append(memberIDs(s.out), m.beside(s.out)...))
	if r != nil {
		m.rest(*r)
		return nil, false
	}
	if seen.blind {
		m.learn(unseen, "nobody can be seen in a group, neither in the group nor by asking: how members are removed cannot be tried, "+
			"so members.remove ("+string(m.profile.Members.Remove)+") is believed; make sure of it")
		return nil, true
	}
	tries := len(s.out)
	s.out = m.stillIn(seen, s.out)
	if len(s.out) == 0 || tries > 1 && len(s.out) == 1 { // of several operations one is none
		return nil, true
	}
	return seen, true
}

// stillIn ends the removals of those who are surely out already, and gives the others.
func (m *move) stillIn(seen *sight, out []*plan.Change) (still []*plan.Change) {
	for _, change := range out {
		if m.surelyOut(seen, change) {
			m.done(change)
		} else {
			still = append(still, change)
		}
	}
	return still
}

// beside are others who are in the group as far as is known: two are enough.
func (m *move) beside(out []*plan.Change) []string {
	var others []string
	for _, change := range m.open(plan.RemoveMember) {
		if !slices.Contains(out, change) {
			others = append(others, change.Member.RemoteID)
		}
		if id := change.Member.Beside; id != "" && !slices.Contains(memberIDs(m.changes), id) {
			others = append(others, id)
		}
	}
	slices.Sort(others)
	others = slices.Compact(others)
	return others[:min(len(others), 2)]
}

// calm looks whether what the last trial left is still so: some services do harm later. false:
// they do, or that cannot be seen.
func (m *move) calm(now *sight, words string) bool {
	last := m.lastTried()
	if last == nil || last.form == words || m.now().Sub(last.at) > soonAfter {
		return true
	}
	s := now
	if last.group != m.group || s.group == nil {
		var r *plan.Result
		if s, r = m.see(last.group, last.in[:min(len(last.in), fewLookups)]); r != nil && r.Verdict == plan.Vanished {
			m.saw(nil)
			return true
		} else if r != nil {
			m.rest(*r)
			return false
		}
	}
	m.saw(nil)
	tr := &trial{Form: last.form, Group: last.group, Before: last.in, At: m.now()}
	if s.group == nil {
		tr.Before, tr.Part = last.in[:min(len(last.in), fewLookups)], true
	}
	lost, _ := tr.against(s)
	if s.blind || len(lost) == 0 {
		return true
	}
	m.harmed(tr, lost)
	m.mended(tr)
	return false
}

// judge decides what a trial showed. false: all has ended.
func (m *move) judge(s step, tr *trial, req sent) bool {
	after, r := m.seeAfter(tr)
	if r != nil && r.Verdict == plan.Vanished {
		m.memory.end(tr.Form, m.now(), false, false)
		m.rest(*r)
		return false
	}
	if r != nil || after.blind { // the question stays open, and comes first next time
		if tr.Said {
			m.memory.unkept(m.memory.begin(*tr))
		}
		why := fmt.Errorf("%s: it cannot be seen what it did", m.changes[0])
		if r != nil {
			why = fmt.Errorf("%s: it cannot be seen what it did: %w", m.changes[0], r.Err)
		}
		m.doubts(m.group, true)
		m.rest(plan.Result{Verdict: plan.InDoubt, Err: why})
		return false
	}
	lost, still := tr.against(after)
	var gone []*plan.Change
	for _, change := range s.out {
		if slices.Contains(tr.Before, change.Member.RemoteID) && !slices.Contains(still, change.Member.RemoteID) {
			gone = append(gone, change)
		}
	}
	switch {
	case len(lost) > 0:
		return m.judgeHarm(s, tr, lost, gone)
	case len(still) == 0 && (tr.Said || tr.showed()):
		m.memory.end(tr.Form, m.now(), tr.proves(), false)
		m.saw(&tried{at: m.now(), group: m.group, form: tr.Form, in: slices.Sorted(maps.Keys(after.in))})
		m.done(s.out...)
		return m.judgeAdded(s, after)
	case tr.Said && len(gone) > 0:
		m.memory.tell("several removals of members in one request are not all done, so each is sent by itself: " + tr.Form)
		m.memory.end(tr.Form, m.now(), false, true)
		m.done(gone...)
		return true
	case tr.Said:
		m.memory.unkept(m.memory.begin(*tr)) // it may show later
		for _, change := range s.out {
			m.end(m.undone(change), change)
		}
		return m.wait(tr, nil)
	}
	return m.judgeRefused(s, tr, req)
}

// judgeHarm ends a trial that took others out: they are put back.
func (m *move) judgeHarm(s step, tr *trial, lost []string, gone []*plan.Change) bool {
	m.harmed(tr, lost)
	if back := m.putBack(tr); !back || tr.Part {
		m.wiped(tr, s.changes())
		return false
	}
	m.done(gone...)
	if s.form == profile.RemovePut {
		m.end(plan.Result{Verdict: plan.Park, Err: noForm(m.changes[0], []string{tr.Form}, nil)}, s.changes()...)
	}
	return m.open() != nil
}

// judgeAdded ends those who came along with a request that stated the group.
func (m *move) judgeAdded(s step, after *sight) bool {
	for _, change := range s.in {
		if after.in[change.Member.RemoteID] {
			m.done(change)
		} else {
			m.end(m.undone(change), change)
		}
	}
	return m.open() != nil
}

// judgeRefused decides after a trial that changed nothing, and that the service did not say is
// done.
func (m *move) judgeRefused(s step, tr *trial, req sent) bool {
	if req.err != nil {
		r := m.unanswered(req.err)
		if r.Verdict != plan.InDoubt {
			m.memory.end(tr.Form, m.now(), false, false)
		}
		m.doubts(m.group, r.Verdict == plan.InDoubt)
		m.rest(r)
		return false
	}
	c, a := req.call, req.answer
	if a.status/100 == 2 || a.status >= http.StatusInternalServerError && a.status != http.StatusNotImplemented || a.status == http.StatusRequestTimeout {
		m.doubts(m.group, true)
		if r := doubtless(c, a); a.status/100 == 2 && r != nil {
			m.rest(*r)
			return false
		}
		return m.refusedStep(s, c, a)
	}
	m.memory.end(tr.Form, m.now(), false, false)
	if e := m.problem(c, a); a.status == http.StatusBadRequest && tr.showed() && e.use == unremarked {
		m.learn(refusedForm+fact(tr.Form), fmt.Sprintf("refuses a removal of members (%v): %s", e, tr.Form))
		return true
	}
	return m.refusedStep(s, c, a)
}

// putBack puts those back into a group whom a removal took out of it, and looks whether they
// are. false: they are not all; they are remembered.
func (m *move) putBack(tr *trial) bool {
	given := map[string]bool{} // up: the service does not take them
	for range 2 {
		s, r := m.see(tr.Group, tr.Owed)
		if r != nil && r.Verdict == plan.Vanished {
			break
		}
		if r != nil || s.blind {
			return false
		}
		missing := slices.DeleteFunc(slices.Clone(tr.Owed), func(id string) bool { return s.in[id] || given[id] })
		if len(missing) == 0 {
			break
		}
		size := max(1, m.Bulk().Ops)
		if m.byPut() {
			size = len(missing)
		}
		for part := range slices.Chunk(missing, size) {
			if !m.putBackSome(tr.Group, s, part, given) {
				return false
			}
		}
	}
	s, r := m.see(tr.Group, tr.Owed)
	if r == nil && slices.ContainsFunc(tr.Owed, func(id string) bool { return !s.in[id] && !given[id] }) || r != nil && r.Verdict != plan.Vanished {
		return false
	}
	m.memory.tell(fmt.Sprintf("%d members are back in group %s; %d were refused and are not", len(tr.Owed)-len(given), tr.Group, len(given)))
	m.memory.end(tr.Form, m.now(), false, true)
	return true
}

// putBackSome sends one request, or, if the service refuses that, one for each.
func (m *move) putBackSome(group string, s *sight, part []string, given map[string]bool) bool {
	back := step{}
	for _, id := range part {
		back.in = append(back.in, &plan.Change{Action: plan.AddMember, Member: &plan.Member{RemoteID: id}})
	}
	if m.byPut() {
		back.form, back.seen = profile.RemovePut, s
		if s.group == nil {
			return false
		}
	}
	c, err := m.spellStep(group, back)
	if err != nil {
		return false
	}
	a, err := m.deliver(c)
	switch {
	case err != nil:
		return false
	case a.status/100 == 2:
		return true
	case a.status/100 != 4 || !ofMembers(a.status):
		return false
	case len(part) == 1:
		given[part[0]] = true
		return true
	}
	for _, id := range part {
		if !m.putBackSome(group, s, []string{id}, given) {
			return false
		}
	}
	return true
}
