package app_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkNoChangeGroups is a run over CSV files in which nobody's groups changed, though
// the memberships stand in another order each time; all of them are at the target. What it takes beyond the same run
// without groups, whose files are read besides, has a limit, and so has its memory.
func BenchmarkNoChangeGroups(b *testing.B) {
	const groups = 1000
	people := size(100_000)
	each := people / 100 // members of a group: a million in all
	dir, plain := b.TempDir(), b.TempDir()
	svc := startService(shipped{b}, "--log=", "--quiet")
	for _, at := range []string{dir, plain} {
		benchPeople(b, filepath.Join(at, "people.csv"), people, 1)
	}
	write(b, dir, "config.yaml", grouped(svc.URL, "", clubsFreely+"    groups: {}\n"))
	list := "id,name\n"
	for g := range groups {
		list += fmt.Sprintf("%d,app-%d\n", g, g)
	}
	write(b, dir, "groups.csv", list)
	memberships(b, filepath.Join(dir, "members.csv"), groups, each, people, 1)
	loaded(b, dir, people+groups)
	write(b, plain, "config.yaml", csvConfig(svc.URL, freely))
	var with, without, bare []measured
	for round := 0; b.Loop(); round++ {
		m, _ := measure(b, baseline("csv", filepath.Join(dir, "members.csv")))
		bare = append(bare, m)
		m, _ = measure(b, program(shipped{b}, plain, "read", "hr", "--limit", "1"))
		without = append(without, m)
		memberships(b, filepath.Join(dir, "members.csv"), groups, each, people, []int{611_953, 387_911}[round%2])
		with = append(with, quietSync(b, dir))
	}
	wall, cpu := median(with)
	people1, _ := median(without)
	read, _ := median(bare)
	fmt.Printf("no change among %d members of %d groups: %.2f s, of which %.2f s to read the people and %.2f s for a bare loop over the members, %.2f s are left (limit 10); processor %.2f s; %.1f MB anonymous (limit 150 MB); %d rounds\n",
		groups*each, groups, wall, people1, read, wall-people1-read, cpu, megabytes(peak(with)), len(with))
	if !small() && (wall-people1-read > 10 || peak(with) > 150e6) {
		b.Error("a limit is passed")
	}
}

// memberships writes who is in which group, in the order that stride gives, as benchPeople
// does.
func memberships(b *testing.B, path string, groups, each, people, stride int) {
	b.Helper()
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	fmt.Fprintln(w, "group,user,sub")
	for k := range groups * each {
		i := k * stride % (groups * each)
		fmt.Fprintf(w, "%d,%08d,\n", i/each, (i/each*7919+i%each*31)%people)
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}
