package state

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"scimsync/sync/ledger"
	"scimsync/sync/record"
)

// instant is a time in JSON: seconds since 1970, with nine decimals if need be. Unlike
// time.Time's own form it knows the years above 9999 to which an "end of time" in a
// directory leads once a day is added.
type instant struct{ time.Time }

func (t instant) MarshalJSON() ([]byte, error) {
	b := strconv.AppendInt(nil, t.Unix(), 10)
	if ns := t.Nanosecond(); ns != 0 {
		b = fmt.Appendf(b, ".%09d", ns)
	}
	return b, nil
}

func (t *instant) UnmarshalJSON(b []byte) error {
	whole, part, _ := strings.Cut(string(b), ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return fmt.Errorf("decode time: %w", err)
	}
	var nanos int64
	if part != "" {
		if nanos, err = strconv.ParseInt(part, 10, 64); err != nil || len(part) != 9 {
			return fmt.Errorf("decode time %s: want nine decimals", b)
		}
	}
	t.Time = time.Unix(seconds, nanos).UTC()
	return nil
}

type storedLook struct {
	NextRun bool          `json:"a,omitempty"`
	Due     instant       `json:"d,omitzero"`
	Parked  *storedParked `json:"p,omitempty"`
}

type storedParked struct {
	Kind   string  `json:"k"`
	Error  string  `json:"e,omitempty"`
	Digest string  `json:"d,omitempty"`
	Tries  int     `json:"c,omitempty"`
	At     instant `json:"t,omitzero"`
	Since  instant `json:"s,omitzero"`
}

func encodeLook(l *ledger.Look) ([]byte, error) {
	s := storedLook{NextRun: l.NextRun, Due: instant{l.Due}}
	if p := l.Parked; p != nil {
		s.Parked = &storedParked{p.Kind, p.Error, p.Digest, p.Tries, instant{p.At}, instant{p.Since}}
	}
	return json.Marshal(s)
}

func decodeLook(p pair) (*ledger.Look, error) {
	var s storedLook
	if err := json.Unmarshal(p.value, &s); err != nil {
		return nil, fmt.Errorf("look of %s: %w", p.key, err)
	}
	l := &ledger.Look{Key: p.key, NextRun: s.NextRun, Due: s.Due.Time}
	if q := s.Parked; q != nil {
		l.Parked = &ledger.Parked{Kind: q.Kind, Error: q.Error, Digest: q.Digest, Tries: q.Tries, At: q.At.Time, Since: q.Since.Time}
	}
	return l, nil
}

// storedProgress has the sources by number.
type storedProgress struct {
	Planned    map[string]uint64 `json:"p,omitempty"` // hexadecimal source number -> seq
	MapVersion string            `json:"v,omitempty"`
	Contact    ledger.Contact    `json:"c,omitempty"`
}

// storedHold is a hold without flow and lines.
type storedHold struct {
	ID     string         `json:"i"`
	Digest string         `json:"d"`
	Limits []ledger.Limit `json:"l,omitempty"`
	At     instant        `json:"t,omitzero"`
	Run    string         `json:"n,omitempty"`
	No     string         `json:"x,omitempty"` // who rejected it
}

// storedLine is a line of a hold; Source is the number of the key's source.
type storedLine struct {
	Action string      `json:"a"`
	Source []byte      `json:"s"`
	Kind   record.Kind `json:"k"`
	ID     string      `json:"i"`
	Name   string      `json:"n,omitempty"`
	Digest string      `json:"d"`
	No     bool        `json:"x,omitempty"` // a human said no
	Group  string      `json:"g,omitempty"`
}

type storedApproval struct {
	By string `json:"b"`
}

type storedTarget struct {
	Fingerprint map[string]string `json:"f,omitempty"`
	Warned      []string          `json:"w,omitempty"`
}
