package plan

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"scimsync/sync/ledger"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// Format is the number of the JSON form. It rises when an older reader would get a
// newer file wrong.
const Format = 1

// header opens the section of one plan.
type header struct {
	Plan   int       `json:"plan"`
	Job    string    `json:"job"`
	Target string    `json:"target"`
	Base   string    `json:"base"`
	Source string    `json:"source"`
	At     time.Time `json:"at"`
}

// line is one change in a section.
type line struct {
	Action   Action        `json:"action"`
	Kind     string        `json:"kind"`
	Key      lineKey       `json:"key"`
	Source   string        `json:"source"`
	Name     string        `json:"name"`
	RemoteID string        `json:"remote_id"`
	Before   values        `json:"before"`
	After    values        `json:"after"`
	Ops      []resource.Op `json:"ops"`
	Parts    []int         `json:"parts,omitempty"` // how many of ops go into each request; absent: all into one
	Cause    Cause         `json:"cause"`
	Held     bool          `json:"held,omitempty"`

	Round     int    `json:"round,omitempty"`
	Temporary string `json:"temporary,omitempty"`
	Fate      Fate   `json:"fate,omitempty"` // of a deactivate; absent: the account stays, and can be switched on again

	// Of a member: whose name it is, its id at the target, and whether it is a group itself.
	Member   string `json:"member,omitempty"`
	MemberID string `json:"member_id,omitempty"`
	Nested   bool   `json:"nested,omitempty"`
}

// lineKey is the key of a change: the anchor, or those of a group and of its member.
type lineKey struct {
	Group  string `json:"group"`
	Member string `json:"member"`
	anchor string
}

func (k lineKey) MarshalJSON() ([]byte, error) {
	if k.Member == "" {
		return encodeText(k.anchor)
	}
	type pair lineKey
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(pair(k))
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), err
}

func (k *lineKey) UnmarshalJSON(raw []byte) error {
	if json.Unmarshal(raw, &k.anchor) == nil {
		return nil
	}
	type pair lineKey
	return json.Unmarshal(raw, (*pair)(k))
}

func encodeText(text string) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(text)
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), err
}

// footer closes a section. A section without it is cut off.
type footer struct {
	Summary    map[Action]int `json:"summary"`
	Calls      int            `json:"calls"`
	Lookups    int            `json:"lookups,omitempty"`
	Estimate   string         `json:"estimate,omitempty"`
	Conflicts  []Problem      `json:"conflicts"`
	Parked     []Problem      `json:"parked"`
	Protected  int            `json:"protected"`
	Unclaimed  *int           `json:"unclaimed,omitempty"`
	Notes      []string       `json:"notes"`
	Holds      []ledger.Limit `json:"holds"`
	Digest     string         `json:"digest"`
	HeldDigest string         `json:"held_digest"`
}

// WriteJSON writes the plan as JSON lines: a header, each change, and a last line
// with the summary and the digests. Plans written one after another make one file.
// A list is never null.
func (p *Plan) WriteJSON(w io.Writer) error {
	buf := bufio.NewWriterSize(w, 1<<16)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(header{Format, p.Job, p.Target, p.Base, p.Source, p.At.UTC()}); err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	if err := p.Each(func(c *Change) error { return enc.Encode(c.line()) }); err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	last := footer{Summary: map[Action]int{}, Calls: p.Calls, Lookups: p.Lookups, Conflicts: list(p.Conflicts), Parked: list(p.Parked), Protected: p.Protected,
		Notes: list(p.Notes), Holds: list(p.Holds), Digest: p.Digest, HeldDigest: p.HeldDigest}
	for action, n := range p.Summary {
		if n > 0 {
			last.Summary[action] = n
		}
	}
	if estimate := p.Estimate.Round(time.Second); estimate > 0 {
		last.Estimate = estimate.String()
	}
	if p.Unclaimed >= 0 {
		last.Unclaimed = &p.Unclaimed
	}
	if err := enc.Encode(last); err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	if err := buf.Flush(); err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	return nil
}

// list gives an empty list instead of none.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

func (c *Change) line() *line {
	l := &line{Action: c.Action, Kind: c.Kind, Key: lineKey{anchor: c.Key.ID}, Source: c.Key.Source, Name: c.Name, RemoteID: c.RemoteID, Before: c.Before, After: c.After,
		Ops: list(c.Ops), Parts: c.Parts, Cause: c.Cause, Held: c.Held, Round: c.Round, Temporary: c.Temporary}
	if m := c.Member; m != nil {
		l.Key = lineKey{Group: c.Key.ID, Member: m.Key.ID}
		l.Member, l.MemberID, l.Nested = m.Name, m.RemoteID, m.Edge.Nested
	}
	if c.Action == Deactivate {
		l.Fate = c.Fate
	}
	if l.Before == nil {
		l.Before = values{}
	}
	if l.After == nil {
		l.After = values{}
	}
	return l
}

// MarshalJSON writes the change as its line in a plan, in which the key is the
// anchor alone. What only a run needs is left out.
func (c Change) MarshalJSON() ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(c.line())
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), err
}

// UnmarshalJSON reads what MarshalJSON wrote: enough to show the change, and to
// compute its digest.
func (c *Change) UnmarshalJSON(raw []byte) error {
	var l line
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber() // a number keeps its spelling, and so its digest
	if err := d.Decode(&l); err != nil {
		return err
	}
	if !l.Action.known() {
		return fmt.Errorf("unknown action %q", l.Action)
	}
	key, member, err := l.keys()
	if err != nil {
		return err
	}
	if l.Fate != FateDisabled && l.Fate != FateRemoved && l.Fate != FateGone {
		return fmt.Errorf("unknown fate %q", l.Fate)
	}
	if !l.whole() {
		return fmt.Errorf("its parts %d do not make up its %d operations", l.Parts, len(l.Ops))
	}
	*c = Change{Action: l.Action, Kind: l.Kind, Key: key, Member: member, Name: l.Name,
		RemoteID: l.RemoteID, Before: l.Before, After: l.After, Ops: l.Ops, Parts: l.Parts, Cause: l.Cause, Held: l.Held, Round: l.Round, Temporary: l.Temporary, Fate: l.Fate}
	return nil
}

// keys gives whom the line is about.
func (l *line) keys() (key record.Key, member *Member, err error) {
	key = record.Key{Source: l.Source, ID: l.Key.anchor}
	switch l.Kind {
	case record.User.String():
		key.Kind = record.User
	case record.Group.String():
		key.Kind = record.Group
	case KindMember:
		key.Kind, key.ID = record.Group, l.Key.Group
		member = &Member{Key: record.Key{Kind: record.User, Source: l.Source, ID: l.Key.Member}, Name: l.Member, RemoteID: l.MemberID}
		if member.Edge.Nested = l.Nested; l.Nested {
			member.Key.Kind = record.Group
		}
	default:
		return key, nil, fmt.Errorf("unknown kind %q", l.Kind)
	}
	if (member != nil) != l.Action.ofMembers() || (l.Key.Member != "") != (member != nil) {
		return key, nil, fmt.Errorf("a %s of a %s is no change", l.Action, l.Kind)
	}
	return key, member, nil
}

// whole tells whether the parts, if there are any, make up the operations.
func (l *line) whole() bool {
	left := len(l.Ops)
	for _, n := range l.Parts {
		if n < 1 || n > left {
			return false
		}
		left -= n
	}
	return left == 0 || len(l.Parts) == 0
}

// values are paths and their values. Read back, they have the types they had.
type values map[string]any

func (v *values) UnmarshalJSON(raw []byte) error {
	decoded, err := resource.DecodeValues(raw)
	*v = decoded
	return err
}
