package scim

import (
	"encoding/json"
	"math"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/dunglas/httpsfv"

	"scimsync/sync/plan"
	"scimsync/targets/scim/profile"
)

// heard is what an answer says about the pace. What is left is a hint, whatever the
// status; a wait is an order.
func (t *Target) heard(a *answer) plan.Heard {
	now := t.now()
	h := plan.Heard{TooFast: a.status == http.StatusTooManyRequests, Sick: a.status == http.StatusServiceUnavailable,
		Quotas: append(structured(a.header, now), t.plainQuotas(a.header, now)...)}
	if a.status < http.StatusMultipleChoices {
		return h
	}
	var body told
	_ = json.Unmarshal(a.body, &body) // a field of an unexpected type spoils that field only
	use := useOf(body.Type)
	h.TooFast = h.TooFast || use == tooMuch
	h.Sick = h.Sick || use == tooMuchNow || use == abnormal
	at, said := RetryAfter(a.header, now)
	if !said && (h.TooFast || h.Sick) {
		at, said = otherwise(a, &body, now)
	}
	switch {
	case use == abnormal: // whatever it asks for, nobody will have looked into it much sooner
		h.NotBefore = now.Add(maxPause)
	case said:
		h.NotBefore = at
	}
	return h
}

// told is what a body says about the pace.
type told struct {
	Type       any
	RetryAfter any
}

// otherwise finds a wait that stands elsewhere than in Retry-After.
func otherwise(a *answer, body *told, now time.Time) (time.Time, bool) {
	text := strings.TrimSpace(a.header.Get("X-Rate-Limit-Retry-After-Seconds"))
	if text == "" {
		switch value := body.RetryAfter.(type) {
		case string:
			text = strings.TrimSpace(value)
		case float64:
			text = strconv.FormatFloat(value, 'f', -1, 64)
		}
	}
	pause, ok := pauseOf(text)
	return now.Add(min(max(pause, 0), maxPause)), ok
}

// structured reads RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers).
// What is malformed, or counts something else than requests, is not there.
func structured(header http.Header, now time.Time) []plan.Quota {
	left, policies := header["Ratelimit"], header["Ratelimit-Policy"]
	if len(left)+len(policies) == 0 {
		return nil
	}
	var quotas []plan.Quota
	named := map[string]int{}
	quota := func(name string) *plan.Quota {
		if _, known := named[name]; !known {
			named[name] = len(quotas)
			quotas = append(quotas, plan.Quota{Left: -1})
		}
		return &quotas[named[name]]
	}
	other := map[string]bool{}
	for name, params := range items(policies) {
		if unit, _ := params.Get("qu"); unit != nil && unit != "requests" {
			other[name] = true
			continue
		}
		q, w := whole(params, "q"), whole(params, "w")
		if q <= 0 { // as earlier drafts had it: 100;w=60
			q = leading(name)
		}
		if q > 0 && w > 0 {
			quota(name).Limit, quota(name).Window = q, window(w)
		}
	}
	for name, params := range items(left) {
		if r := whole(params, "r"); r >= 0 && !other[name] {
			quota(name).Left = r
			if t := whole(params, "t"); t >= 0 {
				quota(name).Reset = now.Add(min(time.Duration(min(t, math.MaxInt32))*time.Second, maxPause))
			}
		}
	}
	return quotas
}

// items gives the items of a structured list by what they are called.
func items(lines []string) map[string]*httpsfv.Params {
	list, err := httpsfv.UnmarshalList(lines)
	if err != nil {
		return nil
	}
	named := map[string]*httpsfv.Params{}
	for _, member := range list {
		item, ok := member.(httpsfv.Item)
		if !ok {
			continue
		}
		switch name := item.Value.(type) {
		case string:
			named[name] = item.Params
		case httpsfv.Token:
			named[string(name)] = item.Params
		case int64:
			named[strconv.FormatInt(name, 10)] = item.Params
		}
	}
	return named
}

// whole is a parameter that is a whole number, at least 0; -1: it is not.
func whole(params *httpsfv.Params, name string) int {
	value, _ := params.Get(name)
	if n, ok := value.(int64); ok && n >= 0 && n <= math.MaxInt32 {
		return int(n)
	}
	return -1
}

// window is a window of so many seconds; what is longer than a month is none.
func window(seconds int) time.Duration {
	if seconds < 1 || seconds > 31*24*3600 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// quotaNames are the headers that together tell what is left of one limit, in the
// spelling of http.Header.
type quotaNames struct {
	limit, remaining, window, reset string
	format                          profile.ResetFormat
}

// quotaNamesOf adds the profile's names to those in general use.
func quotaNamesOf(own profile.RateHeaders) []quotaNames {
	names := []quotaNames{}
	for _, prefix := range []string{"RateLimit-", "X-RateLimit-", "X-Rate-Limit-"} {
		names = append(names, quotaNames{limit: prefix + "Limit", remaining: prefix + "Remaining", window: prefix + "Window", reset: prefix + "Reset"})
	}
	if own.Limit != "" || own.Remaining != "" {
		names = append([]quotaNames{{own.Limit, own.Remaining, own.Window, own.Reset, own.ResetFormat}}, names...)
	}
	for i := range names {
		n := &names[i]
		for _, name := range []*string{&n.limit, &n.remaining, &n.window, &n.reset} {
			*name = textproto.CanonicalMIMEHeaderKey(*name)
		}
	}
	return names
}

// plainQuotas reads the headers that services have made up: so many of so many left,
// until then. The first set that is there counts.
func (t *Target) plainQuotas(header http.Header, now time.Time) []plan.Quota {
	for _, names := range t.told {
		limit, remaining := first(header, names.limit), first(header, names.remaining)
		if limit == "" && remaining == "" {
			continue
		}
		q := plan.Quota{Limit: max(leading(limit), 0), Left: leading(remaining), Window: window(leading(first(header, names.window)))}
		if text := first(header, names.reset); text != "" {
			q.Reset = resetAt(text, names.format, header, now)
		}
		return []plan.Quota{q}
	}
	return nil
}

func first(header http.Header, name string) string {
	if values := header[name]; len(values) > 0 {
		return strings.TrimSpace(values[0])
	}
	return ""
}

// leading is the whole number with which a text begins, as in "100, 100;w=60"; -1: none.
func leading(text string) int {
	digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
	n, err := strconv.ParseInt(text[:digits], 10, 32)
	if err != nil {
		return -1
	}
	return int(n)
}

// Numbers from here on are no longer seconds from now: seconds since 1970, and
// milliseconds.
const (
	epochSeconds = 1e9
	epochMillis  = 1e12
)

// resetAt reads the moment at which a quota is whole again: seconds from now, seconds or
// milliseconds since 1970, or a date. Moments are taken relative to the answer's Date,
// so that a clock that is off does not matter. Zero: it cannot be understood.
func resetAt(text string, format profile.ResetFormat, header http.Header, now time.Time) time.Time {
	var at time.Time
	switch n, err := strconv.ParseFloat(text, 64); {
	case err != nil || math.IsNaN(n) || math.IsInf(n, 0):
		if at, err = time.Parse(time.RFC3339, text); err != nil {
			if at, err = http.ParseTime(text); err != nil {
				return time.Time{}
			}
		}
	case n < 0, format == profile.ResetEpoch && n < epochSeconds, n > 1e11 && n < epochMillis:
		return time.Time{}
	case n < epochSeconds:
		return now.Add(time.Duration(min(n, maxPause.Seconds()) * float64(time.Second)))
	case n < epochMillis:
		at = time.Unix(int64(n), 0)
	default:
		at = time.UnixMilli(int64(min(n, 1e15)))
	}
	from := now
	if theirs, err := http.ParseTime(header.Get("Date")); err == nil {
		from = theirs
	}
	return now.Add(min(at.Sub(from), maxPause))
}
