package plan

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"scimsync/sync/ledger"
)

func page(t *testing.T, plans ...*Plan) string {
	t.Helper()
	var buf bytes.Buffer
	if err := WriteHTML(&buf, plans, ""); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func TestHTML(t *testing.T) {
	other := made()
	other.Target = "sandbox"
	golden(t, "plan.html", page(t, sample(), other))
	if got := page(t); !strings.Contains(got, "No plan.") || !strings.Contains(got, "</html>") {
		t.Errorf("the page without a plan is %s", got)
	}
}

// Each element that is opened is closed, in order.
func TestHTMLIsWellFormed(t *testing.T) {
	firstRun := sample()
	firstRun.Holds = []ledger.Limit{{Limit: LimitFirstRun, N: 8}}
	var open []string
	for _, tag := range regexp.MustCompile(`</?([a-z][a-z0-9]*)[^>]*>`).FindAllStringSubmatch(page(t, sample(), made(), firstRun), -1) {
		switch name := tag[1]; {
		case name == "meta" || name == "br":
		case !strings.HasPrefix(tag[0], "</"):
			open = append(open, name)
		case len(open) == 0 || open[len(open)-1] != name:
			t.Fatalf("%s closes %v", tag[0], open)
		default:
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		t.Errorf("not closed: %v", open)
	}
}

// What stands in a directory stays text on the page, whatever it looks like.
func TestHTMLWithHostileNames(t *testing.T) {
	evil := `</td><script>alert(1)</script><img src=x onerror="x()">'"{{.}}<!--` + hostile
	change := &Change{Action: Update, Kind: "user", Key: key(evil), Name: evil + "x", RemoteID: evil, Held: true,
		Before: map[string]any{evil: evil}, After: map[string]any{evil: evil + evil}, Cause: Cause{By: evil, What: evil}}
	p := made(change)
	p.Job, p.Target, p.Source, p.Base, p.Digest = evil, evil, evil, evil, evil
	p.Conflicts = []Problem{{Key: evil, Name: evil + "y", Why: evil, Retry: evil}}
	p.Notes, p.Unclaimed = []string{evil}, 1
	p.Holds = []ledger.Limit{{Limit: evil, Max: evil}}
	got := page(t, p)
	plain := page(t, sample())
	for _, tag := range []string{"<script", "<img", "<!--", "onerror=\"x"} {
		if strings.Contains(got, tag) {
			t.Errorf("%s is on the page", tag)
		}
	}
	for _, where := range []string{"src=", "href=", "url(", "<link", "<script", "@import", "http:", "https:"} {
		if strings.Contains(plain, where) {
			t.Errorf("the page refers to something outside: %s", where)
		}
	}
	for _, r := range got {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Fatalf("%q is on the page", r)
		}
	}
	if !strings.Contains(got, "&lt;script&gt;alert(1)&lt;/script&gt;") {
		t.Error("the name is not shown")
	}
}

// A page may be larger than memory, and so may the other forms: what was written of
// a change is on its way before the next few are looked at.
func TestChangesAreWrittenAsTheyCome(t *testing.T) {
	for name, write := range map[string]func(p *Plan, w io.Writer) error{
		"html": func(p *Plan, w io.Writer) error { return WriteHTML(w, []*Plan{p}, "") },
		"json": func(p *Plan, w io.Writer) error { return p.WriteJSON(w) },
		"text": func(p *Plan, w io.Writer) error { return p.WriteText(w, Style{All: true}) },
	} {
		const people, size = 1000, 1024
		var written counter
		p := made()
		p.Summary[Create] = people
		p.Each = func(fn func(*Change) error) error {
			for i := range people {
				c := many(1)[0]
				c.After["note"] = strings.Repeat("x", size)
				if err := fn(c); err != nil {
					return err
				}
				if waits := i*size - int(written); waits > 100<<10 {
					t.Fatalf("%s: after %d changes, %d bytes wait in memory", name, i, waits)
				}
			}
			return nil
		}
		if err := write(p, &written); err != nil {
			t.Fatal(err)
		}
	}
}

// counter counts the bytes written to it.
type counter int

func (c *counter) Write(b []byte) (int, error) { *c += counter(len(b)); return len(b), nil }
