package config

import (
	"path"
	"strconv"
	"time"

	"scimsync/targets/scim/profile"
)

// root is the whole file.
type root struct {
	version int
	Config
}

// noLimit bounds whole numbers that have no limit of their own.
const noLimit = 1_000_000_000

var rootTable = table[root]{
	doc:  "Configuration of scimsync.",
	free: freeKeys,
	fields: []field[root]{
		key("version", version(), func(r *root) *int { return &r.version }, "The version of this format: 1.").must(),
		key("state", stateTable.kind(), func(r *root) *State { return &r.State }, "Where scimsync keeps what it knows."),
		key("log", logTable.kind(), func(r *root) *Log { return &r.Log }, "What is logged and how."),
		key("sources", named(sourceTable, func(s *Source) (*string, *Pos) { return &s.Name, &s.Pos }), func(r *root) *[]Source { return &r.Sources },
			"Where people are read from, by name.").must(),
		key("targets", named(targetTable, func(t *Target) (*string, *Pos) { return &t.Name, &t.Pos }), func(r *root) *[]Target { return &r.Targets },
			"The SCIM service providers, by name.").must(),
		key("jobs", named(jobTable, func(j *Job) (*string, *Pos) { return &j.Name, &j.Pos }), func(r *root) *[]Job { return &r.Jobs },
			"Which people of which sources are kept at which targets, by name.").must(),
	},
	check: func(s spot, r *root) { checkReferences(s, &r.Config) },
}

var stateTable = table[State]{fields: []field[State]{
	key("dir", filePath(), func(s *State) *string { return &s.Dir }, "The directory of the state file, mode 0700. Default: $STATE_DIRECTORY, else /var/lib/scimsync."),
}}

var logTable = table[Log]{fields: []field[Log]{
	keyOr("level", word("debug", "info", "warn", "error"), func(l *Log) *string { return &l.Level }, "info", "The least severe level that is logged."),
	keyOr("format", word("auto", "json", "console"), func(l *Log) *string { return &l.Format }, "auto",
		"auto is console on a terminal, lines with a priority under journald, and else JSON."),
}}

var sourceTable = table[Source]{
	fields: []field[Source]{
		key("renamed_from", text("the name this source had before"), func(s *Source) *string { return &s.RenamedFrom }, "The name this source had before; its state follows."),
		keyOr("max_shrink", percentage(), func(s *Source) *float64 { return &s.MaxShrink }, 40,
			"How much smaller than the last accepted one a full read may be; a smaller one, or an empty one, fails the source."),
		key("csv", pointer(csvTable.kind()), func(s *Source) **CSV { return &s.CSV }, "Files of comma-separated values."),
		key("ldap", pointer(ldapTable.kind()), func(s *Source) **LDAP { return &s.LDAP }, "A directory."),
	},
	check: func(s spot, _ *Source) {
		switch {
		case s.has("csv") && s.has("ldap"):
			s.wrong(s.child("ldap"), "a source is csv or ldap, not both", "make two sources; a job can read both")
		case !s.has("csv") && !s.has("ldap"):
			s.wrong(s.key(), "the key csv or ldap is missing", "say where the people are")
		}
	},
	refine: oneOf("csv", "ldap"),
}

// oneOf demands exactly one of some keys.
func oneOf(names ...string) func(schema, mode) {
	return func(s schema, _ mode) {
		var one []any
		for _, name := range names {
			one = append(one, schema{"required": []any{name}})
		}
		s["oneOf"] = one
	}
}

var csvTable = table[CSV]{
	fields: []field[CSV]{
		key("users", csvUsersTable.kind(), func(c *CSV) *CSVUsers { return &c.Users }, "The file that holds people.").must(),
		key("groups", pointer(csvGroupsTable.kind()), func(c *CSV) **CSVGroups { return &c.Groups }, "The file that holds groups; with members."),
		key("members", pointer(csvMembersTable.kind()), func(c *CSV) **CSVMembers { return &c.Members }, "The file that holds who is in which group; with groups."),
		key("ready", readyTable.kind(), func(c *CSV) *Ready { return &c.Ready }, "When a file is known to be whole. Default: at once."),
		key("max_age", given(duration(time.Second)), func(c *CSV) *time.Duration { return &c.MaxAge }, "An older file fails the source. Default: any age will do."),
		keyOr("min_rows", integer(1, noLimit), func(c *CSV) *int { return &c.MinRows }, 1, "A file with fewer people fails the source."),
	},
	check: func(s spot, _ *CSV) {
		if s.has("groups") != s.has("members") {
			s.wrong(s.key(), "groups and members go together", "name both, or neither: who is in a group stands in a file of its own")
		}
	},
	refine: func(s schema, _ mode) {
		s["dependentRequired"] = schema{"groups": []any{"members"}, "members": []any{"groups"}}
	},
}

// csvFile are the keys of a file, whatever is in it.
func csvFile[T any](of func(*T) *CSVFile, more ...field[T]) table[T] {
	return table[T]{
		fields: append([]field[T]{
			key("path", filePath(), func(t *T) *string { return &of(t).Path }, "The file; may be a glob such as drop/people-*.csv.").must(),
			keyOr("pick", word(PickNewest, PickName), func(t *T) *Pick { return &of(t).Pick }, PickNewest,
				"Which of several files: newest by modification time, name for the highest file name."),
			keyOr("delimiter", column(), func(t *T) *rune { return &of(t).Delimiter }, ',', "One character, or the word tab."),
			keyOr("encoding", word(EncodingUTF8, EncodingUTF16, EncodingWindows1252, EncodingISO885915), func(t *T) *Encoding { return &of(t).Encoding }, EncodingUTF8,
				"How the file is encoded."),
		}, more...),
		check: func(s spot, t *T) {
			if _, err := path.Match(of(t).Path, ""); err != nil {
				s.wrong(s.child("path"), strconv.Quote(of(t).Path)+" is not a glob", `close the bracket, or write \[ for a bracket`)
			}
		},
	}
}

var csvUsersTable = csvFile(func(u *CSVUsers) *CSVFile { return &u.CSVFile },
	key("key", columnName(), func(u *CSVUsers) *string { return &u.Key }, "The column that identifies a person for good.").must())

var csvGroupsTable = csvFile(func(g *CSVGroups) *CSVFile { return &g.CSVFile },
	key("key", columnName(), func(g *CSVGroups) *string { return &g.Key }, "The column that identifies a group for good. Its name is in the column name, or else the key.").must(),
	nestedField(func(g *CSVGroups) *Nested { return &g.Nested }))

var csvMembersTable = csvFile(func(m *CSVMembers) *CSVFile { return &m.CSVFile },
	key("group", columnName(), func(m *CSVMembers) *string { return &m.Group }, "The column that holds the key of a group.").must(),
	key("user", columnName(), func(m *CSVMembers) *string { return &m.User }, "The column that holds the key of a person in it.").must(),
	key("subgroup", columnName(), func(m *CSVMembers) *string { return &m.Subgroup }, "The column that holds the key of a group in it, in rows without a person. Default: groups hold people only."))

func columnName() kind[string] { return text("the name of a column") }

func nestedField[T any](of func(*T) *Nested) field[T] {
	return keyOr("nested", word(NestedFlatten, NestedKeep, NestedDirect), of, NestedFlatten,
		"Who is a member of a group at a target through a group in it: flatten is everybody in that, however deep, keep is that group itself, direct is nobody.")
}

var readyTable = table[Ready]{
	fields: []field[Ready]{
		key("settled", given(duration(time.Second)), func(r *Ready) *time.Duration { return &r.Settled }, "Size and time of the file have not changed for this long."),
		key("manifest", manifest(), func(r *Ready) *string { return &r.Manifest }, `The file that vouches for it with rows and sha256, such as "{path}.ok".`),
	},
	check: func(s spot, _ *Ready) {
		switch {
		case s.has("settled") && s.has("manifest"):
			s.wrong(s.child("manifest"), "ready is settled or manifest, not both", "a manifest is the better proof")
		case !s.has("settled") && !s.has("manifest"):
			s.wrong(s.key(), "the key settled or manifest is missing", "remove ready when a file is whole at once")
		}
	},
	refine: oneOf("settled", "manifest"),
}

var targetTable = table[Target]{
	fields: []field[Target]{
		key("profile", profileOf(), func(t *Target) **profile.Profile { return &t.Profile },
			"What is special about this service provider: a built-in profile (scimsync profiles lists them), or a file. Default: rfc."),
		key("options", profileOptions(), func(t *Target) **profile.Profile { return &t.Profile }, "Knobs laid over those of the profile."),
		key("url", address("https://", "http://"), func(t *Target) *string { return &t.URL }, "The base URL of the SCIM service. A sandbox without one runs in-process."),
		key("auth", authTable.kind(), func(t *Target) *Auth { return &t.Auth }, "How requests are authenticated."),
		key("tls", tlsTable.kind(), func(t *Target) *TLS { return &t.TLS }, "Whom to trust, and with which certificate to answer."),
		key("pace", paceTable.kind(), func(t *Target) *Pace { return &t.Pace }, "Limits on requests. Default: the profile's."),
		key("protect", protectTable.kind(), func(t *Target) *Protect { return &t.Protect }, "Accounts that nothing may adopt, change, deactivate or delete."),
		key("timeout", given(duration(time.Second)), func(t *Target) *time.Duration { return &t.Timeout }, "How long one request may take. Default: the profile's."),
	},
	check: checkTarget,
}

var tlsTable = table[TLS]{
	fields: []field[TLS]{
		key("ca_file", filePath(), func(t *TLS) *string { return &t.CAFile }, "Certificates to trust instead of the system's, PEM."),
		key("cert_file", filePath(), func(t *TLS) *string { return &t.CertFile }, "The client certificate, PEM; with key_file."),
		key("key_file", filePath(), func(t *TLS) *string { return &t.KeyFile }, "The key of the client certificate, PEM; with cert_file."),
	},
	check: func(s spot, _ *TLS) {
		if s.has("cert_file") != s.has("key_file") {
			s.wrong(s.key(), "cert_file and key_file go together", "name both, or neither")
		}
	},
	refine: func(s schema, _ mode) {
		s["dependentRequired"] = schema{"cert_file": []any{"key_file"}, "key_file": []any{"cert_file"}}
	},
}

var paceTable = table[Pace]{fields: []field[Pace]{
	key("rate", rate(), func(p *Pace) *Rate { return &p.Rate }, "Requests per second, minute, hour or day, such as 10/m."),
	key("burst", given(integer(1, 1000)), func(p *Pace) *int { return &p.Burst }, "How many requests may go at once after a rest."),
	key("concurrency", given(integer(1, 64)), func(p *Pace) *int { return &p.Concurrency }, "How many requests may be under way."),
}}

// given is a value that is zero, and not told, where the file has none.
func given[T comparable](k kind[T]) kind[T] {
	tellAll := k.lines
	k.lines = func(value *T, tell emit) {
		if *value != *new(T) {
			tellAll(value, tell)
		}
	}
	return k
}

var protectTable = table[Protect]{
	fields: []field[Protect]{
		key("userName", list(text("a userName or a glob"), inBrackets), func(p *Protect) *[]string { return &p.UserNames }, "Accounts by userName; globs such as svc-* are allowed."),
		key("id", list(literal(), inBrackets), func(p *Protect) *[]string { return &p.IDs }, "Accounts by the id the service provider gave them."),
		key("file", filePath(), func(p *Protect) *string { return &p.File }, "A file with one userName or glob per line, or id:ID; # begins a comment."),
	},
	check: func(s spot, p *Protect) {
		for i, glob := range p.UserNames {
			if _, err := path.Match(glob, ""); err != nil {
				s.wrong(s.child("userName["+strconv.Itoa(i)+"]"), strconv.Quote(glob)+" is not a glob", `close the bracket, or write \[ for a bracket`)
			}
		}
	},
}
