package plan

import (
	"encoding/json"
	"errors"
	"strings"

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
	b = pack.Texts(b, []string{c.Key.Source, c.Key.ID, c.Name, c.RemoteID, c.Cause.By, c.Cause.What, c.Temporary, c.Digest()})
	b = resource.AppendValues(b, c.Before)
	b = resource.AppendValues(b, c.After)
	b = resource.AppendOps(b, c.Ops)
	b = pack.Ints(b, c.Parts)
	b = c.Want.AppendPacked(b)
	b = resource.AppendValues(b, c.Doubt.Maybe)
	b = pack.Flags(b, c.Held, c.Left, c.Mine, c.Rename, c.Doubt.Sent, c.Doubt.Created, c.Approved, c.NextRun)
	b = pack.Int(pack.Int(b, int64(c.Round)), int64(c.Tries))
	b = pack.Time(b, c.Doubt.Since)
	b = pack.Time(b, c.Due)
	return pack.Time(b, c.Since), nil
}

// Decode reads what Encode wrote.
func (c *Change) Decode(b []byte) error {
	r := pack.Read(b)
	*c = Change{Key: record.Key{Kind: record.Kind(r.Byte())}, Action: Action(r.Text())}
	c.Kind = c.Key.Kind.String()
	texts := []*string{&c.Key.Source, &c.Key.ID, &c.Name, &c.RemoteID, &c.Cause.By, &c.Cause.What, &c.Temporary, &c.digest}
	r.Check(r.Count() == len(texts))
	for _, text := range texts {
		*text = r.Text()
	}
	c.Before, c.After = resource.ReadValues(r), resource.ReadValues(r)
	c.Ops, c.Parts = resource.ReadOps(r), r.Ints()
	c.Want = resource.ReadWanted(r)
	if c.Doubt.Maybe = resource.ReadValues(r); len(c.Doubt.Maybe) == 0 {
		c.Doubt.Maybe = nil
	}
	r.Flags(&c.Held, &c.Left, &c.Mine, &c.Rename, &c.Doubt.Sent, &c.Doubt.Created, &c.Approved, &c.NextRun)
	c.Round, c.Tries = int(r.Int()), int(r.Int())
	c.Doubt.Since, c.Due, c.Since = r.Time(), r.Time(), r.Time()
	if !r.Whole() {
		return errors.New("a spooled change is damaged")
	}
	return nil
}

// Encode gives the account as bytes that Decode understands.
func (f *Found) Encode() ([]byte, error) {
	body, err := json.Marshal(f.Body)
	return pack.Texts([]byte{byte(f.Active)}, []string{f.ID, f.Version, f.UserName, f.ExternalID, f.By, string(body)}), err
}

// Decode reads what Encode wrote.
func (f *Found) Decode(b []byte) error {
	r := pack.Read(b)
	*f = Found{Active: record.Tri(r.Byte())}
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
