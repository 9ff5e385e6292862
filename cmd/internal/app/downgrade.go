package app

import (
	"slices"
	"strings"

	"scimsync/cmd/internal/config"
	"scimsync/sync/engine"
	"scimsync/sync/plan"
	"scimsync/targets/scim/profile"
)

// warn notes what a service does not take, once for each flow.
func (b *builder) warn(flow *engine.Flow, note string, problem config.Problem) {
	if !slices.Contains(flow.Notes, note) { // another source may say the same
		flow.Notes = append(flow.Notes, note)
		b.warnings = append(b.warnings, problem)
	}
}

// lookups says by which match attributes the service cannot be asked. Of a default
// only the anchor is worth a word: nothing else is as sure.
func (b *builder) lookups(f config.Flow, flow *engine.Flow, p *profile.Profile) {
	var unasked, asked []string
	for _, by := range flow.Match {
		if slices.Contains(p.Lookup.User, profile.By(by)) {
			asked = append(asked, by)
		} else {
			unasked = append(unasked, by)
		}
	}
	users, place := b.cfg.Place("jobs."+f.Job+".users"), b.cfg.Place("jobs."+f.Job+".users.match")
	written := place.Line != users.Line || place.Column != users.Column
	if len(unasked) == 0 || !written && !slices.Contains(unasked, plan.MatchExternalID) {
		return
	}
	problem := place.Problem("the service has no lookup by "+strings.Join(unasked, " and "), "")
	problem.Path = "jobs." + f.Job + ".users at " + f.Target + ": match"
	// Whom a create would take over has to be found for certain.
	certain := p.Create.MayAdoptSilently && slices.Contains(unasked, plan.MatchEmail)
	switch {
	case len(asked) > 0 && !certain:
		problem.Hint = "people are looked up by " + strings.Join(asked, " and ")
	case p.List.Supported:
		problem.Hint = "people are found by reading all accounts"
	default:
		problem.Hint = "it cannot be listed either: match by " + words(p.Lookup.User)
		b.problems = append(b.problems, problem)
		return
	}
	b.warn(flow, "match: "+problem.Message+"; "+problem.Hint, problem)
}

func words(list []profile.By) string {
	texts := make([]string, len(list))
	for i, word := range list {
		texts[i] = string(word)
	}
	return strings.Join(texts, " or ")
}
