package csv

import (
	"bufio"
	"bytes"
	"context"
	stdcsv "encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// table is a file opened as rows of cells, behind its header.
type table struct {
	raw    *raw
	meter  *meter
	csv    *stdcsv.Reader
	header *header
	key    int // the key's column, in files that have one
	skip   int // lines before the header
	row    int // the line on which the current row starts
	enc    Encoding
}

// openTable decodes the file and reads its header. Several tables may read one
// open file.
func (p *place) openTable(ctx context.Context, f *file) (*table, error) {
	t := &table{raw: newRaw(ctx, f), enc: p.Encoding}
	text, err := decode(t.raw, p.Encoding)
	if err != nil {
		return nil, err
	}
	t.meter = &meter{in: text, limit: maxRow}
	in := bufio.NewReaderSize(t.meter, blockSize)
	if t.skip, err = skipSep(in, p.Delimiter); err != nil {
		return nil, err
	}
	t.csv = stdcsv.NewReader(in)
	t.csv.Comma = p.Delimiter
	t.csv.ReuseRecord = true
	row, err := t.csv.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the file has no header line")
	}
	if err != nil {
		return nil, fmt.Errorf("header: %w", t.explain(row, err))
	}
	for i, cell := range row {
		if at, _ := scan(cell); at >= 0 {
			line, _ := t.csv.FieldPos(i)
			return nil, fmt.Errorf("header, line %d, column %d: %s", line+t.skip, i+1, badText(cell[at], t.enc))
		}
	}
	if t.header, err = newHeader(row, p.Delimiter); err != nil {
		return nil, err
	}
	if p.key != "" {
		t.key, err = t.header.keyColumn(p.key, "key")
	}
	return t, err
}

// skipSep skips the line "sep=;" that tells Excel the delimiter. It may confirm
// the configured delimiter but never change it: a file cannot re-map everybody.
func skipSep(in *bufio.Reader, delimiter rune) (lines int, err error) {
	const longest = 12 // "sep=;" with quotes, a wide delimiter and the line break
	head, err := in.Peek(longest)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	line, _, found := bytes.Cut(head, []byte("\n"))
	line = bytes.Trim(bytes.TrimSuffix(line, []byte("\r")), `"`)
	if !found || len(line) < 4 || !strings.EqualFold(string(line[:4]), "sep=") {
		return 0, nil
	}
	if r, size := utf8.DecodeRune(line[4:]); r != delimiter || size != len(line)-4 {
		return 0, fmt.Errorf("the first line says %q and delimiter is %q: set delimiter: %q", line, delimiter, line[4:])
	}
	_, err = in.ReadSlice('\n')
	return 1, err
}

// next returns the next row; io.EOF after the last.
func (t *table) next() ([]string, error) {
	row, err := t.csv.Read()
	if err != nil {
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		return nil, t.explain(row, err)
	}
	t.meter.limit = t.csv.InputOffset() + maxRow
	t.row = t.line(0)
	return row, nil
}

// line is the line in the file on which a cell of the current row starts.
func (t *table) line(col int) int {
	line, _ := t.csv.FieldPos(col)
	return line + t.skip
}

// at says where a cell stands, for messages.
func (t *table) at(col int) string {
	return fmt.Sprintf("line %d, column %s", t.line(col), t.column(col))
}

func (t *table) column(col int) string {
	if t.header != nil && col < len(t.header.spelling) {
		return fmt.Sprintf("%q", t.header.spelling[col])
	}
	return fmt.Sprintf("%d", col+1)
}

// explain turns an error of encoding/csv into one that says what to do. The
// cells before the wrong one are in row, so their number names the column.
func (t *table) explain(row []string, err error) error {
	if errors.Is(err, errLongRow) {
		return fmt.Errorf("the row after line %d: %w: look for a quote that is opened there and never closed", max(t.row, t.skip), err)
	}
	var p *stdcsv.ParseError
	if !errors.As(err, &p) {
		return err
	}
	switch {
	case errors.Is(p.Err, stdcsv.ErrFieldCount) && len(row) < len(t.header.spelling):
		return fmt.Errorf("line %d: the row has %d columns and the header %d, it ends before column %s: the row was cut, or a line break inside a value is not quoted",
			p.StartLine+t.skip, len(row), len(t.header.spelling), t.column(len(row)))
	case errors.Is(p.Err, stdcsv.ErrFieldCount):
		return fmt.Errorf("line %d: the row has %d columns and the header %d, it goes on after column %s: a value that holds the delimiter has to be quoted",
			p.StartLine+t.skip, len(row), len(t.header.spelling), t.column(len(t.header.spelling)-1))
	case errors.Is(p.Err, stdcsv.ErrBareQuote):
		return fmt.Errorf("line %d, column %s: a quote inside a value that is not quoted: quote the whole value and double the quotes in it",
			p.Line+t.skip, t.column(len(row)))
	case errors.Is(p.Err, stdcsv.ErrQuote):
		return fmt.Errorf("line %d, column %s: a quoted value is not closed properly by line %d: the file was cut, or a quote inside the value is not doubled",
			p.StartLine+t.skip, t.column(len(row)), p.Line+t.skip)
	}
	return fmt.Errorf("line %d: %w", p.Line+t.skip, p.Err)
}

// text is what scan found in a cell.
type text uint8

const (
	textASCII text = iota // printable ASCII only
	textBreak             // with tabs or line breaks
	textWide              // with characters beyond ASCII
	textOdd               // with some that mistaken encodings leave behind
)

// scan returns the place of the first byte that no text may hold, or -1. It runs
// over every byte of the file: the plain cell comes first.
func scan(s string) (bad int, kind text) {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c-0x20 < 0x80-0x20 {
			continue
		}
		if c >= 0x80 {
			return scanWide(s, i)
		}
		if c != '\t' && c != '\n' && c != '\r' {
			return i, kind
		}
		kind = textBreak
	}
	return -1, kind
}

// scanWide goes on where the first byte beyond ASCII stands.
func scanWide(s string, from int) (bad int, kind text) {
	kind = textWide
	for i := from; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return i, kind
		case r < 0x20 && r != '\t' && r != '\n' && r != '\r':
			return i, kind
		case r == 'Ã' || r == 'Â' || r == utf8.RuneError:
			kind = textOdd
		}
		i += size
	}
	return -1, kind
}

func badText(b byte, e Encoding) string {
	if b < 0x20 {
		hint := "remove it"
		if b == 0 && e == UTF8 {
			hint = "is the file UTF-16? Then set encoding: utf-16"
		}
		return fmt.Sprintf("a control character (0x%02X): %s", b, hint)
	}
	return fmt.Sprintf("bytes that are not valid %s, which is the encoding set: the file is spelt otherwise (set encoding), or damaged", e)
}
