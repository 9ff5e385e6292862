package sandbox

import (
	"fmt"
	"strings"
)

// attrPath is how habits and profiles name an attribute of a canonical
// resource: title, name.givenName, emails, emails.value, emails[work].value,
// enterprise, enterprise:department.
type attrPath struct {
	ext             bool
	attr, kind, sub string
}

func parseAttrPath(text string) (attrPath, error) {
	var p attrPath
	rest := text
	if text == "enterprise" {
		return attrPath{ext: true}, nil
	}
	if rest, p.ext = strings.CutPrefix(rest, "enterprise:"); rest == "" {
		return p, fmt.Errorf("%q names no attribute", text)
	}
	rest, p.sub, _ = strings.Cut(rest, ".")
	p.attr = rest
	if name, kind, ok := strings.Cut(rest, "["); ok {
		p.attr, p.kind = name, strings.TrimSuffix(kind, "]")
	}
	attrs := userSchema().Attributes
	if p.ext {
		attrs = enterpriseSchema().Attributes
	}
	a := find(attrs, p.attr)
	if a == nil && p.attr == "externalId" {
		return p, nil
	}
	if a == nil || a.Name != p.attr || p.sub != "" && a.sub(p.sub) == nil || p.kind != "" && !a.MultiValued {
		return p, fmt.Errorf("%q is no attribute of a user", text)
	}
	return p, nil
}

func (p attrPath) String() string {
	text := p.attr
	if p.kind != "" {
		text += `[type eq "` + p.kind + `"]`
	}
	if p.sub != "" {
		text += "." + p.sub
	}
	if p.ext {
		text = strings.TrimSuffix(enterpriseURN+":"+text, ":")
	}
	return text
}

// container is the object that holds the attribute, or nil.
func (p attrPath) container(m map[string]any) map[string]any {
	if !p.ext {
		return m
	}
	ext, _ := m[enterpriseURN].(map[string]any)
	return ext
}

// elements are the values of the attribute, or those of a type.
func (p attrPath) elements(m map[string]any) []any {
	var out []any
	for _, v := range list(p.container(m)[p.attr]) {
		e, _ := v.(map[string]any)
		if p.kind == "" || e["type"] == p.kind {
			out = append(out, v)
		}
	}
	return out
}

// texts are the strings that the path names.
func (p attrPath) texts(m map[string]any) []string {
	var out []string
	for _, v := range p.elements(m) {
		if e, ok := v.(map[string]any); ok && p.sub != "" {
			v = e[p.sub]
		}
		if text, ok := v.(string); ok {
			out = append(out, text)
		}
	}
	return out
}

// has says whether the path names anything that is not empty.
func (p attrPath) has(m map[string]any) bool {
	for _, v := range p.elements(m) {
		if e, ok := v.(map[string]any); ok && p.sub != "" {
			v = e[p.sub]
		}
		if v != nil && v != "" {
			return true
		}
	}
	return p.ext && p.attr == "" && p.container(m) != nil
}

// rewrite changes the strings that the path names.
func (p attrPath) rewrite(m map[string]any, change func(string) string) {
	c := p.container(m)
	if text, ok := c[p.attr].(string); ok {
		c[p.attr] = change(text)
	}
	for _, v := range p.elements(m) {
		e, _ := v.(map[string]any)
		if text, ok := e[p.sub].(string); ok {
			e[p.sub] = change(text)
		}
	}
}

// pathsOf reads a list of paths, for habits that take one.
func pathsOf(make func(paths []attrPath) hooks) func(*Server, string) (hooks, error) {
	return func(_ *Server, value string) (hooks, error) {
		var paths []attrPath
		for text := range strings.SplitSeq(value, ",") {
			p, err := parseAttrPath(strings.TrimSpace(text))
			if err != nil {
				return hooks{}, err
			}
			paths = append(paths, p)
		}
		return make(paths), nil
	}
}

// perPath reads "PATH WORD, PATH WORD".
func perPath(make func(words map[attrPath]string) (hooks, error)) func(*Server, string) (hooks, error) {
	return func(_ *Server, value string) (hooks, error) {
		words := map[attrPath]string{}
		for pair := range strings.SplitSeq(value, ",") {
			text, word, ok := strings.Cut(strings.TrimSpace(pair), " ")
			if !ok {
				return hooks{}, fmt.Errorf("%q: write PATH, a space and what belongs to it", pair)
			}
			p, err := parseAttrPath(text)
			if err != nil {
				return hooks{}, err
			}
			words[p] = strings.TrimSpace(word)
		}
		return make(words)
	}
}
