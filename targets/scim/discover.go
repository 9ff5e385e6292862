package scim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"scimsync/targets/scim/profile"
)

// How long a description counts. One that differs from the one before is asked for
// again soon: what it narrows in accounts counts once it was said twice.
const (
	describedFor = 24 * time.Hour
	unsureFor    = time.Hour
	// askAgainAfter follows a service that was sick when it was asked.
	askAgainAfter = 5 * time.Minute
	// describedWithin bounds one of the requests: nobody waits long for a description.
	describedWithin = 15 * time.Second
)

// described is what a Memory keeps of descriptions.
type described struct {
	At     time.Time    `json:"at"`
	Said   *description `json:"said"`
	Sure   bool         `json:"sure,omitempty"`   // Said was said twice in a row
	Agreed *description `json:"agreed,omitempty"` // what was said last twice in a row; nil: nothing
}

// fresh tells whether nothing has to be asked now.
func (d *described) fresh(now time.Time) bool {
	if d == nil {
		return false
	}
	age := now.Sub(d.At)
	return age >= 0 && (age < unsureFor || d.Sure && age < describedFor)
}

// discover makes sure that what the service says of itself was read lately, right before
// a request that is needed anyway. What cannot be read is no error unless the profile
// wants it.
func (t *Target) discover(ctx context.Context) error {
	if t.profile.Discovery.Mode == profile.DiscoveryOff || t.memory.described().fresh(t.now()) {
		return nil
	}
	select { // one at a time; the others find it done
	case t.memory.asking <- struct{}{}:
		defer func() { <-t.memory.asking }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return t.askWhat(ctx)
}

// discoverInside is discover for somebody who holds a place of the lane: nobody may wait
// there for whoever asks now, and waits for a place to do so.
func (t *Target) discoverInside(ctx context.Context) error {
	if t.profile.Discovery.Mode == profile.DiscoveryOff || t.memory.described().fresh(t.now()) {
		return nil
	}
	select {
	case t.memory.asking <- struct{}{}:
		defer func() { <-t.memory.asking }()
	default:
		return nil
	}
	return t.askWhat(ctx)
}

// askWhat reads what the service says and keeps it.
func (t *Target) askWhat(ctx context.Context) error {
	if now := t.now(); t.memory.described().fresh(now) || t.memory.restsUntil(now) {
		return nil
	}
	d, sick, err := t.describe(ctx)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("ask %s what it can do: %w", t.name, ctx.Err())
	case t.profile.Discovery.Required && (sick || d.Config == nil):
		return fmt.Errorf("ask %s what it can do, which discovery.required demands: %w", t.name, err)
	case sick:
		t.memory.rest(t.now().Add(askAgainAfter))
		return nil
	}
	t.memory.describe(d, t.now())
	return nil
}

// describe reads everything that the service says of itself. sick tells that it could
// not be asked, which says nothing; err is why there is no ServiceProviderConfig.
func (t *Target) describe(ctx context.Context) (d *description, sick bool, err error) {
	d = &description{Silent: map[string]string{}}
	read := func(path string, parse func([]byte) error) error {
		if path == "" || sick {
			return nil
		}
		ctx, cancel := context.WithTimeout(ctx, describedWithin)
		defer cancel()
		a, _, err := t.tryRead(ctx, call{method: http.MethodGet, path: path, limit: limitOne})
		if err == nil {
			err = parse(a.body)
		} else if sick = passing(err) || unserved(err) || ctx.Err() != nil; sick {
			return err
		}
		if err != nil {
			d.Silent[path] = silence(err)
		}
		return err
	}
	paths := t.profile.Paths
	err = read(paths.SPC, func(body []byte) (err error) { d.Config, err = parseConfig(body); return err })
	_ = read(paths.Schemas, func(body []byte) (err error) { d.Attributes, err = parseSchemas(body); return err })
	_ = read(paths.ResourceTypes, func(body []byte) (err error) { d.Users, d.Ungrouped, err = parseTypes(body); return err })
	return d, sick, err
}

// unserved tells of a request that got no answer to what it asks, for want of a channel
// or of credentials: others would get none either.
func unserved(err error) bool {
	var o *outage
	return errors.As(err, &o)
}

// silence says why nothing can be read, without what changes from time to time: the same
// silence is the same description.
func silence(err error) string {
	var e *Error
	var o *outage
	switch {
	case errors.As(err, &e) && e.Status == http.StatusOK:
		return "a web page"
	case errors.As(err, &e):
		return fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status))
	case errors.As(err, &o):
		return "no answer"
	}
	return err.Error()
}

// said is what the service says of itself, as far as it is known; never nil.
func (t *Target) said() *description {
	if d := t.memory.described(); d != nil && t.profile.Discovery.Mode != profile.DiscoveryOff {
		return d.Said
	}
	return &description{}
}

// saidConfig is the same for its ServiceProviderConfig.
func (t *Target) saidConfig() config {
	if c := t.said().Config; c != nil {
		return *c
	}
	return config{}
}

// listMode is how a listing goes from page to page: by cursor where the service says
// that there is no other way, or that it is its own.
func (t *Target) listMode() profile.ListMode {
	c := t.saidConfig()
	says := func(b *bool, what bool) bool { return b != nil && *b == what }
	if t.profile.List.Mode == profile.ListIndex && says(c.Cursor, true) && (says(c.Index, false) || c.Default == "cursor") {
		return profile.ListCursor
	}
	return t.profile.List.Mode
}

// count is how many accounts are asked for at a time.
func (t *Target) count() int {
	t.mu.Lock()
	n := t.pageSize
	t.mu.Unlock()
	c := t.saidConfig()
	for _, most := range []int{c.Results, c.Page} {
		if most > 0 {
			n = min(n, most)
		}
	}
	return n
}
