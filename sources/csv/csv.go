// Package csv reads people from a delimited text file, the export an HR system drops
// into a folder, and groups and memberships from two more. It streams the files, keeps
// about 20 bytes a person and the keys of all groups, and refuses everything as soon as
// any part of it is in doubt: a cut, ragged, garbled or half-written file must look like
// a failed source, never like people who have left.
//
// The three files are one generation (generation.go): they are opened together once all
// have settled, and what one of them fails to prove, none of them gives.
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

// File says where a file is and how it is written.
type File struct {
	Path      string   // the file, or a glob as path.Match has it
	Pick      Pick     // which of several matching files
	Delimiter rune     // between cells; 0 is a comma
	Encoding  Encoding // of the whole file
}

// Groups is the file of groups: one row for each. The column "name" is the group's name,
// without one its key is.
type Groups struct {
	File
	Key string // the column that holds the anchor
}

// Members is the file of memberships: one row for each.
type Members struct {
	File
	Group    string // the column that holds the key of a group
	User     string // the column that holds the key of a person in it
	Subgroup string // the column that holds the key of a group in it, where User is empty; empty: groups hold people only
}

// Options is what the config says about files of people and groups.
type Options struct {
	Path      string        // the file of people; this and the next three are as in File
	Pick      Pick          // which of several matching files
	Delimiter rune          // between cells; 0 is a comma
	Encoding  Encoding      // of the whole file
	Key       string        // the column that holds the anchor
	Groups    *Groups       // nil: there are people only
	Members   *Members      // with Groups, and only then
	Settled   time.Duration // size and mtime of each file must have rested this long; 0: do not wait
	Manifest  string        // the file that proves a file, "{path}.ok"; empty: none
	MaxAge    time.Duration // an older file fails; 0: any age
	MinRows   int           // fewer people fail; below 1 counts as 1

	// Now and Wait are the clock; nil is the real one. Wait returns the
	// context's error when it ends first.
	Now  func() time.Time
	Wait func(context.Context, time.Duration) error
}

// Source reads the people and groups of one generation of files. It implements record.Source.
type Source struct {
	opts   *Options
	places []*place            // of people, groups and members, or of people only
	hash   func(string) uint64 // of keys, for finding doubles
}

// The files of a generation, by their place in lists.
const (
	ofUsers = iota
	ofGroups
	ofMembers
)

// place is where one file of a generation comes from.
type place struct {
	File
	key     string // the key's column; empty for members
	opts    *Options
	dir     string // the part of the path without wildcards: nothing outside is read
	pattern string // the rest, with slashes
	glob    bool
}

// New checks the options and returns a source. It touches no file.
func New(o Options) (*Source, error) {
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
	s := &Source{opts: &o, hash: seeded()}
	files, keys := []File{{o.Path, o.Pick, o.Delimiter, o.Encoding}}, []string{o.Key, "", ""}
	if o.Groups != nil {
		files, keys[ofGroups] = append(files, o.Groups.File, o.Members.File), o.Groups.Key
	}
	for i, f := range files {
		p := &place{File: f, key: keys[i], opts: &o}
		if p.Delimiter == 0 {
			p.Delimiter = ','
		}
		if err := p.check(); err != nil {
			return nil, fmt.Errorf("csv settings: %s%w", [...]string{"", "groups: ", "members: "}[i], err)
		}
		p.dir, p.pattern, p.glob = split(p.Path)
		if _, err := path.Match(p.pattern, ""); p.glob && err != nil {
			return nil, fmt.Errorf("csv settings: path %q is no valid glob: close every [ with a ]", p.Path)
		}
		s.places = append(s.places, p)
	}
	return s, nil
}

func (o *Options) check() error {
	switch {
	case strings.TrimSpace(o.Key) == "":
		return errors.New("key is empty: name the column that identifies a person for good")
	case o.Settled < 0 || o.MaxAge < 0:
		return errors.New("settled and max_age cannot be negative")
	case (o.Groups == nil) != (o.Members == nil):
		return errors.New("groups and members go together: who is in a group stands in a file of its own")
	case o.Groups == nil:
		return nil
	case strings.TrimSpace(o.Groups.Key) == "":
		return errors.New("groups.key is empty: name the column that identifies a group for good")
	case strings.TrimSpace(o.Members.Group) == "" || strings.TrimSpace(o.Members.User) == "":
		return errors.New("members.group or members.user is empty: name the columns that hold the keys of a group and of a person in it")
	case o.Manifest != "" && !strings.Contains(o.Manifest, "{path}"):
		return fmt.Errorf("manifest %q vouches for one file only: put {path} into its name", o.Manifest)
	}
	return nil
}

func (p *place) check() error {
	switch {
	case p.Path == "":
		return errors.New("path is empty: name a file or a glob")
	case strings.HasSuffix(p.Path, "/"):
		return fmt.Errorf("path %q is a directory: name a file in it, or a glob such as %q", p.Path, p.Path+"*.csv")
	case strings.ContainsRune("\"\r\n", p.Delimiter) || !utf8.ValidRune(p.Delimiter) || p.Delimiter == utf8.RuneError:
		return fmt.Errorf("delimiter %q cannot separate cells: use one of , ; | or a tab", p.Delimiter)
	case p.Encoding > ISO885915:
		return fmt.Errorf("%s: use one of utf-8, utf-16, windows-1252, iso-8859-15", p.Encoding)
	case p.Pick > Name:
		return fmt.Errorf("pick(%d): use newest or name", p.Pick)
	}
	return nil
}

// split parts a path into the folder that is sure and the pattern below it.
func split(p string) (dir, pattern string, glob bool) {
	p = filepath.ToSlash(filepath.Clean(p))
	cut := strings.IndexAny(p, wildcards)
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

// Describe reads the headers of the files that Read would pick now. It does not
// wait for them to settle.
func (s *Source) Describe(ctx context.Context) (record.Schema, error) {
	h, err := s.places[ofUsers].readHeader(ctx)
	if err != nil {
		return record.Schema{}, err
	}
	schema := h.schema()
	if s.opts.Groups == nil {
		return schema, nil
	}
	if h, err = s.places[ofGroups].readHeader(ctx); err != nil {
		return record.Schema{}, err
	}
	schema.GroupNames = h.groupNames()
	h, err = s.places[ofMembers].readHeader(ctx)
	if err != nil {
		return record.Schema{}, err
	}
	_, err = s.memberColumns(h)
	return schema, err
}

func (p *place) readHeader(ctx context.Context) (*header, error) {
	f, err := p.openNow(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	t, err := p.openTable(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.path, err)
	}
	return t.header, nil
}

// Read picks the files, proves that they are whole and emits a record for each row, groups
// first. Cells are text as they stand, without outer white space; an empty cell is an
// attribute without values. Want.Names may hold a column's own spelling where
// the name as record.Var gives it stands for several columns.
//
// Errors name file, line and column, never the content of a cell but the key's.
func (s *Source) Read(ctx context.Context, want record.Want, emit record.Emit) (record.Batch, error) {
	places := s.places
	if want.Groups == nil {
		places = places[:1]
	} else if s.opts.Groups == nil {
		return record.Batch{}, fmt.Errorf("read groups beside %s: it is not said where they are", s.opts.Path)
	}
	files, err := openTogether(ctx, places)
	if err != nil {
		return record.Batch{}, err
	}
	defer files.close()

	last := decodeCursor(want.From)
	same, err := s.unchanged(ctx, files, last, want)
	if err != nil {
		return record.Batch{}, err
	}
	if same {
		return s.whole(files, last.outcome(len(files)), want)
	}
	out := outcome{extent: record.Full}
	if want.Groups != nil {
		err = s.readGroups(ctx, files, want.Groups, emit, &out)
	}
	if err == nil {
		err = s.readUsers(ctx, files, want, emit, &out)
	}
	if err != nil {
		return record.Batch{}, err
	}
	return s.whole(files, out, want)
}

// outcome is what one pass over the files found.
type outcome struct {
	extent   record.Extent
	pass     [3]pass
	warnings []string
}

// pass is what one pass over one file found.
type pass struct {
	rows int
	sum  string // SHA-256 of the file, in hex
}

// nouns say what the rows of a file are.
var nouns = [...]string{ofUsers: "rows", ofGroups: "groups", ofMembers: "memberships"}

// whole holds what was read against everything that must be true of whole
// files, and only then calls it a batch.
func (s *Source) whole(files generation, out outcome, want record.Want) (record.Batch, error) {
	var note []string
	for i, f := range files {
		if err := s.wholeFile(f, i, out.pass[i]); err != nil {
			return record.Batch{}, fmt.Errorf("read %s: %w", f.path, err)
		}
		note = append(note, fmt.Sprintf("%s, %d %s", f.name, out.pass[i].rows, nouns[i]))
	}
	if out.extent == record.Same {
		note = append(note, "unchanged")
	}
	return record.Batch{
		Extent:   out.extent,
		Cursor:   s.cursor(files, out, want),
		Note:     strings.Join(note, ", "),
		Warnings: out.warnings,
	}, nil
}

func (s *Source) wholeFile(f *file, i int, found pass) error {
	if err := f.unchanged(); err != nil {
		return err
	}
	if f.proof != nil {
		if err := f.proof.agrees(found.rows, found.sum); err != nil {
			return err
		}
	}
	switch {
	case found.rows == 0 && i == ofUsers:
		return errors.New("there is a header and no row below it: an export of nobody is taken for a broken export")
	case found.rows == 0:
		return fmt.Errorf("there is a header and no row below it: an export without %s is taken for a broken export", nouns[i])
	case i == ofUsers && found.rows < s.opts.MinRows:
		return fmt.Errorf("%d rows are fewer than min_rows, which is %d: the export is incomplete, or min_rows is too high", found.rows, s.opts.MinRows)
	}
	return nil
}
