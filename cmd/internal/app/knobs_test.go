package app_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"scimsync/internal/strictyaml"
	"scimsync/targets/scim/profile"
)

// A knob that nothing reads is a promise that nobody keeps: whoever sets it believes that something follows. So each field of a
// profile is read outside the package that declares it, or is tagged acts:"no", which shows it as that and refuses it among
// options. And nothing that is tagged so is read. Writing it is not reading, and neither is what probe does, which tells how a
// service differs from its profile.
func TestEveryKnobIsActedUpon(t *testing.T) {
	read := profileFieldsRead(t)
	if len(read) < 50 {
		t.Fatalf("only %d fields of a profile are read: the search itself has gone wrong", len(read))
	}
	knobs := 0
	eachField(reflect.TypeFor[profile.Profile](), "", func(name, field string, idle bool) {
		knobs++
		switch where := read[field]; {
		case where == "" && !idle:
			t.Errorf("knob %s: nothing reads profile.%s; make it act, tag it acts:\"no\", or delete it", name, field)
		case where != "" && idle:
			t.Errorf("knob %s is tagged acts:\"no\", but %s reads profile.%s", name, where, field)
		}
	})
	if knobs < 80 {
		t.Errorf("only %d knobs found", knobs)
	}
}

// eachField gives the fields that hold knobs, and those of the items of lists: the knob's name, Type.Field, and whether it is
// tagged as one that nothing acts on.
func eachField(of reflect.Type, under string, give func(name, field string, idle bool)) {
	var walk func(of reflect.Type, under string, idle bool)
	walk = func(of reflect.Type, under string, idle bool) {
		for i := range of.NumField() {
			f := of.Field(i)
			key := f.Tag.Get("yaml")
			if notKnobs := []string{"", "-", "service", "notes", "extends", "facts"}; slices.Contains(notKnobs, key) {
				continue
			}
			_, tagged := f.Tag.Lookup("acts")
			name, idle := strictyaml.Join(under, key), idle || tagged
			if f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[profile.Limit]() {
				walk(f.Type, name, idle)
				continue
			}
			give(name, of.Name()+"."+f.Name, idle)
			if f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct {
				walk(f.Type.Elem(), name+"[]", idle)
			}
		}
	}
	walk(of, under, false)
}

// profileFieldsRead tells which fields of the structs of package profile are read elsewhere, and in which file.
func profileFieldsRead(t *testing.T) map[string]string {
	t.Helper()
	const declares = ownModule + "targets/scim/profile"
	type compiled struct {
		ImportPath, Dir, Export string
		GoFiles, Imports        []string
	}
	cmd := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,Imports", ownModule+"...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	export, users := map[string]string{}, []compiled{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p compiled
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		export[p.ImportPath] = p.Export
		if slices.Contains(p.Imports, declares) && p.ImportPath != ownModule+"targets/scim/probe" {
			users = append(users, p)
		}
	}
	files := token.NewFileSet()
	conf := types.Config{Importer: importer.ForCompiler(files, "gc", func(path string) (io.ReadCloser, error) { return os.Open(export[path]) })}
	read := map[string]string{}
	for _, p := range users {
		var parsed []*ast.File
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(files, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			parsed = append(parsed, file)
		}
		info := &types.Info{Selections: map[*ast.SelectorExpr]*types.Selection{}}
		if _, err := conf.Check(p.ImportPath, files, parsed, info); err != nil {
			t.Fatalf("check types: %v", err)
		}
		written := assigned(parsed)
		for at, selection := range info.Selections {
			if owner := structOf(selection.Recv()); owner != nil && owner.Pkg() != nil && owner.Pkg().Path() == declares && !written[at] {
				read[owner.Name()+"."+at.Sel.Name] += " " + filepath.Base(files.Position(at.Pos()).Filename)
			}
		}
	}
	return read
}

// assigned gives what stands on the left of an assignment.
func assigned(files []*ast.File) map[*ast.SelectorExpr]bool {
	left := map[*ast.SelectorExpr]bool{}
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			if a, ok := n.(*ast.AssignStmt); ok {
				for _, to := range a.Lhs {
					if s, ok := to.(*ast.SelectorExpr); ok {
						left[s] = true
					}
				}
			}
			return true
		})
	}
	return left
}

// structOf is the named type of a value, or of what it points to.
func structOf(of types.Type) *types.TypeName {
	if p, ok := of.(*types.Pointer); ok {
		of = p.Elem()
	}
	if n, ok := of.(*types.Named); ok {
		return n.Obj()
	}
	return nil
}
