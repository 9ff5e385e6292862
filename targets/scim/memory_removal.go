package scim

import (
	"context"
	"time"
)

// removal is what was learned of how a service removes members from groups. A form is
// remembered in the words in which it is sent, so that one that is spelled otherwise has to
// be proved anew. One that did harm is never sent again.
type removal struct {
	Proven  map[string]time.Time `json:"proven,omitempty"`
	Harmful map[string]time.Time `json:"harmful,omitempty"`
	// Trial is the request that was sent to see what it does, until that is known.
	Trial *trial `json:"trial,omitempty"`
	// Shows tells that some group was seen to show its members: then one that shows none has none.
	Shows bool `json:"shows,omitempty"`
	// Most is how many members a request was seen to be refused above, and when.
	Most   int       `json:"most,omitempty"`
	MostAt time.Time `json:"most_at,omitzero"`
}

// provenFor is how long a form of removal is trusted that was seen to do what it says.
const provenFor = 30 * 24 * time.Hour

// trial is a request that removes members, kept before it is sent: whatever becomes of this
// process, the next one finds out what the request did before it sends another.
type trial struct {
	Form   string    `json:"form"`
	Group  string    `json:"group"`
	Gone   []string  `json:"gone"`   // who is to go
	Before []string  `json:"before"` // who was seen in the group before, they among them
	At     time.Time `json:"at"`
	// Said tells that the service answered that it is done.
	Said bool `json:"said,omitempty"`
	// Owed are others that it took out, and that have to be put back.
	Owed []string `json:"owed,omitempty"`
	// Part tells that not all of the group were seen: others may be owed, too.
	Part bool `json:"part,omitempty"`
}

// witnesses is how many were in the group who are to stay.
func (tr *trial) witnesses() int { return len(tr.Before) - len(tr.Gone) }

// tries lets one at a time find out how members are removed. Who waits holds a place of the
// lane, and so does who is waited for: nobody waits for a place meanwhile.
func (m *Memory) tries(ctx context.Context) (release func(), err error) {
	select {
	case m.trying <- struct{}{}:
		return func() { <-m.trying }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// trusts tells whether a form was seen to do what it says, and nothing else.
func (m *Memory) trusts(form string, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, proven := m.kept.Removal.Proven[form]
	age := now.Sub(at)
	return proven && age >= 0 && age < provenFor
}

// harmful tells whether a form was seen to do something else.
func (m *Memory) harmful(form string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, is := m.kept.Removal.Harmful[form]
	return is
}

// trial is the one whose end is not known; nil: there is none.
func (m *Memory) trial() *trial {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kept.Removal.Trial == nil {
		return nil
	}
	tr := *m.kept.Removal.Trial
	return &tr
}

// begin keeps a trial, or what became known of it. What cannot be kept must not be sent.
func (m *Memory) begin(tr trial) error {
	err := m.changeRemoval(func(r *removal) { r.Trial = &tr })
	if err != nil {
		m.mu.Lock()
		m.kept.Removal.Trial = nil
		m.mu.Unlock()
	}
	return err
}

// end forgets the trial. Of its form, proven tells that it does what it says, harmful that it
// does not.
func (m *Memory) end(form string, now time.Time, proven, harmful bool) {
	err := m.changeRemoval(func(r *removal) {
		r.Trial = nil
		if proven {
			r.Proven = with1(r.Proven, form, now)
		}
		if harmful {
			r.Harmful = with1(r.Harmful, form, now)
			delete(r.Proven, form)
		}
	})
	m.unkept(err)
}

// harm remembers that the form of a trial did harm, and what has to be put back.
func (m *Memory) harm(tr trial, now time.Time) error {
	return m.changeRemoval(func(r *removal) {
		r.Trial = &tr
		r.Harmful = with1(r.Harmful, tr.Form, now)
		delete(r.Proven, tr.Form)
	})
}

// doubtForm has a form proved anew.
func (m *Memory) doubtForm(form string) {
	m.unkept(m.changeRemoval(func(r *removal) { delete(r.Proven, form) }))
}

// shows tells whether groups were seen to show their members; showed notes that.
func (m *Memory) shows() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.kept.Removal.Shows
}

func (m *Memory) showed() {
	if !m.shows() {
		m.unkept(m.changeRemoval(func(r *removal) { r.Shows = true }))
	}
}

// most is how many members one request may change, as far as that was learned; 0: it was not.
func (m *Memory) most(now time.Time) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := &m.kept.Removal; now.Sub(r.MostAt) < forgetAfter {
		return r.Most
	}
	return 0
}

func (m *Memory) learnMost(n int, now time.Time, sentence string) {
	if before := m.most(now); before > 0 && before <= n {
		return
	}
	m.tell(sentence)
	m.unkept(m.changeRemoval(func(r *removal) { r.Most, r.MostAt = n, now }))
}

func (m *Memory) changeRemoval(change func(*removal)) error {
	m.mu.Lock()
	change(&m.kept.Removal)
	m.mu.Unlock()
	return m.keep()
}

func (m *Memory) unkept(err error) {
	if err != nil {
		m.tell("what was learned could not be kept: " + err.Error())
	}
}

func with1(of map[string]time.Time, key string, at time.Time) map[string]time.Time {
	if of == nil {
		of = map[string]time.Time{}
	}
	of[key] = at
	return of
}
