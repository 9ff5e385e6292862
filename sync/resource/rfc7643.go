package resource

// The schemas of RFC 7643 section 8.7.1.
const (
	UserURN       = "urn:ietf:params:scim:schemas:core:2.0:User"
	EnterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	GroupURN      = "urn:ietf:params:scim:schemas:core:2.0:Group"
)

// Group7643 is the shape of a group as in RFC 7643 sections 3.1 and 4.2. Its members are no
// values of it: each is a change of its own. displayName counts as required, as the text of
// section 4.2 has it.
func Group7643() Shape {
	return Shape{Core: GroupURN, Own: map[string]bool{}, Attrs: append(common(),
		Definition{Name: "displayName", Type: String, Required: true},
		Definition{Name: "members", Type: Complex, Multi: true, Refused: "members are not mapped: they follow from the directory", Subs: []Definition{
			{Name: "value", Type: String, CaseExact: true},
			{Name: "$ref", Type: Reference, CaseExact: true},
			{Name: "type", Type: String},
			{Name: "display", Type: String, ReadOnly: true},
		}})}
}

// common are the attributes of every resource (RFC 7643 section 3.1).
func common() []Definition {
	return []Definition{
		{Name: "id", Type: String, CaseExact: true, ReadOnly: true},
		{Name: "externalId", Type: String, CaseExact: true},
		{Name: "meta", Type: Complex, ReadOnly: true, Subs: []Definition{
			{Name: "resourceType", Type: String, CaseExact: true, ReadOnly: true},
			{Name: "created", Type: DateTime, ReadOnly: true},
			{Name: "lastModified", Type: DateTime, ReadOnly: true},
			{Name: "location", Type: Reference, CaseExact: true, ReadOnly: true},
			{Name: "version", Type: String, CaseExact: true, ReadOnly: true},
		}},
	}
}

// RFC7643 is the shape of a user with the enterprise extension as in RFC 7643
// sections 3.1, 4.1, 4.3 and 8.7.1. Two things deviate on purpose, because in doubt
// a difference is worth a request: values that are opaque to us (roles,
// entitlements, phone numbers, time zones) count as case-exact, and so do all
// references (section 2.3.7; erratum 6001).
func RFC7643() Shape {
	attrs := append(common(), []Definition{
		{Name: "userName", Type: String, Required: true},
		{Name: "name", Type: Complex, Subs: strings7643(
			"formatted", "familyName", "givenName", "middleName", "honorificPrefix", "honorificSuffix")},
		{Name: "displayName", Type: String},
		{Name: "nickName", Type: String},
		{Name: "profileUrl", Type: Reference, CaseExact: true},
		{Name: "title", Type: String},
		{Name: "userType", Type: String},
		{Name: "preferredLanguage", Type: String},
		{Name: "locale", Type: String},
		{Name: "timezone", Type: String, CaseExact: true},
		{Name: "active", Type: Boolean},
		{Name: "password", Type: String, CaseExact: true},
		many("emails", Definition{Type: String}),
		many("phoneNumbers", Definition{Type: String, CaseExact: true}),
		many("ims", Definition{Type: String}),
		many("photos", Definition{Type: Reference, CaseExact: true}),
		addresses(),
		{Name: "groups", Type: Complex, Multi: true, ReadOnly: true, Subs: []Definition{
			{Name: "value", Type: String, CaseExact: true, ReadOnly: true},
			{Name: "$ref", Type: Reference, CaseExact: true, ReadOnly: true},
			{Name: "display", Type: String, ReadOnly: true},
			{Name: "type", Type: String, ReadOnly: true},
		}},
		many("entitlements", Definition{Type: String, CaseExact: true}),
		many("roles", Definition{Type: String, CaseExact: true}),
		many("x509Certificates", Definition{Type: Binary, CaseExact: true}),
	}...)
	return Shape{Core: UserURN, Attrs: append(attrs, enterprise()...), Own: map[string]bool{}}
}

func enterprise() []Definition {
	attrs := strings7643("employeeNumber", "costCenter", "organization", "division", "department")
	attrs = append(attrs, Definition{Name: "manager", Type: Complex, Subs: []Definition{
		{Name: "value", Type: String, CaseExact: true, Refers: true},
		{Name: "$ref", Type: Reference, CaseExact: true},
		{Name: "displayName", Type: String, ReadOnly: true},
	}})
	for i := range attrs {
		attrs[i].URN = EnterpriseURN
	}
	return attrs
}

func addresses() Definition {
	subs := strings7643("formatted", "streetAddress", "locality", "region", "postalCode", "country", "type")
	return Definition{Name: "addresses", Type: Complex, Multi: true,
		Subs: append(subs, Definition{Name: "primary", Type: Boolean})}
}

// many is a multi-valued attribute with the sub-attributes of RFC 7643 section 2.4.
func many(name string, value Definition) Definition {
	value.Name = "value"
	return Definition{Name: name, Type: Complex, Multi: true, Subs: []Definition{
		value, {Name: "display", Type: String}, {Name: "type", Type: String}, {Name: "primary", Type: Boolean},
	}}
}

func strings7643(names ...string) []Definition {
	list := make([]Definition, 0, len(names)+1)
	for _, name := range names {
		list = append(list, Definition{Name: name, Type: String})
	}
	return list
}
