package plan

import (
	"errors"

	"scimsync/sync/resource"
)

// ErrNoLookup is the error of a lookup for which the target could be asked nothing: it
// says nothing of whether the account is there.
var ErrNoLookup = errors.New("accounts cannot be looked up")

// The attributes by which accounts and groups are found (`match` in the config).
const (
	MatchExternalID  = "externalId"
	MatchUserName    = "userName"
	MatchEmail       = "email"
	MatchDisplayName = "displayName" // of groups
)

// MatchValue is the value by which a wanted person is found, folded as the attribute
// is compared; empty: there is none. Of several mail addresses it is the one of type
// work, else the primary one, else the first.
func MatchValue(by string, want resource.Resource) string {
	switch by {
	case MatchExternalID:
		return want.Text("externalId")
	case MatchUserName:
		return resource.Fold(want.Text("userName"))
	case MatchDisplayName:
		return resource.Fold(want.Text("displayName"))
	}
	return resource.Fold(Address(want))
}

// MatchValues gives the values of the same attribute that an account has.
func (f *Found) MatchValues(by string) []string {
	switch by {
	case MatchExternalID:
		return notEmpty(f.ExternalID)
	case MatchUserName:
		return notEmpty(resource.Fold(f.UserName))
	case MatchDisplayName:
		name, _ := f.Body["displayName"].(string)
		return notEmpty(resource.Fold(name))
	}
	var values []string
	list, _ := f.Body["emails"].([]any)
	for _, item := range list {
		text, _ := item.(string)
		if element, ok := item.(map[string]any); ok {
			text, _ = element["value"].(string)
		}
		values = append(values, notEmpty(resource.Fold(text))...)
	}
	return values
}

func notEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// Address is the mail address by which a wanted person is found, as it is written.
func Address(want resource.Resource) string {
	var ranked [3]string // work, primary, first
	note := func(value any, work, primary bool) {
		text, _ := value.(string)
		for rank, fits := range []bool{work, primary, true} {
			if fits && ranked[rank] == "" {
				ranked[rank] = text
			}
		}
	}
	for _, attr := range want.Attrs {
		path := resource.Split(attr.Path)
		if path.URN != "" || path.Attr != "emails" {
			continue
		}
		if list, ok := attr.Value.([]resource.Element); ok {
			for _, element := range list {
				note(element["value"], element["type"] == "work", element["primary"] == true)
			}
			continue
		}
		if path.Sub == "value" {
			note(attr.Value, typed(path, "work"), want.Get(path.Head()+".primary") == true)
		}
	}
	for _, text := range ranked {
		if text != "" {
			return text
		}
	}
	return ""
}

func typed(path resource.Path, kind string) bool {
	for _, eq := range path.Filter {
		if eq.Attr == "type" && eq.Value == kind {
			return true
		}
	}
	return false
}
