package app_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A token that is replaced in its file while a run is under way: the requests that
// were refused are sent once more, and the run goes on.
func TestBearerIsRotated(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	dir := oauthHome(t, i, "auth: {bearer: {token: {file: token}}}, ")
	write(t, dir, "token", "MARKER-one\n")
	people := roster(60)
	file(t, dir, people)
	posts := 0
	i.set(func() { i.valid["MARKER-one"] = time.Now().Add(time.Hour) })
	i.set(func() {
		i.admits = func(_ string, r *http.Request) bool {
			if r.Method == http.MethodPost {
				if posts++; posts == 20 {
					i.valid = map[string]time.Time{"MARKER-two": time.Now().Add(time.Hour)}
					write(t, dir, "token.new", "MARKER-two\n")
					if err := os.Rename(filepath.Join(dir, "token.new"), filepath.Join(dir, "token")); err != nil {
						t.Error(err)
					}
					return false
				}
			}
			return true
		}
	})
	r := synced(t, dir, 0)
	if _, denied := i.tokens(); r.Done["create"] != 60 || denied < 1 || denied > 8 {
		t.Errorf("%d answers 401, %+v", denied, r)
	}
	wantAccounts(t, i.users(), allActive(people))
	for id, n := range i.posts {
		if n != 1 {
			t.Errorf("%s was created %d times", id, n)
		}
	}
	// Refused without another in its place, it is the end, after one request a worker.
	i.set(func() { i.valid, i.denied = nil, 0 })
	for _, p := range people {
		p["title"] = "Moved"
	}
	file(t, dir, people)
	r = synced(t, dir, 1)
	contains(t, r.Error, "does not accept our credentials; check what stands under auth")
	if _, denied := i.tokens(); denied > 8 || r.Unsent != 60 {
		t.Errorf("%d requests with a refused token, %+v", denied, r)
	}
}

// A service that takes its time to know a new token is waited for, by all workers
// together, as long as its profile says.
func TestRotationGrace(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	dir := oauthHome(t, i, "auth: {bearer: {token: {file: token}}}, options: {auth: {rotation_grace: 4s}}, ")
	write(t, dir, "token", "MARKER-one\n")
	i.set(func() { i.valid["MARKER-one"] = time.Now().Add(time.Hour) })
	people := roster(30)
	file(t, dir, people)
	synced(t, dir, 0)
	for _, p := range people {
		p["title"] = "Moved"
	}
	file(t, dir, people)
	write(t, dir, "token", "MARKER-two\n")
	published := time.Now().Add(1500 * time.Millisecond)
	i.set(func() {
		i.valid["MARKER-two"] = time.Now().Add(time.Hour)
		i.admits = func(string, *http.Request) bool { return time.Now().After(published) }
	})
	if r := synced(t, dir, 0); r.Done["update"] != 30 || len(r.Parked) != 0 {
		t.Errorf("%+v", r)
	}
	if _, denied := i.tokens(); denied < 2 || denied > 16 { // at once, and a second later
		t.Errorf("%d answers 401", denied)
	}
	i.set(func() { i.admits = func(string, *http.Request) bool { return false } })
	for _, p := range people {
		p["title"] = "Moved again"
	}
	file(t, dir, people)
	old := time.Now().Add(-time.Minute)
	if err := os.Chtimes(filepath.Join(dir, "token"), old, old); err != nil {
		t.Fatal(err)
	}
	contains(t, synced(t, dir, 1).Error, "does not accept our credentials")
}

// RingCentral tells by a code whether a fresh token is of any use.
func TestRefreshCodes(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	people := roster(5)
	dir := oauthHome(t, i, plainClient(i)+`options: {auth: {refresh_codes: [OAU-128, OAU-213]}, errors: {code_regex: "(OAU-[0-9]+)"}}, `)
	file(t, dir, people)
	for _, c := range []struct {
		code   string
		exit   int
		tokens int
	}{{"OAU-149", 1, 1}, {"OAU-128", 0, 2}} {
		first := true
		i.set(func() {
			i.code = c.code
			i.admits = func(_ string, r *http.Request) bool {
				if !first || !strings.HasSuffix(r.URL.Path, "/Users") { // discovery may be refused: that stops nobody
					return true
				}
				first = false
				return false
			}
		})
		o := scimsync(t, dir, "sync").want(t, c.exit)
		if c.exit != 0 {
			contains(t, o.err, "the target refuses the access token, and not for its age")
		}
		i.want(c.code, c.tokens, 1)
	}
	wantAccounts(t, i.users(), allActive(people))
}

// What ends soon is said in time: by check and status always, by sync once for each of
// the three warnings, and in every run of the last day.
func TestExpiryWarnings(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	dir := oauthHome(t, i, "auth: {bearer: {token: {file: token}}}, ")
	part := base64.RawURLEncoding.EncodeToString
	jwt := func(left time.Duration) {
		token := part([]byte(`{"alg":"none"}`)) + "." + part(fmt.Appendf(nil, `{"exp":%d}`, time.Now().Add(left).Unix())) + ".MARKER"
		i.set(func() { i.valid[token] = time.Now().Add(time.Hour) })
		write(t, dir, "token", token)
	}
	file(t, dir, roster(1))
	for _, c := range []struct {
		left           time.Duration
		says           string
		first, further bool // whether sync says it the first time, and the time after
	}{
		{31*24*time.Hour + time.Minute, "", false, false},
		{20*24*time.Hour + time.Minute, "the token of auth.bearer expires in 20 days, on ", true, false},
		{6*24*time.Hour + time.Minute, "the token of auth.bearer expires in 6 days, on ", true, false},
		{5*time.Hour + time.Minute, "the token of auth.bearer expires in 5 hours, on ", true, true},
		{-48 * time.Hour, "the token of auth.bearer expired on ", true, true},
	} {
		jwt(c.left)
		for _, command := range []string{"check", "status", "sync", "sync"} {
			o := scimsync(t, dir, command).want(t, 0)
			want := c.says
			if command == "sync" {
				if !c.first {
					want = ""
				}
				c.first = c.further
			}
			text := o.out + o.err
			if strings.Contains(text, "MARKER") {
				t.Errorf("%s shows the token: %s", command, text)
			}
			if (want != "") != strings.Contains(text, "expire") || !strings.Contains(text, want) {
				t.Errorf("%s, %s left, does not say %q: %s", command, c.left, want, text)
			}
		}
	}
	write(t, dir, "token", "MARKER-opaque")
	write(t, dir, "config.yaml", replaced(csvConfig(i.URL, freely), "pace: {", "auth: {bearer: {token: {file: token}}}, options: {auth: {token_lifetime: 5d}}, pace: {"))
	contains(t, scimsync(t, dir, "check").want(t, 0).err, "warning: target service: the token of auth.bearer expires in 4 days, on ")
	i.set(func() { i.valid["MARKER-opaque"] = time.Now().Add(time.Hour) })
	write(t, dir, "config.yaml", replaced(csvConfig(i.URL, freely), "pace: {", "auth: {bearer: {token: {file: token}, expires: "+
		time.Now().AddDate(0, 0, 10).UTC().Format(time.DateOnly)+"}}, pace: {"))
	var status struct{ Expiring []string }
	o := scimsync(t, dir, "status", "--output", "json").want(t, 0)
	if err := json.Unmarshal([]byte(o.out), &status); err != nil || len(status.Expiring) != 1 || !strings.Contains(status.Expiring[0], "the token of auth.bearer expires in 9 days") {
		t.Errorf("%v %s", err, o.out)
	}
}

// I5: secrets are on the wire and in their files, and nowhere else, whatever goes wrong.
func TestI5Secrets(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.set(func() { i.echo = true })
	dir := oauthHome(t, i, plainClient(i))
	file(t, dir, roster(20))
	write(t, dir, "bearer.token", "MARKER-bearer-token\n")
	write(t, dir, "basic.password", "MARKER-basic password/+\n")
	write(t, dir, "given.jwt", "MARKERhead.MARKERbody.MARKERsign\n")
	certificateOf(t, dir, "signing", time.Now().Add(time.Hour))
	key, err := os.ReadFile(filepath.Join(dir, "signing.key"))
	if err != nil {
		t.Fatal(err)
	}
	keyLine := strings.Split(string(key), "\n")[1]
	secretFiles := []string{"client.secret", "bearer.token", "basic.password", "given.jwt", "signing.key", "signing.pem"}

	var forms []string
	for _, text := range []string{"MARKER", keyLine} {
		forms = append(forms, text, hex.EncodeToString([]byte(text)), strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(text)), "="))
	}
	for _, pair := range []string{"scimsync:MARKER-client-secret", "scimsync:MARKER-basic password/+"} {
		forms = append(forms, base64.StdEncoding.EncodeToString([]byte(pair)))
	}
	clean := func(what, text string) {
		t.Helper()
		for _, form := range forms {
			if at := strings.Index(text, form); at >= 0 {
				t.Errorf("%s shows %q: %q", what, form, text[max(at-100, 0):min(at+100, len(text))])
			}
		}
	}
	run := func(auth string, codes ...int) {
		t.Helper()
		write(t, dir, "config.yaml", replaced(csvConfig(i.URL, freely), "pace: {", auth+"pace: {"))
		for _, args := range [][]string{{"check", "--connect"}, {"check", "--effective"}, {"plan", "--out", "plan.json", "--format", "json"}, {"sync", "--output", "json"}, {"status", "--output", "json"}} {
			o := scimsync(t, dir, append(args, "--log-level", "debug")...)
			if !slices.Contains(codes, o.code) {
				t.Errorf("%s %v: exit %d: %s%s", auth, args, o.code, o.out, o.err)
			}
			clean(auth+strings.Join(args, " "), o.out+o.err)
		}
	}
	oauth := func(keys string) string {
		return `auth: {oauth2: {token_url: "` + i.tokenURL + `", client_id: scimsync, ` + keys + `}}, `
	}
	signed := oauth("key: {file: signing.key}")
	logins := []string{plainClient(i), oauth("client_secret: {file: client.secret}, method: post"), signed,
		oauth("grant: jwt_bearer, client_secret: {file: client.secret}, jwt: {file: given.jwt}"),
		"auth: {bearer: {token: {file: bearer.token}}}, ", "auth: {basic: {username: scimsync, password: {file: basic.password}}}, "}

	// The service refuses us, and says what we sent.
	i.set(func() { i.admits = func(string, *http.Request) bool { return false } })
	for _, auth := range logins {
		run(auth, 0, 1)
	}
	// So does the token endpoint.
	i.set(func() {
		i.serve = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			user, password, _ := r.BasicAuth()
			text, _ := json.Marshal(map[string]string{"error": "invalid_client", "error_description": fmt.Sprint(r.Form, r.Header, user, password)})
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write(text)
			return true
		}
	})
	for _, auth := range logins[:4] {
		run(auth, 0, 1)
	}
	// It goes well.
	i.set(func() { i.admits, i.serve = nil, nil })
	run(signed, 0)

	// A process that is made to say all it knows, while a request is under way.
	write(t, dir, "config.yaml", replaced(csvConfig(i.URL, freely), "pace: {", plainClient(i)+"pace: {"))
	people := roster(20)
	for _, p := range people {
		p["title"] = "Moved"
	}
	file(t, dir, people)
	arrived := make(chan struct{}, 100)
	i.plays(func(r request) answer { arrived <- struct{}{}; return answer{wait: time.Second} })
	c := program(t, dir, "sync", "--log-level", "debug")
	c.Env = append(c.Env, "GOTRACEBACK=all")
	out, err := os.Create(filepath.Join(dir, "dump.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	c.Stdout, c.Stderr = out, out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	<-arrived
	if err := c.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // it dies of it
	dump, err := os.ReadFile(out.Name())
	if err != nil || !strings.Contains(string(dump), "goroutine ") {
		t.Errorf("no dump: %v %s", err, dump)
	}

	// All files that are left: state, plans, dump.
	seen := 0
	err = filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || slices.Contains(secretFiles, entry.Name()) {
			return err
		}
		content, err := os.ReadFile(path)
		clean(path, string(content))
		seen++
		return err
	})
	if err != nil || seen < 4 {
		t.Errorf("%d files, %v", seen, err)
	}
	if asked, _ := i.tokens(); asked < 5 {
		t.Errorf("the endpoint was asked %d times: this shows nothing", asked)
	}
}
