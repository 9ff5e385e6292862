package profile

import "time"

// Rate is how fast the service may be called. What is learned from answers only slows down.
type Rate struct {
	// Buckets are the limits. A request needs a place in every bucket that it fits; what fits none is bound by `concurrency` alone.
	Buckets []Bucket `yaml:"buckets"`
	// DailyCaps are limits over a long time that may be used up at once. They outlive a restart.
	DailyCaps []Cap `yaml:"daily_caps"`
	// Concurrency is the most requests under way at a time.
	Concurrency int `yaml:"concurrency" is:"some"`
	// Headers are the names of the answer's headers that tell what is left.
	Headers RateHeaders `yaml:"headers"`
	// Shared is a name of your choice: targets that have the same one draw from one budget, as where a service counts the requests of
	// all apps of an organisation together. Their buckets have to be the same. "": the target has its own. Slack counts so.
	Shared string `yaml:"shared" is:"line"`
	// PenaltyRestarts tells that every request during a wait lets it begin anew: the bucket stands still until it is over.
	// RingCentral.
	PenaltyRestarts bool `yaml:"penalty_restarts"`
}

// Bucket is one limit: so many requests in so much time, and some at once after a rest.
type Bucket struct {
	// Match says which requests count, as METHODS PATH, such as "GET *" or "PUT|PATCH */Users/*"; several patterns share the bucket.
	Match Match `yaml:"match" must:""`
	// Rate is a number and a time, such as 180/m or 5/30s.
	Rate Limit `yaml:"rate" must:""`
	// Burst is how many may go at once after a rest; 0 counts as 1.
	Burst int `yaml:"burst"`
	// MinBody lets only requests count whose body has at least so many bytes. Miro: 500.
	MinBody int `yaml:"min_body"`
	// Unit is what is counted: requests, or the members that requests change. GitHub EMU counts members.
	Unit Unit `yaml:"unit"`
}

// Cap is so many requests in so much time, whenever in it.
type Cap struct {
	// Match says which requests count, as in Bucket.
	Match Match `yaml:"match" must:""`
	// Rate is a number and a time, such as 6000/d.
	Rate Limit `yaml:"rate" must:""`
}

// Limit is N in each Per; the zero value is no limit.
type Limit struct {
	N   int
	Per time.Duration
}

// RateHeaders are names of headers; "": the service has none besides those that are always understood (Retry-After, RateLimit,
// RateLimit-*, X-RateLimit-*).
type RateHeaders struct {
	// Limit is how many requests the window allows.
	Limit string `yaml:"limit" is:"header"`
	// Remaining is how many are left of it.
	Remaining string `yaml:"remaining" is:"header"`
	// Window is how long it is, in seconds.
	Window string `yaml:"window" is:"header"`
	// Reset is when it ends.
	Reset string `yaml:"reset" is:"header"`
	// ResetFormat is how `reset` is written: delta (seconds from now), epoch (seconds since 1970) or http_date.
	ResetFormat ResetFormat `yaml:"reset_format"`
}

// Retry is what is tried again, and when.
type Retry struct {
	// Default429 is how long a bucket rests after a 429 that does not say.
	Default429 time.Duration `yaml:"default_429" is:"some"`
	// Max is how often a change that fails (5xx, or no answer) is sent again in a run before its person is parked. What is asked to
	// wait is sent again when the wait is over; what only reads, four times.
	Max int `yaml:"max"`
	// Statuses are those that are worth trying again.
	Statuses []int `yaml:"statuses" is:"status"`
	// Permanent are statuses that will not change: object (for this account; it is parked for good) or form (for this kind of
	// request at this service). RSA: 405 object.
	Permanent map[int]Permanent `yaml:"permanent" key:"status"`
}

// Errors is how refusals are to be understood.
type Errors struct {
	// CodeRegex takes the vendor's code out of an answer's body: its first group. RingCentral: (OAU-\d+|CMN-\d+).
	CodeRegex string `yaml:"code_regex" is:"code"`
	// Codes is what to do by code, where the status does not tell: again (as a 429 of this one account), park (this change) or
	// stop (this target). What only reads is sent again for `again` alone. RingCentral: CMN-304 again.
	Codes map[string]CodeVerdict `yaml:"codes"`
}
