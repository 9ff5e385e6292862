package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
)

// Copy writes the state as it is now to a new file that only the owner can read. Reads
// and writes go on meanwhile. It fails if dst exists.
func (s *State) Copy(dst string) error {
	f, err := os.OpenFile(dst, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("copy state: %w", err)
	}
	err = s.db.View(func(tx *bolt.Tx) error {
		_, err := tx.WriteTo(f)
		return err
	})
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = syncDir(filepath.Dir(dst))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("copy state to %s: %w", dst, err), os.Remove(dst))
	}
	return nil
}
