// Package resource is what a target should hold for one person, as data: paths
// and values, in one canonical form, so that two of them can be compared byte by
// byte. It knows SCIM's schema rules (RFC 7643) and PATCH forms (RFC 7644 section
// 3.5.2), and nothing of HTTP.
package resource

// Attr is one value at one path.
//
// A path is a SCIM attribute path in the schema's own spelling:
//
//	userName                                   a singular attribute
//	name.givenName                             a sub-attribute
//	emails[type eq "work"].value               a sub-attribute of the one element of that type
//	phoneNumbers                               a whole multi-valued attribute
//	urn:ietf:…:enterprise:2.0:User:department  an attribute of an extension
//
// Value is a string, a bool, a json.Number, a Ref, or, for a whole multi-valued
// attribute, []Element sorted by identity. It is never nil: an attribute without
// a value is not in the list.
type Attr struct {
	Path  string
	Value any
}

// Element is one element of a multi-valued attribute: sub-attribute to value.
type Element map[string]any

// Resource is a set of attributes, sorted by path, each path once. `active` is
// not among them: whether an account is active is the entry's phase.
// In JSON it is an object of path to value.
type Resource struct {
	Attrs []Attr
}

// When tells how long the value of a mapping line is cared for.
type When uint8

// The choices for `when:` of a mapping line.
const (
	Always     When = iota // kept up to date
	OnlyCreate             // sent when the account is created, never again
	OnlyEmpty              // sent when the account is created, or adopted without a value there
)

// Once is a value that is given and then left alone.
type Once struct {
	Attr
	When When
}

// Wanted is a Resource together with what is managed.
type Wanted struct {
	Resource
	// Managed lists every path that the mapping keeps up to date, sorted, with or
	// without a value now. Only at a managed path may a value be removed.
	Managed []string
	Once    []Once
}

// Op is one PATCH operation (RFC 7644 section 3.5.2).
type Op struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// Edit is what leads from one Resource to another: the operations, and for the
// reader the values at the paths that change.
type Edit struct {
	Ops    []Op
	Before map[string]any
	After  map[string]any
}
