package ldap

import (
	"fmt"
	"slices"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"
)

// Vendor is a family of directory servers. It decides the anchor, the rule for
// disabled accounts, the default filter and the default map.
type Vendor uint8

// The vendors. Auto asks the rootDSE.
const (
	Auto Vendor = iota
	ActiveDirectory
	OpenLDAP
	DS389
	FreeIPA
	Generic
)

// vendorNames are the words of the config, in the order of the constants.
var vendorNames = [...]string{"auto", "active-directory", "openldap", "389ds", "freeipa", "generic"}

// String gives the vendor's word in the config.
func (v Vendor) String() string {
	if int(v) < len(vendorNames) {
		return vendorNames[v]
	}
	return fmt.Sprintf("vendor(%d)", uint8(v))
}

// ParseVendor reads a vendor's word. Empty is Auto.
func ParseVendor(word string) (Vendor, error) {
	if word == "" {
		return Auto, nil
	}
	if i := slices.Index(vendorNames[:], word); i >= 0 {
		return Vendor(i), nil
	}
	return Auto, fmt.Errorf("vendor %q: one of %s", word, strings.Join(vendorNames[:], ", "))
}

// dialect is what the package knows about one vendor.
type dialect struct {
	anchor string // the default anchor
	filter string // the default filter
	groups string // the default filter of groups
	lock   string // the attribute that tells a disabled account; empty: none
	expiry string // the attribute that tells when the account expires; empty: none
}

const (
	personFilter = "(objectClass=person)"
	groupFilter  = "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup)(objectClass=groupOfURLs))"
)

// dialects holds one row for each vendor, in the order of the constants. Auto
// has none: it is settled before the row is needed.
var dialects = [...]dialect{
	ActiveDirectory: {
		anchor: "objectGUID",
		// Without computers, krbtgt and the like, whose deactivation would be absurd.
		filter: "(&(objectCategory=person)(objectClass=user)(!(isCriticalSystemObject=TRUE)))",
		groups: "(objectClass=group)",
		lock:   "userAccountControl", expiry: "accountExpires",
	},
	OpenLDAP: {anchor: "entryUUID", filter: personFilter, groups: groupFilter, lock: "pwdAccountLockedTime"},
	DS389:    {anchor: "nsUniqueId", filter: personFilter, groups: groupFilter, lock: "nsAccountLock"},
	FreeIPA:  {anchor: "ipaUniqueID", filter: personFilter, groups: "(objectClass=ipaUserGroup)", lock: "nsAccountLock", expiry: "krbPrincipalExpiration"},
	Generic:  {anchor: "entryUUID", filter: personFilter, groups: groupFilter},
}

// DefaultFilter is the filter used where users.filter is empty. That of
// Active Directory leaves out computers and critical system objects; all others
// take (objectClass=person), which inetOrgPerson is too. For Auto it is empty:
// ask Source.Vendor first.
func DefaultFilter(v Vendor) string {
	if v == Auto || int(v) >= len(dialects) {
		return ""
	}
	return dialects[v].filter
}

// DefaultGroupFilter is the filter used where groups.filter is empty. For Auto it is
// empty: ask Source.Vendor first.
func DefaultGroupFilter(v Vendor) string {
	if v == Auto || int(v) >= len(dialects) {
		return ""
	}
	return dialects[v].groups
}

// Line is one line of a default map: an expression for a SCIM path.
type Line struct{ Path, Expr string }

const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:"

// inetOrgPerson maps RFC 2798 and RFC 4519 attributes. Most of them may hold
// several values, and a plain variable with several values parks the person, so
// the first in byte order is taken; first of none is absent.
var inetOrgPerson = []Line{
	{"userName", `first(values("uid"))`},
	{"name.givenName", `first(values("givenname"))`},
	{"name.familyName", `first(values("sn"))`},
	{"displayName", `default(displayname, first(values("cn")))`},
	{`emails[type eq "work"].value`, `first(values("mail"))`},
	{"title", `first(values("title"))`},
	{`phoneNumbers[type eq "work"].value`, `first(values("telephonenumber"))`},
	{enterprise + "department", `first(values("departmentnumber"))`},
	{enterprise + "employeeNumber", `employeenumber`},
}

// activeDirectory maps the single-valued attributes of the AD user class.
// An account without userPrincipalName has no userName and is parked.
var activeDirectory = []Line{
	{"userName", `userprincipalname`},
	{"name.givenName", `givenname`},
	{"name.familyName", `sn`},
	{"displayName", `default(displayname, cn)`},
	{`emails[type eq "work"].value`, `mail`},
	{"title", `title`},
	{`phoneNumbers[type eq "work"].value`, `telephonenumber`},
	{enterprise + "department", `department`},
	{enterprise + "employeeNumber", `default(employeenumber, employeeid)`},
}

// DefaultMap is the map a source of this vendor has before the config lays its
// own lines over it: for Active Directory the login is userPrincipalName, for
// all others uid. A missing attribute leaves its path absent and parks nobody,
// but for the login. For Auto it is nil: ask Source.Vendor first.
func DefaultMap(v Vendor) []Line {
	switch v {
	case Auto:
		return nil
	case ActiveDirectory:
		return slices.Clone(activeDirectory)
	}
	return slices.Clone(inetOrgPerson)
}

// secrets are attributes that hold passwords or keys, folded. They are never
// asked for, whatever the config says.
var secrets = map[string]bool{
	"userpassword": true, "2.5.4.35": true, "authpassword": true, "pwdhistory": true, "passwordhistory": true,
	"unicodepwd": true, "dbcspwd": true, "ntpwdhistory": true, "lmpwdhistory": true, "supplementalcredentials": true,
	"currentvalue": true, "priorvalue": true, "initialauthincoming": true, "initialauthoutgoing": true,
	"trustauthincoming": true, "trustauthoutgoing": true, "unixuserpassword": true, "mssfu30password": true,
	"ms-mcs-admpwd": true, "mslaps-password": true, "mslaps-encryptedpassword": true,
	"mslaps-encryptedpasswordhistory": true, "mslaps-encrypteddsrmpassword": true,
	"mslaps-encrypteddsrmpasswordhistory": true, "msds-managedpassword": true, "msfve-recoverypassword": true,
	"msfve-keypackage": true, "mstpm-ownerinformation": true, "userpkcs12": true,
	"krbprincipalkey": true, "krbmkey": true, "krbpwdhistory": true, "krb5key": true,
	"sambantpassword": true, "sambalmpassword": true, "sambapasswordhistory": true, "sambacleartextpassword": true,
	"sambapreviouscleartextpassword": true, "ipanthash": true, "ipatokenotpkey": true, "olcrootpw": true,
	"nsslapd-rootpw": true, "nssymmetrickey": true, "radiussharedsecret": true, "ds-pwp-password-history": true,
}

func secret(name string) bool { return secrets[strings.ToLower(name)] }

// rootDSE is what the source needs of a server's root entry (RFC 4512 section 5.1).
type rootDSE struct {
	vendor    Vendor
	paging    bool // paged results are announced
	subschema string
}

// rootAttributes are asked by name, because most are operational.
var rootAttributes = []string{
	"objectClass", "supportedControl", "supportedCapabilities", "supportedExtension", "subschemaSubentry",
	"vendorName", "vendorVersion", "ipaTopologyPluginVersion", "ipaDomainLevel",
}

const (
	capabilityAD    = "1.2.840.113556.1.4.800"
	capabilityADLDS = "1.2.840.113556.1.4.1851"
	ipaExtensions   = "2.16.840.1.113730.3.8.10." // the arc of FreeIPA's extended operations
)

// readRoot reads the rootDSE and settles the vendor.
func (s *Source) readRoot(sess *session) (rootDSE, error) {
	where := "read the rootDSE of " + sess.server.text
	req := goldap.NewSearchRequest("", goldap.ScopeBaseObject, goldap.NeverDerefAliases, 0, 0, false,
		"(objectClass=*)", rootAttributes, nil)
	res, err := sess.conn.Search(req)
	if err != nil {
		return rootDSE{}, fmt.Errorf("%s: %w", where, err)
	}
	root := rootDSE{vendor: s.opts.Vendor}
	if len(res.Entries) == 1 {
		e := res.Entries[0]
		root.paging = slices.Contains(e.GetEqualFoldAttributeValues("supportedControl"), goldap.ControlTypePaging)
		root.subschema = e.GetEqualFoldAttributeValue("subschemaSubentry")
	}
	if root.vendor != Auto {
		return root, nil
	}
	if len(res.Entries) != 1 || len(res.Entries[0].Attributes) == 0 {
		return rootDSE{}, fmt.Errorf("%s: it is empty for this user, so the vendor stays unknown; name it in vendor", where)
	}
	root.vendor = detect(res.Entries[0])
	if s.detected != Auto && s.detected != root.vendor {
		return rootDSE{}, fmt.Errorf("%s: it says %s, but an earlier read met %s; all urls must lead to one directory, or name the vendor",
			where, root.vendor, s.detected)
	}
	s.detected = root.vendor
	return root, nil
}

func detect(e *goldap.Entry) Vendor {
	capable := e.GetEqualFoldAttributeValues("supportedCapabilities")
	if slices.Contains(capable, capabilityAD) || slices.Contains(capable, capabilityADLDS) {
		return ActiveDirectory
	}
	if slices.Contains(e.GetEqualFoldAttributeValues("objectClass"), "OpenLDAProotDSE") {
		return OpenLDAP
	}
	made := strings.ToLower(e.GetEqualFoldAttributeValue("vendorName") + " " + e.GetEqualFoldAttributeValue("vendorVersion"))
	if !strings.Contains(made, "389") && !strings.Contains(made, "red hat-directory") {
		return Generic
	}
	ipa := slices.ContainsFunc(e.GetEqualFoldAttributeValues("supportedExtension"), func(oid string) bool {
		return strings.HasPrefix(oid, ipaExtensions)
	})
	if ipa || e.GetEqualFoldAttributeValue("ipaTopologyPluginVersion") != "" || e.GetEqualFoldAttributeValue("ipaDomainLevel") != "" {
		return FreeIPA
	}
	return DS389
}
