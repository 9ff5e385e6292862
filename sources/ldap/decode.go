package ldap

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"

	"scimsync/sync/record"
)

// errRanged says that an entry holds only the first part of a wanted
// attribute, as Active Directory sends long ones.
var errRanged = errors.New("the entry holds a range of an attribute only")

// slot is one attribute that is asked for.
type slot struct {
	name   string // as it is asked for
	key    string // as it is recognised
	format func([]byte) (string, error)
	wants  []int    // the record's attributes it fills
	values []string // of the entry at hand
}

// decoder turns entries into one record that it reuses.
type decoder struct {
	vendor Vendor
	schema *schema
	slots  []slot
	seen   map[string]int // attribute as the server spells it -> slot, -1: none
	anchor int            // slots with a role; -1: none
	lock   int
	expiry int
	name   int // the attribute of the record that is a group's name; -1: none
	links  linkSlots
	rec    record.Record
}

// maxSeen bounds the memory that a server's spellings may take.
const maxSeen = 1000

// newDecoder prepares the reading of names with the anchor and, of people, the vendor's
// account markers.
func newDecoder(sch *schema, v Vendor, a *area, names []string) (*decoder, error) {
	d := &decoder{vendor: v, schema: sch, seen: map[string]int{}, anchor: -1, lock: -1, expiry: -1, name: -1}
	d.rec = record.Record{Kind: a.kind, Attrs: make([]record.Attr, len(names))}
	var errs []error
	for i, name := range names {
		d.rec.Attrs[i].Name = name
		attribute, err := nameAttribute, error(nil)
		if a.kind == record.Group && name == groupName {
			d.name = i
		} else {
			attribute, err = d.schema.resolve(name, a)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		at := d.slot(attribute)
		d.slots[at].wants = append(d.slots[at].wants, i)
	}
	d.anchor = d.slot(a.anchorAt(v))
	if a.kind == record.Group {
		return d, errors.Join(errs...)
	}
	if marker := dialects[v].lock; marker != "" {
		d.lock = d.slot(marker)
	}
	if marker := dialects[v].expiry; marker != "" {
		d.expiry = d.slot(marker)
	}
	return d, errors.Join(errs...)
}

// slot finds or makes the slot of an attribute.
func (d *decoder) slot(name string) int {
	parsed, err := parseDescription(name)
	key := strings.ToLower(name)
	if err == nil {
		key = d.schema.key(parsed.key)
	}
	if i := slices.IndexFunc(d.slots, func(s slot) bool { return s.key == key }); i >= 0 {
		return i
	}
	d.slots = append(d.slots, slot{name: name, key: key, format: format(key)})
	return len(d.slots) - 1
}

// attributes is the list for the search request.
func (d *decoder) attributes() []string {
	out := make([]string, len(d.slots))
	for i := range d.slots {
		out[i] = d.slots[i].name
	}
	return out
}

// find gives the slot of an attribute of an entry, -1 for none.
func (d *decoder) find(spelled string) (int, error) {
	if at, ok := d.seen[spelled]; ok {
		return at, nil
	}
	parsed, err := parseDescription(spelled)
	if err != nil {
		return -1, err
	}
	key := d.schema.key(parsed.key)
	at := slices.IndexFunc(d.slots, func(s slot) bool { return s.key == key })
	if at >= 0 && (parsed.from > 0 || parsed.to >= 0) {
		return at, errRanged
	}
	if len(d.seen) < maxSeen {
		d.seen[spelled] = at
	}
	return at, nil
}

// decode fills the record from an entry, whose memory it takes over. The
// record is valid until the next call.
func (d *decoder) decode(e *goldap.Entry) (*record.Record, error) {
	for i := range d.slots {
		d.slots[i].values = nil
	}
	for _, a := range e.Attributes {
		at, err := d.find(a.Name)
		if err != nil {
			return nil, err
		}
		if at < 0 {
			continue
		}
		if err := d.slots[at].take(a, at == d.anchor); err != nil {
			return nil, fmt.Errorf("entry %s: attribute %s: %w", e.DN, a.Name, err)
		}
	}
	id, err := d.identity()
	if err != nil {
		return nil, fmt.Errorf("entry %s: %w", e.DN, err)
	}
	d.rec.ID, d.rec.DN = id, e.DN
	if d.rec.Kind == record.User {
		d.rec.Enabled, d.rec.Expires = d.account()
	}
	for i := range d.slots {
		s := &d.slots[i]
		if len(s.values) > 1 && len(s.wants) > 0 {
			slices.Sort(s.values) // LDAP knows no order; a fixed one keeps sums equal
		}
		for _, w := range s.wants {
			d.rec.Attrs[w].Values = s.values
		}
	}
	if d.name >= 0 && len(d.rec.Attrs[d.name].Values) > 1 {
		d.rec.Attrs[d.name].Values = named(e.DN, d.rec.Attrs[d.name].Values)
	}
	return &d.rec, nil
}

// take makes the values of an attribute readable, in their own memory.
func (s *slot) take(a *goldap.EntryAttribute, strict bool) error {
	values := a.Values
	for i, raw := range a.ByteValues {
		if s.format == nil {
			if !utf8.Valid(raw) {
				values[i] = text(raw)
			}
			continue
		}
		formatted, err := s.format(raw)
		switch {
		case err == nil:
			values[i] = formatted
		case strict:
			return err
		default: // an attribute that merely looks like one with this syntax
			values[i] = text(raw)
		}
	}
	if s.values == nil {
		s.values = values
	} else {
		s.values = append(s.values, values...)
	}
	return nil
}

// identity is the anchor's one value. UUIDs are folded: servers differ in case.
func (d *decoder) identity() (string, error) {
	s := &d.slots[d.anchor]
	switch {
	case len(s.values) == 0 || strings.TrimSpace(s.values[0]) == "":
		return "", fmt.Errorf("it has no %s, by which %s are known; let the bind user read it, narrow %s.filter, or choose another %[3]s.anchor", s.name, entries[d.rec.Kind].many, d.rec.Kind.String()+"s")
	case len(s.values) > 1:
		return "", fmt.Errorf("it has %d values of %s, by which %s are known; choose a %s.anchor with one value", len(s.values), s.name, entries[d.rec.Kind].many, d.rec.Kind.String()+"s")
	}
	switch s.key {
	case "entryuuid", "nsuniqueid", "ipauniqueid":
		return strings.ToLower(s.values[0]), nil
	}
	return s.values[0], nil
}

const (
	adDisabled         = 0x2             // ACCOUNTDISABLE of userAccountControl
	openLDAPLockedEver = "000001010000Z" // pwdAccountLockedTime set by an administrator
)

// account tells whether the account may be used, by the vendor's rule. A lock
// after wrong passwords and an expired password count as usable.
func (d *decoder) account() (record.Tri, time.Time) {
	var lock []string
	if d.lock >= 0 {
		lock = d.slots[d.lock].values
	}
	switch d.vendor {
	case ActiveDirectory:
		return d.adAccount(lock)
	case OpenLDAP:
		return usable(!slices.Contains(lock, openLDAPLockedEver)), time.Time{}
	case DS389, FreeIPA:
		locked := slices.ContainsFunc(lock, func(v string) bool { return strings.EqualFold(v, "true") })
		return d.expiring(usable(!locked), func(v string) (time.Time, error) { return ber.ParseGeneralizedTime([]byte(v)) })
	}
	return record.True, time.Time{}
}

func (d *decoder) adAccount(lock []string) (record.Tri, time.Time) {
	if len(lock) != 1 {
		return record.Unknown, time.Time{}
	}
	bits, err := strconv.ParseInt(lock[0], 10, 64)
	if err != nil {
		return record.Unknown, time.Time{}
	}
	return d.expiring(usable(bits&adDisabled == 0), fileTime)
}

// expiring reads the expiry marker. One that cannot be read makes the state of
// a usable account unknown, which changes nobody.
func (d *decoder) expiring(state record.Tri, parse func(string) (time.Time, error)) (record.Tri, time.Time) {
	if d.expiry < 0 || len(d.slots[d.expiry].values) == 0 {
		return state, time.Time{}
	}
	at, err := parse(d.slots[d.expiry].values[0])
	if err != nil && state == record.True {
		state = record.Unknown
	}
	return state, at
}

func usable(yes bool) record.Tri {
	if yes {
		return record.True
	}
	return record.False
}
