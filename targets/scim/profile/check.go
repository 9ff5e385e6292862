package profile

import (
	"fmt"
	"slices"
	"strings"

	"scimsync/internal/strictyaml"
)

// where is the place of a knob: of its value, else of what holds it, else of the file.
func (d *decoder) where(name string) strictyaml.Pos {
	for at := name; at != ""; at = at[:max(strings.LastIndexAny(at, ".["), 0)] {
		if pos, ok := d.from[at]; ok {
			pos.Path = strictyaml.Join(d.at.Path, name)
			return pos
		}
	}
	line, column := max(d.at.Line, 1), max(d.at.Column, 1)
	return strictyaml.Pos{File: d.at.File, Line: line, Column: column, Path: strictyaml.Join(d.at.Path, name)}
}

// saysMandatory reports what a profile that extends none has to say and does not.
func (d *decoder) saysMandatory() {
	var unsaid []string
	for _, name := range Mandatory {
		if _, ok := d.from[name]; !ok {
			unsaid = append(unsaid, name)
		}
	}
	if len(unsaid) > 0 {
		d.problems = append(d.problems, d.where("").Problem("does not say "+strings.Join(unsaid, ", "), "what can be damaged depends on it: say it, or write extends: rfc"))
	}
}

// rule reports that knobs do not go together, at the first of them that this file sets, unless one of them is faulty by itself.
func (d *decoder) rule(broken bool, message, hint string, knobs ...string) {
	faulty := slices.ContainsFunc(d.problems, func(p strictyaml.Problem) bool {
		return slices.ContainsFunc(knobs, func(knob string) bool { return covers(strictyaml.Join(d.at.Path, knob), p.Path) })
	})
	if !broken || faulty {
		return
	}
	at := knobs[0]
	if i := slices.IndexFunc(knobs, func(knob string) bool { _, set := d.from[knob]; return set }); i >= 0 {
		at = knobs[i]
	}
	d.problems = append(d.problems, d.where(at).Problem(message, hint))
}

// check looks at knobs together.
func (d *decoder) check() {
	p := d.into
	for name, text := range map[string]string{"paths.users": p.Paths.Users, "content_type": p.ContentType, "accept": p.Accept} {
		d.rule(text == "", "is empty", "remove the line for the default", name)
	}
	groups := slices.Contains(p.Resources, Groups)
	d.rule(!slices.Contains(p.Resources, Users), "has no users", "a service without them is no target", "resources")
	d.rule(groups && p.Members.Remove == RemoveNone, "none is for services without groups", "say how members are removed, or leave groups out of resources", "members.remove", "resources")
	d.rule(!groups && p.Members.Remove != RemoveNone, "without groups, members.remove is none", "write members: {remove: none}", "members.remove", "resources")

	plain := p.Deactivate.Effect == EffectDisable
	d.rule(p.Deactivate.Method == DeactivateDelete && plain, "an account that is deleted is not merely disabled",
		"write deactivate.effect remove_from_org or delete_object", "deactivate.effect", "deactivate.method")
	d.rule(p.Deactivate.Effect == EffectDeleteObject && p.Reactivate.Method == ReactivateActiveTrue, "an account that is gone cannot be switched on again",
		"write reactivate.method repost", "reactivate.method", "deactivate.effect")
	d.rule(plain && p.Reactivate.Method == ReactivateRepost, "an account that is only disabled is switched on again, and not made anew", "write reactivate.method active_true", "reactivate.method", "deactivate.effect")
	d.rule(!p.Reactivate.InSameRequestAsUpdate && p.Update.Method == UpdatePut && p.Put.Mode == PutFull, "an account that is sent whole is activated and changed by one request",
		"write reactivate.in_same_request_as_update true, or put.mode merge", "reactivate.in_same_request_as_update", "put.mode")
	refused := p.Delete.Effect == DeleteUnsupported
	d.rule(refused && p.Delete.Allowed, "the service refuses to delete", "write delete.allowed false", "delete.allowed", "delete.effect")
	d.rule(refused && p.Deactivate.Method == DeactivateDelete, "the service refuses to delete", "write deactivate.method active_false or none", "deactivate.method", "delete.effect")

	for _, by := range p.Lookup.User {
		d.rule(by == ByDisplayName, "displayName is for groups", "name externalId, userName or email", "lookup.user")
	}
	for _, by := range p.Lookup.Group {
		d.rule(by != ByDisplayName && by != ByExternalID, string(by)+" is for accounts", "name externalId or displayName", "lookup.group")
	}
	d.rule(groups && p.Paths.Groups == "", "is empty", "remove the line for the default", "paths.groups")
	d.rule(len(p.Lookup.User) == 0 && !p.List.Supported, "accounts can be found neither by asking nor by listing", "name what they are asked by, or set list.supported", "lookup.user", "list.supported")
	d.rule(p.Bulk.Mode == BulkAuto && p.Paths.Bulk == "", "there is no path for bulk requests", "set paths.bulk", "bulk.mode", "paths.bulk")
	d.rule(len(p.Errors.Codes) > 0 && p.Errors.CodeRegex == "", "no code is taken out of answers", "set errors.code_regex", "errors.codes", "errors.code_regex")
	d.rule(len(p.Auth.RefreshCodes) > 0 && p.Errors.CodeRegex == "", "no code is taken out of answers", "set errors.code_regex", "auth.refresh_codes", "errors.code_regex")
	d.checkAttrs()
	d.checkFacts()
}

func (d *decoder) checkAttrs() {
	a := d.into.Attrs
	for i, set := range a.Coupled {
		d.rule(len(set) < 2, "couples nothing", "name at least two paths", fmt.Sprintf("attrs.coupled[%d]", i))
	}
	for i, path := range a.Deny {
		at := fmt.Sprintf("attrs.deny[%d]", i)
		d.rule(slices.Contains(a.Allow, path), path+" is in attrs.allow as well", "keep one of them", at)
		d.rule(slices.Contains(a.Required, path), path+" is in attrs.required as well", "keep one of them", at)
	}
}

// checkFacts looks for facts of this file about knobs that there are not.
func (d *decoder) checkFacts() {
	known := knobNames()
	for i, f := range d.into.Facts {
		if f.file != d.at.File {
			break // what is extended comes after what is here
		}
		for k, name := range f.Knobs {
			if !slices.ContainsFunc(known, func(knob string) bool { return covers(name, knob) }) {
				d.rule(true, "there is no knob "+name, strictyaml.Suggest(name, known), fmt.Sprintf("facts[%d].knobs[%d]", i, k))
			}
		}
	}
}
