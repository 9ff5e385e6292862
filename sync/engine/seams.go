// Package engine runs one job from start to finish: read, map, compare, match, guard,
// apply. Run in run.go is the whole of it on one page.
package engine

import (
	"context"
	"time"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
)

// Mirror keeps what sources said. Callbacks run outside of any transaction: they
// may take as long as they like and may call the store.
type Mirror interface {
	Source(name string) (ledger.SourceInfo, error)
	PutSource(name string, info ledger.SourceInfo) error
	// Seen fills into, which is as long as ids, with what is known of each id.
	Seen(source string, kind record.Kind, ids []string, into []ledger.Seen) error
	Row(key record.Key) (row ledger.Row, known bool, err error)
	// Changed calls fn for every row of a kind with a Seq above after, in the order of keys.
	Changed(source string, kind record.Kind, after uint64, fn func(*ledger.Row) error) error
	// Unmarked calls fn with every present row of a kind whose Ordinal marked does not know.
	Unmarked(source string, kind record.Kind, marked func(ordinal uint32) bool, fn func(*ledger.Row) error) error
	// Merge stores rows in one transaction, and info too unless it is nil.
	Merge(source string, rows []ledger.Row, info *ledger.SourceInfo) error

	// EachEdge calls fn with every edge of a source, in their order. fn may merge edges up to
	// the one that it is called with.
	EachEdge(source string, fn func(ledger.Edge) error) error
	// EdgesOf gives the edges of one group, in their order.
	EdgesOf(source string, group uint32) ([]ledger.Edge, error)
	// MergeEdges stores edges, and forgets others, in one transaction. One that is there
	// already, or was not there, is none to complain about.
	MergeEdges(source string, add, remove []ledger.Edge) error
	// Touch gives the rows whose Ordinal is marked a Seq, in several transactions if need be.
	Touch(source string, marked func(ordinal uint32) bool, seq uint64) error
	// IndexRefs has people found by these attributes, with whatever is merged from then on;
	// nil: nobody is. It costs nothing if they are those it had before.
	IndexRefs(source string, by []string) error
	// Answering gives who is meant by a reference: of several, two.
	Answering(source string, ref ledger.Reference) ([]record.Key, error)

	// Named calls fn with the key of every row whose Ordinal is marked, absent or not, people
	// first, each kind in the order of keys.
	Named(source string, marked func(ordinal uint32) bool, fn func(ordinal uint32, key record.Key) error) error
}

// Entries keeps what targets acknowledged.
type Entries interface {
	// Entries gives the entries of keys, nil where there is none.
	Entries(target string, keys []record.Key) ([]*ledger.Entry, error)
	// ByLogin gives the key whose account holds a login, folded by resource.Fold.
	ByLogin(target, folded string) (key record.Key, known bool, err error)
	// ByRemote gives the key that a remote id belongs to, over all jobs.
	ByRemote(target, id string) (key record.Key, known bool, err error)
	// GroupByName gives the key of the group that has a displayName, folded by resource.Fold.
	GroupByName(target, folded string) (key record.Key, known bool, err error)
	// GroupByRemote is ByRemote for groups.
	GroupByRemote(target, id string) (key record.Key, known bool, err error)
	// Standings counts the entries of a flow.
	Standings(flow ledger.Flow) (map[ledger.Standing]int, error)
}

// Memberships keeps what targets acknowledged of the members of groups.
type Memberships interface {
	// Members calls fn with what is known of the members of a group, in the order of edges.
	Members(target, source string, group uint32, fn func(*ledger.Membership) error) error
	// MemberGroups gives the groups of a source of which has knows a membership, in order.
	MemberGroups(target, source string, has func(ledger.Edge) bool) ([]uint32, error)
	// CountMembers counts the memberships of a group, or of all of them if group is nil.
	CountMembers(target, source string, group *uint32) (int, error)
	// ForgetMoved forgets memberships of accounts, and of groups, that are not those they were
	// made for any more, and references to such accounts.
	ForgetMoved(target string) error
}

// References keeps who refers to people whose accounts are not there. When one of those gets
// an account, who waits for it is looked at in the next run: that is stored with its entry.
type References interface {
	// PutWaiting stores for each of them all that they wait for, in one transaction.
	PutWaiting(target string, list []ledger.Waiting) error
	// WaitingFor gives who of a source waits for any of these.
	WaitingFor(target, source string, refs []ledger.Reference) ([]record.Key, error)
	// Waits tells whether anybody waits.
	Waits(target string) (bool, error)
}

// Progress keeps how far each flow has come, and what it has to look at again.
type Progress interface {
	Progress(flow ledger.Flow) (ledger.Progress, error)
	EachLook(flow ledger.Flow, fn func(*ledger.Look) error) error
	EachIntent(flow ledger.Flow, fn func(*ledger.Intent) error) error
	// PutLooks stores looks, many in one transaction: after an error some may be stored.
	PutLooks(flow ledger.Flow, looks []ledger.Look) error
	PutProgress(flow ledger.Flow, progress ledger.Progress) error

	Hold(flow ledger.Flow) (*ledger.Hold, error) // nil: nothing is held
	PutHold(flow ledger.Flow, hold *ledger.Hold) error
	Approval(flow ledger.Flow) (*ledger.Approval, error)
	PutApproval(flow ledger.Flow, yes *ledger.Approval) error // nil drops it

	// Counted adds up what counts against each limit of the guard since that moment.
	Counted(flow ledger.Flow, after time.Time) (map[string]int, error)
	PutRun(run ledger.Run) error
	// Runs gives the newest runs of a flow, at most n.
	Runs(flow ledger.Flow, n int) ([]ledger.Run, error)

	Target(name string) (ledger.TargetInfo, error)
	PutTarget(name string, info ledger.TargetInfo) error
	Job(name string) (ledger.JobInfo, error)
	PutJob(name string, info ledger.JobInfo) error
}

// Matcher lists the accounts of a target. It only reads.
type Matcher interface {
	// List calls emit with every account; complete tells whether it is proved that
	// none was left out (RFC 7644 section 3.4.2.4 gives no stable paging).
	// An error of emit ends the listing and is returned.
	List(ctx context.Context, emit func(plan.Found) error) (complete bool, err error)
	// Count is the number of accounts, and of requests a complete listing takes.
	Count(ctx context.Context) (accounts, requests int, err error)
	// Lookups is how many requests it takes at most to look one person up; 0: the target
	// cannot be asked for one.
	Lookups() int
	// Unasked names the match attributes by which the target refused, so far, to look
	// somebody up: nobody was found by them, though somebody may be there.
	Unasked() []string
	// Reads is how many requests were sent so far that change nothing.
	Reads() int
	// Reading is what such a request takes from the buckets of the lane.
	Reading() []plan.Draw
}
