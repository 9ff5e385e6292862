package app

import (
	"fmt"
	"strings"

	"scimsync/cmd/internal/config"
	"scimsync/targets/scim/profile"
)

// tellProfile prints what matters about the service of a target before anything is sent to it: what cannot be taken back, and
// what is believed rather than known.
func (s *session) tellProfile(cfg *config.Target) {
	for _, line := range aboutProfile(cfg.Profile, s.deletesAt(cfg.Name)) {
		fmt.Fprintf(s.Out, "target %s: %s\n", cfg.Name, line)
	}
}

// deletesAt tells whether a job deletes leavers at a target.
func (s *session) deletesAt(target string) bool {
	for _, job := range s.cfg.Jobs {
		for _, f := range s.cfg.Flows(job.Name) {
			if f.Target == target && f.Leavers.Action == config.LeaverDelete {
				return true
			}
		}
	}
	return false
}

func aboutProfile(p *profile.Profile, deletes bool) []string {
	var lines []string
	switch p.Deactivate.Effect {
	case profile.EffectRemoveFromOrg:
		lines = append(lines, "deactivation takes the account out of the organisation (deactivate.effect): it counts as a delete for the guard too")
	case profile.EffectDeleteObject:
		lines = append(lines, "deactivation deletes the account (deactivate.effect): it counts as a delete for the guard too")
	}
	switch {
	case !deletes:
	case p.Delete.Effect == profile.DeleteReleases:
		lines = append(lines, "leavers are deleted, and what their accounts held goes to others (delete.effect)")
	case p.Delete.Effect == profile.DeleteIrreversible:
		lines = append(lines, "leavers are deleted, which cannot be undone (delete.effect)")
	}
	if p.Writer.Exclusive {
		lines = append(lines, "only one system may write there (writer.exclusive): switch off any other")
	}
	var unsure []string
	for _, knob := range p.Unsure() {
		unsure = append(unsure, knob.Name)
	}
	if len(unsure) > 0 {
		lines = append(lines, fmt.Sprintf("not documented, and worth a rehearsal: %s (scimsync profiles %s)", strings.Join(unsure, ", "), p.Name))
	}
	return lines
}
