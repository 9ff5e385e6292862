package config

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"scimsync/internal/strictyaml"
	"scimsync/targets/scim/profile"
)

// Sandbox is the profile that needs no url: without one, the target is a sandbox in this process.
const Sandbox = "sandbox"

// checkTarget looks at the keys of a target together.
func checkTarget(s spot, t *Target) {
	if t.Profile != nil {
		checkPace(s, t)
		checkAuth(s, t)
	}
	if t.Auth.OAuth2 != nil && t.Auth.OAuth2.Method == ClientTLS && !s.has("tls.cert_file") {
		s.wrong(s.child("auth.oauth2.method"), "method tls needs a certificate", "name it under this target: tls: {cert_file: PATH, key_file: PATH}")
	}
	u, err := url.Parse(t.URL)
	switch {
	case t.Profile == nil: // reported already
	case !s.has("url") && t.Profile.Name != Sandbox:
		s.wrong(s.key(), "the key url is missing", cmp.Or(t.Profile.BaseURL, "the base URL of the SCIM service; only the sandbox does without"))
	case !s.has("url"):
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

// checkPace warns of a pace that is faster than what the profile knows of the service, or that takes the place of limits which the
// file gives itself. What rfc says of services in general is no reason to warn.
func checkPace(s spot, t *Target) {
	known := t.Profile.Knob("rate.buckets")
	slowest, limited := t.Profile.SlowestOfAll()
	if known.Laid() && t.Pace.Rate.Count > 0 {
		s.warn(s.child("pace.rate"), "it replaces the buckets under options.rate, which then do nothing", "write one of the two")
		return
	}
	if !limited || !known.Differs() || t.Pace.Rate.PerSecond() <= slowest.Rate.PerSecond() {
		return
	}
	s.warn(s.child("pace.rate"), t.Pace.Rate.String()+" is faster than "+slowest.Rate.String()+" for "+strings.Join(slowest.Match, ", ")+
		", which profile "+t.Profile.Name+" says this service bears", "it may answer 429; remove pace, or write options: {rate: {buckets: […]}}")
}

// checkAuth warns of another kind of credential than the service is known to want.
func checkAuth(s spot, t *Target) {
	wants, has := t.Profile.Auth.Kind, authKind(t.Auth)
	if known := t.Profile.Knob("auth.kind"); has == "" || has == wants || known.From == "" || known.From == profile.Default {
		return
	}
	s.warn(s.child("auth"), "profile "+t.Profile.Name+" says this service wants "+string(wants)+", and this is "+string(has),
		"see scimsync profiles "+t.Profile.Name+", or write options: {auth: {kind: "+string(has)+"}}")
}

func authKind(a Auth) profile.AuthKind {
	switch {
	case a.Bearer != nil:
		return profile.AuthBearer
	case a.Basic != nil:
		return profile.AuthBasic
	case a.OAuth2 == nil:
		return ""
	case a.OAuth2.Grant == GrantJWTBearer:
		return profile.AuthJWTBearer
	}
	return profile.AuthClientCredentials
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
	scoped := map[Pos]bool{}
	for i := range c.Jobs {
		job := &c.Jobs[i]
		for _, from := range job.From {
			s.refers(from, "source", sources)
		}
		for _, to := range job.To {
			s.refers(to.Target, "target", targets)
			s.deletes(job, &to, c.Target(to.Target.Value))
			for _, group := range to.Users.MembersOf {
				if !scoped[group.Pos] { // it stands for every target
					scoped[group.Pos] = true
					s.scoped(group, job, c)
				}
			}
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

// scoped reports a group by which people of a source without groups are to be in scope.
func (s spot) scoped(group Text, job *Job, c *Config) {
	for _, from := range job.Sources() {
		if source := c.Source(from); source != nil && !source.HasGroups() {
			s.wrong(group.Pos, "source "+from+" has no groups", "add groups: under it")
		}
	}
}

// deletes reports leavers that are to be deleted at a service whose profile does not allow that.
func (s spot) deletes(job *Job, to *To, target *Target) {
	if to.Leavers.Action != LeaverDelete || target == nil || target.Profile == nil || target.Profile.Delete.Allowed {
		return
	}
	path := "jobs." + job.Name + ".to." + target.Name + ".leavers.action"
	if !s.has(path) {
		path = "jobs." + job.Name + ".leavers.action"
	}
	hint := "write deactivate, or, if it is meant, options: {delete: {allowed: true}} at the target"
	if target.Profile.Delete.Effect == profile.DeleteUnsupported {
		hint = "write deactivate"
	}
	s.wrong(s.child(path), target.Name+" does not allow that: delete.effect of profile "+target.Profile.Name+" is "+string(target.Profile.Delete.Effect), hint)
}

// renamed reports a former name that is still in use: its state cannot have two heirs.
func (s spot) renamed(path, from string, known []string) {
	if from != "" && slices.Contains(known, from) {
		kind, _, _ := strings.Cut(path, ".")
		s.wrong(s.child(path+".renamed_from"), from+" is still the name of one of the "+kind, "a former name is free; remove renamed_from when both exist")
	}
}
