package sandbox

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// controlPath is where a rehearsal is looked at and steered, beside the
// endpoints of SCIM: requests there are neither counted nor logged nor limited.
//
//	GET /-/stats    what was asked and answered, as JSON
//	PUT /-/habits   lines of NAME or NAME=VALUE take the place of --habit
const controlPath = "/-/"

// Stats counts the requests since New.
type Stats struct {
	Requests int64        `json:"requests"`
	Early    int64        `json:"early"` // came inside a wait that had been announced
	Calls    []CallStats  `json:"calls"` // by path and method
	Limits   []LimitStats `json:"limits,omitempty"`
}

// CallStats counts the requests of one method at one path, below the base path
// and with {id} for an id.
type CallStats struct {
	Method string         `json:"method"`
	Path   string         `json:"path"`
	Count  int            `json:"count"`
	Status map[string]int `json:"status"` // by status; "cut" where there was no answer
}

// LimitStats says how much of a limit was used.
type LimitStats struct {
	Name    string        `json:"name"`
	Events  int           `json:"events"` // allowed in each Per of real time
	Per     time.Duration `json:"per_ns"`
	Allowed int           `json:"allowed"`
	Refused int           `json:"refused"`
	First   time.Time     `json:"first,omitzero"` // allowed
	Last    time.Time     `json:"last,omitzero"`
}

func (l *LimitStats) allow(at time.Time) {
	if l.Allowed++; l.Allowed == 1 {
		l.First = at
	}
	l.Last = at
}

// statistics collects Stats.
type statistics struct {
	mu    sync.Mutex
	early int64
	calls map[[2]string]*CallStats
}

// count notes a request that is about to be answered.
func (s *Server) count(c *call, entry Request) {
	status := "cut"
	if entry.Status != 0 {
		status = strconv.Itoa(entry.Status)
	}
	key := [2]string{s.template(c), c.Method}
	s.stats.mu.Lock()
	defer s.stats.mu.Unlock()
	if entry.Early {
		s.stats.early++
	}
	calls := s.stats.calls[key]
	if calls == nil {
		if s.stats.calls == nil {
			s.stats.calls = map[[2]string]*CallStats{}
		}
		calls = &CallStats{Method: key[1], Path: key[0], Status: map[string]int{}}
		s.stats.calls[key] = calls
	}
	calls.Count++
	calls.Status[status]++
}

// template is the path of a call with {id} for an id; what is no endpoint
// counts together.
func (s *Server) template(c *call) string {
	endpoint, id := c.parts()
	switch {
	case c.isToken():
		return "token"
	case c.outside:
		return "elsewhere"
	case id != "" && id != ".search" && (endpoint == "/Users" || endpoint == "/Groups"):
		return endpoint + "/{id}"
	}
	return c.path
}

// Stats returns the counts so far.
func (s *Server) Stats() Stats {
	out := Stats{Requests: s.Requests()}
	s.stats.mu.Lock()
	out.Early = s.stats.early
	for _, calls := range s.stats.calls {
		clone := *calls
		clone.Status = map[string]int{}
		for status, n := range calls.Status {
			clone.Status[status] = n
		}
		out.Calls = append(out.Calls, clone)
	}
	s.stats.mu.Unlock()
	slices.SortFunc(out.Calls, func(a, b CallStats) int {
		return strings.Compare(a.Path+" "+a.Method, b.Path+" "+b.Method)
	})
	out.Limits = s.limits.stats(nil)
	for _, a := range s.habits().active {
		if a.tally != nil {
			out.Limits = a.tally.stats(out.Limits)
		}
	}
	return out
}

func (l *limiter) stats(out []LimitStats) []LimitStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, g := range l.limits {
		t := g.tally
		t.Name, t.Events, t.Per = g.name, g.Events, l.server.lasts(g.Per)
		out = append(out, t)
	}
	return out
}

// control answers a request below controlPath.
func (s *Server) control(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "GET " + controlPath + "stats":
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(s.Stats()) // the client is gone if this fails
	case "PUT " + controlPath + "habits":
		body, err := readBody(w, r, defaultMaxBody)
		if err == nil {
			err = s.SetHabits(strings.FieldsFunc(string(body), func(c rune) bool { return c == '\n' || c == '\r' }))
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	default:
		http.Error(w, "GET "+controlPath+"stats or PUT "+controlPath+"habits", http.StatusNotFound)
	}
}

// announced is a wait that clients were told of, in real time.
type announced struct {
	mu          sync.Mutex
	from, until time.Time
}

func (a *announced) announce(at time.Time, wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !at.Before(a.until) {
		a.from = at
	}
	if until := at.Add(wait); until.After(a.until) {
		a.until = until
	}
}

// inside says whether a request came although its client could know of the
// wait: what was on its way when the wait was announced does not count.
func (a *announced) inside(at time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return at.After(a.from.Add(jitter)) && at.Before(a.until)
}
