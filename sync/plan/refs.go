package plan

import (
	"maps"
	"slices"

	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// Refs gives the keys of those whose accounts a change refers to.
func (c *Change) Refs() []record.Key {
	var keys []record.Key
	for _, a := range c.Want.Attrs {
		keys = append(keys, resource.Refs(a.Value)...)
	}
	for _, a := range c.Want.Once {
		keys = append(keys, resource.Refs(a.Value)...)
	}
	if c.Action == Link { // what is wanted besides is found when it is sent
		for _, v := range c.After {
			keys = append(keys, resource.Refs(v)...)
		}
	}
	return keys
}

// Identify notes the ids of the accounts that a change refers to, for comparing; "" for those
// that are not there.
func (c *Change) Identify(id func(record.Key) string) {
	known := func(r resource.Ref) any { return resource.Ref{Key: r.Key, ID: id(r.Key)} }
	c.Want = replaced(c.Want, known)
}

// Plain gives a change as it is sent: with the ids of accounts in the place of references to
// them. A reference whose account is not there is left out. Its digest stays.
func (c *Change) Plain(id func(record.Key) string) *Change {
	if len(c.Refs()) == 0 {
		return c
	}
	sent := *c
	sent.Digest()
	sent.Leave(func(key record.Key) bool { return id(key) == "" })
	plain := func(r resource.Ref) any {
		if id := id(r.Key); id != "" {
			return id
		}
		return nil
	}
	sent.Want = replaced(sent.Want, plain)
	sent.Before, sent.After = replacedValues(sent.Before, plain), replacedValues(sent.After, plain)
	sent.Doubt.Maybe = replacedValues(sent.Doubt.Maybe, plain)
	sent.Ops = slices.Clone(sent.Ops)
	for i := range sent.Ops {
		sent.Ops[i].Value = resource.Replace(sent.Ops[i].Value, plain)
	}
	return &sent
}

func replaced(w resource.Wanted, with func(resource.Ref) any) resource.Wanted {
	values := make(map[string]any, len(w.Attrs))
	for _, a := range w.Attrs {
		values[a.Path] = resource.Replace(a.Value, with)
	}
	w.Resource = resource.New(values)
	w.Once = slices.Clone(w.Once)
	for i := range w.Once {
		w.Once[i].Value = resource.Replace(w.Once[i].Value, with)
	}
	w.Once = slices.DeleteFunc(w.Once, func(o resource.Once) bool { return o.Value == nil })
	return w
}

func replacedValues(values map[string]any, with func(resource.Ref) any) map[string]any {
	values = maps.Clone(values)
	for path, v := range values {
		values[path] = resource.Replace(v, with)
	}
	return values
}

// Leave takes references out of a change, as if nobody had asked for them: what stands there
// stays. It gives those that it took out.
func (c *Change) Leave(out func(record.Key) bool) map[string]resource.Ref {
	left := map[string]resource.Ref{}
	leaves := func(path string, v any) bool {
		ref, is := v.(resource.Ref)
		if is = is && out(ref.Key); is {
			left[path] = ref
		}
		return is
	}
	c.Want.Attrs = slices.DeleteFunc(slices.Clone(c.Want.Attrs), func(a resource.Attr) bool { return leaves(a.Path, a.Value) })
	c.Want.Once = slices.DeleteFunc(slices.Clone(c.Want.Once), func(o resource.Once) bool { return leaves(o.Path, o.Value) })
	c.After = maps.Clone(c.After)
	c.Before = maps.Clone(c.Before)
	for path, v := range c.After {
		if leaves(path, v) {
			delete(c.After, path)
			delete(c.Before, path)
		}
	}
	if len(left) == 0 {
		return nil
	}
	c.Want.Managed = slices.DeleteFunc(slices.Clone(c.Want.Managed), func(path string) bool { _, is := left[path]; return is })
	var ops []resource.Op
	var parts []int
	for _, request := range c.Requests() {
		request = slices.DeleteFunc(slices.Clone(request), func(op resource.Op) bool { return slices.ContainsFunc(resource.Refs(op.Value), out) })
		if len(request) > 0 {
			ops, parts = append(ops, request...), append(parts, len(request))
		}
	}
	if c.Ops = ops; len(parts) < 2 {
		parts = nil
	}
	c.Parts = parts
	return left
}

// Unlinked is Leave for a change that is still planned: its digest is that of what is left.
func (c *Change) Unlinked(out func(record.Key) bool) map[string]resource.Ref {
	left := c.Leave(out)
	if len(left) > 0 {
		c.digest = ""
	}
	return left
}
