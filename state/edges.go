package state

import (
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"scimsync/sync/ledger"
	"scimsync/sync/record"
)

var bucketEdges = []byte("edges")

// readEdge undoes appendEdge.
func readEdge(k []byte) (ledger.Edge, error) {
	if len(k) != edgeLen {
		return ledger.Edge{}, fmt.Errorf("edge %x is damaged", k)
	}
	return parseEdge(k), nil
}

// findEdges gives the edges of a source; nil: it has none.
func findEdges(tx *bolt.Tx, source string) *bolt.Bucket {
	m, ok := findMirror(tx, source)
	if !ok {
		return nil
	}
	return m.info.Bucket(bucketEdges)
}

// EachEdge implements engine.Mirror.
func (s *State) EachEdge(source string, fn func(ledger.Edge) error) error {
	page := make([]ledger.Edge, 0, pageLen)
	from := []byte{}
	for from != nil {
		page = page[:0]
		err := s.view("read edges of "+source, func(tx *bolt.Tx) error {
			b := findEdges(tx, source)
			if b == nil {
				from = nil
				return nil
			}
			c := b.Cursor()
			k, _ := c.Seek(from)
			for from = nil; k != nil; k, _ = c.Next() {
				if len(page) == pageLen {
					from = append(make([]byte, 0, edgeLen), k...)
					return nil
				}
				e, err := readEdge(k)
				if err != nil {
					return err
				}
				page = append(page, e)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, e := range page {
			if err := fn(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// EdgesOf implements engine.Mirror.
func (s *State) EdgesOf(source string, group uint32) (edges []ledger.Edge, err error) {
	prefix := binary.BigEndian.AppendUint32(nil, group)
	err = s.view("read edges of "+source, func(tx *bolt.Tx) error {
		b := findEdges(tx, source)
		if b == nil {
			return nil
		}
		c := b.Cursor()
		for k, _ := c.Seek(prefix); hasPrefix(k, prefix); k, _ = c.Next() {
			e, err := readEdge(k)
			if err != nil {
				return err
			}
			edges = append(edges, e)
		}
		return nil
	})
	return edges, err
}

// MergeEdges implements engine.Mirror. Edges that come in order are stored several times
// as fast as others.
func (s *State) MergeEdges(source string, add, remove []ledger.Edge) error {
	return s.update("edges", func(tx *bolt.Tx) error {
		m, err := claimMirror(tx, source)
		if err != nil {
			return err
		}
		b, err := m.info.CreateBucketIfNotExists(bucketEdges)
		if err != nil {
			return err
		}
		b.FillPercent = mirrorFill
		// bbolt keeps each key until the commit: all of them have one piece of memory.
		keys := make([]byte, 0, edgeLen*len(add))
		for _, e := range add {
			keys = appendEdge(keys, e)
			if err := b.Put(keys[len(keys)-edgeLen:], nil); err != nil {
				return err
			}
		}
		for _, e := range remove {
			if err := b.Delete(appendEdge(nil, e)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Touch implements engine.Mirror.
func (s *State) Touch(source string, marked func(ordinal uint32) bool, seq uint64) error {
	var keys [][]byte
	touch := func() error {
		err := s.update("touch", func(tx *bolt.Tx) error { return touchRows(tx, source, keys, seq) })
		keys = keys[:0]
		return err
	}
	err := s.eachKey(source, func(x indexRow) bool { return x.seq() != seq && marked(x.ordinal()) },
		func(_ uint32, key record.Key) error {
			if keys = append(keys, rowKey(nil, key.Kind, key.ID)); len(keys) < pageLen {
				return nil
			}
			return touch()
		})
	if err != nil || len(keys) == 0 {
		return err
	}
	return touch()
}

func touchRows(tx *bolt.Tx, source string, keys [][]byte, seq uint64) error {
	m, _ := findMirror(tx, source)
	for _, k := range keys {
		old := m.index.Get(k)
		if len(old) != indexLen {
			return fmt.Errorf("index of %s is damaged at %q", source, k)
		}
		x := append(make([]byte, 0, indexLen), old...)
		binary.BigEndian.PutUint64(x[4:], seq)
		if err := m.index.Put(k, x); err != nil {
			return err
		}
	}
	return nil
}

// Named implements engine.Mirror.
func (s *State) Named(source string, marked func(ordinal uint32) bool, fn func(ordinal uint32, key record.Key) error) error {
	return s.eachKey(source, func(x indexRow) bool { return marked(x.ordinal()) }, fn)
}

// eachKey calls fn with the keys of the rows that keep agrees to, of all kinds, page by
// page, between the transactions.
func (s *State) eachKey(source string, keep func(indexRow) bool, fn func(ordinal uint32, key record.Key) error) error {
	type named struct {
		ordinal uint32
		key     record.Key
	}
	var page []named
	for _, kind := range record.Kinds {
		err := s.eachPage(rowScan{source, kind, keep}, func(_ mirror, k, v []byte) error {
			page = append(page, named{indexRow(v).ordinal(), record.Key{Source: source, Kind: kind, ID: string(k[1:])}})
			return nil
		}, func() error {
			for _, n := range page {
				if err := fn(n.ordinal, n.key); err != nil {
					return err
				}
			}
			page = page[:0]
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
