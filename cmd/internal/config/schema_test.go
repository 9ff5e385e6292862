package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("config.json", parsed); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("config.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// value is a YAML text as JSON would hold it.
func value(t *testing.T, text []byte) any {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSchemaAcceptsWhatLoadAccepts(t *testing.T) {
	schema := compiled(t)
	for _, file := range []string{example, everything} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value(t, text)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// The bad files say whether their mistake is one that a schema can see: unknown keys, wrong types, unknown words and the like.
func TestSchemaRefusesWhatItCanSee(t *testing.T) {
	schema := compiled(t)
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		refuses, accepts := bytes.Contains(text, []byte("\n# schema: refuses\n")), bytes.Contains(text, []byte("\n# schema: accepts\n"))
		if !refuses && !accepts {
			continue
		}
		switch err := schema.Validate(value(t, text)); {
		case refuses && err == nil:
			t.Errorf("%s: the schema accepts it", file)
		case accepts && err != nil:
			t.Errorf("%s: the schema refuses it after all: %v", file, err)
		case refuses:
			refused++
		}
	}
	if refused < 50 {
		t.Errorf("the schema refuses only %d of the bad files", refused)
	}
}

// The examples in the comments of the example config must be right too.
func TestExampleIsRightInItsComments(t *testing.T) {
	text, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		body := strings.TrimLeft(line, " ")
		indent := line[:len(line)-len(body)]
		if rest, ok := strings.CutPrefix(body, "# "); ok && indent != "" && exampleLine(rest) {
			line = indent + rest
		}
		out = append(out, line)
	}
	all := strings.Join(out, "\n")
	for _, part := range []string{"\n  corp:\n", "\n  cloud:\n", "\n      - cloud: {users", "\n      max_age: 26h", "\n      groups:\n", "\n      members:\n", "\n      groups:                  #", "method: simple", "basic: {username", "\n  telephony:\n", "\n        grant: jwt_bearer "} {
		if !strings.Contains(all, part) {
			t.Errorf("no longer in the example: %q", part)
		}
	}
	// Two ways to know that a file is whole are shown, and one is allowed.
	all = strings.Replace(all, "      ready: {settled: 10s}", "#", 1)
	if _, warnings, err := parse("config.yaml", "/etc/scimsync", []byte(all)); err != nil || len(warnings) > 0 {
		t.Errorf("%v %v\n%s", err, warnings, all)
	}
	if err := compiled(t).Validate(value(t, []byte(all))); err != nil {
		t.Error(err)
	}
}

// exampleLine tells a line of YAML in a comment from a sentence.
func exampleLine(text string) bool {
	key, _, ok := strings.Cut(strings.TrimLeft(text, " -"), ":")
	return ok && key != "" && !strings.ContainsAny(key, " ")
}
