package mapping

import (
	"slices"
	"strings"
	"time"
)

// early tells whether the person's time has not come yet.
func (m *Mapper) early() (bool, error) {
	if m.p.from == nil {
		return false, nil
	}
	start, err := m.moment(m.p.from)
	if err != nil || start.IsZero() {
		return false, err
	}
	start = start.Add(-m.p.from.Early)
	m.soon(start)
	return m.now.Before(start), nil
}

// over tells whether the person's time has passed.
func (m *Mapper) over() (bool, error) {
	if m.p.until == nil {
		return false, nil
	}
	end, err := m.moment(m.p.until)
	if err != nil || end.IsZero() {
		return false, err
	}
	m.soon(end)
	return !m.now.Before(end), nil
}

// moment reads an instant; the zero time means that there is none. A day begins at
// its first moment in the zone, also where clocks change at midnight, and ends where
// the next one begins.
func (m *Mapper) moment(i *instant) (time.Time, error) {
	v, err := m.run(i.code)
	if err != nil {
		return time.Time{}, err
	}
	var text string
	switch v := v.(type) {
	case nil:
		return time.Time{}, nil
	case time.Time:
		return v, nil
	case string:
		text = strings.TrimSpace(v)
	default:
		return time.Time{}, m.wrong(i.code, "is "+kind(v)+"; it has to be a date")
	}
	if text == "" || slices.Contains(i.None, text) {
		return time.Time{}, nil
	}
	at, err := time.ParseInLocation(i.Layout, text, zone(&i.Instant))
	if err != nil {
		return time.Time{}, m.wrong(i.code, "is not a date in the format "+i.Layout)
	}
	if i.whole {
		day := at.Day()
		if i.LastDayIncluded {
			day++
		}
		at = dayStart(at.Year(), at.Month(), day, at.Location())
	}
	return at, nil
}

// dayStart is the first moment of a day. Where clocks go forward at midnight there
// is no 00:00, and time.Date may give 23:00 of the day before.
func dayStart(y int, m time.Month, d int, in *time.Location) time.Time {
	at := time.Date(y, m, d, 0, 0, 0, 0, in)
	if at.Day() != time.Date(y, m, d, 12, 0, 0, 0, in).Day() {
		_, at = at.ZoneBounds()
	}
	return at
}
