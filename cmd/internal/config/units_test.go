package config

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestRates(t *testing.T) {
	for text, perSecond := range map[string]float64{"10/m": 1.0 / 6, "5/s": 5, "3600/h": 1, "86400/d": 1} {
		got, err := ParseRate(text)
		if err != nil || got.PerSecond() != perSecond || got.String() != text {
			t.Errorf("%s is %s, %v a second, %v", text, got, got.PerSecond(), err)
		}
	}
	for _, text := range []string{"", "10", "10/", "0/s", "-1/s", "1.5/s", "10/min", "/s"} {
		if got, err := ParseRate(text); err == nil {
			t.Errorf("%q is %s, want an error", text, got)
		}
	}
	if none := (Rate{}); none.PerSecond() != 0 || none.String() != "" {
		t.Errorf("no rate is %s", none)
	}
}

func TestDateFormats(t *testing.T) {
	zurich, err := time.LoadLocation("Europe/Zurich")
	if err != nil {
		t.Fatal(err)
	}
	moment := time.Date(2031, 11, 24, 21, 48, 57, 0, zurich)
	for text, value := range map[string]string{
		"YYYY-MM-DD": "2031-11-24", "DD.MM.YYYY": "24.11.2031", "MM/DD/YYYY": "11/24/2031", "YYYYMMDD": "20311124", "DDMMYYYY": "24112031",
		"YYYY-MM-DDTHH:mm:ss": "2031-11-24T21:48:57", "YYYYMMDDHHmmss": "20311124214857", "DD.MM.YYYY, HH": "24.11.2031, 21",
	} {
		f, err := ParseDateFormat(text)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := moment.Format(f.Layout); got != value || f.Text != text {
			t.Errorf("%s writes %s, want %s; %+v", text, got, value, f)
		}
		got, err := time.ParseInLocation(f.Layout, value, zurich)
		if err != nil || got.Format(f.Layout) != value || got.Location() != zurich {
			t.Errorf("%s reads %s as %s, %v", text, value, got, err)
		}
	}
	for _, text := range []string{"", "YYYY", "DD.MM.YY", "yyyy-mm-dd", "YYYY-MM-DDZ07:00", "YYYY-MM-DD hh:mm", "D.M.YYYY", "YYYY_MM_DD", "Mon DD MM YYYY", "YYYY-MM-DD ss"} {
		if f, err := ParseDateFormat(text); err == nil {
			t.Errorf("%q is %+v, want an error", text, f)
		}
	}
}

// Whatever format is accepted reads back what it writes: no punctuation turns into a token of Go's layouts.
func TestDateFormatsReadWhatTheyWrite(t *testing.T) {
	tokens := []string{"YYYY", "MM", "DD", "HH", "mm", "ss"}
	rapid.Check(t, func(t *rapid.T) {
		var text strings.Builder
		for _, token := range rapid.Permutation(tokens).Draw(t, "tokens") {
			text.WriteString(rapid.StringOfN(rapid.RuneFrom([]rune(dateLiterals)), 0, 2, -1).Draw(t, "punctuation") + token)
		}
		want := time.Unix(rapid.Int64Range(0, 4_000_000_000).Draw(t, "at"), 0).UTC()
		f, err := ParseDateFormat(text.String())
		if strings.Contains(text.String(), "ss.") || strings.Contains(text.String(), "ss,") {
			if err == nil {
				t.Fatalf("%s is accepted, and Go reads a fraction there", &text)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, err := time.ParseInLocation(f.Layout, want.Format(f.Layout), time.UTC); err != nil || !got.Equal(want) {
			t.Fatalf("%s as %s is %s and read as %s, %v", want, f.Text, want.Format(f.Layout), got, err)
		}
	})
}

func TestSchedules(t *testing.T) {
	zurich, err := time.LoadLocation("Europe/Zurich")
	if err != nil {
		t.Fatal(err)
	}
	after := time.Date(2031, 7, 1, 12, 1, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"*/15 * * * *": time.Date(2031, 7, 1, 12, 15, 0, 0, time.UTC),
		"30 4 * * *":   time.Date(2031, 7, 2, 2, 30, 0, 0, time.UTC), // in summer, Zurich is two hours ahead
		"@daily":       time.Date(2031, 7, 1, 22, 0, 0, 0, time.UTC),
		"@every 1h30m": after.Add(90 * time.Minute),
		"@every 2d":    after.Add(48 * time.Hour),
		"0 0 29 2 *":   time.Date(2032, 2, 28, 23, 0, 0, 0, time.UTC),
	} {
		s, err := ParseSchedule(text, zurich)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := s.Next(after); !got.Equal(want) {
			t.Errorf("%s: next is %s, want %s", text, got.UTC(), want)
		}
	}
	for _, text := range []string{
		"", "TZ=UTC", "CRON_TZ=Europe/Warsaw", "TZ=UTC 0 0 * * *", "0 0 31 2 *", "0 0 31 4,6,9,11 *", "@every 0s", "@every -1s", "@every 500ms", "@every", "@everyday",
		"* * * * * *", "@reboot", "60 * * * *", "* * * * mon-",
	} {
		if _, err := ParseSchedule(text, zurich); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
	rapid.Check(t, func(t *rapid.T) { // whatever a file holds, the daemon must not crash
		_, _ = ParseSchedule(rapid.String().Draw(t, "text"), time.UTC)
	})
}
