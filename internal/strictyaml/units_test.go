package strictyaml

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "15m": 15 * time.Minute, "2h": 2 * time.Hour, "30d": 720 * time.Hour,
		"1h30m": 90 * time.Minute, "250ms": 250 * time.Millisecond, "0s": 0, "1d12h": 36 * time.Hour,
	} {
		if got, err := ParseDuration(text); got != want || err != nil {
			t.Errorf("%s is %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "5", "5x", "-5m", "+5m", "1.5h", "5 m", "m", "5M", "99999999999999999999s", "106752d", "106751d24h"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q is %s, want an error", text, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		want := time.Duration(rapid.Int64Range(0, int64(100_000*24*time.Hour/time.Millisecond)).Draw(t, "ms")) * time.Millisecond
		if got, err := ParseDuration(FormatDuration(want)); got != want || err != nil {
			t.Fatalf("%s is written %s and read %s, %v", want, FormatDuration(want), got, err)
		}
	})
}

func TestSuggestions(t *testing.T) {
	known := []string{"deactivate", "delete", "keep"}
	for word, want := range map[string]string{
		"delte": "did you mean delete?", "DELETE": "did you mean delete?", "kepe": "did you mean keep?", "deactivat": "did you mean deactivate?",
		"suspend": "known: deactivate, delete, keep",
	} {
		if got := Suggest(word, known); got != want {
			t.Errorf("%s: %s, want %s", word, got, want)
		}
	}
	var many []string
	for i := range 40 {
		many = append(many, fmt.Sprintf("known-word-%d", i))
	}
	if got := Suggest("x", many); got != "" {
		t.Errorf("got %s: too many words to list", got)
	}
	if got := Suggest("x", nil); got != "" {
		t.Error(got)
	}
}
