package sandbox

import (
	"strings"
	"testing"
)

// patching is a user to PATCH.
type patching struct {
	*host
	path string
}

func patchingWith(t *testing.T, habits ...string) patching {
	h := having(t, habits...)
	return patching{h, "/Users/" + h.user(`"userName":"a","externalId":"X","title":"T","active":true,"emails":[{"value":"a@x","type":"work"}]`)}
}

// leaves wants an attribute to be so after a PATCH that is not refused.
func (p patching) leaves(ops, attr, want string) patching {
	p.t.Helper()
	p.patched(p.path, ops)
	if got := asJSON(p.get(p.path)[attr]); got != want {
		p.t.Errorf("after %s %s is %s, want %s", ops, attr, got, want)
	}
	return p
}

func (p patching) refuses(scimType, ops string) patching {
	p.t.Helper()
	p.refused(400, scimType, "PATCH", p.path, patchBody(ops))
	return p
}

var (
	workMail  = replaceOp(`emails[type eq \"work\"].value`, `"b@x"`)
	titleOp   = replaceOp("title", `"U"`)
	titled    = strings.Replace(titleOp, "replace", "Replace", 1)
	inactiveU = replaceOp("active", "false")
)

var patchTests = map[string]func(*testing.T){
	"ops": func(t *testing.T) {
		patchingWith(t, "ops=lower").refuses("invalidSyntax", titled).leaves(titleOp, "title", `"U"`)
		patchingWith(t, "ops=title").refuses("invalidSyntax", titleOp).leaves(titled, "title", `"U"`)
		patchingWith(t, "ops=any").leaves(titled, "title", `"U"`).leaves(`{"op":"Remove","path":"title"}`, "title", `null`).leaves(titleOp, "title", `"U"`).
			refuses("invalidSyntax", `{"op":"Move","path":"title"}`)
	},
	"string-booleans": func(t *testing.T) {
		p := patchingWith(t, "string-booleans").leaves(replaceOp("active", `"False"`), "active", `false`).
			leaves(`{"op":"replace","value":{"active":"true"}}`, "active", `true`).
			leaves(replaceOp(`emails[type eq \"work\"].primary`, `"True"`), "emails", `[{"primary":true,"type":"work","value":"a@x"}]`).
			refuses("invalidValue", replaceOp("active", `"x"`)).leaves(replaceOp("title", `"False"`), "title", `"False"`)
		if r := p.must(201, "POST", "/Users", userBody(`"userName":"b","active":"False"`)); r.body["active"] != false {
			t.Errorf("%s", r.raw)
		}
	},
	"path-required": func(t *testing.T) {
		patchingWith(t, "path-required").refuses("invalidPath", `{"op":"replace","value":{"title":"U"}}`).leaves(titleOp, "title", `"U"`)
	},
	"pathless-single": func(t *testing.T) {
		patchingWith(t, "pathless-single").refuses("invalidPath", `{"op":"replace","value":{"title":"U","nickName":"N"}}`).
			leaves(`{"op":"replace","value":{"title":"U"}}`, "title", `"U"`).leaves(replaceOp("name", `{"givenName":"G","familyName":"F"}`), "name", `{"familyName":"F","givenName":"G"}`)
	},
	"value-path-400": func(t *testing.T) {
		p := patchingWith(t, "value-path-400").refuses("invalidPath", workMail).leaves(replaceOp("emails", `[{"value":"b@x"}]`), "emails", `[{"value":"b@x"}]`)
		group, ids := p.withMember()
		p.patched(group, `{"op":"remove","path":"members[value eq \"`+ids+`\"]"}`)
	},
	"value-path-ignored": func(t *testing.T) {
		patchingWith(t, "value-path-ignored").leaves(workMail+","+titleOp, "emails", `[{"type":"work","value":"a@x"}]`).leaves(titleOp, "title", `"U"`)
	},
	"unknown-path-ignored": func(t *testing.T) {
		patchingWith(t, "unknown-path-ignored").leaves(replaceOp("colour", `"x"`)+","+titleOp, "title", `"U"`).
			leaves(`{"op":"replace","value":{"colour":"x","nickName":"N"}}`, "nickName", `"N"`).refuses("invalidValue", replaceOp("active", `"x"`))
	},
	"updates-only": func(t *testing.T) {
		p := patchingWith(t, "updates-only=active,externalId").leaves(titleOp+","+inactiveU, "title", `"T"`).leaves(replaceOp("externalId", `"Y"`), "externalId", `"Y"`).
			leaves(replaceOp(`emails[type eq \"home\"].value`, `"b@x"`), "active", `false`).leaves(replaceOp("colour", `"x"`), "active", `false`).
			leaves(`{"op":"replace","value":{"title":"U","active":true,"colour":1}}`, "active", `true`).leaves(titleOp, "title", `"T"`)
		r := p.must(200, "PUT", p.path, userBody(`"userName":"b","nickName":"N","active":false,"externalId":"Z"`))
		if got := asJSON(bare(r.body)); got != `{"active":false,"emails":[{"type":"work","value":"a@x"}],"externalId":"Z","title":"T","userName":"a"}` {
			t.Errorf("%s", got)
		}
		group := "/Groups/" + p.group(`"displayName":"g"`)
		p.patched(group, replaceOp("displayName", `"h"`))
		if p.get(group)["displayName"] != "h" {
			t.Error("it is about users only")
		}
	},
	"isolates": func(t *testing.T) {
		patchingWith(t, "isolates=userName,active").refuses("invalidValue", titleOp+","+inactiveU).refuses("invalidValue", `{"op":"replace","value":{"active":false,"title":"U"}}`).
			leaves(inactiveU, "active", `false`).leaves(`{"op":"replace","value":{"active":true}}`, "active", `true`).leaves(titleOp+","+replaceOp("nickName", `"N"`), "title", `"U"`)
	},
	"max-ops": func(t *testing.T) {
		patchingWith(t, "max-ops=2").refuses("invalidSyntax", titleOp+","+titleOp+","+titleOp).leaves(titleOp+","+titleOp, "title", `"U"`)
	},
	"patch-204": func(t *testing.T) {
		p := patchingWith(t, "patch-204")
		if r := p.must(204, "PATCH", p.path, patchBody(titleOp)); r.raw != "" {
			t.Errorf("%s", r.raw)
		}
		p.leaves(inactiveU, "title", `"U"`).must(200, "PUT", p.path, userBody(`"userName":"a"`))
	},
	"empty-200": func(t *testing.T) {
		p := patchingWith(t, "empty-200")
		for _, r := range []reply{p.must(200, "PATCH", p.path, patchBody(titleOp)), p.must(200, "PUT", p.path, userBody(`"userName":"a","title":"V"`))} {
			if r.raw != "" || r.header.Get("Content-Type") != "" {
				t.Errorf("%v %q", r.header, r.raw)
			}
		}
		if p.get(p.path)["title"] != "V" {
			t.Error("it was not applied")
		}
	},
	"inactive-locked": func(t *testing.T) {
		patchingWith(t, "inactive-locked").leaves(inactiveU, "active", `false`).refuses("invalidValue", titleOp).
			leaves(titleOp+","+replaceOp("active", "true"), "title", `"U"`).leaves(titleOp, "active", `true`)
	},
	"no-rename": func(t *testing.T) {
		h := having(t, "no-rename")
		group := "/Groups/" + h.group(`"displayName":"g"`)
		h.refused(400, "mutability", "PATCH", group, patchBody(replaceOp("displayName", `"h"`)))
		h.patched(group, replaceOp("externalId", `"X"`))
	},
}

// withMember makes a group of one.
func (h *host) withMember() (group, id string) {
	h.t.Helper()
	id = h.user(`"userName":"m"`)
	return "/Groups/" + h.group(`"displayName":"g","members":[{"value":"`+id+`"}]`), id
}

// removal wants the members of a group of a, b and c to be so after a PATCH.
func removal(ops func(ids [3]string) string, want string, habits ...string) func(*testing.T) {
	return func(t *testing.T) {
		h := having(t, habits...)
		group, ids := h.three()
		h.patched(group, ops(ids))
		if got := h.members(group); got != want {
			t.Errorf("%s are left, want %s", got, want)
		}
	}
}

func byArray(ids [3]string) string {
	return `{"op":"remove","path":"members","value":[{"value":"` + ids[0] + `"},{"value":"` + ids[1] + `"},{"value":"nobody"}]}`
}

func byFilter(ids [3]string) string {
	return `{"op":"remove","path":"members[value eq \"` + ids[0] + `\"]"},{"op":"remove","path":"members[value eq \"` + ids[1] + `\"]"}`
}

func byCompound(ids [3]string) string {
	return `{"op":"remove","path":"members[display eq \"a\" and value eq \"` + ids[0] + `\"]"}`
}

var memberTests = map[string]func(*testing.T){
	"remove-array-works": removal(byArray, "c", "remove-array-works"),
	"remove-array-wipes": removal(byArray, "", "remove-array-wipes"),
	"remove-array-400": func(t *testing.T) {
		h := having(t, "remove-array-400")
		group, ids := h.three()
		r := h.refused(400, "invalidValue", "PATCH", group, patchBody(byArray(ids)))
		if !strings.Contains(r.body["detail"].(string), "values must not be set for remove") || h.members(group) != "a b c" {
			t.Errorf("%s", r.raw)
		}
	},
	"remove-filter-wipes": removal(byFilter, "", "remove-filter-wipes"),
	"remove-shifts": func(t *testing.T) {
		removal(byFilter, "b", "remove-shifts")(t)
		removal(func(ids [3]string) string { return `{"op":"remove","path":"members[value eq \"` + ids[1] + `\"]"}` }, "a c", "remove-shifts")(t)
	},
	"remove-compound-ignored": func(t *testing.T) {
		removal(byCompound, "a b c", "remove-compound-ignored")(t)
		removal(byFilter, "c", "remove-compound-ignored")(t)
	},
	"replace-members-400": func(t *testing.T) {
		h := having(t, "replace-members-400")
		group, ids := h.three()
		h.refused(400, "", "PATCH", group, patchBody(replaceOp("members", `[{"value":"`+ids[0]+`"}]`)))
		h.refused(400, "", "PATCH", group, patchBody(`{"op":"remove","path":"members"}`))
		h.patched(group, byFilter(ids))
		h.patched(group, `{"op":"add","path":"members","value":[{"value":"`+ids[0]+`"}]}`)
	},
	"max-members": func(t *testing.T) {
		h := having(t, "max-members=1")
		ids := [3]string{h.user(`"userName":"a"`), h.user(`"userName":"b"`), h.user(`"userName":"c"`)}
		two := `[{"value":"` + ids[0] + `"},{"value":"` + ids[1] + `"}]`
		h.refused(400, "invalidSyntax", "POST", "/Groups", groupBody(`"displayName":"g","members":`+two))
		group := "/Groups/" + h.group(`"displayName":"g","members":[{"value":"`+ids[0]+`"}]`)
		h.refused(400, "invalidSyntax", "PATCH", group, patchBody(byFilter(ids)))
		h.refused(400, "invalidSyntax", "PATCH", group, patchBody(`{"op":"add","path":"members","value":`+two+`}`))
		h.refused(400, "invalidSyntax", "PATCH", group, patchBody(`{"op":"add","value":{"members":`+two+`}}`))
		h.patched(group, `{"op":"add","path":"members","value":[{"value":"`+ids[1]+`"}]}`)
	},
	"max-group": func(t *testing.T) {
		h := having(t, "max-group=3")
		group, ids := h.three()
		d := h.user(`"userName":"d"`)
		add := `{"op":"add","path":"members","value":[{"value":"` + d + `"}]}`
		h.refused(413, "", "PATCH", group, patchBody(add))
		h.patched(group, add+`,{"op":"remove","path":"members[value eq \"`+ids[0]+`\"]"}`)
		if got := h.members(group); got != "b c d" {
			t.Errorf("%s", got)
		}
	},
	"groups-start-empty": func(t *testing.T) {
		h := having(t, "groups-start-empty")
		group, ids := h.three()
		if got := h.members(group); got != "" {
			t.Errorf("%s", got)
		}
		h.patched(group, `{"op":"add","path":"members","value":[{"value":"`+ids[0]+`"}]}`)
		if got := h.members(group); got != "a" {
			t.Errorf("%s", got)
		}
	},
}
