package mapping

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// words of the language, which cannot be variables.
var words = []string{"and", "contains", "else", "endsWith", "false", "if", "in", "let", "matches", "nil", "not", "or", "startsWith", "true"}

// names finds the attributes of the source behind the names in expressions.
type names struct {
	schema record.Schema
	source string
	read   string // the command that shows what it gives
	groups Asking
	used   map[string]int // slots; renumbered in the end
}

// trouble is what is wrong with a name.
type trouble struct{ message, hint string }

// variable resolves a plain name.
func (n *names) variable(name string) (string, *trouble) {
	if same := n.schema.Collides[name]; len(same) > 0 {
		return "", n.ambiguous(name, same)
	}
	if resource.Secret(name) {
		return "", &trouble{name + " is a credential; credentials are never read or sent", ""}
	}
	return name, n.known(name)
}

// inGroups tells why the groups of a person cannot be asked for.
func (n *names) inGroups() *trouble {
	switch n.groups {
	case Groups:
		return nil
	case OfGroups:
		return &trouble{"groups are what people are in; this is a group itself", ""}
	}
	hint := "tell it where they are: add groups: under it"
	if slices.Contains(n.schema.Names, "groups") {
		hint = `its attribute of that name is attr("groups")`
	}
	return &trouble{strings.TrimSpace("source "+n.source) + " has no groups", hint}
}

// spelled resolves what stands in attr("…"): the source's spelling, or the
// variable's name.
func (n *names) spelled(text string) (string, *trouble) {
	for _, v := range slices.Sorted(maps.Keys(n.schema.Collides)) {
		if slices.Contains(n.schema.Collides[v], text) {
			return text, n.notSecret(text)
		}
	}
	for _, v := range slices.Sorted(maps.Keys(n.schema.Spelling)) {
		if n.schema.Spelling[v] == text {
			return v, n.notSecret(v)
		}
	}
	v := record.Var(text)
	if same := n.schema.Collides[v]; len(same) > 0 {
		for _, spelling := range same {
			if strings.EqualFold(spelling, text) {
				return spelling, n.notSecret(v)
			}
		}
		return "", n.ambiguous(text, same)
	}
	if t := n.notSecret(v); t != nil {
		return "", t
	}
	return v, n.known(v)
}

func (n *names) notSecret(name string) *trouble {
	if resource.Secret(name) || resource.Secret(record.Var(name)) {
		return &trouble{name + " is a credential; credentials are never read or sent", ""}
	}
	return nil
}

func (n *names) ambiguous(name string, same []string) *trouble {
	quoted := make([]string, 0, len(same))
	for _, s := range same {
		quoted = append(quoted, fmt.Sprintf("%q", s))
	}
	return &trouble{fmt.Sprintf("%s stands for %s", name, strings.Join(quoted, " and ")),
		fmt.Sprintf("write attr(%s) for the first", quoted[0])}
}

func (n *names) known(name string) *trouble {
	if n.schema.Names == nil || slices.Contains(n.schema.Names, name) {
		return nil
	}
	where := "is not among the attributes of the source"
	if n.source != "" {
		where = "is not among the attributes of source " + n.source
	}
	hint := ""
	if near := resource.Nearest(name, n.schema.Names); near != "" {
		hint = "did you mean " + plain(near) + "?"
	} else if n.read != "" {
		hint = "it may have been renamed there; " + n.read + " shows what there is"
	}
	return &trouble{name + " " + where, hint}
}

// plain writes a name as it has to be written in an expression.
func plain(name string) string {
	if isWord(name) {
		return fmt.Sprintf("attr(%q)", name)
	}
	return name
}

// isWord tells that a name can be reached with attr("…") only.
func isWord(name string) bool {
	if name == "" || slices.Contains(words, name) {
		return true
	}
	for i, r := range name {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) {
			return true
		}
	}
	return false
}

// unreachable gives a hint for a text that does not parse because of such a name.
func (n *names) unreachable(text string) string {
	for _, name := range slices.Sorted(slices.Values(n.schema.Names)) {
		if !isWord(name) || slices.Contains([]string{"true", "false", "nil", "and", "or", "not", "in"}, name) {
			continue
		}
		fields := strings.FieldsFunc(text, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		if slices.Contains(fields, name) {
			return fmt.Sprintf("the attribute %s is reached with attr(%q)", name, name)
		}
	}
	return ""
}

// slot notes that a name is used.
func (n *names) slot(name string) int {
	s, has := n.used[name]
	if !has {
		s = len(n.used)
		n.used[name] = s
	}
	return s
}
