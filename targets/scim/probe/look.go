package probe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"scimsync/targets/scim"
	"scimsync/targets/scim/profile"
)

// discovery reads what the service says of itself.
func (p *prober) discovery(ctx context.Context) error {
	read := 0
	config, err := p.describes(ctx, p.Profile.Paths.SPC, &read)
	if err != nil {
		return err
	}
	if plural := p.Profile.Paths.SPC + "s"; config == nil && !strings.HasSuffix(p.Profile.Paths.SPC, "s") {
		if config, err = p.describes(ctx, plural, &read); err != nil {
			return err
		}
		if config != nil {
			p.found("the configuration is at "+plural, set("paths.spc", plural))
		}
	}
	if config != nil {
		p.config(config)
	}
	types, err := p.describes(ctx, p.Profile.Paths.ResourceTypes, &read)
	if err != nil {
		return err
	}
	p.groups(types)
	if _, err := p.describes(ctx, p.Profile.Paths.Schemas, &read); err != nil {
		return err
	}
	if read == 0 {
		p.found("there is no discovery document that can be read", set("discovery.mode", profile.DiscoveryOff))
	}
	return nil
}

// describes reads one discovery document; nil: there is none.
func (p *prober) describes(ctx context.Context, path string, read *int) (object, error) {
	if path == "" {
		return nil, nil
	}
	a, body, err := p.get(ctx, path, "")
	switch {
	case err != nil:
		return nil, err
	case a.WebPage:
		p.found("GET " + path + " answers with a web page")
	case a.Err != nil:
		p.found(fmt.Sprintf("GET %s answers %d", path, a.Status))
	case body != nil:
		*read++
		return body, nil
	case strings.HasPrefix(strings.TrimSpace(string(a.Body)), "["): // a bare list
		*read++
	}
	return nil, nil
}

// config notes what the ServiceProviderConfig says (RFC 7643 section 5).
func (p *prober) config(config object) {
	supported := func(name string) (object, bool) {
		o, _ := member(config, name).(object)
		return o, text(member(o, "supported")) == "true"
	}
	_, p.saysPatch = supported("patch")
	filter, says := supported("filter")
	p.saysFilter = says
	if max := text(member(filter, "maxResults")); says && max != "" {
		p.found("it says that filters work, with at most " + max + " results")
	}
	if bulk, offered := supported("bulk"); offered {
		p.found(fmt.Sprintf("Bulk is offered, with %s operations and %s bytes; bulk.mode auto uses it", text(member(bulk, "maxOperations")), text(member(bulk, "maxPayloadSize"))))
		p.dared("Bulk", "it takes several accounts")
	}
	if _, offered := supported("etag"); offered {
		p.found("it says that versions (ETag) work; etag if_match uses them")
	}
	if pagination, ok := member(config, "pagination").(object); ok {
		p.cursors = text(member(pagination, "cursor")) == "true"
		p.cursorsOnly = p.cursors && text(member(pagination, "index")) == "false"
	}
	p.described = true
}

// groups notes whether the service has any.
func (p *prober) groups(types object) {
	list, _ := member(types, "Resources").([]any)
	if len(list) == 0 || !slices.Contains(p.Profile.Resources, profile.Groups) {
		return
	}
	for _, t := range list {
		o, _ := t.(object)
		if strings.Trim(text(member(o, "endpoint")), "/") == strings.Trim(p.Profile.Paths.Groups, "/") || text(member(o, "id")) == "Group" || text(member(o, "name")) == "Group" {
			return
		}
	}
	p.found("ResourceTypes names no groups", set("resources", []profile.Resource{profile.Users}), set("members.remove", profile.RemoveNone))
}

// page is a list of accounts.
type page struct {
	ids    []string
	total  int
	cursor string
}

func (p *prober) page(ctx context.Context, query string) (*page, error) {
	a, body, err := p.get(ctx, p.Profile.Paths.Users, query)
	switch {
	case err != nil:
		return nil, err
	case a.Err != nil:
		return nil, a.Err
	case body == nil || member(body, "Resources") == nil && member(body, "totalResults") == nil:
		return nil, errors.New("GET " + p.Profile.Paths.Users + ": the answer is no ListResponse; check the target's url")
	}
	out := &page{total: -1, cursor: text(member(body, "nextCursor"))}
	if _, err := fmt.Sscan(text(member(body, "totalResults")), &out.total); err != nil {
		out.total = -1
	}
	list, _ := member(body, "Resources").([]any)
	for _, r := range list {
		o, _ := r.(object)
		out.ids = append(out.ids, text(member(o, "id")))
	}
	return out, nil
}

// listing reads one page, and of the next the first account: whether it is the second of the first page tells all.
func (p *prober) listing(ctx context.Context) error {
	size := p.Profile.List.PageSize
	query := fmt.Sprintf("startIndex=1&count=%d", size)
	if p.cursorsOnly {
		query = fmt.Sprintf("cursor&count=%d", size)
	}
	first, err := p.page(ctx, query)
	if err != nil {
		return err
	}
	for _, id := range first.ids {
		p.others[id] = true
	}
	n := len(first.ids)
	switch {
	case n < size && (first.total > n || first.cursor != ""):
		p.found(fmt.Sprintf("a page has at most %d accounts", n), set("list.page_size", max(n, 1)))
	case n > size:
		p.found(fmt.Sprintf("count is ignored: %d accounts came where %d were asked for", n, size))
	}
	if n < 2 {
		p.dared("paging", "there are too few accounts to tell")
		return nil
	}
	if p.cursors {
		return p.byCursor(ctx)
	}
	return p.byIndex(ctx, first)
}

// byIndex asks for the second account alone.
func (p *prober) byIndex(ctx context.Context, first *page) error {
	second, err := p.page(ctx, "startIndex=2&count=1")
	if err != nil {
		return err
	}
	n, m := len(first.ids), len(second.ids)
	if m == 0 {
		p.found("startIndex=2 gives an empty page though there are more accounts: listings are not complete", set("list.supported", false))
		return nil
	}
	switch second.ids[0] {
	case first.ids[0]:
		p.found("startIndex is ignored: the first page comes again; listings longer than a page are not complete", set("list.supported", false))
	case first.ids[1]:
		p.found("startIndex is honoured")
	default:
		p.found("the order of accounts changes from page to page; only complete listings by size tell anything")
	}
	if m > 1 {
		p.found(fmt.Sprintf("count is ignored: %d accounts came where one was asked for", m))
	}
	if second.total >= 0 && second.total < n {
		p.found(fmt.Sprintf("totalResults counts the page: %d where there are at least %d", second.total, n), set("list.trust_total", false))
	}
	return nil
}

// byCursor reads two pages of one account each (RFC 9865 section 2).
func (p *prober) byCursor(ctx context.Context) error {
	first, err := p.page(ctx, "cursor&count=1")
	if err != nil {
		return err
	}
	if first.cursor == "" || len(first.ids) == 0 {
		p.found("cursors are offered, and a page with more behind it has none", set("list.mode", profile.ListIndex))
		return nil
	}
	second, err := p.page(ctx, "cursor="+escape(first.cursor)+"&count=1")
	if err != nil {
		return err
	}
	if len(second.ids) > 0 && second.ids[0] != first.ids[0] {
		p.found("pages by cursor work", set("list.mode", profile.ListCursor))
		return nil
	}
	p.found("the page behind a cursor is the first again: listings are not complete", set("list.supported", false))
	return nil
}

func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// lookupAnswer is what a filter found.
type lookupAnswer struct {
	answer *scim.Answer
	hits   []object
}

func (p *prober) lookup(ctx context.Context, filter string) (lookupAnswer, error) {
	a, body, err := p.get(ctx, p.Profile.Paths.Users, "filter="+escape(filter))
	out := lookupAnswer{answer: a}
	list, _ := member(body, "Resources").([]any)
	for _, r := range list {
		if o, ok := r.(object); ok {
			out.hits = append(out.hits, o)
		}
	}
	return out, err
}

// fits tells whether an account has the value that was asked for.
func (p *prober) fits(o object, by profile.By) bool {
	if by == profile.ByEmail {
		list, _ := member(o, "emails").([]any)
		return slices.ContainsFunc(list, func(e any) bool {
			inner, _ := e.(object)
			return strings.EqualFold(text(e)+text(member(inner, "value")), p.Mail)
		})
	}
	return strings.EqualFold(at(o, string(by)), p.value(by))
}

func (p *prober) value(by profile.By) string {
	return map[profile.By]string{profile.ByExternalID: p.Anchor, profile.ByUserName: p.Login, profile.ByEmail: p.Mail}[by]
}

// filter asks for a value as the chosen profile spells it.
func (p *prober) filter(by profile.By, value string) string {
	name := p.Profile.Lookup.FilterNames[by]
	if name == "" {
		name = string(by)
		if by == profile.ByEmail {
			return "emails[value eq " + string(encode(value)) + "]"
		}
	}
	return name + " eq " + string(encode(value))
}

// keys are what accounts may be looked up by.
var keys = []profile.By{profile.ByExternalID, profile.ByUserName, profile.ByEmail}

// nobody looks for an account that is not there yet. One that is ends the run before anything is written.
func (p *prober) nobody(ctx context.Context) error {
	for _, by := range keys {
		found, err := p.lookup(ctx, p.filter(by, p.value(by)))
		if err != nil {
			return err
		}
		if slices.ContainsFunc(found.hits, func(o object) bool { return p.fits(o, by) }) {
			return fmt.Errorf("there is an account already whose %s is %s: choose another --name. Nothing was written", by, p.value(by))
		}
		status := found.answer.Status
		switch {
		case len(found.hits) > 0:
			p.ignored[by] = true
			p.found(fmt.Sprintf("a filter on %s is ignored: accounts come that it does not fit", by))
		case status == http.StatusNotFound:
			p.found("a filter that nobody fits is answered 404", set("lookup.none_status", []int{200, 404}))
		}
	}
	return nil
}

// lookups finds the account by each key, and tells how long that takes to work.
func (p *prober) lookups(ctx context.Context) error {
	var by []profile.By
	since := p.Now()
	for _, key := range keys {
		works, err := p.lookedUp(ctx, key, since)
		if err != nil {
			return err
		}
		if works {
			by = append(by, key)
		}
	}
	switch {
	case len(by) > 0:
		p.found("accounts are found by "+join(by), set("lookup.user", by))
	case !p.unlisted():
		p.found("accounts are found by no filter, so that they have to be listed", set("lookup.user", by))
	default:
		p.found("accounts are found neither by a filter nor by a complete listing: nobody can be adopted, and a lost answer to a create cannot be settled")
	}
	if p.described && !p.saysFilter && len(by) > 0 {
		p.found("its configuration says that there are no filters, and they work: what it says is not to be trusted")
	}
	if slices.Contains(by, profile.ByUserName) {
		found, err := p.lookup(ctx, p.filter(profile.ByUserName, strings.ToUpper(p.Login)))
		if err != nil {
			return err
		}
		if len(found.hits) > 0 {
			p.found("the case of a userName does not matter to lookups")
		} else {
			p.found("the case of a userName matters to lookups")
		}
	}
	return nil
}

// lookedUp asks by one key: for emails in each spelling there is.
func (p *prober) lookedUp(ctx context.Context, by profile.By, since time.Time) (bool, error) {
	if p.ignored[by] || by == profile.ByExternalID && at(p.first().body, "externalId") == "" {
		return false, nil
	}
	filters := []string{p.filter(by, p.value(by))}
	names := []string{""}
	if by == profile.ByEmail {
		for _, name := range []string{"emails.value", "emails", "email"} {
			filters, names = append(filters, name+" eq "+string(encode(p.Mail))), append(names, name)
		}
	}
	refused := 0
	for i, filter := range filters {
		found, status, err := p.patient(ctx, filter, since)
		if err != nil {
			return false, err
		}
		if status/100 == 4 && status != http.StatusNotFound {
			refused = status
		}
		stray := slices.ContainsFunc(found, func(o object) bool { return !p.fits(o, by) && text(member(o, "id")) != p.first().id })
		if stray {
			p.found(fmt.Sprintf("a filter on %s is ignored: accounts come that it does not fit", by))
			return false, nil
		}
		if len(found) == 0 {
			continue
		}
		if names[i] != "" {
			p.found("e-mail addresses are asked for as "+names[i], set("lookup.filter_names", map[string]string{string(by): names[i]}))
		}
		return true, nil
	}
	if refused != 0 {
		p.found(fmt.Sprintf("a filter on %s is refused with %d", by, refused))
	} else {
		p.found(fmt.Sprintf("a filter on %s does not find the account", by))
	}
	return false, nil
}

// patient asks until the account shows, at the first filter that is not refused; later ones are asked once, for the account has
// had its time.
func (p *prober) patient(ctx context.Context, filter string, since time.Time) ([]object, int, error) {
	for step := 0; ; step++ {
		found, err := p.lookup(ctx, filter)
		if err != nil {
			return nil, 0, err
		}
		refused := found.answer.Err != nil && found.answer.Status != http.StatusNotFound
		if len(found.hits) > 0 && step > 0 {
			lag := p.Now().Sub(since).Truncate(time.Second) + time.Second
			p.found(fmt.Sprintf("an account shows in lookups only after %s", lag), set("eventual_consistency.read_delay", lag))
		}
		if len(found.hits) > 0 || refused || p.waited {
			p.waited = p.waited || len(found.hits) > 0
			return found.hits, found.answer.Status, nil
		}
		if !p.pause(ctx, since, step) {
			p.waited = true
			return nil, found.answer.Status, ctx.Err()
		}
	}
}

// search looks the account up by POST (RFC 7644 section 3.4.3).
func (p *prober) search(ctx context.Context) error {
	path := p.Profile.Paths.Search
	if path == "" {
		path = p.Profile.Paths.Users + "/.search"
	}
	a, err := p.send(ctx, scim.Request{Method: "POST", Path: path, Body: encode(object{
		"schemas": []string{searchURN}, "filter": p.filter(profile.ByUserName, p.Login), "count": 2})})
	if err != nil {
		return err
	}
	list, _ := member(decode(a.Body), "Resources").([]any)
	switch {
	case a.Err != nil && p.Profile.Paths.Search == "":
		p.found(fmt.Sprintf("there is no %s (%d)", path, a.Status))
	case a.Err != nil:
		p.found(fmt.Sprintf("there is no %s (%d)", path, a.Status), set("paths.search", ""))
	case len(list) == 1:
		p.found("POST " + path + " works; set paths.search to keep what is asked for out of addresses")
	default:
		p.found("POST " + path + " answers, and does not find the account alone")
	}
	return nil
}

// unlisted tells whether a complete listing was found to be impossible.
func (p *prober) unlisted() bool {
	return slices.ContainsFunc(p.report.Findings, func(f Finding) bool {
		return slices.ContainsFunc(f.Knobs, func(k Setting) bool { return k.Knob == "list.supported" && k.Value == false })
	})
}
