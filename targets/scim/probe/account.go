package probe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"scimsync/sync/resource"
	"scimsync/targets/scim"
	"scimsync/targets/scim/profile"
)

// account is one that this run made and recognised. Only such an account can be written to: there is no other way to an id.
type account struct {
	id   string
	body object // as it was read last
	gone bool
	off  bool // deactivated
}

func (a *account) path(p *profile.Profile) string { return p.Paths.Users + "/" + url.PathEscape(a.id) }

// first is the throw-away account; nil: there is none yet.
func (p *prober) first() *account {
	if len(p.mine) == 0 {
		return nil
	}
	return p.mine[0]
}

// ErrNotOurs is an account that a create gave us and that somebody had before.
var ErrNotOurs = errors.New("it belongs to somebody else")

// claim recognises an account as made by this run. Whatever speaks against it is an error that holds ErrNotOurs, and nothing is
// sent to that account any more.
func (p *prober) claim(body object, created time.Time) (*account, error) {
	id := text(member(body, "id"))
	notOurs := func(why string) (*account, error) {
		p.posted = false
		return nil, fmt.Errorf("the service answers the create with account %s, and %w: %s. Nothing more is sent to it; look at it by hand, for the create may have changed it", id, ErrNotOurs, why)
	}
	switch {
	case id == "":
		return nil, errors.New("the account has no id")
	case p.others[id]:
		return notOurs("it was there before")
	case resource.Fold(at(body, "userName")) != resource.Fold(p.Login):
		return notOurs("its userName is not the one that was sent")
	}
	if external := at(body, "externalId"); external != "" && external != p.Anchor {
		return notOurs("its externalId is not the one that was sent")
	}
	meta, _ := member(body, "meta").(object)
	if at, err := time.Parse(time.RFC3339, text(member(meta, "created"))); err == nil && !created.IsZero() && at.Before(created.Add(-skew)) {
		return notOurs("it was created " + at.UTC().Format(time.RFC3339))
	}
	for _, a := range p.mine {
		if a.id == id {
			return a, nil
		}
	}
	a := &account{id: id, body: body}
	p.mine = append(p.mine, a)
	p.report.IDs = append(p.report.IDs, id)
	return a, nil
}

// skew is by how much the clocks of one service may differ among themselves.
const skew = 2 * time.Minute

// serverTime is when an answer was made by the service's own clock (RFC 9110 section 6.6.1); zero: it does not say.
func serverTime(a *scim.Answer) time.Time {
	at, err := http.ParseTime(a.Header.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return at
}

// read reads an account again; false: it is not there.
func (p *prober) read(ctx context.Context, a *account) (bool, error) {
	answer, body, err := p.get(ctx, a.path(p.Profile), "")
	switch {
	case err != nil:
		return false, err
	case answer.Status == http.StatusNotFound || answer.Status == http.StatusGone:
		return false, nil
	case answer.Err != nil:
		return false, fmt.Errorf("read the account: %w", answer.Err)
	case text(member(body, "id")) != a.id:
		return false, errors.New("read the account: the answer is another one")
	}
	a.body = body
	return true, nil
}

// write sends a PATCH, PUT or DELETE to an account of this run.
func (p *prober) write(ctx context.Context, a *account, method string, body object) (*scim.Answer, error) {
	r := scim.Request{Method: method, Path: a.path(p.Profile)}
	if body != nil {
		r.Body = encode(body)
	}
	return p.send(ctx, r)
}

// cleanUp deactivates and, where that is allowed, deletes what this run made. What stays is told in the report; that it could
// not even be deactivated is an error.
func (p *prober) cleanUp(ctx context.Context) error {
	var failed []error
	if p.posted || p.doubt {
		if err := p.findLost(ctx); err != nil {
			failed = append(failed, fmt.Errorf("a create was sent whose answer is not known, and looking for it failed: %w; look for userName %s at the service, and remove it", err, p.Login))
		}
	}
	for _, a := range p.mine {
		switch err := p.cleanOne(ctx, a); {
		case a.gone:
		case a.off:
			p.report.Left = append(p.report.Left, Left{ID: a.id, State: "inactive"})
		default:
			failed = append(failed, fmt.Errorf("the throw-away account %s (id %s) is still there and may be active: %w; deactivate or delete it by hand", p.Login, a.id, err))
			p.report.Left = append(p.report.Left, Left{ID: a.id, State: "unknown"})
		}
	}
	return errors.Join(failed...)
}

func (p *prober) cleanOne(ctx context.Context, a *account) error {
	if a.gone {
		return nil
	}
	var off error
	if !a.off {
		off = p.switchOff(ctx, a)
	}
	if !a.gone && p.mayDelete() {
		_, _, err := p.change(ctx, a, http.MethodDelete, nil, never)
		if err != nil { // it may have arrived
			there, readErr := p.read(ctx, a)
			a.gone = readErr == nil && !there
		}
		if a.gone {
			return nil
		}
		off = errors.Join(off, err)
	}
	return off
}

// switchOff deactivates with the form that is known to work, else with the others there are, and looks.
func (p *prober) switchOff(ctx context.Context, a *account) error {
	if p.Profile.Deactivate.Method == profile.DeactivateNone {
		return errors.New("profile " + p.Profile.Name + " says that it cannot be deactivated")
	}
	var last error
	for _, form := range p.activeForms(false) {
		how, answer, err := p.change(ctx, a, form.method, form.body(a), isActive("false"))
		if err != nil {
			return err
		}
		if a.off = how == done; a.off {
			return nil
		}
		last = errors.New("it stays active, whatever is sent")
		if answer.Err != nil {
			last = answer.Err
		}
	}
	return last
}

// isActive tells whether an account shows that active is as it should be, or does not show it.
func isActive(want string) func(object) bool {
	return func(o object) bool { return at(o, "active") == want || at(o, "active") == "" }
}

// never is for changes after which nothing is to be seen.
func never(object) bool { return false }

// findLost looks for an account whose create was not answered with it, until the patience ends.
func (p *prober) findLost(ctx context.Context) error {
	since := p.Now()
	for step := 0; ; step++ {
		for _, by := range []profile.By{profile.ByUserName, profile.ByExternalID} {
			found, err := p.lookup(ctx, p.filter(by, p.value(by)))
			if err != nil {
				return err
			}
			for _, body := range found.hits {
				ours := strings.EqualFold(at(body, "userName"), p.Login) && at(body, "externalId") == p.Anchor
				if !ours || p.others[text(member(body, "id"))] {
					continue
				}
				p.posted = false
				if _, err := p.claim(body, time.Time{}); err != nil {
					return err
				}
			}
			if !p.posted && len(p.mine) > 0 {
				return nil
			}
		}
		if !p.pause(ctx, since, step) {
			return errors.New("it is not found")
		}
	}
}
