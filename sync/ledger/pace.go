package ledger

import "time"

// Pace is what has to be remembered of a target's limits beyond the end of the process,
// by the name of the limit; "" is the target as a whole.
type Pace map[string]Spent

// Spent is what has become of one limit.
type Spent struct {
	NotBefore time.Time `json:"not_before,omitzero"` // the target wants nothing before this moment
	Windows   []Window  `json:"windows,omitempty"`
}

// Window is what was sent of late against so many requests in each Per.
type Window struct {
	Per   time.Duration `json:"per"`
	Told  int           `json:"told,omitempty"` // how many the target says it takes; 0: it does not
	Until time.Time     `json:"until,omitzero"` // until when that is believed; zero: for good
	Sent  []Sent        `json:"sent,omitempty"`
}

// Sent is a number of requests that count until a moment.
type Sent struct {
	Until time.Time `json:"until"`
	N     int       `json:"n"`
}
