// Package mapping turns a record into the resource that a target should hold. The
// rules are expressions of the language expr (expr-lang.org) without a clock: the
// same record at the same moment always gives the same result. One person's bad
// value is that person's error and never somebody else's.
package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/expr-lang/expr/vm"

	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// codeVersion changes whenever the same spec and record can give another result.
const codeVersion = "mapping 2"

// Line is one line of a mapping.
type Line struct {
	Path  string // a SCIM path, or "active"; of no meaning for Spec.Include
	Expr  string
	When  resource.When
	Place string // where it stands, for messages: "config.yaml:40:9"
}

// Instant is a moment that a record gives: from when, or until when, a person is
// active. Expr gives a text in Layout, a time (file_time, ldap_time) or nil.
type Instant struct {
	Expr   string
	Layout string         // a Go layout; one without hours means a whole day
	Zone   *time.Location // in which the day begins or ends; nil: UTC
	// Early lets From begin that much before.
	Early time.Duration
	// Inactive gives people an inactive account before From, instead of none.
	Inactive bool
	// LastDayIncluded puts the end of Until after the day that is named.
	LastDayIncluded bool
	None            []string // texts that mean: no such moment
	Place           string
}

// need is a path with the lines that may give it a value.
type need struct {
	at    resource.Path
	lines []int
}

// Spec is what a job says about people at one target.
type Spec struct {
	Include Line // Expr empty: everybody
	From    *Instant
	Until   *Instant
	Lines   []Line
	Shape   resource.Shape
	Schema  record.Schema // of the source
	Source  string        // the source's name, for messages
	Read    string        // the command that shows what the source gives, for messages
	// Groups says whether expressions may ask for a person's groups, and why if not.
	Groups Asking
	// References tells that somebody resolves references, so that expressions may make them.
	References bool
}

// Asking says whether expressions may ask in which groups somebody is.
type Asking uint8

// The answers.
const (
	NoGroups Asking = iota // the source has none
	Groups
	OfGroups // what is mapped is a group itself
)

// Problem is one thing that is wrong with a Spec.
type Problem struct {
	Place   string
	Path    string // the mapping line: a SCIM path, "include", "active_from", "active_until"
	Message string
	Hint    string // what to do about it; may be empty
	// Service tells that it is because of the service: at another, it may be right.
	Service bool
}

func (p Problem) String() string {
	s := fmt.Sprintf("%s: %s: %s", p.Place, p.Path, p.Message)
	if p.Hint != "" {
		s += "; " + p.Hint
	}
	return s
}

// Program is a compiled Spec. It is safe for concurrent use; see Mapper.
type Program struct {
	shape   resource.Shape
	names   []string // of the source's attributes, sorted; a slot is an index into it
	include *code
	from    *instant
	until   *instant
	active  *code // nil: account_enabled
	lines   []line
	asks    bool      // for the groups of a person
	groups  []element // elements that are made of several lines
	split   []split   // the attributes they belong to
	managed []string
	needs   []need   // what must have a value
	coupled [][]need // what must have the same
	version string
	// warnings are what the service does not take of the spec.
	warnings []Problem
}

// line is a compiled Line with its place in the resource.
type line struct {
	path string
	at   resource.Path
	attr resource.Definition // of the attribute
	leaf resource.Definition // at the end of the path
	when resource.When
	code *code // nil: the record's ID, or see primary
	// place is where it stands, for messages.
	place string
	// primary tells that nobody maps it: it marks the element if none is marked that has
	// a value, where the service wants one to be.
	primary bool
	// group is the index of the element this line belongs to, -1 for none.
	group int
}

// element is one element of a multi-valued attribute, selected by a filter.
type element struct {
	head     string
	hasValue bool // the schema gives it a value, without which it is nothing
}

// split is an attribute that is mapped element by element: its lines from ≤ i < to, and
// its elements from the first to the last of groups.
type split struct{ from, to, first, last int }

type instant struct {
	Instant
	code  *code
	whole bool // Layout has no time of day
}

// code is one compiled expression.
type code struct {
	what    string // names it in messages: a SCIM path, "include", …
	place   string
	program *vm.Program
	single  []int // slots of plain variables, which must not have several values
	lists   []int // slots that are used with all their values
	enabled bool  // account_enabled is used, which depends on the time
	dn      bool
	groups  bool     // the groups of the person are used
	refs    []string // the attributes by which it refers to people
	plain   string   // the variable, for an expression that is nothing else
}

// Names lists the attributes of the source that the program needs, sorted, as the
// source is to be asked for them.
func (p *Program) Names() []string { return slices.Clone(p.names) }

// Groups tells whether any expression uses the groups of a person: records to be mapped
// have to have them.
func (p *Program) Groups() bool { return p.asks }

// Version is a short text that changes whenever the result for some record could.
func (p *Program) Version() string { return p.version }

// Warnings tells what of the spec the service does not take as it stands, and what
// becomes of it. They are in the order of paths.
func (p *Program) Warnings() []Problem { return slices.Clone(p.warnings) }

// fingerprint covers everything that has an influence on results.
func fingerprint(s *Spec, p *Program) string {
	h := sha256.New()
	put := func(parts ...any) { fmt.Fprintf(h, "%q\n", fmt.Sprint(parts...)) }
	put(codeVersion)
	put("include ", s.Include.Expr)
	for _, i := range []*Instant{s.From, s.Until} {
		if i == nil {
			put("none")
			continue
		}
		none := slices.Sorted(slices.Values(i.None))
		put(i.Expr, "\x00", i.Layout, "\x00", zone(i).String(), i.Early, i.Inactive, i.LastDayIncluded, fmt.Sprintf("%q", none))
	}
	if p.active != nil {
		put("active ", p.active.program.Source().String())
	}
	for _, l := range p.lines {
		put(l.path, "\x00", l.when)
		if l.code != nil {
			put(l.code.program.Source().String())
		}
	}
	put(p.names)
	put(s.Shape.Digest())
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func zone(i *Instant) *time.Location {
	if i.Zone == nil {
		return time.UTC
	}
	return i.Zone
}
