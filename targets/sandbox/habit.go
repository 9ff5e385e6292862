package sandbox

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A correct service provider is the default. What real ones do otherwise is a
// habit: a name, a line of help, and hooks into the places where a request, a
// resource on its way in or out, or an error passes by. The operations know
// nothing of habits. A profile is a named list of habits, no more.
//
//	request ─ door ─ latency ─ login ─ pass ─ fault ─ serve ─ operation
//	                                                     │        body, patch, accept   a write
//	                                                     │        query, hides, list    a search
//	                                                     └ Bulk: again for each          show, each resource out
//	error ─ spell
type habit struct {
	name  string
	takes string // what its value is, for the help: N, DURATION, PATHS; empty: it has none
	value string // the value of "NAME" alone; empty with takes: one has to be given
	help  string
	make  func(s *Server, value string) (hooks, error)
}

// hooks are where a habit intervenes. Each is optional; state that a habit
// keeps is in their closures.
type hooks struct {
	settings func(*settings)                                // of the operations themselves
	door     func(c *call, next handler) (*response, error) // a request of HTTP, before anybody looks at it
	login    func(c *call, next gate) *response             // the look at its credentials
	pass     func(c *call, next handler) (*response, error) // a request that showed right ones
	serve    func(c *call, next handler) (*response, error) // a SCIM operation
	body     func(c *call, body map[string]any) error       // a body of POST, PUT or PATCH, as it came
	patch    func(p *patcher, op operation) (done bool, err error)
	accept   func(*incoming) error       // a resource about to be stored; the lock is held
	query    func(*query) error          // a search, before it is looked up
	hides    func(*resource, query) bool // from a search
	list     func(*listing) error        // the page that answers a search
	show     func(*outgoing)             // a resource in an answer
	spell    func(*spelling)             // an error
	config   func(map[string]any)        // the ServiceProviderConfig
	tally    *limiter                    // for the statistics
}

// settings are the numbers and switches of the operations.
type settings struct {
	maxResults int  // page size cap
	maxBody    int  // bytes of a request
	usersOnly  bool // no groups
	noETag     bool // no versions
}

// active is a habit that is switched on.
type active struct {
	spec string // NAME or NAME=VALUE, as it was given
	name string
	hooks
}

// behaviour is a set of active habits, in the order in which they were named.
type behaviour struct {
	active   []active
	settings settings
}

// parseHabit splits NAME or NAME=VALUE and says whether there is such a habit.
func parseHabit(spec string) (habit, string, error) {
	name, value, given := strings.Cut(strings.TrimSpace(spec), "=")
	i := slices.IndexFunc(habitTable(), func(h habit) bool { return h.name == name })
	if i < 0 {
		return habit{}, "", fmt.Errorf("habit %q: there is none of that name%s", name, suggestion(name, habitNames()))
	}
	h := habitTable()[i]
	if !given {
		value = h.value
	}
	switch {
	case value == off:
	case given && h.takes == "":
		return habit{}, "", fmt.Errorf("habit %q takes no value", name)
	case value == "" && h.takes != "":
		return habit{}, "", fmt.Errorf("habit %q needs a value: %s=%s", name, name, h.takes)
	}
	return h, value, nil
}

// off as a value switches a habit off that came before.
const off = "off"

// behave makes the behaviour of a list of habits. A later one replaces an
// earlier one of the same name; one that before holds already keeps its state.
func (s *Server) behave(specs []string, before *behaviour) (*behaviour, error) {
	b := &behaviour{settings: settings{maxResults: s.opts.MaxResults, maxBody: defaultMaxBody}}
	for _, spec := range specs {
		h, value, err := parseHabit(spec)
		if err != nil {
			return nil, err
		}
		b.active = slices.DeleteFunc(b.active, func(a active) bool { return a.name == h.name })
		if value == off {
			continue
		}
		a := active{spec: spec, name: h.name}
		if old := before.find(spec); old != nil {
			a.hooks = old.hooks
		} else if a.hooks, err = h.make(s, value); err != nil {
			return nil, fmt.Errorf("habit %q: %w", spec, err)
		}
		b.active = append(b.active, a)
	}
	for _, a := range b.active {
		if a.settings != nil {
			a.settings(&b.settings)
		}
	}
	return b, nil
}

func (b *behaviour) find(spec string) *active {
	if b == nil {
		return nil
	}
	i := slices.IndexFunc(b.active, func(a active) bool { return a.spec == spec })
	if i < 0 {
		return nil
	}
	return &b.active[i]
}

// suggestion names the closest of the known names, or where to find them.
func suggestion(name string, known []string) string {
	for _, k := range known {
		if name != "" && (strings.Contains(k, name) || strings.Contains(name, k)) {
			return fmt.Sprintf("; did you mean %q?", k)
		}
	}
	return "; scimsync sandbox --help lists them"
}

// The makers below read the value of a habit.

func always(h hooks) func(*Server, string) (hooks, error) {
	return func(*Server, string) (hooks, error) { return h, nil }
}

func fresh(make func(*Server) hooks) func(*Server, string) (hooks, error) {
	return func(s *Server, _ string) (hooks, error) { return make(s), nil }
}

func counted(make func(s *Server, n int) hooks) func(*Server, string) (hooks, error) {
	return func(s *Server, value string) (hooks, error) {
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 {
			return hooks{}, fmt.Errorf("%q is no number", value)
		}
		return make(s, n), nil
	}
}

func lasting(make func(s *Server, d time.Duration) hooks) func(*Server, string) (hooks, error) {
	return func(s *Server, value string) (hooks, error) {
		d, err := time.ParseDuration(value)
		if err != nil || d < 0 {
			return hooks{}, fmt.Errorf("%q is no duration: write it as 90s, 15m or 2h", value)
		}
		return make(s, d), nil
	}
}

// listOf reads a list with commas.
func listOf(make func(list []string) hooks) func(*Server, string) (hooks, error) {
	return func(_ *Server, value string) (hooks, error) {
		list := strings.Split(value, ",")
		for i := range list {
			if list[i] = strings.TrimSpace(list[i]); list[i] == "" {
				return hooks{}, fmt.Errorf("%q: write names with commas between them", value)
			}
		}
		return make(list), nil
	}
}

// oneOf reads one of a few words.
func oneOf(make func(s *Server, word string) hooks, words ...string) func(*Server, string) (hooks, error) {
	return func(s *Server, value string) (hooks, error) {
		if !slices.Contains(words, value) {
			return hooks{}, fmt.Errorf("%q is none of %s", value, strings.Join(words, ", "))
		}
		return make(s, value), nil
	}
}

// Description is a line of help for a habit or a profile.
type Description struct{ Name, Help string }

// Habits lists the habits, for help: NAME or NAME=VALUE, and what it does.
func Habits() []Description {
	var all []Description
	for _, h := range habitTable() {
		name := h.name
		switch {
		case h.value != "":
			name += "[=" + h.takes + "]"
			h.help += "; unless given " + h.value
		case h.takes != "":
			name += "=" + h.takes
		}
		all = append(all, Description{name, h.help})
	}
	return all
}

func habitNames() []string {
	var names []string
	for _, h := range habitTable() {
		names = append(names, h.name)
	}
	return names
}

// habitTable is all habits, in the order of the help.
func habitTable() []habit {
	return slices.Concat(doorHabits, limitHabits, searchHabits, createHabits, attributeHabits, patchHabits,
		memberHabits, lifeHabits, shapeHabits, answerHabits, discoveryHabits)
}
