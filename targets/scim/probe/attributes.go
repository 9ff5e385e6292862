package probe

import (
	"context"
	"slices"

	"scimsync/sync/resource"
	"scimsync/targets/scim/profile"
)

// Which attributes may be changed, together and alone, and how they are taken away.

// attributes changes all texts at once and tells which did not take it; after a plain create it adds one attribute after another.
func (p *prober) attributes(ctx context.Context) error {
	if p.plain {
		return p.oneByOne(ctx)
	}
	if !p.multi && !p.nothing || len(p.texts()) == 0 {
		return nil
	}
	var values []sample
	for _, path := range p.texts() {
		values = append(values, p.next(path))
	}
	how, a, err := p.patch(ctx, p.replaces(values...), hasAll(values))
	if err != nil {
		return err
	}
	if how == refused {
		p.found("changes of all texts together are refused: " + a.Err.Error())
		return nil
	}
	var fixed []string
	for _, v := range values {
		if !has(v)(p.first().body) {
			fixed = append(fixed, v.path)
		}
	}
	if len(fixed) > 0 {
		p.found("these are taken in a create, and changes of them are dropped: "+join(fixed), set("attrs.write_once", slices.Concat(p.Profile.Attrs.WriteOnce, fixed)), set("patch.silent_noop", true))
	}
	return nil
}

// oneByOne adds what a create with everything did not take, to find out which of it is refused.
func (p *prober) oneByOne(ctx context.Context) error {
	if p.nothing && !p.path {
		p.dared("which attributes are refused", "no form of PATCH works to find out")
		return nil
	}
	var denied []string
	for rest := p.tried; len(rest) > 0; {
		first := resource.Split(rest[0].path)
		n := 1 // those of one element go together
		for n < len(rest) && len(first.Filter) > 0 && resource.Split(rest[n].path).Head() == first.Head() {
			n++
		}
		values := rest[:n]
		rest = rest[n:]
		op := p.operation("add", values[0].path, values[0].value)
		if len(first.Filter) > 0 {
			whole := object{}
			for _, v := range values {
				put(whole, v.path, v.value)
			}
			op = p.operation("add", first.Attr, whole[first.Attr])
		}
		if _, _, err := p.patch(ctx, []object{op}, hasAll(values)); err != nil {
			return err
		}
		for _, v := range values {
			if at(p.first().body, v.path) != "" {
				p.held = append(p.held, v.path)
			} else {
				denied = append(denied, v.path)
			}
		}
	}
	if len(denied) > 0 {
		p.found("these are refused or dropped: "+join(denied), p.deny(denied))
	}
	return nil
}

// isolate sends active and userName, unchanged, together with something else.
func (p *prober) isolate(ctx context.Context) error {
	if !p.multi {
		return nil
	}
	var alone []string
	for _, path := range []string{"active", "userName"} {
		v := p.next(p.texts()[0])
		value := any(true)
		if path == "userName" {
			value = at(p.first().body, path)
		}
		how, _, err := p.patch(ctx, []object{p.operation("replace", path, value), p.operation("replace", v.path, v.value)}, has(v))
		if err != nil {
			return err
		}
		if how != done {
			alone = append(alone, path)
		}
	}
	if len(alone) > 0 {
		p.found("these have to be alone in their request: "+join(alone), set("patch.isolate", alone))
	}
	return nil
}

// clear takes a value away, first as the standard has it.
func (p *prober) clear(ctx context.Context) error {
	texts := p.texts()
	if !p.path || len(texts) == 0 || texts[0] == "name.familyName" {
		return nil
	}
	path := texts[0]
	empty := func(o object) bool { return at(o, path) == "" }
	removal := p.operation("remove", path, nil)
	delete(removal, "value")
	for _, form := range []struct {
		style profile.ClearStyle
		op    object
	}{
		{profile.ClearRemove, removal},
		{profile.ClearReplaceEmpty, p.operation("replace", path, "")},
		{profile.ClearReplaceNull, p.operation("replace", path, nil)},
	} {
		how, _, err := p.patch(ctx, []object{form.op}, empty)
		if err != nil {
			return err
		}
		if how == done {
			p.found("a value is taken away by "+string(form.style), set("attrs.clear_style", form.style))
			return nil
		}
	}
	p.found(path+" cannot be taken away", set("attrs.clear_style", profile.ClearUnsupported))
	return nil
}
