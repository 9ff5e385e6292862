package csv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"scimsync/sync/record"
)

// thing is what each row of a file describes.
type thing struct {
	kind    record.Kind
	enabled record.Tri
	ref     string // what links name it by, before its key
	one     string
	twice   string // what a key that stands twice may mean
}

var (
	person = thing{record.User, record.True, "user/", "a person", "two rows for one person, or one key for two people"}
	group  = thing{record.Group, record.Unknown, "group/", "a group", "two rows for one group, or one key for two groups"}
)

// groupName is the attribute that every group has.
const groupName = "name"

// rows is one pass over the people or groups of a file. All its memory is used again for
// each row, but for the keys that were seen.
type rows struct {
	place *place
	thing thing
	hash  func(string) uint64
	ctx   context.Context
	file  *file
	table *table
	cols  []int // the column of each wanted name
	seen  keySet
	rec   record.Record
	ref   []string // nil: links are not asked for
	value []string // one cell a wanted name; Attrs point into it
	n     int
	moji  mojibake
}

// readUsers emits all people.
func (s *Source) readUsers(ctx context.Context, files generation, want record.Want, emit record.Emit, out *outcome) error {
	r := &rows{ctx: ctx, thing: person, file: files[ofUsers], place: s.places[ofUsers], hash: s.hash}
	if want.Groups != nil {
		r.ref = make([]string, 1)
	}
	return r.read(want.Names, emit, &out.pass[ofUsers], out)
}

// read emits every row of the file.
func (r *rows) read(names []string, emit record.Emit, found *pass, out *outcome) error {
	err := r.readAll(names, emit)
	if err != nil {
		var mine emitError
		if errors.As(err, &mine) {
			return mine.error
		}
		return fmt.Errorf("read %s: %w", r.file.path, err)
	}
	found.rows, found.sum = r.n, r.table.raw.sum()
	if w := r.moji.warning(); w != "" {
		if r.thing.kind != record.User {
			w = r.file.name + ": " + w
		}
		out.warnings = append(out.warnings, w)
	}
	return nil
}

// emitError carries what the receiver said, to be returned as it is.
type emitError struct{ error }

func (r *rows) readAll(names []string, emit record.Emit) error {
	t, err := r.place.openTable(r.ctx, r.file)
	if err != nil {
		return err
	}
	if r.thing.kind == record.Group && t.header.byVar[groupName] == nil {
		t.header.byVar[groupName] = []int{t.key}
	}
	cols, err := t.header.columns(names)
	if err != nil {
		return err
	}
	r.table, r.cols, r.value = t, cols, make([]string, len(cols))
	r.rec = record.Record{Kind: r.thing.kind, Enabled: r.thing.enabled, Attrs: make([]record.Attr, len(cols)), Refs: r.ref}
	for i, name := range names {
		r.rec.Attrs[i].Name = name
	}
	for {
		row, err := t.next()
		if errors.Is(err, io.EOF) {
			return r.ctx.Err() // it may have ended during the last block
		}
		if err != nil {
			return err
		}
		if err := r.fill(row); err != nil {
			return err
		}
		if err := emit(&r.rec); err != nil {
			return emitError{err}
		}
		r.n++
	}
}

// fill checks a row and makes it the current record.
func (r *rows) fill(row []string) error {
	plain, err := r.table.check(row, &r.moji)
	if err != nil {
		return err
	}
	r.rec.Line = r.table.row
	if err := r.fillKey(row, plain); err != nil {
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

// check refuses what no text may hold. plain tells that all cells are printable ASCII.
func (t *table) check(row []string, moji *mojibake) (plain bool, err error) {
	plain = true
	for i, cell := range row {
		bad, kind := scan(cell)
		if bad >= 0 {
			line := t.line(i) + strings.Count(cell[:bad], "\n")
			return false, fmt.Errorf("line %d, column %s: %s", line, t.column(i), badText(cell[bad], t.enc))
		}
		if kind != textASCII {
			plain = false
		}
		if kind >= textWide {
			moji.wide++
			if kind == textOdd {
				moji.look(t, i, cell)
			}
		}
	}
	return plain, nil
}

// fillKey checks the key, which alone is shown in messages.
func (r *rows) fillKey(row []string, plain bool) error {
	key, err := r.table.keyAt(row, r.table.key, plain)
	if err != nil {
		return err
	}
	if key == "" {
		return fmt.Errorf("%s: the key is empty: every row is %s and needs one; delete rows that are none", r.table.at(r.table.key), r.thing.one)
	}
	r.rec.ID = key
	if r.ref != nil {
		r.ref[0] = r.thing.ref + key
	}
	if r.seen.add(r.hash(key)) {
		return r.checkTwice(key)
	}
	return nil
}

// keyAt gives the key in a column; empty: there is none.
func (t *table) keyAt(row []string, col int, plain bool) (string, error) {
	key := strings.TrimSpace(row[col])
	switch {
	case key == "":
		return "", nil
	case !plain && strings.ContainsAny(key, "\t\r\n"):
		return "", fmt.Errorf("%s: the key holds a line break or a tab", t.at(col))
	case spreadsheetError(key) || scientific(key):
		return "", fmt.Errorf("%s: the key %q was damaged by a spreadsheet: export the column as text", t.at(col), key)
	}
	return key, nil
}

// checkTwice reads the file again up to the current row to tell a key that
// stands twice from two keys that share a hash.
func (r *rows) checkTwice(key string) error {
	t, err := r.place.openTable(r.ctx, r.file)
	if err != nil {
		return err
	}
	for range r.n {
		row, err := t.next()
		if err != nil {
			return fmt.Errorf("look for the first row with key %q: %w", key, err)
		}
		if strings.TrimSpace(row[t.key]) == key {
			return fmt.Errorf("lines %d and %d, column %s: the key %q stands twice: %s",
				t.row, r.rec.Line, r.table.column(t.key), key, r.thing.twice)
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
