package scim

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// Memory is what was learned of one service: what it refused, what it turned out not to
// do, and how it describes itself. All Targets of the service share one. It only makes
// us ask for less, and each fact is forgotten after a day, so that it is tried again.
// It is safe for concurrent use.
type Memory struct {
	save func([]byte) error
	say  func(string)

	mu   sync.Mutex
	kept kept
}

// kept is a Memory as it is stored.
type kept struct {
	Base  string             `json:"base"` // whom it is about
	Facts map[fact]time.Time `json:"facts,omitempty"`
}

// fact is one thing that was learned.
type fact string

// What can be learned. Some stand before a name.
const (
	plainJSON     fact = "application/scim+json is refused"
	searchMissing fact = "there is no .search"
	searchWanted  fact = "addresses may hold no personal data"
	filterRefused fact = "no filter by "
	filterIgnored fact = "filters ignored: "
	anchorsHelp   fact = "lookups by externalId find more"
)

// forgetAfter is how long a fact counts.
const forgetAfter = 24 * time.Hour

// NewMemory opens a memory. stored is what save was given last; save keeps it beyond
// the end of the process; say is told in a sentence what is done differently from now
// on. Both may be nil.
func NewMemory(stored []byte, save func([]byte) error, say func(string)) *Memory {
	m := &Memory{save: save, say: say}
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

func (m *Memory) tell(sentence string) {
	if m.say != nil && sentence != "" {
		m.say(sentence)
	}
}

// store keeps what is remembered. A failure costs learning it again, and is said.
func (m *Memory) store() {
	if m.save == nil {
		return
	}
	m.mu.Lock()
	text, err := json.Marshal(m.kept)
	m.mu.Unlock()
	if err == nil {
		err = m.save(text)
	}
	if err != nil {
		m.tell(fmt.Sprintf("what was learned could not be kept: %v", err))
	}
}
