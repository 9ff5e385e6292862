package auth_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"scimsync/targets/scim"
	"scimsync/targets/scim/auth"
)

// Whatever a token endpoint answers: what goes into the header is a token as the answer has it and no header of somebody's
// making, and what goes into a log is one line without our secret. An answer that may be better later says when, within an hour.
func FuzzTokenAnswer(f *testing.F) {
	for _, body := range []string{"", "null", "[]", "{}", "<html>log in</html>", "\ufeff" + `{"access_token":"t"}`, `{"access_token":"t"`, `{"access_token":"t","token_type":"bearer","expires_in":3600}`, `{"access_token":"t","expires_in":"3600"}`,
		`{"access_token":"t","expires_in":-1}`, `{"access_token":"t","expires_in":1e30}`, `{"access_token":"t","expires_in":null}`, `{"access_token":"t","expires_in":"soon"}`, `{"access_token":"a b"}`, `{"access_token":"a\r\nX-Evil: 1"}`,
		`{"access_token":""}`, `{"access_token":null}`, `{"access_token":7}`, `{"access_token":"ä"}`, `{"access_token":"t","token_type":"mac"}`, `{"ACCESS_TOKEN":"t"}`, `{"access_token":"t","access_token":"u"}`, "access_token=t&expires_in=60", "access_token=%zz",
		`{"error":"invalid_client"}`, `{"error":"invalid_client","error_description":"you sent MARKER-secret"}`, `{"error":"temporarily_unavailable","error_description":"\u0007\n"}`, `{"error":7,"error_description":{}}`,
		`{"error":"` + strings.Repeat("e", 5000) + `"}`, strings.Repeat("[", 10_001), "\xff\x00"} {
		for _, status := range []int{200, 400, 401, 429, 503} {
			f.Add(status, "application/json", "2 seconds", body)
		}
		f.Add(200, "application/x-www-form-urlencoded", "", body)
		f.Add(302, "text/html", "-1", body)
	}
	f.Fuzz(func(t *testing.T, status int, contentType, retryAfter, body string) {
		if status < 200 || status > 599 || len(body) > 1<<18 {
			return
		}
		e := &endpoint{}
		e.says(func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"], w.Header()["Retry-After"] = []string{contentType}, []string{retryAfter}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		})
		now := time.Now()
		req := httptest.NewRequest(http.MethodGet, "/Users", nil).WithContext(t.Context())
		_, err := client(e, func(o *auth.OAuthOptions) { o.Backoff = time.Millisecond }).Authorize(req)
		header := req.Header.Get("Authorization")
		if (err == nil) != (header != "") {
			t.Errorf("header %q, error %v", header, err)
		}
		if err == nil {
			token := strings.TrimPrefix(header, "Bearer ")
			if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) || status/100 != 2 {
				t.Errorf("%d: the header is %q", status, header)
			}
			return
		}
		if text := err.Error(); !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) || len(text) > 3000 || strings.Contains(text, "MARKER-secret") {
			t.Errorf("not fit for a log: %q", text)
		}
		var l *scim.Later
		if errors.As(err, &l) && (l.At.Before(now.Add(-time.Second)) || l.At.After(now.Add(time.Hour+time.Minute))) {
			t.Errorf("to be tried again at %s, it is %s", l.At, now)
		}
		if e.calls() != 1 {
			t.Errorf("%d requests", e.calls())
		}
	})
}
