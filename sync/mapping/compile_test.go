package mapping

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"scimsync/sync/record"
	"scimsync/sync/resource"
)

func schema() record.Schema {
	return record.Schema{
		Names:    []string{"departement", "email", "employee_id", "given_name", "userpassword", "mail_1", "2nd_mail", "matches", "type", "Mail-1", "Mail 1"},
		Collides: map[string][]string{"mail_1": {"Mail 1", "Mail-1"}},
		Spelling: map[string]string{"employee_id": "Employee ID", "given_name": "Given name", "email": "email", "type": "Type"},
	}
}

func TestProblems(t *testing.T) {
	const gone = " is not among the attributes of source hr"
	const lost = gone + "; it may have been renamed there; scimsync read hr --raw shows what there is"
	for _, c := range []struct {
		path, text string
		when       resource.When
		want       []string
	}{
		{"title", "department", 0, []string{"title: department" + gone + "; did you mean departement?"}},
		{"title", `attr("Department")`, 0, []string{"title: department" + gone + "; did you mean departement?"}},
		{"title", `values("zzz")`, 0, []string{"title: zzz" + lost}},
		{"title", `first(zzz) + yyy`, 0, []string{"title: zzz" + lost, "title: yyy" + lost}},
		{"title", `groups`, 0, []string{"title: source hr has no groups; tell it where they are: add groups: under it"}},
		{"title", `mail_1`, 0, []string{`title: mail_1 stands for "Mail 1" and "Mail-1"; write attr("Mail 1") for the first`}},
		{"title", `attr("mail_1")`, 0, []string{`title: mail_1 stands for "Mail 1" and "Mail-1"; write attr("Mail 1") for the first`}},
		{"title", `2nd_mail`, 0, []string{`title: bad number syntax: "2n" (1:2 of the expression); the attribute 2nd_mail is reached with attr("2nd_mail")`}},
		{"title", `matches`, 0, []string{`title: unexpected token Operator("matches") (1:1 of the expression); the attribute matches is reached with attr("matches")`}},
		{"title", `attr(email)`, 0, []string{`title: attr(…) takes one name in quotes, as in attr("Employee ID")`}},
		{"title", `attr("a" + "b")`, 0, []string{`title: attr(…) takes one name in quotes, as in attr("Employee ID")`}},
		{"title", `values(1)`, 0, []string{`title: values(…) takes one attribute, as in values("mail")`}},
		{"title", `userpassword`, 0, []string{"title: userpassword is a credential; credentials are never read or sent"}},
		{"title", `attr("userPassword")`, 0, []string{"title: userpassword is a credential; credentials are never read or sent"}},
		{"title", `ref(email)`, 0, []string{"title: there is no function ref"}},
		{"title", `uper(email)`, 0, []string{"title: there is no function uper; did you mean upper?"}},
		{"title", `now()`, 0, []string{"title: there is no function now; expressions have no clock: use active_from and active_until"}},
		{"title", `date("2026-01-01")`, 0, []string{"title: there is no function date; expressions have no clock: use active_from and active_until"}},
		{"title", `keys({"a": 1})[0]`, 0, []string{"title: there is no function keys"}},
		{"title", `$env["email"]`, 0, []string{`title: $env is not available; write attr("…")`}},
		{"title", `email.upper()`, 0, []string{"title: only the functions of the language can be called"}},
		{"title", `lower()`, 0, []string{"title: not enough arguments to call lower (1:1 of the expression)"}},
		{"title", `lower(email, email)`, 0, []string{"title: too many arguments to call lower (1:1 of the expression)"}},
		{"title", `"a" + 1`, 0, []string{"title: invalid operation: + (mismatched types string and int) (1:5 of the expression)"}},
		{"title", `given_name +`, 0, []string{"title: unexpected token EOF (1:12 of the expression)"}},
		{"title", ` `, 0, []string{"title: the expression is empty"}},
		{"active", `email`, 0, []string{`active: is a text; it has to be true or false; compare it, as in status == "active"`}},
		{"active", `"true"`, 0, []string{`active: is a text; it has to be true or false; compare it, as in status == "active"`}},
		{"active", `1 + 1`, 0, []string{`active: is a number; it has to be true or false; compare it, as in status == "active"`}},
		{"Active", `["a"]`, 0, []string{`active: is a list; it has to be true or false; compare it, as in status == "active"`}},
		{"active", `true`, resource.OnlyCreate, []string{"active: is always kept up to date; drop its `when`"}},
		{"externalId", `email`, resource.OnlyEmpty, []string{"externalId: tells who the account belongs to and is always kept up to date; drop its `when`"}},
		{"userName", `email`, 0, []string{"userName: is mapped twice"}},
		{"username", `email`, 0, []string{"username: is mapped twice"}},
		{"titel", `emial`, 0, []string{"titel: the target has no attribute titel; did you mean title?", "titel: emial" + gone + "; did you mean email?"}},
		{"password", `email`, 0, []string{"password: password is a credential; credentials are never sent"}},
		{"urn:example:X:userPassword", `email`, 0, []string{"urn:example:X:userPassword: userPassword is a credential; credentials are never sent"}},
		{"emails.value", `email`, 0, []string{`emails.value: emails.value could be any element; write emails[type eq "work"].value, or map emails to a list`}},
		{`emails[type eq "work"].display`, `email`, 0, []string{`emails[type eq "work"].display: is part of an element that gets no value; map emails[type eq "work"].value, too`}},
		{"emails", `[email]`, 0, nil},
		{"title", `attr("Employee ID") + attr("employee_id") + type + attr("2nd_mail") + attr("matches") + attr("Mail 1")`, 0, nil},
		{"title", `dn`, 0, nil},
	} {
		s := spec(Line{Path: c.path, Expr: c.text, When: c.when, Place: "p"})
		s.Lines[0].Expr = "email"
		s.Schema = schema()
		p, problems := Compile(s)
		var got []string
		for _, problem := range problems {
			got = append(got, strings.TrimPrefix(problem.String(), "p: "))
		}
		if !slices.Equal(got, c.want) || (p == nil) != (len(c.want) > 0) {
			t.Errorf("%s: %s:\n got %q\nwant %q", c.path, c.text, got, c.want)
		}
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	s := Spec{
		Shape: resource.RFC7643(), Source: "hr", Read: "scimsync read hr --raw", Schema: schema(),
		Include: Line{Expr: "a == 1", Place: "f:1:1"},
		From:    &Instant{Expr: "b", Place: "f:2:1"},
		Until:   &Instant{Expr: "c +", Place: "f:3:1"},
		Lines: []Line{
			{Path: `emails[type eq "work"].value`, Expr: "email", Place: "f:4:1"},
			{Path: "emails", Expr: "[email]", Place: "f:5:1"},
			{Path: `roles[type eq "a"].value`, Expr: "email", Place: "f:6:1"},
			{Path: `roles[primary eq true].value`, Expr: "email", Place: "f:7:1"},
			{Path: "active", Expr: "true", Place: "f:8:1"},
			{Path: "active", Expr: "false", Place: "f:9:1"},
		},
	}
	_, problems := Compile(s)
	var got []string
	for _, p := range problems {
		got = append(got, p.String())
	}
	want := []string{
		"f:1:1: include: a is not among the attributes of source hr; it may have been renamed there; scimsync read hr --raw shows what there is",
		"f:2:1: active_from: b is not among the attributes of source hr; it may have been renamed there; scimsync read hr --raw shows what there is",
		"f:3:1: active_until: unexpected token EOF (1:3 of the expression)",
		"f:5:1: emails: emails is mapped as a whole and by element; choose one",
		`f:7:1: roles[primary eq true].value: may be the same element as roles[type eq "a"]`,
		"f:9:1: active: is mapped twice",
		"f:1:1: userName: is not mapped; the target makes no account without it; add a line such as userName: email",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Words of the language that name functions, not operators, are fine as variables.
func TestVariablesMayHaveNamesOfFunctions(t *testing.T) {
	r := person(one(map[string]string{"mail": "m", "type": "T", "count": "C", "lower": "L", "dn": "column", "account_enabled": "no", "x": ""}))
	r.DN = "cn=entry"
	for text, want := range map[string]string{
		`type + count + lower + lower(lower)`:      "TCLl",
		`dn + attr("dn")`:                          "cn=entrycolumn",
		`string(account_enabled)`:                  "true",
		`attr("account_enabled")`:                  "no",
		`let x = type; x`:                          "T",
		`filter(values(type), # == type) | join()`: "T",
	} {
		p := mustCompile(t, spec(Line{Path: "title", Expr: text}))
		if res := p.Mapper().Map(r, noon); res.Err != nil || res.Want.Text("title") != want {
			t.Errorf("%s: %q, %v", text, res.Want.Text("title"), res.Err)
		}
	}
}

func TestNames(t *testing.T) {
	s := spec(Line{Path: "title", Expr: `attr("Mail-1") + attr("Employee ID") + join(values("2nd_mail"))`}, Line{Path: "active", Expr: "type == email"})
	s.Lines[0].Expr = "email"
	s.Schema = schema()
	s.Include.Expr = "given_name != nil"
	s.Schema.Names = append(s.Schema.Names, "start", "end")
	s.From = &Instant{Expr: "start", Layout: "2006-01-02"}
	s.Until = &Instant{Expr: "end", Layout: "2006-01-02"}
	want := []string{"2nd_mail", "Mail-1", "email", "employee_id", "end", "given_name", "start", "type"}
	if got := mustCompile(t, s).Names(); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestVersionChangesWithTheResult(t *testing.T) {
	base := func() Spec {
		s := spec(Line{Path: "title", Expr: "department"}, Line{Path: "roles", Expr: "[department]"}, Line{Path: "active", Expr: "true"})
		s.From = &Instant{Expr: "start", Layout: "2006-01-02", None: []string{"a", "b"}}
		return s
	}
	version := func(change func(*Spec)) string {
		s := base()
		change(&s)
		return mustCompile(t, s).Version()
	}
	first := version(func(*Spec) {})
	if len(first) != 16 {
		t.Errorf("version %q", first)
	}
	for i, same := range []func(*Spec){
		func(s *Spec) { s.Lines[1].Place = "elsewhere" },
		func(s *Spec) { slices.Reverse(s.Lines) },
		func(s *Spec) { s.Lines[1].Path = "TITLE" },
		func(s *Spec) { s.From.None = []string{"b", "a"} },
		func(s *Spec) { s.From.Zone = time.UTC },
		func(s *Spec) { s.Source = "corp" },
	} {
		if version(same) != first {
			t.Errorf("%d: another version for the same results", i)
		}
	}
	seen := map[string]int{first: -1}
	for i, other := range []func(*Spec){
		func(s *Spec) { s.Include.Expr = "true" },
		func(s *Spec) { s.Lines[1].Expr = "department + mail" },
		func(s *Spec) { s.Lines[1].Path = "nickName" },
		func(s *Spec) { s.Lines[1].When = resource.OnlyCreate },
		func(s *Spec) { s.Lines[3].Expr = "false" },
		func(s *Spec) { s.Lines = s.Lines[:3] },
		func(s *Spec) { s.From = nil },
		func(s *Spec) { s.From, s.Until = nil, s.From },
		func(s *Spec) { s.From.Expr = "mail" },
		func(s *Spec) { s.From.Layout = "02.01.2006" },
		func(s *Spec) { s.From.Zone = time.FixedZone("X", 3600) },
		func(s *Spec) { s.From.Early = time.Hour },
		func(s *Spec) { s.From.Inactive = true },
		func(s *Spec) { s.From.None = []string{"a"} },
		func(s *Spec) { s.Shape.Own = map[string]bool{"roles": true} },
		func(s *Spec) { s.Shape.Attrs[len(s.Shape.Attrs)-8].Subs[0].CaseExact = false },
	} {
		v := version(other)
		if before, dup := seen[v]; dup {
			t.Errorf("%d has the version of %d", i, before)
		}
		seen[v] = i
	}
}
