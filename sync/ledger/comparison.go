package ledger

import (
	"time"

	"scimsync/sync/record"
)

// Comparison is how far a comparison of a target's accounts with the entries has come
// (package drift), so that one that was interrupted can go on. It goes through the jobs
// in the order of names, and through the entries of each in the order of keys.
type Comparison struct {
	Began time.Time
	At    time.Time // when it came this far
	Job   string
	Key   record.Key // of that job: the last that was compared
	N     int        // how many were compared
	// Again are people up to there who were not right, and are to be shown again.
	Again []record.Key
}

// Passed tells whether the comparison has passed the entry of a job.
func (c *Comparison) Passed(job string, key record.Key) bool {
	return job < c.Job || job == c.Job && !c.Key.Less(key)
}
