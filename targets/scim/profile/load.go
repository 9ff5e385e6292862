package profile

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"scimsync/internal/strictyaml"
)

//go:embed builtin/*.yaml
var builtin embed.FS

// Default is the built-in profile of a target that names none.
const Default = "rfc"

const rfcFile = "rfc.yaml"

// maxFile bounds what is read: a profile is written by hand.
const maxFile = 1 << 20

// maxDepth bounds how many files extend each other.
const maxDepth = 8

// Mandatory are the knobs that decide most about what can be damaged. Each profile says them itself, or extends one that does:
// none may get them by being silent.
var Mandatory = []string{"deactivate.effect", "delete.effect", "members.remove", "patch.silent_noop"}

// Names lists the built-in profiles, in the order of the alphabet.
func Names() []string {
	files, err := fs.Glob(builtin, "builtin/*.yaml")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	names := make([]string, 0, len(files))
	for _, file := range files {
		names = append(names, strings.TrimSuffix(path.Base(file), ".yaml"))
	}
	return names
}

// Reference is the profile rfc as a file: every knob, its default and what it means.
func Reference() []byte {
	text, err := builtin.ReadFile("builtin/" + rfcFile)
	if err != nil {
		panic(err) // it is embedded
	}
	return text
}

func isBuiltin(name string) bool {
	_, err := fs.Stat(builtin, "builtin/"+name+".yaml")
	return err == nil
}

// IsFile tells whether ref names a file, and not a built-in profile: it has a slash or ends with .yaml or .yml.
func IsFile(ref string) bool {
	return strings.ContainsAny(ref, `/\`) || strings.HasSuffix(ref, ".yaml") || strings.HasSuffix(ref, ".yml")
}

// Load reads the profile that ref names, a built-in or a file (see IsFile), and lays options over it: a YAML mapping of knobs, or
// nil. An error that is strictyaml.Problems holds everything that is wrong, each with its place; those of options stand in a file
// named "options".
func Load(ref string, options []byte) (*Profile, error) {
	p, err := load(ref, nil)
	if err != nil || len(options) == 0 {
		return p, err
	}
	tree, problems := strictyaml.Read("options", options)
	if len(problems) > 0 {
		return nil, problems.Sorted()
	}
	return p.With(strictyaml.Pos{File: "options"}, tree)
}

// With lays options over a profile that Load gave: a mapping of knobs, which stands in a file under a path. The profile itself
// stays as it is. An error is strictyaml.Problems.
func (p *Profile) With(at strictyaml.Pos, options *strictyaml.Node) (*Profile, error) {
	out := p.clone()
	d := &decoder{options: true, at: at, into: out, from: map[string]strictyaml.Pos{}}
	d.profile(options, slices.Sorted(maps.Keys(notKnobs))...)
	return d.done()
}

// load reads one profile and those that it extends. above are the files that led here.
func load(ref string, above []string) (*Profile, error) {
	if ref == Default {
		return rfc(), nil
	}
	name, text, err := read(ref)
	if err != nil {
		return nil, err
	}
	return parse(ref, name, text, above)
}

// rfc is RFC() as if it had been read from its file, which says the same.
func rfc() *Profile {
	p := RFC()
	p.from = map[string]strictyaml.Pos{}
	for _, knob := range knobNames() {
		p.from[knob] = strictyaml.Pos{File: rfcFile, Path: knob}
	}
	for i := range p.Facts {
		p.Facts[i].file = rfcFile
	}
	return p
}

func parse(ref, name string, text []byte, above []string) (*Profile, error) {
	tree, problems := strictyaml.Read(name, text)
	if tree == nil {
		return nil, problems.Sorted()
	}
	d := &decoder{at: strictyaml.Pos{File: name}, from: map[string]strictyaml.Pos{}, problems: problems}
	base, err := d.extends(tree, ref, above)
	if err != nil {
		return nil, err
	}
	alone := base == nil
	if alone {
		base = RFC()
		base.Facts = nil // they are about rfc
	}
	d.into = base.clone()
	d.into.Name, d.into.Service, d.into.Notes, d.into.Facts = ref, "", nil, nil
	d.profile(tree)
	for i := range d.into.Facts {
		d.into.Facts[i].file = name
	}
	d.into.Facts = append(d.into.Facts, base.Facts...)
	if alone {
		d.saysMandatory()
	}
	return d.done()
}

// clone is a copy onto which values can be laid: nothing that decoding changes is shared.
func (p *Profile) clone() *Profile {
	out := *p
	out.from = maps.Clone(p.from)
	return &out
}

// read gives the text of a profile, and the file it is shown as.
func read(ref string) (name string, text []byte, err error) {
	if !IsFile(ref) {
		text, err := builtin.ReadFile("builtin/" + ref + ".yaml")
		if err != nil {
			return "", nil, fmt.Errorf("there is no built-in profile %s (%s)", strconv.Quote(ref), unknownHint(ref))
		}
		return ref + ".yaml", text, nil
	}
	info, err := os.Stat(ref)
	if err != nil {
		return "", nil, fmt.Errorf("read profile %s: %w", ref, reason(err))
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return "", nil, fmt.Errorf("read profile %s: it is not a file of at most %d bytes", ref, maxFile)
	}
	text, err = os.ReadFile(ref)
	if err != nil {
		return "", nil, fmt.Errorf("read profile %s: %w", ref, reason(err))
	}
	return ref, text, nil
}

// unknownHint helps with a name that no built-in has.
func unknownHint(ref string) string {
	if meant := strictyaml.Suggest(ref, Names()); strings.HasPrefix(meant, "did you mean") {
		return meant
	}
	return "scimsync profiles lists them; a file of your own is named by its path, as in ./" + ref + ".yaml"
}

// reason is what went wrong with a file, without its path, which the message has already.
func reason(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// extends reads what a profile extends; nil where it says nothing.
func (d *decoder) extends(tree *strictyaml.Node, ref string, above []string) (*Profile, error) {
	i := slices.IndexFunc(tree.Entries, func(e strictyaml.Entry) bool { return e.Key == "extends" })
	if tree.Shape != strictyaml.Mapping || i < 0 {
		return nil, nil
	}
	value := tree.Entries[i].Value
	wrong := func(message, hint string) (*Profile, error) {
		pos := strictyaml.Pos{File: d.at.File, Line: value.Line, Column: value.Column, Path: "extends"}
		return nil, append(d.problems, pos.Problem(message, hint)).Sorted()
	}
	if value.Shape != strictyaml.Text || value.Text == "" {
		return wrong("wants the name of a profile, and this is "+string(value.Shape), "write extends: rfc")
	}
	next := value.Text
	if IsFile(next) && !filepath.IsAbs(next) {
		next = filepath.Join(filepath.Dir(ref), next)
	}
	above = append(above, ref)
	if slices.Contains(above, next) || len(above) > maxDepth {
		return wrong("extends itself by way of "+strings.Join(append(above[1:], next), ", "), "")
	}
	base, err := load(next, above)
	var problems strictyaml.Problems
	if err == nil || errors.As(err, &problems) {
		return base, err
	}
	return wrong(err.Error(), "")
}
