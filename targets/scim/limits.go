package scim

import (
	"net/http"

	"scimsync/sync/plan"
	"scimsync/targets/scim/profile"
)

// limit is a bucket or a cap of the profile, as far as it says which requests count.
type limit struct {
	name    string
	match   profile.Match
	minBody int  // bytes
	members bool // what counts are the members that a request changes
}

func limitsOf(p *profile.Profile) []limit {
	var limits []limit
	for i := range p.Rate.Buckets {
		b := &p.Rate.Buckets[i]
		limits = append(limits, limit{b.Name(), b.Match, b.MinBody, b.Unit == profile.UnitMembers})
	}
	for i := range p.Rate.DailyCaps {
		c := &p.Rate.DailyCaps[i]
		limits = append(limits, limit{name: c.Name(), match: c.Match})
	}
	return limits
}

// Draws tells what one request for these changes takes from the profile's limits, by their
// names. It counts against every one that it fits, as services count: Slack has one for
// all writes and one for each endpoint.
func (t *Target) Draws(changes ...*plan.Change) []plan.Draw {
	change := changes[0]
	if len(t.limits) == 0 || change.Calls() == 0 {
		return nil
	}
	if len(changes) > 1 {
		return t.draws(http.MethodPost, t.profile.Paths.Bulk, 0, func() int { return t.sizes(changes) })
	}
	method, path, err := t.where(change)
	if err != nil { // it will be refused without a request
		return nil
	}
	return t.draws(method, path, 0, func() int {
		c, err := t.spell(change)
		if err != nil {
			return 0
		}
		return len(c.body)
	})
}

// draws matches a request, which changes so many members, with the limits. size is asked for
// only if any limit wants to know it.
func (s *service) draws(method, path string, members int, size func() int) []plan.Draw {
	var draws []plan.Draw
	path = s.basePath + path
	for i := range s.limits {
		l := &s.limits[i]
		n := 1
		if l.members {
			n = members
		}
		if n > 0 && l.match.Fits(method, path) && (l.minBody == 0 || size() >= l.minBody) {
			draws = append(draws, plan.Draw{Bucket: l.name, N: n})
		}
	}
	return draws
}

// Reading is what the last request that changes nothing took; the next one like it takes
// the same.
func (t *Target) Reading() []plan.Draw {
	if draws := t.reading.Load(); draws != nil {
		return *draws
	}
	return nil
}
