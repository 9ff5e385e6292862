package mapping

import (
	"time"

	"scimsync/sync/record"
)

// Expression is a single expression, compiled as that of a mapping line would be.
type Expression struct{ mapper *Mapper }

// CompileExpression compiles one expression with the names of a spec's source.
func CompileExpression(text string, spec Spec) (*Expression, []Problem) {
	c := &compiler{
		spec:  &spec,
		names: &names{schema: spec.Schema, source: spec.Source, read: spec.Read, groups: spec.Groups, used: map[string]int{}},
		p:     &Program{shape: spec.Shape},
	}
	code := c.code("expression", text, "command line", wantValue)
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	c.p.lines = []line{{code: code, group: -1}}
	c.number()
	return &Expression{c.p.Mapper()}, nil
}

// Names lists the attributes that the expression uses, sorted.
func (e *Expression) Names() []string { return e.mapper.p.Names() }

// Groups tells whether the expression uses the groups of a person: see Program.Groups.
func (e *Expression) Groups() bool { return e.mapper.p.Groups() }

// Eval gives the expression's value for a record: a string, a bool, a number, a list,
// or nil for none. It is not for concurrent use.
func (e *Expression) Eval(r *record.Record, at time.Time) (any, error) {
	e.mapper.load(r, at)
	return e.mapper.run(e.mapper.p.lines[0].code)
}
