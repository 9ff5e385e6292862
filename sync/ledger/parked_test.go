package ledger

import (
	"testing"
	"time"
)

// Failures at moments that are told, one after another: when each is tried again.
func TestNextTry(t *testing.T) {
	const hour = time.Hour
	for name, c := range map[string]struct {
		kinds []string
		at    []time.Duration // of each failure, since the first
		waits []time.Duration // for its next try
		tries int
	}{
		"refused":                 {[]string{ParkedRefused, ParkedRefused, ParkedRefused}, []time.Duration{0, hour, 2 * hour}, []time.Duration{hour / 4, hour / 2, hour}, 3},
		"a conflict":              {[]string{ParkedConflict, ParkedConflict, ParkedConflict}, []time.Duration{0, hour, 3 * hour}, []time.Duration{hour, 2 * hour, 4 * hour}, 3},
		"a conflict, seen early":  {[]string{ParkedConflict, ParkedConflict}, []time.Duration{0, hour / 4}, []time.Duration{hour, 3 * hour / 4}, 1},
		"a login of ours":         {[]string{ParkedLogin, ParkedLogin}, []time.Duration{0, hour}, []time.Duration{0, 0}, 2},
		"cannot be mapped":        {[]string{ParkedMapping, ParkedMapping}, []time.Duration{0, hour}, []time.Duration{0, 0}, 2},
		"an outage":               {[]string{ParkedFailed, ParkedFailed, ParkedFailed}, []time.Duration{0, hour / 2, 9 * hour}, []time.Duration{0, hour / 4, hour}, 3},
		"refused after an outage": {[]string{ParkedFailed, ParkedFailed, ParkedRefused}, []time.Duration{0, hour, 2 * hour}, []time.Duration{0, hour / 2, hour / 4}, 1},
	} {
		start := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
		var p *Parked
		for i, kind := range c.kinds {
			now := start.Add(c.at[i])
			p = Parked{Kind: kind, Error: "e", Digest: "d"}.After(p, now)
			if got := p.At.Sub(now); got != c.waits[i] {
				t.Errorf("%s: failure %d waits %s, want %s", name, i+1, got, c.waits[i])
			}
		}
		if p.Tries != c.tries || p.Digest != "d" {
			t.Errorf("%s: %+v", name, p)
		}
	}
	// However often something fails, it is tried once a day.
	p := &Parked{Kind: ParkedRefused, Tries: 1 << 20, Since: time.Unix(0, 0), At: time.Unix(9, 0)}
	if now := time.Unix(10, 0); p.After(p, now).At.Sub(now) != 24*hour {
		t.Errorf("%+v", p.After(p, now))
	}
}
