package state

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"scimsync/sync/ledger"
	"scimsync/sync/record"
)

// The test binary runs itself as a second process, which is told by this variable what
// to do: "ROLE DIR".
const roleVar = "STATE_TEST_ROLE"

func TestMain(m *testing.M) {
	role, dir, _ := strings.Cut(os.Getenv(roleVar), " ")
	var err error
	switch role {
	case "":
		os.Exit(m.Run())
	case "hold":
		err = holdLock(dir)
	case "write":
		err = writeForEver(dir)
	case "full":
		err = fillDisk(dir)
	}
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

// start runs a role and gives its output; the process is killed at the end of the test.
func start(t testing.TB, role, dir string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), roleVar+"="+role+" "+dir)
	out, err := cmd.StdoutPipe()
	must(t, err)
	cmd.Stderr = os.Stderr
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, bufio.NewScanner(out)
}

func holdLock(dir string) error {
	if _, err := Open(dir, Options{Command: "scimsync run --fast"}); err != nil {
		return err
	}
	fmt.Println("held")
	time.Sleep(time.Minute)
	return nil
}

func TestLockedByAnotherProcess(t *testing.T) {
	dir := t.TempDir()
	cmd, lines := start(t, "hold", dir)
	if !lines.Scan() || lines.Text() != "held" {
		t.Fatalf("the other process says %q", lines.Text())
	}
	_, err := Open(dir, Options{LockWait: 100 * time.Millisecond})
	if !errors.Is(err, ErrLocked) {
		t.Fatalf("error %v is not ErrLocked", err)
	}
	for _, part := range []string{dir, `"scimsync run --fast"`, fmt.Sprintf("pid %d on ", cmd.Process.Pid)} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	s := openAt(t, dir)
	must(t, s.Close())
}

// writeForEver stores people in the way a run does, and after each durable step says
// how far it has come.
func writeForEver(dir string) error {
	s, err := Open(dir, Options{})
	if err != nil {
		return err
	}
	info, err := s.Source("hr")
	if err != nil {
		return err
	}
	fmt.Println(0) // the file is open
	for {
		n := int(info.Seq)
		if err := writeRound(s, n); err != nil {
			return err
		}
		info.Seq++
		fmt.Println(info.Seq)
	}
}

// writeRound stores round n: rows with their source info, intents, outcomes that create,
// change and delete accounts, looks, progress, a hold and a run.
func writeRound(s *State, n int) error {
	list := make([]ledger.Row, 0, 50)
	for range 50 {
		id := rand.IntN(5000)
		list = append(list, row("hr", fmt.Sprintf("%05d", id), uint32(id), uint64(n+1)))
	}
	if err := s.Merge("hr", list, &ledger.SourceInfo{Seq: uint64(n + 1)}); err != nil {
		return err
	}
	var intents []ledger.Intent
	var outcomes []ledger.Outcome
	for i := range 20 {
		key := user("hr", fmt.Sprintf("%05d", rand.IntN(2000)))
		e := entry(key, "remote-"+key.ID, ledger.Standing(1+rand.IntN(4)))
		e.Version = strings.Repeat("x", rand.IntN(2000))
		intents = append(intents, ledger.Intent{Key: key, Action: "update", ID: fmt.Sprint(n, i)})
		outcomes = append(outcomes, ledger.Outcome{Key: key, Entry: e, DropIntent: true, Look: &ledger.Look{NextRun: i%2 == 0}})
	}
	if err := s.Begin(staff, intents); err != nil {
		return err
	}
	if err := s.Commit(staff, outcomes); err != nil {
		return err
	}
	lines := make([]ledger.HeldLine, rand.IntN(200))
	for i := range lines {
		lines[i] = ledger.HeldLine{Key: user("hr", fmt.Sprint(i)), Digest: "d"}
	}
	return errors.Join(
		s.PutHold(staff, &ledger.Hold{ID: fmt.Sprint(n), Lines: lines}),
		s.PutRun(ledger.Run{ID: fmt.Sprint(n), Job: staff.Job, Target: staff.Target, Started: noon.Add(time.Duration(n))}),
		s.PutLooks(staff, []ledger.Look{{Key: user("hr", "x"), NextRun: n%2 == 0}}),
		s.PutProgress(staff, ledger.Progress{Planned: map[string]uint64{"hr": uint64(n + 1)}}))
}

// TestKilledAtAnyMoment kills a process that writes, time and again, and looks at what
// it left: the file is sound, everything the process had said it stored is there, and
// rows, entries, indexes and counts agree.
func TestKilledAtAnyMoment(t *testing.T) {
	dir := t.TempDir()
	end := time.Now().Add(6 * time.Second)
	rounds, said := 0, uint64(0)
	for ; time.Now().Before(end); rounds++ {
		cmd, lines := start(t, "write", dir)
		var kill *time.Timer
		for lines.Scan() {
			if kill == nil {
				kill = time.AfterFunc(time.Duration(rand.IntN(200))*time.Millisecond, func() { _ = cmd.Process.Kill() })
			}
			var n uint64
			if _, err := fmt.Sscan(lines.Text(), &n); err != nil {
				t.Fatalf("the writer says %q", lines.Text())
			}
			said = max(said, n)
		}
		_ = cmd.Wait() // it was killed
		checkLeft(t, dir, said)
		if t.Failed() {
			t.Fatalf("in round %d", rounds)
		}
	}
	if said < uint64(rounds) {
		t.Errorf("only %d steps in %d rounds", said, rounds)
	}
	t.Logf("%d kills, %d rounds of writes", rounds, said)
}

func checkLeft(t testing.TB, dir string, said uint64) {
	t.Helper()
	s, err := Open(dir, Options{})
	must(t, err)
	defer s.Close()
	must(t, s.Check())
	consistent(t, s)
	info, err := s.Source("hr")
	must(t, err)
	progress, err := s.Progress(staff)
	must(t, err)
	if info.Seq < said || progress.Planned["hr"] < said || progress.Planned["hr"] > info.Seq {
		t.Errorf("%d was stored; the source is at %d, progress at %d", said, info.Seq, progress.Planned["hr"])
	}
	must(t, s.Changed("hr", record.User, info.Seq, func(r *ledger.Row) error {
		return fmt.Errorf("row %s has seq %d, but the source is at %d", r.Key, r.Seq, info.Seq)
	}))
}

// fillDisk writes to a state whose file may not grow, and then to one that may again.
func fillDisk(dir string) error {
	s, err := Open(dir, Options{})
	if err != nil {
		return err
	}
	signal.Ignore(syscall.SIGXFSZ)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	info, err := os.Stat(s.path)
	if err != nil {
		return err
	}
	small := limit
	small.Cur = uint64(info.Size())
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
		return err
	}
	big := rows("hr", 20_000)
	err = s.Merge("hr", big, &ledger.SourceInfo{Seq: 1})
	fmt.Println("full:", err)
	if into := make([]ledger.Seen, 1); s.Seen("hr", record.User, []string{big[0].Key.ID}, into) != nil || into[0].Known {
		return fmt.Errorf("after a failed merge: %+v", into)
	}
	if err := s.Check(); err != nil {
		return err
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	if err := s.Merge("hr", big, &ledger.SourceInfo{Seq: 1}); err != nil {
		return err
	}
	fmt.Println("room again")
	return s.Close()
}

func TestFullDiskStoresNothing(t *testing.T) {
	dir := t.TempDir()
	must(t, openAt(t, dir).Close())
	cmd, lines := start(t, "full", dir)
	var out []string
	for lines.Scan() {
		out = append(out, lines.Text())
	}
	must(t, cmd.Wait())
	if len(out) != 2 || !strings.Contains(out[0], "file too large") || out[1] != "room again" {
		t.Fatalf("the writer says %q", out)
	}
	s := openAt(t, dir)
	must(t, s.Check())
	consistent(t, s)
	_, known, err := s.Row(user("hr", "0019999"))
	equal(t, known, true, err)
}
