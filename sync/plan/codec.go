package plan

import (
	"bytes"
	"encoding/json"
	"time"

	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// stored is a Change with everything in it, for files that hold plans which do not
// fit into memory. The files live as long as one run, so the form may change freely.
type stored struct {
	Action    Action
	Key       record.Key
	Name      string        `json:",omitempty"`
	RemoteID  string        `json:",omitempty"`
	Before    values        `json:",omitempty"`
	After     values        `json:",omitempty"`
	Ops       []resource.Op `json:",omitempty"`
	Parts     []int         `json:",omitempty"`
	Cause     Cause
	Held      bool   `json:",omitempty"`
	Round     int    `json:",omitempty"`
	Temporary string `json:",omitempty"`
	Resource  resource.Resource
	Managed   []string     `json:",omitempty"`
	Once      []storedOnce `json:",omitempty"`
	Left      bool         `json:",omitempty"`
	Mine      bool         `json:",omitempty"`
	Rename    bool         `json:",omitempty"`
	Doubt     time.Time    `json:",omitzero"`
	Doubted   bool         `json:",omitempty"`
	Maybe     values       `json:",omitempty"`
	Made      bool         `json:",omitempty"`
	Approved  bool         `json:",omitempty"`
	Again     bool         `json:",omitempty"`
	Due       time.Time    `json:",omitzero"`
	Tries     int          `json:",omitempty"`
	Since     time.Time    `json:",omitzero"`
	Digest    string
}

type storedOnce struct {
	Value resource.Resource
	When  resource.When
}

// Encode gives the change as bytes that Decode understands.
func (c *Change) Encode() ([]byte, error) {
	s := stored{c.Action, c.Key, c.Name, c.RemoteID, c.Before, c.After, c.Ops, c.Parts, c.Cause, c.Held, c.Round, c.Temporary,
		c.Want.Resource, c.Want.Managed, nil, c.Left, c.Mine, c.Rename, c.Doubt, c.Doubted, c.Maybe, c.Made, c.Approved, c.Again, c.Due, c.Tries, c.Since, c.Digest()}
	for _, o := range c.Want.Once {
		s.Once = append(s.Once, storedOnce{resource.Resource{Attrs: []resource.Attr{o.Attr}}, o.When})
	}
	return json.Marshal(s)
}

// Decode reads what Encode wrote.
func (c *Change) Decode(b []byte) error {
	var s stored
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&s); err != nil {
		return err
	}
	*c = Change{Action: s.Action, Kind: s.Key.Kind.String(), Key: s.Key, Name: s.Name, RemoteID: s.RemoteID,
		Before: s.Before, After: s.After, Ops: s.Ops, Parts: s.Parts, Cause: s.Cause, Held: s.Held, Round: s.Round, Temporary: s.Temporary,
		Left: s.Left, Mine: s.Mine, Rename: s.Rename, Doubt: s.Doubt, Doubted: s.Doubted, Maybe: s.Maybe, Made: s.Made, Approved: s.Approved, Again: s.Again,
		Due: s.Due, Tries: s.Tries, Since: s.Since, digest: s.Digest}
	c.Want = resource.Wanted{Resource: s.Resource, Managed: s.Managed}
	for _, o := range s.Once {
		c.Want.Once = append(c.Want.Once, resource.Once{Attr: o.Value.Attrs[0], When: o.When})
	}
	return nil
}

// Encode and Decode of Found serve the same files.
func (f *Found) Encode() ([]byte, error) { return json.Marshal(f) }

// Decode reads what Encode wrote.
func (f *Found) Decode(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return d.Decode(f)
}
