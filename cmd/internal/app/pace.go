package app

import (
	"context"
	"fmt"
	"slices"

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

// budget is what lanes draw from, and the first target that wanted it.
type budget struct {
	*apply.Budget
	pace   apply.Pace
	target string
}

// budgetOf names the budget of a target. No target has a dot in its name.
func budgetOf(cfg *config.Target) string {
	if shared := cfg.Profile.Rate.Shared; shared != "" {
		return "shared." + shared
	}
	return cfg.Name
}

// budget is what the lane of a target draws from, with what was remembered of it.
func (s *session) budget(t *target) (*apply.Budget, error) {
	name, pace := budgetOf(t.cfg), paceOf(t.profile)
	if known, ok := s.budgets[name]; ok {
		if !slices.Equal(known.pace.Buckets, pace.Buckets) {
			return nil, fmt.Errorf("target %s: shares the budget %q with target %s, but not its limits; give both the same pace, or the same rate.buckets",
				t.cfg.Name, t.profile.Rate.Shared, known.target)
		}
		return known.Budget, nil
	}
	var before ledger.Pace
	var remember func(ledger.Pace)
	if !s.memory {
		before, remember = s.remembered(name)
	}
	b := apply.NewBudget(pace, before, remember)
	s.closers = append(s.closers, func() error { b.Flush(); return nil })
	s.budgets[name] = budget{b, pace, t.cfg.Name}
	return b, nil
}

// remembered gives what was remembered of a budget, and remembers what comes.
func (s *session) remembered(name string) (before ledger.Pace, remember func(ledger.Pace)) {
	forgotten := func(err error) {
		s.log.Warn("the pace cannot be remembered: waits that were announced may be cut short by a restart", zap.String("budget", name), zap.Error(err))
	}
	before, err := state.ReadPace(s.cfg.State.Dir, name)
	if err != nil {
		forgotten(err)
	}
	return before, func(now ledger.Pace) {
		if err := state.WritePace(s.cfg.State.Dir, name, now); err != nil {
			forgotten(err)
		}
	}
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
