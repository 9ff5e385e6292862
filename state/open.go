package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// fileName is the state file in its directory.
const fileName = "state.db"

// defaultWait is how long Open waits for the lock.
const defaultWait = 5 * time.Second

// Open opens the state in dir and keeps it locked until Close. A directory or file
// that is missing is made, for nobody but the owner. If another process has the state
// open, Open waits for Options.LockWait and then returns an error that is ErrLocked and
// names the process. A file that is not a state, is damaged, or was written by a newer
// scimsync is refused and left as it is; one of an older scimsync is copied to
// state.db.vN and then brought up to date.
func Open(dir string, opts Options) (*State, error) {
	return open(dir, opts, current)
}

func open(dir string, opts Options, sch schema) (*State, error) {
	if opts.LockWait == 0 {
		opts.LockWait = defaultWait
	}
	if opts.Step == nil {
		opts.Step = func(string) {}
	}
	if err := secureDir(dir); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, fileName)
	if err := create(path, sch); err != nil {
		return nil, fmt.Errorf("create state %s: %w", path, err)
	}
	holder := newHolder(dir, opts.Command)
	db, err := openFile(path, boltOptions(), holder.lock(opts.LockWait))
	if err != nil {
		return nil, err
	}
	s := &State{db: db, path: path, lock: holder, step: opts.Step}
	if err := s.adopt(sch); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// adopt makes an opened file ours: readable by the owner only, of the present schema,
// and with our name on the lock.
func (s *State) adopt(sch schema) error {
	if err := os.Chmod(s.path, 0o600); err != nil {
		return fmt.Errorf("protect state: %w", err)
	}
	if err := s.lock.write(); err != nil {
		return fmt.Errorf("name the holder of state %s: %w", s.path, err)
	}
	return sch.bring(s)
}

// OpenScratch opens a copy that Copy made, for a use after which it is thrown away: it
// is not locked against others, and what is written to it need not survive a crash.
func OpenScratch(path string) (*State, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open scratch state: %w", err)
	}
	opts := boltOptions()
	opts.NoSync, opts.NoGrowSync = true, true
	db, err := openFile(path, opts, func(*os.File) error { return nil })
	if err != nil {
		return nil, err
	}
	s := &State{db: db, path: path, step: func(string) {}}
	if err := current.bring(s); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func boltOptions() *bolt.Options {
	opts := &bolt.Options{
		Timeout:      defaultWait, // only a second line: the file is locked before bbolt sees it
		FreelistType: bolt.FreelistMapType,
		NoStatistics: true,
	}
	if strconv.IntSize == 64 {
		// Address space, not memory. As long as the file fits, no write has to wait for
		// the readers to map it anew.
		opts.InitialMmapSize = 4 << 30
	}
	return opts
}

// openFile opens and locks an existing file, and looks through it before bbolt does:
// bbolt trusts what it reads and ends the process where it meets nonsense.
func openFile(path string, opts *bolt.Options, lock func(*os.File) error) (db *bolt.DB, err error) {
	var f *os.File
	defer func() {
		if r := recover(); r != nil {
			db, err = nil, errors.Join(damaged(path, fmt.Errorf("%v", r)), f.Close())
		}
	}()
	opts.OpenFile = func(name string, flag int, mode os.FileMode) (_ *os.File, err error) {
		if f, err = os.OpenFile(name, flag&^os.O_CREATE, mode); err != nil {
			return nil, fmt.Errorf("open state: %w", err)
		}
		if err := lock(f); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if err := verify(f); err != nil {
			return nil, errors.Join(damaged(path, err), f.Close())
		}
		return f, nil
	}
	db, err = bolt.Open(path, 0o600, opts)
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, fmt.Errorf("open state %s: %w by a program other than scimsync", path, ErrLocked)
	}
	return db, err
}

// damaged is the error for a file that cannot be used as it is.
func damaged(path string, why error) error {
	return fmt.Errorf("open state %s: %w; the file was left as it is: put a backup in its place, "+
		"or move it away to begin anew (each job then starts with a first contact, which finds the accounts again)", path, why)
}

// create makes an empty state unless there is a file. It appears under its name only
// when it is whole, so that a crash in between leaves nothing that looks damaged.
func create(path string, sch schema) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), fileName+".new-*")
	if err != nil {
		return err
	}
	temp := f.Name()
	defer func() { _ = os.Remove(temp) }()
	if err := f.Close(); err != nil {
		return err
	}
	db, err := bolt.Open(temp, 0o600, &bolt.Options{Timeout: defaultWait})
	if err != nil {
		return err
	}
	if err := errors.Join(db.Update(sch.lay), db.Close()); err != nil {
		return err
	}
	// A link, unlike a rename, does not take the place of a file that another process
	// made in the meantime.
	if err := os.Link(temp, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// secureDir makes dir, or shuts it to all but its owner. A directory that holds
// anything but a state is not shut: it may be one that others need.
func secureDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the state directory: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("look at the state directory: %w", err)
	}
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	names, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("look at the state directory: %w", err)
	}
	if len(names) > 0 && !holdsState(names) {
		return fmt.Errorf("state directory %s is open to other users (mode %04o) and holds files that are not scimsync's: "+
			"name a directory of its own, or shut this one with chmod 0700", dir, info.Mode().Perm())
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("state directory %s is open to other users (mode %04o) and cannot be shut: %w; "+
			"make it the daemon's own: chown it to its user and chmod 0700", dir, info.Mode().Perm(), err)
	}
	return nil
}

func holdsState(names []fs.DirEntry) bool {
	for _, n := range names {
		if strings.HasPrefix(n.Name(), fileName) {
			return true
		}
	}
	return false
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
