package probe

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"scimsync/sync/resource"
	"scimsync/targets/scim/profile"
)

// activeForm is one way to switch an account on and off.
type activeForm struct {
	name   string
	method string
	body   func(a *account) object
	knobs  []Setting
}

// activeForms are the ways there are to set active, that of the profile and what is known to work first.
func (p *prober) activeForms(value bool) []activeForm {
	patch := func(name string, op object, knobs ...Setting) activeForm {
		return activeForm{name, http.MethodPatch, func(*account) object {
			return object{"schemas": []string{patchURN}, "Operations": []object{op}}
		}, knobs}
	}
	word := map[bool]string{true: "True", false: "False"}[value]
	put := activeForm{"PUT", http.MethodPut, func(a *account) object {
		o := p.changed(a, sample{"userName", at(a.body, "userName")})
		o["active"] = value
		return o
	}, []Setting{set("deactivate.method", profile.DeactivatePutActiveFalse)}}
	forms := []activeForm{
		patch("a PATCH with path", p.operation("replace", "active", value)),
		patch("a PATCH without path", p.operation("replace", "", object{"active": value})),
		patch("a PATCH with a text", p.operation("replace", "active", word), set("patch.bool", profile.BoolString)),
		put,
	}
	if p.Profile.Deactivate.Method == profile.DeactivatePutActiveFalse {
		forms = []activeForm{put, forms[0], forms[1], forms[2]}
	}
	for _, f := range forms {
		if p.activeForm != nil && f.name == p.activeForm.name {
			return []activeForm{f}
		}
	}
	return forms
}

// setActive tries the ways to set active until one works. Where active is not shown, success is believed.
func (p *prober) setActive(ctx context.Context, value bool) (outcome, error) {
	account := p.first()
	want := map[bool]string{true: "true", false: "false"}[value]
	last := refused
	for _, form := range p.activeForms(value) {
		how, a, err := p.change(ctx, account, form.method, form.body(account), isActive(want))
		if err != nil {
			return how, err
		}
		if how == done {
			account.off = !value
			if p.activeForm == nil {
				p.activeForm = &form
				p.found(fmt.Sprintf("active is set by %s", form.name), form.knobs...)
			}
			return done, nil
		}
		if how == ignored {
			p.noop(how, "active")
			last = ignored
		} else if a.Err != nil {
			p.once(fmt.Sprintf("active %s by %s is refused: %v", want, form.name, a.Err))
		}
	}
	return last, nil
}

// deactivate looks what is left of an account that is switched off.
func (p *prober) deactivate(ctx context.Context) error {
	account := p.first()
	if p.Profile.Deactivate.Method == profile.DeactivateNone || p.Profile.Deactivate.Method == profile.DeactivateDelete {
		p.dared("active false", "the profile says deactivate.method "+string(p.Profile.Deactivate.Method))
		return nil
	}
	login := at(account.body, "userName")
	how, err := p.setActive(ctx, false)
	if err != nil {
		return err
	}
	switch {
	case account.gone:
		p.found("an account that is deactivated is gone: reading it answers 404", set("deactivate.effect", profile.EffectDeleteObject), set("reactivate.method", profile.ReactivateRepost))
		return errNothingMore
	case how != done:
		p.found("an account cannot be deactivated", set("deactivate.method", profile.DeactivateNone))
		return nil
	case at(account.body, "active") == "":
		p.found("whether an account was deactivated cannot be seen")
	default:
		p.found("a deactivated account stays, and shows active false", set("deactivate.effect", p.cautious(profile.EffectDisable)))
	}
	if now := at(account.body, "userName"); resource.Fold(now) != resource.Fold(login) {
		p.found("a deactivated account comes back with another userName", set("readback.after_deactivate", profile.ReadbackIgnore))
	}
	return p.hidden(ctx)
}

// cautious keeps what the profile says where it is worse than what was seen: an account that reads as disabled may still have
// left the organisation.
func (p *prober) cautious(seen profile.DeactivateEffect) profile.DeactivateEffect {
	if e := p.Profile.Deactivate.Effect; e != profile.EffectDisable {
		p.found("the profile says deactivate.effect " + string(e) + "; that only active false is seen does not disprove it")
		return e
	}
	return seen
}

// hidden tells whether lookups find an account that is inactive.
func (p *prober) hidden(ctx context.Context) error {
	for _, by := range []profile.By{profile.ByExternalID, profile.ByUserName} {
		if !p.report.says("lookup.user", by) {
			continue
		}
		found, err := p.lookup(ctx, p.filter(by, p.value(by)))
		if err != nil {
			return err
		}
		if len(found.hits) == 0 {
			p.found(fmt.Sprintf("a deactivated account is not found by %s", by))
		}
	}
	return nil
}

// changeInactive changes an attribute of an account that is switched off.
func (p *prober) changeInactive(ctx context.Context) error {
	if p.nothing || !p.first().off || len(p.texts()) == 0 {
		return nil
	}
	v := p.next(p.texts()[0])
	how, _, err := p.patch(ctx, p.replaces(v), has(v))
	if err != nil {
		return err
	}
	if how == done {
		p.found("an inactive account can be changed")
		return nil
	}
	p.found("an inactive account cannot be changed")
	return nil
}

// reactivate switches the account on again.
func (p *prober) reactivate(ctx context.Context) error {
	account := p.first()
	if !account.off || p.Profile.Reactivate.Method != profile.ReactivateActiveTrue {
		return nil
	}
	tried, how, err := p.together(ctx)
	if err != nil {
		return err
	}
	if how == done && !account.gone {
		p.found("a deactivated account can be switched on again and changed by one request", set("reactivate.method", profile.ReactivateActiveTrue),
			set("reactivate.in_same_request_as_update", true))
		return nil
	}
	how, err = p.setActive(ctx, true)
	switch {
	case err != nil:
		return err
	case how != done || account.gone:
		p.found("a deactivated account cannot be switched on again: a returner has to be helped by hand")
		return nil
	case tried:
		p.found("a deactivated account is switched on again by a request of its own only", set("reactivate.in_same_request_as_update", false))
	}
	p.found("a deactivated account can be switched on again", set("reactivate.method", profile.ReactivateActiveTrue))
	return nil
}

// together switches the account on and changes a text by one PATCH, as for somebody who comes back with another title. tried
// tells whether that could be tried.
func (p *prober) together(ctx context.Context) (tried bool, how outcome, err error) {
	account := p.first()
	if p.nothing || len(p.texts()) == 0 || p.activeForm == nil || p.activeForm.method != http.MethodPatch {
		return false, refused, nil
	}
	v := p.next(p.texts()[0])
	on, _ := p.activeForms(true)[0].body(account)["Operations"].([]object)
	how, _, err = p.patch(ctx, append(on, p.replaces(v)...), func(o object) bool { return isActive("true")(o) && has(v)(o) })
	if err == nil && how == done {
		account.off = false
	}
	return true, how, err
}

// remove deletes the account, deactivated first, where that is allowed.
func (p *prober) remove(ctx context.Context) error {
	account := p.first()
	if !p.mayDelete() {
		why := "the profile does not allow it"
		if p.Keep {
			why = "the account is to be kept"
		}
		p.dared("DELETE", why)
		return nil
	}
	if p.Profile.Deactivate.Method != profile.DeactivateDelete && !account.off {
		if err := p.switchOff(ctx, account); err != nil && !errors.Is(err, context.Canceled) {
			p.once("before the deletion: " + err.Error())
		}
		if account.gone {
			return nil
		}
	}
	_, a, err := p.change(ctx, account, http.MethodDelete, nil, never)
	if err != nil {
		return err
	}
	switch {
	case account.gone:
		if p.Profile.Delete.Effect == profile.DeleteReleases {
			p.found("DELETE removes the account for good; what it held is released, as the profile says", set("delete.effect", profile.DeleteReleases))
			return nil
		}
		p.found("DELETE removes the account for good", set("delete.effect", profile.DeleteIrreversible))
	case a.Status == http.StatusMethodNotAllowed || a.Status == http.StatusNotImplemented:
		p.found(fmt.Sprintf("there is no DELETE (%d)", a.Status), set("delete.effect", profile.DeleteUnsupported), set("delete.allowed", false))
	case a.Err != nil:
		p.found("DELETE is refused: " + a.Err.Error())
	case at(account.body, "active") == "false":
		p.found("DELETE leaves the account there, inactive", set("delete.effect", p.worse()))
	default:
		p.found("DELETE is answered with success, and the account is there as before", set("delete.allowed", false))
	}
	return nil
}

// worse is deactivate, unless the profile knows of something that a look at the account does not show.
func (p *prober) worse() profile.DeleteEffect {
	if e := p.Profile.Delete.Effect; e == profile.DeleteReleases {
		return e
	}
	return profile.DeleteDeactivates
}
