package profile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"scimsync/internal/strictyaml"
)

// settings ignores where values stand.
var settings = cmp.Options{cmpopts.IgnoreUnexported(Profile{}, Fact{}), cmpopts.EquateEmpty()}

func TestRFCFileIsTheDefaults(t *testing.T) {
	text, err := builtin.ReadFile("builtin/rfc.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := parse("rfc", rfcFile, text, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(RFC(), p, settings); diff != "" {
		t.Errorf("-RFC() +rfc.yaml:\n%s", diff)
	}
}

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "own.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// Each rule has its own file in testdata/bad, which says what is reported of it: all of it, in order, and nothing else.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d bad files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p, err := Load(file, nil)
			var problems strictyaml.Problems
			if !errors.As(err, &problems) || p != nil {
				t.Fatalf("accepted, or another error: %v", err)
			}
			var want []string
			for line := range strings.Lines(string(text)) {
				if w, ok := strings.CutPrefix(line, "# want: "); ok {
					want = append(want, file+":"+strings.TrimSpace(w))
				}
			}
			if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestExtends(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"base.yaml": "extends: rfc\nservice: base\nattrs: {max_len: {userName: 20, title: 30}, deny: [title]}\n" +
			"facts: [{knobs: [attrs.max_len, attrs.deny], confidence: documented, source: here}]\n",
		"top.yaml": "extends: base.yaml\nservice: top\nattrs: {max_len: {userName: 10, title: null}, deny: [nickName]}\npatch: {silent_noop: true}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := Load(filepath.Join(dir, "top.yaml"), []byte("rate: {buckets: [{match: \"*\", rate: 5/30s}]}\ntimeout: 90s"))
	if err != nil {
		t.Fatal(err)
	}
	want := RFC()
	want.Name, want.Service, want.Extends, want.Facts = filepath.Join(dir, "top.yaml"), "top", "base.yaml", p.Facts
	want.Attrs.MaxLen, want.Attrs.Deny = map[string]int{"userName": 10}, []string{"nickName"} // a mapping is laid over, a list replaces
	want.Patch.SilentNoop = true
	want.Rate.Buckets = []Bucket{{Match: Match{"*"}, Rate: Limit{5, 30 * time.Second}, Unit: UnitRequests}}
	want.Timeout = 90 * time.Second
	if diff := cmp.Diff(want, p, settings); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}

	knobs := map[string]*Knob{}
	for _, k := range p.Knobs() {
		knobs[k.Name] = k
	}
	for name, from := range map[string]string{
		"attrs.max_len": filepath.Join(dir, "top.yaml") + ":3", "patch.silent_noop": filepath.Join(dir, "top.yaml") + ":4",
		"timeout": "options:2", "patch.op_case": "rfc", "deactivate.effect": "rfc",
	} {
		if got := knobs[name].From; got != from {
			t.Errorf("%s comes from %q, want %q", name, got, from)
		}
	}
	// What the base knew of a list that is replaced is not known of the new one.
	if f := knobs["attrs.deny"].Fact; f.Source != "" {
		t.Errorf("attrs.deny still has the source %q", f.Source)
	}
	if f := knobs["patch.op_case"].Fact; f.Source != "RFC 7644" {
		t.Errorf("patch.op_case has the source %q", f.Source)
	}
	if !(&Knob{Value: knobs["timeout"].Value, Default: "1m"}).Differs() || knobs["timeout"].Value != "1m30s" {
		t.Errorf("timeout is %v", knobs["timeout"].Value)
	}
	base, err := Load(filepath.Join(dir, "base.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if base.Attrs.MaxLen["userName"] != 20 || base.Timeout != time.Minute {
		t.Error("laying a profile over another changed the other")
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	loop := write(t, "extends: own.yaml\n")
	for ref, want := range map[string]string{
		"rcf":                             `there is no built-in profile "rcf" (did you mean rfc?)`,
		"acme":                            `there is no built-in profile "acme" (scimsync profiles lists them; a file of your own is named by its path, as in ./acme.yaml)`,
		"./nowhere.yml":                   "read profile ./nowhere.yml: no such file or directory",
		"/dev/zero":                       "read profile /dev/zero: it is not a file of at most 1048576 bytes",
		loop:                              loop + ":1:10: extends: extends itself by way of " + loop,
		write(t, "extends: rcf\n"):        `own.yaml:1:10: extends: there is no built-in profile "rcf" (did you mean rfc?)`,
		write(t, "extends: ./none.yaml"):  `none.yaml: no such file or directory`,
		write(t, "extends: {a: b}"):       `own.yaml:1:10: extends: wants the name of a profile, and this is a mapping (write extends: rfc)`,
		write(t, "a: [\n"):                `own.yaml:1:4: not YAML: sequence end token ']' not found`,
		write(t, "extends: [rfc]\nx: 1"):  `own.yaml:1:10: extends: wants the name of a profile, and this is a list (write extends: rfc)`,
		write(t, "- extends: rfc\n- 1\n"): `own.yaml:1:1: wants a mapping of keys to values, and this is a list`,
	} {
		_, err := Load(ref, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\nwant %s", ref, err, want)
		}
	}
}

// Options are laid over a profile where they stand; their problems have that place.
func TestOptions(t *testing.T) {
	_, err := Load("rfc", []byte("patch: {op_cse: title}\nfacts: []\nrate:\n  concurrency: 0"))
	want := "options:1:9: patch.op_cse: unknown key (did you mean op_case?)\noptions:2:1: facts: is no knob (it belongs in a profile of your own)\noptions:4:16: rate.concurrency: 0 is out of range (write a whole number of at least 1)"
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant\n%s", err, want)
	}
	rfc, err := Load("rfc", nil)
	if err != nil {
		t.Fatal(err)
	}
	tree, problems := strictyaml.Read("config.yaml", []byte("delete: {effect: unsupported, allowed: true}"))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	at := strictyaml.Pos{File: "config.yaml", Line: 1, Column: 1, Path: "targets.x.options"}
	if _, err = rfc.With(at, tree); err == nil || err.Error() != "config.yaml:1:40: targets.x.options.delete.allowed: the service refuses to delete (write delete.allowed false)" {
		t.Error(err)
	}
	if rfc.Delete.Effect != DeleteIrreversible {
		t.Error("laying options over a profile changed it")
	}
}

// What nothing acts on is shown, and an option for it is an error: it would change nothing.
func TestIdleKnobs(t *testing.T) {
	for _, options := range []string{"members: {requires_users_first: true}", "create: {groups_with_members: true}", "health_path: /well", "auth: {token_url: https://example.org/token}"} {
		_, err := Load("rfc", []byte(options))
		if err == nil || !strings.Contains(err.Error(), "is only known of services: nothing acts on it yet (remove the line)") {
			t.Errorf("%s: %v", options, err)
		}
	}
	p, err := Load("sentry", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"members.remove": false, "members.requires_users_first": true, "create.groups_with_members": true, "deactivate.effect": false, "patch.max_ops": false} {
		if got := p.Knob(name).Idle; got != want {
			t.Errorf("%s idle: %v", name, got)
		}
	}
}
