package scim

import (
	"errors"
	"net"
	"testing"
)

// net/http sends a body again by itself only if it can get it again (HTP-10). No
// server can tell from outside, so this looks at the request itself.
func TestBodiesCannotBeReplayed(t *testing.T) {
	target, err := New(Options{URL: "https://scim.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{"POST", "PATCH"} {
		req, _, err := target.request(t.Context(), call{method: method, body: []byte("{}")}, target.base)
		if err != nil || req.GetBody != nil || req.ContentLength != 2 {
			t.Errorf("%s: %v, GetBody %t, length %d", method, err, req.GetBody != nil, req.ContentLength)
		}
		for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key"} {
			if _, has := req.Header[name]; has {
				t.Errorf("%s has %s, which makes net/http replay it", method, name)
			}
		}
	}
}

// In TLS 1.3 a server refuses our certificate after the request has left. Which of
// the errors of the broken connection is seen is a matter of luck on a real wire.
func TestAlertsAfterSending(t *testing.T) {
	target := &Target{}
	alert := func(text string) error { return &net.OpError{Op: "remote error", Err: errors.New(text)} }
	for _, c := range []struct {
		err  error
		sent bool
		want fate
	}{
		{alert("tls: certificate required"), true, hopeless},
		{alert("tls: bad certificate"), true, hopeless},
		{alert("tls: internal error"), true, doubtful},
		{alert("tls: handshake failure"), false, hopeless},
		{errors.New("connection reset by peer"), true, doubtful},
		{errors.New("connection refused"), false, unsent},
		{errors.New("net/http: TLS handshake timeout"), false, unsent},
	} {
		if got := target.outage(t.Context(), outage{err: c.err, sent: c.sent}); got.kind != c.want {
			t.Errorf("%v, sent %t: fate %d, want %d", c.err, c.sent, got.kind, c.want)
		}
	}
}
