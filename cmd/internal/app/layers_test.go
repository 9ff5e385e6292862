package app_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// layers says which packages of scimsync each package may import: imports run one way,
// cmd -> {sources, targets, state} -> sync, and inside sync towards record. Lint holds
// the same table by file; this test asks the import graph.
var layers = map[string][]string{
	"sync/record":   {},
	"sync/pack":     {},
	"sync/resource": {"sync/record", "sync/pack"},
	"sync/ledger":   {"sync/record", "sync/pack", "sync/resource"},
	"sync/mapping":  {"sync/record", "sync/resource"},
	"sync/plan":     {"sync/record", "sync/pack", "sync/resource", "sync/ledger"},
	"sync/diff":     {"sync/record", "sync/resource", "sync/ledger", "sync/plan"},
	"sync/apply":    {"sync/record", "sync/resource", "sync/ledger", "sync/plan"},
	"sync/drift":    {"sync/record", "sync/resource", "sync/ledger", "sync/plan"},
	"sync/engine":   {"sync/record", "sync/pack", "sync/resource", "sync/ledger", "sync/plan", "sync/mapping", "sync/diff", "sync/apply"},

	"sources/csv":            {"sync/record"},
	"sources/ldap":           {"sync/record"},
	"sources/sourcetest":     {"sync/record"},
	"sources/ldap/ldaptest":  {},
	"sources/ldap/slapdtest": {"sources/ldap/ldaptest"},
	"sources/ldap/sambatest": {"sources/ldap/ldaptest"},

	"targets/scim/profile": {"sync/resource", "internal/strictyaml"},
	"targets/scim":         {"sync/plan", "sync/record", "sync/resource", "targets/scim/profile"},
	"targets/scim/auth":    {"targets/scim"},
	"targets/scim/probe":   {"internal/strictyaml", "sync/resource", "targets/scim", "targets/scim/profile"},
	"targets/sandbox":      {"sync/plan", "sync/resource", "targets/scim/profile"},
	"targets/scimtest":     {"sync/plan", "sync/record", "sync/resource", "targets/scim", "targets/scim/profile"},

	"state": {"sync/record", "sync/resource", "sync/ledger", "sync/plan", "sync/apply", "sync/engine", "sync/drift"},

	"internal/strictyaml": {},
	"cmd/internal/config": {"internal/strictyaml", "targets/scim/profile"},
	"cmd/internal/app":    {"cmd/internal/config", "internal/", "sources/", "targets/", "state", "sync/"},
	"cmd/scimsync":        {"cmd/internal/app"},
}

// testsMay are what tests may import besides: packages made for tests, of their own side.
var testsMay = map[string][]string{
	"sources/": {"sources/sourcetest", "sources/ldap", "sources/ldap/ldaptest", "sources/ldap/slapdtest", "sources/ldap/sambatest", "sync/record"},
	"targets/": {"targets/scimtest", "targets/sandbox", "targets/scim", "targets/scim/profile", "targets/scim/auth", "sync/plan", "sync/ledger"},
	"sync/":    {"sync/"},
	"state":    {"sync/"},
}

// modules says who may import a module of others. Who is not named here is held by
// the allow-list of lint.
var modules = map[string][]string{
	"go.etcd.io/bbolt":             {"state"},
	"go.uber.org/zap":              {"cmd/internal/app", "sync/engine"},
	"golang.org/x/oauth2":          {"targets/scim/auth"},
	"github.com/spf13/cobra":       {"cmd/internal/app"},
	"github.com/go-ldap/ldap/v3":   {"sources/ldap", "sources/ldap/ldaptest", "sources/ldap/slapdtest"},
	"github.com/goccy/go-yaml":     {"cmd/internal/config", "internal/strictyaml"},
	"github.com/expr-lang/expr":    {"sync/mapping"},
	"github.com/robfig/cron/v3":    {"cmd/internal/config"},
	"github.com/jedib0t/go-pretty": {"cmd/internal/app"},
}

// The middle is pure: values in, values out. None of it imports what is in impure, and
// nothing of what it imports reaches what is in unreachable, at any depth.
var (
	pure        = []string{"sync/record", "sync/pack", "sync/resource", "sync/ledger", "sync/mapping", "sync/diff", "sync/plan"}
	impure      = []string{"context", "crypto/rand", "log", "log/slog", "math/rand", "math/rand/v2", "os", "os/exec", "os/signal", "runtime", "sync", "syscall", "testing"}
	unreachable = []string{"crypto/tls", "go.etcd.io/bbolt", "go.uber.org/zap", "log", "log/slog", "net", "net/http", "os/exec", "testing"}
	// exceptions: record declares what a source is asked, and a source takes a context.
	exceptions = map[string]string{"sync/record": "context"}
)

// listed is one package as `go list` sees it.
type listed struct {
	ImportPath                               string
	Imports, TestImports, XTestImports, Deps []string
}

const ownModule = "scimsync/"

func goList(t *testing.T) map[string]listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports,Deps", ownModule+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	all := map[string]listed{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		all[strings.TrimPrefix(p.ImportPath, ownModule)] = p
	}
}

// within tells whether a package is named in a list: by itself, or by a folder above it
// that ends with a slash.
func within(pkg string, list []string) bool {
	return slices.ContainsFunc(list, func(entry string) bool {
		return pkg == entry || strings.HasSuffix(entry, "/") && strings.HasPrefix(pkg, entry)
	})
}

func TestImportsRunOneWay(t *testing.T) {
	all := goList(t)
	for name := range layers {
		if _, ok := all[name]; !ok {
			t.Errorf("%s is in the table of layers, but not in the tree", name)
		}
	}
	for name, p := range all {
		may, ok := layers[name]
		if !ok {
			t.Errorf("%s has no line in the table of layers: give it one here, and a rule in .golangci.yml", name)
			continue
		}
		for _, path := range p.Imports {
			if own, ok := strings.CutPrefix(path, ownModule); ok && !within(own, may) {
				t.Errorf("%s imports %s; it may import only %q", name, own, may)
			}
		}
		inTests := append(slices.Clone(may), name)
		for side, more := range testsMay {
			if within(name, []string{side}) {
				inTests = append(inTests, more...)
			}
		}
		for _, path := range slices.Concat(p.TestImports, p.XTestImports) {
			if own, ok := strings.CutPrefix(path, ownModule); ok && !within(own, inTests) {
				t.Errorf("a test of %s imports %s; it may import only %q", name, own, inTests)
			}
		}
	}
}

func TestModulesStayWhereTheyBelong(t *testing.T) {
	for name, p := range goList(t) {
		for _, path := range p.Imports {
			for mod, may := range modules {
				if (path == mod || strings.HasPrefix(path, mod+"/")) && !slices.Contains(may, name) {
					t.Errorf("%s imports %s; only %q may", name, path, may)
				}
			}
		}
	}
}

func TestMiddleIsPure(t *testing.T) {
	all := goList(t)
	for _, name := range pure {
		for _, path := range all[name].Imports {
			if within(path, impure) && exceptions[name] != path {
				t.Errorf("%s imports %s: the middle takes values and gives values, and has no %s", name, path, path)
			}
		}
		for _, path := range all[name].Deps {
			if slices.Contains(unreachable, path) {
				t.Errorf("%s reaches %s through what it imports", name, path)
			}
		}
	}
}
