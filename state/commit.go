package state

import (
	"bytes"
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"scimsync/sync/ledger"
	"scimsync/sync/record"
)

// Begin implements apply.Ledger.
func (s *State) Begin(flow ledger.Flow, intents []ledger.Intent) error {
	raw := make([][]byte, len(intents))
	for i := range intents {
		raw[i] = ledger.AppendIntent(nil, &intents[i])
	}
	return s.update("begin", func(tx *bolt.Tx) error {
		b, err := flowBucket(tx, flow, bucketIntents)
		if err != nil {
			return err
		}
		spell := newKeys(tx)
		if err := beginMembers(tx, flow.Target, intents); err != nil {
			return err
		}
		for i := range intents {
			if intents[i].Member != nil {
				continue
			}
			k, err := spell.claim(intents[i].Key)
			if err != nil {
				return err
			}
			if err := b.Put(k, raw[i]); err != nil {
				return fmt.Errorf("intent of %s: %w", intents[i].Key, err)
			}
		}
		return nil
	})
}

// beginMembers stores that changes of members are about to be sent: a membership in doubt is
// the intent of its change.
func beginMembers(tx *bolt.Tx, target string, intents []ledger.Intent) error {
	for i := range intents {
		m := intents[i].Member
		if m == nil {
			continue
		}
		a, err := claimAccounts(tx, target)
		if err == nil {
			err = a.claimGroups()
		}
		if err == nil {
			err = putMember(tx, a.members, m)
		}
		if err != nil {
			return fmt.Errorf("member of %s: %w", intents[i].Key, err)
		}
	}
	return nil
}

// flowBucket gives a bucket of a flow, a new one if need be.
func flowBucket(tx *bolt.Tx, flow ledger.Flow, name []byte) (*bolt.Bucket, error) {
	b, err := claimFlow(tx, flow)
	if err != nil {
		return nil, err
	}
	return b.CreateBucketIfNotExists(name)
}

// Commit implements apply.Ledger. The error for an account of another key is
// ledger.ErrOwned and names both keys. An entry without a Job belongs to the job of the flow.
func (s *State) Commit(flow ledger.Flow, outcomes []ledger.Outcome) error {
	raw := make([][]byte, len(outcomes))
	for i := range outcomes {
		if e := outcomes[i].Entry; e != nil {
			raw[i] = ledger.AppendEntry(make([]byte, entryHead, 512), e)
		}
	}
	return s.update("commit", func(tx *bolt.Tx) error {
		c, err := newCommitter(tx, flow)
		if err != nil {
			return err
		}
		for i := range outcomes {
			if err := c.store(&outcomes[i], raw[i]); err != nil {
				return fmt.Errorf("%s: %w", outcomes[i].Key, err)
			}
		}
		return c.finish()
	})
}

// committer stores the outcomes of one transaction.
type committer struct {
	accounts
	tx             *bolt.Tx
	flow           ledger.Flow
	target         []byte // the target's number
	keys           *keys
	jobs           map[string]string
	intents, looks *bolt.Bucket
	claims         []claim
	counts         map[string]int64          // flow id and standing -> by how much the count changes
	counted        map[string]map[string]int // minute -> limit -> how often it was counted against
}

// claim is a remote id that was another key's when it was stored.
type claim struct {
	remote string
	old    []byte // the other key
	key    record.Key
}

func newCommitter(tx *bolt.Tx, flow ledger.Flow) (c *committer, err error) {
	c = &committer{tx: tx, flow: flow, keys: newKeys(tx), counts: map[string]int64{}, counted: map[string]map[string]int{}}
	if c.intents, err = flowBucket(tx, flow, bucketIntents); err != nil {
		return nil, err
	}
	if c.looks, err = flowBucket(tx, flow, bucketLooks); err != nil {
		return nil, err
	}
	c.accounts, err = claimAccounts(tx, flow.Target)
	c.target = targetNames.find(tx, flow.Target)
	c.jobs = jobNames.names(tx)
	return c, err
}

func (c *committer) store(o *ledger.Outcome, raw []byte) error {
	k, err := c.keys.claim(o.Key)
	if err != nil {
		return err
	}
	if o.Key.Kind == record.Group && c.groups.names == nil {
		if err := c.claimGroups(); err != nil {
			return err
		}
	}
	if o.Member != nil {
		if err := putMember(c.tx, c.members, o.Member); err != nil {
			return err
		}
	}
	if o.Entry != nil {
		if err := c.storeEntry(k, o.Key, o.Entry, raw); err != nil {
			return err
		}
	}
	c.note(o)
	if o.Look != nil {
		if err := storeLook(c.looks, k, o.Look); err != nil {
			return err
		}
	}
	if o.DropIntent {
		return c.intents.Delete(k)
	}
	return nil
}

func storeLook(b *bolt.Bucket, k []byte, l *ledger.Look) error {
	if l.Empty() {
		return b.Delete(k)
	}
	raw, err := encodeLook(l)
	if err != nil {
		return err
	}
	return b.Put(k, raw)
}

// storeEntry puts an entry in the place of the one there was, and moves indexes and
// counts along. The first entryHead bytes of raw are filled in here.
func (c *committer) storeEntry(k []byte, key record.Key, e *ledger.Entry, raw []byte) error {
	if e.Standing < ledger.Live || e.Standing > ledger.Gone {
		return fmt.Errorf("entry has no standing (%d)", e.Standing)
	}
	if err := c.forget(k, key, e); err != nil {
		return err
	}
	job := e.Job
	if job == "" {
		job = c.flow.Job
	}
	jobID, err := jobNames.claim(c.tx, job)
	if err != nil {
		return err
	}
	copy(raw, jobID)
	raw[idLen] = byte(e.Standing)
	c.count(raw[:entryHead], key, +1)
	if err := c.entries.Put(k, raw); err != nil {
		return err
	}
	if e.Standing == ledger.Gone {
		return nil
	}
	if err := c.arrives(k, key, e); err != nil {
		return err
	}
	return c.enter(k, key, e)
}

// forget takes the entry that stands under k, if any, out of indexes and counts, for another
// in its place.
func (c *committer) forget(k []byte, key record.Key, now *ledger.Entry) error {
	v := c.entries.Get(k)
	if v == nil {
		return nil
	}
	old, err := readEntry(v, key, c.jobs)
	if err != nil {
		return err
	}
	c.count(v[:entryHead], key, -1)
	if err := c.move(k, old, now); err != nil {
		return err
	}
	at := c.accounts.index(key.Kind)
	// Another key may have taken over the name, or in this transaction the account.
	if id := []byte(old.RemoteID); len(id) > 0 && bytes.Equal(at.remotes.Get(id), k) {
		if err := at.remotes.Delete(id); err != nil {
			return err
		}
	}
	name := []byte(indexName(old))
	if len(name) > 0 && bytes.Equal(at.names.Get(name), k) {
		return at.names.Delete(name)
	}
	return nil
}

func (c *committer) enter(k []byte, key record.Key, e *ledger.Entry) error {
	at := c.accounts.index(key.Kind)
	if id := []byte(e.RemoteID); len(id) > 0 {
		if owner := at.remotes.Get(id); owner != nil && !bytes.Equal(owner, k) {
			// Whether the owner gives it up is known when all outcomes are stored.
			c.claims = append(c.claims, claim{e.RemoteID, bytes.Clone(owner), key})
		}
		if err := at.remotes.Put(id, k); err != nil {
			return fmt.Errorf("remote id: %w", err)
		}
	}
	name := []byte(indexName(e))
	if len(name) == 0 {
		return nil
	}
	if err := at.names.Put(name, k); err != nil {
		return fmt.Errorf("login: %w", err)
	}
	return nil
}

// count counts accounts; groups are none.
func (c *committer) count(head []byte, key record.Key, n int64) {
	if key.Kind != record.User {
		return
	}
	at := append(append(append(make([]byte, 0, 2*idLen+1), head[:idLen]...), c.target...), head[idLen])
	c.counts[string(at)] += n
}

// finish checks the claims and stores the counts.
func (c *committer) finish() error {
	for _, claim := range c.claims {
		owner, err := c.keys.parse(claim.old)
		if err != nil {
			return err
		}
		v := c.entries.Get(claim.old)
		if v == nil {
			continue
		}
		e, err := readEntry(v, owner, c.jobs)
		if err != nil {
			return err
		}
		if e.Standing != ledger.Gone && e.RemoteID == claim.remote {
			return fmt.Errorf("account %s of %s for %s: %w: %s", claim.remote, c.flow.Target, claim.key, ledger.ErrOwned, owner)
		}
	}
	for at, n := range c.counts {
		if err := c.addCount([]byte(at[:2*idLen]), []byte(at[2*idLen:]), n); err != nil {
			return err
		}
	}
	return c.storeCounted()
}

func (c *committer) addCount(flow, standing []byte, n int64) error {
	if n == 0 {
		return nil
	}
	b, err := c.tx.Bucket(bucketFlows).CreateBucketIfNotExists(flow)
	if err != nil {
		return err
	}
	if b, err = b.CreateBucketIfNotExists(bucketStandings); err != nil {
		return err
	}
	if v := b.Get(standing); v != nil {
		n += int64(binary.BigEndian.Uint64(v))
	}
	return b.Put(standing, binary.BigEndian.AppendUint64(nil, uint64(max(n, 0))))
}
