package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"scimsync/sync/record"
)

// ErrOwned is the error of a commit whose account belongs to another key. Nothing of
// the commit is stored.
var ErrOwned = errors.New("the account belongs to somebody else")

// rowFormat is the first byte of an encoded row. Another layout takes another number.
const rowFormat = 1

// AppendRow appends the body of a row to b: all of it but Key, Ordinal, Seq, Sum and
// Absent, which the store keeps apart so that it can look at them without the body.
//
// The layout is: format; Enabled; DN; Line; 0, or 1 and the seconds and nanoseconds of
// Expires; the number of attributes and of all their values; then for each attribute
// its name, the number of its values, and the values. Texts stand behind their length;
// numbers are varints.
func AppendRow(b []byte, row *Row) []byte {
	b = append(b, rowFormat, byte(row.Enabled))
	b = appendText(b, row.DN)
	b = binary.AppendVarint(b, int64(row.Line))
	if row.Expires.IsZero() {
		b = append(b, 0)
	} else {
		b = append(b, 1)
		b = binary.AppendVarint(b, row.Expires.Unix())
		b = binary.AppendUvarint(b, uint64(row.Expires.Nanosecond()))
	}
	values := 0
	for i := range row.Attrs {
		values += len(row.Attrs[i].Values)
	}
	b = binary.AppendUvarint(b, uint64(len(row.Attrs)))
	b = binary.AppendUvarint(b, uint64(values))
	for i := range row.Attrs {
		b = appendText(b, row.Attrs[i].Name)
		b = binary.AppendUvarint(b, uint64(len(row.Attrs[i].Values)))
		for _, v := range row.Attrs[i].Values {
			b = appendText(b, v)
		}
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
	if b[0] != rowFormat {
		return fmt.Errorf("row has format %d, want %d", b[0], rowFormat)
	}
	// All texts of the row share the memory of this one copy.
	r := reader{rest: string(b[1:])}
	var got Row
	got.Enabled = record.Tri(r.byte())
	got.DN = r.text()
	got.Line = int(r.varint())
	if r.byte() == 1 {
		seconds, nanos := r.varint(), r.uvarint()
		got.Expires = time.Unix(seconds, int64(nanos)).UTC()
		r.check(nanos < 1e9)
	}
	got.Attrs = r.attrs()
	if r.bad || got.Enabled > record.False {
		return errors.New("row is damaged")
	}
	if r.rest != "" {
		return fmt.Errorf("row has %d bytes too many", len(r.rest))
	}
	row.DN, row.Line, row.Enabled, row.Expires, row.Attrs = got.DN, got.Line, got.Enabled, got.Expires, got.Attrs
	return nil
}

func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// reader takes values off the front of rest. After the first that is not there it is
// bad and gives zeros, so that the caller needs to ask only once.
type reader struct {
	rest string
	bad  bool
}

func (r *reader) check(ok bool) {
	if !ok {
		r.bad, r.rest = true, ""
	}
}

func (r *reader) byte() byte {
	if r.rest == "" {
		r.bad = true
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *reader) uvarint() uint64 {
	var x uint64
	for shift := 0; shift < 64; shift += 7 {
		b := r.byte()
		x |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return x
		}
	}
	r.check(false)
	return 0
}

// varint undoes binary.AppendVarint: the sign stands in the lowest bit.
func (r *reader) varint() int64 {
	x := r.uvarint()
	return int64(x>>1) ^ -int64(x&1)
}

func (r *reader) text() string {
	n := r.count()
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

// count reads the number of things that follow. Each takes a byte at least, so that a
// damaged number cannot ask for more memory than the row itself takes.
func (r *reader) count() int {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.check(false)
		return 0
	}
	return int(n)
}

func (r *reader) attrs() []record.Attr {
	n, total := r.count(), r.count()
	if n == 0 {
		r.check(total == 0)
		return nil
	}
	attrs := make([]record.Attr, n)
	values := make([]string, total) // one piece of memory for the values of all attributes
	for i := range attrs {
		attrs[i].Name = r.text()
		k := r.count()
		if k > len(values) {
			r.check(false)
		}
		if r.bad {
			return nil
		}
		if k == 0 {
			continue
		}
		attrs[i].Values, values = values[:k:k], values[k:]
		for j := range attrs[i].Values {
			attrs[i].Values[j] = r.text()
		}
	}
	r.check(len(values) == 0)
	return attrs
}
