package scim

import (
	"slices"

	"scimsync/sync/plan"
	"scimsync/sync/resource"
	"scimsync/targets/scim/profile"
)

// Groups are the groups of a service, and who is in them. It does for them what Target does
// for accounts, over the same connection, memory and gate: it finds and lists them, makes,
// changes and deletes them. It is safe for concurrent use, but for two changes of one group at a
// time.
type Groups struct {
	*Target

	uncertain uncertain
}

func newGroups(s *service, match []string) *Groups {
	return &Groups{Target: s.target(groups(s.profile), groupShape(s.profile), match)}
}

// Groups gives the groups of the service; nil: it has none. NoGroups says why.
func (t *Target) Groups() *Groups {
	if t.NoGroups() != "" {
		return nil
	}
	return t.groups
}

// NoGroups says why there are no groups: because of the profile, or because the service twice
// in a row did not name them among its resource types (RFC 7644 section 4), and the profile
// was not told that it has some. Empty: there are.
func (t *Target) NoGroups() string {
	if t.groups == nil {
		return "the profile " + t.profile.Name + " says that the service has no groups (resources)"
	}
	d := t.memory.described()
	if t.profile.Discovery.Mode == profile.DiscoveryOff || d == nil || d.Agreed == nil || !d.Agreed.Ungrouped || t.profile.Says("resources") {
		return ""
	}
	return "the service does not name groups among its resource types (" + t.profile.Paths.ResourceTypes + "); if it has some, set options: {resources: [users, groups]}"
}

// groupShape gives what a group can hold, and in which forms it is changed. What a profile
// says of attributes is about accounts, but for externalId, which they have in common.
func groupShape(p *profile.Profile) resource.Shape {
	shape := resource.Group7643()
	a := &p.Attrs
	for i := range shape.Attrs {
		d := &shape.Attrs[i]
		if d.Name == plan.MatchExternalID {
			switch {
			case slices.Contains(a.Deny, d.Name), len(a.Allow) > 0 && !slices.Contains(a.Allow, d.Name):
				d.Refused = notTaken
			case slices.Contains(a.ReadOnly, d.Name):
				d.Refused = "the service makes it up by itself"
			}
			d.CreateOnly = slices.Contains(a.WriteOnce, d.Name)
			d.MaxLen = a.MaxLen[d.Name]
		}
	}
	s := shaper{shape: shape, profile: p}
	s.forms()
	s.shape.ActiveOnly, s.shape.Patch.Isolate = false, nil
	return s.shape
}
