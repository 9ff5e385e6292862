package config

import (
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"scimsync/internal/strictyaml"
)

// scalar describes a value that is written as text: parse tells what is wrong with it ("" for nothing) and what to do.
func scalar[T any](what string, of schema, parse func(text string) (T, string), print func(T) any) kind[T] {
	return kind[T]{
		schema: func(mode) schema { return of },
		decode: func(s spot, n *strictyaml.Node, into *T) {
			if !s.wants(n, strictyaml.Text, what) {
				return
			}
			value, wrong := parse(n.Text)
			if wrong != "" {
				s.wrong(s.at(n), strconv.Quote(n.Text)+" "+wrong, "write "+what)
				return
			}
			*into = value
		},
		lines: func(value *T, tell emit) {
			if v := print(*value); v != nil && v != "" {
				tell("", v)
			}
		},
	}
}

// text is any text but the empty.
func text(what string) kind[string] {
	return kind[string]{
		schema: func(mode) schema { return schema{"type": "string", "minLength": 1} },
		decode: func(s spot, n *strictyaml.Node, into *string) {
			if !s.wantsText(n, what) {
				return
			}
			if n.Text == "" {
				s.wrong(s.at(n), "is empty", "write "+what+", or remove the line")
				return
			}
			*into = n.Text
		},
		lines: func(value *string, tell emit) {
			if *value != "" {
				tell("", *value)
			}
		},
	}
}

// filePath is the path of a file; a relative one is relative to the config file.
func filePath() kind[string] {
	k := text("the path of a file")
	read := k.decode
	k.decode = func(s spot, n *strictyaml.Node, into *string) {
		var given string
		if read(s, n, &given); given != "" {
			*into = absolute(s.w.dir, given)
		}
	}
	return k
}

func absolute(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// word is one of a few words.
func word[T ~string](known ...T) kind[T] {
	names, list := make([]string, 0, len(known)), make([]any, 0, len(known))
	for _, k := range known {
		names, list = append(names, string(k)), append(list, string(k))
	}
	return kind[T]{
		schema: func(mode) schema { return schema{"enum": list} },
		decode: func(s spot, n *strictyaml.Node, into *T) {
			if !s.wants(n, strictyaml.Text, "one of "+strictyaml.OrList(names)) {
				return
			}
			if !slices.Contains(names, n.Text) {
				s.wrong(s.at(n), strconv.Quote(n.Text)+" is unknown here", strictyaml.Suggest(n.Text, names))
				*into = "" // no word at all, so that no rule takes it for the default
				return
			}
			*into = T(n.Text)
		},
		lines: func(value *T, tell emit) { tell("", string(*value)) },
	}
}

// duration is a span of time that is at least least.
func duration(least time.Duration) kind[time.Duration] {
	of := schema{"type": "string", "pattern": `^([0-9]+(ms|s|m|h|d))+$`}
	return scalar("a duration such as 90s, 15m, 2h or 30d", of, func(text string) (time.Duration, string) {
		d, err := strictyaml.ParseDuration(text)
		switch {
		case err != nil:
			return 0, err.Error()
		case d < least:
			return 0, "is too short, at least " + strictyaml.FormatDuration(least)
		}
		return d, ""
	}, func(d time.Duration) any { return strictyaml.FormatDuration(d) })
}

// percentage is a share as "40%".
func percentage() kind[float64] {
	of := schema{"type": "string", "pattern": `^[0-9]+(\.[0-9]+)?%$`}
	return scalar(`a percentage from 0% to 100%, such as 40%`, of, func(text string) (float64, string) {
		value, err := parsePercent(text)
		if err != nil {
			return 0, err.Error()
		}
		return value, ""
	}, func(value float64) any { return strconv.FormatFloat(value, 'f', -1, 64) + "%" })
}

// integer is a whole number from least to most.
func integer(least, most int) kind[int] {
	what := "a whole number from " + strconv.Itoa(least) + " to " + strconv.Itoa(most)
	if most == noLimit {
		what = "a whole number of at least " + strconv.Itoa(least)
	}
	return kind[int]{
		schema: func(mode) schema { return schema{"type": "integer", "minimum": least, "maximum": most} },
		decode: func(s spot, n *strictyaml.Node, into *int) {
			if !s.wants(n, strictyaml.Number, what) {
				return
			}
			value, err := strconv.Atoi(n.Text)
			if err != nil || value < least || value > most {
				s.wrong(s.at(n), n.Text+" is out of range", "write "+what)
				return
			}
			*into = value
		},
		lines: func(value *int, tell emit) { tell("", *value) },
	}
}

// share is a number of percent without the sign, as the guard has it.
func share() kind[float64] {
	const what = "a number from 0 to 100"
	return kind[float64]{
		schema: func(mode) schema { return schema{"type": "number", "minimum": 0, "maximum": 100} },
		decode: func(s spot, n *strictyaml.Node, into *float64) {
			if number, ok := strings.CutSuffix(n.Text, "%"); ok && n.Shape == strictyaml.Text {
				s.wrong(s.at(n), "wants "+what+", without the sign", "write "+strings.TrimSpace(number))
				return
			}
			if !s.wants(n, strictyaml.Number, what) {
				return
			}
			value, err := strconv.ParseFloat(n.Text, 64)
			if err != nil || !(value >= 0 && value <= 100) {
				s.wrong(s.at(n), n.Text+" is out of range", "write "+what)
				return
			}
			*into = value
		},
		lines: func(value *float64, tell emit) { tell("", *value) },
	}
}

// yesNo is true or false.
func yesNo() kind[bool] {
	return kind[bool]{
		schema: func(mode) schema { return schema{"type": "boolean"} },
		decode: func(s spot, n *strictyaml.Node, into *bool) {
			if s.wants(n, strictyaml.Bool, "true or false") {
				*into = n.Text == "true" || n.Text == "True" || n.Text == "TRUE"
			}
		},
		lines: func(value *bool, tell emit) { tell("", *value) },
	}
}

// expression is text that the mapping compiles. What YAML takes for a number or for true is its source just the same.
func expression() kind[Text] {
	return kind[Text]{
		schema: func(mode) schema { return schema{"type": []any{"string", "number", "boolean"}} },
		decode: func(s spot, n *strictyaml.Node, into *Text) {
			if n.Shape != strictyaml.Number && n.Shape != strictyaml.Bool && !s.wants(n, strictyaml.Text, "an expression") {
				return
			}
			if n.Text == "" {
				s.wrong(s.at(n), "the expression is empty", "write an expression, such as mail")
				return
			}
			*into = Text{Value: n.Text, Pos: s.at(n)}
		},
		lines: func(value *Text, tell emit) {
			if value.Value != "" {
				tell("", value.Value)
			}
		},
	}
}

// literal is text in which what YAML takes for a number is meant as it is written: an id, a date without dashes.
func literal() kind[string] {
	return kind[string]{
		schema: func(mode) schema { return schema{"type": []any{"string", "number"}} },
		decode: func(s spot, n *strictyaml.Node, into *string) {
			if n.Shape == strictyaml.Number || s.wants(n, strictyaml.Text, "text") {
				*into = n.Text
			}
		},
		lines: func(value *string, tell emit) { tell("", *value) },
	}
}

// pointer is a value that may be left out.
func pointer[T any](k kind[T]) kind[*T] {
	return kind[*T]{
		keys:   k.keys,
		schema: k.schema,
		decode: func(s spot, n *strictyaml.Node, into **T) {
			value := new(T) // never the one of the job that this is laid over
			if *into != nil {
				*value = **into
			} else if k.fill != nil {
				k.fill(value)
			}
			k.decode(s, n, value)
			*into = value
		},
		lines: func(value **T, tell emit) {
			if *value != nil {
				k.lines(*value, tell)
			}
		},
	}
}

// optional is a pointer that null takes away, also where it is laid over a value.
func optional[T any](k kind[T]) kind[*T] {
	out := pointer(k)
	read := out.decode
	out.decode = func(s spot, n *strictyaml.Node, into **T) {
		if n.Shape == strictyaml.Null {
			*into = nil
			return
		}
		read(s, n, into)
	}
	out.schema = func(m mode) schema {
		of := maps.Clone(k.schema(m))
		of["type"] = []any{of["type"], "null"}
		return of
	}
	return out
}

// bare says how a list with one item may be written.
type bare int

const (
	inBrackets bare = iota
	alone           // also as the item itself
)

// list is a list of values, each once.
func list[T any](item kind[T], b bare) kind[[]T] {
	return kind[[]T]{
		schema: func(m mode) schema {
			array := schema{"type": "array", "items": item.schema(m), "minItems": 1}
			if b == alone {
				return schema{"anyOf": []any{item.schema(m), array}}
			}
			return array
		},
		decode: func(s spot, n *strictyaml.Node, into *[]T) {
			items := n.Items
			if b == alone && n.Shape != strictyaml.List && n.Shape != strictyaml.Null {
				items = []*strictyaml.Node{n}
			} else if !s.wants(n, strictyaml.List, "a list") {
				return
			}
			if len(items) == 0 {
				s.wrong(s.at(n), "the list is empty", "remove the line, or name at least one")
			}
			*into = make([]T, len(items))
			first := map[string]int{}
			for i, it := range items {
				item.decode(s.item(i, it), it, &(*into)[i])
				if line, twice := first[it.Text]; twice && it.Text != "" {
					s.wrong(s.item(i, it).at(it), strconv.Quote(it.Text)+" stands here a second time", "first at line "+strconv.Itoa(line))
				} else {
					first[it.Text] = it.Line
				}
			}
		},
		lines: func(value *[]T, tell emit) {
			all := make([]any, 0, len(*value))
			for i := range *value {
				all = append(all, plain(item, &(*value)[i]))
			}
			if len(all) > 0 {
				tell("", all)
			}
		},
	}
}

// zone is a time zone of the IANA database.
func zone() kind[*time.Location] {
	return scalar("a time zone such as Europe/Zurich", schema{"type": "string"}, func(text string) (*time.Location, string) {
		if text == "" || text == "Local" {
			return nil, "is not a time zone"
		}
		found, err := time.LoadLocation(text)
		if err != nil {
			return nil, "is not a time zone"
		}
		return found, ""
	}, func(z *time.Location) any {
		if z == nil {
			return nil
		}
		return z.String()
	})
}

// dateFormat is how dates are written.
func dateFormat() kind[DateFormat] {
	const what = "a format of YYYY, MM, DD, HH, mm, ss and punctuation, such as YYYY-MM-DD"
	return kind[DateFormat]{
		schema: func(mode) schema { return schema{"type": "string", "minLength": 1} },
		decode: func(s spot, n *strictyaml.Node, into *DateFormat) {
			if !s.wants(n, strictyaml.Text, what) {
				return
			}
			format, err := ParseDateFormat(n.Text)
			if err != nil {
				s.wrong(s.at(n), err.Error(), "write "+what)
				return
			}
			*into = format
		},
		lines: func(value *DateFormat, tell emit) { tell("", value.Text) },
	}
}

// nameRule is what sources, targets and jobs may be called: names stand in paths, on command lines and in metrics.
var nameRule = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$`)

// named is a mapping from names to what the table describes. name says where an element keeps its name and place.
func named[T any](t table[T], name func(*T) (*string, *Pos)) kind[[]T] {
	k := t.kind()
	return kind[[]T]{
		schema: func(m mode) schema {
			return schema{
				"type": "object", "minProperties": 1, "additionalProperties": k.schema(m),
				"propertyNames": schema{"pattern": nameRule.String()},
			}
		},
		decode: func(s spot, n *strictyaml.Node, into *[]T) {
			if !s.wants(n, strictyaml.Mapping, "a mapping of names") {
				return
			}
			if len(n.Entries) == 0 {
				s.wrong(s.at(n), "names none", "name at least one")
			}
			for _, e := range n.Entries {
				at := s.in(e)
				if !nameRule.MatchString(e.Key) {
					s.wrong(at.key(), strconv.Quote(e.Key)+" cannot be a name", "letters, digits, - and _, at most 63, a letter or digit first")
				}
				var value T
				k.fill(&value)
				called, pos := name(&value)
				*called, *pos = e.Key, at.key()
				k.decode(at, e.Value, &value)
				*into = append(*into, value)
			}
		},
		lines: func(value *[]T, tell emit) {
			for i := range *value {
				called, _ := name(&(*value)[i])
				k.lines(&(*value)[i], func(path string, v any) { tell("."+*called+path, v) })
			}
		},
	}
}
