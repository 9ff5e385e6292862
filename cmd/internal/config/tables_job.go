package config

import (
	"time"

	"scimsync/internal/strictyaml"
)

var jobTable = table[Job]{
	fields: []field[Job]{
		key("renamed_from", text("the name this job had before"), func(j *Job) *string { return &j.RenamedFrom }, "The name this job had before; its state follows."),
		key("from", list(name("a source"), alone), func(j *Job) *[]Text { return &j.From }, "The sources that say who exists; several need union.").must(),
		keyOr("union", yesNo(), func(j *Job) *bool { return &j.Union }, false, "Several sources are meant: whoever is in any of them exists."),
		key("schedule", text("a schedule such as */15 * * * *"), func(j *Job) *string { return &j.Schedule },
			"When the job runs: the five fields of cron, @hourly and the like, or @every 15m. Default: only when asked."),
		keyOr("timezone", zone(), func(j *Job) **time.Location { return &j.Timezone }, time.UTC, "The zone of schedule, and of dates that name none."),
		keyOr("jitter", duration(0), func(j *Job) *time.Duration { return &j.Jitter }, 0, "Each run starts up to this much later."),
		key("users", usersTable.kind(), func(j *Job) *Users { return &j.Users }, "Who is in scope, and what a target should hold of them."),
		key("groups", optional(groupsTable.kind()), func(j *Job) **Groups { return &j.Groups }, "Which groups a target is to have. Default: groups are left alone."),
		key("leavers", leaversTable.kind(), func(j *Job) *Leavers { return &j.Leavers }, "What becomes of people who left."),
		key("guard", guardTable.kind(), func(j *Job) *Guard { return &j.Guard }, "Limits on one run; what is over them waits for approve."),
		toField().must(), // last: its lines are laid over those above
	},
	check: checkJob,
}

// name is the name of something that the file defines elsewhere.
func name(what string) kind[Text] {
	return kind[Text]{
		schema: func(mode) schema { return schema{"type": "string", "minLength": 1} },
		decode: func(s spot, n *strictyaml.Node, into *Text) {
			if s.wantsText(n, "the name of "+what) {
				*into = Text{Value: n.Text, Pos: s.at(n)}
			}
		},
		lines: func(value *Text, tell emit) { tell("", value.Value) },
	}
}

var usersTable = table[Users]{fields: []field[Users]{
	key("members_of", list(name("a group"), alone), func(u *Users) *[]Text { return &u.MembersOf },
		"Groups of the source, by name, DN or key: who is in none of them, groups in groups counted, is out of scope. Default: everybody may be in scope."),
	key("include", expression(), func(u *Users) *Text { return &u.Include }, "The expression that is true of people in scope. Default: everybody."),
	key("active_from", optional(activeFromTable.kind()), func(u *Users) **ActiveFrom { return &u.ActiveFrom }, "From which day a person is active."),
	key("active_until", optional(activeUntilTable.kind()), func(u *Users) **ActiveUntil { return &u.ActiveUntil }, "Until which day a person is active."),
	keyOr("match", list(word(MatchExternalID, MatchUserName, MatchEmail), inBrackets), func(u *Users) *[]MatchBy { return &u.Match },
		[]MatchBy{MatchExternalID, MatchUserName, MatchEmail}, "By what an account that is there already is found, in this order."),
	key("adopt", adoptTable.kind(), func(u *Users) *Adopt { return &u.Adopt }, "What becomes of an account that is there already."),
	key("own", own(), func(u *Users) *Own { return &u.Own }, "What is removed from multi-valued attributes: only elements that were pushed, or all that was not."),
	key("map", mapLines(), func(u *Users) *[]MapLine { return &u.Map }, "SCIM paths and what they get, laid over the source's default map; null drops a line."),
	keyOr("map_only", yesNo(), func(u *Users) *bool { return &u.MapOnly }, false, "Use nothing of the source's default map."),
}}

var isoDate = DateFormat{Text: "YYYY-MM-DD", Layout: time.DateOnly}

var activeFromTable = table[ActiveFrom]{fields: []field[ActiveFrom]{
	key("value", expression(), func(a *ActiveFrom) *Text { return &a.Value }, "The expression that gives the first day.").must(),
	keyOr("format", dateFormat(), func(a *ActiveFrom) *DateFormat { return &a.Format }, isoDate, "How the day is written: YYYY, MM, DD, HH, mm, ss and punctuation."),
	key("zone", zone(), func(a *ActiveFrom) **time.Location { return &a.Zone }, "The zone in which the day begins. Default: the job's timezone."),
	keyOr("early", duration(0), func(a *ActiveFrom) *time.Duration { return &a.Early }, 0, "So much earlier than the day."),
	keyOr("before", word(BeforeAbsent, BeforeInactive), func(a *ActiveFrom) *Before { return &a.Before }, BeforeAbsent,
		"Until then there is no account (absent), or an inactive one."),
}}

var activeUntilTable = table[ActiveUntil]{fields: []field[ActiveUntil]{
	key("value", expression(), func(a *ActiveUntil) *Text { return &a.Value }, "The expression that gives the last day.").must(),
	keyOr("format", dateFormat(), func(a *ActiveUntil) *DateFormat { return &a.Format }, isoDate, "How the day is written: YYYY, MM, DD, HH, mm, ss and punctuation."),
	key("zone", zone(), func(a *ActiveUntil) **time.Location { return &a.Zone }, "The zone in which the day ends. Default: the job's timezone."),
	keyOr("last_day", word(LastDayIncluded, LastDayExcluded), func(a *ActiveUntil) *LastDay { return &a.LastDay }, LastDayIncluded,
		"Whether the person is still active on that day."),
	key("none", list(literal(), alone), func(a *ActiveUntil) *[]string { return &a.None }, "Values that mean that there is no end."),
}}

var adoptTable = table[Adopt]{fields: []field[Adopt]{
	keyOr("existing", word(ExistingAsk, ExistingYes, ExistingNever), func(a *Adopt) *Existing { return &a.Existing }, ExistingAsk,
		"Whether an account that is there already becomes ours: ask holds it for approve."),
	keyOr("values", word(AdoptFill, AdoptOverwrite, AdoptKeep), func(a *Adopt) *AdoptValues { return &a.Values }, AdoptFill,
		"fill sets what the account lacks, overwrite sets all that is mapped, keep sets nothing."),
}}

var groupsTable = table[Groups]{fields: []field[Groups]{
	key("include", expression(), func(g *Groups) *Text { return &g.Include }, "The expression that is true of groups in scope. Default: all of them."),
	keyOr("match", list(word(GroupMatchExternalID, GroupMatchDisplayName), inBrackets), func(g *Groups) *[]GroupMatchBy { return &g.Match },
		[]GroupMatchBy{GroupMatchExternalID, GroupMatchDisplayName}, "By what a group that is there already is found, in this order."),
	key("map", mapLines(), func(g *Groups) *[]MapLine { return &g.Map }, "SCIM paths and what they get. Default: displayName: name."),
	keyOr("leavers", word(GroupUnlink, GroupEmpty, GroupDelete), func(g *Groups) *GroupLeavers { return &g.Leavers }, GroupUnlink,
		"What becomes of a group that is gone, or out of scope: unlink leaves it as it is, empty takes its members out."),
}}

var leaversTable = table[Leavers]{fields: []field[Leavers]{
	keyOr("action", word(LeaverDeactivate, LeaverDelete, LeaverKeep), func(l *Leavers) *LeaverAction { return &l.Action }, LeaverDeactivate,
		"What becomes of the account of a person who left."),
	keyOr("members", word(LeaverMembersKeep, LeaverMembersRemove), func(l *Leavers) *LeaverMembers { return &l.Members }, LeaverMembersKeep,
		"Whether somebody whose account is deactivated stays a member of their groups."),
}}

var guardTable = table[Guard]{fields: []field[Guard]{
	keyOr("first_run", word(FirstRunHold, FirstRunGo), func(g *Guard) *FirstRun { return &g.FirstRun }, FirstRunHold,
		"hold makes the first run of the job at a target wait for approve, whatever its size."),
	keyOr("deactivate", limit(), func(g *Guard) *Limit { return &g.Deactivate }, bound(10, 50, 5), "Limit on deactivations."),
	keyOr("delete", limit(), func(g *Guard) *Limit { return &g.Delete }, bound(none, 0, 0), "Limit on deletions."),
	keyOr("update", limit(), func(g *Guard) *Limit { return &g.Update }, bound(50, none, 10), "Limit on updates."),
	keyOr("create", limit(), func(g *Guard) *Limit { return &g.Create }, bound(20, 500, 10), "Limit on creations."),
	keyOr("adopt", limit(), func(g *Guard) *Limit { return &g.Adopt }, bound(none, 0, 0), "Limit on adoptions."),
	keyOr("rename", limit(), func(g *Guard) *Limit { return &g.Rename }, bound(5, 20, 5), "Limit on changes of login or anchor."),
	keyOr("member_remove", limit(), func(g *Guard) *Limit { return &g.MemberRemove }, bound(30, none, 10), "Limit on members taken out: of each group, and of all of them together."),
	keyOr("window", duration(0), func(g *Guard) *time.Duration { return &g.Window }, 24*time.Hour, "Limits also count what was sent in this window."),
}}

// none is a bound that a default limit does not have.
const none = -1

func bound(percent float64, count, atLeast int) Limit {
	l := Limit{AtLeast: atLeast}
	if percent != none {
		l.Percent = &percent
	}
	if count != none {
		l.Count = &count
	}
	return l
}

var limitTable = table[Limit]{
	fields: []field[Limit]{
		key("percent", optional(share()), func(l *Limit) **float64 { return &l.Percent }, "Trips above this share of the live entries of the job at the target, in percent."),
		key("count", optional(integer(0, noLimit)), func(l *Limit) **int { return &l.Count }, "Trips above this number."),
		keyOr("at_least", integer(0, noLimit), func(l *Limit) *int { return &l.AtLeast }, 0, "Never trips up to this number."),
	},
	check: func(s spot, _ *Limit) {
		if s.over == "" && !s.has("percent") && !s.has("count") {
			s.wrong(s.key(), "a limit without percent and count limits nothing", "name one of them; to lift the limit, write percent: null")
		}
	},
	refine: func(s schema, m mode) {
		if m == whole {
			s["anyOf"] = []any{schema{"required": []any{"percent"}}, schema{"required": []any{"count"}}}
		}
	},
}

// limit is a limit of the guard. One that a job writes stands for itself, nothing of the default is left in it; one that a target
// writes is laid over the job's.
func limit() kind[Limit] {
	k := limitTable.kind()
	k.decode = func(s spot, n *strictyaml.Node, into *Limit) {
		if s.over == "" {
			*into = Limit{}
		}
		limitTable.decode(s, n, into)
	}
	return k
}
