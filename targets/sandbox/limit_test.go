package sandbox

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func newRequest(t *testing.T, method, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

var limitTests = map[string]func(*testing.T){"limit": func(t *testing.T) {
	t.Run("window", func(t *testing.T) {
		h, step := clocked(t, Options{Habits: []string{"limit=10/m; retry-after unit"}})
		for range 5 {
			h.get("/Users")
		}
		step(30 * time.Second)
		for range 5 {
			h.get("/Users")
		}
		step(29500 * time.Millisecond)
		if r := h.refused(429, "", "GET", "/Users", ""); r.header.Get("Retry-After") != "1 seconds" {
			t.Errorf("Retry-After %q", r.header.Get("Retry-After"))
		}
		step(500 * time.Millisecond)
		for range 5 {
			h.get("/Users")
		}
		if r := h.refused(429, "", "GET", "/Users", ""); r.header.Get("Retry-After") != "30 seconds" {
			t.Errorf("Retry-After %q: a window looks back", r.header.Get("Retry-After"))
		}
	})
	t.Run("bucket", func(t *testing.T) {
		h, step := clocked(t, Options{Habits: []string{"limit=10/m burst 2; retry-after date"}})
		h.get("/Users")
		h.get("/Users")
		r := h.refused(429, "", "GET", "/Users", "")
		if at, err := http.ParseTime(r.header.Get("Retry-After")); err != nil || at.Sub(h.opts.Now()) != 6*time.Second {
			t.Errorf("Retry-After %q %v", r.header.Get("Retry-After"), err)
		}
		step(6 * time.Second)
		h.get("/Users")
		h.refused(429, "", "GET", "/Users", "")
	})
	t.Run("by request", func(t *testing.T) {
		h := having(t, "limit=big 1/h PATCH /Groups/* over 300; search 1/h SEARCH; create 2/h POST /Users")
		group, ids := h.twoAndGroup()
		small := patchBody(`{"op":"add","path":"members","value":[{"value":"` + ids[0] + `"}]}`)
		large := patchBody(`{"op":"add","path":"members","value":[` + strings.Repeat(`{"value":"`+ids[0]+`"},`, 10) + `{"value":"` + ids[1] + `"}]}`)
		h.must(204, "PATCH", group, large)
		for range 3 {
			h.must(204, "PATCH", group, small)
		}
		h.refused(429, "", "PATCH", group, large)
		search := `{"schemas":["` + searchURN + `"]}`
		h.must(200, "POST", "/Users/.search", search)
		h.refused(429, "", "POST", "/Users/.search", search)
		h.refused(429, "", "POST", "/Users", userBody(`"userName":"z"`))
		h.get("/Users")
	})
	t.Run("penalty", testPenalty)
	t.Run("pause", func(t *testing.T) {
		h, step := clocked(t, Options{Habits: []string{"limit=2/s; pause 2s; retry-after quoted"}})
		h.get("/Users")
		h.get("/Users")
		if r := h.refused(429, "", "GET", "/Users", ""); r.header.Get("Retry-After") != `"2 seconds"` {
			t.Errorf("Retry-After %s", r.header.Get("Retry-After"))
		}
		step(1500 * time.Millisecond)
		if r := h.refused(429, "", "GET", "/Users", ""); r.header.Get("Retry-After") != `"1 seconds"` {
			t.Errorf("Retry-After %s: a pause does not begin again", r.header.Get("Retry-After"))
		}
		step(500 * time.Millisecond)
		h.get("/Users")
		// The last one came in time for the pause, but not for the whole second that was said.
		if s := h.Stats(); s.Early != 2 || s.Limits[0].Allowed != 3 || s.Limits[0].Refused != 2 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("headers", func(t *testing.T) {
		h, step := clocked(t, Options{Habits: []string{"limit=reads 2/m GET; headers ratelimit"}})
		told := func(status int, names ...string) string {
			t.Helper()
			r := h.must(status, "GET", "/Users", "")
			var all []string
			for _, name := range names {
				all = append(all, r.header.Get(name))
			}
			return strings.Join(all, " ")
		}
		for _, want := range []string{`"reads";q=2;w=60 "reads";r=1;t=60`, `"reads";q=2;w=60 "reads";r=0;t=50`} {
			if got := told(200, "RateLimit-Policy", "RateLimit"); got != want {
				t.Errorf("%s, want %s", got, want)
			}
			step(10 * time.Second)
		}
		if got := told(429, "RateLimit", "Retry-After"); got != `"reads";r=0;t=40 40` {
			t.Errorf("%s", got)
		}
		if err := h.SetHabits([]string{"limit=2/m; headers triple"}); err != nil {
			t.Fatal(err)
		}
		if got := told(200, "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"); got != "2 1 60" {
			t.Errorf("%s", got)
		}
	})
	t.Run("scaled", func(t *testing.T) {
		h, step := clocked(t, Options{Scale: 60, Habits: []string{"limit=10/m"}})
		for range 10 {
			h.get("/Users")
		}
		if r := h.refused(429, "", "GET", "/Users", ""); r.header.Get("Retry-After") != "1" {
			t.Errorf("Retry-After %q", r.header.Get("Retry-After"))
		}
		step(970 * time.Millisecond)
		h.refused(429, "", "GET", "/Users", "")
		step(5 * time.Millisecond) // a moment early, which is the machine's fault
		h.get("/Users")
		if s := h.Stats().Limits[0]; s.Per != time.Second || s.Events != 10 || s.Last.Sub(s.First) != 975*time.Millisecond {
			t.Errorf("%+v", s)
		}
	})
}}

// twoAndGroup makes two users and an empty group.
func (h *host) twoAndGroup() (group string, ids [2]string) {
	h.t.Helper()
	ids[0], ids[1] = h.user(`"userName":"a"`), h.user(`"userName":"b"`)
	return "/Groups/" + h.group(`"displayName":"g"`), ids
}

// A penalty begins again with each call; other limits go on.
func testPenalty(t *testing.T) {
	h, step := clocked(t, Options{Habits: []string{"limit=Light 50/m GET; Heavy 2/m POST,PATCH; penalty 60s; retry-after none; headers x-rate-limit"}})
	post := func(status int, name string) reply {
		t.Helper()
		return h.must(status, "POST", "/Users", userBody(`"userName":"`+name+`"`))
	}
	wants := func(r reply, group, limit, left string) {
		t.Helper()
		for name, want := range map[string]string{"Group": group, "Limit": limit, "Remaining": left, "Window": "60"} {
			if got := r.header.Get("X-Rate-Limit-" + name); got != want {
				t.Errorf("X-Rate-Limit-%s: %q, want %q", name, got, want)
			}
		}
		if r.header.Get("Retry-After") != "" {
			t.Errorf("Retry-After %q", r.header.Get("Retry-After"))
		}
	}
	wants(post(201, "a"), "Heavy", "2", "1")
	wants(post(201, "b"), "Heavy", "2", "0")
	r := post(429, "c")
	wants(r, "Heavy", "2", "0")
	if r.body["errorCode"] != "CMN-301" {
		t.Errorf("%s", r.raw)
	}
	step(59 * time.Second)
	post(429, "c")
	step(59 * time.Second)
	post(429, "c")
	wants(h.must(200, "GET", "/Users", ""), "Light", "50", "49")
	wants(h.must(404, "GET", "/Users/x", ""), "Light", "50", "48")
	step(60 * time.Second)
	post(201, "c")
	if s := h.Stats(); s.Early != 2 || s.Limits[1].Refused != 3 || s.Limits[1].Allowed != 3 || s.Limits[0].Allowed != 2 {
		t.Errorf("%+v", s)
	}
}
