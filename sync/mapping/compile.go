package mapping

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"
)

// Compile checks and compiles a spec. All problems are reported, in the order of
// the spec; the program is nil if there is any.
func Compile(spec Spec) (*Program, []Problem) {
	c := &compiler{
		spec:  &spec,
		names: &names{schema: spec.Schema, source: spec.Source, read: spec.Read, groups: spec.Groups, used: map[string]int{}},
		p:     &Program{shape: spec.Shape},
	}
	if spec.Include.Expr != "" {
		c.p.include = c.code("include", spec.Include.Expr, spec.Include.Place, wantBool)
	}
	c.p.from = c.instant("active_from", spec.From)
	c.p.until = c.instant("active_until", spec.Until)
	for _, l := range spec.Lines {
		c.line(l)
	}
	c.settle()
	c.require()
	c.downgrades()
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	slices.SortStableFunc(c.p.warnings, func(a, b Problem) int { return cmp.Compare(a.Path, b.Path) })
	c.number()
	c.p.version = fingerprint(&spec, c.p)
	return c.p, nil
}

type compiler struct {
	spec     *Spec
	names    *names
	p        *Program
	problems []Problem
}

func (c *compiler) problem(place, path, message, hint string) {
	c.problems = append(c.problems, Problem{Place: place, Path: path, Message: message, Hint: hint})
}

func (c *compiler) warn(place, path, message, hint string) {
	c.p.warnings = append(c.p.warnings, Problem{place, path, message, hint, true})
}

// want tells what an expression is for.
type want uint8

const (
	wantValue want = iota
	wantBool       // true, false or nothing, in three-valued logic
)

// code compiles one expression; nil if there is a problem.
func (c *compiler) code(what, text, place string, use want) *code {
	if strings.TrimSpace(text) == "" {
		c.problem(place, what, "the expression is empty", "")
		return nil
	}
	out := &code{what: what, place: place}
	program, root, found, err := c.translate(text, out, false)
	for _, t := range found {
		c.problem(place, what, t.message, t.hint)
	}
	if len(found) == 0 && err != nil {
		c.problem(place, what, syntax(err), c.names.unreachable(text))
	}
	if len(found) > 0 || err != nil {
		return nil
	}
	if use == wantBool {
		if c.noRefs(out) {
			return nil
		}
		if wrong := notBool(root); wrong != "" {
			c.problem(place, what, "is "+wrong+"; it has to be true or false", `compare it, as in status == "active"`)
			return nil
		}
		out.single, out.lists = nil, nil
		if program, _, _, err = c.translate(text, out, true); err != nil {
			c.problem(place, what, syntax(err), "")
			return nil
		}
	}
	out.program = program
	if id, isName := root.(*ast.IdentifierNode); isName {
		out.plain = id.Value
	}
	out.single, out.lists = distinct(out.single), distinct(out.lists)
	return out
}

func distinct(list []int) []int {
	slices.Sort(list)
	return slices.Compact(list)
}

// translate runs the language's own compiler with our names and logic put in.
func (c *compiler) translate(text string, out *code, nilled bool) (*vm.Program, ast.Node, []trouble, error) {
	own := functions(nilled)
	if !c.spec.References {
		delete(own, "ref")
	}
	known := functionNames(own)
	r := &reader{
		names: c.names, functions: known,
		callable: func(name string) bool { return slices.Contains(known, name) },
		callees:  map[*ast.IdentifierNode]bool{}, locals: map[string]bool{},
		asList: map[*ast.IdentifierNode]bool{}, fromAttr: map[*ast.IdentifierNode]string{},
	}
	var root ast.Node
	program, err := expr.Compile(text,
		expr.Env(map[string]any{}), expr.AllowUndefinedVariables(),
		func(cfg *conf.Config) {
			for _, name := range slices.Sorted(maps.Keys(own)) {
				cfg.Functions[name] = own[name]
			}
			for name := range unsteady {
				cfg.Disabled[name] = true
			}
		},
		expr.Patch(r), expr.Patch(&writer{reader: r, code: out, nilled: nilled}),
		expr.Patch(observer(func(n ast.Node) { root = n })),
	)
	out.refs = r.refs
	return program, root, r.trouble, err
}

// observer sees every node; the last one that it sees is the root.
type observer func(ast.Node)

func (o observer) Visit(node *ast.Node) { o(*node) }

// notBool says what an expression is that can never be true or false.
func notBool(root ast.Node) string {
	if id, isName := root.(*ast.IdentifierNode); isName && strings.HasPrefix(id.Value, "$") {
		switch {
		case id.Value == "$groups ":
			return "a list"
		case !strings.HasSuffix(id.Value, " "):
			return "a text"
		}
	}
	switch t := root.Type(); t.Kind() {
	case reflect.String:
		return "a text"
	case reflect.Int, reflect.Float64:
		return "a number"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map:
		return "a map"
	}
	return ""
}

// syntax is the language's message in one line.
func syntax(err error) string {
	var at *file.Error
	if !errors.As(err, &at) {
		return err.Error()
	}
	return fmt.Sprintf("%s (%d:%d of the expression)", at.Message, at.Line, at.Column+1)
}

func (c *compiler) instant(what string, i *Instant) *instant {
	if i == nil {
		return nil
	}
	day := time.Date(2006, 1, 2, 0, 0, 0, 0, time.UTC)
	compiled := c.code(what, i.Expr, i.Place, wantValue)
	c.noRefs(compiled)
	return &instant{
		Instant: *i,
		code:    compiled,
		whole:   day.Format(i.Layout) == day.Add(15*time.Hour+4*time.Minute+5*time.Second).Format(i.Layout),
	}
}

// number gives the names their final slots, in sorted order.
func (c *compiler) number() {
	c.p.asks = slices.ContainsFunc(c.p.codes(), func(c *code) bool { return c.groups })
	c.p.names = slices.Sorted(maps.Keys(c.names.used))
	slots := make([]int, len(c.p.names))
	for i, name := range c.p.names {
		slots[c.names.used[name]] = i
	}
	for _, one := range c.p.codes() {
		for i, s := range one.single {
			one.single[i] = slots[s]
		}
		for i, s := range one.lists {
			one.lists[i] = slots[s]
		}
		slices.Sort(one.single)
		slices.Sort(one.lists)
	}
}
