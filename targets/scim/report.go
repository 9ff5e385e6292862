package scim

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"scimsync/targets/scim/profile"
)

// Describe asks the service what it can do, however lately that was done, and says in
// sentences what it answers and where the profile has it otherwise.
func (t *Target) Describe(ctx context.Context) ([]string, error) {
	if t.profile.Discovery.Mode == profile.DiscoveryOff {
		return []string{"is not asked what it can do: discovery.mode is off"}, nil
	}
	d, sick, err := t.describe(ctx)
	if sick || t.profile.Discovery.Required && d.Config == nil {
		return nil, fmt.Errorf("ask target %s what it can do: %w", t.name, err)
	}
	t.memory.describe(d, t.now())
	return append(d.sentences(), t.overrides(d)...), nil
}

// sentences are what a description says.
func (d *description) sentences() []string {
	var all []string
	if c := d.Config; c != nil {
		line := "says of itself: " + strings.Join([]string{"PATCH " + yes(c.Patch), "filters " + yes(c.Filter) + most(c.Results, "results"),
			"bulk " + yes(c.Bulk) + most(c.BulkOps, "operations") + most(c.BulkSize, "bytes"), "ETags " + yes(c.ETag)}, ", ")
		if c.Cursor != nil || c.Index != nil {
			line += fmt.Sprintf(", paging by index %s, by cursor %s", yes(c.Index), yes(c.Cursor))
		}
		if len(c.Schemes) > 0 {
			line += ", credentials " + strings.Join(c.Schemes, ", ")
		}
		all = append(all, line)
	}
	if d.Attributes != nil {
		all = append(all, fmt.Sprintf("describes %d schemas", len(d.Attributes)))
	}
	for path, why := range d.Silent {
		all = append(all, fmt.Sprintf("nothing can be read at %s: %s", path, why))
	}
	slices.Sort(all[len(all)-len(d.Silent):])
	return all
}

func yes(b *bool) string {
	switch {
	case b == nil:
		return "not said"
	case *b:
		return "yes"
	}
	return "no"
}

func most(n int, of string) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" (at most %d %s)", n, of)
}

// overrides says where a description and the profile differ, and what is done.
func (t *Target) overrides(d *description) []string {
	var all []string
	note := func(differs bool, format string, args ...any) {
		if differs {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	p := t.profile
	if u := d.Users; u != nil {
		note(u.Endpoint != "" && strings.TrimRight(u.Endpoint, "/") != p.Paths.Users,
			"says that users are at %s; paths.users is %s, and that is used", u.Endpoint, p.Paths.Users)
	}
	c := d.Config
	if c == nil {
		return all
	}
	no := func(b *bool) bool { return b != nil && !*b }
	note(no(c.Patch) && p.Update.Method == profile.UpdatePatch, "says that it has no PATCH; update.method is patch, and that is used")
	note(no(c.Patch) && p.Update.Method == profile.UpdatePatchThenPut, "says that it has no PATCH, so accounts are changed by PUT")
	note(c.Patch != nil && *c.Patch && p.Update.Method == profile.UpdatePut, "says that it has PATCH; update.method is put, and that is used")
	note(no(c.Filter), "says that it has no filters; lookup.user is %s, and that is used", words(p.Lookup.User))
	note(no(c.ETag) && p.ETag == profile.ETagIfMatch, "says that it has no ETags; etag is if_match, and that is used")
	note(c.Interop != nil && *c.Interop && p.Name == profile.Default, "says that it keeps to the interoperability profile: profile: interop is made for that")
	return all
}

func words[T ~string](list []T) string {
	texts := make([]string, len(list))
	for i, w := range list {
		texts[i] = string(w)
	}
	return strings.Join(texts, ", ")
}
