package csv

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"scimsync/sync/record"
)

// vouch writes the manifest of a file.
func vouch(t testing.TB, dir, name, content string, rows int) {
	t.Helper()
	put(t, dir, name+".ok", fmt.Sprintf("rows=%d\nsha256=%x\n", rows, sha256.Sum256([]byte(content))))
}

func note(t *testing.T, s *Source) string {
	t.Helper()
	_, b := mustRead(t, s, record.Want{})
	return b.Note
}

func TestPick(t *testing.T) {
	dir := t.TempDir()
	for i, name := range []string{"p-3.csv", "p-1.csv", "p-2.csv", ".p-9.csv", "~$p-9.csv", "p-9.csv.tmp", "p-9.csv.Part", "p-9.csv.filepart"} {
		p := put(t, dir, name, "id\n"+strings.Repeat("x\n", 1)+fmt.Sprintln(i))
		touch(t, p, start.Add(-time.Hour+time.Duration(i)*time.Minute))
	}
	if err := os.Mkdir(filepath.Join(dir, "p-99.csv"), 0o700); err != nil {
		t.Fatal(err)
	}
	any := filepath.Join(dir, "*p-*")
	if got := note(t, open(t, Options{Path: any})); got != "p-2.csv, 2 rows" {
		t.Errorf("newest: %s", got)
	}
	if got := note(t, open(t, Options{Path: any, Pick: Name})); got != "p-3.csv, 2 rows" {
		t.Errorf("by name: %s", got)
	}
	touch(t, filepath.Join(dir, "p-1.csv"), start.Add(-58*time.Minute))
	if got := note(t, open(t, Options{Path: any})); got != "p-2.csv, 2 rows" {
		t.Errorf("equal times: %s", got)
	}
	if got := note(t, open(t, Options{Path: filepath.Join(filepath.Dir(dir), "*", "p-1.csv")})); !strings.HasSuffix(got, "/p-1.csv, 2 rows") {
		t.Errorf("wildcard folder: %s", got)
	}

	_, _, err := readAll(t, open(t, Options{Path: filepath.Join(dir, "q-*.csv")}), record.Want{})
	wantError(t, err, `no file matches "q-*.csv" in folder `+dir+`: see whether the export ran and whether path is right`)
	_, _, err = readAll(t, open(t, Options{Path: filepath.Join(dir, "*.tmp")}), record.Want{})
	wantError(t, err, `no file that matches "*.tmp" in folder `+dir+` can be used, 1 were passed over (the first: p-9.csv.tmp: an unfinished upload`)
	_, _, err = readAll(t, open(t, Options{Path: filepath.Join(dir, "p-99.csv")}), record.Want{})
	wantError(t, err, `p-99.csv: not a regular file`)
	_, _, err = readAll(t, open(t, Options{Path: filepath.Join(dir, "none.csv")}), record.Want{})
	wantError(t, err, `none.csv: no such file or directory: see whether the export ran`)
	_, _, err = readAll(t, open(t, Options{Path: filepath.Join(dir, "none", "p.csv")}), record.Want{})
	wantError(t, err, `open the folder of `+dir+`/none/p.csv: `)
}

func TestLinks(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	secret := put(t, outside, "p-9.csv", "id\nsecret\n")
	put(t, dir, "p-1.csv", "id\n1\n")
	for link, to := range map[string]string{"p-9.csv": secret, "in.csv": "p-1.csv"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if got := note(t, open(t, Options{Path: filepath.Join(dir, "p-*.csv"), Pick: Name})); got != "p-1.csv, 1 rows" {
		t.Errorf("picked %s", got)
	}
	if got := note(t, open(t, Options{Path: filepath.Join(dir, "in.csv")})); got != "in.csv, 1 rows" {
		t.Errorf("picked %s", got)
	}
	_, _, err := readAll(t, open(t, Options{Path: filepath.Join(dir, "p-9.csv")}), record.Want{})
	wantError(t, err, "whether a link leads out of "+dir)
}

func TestAge(t *testing.T) {
	p := put(t, t.TempDir(), "p.csv", "id\n1\n")
	touch(t, p, start.Add(-27*time.Hour))
	_, _, err := readAll(t, open(t, Options{Path: p, MaxAge: 26 * time.Hour}), record.Want{})
	wantError(t, err, "the file is 27h0m0s old (written ")
	wantError(t, err, "and max_age is 26h0m0s: see whether the export still runs")
	touch(t, p, start.Add(-26*time.Hour))
	mustRead(t, open(t, Options{Path: p, MaxAge: 26 * time.Hour}), record.Want{})
}

// clock is a time that passes only by waiting; at each wait something happens.
type clock struct {
	now   time.Time
	waits []time.Duration
	each  func(wait int)
}

func (c *clock) options(p string) Options {
	c.now = start
	return Options{Path: p, Settled: 10 * time.Second,
		Now: func() time.Time { return c.now },
		Wait: func(ctx context.Context, d time.Duration) error {
			c.now = c.now.Add(d)
			c.waits = append(c.waits, d)
			if c.each != nil {
				c.each(len(c.waits))
			}
			return ctx.Err()
		}}
}

func TestSettled(t *testing.T) {
	dir := t.TempDir()
	p := put(t, dir, "p.csv", "id\n1\n")
	var c clock
	check := func(what string, rows int, waits ...time.Duration) {
		t.Helper()
		got, _ := mustRead(t, open(t, c.options(p)), record.Want{})
		if len(got) != rows || fmt.Sprint(c.waits) != fmt.Sprint(waits) {
			t.Errorf("%s: %d rows after %v", what, len(got), c.waits)
		}
	}
	check("long at rest", 1)
	touch(t, p, start.Add(-3*time.Second))
	check("just written", 1, 7*time.Second)

	c = clock{each: func(n int) {
		if n == 1 {
			put(t, dir, "p.csv", "id\n1\n2\n")
			touch(t, p, c.now.Add(-time.Second))
		}
	}}
	check("still growing", 2, 7*time.Second, 9*time.Second)

	c = clock{}
	touch(t, p, start.Add(time.Hour))
	check("from the future", 2, 10*time.Second)

	c = clock{each: func(int) { touch(t, p, c.now) }}
	_, _, err := readAll(t, open(t, c.options(p)), record.Want{})
	wantError(t, err, "the file keeps changing: it is still being written, or ready.settled (10s) is too long for how often it is written")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	touch(t, p, time.Now())
	s := open(t, Options{Path: p, Settled: time.Hour, Now: time.Now})
	if _, err := s.Read(ctx, record.Want{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled wait: %v", err)
	}
}

func TestChangedWhileRead(t *testing.T) {
	dir := t.TempDir()
	text := "id\n1\n2\n" + strings.Repeat("\n", 1<<20) + "3\n"
	for what, change := range map[string]func(p string){
		"written over": func(p string) { put(t, dir, "p.csv", strings.Replace(text, "3", "4", 1)); touch(t, p, start) },
		"appended":     func(string) { put(t, dir, "p.csv", text+"4\n") },
		"cut":          func(string) { put(t, dir, "p.csv", text[:8]) },
	} {
		s := open(t, Options{Path: put(t, dir, "p.csv", text)})
		_, err := s.Read(t.Context(), record.Want{}, func(r *record.Record) error {
			if r.ID == "1" {
				change(s.opts.Path)
			}
			return nil
		})
		if err == nil {
			t.Errorf("%s: no error", what)
			continue
		}
		wantError(t, err, "the file changed while it was read: let the export write under another name and rename it when done")
	}

	// A rename over it leaves the file that is being read whole.
	s := open(t, Options{Path: put(t, dir, "p.csv", text)})
	n := 0
	_, err := s.Read(t.Context(), record.Want{}, func(*record.Record) error {
		n++
		return os.Rename(put(t, dir, "new", "id\n9\n"), s.opts.Path)
	})
	if n != 3 || err != nil {
		t.Errorf("replaced: %d rows, %v", n, err)
	}
}

func TestManifest(t *testing.T) {
	const text = "id\n1\n2\n"
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(text)))
	for manifest, want := range map[string]string{
		"rows=2\nsha256=" + sum:                                "",
		"ROWS : 2\r\nSHA256: " + strings.ToUpper(sum) + "\r\n": "",
		`{"rows": 2, "sha256": "` + sum + `", "by": "hr"}`:     "",
		`{"rows": "2", "sha256": "` + sum + `"}`:               "",
		"\xef\xbb\xbfsha256=" + sum + "\nrows=2":               "",
		"rows=3\nsha256=" + sum:                                "the file has 2 rows and FILE.ok says 3: rows count without the header",
		"rows=2\nsha256=" + strings.Repeat("0", 64):            "the file's SHA-256 is not the one in FILE.ok: it was cut or changed on its way; hand both over again",
		"rows=2":          "read its manifest FILE.ok: no SHA-256 of 64 hex digits: it has to hold rows=NUMBER and sha256=HEX, or a JSON object of both",
		"sha256=" + sum:   "read its manifest FILE.ok: no number of rows: it has to hold",
		`{"rows":2`:       "read its manifest FILE.ok: no valid JSON: it has to hold",
		"":                "read its manifest FILE.ok: no number of rows",
		"rows=2\nsha256=": "no SHA-256",
	} {
		dir := t.TempDir()
		p := put(t, dir, "p.csv", text)
		put(t, dir, "p.csv.ok", manifest)
		// The glob takes in the manifest, which is not a file of people.
		s := open(t, Options{Path: filepath.Join(dir, "p.csv*"), Manifest: "{path}.ok", Pick: Name})
		_, b, err := readAll(t, s, record.Want{})
		if want == "" {
			if err != nil || b.Note != "p.csv, 2 rows" {
				t.Errorf("%q: %v, %q", manifest, err, b.Note)
			}
			continue
		}
		wantError(t, err, strings.ReplaceAll(want, "FILE", p))
	}
	p := put(t, t.TempDir(), "p.csv", text)
	_, _, err := readAll(t, open(t, Options{Path: p, Manifest: "{path}.ok"}), record.Want{})
	wantError(t, err, "no such file or directory: the hand-over is not finished, or ready.manifest is wrong")
}

func TestCursor(t *testing.T) {
	dir := t.TempDir()
	const text = "id,n\n1,a\n2,b\n"
	p := put(t, dir, "p.csv", text)
	o := Options{Path: filepath.Join(dir, "p*.csv")}
	want := record.Want{Names: []string{"n"}}
	_, first := mustRead(t, open(t, o), want)
	want.From = first.Cursor

	extent := func(o Options, w record.Want) record.Extent {
		t.Helper()
		_, b := mustRead(t, open(t, o), w)
		return b.Extent
	}
	if extent(o, want) != record.Same {
		t.Error("untouched: not the same")
	}
	touch(t, p, start.Add(-time.Minute))
	if extent(o, want) != record.Same {
		t.Error("equal bytes, written later: not the same")
	}
	put(t, dir, "p2.csv", text)
	if extent(o, want) != record.Same {
		t.Error("equal bytes under another name: not the same")
	}
	for what, other := range map[string]Options{
		"key":       {Path: o.Path, Key: "n"},
		"delimiter": {Path: o.Path, Delimiter: ';'},
		"encoding":  {Path: o.Path, Encoding: Windows1252},
	} {
		if _, b, err := readAll(t, open(t, other), want); err == nil && b.Extent == record.Same {
			t.Errorf("another %s: the same", what)
		}
	}
	if extent(o, record.Want{Names: []string{"id", "n"}, From: want.From}) != record.Full {
		t.Error("other names: the same")
	}
	_, _, err := readAll(t, open(t, Options{Path: o.Path, MinRows: 3}), want)
	wantError(t, err, "2 rows are fewer than min_rows")

	put(t, dir, "p.csv", strings.Replace(text, "b", "c", 1)) // as long, other bytes
	touch(t, p, start)
	if extent(o, want) != record.Full {
		t.Error("one byte changed: the same")
	}
}

func TestOldExportPutBack(t *testing.T) {
	dir := t.TempDir()
	p := put(t, dir, "p.csv", "id\n1\n2\n")
	s := open(t, Options{Path: p})
	_, first := mustRead(t, s, record.Want{})
	for _, text := range []string{"id\n1\n", "id\n1\n3\n"} {
		put(t, dir, "p.csv", text)
		touch(t, p, start.Add(-2*time.Hour))
		got, _, err := readAll(t, s, record.Want{From: first.Cursor})
		wantError(t, err, "an old export was put back: it was written 2026-03-01T10:00:00Z, and the last one accepted (p.csv) 2026-03-01T11:00:00Z; if it is meant, touch it so that it is the newer one")
		if len(got) != 0 {
			t.Errorf("%d rows of it were emitted", len(got))
		}
		// Another path in the config is another export: its age says nothing.
		if _, _, err := readAll(t, open(t, Options{Path: filepath.Join(dir, "p*.csv")}), record.Want{From: first.Cursor}); err != nil {
			t.Errorf("under another path: %v", err)
		}
		// Asking for other names does not let it in.
		_, _, err = readAll(t, s, record.Want{Names: []string{"id"}, From: first.Cursor})
		wantError(t, err, "an old export was put back")
	}
	put(t, dir, "p.csv", "id\n1\n2\n")
	touch(t, p, start.Add(-2*time.Hour))
	if _, b := mustRead(t, s, record.Want{From: first.Cursor}); b.Extent != record.Same {
		t.Error("the same bytes with an older time were not taken for the same")
	}
}
