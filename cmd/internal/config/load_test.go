package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const (
	example    = "../../../config.example.yaml"
	everything = "testdata/good/everything.yaml"
)

func load(t *testing.T, path string) *Config {
	t.Helper()
	cfg, warnings, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(warnings) > 0 {
		t.Errorf("warnings: %v", warnings)
	}
	return cfg
}

// wants are the lines of a file that begin with "# want: ".
func wants(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		if want, ok := strings.CutPrefix(line, "# want: "); ok {
			out = append(out, "config.yaml:"+strings.TrimSpace(want))
		}
	}
	return out
}

// Each rule has its own file in testdata/bad, which says what is reported of it: all of it, in order, and nothing else.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 100 {
		t.Fatalf("%d bad files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			cfg, _, err := parse("config.yaml", "/etc/scimsync", text)
			var problems Problems
			if !errors.As(err, &problems) || cfg != nil {
				t.Fatalf("accepted, or another error: %v", err)
			}
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "31337") {
				t.Error("a message shows a secret")
			}
			want := wants(string(text))
			if len(want) == 0 {
				t.Error("the file does not say what is wanted")
			}
			if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestExampleRunsAsItStands(t *testing.T) {
	cfg := load(t, example)
	users := cfg.Source("hr").CSV.Users
	text, err := os.ReadFile(users.Path)
	if err != nil {
		t.Fatal(err)
	}
	header, _, _ := strings.Cut(string(text), "\n")
	if !strings.Contains(","+header+",", ","+users.Key+",") {
		t.Errorf("the sample has no column %s: %s", users.Key, header)
	}
	flows := cfg.Flows("staff")
	if len(flows) != 1 {
		t.Fatalf("%d flows, want 1", len(flows))
	}
	if target := cfg.Target(flows[0].Target); target.Profile.Name != Sandbox || target.URL != "" {
		t.Errorf("target = %+v, want the sandbox in this process", target)
	}
	guard := flows[0].Guard
	guard.FirstRun = FirstRunHold
	if diff := cmp.Diff(minimal(t).Flows("staff")[0].Guard, guard); diff != "" {
		t.Errorf("the example says these are the defaults; -default +example:\n%s", diff)
	}
}

// minimal is a config that leaves all to the defaults.
func minimal(t *testing.T) *Config {
	t.Helper()
	cfg, warnings, err := parse("config.yaml", "/etc/scimsync", []byte(`version: 1
sources: {hr: {csv: {users: {path: people.csv, key: id}}}, dir: {ldap: {urls: [ldaps://dc1], bind: {user: u, password: {env: P}}, users: {base: dc=org}}}}
targets: {box: {profile: sandbox}}
jobs: {staff: {from: hr, to: [box]}}
`))
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	return cfg
}

func TestDefaults(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", "")
	cfg := minimal(t)
	num, pct := func(n int) *int { return &n }, func(p float64) *float64 { return &p }
	ignore := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().Type() == reflectPos }, cmp.Ignore())

	if diff := cmp.Diff(Log{Level: "info", Format: "auto"}, cfg.Log); diff != "" {
		t.Error(diff)
	}
	if cfg.State.Dir != "/var/lib/scimsync" {
		t.Error(cfg.State.Dir)
	}
	wantCSV := Source{Name: "hr", MaxShrink: 40, CSV: &CSV{MinRows: 1,
		Users: CSVUsers{CSVFile: CSVFile{Path: "/etc/scimsync/people.csv", Pick: PickNewest, Delimiter: ',', Encoding: EncodingUTF8}, Key: "id"}}}
	if diff := cmp.Diff(wantCSV, *cfg.Source("hr"), ignore); diff != "" {
		t.Error(diff)
	}
	dir := cfg.Source("dir").LDAP
	if dir.Vendor != VendorAuto || dir.Bind.Method != MethodSimple || dir.PageSize != 500 || dir.Users.Scope != ScopeSub ||
		dir.Users.Anchor != "auto" || dir.TLS.StartTLS || !cmp.Equal(dir.Users.Base, []string{"dc=org"}) {
		t.Errorf("%+v", dir)
	}
	if box := cfg.Target("box"); box.Timeout != 0 || box.Profile.Timeout != time.Minute || box.Pace != (Pace{}) {
		t.Errorf("%+v", box)
	}
	if job := cfg.Job("staff"); job.Timezone != time.UTC || job.Jitter != 0 || job.Schedule != "" {
		t.Errorf("%+v", job)
	}
	want := Flow{Job: "staff", Target: "box", From: []string{"hr"},
		Users: Users{
			Match: []MatchBy{MatchExternalID, MatchUserName, MatchEmail},
			Adopt: Adopt{Existing: ExistingAsk, Values: AdoptFill}, Own: Own{Default: OwnElements},
		},
		Leavers: Leavers{Action: LeaverDeactivate, Members: LeaverMembersKeep},
		Guard: Guard{
			FirstRun:     FirstRunHold,
			Deactivate:   Limit{Percent: pct(10), Count: num(50), AtLeast: 5},
			Delete:       Limit{Count: num(0)},
			Update:       Limit{Percent: pct(50), AtLeast: 10},
			Create:       Limit{Percent: pct(20), Count: num(500), AtLeast: 10},
			Adopt:        Limit{Count: num(0)},
			Rename:       Limit{Percent: pct(5), Count: num(20), AtLeast: 5},
			MemberRemove: Limit{Percent: pct(30), AtLeast: 10},
			Window:       24 * time.Hour,
		}}
	if diff := cmp.Diff(want, cfg.Flows("staff")[0], ignore); diff != "" {
		t.Error(diff)
	}
}

func TestStateDirectoryOfSystemd(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", "/var/lib/one:/var/lib/two")
	if got := minimal(t).State.Dir; got != "/var/lib/one" {
		t.Error(got)
	}
}

func TestPathsAreRelativeToTheFile(t *testing.T) {
	cfg := load(t, everything)
	dir, err := filepath.Abs("testdata/good")
	if err != nil {
		t.Fatal(err)
	}
	cloud := cfg.Target("cloud")
	for got, want := range map[string]string{
		cfg.State.Dir:                      filepath.Join(dir, "var/state"),
		cfg.Source("hr").CSV.Users.Path:    filepath.Join(dir, "drop/people-*.csv"),
		cfg.Source("ext").CSV.Users.Path:   "/srv/ext.csv",
		cfg.Source("ext").CSV.Groups.Path:  filepath.Join(dir, "groups.csv"),
		cfg.Source("ext").CSV.Members.Path: "/srv/members-*.csv",
		cfg.Source("corp").LDAP.TLS.CAFile: filepath.Join(dir, "ca.pem"),
		cloud.TLS.KeyFile:                  "/etc/client.key",
		cloud.Protect.File:                 filepath.Join(dir, "protected.txt"),
		cloud.Auth.Bearer.Token.Where():    "file " + filepath.Join(dir, "cloud.token"),
		cloud.URL:                          "https://scim.example.org/v2",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestFind(t *testing.T) {
	t.Setenv("SCIMSYNC_CONFIG", "")
	if got := Find(""); got != "/etc/scimsync/config.yaml" {
		t.Error(got)
	}
	t.Setenv("SCIMSYNC_CONFIG", "env.yaml")
	if got := Find(""); got != "env.yaml" {
		t.Error(got)
	}
	if got := Find("flag.yaml"); got != "flag.yaml" {
		t.Error(got)
	}
}

func TestLoadOfWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{
		filepath.Join(dir, "none.yaml"): "no such file or directory; name another with --config or SCIMSYNC_CONFIG",
		dir:                             "it is not a file",
	} {
		_, _, err := Load(path)
		var problems Problems
		if err == nil || errors.As(err, &problems) || !strings.Contains(err.Error(), "read config "+path+": "+want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestWarnings(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "bind.pw")
	if err := os.WriteFile(secret, []byte("x"), 0o640); err != nil {
		t.Fatal(err)
	}
	_, warnings, err := parse("config.yaml", dir, []byte(`version: 1
sources:
  dir:
    ldap: {urls: [ldaps://dc1], bind: {user: u, password: {file: bind.pw}}, users: {base: dc=org}}
targets:
  plain: {url: https://scim.example.org, auth: {bearer: {token: hunter2}}}
  open: {url: https://scim.example.org}
jobs: {staff: {from: dir, to: [plain, open]}}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"config.yaml:4:59: sources.dir.ldap.bind.password: " + secret + " has mode 0640: others than its owner can read this secret (chmod 0600)",
		"config.yaml:6:65: targets.plain.auth.bearer.token: the secret stands in plain text (move it to a file of mode 0600 and write {file: PATH}, or {env: NAME})",
		"config.yaml:7:3: targets.open: requests to this target are not authenticated (most service providers want auth: {bearer: {token: {file: PATH}}})",
	}
	if diff := cmp.Diff(strings.Join(want, "\n"), Problems(warnings).Error()); diff != "" {
		t.Error(diff)
	}
}

func TestPlaces(t *testing.T) {
	cfg := load(t, everything)
	for path, line := range map[string]int{
		"sources.hr.csv.users.path":             14,
		"sources.hr.csv.users":                  14,
		"sources.ext.csv.min_rows":              20, // left to its default: what is above
		"sources.corp.ldap.page_size":           5,  // merged
		"sources.near.ldap.urls[1]":             46,
		"jobs.staff.to.cloud.users.match":       127,
		"jobs.staff.guard.deactivate.percent":   2, // an alias
		"nothing.of.the.kind":                   1,
		"jobs.staff.users.map.locale.value":     147,
		"jobs.staff.users.active_from.before.x": 138,
	} {
		got := cfg.Place(path)
		if got.Line != line || got.Path != path || got.File != everything {
			t.Errorf("%s is at %+v, want line %d", path, got, line)
		}
	}
	include := cfg.Flows("staff")[1].Users.Include
	if want := (Text{Value: `"cloud" in groups`, Pos: Pos{File: everything, Line: 124, Column: 22, Path: "jobs.staff.to.cloud.users.include"}}); include != want {
		t.Errorf("got %+v, want %+v", include, want)
	}
}

func TestColumnsCountCharacters(t *testing.T) {
	_, _, err := parse("c.yaml", "/", []byte("x-ä: [ö, ü]\nlog: {x-äöü: 1, levl: info}\n"))
	if err == nil || !strings.Contains(err.Error(), "c.yaml:2:17: log.levl: unknown key") {
		t.Error(err)
	}
}

// Whatever a file holds, Load says what is wrong with it: it never crashes, and each problem has a place in the file.
func TestAnyFileIsSurvived(t *testing.T) {
	good, err := os.ReadFile(everything)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(good), "\n")
	pieces := []string{"", ":", "- ", "[", "}", "\"", "'", "&a ", "*a", "<<: ", "!!str ", "\t", "\n", "  ", "#", "|\n", "null", "~", "1e400", ".inf", "? ", "---\n", "\x00", "ö"}
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.IntRange(0, len(lines)-1).Draw(t, "from")
		text := strings.Join(lines[from:rapid.IntRange(from, len(lines)).Draw(t, "to")], "")
		for range rapid.IntRange(1, 4).Draw(t, "changes") {
			at := rapid.IntRange(0, len(text)).Draw(t, "at")
			end := min(len(text), at+rapid.IntRange(0, 8).Draw(t, "cut"))
			text = text[:at] + rapid.SampledFrom(pieces).Draw(t, "piece") + text[end:]
		}
		cfg, _, err := parse("c.yaml", "/", []byte(text))
		if (cfg == nil) == (err == nil) {
			t.Fatalf("neither a config nor an error, or both: %v", err)
		}
		var problems Problems
		if err != nil && !errors.As(err, &problems) {
			t.Fatalf("not Problems: %v", err)
		}
		for _, p := range problems {
			if p.Line < 1 || p.Line > strings.Count(text, "\n")+2 || p.Column < 1 || p.Message == "" {
				t.Fatalf("no such place: %+v", p)
			}
		}
	})
}

const oneTarget = `version: 1
sources: {hr: {csv: {users: {path: people.csv, key: id}}}}
jobs: {staff: {from: hr, to: [box]}}
targets:
  box:
    url: https://scim.example.org/v2
    auth: {bearer: {token: {env: T}}}
`

func TestProfileOfOnesOwn(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"mine.yaml": "extends: slack\nservice: mine\nattrs: {max_len: {userName: 10}}\n",
		"bad.yaml":  "extends: slack\ndeactivate: {effct: disable}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, warnings, err := parse("config.yaml", dir, []byte(oneTarget+"    profile: ./mine.yaml\n    options: {attrs: {max_len: {title: 5}}}\n"))
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	p := cfg.Target("box").Profile
	if diff := cmp.Diff(map[string]int{"userName": 10, "title": 5}, p.Attrs.MaxLen); diff != "" || p.Name != "./mine.yaml" || p.Service != "mine" {
		t.Errorf("%s of %s: %s", p.Name, p.Service, diff)
	}
	// What is wrong with the file is said with its place in it, beside what is wrong with the config.
	_, _, err = parse("config.yaml", dir, []byte(oneTarget+"    profile: bad.yaml\n    timeot: 5s\n"))
	want := filepath.Join(dir, "bad.yaml") + ":2:14: deactivate.effct: unknown key (did you mean effect?)\n" +
		"config.yaml:9:5: targets.box.timeot: unknown key (did you mean timeout?)"
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant\n%s", err, want)
	}
}

func TestPaceThatIsFasterThanTheService(t *testing.T) {
	for text, want := range map[string]string{
		"profile: ringcentral\n    pace: {rate: 11/m}": "config.yaml:9:18: targets.box.pace.rate: 11/m is faster than 10/m for POST */Users, PUT|PATCH|DELETE *, " +
			"which profile ringcentral says this service bears (it may answer 429; remove pace, or write options: {rate: {buckets: […]}})",
		"profile: ringcentral\n    pace: {rate: 10/m}":     "",
		"profile: ringcentral\n    pace: {concurrency: 1}": "",
		"profile: rfc\n    pace: {rate: 100/s}":            "", // nobody knows what this service bears
		"profile: slack\n    pace: {rate: 50/s}\n    options: {rate: {buckets: [{match: \"*\", rate: 40/s}]}}": "config.yaml:9:18: targets.box.pace.rate: it replaces the buckets under options.rate, " +
			"which then do nothing (write one of the two)",
	} {
		_, warnings, err := parse("config.yaml", "/etc/scimsync", []byte(strings.Replace(oneTarget, "auth: {bearer: {token: {env: T}}}", "tls: {cert_file: c.pem, key_file: k.pem}", 1)+"    "+text+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if len(warnings) > 0 {
			got = Problems(warnings).Error()
		}
		if got != want {
			t.Errorf("%s: %s\nwant %s", text, got, want)
		}
	}
}

func TestAnotherKindOfCredential(t *testing.T) {
	for name, want := range map[string]string{
		"zoom": "config.yaml:7:11: targets.box.auth: profile zoom says this service wants oauth2_client_credentials, and this is bearer " +
			"(see scimsync profiles zoom, or write options: {auth: {kind: bearer}})",
		"zoom\n    options: {auth: {kind: bearer}}": "",
		"slack":   "",
		"rfc":     "",
		"grafana": "",
	} {
		_, warnings, err := parse("config.yaml", "/etc/scimsync", []byte(oneTarget+"    profile: "+name+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if len(warnings) > 0 {
			got = Problems(warnings).Error()
		}
		if got != want {
			t.Errorf("%s: %s\nwant %s", name, got, want)
		}
	}
}
