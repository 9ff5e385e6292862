package app_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"scimsync/sources/ldap/slapdtest"
)

// The benchmarks run the real program in a process of its own, and in turns with it a
// bare loop that does the least that anybody has to do for the same work (baseline_test.go),
// likewise in a process of its own. They print medians and the ratio: figures of two
// machines do not compare, ratios do. .ci/bench runs them; each has its limit.

// benchSize makes the benchmarks small when it is "small": to see that they work.
const benchSize = "SCIMSYNC_BENCH_SIZE"

func small() bool { return os.Getenv(benchSize) == "small" }

func size(full int) int {
	if small() {
		return full / 50
	}
	return full
}

// measured is what one process took.
type measured struct {
	wall time.Duration
	cpu  time.Duration // of all its threads: tells whether a bad ratio is the machine's fault
	anon int64         // bytes of anonymous memory at most, seen every few milliseconds
}

// measure runs a command, which must end well.
func measure(b *testing.B, c *exec.Cmd) (m measured, out string) {
	b.Helper()
	var stdout, stderr strings.Builder
	c.Stdout, c.Stderr = &stdout, &stderr
	start := time.Now()
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	for {
		select {
		case err := <-ended:
			m.wall, m.cpu = time.Since(start), c.ProcessState.UserTime()+c.ProcessState.SystemTime()
			if err != nil {
				b.Fatalf("%v: %v\n%s%s", c.Args, err, stdout.String(), stderr.String())
			}
			return m, stdout.String()
		case <-time.After(3 * time.Millisecond):
			m.anon = max(m.anon, anonymous(c.Process.Pid))
		}
	}
}

// anonymous gives RssAnon of a process in bytes; 0 when it has ended.
func anonymous(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "RssAnon:")
	rest, _, _ = strings.Cut(rest, " kB")
	kB, _ := strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
	return kB << 10
}

// quietSync measures a run in which nothing changed.
func quietSync(b *testing.B, dir string) measured {
	b.Helper()
	m, out := measure(b, program(shipped{b}, dir, "sync", "--output", "json"))
	if r := decoded[result](b, out); r.Calls != 0 || len(r.Done) != 0 || r.Hold != nil || r.Error != "" {
		b.Fatalf("not a quiet run: %s", out)
	}
	return m
}

// loaded puts people into a service in another process, by a first run. People are at
// the target and in the entries afterwards, as they are in life.
func loaded(b *testing.B, dir string, people int) {
	b.Helper()
	m, out := measure(b, program(shipped{b}, dir, "sync", "--output", "json"))
	if r := decoded[result](b, out); r.Done["create"] != people {
		b.Fatalf("created %d of %d: %s", r.Done["create"], people, out)
	}
	fmt.Printf("  (first load of %d people: %.1f s, %.0f MB)\n", people, m.wall.Seconds(), megabytes(m.anon))
}

func megabytes(n int64) float64 { return float64(n) / 1e6 }

// median gives the median of wall and processor time.
func median(list []measured) (wall, cpu float64) {
	var w, c []float64
	for _, m := range list {
		w, c = append(w, m.wall.Seconds()), append(c, m.cpu.Seconds())
	}
	slices.Sort(w)
	slices.Sort(c)
	return w[len(w)/2], c[len(c)/2]
}

func peak(list []measured) (most int64) {
	for _, m := range list {
		most = max(most, m.anon)
	}
	return most
}

// compare prints medians and their ratio, and fails above the limit. Small sizes only
// measure how long a process takes to start: they have no limit.
func compare(b *testing.B, what string, ours, bare []measured, limit float64) {
	b.Helper()
	wall, cpu := median(ours)
	bareWall, bareCPU := median(bare)
	ratio := wall / bareWall
	fmt.Printf("%s: %.3f s, bare loop %.3f s, ratio %.2f (limit %.1f); processor %.3f s, bare %.3f s; %.1f MB anonymous; %d rounds\n",
		what, wall, bareWall, ratio, limit, cpu, bareCPU, megabytes(peak(ours)), len(ours))
	if ratio > limit && !small() {
		b.Errorf("%s: ratio %.2f is above the limit of %.1f", what, ratio, limit)
	}
}

// benchPeople writes n people in the order that stride gives: 1 is the order of their
// keys, a number without a common divisor with n is another.
func benchPeople(b *testing.B, path string, n, stride int) {
	b.Helper()
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	fmt.Fprintln(w, "id,login,given,family,mail,title,status,department,phone,start_date")
	for k := range n {
		i := k * stride % n
		fmt.Fprintf(w, "%08d,user%d@example.org,Anna%d,Müller-%d,anna.%d@example.org,Engineer %d,on,Dept %d,+41 44 %07d,2020-01-%02d\n",
			i, i, i, i, i, i%900, i%40, i, i%28+1)
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkNoChangeCSV is a run over a CSV file in which nothing changed: the same file
// again, and the same people in another order than the last time, in no order of their
// keys, so that neither the file's digest nor the neighbourhood of rows helps.
func BenchmarkNoChangeCSV(b *testing.B) {
	less := noChangeCSV(b, size(200_000), 3)
	people := size(1_000_000)
	most := noChangeCSV(b, people, 0)
	perPerson := float64(most-less) / float64(people-size(200_000))
	fmt.Printf("no-change CSV, anonymous memory: %.1f MB at %d people, %.1f MB at %d: %.1f bytes a person (limits 150 MB, 40 bytes)\n",
		megabytes(most), people, megabytes(less), size(200_000), perPerson)
	if !small() && (most > 150e6 || perPerson > 40) {
		b.Errorf("anonymous memory is above its limit")
	}
}

// noChangeCSV measures rounds (0: as many as the benchmark is told) and gives the most
// anonymous memory of any run.
func noChangeCSV(b *testing.B, people, rounds int) int64 {
	b.Helper()
	dir := b.TempDir()
	svc := startService(shipped{b}, "--log=", "--quiet")
	write(b, dir, "config.yaml", csvConfig(svc.URL, freely))
	file := filepath.Join(dir, "people.csv")
	benchPeople(b, file, people, 1)
	loaded(b, dir, people)
	orders := []string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}
	benchPeople(b, orders[0], people, 611_953)
	benchPeople(b, orders[1], people, 387_911)
	swap := func() {
		if err := os.Remove(file); err != nil && !os.IsNotExist(err) {
			b.Fatal(err)
		}
		if err := os.Link(orders[0], file); err != nil {
			b.Fatal(err)
		}
		if err := os.Chtimes(file, time.Now(), time.Now()); err != nil { // an older file is refused
			b.Fatal(err)
		}
		slices.Reverse(orders)
	}
	swap()
	quietSync(b, dir)
	var bare, same, other []measured
	for round := 0; rounds == 0 && b.Loop() || round < rounds; round++ {
		m, _ := measure(b, baseline("csv", file))
		bare = append(bare, m)
		same = append(same, quietSync(b, dir))
		swap()
		other = append(other, quietSync(b, dir))
	}
	compare(b, fmt.Sprintf("no-change CSV, %d people, the same file", people), same, bare, 6)
	compare(b, fmt.Sprintf("no-change CSV, %d people, in another order", people), other, bare, 6)
	return max(peak(same), peak(other))
}

// BenchmarkNoChangeLDAP is a run over a directory in which nothing changed.
func BenchmarkNoChangeLDAP(b *testing.B) {
	people := size(100_000)
	srv := slapdtest.Start(b, slapdtest.Options{LDIF: slapdtest.Persons(people)})
	svc := startService(shipped{b}, "--log=", "--quiet")
	dir := b.TempDir()
	write(b, dir, "password", slapdtest.BindPW)
	write(b, dir, "config.yaml", `version: 1
state: {dir: state}
log: {level: warn}
sources:
  corp:
    ldap:
      urls: [`+srv.URL+`]
      bind: {user: "`+slapdtest.BindDN+`", password: {file: password}}
      users: {base: ["`+slapdtest.People+`"]}
targets:
  service: {url: "`+svc.URL+`", pace: {rate: 100000/s, burst: 1000, concurrency: 8}}
jobs:
  staff:
    from: corp
    to: service
`+freely)
	loaded(b, dir, people)
	base, filter, attributes := lastSearch(b, srv)
	var bare, ours []measured
	for b.Loop() {
		m, out := measure(b, baseline("ldap", srv.URL, base, filter, attributes))
		if strings.TrimSpace(out) != strconv.Itoa(people) {
			b.Fatalf("the bare loop read %s of %d people", out, people)
		}
		bare, ours = append(bare, m), append(ours, quietSync(b, dir))
	}
	compare(b, fmt.Sprintf("no-change LDAP, %d people", people), ours, bare, 1.3)
}

// lastSearch gives what the server was asked for last: the bare loop asks the same.
func lastSearch(b *testing.B, srv *slapdtest.Server) (base, filter, attributes string) {
	b.Helper()
	for line := range strings.Lines(srv.Log()) {
		if _, rest, ok := strings.Cut(line, " SRCH base="); ok {
			fmt.Sscanf(rest, "%q", &base)
			_, rest, _ = strings.Cut(rest, " filter=")
			fmt.Sscanf(rest, "%q", &filter)
		}
		if _, rest, ok := strings.Cut(line, " SRCH attr="); ok {
			attributes = strings.TrimSpace(rest)
		}
	}
	if base == "" || filter == "" || attributes == "" {
		b.Fatalf("the server's log names no search: base %q, filter %q, attributes %q", base, filter, attributes)
	}
	return base, filter, attributes
}

// BenchmarkFirstLoad is a first load into a service that answers at once, and into one
// that takes 10 ms for each request.
func BenchmarkFirstLoad(b *testing.B) {
	people := size(10_000)
	file, bodies := filepath.Join(b.TempDir(), "people.csv"), filepath.Join(b.TempDir(), "bodies")
	benchPeople(b, file, people, 7919)
	recordBodies(b, file, bodies)
	var ours, bare [2][]measured
	latencies := [2]string{"0ms", "10ms"}
	for b.Loop() {
		for i, latency := range latencies {
			svc := startService(shipped{b}, "--log=", "--quiet", "--latency", latency)
			m, _ := measure(b, baseline("post", svc.URL, bodies))
			bare[i] = append(bare[i], m)
			ours[i] = append(ours[i], firstLoad(b, file, startService(shipped{b}, "--log=", "--quiet", "--latency", latency), people))
		}
	}
	for i, latency := range latencies {
		compare(b, fmt.Sprintf("first load, %d people, latency %s", people, latency), ours[i], bare[i], 1.7)
	}
}

func firstLoad(b *testing.B, file string, svc *service, people int) measured {
	b.Helper()
	dir := b.TempDir()
	write(b, dir, "config.yaml", csvConfig(svc.URL, freely))
	if err := os.Link(file, filepath.Join(dir, "people.csv")); err != nil {
		b.Fatal(err)
	}
	m, out := measure(b, program(shipped{b}, dir, "sync", "--output", "json"))
	if r := decoded[result](b, out); r.Done["create"] != people {
		b.Fatalf("created %d of %d: %s", r.Done["create"], people, out)
	}
	return m
}

// recordBodies does a first load and writes the bodies that the service saw, one a line.
func recordBodies(b *testing.B, file, bodies string) {
	b.Helper()
	svc := startService(shipped{b})
	firstLoad(b, file, svc, size(10_000))
	var lines strings.Builder
	for _, r := range svc.requests(0) {
		if r.Method == "POST" {
			lines.WriteString(r.Body + "\n")
		}
	}
	write(b, filepath.Dir(bodies), filepath.Base(bodies), lines.String())
}
