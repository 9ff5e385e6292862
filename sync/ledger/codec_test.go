package ledger

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"scimsync/sync/record"
)

func sampleRow() Row {
	return Row{
		DN: "cn=Zoë,ou=people,dc=example,dc=org", Line: 17, Enabled: record.True,
		Expires: time.Date(9999, 12, 31, 23, 59, 59, 999999900, time.UTC),
		Attrs: []record.Attr{
			{Name: "email", Values: []string{"zoe@example.org"}},
			{Name: "manager_id"},
			{Name: "proxyaddresses", Values: []string{"", "SMTP:zoe@example.org", "smtp:z@example.org"}},
		},
	}
}

func TestRowComesBack(t *testing.T) {
	zurich := time.FixedZone("CET", 3600)
	rows := map[string]Row{
		"full":       sampleRow(),
		"empty":      {},
		"only names": {Attrs: []record.Attr{{Name: "a"}, {Name: ""}}},
		"zone":       {Expires: time.Date(2024, 2, 29, 1, 0, 0, 1, zurich), Line: -1, Enabled: record.False},
		"year 1":     {Expires: time.Time{}.Add(1)},
		"long value": {Attrs: []record.Attr{{Name: "note", Values: []string{strings.Repeat("é", 70000)}}}},
	}
	for name, want := range rows {
		t.Run(name, func(t *testing.T) {
			prefix := []byte("kept")
			b := AppendRow(prefix, &want)
			if !bytes.HasPrefix(b, prefix) {
				t.Fatal("AppendRow did not append")
			}
			kept := record.Key{Kind: record.User, Source: "hr", ID: "1"}
			got := Row{Key: kept, Ordinal: 7, Seq: 8, Absent: 9}
			if err := DecodeRow(b[len(prefix):], &got); err != nil {
				t.Fatal(err)
			}
			if got.Key != kept || got.Ordinal != 7 || got.Seq != 8 || got.Absent != 9 {
				t.Errorf("DecodeRow touched what is not in the body: %+v", got)
			}
			if !got.Expires.Equal(want.Expires) {
				t.Errorf("Expires = %v, want %v", got.Expires, want.Expires)
			}
			clear(b) // nothing of b may be kept
			got.Key, got.Ordinal, got.Seq, got.Absent, got.Expires = want.Key, 0, 0, 0, want.Expires
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("row changed (-want +got):\n%s", d)
			}
		})
	}
}

func TestRowDamagedIsRefused(t *testing.T) {
	row := sampleRow()
	whole := AppendRow(nil, &row)
	for n := range whole {
		got := Row{DN: "untouched"}
		if err := DecodeRow(whole[:n], &got); err == nil {
			t.Errorf("cut after %d of %d bytes: no error", n, len(whole))
		}
		if got.DN != "untouched" || got.Attrs != nil {
			t.Errorf("cut after %d bytes: row was touched", n)
		}
	}
	bad := map[string][]byte{
		"longer":           append(bytes.Clone(whole), 0),
		"other format":     append([]byte{rowFormat + 1}, whole[1:]...),
		"tri":              append([]byte{rowFormat, 3}, whole[2:]...),
		"huge length":      {rowFormat, 0, 0xff, 0xff, 0xff, 0xff, 0x0f},
		"endless varint":   append([]byte{rowFormat, 0}, bytes.Repeat([]byte{0xff}, 12)...),
		"values, no attrs": {rowFormat, 0, 0, 0, 0, 0, 1, 0},
		"values left over": {rowFormat, 0, 0, 0, 0, 1, 1, 0, 0},
	}
	for name, b := range bad {
		if err := DecodeRow(b, new(Row)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzRow(f *testing.F) {
	row := sampleRow()
	f.Add(AppendRow(nil, &row))
	f.Add(AppendRow(nil, &Row{}))
	f.Add([]byte{rowFormat, 0, 0, 0, 1, 2, 3, 1, 1, 0, 1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		var first, second Row
		if DecodeRow(b, &first) != nil {
			return
		}
		if err := DecodeRow(AppendRow(nil, &first), &second); err != nil {
			t.Fatalf("a row that was read cannot be read again: %v", err)
		}
		if !first.Expires.Equal(second.Expires) {
			t.Fatalf("Expires %v became %v", first.Expires, second.Expires)
		}
		first.Expires, second.Expires = time.Time{}, time.Time{}
		if d := cmp.Diff(first, second); d != "" {
			t.Fatalf("row changed:\n%s", d)
		}
	})
}

func BenchmarkDecodeRow(b *testing.B) {
	row := sampleRow()
	body := AppendRow(nil, &row)
	b.ReportAllocs()
	for b.Loop() {
		if err := DecodeRow(body, &row); err != nil {
			b.Fatal(err)
		}
	}
}
