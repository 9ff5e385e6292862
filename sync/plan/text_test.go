package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"

	"scimsync/sync/ledger"
	"scimsync/sync/resource"
)

func text(t *testing.T, p *Plan, style Style) string {
	t.Helper()
	var buf bytes.Buffer
	if err := p.WriteText(&buf, style); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func TestText(t *testing.T) {
	firstRun := made(many(3)...)
	firstRun.Summary[Adopt] = 497
	firstRun.Held, firstRun.HeldDigest, firstRun.Unclaimed = 500, "3fa1b2c3d4e5f607", 12
	firstRun.Conflicts = []Problem{{Key: "1", Why: "x"}, {Key: "2", Why: "y"}, {Key: "3", Why: "z"}}
	firstRun.Holds = []ledger.Limit{{Limit: LimitFirstRun, N: 500, Max: "0"}}
	folded := made(many(10000)...)
	folded.Estimate = 16*time.Hour + 40*time.Minute
	for file, c := range map[string]struct {
		plan  *Plan
		style Style
	}{
		"plain.txt":     {sample(), Style{}},
		"color.txt":     {sample(), Style{Color: true, Width: 80}},
		"fold.txt":      {folded, Style{Width: 100}},
		"first-run.txt": {firstRun, Style{}},
		"empty.txt":     {made(), Style{}},
	} {
		t.Run(file, func(t *testing.T) { golden(t, file, text(t, c.plan, c.style)) })
	}
}

func TestTextAllFoldsNothing(t *testing.T) {
	p := made(many(50)...)
	p.Conflicts = make([]Problem, 30)
	long := strings.Repeat("long ", 200) + "end"
	p.Parked = []Problem{{Key: "1", Why: long}}
	got := text(t, p, Style{All: true, Width: 40})
	if n := strings.Count(got, "\n+ create"); n != 50 {
		t.Errorf("%d creates are shown, want 50", n)
	}
	if n := strings.Count(got, "\n! "); n != 31 {
		t.Errorf("%d people who wait are shown, want 31", n)
	}
	if strings.Contains(got, "…") || !strings.Contains(got, long) {
		t.Error("something was cut or folded")
	}
}

// Each action is folded by itself, also where two share a phase.
func TestTextFoldsByAction(t *testing.T) {
	changes := many(63)
	for i, c := range changes {
		c.Action = []Action{Update, Adopt, Update}[i%3]
	}
	changes = append(changes, &Change{Action: Delete, Key: key("1")})
	got := text(t, made(changes...), Style{})
	for _, want := range []string{"Update and adopt: 63\n", "--format json shows all\n\nDelete: 1\n", "… and 22 more updates;", "… and 1 more adopt;", "42 updates, 21 adopts, 1 delete; 43 calls."} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in:\n%s", want, got)
		}
	}
}

func TestTextSaysWhatCountsBeyondThePlan(t *testing.T) {
	p := made(sampleChanges()...)
	p.Holds = []ledger.Limit{{Limit: "deactivate.count", N: 51, Of: 0, Max: "50"}, {Limit: "delete.count", N: 1, Of: 360, Max: "0"}}
	got := text(t, p, Style{})
	for _, want := range []string{
		"Held until a human says yes: 2 of 8 changes (hold ",
		"deactivate.count: 51 deactivations; the limit is 50 (with those sent lately, within the guard's window)\n",
		"delete.count: 1 deletion of 360 live accounts; the limit is 0\n",
		"The rest does not wait.\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in:\n%s", want, got)
		}
	}
}

// The hold of a first run says what there is at the target, as far as that is known.
func TestTextOfFirstRunCountsTheUnclaimed(t *testing.T) {
	for n, want := range map[int]string{
		-1:   "  Whether accounts are there that nobody claims is not known: people were looked up one by one.\n",
		0:    "  0 accounts are there that nobody claims: left alone.\n",
		1:    "  1 account is there that nobody claims: left alone.\n",
		1204: "  1,204 accounts are there that nobody claims: left alone.\n",
	} {
		p := made(&Change{Action: Create, Key: key("1"), Held: true})
		p.Holds, p.Unclaimed = []ledger.Limit{{Limit: LimitFirstRun, N: 1, Max: "0"}}, n
		if got := text(t, p, Style{}); !strings.Contains(got, want) {
			t.Errorf("%q is missing in:\n%s", want, got)
		}
	}
}

// hostile is what a directory may hold, by accident or on purpose.
const hostile = "a\x1b[31m\nb\r\t\x00\u202egnp.exe\u2066\u200b\u0085\u2028\u00a0\x9b2J\xff"

func TestTextIsSafeForTerminals(t *testing.T) {
	change := func(action Action) *Change {
		return &Change{Action: action, Kind: "user", Key: key(hostile), Name: hostile + "x",
			Before: map[string]any{"title" + hostile: hostile, "list": []resource.Element{{"value": hostile, hostile: hostile}}},
			After:  map[string]any{"title" + hostile: hostile + hostile, "any": []any{hostile, map[string]any{hostile: hostile}}},
			Cause:  Cause{By: hostile, What: hostile}, Held: true}
	}
	var changes []*Change
	for _, action := range Actions {
		changes = append(changes, change(action))
	}
	p := made(changes...)
	p.Job, p.Target, p.Source = hostile, hostile, hostile
	p.Conflicts = []Problem{{Key: hostile, Name: hostile + "y", Why: hostile, Retry: hostile, New: true}}
	p.Notes, p.Unclaimed = []string{hostile}, 3
	p.Holds = []ledger.Limit{{Limit: hostile, N: 1, Of: 1, Max: hostile}}
	hold := &ledger.Hold{ID: hostile, Job: hostile, Target: hostile, Limits: p.Holds,
		Lines: []ledger.HeldLine{{Action: hostile, Key: key(hostile), Name: hostile + "z"}}}
	var buf bytes.Buffer
	for _, err := range []error{p.WriteText(&buf, Style{}), p.WriteText(&buf, Style{Width: 80}), HoldText(hold, &buf, Style{}),
		WriteDifference(&buf, hold.Lines, nil, Style{}), WriteDifference(&buf, nil, hold.Lines, Style{})} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, r := range buf.String() {
		if r != '\n' && !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			t.Fatalf("%q is in the text, near %q", r, buf.String()[max(0, i-40):i])
		}
	}
	for _, l := range strings.Split(buf.String(), "\n") {
		if strings.HasPrefix(l, "b") {
			t.Errorf("a value broke the line: %q", l)
		}
	}
}

func TestSafe(t *testing.T) {
	for in, want := range map[string]string{
		"Zoë Ünal 山田":     "Zoë Ünal 山田",
		"a\nb":            `a\nb`,
		"\x1b[2J":         `\x1b[2J`,
		"x\u202ey":        `x\u202ey`,
		"\xff":            `\xff`,
		"a\u00a0b":        `a\u00a0b`,
		"\U000e0041":      `\U000e0041`,
		`C:\temp "quote"`: `C:\temp "quote"`,
	} {
		if got := Safe(in); got != want {
			t.Errorf("Safe(%q) is %q, want %q", in, got, want)
		}
	}
}

func TestShowTellsValuesApart(t *testing.T) {
	seen := map[string]any{}
	for _, v := range []any{nil, "(none)", true, "true", "", " ", "a", "a ", " a", "a\n", `a\n`, `"a"`, "a\u00a0", "a\x00", "a\xff", "a\ufffd",
		[]resource.Element{{"value": "a"}, {"value": "b"}}, []resource.Element{{"value": "a, b"}}, "[a, b]",
		[]resource.Element{{"value": "a", "display": "b"}}, []resource.Element{{"value": "a display=b"}}} {
		s := Show(v)
		if before, twice := seen[s]; twice {
			t.Errorf("%#v and %#v are both shown as %s", before, v, s)
		}
		seen[s] = v
	}
}

func TestShow(t *testing.T) {
	for want, v := range map[string]any{
		"Jane Doe": "Jane Doe", `"a "`: "a ", `"Doe, Jane"`: "Doe, Jane", `"true"`: "true", "true": true, `""`: "", "42": json.Number("42"), "(none)": nil,
		`"a -> b"`: "a -> b", `"a\u202eb"`: "a\u202eb", "[work a@example.org primary, b@example.org display=B]": []resource.Element{
			{"type": "work", "value": "a@example.org", "primary": true}, {"value": "b@example.org", "display": "B"}},
	} {
		if got := Show(v); got != want {
			t.Errorf("%#v is shown as %s, want %s", v, got, want)
		}
	}
}

func TestCutPairShowsTheDifference(t *testing.T) {
	common := strings.Repeat("same ", 100)
	a, b := cutPair(common+"old end", common+"new end", 40)
	if a == b || !strings.Contains(a, "old") || !strings.Contains(b, "new") || len([]rune(a)) > 40 || len([]rune(b)) > 40 {
		t.Errorf("cut to %q and %q", a, b)
	}
	if a, b := cutPair(strings.Repeat("x", 50), "y", 10); a != "xxxxxxxxx…" || b != "y" {
		t.Errorf("cut to %q and %q", a, b)
	}
}

type fullDisk struct{ left int }

func (f *fullDisk) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, errors.New("no space left")
	}
	return len(b), nil
}

// A writer that fails must not end as a success, and stops the walk through the plan.
func TestWritersReportErrors(t *testing.T) {
	const people = 3000
	long := made(many(people)...)
	broken := made(many(3)...)
	broken.Each = func(func(*Change) error) error { return errors.New("read the spool: gone") }
	for name, write := range map[string]func(*Plan, *fullDisk) error{
		"text": func(p *Plan, w *fullDisk) error { return p.WriteText(w, Style{All: true}) },
		"json": func(p *Plan, w *fullDisk) error { return p.WriteJSON(w) },
		"html": func(p *Plan, w *fullDisk) error { return WriteHTML(w, []*Plan{p}, "") },
	} {
		if err := write(broken, &fullDisk{1 << 30}); err == nil || !strings.Contains(err.Error(), "read the spool: gone") {
			t.Errorf("%s: the plan's error is %v", name, err)
		}
		for _, left := range []int{0, 100, 70000, 130000} {
			p, walked := *long, 0
			each := long.Each
			p.Each = func(fn func(*Change) error) error {
				return each(func(c *Change) error { walked++; return fn(c) })
			}
			if err := write(&p, &fullDisk{left}); err == nil || !strings.Contains(err.Error(), "no space left") {
				t.Errorf("%s: error after %d bytes is %v", name, left, err)
			}
			if walked == people {
				t.Errorf("%s: went on after the error", name)
			}
		}
	}
}
