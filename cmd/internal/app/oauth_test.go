package app_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// issuer is a lab that wants an access token, with the token endpoint that gives them
// out. The program runs in another process.
type issuer struct {
	*lab
	URL, tokenURL string
	life          time.Duration // of a token; it ends on the dot

	mu     sync.Mutex
	asked  []asked              // requests for a token
	valid  map[string]time.Time // tokens with their ends
	denied int                  // requests to the service that were answered with 401
	serve  func(n int, w http.ResponseWriter, r *http.Request) bool
	admits func(token string, r *http.Request) bool // asked of a good token
	echo   bool                                     // a 401 repeats what came
	code   string                                   // of a 401, the vendor's
}

// asked is a request for a token.
type asked struct {
	at     time.Time
	header http.Header
	form   url.Values
}

func newIssuer(t testing.TB) *issuer {
	t.Helper()
	i := &issuer{lab: newLab(t), life: time.Hour, valid: map[string]time.Time{}}
	server := httptest.NewServer(i)
	t.Cleanup(server.Close)
	i.URL, i.tokenURL = server.URL+"/scim/v2", server.URL+"/oauth/token"
	return i
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/oauth/token" {
		i.token(w, r)
		return
	}
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	i.mu.Lock()
	end, known := i.valid[token]
	ok := known && time.Now().Before(end) && (i.admits == nil || i.admits(token, r))
	if !ok {
		i.denied++
	}
	echo, code := i.echo, i.code
	i.mu.Unlock()
	if ok {
		i.lab.ServeHTTP(w, r)
		return
	}
	w.WriteHeader(http.StatusUnauthorized)
	switch {
	case code != "":
		fmt.Fprintf(w, `{"errorCode":"%s","message":"said by the server"}`, code)
	case echo:
		fmt.Fprintf(w, `{"detail":"refused: %s","scimType":"%s"}`, r.Header.Get("Authorization"), token)
	}
}

// token is the token endpoint.
func (i *issuer) token(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // a cut request has no form
	form, _ := url.ParseQuery(string(body))
	r.Form = form
	i.mu.Lock()
	i.asked = append(i.asked, asked{time.Now(), r.Header.Clone(), form})
	n, serve := len(i.asked), i.serve
	i.mu.Unlock()
	if serve != nil && serve(n, w, r) {
		return
	}
	token := fmt.Sprintf("MARKER-access-%d", n)
	i.mu.Lock()
	i.valid[token] = time.Now().Add(i.life)
	i.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": i.life.Seconds()})
}

// tokens gives how often a token was asked for, and how many requests were denied.
func (i *issuer) tokens() (asked, denied int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.asked), i.denied
}

// want fails the test unless so many tokens were asked for, and requests denied, since
// the last call.
func (i *issuer) want(what string, asked, denied int) {
	i.t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.asked) != asked || i.denied != denied {
		i.t.Errorf("%s: %d requests for a token and %d answers 401, want %d and %d", what, len(i.asked), i.denied, asked, denied)
	}
	i.asked, i.denied = nil, 0
}

func (i *issuer) set(change func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change()
}

// plainClient is the auth of a client with a secret.
func plainClient(i *issuer) string {
	return `auth: {oauth2: {grant: client_credentials, token_url: "` + i.tokenURL + `", client_id: scimsync, client_secret: {file: client.secret}}}, `
}

// oauthHome is a directory with a config that logs in at the issuer.
func oauthHome(t testing.TB, i *issuer, auth string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "client.secret", "MARKER-client-secret\n")
	write(t, dir, "config.yaml", replaced(csvConfig(i.URL, freely), "pace: {", auth+"pace: {"))
	return dir
}

// Tokens that live for two seconds, at a pace that takes longer: each is renewed before
// its end, and nobody meets one that is over. No change, no call: not even for a token.
func TestOAuthShortLivedTokens(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.set(func() { i.life = 2 * time.Second })
	dir := oauthHome(t, i, plainClient(i))
	write(t, dir, "config.yaml", replaced(replaced(csvConfig(i.URL, freely), "pace: {", plainClient(i)+"pace: {"), "100000/s, burst: 1000", "4/s, burst: 1"))
	people := roster(18)
	file(t, dir, people)
	start := time.Now()
	synced(t, dir, 0)
	took := time.Since(start)
	wantAccounts(t, i.users(), allActive(people))
	if asked, denied := i.tokens(); denied != 0 || asked < 3 || asked > int(took/(1600*time.Millisecond))+1 {
		t.Errorf("%d requests for a token and %d answers 401 in %s", asked, denied, took)
	}
	n := i.last()
	i.set(func() { i.asked = nil })
	if r := synced(t, dir, 0); r.Calls != 0 || i.last() != n {
		t.Errorf("a run without changes: %+v, %d requests", r, i.last()-n)
	}
	i.want("without changes", 0, 0)
}

// A service that does not know a good token any more: one refresh, and each request
// that was refused is sent once more, whatever it was; nothing is done twice.
func TestOAuthTokenIsRevoked(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	dir := oauthHome(t, i, plainClient(i))
	people := roster(60)
	file(t, dir, people)
	posts := 0
	i.set(func() {
		i.admits = func(token string, r *http.Request) bool {
			if r.Method == http.MethodPost {
				if posts++; posts == 20 { // and the answers that are on their way
					delete(i.valid, token)
				}
			}
			return i.valid[token] != time.Time{}
		}
	})
	r := synced(t, dir, 0)
	asked, denied := i.tokens()
	if asked != 2 || denied < 1 || denied > 8 || r.Done["create"] != 60 || len(r.Parked) != 0 {
		t.Errorf("%d requests for a token, %d answers 401, %+v", asked, denied, r)
	}
	if n := writesOf(i, 0)["POST"]; n != 60 {
		t.Errorf("%d creates were carried out", n)
	}
	for id, n := range i.posts {
		if n != 1 {
			t.Errorf("%s was created %d times", id, n)
		}
	}
	wantAccounts(t, i.users(), allActive(people))

	i.want("", 2, denied)
	i.set(func() { i.admits = nil })
	for _, p := range people {
		p["title"] = "Moved"
	}
	file(t, dir, people)
	i.set(func() {
		i.serve = func(int, http.ResponseWriter, *http.Request) bool { time.Sleep(300 * time.Millisecond); return false }
	})
	if r := synced(t, dir, 0); r.Done["update"] != 60 {
		t.Errorf("%+v", r)
	}
	i.want("eight workers that begin at once", 1, 0)
	// check comes over it as well.
	i.set(func() {
		first := true
		i.admits = func(string, *http.Request) bool { again := !first; first = false; return again }
	})
	scimsync(t, dir, "check", "--connect").want(t, 0)
	i.want("check", 2, 1)
}

// A service that refuses every token: one refresh, one more try, and the run stops with
// a message that status repeats. Nobody is parked for it.
func TestOAuthServiceRefusesUs(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	dir := oauthHome(t, i, plainClient(i))
	people := roster(60)
	file(t, dir, people)
	synced(t, dir, 0)
	for _, p := range people {
		p["title"] = "Moved"
	}
	file(t, dir, people)
	i.want("", 1, 0)
	i.set(func() { i.admits = func(string, *http.Request) bool { return false } })
	for range 2 {
		r := synced(t, dir, 1)
		contains(t, r.Error, "401 Unauthorized: the target refuses even a token that was got a moment ago; check the rights of client scimsync")
		asked, denied := i.tokens()
		if asked != 2 || denied > 16 || len(r.Parked) != 0 || r.Unsent != 60 {
			t.Errorf("%d requests for a token, %d answers 401, %+v", asked, denied, r)
		}
		i.want("", 2, denied)
	}
	contains(t, scimsync(t, dir, "status").want(t, 0).out, "the target refuses even a token that was got a moment ago")
	i.set(func() { i.admits = nil })
	if r := synced(t, dir, 0); r.Done["update"] != 60 {
		t.Errorf("%+v", r)
	}
}

// A token endpoint that is down: five requests whoever waits, none to the service, a
// clear state, and the next run goes on.
func TestOAuthEndpointIsDown(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	dir := oauthHome(t, i, plainClient(i))
	people := roster(60)
	file(t, dir, people)
	synced(t, dir, 0)
	for _, p := range people {
		p["title"] = "Moved"
	}
	file(t, dir, people)
	down := func(header string) func(int, http.ResponseWriter, *http.Request) bool {
		return func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			if header != "" {
				w.Header().Set("Retry-After", header)
			}
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
	}
	i.want("", 1, 0)
	i.set(func() { i.serve = down("") })
	n := i.last()
	r := synced(t, dir, 1)
	contains(t, r.Error, "get an access token from "+i.tokenURL+": 503 Service Unavailable (5 times in a row)")
	if i.last() != n || len(r.Parked) != 0 || r.Unsent != 60 {
		t.Errorf("%d requests to the service, %+v", i.last()-n, r)
	}
	i.want("down", 5, 0)
	contains(t, scimsync(t, dir, "status").want(t, 0).out, "503 Service Unavailable (5 times in a row)")
	contains(t, scimsync(t, dir, "check", "--connect").want(t, 1).err, "503 Service Unavailable")
	i.want("check", 1, 0)

	// It says when to come back, and that holds for the next process, too.
	i.set(func() {
		i.serve = func(n int, w http.ResponseWriter, r *http.Request) bool { return n <= 2 && down("1")(n, w, r) }
	})
	if r := synced(t, dir, 0); r.Done["update"] != 60 {
		t.Errorf("%+v", r)
	}
	i.mu.Lock()
	for k := 1; k < len(i.asked); k++ {
		if gap := i.asked[k].at.Sub(i.asked[k-1].at); gap < 900*time.Millisecond {
			t.Errorf("asked again after %s, wanted a second", gap)
		}
	}
	i.mu.Unlock()
	i.want("it asks for a second", 3, 0)
}

// An endpoint that does not know the client is asked once, by however many workers.
func TestOAuthUnknownClient(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	dir := oauthHome(t, i, plainClient(i))
	file(t, dir, roster(60))
	i.set(func() {
		i.serve = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			_, password, _ := r.BasicAuth()
			if password == "MARKER-other" {
				return false
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"error":"invalid_client","error_description":"client scimsync has no such secret"}`)
			return true
		}
	})
	r := synced(t, dir, 1)
	contains(t, r.Error, "401 invalid_client: client scimsync has no such secret; check client_id, method, and the client's secret")
	i.want("a wrong secret", 1, 0)
	if i.last() != 0 {
		t.Errorf("%d requests to the service", i.last())
	}
	write(t, dir, "client.secret", "MARKER-other\n")
	synced(t, dir, 0)
	i.want("the right one", 1, 0)
}

// certificateOf makes a certificate that signs itself, with its files.
func certificateOf(t testing.TB, dir, name string, until time.Time) tls.Certificate {
	t.Helper()
	pair, file := signed(t, dir, until, name)
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, name+".key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	if err := os.Rename(filepath.Join(dir, file), filepath.Join(dir, name+".pem")); err != nil {
		t.Fatal(err)
	}
	return pair
}

// Every way to log in, from the config to the wire.
func TestOAuthMethods(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	dir := oauthHome(t, i, plainClient(i))
	file(t, dir, roster(1))
	certificateOf(t, dir, "signing", time.Now().Add(time.Hour))
	write(t, dir, "given.jwt", "a.given.MARKER\n")
	for _, c := range []struct {
		keys  string
		form  string // names of the parameters
		basic bool
	}{
		{"client_secret: {file: client.secret}, scope: [read, write], audience: a, resource: r, params: {account_id: 7}", "account_id audience grant_type resource scope", true},
		{"client_secret: {file: client.secret}, method: post", "client_id client_secret grant_type", false},
		{"key: {file: signing.key}, key_id: k", "client_assertion client_assertion_type client_id grant_type", false},
		{"grant: jwt_bearer, client_secret: {file: client.secret}, key: {file: signing.key}", "assertion grant_type", true}, // RingCentral's line
		{"grant: jwt_bearer, jwt: {file: given.jwt}", "assertion client_id grant_type", false},
	} {
		write(t, dir, "config.yaml", replaced(csvConfig(i.URL, freely), "pace: {",
			`auth: {oauth2: {token_url: "`+i.tokenURL+`", client_id: scimsync, `+c.keys+`}}, pace: {`))
		scimsync(t, dir, "check", "--connect").want(t, 0)
		got := i.asked[0]
		var names []string
		for name := range got.form {
			names = append(names, name)
		}
		slices.Sort(names)
		if strings.Join(names, " ") != c.form || strings.HasPrefix(got.header.Get("Authorization"), "Basic ") != c.basic ||
			!strings.HasPrefix(got.header.Get("User-Agent"), "scimsync/") {
			t.Errorf("%s: %v %v", c.keys, names, got.header)
		}
		i.want(c.keys, 1, 0)
	}
}

// A client that is known by its certificate, at a service that wants it too.
func TestOAuthByCertificate(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	dir := oauthHome(t, i, plainClient(i))
	file(t, dir, roster(3))
	ca := certificateOf(t, dir, "127.0.0.1", time.Now().Add(time.Hour))
	client := certificateOf(t, dir, "client", time.Now().Add(3*24*time.Hour+time.Minute))
	leaf, err := x509.ParseCertificate(client.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) == 1 && r.TLS.PeerCertificates[0].Equal(leaf) {
			i.set(func() { shown++ })
			i.ServeHTTP(w, r)
		}
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{ca}, ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	defer server.Close()
	write(t, dir, "config.yaml", replaced(csvConfig(server.URL+"/scim/v2", freely), "pace: {",
		`auth: {oauth2: {token_url: "`+server.URL+`/oauth/token", client_id: scimsync, method: tls}}, `+
			`tls: {ca_file: 127.0.0.1.pem, cert_file: client.pem, key_file: client.key}, pace: {`))
	o := scimsync(t, dir, "sync").want(t, 0)
	contains(t, o.err, "the certificate of tls.cert_file expires in 3 days")
	i.want("by certificate", 1, 0)
	if len(i.users()) != 3 || shown < 5 {
		t.Errorf("%d accounts, %d requests", len(i.users()), shown)
	}
}
