package mapping

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// sortedValues gives all values of an attribute as a list for expressions, sorted,
// since a directory has no order of its own.
func sortedValues(values []string) []any {
	list := make([]any, 0, len(values))
	if len(values) > 1 {
		values = slices.Clone(values)
		slices.Sort(values)
	}
	for _, v := range values {
		list = append(list, strings.Clone(v))
	}
	return list
}

// want computes all lines and puts them together. It goes on after the first error,
// so that a person who cannot be mapped still has a name.
func (m *Mapper) want(r *record.Record) (want resource.Wanted, name string, err error) {
	for i := range m.p.lines {
		l := &m.p.lines[i]
		v, wrong := m.value(l, r)
		if wrong == nil && v == nil && l.attr.Required && l.at.Sub == "" {
			wrong = l.wrong(m.noValue(l.code))
		}
		if wrong != nil && err == nil {
			err = wrong
		}
		m.values[i] = v
		if s, isText := v.(string); isText && (l.path == "displayName" || l.path == "userName" && name == "") {
			name = s
		}
	}
	if err == nil {
		err = m.elements()
	}
	if err == nil {
		err = m.fit()
	}
	if err != nil {
		return resource.Wanted{}, name, err
	}
	want.Managed = m.managedBut(m.open)
	want.Attrs = make([]resource.Attr, 0, len(m.p.lines))
	for i := range m.p.lines {
		l := &m.p.lines[i]
		if m.values[i] == nil || l.group >= 0 && m.dead[l.group] {
			continue
		}
		a := resource.Attr{Path: l.path, Value: m.values[i]}
		if l.when == resource.Always {
			want.Attrs = append(want.Attrs, a)
		} else {
			want.Once = append(want.Once, resource.Once{Attr: a, When: l.when})
		}
	}
	return want, name, nil
}

func (m *Mapper) noValue(c *code) string {
	if c != nil && len(c.single) > 0 {
		return "has no value and must have one; " + m.absent(c)
	}
	return "has no value and must have one"
}

// elements judges the elements that are made of several lines: one without its
// value is absent as a whole, at most one is primary, and there are not too many.
func (m *Mapper) elements() error {
	for g := range m.dead {
		m.dead[g] = true
	}
	for i := range m.p.lines {
		l := &m.p.lines[i]
		if l.group < 0 || m.values[i] == nil {
			continue
		}
		if l.at.Sub == "value" || !m.p.groups[l.group].hasValue && l.at.Sub != "primary" {
			m.dead[l.group] = false
		}
	}
	for i := range m.p.split {
		if err := m.split(&m.p.split[i]); err != nil {
			return err
		}
	}
	return nil
}

// split judges the elements of one attribute.
func (m *Mapper) split(s *split) error {
	primary, first := -1, -1
	for i := s.from; i < s.to; i++ {
		l := &m.p.lines[i]
		if m.dead[l.group] || l.at.Sub != "primary" {
			continue
		}
		if first < 0 || ofWork(l) {
			first = i
		}
		switch {
		case m.values[i] == nil:
		case primary >= 0:
			return l.wrong("a second element is primary")
		default:
			primary = i
		}
	}
	attr := &m.p.lines[s.from].attr
	if primary < 0 && first >= 0 && attr.OnePrimary {
		m.values[first] = true
	}
	n := 0
	for g := s.first; g <= s.last; g++ {
		if !m.dead[g] {
			n++
		}
	}
	if attr.MaxValues > 0 && n > attr.MaxValues {
		return fmt.Errorf("%s (%s): has %d values; the service takes %d", attr.Path(), m.p.lines[s.from].place, n, attr.MaxValues)
	}
	return nil
}

// ofWork tells whether a line is for the element of type work.
func ofWork(l *line) bool {
	return slices.Contains(l.at.Filter, resource.Eq{Attr: "type", Value: "work"})
}

// value computes one line in canonical form; nil: no value.
func (m *Mapper) value(l *line, r *record.Record) (any, error) {
	if l.primary {
		return nil, nil // see attribute
	}
	var v any
	var err error
	if l.code != nil {
		v, err = m.run(l.code)
	} else {
		v = strings.Clone(r.ID)
	}
	if err != nil || v == nil {
		return nil, err
	}
	if ref, is := v.(Reference); is {
		return m.resolve(l, ref), nil
	}
	if l.attr.Multi && l.at.Sub == "" {
		v, err = listOf(&l.attr, v)
	} else {
		v, err = single(&l.leaf, v)
	}
	if err != nil {
		return nil, l.wrong(err.Error())
	}
	if l.at.Sub == "primary" && v == false {
		return nil, nil // absent means the same (RFC 7643 section 2.4)
	}
	return v, nil
}

// single gives a value in the form of its attribute's type, if the service takes it.
func single(d *resource.Definition, raw any) (any, error) {
	v, err := typed(d, raw)
	if s, isText := v.(string); isText && err == nil {
		return v, taken(d, s)
	}
	return v, err
}

// taken refuses a text that the service does not take.
func taken(d *resource.Definition, s string) error {
	if n := utf8.RuneCountInString(s); d.MaxLen > 0 && n > d.MaxLen {
		return say("has %d characters; the service takes %d at most", n, d.MaxLen)
	}
	if d.Forbidden != nil && d.Forbidden.MatchString(s) {
		return say("holds what the service does not take, which is %s", d.Forbidden)
	}
	return nil
}

func typed(d *resource.Definition, raw any) (any, error) {
	switch v := raw.(type) {
	case nil:
		return nil, nil
	case string:
		if err := text(d, v); err != nil || v == "" {
			return nil, err
		}
		if d.Type == resource.DateTime {
			return canonical(d, v)
		}
		return raw, nil
	case bool:
		if d.Type == resource.Boolean {
			return v, nil
		}
	case int:
		return number(d, strconv.Itoa(v))
	case float64:
		return number(d, strconv.FormatFloat(v, 'f', -1, 64))
	case time.Time:
		if d.Type != resource.Boolean && d.Type != resource.Integer && d.Type != resource.Decimal {
			return v.UTC().Format(time.RFC3339Nano), nil
		}
	}
	return nil, say("is %s; it has to be %s", kind(raw), due(d.Type))
}

// due names what an attribute of a type takes.
func due(t resource.Type) string {
	switch t {
	case resource.Boolean:
		return "true or false"
	case resource.Integer:
		return "a whole number"
	case resource.Decimal:
		return "a number"
	}
	return "a text"
}

// text refuses what no attribute, or not this one, can take (RFC 8259, SCIM's types).
func text(d *resource.Definition, s string) error {
	if !utf8.ValidString(s) {
		return say("is not valid UTF-8")
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 && c != '\t' && c != '\n' && c != '\r' {
			return say("holds the control character U+%04X", c)
		}
	}
	switch d.Type {
	case resource.Boolean, resource.Integer, resource.Decimal:
		if s != "" {
			return say("is a text; it has to be %s", due(d.Type))
		}
	}
	return nil
}

func number(d *resource.Definition, s string) (any, error) {
	switch d.Type {
	case resource.Boolean, resource.DateTime:
		return nil, say("is a number; it has to be %s", due(d.Type))
	case resource.Integer, resource.Decimal:
		return canonical(d, s)
	}
	return s, nil
}

func canonical(d *resource.Definition, s string) (any, error) {
	v, err := d.Canonical(s)
	if err != nil {
		return nil, say("%v", err)
	}
	return v, nil
}

// listOf gives a whole multi-valued attribute. Of elements with one identity the
// first counts; the first element is primary if no line says which one is.
func listOf(d *resource.Definition, v any) (any, error) {
	raw := reflect.ValueOf(v)
	if raw.Kind() != reflect.Slice {
		return nil, say("is %s; it has to be a list, as in [mail]", kind(v))
	}
	var list []resource.Element
	seen := map[string]bool{}
	said, primary := false, 0 // whether primary is mapped, and how many are
	for i := range raw.Len() {
		e, mapped, err := elementOf(d, raw.Index(i).Interface())
		if err != nil {
			return nil, say("element %d %v", i+1, err)
		}
		id := d.Identity(e)
		if len(e) == 0 || seen[id] {
			continue
		}
		seen[id] = true
		said = said || mapped
		if e["primary"] == true {
			primary++
		}
		list = append(list, e)
	}
	switch _, can := d.Sub("primary"); {
	case len(list) == 0:
		return nil, nil
	case d.MaxValues > 0 && len(list) > d.MaxValues:
		return nil, say("has %d values; the service takes %d", len(list), d.MaxValues)
	case primary > 1:
		return nil, say("has %d primary elements; one can be", primary)
	case can && (!said || primary == 0 && d.OnePrimary):
		list[0]["primary"] = true
	}
	return resource.Sorted(list), nil
}

// elementOf makes one element of a text or a map; empty: there is none.
func elementOf(d *resource.Definition, v any) (e resource.Element, primary bool, err error) {
	e = resource.Element{}
	parts, isMap := v.(map[string]any)
	if !isMap {
		value := &resource.Definition{Name: "value", Type: d.Type, MaxLen: d.MaxLen, Forbidden: d.Forbidden}
		if d.Type == resource.Complex {
			known := false
			if value, known = d.Sub("value"); !known {
				return nil, false, say(`is %s; it has to be a map, as in {"type": "work", …}`, kind(v))
			}
		}
		one, err := single(value, v)
		if one != nil {
			e["value"] = one
		}
		return e, false, err
	}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		sub, known := d.Sub(name)
		if !known || sub.ReadOnly {
			return nil, false, say("has the part %s, which %s has not", name, d.Path())
		}
		if sub.Refused != "" {
			return nil, false, say("has the part %s: %s; leave it out for this target", name, sub.Refused)
		}
		one, err := single(sub, parts[name])
		if err != nil {
			return nil, false, fmt.Errorf("%s %w", sub.Name, err)
		}
		primary = primary || sub.Name == "primary"
		if one != nil && (sub.Name != "primary" || one != false) {
			e[sub.Name] = one
		}
	}
	if _, has := d.Sub("value"); has && e["value"] == nil {
		return nil, false, nil
	}
	if typ, isText := e["type"].(string); isText && !d.TakesType(typ) {
		return nil, false, say("has the type %q; the service takes %s", typ, d.TypesText())
	}
	return e, primary, nil
}
