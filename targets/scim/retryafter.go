package scim

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxPause caps what a target may ask for, so that one broken header does not silence it
// for days.
const maxPause = time.Hour

// RetryAfter reads the Retry-After field (RFC 9110 section 10.2.3): the moment
// before which nothing is to be sent, at most an hour after now. A date is taken
// relative to the answer's Date field, so that a clock that is off does not matter.
// Beside the two forms of the RFC it understands fractions, quotes and units, as some
// servers send them. ok is false if there is nothing to be
// understood.
func RetryAfter(header http.Header, now time.Time) (notBefore time.Time, ok bool) {
	text := strings.TrimSpace(strings.Trim(strings.TrimSpace(header.Get("Retry-After")), `"'`))
	if text == "" {
		return time.Time{}, false
	}
	pause, ok := pauseOf(text)
	if !ok {
		date, err := http.ParseTime(text)
		if err != nil {
			return time.Time{}, false
		}
		from := now
		if theirs, err := http.ParseTime(header.Get("Date")); err == nil {
			from = theirs
		}
		pause = date.Sub(from)
	}
	return now.Add(min(max(pause, 0), maxPause)), true
}

// units of a pause, the longer spelling first.
var units = []struct {
	name string
	size time.Duration
}{
	{"seconds", time.Second}, {"second", time.Second}, {"secs", time.Second}, {"sec", time.Second},
	{"minutes", time.Minute}, {"minute", time.Minute}, {"mins", time.Minute}, {"min", time.Minute},
	{"milliseconds", time.Millisecond}, {"ms", time.Millisecond}, {"s", time.Second}, {"m", time.Minute},
}

// pauseOf reads "3", "1.5", "2s", "2 seconds" and "1 minute".
func pauseOf(text string) (time.Duration, bool) {
	number, unit := strings.ToLower(text), time.Second
	for _, u := range units {
		if cut, found := strings.CutSuffix(number, u.name); found {
			number, unit = strings.TrimSpace(cut), u.size
			break
		}
	}
	if strings.Trim(number, "-.0123456789") != "" {
		return 0, false // ParseFloat would take "inf" and "1e9" too
	}
	value, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, false
	}
	return time.Duration(min(value, float64(maxPause/unit)) * float64(unit)), true
}
