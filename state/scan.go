package state

import (
	"bytes"
	"encoding/json"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"scimsync/sync/ledger"
	"scimsync/sync/record"
)

// pair is one key and its value, copied out of a transaction.
type pair struct {
	key   record.Key
	value []byte
}

// hasPrefix is false for the nil key with which a cursor tells its end.
func hasPrefix(key, prefix []byte) bool { return key != nil && bytes.HasPrefix(key, prefix) }

// each calls fn with all pairs of a bucket of people that keep agrees to, in the order
// of record.Key, between transactions. bucket may give nil.
func (s *State) each(name string, bucket func(*bolt.Tx) *bolt.Bucket, keep func(v []byte) bool, fn func(pair) error) error {
	sources, err := s.Sources()
	if err != nil {
		return err
	}
	for _, source := range sources { // sorted, which their numbers are not
		var next []byte
		for more := true; more; {
			var page []pair
			err := s.view(name, func(tx *bolt.Tx) (err error) {
				page, next, err = readPage(tx, bucket(tx), source, next, keep)
				return err
			})
			if err != nil {
				return err
			}
			for _, p := range page {
				if err := fn(p); err != nil {
					return err
				}
			}
			more = next != nil
		}
	}
	return nil
}

// readPage copies what keep agrees to from the next pageLen pairs of a source, and tells
// where to go on; next is nil behind the last.
func readPage(tx *bolt.Tx, b *bolt.Bucket, source string, from []byte, keep func(v []byte) bool) (page []pair, next []byte, err error) {
	prefix := sourceNames.find(tx, source)
	if b == nil || prefix == nil {
		return nil, nil, nil
	}
	if from == nil {
		from = prefix
	}
	spell, c := newKeys(tx), b.Cursor()
	k, v := c.Seek(from)
	for n := 0; hasPrefix(k, prefix); k, v = c.Next() {
		if n++; n > pageLen {
			return page, bytes.Clone(k), nil
		}
		if keep != nil && !keep(v) {
			continue
		}
		key, err := spell.parse(k)
		if err != nil {
			return nil, nil, err
		}
		page = append(page, pair{key, bytes.Clone(v)})
	}
	return page, nil, nil
}

// inFlow gives a bucket of a flow to each.
func inFlow(flow ledger.Flow, name []byte) func(*bolt.Tx) *bolt.Bucket {
	return func(tx *bolt.Tx) *bolt.Bucket {
		b := findFlow(tx, flow)
		if b == nil {
			return nil
		}
		return b.Bucket(name)
	}
}

// getJSON reads a value into out and tells whether there was one. b may be nil.
func getJSON(b *bolt.Bucket, key []byte, out any) (bool, error) {
	if b == nil {
		return false, nil
	}
	v := b.Get(key)
	if v == nil {
		return false, nil
	}
	if err := json.Unmarshal(v, out); err != nil {
		return false, fmt.Errorf("read %q: %w", key, err)
	}
	return true, nil
}

// putJSON stores a value.
func putJSON(b *bolt.Bucket, key []byte, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %q: %w", key, err)
	}
	return b.Put(key, raw)
}
