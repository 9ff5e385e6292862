package sandbox

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

func filterHost(t *testing.T) *host {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	h := serve(t, Options{Now: func() time.Time { now = now.Add(time.Hour); return now }})
	boss := h.user(`"userName":"boss","externalId":"X1","title":"Head","displayName":"anna","active":true,"name":{"familyName":"Zahn"}`)
	a := h.user(`"userName":"Anna","externalId":"x1","active":true,"title":"a\"b\\c [1] (é)","emails":[{"value":"anna@x","type":"work","primary":true},{"value":"shared@x","type":"home"}],
		"x509Certificates":[{"value":"QUJD"}],` + enterprise + `:{"department":"Sales","manager":{"value":"` + boss + `"}}`)
	h.user(`"userName":"bert","active":false,"emails":[{"value":"bert@x","type":"home"},{"value":"shared@x","type":"work"}],` + enterprise + `:{"department":"sales east"}`)
	h.group(`"displayName":"Crew","members":[{"value":"` + a + `"}]`)
	h.group(`"displayName":"Empty","externalId":"x1"`)
	return h
}

func TestFilter(t *testing.T) {
	h := filterHost(t)
	anna := h.get("/Users?filter=userName%20eq%20%22anna%22")["Resources"].([]any)[0].(map[string]any)["id"].(string)
	for filter, want := range map[string]string{
		`userName eq "ANNA"`:                             "Anna",
		`USERNAME EQ "anna"`:                             "Anna",
		`displayName eq "Anna"`:                          "boss",
		`userName eq "nobody"`:                           "",
		`userName ne "anna"`:                             "boss bert",
		`userName co "N"`:                                "Anna",
		`userName sw "b"`:                                "boss bert",
		`userName ew "T"`:                                "bert",
		`userName gt "bert"`:                             "boss",
		`userName ge "BERT"`:                             "boss bert",
		`userName lt "bert"`:                             "Anna",
		`userName le "bert"`:                             "Anna bert",
		`externalId eq "x1"`:                             "Anna",
		`externalId eq "X1"`:                             "boss",
		`externalId pr`:                                  "boss Anna",
		`not (externalId pr)`:                            "bert",
		`externalId eq null`:                             "bert",
		`externalId ne null`:                             "boss Anna",
		`id eq "` + anna + `"`:                           "Anna",
		`active eq true`:                                 "boss Anna",
		`active ne true`:                                 "bert",
		`title eq null`:                                  "bert",
		`title ne "head"`:                                "Anna bert",
		`name pr`:                                        "boss",
		`name.familyName eq "z"`:                         "",
		`name.familyName sw "z"`:                         "boss",
		`emails eq "ANNA@x"`:                             "Anna",
		`emails.value eq "anna@x"`:                       "Anna",
		`emails co "shared"`:                             "Anna bert",
		`emails.type eq "work"`:                          "Anna bert",
		`emails[value eq "shared@x"]`:                    "Anna bert",
		`emails[type eq "work" and value eq "Shared@X"]`: "bert",
		`emails[value sw "shared" and type eq "work"]`:   "bert",
		`emails[primary eq true and (type eq "work" or type eq "home")]`:      "Anna",
		`emails[not (type eq "home")]`:                                        "Anna bert",
		`emails[type eq "work"] and emails[value eq "bert@x"]`:                "bert",
		`emails.value eq "shared@x" and active eq true`:                       "Anna",
		`userName eq "bert" or externalId eq "X1"`:                            "boss bert",
		`userName eq "bert" or title pr`:                                      "boss Anna bert",
		`userName eq "bert" or userName eq "BERT"`:                            "bert",
		`userName sw "a" or userName sw "b" and active eq false`:              "Anna bert",
		`(userName sw "a" or userName sw "b") and active eq false`:            "bert",
		`not(active eq true)`:                                                 "bert",
		enterpriseURN + `:department eq "SALES"`:                              "Anna",
		enterpriseURN + `:department sw "sales"`:                              "Anna bert",
		strings.ToUpper(enterpriseURN) + `:DEPARTMENT pr`:                     "Anna bert",
		enterpriseURN + `:manager pr`:                                         "Anna",
		enterpriseURN + `:manager.value eq "x"`:                               "",
		userURN + `:userName eq "anna"`:                                       "Anna",
		userURN + `:emails[type eq "work"]`:                                   "Anna bert",
		`title eq "a\"b\\c [1] (\u00e9)"`:                                     "Anna",
		`title eq "A\u0022B\u005cC [1] (É)"`:                                  "Anna",
		`meta.lastModified gt "2026-01-01T00:00:00Z"`:                         "boss Anna bert",
		`meta.lastModified lt "2025-12-31T22:00:00-05:00" and active eq true`: "boss",
		`meta.resourceType eq "User"`:                                         "boss Anna bert",
		`groups.display eq "crew"`:                                            "Anna",
		`groups pr`:                                                           "Anna",
		`x509Certificates.value eq "QUJD"`:                                    "Anna",
		`schemas eq "` + enterpriseURN + `"`:                                  "Anna bert",
	} {
		if got := h.names("/Users", filter); got != want {
			t.Errorf("%s found %q, want %q", filter, got, want)
		}
	}
	for filter, want := range map[string]string{
		`displayName eq "CREW"`:                                     "Crew",
		`members.value eq "` + anna + `"`:                           "Crew",
		`members[value eq "` + anna + `"]`:                          "Crew",
		`members eq "` + anna + `"`:                                 "Crew",
		`members.display eq "Anna"`:                                 "Crew",
		`not (members pr)`:                                          "Empty",
		`externalId eq "x1"`:                                        "Empty",
		groupURN + `:displayName sw "e"`:                            "Empty",
		`members.value eq "` + anna + `" or displayName eq "empty"`: "Crew Empty",
	} {
		if got := h.names("/Groups", filter); got != want {
			t.Errorf("groups: %s found %q, want %q", filter, got, want)
		}
	}
}

func TestFilterRefused(t *testing.T) {
	h := filterHost(t)
	for _, filter := range []string{
		`userName`, `userName eq`, `userName eq anna`, `userName eq 'anna'`, `userName eq "anna`, `userName like "a"`,
		`colour eq "red"`, `name.colour eq "red"`, `urn:x:y eq "z"`, enterpriseURN + ` pr`, `name eq "x"`, `password pr`,
		`active eq "true"`, `active gt true`, `userName eq true`, `userName gt null`, `userName eq 5`,
		`meta.created eq "yesterday"`, `meta.created co "2026"`, `x509Certificates.value gt "A"`,
		`emails[type eq "work"].value eq "x"`, `emails[colour eq "x"]`, `emails[type eq "work"`, `emails type eq "work"]`, `emails[]`,
		`emails[emails[type eq "work"]]`, `userName[value eq "x"]`, `emails.in-0 pr`, `userName eq "a" and`, `(userName pr`,
		`userName eq "a" userName eq "b"`, `userName eq "\x"`, strings.Repeat("(", 9000), strings.Repeat("(", 8000),
	} {
		h.refused(400, "invalidFilter", "GET", "/Users?filter="+strings.ReplaceAll(url.QueryEscape(filter), "+", "%20"), "")
	}
	// A plus is a plus, not a space.
	h.refused(400, "invalidFilter", "GET", "/Users?filter=userName+eq+%22anna%22", "")
	h.refused(400, "invalidValue", "GET", "/Users?filter=%zz", "")
}

func TestFoldAgreesWithEqualFold(t *testing.T) {
	words := []string{"k", "K", "\u212a", "s", "S", "ſ", "ß", "ẞ", "ς", "σ", "Σ", "é", "É", "i", "İ", "ı", "I", "ǆ", "ǅ", "Ǆ", "日"}
	for _, a := range words {
		for _, b := range words {
			if (fold(a) == fold(b)) != strings.EqualFold(a, b) {
				t.Errorf("fold says %v of %q and %q", fold(a) == fold(b), a, b)
			}
		}
	}
}

func TestPaging(t *testing.T) {
	h := serve(t, Options{MaxResults: 3})
	for i := range 7 {
		h.user(fmt.Sprintf(`"userName":"u%d"`, i))
	}
	for _, c := range []struct {
		query, names string
		start, total int
	}{
		{"", "u0 u1 u2", 1, 7},
		{"?count=2", "u0 u1", 1, 7},
		{"?count=99", "u0 u1 u2", 1, 7},
		{"?startIndex=4", "u3 u4 u5", 4, 7},
		{"?startIndex=7&count=2", "u6", 7, 7},
		{"?startIndex=8", "", 8, 7},
		{"?startIndex=0&count=1", "u0", 1, 7},
		{"?startIndex=-5&count=-1", "", 1, 7},
		{"?count=0", "", 1, 7},
		{"?filter=userName%20sw%20%22u%22&startIndex=2&count=2", "u1 u2", 2, 7},
		{"?sortBy=userName&sortOrder=descending&count=2", "u6 u5", 1, 7},
	} {
		page := h.get("/Users" + c.query)
		var names []string
		for _, r := range page["Resources"].([]any) {
			names = append(names, r.(map[string]any)["userName"].(string))
		}
		if got := strings.Join(names, " "); got != c.names || page["totalResults"] != float64(c.total) ||
			page["startIndex"] != float64(c.start) || page["itemsPerPage"] != float64(len(names)) || !equal(page["schemas"], []any{listURN}) {
			t.Errorf("%s: %s of %s", c.query, got, asJSON(page))
		}
	}
	h.refused(400, "invalidValue", "GET", "/Users?count=two", "")
	h.refused(400, "invalidValue", "GET", "/Users?startIndex=1.5", "")
	if got := h.get("/Groups"); asJSON(got["Resources"]) != "[]" {
		t.Errorf("an empty list is %s", asJSON(got))
	}
}

func TestPagingAfterDeletes(t *testing.T) {
	h := serve(t, Options{})
	var ids []string
	for i := range 6 {
		ids = append(ids, h.user(fmt.Sprintf(`"userName":"u%d"`, i)))
	}
	for _, i := range []int{4, 0, 2} {
		h.must(204, "DELETE", "/Users/"+ids[i], "")
	}
	h.user(`"userName":"u6"`)
	if got := h.names("/Users", `userName pr`); got != "u1 u3 u5 u6" {
		t.Errorf("left are %q", got)
	}
}

func TestSort(t *testing.T) {
	h := serve(t, Options{})
	h.user(`"userName":"1","title":"b","emails":[{"value":"z"},{"value":"a","primary":true}]`)
	h.user(`"userName":"2","title":"A","emails":[{"value":"b"}]`)
	h.user(`"userName":"3"`)
	for query, want := range map[string]string{
		"title":                       "2 1 3",
		"title&sortOrder=descending":  "1 2 3",
		"emails":                      "1 2 3",
		"emails.value":                "1 2 3",
		"name.familyName":             "1 2 3",
		"title&sortOrder=Ascending":   "2 1 3",
		enterpriseURN + ":department": "1 2 3",
	} {
		var got []string
		for _, r := range h.get("/Users?sortBy=" + query)["Resources"].([]any) {
			got = append(got, r.(map[string]any)["userName"].(string))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("sortBy=%s: %v, want %s", query, got, want)
		}
	}
	h.refused(400, "invalidPath", "GET", "/Users?sortBy=colour", "")
	h.refused(400, "invalidPath", "GET", "/Users?sortBy=name", "")
	h.refused(400, "invalidValue", "GET", "/Users?sortBy=title&sortOrder=down", "")
}

func TestSelection(t *testing.T) {
	h := serve(t, Options{})
	id := h.user(`"userName":"a","title":"T","name":{"givenName":"G","familyName":"F"},"emails":[{"value":"x","type":"work"},{"value":"y"}],` + enterprise + `:{"department":"D","division":"V"}`)
	g := h.group(`"displayName":"g","members":[{"value":"` + id + `"}]`)
	for query, want := range map[string]string{
		"attributes=userName":                       `{"userName":"a"}`,
		"attributes=USERNAME,%20title":              `{"title":"T","userName":"a"}`,
		"attributes=id":                             `{}`,
		"attributes=name.givenName,emails.type":     `{"emails":[{"type":"work"}],"name":{"givenName":"G"}}`,
		"attributes=name":                           `{"name":{"familyName":"F","givenName":"G"}}`,
		"attributes=" + userURN + ":title":          `{"title":"T"}`,
		"attributes=" + enterpriseURN:               `{"` + enterpriseURN + `":{"department":"D","division":"V"}}`,
		"attributes=" + enterpriseURN + ":division": `{"` + enterpriseURN + `":{"division":"V"}}`,
		"attributes=groups.display":                 `{"groups":[{"display":"g"}]}`,
		"excludedAttributes=title.x,name,emails,userName,groups," + enterpriseURN: `{"title":"T"}`,
		"attributes=title.x": `{}`,
		"attributes=colour":  `{}`,
		"excludedAttributes=id,meta,schemas,userName,emails,groups,name.familyName," + enterpriseURN:                  `{"name":{"givenName":"G"},"title":"T"}`,
		"excludedAttributes=userName,emails,groups,name,title,emails.value," + enterpriseURN + ":department":          `{"` + enterpriseURN + `":{"division":"V"}}`,
		"excludedAttributes=userName,groups,name,title,emails.value,emails.type,emails.primary," + enterpriseURN + ``: `{}`,
	} {
		for _, m := range []map[string]any{h.get("/Users/" + id + "?" + query), h.get("/Users?" + query)["Resources"].([]any)[0].(map[string]any)} {
			if m["id"] != id || m["schemas"] == nil {
				t.Errorf("%s: id and schemas must stay: %s", query, asJSON(m))
			}
			if got := asJSON(bare(m)); got != want {
				t.Errorf("%s: %s, want %s", query, got, want)
			}
		}
	}
	if m := h.get("/Users/" + id + "?attributes=meta.version"); !equal(m["meta"], map[string]any{"version": `W/"1"`}) {
		t.Errorf("meta.version: %s", asJSON(m))
	}
	if m := h.get("/Groups/" + g + "?excludedAttributes=members"); m["members"] != nil || m["displayName"] != "g" {
		t.Errorf("without members: %s", asJSON(m))
	}
	if m := h.get("/Groups/" + g); m["members"] == nil {
		t.Error("leaving members out of one answer took them away")
	}
	if r := h.must(201, "POST", "/Users?attributes=userName", userBody(`"userName":"b","title":"T"`)); r.body["title"] != nil {
		t.Errorf("POST with attributes: %s", r.raw)
	}
	h.refused(400, "invalidValue", "GET", "/Users?attributes=userName&excludedAttributes=title", "")
}

func TestSearch(t *testing.T) {
	h := filterHost(t)
	search := func(inside string) string { return `{"schemas":["` + searchURN + `"]` + inside + `}` }
	found := func(r reply) int { return len(r.body["Resources"].([]any)) }
	if r := h.must(200, "POST", "/Users/.search", search(`,"filter":"userName sw \"b\"","startIndex":2,"count":5,"attributes":["userName"]`)); found(r) != 1 || r.body["totalResults"] != 2.0 || strings.Contains(r.raw, "emails") {
		t.Errorf("users: %s", r.raw)
	}
	if r := h.must(200, "POST", "/.search", search(``)); found(r) != 5 {
		t.Errorf("everything: %s", r.raw)
	}
	if r := h.must(200, "POST", "/.search", search(`,"filter":"externalId eq \"x1\"","sortBy":"userName"`)); found(r) != 2 {
		t.Errorf("a user and a group: %s", r.raw)
	}
	if r := h.must(200, "POST", "/.search", search(`,"filter":"userName pr"`)); found(r) != 3 {
		t.Errorf("users only: %s", r.raw)
	}
	if r := h.must(200, "GET", "/?filter=displayName%20pr", ""); found(r) != 3 {
		t.Errorf("GET of the root: %s", r.raw)
	}
	h.refused(400, "invalidFilter", "POST", "/.search", search(`,"filter":"colour pr"`))
	h.refused(400, "invalidSyntax", "POST", "/.search", `{}`)
	h.refused(400, "invalidSyntax", "POST", "/.search", search(`,"colour":1`))
	h.refused(400, "invalidSyntax", "POST", "/.search", search(`,"count":"1"`))
	h.refused(400, "invalidSyntax", "POST", "/.search", search(``)+"x")
}
