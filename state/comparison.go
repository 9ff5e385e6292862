package state

import (
	bolt "go.etcd.io/bbolt"

	"scimsync/sync/ledger"
)

var keyComparison = []byte("comparison")

// Comparison implements drift.Store; nil: none is under way.
func (s *State) Comparison(target string) (c *ledger.Comparison, err error) {
	err = s.view("read the comparison of "+target, func(tx *bolt.Tx) error {
		a, _ := findAccounts(tx, target)
		var stored ledger.Comparison
		known, err := getJSON(a.info, keyComparison, &stored)
		if known && err == nil {
			c = &stored
		}
		return err
	})
	return c, err
}

// PutComparison implements drift.Store; nil: it has ended.
func (s *State) PutComparison(target string, c *ledger.Comparison) error {
	return s.update("comparison", func(tx *bolt.Tx) error {
		a, err := claimAccounts(tx, target)
		if err != nil {
			return err
		}
		if c == nil {
			return a.info.Delete(keyComparison)
		}
		return putJSON(a.info, keyComparison, c)
	})
}

// dropComparisons has comparisons begin anew: their order is that of the names of jobs and
// sources, of which one changes.
func dropComparisons(tx *bolt.Tx) error {
	targets := tx.Bucket(bucketTargets)
	return targets.ForEachBucket(func(id []byte) error { return targets.Bucket(id).Delete(keyComparison) })
}
