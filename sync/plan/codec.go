package plan

import (
	"encoding/json"
	"errors"
	"strings"

	"scimsync/sync/ledger"
	"scimsync/sync/pack"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// A Change and a Found can be put into files that hold plans which do not fit into
// memory. The files live as long as one run, so the form may change freely.

// Encode gives the change, with everything in it, as bytes that Decode understands.
func (c *Change) Encode() ([]byte, error) {
	b := make([]byte, 0, 1024)
	b = pack.Text(append(b, byte(c.Key.Kind)), string(c.Action))
	b = pack.Texts(b, []string{c.Key.Source, c.Key.ID, c.Name, c.RemoteID, c.Version, c.Cause.By, c.Cause.What, c.Temporary, string(c.Fate), c.Digest()})
	b = resource.AppendValues(b, c.Before)
	b = resource.AppendValues(b, c.After)
	b = resource.AppendOps(b, c.Ops)
	b = pack.Ints(b, c.Parts)
	b = c.Want.AppendPacked(b)
	b = resource.AppendValues(b, c.Doubt.Maybe)
	b = pack.Flags(b, c.Echo != nil)
	b = resource.AppendValues(b, c.Echo)
	b = pack.Flags(b, c.Held, c.Left, c.Mine, c.Rename, c.Doubt.Sent, c.Doubt.Created, c.Approved, c.NextRun)
	b = pack.Time(pack.Int(b, int64(c.Round)), c.Doubt.Since)
	b = pack.Time(b, c.Due)
	b = appendParked(b, c.Parked)
	return appendMember(b, c.Member), nil
}

// Decode reads what Encode wrote.
func (c *Change) Decode(b []byte) error {
	r := pack.Read(b)
	*c = Change{Key: record.Key{Kind: record.Kind(r.Byte())}, Action: Action(r.Text())}
	var fate string
	texts := []*string{&c.Key.Source, &c.Key.ID, &c.Name, &c.RemoteID, &c.Version, &c.Cause.By, &c.Cause.What, &c.Temporary, &fate, &c.digest}
	r.Check(r.Count() == len(texts))
	for _, text := range texts {
		*text = r.Text()
	}
	c.Fate = Fate(fate)
	c.Before, c.After = resource.ReadValues(r), resource.ReadValues(r)
	c.Ops, c.Parts = resource.ReadOps(r), r.Ints()
	c.Want = resource.ReadWanted(r)
	if c.Doubt.Maybe = resource.ReadValues(r); len(c.Doubt.Maybe) == 0 {
		c.Doubt.Maybe = nil
	}
	var shown bool
	r.Flags(&shown)
	if c.Echo = resource.ReadValues(r); !shown {
		c.Echo = nil
	}
	r.Flags(&c.Held, &c.Left, &c.Mine, &c.Rename, &c.Doubt.Sent, &c.Doubt.Created, &c.Approved, &c.NextRun)
	c.Round, c.Doubt.Since, c.Due = int(r.Int()), r.Time(), r.Time()
	c.Parked = readParked(r)
	c.Member = readMember(r)
	if c.Kind = c.Key.Kind.String(); c.Member != nil {
		c.Kind = KindMember
	}
	if !r.Whole() {
		return errors.New("a spooled change is damaged")
	}
	return nil
}

func appendMember(b []byte, m *Member) []byte {
	if m == nil {
		return pack.Flags(b, false)
	}
	b = append(pack.Flags(b, true, m.Along, m.Edge.Nested), byte(m.Key.Kind))
	b = pack.Uint(pack.Uint(b, uint64(m.Edge.Group)), uint64(m.Edge.Member))
	return pack.Texts(pack.Uint(b, uint64(m.Of)), []string{m.Key.Source, m.Key.ID, m.Name, m.RemoteID, m.Beside})
}

func readMember(r *pack.Reader) *Member {
	var there bool
	m := &Member{}
	if r.Flags(&there, &m.Along, &m.Edge.Nested); !there {
		return nil
	}
	m.Key.Kind = record.Kind(r.Byte())
	m.Edge.Group, m.Edge.Member = uint32(r.Uint()), uint32(r.Uint())
	m.Of = int(r.Uint())
	texts := r.Texts()
	if r.Check(len(texts) == 5); r.Bad() {
		return nil
	}
	m.Key.Source, m.Key.ID, m.Name, m.RemoteID, m.Beside = texts[0], texts[1], texts[2], texts[3], texts[4]
	return m
}

func appendParked(b []byte, p *ledger.Parked) []byte {
	if p == nil {
		return pack.Flags(b, false)
	}
	b = pack.Texts(pack.Flags(b, true), []string{p.Kind, p.Error, p.Digest})
	return pack.Time(pack.Time(pack.Int(b, int64(p.Tries)), p.At), p.Since)
}

func readParked(r *pack.Reader) *ledger.Parked {
	var there bool
	if r.Flags(&there); !there {
		return nil
	}
	texts := r.Texts()
	if r.Check(len(texts) == 3); r.Bad() {
		return nil
	}
	return &ledger.Parked{Kind: texts[0], Error: texts[1], Digest: texts[2], Tries: int(r.Int()), At: r.Time(), Since: r.Time()}
}

// Encode gives the account as bytes that Decode understands.
func (f *Found) Encode() ([]byte, error) {
	body, err := json.Marshal(f.Body)
	return pack.Texts(pack.Flags([]byte{byte(f.Active)}, f.Masked), []string{f.ID, f.Version, f.UserName, f.ExternalID, f.By, string(body)}), err
}

// Decode reads what Encode wrote.
func (f *Found) Decode(b []byte) error {
	r := pack.Read(b)
	*f = Found{Active: record.Tri(r.Byte())}
	r.Flags(&f.Masked)
	var body string
	texts := []*string{&f.ID, &f.Version, &f.UserName, &f.ExternalID, &f.By, &body}
	r.Check(r.Count() == len(texts))
	for _, text := range texts {
		*text = r.Text()
	}
	if !r.Whole() {
		return errors.New("a spooled account is damaged")
	}
	d := json.NewDecoder(strings.NewReader(body))
	d.UseNumber()
	return d.Decode(&f.Body)
}
