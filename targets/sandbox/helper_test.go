package sandbox

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// host is a sandbox behind a real listener.
type host struct {
	*Server
	t   testing.TB
	url string // with the base path
}

func serve(t testing.TB, o Options) *host {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s)
	t.Cleanup(func() {
		h.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &host{Server: s, t: t, url: h.URL + s.base}
}

// reply is what came back.
type reply struct {
	status int
	header http.Header
	raw    string
	body   map[string]any
}

// do sends a request; headers are name, value pairs.
func (h *host) do(method, path, body string, headers ...string) reply {
	h.t.Helper()
	r, err := h.try(method, path, body, headers...)
	if err != nil {
		h.t.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

func (h *host) try(method, path, body string, headers ...string) (reply, error) {
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	req, err := http.NewRequest(method, h.url+path, in)
	if err != nil {
		return reply{}, err
	}
	if body != "" {
		req.Header.Set("Content-Type", mediaType)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	r := reply{status: res.StatusCode, header: res.Header, raw: string(raw)}
	if err == nil && len(bytes.TrimSpace(raw)) > 0 && raw[0] != '<' {
		err = json.Unmarshal(raw, &r.body)
	}
	return r, err
}

// must is do with an expected status.
func (h *host) must(status int, method, path, body string, headers ...string) reply {
	h.t.Helper()
	r := h.do(method, path, body, headers...)
	if r.status != status {
		h.t.Fatalf("%s %s %s: %d, want %d: %s", method, path, body, r.status, status, r.raw)
	}
	return r
}

// refused is do with an expected error.
func (h *host) refused(status int, scimType, method, path, body string, headers ...string) reply {
	h.t.Helper()
	r := h.must(status, method, path, body, headers...)
	got, _ := r.body["scimType"].(string)
	if got != scimType || r.body["status"] != json.Number(itoa(status)).String() || r.header.Get("Content-Type") != mediaType ||
		!equal(r.body["schemas"], []any{errorURN}) || r.body["detail"] == "" {
		h.t.Fatalf("%s %s %s: want %d %s as a SCIM error, got %s", method, path, body, status, scimType, r.raw)
	}
	return r
}

// user creates a user from the inside of a JSON object and returns the id.
func (h *host) user(inside string) string {
	h.t.Helper()
	return h.must(201, "POST", "/Users", userBody(inside)).id()
}

func userBody(inside string) string {
	uris := `"` + userURN + `"`
	if strings.Contains(strings.ToLower(inside), strings.ToLower(enterpriseURN)) {
		uris += `,"` + enterpriseURN + `"`
	}
	return `{"schemas":[` + uris + `],` + inside + `}`
}

func groupBody(inside string) string { return `{"schemas":["` + groupURN + `"],` + inside + `}` }

func (h *host) group(inside string) string {
	h.t.Helper()
	return h.must(201, "POST", "/Groups", groupBody(inside)).id()
}

func patchBody(operations string) string {
	return `{"schemas":["` + patchURN + `"],"Operations":[` + operations + `]}`
}

func (h *host) get(path string) map[string]any {
	h.t.Helper()
	return h.must(200, "GET", path, "").body
}

// names lists the userNames or displayNames that a filter finds.
func (h *host) names(endpoint, filter string) string {
	h.t.Helper()
	page := h.get(endpoint + "?filter=" + strings.ReplaceAll(url.QueryEscape(filter), "+", "%20"))
	var all []string
	for _, r := range page["Resources"].([]any) {
		r := r.(map[string]any)
		name, ok := r["userName"].(string)
		if !ok {
			name, _ = r["displayName"].(string)
		}
		all = append(all, name)
	}
	return strings.Join(all, " ")
}

func (r reply) id() string { id, _ := r.body["id"].(string); return id }

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

// asJSON spells a value for a comparison.
func asJSON(v any) string { return string(encode(v)) }

func equal(a, b any) bool { return asJSON(a) == asJSON(b) }

// without removes what a test does not care about.
func bare(m map[string]any, names ...string) map[string]any {
	for _, n := range append(names, "id", "meta", "schemas") {
		delete(m, n)
	}
	return m
}
