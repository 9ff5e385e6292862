package mapping

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/expr-lang/expr/file"
)

// wrong is an error of one person at one line.
func (m *Mapper) wrong(c *code, reason string) error {
	return fmt.Errorf("%s (%s): %s", c.what, c.place, reason)
}

// wrong is an error of one person at this line.
func (l *line) wrong(reason string) error {
	return fmt.Errorf("%s (%s): %s", l.path, l.place, reason)
}

// typesOnly are messages of the language that name types and no values.
var typesOnly = regexp.MustCompile(`^(invalid operation: [\w.<>{}\[\] ]+ (\+|-|\*|/|%|\*\*|<|>|<=|>=) [\w.<>{}\[\] ]+|memory budget exceeded|index out of range: -?\d+ \(array length is \d+\))$`)

// explain says what went wrong without showing a value.
func (m *Mapper) explain(c *code, err error) string {
	text := "cannot be computed"
	var own *said
	var at *file.Error
	message := err.Error()
	if errors.As(err, &at) {
		message = at.Message
	}
	switch {
	case errors.As(err, &own):
		text = own.text
	case typesOnly.MatchString(message):
		text = words4types.Replace(message)
	case strings.HasPrefix(message, "interface conversion"):
		text = "a value is of the wrong kind"
	}
	missing := strings.Contains(text, "got no value") || strings.Contains(message, "nil")
	if absent := m.absent(c); missing && absent != "" {
		text += "; " + absent
	}
	if at != nil && own == nil {
		text += fmt.Sprintf(" (%d:%d of the expression)", at.Line, at.Column+1)
	}
	return text
}

// words4types puts the admin's words in the place of Go's.
var words4types = strings.NewReplacer("<nil>", "nothing", "string", "text", "interface {}", "value", "float64", "number", "int", "number",
	"[]value", "list", "invalid operation: ", "cannot compute ")

// absent names the variables of an expression that have no value.
func (m *Mapper) absent(c *code) string {
	var list []string
	for _, s := range c.single {
		if m.count[s] == 0 {
			list = append(list, m.p.names[s])
		}
	}
	if c.enabled && m.env["$account_enabled "] == nil {
		list = append(list, "account_enabled")
	}
	if c.dn && m.env["$dn "] == nil {
		list = append(list, "dn")
	}
	switch len(list) {
	case 0:
		return "it compares something that has no value"
	case 1:
		return fmt.Sprintf("%s has no value; default(%s, …) gives it one", list[0], plain(list[0]))
	}
	return fmt.Sprintf("%s have no value; default(…, …) gives them one", strings.Join(list, " and "))
}
