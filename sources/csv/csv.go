// Package csv reads people from one delimited text file: the export an HR system
// drops into a folder. It streams the file, keeps about 20 bytes a person, and
// refuses the whole file as soon as any part of it is in doubt: a cut, ragged,
// garbled or half-written file must look like a failed source, never like
// people who have left.
package csv

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"scimsync/sync/record"
)

// Pick chooses among the files that match a glob.
type Pick uint8

const (
	// Newest takes the file modified last; of several, the highest name.
	Newest Pick = iota
	// Name takes the file with the highest name in byte order.
	Name
)

// Options is what the config says about a file of people.
type Options struct {
	Path      string        // the file, or a glob as path.Match has it
	Pick      Pick          // which of several matching files
	Key       string        // the column that holds the anchor
	Delimiter rune          // between cells; 0 is a comma
	Encoding  Encoding      // of the whole file
	Settled   time.Duration // size and mtime must have rested this long; 0: do not wait
	Manifest  string        // the file that proves the file, "{path}.ok"; empty: none
	MaxAge    time.Duration // an older file fails; 0: any age
	MinRows   int           // fewer rows fail; below 1 counts as 1

	// Now and Wait are the clock; nil is the real one. Wait returns the
	// context's error when it ends first.
	Now  func() time.Time
	Wait func(context.Context, time.Duration) error
}

// Source reads the people of one file. It implements record.Source.
type Source struct {
	opts    Options
	dir     string // the part of the path without wildcards: nothing outside is read
	pattern string // the rest, with slashes
	glob    bool
	hash    func(string) uint64 // of keys, for finding doubles
}

// New checks the options and returns a source. It touches no file.
func New(o Options) (*Source, error) {
	if o.Delimiter == 0 {
		o.Delimiter = ','
	}
	if o.MinRows < 1 {
		o.MinRows = 1
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Wait == nil {
		o.Wait = wait
	}
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("csv settings: %w", err)
	}
	s := &Source{opts: o, hash: seeded()}
	s.dir, s.pattern, s.glob = split(o.Path)
	if _, err := path.Match(s.pattern, ""); s.glob && err != nil {
		return nil, fmt.Errorf("csv settings: path %q is no valid glob: close every [ with a ]", o.Path)
	}
	return s, nil
}

func (o *Options) check() error {
	switch {
	case o.Path == "":
		return errors.New("path is empty: name a file or a glob")
	case strings.HasSuffix(o.Path, "/"):
		return fmt.Errorf("path %q is a directory: name a file in it, or a glob such as %q", o.Path, o.Path+"*.csv")
	case strings.TrimSpace(o.Key) == "":
		return errors.New("key is empty: name the column that identifies a person for good")
	case strings.ContainsRune("\"\r\n", o.Delimiter) || !utf8.ValidRune(o.Delimiter) || o.Delimiter == utf8.RuneError:
		return fmt.Errorf("delimiter %q cannot separate cells: use one of , ; | or a tab", o.Delimiter)
	case o.Encoding > ISO885915:
		return fmt.Errorf("%s: use one of utf-8, utf-16, windows-1252, iso-8859-15", o.Encoding)
	case o.Pick > Name:
		return fmt.Errorf("pick(%d): use newest or name", o.Pick)
	case o.Settled < 0 || o.MaxAge < 0:
		return errors.New("settled and max_age cannot be negative")
	}
	return nil
}

// split parts a path into the folder that is sure and the pattern below it.
func split(p string) (dir, pattern string, glob bool) {
	p = filepath.ToSlash(filepath.Clean(p))
	cut := strings.IndexAny(p, `*?[\`)
	glob = cut >= 0
	if !glob {
		cut = len(p)
	}
	slash := strings.LastIndexByte(p[:cut], '/')
	switch {
	case slash < 0:
		dir = "."
	case slash == 0:
		dir = "/"
	default:
		dir = p[:slash]
	}
	return dir, p[slash+1:], glob
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Describe reads the header of the file that Read would pick now. It does not
// wait for the file to settle.
func (s *Source) Describe(ctx context.Context) (record.Schema, error) {
	f, err := s.openNow(ctx)
	if err != nil {
		return record.Schema{}, err
	}
	defer func() { _ = f.Close() }()
	t, err := s.openTable(ctx, f)
	if err != nil {
		return record.Schema{}, fmt.Errorf("read %s: %w", f.path, err)
	}
	return t.header.schema(), nil
}

// Read picks a file, proves that it is whole and emits a record for each row.
// Cells are text as they stand, without outer white space; an empty cell is an
// attribute without values. Want.Names may hold a column's own spelling where
// the name as record.Var gives it stands for several columns.
//
// Errors name file, line and column, never the content of a cell but the key's.
func (s *Source) Read(ctx context.Context, want record.Want, emit record.Emit) (record.Batch, error) {
	if want.Groups != nil {
		return record.Batch{}, fmt.Errorf("read groups beside %s: there are none", s.opts.Path)
	}
	f, err := s.openSettled(ctx)
	if err != nil {
		return record.Batch{}, err
	}
	defer func() { _ = f.Close() }()

	last := decodeCursor(want.From)
	same, err := s.unchanged(ctx, f, last, want.Names)
	if err != nil {
		return record.Batch{}, fmt.Errorf("read %s: %w", f.path, err)
	}
	if same {
		return s.whole(f, outcome{rows: last.Rows, sum: last.SHA256, extent: record.Same}, want.Names)
	}
	out, err := s.readRows(ctx, f, want.Names, emit)
	if err != nil {
		return record.Batch{}, fmt.Errorf("read %s: %w", f.path, err)
	}
	return s.whole(f, out, want.Names)
}

// outcome is what one pass over the file found.
type outcome struct {
	extent   record.Extent
	rows     int
	sum      string // SHA-256 of the file, in hex
	warnings []string
}

// whole holds what was read against everything that must be true of a whole
// file, and only then calls it a batch.
func (s *Source) whole(f *file, out outcome, names []string) (record.Batch, error) {
	if err := f.unchanged(); err != nil {
		return record.Batch{}, fmt.Errorf("read %s: %w", f.path, err)
	}
	if f.proof != nil {
		if err := f.proof.agrees(out.rows, out.sum); err != nil {
			return record.Batch{}, fmt.Errorf("read %s: %w", f.path, err)
		}
	}
	if out.rows == 0 {
		return record.Batch{}, fmt.Errorf("read %s: there is a header and no row below it: an export of nobody is taken for a broken export", f.path)
	}
	if out.rows < s.opts.MinRows {
		return record.Batch{}, fmt.Errorf("read %s: %d rows are fewer than min_rows, which is %d: the export is incomplete, or min_rows is too high", f.path, out.rows, s.opts.MinRows)
	}
	note := fmt.Sprintf("%s, %d rows", f.name, out.rows)
	if out.extent == record.Same {
		note += ", unchanged"
	}
	return record.Batch{
		Extent:   out.extent,
		Cursor:   s.cursor(f, out, names),
		Note:     note,
		Warnings: out.warnings,
	}, nil
}
