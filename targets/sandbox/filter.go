package sandbox

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	filter "github.com/scim2/filter-parser/v2"
)

// The grammar is the library's. Two things are lifted out of a filter before
// it is parsed, and put back after: string literals, because the library takes
// a fifth of a millisecond for a filter (so the same filter with another value
// has to be parsed once only), leaves escapes in the strings and refuses
// lower-case \u escapes; and the filters in brackets, of which the library
// reads at most two terms.

const (
	maxFilter = 8 << 10 // bytes; keeps the recursive parser's stack small
	maxCached = 1000    // parsed filters kept, each
	maxKept   = 256     // bytes of text at most
)

// parser remembers what it parsed.
type parser struct {
	mu    sync.Mutex
	known map[string]parsed
}

type parsed struct {
	expr filter.Expression
	path filter.AttributePath
}

// cached returns what parse makes of text, from memory if it can.
func (p *parser) cached(text string, parse func() (parsed, error)) (parsed, error) {
	p.mu.Lock()
	got, ok := p.known[text]
	p.mu.Unlock()
	if ok {
		return got, nil
	}
	got, err := parse()
	if err != nil || len(text) > maxKept {
		return got, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil || len(p.known) >= maxCached {
		p.known = map[string]parsed{}
	}
	p.known[text] = got
	return got, nil
}

func (p *parser) filter(text string) (filter.Expression, error) {
	got, err := p.cached("filter "+text, func() (parsed, error) {
		e, err := filter.ParseFilter([]byte(text))
		return parsed{expr: e}, err
	})
	return got.expr, err
}

func (p *parser) attribute(text string) (filter.AttributePath, error) {
	got, err := p.cached("path "+text, func() (parsed, error) {
		a, err := filter.ParseAttrPath([]byte(text))
		return parsed{path: a}, err
	})
	return got.path, err
}

// lifted is a filter with its strings and bracketed parts replaced by
// placeholders: a string by "#0", brackets by the sub-attribute in-0 pr.
type lifted struct {
	text    string
	strings []string
	inner   []string // bracketed filters, still with placeholders for strings
}

// lift replaces the string literals, then the brackets.
func lift(src string) (lifted, error) {
	var l lifted
	if len(src) > maxFilter {
		return l, fmt.Errorf("it is longer than %d bytes", maxFilter)
	}
	var out strings.Builder
	for src != "" {
		i := strings.IndexByte(src, '"')
		if i < 0 {
			break
		}
		end, err := literalEnd(src[i:])
		if err != nil {
			return l, err
		}
		var s string
		if err := json.Unmarshal([]byte(src[i:i+end]), &s); err != nil {
			return l, fmt.Errorf("the string %s: %w", src[i:i+end], err)
		}
		fmt.Fprintf(&out, `%s"#%d"`, src[:i], len(l.strings))
		l.strings = append(l.strings, s)
		src = src[i+end:]
	}
	out.WriteString(src)
	return l.liftBrackets(out.String())
}

func literalEnd(s string) (int, error) {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1, nil
		}
	}
	return 0, fmt.Errorf("a string is not closed: %s", s)
}

func (l lifted) liftBrackets(src string) (lifted, error) {
	var out strings.Builder
	for {
		i := strings.IndexByte(src, '[')
		if i < 0 {
			break
		}
		j := strings.IndexByte(src, ']')
		if j < i || strings.IndexByte(src[i+1:j], '[') >= 0 {
			return l, fmt.Errorf("the brackets do not pair")
		}
		fmt.Fprintf(&out, "%s.in-%d pr", strings.TrimRight(src[:i], " "), len(l.inner))
		l.inner = append(l.inner, strings.TrimSpace(src[i+1:j]))
		src = src[j+1:]
	}
	l.text = strings.TrimSpace(out.String() + src)
	return l, nil
}

// placeholder reads the number of what was lifted out.
func placeholder(text, prefix string) (int, bool) {
	digits, ok := strings.CutPrefix(text, prefix)
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && n >= 0
}

// ref is an attribute found in a schema. A ref without attr is a whole
// extension.
type ref struct {
	ext  *schema // nil: common or core
	attr *attribute
	sub  *attribute
}

// leaf is the attribute whose values are compared; a complex attribute stands
// for its value (RFC 7644 section 3.4.2.2).
func (r ref) leaf() *attribute {
	switch {
	case r.sub != nil:
		return r.sub
	case r.attr.Type == "complex":
		return r.attr.sub("value")
	}
	return r.attr
}

// resolve finds an attribute by the path a client wrote, in any case.
func (t *resourceType) resolve(p filter.AttributePath) (ref, bool) {
	var r ref
	switch uri := p.URI(); {
	case uri == "" || strings.EqualFold(uri, t.Core.ID):
		r.attr = t.attr(p.AttributeName)
	default:
		// The library takes the last part of a bare URI for an attribute.
		if r.ext = t.extension(uri + ":" + p.AttributeName); r.ext != nil {
			return r, p.SubAttribute == nil
		}
		if r.ext = t.extension(uri); r.ext != nil {
			r.attr = find(r.ext.Attributes, p.AttributeName)
		}
	}
	if r.attr == nil {
		return r, false
	}
	if p.SubAttribute != nil {
		r.sub = r.attr.sub(*p.SubAttribute)
		return r, r.sub != nil
	}
	return r, true
}

// expr is a filter bound to a resource type and its values.
type expr struct {
	op          string // and or not, pr and the comparisons, or "in" for brackets
	left, right *expr  // right of not and in is nil
	ref         ref
	value       any // nil, bool, time.Time, or string (folded unless case matters)
}

// compile reads a filter for resources of a type. Its errors are refusals.
func (p *parser) compile(t *resourceType, src string) (*expr, error) {
	l, err := lift(src)
	if err != nil {
		return nil, refuse("invalidFilter", "filter %s: %v", src, err)
	}
	ast, err := p.filter(l.text)
	if err != nil {
		return nil, refuse("invalidFilter", "filter %s: %v", src, err)
	}
	e, err := (&binder{p, l, t.resolve, true}).bind(ast)
	if err != nil {
		return nil, refuse("invalidFilter", "filter %s: %v", src, err)
	}
	return e, nil
}

// binder turns the library's tree into an expr.
type binder struct {
	parser   *parser
	lifted   lifted
	resolve  func(filter.AttributePath) (ref, bool)
	brackets bool // whether brackets may come here
}

func (b *binder) bind(e filter.Expression) (*expr, error) {
	switch e := e.(type) {
	case *filter.LogicalExpression:
		left, err := b.bind(e.Left)
		if err != nil {
			return nil, err
		}
		right, err := b.bind(e.Right)
		return &expr{op: string(e.Operator), left: left, right: right}, err
	case *filter.NotExpression:
		inner, err := b.bind(e.Expression)
		return &expr{op: "not", left: inner}, err
	case *filter.AttributeExpression:
		return b.attribute(e)
	}
	return nil, fmt.Errorf("%v cannot be used here", e)
}

func (b *binder) attribute(e *filter.AttributeExpression) (*expr, error) {
	path := e.AttributePath
	if n, ok := placeholder(path.SubAttributeName(), "in-"); ok && n < len(b.lifted.inner) {
		path.SubAttribute = nil
		return b.in(path, b.lifted.inner[n])
	}
	r, ok := b.resolve(path)
	if !ok || r.attr == nil || r.attr.Returned == "never" {
		return nil, fmt.Errorf("there is no attribute %v to filter by", path)
	}
	x := &expr{op: string(e.Operator), ref: r}
	if e.Operator == filter.PR {
		return x, nil
	}
	leaf := r.leaf()
	if leaf == nil || leaf.Type == "complex" {
		return nil, fmt.Errorf("%v has parts and cannot be compared as a whole", path)
	}
	var err error
	x.value, err = b.value(leaf, e)
	return x, err
}

func (b *binder) in(path filter.AttributePath, src string) (*expr, error) {
	r, ok := b.resolve(path)
	if !b.brackets || !ok || r.attr == nil || r.sub != nil || r.attr.Type != "complex" {
		return nil, fmt.Errorf("%v cannot be followed by brackets", path)
	}
	inner, err := b.inside(r.attr, src)
	return &expr{op: "in", ref: r, left: inner}, err
}

// inside compiles a bracketed filter over the elements of an attribute.
func (b *binder) inside(a *attribute, src string) (*expr, error) {
	ast, err := b.parser.filter(src)
	if err != nil {
		return nil, err
	}
	elements := func(p filter.AttributePath) (ref, bool) {
		sub := a.sub(p.AttributeName)
		return ref{attr: sub}, sub != nil && p.URI() == "" && p.SubAttribute == nil
	}
	return (&binder{b.parser, b.lifted, elements, false}).bind(ast)
}

// value checks the compared value against the type of the attribute.
func (b *binder) value(a *attribute, e *filter.AttributeExpression) (any, error) {
	equality := e.Operator == filter.EQ || e.Operator == filter.NE
	switch v := e.CompareValue.(type) {
	case nil:
		if equality {
			return nil, nil
		}
	case bool:
		if equality && a.Type == "boolean" {
			return v, nil
		}
	case string:
		n, ok := placeholder(v, "#")
		if !ok || a.Type == "boolean" {
			break
		}
		s := b.lifted.strings[n]
		ordered := e.Operator != filter.CO && e.Operator != filter.SW && e.Operator != filter.EW
		switch {
		case a.Type == "dateTime" && !ordered, a.Type == "binary" && !equality:
		case a.Type == "dateTime":
			at, err := time.Parse(time.RFC3339Nano, s)
			if err != nil {
				return nil, fmt.Errorf("%q is not a date and time", s)
			}
			return at, nil
		case a.CaseExact:
			return s, nil
		default:
			return fold(s), nil
		}
	}
	return nil, fmt.Errorf("%v cannot be compared with %s and this value: it is of type %s", e.AttributePath, e.Operator, a.Type)
}
