package mapping

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"scimsync/sync/record"
	"scimsync/sync/resource"
)

func refSpec(expr string) Spec {
	s := spec(Line{Path: managerPath, Expr: expr, Place: "config.yaml:10:9"})
	s.References = true
	s.Schema.Names = []string{"mail", "number", "nothing", "proxies", "department"}
	return s
}

// A reference is the key of whom it means; where nobody is meant its path is left alone, and
// where there is no value it is cleared as any other.
func TestReferences(t *testing.T) {
	seven := record.Key{Kind: record.User, Source: "hr", ID: "7"}
	const path = managerPath + ".value"
	for _, c := range []struct {
		expr    string
		want    any
		asked   []Reference
		by      []string
		open    bool
		problem string
	}{
		{expr: `ref(number)`, want: resource.Ref{Key: seven}, asked: []Reference{{"", "7"}}, by: []string{""}},
		{expr: `ref(mail, "mail")`, asked: []Reference{{"mail", "jane@example.org"}}, by: []string{"mail"}, open: true},
		{expr: `ref(nothing)`, by: []string{""}},
		{expr: `default(ref(nothing, "mail"), ref(number))`, want: resource.Ref{Key: seven}, asked: []Reference{{"", "7"}}, by: []string{"", "mail"}},
		{expr: `department == "IT" ? ref("7") : nil`, want: resource.Ref{Key: seven}, asked: []Reference{{"", "7"}}, by: []string{""}},
		{expr: `ref(first(proxies))`, asked: []Reference{{"", "SMTP:a@example.org"}}, by: []string{""}, open: true},
	} {
		p := mustCompile(t, refSpec(c.expr))
		if d := cmp.Diff(c.by, p.References()); d != "" {
			t.Errorf("%s goes by%s", c.expr, d)
		}
		m := p.Mapper()
		var asked []Reference
		m.Resolve = func(r Reference) (record.Key, bool) {
			asked = append(asked, r)
			return seven, r.Value == "7"
		}
		for range 2 { // what was open for one person is not for the next
			asked = nil
			res := m.Map(person(jane()), noon)
			if res.Err != nil || res.Want.Get(path) != c.want || !slices.Equal(asked, c.asked) || (len(res.Open) == 1) != c.open {
				t.Errorf("%s: %v, asked %v, open %v, %v", c.expr, res.Want.Get(path), asked, res.Open, res.Err)
			}
			if slices.Contains(res.Want.Managed, path) == c.open {
				t.Errorf("%s: managed are %q", c.expr, res.Want.Managed)
			}
		}
	}
	if res := mustCompile(t, refSpec(`ref(number)`)).Mapper().Map(person(jane()), noon); len(res.Open) != 1 || res.Err != nil {
		t.Errorf("without anybody who knows: %+v", res)
	}
	for _, expr := range []string{`ref(proxies)`, `ref(values("proxies"))`, `ref(5)`} {
		if res := mustCompile(t, refSpec(expr)).Mapper().Map(person(jane()), noon); res.Err == nil {
			t.Errorf("%s gave %v", expr, res.Want.Get(path))
		}
	}
}

func TestReferencesThatCannotBe(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Spec)
		want   string
	}{
		"a text":          {func(s *Spec) { s.Lines[1].Expr = "number" }, "refers to another account; write ref(…), as in ref(manager_id); ids of accounts at the service are mapped to " + managerPath + ".value"},
		"another path":    {func(s *Spec) { s.Lines[1].Path = "title" }, "is no reference to an account; ref(…) stands where the id of another account is due, as at " + managerPath},
		"part of a list":  {func(s *Spec) { s.Lines[1].Path, s.Lines[1].Expr = "roles", `[{"value": ref(number)}]` }, "is no reference to an account"},
		"include":         {func(s *Spec) { s.Include.Expr = `ref(number) != nil` }, "include: is no reference"},
		"active":          {func(s *Spec) { s.Lines[1].Path, s.Lines[1].Expr = "active", `ref(number) != nil` }, "active: is no reference"},
		"active_from":     {func(s *Spec) { s.From = &Instant{Expr: `ref(number)`, Layout: "2006-01-02", Place: "x"} }, "active_from: is no reference"},
		"once":            {func(s *Spec) { s.Lines[1].When = resource.OnlyCreate }, "refers to an account and is always kept up to date; drop its `when`"},
		"an attribute":    {func(s *Spec) { s.Lines[1].Expr = `ref(number, "mial")` }, "mial is not among the attributes of source hr; did you mean mail?"},
		"no name":         {func(s *Spec) { s.Lines[1].Expr = `ref(number, mail)` }, "ref(…) takes a value, and the attribute"},
		"too many":        {func(s *Spec) { s.Lines[1].Expr = `ref(number, "mail", "x")` }, "ref(…) takes a value, and the attribute"},
		"a secret":        {func(s *Spec) { s.Lines[1].Expr = `ref(number, "userPassword")` }, "is a credential"},
		"nobody resolves": {func(s *Spec) { s.References = false }, "there is no function ref"},
	} {
		s := refSpec(`ref(number)`)
		c.change(&s)
		_, problems := Compile(s)
		var all []string
		for _, p := range problems {
			all = append(all, p.String())
		}
		if text := strings.Join(all, "\n"); len(problems) != 1 || !strings.Contains(text, c.want) {
			t.Errorf("%s: %q, want %q", name, text, c.want)
		}
	}
	s := refSpec(`number`) // whoever has ids of the service says so
	s.Lines[1].Path += ".value"
	if res := mustCompile(t, s).Mapper().Map(person(jane()), noon); res.Want.Get(managerPath+".value") != "7" {
		t.Errorf("an id: %+v", res)
	}
}
