package diff

import (
	"fmt"

	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// Adoption says what happens to accounts that were there before.
type Adoption struct {
	Never  bool // existing: never
	Free   bool // existing: yes, that is without the guard's limit
	Values Values
}

// Values says which values an adopted account gets.
type Values uint8

// The choices of adopt.values.
const (
	FillValues Values = iota
	OverwriteValues
	KeepValues
)

// create is the change that makes the account of a person who has none.
func create(in *Input, want resource.Wanted) *plan.Change {
	c := in.change(plan.Create)
	c.Want = want
	c.After = map[string]any{}
	if in.Key.Kind == record.User {
		c.After["active"] = !in.Early
	}
	for _, a := range want.Attrs {
		c.After[a.Path] = a.Value
	}
	for _, a := range want.Once {
		c.After[a.Path] = a.Value
	}
	return c.Change
}

// Adopt is the change that takes an existing account over instead of creating another,
// or the reason why it must not be. An account that a create of theirs made (Change.Made) is
// theirs, and so is one without an anchor that was theirs before: an id is never given to
// another account (RFC 7643 section 3.1). What was theirs before is brought up to date, not only
// filled. Any other account must be active and without an anchor, because a login that was
// used before does not make its account the newcomer's.
func Adopt(create *plan.Change, found *plan.Found, how Adoption, shape resource.Shape) (*plan.Change, error) {
	want := create.Want
	anchor := want.Text("externalId")
	was := create.RemoteID != "" && found.ID == create.RemoteID && (found.ExternalID == "" || found.ExternalID == anchor)
	var sent []resource.Resource
	if create.Doubt.Created {
		sent = append(sent, create.Doubt.Values())
	}
	mine := was || create.Made(found, shape, sent...)
	switch {
	case mine:
	case found.ExternalID != "":
		return nil, fmt.Errorf("%s %s has %s and belongs to externalId %q; the one here is %q",
			noun(create), found.ID, byText(found), found.ExternalID, anchor)
	case how.Never:
		return nil, fmt.Errorf("%s %s has %s, and adopt.existing is never", noun(create), found.ID, byText(found))
	case found.Active == record.False:
		return nil, fmt.Errorf("account %s has %s but is inactive and carries no externalId: it may be somebody else's from before; "+
			"give it the externalId %q at the service to have it adopted", found.ID, byText(found), anchor)
	}
	c := builder{create.As(plan.Adopt)}
	c.RemoteID, c.Version = found.ID, found.Version
	c.Mine = mine || how.Free
	if was && how.Values == FillValues {
		how.Values = OverwriteValues
	}
	c.Doubt.Created = c.Doubt.Created && mine
	edit, err := c.taking(found, how.Values, shape)
	if err != nil {
		return nil, err
	}
	inactive := found.Active == record.False
	switch {
	case create.Early() && inactive: // it stays as it is
		if edit.Before == nil {
			edit.Before, edit.After = map[string]any{}, map[string]any{}
		}
		edit.Before["active"], edit.After["active"] = false, false
	case create.Early(): // it is not to be active yet: once it is ours, that is a change
		c.NextRun = true
	case inactive:
		edit = switched(edit, true)
	}
	c.edit(edit, shape)
	c.keeps(found, shape)
	return c.Change, nil
}

// taking gives what an account that is taken over gets.
func (b builder) taking(found *plan.Found, values Values, shape resource.Shape) (resource.Edit, error) {
	if b.Doubt.Created { // it is ours already
		values = OverwriteValues
	}
	if values == KeepValues {
		return resource.Edit{}, nil
	}
	have := resource.Flatten(found.Body, b.Want, shape)
	if values == FillValues {
		shape.Own = nil // what is there stays, in a list of ours too
	}
	if path, most := shape.Crowded(have, b.Want); path != "" {
		return resource.Edit{}, fmt.Errorf("account %s has other %s than this person's, and the service takes %d of them; remove them there, or map what is there",
			found.ID, path, most)
	}
	if values == FillValues {
		return resource.Fill(have, b.Want, b.Doubt.Maybe, shape), nil
	}
	return resource.Overwrite(have, b.Want, b.Doubt.Maybe, shape), nil
}

// keeps notes the values that the account has and keeps: with leave, they are not what is
// wanted.
func (b builder) keeps(found *plan.Found, shape resource.Shape) {
	b.Echo = resource.Drift(found.Body, b.Want.Resource, shape)
	for path := range b.After {
		delete(b.Echo, path)
	}
}

// Left is the change for an account that a create in doubt did make, while its
// person has left since.
func Left(create *plan.Change, found *plan.Found) *plan.Change {
	c := builder{create.As(plan.Deactivate)}
	c.RemoteID, c.Version = found.ID, found.Version
	c.Doubt.Maybe = nil // it is what is wanted here
	edit := switched(resource.Edit{}, false)
	c.Ops, c.Before, c.After = edit.Ops, edit.Before, edit.After
	return c.Change
}

func noun(c *plan.Change) string {
	if c.Key.Kind == record.Group {
		return "group"
	}
	return "account"
}

func byText(found *plan.Found) string {
	if found.By == plan.MatchDisplayName {
		return "this group's displayName"
	}
	if found.By == "userName" {
		return fmt.Sprintf("the login %q", found.UserName)
	}
	return "this person's " + found.By
}
