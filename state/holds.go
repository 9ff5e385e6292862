package state

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"scimsync/sync/ledger"
	"scimsync/sync/record"
)

var (
	keyHold       = []byte("hold")
	keyApproval   = []byte("approval")
	bucketLines   = []byte("lines")
	bucketDigests = []byte("digests")
)

// Hold implements engine.Progress.
func (s *State) Hold(flow ledger.Flow) (hold *ledger.Hold, err error) {
	err = s.view("read hold of "+flow.String(), func(tx *bolt.Tx) error {
		b := findFlow(tx, flow)
		if hold, err = readHold(b, flow); err != nil || hold == nil {
			return err
		}
		hold.Lines, err = readLines(tx, b.Bucket(bucketLines))
		return err
	})
	if err != nil {
		return nil, err
	}
	return hold, nil
}

// Holds gives all holds without their lines, in the order of job and target.
func (s *State) Holds() ([]ledger.Hold, error) {
	flows, err := s.Flows()
	if err != nil {
		return nil, err
	}
	var holds []ledger.Hold
	err = s.view("read holds", func(tx *bolt.Tx) error {
		for _, flow := range flows {
			hold, err := readHold(findFlow(tx, flow), flow)
			if err != nil {
				return err
			}
			if hold != nil {
				holds = append(holds, *hold)
			}
		}
		return nil
	})
	return holds, err
}

// readHold reads a hold without its lines. b may be nil.
func readHold(b *bolt.Bucket, flow ledger.Flow) (*ledger.Hold, error) {
	var h storedHold
	if known, err := getJSON(b, keyHold, &h); err != nil || !known {
		return nil, err
	}
	return &ledger.Hold{ID: h.ID, Job: flow.Job, Target: flow.Target, Digest: h.Digest,
		Limits: h.Limits, At: h.At.Time, Run: h.Run, Rejected: h.No}, nil
}

func readLines(tx *bolt.Tx, b *bolt.Bucket) ([]ledger.HeldLine, error) {
	if b == nil {
		return nil, nil
	}
	names := sourceNames.names(tx)
	var lines []ledger.HeldLine
	err := b.ForEach(func(_, v []byte) error {
		var page []storedLine
		if err := json.Unmarshal(v, &page); err != nil {
			return fmt.Errorf("lines: %w", err)
		}
		for _, l := range page {
			key := record.Key{Source: names[string(l.Source)], Kind: l.Kind, ID: l.ID}
			lines = append(lines, ledger.HeldLine{Action: l.Action, Key: key, Name: l.Name, Group: l.Group, Digest: l.Digest, Rejected: l.No})
		}
		return nil
	})
	return lines, err
}

// PutHold implements engine.Progress; nil drops the hold.
func (s *State) PutHold(flow ledger.Flow, hold *ledger.Hold) error {
	return s.update("hold", func(tx *bolt.Tx) error {
		b, err := claimFlow(tx, flow)
		if err != nil {
			return err
		}
		if err := empty(b, bucketLines); err != nil {
			return err
		}
		if hold == nil {
			return b.Delete(keyHold)
		}
		if err := putLines(tx, b, hold.Lines); err != nil {
			return err
		}
		return putJSON(b, keyHold, storedHold{hold.ID, hold.Digest, hold.Limits, instant{hold.At}, hold.Run, hold.Rejected})
	})
}

// putLines stores lines in pieces: a value that is not in one page costs bbolt a row of
// free pages, and there may be a million lines.
func putLines(tx *bolt.Tx, flow *bolt.Bucket, lines []ledger.HeldLine) error {
	if len(lines) == 0 {
		return nil
	}
	b, err := flow.CreateBucket(bucketLines)
	if err != nil {
		return err
	}
	spell := newKeys(tx)
	n := uint32(0)
	for page := range slices.Chunk(lines, pageLen) {
		stored := make([]storedLine, len(page))
		for i, l := range page {
			k, err := spell.claim(l.Key)
			if err != nil {
				return err
			}
			stored[i] = storedLine{l.Action, k[:idLen], l.Key.Kind, l.Key.ID, l.Name, l.Digest, l.Rejected, l.Group}
		}
		if err := putJSON(b, binary.BigEndian.AppendUint32(nil, n), stored); err != nil {
			return err
		}
		n++
	}
	return nil
}

// empty drops a bucket inside b, if it is there.
func empty(b *bolt.Bucket, name []byte) error {
	if err := b.DeleteBucket(name); err != nil && !errors.Is(err, berrors.ErrBucketNotFound) {
		return err
	}
	return nil
}

// Approval implements engine.Progress; nil: there is none.
func (s *State) Approval(flow ledger.Flow) (yes *ledger.Approval, err error) {
	err = s.view("read approval of "+flow.String(), func(tx *bolt.Tx) error {
		b := findFlow(tx, flow)
		var a storedApproval
		if known, err := getJSON(b, keyApproval, &a); err != nil || !known {
			return err
		}
		yes = &ledger.Approval{By: a.By, Digests: map[string]int64{}}
		digests := b.Bucket(bucketDigests)
		if digests == nil {
			return nil
		}
		return digests.ForEach(func(k, v []byte) error {
			if len(v) != 8 {
				return fmt.Errorf("digest %q: no time", k)
			}
			yes.Digests[string(k)] = int64(binary.BigEndian.Uint64(v))
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return yes, nil
}

// PutApproval implements engine.Progress.
func (s *State) PutApproval(flow ledger.Flow, yes *ledger.Approval) error {
	return s.update("approval", func(tx *bolt.Tx) error {
		b, err := claimFlow(tx, flow)
		if err != nil {
			return err
		}
		if err := empty(b, bucketDigests); err != nil {
			return err
		}
		if yes == nil {
			return b.Delete(keyApproval)
		}
		if err := putDigests(b, yes.Digests); err != nil {
			return err
		}
		return putJSON(b, keyApproval, storedApproval{yes.By})
	})
}

func putDigests(flow *bolt.Bucket, digests map[string]int64) error {
	if len(digests) == 0 {
		return nil
	}
	b, err := flow.CreateBucket(bucketDigests)
	if err != nil {
		return err
	}
	b.FillPercent = 1 // it is never added to
	for _, d := range slices.Sorted(maps.Keys(digests)) {
		if err := b.Put([]byte(d), binary.BigEndian.AppendUint64(nil, uint64(digests[d]))); err != nil {
			return fmt.Errorf("digest %q: %w", d, err)
		}
	}
	return nil
}
