package sandbox

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// listing is a page on its way out, for habits to look at and to change.
type listing struct {
	query                 query
	found, page           []*resource
	total, start, perPage int
	next                  string // cursor of the following page
	bare                  bool   // Resources are left out if there are none
}

// search answers a page of a listing.
func (s *Server) search(c *call, tables []*table) (*response, error) {
	h := s.habits()
	q, err := c.query()
	if err != nil {
		return nil, err
	}
	q.max = h.settings.maxResults
	if err := h.query(&q); err != nil {
		return nil, err
	}
	if q.Cursor != nil && !q.cursors && c.Method == http.MethodPost {
		return nil, refuse("invalidSyntax", "there are no cursors here")
	}
	sel, err := newSelection(q.Attributes, q.ExcludedAttributes)
	if err != nil {
		return nil, err
	}
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	found, err := s.matching(tables, q.Filter)
	if err != nil {
		return nil, err
	}
	found = h.visible(found, q)
	if q.SortBy != "" {
		if found, err = s.sorted(found, tables, q); err != nil {
			return nil, err
		}
	}
	l := &listing{query: q, found: found, total: len(found)}
	if err := s.cut(l); err != nil {
		return nil, err
	}
	if err := h.list(l); err != nil {
		return nil, err
	}
	return &response{status: http.StatusOK, body: s.write(l, c.base, sel)}, nil
}

// cut takes the page that a search asks for.
func (s *Server) cut(l *listing) error {
	if l.query.cursors && l.query.StartIndex == nil {
		return s.cutByCursor(l)
	}
	l.start, l.page = page(l.found, l.query)
	l.perPage = len(l.page)
	return nil
}

// write is the ListResponse of a page (RFC 7644 section 3.4.2). The lock is held.
func (s *Server) write(l *listing, base string, sel selection) []byte {
	out := make([]byte, 0, 256+len(l.page)*1024)
	out = append(out, `{"schemas":["`+listURN+`"],"totalResults":`...)
	out = strconv.AppendInt(out, int64(l.total), 10)
	if l.start > 0 {
		out = append(out, `,"startIndex":`...)
		out = strconv.AppendInt(out, int64(l.start), 10)
	}
	out = append(out, `,"itemsPerPage":`...)
	out = strconv.AppendInt(out, int64(l.perPage), 10)
	if l.next != "" {
		out = appendJSON(append(out, `,"nextCursor":`...), l.next)
	}
	if l.bare && len(l.page) == 0 {
		return append(out, '}')
	}
	out = append(out, `,"Resources":[`...)
	for i, r := range l.page {
		if i > 0 {
			out = append(out, ',')
		}
		out = s.show(out, outgoing{r: r, base: base, listed: true}, sel)
	}
	return append(out, "]}"...)
}

// matching finds what the filter lets through. Over several types, a type that
// lacks an attribute of the filter has no match; lacking in all is an error.
func (s *Server) matching(tables []*table, filter string) ([]*resource, error) {
	var found []*resource
	var refused error
	fits := false
	for _, t := range tables {
		var e *expr
		if filter != "" {
			var err error
			if e, err = s.parser.compile(t.kind, filter); err != nil {
				refused = err
				continue
			}
		}
		fits = true
		if len(tables) == 1 {
			return s.store.find(t, e), nil
		}
		found = append(found, s.store.find(t, e)...)
	}
	if !fits {
		return nil, refused
	}
	return found, nil
}

// page cuts out what startIndex and count ask for (RFC 7644 section 3.4.2.4).
func page(found []*resource, q query) (start int, page []*resource) {
	start, count := 1, q.max
	if q.StartIndex != nil {
		start = max(1, *q.StartIndex)
	}
	if q.Count != nil {
		count = min(max(0, *q.Count), q.max)
	}
	if start > len(found) {
		return start, nil
	}
	rest := found[start-1:]
	return start, rest[:min(count, len(rest))]
}

// sorted orders a result by an attribute (RFC 7644 section 3.4.2.3): of
// several values the primary or else the first counts, none comes last.
func (s *Server) sorted(found []*resource, tables []*table, q query) ([]*resource, error) {
	descending := strings.EqualFold(q.SortOrder, "descending")
	if !descending && q.SortOrder != "" && !strings.EqualFold(q.SortOrder, "ascending") {
		return nil, refuse("invalidValue", "sortOrder must be ascending or descending, not %q", q.SortOrder)
	}
	by := map[*resourceType]ref{}
	for _, t := range tables {
		if path, err := s.parser.attribute(q.SortBy); err == nil {
			if r, ok := t.kind.resolve(path); ok && r.attr != nil && r.leaf() != nil && r.leaf().Type != "complex" {
				by[t.kind] = r
			}
		}
	}
	if len(by) == 0 {
		return nil, refuse("invalidPath", "sortBy %q is no attribute to sort by", q.SortBy)
	}
	type keyed struct {
		r   *resource
		key string // present values begin with a space, so that none is least
	}
	all := make([]keyed, len(found))
	for i, r := range found {
		all[i] = keyed{r, s.sortKey(r, by)}
	}
	slices.SortStableFunc(all, func(a, b keyed) int {
		switch {
		case a.key == "" || b.key == "" || !descending:
			return compareKeys(a.key, b.key)
		}
		return compareKeys(b.key, a.key)
	})
	out := make([]*resource, len(all))
	for i, k := range all {
		out[i] = k.r
	}
	return out, nil
}

func compareKeys(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == "":
		return 1
	case b == "":
		return -1
	}
	return strings.Compare(a, b)
}

func (s *Server) sortKey(r *resource, by map[*resourceType]ref) string {
	attr, ok := by[r.kind]
	if !ok {
		return ""
	}
	e := &expr{op: "eq", ref: attr}
	get := (&view{store: s.store, r: r}).get
	values := e.values(get)
	for _, v := range list(get(attr)) {
		if m, ok := v.(map[string]any); ok && m["primary"] == true && attr.leaf() != attr.attr {
			values = []any{m[attr.leaf().Name]}
		}
	}
	if len(values) == 0 {
		return ""
	}
	switch v := values[0].(type) {
	case string:
		if !attr.leaf().CaseExact {
			v = fold(v)
		}
		return " " + v
	case bool:
		return " " + strconv.FormatBool(v)
	}
	return ""
}
