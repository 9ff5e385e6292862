package sandbox

import (
	"strings"
	"testing"
)

var lifeTests = map[string]func(*testing.T){
	"users-only": func(t *testing.T) {
		h := having(t, "users-only")
		h.refused(404, "", "GET", "/Groups", "")
		h.refused(404, "", "POST", "/Groups", groupBody(`"displayName":"g"`))
		if n := h.get("/ResourceTypes")["totalResults"]; n != 1.0 {
			t.Errorf("%v resource types", n)
		}
		h.refused(404, "", "GET", "/Schemas/"+groupURN, "")
		h.get("/")
	},
	"active-deletes": func(t *testing.T) {
		p := patchingWith(t, "active-deletes").leaves(titleOp, "title", `"U"`)
		p.must(204, "PATCH", p.path, patchBody(inactiveU))
		p.refused(404, "", "GET", p.path, "")
		p.refused(404, "", "PATCH", p.path, patchBody(replaceOp("active", "true")))
		id := p.user(`"userName":"a"`)
		p.must(204, "PUT", "/Users/"+id, userBody(`"userName":"a","active":false`))
		p.refused(404, "", "GET", "/Users/"+id, "")
	},
	"active-obfuscates": func(t *testing.T) {
		p := patchingWith(t, "active-obfuscates")
		r := p.must(200, "PATCH", p.path, patchBody(inactiveU))
		mail := r.body["emails"].([]any)[0].(map[string]any)["value"].(string)
		if r.body["userName"] == "a" || r.body["externalId"] != "X" || strings.Contains(mail, "a@x") {
			t.Errorf("%s", r.raw)
		}
		p.leaves(replaceOp("active", "true"), "userName", `"a"`).leaves(titleOp, "emails", `[{"type":"work","value":"a@x"}]`)
	},
	"deactivates-only": func(t *testing.T) {
		p := patchingWith(t, "deactivates-only")
		p.refuses("", titleOp).refuses("", titleOp+","+inactiveU).refuses("", replaceOp("active", "true")).leaves(inactiveU+","+titleOp, "title", `"T"`)
		for _, op := range []string{`{"op":"replace","value":{"active":false}}`, replaceOp("active", `"False"`)} {
			p := patchingWith(t, "deactivates-only")
			p.leaves(op, "active", `false`)
		}
		p.patched("/Groups/"+p.group(`"displayName":"g"`), replaceOp("displayName", `"h"`))
	},
	"method-off": func(t *testing.T) {
		h := having(t, "method-off=DELETE /Users 501; PUT /Groups 405")
		user, group := "/Users/"+h.user(`"userName":"a"`), "/Groups/"+h.group(`"displayName":"g"`)
		h.refused(501, "", "DELETE", user, "")
		h.refused(405, "", "PUT", group, groupBody(`"displayName":"h"`))
		h.must(200, "PUT", user, userBody(`"userName":"b"`))
		h.must(204, "DELETE", group, "")
	},
	"local": func(t *testing.T) {
		p := patchingWith(t, "local=A")
		p.refused(405, "", "PATCH", p.path, patchBody(titleOp))
		p.refused(405, "", "PUT", p.path, userBody(`"userName":"b"`))
		p.refused(405, "", "DELETE", p.path, "")
		p.get(p.path)
		other := "/Users/" + p.user(`"userName":"b"`)
		p.patched(other, titleOp)
		p.must(204, "DELETE", other, "")
	},
	"id-is-external": func(t *testing.T) {
		h := having(t, "id-is-external")
		r := h.must(201, "POST", "/Users", userBody(`"userName":"a","externalId":"X"`))
		if r.id() != "X" || !strings.HasSuffix(r.header.Get("Location"), "/Users/X") || r.header.Get("Location") != r.body["meta"].(map[string]any)["location"] {
			t.Errorf("%v %s", r.header, r.raw)
		}
		h.pages("1 1 1: a", filtered(`id eq "X"`))
		if r := h.must(200, "PATCH", "/Users/X", patchBody(replaceOp("externalId", `"Y"`))); r.id() != "Y" {
			t.Errorf("%s", r.raw)
		}
		h.refused(404, "", "GET", "/Users/X", "")
		h.get("/Users/Y")
		h.must(204, "DELETE", "/Users/Y", "")
	},
	"etag-off": func(t *testing.T) {
		p := patchingWith(t, "etag-off")
		r := p.must(200, "GET", p.path, "")
		if r.header.Get("ETag") != "" || r.body["meta"].(map[string]any)["version"] != nil || asJSON(p.get("/ServiceProviderConfig")["etag"]) != `{"supported":false}` {
			t.Errorf("%v %s", r.header, r.raw)
		}
	},
	"etag-required": func(t *testing.T) {
		p := patchingWith(t, "etag-required")
		for _, method := range []string{"PATCH", "PUT", "DELETE"} {
			p.refused(428, "", method, p.path, patchBody(titleOp))
		}
		tag := p.must(200, "GET", p.path, "").header.Get("ETag")
		p.must(200, "PATCH", p.path, patchBody(titleOp), "If-Match", tag)
		p.refused(412, "", "PATCH", p.path, patchBody(titleOp), "If-Match", tag)
	},
}

// shown wants the JSON of an attribute in an answer.
func (h *host) shown(path, attr, want string) {
	h.t.Helper()
	if got := asJSON(h.get(path)[attr]); got != want {
		h.t.Errorf("%s shows %s as %s, want %s", path, attr, got, want)
	}
}

// has says whether an answer has an attribute at all.
func (h *host) has(path, attr string) bool {
	h.t.Helper()
	_, has := h.get(path)[attr]
	return has
}

var shapeTests = map[string]func(*testing.T){
	"no-active": func(t *testing.T) {
		if p := patchingWith(t, "no-active"); p.has(p.path, "active") || p.Users()[0]["active"] != true {
			t.Error("active is there")
		}
	},
	"no-meta": func(t *testing.T) {
		if p := patchingWith(t, "no-meta"); p.has(p.path, "meta") {
			t.Error("meta is there")
		}
	},
	"no-types": func(t *testing.T) {
		p := patchingWith(t, "no-types")
		p.shown(p.path, "emails", `[{"value":"a@x"}]`)
		p.leaves(workMail, "emails", `[{"value":"b@x"}]`)
		if got := asJSON(p.get("/Users")["Resources"].([]any)[0].(map[string]any)["emails"]); got != `[{"value":"b@x"}]` {
			t.Errorf("listed %s", got)
		}
	},
	"names-hidden": func(t *testing.T) {
		p := patchingWith(t, "names-hidden")
		p.shown(p.path, "name", `{"familyName":"N/A","givenName":"N/A"}`)
	},
	"members-hidden": func(t *testing.T) {
		h := having(t, "members-hidden")
		group, _ := h.three()
		if h.has(group, "members") || len(h.Groups()[0]["members"].([]any)) != 3 {
			t.Error("members are there")
		}
	},
	"members-null": func(t *testing.T) {
		h := having(t, "members-null")
		group := "/Groups/" + h.group(`"displayName":"e"`)
		if !h.has(group, "members") {
			t.Error("there is no members")
		}
		h.shown(group, "members", `null`)
		full, _ := h.three()
		if h.members(full) != "a b c" {
			t.Error("members are gone")
		}
	},
	"emails-bare": func(t *testing.T) {
		p := patchingWith(t, "emails-bare")
		p.shown(p.path, "emails", `["a@x"]`)
	},
	"name-flat": func(t *testing.T) {
		h := having(t, "name-flat")
		h.shown("/Users/"+h.user(`"userName":"a","name":{"givenName":"G","familyName":"F"}`), "name.formatted", `"G F"`)
		h.shown("/Users/"+h.user(`"userName":"b","name":{"formatted":"X Y"}`), "name.formatted", `"X Y"`)
	},
	"external-id-snake": func(t *testing.T) {
		h := having(t, "external-id-snake")
		group := "/Groups/" + h.group(`"displayName":"g","externalId":"X"`)
		h.shown(group, "external_id", `"X"`)
		h.shown("/Users/"+h.user(`"userName":"a","externalId":"X"`), "externalId", `"X"`)
		if h.has(group, "externalId") {
			t.Error("externalId is there")
		}
	},
	"primary-false": func(t *testing.T) {
		p := patchingWith(t, "primary-false")
		p.shown(p.path, "emails", `[{"primary":false,"type":"work","value":"a@x"}]`)
	},
	"empty-arrays": func(t *testing.T) {
		p := patchingWith(t, "empty-arrays")
		p.shown(p.path, "phoneNumbers", `[]`)
		p.shown(p.path, "emails", `[{"type":"work","value":"a@x"}]`)
	},
	"extra-phone": func(t *testing.T) {
		p := patchingWith(t, "extra-phone")
		p.shown(p.path, "phoneNumbers", `[{"type":"other","value":"101"}]`)
		p.must(200, "PUT", p.path, userBody(`"userName":"a","phoneNumbers":[{"value":"1","type":"work"}]`))
		p.shown(p.path, "phoneNumbers", `[{"type":"work","value":"1"},{"type":"other","value":"101"}]`)
		p.leaves(`{"op":"remove","path":"phoneNumbers"}`, "phoneNumbers", `[{"type":"other","value":"101"}]`)
	},
	"meta-elsewhere": func(t *testing.T) {
		p := patchingWith(t, "meta-elsewhere")
		meta := p.get(p.path)["meta"].(map[string]any)
		if !strings.HasPrefix(meta["location"].(string), "http://scim.example.net/") || meta["created"] != meta["lastModified"] {
			t.Errorf("%v", meta)
		}
	},
	"list-meta-bare": func(t *testing.T) {
		p := patchingWith(t, "list-meta-bare")
		listed := p.get("/Users")["Resources"].([]any)[0].(map[string]any)["meta"].(map[string]any)
		if listed["location"] != nil || p.get(p.path)["meta"].(map[string]any)["location"] == nil {
			t.Errorf("%v", listed)
		}
	},
	"version-bare": func(t *testing.T) {
		p := patchingWith(t, "version-bare").leaves(titleOp, "title", `"U"`)
		if v := p.get(p.path)["meta"].(map[string]any)["version"]; v != "2" {
			t.Errorf("version %v", v)
		}
	},
	"content-type": func(t *testing.T) {
		p := patchingWith(t, "content-type")
		r := p.must(200, "PATCH", p.path, patchBody(titleOp))
		if r.header.Get("Content-Type") != "text/html" || r.body["title"] != "U" {
			t.Errorf("%v %s", r.header, r.raw)
		}
	},
	"discovery": func(t *testing.T) {
		for value, want := range map[string]int{"404": 404, "403": 403, "html": 200} {
			h := having(t, "discovery="+value)
			for _, path := range []string{"/ServiceProviderConfig", "/ResourceTypes", "/Schemas", "/Schemas/" + userURN} {
				if r := h.must(want, "GET", path, ""); (value == "html") != strings.HasPrefix(r.header.Get("Content-Type"), "text/html") {
					t.Errorf("%s: %v", value, r.header)
				}
			}
			h.get("/Users")
		}
	},
	"config-plural": func(t *testing.T) {
		h := having(t, "config-plural")
		h.refused(404, "", "GET", "/ServiceProviderConfig", "")
		if h.get("/ServiceProviderConfigs")["patch"] == nil {
			t.Error("no configuration")
		}
		h.get("/Schemas")
	},
	"config-liar": func(t *testing.T) {
		p := patchingWith(t, "config-liar")
		p.shown("/ServiceProviderConfig", "patch", `{"supported":false}`)
		p.leaves(titleOp, "title", `"U"`).pages("1 1 1: a", filtered(`userName eq "a"`))
	},
	"config-extra": func(t *testing.T) {
		having(t, "config-extra").shown("/ServiceProviderConfig", "xmlDataFormat", `{"supported":false}`)
	},
	"bulk":      testBulk,
	"bulk-lost": testBulkLost,
}
