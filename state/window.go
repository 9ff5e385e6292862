package state

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"scimsync/sync/ledger"
)

var bucketCounted = []byte("counted")

// countedFor is how long is remembered what counted against the limits of the guard.
const countedFor = 400 * 24 * time.Hour

// minuteKey sorts by time.
func minuteKey(t time.Time) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(max(t.Unix()/60, 0)))
}

// note adds up what an outcome counts against, by minute and limit.
func (c *committer) note(o *ledger.Outcome) {
	if len(o.Counts) == 0 {
		return
	}
	minute := string(minuteKey(o.At))
	if c.counted[minute] == nil {
		c.counted[minute] = map[string]int{}
	}
	for _, limit := range o.Counts {
		c.counted[minute][limit]++
	}
}

// storeCounted adds what was noted to what is stored.
func (c *committer) storeCounted() error {
	for minute, limits := range c.counted {
		b, err := flowBucket(c.tx, c.flow, bucketCounted)
		if err != nil {
			return err
		}
		key := []byte(minute)
		var stored map[string]int
		if _, err := getJSON(b, key, &stored); err != nil {
			return err
		}
		for limit, n := range stored {
			limits[limit] += n
		}
		if err := putJSON(b, key, limits); err != nil {
			return err
		}
		old := minuteKey(time.Unix(60*int64(binary.BigEndian.Uint64(key)), 0).Add(-countedFor))
		if first, _ := b.Cursor().First(); string(first) < string(old) {
			if err := b.Delete(first); err != nil {
				return err
			}
		}
	}
	return nil
}

// Counted implements engine.Progress. It counts by whole minutes.
func (s *State) Counted(flow ledger.Flow, after time.Time) (map[string]int, error) {
	sum := map[string]int{}
	err := s.view("read what counts of "+flow.String(), func(tx *bolt.Tx) error {
		b := inFlow(flow, bucketCounted)(tx)
		if b == nil {
			return nil
		}
		c := b.Cursor()
		for k, v := c.Seek(minuteKey(after.Add(time.Minute))); k != nil; k, v = c.Next() {
			var limits map[string]int
			if err := json.Unmarshal(v, &limits); err != nil {
				return fmt.Errorf("counted in minute %x: %w", k, err)
			}
			for limit, n := range limits {
				sum[limit] += n
			}
		}
		return nil
	})
	return sum, err
}
