package config

import "time"

// Job keeps people of its sources at its targets. What its targets change in it is resolved by Config.Flows.
type Job struct {
	Name        string
	RenamedFrom string // the name this job had before, whose state it takes over; or ""
	From        []Text // names of sources
	Union       bool   // said aloud when there are several sources
	To          []To
	Schedule    string // see ParseSchedule; "": only when asked
	Timezone    *time.Location
	Jitter      time.Duration
	Users       Users
	Groups      *Groups // nil: groups are nobody's business
	Leavers     Leavers
	Guard       Guard
	Pos         Pos
}

// Sources lists the names of the job's sources.
func (j *Job) Sources() []string {
	names := make([]string, 0, len(j.From))
	for _, from := range j.From {
		names = append(names, from.Value)
	}
	return names
}

// To is one target of a job, with the job's lines as they stand for it: the job's own, and the target's laid over them.
type To struct {
	Target  Text
	Users   Users
	Groups  *Groups
	Leavers Leavers
	Guard   Guard
}

// Users says who is in scope and what a target should hold of them.
type Users struct {
	MembersOf   []Text // groups, by name, DN or anchor; empty: whoever is in none is in scope, too
	Include     Text   // expression; empty: everybody
	ActiveFrom  *ActiveFrom
	ActiveUntil *ActiveUntil
	Match       []MatchBy // in this order
	Adopt       Adopt
	Own         Own
	Map         []MapLine // in the order of the file; the target's lines that are new to the job come last
	MapOnly     bool      // nothing of the source's default map is used
}

// ActiveFrom is the day from which a person is active.
type ActiveFrom struct {
	Value  Text // expression
	Format DateFormat
	Zone   *time.Location // the job's timezone unless said otherwise
	Early  time.Duration  // so much before the day
	Before Before
}

// ActiveUntil is the day until which a person is active.
type ActiveUntil struct {
	Value   Text // expression
	Format  DateFormat
	Zone    *time.Location // the job's timezone unless said otherwise
	LastDay LastDay
	None    []string // values that mean "no end"
}

// Adopt says what becomes of an account that was there before.
type Adopt struct {
	Existing Existing
	Values   AdoptValues
}

// Own says, for multi-valued attributes, what scimsync removes: only the elements it pushed, or whatever it did not push.
type Own struct {
	Default Ownership
	Lines   []OwnLine
}

// OwnLine is the ownership of one attribute.
type OwnLine struct {
	Path Text
	Own  Ownership
}

// MapLine is one line of a map: what a SCIM path gets.
type MapLine struct {
	Path Text
	Expr Text // expression; empty when Drop
	When When
	Drop bool // the line of the source's default map is dropped
}

// Groups says which groups a target is to have, and what it should hold of them; their members follow from the source.
type Groups struct {
	Include Text           // expression; empty: all of them
	Match   []GroupMatchBy // in this order
	Map     []MapLine      // in the order of the file
	Leavers GroupLeavers
}

// Leavers says what becomes of people who left.
type Leavers struct {
	Action  LeaverAction
	Members LeaverMembers // of groups, whose accounts are deactivated
}

// Guard holds the limits on one run; see Limit.
type Guard struct {
	FirstRun   FirstRun
	Deactivate Limit
	Delete     Limit
	Update     Limit
	Create     Limit
	Adopt      Limit
	Rename     Limit // login or anchor
	// MemberRemove is held against the memberships of each group, and of all of them together.
	MemberRemove Limit
	Window       time.Duration // limits also count what was sent this long ago
}

// Limit trips when n > AtLeast and (n > Count or n > Percent of the live entries). A nil field is no limit.
type Limit struct {
	Percent *float64
	Count   *int
	AtLeast int
}

// The words that keys may hold.
type (
	Pick          string
	Encoding      string
	Vendor        string
	Method        string
	Scope         string
	Grant         string
	ClientMethod  string
	Before        string
	LastDay       string
	MatchBy       string
	Existing      string
	AdoptValues   string
	Ownership     string
	When          string
	LeaverAction  string
	LeaverMembers string
	GroupMatchBy  string
	GroupLeavers  string
	FirstRun      string
)

// The words, each as it stands in the file.
const (
	PickNewest Pick = "newest" // by modification time
	PickName   Pick = "name"   // the highest file name

	EncodingUTF8        Encoding = "utf-8"
	EncodingUTF16       Encoding = "utf-16"
	EncodingWindows1252 Encoding = "windows-1252"
	EncodingISO885915   Encoding = "iso-8859-15"

	VendorAuto     Vendor = "auto" // by the rootDSE
	VendorAD       Vendor = "active-directory"
	VendorOpenLDAP Vendor = "openldap"
	Vendor389DS    Vendor = "389ds"
	VendorFreeIPA  Vendor = "freeipa"
	VendorGeneric  Vendor = "generic"

	MethodSimple   Method = "simple"
	MethodExternal Method = "external"

	ScopeSub Scope = "sub"
	ScopeOne Scope = "one"

	GrantClientCredentials Grant = "client_credentials"
	GrantJWTBearer         Grant = "jwt_bearer"

	ClientBasic         ClientMethod = "basic" // client_secret_basic of the OAuth registry, and so on
	ClientPost          ClientMethod = "post"
	ClientPrivateKeyJWT ClientMethod = "private_key_jwt"
	ClientTLS           ClientMethod = "tls"

	BeforeAbsent   Before = "absent"
	BeforeInactive Before = "inactive"

	LastDayIncluded LastDay = "included"
	LastDayExcluded LastDay = "excluded"

	MatchExternalID MatchBy = "externalId"
	MatchUserName   MatchBy = "userName"
	MatchEmail      MatchBy = "email"

	ExistingAsk   Existing = "ask"
	ExistingYes   Existing = "yes"
	ExistingNever Existing = "never"

	AdoptFill      AdoptValues = "fill"      // only what the account lacks
	AdoptOverwrite AdoptValues = "overwrite" // what is mapped wins
	AdoptKeep      AdoptValues = "keep"      // as it is, until the source changes

	OwnElements Ownership = "elements"
	OwnAll      Ownership = "all"

	WhenAlways When = "always"
	WhenCreate When = "create" // only in the create
	WhenEmpty  When = "empty"  // only while the account has no value

	LeaverDeactivate LeaverAction = "deactivate"
	LeaverDelete     LeaverAction = "delete"
	LeaverKeep       LeaverAction = "keep"

	LeaverMembersKeep   LeaverMembers = "keep"   // their memberships stay until they are active again, or gone
	LeaverMembersRemove LeaverMembers = "remove" // they are taken out of their groups

	GroupMatchExternalID  GroupMatchBy = "externalId"
	GroupMatchDisplayName GroupMatchBy = "displayName"

	GroupUnlink GroupLeavers = "unlink" // it stays as it is
	GroupEmpty  GroupLeavers = "empty"  // its members are taken out
	GroupDelete GroupLeavers = "delete"

	FirstRunHold FirstRun = "hold"
	FirstRunGo   FirstRun = "go"
)

// Flow is one job at one target, with the target's lines laid over the job's. The names refer to what the Config has.
type Flow struct {
	Job     string
	Target  string
	From    []string // sources
	Users   Users
	Groups  *Groups // nil: none
	Leavers Leavers
	Guard   Guard
}

// Flows lists the flows of the job of that name, one per target in the order of the file; nil when there is no such job.
func (c *Config) Flows(job string) []Flow {
	j := c.Job(job)
	if j == nil {
		return nil
	}
	flows := make([]Flow, 0, len(j.To))
	for _, to := range j.To {
		flows = append(flows, Flow{
			Job: j.Name, Target: to.Target.Value, From: j.Sources(),
			Users: to.Users, Groups: to.Groups, Leavers: to.Leavers, Guard: to.Guard,
		})
	}
	return flows
}
