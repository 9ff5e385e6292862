package csv

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/transform"
)

// Encoding is how a file spells characters. It is configured and never guessed:
// a guess that flips would rename half the people.
type Encoding uint8

// The encodings. UTF-16 takes its byte order from the byte order mark.
const (
	UTF8 Encoding = iota
	UTF16
	Windows1252
	ISO885915
)

var encodingNames = [...]string{UTF8: "utf-8", UTF16: "utf-16", Windows1252: "windows-1252", ISO885915: "iso-8859-15"}

// String gives the encoding's name in the config.
func (e Encoding) String() string {
	if int(e) < len(encodingNames) {
		return encodingNames[e]
	}
	return fmt.Sprintf("encoding(%d)", uint8(e))
}

const (
	blockSize = 64 << 10 // how much is read at once
	maxRow    = 1 << 20  // bytes of one row; a quote left open would swallow the file

	// invalid stands for what an encoding cannot say. It is not UTF-8, so that
	// the check of the cells finds it and can name line and column.
	invalid = 0xFF
)

// byte order marks
var (
	markUTF8    = []byte("\xef\xbb\xbf")
	markUTF16LE = []byte("\xff\xfe")
	markUTF16BE = []byte("\xfe\xff")
)

// raw reads the bytes of a file once from its start, hashes them and stops when
// the context ends.
type raw struct {
	ctx  context.Context
	in   *io.SectionReader // by offset, so that several passes can share one open file
	hash hash.Hash
}

func newRaw(ctx context.Context, f *file) *raw {
	return &raw{ctx: ctx, in: io.NewSectionReader(f, 0, f.info.Size()), hash: sha256.New()}
}

func (r *raw) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.in.Read(p)
	_, _ = r.hash.Write(p[:n])
	return n, err
}

func (r *raw) sum() string { return hex.EncodeToString(r.hash.Sum(nil)) }

// decode returns the text as UTF-8 without a byte order mark. What is invalid
// comes out as invalid UTF-8.
func decode(r *raw, e Encoding) (io.Reader, error) {
	var head [3]byte
	n, err := r.in.ReadAt(head[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	mark, says := markOf(head[:n])
	if (mark != nil || e == UTF16) && says != e {
		if mark == nil {
			return nil, errors.New("encoding is utf-16 and the file has no byte order mark: have it exported with one, or set encoding: utf-8")
		}
		return nil, fmt.Errorf("the file is %s by its byte order mark and encoding is %s: set encoding: %s", says, e, says)
	}
	if _, err := io.CopyN(io.Discard, r, int64(len(mark))); err != nil {
		return nil, err
	}
	switch e {
	case UTF16:
		var order binary.ByteOrder = binary.LittleEndian
		if bytes.Equal(mark, markUTF16BE) {
			order = binary.BigEndian
		}
		return transform.NewReader(bufio.NewReaderSize(r, blockSize), fromUTF16{order: order}), nil
	case Windows1252:
		return transform.NewReader(bufio.NewReaderSize(r, blockSize), newSingleByte(charmap.Windows1252)), nil
	case ISO885915:
		return transform.NewReader(bufio.NewReaderSize(r, blockSize), newSingleByte(charmap.ISO8859_15)), nil
	default:
		return r, nil
	}
}

// markOf returns the byte order mark at the start of a file and what it says.
func markOf(head []byte) (mark []byte, e Encoding) {
	switch {
	case bytes.HasPrefix(head, markUTF8):
		return markUTF8, UTF8
	case bytes.HasPrefix(head, markUTF16LE):
		return markUTF16LE, UTF16
	case bytes.HasPrefix(head, markUTF16BE):
		return markUTF16BE, UTF16
	}
	return nil, UTF8
}

// endsInNewline looks at the last character of a file only.
func endsInNewline(f io.ReaderAt, size int64, e Encoding) (bool, error) {
	width := int64(1)
	want := []byte("\n")
	if e == UTF16 {
		width = 2
		var head [2]byte
		if _, err := f.ReadAt(head[:], 0); err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		if want = []byte("\n\x00"); bytes.Equal(head[:], markUTF16BE) {
			want = []byte("\x00\n")
		}
	}
	if size < width || size%width != 0 {
		return false, nil
	}
	end := make([]byte, width)
	if _, err := f.ReadAt(end, size-width); err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	return bytes.Equal(end, want), nil
}

// singleByte decodes a code page of one byte a character. It is here because
// charmap's own decoder writes U+FFFD for a byte that the code page leaves open,
// which is text like any other, while here it means a wrong encoding.
type singleByte struct {
	transform.NopResetter
	table [256][]byte
}

func newSingleByte(m *charmap.Charmap) *singleByte {
	d := &singleByte{}
	for i := range d.table {
		r := m.DecodeByte(byte(i))
		if r == utf8.RuneError {
			d.table[i] = []byte{invalid}
			continue
		}
		d.table[i] = utf8.AppendRune(nil, r)
	}
	return d
}

// Transform implements transform.Transformer.
func (d *singleByte) Transform(dst, src []byte, _ bool) (nDst, nSrc int, err error) {
	for nSrc < len(src) {
		out := d.table[src[nSrc]]
		if nDst+len(out) > len(dst) {
			return nDst, nSrc, transform.ErrShortDst
		}
		nDst += copy(dst[nDst:], out)
		nSrc++
	}
	return nDst, nSrc, nil
}

// fromUTF16 decodes UTF-16 without forgiving half a pair or half a character.
type fromUTF16 struct {
	transform.NopResetter
	order binary.ByteOrder
}

// Transform implements transform.Transformer.
func (d fromUTF16) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	for nSrc < len(src) {
		if len(dst)-nDst < utf8.UTFMax {
			return nDst, nSrc, transform.ErrShortDst
		}
		r, size := d.next(src[nSrc:])
		switch {
		case size == 0 && !atEOF:
			return nDst, nSrc, transform.ErrShortSrc
		case size == 0: // the file ends inside a character
			dst[nDst] = invalid
			nDst++
			nSrc = len(src)
		case r < 0:
			dst[nDst] = invalid
			nDst++
			nSrc += size
		default:
			nDst += utf8.EncodeRune(dst[nDst:], r)
			nSrc += size
		}
	}
	return nDst, nSrc, nil
}

// next decodes one character: -1 for half a pair, size 0 when b ends inside it.
func (d fromUTF16) next(b []byte) (r rune, size int) {
	if len(b) < 2 {
		return 0, 0
	}
	r = rune(d.order.Uint16(b))
	if !utf16.IsSurrogate(r) {
		return r, 2
	}
	if r >= 0xDC00 {
		return -1, 2
	}
	if len(b) < 4 {
		return 0, 0
	}
	if r = utf16.DecodeRune(r, rune(d.order.Uint16(b[2:]))); r == utf8.RuneError {
		return -1, 2
	}
	return r, 4
}

var errLongRow = errors.New("a row is longer than 1 MiB")

// meter stops the text when one row grows without end.
type meter struct {
	in    io.Reader
	n     int64
	limit int64
}

func (m *meter) Read(p []byte) (int, error) {
	if m.n > m.limit {
		return 0, errLongRow
	}
	n, err := m.in.Read(p)
	m.n += int64(n)
	return n, err
}
