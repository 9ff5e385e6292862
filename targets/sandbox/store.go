package sandbox

import (
	"slices"
	"sort"
	"strconv"
	"sync"
	"time"
)

// resource is one account or group. The body is canonical JSON without what
// the server makes (id, meta, groups) and, for a group, without its members:
// bytes take a fraction of the memory of a decoded object, and reading is
// copying.
type resource struct {
	kind     *resourceType
	id       string
	seq      uint64 // order of creation, which is the order of every listing
	body     []byte
	created  time.Time
	modified time.Time
	version  int
	keys     keys
	members  map[string]uint64 // of a group: id -> order of joining
	joined   uint64            // the last order of joining
}

// etag is the weak entity tag of RFC 7644 section 3.14.
func (r *resource) etag() string { return `W/"` + strconv.Itoa(r.version) + `"` }

// keys are the values a resource is found by without looking at the others.
type keys struct {
	name     string // userName or displayName, folded: unique
	label    string // what memberships show
	external string
	emails   []string // folded
}

// keysOf takes the keys from a canonical object.
func keysOf(t *resourceType, m map[string]any) keys {
	display, _ := m["displayName"].(string)
	external, _ := m["externalId"].(string)
	k := keys{name: fold(display), label: display, external: external}
	if t.Name != "User" {
		return k
	}
	user, _ := m["userName"].(string)
	k.name = fold(user)
	if k.label == "" {
		k.label = user
	}
	emails, _ := m["emails"].([]any)
	for _, e := range emails {
		if v, ok := e.(map[string]any)["value"].(string); ok {
			k.emails = append(k.emails, fold(v))
		}
	}
	return k
}

// table holds the resources of one type.
type table struct {
	kind       *resourceType
	list       []*resource // by seq
	byID       map[string]*resource
	byName     map[string]*resource
	byExternal map[string][]*resource
	byEmail    map[string][]*resource
}

func newTable(t *resourceType) *table {
	return &table{
		kind:       t,
		byID:       map[string]*resource{},
		byName:     map[string]*resource{},
		byExternal: map[string][]*resource{},
		byEmail:    map[string][]*resource{},
	}
}

// position of r in the list.
func (t *table) position(r *resource) int {
	return sort.Search(len(t.list), func(i int) bool { return t.list[i].seq >= r.seq })
}

func (t *table) index(r *resource) {
	t.byName[r.keys.name] = r
	if r.keys.external != "" {
		t.byExternal[r.keys.external] = append(t.byExternal[r.keys.external], r)
	}
	for _, e := range r.keys.emails {
		t.byEmail[e] = append(t.byEmail[e], r)
	}
}

func (t *table) unindex(r *resource) {
	delete(t.byName, r.keys.name)
	without(t.byExternal, r.keys.external, r)
	for _, e := range r.keys.emails {
		without(t.byEmail, e, r)
	}
}

func without(m map[string][]*resource, key string, r *resource) {
	list := slices.DeleteFunc(m[key], func(o *resource) bool { return o == r })
	if len(list) == 0 {
		delete(m, key)
		return
	}
	m[key] = list
}

// store is everything the service provider knows. Reading takes the lock
// shared, every write takes it alone from check to journal to apply.
type store struct {
	mu      sync.RWMutex
	users   *table
	groups  *table
	parents map[string]map[string]bool // member id -> ids of the groups it is in
	seq     uint64
	journal *journal // nil: in memory only
}

func newStore() *store {
	return &store{
		users:   newTable(userType()),
		groups:  newTable(groupType()),
		parents: map[string]map[string]bool{},
	}
}

// change is one write, and one line of the journal. The same code applies it
// when it happens and when it is read back.
type change struct {
	Op      string    `json:"op"` // put | delete
	Kind    string    `json:"kind"`
	ID      string    `json:"id"`
	At      time.Time `json:"at"` // becomes lastModified
	Created time.Time `json:"created,omitzero"`
	Version int       `json:"version,omitempty"`
	Body    rawBody   `json:"body,omitempty"`
	Join    []string  `json:"join,omitempty"`  // members in order
	Leave   []string  `json:"leave,omitempty"` // before anybody joins
	keys    keys
}

// rawBody is JSON that is known to be valid.
type rawBody []byte

func (b rawBody) MarshalJSON() ([]byte, error) { return b, nil }

func (b *rawBody) UnmarshalJSON(data []byte) error {
	*b = append((*b)[:0], data...)
	return nil
}

func (s *store) table(kind string) *table {
	if kind == s.users.kind.Name {
		return s.users
	}
	return s.groups
}

// lookup finds a resource of any type, or nil.
func (s *store) lookup(id string) *resource {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.any(id)
}

// any is lookup with the lock held.
func (s *store) any(id string) *resource {
	if r := s.users.byID[id]; r != nil {
		return r
	}
	return s.groups.byID[id]
}

// commit writes a change to the journal and applies it. On an error nothing
// has changed. The caller holds the lock.
func (s *store) commit(c change) (*resource, error) {
	if s.journal != nil {
		if err := s.journal.append(c); err != nil {
			return nil, err
		}
	}
	return s.apply(c), nil
}

// apply changes the tables and indexes. The caller holds the lock.
func (s *store) apply(c change) *resource {
	t := s.table(c.Kind)
	r := t.byID[c.ID]
	if c.Op == "delete" {
		if r != nil {
			s.remove(t, r, c.At)
		}
		return nil
	}
	if r == nil {
		s.seq++
		r = &resource{kind: t.kind, id: c.ID, seq: s.seq}
		t.byID[r.id] = r
		t.list = append(t.list, r)
	} else {
		t.unindex(r)
	}
	r.body, r.keys = c.Body, c.keys
	r.created, r.modified, r.version = c.Created, c.At, c.Version
	t.index(r)
	for _, id := range c.Leave {
		s.leave(r, id)
	}
	for _, id := range c.Join {
		s.join(r, id)
	}
	return r
}

// remove takes a resource out, with its memberships on both sides.
func (s *store) remove(t *table, r *resource, at time.Time) {
	t.unindex(r)
	delete(t.byID, r.id)
	i := t.position(r)
	t.list = slices.Delete(t.list, i, i+1)
	for id := range r.members {
		s.leave(r, id)
	}
	for id := range s.parents[r.id] {
		g := s.groups.byID[id]
		s.leave(g, r.id)
		g.version++
		g.modified = at
	}
}

func (s *store) join(g *resource, member string) {
	if g.members == nil {
		g.members = map[string]uint64{}
	}
	g.joined++
	g.members[member] = g.joined
	if s.parents[member] == nil {
		s.parents[member] = map[string]bool{}
	}
	s.parents[member][g.id] = true
}

func (s *store) leave(g *resource, member string) {
	delete(g.members, member)
	delete(s.parents[member], g.id)
	if len(s.parents[member]) == 0 {
		delete(s.parents, member)
	}
}

// memberIDs lists the members in the order of joining.
func (r *resource) memberIDs() []string {
	ids := make([]string, 0, len(r.members))
	for id := range r.members {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int { return int(r.members[a]) - int(r.members[b]) })
	return ids
}

// groupsOf lists the groups a resource is in, oldest first; direct says
// whether it is a member itself or through a group.
func (s *store) groupsOf(id string) (groups []*resource, direct map[string]bool) {
	direct = s.parents[id]
	if len(direct) == 0 {
		return nil, nil
	}
	seen := map[string]bool{}
	for next := []string{id}; len(next) > 0; next = next[1:] {
		for g := range s.parents[next[0]] {
			if !seen[g] {
				seen[g] = true
				next = append(next, g)
				groups = append(groups, s.groups.byID[g])
			}
		}
	}
	slices.SortFunc(groups, func(a, b *resource) int { return int(a.seq) - int(b.seq) })
	return groups, direct
}
