package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"scimsync/sync/ledger"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

var (
	bucketEntries      = []byte("entries")
	bucketLogins       = []byte("logins")
	bucketRemotes      = []byte("remotes")
	bucketGroupNames   = []byte("group names")
	bucketGroupRemotes = []byte("group remotes")
	bucketStandings    = []byte("standings")
	bucketIntents      = []byte("intents")
	bucketLooks        = []byte("looks")
)

// entryHead is the length of what stands before a packed entry: the number of its job
// and its standing.
const entryHead = idLen + 1

// accounts is a target's part of the file.
type accounts struct {
	info, entries  *bolt.Bucket
	people, groups index
	members        *bolt.Bucket // nil: there are none
}

// index leads to the entries of one kind. Services may give an account and a group the same id.
type index struct{ names, remotes *bolt.Bucket }

func (a accounts) index(kind record.Kind) index {
	if kind == record.Group {
		return a.groups
	}
	return a.people
}

func findAccounts(tx *bolt.Tx, target string) (a accounts, ok bool) {
	b := findTarget(tx, target)
	if b == nil {
		return a, false
	}
	return accounts{b, b.Bucket(bucketEntries), index{b.Bucket(bucketLogins), b.Bucket(bucketRemotes)},
		index{b.Bucket(bucketGroupNames), b.Bucket(bucketGroupRemotes)}, b.Bucket(bucketMembers)}, true
}

// findTarget gives the target's bucket; nil: there is none.
func findTarget(tx *bolt.Tx, target string) *bolt.Bucket {
	id := targetNames.find(tx, target)
	if id == nil {
		return nil
	}
	return tx.Bucket(bucketTargets).Bucket(id)
}

func claimAccounts(tx *bolt.Tx, target string) (a accounts, err error) {
	if target == "" {
		return a, errors.New("the target has no name")
	}
	id, err := targetNames.claim(tx, target)
	if err != nil {
		return a, err
	}
	if a.info, err = tx.Bucket(bucketTargets).CreateBucketIfNotExists(id); err != nil {
		return a, err
	}
	if a.entries, err = a.info.CreateBucketIfNotExists(bucketEntries); err != nil {
		return a, err
	}
	if a.people.names, err = a.info.CreateBucketIfNotExists(bucketLogins); err != nil {
		return a, err
	}
	if a.people.remotes, err = a.info.CreateBucketIfNotExists(bucketRemotes); err != nil {
		return a, err
	}
	a.groups = index{a.info.Bucket(bucketGroupNames), a.info.Bucket(bucketGroupRemotes)}
	a.members = a.info.Bucket(bucketMembers)
	return a, nil
}

// claimGroups makes room for groups.
func (a *accounts) claimGroups() (err error) {
	if a.groups.names, err = a.info.CreateBucketIfNotExists(bucketGroupNames); err != nil {
		return err
	}
	if a.groups.remotes, err = a.info.CreateBucketIfNotExists(bucketGroupRemotes); err != nil {
		return err
	}
	a.members, err = a.info.CreateBucketIfNotExists(bucketMembers)
	return err
}

// indexName is the name under which an entry is found: the login of an account, the name of a
// group, folded.
func indexName(e *ledger.Entry) string {
	if e.Key.Kind == record.Group {
		return resource.Fold(e.Resource.Text("displayName"))
	}
	return resource.Fold(e.Resource.Text("userName"))
}

// readEntry makes an entry of what is stored.
func readEntry(value []byte, key record.Key, jobs map[string]string) (*ledger.Entry, error) {
	if len(value) < entryHead {
		return nil, fmt.Errorf("entry of %s is damaged", key)
	}
	e := &ledger.Entry{Key: key, Job: jobs[string(value[:idLen])], Standing: ledger.Standing(value[idLen])}
	return e, ledger.DecodeEntry(value[entryHead:], e)
}

// Entries implements engine.Entries. The keys need not be sorted, but it is faster if
// they are.
func (s *State) Entries(target string, keys []record.Key) ([]*ledger.Entry, error) {
	entries := make([]*ledger.Entry, len(keys))
	err := s.view("read entries at "+target, func(tx *bolt.Tx) error {
		a, ok := findAccounts(tx, target)
		if !ok {
			return nil
		}
		spell, jobs := newKeys(tx), jobNames.names(tx)
		for i, key := range keys {
			k := spell.find(key)
			if k == nil {
				continue
			}
			v := a.entries.Get(k)
			if v == nil {
				continue
			}
			var err error
			if entries[i], err = readEntry(v, key, jobs); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return entries, nil
}

// ByLogin implements engine.Entries.
func (s *State) ByLogin(target, folded string) (record.Key, bool, error) {
	return s.lookUp(target, bucketLogins, folded)
}

// ByRemote implements engine.Entries.
func (s *State) ByRemote(target, id string) (record.Key, bool, error) {
	return s.lookUp(target, bucketRemotes, id)
}

// GroupByName implements engine.Entries.
func (s *State) GroupByName(target, folded string) (record.Key, bool, error) {
	return s.lookUp(target, bucketGroupNames, folded)
}

// GroupByRemote implements engine.Entries.
func (s *State) GroupByRemote(target, id string) (record.Key, bool, error) {
	return s.lookUp(target, bucketGroupRemotes, id)
}

func (s *State) lookUp(target string, index []byte, what string) (key record.Key, known bool, err error) {
	err = s.view("look up at "+target, func(tx *bolt.Tx) (err error) {
		b := findTarget(tx, target)
		if b == nil {
			return nil
		}
		in := b.Bucket(index)
		if in == nil {
			return nil
		}
		k := in.Get([]byte(what))
		if k == nil {
			return nil
		}
		known = true
		key, err = newKeys(tx).parse(k)
		return err
	})
	return key, known && err == nil, err
}

// Standings implements engine.Entries. It costs the same however many entries there are.
func (s *State) Standings(flow ledger.Flow) (map[ledger.Standing]int, error) {
	standings := map[ledger.Standing]int{}
	err := s.view("count "+flow.String(), func(tx *bolt.Tx) error {
		b := inFlow(flow, bucketStandings)(tx)
		if b == nil {
			return nil
		}
		return b.ForEach(func(k, v []byte) error {
			if n := binary.BigEndian.Uint64(v); n > 0 {
				standings[ledger.Standing(k[0])] = int(n)
			}
			return nil
		})
	})
	return standings, err
}

// EachEntry calls fn with every account of a flow.
func (s *State) EachEntry(flow ledger.Flow, fn func(*ledger.Entry) error) error {
	return s.eachEntry(flow, record.User, fn)
}

// EachGroup calls fn with every group of a flow.
func (s *State) EachGroup(flow ledger.Flow, fn func(*ledger.Entry) error) error {
	return s.eachEntry(flow, record.Group, fn)
}

func (s *State) eachEntry(flow ledger.Flow, kind record.Kind, fn func(*ledger.Entry) error) error {
	var job []byte
	err := s.view("find "+flow.String(), func(tx *bolt.Tx) error {
		job = bytes.Clone(jobNames.find(tx, flow.Job))
		return nil
	})
	if err != nil || job == nil {
		return err
	}
	jobs := map[string]string{string(job): flow.Job}
	bucket := func(tx *bolt.Tx) *bolt.Bucket {
		a, _ := findAccounts(tx, flow.Target)
		return a.entries
	}
	mine := func(v []byte) bool { return bytes.HasPrefix(v, job) }
	return s.each(scan{"read entries at " + flow.Target, bucket, mine}, func(p pair) error {
		if p.key.Kind != kind {
			return nil
		}
		e, err := readEntry(p.value, p.key, jobs)
		if err != nil {
			return fmt.Errorf("state: %w", err)
		}
		return fn(e)
	})
}
