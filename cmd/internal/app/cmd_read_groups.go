package app

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"scimsync/sync/plan"
	"scimsync/sync/record"
)

// groupView is a group as it is printed.
type groupView struct {
	Key    string              `json:"key"`
	DN     string              `json:"dn,omitempty"`
	Line   int                 `json:"line,omitempty"`
	Values map[string][]string `json:"values"`
	// People, Groups and Unknown count who is in it, as the source says: not who is in the groups in it.
	People  int    `json:"people"`
	Groups  int    `json:"groups"`
	Unknown int    `json:"unknown"`          // members whom not exactly one record of the source answers for
	Unread  string `json:"unread,omitempty"` // why its members could not be read to the end
	// Members are the keys of its members, and what names the unknown ones; of --group only.
	Members []memberView `json:"members,omitempty"`

	refs []string
}

type memberView struct {
	Kind string `json:"kind"` // user, group or unknown
	Key  string `json:"key"`
}

// groupReading is a read that is asked for groups.
type groupReading struct {
	view  readView
	shown map[string]*groupView // by key
	order []*groupView
	total int
	who   map[string][]memberView // who has a reference
}

// readGroups prints groups, with the direct members of each.
func (s *session) readGroups(name string, src *source, view readView) error {
	if !s.cfg.Source(name).HasGroups() {
		return usageError{fmt.Errorf("source %s has no groups: its config says nothing of any", name)}
	}
	names, err := s.groupAttributes(name, src, view.raw)
	if err != nil {
		return err
	}
	r := &groupReading{view: view, shown: map[string]*groupView{}, who: map[string][]memberView{}}
	batch, err := src.Read(s.ctx, record.Want{Groups: &record.WantGroups{Names: names, Link: r.link}}, r.take)
	if err != nil {
		return fmt.Errorf("source %s: %w", name, err)
	}
	for _, g := range r.order {
		g.Unread = batch.Unread[g.Key]
		r.join(g)
		if err := s.writeGroup(g); err != nil {
			return err
		}
	}
	for _, w := range batch.Warnings {
		fmt.Fprintf(s.Err, "warning: %s\n", w)
	}
	if n := len(batch.Unread); n > 0 {
		fmt.Fprintf(s.Err, "warning: %s could not be read to the end\n", count(n, "group"))
	}
	fmt.Fprintf(s.Err, "%s: %s, %d shown (%s)\n", name, count(r.total, "group"), len(r.order), batch.Note)
	return nil
}

// groupAttributes gives the attributes of groups to read: all, or those that the jobs use.
func (s *session) groupAttributes(name string, src *source, all bool) ([]string, error) {
	schema, err := src.Describe(s.ctx)
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", name, err)
	}
	src.schema = &schema
	if !all {
		used := (&builder{session: s, ctx: s.ctx}).groupNames(nil)[name]
		if len(used) == 0 {
			used = []string{groupName}
		}
		return used, nil
	}
	return slices.DeleteFunc(slices.Clone(schema.GroupNames), func(n string) bool { return len(schema.Collides[n]) > 0 }), nil
}

func (r *groupReading) take(rec *record.Record) error {
	for _, ref := range rec.Refs {
		r.who[ref] = append(r.who[ref], memberView{rec.Kind.String(), rec.ID})
	}
	if rec.Kind != record.Group {
		return nil
	}
	r.total++
	if r.view.group == "" && r.view.limit > 0 && len(r.order) >= r.view.limit || r.view.group != "" && !called(rec, r.view.group) {
		return nil
	}
	g := &groupView{Key: rec.ID, DN: rec.DN, Line: rec.Line, Values: map[string][]string{}}
	for _, a := range rec.Attrs {
		g.Values[a.Name] = append([]string{}, a.Values...)
	}
	r.shown[g.Key] = g
	r.order = append(r.order, g)
	return nil
}

// called tells whether a group has this name, key or DN.
func called(rec *record.Record, who string) bool {
	if rec.ID == who || rec.DN != "" && strings.EqualFold(rec.DN, who) {
		return true
	}
	return slices.ContainsFunc(rec.Attrs, func(a record.Attr) bool {
		return a.Name == groupName && slices.ContainsFunc(a.Values, func(v string) bool { return strings.EqualFold(v, who) })
	})
}

func (r *groupReading) link(group, member string) error {
	if g := r.shown[group]; g != nil {
		g.refs = append(g.refs, member)
	}
	return nil
}

// join finds out who the members of a group are.
func (r *groupReading) join(g *groupView) {
	slices.Sort(g.refs)
	for _, ref := range slices.Compact(g.refs) {
		who := r.who[ref]
		if len(who) != 1 { // nobody, or one of several
			who = []memberView{{"unknown", ref}}
		}
		switch who[0].Kind {
		case "user":
			g.People++
		case "group":
			g.Groups++
		default:
			g.Unknown++
		}
		if r.view.group != "" {
			g.Members = append(g.Members, who[0])
		}
	}
}

func (s *session) writeGroup(g *groupView) error {
	if s.asksJSON() {
		return json.NewEncoder(s.Out).Encode(g)
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendRow(table.Row{"key", plan.Safe(g.Key)})
	if g.DN != "" {
		t.AppendRow(table.Row{"dn", plan.Safe(g.DN)})
	}
	t.AppendRow(table.Row{"members", fmt.Sprintf("%d people, %s, %d unknown", g.People, count(g.Groups, "group"), g.Unknown)})
	if g.Unread != "" {
		t.AppendRow(table.Row{"unread", plan.Safe(g.Unread)})
	}
	t.AppendSeparator()
	for _, name := range slices.Sorted(maps.Keys(g.Values)) {
		t.AppendRow(table.Row{name, valuesText(g.Values[name])})
	}
	t.AppendSeparator()
	for _, m := range g.Members {
		t.AppendRow(table.Row{m.Kind, plan.Safe(m.Key)})
	}
	_, err := fmt.Fprintln(s.Out, t.Render())
	return err
}
