package probe_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"scimsync/targets/sandbox"
	"scimsync/targets/scim"
	"scimsync/targets/scim/probe"
	"scimsync/targets/scim/profile"
	"scimsync/targets/scimtest"
)

const (
	login  = "scimsync-probe-1@example.org"
	anchor = "scimsync-probe-1"
)

// lab is a sandbox behind HTTP with people of others in it.
type lab struct {
	*sandbox.Server
	url string
	ids []string // of the others
}

func newLab(t *testing.T, o sandbox.Options) *lab {
	t.Helper()
	server, err := sandbox.New(o)
	if err != nil {
		t.Fatal(err)
	}
	http := httptest.NewServer(server)
	t.Cleanup(http.Close)
	l := &lab{Server: server, url: http.URL + server.BasePath()}
	for i := range 3 {
		mail := fmt.Sprintf("other%d@example.org", i)
		ids, err := server.Seed(map[string]any{"schemas": []any{"urn:ietf:params:scim:schemas:core:2.0:User"}, "userName": mail, "externalId": fmt.Sprintf("other-%d", i),
			"active": true, "displayName": "Other", "name": map[string]any{"givenName": "O", "familyName": "Other"},
			"emails": []any{map[string]any{"value": mail, "type": "work", "primary": true}}})
		if err != nil {
			t.Fatal(err)
		}
		l.ids = append(l.ids, ids...)
	}
	return l
}

// others are all accounts but those of the probe.
func (l *lab) others() []map[string]any {
	return slices.DeleteFunc(l.Users(), func(u map[string]any) bool { return !slices.Contains(l.ids, u["id"].(string)) })
}

// left are the accounts of the probe that are there.
func (l *lab) left() []map[string]any {
	return slices.DeleteFunc(l.Users(), func(u map[string]any) bool { return slices.Contains(l.ids, u["id"].(string)) })
}

func options(t *testing.T, ref string) probe.Options {
	t.Helper()
	p, err := profile.Load(ref, nil)
	if err != nil {
		t.Fatal(err)
	}
	return probe.Options{Profile: p, Login: login, Mail: login, Anchor: anchor, Irreversible: true, Patience: 500 * time.Millisecond}
}

func target(t *testing.T, url string, p *profile.Profile) *scim.Target {
	t.Helper()
	s, err := scim.New(scim.Options{Name: "service", URL: url, Profile: p})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// knobs are the values that a report lays over its profile, written on a line each.
func knobs(r *probe.Report) map[string]string {
	out := map[string]string{}
	for _, f := range r.Findings {
		for _, k := range f.Knobs {
			out[k.Knob] = fmt.Sprint(k.Value)
		}
	}
	return out
}

// loads writes the report as a profile, reads it, and gives it back.
func loads(t *testing.T, r *probe.Report, base string) *profile.Profile {
	t.Helper()
	text, err := r.YAML(base, "service")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "probed.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := profile.Load(file, nil)
	if err != nil {
		t.Fatalf("the profile does not load: %v\n%s", err, text)
	}
	return p
}

func said(r *probe.Report) string {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintln(&b, f.Experiment+": "+f.Says)
	}
	return b.String()
}

// A correct service is found to be one: no knob differs.
func TestCorrect(t *testing.T) {
	t.Parallel()
	l := newLab(t, sandbox.Options{})
	before := l.others()
	r, err := probe.Run(t.Context(), target(t, l.url, nil), options(t, "rfc"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Findings {
		for _, k := range f.Knobs {
			if k.Differs {
				t.Errorf("%s: %s: %v, chosen %v", f.Says, k.Knob, k.Value, k.Chosen)
			}
		}
	}
	for knob, want := range map[string]string{"deactivate.effect": "disable", "delete.effect": "irreversible", "patch.value_filter": "true",
		"patch.dotted": "true", "attrs.clear_style": "remove", "lookup.user": "[externalId userName email]", "create.conflict_status": "[409]"} {
		if got := knobs(r)[knob]; got != want {
			t.Errorf("%s: %q, want %q", knob, got, want)
		}
	}
	if diff := cmp.Diff(before, l.others()); diff != "" {
		t.Error(diff)
	}
	if left := l.left(); len(left) != 0 || len(r.Left) != 0 {
		t.Errorf("left: %v %v", left, r.Left)
	}
	loads(t, r, "rfc")
	if r.Requests > 90 {
		t.Errorf("%d requests", r.Requests)
	}
}

// Each notorious habit is found and said, harms nobody, and gives a profile that loads.
func TestHabits(t *testing.T) {
	t.Parallel()
	for habit, want := range map[string]map[string]string{
		"discovery=404":              {"discovery.mode": "off"},
		"discovery=html":             {"discovery.mode": "off"},
		"config-plural":              {"paths.spc": "/ServiceProviderConfigs"},
		"config-liar":                {"says": "there is no PATCH, and it works"},
		"bulk":                       {"says": "Bulk is offered, with 100 operations"},
		"users-only":                 {"members.remove": "none", "resources": "[users]"},
		"filter-ignored":             {"lookup.user": "[]", "says": "a filter on userName is ignored"},
		"filter-only=userName":       {"lookup.user": "[userName]", "says": "a filter on externalId is refused with 400"},
		"filter-only=userName,email": {"lookup.filter_names": "map[email:email]"},
		"none-is-404":                {"lookup.none_status": "[200 404]"},
		"create-lag=300ms":           {"eventual_consistency.read_delay": "1s"},
		"hides-inactive":             {"says": "a deactivated account is not found by userName"},
		"paging-ignored":             {"list.supported": "false"},
		"first-page-only=2":          {"list.supported": "false"},
		"page-max=2":                 {"list.page_size": "2"},
		"total-is-page":              {"says": "totalResults counts the page"},
		"count-ignored":              {"says": "count is ignored"},
		"cursor=only":                {"list.mode": "cursor"},
		"conflict-empty":             {"says": "a conflict is answered without a body"},
		"conflict-400":               {"create.conflict_regex": "[(?i)already exists]"},
		"adopts":                     {"create.may_adopt_silently": "true"},
		"unique":                     {"says": "two accounts cannot have the same e-mail address"},
		"inactive-default":           {"attrs.always_send": "[active]"},
		"inactive-created":           {"attrs.always_send": "[active]"},
		"accepted=100ms":             {"says": "answered 202"},
		"created-empty":              {"says": "without the account"},
		"refuses=nickName":           {"attrs.deny": "[nickName]"},
		"keeps=userName,name,emails,active,externalId,title": {"says": "these are taken and not kept: displayName"},
		"lowers=displayName":                     {"attrs.normalize_compare": "map[displayName:[casefold]]"},
		"phones-e164":                            {"says": "comes back rewritten (e164)"},
		"countries":                              {"says": "addresses[type eq \"work\"].country comes back rewritten (country)"},
		"updates-only":                           {"patch.silent_noop": "true", "says": "changes of them are dropped: title"},
		"value-path-400":                         {"patch.value_filter": "false", "patch.multivalue": "replace_array"},
		"value-path-ignored":                     {"patch.value_filter": "false", "patch.silent_noop": "true"},
		"path-required":                          {"patch.path": "required", "says": "a PATCH needs a path"},
		"pathless-single":                        {"patch.path": "required", "says": "one attribute only"},
		"ops=lower":                              {"says": "op has to be spelled replace"},
		"ops=any":                                {"says": "op may be spelled in either case"},
		"ops=title":                              {"patch.op_case": "title"},
		"isolates=active,userName":               {"patch.isolate": "[active userName]", "reactivate.in_same_request_as_update": "false"},
		"max-ops=1":                              {"patch.max_ops": "1"},
		"patch-204":                              {"patch.path": "required"},
		"empty-200":                              {"patch.path": "required"},
		"method-off=PATCH /Users 501":            {"update.method": "put", "deactivate.method": "put_active_false"},
		"method-off=DELETE /Users 501":           {"delete.effect": "unsupported", "delete.allowed": "false"},
		"active-deletes":                         {"deactivate.effect": "delete_object", "reactivate.method": "repost"},
		"active-obfuscates":                      {"readback.after_deactivate": "ignore"},
		"inactive-locked":                        {"reactivate.in_same_request_as_update": "true"},
		"no-active":                              {"says": "do not show whether they are active"},
		"no-meta":                                {"says": "accounts have no meta"},
		"no-types":                               {"says": "without a type"},
		"emails-bare":                            {"says": "bare texts"},
		"names-hidden":                           {"says": "name.givenName comes back rewritten"},
		"etag-off":                               {"says": "accounts have no version"},
		"etag-required":                          {"etag": "if_match"},
		"limit=all 1000/s; headers x-rate-limit": {"rate.headers.remaining": "X-Rate-Limit-Remaining"},
		"extra-phone":                            {"patch.value_filter": "true"},
		"primary-false":                          {"patch.value_filter": "true"},
	} {
		t.Run(habit, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, sandbox.Options{Habits: []string{habit}})
			before := l.others()
			r, err := probe.Run(t.Context(), target(t, l.url, nil), options(t, "rfc"))
			stuck := habit == "etag-required" // nothing can be written there
			if (err != nil) != stuck {
				t.Fatalf("%v\n%s", err, said(r))
			}
			got := knobs(r)
			for knob, value := range want {
				switch {
				case knob == "says" && !strings.Contains(said(r), value):
					t.Errorf("it does not say %q:\n%s", value, said(r))
				case knob != "says" && got[knob] != value:
					t.Errorf("%s: %q, want %q\n%s", knob, got[knob], value, said(r))
				}
			}
			if diff := cmp.Diff(before, l.others()); diff != "" {
				t.Errorf("others were changed: %s", diff)
			}
			cleaned(t, l, r, stuck)
			loads(t, r, "rfc")
		})
	}
}

// cleaned holds that what is left is inactive and told.
func cleaned(t *testing.T, l *lab, r *probe.Report, stuck bool) {
	t.Helper()
	left := l.left()
	if len(left) != len(r.Left) {
		t.Errorf("%d accounts are left, and %d are told", len(left), len(r.Left))
	}
	for _, u := range left {
		if u["active"] != false && !stuck {
			t.Errorf("left active: %v", u)
		}
	}
}

// What a probed profile says is what the built-in one of that service says, where both say something.
func TestProfiles(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"ringcentral", "rsa-unified-directory", "resolution-usersync", "aws-identity-center", "bitwarden", "sentry", "github-emu", "zitadel"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, sandbox.Options{Profile: name, Scale: 600, Habits: []string{"oauth=off", "extensions=off"}})
			before := l.others()
			r, err := probe.Run(t.Context(), target(t, l.url, options(t, name).Profile), options(t, name))
			if err != nil {
				t.Fatalf("%v\n%s", err, said(r))
			}
			if diff := cmp.Diff(before, l.others()); diff != "" {
				t.Errorf("others were changed: %s", diff)
			}
			cleaned(t, l, r, false)
			p := loads(t, r, name)
			t.Logf("%d requests\n%s", r.Requests, said(r))
			if p.Deactivate.Effect != options(t, name).Profile.Deactivate.Effect {
				t.Errorf("deactivate.effect is %s", p.Deactivate.Effect)
			}
		})
	}
}

// Nothing is sent where something could be lost that was not said to be worth it.
func TestRefuses(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"rfc": "delete.effect irreversible", "ringcentral": "delete.effect release", "sentry": "deactivate.effect"} {
		l := newLab(t, sandbox.Options{})
		o := options(t, name)
		o.Irreversible = false
		if _, err := probe.Run(t.Context(), target(t, l.url, nil), o); err == nil || !strings.Contains(err.Error(), want) || l.Requests() != 0 {
			t.Errorf("%s: %v, %d requests", name, err, l.Requests())
		}
		o.Keep = true // deactivation is asked for all the same
		_, err := probe.Run(t.Context(), target(t, l.url, nil), o)
		if (err != nil) != (name == "sentry") {
			t.Errorf("%s: %v", name, err)
		}
		for _, u := range l.left() {
			if u["active"] != false || u["userName"] != login {
				t.Errorf("%s: %v", name, u)
			}
		}
	}
}

// A name that somebody has ends it before anything is written, also where filters find nobody or everybody.
func TestNameTaken(t *testing.T) {
	t.Parallel()
	for _, habit := range []string{"conflict-400", "filter-ignored", "adopts", "filter-only=id"} {
		l := newLab(t, sandbox.Options{Habits: []string{habit}})
		before := l.Users()
		o := options(t, "rfc")
		o.Login, o.Mail = "other1@example.org", "other1@example.org"
		if r, err := probe.Run(t.Context(), target(t, l.url, nil), o); err == nil || len(r.IDs) > 0 {
			t.Errorf("%s: %v", habit, err)
		}
		if diff := cmp.Diff(before, l.Users()); diff != "" {
			t.Errorf("%s: %s", habit, diff)
		}
	}
}

// An account that a create takes over is recognised as somebody's by its age, and nothing is sent to it any more.
func TestAdopted(t *testing.T) {
	t.Parallel()
	now := time.Now()
	var early atomic.Bool
	early.Store(true)
	var writes []string
	l := newLab(t, sandbox.Options{Habits: []string{"adopts", "filter-only=id", "first-page-only=0"},
		Now: func() time.Time {
			if early.Load() {
				return now.Add(-24 * time.Hour)
			}
			return now
		},
		Log: func(r sandbox.Request) {
			if r.Method != http.MethodGet {
				writes = append(writes, r.Method+" "+r.Path)
			}
		}})
	early.Store(false)
	o := options(t, "rfc")
	o.Login, o.Mail = "other1@example.org", "other1@example.org"
	r, err := probe.Run(t.Context(), target(t, l.url, nil), o)
	if !errors.Is(err, probe.ErrNotOurs) || !strings.Contains(err.Error(), "it was created") || len(r.IDs) > 0 {
		t.Errorf("%v", err)
	}
	if len(writes) != 1 || !strings.HasPrefix(writes[0], "POST ") {
		t.Errorf("sent: %v", writes)
	}
}

// Interrupted at any request, it leaves nothing active behind, and whatever it leaves is told.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	for n := int64(1); n < 70; n += 5 {
		l := newLab(t, sandbox.Options{})
		before := l.others()
		ctx, stop := context.WithCancel(t.Context())
		s := &interrupted{Target: target(t, l.url, nil), at: n, stop: stop}
		r, err := probe.Run(ctx, s, options(t, "rfc"))
		if err == nil && s.seen.Load() >= n && n < 40 {
			t.Errorf("%d: no error", n)
		}
		if left := l.left(); len(left) != 0 {
			t.Errorf("%d: left: %v %v (%v)", n, left, r.Left, err)
		}
		if diff := cmp.Diff(before, l.others()); diff != "" {
			t.Error(diff)
		}
	}
}

type interrupted struct {
	*scim.Target
	at   int64
	seen atomic.Int64
	stop func()
}

// Raw sends the request and is interrupted before its answer is there.
func (s *interrupted) Raw(ctx context.Context, r scim.Request) (*scim.Answer, error) {
	if s.seen.Add(1) != s.at {
		return s.Target.Raw(ctx, r)
	}
	if _, err := s.Target.Raw(ctx, r); err != nil {
		return nil, err
	}
	s.stop()
	return nil, ctx.Err()
}

// Answers that are lost are looked for: nothing doubles.
func TestLostReply(t *testing.T) {
	t.Parallel()
	for n := range 4 {
		l := newLab(t, sandbox.Options{Habits: []string{fmt.Sprintf("lost-reply=%d", n+1)}})
		r, err := probe.Run(t.Context(), target(t, l.url, nil), options(t, "rfc"))
		if err == nil && n == 0 || len(l.left()) != 0 || len(r.Left) != 0 {
			t.Errorf("%d: %v, left %v, %v", n+1, err, l.left(), r.Left)
		}
	}
}

// scimmy, a server of foreign make, is found to be sound but for its own ways.
func TestScimmy(t *testing.T) {
	server := scimtest.Start(t)
	target := target(t, server.URL, nil)
	r, err := probe.Run(t.Context(), target, options(t, "rfc"))
	if err != nil {
		t.Fatalf("%v\n%s", err, said(r))
	}
	for _, f := range r.Findings {
		for _, k := range f.Knobs {
			if k.Differs && k.Knob != "resources" && k.Knob != "members.remove" { // this one has no groups
				t.Errorf("%s: %s: %v, chosen %v", f.Says, k.Knob, k.Value, k.Chosen)
			}
		}
	}
	if n := len(server.Users()); n != 0 {
		t.Errorf("%d accounts are left", n)
	}
	loads(t, r, "rfc")
}

// What is written is a profile with its sources, that says what differs and what was not tried.
func TestYAML(t *testing.T) {
	t.Parallel()
	l := newLab(t, sandbox.Options{Habits: []string{"value-path-400", "method-off=DELETE /Users 501"}})
	r, err := probe.Run(t.Context(), target(t, l.url, nil), options(t, "rfc"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := r.YAML("rfc", "our\nservice: x")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"extends: \"rfc\"\n", "; differs: the profile says true\n  value_filter: false\n",
		"confidence: observed", "# Not tried:\n", "# - remove of list elements by a value array: a strict service removes the whole list"} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("it lacks %q:\n%s", want, text)
		}
	}
	p := loads(t, r, "rfc")
	if k := p.Knob("patch.value_filter"); k.Value != false || k.Fact.Confidence != profile.Observed {
		t.Errorf("%+v", k)
	}
}
