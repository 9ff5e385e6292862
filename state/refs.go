package state

import (
	"bytes"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"scimsync/sync/ledger"
	"scimsync/sync/record"
)

var (
	bucketRefs    = []byte("refs")
	keyReferred   = []byte("referred")
	bucketWaiting = []byte("waiting")
	bucketWaits   = []byte("waits")
)

const refLen = len(ledger.Reference{})

// IndexRefs implements engine.Mirror. The attributes are stored last: an index that was not
// finished is made anew.
func (s *State) IndexRefs(source string, by []string) error {
	var known []string
	err := s.view("read source "+source, func(tx *bolt.Tx) error {
		m, _ := findMirror(tx, source)
		_, err := getJSON(m.info, keyReferred, &known)
		return err
	})
	if err != nil || slices.Equal(known, by) {
		return err
	}
	err = s.update("forget refs", func(tx *bolt.Tx) error {
		m, err := claimMirror(tx, source)
		if err == nil {
			err = m.info.Delete(keyReferred)
		}
		if err == nil && m.info.Bucket(bucketRefs) != nil {
			err = m.info.DeleteBucket(bucketRefs)
		}
		if err == nil && len(by) > 0 {
			_, err = m.info.CreateBucket(bucketRefs)
		}
		return err
	})
	if err != nil || len(by) == 0 {
		return err
	}
	var keys [][]byte
	put := func() error {
		slices.SortFunc(keys, bytes.Compare)
		err := s.update("refs", func(tx *bolt.Tx) error {
			m, _ := findMirror(tx, source)
			return putKeys(m.info.Bucket(bucketRefs), keys)
		})
		keys = keys[:0]
		return err
	}
	every := rowScan{source, record.User, func(x indexRow) bool { return x.absent() == 0 }}
	err = s.eachRow(every, func(row *ledger.Row) error {
		if keys = appendRefs(keys, row, by); len(keys) < pageLen {
			return nil
		}
		return put()
	})
	if err == nil {
		err = put()
	}
	if err != nil {
		return err
	}
	return s.update("referred", func(tx *bolt.Tx) error {
		m, _ := findMirror(tx, source)
		return putJSON(m.info, keyReferred, by)
	})
}

// appendRefs appends the keys of a row in the index.
func appendRefs(keys [][]byte, row *ledger.Row, by []string) [][]byte {
	for _, ref := range row.Answers(by) {
		keys = append(keys, rowKey(slices.Clone(ref[:]), row.Key.Kind, row.Key.ID))
	}
	return keys
}

func putKeys(b *bolt.Bucket, keys [][]byte) error {
	for _, k := range keys {
		if err := b.Put(k, nil); err != nil {
			return err
		}
	}
	return nil
}

// refIndex keeps the index of a source while rows are merged; nil: there is none.
type refIndex struct {
	refs     *bolt.Bucket
	by       []string
	old, new [][]byte
}

func (m mirror) refIndex() (*refIndex, error) {
	x := &refIndex{refs: m.info.Bucket(bucketRefs)}
	known, err := getJSON(m.info, keyReferred, &x.by)
	if err != nil || !known || x.refs == nil {
		return nil, err
	}
	return x, nil
}

// note notes that a row comes in the place of what stands there.
func (x *refIndex) note(m mirror, k []byte, row *ledger.Row) error {
	if x == nil {
		return nil
	}
	x.new = appendRefs(x.new, row, x.by)
	index := m.index.Get(k)
	if index == nil {
		return nil
	}
	var old ledger.Row
	if err := m.load(row.Key, k, index, &old); err != nil {
		return err
	}
	x.old = appendRefs(x.old, &old, x.by)
	return nil
}

func (x *refIndex) store() error {
	if x == nil {
		return nil
	}
	for _, k := range x.old {
		if err := x.refs.Delete(k); err != nil {
			return err
		}
	}
	slices.SortFunc(x.new, bytes.Compare)
	return putKeys(x.refs, x.new)
}

// Answering implements engine.Mirror.
func (s *State) Answering(source string, ref ledger.Reference) (keys []record.Key, err error) {
	err = s.view("find who is meant in "+source, func(tx *bolt.Tx) error {
		m, ok := findMirror(tx, source)
		if !ok || m.info.Bucket(bucketRefs) == nil {
			return nil
		}
		c := m.info.Bucket(bucketRefs).Cursor()
		for k, _ := c.Seek(ref[:]); hasPrefix(k, ref[:]) && len(keys) < 2; k, _ = c.Next() {
			if len(k) <= refLen {
				return fmt.Errorf("reference %x is damaged", k)
			}
			keys = append(keys, record.Key{Source: source, Kind: record.Kind(k[refLen]), ID: string(k[refLen+1:])})
		}
		return nil
	})
	return keys, err
}

// PutWaiting implements engine.References.
func (s *State) PutWaiting(target string, list []ledger.Waiting) error {
	if len(list) == 0 {
		there := false
		err := s.view("read who waits at "+target, func(tx *bolt.Tx) error {
			t := findTarget(tx, target)
			there = t != nil && t.Bucket(bucketWaiting) != nil
			return nil
		})
		if err != nil || there {
			return err
		}
		list = make([]ledger.Waiting, 0)
	}
	return s.update("waiting", func(tx *bolt.Tx) error {
		w, err := claimWaiting(tx, target)
		if err != nil {
			return err
		}
		spell := newKeys(tx)
		for i := range list {
			k, err := spell.claim(list[i].Key)
			if err == nil {
				err = w.put(k, list[i].For)
			}
			if err != nil {
				return fmt.Errorf("what %s waits for: %w", list[i].Key, err)
			}
		}
		return nil
	})
}

// waiting is who waits for whom at a target: what they wait for and their key, and for each key
// all that it waits for.
type waiting struct{ waiting, waits *bolt.Bucket }

func claimWaiting(tx *bolt.Tx, target string) (w waiting, err error) {
	a, err := claimAccounts(tx, target)
	if err != nil {
		return w, err
	}
	if w.waiting, err = a.info.CreateBucketIfNotExists(bucketWaiting); err != nil {
		return w, err
	}
	w.waits, err = a.info.CreateBucketIfNotExists(bucketWaits)
	return w, err
}

func findWaiting(target *bolt.Bucket) waiting {
	return waiting{target.Bucket(bucketWaiting), target.Bucket(bucketWaits)}
}

// put stores all that a key waits for, in the place of what it waited for before.
func (w waiting) put(k []byte, refs []ledger.Reference) error {
	for old := range slices.Chunk(bytes.Clone(w.waits.Get(k)), refLen) {
		if err := w.waiting.Delete(append(old, k...)); err != nil {
			return err
		}
	}
	if len(refs) == 0 {
		return w.waits.Delete(k)
	}
	var all []byte
	for _, ref := range refs {
		all = append(all, ref[:]...)
		if err := w.waiting.Put(append(ref[:], k...), nil); err != nil {
			return err
		}
	}
	return w.waits.Put(k, all)
}

// drop has a key wait for one less.
func (w waiting) drop(k []byte, ref ledger.Reference) error {
	var rest []ledger.Reference
	for other := range slices.Chunk(w.waits.Get(k), refLen) {
		if ledger.Reference(other) != ref {
			rest = append(rest, ledger.Reference(other))
		}
	}
	return w.put(k, rest)
}

// of gives, as they are spelled, the keys of a source that wait for somebody.
func (w waiting) of(source []byte, ref ledger.Reference) (keys [][]byte) {
	c := w.waiting.Cursor()
	from := append(ref[:], source...)
	for k, _ := c.Seek(from); hasPrefix(k, from); k, _ = c.Next() {
		keys = append(keys, bytes.Clone(k[refLen:]))
	}
	return keys
}

// WaitingFor implements engine.References.
func (s *State) WaitingFor(target, source string, refs []ledger.Reference) (keys []record.Key, err error) {
	err = s.view("read who waits at "+target, func(tx *bolt.Tx) error {
		t, id := findTarget(tx, target), sourceNames.find(tx, source)
		if t == nil || id == nil || t.Bucket(bucketWaiting) == nil {
			return nil
		}
		w, spell := findWaiting(t), newKeys(tx)
		for _, ref := range refs {
			for _, k := range w.of(id, ref) {
				key, err := spell.parse(k)
				if err != nil {
					return err
				}
				keys = append(keys, key)
			}
		}
		return nil
	})
	return keys, err
}

// Waits implements engine.References.
func (s *State) Waits(target string) (some bool, err error) {
	err = s.view("read who waits at "+target, func(tx *bolt.Tx) error {
		t := findTarget(tx, target)
		some = t != nil && holds(t.Bucket(bucketWaiting), nil)
		return nil
	})
	return some, err
}

// arrives has those who wait for an account looked at again in the next run: in the same
// transaction, so that nobody is forgotten.
func (c *committer) arrives(k []byte, key record.Key, now *ledger.Entry) error {
	w := findWaiting(c.info)
	if w.waiting == nil || key.Kind != record.User || now.Standing == ledger.Gone || now.RemoteID == "" {
		return nil
	}
	for _, referrer := range w.of(k[:idLen], ledger.RefersTo(key)) {
		by, err := c.keys.parse(referrer)
		if err == nil {
			err = lookAgain(c.looks, referrer, by)
		}
		if err == nil {
			err = w.drop(referrer, ledger.RefersTo(key))
		}
		if err != nil {
			return fmt.Errorf("look again at who refers to %s: %w", key, err)
		}
	}
	return nil
}

// lookAgain has somebody looked at in the next run, beside what else is to be remembered.
func lookAgain(looks *bolt.Bucket, k []byte, key record.Key) error {
	look := &ledger.Look{Key: key}
	if v := looks.Get(k); v != nil {
		var err error
		if look, err = decodeLook(pair{key: key, value: v}); err != nil {
			return err
		}
	}
	look.NextRun = true
	return storeLook(looks, k, look)
}

// unlink takes references to accounts that are not there any more out of entries, and has
// those people looked at again: what they refer to is another account now, or none.
func unlink(tx *bolt.Tx, target string, moved *bolt.Bucket) error {
	a, _ := findAccounts(tx, target)
	if a.info.Bucket(bucketWaiting) == nil {
		return nil
	}
	spell, jobs := newKeys(tx), jobNames.names(tx)
	var keys, values [][]byte
	c := a.entries.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		key, err := spell.parse(k)
		if err != nil {
			return err
		}
		e, err := readEntry(v, key, jobs)
		if err != nil {
			return err
		}
		if e.Unlink(func(to record.Key) bool { return holdsKey(moved, spell.find(to)) }) {
			keys = append(keys, bytes.Clone(k))
			values = append(values, ledger.AppendEntry(bytes.Clone(v[:entryHead]), e))
		}
	}
	for i, k := range keys {
		key, err := spell.parse(k)
		if err == nil {
			err = a.entries.Put(k, values[i])
		}
		var looks *bolt.Bucket
		if err == nil {
			looks, err = flowBucket(tx, ledger.Flow{Job: jobs[string(values[i][:idLen])], Target: target}, bucketLooks)
		}
		if err == nil {
			err = lookAgain(looks, k, key)
		}
		if err != nil {
			return fmt.Errorf("references of %x: %w", k, err)
		}
	}
	return nil
}

// holdsKey tells whether a bucket has a key, whatever stands there.
func holdsKey(b *bolt.Bucket, k []byte) bool {
	found, _ := b.Cursor().Seek(k)
	return k != nil && bytes.Equal(found, k)
}
