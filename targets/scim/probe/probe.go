// Package probe learns what a service provider makes of SCIM (RFC 7644) by trying it on a throw-away account that it makes
// itself: how accounts are found and listed, which forms of PATCH work, what a conflict looks like, what deactivation and
// deletion really do. What it saw it gives as a profile, laid over the one that was chosen.
//
//	look      discovery, a listing of two pages, lookups of somebody who is not there
//	create    the account, and a second time the same
//	change    each form of PATCH, and after each a look at what it left behind
//	life      deactivate, change, reactivate, delete
//	clean up  whatever happened before
//
// It writes to no account but those that it made and recognised, and tries nothing that wipes something at a strict service.
package probe

import (
	"context"
	"errors"
	"fmt"
	"time"

	"scimsync/targets/scim"
	"scimsync/targets/scim/profile"
)

// Service is what is probed: a scim.Target, which keeps the pace.
type Service interface {
	Raw(ctx context.Context, r scim.Request) (*scim.Answer, error)
}

// Options say how to probe.
type Options struct {
	Profile *profile.Profile // the chosen one, with what the config lays over it
	Login   string           // of the throw-away account
	Mail    string           // its work e-mail address
	Anchor  string           // its externalId: nobody else may have it
	Paths   []string         // what the mappings for the service hold; empty: all that is known here
	// Irreversible allows deactivation and deletion where the profile says that they cannot be undone.
	Irreversible bool
	// Keep leaves the account deactivated, and never deletes.
	Keep bool
	// Patience is how long an effect is waited for that does not show at once; 20 s if zero.
	Patience time.Duration
	Now      func() time.Time
	// Say is told what is about to be tried; nil: nobody is.
	Say func(line string)
}

// Risk tells what these options could lose at the service for good; "": nothing that they do not allow.
func (o *Options) Risk() string {
	p := o.Profile
	if o.Irreversible {
		return ""
	}
	if p.Deactivate.Method == profile.DeactivateDelete || p.Deactivate.Effect != profile.EffectDisable {
		return fmt.Sprintf("profile %s says that deactivation is no plain disable there (deactivate.effect %s): the throw-away account would be gone for good, with its login and what it held",
			p.Name, p.Deactivate.Effect)
	}
	if e := p.Delete.Effect; !o.Keep && (e == profile.DeleteIrreversible || e == profile.DeleteReleases) {
		return fmt.Sprintf("profile %s says that a deletion cannot be undone there (delete.effect %s): the throw-away account would be gone for good, with its login and what it held, as a licence or a phone number",
			p.Name, e)
	}
	return ""
}

// mayDelete tells whether DELETE may be sent.
func (o *Options) mayDelete() bool {
	d := o.Profile.Delete
	return !o.Keep && d.Effect != profile.DeleteUnsupported && (o.Irreversible || d.Allowed && d.Effect == profile.DeleteDeactivates)
}

// cleanUpTime bounds the cleaning up of a run that was interrupted.
const cleanUpTime = 2 * time.Minute

// experiment is one thing that is tried.
type experiment struct {
	name  string
	sends string // for the progress
	try   func(p *prober, ctx context.Context) error
}

// experiments are all there are, in their order.
func experiments() []experiment {
	return []experiment{
		{"discovery", "GET of ServiceProviderConfig, ResourceTypes and Schemas", (*prober).discovery},
		{"listing", "GET of at most two pages of accounts", (*prober).listing},
		{"lookups of nobody", "GET with filters that nobody fits", (*prober).nobody},
		{"create", "POST", (*prober).create},
		{"lookups", "GET with filters that the account fits", (*prober).lookups},
		{"search", "POST .search", (*prober).search},
		{"duplicate", "the same POST again", (*prober).duplicate},
		{"patch", "PATCH replace with a path", (*prober).patchPath},
		{"op case", "PATCH Replace instead of replace", (*prober).opCase},
		{"patch without path", "PATCH replace of one attribute and of two, without path", (*prober).pathless},
		{"sub-attributes", "PATCH replace name.givenName", (*prober).dotted},
		{"value filter", `PATCH replace ATTRIBUTE[type eq "work"].value`, (*prober).valueFilter},
		{"whole list", "PATCH replace of a list as a whole", (*prober).wholeList},
		{"several operations", "PATCH of two attributes at once", (*prober).several},
		{"attributes", "PATCH of every attribute that the account holds", (*prober).attributes},
		{"together with others", "PATCH of active, and of userName, with something else", (*prober).isolate},
		{"clear", "PATCH remove, replace by nothing", (*prober).clear},
		{"deactivate", "PATCH active false", (*prober).deactivate},
		{"change while inactive", "PATCH of an inactive account", (*prober).changeInactive},
		{"reactivate", "PATCH active true", (*prober).reactivate},
		{"delete", "DELETE", (*prober).remove},
	}
}

// prober is one run.
type prober struct {
	Options
	service Service
	report  *Report
	trying  string // the experiment

	others map[string]bool // ids of accounts that were there before
	mine   []*account      // made by this run and recognised; the first is the throw-away account
	posted bool            // a POST was sent whose account is not known
	sent   object          // the body of the account
	learned
}

// errNothingMore ends a run early without being a failure: the rest could tell nothing.
var errNothingMore = errors.New("nothing more can be tried")

// Run tries everything, cleans up, and gives what it saw, also when it ends early. An error says why it did, or what could not
// be cleaned up.
func Run(ctx context.Context, service Service, o Options) (*Report, error) {
	if risk := o.Risk(); risk != "" {
		return nil, errors.New(risk)
	}
	if o.Patience <= 0 {
		o.Patience = 20 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Say == nil {
		o.Say = func(string) {}
	}
	p := &prober{Options: o, service: service, others: map[string]bool{},
		report: &Report{Login: o.Login, Anchor: o.Anchor, Profile: o.Profile.Name, At: o.Now(), chosen: o.Profile}}
	p.learned.start(o.Profile)
	err := p.all(ctx)
	if err != nil {
		p.report.Ended = err.Error()
	}
	p.notTried()
	p.trying = "clean up"
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	return p.report, errors.Join(err, p.cleanUp(late))
}

func (p *prober) all(ctx context.Context) error {
	for _, e := range experiments() {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("probe: interrupted before %s: %w", e.name, err)
		}
		p.trying = e.name
		p.Say(e.name + ": " + e.sends)
		err := e.try(p, ctx)
		if errors.Is(err, errNothingMore) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("probe, %s: %w", e.name, err)
		}
	}
	return nil
}

// notTried lists what is never tried.
func (p *prober) notTried() {
	p.dared("remove of list elements by a value array", "a strict service removes the whole list (members.remove array, RFC 7644 section 3.5.2.2)")
	p.dared("groups and their members", "members of real groups would be at stake")
	p.dared("a create with active false", "it takes another account")
}

// send sends a request and counts it.
func (p *prober) send(ctx context.Context, r scim.Request) (*scim.Answer, error) {
	p.report.Requests++
	a, err := p.service.Raw(ctx, r)
	if err == nil {
		p.hear(a)
	}
	return a, err
}

// get reads; the object is nil where the answer is none.
func (p *prober) get(ctx context.Context, path, query string) (*scim.Answer, object, error) {
	a, err := p.send(ctx, scim.Request{Method: "GET", Path: path, Query: query})
	if err != nil || a.Err != nil {
		return a, nil, err
	}
	return a, decode(a.Body), nil
}

// pause waits between looks at something that may need time: longer each time. false: the patience is at its end.
func (p *prober) pause(ctx context.Context, since time.Time, step int) bool {
	wait := 100 * time.Millisecond << min(step, 5)
	left := p.Patience - p.Now().Sub(since)
	if left <= 0 {
		return false
	}
	timer := time.NewTimer(min(wait, left))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
