package probe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"scimsync/targets/scim"
	"scimsync/targets/scim/profile"
)

// needed is an account with nothing but what nearly every service asks for.
func (p *prober) needed() object {
	o := object{"userName": p.Login, "active": true}
	if allowed(p.Profile, "externalId") {
		o["externalId"] = p.Anchor
	}
	put(o, "name.givenName", "Scimsync")
	put(o, "name.familyName", "Probe")
	put(o, workMail, p.Mail)
	for _, v := range o["emails"].([]any) {
		v.(object)["primary"] = true
	}
	for _, path := range p.Profile.Attrs.Required {
		if s := sampleOf(path); at(o, s.path) == "" && (s.path != path || member(o, path) == nil) {
			put(o, s.path, s.value)
		}
	}
	return o
}

// sampleOf is a value for a path, or for something below it.
func sampleOf(path string) sample {
	if path == "emails" || path == "name" {
		return sample{path, ""}
	}
	for _, s := range samples {
		if rest, under := strings.CutPrefix(s.path, path); under && (rest == "" || strings.ContainsAny(rest[:1], ".[")) {
			return s
		}
	}
	return sample{path, "Probe"}
}

// full is an account with all that is mapped and, as the profile says, taken.
func (p *prober) full() object {
	o := p.needed()
	for _, s := range samples {
		mapped := len(p.Paths) == 0 || slices.ContainsFunc(p.Paths, func(path string) bool { return strings.EqualFold(path, s.path) })
		if mapped && allowed(p.Profile, s.path) {
			put(o, s.path, s.value)
			p.tried = append(p.tried, s)
		}
	}
	if !slices.Contains(p.Profile.Attrs.AlwaysSend, "active") {
		delete(o, "active") // to see what becomes of it
	}
	return o
}

// create makes the account, with everything first, and if that is refused with the least.
func (p *prober) create(ctx context.Context) error {
	if !allowed(p.Profile, "externalId") {
		p.found("externalId is not sent, as the profile says")
	}
	answer, err := p.post(ctx, p.full())
	if err != nil {
		return err
	}
	if refused := answer.Err; refused != nil && answer.Status == http.StatusBadRequest {
		p.found("an account with everything that is mapped is refused: " + refused.Error())
		p.plain = true
		if answer, err = p.post(ctx, p.needed()); err != nil {
			return err
		}
	}
	if answer.Err != nil {
		p.posted = answer.Status >= 500
		return p.refused(answer)
	}
	if err := p.made(ctx, answer); err != nil {
		return err
	}
	return p.asSent(ctx)
}

func (p *prober) post(ctx context.Context, body object) (*scim.Answer, error) {
	body["schemas"] = schemas(body)
	p.sent, p.posted = body, true
	return p.send(ctx, scim.Request{Method: "POST", Path: p.Profile.Paths.Users, Body: encode(body)})
}

// refused says what a create that failed may mean.
func (p *prober) refused(a *scim.Answer) error {
	switch a.Status {
	case http.StatusConflict:
		return fmt.Errorf("%w: the account exists already, though no lookup finds it: choose another --name", a.Err)
	case http.StatusNotFound, http.StatusForbidden, http.StatusPaymentRequired:
		return fmt.Errorf("%w: the service may not be ready for one more account, for want of a licence or a right", a.Err)
	case http.StatusBadRequest:
		return fmt.Errorf("%w: a bare account is refused too; if it wants another domain, or another form of login, say so with --name", a.Err)
	}
	return a.Err
}

// made finds out which account a successful create made.
func (p *prober) made(ctx context.Context, a *scim.Answer) error {
	body := decode(a.Body)
	p.createdAt = serverTime(a)
	if id := text(member(body, "id")); id != "" && at(body, "userName") == "" { // the answer is short
		_, whole, err := p.get(ctx, (&account{id: id}).path(p.Profile), "")
		if err != nil {
			return err
		}
		body = whole
	}
	if text(member(body, "id")) == "" {
		p.found(fmt.Sprintf("a create is answered %d without the account, so that it has to be looked for", a.Status))
		if err := p.findLost(ctx); err != nil {
			return fmt.Errorf("look for the account that was made: %w", err)
		}
	} else if _, err := p.claim(body, p.createdAt); err != nil {
		return err
	}
	p.posted = false
	account := p.first()
	there, err := p.read(ctx, account)
	if err != nil {
		return err
	}
	if !there {
		return fmt.Errorf("the account %s that was made cannot be read", account.id)
	}
	// Once more, for the answer to the create may be an echo.
	if _, err := p.claim(account.body, p.createdAt); err != nil {
		p.mine, p.report.IDs = nil, nil
		return err
	}
	return nil
}

// asSent compares the account with what was sent.
func (p *prober) asSent(ctx context.Context) error {
	account := p.first()
	var dropped []string
	rewritten := map[string][]profile.Normal{}
	check := p.tried
	if p.plain {
		check = nil
	}
	for _, s := range slices.Concat(check, []sample{{"userName", p.Login}, {"externalId", at(p.sent, "externalId")},
		{"name.givenName", "Scimsync"}, {"name.familyName", "Probe"}, {workMail, p.Mail}}) {
		got := at(account.body, s.path)
		switch {
		case s.value == "":
		case got == s.value:
			p.held = append(p.held, s.path)
		case got == "":
			dropped = append(dropped, s.path)
		default:
			p.held = append(p.held, s.path)
			how := normal(s.path, s.value, got)
			if how == "" {
				how = profile.Ignore
			}
			rewritten[s.path] = []profile.Normal{how}
		}
	}
	if len(dropped) > 0 {
		p.found("these are taken and not kept: "+join(dropped), p.deny(dropped))
	}
	for path, how := range rewritten {
		p.found(fmt.Sprintf("%s comes back rewritten (%s)", path, how[0]))
	}
	if len(rewritten) > 0 {
		p.found("values come back rewritten", set("attrs.normalize_compare", rewritten))
	}
	p.odd(account.body)
	return p.activeAtFirst(ctx)
}

// deny are the paths that the service was seen not to take, with those that the profile knows of.
func (p *prober) deny(paths []string) Setting {
	p.denied = append(p.denied, paths...)
	return set("attrs.deny", slices.Concat(p.Profile.Attrs.Deny, p.denied))
}

// odd notes what an account looks like where that is not as the standard has it.
func (p *prober) odd(body object) {
	if list, _ := member(body, "emails").([]any); len(list) > 0 {
		if _, bare := list[0].(string); bare {
			p.found("e-mail addresses come back as bare texts")
		} else if e, _ := list[0].(object); member(e, "type") == nil {
			p.found("e-mail addresses come back without a type")
		}
	}
	meta, _ := member(body, "meta").(object)
	switch {
	case meta == nil:
		p.found("accounts have no meta")
	case text(member(meta, "version")) == "":
		p.found("accounts have no version")
	}
}

// activeAtFirst notes what active is when nothing was said, and makes the account active.
func (p *prober) activeAtFirst(ctx context.Context) error {
	account := p.first()
	said := member(p.sent, "active") != nil
	switch at(account.body, "active") {
	case "":
		if _, err := p.setActive(ctx, true); err != nil {
			return err
		}
		if at(account.body, "active") == "" {
			p.found("accounts do not show whether they are active")
		}
		return nil
	case "true":
		return nil
	}
	account.off = true
	if said {
		p.found("an account is made inactive though active true was sent", set("attrs.always_send", p.alwaysActive()))
	} else {
		p.found("an account is made inactive unless active true is sent", set("attrs.always_send", p.alwaysActive()))
	}
	_, err := p.setActive(ctx, true)
	return err
}

func (p *prober) alwaysActive() []string {
	list := slices.Clone(p.Profile.Attrs.AlwaysSend)
	if !slices.Contains(list, "active") {
		list = append(list, "active")
	}
	return list
}

// phrases are what services say of an account that is there already.
var phrases = regexp.MustCompile(`(?i)already (exists?|in use|taken|registered|used)|duplicate|must be unique|not unique|is taken`)

// duplicate sends the same create again.
func (p *prober) duplicate(ctx context.Context) error {
	a, err := p.send(ctx, scim.Request{Method: "POST", Path: p.Profile.Paths.Users, Body: encode(p.sent)})
	if err != nil {
		p.posted = true
		return err
	}
	if a.Err == nil {
		return p.twice(ctx, a)
	}
	if len(strings.TrimSpace(string(a.Body))) == 0 {
		p.found("a conflict is answered without a body")
	}
	phrase := strings.ToLower(phrases.FindString(a.Err.Detail))
	switch {
	case a.Status == http.StatusConflict:
		p.found("a second account of the same name is refused with 409", set("create.conflict_status", p.conflictStatus(409)))
	case a.Status >= 500:
		p.found(fmt.Sprintf("a second account of the same name is answered %d: a conflict looks like an outage", a.Status))
	case phrase != "":
		p.found(fmt.Sprintf("a second account of the same name is refused with %d: %q", a.Status, phrase), set("create.conflict_regex", p.conflictRegex(phrase)))
	case a.Status != http.StatusBadRequest && a.Status != http.StatusNotFound:
		p.found(fmt.Sprintf("a second account of the same name is refused with %d", a.Status), set("create.conflict_status", p.conflictStatus(a.Status)))
	default:
		p.found("a second account of the same name is refused in words that do not say so: " + a.Err.Error())
	}
	return p.sameMail(ctx)
}

func (p *prober) conflictStatus(status int) []int {
	list := slices.Clone(p.Profile.Create.ConflictStatus)
	if !slices.Contains(list, status) {
		list = append(list, status)
	}
	return list
}

func (p *prober) conflictRegex(phrase string) []string {
	list := slices.Clone(p.Profile.Create.ConflictRegex)
	for _, known := range list {
		if re, err := regexp.Compile(known); err == nil && re.MatchString(phrase) {
			return list
		}
	}
	return append(list, "(?i)"+regexp.QuoteMeta(phrase))
}

// twice is a second create that was carried out.
func (p *prober) twice(ctx context.Context, a *scim.Answer) error {
	body := decode(a.Body)
	id := text(member(body, "id"))
	switch id {
	case p.first().id:
		p.found("a create of an account that is there takes it over, and answers as if it were new", set("create.may_adopt_silently", true))
	case "":
		p.doubt = true // what was made, if anything, is looked for when everything else is done
		p.found(fmt.Sprintf("a second create of the same account is answered with %d and without an account", a.Status))
	default:
		if _, err := p.claim(body, p.createdAt); err != nil {
			return err
		}
		p.found("the same account can be made twice, with the same userName: nothing but us keeps accounts apart")
	}
	return nil
}

// sameMail makes a second account that shares the mail alone, where it can be deleted again.
func (p *prober) sameMail(ctx context.Context) error {
	if !p.mayDelete() {
		p.dared("a second account with the same e-mail address", "it could not be deleted again")
		return nil
	}
	if slices.ContainsFunc(p.Profile.Attrs.Coupled, func(set []string) bool { return slices.Contains(set, workMail) }) {
		return nil
	}
	login, anchor, sent := p.Login, p.Anchor, p.sent // those of the second account take their place for a moment
	defer func() { p.Login, p.Anchor, p.sent = login, anchor, sent }()
	p.Login, p.Anchor = second(p.Login), p.Anchor+"-2"
	a, err := p.post(ctx, p.needed())
	if err != nil || a.Err == nil && text(member(decode(a.Body), "id")) == "" {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
		defer cancel()
		lost := p.findLost(late)
		if p.posted = false; lost != nil {
			return errors.Join(err, fmt.Errorf("a second account %s may have been made, and looking for it failed (%w): look for it at the service, and remove it", p.Login, lost))
		}
		return err
	}
	p.posted = false
	if a.Err != nil {
		if a.Status == http.StatusConflict || phrases.MatchString(a.Err.Detail) {
			p.found("two accounts cannot have the same e-mail address: it is a conflict too")
		} else {
			p.found("a second account with the same e-mail address is refused: " + a.Err.Error())
		}
		return nil
	}
	if body := decode(a.Body); text(member(body, "id")) == p.first().id {
		p.found("a create with an e-mail address that is there takes that account over, and answers as if it were new", set("create.may_adopt_silently", true))
		return nil
	}
	account, err := p.claim(decode(a.Body), p.createdAt)
	if err != nil {
		return err
	}
	p.found("two accounts may have the same e-mail address")
	if err := p.cleanOne(ctx, account); err != nil {
		p.once("the second account: " + err.Error()) // it is cleaned up again at the end
	}
	return nil
}

// second makes another login of one: name-2@domain.
func second(login string) string {
	name, domain, isMail := strings.Cut(login, "@")
	if isMail {
		return name + "-2@" + domain
	}
	return name + "-2"
}
