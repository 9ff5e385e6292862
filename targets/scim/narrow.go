package scim

import (
	"slices"
	"strings"

	"scimsync/sync/resource"
	"scimsync/targets/scim/profile"
)

// narrowed gives what accounts can hold, less what the service twice in a row said that
// it does not have or lets nobody write (its /Schemas, RFC 7643 section 7). That is left
// out of mappings, so nothing is taken away at the service for it. What identifies an
// account, or switches it off, stays whatever is said; and what the profile speaks of
// stays unless it says that the service is to be trusted.
func (t *Target) narrowed(shape resource.Shape) resource.Shape {
	d := t.memory.described()
	if t.profile.Discovery.Mode == profile.DiscoveryOff || d == nil || d.Agreed == nil || d.Agreed.Attributes == nil {
		return shape
	}
	attrs := slices.Clone(shape.Attrs)
	for i := range attrs {
		def := &attrs[i]
		if essential(def) || t.profile.Discovery.Mode != profile.DiscoveryTrust && t.states(def) {
			continue
		}
		urn := def.URN
		if urn == "" {
			urn = shape.Core
		}
		schema, described := d.Agreed.Attributes[strings.ToLower(urn)]
		if !described {
			refuse(def, "the service does not describe "+urn)
			continue
		}
		narrow(def, find(schema, def.Name))
	}
	shape.Attrs = attrs
	return shape
}

// conforming gives the profile for a service that twice in a row said that it keeps to
// the interoperability profile: of that, for a service without a profile of its own, what
// only narrows. Lists are not replaced as a whole for it, for that takes away what others
// put there: who wants that names the profile interop.
func (m *Memory) conforming(p *profile.Profile) *profile.Profile {
	d := m.described()
	if p.Name != profile.Default || p.Discovery.Mode == profile.DiscoveryOff || d == nil || d.Agreed == nil || d.Agreed.Config == nil ||
		d.Agreed.Config.Interop == nil || !*d.Agreed.Config.Interop {
		return p
	}
	interop, err := profile.Load("interop", nil)
	if err != nil {
		return p
	}
	q := *p
	q.Accept = interop.Accept
	if len(q.Attrs.Types) == 0 {
		q.Attrs.Types = interop.Attrs.Types
	}
	return &q
}

// narrow takes over what is said of one attribute, and of its parts.
func narrow(def *resource.Definition, said *attribute) {
	switch {
	case said == nil:
		refuse(def, "the service's schemas do not have it")
		return
	case said.readOnly():
		refuse(def, "the service lets nobody write it")
		return
	case said.immutable():
		def.CreateOnly = true
	}
	if len(said.Subs) == 0 {
		return
	}
	def.Subs = slices.Clone(def.Subs)
	for i := range def.Subs {
		narrow(&def.Subs[i], find(said.Subs, def.Subs[i].Name))
	}
}

func refuse(def *resource.Definition, why string) {
	if def.Refused == "" && !def.ReadOnly {
		def.Refused = why
	}
}

// essential tells what no description can take away.
func essential(def *resource.Definition) bool {
	return def.URN == "" && slices.Contains([]string{"id", "externalId", "meta", "userName", "active"}, def.Name)
}

// states tells whether the profile speaks of an attribute as one that the service has.
func (t *Target) states(def *resource.Definition) bool {
	a := &t.profile.Attrs
	paths := slices.Concat(a.Allow, a.Required, a.AlwaysSend, a.RequirePrimary, a.WriteOnce, slices.Concat(a.Coupled...))
	for path := range a.Types {
		paths = append(paths, path)
	}
	return slices.ContainsFunc(paths, func(path string) bool { return strings.EqualFold(resource.Split(path).Attribute(), def.Path()) })
}
