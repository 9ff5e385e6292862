package sandbox

import (
	"strconv"
	"strings"
)

// What resources look like in answers.

var shapeHabits = []habit{
	{name: "no-active", help: "answers have no active", make: always(hooks{show: hide("active")})},
	{name: "no-meta", help: "answers have no meta", make: always(hooks{show: hide("meta")})},
	{name: "no-types", help: "e-mail addresses and phone numbers lose their type", make: always(hooks{show: noTypes})},
	{name: "names-hidden", help: "given and family names are N/A", make: always(hooks{show: namesHidden})},
	{name: "members-hidden", help: "groups show no members", make: always(hooks{show: hide("members")})},
	{name: "members-null", help: "a group without members has members: null", make: always(hooks{show: func(o *outgoing) {
		if o.r.kind.Name == "Group" && o.body["members"] == nil {
			o.body["members"] = nil
		}
	}})},
	{name: "emails-bare", help: "e-mail addresses are strings", make: always(hooks{show: emailsBare})},
	{name: "name-flat", help: `there is a "name.formatted" beside name`, make: always(hooks{show: nameFlat})},
	{name: "external-id-snake", help: "externalId of a group is external_id", make: always(hooks{show: func(o *outgoing) {
		if v, ok := o.body["externalId"]; ok && o.r.kind.Name == "Group" {
			o.body["external_id"] = v
			delete(o.body, "externalId")
		}
	}})},
	{name: "primary-false", help: "what is not primary says so", make: always(hooks{show: primaryFalse})},
	{name: "empty-arrays", help: "emails, phoneNumbers, addresses and photos are there even if they are empty", make: always(hooks{show: func(o *outgoing) {
		for _, name := range []string{"emails", "phoneNumbers", "addresses", "photos"} {
			if o.r.kind.Name == "User" && o.body[name] == nil {
				o.body[name] = []any{}
			}
		}
	}})},
	{name: "extra-phone", help: "every user has a phone number of type other that nobody sent and nobody can remove", make: always(hooks{show: extraPhone})},
	{name: "meta-elsewhere", help: "meta.location is on another host, and meta.created and lastModified are the time of the answer", make: fresh(metaElsewhere)},
	{name: "list-meta-bare", help: "meta in searches has no location", make: always(hooks{show: func(o *outgoing) {
		if o.listed {
			o.meta(func(meta map[string]any) { delete(meta, "location") })
		}
	}})},
	{name: "version-bare", help: `meta.version is a counter like "16"`, make: always(hooks{show: func(o *outgoing) {
		o.meta(func(meta map[string]any) { meta["version"] = strconv.Itoa(o.r.version) })
	}})},
}

// meta changes the meta of an answer, if it has any.
func (o *outgoing) meta(change func(map[string]any)) {
	if meta, ok := o.body["meta"].(map[string]any); ok {
		change(meta)
	}
}

// hide leaves an attribute out.
func hide(name string) func(*outgoing) {
	return func(o *outgoing) { delete(o.body, name) }
}

func noTypes(o *outgoing) {
	for _, name := range []string{"emails", "phoneNumbers"} {
		for _, v := range list(o.body[name]) {
			if e, ok := v.(map[string]any); ok {
				delete(e, "type")
			}
		}
	}
}

func namesHidden(o *outgoing) {
	if o.r.kind.Name == "User" {
		o.body["name"] = map[string]any{"givenName": "N/A", "familyName": "N/A"}
	}
}

func emailsBare(o *outgoing) {
	var bare []any
	for _, v := range list(o.body["emails"]) {
		if e, ok := v.(map[string]any); ok {
			bare = append(bare, e["value"])
		}
	}
	if bare != nil {
		o.body["emails"] = bare
	}
}

func nameFlat(o *outgoing) {
	name, ok := o.body["name"].(map[string]any)
	if !ok {
		return
	}
	formatted, _ := name["formatted"].(string)
	if formatted == "" {
		given, _ := name["givenName"].(string)
		family, _ := name["familyName"].(string)
		formatted = strings.TrimSpace(given + " " + family)
	}
	o.body["name.formatted"] = formatted
}

func primaryFalse(o *outgoing) {
	for _, name := range []string{"emails", "phoneNumbers", "addresses", "photos"} {
		for _, v := range list(o.body[name]) {
			if e, ok := v.(map[string]any); ok && e["primary"] == nil {
				e["primary"] = false
			}
		}
	}
}

// extraPhone shows the number of the extension, as a telephone system does.
func extraPhone(o *outgoing) {
	if o.r.kind.Name != "User" {
		return
	}
	o.body["phoneNumbers"] = append(list(o.body["phoneNumbers"]),
		map[string]any{"type": "other", "value": strconv.FormatUint(100+o.r.seq, 10)})
}

func metaElsewhere(s *Server) hooks {
	return hooks{show: func(o *outgoing) {
		o.meta(func(meta map[string]any) {
			now := stamp(s.opts.Now())
			meta["location"] = "http://scim.example.net/scim/v2" + o.r.kind.Endpoint + "/" + o.r.id
			meta["created"], meta["lastModified"] = now, now
		})
	}}
}
