package scim_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"scimsync/sync/plan"
	"scimsync/targets/scim"
	"scimsync/targets/scim/auth"
	"scimsync/targets/scimtest"
)

// Whatever is lost after it left is in doubt, and is never sent twice from inside.
func TestLostAnswers(t *testing.T) {
	for _, cut := range []scimtest.Cut{scimtest.Before, scimtest.After} {
		for _, change := range []*plan.Change{scimtest.Create(scimtest.Person(1)), scimtest.Change(plan.Deactivate, "7"), scimtest.Change(plan.Delete, "7")} {
			server := scimtest.NewFaulty(nil)
			server.Script(scimtest.Reply{Cut: cut, Status: 201, Body: `{"id":"x"}`})
			if r := apply(t, serve(t, server), change); r.Verdict != plan.InDoubt {
				t.Errorf("%s cut %d: verdict %d: %v", change, cut, r.Verdict, r.Err)
			}
			if r := apply(t, inProcess(t, server), change); r.Err == nil {
				t.Errorf("%s: the script's end is no success", change)
			}
			if n := len(server.Requests()); n != 2 {
				t.Errorf("%s cut %d: %d requests, want 1 for each", change, cut, n)
			}
		}
	}
	server := scimtest.NewFaulty(nil)
	server.Script(scimtest.Reply{Cut: scimtest.After, Status: 201, Body: `{"id":"x"}`})
	if r := apply(t, inProcess(t, server), scimtest.Create(scimtest.Person(1))); r.Verdict != plan.InDoubt {
		t.Errorf("in process: verdict %d: %v", r.Verdict, r.Err)
	}
}

// A connection that dies while it is idle or in use must not make net/http send a
// create or a PATCH again by itself: every request counts once at the server.
func TestNoSilentReplay(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var bodies atomic.Int32
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			answerOnceThenDrop(conn, &bodies)
		}
	}()
	target := reach(t, "http://"+listener.Addr().String())
	for i := range 5 {
		first := apply(t, target, scimtest.Change(plan.Deactivate, "7"))
		second := apply(t, target, scimtest.Create(scimtest.Person(1)))
		if first.Verdict != plan.Done || (second.Verdict != plan.InDoubt && second.Verdict != plan.Again) {
			t.Fatalf("round %d: verdicts %d %v, %d %v", i, first.Verdict, first.Err, second.Verdict, second.Err)
		}
	}
	target.Close()
	listener.Close()
	<-done
	if n := bodies.Load(); n != 10 {
		t.Errorf("the server saw %d requests, want 10", n)
	}
}

// answerOnceThenDrop answers the first request of a connection, reads the second
// and hangs up.
func answerOnceThenDrop(conn net.Conn, bodies *atomic.Int32) {
	defer conn.Close()
	buffer := make([]byte, 64<<10)
	for i := range 2 {
		if _, err := conn.Read(buffer); err != nil {
			return
		}
		bodies.Add(1)
		if i == 0 {
			_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
		}
	}
}

func TestRefusedConnection(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	r := apply(t, reach(t, closed.URL), scimtest.Create(scimtest.Person(1)))
	if r.Verdict != plan.Again {
		t.Errorf("refused: verdict %d: %v", r.Verdict, r.Err)
	}
	says(t, r.Err, "POST /Users", "connection refused")
	r = apply(t, reach(t, "https://no-such-host.invalid"), scimtest.Create(scimtest.Person(1)))
	if r.Verdict != plan.Again {
		t.Errorf("unknown host: verdict %d: %v", r.Verdict, r.Err)
	}
}

func TestTimeout(t *testing.T) {
	server := scimtest.NewFaulty(nil)
	server.Forever(scimtest.Reply{Status: 204, Delay: time.Minute})
	target := serve(t, server, func(o *scim.Options) { o.Timeout = 500 * time.Millisecond })
	r := apply(t, target, scimtest.Change(plan.Deactivate, "7"))
	if r.Verdict != plan.InDoubt {
		t.Errorf("verdict %d: %v", r.Verdict, r.Err)
	}
	says(t, r.Err, "no answer in time (500ms)")
}

func TestCancelled(t *testing.T) {
	server := scimtest.NewFaulty(nil)
	for name, target := range map[string]*scim.Target{"socket": serve(t, server), "in process": inProcess(t, server)} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r := target.Apply(ctx, scimtest.Create(scimtest.Person(1)), "id")
		if r.Verdict != plan.Again || !errors.Is(r.Err, context.Canceled) {
			t.Errorf("%s: verdict %d: %v", name, r.Verdict, r.Err)
		}
	}
	if n := len(server.Requests()); n != 0 {
		t.Errorf("%d requests after the end", n)
	}
}

// An answer that does not end is not read to its end.
func TestHugeAnswers(t *testing.T) {
	huge := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/scim+json")
		w.WriteHeader(http.StatusCreated)
		chunk := []byte(strings.Repeat(" ", 1<<20))
		for range 40 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	target := serve(t, huge)
	r := apply(t, target, scimtest.Create(scimtest.Person(1)))
	if r.Verdict != plan.InDoubt {
		t.Errorf("verdict %d: %v", r.Verdict, r.Err)
	}
	says(t, r.Err, "larger than 16 MiB")
	if r := apply(t, target, scimtest.Change(plan.Deactivate, "7")); r.Verdict != plan.Done {
		t.Errorf("PATCH: verdict %d: %v", r.Verdict, r.Err)
	}
}

// Connections are kept and used again, also after errors, and there are never more
// than allowed.
func TestKeepAlive(t *testing.T) {
	var conns atomic.Int32
	server := scimtest.NewFaulty(nil)
	server.Script(scimError(400, "invalidValue"), scimError(500, ""), scimtest.Reply{Status: 404, Body: "<html>"})
	server.Forever(scimtest.Reply{Status: 204, Delay: time.Millisecond})
	listener := httptest.NewUnstartedServer(server)
	listener.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	listener.Start()
	t.Cleanup(listener.Close)
	target := reach(t, listener.URL, func(o *scim.Options) { o.Concurrency = 3 })
	for range 4 {
		apply(t, target, scimtest.Change(plan.Deactivate, "7"))
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections for 4 requests one by one", n)
	}
	end := make(chan struct{})
	for range 12 {
		go func() {
			defer func() { end <- struct{}{} }()
			for range 10 {
				apply(t, target, scimtest.Change(plan.Deactivate, "7"))
			}
		}()
	}
	for range 12 {
		<-end
	}
	if n := conns.Load(); n > 3 {
		t.Errorf("%d connections, want 3 at most", n)
	}
}

func TestRedirects(t *testing.T) {
	for _, status := range []int{301, 302, 303} {
		server := scimtest.NewFaulty(nil)
		server.Forever(scimtest.Reply{Status: status, Header: map[string]string{"Location": "/elsewhere?" + secret}})
		target := serve(t, server)
		for _, change := range []*plan.Change{scimtest.Create(scimtest.Person(1)), scimtest.Change(plan.Deactivate, "7"), scimtest.Change(plan.Delete, "7")} {
			r := apply(t, target, change)
			if r.Verdict != plan.Stop {
				t.Errorf("%d %s: verdict %d: %v", status, change, r.Verdict, r.Err)
			}
			says(t, r.Err, "/elsewhere, which is not followed", "check the target's url")
		}
		if n := len(server.Requests()); n != 3 {
			t.Errorf("%d: %d requests, want 3", status, n)
		}
	}
	for _, status := range []int{307, 308} {
		server := scimtest.NewFaulty(nil)
		server.Script(scimtest.Reply{Status: status, Header: map[string]string{"Location": "/v2/there?x=1"}}, scimtest.Reply{Status: 201, Body: `{"id":"new"}`})
		r := apply(t, serve(t, server), scimtest.Create(scimtest.Person(1)))
		if r.Verdict != plan.Done || r.Ack.RemoteID != "new" {
			t.Errorf("%d: %+v", status, r)
		}
		got := server.Requests()
		if len(got) != 2 || got[1].Method != "POST" || got[1].Path != "/v2/there" || got[1].Body != got[0].Body || got[1].Body == "" ||
			got[1].Header.Get("Authorization") != "Bearer "+secret {
			t.Errorf("%d: %+v", status, got)
		}
	}
}

func TestEndlessRedirect(t *testing.T) {
	server := scimtest.NewFaulty(nil)
	server.Forever(scimtest.Reply{Status: 307, Header: map[string]string{"Location": "/again"}})
	r := apply(t, serve(t, server), scimtest.Change(plan.Deactivate, "7"))
	if r.Verdict != plan.Stop || len(server.Requests()) != 4 {
		t.Errorf("verdict %d after %d requests: %v", r.Verdict, len(server.Requests()), r.Err)
	}
}

// Nothing goes to another origin: no request, and so no credentials.
func TestRedirectToAnotherOrigin(t *testing.T) {
	other := scimtest.NewFaulty(nil)
	elsewhere := httptest.NewServer(other)
	defer elsewhere.Close()
	for _, to := range []string{elsewhere.URL + "/scim/v2/Users", strings.Replace(elsewhere.URL, "http:", "", 1) + "/x", "http://user:pw@127.0.0.1/", "::", "https://127.0.0.1/"} {
		server := scimtest.NewFaulty(nil)
		server.Forever(scimtest.Reply{Status: 307, Header: map[string]string{"Location": to}})
		r := apply(t, serve(t, server), scimtest.Create(scimtest.Person(1)))
		if r.Verdict != plan.Stop || len(server.Requests()) != 1 {
			t.Errorf("%s: verdict %d after %d requests: %v", to, r.Verdict, len(server.Requests()), r.Err)
		}
		says(t, r.Err, "not followed")
	}
	if n := len(other.Requests()); n != 0 {
		t.Errorf("the other origin saw %d requests", n)
	}
}

func TestCredentials(t *testing.T) {
	var current atomic.Value
	current.Store("first")
	server := scimtest.NewFaulty(nil)
	server.Forever(scimtest.Reply{Status: 204})
	change := scimtest.Change(plan.Deactivate, "7")
	rotating := serve(t, server, func(o *scim.Options) {
		o.Auth = auth.NewBearer(auth.BearerOptions{Token: func() (string, error) { return current.Load().(string), nil }})
	})
	apply(t, rotating, change)
	current.Store("second")
	apply(t, rotating, change)
	apply(t, serve(t, server, func(o *scim.Options) {
		o.Auth = basic(t, "svc", "MARKER-pw: é", nil)
	}), change)
	apply(t, serve(t, server, func(o *scim.Options) { o.Auth = nil }), change)
	for i, want := range []string{"Bearer first", "Bearer second", "Basic c3ZjOk1BUktFUi1wdzogw6k=", ""} {
		if got := server.Requests()[i].Header.Get("Authorization"); got != want {
			t.Errorf("request %d: Authorization %q, want %q", i, got, want)
		}
	}
}

// Without a usable secret nothing is sent, and the target stops.
func TestNoCredentials(t *testing.T) {
	server := scimtest.NewFaulty(nil)
	for name, auth := range map[string]scim.Authorizer{
		"file is gone": token("", errors.New("open token: no such file")),
		"is empty":     token(" \n", nil),
		"invalid":      token("MARKER\nX-Evil: 1", nil),
		"password":     basic(t, "svc", "", errors.New("open password: no such file")),
		"empty":        basic(t, "svc", "", nil),
	} {
		target := serve(t, server, func(o *scim.Options) { o.Auth = auth })
		r := apply(t, target, scimtest.Create(scimtest.Person(1)))
		if r.Verdict != plan.Stop {
			t.Errorf("%s: verdict %d: %v", name, r.Verdict, r.Err)
		}
		_, err := target.Find(t.Context(), scimtest.Person(1).Resource)
		says(t, err)
	}
	if n := len(server.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// A server that repeats what it was sent does not get our secrets into messages.
func TestEchoedSecrets(t *testing.T) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		shown := password
		if shown == "" {
			shown = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		}
		w.Header().Set("Location", "http://"+shown+"/")
		w.WriteHeader(map[string]int{"PATCH": 400, "POST": 302}[r.Method])
		fmt.Fprintf(w, `{"detail":"%s %s","scimType":"%s"}`, r.Header.Get("Authorization"), password, r.Header.Get("Authorization"))
	})
	for _, auth := range []scim.Authorizer{bearer(), basic(t, "svc", "MARKER-pw", nil)} {
		target := serve(t, echo, func(o *scim.Options) { o.Auth = auth })
		r := apply(t, target, scimtest.Change(plan.Deactivate, "7"))
		says(t, r.Err, "[secret]")
		if strings.Contains(r.Err.Error(), "TUFSS0VSLXB3") || strings.Contains(r.Err.Error(), "c3ZjOk1B") {
			t.Errorf("the encoded password shows: %v", r.Err)
		}
		says(t, apply(t, target, scimtest.Create(scimtest.Person(1))).Err, "[secret]")
	}
}

// A slow handler in this process is cut by the timeout as a server would be.
func TestInProcessTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := scimtest.NewFaulty(nil)
		server.Forever(scimtest.Reply{Status: 204, Delay: time.Hour})
		r := apply(t, inProcess(t, server), scimtest.Change(plan.Deactivate, "7"))
		if r.Verdict != plan.InDoubt {
			t.Errorf("verdict %d: %v", r.Verdict, r.Err)
		}
	})
}

func TestOptions(t *testing.T) {
	for want, o := range map[string]scim.Options{
		"scheme":                     {URL: "ftp://example.org"},
		"loopback hosts only":        {URL: "http://scim.example.org/v2"},
		"user or password":           {URL: "https://MARKER:MARKER@example.org/"},
		"not a URL":                  {URL: "https://MARKER%zz/"},
		"a query or a fragment":      {URL: "https://example.org/?key=MARKER"},
		"fragment":                   {URL: "https://example.org/#MARKER"},
		"needs a host":               {URL: "https:///scim"},
		`"mail" is not one of`:       {URL: "https://example.org", Match: []string{"mail"}},
		"tls.ca_file: open":          {URL: "https://example.org", TLS: scim.TLS{CAFile: "/nonexistent"}},
		"no certificate in PEM form": {URL: "https://example.org", TLS: scim.TLS{CAFile: "send_test.go"}},
		"go together":                {URL: "https://example.org", TLS: scim.TLS{CertFile: "x"}},
		"tls.cert_file and":          {URL: "https://example.org", TLS: scim.TLS{CertFile: "x", KeyFile: "y"}},
	} {
		o.Name = "hr-cloud"
		_, err := scim.New(o)
		says(t, err, "target hr-cloud: ", want)
	}
	for _, url := range []string{"http://localhost:1", "http://127.0.0.1/x", "http://[::1]:80/", "https://example.org/a/b/"} {
		if _, err := scim.New(scim.Options{URL: url}); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}
