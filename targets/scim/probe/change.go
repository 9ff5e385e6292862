package probe

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"scimsync/sync/resource"
	"scimsync/targets/scim"
	"scimsync/targets/scim/profile"
)

// outcome is what became of a change.
type outcome uint8

const (
	refused outcome = iota
	ignored         // answered with success, and nothing changed
	done
)

// learned is what the experiments tell each other.
type learned struct {
	described, saysPatch, saysFilter bool
	cursors, cursorsOnly             bool
	ignored                          map[profile.By]bool // filters
	waited                           bool                // the account had its time to show in lookups

	plain  bool     // the account was made with the least
	tried  []sample // what it was made with besides
	held   []string // of all that, what it holds
	denied []string

	path, noPath bool // PATCH with and without path works
	title        bool // operations are spelled Replace
	multi        bool // several operations in a request work
	nothing      bool // no PATCH of a plain attribute changes anything
	values       int  // to make each value another
	activeForm   *activeForm
	createdAt    time.Time
	told         map[string]bool
	doubt        bool // a create may have been carried out later
}

func (l *learned) start(p *profile.Profile) {
	l.ignored, l.told = map[profile.By]bool{}, map[string]bool{}
	l.title = p.Patch.OpCase == profile.OpTitle
}

// operation is one of a PATCH (RFC 7644 section 3.5.2).
func (p *prober) operation(op, path string, value any) object {
	if p.title {
		op = strings.ToUpper(op[:1]) + op[1:]
	}
	o := object{"op": op, "value": value}
	if path != "" {
		o["path"] = path
	}
	return o
}

// replaces are operations that set texts, in the form that works.
func (p *prober) replaces(values ...sample) []object {
	var ops []object
	whole := object{}
	for _, v := range values {
		ops = append(ops, p.operation("replace", v.path, v.value))
		put(whole, v.path, v.value)
	}
	if !p.path && p.noPath {
		return []object{p.operation("replace", "", whole)}
	}
	return ops
}

// patch sends operations and looks whether they did what they ask for.
func (p *prober) patch(ctx context.Context, ops []object, did func(object) bool) (outcome, *scim.Answer, error) {
	return p.change(ctx, p.first(), http.MethodPatch, object{"schemas": []string{patchURN}, "Operations": ops}, did)
}

// change is a change of an account of this run, and what became of it. did tells whether the account is as it was to be; one that
// is not there any more is done with, whatever was sent.
func (p *prober) change(ctx context.Context, account *account, method string, body object, did func(object) bool) (outcome, *scim.Answer, error) {
	a, err := p.write(ctx, account, method, body)
	if err != nil {
		return refused, a, err
	}
	if a.Status >= 500 && a.Status != http.StatusNotImplemented {
		p.once("a request that it does not like is answered " + fmt.Sprint(a.Status))
	}
	late := a.Status == http.StatusAccepted
	if late {
		p.once("writes are answered 202 and carried out later")
	}
	since := p.Now()
	if late {
		p.pause(ctx, since, 3)
	}
	for step := 0; ; step++ {
		there, err := p.read(ctx, account)
		switch {
		case err != nil:
			return refused, a, err
		case !there:
			account.gone = true
			return done, a, nil
		case did(account.body) && a.Err == nil:
			return done, a, nil
		case a.Err != nil:
			return refused, a, nil
		case !late || !p.pause(ctx, since, step):
			return ignored, a, ctx.Err()
		}
	}
}

// next is a value that the account does not have at a path.
func (p *prober) next(path string) sample {
	p.values++
	switch {
	case strings.HasPrefix(path, "phoneNumbers"):
		return sample{path, fmt.Sprintf("+41 44 555 01 %02d", p.values)}
	case path == workMail:
		name, domain, _ := strings.Cut(p.Mail, "@")
		return sample{path, fmt.Sprintf("%s+%d@%s", name, p.values, domain)}
	}
	return sample{path, fmt.Sprintf("Probe %d", p.values)}
}

// has tells whether an account has a value, spelled in any case, and a phone number written in any way.
func has(v sample) func(object) bool {
	return func(o object) bool {
		got := at(o, v.path)
		return got != "" && (strings.EqualFold(got, v.value) || normal(v.path, v.value, got) == profile.E164)
	}
}

func hasAll(values []sample) func(object) bool {
	return func(o object) bool {
		return !slices.ContainsFunc(values, func(v sample) bool { return !has(v)(o) })
	}
}

// texts are the plain texts that the account holds: what changes are tried on.
func (p *prober) texts() []string {
	var list []string
	for _, s := range samples[:plainTexts] {
		if slices.Contains(p.held, s.path) {
			list = append(list, s.path)
		}
	}
	if slices.Contains(p.held, "name.familyName") {
		list = append(list, "name.familyName")
	}
	return list
}

// patchPath is the form that everything else is compared with.
func (p *prober) patchPath(ctx context.Context) error {
	texts := p.texts()
	if len(texts) == 0 {
		p.nothing = true
		p.dared("forms of PATCH", "the account holds no text of which any value would do")
		return nil
	}
	v := p.next(texts[0])
	how, a, err := p.patch(ctx, []object{p.operation("replace", v.path, v.value)}, has(v))
	if err != nil {
		return err
	}
	switch {
	case how == done:
		p.path = true
		if p.described && !p.saysPatch {
			p.found("its configuration says that there is no PATCH, and it works: what it says is not to be trusted")
		}
		return nil
	case how == ignored:
		p.nothing = true
		p.found("a PATCH of "+v.path+" is answered with success and changes nothing", set("patch.silent_noop", true))
		return nil
	case a.Status == http.StatusMethodNotAllowed || a.Status == http.StatusNotImplemented || a.Status == http.StatusNotFound:
		p.nothing = true
		return p.byPut(ctx, v, a)
	case a.Status == http.StatusPreconditionRequired:
		p.nothing = true
		p.found("a PATCH without If-Match is refused with 428", set("etag", profile.ETagIfMatch))
		return nil
	}
	p.found("a PATCH with op replace and a path is refused: " + a.Err.Error())
	return nil
}

// byPut tries PUT where there is no PATCH: what was read, with one value changed.
func (p *prober) byPut(ctx context.Context, v sample, a *scim.Answer) error {
	p.found(fmt.Sprintf("there is no PATCH (%d)", a.Status))
	how, _, err := p.change(ctx, p.first(), http.MethodPut, p.changed(p.first(), v), has(v))
	if err == nil && how == done {
		p.found("PUT works", set("update.method", profile.UpdatePut))
	}
	return err
}

// changed is an account as it was read, for a PUT, with a value changed.
func (p *prober) changed(a *account, v sample) object {
	o := decode(encode(a.body))
	delete(o, "meta")
	delete(o, "groups")
	put(o, v.path, v.value)
	return o
}

// opCase sends the spelling that is not the profile's.
func (p *prober) opCase(ctx context.Context) error {
	if p.nothing {
		return nil
	}
	p.title = !p.title
	v := p.next(p.texts()[0])
	how, _, err := p.patch(ctx, []object{p.operation("replace", v.path, v.value)}, has(v))
	switch {
	case err != nil:
		return err
	case how == done && !p.path:
		p.path = true
		p.found("op has to be spelled "+p.spelling(), set("patch.op_case", p.caseWord()))
		return nil
	case how == done:
		p.title = !p.title
		p.found("op may be spelled in either case", set("patch.op_case", p.caseWord()))
		return nil
	}
	p.title = !p.title
	if p.path {
		p.found("op has to be spelled "+p.spelling(), set("patch.op_case", p.caseWord()))
	}
	return nil
}

func (p *prober) caseWord() profile.OpCase {
	if p.title {
		return profile.OpTitle
	}
	return profile.OpLower
}

func (p *prober) spelling() string { return p.operation("replace", "", "")["op"].(string) }

// pathless sends the value as an object, with one attribute and then with two.
func (p *prober) pathless(ctx context.Context) error {
	texts := p.texts()
	if p.nothing {
		return nil
	}
	try := func(values []sample) (outcome, error) {
		whole := object{}
		for _, v := range values {
			put(whole, v.path, v.value)
		}
		how, _, err := p.patch(ctx, []object{p.operation("replace", "", whole)}, hasAll(values))
		return how, err
	}
	one, err := try([]sample{p.next(texts[0])})
	if err != nil {
		return err
	}
	two := one
	if one == done && len(texts) > 1 {
		if two, err = try([]sample{p.next(texts[0]), p.next(texts[1])}); err != nil {
			return err
		}
	}
	p.noPath = two == done
	switch {
	case p.path && two == done:
		keep := p.Profile.Patch.Path
		p.found("a PATCH works with a path and without", set("patch.path", keep))
	case p.path && one == done:
		p.found("a PATCH without path may have one attribute only", set("patch.path", profile.PathRequired))
	case p.path:
		p.found("a PATCH needs a path", set("patch.path", profile.PathRequired))
	case two == done:
		p.found("a PATCH works without path only", set("patch.path", profile.PathPathless))
	default:
		p.nothing = true
		p.found("no form of PATCH that was tried changes " + texts[0])
	}
	return nil
}

// dotted changes a part of name.
func (p *prober) dotted(ctx context.Context) error {
	if !p.path || !slices.Contains(p.held, "name.givenName") {
		return nil
	}
	v := p.next("name.givenName")
	how, _, err := p.patch(ctx, []object{p.operation("replace", v.path, v.value)}, has(v))
	switch {
	case err != nil:
		return err
	case how == done:
		p.found("name.givenName is understood as a path", set("patch.dotted", true))
		return nil
	}
	p.noop(how, "name.givenName")
	p.found("name.givenName is not understood as a path", set("patch.dotted", false))
	return nil
}

// noop notes a success that did nothing.
func (p *prober) noop(how outcome, what string) {
	if how == ignored {
		p.found("a PATCH of "+what+" is answered with success and changes nothing", set("patch.silent_noop", true))
	}
}

// listed is a path into a list that may be changed: a phone number, else the mail where nothing is coupled to it.
func (p *prober) listed() string {
	phone := `phoneNumbers[type eq "work"].value`
	coupled := slices.ContainsFunc(p.Profile.Attrs.Coupled, func(set []string) bool { return slices.Contains(set, workMail) })
	switch {
	case slices.Contains(p.held, phone):
		return phone
	case slices.Contains(p.held, workMail) && !coupled:
		return workMail
	}
	return ""
}

// valueFilter changes one element of a list.
func (p *prober) valueFilter(ctx context.Context) error {
	path := p.listed()
	if !p.path || path == "" {
		return nil
	}
	v := p.next(path)
	how, _, err := p.patch(ctx, []object{p.operation("replace", v.path, v.value)}, has(v))
	switch {
	case err != nil:
		return err
	case how == done:
		p.found(path+" is understood as a path", set("patch.value_filter", true))
		return nil
	}
	p.noop(how, path)
	p.found(path+" is not understood as a path", set("patch.value_filter", false), set("patch.multivalue", profile.MultiReplaceArray))
	return nil
}

// wholeList replaces a list by one that differs in an element.
func (p *prober) wholeList(ctx context.Context) error {
	path := p.listed()
	if !p.path || path == "" {
		return nil
	}
	v := p.next(path)
	whole := decode(encode(p.first().body))
	put(whole, v.path, v.value)
	attr := resource.Split(path).Attr
	how, _, err := p.patch(ctx, []object{p.operation("replace", attr, whole[attr])}, has(v))
	switch {
	case err != nil:
		return err
	case how == done:
		p.found(attr + " can be replaced as a whole")
	default:
		p.noop(how, attr)
		p.found(attr + " cannot be replaced as a whole")
	}
	return nil
}

// several sends two operations.
func (p *prober) several(ctx context.Context) error {
	texts := p.texts()
	if !p.path || len(texts) < 2 {
		return nil
	}
	values := []sample{p.next(texts[0]), p.next(texts[1])}
	how, _, err := p.patch(ctx, p.replaces(values...), hasAll(values))
	if err != nil {
		return err
	}
	p.multi = how == done
	if p.multi {
		p.found("several operations in a request work")
		return nil
	}
	p.noop(how, "two attributes")
	p.found("a request may have one operation only", set("patch.max_ops", 1))
	return nil
}
