package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"scimsync/sync/resource"
)

// none stands for a path that has no value.
const none = "(none)"

// Safe makes a text from outside fit for a terminal or a page: what could move the
// cursor, change colours, break the line, turn the direction of writing or hide
// (control and format characters, odd spaces, bytes that are no UTF-8) is spelt out
// as an escape. Everything else stays as it is.
func Safe(s string) string {
	if !strings.ContainsFunc(s, odd) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case odd(r):
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		default:
			b.WriteString(s[:size])
		}
		s = s[size:]
	}
	return b.String()
}

func odd(r rune) bool { return !unicode.IsPrint(r) }

// Show gives a value for the reader, on one line.
func Show(v any) string {
	switch v := v.(type) {
	case nil:
		return none
	case string:
		return quoted(v)
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return Safe(v.String())
	case resource.Ref:
		return quoted(v.Key.Kind.String() + " " + v.Key.ID)
	case []resource.Element:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = element(e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = Show(e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		return element(v)
	}
	return quoted(fmt.Sprint(v))
}

// element gives an element of a list: its type, its value, then the rest by name.
func element(e resource.Element) string {
	var parts []string
	for _, name := range []string{"type", "value"} {
		if v, has := e[name]; has {
			parts = append(parts, Show(v))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e)) {
		switch v := e[name]; {
		case name == "type" || name == "value":
		case name == "primary" && v == true:
			parts = append(parts, "primary")
		default:
			parts = append(parts, Safe(name)+"="+Show(v))
		}
	}
	return strings.Join(parts, " ")
}

// quoted puts a text between quotes when it could be taken for something else
// without them.
func quoted(s string) string {
	switch {
	case s == "" || s == "true" || s == "false" || s == none,
		strings.TrimSpace(s) != s,
		strings.ContainsAny(s, `"\[]=,`),
		strings.Contains(s, "->"),
		!utf8.ValidString(s) || strings.ContainsFunc(s, odd):
		return strconv.Quote(s)
	}
	return s
}

// cut shortens a text to so many letters; 0: it stays whole.
func cut(s string, most int) string {
	if most <= 0 || utf8.RuneCountInString(s) <= most {
		return s
	}
	runes := []rune(s)
	return string(runes[:most-1]) + "…"
}

// cutPair shortens two texts to so many letters each, so that where they differ is
// still seen; 0: they stay whole.
func cutPair(a, b string, most int) (string, string) {
	ra, rb := []rune(a), []rune(b)
	if most <= 0 || len(ra) <= most && len(rb) <= most {
		return a, b
	}
	same := 0
	for same < len(ra) && same < len(rb) && ra[same] == rb[same] {
		same++
	}
	if drop := same - most/3; same > most/2 && drop > 0 {
		a, b = "…"+string(ra[drop:]), "…"+string(rb[drop:])
	}
	return cut(a, most), cut(b, most)
}

const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:"

// PathName gives a path for the reader; the enterprise extension, which everybody
// uses, is called by its short name.
func PathName(path string) string {
	if rest, is := strings.CutPrefix(path, enterprise); is {
		return "enterprise:" + Safe(rest)
	}
	return Safe(path)
}

// difference is what changes at one path.
type difference struct {
	Path          string
	Before, After string // ready for the reader, not cut
	New           bool   // of a new account: there is no before
	Resent        bool   // before and after are the same: sent in case it did not arrive
}

// differences lists what a change changes, sorted by path, active first.
func (c *Change) differences() []difference {
	paths := map[string]bool{}
	for path := range c.Before {
		paths[path] = true
	}
	for path := range c.After {
		paths[path] = true
	}
	all := make([]difference, 0, len(paths))
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		d := difference{Path: PathName(path), Before: Show(c.Before[path]), After: Show(c.After[path])}
		d.New = c.Action == Create
		d.Resent = !d.New && d.Before == d.After
		if path == "active" {
			all = slices.Insert(all, 0, d)
			continue
		}
		all = append(all, d)
	}
	return all
}
