package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	"scimsync/cmd/internal/config"
	"scimsync/sources/csv"
	"scimsync/sources/ldap"
	"scimsync/sync/diff"
	"scimsync/sync/engine"
	"scimsync/sync/ledger"
	"scimsync/sync/mapping"
	"scimsync/sync/plan"
	"scimsync/sync/resource"
	"scimsync/targets/scim"
	"scimsync/targets/scim/profile"
)

// source gives a source, made at its first use.
func (s *session) source(name string) (*source, error) {
	if src := s.sources[name]; src != nil {
		return src, nil
	}
	src, err := newSource(s.cfg.Source(name), s.Idle)
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", name, err)
	}
	s.sources[name] = src
	return src, nil
}

func newSource(cfg *config.Source, idle time.Duration) (*source, error) {
	if cfg.CSV != nil {
		return newCSV(cfg.CSV)
	}
	return newLDAP(cfg.LDAP, idle)
}

func newCSV(cfg *config.CSV) (*source, error) {
	users := csvFile(cfg.Users.CSVFile)
	options := csv.Options{Path: users.Path, Pick: users.Pick, Key: cfg.Users.Key, Delimiter: users.Delimiter, Encoding: users.Encoding,
		Settled: cfg.Ready.Settled, Manifest: cfg.Ready.Manifest, MaxAge: cfg.MaxAge, MinRows: cfg.MinRows}
	identity := map[string]string{"kind": "csv", "key": cfg.Users.Key}
	if g, m := cfg.Groups, cfg.Members; g != nil {
		options.Groups = &csv.Groups{File: csvFile(g.CSVFile), Key: g.Key}
		options.Members = &csv.Members{File: csvFile(m.CSVFile), Group: m.Group, User: m.User, Subgroup: m.Subgroup}
		identity["groups key"] = g.Key
	}
	reader, err := csv.New(options)
	if err != nil {
		return nil, err
	}
	return &source{Source: reader, identity: identity,
		defaults: func(context.Context) ([]defaultLine, error) { return nil, nil }}, nil
}

func csvFile(f config.CSVFile) csv.File {
	picks := map[config.Pick]csv.Pick{config.PickNewest: csv.Newest, config.PickName: csv.Name}
	encodings := map[config.Encoding]csv.Encoding{config.EncodingUTF8: csv.UTF8, config.EncodingUTF16: csv.UTF16,
		config.EncodingWindows1252: csv.Windows1252, config.EncodingISO885915: csv.ISO885915}
	return csv.File{Path: f.Path, Pick: picks[f.Pick], Delimiter: f.Delimiter, Encoding: encodings[f.Encoding]}
}

func newLDAP(cfg *config.LDAP, idle time.Duration) (*source, error) {
	vendor, err := ldap.ParseVendor(string(cfg.Vendor))
	if err != nil {
		return nil, err
	}
	options := ldap.Options{URLs: cfg.URLs, Vendor: vendor, PageSize: cfg.PageSize, IdleTimeout: idle,
		TLS: ldap.TLS{CAFile: cfg.TLS.CAFile, StartTLS: cfg.TLS.StartTLS}, Users: ldapEntries(cfg.Users)}
	identity := map[string]string{"kind": "ldap"}
	identify(identity, "", cfg.Users)
	if g := cfg.Groups; g != nil {
		options.Groups = &ldap.Groups{Entries: ldapEntries(g.LDAPEntries), Members: ldap.Members(g.Members)}
		identify(identity, "groups ", g.LDAPEntries)
		identity["groups members"] = strings.TrimSpace(g.Members.Attr + " " + g.Members.User)
	}
	options.Bind = ldap.Bind{User: cfg.Bind.User}
	if cfg.Bind.Method == config.MethodExternal {
		options.Bind.Method = ldap.External
	}
	if cfg.Bind.Password.Given() {
		options.Bind.Password = cfg.Bind.Password.Resolve
	}
	reader, err := ldap.New(options)
	if err != nil {
		return nil, err
	}
	return &source{Source: reader, identity: identity,
		defaults: func(ctx context.Context) ([]defaultLine, error) {
			vendor, err := reader.Vendor(ctx)
			if err != nil {
				return nil, err
			}
			return vendorLines(vendor), nil
		}}, nil
}

func ldapEntries(e config.LDAPEntries) ldap.Entries {
	out := ldap.Entries{Base: e.Base, Exclude: e.Exclude, Filter: e.Filter, Anchor: e.Anchor, Attributes: e.Attributes}
	if e.Scope == config.ScopeOne {
		out.Scope = ldap.One
	}
	return out
}

// identify notes what makes entries of a directory the ones they are.
func identify(identity map[string]string, of string, e config.LDAPEntries) {
	maps.Copy(identity, map[string]string{of + "base": strings.Join(e.Base, " | "), of + "anchor": e.Anchor,
		of + "filter": e.Filter, of + "scope": string(e.Scope), of + "exclude": strings.Join(e.Exclude, " | ")})
}

func vendorLines(vendor ldap.Vendor) []defaultLine {
	var lines []defaultLine
	for _, l := range ldap.DefaultMap(vendor) {
		lines = append(lines, defaultLine{l.Path, l.Expr})
	}
	return lines
}

// genericLines stand for the map of a directory that has not been asked what it is.
func genericLines() []defaultLine { return vendorLines(ldap.Generic) }

// builder compiles the mappings of a config. It describes each source once.
type builder struct {
	*session
	ctx      context.Context
	problems config.Problems
	warnings config.Problems            // what services do not take of what the jobs say
	asked    map[string]bool            // by source: whether mappings ask in which groups a person is; from needed
	refs     map[string]map[string]bool // by source: the attributes by which mappings refer to people; from needed
	// lenient leaves out what does not compile: for somebody who is only looked at.
	lenient bool
}

// jobs makes jobs ready to run. Problems of their mappings are the error, all of them
// with their places; what other jobs need of the same sources is read along.
func (s *session) jobs(ctx context.Context, names []string) ([]engine.Job, error) {
	return (&builder{session: s, ctx: ctx}).jobs(names)
}

func (b *builder) jobs(names []string) ([]engine.Job, error) {
	var jobs []engine.Job
	for _, name := range names {
		job, err := b.job(name)
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, job)
	}
	if len(b.problems) > 0 && !b.lenient {
		return nil, once(b.problems)
	}
	needed, groupNames := b.needed(names), b.groupNames(names)
	for i := range jobs {
		for k := range jobs[i].Sources {
			src := &jobs[i].Sources[k]
			src.Names, src.GroupNames = slices.Sorted(maps.Keys(needed[src.Name])), groupNames[src.Name]
			src.Scopes, src.Refs = b.scopes(src.Name), slices.Sorted(maps.Keys(b.refs[src.Name]))
		}
	}
	return jobs, nil
}

// fromSources is the part of a job's fingerprint that names its sources.
const fromSources = "from"

func (b *builder) job(name string) (engine.Job, error) {
	cfg := b.cfg.Job(name)
	job := engine.Job{Name: name, Fingerprint: map[string]string{fromSources: strings.Join(cfg.Sources(), ",")}}
	for _, from := range cfg.Sources() {
		src, err := b.source(from)
		if err != nil {
			return job, err
		}
		job.Sources = append(job.Sources, engine.Source{Name: from, Reader: src, Fingerprint: src.identity,
			MaxShrink: b.cfg.Source(from).MaxShrink, Nested: nestings[b.cfg.Source(from).Nested()]})
	}
	for _, f := range b.cfg.Flows(name) {
		flow, err := b.flow(f)
		if err != nil {
			return job, err
		}
		job.Flows = append(job.Flows, flow)
	}
	return job, nil
}

func (b *builder) flow(f config.Flow) (engine.Flow, error) {
	t, err := b.target(f.Target)
	if err != nil {
		return engine.Flow{}, err
	}
	var match []string
	for _, by := range f.Users.Match {
		match = append(match, string(by))
	}
	takesOver := t.cfg.Profile.Create.MayAdoptSilently
	if takesOver && !slices.Contains(match, plan.MatchEmail) {
		match = append(match, plan.MatchEmail)
	}
	client, err := b.client(t, match, groupMatch(f.Groups))
	if err != nil {
		return engine.Flow{}, err
	}
	flow := engine.Flow{Flow: ledger.Flow{Job: f.Job, Target: f.Target}, Programs: map[string]*mapping.Program{}, Client: client,
		MembersOf: membersOf(f.Users), Shape: b.owned(client.Shape(), f.Users.Own), Lane: t.lane, Retries: t.profile.Retry.Max, Match: match, MailTakesOver: takesOver, Adopt: adoption(f.Users.Adopt),
		Leavers: leavers(f.Leavers), Fate: fate(t.cfg.Profile), Guard: guard(f.Guard), Window: f.Guard.Window, Protect: t.protect, Identity: t.identity}
	for _, from := range f.From {
		program, err := b.program(f, from, flow.Shape)
		if err != nil {
			return flow, err
		}
		if flow.Programs[from] = program; program == nil {
			continue
		}
		for _, w := range program.Warnings() {
			b.warn(&flow, w.String(), atPlace(w, f, "users"))
		}
	}
	b.lookups(f, &flow, t.cfg.Profile)
	return flow, b.groups(f, &flow, client)
}

// owned gives the shape with what the job owns of multi-valued attributes.
func (b *builder) owned(shape resource.Shape, own config.Own) resource.Shape {
	owned := map[string]bool{}
	for i := range shape.Attrs {
		if def := &shape.Attrs[i]; def.Multi && own.Default == config.OwnAll {
			owned[def.Path()] = true
		}
	}
	for _, line := range own.Lines {
		path := resource.Split(line.Path.Value)
		def, known := shape.Find(path.URN, path.Attr)
		if !known || !def.Multi {
			b.problems = append(b.problems, line.Path.Pos.Problem(fmt.Sprintf("%q is no multi-valued attribute", line.Path.Value), ""))
			continue
		}
		owned[def.Path()] = line.Own == config.OwnAll
	}
	shape.Own = owned
	return shape
}

// described gives a source of which is known what it can give.
func (b *builder) described(from string) (*source, error) {
	src, err := b.source(from)
	if err != nil || src.schema != nil {
		return src, err
	}
	schema, err := src.Describe(b.ctx)
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", from, err)
	}
	src.schema = &schema
	return src, nil
}

// program compiles the mapping of a flow for one source.
func (b *builder) program(f config.Flow, from string, shape resource.Shape) (*mapping.Program, error) {
	src, err := b.described(from)
	if err != nil {
		return nil, err
	}
	if src.lines == nil {
		if src.lines, err = src.defaults(b.ctx); err != nil {
			return nil, fmt.Errorf("source %s: %w", from, err)
		}
	}
	u := f.Users
	spec := mapping.Spec{Shape: shape, Schema: *src.schema, Source: from, Read: b.session.program().Command("read", from, "--raw"),
		Groups: asking(b.cfg.Source(from)), References: true}
	spec.Include = mapping.Line{Expr: u.Include.Value, Place: b.cfg.Place("jobs." + f.Job + ".users.map").String()}
	if u.Include.Value != "" {
		spec.Include.Place = u.Include.Pos.String()
	}
	if a := u.ActiveFrom; a != nil {
		spec.From = &mapping.Instant{Expr: a.Value.Value, Layout: a.Format.Layout, Zone: a.Zone, Early: a.Early,
			Inactive: a.Before == config.BeforeInactive, Place: a.Value.Pos.String()}
	}
	if a := u.ActiveUntil; a != nil {
		spec.Until = &mapping.Instant{Expr: a.Value.Value, Layout: a.Format.Layout, Zone: a.Zone,
			LastDayIncluded: a.LastDay == config.LastDayIncluded, None: a.None, Place: a.Value.Pos.String()}
	}
	spec.Lines = lines(u, src.lines, from, shape)
	program, problems := mapping.Compile(spec)
	if len(problems) > 0 && b.lenient {
		program, _ = mapping.Compile(without(spec, problems))
		return program, nil
	}
	for _, p := range problems {
		b.problems = append(b.problems, atPlace(p, f, "users"))
	}
	return program, nil
}

// without gives a spec without what has problems.
func without(spec mapping.Spec, problems []mapping.Problem) mapping.Spec {
	wrong := func(path string) bool {
		return slices.ContainsFunc(problems, func(p mapping.Problem) bool { return p.Path == path })
	}
	if wrong("include") {
		spec.Include.Expr = ""
	}
	if wrong("active_from") {
		spec.From = nil
	}
	if wrong("active_until") {
		spec.Until = nil
	}
	spec.Lines = slices.DeleteFunc(slices.Clone(spec.Lines), func(l mapping.Line) bool { return wrong(l.Path) })
	return spec
}

// lines lays the lines of the config over the source's default map.
func lines(u config.Users, defaults []defaultLine, from string, shape resource.Shape) []mapping.Line {
	if u.MapOnly {
		defaults = nil
	}
	return laid(u.Map, defaults, "default map of source "+from, shape)
}

// laid lays the lines of the config over those that stand without it.
func laid(over []config.MapLine, defaults []defaultLine, place string, shape resource.Shape) []mapping.Line {
	own := map[string]bool{}
	var lines []mapping.Line
	for _, l := range over {
		own[canonical(shape, l.Path.Value)] = true
		if l.Drop {
			continue
		}
		when := map[config.When]resource.When{config.WhenCreate: resource.OnlyCreate, config.WhenEmpty: resource.OnlyEmpty}[l.When]
		lines = append(lines, mapping.Line{Path: l.Path.Value, Expr: l.Expr.Value, When: when, Place: l.Path.Pos.String()})
	}
	for _, d := range defaults {
		if !own[canonical(shape, d.path)] {
			lines = append(lines, mapping.Line{Path: d.path, Expr: d.expr, Place: place})
		}
	}
	return lines
}

func canonical(shape resource.Shape, path string) string {
	if p, err := shape.Parse(path); err == nil {
		return p.String()
	}
	return path
}

// atPlace gives a mapping problem the place in the config that it came with.
func atPlace(p mapping.Problem, f config.Flow, part string) config.Problem {
	at := ""
	if p.Service {
		at = " at " + f.Target
	}
	problem := config.Problem{File: p.Place, Path: "jobs." + f.Job + "." + part + at + ": " + p.Path, Message: p.Message, Hint: p.Hint}
	parts := strings.Split(p.Place, ":")
	if n := len(parts); n >= 3 {
		var line, column int
		if _, err := fmt.Sscanf(parts[n-2]+" "+parts[n-1], "%d %d", &line, &column); err == nil {
			problem.File, problem.Line, problem.Column = strings.Join(parts[:n-2], ":"), line, column
		}
	}
	return problem
}

// needed gives the attributes that the mappings of all jobs use, by source: the
// mirror serves them all. A job that does not compile counts only if it is to run.
func (b *builder) needed(names []string) map[string]map[string]bool {
	needed := map[string]map[string]bool{}
	b.asked, b.refs = map[string]bool{}, map[string]map[string]bool{}
	var all []string
	for _, j := range b.cfg.Jobs {
		all = append(all, j.Name)
	}
	sort.Strings(all)
	for _, name := range all {
		if !slices.Contains(names, name) && !b.shares(name) {
			continue
		}
		for _, f := range b.cfg.Flows(name) {
			for _, from := range f.From {
				if b.sources[from] == nil {
					continue
				}
				shape, err := scim.ShapeOf(b.cfg.Target(f.Target).Profile)
				if err != nil {
					continue
				}
				program, err := b.program(f, from, b.owned(shape, f.Users.Own))
				if err != nil || program == nil {
					continue
				}
				if needed[from] == nil {
					needed[from], b.refs[from] = map[string]bool{}, map[string]bool{}
				}
				for _, by := range program.References() {
					b.refs[from][by] = true
				}
				for _, n := range program.Names() {
					needed[from][n] = true
				}
				if program.Groups() {
					b.asked[from] = true
				}
			}
		}
	}
	b.problems = nil // those of other jobs are theirs
	return needed
}

// shares tells whether a job reads a source that is in use.
func (b *builder) shares(job string) bool {
	for _, from := range b.cfg.Job(job).Sources() {
		if b.sources[from] != nil {
			return true
		}
	}
	return false
}

func adoption(a config.Adopt) diff.Adoption {
	values := map[config.AdoptValues]diff.Values{config.AdoptFill: diff.FillValues, config.AdoptOverwrite: diff.OverwriteValues, config.AdoptKeep: diff.KeepValues}
	return diff.Adoption{Never: a.Existing == config.ExistingNever, Free: a.Existing == config.ExistingYes, Values: values[a.Values]}
}

func leavers(l config.Leavers) diff.Leavers {
	return map[config.LeaverAction]diff.Leavers{config.LeaverDeactivate: diff.DeactivateLeavers,
		config.LeaverDelete: diff.DeleteLeavers, config.LeaverKeep: diff.KeepLeavers}[l.Action]
}

// fate is what deactivation leaves of an account at a service.
func fate(p *profile.Profile) plan.Fate {
	switch {
	case p.Deactivate.Effect == profile.EffectDisable:
		return plan.FateDisabled
	case p.Reactivate.Method == profile.ReactivateRepost:
		return plan.FateGone
	}
	return plan.FateRemoved
}

func guard(g config.Guard) plan.Guard {
	rule := func(l config.Limit) plan.Rule { return plan.Rule(l) }
	return plan.Guard{FirstRunGoes: g.FirstRun == config.FirstRunGo, Rules: map[string]plan.Rule{
		plan.LimitDeactivate: rule(g.Deactivate), plan.LimitDelete: rule(g.Delete), plan.LimitUpdate: rule(g.Update),
		plan.LimitCreate: rule(g.Create), plan.LimitAdopt: rule(g.Adopt), plan.LimitRename: rule(g.Rename),
		plan.LimitMemberRemove: rule(g.MemberRemove)}}
}

// jobNames gives the jobs that a command is for: those named, or all of them.
func (s *session) jobNames(args []string) ([]string, error) {
	if len(args) == 0 {
		var names []string
		for _, j := range s.cfg.Jobs {
			names = append(names, j.Name)
		}
		if len(names) == 0 {
			return nil, errors.New("the config has no job")
		}
		return names, nil
	}
	for _, name := range args {
		if s.cfg.Job(name) == nil {
			var known []string
			for _, j := range s.cfg.Jobs {
				known = append(known, j.Name)
			}
			return nil, usageError{fmt.Errorf("there is no job %q; the config has %s", name, strings.Join(known, ", "))}
		}
	}
	return args, nil
}
