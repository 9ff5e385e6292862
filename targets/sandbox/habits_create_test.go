package sandbox

import (
	"strings"
	"testing"
	"time"
)

func askedFor(active string) string { return userBody(`"userName":"a","active":` + active) }

var createTests = map[string]func(*testing.T){
	"extensions": func(t *testing.T) {
		h := having(t, "extensions=2")
		a := h.user(`"userName":"a"`)
		h.user(`"userName":"b"`)
		h.patched("/Users/"+a, replaceOp("active", "false"))
		h.refused(404, "", "POST", "/Users", userBody(`"userName":"c"`))
		h.group(`"displayName":"g"`)
		h.must(204, "DELETE", "/Users/"+a, "")
		h.user(`"userName":"c"`)
	},
	"unique": func(t *testing.T) {
		h := having(t, "unique=emails,externalId")
		a := h.user(`"userName":"a","externalId":"X","emails":[{"value":"a@x"},{"value":"b@x"}]`)
		h.refused(409, "uniqueness", "POST", "/Users", userBody(`"userName":"b","externalId":"x"`))
		h.refused(409, "uniqueness", "POST", "/Users", userBody(`"userName":"b","emails":[{"value":"B@x","type":"home"}]`))
		b := h.user(`"userName":"b","externalId":"Y","emails":[{"value":"c@x"}]`)
		h.refused(409, "uniqueness", "PATCH", "/Users/"+b, patchBody(`{"op":"add","path":"emails","value":[{"value":"a@x"}]}`))
		h.patched("/Users/"+a, replaceOp("title", `"T"`))
		h.group(`"displayName":"g","externalId":"X"`)
		h = having(t, "unique=emails")
		h.user(`"userName":"a","externalId":"X"`)
		h.user(`"userName":"b","externalId":"X"`)
	},
	"adopts": func(t *testing.T) {
		h := having(t, "adopts")
		id := h.user(`"userName":"a","title":"T","emails":[{"value":"a@x"}]`)
		for _, body := range []string{`"userName":"b","nickName":"N","emails":[{"value":"A@x"}]`, `"userName":"B"`} {
			r := h.must(201, "POST", "/Users", userBody(body))
			if r.id() != id || r.body["title"] != nil {
				t.Errorf("%s", r.raw)
			}
		}
		h.refused(400, "invalidSyntax", "POST", "/Users", `{`)
		h.user(`"userName":"c"`)
		if len(h.Users()) != 2 {
			t.Errorf("%v", h.Users())
		}
	},
	"conflict-empty": func(t *testing.T) {
		h := having(t, "conflict-empty")
		h.user(`"userName":"a"`)
		if r := h.must(409, "POST", "/Users", userBody(`"userName":"a"`)); r.raw != "" || r.header.Get("Content-Type") != "" {
			t.Errorf("%v %q", r.header, r.raw)
		}
		h.refused(404, "", "GET", "/Users/x", "")
	},
	"conflict-400": func(t *testing.T) {
		h := having(t, "conflict-400")
		h.user(`"userName":"a"`)
		r := h.refused(400, "", "POST", "/Users", userBody(`"userName":"a"`))
		if !strings.Contains(r.body["detail"].(string), "already exists in this account") {
			t.Errorf("%s", r.raw)
		}
	},
	"error-schema": func(t *testing.T) {
		r := having(t, "error-schema").refused(404, "", "GET", "/Users/x", "")
		if r.body["schema"] != errorURN || r.body["exceptionRequestId"] == "" || r.body["timeStamp"] == nil {
			t.Errorf("%s", r.raw)
		}
	},
	"error-number": func(t *testing.T) {
		if r := having(t, "error-number").must(404, "GET", "/Users/x", ""); r.body["status"] != 404.0 {
			t.Errorf("%s", r.raw)
		}
	},
	"inactive-refused": func(t *testing.T) {
		h := having(t, "inactive-refused")
		if r := h.must(400, "POST", "/Users", askedFor("false")); r.raw != "" {
			t.Errorf("%q", r.raw)
		}
		id := h.must(201, "POST", "/Users", askedFor("true")).id()
		h.patched("/Users/"+id, replaceOp("active", "false"))
	},
	"inactive-default": func(t *testing.T) {
		h := having(t, "inactive-default")
		r := h.must(201, "POST", "/Users", userBody(`"userName":"b"`))
		if r.body["active"] != false || h.must(201, "POST", "/Users", askedFor("true")).body["active"] != true {
			t.Errorf("%s", r.raw)
		}
		h.group(`"displayName":"g"`)
	},
	"inactive-created": func(t *testing.T) {
		h := having(t, "inactive-created")
		r := h.must(201, "POST", "/Users", askedFor("true"))
		if r.body["active"] != false {
			t.Errorf("%s", r.raw)
		}
		h.patched("/Users/"+r.id(), replaceOp("active", "true"))
		if h.get("/Users/" + r.id())["active"] != true {
			t.Error("it cannot be activated")
		}
	},
	"accepted": func(t *testing.T) {
		h := serve(t, Options{Scale: 10, Habits: []string{"accepted=2s"}})
		if r := h.must(202, "POST", "/Users", askedFor("true")); r.raw != "" || r.header.Get("Location") != "" {
			t.Errorf("%v %q", r.header, r.raw)
		}
		h.pages("0 1 0:", "")
		for end := time.Now().Add(5 * time.Second); len(h.Users()) == 0 && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
		}
		h.pages("1 1 1: a", "")
	},
	"created-empty": func(t *testing.T) {
		h := having(t, "created-empty")
		r := h.must(201, "POST", "/Users", askedFor("true"))
		_, path, _ := strings.Cut(r.header.Get("Location"), "/scim/v2")
		if r.raw != "" || h.get(path)["userName"] != "a" {
			t.Errorf("%v %q", r.header, r.raw)
		}
	},
	"late-reply": func(t *testing.T) {
		h := serve(t, Options{Scale: 2, Habits: []string{"late-reply=1600ms"}})
		h.refused(400, "invalidSyntax", "POST", "/Users", `{}`)
		start := time.Now()
		h.user(`"userName":"a"`)
		first := time.Since(start)
		h.user(`"userName":"b"`)
		if second := time.Since(start) - first; first < 800*time.Millisecond || second > 800*time.Millisecond {
			t.Errorf("answered after %v and %v", first, second)
		}
	},
	"lost-reply": func(t *testing.T) {
		h := having(t, "lost-reply=2")
		h.user(`"userName":"a"`)
		h.refused(409, "uniqueness", "POST", "/Users", userBody(`"userName":"a"`))
		h.get("/Users")
		if r, err := h.try("POST", "/Users", userBody(`"userName":"b"`)); err == nil {
			t.Errorf("answered %d", r.status)
		}
		h.refused(409, "uniqueness", "POST", "/Users", userBody(`"userName":"b"`))
		h.user(`"userName":"c"`)
	},
}
