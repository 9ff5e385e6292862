package resource

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	filter "github.com/scim2/filter-parser/v2"
)

// Eq is one comparison of a value filter: Attr eq Value. Value is a string or a bool.
type Eq struct {
	Attr  string
	Value any
}

// Path is a SCIM attribute path taken apart (RFC 7644 section 3.5.2, figure 7).
type Path struct {
	URN    string // of an extension; empty for the core schema
	Attr   string
	Sub    string
	Filter []Eq
}

// String writes the path in canonical form: emails[type eq "work"].value.
func (p Path) String() string {
	var b strings.Builder
	b.WriteString(p.Head())
	if p.Sub != "" {
		b.WriteByte('.')
		b.WriteString(p.Sub)
	}
	return b.String()
}

// Attribute is the path of the attribute alone, without filter and sub-attribute.
func (p Path) Attribute() string {
	if p.URN == "" {
		return p.Attr
	}
	return p.URN + ":" + p.Attr
}

// Head is the path without its sub-attribute: for a path with a filter the element.
func (p Path) Head() string {
	if len(p.Filter) == 0 {
		return p.Attribute()
	}
	var b strings.Builder
	b.WriteString(p.Attribute())
	for i, eq := range p.Filter {
		if i == 0 {
			b.WriteByte('[')
		} else {
			b.WriteString(" and ")
		}
		b.WriteString(eq.Attr)
		b.WriteString(" eq ")
		b.Write(literal(eq.Value))
	}
	b.WriteByte(']')
	return b.String()
}

// literal writes a filter's comparison value, which is a JSON value (RFC 7644
// section 3.4.2.2).
func literal(v any) []byte {
	switch v := v.(type) {
	case string:
		return appendString(nil, v)
	case bool:
		if v {
			return []byte("true")
		}
		return []byte("false")
	default:
		return fmt.Append(nil, v)
	}
}

// Split takes a canonical path apart. It is for paths that came out of this
// package or of Parse: it judges nothing and is much cheaper than Parse.
func Split(text string) Path {
	head, rest := text, ""
	if i := strings.IndexByte(text, '['); i >= 0 {
		head, rest = text[:i], text[i:]
	}
	var p Path
	if i := strings.LastIndexByte(head, ':'); i >= 0 {
		p.URN, head = head[:i], head[i+1:]
	}
	if rest == "" {
		p.Attr, p.Sub, _ = strings.Cut(head, ".")
		return p
	}
	p.Attr = head
	p.Filter, rest = splitFilter(rest[1:])
	p.Sub = strings.TrimPrefix(rest, ".")
	return p
}

// splitFilter reads `a eq "x" and b eq true]` and gives what follows the bracket.
func splitFilter(text string) (list []Eq, rest string) {
	for {
		name, value, found := strings.Cut(text, " eq ")
		if !found {
			return list, ""
		}
		eq := Eq{Attr: name}
		if strings.HasPrefix(value, `"`) {
			end := stringEnd(value)
			eq.Value = unquote(value[:end])
			text = value[end:]
		} else {
			end := strings.IndexAny(value, " ]")
			if end < 0 {
				end = len(value)
			}
			eq.Value = value[:end] == "true"
			text = value[end:]
		}
		list = append(list, eq)
		if !strings.HasPrefix(text, " and ") {
			return list, strings.TrimPrefix(text, "]")
		}
		text = text[len(" and "):]
	}
}

// stringEnd is the index behind the closing quote of the JSON string at the start.
func stringEnd(text string) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

func unquote(text string) string {
	if len(text) >= 2 && strings.IndexByte(text, '\\') < 0 {
		return text[1 : len(text)-1]
	}
	var s string
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return strings.Trim(text, `"`)
	}
	return s
}

// Parse reads a path as an admin writes it in a mapping and gives it in the
// schema's spelling. A path that a mapping must not have is an error which says why
// and what to write instead.
func (s Shape) Parse(text string) (Path, error) {
	raw, err := filter.ParsePath([]byte(text))
	if err != nil || !utf8.ValidString(text) {
		return Path{}, errors.New(`not a SCIM path; write for example userName, name.givenName or emails[type eq "work"].value`)
	}
	p := Path{URN: raw.AttributePath.URI(), Attr: raw.AttributePath.AttributeName, Sub: raw.AttributePath.SubAttributeName()}
	if p.Sub == "" {
		p.Sub = raw.SubAttributeName()
	} else if raw.ValueExpression != nil {
		return Path{}, fmt.Errorf("the filter belongs behind the attribute: %s[…].%s", p.Attr, p.Sub)
	}
	if raw.ValueExpression != nil {
		if p.Filter, err = comparisons(raw.ValueExpression); err != nil {
			return Path{}, err
		}
	}
	return s.canonical(p)
}

// comparisons flattens `a eq x and b eq y`; any other filter is refused, since it
// does not tell how a new element has to look.
func comparisons(e filter.Expression) ([]Eq, error) {
	switch e := e.(type) {
	case *filter.AttributeExpression:
		if e.Operator != filter.EQ {
			return nil, fmt.Errorf(`the filter may only compare with eq, as in [type eq "work"], not with %s`, e.Operator)
		}
		switch v := e.CompareValue.(type) {
		case string:
			value := unquote(`"` + v + `"`)
			if strings.ContainsFunc(value, unicode.IsControl) {
				return nil, fmt.Errorf("the filter compares %s with a text that holds control characters", e.AttributePath)
			}
			return []Eq{{e.AttributePath.AttributeName, value}}, nil
		case bool:
			return []Eq{{e.AttributePath.AttributeName, v}}, nil
		}
		return nil, fmt.Errorf("the filter compares %s with something that is neither a text in double quotes nor true or false", e.AttributePath)
	case *filter.LogicalExpression:
		if e.Operator != filter.AND {
			return nil, errors.New(`the filter may join comparisons only with "and"`)
		}
		left, err := comparisons(e.Left)
		if err != nil {
			return nil, err
		}
		right, err := comparisons(e.Right)
		return append(left, right...), err
	}
	return nil, errors.New(`the filter may only hold comparisons with eq, joined with "and"`)
}
