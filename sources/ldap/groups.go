package ldap

import (
	"fmt"
	"slices"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"scimsync/sync/record"
)

// groupName is the attribute that every group has: its cn.
const (
	groupName     = "name"
	nameAttribute = "cn"
)

// The attributes by which groups name people by their logins (RFC 2307).
const (
	memberUID = "memberUid"
	loginName = "uid"
)

// uniqueMember is a DN with an optional bit string behind it (RFC 4517 section 3.3.21).
const uniqueMember = "uniqueMember"

// memberURL makes a group of whoever a search finds. It is the server's to evaluate.
const memberURL = "memberURL"

// memberAttr is an attribute that holds members of a group.
type memberAttr struct {
	name   string
	logins bool   // its values are those of an attribute of people, not DNs
	class  string // the object class that demands a value of it from OpenLDAP, folded; empty: none
}

// join is what one read needs to give links: how groups name their members, and what was
// noticed on the way.
//
//	a person, a group   Refs    its DN as record.CanonDN has it
//	                            "=" and the folded login, which no DN begins with
//	a group             Link    each value of its member attributes, in the same form
//	a person of AD      Link    the DN to the group of the primaryGroupID
type join struct {
	link    func(group, member string) error
	vendor  Vendor
	members []memberAttr
	login   string // the attribute of people that logins are compared with; empty: none

	sids      map[string]string // of Active Directory: a group's anchor by its SID
	primary   map[string]bool   // groups that are somebody's primary one
	homeless  string            // a person whose primary group cannot be told
	left      map[string]string // groups that were not read to the end, and why
	dynamic   int               // groups with a memberURL
	dynamicAt string            // the first of them
}

// linkSlots are the decoder's slots that links are made of; -1: none.
type linkSlots struct {
	members []int // of groups, in the order of join.members
	class   int
	url     int
	sid     int
	login   int // of people
	primary int
}

func newJoin(v Vendor, m Members, link func(group, member string) error) *join {
	j := &join{link: link, vendor: v, login: m.User, sids: map[string]string{}, primary: map[string]bool{}, left: map[string]string{}}
	known := []memberAttr{{name: "member", class: "groupofnames"}, {name: uniqueMember, class: "groupofuniquenames"}, {name: memberUID, logins: true}}
	switch {
	case m.Attr != "":
		j.members = []memberAttr{{name: m.Attr, logins: m.User != ""}}
		if i := slices.IndexFunc(known, func(k memberAttr) bool { return strings.EqualFold(k.name, baseName(m.Attr)) }); i >= 0 {
			j.members[0].class = known[i].class
		}
	case v == ActiveDirectory:
		j.members = known[:1]
	default:
		j.members, j.login = known, loginName
	}
	return j
}

// joins adds what links need to the attributes that are asked for.
func (d *decoder) joins(j *join) {
	d.links = linkSlots{class: -1, url: -1, sid: -1, login: -1, primary: -1}
	if j == nil {
		return
	}
	if j.vendor == ActiveDirectory {
		d.links.sid = d.slot("objectSid")
	}
	if d.rec.Kind == record.User {
		if j.login != "" {
			d.links.login = d.slot(j.login)
		}
		if j.vendor == ActiveDirectory {
			d.links.primary = d.slot("primaryGroupID")
		}
		return
	}
	for _, m := range j.members {
		d.links.members = append(d.links.members, d.slot(m.name))
	}
	if j.vendor != ActiveDirectory {
		d.links.url = d.slot(memberURL)
	}
	if j.vendor == OpenLDAP {
		d.links.class = d.slot("objectClass")
	}
}

// valuesAt are the values that the entry at hand has in a slot.
func (d *decoder) valuesAt(slot int) []string {
	if slot < 0 {
		return nil
	}
	return d.slots[slot].values
}

// refs appends the values by which links name the entry at hand.
func (j *join) refs(d *decoder, to []string) ([]string, error) {
	dn, err := record.CanonDN(d.rec.DN)
	if err != nil {
		return nil, err
	}
	to = append(to, dn)
	for _, login := range d.valuesAt(d.links.login) {
		if ref := loginRef(login); ref != "" {
			to = append(to, ref)
		}
	}
	return to, nil
}

// loginRef is the reference of a login; empty for an empty one.
func loginRef(login string) string {
	if login = strings.ToLower(strings.TrimSpace(login)); login != "" {
		return "=" + login
	}
	return ""
}

// ref is the reference of a member; empty: the value names nobody.
func (m *memberAttr) ref(value string) (string, error) {
	if m.logins {
		return loginRef(value), nil
	}
	if strings.HasSuffix(value, "'B") && strings.EqualFold(baseName(m.name), uniqueMember) {
		if at := strings.LastIndex(value, "#'"); at >= 0 {
			value = value[:at]
		}
	}
	return record.CanonDN(value)
}

// entry gives the links of the entry at hand, which was emitted.
func (j *join) entry(d *decoder) error {
	if d.rec.Kind == record.User {
		if j.vendor == ActiveDirectory {
			return j.home(d)
		}
		return nil
	}
	for _, sid := range d.valuesAt(d.links.sid) {
		j.sids[sid] = d.rec.ID
	}
	some := false
	for i := range j.members {
		values := d.valuesAt(d.links.members[i])
		some = some || len(values) > 0
		for _, v := range values {
			ref, err := j.members[i].ref(v)
			if err != nil {
				j.unread(d.rec.ID, fmt.Sprintf("a value of %s is no DN: %v; where it holds logins, say so in groups.members", j.members[i].name, err))
				continue
			}
			if ref == "" { // a placeholder, where the schema demands a member
				continue
			}
			if err := j.link(d.rec.ID, ref); err != nil {
				return emitError{err}
			}
		}
	}
	j.doubt(d, some)
	return nil
}

// doubt notices groups that have more members than this user is shown. some tells that
// there was one at least.
func (j *join) doubt(d *decoder, some bool) {
	if len(d.valuesAt(d.links.url)) > 0 {
		if j.dynamic++; j.dynamic == 1 {
			j.dynamicAt = d.rec.DN
		}
		if !some {
			j.unread(d.rec.ID, "its members follow from "+memberURL+", which only the server can evaluate, and it shows none")
		}
	}
	for i, m := range j.members {
		isDemanded := func(class string) bool { return strings.EqualFold(class, m.class) }
		if m.class != "" && len(d.valuesAt(d.links.members[i])) == 0 && slices.ContainsFunc(d.valuesAt(d.links.class), isDemanded) {
			j.unread(d.rec.ID, fmt.Sprintf("it has no %s although its object class demands one: let the bind user read that attribute", m.name))
		}
	}
}

// home links a person of Active Directory to the group of their primaryGroupID, which is in
// no member attribute (MS-ADTS section 3.1.1.3.1.3.3 and 6.1.1.2.6).
func (j *join) home(d *decoder) error {
	sid, rid := d.valuesAt(d.links.sid), d.valuesAt(d.links.primary)
	if len(sid) != 1 || len(rid) != 1 {
		if j.homeless == "" && len(sid)+len(rid) > 0 { // contacts have neither
			j.homeless = d.rec.DN
		}
		return nil
	}
	domain := sid[0][:strings.LastIndexByte(sid[0], '-')+1]
	group, there := j.sids[domain+rid[0]]
	if !there {
		return nil
	}
	j.primary[group] = true
	if err := j.link(group, d.rec.Refs[0]); err != nil {
		return emitError{err}
	}
	return nil
}

// unread notes that the members of a group are not all known. The first reason stays.
func (j *join) unread(group, why string) {
	if j.left[group] == "" {
		j.left[group] = why
	}
}

// close gives the groups whose members are not all known, after everybody was read.
func (j *join) close() map[string]string {
	if j.homeless != "" {
		for group := range j.primary {
			j.unread(group, fmt.Sprintf("the objectSid or primaryGroupID of %s cannot be read, so that the primary group of some people is not known", j.homeless))
		}
	}
	if len(j.left) == 0 {
		return nil
	}
	return j.left
}

func (j *join) warnings() []string {
	if j.dynamic == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d groups have a %s (first: %s): it is not evaluated, only the members that the server itself shows are known",
		j.dynamic, memberURL, j.dynamicAt)}
}

// named picks the one of several names that stands in the RDN; all of them where none does.
func named(dn string, names []string) []string {
	name, err := parseDN(dn)
	if err != nil {
		return names
	}
	parts := strings.Split(name.rdn(), "+")
	for i, n := range names {
		rdn, err := parseDN(nameAttribute + "=" + goldap.EscapeDN(n))
		if err == nil && slices.Contains(parts, string(rdn)) {
			return names[i : i+1 : i+1]
		}
	}
	return names
}
