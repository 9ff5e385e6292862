package sandbox

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

// people makes users a, b, … with their work e-mail addresses.
func (h *host) people(n int) *host {
	h.t.Helper()
	for i := range n {
		name := string(rune('a' + i))
		h.user(`"userName":"` + name + `","externalId":"X` + name + `","emails":[{"value":"` + name + `@x","type":"work"}]`)
	}
	return h
}

// page is what a search answers: "total start perPage: names".
func (h *host) page(query string) string {
	h.t.Helper()
	p := h.get("/Users?" + query)
	var names []string
	for _, r := range list(p["Resources"]) {
		names = append(names, r.(map[string]any)["userName"].(string))
	}
	return strings.TrimSpace(fmt.Sprintf("%v %v %v: %s", p["totalResults"], p["startIndex"], p["itemsPerPage"], strings.Join(names, " ")))
}

func (h *host) pages(want string, query string) {
	h.t.Helper()
	if got := h.page(query); got != want {
		h.t.Errorf("%s answered %q, want %q", query, got, want)
	}
}

func filtered(filter string) string {
	return "filter=" + strings.ReplaceAll(url.QueryEscape(filter), "+", "%20")
}

var searchTests = map[string]func(*testing.T){
	"filter-ignored": func(t *testing.T) {
		having(t, "filter-ignored").people(3).pages("3 1 3: a b c", filtered(`userName eq "b"`))
	},
	"filter-only": func(t *testing.T) {
		h := having(t, "filter-only=userName,email").people(3)
		h.pages("1 1 1: b", filtered(`userName eq "b"`))
		h.pages("1 1 1: b", filtered(`USERNAME eq "B"`))
		h.pages("1 1 1: c", filtered(`email eq "c@x"`))
		h.pages("3 1 3: a b c", "")
		for _, filter := range []string{`emails.value eq "c@x"`, `externalId eq "Xa"`, `userName sw "b"`, `(userName eq "b")`, `userName eq "b" and email eq "b@x"`, `userName`, `emails[value eq "c@x"]`} {
			h.refused(400, "invalidFilter", "GET", "/Users?"+filtered(filter), "")
		}
		h = having(t, "filter-only=userName,emails,and").people(3)
		h.pages("1 1 1: b", filtered(`userName eq "b" and emails eq "b@x"`))
		h.pages("0 1 0:", filtered(`userName eq "b" and emails eq " and "`))
		h.refused(400, "invalidFilter", "GET", "/Users?"+filtered(`userName eq "b" or emails eq "b@x"`), "")
	},
	"filter-max": func(t *testing.T) {
		h := having(t, "filter-max=20").people(1)
		h.pages("1 1 1: a", filtered(`userName eq "a"`))
		h.refused(400, "invalidFilter", "GET", "/Users?"+filtered(`userName eq "aaaaaaaaaaaaaaaa"`), "")
	},
	"hides-inactive": func(t *testing.T) {
		h := having(t, "hides-inactive")
		id := h.user(`"userName":"a","externalId":"X","active":false,"title":"has \"active\":false in it"`)
		h.user(`"userName":"b","active":true,"title":"\"active\":false"`)
		h.pages("0 1 0:", filtered(`userName eq "a"`))
		h.pages("1 1 1: b", filtered(`userName eq "b"`))
		h.pages("1 1 1: a", filtered(`externalId eq "X"`))
		h.pages("1 1 1: a", filtered(`id eq "`+id+`"`))
		h.pages("2 1 2: a b", "")
	},
	"create-lag": func(t *testing.T) {
		h, step := clocked(t, Options{Scale: 2, Habits: []string{"create-lag=10s"}})
		id := h.user(`"userName":"a"`)
		h.pages("0 1 0:", filtered(`userName eq "a"`))
		h.get("/Users/" + id)
		h.must(409, "POST", "/Users", userBody(`"userName":"a"`))
		step(5 * time.Second)
		h.pages("1 1 1: a", filtered(`userName eq "a"`))
	},
	"none-is-404": func(t *testing.T) {
		h := having(t, "none-is-404")
		h.pages("0 1 0:", "")
		h.refused(404, "", "GET", "/Users?"+filtered(`userName eq "a"`), "")
	},
	"none-is-bare": func(t *testing.T) {
		h := having(t, "none-is-bare").people(1)
		if r := h.must(200, "GET", "/Users?"+filtered(`userName eq "z"`), ""); strings.Contains(r.raw, "Resources") || r.body["totalResults"] != 0.0 {
			t.Errorf("%s", r.raw)
		}
		h.pages("1 1 1: a", "")
	},
	"page-max": func(t *testing.T) {
		h := having(t, "page-max=2").people(3)
		h.pages("3 1 2: a b", "count=50")
		h.pages("3 3 1: c", "count=50&startIndex=3")
		if max := h.get("/ServiceProviderConfig")["filter"].(map[string]any)["maxResults"]; max != 2.0 {
			t.Errorf("maxResults %v", max)
		}
	},
	"paging-ignored": func(t *testing.T) {
		having(t, "paging-ignored").people(3).pages("3 1 2: a b", "count=2&startIndex=3")
	},
	"first-page-only": func(t *testing.T) {
		h := having(t, "first-page-only=2").people(3)
		h.pages("2 1 2: a b", "")
		h.pages("2 1 2: a b", "startIndex=3")
		h.pages("1 1 1: c", filtered(`userName eq "c"`))
	},
	"total-is-page": func(t *testing.T) {
		having(t, "total-is-page").people(3).pages("2 1 2: a b", "count=2")
	},
	"per-page-wrong": func(t *testing.T) {
		h := having(t, "per-page-wrong").people(3)
		h.pages("3 1 100: a b c", "")
		h.pages("3 2 25: b c", "count=25&startIndex=2")
	},
	"zero-count-ignored": func(t *testing.T) {
		h := having(t, "zero-count-ignored").people(2)
		h.pages("2 1 2: a b", "count=0")
		h.pages("2 1 1: a", "count=1")
	},
	"count-ignored": func(t *testing.T) {
		having(t, "count-ignored", "page-max=1").people(3).pages("3 1 3: a b c", "count=1&startIndex=2")
	},
	"cursor": testCursor,
}

func testCursor(t *testing.T) {
	h := having(t, "cursor").people(5)
	h.pages("5 2 2: b c", "startIndex=2&count=2")
	if p := h.get("/ServiceProviderConfig")["pagination"]; asJSON(p) != `{"cursor":true,"cursorTimeout":3600,"defaultPaginationMethod":"index","index":true}` {
		t.Errorf("pagination %s", asJSON(p))
	}
	var names []string
	next, n := "", 0
	for {
		p := h.get("/Users?count=2&cursor=" + url.QueryEscape(next))
		for _, r := range p["Resources"].([]any) {
			names = append(names, r.(map[string]any)["userName"].(string))
		}
		if _, has := p["startIndex"]; has || p["totalResults"] == nil {
			t.Errorf("%s", asJSON(p))
		}
		if n++; n == 1 { // what goes away does not move the rest
			h.must(204, "DELETE", "/Users/"+p["Resources"].([]any)[0].(map[string]any)["id"].(string), "")
		}
		if next, _ = p["nextCursor"].(string); next == "" {
			break
		}
	}
	if got := strings.Join(names, " "); got != "a b c d e" || n != 3 {
		t.Errorf("%d pages: %s", n, got)
	}
	first := h.get("/Users?count=2&cursor=")["nextCursor"].(string)
	h.refused(400, "invalidCursor", "GET", "/Users?cursor=x", "")
	h.refused(400, "invalidCursor", "GET", "/Users?cursor="+first+"&"+filtered(`userName pr`), "")
	h.refused(400, "invalidValue", "GET", "/Users?cursor=&startIndex=1", "")
	h.refused(400, "invalidValue", "GET", "/Users?cursor=&sortBy=userName", "")
	search := `{"schemas":["` + searchURN + `"],"count":3,"cursor":""}`
	if p := h.must(200, "POST", "/Users/.search", search).body; p["nextCursor"] == nil || p["itemsPerPage"] != 3.0 {
		t.Errorf("%s", asJSON(p))
	}
	h = having(t, "cursor=only").people(3)
	if p := h.get("/Users?startIndex=3&count=2"); p["nextCursor"] == nil || len(p["Resources"].([]any)) != 2 {
		t.Errorf("%s", asJSON(p))
	}
	h = having(t).people(1)
	h.refused(400, "invalidSyntax", "POST", "/Users/.search", search)
	h.pages("1 1 1: a", "cursor=")
}
