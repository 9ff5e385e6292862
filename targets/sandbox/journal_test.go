package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// reopen closes a sandbox and opens its file again.
func reopen(t *testing.T, s *Server, file string) *Server {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, file)
}

func open(t *testing.T, file string) *Server {
	t.Helper()
	s, err := New(Options{File: file})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func all(s *Server) string { return asJSON(s.Users()) + asJSON(s.Groups()) }

func TestFileKeepsEverything(t *testing.T) {
	file := filepath.Join(t.TempDir(), "accounts")
	h := serve(t, Options{File: file})
	var ids []string
	for i := range 5 {
		ids = append(ids, h.user(fmt.Sprintf(`"userName":"u%d","displayName":"<Ü & \u2028>","emails":[{"value":"u%d@x"}]`, i, i)))
	}
	g := h.group(fmt.Sprintf(`"displayName":"g","members":[{"value":%q},{"value":%q},{"value":%q}]`, ids[3], ids[1], ids[2]))
	h.group(fmt.Sprintf(`"displayName":"outer","members":[{"value":%q}]`, g))
	h.must(200, "PATCH", "/Users/"+ids[0], patchBody(`{"op":"replace","path":"userName","value":"renamed"}`))
	h.must(204, "PATCH", "/Groups/"+g, patchBody(`{"op":"remove","path":"members[value eq \"`+ids[1]+`\"]"},{"op":"add","path":"members","value":[{"value":"`+ids[0]+`"}]}`))
	h.must(204, "DELETE", "/Users/"+ids[2], "")
	before := all(h.Server)

	s := reopen(t, h.Server, file)
	if now := all(s); now != before {
		t.Errorf("after reopening\n%s\nbefore\n%s", now, before)
	}
	s = reopen(t, s, file) // now from the compacted file
	if now := all(s); now != before {
		t.Errorf("after compaction\n%s\nbefore\n%s", now, before)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(data), "\n"); n != 6 {
		t.Errorf("the compacted file has %d lines, want one for each of 6 resources", n)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	again := serve(t, Options{})
	again.Server.store = s.store
	for filter, want := range map[string]string{`userName eq "u0"`: "", `userName eq "renamed"`: "renamed", `emails.value eq "u1@x"`: "u1", `groups.display eq "g"`: "renamed u3"} {
		if got := again.names("/Users", filter); got != want {
			t.Errorf("%s finds %q, want %q", filter, got, want)
		}
	}
}

func TestTornLastLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "accounts")
	s := open(t, file)
	body := func(n string) map[string]any { return map[string]any{"schemas": []any{userURN}, "userName": n} }
	if _, err := s.Seed(body("a"), body("b")); err != nil {
		t.Fatal(err)
	}
	two := all(s)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Seed(body("c")); err != nil {
		t.Fatal(err)
	}
	three, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for cut := len(whole); cut < len(three); cut++ {
		if err := os.WriteFile(file, three[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, file)
		if now := all(s); now != two {
			t.Fatalf("cut at byte %d of the last line: %s", cut-len(whole), now)
		}
		if cut%50 == 0 {
			if _, err := s.Seed(body("d")); err != nil {
				t.Fatal(err)
			}
			if s = reopen(t, s, file); len(s.Users()) != 3 {
				t.Errorf("a write after the cut was lost: %s", all(s))
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFileRefused(t *testing.T) {
	good := `{"op":"put","kind":"User","id":"1","at":"2026-01-01T00:00:00Z","version":1,"body":{"schemas":["` + userURN + `"],"userName":"a"}}` + "\n"
	for name, c := range map[string]struct{ text, want string }{
		"torn in the middle": {good[:40] + "\n" + good, ":1: "},
		"not ours":           {good + `{"some":"json"}` + "\n", ":2: not a line of a sandbox accounts file"},
		"unknown operation":  {strings.Replace(good, "put", "move", 1), ":1: not a line of a sandbox accounts file"},
		"not ours, no end":   {`{"some":"json"}`, ":1: not a line of a sandbox accounts file"},
		"a CSV":              {"name,mail\n", ":1: "},
		"member of nothing":  {strings.Replace(strings.Replace(good, `"User"`, `"Group"`, 1), `}}`, `},"join":["x"]}`, 1), "member x of a group does not exist"},
	} {
		file := filepath.Join(t.TempDir(), "accounts")
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := New(Options{File: file})
		if err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
		if s != nil {
			s.Close()
		}
		if data, err := os.ReadFile(file); err != nil || string(data) != c.text {
			t.Errorf("%s: the file was changed to %s", name, data)
		}
	}
}

func TestOneServerForAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "accounts")
	s := open(t, file)
	if _, err := New(Options{File: file}); err == nil || !strings.Contains(err.Error(), "another sandbox has these accounts open") {
		t.Errorf("a second sandbox on the file: %v", err)
	}
	reopen(t, s, file)
}

func TestClosed(t *testing.T) {
	h := serve(t, Options{File: filepath.Join(t.TempDir(), "accounts")})
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	h.refused(500, "", "POST", "/Users", userBody(`"userName":"a"`))
	if len(h.Users()) != 0 {
		t.Error("a write that the file does not have was applied")
	}
}

// TestFullDisk makes an append fail half-way and expects the file to stay whole.
func TestFullDisk(t *testing.T) {
	file := filepath.Join(t.TempDir(), "accounts")
	h := serve(t, Options{File: file})
	h.user(`"userName":"a"`)
	j := h.store.journal
	good := j.file
	readOnly, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	j.file = readOnly
	h.refused(500, "", "POST", "/Users", userBody(`"userName":"b"`))
	j.file = good
	readOnly.Close()
	h.user(`"userName":"b"`)
	if s := reopen(t, h.Server, file); len(s.Users()) != 2 {
		t.Errorf("after the failed write: %s", all(s))
	}
}

func TestManyAtOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "accounts")
	h := serve(t, Options{File: file})
	g := h.group(`"displayName":"g"`)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 25 {
				// Two workers race for each name.
				r, err := h.try("POST", "/Users", userBody(fmt.Sprintf(`"userName":"u%d-%d","externalId":"%d"`, w/2, i, w)))
				if err != nil || r.status != 201 && r.status != 409 {
					t.Errorf("%d %v", r.status, err)
				}
				if r.status != 201 {
					continue
				}
				for _, step := range [][3]string{
					{"PATCH", "/Groups/" + g, patchBody(`{"op":"add","path":"members","value":[{"value":"` + r.id() + `"}]}`)},
					{"PATCH", "/Users/" + r.id(), patchBody(`{"op":"replace","path":"active","value":false}`)},
					{"GET", "/Users?count=50", ""},
				} {
					if r, err := h.try(step[0], step[1], step[2]); err != nil || r.status >= 300 {
						t.Errorf("%s: %d %v", step[0], r.status, err)
					}
				}
			}
		})
	}
	wg.Wait()
	if n, m := len(h.Users()), len(h.Groups()[0]["members"].([]any)); n != 100 || m != 100 {
		t.Errorf("%d users, %d members; want 100 each", n, m)
	}
	before := all(h.Server)
	if s := reopen(t, h.Server, file); all(s) != before {
		t.Error("the file differs from what was in memory")
	}
}
