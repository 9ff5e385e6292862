package app_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"scimsync/sources/ldap/slapdtest"
)

// An incomplete source (invariant I4): what makes it so, and what the message must
// say of it.
type incomplete struct {
	name  string
	spoil func(t testing.TB, file string, good []byte)
	says  []string
}

// put gives a spoil that writes other content.
func put(change func(good []byte) []byte) func(testing.TB, string, []byte) {
	return func(t testing.TB, file string, good []byte) {
		t.Helper()
		write(t, filepath.Dir(file), filepath.Base(file), string(change(good)))
	}
}

func replace(old, new string) func(testing.TB, string, []byte) {
	return put(func(good []byte) []byte { return []byte(strings.Replace(string(good), old, new, 1)) })
}

// rowEnd is where the row ends that is nearest to the middle.
func rowEnd(good []byte) int {
	return len(good)/2 + slices.Index(good[len(good)/2:], '\n') + 1
}

var incompleteFiles = []incomplete{
	{"cut in a row", put(func(good []byte) []byte { return good[:rowEnd(good)+20] }), []string{"people.csv", "cut"}},
	{"cut at the end of a row", put(func(good []byte) []byte { return good[:rowEnd(good)] }), []string{"shrank by", "max_shrink is 40%", "--accept-shrink"}},
	{"0 bytes", put(func([]byte) []byte { return nil }), []string{"people.csv", "empty (0 bytes)", "export"}},
	{"header only", put(func(good []byte) []byte { return good[:slices.Index(good, '\n')+1] }), []string{"people.csv", "no row below", "broken export"}},
	{"missing", func(t testing.TB, file string, _ []byte) { remove(t, file) }, []string{"people.csv", "no such file", "export"}},
	{"a directory", func(t testing.TB, file string, _ []byte) {
		remove(t, file)
		if err := os.Mkdir(file, 0o700); err != nil {
			t.Fatal(err)
		}
	}, []string{"people.csv", "not a regular file"}},
	{"a link that leads away", func(t testing.TB, file string, good []byte) {
		remove(t, file)
		elsewhere := t.TempDir()
		write(t, elsewhere, "people.csv", string(good))
		if err := os.Symlink(filepath.Join(elsewhere, "people.csv"), file); err != nil {
			t.Fatal(err)
		}
	}, []string{"people.csv", "link leads out of"}},
	{"yesterday's file", func(t testing.TB, file string, good []byte) {
		replace("Clerk 3", "Clerk of yesterday")(t, file, good)
		yesterday := time.Now().Add(-24 * time.Hour)
		if err := os.Chtimes(file, yesterday, yesterday); err != nil {
			t.Fatal(err)
		}
	}, []string{"people.csv", "old export was put back", "touch it"}},
	{"another encoding", replace("Jürg", "J\xfcrg"), []string{"people.csv", "line ", "column ", "encoding"}},
	{"another delimiter", put(func(good []byte) []byte { return []byte(strings.ReplaceAll(string(good), ",", ";")) }), []string{"delimiter"}},
	{"a ragged row", replace(",Clerk 3,", ",Clerk 3,extra,"), []string{"people.csv", "line 5", "9 columns and the header 8", "quoted"}},
	{"a key twice", replace("000007,", "000006,"), []string{"people.csv", "lines 9 and 10", `the key "000006" stands twice`}},
	{"a blank key", replace("000007,", ","), []string{"people.csv", "line 10", "the key is empty"}},
	{"a damaged key", replace("000007,", "1E+05,"), []string{"people.csv", "line 10", "spreadsheet"}},
	{"a renamed key column", replace("id,login", "number,login"), []string{"people.csv", `no column "id", which is the key`}},
	{"a renamed column", replace(",title,", ",job_title,"), []string{"config.yaml:19:9", "title is not among the attributes of source hr", "renamed", "scimsync read hr --raw"}},
	{"a column twice", replace(",title,", ",login,"), []string{"people.csv", "columns 2 and 6 have one name"}},
	{"an empty column", put(func(good []byte) []byte {
		text := string(good)
		for i := range 7 {
			text = strings.ReplaceAll(text, fmt.Sprintf(",Clerk %d,", i), ",,")
		}
		return []byte(text)
	}), []string{`nobody has a value for "title" any more`, "may still read it"}},
	{"an open quote", replace("Łukasz", `"Łukasz`), []string{"people.csv", "line "}},
	{"a part of the people", put(func(good []byte) []byte { return good[:strings.Index(string(good), "000010,")] }),
		[]string{"shrank by", "--accept-shrink"}}, // a delta in the place of a full file
}

func remove(t testing.TB, file string) {
	t.Helper()
	if err := os.RemoveAll(file); err != nil {
		t.Fatal(err)
	}
}

// Must show 7: no incomplete file writes anything, and the next good one goes on as if
// nothing had been.
func TestIncompleteFiles(t *testing.T) {
	t.Parallel()
	svc, dir, people := startService(t), t.TempDir(), roster(40)
	write(t, dir, "config.yaml", csvConfig(svc.URL, freely))
	writeStaff(t, dir, people, staffColumns, false)
	synced(t, dir, 0)
	users := svc.users()
	for i, c := range incompleteFiles {
		file := filepath.Join(dir, "people.csv")
		good, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		mark := svc.last()
		c.spoil(t, file, good)
		for _, command := range [][]string{{"sync"}, {"plan"}} {
			o := scimsync(t, dir, command...)
			if o.code != 1 {
				t.Errorf("%s: %v: exit %d\n%s%s", c.name, command, o.code, o.out, o.err)
			}
			for _, word := range c.says {
				if !strings.Contains(o.err, word) {
					t.Errorf("%s: %v does not say %q: %s", c.name, command, word, o.err)
				}
			}
		}
		if list := svc.requests(mark); len(list) != 0 {
			t.Errorf("%s: %d requests, the first %+v", c.name, len(list), list[0])
		}
		remove(t, file)
		id := fmt.Sprintf("%06d", 30+i%10)
		people[id]["family"] = fmt.Sprintf("Changed %d", i)
		writeStaff(t, dir, people, staffColumns, false)
		if r := synced(t, dir, 0); r.Done["update"] != 1 || r.Calls != 1 {
			t.Fatalf("after %s: %+v", c.name, r)
		}
		for _, r := range svc.requests(mark) {
			if r.Method != http.MethodPatch || r.Path != "/scim/v2/Users/"+users[id]["id"].(string) {
				t.Errorf("after %s: %s %s", c.name, r.Method, r.Path)
			}
		}
	}
	all := map[string]map[string]any{}
	for id, p := range people {
		all[id] = p.account(true)
	}
	wantAccounts(t, svc.users(), all)
}

// tap stands between scimsync and a directory server. It can end a connection, or
// fall silent, after so many entries of it.
type tap struct {
	t        testing.TB
	listener net.Listener

	mu       sync.Mutex
	upstream string
	after    int // entries of one connection; 0: let everything pass
	silent   bool
	done     chan struct{}
}

func newTap(t testing.TB) *tap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &tap{t: t, listener: l, done: make(chan struct{})}
	t.Cleanup(func() { close(p.done); _ = l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(in)
		}
	}()
	return p
}

func (p *tap) url() string { return "ldap://" + p.listener.Addr().String() }

// to sets where connections lead from now on, and what becomes of them.
func (p *tap) to(upstream string, after int, silent bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.upstream, p.after, p.silent = strings.TrimPrefix(upstream, "ldap://"), after, silent
}

func (p *tap) serve(in net.Conn) {
	defer in.Close()
	p.mu.Lock()
	upstream, after, silent := p.upstream, p.after, p.silent
	p.mu.Unlock()
	out, err := net.Dial("tcp", upstream)
	if err != nil {
		return // as a server that is down
	}
	defer out.Close()
	go func() { _, _ = io.Copy(out, in) }()
	answers := bufio.NewReader(out)
	for entries := 0; ; {
		message, entry, err := readMessage(answers)
		if err != nil {
			return
		}
		if entry {
			entries++
		}
		if after > 0 && entries > after {
			if silent {
				<-p.done
			}
			return
		}
		if _, err := in.Write(message); err != nil {
			return
		}
	}
}

// readMessage reads one LDAP message and tells whether it is a search result entry.
func readMessage(r *bufio.Reader) (message []byte, entry bool, err error) {
	head, err := r.Peek(2)
	if err != nil {
		return nil, false, err
	}
	length, size := int(head[1]), 2
	if n := int(head[1]) - 0x80; n > 0 { // the length itself takes n bytes
		long, err := r.Peek(2 + n)
		if err != nil {
			return nil, false, err
		}
		var padded [8]byte
		copy(padded[8-n:], long[2:])
		length, size = int(binary.BigEndian.Uint64(padded[:])), 2+n
	}
	message = make([]byte, size+length)
	if _, err := io.ReadFull(r, message); err != nil {
		return nil, false, err
	}
	body := message[size:]
	return message, body[2+int(body[1])] == 0x64, nil
}

// directoryConfig is a config that reads people through a tap, in pages of 50.
func directoryConfig(svc *service, p *tap, more string) string {
	return `version: 1
state: {dir: state}
log: {level: warn}
sources:
  corp:
    ldap:
      urls: ["` + p.url() + `"]
      vendor: openldap
      bind: {user: "` + slapdtest.BindDN + `", password: {file: bind.pw}}
      users: {base: "` + slapdtest.People + `", filter: "(objectClass=inetOrgPerson)"}
      page_size: 50
targets:
  service: {url: "` + svc.URL + `", pace: {rate: 100000/s, burst: 1000, concurrency: 4}}
jobs:
  staff:
    from: corp
    to: service
` + more
}

// Must show 7: no incomplete listing of a real directory writes anything. Pages have
// 50 entries; before them a connection sees the rootDSE, the schema and the base.
func TestIncompleteDirectory(t *testing.T) {
	t.Parallel()
	const n, upTo = 200, 3
	start := func(database string) *slapdtest.Server {
		return slapdtest.Start(t, slapdtest.Options{LDIF: slapdtest.Persons(n),
			Database: database + "\naccess to attrs=userPassword by anonymous auth by * none\naccess to * by * read"})
	}
	good := start("")
	noBase, nobody, referral := slapdtest.Start(t, slapdtest.Options{}), slapdtest.Start(t, slapdtest.Options{}), slapdtest.Start(t, slapdtest.Options{})
	noBase.Delete(slapdtest.People)
	referral.Delete(slapdtest.People)
	referral.Add(slapdtest.People, "objectClass", "referral", "objectClass", "extensibleObject", "ou", "people", "ref", "ldap://127.0.0.1:1/"+slapdtest.People)
	branch := start("")
	branch.Add("ou=branch,"+slapdtest.People, "objectClass", "referral", "objectClass", "extensibleObject", "ou", "branch", "ref", "ldap://127.0.0.1:1/ou=branch,"+slapdtest.People)
	down := start("")
	down.Stop()

	svc, dir, p := startService(t), t.TempDir(), newTap(t)
	write(t, dir, "bind.pw", slapdtest.BindPW+"\n")
	write(t, dir, "config.yaml", directoryConfig(svc, p, freely))
	p.to(good.URL, 0, false)
	if r := synced(t, dir, 0); r.Done["create"] != n {
		t.Fatalf("first run: %+v", r)
	}
	before := svc.users()
	for i, c := range []struct {
		name   string
		server *slapdtest.Server
		after  int
		silent bool
		says   []string
	}{
		{"size limit at 30 %", start(`limits dn.exact="` + slapdtest.BindDN + `" size.soft=60 size.hard=60 size.prtotal=60`), 0, false, []string{"Size Limit Exceeded", "raise it for the bind user"}},
		{"the base is gone", noBase, 0, false, []string{slapdtest.People, "the base does not exist", "users.base"}},
		{"half of the entries hidden", start(`access to dn.regex="^[^,]*[02468],` + slapdtest.People + `$" by * none`), 0, false, []string{"shrank by", "max_shrink", "--accept-shrink"}},
		{"an attribute hidden", start(`access to attrs=sn by * none`), 0, false, []string{`nobody has a value for "sn" any more`, "may still read it"}},
		{"the anchor hidden", start(`access to attrs=entryUUID by * none`), 0, false, []string{"entryUUID"}},
		{"nobody, with success", nobody, 0, false, []string{"found nobody", "users.base", slapdtest.BindDN}},
		{"cut in the third page", good, upTo + 120, false, []string{"page 3", "nothing was taken from this read"}},
		{"silent in the third page", good, upTo + 120, true, []string{"page 3", "nothing was taken from this read"}},
		{"silent from the start", good, 1, true, []string{"corp"}},
		{"the base is a referral", referral, 0, false, []string{"this server does not hold the base", "urls"}},
		{"a part lives elsewhere", branch, 0, false, []string{"ou=branch", "references are not followed", "users.exclude"}},
		{"the server is down", down, 0, false, []string{p.url()}},
	} {
		mark := svc.last()
		p.to(c.server.URL, c.after, c.silent)
		o := scimsync(t, dir, "sync")
		if o.code != 1 {
			t.Errorf("%s: exit %d\n%s%s", c.name, o.code, o.out, o.err)
		}
		for _, word := range c.says {
			if !strings.Contains(o.err, word) {
				t.Errorf("%s: it does not say %q: %s", c.name, word, o.err)
			}
		}
		if list := svc.requests(mark); len(list) != 0 {
			t.Errorf("%s: %d requests, the first %+v", c.name, len(list), list[0])
		}
		p.to(good.URL, 0, false)
		id := fmt.Sprintf("%d", 20+i)
		good.Modify(slapdtest.PersonDN(20+i), "title", "After "+id)
		if r := synced(t, dir, 0); r.Done["update"] != 1 || r.Calls != 1 {
			t.Fatalf("after %s: %+v", c.name, r)
		}
		before[slapdtest.PersonUUID(20+i)]["title"] = "After " + id
	}
	after := svc.users()
	for id, u := range after {
		delete(u, "meta")
		delete(before[id], "meta")
		if text(u) != text(before[id]) {
			t.Errorf("account of %s:\n got %s\nwant %s", id, text(u), text(before[id]))
		}
	}
	if len(after) != n {
		t.Errorf("%d accounts", len(after))
	}
}

// A base or filter that is not what it was stops the job, before the directory is
// asked for anybody and the target for anything.
func TestChangedDirectoryStops(t *testing.T) {
	t.Parallel()
	server := slapdtest.Start(t, slapdtest.Options{LDIF: slapdtest.Persons(40)})
	svc, dir, p := startService(t), t.TempDir(), newTap(t)
	p.to(server.URL, 0, false)
	write(t, dir, "bind.pw", slapdtest.BindPW)
	config := directoryConfig(svc, p, guarded)
	write(t, dir, "config.yaml", config)
	synced(t, dir, 0)
	mark := svc.last()
	for says, change := range map[string][2]string{
		`filter was "(objectClass=inetOrgPerson)" and is "(departmentNumber=D01)"`: {`(objectClass=inetOrgPerson)`, `(departmentNumber=D01)`},
		`base was "` + slapdtest.People + `" and is "` + slapdtest.Suffix + `"`:    {`base: "` + slapdtest.People, `base: "` + slapdtest.Suffix},
		`anchor was "auto" and is "uid"`:                                           {`users: {`, `users: {anchor: uid, `},
	} {
		write(t, dir, "config.yaml", strings.Replace(config, change[0], change[1], 1))
		scimsync(t, dir, "sync").want(t, 3).says(t, says, "scimsync approve staff")
	}
	// Another kind of source under the same name.
	write(t, dir, "people.csv", "id,uid\nx,y\n")
	write(t, dir, "config.yaml", config[:strings.Index(config, "    ldap:")]+"    csv: {users: {path: people.csv, key: id}}\n"+
		strings.Replace(config[strings.Index(config, "targets:"):], "    to: service\n", "    to: service\n    users: {map: {userName: uid}}\n", 1))
	scimsync(t, dir, "sync").want(t, 3).says(t, `kind was "ldap" and is "csv"`, "scimsync approve staff")
	if list := svc.requests(mark); len(list) != 0 {
		t.Errorf("%d requests", len(list))
	}
	// The narrower filter, once accepted, is judged like any other loss of people.
	write(t, dir, "config.yaml", strings.Replace(config, `(objectClass=inetOrgPerson)`, `(&(objectClass=inetOrgPerson)(!(departmentNumber=D0*)))`, 1))
	scimsync(t, dir, "approve", "staff", "--yes").want(t, 0).says(t, "accepted")
	scimsync(t, dir, "sync").want(t, 1).says(t, "shrank by 50%")
	scimsync(t, dir, "sync", "--accept-shrink").want(t, 3).says(t, "deactivate.percent: 20 deactivations of 40 live accounts")
	if list := svc.requests(mark); len(list) != 0 {
		t.Errorf("%d requests", len(list))
	}
}
