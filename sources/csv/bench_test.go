package csv

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	stdcsv "encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	"scimsync/sync/record"
)

const benchRows = 100_000

func benchFile(b *testing.B) string {
	b.Helper()
	var text bytes.Buffer
	text.WriteString("employee_id;given_name;family_name;mail;department;title;phone;manager_id;start_date;end_date\n")
	for i := range benchRows {
		fmt.Fprintf(&text, "%08d;Anna%d;Müller-%d;anna.%d@example.org;Dept %d;Engineer;+41 44 %07d;%08d;2020-01-%02d;\n",
			i, i, i, i, i%40, i, i/10, i%28+1)
	}
	return put(b, b.TempDir(), "people.csv", text.String())
}

// BenchmarkBare is what any reader of such a file has to do at least.
func BenchmarkBare(b *testing.B) {
	p := benchFile(b)
	for b.Loop() {
		bare(b, p)
	}
	perRow(b)
}

func bare(b *testing.B, p string) {
	f, err := os.Open(p)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	r := stdcsv.NewReader(io.TeeReader(bufio.NewReader(f), sum))
	r.Comma = ';'
	r.ReuseRecord = true
	for {
		if _, err := r.Read(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	s := open(b, Options{Path: benchFile(b), Key: "employee_id", Delimiter: ';'})
	want := record.Want{Names: []string{"department", "employee_id", "family_name", "given_name", "mail", "manager_id", "title"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Read(context.Background(), want, func(*record.Record) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	perRow(b)
}

// BenchmarkSame reads a file that has not changed since.
func BenchmarkSame(b *testing.B) {
	s := open(b, Options{Path: benchFile(b), Key: "employee_id", Delimiter: ';'})
	want := record.Want{Names: []string{"mail"}}
	full, err := s.Read(context.Background(), want, func(*record.Record) error { return nil })
	if err != nil {
		b.Fatal(err)
	}
	want.From = full.Cursor
	for b.Loop() {
		if got, err := s.Read(context.Background(), want, nil); err != nil || got.Extent != record.Same {
			b.Fatal(got.Extent, err)
		}
	}
	perRow(b)
}

func perRow(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
}
