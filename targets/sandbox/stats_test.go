package sandbox

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// control sends a request beside the endpoints of SCIM.
func (h *host) control(method, path, body string) (int, string) {
	h.t.Helper()
	req, err := http.NewRequest(method, strings.TrimSuffix(h.url, h.base)+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func TestStats(t *testing.T) {
	h, step := clocked(t, Options{
		BearerToken: "t", Rate: Rate{Events: 4, Per: time.Minute}, Fail: Fail{Every: 4, Cut: CutBefore},
		Habits: []string{"limit=reads 1/m GET"},
	})
	auth := []string{"Authorization", "Bearer t"}
	id := h.must(201, "POST", "/Users", userBody(`"userName":"a"`), auth...).id()
	h.must(200, "GET", "/Users/"+id, "", auth...)
	h.must(429, "GET", "/Users/x", "", auth...)
	if _, err := h.try("DELETE", "/Users/"+id, "", auth...); err == nil {
		t.Error("the fourth was answered")
	}
	step(time.Second)
	h.must(429, "GET", "/Users?startIndex=1", "", auth...)
	h.must(401, "GET", "/Users", "")
	(&host{Server: h.Server, t: t, url: strings.TrimSuffix(h.url, h.base)}).must(404, "POST", "/other", "{}", auth...)

	status, text := h.control("GET", "/-/stats", "")
	var s Stats
	if err := json.Unmarshal([]byte(text), &s); err != nil || status != 200 {
		t.Fatalf("%d %v %s", status, err, text)
	}
	var lines []string
	for _, c := range s.Calls {
		lines = append(lines, c.Method+" "+c.Path+" "+itoa(c.Count)+" "+jsonOf(c.Status))
	}
	want := `GET /Users 2 {"401":1,"429":1}
POST /Users 1 {"201":1}
DELETE /Users/{id} 1 {"cut":1}
GET /Users/{id} 2 {"200":1,"429":1}
POST elsewhere 1 {"404":1}`
	if got := strings.Join(lines, "\n"); got != want || s.Requests != 7 || s.Early != 1 {
		t.Errorf("%d requests, %d early:\n%s\nwant\n%s", s.Requests, s.Early, got, want)
	}
	if len(s.Limits) != 2 || s.Limits[1].Name != "reads" || s.Limits[1].Allowed != 1 || s.Limits[1].Refused != 2 || s.Limits[0].Allowed != 4 {
		t.Errorf("%+v", s.Limits)
	}
	if h.Requests() != 7 {
		t.Error("a look at the statistics counts as a request")
	}
}

func jsonOf(v any) string { b, _ := json.Marshal(v); return string(b) }

func TestControl(t *testing.T) {
	h := serve(t, Options{Profile: "canva", Habits: []string{"login-page"}})
	h.must(200, "GET", "/Users/x", "")
	if status, text := h.control("PUT", "/-/habits", "users-only\r\n\nno-meta\n"); status != 204 {
		t.Fatalf("%d %s", status, text)
	}
	h.refused(404, "", "GET", "/Groups", "")
	h.refused(501, "", "DELETE", "/Users/x", "")
	if status, text := h.control("PUT", "/-/habits", "nonsense"); status != 400 || !strings.Contains(text, `habit "nonsense": there is none`) {
		t.Errorf("%d %s", status, text)
	}
	h.refused(404, "", "GET", "/Groups", "")
	if status, _ := h.control("PUT", "/-/habits", ""); status != 204 {
		t.Errorf("%d", status)
	}
	h.get("/Groups")
	if status, _ := h.control("POST", "/-/stats", ""); status != 404 {
		t.Errorf("%d", status)
	}
}

// Habits change while requests go on; run it with -race.
func TestControlMeanwhile(t *testing.T) {
	h := serve(t, Options{Scale: 60, Habits: []string{"limit=1000/m"}})
	id := h.user(`"userName":"a"`)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for range 25 {
				if i == 0 {
					if err := h.SetHabits([]string{"limit=1000/m", "no-active", "extra-phone"}[:1+i%3]); err != nil {
						t.Error(err)
					}
					h.Stats()
				}
				h.patched("/Users/"+id, replaceOp("title", `"`+itoa(i)+`"`))
				h.get("/Users?count=1")
			}
		})
	}
	all.Wait()
	if s := h.Stats(); s.Limits[0].Allowed != int(s.Requests) {
		t.Errorf("%+v: the limit forgot", s)
	}
}

// A request in the log says whether it came inside an announced wait.
func TestEarly(t *testing.T) {
	var log []Request
	h, step := clocked(t, Options{Rate: Rate{Events: 1, Per: time.Minute}, Log: func(r Request) { log = append(log, r) }})
	h.get("/Users")
	h.refused(429, "", "GET", "/Users", "")
	step(time.Millisecond) // it may have been on its way
	h.refused(429, "", "GET", "/Users", "")
	step(time.Second)
	h.refused(429, "", "GET", "/Users", "")
	step(time.Minute)
	h.get("/Users")
	var early []int
	for i, r := range log {
		if r.Early {
			early = append(early, i)
		}
	}
	if len(log) != 5 || len(early) != 1 || early[0] != 3 {
		t.Errorf("%d requests, early %v", len(log), early)
	}
}
