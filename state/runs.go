package state

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"scimsync/sync/ledger"
)

var bucketRuns = []byte("runs")

// runsKept is how many runs of a flow are remembered.
const runsKept = 1000

// runKey sorts runs by their start; the id tells two of the same moment apart.
func runKey(r *ledger.Run) []byte {
	var nanos uint64
	if r.Started.After(time.Unix(0, 0)) {
		nanos = uint64(r.Started.UnixNano())
	}
	return append(binary.BigEndian.AppendUint64(nil, nanos), r.ID...)
}

// PutRun implements engine.Progress. A run with the same start and id is replaced; the
// oldest of more than 1,000 are forgotten.
func (s *State) PutRun(run ledger.Run) error {
	if run.ID == "" {
		return errors.New("state: run has no id")
	}
	return s.update("run", func(tx *bolt.Tx) error {
		b, err := flowBucket(tx, ledger.Flow{Job: run.Job, Target: run.Target}, bucketRuns)
		if err != nil {
			return err
		}
		stored := run
		stored.Job, stored.Target = "", "" // the flow knows them, by their present names
		if err := putJSON(b, runKey(&run), stored); err != nil {
			return err
		}
		return trim(b, runsKept)
	})
}

// trim drops all but the last keep keys.
func trim(b *bolt.Bucket, keep int) error {
	var old [][]byte
	c := b.Cursor()
	n := 0
	for k, _ := c.Last(); k != nil; k, _ = c.Prev() {
		if n++; n > keep {
			old = append(old, append([]byte(nil), k...))
		}
	}
	for _, k := range old {
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// Runs implements engine.Progress. The newest comes first.
func (s *State) Runs(flow ledger.Flow, n int) (runs []ledger.Run, err error) {
	err = s.view("read runs of "+flow.String(), func(tx *bolt.Tx) error {
		b := inFlow(flow, bucketRuns)(tx)
		if b == nil {
			return nil
		}
		c := b.Cursor()
		for k, v := c.Last(); k != nil && len(runs) < n; k, v = c.Prev() {
			run := ledger.Run{}
			if err := json.Unmarshal(v, &run); err != nil {
				return fmt.Errorf("run %q: %w", k, err)
			}
			run.Job, run.Target = flow.Job, flow.Target
			runs = append(runs, run)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return runs, nil
}

// Target gives what is known of a target; the zero value if nothing is.
func (s *State) Target(name string) (info ledger.TargetInfo, err error) {
	err = s.view("read target "+name, func(tx *bolt.Tx) error {
		a, _ := findAccounts(tx, name)
		var t storedTarget
		_, err := getJSON(a.info, keyInfo, &t)
		info = ledger.TargetInfo{Fingerprint: t.Fingerprint, Warned: t.Warned}
		return err
	})
	return info, err
}

// PutTarget stores what is known of a target.
func (s *State) PutTarget(name string, info ledger.TargetInfo) error {
	return s.update("target", func(tx *bolt.Tx) error {
		a, err := claimAccounts(tx, name)
		if err != nil {
			return err
		}
		return putJSON(a.info, keyInfo, storedTarget{info.Fingerprint, info.Warned})
	})
}

// Learned gives what PutLearned stored; nil if nothing was.
func (s *State) Learned(target string) (learned []byte, err error) {
	err = s.view("read what was learned of target "+target, func(tx *bolt.Tx) error {
		if a, ok := findAccounts(tx, target); ok {
			learned = bytes.Clone(a.info.Get(keyLearned))
		}
		return nil
	})
	return learned, err
}

// PutLearned stores what a target's own code learned of its service. It means something
// to that code only. When it is lost it is learned anew, what does harm at the service too.
func (s *State) PutLearned(target string, learned []byte) error {
	return s.update("learned", func(tx *bolt.Tx) error {
		a, err := claimAccounts(tx, target)
		if err != nil {
			return err
		}
		return a.info.Put(keyLearned, learned)
	})
}

// Job gives what is known of a job; the zero value if nothing is.
func (s *State) Job(name string) (info ledger.JobInfo, err error) {
	err = s.view("read job "+name, func(tx *bolt.Tx) error {
		id := jobNames.find(tx, name)
		if id == nil {
			return nil
		}
		_, err := getJSON(tx.Bucket(bucketJobs).Bucket(id), keyInfo, &info)
		return err
	})
	return info, err
}

// PutJob stores what is known of a job.
func (s *State) PutJob(name string, info ledger.JobInfo) error {
	return s.update("job", func(tx *bolt.Tx) error {
		if name == "" {
			return errors.New("the job has no name")
		}
		id, err := jobNames.claim(tx, name)
		if err != nil {
			return err
		}
		b, err := tx.Bucket(bucketJobs).CreateBucketIfNotExists(id)
		if err != nil {
			return err
		}
		return putJSON(b, keyInfo, info)
	})
}
