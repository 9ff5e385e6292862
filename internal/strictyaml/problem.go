package strictyaml

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Pos is a place in a config file. Lines and columns count from 1; columns count characters.
type Pos struct {
	File   string
	Line   int
	Column int
	Path   string // of the key: "jobs.staff.users.include"
}

// String is the place as "config.yaml:12:5".
func (p Pos) String() string {
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Problem makes a problem of this place, for packages that understand what is written there. Hint may be "".
func (p Pos) Problem(message, hint string) Problem {
	return Problem{File: p.File, Line: p.Line, Column: p.Column, Path: p.Path, Message: message, Hint: hint}
}

// Problem is one thing that is wrong with a config file, or (as a warning) unwise.
type Problem struct {
	File    string
	Line    int
	Column  int
	Path    string // may be "" for the file as a whole
	Message string // what is wrong
	Hint    string // what to do, or ""
}

// Error is the problem on one line: "config.yaml:12:5: jobs.staff.schedule: never fires (the 31st of February does not come)".
func (p Problem) Error() string {
	var b strings.Builder
	if b.WriteString(p.File); p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	b.WriteString(": ")
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Message)
	if p.Hint != "" {
		b.WriteString(" (" + p.Hint + ")")
	}
	return b.String()
}

// Problems is every problem of a file, in the order of their places. As an error it is one line for each.
type Problems []Problem

// Error is every problem on a line of its own.
func (p Problems) Error() string {
	lines := make([]string, 0, len(p))
	for _, one := range p {
		lines = append(lines, one.Error())
	}
	return strings.Join(lines, "\n")
}

// Sorted is p in the order of places, each problem once: a value that is reached by several aliases is wrong once.
func (p Problems) Sorted() Problems {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return slices.CompactFunc(p, func(a, b Problem) bool {
		a.Path, b.Path = "", ""
		return a == b
	})
}

// Join is the path of key under path; either may be "".
func Join(path, key string) string {
	if path == "" || key == "" {
		return path + key
	}
	return path + "." + key
}
