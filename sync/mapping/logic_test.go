package mapping

import (
	"fmt"
	"testing"
	"time"

	"scimsync/sync/record"
)

// Three-valued logic: what is compared with nothing is nothing.
func TestThreeValuedLogic(t *testing.T) {
	const yes, no, unknown = record.True, record.False, record.Unknown
	for _, c := range []struct {
		text string
		want record.Tri
	}{
		{`department == "IT"`, yes},
		{`department != "IT"`, no},
		{`nothing == "IT"`, unknown},
		{`nothing != "IT"`, unknown},
		{`"IT" == nothing`, unknown},
		{`nothing == department`, unknown},
		{`nothing < "a"`, unknown},
		{`nothing > "a"`, unknown},
		{`nothing <= "a"`, unknown},
		{`nothing >= "a"`, unknown},
		{`nothing in ["a", "b"]`, unknown},
		{`department in ["IT", "HR"]`, yes},
		{`department not in ["IT", "HR"]`, no},
		{`"smtp:b@example.org" in values("proxies")`, yes},
		{`"x" in values("nothing")`, no},
		{`nothing contains "a"`, unknown},
		{`nothing startsWith "a"`, unknown},
		{`nothing endsWith "a"`, unknown},
		{`nothing matches "a"`, unknown},
		{`department matches "^I.$"`, yes},
		{`mail contains "@"`, yes},
		{`nothing == nil`, yes},
		{`nil == nothing`, yes},
		{`nothing != nil`, no},
		{`department == nil`, no},
		{`lower(nothing) == "a"`, unknown},
		{`lower(department) == "it"`, yes},
		{`len(nothing) == 0`, unknown},
		{`not (nothing == "a")`, unknown},
		{`not (department == "IT")`, no},
		{`!(department == "HR")`, yes},
		{`nothing not in ["a"]`, unknown},
		{`nothing == "a" and true`, unknown},
		{`nothing == "a" and false`, no},
		{`false and nothing == "a"`, no},
		{`nothing == "a" && department == "HR"`, no},
		{`nothing == "a" or true`, yes},
		{`true or nothing == "a"`, yes},
		{`nothing == "a" or false`, unknown},
		{`nothing == "a" || department == "IT"`, yes},
		{`nothing == nil or lower(nothing) == "a"`, yes},
		{`nothing != nil and len(nothing) > 3`, no},
		{`default(nothing, "a") == "a"`, yes},
		{`(nothing ?? "a") == "a"`, yes},
		{`nothing == "a" ? true : false`, unknown},
		{`department == "IT" ? nothing == "a" : true`, unknown},
		{`any(values("proxies"), # startsWith "SMTP:")`, yes},
		{`account_enabled`, yes},
		{`account_enabled and department == "IT"`, yes},
		{`let d = department; d == "IT" and d != "HR"`, yes},
		{`int(number) > 6`, yes},
		{`int(nothing) > 6`, unknown},
		{`nil`, unknown},
	} {
		p := mustCompile(t, spec(Line{Path: "active", Expr: c.text, Place: "c:1:1"}))
		if res := p.Mapper().Map(person(jane()), noon); res.Err != nil || res.Active != c.want {
			t.Errorf("active: %s: %d, %v; want %d", c.text, res.Active, res.Err, c.want)
		}
		s := spec()
		s.Include = Line{Expr: c.text, Place: "c:1:1"}
		p = mustCompile(t, s)
		if res := p.Mapper().Map(person(jane()), noon); res.In != c.want || (res.Err != nil) != (c.want == unknown) {
			t.Errorf("include: %s: %d, %v; want %d", c.text, res.In, res.Err, c.want)
		}
	}
}

func TestIncludeThatCannotTellParks(t *testing.T) {
	for text, want := range map[string]string{
		`nothing == "a"`:                     `include (c:1:1): cannot tell: nothing has no value; default(nothing, …) gives it one`,
		`nothing == "a" or status == "b"`:    `include (c:1:1): cannot tell: nothing has no value; default(nothing, …) gives it one`,
		`default(nothing, "x")`:              `include (c:1:1): is a text; it has to be true or false`,
		`proxies == "a"`:                     `include (c:1:1): proxies has 2 values; use values(…), first(…) or join(…)`,
		`nil`:                                `include (c:1:1): cannot tell: it compares something that has no value`,
		`default(department, "x") and 1 < 2`: `include (c:1:1): a value is of the wrong kind (1:26 of the expression)`,
	} {
		s := spec()
		s.Include = Line{Expr: text, Place: "c:1:1"}
		res := mustCompile(t, s).Mapper().Map(person(jane()), noon)
		if res.Err == nil || res.Err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", text, res.Err, want)
		}
		if res.In != record.Unknown || len(res.Want.Attrs) > 0 {
			t.Errorf("%s: in %d", text, res.In)
		}
	}
}

// account_enabled is the source's rule and its expiry; unknown stays unknown.
func TestAccountEnabled(t *testing.T) {
	past, future := noon.Add(-time.Second), noon.Add(time.Hour)
	for _, c := range []struct {
		enabled record.Tri
		expires time.Time
		want    record.Tri
		due     time.Time
	}{
		{record.True, time.Time{}, record.True, time.Time{}},
		{record.True, future, record.True, future},
		{record.True, past, record.False, time.Time{}},
		{record.True, noon, record.False, time.Time{}},
		{record.False, future, record.False, time.Time{}},
		{record.Unknown, time.Time{}, record.Unknown, time.Time{}},
		{record.Unknown, future, record.Unknown, future},
		{record.Unknown, past, record.False, time.Time{}},
	} {
		for _, lines := range [][]Line{nil, {{Path: "active", Expr: "account_enabled"}}} {
			r := person(jane())
			r.Enabled, r.Expires = c.enabled, c.expires
			res := mustCompile(t, spec(lines...)).Mapper().Map(r, noon)
			if res.Err != nil || res.Active != c.want || !res.Due.Equal(c.due) {
				t.Errorf("%+v with %v: active %d, due %v, %v", c, lines, res.Active, res.Due, res.Err)
			}
		}
		r := person(jane())
		r.Enabled, r.Expires = c.enabled, c.expires
		res := mustCompile(t, spec(Line{Path: "active", Expr: `status == "active"`})).Mapper().Map(r, noon)
		if res.Active != record.True || !res.Due.IsZero() {
			t.Errorf("a line of its own looks at the expiry: %+v", res)
		}
	}
}

func TestInstants(t *testing.T) {
	zurich, err := time.LoadLocation("Europe/Zurich")
	if err != nil {
		t.Fatal(err)
	}
	saoPaulo, err := time.LoadLocation("America/Sao_Paulo") // clocks changed at midnight there
	if err != nil {
		t.Fatal(err)
	}
	day := func(y int, m time.Month, d, h int) time.Time { return time.Date(y, m, d, h, 0, 0, 0, time.UTC) }
	from := &Instant{Expr: "start", Layout: "2006-01-02", Zone: zurich, Early: 7 * 24 * time.Hour}
	inactive := *from
	inactive.Inactive = true
	until := &Instant{Expr: "end", Layout: "2006-01-02", Zone: zurich, LastDayIncluded: true, None: []string{"9999-12-31"}}
	excluded := *until
	excluded.LastDayIncluded = false
	hours := &Instant{Expr: "end", Layout: "2006-01-02 15:04", Zone: zurich, LastDayIncluded: true}
	midnight := *until
	midnight.Zone = saoPaulo
	fileTimes := &Instant{Expr: "file_time(end)", Layout: "2006-01-02", LastDayIncluded: true}
	for i, c := range []struct {
		from, until *Instant
		start, end  string
		at          time.Time
		in, active  record.Tri
		due         time.Time
	}{
		{from, nil, "", "", noon, record.True, record.True, time.Time{}},
		{from, nil, "2026-03-20", "", day(2026, 3, 10, 12), record.False, record.Unknown, day(2026, 3, 12, 23)},
		{from, nil, "2026-03-20", "", day(2026, 3, 12, 23), record.True, record.True, time.Time{}},
		{&inactive, nil, "2026-03-20", "", day(2026, 3, 10, 12), record.True, record.False, day(2026, 3, 12, 23)},
		{nil, until, "", "", noon, record.True, record.True, time.Time{}},
		{nil, until, "", "9999-12-31", noon, record.True, record.True, time.Time{}},
		{nil, until, "", "2026-03-10", day(2026, 3, 10, 22), record.True, record.True, day(2026, 3, 10, 23)},
		{nil, until, "", "2026-03-10", day(2026, 3, 10, 23), record.True, record.False, time.Time{}},
		{nil, &excluded, "", "2026-03-10", day(2026, 3, 9, 22), record.True, record.True, day(2026, 3, 9, 23)},
		{nil, &excluded, "", "2026-03-10", day(2026, 3, 9, 23), record.True, record.False, time.Time{}},
		{nil, until, "", "2026-03-29", day(2026, 3, 29, 21), record.True, record.True, day(2026, 3, 29, 22)}, // summer time begins
		{nil, &midnight, "", "2018-11-03", day(2018, 11, 4, 2), record.True, record.True, day(2018, 11, 4, 3)},
		{nil, hours, "", "2026-03-10 13:00", day(2026, 3, 10, 11), record.True, record.True, day(2026, 3, 10, 12)},
		{nil, hours, "", "2026-03-10 13:00", day(2026, 3, 10, 12), record.True, record.False, time.Time{}},
		{nil, fileTimes, "", "134176608000000000", day(2026, 3, 10, 0), record.True, record.True, day(2026, 3, 11, 0)},
		{nil, fileTimes, "", "0", noon, record.True, record.True, time.Time{}},
		{from, until, "2026-03-20", "2026-02-01", day(2026, 3, 1, 0), record.False, record.Unknown, day(2026, 3, 12, 23)},
	} {
		s := spec()
		s.From, s.Until = c.from, c.until
		values := jane()
		values["start"], values["end"] = []string{c.start}, []string{c.end}
		res := mustCompile(t, s).Mapper().Map(person(values), c.at)
		if res.Err != nil || res.In != c.in || res.Active != c.active || !res.Due.Equal(c.due) {
			t.Errorf("case %d: in %d, active %d, due %v, %v; want %d, %d, %v", i, res.In, res.Active, res.Due, res.Err, c.in, c.active, c.due)
		}
	}
}

// Who is not active only because the day has not come is early, if the config wants an
// inactive account for them.
func TestEarly(t *testing.T) {
	for _, c := range []struct {
		start, end, status       string
		absent, activeOnly, want bool
	}{
		{start: "2026-03-20", want: true},
		{start: "2026-03-20", end: "2026-04-30", want: true},
		{start: "2026-03-10"},
		{start: "2026-03-20", absent: true},
		{start: "2026-03-20", activeOnly: true},
		{start: "2026-03-20", end: "2026-03-01"},
		{start: "2026-03-20", status: "left"},
	} {
		s := spec(Line{Path: "active", Expr: `default(status, "active") == "active"`})
		s.From = &Instant{Expr: "start", Layout: time.DateOnly, Inactive: !c.absent, Place: "config.yaml:9:9"}
		s.Shape.ActiveOnly = c.activeOnly
		s.Until = &Instant{Expr: "end", Layout: time.DateOnly}
		values := jane()
		values["start"], values["end"], values["status"] = []string{c.start}, []string{c.end}, []string{c.status}
		p := mustCompile(t, s)
		if res := p.Mapper().Map(person(values), noon); res.Err != nil || res.Early != c.want {
			t.Errorf("%+v: early %t, active %d, %v", c, res.Early, res.Active, res.Err)
		}
		if c.activeOnly && fmt.Sprint(p.Warnings()) != "[config.yaml:9:9: active_from: the service makes no inactive accounts; who is new gets one on the day, as with before: absent]" {
			t.Errorf("warnings: %v", p.Warnings())
		}
	}
}

func TestADateThatIsNone(t *testing.T) {
	for _, what := range []string{"active_from", "active_until"} {
		s := spec()
		i := &Instant{Expr: "start", Layout: "2006-01-02", Place: "config.yaml:7:7"}
		if s.From = i; what == "active_until" {
			s.From, s.Until = nil, i
		}
		values := jane()
		values["start"] = []string{"31.12.2025"}
		res := mustCompile(t, s).Mapper().Map(person(values), noon)
		want := what + " (config.yaml:7:7): is not a date in the format 2006-01-02"
		if res.Err == nil || res.Err.Error() != want || res.Active != record.Unknown {
			t.Errorf("got %v, active %d; want %s", res.Err, res.Active, want)
		}
		r := person(values)
		r.Enabled = record.False
		res = mustCompile(t, s).Mapper().Map(r, noon)
		if res.Err == nil || res.Err.Error() != want || res.In != record.True || res.Active != record.False {
			t.Errorf("a disabled account with a bad date: %v, in %d, active %d", res.Err, res.In, res.Active)
		}
		i.Expr = "1 + 1"
		res = mustCompile(t, s).Mapper().Map(person(values), noon)
		if want := what + " (config.yaml:7:7): is a number; it has to be a date"; fmt.Sprint(res.Err) != want {
			t.Errorf("got %v; want %s", res.Err, want)
		}
	}
}

// Due is the earliest of several moments, and only of those that count.
func TestDueIsTheEarliest(t *testing.T) {
	s := spec()
	s.Until = &Instant{Expr: "end", Layout: "2006-01-02"}
	values := jane()
	values["end"] = []string{"2026-03-20"}
	r := person(values)
	r.Expires = noon.Add(24 * time.Hour)
	res := mustCompile(t, s).Mapper().Map(r, noon)
	if !res.Due.Equal(r.Expires) {
		t.Errorf("due %v", res.Due)
	}
	r.Expires = noon.Add(240 * 24 * time.Hour)
	res = mustCompile(t, s).Mapper().Map(r, noon)
	if want := time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC); !res.Due.Equal(want) {
		t.Errorf("due %v", res.Due)
	}
	s.Include = Line{Expr: "not account_enabled"}
	res = mustCompile(t, s).Mapper().Map(r, noon)
	if res.In != record.False || !res.Due.Equal(r.Expires) {
		t.Errorf("in %d, due %v", res.In, res.Due)
	}
}
