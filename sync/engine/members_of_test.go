package engine

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"scimsync/sync/ledger"
	"scimsync/sync/record"
)

// mirrored is a store with groups and edges, and nothing else.
type mirrored struct {
	edgeList
	groups []ledger.Row
}

func (m mirrored) Changed(_ string, kind record.Kind, _ uint64, fn func(*ledger.Row) error) error {
	for i := range m.groups {
		if kind != record.Group {
			continue
		}
		if err := fn(&m.groups[i]); err != nil {
			return err
		}
	}
	return nil
}

func groupRowOf(ordinal uint32, name string) ledger.Row {
	return ledger.Row{Key: record.Key{Kind: record.Group, Source: "hr", ID: fmt.Sprintf("g%d", ordinal)}, Ordinal: ordinal,
		DN: fmt.Sprintf("CN=Group %d, OU=Groups", ordinal), Attrs: []record.Attr{{Name: "mail"}, {Name: groupName, Values: []string{name}}}}
}

// Everybody's groups are sorted by name, each name once, whatever else is not there any more.
func TestGroupNames(t *testing.T) {
	t.Parallel()
	gone := groupRowOf(5, "gone")
	gone.Absent = 1
	store := mirrored{groups: []ledger.Row{groupRowOf(1, "top"), groupRowOf(2, "b"), groupRowOf(3, "a"), groupRowOf(4, "b"), gone, groupRowOf(6, "")},
		edgeList: edgeList{edges: []ledger.Edge{{Group: 1, Member: 2, Nested: true}, {Group: 1, Member: 11}, {Group: 2, Member: 1, Nested: true}, {Group: 2, Member: 10},
			{Group: 2, Member: 12}, {Group: 3, Member: 10}, {Group: 4, Member: 10}, {Group: 5, Member: 10}, {Group: 6, Member: 12}}}}
	g, err := loadGraph(store, "hr")
	if err != nil {
		t.Fatal(err)
	}
	names, err := newGroupNames(store, "hr", g)
	if err != nil {
		t.Fatal(err)
	}
	for person, want := range map[uint32][]string{10: {"a", "b", "top"}, 11: {"b", "top"}, 12: {"b", "g6", "top"}, 9: {}, 13: {}, 1 << 30: {}} {
		if d := cmp.Diff(want, names.of(person)); d != "" {
			t.Errorf("person %d:\n%s", person, d)
		}
	}
}

// A group is meant by its key, by its DN however it is written, and by its name in any case.
func TestSelected(t *testing.T) {
	t.Parallel()
	gone := groupRowOf(5, "gone")
	gone.Absent = 1
	store := mirrored{groups: []ledger.Row{groupRowOf(1, "Zürich"), groupRowOf(2, "twice"), groupRowOf(3, "TWICE"), groupRowOf(4, "g1"), gone}}
	want := map[string][]uint32{"zürich": {1}, "ZÜRICH": {1}, "g2": {2}, "G2": nil, "twice": {2, 3}, "g1": {1, 4}, "cn=group 3,ou=groups": {3}, "CN=Group 3": nil,
		"gone": nil, "g5": nil, "": nil, "nobody": nil}
	var texts []string
	for text := range want {
		texts = append(texts, text)
	}
	got, err := selected(store, "hr", selectors(texts))
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range texts {
		if !slices.Equal(got[i], want[text]) {
			t.Errorf("%q means %v, want %v", text, got[i], want[text])
		}
	}
}
