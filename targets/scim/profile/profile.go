// Package profile holds what is special about each SCIM service provider, as data: how it wants to be spoken to, what it cannot
// hold, what its deactivation really does, how fast it may be called. A profile is a YAML file laid over the defaults, which are
// the profile `rfc`: what RFC 7643 and RFC 7644 say, and where they leave a choice, what nearly every service bears.
//
// Each knob has one name (`deactivate.effect`), one field in Profile, and one meaning, which stands at the field. A profile tells
// for every knob that it sets where that is known from and how sure it is (Fact). Discovery and experience may narrow a profile,
// and never switch on anything destructive.
//
// What is tagged acts:"no" is known of services, and shown, but nothing acts on it. A profile may say it; the options of a target
// may not, for they would change nothing.
package profile

import (
	"time"

	"scimsync/internal/strictyaml"
)

// Profile is what is special about one service provider. It is read only, and safe for concurrent use.
type Profile struct {
	// Name is that of the built-in, or the path of the file it was read from.
	Name string `yaml:"-"`

	// Service is whom the profile is for, in a few words: "RingCentral".
	Service string `yaml:"service" is:"line"`
	// Notes are what an admin has to know or to do that no knob can say: a licence, a switch in the service's own settings.
	Notes []string `yaml:"notes" is:"line"`
	// Extends is the profile that this one is laid over; "": rfc, and the knobs of Mandatory have to be said.
	Extends string `yaml:"extends"`

	// BaseURL is the form of the service's base URL, with what differs in braces, for messages: the config has the real one.
	// Example: https://scim.{region}.amazonaws.com/{tenant}/scim/v2
	BaseURL string `yaml:"base_url" is:"line"`
	// Paths are the endpoints below the base URL.
	Paths Paths `yaml:"paths"`
	// HealthPath is an endpoint that answers 200 without authentication while the service is well; "": it has none.
	// Example: /health of RingCentral.
	HealthPath string `yaml:"health_path" is:"endpoint" acts:"no"`
	// Headers are sent with every request besides those of the protocol.
	Headers map[string]string `yaml:"headers" key:"header" is:"line"`
	// UserAgent replaces scimsync/VERSION; "" keeps it. It never stays away: AWS and GitHub refuse requests without one.
	UserAgent string `yaml:"user_agent" is:"line"`
	// ContentType is how the bodies of requests are labelled (RFC 7644 section 3.1).
	ContentType string `yaml:"content_type" is:"line"`
	// Accept is what the service may answer with. Zoom wants application/scim+json and nothing else.
	Accept string `yaml:"accept" is:"line"`
	// Timeout bounds one request from the first byte to the last, unless the config of the target says otherwise.
	Timeout time.Duration `yaml:"timeout" is:"some"`
	// MaxBodyBytes is the largest body the service takes; 0: no limit known. Miro takes 800,000.
	MaxBodyBytes int `yaml:"max_body_bytes"`

	// Auth is how the service wants to know us.
	Auth Auth `yaml:"auth"`
	// Discovery is what its own description of itself is good for.
	Discovery Discovery `yaml:"discovery"`

	// Resources are the kinds it has. RingCentral and RSA have users only.
	Resources []Resource `yaml:"resources"`
	// Extensions are the schema URNs it holds besides the core; "*" stands for any. What is mapped to another is left out.
	Extensions []string `yaml:"extensions" is:"urn"`

	// Attrs is what it can hold.
	Attrs Attrs `yaml:"attrs"`
	// Lookup is how accounts are asked for.
	Lookup Lookup `yaml:"lookup"`
	// List is how all accounts are read.
	List List `yaml:"list"`

	// Create is how POST behaves.
	Create Create `yaml:"create"`
	// Update is how accounts are changed.
	Update Update `yaml:"update"`
	// Put is how PUT is used, where it is.
	Put Put `yaml:"put"`
	// Patch is how PATCH is spelled.
	Patch Patch `yaml:"patch"`
	// Verify is whether to look at what a write left behind.
	Verify Verify `yaml:"verify"`
	// Members is how people are put into groups and taken out.
	Members Members `yaml:"members"`

	// Deactivate is how accounts are switched off, and what that does.
	Deactivate Deactivate `yaml:"deactivate"`
	// Delete is what DELETE does.
	Delete Delete `yaml:"delete"`
	// Reactivate is how accounts are switched on again.
	Reactivate Reactivate `yaml:"reactivate"`
	// Readback is what may be expected of an account that is read again.
	Readback Readback `yaml:"readback"`

	// Rate is how fast the service may be called.
	Rate Rate `yaml:"rate"`
	// Retry is what is tried again, and when.
	Retry Retry `yaml:"retry"`
	// Errors is how its refusals are to be understood.
	Errors Errors `yaml:"errors"`
	// EventualConsistency is how long its reads may lag behind its writes.
	EventualConsistency EventualConsistency `yaml:"eventual_consistency"`

	// Bulk is whether many changes may travel in one request (RFC 7644 section 3.7).
	Bulk Bulk `yaml:"bulk"`
	// ETag is whether writes name the version they are for (RFC 7644 section 3.14). GitHub and AWS have none.
	ETag ETag `yaml:"etag"`
	// Writer is who else may write.
	Writer Writer `yaml:"writer"`

	// Facts are where this is known from, and how sure it is: documented, observed, reported, inferred or unchecked. A fact is about knobs by
	// name, or about all of a section.
	Facts []Fact `yaml:"facts"`

	from map[string]strictyaml.Pos // knob: where its value stands
}

// Paths are endpoints below the base URL, each beginning with a slash. Their case is kept.
type Paths struct {
	// Users is where accounts stand.
	Users string `yaml:"users" is:"endpoint"`
	// Groups is where groups stand.
	Groups string `yaml:"groups" is:"endpoint"`
	// SPC is the ServiceProviderConfig. Salesforce has it at /ServiceProviderConfigs.
	SPC string `yaml:"spc" is:"endpoint"`
	// Schemas is where the service describes its schemas; "": nowhere.
	Schemas string `yaml:"schemas" is:"endpoint"`
	// ResourceTypes is where it lists its kinds of resources; "": nowhere.
	ResourceTypes string `yaml:"resource_types" is:"endpoint"`
	// Search is where accounts are asked for by POST, which keeps personal data out of the URL (RFC 7644 section 3.4.3); "": not
	// used. Example: /Users/.search of RingCentral.
	Search string `yaml:"search" is:"endpoint"`
	// Bulk is where bulk requests go; "": nowhere.
	Bulk string `yaml:"bulk" is:"endpoint"`
}

// Auth is how the service wants to know us. The config of the target decides; what stands here is for messages and checks.
type Auth struct {
	// Kind is the kind of credential the service expects; another in the config is worth a warning.
	Kind AuthKind `yaml:"kind"`
	// TokenURL is where tokens of the OAuth kinds come from, for people; the config of the target has to say it.
	TokenURL string `yaml:"token_url" is:"line" acts:"no"`
	// TokenLifetime is how long a static token lives, counted from the time of its file; 0: not known, or for ever. Snowflake: 180d.
	TokenLifetime time.Duration `yaml:"token_lifetime"`
	// ExpiryWarning is how long before the end of a token or certificate it is said.
	ExpiryWarning time.Duration `yaml:"expiry_warning"`
	// ReplayAfter401 is how often a request is sent again with a fresh token after a 401.
	ReplayAfter401 int `yaml:"replay_after_401"`
	// RefreshCodes are the vendor codes (errors.code_regex) of a 401 that a fresh token mends; empty: any. RingCentral: OAU-128.
	RefreshCodes []string `yaml:"refresh_codes"`
	// RotationGrace is how long a new secret may be refused before that is an error. RSA: 10m, until the change is published.
	RotationGrace time.Duration `yaml:"rotation_grace"`
}

// Discovery is what the service's own description is good for.
type Discovery struct {
	// Mode is trust (it is believed, where it narrows), probe (used, and never against what the profile says) or off (not asked).
	Mode DiscoveryMode `yaml:"mode"`
	// Required makes a missing or unreadable ServiceProviderConfig an error of the target.
	Required bool `yaml:"required"`
}

// Verify is whether to look at what a write left behind.
type Verify struct {
	// AfterWrite is never, canary (the first writes of each form in a run are read back) or always.
	AfterWrite AfterWrite `yaml:"after_write"`
}

// Bulk is whether many changes may travel in one request.
type Bulk struct {
	// Mode is off, or auto: used where discovery offers it and it saves requests.
	Mode BulkMode `yaml:"mode"`
	// MaxOps is the most operations in one request; 0: what discovery says.
	MaxOps int `yaml:"max_ops"`
	// MaxPayload is the most bytes of one request; 0: what discovery says.
	MaxPayload int `yaml:"max_payload"`
	// FailOnErrors is after how many errors the service stops; 0: it tries all.
	FailOnErrors int `yaml:"fail_on_errors"`
}

// Writer is who else may write.
type Writer struct {
	// Exclusive tells that the service bears one writer only, which is worth a warning in check. Example: GitHub EMU.
	Exclusive bool `yaml:"exclusive"`
}

// EventualConsistency is how long reads may lag behind writes.
type EventualConsistency struct {
	// ReadDelay is waited after a write before the account is looked for or read again.
	ReadDelay time.Duration `yaml:"read_delay"`
}
