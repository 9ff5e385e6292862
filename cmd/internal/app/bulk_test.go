package app_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"scimsync/targets/scimtest"
)

// bulkConfig has changes travel together.
func bulkConfig(url string) string {
	return strings.Replace(csvConfig(url, freely), "pace: {", "options: {bulk: {mode: auto}}, pace: {", 1)
}

func engineers(int) string { return "Engineer" }

// crowd writes n people with their titles.
func crowd(t testing.TB, dir string, n int, title func(i int) string) {
	t.Helper()
	var b strings.Builder
	b.WriteString("id,login,given,family,mail,title,status\n")
	for i := range n {
		fmt.Fprintf(&b, "%05d,user%d@example.org,Anna,Müller-%d,user%d@example.org,%s,on\n", i, i, i, i, title(i))
	}
	write(t, dir, "people.csv", b.String())
}

// bulks gives how many operations each bulk request had, as the server saw it, and fails
// for one that is above a limit, and for any other write.
func bulks(t testing.TB, requests []scimtest.Request, ops, size int) (list []int) {
	t.Helper()
	for _, r := range requests {
		var body struct{ Operations []json.RawMessage }
		switch {
		case r.Method == "GET":
		case !strings.HasSuffix(r.Path, "/Bulk"):
			t.Errorf("%s %s", r.Method, r.Path)
		case json.Unmarshal([]byte(r.Body), &body) != nil || len(body.Operations) > ops || len(r.Body) > size:
			t.Errorf("a bulk request of %d operations, %d bytes", len(body.Operations), len(r.Body))
		default:
			list = append(list, len(body.Operations))
		}
	}
	return list
}

// anchored fails unless each of n people has one account.
func anchored(t testing.TB, users []map[string]any, n int) {
	t.Helper()
	seen := map[any]bool{}
	for _, u := range users {
		seen[u["externalId"]] = true
	}
	if len(users) != n || len(seen) != n {
		t.Fatalf("%d accounts of %d people, want %d", len(users), len(seen), n)
	}
}

// Issue: 5,000 creates in as few bulk requests as the limits of a server of foreign make
// allow; then changes of all kinds together.
func TestBulk(tt *testing.T) {
	tt.Parallel()
	t := shipped{tt}
	const n, ops, size = 5000, 1000, 1 << 20
	srv := scimtest.StartWithBulk(t, ops, size, 0)
	dir := t.TempDir()
	write(t, dir, "config.yaml", bulkConfig(srv.URL))
	crowd(t, dir, n, engineers)

	r := synced(t, dir, 0)
	if got := bulks(t, srv.Requests(), ops, size); len(got) != n/ops || r.Calls != n/ops || r.Done["create"] != n {
		t.Errorf("bulk requests for %v; %+v", got, r)
	}
	anchored(t, srv.Users(), n)

	seen := len(srv.Requests())
	if r := synced(t, dir, 0); r.Calls != 0 || len(srv.RequestsAfter(seen)) != 0 {
		t.Errorf("a second run: %+v", r)
	}
	changed := func(i int) string { return map[bool]string{true: "Director", false: "Engineer"}[i < 100] }
	crowd(t, dir, n-2, changed)
	r = synced(t, dir, 0)
	got := bulks(t, srv.RequestsAfter(seen), ops, size)
	if r.Done["update"] != 100 || r.Done["deactivate"] != 2 || r.Calls != 2 || len(got) != 2 {
		t.Errorf("changes: %+v, bulk requests for %v", r, got)
	}
}

// The answer to a bulk request is lost when half of it was carried out: nobody is made
// twice, nobody is left out.
func TestBulkLost(tt *testing.T) {
	tt.Parallel()
	t := shipped{tt}
	const n = 600
	srv := scimtest.StartWithBulk(t, 200, 1<<20, 300)
	dir := t.TempDir()
	write(t, dir, "config.yaml", bulkConfig(srv.URL))
	crowd(t, dir, n, engineers)
	r := synced(t, dir, 0)
	got := bulks(t, srv.Requests(), 200, 1<<20)
	if r.Done["create"] != n || len(got) != 4 || sum(got) != n+100 {
		t.Errorf("bulk requests for %v; %+v", got, r)
	}
	anchored(t, srv.Users(), n)
	seen := len(srv.Requests())
	if r := synced(t, dir, 0); r.Calls != 0 || len(srv.RequestsAfter(seen)) != 0 {
		t.Errorf("a second run: %+v", r)
	}
}

func sum(list []int) (n int) {
	for _, x := range list {
		n += x
	}
	return n
}
