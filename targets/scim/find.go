package scim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"scimsync/sync/plan"
	"scimsync/sync/resource"
)

// key is one lookup: a filter, and what an account must hold to be a hit.
type key struct {
	by     string
	filter string
	plain  bool // the value holds nothing that a filter has to escape
	fits   func(*plan.Found) bool
}

// Find looks one wanted resource up by the match attributes in their order and
// stops at the first that gives a hit. Every hit is verified here: it holds the
// value that was asked for, since some servers ignore filters. It may hold another
// externalId than wanted; what that means is the caller's business, and so are
// several hits. No hit is not an error, but an error if nothing could be asked.
func (t *Target) Find(ctx context.Context, want resource.Resource) ([]plan.Found, error) {
	asked := 0
	var refused error
	for _, by := range t.match {
		k, ok := lookup(by, want)
		if !ok || t.isUnasked(by) {
			continue
		}
		hits, err := t.ask(ctx, k)
		if e := unfilterable(err); e != nil {
			// A value out of the ordinary may be what was refused: then others may be asked.
			t.refusesToFind(by)
			if k.plain && (e.is("invalidFilter") || e.Status == http.StatusNotImplemented) {
				t.dontAsk(by)
			}
			refused = err
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("find by %s at %s: %w", by, t.name, err)
		}
		if asked++; len(hits) > 0 {
			return hits, nil
		}
	}
	switch {
	case asked > 0:
		return nil, nil
	case refused != nil:
		return nil, fmt.Errorf("find an account at %s: the target filters by none of %s: %w", t.name, strings.Join(t.match, ", "), refused)
	}
	return nil, fmt.Errorf("find an account at %s: nothing to ask for: no value, or no filter of the target, for any of %s",
		t.name, strings.Join(t.match, ", "))
}

// lookup makes the key for one match attribute; false: there is no value.
func lookup(by string, want resource.Resource) (k key, ok bool) {
	var value, form string
	switch by {
	case plan.MatchExternalID:
		value, form = want.Text("externalId"), "externalId eq %s"
	case plan.MatchUserName:
		value, form = want.Text("userName"), "userName eq %s"
	default:
		value, form = plan.Address(want), "emails[value eq %s]"
	}
	wanted := plan.MatchValue(by, want)
	k.fits = func(f *plan.Found) bool { return slices.Contains(f.MatchValues(by), wanted) }
	quoted := quote(value)
	k.by, k.filter, k.plain = by, fmt.Sprintf(form, quoted), quoted == `"`+value+`"`
	return k, value != ""
}

// ask sends one filter and verifies what comes back.
func (t *Target) ask(ctx context.Context, k key) ([]plan.Found, error) {
	a, err := t.read(ctx, call{path: "/Users", query: "filter=" + escape(k.filter), limit: limitPage})
	if err != nil {
		return nil, err
	}
	p, err := parsePage(a.body)
	if err != nil {
		return nil, err
	}
	var hits []plan.Found
	for _, raw := range p.resources {
		found, err := t.parseUser(raw)
		if err == nil && k.fits(&found) {
			found.By = k.by
			hits = append(hits, found)
		}
	}
	if n := max(p.total, len(p.resources)); n > 0 && len(hits) == 0 {
		return nil, fmt.Errorf("filter ignored: the target answers with %d accounts, and none of those shown has the value asked for; "+
			"take %s out of match, or find out how the target filters", n, k.by)
	}
	return hits, nil
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
	defer t.mu.Unlock()
	var names []string
	for _, by := range t.match {
		if _, refused := t.unasked[by]; refused {
			names = append(names, by)
		}
	}
	return names
}

// refusesToFind notes that one lookup by an attribute was refused.
func (t *Target) refusesToFind(by string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.unasked[by] {
		t.unasked[by] = false
	}
}

func (t *Target) isUnasked(by string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.unasked[by]
}

func (t *Target) dontAsk(by string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unasked[by] = true
}

// quote writes a filter's comparison value, which is a JSON string (RFC 7644
// section 3.4.2.2).
func quote(value string) string {
	text, err := encode(value)
	if err != nil {
		panic("scim: a string is not JSON: " + err.Error())
	}
	return string(text)
}

// escape percent-encodes a query value. A space becomes %20: to servers that do not
// decode forms a plus is a plus.
func escape(value string) string {
	return strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
}
