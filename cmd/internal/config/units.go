package config

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

func itoa(n int) string { return strconv.Itoa(n) }

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

// rateUnits are what a rate may be per.
var rateUnits = []struct {
	name string
	size time.Duration
}{{"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}, {"d", 24 * time.Hour}}

// ParseRate reads a rate: a whole number, a slash and one of s, m, h and d, as 10/m.
func ParseRate(text string) (Rate, error) {
	number, unit, _ := strings.Cut(text, "/")
	count, err := strconv.Atoi(strings.TrimSpace(number))
	if err != nil || count < 1 {
		return Rate{}, errors.New("is not a rate")
	}
	for _, u := range rateUnits {
		if u.name == strings.TrimSpace(unit) {
			return Rate{Count: count, Per: u.size}, nil
		}
	}
	return Rate{}, errors.New("is not a rate")
}

// String is the rate as ParseRate reads it; "" when none is given.
func (r Rate) String() string {
	for _, u := range rateUnits {
		if r.Count > 0 && u.size == r.Per {
			return itoa(r.Count) + "/" + u.name
		}
	}
	return ""
}

// parsePercent reads "40%".
func parsePercent(text string) (float64, error) {
	number, ok := strings.CutSuffix(text, "%")
	value, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if !ok || err != nil || !(value >= 0 && value <= 100) {
		return 0, errors.New("is not a percentage")
	}
	return value, nil
}

// suggest is the hint "did you mean …" for a word that is none of those known, or what is known when there are few, or "".
func suggest(word string, known []string) string {
	known = slices.Sorted(slices.Values(known))
	best, least := "", max(1, len(word)/3)+1
	for _, k := range known {
		if d := distance(strings.ToLower(word), strings.ToLower(k)); d < least {
			best, least = k, d
		}
	}
	switch {
	case best != "":
		return "did you mean " + best + "?"
	case len(known) > 0 && len(known) <= 12:
		return "known: " + strings.Join(known, ", ")
	}
	return ""
}

// orList is words as a sentence lists them: "a, b or c".
func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// distance counts the letters to insert, remove, change or swap with a neighbour to make b of a.
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	rows := make([][]int, len(s)+1)
	for i := range rows {
		rows[i] = make([]int, len(t)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(s); i++ {
		for j := 1; j <= len(t); j++ {
			cost := 1
			if s[i-1] == t[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(s)][len(t)]
}
