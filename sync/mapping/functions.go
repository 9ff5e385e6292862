package mapping

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr/builtin"
)

// said is an error whose text holds no value and can be shown to anybody.
type said struct{ text string }

func (s *said) Error() string { return s.text }

func say(format string, args ...any) error { return &said{fmt.Sprintf(format, args...)} }

// unsteady are functions of the language that read the clock, or whose result hangs
// on the random order of a map. They do not exist here.
var unsteady = map[string]bool{
	"now": true, "date": true, "duration": true, "timezone": true,
	"keys": true, "toPairs": true, "groupBy": true, "values": true,
}

// functions gives what can be called, by name. With nilled a function of nothing is
// nothing, as in the three-valued include and active; else it is an error, so that
// nobody gets half a value.
func functions(nilled bool) map[string]*builtin.Function {
	all := map[string]*builtin.Function{}
	add := func(name string, fn any, f func(args []any) (any, error)) {
		all[name] = &builtin.Function{Name: name, Types: []reflect.Type{reflect.TypeOf(fn)}, Func: func(args ...any) (any, error) {
			return f(args)
		}}
	}
	for _, f := range builtin.Builtins {
		if !f.Predicate && !unsteady[f.Name] {
			wrapped := *f
			wrapped.Fast, wrapped.Safe = nil, nil
			wrapped.Func = wrap(f, nilled)
			all[f.Name] = &wrapped
		}
	}
	text := func(name string, fn func(string) any) {
		add(name, func(any) any { return nil }, func(args []any) (any, error) {
			s, err := oneText(name, args, nilled)
			if s == nil || err != nil {
				return nil, err
			}
			return fn(*s), nil
		})
	}
	text("lower", func(s string) any { return strings.ToLower(s) })
	text("upper", func(s string) any { return strings.ToUpper(s) })
	text("trim", func(s string) any { return strings.TrimSpace(s) })
	add("first", func(any) any { return nil }, func(args []any) (any, error) { return first(args[0]) })
	add("join", func(any, ...string) any { return nil }, join)
	add("default", func(any, any) any { return nil }, func(args []any) (any, error) {
		if args[0] == nil || args[0] == "" {
			return args[1], nil
		}
		return args[0], nil
	})
	add("required", func(any) any { return nil }, func(args []any) (any, error) {
		if args[0] == nil || args[0] == "" {
			return nil, say("required(…) got no value")
		}
		return args[0], nil
	})
	add("dn_part", func(any, string, ...int) any { return nil }, func(args []any) (any, error) { return dnPart(args, nilled) })
	add("file_time", func(any) any { return nil }, func(args []any) (any, error) { return moment("file_time", args, fileTime) })
	add("ldap_time", func(any) any { return nil }, func(args []any) (any, error) { return moment("ldap_time", args, ldapTime) })
	add("ref", func(any, ...string) any { return nil }, reference)
	for _, name := range []string{"attr", "values"} { // these never run: reading the names replaces them
		add(name, func(any) any { return nil }, func([]any) (any, error) { return nil, say("%s(…) needs a name in quotes", name) })
	}
	return all
}

// wrap guards a function of the language against nothing and against values that
// it cannot take; its own messages would say "interface conversion", or the value.
func wrap(f *builtin.Function, nilled bool) func(...any) (any, error) {
	mayBeNil := f.Name == "type" || f.Name == "string" || f.Name == "toJSON" || f.Name == "get"
	return func(args ...any) (result any, err error) {
		if !mayBeNil && slices.Contains(args, nil) {
			if nilled {
				return nil, nil
			}
			return nil, say("%s(…) got no value", f.Name)
		}
		defer func() {
			if recover() != nil {
				result, err = nil, say("%s(…) cannot work with %s", f.Name, kinds(args))
			}
		}()
		switch {
		case f.Fast != nil:
			return f.Fast(args[0]), nil
		case f.Safe != nil:
			result, _, err = f.Safe(args...)
		default:
			result, err = f.Func(args...)
		}
		if err != nil {
			return nil, say("%s(…) cannot work with %s", f.Name, kinds(args))
		}
		return result, nil
	}
}

// kinds names the kinds of values, never the values.
func kinds(args []any) string {
	list := make([]string, 0, len(args))
	for _, a := range args {
		list = append(list, kind(a))
	}
	if len(list) == 0 {
		return "nothing"
	}
	return strings.Join(list, ", ")
}

func kind(v any) string {
	switch v.(type) {
	case nil:
		return "nothing"
	case string:
		return "a text"
	case bool:
		return "true or false"
	case int, float64:
		return "a number"
	case time.Time:
		return "a time"
	}
	switch reflect.TypeOf(v).Kind() {
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map:
		return "a map"
	}
	return "something else"
}

// oneText takes the one text that a function works on; nil without an error means
// that there is none and that this is fine.
func oneText(name string, args []any, nilled bool) (*string, error) {
	switch v := args[0].(type) {
	case string:
		return &v, nil
	case nil:
		if nilled {
			return nil, nil
		}
		return nil, say("%s(…) got no value", name)
	}
	return nil, say("%s(…) needs a text, not %s", name, kind(args[0]))
}

func first(v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	list := reflect.ValueOf(v)
	if list.Kind() != reflect.Slice {
		return v, nil
	}
	if list.Len() == 0 {
		return nil, nil
	}
	return list.Index(0).Interface(), nil
}

// join leaves out what is nothing; a list of nothing is nothing.
func join(args []any) (any, error) {
	if args[0] == nil {
		return nil, nil
	}
	list := reflect.ValueOf(args[0])
	if list.Kind() != reflect.Slice {
		return nil, say("join(…) needs a list, not %s", kind(args[0]))
	}
	var texts []string
	for i := range list.Len() {
		switch v := list.Index(i).Interface().(type) {
		case nil:
		case string:
			texts = append(texts, v)
		default:
			return nil, say("join(…) needs a list of texts; there is %s in it", kind(v))
		}
	}
	glue := ""
	if len(args) > 1 {
		glue, _ = args[1].(string)
	}
	if texts == nil {
		return nil, nil
	}
	return strings.Join(texts, glue), nil
}

// moment makes a time of a text; nothing stays nothing.
func moment(name string, args []any, parse func(string) (time.Time, error)) (any, error) {
	switch v := args[0].(type) {
	case nil:
		return nil, nil
	case string:
		at, err := parse(v)
		if err != nil {
			return nil, say("%s(…): %v", name, err)
		}
		if at.IsZero() {
			return nil, nil
		}
		return at, nil
	}
	return nil, say("%s(…) needs a text, not %s", name, kind(args[0]))
}

// fileTime reads a Windows FILETIME: 100 ns since 1601-01-01 UTC. 0 and the
// greatest value mean never, which is the zero time.
func fileTime(text string) (time.Time, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return time.Time{}, errors.New("not a number of 100 ns since 1601")
	}
	if n == 0 || n == 1<<63-1 {
		return time.Time{}, nil
	}
	const toUnix = 11_644_473_600 // seconds from 1601 to 1970
	return time.Unix(n/1e7-toUnix, n%1e7*100).UTC(), nil
}

// ldapTime reads a GeneralizedTime (RFC 4517 section 3.3.13).
func ldapTime(text string) (time.Time, error) {
	body := strings.ReplaceAll(text, ",", ".")
	zone := strings.IndexAny(body, "Z+-")
	if zone < 10 {
		return time.Time{}, errors.New("not a GeneralizedTime such as 20260131080000Z")
	}
	digits, fraction, hasFraction := strings.Cut(body[:zone], ".")
	layout := map[int]string{10: "2006010215", 12: "200601021504", 14: "20060102150405"}[len(digits)]
	unit := map[int]time.Duration{10: time.Hour, 12: time.Minute, 14: time.Second}[len(digits)]
	offset := map[int]string{1: "Z", 3: "Z07", 5: "Z0700"}[len(body)-zone]
	at, err := time.Parse(layout+offset, digits+body[zone:])
	if layout == "" || offset == "" || err != nil {
		return time.Time{}, errors.New("not a GeneralizedTime such as 20260131080000Z")
	}
	if hasFraction {
		part, err := strconv.ParseFloat("0."+fraction, 64)
		if err != nil {
			return time.Time{}, errors.New("not a GeneralizedTime such as 20260131080000Z")
		}
		at = at.Add(time.Duration(part * float64(unit)))
	}
	return at.UTC(), nil
}
