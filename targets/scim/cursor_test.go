package scim_test

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"scimsync/sync/plan"
	"scimsync/targets/scim/profile"
)

// tape is a server with n accounts that are read by cursor (RFC 9865).
type tape struct {
	n       int
	total   bool               // totalResults is given
	index   bool               // a first request by index is answered, with a cursor
	next    func(i int) string // the cursor behind account i; nil: "c" and i
	refuse  map[int]string     // by number of the request: the scimType of a refusal
	most    int                // accounts on a page; 0: as many as asked
	empties int                // pages with nobody before the last
	zeros   bool               // each cursor differs from the one before, also where both lead to the same account
	queries []string
}

func (b *tape) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.queries = append(b.queries, r.URL.RawQuery)
	w.Header().Set("Content-Type", "application/scim+json")
	query, _ := url.ParseQuery(r.URL.RawQuery)
	if why := b.refuse[len(b.queries)]; why != "" || query.Has("cursor") == query.Has("startIndex") || query.Has("startIndex") && !b.index {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `{"scimType":%q}`, why)
		return
	}
	count, _ := strconv.Atoi(query.Get("count"))
	if b.most > 0 {
		count = min(count, b.most)
	}
	from, _ := strconv.Atoi(strings.TrimPrefix(query.Get("cursor"), "c"))
	users := []string{}
	to := min(from+count, b.n)
	if b.empties > 0 && to == b.n {
		b.empties--
		to = from
	}
	for i := from; i < to; i++ {
		users = append(users, user(fmt.Sprintf("id-%d", i), "", fmt.Sprintf("u%d", i)))
	}
	body := fmt.Sprintf(`{"Resources":[%s]`, strings.Join(users, ","))
	if b.total {
		body += fmt.Sprintf(`,"totalResults":%d`, b.n)
	}
	if to < b.n {
		next := "c" + strconv.Itoa(to)
		if b.zeros {
			next = "c" + strings.Repeat("0", len(b.queries)) + strconv.Itoa(to)
		}
		if b.next != nil {
			next = b.next(to)
		}
		body += fmt.Sprintf(`,"nextCursor":%q`, next)
	}
	_, _ = w.Write([]byte(body + "}"))
}

func TestListByCursor(t *testing.T) {
	for _, c := range []struct {
		name     string
		tape     tape
		listed   int
		complete bool
		requests int
	}{
		{"none", tape{}, 0, true, 1},
		{"one page", tape{n: 100}, 100, true, 1},
		{"pages", tape{n: 250}, 250, true, 3},
		{"pages with totals", tape{n: 250, total: true}, 250, true, 3},
		{"small pages", tape{n: 101, most: 20}, 101, true, 6},
		{"pages with nobody in between", tape{n: 150, empties: 3, zeros: true}, 150, true, 5},
		{"too many pages with nobody", tape{n: 150, empties: 100, zeros: true}, 100, false, 12},
		{"in a circle", tape{n: 300, next: func(int) string { return "c100" }}, 200, false, 2},
		{"a stale cursor", tape{n: 250, refuse: map[int]string{3: "expiredCursor"}}, 250, true, 6},
		{"stale cursors", tape{n: 250, total: true, refuse: map[int]string{2: "invalidCursor", 4: "ExpiredCursor", 6: "invalidCursor"}}, 250, true, 9},
		{"always stale", tape{n: 250, refuse: map[int]string{2: "expiredCursor", 4: "expiredCursor", 6: "expiredCursor", 8: "expiredCursor"}}, 100, false, 8},
		{"too many at a time", tape{n: 60, refuse: map[int]string{1: "invalidCount", 2: "invalidCount"}}, 60, true, 5},
		{"fewer on the way", tape{n: 150, refuse: map[int]string{2: "invalidCount"}}, 150, true, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			seen := map[string]bool{}
			target := serve(t, &c.tape, with(func(p *profile.Profile) { p.List.Mode = profile.ListCursor }))
			complete, err := target.List(t.Context(), func(f plan.Found) error {
				if seen[f.ID] {
					t.Errorf("%s came twice", f.ID)
				}
				seen[f.ID] = true
				return nil
			})
			if err != nil || complete != c.complete || len(seen) != c.listed || len(c.tape.queries) != c.requests {
				t.Errorf("listed %d, complete %t, %d requests, error %v; want %d, %t, %d\n%s", len(seen), complete, len(c.tape.queries), err,
					c.listed, c.complete, c.requests, strings.Join(c.tape.queries, "\n"))
			}
			if c.tape.queries[0] != "cursor&count=100" {
				t.Errorf("first asked %s", c.tape.queries[0])
			}
		})
	}
}

// A cursor that nobody asked for is used from then on, as it came.
func TestUnaskedCursor(t *testing.T) {
	b := tape{n: 250, index: true, total: true}
	n := 0
	complete, err := serve(t, &b).List(t.Context(), func(plan.Found) error { n++; return nil })
	want := "startIndex=1&count=100 cursor=c100&count=100 cursor=c200&count=100"
	if got := strings.Join(b.queries, " "); err != nil || !complete || n != 250 || got != want {
		t.Errorf("listed %d, complete %t, error %v: %s", n, complete, err, got)
	}
	b = tape{n: 101, next: func(int) string { return "c100 &=+/" }}
	_, _ = serve(t, &b, with(func(p *profile.Profile) { p.List.Mode = profile.ListCursor })).List(t.Context(), func(plan.Found) error { return nil })
	if got := b.queries[1]; got != "cursor=c100%20%26%3D%2B%2F&count=100" {
		t.Errorf("asked %s", got)
	}
}

// Listings of services with ways of their own.
func TestListAsTheProfileSays(t *testing.T) {
	single := func(l *profile.List) { l.Mode = profile.ListSingle }
	pageLength := func(_, given int) any { return given }
	for _, c := range []struct {
		name     string
		set      func(*profile.List)
		book     book
		listed   int
		complete bool
		queries  string
		counted  int // requests that Count expects
	}{
		{"no listing", func(l *profile.List) { l.Supported = false }, book{n: 120, pageSize: 50}, 0, false, "", math.MaxInt},
		{"all at once", single, book{n: 120, whole: true}, 120, true, "-", 1},
		{"all at once, no totals", single, book{n: 120, whole: true, total: func(int, int) any { return nil }}, 120, true, "-", 1},
		{"not all at once", single, book{n: 120, whole: true, total: func(int, int) any { return 240 }}, 120, false, "-", 1},
		{"totals that are true", func(l *profile.List) { l.TrustTotal = true }, book{n: 200}, 200, true, "1:100 101:100", 3},
		{"totals that are not", func(l *profile.List) { l.TrustTotal = true }, book{n: 200, total: pageLength}, 100, true, "1:100", 2},
		{"pages of 20", func(l *profile.List) { l.PageSize = 20 }, book{n: 39}, 39, true, "1:20 21:20", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := serve(t, &c.book, with(func(p *profile.Profile) { c.set(&p.List) }))
			n := 0
			complete, err := target.List(t.Context(), func(plan.Found) error { n++; return nil })
			var asked []string
			for _, q := range c.book.queries {
				v, _ := url.ParseQuery(q)
				if asked = append(asked, v.Get("startIndex")+":"+v.Get("count")); q == "" {
					asked[len(asked)-1] = "-"
				}
			}
			if got := strings.Join(asked, " "); err != nil || n != c.listed || complete != c.complete || got != c.queries {
				t.Errorf("listed %d, complete %t, error %v, asked %s; want %d, %t, %s", n, complete, err, got, c.listed, c.complete, c.queries)
			}
			if _, requests, err := target.Count(t.Context()); err != nil || requests != c.counted {
				t.Errorf("counted on %d requests, error %v, want %d", requests, err, c.counted)
			}
		})
	}
}
