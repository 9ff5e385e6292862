package sandbox

import (
	"fmt"
	"strings"
	"testing"
)

func bulkBody(operations ...string) string {
	return `{"schemas":["` + bulkURN + `"],"Operations":[` + strings.Join(operations, ",") + `]}`
}

func bulkPost(path, id, data string) string {
	return `{"method":"POST","path":"` + path + `","bulkId":"` + id + `","data":` + data + `}`
}

// outcome is what became of the operations: "bulkId status, …".
func outcome(r reply) string {
	var all []string
	for _, v := range list(r.body["Operations"]) {
		m := v.(map[string]any)
		all = append(all, strings.TrimSpace(fmt.Sprint(m["bulkId"], " ", m["status"])))
	}
	return strings.Join(all, ", ")
}

func testBulk(t *testing.T) {
	h := having(t, "bulk=4,2000", "unique=emails")
	if got := asJSON(h.get("/ServiceProviderConfig")["bulk"]); got != `{"maxOperations":4,"maxPayloadSize":2000,"supported":true}` {
		t.Errorf("bulk %s", got)
	}
	old := h.user(`"userName":"old"`)
	anna := bulkPost("/Users", "u", userBody(`"userName":"anna"`))
	group := bulkPost("/Groups", "g", groupBody(`"displayName":"g","members":[{"value":"bulkId:u"}]`))
	r := h.must(200, "POST", "/Bulk", bulkBody(group, anna,
		`{"method":"PATCH","path":"/Users/bulkId:u","bulkId":"p","data":`+patchBody(titleOp)+`}`,
		`{"method":"DELETE","path":"/Users/`+old+`"}`))
	if got := outcome(r); got != "g 201, u 201, p 200, <nil> 204" || !equal(r.body["schemas"], []any{bulkResponseURN}) {
		t.Fatalf("%s: %s", got, r.raw)
	}
	users, groups := h.Users(), h.Groups()
	if len(users) != 1 || users[0]["title"] != "U" || len(groups[0]["members"].([]any)) != 1 {
		t.Errorf("%v %v", users, groups)
	}
	first := list(r.body["Operations"])[1].(map[string]any)
	if first["location"] != h.url+"/Users/"+users[0]["id"].(string) || first["version"] != `W/"1"` || first["method"] != "POST" || first["response"] != nil {
		t.Errorf("%v", first)
	}

	taken := bulkPost("/Users", "t", userBody(`"userName":"anna"`))
	fresh := func(name string) string { return bulkPost("/Users", name, userBody(`"userName":"`+name+`"`)) }
	r = h.must(200, "POST", "/Bulk", bulkBody(taken, fresh("x"), bulkPost("/Groups", "o", groupBody(`"displayName":"o","members":[{"value":"bulkId:t"}]`))))
	if got := outcome(r); got != "t 409, x 201, o 400" {
		t.Errorf("%s: %s", got, r.raw)
	}
	if answer := list(r.body["Operations"])[0].(map[string]any)["response"].(map[string]any); answer["scimType"] != "uniqueness" || answer["status"] != "409" {
		t.Errorf("%v", answer)
	}
	stops := strings.Replace(bulkBody(fresh("y"), taken, fresh("z")), `"Operations"`, `"failOnErrors":1,"Operations"`, 1)
	if r = h.must(200, "POST", "/Bulk", stops); outcome(r) != "y 201, t 409" {
		t.Errorf("failOnErrors: %s", r.raw)
	}
	circle := func(id, other string) string {
		return bulkPost("/Groups", id, groupBody(`"displayName":"`+id+`","members":[{"value":"bulkId:`+other+`"}]`))
	}
	if r = h.must(200, "POST", "/Bulk", bulkBody(circle("c1", "c2"), circle("c2", "c1"), fresh("w"))); outcome(r) != "c1 409, c2 409, w 201" {
		t.Errorf("circle: %s", r.raw)
	}
	stale := `{"method":"PATCH","path":"/Users/` + users[0]["id"].(string) + `","version":"W/\"1\"","data":` + patchBody(titleOp) + `}`
	if r = h.must(200, "POST", "/Bulk", bulkBody(stale)); outcome(r) != "<nil> 412" {
		t.Errorf("version: %s", r.raw)
	}
	testBulkRefused(h)
	having(t).refused(404, "", "POST", "/Bulk", bulkBody(anna))
}

func testBulkRefused(h *host) {
	h.t.Helper()
	post := bulkPost("/Users", "n", userBody(`"userName":"n"`))
	h.refused(413, "", "POST", "/Bulk", bulkBody(post, post, post, post, post))
	h.refused(413, "", "POST", "/Bulk", bulkBody(bulkPost("/Users", "n", userBody(`"userName":"`+strings.Repeat("n", 2000)+`"`))))
	h.refused(405, "", "GET", "/Bulk", "")
	h.refused(415, "", "POST", "/Bulk", bulkBody(post), "Content-Type", "text/plain")
	for _, body := range []string{
		`{`, bulkBody(), `{"schemas":["x"],"Operations":[` + post + `]}`, bulkBody(post, post),
		bulkBody(`{"method":"POST","path":"/Users","data":{}}`), bulkBody(`{"method":"POST","path":"/Users","bulkId":"a"}`),
		bulkBody(`{"method":"GET","path":"/Users/x"}`), bulkBody(`{"method":"POST","path":"/Users/x","bulkId":"a","data":{}}`),
		bulkBody(`{"method":"DELETE","path":"/Users"}`), bulkBody(`{"method":"POST","path":"/Bulk","bulkId":"a","data":{}}`),
	} {
		h.refused(400, "invalidSyntax", "POST", "/Bulk", body)
	}
	if h.store.users.byName[fold("n")] != nil {
		h.t.Error("a refused request was applied")
	}
}

// Half of it is there, and nobody was told.
func testBulkLost(t *testing.T) {
	for _, habits := range [][]string{{"bulk", "bulk-lost=2"}, {"bulk-lost=2", "bulk"}} {
		h := having(t, habits...)
		post := func(name string) string { return bulkPost("/Users", name, userBody(`"userName":"`+name+`"`)) }
		h.must(200, "POST", "/Bulk", bulkBody(post("a")))
		if r, err := h.try("POST", "/Bulk", bulkBody(post("b"), post("c"), post("d"), post("e"))); err == nil {
			t.Errorf("answered %d %s", r.status, r.raw)
		}
		h.pages("3 1 3: a b c", "")
		if r := h.must(200, "POST", "/Bulk", bulkBody(post("c"), post("d"))); outcome(r) != "c 409, d 201" {
			t.Errorf("%s", r.raw)
		}
	}
}
