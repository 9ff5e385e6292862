package csv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"scimsync/sources/sourcetest"
	"scimsync/sync/record"
)

const (
	someUsers   = "id;n\n1;Ann\n2;Bob\n03;Cy\n"
	someGroups  = "Group ID;Name;Mail\na;\"Sales, all\";sales@example.org\nb;;\nc;Empty;\n"
	someMembers = "group;user;sub\na;1;\na;2;\na;;b\nb;03;\nb;;a\nb;99;\na;1;\n"
)

// exported writes a generation of files and gives the options for them.
func exported(t testing.TB, dir, users, groups, members string) Options {
	t.Helper()
	return Options{
		Path: put(t, dir, "users.csv", users), Delimiter: ';', Key: "id", Now: func() time.Time { return start },
		Groups:  &Groups{File: File{Path: put(t, dir, "groups.csv", groups), Delimiter: ';'}, Key: "group_id"},
		Members: &Members{File: File{Path: put(t, dir, "members.csv", members), Delimiter: ';'}, Group: "group", User: "user", Subgroup: "sub"},
	}
}

func TestGroupsConform(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T) sourcetest.Fixture {
		dir := t.TempDir()
		return sourcetest.Fixture{
			Source: open(t, exported(t, dir, someUsers, someGroups, someMembers)),
			Names:  []string{"id", "n"},
			People: []sourcetest.Person{
				{ID: "1", Enabled: record.True, Attrs: map[string][]string{"id": {"1"}, "n": {"Ann"}}},
				{ID: "2", Enabled: record.True, Attrs: map[string][]string{"id": {"2"}, "n": {"Bob"}}},
				{ID: "03", Enabled: record.True, Attrs: map[string][]string{"id": {"03"}, "n": {"Cy"}}},
			},
			Change:     func(t *testing.T) { put(t, dir, "users.csv", strings.Replace(someUsers, "Bob", "Rob", 1)) },
			GroupNames: []string{"group_id", "mail", "name"},
			Groups: []sourcetest.Group{
				{ID: "a", Attrs: map[string][]string{"group_id": {"a"}, "name": {"Sales, all"}, "mail": {"sales@example.org"}}, Members: []string{"user/1", "user/2", "group/b"}},
				{ID: "b", Attrs: map[string][]string{"group_id": {"b"}}, Members: []string{"user/03", "group/a", "user/99"}},
				{ID: "c", Attrs: map[string][]string{"group_id": {"c"}, "name": {"Empty"}}},
			},
			ChangeMembers: func(t *testing.T) { put(t, dir, "members.csv", strings.Replace(someMembers, "a;2;", "c;2;", 1)) },
		}
	})
}

// links reads people and groups, and gives the links in their order.
func links(t testing.TB, s *Source, from record.Cursor) (got []string, names []string, b record.Batch, err error) {
	t.Helper()
	want := record.Want{From: from, Groups: &record.WantGroups{Names: []string{"name"}, Link: func(group, member string) error {
		got = append(got, group+" "+member)
		return nil
	}}}
	b, err = s.Read(context.Background(), want, func(r *record.Record) error {
		if r.Kind == record.Group {
			names = append(names, strings.Join(r.Attrs[0].Values, "|"))
		}
		return nil
	})
	return got, names, b, err
}

func TestGroups(t *testing.T) {
	dir := t.TempDir()
	o := exported(t, dir, someUsers, "id\nx\ny\n", "group;user;sub\nx;1;\nnone;1;\n y ; 2 ;\nold;2;\n")
	o.Groups.Key = "ID"
	s := open(t, o)
	got, names, b, err := links(t, s, nil)
	if want := []string{"x user/1", "y user/2"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("links %q, %v; want %q", got, err, want)
	}
	if want := []string{"x", "y"}; !slices.Equal(names, want) {
		t.Errorf("names %q: without a column name the key is it", names)
	}
	if want := "users.csv, 3 rows, groups.csv, 2 groups, members.csv, 4 memberships"; b.Note != want {
		t.Errorf("note %q, want %q", b.Note, want)
	}
	want := `members.csv: 2 memberships in groups that groups.csv does not have were left out (first: line 3, column "group", the key "none")`
	if len(b.Warnings) != 1 || b.Warnings[0] != want {
		t.Errorf("warnings %q, want %q", b.Warnings, want)
	}
	_, _, b, err = links(t, s, b.Cursor)
	if want := "users.csv, 3 rows, groups.csv, 2 groups, members.csv, 4 memberships, unchanged"; b.Note != want || b.Extent != record.Same || err != nil {
		t.Errorf("note %q, %v; want %q", b.Note, err, want)
	}
	for header, want := range map[string]string{"id": "[id name]", "id;Name;Cost Center;cost-center": "[id name]", "ID;e mail": "[e_mail id name]"} {
		put(t, dir, "groups.csv", header+"\nx\n")
		schema, err := s.Describe(t.Context())
		if err != nil || fmt.Sprint(schema.GroupNames) != want {
			t.Errorf("%s: attributes of groups %q, %v; want %s", header, schema.GroupNames, err, want)
		}
	}
}

// TestPeopleBesideGroups: who asks for people only reads the one file, whatever the others are like.
func TestPeopleBesideGroups(t *testing.T) {
	dir := t.TempDir()
	s := open(t, exported(t, dir, someUsers, someGroups, someMembers))
	for _, name := range []string{"groups.csv", "members.csv"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if got, _ := mustRead(t, s, record.Want{}); len(got) != 3 {
		t.Errorf("%d people", len(got))
	}
	_, _, _, err := links(t, s, nil)
	wantError(t, err, "groups.csv: no such file or directory: see whether the export ran")
}

func TestBadGroups(t *testing.T) {
	for name, c := range map[string]struct{ users, groups, members, want string }{
		"a group twice":        {groups: "group_id\na\nb\na\n", want: `groups.csv: lines 2 and 4, column "group_id": the key "a" stands twice: two rows for one group, or one key for two groups`},
		"a group without key":  {groups: "group_id;n\na;1\n;2\n", want: `groups.csv: line 3, column "group_id": the key is empty: every row is a group and needs one`},
		"no groups":            {groups: "group_id\n", want: "groups.csv: there is a header and no row below it: an export without groups is taken for a broken export"},
		"no memberships":       {members: "group;user;sub\n", want: "members.csv: there is a header and no row below it: an export without memberships is taken for a broken export"},
		"cut groups":           {groups: "group_id\na\nb", want: "groups.csv: the last line does not end in a line break"},
		"cut members":          {members: "group;user;sub\na;1;", want: "members.csv: the last line does not end in a line break"},
		"a ragged membership":  {members: "group;user;sub\na;1\n", want: "members.csv: line 2: the row has 2 columns and the header 3"},
		"a member without key": {members: "group;user;sub\na;1;\na;;\n", want: `members.csv: line 3, column "user": the member's key is empty`},
		"a row of two members": {members: "group;user;sub\na;1;b\n", want: `members.csv: line 2, column "sub": the row names a person and a group as member`},
		"nobody's group":       {members: "group;user;sub\n;1;\n", want: `members.csv: line 2, column "group": the group's key is empty`},
		"a damaged key":        {members: "group;user;sub\na;1,2E+05;\n", want: `members.csv: line 2, column "user": the key "1,2E+05" was damaged by a spreadsheet`},
		"an error for a key":   {members: "group;user;sub\n#REF!;1;\n", want: `members.csv: line 2, column "group": the key "#REF!" was damaged by a spreadsheet`},
		"octets":               {members: "group;user;sub\na;\xff;\n", want: `members.csv: line 2, column "user": bytes that are not valid utf-8`},
		"a key of two lines":   {members: "group;user;sub\na;\"1\n2\";\n", want: `members.csv: line 2, column "user": the key holds a line break or a tab`},
		"no such column":       {members: "group;person;sub\na;1;\n", want: `the header has no column "user", which is the members.user and none of its 3 is like it: either the export renamed it, or members.user has to be set right`},
		"another user":         {users: "id\n1\n1\n", want: `users.csv: lines 2 and 3, column "id": the key "1" stands twice: two rows for one person`},
	} {
		t.Run(name, func(t *testing.T) {
			or := func(text, other string) string {
				if text == "" {
					return other
				}
				return text
			}
			s := open(t, exported(t, t.TempDir(), or(c.users, someUsers), or(c.groups, someGroups), or(c.members, someMembers)))
			_, _, b, err := links(t, s, nil)
			wantError(t, err, c.want)
			if b.Extent != 0 || b.Cursor != nil {
				t.Errorf("the batch is %+v", b)
			}
		})
	}
}

// TestGenerations: where globs match digits, these have to be the same in all names.
func TestGenerations(t *testing.T) {
	dir := t.TempDir()
	o := exported(t, dir, someUsers, someGroups, someMembers)
	o.Path, o.Groups.Path, o.Members.Path = filepath.Join(dir, "u7-*.csv"), filepath.Join(dir, "groups_*.csv"), filepath.Join(dir, "m-[0-9]*.csv")
	put(t, dir, "u7-2026-03-01.csv", someUsers)
	put(t, dir, "groups_20260301.csv", someGroups)
	put(t, dir, "m-20260301.csv", someMembers)
	s := open(t, o)
	_, _, before, err := links(t, s, nil)
	if want := "u7-2026-03-01.csv, 3 rows, groups_20260301.csv, 3 groups, m-20260301.csv, 7 memberships"; err != nil || before.Note != want {
		t.Fatalf("%q, %v", before.Note, err)
	}
	for _, name := range []string{"u7-2026-03-02.csv", "groups_20260302.csv"} {
		p := put(t, dir, name, map[bool]string{true: someUsers, false: someGroups}[name[0] == 'u'])
		touch(t, p, start.Add(-time.Minute))
		_, _, _, err = links(t, s, before.Cursor)
		wantError(t, err, "20260301.csv are of different exports, as the numbers in their names say: hand the missing file over, or name them alike")
	}
	touch(t, put(t, dir, "m-20260302.csv", someMembers+"c;1;\n"), start.Add(-time.Minute))
	got, _, after, err := links(t, s, before.Cursor)
	if err != nil || after.Extent != record.Full || len(got) != 8 {
		t.Errorf("the next generation: %q, %v", got, err)
	}
	// A file without digits is of every generation.
	o.Groups.Path = put(t, dir, "groups_.csv", someGroups)
	if _, _, _, err := links(t, open(t, o), nil); err != nil {
		t.Error(err)
	}
}

// TestGenerationGoesBack: none of the files may be older than what was accepted last.
func TestGenerationGoesBack(t *testing.T) {
	for _, name := range []string{"users.csv", "groups.csv", "members.csv"} {
		dir := t.TempDir()
		s := open(t, exported(t, dir, someUsers, someGroups, someMembers))
		_, _, b, err := links(t, s, nil)
		if err != nil {
			t.Fatal(err)
		}
		p := filepath.Join(dir, name)
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.SplitAfter(string(text), "\n")
		put(t, dir, name, strings.Join(append(lines[:1], lines[2:]...), ""))
		touch(t, p, start.Add(-2*time.Hour))
		_, _, _, err = links(t, s, b.Cursor)
		wantError(t, err, name+": an old export was put back")
	}
}

// TestGenerationIsOneMoment replaces the file of people while the others are waited for, which
// makes a mixture of two exports that nobody made.
func TestGenerationIsOneMoment(t *testing.T) {
	dir := t.TempDir()
	o := exported(t, dir, someUsers, someGroups, someMembers)
	o.Settled = 10 * time.Second
	touch(t, o.Members.Path, start.Add(-5*time.Second))
	waits := 0
	now := start
	o.Now = func() time.Time { return now }
	o.Wait = func(_ context.Context, d time.Duration) error {
		now = now.Add(d)
		if waits++; waits == 1 {
			put(t, dir, "next.csv", "id;n\n1;Ann\n")
			return os.Rename(filepath.Join(dir, "next.csv"), o.Path)
		}
		return nil
	}
	_, _, b, err := links(t, open(t, o), nil)
	if err != nil || !strings.HasPrefix(b.Note, "users.csv, 1 rows") {
		t.Errorf("%q, %v: the file of people is the one that was replaced", b.Note, err)
	}
	o.Settled = 0
	looks := 0
	o.Now = func() time.Time {
		if looks++; looks%3 == 2 { // each round looks at three files; this is the second
			put(t, dir, "next.csv", someUsers)
			if err := os.Rename(filepath.Join(dir, "next.csv"), o.Path); err != nil {
				t.Error(err)
			}
		}
		return now
	}
	_, _, _, err = links(t, open(t, o), nil)
	wantError(t, err, "users.csv: one of its files is replaced again and again")
}

func TestEachFileIsProved(t *testing.T) {
	for _, name := range []string{"users.csv", "groups.csv", "members.csv"} {
		dir := t.TempDir()
		o := exported(t, dir, someUsers, someGroups, someMembers)
		o.Manifest = "{path}.ok"
		for file, text := range map[string]string{"users.csv": someUsers, "groups.csv": someGroups, "members.csv": someMembers} {
			rows := strings.Count(text, "\n") - 1
			if file == name {
				rows++
			}
			vouch(t, dir, file, text, rows)
		}
		_, _, _, err := links(t, open(t, o), nil)
		wantError(t, err, name+".ok says")

		o = exported(t, t.TempDir(), someUsers, someGroups, someMembers)
		o.MaxAge = 2 * time.Hour
		touch(t, filepath.Join(filepath.Dir(o.Path), name), start.Add(-3*time.Hour))
		_, _, _, err = links(t, open(t, o), nil)
		wantError(t, err, name+": the file is 3h0m0s old")
	}
}

func TestGroupOptions(t *testing.T) {
	for want, change := range map[string]func(*Options){
		"groups and members go together":    func(o *Options) { o.Members = nil },
		"groups and members go together: ":  func(o *Options) { o.Groups = nil },
		"groups.key is empty":               func(o *Options) { o.Groups.Key = " " },
		"members.group or members.user":     func(o *Options) { o.Members.User = "" },
		"groups: path is empty":             func(o *Options) { o.Groups.Path = "" },
		"members: delimiter '\"' cannot":    func(o *Options) { o.Members.Delimiter = '"' },
		`path "g[.csv" is no valid glob`:    func(o *Options) { o.Groups.Path = "g[.csv" },
		`manifest "all.ok" vouches for one`: func(o *Options) { o.Manifest = "all.ok" },
	} {
		o := exported(t, t.TempDir(), someUsers, someGroups, someMembers)
		change(&o)
		_, err := New(o)
		wantError(t, err, "csv settings: "+want)
	}
	o := exported(t, t.TempDir(), someUsers, someGroups, someMembers)
	o.Members.User = "group"
	_, _, _, err := links(t, open(t, o), nil)
	wantError(t, err, "have to be different columns")
}

func TestContextEndsDuringLinks(t *testing.T) {
	s := open(t, exported(t, t.TempDir(), someUsers, someGroups, someMembers))
	ctx, cancel := context.WithCancel(t.Context())
	want := record.Want{Groups: &record.WantGroups{Link: func(string, string) error { cancel(); return nil }}}
	if _, err := s.Read(ctx, want, func(*record.Record) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// TestMembersCutAnywhere cuts the file of memberships at every byte: what goes unnoticed is a cut
// behind a whole row, and with a manifest nothing.
func TestMembersCutAnywhere(t *testing.T) {
	dir := t.TempDir()
	o := exported(t, dir, someUsers, someGroups, someMembers)
	s := open(t, o)
	all, _, _, err := links(t, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	o.Manifest = "{path}.ok"
	for name, text := range map[string]string{"users.csv": someUsers, "groups.csv": someGroups, "members.csv": someMembers} {
		vouch(t, dir, name, text, strings.Count(text, "\n")-1)
	}
	vouched := open(t, o)
	if _, _, _, err := links(t, vouched, nil); err != nil {
		t.Fatal(err)
	}
	for cut := range len(someMembers) {
		put(t, dir, "members.csv", someMembers[:cut])
		got, _, _, err := links(t, s, nil)
		if whole := cut > 0 && someMembers[cut-1] == '\n' && strings.Count(someMembers[:cut], "\n") > 1; whole != (err == nil) {
			t.Errorf("cut at %d: %v", cut, err)
		}
		if !slices.Equal(got, all[:len(got)]) {
			t.Errorf("cut at %d: links %q", cut, got)
		}
		if _, _, _, err := links(t, vouched, nil); err == nil {
			t.Errorf("cut at %d went unnoticed beside a manifest", cut)
		}
	}
}

// FuzzMembers asserts of any file of memberships that is read that its links are from groups
// there are to somebody, and that it is the same when it is read again.
func FuzzMembers(f *testing.F) {
	for _, seed := range []string{someMembers, "group;user;sub\n a ; 1 ;\n", "sep=;\nuser;group;sub\n\"1\n\";a;\n", "group;user;sub\nb;;a\nx;1;\n"} {
		f.Add(seed)
	}
	dir := f.TempDir()
	s := open(f, exported(f, dir, someUsers, someGroups, someMembers))
	f.Fuzz(func(t *testing.T, members string) {
		put(t, dir, "members.csv", members)
		got, _, b, err := links(t, s, nil)
		if err != nil {
			return
		}
		for _, link := range got {
			group, member, _ := strings.Cut(link, " ")
			kind, key, _ := strings.Cut(member, "/")
			if !strings.Contains("abc", group) || kind != "user" && kind != "group" || strings.TrimSpace(key) == "" || strings.ContainsAny(key, "\t\r\n\x00") {
				t.Fatalf("link %q", link)
			}
		}
		if _, _, again, err := links(t, s, b.Cursor); err != nil || again.Extent != record.Same {
			t.Fatalf("read again: extent %d, %v", again.Extent, err)
		}
	})
}

// BenchmarkLinks gives memberships of 100,000 people in 500 groups; it reads the files of
// people and groups, too.
func BenchmarkLinks(b *testing.B) {
	const memberships = 1_000_000
	dir := b.TempDir()
	var users, groups, members strings.Builder
	users.WriteString("id;n\n")
	groups.WriteString("group_id;name\n")
	members.WriteString("group;user;sub\n")
	for i := range 100_000 {
		fmt.Fprintf(&users, "%08d;Ann\n", i)
	}
	for i := range 500 {
		fmt.Fprintf(&groups, "g%03d;Group %d\n", i, i)
	}
	for i := range memberships {
		fmt.Fprintf(&members, "g%03d;%08d;\n", i%500, i%100_000)
	}
	s := open(b, exported(b, dir, users.String(), groups.String(), members.String()))
	n := 0
	want := record.Want{Groups: &record.WantGroups{Link: func(string, string) error { n++; return nil }}}
	b.ReportAllocs()
	for b.Loop() {
		n = 0
		if _, err := s.Read(context.Background(), want, func(*record.Record) error { return nil }); err != nil || n != memberships {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/memberships, "ns/link")
}
