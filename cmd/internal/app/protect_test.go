package app

import (
	"os"
	"path/filepath"
	"testing"

	"scimsync/cmd/internal/config"
)

func TestProtects(t *testing.T) {
	file := filepath.Join(t.TempDir(), "protected.txt")
	if err := os.WriteFile(file, []byte("# comment\n\n  CORP\\root \nid: 77\nCORP\\svc-*\nEU\\\\adm-*\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := newProtected(config.Protect{UserNames: []string{"Admin@example.org", "svc-*", "ops?", "team/*/lead", `o\*k`}, IDs: []string{"Ab1"}, File: file})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		login, id string
		want      bool
	}{
		{"ADMIN@EXAMPLE.ORG", "", true}, {"admin@example.org.uk", "", false},
		{"svc-", "", true}, {"SVC-backup", "", true}, {"svc-ch/zürich", "", true}, {`svc-a\b`, "", true}, {"asvc-x", "", false},
		{"ops1", "", true}, {"opsé", "", true}, {"ops", "", false}, {"ops12", "", false}, {"ops/", "", true},
		{"team/a/lead", "", true}, {"team/a/b/lead", "", true}, {"team/lead", "", false},
		{`corp\ROOT`, "", true}, {"corproot", "", false}, {`CORP\svc-1`, "", true}, {`eu\adm-1`, "", true}, {"corpsvc-1", "", false},
		{"o*k", "", true}, {"oxk", "", false},
		{"x", "Ab1", true}, {"x", "ab1", false}, {"x", "77", true}, {"", "", false}, {"comment", "", false},
	} {
		if got := p.Protects(c.login, c.id); got != c.want {
			t.Errorf("Protects(%q, %q) = %t", c.login, c.id, got)
		}
	}
}
