package mapping

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/vm"

	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// Result is what a record means for a target at a moment.
type Result struct {
	// In tells whether the person is to have an account. Unknown comes with Err.
	In record.Tri
	// Active tells whether the account is to be active; Unknown: leave it as it is.
	// False is certain also beside Err, so that somebody who has to go goes in spite
	// of a bad value.
	Active record.Tri
	// Early tells, beside an Active that is False, that it is so only because the
	// person's time has not come, and that an inactive account is wanted until then.
	Early bool
	Want  resource.Wanted // empty when Err is set or In is not True; Managed is shared: do not change it
	Name  string          // displayName or userName, for humans
	// Due is the earliest moment at which time alone changes the result; zero: never.
	Due time.Time
	// Open are the references of which it is not known whom they mean.
	Open []Open
	// Err says why the person cannot be mapped: path, place, reason, no values. The
	// person is parked and keeps the account.
	Err error
}

// Mapper maps records, one at a time: it is not for concurrent use.
type Mapper struct {
	// Resolve finds whom references mean; nil: that is known of none.
	Resolve Resolver

	p      *Program
	vm     vm.VM
	env    map[string]any
	single []string // by slot: the variable's name in the environment, "" if not used
	list   []string
	at     []int // by slot: where the attribute stood in the last record
	count  []int // by slot: how many values this record has; -1: the source did not give it
	values []any // by line
	dead   []bool
	open   []Open
	due    time.Time
	now    time.Time
	// groups tells that the record says in which groups the person is, inGroups that it is
	// asked for.
	groups, inGroups bool
	// expires is when account_enabled turns false; zero: never, or it is already.
	expires time.Time
}

// Mapper makes a mapper with a machine of its own.
func (p *Program) Mapper() *Mapper {
	n := len(p.names)
	m := &Mapper{p: p, env: map[string]any{}, single: make([]string, n), list: make([]string, n), at: make([]int, n),
		count: make([]int, n), inGroups: p.Groups(), values: make([]any, len(p.lines)), dead: make([]bool, len(p.groups))}
	for _, c := range p.codes() {
		for _, s := range c.single {
			m.single[s] = "$" + p.names[s]
		}
		for _, s := range c.lists {
			m.list[s] = "@" + p.names[s]
		}
	}
	return m
}

// codes lists all expressions of a program.
func (p *Program) codes() []*code {
	var list []*code
	add := func(c *code) {
		if c != nil {
			list = append(list, c)
		}
	}
	add(p.include)
	add(p.active)
	for _, i := range []*instant{p.from, p.until} {
		if i != nil {
			add(i.code)
		}
	}
	for i := range p.lines {
		add(p.lines[i].code)
	}
	return list
}

// Map gives what the record means at a moment.
func (m *Mapper) Map(r *record.Record, at time.Time) Result {
	m.load(r, at)
	res := Result{}
	res.In, res.Err = m.include()
	if res.In != record.True {
		return m.done(res)
	}
	early, wrong := m.early()
	if early && !m.p.from.Inactive {
		res.In = record.False
		return m.done(res)
	}
	res.Active, res.Err = m.active(early)
	if wrong != nil {
		res.Err = wrong
		if res.Active != record.False {
			res.In, res.Active = record.Unknown, record.Unknown
		}
	}
	if early && res.Err == nil {
		then, err := m.active(false)
		res.Early = err == nil && then != record.False && !m.p.shape.ActiveOnly
	}
	want, name, err := m.want(r)
	res.Name = name
	if res.Err == nil {
		res.Err = err
	}
	if res.Err == nil {
		res.Want, res.Open = want, m.open
	}
	return m.done(res)
}

// Recognise gives what can be mapped of a record, also of somebody who is out of scope
// or cannot be mapped as a whole: enough to know a person by login or mail.
func (m *Mapper) Recognise(r *record.Record, at time.Time) resource.Resource {
	m.load(r, at)
	values := map[string]any{}
	for i := range m.p.lines {
		if v, err := m.value(&m.p.lines[i], r); err == nil && v != nil {
			values[m.p.lines[i].path] = v
		}
	}
	return resource.New(values)
}

func (m *Mapper) done(res Result) Result {
	res.Due = m.due
	return res
}

// load puts a record's values where expressions find them.
func (m *Mapper) load(r *record.Record, at time.Time) {
	m.now, m.due, m.expires, m.open = at, time.Time{}, time.Time{}, nil
	for slot, name := range m.p.names {
		values, given := m.find(r, slot, name)
		values = present(values)
		m.count[slot] = len(values)
		if !given {
			m.count[slot] = -1
		}
		if key := m.single[slot]; key != "" {
			m.env[key] = nil
			if len(values) > 0 {
				m.env[key] = strings.Clone(values[0]) // the record's memory may be used again
			}
		}
		if key := m.list[slot]; key != "" {
			m.env[key] = sortedValues(values)
		}
	}
	m.env["$dn "] = nil
	if r.DN != "" {
		m.env["$dn "] = strings.Clone(r.DN)
	}
	m.env["$account_enabled "] = m.enabled(r)
	m.groups = r.Groups != nil
	if m.inGroups {
		m.env["$groups "] = sortedValues(r.Groups)
	}
}

// present leaves out empty texts, which are no values. The record stays as it is.
func present(values []string) []string {
	if !slices.Contains(values, "") {
		return values
	}
	return slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" })
}

// enabled is account_enabled: the source's rule, and its expiry.
func (m *Mapper) enabled(r *record.Record) any {
	if r.Enabled == record.False || !r.Expires.IsZero() && !m.now.Before(r.Expires) {
		return false
	}
	m.expires = r.Expires
	if r.Enabled == record.Unknown {
		return nil
	}
	return true
}

// find gives the values of an attribute. Records of one source have it in the same
// place time after time.
func (m *Mapper) find(r *record.Record, slot int, name string) ([]string, bool) {
	if i := m.at[slot]; i < len(r.Attrs) && r.Attrs[i].Name == name {
		return r.Attrs[i].Values, true
	}
	for i := range r.Attrs {
		if r.Attrs[i].Name == name {
			m.at[slot] = i
			return r.Attrs[i].Values, true
		}
	}
	return nil, false
}

// lastYear is the last one that a time can be written with (RFC 3339); a moment after
// it never comes.
const lastYear = 9999

// soon notes a moment at which the result changes.
func (m *Mapper) soon(at time.Time) {
	if at.UTC().Year() <= lastYear && at.After(m.now) && (m.due.IsZero() || at.Before(m.due)) {
		m.due = at
	}
}

func (m *Mapper) include() (record.Tri, error) {
	if m.p.include == nil {
		return record.True, nil
	}
	in, err := m.truth(m.p.include)
	if err == nil && in == record.Unknown {
		err = m.wrong(m.p.include, "cannot tell: "+m.absent(m.p.include))
	}
	return in, err
}

// active judges the account: the end first, since nothing else counts after it.
func (m *Mapper) active(early bool) (record.Tri, error) {
	over, wrong := m.over()
	if over || early {
		return record.False, wrong
	}
	var active record.Tri
	var err error
	if m.p.active != nil {
		active, err = m.truth(m.p.active)
	} else {
		m.soon(m.expires)
		active, err = tri(m.env["$account_enabled "])
	}
	if wrong == nil {
		return active, err
	}
	if active != record.False { // only the end could make it true for sure
		active = record.Unknown
	}
	return active, wrong
}

func tri(v any) (record.Tri, error) {
	switch v {
	case nil:
		return record.Unknown, nil
	case true:
		return record.True, nil
	case false:
		return record.False, nil
	}
	return record.Unknown, say("is %s; it has to be true or false", kind(v))
}

// truth runs a three-valued expression.
func (m *Mapper) truth(c *code) (record.Tri, error) {
	v, err := m.run(c)
	if err != nil {
		return record.Unknown, err
	}
	t, err := tri(v)
	if err != nil {
		return t, m.wrong(c, err.Error())
	}
	return t, nil
}

// run computes one expression.
func (m *Mapper) run(c *code) (any, error) {
	for _, s := range c.single {
		if m.count[s] > 1 {
			return nil, m.wrong(c, fmt.Sprintf("%s has %d values; use values(…), first(…) or join(…)", m.p.names[s], m.count[s]))
		}
		if m.count[s] < 0 {
			return nil, m.wrong(c, "the source did not read "+m.p.names[s])
		}
	}
	for _, s := range c.lists {
		if m.count[s] < 0 {
			return nil, m.wrong(c, "the source did not read "+m.p.names[s])
		}
	}
	if c.groups && !m.groups {
		return nil, m.wrong(c, "it is not known which groups the person is in")
	}
	if c.enabled {
		m.soon(m.expires)
	}
	if c.plain != "" { // most lines: there is nothing to compute
		return m.env[c.plain], nil
	}
	v, err := m.vm.Run(c.program, m.env)
	if err != nil {
		return nil, m.wrong(c, m.explain(c, err))
	}
	return v, nil
}
