package engine

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// sortedAtOnce is how many items a sorter keeps in memory: 6 MB.
const sortedAtOnce = 1 << 18

// item is what a sorter sorts: by hi, lo, n and x, in this order.
type item struct {
	hi, lo uint64
	n, x   uint32
}

const itemLen = 24

func (a item) compare(b item) int {
	switch { // nearly always the first decides
	case a.hi != b.hi:
		return cmp.Compare(a.hi, b.hi)
	case a.lo != b.lo:
		return cmp.Compare(a.lo, b.lo)
	case a.n != b.n:
		return cmp.Compare(a.n, b.n)
	}
	return cmp.Compare(a.x, b.x)
}

// sorter sorts any number of items in little memory: what does not fit goes, sorted, into
// a file as one run, and all runs are merged when they are read. Not for concurrent use.
type sorter struct {
	dir  string
	all  []item
	file *os.File
	ends []int64 // of each run in the file
}

func (s *sorter) add(x item) error {
	if len(s.all) == sortedAtOnce {
		if err := s.spill(); err != nil {
			return fmt.Errorf("sort the members of groups: %w", err)
		}
	}
	s.all = append(s.all, x)
	return nil
}

// spill writes what is in memory as a run.
func (s *sorter) spill() error {
	if s.file == nil {
		file, err := os.CreateTemp(s.dir, "sort-")
		if err != nil {
			return err
		}
		// The name is given up at once, so that a crash leaves no file behind.
		s.file = file
		if err := os.Remove(file.Name()); err != nil {
			return err
		}
	}
	slices.SortFunc(s.all, item.compare)
	w := bufio.NewWriterSize(s.file, 1<<16)
	b := make([]byte, 0, itemLen)
	for _, x := range s.all {
		b = binary.LittleEndian.AppendUint64(b[:0], x.hi)
		b = binary.LittleEndian.AppendUint64(b, x.lo)
		b = binary.LittleEndian.AppendUint32(b, x.n)
		b = binary.LittleEndian.AppendUint32(b, x.x)
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	s.ends = append(s.ends, s.start(len(s.ends))+int64(len(s.all))*itemLen)
	s.all = s.all[:0]
	return w.Flush()
}

func (s *sorter) start(run int) int64 {
	if run == 0 {
		return 0
	}
	return s.ends[run-1]
}

// read begins to give the items in their order, equal ones once. No more may be added, but
// it may be read several times.
func (s *sorter) read() (*merged, error) {
	slices.SortFunc(s.all, item.compare)
	m := &merged{}
	for i, end := range s.ends {
		from := s.start(i)
		m.runs = append(m.runs, &sortedRun{file: bufio.NewReaderSize(io.NewSectionReader(s.file, from, end-from), 1<<16)})
	}
	m.runs = append(m.runs, &sortedRun{rest: s.all})
	for i := len(m.runs) - 1; i >= 0; i-- {
		if err := m.runs[i].next(); err != nil {
			return nil, err
		}
	}
	for i := len(m.runs) - 1; i >= 0; i-- {
		m.sink(i)
	}
	return m, nil
}

func (s *sorter) close() {
	if s.file != nil {
		s.file.Close() // nothing in it is needed any more
	}
	*s = sorter{}
}

// sortedRun gives the items of one run.
type sortedRun struct {
	rest []item        // in memory
	file *bufio.Reader // or in the file; nil: there
	at   item
	done bool
}

func (r *sortedRun) next() error {
	if r.file == nil {
		if r.done = len(r.rest) == 0; !r.done {
			r.at, r.rest = r.rest[0], r.rest[1:]
		}
		return nil
	}
	var b [itemLen]byte
	_, err := io.ReadFull(r.file, b[:])
	if r.done = errors.Is(err, io.EOF); r.done {
		return nil
	}
	if err != nil {
		return fmt.Errorf("sort the members of groups: %w", err)
	}
	r.at = item{binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:]),
		binary.LittleEndian.Uint32(b[16:]), binary.LittleEndian.Uint32(b[20:])}
	return nil
}

// merged gives the items of all runs. The runs are a heap: the one with the least item
// is the first.
type merged struct {
	runs []*sortedRun
	last item
	any  bool // last was given
}

func (m *merged) less(i, j int) bool {
	a, b := m.runs[i], m.runs[j]
	if a.done || b.done {
		return !a.done
	}
	return a.at.compare(b.at) < 0
}

// sink lets a run go down to its place in the heap.
func (m *merged) sink(i int) {
	for {
		least := 2*i + 1
		if least >= len(m.runs) {
			return
		}
		if least+1 < len(m.runs) && m.less(least+1, least) {
			least++
		}
		if !m.less(least, i) {
			return
		}
		m.runs[i], m.runs[least] = m.runs[least], m.runs[i]
		i = least
	}
}

// next gives the next item; ok is false behind the last.
func (m *merged) next() (x item, ok bool, err error) {
	for {
		first := m.runs[0]
		if first.done {
			return item{}, false, nil
		}
		x = first.at
		if err := first.next(); err != nil {
			return item{}, false, err
		}
		m.sink(0)
		if !m.any || x != m.last {
			m.last, m.any = x, true
			return x, true, nil
		}
	}
}
