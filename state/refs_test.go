package state

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"scimsync/sync/ledger"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

func byMail(t *testing.T, mail string) ledger.Reference {
	t.Helper()
	ref, err := ledger.RefersBy("mail", mail)
	must(t, err)
	return ref
}

func byDN(t *testing.T, dn string) ledger.Reference {
	t.Helper()
	ref, err := ledger.RefersBy(ledger.ByDN, dn)
	must(t, err)
	return ref
}

func mailRow(n int, id, mail string) ledger.Row {
	return ledger.Row{Key: userKey(id), Ordinal: uint32(n), Seq: 1, DN: "cn=" + id + ",dc=example",
		Attrs: []record.Attr{{Name: "mail", Values: []string{mail}}, {Name: "title", Values: []string{"x"}}}}
}

func meant(t *testing.T, s *State, ref ledger.Reference) (ids []string) {
	t.Helper()
	keys, err := s.Answering("hr", ref)
	must(t, err)
	for _, key := range keys {
		ids = append(ids, key.ID)
	}
	return ids
}

// Who is meant follows the rows: those that were there before, changed, moved and absent ones.
func TestRefsFollowTheRows(t *testing.T) {
	s := openNew(t)
	must(t, s.Merge("hr", []ledger.Row{mailRow(0, "1", "a@x"), mailRow(1, "2", "b@x")}, nil))
	if ids := meant(t, s, byMail(t, "a@x")); ids != nil {
		t.Errorf("without an index: %q", ids)
	}
	must(t, s.IndexRefs("hr", []string{"", "mail"}))
	three := mailRow(2, "3", "A@X")
	must(t, s.Merge("hr", []ledger.Row{three}, nil))
	want := func(ref ledger.Reference, ids ...string) {
		t.Helper()
		if d := cmp.Diff(ids, meant(t, s, ref)); d != "" {
			t.Error(d)
		}
	}
	want(byMail(t, "a@X"), "1", "3")
	want(byMail(t, "b@x"), "2")
	want(byDN(t, "CN=2, DC=example"), "2")
	want(byMail(t, "x"))
	three.Attrs[0].Values, three.DN = []string{"c@x", "b@x"}, "cn=3,ou=new,dc=example"
	gone := ledger.Row{Key: userKey("1"), Seq: 2, Absent: 1, DN: "cn=1,dc=example"}
	must(t, s.Merge("hr", []ledger.Row{three, gone}, nil))
	want(byMail(t, "a@x"))
	want(byMail(t, "b@x"), "2", "3")
	want(byMail(t, "c@x"), "3")
	want(byDN(t, "cn=3,dc=example"))
	want(byDN(t, "cn=3,ou=new,dc=example"), "3")
	want(byDN(t, "cn=1,dc=example"))
	must(t, s.IndexRefs("hr", []string{"", "mail"}))
	must(t, s.IndexRefs("hr", []string{""}))
	want(byMail(t, "b@x"))
	want(byDN(t, "cn=2,dc=example"), "2")
	must(t, s.IndexRefs("hr", nil))
	want(byDN(t, "cn=2,dc=example"))
}

func waitingFor(t *testing.T, s *State, key record.Key) (ids []string) {
	t.Helper()
	keys, err := s.WaitingFor(staff.Target, "hr", []ledger.Reference{ledger.RefersTo(key)})
	must(t, err)
	for _, key := range keys {
		ids = append(ids, key.ID)
	}
	return ids
}

func looksOf(t *testing.T, s *State) map[string]ledger.Look {
	t.Helper()
	looks := map[string]ledger.Look{}
	must(t, s.EachLook(staff, func(l *ledger.Look) error {
		looks[l.Key.ID] = *l
		return nil
	}))
	return looks
}

// Whoever waits for an account is looked at again once it is there, beside what they wait for
// otherwise; and that is stored with the account.
func TestWhoWaitsIsLookedAtAgain(t *testing.T) {
	s := openNew(t)
	boss := ledger.RefersTo(userKey("boss"))
	due := time.Unix(90000, 0).UTC()
	must(t, s.PutLooks(staff, []ledger.Look{{Key: userKey("2"), Due: due}}))
	must(t, s.PutWaiting(staff.Target, []ledger.Waiting{{Key: userKey("1"), For: []ledger.Reference{byMail(t, "b@x"), boss}},
		{Key: userKey("2"), For: []ledger.Reference{boss}}, {Key: userKey("3"), For: []ledger.Reference{ledger.RefersTo(userKey("bos"))}}}))
	must(t, s.PutWaiting(staff.Target, nil))
	if d := cmp.Diff([]string{"1", "2"}, waitingFor(t, s, userKey("boss"))); d != "" {
		t.Error(d)
	}
	other := userEntry("boss", "boss", "r1")
	other.Key.Source = "corp"
	storeAll(t, s, ledger.Outcome{Key: other.Key, Entry: other})
	if looks := looksOf(t, s); looks["1"].NextRun {
		t.Error("somebody of another source was waited for")
	}
	storeAll(t, s, ledger.Outcome{Key: userKey("boss"), Entry: userEntry("boss", "boss", "r9")})
	looks := looksOf(t, s)
	if !looks["1"].NextRun || !looks["2"].NextRun || !looks["2"].Due.Equal(due) || looks["3"].NextRun {
		t.Errorf("%+v", looks)
	}
	if ids := waitingFor(t, s, userKey("boss")); ids != nil {
		t.Errorf("%q wait on", ids)
	}
	some, err := s.Waits(staff.Target)
	must(t, err)
	keys, err := s.WaitingFor(staff.Target, "hr", []ledger.Reference{byMail(t, "b@x")})
	if must(t, err); !some || len(keys) != 1 {
		t.Errorf("%v %v: who waits for two waits for the other one", some, keys)
	}
	must(t, s.PutWaiting(staff.Target, []ledger.Waiting{{Key: userKey("1")}, {Key: userKey("3")}}))
	if some, err = s.Waits(staff.Target); some || err != nil {
		t.Errorf("somebody waits: %v", err)
	}
}

// An account that is gone, or another one, is not the one that was referred to.
func TestReferencesToMovedAccountsGo(t *testing.T) {
	s := openNew(t)
	must(t, s.PutWaiting(staff.Target, nil)) // as every flow with references does
	boss := resource.Ref{Key: userKey("boss")}
	for i, at := range []string{"boss", "1", "2"} {
		e := userEntry(at, at, fmt.Sprintf("r%d", i))
		e.Managed = []string{"manager", "userName"}
		if at == "1" {
			e.Resource = e.Resource.With(map[string]any{"manager": boss})
		}
		if at == "2" {
			e.Resource = e.Resource.With(map[string]any{"manager": resource.Ref{Key: userKey("1")}})
		}
		storeAll(t, s, ledger.Outcome{Key: e.Key, Entry: e})
	}
	must(t, s.ForgetMoved(staff.Target))
	if looks := looksOf(t, s); len(looks) != 0 {
		t.Errorf("nobody moved, and %v", looks)
	}
	storeAll(t, s, ledger.Outcome{Key: userKey("boss"), Entry: userEntry("boss", "boss", "r7")})
	must(t, s.ForgetMoved(staff.Target))
	entries, err := s.Entries(staff.Target, []record.Key{userKey("1"), userKey("2")})
	must(t, err)
	if v := entries[0].Resource.Get("manager"); v != nil || entries[0].RemoteID != "r1" || entries[0].Standing != ledger.Live {
		t.Errorf("%+v", entries[0])
	}
	if entries[1].Resource.Get("manager") == nil {
		t.Error("somebody else's reference went, too")
	}
	if looks := looksOf(t, s); !looks["1"].NextRun || len(looks) != 1 {
		t.Errorf("%v", looks)
	}
}
