package app

import (
	"context"

	"go.uber.org/zap"

	"scimsync/cmd/internal/config"
	"scimsync/state"
	"scimsync/sync/apply"
	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/targets/scim"
	"scimsync/targets/scim/profile"
)

// paced gives the profile of a target with the pace of its config, which replaces the
// profile's buckets: one for all requests. Caps over a day stay.
func paced(cfg *config.Target) *profile.Profile {
	p := *cfg.Profile
	if r := cfg.Pace.Rate; r.Count > 0 {
		p.Rate.Buckets = []profile.Bucket{{Match: profile.Match{"*"}, Rate: profile.Limit{N: r.Count, Per: r.Per}, Unit: profile.UnitRequests}}
	}
	if cfg.Pace.Burst > 0 {
		buckets := append([]profile.Bucket{}, p.Rate.Buckets...)
		for i := range buckets {
			buckets[i].Burst = cfg.Pace.Burst
		}
		p.Rate.Buckets = buckets
	}
	if cfg.Pace.Concurrency > 0 {
		p.Rate.Concurrency = cfg.Pace.Concurrency
	}
	return &p
}

// paceOf is what a lane has to know of a profile.
func paceOf(p *profile.Profile) apply.Pace {
	pace := apply.Pace{Concurrency: p.Rate.Concurrency, Unsaid: p.Retry.Default429, PenaltyRestarts: p.Rate.PenaltyRestarts}
	for i := range p.Rate.Buckets {
		b := &p.Rate.Buckets[i]
		pace.Buckets = append(pace.Buckets, apply.Bucket{Name: b.Name(), N: b.Rate.N, Per: b.Rate.Per, Burst: max(b.Burst, 1)})
	}
	for i := range p.Rate.DailyCaps {
		c := &p.Rate.DailyCaps[i]
		pace.Buckets = append(pace.Buckets, apply.Bucket{Name: c.Name(), N: c.Rate.N, Per: c.Rate.Per})
	}
	return pace
}

// budget is what the lane of a target draws from, with what was remembered of it.
func (s *session) budget(t *target) *apply.Budget {
	name, pace := t.cfg.Name, paceOf(t.profile)
	if s.memory {
		return apply.NewBudget(pace, nil, nil)
	}
	forgotten := func(err error) {
		s.log.Warn("the pace could not be remembered: waits that the target announced may be cut short by a restart",
			zap.String("target", t.cfg.Name), zap.Error(err))
	}
	before, err := state.ReadPace(s.cfg.State.Dir, name)
	if err != nil {
		forgotten(err)
	}
	b := apply.NewBudget(pace, before, func(now ledger.Pace) {
		if err := state.WritePace(s.cfg.State.Dir, name, now); err != nil {
			forgotten(err)
		}
	})
	s.closers = append(s.closers, func() error { b.Flush(); return nil })
	return b
}

// gate lets the requests that only read pass the lane after everything else.
func gate(lane *apply.Lane) scim.Gate {
	return func(ctx context.Context, draws []plan.Draw) (func(plan.Heard), error) {
		pass, err := lane.Enter(ctx, apply.Request{Phase: apply.Reading, Draws: draws})
		if err != nil {
			return nil, err
		}
		return pass.Leave, nil
	}
}
