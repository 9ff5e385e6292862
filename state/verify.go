package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// What a bbolt file looks like (its format version 2, numbers as the machine has them):
//
//	page           id u64, flags u16, count u16, overflow u32, then its elements;
//	               with an overflow of n it goes on over the next n pages
//	meta (0, 1)    magic u32, version u32, page size u32, flags u32, root bucket u64,
//	               sequence u64, freelist u64, pages in use u64, transaction u64, checksum u64
//	branch         count times: position u32, key length u32, page u64; then the keys
//	leaf           count times: flags u32, position u32, key length u32, value length u32;
//	               then the keys and values. A value with flag 1 is a bucket: root page
//	               u64, sequence u64; with root 0 a leaf page stands behind it.
//	freelist       count times a page u64; with a count of 65535 the first is the count.
//	               A file without a list names no page for it.
//
// The newer of the two valid meta pages counts.
const (
	boltMagic   = 0xED0CDAED
	boltVersion = 2

	pageHeader = 16
	element    = 16
	metaLen    = 64 // after the page header
	bucketLen  = 16

	flagBranch = 0x01
	flagLeaf   = 0x02
	flagFree   = 0x10
	flagBucket = 0x01

	noFreelist = ^uint64(0)
	manyFree   = 0xFFFF

	// maxDepth is far above what a file of any size has.
	maxDepth = 64
)

var native = binary.NativeEndian

var errForeign = errors.New("it is not a state file of scimsync")

// verify tells whether every page that can be reached is in place and makes sense. The
// file must not be written to meanwhile, or a read transaction must be open.
func verify(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errForeign
	}
	if info.Size() == 0 {
		return errors.New("it is empty, which scimsync never leaves it")
	}
	m, err := readMeta(f)
	if err != nil {
		return err
	}
	if want := int64(m.pages) * int64(m.pageSize); info.Size() < want {
		return fmt.Errorf("it is cut short: %d bytes of %d", info.Size(), want)
	}
	w := walker{file: f, meta: m, seen: make([]uint64, m.pages/64+1)}
	if err := w.tree(m.root, 0); err != nil {
		return fmt.Errorf("it is damaged: %w", err)
	}
	if err := w.free(m.freelist); err != nil {
		return fmt.Errorf("it is damaged: %w", err)
	}
	return nil
}

type meta struct {
	pageSize uint32
	root     uint64
	freelist uint64
	pages    uint64
	txid     uint64
}

// readMeta finds the meta page that counts. The second stands at the page size, which
// only a valid first one tells: so all sizes are tried.
func readMeta(f io.ReaderAt) (meta, error) {
	var best meta
	found, ours := false, false
	buf := make([]byte, pageHeader+metaLen)
	for at := int64(0); at <= 1<<16; at = max(1024, at*2) {
		if _, err := f.ReadAt(buf, at); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return meta{}, err
		}
		b := buf[pageHeader:]
		if native.Uint32(b) != boltMagic {
			continue
		}
		ours = true
		sum := fnv.New64a()
		sum.Write(b[:metaLen-8])
		m := meta{pageSize: native.Uint32(b[8:]), root: native.Uint64(b[16:]),
			freelist: native.Uint64(b[32:]), pages: native.Uint64(b[40:]), txid: native.Uint64(b[48:])}
		valid := native.Uint32(b[4:]) == boltVersion && sum.Sum64() == native.Uint64(b[56:]) &&
			m.pageSize >= 1024 && m.pageSize <= 1<<16 && (at == 0 || at == int64(m.pageSize))
		if valid && (!found || m.txid > best.txid) {
			best, found = m, true
		}
	}
	switch {
	case found:
		return best, nil
	case ours:
		return meta{}, errors.New("it is damaged: neither of its two meta pages is valid")
	}
	return meta{}, errForeign
}

// walker visits all pages below a root.
type walker struct {
	file io.ReaderAt
	meta meta
	seen []uint64             // one bit a page: none may be reached twice
	bufs [maxDepth + 1][]byte // by depth
}

// tree visits the page id and all below it.
func (w *walker) tree(id uint64, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("page %d: the tree is too deep", id)
	}
	p, err := w.page(id, depth)
	if err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	count := int(native.Uint16(p[10:]))
	switch flags := native.Uint16(p[8:]); {
	case flags == flagBranch && count > 0:
		return w.branch(id, p, depth)
	case flags == flagLeaf:
		return w.leaf(id, p, depth)
	default:
		return fmt.Errorf("page %d: it is of type %#x with %d elements", id, flags, count)
	}
}

// page reads a page with its overflow.
func (w *walker) page(id uint64, depth int) ([]byte, error) {
	size := uint64(w.meta.pageSize)
	if id < 2 || id >= w.meta.pages {
		return nil, fmt.Errorf("there is none with this number (%d are in use)", w.meta.pages)
	}
	if w.bufs[depth] == nil {
		w.bufs[depth] = make([]byte, size)
	}
	buf := w.bufs[depth][:size]
	if _, err := w.file.ReadAt(buf, int64(id*size)); err != nil {
		return nil, err
	}
	if got := native.Uint64(buf); got != id {
		return nil, fmt.Errorf("it calls itself %d", got)
	}
	over := uint64(native.Uint32(buf[12:]))
	if over >= w.meta.pages-id {
		return nil, errors.New("it goes on behind the end")
	}
	for i := id; i <= id+over; i++ {
		if err := w.mark(i); err != nil {
			return nil, err
		}
	}
	if over == 0 {
		return buf, nil
	}
	long := make([]byte, (over+1)*size)
	_, err := w.file.ReadAt(long, int64(id*size))
	return long, err
}

// mark notes that a page is used, or free.
func (w *walker) mark(id uint64) error {
	if w.seen[id/64]&(1<<(id%64)) != 0 {
		return errors.New("it is used twice")
	}
	w.seen[id/64] |= 1 << (id % 64)
	return nil
}

// free visits the list of the free pages: none of them may be in use. The tree comes
// first.
func (w *walker) free(id uint64) error {
	if id == noFreelist {
		return nil
	}
	p, err := w.page(id, 0)
	if err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	if flags := native.Uint16(p[8:]); flags != flagFree {
		return fmt.Errorf("page %d: it is of type %#x and should list the free pages", id, flags)
	}
	list, count := p[pageHeader:], uint64(native.Uint16(p[10:]))
	if count == manyFree {
		count, list = native.Uint64(list), list[8:]
	}
	if count > uint64(len(list)/8) {
		return fmt.Errorf("page %d: it lists more free pages than it has room for", id)
	}
	for ; count > 0; count, list = count-1, list[8:] {
		free := native.Uint64(list)
		if free < 2 || free >= w.meta.pages {
			return fmt.Errorf("page %d: it lists page %d as free, and there is none", id, free)
		}
		if err := w.mark(free); err != nil {
			return fmt.Errorf("page %d is listed as free: %w", free, err)
		}
	}
	return nil
}

func (w *walker) branch(id uint64, p []byte, depth int) error {
	var last []byte
	for i := range int(native.Uint16(p[10:])) {
		at := pageHeader + i*element
		key, err := slice(p, at, 0, 4)
		if err != nil || (i > 0 && bytes.Compare(last, key) >= 0) {
			return fmt.Errorf("page %d: element %d is out of place", id, i)
		}
		last = key
		if err := w.tree(native.Uint64(p[at+8:]), depth+1); err != nil {
			return err
		}
	}
	return nil
}

// leaf visits the buckets among the values of a leaf page, or of the page that an
// inline bucket carries.
func (w *walker) leaf(id uint64, p []byte, depth int) error {
	if len(p) < pageHeader {
		return fmt.Errorf("page %d: a bucket in it is too short", id)
	}
	var last []byte
	for i := range int(native.Uint16(p[10:])) {
		at := pageHeader + i*element
		key, err := slice(p, at, 4, 8)
		if err != nil || (i > 0 && bytes.Compare(last, key) >= 0) {
			return fmt.Errorf("page %d: element %d is out of place", id, i)
		}
		last = key
		whole, err := slice(p, at, 4, 8, 12)
		if err != nil {
			return fmt.Errorf("page %d: the value of element %d is out of place", id, i)
		}
		if native.Uint32(p[at:])&flagBucket == 0 {
			continue
		}
		if err := w.bucket(id, whole[len(key):], depth); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) bucket(id uint64, value []byte, depth int) error {
	if len(value) < bucketLen {
		return fmt.Errorf("page %d: a bucket in it is too short", id)
	}
	if root := native.Uint64(value); root != 0 {
		return w.tree(root, depth+1)
	}
	inline := value[bucketLen:]
	if len(inline) < pageHeader || native.Uint16(inline[8:]) != flagLeaf || depth > maxDepth {
		return fmt.Errorf("page %d: a bucket in it is damaged", id)
	}
	return w.leaf(id, inline, depth+1)
}

// slice gives the bytes that belong to the element at p[at:]: the field pos of the
// element says where they begin, counted from the element, the fields lens how many
// they are.
func slice(p []byte, at, pos int, lens ...int) ([]byte, error) {
	if at+element > len(p) {
		return nil, io.ErrUnexpectedEOF
	}
	begin := uint64(at) + uint64(native.Uint32(p[at+pos:]))
	end := begin
	for _, n := range lens {
		end += uint64(native.Uint32(p[at+n:]))
	}
	if end > uint64(len(p)) {
		return nil, io.ErrUnexpectedEOF
	}
	return p[begin:end], nil
}
