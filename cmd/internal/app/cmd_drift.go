package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/time/rate"

	"scimsync/cmd/internal/config"
	"scimsync/sync/drift"
	"scimsync/sync/engine"
	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/targets/scim"
)

func (a *app) drift() *cobra.Command {
	var o driftOptions
	c := &cobra.Command{
		Use:   "drift TARGET",
		Short: "Compare the accounts at a target with what was pushed there",
		Long: "Reads the accounts that scimsync made or adopted at TARGET and tells which of them somebody changed, cleared, switched off or on,\n" +
			"or deleted there. Compared is what was pushed, by the rules of the schema and of the profile; what the service makes itself, what others\n" +
			"put beside it, and forms that the service gave to a value when it took it are no drift. Reading takes at most a fifth of the target's pace;\n" +
			"a run that is interrupted goes on where it was, within a day.\n\n" +
			"With --repair what differs is marked, and the jobs run at that target as by sync: limits hold what is above them, and plan shows it.\n" +
			"What is held, or fails, is repaired by a later run. With --unmanaged the accounts are listed that no job claims; they are never touched.\n\n" +
			"Exit codes: 0 done, also when there is drift; 1 could not do it; with --repair those of sync, and 4 when an account was taken over there.",
		Example: "  scimsync drift ringcentral\n  scimsync drift ringcentral --user jdoe --repair\n  scimsync drift ringcentral --unmanaged --output json",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if o.unmanaged && (o.repair || len(o.who) > 0) {
				return usageError{errors.New("--unmanaged lists accounts that are nobody's: it goes with neither --repair nor --user")}
			}
			s, err := a.open("drift")
			if err != nil {
				return err
			}
			return errors.Join(s.driftOf(args[0], o), s.close())
		},
		ValidArgsFunction: a.completeTarget,
	}
	c.Flags().BoolVar(&o.repair, "repair", false, "plan the repair, and send what the limits allow")
	c.Flags().BoolVar(&o.unmanaged, "unmanaged", false, "list the accounts that no job claims")
	c.Flags().StringSliceVar(&o.who, "user", nil, "only these people: key, login, mail, externalId, remote id or DN")
	a.outputFlag(c)
	return c
}

// driftOptions is what was asked for on the command line.
type driftOptions struct {
	repair, unmanaged bool
	who               []string
}

func (s *session) driftOf(name string, o driftOptions) error {
	if s.cfg.Target(name) == nil {
		return usageError{fmt.Errorf("there is no target %q; the config has %s", name, strings.Join(targetNames(s.cfg), ", "))}
	}
	t, err := s.target(name)
	if err != nil {
		return err
	}
	client, err := s.clientWith(s.optionsOf(t, slowly(t)))
	if err != nil {
		return err
	}
	flows, err := s.driftFlows(name, client)
	if err != nil {
		return s.refused(err)
	}
	fmt.Fprintf(s.Err, "%s: target %s (%s)\n", s.cfg.File, name, host(t.cfg))
	if o.unmanaged {
		return s.unmanaged(name, client)
	}
	check := &drift.Check{Store: s.store, Target: client, Name: name, Flows: flows, Protects: t.protect.Protects, Mark: o.repair,
		Concurrency: max(t.lane.Concurrency()/2, 1), Now: time.Now}
	if check.Only, err = s.peopleAt(flows, o.who); err != nil {
		return err
	}
	report := &driftReport{session: s, target: name, reads: client.Reads}
	if err := report.run(check); err != nil {
		return err
	}
	if o.repair {
		return report.repair()
	}
	return nil
}

// readShare is the part of a target's pace that drift may take (RAT-06): the rest is for
// whoever else reads and writes there.
const readShare = 0.2

// slowly lets reads through the lane of a target, at a part of its pace only.
func slowly(t *target) scim.Gate {
	through := gate(t.lane)
	slowest, limited := t.profile.Rate.Slowest(http.MethodGet, t.profile.Paths.Users+"/1")
	if !limited {
		return through
	}
	limiter := rate.NewLimiter(rate.Limit(slowest.Rate.PerSecond()*readShare), max(int(float64(slowest.Burst)*readShare), 1))
	return func(ctx context.Context, draws []plan.Draw) (func(plan.Heard), error) {
		if err := limiter.Wait(ctx); err != nil {
			return nil, err
		}
		return through(ctx, draws)
	}
}

// driftFlows gives all jobs that hold accounts at a target, also those that the config has
// no more. Another target than the one that the accounts are at is an error.
func (s *session) driftFlows(target string, client *scim.Target) ([]drift.Flow, error) {
	known, err := s.store.Flows()
	if err != nil {
		return nil, err
	}
	b := &builder{session: s, ctx: s.ctx}
	var flows []drift.Flow
	for _, f := range known {
		if f.Target != target {
			continue
		}
		flow := drift.Flow{Flow: f, Shape: client.Shape(), Retired: true}
		configured := s.cfg.Flows(f.Job)
		if i := slices.IndexFunc(configured, func(c config.Flow) bool { return c.Target == target }); i >= 0 {
			if err := s.sameTarget(f); err != nil {
				return nil, err
			}
			flow.Shape, flow.Retired = b.owned(flow.Shape, configured[i].Users.Own), false
		}
		flows = append(flows, flow)
	}
	if len(b.problems) > 0 {
		return nil, once(b.problems)
	}
	return flows, nil
}

// sameTarget refuses a target that is not the one that the job's accounts are at: all of
// them would seem to be gone.
func (s *session) sameTarget(f ledger.Flow) error {
	info, err := s.store.Job(f.Job)
	if err != nil {
		return err
	}
	stopped, err := s.engine.Stopped(engine.Job{Name: f.Job, Fingerprint: info.Fingerprint,
		Flows: []engine.Flow{{Flow: f, Identity: s.targets[f.Target].identity}}})
	if err == nil && stopped != nil {
		return stopped
	}
	return err
}

// peopleAt gives the people whom selectors mean; nil: no selector was given.
func (s *session) peopleAt(flows []drift.Flow, who []string) (map[record.Key]bool, error) {
	if len(who) == 0 {
		return nil, nil
	}
	only := map[record.Key]bool{}
	for _, text := range who {
		found := map[record.Key]bool{}
		nobody := fmt.Errorf("no job of the config holds accounts there, so nobody is %q", text)
		for _, f := range flows {
			if f.Retired {
				continue
			}
			job, err := s.jobAt(f.Job, f.Target)
			if err != nil {
				return nil, err
			}
			key, err := s.find(&job, text)
			if err != nil {
				nobody = err
				continue
			}
			found[key] = true
		}
		switch len(found) {
		case 0:
			return nil, nobody
		case 1:
			maps.Copy(only, found)
		default:
			return nil, fmt.Errorf("%q fits people of several jobs; name one by their key", text)
		}
	}
	return only, nil
}

// unmanagedAccount is one line of --unmanaged.
type unmanagedAccount struct {
	RemoteID   string `json:"remote_id"`
	UserName   string `json:"login"`
	ExternalID string `json:"external_id,omitempty"`
	Active     *bool  `json:"active"` // null: the target does not say
	Protected  bool   `json:"protected,omitempty"`
	Person     string `json:"person,omitempty"` // whose it may be
	By         string `json:"by,omitempty"`     // by what
}

// unmanaged lists the accounts at a target that nobody claims.
func (s *session) unmanaged(target string, client *scim.Target) error {
	var accounts []*unmanagedAccount
	progress := s.progress()
	complete, err := drift.Unmanaged(s.ctx, client, s.store, target, func(found plan.Found) error {
		account := &unmanagedAccount{RemoteID: found.ID, UserName: found.UserName, ExternalID: found.ExternalID,
			Protected: s.targets[target].protect.Protects(found.UserName, found.ID)}
		if found.Active != record.Unknown {
			active := found.Active == record.True
			account.Active = &active
		}
		accounts = append(accounts, account)
		return nil
	})
	progress.end()
	if err != nil {
		return err
	}
	if err := s.recognise(target, accounts); err != nil {
		fmt.Fprintf(s.Err, "Whose accounts these may be could not be told: %v\n", err)
	}
	return s.writeUnmanaged(target, accounts, complete)
}

// recognise notes whom accounts may belong to: people of the jobs at that target who have
// the same externalId or login.
func (s *session) recognise(target string, accounts []*unmanagedAccount) error {
	if len(accounts) == 0 {
		return nil
	}
	index := map[string][]*unmanagedAccount{}
	for _, a := range accounts {
		found := plan.Found{UserName: a.UserName, ExternalID: a.ExternalID}
		for _, by := range recognisedBy {
			for _, value := range found.MatchValues(by) {
				index[by+"\x00"+value] = append(index[by+"\x00"+value], a)
			}
		}
	}
	for _, j := range s.cfg.Jobs {
		if !slices.ContainsFunc(s.cfg.Flows(j.Name), func(f config.Flow) bool { return f.Target == target }) {
			continue
		}
		job, err := s.jobAt(j.Name, target)
		if err != nil {
			return err
		}
		for _, src := range job.Sources {
			mapper := job.Flows[0].Programs[src.Name].Mapper()
			if err := s.store.Changed(src.Name, record.User, 0, func(row *ledger.Row) error {
				known := mapper.Recognise(row.Record(), time.Now())
				for _, by := range recognisedBy {
					for _, a := range index[by+"\x00"+plan.MatchValue(by, known)] {
						if a.Person == "" || a.By != by && by == plan.MatchExternalID {
							a.Person, a.By = row.Key.String(), by
						}
					}
				}
				return nil
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

// recognisedBy is by what accounts of nobody are recognised; the anchor counts more.
var recognisedBy = []string{plan.MatchExternalID, plan.MatchUserName}
