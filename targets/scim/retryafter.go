package scim

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// maxPause caps what a target may ask for, so that one broken header does not
	// silence it for days.
	maxPause = time.Hour
	// unsaidPause follows a 429 that does not say how long.
	unsaidPause = 10 * time.Second
)

// RetryAfter reads the Retry-After field (RFC 9110 section 10.2.3): the moment
// before which nothing is to be sent, at most an hour after now. A date is taken
// relative to the answer's Date field, so that a clock that is off does not matter.
// Beside the two forms of the RFC it understands fractions, quotes and a unit of
// seconds, as some servers send them. ok is false if there is nothing to be
// understood.
func RetryAfter(header http.Header, now time.Time) (notBefore time.Time, ok bool) {
	text := strings.TrimSpace(strings.Trim(strings.TrimSpace(header.Get("Retry-After")), `"'`))
	if text == "" {
		return time.Time{}, false
	}
	pause, ok := seconds(text)
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

// seconds reads "3", "1.5", "2s" and "2 seconds".
func seconds(text string) (time.Duration, bool) {
	number := strings.ToLower(text)
	for _, unit := range []string{"seconds", "second", "secs", "sec", "s"} {
		if cut, found := strings.CutSuffix(number, unit); found {
			number = strings.TrimSpace(cut)
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
	return time.Duration(min(value, maxPause.Seconds()) * float64(time.Second)), true
}
