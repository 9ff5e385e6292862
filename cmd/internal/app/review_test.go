package app_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// front is a proxy before a service that answers on its own while broken says so.
func front(t testing.TB, svc *service, broken func(w http.ResponseWriter, r *http.Request) bool) string {
	t.Helper()
	to, err := url.Parse(svc.URL)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if broken(w, r) {
			return
		}
		req := r.Clone(r.Context())
		req.URL.Scheme, req.URL.Host, req.URL.Path = to.Scheme, to.Host, to.Path+r.URL.Path
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			w.WriteHeader(502)
			return
		}
		defer resp.Body.Close()
		for k, v := range resp.Header {
			w.Header()[k] = v
		}
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// A load balancer that lost its way answers 404 to everything: that is no word of the
// service that the account of a leaver is gone.
func TestLeaverBehindALostProxy(t *testing.T) {
	t.Parallel()
	svc, dir := startService(t), t.TempDir()
	var lost atomic.Bool
	u := front(t, svc, func(w http.ResponseWriter, r *http.Request) bool {
		if lost.Load() {
			http.Error(w, "default backend - 404", 404)
		}
		return lost.Load()
	})
	write(t, dir, "config.yaml", csvConfig(u, freely))
	write(t, dir, "people.csv", threePeople)
	synced(t, dir, 0)
	lost.Store(true)
	write(t, dir, "people.csv", strings.Replace(threePeople, "3,chloe,Chloé,Martin,chloe@example.org,,on\n", "", 1))
	if r := synced(t, dir, 4); len(r.Parked) != 1 || r.Done["deactivate"] != 0 {
		t.Fatalf("behind the proxy: %+v", r)
	}
	lost.Store(false)
	if r := synced(t, dir, 0); r.Done["deactivate"] != 1 {
		t.Fatalf("afterwards: %+v", r)
	}
	if svc.users()["3"]["active"] != false {
		t.Fatal("the leaver keeps access")
	}
}

// Two targets that wait for the same changes have holds of different names, and a
// name releases the hold that it was printed with.
func TestHoldNamesAreOfOneTarget(t *testing.T) {
	t.Parallel()
	a, b, dir := startService(t), startService(t), t.TempDir()
	config := strings.Replace(csvConfig(a.URL, ""), "to: service", "to: [service, other]", 1)
	config = strings.Replace(config, "jobs:\n", `  other: {url: "`+b.URL+"\"}\njobs:\n", 1)
	write(t, dir, "config.yaml", config)
	write(t, dir, "people.csv", threePeople)
	o := scimsync(t, dir, "sync", "--output", "json").want(t, 3)
	ids := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(o.out), "\n") {
		r := decoded[result](t, line)
		ids[r.Target] = r.Hold.ID
	}
	if ids["service"] == ids["other"] {
		t.Errorf("two holds with one id: %v", ids)
	}
	scimsync(t, dir, "approve", ids["service"]).want(t, 0)
	if len(a.users()) != 3 || len(b.users()) != 0 {
		t.Fatalf("approved service: %d there, %d at other", len(a.users()), len(b.users()))
	}
}

// The account of a leaver that was made anew under another id, by a restored backup
// say, is found by its anchor and deactivated.
func TestLeaverUnderAnotherID(t *testing.T) {
	t.Parallel()
	svc, dir := startService(t), t.TempDir()
	write(t, dir, "config.yaml", csvConfig(svc.URL, freely))
	write(t, dir, "people.csv", threePeople)
	synced(t, dir, 0)
	svc.do("DELETE", "/Users/"+svc.users()["3"]["id"].(string), "")
	svc.do("POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"chloe","externalId":"3","active":true}`)
	write(t, dir, "people.csv", strings.Replace(threePeople, "3,chloe,Chloé,Martin,chloe@example.org,,on\n", "", 1))
	synced(t, dir, 0)
	synced(t, dir, 0)
	if svc.users()["3"]["active"] != false {
		t.Fatal("the leaver keeps access")
	}
	n := svc.last()
	if synced(t, dir, 0); svc.last() != n {
		t.Fatal("a quiet run made requests")
	}
}

// A change that the target refuses waits; that its person leaves sooner than was known
// then does not.
func TestLeaverByDateWhileAChangeWaits(t *testing.T) {
	t.Parallel()
	svc, dir := startService(t), t.TempDir()
	u := front(t, svc, func(w http.ResponseWriter, r *http.Request) bool {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if strings.Contains(string(body), "Emperor") {
			http.Error(w, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"400","scimType":"invalidValue"}`, 400)
			return true
		}
		return false
	})
	write(t, dir, "config.yaml", csvConfig(u, "      active_until: {value: until, format: \"YYYY-MM-DD HH:mm:ss\"}\n"+freely))
	people := func(title, until string) {
		write(t, dir, "people.csv", "id,login,given,family,mail,title,status,until\n"+
			"1,ada,Ada,Okafor,ada@example.org,"+title+",on,"+until+"\n2,bruno,Bruno,Keller,bruno@example.org,,on,\n")
	}
	people("Engineer", "2199-01-01 00:00:00")
	synced(t, dir, 0)
	people("Emperor", "2199-01-01 00:00:00")
	synced(t, dir, 4)
	end := time.Now().UTC().Add(2 * time.Second).Truncate(time.Second)
	people("Emperor", end.Format("2006-01-02 15:04:05"))
	synced(t, dir, 0)
	time.Sleep(time.Until(end))
	if r := synced(t, dir, 0); r.Done["deactivate"] != 1 || svc.users()["1"]["active"] != false {
		t.Fatalf("the leaver keeps access: %+v", r)
	}
}

// An account that fits two people goes to neither, also when only one of them is looked
// at: the other one waits, and still wants it.
func TestWhoWaitsIsStillARival(t *testing.T) {
	t.Parallel()
	svc, dir := startService(t), t.TempDir()
	write(t, dir, "config.yaml", csvConfig(svc.URL, "      adopt: {existing: yes}\n"+freely))
	svc.do("POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"office","active":true,`+
		`"emails":[{"type":"work","value":"office@example.org"}]}`)
	people := func(title string) {
		write(t, dir, "people.csv", "id,login,given,family,mail,title,status\n1,ada,Ada,Okafor,ada@example.org,,on\n"+
			"2,bruno,Bruno,Keller,office@example.org,"+title+",on\n3,chloe,Chloé,Martin,office@example.org,,on\n"+
			"4,twin,Dan,Roth,dan@example.org,"+title+",on\n5,twin,Eve,Roth,eve@example.org,,on\n")
	}
	people("")
	if r := synced(t, dir, 4); len(r.Conflicts) != 4 || r.Done["create"] != 1 {
		t.Fatalf("first: %+v", r)
	}
	people("Clerk")
	if r := synced(t, dir, 0); len(r.Conflicts) != 4 || r.Calls != 0 {
		t.Fatalf("one of each pair changed: %+v", r)
	}
	if len(svc.users()) != 2 {
		t.Fatalf("users: %v", svc.users())
	}
}

// A run for one person says that the guard holds what it would send.
func TestRunForOnePersonIsHeld(t *testing.T) {
	t.Parallel()
	svc, dir := startService(t), t.TempDir()
	write(t, dir, "config.yaml", csvConfig(svc.URL, ""))
	write(t, dir, "people.csv", threePeople)
	if o := scimsync(t, dir, "sync", "--user", "1").want(t, 3); !strings.Contains(o.out, "1 change held") {
		t.Fatal(o.out)
	}
	if o := scimsync(t, dir, "sync", "--user", "1", "--output", "json").want(t, 3); !strings.Contains(o.out, `"held":1`) {
		t.Fatal(o.out)
	}
	scimsync(t, dir, "sync").want(t, 3)
	scimsync(t, dir, "approve", "staff", "--yes").want(t, 0)
	if len(svc.users()) != 3 {
		t.Fatal("approved, but not sent")
	}
}

// First contact lasts as long as there is something left to create.
func TestFirstContactLastsWhileCreatesFail(t *testing.T) {
	t.Parallel()
	svc, dir := startService(t), t.TempDir()
	var sick atomic.Bool
	sick.Store(true)
	u := front(t, svc, func(w http.ResponseWriter, r *http.Request) bool {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if sick.Load() && r.Method == "POST" && strings.Contains(string(body), "sick") {
			http.Error(w, "", 500)
			return true
		}
		return false
	})
	write(t, dir, "config.yaml", csvConfig(u, "    guard: {first_run: go, create: {count: 2, at_least: 1}}\n"))
	text := "id,login,given,family,mail,title,status\n"
	for i := range 9 {
		title := ""
		if i%3 == 0 {
			title = "sick"
		}
		text += fmt.Sprintf("%d,u%d,U,%d,u%d@example.org,%s,on\n", i, i, i, i, title)
	}
	write(t, dir, "people.csv", text)
	if r := synced(t, dir, 4); r.Done["create"] != 6 || len(r.Parked) != 3 {
		t.Fatalf("sick: %+v", r)
	}
	sick.Store(false)
	if r := synced(t, dir, 0); r.Done["create"] != 3 {
		t.Fatalf("well again: %+v", r)
	}
	if r := synced(t, dir, 0); r.Calls != 0 {
		t.Fatalf("at rest: %+v", r)
	}
}

// A reactivation whose answer was lost may have given access back. Whatever the source
// says next, once it says that the person is off the account is.
func TestLostReactivationIsTakenBack(t *testing.T) {
	t.Parallel()
	for name, between := range map[string]string{"not known in between": "?", "not mappable then": "", "off at once": "off"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			svc, dir := startService(t), t.TempDir()
			var cut atomic.Bool
			u := front(t, svc, func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != "PATCH" || !cut.Load() {
					return false
				}
				body, _ := io.ReadAll(r.Body) // an empty one fails the test below
				svc.do("PATCH", r.URL.Path, string(body))
				panic(http.ErrAbortHandler)
			})
			config := strings.Replace(csvConfig(u, freely), `'status != "off"'`, `'status == "?" ? nil : status != "off"'`, 1)
			write(t, dir, "config.yaml", strings.Replace(config, "title: title", "title: required(title)", 1))
			people := func(title, status string) {
				write(t, dir, "people.csv", "id,login,given,family,mail,title,status\n"+
					"1,ada,Ada,Okafor,ada@example.org,"+title+","+status+"\n2,bruno,Bruno,Keller,bruno@example.org,Clerk,on\n")
			}
			people("Engineer", "on")
			synced(t, dir, 0)
			people("Engineer", "off")
			synced(t, dir, 0)
			people("Engineer", "on")
			cut.Store(true)
			synced(t, dir, 4)
			cut.Store(false)
			if svc.users()["1"]["active"] != true {
				t.Fatal("the test lost the request, too")
			}
			title := "Engineer"
			if between == "" {
				title, between = "", "off"
			}
			people(title, between)
			o := scimsync(t, dir, "sync")
			people(title, "off")
			o2 := scimsync(t, dir, "sync")
			if svc.users()["1"]["active"] != false {
				t.Fatalf("still active\n%s%s\n%s%s", o.out, o.err, o2.out, o2.err)
			}
		})
	}
}
