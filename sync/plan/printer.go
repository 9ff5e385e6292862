package plan

import (
	"bufio"
	"fmt"
	"io"
)

// Style is how a text is written.
type Style struct {
	Color bool // with ANSI colours
	Width int  // of the terminal, in columns; 0: not known
	All   bool // nothing is folded or cut
	// Program is how the commands in hints begin.
	Program Program
}

// shown is how many changes of one action, or people in one list, are written out
// before the rest is folded.
const shown = 20

// The tones are ANSI's numbers.
type tone string

const (
	bold   tone = "1"
	faint  tone = "2"
	red    tone = "31"
	green  tone = "32"
	yellow tone = "33"
	alarm  tone = "1;31"
)

// printer writes lines and remembers the first error.
type printer struct {
	Style
	out *bufio.Writer
	err error
}

func newPrinter(w io.Writer, style Style) *printer {
	return &printer{Style: style, out: bufio.NewWriterSize(w, 1<<16)}
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format+"\n", args...)
	}
}

// close writes out what is left and gives the first error.
func (p *printer) close(what string) error {
	if p.err == nil {
		p.err = p.out.Flush()
	}
	if p.err != nil {
		return fmt.Errorf("write %s: %w", what, p.err)
	}
	return nil
}

func (p *printer) paint(t tone, text string) string {
	if !p.Color || text == "" {
		return text
	}
	return "\x1b[" + string(t) + "m" + text + "\x1b[0m"
}

// folds tells whether the one after n others is folded away.
func (p *printer) folds(n int) bool { return !p.All && n >= shown }

// valueWidth is how many letters a value may have beside a path column so wide; 0:
// any number.
func (p *printer) valueWidth(column int) int {
	const indent, gaps = 6, 6 // before the path; around it and the arrow
	switch {
	case p.All:
		return 0
	case p.Width <= 0:
		return 160
	}
	return max(16, (p.Width-indent-gaps-column)/2)
}

// mark is the sign and the tone of an action.
func (a Action) mark() (string, tone) {
	switch a {
	case Deactivate, Delete:
		return "-", red
	case Create, Reactivate:
		return "+", green
	}
	return "~", yellow
}
