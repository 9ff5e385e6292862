// Package sambatest runs a real Active Directory for tests: a Samba domain controller with a
// domain of its own, in its own directory and its own network, so that its fixed ports are
// in nobody's way. It is reached over its socket only, and ended by its own process id. It
// needs samba, samba-tool, unshare and ip on the machine, and root.
package sambatest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"scimsync/sources/ldap/ldaptest"
)

// The names in every domain.
const (
	Suffix  = "DC=example,DC=org"
	Admin   = "Administrator@example.org"
	AdminPW = "Admin-secret-1"
	startIn = 60 * time.Second
)

// Server is a running domain controller.
type Server struct {
	URL              string // ldapi://…
	*ldaptest.Writer        // as Admin
}

// Start starts the controller of a new domain; it ends with the test. The first one on a
// machine takes some ten seconds to make, the others are copies of it.
func Start(t testing.TB) *Server {
	t.Helper()
	seed, err := seeded()
	if err != nil {
		t.Fatalf("make a domain for tests (as root: its ports are below 1024): %v", err)
	}
	// Not t.TempDir: the path of a socket has at most 107 bytes.
	dir, err := os.MkdirTemp("", "samba")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := plant(seed, dir); err != nil {
		t.Fatalf("copy the domain at %s: %v", seed, err)
	}
	s := &Server{URL: "ldapi://" + url.PathEscape(filepath.Join(dir, "private", "ldapi"))}
	s.Writer = &ldaptest.Writer{T: t, URL: func() string { return s.URL }, User: Admin, Password: AdminPW}
	s.run(t, dir)
	return s
}

// provision makes a domain in the directory $1.
const provision = `samba-tool domain provision --quiet --realm=EXAMPLE.ORG --domain=EXAMPLE --server-role=dc \
	--dns-backend=NONE --host-name=dc1 --host-ip=127.0.0.1 --adminpass="$2" --targetdir="$1" \
	--option="server services=ldap" --option="interfaces=127.0.0.1/8" --option="bind interfaces only=yes" \
	--option="posix:eadb=$1/eadb.tdb" --option="log file=$1/log" --option="pid directory=$1" \
	--option="ncalrpc dir=$1/ncalrpc"`

// seeded gives the directory of an empty domain, made once for all tests of a machine.
func seeded() (string, error) {
	cache := os.Getenv("SCIMSYNC_TEST_CACHE")
	if cache == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		cache = filepath.Join(base, "scimsync-test")
	}
	version, err := apart("samba --version").Output()
	if err != nil {
		return "", fmt.Errorf("samba --version: %w", err)
	}
	sum := sha256.Sum256([]byte(provision + AdminPW + string(version)))
	dir := filepath.Join(cache, "samba-"+hex.EncodeToString(sum[:8]))
	if err := os.MkdirAll(cache, 0o755); err != nil {
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
	if err := os.RemoveAll(dir); err != nil { // half of one
		return "", err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	if out, err := apart(provision, dir, AdminPW).CombinedOutput(); err != nil {
		return "", fmt.Errorf("samba-tool domain provision: %w\n%s", err, tail(out))
	}
	return dir, os.WriteFile(ready, nil, 0o600)
}

// plant copies a domain to another directory.
func plant(seed, dir string) error {
	if out, err := exec.Command("cp", "-a", seed+"/.", dir).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, tail(out))
	}
	conf := filepath.Join(dir, "etc", "smb.conf")
	text, err := os.ReadFile(conf)
	if err != nil {
		return err
	}
	return os.WriteFile(conf, bytes.ReplaceAll(text, []byte(seed), []byte(dir)), 0o600)
}

// run starts the controller and waits for its socket.
func (s *Server) run(t testing.TB, dir string) {
	t.Helper()
	var out bytes.Buffer
	controller := apart(`exec samba --configfile="$1/etc/smb.conf" --foreground --no-process-group --model=single \
		--option="tls enabled=no" --option="ldap server require strong auth=no"`, dir)
	controller.Stdout, controller.Stderr = &out, &out
	controller.WaitDelay = time.Second
	if err := controller.Start(); err != nil {
		t.Fatalf("start samba: %v", err)
	}
	ended := make(chan struct{})
	go func() {
		_ = controller.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-controller.Process.Pid, syscall.SIGKILL) // with its children
		<-ended
	})
	socket := filepath.Join(dir, "private", "ldapi")
	for deadline := time.Now().Add(startIn); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		select {
		case <-ended:
			t.Fatalf("samba ended:\n%s", tail(out.Bytes()))
		default:
		}
		if conn, err := net.Dial("unix", socket); err == nil {
			_ = conn.Close()
			return
		}
	}
	t.Fatalf("samba does not answer at %s", socket)
}

// apart is a shell command in a network of its own, and in a process group of its own.
func apart(script string, args ...string) *exec.Cmd {
	cmd := exec.Command("unshare", append([]string{"--net", "sh", "-c", "ip link set lo up && " + script, "sh"}, args...)...)
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

func tail(out []byte) string {
	lines := strings.Split(string(out), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}
