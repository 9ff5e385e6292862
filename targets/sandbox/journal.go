package sandbox

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// journal is the file of accounts: one JSON line for each write, appended
// before the write is applied and answered. A line reaches the operating
// system at once, so it survives the death of the process; it is not synced to
// the disk, which a rehearsal does not need.
//
//	open:   read all lines, drop a last one without its newline, rewrite as one
//	        line for each resource, rename over the old file
//	append: one write call; a failed one is cut off again
type journal struct {
	file   *os.File
	size   int64
	lock   *os.File
	closed bool
}

// open loads the file, if there is one, and keeps it for further writes.
func (s *store) open(path string) error {
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return err
	}
	if err := s.load(path); err != nil {
		return errors.Join(err, lock.Close())
	}
	j, err := s.compact(path)
	if err != nil {
		return errors.Join(err, lock.Close())
	}
	j.lock = lock
	s.journal = j
	return nil
}

// lockFile keeps a second process out for as long as the file is open; the
// system releases it however the process ends.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w; another sandbox has these accounts open: end it, or give this one another file", path, err), f.Close())
	}
	return f, nil
}

func (s *store) load(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close() // only read from
	in := bufio.NewReaderSize(f, 1<<16)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		switch {
		case err == nil:
			err = s.replay(line)
		case !errors.Is(err, io.EOF):
			return fmt.Errorf("read %s: %w", path, err)
		case torn(line):
			return s.checkMembers(path)
		default:
			err = errNotOurs
		}
		if err != nil {
			return fmt.Errorf("%s:%d: %w; mend or remove the line, or move the file away to start empty", path, n, err)
		}
	}
}

var errNotOurs = errors.New("not a line of a sandbox accounts file")

// torn says whether the rest of a file, which has no newline, can be a line of
// ours that was never finished, and so never answered. Anything else is
// somebody else's file, which must not be overwritten.
func torn(rest []byte) bool {
	begin := []byte(`{"op":"`)
	n := min(len(rest), len(begin))
	return bytes.Equal(rest[:n], begin[:n])
}

// checkMembers looks for members that are no accounts.
func (s *store) checkMembers(path string) error {
	for id := range s.parents {
		if s.any(id) == nil {
			return fmt.Errorf("%s: member %s of a group does not exist; move the file away to start empty", path, id)
		}
	}
	return nil
}

func (s *store) replay(line []byte) error {
	var c change
	if err := json.Unmarshal(line, &c); err != nil {
		return err
	}
	known := c.Kind == s.users.kind.Name || c.Kind == s.groups.kind.Name
	if !known || c.ID == "" || c.Op != "put" && c.Op != "delete" {
		return errNotOurs
	}
	if c.Op == "put" {
		body, err := parseObject(c.Body)
		if err != nil {
			return err
		}
		c.keys = keysOf(s.table(c.Kind).kind, body)
	}
	s.apply(c)
	return nil
}

// compact writes what is there now into a new file, moves it over the old one
// and leaves it open for appending.
func (s *store) compact(path string) (*journal, error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return nil, err
	}
	j := &journal{file: f}
	if err = j.rewrite(s); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("compact %s: %w", path, err), f.Close(), os.Remove(f.Name()))
	}
	return j, nil
}

func (j *journal) rewrite(s *store) error {
	out := bufio.NewWriterSize(j.file, 1<<16)
	for _, t := range []*table{s.users, s.groups} {
		for _, r := range t.list {
			line, err := (change{
				Op: "put", Kind: t.kind.Name, ID: r.id, At: r.modified, Created: r.created,
				Version: r.version, Body: r.body, Join: r.memberIDs(),
			}).line()
			if err != nil {
				return err
			}
			j.size += int64(len(line))
			if _, err := out.Write(line); err != nil {
				return err
			}
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return j.file.Sync()
}

func (c change) line() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(c); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// append adds one line. A line that could not be written whole is taken away
// again, so that the next one does not continue it.
func (j *journal) append(c change) error {
	if j.closed {
		return errors.New("the sandbox is closed")
	}
	line, err := c.line()
	if err != nil {
		return fmt.Errorf("encode a line for %s: %w", j.file.Name(), err)
	}
	if _, err := j.file.WriteAt(line, j.size); err != nil {
		return errors.Join(fmt.Errorf("append to the accounts file: %w", err), j.file.Truncate(j.size))
	}
	j.size += int64(len(line))
	return nil
}

// close ends the writing: what comes later is refused. A store without a file
// has nothing to close.
func (s *store) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.journal
	if j == nil || j.closed {
		return nil
	}
	j.closed = true
	return errors.Join(j.file.Close(), j.lock.Close())
}
