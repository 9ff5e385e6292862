package scim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"scimsync/sync/record"
	"scimsync/targets/scim/profile"
)

const searchURN = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"

// query asks the collection of accounts (RFC 7644 section 3.4.2, RFC 9865). It travels
// in an address, or in the body of a POST to .search (section 3.4.3), which keeps it out
// of the logs on the way.
type query struct {
	filter string
	start  int     // startIndex; 0: not sent
	count  int     // 0: not sent
	cursor *string // nil: not sent; empty: the first page of many
	// excluded are attributes that answers need not show, with commas; empty: not said.
	excluded string
}

// params is the query of an address.
func (q query) params() string {
	var parts []string
	if q.filter != "" {
		parts = append(parts, "filter="+escape(q.filter))
	}
	if q.cursor != nil {
		parts = append(parts, strings.TrimSuffix("cursor="+escape(*q.cursor), "="))
	}
	if q.start > 0 {
		parts = append(parts, fmt.Sprintf("startIndex=%d", q.start))
	}
	if q.count > 0 {
		parts = append(parts, fmt.Sprintf("count=%d", q.count))
	}
	if q.excluded != "" {
		parts = append(parts, "excludedAttributes="+escape(q.excluded))
	}
	return strings.Join(parts, "&")
}

// request is the body of a search.
func (q query) request() ([]byte, error) {
	return encode(struct {
		Schemas    []string `json:"schemas"`
		Filter     string   `json:"filter,omitempty"`
		Cursor     *string  `json:"cursor,omitempty"`
		StartIndex int      `json:"startIndex,omitempty"`
		Count      int      `json:"count,omitempty"`
		Excluded   []string `json:"excludedAttributes,omitempty"`
	}{[]string{searchURN}, q.filter, q.cursor, q.start, q.count, strings.FieldsFunc(q.excluded, func(r rune) bool { return r == ',' })})
}

// maxURI is how long an address may be that every server takes, in octets.
const maxURI = 2000

// ask sends a query and reads the page that comes back. A service that refuses to leave
// attributes out of answers is not asked to.
func (t *Target) ask(ctx context.Context, q query) (*page, error) {
	p, err := t.askFor(ctx, q)
	if q.excluded == "" || unfilterable(err) == nil {
		return p, err
	}
	q.excluded = ""
	whole, wholeErr := t.askFor(ctx, q)
	if wholeErr != nil { // that was not why
		return p, err
	}
	t.learn(excludeRefused, excludeRefusedSaid)
	return whole, nil
}

// askFor is ask, as it stands. Where the profile, the service or the length of the address
// want it, it goes by POST.
func (t *Target) askFor(ctx context.Context, q query) (*page, error) {
	get := call{method: http.MethodGet, path: t.kind.path, query: q.params(), limit: limitPage}
	if t.byPost(get, q) && !t.knows(searchMissing) {
		p, err := t.search(ctx, q)
		if !missingSearch(err) {
			return p, err
		}
		t.learn(searchMissing, fmt.Sprintf("there is no %s, so accounts are looked up by GET, with what they are looked up by in the address", t.searchPath()))
	}
	p, err := t.listed(t.read(ctx, get))
	var e *Error
	if !errors.As(err, &e) || t.knows(searchMissing) {
		return p, err
	}
	switch {
	case e.Status == http.StatusForbidden && e.is("sensitive"):
		t.learn(searchWanted, fmt.Sprintf("personal data may not stand in addresses, so accounts are looked up by POST %s", t.searchPath()))
	case e.Status != http.StatusRequestURITooLong:
		return p, err
	}
	found, postErr := t.search(ctx, q)
	if missingSearch(postErr) {
		t.learn(searchMissing, fmt.Sprintf("there is no %s, though some lookups need it", t.searchPath()))
		return nil, err
	}
	return found, postErr
}

// byPost tells whether a query has to go by POST: because the profile or the service
// wants it so for what may be personal, or because the address would be too long.
func (t *Target) byPost(get call, q query) bool {
	private := q.filter != "" && (t.profile.Paths.Search != "" || t.knows(searchWanted))
	return private || len(t.base)+len(get.path)+1+len(get.query) > maxURI
}

// search is ask by POST.
func (t *Target) search(ctx context.Context, q query) (*page, error) {
	body, err := q.request()
	if err != nil {
		return nil, err
	}
	return t.listed(t.read(ctx, call{method: http.MethodPost, path: t.searchPath(), body: body, limit: limitPage}))
}

func (t *Target) searchPath() string {
	if p := t.profile.Paths.Search; p != "" && t.kind.of == record.User {
		return p
	}
	return t.kind.path + "/.search"
}

// listed reads the page of an answer.
func (t *Target) listed(a *answer, err error) (*page, error) {
	if err != nil {
		return nil, err
	}
	return parsePage(a.body)
}

// missingSearch tells an answer that says that there is no search.
func missingSearch(err error) bool {
	var e *Error
	return errors.As(err, &e) &&
		(e.Status == http.StatusNotFound || e.Status == http.StatusMethodNotAllowed || e.Status == http.StatusNotImplemented)
}

// comparison is the filter that asks for a value of a match attribute (RFC 7644 section
// 3.4.2.2); false: it is longer than the service takes.
func comparison(l *profile.Lookup, by profile.By, value string) (string, bool) {
	form := map[profile.By]string{profile.ByEmail: "emails[value eq %s]"}[by]
	if name := l.FilterNames[by]; name != "" {
		form = name + " eq %s"
	} else if form == "" {
		form = string(by) + " eq %s"
	}
	filter := fmt.Sprintf(form, quote(value))
	return filter, l.FilterMaxLen == 0 || len([]rune(filter)) <= l.FilterMaxLen
}

// quote writes a filter's comparison value, which is a JSON string (RFC 7644
// section 3.4.2.2).
func quote(value string) string {
	if !utf8.ValidString(value) {
		value = string([]rune(value)) // not as \ufffd, which some parsers want in capitals
	}
	text, err := encode(value)
	if err != nil {
		panic("scim: a string is not JSON: " + err.Error())
	}
	return string(text)
}

// escape percent-encodes a query value. A space becomes %20: to servers that do not
// decode forms a plus is a plus.
func escape(value string) string {
	return strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
}
