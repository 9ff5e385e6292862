package plan

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"scimsync/sync/ledger"
	"scimsync/sync/record"
)

func member(action Action, group string, of int, id, name string) *Change {
	return &Change{Action: action, Kind: KindMember, Key: record.Key{Kind: record.Group, Source: "hr", ID: "g-" + group}, Name: group, RemoteID: "r-" + group,
		Cause:  Cause{By: CauseSource, What: "in the group in hr"},
		Member: &Member{Key: record.Key{Kind: record.User, Source: "hr", ID: id}, Name: name, Of: of}}
}

func membersPlan() *Plan {
	changes := []*Change{member(RemoveMember, "app-sales", 214, "12", "Lee Ray")}
	along := member(AddMember, "app-sales", 213, "10", "Dana Lang")
	along.Member.Along = true
	changes = append(changes, along, &Change{Action: Create, Kind: "group", Key: record.Key{Kind: record.Group, Source: "hr", ID: "g2"}, Name: "app-<wiki>",
		After: map[string]any{"displayName": "app-<wiki>"}, Cause: Cause{By: CauseSource, What: "new in hr"}})
	for i := range 7 {
		changes = append(changes, member(AddMember, "app-<wiki>", 0, fmt.Sprint(20+i), fmt.Sprint("P", i)))
	}
	nested := member(AddMember, "app-<wiki>", 0, "g9", "admins")
	nested.Member.Key.Kind, nested.Member.Edge.Nested = record.Group, true
	nested.Held = true
	return made(append(changes, nested)...)
}

func TestMembersAsText(t *testing.T) {
	var b bytes.Buffer
	if err := membersPlan().WriteText(&b, Style{}); err != nil {
		t.Fatal(err)
	}
	_, got, _ := strings.Cut(b.String(), "\n")
	got, _, _ = strings.Cut(got, "hold ")
	want := `
Create groups: 1
+ create     group app-<wiki> (g2): new in hr
      displayName  app-<wiki>

Members: 9 members added, 1 member removed
~ app-sales: +1 −1 (of 214): in the group in hr
      + Dana Lang (10)
      − Lee Ray (12)
~ [held] app-<wiki>: +8: in the group in hr
      + P0 (20)
      + P1 (21)
      + P2 (22)
      + P3 (23)
      + P4 (24)
      + and 3 more

1 member removed, 1 group created, 9 members added; 11 calls.

Held until a human says yes: 1 of 11 changes (`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s\n%s", diff, got)
	}
}

func TestMembersAsHTML(t *testing.T) {
	var b bytes.Buffer
	if err := WriteHTML(&b, []*Plan{membersPlan()}, ""); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<h3>Members: 9 members added, 1 member removed</h3>", `<td>app-sales: &#43;1 −1 (of 214)</td>`, `<div class="gone">Lee Ray (12)</div>`,
		`app-&lt;wiki&gt;: &#43;8 <span class="held">held</span>`, `<div class="come">group admins (g9)</div>`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not on the page:\n%s", want, b.String())
		}
	}
}

// A saved plan with members is read back, and is proved by its digests.
func TestMembersAsJSON(t *testing.T) {
	var b bytes.Buffer
	if err := membersPlan().WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	if want := `"key":{"group":"g-app-sales","member":"12"}`; !strings.Contains(b.String(), want) {
		t.Errorf("no %s in\n%s", want, b.String())
	}
	saved, err := ReadSaved(bytes.NewReader(b.Bytes()), "")
	if err != nil || len(saved) != 1 || saved[0].Changes != 11 {
		t.Errorf("%+v %v", saved, err)
	}
	other := strings.Replace(b.String(), `"member":"12"`, `"member":"13"`, 1)
	if _, err := ReadSaved(strings.NewReader(other), ""); err == nil {
		t.Error("a plan with another member is taken for the same")
	}
}

func TestMembersLimit(t *testing.T) {
	percent := 30.0
	g := Guard{Rules: map[string]Rule{LimitMemberRemove: {Percent: &percent, AtLeast: 10}}}
	for _, c := range []struct {
		losses []Loss
		limits string
	}{
		{[]Loss{{"", 10, 20}, {"a", 10, 20}}, "[]"},
		{[]Loss{{"", 11, 20000}, {"a", 11, 20}}, "[{member_remove.percent 11 20 30% a}]"},
		{[]Loss{{"", 400, 1000}, {"a", 6, 10}, {"b", 200, 800}}, "[{member_remove.percent 400 1000 30% }]"},
	} {
		r := g.Check(map[string]int{LimitMemberRemove: c.losses[0].N}, 100, ledger.ContactMade)
		if g.CheckMembers(&r, c.losses); fmt.Sprint(r.Limits) != c.limits {
			t.Errorf("%v: %v", c.losses, r.Limits)
		}
		held := len(r.Limits) > 0
		for _, change := range []*Change{{Action: Deactivate}, {Action: Delete}, member(RemoveMember, "a", 1, "1", "x")} {
			if r.Holds(change) != held {
				t.Errorf("%v: a %s is held: %t", c.losses, change.Action, !held)
			}
		}
		if r.Holds(member(AddMember, "a", 1, "1", "x")) || r.Holds(&Change{Action: Create}) {
			t.Error("what takes nothing away is held")
		}
	}
	if text := LimitText(ledger.Limit{Limit: "member_remove.percent", N: 11, Of: 20, Max: "30%", Group: "app"}); text !=
		"member_remove.percent: 11 members taken out of group app of 20 memberships; the limit is 30%" {
		t.Error(text)
	}
}
