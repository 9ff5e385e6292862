package plan

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
)

// Saved is one section of a saved plan: what it was made for, and the digest that
// tells whether the same would be done now.
type Saved struct {
	Job     string
	Target  string
	Digest  string
	Changes int
}

// longest is how long a line of a saved plan may be, in bytes.
const longest = 64 << 20

// ReadSaved reads the sections that WriteJSON wrote, and proves each: it must be
// complete, and its changes must be the ones that its digests were made of. An error
// says in which line it is and what to do, by commands that begin as program says; no
// section counts then.
func ReadSaved(r io.Reader, program Program) ([]Saved, error) {
	s := savedReader{in: bufio.NewReaderSize(r, 1<<14), program: program}
	for {
		text, whole, err := s.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		if err := s.take(text, whole); err != nil {
			return nil, err
		}
	}
	switch {
	case s.open != nil:
		return nil, s.cut()
	case len(s.done) == 0:
		return nil, fmt.Errorf("the file is empty: there is no plan in it; make one: %s", s.program.Command("plan", "--out", "FILE"))
	}
	return s.done, nil
}

// savedReader goes through a file line by line.
type savedReader struct {
	in   *bufio.Reader
	at   int // number of the line
	done []Saved
	open *section

	program Program
}

// section is what was read of a section that has not ended yet.
type section struct {
	Saved
	begin     int
	all, held Set
	summary   map[Action]int
}

// next gives a line, and whether it has its end; io.EOF: there is no further line.
func (s *savedReader) next() (text []byte, whole bool, err error) {
	s.at++
	for {
		part, err := s.in.ReadSlice('\n')
		text = append(text, part...)
		switch {
		case len(text) > longest:
			return nil, false, fmt.Errorf("line %d is longer than %d MB: this is no plan that scimsync saved", s.at, longest>>20)
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(text) > 0:
			return text, false, nil
		case errors.Is(err, io.EOF):
			return nil, false, io.EOF
		case err != nil:
			return nil, false, fmt.Errorf("read line %d: %w", s.at, err)
		}
		return text, true, nil
	}
}

// take reads one line: a header outside a section, a change or the last line inside.
func (s *savedReader) take(text []byte, whole bool) error {
	var what struct {
		Plan    *int             `json:"plan"`
		Action  *json.RawMessage `json:"action"`
		Summary *json.RawMessage `json:"summary"`
	}
	err := json.Unmarshal(text, &what)
	switch {
	case err != nil && !whole && s.begun(text):
		return s.cut()
	case s.open == nil && (err != nil || what.Plan == nil):
		return fmt.Errorf("line %d: a plan begins with {\"plan\":%d,…}, this does not: this is no plan that scimsync saved (%s)", s.at, Format, s.program.Command("plan", "--out", "FILE"))
	case err != nil:
		return fmt.Errorf("line %d: %w; %s", s.at, err, s.anew())
	case s.open == nil:
		return s.header(text, *what.Plan)
	case what.Plan != nil:
		return s.cut()
	case what.Summary != nil:
		return s.footer(text)
	case what.Action == nil:
		return fmt.Errorf("line %d is neither a change nor the last line of a plan; %s", s.at, s.anew())
	}
	var c Change
	if err := json.Unmarshal(text, &c); err != nil {
		return fmt.Errorf("line %d: %w; %s", s.at, err, s.anew())
	}
	s.open.add(&c)
	return nil
}

// begun tells whether half a line may be the beginning of one that belongs here.
func (s *savedReader) begun(text []byte) bool {
	opening := `{"plan":`
	return s.open != nil || strings.HasPrefix(string(text), opening) || strings.HasPrefix(opening, string(text))
}

func (s *savedReader) header(text []byte, format int) error {
	if format != Format {
		return fmt.Errorf("line %d: this plan has format %d and this scimsync reads format %d: apply it with the version that made it, or make it again", s.at, format, Format)
	}
	var h header
	if err := json.Unmarshal(text, &h); err != nil {
		return fmt.Errorf("line %d: %w; %s", s.at, err, s.anew())
	}
	if h.Job == "" || h.Target == "" {
		return fmt.Errorf("line %d names no job or no target; %s", s.at, s.anew())
	}
	for _, d := range s.done {
		if d.Job == h.Job && d.Target == h.Target {
			return fmt.Errorf("line %d: %s at %s has a section already; keep one of them", s.at, h.Job, h.Target)
		}
	}
	s.open = &section{begin: s.at, summary: map[Action]int{},
		Saved: Saved{Job: h.Job, Target: h.Target}}
	return nil
}

func (s *section) add(c *Change) {
	digest := c.Digest()
	s.all.Add(digest)
	if c.Held {
		s.held.Add(digest)
	}
	s.summary[c.Action]++
}

// footer ends the section, and holds its digests against the changes that were read.
func (s *savedReader) footer(text []byte) error {
	var f footer
	if err := json.Unmarshal(text, &f); err != nil {
		return fmt.Errorf("line %d: %w; %s", s.at, err, s.anew())
	}
	o := s.open
	heldDigest := ""
	if o.held.Len() > 0 {
		heldDigest = o.held.String()
	}
	if f.Digest != o.all.String() || f.HeldDigest != heldDigest || !maps.Equal(f.Summary, o.summary) {
		return fmt.Errorf("lines %d to %d, %s at %s: these are not the changes that the plan was made of (their digest is %s, the plan's %s): "+
			"the file was edited or damaged; %s", o.begin, s.at, o.Job, o.Target, o.all.String(), f.Digest, s.anew())
	}
	o.Digest, o.Changes = f.Digest, o.all.Len()
	s.done, s.open = append(s.done, o.Saved), nil
	return nil
}

func (s *savedReader) cut() error {
	if s.open == nil {
		return fmt.Errorf("the file is cut off in line %d; %s", s.at, s.anew())
	}
	return fmt.Errorf("the file is cut off: %s at %s, begun in line %d, has no last line; %s", s.open.Job, s.open.Target, s.open.begin, s.anew())
}

// anew says how to come by a good file.
func (s *savedReader) anew() string {
	if s.open == nil {
		return "make the plan again: " + s.program.Command("plan", "--out", "FILE")
	}
	return "make the plan again: " + s.program.Command("plan", s.open.Job, "--out", "FILE")
}
