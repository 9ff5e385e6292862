package app

import (
	"fmt"
	"slices"

	"scimsync/cmd/internal/config"
	"scimsync/sync/diff"
	"scimsync/sync/engine"
	"scimsync/sync/mapping"
	"scimsync/sync/record"
	"scimsync/sync/resource"
	"scimsync/targets/scim"
)

// groupName is the attribute that groups of every source have.
const groupName = "name"

// groups adds to a flow what is done about groups. Where the service has none, that is said,
// and people go on.
func (b *builder) groups(f config.Flow, flow *engine.Flow, client *scim.Target) error {
	if f.Groups == nil {
		return nil
	}
	if why := client.NoGroups(); why != "" {
		problem := b.cfg.Place("jobs."+f.Job+".groups").Problem(why, "people go on without groups; write groups: null at this target to have it said no more")
		problem.Path = "jobs." + f.Job + ".groups at " + f.Target
		b.warn(flow, "groups: "+why, problem)
		return nil
	}
	at := client.Groups()
	flow.Groups = &engine.Groups{Client: at, Shape: at.Shape(), Programs: map[string]*mapping.Program{}, Match: groupMatch(f.Groups),
		Leavers:       map[config.GroupLeavers]diff.GroupLeavers{config.GroupEmpty: diff.EmptyGroups, config.GroupDelete: diff.DeleteGroups}[f.Groups.Leavers],
		StripInactive: f.Leavers.Members == config.LeaverMembersRemove}
	for _, from := range f.From {
		program, err := b.groupProgram(f, from, flow.Groups.Shape)
		if err != nil {
			return err
		}
		if flow.Groups.Programs[from] = program; program == nil {
			continue
		}
		for _, w := range program.Warnings() {
			b.warn(flow, "groups: "+w.String(), atPlace(w, f, "groups"))
		}
	}
	return nil
}

func groupMatch(g *config.Groups) (match []string) {
	if g == nil {
		return nil
	}
	for _, by := range g.Match {
		match = append(match, string(by))
	}
	return match
}

// groupProgram compiles what a flow says of groups of one source. Without a line of its own
// a group is called what it is called there.
func (b *builder) groupProgram(f config.Flow, from string, shape resource.Shape) (*mapping.Program, error) {
	src, err := b.described(from)
	if err != nil {
		return nil, err
	}
	b.grouped(f, from)
	place := b.cfg.Place("jobs." + f.Job + ".groups").String()
	spec := mapping.Spec{Shape: shape, Source: from, Groups: mapping.OfGroups, Read: b.session.program().Command("read", from, "--groups", "--raw"),
		Schema:  record.Schema{Names: src.schema.GroupNames},
		Include: mapping.Line{Expr: f.Groups.Include.Value, Place: place},
		Lines:   laid(f.Groups.Map, []defaultLine{{"displayName", groupName}}, "default map of groups", shape)}
	if f.Groups.Include.Value != "" {
		spec.Include.Place = f.Groups.Include.Pos.String()
	}
	program, problems := mapping.Compile(spec)
	if len(problems) > 0 && b.lenient {
		program, _ = mapping.Compile(without(spec, problems))
		return program, nil
	}
	for _, p := range problems {
		b.problems = append(b.problems, atPlace(p, f, "groups"))
	}
	return program, nil
}

// groupNames gives the attributes of groups that jobs use, sorted, by source; a source whose
// groups nobody uses is not among them.
func (b *builder) groupNames(names []string) map[string][]string {
	used := map[string][]string{}
	for _, j := range b.cfg.Jobs {
		if !slices.Contains(names, j.Name) && !b.shares(j.Name) {
			continue
		}
		for _, f := range b.cfg.Flows(j.Name) {
			for _, from := range f.From {
				used[from] = append(used[from], b.groupNamesOf(f, from)...)
				if b.asked[from] || len(f.Users.MembersOf) > 0 {
					used[from] = append(used[from], groupName)
				}
			}
		}
	}
	for source, list := range used {
		slices.Sort(list)
		used[source] = slices.Compact(list) // nil stays nil
	}
	b.problems = nil // those of other jobs are theirs
	return used
}

// groupNamesOf gives the attributes of groups that a flow uses; none: it uses no groups.
func (b *builder) groupNamesOf(f config.Flow, from string) []string {
	if f.Groups == nil || b.sources[from] == nil {
		return nil
	}
	program, err := b.groupProgram(f, from, resource.Group7643())
	if err != nil || program == nil {
		return []string{groupName}
	}
	return append(program.Names(), groupName)
}

// nestings are the ways to see a group in a group, by their words in the config.
var nestings = map[config.Nested]engine.Nesting{config.NestedFlatten: engine.Flatten, config.NestedKeep: engine.KeepNested, config.NestedDirect: engine.DirectOnly}

// grouped tells of a job that wants groups of a source that has none.
func (b *builder) grouped(f config.Flow, from string) {
	if f.Groups == nil || b.cfg.Source(from).HasGroups() {
		return
	}
	b.problems = append(b.problems, b.cfg.Place("jobs."+f.Job+".groups").Problem(fmt.Sprintf("source %s has no groups", from), "add groups: under it, or take groups: out of the job"))
}

// asking says whether mappings of people of a source may ask for their groups.
func asking(source *config.Source) mapping.Asking {
	if source.HasGroups() {
		return mapping.Groups
	}
	return mapping.NoGroups
}

// membersOf lists the groups by which people are in scope.
func membersOf(u config.Users) (groups []string) {
	for _, group := range u.MembersOf {
		groups = append(groups, group.Value)
	}
	return groups
}

// scopes lists the groups by which any job has people of a source in scope, sorted.
func (b *builder) scopes(source string) (groups []string) {
	for _, j := range b.cfg.Jobs {
		for _, f := range b.cfg.Flows(j.Name) {
			if slices.Contains(f.From, source) {
				groups = append(groups, membersOf(f.Users)...)
			}
		}
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}
