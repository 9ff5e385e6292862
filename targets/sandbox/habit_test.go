package sandbox

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// habitTests prove each habit from outside, over HTTP.
var habitTests = []map[string]func(*testing.T){doorTests, limitTests, searchTests, createTests, attributeTests, patchTests, memberTests, lifeTests, shapeTests}

func TestHabits(t *testing.T) {
	var proven []string
	for _, tests := range habitTests {
		for name, test := range tests {
			proven = append(proven, name)
			t.Run(name, test)
		}
	}
	for _, name := range habitNames() {
		if !slices.Contains(proven, name) {
			t.Errorf("habit %s has no test", name)
		}
	}
	if len(proven) != len(habitNames()) {
		t.Errorf("%d tests for %d habits", len(proven), len(habitNames()))
	}
}

// having is a sandbox with habits.
func having(t *testing.T, habits ...string) *host {
	t.Helper()
	return serve(t, Options{Habits: habits})
}

// clocked is a sandbox whose time a test moves on.
func clocked(t *testing.T, o Options) (*host, func(time.Duration)) {
	t.Helper()
	var mu sync.Mutex
	now := time.Date(2026, 1, 31, 8, 0, 0, 0, time.UTC)
	o.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	return serve(t, o), func(d time.Duration) { mu.Lock(); defer mu.Unlock(); now = now.Add(d) }
}

// three makes a group of three users and returns the paths and ids.
func (h *host) three() (group string, ids [3]string) {
	h.t.Helper()
	var members []string
	for i, name := range []string{"a", "b", "c"} {
		ids[i] = h.user(`"userName":"` + name + `"`)
		members = append(members, `{"value":"`+ids[i]+`"}`)
	}
	return "/Groups/" + h.group(`"displayName":"g","members":[`+strings.Join(members, ",")+`]`), ids
}

// members lists who is in a group, by userName.
func (h *host) members(group string) string {
	h.t.Helper()
	var all []string
	for _, m := range list(h.get(group)["members"]) {
		all = append(all, m.(map[string]any)["display"].(string))
	}
	return strings.Join(all, " ")
}

// patched is a PATCH that is applied.
func (h *host) patched(path, ops string) {
	h.t.Helper()
	if r := h.do("PATCH", path, patchBody(ops)); r.status/100 != 2 {
		h.t.Fatalf("PATCH %s %s: %d %s", path, ops, r.status, r.raw)
	}
}

func replaceOp(path, value string) string {
	return `{"op":"replace","path":"` + path + `","value":` + value + `}`
}

func TestHabitSpecs(t *testing.T) {
	for spec, want := range map[string]string{
		"filter-ignore":         `habit "filter-ignore": there is none of that name; did you mean "filter-ignored"?`,
		"x":                     `habit "x": there is none of that name; did you mean`,
		"":                      `habit "": there is none of that name; scimsync sandbox --help lists them`,
		"filter-ignored=1":      `habit "filter-ignored" takes no value`,
		"local":                 `habit "local" needs a value: local=USERNAME`,
		"extensions=x":          `habit "extensions=x": "x" is no number`,
		"maintenance=5":         `habit "maintenance=5": "5" is no duration: write it as 90s, 15m or 2h`,
		"ops=upper":             `habit "ops=upper": "upper" is none of lower, any, title`,
		"requires=a":            `habit "requires=a": "a" is no attribute of a user`,
		"requires=name.a":       `habit "requires=name.a": "name.a" is no attribute of a user`,
		"requires=enterprise:":  `habit "requires=enterprise:": "enterprise:" names no attribute`,
		"unique=a,,b":           `write names with commas between them`,
		"max-length=userName":   `write PATH, a space and what belongs to it`,
		"max-length=userName x": `"x" is no number`,
		"method-off=DELETE 501": `write METHOD PATH STATUS`,
		"method-off=GET /X 200": `"200" is no status from 400 to 599`,
		"bulk=1":                `write the most operations, a comma and the most bytes`,
		"limit=10/m;":           `nothing between two ;`,
		"limit=10/x":            `write it as 10/m`,
		"limit=a":               `limit a has no rate`,
		"limit=a 10/m x":        `limit a: what is "x"?`,
		"limit=a 10/m over x":   `over x: write a number of bytes`,
		"limit=penalty":         `invalid duration`,
		"limit=headers":         `headers is x-rate-limit or ratelimit or triple, not ""`,
		"limit=retry-after x":   `retry-after is seconds or unit or quoted or date or none, not "x"`,
	} {
		_, err := New(Options{Habits: []string{spec}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", spec, err, want)
		}
	}
	for _, d := range Habits() {
		if d.Help == "" || strings.ContainsAny(d.Help, "\n") {
			t.Errorf("%s has no line of help: %q", d.Name, d.Help)
		}
	}
}

func TestHabitsAreReplaced(t *testing.T) {
	h := serve(t, Options{Profile: "canva", Habits: []string{"page-max=1", "page-max=2"}})
	for _, name := range []string{"a", "b", "c"} {
		h.user(`"userName":"` + name + `"`)
	}
	if n := len(h.get("/Users")["Resources"].([]any)); n != 2 {
		t.Errorf("a page of %d, want 2: the last one of a name holds", n)
	}
	h.refused(501, "", "DELETE", "/Users/x", "")
	if err := h.SetHabits([]string{"method-off=off"}); err != nil {
		t.Fatal(err)
	}
	h.refused(404, "", "DELETE", "/Users/x", "")
	if n := len(h.get("/Users")["Resources"].([]any)); n != 3 {
		t.Errorf("a page of %d: the habit was not taken away", n)
	}
	if err := h.SetHabits([]string{"nonsense"}); err == nil {
		t.Error("nonsense was taken")
	}
	h.refused(404, "", "DELETE", "/Users/x", "")
}

// A habit that is named overrules the profile.
func TestHabitsOverrule(t *testing.T) {
	h := as(t, "wso2", "remove-array-works", "remove-array-wipes")
	group, ids := h.three()
	h.patched(group, byArray(ids))
	if got := h.members(group); got != "" {
		t.Errorf("%s are left: the first habit was asked", got)
	}
}

// A habit that stays keeps what it counted.
func TestHabitsKeepTheirState(t *testing.T) {
	h := having(t, "limit=2/h GET")
	h.get("/Users")
	if err := h.SetHabits([]string{"limit=2/h GET", "no-meta"}); err != nil {
		t.Fatal(err)
	}
	h.get("/Users")
	h.refused(429, "", "GET", "/Users", "")
}

// Without habits the answers are what they were: nothing in their place costs
// anything.
func TestNoHabits(t *testing.T) {
	h := serve(t, Options{})
	if n := len(h.habits().active); n != 0 {
		t.Errorf("%d habits of nobody", n)
	}
	if a, err := h.habits().serve(func(*call) (*response, error) { return &response{status: http.StatusTeapot}, nil })(nil); err != nil || a.status != http.StatusTeapot {
		t.Errorf("%v %v", a, err)
	}
}
