package sandbox

import (
	"strings"
	"testing"
)

// patched is the user every case of TestPatch starts from.
const patched = `"userName":"a","externalId":"E","title":"T","active":true,"name":{"givenName":"G","familyName":"F"},
	"emails":[{"value":"w@x","type":"work","primary":true},{"value":"h@x","type":"home"}],
	` + enterprise + `:{"department":"D","manager":{"value":"$BOSS"}}`

func TestPatch(t *testing.T) {
	h := serve(t, Options{})
	boss := h.user(`"userName":"boss"`)
	start := strings.ReplaceAll(patched, "$BOSS", boss)
	for _, c := range []struct{ name, ops, path, want string }{
		{"replace", `{"op":"replace","path":"title","value":"U"}`, "title", `"U"`},
		{"name in any case", `{"op":"replace","path":"TITLE","value":"U"}`, "title", `"U"`},
		{"add to singular", `{"op":"add","path":"title","value":"U"}`, "title", `"U"`},
		{"replace unassigned", `{"op":"replace","path":"nickName","value":"N"}`, "nickName", `"N"`},
		{"remove", `{"op":"remove","path":"title"}`, "title", `null`},
		{"remove unassigned", `{"op":"remove","path":"nickName"}`, "nickName", `null`},
		{"replace by null", `{"op":"replace","path":"title","value":null}`, "title", `null`},
		{"part", `{"op":"replace","path":"name.givenName","value":"H"}`, "name", `{"familyName":"F","givenName":"H"}`},
		{"remove part", `{"op":"remove","path":"name.givenName"}`, "name", `{"familyName":"F"}`},
		{"remove all parts", `{"op":"remove","path":"name.givenName"},{"op":"remove","path":"name.familyName"}`, "name", `null`},
		{"complex merges", `{"op":"replace","path":"name","value":{"givenName":"H","familyName":null}}`, "name", `{"givenName":"H"}`},
		{"core URN", `{"op":"replace","path":"` + userURN + `:name.givenName","value":"H"}`, "name", `{"familyName":"F","givenName":"H"}`},
		{"extension", `{"op":"replace","path":"` + enterpriseURN + `:department","value":"X"}`, enterpriseURN, `{"department":"X","manager":{"value":"` + boss + `"}}`},
		{"extension added", `{"op":"add","path":"` + enterpriseURN + `:division","value":"X"}`, enterpriseURN, `{"department":"D","division":"X","manager":{"value":"` + boss + `"}}`},
		{"remove manager", `{"op":"remove","path":"` + enterpriseURN + `:manager"}`, enterpriseURN, `{"department":"D"}`},
		{"remove manager.value", `{"op":"remove","path":"` + enterpriseURN + `:manager.value"}`, enterpriseURN, `{"department":"D"}`},
		{"whole extension", `{"op":"remove","path":"` + enterpriseURN + `"}`, enterpriseURN, `null`},
		{"into whole extension", `{"op":"add","path":"` + enterpriseURN + `","value":{"department":"X"}}`, enterpriseURN, `{"department":"X","manager":{"value":"` + boss + `"}}`},
		{"extension emptied", `{"op":"remove","path":"` + enterpriseURN + `:manager"},{"op":"remove","path":"` + enterpriseURN + `:department"}`, "schemas", `["` + userURN + `"]`},
		{"no path", `{"op":"replace","value":{"title":"U","NAME":{"givenName":"H"},` + enterprise + `:{"department":"X"}}}`, "name", `{"familyName":"F","givenName":"H"}`},
		{"add element", `{"op":"add","path":"emails","value":[{"value":"o@x","type":"other"}]}`, "emails",
			`[{"primary":true,"type":"work","value":"w@x"},{"type":"home","value":"h@x"},{"type":"other","value":"o@x"}]`},
		{"add one element", `{"op":"add","path":"emails","value":{"value":"o@x"}}`, "emails",
			`[{"primary":true,"type":"work","value":"w@x"},{"type":"home","value":"h@x"},{"value":"o@x"}]`},
		{"add present element", `{"op":"add","path":"emails","value":[{"value":"H@X","type":"home"}]}`, "emails",
			`[{"primary":true,"type":"work","value":"w@x"},{"type":"home","value":"H@X"}]`},
		{"new primary by add", `{"op":"add","path":"emails","value":[{"value":"o@x","primary":true}]}`, "emails",
			`[{"primary":false,"type":"work","value":"w@x"},{"type":"home","value":"h@x"},{"primary":true,"value":"o@x"}]`},
		{"new primary by path", `{"op":"replace","path":"emails[type eq \"home\"].primary","value":true}`, "emails",
			`[{"primary":false,"type":"work","value":"w@x"},{"primary":true,"type":"home","value":"h@x"}]`},
		{"replace list", `{"op":"replace","path":"emails","value":[{"value":"n@x"}]}`, "emails", `[{"value":"n@x"}]`},
		{"replace by none", `{"op":"replace","path":"emails","value":[]}`, "emails", `null`},
		{"remove list", `{"op":"remove","path":"emails"}`, "emails", `null`},
		{"element part", `{"op":"replace","path":"emails[type eq \"work\"].value","value":"n@x"}`, "emails",
			`[{"primary":true,"type":"work","value":"n@x"},{"type":"home","value":"h@x"}]`},
		{"element part by three terms", `{"op":"replace","path":"emails[type eq \"work\" and value eq \"W@x\" and primary eq true].value","value":"n@x"}`, "emails",
			`[{"primary":true,"type":"work","value":"n@x"},{"type":"home","value":"h@x"}]`},
		{"element part with quotes", `{"op":"add","path":"emails","value":[{"value":"\"[q]\"@x","type":"q\\"}]},{"op":"remove","path":"emails[value eq \"\\\"[q]\\\"@x\" and type eq \"q\\\\\"]"}`, "emails",
			`[{"primary":true,"type":"work","value":"w@x"},{"type":"home","value":"h@x"}]`},
		{"whole element", `{"op":"replace","path":"emails[type eq \"home\"]","value":{"value":"n@x","type":"other"}}`, "emails",
			`[{"primary":true,"type":"work","value":"w@x"},{"type":"other","value":"n@x"}]`},
		{"add to element", `{"op":"add","path":"emails[type eq \"home\"]","value":{"display":"N"}}`, "emails",
			`[{"primary":true,"type":"work","value":"w@x"},{"display":"N","type":"home","value":"h@x"}]`},
		{"remove element", `{"op":"remove","path":"emails[type eq \"home\" and value eq \"h@x\"]"}`, "emails", `[{"primary":true,"type":"work","value":"w@x"}]`},
		{"remove several", `{"op":"remove","path":"emails[not (type eq \"other\")]"}`, "emails", `null`},
		{"remove element part", `{"op":"remove","path":"emails[type eq \"work\"].primary"}`, "emails", `[{"type":"work","value":"w@x"},{"type":"home","value":"h@x"}]`},
		{"in order", `{"op":"remove","path":"title"},{"op":"add","path":"title","value":"1"},{"op":"replace","path":"title","value":"2"}`, "title", `"2"`},
		{"password is forgotten", `{"op":"replace","path":"password","value":"x"}`, "password", `null`},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &host{Server: h.Server, t: t, url: h.url}
			id := h.user(start)
			defer h.must(204, "DELETE", "/Users/"+id, "")
			r := h.must(200, "PATCH", "/Users/"+id, patchBody(c.ops))
			if got := asJSON(r.body[c.path]); got != c.want {
				t.Errorf("%s = %s, want %s", c.path, got, c.want)
			}
			if now := h.get("/Users/" + id); !equal(now, r.body) {
				t.Errorf("the answer %s differs from what is there: %s", r.raw, asJSON(now))
			}
		})
	}
}

func TestPatchRefused(t *testing.T) {
	h := serve(t, Options{})
	boss := h.user(`"userName":"boss"`)
	id := "/Users/" + h.user(strings.ReplaceAll(patched, "$BOSS", boss))
	before := asJSON(h.get(id))
	for _, c := range []struct{ name, ops, scimType string }{
		{"no operations", ``, "invalidSyntax"},
		{"unknown op", `{"op":"move","path":"title"}`, "invalidSyntax"},
		{"capital op", `{"op":"Replace","path":"title","value":"U"}`, "invalidSyntax"},
		{"unknown name", `{"op":"add","path":"title","value":"U","values":1}`, "invalidSyntax"},
		{"no value", `{"op":"add","path":"title"}`, "invalidSyntax"},
		{"remove with value", `{"op":"remove","path":"emails","value":[]}`, "invalidSyntax"},
		{"remove without path", `{"op":"remove"}`, "noTarget"},
		{"path is no string", `{"op":"remove","path":1}`, "invalidPath"},
		{"unknown path", `{"op":"replace","path":"colour","value":"x"}`, "invalidPath"},
		{"unknown part", `{"op":"replace","path":"name.colour","value":"x"}`, "invalidPath"},
		{"unknown extension", `{"op":"replace","path":"urn:x:y:z","value":"x"}`, "invalidPath"},
		{"pointer", `{"op":"replace","path":"/title","value":"x"}`, "invalidPath"},
		{"array index", `{"op":"replace","path":"emails[0].value","value":"x"}`, "invalidFilter"},
		{"open bracket", `{"op":"remove","path":"emails[type eq \"work\""}`, "invalidPath"},
		{"single quotes", `{"op":"remove","path":"emails[type eq 'work']"}`, "invalidFilter"},
		{"unknown in brackets", `{"op":"remove","path":"emails[colour eq \"red\"]"}`, "invalidFilter"},
		{"unknown after brackets", `{"op":"remove","path":"emails[type eq \"work\"].colour"}`, "invalidPath"},
		{"brackets on singular", `{"op":"remove","path":"name[givenName eq \"G\"]"}`, "invalidPath"},
		{"part of a list", `{"op":"replace","path":"emails.value","value":"x"}`, "invalidPath"},
		{"replace no match", `{"op":"replace","path":"emails[type eq \"other\"].value","value":"x"}`, "noTarget"},
		{"add no match", `{"op":"add","path":"emails[type eq \"other\"].value","value":"x"}`, "noTarget"},
		{"remove no match", `{"op":"remove","path":"emails[type eq \"other\"]"}`, "noTarget"},
		{"boolean as string", `{"op":"replace","path":"active","value":"False"}`, "invalidValue"},
		{"list for singular", `{"op":"replace","path":"title","value":["x"]}`, "invalidValue"},
		{"object for list", `{"op":"replace","path":"emails","value":{"value":"x"}}`, "invalidValue"},
		{"unknown in value", `{"op":"replace","path":"name","value":{"colour":"x"}}`, "invalidSyntax"},
		{"unknown without path", `{"op":"replace","value":{"colour":"x"}}`, "invalidSyntax"},
		{"no object without path", `{"op":"replace","value":"x"}`, "invalidValue"},
		{"dots without path", `{"op":"replace","value":{"name.givenName":"x"}}`, "invalidSyntax"},
		{"two primary", `{"op":"add","path":"emails","value":[{"value":"1","primary":true},{"value":"2","primary":true}]}`, "invalidValue"},
		{"two made primary", `{"op":"replace","path":"phoneNumbers","value":[{"value":"1"},{"value":"2"}]},{"op":"replace","path":"phoneNumbers[value pr].primary","value":true}`, "invalidValue"},
		{"the primary and another", `{"op":"replace","path":"emails[type pr].primary","value":true}`, "invalidValue"},
		{"made the same", `{"op":"replace","path":"emails[type pr].type","value":"x"},{"op":"replace","path":"emails[type pr].value","value":"x"}`, "invalidValue"},
		{"id", `{"op":"replace","path":"id","value":"x"}`, "mutability"},
		{"other id", `{"op":"replace","value":{"id":"x"}}`, "mutability"},
		{"meta", `{"op":"replace","path":"meta.version","value":"x"}`, "mutability"},
		{"groups", `{"op":"add","path":"groups","value":[{"value":"x"}]}`, "mutability"},
		{"schemas", `{"op":"add","path":"schemas","value":["x"]}`, "mutability"},
		{"remove required", `{"op":"remove","path":"userName"}`, "mutability"},
		{"clear required", `{"op":"replace","path":"userName","value":null}`, "invalidValue"},
		{"blank required", `{"op":"replace","path":"userName","value":""}`, "invalidValue"},
		{"nobody's manager", `{"op":"replace","path":"` + enterpriseURN + `:manager","value":{"value":"x"}}`, "invalidValue"},
		{"manager as string", `{"op":"replace","path":"` + enterpriseURN + `:manager","value":"` + boss + `"}`, "invalidValue"},
		{"add nothing", `{"op":"add","path":"title","value":null}`, "invalidValue"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &host{Server: h.Server, t: t, url: h.url}
			first := `{"op":"replace","path":"title","value":"changed"},`
			if c.ops == "" {
				first = ""
			}
			h.refused(400, c.scimType, "PATCH", id, patchBody(first+c.ops))
			if now := asJSON(h.get(id)); now != before {
				t.Errorf("half of it was applied: %s", now)
			}
		})
	}
	h.refused(400, "invalidSyntax", "PATCH", id, `{"Operations":[{"op":"remove","path":"title"}]}`)
	h.refused(400, "invalidSyntax", "PATCH", id, strings.Replace(patchBody(`{"op":"remove","path":"title"}`), "Operations", "operations", 1))
	h.refused(409, "uniqueness", "PATCH", id, patchBody(`{"op":"replace","path":"userName","value":"BOSS"}`))
	h.refused(404, "", "PATCH", "/Users/nobody", patchBody(`{"op":"remove","path":"title"}`))
}

func TestPatchSaysItsOwnID(t *testing.T) {
	h := serve(t, Options{})
	id := h.user(`"userName":"a"`)
	h.must(200, "PATCH", "/Users/"+id, patchBody(`{"op":"replace","value":{"id":"`+id+`","active":false}}`))
}

func TestManagerWhoLeft(t *testing.T) {
	h := serve(t, Options{})
	boss := h.user(`"userName":"boss"`)
	a := "/Users/" + h.user(`"userName":"a",`+enterprise+`:{"manager":{"value":"`+boss+`"}}`)
	h.must(204, "DELETE", "/Users/"+boss, "")
	h.must(200, "PATCH", a, patchBody(`{"op":"replace","path":"title","value":"T"}`))
	h.refused(400, "invalidValue", "POST", "/Users", userBody(`"userName":"b",`+enterprise+`:{"manager":{"value":"`+boss+`"}}`))
}

func TestRenameFreesTheName(t *testing.T) {
	h := serve(t, Options{})
	a := h.user(`"userName":"a"`)
	h.must(200, "PATCH", "/Users/"+a, patchBody(`{"op":"replace","path":"userName","value":"b"}`))
	h.user(`"userName":"a"`)
	h.refused(409, "uniqueness", "POST", "/Users", userBody(`"userName":"B"`))
}

func TestPatchMembers(t *testing.T) {
	h := serve(t, Options{})
	ids := map[string]string{}
	for _, n := range []string{"a", "b", "c"} {
		ids["$"+n] = h.user(`"userName":"` + n + `"`)
	}
	fill := func(s string) string {
		for n, id := range ids {
			s = strings.ReplaceAll(s, n+"$", id)
		}
		return s
	}
	for _, c := range []struct{ name, ops, want string }{
		{"add", `{"op":"add","path":"members","value":[{"value":"$c$"}]}`, "a b c"},
		{"add one", `{"op":"add","path":"members","value":{"value":"$c$"}}`, "a b c"},
		{"add present", `{"op":"add","path":"members","value":[{"value":"$a$"}]}`, "a b"},
		{"add without path", `{"op":"add","value":{"members":[{"value":"$c$"}]}}`, "a b c"},
		{"remove", `{"op":"remove","path":"members[value eq \"$a$\"]"}`, "b"},
		{"remove two", `{"op":"remove","path":"members[value eq \"$a$\" or display eq \"B\"]"}`, ""},
		{"remove all", `{"op":"remove","path":"members"}`, ""},
		{"replace", `{"op":"replace","path":"members","value":[{"value":"$c$"},{"value":"$a$"}]}`, "a c"},
		{"replace by none", `{"op":"replace","path":"members","value":[]}`, ""},
		{"remove and add again", `{"op":"remove","path":"members[value eq \"$a$\"]"},{"op":"add","path":"members","value":[{"value":"$a$"}]}`, "a b"},
		{"add and remove again", `{"op":"add","path":"members","value":[{"value":"$c$"}]},{"op":"remove","path":"members[value eq \"$c$\"]"}`, "a b"},
		{"add, remove, add", `{"op":"add","path":"members","value":[{"value":"$c$"}]},{"op":"remove","path":"members[value eq \"$c$\"]"},{"op":"add","path":"members","value":[{"value":"$c$"}]}`, "a b c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &host{Server: h.Server, t: t, url: h.url}
			g := "/Groups/" + h.group(fill(`"displayName":"g","members":[{"value":"$a$"},{"value":"$b$"}]`))
			defer h.must(204, "DELETE", g, "")
			h.must(204, "PATCH", g, fill(patchBody(c.ops)))
			if got := members(h.get(g)); got != c.want {
				t.Errorf("members %q, want %q", got, c.want)
			}
			version := `W/"2"`
			if c.want == "a b" {
				version = `W/"1"`
			}
			if got := h.must(200, "GET", g, "").header.Get("ETag"); got != version {
				t.Errorf("version %s, want %s", got, version)
			}
		})
	}

	g := "/Groups/" + h.group(fill(`"displayName":"g","members":[{"value":"$a$"},{"value":"$b$"}]`))
	for ops, scimType := range map[string]string{
		`{"op":"remove","path":"members[value eq \"$c$\"]"}`:                              "noTarget",
		`{"op":"remove","path":"members[type eq \"Group\"]"}`:                             "noTarget",
		`{"op":"remove","path":"members","value":[{"value":"$a$"}]}`:                      "invalidSyntax",
		`{"op":"add","path":"members","value":[{"value":"nobody"}]}`:                      "invalidValue",
		`{"op":"replace","path":"members[value eq \"$a$\"]","value":{"value":"$c$"}}`:     "mutability",
		`{"op":"replace","path":"members[value eq \"$a$\"].value","value":"$c$"}`:         "mutability",
		`{"op":"remove","path":"members[value eq \"$a$\"].type"}`:                         "mutability",
		`{"op":"remove","path":"displayName"}`:                                            "mutability",
		`{"op":"remove","path":"members"},{"op":"replace","path":"colour","value":"red"}`: "invalidPath",
	} {
		h.refused(400, scimType, "PATCH", g, fill(patchBody(ops)))
		if r := h.must(200, "GET", g, ""); members(r.body) != "a b" || r.header.Get("ETag") != `W/"1"` {
			t.Errorf("%s was half applied: %s", ops, r.raw)
		}
	}
	if r := h.must(200, "PATCH", g+"?attributes=displayName", patchBody(`{"op":"replace","path":"displayName","value":"h"}`)); r.body["displayName"] != "h" || r.body["members"] != nil {
		t.Errorf("with attributes: %s", r.raw)
	}
}

// members lists the members of a group by display, sorted by it.
func members(g map[string]any) string {
	list, _ := g["members"].([]any)
	var all []string
	for _, n := range []string{"a", "b", "c"} {
		for _, m := range list {
			if m.(map[string]any)["display"] == n {
				all = append(all, n)
			}
		}
	}
	return strings.Join(all, " ")
}
