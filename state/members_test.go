package state

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"scimsync/sync/ledger"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

func groupKey(id string) record.Key { return record.Key{Kind: record.Group, Source: "hr", ID: id} }
func userKey(id string) record.Key  { return record.Key{Kind: record.User, Source: "hr", ID: id} }

func groupEntry(id, name, remote string) *ledger.Entry {
	return &ledger.Entry{Key: groupKey(id), RemoteID: remote, Standing: ledger.Live, At: time.Unix(1000, 0).UTC(),
		Resource: resource.New(map[string]any{"displayName": name}), Managed: []string{"displayName"}}
}

func userEntry(id, login, remote string) *ledger.Entry {
	return &ledger.Entry{Key: userKey(id), RemoteID: remote, Standing: ledger.Live, At: time.Unix(1000, 0).UTC(),
		Resource: resource.New(map[string]any{"userName": login}), Managed: []string{"userName"}}
}

func storeAll(t *testing.T, s *State, outcomes ...ledger.Outcome) {
	t.Helper()
	must(t, s.Commit(staff, outcomes))
}

func membersOf(t *testing.T, s *State, group uint32) map[uint32]ledger.MemberState {
	t.Helper()
	got := map[uint32]ledger.MemberState{}
	must(t, s.Members(staff.Target, "hr", group, func(m *ledger.Membership) error {
		got[m.Edge.Member] = m.State
		return nil
	}))
	return got
}

// hired stores people and groups in the mirror, in this order from ordinal 0.
func hired(t *testing.T, s *State, keys ...record.Key) {
	t.Helper()
	rows := make([]ledger.Row, len(keys))
	for i, key := range keys {
		rows[i] = ledger.Row{Key: key, Ordinal: uint32(i), Seq: 1}
	}
	must(t, s.Merge("hr", rows, &ledger.SourceInfo{Seq: 1, Ordinals: uint32(len(keys))}))
}

func membership(group, member uint32, state ledger.MemberState) *ledger.Membership {
	return &ledger.Membership{Source: "hr", Edge: ledger.Edge{Group: group, Member: member}, State: state}
}

func TestMembershipIsItsOwnIntent(t *testing.T) {
	s := openNew(t)
	at := time.Unix(5000, 0).UTC()
	must(t, s.Begin(staff, []ledger.Intent{
		{Key: groupKey("app"), Member: membership(9, 1, ledger.Adding)},
		{Key: groupKey("app"), Member: membership(9, 2, ledger.Adding)},
		{Key: groupKey("other"), Member: membership(10, 1, ledger.Adding)},
	}))
	must(t, s.EachIntent(staff, func(i *ledger.Intent) error {
		t.Errorf("an intent of %s beside its membership", i.Key)
		return nil
	}))
	parked := membership(9, 2, ledger.NoMember)
	parked.Parked = &ledger.Parked{Kind: ledger.ParkedRefused, Error: "no such member", Tries: 1, At: at, Since: at}
	storeAll(t, s, ledger.Outcome{Key: groupKey("app"), Member: membership(9, 1, ledger.Member)},
		ledger.Outcome{Key: groupKey("app"), Member: parked})
	if diff := cmp.Diff(map[uint32]ledger.MemberState{1: ledger.Member, 2: ledger.NoMember}, membersOf(t, s, 9)); diff != "" {
		t.Error(diff)
	}
	must(t, s.Members(staff.Target, "hr", 9, func(m *ledger.Membership) error {
		if m.Edge.Member == 2 {
			if diff := cmp.Diff(parked, m); diff != "" {
				t.Error(diff)
			}
		}
		return nil
	}))
	n := uint32(9)
	if got, err := s.CountMembers(staff.Target, "hr", &n); got != 1 || err != nil {
		t.Errorf("%d members, %v", got, err)
	}
	groups, err := s.MemberGroups(staff.Target, "hr", func(e ledger.Edge) bool { return e.Member == 1 })
	if diff := cmp.Diff([]uint32{9, 10}, groups); diff != "" || err != nil {
		t.Error(diff, err)
	}
	storeAll(t, s, ledger.Outcome{Key: groupKey("app"), Member: membership(9, 2, ledger.NoMember)})
	if got := membersOf(t, s, 9); len(got) != 1 {
		t.Errorf("a membership of which nothing is known stays: %v", got)
	}
}

// A service may give an account and a group the same id; and a name is nobody's login.
func TestGroupsHaveTheirOwnIndexes(t *testing.T) {
	s := openNew(t)
	storeAll(t, s, ledger.Outcome{Key: userKey("1"), Entry: userEntry("1", "sales", "7")},
		ledger.Outcome{Key: groupKey("g"), Entry: groupEntry("g", "Sales", "7")})
	consistent(t, s)
	if key, known, err := s.ByRemote(staff.Target, "7"); key != userKey("1") || !known || err != nil {
		t.Error(key, known, err)
	}
	if key, known, err := s.GroupByRemote(staff.Target, "7"); key != groupKey("g") || !known || err != nil {
		t.Error(key, known, err)
	}
	if key, known, err := s.GroupByName(staff.Target, "sales"); key != groupKey("g") || !known || err != nil {
		t.Error(key, known, err)
	}
	if standings, err := s.Standings(staff); standings[ledger.Live] != 1 || err != nil {
		t.Error("a group counts as an account:", standings, err)
	}
	renamed := groupEntry("g", "Sales EMEA", "7")
	storeAll(t, s, ledger.Outcome{Key: groupKey("g"), Entry: renamed})
	if _, known, _ := s.GroupByName(staff.Target, "sales"); known {
		t.Error("the old name still leads to the group")
	}
	people, groups := 0, 0
	must(t, s.EachEntry(staff, func(*ledger.Entry) error { people++; return nil }))
	must(t, s.EachGroup(staff, func(*ledger.Entry) error { groups++; return nil }))
	if people != 1 || groups != 1 {
		t.Error(people, groups)
	}
}

// Memberships were made for one account: with another one, or none, they are gone.
func TestForgetMoved(t *testing.T) {
	s := openNew(t)
	hired(t, s, userKey("0"), userKey("1"), userKey("2"), groupKey("a"), groupKey("b"))
	storeAll(t, s,
		ledger.Outcome{Key: userKey("0"), Entry: userEntry("0", "u0", "r0")},
		ledger.Outcome{Key: userKey("1"), Entry: userEntry("1", "u1", "r1")},
		ledger.Outcome{Key: userKey("2"), Entry: userEntry("2", "u2", "r2")},
		ledger.Outcome{Key: groupKey("a"), Entry: groupEntry("a", "a", "ra")},
		ledger.Outcome{Key: groupKey("b"), Entry: groupEntry("b", "b", "rb")})
	for _, e := range []ledger.Edge{{Group: 3, Member: 0}, {Group: 3, Member: 1}, {Group: 3, Member: 2}, {Group: 4, Member: 1}, {Group: 4, Member: 2}, {Group: 3, Nested: true, Member: 4}} {
		storeAll(t, s, ledger.Outcome{Key: groupKey("x"), Member: &ledger.Membership{Source: "hr", Edge: e, State: ledger.Member}})
	}
	gone := userEntry("0", "u0", "r0")
	gone.Standing = ledger.Gone
	suspended := userEntry("2", "u2", "r2")
	suspended.Standing = ledger.Suspended
	storeAll(t, s, ledger.Outcome{Key: userKey("0"), Entry: gone}, ledger.Outcome{Key: userKey("2"), Entry: suspended},
		ledger.Outcome{Key: groupKey("b"), Entry: groupEntry("b", "b", "another")})
	must(t, s.ForgetMoved(staff.Target))
	want := map[uint32]ledger.MemberState{1: ledger.Member, 2: ledger.Member}
	if diff := cmp.Diff(want, membersOf(t, s, 3)); diff != "" {
		t.Error(diff)
	}
	looks := map[string]bool{}
	must(t, s.EachLook(staff, func(l *ledger.Look) error { looks[l.Key.ID] = l.NextRun; return nil }))
	if diff := cmp.Diff(map[string]bool{"a": true, "b": true}, looks); diff != "" {
		t.Errorf("groups that are looked at: %s", diff)
	}
	if got := membersOf(t, s, 4); len(got) > 0 {
		t.Errorf("the group has another id, and its members stay: %v", got)
	}
	storeAll(t, s, ledger.Outcome{Key: userKey("1"), Entry: userEntry("1", "u1", "other")})
	must(t, s.ForgetMoved(staff.Target))
	if diff := cmp.Diff(map[uint32]ledger.MemberState{2: ledger.Member}, membersOf(t, s, 3)); diff != "" {
		t.Error(diff)
	}
}
