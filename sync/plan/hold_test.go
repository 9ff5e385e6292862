package plan

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"scimsync/sync/ledger"
)

func heldLine(action Action, id, digest string) ledger.HeldLine {
	return ledger.HeldLine{Action: string(action), Key: key(id), Name: "Person " + id, Digest: digest}
}

func TestHoldText(t *testing.T) {
	hold := &ledger.Hold{ID: "3fa1b2c3", Job: "staff", Target: "ringcentral", At: noon,
		Limits: []ledger.Limit{{Limit: "deactivate.percent", N: 22, Of: 100, Max: "10%"}, {Limit: LimitFirstRun, N: 24, Max: "0"},
			{Limit: "adopt.count", N: 1, Of: 1, Max: "0"}}}
	for i := range 22 {
		hold.Lines = append(hold.Lines, heldLine(Deactivate, fmt.Sprint(i), fmt.Sprint(i)))
	}
	hold.Lines = append(hold.Lines, heldLine(Adopt, "30", "30"), heldLine(Delete, "40", "40"))
	var buf bytes.Buffer
	if err := HoldText(hold, &buf, Style{}); err != nil {
		t.Fatal(err)
	}
	golden(t, "hold.txt", buf.String())
	buf.Reset()
	if err := HoldText(hold, &buf, Style{All: true, Color: true}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(buf.String(), "- deactivate"); n != 22 {
		t.Errorf("%d of 22 lines are shown", n)
	}
}

func TestCompare(t *testing.T) {
	a, b, c := heldLine(Deactivate, "1", "a"), heldLine(Deactivate, "2", "b"), heldLine(Update, "3", "c")
	for name, x := range map[string]struct{ old, new, added, removed []ledger.HeldLine }{
		"both empty":   {},
		"the same":     {[]ledger.HeldLine{a, b}, []ledger.HeldLine{b, a}, nil, nil},
		"one more":     {[]ledger.HeldLine{a}, []ledger.HeldLine{a, b}, []ledger.HeldLine{b}, nil},
		"one less":     {[]ledger.HeldLine{a, b, c}, []ledger.HeldLine{c, a}, nil, []ledger.HeldLine{b}},
		"another":      {[]ledger.HeldLine{a}, []ledger.HeldLine{c}, []ledger.HeldLine{c}, []ledger.HeldLine{a}},
		"twice, once":  {[]ledger.HeldLine{a, a}, []ledger.HeldLine{a}, nil, []ledger.HeldLine{a}},
		"all of it":    {nil, []ledger.HeldLine{a, b}, []ledger.HeldLine{a, b}, nil},
		"nothing left": {[]ledger.HeldLine{b, a}, nil, nil, []ledger.HeldLine{b, a}},
	} {
		added, removed := Compare(x.old, x.new)
		if diff := cmp.Diff(x.added, added); diff != "" {
			t.Errorf("%s: added (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(x.removed, removed); diff != "" {
			t.Errorf("%s: removed (-want +got):\n%s", name, diff)
		}
	}
}

func TestWriteDifference(t *testing.T) {
	write := func(old, new []ledger.HeldLine) string {
		added, removed := Compare(old, new)
		var buf bytes.Buffer
		if err := WriteDifference(&buf, added, removed, Style{}); err != nil {
			t.Fatal(err)
		}
		return buf.String()
	}
	old := []ledger.HeldLine{heldLine(Deactivate, "1", "a"), heldLine(Deactivate, "2", "b"), heldLine(Update, "3", "c"), heldLine(Update, "4", "d"),
		heldLine(Deactivate, "7", "g")}
	now := []ledger.HeldLine{heldLine(Deactivate, "1", "a"), heldLine(Deactivate, "5", "e"), heldLine(Update, "3", "c2"), heldLine(Deactivate, "4", "f")}
	golden(t, "difference.txt", write(old, now))
	if got, want := write(old, old), "The held changes are the ones that were shown.\n"; got != want {
		t.Errorf("no difference is written as %q", got)
	}
}
