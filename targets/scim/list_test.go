package scim_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"scimsync/sync/plan"
	"scimsync/targets/scim"
	"scimsync/targets/scimtest"
)

// book is a server with n accounts and its own idea of paging.
type book struct {
	n        int
	pageSize int                                      // it gives no more than these at a time; 0: as many as asked
	total    func(from, given int) any                // nil: the truth
	past     func(from, count int) (first, given int) // what comes behind the end; nil: nothing
	item     func(i int) string                       // nil: account i
	whole    bool                                     // everybody comes at once
	queries  []string
}

func (b *book) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.queries = append(b.queries, r.URL.RawQuery)
	query, _ := url.ParseQuery(r.URL.RawQuery)
	from, _ := strconv.Atoi(query.Get("startIndex"))
	count, _ := strconv.Atoi(query.Get("count"))
	if b.pageSize > 0 {
		count = min(count, b.pageSize)
	}
	if b.whole {
		from, count = 1, b.n
	}
	first, given := from, max(min(count, b.n-from+1), 0)
	if from > b.n && b.past != nil {
		first, given = b.past(from, count)
	}
	users := []string{}
	for i := first; i < first+given; i++ {
		if b.item != nil {
			users = append(users, b.item(i))
		} else {
			users = append(users, user(fmt.Sprintf("id-%d", i), "", fmt.Sprintf("u%d", i)))
		}
	}
	var total any = b.n
	if b.total != nil {
		total = b.total(from, given)
	}
	body := fmt.Sprintf(`{"Resources":[%s],"totalResults":%v}`, strings.Join(users, ","), total)
	if total == nil {
		body = fmt.Sprintf(`{"Resources":[%s]}`, strings.Join(users, ","))
	}
	w.Header().Set("Content-Type", "application/scim+json")
	_, _ = w.Write([]byte(body))
}

func TestList(t *testing.T) {
	again := func(from, count int) (int, int) { return 1, count } // the first page again
	for _, c := range []struct {
		name     string
		book     book
		listed   int
		complete bool
		requests int
	}{
		{"none", book{}, 0, true, 1},
		{"one", book{n: 1}, 1, true, 2},
		{"part of a page", book{n: 99}, 99, true, 2},
		{"a full page", book{n: 100}, 100, true, 2},
		{"a page and one", book{n: 101}, 101, true, 2},
		{"full pages", book{n: 300}, 300, true, 4},
		{"pages and a rest", book{n: 1234}, 1234, true, 13},
		{"small pages", book{n: 101, pageSize: 20}, 101, true, 6},
		{"full small pages", book{n: 100, pageSize: 20}, 100, true, 6},
		{"first page again behind the end", book{n: 300, past: again}, 300, true, 4},
		{"first page again, few accounts", book{n: 30, past: again, pageSize: 30}, 30, true, 2},
		{"totals as text", book{n: 250, total: func(int, int) any { return `"250"` }}, 250, true, 3},
		{"no totals", book{n: 250, total: func(int, int) any { return nil }}, 250, true, 4},
		{"no totals, first page again", book{n: 200, past: again, total: func(int, int) any { return nil }}, 200, false, 3},
		{"zero announced behind the end", book{n: 200, total: func(_, given int) any { return min(given*2, 200) }}, 200, true, 3},

		// Lies. Everybody may come nevertheless, but nothing is proved.
		{"total is the page's size", book{n: 250, total: func(_, given int) any { return given }}, 250, false, 3},
		{"total is the page's size, full pages", book{n: 300, total: func(_, given int) any { return given }}, 300, false, 4},
		{"total is the small page's size", book{n: 45, pageSize: 20, total: func(_, given int) any { return given }}, 45, false, 3},
		{"total too large", book{n: 250, total: func(int, int) any { return 260 }}, 250, false, 4},
		{"total grows", book{n: 250, total: func(from, _ int) any { return 250 + from/100 }}, 250, false, 4},
		{"total shrinks", book{n: 250, total: func(from, _ int) any { return 250 - from/100 }}, 250, false, 3},
		{"the same page for ever", book{n: 1, past: func(int, int) (int, int) { return 1, 1 }, total: func(int, int) any { return 500 }}, 1, false, 2},
		{"somebody twice", book{n: 250, item: func(i int) string { return user(fmt.Sprintf("id-%d", min(i, 249)), "", "x") }}, 249, false, 3},
		{"somebody without id", book{n: 150, item: func(i int) string {
			if i == 7 {
				return `{"userName":"x"}`
			}
			return user(fmt.Sprint(i), "", "x")
		}}, 149, false, 2},
		{"nonsense among them", book{n: 150, item: func(i int) string {
			if i == 7 {
				return `7`
			}
			return user(fmt.Sprint(i), "", "x")
		}}, 149, false, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			seen := map[string]bool{}
			complete, err := serve(t, &c.book).List(t.Context(), func(f plan.Found) error {
				if seen[f.ID] {
					t.Errorf("%s came twice", f.ID)
				}
				seen[f.ID] = true
				return nil
			})
			if err != nil || complete != c.complete || len(seen) != c.listed {
				t.Errorf("listed %d, complete %t, error %v; want %d, %t", len(seen), complete, err, c.listed, c.complete)
			}
			if n := len(c.book.queries); n != c.requests {
				t.Errorf("%d requests, want %d: %v", n, c.requests, c.book.queries)
			}
			if got := c.book.queries[0]; got != "startIndex=1&count=100" {
				t.Errorf("first query %s", got)
			}
		})
	}
}

func TestListErrors(t *testing.T) {
	stop := errors.New("enough")
	complete, err := serve(t, &book{n: 250}).List(t.Context(), func(f plan.Found) error {
		if f.ID == "id-120" {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || complete {
		t.Errorf("complete %t, error %v", complete, err)
	}
	server := scimtest.NewFaulty(&book{n: 250})
	server.Script(scimtest.Reply{}, scimError(403, ""))
	complete, err = serve(t, server).List(t.Context(), func(plan.Found) error { return nil })
	says(t, err, "list accounts at hr-cloud from 101 on", "403")
	if complete {
		t.Error("a listing that broke off is complete")
	}
}

// A server that finds a page too large is asked for smaller ones.
func TestSmallerPages(t *testing.T) {
	b := &book{n: 90}
	picky := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if count, _ := strconv.Atoi(r.URL.Query().Get("count")); count > 30 {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"scimType":"tooMany"}`))
			return
		}
		b.ServeHTTP(w, r)
	})
	n := 0
	complete, err := serve(t, picky).List(t.Context(), func(plan.Found) error { n++; return nil })
	if err != nil || !complete || n != 90 || b.queries[0] != "startIndex=1&count=25" {
		t.Errorf("listed %d, complete %t, error %v, asked %v", n, complete, err, b.queries)
	}
}

// The page that Count read is the first one of the List that follows.
func TestCountThenList(t *testing.T) {
	for _, c := range []struct{ n, pageSize, requests int }{{0, 0, 1}, {1, 0, 2}, {100, 0, 2}, {250, 0, 3}, {300, 0, 4}, {45, 20, 3}} {
		b := &book{n: c.n, pageSize: c.pageSize}
		target := serve(t, b)
		accounts, requests, err := target.Count(t.Context())
		if err != nil || accounts != c.n || requests != c.requests || len(b.queries) != 1 {
			t.Errorf("%d accounts: counted %d, %d requests announced, %v, %d sent", c.n, accounts, requests, err, len(b.queries))
		}
		listed := 0
		complete, err := target.List(t.Context(), func(plan.Found) error { listed++; return nil })
		if err != nil || !complete || listed != c.n || len(b.queries) != c.requests {
			t.Errorf("%d accounts: listed %d, complete %t, error %v, %d requests, want %d", c.n, listed, complete, err, len(b.queries), c.requests)
		}
	}
}

// A kept page is used once, not after a write, and not after a while.
func TestKeptPageGetsStale(t *testing.T) {
	now := time.Now()
	b := &book{n: 150}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			b.ServeHTTP(w, r)
		}
	}))
	defer server.Close()
	target := reach(t, server.URL, func(o *scim.Options) { o.Now = func() time.Time { return now } })
	for i, between := range []func(){
		func() {},
		func() { apply(t, target, scimtest.Change(plan.Deactivate, "7")) },
		func() { now = now.Add(2 * time.Minute) },
		func() { _, _ = target.List(t.Context(), func(plan.Found) error { return nil }) },
	} {
		if _, _, err := target.Count(t.Context()); err != nil {
			t.Fatal(err)
		}
		between()
		b.queries = nil
		if _, err := target.List(t.Context(), func(plan.Found) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if want := []int{1, 2, 2, 2}[i]; len(b.queries) != want {
			t.Errorf("case %d: %d requests, want %d", i, len(b.queries), want)
		}
	}
}
