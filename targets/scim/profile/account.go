package profile

// Attrs is what the service can hold. Paths are SCIM paths as in a mapping: userName, name.givenName,
// emails[type eq "work"].value, urn:…:User:department. A path stands for everything below it as well.
type Attrs struct {
	// Allow are the only paths the service takes; empty: all that `deny` does not name.
	Allow []string `yaml:"allow" is:"path"`
	// Deny are paths it does not take. AWS: photos, ims, x509Certificates.
	Deny []string `yaml:"deny" is:"path"`
	// Required are paths without which it refuses an account: the person is parked before any request.
	Required []string `yaml:"required" is:"path"`
	// ReadOnly are paths it makes up by itself; they are never sent.
	ReadOnly []string `yaml:"read_only" is:"path"`
	// WriteOnce are paths it takes in a create and never again. Tealium: userName.
	WriteOnce []string `yaml:"write_once" is:"path"`
	// MaxLen is the most characters of a value, by path. Slack: userName 21.
	MaxLen map[string]int `yaml:"max_len" key:"path" is:"some"`
	// CharsetDeny is a regular expression (RE2) of what a value may not contain, by path. AWS: ':' in externalId.
	CharsetDeny map[string]string `yaml:"charset_deny" key:"path" is:"regex"`
	// MultiMax is the most values of a multi-valued attribute. AWS: emails 1.
	MultiMax map[string]int `yaml:"multi_max" key:"path" is:"some"`
	// Types are the values of `type` that a multi-valued attribute may have. RingCentral: emails only work.
	Types map[string][]string `yaml:"types" key:"path"`
	// RequirePrimary are the multi-valued attributes of which one value has to be primary.
	RequirePrimary []string `yaml:"require_primary" is:"path"`
	// Coupled are sets of paths that have to be equal: they change in one request. RingCentral: userName and the work mail.
	Coupled [][]string `yaml:"coupled" is:"path"`
	// NormalizeCompare says by path what the service does to values, so that it is no difference: casefold, e164, country, trim,
	// or ignore for values of its own.
	NormalizeCompare map[string][]Normal `yaml:"normalize_compare" key:"path"`
	// AlwaysSend are paths that every create contains, whatever the mapping says. RingCentral: active, which defaults to false.
	AlwaysSend []string `yaml:"always_send" is:"path"`
	// ClearStyle is how a single value is taken away: remove, replace_empty, replace_null, or unsupported (it stays, and that is
	// said).
	ClearStyle ClearStyle `yaml:"clear_style"`
	// ImmutableIDIs is the attribute that the service uses as id, so that the id changes with it; "": none. GitLab: externalId.
	ImmutableIDIs string `yaml:"immutable_id_is" is:"path"`
}

// Lookup is how accounts are asked for, always with eq, and always checked by us in what comes back.
type Lookup struct {
	// User are the attributes by which the service finds accounts, of externalId, userName and email, in the order in which they
	// are asked. What a job's match names besides is not asked for.
	User []By `yaml:"user"`
	// Group are the attributes by which it finds groups, of externalId and displayName.
	Group []By `yaml:"group"`
	// FilterNames is how it spells those attributes in a filter, where that is not the standard's. RingCentral: {email: email}.
	FilterNames map[By]string `yaml:"filter_names" is:"line"`
	// NoneStatus are the statuses that mean that there is no such account: 200 with an empty list, and for some 404.
	NoneStatus []int `yaml:"none_status" is:"status"`
	// FilterMaxLen is the most characters of a filter; 0: no limit known. Zitadel: 1000.
	FilterMaxLen int `yaml:"filter_max_len"`
}

// List is how all accounts are read.
type List struct {
	// Supported tells that a listing can be complete. AWS: false, it gives the first 50 and no more.
	Supported bool `yaml:"supported"`
	// PageSize is how many accounts are asked for at a time.
	PageSize int `yaml:"page_size" is:"some"`
	// Mode is index (startIndex, RFC 7644 section 3.4.2.4), cursor (RFC 9865) or single (all in one answer). Asana: single.
	Mode ListMode `yaml:"mode"`
	// TrustTotal tells that totalResults counts all, and not those of the page, so that a listing may end by it.
	TrustTotal bool `yaml:"trust_total"`
	// ExcludeAttributes are what answers to a listing or a lookup need not show, by the kind of resources (RFC 7644 section 3.9).
	// A service that refuses to leave them out is asked for all.
	ExcludeAttributes map[Resource][]string `yaml:"exclude_attributes" is:"line"`
}

// Create is how POST behaves.
type Create struct {
	// ConflictStatus are the statuses of a refusal because the account exists already.
	ConflictStatus []int `yaml:"conflict_status" is:"status"`
	// ConflictRegex are regular expressions (RE2) of details that mean the same under any status of 4xx. Databricks: "already exists".
	ConflictRegex []string `yaml:"conflict_regex" is:"regex"`
	// MayAdoptSilently tells that a create takes over an account that has the same mail, and answers as if it were new. Grafana.
	MayAdoptSilently bool `yaml:"may_adopt_silently"`
	// AcceptInactive tells that an account can be made with active false. Where it cannot, who is to be inactive at first
	// (active_from, before: inactive) gets an account on the day. Bitwarden: false.
	AcceptInactive bool `yaml:"accept_inactive"`
	// GroupsWithMembers tells that a group can be made with its members in it. Sentry: false.
	GroupsWithMembers bool `yaml:"groups_with_members" acts:"no"`
	// PreconditionStatus are statuses that say that the service is not ready for one more account: a licence or extension is
	// missing. The person is parked, and others go on. RingCentral: 404.
	PreconditionStatus []int `yaml:"precondition_status" is:"status"`
}

// Update is how accounts are changed.
type Update struct {
	// Method is patch, put (read, merge, write), or patch_then_put where PATCH is refused with 405 or 501.
	Method UpdateMethod `yaml:"method"`
}

// Put is how PUT is used, where it is.
type Put struct {
	// Mode is merge (the account is read first, and what is not ours goes back as it came) or full (only what we have is sent).
	Mode PutMode `yaml:"mode"`
}

// Patch is how PATCH is spelled (RFC 7644 section 3.5.2).
type Patch struct {
	// OpCase is lower (add, replace, remove) or title (Add, Replace, Remove). GitLab: title; RSA refuses title.
	OpCase OpCase `yaml:"op_case"`
	// Path is required (one operation for each path), optional, or pathless (one operation whose value holds all attributes).
	// GitHub: pathless.
	Path PathUse `yaml:"path"`
	// ValueFilter tells that emails[type eq "work"].value is understood. GitHub: false.
	ValueFilter bool `yaml:"value_filter"`
	// Multivalue is filter (one element is changed) or replace_array (the attribute is sent whole).
	Multivalue Multivalue `yaml:"multivalue"`
	// Dotted tells that name.givenName is understood; otherwise name is sent whole.
	Dotted bool `yaml:"dotted"`
	// MaxOps is the most operations of one request; 0: no limit known. Sentry: 1.
	MaxOps int `yaml:"max_ops"`
	// Isolate are paths whose operation has to be alone in its request. AWS: userName and active.
	Isolate []string `yaml:"isolate" is:"path"`
	// RemoveUnsupported are paths that cannot be removed. AWS: userName and active.
	RemoveUnsupported []string `yaml:"remove_unsupported" is:"path"`
	// Bool is json (true) or string ("True").
	Bool BoolForm `yaml:"bool"`
	// ExtSep stands between the URN of an extension and its attribute: ":" as in RFC 7644 section 3.10, or ".". Casdoor: ".".
	ExtSep Separator `yaml:"ext_sep"`
	// SilentNoop tells that the service answers with success to what it did not do, so that writes are read back. Bitwarden.
	SilentNoop bool `yaml:"silent_noop"`
}

// Members is how people are put into groups and taken out.
type Members struct {
	// Add is array (add to `members`) or filter (one operation each, with the member in the path).
	Add MemberAdd `yaml:"add"`
	// Remove is filter (members[value eq "…"], as RFC 7644 has it), array (path members with a value, which wipes the group at a
	// strict service), replace_all (all who stay), put, or none: there are no groups. Its first uses are looked at, whatever it is.
	Remove MemberRemove `yaml:"remove"`
	// MaxPerRequest is the most members one request changes.
	MaxPerRequest int `yaml:"max_per_request" is:"some"`
	// MaxTotal is the most members of a group; 0: no limit known. Miro: 8000.
	MaxTotal int `yaml:"max_total"`
	// OneOpPerRequest tells that several operations on members in one request go wrong. FusionAuth.
	OneOpPerRequest bool `yaml:"one_op_per_request"`
	// RequiresUsersFirst tells that members have to exist before they are put into a group. They always do.
	RequiresUsersFirst bool `yaml:"requires_users_first" acts:"no"`
	// InGet tells that reading a group gives its members; otherwise it is asked of each whether they are in it. AWS: false.
	InGet bool `yaml:"in_get"`
}

// Deactivate is how accounts are switched off, and what that does.
type Deactivate struct {
	// Method is active_false (a change of active), put_active_false, delete, or none: it cannot be done.
	Method DeactivateMethod `yaml:"method"`
	// Effect is disable (the account stays, and can be switched on), remove_from_org (it leaves the organisation) or delete_object
	// (it is gone, with its id). The last two count as delete for the guard too.
	Effect DeactivateEffect `yaml:"effect"`
}

// Delete is what DELETE does.
type Delete struct {
	// Allowed tells that leavers may be deleted at this service, if the job says so. RingCentral: false until options say true.
	Allowed bool `yaml:"allowed"`
	// Effect is deactivate (it is switched off), release (what it held, as a phone number, goes to others), irreversible (it is
	// gone for good), or unsupported (it is refused).
	Effect DeleteEffect `yaml:"effect"`
}

// Reactivate is how accounts are switched on again.
type Reactivate struct {
	// Method is active_true, or repost: the account is gone, and made anew.
	Method ReactivateMethod `yaml:"method"`
	// InSameRequestAsUpdate tells that the request that activates an account may change it, too. Otherwise activation is a request
	// of its own, before what else is to change.
	InSameRequestAsUpdate bool `yaml:"in_same_request_as_update"`
}

// Readback is what may be expected of an account that is read again.
type Readback struct {
	// AfterDeactivate is compare, or ignore: a deactivated account comes back with other values. GitHub EMU obfuscates them.
	AfterDeactivate AfterDeactivate `yaml:"after_deactivate"`
}
