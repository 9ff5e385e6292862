package config

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"scimsync/internal/strictyaml"
)

// walker collects what a walk over the nodes finds.
type walker struct {
	file     string
	dir      string // absolute; relative paths are relative to it
	problems Problems
	warnings Problems
	places   map[string]Pos
}

// spot is where the walk is: a value of the file, under its path.
type spot struct {
	w    *walker
	path string
	// over is the path of the value that this one is laid over: "jobs.staff.users" for "jobs.staff.to.sandbox.users". Else "".
	over string
	// line and column are those of the key that holds the value: where it is said that a key is missing.
	line, column int
}

// in is the spot of the value under an entry of the value at s.
func (s spot) in(e strictyaml.Entry) spot {
	child := spot{w: s.w, path: strictyaml.Join(s.path, e.Key), line: e.Line, column: e.Column}
	if s.over != "" {
		child.over = strictyaml.Join(s.over, e.Key)
	}
	s.w.places[child.path] = child.at(e.Value)
	return child
}

// item is the spot of the i-th item of the list at s.
func (s spot) item(i int, n *strictyaml.Node) spot {
	child := spot{w: s.w, path: s.path + "[" + strconv.Itoa(i) + "]", line: n.Line, column: n.Column}
	s.w.places[child.path] = child.at(n)
	return child
}

// at is the place of a value that belongs to this spot.
func (s spot) at(n *strictyaml.Node) Pos {
	return Pos{File: s.w.file, Line: n.Line, Column: n.Column, Path: s.path}
}

// key is the place of the key that holds the value at s.
func (s spot) key() Pos {
	return Pos{File: s.w.file, Line: s.line, Column: s.column, Path: s.path}
}

// has says whether the file has the key under the value at s, here or in what this value is laid over.
func (s spot) has(key string) bool {
	if _, ok := s.w.places[strictyaml.Join(s.path, key)]; ok {
		return true
	}
	_, ok := s.w.places[strictyaml.Join(s.over, key)]
	return ok && s.over != ""
}

// child is the place of a key under the value at s, or of s where the file leaves it out.
func (s spot) child(key string) Pos {
	if pos, ok := s.w.places[strictyaml.Join(s.path, key)]; ok {
		return pos
	}
	if pos, ok := s.w.places[strictyaml.Join(s.over, key)]; ok && s.over != "" {
		return pos
	}
	pos := s.key()
	pos.Path = strictyaml.Join(s.path, key)
	return pos
}

func (s spot) wrong(pos Pos, message, hint string) {
	s.w.problems = append(s.w.problems, pos.Problem(message, hint))
}

func (s spot) warn(pos Pos, message, hint string) {
	s.w.warnings = append(s.w.warnings, pos.Problem(message, hint))
}

// schema is a JSON Schema.
type schema = map[string]any

// mode says how a value is written.
type mode int

const (
	whole   mode = iota // on its own: required keys must be there
	overlay             // laid over another: every key may be left out
)

// emit takes one line of a value: its path under the value and what it holds.
type emit func(path string, value any)

// kind is what a value may be. It is the one description that decodes, prints and documents a value of type T.
type kind[T any] struct {
	schema func(mode) schema
	// decode reads n into what holds the default, or the value that n is laid over.
	decode func(s spot, n *strictyaml.Node, into *T)
	// lines tells what a value holds, for print and for the defaults of the schema. It tells nothing of what is absent.
	lines func(value *T, tell emit)
	// fill sets the defaults.
	fill func(*T)
	// keys are the names of the keys, if values are mappings with fixed keys.
	keys []string
}

// field is one key of a mapping that is kept in an S.
type field[S any] struct {
	name     string
	doc      string
	required bool
	schema   func(mode) schema
	decode   func(s spot, n *strictyaml.Node, into *S)
	lines    func(from *S, tell emit)
	fill     func(*S)
	keys     []string
}

// key describes a key whose value is kept where at says.
func key[S, T any](name string, k kind[T], at func(*S) *T, doc string) field[S] {
	return field[S]{
		name: name, doc: doc, keys: k.keys, schema: k.schema,
		decode: func(s spot, n *strictyaml.Node, into *S) { k.decode(s, n, at(into)) },
		lines:  func(from *S, tell emit) { k.lines(at(from), tell) },
		fill: func(into *S) {
			if k.fill != nil {
				k.fill(at(into))
			}
		},
	}
}

// keyOr is key with a default.
func keyOr[S, T any](name string, k kind[T], at func(*S) *T, def T, doc string) field[S] {
	k.fill = func(into *T) { *into = def }
	f := key(name, k, at, doc)
	f.schema = func(m mode) schema {
		out := maps.Clone(k.schema(m))
		if value := plain(k, &def); value != nil && m == whole {
			out["default"] = value
		}
		return out
	}
	return f
}

// must is f as a key that may not be left out.
func (f field[S]) must() field[S] {
	f.required = true
	return f
}

// plain is a value as JSON would hold it, or nil.
func plain[T any](k kind[T], value *T) any {
	var alone any
	object := map[string]any{}
	k.lines(value, func(path string, v any) {
		if path == "" {
			alone = v
		} else {
			object[strings.TrimPrefix(path, ".")] = v
		}
	})
	if len(object) > 0 {
		return object
	}
	return alone
}

// table describes a mapping with fixed keys that is kept in an S.
type table[S any] struct {
	doc    string
	fields []field[S]
	// check looks at the keys together, after they were decoded; nil for none.
	check func(s spot, value *S)
	// refine adds to the schema what the fields cannot say; nil for nothing.
	refine func(schema, mode)
	// free allows keys that start with x-.
	free freedom
}

// freedom says whether a mapping may have keys of the user's own.
type freedom int

const (
	strict   freedom = iota
	freeKeys         // keys that start with x- are the user's own
)

func (t table[S]) names() []string {
	names := make([]string, 0, len(t.fields))
	for _, f := range t.fields {
		names = append(names, f.name)
	}
	return names
}

// kind is the table as the description of a value.
func (t table[S]) kind() kind[S] {
	return kind[S]{schema: t.schema, decode: t.decode, keys: t.names(),
		lines: func(value *S, tell emit) {
			for _, f := range t.fields {
				f.lines(value, func(path string, v any) { tell("."+f.name+path, v) })
			}
		},
		fill: func(into *S) {
			for _, f := range t.fields {
				f.fill(into)
			}
		},
	}
}

// decode reads a mapping: unknown keys first, then the known ones in the order of the table, then what must be there.
func (t table[S]) decode(s spot, n *strictyaml.Node, into *S) {
	if !s.wants(n, strictyaml.Mapping, "a mapping of keys to values") {
		return
	}
	for _, e := range n.Entries {
		if slices.Contains(t.names(), e.Key) || t.free == freeKeys && strings.HasPrefix(e.Key, "x-") {
			continue
		}
		pos := Pos{File: s.w.file, Line: e.Line, Column: e.Column, Path: strictyaml.Join(s.path, e.Key)}
		s.wrong(pos, "unknown key", t.meant(e.Key))
	}
	for _, f := range t.fields {
		for _, e := range n.Entries {
			if e.Key == f.name {
				f.decode(s.in(e), e.Value, into)
			}
		}
	}
	for _, f := range t.fields {
		if f.required && !s.has(f.name) {
			s.wrong(s.key(), "the key "+f.name+" is missing", f.doc)
		}
	}
	if t.check != nil {
		t.check(s, into)
	}
}

// meant is the hint for an unknown key: the key of this mapping that looks like it, or the mapping under this one that has it.
func (t table[S]) meant(unknown string) string {
	for _, f := range t.fields {
		if slices.Contains(f.keys, unknown) {
			return "it belongs under " + f.name
		}
	}
	return strictyaml.Suggest(unknown, t.names())
}

func (t table[S]) schema(m mode) schema {
	properties, required := schema{}, []any{}
	for _, f := range t.fields {
		one := maps.Clone(f.schema(m))
		one["description"] = f.doc
		properties[f.name] = one
		if f.required && m == whole {
			required = append(required, f.name)
		}
	}
	out := schema{"type": "object", "properties": properties, "additionalProperties": false}
	if t.free == freeKeys {
		out["patternProperties"] = schema{"^x-": true}
	}
	if len(required) > 0 {
		out["required"] = required
	}
	if t.refine != nil {
		t.refine(out, m)
	}
	return out
}

// wants reports a value that has not the shape it should have.
func (s spot) wants(n *strictyaml.Node, want strictyaml.Shape, what string) bool {
	if n.Shape == want {
		return true
	}
	hint := ""
	switch {
	case n.Shape == strictyaml.Broken:
		return false
	case n.Shape == strictyaml.Null:
		s.wrong(s.key(), "has no value", "write "+what+", or remove the line")
		return false
	case want == strictyaml.List && n.Shape != strictyaml.Mapping:
		hint = "write [ and ] around it"
	}
	s.wrong(s.at(n), "wants "+what+", and this is "+string(n.Shape), hint)
	return false
}

// wantsText is wants for text of any kind, which YAML may have taken for something else.
func (s spot) wantsText(n *strictyaml.Node, what string) bool {
	if n.Shape == strictyaml.Number || n.Shape == strictyaml.Bool {
		s.wrong(s.at(n), "wants "+what+", and this is "+string(n.Shape), "write it in quotes")
		return false
	}
	return s.wants(n, strictyaml.Text, what)
}
