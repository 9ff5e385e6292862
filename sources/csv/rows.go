package csv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"scimsync/sync/record"
)

// rows is one pass over the people of a file. All its memory is used again for
// each row, but for the keys that were seen.
type rows struct {
	src   *Source
	ctx   context.Context
	file  *file
	table *table
	cols  []int // the column of each wanted name
	seen  keySet
	rec   record.Record
	value []string // one cell a wanted name; Attrs point into it
	n     int
	moji  mojibake
}

// readRows emits every row of the file.
func (s *Source) readRows(ctx context.Context, f *file, names []string, emit record.Emit) (outcome, error) {
	t, err := s.openTable(ctx, f)
	if err != nil {
		return outcome{}, err
	}
	cols, err := t.header.columns(names)
	if err != nil {
		return outcome{}, err
	}
	r := &rows{src: s, ctx: ctx, file: f, table: t, cols: cols, value: make([]string, len(cols))}
	r.rec = record.Record{Kind: record.User, Enabled: record.True, Attrs: make([]record.Attr, len(cols))}
	for i, name := range names {
		r.rec.Attrs[i].Name = name
	}
	for {
		row, err := t.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return outcome{}, err
		}
		if err := r.fill(row); err != nil {
			return outcome{}, err
		}
		if err := emit(&r.rec); err != nil {
			return outcome{}, err
		}
		r.n++
	}
	if err := ctx.Err(); err != nil {
		return outcome{}, err // it may have ended during the last block
	}
	out := outcome{extent: record.Full, rows: r.n, sum: t.raw.sum()}
	if w := r.moji.warning(); w != "" {
		out.warnings = []string{w}
	}
	return out, nil
}

// fill checks a row and makes it the current record.
func (r *rows) fill(row []string) error {
	keyText := textASCII
	for i, cell := range row {
		bad, kind := scan(cell)
		if bad >= 0 {
			line := r.table.line(i) + strings.Count(cell[:bad], "\n")
			return fmt.Errorf("line %d, column %s: %s", line, r.table.column(i), badText(cell[bad], r.table.enc))
		}
		if kind >= textWide {
			r.moji.wide++
			if kind == textOdd {
				r.moji.look(r.table, i, cell)
			}
		}
		if i == r.table.key {
			keyText = kind
		}
	}
	r.rec.Line = r.table.row
	if err := r.fillKey(row[r.table.key], keyText); err != nil {
		return err
	}
	for i, col := range r.cols {
		v := strings.TrimSpace(row[col])
		if v == "" {
			r.rec.Attrs[i].Values = nil
			continue
		}
		if v[0] == '#' && spreadsheetError(v) {
			return fmt.Errorf("%s: a spreadsheet's error value stands in for the real one: repair the export", r.table.at(col))
		}
		r.value[i] = v
		r.rec.Attrs[i].Values = r.value[i : i+1 : i+1]
	}
	return nil
}

// fillKey checks the key, which alone is shown in messages.
func (r *rows) fillKey(cell string, kind text) error {
	key, col := strings.TrimSpace(cell), r.table.key
	switch {
	case key == "":
		return fmt.Errorf("%s: the key is empty: every row is a person and needs one; delete rows that are none", r.table.at(col))
	case kind != textASCII && strings.ContainsAny(key, "\t\r\n"):
		return fmt.Errorf("%s: the key holds a line break or a tab", r.table.at(col))
	case spreadsheetError(key) || scientific(key):
		return fmt.Errorf("%s: the key %q was damaged by a spreadsheet: export the column as text", r.table.at(col), key)
	}
	r.rec.ID = key
	if r.seen.add(r.src.hash(key)) {
		return r.checkTwice(key)
	}
	return nil
}

// checkTwice reads the file again up to the current row to tell a key that
// stands twice from two keys that share a hash.
func (r *rows) checkTwice(key string) error {
	t, err := r.src.openTable(r.ctx, r.file)
	if err != nil {
		return err
	}
	for range r.n {
		row, err := t.next()
		if err != nil {
			return fmt.Errorf("look for the first row with key %q: %w", key, err)
		}
		if strings.TrimSpace(row[t.key]) == key {
			return fmt.Errorf("lines %d and %d, column %s: the key %q stands twice: two rows for one person, or one key for two people",
				t.row, r.rec.Line, r.table.column(t.key), key)
		}
	}
	return nil
}

// spreadsheetError knows the words that Excel and its like export in place of a
// value: an error, or a cell too narrow for its number.
func spreadsheetError(s string) bool {
	if s[0] != '#' {
		return false
	}
	switch strings.ToUpper(s) {
	case "#REF!", "#N/A", "#NAME?", "#VALUE!", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!", "#CALC!",
		"#BEZUG!", "#NV", "#WERT!", "#ZAHL!", "#VALEUR!", "#NOM?":
		return true
	}
	return len(s) >= 3 && strings.Trim(s, "#") == ""
}

// scientific knows a number that a spreadsheet shortened: 1,23E+05.
func scientific(s string) bool {
	at := strings.LastIndexByte(s, 'E')
	if at <= 0 || at+2 >= len(s) || s[at+1] != '+' && s[at+1] != '-' {
		return false
	}
	return strings.Trim(s[:at], "0123456789.,") == "" && strings.Trim(s[at+2:], "0123456789") == ""
}

// mojibake counts cells that look as if UTF-8 had been read as Windows-1252 and
// written again ("Ã¼" for "ü"), or as if characters had been lost.
type mojibake struct {
	wide, suspects int
	first          string // where the first one stands
}

// afterA are the characters that Windows-1252 makes of the bytes 0x80 to 0x9F.
const afterA = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"

func (m *mojibake) look(t *table, col int, cell string) {
	var before rune
	for _, c := range cell {
		twice := (before == 'Ã' || before == 'Â') && (c >= 0x80 && c < 0xC0 || strings.ContainsRune(afterA, c))
		if twice || c == '\ufffd' {
			if m.suspects++; m.suspects == 1 {
				m.first = t.at(col)
			}
			return
		}
		before = c
	}
}

// warning is empty below three cells, unless those are a tenth of all that hold
// more than ASCII.
func (m *mojibake) warning() string {
	if m.suspects == 0 || m.suspects < 3 && m.suspects*10 < m.wide {
		return ""
	}
	return fmt.Sprintf("%d values look as if their encoding was mistaken on the way (first: %s): see whether names with accents are right", m.suspects, m.first)
}
