package sandbox

import "testing"

// takes is a sandbox with habits, to POST users to.
type takes struct{ *host }

func taking(t *testing.T, habits ...string) takes { return takes{having(t, habits...)} }

// refusing wants a POST to be refused.
func (h takes) refusing(inside ...string) takes {
	h.t.Helper()
	for _, i := range inside {
		h.refused(400, "invalidValue", "POST", "/Users", userBody(i))
	}
	return h
}

// as wants a POST to be stored so.
func (h takes) as(inside, attr, want string) takes {
	h.t.Helper()
	r := h.must(201, "POST", "/Users", userBody(inside))
	if got := asJSON(h.get("/Users/" + r.id())[attr]); got != want {
		h.t.Errorf("%s: %s is %s, want %s", inside, attr, got, want)
	}
	h.must(204, "DELETE", "/Users/"+r.id(), "")
	return h
}

var attributeTests = map[string]func(*testing.T){
	"requires": func(t *testing.T) {
		h := taking(t, "requires=name.givenName,emails[work].value,enterprise:department")
		dept := `,` + enterprise + `:{"department":"D"}`
		h.refusing(`"userName":"a"`, `"userName":"a","name":{"familyName":"F"},"emails":[{"value":"a@x","type":"work"}]`+dept,
			`"userName":"a","name":{"givenName":"G"},"emails":[{"value":"a@x","type":"home"}]`+dept,
			`"userName":"a","name":{"givenName":""},"emails":[{"value":"a@x","type":"work"}]`+dept,
			`"userName":"a","name":{"givenName":"G"},"emails":[{"value":"a@x","type":"work"}]`)
		h.as(`"userName":"a","name":{"givenName":"G"},"emails":[{"value":"a@x","type":"work"}]`+dept, "userName", `"a"`)
		h.group(`"displayName":"g"`)
		id := h.user(`"userName":"a","name":{"givenName":"G"},"emails":[{"value":"a@x","type":"work"}]` + dept)
		h.refused(400, "invalidValue", "PATCH", "/Users/"+id, patchBody(`{"op":"remove","path":"emails"}`))
		taking(t, "requires=enterprise").refusing(`"userName":"a"`).as(`"userName":"a"`+dept, "userName", `"a"`)
	},
	"refuses": func(t *testing.T) {
		taking(t, "refuses=photos,emails.display").
			refusing(`"userName":"a","photos":[{"value":"http://x"}]`, `"userName":"a","emails":[{"value":"a@x","display":"A"}]`).
			as(`"userName":"a","emails":[{"value":"a@x"}]`, "userName", `"a"`)
	},
	"keeps": func(t *testing.T) {
		h := taking(t, "keeps=userName,title,name.givenName,enterprise:department")
		body := `"userName":"a","title":"T","nickName":"N","name":{"givenName":"G","familyName":"F"},` + enterprise + `:{"department":"D","division":"V"}`
		for attr, want := range map[string]string{
			"title": `"T"`, "nickName": `null`, "name": `{"givenName":"G"}`, enterpriseURN: `{"department":"D"}`,
			"schemas": `["` + userURN + `","` + enterpriseURN + `"]`,
		} {
			h.as(body, attr, want)
		}
		h.as(`"userName":"a",`+enterprise+`:{"division":"V"}`, "schemas", `["`+userURN+`"]`)
		id := h.user(body)
		h.patched("/Users/"+id, replaceOp("nickName", `"M"`))
		if h.get("/Users/" + id)["nickName"] != nil {
			t.Error("a PATCH kept it")
		}
	},
	"unknown-ignored": func(t *testing.T) {
		h := having(t, "unknown-ignored")
		body := `{"schemas":["` + userURN + `","urn:x"],"userName":"a","colour":"red","urn:x":{"y":1},"name":{"givenName":"G","colour":"red"}}`
		r := h.must(201, "POST", "/Users", body)
		id := r.id()
		if got := asJSON(bare(r.body)); got != `{"name":{"givenName":"G"},"userName":"a"}` {
			t.Errorf("%s", got)
		}
		h.must(200, "PUT", "/Users/"+id, body)
		h.must(201, "POST", "/Groups", groupBody(`"displayName":"g","colour":"red"`))
		h.refused(400, "invalidPath", "PATCH", "/Users/"+id, patchBody(replaceOp("colour", `"red"`)))
	},
	"types": func(t *testing.T) {
		taking(t, "types=emails work, phoneNumbers work|mobile").
			refusing(`"userName":"a","emails":[{"value":"a@x","type":"home"}]`, `"userName":"a","emails":[{"value":"a@x"}]`, `"userName":"a","phoneNumbers":[{"value":"1","type":"fax"}]`).
			as(`"userName":"a","emails":[{"value":"a@x","type":"work"}],"phoneNumbers":[{"value":"1","type":"mobile"}],"ims":[{"value":"i"}]`, "userName", `"a"`)
	},
	"max-length": func(t *testing.T) {
		taking(t, "max-length=userName 3, emails.value 5").refusing(`"userName":"abcd"`, `"userName":"a","emails":[{"value":"aaaa@x"}]`).
			as(`"userName":"äöü","emails":[{"value":"aaa@x"}]`, "userName", `"äöü"`)
	},
	"max-values": func(t *testing.T) {
		taking(t, "max-values=emails 1").refusing(`"userName":"a","emails":[{"value":"a@x"},{"value":"b@x"}]`).
			as(`"userName":"a","emails":[{"value":"a@x"}],"phoneNumbers":[{"value":"1"},{"value":"2"}]`, "userName", `"a"`)
	},
	"forbids": func(t *testing.T) {
		taking(t, "forbids=displayName @, externalId :;").refusing(`"userName":"a","displayName":"a@b"`, `"userName":"a","externalId":"a;b"`).
			as(`"userName":"a@b","displayName":"a:b","externalId":"a@b"`, "userName", `"a@b"`)
	},
	"primary-mail": func(t *testing.T) {
		taking(t, "primary-mail").refusing(`"userName":"a","emails":[{"value":"a@x"}]`).as(`"userName":"a"`, "userName", `"a"`).
			as(`"userName":"a","emails":[{"value":"a@x"},{"value":"b@x","primary":true}]`, "userName", `"a"`)
	},
	"login-is-mail": func(t *testing.T) {
		h := taking(t, "login-is-mail").refusing(`"userName":"a@x"`, `"userName":"a@x","emails":[{"value":"b@x","type":"work"},{"value":"a@x","type":"home"}]`)
		id := "/Users/" + h.user(`"userName":"a@x","emails":[{"value":"A@x","type":"work"}]`)
		login, mail := replaceOp("userName", `"b@x"`), replaceOp(`emails[type eq \"work\"].value`, `"b@x"`)
		h.refused(400, "invalidValue", "PATCH", id, patchBody(login))
		h.refused(400, "invalidValue", "PATCH", id, patchBody(mail))
		h.patched(id, login+","+mail)
	},
	"lowers": func(t *testing.T) {
		taking(t, "lowers=userName,emails.value").as(`"userName":"Anna","title":"Ä","emails":[{"value":"A@X"}]`, "userName", `"anna"`).
			as(`"userName":"Anna","title":"Ä","emails":[{"value":"A@X"}]`, "emails", `[{"value":"a@x"}]`).as(`"userName":"a","title":"Ä"`, "title", `"Ä"`)
	},
	"countries": func(t *testing.T) {
		taking(t, "countries").as(`"userName":"a","addresses":[{"country":"US"},{"country":"XX"},{"locality":"L"}]`, "addresses", `[{"country":"United States"},{"country":"XX"},{"locality":"L"}]`)
	},
	"regions-refused": func(t *testing.T) {
		h := taking(t, "regions-refused").as(`"userName":"a","addresses":[{"region":"CA"}]`, "userName", `"a"`)
		for _, region := range []string{"ZH", "California", " ", "A"} {
			r := h.refused(400, "invalidValue", "POST", "/Users", userBody(`"userName":"a","addresses":[{"region":"`+region+`"}]`))
			if r.body["detail"] != "Parameter [extension.contact.businessAddress.state] value is invalid" {
				t.Errorf("%q: %s", region, r.raw)
			}
		}
	},
	"phones-e164": func(t *testing.T) {
		taking(t, "phones-e164").as(`"userName":"a","phoneNumbers":[{"value":"+41 (44) 123-45.67"}]`, "phoneNumbers", `[{"value":"+41441234567"}]`)
	},
	"slugs": func(t *testing.T) {
		h := having(t, "slugs")
		id := h.group(`"displayName":"Sales & Co. CH"`)
		if got := h.get("/Groups/" + id)["displayName"]; got != "sales-co-ch" {
			t.Errorf("%v", got)
		}
		taking(t, "slugs").as(`"userName":"a","displayName":"A B"`, "displayName", `"A B"`)
	},
}
