package plan

import "time"

// Draw is what a request takes from one limit of its target.
type Draw struct {
	Bucket string // the limit's name
	N      int    // one request, or so many members
}

// Heard is what came back of a request about the pace of the target. The zero value is
// an answer that says nothing of it.
type Heard struct {
	NotBefore time.Time // nothing of this kind before this moment (RFC 9110 section 10.2.3); zero: not said
	TooFast   bool      // the request was refused because too many came (RFC 6585 section 4)
	Sick      bool      // the target is not well: it is to be left in peace as a whole
	Lost      bool      // there was no answer
	Quotas    []Quota   // what is left, as far as the answer says
}

// Quota is what an answer says about one limit of the target.
type Quota struct {
	Limit  int           // requests in each Window; 0: not said
	Window time.Duration // 0: not said
	Left   int           // of Limit, until Reset; below 0: not said
	Reset  time.Time     // zero: not said
}
