package config

import (
	"errors"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// shape is what a YAML value is.
type shape string

const (
	shapeText    shape = "text"
	shapeNumber  shape = "a number"
	shapeBool    shape = "true or false"
	shapeNull    shape = "empty"
	shapeList    shape = "a list"
	shapeMapping shape = "a mapping"
)

// node is a YAML value with its place, with anchors, aliases and merges resolved.
type node struct {
	shape        shape
	text         string // of a scalar: as it is written, without quotes
	items        []*node
	entries      []entry
	line, column int
}

// entry is one line of a mapping.
type entry struct {
	key          string
	line, column int // of the key
	value        *node
}

// get returns the value of key, or nil.
func (n *node) get(key string) *node {
	for i := range n.entries {
		if n.entries[i].key == key {
			return n.entries[i].value
		}
	}
	return nil
}

// Limits on what aliases may blow a small file up to.
const (
	maxNodes = 200_000
	maxDepth = 64
)

// reader turns a parsed YAML file into nodes.
type reader struct {
	file     string
	anchors  map[string]*node
	made     int
	problems Problems
}

// readNodes parses a YAML text. The node is nil when the text is not YAML at all; then the problems say why.
func readNodes(file string, text []byte) (*node, Problems) {
	r := &reader{file: file, anchors: map[string]*node{}}
	parsed, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntax(err)
		return nil, r.problems
	}
	var docs []ast.Node
	for _, doc := range parsed.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.CommentType {
			docs = append(docs, doc.Body)
		}
	}
	if len(docs) == 0 {
		return &node{shape: shapeMapping, line: 1, column: 1}, nil
	}
	root := r.node(docs[0], 0)
	if len(docs) > 1 {
		line, column := place(docs[1])
		r.problem(line, column, "a second YAML document", "a config file is one document: remove the --- line")
	}
	return root, r.problems
}

// syntax reports what the parser says, without the excerpt it offers: the line may hold a secret.
func (r *reader) syntax(err error) {
	var located yaml.Error
	if errors.As(err, &located) && located.GetToken() != nil && located.GetToken().Position != nil {
		at := located.GetToken().Position
		r.problem(at.Line, at.Column, "not YAML: "+located.GetMessage(), "")
		return
	}
	message, _, _ := strings.Cut(err.Error(), "\n")
	r.problem(1, 1, "not YAML: "+message, "")
}

func (r *reader) problem(line, column int, message, hint string) {
	r.problems = append(r.problems, Problem{File: r.file, Line: line, Column: column, Message: message, Hint: hint})
}

// place is where a value begins: a mapping at its first key.
func place(n ast.Node) (line, column int) {
	switch v := n.(type) {
	case *ast.MappingNode:
		if len(v.Values) > 0 && !v.IsFlowStyle {
			return place(v.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return place(v.Key)
	}
	t := n.GetToken()
	if t == nil || t.Position == nil {
		return 1, 1
	}
	return t.Position.Line, t.Position.Column
}

// node converts one value.
func (r *reader) node(n ast.Node, depth int) *node {
	line, column := place(n)
	out := &node{shape: shapeNull, line: line, column: column}
	r.made++
	if r.made > maxNodes || depth > maxDepth {
		if r.made <= maxNodes+1 || depth == maxDepth+1 {
			r.problem(line, column, "the file unfolds to too many values or too deep", "look at its anchors and aliases")
		}
		return out
	}
	switch v := n.(type) {
	case *ast.MappingNode:
		r.mapping(out, v.Values, depth)
	case *ast.MappingValueNode:
		r.mapping(out, []*ast.MappingValueNode{v}, depth)
	case *ast.SequenceNode:
		out.shape = shapeList
		for _, item := range v.Values {
			out.items = append(out.items, r.node(item, depth+1))
		}
	case *ast.AnchorNode:
		out = r.node(v.Value, depth+1)
		r.anchors[v.Name.GetToken().Value] = out
	case *ast.AliasNode:
		return r.alias(v, out)
	case *ast.TagNode:
		return r.tag(v, out, depth)
	default:
		out.scalar(n)
	}
	return out
}

// scalar fills in a value that is neither list nor mapping.
func (n *node) scalar(from ast.Node) {
	switch v := from.(type) {
	case *ast.StringNode:
		n.shape, n.text = shapeText, v.Value
	case *ast.LiteralNode:
		n.shape, n.text = shapeText, v.Value.Value
	case *ast.IntegerNode:
		n.shape, n.text = shapeNumber, v.Token.Value
	case *ast.FloatNode:
		n.shape, n.text = shapeNumber, v.Token.Value
	case *ast.BoolNode:
		n.shape, n.text = shapeBool, v.Token.Value
	case *ast.NullNode:
	default: // .inf and .nan: nothing here wants them as numbers
		n.shape, n.text = shapeText, from.GetToken().Value
	}
}

// alias returns what the anchor of that name holds: the value with its own place.
func (r *reader) alias(v *ast.AliasNode, otherwise *node) *node {
	name := v.Value.GetToken().Value
	target, ok := r.anchors[name]
	if !ok {
		names := make([]string, 0, len(r.anchors))
		for known := range r.anchors {
			names = append(names, known)
		}
		r.problem(otherwise.line, otherwise.column, "no anchor &"+name+" stands above this alias", suggest(name, names))
		return otherwise
	}
	r.made += target.size() - 1
	return target
}

// size counts a value and all that is in it.
func (n *node) size() int {
	total := 1
	for _, item := range n.items {
		total += item.size()
	}
	for _, e := range n.entries {
		total += e.value.size()
	}
	return total
}

// tag understands !!str, which makes text of any scalar.
func (r *reader) tag(v *ast.TagNode, otherwise *node, depth int) *node {
	if v.Start.Value != "!!str" || v.Value == nil {
		r.problem(otherwise.line, otherwise.column, "the tag "+v.Start.Value+" has no meaning here", "remove it")
		if v.Value == nil {
			return otherwise
		}
		return r.node(v.Value, depth+1)
	}
	out := r.node(v.Value, depth+1)
	if out.shape == shapeNumber || out.shape == shapeBool {
		out.shape = shapeText
	}
	return out
}

// mapping converts the lines of a mapping: merged lines after its own, since its own win.
func (r *reader) mapping(out *node, values []*ast.MappingValueNode, depth int) {
	out.shape = shapeMapping
	seen := map[string]int{}
	var merges []*node
	for _, v := range values {
		line, column := place(v.Key)
		if v.Key.Type() == ast.MergeKeyType {
			merges = append(merges, r.merged(v.Value, depth)...)
			continue
		}
		key, ok := r.key(v.Key)
		value := r.node(v.Value, depth+1)
		if !ok {
			continue
		}
		if first, twice := seen[key]; twice {
			r.problem(line, column, "the key "+key+" stands here a second time", "first at line "+itoa(first)+": keep one of them")
			continue
		}
		seen[key] = line
		out.entries = append(out.entries, entry{key: key, line: line, column: column, value: value})
	}
	for _, from := range merges {
		for _, e := range from.entries {
			if _, own := seen[e.key]; !own {
				seen[e.key] = e.line
				out.entries = append(out.entries, e)
			}
		}
	}
}

// key is the text of a mapping's key.
func (r *reader) key(k ast.MapKeyNode) (string, bool) {
	switch v := k.(type) {
	case *ast.StringNode:
		return v.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		return v.GetToken().Value, true
	}
	line, column := place(k)
	r.problem(line, column, "a key must be plain text", "")
	return "", false
}

// merged lists the mappings that a << line lays under its mapping.
func (r *reader) merged(value ast.Node, depth int) []*node {
	from := r.node(value, depth+1)
	list := []*node{from}
	if from.shape == shapeList {
		list = from.items
	}
	for _, one := range list {
		if one.shape != shapeMapping {
			r.problem(from.line, from.column, "<< merges mappings, and this is "+string(one.shape), "name an anchor, as in <<: *name")
			return nil
		}
	}
	return list
}
