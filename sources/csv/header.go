package csv

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"scimsync/sync/record"
)

// header is the first row: the columns by their names.
type header struct {
	spelling []string         // of each column, cleaned
	byVar    map[string][]int // the columns a variable's name stands for
}

// newHeader cleans and checks the names of the columns.
func newHeader(row []string, delimiter rune) (*header, error) {
	h := &header{spelling: make([]string, len(row)), byVar: map[string][]int{}}
	folded := map[string]int{}
	for i, cell := range row {
		if strings.ContainsRune(cell, '\r') {
			return nil, errors.New("the header holds a bare carriage return: lines have to end in LF or CR LF")
		}
		name := cleanName(cell)
		if name == "" {
			return nil, fmt.Errorf("column %d has no name in the header: name it, or remove the delimiter at that place", i+1)
		}
		if before, twice := folded[strings.ToLower(name)]; twice {
			return nil, fmt.Errorf("columns %d and %d have one name, %q and %q: which one counts cannot be told", before+1, i+1, h.spelling[before], name)
		}
		folded[strings.ToLower(name)] = i
		h.spelling[i] = name
		v := record.Var(name)
		h.byVar[v] = append(h.byVar[v], i)
	}
	if other := otherDelimiter(row, delimiter); other != 0 {
		return nil, fmt.Errorf("the header is one single column that holds %q: set delimiter: %q", other, other)
	}
	return h, nil
}

// cleanName gives a column's name without what a spreadsheet or an encoding
// leaves around it; a no-break space inside counts as a space.
func cleanName(s string) string {
	s = strings.Map(func(r rune) rune {
		switch r {
		case '\u00a0', '\u202f':
			return ' '
		case '\ufeff', '\u200b':
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}

// otherDelimiter guesses, for an error only, what a header that was not split
// should have been split at.
func otherDelimiter(row []string, delimiter rune) rune {
	if len(row) != 1 {
		return 0
	}
	for _, r := range ";,\t|" {
		if r != delimiter && strings.ContainsRune(row[0], r) {
			return r
		}
	}
	return 0
}

func (h *header) schema() record.Schema {
	s := record.Schema{Collides: map[string][]string{}, Spelling: map[string]string{}}
	for v, cols := range h.byVar {
		s.Names = append(s.Names, v)
		if len(cols) == 1 {
			s.Spelling[v] = h.spelling[cols[0]]
			continue
		}
		for _, c := range cols {
			s.Collides[v] = append(s.Collides[v], h.spelling[c])
		}
	}
	slices.Sort(s.Names)
	return s
}

// groupNames are the attributes of groups: those that stand for one column, and the name.
func (h *header) groupNames() []string {
	names := []string{groupName}
	for v, cols := range h.byVar {
		if len(cols) == 1 {
			names = append(names, v)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// keyColumn finds a key's column by its spelling or by its variable's name. setting is
// where the config names it.
func (h *header) keyColumn(key, setting string) (int, error) {
	if i := slices.Index(h.spelling, cleanName(key)); i >= 0 {
		return i, nil
	}
	cols := h.byVar[record.Var(key)]
	switch len(cols) {
	case 1:
		return cols[0], nil
	case 0:
		return 0, fmt.Errorf("the header has no column %q, which is the %s%s: either the export renamed it, or %[2]s has to be set right", key, setting, h.meant(key))
	}
	return 0, fmt.Errorf("%s %q stands for columns %s: write it as the header does", setting, key, h.quoted(cols))
}

// columns finds the column of each wanted name. A name is a variable's, or a
// column's own spelling, which alone reaches columns whose variables collide.
func (h *header) columns(names []string) ([]int, error) {
	out := make([]int, len(names))
	var wrong []error
	for i, name := range names {
		cols := h.byVar[name]
		if len(cols) == 0 {
			if at := slices.Index(h.spelling, name); at >= 0 {
				cols = []int{at}
			}
		}
		switch len(cols) {
		case 1:
			out[i] = cols[0]
		case 0:
			wrong = append(wrong, fmt.Errorf("the header has no column %q%s", name, h.meant(name)))
		default:
			wrong = append(wrong, fmt.Errorf("%q stands for columns %s: use attr(\"…\") with the header's spelling", name, h.quoted(cols)))
		}
	}
	if len(wrong) > 0 {
		return nil, fmt.Errorf("%w: either the export renamed a column, or the mapping has to be set right", joinLine(wrong))
	}
	return out, nil
}

// joinLine joins errors on one line.
func joinLine(errs []error) error {
	text := make([]string, len(errs))
	for i, err := range errs {
		text[i] = err.Error()
	}
	return errors.New(strings.Join(text, "; "))
}

func (h *header) quoted(cols []int) string {
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = fmt.Sprintf("%q", h.spelling[c])
	}
	return strings.Join(out, " and ")
}

// meant names the columns nearest to a name that is not there. Only near ones:
// the first line of a file without a header is somebody's data.
func (h *header) meant(name string) string {
	const most = 3
	v := record.Var(name)
	type near struct{ col, distance int }
	var found []near
	for i, s := range h.spelling {
		c := record.Var(s)
		d := distance(v, c)
		if len(v) >= 3 && len(c) >= 3 && (strings.Contains(v, c) || strings.Contains(c, v)) {
			d = min(d, 1)
		}
		if d <= 1+len(v)/4 && d < len(v) {
			found = append(found, near{i, d})
		}
	}
	slices.SortStableFunc(found, func(a, b near) int { return a.distance - b.distance })
	var cols []int
	for _, f := range found[:min(most, len(found))] {
		cols = append(cols, f.col)
	}
	if len(cols) == 0 {
		return fmt.Sprintf(" and none of its %d is like it", len(h.spelling))
	}
	return " (there is " + h.quoted(cols) + ")"
}

// distance counts the characters to insert, delete or replace (Levenshtein).
func distance(a, b string) int {
	ar, br := []rune(a), []rune(b)
	row := make([]int, len(br)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range ar {
		diagonal := row[0]
		row[0] = i + 1
		for j, y := range br {
			cost := diagonal
			if x != y {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(br)]
}
