package strictyaml

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// durationUnits are the units of a duration, the largest first.
var durationUnits = []struct {
	name string
	size time.Duration
}{
	{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}, {"ms", time.Millisecond},
}

// ParseDuration reads a duration: a whole number with one of the units ms, s, m, h and d (24 hours), or several of them, as
// 1h30m. It is never negative.
func ParseDuration(text string) (time.Duration, error) {
	rest, total := text, time.Duration(0)
	for rest != "" {
		digits := strings.TrimLeft(rest, "0123456789")
		number := rest[:len(rest)-len(digits)]
		after := strings.TrimLeft(digits, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZµ")
		unit := digits[:len(digits)-len(after)]
		if number == "" {
			return 0, errors.New("is not a duration")
		}
		size := time.Duration(0)
		for _, u := range durationUnits {
			if u.name == unit {
				size = u.size
			}
		}
		if size == 0 {
			if unit == "" {
				return 0, errors.New("has no unit")
			}
			return 0, fmt.Errorf("has the unknown unit %s", unit)
		}
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || n > int64((math.MaxInt64-total)/size) {
			return 0, errors.New("is too long")
		}
		total += time.Duration(n) * size
		rest = after
	}
	if text == "" {
		return 0, errors.New("is not a duration")
	}
	return total, nil
}

// FormatDuration writes d as ParseDuration reads it.
func FormatDuration(d time.Duration) string {
	var b strings.Builder
	for _, u := range durationUnits {
		n := d / u.size
		if u.name == "d" && n == 1 {
			continue // a window of 24h is how people say it
		}
		if n > 0 {
			b.WriteString(strconv.FormatInt(int64(n), 10) + u.name)
			d -= n * u.size
		}
	}
	return cmp.Or(b.String(), "0s")
}
