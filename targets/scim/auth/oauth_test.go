package auth_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"scimsync/targets/scim"
	"scimsync/targets/scim/auth"
)

// endpoint is a token endpoint in this process. It answers by script, then with tokens
// MARKER-token-1, MARKER-token-2, ….
type endpoint struct {
	mu     sync.Mutex
	script []func(w http.ResponseWriter, r *http.Request)
	life   any // expires_in; nil: none
	asked  []asked
	tokens int
}

// asked is one request for a token.
type asked struct {
	at     time.Time
	header http.Header
	form   url.Values
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	form, _ := url.ParseQuery(string(body))
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked = append(e.asked, asked{time.Now(), r.Header.Clone(), form})
	if len(e.script) > 0 {
		reply := e.script[0]
		e.script = e.script[1:]
		reply(w, r)
		return
	}
	e.tokens++
	answer := map[string]any{"access_token": fmt.Sprintf("MARKER-token-%d", e.tokens), "token_type": "bearer"}
	if e.life != nil {
		answer["expires_in"] = e.life
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// RoundTrip reaches the endpoint without a socket, so that tests can turn the clock.
func (e *endpoint) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body == nil {
		req.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, req)
	return w.Result(), nil
}

func (e *endpoint) says(replies ...func(http.ResponseWriter, *http.Request)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.script = append(e.script, replies...)
}

func (e *endpoint) calls() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.asked)
}

// wrong is an answer that is no token.
func wrong(status int, body string, header ...string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func value(text string) func() (string, error) { return func() (string, error) { return text, nil } }

const tokenURL = "https://login.example.org/oauth/token"

// client makes an OAuth that reaches e by client_secret_basic.
func client(e *endpoint, more ...func(*auth.OAuthOptions)) *auth.OAuth {
	o := auth.OAuthOptions{TokenURL: tokenURL, Grant: auth.ClientCredentials, Method: auth.SecretBasic, ClientID: "client",
		Secret: value("MARKER-secret"), Transport: e, UserAgent: "scimsync/test", Replays: 1}
	for _, change := range more {
		change(&o)
	}
	return auth.NewOAuth(o)
}

// proof asks for the Authorization header of a request.
func proof(t *testing.T, a scim.Authorizer) (string, error) {
	t.Helper()
	req := httptest.NewRequest(http.MethodGet, "/Users", nil).WithContext(t.Context())
	hidden, err := a.Authorize(req)
	if err != nil && strings.Contains(err.Error(), "MARKER") {
		t.Errorf("a secret shows: %v", err)
	}
	header := req.Header.Get("Authorization")
	if (err == nil) != (header != "") || err == nil && (len(hidden) != 1 || header != "Bearer "+hidden[0]) {
		t.Errorf("header %q, hidden %q, error %v", header, hidden, err)
	}
	return header, err
}

// later gives when an error that mends itself may be gone.
func later(t *testing.T, err error) time.Time {
	t.Helper()
	var l *scim.Later
	if !errors.As(err, &l) {
		t.Fatalf("this does not mend itself: %v", err)
	}
	return l.At
}

func final(t *testing.T, err error, words ...string) {
	t.Helper()
	var l *scim.Later
	if err == nil || errors.As(err, &l) {
		t.Errorf("wants to stop, got %v", err)
	}
	says(t, err, words...)
}

// A token is kept until shortly before its end, and not fetched before it is needed.
func TestTokenIsKeptAndRenewed(t *testing.T) {
	for _, c := range []struct {
		life any
		kept time.Duration
	}{
		{3600, time.Hour - time.Minute}, {120, 108 * time.Second}, {"120", 108 * time.Second}, {600, 540 * time.Second}, {10, 9 * time.Second},
		{nil, 270 * time.Second}, {0, 270 * time.Second}, {-5, 270 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			e := &endpoint{life: c.life}
			a := client(e)
			if e.calls() != 0 {
				t.Error("a token was fetched before anybody needed one")
			}
			for _, step := range []struct {
				sleep time.Duration
				want  string
			}{{0, "1"}, {c.kept - time.Millisecond, "1"}, {time.Millisecond, "2"}, {time.Millisecond, "2"}, {c.kept, "3"}} {
				time.Sleep(step.sleep)
				if got, err := proof(t, a); err != nil || got != "Bearer MARKER-token-"+step.want {
					t.Errorf("life %v: %s %v, want token %s", c.life, got, err, step.want)
				}
			}
		})
	}
}

// However many ask, one request is made; who gives up waiting does not end it.
func TestSingleFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{life: 3600}
		e.says(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(5 * time.Second)
			wrong(200, `{"access_token":"MARKER-slow","token_type":"Bearer","expires_in":3600}`)(w, r)
		})
		a := client(e)
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var group sync.WaitGroup
		group.Go(func() { // the first of all
			_, err := a.Authorize(httptest.NewRequest("GET", "/", nil).WithContext(impatient))
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("it should have given up: %v", err)
			}
		})
		synctest.Wait()
		for range 50 {
			group.Go(func() {
				if got, err := proof(t, a); err != nil || got != "Bearer MARKER-slow" {
					t.Error(got, err)
				}
			})
		}
		group.Wait()
		if n := e.calls(); n != 1 {
			t.Errorf("%d requests for a token, want 1", n)
		}
	})
}

// While the endpoint is down it is asked at growing intervals, by nobody in between,
// and the fifth failure in a row is the end until it works again.
func TestEndpointIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{life: 3600}
		for range 7 {
			e.says(wrong(503, `<html>MARKER</html>`))
		}
		a := client(e)
		pause := time.Second
		for try := 1; try <= 4; try++ {
			_, err := proof(t, a)
			says(t, err, "get an access token from "+tokenURL+": 503 Service Unavailable")
			at := later(t, err)
			if wait := time.Until(at); wait < pause/2 || wait > pause {
				t.Errorf("failure %d: a wait of %s, want from %s to %s", try, wait, pause/2, pause)
			}
			time.Sleep(time.Until(at) - time.Nanosecond)
			if _, err := proof(t, a); !later(t, err).Equal(at) || e.calls() != try {
				t.Errorf("asked again too early: %d requests", e.calls())
			}
			time.Sleep(time.Nanosecond)
			pause *= 2
		}
		_, err := proof(t, a)
		final(t, err, "503", "5 times in a row")
		_, err = proof(t, a)
		final(t, err, "5 times in a row")
		time.Sleep(time.Hour) // the next run
		_, err = proof(t, a)
		final(t, err, "6 times in a row")
		if n := e.calls(); n != 6 {
			t.Errorf("%d requests, want 6", n)
		}
		time.Sleep(time.Hour)
		_, err = proof(t, a)
		final(t, err, "7 times in a row")
		time.Sleep(time.Hour)
		if got, err := proof(t, a); err != nil || got != "Bearer MARKER-token-1" {
			t.Error(got, err)
		}
		e.says(wrong(500, ""))
		time.Sleep(time.Hour)
		_, err = proof(t, a)
		later(t, err) // it counts from the start
	})
}

// What the endpoint asks for is done, in all forms of it.
func TestEndpointAsksToWait(t *testing.T) {
	for _, c := range []struct {
		status int
		header string
		wait   time.Duration
	}{
		{429, "30", 30 * time.Second}, {503, "2 seconds", 2 * time.Second}, {429, "", 10 * time.Second}, {500, "7200", time.Hour}, {429, "1", time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			e := &endpoint{}
			e.says(wrong(c.status, `{"error":"slow_down"}`, "Retry-After", c.header))
			a := client(e)
			_, err := proof(t, a)
			if wait := time.Until(later(t, err)); wait != c.wait {
				t.Errorf("%d %q: a wait of %s, want %s", c.status, c.header, wait, c.wait)
			}
			time.Sleep(c.wait)
			if _, err := proof(t, a); err != nil {
				t.Error(err)
			}
		})
	}
}

// An endpoint that refuses us is asked again once something of ours has changed, or
// after a quarter of an hour.
func TestRefusedByTheEndpoint(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		header []string
		says   string
	}{
		{401, `{"error":"invalid_client","error_description":"no such client"}`, nil, "401 invalid_client: no such client; check client_id"},
		{400, `{"error":"unauthorized_client"}`, nil, "the client may not use this grant"},
		{400, `{"error":"invalid_scope"}`, nil, "check scope"},
		{400, `{"error":"invalid_grant"}`, nil, "check the jwt"},
		{400, `{"error":"invalid_target"}`, nil, "check resource and audience"},
		{400, `{"error":"made_up"}`, nil, "400 made_up; check what stands under auth.oauth2"},
		{200, `{"error":"invalid_client"}`, nil, "check client_id"},
		{403, `<html>MARKER</html>`, nil, "403 Forbidden; check what stands"},
		{404, ``, nil, "404 Not Found; check auth.oauth2.token_url"},
		{302, ``, []string{"Location", "https://elsewhere.example.org/?MARKER"}, "302 Found: redirected, which is not followed"},
		{307, ``, []string{"Location", tokenURL}, "redirected, which is not followed"},
		{200, `<html>sign in</html>`, []string{"Content-Type", "text/html"}, "the answer holds no token"},
		{200, `{"token_type":"bearer"}`, nil, "the answer holds no token"},
		{200, `{"access_token":"MARKER","token_type":"mac"}`, nil, `of type "mac"`},
		{200, `{"access_token":"MARKER\nX: 1","token_type":"bearer"}`, nil, "characters that no token has"},
		{200, `{"access_token":"` + strings.Repeat("x", 2<<20) + `"}`, nil, "the answer holds no token"},
	} {
		synctest.Test(t, func(t *testing.T) {
			e := &endpoint{}
			e.says(wrong(c.status, c.body, c.header...), wrong(c.status, c.body, c.header...))
			secret := &safe{text: "MARKER-secret"}
			a := client(e, func(o *auth.OAuthOptions) { o.Secret = secret.get })
			for range 3 {
				_, err := proof(t, a)
				final(t, err, "get an access token from "+tokenURL, c.says)
			}
			time.Sleep(15*time.Minute - time.Second)
			_, err := proof(t, a)
			final(t, err)
			if e.calls() != 1 {
				t.Errorf("%s: %d requests, want 1", c.body, e.calls())
			}
			time.Sleep(time.Second)
			_, err = proof(t, a)
			final(t, err)
			secret.set("MARKER-other")
			if got, err := proof(t, a); err != nil || got != "Bearer MARKER-token-1" || e.calls() != 3 {
				t.Errorf("%s: %s %v after %d requests", c.body, got, err, e.calls())
			}
		})
	}
}

// A credential that is not there is no reason to call anybody.
func TestCredentialsOfTheClientAreMissing(t *testing.T) {
	e := &endpoint{}
	there := false
	a := client(e, func(o *auth.OAuthOptions) {
		o.Secret = func() (string, error) {
			if !there {
				return "", errors.New("read secret from file x: no such file")
			}
			return "MARKER", nil
		}
	})
	_, err := proof(t, a)
	final(t, err, "get an access token: read secret from file x: no such file")
	if e.calls() != 0 {
		t.Errorf("%d requests", e.calls())
	}
	there = true
	if _, err := proof(t, a); err != nil {
		t.Error(err)
	}
}

// No answer at all: like a service that is down, unless the channel cannot be had.
func TestEndpointIsNotReached(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	a := client(nil, func(o *auth.OAuthOptions) { o.TokenURL, o.Transport = gone.URL, http.DefaultTransport })
	_, err := proof(t, a)
	later(t, err)
	says(t, err, "get an access token from http://127.0.0.1", "connection refused")

	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `{"access_token":"MARK`)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	defer broken.Close()
	a = client(nil, func(o *auth.OAuthOptions) { o.TokenURL, o.Transport = broken.URL, &http.Transport{} })
	_, err = proof(t, a)
	later(t, err)
	says(t, err, "the answer broke off")

	strange := httptest.NewTLSServer(http.NotFoundHandler())
	strange.Config.ErrorLog = nil
	defer strange.Close()
	transport, err := scim.NewTransport(scim.TLS{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	a = client(nil, func(o *auth.OAuthOptions) { o.TokenURL, o.Transport = strange.URL, transport })
	defer a.Close()
	_, err = proof(t, a)
	final(t, err, "put the authority's certificate into tls.ca_file")
}

// A refused token is replaced once; is the next refused as well, that is the end.
func TestRefusedByTheTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{life: 3600}
		a := client(e)
		refused := func(n int, again bool) {
			t.Helper()
			r := a.Refused(fmt.Sprintf("Bearer MARKER-token-%d", n), []byte(`{"detail":"no"}`))
			if again != !r.NotBefore.IsZero() || again && r.NotBefore.After(time.Now()) || !again && r.Advice == "" {
				t.Errorf("token %d: %+v, again: %t", n, r, again)
			}
		}
		use := func(n int) {
			t.Helper()
			if got, err := proof(t, a); err != nil || got != fmt.Sprintf("Bearer MARKER-token-%d", n) {
				t.Errorf("%s %v, want token %d", got, err, n)
			}
		}
		use(1)
		for range 8 { // all eight workers had it
			refused(1, true)
		}
		use(2)
		refused(1, true) // the last of them comes late, and takes nobody's token away
		use(2)
		refused(2, false)
		refused(2, false)
		use(2)
		if e.calls() != 2 {
			t.Errorf("%d requests for a token, want 2", e.calls())
		}
		time.Sleep(time.Minute) // the next run: one more token, and one more try
		use(3)
		refused(3, false)
		time.Sleep(time.Minute)
		use(4) // the service has come to its senses
		time.Sleep(time.Hour)
		use(5)
		refused(5, true)
		use(6)
		time.Sleep(time.Minute)
		refused(6, true) // after a while that is another story
		use(7)
	})
}

// Some services say by a code whether a fresh token is of any use.
func TestRefreshCodes(t *testing.T) {
	e := &endpoint{life: 3600}
	a := client(e, func(o *auth.OAuthOptions) { o.Refresh = []string{"OAU-128", "OAU-213"} })
	header, err := proof(t, a)
	if err != nil {
		t.Fatal(err)
	}
	if r := a.Refused(header, []byte(`{"errorCode":"OAU-149","message":"Invalid token"}`)); !r.NotBefore.IsZero() || !strings.Contains(r.Advice, "not for its age") {
		t.Errorf("%+v", r)
	}
	if again, _ := proof(t, a); again != header || e.calls() != 1 {
		t.Error("the token was replaced all the same")
	}
	if r := a.Refused(header, []byte(`{"errors":[{"errorCode":"OAU-213"}]}`)); r.NotBefore.IsZero() {
		t.Errorf("%+v", r)
	}
	if again, _ := proof(t, a); again == header || e.calls() != 2 {
		t.Error("the token was not replaced")
	}

	a = client(&endpoint{}, func(o *auth.OAuthOptions) { o.Replays = 0 })
	header, _ = proof(t, a)
	if r := a.Refused(header, nil); !r.NotBefore.IsZero() {
		t.Errorf("no replays, and yet %+v", r)
	}
}

// An endpoint that repeats all it was sent gets none of it into a message.
func TestEchoingEndpoint(t *testing.T) {
	key := keys(t)["ES256"].pem
	for _, method := range []auth.Method{auth.SecretBasic, auth.SecretPost, auth.PrivateKeyJWT} {
		var seen []string
		echo := func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			form, _ := url.ParseQuery(string(body))
			_, password, _ := r.BasicAuth()
			seen = append(form["client_assertion"], form["assertion"]...)
			text, _ := json.Marshal(map[string]string{"error": "invalid_client " + password, "error_uri": string(body),
				"error_description": fmt.Sprint(form, r.Header, password, string(body), " \n\u202e", strings.Join(seen, ""))})
			wrong(401, string(text))(w, r)
		}
		e := &endpoint{}
		e.says(echo)
		a := client(e, func(o *auth.OAuthOptions) {
			o.Method, o.Grant, o.Key, o.Secret, o.JWT = method, auth.JWTBearer, value(key), value("MARKER secret/+é"), value("MARKER.jwt.MARKER")
		})
		_, err := proof(t, a)
		final(t, err, "[secret]")
		for _, assertion := range seen {
			for _, piece := range strings.Split(assertion, ".") {
				if len(piece) > 10 && strings.Contains(err.Error(), piece) {
					t.Errorf("part of an assertion shows: %v", err)
				}
			}
		}
		if strings.ContainsAny(err.Error(), "\n\u202e") || len([]rune(err.Error())) > 800 {
			t.Errorf("not fit for a log: %q", err)
		}
	}
}
