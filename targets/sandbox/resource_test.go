package sandbox

import (
	"strings"
	"testing"
	"time"
)

const enterprise = `"` + enterpriseURN + `"`

func TestCreateAndRead(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.UTC)
	h := serve(t, Options{Now: func() time.Time { return now }})
	boss := h.user(`"userName":"boss@example.org"`)
	r := h.must(201, "POST", "/Users", userBody(`"id":"mine","meta":{"version":"x"},"groups":[{"value":"g"}],"USERNAME":"Anna@Example.org",
		"externalId":"E1","password":"secret","displayName":"<Anna & Cö>","nickName":null,"photos":[],
		"emails":[{"value":"anna@example.org","TYPE":"work","primary":true}],
		`+strings.ToUpper(enterprise)+`:{"department":"R&D","manager":{"value":"`+boss+`","displayName":"ignored"}}`))
	id := r.id()
	if len(id) != 36 || id[14] != '4' {
		t.Errorf("id %q is not a UUID of the server's", id)
	}
	loc := h.url + "/Users/" + id
	if r.header.Get("Location") != loc || r.header.Get("ETag") != `W/"1"` || r.header.Get("Content-Type") != mediaType {
		t.Errorf("headers: %v", r.header)
	}
	want := map[string]any{
		"schemas": []any{userURN, enterpriseURN}, "id": id, "externalId": "E1", "userName": "Anna@Example.org",
		"displayName": "<Anna & Cö>", "emails": []any{map[string]any{"value": "anna@example.org", "type": "work", "primary": true}},
		enterpriseURN: map[string]any{"department": "R&D", "manager": map[string]any{"value": boss}},
		"meta": map[string]any{"resourceType": "User", "created": "2026-01-02T03:04:05.678Z",
			"lastModified": "2026-01-02T03:04:05.678Z", "location": loc, "version": `W/"1"`},
	}
	if !equal(r.body, want) {
		t.Errorf("created\n%s\nwant\n%s", asJSON(r.body), asJSON(want))
	}
	if got := h.get("/Users/" + id); !equal(got, want) {
		t.Errorf("read\n%s\nwant\n%s", asJSON(got), asJSON(want))
	}
	h.refused(404, "", "GET", "/Users/nobody", "")
	h.refused(404, "", "GET", "/Groups/"+id, "")
}

func TestCreateRefused(t *testing.T) {
	h := serve(t, Options{})
	h.user(`"userName":"Taken@example.org"`)
	h.group(`"displayName":"Sales"`)
	for _, c := range []struct {
		name, path, body string
		status           int
		scimType         string
	}{
		{"not JSON", "/Users", `{"a":`, 400, "invalidSyntax"},
		{"two objects", "/Users", userBody(`"userName":"a"`) + `{}`, 400, "invalidSyntax"},
		{"a list", "/Users", `[]`, 400, "invalidSyntax"},
		{"bad UTF-8", "/Users", userBody("\"userName\":\"a\xff\""), 400, "invalidSyntax"},
		{"unknown attribute", "/Users", userBody(`"userName":"a","colour":"red"`), 400, "invalidSyntax"},
		{"unknown part", "/Users", userBody(`"userName":"a","name":{"nick":"x"}`), 400, "invalidSyntax"},
		{"same name twice", "/Users", userBody(`"userName":"a","USERNAME":"b"`), 400, "invalidSyntax"},
		{"part twice", "/Users", userBody(`"userName":"a","name":{"givenName":"x","givenname":"y"}`), 400, "invalidSyntax"},
		{"no schemas", "/Users", `{"userName":"a"}`, 400, "invalidSyntax"},
		{"wrong schemas", "/Users", groupBody(`"userName":"a"`), 400, "invalidSyntax"},
		{"schemas twice", "/Users", `{"schemas":["` + userURN + `","` + userURN + `"],"userName":"a"}`, 400, "invalidSyntax"},
		{"extension not in schemas", "/Users", `{"schemas":["` + userURN + `"],"userName":"a",` + enterprise + `:{"department":"D"}}`, 400, "invalidSyntax"},
		{"unknown in extension", "/Users", userBody(`"userName":"a",` + enterprise + `:{"desk":"D"}`), 400, "invalidSyntax"},
		{"no userName", "/Users", userBody(`"displayName":"a"`), 400, "invalidValue"},
		{"blank userName", "/Users", userBody(`"userName":" "`), 400, "invalidValue"},
		{"boolean as string", "/Users", userBody(`"userName":"a","active":"True"`), 400, "invalidValue"},
		{"string as number", "/Users", userBody(`"userName":"a","title":7`), 400, "invalidValue"},
		{"object for list", "/Users", userBody(`"userName":"a","emails":{"value":"x"}`), 400, "invalidValue"},
		{"string for object", "/Users", userBody(`"userName":"a",` + enterprise + `:{"manager":"x"}`), 400, "invalidValue"},
		{"null element", "/Users", userBody(`"userName":"a","emails":[null]`), 400, "invalidValue"},
		{"bad base64", "/Users", userBody(`"userName":"a","x509Certificates":[{"value":"?"}]`), 400, "invalidValue"},
		{"two primary", "/Users", userBody(`"userName":"a","emails":[{"value":"x","primary":true},{"value":"y","primary":true}]`), 400, "invalidValue"},
		{"value twice", "/Users", userBody(`"userName":"a","emails":[{"value":"x","type":"work"},{"value":"X","type":"work"}]`), 400, "invalidValue"},
		{"nobody's manager", "/Users", userBody(`"userName":"a",` + enterprise + `:{"manager":{"value":"x"}}`), 400, "invalidValue"},
		{"userName taken", "/Users", userBody(`"userName":"tAKEN@example.org"`), 409, "uniqueness"},
		{"displayName taken", "/Groups", groupBody(`"displayName":"SALES"`), 409, "uniqueness"},
		{"no displayName", "/Groups", groupBody(`"externalId":"x"`), 400, "invalidValue"},
		{"unknown member", "/Groups", groupBody(`"displayName":"g","members":[{"value":"x"}]`), 400, "invalidValue"},
		{"member without value", "/Groups", groupBody(`"displayName":"g","members":[{"type":"User"}]`), 400, "invalidValue"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &host{Server: h.Server, t: t, url: h.url}
			h.refused(c.status, c.scimType, "POST", c.path, c.body)
		})
	}
	if len(h.Users()) != 1 || len(h.Groups()) != 1 {
		t.Errorf("a refused request left something: %d users, %d groups", len(h.Users()), len(h.Groups()))
	}
	h.user(`"userName":"ß@example.org"`)
	h.refused(409, "uniqueness", "POST", "/Users", userBody(`"userName":"ẞ@EXAMPLE.org"`))
}

func TestPut(t *testing.T) {
	h := serve(t, Options{})
	id := h.user(`"userName":"a","externalId":"E","title":"T","emails":[{"value":"x"}],` + enterprise + `:{"department":"D"}`)
	r := h.must(200, "PUT", "/Users/"+id, userBody(`"id":"other","userName":"A","displayName":"N"`))
	if r.id() != id || r.header.Get("ETag") != `W/"2"` {
		t.Errorf("id %s, headers %v", r.id(), r.header)
	}
	if got, want := asJSON(bare(r.body)), `{"displayName":"N","userName":"A"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := h.names("/Users", `externalId eq "E" or emails.value eq "x"`); got != "" {
		t.Errorf("the old values still find %s", got)
	}
	again := h.must(200, "PUT", "/Users/"+id, userBody(`"displayName":"N","userName":"A"`))
	if again.header.Get("ETag") != `W/"2"` {
		t.Error("a PUT that changes nothing made a new version")
	}
	h.refused(404, "", "PUT", "/Users/nobody", userBody(`"userName":"b"`))
	h.refused(400, "invalidValue", "PUT", "/Users/"+id, userBody(`"title":"b"`))
	h.user(`"userName":"b"`)
	h.refused(409, "uniqueness", "PUT", "/Users/"+id, userBody(`"userName":"B"`))
}

func TestDelete(t *testing.T) {
	h := serve(t, Options{})
	id := h.user(`"userName":"a","externalId":"E","emails":[{"value":"x"}]`)
	if r := h.must(204, "DELETE", "/Users/"+id, ""); r.raw != "" {
		t.Errorf("204 with the body %s", r.raw)
	}
	for _, method := range []string{"GET", "DELETE"} {
		h.refused(404, "", method, "/Users/"+id, "")
	}
	for _, f := range []string{`userName eq "a"`, `externalId eq "E"`, `emails.value eq "x"`, `id eq "` + id + `"`, `userName pr`} {
		if got := h.names("/Users", f); got != "" {
			t.Errorf("%s still finds %s", f, got)
		}
	}
	if again := h.user(`"userName":"a"`); again == id {
		t.Error("the id was used again")
	}
}

func TestVersions(t *testing.T) {
	h := serve(t, Options{})
	id := "/Users/" + h.user(`"userName":"a"`)
	title := patchBody(`{"op":"replace","path":"title","value":"T"}`)
	h.refused(412, "", "PATCH", id, title, "If-Match", `W/"7"`)
	h.must(200, "PATCH", id, title, "If-Match", `W/"7", W/"1"`)
	h.refused(412, "", "PUT", id, userBody(`"userName":"a"`), "If-Match", `W/"1"`)
	h.refused(412, "", "DELETE", id, "", "If-Match", `W/"1"`)
	if r := h.must(200, "PATCH", id, title, "If-Match", `*`); r.header.Get("ETag") != `W/"2"` {
		t.Errorf("a PATCH that changes nothing made version %s", r.header.Get("ETag"))
	}
	if r := h.must(304, "GET", id, "", "If-None-Match", `W/"2"`); r.raw != "" || r.header.Get("ETag") != `W/"2"` {
		t.Errorf("304: %v %q", r.header, r.raw)
	}
	h.must(200, "GET", id, "", "If-None-Match", `W/"1"`)
	h.must(204, "DELETE", id, "", "If-Match", `W/"2"`)
}

func TestMemberships(t *testing.T) {
	h := serve(t, Options{})
	a, b := h.user(`"userName":"a","displayName":"Anna"`), h.user(`"userName":"b"`)
	g := h.group(`"displayName":"g","members":[{"value":"` + b + `","type":"User"},{"value":"` + a + `","$ref":"ignored"},{"value":"` + b + `"}]`)
	outer := h.group(`"displayName":"outer","members":[{"value":"` + g + `"}]`)
	want := []any{
		map[string]any{"value": b, "type": "User", "$ref": h.url + "/Users/" + b, "display": "b"},
		map[string]any{"value": a, "type": "User", "$ref": h.url + "/Users/" + a, "display": "Anna"},
	}
	if got := h.get("/Groups/" + g)["members"]; !equal(got, want) {
		t.Errorf("members %s, want %s", asJSON(got), asJSON(want))
	}
	groups := []any{
		map[string]any{"value": g, "type": "direct", "$ref": h.url + "/Groups/" + g, "display": "g"},
		map[string]any{"value": outer, "type": "indirect", "$ref": h.url + "/Groups/" + outer, "display": "outer"},
	}
	if got := h.get("/Users/" + a)["groups"]; !equal(got, groups) {
		t.Errorf("groups %s, want %s", asJSON(got), asJSON(groups))
	}
	h.refused(400, "invalidValue", "POST", "/Groups", groupBody(`"displayName":"x","members":[{"value":"`+a+`","type":"Group"}]`))
	h.refused(400, "invalidValue", "PATCH", "/Groups/"+g, patchBody(`{"op":"add","path":"members","value":[{"value":"`+g+`"}]}`))

	h.must(204, "DELETE", "/Users/"+b, "")
	got := h.must(200, "GET", "/Groups/"+g, "")
	if n := len(got.body["members"].([]any)); n != 1 || got.header.Get("ETag") != `W/"2"` {
		t.Errorf("after the user was deleted: %d members, version %s", n, got.header.Get("ETag"))
	}
	h.must(200, "PUT", "/Groups/"+g, groupBody(`"displayName":"g"`))
	if u := h.get("/Users/" + a); u["groups"] != nil {
		t.Errorf("still in %s", asJSON(u["groups"]))
	}
	h.must(204, "DELETE", "/Groups/"+g, "")
	h.must(204, "DELETE", "/Groups/"+h.group(`"displayName":"short","members":[{"value":"`+a+`"}]`), "")
	if u := h.get("/Users/" + a); u["groups"] != nil {
		t.Errorf("in a deleted group: %s", asJSON(u["groups"]))
	}
	if got := h.get("/Groups/" + outer); got["members"] != nil {
		t.Errorf("a deleted group is still a member: %s", asJSON(got))
	}
}
