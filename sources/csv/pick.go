package csv

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// settleRounds is how often a file that keeps changing is looked at again
// before the read gives up on it.
const settleRounds = 5

// candidate is a file that may be read, as it was when it was looked at.
type candidate struct {
	name string // below the place's folder
	info fs.FileInfo
}

func (c candidate) same(o candidate) bool {
	return c.name == o.name && sameState(c.info, o.info)
}

func sameState(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// file is an open file, and what is known about it from outside.
type file struct {
	*os.File
	path  string // as messages name it
	name  string
	info  fs.FileInfo
	proof *manifest // nil: none was asked for
}

// unchanged says whether the file is still as it was when it was opened.
func (f *file) unchanged() error {
	now, err := f.Stat()
	if err != nil {
		return err
	}
	if !sameState(f.info, now) {
		return errors.New("the file changed while it was read: let the export write under another name and rename it when done, or set ready.settled")
	}
	return nil
}

// openNow opens the file that is picked at this moment, settled or not.
func (p *place) openNow(ctx context.Context) (*file, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(p.dir)
	if err != nil {
		return nil, fmt.Errorf("open the folder of %s: %w", p.Path, err)
	}
	defer func() { _ = root.Close() }()
	c, err := p.pick(root)
	if err != nil {
		return nil, err
	}
	return p.open(root, c)
}

func (p *place) open(root *os.Root, c candidate) (*file, error) {
	in, err := root.Open(c.name)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w: the service's user needs to read it", p.display(c.name), err)
	}
	f := &file{File: in, path: p.display(c.name), name: c.name}
	if f.info, err = in.Stat(); err == nil && !sameState(c.info, f.info) {
		err = errors.New("the file was replaced while it was opened: the next run reads the new one")
	}
	if err == nil && f.info.Size() == 0 {
		err = errors.New("the file is empty (0 bytes): the export failed or is still running")
	}
	if err != nil {
		_ = in.Close()
		return nil, fmt.Errorf("read %s: %w", f.path, err)
	}
	return f, nil
}

// checkWhole refuses a file that is too old or was cut, before any row of it is used.
func (p *place) checkWhole(f *file) error {
	if age := p.opts.Now().Sub(f.info.ModTime()); p.opts.MaxAge > 0 && age > p.opts.MaxAge {
		return fmt.Errorf("the file is %s old (written %s) and max_age is %s: see whether the export still runs",
			age.Round(time.Second), f.info.ModTime().Format(time.RFC3339), p.opts.MaxAge)
	}
	if p.opts.Manifest != "" {
		var err error
		f.proof, err = readManifest(strings.ReplaceAll(p.opts.Manifest, "{path}", f.path))
		return err
	}
	whole, err := endsInNewline(f, f.info.Size(), p.Encoding)
	if err != nil {
		return err
	}
	if !whole {
		return errors.New("the last line does not end in a line break, so the file may have been cut: export it again, or hand it over with a manifest (ready.manifest) that proves it whole")
	}
	return nil
}

// settle returns the picked file once its size and mtime have rested for
// Settled. A file that was last written long enough ago costs no wait.
func (p *place) settle(ctx context.Context, root *os.Root) (candidate, error) {
	c, err := p.pick(root)
	for round := 0; err == nil; round++ {
		rest := p.opts.Settled - p.opts.Now().Sub(c.info.ModTime())
		if rest <= 0 {
			return c, ctx.Err()
		}
		if round == settleRounds {
			return c, fmt.Errorf("read %s: the file keeps changing: it is still being written, or ready.settled (%s) is too long for how often it is written", p.display(c.name), p.opts.Settled)
		}
		// A time of change in the future tells nothing: watch the whole while.
		if err := p.opts.Wait(ctx, min(rest, p.opts.Settled)); err != nil {
			return c, fmt.Errorf("wait for %s to settle: %w", p.display(c.name), err)
		}
		var again candidate
		if again, err = p.pick(root); err == nil && again.same(c) {
			return again, nil
		}
		c = again
	}
	return c, err
}

// pick chooses the file. Nothing outside the folder is followed, and files that
// an upload in progress leaves behind are not seen.
func (p *place) pick(root *os.Root) (candidate, error) {
	names := []string{p.pattern}
	if p.glob {
		var err error
		if names, err = fs.Glob(root.FS(), p.pattern); err != nil {
			return candidate{}, fmt.Errorf("list %s: %w", p.Path, err)
		}
	}
	proofs := p.manifestsOf(names)
	var best candidate
	var passed []error // why files that match were not taken
	for _, name := range names {
		if p.glob && (unfinished(path.Base(name)) || proofs[p.display(name)]) {
			passed = append(passed, fmt.Errorf("%s: an unfinished upload, a hidden file or a manifest", name))
			continue
		}
		info, err := root.Stat(name)
		if e, ok := errors.AsType[*fs.PathError](err); ok { // its Op is a system call's name
			err = fmt.Errorf("%s: %w", name, e.Err)
		}
		if err == nil && !info.Mode().IsRegular() {
			err = fmt.Errorf("%s: not a regular file", name)
		}
		if err != nil {
			passed = append(passed, err)
			continue
		}
		c := candidate{name: name, info: info}
		if best.info == nil || p.before(best, c) {
			best = c
		}
	}
	if best.info == nil {
		return candidate{}, p.nothing(passed)
	}
	return best, nil
}

// before says whether b is to be preferred over a.
func (p *place) before(a, b candidate) bool {
	if at, bt := a.info.ModTime(), b.info.ModTime(); p.Pick == Newest && !at.Equal(bt) {
		return at.Before(bt)
	}
	return a.name < b.name
}

// manifestsOf names the manifests of all files, so that a wide glob does not
// take one for a file of people.
func (p *place) manifestsOf(names []string) map[string]bool {
	if p.opts.Manifest == "" {
		return nil
	}
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[strings.ReplaceAll(p.opts.Manifest, "{path}", p.display(n))] = true
	}
	return m
}

// nothing explains why no file was found.
func (p *place) nothing(passed []error) error {
	if !p.glob {
		return fmt.Errorf("open %s: %w: see whether the export ran, and whether a link leads out of %s",
			p.Path, passed[0], p.dir)
	}
	if len(passed) == 0 {
		return fmt.Errorf("no file matches %q in folder %s: see whether the export ran and whether path is right", p.pattern, p.dir)
	}
	return fmt.Errorf("no file that matches %q in folder %s can be used, %d were passed over (the first: %w)",
		p.pattern, p.dir, len(passed), passed[0])
}

// unfinished knows the names under which uploads and office programs keep files
// that are not for reading.
func unfinished(base string) bool {
	base = strings.ToLower(base)
	return strings.HasPrefix(base, ".") || strings.HasPrefix(base, "~$") ||
		strings.HasSuffix(base, ".tmp") || strings.HasSuffix(base, ".part") || strings.HasSuffix(base, ".filepart")
}

func (p *place) display(name string) string { return filepath.Join(p.dir, filepath.FromSlash(name)) }
