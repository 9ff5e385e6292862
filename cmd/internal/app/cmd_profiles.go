package app

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"scimsync/targets/scim/profile"
)

func (a *app) profiles() *cobra.Command {
	c := &cobra.Command{
		Use:   "profiles [NAME|FILE]",
		Short: "List what is known of services, or show one with its sources",
		Long: "Lists the built-in profiles: what each service's deactivation and deletion do, and how fast it may be called.\n\n" +
			"With a NAME, or the FILE of a profile of your own: every knob that differs from rfc, where that is known from, and how sure\n" +
			"it is (documented, observed, reported, inferred or unchecked). `scimsync profiles rfc` prints all knobs with their defaults and what\n" +
			"they mean: a file of your own says only what is different, or extends another profile. No config is read.",
		Example: "  scimsync profiles\n  scimsync profiles ringcentral\n  scimsync profiles rfc | less\n  scimsync profiles ./mine.yaml",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return a.listProfiles()
			case args[0] == profile.Default && !a.asksJSON():
				_, err := a.Out.Write(profile.Reference())
				return err
			}
			p, err := profile.Load(args[0], nil)
			if err != nil {
				return err
			}
			return a.showProfile(p)
		},
	}
	a.outputFlag(c)
	return c
}

// profileLine is what the list tells of a profile.
type profileLine struct {
	Name       string `json:"name"`
	Service    string `json:"service"`
	Deactivate string `json:"deactivate"`
	Delete     string `json:"delete"`
	Creates    string `json:"creates"` // how many in which time
}

func lineOf(p *profile.Profile) profileLine {
	line := profileLine{Name: p.Name, Service: p.Service, Deactivate: string(p.Deactivate.Effect), Delete: string(p.Delete.Effect), Creates: "no limit"}
	if p.Deactivate.Method == profile.DeactivateNone {
		line.Deactivate = "cannot"
	}
	if slowest, limited := p.Rate.Slowest("POST", p.Paths.Users); limited {
		line.Creates = slowest.Rate.String()
	}
	return line
}

func (a *app) listProfiles() error {
	table := tabwriter.NewWriter(a.Out, 0, 0, 2, ' ', 0)
	encoder := json.NewEncoder(a.Out)
	if !a.asksJSON() {
		fmt.Fprintln(table, "NAME\tSERVICE\tDEACTIVATE\tDELETE\tCREATES")
	}
	for _, name := range profile.Names() {
		p, err := profile.Load(name, nil)
		if err != nil {
			return err
		}
		line := lineOf(p)
		if a.asksJSON() {
			if err := encoder.Encode(line); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", line.Name, line.Service, line.Deactivate, line.Delete, line.Creates)
	}
	return table.Flush()
}

// profileKnob is what is told of one knob.
type profileKnob struct {
	Name       string `json:"name"`
	Value      any    `json:"value"`
	Default    any    `json:"default"`
	From       string `json:"from"`
	Confidence string `json:"confidence,omitempty"`
	Source     string `json:"source,omitempty"`
	Idle       bool   `json:"idle,omitempty"` // nothing acts on it yet
}

// told are the knobs to show: those that differ from rfc, and those that decide what can be damaged.
func told(p *profile.Profile) []profileKnob {
	knobs := []profileKnob{}
	for _, k := range p.Knobs() {
		if k.Differs() || slices.Contains(profile.Mandatory, k.Name) {
			knobs = append(knobs, profileKnob{Name: k.Name, Value: k.Value, Default: k.Default, From: k.From,
				Confidence: string(k.Fact.Confidence), Source: k.Fact.Source, Idle: k.Idle})
		}
	}
	return knobs
}

func (a *app) showProfile(p *profile.Profile) error {
	knobs := told(p)
	if a.asksJSON() {
		return json.NewEncoder(a.Out).Encode(struct {
			profileLine
			Extends string        `json:"extends,omitempty"`
			Notes   []string      `json:"notes,omitempty"`
			Knobs   []profileKnob `json:"knobs"`
		}{lineOf(p), p.Extends, p.Notes, knobs})
	}
	fmt.Fprintf(a.Out, "%s: %s\n", p.Name, p.Service)
	if p.Extends != "" {
		fmt.Fprintf(a.Out, "extends %s\n", p.Extends)
	}
	for _, note := range p.Notes {
		fmt.Fprintf(a.Out, "- %s\n", note)
	}
	fmt.Fprintln(a.Out)
	var unsure []string
	for _, k := range knobs {
		fmt.Fprintf(a.Out, "%s: %s\n", k.Name, profile.Inline(k.Value))
		switch {
		case k.Source == "":
			fmt.Fprintf(a.Out, "    # %s\n", k.From)
		default:
			fmt.Fprintf(a.Out, "    # %s, %s\n", k.Confidence, k.Source)
		}
		if k.Idle {
			fmt.Fprintln(a.Out, "    # only known: nothing acts on it yet")
		}
		if k.Confidence == string(profile.Inferred) || k.Confidence == string(profile.Unchecked) {
			unsure = append(unsure, k.Name)
		}
	}
	if len(unsure) > 0 {
		fmt.Fprintf(a.Out, "\nNot documented: %s.\n", strings.Join(unsure, ", "))
	}
	return nil
}
