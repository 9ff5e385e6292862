package probe

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"scimsync/sync/resource"
	"scimsync/targets/scim/profile"
)

// object is a JSON object as it came, or as it goes.
type object = map[string]any

const (
	coreURN   = "urn:ietf:params:scim:schemas:core:2.0:User"
	patchURN  = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	searchURN = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
	workMail  = `emails[type eq "work"].value`
)

// sample is a value for the throw-away account, by its path.
type sample struct{ path, value string }

// samples are what a mapping is likely to hold besides what every account needs, in the order in which they are best to try
// changes on: texts that nothing hangs on come first.
var samples = []sample{
	{"title", "Probe"},
	{"displayName", "Scimsync Probe"},
	{"nickName", "Probe"},
	{"userType", "Probe"},
	{profile.EnterpriseURN + ":department", "Probe"},
	{profile.EnterpriseURN + ":costCenter", "Probe"},
	{profile.EnterpriseURN + ":organization", "Probe"},
	{profile.EnterpriseURN + ":division", "Probe"},
	{profile.EnterpriseURN + ":employeeNumber", "probe-0"},
	{`phoneNumbers[type eq "work"].value`, "+41 44 555 01 00"},
	{`phoneNumbers[type eq "mobile"].value`, "+41 79 555 01 00"},
	{`addresses[type eq "work"].streetAddress`, "1 Probe Street"},
	{`addresses[type eq "work"].locality`, "Zurich"},
	{`addresses[type eq "work"].postalCode`, "8000"},
	{`addresses[type eq "work"].country`, "CH"},
	{"preferredLanguage", "en"},
	{"locale", "en-US"},
	{"timezone", "Europe/Zurich"},
}

// plainTexts tells how many of samples are texts of which any value will do.
const plainTexts = 8

// decode reads a JSON object; nil: it is none.
func decode(body []byte) object {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var out object
	if dec.Decode(&out) != nil {
		return nil
	}
	return out
}

// encode writes what is made here, which is always JSON.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("probe: not JSON: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// member gives a member of an object by its name, whose case does not matter (RFC 7643 section 2.1).
func member(o object, name string) any {
	if v, ok := o[name]; ok {
		return v
	}
	for key, v := range o {
		if strings.EqualFold(key, name) {
			return v
		}
	}
	return nil
}

// at gives the text at a path; "": there is none. An element without a type counts when it is the only one, and one that is a
// bare text is its value.
func at(o object, path string) string {
	p := resource.Split(path)
	if p.URN != "" {
		o, _ = member(o, p.URN).(object)
	}
	v := member(o, p.Attr)
	if len(p.Filter) > 0 {
		v = element(v, p.Filter[0])
	}
	if p.Sub == "" {
		return text(v)
	}
	if inner, ok := v.(object); ok {
		return text(member(inner, p.Sub))
	}
	if bare, ok := v.(string); ok && p.Sub == "value" {
		return bare
	}
	return ""
}

func element(v any, eq resource.Eq) any {
	list, _ := v.([]any)
	for _, e := range list {
		if o, ok := e.(object); ok && member(o, eq.Attr) == eq.Value {
			return o
		}
	}
	if len(list) == 1 {
		o, ok := list[0].(object)
		if !ok || member(o, eq.Attr) == nil {
			return list[0]
		}
	}
	return nil
}

// text reads a text, which some services send as a number or truth value.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		if v {
			return "true"
		}
		return "false"
	}
	return ""
}

// put sets the text at a path of an object under construction.
func put(o object, path, value string) {
	p := resource.Split(path)
	if p.URN != "" {
		inner, _ := o[p.URN].(object)
		if inner == nil {
			inner = object{}
			o[p.URN] = inner
		}
		o = inner
	}
	switch {
	case len(p.Filter) > 0:
		list, _ := o[p.Attr].([]any)
		e, _ := element(list, p.Filter[0]).(object)
		if e == nil || e[p.Filter[0].Attr] != p.Filter[0].Value {
			e = object{p.Filter[0].Attr: p.Filter[0].Value}
			o[p.Attr] = append(list, e)
		}
		e[p.Sub] = value
	case p.Sub != "":
		inner, _ := o[p.Attr].(object)
		if inner == nil {
			inner = object{}
			o[p.Attr] = inner
		}
		inner[p.Sub] = value
	default:
		o[p.Attr] = value
	}
}

// schemas lists the URNs of the schemas that an object uses.
func schemas(o object) []string {
	urns := []string{coreURN}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		if strings.HasPrefix(name, "urn:") {
			urns = append(urns, name)
		}
	}
	return urns
}

// allowed tells whether the chosen profile lets a path be sent.
func allowed(p *profile.Profile, path string) bool {
	covers := func(list []string) bool {
		return slices.ContainsFunc(list, func(above string) bool {
			rest, under := strings.CutPrefix(resource.Fold(path), resource.Fold(above))
			return under && (rest == "" || strings.ContainsAny(rest[:1], ".[:"))
		})
	}
	split := resource.Split(path)
	a := p.Attrs
	if len(a.Allow) > 0 && !covers(a.Allow) || covers(a.Deny) || covers(a.ReadOnly) {
		return false
	}
	if split.URN != "" && !slices.Contains(p.Extensions, split.URN) && !slices.Contains(p.Extensions, "*") {
		return false
	}
	types, closed := a.Types[split.Attr]
	if closed && len(split.Filter) > 0 {
		kind, _ := split.Filter[0].Value.(string)
		return slices.Contains(types, kind)
	}
	return true
}

// normal is how a value that came back differs from the one that was sent; "": in no way that has a name.
func normal(path, sent, got string) profile.Normal {
	digits := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return r
			}
			return -1
		}, s)
	}
	switch {
	case strings.TrimSpace(got) == strings.TrimSpace(sent):
		return profile.Trim
	case strings.EqualFold(sent, got):
		return profile.Casefold
	case strings.HasPrefix(path, "phoneNumbers") && digits(sent) == digits(got):
		return profile.E164
	case strings.HasSuffix(path, ".country"):
		return profile.Country
	}
	return ""
}
