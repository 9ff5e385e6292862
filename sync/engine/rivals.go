package engine

import (
	"fmt"

	"scimsync/sync/ledger"
	"scimsync/sync/plan"
	"scimsync/sync/record"
)

// findRivals notes what those want who have no account and whose next try is not due.
// Nobody looks for an account of theirs in this run, but it is not free for others: two
// people whom one account fits stay in conflict also when only one of them changes.
func (m *matching) findRivals() error {
	for key, look := range m.looks {
		if key.Kind != record.User || look.Parked == nil || m.sought[key] || m.mappers[key.Source] == nil {
			continue
		}
		entries, err := m.store.Entries(m.flow.Target, []record.Key{key})
		if err != nil {
			return err
		}
		if entry := entries[0]; entry != nil && entry.Standing != ledger.Gone && !entry.Vanished() {
			continue
		}
		row, known, err := m.store.Row(key)
		if err != nil {
			return err
		}
		if !known || row.Absent > 0 {
			continue
		}
		result, err := m.mapped(&row)
		if err != nil {
			return err
		}
		if result.Err != nil || result.In != record.True || result.Active != record.True {
			continue
		}
		m.want(&plan.Change{Key: key, Want: result.Want})
		for _, by := range m.by {
			if value := plan.MatchValue(by, result.Want.Resource); value != "" {
				m.rivals[hashText(by+"\x00"+value)] = true
			}
		}
	}
	return nil
}

// rivalled tells whether an account fits somebody who waits as well; one that carries the
// person's anchor is nobody else's.
func (m *matching) rivalled(c *plan.Change, hit *plan.Found) bool {
	if anchor := c.Want.Text("externalId"); anchor != "" && hit.ExternalID == anchor {
		return false
	}
	for _, by := range m.by {
		for _, value := range hit.MatchValues(by) {
			if m.rivals[hashText(by+"\x00"+value)] {
				return true
			}
		}
	}
	return false
}

// unique are the match attributes that lead to one account only, whatever else it has.
func (m *matching) unique() []string {
	if m.flow.MailTakesOver {
		return []string{plan.MatchUserName, plan.MatchExternalID, plan.MatchEmail}
	}
	return []string{plan.MatchUserName, plan.MatchExternalID}
}

// want counts what a new person wants.
func (m *matching) want(c *plan.Change) {
	for _, by := range m.unique() {
		m.wanted[wantHash(by, c)]++
	}
}

// contested tells why a new person cannot have what they want: another one wants it, too.
// Nothing at all is everybody's right.
func (m *matching) contested(c *plan.Change) error {
	for _, by := range m.unique() {
		if value := plan.MatchValue(by, c.Want.Resource); value != "" && m.wanted[wantHash(by, c)] > 1 {
			return fmt.Errorf("the %s %q is wanted by several new people", by, value)
		}
	}
	return nil
}

func wantHash(by string, c *plan.Change) uint64 {
	return hashText(by + "\x00" + plan.MatchValue(by, c.Want.Resource))
}
