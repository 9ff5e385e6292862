package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
)

// judged is a plan with what the guard says of it.
type judged struct {
	*work
	verdict  plan.Judgement
	approval *ledger.Approval
	before   *ledger.Hold    // what was held before; nil: nothing
	rejected map[string]bool // by digest: what a human said no to
	held     int
}

// judge counts the plan, with what was sent in the window, against the limits. What a
// human decided does not count: what they approved is sent, what they rejected is held.
func (w *work) judge() (*judged, error) {
	approval, err := w.Store.Approval(w.flow.Flow)
	if err != nil {
		return nil, err
	}
	before, err := w.Store.Hold(w.flow.Flow)
	if err != nil {
		return nil, err
	}
	j := &judged{work: w, approval: approval, before: before, rejected: map[string]bool{}}
	if before != nil && before.Rejected != "" {
		for _, l := range before.Lines {
			if l.Rejected {
				j.rejected[l.Digest] = true
			}
		}
	}
	n := map[string]int{}
	err = w.book.each(func(c *plan.Change) error {
		if j.approved(c) || j.rejected[c.Digest()] || c.Temporary != "" {
			return nil
		}
		n[plan.LimitFirstRun]++
		for _, limit := range plan.Counts(c) {
			n[limit]++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	sent, err := w.sentInWindow()
	if err != nil {
		return nil, err
	}
	for limit := range n {
		n[limit] += sent[limit]
	}
	phases, err := w.Store.Phases(w.flow.Flow)
	if err != nil {
		return nil, err
	}
	live := phases[ledger.Live]
	if approval != nil && w.base.Contact != ledger.ContactMade {
		// As long as the first load is under way its people count as if they were there:
		// a share of none would be no limit for those who come on top.
		live = max(live, len(approval.Digests))
	}
	j.verdict = w.flow.Guard.Check(n, live, w.base.Contact)
	return j, nil
}

// sentInWindow adds up what counted against the limits lately.
func (w *work) sentInWindow() (map[string]int, error) {
	runs, err := w.Store.Runs(w.flow.Flow, 1000)
	if err != nil {
		return nil, err
	}
	sent := map[string]int{}
	for _, run := range runs {
		if run.Started.After(w.at.Add(-w.flow.Window)) {
			for limit, n := range run.Counted {
				sent[limit] += n
			}
		}
	}
	return sent, nil
}

// approved tells whether a human said yes to the change. To take over the account that
// a create made, which was sent and is in doubt, needs no other yes than the create.
func (j *judged) approved(c *plan.Change) bool {
	if c.Made && c.Action == plan.Adopt {
		return true
	}
	return j.approval != nil && j.approval.Digests[c.Digest()]
}

// each gives the changes in order, each marked whether it is held.
func (j *judged) each(fn func(*plan.Change) error) error {
	return j.book.each(func(c *plan.Change) error {
		approved := j.approved(c)
		c.Held = !approved && (j.rejected[c.Digest()] || j.verdict.Holds(c))
		c.Approved = approved || j.verdict.Frees(c)
		return fn(c)
	})
}

// free gives the changes that may be sent.
func (j *judged) free(fn func(*plan.Change) error) error {
	return j.each(func(c *plan.Change) error {
		if c.Held {
			return nil
		}
		return fn(c)
	})
}

// plan puts the plan together for the reader. Each works until the work is closed.
func (j *judged) plan(job Job) (*plan.Plan, error) {
	p := &plan.Plan{Job: j.flow.Flow.Job, Target: j.flow.Flow.Target, Base: j.baseDigest(), Source: sourceNames(job), At: j.at,
		Each: j.each, Summary: map[plan.Action]int{}, Conflicts: j.conflicts, Parked: j.parked,
		Protected: j.protected, Unclaimed: j.unclaimed, Notes: j.notes}
	var all, held plan.Set
	rejected := 0
	err := j.each(func(c *plan.Change) error {
		p.Summary[c.Action]++
		digest := c.Digest()
		all.Add(digest)
		if c.Held {
			held.Add(digest)
			if j.rejected[digest] {
				rejected++
			}
		}
		p.Calls += c.Calls()
		return nil
	})
	if err != nil {
		return nil, err
	}
	p.Digest, p.Held = all.String(), held.Len()
	if p.Held > 0 {
		p.HeldDigest, p.Holds = held.String(), slices.Clone(j.verdict.Limits)
	}
	if rejected > 0 {
		p.Holds = append(p.Holds, ledger.Limit{Limit: plan.LimitRejected, N: rejected, Of: p.Held, Max: "0"})
	}
	j.held = p.Held
	if rate := j.flow.Lane.Pace().Rate; rate > 0 {
		p.Estimate = time.Duration(float64(p.Calls) / rate * float64(time.Second)).Round(time.Second)
	}
	return p, nil
}

// baseDigest names what was known when the plan was made.
func (w *work) baseDigest() string {
	var parts []string
	for source, seq := range w.next.Planned {
		parts = append(parts, fmt.Sprintf("%s=%d", source, seq))
	}
	sort.Strings(parts)
	sum := sha256.Sum256([]byte(w.next.MapVersion + strings.Join(parts, ",")))
	return hex.EncodeToString(sum[:8])
}

func sourceNames(job Job) string {
	var names []string
	for _, src := range job.Sources {
		names = append(names, src.Name)
	}
	return strings.Join(names, ",")
}

// hold stores what is held, so that a human can look at it and release exactly that.
// The same set of changes keeps its hold.
func (j *judged) hold(p *plan.Plan) (*ledger.Hold, error) {
	if p.Held == 0 {
		if j.before == nil {
			return nil, nil
		}
		return nil, j.Store.PutHold(j.flow.Flow, nil)
	}
	if j.before != nil && j.before.Digest == p.HeldDigest {
		return j.before, nil
	}
	hold := &ledger.Hold{ID: plan.HoldID(p.Job, p.Target, p.HeldDigest), Job: p.Job, Target: p.Target, Digest: p.HeldDigest, Limits: p.Holds, At: j.at, Run: j.how.Run}
	err := j.each(func(c *plan.Change) error {
		if c.Held {
			no := j.rejected[c.Digest()]
			if no {
				hold.Rejected = j.rejecter()
			}
			hold.Lines = append(hold.Lines, ledger.HeldLine{Action: string(c.Action), Key: c.Key, Name: c.Name, Digest: c.Digest(), Rejected: no})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return hold, j.Store.PutHold(j.flow.Flow, hold)
}

// rejecter is who said no, or yes only to others.
func (j *judged) rejecter() string {
	if yes := j.how.Approve; yes != nil && yes.Only != nil {
		return yes.By
	}
	return j.before.Rejected
}

// approve stores a human's yes to the held changes. A yes to some of them is a no to
// the others: few as they may be then, they are not sent without a yes of their own.
func (j *judged) approve(yes *Yes) error {
	approval := &ledger.Approval{Hold: yes.Hold, By: yes.By, At: j.at, Digests: map[string]bool{}}
	if j.approval != nil {
		for digest := range j.approval.Digests {
			approval.Digests[digest] = true
		}
	}
	err := j.each(func(c *plan.Change) error {
		switch {
		case !c.Held:
		case yes.Only == nil || yes.Only[c.Key]:
			approval.Digests[c.Digest()] = true
		default:
			j.rejected[c.Digest()] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := j.Store.PutApproval(j.flow.Flow, approval); err != nil {
		return err
	}
	j.approval = approval
	// A part of the first run does not release first contact: the rest stays held.
	if j.base.Contact == ledger.ContactNone && yes.Only == nil {
		j.base.Contact = ledger.ContactReleased
		j.next.Contact = ledger.ContactReleased
		return j.Store.PutProgress(j.flow.Flow, j.base)
	}
	return nil
}
