package mapping

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"scimsync/sync/record"
)

func inGroups(names ...string) *record.Record {
	r := person(jane())
	r.Groups = append([]string{}, names...)
	return r
}

// groups are all groups of the person, for every use of a list.
func TestGroupsOfAPerson(t *testing.T) {
	for _, c := range []struct {
		text string
		in   []string
		want any
	}{
		{`join(groups, "|")`, []string{"app-a", "app-b"}, "app-a|app-b"},
		{`join(groups, "|")`, nil, nil},
		{`first(groups)`, []string{"app-a", "app-b"}, "app-a"},
		{`"app-b" in groups ? "yes" : "no"`, []string{"app-a", "app-b"}, "yes"},
		{`"app-b" in groups ? "yes" : "no"`, nil, "no"},
		{`any(groups, # startsWith "app-") ? "yes" : "no"`, []string{"x", "app-b"}, "yes"},
		{`join(filter(groups, # != "x"))`, []string{"app-b", "x"}, "app-b"},
		{`let groups = "mine"; groups`, []string{"app-b"}, "mine"},
		{`attr("groups")`, []string{"app-b"}, "an attribute"},
	} {
		s := spec(Line{Path: "title", Expr: c.text, Place: "config.yaml:10:9"})
		s.Groups = Groups
		r := inGroups(c.in...)
		r.Attrs = append(r.Attrs, record.Attr{Name: "groups", Values: []string{"an attribute"}})
		p := mustCompile(t, s)
		res := p.Mapper().Map(r, noon)
		if d := cmp.Diff(c.want, res.Want.Get("title")); d != "" || res.Err != nil {
			t.Errorf("%s in %q: %v%s", c.text, c.in, res.Err, d)
		}
		if asks := !strings.Contains(c.text, "let") && !strings.Contains(c.text, "attr"); p.Groups() != asks {
			t.Errorf("%s: asks for groups: %v", c.text, p.Groups())
		}
	}
}

func TestIncludeByGroups(t *testing.T) {
	s := spec()
	s.Groups, s.Include.Expr = Groups, `"app-x" in groups and department != "HR"`
	m := mustCompile(t, s).Mapper()
	for _, c := range []struct {
		r    *record.Record
		want record.Tri
	}{{inGroups("app-x"), record.True}, {inGroups("app-y"), record.False}, {inGroups(), record.False}} {
		if res := m.Map(c.r, noon); res.In != c.want || res.Err != nil {
			t.Errorf("%q: %v %v", c.r.Groups, res.In, res.Err)
		}
	}
	// A record that does not say is no record of somebody without groups.
	if res := m.Map(person(jane()), noon); res.In != record.Unknown || res.Err == nil || !strings.Contains(res.Err.Error(), "not known which groups") {
		t.Errorf("%v %v", res.In, res.Err)
	}
}

func TestGroupsThatAreNotThere(t *testing.T) {
	for _, c := range []struct {
		text   string
		names  []string
		groups Asking
		want   string
	}{
		{`join(groups)`, nil, NoGroups, "source hr has no groups; tell it where they are: add groups: under it"},
		{`groups`, []string{"groups", "mail"}, NoGroups, `source hr has no groups; its attribute of that name is attr("groups")`},
		{`attr("groups")`, []string{"groups", "mail"}, NoGroups, ""},
		{`join(groups)`, []string{"mail"}, Groups, ""},
		{`join(groups)`, []string{"mail", "name"}, OfGroups, "groups are what people are in; this is a group itself"},
	} {
		s := spec(Line{Path: "title", Expr: c.text, Place: "config.yaml:10:9"})
		s.Groups, s.Schema.Names = c.groups, c.names
		_, problems := Compile(s)
		got := ""
		if len(problems) > 0 {
			got = problems[0].String()
		}
		if !strings.HasSuffix(got, c.want) || (c.want == "") != (got == "") {
			t.Errorf("%s: %q, want %q", c.text, got, c.want)
		}
	}
	s := spec()
	s.Groups, s.Include.Expr = Groups, "groups"
	if _, problems := Compile(s); len(problems) != 1 || !strings.Contains(problems[0].Message, "a list") {
		t.Errorf("%v", problems)
	}
}
