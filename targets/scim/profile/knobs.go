package profile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"scimsync/internal/strictyaml"
)

// Fact says where something about a service is known from.
type Fact struct {
	// Knobs are the names of what the source tells: rate.buckets, or a section such as patch for all in it.
	Knobs []string `yaml:"knobs" must:""`
	// Confidence is documented (the vendor says it, or its source code), observed (scimsync probe saw it at the service), reported
	// (others do), inferred (it follows from what is known) or unchecked (it is believed, and should be probed).
	Confidence Confidence `yaml:"confidence" must:""`
	// Source is where it stands.
	Source string `yaml:"source" is:"line" must:""`

	file string // that it stands in
}

// Confidence is how sure a fact is.
type Confidence string

// The confidences, from the best.
const (
	Documented Confidence = "documented"
	Observed   Confidence = "observed"
	Reported   Confidence = "reported"
	Inferred   Confidence = "inferred"
	Unchecked  Confidence = "unchecked"
)

// covers tells whether a fact that names `name` is about a knob.
func covers(name, knob string) bool {
	return name == knob || strings.HasPrefix(knob, name+".")
}

// Knob is one knob of a profile as it stands.
type Knob struct {
	Name    string // deactivate.effect
	Value   any    // as JSON holds it
	Default any    // of the profile rfc
	From    string // the built-in that sets it, or FILE:LINE; "" for the default
	Pos     strictyaml.Pos
	Fact    Fact // the zero Fact where none is given
	Idle    bool // it is known and shown, and nothing acts on it yet
}

// Differs tells whether the value is not that of the profile rfc.
func (k *Knob) Differs() bool { return !reflect.DeepEqual(k.Value, k.Default) }

// Laid tells whether the value was laid over the profile by With.
func (k *Knob) Laid() bool { return k.Pos.Path != "" && k.Pos.Path != k.Name }

// Knobs lists all knobs in their order.
func (p *Profile) Knobs() []*Knob {
	var knobs []*Knob
	rfc := map[string]any{}
	unused := idle(reflect.TypeFor[Profile](), "")
	each(reflect.ValueOf(RFC()).Elem(), "", func(name string, v reflect.Value) { rfc[name] = plain(v) })
	each(reflect.ValueOf(p).Elem(), "", func(name string, v reflect.Value) {
		k := &Knob{Name: name, Value: plain(v), Default: rfc[name]}
		k.Idle = slices.ContainsFunc(unused, func(section string) bool { return covers(section, name) })
		if pos, ok := p.from[name]; ok {
			k.Pos, k.From, k.Fact = pos, p.origin(pos), p.fact(name, pos.File)
		}
		knobs = append(knobs, k)
	})
	return knobs
}

// Says tells whether the profile, one that it extends, or an option says something of a knob.
func (p *Profile) Says(knob string) bool {
	_, said := p.from[knob]
	return said
}

// Knob gives one knob by its name; nil if there is none of that name.
func (p *Profile) Knob(name string) *Knob {
	knobs := p.Knobs()
	if i := slices.IndexFunc(knobs, func(k *Knob) bool { return k.Name == name }); i >= 0 {
		return knobs[i]
	}
	return nil
}

// Unsure lists what is believed of the service rather than known: the knobs that differ from rfc, and the Mandatory ones, whose
// fact is neither documented nor reported. What is for messages only is not among them.
func (p *Profile) Unsure() []*Knob {
	var unsure []*Knob
	for _, k := range p.Knobs() {
		matters := k.Differs() && k.Name != "base_url" && k.Name != "auth.token_url" || slices.Contains(Mandatory, k.Name)
		if matters && (k.Fact.Confidence == Inferred || k.Fact.Confidence == Unchecked) {
			unsure = append(unsure, k)
		}
	}
	return unsure
}

// origin is where a value stands, as Knob.From.
func (p *Profile) origin(pos strictyaml.Pos) string {
	if name, ok := strings.CutSuffix(pos.File, ".yaml"); ok && !IsFile(name) && isBuiltin(name) {
		return name
	}
	return fmt.Sprintf("%s:%d", pos.File, pos.Line)
}

// fact is what a file says of a knob that it sets: the fact that names it most closely.
func (p *Profile) fact(knob, file string) Fact {
	var best Fact
	length := 0
	for _, f := range p.Facts {
		for _, name := range f.Knobs {
			if f.file == file && covers(name, knob) && len(name) > length {
				best, length = f, len(name)
			}
		}
	}
	return best
}

// knobNames lists the names of all knobs.
func knobNames() []string {
	var names []string
	each(reflect.ValueOf(RFC()).Elem(), "", func(name string, _ reflect.Value) { names = append(names, name) })
	return names
}

// idle gives the names of knobs, and of sections, on which nothing acts.
func idle(t reflect.Type, under string) (names []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name := strictyaml.Join(under, f.Tag.Get("yaml"))
		if _, is := f.Tag.Lookup("acts"); is {
			names = append(names, name)
		} else if f.Type.Kind() == reflect.Struct {
			names = append(names, idle(f.Type, name)...)
		}
	}
	return names
}

// notKnobs are the keys of a profile that say nothing about how the service behaves.
var notKnobs = map[string]bool{"service": true, "notes": true, "extends": true, "facts": true}

// each gives the knobs below a struct.
func each(v reflect.Value, under string, give func(name string, v reflect.Value)) {
	for i := range v.NumField() {
		key := v.Type().Field(i).Tag.Get("yaml")
		name := strictyaml.Join(under, key)
		switch {
		case key == "" || key == "-" || notKnobs[name]:
		case v.Field(i).Kind() == reflect.Struct:
			each(v.Field(i), name, give)
		default:
			give(name, v.Field(i))
		}
	}
}

// plain is a value as JSON holds it, written as in a profile; nil for an empty list or mapping.
func plain(v reflect.Value) any {
	switch value := v.Interface().(type) {
	case time.Duration:
		return strictyaml.FormatDuration(value)
	case Limit:
		return value.String()
	case Match:
		if len(value) == 1 {
			return value[0]
		}
	}
	switch v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Int:
		return int(v.Int())
	case reflect.Bool:
		return v.Bool()
	case reflect.Slice:
		out := []any{}
		for i := range v.Len() {
			out = append(out, plain(v.Index(i)))
		}
		return out
	case reflect.Map:
		out := map[string]any{}
		for it := v.MapRange(); it.Next(); {
			out[fmt.Sprint(it.Key())] = plain(it.Value())
		}
		return out
	}
	out := map[string]any{} // an item of a list: what it leaves out is left out
	for i := range v.NumField() {
		if key := v.Type().Field(i).Tag.Get("yaml"); key != "" && !v.Field(i).IsZero() && v.Field(i).Interface() != UnitRequests {
			out[key] = plain(v.Field(i))
		}
	}
	return out
}

// Inline writes a value of Knob on one line, as a profile could have it.
func Inline(value any) string {
	if text, ok := value.(string); ok && text != "" && !strings.ContainsAny(text, "\"\n#:{}[],&*!|>'%@`") {
		return text
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return fmt.Sprint(value)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
