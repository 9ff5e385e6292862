package app_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"scimsync/targets/sandbox"
	"scimsync/targets/scim/profile"
)

// Every service that the client knows by name can be rehearsed.
func TestSandboxHasEveryProfile(t *testing.T) {
	t.Parallel()
	var known []string
	for _, p := range sandbox.Profiles() {
		known = append(known, p.Name)
	}
	for _, name := range profile.Names() {
		if policy := name == "interop" || name == "ipsie"; !policy && name != "sandbox" && !slices.Contains(known, name) {
			t.Errorf("the sandbox does not imitate %s", name)
		}
	}
}

func TestSandboxFlags(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		`profile "ring": there is none of that name; did you mean "ringcentral"?`:           {"--profile", "ring"},
		`habit "filter-ignore": there is none of that name; did you mean "filter-ignored"?`: {"--habit", "filter-ignore"},
		`habit "extensions=x": "x" is no number`:                                            {"--extensions", "x"},
		`habit "oauth=1": "1" is no duration`:                                               {"--token-ttl", "1"},
		"--scale 0: it must be above 0":                                                     {"--scale", "0"},
		"--basic: write USER:PASSWORD":                                                      {"--basic", "user"},
	} {
		if o := scimsync(t, t.TempDir(), append([]string{"sandbox"}, args...)...).want(t, 64); !strings.Contains(o.err, want) {
			t.Errorf("%v: %s, want %s", args, o.err, want)
		}
	}
	help := scimsync(t, t.TempDir(), "sandbox", "--help").want(t, 0).out
	for _, line := range slices.Concat(sandbox.Profiles(), sandbox.Habits()) {
		if !strings.Contains(help, "  "+line.Name+" ") || !strings.Contains(help, line.Help) {
			t.Errorf("the help lacks %s", line.Name)
		}
	}
}

// A profile in another process: base path, tokens, seats, limits that are scaled, statistics.
func TestSandboxProfile(t *testing.T) {
	t.Parallel()
	svc := startService(t, "--profile", "ringcentral", "--extensions", "1", "--token-ttl", "2h", "--basic", "id:secret", "--scale", "60")
	origin, base, _ := strings.Cut(strings.TrimPrefix(svc.URL, "http://"), "/")
	if base != "scim/v2" {
		t.Fatalf("base %q", base)
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"id"}, "client_secret": {"secret"}}
	token := askToken(t, "http://"+origin+"/restapi/oauth/token", form)
	post := func(mail string) int {
		t.Helper()
		body := `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"` + mail + `","active":true,
			"name":{"givenName":"G","familyName":"F"},"emails":[{"value":"` + mail + `","type":"work"}]}`
		req, err := http.NewRequest("POST", svc.URL+"/Users", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/scim+json")
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if a, b := post("a@example.org"), post("b@example.org"); a != 201 || b != 404 {
		t.Errorf("%d, %d; want 201, 404", a, b)
	}
	var stats sandbox.Stats
	(&service{URL: "http://" + origin, t: t}).get("/-/stats", &stats)
	if len(stats.Calls) != 2 || stats.Calls[0].Path != "/Users" || stats.Calls[0].Status["404"] != 1 || stats.Limits[2].Allowed != 1 || stats.Limits[1].Per.Seconds() != 1 {
		t.Errorf("%+v", stats)
	}
}

func askToken(t *testing.T, endpoint string, form url.Values) string {
	t.Helper()
	resp, err := http.PostForm(endpoint, form)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	if answer.AccessToken == "" || answer.ExpiresIn != 120 {
		t.Fatalf("%d %+v", resp.StatusCode, answer)
	}
	return answer.AccessToken
}
