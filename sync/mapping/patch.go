package mapping

import (
	"fmt"
	"sort"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"

	"scimsync/sync/resource"
)

// In the patched tree $x is the variable x with one value, @x is the list of all
// its values, and %1, %2 are temporaries. None of these can be written by an admin.

// reader finds out, before anything is changed, what the names in an expression
// are: functions, local variables, attributes.
type reader struct {
	names     *names
	callable  func(string) bool
	callees   map[*ast.IdentifierNode]bool
	locals    map[string]bool
	asList    map[*ast.IdentifierNode]bool
	fromAttr  map[*ast.IdentifierNode]string
	functions []string
	refs      []string // by which attributes references go
	trouble   []trouble
}

func (r *reader) fail(format string, args ...any) {
	r.trouble = append(r.trouble, trouble{fmt.Sprintf(format, args...), ""})
}

// Visit is called for the parts of a node before it is called for the node.
func (r *reader) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.VariableDeclaratorNode:
		r.locals[n.Name] = true
	case *ast.CallNode:
		callee, isName := n.Callee.(*ast.IdentifierNode)
		if !isName {
			r.fail("only the functions of the language can be called")
			return
		}
		r.callees[callee] = true
		r.call(node, n, callee.Value)
	case *ast.BuiltinNode:
		if !r.callable(n.Name) {
			r.unknown(n.Name)
		}
	}
}

func (r *reader) call(node *ast.Node, n *ast.CallNode, name string) {
	switch name {
	case "attr":
		if id := r.named(n); id != nil {
			ast.Patch(node, id)
		}
	case "values":
		if len(n.Arguments) == 1 {
			if _, isText := n.Arguments[0].(*ast.StringNode); isText {
				if id := r.named(n); id != nil {
					r.asList[id] = true
					ast.Patch(node, id)
				}
				return
			}
			if id, isVar := n.Arguments[0].(*ast.IdentifierNode); isVar {
				r.asList[id] = true
				ast.Patch(node, id)
				return
			}
		}
		r.fail(`values(…) takes one attribute, as in values("mail")`)
	case "first", "join":
		if len(n.Arguments) > 0 {
			if id, isVar := n.Arguments[0].(*ast.IdentifierNode); isVar {
				r.asList[id] = true
			}
		}
	default:
		if !r.callable(name) {
			r.unknown(name)
		} else if name == "ref" {
			r.reference(n)
		}
	}
}

// named turns attr("x") into a variable.
func (r *reader) named(n *ast.CallNode) *ast.IdentifierNode {
	if len(n.Arguments) == 1 {
		if text, isText := n.Arguments[0].(*ast.StringNode); isText {
			name, t := r.names.spelled(text.Value)
			if t != nil {
				r.trouble = append(r.trouble, *t)
				return nil
			}
			id := &ast.IdentifierNode{Value: name}
			r.fromAttr[id] = name
			return id
		}
	}
	r.fail(`attr(…) takes one name in quotes, as in attr("Employee ID")`)
	return nil
}

func (r *reader) unknown(name string) {
	t := trouble{message: fmt.Sprintf("there is no function %s", name)}
	if near := resource.Nearest(name, r.functions); near != "" {
		t.hint = fmt.Sprintf("did you mean %s?", near)
	}
	switch name {
	case "now", "date", "duration", "timezone":
		t.hint = "expressions have no clock: use active_from and active_until"
	}
	r.trouble = append(r.trouble, t)
}

// writer puts slots in the place of names and, where a comparison with nothing is
// to give nothing, three-valued logic in the place of the language's own.
type writer struct {
	*reader
	code   *code
	nilled bool // three-valued
	temps  int
}

func (w *writer) Visit(node *ast.Node) {
	if id, isName := (*node).(*ast.IdentifierNode); isName {
		w.identifier(node, id)
	} else if w.nilled {
		w.logic(node)
	}
}

func (w *writer) identifier(node *ast.Node, id *ast.IdentifierNode) {
	name, attr := w.fromAttr[id]
	switch {
	case w.callees[id]:
		return
	case attr:
	case w.locals[id.Value]:
		return
	case id.Value == "account_enabled":
		w.code.enabled = true
		ast.Patch(node, &ast.IdentifierNode{Value: "$account_enabled "})
		return
	case id.Value == "dn":
		w.code.dn = true
		ast.Patch(node, &ast.IdentifierNode{Value: "$dn "})
		return
	case id.Value == "groups":
		if t := w.names.inGroups(); t != nil {
			w.trouble = append(w.trouble, *t)
			return
		}
		w.code.groups = true
		ast.Patch(node, &ast.IdentifierNode{Value: "$groups "})
		return
	case id.Value == "$env":
		w.fail("$env is not available; write attr(\"…\")")
		return
	default:
		var t *trouble
		if name, t = w.names.variable(id.Value); t != nil {
			w.trouble = append(w.trouble, *t)
			return
		}
	}
	prefix, slots := "$", &w.code.single
	if w.asList[id] {
		prefix, slots = "@", &w.code.lists
	}
	*slots = append(*slots, w.names.slot(name))
	ast.Patch(node, &ast.IdentifierNode{Value: prefix + name})
}

// logic rewrites one node:
//
//	a == b     a or b is nil ? nil : a == b        so for all comparisons, but not with the word nil
//	not a      a is nil ? nil : not a
//	a and b    a is false ? false : b is false ? false : a or b is nil ? nil : a and b
//	a or b     a is true ? true : b is true ? true : a or b is nil ? nil : a or b
//	a ? b : c  a is nil ? nil : a ? b : c
func (w *writer) logic(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.UnaryNode:
		if n.Operator == "!" || n.Operator == "not" {
			w.with(node, &n.Node, func(a ast.Node) ast.Node { return unlessNil(n, a) })
		}
	case *ast.ConditionalNode:
		w.with(node, &n.Cond, func(a ast.Node) ast.Node { return unlessNil(n, a) })
	case *ast.BinaryNode:
		switch n.Operator {
		case "==", "!=", "<", ">", "<=", ">=", "in", "contains", "startsWith", "endsWith", "matches":
			if isNil(n.Left) || isNil(n.Right) {
				return
			}
			w.with(node, &n.Left, func(a ast.Node) ast.Node {
				var inner ast.Node = n
				w.with(&inner, &n.Right, func(b ast.Node) ast.Node { return unlessNil(n, a, b) })
				return inner
			})
		case "and", "&&":
			w.short(node, n, false)
		case "or", "||":
			w.short(node, n, true)
		}
	}
}

func (w *writer) short(node *ast.Node, n *ast.BinaryNode, decides bool) {
	w.with(node, &n.Left, func(a ast.Node) ast.Node {
		right := ast.Node(n)
		w.with(&right, &n.Right, func(b ast.Node) ast.Node {
			return choose(same(b, &ast.BoolNode{Value: decides}), &ast.BoolNode{Value: decides}, unlessNil(n, a, b))
		})
		return choose(same(a, &ast.BoolNode{Value: decides}), &ast.BoolNode{Value: decides}, right)
	})
}

// with replaces node by what use makes of the operand; an operand that is more than
// a name or a constant is computed once and kept in a temporary.
func (w *writer) with(node *ast.Node, operand *ast.Node, use func(ast.Node) ast.Node) {
	switch (*operand).(type) {
	case *ast.IdentifierNode, *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.PointerNode, *ast.ArrayNode:
		ast.Patch(node, use(*operand))
		return
	}
	w.temps++
	temp := &ast.IdentifierNode{Value: fmt.Sprintf("%%%d", w.temps)}
	value := *operand
	*operand = temp
	ast.Patch(node, &ast.VariableDeclaratorNode{Name: temp.Value, Value: value, Expr: use(temp)})
}

// unlessNil gives n, or nil if one of the operands is nil.
func unlessNil(n ast.Node, operands ...ast.Node) ast.Node {
	for _, o := range operands {
		switch o.(type) {
		case *ast.IdentifierNode, *ast.PointerNode:
			n = choose(same(o, &ast.NilNode{}), &ast.NilNode{}, n)
		}
	}
	return n
}

func choose(cond, yes, no ast.Node) ast.Node {
	n := &ast.ConditionalNode{Ternary: true, Cond: cond, Exp1: yes, Exp2: no}
	n.SetLocation(no.Location())
	return n
}

func same(a, b ast.Node) ast.Node { return &ast.BinaryNode{Operator: "==", Left: a, Right: b} }

func isNil(n ast.Node) bool {
	_, is := n.(*ast.NilNode)
	return is
}

// functionNames lists what can be called, sorted, for suggestions.
func functionNames(own map[string]*builtin.Function) []string {
	var list []string
	for name := range own {
		list = append(list, name)
	}
	for _, f := range builtin.Builtins {
		if f.Predicate && own[f.Name] == nil && !unsteady[f.Name] {
			list = append(list, f.Name)
		}
	}
	sort.Strings(list)
	return list
}
