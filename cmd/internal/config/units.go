package config

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

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
			return strconv.Itoa(r.Count) + "/" + u.name
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
