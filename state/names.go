package state

import (
	"encoding/binary"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"scimsync/sync/ledger"
	"scimsync/sync/record"
)

// table names one of the tables that lead from a name in the config to the number under
// which everything is kept. So a new name is one change, however much is kept.
type table string

const (
	sourceNames table = "source"
	jobNames    table = "job"
	targetNames table = "target"
)

func (t table) bucket(tx *bolt.Tx) *bolt.Bucket {
	return tx.Bucket(bucketNames).Bucket([]byte(t))
}

// find gives the number of a name as it stands in keys; nil: the name is not known.
func (t table) find(tx *bolt.Tx, name string) []byte {
	return t.bucket(tx).Get([]byte(name))
}

// claim gives the number of a name, a new one if need be.
func (t table) claim(tx *bolt.Tx, name string) ([]byte, error) {
	if id := t.find(tx, name); id != nil {
		return id, nil
	}
	b := t.bucket(tx)
	n, err := b.NextSequence() // never given twice
	if err != nil {
		return nil, err
	}
	if n > 1<<32-1 {
		return nil, fmt.Errorf("no number is left for %s %q", t, name)
	}
	id := binary.BigEndian.AppendUint32(nil, uint32(n))
	if err := b.Put([]byte(name), id); err != nil {
		return nil, fmt.Errorf("name %s %q: %w", t, name, err)
	}
	return id, nil
}

// names gives all names by number.
func (t table) names(tx *bolt.Tx) map[string]string {
	names := map[string]string{}
	c := t.bucket(tx).Cursor()
	for name, id := c.First(); name != nil; name, id = c.Next() {
		names[string(id)] = string(name)
	}
	return names
}

// list gives all names in their order.
func (t table) list(tx *bolt.Tx) []string {
	var list []string
	c := t.bucket(tx).Cursor()
	for name, _ := c.First(); name != nil; name, _ = c.Next() {
		list = append(list, string(name))
	}
	return list
}

// keys spells record keys as the file has them: source number, kind, anchor.
type keys struct {
	tx    *bolt.Tx
	ids   map[string][]byte
	names map[string]string
}

const idLen = 4

func newKeys(tx *bolt.Tx) *keys {
	return &keys{tx: tx, ids: map[string][]byte{}}
}

// find gives a key's spelling; nil: its source is not known, so nothing is kept for it.
func (k *keys) find(key record.Key) []byte {
	id, ok := k.ids[key.Source]
	if !ok {
		id = sourceNames.find(k.tx, key.Source)
		k.ids[key.Source] = id
	}
	if id == nil {
		return nil
	}
	return append(append(append(make([]byte, 0, idLen+1+len(key.ID)), id...), byte(key.Kind)), key.ID...)
}

// claim gives a key's spelling and knows its source from then on.
func (k *keys) claim(key record.Key) ([]byte, error) {
	if b := k.find(key); b != nil {
		return b, nil
	}
	if key.Source == "" {
		return nil, fmt.Errorf("key %s has no source", key)
	}
	id, err := sourceNames.claim(k.tx, key.Source)
	if err != nil {
		return nil, err
	}
	k.ids[key.Source], k.names = id, nil
	return k.find(key), nil
}

// parse undoes find.
func (k *keys) parse(b []byte) (record.Key, error) {
	if k.names == nil {
		k.names = sourceNames.names(k.tx)
	}
	if len(b) <= idLen {
		return record.Key{}, fmt.Errorf("key %x is too short", b)
	}
	name, ok := k.names[string(b[:idLen])]
	if !ok {
		return record.Key{}, fmt.Errorf("key %x belongs to no source", b)
	}
	return record.Key{Source: name, Kind: record.Kind(b[idLen]), ID: string(b[idLen+1:])}, nil
}

// flowID spells a flow as the file has it; nil: its job or target is not known.
func flowID(tx *bolt.Tx, flow ledger.Flow) []byte {
	job, target := jobNames.find(tx, flow.Job), targetNames.find(tx, flow.Target)
	if job == nil || target == nil {
		return nil
	}
	return append(append(make([]byte, 0, 2*idLen), job...), target...)
}

// findFlow gives a flow's bucket; nil: nothing is kept for it.
func findFlow(tx *bolt.Tx, flow ledger.Flow) *bolt.Bucket {
	id := flowID(tx, flow)
	if id == nil {
		return nil
	}
	return tx.Bucket(bucketFlows).Bucket(id)
}

// claimFlow gives a flow's bucket, a new one if need be.
func claimFlow(tx *bolt.Tx, flow ledger.Flow) (*bolt.Bucket, error) {
	if flow.Job == "" || flow.Target == "" {
		return nil, fmt.Errorf("flow %q has no job or no target", flow)
	}
	_, err := jobNames.claim(tx, flow.Job)
	if err == nil {
		_, err = targetNames.claim(tx, flow.Target)
	}
	if err != nil {
		return nil, err
	}
	return tx.Bucket(bucketFlows).CreateBucketIfNotExists(flowID(tx, flow))
}

// Flows gives all flows for which anything is kept, in the order of job and target.
func (s *State) Flows() ([]ledger.Flow, error) {
	var flows []ledger.Flow
	err := s.view("list flows", func(tx *bolt.Tx) error {
		for _, job := range jobNames.list(tx) {
			for _, target := range targetNames.list(tx) {
				if flow := (ledger.Flow{Job: job, Target: target}); findFlow(tx, flow) != nil {
					flows = append(flows, flow)
				}
			}
		}
		return nil
	})
	return flows, err
}

// Sources gives the names of all sources for which anything is kept.
func (s *State) Sources() ([]string, error) { return s.list(sourceNames) }

func (s *State) list(t table) (names []string, err error) {
	err = s.view("list names", func(tx *bolt.Tx) error {
		names = t.list(tx)
		return nil
	})
	return names, err
}

// RenameSource lets all that is kept for the source old be found under the name new. It
// does nothing if that is done already or nothing is kept for old, and fails if
// something is kept for both.
func (s *State) RenameSource(old, new string) error {
	return s.rename(sourceNames, old, new, sourceUsed)
}

// RenameJob does for a job what RenameSource does for a source.
func (s *State) RenameJob(old, new string) error {
	return s.rename(jobNames, old, new, jobUsed)
}

func (s *State) rename(t table, old, new string, used func(*bolt.Tx, []byte) bool) error {
	if new == "" {
		return fmt.Errorf("rename %s %q: the new name is empty", t, old)
	}
	var todo bool
	err := s.view("rename", func(tx *bolt.Tx) error {
		todo = old != new && t.find(tx, old) != nil
		return nil
	})
	if err != nil || !todo {
		return err
	}
	return s.update("rename", func(tx *bolt.Tx) error {
		id := t.find(tx, old)
		if id == nil {
			return nil
		}
		if there := t.find(tx, new); there != nil {
			if used(tx, there) && used(tx, id) {
				return fmt.Errorf("%s %q cannot take over the state of %q, because it has one of its own: "+
					"take `renamed_from: %s` out of the config", t, new, old, old)
			}
			if used(tx, there) {
				return nil // old holds nothing that could move
			}
			if err := t.drop(tx, there); err != nil {
				return err
			}
		}
		id = append([]byte(nil), id...)
		if err := t.bucket(tx).Delete([]byte(old)); err != nil {
			return err
		}
		if err := t.bucket(tx).Put([]byte(new), id); err != nil {
			return err
		}
		return dropComparisons(tx)
	})
}

// drop forgets what is known of a source or job as a whole.
func (t table) drop(tx *bolt.Tx, id []byte) error {
	parent := bucketJobs
	if t == sourceNames {
		parent = bucketSources
	}
	err := tx.Bucket(parent).DeleteBucket(id)
	if errors.Is(err, berrors.ErrBucketNotFound) {
		return nil
	}
	return err
}

// sourceUsed tells whether people are kept for a source: its rows, or anything with its
// number in the key.
func sourceUsed(tx *bolt.Tx, id []byte) bool {
	if b := tx.Bucket(bucketSources).Bucket(id); b != nil && holds(b.Bucket(bucketIndex), nil) {
		return true
	}
	used := false
	each := func(parent *bolt.Bucket, names ...[]byte) {
		_ = parent.ForEachBucket(func(k []byte) error {
			for _, name := range names {
				used = used || holds(parent.Bucket(k).Bucket(name), id)
			}
			return nil
		})
	}
	each(tx.Bucket(bucketTargets), bucketEntries, bucketMembers)
	each(tx.Bucket(bucketFlows), bucketIntents, bucketLooks)
	return used
}

// jobUsed tells whether anything was kept for a job at a target.
func jobUsed(tx *bolt.Tx, id []byte) bool { return holds(tx.Bucket(bucketFlows), id) }

// holds tells whether a bucket, which may be nil, has a key with that prefix.
func holds(b *bolt.Bucket, prefix []byte) bool {
	if b == nil {
		return false
	}
	k, _ := b.Cursor().Seek(prefix)
	return hasPrefix(k, prefix)
}
