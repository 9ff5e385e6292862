package sandbox

import "strings"

// Schema and message URIs of RFC 7643 section 8.7 and RFC 7644 section 8.2.
const (
	userURN       = "urn:ietf:params:scim:schemas:core:2.0:User"
	groupURN      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	enterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	listURN       = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	searchURN     = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
	patchURN      = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	errorURN      = "urn:ietf:params:scim:api:messages:2.0:Error"
)

// attribute is a definition as RFC 7643 section 7 describes it; its JSON is
// what /Schemas answers.
type attribute struct {
	Name            string       `json:"name"`
	Type            string       `json:"type"`
	SubAttributes   []*attribute `json:"subAttributes,omitempty"`
	MultiValued     bool         `json:"multiValued"`
	Description     string       `json:"description"`
	Required        bool         `json:"required"`
	CanonicalValues []string     `json:"canonicalValues,omitempty"`
	CaseExact       bool         `json:"caseExact"`
	Mutability      string       `json:"mutability"`
	Returned        string       `json:"returned"`
	Uniqueness      string       `json:"uniqueness"`
	ReferenceTypes  []string     `json:"referenceTypes,omitempty"`
}

// sub finds a sub-attribute by name in any case, or nil.
func (a *attribute) sub(name string) *attribute { return find(a.SubAttributes, name) }

func find(list []*attribute, name string) *attribute {
	for _, a := range list {
		if strings.EqualFold(a.Name, name) {
			return a
		}
	}
	return nil
}

// The constructors and modifiers below keep the tables readable.

func text(name, description string) *attribute {
	return &attribute{Name: name, Type: "string", Description: description,
		Mutability: "readWrite", Returned: "default", Uniqueness: "none"}
}

func typed(kind, name, description string) *attribute {
	a := text(name, description)
	a.Type = kind
	return a
}

func complexOf(name, description string, subs ...*attribute) *attribute {
	a := typed("complex", name, description)
	a.SubAttributes = subs
	return a
}

func reference(name, description string, types ...string) *attribute {
	a := typed("reference", name, description)
	a.CaseExact, a.ReferenceTypes = true, types
	return a
}

func (a *attribute) must() *attribute                      { a.Required = true; return a }
func (a *attribute) exact() *attribute                     { a.CaseExact = true; return a }
func (a *attribute) many() *attribute                      { a.MultiValued = true; return a }
func (a *attribute) unique() *attribute                    { a.Uniqueness = "server"; return a }
func (a *attribute) mutability(m string) *attribute        { a.Mutability = m; return a }
func (a *attribute) returned(r string) *attribute          { a.Returned = r; return a }
func (a *attribute) canonical(values ...string) *attribute { a.CanonicalValues = values; return a }

// plural is a multi-valued attribute with the default sub-attributes of RFC
// 7643 section 2.4.
func plural(name, description string, value *attribute, types ...string) *attribute {
	return complexOf(name, description,
		value,
		text("display", "A human-readable name."),
		text("type", "What the value is used for.").canonical(types...),
		typed("boolean", "primary", "Whether this is the preferred value."),
	).many()
}

// schema is a named set of attributes.
type schema struct {
	ID          string       `json:"id"`
	Name        string       `json:"name"`
	Description string       `json:"description"`
	Attributes  []*attribute `json:"attributes"`
}

// resourceType is an endpoint with its schemas.
type resourceType struct {
	Name       string
	Endpoint   string
	Describe   string
	Core       *schema
	Extensions []*schema
	common     []*attribute // id, externalId, meta: RFC 7643 section 3.1
}

// attr finds a common or core attribute by name in any case, or nil.
func (t *resourceType) attr(name string) *attribute {
	if a := find(t.Core.Attributes, name); a != nil {
		return a
	}
	return find(t.common, name)
}

// extension finds a schema extension by its URI in any case, or nil.
func (t *resourceType) extension(uri string) *schema {
	for _, e := range t.Extensions {
		if strings.EqualFold(e.ID, uri) {
			return e
		}
	}
	return nil
}

func userType() *resourceType {
	return &resourceType{
		Name: "User", Endpoint: "/Users", Describe: "User Account",
		Core: userSchema(), Extensions: []*schema{enterpriseSchema()}, common: commonAttributes(),
	}
}

func groupType() *resourceType {
	return &resourceType{
		Name: "Group", Endpoint: "/Groups", Describe: "Group",
		Core: groupSchema(), common: commonAttributes(),
	}
}

func commonAttributes() []*attribute {
	return []*attribute{
		text("id", "Unique identifier, made by the server.").exact().mutability("readOnly").returned("always").unique(),
		text("externalId", "Identifier defined by the client.").exact(),
		typed("reference", "schemas", "URIs of the schemas in use.").exact().many().returned("always").mutability("readOnly"),
		complexOf("meta", "Resource metadata.",
			text("resourceType", "The name of the resource type.").exact(),
			typed("dateTime", "created", "When the resource was added."),
			typed("dateTime", "lastModified", "When the resource was last changed."),
			reference("location", "The URI of the resource.", "uri"),
			text("version", "The version, as in the ETag header.").exact(),
		).mutability("readOnly"),
	}
}

func userSchema() *schema {
	return &schema{ID: userURN, Name: "User", Description: "User Account", Attributes: []*attribute{
		text("userName", "Unique name of the user for logging in.").must().unique(),
		complexOf("name", "The components of the user's name.",
			text("formatted", "The full name, ready for display."),
			text("familyName", "The family name."),
			text("givenName", "The given name."),
			text("middleName", "The middle names."),
			text("honorificPrefix", "The prefix or title."),
			text("honorificSuffix", "The suffix."),
		),
		text("displayName", "The name to show."),
		text("nickName", "The casual way to address the user."),
		reference("profileUrl", "The user's page.", "external"),
		text("title", "The user's title, such as Vice President."),
		text("userType", "The relationship to the organisation."),
		text("preferredLanguage", "Preferred languages, as in Accept-Language."),
		text("locale", "Default location for localisation, such as de-CH."),
		text("timezone", "IANA time zone name."),
		typed("boolean", "active", "Whether the account can be used."),
		text("password", "Accepted and forgotten: nobody logs in here.").exact().mutability("writeOnly").returned("never"),
		plural("emails", "E-mail addresses.", text("value", "An e-mail address."), "work", "home", "other"),
		plural("phoneNumbers", "Phone numbers.", text("value", "A phone number."), "work", "home", "mobile", "fax", "pager", "other"),
		plural("ims", "Instant messaging addresses.", text("value", "An address.")),
		plural("photos", "Pictures of the user.", reference("value", "The URI of a picture.", "external"), "photo", "thumbnail"),
		complexOf("addresses", "Postal addresses.",
			text("formatted", "The full address, ready for display."),
			text("streetAddress", "Street, number and more lines."),
			text("locality", "The city."),
			text("region", "The state or region."),
			text("postalCode", "The postal code."),
			text("country", "The country, ISO 3166-1 alpha-2."),
			text("type", "What the address is used for.").canonical("work", "home", "other"),
			typed("boolean", "primary", "Whether this is the preferred address."),
		).many(),
		complexOf("groups", "The groups the user is in.",
			text("value", "The id of the group.").exact().mutability("readOnly"),
			reference("$ref", "The URI of the group.", "User", "Group").mutability("readOnly"),
			text("display", "The name of the group.").mutability("readOnly"),
			text("type", "Whether the membership is direct.").canonical("direct", "indirect").mutability("readOnly"),
		).many().mutability("readOnly"),
		plural("entitlements", "Things the user has.", text("value", "An entitlement.")),
		plural("roles", "What the user is.", text("value", "A role.")),
		plural("x509Certificates", "Certificates of the user.", typed("binary", "value", "A DER certificate.").exact()),
	}}
}

func enterpriseSchema() *schema {
	return &schema{ID: enterpriseURN, Name: "EnterpriseUser", Description: "Enterprise User", Attributes: []*attribute{
		text("employeeNumber", "Identifier given by the organisation."),
		text("costCenter", "Name of a cost center."),
		text("organization", "Name of an organization."),
		text("division", "Name of a division."),
		text("department", "Name of a department."),
		complexOf("manager", "The user's manager.",
			text("value", "The id of the manager's account.").exact(),
			reference("$ref", "The URI of the manager's account.", "User"),
			text("displayName", "The manager's name.").mutability("readOnly"),
		),
	}}
}

func groupSchema() *schema {
	return &schema{ID: groupURN, Name: "Group", Description: "Group", Attributes: []*attribute{
		text("displayName", "The name of the group.").must().unique(),
		complexOf("members", "The members of the group.",
			text("value", "The id of the member.").exact().mutability("immutable").must(),
			reference("$ref", "The URI of the member.", "User", "Group").mutability("immutable"),
			text("type", "What the member is.").canonical("User", "Group").mutability("immutable"),
			text("display", "The name of the member.").mutability("readOnly"),
		).many(),
	}}
}
