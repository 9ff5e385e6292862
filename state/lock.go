package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// lockFile names the holder of the lock beside the state. It is for people only: the
// lock itself is the kernel's, on the state file, and ends with the process.
const lockFile = "state.lock.json"

// lockRetry is the time between two tries to get the lock.
const lockRetry = 50 * time.Millisecond

// holder is who has the state open.
type holder struct {
	PID     int       `json:"pid"`
	Host    string    `json:"host"`
	Boot    string    `json:"boot,omitempty"` // the kernel's boot id: pids of another boot mean nothing
	Command string    `json:"command,omitempty"`
	Since   time.Time `json:"since"`
	path    string
}

func newHolder(dir, command string) *holder {
	host, _ := os.Hostname() // only told to people: empty will do
	return &holder{PID: os.Getpid(), Host: host, Boot: bootID(), Command: command,
		Since: time.Now().UTC().Truncate(time.Second), path: filepath.Join(dir, lockFile)}
}

// bootID tells one start of this machine from the next; empty where there is none.
func bootID() string {
	b, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(b))
}

// lock gives a function that locks the state file for this process, or says who has it.
// bbolt locks the same file in the same way and finds the lock its own.
func (h *holder) lock(wait time.Duration) func(*os.File) error {
	return func(f *os.File) error {
		for end := time.Now().Add(wait); ; time.Sleep(lockRetry) {
			err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
			if err == nil {
				return nil
			}
			if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
				return fmt.Errorf("lock state %s: %w; the state must be on a local file system", f.Name(), err)
			}
			if time.Now().After(end) {
				return fmt.Errorf("open state %s: %w by %s: let it end, or stop it", f.Name(), ErrLocked, h.other())
			}
		}
	}
}

// other describes the process that has the lock, as far as it can be told.
func (h *holder) other() string {
	var o holder
	b, err := os.ReadFile(h.path)
	if err != nil || json.Unmarshal(b, &o) != nil || o.PID <= 0 {
		return "another process"
	}
	here := o.Boot == h.Boot && o.Host == h.Host
	if here && errors.Is(syscall.Kill(o.PID, 0), syscall.ESRCH) {
		return "another process" // the one named here was killed; who came after has not written its name yet
	}
	command := o.Command
	if command == "" {
		command = "scimsync"
	}
	return fmt.Sprintf("%q (pid %d on %s, since %s)", command, o.PID, o.Host, o.Since.Format(time.RFC3339))
}

// write names this process as the holder. The caller has the lock.
func (h *holder) write() error {
	b, err := json.Marshal(h)
	if err != nil {
		return err
	}
	temp := h.path + ".new"
	if err := os.WriteFile(temp, append(b, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(temp, h.path)
}

// remove takes the name away again. A name that stays behind does no harm.
func (h *holder) remove() { _ = os.Remove(h.path) }
