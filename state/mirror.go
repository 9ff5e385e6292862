package state

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"scimsync/sync/ledger"
	"scimsync/sync/record"
)

var (
	bucketIndex = []byte("index")
	bucketRows  = []byte("rows")
	keyInfo     = []byte("info")
	keyLearned  = []byte("learned")
)

// indexLen is the length of a value in the index: ordinal u32, seq u64, absent u32,
// sum, big-endian.
const indexLen = 32

// mirrorFill is how full bbolt leaves the pages that it splits. Rows come sorted, so
// little is put between them later.
const mirrorFill = 0.9

// indexRow is a value of the index, still in the map of the file.
type indexRow []byte

func (x indexRow) ordinal() uint32 { return binary.BigEndian.Uint32(x) }
func (x indexRow) seq() uint64     { return binary.BigEndian.Uint64(x[4:]) }
func (x indexRow) absent() uint32  { return binary.BigEndian.Uint32(x[12:]) }
func (x indexRow) sum() record.Sum { return record.Sum(x[16:]) }

func appendIndex(b []byte, r *ledger.Row) []byte {
	b = binary.BigEndian.AppendUint32(b, r.Ordinal)
	b = binary.BigEndian.AppendUint64(b, r.Seq)
	b = binary.BigEndian.AppendUint32(b, r.Absent)
	return append(b, r.Sum[:]...)
}

// rowKey spells a key inside its source.
func rowKey(b []byte, kind record.Kind, id string) []byte {
	return append(append(b, byte(kind)), id...)
}

// mirror is a source's part of the file.
type mirror struct{ info, index, rows *bolt.Bucket }

// findMirror gives a source's part; ok is false while nothing is kept for it.
func findMirror(tx *bolt.Tx, source string) (m mirror, ok bool) {
	id := sourceNames.find(tx, source)
	if id == nil {
		return m, false
	}
	b := tx.Bucket(bucketSources).Bucket(id)
	if b == nil {
		return m, false
	}
	return mirror{b, b.Bucket(bucketIndex), b.Bucket(bucketRows)}, true
}

func claimMirror(tx *bolt.Tx, source string) (m mirror, err error) {
	if source == "" {
		return m, fmt.Errorf("the source has no name")
	}
	id, err := sourceNames.claim(tx, source)
	if err != nil {
		return m, err
	}
	if m.info, err = tx.Bucket(bucketSources).CreateBucketIfNotExists(id); err != nil {
		return m, err
	}
	if m.index, err = m.info.CreateBucketIfNotExists(bucketIndex); err != nil {
		return m, err
	}
	m.rows, err = m.info.CreateBucketIfNotExists(bucketRows)
	return m, err
}

// Source gives what is known of a source; the zero value if nothing is.
func (s *State) Source(name string) (info ledger.SourceInfo, err error) {
	err = s.view("read source "+name, func(tx *bolt.Tx) error {
		m, _ := findMirror(tx, name)
		_, err := getJSON(m.info, keyInfo, &info)
		return err
	})
	return info, err
}

// PutSource stores what is known of a source.
func (s *State) PutSource(name string, info ledger.SourceInfo) error {
	return s.update("source", func(tx *bolt.Tx) error {
		m, err := claimMirror(tx, name)
		if err != nil {
			return err
		}
		return putJSON(m.info, keyInfo, info)
	})
}

// Seen implements engine.Mirror. It is fastest when the ids come sorted.
func (s *State) Seen(source string, kind record.Kind, ids []string, into []ledger.Seen) error {
	if len(into) != len(ids) {
		return fmt.Errorf("state: seen: %d ids, but room for %d", len(ids), len(into))
	}
	clear(into)
	return s.view("look ids up", func(tx *bolt.Tx) error {
		m, ok := findMirror(tx, source)
		if !ok {
			return nil
		}
		c := m.index.Cursor()
		var key, at, value []byte // the cursor stands on at and value
		for i, id := range ids {
			key = rowKey(key[:0], kind, id)
			// The next id of a sorted file is most often the next key; a step costs far
			// less than a search from the root.
			if i > 0 && at != nil && ids[i-1] < id && bytes.Compare(at, key) < 0 {
				at, value = c.Next()
			}
			if !bytes.Equal(at, key) {
				at, value = c.Seek(key)
			}
			if !bytes.Equal(at, key) {
				continue
			}
			if len(value) != indexLen {
				return fmt.Errorf("index of %s is damaged at %q", source, id)
			}
			x := indexRow(value)
			into[i] = ledger.Seen{Known: true, Absent: x.absent() > 0, Ordinal: x.ordinal(), Sum: x.sum()}
		}
		return nil
	})
}

// Row gives one row.
func (s *State) Row(key record.Key) (row ledger.Row, known bool, err error) {
	err = s.view("read row "+key.String(), func(tx *bolt.Tx) error {
		m, ok := findMirror(tx, key.Source)
		if !ok {
			return nil
		}
		k := rowKey(nil, key.Kind, key.ID)
		index := m.index.Get(k)
		if index == nil {
			return nil
		}
		known = true
		return m.load(key, k, index, &row)
	})
	if err != nil {
		return ledger.Row{}, false, err
	}
	return row, known, nil
}

// load fills row with what index and body say.
func (m mirror) load(key record.Key, k, index []byte, row *ledger.Row) error {
	if len(index) != indexLen {
		return fmt.Errorf("index of %s is damaged", key)
	}
	x := indexRow(index)
	row.Key, row.Ordinal, row.Seq, row.Absent, row.Sum = key, x.ordinal(), x.seq(), x.absent(), x.sum()
	if err := ledger.DecodeRow(m.rows.Get(k), row); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// Changed implements engine.Mirror. Absent rows are among those it gives.
func (s *State) Changed(source string, kind record.Kind, after uint64, fn func(*ledger.Row) error) error {
	return s.eachRow(rowScan{source, kind, func(x indexRow) bool { return x.seq() > after }}, fn)
}

// Unmarked implements engine.Mirror.
func (s *State) Unmarked(source string, kind record.Kind, marked func(ordinal uint32) bool, fn func(*ledger.Row) error) error {
	return s.eachRow(rowScan{source, kind, func(x indexRow) bool { return x.absent() == 0 && !marked(x.ordinal()) }}, fn)
}

// rowScan is a visit to the rows of one kind.
type rowScan struct {
	source string
	kind   record.Kind
	keep   func(indexRow) bool
}

// eachRow calls fn with the rows of a scan, page by page, between the transactions. Only
// their bodies are read.
func (s *State) eachRow(sc rowScan, fn func(*ledger.Row) error) error {
	var rows []ledger.Row
	return s.eachPage(sc, func(m mirror, k, v []byte) error {
		key := record.Key{Source: sc.source, Kind: sc.kind, ID: string(k[1:])}
		var row ledger.Row
		if err := m.load(key, k, v, &row); err != nil {
			return err
		}
		rows = append(rows, row)
		return nil
	}, func() error {
		page := rows
		rows = nil
		for i := range page {
			if err := fn(&page[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// eachPage calls take with the index of each row of a scan, in a transaction, and ended
// after each page, outside of it.
func (s *State) eachPage(sc rowScan, take func(m mirror, k, v []byte) error, ended func() error) error {
	from := []byte{byte(sc.kind)}
	for from != nil {
		err := s.view("read rows of "+sc.source, func(tx *bolt.Tx) error {
			at := from
			from = nil
			m, ok := findMirror(tx, sc.source)
			if !ok {
				return nil
			}
			c := m.index.Cursor()
			n := 0
			for k, v := c.Seek(at); len(k) > 0 && k[0] == byte(sc.kind); k, v = c.Next() {
				if n++; n > pageLen {
					from = bytes.Clone(k)
					return nil
				}
				if len(v) != indexLen {
					return fmt.Errorf("index of %s is damaged at %q", sc.source, k)
				}
				if !sc.keep(indexRow(v)) {
					continue
				}
				if err := take(m, k, v); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := ended(); err != nil {
			return err
		}
	}
	return nil
}

// Merge implements engine.Mirror. A slice of some 10,000 rows is a good size: a larger
// one takes memory, a smaller one takes time.
func (s *State) Merge(source string, rows []ledger.Row, info *ledger.SourceInfo) error {
	sorted := make([]*ledger.Row, len(rows))
	for i := range rows {
		if rows[i].Key.Source != source {
			return fmt.Errorf("state: merge into %s: row %s is of another source", source, rows[i].Key)
		}
		sorted[i] = &rows[i]
	}
	// bbolt is several times as fast with sorted keys.
	slices.SortStableFunc(sorted, func(a, b *ledger.Row) int {
		switch {
		case a.Key.Less(b.Key):
			return -1
		case b.Key.Less(a.Key):
			return 1
		}
		return 0
	})
	return s.update("merge", func(tx *bolt.Tx) error {
		m, err := claimMirror(tx, source)
		if err != nil {
			return err
		}
		m.index.FillPercent, m.rows.FillPercent = mirrorFill, mirrorFill
		refs, err := m.refIndex()
		if err != nil {
			return err
		}
		for _, r := range sorted {
			// bbolt keeps key and value until the commit: each needs memory of its own.
			k := rowKey(nil, r.Key.Kind, r.Key.ID)
			if err := refs.note(m, k, r); err != nil {
				return err
			}
			if err := m.index.Put(k, appendIndex(make([]byte, 0, indexLen), r)); err != nil {
				return fmt.Errorf("row %s: %w", r.Key, err)
			}
			if err := m.rows.Put(k, ledger.AppendRow(nil, r)); err != nil {
				return fmt.Errorf("row %s: %w", r.Key, err)
			}
		}
		if err := refs.store(); err != nil {
			return fmt.Errorf("references: %w", err)
		}
		if info == nil {
			return nil
		}
		return putJSON(m.info, keyInfo, info)
	})
}
