package scim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
	"scimsync/targets/scim/profile"
)

// Find looks one wanted resource up by the match attributes in their order, as far as
// the service can be asked for them, and stops at the first that gives a hit. Every hit
// is verified here: it holds the value that was asked for, since some servers ignore
// filters. It may hold another externalId than wanted; what that means is the caller's
// business, and so are several hits. No hit is not an error; an error is
// plan.ErrNoLookup if nothing could be asked.
func (t *Target) Find(ctx context.Context, want resource.Resource) ([]plan.Found, error) {
	if err := t.discover(ctx); err != nil {
		return nil, err
	}
	asked := false
	var refused error
	for _, by := range t.keys(t.takenBy(want)) {
		k, ok := t.lookup(by, want)
		if !ok {
			continue
		}
		hits, err := t.verified(ctx, k)
		switch {
		case err == nil:
		case t.unusable(k, err):
			refused = err
			continue
		default:
			return nil, fmt.Errorf("find by %s at %s: %w", by, t.name, err)
		}
		if asked = true; len(hits) > 0 {
			t.overlooked(want.Text("externalId"), by, hits)
			return hits, nil
		}
	}
	switch {
	case asked:
		return nil, nil
	case refused != nil:
		return nil, fmt.Errorf("find %s at %s: %w by any of %s: %w", t.kind.one(), t.name, plan.ErrNoLookup, strings.Join(t.match, ", "), refused)
	}
	return nil, fmt.Errorf("find %s at %s: %w: no value, or no filter of the target, for any of %s",
		t.kind.one(), t.name, plan.ErrNoLookup, strings.Join(t.match, ", "))
}

// reach tells what a lookup goes by.
type reach uint8

const (
	byMatch  reach = iota // the match attributes
	byAnchor              // and the externalId, whatever they are
)

// keys gives the match attributes by which somebody is looked up: those the service has
// filters for and did not refuse. The externalId belongs to them, whatever the match
// attributes are, once a create was refused for somebody who could only be found by it.
func (t *Target) keys(r reach) []string {
	match := t.match
	if !slices.Contains(match, plan.MatchExternalID) && (r == byAnchor || t.knows(anchorsHelp)) {
		match = append(slices.Clone(match), plan.MatchExternalID)
	}
	var keys []string
	for _, by := range match {
		if slices.Contains(t.kind.by, profile.By(by)) && !t.knows(filterRefused+fact(by)) && !t.knows(filterIgnored+fact(by)) {
			keys = append(keys, by)
		}
	}
	return keys
}

// Lookups is how many requests it takes at most to look one person up; 0: the service
// cannot be asked for one, or its answer does not show that an account may be made. Where
// a create takes over whoever has the same mail address, nobody must have it.
func (t *Target) Lookups() int {
	keys := t.keys(byMatch)
	if t.kind.of == record.User && t.profile.Create.MayAdoptSilently && !slices.Contains(keys, plan.MatchEmail) {
		return 0
	}
	return len(keys)
}

// key is one lookup: a filter, and what an account must hold to be a hit.
type key struct {
	by     string
	filter string
	plain  bool // the value holds nothing that a filter has to escape
	fits   func(*plan.Found) bool
}

// lookup makes the key for one match attribute; false: there is no value, or one too long
// for a filter of the service.
func (t *Target) lookup(by string, want resource.Resource) (k key, ok bool) {
	value := map[string]string{plan.MatchExternalID: want.Text("externalId"), plan.MatchUserName: want.Text("userName"),
		plan.MatchEmail: plan.Address(want), plan.MatchDisplayName: want.Text("displayName")}[by]
	if value == "" {
		return k, false
	}
	wanted := plan.MatchValue(by, want)
	k.by, k.plain = by, quote(value) == `"`+value+`"`
	k.fits = func(f *plan.Found) bool { return slices.Contains(f.MatchValues(by), wanted) }
	k.filter, ok = comparison(&t.profile.Lookup, profile.By(by), value)
	return k, ok
}

// ignored is the error of a lookup that was answered with other accounts.
type ignored struct {
	by string
	n  int
}

func (e *ignored) Error() string {
	return fmt.Sprintf("filter ignored: the target answers with %d accounts, and none of those shown has the value asked for; "+
		"take %s out of match, or find out how the target filters", e.n, e.by)
}

// verified sends one filter and checks what comes back.
func (t *Target) verified(ctx context.Context, k key) ([]plan.Found, error) {
	p, err := t.ask(ctx, query{filter: k.filter, excluded: t.leftOut()})
	var e *Error
	if errors.As(err, &e) && e.Status != http.StatusOK && e.scim && slices.Contains(t.profile.Lookup.NoneStatus, e.Status) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var hits []plan.Found
	others := 0 // accounts that show another value
	for _, raw := range p.resources {
		found, err := t.parse(raw)
		switch {
		case err != nil:
		case k.fits(&found):
			found.By = k.by
			hits = append(hits, found)
		case len(found.MatchValues(k.by)) > 0:
			others++
		}
	}
	// A single account with another value is what some services hold for alike: the one
	// that is asked for is not there. Several mean that the filter counts for nothing.
	if n := max(p.total, len(p.resources)); len(hits) == 0 && n > 0 && (n > 1 || others == 0) {
		return nil, &ignored{k.by, n}
	}
	if len(hits) > 0 && !slices.Contains(t.match, k.by) {
		t.learn(anchorsHelp, "some accounts are found by externalId only, so that is asked for as well")
	}
	return hits, nil
}

// unusable tells whether a lookup failed because of its attribute, so that others may
// be asked, and remembers attributes that are of no use. A value out of the ordinary may
// be what was refused.
func (t *Target) unusable(k key, err error) bool {
	var other *ignored
	if errors.As(err, &other) {
		if other.n > 1 {
			t.learn(filterIgnored+fact(k.by), fmt.Sprintf("filters by %s are ignored, so nobody is looked up by it", k.by))
		}
		return true
	}
	e := unfilterable(err)
	if e == nil {
		return false
	}
	t.refusesToFind(k.by)
	if k.plain && (e.is("invalidFilter") || e.Status == http.StatusNotImplemented) {
		t.learn(filterRefused+fact(k.by), fmt.Sprintf("filters by %s are refused, so nobody is looked up by it", k.by))
	}
	return true
}

// unfilterable tells an answer that says this filter cannot be answered; nil: it is
// something else. Some servers call it invalidValue, or nothing at all.
func unfilterable(err error) *Error {
	var e *Error
	if errors.As(err, &e) && (e.Status == http.StatusBadRequest || e.Status == http.StatusNotImplemented) {
		return e
	}
	return nil
}

// Unasked names the match attributes by which the target refused to look somebody up.
func (t *Target) Unasked() []string {
	t.mu.Lock()
	refused := slices.Clone(t.refusedBy)
	t.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(t.match), func(by string) bool {
		return !slices.Contains(refused, by) && !t.knows(filterRefused+fact(by)) && !t.knows(filterIgnored+fact(by))
	})
}

// refusesToFind notes that one lookup by an attribute was refused.
func (t *Target) refusesToFind(by string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !slices.Contains(t.refusedBy, by) {
		t.refusedBy = append(t.refusedBy, by)
	}
}

// taken notes that a create was refused because the account exists.
func (t *Target) taken(change *plan.Change) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if anchor := change.Want.Text("externalId"); anchor != "" {
		t.takenFor[anchor] = change.Doubt.Sent
	}
}

// overlooked learns from an account that is found after a create for it was refused, and
// was there before: had a listing been complete, it would have been found in that.
func (t *Target) overlooked(anchor, by string, hits []plan.Found) {
	t.mu.Lock()
	maybeOurs, taken := t.takenFor[anchor]
	proved := t.proved
	t.mu.Unlock()
	mine := func(f plan.Found) bool { return f.ExternalID == anchor }
	if taken && !maybeOurs && proved && slices.Contains(t.match, by) && slices.ContainsFunc(hits, mine) {
		t.learn(listingShort, "listings leave out accounts that are there, so people are looked up one by one")
	}
}

// takenBy tells how far a lookup for somebody goes: further once a create was refused.
func (t *Target) takenBy(want resource.Resource) reach {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, taken := t.takenFor[want.Text("externalId")]; taken {
		return byAnchor
	}
	return byMatch
}
