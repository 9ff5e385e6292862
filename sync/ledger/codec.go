package ledger

import (
	"errors"
	"fmt"

	"scimsync/sync/pack"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// ErrOwned is the error of a commit whose account belongs to another key. Nothing of
// the commit is stored.
var ErrOwned = errors.New("the account belongs to somebody else")

// rowFormat is the first byte of an encoded row. Another layout takes another number.
const rowFormat = 1

// AppendRow appends the body of a row to b: all of it but Key, Ordinal, Seq, Sum and
// Absent, which the store keeps apart so that it can look at them without the body.
//
// The layout is that of package pack: format; Enabled; DN; Line; Expires; the number of
// attributes and of all their values; then for each attribute its name and its values.
func AppendRow(b []byte, row *Row) []byte {
	b = append(b, rowFormat, byte(row.Enabled))
	b = pack.Text(b, row.DN)
	b = pack.Int(b, int64(row.Line))
	b = pack.Time(b, row.Expires)
	values := 0
	for i := range row.Attrs {
		values += len(row.Attrs[i].Values)
	}
	b = pack.Count(b, len(row.Attrs))
	b = pack.Count(b, values)
	for i := range row.Attrs {
		b = pack.Texts(pack.Text(b, row.Attrs[i].Name), row.Attrs[i].Values)
	}
	return b
}

// DecodeRow fills row with a body that AppendRow made and leaves its other fields
// alone. It keeps nothing of b. Expires comes back in UTC. On an error row is not
// touched.
func DecodeRow(b []byte, row *Row) error {
	if len(b) == 0 {
		return errors.New("row is empty")
	}
	return readRow(pack.Read(b), row)
}

func readRow(r *pack.Reader, row *Row) error {
	if format := r.Byte(); format != rowFormat {
		return fmt.Errorf("row has format %d, want %d", format, rowFormat)
	}
	var got Row
	got.Enabled = record.Tri(r.Byte())
	got.DN = r.Text()
	got.Line = int(r.Int())
	got.Expires = r.Time()
	got.Attrs = readAttrs(r)
	if !r.Whole() || got.Enabled > record.False {
		return errors.New("row is damaged")
	}
	row.DN, row.Line, row.Enabled, row.Expires, row.Attrs = got.DN, got.Line, got.Enabled, got.Expires, got.Attrs
	return nil
}

func readAttrs(r *pack.Reader) []record.Attr {
	n, total := r.Count(), r.Count()
	if n == 0 {
		r.Check(total == 0)
		return nil
	}
	attrs := make([]record.Attr, n)
	values := make([]string, total) // one piece of memory for the values of all attributes
	for i := range attrs {
		attrs[i].Name = r.Text()
		k := r.Count()
		r.Check(k <= len(values))
		if r.Bad() {
			return nil
		}
		if k == 0 {
			continue
		}
		attrs[i].Values, values = values[:k:k], values[k:]
		for j := range attrs[i].Values {
			attrs[i].Values[j] = r.Text()
		}
	}
	r.Check(len(values) == 0)
	return attrs
}

// entryFormat is the first byte of an encoded entry or intent.
const entryFormat = 2

// AppendEntry appends an entry to b: all of it but Key, Job and Standing, which the store
// keeps apart.
func AppendEntry(b []byte, e *Entry) []byte {
	b = append(b, entryFormat)
	b = pack.Text(b, e.RemoteID)
	b = pack.Text(b, e.Version)
	b = e.Resource.AppendPacked(b)
	b = pack.Texts(b, e.Managed)
	b = resource.AppendValues(b, e.Maybe)
	b = pack.Flags(b, e.Echo != nil)
	b = resource.AppendValues(b, e.Echo)
	b = resource.AppendValues(b, e.Drift)
	b = pack.Text(b, e.Run)
	return pack.Time(b, e.At)
}

// DecodeEntry fills e with what AppendEntry appended.
func DecodeEntry(b []byte, e *Entry) error {
	r := pack.Read(b)
	r.Check(r.Byte() == entryFormat)
	e.RemoteID, e.Version = r.Text(), r.Text()
	e.Resource = resource.ReadPacked(r)
	e.Managed = r.Texts()
	e.Maybe = someValues(r)
	var shown bool
	r.Flags(&shown)
	if e.Echo = resource.ReadValues(r); !shown {
		e.Echo = nil
	}
	e.Drift = someValues(r)
	e.Run, e.At = r.Text(), r.Time()
	if !r.Whole() {
		return fmt.Errorf("entry of %s is damaged", e.Key)
	}
	return nil
}

// AppendIntent appends an intent to b: all of it but Key.
func AppendIntent(b []byte, i *Intent) []byte {
	b = append(b, entryFormat)
	b = pack.Text(b, i.Action)
	b = pack.Text(b, i.ID)
	b = pack.Text(b, i.Run)
	b = pack.Time(b, i.At)
	b = pack.Time(b, i.Looked)
	return resource.AppendValues(b, i.Maybe)
}

// DecodeIntent fills i with what AppendIntent appended.
func DecodeIntent(b []byte, i *Intent) error {
	r := pack.Read(b)
	r.Check(r.Byte() == entryFormat)
	i.Action, i.ID, i.Run = r.Text(), r.Text(), r.Text()
	i.At, i.Looked = r.Time(), r.Time()
	i.Maybe = someValues(r)
	if !r.Whole() {
		return fmt.Errorf("intent of %s is damaged", i.Key)
	}
	return nil
}

// someValues reads values by path; none are nil.
func someValues(r *pack.Reader) map[string]any {
	values := resource.ReadValues(r)
	if len(values) == 0 {
		return nil
	}
	return values
}
