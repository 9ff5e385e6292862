// Package pack is the compact form in which values are kept in files of our own: texts
// stand behind their length, numbers are varints, and the order is that in which they
// were appended. What is read back shares one copy of the bytes, and a damaged file
// gives an error, never a panic and never more memory than it has bytes. It is a leaf.
package pack

import (
	"encoding/binary"
	"time"
)

// Text appends a text behind its length.
func Text(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// Texts appends a list of texts behind their number.
func Texts(b []byte, list []string) []byte {
	b = Count(b, len(list))
	for _, s := range list {
		b = Text(b, s)
	}
	return b
}

// Ints appends a list of small numbers behind their number.
func Ints(b []byte, list []int) []byte {
	b = Count(b, len(list))
	for _, n := range list {
		b = Int(b, int64(n))
	}
	return b
}

// Count appends how many things follow.
func Count(b []byte, n int) []byte { return binary.AppendUvarint(b, uint64(n)) }

// Int appends a number of either sign.
func Int(b []byte, n int64) []byte { return binary.AppendVarint(b, n) }

// Uint appends a number.
func Uint(b []byte, n uint64) []byte { return binary.AppendUvarint(b, n) }

// Flags appends up to eight truth values in one byte.
func Flags(b []byte, flags ...bool) []byte {
	var set byte
	for i, flag := range flags {
		if flag {
			set |= 1 << i
		}
	}
	return append(b, set)
}

// Time appends an instant; its zone is not kept. Unlike time.Time's own forms this one
// knows the years above 9999 to which an "end of time" in a directory leads once a day
// is added.
func Time(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, 0)
	}
	b = append(b, 1)
	b = binary.AppendVarint(b, t.Unix())
	return binary.AppendUvarint(b, uint64(t.Nanosecond()))
}

// Reader takes values off the front of what was appended. After the first that is not
// there it is bad and gives zeros, so that the caller needs to ask only once.
type Reader struct {
	rest string
	bad  bool
}

// Read begins to read. It keeps nothing of b: all texts share the memory of one copy.
func Read(b []byte) *Reader { return &Reader{rest: string(b)} }

// Whole tells that everything was there, and nothing is left.
func (r *Reader) Whole() bool { return !r.bad && r.rest == "" }

// Bad tells that something was not there.
func (r *Reader) Bad() bool { return r.bad }

// Check makes the reader bad unless ok.
func (r *Reader) Check(ok bool) {
	if !ok {
		r.bad, r.rest = true, ""
	}
}

// Byte undoes the appending of one byte.
func (r *Reader) Byte() byte {
	if r.rest == "" {
		r.bad = true
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

// Uint undoes Uint.
func (r *Reader) Uint() uint64 {
	var x uint64
	for shift := 0; shift < 64; shift += 7 {
		b := r.Byte()
		x |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return x
		}
	}
	r.Check(false)
	return 0
}

// Int undoes Int: the sign stands in the lowest bit.
func (r *Reader) Int() int64 {
	x := r.Uint()
	return int64(x>>1) ^ -int64(x&1)
}

// Count undoes Count. Each thing that follows takes a byte at least, so that a damaged
// number cannot ask for more memory than the file itself takes.
func (r *Reader) Count() int {
	n := r.Uint()
	if n > uint64(len(r.rest)) {
		r.Check(false)
		return 0
	}
	return int(n)
}

// Text undoes Text.
func (r *Reader) Text() string {
	n := r.Count()
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

// Texts undoes Texts; none are nil.
func (r *Reader) Texts() []string {
	n := r.Count()
	if n == 0 {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = r.Text()
	}
	return list
}

// Ints undoes Ints; none are nil.
func (r *Reader) Ints() []int {
	n := r.Count()
	if n == 0 {
		return nil
	}
	list := make([]int, n)
	for i := range list {
		list[i] = int(r.Int())
	}
	return list
}

// Flags undoes Flags.
func (r *Reader) Flags(flags ...*bool) {
	set := r.Byte()
	for i, flag := range flags {
		*flag = set&(1<<i) != 0
	}
	r.Check(len(flags) >= 8 || set>>len(flags) == 0)
}

// Time undoes Time, in UTC.
func (r *Reader) Time() time.Time {
	switch r.Byte() {
	case 0:
		return time.Time{}
	case 1:
		seconds, nanos := r.Int(), r.Uint()
		r.Check(nanos < 1e9)
		return time.Unix(seconds, int64(nanos)).UTC()
	}
	r.Check(false)
	return time.Time{}
}
