package scimtest

import (
	"bufio"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The server's program and the versions of what it is made of.
//
//go:embed scimmy/server.mjs scimmy/package.json scimmy/package-lock.json scimmy/.npmrc
var program embed.FS

// Server is scimmy, a SCIM server of foreign make, in a process of its own. It keeps
// its accounts and groups in memory.
type Server struct {
	URL   string // of the SCIM service, to be given to scim.Options
	Token string // that it asks for; empty: none

	t      testing.TB
	origin string
	stdin  io.Closer
	done   chan error
	end    sync.Once
	client *http.Client
}

// Start starts a server on a port of its own on the loopback; it ends with the test.
// The first start on a machine installs its packages into the directory
// $SCIMSYNC_TEST_CACHE, or scimsync-test in the user's cache, with npm.
func Start(t testing.TB) *Server { return StartWithToken(t, "") }

// StartWithToken starts a server that asks for a bearer token.
func StartWithToken(t testing.TB, token string) *Server { return start(t, token, "") }

// StartWithBulk starts a server that takes bulk requests of so many operations and
// bytes. With lost above zero the connection of a bulk request is cut once so many
// accounts were made, and the rest of that request is not carried out.
func StartWithBulk(t testing.TB, operations, bytes, lost int) *Server {
	return start(t, "", fmt.Sprintf("%d,%d,%d", operations, bytes, lost))
}

func start(t testing.TB, token, bulk string) *Server {
	t.Helper()
	dir, err := install()
	if err != nil {
		t.Fatalf("install the test server scimmy (needs node and npm): %v", err)
	}
	cmd := exec.Command("node", "server.mjs")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "SCIMTEST_TOKEN="+token, "SCIMTEST_BULK="+bulk)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start the test server scimmy: %v", err)
	}
	s := &Server{Token: token, t: t, stdin: stdin, done: make(chan error, 1),
		client: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{}}}
	var port int
	line, err := bufio.NewReader(stdout).ReadString('\n')
	go func() { s.done <- cmd.Wait() }()
	t.Cleanup(func() { s.Stop(); s.kill(cmd) })
	if err != nil {
		t.Fatalf("wait for the test server scimmy: %v", err)
	}
	if _, err := fmt.Sscanf(line, "listening %d", &port); err != nil {
		t.Fatalf("wait for the test server scimmy: it says %q", line)
	}
	s.origin = fmt.Sprintf("http://127.0.0.1:%d", port)
	s.URL = s.origin + "/scim/v2"
	return s
}

// Stop ends the server.
func (s *Server) Stop() {
	s.end.Do(func() {
		_ = s.stdin.Close() // it ends by itself then
		s.client.CloseIdleConnections()
	})
}

// kill waits for the process that Stop asked to end, and ends it if it does not.
func (s *Server) kill(cmd *exec.Cmd) {
	select {
	case <-s.done:
	case <-time.After(5 * time.Second):
		_ = cmd.Process.Kill()
		<-s.done
	}
}

// Requests gives what has come so far.
func (s *Server) Requests() []Request { return s.RequestsAfter(0) }

// RequestsAfter leaves the first n out.
func (s *Server) RequestsAfter(n int) []Request {
	s.t.Helper()
	var raw []struct {
		Method, Path, Query, Body string
		Header                    map[string]string
		Status                    int
	}
	s.get(fmt.Sprintf("/test/requests?from=%d", n), &raw)
	list := make([]Request, len(raw))
	for i, r := range raw {
		list[i] = Request{Method: r.Method, Path: r.Path, Query: r.Query, Body: r.Body, Status: r.Status, Header: http.Header{}}
		for name, value := range r.Header {
			list[i].Header.Set(name, value)
		}
	}
	return list
}

// Users gives all accounts as the server stores them, oldest first.
func (s *Server) Users() []map[string]any {
	s.t.Helper()
	var list []map[string]any
	s.get("/test/users", &list)
	return list
}

// Groups gives all groups as the server stores them, oldest first.
func (s *Server) Groups() []map[string]any {
	s.t.Helper()
	var list []map[string]any
	s.get("/test/groups", &list)
	return list
}

// Reset forgets all accounts, groups and requests.
func (s *Server) Reset() {
	s.t.Helper()
	var nothing struct{}
	s.get("/test/reset", &nothing)
}

func (s *Server) get(path string, into any) {
	s.t.Helper()
	resp, err := s.client.Get(s.origin + path)
	if err != nil {
		s.t.Fatalf("ask the test server: %v", err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		s.t.Fatalf("ask the test server for %s: %v", path, err)
	}
}

// install puts program and packages into a directory named after their content, once
// for all tests of a machine.
func install() (string, error) {
	cache := os.Getenv("SCIMSYNC_TEST_CACHE")
	if cache == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		cache = filepath.Join(base, "scimsync-test")
	}
	files, sum, err := programFiles()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "scimmy-"+sum)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(dir+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	ready := filepath.Join(dir, ".ready")
	if _, err := os.Stat(ready); err == nil {
		return dir, nil
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return "", err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci in %s: %w\n%s", dir, err, strings.TrimSpace(string(out)))
	}
	return dir, os.WriteFile(ready, nil, 0o644)
}

func programFiles() (files map[string][]byte, sum string, err error) {
	entries, err := program.ReadDir("scimmy")
	if err != nil {
		return nil, "", err
	}
	files = map[string][]byte{}
	hash := sha256.New()
	for _, e := range entries {
		content, err := program.ReadFile("scimmy/" + e.Name())
		if err != nil {
			return nil, "", err
		}
		files[e.Name()] = content
		fmt.Fprintf(hash, "%s %d\n", e.Name(), len(content))
		hash.Write(content)
	}
	return files, hex.EncodeToString(hash.Sum(nil))[:16], nil
}
