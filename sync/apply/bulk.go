package apply

import (
	"context"
	"time"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
)

// Packing puts changes of one stage together that travel in one request: accounts where the
// target takes several of them in one, and members of one group. Else each is by itself.
type Packing struct {
	client func(*plan.Change) Target
	target Target // of the group
	most   plan.Bulk
	group  []*plan.Change
	bytes  int
}

// NewPacking packs for targets as they are now; client gives that of a change.
func NewPacking(client func(*plan.Change) Target) *Packing { return &Packing{client: client} }

// Add adds a change, and gives those that travel together once they are complete; none:
// more may come.
func (p *Packing) Add(change *plan.Change) (complete [][]*plan.Change) {
	if target := p.client(change); target != p.target {
		complete = p.rest(complete)
		p.target, p.most = target, target.Bulk()
	}
	size := p.size(change)
	if size == 0 {
		return append(complete, []*plan.Change{change})
	}
	if len(p.group) > 0 && (p.most.Bytes > 0 && p.bytes+size > p.most.Bytes || change.Member != nil && p.group[0].Key != change.Key) {
		complete = p.rest(complete)
	}
	p.group, p.bytes = append(p.group, change), p.bytes+size
	if len(p.group) == p.most.Ops {
		complete = p.rest(complete)
	}
	return complete
}

// Rest gives those that nothing more comes to; nil: nobody is left.
func (p *Packing) Rest() []*plan.Change {
	rest := p.group
	p.group, p.bytes = nil, 0
	return rest
}

func (p *Packing) rest(complete [][]*plan.Change) [][]*plan.Change {
	if rest := p.Rest(); rest != nil {
		return append(complete, rest)
	}
	return complete
}

// size is how much room a change takes; 0: it travels alone. What takes several requests,
// or none, or is looked for first, goes a way of its own.
func (p *Packing) size(change *plan.Change) int {
	if p.most.Ops < 2 || change.Calls() != 1 || !change.Doubt.Since.IsZero() {
		return 0
	}
	size := p.target.Size(plain(change))
	if p.most.Bytes > 0 && size > p.most.Bytes {
		return 0
	}
	return size
}

// several carries changes to their ends that travel together: the first request is for
// all of them, and those that have to be tried again are tried together again.
func (w *walk) several(ctx context.Context, changes []*plan.Change) {
	var attempts []*attempt
	for _, change := range changes {
		if !w.noRoomFor(change) {
			attempts = append(attempts, w.attempt(change))
		}
	}
	w.together(ctx, attempts)
}

func (w *walk) together(ctx context.Context, attempts []*attempt) {
	if len(attempts) < 2 {
		for _, a := range attempts {
			for a.try(ctx) {
			}
		}
		return
	}
	changes := make([]*plan.Change, len(attempts))
	for i, a := range attempts {
		changes[i] = a.next()
	}
	pass := w.enter(ctx, changes...)
	if pass == nil {
		giveUp(attempts)
		return
	}
	sent := time.Now()
	results, whole := w.client(changes[0]).ApplyAll(pass.Within(context.WithoutCancel(ctx)), changes, w.Run+"-"+changes[0].Digest()[:12])
	pass.Leave(results[0].Heard)
	w.count()
	if whole {
		w.failedTogether(ctx, attempts, results[0], sent)
		return
	}
	var again []*attempt
	for i, a := range attempts {
		if a.conclude(ctx, results[i], sent) {
			again = append(again, a)
		}
	}
	w.together(ctx, again)
}

func giveUp(attempts []*attempt) {
	for _, a := range attempts {
		a.giveUp()
	}
}

// failedTogether decides after a request for several changes that failed as such: that
// is one failure, and the first of them decides for all.
func (w *walk) failedTogether(ctx context.Context, attempts []*attempt, result plan.Result, sent time.Time) {
	first, others := attempts[0], attempts[1:]
	switch result.Verdict {
	case plan.Apart: // nothing was done: they are too many, or have to travel alone
		half := len(attempts) / 2
		w.together(ctx, attempts[:half])
		w.together(ctx, attempts[half:])
	case plan.Again:
		if first.again(ctx, result) {
			w.together(ctx, attempts)
			return
		}
		w.endAs(ctx, others, result)
	case plan.InDoubt:
		for _, a := range attempts {
			a.doubt()
		}
		if first.failing(result.Err) {
			giveUp(others)
			return
		}
		w.together(ctx, w.missing(ctx, attempts, result, sent))
	case plan.Vanished, plan.Wiped: // the group, which they have in common
		giveUp(others)
		first.conclude(ctx, result, sent)
	default:
		for _, a := range attempts {
			a.conclude(ctx, result, sent)
		}
	}
}

// endAs ends changes as the one was ended that failed with them.
func (w *walk) endAs(ctx context.Context, attempts []*attempt, result plan.Result) {
	if w.mayGoOn(ctx) != nil {
		giveUp(attempts)
		return
	}
	for _, a := range attempts {
		a.doubt()
		a.park(ledger.ParkedFailed, result.Err)
	}
}

// missing gives those of changes in doubt that have to be sent once more: creates whose
// accounts do not show until the settle window has closed, and all others.
func (w *walk) missing(ctx context.Context, attempts []*attempt, result plan.Result, sent time.Time) []*attempt {
	var missing []*attempt
	for _, a := range attempts {
		switch {
		case a.change.Action == plan.Create && a.lookFor(ctx, sent):
			continue
		case a.resent:
			a.park(ledger.ParkedFailed, result.Err)
			continue
		}
		a.resent = true
		missing = append(missing, a)
	}
	return missing
}
