package app

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"scimsync/sources/ldap"
	"scimsync/sync/engine"
	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// who gives the selector of people for a run; nil: everybody.
func (s *session) who(job *engine.Job, text ...string) func() (map[record.Key]bool, error) {
	if len(text) == 0 || text[0] == "" {
		return nil
	}
	return func() (map[record.Key]bool, error) {
		only := map[record.Key]bool{}
		for _, who := range text {
			key, err := s.find(job, who)
			if err != nil {
				return nil, err
			}
			only[key] = true
		}
		return only, nil
	}
}

// find gives the one person of a job whom a selector means: key, login, mail,
// externalId, remote id or DN. One that fits several people is refused with the list.
func (s *session) find(job *engine.Job, who string) (record.Key, error) {
	found := map[record.Key]string{}
	for _, src := range job.Sources {
		key := record.Key{Kind: record.User, Source: src.Name, ID: who}
		row, known, err := s.store.Row(key)
		if err != nil {
			return key, err
		}
		if known {
			found[row.Key] = "key"
		}
	}
	if len(found) == 0 {
		if err := s.findAccounts(job, who, found); err != nil {
			return record.Key{}, err
		}
	}
	if len(found) == 0 {
		if err := s.findRows(job, who, found); err != nil {
			return record.Key{}, err
		}
	}
	var keys []record.Key
	for key := range found {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b record.Key) int { return strings.Compare(a.String(), b.String()) })
	switch len(keys) {
	case 0:
		return record.Key{}, fmt.Errorf("nobody in job %s has the key, login, mail, externalId, remote id or DN %q", job.Name, who)
	case 1:
		return keys[0], nil
	}
	var list []string
	for _, key := range keys {
		list = append(list, fmt.Sprintf("%s (by %s)", key, found[key]))
	}
	return record.Key{}, fmt.Errorf("%q fits several people: %s; name one by its key", who, strings.Join(list, ", "))
}

// findAccounts looks at what the targets acknowledged.
func (s *session) findAccounts(job *engine.Job, who string, found map[record.Key]string) error {
	for _, flow := range job.Flows {
		target := flow.Flow.Target
		for by, look := range map[string]func() (record.Key, bool, error){
			"login":     func() (record.Key, bool, error) { return s.store.ByLogin(target, resource.Fold(who)) },
			"remote id": func() (record.Key, bool, error) { return s.store.ByRemote(target, who) },
		} {
			key, known, err := look()
			if err != nil {
				return err
			}
			if known {
				found[key] = by
			}
		}
		err := s.store.EachEntry(flow.Flow, func(e *ledger.Entry) error {
			if by := fits(who, e.Resource); by != "" && e.Standing != ledger.Gone {
				found[e.Key] = by
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// findRows looks at people whom no target knows yet, and at DNs. Who has gone is known
// by a DN that nobody else has now.
func (s *session) findRows(job *engine.Job, who string, found map[record.Key]string) error {
	isDN := ldap.DNMatcher(who)
	gone := map[record.Key]string{}
	for _, src := range job.Sources {
		recognise := func(*ledger.Row) resource.Resource { return resource.Resource{} }
		if program := job.Flows[0].Programs[src.Name]; program != nil { // nil: of a map that is not right
			mapper := program.Mapper()
			recognise = func(row *ledger.Row) resource.Resource { return mapper.Recognise(row.Record(), time.Now()) }
		}
		err := s.store.Changed(src.Name, record.User, 0, func(row *ledger.Row) error {
			switch {
			case isDN != nil && row.DN != "" && isDN(row.DN):
				if row.Absent > 0 {
					gone[row.Key] = "DN"
				} else {
					found[row.Key] = "DN"
				}
			case row.Absent > 0:
			default:
				if by := fits(who, recognise(row)); by != "" {
					found[row.Key] = by
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if len(found) == 0 {
		maps.Copy(found, gone)
	}
	return nil
}

// fits tells by what a selector fits a resource; "": it does not.
func fits(who string, r resource.Resource) string {
	folded := resource.Fold(who)
	switch {
	case folded == "":
		return ""
	case plan.MatchValue(plan.MatchUserName, r) == folded:
		return "login"
	case plan.MatchValue(plan.MatchExternalID, r) == who:
		return "externalId"
	case plan.MatchValue(plan.MatchEmail, r) == folded:
		return "mail"
	}
	return ""
}
