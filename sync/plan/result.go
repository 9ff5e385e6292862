package plan

// Ack is what a target said about a change that it carried out.
type Ack struct {
	RemoteID string
	Version  string
	// Shown is the account as the target showed it afterwards; nil: it did not, or AsSent.
	Shown *Found
	// AsSent tells that the target showed all that was sent as it was sent.
	AsSent bool
}

// Result is the outcome of one change. Err says why for every Verdict but Done;
// its text is for the admin: status, scimType, detail, without secrets.
type Result struct {
	Verdict Verdict
	Ack     Ack
	Err     error
	Heard   // what the answers said about the pace
}

// Bulk is how much one request takes. The zero value: one change a request.
type Bulk struct {
	Ops   int // changes
	Bytes int // of all of them; 0: any number
}
