package csv

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"scimsync/sync/record"
)

// TestBadFiles reads files that must not be believed. FILE is the path; the
// options differ from the usual ones (comma, utf-8, key id) where with says so.
func TestBadFiles(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
		with             Options
	}{
		{name: "nothing", text: "",
			want: `read FILE: the file is empty (0 bytes): the export failed or is still running`},
		{name: "blank lines only", text: "\n\r\n\n",
			want: `read FILE: the file has no header line`},
		{name: "header only", text: "id,n\n",
			want: `read FILE: there is a header and no row below it: an export of nobody is taken for a broken export`},
		{name: "too few rows", text: "id,n\n1,a\n2,b\n", with: Options{MinRows: 3},
			want: `read FILE: 2 rows are fewer than min_rows, which is 3: the export is incomplete, or min_rows is too high`},
		{name: "no line break at the end", text: "id,n\n1,a\n2,b",
			want: `read FILE: the last line does not end in a line break, so the file may have been cut: export it again, or hand it over with a manifest (ready.manifest) that proves it whole`},
		{name: "short row", text: "id,x,n\n1,,a\n2\n",
			want: `read FILE: line 3: the row has 1 columns and the header 3, it ends before column "x": the row was cut, or a line break inside a value is not quoted`},
		{name: "long row", text: "id,n\n1,a\n2,b,c\n",
			want: `read FILE: line 3: the row has 3 columns and the header 2, it goes on after column "n": a value that holds the delimiter has to be quoted`},
		{name: "short row after a long quoted value", text: "id,n\n1,\"a\n\n\"\n2\n",
			want: `read FILE: line 5: the row has 1 columns and the header 2, it ends before column "n": the row was cut, or a line break inside a value is not quoted`},
		{name: "bare quote", text: "id,n\n1,a \"b\" c\n",
			want: `read FILE: line 2, column "n": a quote inside a value that is not quoted: quote the whole value and double the quotes in it`},
		{name: "quote not doubled", text: "sep=,\nid,n\n1,\"a \"b\" c\"\n",
			want: `read FILE: line 3, column "n": a quoted value is not closed properly by line 3: the file was cut, or a quote inside the value is not doubled`},
		{name: "quote not closed", text: "id,n\n1,\"a\n2,b\n",
			want: `read FILE: line 2, column "n": a quoted value is not closed properly by line 3: the file was cut, or a quote inside the value is not doubled`},
		{name: "quote in the header", text: "id,n\"x\"\n1,a\n",
			want: `read FILE: header: line 1, column 2: a quote inside a value that is not quoted: quote the whole value and double the quotes in it`},
		{name: "endless row", text: "id,n\n1,a\n2,\"" + strings.Repeat("x\n", 1<<20),
			want: `read FILE: the row after line 2: a row is longer than 1 MiB: look for a quote that is opened there and never closed`},
		{name: "endless header", text: strings.Repeat("x", 2<<20) + "\n",
			want: `read FILE: header: the row after line 0: a row is longer than 1 MiB: look for a quote that is opened there and never closed`},

		{name: "no key column", text: "Employee ID,n\n1,a\n", with: Options{Key: "employe_id"},
			want: `read FILE: the header has no column "employe_id", which is the key (there is "Employee ID"): either the export renamed it, or key has to be set right`},
		{name: "no header", text: "1,Ann Lee\n2,b\n",
			want: `read FILE: the header has no column "id", which is the key and none of its 2 is like it: either the export renamed it, or key has to be set right`},
		{name: "key collides", text: "E ID,e-id\n1,a\n", with: Options{Key: "e_id"},
			want: `read FILE: key "e_id" stands for columns "E ID" and "e-id": write it as the header does`},
		{name: "wanted column is missing", text: "id,e-mail,x\n1,a,b\n",
			want: `read FILE: the header has no column "n" and none of its 3 is like it: either the export renamed a column, or the mapping has to be set right`},
		{name: "duplicate header", text: "id,Mail,n, mail\u00a0\n1,a,b,c\n",
			want: `read FILE: columns 2 and 4 have one name, "Mail" and "mail": which one counts cannot be told`},
		{name: "blank header", text: "id,n, \u00a0\n1,a,b\n",
			want: `read FILE: column 3 has no name in the header: name it, or remove the delimiter at that place`},
		{name: "other delimiter", text: "id;n\n1;a\n",
			want: `read FILE: the header is one single column that holds ';': set delimiter: ';'`},
		{name: "carriage returns alone", text: "id,n\r1,a\r2,b\r\n",
			want: `read FILE: the header holds a bare carriage return: lines have to end in LF or CR LF`},
		{name: "other sep line", text: "sep=;\r\nid;n\r\n1;a\r\n",
			want: `read FILE: the first line says "sep=;" and delimiter is ',': set delimiter: ";"`},

		{name: "blank key", text: "id,n\n1,a\n \u00a0,b\n",
			want: `read FILE: line 3, column "id": the key is empty: every row is a person and needs one; delete rows that are none`},
		{name: "duplicate key", text: "id,n\n7,a\n8,a\n 7 ,b\n",
			want: `read FILE: lines 2 and 4, column "id": the key "7" stands twice: two rows for one person, or one key for two people`},
		{name: "duplicate key below quoted lines", text: "sep=,\nid,n\n7,\"a\nb\"\n\n7,b\n",
			want: `read FILE: lines 3 and 6, column "id": the key "7" stands twice: two rows for one person, or one key for two people`},
		{name: "line break in a key", text: "id,n\n\"1\n2\",a\n",
			want: `read FILE: line 2, column "id": the key holds a line break or a tab`},
		{name: "shortened key", text: "id;n\n\"1,23E+05\";a\n", with: Options{Delimiter: ';'},
			want: `read FILE: line 2, column "id": the key "1,23E+05" was damaged by a spreadsheet: export the column as text`},
		{name: "hidden key", text: "id,n\n########,a\n",
			want: `read FILE: line 2, column "id": the key "########" was damaged by a spreadsheet: export the column as text`},
		{name: "spreadsheet error", text: "id,n\n1,a\n2,#REF!\n",
			want: `read FILE: line 3, column "n": a spreadsheet's error value stands in for the real one: repair the export`},

		{name: "invalid utf-8", text: "id,n\n1,\"a\nM\xfcller\"\n",
			want: `read FILE: line 3, column "n": bytes that are not valid utf-8, which is the encoding set: the file is spelt otherwise (set encoding), or damaged`},
		{name: "invalid utf-8 in an unused column", text: "id,n,z\n1,a,\xff\n",
			want: `read FILE: line 2, column "z": bytes that are not valid utf-8, which is the encoding set: the file is spelt otherwise (set encoding), or damaged`},
		{name: "invalid utf-8 in the header", text: "id,n,\xfc\n1,a,b\n",
			want: `read FILE: header, line 1, column 3: bytes that are not valid utf-8, which is the encoding set: the file is spelt otherwise (set encoding), or damaged`},
		{name: "not windows-1252", text: "id,n\n1,\x81\n", with: Options{Encoding: Windows1252},
			want: `read FILE: line 2, column "n": bytes that are not valid windows-1252, which is the encoding set: the file is spelt otherwise (set encoding), or damaged`},
		{name: "windows-1252 taken for latin", text: "id,n\n1,\x80\n", with: Options{Encoding: ISO885915},
			want: `read FILE: line 2, column "n": bytes that are not valid iso-8859-15, which is the encoding set: the file is spelt otherwise (set encoding), or damaged`},
		{name: "half a pair in utf-16", text: encode(t, UTF16, "id,n\n1,") + "\x3d\xd8" + "\n\x00", with: Options{Encoding: UTF16},
			want: `read FILE: line 2, column "n": bytes that are not valid utf-16, which is the encoding set: the file is spelt otherwise (set encoding), or damaged`},
		{name: "half a character at the end of utf-16", text: encode(t, UTF16, "id,n\n1,a\n") + "\n", with: Options{Encoding: UTF16},
			want: `read FILE: the last line does not end in a line break, so the file may have been cut: export it again, or hand it over with a manifest (ready.manifest) that proves it whole`},
		{name: "utf-16 where utf-8 is set", text: encode(t, UTF16, "id,n\n1,a\n") + "\x0a",
			want: `read FILE: the file is utf-16 by its byte order mark and encoding is utf-8: set encoding: utf-16`},
		{name: "utf-16 without a mark", text: "i\x00d\x00\n\x00", with: Options{Encoding: UTF16},
			want: `read FILE: encoding is utf-16 and the file has no byte order mark: have it exported with one, or set encoding: utf-8`},
		{name: "utf-8 where windows-1252 is set", text: "\xef\xbb\xbfid,n\n1,a\n", with: Options{Encoding: Windows1252},
			want: `read FILE: the file is utf-8 by its byte order mark and encoding is windows-1252: set encoding: utf-8`},
		{name: "NUL", text: "i\x00d,n\n1,a\n",
			want: `read FILE: header, line 1, column 1: a control character (0x00): is the file UTF-16? Then set encoding: utf-16`},
		{name: "control character", text: "id,n\n1,é\x1a\n",
			want: `read FILE: line 2, column "n": a control character (0x1A): remove it`},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.with.Path = put(t, t.TempDir(), "p.csv", c.text)
			got, _, err := readAll(t, open(t, c.with), record.Want{Names: []string{"n"}})
			if err == nil {
				t.Fatalf("%d rows were read", len(got))
			}
			if msg := strings.ReplaceAll(err.Error(), c.with.Path, "FILE"); msg != c.want {
				t.Errorf("\n got %s\nwant %s", msg, c.want)
			}
		})
	}
}

func TestBadSettings(t *testing.T) {
	for want, o := range map[string]Options{
		`csv settings: path is empty: name a file or a glob`:                                           {Key: "id"},
		`csv settings: path "drop/" is a directory: name a file in it, or a glob such as "drop/*.csv"`: {Key: "id", Path: "drop/"},
		`csv settings: path "a[.csv" is no valid glob: close every [ with a ]`:                         {Key: "id", Path: "a[.csv"},
		`csv settings: key is empty: name the column that identifies a person for good`:                {Path: "a"},
		`csv settings: delimiter '"' cannot separate cells: use one of , ; | or a tab`:                 {Key: "id", Path: "a", Delimiter: '"'},
		`csv settings: encoding(9): use one of utf-8, utf-16, windows-1252, iso-8859-15`:               {Key: "id", Path: "a", Encoding: 9},
		`csv settings: pick(9): use newest or name`:                                                    {Key: "id", Path: "a", Pick: 9},
		`csv settings: settled and max_age cannot be negative`:                                         {Key: "id", Path: "a", Settled: -1},
	} {
		if _, err := New(o); err == nil || err.Error() != want {
			t.Errorf("\n got %v\nwant %s", err, want)
		}
	}
}

// TestCutAnywhere cuts a file at every byte. What is read of it must be a row of
// the whole file, and only a cut at the end of a row may go unnoticed.
func TestCutAnywhere(t *testing.T) {
	const text = "id;n;m\r\n1;Zoë;x\r\n2;\"two\r\nlines \"\"q\"\"\r\n\";y\r\n\r\n3;;z\r\n"
	for _, enc := range []Encoding{UTF8, UTF16, Windows1252} {
		whole := encode(t, enc, text)
		dir := t.TempDir()
		s := open(t, Options{Path: put(t, dir, "p.csv", whole), Delimiter: ';', Encoding: enc})
		want := record.Want{Names: []string{"m", "n"}}
		all, _ := mustRead(t, s, want)
		unnoticed := 0
		for cut := range len(whole) {
			put(t, dir, "p.csv", whole[:cut])
			got, _, err := readAll(t, s, want)
			for i, r := range got {
				if r != all[i] {
					t.Fatalf("%s cut at %d: row %v, not %v", enc, cut, r, all[i])
				}
			}
			if err == nil {
				unnoticed++
				if len(got) >= len(all) {
					t.Errorf("%s cut at %d: all rows were read", enc, cut)
				}
			}
		}
		// Behind row 1, behind row 2, and behind the blank line below it.
		if unnoticed != 3 {
			t.Errorf("%s: %d cuts went unnoticed", enc, unnoticed)
		}
	}
}

// TestCutWithManifest cuts at every byte a file that needs no line break at its
// end because a manifest vouches for it: no cut goes unnoticed.
func TestCutWithManifest(t *testing.T) {
	const text = "id,n\n1,a\n2,\"b\n\"\n3,c"
	dir := t.TempDir()
	s := open(t, Options{Path: put(t, dir, "p.csv", text), Manifest: "{path}.ok"})
	vouch(t, dir, "p.csv", text, 3)
	if got, _ := mustRead(t, s, record.Want{Names: []string{"n"}}); len(got) != 3 {
		t.Fatalf("%d rows", len(got))
	}
	for cut := range len(text) {
		put(t, dir, "p.csv", text[:cut])
		if _, _, err := readAll(t, s, record.Want{Names: []string{"n"}}); err == nil {
			t.Errorf("cut at %d went unnoticed", cut)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{"id,n\n1,a\n", "sep=,\nid,n\n1,\"a\nb\"\n", "\xff\xfei\x00d\x00\n\x001\x00\n\x00", "id,n\n1,\xe4\n1,b\n"} {
		for e := range byte(4) {
			f.Add([]byte(seed), e)
		}
	}
	p := filepath.Join(f.TempDir(), "p.csv")
	f.Fuzz(func(t *testing.T, text []byte, e byte) {
		if err := os.WriteFile(p, text, 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, Options{Path: p, Encoding: Encoding(e % 4)})
		got, b, err := readAll(t, s, record.Want{})
		if err != nil {
			return
		}
		ids := map[string]bool{}
		for _, r := range got {
			if strings.TrimSpace(r.id) == "" || ids[r.id] || strings.ContainsAny(r.id, "\x00\n\ufffe") {
				t.Fatalf("key %q", r.id)
			}
			ids[r.id] = true
		}
		_, again, err := readAll(t, s, record.Want{From: b.Cursor})
		if err != nil || again.Extent != record.Same {
			t.Fatalf("read again: extent %d, %v", again.Extent, err)
		}
	})
}
