package scim_test

import (
	"net/http"
	"testing"
	"time"

	"scimsync/targets/scim"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration, layout string) string { return now.Add(d).Format(layout) }
	const none = -1
	for _, c := range []struct {
		value, date string
		want        time.Duration
	}{
		{"3", "", 3 * time.Second},
		{" 3 ", "", 3 * time.Second},
		{"0", "", 0},
		{"-5", "", 0},
		{"1.5", "", 1500 * time.Millisecond},
		{"2 seconds", "", 2 * time.Second},
		{"2 Seconds", "", 2 * time.Second},
		{"1 second", "", time.Second},
		{"2s", "", 2 * time.Second},
		{"2 sec", "", 2 * time.Second},
		{"1 minute", "", time.Minute},
		{"90 minutes", "", time.Hour},
		{"1500 ms", "", 1500 * time.Millisecond},
		{`"7"`, "", 7 * time.Second},
		{`"2 seconds"`, "", 2 * time.Second},
		{"3600", "", time.Hour},
		{"86400", "", time.Hour},
		{"99999999999999999999", "", time.Hour},
		{at(5*time.Second, http.TimeFormat), "", 5 * time.Second},
		{at(5*time.Second, "Monday, 02-Jan-06 15:04:05 GMT"), "", 5 * time.Second},
		{at(5*time.Second, time.ANSIC), "", 5 * time.Second},
		{at(-time.Minute, http.TimeFormat), "", 0},
		{at(48*time.Hour, http.TimeFormat), "", time.Hour},
		// The server's clock is ten minutes fast, or slow: its Date tells.
		{at(10*time.Minute+5*time.Second, http.TimeFormat), at(10*time.Minute, http.TimeFormat), 5 * time.Second},
		{at(-10*time.Minute+5*time.Second, http.TimeFormat), at(-10*time.Minute, http.TimeFormat), 5 * time.Second},
		{at(5*time.Second, http.TimeFormat), "garbage", 5 * time.Second},
		{"", "", none},
		{`""`, "", none},
		{"soon", "", none},
		{"inf", "", none},
		{"NaN", "", none},
		{"1e9", "", none},
		{"0x10", "", none},
		{"5 hours", "", none},
		{"500us", "", none},
		{"1-2", "", none},
		{"s", "", none},
		{"2026-11-21T12:00:05Z", "", none},
	} {
		header := http.Header{}
		header.Set("Retry-After", c.value)
		if c.date != "" {
			header.Set("Date", c.date)
		}
		got, ok := scim.RetryAfter(header, now)
		if ok != (c.want != none) || (ok && got.Sub(now) != c.want) {
			t.Errorf("Retry-After %q at %q: %s, %t, want %s", c.value, c.date, got.Sub(now), ok, c.want)
		}
	}
	if _, ok := scim.RetryAfter(http.Header{}, now); ok {
		t.Error("a missing field was understood")
	}
}
