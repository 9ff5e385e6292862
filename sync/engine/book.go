package engine

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"sort"

	"scimsync/sync/plan"
)

// inMemory is how many items a spool keeps in memory before it goes on in a file.
const inMemory = 16384

// spoolable is what a spool can put into a file.
type spoolable[T any] interface {
	*T
	Encode() ([]byte, error)
	Decode([]byte) error
}

// spool is an append-only list of any length: its head is in memory, the rest in a
// file that is deleted with it. Not for concurrent use.
type spool[T any, P spoolable[T]] struct {
	dir     string
	head    []*T
	file    *os.File
	writer  *bufio.Writer
	offsets []int64 // where each item of the file begins
	end     int64
}

func (l *spool[T, P]) len() int { return len(l.head) + len(l.offsets) }

func (l *spool[T, P]) add(x *T) error {
	if len(l.head) < inMemory {
		l.head = append(l.head, x)
		return nil
	}
	if l.file == nil {
		file, err := os.CreateTemp(l.dir, "spool-")
		if err != nil {
			return fmt.Errorf("make room for a large plan: %w", err)
		}
		// The name is given up at once, so that a crash leaves no file behind.
		if err := os.Remove(file.Name()); err != nil {
			return fmt.Errorf("make room for a large plan: %w", err)
		}
		l.file, l.writer = file, bufio.NewWriterSize(file, 1<<18)
	}
	text, err := P(x).Encode()
	if err != nil {
		return fmt.Errorf("spool a change: %w", err)
	}
	var size [4]byte
	binary.BigEndian.PutUint32(size[:], uint32(len(text)))
	if _, err := l.writer.Write(append(size[:], text...)); err != nil {
		return fmt.Errorf("spool a change: %w", err)
	}
	l.offsets = append(l.offsets, l.end)
	l.end += int64(len(size) + len(text))
	return nil
}

// each calls fn with every item in order.
func (l *spool[T, P]) each(fn func(i int, x *T) error) error {
	for i, x := range l.head {
		if err := fn(i, x); err != nil {
			return err
		}
	}
	for i := range l.offsets {
		x, err := l.at(len(l.head) + i)
		if err != nil {
			return err
		}
		if err := fn(len(l.head)+i, x); err != nil {
			return err
		}
	}
	return nil
}

// at gives one item.
func (l *spool[T, P]) at(i int) (*T, error) {
	if i < len(l.head) {
		return l.head[i], nil
	}
	if err := l.writer.Flush(); err != nil {
		return nil, fmt.Errorf("read the spool: %w", err)
	}
	at := l.offsets[i-len(l.head)]
	end := l.end
	if next := i - len(l.head) + 1; next < len(l.offsets) {
		end = l.offsets[next]
	}
	text := make([]byte, end-at)
	if _, err := l.file.ReadAt(text, at); err != nil && err != io.EOF {
		return nil, fmt.Errorf("read the spool: %w", err)
	}
	x := new(T)
	if err := P(x).Decode(text[4:]); err != nil {
		return nil, fmt.Errorf("read the spool: %w", err)
	}
	return x, nil
}

func (l *spool[T, P]) close() {
	if l.file != nil {
		l.file.Close() // nothing in it is needed any more
	}
}

// changes is a spool of changes.
type changes = spool[plan.Change, *plan.Change]

// book holds the changes of a plan by stage, in the order of carrying out.
type book struct {
	dir    string
	stages map[[2]int]*changes
}

func newBook(dir string) *book { return &book{dir: dir, stages: map[[2]int]*changes{}} }

func (b *book) add(c *plan.Change) error {
	stage := c.Stage()
	if b.stages[stage] == nil {
		b.stages[stage] = &changes{dir: b.dir}
	}
	return b.stages[stage].add(c)
}

// each calls fn with every change, stage by stage.
func (b *book) each(fn func(*plan.Change) error) error {
	order := make([][2]int, 0, len(b.stages))
	for stage := range b.stages {
		order = append(order, stage)
	}
	sort.Slice(order, func(i, j int) bool {
		return order[i][0] < order[j][0] || order[i][0] == order[j][0] && order[i][1] < order[j][1]
	})
	for _, stage := range order {
		if err := b.stages[stage].each(func(_ int, c *plan.Change) error { return fn(c) }); err != nil {
			return err
		}
	}
	return nil
}

func (b *book) close() {
	for _, l := range b.stages {
		l.close()
	}
}
