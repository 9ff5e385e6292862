package profile

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write builtin/rfc.yaml anew")

// rfc.yaml is the reference for people: every knob with its default and with what the struct says about it. It is written from
// the struct, so that there is one place for each meaning and one for each default.
func TestRFCIsWrittenFromTheStruct(t *testing.T) {
	w := &writer{docs: docs(t)}
	w.line(0, "# The profile that all others are laid over: what RFC 7643 and RFC 7644 say, and where they leave a choice, what nearly every service")
	w.line(0, "# bears. It is complete: every knob is here, with its default and what it means. A profile of your own says only what is different.")
	w.structure(0, reflect.ValueOf(RFC()).Elem())
	file := filepath.Join("builtin", "rfc.yaml")
	if *update {
		if err := os.WriteFile(file, []byte(w.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(w.String(), string(have)); diff != "" {
		t.Errorf("%s is not as the struct says; go test ./targets/scim/profile -run RFC -update writes it (-want +have):\n%s", file, diff)
	}
}

// docs are the comments of all fields, by type and field.
func docs(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	docs := map[string]string{}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if body, ok := spec.Type.(*ast.StructType); ok {
				for _, field := range body.Fields.List {
					for _, name := range field.Names {
						docs[spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(field.Doc.Text()), " ")
					}
				}
			}
			return true
		})
	}
	return docs
}

// writer writes a struct as commented YAML.
type writer struct {
	strings.Builder
	docs map[string]string
}

func (w *writer) line(depth int, text string) {
	w.WriteString(strings.Repeat("  ", depth) + text + "\n")
}

func (w *writer) structure(depth int, v reflect.Value) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		key := f.Tag.Get("yaml")
		if key == "" || key == "-" || key == "extends" || key == "notes" {
			continue
		}
		if depth == 0 || v.Field(i).Kind() == reflect.Struct {
			w.WriteString("\n")
		}
		w.comment(depth, strings.TrimPrefix(w.docs[v.Type().Name()+"."+f.Name], f.Name+" "))
		switch {
		case v.Field(i).Kind() == reflect.Struct:
			w.line(depth, key+":")
			w.structure(depth+1, v.Field(i))
		case v.Field(i).Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct && v.Field(i).Len() > 0:
			w.line(depth, key+":")
			for k := range v.Field(i).Len() {
				w.line(depth+1, "- "+flow(v.Field(i).Index(k)))
			}
		default:
			w.line(depth, key+": "+Inline(plain(v.Field(i))))
		}
	}
}

// comment wraps what is said of a key. A word of the knob's own keeps its spelling.
func (w *writer) comment(depth int, text string) {
	text = strings.TrimPrefix(strings.TrimPrefix(text, "is "), "are ")
	if first := strings.Trim(strings.Fields(text)[0], ","); !isWord(first) {
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	line := "#"
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word)+2*depth > 125 {
			w.line(depth, line)
			line = "#"
		}
		line += " " + word
	}
	w.line(depth, line)
}

func isWord(text string) bool {
	for _, list := range words {
		if slices.Contains(list, text) {
			return true
		}
	}
	return false
}

// flow is an item of a list on one line.
func flow(v reflect.Value) string {
	var parts []string
	for i := range v.NumField() {
		if key := v.Type().Field(i).Tag.Get("yaml"); key != "" {
			if text := Inline(plain(v.Field(i))); text != "0" && text != `""` {
				parts = append(parts, fmt.Sprintf("%s: %s", key, text))
			}
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}
