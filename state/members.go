package state

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"scimsync/sync/ledger"
	"scimsync/sync/record"
)

var (
	bucketMembers = []byte("members")
	bucketMoved   = []byte("moved")
)

// memberKey spells a membership: the number of its source, then its edge.
func memberKey(source []byte, e ledger.Edge) []byte {
	k := append(make([]byte, 0, idLen+edgeLen), source...)
	return appendEdge(k, e)
}

// edgeLen is the length of a spelled edge: the group, whether its member is a person, the member.
const edgeLen = 4 + 1 + 4

func appendEdge(b []byte, e ledger.Edge) []byte {
	b = binary.BigEndian.AppendUint32(b, e.Group)
	person := byte(1)
	if e.Nested {
		person = 0
	}
	return binary.BigEndian.AppendUint32(append(b, person), e.Member)
}

func parseEdge(b []byte) ledger.Edge {
	return ledger.Edge{Group: binary.BigEndian.Uint32(b), Nested: b[4] == 0, Member: binary.BigEndian.Uint32(b[5:])}
}

// putMember stores a membership, or forgets it when nothing has to be remembered.
func putMember(tx *bolt.Tx, b *bolt.Bucket, m *ledger.Membership) error {
	source, err := sourceNames.claim(tx, m.Source)
	if err != nil {
		return err
	}
	key := memberKey(source, m.Edge)
	if m.Empty() {
		return b.Delete(key)
	}
	value := []byte{byte(m.State)}
	if p := m.Parked; p != nil {
		raw, err := json.Marshal(storedParked{p.Kind, p.Error, p.Digest, p.Tries, instant{p.At}, instant{p.Since}})
		if err != nil {
			return err
		}
		value = append(value, raw...)
	}
	return b.Put(key, value)
}

func readMember(source string, key, value []byte) (*ledger.Membership, error) {
	if len(key) != idLen+edgeLen || len(value) == 0 {
		return nil, fmt.Errorf("membership %x is damaged", key)
	}
	m := &ledger.Membership{Source: source, Edge: parseEdge(key[idLen:]), State: ledger.MemberState(value[0])}
	if len(value) == 1 {
		return m, nil
	}
	var p storedParked
	if err := json.Unmarshal(value[1:], &p); err != nil {
		return nil, fmt.Errorf("membership %x: %w", key, err)
	}
	m.Parked = &ledger.Parked{Kind: p.Kind, Error: p.Error, Digest: p.Digest, Tries: p.Tries, At: p.At.Time, Since: p.Since.Time}
	return m, nil
}

// Members implements engine.Memberships. It holds one transaction open for a group.
func (s *State) Members(target, source string, group uint32, fn func(*ledger.Membership) error) error {
	var all []*ledger.Membership
	err := s.view("read members at "+target, func(tx *bolt.Tx) error {
		return eachMember(tx, target, source, memberPrefix(tx, source, &group), func(m *ledger.Membership) error {
			all = append(all, m)
			return nil
		})
	})
	if err != nil {
		return err
	}
	for _, m := range all {
		if err := fn(m); err != nil {
			return err
		}
	}
	return nil
}

// memberPrefix is how the memberships of a source, or of one group of it, begin; nil: there
// are none.
func memberPrefix(tx *bolt.Tx, source string, group *uint32) []byte {
	id := sourceNames.find(tx, source)
	if id == nil || group == nil {
		return id
	}
	return binary.BigEndian.AppendUint32(slices.Clone(id), *group)
}

func eachMember(tx *bolt.Tx, target, source string, prefix []byte, fn func(*ledger.Membership) error) error {
	t := findTarget(tx, target)
	if t == nil || prefix == nil || t.Bucket(bucketMembers) == nil {
		return nil
	}
	c := t.Bucket(bucketMembers).Cursor()
	for k, v := c.Seek(prefix); hasPrefix(k, prefix); k, v = c.Next() {
		m, err := readMember(source, k, v)
		if err != nil {
			return err
		}
		if err := fn(m); err != nil {
			return err
		}
	}
	return nil
}

// MemberGroups implements engine.Memberships.
func (s *State) MemberGroups(target, source string, has func(ledger.Edge) bool) (groups []uint32, err error) {
	err = s.view("read groups at "+target, func(tx *bolt.Tx) error {
		t, prefix := findTarget(tx, target), memberPrefix(tx, source, nil)
		if t == nil || prefix == nil || t.Bucket(bucketMembers) == nil {
			return nil
		}
		c := t.Bucket(bucketMembers).Cursor()
		for k, _ := c.Seek(prefix); hasPrefix(k, prefix); k, _ = c.Next() {
			e := parseEdge(k[idLen:])
			if n := len(groups); (n == 0 || groups[n-1] != e.Group) && has(e) {
				groups = append(groups, e.Group)
			}
		}
		return nil
	})
	return groups, err
}

// CountMembers implements engine.Memberships.
func (s *State) CountMembers(target, source string, group *uint32) (n int, err error) {
	err = s.view("count members at "+target, func(tx *bolt.Tx) error {
		return eachMember(tx, target, source, memberPrefix(tx, source, group), func(m *ledger.Membership) error {
			if m.State == ledger.Member || m.State == ledger.Removing {
				n++
			}
			return nil
		})
	})
	return n, err
}

// move notes that the account or group of a key is not the one it was, so that its
// memberships, and references to it, are gone with it: only where there may be any.
func (c *committer) move(k []byte, old, now *ledger.Entry) error {
	if c.members == nil && c.info.Bucket(bucketWaiting) == nil || old.RemoteID == "" || old.Standing == ledger.Gone ||
		now.Standing != ledger.Gone && now.RemoteID == old.RemoteID {
		return nil
	}
	moved, err := c.info.CreateBucketIfNotExists(bucketMoved)
	if err != nil {
		return err
	}
	return moved.Put(k, nil)
}

// ForgetMoved implements engine.Memberships: in one transaction, for what it says must not be
// lost before it is acted upon.
func (s *State) ForgetMoved(target string) error {
	some := false
	err := s.view("read what moved at "+target, func(tx *bolt.Tx) error {
		t := findTarget(tx, target)
		some = t != nil && holds(t.Bucket(bucketMoved), nil)
		return nil
	})
	if err != nil || !some {
		return err
	}
	return s.update("forget members", func(tx *bolt.Tx) error {
		t := findTarget(tx, target)
		if err := unlink(tx, target, t.Bucket(bucketMoved)); err != nil {
			return err
		}
		members := t.Bucket(bucketMembers)
		if members == nil {
			return t.DeleteBucket(bucketMoved)
		}
		moved, err := movedEdges(tx, t.Bucket(bucketMoved))
		if err != nil {
			return err
		}
		c := members.Cursor()
		var gone [][]byte
		for k, _ := c.First(); k != nil; k, _ = c.Next() {
			e := parseEdge(k[idLen:])
			if moved[string(k[:idLen])].touches(e) {
				gone = append(gone, bytes.Clone(k))
			}
		}
		losers := map[string]map[uint32]bool{}
		for _, k := range gone {
			if err := members.Delete(k); err != nil {
				return err
			}
			id := string(k[:idLen])
			if losers[id] == nil {
				losers[id] = map[uint32]bool{}
			}
			losers[id][parseEdge(k[idLen:]).Group] = true
		}
		for id, groups := range losers {
			if err := lookAtGroups(tx, target, id, groups); err != nil {
				return err
			}
		}
		return t.DeleteBucket(bucketMoved)
	})
}

// lookAtGroups has some groups of a source, by their ordinals, looked at in the next run of the
// jobs that they belong to: who has another account by now is to be in them again.
func lookAtGroups(tx *bolt.Tx, target, source string, groups map[uint32]bool) error {
	src := tx.Bucket(bucketSources).Bucket([]byte(source))
	if src == nil || src.Bucket(bucketIndex) == nil {
		return nil
	}
	a, _ := findAccounts(tx, target)
	spell, jobs := newKeys(tx), jobNames.names(tx)
	c := src.Bucket(bucketIndex).Cursor()
	group := []byte{byte(record.Group)}
	for k, v := c.Seek(group); hasPrefix(k, group); k, v = c.Next() {
		if !groups[binary.BigEndian.Uint32(v)] {
			continue
		}
		full := append([]byte(source), k...)
		entry := a.entries.Get(full)
		if entry == nil || ledger.Standing(entry[idLen]) == ledger.Gone {
			continue
		}
		key, err := spell.parse(full)
		if err != nil {
			return err
		}
		looks, err := flowBucket(tx, ledger.Flow{Job: jobs[string(entry[:idLen])], Target: target}, bucketLooks)
		if err == nil {
			err = lookAgain(looks, full, key)
		}
		if err != nil {
			return fmt.Errorf("look again at %s: %w", key, err)
		}
	}
	return nil
}

// ordinals are people and groups of one source.
type ordinals map[uint32]record.Kind

func (o ordinals) touches(e ledger.Edge) bool {
	kind := record.User
	if e.Nested {
		kind = record.Group
	}
	return o[e.Group] == record.Group || o[e.Member] == kind
}

// movedEdges gives the ordinals of what moved, by source.
func movedEdges(tx *bolt.Tx, b *bolt.Bucket) (map[string]ordinals, error) {
	moved := map[string]ordinals{}
	err := b.ForEach(func(k, _ []byte) error {
		if len(k) <= idLen {
			return fmt.Errorf("key %x is too short", k)
		}
		src := tx.Bucket(bucketSources).Bucket(k[:idLen])
		if src == nil || src.Bucket(bucketIndex) == nil {
			return nil
		}
		v := src.Bucket(bucketIndex).Get(k[idLen:])
		if v == nil {
			return nil
		}
		id := string(k[:idLen])
		if moved[id] == nil {
			moved[id] = ordinals{}
		}
		moved[id][binary.BigEndian.Uint32(v)] = record.Kind(k[idLen])
		return nil
	})
	return moved, err
}
