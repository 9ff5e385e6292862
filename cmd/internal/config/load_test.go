package config

import (
	"path/filepath"
	"testing"
)

const example = "../../../config.example.yaml"

func TestExampleLoads(t *testing.T) {
	cfg, warnings, err := Load(example)
	if err != nil {
		t.Fatal(err)
	}
	if len(warnings) > 0 {
		t.Errorf("warnings: %v", warnings)
	}
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(root, "deploy/example/people.csv"); cfg.Source("hr").CSV.Users.Path != want {
		t.Errorf("path = %s, want %s", cfg.Source("hr").CSV.Users.Path, want)
	}
	flows := cfg.Flows("staff")
	if len(flows) != 1 || flows[0].Target != "sandbox" || flows[0].From[0] != "hr" {
		t.Fatalf("flows = %+v", flows)
	}
	if got := flows[0].Guard; got.FirstRun != FirstRunGo || *got.Deactivate.Count != 50 || got.Delete.Percent != nil {
		t.Errorf("guard = %+v", got)
	}
}
