package app_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"scimsync/targets/sandbox"
	"scimsync/targets/scimtest"
)

// These are the wire-level cases that a client has to survive, by their numbers, each
// driven through the program against a service in another process. They look at what the
// service holds in the end, and at the number of requests that it took. Those of groups
// (17 to 23, and most of 38) are in wire_groups_test.go.

// wireCase is the program before a service with habits.
type wireCase struct {
	*testing.T
	dir  string
	svc  *service
	mark int64
}

// againstHabits starts a service with flags, and writes a config whose target has options: a
// YAML mapping of knobs, or nothing. more is put under the job.
func againstHabits(t *testing.T, options, more string, flags ...string) *wireCase {
	t.Helper()
	r := &wireCase{T: t, dir: t.TempDir(), svc: startService(t, flags...)}
	r.config(options, more)
	return r
}

// wireConfig is csvConfig for tests in which most of few people may leave.
func wireConfig(url, more string) string {
	return replaced(csvConfig(url, more), "key: id}}}", "key: id}}, max_shrink: 90%}")
}

func habits(names ...string) (flags []string) {
	for _, name := range names {
		flags = append(flags, "--habit", name)
	}
	return flags
}

func (r *wireCase) config(options, more string) {
	r.Helper()
	config := wireConfig(r.svc.URL, more+freely)
	if options != "" {
		config = replaced(config, "pace: {", "options: "+options+", pace: {")
	}
	write(r, r.dir, "config.yaml", config)
}

// people are rows of people.csv: id, title and status of user-id; of those without a
// status the account is on.
func (r *wireCase) people(rows ...string) {
	r.Helper()
	var b strings.Builder
	b.WriteString("id,login,given,family,mail,title,status\n")
	for _, row := range rows {
		f := append(strings.Split(row, ","), "", "")
		if f[2] == "" {
			f[2] = "on"
		}
		fmt.Fprintf(&b, "%s,user%s,Given,Family%s,user%s@example.org,%s,%s\n", f[0], f[0], f[0], f[0], f[1], f[2])
	}
	write(r, r.dir, "people.csv", b.String())
}

func (r *wireCase) sync(code int, args ...string) result {
	r.Helper()
	return synced(r, r.dir, code, args...)
}

// forget takes the state away, as a disaster would.
func (r *wireCase) forget() {
	r.Helper()
	if err := os.RemoveAll(filepath.Join(r.dir, "state")); err != nil {
		r.Fatal(err)
	}
}

// behave puts other habits in the place of those there are.
func (r *wireCase) behave(names ...string) {
	r.Helper()
	url := strings.TrimSuffix(r.svc.URL, "/scim/v2") + "/-/habits"
	req, err := http.NewRequest(http.MethodPut, url, strings.NewReader(strings.Join(names, "\n")))
	if err != nil {
		r.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode >= 300 {
		r.Fatalf("habits %v: %d", names, resp.StatusCode)
	}
}

// waited gives how many requests were refused for the pace, and how long it took until the
// first of them was followed by another request of its method. It fails the test if any
// came inside a wait that had been announced.
func (r *wireCase) waited() (refused int, waited time.Duration) {
	r.Helper()
	var stats sandbox.Stats
	(&service{URL: strings.TrimSuffix(r.svc.URL, "/scim/v2"), t: r}).get("/-/stats", &stats)
	if stats.Early != 0 {
		r.Errorf("%d requests inside a wait", stats.Early)
	}
	var first request
	for _, q := range r.svc.requests(0) {
		switch {
		case q.Status == http.StatusTooManyRequests:
			if refused++; refused == 1 {
				first = q
			}
		case refused == 1 && waited == 0 && q.Method == first.Method && q.Time.After(first.Time.Add(200*time.Millisecond)):
			waited = q.Time.Sub(first.Time)
		}
	}
	return refused, waited
}

// took fails the test unless exactly these requests came since the last look, as in
// "GET 2 POST 1"; what the service can do is asked for besides.
func (r *wireCase) took(want string) {
	r.Helper()
	list := undescribed(r.svc.requests(r.mark))
	r.mark = r.svc.last()
	n := map[string]int{}
	for _, q := range list {
		n[q.Method]++
	}
	var parts []string
	for _, method := range slices.Sorted(maps.Keys(n)) {
		parts = append(parts, fmt.Sprint(method, " ", n[method]))
	}
	if got := strings.Join(parts, " "); got != want {
		r.Errorf("it took %q, want %q:\n%s", got, want, logOf(list))
	}
}

// holds fails the test unless these are the accounts at the service, by login, as in
// "user1:Head user2 -user3"; a minus stands before those that are off.
func (r *wireCase) holds(want string) {
	r.Helper()
	r.mark = r.svc.last()
	var all []string
	for _, u := range r.svc.users() {
		text := fmt.Sprint(u["userName"])
		if title, ok := u["title"].(string); ok {
			text += ":" + title
		}
		if u["active"] == false {
			text = "-" + text
		}
		all = append(all, text)
	}
	slices.SortFunc(all, func(a, b string) int { return strings.Compare(strings.TrimLeft(a, "-"), strings.TrimLeft(b, "-")) })
	if got := strings.Join(all, " "); got != want {
		r.Errorf("the service holds %q, want %q", got, want)
	}
	r.mark = r.svc.last()
}

// quiet fails the test unless a further run sends nothing.
func (r *wireCase) quiet() {
	r.Helper()
	r.mark = r.svc.last()
	r.sync(0)
	r.took("")
}

// 1, 2: a refusal for the pace, with a wait in words, in quotes, or with none, is kept to
// the end: of three creates at a service that takes two, one is sent again.
func TestWire1And2Waits(t *testing.T) {
	for name, c := range map[string]struct {
		options, limit string
		wait           time.Duration
	}{
		"seconds in words": {"", "2/2s POST; retry-after unit", 2 * time.Second},
		"in quotes":        {"", "2/2s POST; retry-after quoted", 2 * time.Second},
		"not said":         {"{retry: {default_429: 1s}}", "2/1s POST; retry-after none", time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := againstHabits(t, c.options, "", "--habit", "limit="+c.limit)
			r.people("1", "2", "3")
			if got := r.sync(0); got.Done["create"] != 3 {
				t.Errorf("%+v", got)
			}
			refused, waited := r.waited()
			if refused != 1 || waited < c.wait-50*time.Millisecond {
				t.Errorf("%d refused, came again after %s", refused, waited)
			}
			r.took("GET 1 POST 4")
			r.holds("user1 user2 user3")
			r.quiet()
		})
	}
}

// 3: each write within a wait would make it begin anew, so there is none. What is told of
// the limit is believed, and then nothing is refused at all. (That reads go on meanwhile
// is for the lane to show, in sync/apply: no run writes and reads at once.)
func TestWire3Penalty(t *testing.T) {
	for name, headers := range map[string]string{"told": "; headers x-rate-limit", "not told": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := againstHabits(t, "", "", "--habit", "limit=Heavy 4/2s POST,PATCH; penalty 2s; retry-after none"+headers)
			const options = `options: {retry: {default_429: 2s}, rate: {penalty_restarts: true, concurrency: 1, buckets: [{match: ["GET *"], rate: 100/s}, {match: ["POST|PATCH *"], rate: 100/s}]}}`
			write(t, r.dir, "config.yaml", replaced(wireConfig(r.svc.URL, freely), "pace: {rate: 100000/s, burst: 1000, concurrency: 8}", options))
			r.people("1", "2", "3", "4", "5", "6")
			if got := r.sync(0); got.Done["create"] != 6 {
				t.Errorf("%+v", got)
			}
			r.people("1,Head", "2,Head", "3,Head", "4,Head", "5,Head", "6,Head")
			if got := r.sync(0); got.Done["update"] != 6 {
				t.Errorf("%+v", got)
			}
			refused, _ := r.waited()
			if told := headers != ""; told && refused != 0 || !told && (refused == 0 || refused > 3) {
				t.Errorf("%d refused", refused)
			}
			if w := r.svc.writes(0); w["POST"]+w["PATCH"] != 12+refused {
				t.Errorf("written %v, of which %d were refused", w, refused)
			}
			r.holds("user1:Head user2:Head user3:Head user4:Head user5:Head user6:Head")
			r.quiet()
		})
	}
}

// 4: of one account there is one request at a time, also where a change takes several.
func TestWire4OneWriter(t *testing.T) {
	t.Parallel()
	r := againstHabits(t, "{patch: {max_ops: 1}}", "", append(habits("one-writer"), "--latency", "20ms")...)
	r.people("1", "2", "3")
	r.sync(0)
	r.mark = r.svc.last()
	write(t, r.dir, "people.csv", strings.NewReplacer("Given,", "Changed,", "example.org,,", "example.org,Head,").Replace(people(3)))
	if got := r.sync(0); got.Done["update"] != 3 {
		t.Errorf("%+v", got)
	}
	r.took("PATCH 9") // of each the given name, the display name and the title
	r.holds("user1:Head user2:Head user3:Head")
	r.quiet()
}

// 4: who is told all the same that there were two comes again, and soon.
func TestWire4ToldOfTwo(t *testing.T) {
	t.Parallel()
	clashed := false
	s := oddService(t, func(r *scimtest.Request, _ func() scimtest.Reply) *scimtest.Reply {
		if r.Method != "PATCH" || clashed {
			return nil
		}
		clashed = true
		return &scimtest.Reply{Status: 429, Body: `{"errorCode":"CMN-304","message":"Duplicate request"}`}
	})
	dir := t.TempDir()
	write(t, dir, "config.yaml", replaced(wireConfig(s.URL, freely), "pace: {", `options: {errors: {code_regex: '"(CMN-[0-9]+)"', codes: {CMN-304: again}}, retry: {default_429: 1m}}, pace: {`))
	write(t, dir, "people.csv", people(2))
	synced(t, dir, 0)
	s.take()
	write(t, dir, "people.csv", strings.ReplaceAll(people(2), "example.org,,on", "example.org,Head,on"))
	begun := time.Now()
	r := synced(t, dir, 0)
	if n := sent(s.take()); r.Done["update"] != 2 || n["PATCH"] != 3 || time.Since(begun) > 20*time.Second {
		t.Errorf("%+v, %v after %s", r, n, time.Since(begun))
	}
	for _, u := range s.sandbox.Users() {
		if u["title"] != "Head" {
			t.Errorf("%v", u)
		}
	}
}

// 5: what the service makes of a create is not the program's business, and no reason to
// come again.
func TestWire5EchoOfItsOwn(t *testing.T) {
	t.Parallel()
	r := againstHabits(t, "", "", habits("inactive-created", "extra-phone", "primary-false", "empty-arrays", "meta-elsewhere")...)
	r.people("1,Head", "2")
	r.sync(0)
	r.took("GET 1 POST 2")
	r.quiet()
	r.holds("-user1:Head -user2")
}

// 6: no free extension: the person waits and is told so, everyone else goes on, and the
// next run after one is free makes the account.
func TestWire6NoExtension(t *testing.T) {
	t.Parallel()
	r := againstHabits(t, "{create: {precondition_status: [404]}}", "", habits("extensions=2")...)
	r.people("1", "2")
	r.sync(0)
	r.mark = r.svc.last()
	r.people("1,Head", "2", "3")
	got := r.sync(4)
	if len(got.Parked) != 1 || got.Parked[0].Key != "3" || !strings.Contains(got.Parked[0].Why, "not ready for one more account") || got.Done["update"] != 1 {
		t.Errorf("%+v", got)
	}
	r.took("GET 3 PATCH 1 POST 1")
	r.holds("user1:Head user2")
	r.behave("extensions=3")
	if got := r.sync(0); got.Done["create"] != 1 {
		t.Errorf("%+v", got)
	}
	r.took("GET 3 POST 1")
	r.holds("user1:Head user2 user3")
	r.quiet()
}

// 7: a value that the service refuses parks one person, with its words.
func TestWire7RefusedValue(t *testing.T) {
	t.Parallel()
	r := againstHabits(t, "", "", habits("regions-refused")...)
	config := replaced(wireConfig(r.svc.URL, freely), "        title: title\n", "        'addresses[type eq \"work\"].region': title\n")
	write(t, r.dir, "config.yaml", config)
	r.people("1,CA", "2,CA", "3")
	r.sync(0)
	r.mark = r.svc.last()
	r.people("1,NY", "2,Zürich", "3,CA")
	got := r.sync(4)
	if len(got.Parked) != 1 || got.Parked[0].Key != "2" || !strings.Contains(got.Parked[0].Why, "businessAddress.state") || got.Done["update"] != 2 {
		t.Errorf("%+v", got)
	}
	r.took("PATCH 3")
	r.quiet() // nothing is sent again before its time
	for key, region := range map[string]string{"1": "NY", "2": "CA", "3": "CA"} {
		if got := fmt.Sprint(r.svc.users()[key]["addresses"]); !strings.Contains(got, "region:"+region) {
			t.Errorf("%s is in %s", key, got)
		}
	}
}

// 8, 9: a description that lies, says more than it should, or is not there.
func TestWire8And9Discovery(t *testing.T) {
	for _, names := range [][]string{{"config-liar"}, {"config-extra"}, {"discovery=404"}, {"discovery=403"}, {"discovery=html"}} {
		t.Run(strings.Join(names, " "), func(t *testing.T) {
			t.Parallel()
			r := againstHabits(t, "", "", habits(names...)...)
			r.people("1", "2")
			r.sync(0)
			r.took("GET 1 POST 2") // to list all takes fewer requests than to look for each
			r.people("1,Head", "2")
			r.sync(0)
			r.took("PATCH 1")
			r.holds("user1:Head user2")
			r.quiet()
		})
	}
	t.Run("at a plural path", func(t *testing.T) {
		t.Parallel()
		r := againstHabits(t, "{paths: {spc: /ServiceProviderConfigs}, discovery: {required: true}}", "", habits("config-plural")...)
		r.people("1")
		r.sync(0)
		r.holds("user1")
	})
}

// 10: filters that count for nothing: every search shows the first accounts there are.
func TestWire10FiltersIgnored(t *testing.T) {
	t.Parallel()
	r := againstHabits(t, "", "", habits("filter-ignored", "page-max=2")...)
	other := func(name string) {
		r.svc.do("POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"`+name+`","externalId":"`+name+`","active":true}`)
	}
	other("a-other")
	r.people("1")
	r.mark = r.svc.last()
	if got := r.sync(0); got.Done["create"] != 1 {
		t.Errorf("one account that is another's: %+v", got)
	}
	r.took("GET 3 POST 1")
	other("b-other")
	r.people("1", "2")
	if got := r.sync(0); got.Done["create"] != 1 {
		t.Errorf("several: %+v", got)
	}
	r.quiet()
	r.forget() // and whoever is there is found, though no filter does it
	r.people("2")
	r.mark = r.svc.last()
	if got := r.sync(0); got.Done["adopt"] != 1 || len(r.svc.writes(r.mark)) != 0 {
		t.Errorf("found again: %+v, %v", got, r.svc.writes(r.mark))
	}
	r.behave()
	r.holds("a-other b-other user1 user2")
}

// 11: nobody is found, said in other ways.
func TestWire11NobodyFound(t *testing.T) {
	for habit, options := range map[string]string{"none-is-bare": "", "none-is-404": "{lookup: {none_status: [200, 404]}}"} {
		t.Run(habit, func(t *testing.T) {
			t.Parallel()
			r := againstHabits(t, options, "", habits(habit)...)
			r.people("1")
			r.sync(0)
			r.took("GET 3 POST 1")
			r.holds("user1")
			r.quiet()
		})
	}
}

// 12, 13: a conflict without a body, and one with more of it than there is in the book:
// the account in the way is looked for once more.
func TestWire12And13Conflicts(t *testing.T) {
	for name, c := range map[string]struct{ options, habit, took string }{
		"without a body":     {"{}", "conflict-empty", "GET 6 POST 2"}, // each is looked for twice before, and the conflict once more
		"schema and schemas": {"{}", "error-schema", "GET 6 POST 2"},
		"status a number":    {"{}", "error-number", "GET 6 POST 2"},
		"400 in words":       {"{create: {conflict_regex: [already exists]}}", "conflict-400", "GET 6 POST 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := againstHabits(t, "", "", habits("unique=emails", c.habit)...)
			config := replaced(wireConfig(r.svc.URL, freely), "pace: {", "options: "+c.options+", pace: {")
			write(t, r.dir, "config.yaml", replaced(config, "    users:\n", "    users:\n      match: [externalId, userName]\n"))
			r.svc.do("POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"other","externalId":"x","emails":[{"value":"user1@example.org","type":"work"}]}`)
			r.mark = r.svc.last()
			r.people("1", "2")
			got := r.sync(4)
			if waits := slices.Concat(got.Conflicts, got.Parked); len(waits) != 1 || waits[0].Key != "1" || got.Done["create"] != 1 {
				t.Errorf("%+v", got)
			}
			r.took(c.took)
			r.quiet() // it is not tried again at once
			r.holds("other user2")
		})
	}
}

// 14: a create whose answer is lost makes one account.
func TestWire14LostAnswer(t *testing.T) {
	t.Parallel()
	r := againstHabits(t, "", "", habits("lost-reply=1")...)
	r.people("1")
	if got := r.sync(0); got.Done["create"] != 1 {
		t.Errorf("%+v", got)
	}
	r.took("GET 4 POST 1") // three before, and one by its externalId
	r.holds("user1")
	r.quiet()
}

// 15, 16: listings that end too early or never, repeat themselves, or miscount: nobody is
// taken to have gone, nobody is made twice, and no listing goes on for ever. The state is
// lost, so that everybody has to be found again.
func TestWire15And16Listings(t *testing.T) {
	const n = 120
	for name, c := range map[string]struct {
		options string
		proof   bool // the listing proves who is there, so nobody has to be looked for
	}{
		"first-page-only=50": {"{list: {supported: false}}", false}, "total-is-page": {"", false}, "paging-ignored": {"", false}, "per-page-wrong": {"", true},
		"page-max=7": {"", true}, "count-ignored": {"{list: {mode: single}}", true}, "cursor": {"", true}, "cursor=only": {"{list: {mode: cursor}}", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := againstHabits(t, c.options, "", habits(name)...)
			write(t, r.dir, "people.csv", people(n))
			if got := r.sync(0); got.Done["create"] != n {
				t.Fatalf("%+v", got)
			}
			r.forget()
			r.mark = r.svc.last()
			if got := r.sync(0); got.Done["adopt"] != n || len(got.Conflicts) != 0 {
				t.Errorf("%+v", got)
			}
			if w := r.svc.writes(r.mark); len(w) != 0 {
				t.Errorf("written %v", w)
			}
			if reads := len(r.svc.requests(r.mark)); c.proof && reads > n/7+5 || reads > n+30 {
				t.Errorf("%d requests", reads)
			}
			r.behave()
			if got := len(r.svc.users()); got != n {
				t.Errorf("%d accounts", got)
			}
			r.quiet()
		})
	}
}

// 17 to 23 are about groups and their members, and wait for those. What they share with
// people is to change one element of a list by a filter in its path, and not to believe in
// an answer: 24 to 27.

// 24, 25, 26, 35: one way to spell a PATCH is understood, and others are not; its answer
// is a resource, or nothing, or called by another name.
func TestWire24To26Spelling(t *testing.T) {
	for name, c := range map[string]struct {
		options string
		habits  []string
	}{
		"a path for each":        {"", []string{"path-required", "pathless-single", "ops=lower"}},
		"title case":             {"{patch: {op_case: title}}", []string{"ops=title"}},
		"booleans as text":       {"{patch: {bool: string}}", []string{"string-booleans"}},
		"no filters in paths":    {"{patch: {value_filter: false, multivalue: replace_array}}", []string{"value-path-400"}},
		"without paths":          {"{patch: {path: pathless, value_filter: false, multivalue: replace_array}}", []string{"value-path-400"}},
		"alone in a request":     {"{patch: {isolate: [active, userName]}}", []string{"isolates=active,userName"}},
		"one at a time":          {"{patch: {max_ops: 1}}", []string{"max-ops=1"}},
		"by PUT":                 {"{update: {method: put}}", []string{"method-off=PATCH /Users 501"}},
		"by PUT after PATCH":     {"{update: {method: patch_then_put}}", []string{"method-off=PATCH /Users 405"}},
		"versions":               {"{etag: if_match}", []string{"etag-required"}},
		"versions, not foreseen": {"", []string{"etag-required"}},
		"answers without body":   {"", []string{"patch-204"}},
		"empty answers":          {"", []string{"empty-200"}},
		"answers called HTML":    {"", []string{"content-type=text/html"}},
		"bare versions":          {"{etag: if_match}", []string{"version-bare"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := againstHabits(t, c.options, "", habits(c.habits...)...)
			r.people("1", "2", "3")
			r.sync(0)
			write(t, r.dir, "people.csv", "id,login,given,family,mail,title,status\n"+
				"1,user1,Given,Changed,new1@example.org,Head,on\n2,user2,Given,Family2,user2@example.org,,off\n3,user3,Given,Family3,user3@example.org,,on\n")
			if got := r.sync(0); got.Done["update"] != 1 || got.Done["deactivate"] != 1 {
				t.Errorf("%+v", got)
			}
			users := r.svc.users()
			mail := users["1"]["emails"].([]any)[0].(map[string]any)
			if users["1"]["title"] != "Head" || users["1"]["name"].(map[string]any)["familyName"] != "Changed" || users["1"]["name"].(map[string]any)["givenName"] != "Given" ||
				mail["value"] != "new1@example.org" || mail["type"] != "work" || len(users["1"]["emails"].([]any)) != 1 || users["2"]["active"] != false || users["3"]["active"] != true {
				t.Errorf("the service holds %v, %v", users["1"], users["2"]["active"])
			}
			r.people("1,Head", "2", "3")
			write(t, r.dir, "people.csv", "id,login,given,family,mail,title,status\n"+
				"1,user1,Given,Changed,new1@example.org,Head,on\n2,user2,Given,Family2,user2@example.org,,on\n3,user3,Given,Family3,user3@example.org,,on\n")
			if got := r.sync(0); got.Done["reactivate"] != 1 {
				t.Errorf("%+v", got)
			}
			r.holds("user1:Head user2 user3")
			r.quiet()
		})
	}
}

// 26, 27: a success that was none: the person waits with a word on it, what works goes
// on, and nothing is sent over and over.
func TestWire26And27SilentNoop(t *testing.T) {
	for name, c := range map[string]struct{ options, habit string }{
		"asked for":         {"{verify: {after_write: canary}}", "updates-only=active"},
		"known":             {"{patch: {silent_noop: true}}", "updates-only=active"},
		"paths of elements": {"{verify: {after_write: canary}}", "value-path-ignored"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := againstHabits(t, c.options, "", habits(c.habit)...)
			r.people("1", "2", "3")
			r.sync(0)
			r.mark = r.svc.last()
			changed := strings.ReplaceAll(people(3), "Family1,user1@", "Family1,new1@")
			changed = strings.ReplaceAll(changed, "Family2,user2@", "Family2,new2@")
			write(t, r.dir, "people.csv", strings.ReplaceAll(changed, "user3@example.org,,on", "user3@example.org,,off"))
			got := r.sync(4)
			if len(got.Parked) != 2 || got.Done["deactivate"] != 1 || !strings.Contains(got.Parked[0].Why+got.Parked[1].Why, "as before") {
				t.Errorf("%+v", got)
			}
			n := r.svc.writes(r.mark)
			if n["PATCH"] < 2 || n["PATCH"] > 3 {
				t.Errorf("written %v", n)
			}
			r.mark = r.svc.last()
			r.sync(0)
			r.took("")
			r.holds("user1 user2 -user3")
		})
	}
}

// 28: where switching an account off takes it away, who returns gets a new one.
func TestWire28DeactivationDeletes(t *testing.T) {
	t.Parallel()
	r := againstHabits(t, "{deactivate: {effect: delete_object}, reactivate: {method: repost}}", "", habits("active-deletes")...)
	write(t, r.dir, "config.yaml", replaced(replaced(wireConfig(r.svc.URL, freely), "pace: {", "options: {deactivate: {effect: delete_object}, reactivate: {method: repost}}, pace: {"),
		"guard: {", "guard: {delete: {count: 1000}, "))
	r.people("1", "2")
	r.sync(0)
	first := r.svc.users()["1"]["id"]
	r.mark = r.svc.last()
	r.people("1,,off", "2")
	if got := r.sync(0); got.Done["deactivate"] != 1 {
		t.Errorf("%+v", got)
	}
	r.took("PATCH 1")
	r.holds("user2")
	r.quiet()
	r.people("1,Back", "2")
	if got := r.sync(0); got.Done["create"] != 1 {
		t.Errorf("%+v", got)
	}
	r.took("GET 3 POST 1")
	r.holds("user1:Back user2")
	if r.svc.users()["1"]["id"] == first {
		t.Error("it is the same account")
	}
	r.quiet()
}

// 29: what an inactive account looks like is no drift.
func TestWire29Obfuscated(t *testing.T) {
	t.Parallel()
	r := againstHabits(t, "{readback: {after_deactivate: ignore}, verify: {after_write: canary}}", "", habits("active-obfuscates")...)
	r.people("1", "2")
	r.sync(0)
	r.mark = r.svc.last()
	r.people("1,,off", "2")
	r.sync(0)
	r.took("PATCH 1")
	r.quiet()
	r.people("1,Back", "2")
	if got := r.sync(0); got.Done["reactivate"] != 1 {
		t.Errorf("%+v", got)
	}
	r.holds("user1:Back user2")
	r.quiet()
}

// 30: a refusal of one account is that person's, for good; a service that deletes nobody
// leaves accounts deactivated.
func TestWire30NotThisOne(t *testing.T) {
	t.Parallel()
	r := againstHabits(t, "{retry: {permanent: {405: object}}}", "", habits("local=user2")...)
	r.people("1", "2", "3")
	r.sync(0)
	r.mark = r.svc.last()
	r.people("1,Head", "2,Head", "3,Head")
	got := r.sync(4)
	if len(got.Parked) != 1 || got.Parked[0].Key != "2" || got.Done["update"] != 2 {
		t.Errorf("%+v", got)
	}
	r.took("PATCH 3")
	r.sync(0)
	r.took("")
	r.holds("user1:Head user2 user3:Head")

	r = againstHabits(t, "", "    leavers: {action: delete}\n", habits("method-off=DELETE /Users 501")...)
	write(t, r.dir, "config.yaml", replaced(wireConfig(r.svc.URL, "    leavers: {action: delete}\n"+freely), "guard: {", "guard: {delete: {count: 1000}, "))
	r.people("1", "2", "3")
	r.sync(0)
	r.people("1")
	r.sync(0)
	r.mark = r.svc.last()
	if got := r.sync(4); len(got.Parked) != 2 {
		t.Errorf("%+v", got)
	}
	if n := r.svc.writes(r.mark)["DELETE"]; n < 1 || n > 2 {
		t.Errorf("%d times asked to delete", n)
	}
	r.mark = r.svc.last()
	r.sync(0)
	r.took("")
	r.holds("user1 -user2 -user3")
}

// 31: what is to be deleted and is not there any more is deleted.
func TestWire31DeletedAlready(t *testing.T) {
	t.Parallel()
	r := againstHabits(t, "", "")
	write(t, r.dir, "config.yaml", replaced(wireConfig(r.svc.URL, "    leavers: {action: delete}\n"+freely), "guard: {", "guard: {delete: {count: 1000}, "))
	r.people("1", "2")
	r.sync(0)
	r.people("1")
	r.sync(0)
	r.svc.do("DELETE", "/Users/"+r.svc.users()["2"]["id"].(string), "")
	r.mark = r.svc.last()
	if got := r.sync(0); got.Done["delete"] != 1 {
		t.Errorf("%+v", got)
	}
	r.took("DELETE 1")
	r.holds("user1")
	r.quiet()
}

// 32, 33: accounts are shown with less, or in other forms, than they are kept: what is
// not shown is not wrong.
func TestWire32And33OddAccounts(t *testing.T) {
	for _, names := range [][]string{{"no-active", "no-meta"}, {"no-types"}, {"emails-bare"}, {"name-flat"}} {
		t.Run(strings.Join(names, " "), func(t *testing.T) {
			t.Parallel()
			r := againstHabits(t, "", "", habits(names...)...)
			r.people("1,Head", "2")
			r.sync(0)
			r.forget()
			r.mark = r.svc.last()
			if got := r.sync(0); got.Done["adopt"] != 2 {
				t.Errorf("%+v", got)
			}
			if n := r.svc.writes(r.mark); n["POST"]+n["PUT"]+n["DELETE"] != 0 || n["PATCH"] > 2 {
				t.Errorf("written %v", n)
			}
			r.quiet()
			r.behave()
			r.holds("user1:Head user2")
			if n := len(r.svc.users()["1"]["emails"].([]any)); n != 1 {
				t.Errorf("%d mail addresses", n)
			}
			r.quiet()
		})
	}
}

// 34: a service that makes no inactive accounts has none of those who are to come.
func TestWire34NoInactiveAccounts(t *testing.T) {
	t.Parallel()
	r := againstHabits(t, "", "", habits("inactive-refused")...)
	config := replaced(wireConfig(r.svc.URL, freely), "pace: {", "options: {create: {accept_inactive: false}}, pace: {")
	config = replaced(config, "    users:\n", "    users:\n      active_from: {value: title, format: YYYY-MM-DD, before: inactive}\n")
	write(t, r.dir, "config.yaml", replaced(config, "        title: title\n", ""))
	r.people("1,2001-01-01", "2,2999-01-01")
	if got := r.sync(0); got.Done["create"] != 1 {
		t.Errorf("%+v", got)
	}
	r.took("GET 3 POST 1") // who is to come is not even looked for
	r.holds("user1")
	r.quiet()
	contains(t, scimsync(t, r.dir, "plan").want(t, 0).out+scimsync(t, r.dir, "check").err, "no inactive accounts")
}

// 36: where the id is an attribute, the account has another one once that changes.
func TestWire36OtherID(t *testing.T) {
	t.Parallel()
	r := againstHabits(t, "", "", habits("id-is-external")...)
	config := replaced(wireConfig(r.svc.URL, freely), "pace: {", "options: {attrs: {immutable_id_is: externalId}}, pace: {")
	write(t, r.dir, "config.yaml", replaced(config, "        title: title\n", "        externalId: title\n"))
	r.people("1,a", "2,b")
	r.sync(0)
	r.mark = r.svc.last()
	r.people("1,c", "2,b")
	if got := r.sync(0); got.Done["update"] != 1 {
		t.Errorf("%+v", got)
	}
	r.took("PATCH 1")
	r.people("1,c,off", "2,b")
	if got := r.sync(0); got.Done["deactivate"] != 1 {
		t.Errorf("%+v", got)
	}
	r.took("PATCH 1")
	users := r.svc.users()
	if len(users) != 2 || users["c"]["active"] != false || users["b"]["active"] != true {
		t.Errorf("the service holds %v", users)
	}
	r.quiet()
}

// 37: a login page is nobody's account, and no empty service.
func TestWire37LoginPage(t *testing.T) {
	for _, habit := range []string{"login-page", "login-redirect"} {
		t.Run(habit, func(t *testing.T) {
			t.Parallel()
			r := againstHabits(t, "", "")
			r.people("1", "2")
			r.sync(0)
			r.behave(habit)
			r.mark = r.svc.last()
			r.people("1,Head", "3")
			for range 2 {
				o := scimsync(t, r.dir, "sync").want(t, 1)
				contains(t, o.err, "check the target's url")
			}
			if n := len(undescribed(r.svc.requests(r.mark))); n > 2*8 { // no more than are under way at once
				t.Errorf("%d requests to a log-in page", n)
			}
			r.behave()
			r.holds("user1 user2")
			r.sync(0)
			r.holds("user1:Head -user2 user3")
			r.quiet()
		})
	}
}

// 38, as far as people share it: what is large has a limit of its own, which is kept, and
// what is too large parks one person. The members of groups wait for groups.
func TestWire38Sizes(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 600)
	r := againstHabits(t, "", "", "--habit", "limit=big 2/1s PATCH /Users/* over 500; small 100/1s PATCH /Users/*", "--habit", "max-body=1200")
	const options = `options: {rate: {concurrency: 8, buckets: [{match: ["PATCH */Users/*"], min_body: 500, rate: 2/1s}, {match: ["*"], rate: 100/1s}]}}`
	write(t, r.dir, "config.yaml", replaced(wireConfig(r.svc.URL, freely), "pace: {rate: 100000/s, burst: 1000, concurrency: 8}", options))
	r.people("1", "2", "3", "4", "5", "6", "7")
	r.sync(0)
	r.mark = r.svc.last()
	r.people("1,"+long, "2,"+long, "3,"+long, "4,"+long+long, "5,Head", "6,Head", "7,Head")
	got := r.sync(4)
	if len(got.Parked) != 1 || got.Parked[0].Key != "4" || !strings.Contains(got.Parked[0].Why, "too large") || got.Done["update"] != 6 {
		t.Errorf("%+v", got)
	}
	if refused, _ := r.waited(); refused != 0 {
		t.Errorf("%d refused", refused)
	}
	r.took("PATCH 7")
	r.quiet()
	r.holds("user1:" + long + " user2:" + long + " user3:" + long + " user4 user5:Head user6:Head user7:Head")
}

// 39: every request says who sends it.
func TestWire39UserAgent(t *testing.T) {
	t.Parallel()
	r := againstHabits(t, "", "", habits("user-agent")...)
	r.people("1", "2")
	r.sync(0)
	r.people("1,Head")
	r.mark = r.svc.last()
	if got := r.sync(0); got.Done["update"] != 1 || got.Done["deactivate"] != 1 {
		t.Errorf("%+v", got)
	}
	r.took("PATCH 2")
	r.behave()
	r.holds("user1:Head -user2")
	r.quiet()
}

// 15 once more, by a profile that does not know of it: a listing says that it is complete,
// and is not. Nobody is made twice; that their accounts are there is found out by the
// refusal of a create, and from then on people are looked up.
func TestWire15ListingThatLies(t *testing.T) {
	t.Parallel()
	const n, hidden = 120, 70
	r := againstHabits(t, "", "", habits("unique=externalId", "first-page-only=50")...)
	write(t, r.dir, "people.csv", people(n))
	r.sync(0)
	r.forget()
	r.mark = r.svc.last()
	if got := r.sync(4); got.Done["adopt"] != n-hidden || len(got.Parked) != hidden || !strings.Contains(got.Parked[0].Why, "carries this person's externalId") {
		t.Errorf("%+v", got)
	}
	if got := r.sync(0); got.Done["adopt"] != hidden {
		t.Errorf("%+v", got)
	}
	if w := r.svc.writes(r.mark); w["POST"] != hidden || len(w) != 1 {
		t.Errorf("written %v", w)
	}
	r.quiet()
	r.behave()
	if users := r.svc.users(); len(users) != n {
		t.Errorf("%d accounts", len(users))
	}
}

// 40: an inactive account that only its externalId leads to is found and switched on,
// also where that is not what people are matched by.
func TestWire40HiddenAccount(t *testing.T) {
	for match, n := range map[string]int{"[externalId, userName]": 1, "[userName]": 2} {
		t.Run(match, func(t *testing.T) {
			t.Parallel()
			r := againstHabits(t, "", "", habits("hides-inactive", "unique=externalId")...)
			write(t, r.dir, "config.yaml", replaced(wireConfig(r.svc.URL, freely), "    users:\n", "    users:\n      match: "+match+"\n"))
			r.people("1", "2")
			r.sync(0)
			id := r.svc.users()["1"]["id"].(string)
			r.people("1,,off", "2")
			r.sync(0)
			r.forget()
			r.mark = r.svc.last()
			r.people("1,Back", "2")
			for i := 1; i <= n; i++ {
				code := 0
				if i < n {
					code = 4
				}
				r.sync(code)
			}
			if w := r.svc.writes(r.mark); w["POST"] != n-1 || w["PATCH"] != 1 || len(w) > 2 {
				t.Errorf("written %v", w)
			}
			users := r.svc.users()
			var found map[string]any
			r.svc.get("/Users/"+id, &found)
			if found["active"] != true || found["title"] != "Back" || len(users) != 2 {
				t.Errorf("%v among %v", found, users)
			}
			r.quiet()
		})
	}
}

// A create that takes over whoever has the same mail address is sent only for somebody
// whose address nobody has, whatever people are matched by: neither an account of others,
// nor one of ours, nor another newcomer.
func TestCreateTakesOver(t *testing.T) {
	for name, habit := range map[string]string{"asked": "adopts", "listed": "filter-only=userName,externalId"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := againstHabits(t, "", "", habits("adopts", habit)...)
			options := "options: {create: {may_adopt_silently: true}}, pace: {"
			if name == "listed" {
				options = "options: {create: {may_adopt_silently: true}, lookup: {user: [userName, externalId]}}, pace: {"
			}
			config := replaced(wireConfig(r.svc.URL, freely), "pace: {", options)
			write(t, r.dir, "config.yaml", replaced(config, "    users:\n", "    users:\n      match: [externalId, userName]\n"))
			for name, mail := range map[string]string{"other": "a@example.org", "stranger": "z@example.org"} {
				r.svc.do("POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"`+name+`","externalId":"`+name+`","active":true,"emails":[{"value":"`+mail+`","type":"work"}]}`)
			}
			const header = "id,login,given,family,mail,title,status\n"
			ours := "1,user1,Given,Family1,b@example.org,,on\n"
			write(t, r.dir, "people.csv", header+ours)
			r.sync(0)
			r.mark = r.svc.last()
			write(t, r.dir, "people.csv", header+ours+"2,user2,G,F,a@example.org,,on\n3,user3,G,F,B@example.org,,on\n"+
				"4,user4,G,F,c@example.org,,on\n5,user5,G,F,c@example.org,,on\n6,user6,G,F,d@example.org,,on\n")
			got := r.sync(4)
			if len(got.Conflicts) != 4 || got.Done["create"] != 1 {
				t.Errorf("%+v", got)
			}
			if w := r.svc.writes(r.mark); w["POST"] != 1 || len(w) != 1 {
				t.Errorf("written %v", w)
			}
			r.quiet()
			write(t, r.dir, "people.csv", header+ours+"7,user7,G,F,z@example.org,,on\n") // one alone, who would be looked up elsewhere
			if got := r.sync(4); len(got.Conflicts) != 1 || got.Done["deactivate"] != 1 {
				t.Errorf("%+v", got)
			}
			r.holds("other stranger user1 -user6")
			r.quiet()
		})
	}
}
