// Package strictyaml reads YAML into a tree in which every value knows its place, and helps to say what is wrong with it: problems
// with file, line, column and path, and the word that was meant. The config file and the profiles of service providers are read
// with it. What keys there are and what they mean is for those who read the tree.
package strictyaml

import (
	"errors"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Shape is what a YAML value is.
type Shape string

// The shapes; each is named as messages name it.
const (
	Text    Shape = "text"
	Number  Shape = "a number"
	Bool    Shape = "true or false"
	Null    Shape = "empty"
	List    Shape = "a list"
	Mapping Shape = "a mapping"
	Broken  Shape = "broken" // reported already
)

// Node is a YAML value with its place, with anchors, aliases and merges resolved.
type Node struct {
	Shape        Shape
	Text         string // of a scalar: as it is written, without quotes
	Items        []*Node
	Entries      []Entry
	Line, Column int
	weight       int // see weigh
}

// Entry is one line of a mapping.
type Entry struct {
	Key          string
	Line, Column int // of the key
	Value        *Node
}

// Limits on what aliases may blow a small file up to.
const (
	maxNodes = 200_000
	maxDepth = 64
)

// reader turns a parsed YAML file into nodes.
type reader struct {
	file     string
	anchors  map[string]*Node
	made     int // nodes, counted as often as aliases repeat them
	problems Problems
}

// inside is where the reader is: under which path, and how deep.
type inside struct {
	path  string
	depth int
}

func (at inside) key(name string) inside {
	return inside{path: Join(at.path, name), depth: at.depth + 1}
}

// Read parses a YAML text. The node is nil when the text is not YAML at all; then the problems say why.
func Read(file string, text []byte) (*Node, Problems) {
	r := &reader{file: file, anchors: map[string]*Node{}}
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
		return &Node{Shape: Mapping, Line: 1, Column: 1}, nil
	}
	root := r.node(docs[0], inside{})
	if r.made > maxNodes {
		return nil, Problems{{File: file, Line: root.Line, Column: root.Column, Message: "aliases unfold to more than " + strconv.Itoa(maxNodes) + " values", Hint: "look for anchors that hold aliases"}}
	}
	if len(docs) > 1 {
		r.problem("", docs[1], "a second YAML document", "a file is one document: remove the --- line")
	}
	return root, r.problems
}

// syntax reports what the parser says, without the excerpt it offers: the line may hold a secret.
func (r *reader) syntax(err error) {
	var located yaml.Error
	if errors.As(err, &located) && located.GetToken() != nil && located.GetToken().Position != nil {
		at := located.GetToken().Position
		r.problems = append(r.problems, Problem{File: r.file, Line: at.Line, Column: at.Column, Message: "not YAML: " + located.GetMessage()})
		return
	}
	message, _, _ := strings.Cut(err.Error(), "\n")
	r.problems = append(r.problems, Problem{File: r.file, Line: 1, Column: 1, Message: "not YAML: " + message})
}

func (r *reader) problem(path string, at ast.Node, message, hint string) {
	line, column := place(at)
	r.problems = append(r.problems, Problem{File: r.file, Line: line, Column: column, Path: path, Message: message, Hint: hint})
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
func (r *reader) node(n ast.Node, at inside) *Node {
	line, column := place(n)
	out := &Node{Shape: Null, Line: line, Column: column}
	r.made = min(r.made+1, maxNodes+1)
	if at.depth > maxDepth {
		r.problem(at.path, n, "nested more than "+strconv.Itoa(maxDepth)+" deep", "")
		out.Shape = Broken
		return out
	}
	switch v := n.(type) {
	case *ast.MappingNode:
		r.mapping(out, v.Values, at)
	case *ast.MappingValueNode:
		r.mapping(out, []*ast.MappingValueNode{v}, at)
	case *ast.SequenceNode:
		out.Shape = List
		for i, item := range v.Values {
			out.Items = append(out.Items, r.node(item, inside{path: at.path + "[" + strconv.Itoa(i) + "]", depth: at.depth + 1}))
		}
	case *ast.AnchorNode:
		out = r.node(v.Value, inside{path: at.path, depth: at.depth + 1})
		r.anchors[v.Name.GetToken().Value] = out
	case *ast.AliasNode:
		return r.alias(v, out, at)
	case *ast.TagNode:
		return r.tag(v, out, at)
	default:
		out.scalar(n)
	}
	out.weigh()
	return out
}

// scalar fills in a value that is neither list nor mapping.
func (n *Node) scalar(from ast.Node) {
	switch v := from.(type) {
	case *ast.StringNode:
		n.Shape, n.Text = Text, v.Value
	case *ast.LiteralNode:
		n.Shape, n.Text = Text, v.Value.Value
	case *ast.IntegerNode:
		n.Shape, n.Text = Number, v.Token.Value
	case *ast.FloatNode:
		n.Shape, n.Text = Number, v.Token.Value
	case *ast.BoolNode:
		n.Shape, n.Text = Bool, v.Token.Value
	case *ast.NullNode:
	default: // .inf and .nan: nothing here wants them as numbers
		n.Shape, n.Text = Text, from.GetToken().Value
	}
}

// alias returns what the anchor of that name holds: the value with its own place.
func (r *reader) alias(v *ast.AliasNode, otherwise *Node, at inside) *Node {
	name := v.Value.GetToken().Value
	target, ok := r.anchors[name]
	if !ok {
		names := make([]string, 0, len(r.anchors))
		for known := range r.anchors {
			names = append(names, known)
		}
		r.problem(at.path, v, "no anchor &"+name+" stands above this alias", Suggest(name, names))
		otherwise.Shape = Broken
		return otherwise
	}
	r.made = min(r.made+target.weight, maxNodes+1)
	return target
}

// weigh counts a value with all that is in it, up to the limit: behind aliases there may be more than anyone could count.
func (n *Node) weigh() {
	n.weight = 1
	for _, item := range n.Items {
		n.weight = min(n.weight+item.weight, maxNodes+1)
	}
	for _, e := range n.Entries {
		n.weight = min(n.weight+e.Value.weight, maxNodes+1)
	}
}

// tag understands !!str, which makes text of any scalar.
func (r *reader) tag(v *ast.TagNode, otherwise *Node, at inside) *Node {
	if v.Start.Value != "!!str" {
		r.problem(at.path, v, "the tag "+v.Start.Value+" has no meaning here", "remove it")
		otherwise.Shape = Broken
		return otherwise
	}
	if v.Value == nil {
		otherwise.Shape = Text
		return otherwise
	}
	out := r.node(v.Value, inside{path: at.path, depth: at.depth + 1})
	if out.Shape == Number || out.Shape == Bool {
		out.Shape = Text
	}
	return out
}

// mapping converts the lines of a mapping: merged lines after its own, since its own win.
func (r *reader) mapping(out *Node, values []*ast.MappingValueNode, at inside) {
	out.Shape = Mapping
	seen := map[string]int{}
	var merges []*Node
	for _, v := range values {
		line, column := place(v.Key)
		if v.Key.Type() == ast.MergeKeyType {
			merges = append(merges, r.merged(v.Value, at)...)
			continue
		}
		key, ok := r.key(v.Key, at)
		value := r.node(v.Value, at.key(key))
		if !ok {
			continue
		}
		if first, twice := seen[key]; twice {
			r.problem(Join(at.path, key), v.Key, "stands here a second time", "first at line "+strconv.Itoa(first)+": keep one of them")
			continue
		}
		seen[key] = line
		out.Entries = append(out.Entries, Entry{Key: key, Line: line, Column: column, Value: value})
	}
	for _, from := range merges {
		for _, e := range from.Entries {
			if _, own := seen[e.Key]; !own {
				seen[e.Key] = e.Line
				out.Entries = append(out.Entries, e)
			}
		}
	}
}

// key is the text of a mapping's key.
func (r *reader) key(k ast.MapKeyNode, at inside) (string, bool) {
	switch v := k.(type) {
	case *ast.StringNode:
		return v.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		return v.GetToken().Value, true
	}
	r.problem(at.path, k, "a key must be plain text", "")
	return "", false
}

// merged lists the mappings that a << line lays under its mapping.
func (r *reader) merged(value ast.Node, at inside) []*Node {
	from := r.node(value, at.key("<<"))
	list := []*Node{from}
	if from.Shape == List {
		list = from.Items
	}
	for _, one := range list {
		if one.Shape == Broken {
			return nil
		}
		if one.Shape != Mapping {
			r.problem(at.path, value, "<< merges mappings, and this is "+string(one.Shape), "name an anchor, as in <<: *name")
			return nil
		}
	}
	return list
}
