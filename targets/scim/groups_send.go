package scim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"scimsync/sync/plan"
)

// largeAnswer is from how many bytes on the answers to changes of members are not looked into:
// the service shows all of a large group with every request.
const largeAnswer = 64 << 10

// deliver sends one request of a move. The first has its place at the gate. A service that
// wants to know for which version of the group it is gets told, unless the request states all
// of the group: then that has to be read anew.
func (m *move) deliver(c call) (*answer, error) {
	// No attributes or excludedAttributes: there is a service (scimmy) that then changes what it
	// would show, and keeps that: a group without members gets those of this request, and loses
	// all others.
	a, err := m.once(c)
	if err != nil || !stale(a) || c.match != "" {
		return a, err
	}
	if a.status == http.StatusPreconditionRequired {
		m.learn(etagWanted, "wants to know for which version of an account a change is")
	}
	found, result := m.write.account(false)
	if result != nil {
		return a, nil
	}
	if c.match = m.matching(c.method, found.Version); c.match == "" {
		return a, nil
	}
	return m.once(c)
}

func (m *move) once(c call) (*answer, error) {
	m.forgetPage()
	a, err := m.write.send(c)
	if err != nil || a.status/100 == 5 {
		m.unsees(m.group)
	}
	if !m.sent {
		if m.sent = true; a != nil {
			m.first = m.heard(a)
		} else {
			m.first = m.announced(err)
		}
	}
	return a, err
}

// send sends a request of a form that is trusted, or that takes nobody out. false: all has
// ended.
func (m *move) send(s step) bool {
	c, err := m.spellStep(m.group, s)
	if err != nil {
		m.end(plan.Result{Verdict: plan.Park, Err: fmt.Errorf("%s: %w", m.changes[0], err)}, s.changes()...)
		return true
	}
	if r := m.write.tooLarge(c); r != nil {
		return m.apart(s, *r)
	}
	m.stirs(m.group, s.out)
	a, err := m.deliver(c)
	if err != nil {
		m.rest(m.unanswered(err))
		return false
	}
	if a.status/100 != 2 {
		return m.refusedStep(s, c, a)
	}
	if r := doubtless(c, a); r != nil {
		m.rest(*r)
		return false
	}
	if len(a.body) <= largeAnswer {
		m.contradicted(s, a)
	}
	if !m.arrived(s) {
		return false
	}
	m.done(s.changes()...)
	return true
}

// doubtless gives the verdict on a success that is none; nil: it is one.
func doubtless(c call, a *answer) *plan.Result {
	at := func(v plan.Verdict, why string) *plan.Result {
		return &plan.Result{Verdict: v, Err: fmt.Errorf("%s %s: %d: %s", c.method, c.path, a.status, why)}
	}
	switch {
	case webPage(a):
		return at(plan.Stop, "the answer is a web page, not SCIM; check the target's url, and what stands in between")
	case a.status == http.StatusAccepted:
		return at(plan.InDoubt, "the target promises to do it later")
	case a.status != http.StatusOK && a.status != http.StatusCreated && a.status != http.StatusNoContent:
		return at(plan.InDoubt, "an answer that SCIM does not know here")
	}
	return nil
}

// contradicted holds what was sent against an answer that shows members. What it shows
// otherwise was not done, and the form of removal has to prove itself again.
func (m *move) contradicted(s step, a *answer) {
	in := shownMembers(a)
	if len(in) == 0 {
		return
	}
	for _, change := range s.changes() {
		if in[change.Member.RemoteID] == (change.Action == plan.AddMember) {
			continue
		}
		if change.Action == plan.RemoveMember {
			for _, several := range []bool{false, true} {
				m.memory.doubtForm(m.words(s.form, several))
			}
		}
		m.end(m.undone(change), change)
	}
}

func (m *move) undone(change *plan.Change) plan.Result {
	return plan.Result{Verdict: plan.Ignored, Err: fmt.Errorf("%s: the answer was a success, but member %s of group %s is as before", change, change.Member.RemoteID, m.group)}
}

// shownMembers gives the members that an answer shows.
func shownMembers(a *answer) map[string]bool {
	in := map[string]bool{}
	for _, part := range a.members() {
		var list []struct{ Value any }
		if string(part.name) != "members" || json.Unmarshal(part.value, &list) != nil {
			continue
		}
		for _, e := range list {
			in[idText(e.Value)] = true
		}
	}
	return in
}

// arrived looks whether who was put into a group is there, where the profile says that the
// service answers with success to what it does not do, or that writes are to be looked at.
// false: all has ended.
func (m *move) arrived(s step) bool {
	const added = "add members"
	if len(s.in) == 0 || !m.looks(added) {
		return true
	}
	m.write.delay()
	seen, r := m.see(m.group, memberIDs(s.in[:min(len(s.in), fewLookups)]))
	if r != nil || seen.blind {
		return true
	}
	missing := 0
	for _, change := range s.in[:min(len(s.in), fewLookups)] {
		if !seen.in[change.Member.RemoteID] {
			missing++
			m.end(m.undone(change), change)
		}
	}
	if missing == 0 {
		m.prove([]string{added})
	}
	return true
}

// refusedStep decides after a refusal. false: all has ended.
func (m *move) refusedStep(s step, c call, a *answer) bool {
	changes := s.changes()
	e := m.problem(c, a)
	r := m.Target.refused(changes[0], c, a)
	if r.Heard.NotBefore.IsZero() && !r.Heard.TooFast {
		r.Heard = m.heard(a)
	}
	if r.Verdict == plan.Vanished {
		if _, gone := m.write.account(false); gone != nil {
			m.rest(*gone)
			return false
		}
		r = plan.Result{Verdict: plan.Park, Err: e} // the group is there: it is about the member
	}
	if r.Verdict == plan.Again && a.status == http.StatusPreconditionFailed && states(s.form) {
		r = plan.Result{Verdict: plan.Anew, Err: e}
	}
	if r.Verdict != plan.Park || !ofMembers(e.Status) {
		m.rest(r)
		return false
	}
	if len(changes) > 1 {
		return m.apart(s, r)
	}
	m.blamed(m.group)
	if changes[0].Action == plan.RemoveMember && e.is("noTarget") {
		m.done(changes...)
	} else {
		m.end(r, changes...)
	}
	return true
}

// ofMembers tells a refusal that may be for one of the members, or for how many there are.
func ofMembers(status int) bool {
	return slices.Contains([]int{http.StatusBadRequest, http.StatusNotFound, http.StatusConflict,
		http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity}, status)
}

// apart has a request sent in parts that was refused, or that is too large to be sent.
func (m *move) apart(s step, r plan.Result) bool {
	changes := s.changes()
	if len(changes) == 1 {
		m.end(r, changes...)
		return true
	}
	if !states(s.form) {
		m.tooMany(m.group, changes)
	}
	m.rest(plan.Result{Verdict: plan.Apart, Err: r.Err, Heard: r.Heard})
	return false
}
