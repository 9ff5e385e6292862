package scim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// Memory is what was learned of one service: what it refused, what it turned out not to
// do, and how it describes itself. All Targets of the service share one. It makes us
// ask for less (only anchorsHelp adds a lookup), and each fact is forgotten after a day, so that it is tried again. How
// members are removed is remembered for longer: see removal.
// It is safe for concurrent use.
type Memory struct {
	save func([]byte) error
	say  func(string)

	asking chan struct{} // full while somebody asks the service what it can do
	trying chan struct{} // full while somebody tries how it removes members

	mu    sync.Mutex
	kept  kept
	rests time.Time // until when it is not asked again
}

// kept is a Memory as it is stored.
type kept struct {
	Base  string             `json:"base"` // whom it is about
	Facts map[fact]time.Time `json:"facts,omitempty"`

	Described *described `json:"described,omitempty"`
	Removal   removal    `json:"removal,omitzero"`
}

// fact is one thing that was learned.
type fact string

// What can be learned. Some stand before a name.
const (
	plainJSON      fact = "application/scim+json is refused"
	searchMissing  fact = "there is no .search"
	searchWanted   fact = "addresses may hold no personal data"
	filterRefused  fact = "no filter by "
	filterIgnored  fact = "filters ignored: "
	anchorsHelp    fact = "lookups by externalId find more"
	listingShort   fact = "listings leave accounts out"
	noBulk         fact = "there are no bulk requests"
	patchMissing   fact = "there is no PATCH"
	deleteMissing  fact = "there is no DELETE"
	ignoredForm    fact = "answered with success, and not done: "
	etagWanted     fact = "wants versions"
	etagUseless    fact = "takes no version for its own"
	refusedForm    fact = "refused: "
	unseen         fact = "nobody can tell who is in a group"
	lookupsUseless fact = "cannot be asked whether somebody is in a group"
	lookupsWork    fact = "can be asked whether somebody is in a group"
	excludeRefused fact = "excludedAttributes is refused"
)

// forgetAfter is how long a fact counts.
const forgetAfter = 24 * time.Hour

// NewMemory opens a memory. stored is what save was given last; save keeps it beyond
// the end of the process; say is told in a sentence what is done differently from now
// on. Both may be nil.
func NewMemory(stored []byte, save func([]byte) error, say func(string)) *Memory {
	m := &Memory{save: save, say: say, asking: make(chan struct{}, 1), trying: make(chan struct{}, 1)}
	_ = json.Unmarshal(stored, &m.kept) // what cannot be read is learned anew
	return m
}

// about makes sure that what is remembered is about the service at base.
func (m *Memory) about(base string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kept.Base != base {
		m.kept = kept{Base: base}
	}
	if m.kept.Facts == nil {
		m.kept.Facts = map[fact]time.Time{}
	}
}

// knows tells whether something was learned and still counts.
func (m *Memory) knows(what fact, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, known := m.kept.Facts[what]
	return known && now.Sub(at) < forgetAfter
}

// learn remembers something, and says it unless it was known. It tells whether it is new.
func (m *Memory) learn(what fact, now time.Time, sentence string) bool {
	m.mu.Lock()
	at, known := m.kept.Facts[what]
	if known = known && now.Sub(at) < forgetAfter; !known {
		m.kept.Facts[what] = now
	}
	m.mu.Unlock()
	if !known {
		m.tell(sentence)
		m.store()
	}
	return !known
}

// described gives the service's description as it was read last; nil: it was not.
func (m *Memory) described() *described {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.kept.Described
}

// describe keeps a description that was read.
func (m *Memory) describe(d *description, now time.Time) {
	m.mu.Lock()
	next := &described{At: now, Said: d}
	if before := m.kept.Described; before != nil {
		next.Agreed = before.Agreed
		if next.Sure = same(before.Said, d); next.Sure {
			next.Agreed = d
		}
	}
	m.kept.Described = next
	m.mu.Unlock()
	m.store()
}

// same tells whether two descriptions say the same.
func same(a, b *description) bool {
	left, err := json.Marshal(a)
	right, alsoErr := json.Marshal(b)
	return err == nil && alsoErr == nil && bytes.Equal(left, right)
}

// rest lets the service in peace until a moment; restsUntil tells whether it has come.
func (m *Memory) rest(until time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rests = until
}

func (m *Memory) restsUntil(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return now.Before(m.rests)
}

func (m *Memory) tell(sentence string) {
	if m.say != nil && sentence != "" {
		m.say(sentence)
	}
}

// store keeps what is remembered. A failure costs learning it again, and is said.
func (m *Memory) store() {
	if err := m.keep(); err != nil {
		m.tell(fmt.Sprintf("what was learned could not be kept: %v", err))
	}
}

// keep is store for what has to be kept before anything else is done.
func (m *Memory) keep() error {
	if m.save == nil {
		return nil
	}
	m.mu.Lock()
	text, err := json.Marshal(m.kept)
	m.mu.Unlock()
	if err != nil {
		return err
	}
	return m.save(text)
}
