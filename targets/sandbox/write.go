package sandbox

import (
	"bytes"
	"net/http"
	"time"
)

// create stores a new resource by the rules of RFC 7644 section 3.3.
func (s *Server) create(t *table, body map[string]any) (*resource, error) {
	m, err := t.kind.canonical(body)
	if err != nil {
		return nil, err
	}
	edit := newMemberEdit(nil)
	edit.take(m)
	c := change{Op: "put", Kind: t.kind.Name, ID: s.newID(), At: s.now(), Version: 1}
	c.Created = c.At
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if err := s.habits().accept(&incoming{server: s, method: http.MethodPost, table: t, id: c.ID, body: m, members: edit}); err != nil {
		return nil, err
	}
	c.keys, c.Body = keysOf(t.kind, m), encode(m)
	if err := s.store.check(t, c, m, nil, edit); err != nil {
		return nil, err
	}
	c.Join, c.Leave = edit.result()
	return s.store.commit(c)
}

// incoming is a resource on its way into the store, for habits to look at and
// to change.
type incoming struct {
	server    *Server
	method    string // POST, PUT or PATCH
	table     *table
	id        string
	old, body map[string]any // canonical; old is nil for a POST
	members   *memberEdit
}

// isUser says whether it is a user, and not a group.
func (in *incoming) isUser() bool { return in.table == in.server.store.users }

// now is the clock in the precision of meta.
func (s *Server) now() time.Time { return s.opts.Now().UTC().Truncate(time.Millisecond) }

// replace is PUT (RFC 7644 section 3.5.1): what the body lacks is cleared.
func (s *Server) replace(t *table, id string, body map[string]any, cond condition) (*resource, error) {
	m, err := t.kind.canonical(body)
	if err != nil {
		return nil, err
	}
	return s.update(t, id, cond, edit{http.MethodPut, func(_ map[string]any, edit *memberEdit) (map[string]any, error) {
		edit.clear()
		edit.take(m)
		return m, nil
	}})
}

// patch is PATCH (RFC 7644 section 3.5.2): all operations or none.
func (s *Server) patch(t *table, id string, body map[string]any, cond condition) (*resource, error) {
	ops, err := parsePatch(body)
	if err != nil {
		return nil, err
	}
	return s.update(t, id, cond, edit{http.MethodPatch, func(m map[string]any, edit *memberEdit) (map[string]any, error) {
		p := patcher{server: s, ops: ops, id: id, kind: t.kind, body: m, members: edit}
		for i, op := range ops {
			if err := p.apply(op); err != nil {
				return nil, atOperation(err, i, op)
			}
		}
		return m, t.kind.finish(m)
	}})
}

// edit is what a method does to a decoded body and its members: it returns the
// new body.
type edit struct {
	method string
	do     func(map[string]any, *memberEdit) (map[string]any, error)
}

// update changes a resource. A change that changes nothing keeps version and time.
func (s *Server) update(t *table, id string, cond condition, e edit) (*resource, error) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	r, err := s.store.get(t, id, cond)
	if err != nil {
		return nil, err
	}
	old := decode(r.body)
	members := newMemberEdit(r.members)
	m, err := e.do(decode(r.body), members)
	if err != nil {
		return nil, err
	}
	if err := s.habits().accept(&incoming{server: s, method: e.method, table: t, id: id, old: old, body: m, members: members}); err != nil {
		return nil, err
	}
	c := change{
		Op: "put", Kind: t.kind.Name, ID: id, At: s.now(), Created: r.created, Version: r.version + 1,
		keys: keysOf(t.kind, m), Body: encode(m),
	}
	if err := s.store.check(t, c, m, old, members); err != nil {
		return nil, err
	}
	c.Join, c.Leave = members.result()
	if bytes.Equal(c.Body, r.body) && len(c.Join)+len(c.Leave) == 0 {
		return r, nil
	}
	return s.store.commit(c)
}

// drop is DELETE (RFC 7644 section 3.6).
func (s *Server) drop(t *table, id string, cond condition) error {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if _, err := s.store.get(t, id, cond); err != nil {
		return err
	}
	_, err := s.store.commit(change{Op: "delete", Kind: t.kind.Name, ID: id, At: s.now()})
	return err
}

// get finds a resource that is to be changed and checks If-Match. The lock is held.
func (s *store) get(t *table, id string, cond condition) (*resource, error) {
	r := t.byID[id]
	if r == nil {
		return nil, answerError(http.StatusNotFound, "%s %s does not exist", t.kind.Name, id)
	}
	if !cond.holds(r) {
		return nil, answerError(http.StatusPreconditionFailed, "%s %s is at version %s", t.kind.Name, id, r.etag())
	}
	return r, nil
}

// check holds a write against the other resources: unique names, and
// references to accounts that exist. The lock is held.
func (s *store) check(t *table, c change, m, old map[string]any, edit *memberEdit) error {
	if other := t.byName[c.keys.name]; other != nil && other.id != c.ID {
		attr := "userName"
		if t == s.groups {
			attr = "displayName"
		}
		return &scimError{status: http.StatusConflict, scimType: "uniqueness", detail: attr + " is taken by " + other.id}
	}
	if id := managerOf(m); id != "" && id != managerOf(old) && s.users.byID[id] == nil {
		return refuse("invalidValue", "manager.value %q is no user's id", id)
	}
	for _, ask := range edit.asked {
		member := s.any(ask.id)
		switch {
		case member == nil:
			return refuse("invalidValue", "members.value %q is nobody's id", ask.id)
		case ask.kind != "" && ask.kind != member.kind.Name:
			return refuse("invalidValue", "member %q is a %s, not a %s", ask.id, member.kind.Name, ask.kind)
		case ask.id == c.ID:
			return refuse("invalidValue", "a group cannot be its own member")
		}
	}
	return nil
}

func managerOf(m map[string]any) string {
	ext, _ := m[enterpriseURN].(map[string]any)
	manager, _ := ext["manager"].(map[string]any)
	id, _ := manager["value"].(string)
	return id
}

// memberEdit collects what happens to the members of a group without touching
// them, so that a large group costs only what changes and a refused request
// costs nothing.
type memberEdit struct {
	base   map[string]uint64
	order  []string // who joined, in order; may hold some who left again
	joined map[string]bool
	left   map[string]bool
	asked  []asked
}

// asked is a member as a client named it, to be checked against the accounts.
type asked struct{ id, kind string }

func newMemberEdit(base map[string]uint64) *memberEdit {
	return &memberEdit{base: base, joined: map[string]bool{}, left: map[string]bool{}}
}

// take moves the members out of a canonical body.
func (e *memberEdit) take(body map[string]any) {
	members, _ := body["members"].([]any)
	delete(body, "members")
	e.add(members)
}

// add adds canonical member objects; a present member stays as it is.
func (e *memberEdit) add(members []any) {
	for _, v := range members {
		m := v.(map[string]any)
		id := m["value"].(string)
		kind, _ := m["type"].(string)
		e.asked = append(e.asked, asked{id, kind})
		switch {
		case e.left[id]:
			delete(e.left, id)
		case !e.has(id):
			e.joined[id] = true
			e.order = append(e.order, id)
		}
	}
}

func (e *memberEdit) has(id string) bool {
	_, was := e.base[id]
	return e.joined[id] || was && !e.left[id]
}

func (e *memberEdit) remove(id string) {
	if e.joined[id] {
		delete(e.joined, id)
		return
	}
	e.left[id] = true
}

func (e *memberEdit) clear() {
	clear(e.joined)
	for id := range e.base {
		e.left[id] = true
	}
}

// ids lists the members as they are now, in no order.
func (e *memberEdit) ids() []string {
	var ids []string
	for id := range e.base {
		if !e.left[id] {
			ids = append(ids, id)
		}
	}
	for id := range e.joined {
		ids = append(ids, id)
	}
	return ids
}

// result is the difference to the base.
func (e *memberEdit) result() (join, leave []string) {
	for _, id := range e.order {
		if e.joined[id] {
			join = append(join, id) // twice if somebody came, left and came again, which is once
		}
	}
	for id := range e.left {
		leave = append(leave, id)
	}
	return join, leave
}
