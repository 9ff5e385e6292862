package profile

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"time"

	"scimsync/internal/strictyaml"
)

// decoder lays the values of a YAML mapping over a profile. Which keys there are, and of which type, is read from the struct.
type decoder struct {
	options  bool           // of a target, and not a profile
	at       strictyaml.Pos // the file, and the path in it under which the knobs stand
	into     *Profile
	from     map[string]strictyaml.Pos // section, knob or element of one: where its value stands
	problems strictyaml.Problems
}

// here is where a value is: under which name, and with which tags of the struct's field.
type here struct {
	name         string
	tag          reflect.StructTag
	line, column int  // of the key
	element      bool // of a list or mapping, or the key of one: no knob of its own
}

func (d *decoder) pos(h here, line, column int) strictyaml.Pos {
	return strictyaml.Pos{File: d.at.File, Line: line, Column: column, Path: strictyaml.Join(d.at.Path, h.name)}
}

func (d *decoder) wrong(h here, n *strictyaml.Node, message, hint string) {
	d.problems = append(d.problems, d.pos(h, n.Line, n.Column).Problem(message, hint))
}

// profile reads a whole profile, but for keys that may not stand where it does.
func (d *decoder) profile(n *strictyaml.Node, not ...string) {
	d.mapping(here{line: n.Line, column: n.Column}, n, reflect.ValueOf(d.into).Elem(), not...)
}

// done gives the profile, or all that is wrong with it.
func (d *decoder) done() (*Profile, error) {
	d.check()
	if len(d.problems) > 0 {
		return nil, d.problems.Sorted()
	}
	if d.into.from == nil {
		d.into.from = map[string]strictyaml.Pos{}
	}
	maps.Copy(d.into.from, d.from)
	return d.into, nil
}

// value reads n into v.
func (d *decoder) value(h here, n *strictyaml.Node, v reflect.Value) {
	switch {
	case n.Shape == strictyaml.Broken: // reported already
		return
	case n.Shape == strictyaml.Null:
		d.problems = append(d.problems, d.pos(h, h.line, h.column).Problem("has no value", "write one, or remove the line"))
		return
	}
	d.from[h.name] = d.pos(h, n.Line, n.Column)
	switch into := v.Addr().Interface().(type) {
	case *time.Duration:
		d.duration(h, n, into)
		return
	case *Limit:
		d.limit(h, n, into)
		return
	case *Match:
		d.match(h, n, into)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.mapping(h, n, v)
	case reflect.Map:
		d.table(h, n, v)
	case reflect.Slice:
		d.list(h, n, v)
	default:
		d.scalar(h, n, v)
	}
}

// mapping reads the keys of a struct.
func (d *decoder) mapping(h here, n *strictyaml.Node, v reflect.Value, not ...string) {
	if !d.wants(h, n, strictyaml.Mapping, "a mapping of keys to values") {
		return
	}
	fields := fieldsOf(v.Type())
	for _, e := range n.Entries {
		at := here{name: strictyaml.Join(h.name, e.Key), line: e.Line, column: e.Column}
		i, known := fields.at[e.Key]
		if slices.Contains(not, e.Key) {
			d.problems = append(d.problems, d.pos(at, e.Line, e.Column).Problem("is no knob", "it belongs in a profile of your own"))
			continue
		}
		if !known {
			d.problems = append(d.problems, d.pos(at, e.Line, e.Column).Problem("unknown key", fields.meant(e.Key)))
			continue
		}
		at.tag = v.Type().Field(i).Tag
		if _, idle := at.tag.Lookup("acts"); idle && d.options {
			d.problems = append(d.problems, d.pos(at, e.Line, e.Column).Problem("is only known of services: nothing acts on it yet", "remove the line"))
			continue
		}
		d.value(at, e.Value, v.Field(i))
	}
	for _, key := range fields.must {
		if !slices.ContainsFunc(n.Entries, func(e strictyaml.Entry) bool { return e.Key == key }) {
			d.wrong(h, n, "the key "+key+" is missing", "")
		}
	}
}

// table reads a mapping whose keys are the profile's own. It is laid over the one that is there, line by line; null takes a line
// away.
func (d *decoder) table(h here, n *strictyaml.Node, v reflect.Value) {
	if !d.wants(h, n, strictyaml.Mapping, "a mapping") {
		return
	}
	out := reflect.MakeMap(v.Type())
	for it := v.MapRange(); it.Next(); {
		out.SetMapIndex(it.Key(), it.Value())
	}
	for _, e := range n.Entries {
		at := here{name: h.name + "." + e.Key, tag: h.tag, line: e.Line, column: e.Column, element: true}
		key := reflect.New(v.Type().Key()).Elem()
		where := here{name: at.name, tag: reflect.StructTag(`is:"` + h.tag.Get("key") + `"`), element: true}
		asText := &strictyaml.Node{Shape: strictyaml.Text, Text: e.Key, Line: e.Line, Column: e.Column}
		if key.Kind() == reflect.Int {
			asText.Shape = strictyaml.Number
		}
		before := len(d.problems)
		if d.scalar(where, asText, key); len(d.problems) > before {
			continue
		}
		if e.Value.Shape == strictyaml.Null {
			out.SetMapIndex(key, reflect.Value{})
			d.from[at.name] = d.pos(at, e.Line, e.Column)
			continue
		}
		value := reflect.New(v.Type().Elem()).Elem()
		d.value(at, e.Value, value)
		out.SetMapIndex(key, value)
	}
	v.Set(out)
}

// list reads a list, which replaces the one that is there. It may be empty.
func (d *decoder) list(h here, n *strictyaml.Node, v reflect.Value) {
	if !d.wants(h, n, strictyaml.List, "a list") {
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.Items), len(n.Items))
	for i, item := range n.Items {
		at := here{name: h.name + "[" + strconv.Itoa(i) + "]", tag: h.tag, line: item.Line, column: item.Column, element: true}
		if one := out.Index(i); one.Type() == reflect.TypeFor[Bucket]() {
			one.Set(reflect.ValueOf(Bucket{Unit: UnitRequests}))
		}
		d.value(at, item, out.Index(i))
		if slices.ContainsFunc(n.Items[:i], func(b *strictyaml.Node) bool { return item.Text != "" && b.Text == item.Text }) {
			d.wrong(at, item, strconv.Quote(item.Text)+" stands here a second time", "")
		}
	}
	v.Set(out)
}

// wants reports a value that has not the shape it should have.
func (d *decoder) wants(h here, n *strictyaml.Node, want strictyaml.Shape, what string) bool {
	if n.Shape == want {
		return true
	}
	if n.Shape == strictyaml.Broken {
		return false
	}
	hint := ""
	switch {
	case want == strictyaml.List && n.Shape != strictyaml.Mapping:
		hint = "write [ and ] around it"
	case want == strictyaml.Text && (n.Shape == strictyaml.Number || n.Shape == strictyaml.Bool):
		hint = "write it in quotes"
	}
	d.wrong(h, n, "wants "+what+", and this is "+string(n.Shape), hint)
	return false
}

// fields are the keys of a struct.
type fields struct {
	at    map[string]int
	names []string
	under map[string][]string // section: its keys
	must  []string            // may not be left out
}

func fieldsOf(t reflect.Type) fields {
	f := fields{at: map[string]int{}, under: map[string][]string{}}
	for i := range t.NumField() {
		name := t.Field(i).Tag.Get("yaml")
		if name == "" || name == "-" {
			continue
		}
		f.at[name] = i
		f.names = append(f.names, name)
		if _, must := t.Field(i).Tag.Lookup("must"); must {
			f.must = append(f.must, name)
		}
		if inner := t.Field(i).Type; inner.Kind() == reflect.Struct && inner != reflect.TypeFor[Limit]() {
			f.under[name] = fieldsOf(inner).names
		}
	}
	return f
}

// meant is the hint for an unknown key: the section that has it, or the key that looks like it.
func (f fields) meant(unknown string) string {
	for _, section := range slices.Sorted(maps.Keys(f.under)) {
		if slices.Contains(f.under[section], unknown) {
			return "it belongs under " + section
		}
	}
	return strictyaml.Suggest(unknown, f.names)
}
