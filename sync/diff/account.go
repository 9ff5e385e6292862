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
	c.After = map[string]any{"active": !in.Early}
	for _, a := range want.Attrs {
		c.After[a.Path] = a.Value
	}
	for _, a := range want.Once {
		c.After[a.Path] = a.Value
	}
	return c.Change
}

// Adopt is the change that takes an existing account over instead of creating another,
// or the reason why it must not be. An account that carries the person's anchor, or that
// an intent of ours made, is theirs; any other must be active and without an anchor,
// because a login that was used before does not make its account the newcomer's.
func Adopt(create *plan.Change, found *plan.Found, how Adoption, shape resource.Shape) (*plan.Change, error) {
	want := create.Want
	anchor := want.Text("externalId")
	mine := anchor != "" && found.ExternalID == anchor
	switch {
	case mine:
	case found.ExternalID != "":
		return nil, fmt.Errorf("account %s has %s and belongs to externalId %q; this person's is %q",
			found.ID, byText(found), found.ExternalID, anchor)
	case how.Never:
		return nil, fmt.Errorf("account %s has %s, and adopt.existing is never", found.ID, byText(found))
	case found.Active == record.False:
		return nil, fmt.Errorf("account %s has %s but is inactive and carries no externalId: it may be somebody else's from before; "+
			"give it the externalId %q at the service to have it adopted", found.ID, byText(found), anchor)
	}
	c := builder{create.As(plan.Adopt)}
	c.RemoteID = found.ID
	c.Mine = mine || how.Free
	c.Doubt.Created = c.Doubt.Created && mine
	have := resource.Flatten(found.Body, want, shape)
	switch {
	case c.Doubt.Created || how.Values == OverwriteValues:
		c.edit(resource.Overwrite(have, want, c.Doubt.Maybe, shape))
	case how.Values == FillValues:
		c.edit(resource.Fill(have, want, c.Doubt.Maybe, shape))
	}
	inactive := found.Active == record.False
	switch {
	case create.Early() && inactive: // it stays as it is
		if c.Before == nil {
			c.Before, c.After = map[string]any{}, map[string]any{}
		}
		c.Before["active"], c.After["active"] = false, false
	case create.Early(): // it is not to be active yet: once it is ours, that is a change
		c.NextRun = true
	case inactive:
		c.setActive(true)
	}
	return c.Change, nil
}

// Left is the change for an account that a create in doubt did make, while its
// person has left since.
func Left(create *plan.Change, found *plan.Found) *plan.Change {
	c := builder{create.As(plan.Deactivate)}
	c.RemoteID = found.ID
	c.Doubt.Maybe = nil // it is what is wanted here
	c.setActive(false)
	return c.Change
}

func byText(found *plan.Found) string {
	if found.By == "userName" {
		return fmt.Sprintf("the login %q", found.UserName)
	}
	return "this person's " + found.By
}
