package scim

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/targets/scim/profile"
)

// kind is what tells accounts from groups, in requests and in messages.
type kind struct {
	of    record.Kind
	noun  string       // of one of them, for messages
	path  string       // of all of them, below the base URL
	name  string       // the attribute that every one has, and shows
	match []string     // what they are found by unless somebody says so
	by    []profile.By // what the service has filters for
	// without are attributes that a listing or a lookup need not show.
	without []string
}

func accounts(p *profile.Profile) kind {
	return kind{of: record.User, noun: "account", path: p.Paths.Users, name: "userName", by: p.Lookup.User,
		match:   []string{plan.MatchExternalID, plan.MatchUserName, plan.MatchEmail},
		without: p.List.ExcludeAttributes[profile.Users]}
}

func groups(p *profile.Profile) kind {
	return kind{of: record.Group, noun: "group", path: p.Paths.Groups, name: "displayName", by: p.Lookup.Group,
		match:   []string{plan.MatchExternalID, plan.MatchDisplayName},
		without: p.List.ExcludeAttributes[profile.Groups]}
}

// at is where the one with an id stands.
func (k *kind) at(id string) (string, error) {
	if err := k.remoteID(id); err != nil {
		return "", err
	}
	return k.path + "/" + url.PathEscape(id), nil
}

// fact is what was learned, of this kind: what is said of requests and credentials holds
// for all.
func (k *kind) fact(what fact) fact {
	switch what {
	case plainJSON, searchWanted, noBulk, etagWanted:
		return what
	}
	if k.of == record.User {
		return what
	}
	return "groups: " + what
}

// one names one of them.
func (k *kind) one() string {
	if k.of == record.User {
		return "an account"
	}
	return "a " + k.noun
}

// stays says what becomes of one that is not deleted.
func (k *kind) stays() string {
	if k.of == record.User {
		return "the account stays deactivated"
	}
	return "the " + k.noun + " stays"
}

// shows tells whether an answer is the whole of one, and not just its id.
func (k *kind) shows(f *plan.Found) bool { return text(f.Body[k.name]) != "" }

// maxID is how many bytes an id has at most. It is kept, and stands in addresses.
const maxID = 1000

// remoteID refuses what cannot be an id: ids are the server's words, not ours, and one must
// not lead somewhere else, to the collection for example.
func (k *kind) remoteID(id string) error {
	switch {
	case id == "":
		return fmt.Errorf("the %s's id is not known", k.noun)
	case len(id) > maxID:
		return fmt.Errorf("an id of %d bytes cannot be the id of %s", len(id), k.one())
	case id == "." || id == ".." || strings.EqualFold(id, "bulkId"), !utf8.ValidString(id), strings.ContainsFunc(id, unicode.IsControl):
		return fmt.Errorf("%q cannot be the id of %s", id, k.one())
	}
	return nil
}
