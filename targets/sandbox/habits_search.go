package sandbox

import (
	"bytes"
	"hash/fnv"
	"net/http"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// What searches find, and how their pages lie.

var searchHabits = []habit{
	{name: "filter-ignored", help: "a search finds everybody, whatever its filter says",
		make: always(hooks{query: func(q *query) error { q.Filter = ""; return nil }})},
	{name: "filter-only", takes: "ATTRIBUTES", value: "userName", make: listOf(filterOnly),
		help: `400 for a filter that is not ATTRIBUTE eq "value" with one of these; email stands for emails.value; the word and among them allows several terms`},
	{name: "filter-max", takes: "BYTES", value: "1000", make: counted(filterMax), help: "400 for a longer filter"},
	{name: "hides-inactive", help: "inactive accounts are found by id and externalId only",
		make: always(hooks{hides: func(r *resource, q query) bool {
			return inactive(r) && q.Filter != "" && !byIdentity.MatchString(q.Filter)
		}})},
	{name: "create-lag", takes: "DURATION", value: "2s", make: lasting(createLag),
		help: "what was created is found by searches only after so long"},
	{name: "none-is-404", help: "a search that finds nothing answers 404", make: always(hooks{list: noneIs404})},
	{name: "none-is-bare", help: "a search that finds nothing answers without Resources",
		make: always(hooks{list: func(l *listing) error { l.bare = true; return nil }})},
	{name: "page-max", takes: "N", value: "100", help: "no page is longer",
		make: counted(func(_ *Server, n int) hooks { return hooks{settings: func(s *settings) { s.maxResults = n }} })},
	{name: "paging-ignored", help: "startIndex is ignored: the first page comes again and again",
		make: always(hooks{query: func(q *query) error { q.StartIndex = nil; return nil }})},
	{name: "first-page-only", takes: "N", value: "50", make: counted(firstPageOnly),
		help: "a search finds the first N, says that these are all, and has no further page"},
	{name: "total-is-page", help: "totalResults is the length of the page",
		make: always(hooks{list: func(l *listing) error { l.total = len(l.page); return nil }})},
	{name: "per-page-wrong", help: "itemsPerPage is the count that was asked for (or 100), however long the page is",
		make: always(hooks{list: perPageWrong})},
	{name: "zero-count-ignored", help: "count=0 is taken for no count", make: always(hooks{query: func(q *query) error {
		if q.Count != nil && *q.Count == 0 {
			q.Count = nil
		}
		return nil
	}})},
	{name: "count-ignored", help: "a search answers all it finds in one page", make: always(hooks{list: func(l *listing) error {
		l.start, l.page, l.perPage, l.next = 1, l.found, len(l.found), ""
		return nil
	}})},
	{name: "cursor", takes: "also|only", value: "also", make: oneOf(cursors, "also", "only"),
		help: "pages by cursor (RFC 9865): also beside startIndex, or only, which ignores startIndex"},
}

// term is one comparison as simple service providers read it.
var term = regexp.MustCompile(`^\s*([\w.:$-]+) +(\w+) +("(?:[^"\\]|\\.)*")\s*$`)

// byIdentity fits filters that ask for an id.
var byIdentity = regexp.MustCompile(`(?i)^\s*\(?(id|externalId) eq `)

func filterOnly(attributes []string) hooks {
	several := slices.Contains(attributes, "and")
	refused := func(q *query) error { return refuse("invalidFilter", "Unsupported Search Filter: %s", q.Filter) }
	return hooks{query: func(q *query) error {
		if q.Filter == "" {
			return nil
		}
		terms := []string{q.Filter}
		if several {
			terms = splitAnd(q.Filter)
		}
		for i, t := range terms {
			m := term.FindStringSubmatch(t)
			if m == nil || m[2] != "eq" || !slices.ContainsFunc(attributes, func(a string) bool { return strings.EqualFold(a, m[1]) }) {
				return refused(q)
			}
			if strings.EqualFold(m[1], "email") {
				m[1] = "emails.value" // which is how RingCentral names it
			}
			terms[i] = m[1] + " eq " + m[3]
		}
		q.Filter = strings.Join(terms, " and ")
		return nil
	}}
}

// splitAnd splits at " and " outside of strings.
func splitAnd(filter string) []string {
	var parts []string
	quoted, from := false, 0
	for i := 0; i < len(filter); i++ {
		switch {
		case filter[i] == '\\' && quoted:
			i++
		case filter[i] == '"':
			quoted = !quoted
		case !quoted && strings.HasPrefix(filter[i:], " and "):
			parts = append(parts, filter[from:i])
			from = i + len(" and ")
		}
	}
	return append(parts, filter[from:])
}

func filterMax(_ *Server, n int) hooks {
	return hooks{query: func(q *query) error {
		if len(q.Filter) > n {
			return refuse("invalidFilter", "the filter is longer than %d bytes", n)
		}
		return nil
	}}
}

// inactive reads the stored form: a quote inside a string would be escaped.
func inactive(r *resource) bool { return bytes.Contains(r.body, []byte(`"active":false`)) }

func createLag(s *Server, d time.Duration) hooks {
	return hooks{hides: func(r *resource, _ query) bool {
		return s.opts.Now().Sub(r.created) < s.lasts(d)
	}}
}

func noneIs404(l *listing) error {
	if len(l.found) == 0 && l.query.Filter != "" {
		return answerError(http.StatusNotFound, "nothing matches %s", l.query.Filter)
	}
	return nil
}

func firstPageOnly(_ *Server, n int) hooks {
	return hooks{
		query: func(q *query) error { q.StartIndex = nil; return nil },
		list: func(l *listing) error {
			l.page = l.page[:min(n, len(l.page))]
			l.total, l.perPage = min(n, len(l.found)), len(l.page)
			return nil
		},
	}
}

func perPageWrong(l *listing) error {
	l.perPage = 100
	if l.query.Count != nil {
		l.perPage = *l.query.Count
	}
	return nil
}

// cursorTimeout is how many seconds a cursor is said to hold; it holds for ever.
const cursorTimeout = 3600

func cursors(_ *Server, word string) hooks {
	return hooks{
		query: func(q *query) error {
			q.cursors = word == "only" || q.Cursor != nil
			if word == "only" {
				q.StartIndex = nil
			}
			if q.cursors && q.Cursor != nil && q.StartIndex != nil {
				return refuse("invalidValue", "cursor and startIndex cannot be used together")
			}
			return nil
		},
		config: func(m map[string]any) {
			method := map[string]string{"also": "index", "only": "cursor"}[word]
			m["pagination"] = map[string]any{
				"cursor": true, "index": word == "also", "defaultPaginationMethod": method, "cursorTimeout": cursorTimeout,
			}
		},
	}
}

// cutByCursor takes a page as RFC 9865 section 2 has it. A cursor says behind
// which resource the next page begins, and for which query.
func (s *Server) cutByCursor(l *listing) error {
	q := l.query
	if q.SortBy != "" {
		return refuse("invalidValue", "sortBy and cursor cannot be used together")
	}
	rest := l.found
	if q.Cursor != nil && *q.Cursor != "" {
		digest, after, ok := strings.Cut(*q.Cursor, "-")
		seq, err := strconv.ParseUint(after, 36, 64)
		if !ok || err != nil || digest != q.digest() {
			return refuse("invalidCursor", "the cursor is not of this search")
		}
		rest = rest[sort.Search(len(rest), func(i int) bool { return rest[i].seq > seq }):]
	}
	count := q.max
	if q.Count != nil {
		count = min(max(0, *q.Count), q.max)
	}
	l.page = rest[:min(count, len(rest))]
	l.perPage = len(l.page)
	if len(rest) > count && count > 0 {
		l.next = q.digest() + "-" + strconv.FormatUint(l.page[count-1].seq, 36)
	}
	return nil
}

// digest tells searches apart that differ in more than the page.
func (q query) digest() string {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(q.Filter)) // never fails
	return strconv.FormatUint(uint64(sum.Sum32()), 36)
}
