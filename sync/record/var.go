package record

import (
	"strings"
	"unicode"
)

// Var turns an attribute's name at the source into the name of its variable in
// expressions: lower case, and anything but letters and digits becomes an
// underscore ("Employee ID" is employee_id).
func Var(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r):
			return unicode.ToLower(r)
		case unicode.IsDigit(r):
			return r
		default:
			return '_'
		}
	}, strings.TrimSpace(name))
}
