package state

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"scimsync/sync/ledger"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// consistent holds the indexes and counts of all targets against their entries, and the
// index of all sources against their rows.
func consistent(t testing.TB, s *State) {
	t.Helper()
	must(t, s.db.View(func(tx *bolt.Tx) error {
		jobs := jobNames.names(tx)
		counts := map[string]uint64{}
		for _, name := range targetNames.list(tx) {
			a, ok := findAccounts(tx, name)
			if !ok {
				continue
			}
			target := targetNames.find(tx, name)
			logins, remotes := map[string]bool{}, map[string]bool{}
			spell := newKeys(tx)
			must(t, a.entries.ForEach(func(k, v []byte) error {
				key, err := spell.parse(k)
				must(t, err)
				e, err := readEntry(v, key, jobs)
				must(t, err)
				if key.Kind == record.Group {
					return nil
				}
				counts[string(v[:idLen])+string(target)+string(v[idLen])]++
				if e.Standing == ledger.Gone {
					return nil
				}
				login := resource.Fold(e.Resource.Text("userName"))
				logins[login], remotes[e.RemoteID] = true, true
				if got := a.people.remotes.Get([]byte(e.RemoteID)); string(got) != string(k) {
					t.Errorf("remote id %s of %s leads to %x", e.RemoteID, key, got)
				}
				if a.people.names.Get([]byte(login)) == nil {
					t.Errorf("login %s of %s leads nowhere", login, key)
				}
				return nil
			}))
			for index, want := range map[*bolt.Bucket]map[string]bool{a.people.names: logins, a.people.remotes: remotes} {
				must(t, index.ForEach(func(k, v []byte) error {
					if !want[string(k)] {
						t.Errorf("index of %s holds %q, which no entry has", name, k)
					}
					return nil
				}))
			}
		}
		flows := tx.Bucket(bucketFlows)
		must(t, flows.ForEachBucket(func(flow []byte) error {
			if b := flows.Bucket(flow).Bucket(bucketStandings); b != nil {
				return b.ForEach(func(standing, v []byte) error {
					at := string(flow) + string(standing)
					if n := binary.BigEndian.Uint64(v); n != counts[at] {
						t.Errorf("flow %x standing %d counts %d, there are %d", flow, standing[0], n, counts[at])
					}
					delete(counts, at)
					return nil
				})
			}
			return nil
		}))
		if len(counts) > 0 {
			t.Errorf("not counted: %v", counts)
		}
		for _, name := range sourceNames.list(tx) {
			m, ok := findMirror(tx, name)
			if !ok {
				continue
			}
			n := 0
			must(t, m.index.ForEach(func(k, v []byte) error {
				n++
				return m.load(user(name, string(k[1:])), k, v, new(ledger.Row))
			}))
			if rows := m.rows.Stats().KeyN; rows != n {
				t.Errorf("%s has %d rows, %d in the index", name, rows, n)
			}
		}
		return nil
	}))
}

func TestIndexesAndCountsFollowTheEntry(t *testing.T) {
	s := openNew(t)
	key := user("hr", "A")
	byLogin := func(login string) (record.Key, bool) {
		t.Helper()
		k, known, err := s.ByLogin("ringcentral", login)
		must(t, err)
		return k, known
	}
	e := entry(key, "1", ledger.Live)
	commit(t, s, staff, e)
	e.Resource = resource.New(map[string]any{"userName": "Zoë@example.org"})
	e.RemoteID = "2"
	commit(t, s, staff, e)
	if _, known := byLogin("a@example.org"); known {
		t.Error("the old login is still there")
	}
	if k, known := byLogin(resource.Fold("ZOË@EXAMPLE.ORG")); !known || k != key {
		t.Errorf("the new login leads to %v", k)
	}
	if _, known, err := s.ByRemote("ringcentral", "1"); known || err != nil {
		t.Errorf("the old remote id is still there (%v)", err)
	}
	consistent(t, s)
	for _, standing := range []ledger.Standing{ledger.Suspended, ledger.Left, ledger.Gone, ledger.Live} {
		e.Standing = standing
		commit(t, s, staff, e)
		standings, err := s.Standings(staff)
		equal(t, standings, map[ledger.Standing]int{standing: 1}, err)
		if _, known := byLogin(resource.Fold("zoë@example.org")); known == (standing == ledger.Gone) {
			t.Errorf("%s: login known: %v", standing, known)
		}
		consistent(t, s)
	}
	// Another job takes the account over: the count goes with it.
	e.Job = other.Job
	commit(t, s, other, e)
	standings, err := s.Standings(staff)
	equal(t, len(standings), 0, err)
	standings, err = s.Standings(other)
	equal(t, standings, map[ledger.Standing]int{ledger.Live: 1}, err)
	consistent(t, s)
}

func TestSwappedLoginsInOneCommit(t *testing.T) {
	s := openNew(t)
	a, b := entry(user("hr", "a"), "1", ledger.Live), entry(user("hr", "b"), "2", ledger.Live)
	commit(t, s, staff, a, b)
	a.Resource, b.Resource = b.Resource, a.Resource
	commit(t, s, staff, a, b)
	key, _, err := s.ByLogin("ringcentral", "b@example.org")
	equal(t, key, a.Key, err)
	key, _, err = s.ByLogin("ringcentral", "a@example.org")
	equal(t, key, b.Key, err)
	consistent(t, s)
}

func TestAccountOfAnotherKeyIsRefused(t *testing.T) {
	s := openNew(t)
	a := entry(user("hr", "a"), "1", ledger.Live)
	commit(t, s, staff, a)
	thief := entry(user("ad", "b"), "1", ledger.Live)
	innocent := entry(user("hr", "c"), "3", ledger.Live)
	err := s.Commit(other, []ledger.Outcome{
		{Key: innocent.Key, Entry: innocent, Look: &ledger.Look{NextRun: true}},
		{Key: thief.Key, Entry: thief},
	})
	if !errors.Is(err, ledger.ErrOwned) {
		t.Fatalf("error %v is not ErrOwned", err)
	}
	for _, name := range []string{"user/hr/a", "user/ad/b", "ringcentral"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("error %q does not name %s", err, name)
		}
	}
	got, err := s.Entries("ringcentral", []record.Key{innocent.Key, thief.Key})
	equal(t, got, []*ledger.Entry{nil, nil}, err)
	flows, err := s.Flows()
	equal(t, flows, []ledger.Flow{staff}, err)
	// At another target, or once the owner is gone, it is free.
	commit(t, s, ledger.Flow{Job: "staff", Target: "elsewhere"}, thief)
	a.Standing = ledger.Gone
	commit(t, s, staff, thief, a) // the tombstone comes later in the same commit
	key, _, err := s.ByRemote("ringcentral", "1")
	equal(t, key, thief.Key, err)
	consistent(t, s)
	// Two keys that claim one new account in one commit.
	d, e := entry(user("hr", "d"), "9", ledger.Live), entry(user("hr", "e"), "9", ledger.Live)
	if err := s.Commit(staff, []ledger.Outcome{{Key: d.Key, Entry: d}, {Key: e.Key, Entry: e}}); !errors.Is(err, ledger.ErrOwned) {
		t.Errorf("two claims in one commit: %v", err)
	}
	// The same key twice is nobody else.
	commit(t, s, staff, d, d)
	consistent(t, s)
}

func TestEntryWithoutStandingIsRefused(t *testing.T) {
	s := openNew(t)
	e := entry(user("hr", "a"), "1", 0)
	if err := s.Commit(staff, []ledger.Outcome{{Key: e.Key, Entry: e}}); err == nil {
		t.Error("no error")
	}
}

func looks(t testing.TB, s *State, flow ledger.Flow) (list []ledger.Look) {
	t.Helper()
	must(t, s.EachLook(flow, func(l *ledger.Look) error { list = append(list, *l); return nil }))
	return list
}

func intents(t testing.TB, s *State, flow ledger.Flow) (list []ledger.Intent) {
	t.Helper()
	must(t, s.EachIntent(flow, func(i *ledger.Intent) error { list = append(list, *i); return nil }))
	return list
}

func TestIntentsAndLooksComeAndGo(t *testing.T) {
	s := openNew(t)
	a, b := user("hr", "a"), user("ad", "b")
	began := []ledger.Intent{
		{Key: b, Action: "create", ID: "i2", Run: "r1", At: noon, Looked: noon},
		{Key: a, Action: "update", ID: "i1", Run: "r1", At: noon, Maybe: map[string]any{
			"active": true, "title": nil, "x": json.Number("1.50"), `emails[type eq "work"].value`: "<a&b>",
			"phoneNumbers": []resource.Element{{"type": "work", "value": "+41"}}}},
	}
	must(t, s.Begin(staff, began))
	equal(t, intents(t, s, staff), began, nil)
	equal(t, len(intents(t, s, other)), 0, nil)

	endOfTime := time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	parked := &ledger.Parked{Kind: ledger.ParkedRefused, Error: "400 invalidValue", Digest: "d", Tries: 3, At: noon, Since: noon.Add(-time.Hour)}
	must(t, s.Commit(staff, []ledger.Outcome{
		{Key: a, Look: &ledger.Look{Parked: parked, Due: endOfTime}},
		{Key: b, Look: &ledger.Look{NextRun: true}, DropIntent: true},
	}))
	equal(t, intents(t, s, staff), began[1:], nil)
	equal(t, looks(t, s, staff), []ledger.Look{{Key: b, NextRun: true}, {Key: a, Parked: parked, Due: endOfTime}}, nil)
	must(t, s.Commit(staff, []ledger.Outcome{{Key: a, Look: &ledger.Look{}, DropIntent: true}, {Key: b}}))
	equal(t, len(intents(t, s, staff)), 0, nil)
	equal(t, looks(t, s, staff), []ledger.Look{{Key: b, NextRun: true}}, nil)
}

func TestLooksAndProgress(t *testing.T) {
	dir := t.TempDir()
	var steps []string
	s, err := Open(dir, Options{Step: func(name string) { steps = append(steps, name) }})
	must(t, err)
	defer s.Close()
	list := make([]ledger.Look, pageLen+1)
	for i := range list {
		list[i] = ledger.Look{Key: user("hr", fmt.Sprintf("%05d", i)), NextRun: true}
	}
	progress := ledger.Progress{Planned: map[string]uint64{"hr": 7, "ad": 1 << 63}, MapVersion: "v1", Contact: ledger.ContactMade}
	steps = nil
	must(t, s.PutLooks(staff, list))
	must(t, s.PutProgress(staff, progress))
	equal(t, steps, []string{"looks", "looks.done", "looks", "looks.done", "progress", "progress.done"}, nil)
	equal(t, looks(t, s, staff), list, nil)
	got, err := s.Progress(staff)
	equal(t, got, progress, err)
	for i := range list {
		list[i].NextRun = false
	}
	must(t, s.PutLooks(staff, list[1:]))
	equal(t, len(looks(t, s, staff)), 1, nil)
	got, err = s.Progress(staff)
	equal(t, got, progress, err)
	steps = nil
	must(t, s.PutLooks(staff, nil))
	equal(t, len(steps), 0, nil)

	// The second slice cannot be stored.
	bad := make([]ledger.Look, pageLen+1)
	for i := range bad {
		bad[i] = ledger.Look{Key: user("hr", fmt.Sprint(i)), NextRun: true}
	}
	bad[pageLen].Key.ID = strings.Repeat("x", 1<<16)
	if err := s.PutLooks(staff, bad); err == nil {
		t.Error("a key of 64 KiB: no error")
	}
}

func TestHoldsAndApprovals(t *testing.T) {
	s := openNew(t)
	hold := ledger.Hold{ID: "h7", Job: "staff", Target: "ringcentral", Digest: "dd", At: noon, Run: "r1", Rejected: "anna",
		Limits: []ledger.Limit{{Limit: "deactivate.percent", N: 12, Of: 50, Max: "10%"}}}
	digests := map[string]int64{}
	for i := range pageLen + 1 {
		d := fmt.Sprintf("%064x", i)
		hold.Lines = append(hold.Lines, ledger.HeldLine{Action: "deactivate", Key: user("hr", fmt.Sprint(i)), Name: "Zoë", Digest: d})
		digests[d] = noon.Unix() + int64(i)
	}
	must(t, s.PutHold(staff, &hold))
	got, err := s.Hold(staff)
	equal(t, got, &hold, err)
	small := ledger.Hold{ID: "h8", Job: "students", Target: "ringcentral", At: noon}
	must(t, s.PutHold(other, &small))
	brief := hold
	brief.Lines = nil
	holds, err := s.Holds()
	equal(t, holds, []ledger.Hold{brief, small}, err)

	yes := ledger.Approval{By: "anna", Digests: digests}
	must(t, s.PutApproval(staff, &yes))
	gotYes, err := s.Approval(staff)
	equal(t, gotYes, &yes, err)
	yes.Digests = map[string]int64{"only": 7}
	must(t, s.PutApproval(staff, &yes))
	gotYes, err = s.Approval(staff)
	equal(t, gotYes.Digests, map[string]int64{"only": 7}, err)

	hold.Lines = hold.Lines[:1]
	must(t, s.PutHold(staff, &hold))
	got, err = s.Hold(staff)
	equal(t, got, &hold, err)
	must(t, s.PutHold(staff, nil))
	must(t, s.PutApproval(staff, nil))
	must(t, s.PutHold(ledger.Flow{Job: "never", Target: "seen"}, nil))
	got, err = s.Hold(staff)
	equal(t, got, nil, err)
	gotYes, err = s.Approval(staff)
	equal(t, gotYes, nil, err)
	must(t, s.Check())
}

func TestRunsAreKeptNewestFirst(t *testing.T) {
	s := openNew(t)
	run := func(i int) ledger.Run {
		return ledger.Run{ID: fmt.Sprint("r", i), Job: "staff", Target: "ringcentral", Started: noon.Add(time.Duration(i) * time.Minute),
			Planned: map[string]int{"create": i}}
	}
	must(t, s.PutRun(run(0)))
	must(t, s.db.Update(func(tx *bolt.Tx) error { // as PutRun does, but in one commit
		for i := range runsKept {
			r := run(i)
			r.Job, r.Target = "", ""
			must(t, putJSON(findFlow(tx, staff).Bucket(bucketRuns), runKey(&r), r))
		}
		return nil
	}))
	for i := range 5 {
		must(t, s.PutRun(run(runsKept+i)))
	}
	ended := run(runsKept + 4)
	ended.Ended, ended.Error, ended.Done = noon, "x", map[string]int{"deactivate": 1}
	must(t, s.PutRun(ended)) // replaces the one that was under way
	runs, err := s.Runs(staff, 2)
	equal(t, runs, []ledger.Run{ended, run(runsKept + 3)}, err)
	runs, err = s.Runs(staff, 1<<30)
	equal(t, len(runs), runsKept, err)
	equal(t, runs[runsKept-1], run(5), nil)
	runs, err = s.Runs(other, 5)
	equal(t, len(runs), 0, err)
}

func TestTargetJobAndStats(t *testing.T) {
	s := openNew(t)
	target := ledger.TargetInfo{Fingerprint: map[string]string{"url": "https://example.org"}, Warned: []string{"token"}}
	job := ledger.JobInfo{Fingerprint: map[string]string{"from": "hr"}}
	must(t, s.PutTarget("ringcentral", target))
	must(t, s.PutJob("staff", job))
	gotTarget, err := s.Target("ringcentral")
	equal(t, gotTarget, target, err)
	gotJob, err := s.Job("staff")
	equal(t, gotJob, job, err)
	for _, name := range []string{"ringcentral", "unknown"} {
		learned, err := s.Learned(name)
		equal(t, learned, []byte(nil), err)
	}
	must(t, s.PutLearned("ringcentral", []byte("no .search")))
	learned, err := s.Learned("ringcentral")
	equal(t, learned, []byte("no .search"), err)
	gotTarget, err = s.Target("ringcentral")
	equal(t, gotTarget, target, err)
	must(t, s.PutSource("hr", ledger.SourceInfo{Live: 3}))
	commit(t, s, staff, entry(user("hr", "a"), "1", ledger.Live))
	for name, err := range map[string]error{"target": s.PutTarget("", target), "learned": s.PutLearned("", nil), "job": s.PutJob("", job),
		"source": s.PutSource("", ledger.SourceInfo{}), "run": s.PutRun(ledger.Run{}),
		"flow": s.PutProgress(ledger.Flow{}, ledger.Progress{}), "key": s.Begin(staff, []ledger.Intent{{}})} {
		if err == nil {
			t.Errorf("%s without a name: no error", name)
		}
	}
}

func TestRenamedSource(t *testing.T) {
	s := openNew(t)
	must(t, s.Merge("ad", rows("ad", 3), &ledger.SourceInfo{Seq: 3}))
	commit(t, s, staff, entry(user("ad", "0000001"), "1", ledger.Live))
	must(t, s.PutLooks(staff, []ledger.Look{{Key: user("ad", "x"), NextRun: true}}))
	must(t, s.PutProgress(staff, ledger.Progress{Planned: map[string]uint64{"ad": 2}}))
	must(t, s.PutHold(staff, &ledger.Hold{ID: "h", Lines: []ledger.HeldLine{{Key: user("ad", "y")}}}))

	must(t, s.RenameSource("none", "else"))
	must(t, s.PutSource("corp", ledger.SourceInfo{})) // known, but of nobody
	must(t, s.RenameSource("ad", "corp"))
	must(t, s.RenameSource("ad", "corp"))
	must(t, s.RenameSource("corp", "corp"))
	sources, err := s.Sources()
	equal(t, sources, []string{"corp"}, err)
	info, err := s.Source("corp")
	equal(t, info.Seq, 3, err)
	_, known, err := s.Row(user("corp", "0000001"))
	equal(t, known, true, err)
	key, _, err := s.ByRemote("ringcentral", "1")
	equal(t, key, user("corp", "0000001"), err)
	progress, err := s.Progress(staff)
	equal(t, progress.Planned, map[string]uint64{"corp": 2}, err)
	equal(t, looks(t, s, staff)[0].Key, user("corp", "x"), nil)
	hold, err := s.Hold(staff)
	equal(t, hold.Lines[0].Key, user("corp", "y"), err)

	// A source that comes up under the old name is a new one.
	must(t, s.Merge("ad", rows("ad", 1), nil))
	if err := s.RenameSource("ad", "corp"); err == nil || !strings.Contains(err.Error(), "renamed_from: ad") {
		t.Errorf("both hold people: %v", err)
	}
	_, known, err = s.Row(user("ad", "0000000"))
	equal(t, known, true, err)
	if err := s.RenameSource("corp", ""); err == nil {
		t.Error("an empty name: no error")
	}
	consistent(t, s)
}

func TestRenamedJob(t *testing.T) {
	s := openNew(t)
	e := entry(user("hr", "a"), "1", ledger.Live)
	commit(t, s, staff, e)
	must(t, s.PutRun(ledger.Run{ID: "r", Job: "staff", Target: "ringcentral", Started: noon}))
	must(t, s.PutJob("staff", ledger.JobInfo{Fingerprint: map[string]string{"a": "b"}}))
	must(t, s.PutJob("people", ledger.JobInfo{}))
	must(t, s.RenameJob("staff", "people"))
	must(t, s.RenameJob("staff", "people"))
	people := ledger.Flow{Job: "people", Target: "ringcentral"}
	flows, err := s.Flows()
	equal(t, flows, []ledger.Flow{people}, err)
	got, err := s.Entries("ringcentral", []record.Key{e.Key})
	equal(t, got[0].Job, "people", err)
	standings, err := s.Standings(people)
	equal(t, standings, map[ledger.Standing]int{ledger.Live: 1}, err)
	runs, err := s.Runs(people, 1)
	equal(t, runs[0].Job, "people", err)
	job, err := s.Job("people")
	equal(t, job.Fingerprint, map[string]string{"a": "b"}, err)
	must(t, s.PutHold(staff, &ledger.Hold{ID: "x"}))
	if err := s.RenameJob("staff", "people"); err == nil {
		t.Error("both hold data: no error")
	}
}
