package config

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"scimsync/internal/strictyaml"
)

// checkTarget looks at the keys of a target together.
func checkTarget(s spot, t *Target) {
	u, err := url.Parse(t.URL)
	switch {
	case !s.has("url") && t.Profile == ProfileRFC:
		s.wrong(s.key(), "the key url is missing", "the base URL of the SCIM service; only the sandbox does without")
	case !s.has("url") && t.Profile == ProfileSandbox:
		for _, name := range []string{"auth", "tls"} {
			if s.has(name) {
				s.wrong(s.child(name), "an in-process sandbox has no use for "+name, "remove it, or name the url of a sandbox elsewhere")
			}
		}
	case t.URL == "" || err != nil: // reported already
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		s.wrong(s.child("url"), "http:// would send tokens and people's data in clear", "write https://; http:// is for loopback")
	case u.Scheme == "http" && s.has("tls"):
		s.wrong(s.child("tls"), "http:// has no use for tls", "write https://, or remove tls")
	case u.Scheme == "https" && !s.has("auth") && t.TLS.CertFile == "":
		s.warn(s.key(), "requests to this target are not authenticated", "most service providers want auth: {bearer: {token: {file: PATH}}}")
	}
}

// checkJob looks at the keys of a job together, and gives its dates the zone they were not given.
func checkJob(s spot, j *Job) {
	if j.Schedule != "" {
		if _, err := ParseSchedule(j.Schedule, j.Timezone); err != nil {
			s.wrong(s.child("schedule"), err.Error(), "write the five fields of cron, as in */15 * * * *, or @every 15m")
		}
	}
	if len(j.From) > 1 && !j.Union {
		s.wrong(s.child("from"), "several sources are read as one only when that is said", "write union: true")
	}
	first := map[string]int{}
	for _, to := range j.To {
		if line, twice := first[to.Target.Value]; twice {
			s.wrong(to.Target.Pos, to.Target.Value+" stands here a second time", "first at line "+strconv.Itoa(line))
		} else {
			first[to.Target.Value] = to.Target.Pos.Line
		}
	}
	j.Users.zoned(j.Timezone)
	for i := range j.To {
		j.To[i].Users.zoned(j.Timezone)
	}
}

// zoned gives the dates that name no zone that of the job.
func (u *Users) zoned(zone *time.Location) {
	if u.ActiveFrom != nil && u.ActiveFrom.Zone == nil {
		u.ActiveFrom.Zone = zone
	}
	if u.ActiveUntil != nil && u.ActiveUntil.Zone == nil {
		u.ActiveUntil.Zone = zone
	}
}

// checkReferences looks at what refers from one part of the file to another.
func checkReferences(s spot, c *Config) {
	var sources, targets, jobs []string
	for _, source := range c.Sources {
		sources = append(sources, source.Name)
	}
	for _, target := range c.Targets {
		targets = append(targets, target.Name)
	}
	for _, job := range c.Jobs {
		jobs = append(jobs, job.Name)
	}
	type pair struct{ source, target string }
	owners := map[pair]string{}
	for i := range c.Jobs {
		job := &c.Jobs[i]
		for _, from := range job.From {
			s.refers(from, "source", sources)
		}
		for _, to := range job.To {
			s.refers(to.Target, "target", targets)
			for _, from := range job.Sources() {
				owner, taken := owners[pair{from, to.Target.Value}]
				if taken && owner != job.Name {
					s.wrong(to.Target.Pos, "people of "+from+" at "+to.Target.Value+" belong to job "+owner+" already",
						"one job has them all; tell people apart by an overlay or by another source")
				}
				owners[pair{from, to.Target.Value}] = job.Name
			}
		}
	}
	for _, source := range c.Sources {
		s.renamed("sources."+source.Name, source.RenamedFrom, sources)
	}
	for _, job := range c.Jobs {
		s.renamed("jobs."+job.Name, job.RenamedFrom, jobs)
	}
}

// refers reports a name that the file does not define.
func (s spot) refers(to Text, what string, known []string) {
	if len(known) == 0 || to.Value == "" || slices.Contains(known, to.Value) {
		return // that there are none at all is reported where they are missing
	}
	s.wrong(to.Pos, "there is no "+what+" named "+to.Value, strictyaml.Suggest(to.Value, known))
}

// renamed reports a former name that is still in use: its state cannot have two heirs.
func (s spot) renamed(path, from string, known []string) {
	if from != "" && slices.Contains(known, from) {
		kind, _, _ := strings.Cut(path, ".")
		s.wrong(s.child(path+".renamed_from"), from+" is still the name of one of the "+kind, "a former name is free; remove renamed_from when both exist")
	}
}
