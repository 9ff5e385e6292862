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

// scan is a visit to a bucket of people.
type scan struct {
	name   string                      // what is being done, for errors
	bucket func(*bolt.Tx) *bolt.Bucket // may give nil: there is nothing
	keep   func(value []byte) bool     // nil: all
}

// each calls fn with all pairs that a scan keeps, in the order of record.Key, between
// transactions.
func (s *State) each(sc scan, fn func(pair) error) error {
	sources, err := s.Sources()
	if err != nil {
		return err
	}
	for _, source := range sources { // sorted, which their numbers are not
		var next []byte
		for more := true; more; {
			var page []pair
			err := s.view(sc.name, func(tx *bolt.Tx) (err error) {
				page, next, err = sc.page(tx, source, next)
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

// page copies what is kept of the next pageLen pairs of a source, and tells where to go
// on; next is nil behind the last.
func (sc scan) page(tx *bolt.Tx, source string, from []byte) (page []pair, next []byte, err error) {
	b, prefix := sc.bucket(tx), sourceNames.find(tx, source)
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
		if sc.keep != nil && !sc.keep(v) {
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
