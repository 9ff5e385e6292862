package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"scimsync/sync/diff"
	"scimsync/sync/ledger"
	"scimsync/sync/pack"
	"scimsync/sync/plan"
	"scimsync/sync/record"
)

// match finds the accounts of the people who have none that is known, and turns each
// of them into a create, an adoption or a conflict. It lists all accounts when that
// takes fewer requests than looking everybody up.
func (w *work) match(ctx context.Context) error {
	if w.find.len()+w.findLeft.len() == 0 {
		return nil
	}
	m := w.matching()
	m.client, m.by, m.find, m.findLeft, m.owner = w.flow.Client, w.flow.Match, w.find, w.findLeft, w.store.ByRemote
	defer m.adopts.close()
	finder, err := m.finder(ctx)
	if err != nil {
		return err
	}
	defer finder.close()
	if err := w.find.each(func(_ int, c *plan.Change) error {
		m.want(c)
		return nil
	}); err != nil {
		return err
	}
	if err := m.findRivals(); err != nil {
		return err
	}
	if err := finder.each(ctx, w.find, m.decide); err != nil {
		return err
	}
	if err := finder.each(ctx, w.findLeft, m.decideLeft); err != nil {
		return err
	}
	w.unclaimed = finder.unclaimed()
	m.unasked("people", "an account")
	return m.settle()
}

// unasked notes by what nobody could be looked up.
func (m *matching) unasked(whom, what string) {
	if names := m.client.Unasked(); len(names) > 0 {
		m.notes = append(m.notes, fmt.Sprintf("%s refused to look %s up by %s, so %s that could only be found by that was not found",
			m.flow.Target, whom, strings.Join(names, " and "), what))
	}
}

// settle adds the adoptions to the plan, but for those of what fits several.
func (m *matching) settle() error {
	return m.adopts.each(func(_ int, a *adoption) error {
		if m.claims[a.adopt.RemoteID] > 1 {
			m.park(a.adopt.Key, a.adopt.Name, ledger.Parked{Kind: ledger.ParkedConflict, Error: severalFit(a.adopt.RemoteID).Error(), Digest: a.create})
			return nil
		}
		m.arrives(a.adopt.Key, false)
		return m.book.add(a.adopt)
	})
}

// finder gives for each person the accounts that may be theirs.
type finder interface {
	each(ctx context.Context, people *changes, fn func(*plan.Change, []plan.Found) error) error
	unclaimed() int
	close()
}

// matching is one round of finding accounts, or groups.
type matching struct {
	*work
	client Target
	by     []string // the match attributes, in their order
	// find and findLeft are whose accounts are looked for, owner tells whose one is.
	find, findLeft *changes
	owner          func(target, id string) (record.Key, bool, error)

	adopts *spool[adoption, *adoption]
	claims map[string]int  // by remote id: how many people it fits
	wanted map[uint64]int  // by hash of match attribute and value: how many new people want it
	rivals map[uint64]bool // by hash of match attribute and value: see findRivals
	// unlisted tells that the listing could not be proved complete.
	unlisted bool
}

func (w *work) matching() *matching {
	return &matching{work: w, adopts: &spool[adoption, *adoption]{dir: w.engine.Dir}, claims: map[string]int{}, wanted: map[uint64]int{},
		rivals: map[uint64]bool{}}
}

func severalFit(id string) error { return fmt.Errorf("account %s fits several people", id) }

// lookupsAtOnce is how many lookups are not worth the request that counts the accounts.
const lookupsAtOnce = 4

// finder chooses the cheaper way: a complete listing, or a few requests for each person.
// Where the target cannot be asked for one person there is no choice.
func (m *matching) finder(ctx context.Context) (finder, error) {
	lookups := (m.find.len() + m.findLeft.len()) * m.client.Lookups()
	blind := lookups == 0
	if !blind {
		if lookups <= lookupsAtOnce {
			return &lookup{matching: m}, nil
		}
		_, requests, err := m.client.Count(ctx)
		if err != nil {
			return nil, fmt.Errorf("count the accounts at %s: %w", m.flow.Target, err)
		}
		if requests >= lookups {
			return &lookup{matching: m}, nil
		}
	}
	l, err := m.list(ctx)
	if err != nil {
		return nil, err
	}
	if l.complete {
		return l, nil
	}
	l.close()
	m.unlisted = true
	if !blind {
		m.notes = append(m.notes, "the listing of all accounts could not be proved complete, so everybody was looked up one by one")
	}
	return &lookup{matching: m, blind: blind}, nil
}

// decide turns a person and the accounts that fit into what follows.
func (m *matching) decide(c *plan.Change, found []plan.Found) error {
	if !m.findable(c) {
		return m.conflictFor(c, fmt.Errorf("has no value for %s, by which accounts are matched", strings.Join(m.by, " or ")))
	}
	hits, why, err := m.theirs(c, found)
	if err != nil {
		return err
	}
	if why != nil {
		return m.conflictFor(c, why)
	}
	if len(hits) > 1 {
		return m.conflictFor(c, fmt.Errorf("%d accounts have this person's %s; leave one of them", len(hits), hits[0].By))
	}
	if len(hits) == 1 {
		return m.takeOver(c, &hits[0])
	}
	if why := m.contested(c); why != nil {
		return m.conflictFor(c, why)
	}
	why, err = m.loginFree(c, m.vacant(found))
	if err != nil {
		return err
	}
	if why != nil {
		return m.conflictFor(c, why)
	}
	return m.comer(c)
}

// takeOver adopts the one account that can be meant.
func (m *matching) takeOver(c *plan.Change, hit *plan.Found) error {
	if m.rivalled(c, hit) {
		return m.conflictFor(c, severalFit(hit.ID))
	}
	if c.Early() && hit.ExternalID != c.Want.Text("externalId") {
		// Before the day, an account that is not known to be this person's stays as it
		// is: somebody may be working with it.
		m.looksToStore = append(m.looksToStore, ledger.Look{Key: c.Key, Due: c.Due})
		return nil
	}
	linked, err := m.adopting(c)
	if err != nil {
		return err
	}
	adopt, why := diff.Adopt(linked, hit, m.flow.Adopt, m.shape)
	if why != nil {
		return m.conflictFor(c, why)
	}
	m.claims[adopt.RemoteID]++
	if m.waits(adopt) {
		return nil
	}
	return m.adopts.add(&adoption{adopt, c.Digest()})
}

// adoption is an adopt, with the digest of the create in whose place it comes: under
// that one a conflict waits, since a later run compares it before it looks for accounts.
type adoption struct {
	adopt  *plan.Change
	create string
}

// Encode and Decode serve the spool.
func (a *adoption) Encode() ([]byte, error) {
	adopt, err := a.adopt.Encode()
	return pack.Texts(nil, []string{a.create, string(adopt)}), err
}

// Decode reads what Encode wrote.
func (a *adoption) Decode(b []byte) error {
	r := pack.Read(b)
	texts := r.Texts()
	if !r.Whole() || len(texts) != 2 {
		return errors.New("a spooled adoption is damaged")
	}
	a.create, a.adopt = texts[0], new(plan.Change)
	return a.adopt.Decode([]byte(texts[1]))
}

// vacant tells of a lookup that left nobody who can be meant whether it shows that
// nobody has the person's login: it asked for it.
func (m *matching) vacant(found []plan.Found) bool {
	for _, by := range m.by {
		if len(found) > 0 && found[0].By == by {
			return false
		}
		if by == plan.MatchUserName {
			return true
		}
	}
	return false
}

// conflictFor lets a newcomer wait because of somebody else's account.
func (m *matching) conflictFor(create *plan.Change, why error) error {
	m.park(create.Key, create.Name, ledger.Parked{Kind: ledger.ParkedConflict, Error: why.Error(), Digest: create.Digest()})
	return nil
}

// theirs leaves of the accounts found those that can be meant. An account that is
// known to be somebody else's stands in the way when it holds the login, but not
// when it gives it up before creates have their turn, or only has the same mail address
// and the target lets several have it.
func (m *matching) theirs(c *plan.Change, found []plan.Found) (hits []plan.Found, why, err error) {
	anchor := c.Want.Text("externalId")
	for _, f := range found {
		if anchor != "" && f.ExternalID == anchor {
			hits = append(hits, f)
		}
	}
	if len(hits) > 0 {
		found, hits = hits, nil
	}
	for _, f := range found {
		owner, known, err := m.owner(m.flow.Target, f.ID)
		if err != nil {
			return nil, nil, err
		}
		if !known && f.ExternalID != "" && f.ExternalID != anchor {
			owner = record.Key{Kind: c.Key.Kind, Source: c.Key.Source, ID: f.ExternalID}
			if _, known, err = m.store.Row(owner); err != nil {
				return nil, nil, err
			}
		}
		switch {
		case m.flow.Protect.Protects(f.UserName, f.ID):
			return nil, fmt.Errorf("account %s (%s) is protected and is never adopted", f.ID, f.UserName), nil
		case known && owner != c.Key && (f.By == plan.MatchEmail && !m.flow.MailTakesOver || f.By == plan.MatchUserName && m.gaveUp(owner, f.UserName)):
		case known && owner != c.Key:
			return nil, fmt.Errorf("account %s has this person's %s and belongs to %s", f.ID, f.By, owner), nil
		default:
			hits = append(hits, f)
		}
	}
	return hits, nil, nil
}

// decideLeft decides on a create in doubt whose person has left since.
func (m *matching) decideLeft(c *plan.Change, found []plan.Found) error {
	sent := c.Doubt.Values()
	for i := range found {
		if !c.Made(&found[i], m.shape, sent) {
			continue
		}
		owner, known, err := m.owner(m.flow.Target, found[i].ID)
		if err != nil {
			return err
		}
		if !known || owner == c.Key {
			return m.book.add(diff.Left(c, &found[i]))
		}
	}
	if !c.Doubt.Since.IsZero() { // it may still show
		intent := *m.intents[c.Key]
		intent.Looked = c.Doubt.Since
		m.inVain = append(m.inVain, intent)
		m.looksToStore = append(m.looksToStore, ledger.Look{Key: c.Key, Due: c.Doubt.Since.Add(m.engine.settleWindow())})
		return nil
	}
	m.dropped = append(m.dropped, ledger.Outcome{Key: c.Key, DropIntent: true, Look: &ledger.Look{Key: c.Key, Due: c.Due}})
	return nil
}
