package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"sort"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"scimsync/sync/plan"
	"scimsync/sync/record"
)

func (a *app) read() *cobra.Command {
	var view readView
	c := &cobra.Command{
		Use:   "read SOURCE",
		Short: "Show what a source gives: variables, values, types",
		Long: "Reads a source and prints people as mappings see them: each attribute by the name of its variable. Without --raw only\n" +
			"the attributes that a mapping uses. --groups prints its groups, with how many the source says are in each, not counting\n" +
			"who is in a group in it; --group one of them, with the keys of who is in it. The whole source is read, so that an\n" +
			"incomplete read is noticed; state is not touched.",
		Example: "  scimsync read hr --limit 3\n  scimsync read corp --user jdoe --raw\n  scimsync read corp --group app-sales",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if view.groups = view.groups || view.group != ""; view.groups && view.who != "" {
				return usageError{errors.New("--user is for people, and --groups and --group are for groups: one at a time")}
			}
			s, err := a.openScratch("read")
			if err != nil {
				return err
			}
			return errors.Join(s.readSource(args[0], view), s.close())
		},
	}
	c.Flags().StringVar(&view.who, "user", "", "only the people who have this value as key, DN or in any attribute")
	c.Flags().BoolVar(&view.groups, "groups", false, "groups instead of people")
	c.Flags().StringVar(&view.group, "group", "", "only the group with this name, key or DN, and who is in it")
	c.Flags().IntVar(&view.limit, "limit", 10, "print at most this many people or groups; 0: all")
	c.Flags().BoolVar(&view.raw, "raw", false, "all attributes that the source can give, not only those in use")
	a.outputFlag(c)
	return c
}

type readView struct {
	who    string
	groups bool
	group  string
	limit  int
	raw    bool
}

// person is one record as it is printed.
type personView struct {
	Key     string              `json:"key"`
	DN      string              `json:"dn,omitempty"`
	Line    int                 `json:"line,omitempty"`
	Enabled string              `json:"account_enabled"`
	Expires string              `json:"expires,omitempty"`
	Values  map[string][]string `json:"values"`
}

func (s *session) readSource(name string, view readView) error {
	if s.cfg.Source(name) == nil {
		return usageError{fmt.Errorf("there is no source %q", name)}
	}
	src, err := s.source(name)
	if err != nil {
		return err
	}
	if view.groups {
		return s.readGroups(name, src, view)
	}
	names, err := s.namesOf(name, view.raw)
	if err != nil {
		return err
	}
	total, shown := 0, 0
	batch, err := src.Read(s.ctx, record.Want{Names: names}, func(r *record.Record) error {
		total++
		if view.limit > 0 && shown >= view.limit || view.who != "" && !mentions(r, view.who) {
			return nil
		}
		shown++
		return s.writePerson(r)
	})
	if err != nil {
		return fmt.Errorf("source %s: %w", name, err)
	}
	for _, w := range batch.Warnings {
		fmt.Fprintf(s.Err, "warning: %s\n", w)
	}
	fmt.Fprintf(s.Err, "%s: %d people, %d shown (%s)\n", name, total, shown, batch.Note)
	return nil
}

// namesOf gives the attributes to read: all, or those that the jobs use.
func (s *session) namesOf(source string, all bool) ([]string, error) {
	src, err := s.source(source)
	if err != nil {
		return nil, err
	}
	schema, err := src.Describe(s.ctx)
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", source, err)
	}
	src.schema = &schema
	if all || len(s.cfg.Jobs) == 0 {
		var names []string
		for _, n := range schema.Names {
			if _, twice := schema.Collides[n]; !twice {
				names = append(names, n)
			}
		}
		sort.Strings(names)
		return names, nil
	}
	b := &builder{session: s, ctx: s.ctx}
	var names []string
	for n := range b.needed(nil)[source] {
		names = append(names, n)
	}
	sort.Strings(names)
	return names, nil
}

func mentions(r *record.Record, who string) bool {
	if r.ID == who || r.DN == who {
		return true
	}
	for _, a := range r.Attrs {
		for _, v := range a.Values {
			if v == who {
				return true
			}
		}
	}
	return false
}

var enabledText = map[record.Tri]string{record.True: "true", record.False: "false", record.Unknown: "unknown"}

func (s *session) writePerson(r *record.Record) error {
	p := personView{Key: r.ID, DN: r.DN, Line: r.Line, Enabled: enabledText[r.Enabled], Values: map[string][]string{}}
	if !r.Expires.IsZero() {
		p.Expires = r.Expires.UTC().Format("2006-01-02T15:04:05Z")
	}
	for _, a := range r.Attrs {
		p.Values[a.Name] = append([]string{}, a.Values...)
	}
	if s.asksJSON() {
		return json.NewEncoder(s.Out).Encode(p)
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendRow(table.Row{"key", plan.Safe(p.Key)})
	if p.DN != "" {
		t.AppendRow(table.Row{"dn", plan.Safe(p.DN)})
	}
	t.AppendRow(table.Row{"account_enabled", p.Enabled})
	if p.Expires != "" {
		t.AppendRow(table.Row{"expires", p.Expires})
	}
	t.AppendSeparator()
	for _, a := range r.Attrs {
		t.AppendRow(table.Row{a.Name, valuesText(a.Values)})
	}
	_, err := fmt.Fprintln(s.Out, t.Render())
	return err
}

func valuesText(values []string) string {
	switch len(values) {
	case 0:
		return "nil"
	case 1:
		return fmt.Sprintf("%q", values[0])
	}
	return fmt.Sprintf("%d values: %q", len(values), values)
}
