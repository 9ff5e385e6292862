package profile

import (
	"testing"
	"time"
)

func TestMatchFits(t *testing.T) {
	tests := []struct {
		match        Match
		method, path string
		want         bool
	}{
		{Match{"*"}, "DELETE", "/scim/v2/Users/1", true},
		{Match{"GET *"}, "GET", "/scim/v2/Users", true},
		{Match{"GET *"}, "POST", "/scim/v2/Users", false},
		{Match{"POST */Users"}, "POST", "/scim/v2/Users", true},
		{Match{"POST */Users"}, "POST", "/scim/v2/Users/.search", false},
		{Match{"POST */Users"}, "POST", "/scim/v2/users", false},
		{Match{"PUT|PATCH */Users/*"}, "PATCH", "/scim/v2/Users/1", true},
		{Match{"PUT|PATCH */Users/*"}, "PATCH", "/scim/v2/Groups/1", false},
		{Match{"PUT|PATCH */Users/*"}, "DELETE", "/scim/v2/Users/1", false},
		{Match{"GET *", "POST */.search"}, "POST", "/scim/v2/Users/.search", true},
		{Match{"* /scim/v2/Bulk"}, "POST", "/scim/v2/Bulk", true},
		{Match{"* /scim/v2/Bulk"}, "POST", "/x/scim/v2/Bulk", false},
		{Match{"* *a*a*"}, "GET", "/a", false},
		{Match{"* *a*a*"}, "GET", "/aba", true},
		{Match{"* *ab*b"}, "GET", "/ab", false},
		{nil, "GET", "/", false},
	}
	for _, test := range tests {
		if got := test.match.Fits(test.method, test.path); got != test.want {
			t.Errorf("%q fits %s %s: %v, want %v", test.match, test.method, test.path, got, test.want)
		}
	}
}

func TestParseLimit(t *testing.T) {
	for text, want := range map[string]Limit{
		"10/m":   {10, time.Minute},
		"5/30s":  {5, 30 * time.Second},
		"6000/d": {6000, 24 * time.Hour},
		"1/2h":   {1, 2 * time.Hour},
	} {
		got, err := parseLimit(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s is %+v (%s), %v; want %+v", text, got, got, err, want)
		}
	}
	for _, text := range []string{"", "10", "10/", "/m", "0/s", "-1/s", "5/0s", "5/x", "5/1.5s", "5/s30", "5/sm", "1/99999999999999d", "5/9999d"} {
		if got, err := parseLimit(text); err == nil {
			t.Errorf("%q is taken for %+v", text, got)
		}
	}
	if got := (Limit{10, time.Minute}).PerSecond(); got != 10.0/60 {
		t.Errorf("10/m is %v a second", got)
	}
}

func TestPatterns(t *testing.T) {
	for _, good := range []string{"*", "GET *", "PUT|PATCH */Users/*", "* /scim/v2/Users"} {
		if err := checkPattern(good); err != nil {
			t.Errorf("%q %v", good, err)
		}
	}
	for _, bad := range []string{"", "GET", "get *", "GET|", "GET  *", "GET ", "GET Users", "GET /a b", "GET /a?b", "PURGE *"} {
		if checkPattern(bad) == nil {
			t.Errorf("%q is taken for a pattern", bad)
		}
	}
}
