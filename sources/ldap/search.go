package ldap

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"scimsync/sync/record"
)

const (
	// searchBuffer is how many people may wait for a slow consumer.
	searchBuffer = 64
	// groupBuffer is how many groups may: one may be as large as all people.
	groupBuffer = 2
	// maxEmptyPages ends a server that hands out cookies for ever.
	maxEmptyPages = 1000
	// maxRangeValues bounds one attribute read in ranges.
	maxRangeValues = 5_000_000
)

// reader reads the entries of one kind, in one Read.
type reader struct {
	src      *Source
	area     *area
	sess     *session
	dec      *decoder
	join     *join // nil: links are not asked for
	emit     record.Emit
	filter   string
	paging   bool
	count    int
	warnings []string
	passed   []string // the partitions of a domain that were referred to
}

// emitError carries what the receiver of records said, to be returned as it is.
type emitError struct{ error }

// pageError tells in which page a read ended.
type pageError struct {
	page int
	err  error
}

func (e *pageError) Error() string { return fmt.Sprintf("page %d: %s", e.page, e.err) }
func (e *pageError) Unwrap() error { return e.err }

// answersPaging tries paged results on the first base. A server that announces
// them and then ignores the control is read with one plain search.
func (r *reader) answersPaging() (bool, error) {
	b := r.area.bases[0]
	req := goldap.NewSearchRequest(b.text, goldap.ScopeBaseObject, goldap.NeverDerefAliases, 0, 0, false,
		"(objectClass=*)", []string{"1.1"}, []goldap.Control{goldap.NewControlPaging(uint32(r.src.opts.PageSize))})
	res, err := r.sess.conn.Search(req)
	if err != nil {
		return false, r.explain(b, err)
	}
	return goldap.FindControl(res.Controls, goldap.ControlTypePaging) != nil, nil
}

// entries are the words for what is read.
var entries = map[record.Kind]struct{ many, none string }{
	record.User:  {"people", "nobody"},
	record.Group: {"groups", "no group"},
}

// readAll reads all bases.
func (r *reader) readAll(ctx context.Context) error {
	for _, b := range r.area.bases {
		before := r.count
		if err := r.read(ctx, b); err != nil {
			return r.explain(b, err)
		}
		if r.count == before && len(r.area.bases) > 1 {
			r.warnings = append(r.warnings, fmt.Sprintf("base %s gave %s", b.text, entries[r.area.kind].none))
		}
	}
	if r.count == 0 && ctx.Err() == nil {
		return r.nobody()
	}
	return nil
}

// read emits all entries below one base.
func (r *reader) read(ctx context.Context, b base) error {
	if !r.paging {
		return r.readPlain(ctx, b)
	}
	var cookie []byte
	for page, empty := 1, 0; ; page++ {
		before := r.count
		next, err := r.readPage(ctx, b, cookie)
		if err != nil {
			return &pageError{page, err}
		}
		if len(next) == 0 {
			return nil
		}
		if empty++; r.count > before {
			empty = 0
		}
		if empty == maxEmptyPages {
			return &pageError{page, fmt.Errorf("%d pages in a row were empty, and there are to be more", empty)}
		}
		cookie = next
	}
}

// request builds a search. A new one, with controls of its own, is needed for
// each page, because the library writes to what it is given.
func (r *reader) request(b base, controls ...goldap.Control) *goldap.SearchRequest {
	scope := goldap.ScopeWholeSubtree
	if r.area.Scope == One {
		scope = goldap.ScopeSingleLevel
	}
	return goldap.NewSearchRequest(b.text, scope, goldap.NeverDerefAliases, 0, 0, false, r.filter, r.dec.attributes(), controls)
}

// readPage reads one page and returns the cookie of the next, empty after the
// last (RFC 2696). The library reports a cancelled, closed or crashed search as
// one that ended well, so a page counts only when the paging control of its
// SearchResultDone was seen and nothing at all speaks against it.
func (r *reader) readPage(ctx context.Context, b base, cookie []byte) ([]byte, error) {
	// Cancelled on every way out: a search that nobody listens to any more would
	// block the closing of its connection.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	control := goldap.NewControlPaging(uint32(r.src.opts.PageSize))
	control.SetCookie(cookie)
	buffer := searchBuffer
	if r.area.kind == record.Group {
		buffer = groupBuffer
	}
	res := r.sess.conn.SearchAsync(ctx, r.request(b, control), buffer)
	var done *goldap.ControlPaging
	var ranged []*goldap.Entry
	for res.Next() {
		if done != nil {
			return nil, errors.New("the server went on after the end of the page")
		}
		switch e := res.Entry(); {
		case e != nil:
			err := r.entry(e)
			if errors.Is(err, errRanged) {
				// Its rest is asked for when this connection has nothing else under way.
				ranged = append(ranged, e)
			} else if err != nil {
				return nil, err
			}
		case res.Referral() != "":
			if err := r.reference(res.Referral()); err != nil {
				return nil, err
			}
		default:
			done, _ = goldap.FindControl(res.Controls(), goldap.ControlTypePaging).(*goldap.ControlPaging)
		}
	}
	if err := r.proved(ctx, res.Err()); err != nil {
		return nil, err
	}
	if done == nil {
		return nil, errors.New("the server ended the page without a paging control, so that it may be incomplete")
	}
	return done.Cookie, r.complete(ctx, ranged)
}

// proved tells what speaks against a search that seems to have ended well.
func (r *reader) proved(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return err
	case r.sess.conn.IsClosing():
		if last := r.sess.conn.GetLastError(); last != nil {
			return fmt.Errorf("the connection was closed: %w", last)
		}
		return errors.New("the connection was closed")
	}
	return nil
}

// readPlain reads a base with one search, for servers without paged results.
// Everything is held in memory until the server has said success.
func (r *reader) readPlain(ctx context.Context, b base) error {
	res, err := r.sess.conn.Search(r.request(b))
	if err := r.proved(ctx, err); err != nil {
		return err
	}
	if res.ResultCode != goldap.LDAPResultSuccess {
		return fmt.Errorf("result code %d %s", res.ResultCode, res.DiagnosticMessage)
	}
	for _, ref := range res.Referrals {
		if err := r.reference(ref); err != nil {
			return err
		}
	}
	var ranged []*goldap.Entry
	for i, e := range res.Entries {
		res.Entries[i] = nil
		err := r.entry(e)
		if errors.Is(err, errRanged) {
			ranged = append(ranged, e)
		} else if err != nil {
			return err
		}
	}
	return r.complete(ctx, ranged)
}

// entry emits one entry unless it is excluded.
func (r *reader) entry(e *goldap.Entry) error {
	if len(r.area.exclude) > 0 {
		name, err := parseDN(e.DN)
		if err != nil {
			return fmt.Errorf("hold it against %s.exclude: %w", r.area.key(), err)
		}
		if slices.ContainsFunc(r.area.exclude, name.under) {
			return nil
		}
	}
	rec, err := r.dec.decode(e)
	if err != nil {
		return err
	}
	if r.join != nil {
		if rec.Refs, err = r.join.refs(r.dec, rec.Refs[:0]); err != nil {
			return fmt.Errorf("entry %s: %w", e.DN, err)
		}
	}
	if err := r.emit(rec); err != nil {
		return emitError{err}
	}
	r.count++
	if r.join != nil {
		return r.join.entry(r.dec)
	}
	return nil
}

// complete emits entries after fetching the rest of their ranged attributes. A group whose
// members cannot be fetched to the end is unread; anything else ends the read.
func (r *reader) complete(ctx context.Context, ranged []*goldap.Entry) error {
	for _, e := range ranged {
		unread := ""
		for _, a := range e.Attributes {
			at, err := r.dec.find(a.Name)
			if err == nil {
				continue
			}
			if !errors.Is(err, errRanged) {
				return err
			}
			if err = r.fill(e.DN, a, r.dec.slots[at].key); err == nil {
				continue
			}
			err = fmt.Errorf("read the rest of %s: %w", a.Name, err)
			if r.join == nil || !slices.Contains(r.dec.links.members, at) || r.broken(ctx, err) {
				return fmt.Errorf("entry %s: %w", e.DN, err)
			}
			unread = err.Error()
		}
		if err := r.entry(e); err != nil {
			return err
		}
		if unread != "" {
			r.join.unread(r.dec.rec.ID, unread)
		}
	}
	return nil
}

// broken tells an error that spoils the connection, and all that is read over it, from a
// server's answer that is about one entry.
func (r *reader) broken(ctx context.Context, err error) bool {
	if r.proved(ctx, nil) != nil {
		return true
	}
	var answer *goldap.Error
	return errors.As(err, &answer) && answer.ResultCode >= goldap.ErrorNetwork
}

// fill fetches the rest of an attribute of which a holds the first range
// (MS-ADTS section 3.1.1.3.1.3.3), and makes a hold all of it under its plain name.
func (r *reader) fill(dn string, a *goldap.EntryAttribute, key string) error {
	part, err := parseDescription(a.Name)
	if err != nil {
		return err
	}
	a.Name = baseName(a.Name)
	for next := 0; ; next = part.to + 1 {
		if next > 0 {
			if a, part, err = r.nextRange(dn, a, next, key); err != nil {
				return err
			}
		}
		if part.from != next {
			return fmt.Errorf("asked from value %d on, the server answered from %d on", next, part.from)
		}
		if part.to < 0 {
			return nil
		}
		if len(a.ByteValues) != part.to+1 || len(a.ByteValues) > maxRangeValues {
			return fmt.Errorf("%d values came where the range says %d", len(a.ByteValues), part.to+1)
		}
	}
}

// nextRange appends the values from index next on to a.
func (r *reader) nextRange(dn string, a *goldap.EntryAttribute, next int, key string) (*goldap.EntryAttribute, description, error) {
	e, err := baseObject(r.sess, dn, "(objectClass=*)", fmt.Sprintf("%s;range=%d-*", a.Name, next))
	if err != nil {
		return a, description{}, err
	}
	if e == nil {
		return a, description{}, errors.New("the entry is gone")
	}
	for _, more := range e.Attributes {
		part, err := parseDescription(more.Name)
		if err != nil {
			return a, description{}, err
		}
		if part.from >= 0 && r.dec.schema.key(part.key) == key {
			a.Values = append(a.Values, more.Values...)
			a.ByteValues = append(a.ByteValues, more.ByteValues...)
			return a, part, nil
		}
	}
	return a, description{}, fmt.Errorf("the server gave nothing from value %d on", next)
}

// adPartitions are the leaf RDNs of the naming contexts that a search of an
// Active Directory domain always refers to. No people are in them.
var adPartitions = []string{"dc=domaindnszones", "dc=forestdnszones", "cn=configuration"}

// reference judges a search result reference: a part of the tree that another
// server holds. It is never followed; it makes the listing incomplete unless
// nobody was expected there.
func (r *reader) reference(ref string) error {
	where := ref
	if u, err := url.Parse(ref); err == nil {
		where = strings.TrimPrefix(u.Path, "/")
	}
	name, err := parseDN(where)
	if err == nil && name != "" {
		if slices.ContainsFunc(r.area.exclude, name.under) {
			return nil
		}
		if r.dec.vendor == ActiveDirectory && slices.Contains(adPartitions, name.rdn()) {
			if !slices.Contains(r.passed, name.rdn()) {
				r.passed = append(r.passed, name.rdn())
			}
			return nil
		}
	}
	return fmt.Errorf("a part of the tree lives elsewhere (%s) and references are not followed; "+
		"narrow %s.base, put that part into %[2]s.exclude, or ask a server that holds everything", ref, r.area.key())
}

// note is the line for the log about a read that went well.
func note(readers []*reader) string {
	var found, passed []string
	for _, r := range readers {
		found = append(found, fmt.Sprintf("%d %s", r.count, entries[r.area.kind].many))
		for _, p := range r.passed {
			if !slices.Contains(passed, p) {
				passed = append(passed, p)
			}
		}
	}
	last := readers[len(readers)-1]
	out := fmt.Sprintf("%s from %s (%s)", strings.Join(found, " and "), last.sess.server.text, last.dec.vendor)
	if len(passed) > 0 {
		out += ", without the partitions " + strings.Join(passed, ", ")
	}
	return out
}

// nobody is the error of a read that found no one at all.
func (r *reader) nobody() error {
	word, key := entries[r.area.kind], r.area.key()
	return fmt.Errorf("read %s from %s: the search succeeded and found %s; check %s.base, %[4]s.exclude, "+
		"the filter %s and what %s may read; nothing was taken from this read", word.many, r.sess.server.text, word.none, key, r.filter, r.src.who())
}

func (s *Source) who() string {
	if s.opts.Bind.User != "" {
		return s.opts.Bind.User
	}
	return "this user"
}

// hints say what to do about a result code that ended a read.
var hints = map[uint16]string{
	goldap.LDAPResultOperationsError:          "Active Directory says so to those who did not bind: set bind.user",
	goldap.LDAPResultTimeLimitExceeded:        "the server's time limit ended the search: raise it for the bind user, or index what users.filter asks for",
	goldap.LDAPResultSizeLimitExceeded:        "the server's size limit ended the search: raise it for the bind user (OpenLDAP: limits, 389ds: nsSizeLimit)",
	goldap.LDAPResultAdminLimitExceeded:       "a limit of the server ended the search: raise it for the bind user, or index what users.filter asks for",
	goldap.LDAPResultReferral:                 "this server does not hold the base: name one in urls that does",
	goldap.LDAPResultNoSuchObject:             "the base does not exist, or the bind user may not see it: check users.base and the access rules",
	goldap.LDAPResultInvalidDNSyntax:          "the base is no DN to this server: check users.base",
	goldap.LDAPResultInsufficientAccessRights: "let the bind user read the base",
	goldap.LDAPResultBusy:                     "the server is busy; the next run tries again",
	goldap.LDAPResultUnavailable:              "the server is shutting down or not ready; the next run tries again",
}

// explain makes the error of a read say where it ended and what to do.
func (r *reader) explain(b base, err error) error {
	var emitted emitError
	if errors.As(err, &emitted) {
		return emitted.error
	}
	hint := "; look at the server's log if this stays"
	var ldapErr *goldap.Error
	if errors.As(err, &ldapErr) && hints[ldapErr.ResultCode] != "" {
		hint = "; " + strings.ReplaceAll(hints[ldapErr.ResultCode], "users.", r.area.key()+".")
	}
	if errors.Is(err, context.Canceled) {
		hint = ""
	}
	return fmt.Errorf("read %s from %s: %w; nothing was taken from this read%s", b.text, r.sess.server.text, err, hint)
}
