package state

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"scimsync/sync/ledger"
	"scimsync/sync/record"
)

func mode(t testing.TB, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	return info.Mode().Perm()
}

func TestOnlyTheOwnerCanRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	s := openAt(t, dir)
	for path, want := range map[string]fs.FileMode{dir: 0o700, filepath.Dir(dir): 0o700, s.path: 0o600, filepath.Join(dir, lockFile): 0o600} {
		if got := mode(t, path); got != want {
			t.Errorf("%s has mode %04o, want %04o", path, got, want)
		}
	}
	must(t, s.Close())
	names, err := os.ReadDir(dir)
	must(t, err)
	if len(names) != 1 || names[0].Name() != fileName {
		t.Errorf("left behind: %v", names)
	}

	// Opened to others since: shut again.
	must(t, os.Chmod(dir, 0o755))
	must(t, os.Chmod(s.path, 0o644))
	s = openAt(t, dir)
	if mode(t, dir) != 0o700 || mode(t, s.path) != 0o600 {
		t.Errorf("modes are %04o and %04o", mode(t, dir), mode(t, s.path))
	}
	must(t, s.Close())
}

func TestDirectoryOfOthersIsNotShut(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "people.csv"), nil, 0o600))
	must(t, os.Chmod(dir, 0o755))
	_, err := Open(dir, Options{})
	if err == nil || !strings.Contains(err.Error(), "chmod 0700") {
		t.Errorf("error %v", err)
	}
	if got := mode(t, dir); got != 0o755 {
		t.Errorf("mode is now %04o", got)
	}
}

func TestCannotOpen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	if _, err := Open(file, Options{}); err == nil {
		t.Error("a file as directory: no error")
	}
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, fileName), 0o700))
	if _, err := Open(dir, Options{}); err == nil {
		t.Error("a directory as file: no error")
	}
	if _, err := OpenScratch(filepath.Join(dir, "none")); err == nil {
		t.Error("a scratch copy that is not there: no error")
	}
}

// stateFile gives the bytes of a state with some of everything in it, up to the last page
// that is in use.
func stateFile(t testing.TB) []byte {
	t.Helper()
	s := openNew(t)
	must(t, s.Merge("hr", rows("hr", 2000), &ledger.SourceInfo{Seq: 2000}))
	var outcomes []ledger.Outcome
	for i := range 500 {
		key := user("hr", fmt.Sprintf("%07d", i))
		outcomes = append(outcomes, ledger.Outcome{Key: key, Entry: entry(key, fmt.Sprint(i), ledger.Live), Look: &ledger.Look{NextRun: true}})
	}
	must(t, s.Commit(staff, outcomes))
	must(t, s.PutHold(staff, &ledger.Hold{ID: "h", Lines: []ledger.HeldLine{{Key: user("hr", "1")}}}))
	must(t, s.PutTarget("ringcentral", ledger.TargetInfo{}))
	must(t, s.Close())
	b, err := os.ReadFile(s.path)
	must(t, err)
	m, err := readMeta(bytes.NewReader(b))
	must(t, err)
	return b[:m.pages*uint64(m.pageSize)]
}

func TestFilesThatAreNoStateAreRefused(t *testing.T) {
	good := stateFile(t)
	foreign := filepath.Join(t.TempDir(), "foreign.db")
	db, err := bolt.Open(foreign, 0o600, nil)
	must(t, err)
	must(t, db.Update(func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("theirs")); return err }))
	must(t, db.Close())
	theirs, err := os.ReadFile(foreign)
	must(t, err)

	pageSize := os.Getpagesize()
	metas := bytes.Clone(good)
	metas[40]++ // in both checksummed meta pages
	metas[pageSize+40]++
	swapped := bytes.Clone(good)
	copy(swapped[3*pageSize:4*pageSize], good[4*pageSize:5*pageSize])

	files := map[string]struct {
		content []byte
		want    string
	}{
		"empty":           {nil, "it is empty"},
		"text":            {[]byte("id;name\n1;Zoë\n"), "not a state file of scimsync"},
		"long text":       {bytes.Repeat([]byte("id;name\n"), 9000), "not a state file of scimsync"},
		"zeros":           {make([]byte, 1<<16), "not a state file of scimsync"},
		"another program": {theirs, "bbolt file of another program"},
		"cut in half":     {good[:len(good)/2], "cut short"},
		"cut to the head": {good[:2*pageSize], "cut short"},
		"last byte cut":   {good[:len(good)-1], "cut short"},
		"both metas":      {metas, "meta pages"},
		"zeroed inside":   {append(append(bytes.Clone(good[:2*pageSize]), make([]byte, len(good)-4*pageSize)...), good[len(good)-2*pageSize:]...), "damaged"},
		"page twice":      {swapped, "damaged"},
	}
	for name, c := range files {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, fileName)
			must(t, os.WriteFile(path, c.content, 0o600))
			s, err := Open(dir, Options{})
			if err == nil {
				must(t, s.Close())
				t.Fatal("no error")
			}
			for _, part := range []string{path, c.want, "put a backup in its place"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
			now, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(now, c.content) {
				t.Errorf("the file was changed (%v)", err)
			}
		})
	}
}

// TestFlippedBytesNeverEndTheProcess damages a state in random places, heads of pages
// above all. Each time it is refused, or can be read and closed; what must not happen
// is a panic in a goroutine of bbolt or a fault in its map.
func TestFlippedBytesNeverEndTheProcess(t *testing.T) {
	good := stateFile(t)
	dir := t.TempDir()
	path := filepath.Join(dir, fileName)
	const damages = 100
	pageSize, refused := os.Getpagesize(), 0
	random := rand.New(rand.NewPCG(1, 2))
	for i := range damages {
		b := bytes.Clone(good)
		for range 1 + i%3 {
			at := random.IntN(len(b))
			if i%4 != 0 { // among the head and the first elements of a page
				at = at/pageSize*pageSize + random.IntN(128)
			}
			b[at] ^= byte(1 + random.IntN(255))
		}
		must(t, os.WriteFile(path, b, 0o600))
		s, err := Open(dir, Options{})
		if err != nil {
			refused++
			continue
		}
		_ = s.Check()
		_ = s.EachEntry(staff, func(*ledger.Entry) error { return nil })
		_ = s.Changed("hr", record.User, 0, func(*ledger.Row) error { return nil })
		must(t, s.Close())
	}
	if refused < damages/2 {
		t.Errorf("only %d of %d damaged files were refused", refused, damages)
	}
}

func TestPageOfTwoParentsIsNoticed(t *testing.T) {
	file := bytes.NewReader(stateFile(t))
	m, err := readMeta(file)
	must(t, err)
	w := walker{file: file, meta: m, seen: make([]uint64, m.pages/64+1)}
	must(t, w.tree(m.root, 0))
	if err := w.tree(m.root, 0); err == nil || !strings.Contains(err.Error(), "used twice") {
		t.Errorf("error %v", err)
	}
}

func TestPageInUseListedAsFree(t *testing.T) {
	good := stateFile(t)
	m, err := readMeta(bytes.NewReader(good))
	must(t, err)
	list := good[m.freelist*uint64(m.pageSize):]
	if native.Uint16(list[10:]) == 0 {
		t.Fatal("no page is free in the file that is to be damaged")
	}
	for free, want := range map[uint64]string{m.root: "used twice", m.freelist: "used twice", m.pages: "there is none", 1: "there is none"} {
		b := bytes.Clone(good)
		native.PutUint64(b[m.freelist*uint64(m.pageSize)+pageHeader:], free)
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, fileName), b, 0o600))
		if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("page %d: %v", free, err)
		}
	}
}

func TestFileWithoutAListOfFreePages(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, fileName)
	must(t, os.WriteFile(path, stateFile(t), 0o600))
	db, err := bolt.Open(path, 0o600, &bolt.Options{NoFreelistSync: true})
	must(t, err)
	must(t, db.Update(func(tx *bolt.Tx) error { return nil }))
	must(t, db.Close())
	for range 2 {
		s, err := Open(dir, Options{})
		must(t, err)
		must(t, s.Merge("hr", rows("hr", 500), nil))
		must(t, s.Check())
		must(t, s.Close())
	}
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	if m, err := readMeta(f); err != nil || m.freelist == noFreelist {
		t.Errorf("the file still has no list: %v, %v", m, err)
	}
}

func TestDamageUnderAnOpenStateIsFound(t *testing.T) {
	s := openNew(t)
	must(t, s.Merge("hr", rows("hr", 500), nil))
	must(t, s.Check())
	f, err := os.OpenFile(s.path, os.O_RDWR, 0)
	must(t, err)
	m, err := readMeta(f)
	must(t, err)
	_, err = f.WriteAt([]byte{0xee}, int64(m.root)*int64(m.pageSize)+8) // the type of the root page
	must(t, err)
	must(t, f.Close())
	if err := s.Check(); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("error %v", err)
	}
}

func TestLockedByThisProcess(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir)
	_, err := Open(dir, Options{LockWait: 10 * time.Millisecond})
	if !errors.Is(err, ErrLocked) {
		t.Fatalf("error %v is not ErrLocked", err)
	}
	for _, part := range []string{`"test"`, fmt.Sprintf("pid %d", os.Getpid()), "since 20"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
	// Who waits long enough gets it.
	closed := make(chan error)
	go func() {
		time.Sleep(100 * time.Millisecond)
		closed <- s.Close()
	}()
	second, err := Open(dir, Options{})
	must(t, err)
	must(t, <-closed)
	must(t, second.Close())
}

func TestHolderThatCannotBeTold(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir)
	defer s.Close()
	dead := newHolder(dir, "scimsync run")
	dead.PID = 1 << 30 // there is none
	must(t, dead.write())
	elsewhere := *dead
	for _, c := range []struct{ content, want string }{
		{"", "another process"}, {"{", "another process"}, {"{}", "another process"},
	} {
		must(t, os.WriteFile(dead.path, []byte(c.content), 0o600))
		if got := dead.other(); got != c.want {
			t.Errorf("%q is told as %s", c.content, got)
		}
	}
	must(t, dead.write())
	if got := newHolder(dir, "").other(); got != "another process" {
		t.Errorf("a dead process is told as %s", got)
	}
	elsewhere.Host = "other.example.org"
	must(t, elsewhere.write())
	if got := newHolder(dir, "").other(); !strings.Contains(got, "other.example.org") {
		t.Errorf("a process elsewhere is told as %s", got)
	}
}

func TestCopyIsAStateOfItsOwn(t *testing.T) {
	s := openNew(t)
	must(t, s.Merge("hr", rows("hr", 100), nil))
	path := filepath.Join(t.TempDir(), "scratch.db")
	must(t, s.Copy(path))
	if got := mode(t, path); got != 0o600 {
		t.Errorf("mode %04o", got)
	}
	if err := s.Copy(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a file that is there: %v", err)
	}
	scratch, err := OpenScratch(path)
	must(t, err)
	must(t, scratch.Merge("hr", []ledger.Row{row("hr", "new", 100, 101)}, nil))
	_, known, err := scratch.Row(user("hr", "0000099"))
	equal(t, known, true, err)
	_, known, err = s.Row(user("hr", "new"))
	equal(t, known, false, err)
	must(t, scratch.Close())
	if _, err := os.Stat(filepath.Join(filepath.Dir(path), lockFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a scratch copy left a lock file (%v)", err)
	}
}

// next is a layout after the current one, with a bucket more.
func next(steps ...func(*bolt.Tx) error) schema {
	return schema{version: current.version + uint32(len(steps)), steps: steps}
}

func TestOlderStateIsCopiedAndMigrated(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir)
	must(t, s.Merge("hr", rows("hr", 10), nil))
	must(t, s.Close())
	backup := s.path + ".v1"
	must(t, os.WriteFile(backup, []byte("of an earlier try"), 0o600))

	boom := errors.New("boom")
	first := func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("first")); return err }
	fails := func(*bolt.Tx) error { return boom }
	_, err := open(dir, Options{}, next(first, fails))
	if !errors.Is(err, boom) || !strings.Contains(err.Error(), "from version 2 to 3") {
		t.Fatalf("error %v", err)
	}
	s = openAt(t, dir) // nothing was changed: this version still takes it
	must(t, s.db.View(func(tx *bolt.Tx) error {
		if tx.Bucket([]byte("first")) != nil {
			t.Error("half of the migration was stored")
		}
		return nil
	}))
	must(t, s.Close())

	second := func(tx *bolt.Tx) error { return tx.Bucket([]byte("first")).Put([]byte("a"), []byte("b")) }
	s, err = open(dir, Options{}, next(first, second))
	must(t, err)
	_, known, err := s.Row(user("hr", "0000005"))
	equal(t, known, true, err)
	must(t, s.db.View(func(tx *bolt.Tx) error {
		equal(t, string(tx.Bucket([]byte("first")).Get([]byte("a"))), "b", nil)
		return nil
	}))
	must(t, s.Close())

	_, err = Open(dir, Options{})
	if err == nil || !strings.Contains(err.Error(), "newer scimsync (state version 3, this one knows 1)") {
		t.Fatalf("error %v", err)
	}
	old, err := OpenScratch(backup)
	must(t, err)
	_, known, err = old.Row(user("hr", "0000005"))
	equal(t, known, true, err)
	must(t, old.Close())
	if got := mode(t, backup); got != 0o600 {
		t.Errorf("the copy has mode %04o", got)
	}
}

func TestMissingBucketsAreNoticed(t *testing.T) {
	for _, name := range []string{"names", "flows", "rows"} {
		dir := t.TempDir()
		s := openAt(t, dir)
		must(t, s.PutSource("hr", ledger.SourceInfo{}))
		must(t, s.db.Update(func(tx *bolt.Tx) error {
			if name == "rows" {
				return tx.Bucket(bucketSources).Bucket(sourceNames.find(tx, "hr")).DeleteBucket(bucketRows)
			}
			return tx.DeleteBucket([]byte(name))
		}))
		must(t, s.Close())
		if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), name+" is missing") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
