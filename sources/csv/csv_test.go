package csv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"scimsync/sources/sourcetest"
	"scimsync/sync/record"
)

// start is when the tests happen; files are written an hour before.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// put writes a file that has rested for an hour and returns its path.
func put(t testing.TB, dir, name, content string) string {
	t.Helper()
	p := filepath.Join(dir, name)
	if err := os.WriteFile(p, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	touch(t, p, start.Add(-time.Hour))
	return p
}

func touch(t testing.TB, p string, at time.Time) {
	t.Helper()
	if err := os.Chtimes(p, at, at); err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, o Options) *Source {
	t.Helper()
	if o.Key == "" {
		o.Key = "id"
	}
	if o.Now == nil {
		o.Now = func() time.Time { return start }
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// row is a record that may be kept.
type row struct {
	id     string
	line   int
	values string // of all names, "-" for none
}

func readAll(t testing.TB, s *Source, want record.Want) ([]row, record.Batch, error) {
	t.Helper()
	var got []row
	b, err := s.Read(context.Background(), want, func(r *record.Record) error {
		var v []string
		for _, a := range r.Attrs {
			if len(a.Values) == 0 {
				v = append(v, "-")
			}
			v = append(v, a.Values...)
		}
		got = append(got, row{strings.Clone(r.ID), r.Line, strings.Join(v, "|")})
		return nil
	})
	return got, b, err
}

func mustRead(t testing.TB, s *Source, want record.Want) ([]row, record.Batch) {
	t.Helper()
	got, b, err := readAll(t, s, want)
	if err != nil {
		t.Fatal(err)
	}
	return got, b
}

func TestConformance(t *testing.T) {
	for _, enc := range []Encoding{UTF8, UTF16, Windows1252, ISO885915} {
		t.Run(enc.String(), func(t *testing.T) {
			sourcetest.Run(t, func(t *testing.T) sourcetest.Fixture {
				text := "Employee ID;Mail;Name;Unused\n007;a@example.org; Zoë \n Ltd ;x\n8;;\"Ö \"\"Q\"\"\";\n0008;c@example.org;;x\n"
				text = strings.Replace(text, " Zoë \n Ltd ", "\" Zoë \n Ltd \"", 1)
				p := put(t, t.TempDir(), "people.csv", encode(t, enc, text))
				return sourcetest.Fixture{
					Source: open(t, Options{Path: p, Key: "employee_id", Delimiter: ';', Encoding: enc}),
					Names:  []string{"employee_id", "mail", "name"},
					People: []sourcetest.Person{
						{ID: "007", Enabled: record.True, Attrs: attrs("007", "a@example.org", "Zoë \n Ltd")},
						{ID: "8", Enabled: record.True, Attrs: attrs("8", "", `Ö "Q"`)},
						{ID: "0008", Enabled: record.True, Attrs: attrs("0008", "c@example.org", "")},
					},
					Change: func(t *testing.T) {
						put(t, filepath.Dir(p), "people.csv", encode(t, enc, strings.Replace(text, "c@", "d@", 1)))
					},
				}
			})
		})
	}
}

func attrs(id, mail, name string) map[string][]string {
	m := map[string][]string{"employee_id": {id}}
	if mail != "" {
		m["mail"] = []string{mail}
	}
	if name != "" {
		m["name"] = []string{name}
	}
	return m
}

// encode spells a text of Latin characters in an encoding.
func encode(t testing.TB, e Encoding, s string) string {
	t.Helper()
	var b []byte
	switch e {
	case UTF8:
		return s
	case UTF16:
		for _, u := range utf16.Encode([]rune("\ufeff" + s)) {
			b = append(b, byte(u), byte(u>>8))
		}
	default:
		for _, r := range s {
			if r > 0xFF {
				t.Fatalf("%q is not Latin-1", r)
			}
			b = append(b, byte(r))
		}
	}
	return string(b)
}

func TestEncodings(t *testing.T) {
	bigEndian := func(s string) string {
		var b []byte
		for _, u := range utf16.Encode([]rune("\ufeff" + s)) {
			b = append(b, byte(u>>8), byte(u))
		}
		return string(b)
	}
	for name, c := range map[string]struct {
		enc  Encoding
		text string
		want string
	}{
		"utf-8":                      {UTF8, "id,n\n1,Ärger €😀\n", "Ärger €😀"},
		"utf-8 with mark":            {UTF8, "\xef\xbb\xbfid,n\r\n1,Ä\r\n", "Ä"},
		"utf-16 little endian":       {UTF16, encode(t, UTF16, "id,n\n1,Ä€😀\n"), "Ä€😀"},
		"utf-16 big endian":          {UTF16, bigEndian("id,n\r\n1,Ä€😀\r\n"), "Ä€😀"},
		"windows-1252":               {Windows1252, "id,n\n1,\x80\xc4\x8a\n", "€ÄŠ"},
		"iso-8859-15":                {ISO885915, "id,n\n1,\xa4\xc4\xa6\n", "€ÄŠ"},
		"a control character of C1":  {UTF8, "id,n\n1,a\u0084b\n", "a\u0084b"},
		"many blocks of windows-152": {Windows1252, "id,n\n1," + strings.Repeat("\xe4\x80", 100_000) + "\n", strings.Repeat("ä€", 100_000)},
		"many blocks of utf-16":      {UTF16, encode(t, UTF16, "id,n\n1,x"+strings.Repeat("😀ä", 50_000)+"\n"), "x" + strings.Repeat("😀ä", 50_000)},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, Options{Path: put(t, t.TempDir(), "p.csv", c.text), Encoding: c.enc})
			got, _ := mustRead(t, s, record.Want{Names: []string{"n"}})
			if len(got) != 1 || got[0].values != c.want {
				t.Errorf("read %.60s", fmt.Sprint(got))
			}
		})
	}
}

func TestCells(t *testing.T) {
	text := "\xef\xbb\xbf\"sep=;\"\r\n" +
		" ID\u00a0;Given\u00a0Name;mail \r\n" +
		"\u00a00012 ; Ann  Lee\u00a0;\u00a0\r\n" +
		"\r\n" +
		"\"13\";\"two\r\nlines; \"\"quoted\"\"\";-\r\n" +
		"1E5;#1;1,23E+05\r\n"
	s := open(t, Options{Path: put(t, t.TempDir(), "p.csv", text), Delimiter: ';'})
	got, b := mustRead(t, s, record.Want{Names: []string{"given_name", "mail"}})
	want := []row{
		{"0012", 3, "Ann  Lee|-"},
		{"13", 5, "two\nlines; \"quoted\"|-"},
		{"1E5", 7, "#1|1,23E+05"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	if b.Note != "p.csv, 3 rows" || b.Extent != record.Full || b.Warnings != nil {
		t.Errorf("batch %+v", b)
	}
}

func TestSchema(t *testing.T) {
	s := open(t, Options{Path: put(t, t.TempDir(), "p.csv", "ID,Cost Center,cost-center,E\u00a0Mail\n1,a,b,c\n")})
	got, err := s.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != "{[cost_center e_mail id] [] map[cost_center:[Cost Center cost-center]] map[e_mail:E Mail id:ID]}" {
		t.Errorf("schema %v", got)
	}
	rows, _ := mustRead(t, s, record.Want{Names: []string{"Cost Center", "cost-center"}})
	if len(rows) != 1 || rows[0].values != "a|b" {
		t.Errorf("by spelling: %v", rows)
	}
	_, _, err = readAll(t, s, record.Want{Names: []string{"cost_center"}})
	wantError(t, err, `"cost_center" stands for columns "Cost Center" and "cost-center": use attr("…") with the header's spelling`)
}

func wantError(t testing.TB, err error, part string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want %s", part)
	}
	if !strings.Contains(err.Error(), part) {
		t.Errorf("error:\n     %s\nwant %s", err, part)
	}
}

// TestHashCollision gives all keys one of four hashes: no two keys are taken for
// one, and a double is still found with both its lines.
func TestHashCollision(t *testing.T) {
	var text strings.Builder
	text.WriteString("id\n")
	for i := range 40 {
		fmt.Fprintf(&text, "k%d\n", i)
	}
	dir := t.TempDir()
	s := open(t, Options{Path: put(t, dir, "p.csv", text.String())})
	s.hash = func(k string) uint64 { return uint64(len(k)+int(k[len(k)-1])) % 4 }
	if got, _ := mustRead(t, s, record.Want{}); len(got) != 40 {
		t.Errorf("%d rows", len(got))
	}
	text.WriteString("\nk17\n")
	put(t, dir, "p.csv", text.String())
	_, _, err := readAll(t, s, record.Want{})
	wantError(t, err, `lines 19 and 43, column "id": the key "k17" stands twice`)
}

func TestKeySet(t *testing.T) {
	var k keySet
	hash := seeded()
	const n = 200_000
	for i := range n {
		if k.add(hash(fmt.Sprint(i))) {
			t.Fatalf("%d was there before", i)
		}
	}
	for i := range n {
		if !k.add(hash(fmt.Sprint(i))) {
			t.Fatalf("%d was forgotten", i)
		}
	}
	size := 0
	for _, s := range k.slots {
		size += 8 * len(s)
	}
	if size > 24*n {
		t.Errorf("%d bytes for %d keys", size, n)
	}
	if k.add(0) || !k.add(0) {
		t.Error("the hash 0 is not kept")
	}
}

func TestMojibakeWarning(t *testing.T) {
	for text, want := range map[string]string{
		"id,n\n1,Müller\n2,São Ângelo\n3,ÂNGELA\n":     "",
		"id,n\n1,x\n2,MÃ¼ller\n":                       `1 values look as if their encoding was mistaken on the way (first: line 3, column "n"): see whether names with accents are right`,
		"id,n\n1,Ã„rger\n2,lost \ufffd\n3,FranÃ§ois\n": `3 values look`,
	} {
		s := open(t, Options{Path: put(t, t.TempDir(), "p.csv", text)})
		_, b := mustRead(t, s, record.Want{Names: []string{"n"}})
		if got := strings.Join(b.Warnings, "\n"); (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%q: warning %q", text, got)
		}
	}
}

func TestContextEndsDuringRead(t *testing.T) {
	s := open(t, Options{Path: put(t, t.TempDir(), "p.csv", "id\n1\n2\n")})
	ctx, cancel := context.WithCancel(t.Context())
	_, err := s.Read(ctx, record.Want{}, func(*record.Record) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
