package config

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"scimsync/internal/strictyaml"
)

// ParseSchedule reads a schedule: the five fields of cron (minute, hour, day of month, month, day of week) or one of the words
// @hourly, @daily, @weekly, @monthly, @yearly and @every DURATION. Its times are in zone. It refuses what never fires, and what
// the cron library would take for something else without a word.
func ParseSchedule(text string, zone *time.Location) (cron.Schedule, error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "TZ=") || strings.HasPrefix(text, "CRON_TZ=") {
		return nil, errors.New("has its own time zone: the key timezone holds it")
	}
	if every, ok := strings.CutPrefix(text, "@every"); ok {
		return parseEvery(strings.TrimSpace(every))
	}
	parsed, err := cron.ParseStandard(text)
	if err != nil {
		return nil, fmt.Errorf("is not a schedule: %w", err)
	}
	if spec, ok := parsed.(*cron.SpecSchedule); ok {
		spec.Location = zone
	}
	if parsed.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, zone)).IsZero() {
		return nil, errors.New("never fires: no month has such a day")
	}
	return parsed, nil
}

// parseEvery reads what follows @every.
func parseEvery(text string) (cron.Schedule, error) {
	every, err := strictyaml.ParseDuration(text)
	if err != nil {
		return nil, fmt.Errorf("%q after @every %w", text, err)
	}
	if every < time.Second || every%time.Second != 0 {
		return nil, errors.New("@every wants whole seconds, at least one")
	}
	return cron.Every(every), nil
}
