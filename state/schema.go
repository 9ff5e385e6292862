package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	bolt "go.etcd.io/bbolt"
)

// program stands in every state file, so that another program's bbolt file is known as
// such.
const program = "scimsync"

var (
	bucketMeta    = []byte("meta")
	bucketNames   = []byte("names")
	bucketSources = []byte("sources")
	bucketJobs    = []byte("jobs")
	bucketTargets = []byte("targets")
	bucketFlows   = []byte("flows")

	keyProgram = []byte("program")
	keySchema  = []byte("schema")
)

// schema is a layout of the file and the ways that lead to it.
type schema struct {
	version uint32
	// steps lead from each older version to the next; steps[0] leads from 1 to 2.
	steps []func(tx *bolt.Tx) error
}

// current is the layout that the package comment describes.
var current = schema{version: 1}

// lay makes an empty state.
func (s schema) lay(tx *bolt.Tx) error {
	for _, name := range [][]byte{bucketMeta, bucketNames, bucketSources, bucketJobs, bucketTargets, bucketFlows} {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	for _, table := range []table{sourceNames, jobNames, targetNames} {
		if _, err := tx.Bucket(bucketNames).CreateBucket([]byte(table)); err != nil {
			return err
		}
	}
	if err := tx.Bucket(bucketMeta).Put(keyProgram, []byte(program)); err != nil {
		return err
	}
	return s.stamp(tx)
}

func (s schema) stamp(tx *bolt.Tx) error {
	return tx.Bucket(bucketMeta).Put(keySchema, binary.BigEndian.AppendUint32(nil, s.version))
}

// bring takes an opened file to this version, or refuses it.
func (s schema) bring(st *State) error {
	var version uint32
	err := st.db.View(func(tx *bolt.Tx) (err error) {
		if version, err = stamped(tx); err == nil && version == s.version {
			err = whole(tx)
		}
		return err
	})
	if err != nil {
		return damaged(st.path, err)
	}
	if version == s.version {
		return nil
	}
	if version > s.version {
		return fmt.Errorf("open state %s: it was written by a newer scimsync (state version %d, this one knows %d): "+
			"install that scimsync again, or put the copy %s.v%d in its place", st.path, version, s.version, st.path, s.version)
	}
	backup := fmt.Sprintf("%s.v%d", st.path, version)
	if err := st.backup(backup); err != nil {
		return fmt.Errorf("copy state before it is migrated: %w", err)
	}
	err = st.update("migrate", func(tx *bolt.Tx) error {
		for v := version; v < s.version; v++ {
			if err := s.steps[v-1](tx); err != nil {
				return fmt.Errorf("from version %d to %d: %w", v, v+1, err)
			}
		}
		return s.stamp(tx)
	})
	if err != nil {
		return fmt.Errorf("migrate %s: %w; nothing was changed, a copy is at %s", st.path, err, backup)
	}
	return nil
}

// whole tells whether all buckets are there that are always made together, so that
// nobody else has to ask.
func whole(tx *bolt.Tx) error {
	missing := func(parent *bolt.Bucket, names ...[]byte) (err error) {
		for _, name := range names {
			if parent.Bucket(name) == nil {
				err = fmt.Errorf("it is damaged: %s is missing", name)
			}
		}
		return err
	}
	for _, name := range [][]byte{bucketNames, bucketSources, bucketJobs, bucketTargets, bucketFlows} {
		if tx.Bucket(name) == nil {
			return fmt.Errorf("it is damaged: %s is missing", name)
		}
	}
	err := missing(tx.Bucket(bucketNames), []byte(sourceNames), []byte(jobNames), []byte(targetNames))
	if err != nil {
		return err
	}
	sources, targets := tx.Bucket(bucketSources), tx.Bucket(bucketTargets)
	return errors.Join(
		sources.ForEachBucket(func(id []byte) error {
			return missing(sources.Bucket(id), bucketIndex, bucketRows)
		}),
		targets.ForEachBucket(func(id []byte) error {
			return missing(targets.Bucket(id), bucketEntries, bucketLogins, bucketRemotes)
		}))
}

// stamped reads the version of a file, if it is one of ours.
func stamped(tx *bolt.Tx) (uint32, error) {
	meta := tx.Bucket(bucketMeta)
	if meta == nil || string(meta.Get(keyProgram)) != program {
		return 0, errors.New("it is a bbolt file of another program")
	}
	b := meta.Get(keySchema)
	if len(b) != 4 || binary.BigEndian.Uint32(b) == 0 {
		return 0, errors.New("it has no state version")
	}
	return binary.BigEndian.Uint32(b), nil
}

// backup copies the state to path and replaces what an earlier try left there.
func (s *State) backup(path string) error {
	temp := path + ".new"
	if err := os.RemoveAll(temp); err != nil {
		return err
	}
	if err := s.Copy(temp); err != nil {
		return err
	}
	return os.Rename(temp, path)
}
