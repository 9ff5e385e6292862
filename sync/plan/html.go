package plan

import (
	"bufio"
	"fmt"
	"html/template"
	"io"
	"time"
)

// WriteHTML writes plans as one page for people who decide without a terminal: no
// scripts, nothing fetched from elsewhere. The changes go out one by one, so a page
// may be larger than memory.
func WriteHTML(w io.Writer, plans []*Plan, program Program) error {
	parts, err := template.New("page").Parse(pageTemplate)
	if err != nil {
		return fmt.Errorf("parse the page of plans: %w", err)
	}
	h := htmlWriter{out: bufio.NewWriterSize(w, 1<<16), parts: parts, program: program}
	h.put("top", len(plans))
	for _, p := range plans {
		h.plan(p)
	}
	h.put("bottom", nil)
	if h.err == nil {
		h.err = h.out.Flush()
	}
	if h.err != nil {
		return fmt.Errorf("write the page of plans: %w", h.err)
	}
	return nil
}

// htmlWriter fills the parts of the page in and remembers the first error.
type htmlWriter struct {
	out     *bufio.Writer
	parts   *template.Template
	program Program
	err     error
}

func (h *htmlWriter) put(part string, data any) {
	if h.err == nil {
		h.err = h.parts.ExecuteTemplate(h.out, part, data)
	}
}

// htmlPlan is what the page says of a plan as a whole.
type htmlPlan struct {
	Job, Target, Source, At string
	Totals                  string
	Empty                   bool
	Besides                 []string
	Holds                   []string
	Approve                 string
	Digest, HeldDigest      string
}

type htmlChange struct {
	Action      Action
	Who         string
	RemoteID    string
	Held        bool
	Remark      string
	Why         string
	Differences []difference
}

type htmlGroup struct {
	Group, Counts, Why string
	Held               bool
	Added, Removed     []string
}

type htmlProblems struct {
	Title string
	List  []htmlProblem
}

type htmlProblem struct {
	Who, Why, Retry string
	New             bool
}

func (h *htmlWriter) plan(p *Plan) {
	data := htmlPlan{Job: Safe(p.Job), Target: Safe(p.Target), Source: Safe(p.Source), Totals: p.Totals(), Empty: p.Changes() == 0,
		Besides: p.besides(), Holds: p.holdText(), Digest: Safe(p.Digest), HeldDigest: Safe(p.HeldDigest)}
	if !p.At.IsZero() {
		data.At = stamp(p.At)
	}
	if len(data.Holds) > 0 {
		data.Approve = h.program.Approve(p.Job, p.Target)
	}
	h.put("plan", data)
	h.changes(p)
	h.problems("Conflicts", p.Conflicts)
	h.problems("Parked", p.Parked)
	h.put("planEnd", nil)
}

// changes writes one table for each action in a row.
func (h *htmlWriter) changes(p *Plan) {
	action := Action("")
	var members memberships
	err := p.Each(func(c *Change) error {
		if c.Member != nil {
			members.add(c, htmlNames)
			return h.err
		}
		if c.Action != action {
			if action != "" {
				h.put("tableEnd", nil)
			}
			action = c.Action
			h.put("table", string(action))
		}
		h.put("change", htmlChange{Action: c.Action, Who: c.who(), RemoteID: Safe(c.RemoteID), Held: c.Held,
			Remark: c.remark(), Why: c.Cause.why(), Differences: c.differences()})
		return h.err
	})
	if action != "" {
		h.put("tableEnd", nil)
	}
	if h.err == nil {
		h.err = err
	}
	h.members(p, members.groups)
}

// htmlNames is how many members of each direction are named on the page.
const htmlNames = 200

// members writes how the members of groups change, a row a group.
func (h *htmlWriter) members(p *Plan, groups []*groupChanges) {
	if len(groups) == 0 {
		return
	}
	h.put("members", memberCount(p.Summary))
	for _, g := range groups {
		h.put("group", htmlGroup{g.title, g.counts(), g.why, g.held, g.added.listed(), g.removed.listed()})
	}
	h.put("tableEnd", nil)
}

func (h *htmlWriter) problems(title string, list []Problem) {
	if len(list) == 0 {
		return
	}
	data := htmlProblems{Title: fmt.Sprintf("%s: %s", title, number(len(list)))}
	for _, p := range list {
		item := htmlProblem{Who: p.who(), Why: Safe(p.Why), Retry: Safe(p.Retry), New: p.New}
		if at, err := time.Parse(time.RFC3339, p.Retry); err == nil {
			item.Retry = stamp(at)
		}
		data.List = append(data.List, item)
	}
	h.put("problems", data)
}
