package scim

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"scimsync/sync/plan"
)

// Who is in a group is read from the group, or, where groups show nobody, asked for one by
// one. Either may be wrong: what is concluded from it says so.

// sight is who was seen in a group.
type sight struct {
	// group is the group as it was read; nil: some were asked for.
	group *plan.Found
	in    map[string]bool
	ids   []string // of a group that was read, as it shows them
	// types are those of members that tell one.
	types map[string]string
	// blind tells that nobody can tell who is in the group.
	blind bool
}

// complete tells whether a group that was read shows as many as are known to be in it.
func (s *sight) complete(known int) bool { return s.group != nil && known > 0 && len(s.in) >= known }

// see looks who is in a group: everybody who is shown, or, where groups show nobody, who of
// ids is. A result tells that it could not be looked.
func (m *move) see(group string, ids []string) (*sight, *plan.Result) {
	if m.profile.Members.InGet {
		s, r := m.read(group)
		if r != nil || len(s.in) > 0 || m.memory.shows() {
			return s, r
		}
		if s.said() {
			return s, nil
		}
	}
	return m.ask1by1(group, ids)
}

// said tells whether a group that was read says in so many words that nobody is in it.
func (s *sight) said() bool {
	list, is := s.group.Body["members"].([]any)
	return is && len(list) == 0
}

// read reads a group with its members.
func (m *move) read(group string) (*sight, *plan.Result) {
	change := *m.changes[0]
	change.RemoteID = group
	w := &write{Target: m.Target, ctx: m.ctx, change: &change, id: m.id, entered: true}
	found, r := w.account(true)
	if r != nil {
		return nil, r
	}
	s := &sight{group: found, in: map[string]bool{}, types: map[string]string{}}
	list, _ := found.Body["members"].([]any)
	for _, item := range list {
		id := text(item)
		if element, is := item.(map[string]any); is {
			id = text(element["value"])
			if kind := text(element["type"]); kind != "" {
				s.types[id] = kind
			}
		}
		if id == "" {
			return nil, &plan.Result{Verdict: plan.Park, Err: fmt.Errorf("read group %s: it shows a member without an id", group)}
		}
		if !s.in[id] {
			s.in[id], s.ids = true, append(s.ids, id)
		}
	}
	if len(s.in) > 0 {
		m.memory.showed()
	}
	return s, nil
}

// ask1by1 asks of each whether they are in a group, in the words of RFC 7644 that the service
// takes. It must first say no of somebody whom there is not, and yes of somebody: some services
// ignore what they are asked, and some find nobody.
func (m *move) ask1by1(group string, ids []string) (*sight, *plan.Result) {
	blind := &sight{blind: true, in: map[string]bool{}}
	if m.knows(lookupsUseless) {
		return blind, nil
	}
	s := &sight{in: map[string]bool{}}
	if !m.knows(lookupsWork) {
		ids = append([]string{nobody}, ids...)
	}
	for _, id := range ids {
		in, err := m.isIn(group, id)
		switch {
		case errors.Is(err, errUseless), id == nobody && in:
			m.learn(lookupsUseless, "groups cannot be asked who is in them")
			return blind, nil
		case err != nil:
			return nil, (&write{Target: m.Target, change: m.changes[0]}).unreadable(err, plan.Heard{})
		case in:
			s.in[id] = true
		}
	}
	if len(s.in) > 0 {
		m.memory.learn(m.kind.fact(lookupsWork), m.now(), "")
	}
	s.blind = !m.knows(lookupsWork)
	return s, nil
}

// nobody is in no group.
const nobody = "scimsync-asks-for-nobody"

var errUseless = errors.New("no filter for members")

// memberFilters are ways to ask whether somebody is in a group; the first that a service takes
// is used.
var memberFilters = [...]string{`id eq %s and members eq %s`, `id eq %s and members.value eq %s`}

// isIn asks whether somebody is in a group.
func (m *move) isIn(group, id string) (bool, error) {
	for i, form := range memberFilters {
		refused := filterRefused + fact(fmt.Sprintf("members (%d)", i))
		if m.knows(refused) {
			continue
		}
		p, err := m.ask(m.ctx, query{filter: fmt.Sprintf(form, quote(group), quote(id)), excluded: m.leftOut()})
		var e *Error
		switch {
		case unfilterable(err) != nil:
			m.memory.learn(m.kind.fact(refused), m.now(), "")
			continue
		case errors.As(err, &e) && e.scim && slices.Contains(m.profile.Lookup.NoneStatus, e.Status) && e.Status != http.StatusOK:
			return false, nil
		case err != nil:
			return false, err
		}
		for _, raw := range p.resources {
			found, err := m.parse(raw)
			if err != nil || found.ID != group || len(p.resources) > 1 {
				return false, errUseless
			}
		}
		return len(p.resources) == 1, nil
	}
	return false, errUseless
}

// patience are the pauses before each look at what a service said is done, and that does not
// show yet.
var patience = [...]time.Duration{0, 500 * time.Millisecond, time.Second, 2 * time.Second}

// seeAfter looks what a trial has come to. What the service says is done may take a while to
// show.
func (m *move) seeAfter(tr *trial) (s *sight, r *plan.Result) {
	(&write{Target: m.Target, ctx: m.ctx}).delay()
	for _, pause := range patience {
		if !sleep(m.ctx, pause) {
			break
		}
		if s, r = m.see(tr.Group, tr.Before); r != nil || s.blind || !tr.Said {
			break
		}
		if lost, still := tr.against(s); len(lost) > 0 || len(still) == 0 {
			break
		}
	}
	return s, r
}

// against tells who is gone who was to stay, and who is still there who was to go.
func (tr *trial) against(s *sight) (lost, still []string) {
	goes := map[string]bool{}
	for _, id := range tr.Gone {
		if goes[id] = true; s.in[id] {
			still = append(still, id)
		}
	}
	for _, id := range tr.Before {
		if !goes[id] && !s.in[id] {
			lost = append(lost, id)
		}
	}
	return lost, still
}
