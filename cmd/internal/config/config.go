// Package config turns the YAML config file into plain typed structs and reports every problem with its place.
//
// One table per mapping (tables*.go) names the keys, what each may hold, its default and its one-line explanation. The same
// table decodes the file, suggests the key that was meant, prints `check --effective` and makes the JSON Schema, so that these
// cannot disagree. A table knows its values by typed accessors; there is no reflection.
//
//	YAML text -> node tree (anchors, aliases and merges resolved, every node with line and column)
//	          -> walk along the tables: values, problems, the place of every line
//	          -> rules that look at more than one key (references, one owner per source and target, …)
//	          -> Config; Flows lays the lines of each target over its job
//
// What another package understands better stays text here and keeps its place (Text): expressions, SCIM paths, LDAP filters.
package config

import (
	"strings"
	"time"

	"scimsync/targets/scim/profile"
)

// Config is a whole config file: checked, defaults filled in, relative paths made absolute.
type Config struct {
	File    string // the file as it was named to Load
	State   State
	Log     Log
	Sources []Source // in the order of the file, as are Targets and Jobs
	Targets []Target
	Jobs    []Job

	places map[string]Pos
}

// State says where scimsync keeps what it knows.
type State struct {
	Dir string // absolute
}

// Log says what is logged and how.
type Log struct {
	Level  string // debug, info, warn or error
	Format string // auto, json or console
}

// Source returns the source of that name, or nil.
func (c *Config) Source(name string) *Source {
	for i := range c.Sources {
		if c.Sources[i].Name == name {
			return &c.Sources[i]
		}
	}
	return nil
}

// Target returns the target of that name, or nil.
func (c *Config) Target(name string) *Target {
	for i := range c.Targets {
		if c.Targets[i].Name == name {
			return &c.Targets[i]
		}
	}
	return nil
}

// Job returns the job of that name, or nil.
func (c *Config) Job(name string) *Job {
	for i := range c.Jobs {
		if c.Jobs[i].Name == name {
			return &c.Jobs[i]
		}
	}
	return nil
}

// Place says where the key at path stands ("sources.corp.ldap.users.filter"): for a key that the file leaves to its default, the
// nearest value above it that the file has. The Path of the answer is always the path asked for.
func (c *Config) Place(path string) Pos {
	for at := path; at != ""; {
		if pos, ok := c.places[at]; ok {
			pos.Path = path
			return pos
		}
		cut := strings.LastIndexAny(at, ".[")
		at = at[:max(cut, 0)]
	}
	return Pos{File: c.File, Line: 1, Column: 1, Path: path}
}

// Source is one place that people, and maybe groups, are read from: exactly one of CSV and LDAP is set.
type Source struct {
	Name        string
	RenamedFrom string  // the name this source had before, whose state it takes over; or ""
	MaxShrink   float64 // percent of the last accepted full read that may be missing before the source fails
	CSV         *CSV
	LDAP        *LDAP
	Pos         Pos
}

// HasGroups says whether the source has groups.
func (s *Source) HasGroups() bool {
	return s.CSV != nil && s.CSV.Groups != nil || s.LDAP != nil && s.LDAP.Groups != nil
}

// Nested says who counts as a member of a group of the source that has groups in it; "" where it has none.
func (s *Source) Nested() Nested {
	switch {
	case s.CSV != nil && s.CSV.Groups != nil:
		return s.CSV.Groups.Nested
	case s.LDAP != nil && s.LDAP.Groups != nil:
		return s.LDAP.Groups.Nested
	}
	return ""
}

// Nested says who counts as a member of a group that has groups in it.
type Nested string

// The ways to see a group in a group.
const (
	NestedFlatten Nested = "flatten" // everybody in it, however deep
	NestedKeep    Nested = "keep"    // the group itself
	NestedDirect  Nested = "direct"  // nobody
)

// CSV is a source of files.
type CSV struct {
	Users   CSVUsers
	Groups  *CSVGroups  // nil: there are none
	Members *CSVMembers // set if Groups is
	Ready   Ready
	MaxAge  time.Duration // an older file fails the source; 0: any age
	MinRows int           // a file with fewer people fails the source
}

// CSVFile says where a file is and how it is written.
type CSVFile struct {
	Path      string // absolute; may be a glob
	Pick      Pick   // which of several files that match
	Delimiter rune
	Encoding  Encoding
}

// CSVUsers says which file holds people.
type CSVUsers struct {
	CSVFile
	Key string // the column that identifies a person
}

// CSVGroups says which file holds groups.
type CSVGroups struct {
	CSVFile
	Key    string // the column that identifies a group
	Nested Nested
}

// CSVMembers says which file holds who is in which group.
type CSVMembers struct {
	CSVFile
	Group, User, Subgroup string // columns of keys; Subgroup may be ""
}

// Ready says when a file is known to be whole. The zero value: at once.
type Ready struct {
	Settled  time.Duration // size and time unchanged for this long; or 0
	Manifest string        // the file that vouches for it, with "{path}" for the file's absolute path; or ""
}

// LDAP is a source that is a directory.
type LDAP struct {
	URLs     []string // tried in order
	Vendor   Vendor
	Bind     Bind
	TLS      LDAPTLS
	Users    LDAPEntries
	Groups   *LDAPGroups // nil: there are none
	PageSize int
}

// Bind says who scimsync is to the directory.
type Bind struct {
	Method   Method
	User     string // a DN or a UPN; "" with MethodExternal
	Password Secret // not given with MethodExternal
}

// LDAPTLS says how the connection to a directory is protected.
type LDAPTLS struct {
	CAFile   string // absolute, PEM; "": the system's
	StartTLS bool
}

// LDAPGroups says which entries are groups, and how they name their members.
type LDAPGroups struct {
	LDAPEntries
	Members LDAPMembers
	Nested  Nested
}

// LDAPMembers says how groups name their members. The zero value: as the vendor's groups do.
type LDAPMembers struct {
	Attr string // of groups
	User string // the attribute of people whose values stand in Attr; "": DNs do
}

// LDAPEntries says which entries are people, or groups.
type LDAPEntries struct {
	Base       []string // DNs
	Exclude    []string // DNs of subtrees that are left out
	Filter     string   // "": the vendor's
	Scope      Scope
	Anchor     string   // "auto" or the name of an attribute
	Attributes []string // read although no mapping names them
}

// Target is one SCIM service provider.
type Target struct {
	Name    string
	Profile *profile.Profile // with options laid over it
	URL     string           // without a slash at the end; "": the in-process sandbox
	Auth    Auth
	TLS     TLS
	Pace    Pace
	Protect Protect
	Timeout time.Duration // of one request; 0: the profile's
	Pos     Pos
}

// Auth is how requests are authenticated: at most one is set.
type Auth struct {
	Bearer *Bearer
	Basic  *Basic
	OAuth2 *OAuth2
}

// Bearer is a token in the Authorization header (RFC 6750 section 2.1).
type Bearer struct {
	Token   Secret
	Expires time.Time // the end of the token, where it does not say it itself; or zero
}

// Basic is a name and a password in the Authorization header (RFC 7617).
type Basic struct {
	Username string
	Password Secret
}

// OAuth2 says how access tokens are fetched (RFC 6749). What Grant and Method have no use for is not given.
type OAuth2 struct {
	Grant        Grant
	TokenURL     string // as it was written
	ClientID     string
	ClientSecret Secret
	Method       ClientMethod // "": the client does not say who it is, its JWT does
	Key          Secret
	KeyID        string
	Alg          string // "": as the key is
	JWT          Secret
	Claims       Claims
	Scope        []string
	Audience     string
	Resource     string
	Params       []Param
	Expires      time.Time // the end of ClientSecret or Key, or zero
}

// Claims are those of a JWT that is made; "" is client_id, and for Audience token_url.
type Claims struct {
	Issuer, Subject, Audience string
}

// Param is a parameter of a request.
type Param struct {
	Name, Value string
}

// TLS says whom to trust and with which certificate to answer. All are absolute paths of PEM files, or "".
type TLS struct {
	CAFile   string // "": the system's
	CertFile string
	KeyFile  string
}

// Pace limits the requests to a target; what is zero is the profile's.
type Pace struct {
	Rate        Rate
	Burst       int
	Concurrency int
}

// Rate is so many requests per so much time.
type Rate struct {
	Count int
	Per   time.Duration
}

// PerSecond is the rate as a number of requests per second; 0 when none is given.
func (r Rate) PerSecond() float64 {
	if r.Per <= 0 {
		return 0
	}
	return float64(r.Count) / r.Per.Seconds()
}

// Protect names accounts that nothing may adopt, change, deactivate or delete.
type Protect struct {
	UserNames []string // globs as in path.Match
	IDs       []string // ids the service provider gave
	File      string   // absolute, one userName, glob or id:ID per line; or ""
}
