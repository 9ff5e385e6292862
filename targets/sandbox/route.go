package sandbox

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// notAllowed is the refusal of a method.
type notAllowed struct{ method, allow string }

func (e *notAllowed) Error() string { return e.method + " is not allowed here, only " + e.allow }

// route finds the operation for a path and a method (RFC 7644 section 3.2).
func (s *Server) route(c *call) (*response, error) {
	if c.outside {
		return nil, s.nothingHere(c)
	}
	first, second, deep := strings.Cut(strings.TrimPrefix(c.path, "/"), "/")
	switch first {
	case "", ".search":
		if deep {
			break
		}
		return s.routeSearch(c, first, s.tables())
	case "Users":
		return s.routeTable(c, s.store.users, second, deep)
	case "Groups":
		if s.habits().settings.usersOnly {
			break
		}
		return s.routeTable(c, s.store.groups, second, deep)
	case "ServiceProviderConfig", "ResourceTypes", "Schemas":
		if first == "ServiceProviderConfig" && deep {
			break
		}
		if c.Method != http.MethodGet {
			return nil, &notAllowed{c.Method, "GET"}
		}
		return s.discover(c, first, second)
	}
	return nil, s.nothingHere(c)
}

// tables are what this service provider holds.
func (s *Server) tables() []*table {
	if s.habits().settings.usersOnly {
		return []*table{s.store.users}
	}
	return []*table{s.store.users, s.store.groups}
}

func (s *Server) nothingHere(c *call) error {
	return answerError(http.StatusNotFound, "there is nothing at %s; the endpoints are below %s/", c.URL.Path, s.base)
}

// routeSearch serves a query over several types: POST .search or GET of the root.
func (s *Server) routeSearch(c *call, name string, tables []*table) (*response, error) {
	want := http.MethodGet
	if name == ".search" {
		want = http.MethodPost
	}
	if c.Method != want {
		return nil, &notAllowed{c.Method, want}
	}
	return s.search(c, tables)
}

func (s *Server) routeTable(c *call, t *table, id string, deep bool) (*response, error) {
	switch {
	case !deep:
		switch c.Method {
		case http.MethodGet:
			return s.search(c, []*table{t})
		case http.MethodPost:
			return s.post(c, t)
		}
		return nil, &notAllowed{c.Method, "GET, POST"}
	case id == ".search":
		return s.routeSearch(c, id, []*table{t})
	case strings.Contains(id, "/"):
		return nil, s.nothingHere(c)
	}
	return s.one(c, t, id)
}

// one serves a single resource.
func (s *Server) one(c *call, t *table, id string) (*response, error) {
	sel, err := c.selection()
	if err != nil {
		return nil, err
	}
	switch c.Method {
	case http.MethodGet:
		return s.read(c, t, id, sel)
	case http.MethodDelete:
		return &response{status: http.StatusNoContent}, s.drop(t, id, c.condition())
	case http.MethodPut, http.MethodPatch:
	default:
		return nil, &notAllowed{c.Method, "GET, PUT, PATCH, DELETE"}
	}
	body, err := s.object(c)
	if err != nil {
		return nil, err
	}
	var r *resource
	if c.Method == http.MethodPut {
		r, err = s.replace(t, id, body, c.condition())
	} else {
		r, err = s.patch(t, id, body, c.condition())
	}
	if err != nil {
		return nil, err
	}
	if c.Method == http.MethodPatch && t == s.store.groups && sel.all() {
		// 200 would list every member again, however many; 204 is as right.
		return &response{status: http.StatusNoContent}, nil
	}
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	return s.present(c, r, http.StatusOK, sel), nil
}

func (s *Server) post(c *call, t *table) (*response, error) {
	sel, err := c.selection()
	if err != nil {
		return nil, err
	}
	body, err := s.object(c)
	if err != nil {
		return nil, err
	}
	r, err := s.create(t, body)
	if err != nil {
		return nil, err
	}
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	return s.present(c, r, http.StatusCreated, sel).with("Location", r.location(c.base)), nil
}

// object reads the body of a write.
func (s *Server) object(c *call) (map[string]any, error) {
	body, err := c.object()
	if err != nil {
		return nil, err
	}
	return body, s.habits().body(c, body)
}

func (s *Server) read(c *call, t *table, id string, sel selection) (*response, error) {
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	r, err := s.store.get(t, id, condition{})
	if err != nil {
		return nil, err
	}
	if c.condition().unchanged(r) {
		return (&response{status: http.StatusNotModified}).with("ETag", r.etag()), nil
	}
	return s.present(c, r, http.StatusOK, sel), nil
}

// present answers with a resource as it is now. The lock is held.
func (s *Server) present(c *call, r *resource, status int, sel selection) *response {
	a := &response{status: status, body: s.show(make([]byte, 0, len(r.body)+512), outgoing{r: r, base: c.base}, sel)}
	if s.habits().settings.noETag {
		return a
	}
	return a.with("ETag", r.etag())
}

// query is a search, from a URL (RFC 7644 section 3.4.2) or a body (3.4.3).
type query struct {
	Schemas            []string `json:"schemas"`
	Attributes         []string `json:"attributes"`
	ExcludedAttributes []string `json:"excludedAttributes"`
	Filter             string   `json:"filter"`
	SortBy             string   `json:"sortBy"`
	SortOrder          string   `json:"sortOrder"`
	StartIndex         *int     `json:"startIndex"`
	Count              *int     `json:"count"`
	Cursor             *string  `json:"cursor"`

	max     int  // page size cap
	cursors bool // pages are reached by cursor (RFC 9865)
}

// query reads the search of a request.
func (c *call) query() (query, error) {
	var q query
	if c.Method == http.MethodPost {
		if err := c.checkType(); err != nil {
			return q, err
		}
		if err := strictJSON(c.body, &q); err != nil {
			return q, err
		}
		if !slices.Equal(q.Schemas, []string{searchURN}) {
			return q, refuse("invalidSyntax", "schemas must be [%q]", searchURN)
		}
		return q, nil
	}
	values, err := c.parameters()
	if err != nil {
		return q, err
	}
	q.Attributes, q.ExcludedAttributes = names(values["attributes"]), names(values["excludedAttributes"])
	q.Filter, q.SortBy, q.SortOrder = values["filter"], values["sortBy"], values["sortOrder"]
	if q.StartIndex, err = number(values, "startIndex"); err != nil {
		return q, err
	}
	if cursor, given := values["cursor"]; given {
		q.Cursor = &cursor
	}
	q.Count, err = number(values, "count")
	return q, err
}

// parameters decodes the query. A plus stays a plus: a query is RFC 3986 text,
// not a form.
func (c *call) parameters() (map[string]string, error) {
	values := map[string]string{}
	for pair := range strings.SplitSeq(c.URL.RawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.PathUnescape(name)
		if err == nil {
			value, err = url.PathUnescape(value)
		}
		if err != nil {
			return nil, refuse("invalidValue", "the query: %v", err)
		}
		values[name] = value
	}
	return values, nil
}

func (c *call) selection() (selection, error) {
	values, err := c.parameters()
	if err != nil {
		return selection{}, err
	}
	return newSelection(names(values["attributes"]), names(values["excludedAttributes"]))
}

func names(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

func number(values map[string]string, name string) (*int, error) {
	text, ok := values[name]
	if !ok {
		return nil, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return nil, refuse("invalidValue", "%s must be an integer, not %q", name, text)
	}
	return &n, nil
}
