package state

import (
	"encoding/hex"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"scimsync/sync/ledger"
)

var keyProgress = []byte("progress")

// Progress implements engine.Progress; the zero value if nothing is known.
func (s *State) Progress(flow ledger.Flow) (p ledger.Progress, err error) {
	err = s.view("read progress of "+flow.String(), func(tx *bolt.Tx) error {
		var stored storedProgress
		known, err := getJSON(findFlow(tx, flow), keyProgress, &stored)
		if err != nil || !known {
			return err
		}
		p = ledger.Progress{MapVersion: stored.MapVersion, Contact: stored.Contact}
		if stored.Planned == nil {
			return nil
		}
		names := sourceNames.names(tx)
		p.Planned = map[string]uint64{}
		for id, seq := range stored.Planned {
			raw, err := hex.DecodeString(id)
			if err != nil {
				return fmt.Errorf("source %q: %w", id, err)
			}
			if name, ok := names[string(raw)]; ok { // not so for a source that was forgotten
				p.Planned[name] = seq
			}
		}
		return nil
	})
	return p, err
}

func putProgress(tx *bolt.Tx, b *bolt.Bucket, p *ledger.Progress) error {
	stored := storedProgress{MapVersion: p.MapVersion, Contact: p.Contact}
	if p.Planned != nil {
		stored.Planned = map[string]uint64{}
	}
	for name, seq := range p.Planned {
		id, err := sourceNames.claim(tx, name)
		if err != nil {
			return err
		}
		stored.Planned[hex.EncodeToString(id)] = seq
	}
	return putJSON(b, keyProgress, stored)
}

// EachLook implements engine.Progress. The looks come in the order of keys.
func (s *State) EachLook(flow ledger.Flow, fn func(*ledger.Look) error) error {
	return s.each(scan{name: "read looks of " + flow.String(), bucket: inFlow(flow, bucketLooks)}, func(p pair) error {
		l, err := decodeLook(p)
		if err != nil {
			return fmt.Errorf("state: %w", err)
		}
		return fn(l)
	})
}

// EachIntent implements engine.Progress. The intents come in the order of keys.
func (s *State) EachIntent(flow ledger.Flow, fn func(*ledger.Intent) error) error {
	return s.each(scan{name: "read intents of " + flow.String(), bucket: inFlow(flow, bucketIntents)}, func(p pair) error {
		i := &ledger.Intent{Key: p.key}
		if err := ledger.DecodeIntent(p.value, i); err != nil {
			return fmt.Errorf("state: %w", err)
		}
		return fn(i)
	})
}

// PutProgress implements engine.Progress.
func (s *State) PutProgress(flow ledger.Flow, progress ledger.Progress) error {
	return s.update("progress", func(tx *bolt.Tx) error {
		b, err := claimFlow(tx, flow)
		if err != nil {
			return err
		}
		return putProgress(tx, b, &progress)
	})
}

// PutLooks implements engine.Progress. It is the one method that takes several
// transactions: after an error some looks may be stored.
func (s *State) PutLooks(flow ledger.Flow, looks []ledger.Look) error {
	for slice := range slices.Chunk(looks, pageLen) {
		if err := s.putLooks(flow, slice); err != nil {
			return err
		}
	}
	return nil
}

func (s *State) putLooks(flow ledger.Flow, looks []ledger.Look) error {
	return s.update("looks", func(tx *bolt.Tx) error {
		stored, err := flowBucket(tx, flow, bucketLooks)
		if err != nil {
			return err
		}
		spell := newKeys(tx)
		for i := range looks {
			k, err := spell.claim(looks[i].Key)
			if err != nil {
				return err
			}
			if err := storeLook(stored, k, &looks[i]); err != nil {
				return fmt.Errorf("look of %s: %w", looks[i].Key, err)
			}
		}
		return nil
	})
}
